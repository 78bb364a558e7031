"""Dashboards. Sources: PutDashboard, GetDashboard, ListDashboards, DeleteDashboards (CloudWatch API Reference), "Dashboard Body Structure and Syntax"."""
import json

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def cw(client):
    return client("cloudwatch")


@pytest.fixture
def put(cw, name):
    made = []

    def dashboard(body=None, suffix="", **more):
        made.append(name + suffix)
        return cw.put_dashboard(DashboardName=made[-1], DashboardBody=body if isinstance(body, str) else json.dumps(EXAMPLE if body is None else body), **more)

    yield dashboard
    for n in made:
        try:
            cw.delete_dashboards(DashboardNames=[n])
        except ClientError:
            pass


METRIC = {"type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": {
    "metrics": [["AWS/EC2", "CPUUtilization", "InstanceId", "i-012345"], [".", "NetworkIn", ".", ".", {"stat": "p99", "yAxis": "right"}], ["...", "i-2"],
                [{"expression": "SUM(METRICS())", "label": "all", "id": "e1"}]],
    "period": 300, "stat": "Average", "region": "us-east-1", "title": "EC2 Instance CPU", "view": "timeSeries"}}
TEXT = {"type": "text", "x": 0, "y": 7, "width": 3, "height": 3, "properties": {"markdown": "Hello world"}}
EXAMPLE = {"start": "-PT6H", "periodOverride": "inherit", "widgets": [METRIC, TEXT]}


def test_put_get_list_delete(client, cw, put, name):
    assert put()["DashboardValidationMessages"] == []
    shown = cw.get_dashboard(DashboardName=name)
    assert json.loads(shown["DashboardBody"]) == EXAMPLE and shown["DashboardArn"] == f"arn:aws:cloudwatch::000000000000:dashboard/{name}"
    assert json.loads(client("cloudwatch", region="eu-west-1").get_dashboard(DashboardName=name)["DashboardBody"]) == EXAMPLE  # global
    put({"widgets": []})
    assert json.loads(cw.get_dashboard(DashboardName=name)["DashboardBody"]) == {"widgets": []}
    put(suffix="-2")
    entries = cw.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"]
    assert [(e["DashboardName"], e["Size"]) for e in entries] == [(name, len('{"widgets": []}')), (name + "-2", len(json.dumps(EXAMPLE)))] and entries[0]["LastModified"]
    with pytest.raises(ClientError) as e:
        cw.delete_dashboards(DashboardNames=[name, name + "-none"])
    assert e.value.response["Error"]["Code"] in ("ResourceNotFound", "DashboardNotFoundError")
    assert [e["DashboardName"] for e in cw.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"]] == [name + "-2"]  # as many as possible are gone
    with pytest.raises(ClientError) as e:
        cw.get_dashboard(DashboardName=name)
    assert e.value.response["Error"]["Code"] in ("ResourceNotFound", "DashboardNotFoundError") and e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def widget(type, **properties):
    return {"widgets": [{"type": type, "properties": properties}]}


GOOD = [
    {"widgets": []},
    widget("log", region="us-east-1", query="SOURCE 'g' | fields @message", view="table"),
    widget("alarm", alarms=["arn:aws:cloudwatch:us-east-1:000000000000:alarm:a"], title="t"),
    widget("metric", region="us-east-1", annotations={"alarms": ["arn:aws:cloudwatch:us-east-1:000000000000:alarm:a"]}),
    widget("explorer", metrics=[{"metricName": "CPUUtilization", "resourceType": "AWS::EC2::Instance", "stat": "Average"}], labels=[{"key": "a"}], period=300),
    widget("custom", endpoint="arn:aws:lambda:us-east-1:000000000000:function:f"),
    widget("metric", region="us-east-1", metrics=[["ns", "m"], ["ns", "m", {"id": "m1", "visible": False}], [{"expression": "m1*2"}]], view="singleValue"),
]


@pytest.mark.parametrize("at", range(len(GOOD)))
def test_bodies_that_are_valid(put, at):
    assert put(GOOD[at])["DashboardValidationMessages"] == []


BAD = [
    ({}, "", "Should have required property 'widgets'"),
    ({"widgets": {}}, "/widgets", "Should be array"),
    ({"widgets": [TEXT] * 501}, "/widgets", "Should NOT have more than 500 items"),
    ({"widgets": [{"properties": {}}]}, "/widgets/0", "Should have required property 'type'"),
    ({"widgets": [{"type": "chart3d", "properties": {}}]}, "/widgets/0/type", "Should be equal to one of the allowed values"),
    ({"widgets": [{"type": "text"}]}, "/widgets/0", "Should have required property 'properties'"),
    ({"widgets": [{**TEXT, "x": 24}]}, "/widgets/0/x", "Should be <= 23"),
    ({"widgets": [{**TEXT, "width": 0}]}, "/widgets/0/width", "Should be >= 1"),
    ({"widgets": [{**TEXT, "y": "1"}]}, "/widgets/0/y", "Should be integer"),
    (widget("text"), "/widgets/0/properties", "Should have required property 'markdown'"),
    (widget("metric", metrics=[["ns", "m"]]), "/widgets/0/properties", "Should have required property 'region'"),
    (widget("metric", region="us-east-1"), "/widgets/0/properties", "Should have required property 'metrics'"),
    (widget("metric", region="us-east-1", metrics=[["ns", "m", "dim"]]), "/widgets/0/properties/metrics/0", "Should NOT have more than 2 items"),
    (widget("metric", region="us-east-1", metrics=[["ns", "m", 3, "x"]]), "/widgets/0/properties/metrics/0/2", "Should be string"),
    (widget("metric", region="us-east-1", metrics=[["ns", "m"]], view="cloud"), "/widgets/0/properties/view", "Should be equal to one of the allowed values"),
    (widget("log", region="us-east-1"), "/widgets/0/properties", "Should have required property 'query'"),
    (widget("alarm", alarms=[]), "/widgets/0/properties/alarms", "Should NOT have less than 1 items"),
    ({"widgets": [], "periodOverride": "never"}, "/periodOverride", "Should be equal to one of the allowed values"),
    ({"widgets": [], "end": "2026-01-01T00:00:00.000Z"}, "", "Should have required property 'start'"),
]


@pytest.mark.parametrize("at", range(len(BAD)))
def test_bodies_that_are_not(cw, put, name, at):
    body, path, message = BAD[at]
    with pytest.raises(ClientError) as e:
        put(body)
    assert e.value.response["Error"]["Code"] in ("InvalidParameterInput", "DashboardInvalidInputError")
    assert "The dashboard body is invalid, there are 1 validation errors" in e.value.response["Error"]["Message"]
    assert e.value.response["dashboardValidationMessages"] == [{"DataPath": path, "Message": message}]
    with pytest.raises(ClientError):
        cw.get_dashboard(DashboardName=name)


def test_no_json_and_no_name(cw, put):
    for bad in ("{", "[]", '"x"'):
        with pytest.raises(ClientError) as e:
            put(bad)
        assert e.value.response["Error"]["Message"] == "The field DashboardBody must be a valid JSON object"
    with pytest.raises(ClientError) as e:
        cw.put_dashboard(DashboardName="a b", DashboardBody=json.dumps(EXAMPLE))
    assert e.value.response["Error"]["Code"].startswith("InvalidParameter")


def test_warnings_do_not_fail(cw, put, name):
    messages = put(widget("text", markdown="x", colour="red"))["DashboardValidationMessages"]
    assert messages == [{"DataPath": "/widgets/0/properties", "Message": "Should NOT have additional properties: colour"}]
    assert cw.get_dashboard(DashboardName=name)


def test_tags(cw, put, name):
    put(Tags=[{"Key": "a", "Value": "1"}])
    put(Tags=[{"Key": "b", "Value": "2"}])  # "If you specify Tags when updating an existing dashboard, the tag updates are ignored"
    arn = f"arn:aws:cloudwatch::000000000000:dashboard/{name}"
    assert cw.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    cw.tag_resource(ResourceARN=arn, Tags=[{"Key": "c", "Value": "3"}])
    cw.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert cw.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "c", "Value": "3"}]


