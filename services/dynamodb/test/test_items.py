"""Items: PutItem, GetItem, UpdateItem, DeleteItem, Query, Scan, batches, legacy parameters. Follows the DynamoDB API
Reference; messages are the service's own."""
import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def d(client):
    return client("dynamodb")


@pytest.fixture
def table(d, name):
    d.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                   AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
                   KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}])
    return name


def S(v):
    return {"S": v}


def key(pk, sk="0"):
    return {"pk": S(pk), "sk": S(sk)}


def refused(code, message, call, **how):
    with pytest.raises(ClientError) as e:
        call(**how)
    error = e.value.response["Error"]
    assert error["Code"] == code, error
    assert error["Message"] == message, error
    return e.value.response


def test_return_values(d, table):
    assert "Attributes" not in d.put_item(TableName=table, Item={**key("a"), "n": {"N": "1"}}, ReturnValues="ALL_OLD")
    old = d.put_item(TableName=table, Item={**key("a"), "n": {"N": "2"}}, ReturnValues="ALL_OLD")["Attributes"]
    assert old == {**key("a"), "n": {"N": "1"}}
    how = dict(TableName=table, Key=key("a"), UpdateExpression="SET n = n + :o, m = :o", ExpressionAttributeValues={":o": {"N": "1"}})
    assert d.update_item(ReturnValues="UPDATED_OLD", **how)["Attributes"] == {"n": {"N": "2"}}
    assert d.update_item(ReturnValues="UPDATED_NEW", **how)["Attributes"] == {"n": {"N": "4"}, "m": {"N": "1"}}
    assert d.update_item(ReturnValues="ALL_OLD", **how)["Attributes"]["n"] == {"N": "4"}
    assert d.update_item(ReturnValues="ALL_NEW", **how)["Attributes"] == {**key("a"), "n": {"N": "6"}, "m": {"N": "1"}}
    assert d.delete_item(TableName=table, Key=key("a"), ReturnValues="ALL_OLD")["Attributes"]["n"] == {"N": "6"}
    assert "Item" not in d.get_item(TableName=table, Key=key("a"))
    refused("ValidationException", "ReturnValues can only be ALL_OLD or NONE", d.put_item, TableName=table, Item=key("a"), ReturnValues="ALL_NEW")


def test_failed_condition_shows_the_item_when_asked(d, table):
    item = {**key("a"), "v": S("x")}
    d.put_item(TableName=table, Item=item)
    how = dict(TableName=table, Item=key("a"), ConditionExpression="attribute_not_exists(pk)")
    assert "Item" not in refused("ConditionalCheckFailedException", "The conditional request failed", d.put_item, **how)
    answer = refused("ConditionalCheckFailedException", "The conditional request failed", d.put_item,
                     ReturnValuesOnConditionCheckFailure="ALL_OLD", **how)
    assert answer["Item"] == item
    assert d.get_item(TableName=table, Key=key("a"))["Item"] == item


BAD_PUTS = [
    (dict(Item={"pk": S("a")}), "One or more parameter values were invalid: Missing the key sk in the item"),
    (dict(Item={"pk": S("a"), "sk": {"N": "1"}}), "One or more parameter values were invalid: Type mismatch for key sk expected: S actual: N"),
    (dict(Item={**key("a"), "x": {"SS": []}}), "One or more parameter values were invalid: An string set  may not be empty"),
    (dict(Item={**key("a"), "x": {"N": "1e126"}}),
     "Number overflow. Attempting to store a number with magnitude larger than supported range"),
    (dict(Item=key("")), "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string "
     "value. Key: pk"),
    (dict(Item=key("x" * 2049)), "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes"),
    (dict(Item={**key("a"), "x": S("x" * 409600)}), "Item size has exceeded the maximum allowed size"),
    (dict(Item=key("a"), ConditionExpression="pk = :x"), "Invalid ConditionExpression: An expression attribute value used in expression is "
     "not defined; attribute value: :x"),
    (dict(Item=key("a"), ConditionExpression="pk = :x", ExpressionAttributeValues={":x": S("1"), ":y": S("2")}),
     "Value provided in ExpressionAttributeValues unused in expressions: keys: {:y}"),
    (dict(Item=key("a"), ExpressionAttributeNames={"#a": "b"}), "ExpressionAttributeNames can only be specified when using expressions"),
    (dict(Item=key("a"), ConditionExpression="attribute_exists(pk)", Expected={"pk": {"Exists": False}}),
     "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression "
     "parameters: {ConditionExpression}"),
    (dict(Item=key("a"), ConditionExpression="pk.x = :x", ExpressionAttributeValues={":x": S("1")}),
     "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk"),
]


