"""What DynamoDB's front end adds to its answers and says of requests that no SDK sends: the checksum of the body, headers for pages of
browsers, JSON of wrong types, signatures that are not there.

Source: dynalite's tests (connection.js, listTables.js, helpers.js), which were run against DynamoDB; DynamoDB conformance tests of others
for the order of enum values."""
import json
import urllib.error
import urllib.request
import zlib

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

JSON = "application/x-amz-json-1.0"
KEY = {"a": {"S": "k"}}
NOT_HERE = "Start of structure or map found where not expected"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, {k.lower(): v for k, v in headers.items()}, body

    @property
    def error(self):
        """Its type without the namespace, and the message under either name."""
        tree = json.loads(self.body)
        return tree["__type"].partition("#")[2], tree.get("Message", tree.get("message"))

    @property
    def checksum_is_right(self):
        return self.headers.get("x-amz-crc32") == str(zlib.crc32(self.body))


@pytest.fixture(scope="module")
def ask(tsubo):
    def send(operation, body=b"{}", method="POST", signed=True, service="dynamodb", prefix="DynamoDB_20120810", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        if operation is not None:
            headers |= {"Content-Type": JSON, "X-Amz-Target": f"{prefix}.{operation}"}
        request = AWSRequest(method, tsubo.url + "/", data=body, headers=headers)
        if signed:
            SigV4Auth(Credentials("test", "test"), service, "us-east-1").add_auth(request)
        try:
            with urllib.request.urlopen(urllib.request.Request(tsubo.url + "/", body, dict(request.headers.items()), method=method)) as a:
                return Answer(a.status, a.headers, a.read())
        except urllib.error.HTTPError as e:
            return Answer(e.code, e.headers, e.read())
    return send


@pytest.fixture(scope="module")
def table(client):
    client("dynamodb").create_table(TableName="front", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "a", "KeyType": "HASH"}],
                                    AttributeDefinitions=[{"AttributeName": "a", "AttributeType": "S"}])
    return "front"


# ---- x-amz-crc32 ----

def test_every_answer_has_the_checksum_of_its_body(ask, table):
    put = ask("PutItem", {"TableName": table, "Item": {**KEY, "text": {"S": "é" * 3000}}})
    assert put.body == b"{}" and put.headers["x-amz-crc32"] == "2745614147"  # of "{}"
    got = ask("GetItem", {"TableName": table, "Key": KEY})
    assert got.status == 200 and len(got.body) > 6000 and got.checksum_is_right
    for answer in (ask("Scan", {"TableName": table}), ask("ListTables"), ask("GetItem", {"TableName": "nowhere", "Key": KEY}), ask("NoSuchThing"),
                   ask("ListTables", signed=False), ask("ListTables", b"not json"),
                   ask("ListStreams", service="dynamodb", prefix="DynamoDBStreams_20120810")):
        assert answer.checksum_is_right, (answer.status, answer.headers, answer.body)


def test_no_other_service_has_it(ask):
    answer = ask("ListQueues", service="sqs", prefix="AmazonSQS")
    assert answer.status == 200 and "x-amz-crc32" not in answer.headers


def test_a_client_that_checks_it_is_content(client, table):
    """botocore compares the header with the body and asks again when they differ."""
    for size in (0, 1, 1000, 300_000):
        client("dynamodb").put_item(TableName=table, Item={**KEY, "b": {"B": bytes(size)}})
        answer = client("dynamodb", retries={"max_attempts": 2, "mode": "legacy"}).get_item(TableName=table, Key=KEY)
        assert answer["Item"]["b"]["B"] == bytes(size) and answer["ResponseMetadata"]["RetryAttempts"] == 0


# ---- pages of browsers ----

ASKED = "authorization,content-type,x-amz-date,x-amz-target"


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://app.localhost", "http://127.0.0.1:8080", "http://[::1]:5173", "http://localhost"])
def test_a_page_of_this_machine_may_ask(ask, table, origin):
    first = ask(None, b"", "OPTIONS", signed=False, Origin=origin, Access_Control_Request_Method="POST", Access_Control_Request_Headers=ASKED)
    assert first.status == 200 and first.body == b""
    assert {k: v for k, v in first.headers.items() if k.startswith("access-control")} == {
        "access-control-allow-origin": "*", "access-control-allow-methods": "POST", "access-control-allow-headers": ASKED,
        "access-control-max-age": "172800"}
    assert ask("GetItem", {"TableName": table, "Key": KEY}, Origin=origin).headers["access-control-allow-origin"] == "*"
    refused = ask("GetItem", {"TableName": "nowhere", "Key": KEY}, Origin=origin)
    assert refused.status == 400 and refused.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("origin", ["https://example.com", "http://localhost.example.com", "https://localhost@example.com", "null", "localhost",
                                    "file://localhost", "http://127.0.0.1.example.com", "http://.localhost", ""])
