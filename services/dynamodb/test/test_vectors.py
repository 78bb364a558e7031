"""Vector indexes and SearchVectors. Follows "Vector search", "Creating and searching vector indexes", "Troubleshooting vector indexes" and
"Monitoring vector index capacity" (DynamoDB Developer Guide) and the API Reference; the sentences are the service's."""
import datetime
import json
import math
import random
import struct

import pytest
from refusals import refused, user

INVALID = "One or more parameter values were invalid: "


@pytest.fixture
def d(client):
    return client("dynamodb")


def attributes(**types):
    return [{"AttributeName": k, "AttributeType": v} for k, v in types.items()]


def schema(**kinds):
    return [{"AttributeName": k, "SearchSchemaElementType": v} for k, v in kinds.items()]


def vectors(*numbers):
    return [{"N": repr(n)} for n in numbers]


def index(name="vix", distance="COSINE", dimensions=3, kind="ALL", search=None, attribute="v", **projection):
    return {"IndexName": name, "VectorAttribute": {"AttributeName": attribute}, "Dimensions": dimensions, "DistanceFunction": distance,
            "Projection": {"ProjectionType": kind, **projection}, **({"SearchSchema": search} if search else {})}


def make(d, name, *indexes, **more):
    how = {"AttributeDefinitions": attributes(pk="S"), "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST",
           "VectorIndexes": list(indexes), **more}
    return d.create_table(TableName=name, **how)["TableDescription"]


