"""S3's own condition keys in policies. Source: "Actions, resources, and condition keys for Amazon S3" (Service Authorization Reference), "Tagging
and access control policies", "Bucket policy examples using condition keys" (S3 User Guide), "Amazon S3 Signature Version 4 Authentication
Specific Policy Keys" (S3 API Reference)."""
import datetime
import json

import pytest
import requests
from botocore.exceptions import ClientError

OTHER = "111111111111"


def status(call, **how):
    try:
        return call(**how)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as e:
        return e.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def other(client):
    """Another account: all that it may do is in the bucket's policy."""
    return client("s3", key=OTHER)


@pytest.fixture
def shared(s3, name):
    s3.create_bucket(Bucket=name, ObjectOwnership="ObjectWriter")
    return name


@pytest.fixture
def policy(s3, shared):
    def put(effect, *actions, **condition):
        principal = {"AWS": f"arn:aws:iam::{OTHER}:root"} if effect == "Allow" else "*"
        s3.put_bucket_policy(Bucket=shared, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": effect, "Principal": principal, "Action": list(actions), "Resource": f"arn:aws:s3:::{shared}/*", "Condition": condition}]}))
    return put


def tags(**of):
    return {"TagSet": [{"Key": k, "Value": v} for k, v in of.items()]}


@pytest.mark.parametrize("action,call", [("s3:GetObject", "get_object"), ("s3:GetObjectTagging", "get_object_tagging"), ("s3:GetObjectAcl", "get_object_acl")])
def test_tags_that_an_object_has(s3, other, shared, policy, action, call):
    for key, tagging in (("open", "level=public&x=y"), ("shut", "level=private"), ("bare", "")):
        s3.put_object(Bucket=shared, Key=key, Body=b"1", Tagging=tagging)
    policy("Allow", action, StringEquals={"s3:ExistingObjectTag/level": "public"})
    assert [status(getattr(other, call), Bucket=shared, Key=key) for key in ("open", "shut", "bare", "none")] == [200, 403, 403, 403]
    policy("Deny", action, StringEquals={"s3:ExistingObjectTag/level": "private"})
    assert [status(getattr(s3, call), Bucket=shared, Key=key) for key in ("open", "shut", "bare")] == [200, 403, 200]


def test_tags_are_changed_by_those_that_were_there(s3, other, shared, policy):
    s3.put_object(Bucket=shared, Key="k", Body=b"1", Tagging="level=public")
    policy("Allow", "s3:PutObjectTagging", "s3:DeleteObjectTagging", StringEquals={"s3:ExistingObjectTag/level": "public"})
    assert status(other.put_object_tagging, Bucket=shared, Key="k", Tagging=tags(level="private")) == 200
    assert status(other.put_object_tagging, Bucket=shared, Key="k", Tagging=tags(level="public")) == 403
    assert status(other.delete_object_tagging, Bucket=shared, Key="k") == 403


def test_tags_that_a_request_brings(s3, other, shared, policy):
    policy("Allow", "s3:PutObject", "s3:PutObjectTagging", StringEquals={"s3:RequestObjectTag/level": "public"})
    assert status(other.put_object, Bucket=shared, Key="k", Body=b"1") == 403
    assert status(other.put_object, Bucket=shared, Key="k", Body=b"1", Tagging="level=private") == 403
    assert status(other.put_object, Bucket=shared, Key="k", Body=b"1", Tagging="level=public") == 200
    assert status(other.create_multipart_upload, Bucket=shared, Key="m", Tagging="level=public") == 200
    policy("Allow", "s3:PutObjectTagging", **{"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["a", "b"]}})
    s3.put_object(Bucket=shared, Key="own", Body=b"1")
    assert status(other.put_object_tagging, Bucket=shared, Key="own", Tagging=tags(a="1")) == 200
    assert status(other.put_object_tagging, Bucket=shared, Key="own", Tagging=tags(a="1", c="2")) == 403


def test_headers_of_writes(s3, other, shared, policy):
    owner = s3.list_buckets()["Owner"]["ID"]
    put = lambda **how: status(other.put_object, Bucket=shared, Key="k", Body=b"1", **how)
    policy("Allow", "s3:PutObject", "s3:PutObjectAcl", StringEquals={"s3:x-amz-grant-full-control": f"id={owner}"})
    assert put(GrantFullControl=f"id={owner}") == 200 and put() == 403
    policy("Allow", "s3:PutObject", StringEquals={"s3:x-amz-storage-class": "STANDARD_IA"})
    assert put(StorageClass="STANDARD_IA") == 200 and put() == 403
    policy("Deny", "s3:PutObject", Null={"s3:x-amz-server-side-encryption": "true"})
    assert status(s3.put_object, Bucket=shared, Key="k", Body=b"1") == 403
    assert status(s3.put_object, Bucket=shared, Key="k", Body=b"1", ServerSideEncryption="AES256") == 200


def test_sources_of_copies(s3, other, shared, policy, name):
    source = name + "-from"
    s3.create_bucket(Bucket=source)
    for key in ("public/a b", "private/a"):
        s3.put_object(Bucket=source, Key=key, Body=b"1")
    s3.put_bucket_policy(Bucket=source, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{source}/*"}]}))
    copy = lambda key, **how: status(other.copy_object, Bucket=shared, Key="k", CopySource={"Bucket": source, "Key": key}, **how)
    policy("Allow", "s3:PutObject", StringLike={"s3:x-amz-copy-source": f"{source}/public/*"})
    assert copy("public/a b") == 200 and copy("private/a") == 403
    assert status(other.copy_object, Bucket=shared, Key="k", CopySource=f"/{source}/public/a b") == 200
    policy("Allow", "s3:PutObject", StringEquals={"s3:x-amz-metadata-directive": "COPY"})
    assert copy("private/a", MetadataDirective="COPY") == 200 and copy("private/a") == 403


def test_how_long_a_lock_may_be(s3, name):
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": ["s3:PutObject", "s3:PutObjectRetention"], "Resource": f"arn:aws:s3:::{name}/*",
         "Condition": {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": "10"}}}]}))
    now = datetime.datetime.now(datetime.timezone.utc)
    put = lambda days: status(s3.put_object, Bucket=name, Key="k", Body=b"1", ObjectLockMode="GOVERNANCE",
                              ObjectLockRetainUntilDate=now + datetime.timedelta(days=days))
    assert put(5) == 200 and put(20) == 403
    retain = lambda days: status(s3.put_object_retention, Bucket=name, Key="k", Retention={
        "Mode": "GOVERNANCE", "RetainUntilDate": now + datetime.timedelta(days=days)})
    assert retain(8) == 200 and retain(20) == 403


def test_how_a_request_is_signed(s3, client, shared, policy):
    s3.put_object(Bucket=shared, Key="k", Body=b"1")
    url = lambda **how: client("s3", **how).generate_presigned_url("get_object", Params={"Bucket": shared, "Key": "k"})
    policy("Deny", "s3:GetObject", StringNotEquals={"s3:authType": "REST-HEADER"})
    assert status(s3.get_object, Bucket=shared, Key="k") == 200 and requests.get(url(signature_version="s3v4")).status_code == 403
    policy("Deny", "s3:GetObject", StringEquals={"s3:signatureversion": "AWS"})
    assert requests.get(url(signature_version="s3v4")).status_code == 200 and requests.get(url(signature_version="s3")).status_code == 403
    policy("Deny", "s3:GetObject", NumericGreaterThan={"s3:signatureAge": "600000"})
    assert requests.get(url(signature_version="s3v4")).status_code == 200


def test_where_buckets_are_made(client, name):
    iam = client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:CreateBucket", "Resource": "*", "Condition": {"StringLike": {"s3:locationconstraint": "eu-*"}}}]}))
    k = iam.create_access_key(UserName=name)["AccessKey"]
    mine = client("s3", k["AccessKeyId"], k["SecretAccessKey"])
    assert status(mine.create_bucket, Bucket=name) == 403
    assert status(mine.create_bucket, Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"}) == 403
    assert status(mine.create_bucket, Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}) == 200
