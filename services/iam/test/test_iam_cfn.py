"""AWS::IAM types through CloudFormation. Follows "AWS IAM resource type reference" (CloudFormation Template Reference)."""
import json

import pytest
from botocore.exceptions import ClientError

LAMBDA = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
XRAY = "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess"


def policy(action):
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


@pytest.fixture
def iam(client):
    return client("iam")


@pytest.fixture
def stack(client, name):
    """deploy(resources) creates or updates one stack and gives its outputs; deploy(None) deletes it."""
    cfn = client("cloudformation")
    def deploy(resources, outputs=None):
        if resources is None:
            cfn.delete_stack(StackName=name)
            cfn.get_waiter("stack_delete_complete").wait(StackName=name)
            return None
        body = json.dumps({"Resources": resources, "Outputs": {k: {"Value": v} for k, v in (outputs or {}).items()}})
        try:
            cfn.describe_stacks(StackName=name)
            verb = "update"
        except ClientError:
            verb = "create"
        getattr(cfn, verb + "_stack")(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
        cfn.get_waiter(f"stack_{verb}_complete").wait(StackName=name)
        described = cfn.describe_stacks(StackName=name)["Stacks"][0]
        return {o["OutputKey"]: o["OutputValue"] for o in described.get("Outputs", [])}
    return deploy


def gone(call):
    with pytest.raises(ClientError) as e:
        call()
    assert e.value.response["Error"]["Code"] == "NoSuchEntity"


def test_role_is_made_changed_and_deleted(iam, stack, name):
    role = {"Type": "AWS::IAM::Role", "Properties": {
        "AssumeRolePolicyDocument": LAMBDA, "ManagedPolicyArns": [BASIC], "Description": "first", "Tags": [{"Key": "a", "Value": "1"}],
        "Policies": [{"PolicyName": "p", "PolicyDocument": policy("s3:Get*")}]}}
    outputs = {"Name": {"Ref": "R"}, "Arn": {"Fn::GetAtt": ["R", "Arn"]}, "Id": {"Fn::GetAtt": ["R", "RoleId"]}}
    out = stack({"R": role}, outputs)
    assert out["Name"].startswith(name + "-R-")
    got = iam.get_role(RoleName=out["Name"])["Role"]
    assert (got["Arn"], got["RoleId"], got["Description"]) == (out["Arn"], out["Id"], "first")
    assert {"Key": "a", "Value": "1"} in got["Tags"]
    assert iam.get_role_policy(RoleName=out["Name"], PolicyName="p")["PolicyDocument"] == policy("s3:Get*")

    role["Properties"].update(ManagedPolicyArns=[XRAY], Description="second", MaxSessionDuration=7200, Tags=[{"Key": "b", "Value": "2"}],
                              Policies=[{"PolicyName": "q", "PolicyDocument": policy("sqs:*")}])
    assert stack({"R": role}, outputs) == out
    got = iam.get_role(RoleName=out["Name"])["Role"]
    assert (got["Description"], got["MaxSessionDuration"]) == ("second", 7200)
    assert "a" not in [t["Key"] for t in got["Tags"]]
    assert [p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=out["Name"])["AttachedPolicies"]] == [XRAY]
    assert iam.list_role_policies(RoleName=out["Name"])["PolicyNames"] == ["q"]
    stack(None)
    gone(lambda: iam.get_role(RoleName=out["Name"]))


def test_policies_as_resources(iam, stack, name):
    resources = {
        "R": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": name, "AssumeRolePolicyDocument": LAMBDA}},
        "P": {"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "p", "PolicyDocument": policy("s3:*"), "Roles": [{"Ref": "R"}]}},
        "M": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": policy("sqs:*"), "Roles": [{"Ref": "R"}], "Path": "/m/"}},
        "I": {"Type": "AWS::IAM::RolePolicy", "Properties": {"RoleName": {"Ref": "R"}, "PolicyName": "i", "PolicyDocument": policy("sns:*")}},
    }
    out = stack(resources, {"M": {"Ref": "M"}})
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["i", "p"]
    assert [p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]] == [out["M"]]
    for i in range(6): # more than five versions: old ones make room
        resources["M"]["Properties"]["PolicyDocument"] = policy(f"sqs:v{i}")
        stack(resources, {"M": {"Ref": "M"}})
    version = iam.get_policy(PolicyArn=out["M"])["Policy"]["DefaultVersionId"]
    assert iam.get_policy_version(PolicyArn=out["M"], VersionId=version)["PolicyVersion"]["Document"] == policy("sqs:v5")
    stack(None)
    gone(lambda: iam.get_role(RoleName=name))
    gone(lambda: iam.get_policy(PolicyArn=out["M"]))


