"""Annotations of objects. Source: PutObjectAnnotation, GetObjectAnnotation, ListObjectAnnotations, DeleteObjectAnnotation, CopyObject (S3 API
Reference)."""
import hashlib
import json
import os

import pytest
from botocore.exceptions import ClientError


def refused(code, call, **how):
    with pytest.raises(ClientError) as e:
        call(**how)
    assert e.value.response["Error"]["Code"] == code, e.value
    return e.value.response


def put(s3, bucket, key, name, text, **how):
    return s3.put_object_annotation(Bucket=bucket, Key=key, AnnotationName=name, AnnotationPayload=text, **how)


def get(s3, bucket, key, name, **how):
    return s3.get_object_annotation(Bucket=bucket, Key=key, AnnotationName=name, **how)["AnnotationPayload"].read()


def names(s3, bucket, key, **how):
    return [a["AnnotationName"] for a in s3.list_object_annotations(Bucket=bucket, Key=key, **how)["Annotations"]]


@pytest.mark.parametrize("size", [1, 60_000, 70_000, 1 << 20])
def test_an_annotation_comes_back(s3, bucket, size):
    s3.put_object(Bucket=bucket, Key="k", Body=b"object")
    before = s3.head_object(Bucket=bucket, Key="k")
    text = os.urandom(size).hex()[:size].encode()
    made = put(s3, bucket, "k", "summary", text, ChecksumAlgorithm="SHA256")
    assert made["ETag"] == f'"{hashlib.md5(text).hexdigest()}"' and made["ServerSideEncryption"] == "AES256"
    got = s3.get_object_annotation(Bucket=bucket, Key="k", AnnotationName="summary", ChecksumMode="ENABLED")
    assert got["AnnotationPayload"].read() == text and got["ContentLength"] == size and got["ChecksumSHA256"] == made["ChecksumSHA256"]
    shown = s3.list_object_annotations(Bucket=bucket, Key="k")
    one = shown["Annotations"][0]
    assert (one["AnnotationName"], one["Size"], one["ETag"], one["ChecksumAlgorithm"]) == ("summary", size, made["ETag"], ["SHA256"])
    assert shown["AnnotationCount"] == 1 and "NextContinuationToken" not in shown
    after = s3.head_object(Bucket=bucket, Key="k")
    assert all(before[k] == after[k] for k in ("ETag", "LastModified", "ContentLength"))
    put(s3, bucket, "k", "summary", b"another")
    assert get(s3, bucket, "k", "summary") == b"another" and names(s3, bucket, "k") == ["summary"]
    s3.delete_object_annotation(Bucket=bucket, Key="k", AnnotationName="summary")
    refused("NoSuchAnnotation", s3.get_object_annotation, Bucket=bucket, Key="k", AnnotationName="summary")
    s3.delete_object_annotation(Bucket=bucket, Key="k", AnnotationName="summary")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"object"


def test_what_is_no_annotation(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    for name in ("aws:x", "AWSnote", "s3-note", "S3"):
        refused("InvalidAnnotationName", put, s3=s3, bucket=bucket, key="k", name=name, text=b"x")
    refused("AnnotationNameTooLong", put, s3=s3, bucket=bucket, key="k", name="n" * 513, text=b"x")
    put(s3, bucket, "k", "n" * 512, b"x")
    assert refused("UnsupportedMediaType", put, s3=s3, bucket=bucket, key="k", name="n", text=b"\xff\xfe")["ResponseMetadata"]["HTTPStatusCode"] == 415
    refused("UnsupportedMediaType", put, s3=s3, bucket=bucket, key="k", name="n", text=b"\xff" * 100_000)
    refused("InvalidRequest", put, s3=s3, bucket=bucket, key="k", name="n", text=b"")
    refused("EntityTooLarge", put, s3=s3, bucket=bucket, key="k", name="n", text=b"x" * ((1 << 20) + 1))
    refused("NoSuchKey", put, s3=s3, bucket=bucket, key="none", name="n", text=b"x")
    refused("PreconditionFailed", put, s3=s3, bucket=bucket, key="k", name="n", text=b"x", ObjectIfMatch='"other"')
    refused("PreconditionFailed", s3.delete_object_annotation, Bucket=bucket, Key="k", AnnotationName="n" * 512, ObjectIfMatch='"other"')
    put(s3, bucket, "k", "n", b"x", ObjectIfMatch=s3.head_object(Bucket=bucket, Key="k")["ETag"])
    assert names(s3, bucket, "k") == ["n", "n" * 512]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})
    s3.put_object(Bucket=bucket, Key="c", Body=b"1", SSECustomerAlgorithm="AES256", SSECustomerKey=os.urandom(32))
    refused("InvalidRequest", put, s3=s3, bucket=bucket, key="c", name="n", text=b"x")


