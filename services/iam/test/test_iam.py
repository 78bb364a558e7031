"""IAM through boto3. Follows the IAM API Reference; messages are the API's own."""
import json

import pytest
import refusals
from refusals import refused

ACCOUNT = "000000000000"
LAMBDA_BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **condition):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **({"Condition": condition} if condition else {})}


def trust(principal):
    return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


LAMBDA = trust({"Service": "lambda.amazonaws.com"})


@pytest.fixture
def iam(client):
    return client("iam")


@pytest.fixture
def user(client, iam, name):
    """A user and a function that makes clients with its access key."""
    return refusals.user(client, name)


# ---- roles ----

def test_role_round_trip(iam, name):
    made = iam.create_role(RoleName=name, Path="/app/", AssumeRolePolicyDocument=LAMBDA, Description="d", MaxSessionDuration=7200,
                           Tags=[{"Key": "a", "Value": "b"}], PermissionsBoundary="arn:aws:iam::aws:policy/PowerUserAccess")["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/app/{name}"
    assert made["RoleId"].startswith("AROA") and len(made["RoleId"]) == 21
    assert made["AssumeRolePolicyDocument"] == json.loads(LAMBDA)
    got = iam.get_role(RoleName=name)["Role"]
    assert got["Tags"] == [{"Key": "a", "Value": "b"}] and got["MaxSessionDuration"] == 7200 and got["Description"] == "d"
    assert got["PermissionsBoundary"] == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": "arn:aws:iam::aws:policy/PowerUserAccess"}
    iam.update_role(RoleName=name, Description="e", MaxSessionDuration=3600)
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust({"Service": "ecs-tasks.amazonaws.com"}))
    got = iam.get_role(RoleName=name)["Role"]
    assert (got["Description"], got["MaxSessionDuration"]) == ("e", 3600)
    assert got["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
    iam.delete_role(RoleName=name)
    refused(lambda: iam.get_role(RoleName=name), "NoSuchEntity", f"The role with name {name} cannot be found.")


def test_role_errors(iam, name):
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA)
    create = lambda n, document: iam.create_role(RoleName=n, AssumeRolePolicyDocument=document)
    refused(lambda: create(name, LAMBDA), "EntityAlreadyExists", f"Role with name {name} already exists.")
    refused(lambda: create(name.upper(), LAMBDA), "EntityAlreadyExists")
    refused(lambda: create(name + "2", "{"), "MalformedPolicyDocument", "This policy contains invalid Json")
    refused(lambda: create(name + "2", policy(allow("s3:*"))), "MalformedPolicyDocument", "Has prohibited field Resource")
    refused(lambda: create(name + "2", policy({"Effect": "Allow", "Action": "sts:AssumeRole"})), "MalformedPolicyDocument", "Missing required field Principal")
    refused(lambda: create("with space", LAMBDA), "ValidationError")
    refused(lambda: iam.attach_role_policy(RoleName="none-" + name, PolicyArn=LAMBDA_BASIC), "NoSuchEntity")
    refused(lambda: iam.create_role(RoleName=name + "2", AssumeRolePolicyDocument=LAMBDA, PermissionsBoundary="arn:aws:iam::aws:policy/NoneSuch"), "NoSuchEntity")


def test_role_is_deleted_only_when_nothing_hangs_on_it(iam, name):
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA)
    iam.attach_role_policy(RoleName=name, PolicyArn=LAMBDA_BASIC)
    refused(lambda: iam.delete_role(RoleName=name), "DeleteConflict", "Cannot delete entity, must detach all policies first.")
    iam.detach_role_policy(RoleName=name, PolicyArn=LAMBDA_BASIC)
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow("s3:*")))
    refused(lambda: iam.delete_role(RoleName=name), "DeleteConflict", "Cannot delete entity, must delete policies first.")
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    refused(lambda: iam.delete_role(RoleName=name), "DeleteConflict", "must remove roles from instance profile first")
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    iam.delete_role(RoleName=name)


def test_roles_come_in_pages(client, name):
    iam = client("iam", "555566667777")
    for i in range(7):
        iam.create_role(RoleName=f"{name}-{i}", Path="/even/" if i % 2 == 0 else "/odd/", AssumeRolePolicyDocument=LAMBDA)
    pages = list(iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(p["Roles"]) for p in pages] == [3, 3, 1]
    assert [r["RoleName"][-1] for p in pages for r in p["Roles"]] == list("0123456")
    assert [r["RoleName"][-1] for r in iam.list_roles(PathPrefix="/odd/")["Roles"]] == list("135")
    refused(lambda: iam.list_roles(Marker="made-up"), "ValidationError", "Invalid Marker")


