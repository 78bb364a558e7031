"""Every condition operator, NotAction, NotResource, NotPrincipal, policy variables, boundaries and session policies, each decided by a real call.

Source: "IAM JSON policy elements" (condition operators, variables and tags, NotAction, NotResource, NotPrincipal), "Multivalued context keys",
"Permissions boundaries" and "Policy evaluation logic" (IAM user guide)."""
import json

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", condition=None, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **({"Condition": condition} if condition else {}), **more}


@pytest.fixture(scope="module")
def actor(client):
    """actor(policy statements): clients of a role's session with tags; the module's one role."""
    iam, sts = client("iam"), client("sts")
    arn = iam.create_role(RoleName="conditions", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    credentials = sts.assume_role(RoleArn=arn, RoleSessionName="session", Tags=[{"Key": k, "Value": v} for k, v in {
        "team": "Blue Team", "level": "7", "float": "2.5", "since": "2020-02-03T04:05:06Z", "blob": "hello", "flag": "true", "arn": "arn:aws:sqs:us-east-1:1:q/x",
        "ip": "203.0.113.9"}.items()])["Credentials"]
    keys = credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]

    def of(*statements):
        iam.put_role_policy(RoleName="conditions", PolicyName="p", PolicyDocument=document(*statements))
        return lambda service, **more: client(service, *keys, **more)
    return of


def allowed(call, **args):
    try:
        call(**args)
        return True
    except ClientError as e:
        assert e.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException"), e
        return False


TAG = "aws:PrincipalTag/"


