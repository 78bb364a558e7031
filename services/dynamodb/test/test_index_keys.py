"""Global indexes whose keys have several attributes. Follows "Multi-attribute keys pattern" and "Using Global Secondary Indexes:
multi-attribute key schema" (DynamoDB Developer Guide)."""
import itertools

import pytest
from botocore.exceptions import ClientError

TYPES = {"pk": "S", "h1": "S", "h2": "N", "h3": "S", "h4": "B", "r1": "S", "r2": "N", "r3": "B", "r4": "S"}
NARROW = ["h1", "h2"], ["r1", "r2"]
WIDE = ["h1", "h2", "h3", "h4"], ["r1", "r2", "r3", "r4"]


@pytest.fixture
def d(client):
    return client("dynamodb")


def schema(hashes, ranges):
    return [{"AttributeName": a, "KeyType": "HASH"} for a in hashes] + [{"AttributeName": a, "KeyType": "RANGE"} for a in ranges]


def definitions(names):
    return [{"AttributeName": a, "AttributeType": TYPES[a]} for a in dict.fromkeys(names)]


def index(hashes, ranges, projection="ALL"):
    return {"IndexName": "idx", "KeySchema": schema(hashes, ranges), "Projection": {"ProjectionType": projection}}


def make(d, name, hashes, ranges, projection="ALL"):
    d.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=schema(["pk"], []), AttributeDefinitions=definitions(["pk", *hashes, *ranges]),
                   GlobalSecondaryIndexes=[index(hashes, ranges, projection)])
    return name


def item(pk, **values):
    return {"pk": {"S": pk}, **{k: {TYPES[k]: v if TYPES[k] == "B" else str(v)} for k, v in values.items()}}


def put(d, table, pk, **values):
    d.put_item(TableName=table, Item=item(pk, **values))


def ask(d, table, condition, backwards=False, **values):
    out, start = [], {}
    while True:  # a page of two at a time: places in the index are whole keys
        page = d.query(TableName=table, IndexName="idx", KeyConditionExpression=condition, Limit=2, ScanIndexForward=not backwards,
                       ExpressionAttributeValues={":" + k: {TYPES.get(k, TYPES.get(k[:2])): v if TYPES[k[:2]] == "B" else str(v)} for k, v in values.items()},
                       **start)
        out += [i["pk"]["S"] for i in page["Items"]]
        if "LastEvaluatedKey" not in page:
            return out
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def refused(message, call, **how):
    with pytest.raises(ClientError) as e:
        call(**how)
    error = e.value.response["Error"]
    assert error["Code"] == "ValidationException" and message in error["Message"], error


def test_the_order_is_that_of_all_range_attributes(d, name):
    table = make(d, name, *NARROW)
    rows = {"%s%s" % (r1, r2): (r1, r2) for r1, r2 in itertools.product("abc", (5, 50, 100, 1000))}
    for pk, (r1, r2) in rows.items():
        put(d, table, pk, h1="t", h2=7, r1=r1, r2=r2)
    put(d, table, "elsewhere", h1="t", h2=8, r1="a", r2=5)
    put(d, table, "seam", h1="t7", h2=7, r1="a", r2=5)  # no boundary is lost between attributes
    ordered = sorted(rows, key=rows.get)
    assert ask(d, table, "h1 = :h1 AND h2 = :h2", h1="t", h2=7) == ordered
    assert ask(d, table, "h1 = :h1 AND h2 = :h2", backwards=True, h1="t", h2=7) == ordered[::-1]
    of = lambda test: [k for k in ordered if test(*rows[k])]
    both = "h1 = :h1 AND h2 = :h2 AND "
    assert ask(d, table, both + "r1 = :r1", h1="t", h2=7, r1="b") == of(lambda a, b: a == "b")
    assert ask(d, table, both + "r1 >= :r1", h1="t", h2=7, r1="b") == of(lambda a, b: a >= "b")
    assert ask(d, table, both + "r1 < :r1", h1="t", h2=7, r1="b") == of(lambda a, b: a < "b")
    assert ask(d, table, both + "r1 <= :r1", h1="t", h2=7, r1="b") == of(lambda a, b: a <= "b")
    assert ask(d, table, both + "r1 > :r1", h1="t", h2=7, r1="b") == of(lambda a, b: a > "b")
    assert ask(d, table, both + "begins_with(r1, :r1)", h1="t", h2=7, r1="b") == of(lambda a, b: a == "b")
    assert ask(d, table, both + "r1 = :r1 AND r2 = :r2", h1="t", h2=7, r1="b", r2=50) == ["b50"]
    assert ask(d, table, both + "r1 = :r1 AND r2 > :r2", h1="t", h2=7, r1="b", r2=50) == ["b100", "b1000"]
    assert ask(d, table, both + "r1 = :r1 AND r2 BETWEEN :r2 AND :r2b", h1="t", h2=7, r1="b", r2=50, r2b=100) == ["b50", "b100"]
    # In the order of the text there is no meaning.
    assert ask(d, table, "r2 < :r2 AND h2 = :h2 AND r1 = :r1 AND h1 = :h1", h1="t", h2=7, r1="c", r2=100) == ["c5", "c50"]


