"""What encrypts an object's bytes, and how it changes: DSSE-KMS, UpdateObjectEncryption, blocked customer keys, KMS keys of replicas."""
import hashlib
import json
import os

import pytest
import requests
from botocore.exceptions import ClientError

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


def refused(code, call, **how):
    with pytest.raises(ClientError) as e:
        call(**how)
    error = e.value.response["Error"]
    assert error["Code"] == code, error
    return error["Message"]


def read(s3, bucket, key, **how):
    return s3.get_object(Bucket=bucket, Key=key, **how)["Body"].read()


# ---- DSSE: "Using dual-layer server-side encryption with AWS KMS keys (DSSE-KMS)" (S3 User Guide) ----

@pytest.mark.parametrize("size", [0, 1000, 3_000_000])
def test_two_layers(s3, kms, bucket, key, size):
    data = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data, ServerSideEncryption="aws:kms:dsse", SSEKMSKeyId=key, ChecksumAlgorithm="SHA256")
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms:dsse", key) and "BucketKeyEnabled" not in put
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == data and got["ServerSideEncryption"] == "aws:kms:dsse" and got["ETag"] == put["ETag"]
    if size:
        assert read(s3, bucket, "k", Range="bytes=10-99") == data[10:100]
    plain = s3.copy_object(Bucket=bucket, Key="plain", CopySource={"Bucket": bucket, "Key": "k"}, ServerSideEncryption="AES256")
    assert plain["CopyObjectResult"]["ETag"].strip('"') == hashlib.md5(data).hexdigest() != put["ETag"].strip('"')
    again = s3.copy_object(Bucket=bucket, Key="again", CopySource={"Bucket": bucket, "Key": "plain"}, ServerSideEncryption="aws:kms:dsse", SSEKMSKeyId=key)
    assert again["ServerSideEncryption"] == "aws:kms:dsse"
    assert read(s3, bucket, "plain") == data and read(s3, bucket, "again") == data
    s3.delete_object(Bucket=bucket, Key="k")
    assert read(s3, bucket, "plain") == data
    kms.disable_key(KeyId=key)
    refused("KMS.DisabledException", s3.get_object, Bucket=bucket, Key="again")
    assert read(s3, bucket, "plain") == data


def test_two_layers_of_parts_and_of_a_bucket(s3, bucket, key):
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms:dsse", "KMSMasterKeyID": key}}]})
    data = os.urandom(5 << 20), os.urandom(6 << 20), b"end"
    s3.put_object(Bucket=bucket, Key="one", Body=data[1] + b"more", ServerSideEncryption="AES256")
    up = s3.create_multipart_upload(Bucket=bucket, Key="m")
    assert up["ServerSideEncryption"] == "aws:kms:dsse"
    how = {"Bucket": bucket, "Key": "m", "UploadId": up["UploadId"]}
    tags = [s3.upload_part(PartNumber=1, Body=data[0], **how)["ETag"],
            s3.upload_part_copy(PartNumber=2, CopySource=f"{bucket}/one", CopySourceRange=f"bytes=0-{len(data[1]) - 1}", **how)["CopyPartResult"]["ETag"],
            s3.upload_part(PartNumber=3, Body=data[2], **how)["ETag"]]
    done = s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": n, "ETag": t} for n, t in enumerate(tags, 1)]}, **how)
    assert done["ServerSideEncryption"] == "aws:kms:dsse" and read(s3, bucket, "m") == b"".join(data)
    copy = s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/m")
    assert copy["ServerSideEncryption"] == "aws:kms:dsse" and read(s3, bucket, "c") == b"".join(data)
    assert read(s3, bucket, "c", PartNumber=2) == data[1]


def test_none_of_the_files_with_one_layer_stays(fresh_tsubo, eventually):
    """One file for each large object: what came in under one key is gone."""
    s3 = fresh_tsubo.client("s3")
    s3.create_bucket(Bucket="two-layers")
    files = lambda: [f for _, _, names in os.walk(os.path.join(fresh_tsubo.data, "blobs")) for f in names]
    s3.put_object(Bucket="two-layers", Key="k", Body=b"x" * 1_000_000, ServerSideEncryption="aws:kms:dsse")
    eventually(lambda: len(files()) == 1)
    fresh_tsubo.restart()
    assert len(files()) == 1 and read(fresh_tsubo.client("s3"), "two-layers", "k") == b"x" * 1_000_000


# ---- UpdateObjectEncryption (S3 API Reference) ----

def update(s3, bucket, key, arn, **how):
    return s3.update_object_encryption(Bucket=bucket, Key=key, ObjectEncryption={"SSEKMS": {"KMSKeyArn": arn, **how}})


