"""Which of several mistakes DynamoDB names, and in what words: Query's and Scan's starting keys, conditions on keys, filters; updates of what
an index reads by; limits of throughput.

Source: dynalite's tests (query.js, scan.js, updateItem.js, updateTable.js), which were run against DynamoDB."""
import pytest
from botocore.exceptions import ClientError

S, N, B = {"S": "a"}, {"N": "1"}, {"B": b"a"}
I = "One or more parameter values were invalid: "
START = "The provided starting key is invalid"
SCHEMA = "The provided key element does not match the schema"
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}


def keys(hash, range=None):
    return [{"AttributeName": n, "KeyType": k} for n, k in ((hash, "HASH"), (range, "RANGE")) if n]


def index(name, hash, range=None, projection={"ProjectionType": "ALL"}, **more):
    return {"IndexName": name, "KeySchema": keys(hash, range), "Projection": projection, **more}


@pytest.fixture(scope="module")
def d(client):
    d = client("dynamodb", parameter_validation=False)
    text = lambda *names: [{"AttributeName": n, "AttributeType": "S"} for n in names]
    d.create_table(TableName="hash", AttributeDefinitions=text("a"), KeySchema=keys("a"), ProvisionedThroughput=UNITS)
    d.create_table(TableName="range", AttributeDefinitions=text(*"abcd"), KeySchema=keys("a", "b"), ProvisionedThroughput=UNITS,
                   LocalSecondaryIndexes=[index("local", "a", "c")],
                   GlobalSecondaryIndexes=[index("global", "c", ProvisionedThroughput=UNITS),
                                           index("wide", "c", "d", {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["e"]}, ProvisionedThroughput=UNITS)])
    return d


def refused(call, message, code="ValidationException", **how):
    with pytest.raises(ClientError) as e:
        call(**how)
    error = e.value.response["Error"]
    assert (error["Code"], error["Message"]) == (code, message)


def on(name=None, **start):
    return {**({"IndexName": name} if name else {}), "ExclusiveStartKey": start}


def where(**conditions):
    return {"KeyConditions": {k: {"ComparisonOperator": v} if isinstance(v, str) else {"ComparisonOperator": v[0], "AttributeValueList": v[1:]}
                              for k, v in conditions.items()}}


# ---- Query ----

EQ_A, EQ_C, NULL_Z = where(a=("EQ", {"S": "b"})), where(c=("EQ", {"S": "b"})), where(z="NULL")


@pytest.mark.parametrize("table, asked, condition, message", [
    # how many attributes, then the types of the keys that are read by, then conditions on them, then the table's keys
    ("hash", on(), NULL_Z, START),
    ("hash", on(b=S), NULL_Z, START),
    ("hash", on(a=N), NULL_Z, SCHEMA),
    ("range", on(a=S), NULL_Z, START),
    ("range", on(a=N, z=S), NULL_Z, SCHEMA),
    ("range", on(a=B, b=S), NULL_Z, SCHEMA),
    ("range", on(a=S, b=N), NULL_Z, "Query condition missed key schema element: a"),
    ("range", on(a=S, z=S), NULL_Z, "Query condition missed key schema element: a"),
    ("range", on("local", a=N, x=S, y=S), NULL_Z, SCHEMA),
    ("range", on("local", a=S, b=S, z=S), NULL_Z, "Query condition missed key schema element: a"),
    ("range", on("global", x=N, y=N, c=S), NULL_Z, "Query condition missed key schema element: c"),
    ("range", on("global", x=S, y=S, c=N), NULL_Z, SCHEMA),
    ("range", on(a=S, z=S), EQ_A, START),
    ("range", on(a=S, b=N), EQ_A, SCHEMA),
    ("range", on("local", a=S, b=N, c=S), EQ_A, f"{START}: {SCHEMA}"),
    ("range", on("global", x=N, y=N, c=S), EQ_C, f"{START}: {SCHEMA}"),
    ("range", on("wide", a=N, b=S, c=S, d=S), EQ_C, f"{START}: {SCHEMA}"),
    # operators that no key can have
    ("hash", {}, where(a="NULL"), "Attempted conditional constraint is not an indexable operation"),
    ("hash", {}, where(a=("NE", N)), "Attempted conditional constraint is not an indexable operation"),
    ("range", on(a=S, b=S), where(a=("EQ", {"S": "b"}), c="NULL"), "Query condition missed key schema element: b"),
    ("range", on(a=S, b=S), where(a=("EQ", {"S": "b"}), b=("IN", S)), "Attempted conditional constraint is not an indexable operation"),
    ("range", {"IndexName": "nope"}, NULL_Z, "The table does not have the specified index: nope"),
    ("range", {"IndexName": "global", "ConsistentRead": True}, NULL_Z, "Consistent reads are not supported on global secondary indexes"),
    # where a page can start
    ("range", on(a=S, b=S), where(a=("EQ", {"S": "b"}), b=("GT", S)), "The provided starting key does not match the range key predicate"),
    ("range", on(a=S, b=S), where(a=("EQ", {"S": "b"}), b=("LT", {"S": "b"})), "The query can return at most one row and cannot be restarted"),
    ("range", on("wide", a=S, b=S, c={"S": "b"}, d=S), where(c=("EQ", S), d=("GT", S)), "The provided starting key does not match the range key predicate"),
    ("range", on("wide", a=S, b=S, c={"S": "b"}, d=S), where(c=("EQ", S), d=("EQ", S)), "The query can return at most one row and cannot be restarted"),
    ("range", on("wide", a=S, b=S, c={"S": "b"}, d={"S": "bc"}), where(c=("EQ", S), d=("BEGINS_WITH", {"S": "b"})),
     "The query can return at most one row and cannot be restarted"),
    ("range", on("wide", a=S, b=S, c={"S": "b"}, d={"S": "x"}), where(c=("EQ", S), d=("BETWEEN", {"S": "b"}, {"S": "c"})),
     "The provided starting key does not match the range key predicate"),
])
def test_queries(d, table, asked, condition, message):
    refused(d.query, message, TableName=table, **asked, **condition)