@pytest.mark.parametrize("how, message", BAD_PUTS)
def test_puts_that_are_refused(d, table, how, message):
    refused("ValidationException", message, d.put_item, TableName=table, **how)
    assert d.scan(TableName=table)["Count"] == 0


def test_keys_that_do_not_fit(d, table):
    message = "The provided key element does not match the schema"
    refused("ValidationException", message, d.get_item, TableName=table, Key={"pk": S("a")})
    refused("ValidationException", message, d.delete_item, TableName=table, Key={**key("a"), "x": S("b")})
    refused("ValidationException", "One or more parameter values were invalid: Cannot update attribute sk. This attribute is part of the key",
            d.update_item, TableName=table, Key=key("a"), UpdateExpression="SET sk = :v", ExpressionAttributeValues={":v": S("1")})
    refused("ResourceNotFoundException", "Requested resource not found", d.get_item, TableName=table + "x", Key=key("a"))


def test_projection(d, table):
    d.put_item(TableName=table, Item={**key("a"), "l": {"L": [{"N": "0"}, {"M": {"x": S("y"), "z": S("w")}}]}, "size": S("big")})
    got = d.get_item(TableName=table, Key=key("a"), ProjectionExpression="l[1].x, #s", ExpressionAttributeNames={"#s": "size"})["Item"]
    assert got == {"l": {"L": [{"M": {"x": S("y")}}]}, "size": S("big")}
    assert d.get_item(TableName=table, Key=key("a"), AttributesToGet=["size", "none"])["Item"] == {"size": S("big")}


def fill(d, table, n=20, size=10):
    for i in range(n):
        d.put_item(TableName=table, Item={**key("p", "%03d" % i), "v": S("x" * size), "n": {"N": str(i)}})


def sks(answer):
    return [i["sk"]["S"] for i in answer["Items"]]


