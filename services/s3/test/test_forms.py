"""Browsers' forms: what a policy allows, what a form may set. Source: "POST Object", "Creating a POST policy" (S3 API Reference)."""
import base64
import datetime
import hashlib
import hmac
import html
import json
import re

import pytest
import requests


@pytest.fixture
def bucket(s3, name):
    s3.create_bucket(Bucket=name, ObjectOwnership="ObjectWriter")
    return name


def expiration(seconds=600):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def signed(document, secret="test"):
    """The fields that sign a policy, by the older signature: all of it is in plain sight."""
    policy = base64.b64encode(document if isinstance(document, bytes) else json.dumps(document).encode())
    return {"AWSAccessKeyId": "test", "policy": policy.decode(),
            "signature": base64.b64encode(hmac.new(secret.encode(), policy, hashlib.sha1).digest()).decode()}


@pytest.fixture
def post(tsubo, bucket):
    def send(*conditions, document=None, without=(), data=b"bar", **fields):
        if document is None and conditions:
            document = {"expiration": expiration(), "conditions": list(conditions)}
        sign = {k: v for k, v in signed(document).items() if k not in without} if document is not None else {}
        every = {name.replace("__", "-"): value for name, value in {**fields, **sign}.items()}
        return requests.post(f"{tsubo.url}/{bucket}", files=[(k, (None, v)) for k, v in every.items()] + [("file", data)], allow_redirects=False)
    return send


def said(answer):
    found = re.search("<Code>(.*)</Code><Message>(.*?)</Message>", answer.text, re.S)
    return (answer.status_code, *found.groups()) if found else (answer.status_code,)


def test_the_words_of_a_refusal(bucket, post):
    here, key = {"bucket": bucket}, ["starts-with", "$key", "up/"]
    assert post(here, key, key="up/a").status_code == 204
    denied = lambda why: (403, "AccessDenied", f"Invalid according to Policy: {why}")
    assert said(post(here, key, key="down/a")) == denied('Policy Condition failed: ["starts-with", "$key", "up/"]')
    assert said(post(here, key, {"acl": "private"}, key="up/a", acl="public-read")) == denied('Policy Condition failed: ["eq", "$acl", "private"]')
    assert said(post(here, key, {"acl": "private"}, key="up/a")) == denied('Policy Condition failed: ["eq", "$acl", "private"]')
    assert said(post(here, key, key="up/a", x__amz__meta__m="1")) == denied("Extra input fields: x-amz-meta-m")
    assert said(post(key, key="up/a")) == denied("Extra input fields: bucket")
    assert said(post({"bucket": bucket + "x"}, key, key="up/a")) == denied(f'Policy Condition failed: ["eq", "$bucket", "{bucket}x"]')
    assert said(post(document={"expiration": expiration(-5), "conditions": [here, key]}, key="up/a")) == denied("Policy expired.")
    assert post(here, ["STARTS-with", "$KeY", "up/"], {"AcL": "private"}, key="up/a", acl="private", x__ignore__me="1").status_code == 204


@pytest.mark.parametrize("document", [
    b"{not json", b"[]", {"conditions": []}, {"EXPIRATION": "2100-01-01T00:00:00Z", "conditions": []}, {"expiration": "2100-01-01T00:00:00Z"},
    {"expiration": "2100-01-01T00:00:00Z", "CONDITIONS": []}, {"expiration": "2100-01-01 00:00:00+00:00", "conditions": []},
    {"expiration": "2100-01-01T00:00:00+02:00", "conditions": []},
    *({"expiration": "2100-01-01T00:00:00Z", "conditions": [c]} for c in (
        {}, {"key": "a", "acl": "private"}, {"key": None}, ["eq", "$key"], ["is", "$key", "a"], ["content-length-range", 0],
        ["content-length-range", -1, 5], ["content-length-range", False, 5]))])
def test_what_is_no_policy(post, document):
    assert said(post(document=document, key="a"))[:2] == (400, "InvalidPolicyDocument")


def plain(answer):
    return tuple(html.unescape(x) if isinstance(x, str) else x for x in said(answer))


@pytest.mark.parametrize("document, why", [
    (b"", "Expecting '{' but found End-of-Input"), ({"expiration": 1, "conditions": []}, "Invalid JSON."),
    ({"expiration": "2100-01-01T00:00:00Z", "conditions": [], "Version": "1"}, "Unexpected: 'version'"),
    ({"expiration": "2100-01-01T00:00:00Z", "conditions": {}}, "Invalid 'conditions' value: must be a List."),
    *(({"expiration": "2100-01-01T00:00:00Z", "conditions": [condition]}, why) for condition, why in (
        ("key", "Invalid condition test: must be a List or Object."), ([], "Invalid Condition: missing operation identifier."),
        (["is", "$key", "a"], "Invalid Condition: unknown operation 'is'."), (["eq", "$key"], "Invalid eq: wrong number of arguments."),
        (["starts-with", "$key", "a", "b"], "Invalid starts-with: wrong number of arguments."),
        ({"key": 1}, "Invalid Simple-Condition: value must be a string."),
        ({}, "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")))])