def test_a_table_that_is_not_there_comes_before_operators_of_keys(d):
    refused(d.query, "Requested resource not found", "ResourceNotFoundException", TableName="nowhere", **on(), **NULL_Z)


@pytest.mark.parametrize("more, message", [
    ({"FilterExpression": ""}, "Invalid FilterExpression: The expression can not be empty;"),
    ({"FilterExpression": "b > c", "ProjectionExpression": ""}, "Invalid ProjectionExpression: The expression can not be empty;"),
    ({}, "Invalid operator used in KeyConditionExpression: attribute_type"),
])
def test_texts_are_read_before_what_they_ask_of_keys(d, more, message):
    refused(d.query, message, TableName="hash", KeyConditionExpression="attribute_type(a, :a)", ExpressionAttributeValues={":a": {"S": "N"}}, **more)


def test_a_name_twice_comes_before_the_starting_key_and_before_a_scans_filter(d):
    twice = I + "Duplicate value in attribute name: a"
    refused(d.query, twice, TableName="abc", QueryFilter={}, ExclusiveStartKey={"a": {}}, AttributesToGet=["a", "a"])
    bad = {"a": {"ComparisonOperator": "EQ", "AttributeValueList": [{}]}}
    refused(d.scan, twice, TableName="abc", ScanFilter=bad, AttributesToGet=["a", "a"])
    refused(d.query, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes", TableName="abc", QueryFilter=bad,
            AttributesToGet=["a", "a"], **EQ_A)


@pytest.mark.parametrize("table, asked, text, message", [
    ("hash", {}, "attribute_exists(a.b) AND b = :b", "Filter Expression can only contain non-primary key attributes: Primary key attribute: a"),
    ("range", {}, "b[1] = :b", "Filter Expression can only contain non-primary key attributes: Primary key attribute: b"),
    ("range", {}, "d[1] = :b", "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: d"),
])
def test_filters_that_go_into_keys(d, table, asked, text, message):
    refused(d.query, message, TableName=table, KeyConditionExpression="a = :a", FilterExpression=text, ExpressionAttributeValues={":a": S, ":b": N})


def test_what_an_index_does_not_have_comes_before_paths_into_keys(d):
    message = I + "Select type ALL_ATTRIBUTES is not supported for global secondary index wide because its projection type is not ALL"
    refused(d.query, message, TableName="range", IndexName="wide", Select="ALL_ATTRIBUTES", KeyConditionExpression="c = :a",
            FilterExpression="a = :b and a.b = :a", ExpressionAttributeValues={":a": S, ":b": N})


# ---- Scan ----