def put(d, table, pk, vector=None, **more):
    item = {"pk": {"S": pk}, **more}
    if vector is not None:
        item["v"] = {"L": vectors(*vector)}
    return d.put_item(TableName=table, Item=item, ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"]


def search(d, table, *vector, index="vix", top=10, where=None, values=None, **more):
    if where:
        more.update(SearchConditionExpression=where, ExpressionAttributeValues=values)
    return d.search_vectors(TableName=table, IndexName=index, SearchVector=vectors(*vector), TopK=top, **more)


def found(answer):
    return [(r["Item"]["pk"]["S"], r["Score"]) for r in answer["SearchResults"]]


def names(answer):
    return [pk for pk, _ in found(answer)]


def active(d, table):
    return all(x["IndexStatus"] == "ACTIVE" for x in d.describe_table(TableName=table)["Table"]["VectorIndexes"])


# ---- searching ----

def test_the_three_distances(d, name):
    make(d, name, index("cosine"), index("euclidean", "EUCLIDEAN"), index("dot-product", "DOT_PRODUCT"))
    for pk, v in {"same": (1, 0, 0), "far": (10, 0, 0), "near": (0.6, 0.8, 0), "side": (0, 1, 0), "back": (-1, 0, 0)}.items():
        put(d, name, pk, v)
    at = lambda which: dict(found(search(d, name, 1, 0, 0, index=which)))
    assert at("cosine") == {"same": 0, "far": 0, "near": pytest.approx(0.4), "side": 1, "back": 2}
    assert at("euclidean") == {"same": 0, "near": pytest.approx(math.sqrt(0.8)), "side": pytest.approx(math.sqrt(2)), "back": 2, "far": 9}
    assert at("dot-product") == {"far": 10, "same": 1, "near": pytest.approx(0.6), "side": 0, "back": -1}
    assert names(search(d, name, 1, 0, 0, index="euclidean")) == ["same", "near", "side", "back", "far"]  # the nearest first
    assert names(search(d, name, 1, 0, 0, index="dot-product")) == ["far", "same", "near", "side", "back"]
    assert names(search(d, name, 1, 0, 0, index="euclidean", top=2)) == ["same", "near"]
    put(d, name, "none", (0, 0, 0))
    assert dict(found(search(d, name, 1, 0, 0, index="cosine")))["none"] == 1
    assert {score for _, score in found(search(d, name, 0, 0, 0, index="cosine"))} == {1}


def test_what_comes_back(d, name):
    tenant = dict(search=schema(tenant="HASH", kind="INLINE_FILTER"))
    make(d, name, index("all-of-it"), index("keys-only", kind="KEYS_ONLY", **tenant),
         index("some-of-it", kind="INCLUDE", NonKeyAttributes=["title", "v"]), AttributeDefinitions=attributes(pk="S", tenant="S", kind="N"))
    put(d, name, "a", (0.1, 2, 1.123456789012), tenant={"S": "t"}, kind={"N": "7"}, title={"S": "x"}, more={"M": {"in": {"L": [{"N": "1"}]}}})
    items = lambda which, **more: [r["Item"] for r in search(d, name, 1, 0, 0, index=which, **more)["SearchResults"]]
    whole = {"pk": {"S": "a"}, "tenant": {"S": "t"}, "kind": {"N": "7"}, "title": {"S": "x"}, "more": {"M": {"in": {"L": [{"N": "1"}]}}}}
    assert items("all-of-it") == [whole]  # all but the vector
    by_tenant = dict(where="tenant = :t", values={":t": {"S": "t"}})
    assert items("keys-only", **by_tenant) == [{"pk": {"S": "a"}, "tenant": {"S": "t"}, "kind": {"N": "7"}}]
    assert items("some-of-it") == [{"pk": {"S": "a"}, "title": {"S": "x"}}]
    assert items("all-of-it", ProjectionExpression="more.#i[0], title", ExpressionAttributeNames={"#i": "in"}) == [
        {"more": {"M": {"in": {"L": [{"N": "1"}]}}}, "title": {"S": "x"}}]
    # a vector that is asked for is the index's, at 32 bits; what an index does not have is passed over
    asked = items("some-of-it", ProjectionExpression="v, tenant")
    assert asked == [{"v": {"L": [{"N": "0.1"}, {"N": "2"}, {"N": "1.1234568"}]}}]
    assert items("keys-only", ProjectionExpression="v, pk", **by_tenant) == [{"pk": {"S": "a"}}]
    assert d.get_item(TableName=name, Key={"pk": {"S": "a"}})["Item"]["v"]["L"][2] == {"N": "1.123456789012"}


def test_partitions_and_filters(d, name):
    make(d, name, index(search=schema(price="INLINE_FILTER", tenant="HASH", kind="INLINE_FILTER")),
         AttributeDefinitions=attributes(pk="S", tenant="S", kind="S", price="N"))
    for pk, tenant, kind, price in [("a", "t1", "book", 5), ("b", "t1", "film", 10), ("c", "t2", "book", 5), ("d", "t1", None, 20), ("e", None, "book", 5)]:
        more = {"tenant": tenant and {"S": tenant}, "kind": kind and {"S": kind}, "price": {"N": str(price)}}
        put(d, name, pk, (1, 0, 0), **{k: v for k, v in more.items() if v})
    values = {":t": {"S": "t1"}, ":k": {"S": "book"}, ":f": {"S": "film"}, ":p": {"N": "5"}, ":q": {"N": "10"}}

    def where(condition):
        used = {k: v for k, v in values.items() if k in condition}
        return sorted(names(search(d, name, 1, 0, 0, where=condition, values=used)))

    assert where("tenant = :t") == ["a", "b", "d"]  # without its partition's value an item is not in the index
    assert where("tenant = :t AND kind = :k") == ["a"]
    assert where("kind = :k AND (tenant = :t)") == ["a"]
    assert where("tenant = :t AND price >= :q") == ["b", "d"]
    assert where("tenant = :t AND price > :p AND price <= :q") == ["b"]
    assert where("tenant = :t AND price BETWEEN :p AND :q") == ["a", "b"]
    assert where("tenant = :t AND kind IN (:k, :f)") == ["a", "b"]
    assert where("tenant = :t AND (kind = :k OR price > :q)") == ["a", "d"]
    assert where("tenant = :t AND NOT kind = :k") == ["b", "d"]
    assert where("tenant = :t AND kind <> :k") == ["b", "d"]
    d.update_item(TableName=name, Key={"pk": {"S": "c"}}, UpdateExpression="SET tenant = :t", ExpressionAttributeValues={":t": {"S": "t1"}})
    d.update_item(TableName=name, Key={"pk": {"S": "a"}}, UpdateExpression="REMOVE tenant")
    assert where("tenant = :t AND kind = :k") == ["c"]


def test_conditions_that_are_refused(d, name):
    make(d, name, index("plain"), index("parts", search=schema(tenant="HASH", kind="INLINE_FILTER")),
         AttributeDefinitions=attributes(pk="S", tenant="S", kind="S"))
    condition = "Invalid SearchConditionExpression: "
    for where, values, message in [
            (None, None, "SearchConditionExpression must be provided when SearchSchema has a HASH key"),
            ("kind = :a", "S", condition + "SearchConditionExpression must have all HASH attributes in configured SearchSchema"),
            ("tenant < :a", "S", condition + "Invalid comparator used in SearchConditionExpression"),
            ("tenant IN (:a, :b)", "SS", condition + "Invalid operator used in SearchConditionExpression"),
            ("tenant = :a OR kind = :b", "SS", condition + "Invalid operator used in SearchConditionExpression"),
            ("tenant = :a AND tenant = :b", "SS", condition + "SearchConditionExpression must only contain one condition per attribute"),
            ("tenant = :a AND kind.x = :b", "SS", condition + "SearchConditionExpression cannot have conditions on nested attributes"),
            ("tenant = :a AND elsewhere = :b", "SS", "SearchConditionExpression must not contain any attributes that is not in SearchSchema. "
                                                 "Invalid attribute: elsewhere"),
            ("tenant = :a", "N", "Type of 'tenant' attribute in SearchConditionExpression (N) does not match type in search schema (S)"),
            ("tenant = :a AND kind > :b", "SN", "Type of 'kind' attribute in SearchConditionExpression (N) does not match type in search schema (S)"),
            ("tenant = :a AND kind", "S", condition + "Syntax error")]:
        given = {":" + k: {t: "1"} for k, t in zip("ab", values or "")}
        refused(lambda: search(d, name, 1, 0, 0, index="parts", where=where, values=given), "ValidationException", message)
    assert refused(lambda: search(d, name, 1, 0, 0, index="parts", where="tenant = :a", values={":a": {"S": ""}}), "ValidationException") == (
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: tenant")
    refused(lambda: search(d, name, 1, 0, 0, index="plain", where="tenant = :a", values={":a": {"S": "1"}}), "ValidationException",
            "Invalid attribute: tenant")
    refused(lambda: search(d, name, 1, 0, 0, index="parts", where="tenant = :a AND begins_with(kind, :b)",
                           values={":a": {"S": "1"}, ":b": {"S": "1"}}), "NotImplemented", "begins_with")


def test_searches_that_are_refused(d, name):
    make(d, name, index())
    how = dict(TableName=name, IndexName="vix", SearchVector=vectors(1, 0, 0), TopK=1)
    refused(d.search_vectors, "ValidationException", "Provided TopK value '101' is out of valid range. The value must be between 1 and 100 inclusive",
            **{**how, "TopK": 101})
    refused(d.search_vectors, "ValidationException", "Input search vector dimension 2 does not match vector index dimension 3",
            **{**how, "SearchVector": vectors(1, 0)})
    for bad in ({"L": vectors(1, 0, 0)}, {"S": "1"}, {"N": "1e39"}):
        refused(d.search_vectors, "ValidationException", "Search vector contains invalid values. All values in the search vector must be a 32-bit "
                "floating-point number attribute", **{**how, "SearchVector": [bad, {"N": "0"}, {"N": "0"}]})
    refused(d.search_vectors, "ValidationException", "The table does not have the specified index: other", **{**how, "IndexName": "other"})
    refused(d.search_vectors, "ResourceNotFoundException", "Requested resource not found", **{**how, "TableName": name + "-x"})
    refused(d.search_vectors, "ValidationException", "unused in expressions", **how, ProjectionExpression="pk",
            ExpressionAttributeNames={"#x": "x"})
    refused(d.query, "ValidationException", "Query operation not supported on this index type.", TableName=name, IndexName="vix",
            KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "a"}})
    refused(d.scan, "ValidationException", "Scan operation not supported on this index type", TableName=name, IndexName="vix")
    refused(d.execute_statement, "ValidationException", "Scan operation not supported on this index type",
            Statement='SELECT * FROM "%s"."vix"' % name)


