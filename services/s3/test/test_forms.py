"""Browsers' forms: what a policy allows, what a form may set. Source: "POST Object", "Creating a POST policy" (S3 API Reference)."""
import base64
import datetime
import hashlib
import hmac
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
        {}, {"key": "a", "acl": "private"}, {"key": None}, ["eq", "$key"], ["eq", "key", "a"], ["is", "$key", "a"], ["content-length-range", 0],
        ["content-length-range", -1, 5], ["content-length-range", "x", 5]))])
def test_what_is_no_policy(post, document):
    assert said(post(document=document, key="a"))[:2] == (400, "InvalidPolicyDocument")


def test_fields_that_must_be_there(bucket, post):
    policy = {"expiration": expiration(), "conditions": [{"bucket": bucket}, {"key": "a"}]}
    needs = lambda name: (400, "InvalidArgument",
                          f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields.")
    plain = lambda answer: tuple(x.replace("&apos;", "'") if isinstance(x, str) else x for x in said(answer))
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