@pytest.mark.parametrize("table, asked, message", [
    ("hash", on(), f"{START}: {SCHEMA}"),
    ("hash", on(a=N), f"{START}: {SCHEMA}"),
    ("range", on("local", a=S, c=N), START),
    ("range", on("local", a=N, x=S, y=S), SCHEMA),
    ("range", on("local", a=S, b=N, c=N), SCHEMA),
    ("range", on("local", a=S, b=N, c=S), f"{START}: {SCHEMA}"),
    ("range", on("global", x=N, y=N, c=S), f"{START}: {SCHEMA}"),
    ("range", on("wide", x=N, y=N, c=S, d=N), SCHEMA),
    ("range", {**on("wide", a=N, b=N, c=S), "Select": "ALL_ATTRIBUTES"}, START),
    ("range", {**on("wide", x=N, y=N, c=S, d=S), "Select": "ALL_ATTRIBUTES"},
     I + "Select type ALL_ATTRIBUTES is not supported for global secondary index wide because its projection type is not ALL"),
])
def test_scans(d, table, asked, message):
    refused(d.scan, message, TableName=table, FilterExpression="attribute_exists(a.b.c)", **asked)


def test_words_of_the_grammar_are_no_names(d):
    for text in ("n > between", "in = :n", "attribute_exists(and)"):
        with pytest.raises(ClientError, match="Invalid FilterExpression: Syntax error; "):
            d.scan(TableName="hash", FilterExpression=text, ExpressionAttributeValues={":n": N})
    for text in ("SET n = set", "REMOVE delete", "ADD add :n"):
        with pytest.raises(ClientError, match="Invalid UpdateExpression: Syntax error; "):
            d.update_item(TableName="hash", Key={"a": S}, UpdateExpression=text, ExpressionAttributeValues={":n": N})


# ---- updates ----

@pytest.mark.parametrize("asked", [
    {"AttributeUpdates": {"c": {"Value": N}}},
    {"UpdateExpression": "SET c = :n"},
    {"UpdateExpression": "SET d.x = a ADD c :n"},
    {"UpdateExpression": "SET e = c[1], c = a + :n"},
])
def test_a_type_that_is_known_beforehand_must_fit_the_index(d, asked):
    values = {"ExpressionAttributeValues": {":n": N}} if "UpdateExpression" in asked else {}
    with pytest.raises(ClientError) as e:
        d.update_item(TableName="range", Key={"a": S, "b": S}, **asked, **values)
    assert e.value.response["Error"]["Message"].startswith(I + "Type mismatch for Index Key c Expected: S Actual: N IndexName: ")


def test_a_type_that_only_the_item_tells(d):
    key = {"a": S, "b": {"S": "typed"}}
    d.update_item(TableName="range", Key=key, UpdateExpression="SET e = :n", ExpressionAttributeValues={":n": N})
    refused(d.update_item, "The update expression attempted to update the secondary index key to unsupported type", TableName="range", Key=key,
            UpdateExpression="SET c = e")
    d.update_item(TableName="range", Key=key, UpdateExpression="SET c = :s", ExpressionAttributeValues={":s": S})
    d.update_item(TableName="range", Key=key, UpdateExpression="SET c = if_not_exists(c, :n)", ExpressionAttributeValues={":n": N})
    assert d.get_item(TableName="range", Key=key)["Item"]["c"] == S


def test_what_is_read_must_not_go_into_keys_either(d):
    refused(d.update_item, "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: d",
            TableName="range", Key={"a": S, "b": S}, UpdateExpression="SET e = list_append(a, b), f = d[1]")


# ---- throughput ----

def test_throughput_has_a_limit(d):
    much = {"ReadCapacityUnits": 1000000000001, "WriteCapacityUnits": 1000000000001}
    refused(d.update_table, "Given value 1000000000001 for ReadCapacityUnits is out of bounds", TableName="nowhere", ProvisionedThroughput=much)
    refused(d.update_table, "Given value 1000000000001 for WriteCapacityUnits is out of bounds", TableName="hash",
            ProvisionedThroughput={**much, "ReadCapacityUnits": 6})
    change = lambda table, **units: {"TableName": table, "GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": "global", "ProvisionedThroughput": units}}]}
    refused(d.update_table, "Requested resource not found: Table: nowhere not found", "ResourceNotFoundException", **change("nowhere", **much))
    refused(d.update_table, "Given value 1000000000001 for ReadCapacityUnits is out of bounds for index global", **change("range", **much))
    assert d.describe_table(TableName="hash")["Table"]["ProvisionedThroughput"]["ReadCapacityUnits"] == 5


def test_all_indexes_without_throughput_are_named(d):
    d.update_table(TableName="range", BillingMode="PAY_PER_REQUEST")
    refused(d.update_table, I + "ProvisionedThroughput must be specified for index: global,wide", TableName="range", BillingMode="PROVISIONED",
            ProvisionedThroughput=UNITS)


def test_no_updates_at_all(d):
    with pytest.raises(ClientError, match="At least one of ProvisionedThroughput, BillingMode, "):
        d.update_table(TableName="hash", GlobalSecondaryIndexUpdates=[])