@pytest.mark.parametrize("operator, key, value, expected", [
    ("StringEquals", TAG + "team", "Blue Team", True), ("StringEquals", TAG + "team", "blue team", False), ("StringEquals", TAG + "team", ["x", "Blue Team"], True),
    ("StringEquals", TAG + "none", "x", False), ("StringNotEquals", TAG + "team", "x", True), ("StringNotEquals", TAG + "team", ["x", "Blue Team"], False),
    ("StringNotEquals", TAG + "none", "x", True), ("StringEqualsIgnoreCase", TAG + "team", "BLUE TEAM", True), ("StringNotEqualsIgnoreCase", TAG + "team", "BLUE TEAM", False),
    ("StringLike", TAG + "team", "Blue*", True), ("StringLike", TAG + "team", "B?ue*m", True), ("StringLike", TAG + "team", "Red*", False), ("StringNotLike", TAG + "team", "Blue*", False),
    ("NumericEquals", TAG + "level", "7.0", True), ("NumericEquals", TAG + "level", "8", False), ("NumericNotEquals", TAG + "level", "8", True), ("NumericLessThan", TAG + "level", "10", True),
    ("NumericLessThan", TAG + "level", "7", False), ("NumericLessThanEquals", TAG + "level", "7", True), ("NumericGreaterThan", TAG + "float", "2.25", True),
    ("NumericGreaterThan", TAG + "level", "7", False), ("NumericGreaterThanEquals", TAG + "level", "7", True), ("NumericEquals", TAG + "team", "7", False),
    ("DateEquals", TAG + "since", "2020-02-03T04:05:06Z", True), ("DateEquals", TAG + "since", "2020-02-03", False), ("DateNotEquals", TAG + "since", "2020-02-03", True),
    ("DateLessThan", TAG + "since", "2021-01-01T00:00:00Z", True), ("DateLessThanEquals", TAG + "since", "2020-02-03T04:05:06Z", True),
    ("DateGreaterThan", "aws:CurrentTime", "2020-01-01T00:00:00Z", True), ("DateGreaterThanEquals", "aws:CurrentTime", "2099-01-01T00:00:00Z", False),
    ("DateGreaterThan", "aws:EpochTime", "1577836800", True), ("NumericGreaterThan", "aws:EpochTime", "1577836800", True),
    ("Bool", "aws:SecureTransport", "true", True), ("Bool", "aws:SecureTransport", "false", False), ("Bool", TAG + "flag", "true", True), ("Bool", TAG + "none", "false", False),
    ("BinaryEquals", TAG + "blob", "aGVsbG8=", True), ("BinaryEquals", TAG + "blob", "aGVsbG9v", False),
    ("IpAddress", "aws:SourceIp", "127.0.0.0/8", True), ("IpAddress", "aws:SourceIp", ["10.0.0.0/8", "127.0.0.1"], True), ("IpAddress", "aws:SourceIp", "10.0.0.0/8", False),
    ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", True), ("IpAddress", TAG + "ip", "203.0.113.0/28", True), ("IpAddress", TAG + "ip", "2001:db8::/32", False),
    ("ArnEquals", TAG + "arn", "arn:aws:sqs:*:1:q/x", True), ("ArnLike", TAG + "arn", "arn:*:sqs:us-*:1:q/*", True), ("ArnLike", TAG + "arn", "arn:aws:sns:*:*:*", False),
    ("ArnNotEquals", TAG + "arn", "arn:aws:sqs:*:1:q/x", False), ("ArnNotLike", TAG + "arn", "arn:aws:sns:*:*:*", True),
    ("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/cond*", True),
    ("Null", TAG + "none", "true", True), ("Null", TAG + "team", "true", False), ("Null", TAG + "team", "false", True), ("Null", "aws:TokenIssueTime", "false", True),
    ("StringEqualsIfExists", TAG + "none", "x", True), ("StringEqualsIfExists", TAG + "team", "x", False), ("NumericLessThanIfExists", TAG + "none", "1", True),
    ("BoolIfExists", "aws:MultiFactorAuthPresent", "false", True), ("IpAddressIfExists", "aws:VpcSourceIp", "10.0.0.0/8", True),
    ("ForAnyValue:StringEquals", "aws:TagKeys", "x", False), ("ForAllValues:StringEquals", "aws:TagKeys", "x", True),
    ("StringEquals", "aws:RequestedRegion", "us-east-1", True), ("StringEquals", "aws:PrincipalAccount", ACCOUNT, True), ("StringEquals", "aws:PrincipalType", "AssumedRole", True),
    ("StringLike", "aws:userid", "AROA*:session", True), ("StringLike", "aws:UserAgent", "Boto3*", True),
])
def test_operators(actor, operator, key, value, expected):
    sqs = actor(allow("sqs:ListQueues", condition={operator: {key: value}}))("sqs")
    assert allowed(sqs.list_queues) == expected


def test_conditions_are_anded_and_values_ored(actor):
    both = {"StringEquals": {TAG + "team": ["a", "Blue Team"], TAG + "level": ["7", "8"]}, "Bool": {"aws:SecureTransport": "true"}}
    assert allowed(actor(allow("sqs:ListQueues", condition=both))("sqs").list_queues)
    both["StringEquals"][TAG + "level"] = "8"
    assert not allowed(actor(allow("sqs:ListQueues", condition=both))("sqs").list_queues)


@pytest.mark.parametrize("operator, keys, expected", [
    ("ForAllValues:StringEquals", ["a"], True), ("ForAllValues:StringEquals", ["a", "b"], True), ("ForAllValues:StringEquals", ["a", "c"], False),
    ("ForAnyValue:StringEquals", ["a", "c"], True), ("ForAnyValue:StringEquals", ["c", "d"], False), ("ForAllValues:StringLike", ["c"], False),
    ("ForAnyValue:StringNotEquals", ["a", "c"], True), ("ForAllValues:StringNotEquals", ["c", "d"], True), ("ForAllValues:StringNotEquals", ["a", "d"], False),
])
def test_sets_of_values(client, actor, name, operator, keys, expected):
    url = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    sqs = actor(allow("sqs:TagQueue", condition={operator: {"aws:TagKeys": ["a", "b"]}}))("sqs")
    assert allowed(sqs.tag_queue, QueueUrl=url, Tags={k: "v" for k in keys}) == expected


