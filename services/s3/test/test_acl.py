"""ACLs between accounts. Source: "Access control list (ACL) overview", "How Amazon S3 authorizes a request", "Controlling ownership of objects"
(S3 User Guide); "PutObjectAcl" (S3 API Reference)."""
import json

import pytest
from botocore.exceptions import ClientError


def refused(call, **how):
    with pytest.raises(ClientError) as e:
        call(**how)
    return e.value.response["Error"]["Code"]


def works(call, **how):
    try:
        call(**how)
        return True
    except ClientError as e:
        assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 403, e
        return False


@pytest.fixture
def other(client):
    return client("s3", key="111111111111")


@pytest.fixture
def bucket(s3, name):
    s3.create_bucket(Bucket=name, ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket=name)
    return name


@pytest.fixture
def ids(s3, other):
    return [who.list_buckets()["Owner"]["ID"] for who in (s3, other)]


def grants(answer):
    return sorted((g["Permission"], g["Grantee"]["ID"]) for g in answer["Grants"])


@pytest.mark.parametrize("how,can", [("GrantFullControl", "read write read-acl write-acl"), ("GrantRead", "read"), ("GrantWrite", "write"),
                                     ("GrantReadACP", "read-acl"), ("GrantWriteACP", "write-acl")])
def test_what_each_permission_on_a_bucket_allows(s3, other, bucket, ids, how, can):
    s3.put_bucket_acl(Bucket=bucket, **{"GrantFullControl": f"id={ids[0]}", how: f"id={ids[0]}, id={ids[1]}"})
    tries = {"read": (other.list_objects_v2, {}), "write": (other.put_object, {"Key": "k", "Body": b"1"}), "read-acl": (other.get_bucket_acl, {}),
             "write-acl": (other.put_bucket_acl, {"ACL": "private"})}
    assert [what for what, (call, how) in tries.items() if works(call, Bucket=bucket, **how)] == can.split()


def test_an_object_is_its_writers(s3, other, bucket, ids):
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    other.put_object(Bucket=bucket, Key="k", Body=b"1")
    assert other.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1" and grants(other.get_object_acl(Bucket=bucket, Key="k")) == [("FULL_CONTROL", ids[1])]
    assert refused(s3.get_object, Bucket=bucket, Key="k") == refused(s3.get_object_acl, Bucket=bucket, Key="k") == "AccessDenied"
    other.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": []})
    assert refused(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging={"TagSet": []}) == "AccessDenied"
    other.put_object(Bucket=bucket, Key="k", Body=b"2", ACL="bucket-owner-read")
    assert grants(other.get_object_acl(Bucket=bucket, Key="k")) == sorted([("FULL_CONTROL", ids[1]), ("READ", ids[0])])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2" and not works(s3.put_object_acl, Bucket=bucket, Key="k", ACL="private")
    other.put_object(Bucket=bucket, Key="k", Body=b"3", ACL="bucket-owner-full-control")
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="bucket-owner-read")
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Owner"]["ID"] == ids[1]
    s3.delete_object(Bucket=bucket, Key="k")


def test_a_buckets_policy_lets_nobody_in_to_anothers_object(s3, other, client, bucket):
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    other.put_object(Bucket=bucket, Key="theirs", Body=b"1")
    s3.put_object(Bucket=bucket, Key="ours", Body=b"1")
    third = client("s3", key="222222222222")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert works(third.get_object, Bucket=bucket, Key="ours") and not works(third.get_object, Bucket=bucket, Key="theirs")
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Effect": "Deny"}]}))
    assert not works(other.get_object, Bucket=bucket, Key="theirs")


def test_ownership_settings_hand_objects_over(s3, other, bucket, ids):
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]})
    other.put_object(Bucket=bucket, Key="given", Body=b"1", ACL="bucket-owner-full-control")
    other.put_object(Bucket=bucket, Key="kept", Body=b"1")
    owners = {o["Key"]: o["Owner"]["ID"] for o in s3.list_objects(Bucket=bucket)["Contents"]}
    assert owners == {"given": ids[0], "kept": ids[1]}
    assert grants(s3.get_object_acl(Bucket=bucket, Key="given")) == [("FULL_CONTROL", ids[0])] and works(s3.get_object, Bucket=bucket, Key="given")
    assert not works(other.get_object, Bucket=bucket, Key="given") and not works(s3.get_object, Bucket=bucket, Key="kept")


def test_uploads_are_theirs_who_began_them(s3, other, client, bucket, ids):
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    upload = other.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    [seen] = other.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert (seen["UploadId"], seen["Owner"]["ID"], seen["Initiator"]["ID"]) == (upload, ids[1], ids[1])
    assert not works(client("s3", key="222222222222").abort_multipart_upload, Bucket=bucket, Key="m", UploadId=upload)
    assert works(other.list_parts, Bucket=bucket, Key="m", UploadId=upload) and works(other.abort_multipart_upload, Bucket=bucket, Key="m", UploadId=upload)


def test_mail_addresses_are_no_grantees_any_more(s3, bucket, ids):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    assert refused(s3.put_object_acl, Bucket=bucket, Key="k", GrantRead='emailAddress="a@example.com"') == "MethodNotAllowed"
    assert refused(s3.put_bucket_acl, Bucket=bucket, AccessControlPolicy={"Owner": {"ID": ids[0]}, "Grants": [
        {"Grantee": {"Type": "AmazonCustomerByEmail", "EmailAddress": "a@example.com"}, "Permission": "READ"}]}) == "MethodNotAllowed"
