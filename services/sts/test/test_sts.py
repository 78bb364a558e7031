"""STS through boto3: who the caller is, and temporary credentials. Follows the STS API Reference."""
import json

import pytest
from refusals import refused

ACCOUNT = "000000000000"


def trust(principal, action="sts:AssumeRole", condition=None):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **condition):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **({"Condition": condition} if condition else {})}


EVERYONE_HERE = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


@pytest.fixture
def iam(client):
    return client("iam")


@pytest.fixture
def sts(client):
    return client("sts")


@pytest.fixture
def role(iam, name):
    """A role of the account's own, that may be given session tags and read roles."""
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(
        EVERYONE_HERE, ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow(["iam:Get*", "iam:List*", "sts:*"])))
    return arn


def as_session(client, answer, service):
    c = answer["Credentials"]
    return client(service, c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])


def test_caller_identity_of_root(client, sts):
    me = sts.get_caller_identity()
    assert (me["Account"], me["Arn"], me["UserId"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
    other = client("sts", "111122223333").get_caller_identity()
    assert other["Arn"] == "arn:aws:iam::111122223333:root"


def test_unknown_key_and_wrong_secret(client):
    refused(client("sts", "AKIAIOSFODNN7EXAMPLE", "x").get_caller_identity, "InvalidClientTokenId")
    refused(client("sts", "test", "wrong").get_caller_identity, "SignatureDoesNotMatch", "Check your AWS Secret Access Key")


def test_assumed_role_is_who_it_says_and_may_what_its_policies_say(client, sts, role, name):
    answer = sts.assume_role(RoleArn=role, RoleSessionName="one")
    user = answer["AssumedRoleUser"]
    assert user["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/one"
    assert user["AssumedRoleId"].startswith("AROA") and user["AssumedRoleId"].endswith(":one")
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
    me = as_session(client, answer, "sts").get_caller_identity()
    assert (me["Arn"], me["UserId"]) == (user["Arn"], user["AssumedRoleId"])
    iam = as_session(client, answer, "iam")
    assert iam.get_role(RoleName=name)["Role"]["Arn"] == role
    refused(lambda: iam.delete_role(RoleName=name), "AccessDenied",
            f"User: {user['Arn']} is not authorized to perform: iam:DeleteRole on resource: {role} "
            "because no identity-based policy allows the iam:DeleteRole action")


def test_trust_policy_decides(iam, sts, name):
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": "lambda.amazonaws.com"}))
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    text = f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: sts:AssumeRole on resource: {arn}"
    refused(lambda: sts.assume_role(RoleArn=arn, RoleSessionName="one"), "AccessDenied", text)
    refused(lambda: sts.assume_role(RoleArn=arn + "x", RoleSessionName="one"), "AccessDenied", text + "x")


def test_external_id(iam, sts, name):
    """"Access to AWS accounts owned by third parties" (IAM User Guide)."""
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(
        {"AWS": ACCOUNT}, condition={"StringEquals": {"sts:ExternalId": "12345"}}))["Role"]["Arn"]
    refused(lambda: sts.assume_role(RoleArn=arn, RoleSessionName="one"), "AccessDenied")
    refused(lambda: sts.assume_role(RoleArn=arn, RoleSessionName="one", ExternalId="54321"), "AccessDenied")
    assert sts.assume_role(RoleArn=arn, RoleSessionName="one", ExternalId="12345")["Credentials"]


def test_user_needs_trust_and_permission(client, iam, sts, name):
    """Trust in the account leaves it to the user's policies; trust in the user itself suffices."""
    user = iam.create_user(UserName=name)["User"]["Arn"]
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = client("sts", key["AccessKeyId"], key["SecretAccessKey"])
    account = iam.create_role(RoleName=name + "-a", AssumeRolePolicyDocument=trust(EVERYONE_HERE))["Role"]["Arn"]
    direct = iam.create_role(RoleName=name + "-d", AssumeRolePolicyDocument=trust({"AWS": user}))["Role"]["Arn"]
    service = iam.create_role(RoleName=name + "-s", AssumeRolePolicyDocument=trust({"Service": "ecs.amazonaws.com"}))["Role"]["Arn"]
    assert own.assume_role(RoleArn=direct, RoleSessionName="one")["Credentials"]
    refused(lambda: own.assume_role(RoleArn=account, RoleSessionName="one"), "AccessDenied")
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(allow("sts:AssumeRole")))
    assert own.assume_role(RoleArn=account, RoleSessionName="one")["Credentials"]
    refused(lambda: own.assume_role(RoleArn=service, RoleSessionName="one"), "AccessDenied")


def test_cross_account(client, sts, name):
    """"Cross-account resource access in IAM": both sides must allow."""
    other = client("iam", "222233334444")
    arn = other.create_role(RoleName=name, AssumeRolePolicyDocument=trust(EVERYONE_HERE))["Role"]["Arn"]
    closed = other.create_role(RoleName=name + "-c", AssumeRolePolicyDocument=trust({"AWS": "333344445555"}))["Role"]["Arn"]
    me = as_session(client, sts.assume_role(RoleArn=arn, RoleSessionName="over"), "sts").get_caller_identity()
    assert me["Account"] == "222233334444"
    refused(lambda: sts.assume_role(RoleArn=closed, RoleSessionName="over"), "AccessDenied")


def test_session_policies_only_take_away(client, sts, role, name):
    """"Session policies" (IAM User Guide): the intersection."""
    inline = sts.assume_role(RoleArn=role, RoleSessionName="one", Policy=policy(allow(["iam:ListRoles", "iam:DeleteRole"])))
    iam = as_session(client, inline, "iam")
    assert inline["PackedPolicySize"] > 0
    assert iam.list_roles()["Roles"]
    refused(lambda: iam.get_role(RoleName=name), "AccessDenied", "because no session policy allows the iam:GetRole action")
    refused(lambda: iam.delete_role(RoleName=name), "AccessDenied", "no identity-based policy")
    managed = sts.assume_role(RoleArn=role, RoleSessionName="one", PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AmazonS3FullAccess"}])
    refused(lambda: as_session(client, managed, "iam").get_role(RoleName=name), "AccessDenied", "no session policy")
    reading = sts.assume_role(RoleArn=role, RoleSessionName="one", PolicyArns=[{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}])
    assert as_session(client, reading, "iam").get_role(RoleName=name)
    refused(lambda: sts.assume_role(RoleArn=role, RoleSessionName="one", Policy="{"), "MalformedPolicyDocument")
    refused(lambda: sts.assume_role(RoleArn=role, RoleSessionName="one", PolicyArns=[{"arn": "arn:aws:iam::aws:policy/None"}]), "NoSuchEntity")


def test_session_tags(client, iam, sts, role, name):
    """"Pass session tags in AWS STS": tags are aws:PrincipalTag keys, over the role's own; transitive ones go on."""
    iam.tag_role(RoleName=name, Tags=[{"Key": "team", "Value": "red"}, {"Key": "cost", "Value": "42"}])
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(
        allow("iam:ListRoles", StringEquals={"aws:PrincipalTag/team": "blue", "aws:PrincipalTag/cost": "42"}), allow("sts:*")))
    plain = as_session(client, sts.assume_role(RoleArn=role, RoleSessionName="one"), "iam")
    refused(plain.list_roles, "AccessDenied")
    blue = sts.assume_role(RoleArn=role, RoleSessionName="one", Tags=[{"Key": "team", "Value": "blue"}], TransitiveTagKeys=["team"])
    assert as_session(client, blue, "iam").list_roles()["Roles"]
    second = as_session(client, blue, "sts")
    chained = second.assume_role(RoleArn=role, RoleSessionName="two")
    assert as_session(client, chained, "iam").list_roles()["Roles"]
    refused(lambda: second.assume_role(RoleArn=role, RoleSessionName="two", Tags=[{"Key": "Team", "Value": "red"}]),
            "InvalidParameterValue", "conflicts with a transitive tag key")
    refused(lambda: sts.assume_role(RoleArn=role, RoleSessionName="one", TransitiveTagKeys=["nope"]), "InvalidParameterValue")


def test_tags_need_tag_session_in_the_trust_policy(iam, sts, name):
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(EVERYONE_HERE))["Role"]["Arn"]
    assert sts.assume_role(RoleArn=arn, RoleSessionName="one")
    refused(lambda: sts.assume_role(RoleArn=arn, RoleSessionName="one", Tags=[{"Key": "a", "Value": "b"}]), "AccessDenied", "sts:TagSession")
    refused(lambda: sts.assume_role(RoleArn=arn, RoleSessionName="one", SourceIdentity="alice"), "AccessDenied", "sts:SetSourceIdentity")


