"""ConsumedCapacity, ItemCollectionMetrics, pages of 1 MB, and the metrics of AWS/DynamoDB. Follows "DynamoDB read and write
operations" and "DynamoDB metrics and dimensions" (Developer Guide) and the API Reference."""
import datetime

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def d(client):
    d = client("dynamodb")
    index = lambda name, *keys, kind="ALL": {"IndexName": name, "Projection": {"ProjectionType": kind},
                                             "KeySchema": [{"AttributeName": k, "KeyType": t} for k, t in zip(keys, ("HASH", "RANGE"))]}
    d.create_table(TableName="tbl", BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in "abc"],
                   KeySchema=[{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "RANGE"}],
                   LocalSecondaryIndexes=[index("lsi", "a", "c")], GlobalSecondaryIndexes=[index("gsi", "c", kind="KEYS_ONLY")])
    return d


def item(b, c="x", size=0):
    return {"a": {"S": "p"}, "b": {"S": b}, "c": {"S": c}, "v": {"S": "v" * size}}


def units(answer):
    """(table, local index, global index) units."""
    used = answer["ConsumedCapacity"]
    used = used[0] if isinstance(used, list) else used
    part = lambda kind, name: used.get(kind, {}).get(name, {}).get("CapacityUnits", 0)
    parts = (used["Table"]["CapacityUnits"], part("LocalSecondaryIndexes", "lsi"), part("GlobalSecondaryIndexes", "gsi"))
    assert used["CapacityUnits"] == sum(parts)
    return parts


