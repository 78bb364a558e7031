"""Access points: made, addressed by ARN and alias, their policies enforced; the account's public access block. Source: "Managing access to
shared datasets with access points" (S3 User Guide), Amazon S3 Control API Reference."""
import io
import json

import pytest
from refusals import refusal, user

ACCOUNT = "000000000000"


pytestmark = pytest.mark.usefixtures("names_below_localhost")


@pytest.fixture(scope="module")
def s3(client):
    return client("s3")


@pytest.fixture(scope="module")
def control(client):
    return client("s3control")


@pytest.fixture
def bucket(s3, name):
    s3.create_bucket(Bucket=name)
    return name


def reader_of(client, name, *statements):
    return user(client, name, *statements)("s3"), f"arn:aws:iam::{ACCOUNT}:user/{name}"


def code(call, **arguments):
    return refusal(call, **arguments)[0]


def test_a_point_is_made_listed_and_removed(s3, control, bucket, name):
    made = control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket=bucket)
    arn = f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/{name}"
    assert made["AccessPointArn"] == arn and made["Alias"].endswith("-s3alias") and len(made["Alias"]) <= 63
    got = control.get_access_point(AccountId=ACCOUNT, Name=name)
    assert (got["Bucket"], got["NetworkOrigin"], got["AccessPointArn"], got["Alias"]) == (bucket, "Internet", arn, made["Alias"])
    assert got["PublicAccessBlockConfiguration"] == dict.fromkeys(["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], True)
    assert got["Endpoints"]["ipv4"] == "s3-accesspoint.us-east-1.amazonaws.com"
    control.create_access_point(AccountId=ACCOUNT, Name=name + "-2", Bucket=bucket)
    page = control.list_access_points(AccountId=ACCOUNT, Bucket=bucket, MaxResults=1)
    assert [p["Name"] for p in page["AccessPointList"]] == [name]
    page = control.list_access_points(AccountId=ACCOUNT, Bucket=bucket, NextToken=page["NextToken"])
    assert [p["Name"] for p in page["AccessPointList"]] == [name + "-2"] and "NextToken" not in page
    control.tag_resource(AccountId=ACCOUNT, ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    control.untag_resource(AccountId=ACCOUNT, ResourceArn=arn, TagKeys=["a"])
    assert control.list_tags_for_resource(AccountId=ACCOUNT, ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert code(control.get_access_point, AccountId=ACCOUNT, Name=made["Alias"]) == "NoSuchAccessPoint", "an alias is for S3's requests, not for this service's"
    assert code(control.delete_access_point, AccountId=ACCOUNT, Name=made["Alias"]) == "NoSuchAccessPoint"
    assert code(s3.delete_bucket, Bucket=bucket) == "BucketHasAccessPointsAttached"
    for n in (name, name + "-2"):
        control.delete_access_point(AccountId=ACCOUNT, Name=n)
    assert code(control.get_access_point, AccountId=ACCOUNT, Name=name) == "NoSuchAccessPoint"
    s3.delete_bucket(Bucket=bucket)


def test_objects_through_arn_and_alias(s3, control, bucket, name):
    made = control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket=bucket)
    arn, alias = made["AccessPointArn"], made["Alias"]
    s3.put_object(Bucket=arn, Key="a/b c", Body=b"through")
    assert s3.get_object(Bucket=bucket, Key="a/b c")["Body"].read() == b"through"
    assert s3.get_object(Bucket=alias, Key="a/b c")["Body"].read() == b"through"
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=arn)["Contents"]] == ["a/b c"]
    s3.upload_fileobj(io.BytesIO(b"z" * (9 << 20)), arn, "large")
    assert s3.head_object(Bucket=alias, Key="large")["ContentLength"] == 9 << 20
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": arn, "Key": "a/b c"})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"through"
    head = s3.head_bucket(Bucket=alias)
    assert head["AccessPointAlias"] is True and head["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=alias)["LocationConstraint"] is None
    s3.delete_object(Bucket=arn, Key="copy")
    assert code(s3.get_object, Bucket=bucket, Key="copy") == "NoSuchKey"
    assert code(s3.put_bucket_versioning, Bucket=alias, VersioningConfiguration={"Status": "Enabled"}) == "MethodNotAllowed"
    # settings of the bucket whose operations do not have the word in their names
    assert code(s3.put_public_access_block, Bucket=alias, PublicAccessBlockConfiguration={"BlockPublicAcls": True}) == "MethodNotAllowed"
    assert code(s3.delete_public_access_block, Bucket=alias) == "MethodNotAllowed"
    assert code(s3.put_object_lock_configuration, Bucket=alias, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}) == "MethodNotAllowed"
    assert code(s3.get_object, Bucket="gone-" + "0" * 34 + "-s3alias", Key="x") == "NoSuchBucket"


def test_the_point_and_the_bucket_must_both_agree(client, s3, control, bucket, name):
    made = control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket=bucket)
    arn = made["AccessPointArn"]
    s3.put_object(Bucket=bucket, Key="in/x", Body=b"1")
    s3.put_object(Bucket=bucket, Key="out", Body=b"2")
    nobody, who = reader_of(client, name)
    assert code(nobody.get_object, Bucket=arn, Key="in/x") == "AccessDenied"
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": who}, "Action": "s3:GetObject", "Resource": f"{arn}/object/in/*"}]}
    control.put_access_point_policy(AccountId=ACCOUNT, Name=name, Policy=json.dumps(policy))
    assert json.loads(control.get_access_point_policy(AccountId=ACCOUNT, Name=name)["Policy"]) == policy
    assert control.get_access_point_policy_status(AccountId=ACCOUNT, Name=name)["PolicyStatus"]["IsPublic"] is False
    assert code(nobody.get_object, Bucket=arn, Key="in/x") == "AccessDenied", "the bucket has not agreed yet"
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
         "Condition": {"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}}}]}))
    assert nobody.get_object(Bucket=arn, Key="in/x")["Body"].read() == b"1"
    assert code(nobody.get_object, Bucket=arn, Key="out") == "AccessDenied"
    assert code(nobody.get_object, Bucket=bucket, Key="in/x") == "AccessDenied", "the delegation is for access points only"
    control.delete_access_point_policy(AccountId=ACCOUNT, Name=name)
    assert code(nobody.get_object, Bucket=arn, Key="in/x") == "AccessDenied"
    assert code(control.get_access_point_policy, AccountId=ACCOUNT, Name=name) == "NoSuchAccessPointPolicy"


def test_own_policies_name_the_points_arn(client, s3, control, bucket, name):
    arn = control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket=bucket)["AccessPointArn"]
    reader, who = reader_of(client, name, {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{arn}/object/*"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    assert reader.get_object(Bucket=arn, Key="k")["Body"].read() == b"1"
    assert code(reader.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    control.put_access_point_policy(AccountId=ACCOUNT, Name=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/object/*"}]}))
    assert code(reader.get_object, Bucket=arn, Key="k") == "AccessDenied"


def test_points_that_cannot_be(control, bucket, client, name):
    make = lambda **more: code(control.create_access_point, **{"AccountId": ACCOUNT, "Name": name, "Bucket": bucket, **more})
    assert make(Name="No_Way") == "InvalidRequest" and make(Bucket=name + "-none") == "NoSuchBucket"
    assert make(VpcConfiguration={"VpcId": "vpc-1"}) == "NotImplemented" and make(AccountId="111111111111") == "AccessDenied"
    west = client("s3control", region="eu-west-1")
    assert code(west.create_access_point, AccountId=ACCOUNT, Name=name, Bucket=bucket) == "InvalidRequest"
    control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket=bucket)
    assert make() == "AccessPointAlreadyOwnedByYou"
    arn = f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/{name}"
    policy = lambda resource, principal: code(control.put_access_point_policy, AccountId=ACCOUNT, Name=name, Policy=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": resource}]}))
    assert policy(f"arn:aws:s3:::{bucket}/*", {"AWS": ACCOUNT}) == "MalformedPolicy" and policy(f"{arn}/object/*", "*") == "AccessDenied"


def test_the_accounts_public_access_block(fresh_tsubo):
    s3, control = fresh_tsubo.client("s3"), fresh_tsubo.client("s3control")
    import requests
    s3.create_bucket(Bucket="open", ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket="open")
    s3.put_object(Bucket="open", Key="k", Body=b"1", ACL="public-read")
    assert requests.get(fresh_tsubo.url + "/open/k").status_code == 200
    assert code(control.get_public_access_block, AccountId=ACCOUNT) == "NoSuchPublicAccessBlockConfiguration"
    control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration={"IgnorePublicAcls": True, "BlockPublicPolicy": True})
    assert control.get_public_access_block(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": False, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": False}
    assert requests.get(fresh_tsubo.url + "/open/k").status_code == 403
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::open/*"}]})
    assert code(s3.put_bucket_policy, Bucket="open", Policy=policy) == "AccessDenied"
    control.delete_public_access_block(AccountId=ACCOUNT)
    s3.put_bucket_policy(Bucket="open", Policy=policy)
    assert requests.get(fresh_tsubo.url + "/open/k").status_code == 200


def test_cloudformation_makes_a_point(client, s3, control, name, eventually):
    cfn = client("cloudformation")
    template = {"Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}},
        "Point": {"Type": "AWS::S3::AccessPoint", "Properties": {"Bucket": {"Ref": "Bucket"}, "Name": name, "Policy": {
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "s3:GetObject",
                                                    "Resource": f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/{name}/object/*"}]}}}},
        "Outputs": {"Alias": {"Value": {"Fn::GetAtt": ["Point", "Alias"]}}, "Arn": {"Value": {"Fn::GetAtt": ["Point", "Arn"]}}}}
    cfn.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stack = lambda: cfn.describe_stacks(StackName=name)["Stacks"][0]
    eventually(lambda: stack()["StackStatus"] == "CREATE_COMPLETE")
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack()["Outputs"]}
    s3.put_object(Bucket=outputs["Alias"], Key="k", Body=b"1")
    assert s3.get_object(Bucket=outputs["Arn"], Key="k")["Body"].read() == b"1"
    assert "GetObject" in control.get_access_point_policy(AccountId=ACCOUNT, Name=name)["Policy"]
    s3.delete_object(Bucket=name, Key="k")
    cfn.delete_stack(StackName=name)
    eventually(lambda: not control.list_access_points(AccountId=ACCOUNT, Bucket=name)["AccessPointList"])
