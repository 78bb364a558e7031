"""Auto scaling of provisioned global tables. Follows "Managing throughput capacity automatically with DynamoDB auto
scaling" (DynamoDB Developer Guide) and the API Reference; sentences are the service's own."""
import pytest
from botocore.exceptions import ClientError

HOME, AWAY = "us-east-1", "eu-west-1"


def scale(least, most, target=70.0, **more):
    return {"MinimumUnits": least, "MaximumUnits": most, "ScalingPolicyUpdate": {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": target, **more}}}


def make(server, name, eventually, **more):
    d = server.client("dynamodb", region=HOME)
    d.create_table(TableName=name, **{"BillingMode": "PROVISIONED", "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                                      "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                                      "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}, **more})
    d.update_table(TableName=name, ReplicaUpdates=[{"Create": {"RegionName": AWAY}}])
    eventually(lambda: d.describe_table(TableName=name)["Table"]["Replicas"][0]["ReplicaStatus"] == "ACTIVE")
    return d, server.client("dynamodb", region=AWAY)


def units(d, name):
    t = d.describe_table(TableName=name)["Table"]["ProvisionedThroughput"]
    return t["ReadCapacityUnits"], t["WriteCapacityUnits"]


def refused(code, message, call, **how):
    with pytest.raises(ClientError) as e:
        call(**how)
    error = e.value.response["Error"]
    assert error["Code"] == code and message in error["Message"], error


def test_it_follows_the_load(fresh_tsubo, eventually):
    here, there = make(fresh_tsubo, "busy", eventually)
    here.update_table_replica_auto_scaling(TableName="busy", ProvisionedWriteCapacityAutoScalingUpdate=scale(5, 40, 50.0),
                                           ReplicaUpdates=[{"RegionName": HOME, "ReplicaProvisionedReadCapacityAutoScalingUpdate": scale(6, 40)}])
    assert units(here, "busy") == (6, 5) and units(there, "busy") == (5, 5)  # up to the minimum at once, where it is one
    shown = here.describe_table_replica_auto_scaling(TableName="busy")["TableAutoScalingDescription"]
    assert [r["RegionName"] for r in shown["Replicas"]] == [AWAY, HOME]
    writes = [r["ReplicaProvisionedWriteCapacityAutoScalingSettings"] for r in shown["Replicas"]]
    assert writes[0] == writes[1] and writes[0]["MinimumUnits"] == 5 and writes[0]["MaximumUnits"] == 40
    assert writes[0]["ScalingPolicies"][0]["PolicyName"] == "DynamoDBWriteCapacityUtilization:table/busy"
    assert shown["Replicas"][0]["ReplicaProvisionedReadCapacityAutoScalingSettings"] == {"AutoScalingDisabled": True, "ScalingPolicies": []}
    # 1,200 units in two minutes are ten a second; half of the throughput: twenty. A minute that is looked at before all of it was counted
    # makes it less, until the next two.
    for _ in range(5):
        fresh_tsubo.turn_to_next(60)
        for _ in range(2):
            for _ in range(24):
                here.batch_write_item(RequestItems={"busy": [{"PutRequest": {"Item": {"pk": {"S": str(i)}}}} for i in range(25)]})
            fresh_tsubo.turn_to_next(60)
        eventually(lambda: units(here, "busy")[1] > 5)
        up = units(here, "busy")[1]
        if up >= 15:
            break
    assert 15 <= up <= 40
    eventually(lambda: units(there, "busy")[1] == units(here, "busy")[1])
    # a quiet quarter of an hour, and it goes down to the minimum
    for _ in range(17):
        fresh_tsubo.turn_clock("+60s")
    eventually(lambda: units(here, "busy") == (6, 5) and units(there, "busy") == (5, 5))


BAD = [
    ({}, "because at least one update parameter must be specified."),
    ({"ReplicaUpdates": [{"RegionName": AWAY}]}, "because at least one update parameter must be specified for region: ‘eu-west-1’."),
    ({"ProvisionedWriteCapacityAutoScalingUpdate": {}}, "Parameters 'MaximumUnits', 'ScalingPolicyUpdate', 'MinimumUnits' are required unless auto scaling is being disabled."),
    ({"ProvisionedWriteCapacityAutoScalingUpdate": scale(9, 3)}, "Maximum capacity cannot be less than minimum capacity"),
    ({"ProvisionedWriteCapacityAutoScalingUpdate": scale(1, 3, 90.1)},
     "For predefined metric type DynamoDBWriteCapacityUtilization, target value must be between '10.0' and '90.0', but was '90.1'."),
    ({"ReplicaUpdates": [{"RegionName": AWAY, "ReplicaProvisionedReadCapacityAutoScalingUpdate": scale(1, 3)}] * 2}, "‘[eu-west-1]’ were specified more than once."),
]


@pytest.fixture(scope="module")
def table(tsubo):
    from conftest import eventually
    make(tsubo, "scaled", eventually)
    return "scaled"


@pytest.mark.parametrize("how, message", BAD)
def test_settings_that_do_not_hold(client, table, how, message):
    refused("ValidationException", message, client("dynamodb").update_table_replica_auto_scaling, TableName=table, **how)


def test_only_of_provisioned_global_tables(tsubo, name, eventually):
    d = tsubo.client("dynamodb")
    refused("ResourceNotFoundException", "Global table with name: '%s' does not exist." % name, d.describe_table_replica_auto_scaling, TableName=name)
    make(tsubo, name, eventually)
    d.update_table(TableName=name, BillingMode="PAY_PER_REQUEST")
    refused("ValidationException", "Replicas 'eu-west-1', 'us-east-1' BillingMode is PayPerRequest.", d.update_table_replica_auto_scaling, TableName=name,
            ProvisionedWriteCapacityAutoScalingUpdate=scale(1, 3))
    d.update_table_replica_auto_scaling(TableName=name, ProvisionedWriteCapacityAutoScalingUpdate={"AutoScalingDisabled": True})


def test_an_index_scales_by_itself(tsubo, name, eventually):
    index = {"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"},
             "ProvisionedThroughput": {"ReadCapacityUnits": 2, "WriteCapacityUnits": 2}}
    here, there = make(tsubo, name, eventually, GlobalSecondaryIndexes=[index],
                       AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "g")])
    here.update_table_replica_auto_scaling(TableName=name, GlobalSecondaryIndexUpdates=[
        {"IndexName": "by-g", "ProvisionedWriteCapacityAutoScalingUpdate": scale(4, 9)}])
    for d in (here, there):
        assert d.describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["WriteCapacityUnits"] == 4
    shown = there.describe_table_replica_auto_scaling(TableName=name)["TableAutoScalingDescription"]["Replicas"][1]["GlobalSecondaryIndexes"][0]
    assert shown["IndexStatus"] == "ACTIVE" and shown["ProvisionedWriteCapacityAutoScalingSettings"]["MinimumUnits"] == 4
    assert shown["ProvisionedWriteCapacityAutoScalingSettings"]["ScalingPolicies"][0]["PolicyName"].endswith("table/%s/index/by-g" % name)