# ---- writing ----

def test_vectors_are_checked_when_they_are_written(d, name):
    make(d, name, index(search=schema(tenant="HASH", kind="INLINE_FILTER")), AttributeDefinitions=attributes(pk="S", tenant="S", kind="N"))
    start = "One or more parameter values were invalid. "
    for item, message in [
            ({"v": {"L": vectors(1, 0)}}, start + "Invalid size for parameter v, Expected: 3, Actual: 2 IndexName: vix"),
            ({"v": {"L": [{"N": "1"}, {"S": "x"}, {"N": "3"}]}},
             start + "Invalid type for parameter v[1], Expected: 32-bit floating point number, Actual: S. IndexName: vix"),
            ({"v": {"NS": ["1", "2", "3"]}}, start + "Invalid type for parameter v, Expected: 32-bit floating point number list IndexName: vix"),
            ({"v": {"L": [{"N": "1E+39"}, {"N": "0"}, {"N": "0"}]}},
             start + "Invalid value for parameter v[0], Value: 1E+39 is outside valid range [-3.4028235E38, 3.4028235E38]. IndexName: vix"),
            ({"tenant": {"N": "7"}}, start + "Attribute 'tenant' type mismatch. Expected: S, Actual: N. IndexName: vix"),
            ({"kind": {"S": "7"}}, start + "Attribute 'kind' type mismatch. Expected: N, Actual: S. IndexName: vix"),
            ({"tenant": {"S": ""}}, "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The "
                                    "AttributeValue for a key attribute cannot contain an empty string value. IndexName: vix, IndexKey: tenant")]:
        refused(d.put_item, "ValidationException", message, TableName=name, Item={"pk": {"S": "a"}, **item})
        (attribute, value), = item.items()
        refused(d.update_item, "ValidationException", message, TableName=name, Key={"pk": {"S": "a"}}, UpdateExpression="SET #a = :v",
                ExpressionAttributeNames={"#a": attribute}, ExpressionAttributeValues={":v": value})
    refused(d.batch_write_item, "ValidationException", "Expected: 3, Actual: 1", RequestItems={name: [
        {"PutRequest": {"Item": {"pk": {"S": pk}, "v": {"L": vectors(*v)}}}} for pk, v in {"good": (1, 0, 0), "bad": (1,)}.items()]})
    assert d.scan(TableName=name)["Count"] == 0
    put(d, name, "largest", (3.4028235e38, -3.4028235e38, 1e-45))


