"""Tables: making, changing, listing, deleting; indexes, tags, time to live, resource policies. Follows the DynamoDB API
Reference; messages are the service's own."""
import json
import time

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def d(client):
    return client("dynamodb")


def attributes(**types):
    return [{"AttributeName": k, "AttributeType": v} for k, v in types.items()]


def keys(*names):
    return [{"AttributeName": n, "KeyType": t} for n, t in zip(names, ("HASH", "RANGE"))]


def index(name, *key_names, kind="ALL", **more):
    return {"IndexName": name, "KeySchema": keys(*key_names), "Projection": {"ProjectionType": kind, **more}}


def make(d, name, **more):
    how = {"AttributeDefinitions": attributes(pk="S"), "KeySchema": keys("pk"), "BillingMode": "PAY_PER_REQUEST", **more}
    return d.create_table(TableName=name, **how)["TableDescription"]


def refused(code, message, call, **how):
    with pytest.raises(ClientError) as e:
        call(**how)
    error = e.value.response["Error"]
    assert error["Code"] == code, error
    assert message in error["Message"], error


def test_life_of_a_table(d, name):
    made = make(d, name)
    assert made["TableStatus"] == "CREATING" and made["TableArn"].endswith(":table/" + name)
    d.get_waiter("table_exists").wait(TableName=name)
    have = d.describe_table(TableName=name)["Table"]
    assert have["TableStatus"] == "ACTIVE" and have["ItemCount"] == 0
    assert have["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert d.describe_table(TableName=have["TableArn"])["Table"]["TableId"] == have["TableId"]
    refused("ResourceInUseException", "Table already exists: " + name, make, d=d, name=name)
    assert d.delete_table(TableName=name)["TableDescription"]["TableStatus"] == "DELETING"
    refused("ResourceNotFoundException", "Requested resource not found: Table: %s not found" % name, d.describe_table, TableName=name)
    make(d, name)
    assert d.scan(TableName=name)["Count"] == 0


def test_listing_in_pages(fresh_tsubo):
    d = fresh_tsubo.client("dynamodb")
    for n in ("ccc", "aaa", "bbb"):
        make(d, n)
    first = d.list_tables(Limit=2)
    assert first["TableNames"] == ["aaa", "bbb"] and first["LastEvaluatedTableName"] == "bbb"
    rest = d.list_tables(ExclusiveStartTableName="bbb")
    assert rest["TableNames"] == ["ccc"] and "LastEvaluatedTableName" not in rest


BAD = [
    (dict(KeySchema=keys("nope")), "One or more parameter values were invalid: Some index key attributes are not defined in "
     "AttributeDefinitions. Keys: [nope], AttributeDefinitions: [pk]"),
    (dict(AttributeDefinitions=attributes(pk="S", x="S")), "Number of attributes in KeySchema does not exactly match number of attributes "
     "defined in AttributeDefinitions"),
    (dict(KeySchema=[{"AttributeName": "pk", "KeyType": "RANGE"}]), "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
    (dict(BillingMode="PROVISIONED"), "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"),
    (dict(LocalSecondaryIndexes=[index("lsi", "pk", "x")], AttributeDefinitions=attributes(pk="S", x="S")),
     "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"),
    (dict(GlobalSecondaryIndexes=[index("gsi", "x", kind="KEYS_ONLY", NonKeyAttributes=["a"])], AttributeDefinitions=attributes(pk="S", x="S")),
     "ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified"),
    (dict(GlobalSecondaryIndexes=[index("gsi", "x"), index("gsi", "x")], AttributeDefinitions=attributes(pk="S", x="S")),
     "Duplicate index name: gsi"),
]


@pytest.mark.parametrize("change, message", BAD)
def test_definitions_that_do_not_hold(d, name, change, message):
    refused("ValidationException", message, make, d=d, name=name, **change)


def test_deletion_protection(d, name):
    make(d, name, DeletionProtectionEnabled=True)
    refused("ValidationException", "protected against deletion", d.delete_table, TableName=name)
    d.update_table(TableName=name, DeletionProtectionEnabled=False)
    d.delete_table(TableName=name)


def test_throughput_changes(d, name):
    made = make(d, name, BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5})
    assert made["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    refused("ValidationException", "The provisioned throughput for the table will not change", d.update_table, TableName=name,
            ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5})
    d.update_table(TableName=name, ProvisionedThroughput={"ReadCapacityUnits": 6, "WriteCapacityUnits": 5})
    assert d.describe_table(TableName=name)["Table"]["ProvisionedThroughput"]["ReadCapacityUnits"] == 6
    d.update_table(TableName=name, BillingMode="PAY_PER_REQUEST")
    have = d.describe_table(TableName=name)["Table"]
    assert have["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST" and have["ProvisionedThroughput"]["ReadCapacityUnits"] == 0


def put(d, table, **item):
    d.put_item(TableName=table, Item={k: {"N": str(v)} if isinstance(v, int) else {"S": v} for k, v in item.items()})


def names_in(d, table, **how):
    return sorted(i["pk"]["S"] for page in d.get_paginator("scan").paginate(TableName=table, **how) for i in page["Items"])


def test_a_new_index_is_filled_with_what_is_there(d, name, eventually):
    make(d, name)
    for i in range(1500):  # more than one batch of the job
        put(d, name, pk="k%04d" % i, **({"g": "x"} if i % 3 == 0 else {"g": 7} if i % 3 == 1 else {}))
    d.update_table(TableName=name, AttributeDefinitions=attributes(g="S"), GlobalSecondaryIndexUpdates=[{"Create": index("by-g", "g", kind="KEYS_ONLY")}])
    eventually(lambda: d.describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE")
    assert names_in(d, name, IndexName="by-g") == ["k%04d" % i for i in range(0, 1500, 3)]  # not those whose g has another type
    d.update_item(TableName=name, Key={"pk": {"S": "k0000"}}, UpdateExpression="REMOVE g")
    put(d, name, pk="k0001", g="x")
    assert names_in(d, name, IndexName="by-g")[:2] == ["k0001", "k0003"]
    d.update_table(TableName=name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-g"}}])
    refused("ValidationException", "The table does not have the specified index: by-g", d.scan, TableName=name, IndexName="by-g")


def test_projections(d, name):
    make(d, name, AttributeDefinitions=attributes(pk="S", sk="S", g="S"), KeySchema=keys("pk", "sk"),
         LocalSecondaryIndexes=[index("local", "pk", "g", kind="KEYS_ONLY")],
         GlobalSecondaryIndexes=[index("all", "g"), index("keys", "g", kind="KEYS_ONLY"), index("some", "g", kind="INCLUDE", NonKeyAttributes=["a"])])
    item = {"pk": {"S": "1"}, "sk": {"S": "2"}, "g": {"S": "3"}, "a": {"S": "4"}, "b": {"S": "5"}}
    d.put_item(TableName=name, Item=item)

    def have(index_name, **how):
        condition = "pk = :v" if index_name == "local" else "g = :v"
        value = "1" if index_name == "local" else "3"
        return set(d.query(TableName=name, IndexName=index_name, KeyConditionExpression=condition,
                           ExpressionAttributeValues={":v": {"S": value}}, **how)["Items"][0])

    assert have("all") == set(item)
    assert have("keys") == {"pk", "sk", "g"}
    assert have("some") == {"pk", "sk", "g", "a"}
    assert have("local") == {"pk", "sk", "g"}
    assert have("local", Select="ALL_ATTRIBUTES") == set(item)  # fetched from the table
    assert have("local", ProjectionExpression="b") == {"b"}
    refused("ValidationException", "Select type ALL_ATTRIBUTES is not supported for global secondary index keys because its projection type is "
            "not ALL", have, index_name="keys", Select="ALL_ATTRIBUTES")
    refused("ValidationException", "Global secondary index keys does not project [b]", have, index_name="keys", ProjectionExpression="b")


def test_tags(d, name):
    arn = make(d, name, Tags=[{"Key": "a", "Value": "1"}])["TableArn"]
    d.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
    assert {t["Key"]: t["Value"] for t in d.list_tags_of_resource(ResourceArn=arn)["Tags"]} == {"a": "3", "b": "2"}
    d.untag_resource(ResourceArn=arn, TagKeys=["a", "zz"])
    assert d.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]


def test_time_to_live_follows_the_clock(fresh_tsubo, eventually):
    d, now = fresh_tsubo.client("dynamodb"), int(time.time())
    make(d, "ttl", StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"})
    put(d, "ttl", pk="before", expires=now + 3600)  # there before it is enabled
    d.update_time_to_live(TableName="ttl", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
    assert d.describe_time_to_live(TableName="ttl")["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    refused("ValidationException", "TimeToLive is already enabled", d.update_time_to_live, TableName="ttl",
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
    put(d, "ttl", pk="soon", expires=now + 7200)
    put(d, "ttl", pk="later", expires=now + 10 * 24 * 3600)
    put(d, "ttl", pk="text", expires="not a number")
    put(d, "ttl", pk="ancient", expires=now - 6 * 366 * 24 * 3600)
    fresh_tsubo.turn_clock("+90m")
    eventually(lambda: names_in(d, "ttl") == ["ancient", "later", "soon", "text"])
    d.update_item(TableName="ttl", Key={"pk": {"S": "soon"}}, UpdateExpression="REMOVE expires")
    fresh_tsubo.turn_clock("+1d")
    put(d, "ttl", pk="mark", expires=now)
    fresh_tsubo.turn_clock("+2m")
    eventually(lambda: names_in(d, "ttl") == ["ancient", "later", "soon", "text"])
    s = fresh_tsubo.client("dynamodbstreams")
    arn = d.describe_table(TableName="ttl")["Table"]["LatestStreamArn"]
    records = []
    for shard in s.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        i = s.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        records += s.get_records(ShardIterator=i)["Records"]
    gone = [r for r in records if r["eventName"] == "REMOVE"]
    assert gone[-1]["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    assert gone[-1]["dynamodb"]["Keys"] == {"pk": {"S": "mark"}}


def test_time_to_live_switched_off_and_on_looks_at_the_items(fresh_tsubo, eventually):
    d, now = fresh_tsubo.client("dynamodb"), int(time.time())
    make(d, "ttl")
    d.update_time_to_live(TableName="ttl", TimeToLiveSpecification={"Enabled": True, "AttributeName": "a"})
    items = [{"PutRequest": {"Item": {"pk": {"S": "%04d" % i}, "a": {"N": str(now + 3600)}}}} for i in range(5000)]
    for i in range(0, len(items), 25):
        d.batch_write_item(RequestItems={"ttl": items[i:i + 25]})
    d.update_time_to_live(TableName="ttl", TimeToLiveSpecification={"Enabled": False, "AttributeName": "a"})
    d.delete_item(TableName="ttl", Key={"pk": {"S": "0000"}})
    d.update_time_to_live(TableName="ttl", TimeToLiveSpecification={"Enabled": True, "AttributeName": "b"})
    for i in range(5):
        put(d, "ttl", pk="x%d" % i, b=now + 3600)
    fresh_tsubo.turn_clock("+2h")
    there = lambda pk: "Item" in d.get_item(TableName="ttl", Key={"pk": {"S": pk}})
    eventually(lambda: not any(there("x%d" % i) for i in range(5)))
    assert there("0001") and sum(page["Count"] for page in d.get_paginator("scan").paginate(TableName="ttl", Select="COUNT")) == 4999


def test_resource_policy(d, name):
    arn = make(d, name)["TableArn"]
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "dynamodb:DeleteItem", "Resource": arn}]}
    revision = d.put_resource_policy(ResourceArn=arn, Policy=json.dumps(deny))["RevisionId"]
    refused("AccessDeniedException", "explicit deny in a resource-based policy", d.delete_item, TableName=name, Key={"pk": {"S": "x"}})
    assert json.loads(d.get_resource_policy(ResourceArn=arn)["Policy"]) == deny
    refused("PolicyNotFoundException", "revision", d.put_resource_policy, ResourceArn=arn, Policy=json.dumps(deny), ExpectedRevisionId="1")
    assert d.delete_resource_policy(ResourceArn=arn)["RevisionId"] == revision
    d.delete_item(TableName=name, Key={"pk": {"S": "x"}})
    refused("PolicyNotFoundException", "", d.get_resource_policy, ResourceArn=arn)


def test_survives_a_kill(fresh_tsubo):
    d = fresh_tsubo.client("dynamodb")
    make(d, "kept")
    for i in range(50):
        put(d, "kept", pk="k%02d" % i)
    fresh_tsubo.kill()
    fresh_tsubo.start()
    d = fresh_tsubo.client("dynamodb")
    assert names_in(d, "kept") == ["k%02d" % i for i in range(50)]


def test_provisioned_throughput_throttles(fresh_tsubo):
    """Five minutes of unused throughput may be used at once, then the rate counts ("Burst capacity", Developer Guide)."""
    d = fresh_tsubo.client("dynamodb")
    make(d, "small", BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})
    began = time.monotonic()

    def write_until_refused():
        for n in range(1000):
            try:
                put(d, "small", pk="k")
            except ClientError as e:
                assert e.response["Error"]["Code"] == "ProvisionedThroughputExceededException", e
                assert "The level of configured provisioned throughput for the table was exceeded" in e.response["Error"]["Message"]
                return n
        raise AssertionError("never throttled")

    def since():
        return time.monotonic() - began  # a unit comes back each second

    def transact_when_empty():
        """Refused is who comes while nothing is left, and a thousandth of a second brings a thousandth of a unit: tried again."""
        for i in range(20):
            write_until_refused()
            try:
                d.transact_write_items(TransactItems=[{"Put": {"TableName": "small", "Item": {"pk": {"S": "t"}}}}])
            except ClientError as e:
                return e.response
        raise AssertionError("transactions are not throttled")

    assert 300 <= write_until_refused() <= 320 + since()
    fresh_tsubo.turn_clock("+30s")
    assert 30 <= write_until_refused() <= 35 + since()
    fresh_tsubo.turn_clock("+2s")
    answer = d.batch_write_item(RequestItems={"small": [{"PutRequest": {"Item": {"pk": {"S": "b%d" % i}}}} for i in range(20)]})
    assert 10 - since() < len(answer["UnprocessedItems"]["small"]) < 20
    assert transact_when_empty()["CancellationReasons"][0]["Code"] == "ProvisionedThroughputExceeded"
    d.get_item(TableName="small", Key={"pk": {"S": "k"}})  # reads have a bucket of their own
    d.update_table(TableName="small", BillingMode="PAY_PER_REQUEST")
    for i in range(50):
        put(d, "small", pk="k")


def test_warm_throughput(d, name):
    """"Understanding DynamoDB warm throughput" (Developer Guide): the mode's at first, more when asked for, never less."""
    index = {"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}
    definition = dict(BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                      AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in ("pk", "g")])
    warm = lambda r, w: {"ReadUnitsPerSecond": r, "WriteUnitsPerSecond": w}
    refused("ValidationException", "Requested WriteUnitsPerSecond for WarmThroughput for table is lower than initial throughput for OnDemand", d.create_table,
            TableName=name, GlobalSecondaryIndexes=[index], WarmThroughput=warm(13000, 100), **definition)
    d.create_table(TableName=name, GlobalSecondaryIndexes=[{**index, "WarmThroughput": warm(20000, 5000)}], **definition)
    table = lambda: d.describe_table(TableName=name)["Table"]
    assert table()["WarmThroughput"] == {**warm(12000, 4000), "Status": "ACTIVE"}
    assert table()["GlobalSecondaryIndexes"][0]["WarmThroughput"] == {**warm(20000, 5000), "Status": "ACTIVE"}
    d.update_table(TableName=name, WarmThroughput={"ReadUnitsPerSecond": 30000})
    assert table()["WarmThroughput"] == {**warm(30000, 4000), "Status": "ACTIVE"}
    refused("ValidationException", "Requested ReadUnitsPerSecond for WarmThroughput for table is lower than current WarmThroughput, decreasing",
            d.update_table, TableName=name, WarmThroughput={"ReadUnitsPerSecond": 20000})
    refused("ValidationException", "for WarmThroughput for index by-g is lower than current WarmThroughput", d.update_table, TableName=name,
            GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": "by-g", "WarmThroughput": {"WriteUnitsPerSecond": 10}}}])
