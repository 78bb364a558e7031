"""Global tables of version 2017.11.29: tables made before, joined and parted. Follows "Global tables version 2017.11.29
(Legacy)" (DynamoDB Developer Guide) and the operations' pages in the API Reference."""
import pytest
from botocore.exceptions import ClientError

ONE, TWO, THREE = "eu-west-1", "us-east-1", "us-west-2"
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


@pytest.fixture
def d(client):
    return {region: client("dynamodb", region=region) for region in (ONE, TWO, THREE)}


def make(client, name, **more):
    client.create_table(TableName=name, **{"BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                                           "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}], "StreamSpecification": STREAM, **more})


def join(client, name, *regions):
    return client.create_global_table(GlobalTableName=name, ReplicationGroup=[{"RegionName": r} for r in regions])["GlobalTableDescription"]


def group(client, name):
    return [r["RegionName"] for r in client.describe_global_table(GlobalTableName=name)["GlobalTableDescription"]["ReplicationGroup"]]


def get(client, name, pk):
    return client.get_item(TableName=name, Key={"pk": {"S": pk}}).get("Item")


def refused(code, message, call, *args, **how):
    with pytest.raises(ClientError) as e:
        call(*args, **how)
    error = e.value.response["Error"]
    assert error["Code"] == code and message in error["Message"], error


def test_a_group_of_tables(d, client, name):
    for region in (ONE, TWO, THREE):
        make(d[region], name)
    made = join(d[TWO], name, TWO, ONE)
    assert made["GlobalTableStatus"] == "CREATING" and made["GlobalTableArn"] == "arn:aws:dynamodb::000000000000:global-table/" + name
    assert group(d[ONE], name) == group(d[TWO], name) == [ONE, TWO]
    refused("GlobalTableNotFoundException", "Global table not found: Global table with name: '%s' does not exist." % name, group, d[THREE], name)
    d[TWO].put_item(TableName=name, Item={"pk": {"S": "k"}, "n": {"N": "1"}})
    item = get(d[ONE], name, "k")
    assert item["n"] == {"N": "1"} and item["aws:rep:deleting"] == {"BOOL": False} and item["aws:rep:updateregion"] == {"S": TWO}
    assert float(item["aws:rep:updatetime"]["N"]) > 1.5e9
    d[ONE].update_item(TableName=name, Key={"pk": {"S": "k"}}, UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "2"}})
    assert get(d[TWO], name, "k")["aws:rep:updateregion"] == {"S": ONE}
    # each region has its settings to itself, and shows nothing of the group in DescribeTable
    d[ONE].update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "e"})
    assert d[TWO].describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"
    assert "GlobalTableVersion" not in d[ONE].describe_table(TableName=name)["Table"]
    d[TWO].delete_item(TableName=name, Key={"pk": {"S": "k"}})
    assert get(d[ONE], name, "k") is None
    listed = d[ONE].list_global_tables()["GlobalTables"]
    assert {"GlobalTableName": name, "ReplicationGroup": [{"RegionName": ONE}, {"RegionName": TWO}]} in listed
    assert name not in [g["GlobalTableName"] for g in d[ONE].list_global_tables(RegionName=THREE)["GlobalTables"]]


def test_members_come_and_go(d, name):
    for region in (ONE, TWO, THREE):
        make(d[region], name)
    join(d[TWO], name, TWO)
    change = lambda **how: d[TWO].update_global_table(GlobalTableName=name, ReplicaUpdates=[{k: {"RegionName": v}} for k, v in how.items()])
    change(Create=ONE)
    d[TWO].put_item(TableName=name, Item={"pk": {"S": "k"}})
    assert get(d[ONE], name, "k") is not None
    refused("ReplicaAlreadyExistsException", "", change, Create=ONE)
    refused("ReplicaNotFoundException", "", change, Delete=THREE)
    change(Delete=ONE)  # the table stays, on its own
    d[TWO].put_item(TableName=name, Item={"pk": {"S": "later"}})
    assert get(d[ONE], name, "k") is not None and get(d[ONE], name, "later") is None
    assert group(d[TWO], name) == [TWO]
    refused("ValidationException", "contains data", change, Create=ONE)


def test_what_may_not_join(d, name):
    make(d[ONE], name)
    refused("TableNotFoundException", "", join, d[ONE], name, ONE, TWO)
    make(d[TWO], name, StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    refused("ValidationException", "both the new and the old images", join, d[ONE], name, ONE, TWO)
    d[TWO].delete_table(TableName=name)
    make(d[TWO], name, AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])
    refused("ValidationException", "its primary key differs", join, d[ONE], name, ONE, TWO)
    d[TWO].delete_table(TableName=name)
    make(d[TWO], name)
    join(d[ONE], name, ONE, TWO)
    refused("GlobalTableAlreadyExistsException", "already exists", join, d[ONE], name, ONE, TWO)


def test_settings_of_all_members(d, name):
    units = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}
    for region in (ONE, TWO):
        make(d[region], name, **units)
    join(d[ONE], name, ONE, TWO)
    settings = lambda: {s["RegionName"]: s for s in d[TWO].describe_global_table_settings(GlobalTableName=name)["ReplicaSettings"]}
    assert settings()[ONE]["ReplicaProvisionedReadCapacityUnits"] == 5
    assert settings()[ONE]["ReplicaProvisionedWriteCapacityAutoScalingSettings"] == {"AutoScalingDisabled": True, "ScalingPolicies": []}
    d[ONE].update_global_table_settings(GlobalTableName=name, GlobalTableProvisionedWriteCapacityUnits=9,
                                        ReplicaSettingsUpdate=[{"RegionName": TWO, "ReplicaProvisionedReadCapacityUnits": 7}])
    assert [(s["ReplicaProvisionedReadCapacityUnits"], s["ReplicaProvisionedWriteCapacityUnits"]) for s in (settings()[ONE], settings()[TWO])] == [(5, 9), (7, 9)]
    assert d[TWO].describe_table(TableName=name)["Table"]["ProvisionedThroughput"]["WriteCapacityUnits"] == 9
    refused("ReplicaNotFoundException", "", d[ONE].update_global_table_settings, GlobalTableName=name,
            ReplicaSettingsUpdate=[{"RegionName": THREE, "ReplicaProvisionedReadCapacityUnits": 7}])
    refused("IndexNotFoundException", "", d[ONE].update_global_table_settings, GlobalTableName=name,
            GlobalTableGlobalSecondaryIndexSettingsUpdate=[{"IndexName": "nope", "ProvisionedWriteCapacityUnits": 7}])
    d[ONE].update_global_table_settings(GlobalTableName=name, GlobalTableBillingMode="PAY_PER_REQUEST")
    assert {s["ReplicaBillingModeSummary"]["BillingMode"] for s in settings().values()} == {"PAY_PER_REQUEST"}
    refused("GlobalTableNotFoundException", "Global table with name: 'nope' does not exist.", d[ONE].describe_global_table_settings, GlobalTableName="nope")