def test_service_linked_roles(client):
    iam = client("iam", "555566668888")
    role = iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com")["Role"]
    assert role["Arn"].endswith(":role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")
    refused(lambda: iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com"), "InvalidInput", "has been taken in this account")
    refused(lambda: iam.delete_role(RoleName="AWSServiceRoleForECS"), "UnmodifiableEntity", "only modifiable by AWS")
    task = iam.delete_service_linked_role(RoleName="AWSServiceRoleForECS")["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"


LINKED = """apidestinations.events.amazonaws.com appsync.amazonaws.com autoscaling.amazonaws.com
    backup.amazonaws.com cloudtrail.amazonaws.com config.amazonaws.com
    dynamodb.application-autoscaling.amazonaws.com ecs.amazonaws.com ecs.application-autoscaling.amazonaws.com
    eks.amazonaws.com elasticache.amazonaws.com elasticache.application-autoscaling.amazonaws.com
    elasticloadbalancing.amazonaws.com email.cognito-idp.amazonaws.com events.amazonaws.com
    guardduty.amazonaws.com lambda.application-autoscaling.amazonaws.com opensearchservice.amazonaws.com
    ops.apigateway.amazonaws.com rds.amazonaws.com rds.application-autoscaling.amazonaws.com
    replication.dynamodb.amazonaws.com ssm.amazonaws.com wafv2.amazonaws.com"""


def test_every_service_linked_role(client):
    iam = client("iam", "555566669999")
    for service in LINKED.split():
        role = iam.create_service_linked_role(AWSServiceName=service)["Role"]
        assert role["Path"] == f"/aws-service-role/{service}/"
        assert len(iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"]) == 1


# ---- policies ----

def test_inline_policies(iam, name):
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA)
    for p in ("b", "a", "c"):
        iam.put_role_policy(RoleName=name, PolicyName=p, PolicyDocument=policy(allow(f"s3:{p}*")))
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["a", "b", "c"]
    got = iam.get_role_policy(RoleName=name, PolicyName="b")
    assert got["PolicyDocument"]["Statement"][0]["Action"] == "s3:b*"
    refused(lambda: iam.get_role_policy(RoleName=name, PolicyName="d"), "NoSuchEntity", "The role policy with name d cannot be found.")
    refused(lambda: iam.put_role_policy(RoleName=name, PolicyName="d", PolicyDocument=policy({"Effect": "Allow", "Action": "s3:*"})),
            "MalformedPolicyDocument", "Policy statement must contain resources.")
    big = policy(*[allow("s3:GetObject", "arn:aws:s3:::" + "x" * 900 + str(i)) for i in range(12)])
    refused(lambda: iam.put_role_policy(RoleName=name, PolicyName="d", PolicyDocument=big), "LimitExceeded", "Maximum policy size of 10240 bytes exceeded")


def test_managed_policy_and_versions(iam, name):
    arn = iam.create_policy(PolicyName=name, Path="/p/", PolicyDocument=policy(allow("s3:v1")), Description="d")["Policy"]["Arn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:policy/p/{name}"
    for i in range(2, 6):
        made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow(f"s3:v{i}")), SetAsDefault=i == 3)["PolicyVersion"]
        assert made["VersionId"] == f"v{i}"
    refused(lambda: iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("s3:v6"))), "LimitExceeded", "A managed policy can have up to 5 versions.")
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [(v["VersionId"], v["IsDefaultVersion"]) for v in versions] == [("v5", False), ("v4", False), ("v3", True), ("v2", False), ("v1", False)]
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]["Document"]["Statement"][0]["Action"] == "s3:v2"
    refused(lambda: iam.delete_policy_version(PolicyArn=arn, VersionId="v3"), "DeleteConflict", "Cannot delete the default version of a policy.")
    refused(lambda: iam.delete_policy(PolicyArn=arn), "DeleteConflict", "more than one version")
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    for v in ("v2", "v3", "v4", "v5"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=v)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA)
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    got = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (got["AttachmentCount"], got["DefaultVersionId"], got["Description"]) == (1, "v1", "d")
    assert iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"][0]["RoleName"] == name
    refused(lambda: iam.delete_policy(PolicyArn=arn), "DeleteConflict", "Cannot delete a policy attached to entities.")
    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    refused(lambda: iam.get_policy(PolicyArn=arn), "NoSuchEntity", f"Policy {arn} was not found.")
    refused(lambda: iam.attach_role_policy(RoleName=name, PolicyArn=arn), "NoSuchEntity", f"Policy {arn} does not exist or is not attachable.")
    refused(lambda: iam.detach_role_policy(RoleName=name, PolicyArn=arn), "NoSuchEntity")