def test_writes_cost_table_and_indexes(d):
    put = lambda i: units(d.put_item(TableName="tbl", Item=i, ReturnConsumedCapacity="INDEXES"))
    assert put(item("1", "x", 3000)) == (3, 3, 1)   # three KB; the global index has keys only
    assert put(item("1", "x", 3000)) == (3, 0, 0)   # nothing of the indexes changes
    assert put(item("1", "y", 3000)) == (3, 6, 2)   # another index key: one entry out, one in
    small = d.update_item(TableName="tbl", Key={"a": {"S": "p"}, "b": {"S": "1"}}, UpdateExpression="SET v = :v",
                          ExpressionAttributeValues={":v": {"S": "z"}}, ReturnConsumedCapacity="INDEXES")
    assert units(small) == (3, 3, 0)                # the larger of before and after
    gone = lambda b: units(d.delete_item(TableName="tbl", Key={"a": {"S": "p"}, "b": {"S": b}}, ReturnConsumedCapacity="INDEXES"))
    assert gone("1") == (1, 1, 1) and gone("not there") == (1, 0, 0)
    total = d.put_item(TableName="tbl", Item=item("2"), ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert total == {"TableName": "tbl", "CapacityUnits": 3}
    assert "ConsumedCapacity" not in d.put_item(TableName="tbl", Item=item("2"))


def test_reads_cost_what_they_read(d):
    d.put_item(TableName="tbl", Item=item("big", size=9000))
    get = lambda b, **how: d.get_item(TableName="tbl", Key={"a": {"S": "p"}, "b": {"S": b}}, ReturnConsumedCapacity="TOTAL", **how)["ConsumedCapacity"]["CapacityUnits"]
    assert (get("big"), get("big", ConsistentRead=True), get("none"), get("none", ConsistentRead=True)) == (1.5, 3, 0.5, 1)
    query = lambda index, key: units(d.query(TableName="tbl", ReturnConsumedCapacity="INDEXES", KeyConditionExpression=key + " = :k",
                                             ExpressionAttributeValues={":k": {"S": "none"}}, **({"IndexName": index} if index else {})))
    assert (query(None, "a"), query("lsi", "a"), query("gsi", "c")) == ((0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5))


def test_transactions_cost_twice_and_their_repetition_what_it_reads(d):
    how = dict(TransactItems=[{"Put": {"TableName": "tbl", "Item": item("t")}}], ReturnConsumedCapacity="INDEXES", ReturnItemCollectionMetrics="SIZE",
               ClientRequestToken="once")
    first, again = d.transact_write_items(**how), d.transact_write_items(**how)
    assert units(first) == (2, 2, 2) and first["ConsumedCapacity"][0]["WriteCapacityUnits"] == 6
    assert first["ItemCollectionMetrics"] == {"tbl": [{"ItemCollectionKey": {"a": {"S": "p"}}, "SizeEstimateRangeGB": [0, 1]}]}
    assert units(again) == (2, 0, 0) and again["ConsumedCapacity"][0]["ReadCapacityUnits"] == 2
    read = d.transact_get_items(TransactItems=[{"Get": {"TableName": "tbl", "Key": {"a": {"S": "p"}, "b": {"S": "t"}}}}], ReturnConsumedCapacity="TOTAL")
    assert read["ConsumedCapacity"] == [{"TableName": "tbl", "CapacityUnits": 2, "ReadCapacityUnits": 2}]


def test_statements_cost_too(d):
    d.put_item(TableName="tbl", Item=item("s"))
    select = "SELECT * FROM tbl WHERE a = 'p' AND b = 's'"
    assert units(d.execute_statement(Statement=select, ReturnConsumedCapacity="INDEXES")) == (0.5, 0, 0)
    batch = d.batch_execute_statement(Statements=[{"Statement": select}, {"Statement": select, "ConsistentRead": True}], ReturnConsumedCapacity="TOTAL")
    assert batch["ConsumedCapacity"] == [{"TableName": "tbl", "CapacityUnits": 1.5}]
    together = d.execute_transaction(TransactStatements=[{"Statement": select}], ReturnConsumedCapacity="TOTAL")
    assert together["ConsumedCapacity"] == [{"TableName": "tbl", "CapacityUnits": 2, "ReadCapacityUnits": 2}]
    with pytest.raises(ClientError) as e:
        d.execute_transaction(TransactStatements=[{"Statement": "INSERT INTO tbl VALUE {'a': 'p', 'b': 's'}"}])
    assert e.value.response["CancellationReasons"] == [{"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}]


def test_collections_of_batches(d):
    answer = d.batch_write_item(RequestItems={"tbl": [{"PutRequest": {"Item": item("b%d" % i)}} for i in range(2)]}, ReturnItemCollectionMetrics="SIZE")
    assert [m["ItemCollectionKey"] for m in answer["ItemCollectionMetrics"]["tbl"]] == [{"a": {"S": "p"}}] * 2


def test_pages_end_at_a_megabyte(d):
    for i in range(24):
        d.put_item(TableName="tbl", Item={"a": {"S": "large"}, "b": {"S": "%02d" % i}, "n": {"N": str(i)}, "v": {"S": "x" * 99000}})
    how = dict(TableName="tbl", KeyConditionExpression="a = :a", FilterExpression="n > :n", ReturnConsumedCapacity="TOTAL",
               ExpressionAttributeValues={":a": {"S": "large"}, ":n": {"N": "8"}})
    page = d.query(**how)
    assert page["ScannedCount"] == 10 and page["Count"] == 1 and page["LastEvaluatedKey"]["b"] == {"S": "09"}  # the filter comes after the page
    assert page["ConsumedCapacity"]["CapacityUnits"] == 121
    pages = [page]
    while "LastEvaluatedKey" in pages[-1]:
        pages.append(d.query(**how, ExclusiveStartKey=pages[-1]["LastEvaluatedKey"]))
    assert [p["ScannedCount"] for p in pages] == [10, 10, 4]


def test_metrics(fresh_tsubo, eventually):
    d, cw = fresh_tsubo.client("dynamodb"), fresh_tsubo.client("cloudwatch")
    d.create_table(TableName="seen", BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in "pg"],
                   KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}], GlobalSecondaryIndexes=[
                       {"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}])
    for i in range(3):
        d.put_item(TableName="seen", Item={"p": {"S": str(i)}, "g": {"S": "g"}})
    d.query(TableName="seen", IndexName="by-g", KeyConditionExpression="g = :g", ExpressionAttributeValues={":g": {"S": "g"}})
    for bad in (dict(TableName="seen", Item={"p": {"S": "0"}}, ConditionExpression="attribute_not_exists(p)"), dict(TableName="seen", Item={"p": {"N": "0"}}),
                dict(TableName="none", Item={"p": {"S": "0"}})):
        with pytest.raises(ClientError):
            d.put_item(**bad)

    def have(metric, statistic="Sum", **dimensions):
        now = datetime.datetime.now(datetime.timezone.utc)
        points = cw.get_metric_statistics(Namespace="AWS/DynamoDB", MetricName=metric, StartTime=now - datetime.timedelta(minutes=5),
                                          EndTime=now + datetime.timedelta(minutes=5), Period=600, Statistics=[statistic],
                                          Dimensions=[{"Name": k, "Value": v} for k, v in dimensions.items()])["Datapoints"]
        return sum(p[statistic] for p in points)

    eventually(lambda: have("ConsumedWriteCapacityUnits", TableName="seen") == 3)
    assert have("ConsumedWriteCapacityUnits", TableName="seen", GlobalSecondaryIndexName="by-g") == 3
    assert have("ConsumedReadCapacityUnits", TableName="seen", GlobalSecondaryIndexName="by-g") == 0.5
    assert have("ReturnedItemCount", TableName="seen", Operation="Query") == 3
    assert have("SuccessfulRequestLatency", "SampleCount", TableName="seen", Operation="PutItem") == 3
    assert have("ConditionalCheckFailedRequests", TableName="seen") == 1
    assert have("UserErrors") == 2
