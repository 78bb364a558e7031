"""Events, lifecycle by the clock, CloudFormation, the AWS CLI. Source: S3 User Guide, CloudFormation User Guide."""
import json
import os
import shutil
import subprocess

import botocore.exceptions
import pytest

from conftest import eventually


def receive(sqs, url, n):
    """n messages at least, as long as it takes."""
    out = []

    def come():
        for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            out.append(json.loads(m["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
        return len(out) >= n

    eventually(come)
    return out


def test_events_go_to_a_queue_that_allows_it(s3, client, bucket, name):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    config = {"QueueConfigurations": [{"Id": "mine", "QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"],
                                       "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".txt"}]}}}]}
    with pytest.raises(botocore.exceptions.ClientError) as e:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=config)
    assert "Unable to validate the following destination" in str(e.value)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
         "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}, "StringEquals": {"aws:SourceAccount": "000000000000"}}}]})})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=config)
    kept = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    rules = kept[0]["Filter"]["Key"]["FilterRules"]
    assert [r.pop("Name") for r in rules] == ["Prefix", "Suffix"] and rules == [{"Value": "in/"}, {"Value": ".txt"}]
    config["QueueConfigurations"][0].pop("Filter"), kept[0].pop("Filter")
    assert kept == config["QueueConfigurations"]
    assert [m["Event"] for m in receive(sqs, url, 1)] == ["s3:TestEvent"]
    s3.put_object(Bucket=bucket, Key="in/a b.txt", Body=b"hello")
    s3.put_object(Bucket=bucket, Key="out/a.txt", Body=b"no")
    s3.delete_object(Bucket=bucket, Key="in/a b.txt")
    records = sorted((m["Records"][0] for m in receive(sqs, url, 2)), key=lambda r: r["eventName"])
    assert [r["eventName"] for r in records] == ["ObjectCreated:Put", "ObjectRemoved:Delete"]
    made = records[0]["s3"]
    assert (made["bucket"]["name"], made["object"]["key"], made["object"]["size"], made["configurationId"]) == (bucket, "in/a+b.txt", 5, "mine")


def test_lifecycle_follows_the_clock(fresh_tsubo):
    import boto3
    s3 = boto3.client("s3", endpoint_url=fresh_tsubo.url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    s3.create_bucket(Bucket="old")
    for key in ("tmp/a", "tmp/b", "keep", "cold"):
        s3.put_object(Bucket="old", Key=key, Body=b"x")
    s3.create_multipart_upload(Bucket="old", Key="never")
    s3.put_bucket_lifecycle_configuration(Bucket="old", LifecycleConfiguration={"Rules": [
        {"ID": "tmp", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 2}},
        {"ID": "cold", "Status": "Enabled", "Filter": {"And": {"Prefix": "cold", "ObjectSizeGreaterThan": 0}},
         "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]},
        {"ID": "up", "Status": "Enabled", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}]})
    assert 'rule-id="tmp"' in s3.head_object(Bucket="old", Key="tmp/a")["Expiration"]
    keys = lambda: [o["Key"] for o in s3.list_objects_v2(Bucket="old")["Contents"]]
    fresh_tsubo.turn_clock("+1d")
    assert keys() == ["cold", "keep", "tmp/a", "tmp/b"]
    fresh_tsubo.turn_clock("+3d")
    eventually(lambda: keys() == ["cold", "keep"] and "Uploads" not in s3.list_multipart_uploads(Bucket="old"))
    eventually(lambda: s3.head_object(Bucket="old", Key="cold")["StorageClass"] == "GLACIER")


def test_lifecycle_comes_to_every_upload(fresh_tsubo, eventually):
    s3 = fresh_tsubo.client("s3")
    s3.create_bucket(Bucket="many")
    for i in range(510):  # more than a step looks at
        s3.create_multipart_upload(Bucket="many", Key=f"a/{i}")
    s3.create_multipart_upload(Bucket="many", Key="old")
    s3.put_bucket_lifecycle_configuration(Bucket="many", LifecycleConfiguration={"Rules": [
        {"ID": "up", "Status": "Enabled", "Filter": {"Prefix": "old"}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}]})
    fresh_tsubo.turn_clock("+3d")
    eventually(lambda: "Uploads" not in s3.list_multipart_uploads(Bucket="many", Prefix="old"))
    assert len(s3.list_multipart_uploads(Bucket="many", Prefix="a/")["Uploads"]) == 510


TEMPLATE = {
    "Resources": {
        "Files": {"Type": "AWS::S3::Bucket", "Properties": {
            "VersioningConfiguration": {"Status": "Enabled"}, "Tags": [{"Key": "team", "Value": "x"}],
            "CorsConfiguration": {"CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": "30"}]},
            "LifecycleConfiguration": {"Rules": [{"Id": "a", "Status": "Enabled", "ExpirationInDays": 7, "Prefix": "t/"}]},
            "WebsiteConfiguration": {"IndexDocument": "i.html"},
            "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "BlockPublicPolicy": True}}},
        "Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "Files"}, "PolicyDocument": {
            "Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject",
                                                    "Resource": {"Fn::Sub": "${Files.Arn}/*"}}]}}}},
    "Outputs": {"Name": {"Value": {"Ref": "Files"}}, "Domain": {"Value": {"Fn::GetAtt": ["Files", "RegionalDomainName"]}}}}


def test_stack(s3, client, name):
    cfn = client("cloudformation")
    cfn.create_stack(StackName=name, TemplateBody=json.dumps(TEMPLATE))
    cfn.get_waiter("stack_create_complete").wait(StackName=name)
    out = {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]}
    bucket = out["Name"]
    assert bucket.startswith(name) and out["Domain"] == f"{bucket}.s3.us-east-1.amazonaws.com"
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"][0]["MaxAgeSeconds"] == 30
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]["Expiration"]["Days"] == 7
    assert {"Key": "team", "Value": "x"} in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"][0]["Resource"] == f"arn:aws:s3:::{bucket}/*"
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name)
    assert bucket not in [b["Name"] for b in s3.list_buckets()["Buckets"]]


@pytest.mark.skipif(shutil.which("aws") is None, reason="the AWS CLI is not installed")
def test_aws_cli(tsubo, s3, bucket, tmp_path):
    def aws(*words):
        env = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        return subprocess.run(["aws", "--endpoint-url", tsubo.url, "s3", *words], env=env, check=True, capture_output=True, text=True).stdout
    tree = tmp_path / "a"
    (tree / "sub").mkdir(parents=True)
    (tree / "one.txt").write_text("1")
    (tree / "sub" / "big.bin").write_bytes(os.urandom(9_000_000))
    for path in ("one.txt", "sub/big.bin"):
        os.utime(tree / path, (1.7e9, 1.7e9))  # older than their upload, whose time is told in whole seconds
    aws("sync", str(tree), f"s3://{bucket}/x")
    assert "one.txt" in aws("ls", f"s3://{bucket}/x/") and "PRE sub/" in aws("ls", f"s3://{bucket}/x/")
    aws("sync", f"s3://{bucket}/x", str(tmp_path / "b"))
    assert (tmp_path / "b" / "sub" / "big.bin").read_bytes() == (tree / "sub" / "big.bin").read_bytes()
    assert aws("sync", str(tree), f"s3://{bucket}/x") == ""
    aws("cp", f"s3://{bucket}/x/sub/big.bin", f"s3://{bucket}/y")
    aws("rm", f"s3://{bucket}/x", "--recursive")
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["y"]
