"""Custom resources, nested stacks and templates from S3: "Custom resource reference" and "AWS::CloudFormation::Stack"
(CloudFormation User Guide). The custom resource is a real function that answers by PUT to its ResponseURL."""
import io
import json
import zipfile

import pytest

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}
CODE = '''
import json, os, urllib.request

def handler(event, context):
    p = event["ResourceProperties"]
    answer = {"Status": "FAILED" if p.get("Fail") == event["RequestType"] else "SUCCESS", "Reason": "asked to",
              "PhysicalResourceId": "thing-" + p["Name"], "StackId": event["StackId"], "RequestId": event["RequestId"],
              "LogicalResourceId": event["LogicalResourceId"],
              "Data": {"Seen": event["RequestType"], "Old": event.get("OldResourceProperties", {}).get("Name", "none")}}
    request = urllib.request.Request(event["ResponseURL"], data=json.dumps(answer).encode(), method="PUT", headers={"Content-Type": ""})
    urllib.request.urlopen(request).read()
'''


@pytest.fixture(scope="module")
def cfn(client):
    return client("cloudformation")


@pytest.fixture(scope="module")
def function(client):
    arn = client("iam").create_role(RoleName="custom-fn", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as z:
        z.writestr("app.py", CODE)
    made = client("lambda").create_function(FunctionName="custom-fn", Runtime="python3.11", Handler="app.handler", Role=arn, Code={"ZipFile": body.getvalue()}, Timeout=60)
    return made["FunctionArn"]


@pytest.fixture
def settled(cfn, eventually):
    def wait(name):
        def done():
            s = cfn.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            return s if not s.endswith("_IN_PROGRESS") else None

        return eventually(done)

    return wait


def template(function, **properties):
    return json.dumps({"Resources": {"C": {"Type": "Custom::Thing", "Properties": {"ServiceToken": function, **properties}}},
                       "Outputs": {"Ref": {"Value": {"Ref": "C"}}, "Seen": {"Value": {"Fn::GetAtt": ["C", "Seen"]}}, "Old": {"Value": {"Fn::GetAtt": ["C", "Old"]}}}})


def outputs(cfn, name):
    return {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]}


def test_a_custom_resource_lives_and_dies(cfn, function, name, settled):
    arn = cfn.create_stack(StackName=name, TemplateBody=template(function, Name="a"))["StackId"]
    assert settled(name) == "CREATE_COMPLETE"
    assert outputs(cfn, name) == {"Ref": "thing-a", "Seen": "Create", "Old": "none"}
    cfn.update_stack(StackName=name, TemplateBody=template(function, Name="b"))
    assert settled(name) == "UPDATE_COMPLETE"
    assert outputs(cfn, name) == {"Ref": "thing-b", "Seen": "Update", "Old": "a"}
    deleted = [e for e in cfn.describe_stack_events(StackName=name)["StackEvents"] if e["ResourceStatus"] == "DELETE_COMPLETE"]
    assert [e["PhysicalResourceId"] for e in deleted] == ["thing-a"]  # a new physical id is a replacement
    cfn.delete_stack(StackName=name)
    assert settled(arn) == "DELETE_COMPLETE"


def test_a_custom_resource_may_fail(cfn, function, name, settled):
    cfn.create_stack(StackName=name, TemplateBody=template(function, Name="a", Fail="Create"))
    assert settled(name) == "ROLLBACK_COMPLETE"
    reasons = [e.get("ResourceStatusReason", "") for e in cfn.describe_stack_events(StackName=name)["StackEvents"]]
    assert any(r.startswith("Received response status [FAILED] from custom resource. Message returned: asked to") for r in reasons)


def test_a_stack_in_a_stack(cfn, client, name, settled):
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    child = {"Parameters": {"N": {"Type": "String"}}, "Resources": {"G": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": {"Ref": "N"}}}},
             "Outputs": {"Group": {"Value": {"Ref": "G"}}}}
    s3.put_object(Bucket=name, Key="dir/child.json", Body=json.dumps(child))
    url = f"https://{name}.s3.amazonaws.com/dir/child.json"
    parent = {"Resources": {"Child": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url, "Parameters": {"N": name}}},
                            "After": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": {"Fn::Sub": "${Child.Outputs.Group}-after"}}}},
              "Outputs": {"O": {"Value": {"Fn::GetAtt": ["Child", "Outputs.Group"]}}}}
    s3.put_object(Bucket=name, Key="parent.json", Body=json.dumps(parent))
    arn = cfn.create_stack(StackName=name, TemplateURL=f"{s3.meta.endpoint_url}/{name}/parent.json")["StackId"]
    assert settled(name) == "CREATE_COMPLETE"
    assert outputs(cfn, name) == {"O": name}
    groups = [g["logGroupName"] for g in client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]]
    assert groups == [name, name + "-after"]
    nested = [s for s in cfn.describe_stacks()["Stacks"] if s.get("ParentId") == arn]
    assert len(nested) == 1 and nested[0]["RootId"] == arn
    cfn.delete_stack(StackName=name)
    assert settled(arn) == "DELETE_COMPLETE"
    assert client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []
    assert cfn.describe_stacks(StackName=nested[0]["StackId"])["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"


def test_a_failed_child_fails_its_parent(cfn, client, name, settled):
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    child = {"Resources": {"G": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "not a name"}}}}
    s3.put_object(Bucket=name, Key="child.json", Body=json.dumps(child))
    parent = {"Resources": {"Child": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": f"https://s3.amazonaws.com/{name}/child.json"}}}}
    cfn.create_stack(StackName=name, TemplateBody=json.dumps(parent))
    assert settled(name) == "ROLLBACK_COMPLETE"
    reasons = [e.get("ResourceStatusReason", "") for e in cfn.describe_stack_events(StackName=name)["StackEvents"]]
    assert any("was not successfully created" in r for r in reasons)