def test_why_it_is_no_policy(post, document, why):
    """The sentences are answers of AWS, as recorded in versitygw's integration tests."""
    assert plain(post(document=document, key="a")) == (400, "InvalidPolicyDocument", f"Invalid Policy: {why}")


def test_a_policy_that_is_no_base64(tsubo, bucket):
    sign = {**signed(b"{}"), "policy": "%%%"}
    sign["signature"] = base64.b64encode(hmac.new(b"test", b"%%%", hashlib.sha1).digest()).decode()
    answer = requests.post(f"{tsubo.url}/{bucket}", files=[(k, (None, v)) for k, v in {"key": "a", **sign}.items()] + [("file", b"1")])
    assert said(answer) == (400, "InvalidPolicyDocument", "Invalid Policy: invalid Base64 encoding.")


def test_what_a_condition_speaks_of(bucket, post):
    """A name without its dollar is no field's; a field that is not there is not an empty one; lists of types. Source: "Creating a POST policy" (S3 API
    Reference); answers of AWS, as recorded in versitygw's integration tests."""
    here, key = {"bucket": bucket}, ["starts-with", "$key", ""]
    denied = lambda why: (403, "AccessDenied", f"Invalid according to Policy: Policy Condition failed: {why}")
    assert plain(post(here, key, ["eq", "key", "a"], key="a")) == denied('["eq", "key", "a"]')
    assert plain(post(here, key, ["starts-with", "$acl", ""], key="a")) == denied('["starts-with", "$acl", ""]')
    assert plain(post(here, key, ["content-length-range", "x", 5], key="a")) == denied('["content-length-range", "x", 5]')
    images = ["starts-with", "$Content-Type", "image/"]
    assert post(here, key, images, key="a", Content__Type="image/png,image/gif").status_code == 204
    assert plain(post(here, key, images, key="a", Content__Type="image/png,text/html")) == denied('["starts-with", "$Content-Type", "image/"]')


def version_4(document, secret="test", **other):
    """The fields of the newer signature."""
    policy = base64.b64encode(json.dumps(document).encode()).decode()
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    key = f"AWS4{secret}".encode()
    for part in (now[:8], "us-east-1", "s3", "aws4_request", policy):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"test/{now[:8]}/us-east-1/s3/aws4_request", "X-Amz-Date": now,
            "policy": policy, "X-Amz-Signature": key.hex(), **other}


def test_how_the_newer_signature_is_refused(tsubo, bucket):
    """Source: answers of AWS, as recorded in versitygw's integration tests."""
    signs = (["starts-with", f"$x-amz-{name}", ""] for name in ("algorithm", "credential", "date"))
    policy = {"expiration": expiration(), "conditions": [{"bucket": bucket}, {"key": "a"}, *signs]}

    def send(file=True, **other):
        files = [(k, (None, v)) for k, v in {"key": "a", **version_4(policy, **{k.replace("_", "-"): v for k, v in other.items()})}.items()]
        answer = requests.post(f"{tsubo.url}/{bucket}", files=files + [("file", b"1")] * file)
        found = dict(re.findall(r"<(\w+)>([^<]*)</\1>", answer.text))
        return (answer.status_code, *(html.unescape(found.get(k, "")) for k in ("Code", "Message", "ArgumentName", "ArgumentValue")))

    def wrong(name, value, why):
        assert send(**{name: value}) == (400, "InvalidArgument", why, name.replace("_", "-"), value)

    assert send() == (204, "", "", "", "")
    wrong("X_Amz_Algorithm", "AWS4-HMAC-SHA1", "Only AWS4-HMAC-SHA256 is supported")
    wrong("X_Amz_Date", "yesterday", "X-Amz-Date must be formated via ISO8601 Long format")
    form = 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
    wrong("X_Amz_Credential", "test/20260101/us-east-1/s3", form)
    wrong("X_Amz_Credential", "/20260101/us-east-1/s3/aws4_request", form)
    wrong("X_Amz_Credential", "test/20260101/us-east-1/s3/aws4", 'incorrect terminal "aws4". This endpoint uses "aws4_request".')
    wrong("X_Amz_Credential", "test/2026011/us-east-1/s3/aws4_request",
          'incorrect date format "2026011". This date in the credential must be in the format "yyyyMMdd".')
    wrong("X_Amz_Credential", "test/20260101/us-east-1/ec2/aws4_request", 'incorrect service "ec2". This endpoint belongs to "s3".')
    assert send(file=False) == (400, "InvalidArgument", "POST requires exactly one file upload per request.", "file", "0")