def test_pages_and_the_limit(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    for i in range(1000):
        put(s3, bucket, "k", f"a/{i:04}", b"x")
    refused("AnnotationLimitExceeded", put, s3=s3, bucket=bucket, key="k", name="more", text=b"x")
    put(s3, bucket, "k", "a/0000", b"y")
    first = s3.list_object_annotations(Bucket=bucket, Key="k", AnnotationPrefix="a/00", MaxAnnotationResults=60)
    assert first["AnnotationCount"] == 60
    rest = names(s3, bucket, "k", AnnotationPrefix="a/00", MaxAnnotationResults=60, ContinuationToken=first["NextContinuationToken"])
    assert [a["AnnotationName"] for a in first["Annotations"]] + rest == [f"a/00{i:02}" for i in range(100)]
    assert len(names(s3, bucket, "k")) == 1000
    refused("InvalidArgument", s3.list_object_annotations, Bucket=bucket, Key="k", ContinuationToken="nonsense")
    s3.delete_object(Bucket=bucket, Key="k")
    s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    assert names(s3, bucket, "k") == [], "they go with their object"


def test_each_version_has_its_own(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    one = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    assert put(s3, bucket, "k", "n", b"first")["ObjectVersionId"] == one
    two = s3.put_object(Bucket=bucket, Key="k", Body=b"2")["VersionId"]
    assert names(s3, bucket, "k") == []
    put(s3, bucket, "k", "n", b"second")
    put(s3, bucket, "k", "m", b"late", VersionId=one)
    assert get(s3, bucket, "k", "n", VersionId=one) == b"first" and get(s3, bucket, "k", "n", VersionId=two) == b"second"
    assert names(s3, bucket, "k", VersionId=one) == ["m", "n"]
    s3.delete_object(Bucket=bucket, Key="k")
    refused("NoSuchKey", put, s3=s3, bucket=bucket, key="k", name="n", text=b"x")
    assert get(s3, bucket, "k", "n", VersionId=two) == b"second"


def test_copies_take_them_along(s3, client, bucket, name):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    put(s3, bucket, "k", "n", b"x" * 100_000)
    source = {"Bucket": bucket, "Key": "k"}
    s3.copy_object(Bucket=bucket, Key="with", CopySource=source, ServerSideEncryption="aws:kms")
    s3.copy_object(Bucket=bucket, Key="twice", CopySource=source, ServerSideEncryption="aws:kms:dsse")
    s3.copy_object(Bucket=bucket, Key="without", CopySource=source, AnnotationDirective="EXCLUDE")
    assert get(s3, bucket, "with", "n") == get(s3, bucket, "twice", "n") == b"x" * 100_000 and names(s3, bucket, "without") == []
    iam = client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:GetObjectAnnotation"], "Resource": "*"}]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = client("s3", key["AccessKeyId"], key["SecretAccessKey"])
    assert get(user, bucket, "k", "n")
    refused("AccessDenied", user.copy_object, Bucket=bucket, Key="u", CopySource=source)
    user.copy_object(Bucket=bucket, Key="u", CopySource=source, AnnotationDirective="EXCLUDE")
    for call in (user.list_object_annotations, user.delete_object_annotation, user.put_object_annotation):
        more = {} if call == user.list_object_annotations else {"AnnotationName": "n"}
        refused("AccessDenied", call, Bucket=bucket, Key="k", **more, **({"AnnotationPayload": b"x"} if call == user.put_object_annotation else {}))


def test_they_are_encrypted_as_their_object(s3, client, bucket):
    kms = client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert put(s3, bucket, "k", "n", b"secret")["ServerSideEncryption"] == "aws:kms"
    s3.put_object(Bucket=bucket, Key="plain", Body=b"1")
    put(s3, bucket, "plain", "n", b"wrapped again")
    s3.update_object_encryption(Bucket=bucket, Key="plain", ObjectEncryption={"SSEKMS": {"KMSKeyArn": key}})
    assert get(s3, bucket, "k", "n") == b"secret" and get(s3, bucket, "plain", "n") == b"wrapped again"
    kms.disable_key(KeyId=key)
    refused("KMS.DisabledException", s3.get_object_annotation, Bucket=bucket, Key="k", AnnotationName="n")
    refused("KMS.DisabledException", s3.get_object_annotation, Bucket=bucket, Key="plain", AnnotationName="n")


def test_object_lock_keeps_them(s3, name):
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket=name, Key="k", Body=b"1", ObjectLockLegalHoldStatus="ON")
    put(s3, name, "k", "n", b"x")
    refused("AccessDenied", s3.delete_object_annotation, Bucket=name, Key="k", AnnotationName="n")
    s3.put_object_legal_hold(Bucket=name, Key="k", LegalHold={"Status": "OFF"})
    s3.delete_object_annotation(Bucket=name, Key="k", AnnotationName="n")


def test_replicas_have_them_and_their_changes(s3, client, name, eventually):
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))
    for b in (name + "-a", name + "-b"):
        s3.create_bucket(Bucket=b)
        s3.put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_replication(Bucket=name + "-a", ReplicationConfiguration={"Role": role, "Rules": [
        {"ID": "r", "Priority": 1, "Status": "Enabled", "Filter": {"Prefix": ""}, "DeleteMarkerReplication": {"Status": "Disabled"},
         "Destination": {"Bucket": f"arn:aws:s3:::{name}-b"}}]})
    s3.put_object(Bucket=name + "-a", Key="k", Body=b"1")
    put(s3, name + "-a", "k", "n", b"note")
    eventually(lambda: "Contents" in s3.list_objects_v2(Bucket=name + "-b") and names(s3, name + "-b", "k") == ["n"])
    assert get(s3, name + "-b", "k", "n") == b"note"
    s3.delete_object_annotation(Bucket=name + "-a", Key="k", AnnotationName="n")
    eventually(lambda: names(s3, name + "-b", "k") == [])


def test_events_tell(s3, client, bucket, name, eventually):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]})})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [
        {"QueueArn": arn, "Events": ["s3:ObjectAnnotation:*"]}]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    made = put(s3, bucket, "k", "n", b"x")
    s3.delete_object_annotation(Bucket=bucket, Key="k", AnnotationName="n")
    seen = {}

    def both():
        for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            for r in json.loads(m["Body"]).get("Records", []):
                seen[r["eventName"]] = r
        return len(seen) == 2

    eventually(both)
    assert sorted(seen) == ["ObjectAnnotation:Delete", "ObjectAnnotation:Put"]
    assert seen["ObjectAnnotation:Put"]["responseElements"]["x-amz-id-2"] == made["ResponseMetadata"]["HostId"], "the answer's own ids"