def test_service_linked_role(iam, stack):
    out = stack({"L": {"Type": "AWS::IAM::ServiceLinkedRole", "Properties": {"AWSServiceName": "ssm.amazonaws.com"}}}, {"Name": {"Ref": "L"}})
    assert out["Name"] == "AWSServiceRoleForAmazonSSM"
    stack(None)
    gone(lambda: iam.get_role(RoleName=out["Name"]))


def test_users_groups_keys_and_profiles(client, iam, stack, name):
    resources = {
        "G": {"Type": "AWS::IAM::Group", "Properties": {"GroupName": name, "Policies": [{"PolicyName": "p", "PolicyDocument": policy("iam:GetUser")}]}},
        "U": {"Type": "AWS::IAM::User", "Properties": {"UserName": name, "Groups": [{"Ref": "G"}]}},
        "K": {"Type": "AWS::IAM::AccessKey", "Properties": {"UserName": {"Ref": "U"}}},
        "R": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": name, "AssumeRolePolicyDocument": LAMBDA}},
        "I": {"Type": "AWS::IAM::InstanceProfile", "Properties": {"InstanceProfileName": name, "Roles": [{"Ref": "R"}]}},
    }
    out = stack(resources, {"Key": {"Ref": "K"}, "Secret": {"Fn::GetAtt": ["K", "SecretAccessKey"]}, "I": {"Fn::GetAtt": ["I", "Arn"]}})
    assert client("iam", out["Key"], out["Secret"]).get_user()["User"]["UserName"] == name
    assert iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Arn"] == out["I"]
    stack(None)
    gone(lambda: iam.get_user(UserName=name))
    gone(lambda: iam.get_group(GroupName=name))
    gone(lambda: iam.get_instance_profile(InstanceProfileName=name))


def test_a_virtual_mfa_device(iam, stack, name):
    """AWS::IAM::VirtualMFADevice: Ref and SerialNumber give its serial number; assigning it takes its codes."""
    iam.create_user(UserName=name)
    def device(*tags, users=(name,)):
        return {"D": {"Type": "AWS::IAM::VirtualMFADevice", "Properties": {
            "VirtualMfaDeviceName": name, "Path": "/cfn/", "Users": list(users), "Tags": [{"Key": k, "Value": "1"} for k in tags]}}}
    out = stack(device("a"), {"Ref": {"Ref": "D"}, "Serial": {"Fn::GetAtt": ["D", "SerialNumber"]}})
    assert out["Ref"] == out["Serial"] and out["Ref"].endswith(f":mfa/cfn/{name}")
    stack(device("b"))
    assert [t["Key"] for t in iam.list_mfa_device_tags(SerialNumber=out["Ref"])["Tags"] if not t["Key"].startswith("aws:")] == ["b"]
    stack(None)
    gone(lambda: iam.list_mfa_device_tags(SerialNumber=out["Ref"]))


def test_a_user_with_a_login_profile(iam, stack, name):
    """AWS::IAM::User LoginProfile."""
    def user(**more):
        return {"U": {"Type": "AWS::IAM::User", "Properties": {"UserName": name, **more}}}
    stack(user(LoginProfile={"Password": "Correct-Horse-7", "PasswordResetRequired": True}))
    assert iam.get_login_profile(UserName=name)["LoginProfile"]["PasswordResetRequired"] is True
    stack(user(LoginProfile={"Password": "Correct-Horse-8"}))
    assert iam.get_login_profile(UserName=name)["LoginProfile"]["PasswordResetRequired"] is False
    stack(user())
    gone(lambda: iam.get_login_profile(UserName=name))
    stack(user(LoginProfile={"Password": "Correct-Horse-9"}))
    stack(None)
    gone(lambda: iam.get_user(UserName=name))


def test_an_oidc_provider(iam, stack, name):
    """AWS::IAM::OIDCProvider."""
    def provider(*clients, tag="1"):
        return {"P": {"Type": "AWS::IAM::OIDCProvider", "Properties": {
            "Url": f"https://{name}.example", "ClientIdList": list(clients), "ThumbprintList": ["c" * 40], "Tags": [{"Key": "t", "Value": tag}]}}}
    out = stack(provider("sts.amazonaws.com"), {"Ref": {"Ref": "P"}, "Arn": {"Fn::GetAtt": ["P", "Arn"]}})
    assert out["Ref"] == out["Arn"] and out["Arn"].endswith(f":oidc-provider/{name}.example")
    stack(provider("other", "third", tag="2"))
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=out["Arn"])
    assert got["ClientIDList"] == ["other", "third"] and {"Key": "t", "Value": "2"} in got["Tags"]
    stack(None)
    gone(lambda: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=out["Arn"]))
