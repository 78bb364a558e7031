"""Fine-grained access control: dynamodb:LeadingKeys, dynamodb:Attributes, dynamodb:Select. Follows "Using IAM policy
conditions for fine-grained access control" (DynamoDB Developer Guide)."""
import json

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def table(client, name):
    d = client("dynamodb")
    d.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                   AttributeDefinitions=[{"AttributeName": "user", "AttributeType": "S"}, {"AttributeName": "game", "AttributeType": "S"}],
                   KeySchema=[{"AttributeName": "user", "KeyType": "HASH"}, {"AttributeName": "game", "KeyType": "RANGE"}])
    for user in ("alice", "bob"):
        d.put_item(TableName=name, Item={"user": {"S": user}, "game": {"S": "g"}, "score": {"N": "1"}, "secret": {"S": "x"}})
    return name


@pytest.fixture
def as_user(client, name, table):
    """A DynamoDB client of a user with this policy on the table."""
    iam = client("iam")

    def make(actions, condition=None):
        statement = {"Effect": "Allow", "Action": actions, "Resource": "arn:aws:dynamodb:*:*:table/" + table}
        if condition:
            statement["Condition"] = condition
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return client("dynamodb", key["AccessKeyId"], key["SecretAccessKey"])

    return make


def key(user):
    return {"user": {"S": user}, "game": {"S": "g"}}


def denied(call, **how):
    with pytest.raises(ClientError) as e:
        call(**how)
    assert e.value.response["Error"]["Code"] == "AccessDeniedException", e.value


def test_leading_keys(as_user, table):
    d = as_user("dynamodb:*", {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["alice"]}})
    assert d.get_item(TableName=table, Key=key("alice"))["Item"]["score"] == {"N": "1"}
    denied(d.get_item, TableName=table, Key=key("bob"))
    d.put_item(TableName=table, Item={**key("alice"), "score": {"N": "2"}})
    denied(d.put_item, TableName=table, Item=key("bob"))
    denied(d.update_item, TableName=table, Key=key("bob"), UpdateExpression="REMOVE score")
    denied(d.delete_item, TableName=table, Key=key("bob"))
    query = dict(TableName=table, KeyConditionExpression="#u = :u", ExpressionAttributeNames={"#u": "user"})
    assert d.query(ExpressionAttributeValues={":u": {"S": "alice"}}, **query)["Count"] == 1
    denied(d.query, ExpressionAttributeValues={":u": {"S": "bob"}}, **query)
    denied(d.batch_get_item, RequestItems={table: {"Keys": [key("alice"), key("bob")]}})
    denied(d.transact_write_items, TransactItems=[{"Delete": {"TableName": table, "Key": key("bob")}}])


def test_attributes_and_select(as_user, table):
    d = as_user(["dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"],
                {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["user", "game", "score"]},
                 "StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES", "dynamodb:ReturnValues": ["NONE", "UPDATED_OLD", "UPDATED_NEW"]}})
    assert d.get_item(TableName=table, Key=key("bob"), ProjectionExpression="score")["Item"] == {"score": {"N": "1"}}
    denied(d.get_item, TableName=table, Key=key("bob"))
    denied(d.get_item, TableName=table, Key=key("bob"), ProjectionExpression="score, secret")
    update = dict(TableName=table, Key=key("bob"), ExpressionAttributeValues={":v": {"N": "5"}})
    assert d.update_item(UpdateExpression="SET score = :v", ReturnValues="UPDATED_NEW", **update)["Attributes"] == {"score": {"N": "5"}}
    denied(d.update_item, UpdateExpression="SET secret = :v", **update)
    denied(d.update_item, UpdateExpression="SET score = :v", ReturnValues="ALL_OLD", **update)
    denied(d.update_item, UpdateExpression="SET score = :v", ConditionExpression="attribute_exists(secret)", **update)