def test_four_and_four(d, name):
    table = make(d, name, *WIDE)
    whole = dict(h1="a", h2=1, h3="c", h4=b"\x00d", r1="e", r2=-3, r3=b"g", r4="h")
    put(d, table, "whole", **whole)
    for gone in whole:  # an item without one of them is not in the index
        put(d, table, "no-" + gone, **{k: v for k, v in whole.items() if k != gone})
    put(d, table, "other", **{**whole, "h4": b"\x00e"})
    assert d.describe_table(TableName=table)["Table"]["GlobalSecondaryIndexes"][0]["KeySchema"] == schema(*WIDE)
    hashes = " AND ".join("%s = :%s" % (a, a) for a in WIDE[0])
    values = {k: v for k, v in whole.items() if k.startswith("h")}
    assert ask(d, table, hashes, **values) == ["whole"]
    assert ask(d, table, hashes + " AND r1 = :r1 AND r2 = :r2 AND r3 = :r3 AND begins_with(r4, :r4)", **whole) == ["whole"]
    assert sorted(i["pk"]["S"] for i in d.scan(TableName=table, IndexName="idx")["Items"]) == ["other", "whole"]
    page = d.scan(TableName=table, IndexName="idx", Limit=1)
    assert sorted(page["LastEvaluatedKey"]) == sorted(TYPES)
    assert d.scan(TableName=table, IndexName="idx", ExclusiveStartKey=page["LastEvaluatedKey"])["Count"] == 1
    d.update_item(TableName=table, Key={"pk": {"S": "whole"}}, UpdateExpression="REMOVE r3")
    assert ask(d, table, hashes, **values) == []
    d.update_item(TableName=table, Key={"pk": {"S": "whole"}}, UpdateExpression="SET r3 = :b", ExpressionAttributeValues={":b": {"B": b"z"}})
    assert ask(d, table, hashes + " AND r1 = :r1 AND r2 = :r2 AND r3 > :r3", **{**values, "r1": "e", "r2": -3, "r3": b"g"}) == ["whole"]


def test_legacy_conditions_and_partiql(d, name):
    table = make(d, name, *NARROW, projection="KEYS_ONLY")
    for pk, r1, r2 in (("1", "a", 1), ("2", "a", 2), ("3", "b", 1)):
        put(d, table, pk, h1="t", h2=7, r1=r1, r2=r2)
    eq = lambda v: {"ComparisonOperator": "EQ", "AttributeValueList": [v]}
    refused("KeyConditions", d.query, TableName=table, IndexName="idx",
            KeyConditions={"h1": eq({"S": "t"}), "h2": eq({"N": "7"}), "r1": eq({"S": "a"})}) # recorded answers
    select = 'SELECT pk FROM "%s"."idx" WHERE h1 = \'t\' AND h2 = 7' % table
    run = lambda more: [i["pk"]["S"] for i in d.execute_statement(Statement=select + more)["Items"]]
    assert run("") == ["1", "2", "3"] and run(" AND r1 = 'a'") == ["1", "2"] and run(" AND r2 = 1") == ["1", "3"]
    assert run(" ORDER BY r1 DESC") == ["3", "2", "1"]
    assert d.execute_statement(Statement='SELECT pk FROM "%s"."idx" WHERE h1 = \'t\'' % table)["Items"] != []