def test_where_a_form_has_put_it(tsubo, bucket, post):
    """A slash is %2F in the Location; the way back gets bucket, key and etag before its fragment, encoded as forms are. Source: "POST Object" (S3 API
    Reference); answers of AWS, as recorded in versitygw's integration tests."""
    here, key = {"bucket": bucket}, ["starts-with", "$key", ""]
    answer = post(here, key, {"success_action_status": "201"}, key="up/a b.png", success_action_status="201")
    assert answer.headers["Location"] == f"{tsubo.url}/{bucket}/up%2Fa%20b.png" and f"<Location>{answer.headers['Location']}</Location>" in answer.text
    to = f"{tsubo.url}/back?x=1#part"
    answer = post(here, key, {"success_action_redirect": to}, key="up/a b.png", success_action_redirect=to)
    etag = hashlib.md5(b"bar").hexdigest()
    assert (answer.status_code, answer.headers["Location"]) == (
        303, f"{tsubo.url}/back?x=1&bucket={bucket}&key=up%2Fa+b.png&etag=%22{etag}%22#part")


def test_checksums_that_a_form_cannot_bring(bucket, post):
    """Source: answers of AWS, as recorded in versitygw's integration tests."""
    here, key = {"bucket": bucket}, {"key": "k"}
    send = lambda **fields: plain(post(here, key, *({k.replace("__", "-"): v} for k, v in fields.items()), key="k", **fields))
    assert send(x__amz__checksum__sha256="AA==") == (400, "InvalidRequest", "Value for x-amz-checksum-sha256 header is invalid.")
    assert send(x__amz__checksum__foo="AA==") == (400, "InvalidRequest", "The algorithm type you specified in x-amz-checksum- header is invalid.")
    assert send(x__amz__checksum__crc32="dv+Mqg==", x__amz__checksum__sha256=base64.b64encode(hashlib.sha256(b"bar").digest()).decode()) == (
        400, "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")


def test_fields_that_must_be_there(bucket, post):
    policy = {"expiration": expiration(), "conditions": [{"bucket": bucket}, {"key": "a"}]}
    needs = lambda name: (400, "InvalidArgument",
                          f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields.")
    assert plain(post(document=policy, key="a", without=["signature"])) == needs("Signature")
    assert plain(post(document=policy, key="a", without=["AWSAccessKeyId"])) == needs("AWSAccessKeyId")
    assert plain(post({"bucket": bucket})) == needs("key")
    assert said(post(document=policy, key="a", without=["signature", "AWSAccessKeyId"])) == (403, "AccessDenied", "Access Denied")


def test_a_form_sets_tags_and_they_are_asked_for(s3, bucket, post):
    tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value/></Tag></TagSet></Tagging>"
    terms = {"bucket": bucket}, {"key": "k"}, ["starts-with", "$tagging", ""]
    assert post(*terms, key="k", tagging=tagging).status_code == 204
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    assert said(post(*terms, key="k", tagging="<Tagging><TagSet>"))[:2] == (400, "MalformedXML")
    assert said(post(*terms, key="k", tagging=tagging.replace(">b<", ">a<")))[:2] == (400, "InvalidTag")
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": ["s3:PutObject", "s3:PutObjectTagging"], "Resource": f"arn:aws:s3:::{bucket}/*",
         "Condition": {"StringEquals": {"s3:RequestObjectTag/a": "1", "s3:x-amz-storage-class": "STANDARD_IA"}}}]}))
    assert post(key="n").status_code == 403 and post(key="n", tagging=tagging).status_code == 403
    assert post(key="n", tagging=tagging, x__amz__storage__class="STANDARD_IA").status_code == 204


def test_a_form_brings_a_checksum(s3, bucket, post):
    terms = {"bucket": bucket}, {"key": "k"}, ["starts-with", "$x-amz-checksum-sha256", ""]
    right = base64.b64encode(hashlib.sha256(b"bar").digest()).decode()
    assert post(*terms, key="k", x__amz__checksum__sha256=right).status_code == 204
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["ChecksumSHA256"] == right
    wrong = base64.b64encode(hashlib.sha256(b"baz").digest()).decode()
    assert said(post(*terms, key="k", x__amz__checksum__sha256=wrong))[:2] == (400, "BadDigest")


def test_anyone_may_where_the_bucket_says_so(s3, bucket, post, tsubo):
    assert post(key="k").status_code == 403
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    assert post(key="k", acl="public-read", success_action_status="404").status_code == 204
    assert requests.get(f"{tsubo.url}/{bucket}/k").text == "bar"