def test_source_identity_stays(client, sts, role):
    first = sts.assume_role(RoleArn=role, RoleSessionName="one", SourceIdentity="alice")
    assert first["SourceIdentity"] == "alice"
    second = as_session(client, first, "sts")
    assert second.assume_role(RoleArn=role, RoleSessionName="two")["SourceIdentity"] == "alice"
    refused(lambda: second.assume_role(RoleArn=role, RoleSessionName="two", SourceIdentity="bob"), "AccessDenied")


def test_durations(client, iam, sts, role, name):
    text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    refused(lambda: sts.assume_role(RoleArn=role, RoleSessionName="one", DurationSeconds=7200), "ValidationError", text)
    iam.update_role(RoleName=name, MaxSessionDuration=7200)
    answer = sts.assume_role(RoleArn=role, RoleSessionName="one", DurationSeconds=7200)
    chained = as_session(client, answer, "sts")
    refused(lambda: chained.assume_role(RoleArn=role, RoleSessionName="two", DurationSeconds=7200), "ValidationError", "role chaining")
    careless = client("sts", parameter_validation=False)
    refused(lambda: careless.assume_role(RoleArn=role, RoleSessionName="one", DurationSeconds=899), "ValidationError")


def test_sessions_expire(fresh_tsubo):
    session = as_session(fresh_tsubo.client, fresh_tsubo.client("sts").get_session_token(DurationSeconds=900), "sts")
    assert session.get_caller_identity()["Arn"].endswith(":root")
    fresh_tsubo.turn_clock("+14m")
    assert session.get_caller_identity()
    fresh_tsubo.turn_clock("+2m")
    refused(session.get_caller_identity, "ExpiredToken", "The security token included in the request is expired")


