"""What requests beside the usual ones get. Source: recorded answers, that is requests that other projects' tests send to DynamoDB itself
too, with what it answers (ScyllaDB's Alternator, LocalStack's recorded tests, moto's verified tests)."""
import pytest
from botocore.exceptions import ClientError

I = "One or more parameter values were invalid: "
NAMES = [{"AttributeName": n, "AttributeType": t} for n, t in (("p", "S"), ("c", "N"), ("x", "S"))]
KEY = [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}]


def index(name, attribute):
    return {"IndexName": name, "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}


def key(p="a", c=1, **more):
    return {"p": {"S": p}, "c": {"N": str(c)}, **more}


@pytest.fixture(scope="module")
def d(client):
    return client("dynamodb", parameter_validation=False)


@pytest.fixture(scope="module")
def t(d):
    d.create_table(TableName="recorded", BillingMode="PAY_PER_REQUEST", KeySchema=KEY, AttributeDefinitions=NAMES, GlobalSecondaryIndexes=[index("byx", "x")])
    d.put_item(TableName="recorded", Item=key(l={"L": [{"N": "1"}]}, n={"N": "7"}, m={"M": {}}))
    return "recorded"


def refused(call, message, code="ValidationException", **how):
    with pytest.raises(ClientError) as e:
        call(**how)
    error = e.value.response["Error"]
    assert (error["Code"], error["Message"]) == (code, message)
    return e.value.response


# ---- expressions ----

MANY = " AND ".join(["attribute_exists(n)"] * 151)
UPDATES = [
    ("SET l = list_append(list_append(l, :l), :l)", "The function is not allowed to be used this way in an expression; function: list_append"),
    ("SET n = if_not_exists(n, list_append(l, :l))", "The function is not allowed to be used this way in an expression; function: list_append"),
    ("SET n = size(l)", "The function is not allowed in an update expression; function: size"),
    ("SET _n = :n", 'Syntax error; token: "_", near: "SET _n"'),
]
CONDITIONS = [
    ("if_not_exists(n, :n)", "The function is not allowed in a condition expression; function: if_not_exists"),
    ("n < :t", "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL"),
    ("n BETWEEN :t AND :t", "Incorrect operand type for operator or function; operator or function: BETWEEN, operand type: BOOL"),
    (MANY, "The expression contains too many operators; operator count: 301"),
    ("NOT " * 301 + "n = :n", "The expression contains too many operators; operator count: 301"),
]
VALUES = {":l": {"L": [{"N": "2"}]}, ":n": {"N": "1"}, ":t": {"BOOL": True}}


def used(expression):
    values = {k: v for k, v in VALUES.items() if k in expression}
    return {"ExpressionAttributeValues": values} if values else {}


@pytest.mark.parametrize("expression, message", UPDATES)
def test_updates(d, t, expression, message):
    refused(d.update_item, "Invalid UpdateExpression: " + message, TableName=t, Key=key(), UpdateExpression=expression, **used(expression))


@pytest.mark.parametrize("expression, message", CONDITIONS, ids=lambda s: s[:30])
def test_conditions(d, t, expression, message):
    refused(d.delete_item, "Invalid ConditionExpression: " + message, TableName=t, Key=key(), ConditionExpression=expression, **used(expression))


@pytest.mark.parametrize("call, more, message", [
    ("scan", {"ConditionalOperator": "AND"}, "ConditionalOperator cannot be used without Filter or Expected"),
    ("put_item", {"Item": key(), "ConditionalOperator": "OR"}, "ConditionalOperator cannot be used without Filter or Expected"),
    ("put_item", {"Item": key(), "ConditionalOperator": "OR", "Expected": {"n": {"Exists": False}}},
     "ConditionalOperator can only be used when Filter or Expected has two or more elements"),
    ("query", {"KeyConditions": {"p": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}}, "ConditionalOperator": "AND",
               "QueryFilter": {"n": {"ComparisonOperator": "NULL"}}}, "ConditionalOperator can only be used when Filter or Expected has two or more elements"),
    ("get_item", {"Key": key(), "ProjectionExpression": "#a", "ExpressionAttributeNames": {"#a": ""}},
     "ExpressionAttributeNames contains invalid value: Empty attribute name for key #a"),
    ("get_item", {"Key": key(), "ProjectionExpression": "n", "ExpressionAttributeNames": {"#" + "a" * 255: "n"}},
     "ExpressionAttributeNames contains invalid key: The expression attribute map contains a key that is too long; size of key: 256"),
    ("scan", {"FilterExpression": "n = :n", "ExpressionAttributeValues": {":" + "a" * 255: {"N": "1"}}},
     "ExpressionAttributeValues contains invalid key: The expression attribute map contains a key that is too long;"),
    ("put_item", {"Item": key(s={"SS": ["a", None]})}, I + "An string set may not have a null string as a member"),
    ("scan", {"Select": "COUNT", "ProjectionExpression": "n"}, "Cannot specify the ProjectionExpression when choosing to get only the Count"),
    ("query", {"Select": "COUNT", "ProjectionExpression": "n", "KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}},
     "1 validation error detected: Cannot specify the ProjectionExpression when choosing to get only the Count"),
    *((call, {"Select": select, **more}, intro + message) for select, message in (
        ("ALL_PROJECTED_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"),
        ("SPECIFIC_ATTRIBUTES", "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"))
      for call, more, intro in (("scan", {}, ""), ("query", {"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}},
                                                   "1 validation error detected: "))),
], ids=lambda v: v if isinstance(v, str) else "")
def test_parameters(d, t, call, more, message):
    refused(getattr(d, call), message, TableName=t, **more)


def test_what_is_not_there_is_told_by_the_name_it_was_asked_by(d, t):
    arn = d.describe_table(TableName=t)["Table"]["TableArn"] + "x"
    refused(d.export_table_to_point_in_time, f"Table not found: {arn}", "TableNotFoundException", TableArn=arn, S3Bucket="exports")
    refused(d.execute_statement, "The table does not have the specified index", Statement=f'SELECT * FROM "{t}"."none"')


def test_a_sum_may_stand_in_parentheses(d, t):
    for n, value in (("8", "(n + :n)"), ("7", "(n - :n)"), ("8", "(n) + (:n)")):
        fresh = d.update_item(TableName=t, Key=key(), UpdateExpression="SET n = " + value, ReturnValues="UPDATED_NEW", **used(value))
        assert fresh["Attributes"] == {"n": {"N": n}}


def test_of_an_item_that_is_not_there_any_path_can_be_removed(d, t):
    d.update_item(TableName=t, Key=key("gone"), UpdateExpression="REMOVE a.b, l[3].x")
    assert "Item" not in d.get_item(TableName=t, Key=key("gone"))
    refused(d.update_item, "The document path provided in the update expression is invalid for update", TableName=t, Key=key(),
            UpdateExpression="REMOVE a.b")


def test_what_is_not_there_does_not_fail_to_contain(d, t):
    absent = {"zz": {"ComparisonOperator": "NOT_CONTAINS", "AttributeValueList": [{"S": "a"}]}}
    refused(d.delete_item, "The conditional request failed", "ConditionalCheckFailedException", TableName=t, Key=key(), Expected=absent)
    assert d.scan(TableName=t, ScanFilter=absent)["Count"] == 0


def test_a_starting_key_is_looked_at_before_conditions_and_filters(d, t):
    ask = dict(TableName=t, KeyConditionExpression="c = :n", FilterExpression="c = :n", ExpressionAttributeValues={":n": {"N": "1"}})
    refused(d.query, "The provided starting key is invalid", ExclusiveStartKey={"p": {"S": "a"}}, **ask)
    refused(d.query, "Query condition missed key schema element: p", ExclusiveStartKey=key(), **ask)
    empty = "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: x"
    refused(d.scan, empty, TableName=t, IndexName="byx", ExclusiveStartKey=key(x={"S": ""}))


# ---- batches and transactions ----

def test_what_is_looked_at_first(d, t):
    twice = {"Keys": [key(), key(c="1.0")]}
    refused(d.batch_get_item, "Provided list of item keys contains duplicates", RequestItems={"no-such-table": twice})
    big = key(s={"S": "x" * 410000})
    for put in (lambda table: d.put_item(TableName=table, Item=big), lambda table: d.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": big}}]})):
        with pytest.raises(d.exceptions.ResourceNotFoundException):
            put("no-such-table")
        refused(lambda: put(t), "Item size has exceeded the maximum allowed size")


@pytest.mark.parametrize("item", [{"p": {"S": "a"}}, {"p": {"S": "a"}, "c": {"S": "1"}}])
def test_items_of_a_batch_are_told_of_as_keys(d, t, item):
    refused(d.batch_write_item, "The provided key element does not match the schema", RequestItems={t: [{"PutRequest": {"Item": item}}]})


def test_only_the_first_mistake_of_a_transaction_is_told(d, t):
    def reasons(call, parts):
        e = refused(call, "Transaction cancelled, please refer cancellation reasons for specific reasons [None, None, ValidationError, None]",
                    "TransactionCanceledException", TransactItems=parts)
        assert [r["Code"] for r in e["CancellationReasons"]] == ["None", "None", "ValidationError", "None"]
        assert e["CancellationReasons"][2]["Message"] == "The provided key element does not match the schema"

    wrong = {"TableName": t, "Key": {"p": {"S": "a"}}}
    reasons(d.transact_write_items, [{"Put": {"TableName": t, "Item": key("fresh")}},
                                     {"Put": {"TableName": t, "Item": key(), "ConditionExpression": "attribute_not_exists(p)"}},
                                     {"Delete": wrong}, {"Delete": wrong}])
    reasons(d.transact_get_items, [{"Get": {"TableName": t, "Key": key()}}, {"Get": {"TableName": t, "Key": key("b")}}, {"Get": wrong}, {"Get": wrong}])


def test_transactions_that_are_refused_as_a_whole(d, t):
    empty = "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: p"
    refused(d.transact_write_items, empty, TransactItems=[{"Put": {"TableName": t, "Item": key("")}}])
    refused(d.transact_get_items, empty, TransactItems=[{"Get": {"TableName": t, "Key": key("")}}])
    refused(d.transact_write_items, "Item size has exceeded the maximum allowed size",
            TransactItems=[{"Put": {"TableName": t, "Item": key(s={"S": "x" * 410000})}}])
    with pytest.raises(ClientError, match="ValidationException.*size cannot exceed"):
        d.transact_write_items(TransactItems=[{"Put": {"TableName": t, "Item": key("big", i, s={"S": "x" * 390000})}} for i in range(11)])


# ---- tables and indexes ----

@pytest.fixture
def plain(d, name):
    d.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=KEY[:1], AttributeDefinitions=NAMES[:1])
    return name


def attributes(d, name):
    return [a["AttributeName"] for a in d.describe_table(TableName=name)["Table"]["AttributeDefinitions"]]


def add(d, name, attribute, kind, more=(), **how):
    asked = [{"AttributeName": attribute, "AttributeType": kind}, *more]
    return d.update_table(TableName=name, AttributeDefinitions=asked, GlobalSecondaryIndexUpdates=[{"Create": index("by" + attribute + kind, attribute)}], **how)


def test_definitions_come_and_go_with_the_indexes(d, plain, eventually):
    refused(d.update_table, I + "AttributeDefinitions is not specified for index: byp", TableName=plain,
            GlobalSecondaryIndexUpdates=[{"Create": index("byp", "p")}])
    add(d, plain, "x", "S", [{"AttributeName": "unused", "AttributeType": "N"}])
    assert attributes(d, plain) == ["p", "x"]
    refused(add, I + "Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. Existing schema: "
            "Schema:[SchemaElement: key{x:S:HASH}] New schema: Schema:[SchemaElement: key{x:N:HASH}]", d=d, name=plain, attribute="x", kind="N")
    eventually(lambda: d.describe_table(TableName=plain)["Table"]["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE")
    d.update_table(TableName=plain, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "byxS"}}])
    assert attributes(d, plain) == ["p"]


