"""A table's KMS key. Expectations: "DynamoDB encryption at rest: usage notes" (Developer Guide), SSESpecification (API Reference)."""
import json

import pytest
from botocore.exceptions import ClientError

TABLE = {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
         "BillingMode": "PAY_PER_REQUEST"}


def under(key):
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}


def refused(code, call, text, **kwargs):
    with pytest.raises(ClientError) as e:
        call(**kwargs)
    error = e.value.response["Error"]
    assert error["Code"] == code and text in error["Message"], error


def test_the_key_is_looked_at(client, name):
    dynamodb, kms, iam = client("dynamodb"), client("kms"), client("iam")
    key = kms.create_key()["KeyMetadata"]
    made = dynamodb.create_table(TableName=name, SSESpecification=under(key["KeyId"]), **TABLE)["TableDescription"]["SSEDescription"]
    assert made == {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key["Arn"]}
    refused("ValidationException", dynamodb.create_table, "does not exist", TableName=name + "-2",
            SSESpecification=under("1234abcd-12ab-34cd-56ef-1234567890ab"), **TABLE)
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]}))
    k = iam.create_access_key(UserName=name)["AccessKey"]
    refused("AccessDeniedException", client("dynamodb", k["AccessKeyId"], k["SecretAccessKey"]).create_table, "kms:GenerateDataKey",
            TableName=name + "-3", SSESpecification=under(key["Arn"]), **TABLE)
    kms.disable_key(KeyId=key["KeyId"])
    refused("ValidationException", dynamodb.create_table, "is disabled", TableName=name + "-4", SSESpecification=under(key["Arn"]), **TABLE)
