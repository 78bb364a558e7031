"""AWS::DynamoDB::Table and AWS::DynamoDB::GlobalTable through CloudFormation. Follows the resource types' reference."""
import json

import pytest


@pytest.fixture
def cfn(client):
    return client("cloudformation")


@pytest.fixture
def d(client):
    return client("dynamodb")


def template(**properties):
    table = {"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
             "BillingMode": "PAY_PER_REQUEST", **properties}
    return json.dumps({"Resources": {"T": {"Type": "AWS::DynamoDB::Table", "Properties": table}}, "Outputs": {
        "Name": {"Value": {"Ref": "T"}}, "Arn": {"Value": {"Fn::GetAtt": ["T", "Arn"]}},
        **({"Stream": {"Value": {"Fn::GetAtt": ["T", "StreamArn"]}}} if "StreamSpecification" in properties else {})}})


def deploy(cfn, stack, body, update=False):
    (cfn.update_stack if update else cfn.create_stack)(StackName=stack, TemplateBody=body)
    cfn.get_waiter("stack_update_complete" if update else "stack_create_complete").wait(StackName=stack)
    return {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]}


def definitions(**types):
    return [{"AttributeName": k, "AttributeType": v} for k, v in types.items()]


def test_life_of_a_table(cfn, d, name):
    out = deploy(cfn, name, template(
        StreamSpecification={"StreamViewType": "NEW_IMAGE"}, TimeToLiveSpecification={"AttributeName": "exp", "Enabled": "true"},
        Tags=[{"Key": "team", "Value": "x"}], PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        SSESpecification={"SSEEnabled": True}))
    table = d.describe_table(TableName=out["Name"])["Table"]
    assert out["Name"].startswith(name + "-T-") and out["Arn"] == table["TableArn"] and out["Stream"] == table["LatestStreamArn"]
    assert d.describe_time_to_live(TableName=out["Name"])["TimeToLiveDescription"]["AttributeName"] == "exp"
    assert {"Key": "team", "Value": "x"} in d.list_tags_of_resource(ResourceArn=out["Arn"])["Tags"]
    recovery = d.describe_continuous_backups(TableName=out["Name"])["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED" and table["SSEDescription"]["Status"] == "ENABLED"
    d.put_item(TableName=out["Name"], Item={"pk": {"S": "kept"}, "g": {"S": "g"}})

    index = {"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}
    again = deploy(cfn, name, template(AttributeDefinitions=definitions(pk="S", g="S"), GlobalSecondaryIndexes=[index],
                                       Tags=[{"Key": "team", "Value": "y"}]), update=True)
    assert again["Name"] == out["Name"]
    assert d.scan(TableName=out["Name"], IndexName="by-g")["Count"] == 1
    table = d.describe_table(TableName=out["Name"])["Table"]
    assert "StreamSpecification" not in table
    assert d.describe_time_to_live(TableName=out["Name"])["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"
    assert {"Key": "team", "Value": "y"} in d.list_tags_of_resource(ResourceArn=out["Arn"])["Tags"]

    other = deploy(cfn, name, template(AttributeDefinitions=definitions(id="S"), KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}]), update=True)
    assert other["Name"] != out["Name"]  # another key is another table
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name)
    assert not [t for t in d.list_tables()["TableNames"] if t.startswith(name + "-T-")]


