"""Attribute-based access to buckets. Source: "Enabling ABAC in general purpose buckets", "Using tags with S3 general purpose buckets" (S3 User
Guide), PutBucketAbac (S3 API Reference), TagResource (S3 Control API Reference)."""
import json

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
pytestmark = pytest.mark.usefixtures("names_below_localhost")


def refused(code, call, **how):
    with pytest.raises(ClientError) as e:
        call(**how)
    assert e.value.response["Error"]["Code"] == code, e.value


@pytest.fixture
def control(client):
    return client("s3control")


def user(client, name, *statements):
    iam = client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    k = iam.create_access_key(UserName=name)["AccessKey"]
    return lambda service: client(service, k["AccessKeyId"], k["SecretAccessKey"])


def arn(bucket):
    return {"AccountId": ACCOUNT, "ResourceArn": f"arn:aws:s3:::{bucket}"}


@pytest.mark.parametrize("key", ["aws:ResourceTag/team", "s3:BucketTag/team"])
def test_tags_decide_once_it_is_on(s3, control, client, bucket, name, key):
    assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"]["Status"] == "Disabled"
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "blue"}]})
    mine = user(client, name, {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*",
                               "Condition": {"StringEquals": {key: "blue"}}})("s3")
    refused("AccessDenied", mine.get_object, Bucket=bucket, Key="k")
    s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Enabled"})
    assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"]["Status"] == "Enabled"
    assert mine.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1" and mine.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    control.tag_resource(Tags=[{"Key": "team", "Value": "red"}], **arn(bucket))
    refused("AccessDenied", mine.get_object, Bucket=bucket, Key="k")
    s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Disabled"})
    refused("AccessDenied", mine.get_object, Bucket=bucket, Key="k")


def test_a_bucket_policy_asks_for_tags(s3, client, bucket, name):
    other = user(client, name, {"Effect": "Allow", "Action": "s3:*", "Resource": "*"})("s3")
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "secret", "Value": "yes"}]})
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{name}"}, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*",
         "Condition": {"StringEquals": {"aws:ResourceTag/secret": "yes"}}}]}))
    other.put_object(Bucket=bucket, Key="k", Body=b"1")
    s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Enabled"})
    refused("AccessDenied", other.put_object, Bucket=bucket, Key="k", Body=b"2")


def test_buckets_are_tagged_by_s3_control(s3, control, bucket, name):
    control.tag_resource(Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}], **arn(bucket))
    control.tag_resource(Tags=[{"Key": "a", "Value": "3"}], **arn(bucket))
    want = [{"Key": "a", "Value": "3"}, {"Key": "b", "Value": "2"}]
    assert control.list_tags_for_resource(**arn(bucket))["Tags"] == want == s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Enabled"})
    refused("InvalidRequest", s3.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": []})
    refused("InvalidRequest", s3.delete_bucket_tagging, Bucket=bucket)
    control.untag_resource(TagKeys=["a", "none"], **arn(bucket))
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "b", "Value": "2"}]
    refused("InvalidTag", control.tag_resource, Tags=[{"Key": "aws:x", "Value": "1"}], **arn(bucket))
    refused("TooManyTagsException", control.tag_resource, Tags=[{"Key": f"k{i}", "Value": "1"} for i in range(50)], **arn(bucket))
    refused("NoSuchBucket", control.list_tags_for_resource, **arn(name + "-none"))


def test_tagging_needs_permission_and_knows_the_tags(s3, control, client, bucket, name):
    """s3:TagResource with aws:RequestTag, aws:TagKeys and the tags that are there; a bucket's policy counts."""
    mine = user(client, name, {"Effect": "Allow", "Action": "s3:TagResource", "Resource": f"arn:aws:s3:::{bucket}",
                               "Condition": {"StringEquals": {"aws:RequestTag/team": "blue"}}})
    mine("s3control").tag_resource(Tags=[{"Key": "team", "Value": "blue"}], **arn(bucket))
    refused("AccessDenied", mine("s3control").tag_resource, Tags=[{"Key": "team", "Value": "red"}], **arn(bucket))
    refused("AccessDenied", mine("s3control").untag_resource, TagKeys=["team"], **arn(bucket))
    refused("AccessDenied", mine("s3control").list_tags_for_resource, **arn(bucket))
    refused("AccessDenied", mine("s3").put_bucket_abac, Bucket=bucket, AbacStatus={"Status": "Enabled"})
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{name}"}, "Action": "s3:TagResource",
         "Resource": f"arn:aws:s3:::{bucket}"}]}))
    refused("AccessDenied", mine("s3control").tag_resource, Tags=[{"Key": "team", "Value": "blue"}], **arn(bucket))