def test_every_write_keeps_the_index(d, name):
    make(d, name, index(distance="EUCLIDEAN"))
    d.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": {"pk": {"S": str(i)}, "v": {"L": vectors(i, 0, 0)}}}} for i in range(5)]})
    d.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": {"pk": {"S": "t"}, "v": {"L": vectors(0, 9, 0)}}}},
                                          {"Delete": {"TableName": name, "Key": {"pk": {"S": "1"}}}}])
    d.execute_statement(Statement="INSERT INTO \"%s\" VALUE {'pk': 's', 'v': [0, 0, 8]}" % name)
    d.update_item(TableName=name, Key={"pk": {"S": "2"}}, UpdateExpression="SET v[1] = :one", ExpressionAttributeValues={":one": {"N": "1"}})
    d.update_item(TableName=name, Key={"pk": {"S": "3"}}, UpdateExpression="REMOVE v")
    squares = {"2": 0.25, "4": 3.25, "0": 7.25, "t": 70.25, "s": 71.25}
    assert found(search(d, name, 2.5, 1, 0)) == [(pk, pytest.approx(math.sqrt(s))) for pk, s in squares.items()]
    described = d.describe_table(TableName=name)["Table"]["VectorIndexes"][0]
    assert described["ItemCount"] == 5 and described["IndexSizeBytes"] == 5 * (3 * 4 + 1 + 3)
    d.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"})
    put(d, name, "gone", (2, 1, 0), until={"N": "1"})
    d.delete_item(TableName=name, Key={"pk": {"S": "gone"}})
    assert "gone" not in names(search(d, name, 2, 1, 0))


def test_it_survives_a_kill(fresh_tsubo):
    d = fresh_tsubo.client("dynamodb")
    make(d, "t-kill", index())
    put(d, "t-kill", "a", (1, 0, 0))
    fresh_tsubo.kill()
    fresh_tsubo.start()
    assert found(search(fresh_tsubo.client("dynamodb"), "t-kill", 1, 0, 0)) == [("a", 0)]


def test_under_a_kms_key(d, client, name):
    key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    make(d, name, index(search=schema(tenant="HASH", kind="INLINE_FILTER")), AttributeDefinitions=attributes(pk="S", tenant="S", kind="S"),
         SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key})
    for pk in "abc":
        put(d, name, pk, (ord(pk) - 96, 1, 0), tenant={"S": "t"}, kind={"S": pk})
    hit = search(d, name, 1, 1, 0, where="tenant = :t AND kind <> :c", values={":t": {"S": "t"}, ":c": {"S": "c"}})
    assert names(hit) == ["a", "b"]


# ---- capacity, metrics, permission ----