def test_not_action(actor, client, name):
    url = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    sqs = actor({"Effect": "Allow", "NotAction": ["sqs:Delete*", "sqs:PurgeQueue"], "Resource": "*"})("sqs")
    assert allowed(sqs.list_queues) and allowed(sqs.send_message, QueueUrl=url, MessageBody="x")
    assert not allowed(sqs.purge_queue, QueueUrl=url) and not allowed(sqs.delete_queue, QueueUrl=url)
    denied = actor(allow("*"), {"Effect": "Deny", "NotAction": "sqs:*", "Resource": "*"})
    assert allowed(denied("sqs").list_queues) and not allowed(denied("dynamodb").list_tables)


def test_not_resource(actor, client, name):
    mine, other = (client("sqs").create_queue(QueueName=name + end)["QueueUrl"] for end in ("-mine", "-other"))
    sqs = actor({"Effect": "Allow", "Action": "sqs:SendMessage", "NotResource": f"arn:aws:sqs:*:*:{name}-other"})("sqs")
    assert allowed(sqs.send_message, QueueUrl=mine, MessageBody="x") and not allowed(sqs.send_message, QueueUrl=other, MessageBody="x")


def test_not_principal(client, actor, name):
    """Deny everybody but the role (and, as the guide asks, its session and account)."""
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    role = f"arn:aws:iam::{ACCOUNT}:role/conditions"
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/conditions/session"
    deny = {"Effect": "Deny", "NotPrincipal": {"AWS": [role, session, f"arn:aws:iam::{ACCOUNT}:root"]}, "Action": "sqs:SendMessage", "Resource": "*"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(deny)})
    assert allowed(actor(allow("sqs:*"))("sqs").send_message, QueueUrl=url, MessageBody="x")
    deny["NotPrincipal"]["AWS"] = f"arn:aws:iam::{ACCOUNT}:root"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(deny)})
    assert not allowed(actor(allow("sqs:*"))("sqs").send_message, QueueUrl=url, MessageBody="x")
    assert allowed(sqs.send_message, QueueUrl=url, MessageBody="x")


def test_policy_variables(client, actor, name):
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    own = actor(allow("s3:PutObject", f"arn:aws:s3:::{name}/${{aws:PrincipalTag/level}}/${{aws:PrincipalTag/none, 'shared'}}/*"))("s3")
    assert allowed(own.put_object, Bucket=name, Key="7/shared/k", Body=b"")
    assert not allowed(own.put_object, Bucket=name, Key="8/shared/k", Body=b"") and not allowed(own.put_object, Bucket=name, Key="7/other/k", Body=b"")
    literal = actor(allow("s3:PutObject", f"arn:aws:s3:::{name}/a${{*}}b${{$}}{{x}}"))("s3")
    assert allowed(literal.put_object, Bucket=name, Key="a*b${x}", Body=b"") and not allowed(literal.put_object, Bucket=name, Key="aZb${x}", Body=b"")
    unset = actor(allow("s3:PutObject", f"arn:aws:s3:::{name}/${{aws:PrincipalTag/none}}*"))("s3")
    assert not allowed(unset.put_object, Bucket=name, Key="k", Body=b"")
    condition = actor(allow("s3:PutObject", f"arn:aws:s3:::{name}/*", {"StringEquals": {"aws:PrincipalTag/level": "${aws:PrincipalTag/float}"}}))("s3")
    assert not allowed(condition.put_object, Bucket=name, Key="k", Body=b"")


def test_an_old_version_has_no_variables(client, name):
    """"Version": "2008-10-17" (or none): ${...} is text."""
    iam = client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    client("s3").create_bucket(Bucket=name)
    policy = {"Version": "2008-10-17", "Statement": [allow("s3:PutObject", f"arn:aws:s3:::{name}/${{aws:username}}/*")]}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    own = client("s3", key["AccessKeyId"], key["SecretAccessKey"])
    assert not allowed(own.put_object, Bucket=name, Key=f"{name}/k", Body=b"") and allowed(own.put_object, Bucket=name, Key="${aws:username}/k", Body=b"")