@pytest.mark.parametrize("size", [10, 500_000])
def test_an_object_gets_another_key(s3, kms, bucket, key, size):
    data = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data, Metadata={"a": "b"}, StorageClass="STANDARD_IA")
    before = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    update(s3, bucket, "k", key)
    after = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (after["ServerSideEncryption"], after["SSEKMSKeyId"]) == ("aws:kms", key)
    for same in ("ETag", "LastModified", "ChecksumCRC32", "Metadata", "StorageClass"):
        assert before[same] == after[same]
    assert read(s3, bucket, "k") == data and put["ETag"] == after["ETag"]
    other = kms.create_key()["KeyMetadata"]["Arn"]
    update(s3, bucket, "k", other, BucketKeyEnabled=True)
    assert s3.head_object(Bucket=bucket, Key="k")["BucketKeyEnabled"] is True
    kms.disable_key(KeyId=key)
    assert read(s3, bucket, "k") == data
    kms.disable_key(KeyId=other)
    refused("KMS.DisabledException", s3.get_object, Bucket=bucket, Key="k")


def test_versions_and_parts_get_another_key(s3, kms, bucket, key):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["VersionId"]
    up = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    how = {"Bucket": bucket, "Key": "k", "UploadId": up}
    data = os.urandom(5 << 20), b"end"
    tags = [s3.upload_part(PartNumber=n, Body=d, **how)["ETag"] for n, d in enumerate(data, 1)]
    s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": n, "ETag": t} for n, t in enumerate(tags, 1)]}, **how)
    s3.update_object_encryption(Bucket=bucket, Key="k", VersionId=first, ObjectEncryption={"SSEKMS": {"KMSKeyArn": key}})
    assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"
    assert s3.head_object(Bucket=bucket, Key="k", VersionId=first)["SSEKMSKeyId"] == key and read(s3, bucket, "k", VersionId=first) == b"first"
    update(s3, bucket, "k", key)
    assert read(s3, bucket, "k") == b"".join(data) and s3.head_object(Bucket=bucket, Key="k")["SSEKMSKeyId"] == key


def test_what_gets_no_other_key(s3, client, kms, bucket, key, name):
    s3.put_object(Bucket=bucket, Key="twice", Body=b"1", ServerSideEncryption="aws:kms:dsse")
    assert "DSSE-KMS or SSE-C" in refused("InvalidRequest", update, s3=s3, bucket=bucket, key="twice", arn=key)
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    assert "valid Amazon Web Services KMS key" in refused("InvalidRequest", update, s3=s3, bucket=bucket, key="k", arn="alias/some-key-of-mine-here")
    assert "same account" in refused("AccessDenied", update, s3=s3, bucket=bucket, key="k", arn=key.replace("000000000000", "111122223333"))
    refused("NoSuchKey", update, s3=s3, bucket=bucket, key="none", arn=key)
    iam = client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:UpdateObjectEncryption", "Resource": "*"}]}))
    k = iam.create_access_key(UserName=name)["AccessKey"]
    user = client("s3", k["AccessKeyId"], k["SecretAccessKey"])
    assert "kms:GenerateDataKey" in refused("AccessDenied", update, s3=user, bucket=bucket, key="k", arn=key)
    update(s3, bucket, "k", key)
    assert "kms:ReEncrypt" in refused("AccessDenied", update, s3=user, bucket=bucket, key="k", arn=key)
    locked = bucket + "-l"
    s3.create_bucket(Bucket=locked, ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket=locked, Key="k", Body=b"1", ObjectLockLegalHoldStatus="ON")
    assert "Object Lock" in refused("AccessDenied", update, s3=s3, bucket=locked, key="k", arn=key)


# ---- "Blocking or unblocking SSE-C for a general purpose bucket", "Default SSE-C setting for new buckets FAQ" (S3 User Guide) ----

def rules(s3, bucket):
    return s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]


def block(s3, bucket, kind):
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BlockedEncryptionTypes": {"EncryptionType": [kind]}}]})


