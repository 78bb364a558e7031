"""SSE-KMS through boto3. Expectations: "Using server-side encryption with AWS KMS keys (SSE-KMS)", "Reducing the cost of SSE-KMS with Amazon S3
Bucket Keys", "Protecting data with SSE-KMS: multipart uploads" (S3 User Guide)."""
import base64
import json

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"


def refused(code, call, **kwargs):
    with pytest.raises(ClientError) as e:
        call(**kwargs)
    error = e.value.response["Error"]
    assert error["Code"] == code, error
    return error["Message"]


def user(client, name, *statements):
    iam = client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": a, "Resource": r} for a, r in statements]}))
    k = iam.create_access_key(UserName=name)["AccessKey"]
    return client("s3", k["AccessKeyId"], k["SecretAccessKey"])


def test_put_and_get(s3, bucket, key):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"secret", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", key)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"secret" and (got["ServerSideEncryption"], got["SSEKMSKeyId"]) == ("aws:kms", key)
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=2-3")["Body"].read() == b"cr"
    assert s3.head_object(Bucket=bucket, Key="k")["SSEKMSKeyId"] == key
    big = b"x" * 3_000_000
    s3.put_object(Bucket=bucket, Key="big", Body=big, ServerSideEncryption="aws:kms", SSEKMSKeyId=key.split("/")[1])
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == big
    s3.put_object(Bucket=bucket, Key="empty", Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert s3.get_object(Bucket=bucket, Key="empty")["Body"].read() == b""


def test_managed_key_comes_at_first_use(fresh_tsubo):
    s3, kms = fresh_tsubo.client("s3"), fresh_tsubo.client("kms")
    s3.create_bucket(Bucket="managed")
    refused("NotFoundException", kms.describe_key, KeyId="alias/aws/s3")
    put = s3.put_object(Bucket="managed", Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    meta = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert put["SSEKMSKeyId"] == meta["Arn"] and meta["KeyManager"] == "AWS"
    assert s3.get_object(Bucket="managed", Key="k")["Body"].read() == b"x"
    # through S3 only: nobody uses it directly, or manages it
    refused("AccessDeniedException", kms.encrypt, KeyId=meta["Arn"], Plaintext=b"x")
    refused("AccessDeniedException", kms.schedule_key_deletion, KeyId=meta["Arn"])
    reader = user(fresh_tsubo.client, "reader", ("s3:GetObject", "*"))
    assert reader.get_object(Bucket="managed", Key="k")["Body"].read() == b"x"


def test_reading_needs_decrypt(s3, client, kms, bucket, key, name):
    s3.put_object(Bucket=bucket, Key="k", Body=b"secret", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    half = user(client, name + "-half", ("s3:*", "*"))
    whole = user(client, name + "-whole", ("s3:*", "*"), ("kms:Decrypt", key))
    assert "kms:Decrypt" in refused("AccessDenied", half.get_object, Bucket=bucket, Key="k")
    half.head_object(Bucket=bucket, Key="k")
    assert "kms:GenerateDataKey" in refused("AccessDenied", half.put_object, Bucket=bucket, Key="k", Body=b"y", ServerSideEncryption="aws:kms",
                                            SSEKMSKeyId=key)
    assert whole.get_object(Bucket=bucket, Key="k")["Body"].read() == b"secret"
    kms.disable_key(KeyId=key)
    refused("KMS.DisabledException", s3.get_object, Bucket=bucket, Key="k")
    refused("KMS.NotFoundException", s3.put_object, Bucket=bucket, Key="z", Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/none")


def test_context_and_via_service(s3, client, kms, bucket, key, name):
    """The object's ARN is in the context, and S3 in kms:ViaService: a key policy can ask for both."""
    arn = client("iam").create_user(UserName=name)["User"]["Arn"]
    client("iam").put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))
    k = client("iam").create_access_key(UserName=name)["AccessKey"]
    mine, direct = (client(x, k["AccessKeyId"], k["SecretAccessKey"]) for x in ("s3", "kms"))
    kms.put_key_policy(KeyId=key, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "kms:*", "Resource": "*", "Condition": {
            "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}/mine/*"}}}]}))
    mine.put_object(Bucket=bucket, Key="mine/a", Body=b"a", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert mine.get_object(Bucket=bucket, Key="mine/a")["Body"].read() == b"a"
    refused("AccessDenied", mine.put_object, Bucket=bucket, Key="other", Body=b"a", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    refused("AccessDeniedException", direct.generate_data_key, KeyId=key, KeySpec="AES_256",
            EncryptionContext={"aws:s3:arn": f"arn:aws:s3:::{bucket}/mine/a"})
    more = base64.b64encode(json.dumps({"team": "blue"}).encode()).decode()
    mine.put_object(Bucket=bucket, Key="mine/b", Body=b"b", ServerSideEncryption="aws:kms", SSEKMSKeyId=key, SSEKMSEncryptionContext=more)
    assert mine.get_object(Bucket=bucket, Key="mine/b")["Body"].read() == b"b"
    refused("InvalidArgument", mine.put_object, Bucket=bucket, Key="mine/c", Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId=key,
            SSEKMSEncryptionContext="nonsense")


def test_bucket_default(s3, bucket, key):
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    shown = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert shown["ApplyServerSideEncryptionByDefault"] == rule["ApplyServerSideEncryptionByDefault"] and shown["BucketKeyEnabled"]
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == ("aws:kms", key, True)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert s3.put_object(Bucket=bucket, Key="own", Body=b"x", ServerSideEncryption="AES256")["ServerSideEncryption"] == "AES256"
    refused("InvalidArgument", s3.put_bucket_encryption, Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "KMSMasterKeyID": key}}]})