def test_provisioned_units_may_be_text(cfn, d, name):
    out = deploy(cfn, name, template(BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": "3", "WriteCapacityUnits": "4"}))
    units = d.describe_table(TableName=out["Name"])["Table"]["ProvisionedThroughput"]
    assert (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) == (3, 4)


HOME, AWAY, THIRD = "us-east-1", "eu-west-1", "ap-northeast-1"


def global_template(replicas, **properties):
    table = {"AttributeDefinitions": definitions(pk="S"), "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}], "Replicas": replicas,
             "BillingMode": "PAY_PER_REQUEST", "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"}, **properties}
    return json.dumps({"Resources": {"T": {"Type": "AWS::DynamoDB::GlobalTable", "Properties": table}}, "Outputs": {
        k: {"Value": {"Ref": "T"} if k == "Name" else {"Fn::GetAtt": ["T", k]}} for k in ("Name", "Arn", "StreamArn", "TableId")}})


def test_life_of_a_global_table(cfn, client, name):
    d, away, third = (client("dynamodb", region=r) for r in (HOME, AWAY, THIRD))
    out = deploy(cfn, name, global_template([
        {"Region": HOME, "Tags": [{"Key": "where", "Value": "home"}]},
        {"Region": AWAY, "Tags": [{"Key": "where", "Value": "away"}], "TableClass": "STANDARD_INFREQUENT_ACCESS", "DeletionProtectionEnabled": True,
         "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}],
        TimeToLiveSpecification={"AttributeName": "exp", "Enabled": True}))
    table = d.describe_table(TableName=out["Name"])["Table"]
    assert (out["Arn"], out["StreamArn"], out["TableId"]) == (table["TableArn"], table["LatestStreamArn"], table["TableId"])
    assert [r["RegionName"] for r in table["Replicas"]] == [AWAY] and table["Replicas"][0]["ReplicaStatus"] == "ACTIVE"
    there = away.describe_table(TableName=out["Name"])["Table"]
    assert there["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS" and there["DeletionProtectionEnabled"]
    assert "TableClassSummary" not in table and not table["DeletionProtectionEnabled"]
    assert {"Key": "where", "Value": "away"} in away.list_tags_of_resource(ResourceArn=there["TableArn"])["Tags"]
    assert away.describe_time_to_live(TableName=out["Name"])["TimeToLiveDescription"]["AttributeName"] == "exp"
    recovery = away.describe_continuous_backups(TableName=out["Name"])["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    d.put_item(TableName=out["Name"], Item={"pk": {"S": "k"}})

    index = {"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}
    again = deploy(cfn, name, global_template([
        {"Region": HOME}, {"Region": AWAY, "TableClass": "STANDARD", "DeletionProtectionEnabled": False}, {"Region": THIRD}],
        AttributeDefinitions=definitions(pk="S", g="S"), GlobalSecondaryIndexes=[index]), update=True)
    assert again["Name"] == out["Name"] and third.scan(TableName=out["Name"])["Count"] == 1
    there = away.describe_table(TableName=out["Name"])["Table"]
    assert there["TableClassSummary"]["TableClass"] == "STANDARD" and there["GlobalSecondaryIndexes"][0]["IndexName"] == "by-g"
    assert [t["Key"] for t in away.list_tags_of_resource(ResourceArn=there["TableArn"])["Tags"] if not t["Key"].startswith("aws:")] == []

    deploy(cfn, name, global_template([{"Region": HOME}, {"Region": THIRD}], AttributeDefinitions=definitions(pk="S", g="S"),
                                      GlobalSecondaryIndexes=[index]), update=True)
    assert out["Name"] not in away.list_tables()["TableNames"]
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name)
    assert not [n for c in (d, away, third) for n in c.list_tables()["TableNames"] if n == out["Name"]]


def test_a_provisioned_global_table_scales(cfn, client, name):
    scale = lambda least, most: {"MinCapacity": least, "MaxCapacity": str(most), "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70}}
    d = client("dynamodb")
    out = deploy(cfn, name, global_template(
        [{"Region": HOME, "ReadProvisionedThroughputSettings": {"ReadCapacityUnits": 3}},
         {"Region": AWAY, "ReadProvisionedThroughputSettings": {"ReadCapacityAutoScalingSettings": scale(4, 8)}}],
        BillingMode="PROVISIONED", WriteProvisionedThroughputSettings={"WriteCapacityAutoScalingSettings": scale(2, 9)}))
    units = lambda region: client("dynamodb", region=region).describe_table(TableName=out["Name"])["Table"]["ProvisionedThroughput"]
    assert [(u["ReadCapacityUnits"], u["WriteCapacityUnits"]) for u in (units(HOME), units(AWAY))] == [(3, 2), (4, 2)]
    shown = d.describe_table_replica_auto_scaling(TableName=out["Name"])["TableAutoScalingDescription"]["Replicas"]
    assert [r["ReplicaProvisionedWriteCapacityAutoScalingSettings"]["MaximumUnits"] for r in shown] == [9, 9]
    assert shown[0]["ReplicaProvisionedReadCapacityAutoScalingSettings"]["MaximumUnits"] == 8


def test_the_stacks_region_is_a_replica(cfn, name, eventually):
    cfn.create_stack(StackName=name, TemplateBody=global_template([{"Region": AWAY}]))
    eventually(lambda: cfn.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "ROLLBACK_COMPLETE")
    reasons = [e.get("ResourceStatusReason", "") for e in cfn.describe_stack_events(StackName=name)["StackEvents"]]
    assert any("Replicas must contain the Region of the stack, us-east-1" in r for r in reasons), reasons