def test_a_boundary_bounds(client, name):
    """"Effective permissions are the intersection"; a deny in the boundary wins; a resource policy for the session's role is bounded, too."""
    iam, sts = client("iam"), client("sts")
    boundary = iam.create_policy(PolicyName=name, PolicyDocument=document(allow(["sqs:*", "dynamodb:ListTables"]), {"Effect": "Deny", "Action": "sqs:CreateQueue", "Resource": "*"}))["Policy"]["Arn"]
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST), PermissionsBoundary=boundary)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow(["sqs:*", "logs:*"])))
    k = sts.assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    keys = k["AccessKeyId"], k["SecretAccessKey"], k["SessionToken"]
    assert allowed(client("sqs", *keys).list_queues)
    assert not allowed(client("dynamodb", *keys).list_tables)          # bounded in, not given
    assert not allowed(client("logs", *keys).describe_log_groups)      # given, not bounded in
    assert not allowed(client("sqs", *keys).create_queue, QueueName=name)
    iam.delete_role_permissions_boundary(RoleName=name)
    assert allowed(client("logs", *keys).describe_log_groups)


def test_a_session_policy_takes_away(client, name):
    iam, sts = client("iam"), client("sts")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow("sqs:*")))
    k = sts.assume_role(RoleArn=role, RoleSessionName="me", Policy=document(allow(["sqs:ListQueues", "logs:*"])),
                        PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AmazonDynamoDBReadOnlyAccess"}])["Credentials"]
    keys = k["AccessKeyId"], k["SecretAccessKey"], k["SessionToken"]
    assert allowed(client("sqs", *keys).list_queues)
    assert not allowed(client("sqs", *keys).create_queue, QueueName=name)
    assert not allowed(client("logs", *keys).describe_log_groups) and not allowed(client("dynamodb", *keys).list_tables)


def test_a_deny_wins_over_everything(client, actor, name):
    url = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": document({"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"})})
    sqs = actor(allow("*"), {"Effect": "Deny", "Action": "sqs:Send*", "Resource": f"arn:aws:sqs:*:*:{name}"})("sqs")
    assert not allowed(sqs.send_message, QueueUrl=url, MessageBody="x") and allowed(sqs.receive_message, QueueUrl=url)


@pytest.mark.parametrize("service, call", [
    ("lambda", lambda c, n, role: c.create_function(FunctionName=n, Runtime="python3.12", Role=role, Handler="m.h", Code={"ZipFile": b"x"})),
    ("scheduler", lambda c, n, role: c.create_schedule(Name=n, ScheduleExpression="rate(1 minute)", FlexibleTimeWindow={"Mode": "OFF"},
                                                        Target={"Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q", "RoleArn": role})),
    ("cloudformation", lambda c, n, role: c.create_stack(StackName=n, RoleARN=role, TemplateBody='{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}')),
])
def test_passing_a_role(client, actor, name, service, call):
    """iam:PassRole, with iam:PassedToService, wherever a role is given to a service."""
    service_trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(service_trust))["Role"]["Arn"]

    def denied(*statements):
        with pytest.raises(ClientError) as e:
            call(actor(allow(service + ":*"), *statements)(service), name, role)
            raise AssertionError("it was passed") from None
        return "AccessDenied" in e.value.response["Error"]["Code"] and "iam:PassRole" in e.value.response["Error"]["Message"]

    assert denied()
    assert denied(allow("iam:PassRole", "arn:aws:iam::*:role/other"))
    assert denied(allow("iam:PassRole", role, {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}))
    try:
        call(actor(allow(service + ":*"), allow("iam:PassRole", role, {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}))(service), name, role)
    except ClientError as e:
        assert "iam:PassRole" not in e.response["Error"]["Message"], e