def test_a_page_from_elsewhere_may_not(ask, table, origin):
    first = ask(None, b"", "OPTIONS", signed=False, Origin=origin, Access_Control_Request_Method="POST", Access_Control_Request_Headers=ASKED)
    assert first.status >= 400 and "access-control-allow-origin" not in first.headers
    assert "access-control-allow-origin" not in ask("GetItem", {"TableName": table, "Key": KEY}, Origin=origin).headers


def test_who_is_no_page_is_told_nothing_of_them(ask, table):
    assert not [k for k in ask("GetItem", {"TableName": table, "Key": KEY}).headers if k.startswith("access-control")]


def test_a_preflight_to_a_bucket_is_still_the_buckets(ask, client, name, tsubo):
    client("s3").create_bucket(Bucket=name)
    request = urllib.request.Request(f"{tsubo.url}/{name}/key", method="OPTIONS", headers={
        "Origin": "http://localhost:3000", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-amz-target"})
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(request)
    assert e.value.code == 403


# ---- JSON of other types than the model's ----

def wrong(path, value):
    for part in reversed(path.split(".")):
        value = [value] if part == "0" else {part: value}
    return value


C = "com.amazonaws.dynamodb.v20120810."


@pytest.mark.parametrize("operation, path, value, message", [
    ("CreateTable", "TableName", True, "TRUE_VALUE cannot be converted to String"),
    ("CreateTable", "TableName", 34.5, "DECIMAL_VALUE cannot be converted to String"),
    ("CreateTable", "TableName", [], "Unrecognized collection type class java.lang.String"),
    ("CreateTable", "TableName", {}, NOT_HERE),
    ("CreateTable", "KeySchema", "x", "Unexpected field type"),
    ("CreateTable", "KeySchema", {}, NOT_HERE),
    ("CreateTable", "KeySchema.0", 7, "Unexpected value type in payload"),
    ("CreateTable", "KeySchema.0", [], f"Unrecognized collection type class {C}KeySchemaElement"),
    ("CreateTable", "ProvisionedThroughput", True, "Unexpected field type"),
    ("CreateTable", "ProvisionedThroughput", [], f"Unrecognized collection type class {C}ProvisionedThroughput"),
    ("CreateTable", "ProvisionedThroughput.ReadCapacityUnits", "7", "STRING_VALUE cannot be converted to Long"),
    ("ListTables", "Limit", [], "Unrecognized collection type class java.lang.Integer"),
    ("GetItem", "ConsistentRead", "23", "Unexpected token received from parser"),
    ("GetItem", "ConsistentRead", 23, "NUMBER_VALUE cannot be converted to Boolean"),
    ("GetItem", "ExpressionAttributeNames", 7, "Unexpected field type"),
    ("GetItem", "ExpressionAttributeNames", [], "Unrecognized collection type java.util.Map<java.lang.String, java.lang.String>"),
    ("Query", "QueryFilter", [], f"Unrecognized collection type java.util.Map<java.lang.String, {C}Condition>"),
    ("BatchWriteItem", "RequestItems", [], f"Unrecognized collection type java.util.Map<java.lang.String, java.util.List<{C}WriteRequest>>"),
    ("BatchWriteItem", "RequestItems.t.0.PutRequest", 1, "Unexpected field type"),
], ids=str)
def test_json_of_a_wrong_type(ask, operation, path, value, message):
    answer = ask(operation, wrong(path, value))
    assert answer.status == 400 and json.loads(answer.body) == {"__type": "com.amazon.coral.service#SerializationException", "Message": message}


@pytest.mark.parametrize("value, message", [
    ({"S": 5}, "NUMBER_VALUE cannot be converted to String"),
    ({"B": []}, "Unrecognized collection type class java.nio.ByteBuffer"),
    ({"B": 7}, "only base-64-encoded strings are convertible to bytes"),
    ({"B": "23456"}, "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
    ({"B": "+/+="}, "Invalid last non-pad Base64 character dectected"),
    ({"BS": ["=+/="]}, "Invalid last non-pad Base64 character dectected"),
    ({"L": "x"}, "Unexpected field type"),
    ({"L": ["x"]}, "Unexpected value type in payload"),
    ({"M": []}, f"Unrecognized collection type java.util.Map<java.lang.String, {C}AttributeValue>"),
], ids=str)
def test_attribute_values_of_a_wrong_type(ask, table, value, message):
    assert ask("PutItem", {"TableName": table, "Item": {**KEY, "x": value}}).error == ("SerializationException", message)
    assert ask("UpdateItem", {"TableName": table, "Key": KEY, "AttributeUpdates": {"x": {"Value": value}}}).error == ("SerializationException", message)


def test_a_member_that_should_be_an_attribute_value(ask, table):
    for more in ({"Expected": {"x": {"Value": "23"}}}, {"AttributeUpdates": {"x": {"Value": True}}}):
        assert ask("UpdateItem", {"TableName": table, "Key": KEY, **more}).error == ("SerializationException", "Unexpected field type")


# ---- constraints ----

@pytest.mark.parametrize("operation, asked, values", [
    ("GetItem", {"ReturnConsumedCapacity": "hi"}, "INDEXES, TOTAL, NONE"),
    ("PutItem", {"ReturnItemCollectionMetrics": "hi"}, "SIZE, NONE"),
    ("PutItem", {"ReturnValues": "hi"}, "ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW"),
    ("Query", {"Select": "hi"}, "SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES"),
    ("Query", {"ConditionalOperator": "hi"}, "OR, AND"),
    ("Query", {"QueryFilter": {"a": {"ComparisonOperator": "hi"}}},
     "IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS"),
    ("CreateTable", {"AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "hi"}]}, "B, N, S"),
    ("CreateTable", {"KeySchema": [{"AttributeName": "a", "KeyType": "hi"}]}, "HASH, RANGE"),
    ("CreateTable", {"LocalSecondaryIndexes": [{"IndexName": "abc", "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
                                                "Projection": {"ProjectionType": "hi"}}]}, "ALL, INCLUDE, KEYS_ONLY"),
], ids=lambda v: v if isinstance(v, str) else "")
def test_values_of_an_enum_come_in_the_front_ends_order(ask, operation, asked, values):
    answer = ask(operation, {"TableName": "front", "Key": KEY, "Item": KEY, **asked})
    code, message = answer.error
    assert code == "ValidationException" and message.startswith("1 validation error detected: Value 'hi' at '"), message
    assert message.endswith(f"failed to satisfy constraint: Member must satisfy enum value set: [{values}]"), message


def test_ten_errors_are_told(ask):
    """Of nine indexes with three members missing in each."""
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    code, message = ask("CreateTable", {"TableName": "abc", "AttributeDefinitions": [], "KeySchema": [], "ProvisionedThroughput": units,
                                        "LocalSecondaryIndexes": [{}] * 9}).error
    assert code == "ValidationException" and message.startswith("10 validation errors detected: ") and message.count("must not be null") >= 9


def test_a_batch_that_is_too_long_or_empty_is_told_of_at_the_map(ask):
    limits = ("' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 25, "
              "Member must have length greater than or equal to 1]")
    for requests in ([], [{"DeleteRequest": {"Key": {"a": {"S": str(i)}}}} for i in range(26)]):
        code, message = ask("BatchWriteItem", {"RequestItems": {"front": requests}}).error
        assert code == "ValidationException" and message.startswith("1 validation error detected: Value '{front=") and message.endswith(limits), message


@pytest.mark.parametrize("operation", ["CreateTable", "UpdateTable", "DeleteTable", "DescribeTable", "DescribeTimeToLive"])
def test_a_table_that_is_not_named(ask, operation):
    assert ask(operation).error == ("ValidationException", "The parameter 'TableName' is required but was not present in the request")


# ---- signatures ----

def test_unsigned(ask):
    for headers in ({}, {"Authorization": "AWS4"}, {"Authorization": "X"}):
        assert json.loads(ask("ListTables", signed=False, **headers).body) == {
            "__type": "com.amazon.coral.service#MissingAuthenticationTokenException", "message": "Request is missing Authentication Token"}
