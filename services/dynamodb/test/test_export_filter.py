"""Filtered exports. Follows "Filtering a table export" (DynamoDB Developer Guide) and FilterSpecification (API Reference)."""
import datetime
import gzip
import json

import pytest
from refusals import refused


@pytest.fixture
def d(client):
    return client("dynamodb")


@pytest.fixture
def orders(d, name):
    """Orders of three tenants, of two kinds each."""
    d.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                   AttributeDefinitions=[{"AttributeName": "tenant", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}],
                   KeySchema=[{"AttributeName": "tenant", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}])
    d.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    for tenant in "abc":
        for n in range(4):
            order(d, name, tenant, n)
    return name


def order(d, table, tenant, n, kind=None, **more):
    kind = kind or ("even" if n % 2 == 0 else "odd")
    d.put_item(TableName=table, Item={"tenant": {"S": tenant}, "n": {"N": str(n)}, "kind": {"S": kind}, "mail": {"S": "x@y"}, **more})


def export(d, s3, eventually, table, bucket, filter, **how):
    arn = d.describe_table(TableName=table)["Table"]["TableArn"]
    start = d.export_table_to_point_in_time(TableArn=arn, S3Bucket=bucket, FilterSpecification=filter, **how)["ExportDescription"]
    assert start["FilterSpecification"] == filter
    look = lambda: d.describe_export(ExportArn=start["ExportArn"])["ExportDescription"]
    assert eventually(lambda: look()["ExportStatus"] != "IN_PROGRESS")
    done = look()
    assert done["ExportStatus"] == "COMPLETED" and done["FilterSpecification"] == filter
    manifest = json.loads(s3.get_object(Bucket=bucket, Key=done["ExportManifest"])["Body"].read())["manifestFilesS3Key"]
    files = [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=manifest)["Body"].read().splitlines()]
    lines = [line for f in files for line in gzip.decompress(s3.get_object(Bucket=bucket, Key=f["dataFileS3Key"])["Body"].read()).splitlines()]
    assert done["ItemCount"] == len(lines)
    return done, [json.loads(line) for line in lines]


def keys(lines):
    return sorted((line["Item"]["tenant"]["S"], int(line["Item"]["n"]["N"])) for line in lines)


@pytest.fixture
def run(d, client, name, eventually):
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    return lambda table, filter, **how: export(d, s3, eventually, table, name, filter, **how)


def test_items_are_chosen(d, run, orders):
    of_b = {"KeyConditionExpression": "tenant = :t", "ExpressionAttributeValues": {":t": {"S": "b"}}}
    done, lines = run(orders, of_b)
    assert keys(lines) == [("b", n) for n in range(4)]
    billed = done["BilledSizeBytes"]
    assert billed == sum(len("tenantb") + len("n") + (1 if n == 0 else 2) + len("kind") + len("even" if n % 2 == 0 else "odd") + len("mailx@y")
                         for n in range(4))  # what the key condition leaves to be read
    later = {**of_b, "KeyConditionExpression": "tenant = :t AND n >= :n", "ExpressionAttributeValues": {":t": {"S": "b"}, ":n": {"N": "2"}}}
    assert keys(run(orders, later)[1]) == [("b", 2), ("b", 3)]
    one = {**later, "KeyConditionExpression": "tenant = :t AND n = :n"}
    assert keys(run(orders, one)[1]) == [("b", 2)]
    assert run(orders, {**of_b, "ExpressionAttributeValues": {":t": {"S": "none"}}})[1] == []
    odd = {"FilterExpression": "#k = :odd AND n < :n", "ExpressionAttributeNames": {"#k": "kind"},
           "ExpressionAttributeValues": {":odd": {"S": "odd"}, ":n": {"N": "2"}}}
    done, lines = run(orders, odd)  # without a key condition a filter may name keys; all is read
    assert keys(lines) == [("a", 1), ("b", 1), ("c", 1)] and done["BilledSizeBytes"] == 3 * billed
    both = {**of_b, "FilterExpression": "kind = :k", "ExpressionAttributeValues": {":t": {"S": "c"}, ":k": {"S": "even"}}}
    assert keys(run(orders, both)[1]) == [("c", 0), ("c", 2)]


