"""Replication between buckets and regions. Source: "Replicating objects within and across Regions" and "Replication status
information" (S3 User Guide), PutBucketReplication (S3 API Reference)."""
import json

import botocore.exceptions
import pytest

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


def role_for(client, name, source, destination, allow_destination=True):
    iam = client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    statements = [
        {"Effect": "Allow", "Action": "s3:GetReplicationConfiguration", "Resource": f"arn:aws:s3:::{source}"},
        {"Effect": "Allow", "Action": ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"],
         "Resource": f"arn:aws:s3:::{source}/*"}]
    if allow_destination:
        statements.append({"Effect": "Allow", "Action": ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
                           "Resource": f"arn:aws:s3:::{destination}/*"})
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    return arn


def versioned(client, name, region):
    s3 = client("s3", region=region)
    s3.create_bucket(Bucket=name, **({} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}))
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def rule(destination, **more):
    return {"ID": "r", "Priority": 1, "Status": "Enabled", "Filter": {"Prefix": ""}, "DeleteMarkerReplication": {"Status": "Enabled"},
            "Destination": {"Bucket": f"arn:aws:s3:::{destination}"}, **more}


@pytest.fixture
def pair(client, name):
    source, destination = versioned(client, name + "-a", "us-east-1"), versioned(client, name + "-b", "eu-west-1")
    return source, destination, role_for(client, name, source, destination)


def status(s3, bucket, key, **more):
    return s3.head_object(Bucket=bucket, Key=key, **more).get("ReplicationStatus")


def test_objects_and_delete_markers_are_replicated_to_another_region(client, s3, pair, eventually):
    source, destination, role = pair
    s3.put_object(Bucket=source, Key="before", Body=b"was there")
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": [rule(destination)]})
    assert s3.get_bucket_replication(Bucket=source)["ReplicationConfiguration"]["Rules"][0]["Destination"]["Bucket"].endswith(destination)
    small = s3.put_object(Bucket=source, Key="small", Body=b"hello", Metadata={"m": "1"}, ContentType="a/b", Tagging="k=v")
    s3.put_object(Bucket=source, Key="large", Body=b"x" * 300_000)
    upload = s3.create_multipart_upload(Bucket=source, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=source, Key="parts", UploadId=upload, PartNumber=1, Body=b"y" * (5 << 20))
    last = s3.upload_part(Bucket=source, Key="parts", UploadId=upload, PartNumber=2, Body=b"end")
    s3.complete_multipart_upload(Bucket=source, Key="parts", UploadId=upload, MultipartUpload={"Parts": [
        {"PartNumber": 1, "ETag": part["ETag"]}, {"PartNumber": 2, "ETag": last["ETag"]}]})
    for key in ("small", "large", "parts"):
        eventually(lambda: status(s3, source, key) == "COMPLETED")
    west = client("s3", region="eu-west-1")
    got = west.get_object(Bucket=destination, Key="small")
    assert (got["Body"].read(), got["Metadata"], got["ContentType"], got["TagCount"]) == (b"hello", {"m": "1"}, "a/b", 1)
    assert (got["VersionId"], got["ReplicationStatus"], got["ETag"]) == (small["VersionId"], "REPLICA", small["ETag"])
    assert west.get_object(Bucket=destination, Key="large")["Body"].read() == b"x" * 300_000
    assert west.get_object(Bucket=destination, Key="parts")["Body"].read() == b"y" * (5 << 20) + b"end"
    assert [o["Key"] for o in west.list_objects_v2(Bucket=destination)["Contents"]] == ["large", "parts", "small"], "what was there before is not"
    marker = s3.delete_object(Bucket=source, Key="small")["VersionId"]
    eventually(lambda: [m["VersionId"] for m in west.list_object_versions(Bucket=destination).get("DeleteMarkers", [])] == [marker])
    s3.delete_object(Bucket=source, Key="large", VersionId=s3.head_object(Bucket=source, Key="large")["VersionId"])
    s3.put_object(Bucket=source, Key="after", Body=b"1")
    eventually(lambda: status(s3, source, "after") == "COMPLETED")
    assert west.get_object(Bucket=destination, Key="large")["Body"].read() == b"x" * 300_000, "deleting a version for good is not replicated"


def test_rules_choose_by_prefix_tag_and_priority(client, s3, pair, name, eventually):
    source, first, role = pair
    rules = [rule(first, ID="tagged", Priority=1, DeleteMarkerReplication={"Status": "Disabled"},
                  Filter={"And": {"Prefix": "in/", "Tags": [{"Key": "a", "Value": "1"}]}}),
             rule(first, ID="cold", Priority=2, Filter={"Prefix": "in/cold/"}, DeleteMarkerReplication={"Status": "Disabled"},
                  Destination={"Bucket": f"arn:aws:s3:::{first}", "StorageClass": "STANDARD_IA"}),
             rule(first, ID="off", Priority=3, Status="Disabled")]
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": rules})
    s3.put_object(Bucket=source, Key="in/x", Body=b"x", Tagging="a=1")
    s3.put_object(Bucket=source, Key="in/y", Body=b"y", Tagging="a=2")
    s3.put_object(Bucket=source, Key="out", Body=b"o", Tagging="a=1")
    s3.put_object(Bucket=source, Key="in/cold/z", Body=b"z", Tagging="a=1")
    eventually(lambda: status(s3, source, "in/x") == status(s3, source, "in/cold/z") == "COMPLETED")
    assert status(s3, source, "in/y") is None and status(s3, source, "out") is None
    assert sorted(o["Key"] for o in s3.list_objects_v2(Bucket=first)["Contents"]) == ["in/cold/z", "in/x"]
    assert s3.head_object(Bucket=first, Key="in/cold/z")["StorageClass"] == "STANDARD_IA"
    s3.delete_object(Bucket=source, Key="in/x")
    s3.put_object(Bucket=source, Key="in/cold/end", Body=b"z")
    eventually(lambda: status(s3, source, "in/cold/end") == "COMPLETED")
    assert "DeleteMarkers" not in s3.list_object_versions(Bucket=first)