def test_bytes_are_counted(d, client, name, eventually):
    made = {"Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["note"]}}
    make(d, name, {**index(dimensions=300), **made}, {**index("second", "EUCLIDEAN", 300), **made})
    v, both = [i / 7 for i in range(300)], lambda used: {k: x["VectorWriteRequestBytes"] for k, x in used.get("VectorIndexes", {}).items()}
    first = put(d, name, "a", v, other={"S": "x"})
    size = 4 * 300 + len("v") + len("pk") + len("a")  # floats, their name, and what else is projected
    assert both(first) == {"vix": size, "second": size}
    assert first["CapacityUnits"] == first["Table"]["CapacityUnits"]  # bytes are in no sum of units
    assert both(put(d, name, "a", v, other={"S": "y"})) == {}  # nothing of the indexes changes
    assert both(put(d, name, "a", v, note={"S": "12345"})) == {"vix": size + 9, "second": size + 9}
    assert both(put(d, name, "b")) == {}
    gone = d.delete_item(TableName=name, Key={"pk": {"S": "a"}}, ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"]
    assert both(gone) == {"vix": size + 9, "second": size + 9}
    again = d.transact_write_items(ReturnConsumedCapacity="INDEXES", TransactItems=[
        {"Put": {"TableName": name, "Item": {"pk": {"S": "a"}, "v": {"L": vectors(*v)}}}}])["ConsumedCapacity"][0]
    assert both(again) == {"vix": size, "second": size}
    total = d.put_item(TableName=name, Item={"pk": {"S": "c"}, "v": {"L": vectors(*v)}}, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert "VectorIndexes" not in total
    asked = lambda **how: search(d, name, *v, **how).get("ConsumedCapacity")
    assert asked() is None
    assert asked(ReturnConsumedCapacity="TOTAL") == asked(ReturnConsumedCapacity="INDEXES") == {"VectorSearchRequestBytes": 2 * 1200 + 2 * 3}
    cw = client("cloudwatch")

    def sums(metric):
        now = datetime.datetime.now(datetime.timezone.utc)
        points = cw.get_metric_statistics(
            Namespace="AWS/DynamoDB", MetricName=metric, StartTime=now - datetime.timedelta(hours=1), EndTime=now + datetime.timedelta(hours=1),
            Period=3600, Statistics=["Sum"], Dimensions=[{"Name": "TableName", "Value": name}, {"Name": "VectorIndexName", "Value": "vix"}])
        return sum(p["Sum"] for p in points["Datapoints"])

    assert eventually(lambda: sums("VectorSearchRequestBytes") == 3 * 2406)
    assert eventually(lambda: sums("VectorWriteRequestBytes") == size + 2 * (size + 9) + 2 * size)


def test_small_ones_count_a_kilobyte(d, name):
    make(d, name, index())
    assert put(d, name, "a", (1, 0, 0))["VectorIndexes"] == {"vix": {"VectorWriteRequestBytes": 1024}}
    assert search(d, name, 1, 0, 0, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"] == {"VectorSearchRequestBytes": 1024}


def test_who_may_search(d, client, name):
    arn = make(d, name, index())["TableArn"]
    own = user(client, name, {"Action": "dynamodb:SearchVectors", "Resource": arn + "/index/vix"})("dynamodb")
    assert names(search(own, name, 1, 0, 0)) == []
    refused(lambda: search(own, name, 1, 0, 0, index="other"), "AccessDeniedException", "dynamodb:SearchVectors on resource: " + arn + "/index/other")
    # "the condition keys are absent": with one of them the statement does not match
    keyed = user(client, name + "-k", {"Action": "dynamodb:SearchVectors", "Resource": "*",
                                       "Condition": {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": ["a"]}}})("dynamodb")
    refused(lambda: search(keyed, name, 1, 0, 0), "AccessDeniedException")


# ---- tables ----

def test_life_of_an_index(d, name, eventually):
    made = make(d, name, index("one"))["VectorIndexes"]
    arn = d.describe_table(TableName=name)["Table"]["TableArn"]
    assert made[0]["IndexStatus"] == "CREATING" and "Backfilling" not in made[0]
    described = lambda: d.describe_table(TableName=name)["Table"].get("VectorIndexes", [])
    assert described() == [{**index("one"), "IndexStatus": "ACTIVE", "ItemCount": 0, "IndexSizeBytes": 0, "IndexArn": arn + "/index/one"}]
    # more than a batch of the job that fills an index
    items = [{"PutRequest": {"Item": {"pk": {"S": "%04d" % i}, "w": {"L": vectors(i, 1)}, "tenant": {"S": "t%d" % (i % 2)}}}} for i in range(1100)]
    for at in range(0, len(items), 25):
        d.batch_write_item(RequestItems={name: items[at:at + 25]})
    for pk, w, tenant in [("short", [1], "t0"), ("text", "x", "t0"), ("no-tenant", [1, 1], None), ("empty", [1, 1], "")]:
        value = {"S": w} if isinstance(w, str) else {"L": vectors(*w)}
        d.put_item(TableName=name, Item={"pk": {"S": pk}, "w": value, **({"tenant": {"S": tenant}} if tenant is not None else {})})
    two = index("two", "EUCLIDEAN", 2, attribute="w", search=schema(tenant="HASH"))
    changed = d.update_table(TableName=name, AttributeDefinitions=attributes(tenant="S"), VectorIndexUpdates=[{"Create": two}])["TableDescription"]
    assert changed["VectorIndexes"][1]["IndexStatus"] == "CREATING" and changed["VectorIndexes"][1]["Backfilling"] is True
    assert eventually(lambda: described()[1]["IndexStatus"] == "ACTIVE")
    assert "Backfilling" not in described()[1] and described()[1]["ItemCount"] == 1100  # what does not fit the index is passed over
    nearest = search(d, name, 500.25, 1, index="two", top=3, where="tenant = :t", values={":t": {"S": "t1"}})
    assert found(nearest) == [("0501", 0.75), ("0499", 1.25), ("0503", 2.75)]
    refused(d.put_item, "ValidationException", "Expected: 2, Actual: 1", TableName=name, Item={"pk": {"S": "short"}, "w": {"L": vectors(1)}})
    d.update_table(TableName=name, VectorIndexUpdates=[{"Delete": {"IndexName": "one"}}])
    assert [x["IndexName"] for x in described()] == ["two"]
    refused(lambda: search(d, name, 1, 0, 0, index="one"), "ValidationException", "The table does not have the specified index: one")
    d.delete_table(TableName=name)
    make(d, name, index("two", "EUCLIDEAN", 2, attribute="w"))
    assert search(d, name, 500, 1, index="two")["SearchResults"] == []


def test_definitions_that_are_refused(d, name):
    tenant = dict(search=schema(tenant="HASH"))
    gsi = {"IndexName": "vix", "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}
    many = {"f%d" % i: "INLINE_FILTER" for i in range(19)}
    for indexes, more, message in [
            ([], {}, INVALID + "List of VectorIndexes is empty"),
            ([index("vix-%d" % i) for i in range(6)], {}, INVALID + "VectorIndex count exceeds the per-table limit of 5"),
            ([index()], {"BillingMode": "PROVISIONED", "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}},
             INVALID + "Vector indexes are only supported for PAY_PER_REQUEST tables"),
            ([index(dimensions=4097)], {}, INVALID + "Number of dimensions must be between 1 and 4096 inclusive."),
            ([index(dimensions=2 ** 32)], {}, INVALID + "Number of dimensions must be between 1 and 4096 inclusive."),
            ([index(), index()], {}, INVALID + "Duplicate index name: vix"),
            ([index()], {"GlobalSecondaryIndexes": [gsi]}, INVALID + "Duplicate index name: vix"),
            ([index(), index("second", dimensions=4)], {}, INVALID + "Conflicting attribute definition for 'v'. All VectorIndexes on the same vector "
                                                                     "attribute must use the same dimensions."),
            ([index(attribute="pk")], {}, INVALID + "Conflicting attribute definition for 'pk'. An attribute cannot be defined in "
                                                    "AttributeDefinitions when used as a VectorAttribute."),
            ([index(**tenant)], {}, INVALID + "One element in SearchSchema is not defined in attribute definitions"),
            ([index(search=schema(a="HASH", b="HASH"))], {"AttributeDefinitions": attributes(pk="S", a="S", b="S")},
             INVALID + "Value '2' at 'SearchSchema' failed to satisfy constraint: Member must have HASH count less than or equal to 1"),
            ([index(search=schema(**many))], {"AttributeDefinitions": attributes(pk="S", **{k: "S" for k in many})},
             INVALID + "Value '19' at 'SearchSchema' failed to satisfy constraint: Member must have INLINE_FILTER count less than or equal to 18"),
            ([index(search=schema(pk="HASH") + schema(pk="INLINE_FILTER"))], {}, INVALID + "SearchSchema contains a duplicate AttributeName"),
            ([index(kind="INCLUDE")], {}, INVALID + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"),
            ([index()], {"AttributeDefinitions": attributes(pk="S", x="S")}, INVALID + "Some AttributeDefinitions are not used.")]:
        refused(lambda: make(d, name, *indexes, **more), "ValidationException", message)
    refused(lambda: make(d, name, index(distance="MANHATTAN")), "ValidationException",
            "Value 'MANHATTAN' at 'vectorIndexes.1.member.distanceFunction' failed to satisfy constraint: Member must satisfy enum value set")
    make(d, name, *[index("vix-%d" % i, dimensions=4096) for i in range(5)])


def test_changes_that_are_refused(d, name):
    make(d, name, index())
    update = lambda *updates, **more: d.update_table(TableName=name, VectorIndexUpdates=list(updates), **more)
    second, gone = {"Create": index("second")}, {"Delete": {"IndexName": "vix"}}
    one = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
    refused(lambda: update(second, gone), "LimitExceededException", one)
    refused(lambda: update({**second, **gone}), "ValidationException", INVALID + "Only one vector index action is allowed per VectorIndexUpdate object")
    refused(lambda: update({"Create": index()}), "ValidationException", "Attempting to create an index which already exists")
    refused(lambda: update({"Delete": {"IndexName": "none"}}), "ResourceNotFoundException",
            "Requested resource not found: Index none for table " + name)
    refused(lambda: update({"Create": index("second", dimensions=4)}), "ValidationException", "must use the same dimensions")
    refused(lambda: update(gone, BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}),
            "ValidationException")
    refused(d.update_table, "ValidationException", INVALID + "Tables with vector indexes must be in PAY_PER_REQUEST mode", TableName=name,
            BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5})
    keyed = {"IndexName": "by-v", "KeySchema": [{"AttributeName": "v", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}
    refused(d.update_table, "ValidationException", INVALID + "Attributes cannot be redefined. Please check that your attribute has the same type as "
            "previously defined. Existing schema: VectorIndexSchema:[VectorAttribute: key{v:L:3}] New schema: Schema:[SchemaElement: key{v:S:HASH}]",
            TableName=name, AttributeDefinitions=attributes(v="S"), GlobalSecondaryIndexUpdates=[{"Create": keyed}])
    refused(d.update_table, "ValidationException", "Attempting to create an index which already exists", TableName=name,
            GlobalSecondaryIndexUpdates=[{"Create": {**keyed, "IndexName": "vix", "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}}])


def test_backups_and_replicas_have_it(d, client, name, eventually):
    make(d, name, index(), index("second", "EUCLIDEAN"))
    for i in range(3):
        put(d, name, str(i), (1, i, 0))
    backup = d.create_backup(TableName=name, BackupName="b-1")["BackupDetails"]["BackupArn"]
    features = lambda: d.describe_backup(BackupArn=backup)["BackupDescription"]
    assert eventually(lambda: features()["BackupDetails"]["BackupStatus"] == "AVAILABLE")
    assert features()["SourceTableFeatureDetails"]["VectorIndexes"] == [index(), index("second", "EUCLIDEAN")]
    restored = name + "-r"
    refused(d.restore_table_from_backup, "ValidationException", "other", TargetTableName=restored, BackupArn=backup,
            VectorIndexOverride=[index("other")])
    d.restore_table_from_backup(TargetTableName=restored, BackupArn=backup, VectorIndexOverride=[index()])
    assert eventually(lambda: d.describe_table(TableName=restored)["Table"]["TableStatus"] == "ACTIVE")
    assert names(search(d, restored, 1, 0, 0)) == ["0", "1", "2"]
    assert [x["IndexName"] for x in d.describe_table(TableName=restored)["Table"]["VectorIndexes"]] == ["vix"]
    d.update_table(TableName=name, ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
    eu = client("dynamodb", region="eu-west-1")
    assert eventually(lambda: eu.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    assert names(search(eu, name, 1, 0, 0)) == ["0", "1", "2"]
    put(d, name, "new", (1, -0.5, 0))
    assert names(search(eu, name, 1, 0, 0)) == ["0", "new", "1", "2"]
    d.update_table(TableName=name, VectorIndexUpdates=[{"Create": index("third", "DOT_PRODUCT")}])
    for here in (d, eu):
        assert eventually(lambda: active(here, name))
        assert names(search(here, name, 0, 1, 0, index="third", top=1)) == ["2"]
    d.update_table(TableName=name, VectorIndexUpdates=[{"Delete": {"IndexName": "vix"}}])
    assert [x["IndexName"] for x in eu.describe_table(TableName=name)["Table"]["VectorIndexes"]] == ["second", "third"]


def test_an_import_fills_it(d, client, name, eventually):
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    lines = [{"Item": {"pk": {"S": str(i)}, "v": {"L": vectors(1, i, 0)}}} for i in range(3)] + [{"Item": {"pk": {"S": "short"}, "v": {"L": vectors(1)}}}]
    s3.put_object(Bucket=name, Key="x.json", Body="\n".join(map(json.dumps, lines)).encode())
    arn = d.import_table(S3BucketSource={"S3Bucket": name}, InputFormat="DYNAMODB_JSON", TableCreationParameters={
        "TableName": name, "AttributeDefinitions": attributes(pk="S"), "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST", "VectorIndexes": [index()]})["ImportTableDescription"]["ImportArn"]
    look = lambda: d.describe_import(ImportArn=arn)["ImportTableDescription"]
    assert eventually(lambda: look()["ImportStatus"] != "IN_PROGRESS")
    assert (look()["ImportStatus"], look()["ImportedItemCount"], look()["ErrorCount"]) == ("FAILED", 3, 1)  # for the one that does not fit
    assert names(search(d, name, 1, 0, 0)) == ["0", "1", "2"]


def test_cloudformation(d, client, name):
    cfn = client("cloudformation")

    def deploy(how, *indexes, **more):
        table = {"AttributeDefinitions": attributes(pk="S", tenant="S") if more else attributes(pk="S"), "BillingMode": "PAY_PER_REQUEST", "TableName": name,
                 "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}], "VectorIndexes": list(indexes)}
        if not indexes:
            del table["VectorIndexes"]
        getattr(cfn, how + "_stack")(StackName=name, TemplateBody=json.dumps({"Resources": {"T": {"Type": "AWS::DynamoDB::Table", "Properties": table}}}))
        cfn.get_waiter("stack_%s_complete" % how).wait(StackName=name)
        return [(x["IndexName"], x["Dimensions"]) for x in d.describe_table(TableName=name)["Table"].get("VectorIndexes", [])]

    assert deploy("create", {**index(), "Dimensions": "3"}) == [("vix", 3)]
    put(d, name, "a", (1, 0, 0))
    assert deploy("update", index(), index("two"), index("three", search=schema(tenant="HASH")), tenant=True) == [("vix", 3), ("two", 3), ("three", 3)]
    assert names(search(d, name, 1, 0, 0, index="two")) == ["a"]
    assert deploy("update", index("two", "EUCLIDEAN"), index("three", search=schema(tenant="HASH")), tenant=True) == [("three", 3), ("two", 3)]
    assert found(search(d, name, 3, 0, 0, index="two")) == [("a", 2)]
    assert deploy("update") == []


# ---- the same answers as a small model ----

def f32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


class Model:
    """Items by key; searches by looking at all of them."""

    def __init__(self):
        self.items = {}

    def score(self, distance, q, v):
        dot = math.fsum(a * b for a, b in zip(q, v))
        if distance == "DOT_PRODUCT":
            return dot
        if distance == "EUCLIDEAN":
            return math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(q, v)))
        norms = math.sqrt(math.fsum(a * a for a in q)) * math.sqrt(math.fsum(a * a for a in v))
        return 1.0 if norms == 0 else 1 - dot / norms

    def search(self, distance, q, tenant, low, high):
        scores = {}
        for pk, (v, t, price) in self.items.items():
            if v is not None and t == tenant and (low is None or (price is not None and low <= price <= high)):
                scores[pk] = self.score(distance, [f32(x) for x in q], [f32(x) for x in v])
        return scores


@pytest.mark.parametrize("seed", range(4))
def test_as_a_model_says(d, name, seed):
    rand, model = random.Random(seed), Model()
    dimensions = rand.choice([1, 3, 8, 31])
    distances = {"c-o": "COSINE", "e-u": "EUCLIDEAN", "d-p": "DOT_PRODUCT"}
    parts = schema(tenant="HASH", price="INLINE_FILTER")
    make(d, name, *[index(n, f, dimensions, rand.choice(["ALL", "KEYS_ONLY"]), parts) for n, f in distances.items()],
         AttributeDefinitions=attributes(pk="S", tenant="S", price="N"))
    vector = lambda: [round(rand.uniform(-3, 3), rand.choice([0, 1, 12])) for _ in range(dimensions)]
    for step in range(400):
        pk = "k%d" % rand.randrange(60)
        if rand.random() < 0.15:
            d.delete_item(TableName=name, Key={"pk": {"S": pk}})
            model.items.pop(pk, None)
        elif rand.random() < 0.2 and pk in model.items and model.items[pk][0] is not None:
            v, at = list(model.items[pk][0]), rand.randrange(dimensions)
            v[at] = rand.uniform(-1, 1)
            d.update_item(TableName=name, Key={"pk": {"S": pk}}, UpdateExpression="SET v[%d] = :x" % at,
                          ExpressionAttributeValues={":x": {"N": repr(v[at])}})
            model.items[pk] = (v, *model.items[pk][1:])
        else:
            v = vector() if rand.random() < 0.9 else None
            tenant, price = rand.choice(["t0", "t1", None]), rand.choice([None, *range(5)])
            more = {**({"tenant": {"S": tenant}} if tenant else {}), **({"price": {"N": str(price)}} if price is not None else {})}
            put(d, name, pk, v, **more)
            model.items[pk] = (v, tenant, price)
        if step % 8:
            continue
        which, q, top, tenant = rand.choice(list(distances)), vector(), rand.choice([1, 3, 10, 100]), rand.choice(["t0", "t1"])
        low, high = sorted(rand.sample(range(5), 2)) if rand.random() < 0.5 else (None, None)
        where, values = "tenant = :t", {":t": {"S": tenant}}
        if low is not None:
            where += " AND price BETWEEN :a AND :b"
            values.update({":a": {"N": str(low)}, ":b": {"N": str(high)}})
        answer = found(search(d, name, *q, index=which, top=top, where=where, values=values))
        scores = model.search(distances[which], q, tenant, low, high)
        best = sorted(scores.values(), reverse=which == "d-p")[:top]
        close = lambda x: pytest.approx(x, rel=1e-9, abs=1e-9)
        assert [s for _, s in answer] == close(best)
        assert len(set(names_ := [pk for pk, _ in answer])) == len(names_)
        assert [scores[pk] for pk in names_] == close(best)