def test_one_index_at_a_time_whether_it_is_there_or_not(d, plain):
    gone = [{"Delete": {"IndexName": n}} for n in ("one", "two")]
    refused(d.update_table, "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
            "LimitExceededException", TableName=plain, GlobalSecondaryIndexUpdates=gone)


def test_a_new_index_leaves_out_what_it_cannot_hold(d, plain, eventually):
    for p, x in (("a", ""), ("b", "y" * 2049), ("c", "y")):
        d.put_item(TableName=plain, Item={"p": {"S": p}, "x": {"S": x}})
    add(d, plain, "x", "S")
    eventually(lambda: d.describe_table(TableName=plain)["Table"]["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE")
    assert [i["p"]["S"] for i in d.scan(TableName=plain, IndexName="byxS")["Items"]] == ["c"]


def test_what_goes_is_described_shortly(d, name):
    d.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=KEY, AttributeDefinitions=NAMES, GlobalSecondaryIndexes=[index("byx", "x")])
    gone = d.delete_table(TableName=name)["TableDescription"]
    assert gone["TableStatus"] == "DELETING" and gone["ItemCount"] == 0
    assert not {"CreationDateTime", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes"} & set(gone)


def test_warming_is_under_way_in_the_answer(d, name):
    warm = {"ReadUnitsPerSecond": 13000, "WriteUnitsPerSecond": 5000}
    made = d.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=KEY[:1], AttributeDefinitions=NAMES[:1], WarmThroughput=warm)
    assert made["TableDescription"]["WarmThroughput"] == {**warm, "Status": "UPDATING"}
    assert d.describe_table(TableName=name)["Table"]["WarmThroughput"] == {**warm, "Status": "ACTIVE"}
    more = d.update_table(TableName=name, WarmThroughput={"ReadUnitsPerSecond": 14000})
    assert more["TableDescription"]["WarmThroughput"] == {**warm, "ReadUnitsPerSecond": 14000, "Status": "UPDATING"}


def test_a_table_without_definitions(d):
    refused(d.create_table, "1 validation error detected: Value null at 'attributeDefinitions' failed to satisfy constraint: Member must not be null",
            TableName="undefined", BillingMode="PAY_PER_REQUEST", KeySchema=KEY[:1])


def test_characters_of_tags(d, plain):
    arn = d.describe_table(TableName=plain)["Table"]["TableArn"]
    d.tag_resource(ResourceArn=arn, Tags=[{"Key": "é + - = . _ : / @", "Value": "二"}, {"Key": "empty", "Value": ""}])
    for tag in ({"Key": "a*", "Value": "b"}, {"Key": "a", "Value": "b!"}):
        with pytest.raises(ClientError, match="ValidationException"):
            d.tag_resource(ResourceArn=arn, Tags=[tag])
