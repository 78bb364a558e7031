"""MFA delete through boto3. Sources: "Configuring MFA delete" (S3 User Guide); PutBucketVersioning, DeleteObject, DeleteObjects (S3 API Reference)."""
import base64
import hashlib
import hmac
import struct

import pytest
from botocore.exceptions import ClientError

NEEDED, FAILED = "Mfa Authentication must be used for this request", "Mfa Authentication failed"


def totp(seed, at):
    """RFC 6238."""
    mac = hmac.new(base64.b32decode(seed), struct.pack(">Q", int(at) // 30), hashlib.sha1).digest()
    return "%06d" % ((struct.unpack_from(">I", mac, mac[19] & 15)[0] & 0x7fffffff) % 10**6)


def refused(call, code="AccessDenied", text=""):
    with pytest.raises(ClientError) as e:
        call()
    error = e.value.response["Error"]
    assert error["Code"] == code and text in error["Message"], error


@pytest.fixture(scope="module")
def mfa(tsubo, client):
    """mfa() is what the x-amz-mfa header says: root's device and a code that was not used yet."""
    iam = client("iam")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="root-account-mfa-device")["VirtualMFADevice"]
    now = lambda: tsubo.admin("clock")["clock_ms"] / 1000
    first, second = (lambda at: (totp(made["Base32StringSeed"], at - 30), totp(made["Base32StringSeed"], at)))(now())
    iam.enable_mfa_device(UserName="root", SerialNumber=made["SerialNumber"], AuthenticationCode1=first, AuthenticationCode2=second)
    def header():
        tsubo.turn_clock("+60s")
        return f"{made['SerialNumber']} {totp(made['Base32StringSeed'], now())}"
    return header


def versioning(s3, bucket, **more):
    configuration = {k: more.pop(k) for k in ("Status", "MFADelete") if k in more}
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=configuration, **more)


def state(s3, bucket):
    return {k: v for k, v in s3.get_bucket_versioning(Bucket=bucket).items() if k != "ResponseMetadata"}


@pytest.fixture
def bucket(s3, name, mfa):
    """A bucket with MFA delete."""
    s3.create_bucket(Bucket=name)
    versioning(s3, name, Status="Enabled", MFADelete="Enabled", MFA=mfa())
    return name


def test_turned_on_and_off_by_root_with_a_code(s3, client, name, mfa):
    s3.create_bucket(Bucket=name)
    versioning(s3, name, Status="Enabled", MFADelete="Disabled") # what Terraform sends
    assert state(s3, name) == {"Status": "Enabled"}
    refused(lambda: versioning(s3, name, Status="Enabled", MFADelete="Enabled"), text=NEEDED)
    refused(lambda: versioning(s3, name, Status="Enabled", MFADelete="Enabled", MFA="123456"), "InvalidArgument", "Mfa header is invalid")
    refused(lambda: versioning(s3, name, Status="Enabled", MFADelete="Enabled", MFA="GAHT12345678 123456"), text=FAILED)
    code = mfa()
    refused(lambda: versioning(s3, name, Status="Enabled", MFADelete="Enabled", MFA=code.replace(":mfa/", ":mfa/x")), text=FAILED)
    versioning(s3, name, Status="Enabled", MFADelete="Enabled", MFA=code)
    assert state(s3, name) == {"Status": "Enabled", "MFADelete": "Enabled"}
    refused(lambda: versioning(s3, name, Status="Suspended"), text=NEEDED)
    refused(lambda: versioning(s3, name, Status="Suspended", MFA=code), text=FAILED) # spent
    versioning(s3, name, Status="Suspended", MFA=mfa())
    assert state(s3, name) == {"Status": "Suspended", "MFADelete": "Enabled"}
    versioning(s3, name, Status="Enabled", MFADelete="Disabled", MFA=mfa())
    assert state(s3, name) == {"Status": "Enabled", "MFADelete": "Disabled"}
    versioning(s3, name, Status="Suspended")


def test_only_the_root_user_may(s3, client, bucket, mfa):
    """"Only the bucket owner (root account) can enable MFA delete"; and only it can delete versions then."""
    iam = client("iam")
    iam.create_user(UserName=bucket)
    iam.attach_user_policy(UserName=bucket, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    key = iam.create_access_key(UserName=bucket)["AccessKey"]
    admin, code = client("s3", key["AccessKeyId"], key["SecretAccessKey"]), mfa()
    version = admin.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    refused(lambda: versioning(admin, bucket, Status="Suspended", MFA=code), text="only be performed by the bucket owner")
    refused(lambda: admin.delete_object(Bucket=bucket, Key="k", VersionId=version), text=NEEDED)
    refused(lambda: admin.delete_object(Bucket=bucket, Key="k", VersionId=version, MFA=code), text="only be performed by the bucket owner")
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version, MFA=code)


def test_versions_go_with_a_code_only(s3, bucket, mfa):
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k") # a marker hides; nothing is lost
    assert marker["DeleteMarker"]
    refused(lambda: s3.delete_object(Bucket=bucket, Key="k", VersionId=version), text=NEEDED)
    refused(lambda: s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"]), text=NEEDED)
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"], MFA=mfa())
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version, MFA=mfa())
    assert "Versions" not in s3.list_object_versions(Bucket=bucket)


def test_one_code_for_many_versions(s3, bucket, mfa):
    """DeleteObjects: "If you do not provide one, the entire request will fail, even if there are non-versioned objects"; an invalid one likewise."""
    made = [{"Key": f"k{i}", "VersionId": s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"1")["VersionId"]} for i in range(3)]
    s3.put_object(Bucket=bucket, Key="plain", Body=b"1")
    all_of_it = {"Objects": made + [{"Key": "plain"}]}
    refused(lambda: s3.delete_objects(Bucket=bucket, Delete=all_of_it), text=NEEDED)
    refused(lambda: s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "plain"}]}, MFA="GAHT12345678 123456"), text=FAILED)
    assert s3.get_object(Bucket=bucket, Key="plain")
    assert "Errors" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "plain"}]})
    answer = s3.delete_objects(Bucket=bucket, Delete=all_of_it, MFA=mfa())
    assert len(answer["Deleted"]) == 4 and "Errors" not in answer
    assert {v["Key"] for v in s3.list_object_versions(Bucket=bucket)["Versions"]} == {"plain"}


def test_not_together_with_lifecycle(s3, bucket, name, mfa):
    """"You cannot use MFA delete with lifecycle configurations.\""""
    rule = {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
    put = lambda b: s3.put_bucket_lifecycle_configuration(Bucket=b, LifecycleConfiguration=rule)
    refused(lambda: put(bucket), "InvalidBucketState")
    other = name + "-2"
    s3.create_bucket(Bucket=other)
    put(other)
    refused(lambda: versioning(s3, other, Status="Enabled", MFADelete="Enabled", MFA=mfa()), "InvalidBucketState", "Mfa Authentication is not supported")
    s3.delete_bucket_lifecycle(Bucket=other)
    versioning(s3, other, Status="Enabled", MFADelete="Enabled", MFA=mfa())
