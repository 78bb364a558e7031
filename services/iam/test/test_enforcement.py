"""Policies decide over other services' operations: the examples of the IAM User Guide ("Example IAM identity-based
policies") and of the services' own guides, through boto3."""
import json

import pytest
from refusals import denied

ACCOUNT = "000000000000"
REGION = "us-east-1"


def allow(action, resource="*", **condition):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **({"Condition": condition} if condition else {})}


def deny(action, resource="*", **condition):
    return {**allow(action, resource, **condition), "Effect": "Deny"}


@pytest.fixture
def limited(client, name):
    """limited(statements...) gives a function that makes clients of a user who may do just that."""
    iam = client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    def of(*statements):
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
        return lambda service, **config: client(service, key["AccessKeyId"], key["SecretAccessKey"], **config)
    return of


def test_one_queue(client, limited, name):
    sqs = client("sqs")
    mine = sqs.create_queue(QueueName=name + "-mine")["QueueUrl"]
    other = sqs.create_queue(QueueName=name + "-other")["QueueUrl"]
    own = limited(allow(["sqs:SendMessage", "sqs:GetQueueUrl"], f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}-mine"))("sqs")
    assert own.send_message(QueueUrl=mine, MessageBody="x")["MessageId"]
    message = denied(lambda: own.send_message(QueueUrl=other, MessageBody="x"))
    assert message == (f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: sqs:sendmessage on resource: "
                       f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}-other because no identity-based policy allows the sqs:sendmessage action"
                       ).replace("sendmessage", "SendMessage")
    denied(lambda: own.receive_message(QueueUrl=mine))
    denied(lambda: own.create_queue(QueueName=name + "-new"))


def test_queue_policy_lets_another_account_in(client, name):
    """"Basic examples of Amazon SQS policies": both accounts must agree."""
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    other = client("sqs", "444455556666")
    denied(lambda: other.send_message(QueueUrl=url, MessageBody="x"))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "sqs:SendMessage", "Resource": arn}]})})
    assert other.send_message(QueueUrl=url, MessageBody="x")["MessageId"]
    denied(lambda: other.receive_message(QueueUrl=url))


def test_home_folder_in_a_bucket(client, limited, name):
    """"Amazon S3: Allows IAM users access to their S3 home directory"."""
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="home/other/k", Body=b"x")
    own = limited(allow("s3:ListBucket", f"arn:aws:s3:::{name}", StringLike={"s3:prefix": ["home/${aws:username}/*"]}),
                  allow("s3:*", f"arn:aws:s3:::{name}/home/${{aws:username}}/*"))("s3")
    own.put_object(Bucket=name, Key=f"home/{name}/k", Body=b"mine")
    assert own.get_object(Bucket=name, Key=f"home/{name}/k")["Body"].read() == b"mine"
    assert own.list_objects_v2(Bucket=name, Prefix=f"home/{name}/")["KeyCount"] == 1
    denied(lambda: own.get_object(Bucket=name, Key="home/other/k"))
    denied(lambda: own.list_objects_v2(Bucket=name, Prefix="home/"))
    denied(lambda: own.list_objects_v2(Bucket=name))
    denied(lambda: own.delete_bucket(Bucket=name))


def test_bucket_policy_denies_even_root(client, name):
    """"Bucket policies": an explicit deny overrides, for administrators too."""
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="secret/k", Body=b"x")
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/secret/*"}]}))
    denied(lambda: s3.get_object(Bucket=name, Key="secret/k"))
    s3.delete_bucket_policy(Bucket=name)
    assert s3.get_object(Bucket=name, Key="secret/k")["Body"].read() == b"x"


def test_table_rows_by_leading_key(client, limited, name):
    """"Amazon DynamoDB: Allows row-level access ... based on a Cognito ID", with the user's name."""
    dynamodb = client("dynamodb")
    dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                          AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"
    own = limited(allow(["dynamodb:GetItem", "dynamodb:PutItem"], arn,
                        **{"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:username}"]}}))("dynamodb")
    own.put_item(TableName=name, Item={"pk": {"S": name}})
    assert own.get_item(TableName=name, Key={"pk": {"S": name}})["Item"]
    denied(lambda: own.get_item(TableName=name, Key={"pk": {"S": "other"}}))
    denied(lambda: own.scan(TableName=name))
    denied(lambda: own.delete_table(TableName=name))


def test_one_region(client, limited, name):
    """"AWS: Denies access to AWS based on the requested Region"."""
    own = limited(allow("*"), deny("*", "*", StringNotEquals={"aws:RequestedRegion": ["eu-west-1"]}))
    assert own("sqs", region="eu-west-1").create_queue(QueueName=name)["QueueUrl"]
    assert "with an explicit deny in an identity-based policy" in denied(lambda: own("sqs").create_queue(QueueName=name))


def test_time_of_day(fresh_tsubo):
    """"AWS: Allows access based on date and time", on the clock that can be turned."""
    iam = fresh_tsubo.client("iam")
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    now = iam.get_user(UserName="u")["User"]["CreateDate"]
    until = now.timestamp() + 3600
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        allow("iam:ListUsers", "*", NumericLessThan={"aws:EpochTime": str(int(until))})]}))
    own = fresh_tsubo.client("iam", key["AccessKeyId"], key["SecretAccessKey"])
    assert own.list_users()["Users"]
    fresh_tsubo.turn_clock("+2h")
    denied(own.list_users)


def test_passing_a_role_needs_permission(client, limited, name):
    """"Granting a user permissions to pass a role to an AWS service": by role and by service."""
    iam = client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    create = lambda c: c.create_function(FunctionName=name, Runtime="python3.12", Role=role, Handler="h.h", Code={"ZipFile": empty_zip()})
    message = denied(lambda: create(limited(allow("lambda:*"))("lambda")))
    assert "iam:PassRole" in message and role in message
    denied(lambda: create(limited(allow("lambda:*"), allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "ecs.amazonaws.com"}))("lambda")))
    assert create(limited(allow("lambda:*"), allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "lambda.amazonaws.com"}))("lambda"))


def empty_zip():
    import io
    import zipfile
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w") as z:
        z.writestr("h.py", "def h(e, c): return 1\n")
    return f.getvalue()