def test_policies_of_aws(iam, name):
    got = iam.get_policy(PolicyArn=LAMBDA_BASIC)["Policy"]
    assert (got["PolicyName"], got["Path"]) == ("AWSLambdaBasicExecutionRole", "/service-role/")
    document = iam.get_policy_version(PolicyArn=LAMBDA_BASIC, VersionId=got["DefaultVersionId"])["PolicyVersion"]["Document"]
    assert "logs:PutLogEvents" in document["Statement"][0]["Action"]
    refused(lambda: iam.delete_policy(PolicyArn=LAMBDA_BASIC), "AccessDenied")
    iam.create_user(UserName=name)
    refused(lambda: iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/aws-service-role/AmazonECSServiceRolePolicy"),
            "PolicyNotAttachable")
    names = [p["PolicyName"] for page in iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 400})
             for p in page["Policies"]]
    assert len(names) == len(set(names)) > 1500
    assert {"AdministratorAccess", "ReadOnlyAccess", "AWSLambdaSQSQueueExecutionRole", "AmazonECSTaskExecutionRolePolicy"} <= set(names)


@pytest.mark.parametrize("document, message", [
    ("{", "This policy contains invalid Json"),
    ('{"Version":"2012-10-17"}', "Syntax errors in policy."),
    ('{"Version":"2011-01-01","Statement":[]}', "Policy document must be version 2012-10-17 or greater."),
    (policy({"Effect": "Allow", "Action": "GetObject", "Resource": "*"}), "Actions/Conditions must be prefaced by a vendor"),
    (policy({"Effect": "Allow", "Action": "s3:*", "Resource": "bucket"}), 'Resource bucket must be in ARN format or "*".'),
    (policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"}), "Policy document should not specify a principal."),
])
def test_malformed_documents(iam, name, document, message):
    refused(lambda: iam.create_policy(PolicyName=name, PolicyDocument=document), "MalformedPolicyDocument", message)


# ---- users, groups, keys ----

def test_user_round_trip(iam, name):
    made = iam.create_user(UserName=name, Path="/dev/", Tags=[{"Key": "team", "Value": "blue"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/dev/{name}" and made["UserId"].startswith("AIDA")
    iam.tag_user(UserName=name, Tags=[{"Key": "Team", "Value": "red"}, {"Key": "x", "Value": "y"}])
    assert iam.list_user_tags(UserName=name)["Tags"] == [{"Key": "Team", "Value": "red"}, {"Key": "x", "Value": "y"}]
    iam.untag_user(UserName=name, TagKeys=["x"])
    assert len(iam.get_user(UserName=name)["User"]["Tags"]) == 1
    refused(lambda: iam.tag_user(UserName=name, Tags=[{"Key": "aws:x", "Value": "y"}]), "InvalidInput", "aws:")
    iam.update_user(UserName=name, NewUserName=name + "2", NewPath="/ops/")
    assert iam.get_user(UserName=name + "2")["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ops/{name}2"
    refused(lambda: iam.get_user(UserName=name), "NoSuchEntity", f"The user with name {name} cannot be found.")
    iam.delete_user(UserName=name + "2")


def test_access_keys(client, iam, name):
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    assert key["AccessKeyId"].startswith("AKIA") and len(key["SecretAccessKey"]) == 40 and key["Status"] == "Active"
    sts = client("sts", key["AccessKeyId"], key["SecretAccessKey"])
    assert sts.get_caller_identity()["Arn"].endswith(":user/" + name)
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    refused(sts.get_caller_identity, "InvalidClientTokenId")
    assert iam.list_access_keys(UserName=name)["AccessKeyMetadata"][0]["Status"] == "Inactive"
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Active")
    assert sts.get_caller_identity()
    iam.create_access_key(UserName=name)
    refused(lambda: iam.create_access_key(UserName=name), "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
    refused(lambda: iam.delete_user(UserName=name), "DeleteConflict", "Cannot delete entity, must delete access keys first.")
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    refused(sts.get_caller_identity, "InvalidClientTokenId")
    refused(lambda: iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"]), "NoSuchEntity",
            f"The Access Key with id {key['AccessKeyId']} cannot be found.")


def test_access_keys_survive_a_kill(fresh_tsubo):
    iam = fresh_tsubo.client("iam")
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    fresh_tsubo.kill()
    fresh_tsubo.start()
    me = fresh_tsubo.client("sts", key["AccessKeyId"], key["SecretAccessKey"]).get_caller_identity()
    assert me["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/alice"


def test_root_has_keys_of_its_own(client, iam):
    key = iam.create_access_key()["AccessKey"]
    assert client("sts", key["AccessKeyId"], key["SecretAccessKey"]).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert iam.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 1
    iam.delete_access_key(AccessKeyId=key["AccessKeyId"])
    assert iam.get_user()["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"


def test_a_user_starts_with_nothing_and_groups_give(iam, user, name):
    own = user("iam")
    refused(own.get_user, "AccessDenied", f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: iam:GetUser on resource: "
            f"arn:aws:iam::{ACCOUNT}:user/{name} because no identity-based policy allows the iam:GetUser action")
    iam.create_group(GroupName=name)
    iam.put_group_policy(GroupName=name, PolicyName="p", PolicyDocument=policy(allow("iam:Get*")))
    iam.add_user_to_group(GroupName=name, UserName=name)
    assert own.get_user()["User"]["UserName"] == name
    assert [u["UserName"] for u in iam.get_group(GroupName=name)["Users"]] == [name]
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName=name)["Groups"]] == [name]
    refused(lambda: iam.delete_group(GroupName=name), "DeleteConflict", "must remove users from group first")
    iam.remove_user_from_group(GroupName=name, UserName=name)
    refused(own.get_user, "AccessDenied")


def test_explicit_deny_and_boundary(iam, user, name):
    """"Permissions boundaries for IAM entities", "The difference between explicit and implicit denies"."""
    own = user("iam")
    iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    assert own.list_users()["Users"]
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    refused(own.list_users, "AccessDenied", "because no permissions boundary allows the iam:ListUsers action")
    iam.delete_user_permissions_boundary(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="no", PolicyDocument=policy({"Effect": "Deny", "Action": "iam:List*", "Resource": "*"}))
    refused(own.list_users, "AccessDenied", "with an explicit deny in an identity-based policy")
    assert own.get_user()


def test_conditions_of_the_request_count(iam, user, name):
    """"AWS global condition context keys", and IAM's own (Service Authorization Reference)."""
    own = user("iam")
    iam.tag_user(UserName=name, Tags=[{"Key": "team", "Value": "blue"}])
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(
        allow("iam:CreateUser", f"arn:aws:iam::*:user/{name}-*", StringEquals={"aws:RequestTag/team": "${aws:PrincipalTag/team}"}),
        allow("iam:AttachUserPolicy", "*", ArnEquals={"iam:PolicyARN": LAMBDA_BASIC}),
        allow("iam:ListUsers", "*", IpAddress={"aws:SourceIp": ["127.0.0.0/8", "::1"]}, StringLike={"aws:UserAgent": "Boto3*"}),
        allow("iam:ListRoles", "*", Bool={"aws:SecureTransport": "true"}),  # what stays on the machine is secure
        allow("iam:ListGroups", "*", Bool={"aws:SecureTransport": "false"})))
    refused(lambda: own.create_user(UserName=name + "-1"), "AccessDenied")
    refused(lambda: own.create_user(UserName=name + "-1", Tags=[{"Key": "team", "Value": "red"}]), "AccessDenied")
    assert own.create_user(UserName=name + "-1", Tags=[{"Key": "team", "Value": "blue"}])
    own.attach_user_policy(UserName=name, PolicyArn=LAMBDA_BASIC)
    refused(lambda: own.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"), "AccessDenied")
    assert own.list_users()["Users"]
    own.list_roles()
    refused(own.list_groups, "AccessDenied")


def test_instance_profiles(iam, name):
    made = iam.create_instance_profile(InstanceProfileName=name, Path="/x/")["InstanceProfile"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:instance-profile/x/{name}" and made["Roles"] == []
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}))
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    refused(lambda: iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name), "LimitExceeded", "InstanceSessionsPerInstanceProfile: 1")
    assert iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"][0]["RoleName"] == name
    assert iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"][0]["InstanceProfileName"] == name
    refused(lambda: iam.get_instance_profile(InstanceProfileName="none"), "NoSuchEntity", "Instance Profile none cannot be found.")
    refused(lambda: iam.delete_instance_profile(InstanceProfileName=name), "DeleteConflict")


def test_account(client, name):
    iam = client("iam", "777788889999")
    iam.create_account_alias(AccountAlias=name)
    assert iam.list_account_aliases()["AccountAliases"] == [name]
    iam.delete_account_alias(AccountAlias=name)
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_user(UserName="u")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA)
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=policy(allow("s3:*")))
    arn = iam.create_policy(PolicyName="m", PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="u", PolicyArn=arn)
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["Users"], summary["Roles"], summary["Policies"]) == (1, 1, 1)
    details = iam.get_account_authorization_details()
    assert details["UserDetailList"][0]["AttachedManagedPolicies"] == [{"PolicyName": "m", "PolicyArn": arn}]
    assert details["RoleDetailList"][0]["RolePolicyList"][0]["PolicyDocument"]["Statement"][0]["Action"] == "s3:*"
    assert details["Policies"][0]["PolicyVersionList"][0]["IsDefaultVersion"] is True
    assert iam.get_account_authorization_details(Filter=["Role"])["UserDetailList"] == []