def test_a_token_made_before_a_restart_still_opens(fresh_tsubo):
    answer = fresh_tsubo.client("sts").get_session_token()
    fresh_tsubo.restart()
    assert as_session(fresh_tsubo.client, answer, "sts").get_caller_identity()["Account"] == ACCOUNT


def test_a_token_goes_with_its_key_only(client, sts):
    one, two = sts.get_session_token()["Credentials"], sts.get_session_token()["Credentials"]
    mixed = client("sts", one["AccessKeyId"], one["SecretAccessKey"], two["SessionToken"])
    refused(mixed.get_caller_identity, "InvalidClientTokenId")


def test_session_token_of_a_user(client, iam, name):
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(allow("iam:GetUser", "arn:aws:iam::*:user/${aws:username}")))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = client("sts", key["AccessKeyId"], key["SecretAccessKey"])
    session = own.get_session_token()
    assert as_session(client, session, "iam").get_user()["User"]["UserName"] == name
    refused(as_session(client, session, "sts").get_session_token, "AccessDenied", "Cannot call GetSessionToken with session credentials")
    refused(lambda: own.get_session_token(SerialNumber="arn:aws:iam::000000000000:mfa/x", TokenCode="123456"), "AccessDenied", "MultiFactorAuthentication failed")


def test_federation_token(client, iam, sts, name):
    """GetFederationToken: the user's permissions, cut by the session policy; none without one."""
    answer = sts.get_federation_token(Name="bob", Policy=policy(allow("iam:ListRoles")))
    assert answer["FederatedUser"] == {"FederatedUserId": f"{ACCOUNT}:bob", "Arn": f"arn:aws:sts::{ACCOUNT}:federated-user/bob"}
    bob = as_session(client, answer, "iam")
    assert "Roles" in bob.list_roles()
    refused(bob.list_users, "AccessDenied", "no session policy allows")
    nothing = as_session(client, sts.get_federation_token(Name="bob"), "iam")
    refused(nothing.list_roles, "AccessDenied")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(allow(["iam:ListUsers", "sts:GetFederationToken"])))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    answer = client("sts", key["AccessKeyId"], key["SecretAccessKey"]).get_federation_token(Name="carol", Policy=policy(allow("iam:*")))
    carol = as_session(client, answer, "iam")
    assert carol.list_users()["Users"]
    refused(carol.list_roles, "AccessDenied", "no identity-based policy allows")


def test_access_key_info(client, sts):
    key = sts.get_session_token()["Credentials"]["AccessKeyId"]
    assert sts.get_access_key_info(AccessKeyId=key)["Account"] == ACCOUNT
    other = client("sts", "111122223333").get_session_token()["Credentials"]["AccessKeyId"]
    assert sts.get_access_key_info(AccessKeyId=other)["Account"] == "111122223333"


def test_what_is_not_there_says_so(sts):
    refused(lambda: sts.decode_authorization_message(EncodedMessage="x"), "NotImplemented", "DecodeAuthorizationMessage")
