"""Buckets and listings: names, regions, order of keys, prefixes, versions, configurations. Source: S3 API Reference."""
import json

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest
import requests


def fails(code, call, **how):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        call(**how)
    assert e.value.response["Error"]["Code"] == code, e.value
    return e.value.response


def put(s3, bucket, *keys):
    for k in keys:
        s3.put_object(Bucket=bucket, Key=k, Body=b"x")


def test_names_and_owners(s3, client, bucket):
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    for bad in ("Upper", "a_b", "192.168.1.1", "a..b", "a.-b", "a-.b", "xn--a", "-ab"):
        with pytest.raises((botocore.exceptions.ClientError, botocore.exceptions.ParamValidationError)):
            s3.create_bucket(Bucket=bad)
    s3.create_bucket(Bucket=bucket)  # one's own, in us-east-1
    west = client("s3", region="eu-west-1")
    fails("IllegalLocationConstraintException", west.create_bucket, Bucket=bucket + "-w")
    west.create_bucket(Bucket=bucket + "-w", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert s3.get_bucket_location(Bucket=bucket + "-w")["LocationConstraint"] == "eu-west-1"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert s3.head_bucket(Bucket=bucket + "-w")["BucketRegion"] == "eu-west-1"
    fails("BucketAlreadyOwnedByYou", west.create_bucket, Bucket=bucket + "-w", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    fails("404", s3.head_bucket, Bucket=bucket + "-none")


def test_a_bucket_with_something_in_it_stays(s3, bucket):
    put(s3, bucket, "k")
    fails("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.create_multipart_upload(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    fails("NoSuchBucket", s3.list_objects_v2, Bucket=bucket)


KEYS = ["a", "a/1", "a/2", "a/b/3", "a0", "b/1", "é", "z z", "~"]


def test_listing_is_in_the_order_of_bytes(s3, bucket):
    put(s3, bucket, *reversed(KEYS))
    got = s3.list_objects_v2(Bucket=bucket)
    assert [o["Key"] for o in got["Contents"]] == sorted(KEYS, key=str.encode) and got["KeyCount"] == len(KEYS)


def test_prefixes_and_delimiters(s3, bucket):
    put(s3, bucket, *KEYS)
    top = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [o["Key"] for o in top["Contents"]] == ["a", "a0", "z z", "~", "é"]
    assert [p["Prefix"] for p in top["CommonPrefixes"]] == ["a/", "b/"]
    inner = s3.list_objects_v2(Bucket=bucket, Prefix="a/", Delimiter="/")
    assert [o["Key"] for o in inner["Contents"]] == ["a/1", "a/2"] and [p["Prefix"] for p in inner["CommonPrefixes"]] == ["a/b/"]
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket, StartAfter="a/2")["Contents"]][:2] == ["a/b/3", "a0"]


@pytest.mark.parametrize("page", [1, 2, 3])
def test_pages_give_everything_once(s3, bucket, page):
    put(s3, bucket, *KEYS)
    for delimiter in ({}, {"Delimiter": "/"}):
        for op in ("list_objects_v2", "list_objects"):
            seen = []
            for p in s3.get_paginator(op).paginate(Bucket=bucket, PaginationConfig={"PageSize": page}, **delimiter):
                seen += [o["Key"] for o in p.get("Contents", [])] + [c["Prefix"] for c in p.get("CommonPrefixes", [])]
            want = KEYS if not delimiter else ["a", "a/", "a0", "b/", "é", "z z", "~"]
            assert sorted(seen) == sorted(want), op


def test_versions(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"null")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    one, two = (s3.put_object(Bucket=bucket, Key="k", Body=b)["VersionId"] for b in (b"1", b"2"))
    read = lambda **v: s3.get_object(Bucket=bucket, Key="k", **v)["Body"].read()
    assert (read(), read(VersionId=one), read(VersionId="null")) == (b"2", b"1", b"null")
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"] is True
    gone = fails("NoSuchKey", s3.get_object, Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPHeaders"]
    assert gone["x-amz-delete-marker"] == "true" and gone["x-amz-version-id"] == marker["VersionId"]
    fails("MethodNotAllowed", s3.get_object, Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    got = s3.list_object_versions(Bucket=bucket)
    assert [(v["VersionId"], v["IsLatest"]) for v in got["Versions"]] == [(two, False), (one, False), ("null", False)]
    assert [(v["VersionId"], v["IsLatest"]) for v in got["DeleteMarkers"]] == [(marker["VersionId"], True)]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert read() == b"2"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=two)
    assert read() == b"1"
    fails("NoSuchVersion", s3.get_object, Bucket=bucket, Key="k", VersionId=two)
    fails("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)


def test_suspended_versioning_replaces_the_null_version(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    kept = s3.put_object(Bucket=bucket, Key="k", Body=b"kept")["VersionId"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"a")
    s3.put_object(Bucket=bucket, Key="k", Body=b"b")
    assert [v["VersionId"] for v in s3.list_object_versions(Bucket=bucket)["Versions"]] == ["null", kept]
    s3.delete_object(Bucket=bucket, Key="k")
    got = s3.list_object_versions(Bucket=bucket)
    assert [v["VersionId"] for v in got["Versions"]] == [kept] and got["DeleteMarkers"][0]["VersionId"] == "null"


@pytest.mark.parametrize("page", [1, 2, 5])
def test_pages_of_versions(s3, bucket, page):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for n in range(3):
        put(s3, bucket, "a", "b", "c/d")
    s3.delete_object(Bucket=bucket, Key="b")
    seen = []
    for p in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": page}):
        seen += [(v["Key"], v["VersionId"]) for v in p.get("Versions", []) + p.get("DeleteMarkers", [])]
    assert len(seen) == 10 == len(set(seen))


def test_tags(s3, bucket):
    put(s3, bucket, "k")
    fails("NoSuchTagSet", s3.get_bucket_tagging, Bucket=bucket)
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags == s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    fails("InvalidTag", s3.put_object_tagging, Bucket=bucket, Key="k", Tagging={"TagSet": [tags[0], tags[0]]})
    fails("BadRequest", s3.put_object_tagging, Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": str(n), "Value": ""} for n in range(11)]})


def test_bucket_policy_lets_in_and_keeps_out(s3, client, bucket, tsubo):
    put(s3, bucket, "k", "secret")
    url = f"{tsubo.url}/{bucket}/"
    assert requests.get(url + "k").status_code == 403
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/secret"}]}
    fails("AccessDenied", s3.put_bucket_policy, Bucket=bucket, Policy=json.dumps(policy))  # blocked: it is public
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    assert requests.get(url + "k").text == "x" and requests.get(url + "secret").status_code == 403
    assert requests.get(url).status_code == 403 and requests.put(url + "new", data=b"x").status_code == 403
    fails("AccessDenied", s3.get_object, Bucket=bucket, Key="secret")
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == policy
    policy["Statement"][0]["Resource"] = "arn:aws:s3:::other/*"
    fails("MalformedPolicy", s3.put_bucket_policy, Bucket=bucket, Policy=json.dumps(policy))
    s3.delete_bucket_policy(Bucket=bucket)
    fails("NoSuchBucketPolicy", s3.get_bucket_policy, Bucket=bucket)


def test_the_meaning_of_public(s3, bucket):
    """ "The meaning of public" (S3 User Guide): only fixed values of certain keys bind a policy for everyone to someone."""
    s3.delete_public_access_block(Bucket=bucket)

    def public(op, key, *values):
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": {op: {key: list(values)}}}]}))
        return s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"]
    assert not public("StringEquals", "aws:SourceVpc", "vpc-91237329") and not public("StringLike", "aws:SourceVpc", "vpc-91237329", "vpc-2")
    assert public("StringLike", "aws:SourceVpc", "vpc-*") and public("StringLike", "aws:SourceVpc", "vpc-1", "*")
    assert public("StringNotEquals", "aws:SourceVpc", "vpc-1") and public("StringEqualsIfExists", "aws:SourceVpc", "vpc-1")
    assert public("StringEquals", "aws:PrincipalAccount", "${aws:PrincipalAccount}") and public("StringEquals", "aws:UserAgent", "me")
    assert not public("IpAddress", "aws:SourceIp", "10.0.0.0/8", "192.0.2.1") and public("IpAddress", "aws:SourceIp", "0.0.0.0/1")
    assert not public("IpAddress", "aws:SourceIp", "2001:db8::/32") and public("IpAddress", "aws:SourceIp", "2001::/16")
    assert not public("StringLike", "aws:userid", "AROAEXAMPLEID:*") and public("StringLike", "aws:userid", "AROA*")
    assert not public("ArnLike", "s3:DataAccessPointArn", "arn:aws:s3:us-west-2:123456789012:accesspoint/*")
    assert public("ArnLike", "s3:DataAccessPointArn", "arn:aws:s3:us-west-2:*:accesspoint/*")


def test_years_of_retention_are_calendar_years(s3, name):
    """DefaultRetention.Years (S3 API Reference)."""
    import datetime
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    lock = lambda **how: s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", **how}}})
    lock(Years=4)
    made = s3.put_object(Bucket=name, Key="k", Body=b"1")["VersionId"]
    head = s3.head_object(Bucket=name, Key="k")
    at, until = head["LastModified"], head["ObjectLockRetainUntilDate"]
    leap_day = (at.month, at.day) == (2, 29)
    assert until.replace(microsecond=0) - at.replace(year=at.year + 4) < datetime.timedelta(seconds=2) or leap_day
    assert (until.year, until.month) == (at.year + 4, at.month)
    for how in ({"Years": 101}, {"Days": 36501}):
        with pytest.raises(botocore.exceptions.ClientError) as e:
            lock(**how)
        assert "too large" in str(e.value)
    s3.delete_object(Bucket=name, Key="k", VersionId=made, BypassGovernanceRetention=True)


def test_acls(s3, bucket, tsubo):
    put(s3, bucket, "k")
    fails("AccessControlListNotSupported", s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read")
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    fails("AccessDenied", s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read")
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    assert requests.get(f"{tsubo.url}/{bucket}/k").text == "x"
    assert [g["Permission"] for g in s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]] == ["FULL_CONTROL", "READ"]
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert "<Key>k</Key>" in requests.get(f"{tsubo.url}/{bucket}").text


def test_cors(s3, bucket, tsubo):
    put(s3, bucket, "k")
    url, ask = f"{tsubo.url}/{bucket}/k", {"Origin": "http://a.example", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-amz-date"}
    assert requests.options(url, headers=ask).status_code == 403
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [
        {"AllowedOrigins": ["http://*.example"], "AllowedMethods": ["PUT", "GET"], "AllowedHeaders": ["x-amz-*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60}]})
    answer = requests.options(url, headers=ask)
    assert answer.status_code == 200 and answer.headers["Access-Control-Allow-Origin"] == "http://a.example"
    assert answer.headers["Access-Control-Max-Age"] == "60"
    assert requests.options(url, headers={**ask, "Access-Control-Request-Method": "DELETE"}).status_code == 403
    assert requests.options(url, headers={**ask, "Origin": "http://evil.test"}).status_code == 403
    signed = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    assert requests.get(signed, headers={"Origin": "http://b.example"}).headers["Access-Control-Expose-Headers"] == "ETag"
    assert "Access-Control-Allow-Origin" not in requests.get(signed, headers={"Origin": "http://evil.test"}).headers
    fails("InvalidRequest", s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["PATCH"]}]})


def test_object_lock(s3, name):
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}})
    version = s3.put_object(Bucket=name, Key="k", Body=b"x")["VersionId"]
    assert s3.get_object_retention(Bucket=name, Key="k")["Retention"]["Mode"] == "GOVERNANCE"
    fails("AccessDenied", s3.delete_object, Bucket=name, Key="k", VersionId=version)
    s3.put_object_legal_hold(Bucket=name, Key="k", LegalHold={"Status": "ON"})
    fails("AccessDenied", s3.delete_object, Bucket=name, Key="k", VersionId=version, BypassGovernanceRetention=True)
    s3.put_object_legal_hold(Bucket=name, Key="k", LegalHold={"Status": "OFF"})
    s3.delete_object(Bucket=name, Key="k", VersionId=version, BypassGovernanceRetention=True)
    fails("InvalidBucketState", s3.put_bucket_versioning, Bucket=name, VersioningConfiguration={"Status": "Suspended"})


def test_other_configurations_come_back(s3, bucket):
    fails("NoSuchWebsiteConfiguration", s3.get_bucket_website, Bucket=bucket)
    site = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "e.html"}}
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=site)
    assert {k: v for k, v in s3.get_bucket_website(Bucket=bucket).items() if k in site} == site
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"


def test_requests_are_signed_for_the_buckets_region(client, s3, name):
    """ "Error responses": AuthorizationHeaderMalformed, PermanentRedirect (S3 API Reference); botocore follows both."""
    client("s3", region="eu-west-1").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    here, there = client("s3"), client("s3", region="ap-southeast-2")
    here.put_object(Bucket=name, Key="k", Body=b"1")
    assert there.get_object(Bucket=name, Key="k")["Body"].read() == b"1", "botocore signs again for the Region it is told"
    assert here.head_bucket(Bucket=name)["BucketRegion"] == "eu-west-1"
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"
    def raw(region, method="GET"):
        request = botocore.awsrequest.AWSRequest(method, s3.meta.endpoint_url + "/" + name + "/k", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        botocore.auth.S3SigV4Auth(botocore.credentials.Credentials("test", "test"), "s3", region).add_auth(request)
        return requests.request(method, request.url, headers=dict(request.headers), allow_redirects=False)
    wrong = raw("us-east-1")
    assert wrong.status_code == 400 and "<Code>AuthorizationHeaderMalformed</Code>" in wrong.text and "<Region>eu-west-1</Region>" in wrong.text
    moved = raw("us-west-2")
    assert moved.status_code == 301 and f"<Endpoint>{name}.s3.eu-west-1.amazonaws.com</Endpoint>" in moved.text and "Location" not in moved.headers
    assert raw("us-east-1", "HEAD").headers["x-amz-bucket-region"] == "eu-west-1" and raw("eu-west-1").text == "1"
    s3.create_bucket(Bucket=name + "-2")
    s3.copy_object(Bucket=name + "-2", Key="copy", CopySource={"Bucket": name, "Key": "k"})
    assert s3.get_object(Bucket=name + "-2", Key="copy")["Body"].read() == b"1"