def test_what_a_query_may_ask(d, name):
    table = make(d, name, *NARROW)
    values = {":s": {"S": "t"}, ":n": {"N": "7"}}
    ask_ = lambda condition, message, more={}, use=values: refused(message, d.query, TableName=table, IndexName="idx", KeyConditionExpression=condition,
        ExpressionAttributeValues={k: v for k, v in use.items() if k in condition + str(more)}, **more)
    ask_("h1 = :s", "HASH")
    ask_("h1 = :s AND h2 > :n", "HASH")
    ask_("h1 = :s AND h2 BETWEEN :n AND :n", "HASH")
    ask_("h1 = :s AND h2 = :n AND r2 = :n", "RANGE")
    ask_("h1 = :s AND h2 = :n AND r1 > :s AND r2 = :n", "RANGE")
    ask_("h1 = :s AND h2 = :n AND begins_with(r1, :s) AND r2 = :n", "RANGE")
    ask_("h1 = :n AND h2 = :n", "Condition parameter type does not match schema type")
    ask_("h1 = :s AND h2 = :n", "Filter Expression can only contain non-primary key attributes: Primary key attribute: r2", {"FilterExpression": "r2 = :n"})
    ask_("h1 = :s AND h2 = :n", "The provided starting key is invalid", {"ExclusiveStartKey": item("x", h1="t", r1="a", r2=1)})
    ask_("h1 = :s AND h2 = :n", "Consistent reads are not supported on global secondary indexes", {"ConsistentRead": True})
    refused("Conditions can be of length 1 or 2 only", d.query, TableName=table, KeyConditionExpression="pk = :s AND h1 = :s AND h2 = :s",
            ExpressionAttributeValues={":s": {"S": "t"}})
    refused("Type mismatch for Index Key h2 Expected: N Actual: S IndexName: idx", d.put_item, TableName=table, Item={"pk": {"S": "a"}, "h2": {"S": "x"}})
    refused("cannot contain an empty string value. IndexName: idx, IndexKey: r1", d.put_item, TableName=table, Item=item("a", r1=""))
    wide = make(d, name + "-w", ["h1", "h3"], ["r1", "r4"])
    refused("Aggregated size of all range keys has exceeded the size limit of 1024 bytes", d.put_item, TableName=wide,
            Item=item("a", r1="x" * 600, r4="x" * 500))
    refused("Size of hashkey has exceeded", d.put_item, TableName=wide, Item=item("a", h1="x" * 1500, h3="x" * 600))


def test_what_a_schema_may_be(d, name):
    def bad(message, elements, **more):
        names = ["pk"] + [e["AttributeName"] for e in elements]
        refused(message, d.create_table, TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=schema(["pk"], []), AttributeDefinitions=[
            {"AttributeName": a, "AttributeType": "S"} for a in dict.fromkeys(names)],
            GlobalSecondaryIndexes=[{"IndexName": "idx", "KeySchema": elements, "Projection": {"ProjectionType": "ALL"}}])

    bad("The KeySchema exceeds the maximum allowed number of HASH key attributes", schema("abcde", ""))
    bad("The KeySchema exceeds the maximum allowed number of RANGE key attributes", schema("a", "bcdef"))
    bad("All HASH key attributes must precede RANGE key attributes in the KeySchema", schema("a", "b") + schema("c", ""))
    bad("The KeySchema contains multiple key attributes with the same name", schema("ab", "a"))
    bad("The first KeySchemaElement is not a HASH key type", schema("", "ab"))
    refused("Member must have length less than or equal to 2", d.create_table, TableName=name, BillingMode="PAY_PER_REQUEST",
            KeySchema=schema("a", "bc"), AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in "abc"])
    refused("Member must have length less than or equal to 2", d.create_table, TableName=name, BillingMode="PAY_PER_REQUEST",
            KeySchema=schema("a", "b"), AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in "abc"],
            LocalSecondaryIndexes=[{"IndexName": "lsi", "KeySchema": schema("a", "bc"), "Projection": {"ProjectionType": "ALL"}}])


def test_an_index_added_later_is_filled(d, name, eventually):
    d.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=schema(["pk"], []), AttributeDefinitions=definitions(["pk"]))
    for n in range(30):
        put(d, name, "%02d" % n, h1="t", h2=n % 2, r1="x", r2=-n)
    d.update_table(TableName=name, AttributeDefinitions=definitions(sum(NARROW, [])), GlobalSecondaryIndexUpdates=[{"Create": index(*NARROW)}])
    eventually(lambda: d.describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE")
    assert ask(d, name, "h1 = :h1 AND h2 = :h2", h1="t", h2=1) == ["%02d" % n for n in range(29, 0, -2)]
    d.delete_item(TableName=name, Key={"pk": {"S": "29"}})
    assert ask(d, name, "h1 = :h1 AND h2 = :h2", h1="t", h2=1)[0] == "27"