def test_attributes_are_chosen(d, run, orders):
    order(d, orders, "z", 1, where={"M": {"city": {"S": "Kyoto"}, "street": {"S": "x"}}})
    lines = run(orders, {"KeyConditionExpression": "tenant = :t", "ExpressionAttributeValues": {":t": {"S": "z"}},
                         "ProjectionExpression": "tenant, #w.city, nothing", "ExpressionAttributeNames": {"#w": "where"}})[1]
    assert lines == [{"Item": {"tenant": {"S": "z"}, "where": {"M": {"city": {"S": "Kyoto"}}}}}]
    numbers = run(orders, {"ProjectionExpression": "n"})[1]
    assert len(numbers) == 13 and all(set(line["Item"]) == {"n"} for line in numbers)


def test_changes_are_chosen_by_what_they_led_to(fresh_tsubo, eventually, name):
    d, s3 = fresh_tsubo.client("dynamodb"), fresh_tsubo.client("s3")
    s3.create_bucket(Bucket=name)
    d.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                   AttributeDefinitions=[{"AttributeName": "tenant", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}],
                   KeySchema=[{"AttributeName": "tenant", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}])
    d.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    for n, kind in enumerate(["good", "bad", "good", "bad"]):
        order(d, name, "a", n, kind)
    order(d, name, "b", 9, "good")
    fresh_tsubo.turn_clock("+2h")
    order(d, name, "a", 0, "bad")   # was good
    order(d, name, "a", 1, "good")  # was bad
    d.delete_item(TableName=name, Key={"tenant": {"S": "a"}, "n": {"N": "2"}})  # a good one
    d.delete_item(TableName=name, Key={"tenant": {"S": "a"}, "n": {"N": "3"}})  # a bad one
    order(d, name, "b", 9, "good", mail={"S": "new"})
    fresh_tsubo.turn_clock("+1h")
    now = datetime.datetime.fromtimestamp(fresh_tsubo.admin("clock")["clock_ms"] / 1000, datetime.timezone.utc)
    how = dict(ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification={"ExportFromTime": now - datetime.timedelta(hours=2)})
    good = {"FilterExpression": "kind = :k", "ExpressionAttributeValues": {":k": {"S": "good"}}}
    lines = export(d, s3, eventually, name, name, good, **how)[1]
    told = sorted((line["Keys"]["n"]["N"], line.get("OldImage", {}).get("kind", {}).get("S"), line.get("NewImage", {}).get("kind", {}).get("S"))
                  for line in lines)
    assert told == [("1", "bad", "good"), ("2", "good", None), ("9", "good", "good")]
    of_a = {**good, "KeyConditionExpression": "tenant = :t", "ProjectionExpression": "kind",
            "ExpressionAttributeValues": {":k": {"S": "good"}, ":t": {"S": "a"}}}
    lines = export(d, s3, eventually, name, name, of_a, **how)[1]
    assert sorted(line["Keys"]["n"]["N"] for line in lines) == ["1", "2"]
    assert [line["NewImage"] for line in lines if "NewImage" in line] == [{"kind": {"S": "good"}}]


def test_expressions_are_checked_when_they_come(d, run, orders):
    arn = d.describe_table(TableName=orders)["Table"]["TableArn"]
    value = {"ExpressionAttributeValues": {":v": {"S": "a"}}}
    for filter, message in [
            ({"KeyConditionExpression": "kind = :v", **value}, "Query condition missed key schema element: tenant"),
            ({"KeyConditionExpression": "tenant > :v", **value}, "Query key condition not supported"),
            ({"KeyConditionExpression": "tenant = :v", "FilterExpression": "n <> :v", **value},
             "Filter Expression can only contain non-primary key attributes: Primary key attribute: n"),
            ({"FilterExpression": "kind = = :v", **value}, "Invalid FilterExpression: Syntax error"),
            ({"FilterExpression": "kind = :w", **value}, "An expression attribute value used in expression is not defined"),
            ({"ProjectionExpression": "n, n"}, "Invalid ProjectionExpression: Two document paths overlap"),
            ({"ProjectionExpression": "tenant.x"}, "Key attributes must be scalars"),
            (value, "ExpressionAttributeValues can only be specified when using expressions")]:
        refused(d.export_table_to_point_in_time, "ValidationException", message, TableArn=arn, S3Bucket="any-bucket", FilterSpecification=filter)