def test_a_stack(client, cw, name):
    """AWS::CloudWatch::Dashboard and AWS::CloudWatch::InsightRule."""
    cfn = client("cloudformation")
    rule = {"Schema": {"Name": "CloudWatchLogRule", "Version": 1}, "LogGroupNames": ["g"], "LogFormat": "JSON", "AggregateOn": "Count", "Contribution": {"Keys": ["$.ip"]}}

    def template(text, state):
        return json.dumps({"Resources": {
            "D": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": {"Fn::Sub": json.dumps(widget("text", markdown=text + " ${AWS::Region}"))}}},
            "R": {"Type": "AWS::CloudWatch::InsightRule", "Properties": {"RuleName": name, "RuleBody": json.dumps(rule), "RuleState": state, "Tags": [{"Key": "a", "Value": "b"}]}}},
            "Outputs": {"D": {"Value": {"Ref": "D"}}, "R": {"Value": {"Fn::GetAtt": ["R", "Arn"]}}}})

    cfn.create_stack(StackName=name, TemplateBody=template("one", "ENABLED"))
    cfn.get_waiter("stack_create_complete").wait(StackName=name)
    out = {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]}
    assert "one us-east-1" in cw.get_dashboard(DashboardName=out["D"])["DashboardBody"] and out["R"] == f"arn:aws:cloudwatch:us-east-1:000000000000:insight-rule/{name}"
    assert {"Key": "a", "Value": "b"} in cw.list_tags_for_resource(ResourceARN=out["R"])["Tags"]
    cfn.update_stack(StackName=name, TemplateBody=template("two", "DISABLED"))
    cfn.get_waiter("stack_update_complete").wait(StackName=name)
    assert "two us-east-1" in cw.get_dashboard(DashboardName=out["D"])["DashboardBody"]
    assert [r["State"] for r in cw.describe_insight_rules()["InsightRules"] if r["Name"] == name] == ["DISABLED"]
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name)
    assert cw.list_dashboards(DashboardNamePrefix=out["D"])["DashboardEntries"] == [] and not [r for r in cw.describe_insight_rules()["InsightRules"] if r["Name"] == name]