def test_customers_keys_are_blocked_until_allowed(s3, bucket):
    own = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
    assert rules(s3, bucket)["BlockedEncryptionTypes"] == {"EncryptionType": ["SSE-C"]}
    refused("AccessDenied", s3.put_object, Bucket=bucket, Key="k", Body=b"1", **own)
    refused("AccessDenied", s3.create_multipart_upload, Bucket=bucket, Key="k", **own)
    block(s3, bucket, "NONE")
    assert rules(s3, bucket)["BlockedEncryptionTypes"] == {"EncryptionType": ["NONE"]}
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", **own)
    up = s3.create_multipart_upload(Bucket=bucket, Key="m", **own)["UploadId"]
    block(s3, bucket, "SSE-C")
    refused("AccessDenied", s3.upload_part, Bucket=bucket, Key="m", UploadId=up, PartNumber=1, Body=b"1", **own)
    refused("AccessDenied", s3.copy_object, Bucket=bucket, Key="c", CopySource=f"{bucket}/k", **own,
            **{"CopySource" + k: v for k, v in own.items()})
    assert read(s3, bucket, "k", **own) == b"1", "what is there can be read"
    s3.put_object(Bucket=bucket, Key="k", Body=b"2")


# ---- "Replicating encrypted objects (SSE-S3, SSE-KMS, DSSE-KMS, SSE-C)" (S3 User Guide) ----

def test_objects_under_kms_keys_are_replicated_when_asked(client, s3, kms, name, key, eventually):
    source, destination = name + "-a", name + "-b"
    west, west_kms = client("s3", region="eu-west-1"), client("kms", region="eu-west-1")
    s3.create_bucket(Bucket=source)
    west.create_bucket(Bucket=destination, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for c, b in ((s3, source), (west, destination)):
        c.put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": "Enabled"})
    theirs = west_kms.create_key()["KeyMetadata"]["Arn"]
    iam = client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]

    def allow(*more):
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}, *more]}))
    rule = {"ID": "r", "Priority": 1, "Status": "Enabled", "Filter": {"Prefix": ""}, "DeleteMarkerReplication": {"Status": "Disabled"},
            "Destination": {"Bucket": f"arn:aws:s3:::{destination}"}}
    encrypted = {"SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}}}

    def set_rule(r):
        s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": [r]})
    assert "EncryptionConfiguration must be" in refused("InvalidRequest", set_rule, r={**rule, **encrypted})
    keyed = {**rule["Destination"], "EncryptionConfiguration": {"ReplicaKmsKeyID": theirs}}
    assert "SseKmsEncryptedObjects must be" in refused("InvalidRequest", set_rule, r={**rule, "Destination": keyed})
    set_rule(rule)
    allow()
    s3.put_object(Bucket=source, Key="passed over", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert "ReplicationStatus" not in s3.head_object(Bucket=source, Key="passed over")
    set_rule({**rule, **encrypted, "Destination": keyed})
    status = lambda k: s3.head_object(Bucket=source, Key=k)["ReplicationStatus"]
    s3.put_object(Bucket=source, Key="not allowed", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    eventually(lambda: status("not allowed") == "FAILED")
    allow({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key, "Condition": {
        "StringLike": {"kms:ViaService": "s3.us-east-1.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{source}/*"}}},
          {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": theirs, "Condition": {
              "StringLike": {"kms:ViaService": "s3.eu-west-1.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{destination}/*"}}})
    data = os.urandom(400_000)
    s3.put_object(Bucket=source, Key="small", Body=b"hello", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    s3.put_object(Bucket=source, Key="large", Body=data, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    s3.put_object(Bucket=source, Key="twice", Body=data, ServerSideEncryption="aws:kms:dsse", SSEKMSKeyId=key)
    s3.put_object(Bucket=source, Key="plain", Body=b"plain")
    for k in ("small", "large", "twice", "plain"):
        eventually(lambda: status(k) == "COMPLETED")
    kms.disable_key(KeyId=key)
    got = west.get_object(Bucket=destination, Key="small")
    assert got["Body"].read() == b"hello" and (got["ServerSideEncryption"], got["SSEKMSKeyId"]) == ("aws:kms", theirs)
    assert read(west, destination, "large") == data
    twice = west.get_object(Bucket=destination, Key="twice")
    assert twice["Body"].read() == data and twice["ServerSideEncryption"] == "aws:kms:dsse"
    assert west.head_object(Bucket=destination, Key="plain")["ServerSideEncryption"] == "AES256"
    assert "Contents" in west.list_objects_v2(Bucket=destination, Prefix="plain") and "Contents" not in west.list_objects_v2(Bucket=destination, Prefix="not")


def test_nobody_reads_what_a_kms_key_encrypts(s3, tsubo, bucket, key):
    """ "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4": old links, and websites."""
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "i"}})
    old = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    for url, headers in ((tsubo.url + f"/{bucket}/k", {}), (old, {}), (tsubo.url + "/k", {"Host": f"{bucket}.s3-website-us-east-1.amazonaws.com"})):
        answer = requests.get(url, headers=headers)
        assert answer.status_code == 400 and "Signature Version 4" in answer.text, url