def test_changes_follow_and_replicas_send_theirs_back_when_asked(client, s3, pair, name, eventually):
    source, destination, role = pair
    back = role_for(client, name + "-back", destination, source)
    both = {"SourceSelectionCriteria": {"ReplicaModifications": {"Status": "Enabled"}}}
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": [rule(destination, **both)]})
    s3.put_bucket_replication(Bucket=destination, ReplicationConfiguration={"Role": back, "Rules": [rule(source, **both)]})
    s3.put_object(Bucket=source, Key="k", Body=b"1")
    eventually(lambda: status(s3, source, "k") == "COMPLETED")
    tags = lambda bucket: s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    s3.put_object_tagging(Bucket=source, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    eventually(lambda: tags(destination) == [{"Key": "a", "Value": "1"}])
    s3.put_object_tagging(Bucket=destination, Key="k", Tagging={"TagSet": [{"Key": "b", "Value": "2"}]})
    eventually(lambda: tags(source) == [{"Key": "b", "Value": "2"}])
    assert status(s3, destination, "k") == "REPLICA"
    assert len(s3.list_object_versions(Bucket=destination)["Versions"]) == 1, "a replica is not replicated again"


def test_what_the_role_may_not_do_fails_and_tells(client, s3, name, eventually):
    source, destination = versioned(client, name + "-a", "us-east-1"), versioned(client, name + "-b", "us-east-1")
    role = role_for(client, name, source, destination, allow_destination=False)
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]})})
    s3.put_bucket_notification_configuration(Bucket=source, NotificationConfiguration={"QueueConfigurations": [
        {"QueueArn": arn, "Events": ["s3:Replication:OperationFailedReplication"]}]})
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": [rule(destination)]})
    s3.put_object(Bucket=source, Key="k", Body=b"1")
    eventually(lambda: status(s3, source, "k") == "FAILED")
    assert "Contents" not in s3.list_objects_v2(Bucket=destination)
    def event():
        for m in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
            if "Records" in json.loads(m["Body"]):
                return json.loads(m["Body"])["Records"][0]
    record = eventually(event)
    assert record["eventName"] == "Replication:OperationFailedReplication"
    assert record["replicationEventData"]["failureReason"] == "DstPutObjectNotPermitted"


def refused(s3, source, role, rules):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": rules})
    return e.value.response["Error"]["Code"], e.value.response["Error"]["Message"]


def test_configurations_that_cannot_be(client, s3, pair, name):
    source, destination, role = pair
    plain = name + "-plain"
    s3.create_bucket(Bucket=plain)
    assert refused(s3, plain, role, [rule(destination)]) == ("InvalidRequest",
        "Versioning must be 'Enabled' on the bucket to apply a replication configuration")
    assert refused(s3, source, role, [rule(plain)])[1] == "Destination bucket must have versioning enabled."
    assert refused(s3, source, role, [rule(name + "-none")])[1] == "Destination bucket must exist."
    assert refused(s3, source, role, [rule(source)])[1] == "Destination bucket cannot be the same as the source bucket."
    assert refused(s3, source, "no-role", [rule(destination)])[0] == "InvalidArgument"
    bare = rule(destination)
    del bare["Priority"]
    assert "Priority must be specified" in refused(s3, source, role, [bare])[1]
    assert "Tag filter" in refused(s3, source, role, [rule(destination, Filter={"Tag": {"Key": "a", "Value": "b"}})])[1]
    assert "Rule Id must be unique" in refused(s3, source, role, [rule(destination), rule(destination, Priority=2)])[1]
    assert "duplicate priority" in refused(s3, source, role, [rule(destination), rule(destination, ID="s")])[1]
    with pytest.raises(botocore.exceptions.ClientError) as e:
        s3.get_bucket_replication(Bucket=source)
    assert e.value.response["Error"]["Code"] == "ReplicationConfigurationNotFoundError"
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": [rule(destination)]})
    with pytest.raises(botocore.exceptions.ClientError) as e:
        s3.put_bucket_versioning(Bucket=source, VersioningConfiguration={"Status": "Suspended"})
    assert e.value.response["Error"]["Code"] == "InvalidBucketState"
    s3.delete_bucket_replication(Bucket=source)
    s3.put_bucket_versioning(Bucket=source, VersioningConfiguration={"Status": "Suspended"})