def test_copies(s3, kms, bucket, key):
    other = kms.create_key()["KeyMetadata"]["Arn"]
    s3.put_object(Bucket=bucket, Key="a", Body=b"moves", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    source = {"Bucket": bucket, "Key": "a"}
    made = s3.copy_object(Bucket=bucket, Key="b", CopySource=source, ServerSideEncryption="aws:kms", SSEKMSKeyId=other)
    assert made["SSEKMSKeyId"] == other
    assert s3.copy_object(Bucket=bucket, Key="plain", CopySource=source)["ServerSideEncryption"] == "AES256"
    kms.disable_key(KeyId=key)
    assert s3.get_object(Bucket=bucket, Key="b")["Body"].read() == b"moves"
    assert s3.get_object(Bucket=bucket, Key="plain")["Body"].read() == b"moves"
    refused("KMS.DisabledException", s3.copy_object, Bucket=bucket, Key="c", CopySource=source)


def test_multipart(s3, kms, bucket, key):
    u = s3.create_multipart_upload(Bucket=bucket, Key="m", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert u["SSEKMSKeyId"] == key
    parts, bodies = [], [b"a" * (5 << 20), b"b" * 1000]
    for n, body in enumerate(bodies, 1):
        p = s3.upload_part(Bucket=bucket, Key="m", UploadId=u["UploadId"], PartNumber=n, Body=body)
        assert p["SSEKMSKeyId"] == key
        parts.append({"PartNumber": n, "ETag": p["ETag"]})
    s3.put_object(Bucket=bucket, Key="from", Body=b"c" * 2000, ServerSideEncryption="aws:kms")
    p = s3.upload_part_copy(Bucket=bucket, Key="m", UploadId=u["UploadId"], PartNumber=3, CopySource={"Bucket": bucket, "Key": "from"})
    parts.append({"PartNumber": 3, "ETag": p["CopyPartResult"]["ETag"]})
    done = s3.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=u["UploadId"], MultipartUpload={"Parts": parts[:1] + parts[1:2]})
    assert done["SSEKMSKeyId"] == key
    assert s3.get_object(Bucket=bucket, Key="m")["Body"].read() == b"".join(bodies)
    kms.disable_key(KeyId=key)
    refused("KMS.DisabledException", s3.get_object, Bucket=bucket, Key="m")


def test_cloudformation(client, s3, kms, name):
    """The bucket that `sam deploy --resolve-s3` makes for itself."""
    cfn = client("cloudformation")
    cfn.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {
        "BucketName": name, "BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}}}}}))
    cfn.get_waiter("stack_create_complete").wait(StackName=name)
    s3.put_object(Bucket=name, Key="code.zip", Body=b"zip")
    assert s3.head_object(Bucket=name, Key="code.zip")["SSEKMSKeyId"] == kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["Arn"]
