"""AWS::DynamoDB::Table through CloudFormation. Follows the resource type's reference."""
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
    cfn.get_waiter("stack_update_complete" if update else "stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 0.2, "MaxAttempts": 60})
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
    cfn.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 0.2, "MaxAttempts": 60})
    assert not [t for t in d.list_tables()["TableNames"] if t.startswith(name + "-T-")]


def test_provisioned_units_may_be_text(cfn, d, name):
    out = deploy(cfn, name, template(BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": "3", "WriteCapacityUnits": "4"}))
    units = d.describe_table(TableName=out["Name"])["Table"]["ProvisionedThroughput"]
    assert (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) == (3, 4)