# ---- simulation ----

def test_simulate_custom_policy(iam):
    document = policy(allow("s3:Get*", "arn:aws:s3:::b/*"), {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::b/secret/*"},
                      allow("sqs:*", "*", StringEquals={"aws:RequestedRegion": "eu-west-1"}))
    results = iam.simulate_custom_policy(PolicyInputList=[document], ActionNames=["s3:GetObject", "s3:PutObject"],
                                         ResourceArns=["arn:aws:s3:::b/k", "arn:aws:s3:::b/secret/k"])["EvaluationResults"]
    assert [(r["EvalActionName"], r["EvalResourceName"][-8:], r["EvalDecision"]) for r in results] == [
        ("s3:GetObject", "s3:::b/k", "allowed"), ("s3:GetObject", "secret/k", "explicitDeny"),
        ("s3:PutObject", "s3:::b/k", "implicitDeny"), ("s3:PutObject", "secret/k", "explicitDeny")]
    statement = results[0]["MatchedStatements"][0]
    assert statement["SourcePolicyId"] == "PolicyInputList.1"
    start, end = statement["StartPosition"]["Column"] - 1, statement["EndPosition"]["Column"] - 1
    assert json.loads(document[start:end])["Action"] == "s3:Get*"
    assert results[2]["MatchedStatements"] == [] and results[2]["MissingContextValues"] == ["aws:RequestedRegion"]
    region = lambda value: iam.simulate_custom_policy(PolicyInputList=[document], ActionNames=["sqs:SendMessage"], ContextEntries=[
        {"ContextKeyName": "aws:RequestedRegion", "ContextKeyType": "string", "ContextKeyValues": [value]}])["EvaluationResults"][0]["EvalDecision"]
    assert (region("eu-west-1"), region("us-east-1")) == ("allowed", "implicitDeny")
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[document])["ContextKeyNames"] == ["aws:RequestedRegion"]
    refused(lambda: iam.simulate_custom_policy(PolicyInputList=["{"], ActionNames=["s3:*"]), "InvalidInput")
    refused(lambda: iam.simulate_custom_policy(PolicyInputList=[document], ActionNames=["s3:*"], ContextEntries=[{"ContextKeyType": "string"}]), "InvalidInput")


def test_simulate_principal_policy(iam, name):
    iam.create_user(UserName=name)
    iam.create_group(GroupName=name)
    iam.add_user_to_group(GroupName=name, UserName=name)
    iam.attach_group_policy(GroupName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(allow("sqs:*", "arn:aws:sqs:*:*:${aws:username}")))
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary="arn:aws:iam::aws:policy/AmazonSQSFullAccess")
    source = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    def decide(action, resource="*"):
        return iam.simulate_principal_policy(PolicySourceArn=source, ActionNames=[action], ResourceArns=[resource])["EvaluationResults"][0]
    got = decide("sqs:SendMessage", f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}")
    assert got["EvalDecision"] == "allowed" and got["MatchedStatements"][0]["SourcePolicyId"] == "own"
    assert decide("sqs:SendMessage", f"arn:aws:sqs:us-east-1:{ACCOUNT}:other")["EvalDecision"] == "implicitDeny"
    got = decide("s3:GetObject")
    assert got["EvalDecision"] == "implicitDeny" and got["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"] is False
    refused(lambda: iam.simulate_principal_policy(PolicySourceArn=source + "x", ActionNames=["s3:*"]), "NoSuchEntity")


def test_what_is_not_there_says_so(iam):
    refused(lambda: iam.upload_signing_certificate(CertificateBody="x"), "NotImplemented", "UploadSigningCertificate")


def test_credentials_that_cannot_be_made_are_not_there(iam, name):
    """What Terraform's force_destroy asks before it deletes a user."""
    iam.create_user(UserName=name)
    assert iam.list_ssh_public_keys(UserName=name)["SSHPublicKeys"] == []
    assert iam.list_signing_certificates(UserName=name)["Certificates"] == []
    assert iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"] == []
    refused(lambda: iam.delete_login_profile(UserName=name), "NoSuchEntity", f"Login Profile for User {name} cannot be found.")
    refused(lambda: iam.list_signing_certificates(UserName=name + "x"), "NoSuchEntity")


# ---- names, tags, trust: what is refused ----

def test_a_name_is_taken_in_any_case(iam, name):
    """CreateUser: "Names are not distinguished by case"; a rename must not take another's name either."""
    for kind in ("user", "group"):
        make, get, rename = (getattr(iam, verb + kind) for verb in ("create_", "get_", "update_"))
        member = kind.title() + "Name"
        make(**{member: name + "-Bob"})
        make(**{member: name + "-alice"})
        refused(lambda: rename(**{member: name + "-alice", "New" + member: name + "-BOB"}), "EntityAlreadyExists")
        assert get(**{member: name + "-Bob"})[kind.title()][member] == name + "-Bob"
        rename(**{member: name + "-Bob", "New" + member: name + "-BOB"})
        assert get(**{member: name + "-BOB"})
    iam.create_policy(PolicyName=name + "-Pol", PolicyDocument=policy(allow("s3:*")))
    refused(lambda: iam.create_policy(PolicyName=name + "-POL", PolicyDocument=policy(allow("s3:*"))), "EntityAlreadyExists")
    refused(lambda: iam.get_policy(PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/{name}-POL"), "NoSuchEntity")


def test_a_tag_key_is_given_once_in_any_case(iam, name):
    """"Tagging IAM resources": keys are case insensitive; a request cannot have one twice."""
    twice = [{"Key": "Team", "Value": "a"}, {"Key": "team", "Value": "b"}]
    refused(lambda: iam.create_user(UserName=name, Tags=twice), "InvalidInput", "Duplicate tag keys found")
    refused(lambda: iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("s3:*")), Tags=twice), "InvalidInput", "Duplicate tag keys found")
    iam.create_user(UserName=name, Tags=twice[:1])
    refused(lambda: iam.tag_user(UserName=name, Tags=twice), "InvalidInput", "Duplicate tag keys found")
    iam.untag_user(UserName=name, TagKeys=["TEAM"])
    assert iam.list_user_tags(UserName=name)["Tags"] == []


def test_trust_policies_name_sts_actions_and_principals_that_are(iam, name):
    """"Troubleshoot IAM roles"; the messages are the API's."""
    make = lambda n, document: iam.create_role(RoleName=name + n, AssumeRolePolicyDocument=document)
    action = policy({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": ["sts:AssumeRole", "s3:GetObject"]})
    refused(lambda: make("1", action), "MalformedPolicyDocument", "AssumeRole policy may only specify STS AssumeRole actions.")
    refused(lambda: make("1", trust({"Service": "lambda"})), "MalformedPolicyDocument", 'Invalid principal in policy: "SERVICE":"lambda"')
    nobody = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    refused(lambda: make("1", trust({"AWS": nobody})), "MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{nobody}"')
    iam.create_user(UserName=name)
    make("1", trust({"AWS": [nobody, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"], "Service": ["ec2.amazonaws.com"]}))
    make("2", trust({"AWS": f"arn:aws:iam::{ACCOUNT}:role/{name}1"}))
    refused(lambda: iam.update_assume_role_policy(RoleName=name + "2", PolicyDocument=trust({"AWS": nobody + "x"})), "MalformedPolicyDocument")


def test_condition_keys_of_tags_and_of_linked_roles(iam, user, name):
    """Service Authorization Reference: aws:TagKeys of Untag..., aws:ResourceTag of policies, the role of CreateServiceLinkedRole."""
    own = user("iam")
    arn = iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("s3:*")), Tags=[{"Key": "team", "Value": "blue"}])["Policy"]["Arn"]
    linked = "arn:aws:iam::*:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup*"
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(
        allow("iam:UntagUser", "*", **{"ForAllValues:StringEquals": {"aws:TagKeys": ["mine"]}}),
        allow("iam:GetPolicy", "*", StringEquals={"aws:ResourceTag/team": "blue"}),
        allow("iam:CreateServiceLinkedRole", linked, StringLike={"iam:AWSServiceName": "backup.amazonaws.com"})))
    own.untag_user(UserName=name, TagKeys=["mine"])
    refused(lambda: own.untag_user(UserName=name, TagKeys=["mine", "other"]), "AccessDenied")
    assert own.get_policy(PolicyArn=arn)
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "team", "Value": "red"}])
    refused(lambda: own.get_policy(PolicyArn=arn), "AccessDenied")
    refused(lambda: own.create_service_linked_role(AWSServiceName="ecs.amazonaws.com"), "AccessDenied")
    assert own.create_service_linked_role(AWSServiceName="backup.amazonaws.com", Description="d")


def test_a_session_ends_with_its_role(client, iam, name):
    """A role made again under the same name is another one (IAM identifiers, "Unique identifiers")."""
    own = trust({"AWS": ACCOUNT})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=own)
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    keys = client("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{name}", RoleSessionName="one")["Credentials"]
    session = client("iam", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    assert session.list_users()
    iam.detach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    iam.delete_role(RoleName=name)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=own)
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    refused(session.list_users, "AccessDenied")


def test_lists_tell_less_than_gets(iam, name):
    """ListRoles, ListUsers, ListInstanceProfiles: "does not return ... PermissionsBoundary, RoleLastUsed, Tags"."""
    power = "arn:aws:iam::aws:policy/PowerUserAccess"
    tags = [{"Key": "a", "Value": "b"}]
    path = f"/{name}/"
    iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=LAMBDA, PermissionsBoundary=power, Tags=tags)
    iam.create_user(UserName=name, Path=path, PermissionsBoundary=power, Tags=tags)
    iam.create_instance_profile(InstanceProfileName=name, Path=path, Tags=tags)
    shown = [iam.list_roles(PathPrefix=path)["Roles"], iam.list_users(PathPrefix=path)["Users"],
             iam.list_instance_profiles(PathPrefix=path)["InstanceProfiles"]]
    for one in shown:
        assert len(one) == 1 and not {"PermissionsBoundary", "RoleLastUsed", "Tags"} & set(one[0])


def test_entities_and_details_come_in_pages(client, name):
    """ListEntitiesForPolicy, GetAccountAuthorizationDetails: MaxItems counts over all lists; AWS's policies are told when attached."""
    iam = client("iam", "555566661111")
    for i in range(3):
        iam.create_user(UserName=f"u{i}")
        iam.attach_user_policy(UserName=f"u{i}", PolicyArn=LAMBDA_BASIC)
        iam.create_group(GroupName=f"g{i}")
        iam.attach_group_policy(GroupName=f"g{i}", PolicyArn=LAMBDA_BASIC)
    pages = list(iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=LAMBDA_BASIC, PaginationConfig={"PageSize": 2}))
    assert [len(p["PolicyUsers"]) + len(p["PolicyGroups"]) for p in pages] == [2, 2, 2]
    assert sorted(u["UserName"] for p in pages for u in p["PolicyUsers"]) == ["u0", "u1", "u2"]
    pages = list(iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 4}))
    assert [sum(len(p[k]) for k in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")) for p in pages] == [4, 3]
    basic = pages[1]["Policies"][0]
    assert (basic["Arn"], basic["AttachmentCount"]) == (LAMBDA_BASIC, 6)
    assert iam.get_account_authorization_details(Filter=["LocalManagedPolicy"])["Policies"] == []