def test_query_conditions_and_pages(d, table):
    fill(d, table)

    def query(expression, **values):
        return d.query(TableName=table, KeyConditionExpression="pk = :p" + expression,
                       ExpressionAttributeValues={":p": S("p"), **{":" + k: S(v) for k, v in values.items()}})

    every = ["%03d" % i for i in range(20)]
    assert sks(query("")) == every
    assert sks(query(" AND sk < :a", a="005")) == every[:5]
    assert sks(query(" AND sk <= :a", a="005")) == every[:6]
    assert sks(query(" AND sk > :a", a="017")) == every[18:]
    assert sks(query(" AND begins_with(sk, :a)", a="01")) == every[10:]
    assert sks(query(" AND sk BETWEEN :a AND :b", a="003", b="005")) == every[3:6]
    how = dict(TableName=table, KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": S("p")}, Limit=7, ScanIndexForward=False)
    seen, start = [], {}
    while True:
        page = d.query(**how, **start)
        seen += sks(page)
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert seen == every[::-1]
    refused("ValidationException", "Query condition missed key schema element: pk", d.query, TableName=table,
            KeyConditionExpression="sk = :s", ExpressionAttributeValues={":s": S("1")})
    refused("ValidationException", "Query key condition not supported", d.query, TableName=table,
            KeyConditionExpression="pk > :s", ExpressionAttributeValues={":s": S("1")})
    refused("ValidationException", "Filter Expression can only contain non-primary key attributes: Primary key attribute: pk", d.query, TableName=table,
            KeyConditionExpression="pk = :s", FilterExpression="pk = :s", ExpressionAttributeValues={":s": S("1")})


def test_pages_end_at_one_megabyte(d, table):
    fill(d, table, n=4, size=300000)
    page = d.query(TableName=table, KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": S("p")}, ReturnConsumedCapacity="TOTAL")
    assert page["Count"] == 3 and page["LastEvaluatedKey"] == key("p", "002")
    assert page["ConsumedCapacity"]["CapacityUnits"] == 110  # 3 items of 300,017 bytes in 4 KB units, halved
    rest = d.query(TableName=table, KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": S("p")},
                   ExclusiveStartKey=page["LastEvaluatedKey"])
    assert sks(rest) == ["003"] and "LastEvaluatedKey" not in rest


def test_filter_counts_what_it_looked_at(d, table):
    fill(d, table)
    page = d.scan(TableName=table, FilterExpression="n < :n", ExpressionAttributeValues={":n": {"N": "3"}}, Select="COUNT")
    assert (page["Count"], page["ScannedCount"]) == (3, 20) and "Items" not in page


def test_parallel_scan_gives_every_item_once(d, table):
    for i in range(100):
        d.put_item(TableName=table, Item=key("p%d" % i))
    parts = [{i["pk"]["S"] for i in d.scan(TableName=table, Segment=s, TotalSegments=7)["Items"]} for s in range(7)]
    assert sum(map(len, parts)) == 100 and len(set().union(*parts)) == 100
    assert all(len(p) > 0 for p in parts)
    refused("ValidationException", "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 7 is not less "
            "than TotalSegments: 7", d.scan, TableName=table, Segment=7, TotalSegments=7)


def test_consumed_capacity(d, table):
    put = d.put_item(TableName=table, Item={**key("a"), "v": S("x" * 2040)}, ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"]
    assert (put["CapacityUnits"], put["Table"]["CapacityUnits"]) == (2, 2)
    d.put_item(TableName=table, Item={**key("b"), "v": S("x" * 8000)})
    for consistent, units in ((False, 1), (True, 2)):
        got = d.get_item(TableName=table, Key=key("b"), ConsistentRead=consistent, ReturnConsumedCapacity="TOTAL")
        assert got["ConsumedCapacity"] == {"TableName": table, "CapacityUnits": units}


def test_batches(d, table):
    def request(i):
        return {"PutRequest": {"Item": {**key("b%02d" % i), "n": {"N": str(i)}}}}

    answer = d.batch_write_item(RequestItems={table: [request(i) for i in range(25)]}, ReturnConsumedCapacity="TOTAL")
    assert answer["UnprocessedItems"] == {} and answer["ConsumedCapacity"][0]["CapacityUnits"] == 25
    got = d.batch_get_item(RequestItems={table: {"Keys": [key("b01"), key("b02"), key("none")], "ProjectionExpression": "n"}})
    assert sorted(i["n"]["N"] for i in got["Responses"][table]) == ["1", "2"] and got["UnprocessedKeys"] == {}
    d.batch_write_item(RequestItems={table: [{"DeleteRequest": {"Key": key("b%02d" % i)}} for i in range(20)]})
    assert d.scan(TableName=table)["Count"] == 5
    refused("ValidationException", "Provided list of item keys contains duplicates", d.batch_write_item,
            RequestItems={table: [request(1), request(1)]})
    refused("ValidationException", "Provided list of item keys contains duplicates", d.batch_get_item,
            RequestItems={table: {"Keys": [key("a"), key("a")]}})


def test_legacy_parameters(d, table):
    d.put_item(TableName=table, Item={**key("a"), "n": {"N": "1"}, "t": {"SS": ["x", "y"]}})
    refused("ConditionalCheckFailedException", "The conditional request failed", d.put_item, TableName=table, Item=key("a"),
            Expected={"n": {"Value": {"N": "2"}}})
    new = d.update_item(TableName=table, Key=key("a"), ReturnValues="ALL_NEW", Expected={"n": {"ComparisonOperator": "LT", "AttributeValueList": [{"N": "5"}]}},
                        AttributeUpdates={"n": {"Action": "ADD", "Value": {"N": "2"}}, "t": {"Action": "DELETE", "Value": {"SS": ["x"]}},
                                          "new": {"Value": S("v")}})["Attributes"]
    assert new == {**key("a"), "n": {"N": "3"}, "t": {"SS": ["y"]}, "new": S("v")}
    got = d.query(TableName=table, KeyConditions={"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [S("a")]}},
                  QueryFilter={"n": {"ComparisonOperator": "IN", "AttributeValueList": [{"N": "3"}, {"N": "4"}]}})
    assert got["Count"] == 1
    assert d.scan(TableName=table, ScanFilter={"new": {"ComparisonOperator": "NULL"}})["Count"] == 0
    refused("ValidationException", "One or more parameter values were invalid: Invalid number of argument(s) for the EQ ComparisonOperator", d.scan,
            TableName=table, ScanFilter={"n": {"ComparisonOperator": "EQ", "AttributeValueList": []}})
