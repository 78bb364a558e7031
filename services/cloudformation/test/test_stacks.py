"""Stacks from their creation to their deletion: what the CloudFormation API Reference and User Guide say of stack
operations, change sets, rollback, exports, nested stacks and capabilities."""
import json

import botocore.exceptions
import pytest
from refusals import refused

GROUP = {"Type": "AWS::Logs::LogGroup"}
BAD = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "no spaces allowed"}}


@pytest.fixture(scope="module")
def cfn(client):
    return client("cloudformation")


@pytest.fixture(scope="module")
def logs(client):
    return client("logs")


def template(resources, **sections):
    return json.dumps({"Resources": resources, **sections})


def group(name, days=None, **more):
    properties = {"LogGroupName": name}
    if days is not None:
        properties["RetentionInDays"] = days
    return {"Type": "AWS::Logs::LogGroup", "Properties": properties, **more}


def status(cfn, name):
    return cfn.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]


@pytest.fixture
def settled(cfn, eventually):
    """Wait for an operation's end; the status."""

    def wait(name):
        def done():
            s = status(cfn, name)
            return s if not s.endswith("_IN_PROGRESS") else None

        return eventually(done)

    return wait


def events(cfn, name):
    return [(e["LogicalResourceId"], e["ResourceStatus"]) for e in reversed(cfn.describe_stack_events(StackName=name)["StackEvents"])]


def groups(logs, prefix):
    return {g["logGroupName"]: g.get("retentionInDays") for g in logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]}


# ---- create and delete ----


def test_create_describe_delete(cfn, logs, name, settled):
    body = template({"G": group(name, 7)}, Parameters={"P": {"Type": "String", "Default": "v"}, "S": {"Type": "String", "NoEcho": True}},
                    Outputs={"Name": {"Value": {"Ref": "G"}, "Description": "d"}, "Arn": {"Value": {"Fn::GetAtt": ["G", "Arn"]}}}, Description="words")
    made = cfn.create_stack(StackName=name, TemplateBody=body, Parameters=[{"ParameterKey": "S", "ParameterValue": "secret"}], Tags=[{"Key": "a", "Value": "b"}])
    assert made["StackId"].startswith(f"arn:aws:cloudformation:us-east-1:000000000000:stack/{name}/")
    assert settled(name) == "CREATE_COMPLETE"
    s = cfn.describe_stacks(StackName=name)["Stacks"][0]
    assert s["StackId"] == made["StackId"] and s["Description"] == "words" and s["Tags"] == [{"Key": "a", "Value": "b"}]
    assert {p["ParameterKey"]: p["ParameterValue"] for p in s["Parameters"]} == {"P": "v", "S": "****"}
    outputs = {o["OutputKey"]: o["OutputValue"] for o in s["Outputs"]}
    assert outputs["Name"] == name and outputs["Arn"].endswith(f":log-group:{name}:*")
    assert groups(logs, name) == {name: 7}
    assert events(cfn, name) == [(name, "CREATE_IN_PROGRESS"), ("G", "CREATE_IN_PROGRESS"), ("G", "CREATE_IN_PROGRESS"), ("G", "CREATE_COMPLETE"), (name, "CREATE_COMPLETE")]
    r = cfn.describe_stack_resource(StackName=name, LogicalResourceId="G")["StackResourceDetail"]
    assert r["PhysicalResourceId"] == name and r["ResourceStatus"] == "CREATE_COMPLETE" and r["ResourceType"] == "AWS::Logs::LogGroup"
    assert [x["LogicalResourceId"] for x in cfn.list_stack_resources(StackName=name)["StackResourceSummaries"]] == ["G"]
    assert cfn.describe_stack_resources(PhysicalResourceId=name)["StackResources"][0]["StackName"] == name
    cfn.delete_stack(StackName=name)
    assert settled(made["StackId"]) == "DELETE_COMPLETE"
    assert groups(logs, name) == {}
    refused(cfn.describe_stacks, "ValidationError", f"Stack with id {name} does not exist", StackName=name)
    assert made["StackId"] in [s["StackId"] for s in cfn.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]]
    cfn.delete_stack(StackName=name)  # what is not there is deleted


def test_secrets_stay_out_of_events(cfn, name, settled):
    """NoEcho: "CloudFormation returns the parameter value masked as asterisks" (Parameters, User Guide)."""
    body = template({"G": group({"Fn::Sub": name + "-${S}"})}, Parameters={"S": {"Type": "String", "NoEcho": True}})
    cfn.create_stack(StackName=name, TemplateBody=body, Parameters=[{"ParameterKey": "S", "ParameterValue": "hush"}])
    assert settled(name) == "CREATE_COMPLETE"
    shown = [e["ResourceProperties"] for e in cfn.describe_stack_events(StackName=name)["StackEvents"] if e.get("ResourceProperties")]
    assert shown and all(json.loads(p)["LogGroupName"] == name + "-****" for p in shown)


def test_a_name_is_taken_while_its_stack_lives(cfn, name, settled):
    cfn.create_stack(StackName=name, TemplateBody=template({"G": GROUP}))
    refused(cfn.create_stack, "AlreadyExistsException", f"Stack [{name}] already exists", StackName=name, TemplateBody=template({"G": GROUP}))
    settled(name)
    cfn.delete_stack(StackName=name)
    assert cfn.create_stack(StackName=name + "x", TemplateBody=template({"G": GROUP}))["StackId"]


def test_generated_names(cfn, name, settled):
    cfn.create_stack(StackName=name, TemplateBody=template({"Group": GROUP}))
    settled(name)
    physical = cfn.describe_stack_resource(StackName=name, LogicalResourceId="Group")["StackResourceDetail"]["PhysicalResourceId"]
    assert physical.startswith(f"{name}-Group-") and len(physical.rsplit("-", 1)[1]) == 12


def test_order_follows_references(cfn, name, settled):
    body = template({"A": {**GROUP, "DependsOn": ["B"]}, "B": group({"Fn::Sub": name + "-${C}"}), "C": GROUP})
    cfn.create_stack(StackName=name, TemplateBody=body)
    assert settled(name) == "CREATE_COMPLETE"
    order = [r for r, s in events(cfn, name) if s == "CREATE_COMPLETE"]
    assert order == ["C", "B", "A", name]
    arn = cfn.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cfn.delete_stack(StackName=name)
    settled(arn)
    assert [r for r, s in events(cfn, arn) if s == "DELETE_COMPLETE"] == ["A", "B", "C", name]


ODD = [
    ("AWS::Logs::LogGroup", {"Tags": [{"Key": 1, "Value": 2}]}),
    ("AWS::Logs::LogGroup", {"Tags": [{"Key": "k"}, {"Value": "v"}, "t", 1]}),
    ("AWS::Logs::LogGroup", {"Tags": {"k": "v"}}),
    ("AWS::SNS::Topic", {"Tags": [{"Key": True}, {"Value": ["v"]}]}),
    ("AWS::SNS::TopicPolicy", {"Topics": {"a": "b"}}),
    ("AWS::SNS::TopicPolicy", {"Topics": [1, {}], "PolicyDocument": {}}),
    ("AWS::S3::Bucket", {"Tags": [{"Key": 1}, []]}),
    ("AWS::DynamoDB::Table", {"Tags": [{"Value": "v"}], "AttributeDefinitions": {}, "KeySchema": "k"}),
    ("AWS::DynamoDB::GlobalTable", {"Replicas": {"Region": "us-east-1"}}),
    ("AWS::DynamoDB::GlobalTable", {"Replicas": [1, {"Region": 2}], "AttributeDefinitions": [1], "KeySchema": [1]}),
    ("AWS::Kinesis::Stream", {"StreamEncryption": {}, "ShardCount": 1}),
    ("AWS::Kinesis::ResourcePolicy", {"ResourcePolicy": {}}),
    ("AWS::Kinesis::StreamConsumer", {"ConsumerName": "c"}),
    ("AWS::Lambda::Alias", {"Name": "a", "FunctionName": "f", "FunctionVersion": 1, "RoutingConfig": {"AdditionalVersionWeights": [{"FunctionWeight": 1}, 2]}}),
    ("AWS::Logs::MetricFilter", {"MetricTransformations": [{"Dimensions": [{"Value": "$.x"}, {"Key": 1}]}]}),
]


@pytest.mark.parametrize("type,properties", ODD)
def test_a_property_left_out_or_of_another_kind(cfn, name, settled, type, properties):
    """The stack is made or fails with a reason; other stacks go on."""
    cfn.create_stack(StackName=name, TemplateBody=template({"R": {"Type": type, "Properties": properties}}))
    assert settled(name) in ("CREATE_COMPLETE", "ROLLBACK_COMPLETE")
    arn = cfn.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cfn.delete_stack(StackName=name)
    assert settled(arn) == "DELETE_COMPLETE"


def test_a_tag_written_as_a_number(cfn, logs, name, settled):
    body = template({"G": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name, "Tags": [{"Key": 1, "Value": 2}]}}})
    cfn.create_stack(StackName=name, TemplateBody=body)
    assert settled(name) == "CREATE_COMPLETE"
    assert logs.list_tags_log_group(logGroupName=name)["tags"].get("1") == "2"


# ---- what is refused at once ----


def test_mistakes_in_templates(cfn, name):
    def mistaken(message, resources, **sections):
        refused(cfn.create_stack, "ValidationError", message, StackName=name, TemplateBody=template(resources, **sections))

    mistaken("Template format error: At least one Resources member must be defined.", {})
    mistaken("Template format error: Unrecognized resource types: [AWS::No::Such]", {"A": {"Type": "AWS::No::Such"}})
    mistaken("Unresolved resource dependencies [Nope] in the Resources block of the template", {"A": group({"Ref": "Nope"})})
    mistaken("Circular dependency between resources: [A, B]", {"A": {**GROUP, "DependsOn": "B"}, "B": {**GROUP, "DependsOn": "A"}})
    mistaken("Parameters: [P] must have values", {"A": GROUP}, Parameters={"P": {"Type": "String"}})
    mistaken("Unable to get mapping for M::x::y", {"A": group({"Fn::FindInMap": ["M", "x", "y"]})}, Mappings={"M": {"a": {"b": "c"}}})
    refused(cfn.create_stack, "ValidationError", "Template format error: YAML not well-formed.", StackName=name, TemplateBody="a: [")
    refused(cfn.create_stack, "ValidationError", "Either Template URL or Template Body must be specified.", StackName=name)
    refused(cfn.create_stack, "ValidationError", "Parameters: [Z] do not exist in the template", StackName=name, TemplateBody=template({"A": GROUP}),
            Parameters=[{"ParameterKey": "Z", "ParameterValue": "1"}])
    refused(cfn.describe_stacks, "ValidationError", "does not exist", StackName=name)


def test_capabilities(cfn, name):
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    named = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, "RoleName": name}}
    sam = {"F": {"Type": "AWS::Serverless::SimpleTable"}}
    code = "InsufficientCapabilitiesException"
    refused(cfn.create_stack, code, "Requires capabilities : [CAPABILITY_IAM]", StackName=name, TemplateBody=template({"R": role}))
    refused(cfn.create_stack, code, "Requires capabilities : [CAPABILITY_NAMED_IAM]", StackName=name, TemplateBody=template({"R": named}), Capabilities=["CAPABILITY_IAM"])
    refused(cfn.create_stack, code, "Requires capabilities : [CAPABILITY_AUTO_EXPAND]", StackName=name,
            TemplateBody=template(sam, Transform="AWS::Serverless-2016-10-31"))
    assert cfn.validate_template(TemplateBody=template({"R": named}))["Capabilities"] == ["CAPABILITY_NAMED_IAM"]


# ---- rollback ----


def test_a_failed_create_leaves_nothing(cfn, logs, name, settled):
    cfn.create_stack(StackName=name, TemplateBody=template({"G": group(name), "Bad": {**BAD, "DependsOn": "G"}}))
    assert settled(name) == "ROLLBACK_COMPLETE"
    assert groups(logs, name) == {}
    reasons = [e.get("ResourceStatusReason", "") for e in cfn.describe_stack_events(StackName=name)["StackEvents"]]
    assert "The following resource(s) failed to create: [Bad]. Rollback requested by user." in reasons
    assert any("HandlerErrorCode: InvalidRequest" in r for r in reasons)
    refused(cfn.update_stack, "ValidationError", "is in ROLLBACK_COMPLETE state and can not be updated.", StackName=name, TemplateBody=template({"G": GROUP}))


def test_on_failure(cfn, logs, name, settled):
    body = template({"G": group(name), "Bad": {**BAD, "DependsOn": "G"}})
    cfn.create_stack(StackName=name, TemplateBody=body, DisableRollback=True)
    assert settled(name) == "CREATE_FAILED"
    assert groups(logs, name) == {name: None}
    arn = cfn.create_stack(StackName=name + "d", TemplateBody=template({"Bad": BAD}), OnFailure="DELETE")["StackId"]
    assert settled(arn) == "DELETE_COMPLETE"


def test_a_failed_update_comes_back(cfn, logs, name, settled):
    before = {"G": group(name + "g", 7), "Gone": group(name + "gone")}
    cfn.create_stack(StackName=name, TemplateBody=template(before), Parameters=[])
    settled(name)
    after = {"G": group(name + "g", 14), "New": group(name + "new"), "Bad": {**BAD, "DependsOn": ["G", "New"]}}
    cfn.update_stack(StackName=name, TemplateBody=template(after))
    assert settled(name) == "UPDATE_ROLLBACK_COMPLETE"
    assert groups(logs, name) == {name + "g": 7, name + "gone": None}
    assert json.loads(json.dumps(cfn.get_template(StackName=name)["TemplateBody"])) == json.loads(template(before))
    assert sorted(r["LogicalResourceId"] for r in cfn.list_stack_resources(StackName=name)["StackResourceSummaries"]) == ["G", "Gone"]
    cfn.update_stack(StackName=name, TemplateBody=template({"G": group(name + "g", 30)}))
    assert settled(name) == "UPDATE_COMPLETE"
    assert groups(logs, name) == {name + "g": 30}


# ---- updates ----


def test_update_in_place_and_by_replacement(cfn, logs, name, settled):
    parameters = {"N": {"Type": "String"}, "D": {"Type": "Number", "Default": 7}}
    body = template({"G": group({"Ref": "N"}, {"Ref": "D"})}, Parameters=parameters, Outputs={"O": {"Value": {"Ref": "G"}}})

    def values(n, **d):
        return [{"ParameterKey": "N", "ParameterValue": n}] + [{"ParameterKey": k, **v} for k, v in d.items()]

    cfn.create_stack(StackName=name, TemplateBody=body, Parameters=values(name + "1"))
    settled(name)
    refused(cfn.update_stack, "ValidationError", "No updates are to be performed.", StackName=name, UsePreviousTemplate=True,
            Parameters=[{"ParameterKey": "N", "UsePreviousValue": True}])
    cfn.update_stack(StackName=name, UsePreviousTemplate=True, Parameters=[{"ParameterKey": "N", "UsePreviousValue": True}, {"ParameterKey": "D", "ParameterValue": "14"}])
    assert settled(name) == "UPDATE_COMPLETE"
    assert groups(logs, name) == {name + "1": 14}
    cfn.update_stack(StackName=name, UsePreviousTemplate=True, Parameters=values(name + "2", D={"UsePreviousValue": True}))
    assert settled(name) == "UPDATE_COMPLETE"
    assert groups(logs, name) == {name + "2": 14}
    assert cfn.describe_stacks(StackName=name)["Stacks"][0]["Outputs"][0]["OutputValue"] == name + "2"
    last = events(cfn, name)[-7:]
    assert last == [("G", "UPDATE_IN_PROGRESS"), ("G", "UPDATE_COMPLETE"), (name, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
                    ("G", "DELETE_IN_PROGRESS"), ("G", "DELETE_COMPLETE"), (name, "UPDATE_COMPLETE")][-7:] or last[1:] == [
        ("G", "UPDATE_IN_PROGRESS"), ("G", "UPDATE_COMPLETE"), (name, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("G", "DELETE_IN_PROGRESS"), ("G", "DELETE_COMPLETE"), (name, "UPDATE_COMPLETE")]


def test_retained_resources_stay(cfn, logs, name, settled):
    arn = cfn.create_stack(StackName=name, TemplateBody=template({"Keep": group(name + "keep", DeletionPolicy="Retain"), "Go": group(name + "go")}))["StackId"]
    settled(name)
    cfn.delete_stack(StackName=name)
    assert settled(arn) == "DELETE_COMPLETE"
    assert groups(logs, name) == {name + "keep": None}
    assert ("Keep", "DELETE_SKIPPED") in events(cfn, arn)


def test_conditions_add_and_remove(cfn, logs, name, settled):
    body = template({"G": group(name + "g"), "C": {**group(name + "c"), "Condition": "On"}}, Parameters={"P": {"Type": "String"}},
                    Conditions={"On": {"Fn::Equals": [{"Ref": "P"}, "yes"]}}, Outputs={"O": {"Value": {"Ref": "C"}, "Condition": "On"}})
    cfn.create_stack(StackName=name, TemplateBody=body, Parameters=[{"ParameterKey": "P", "ParameterValue": "no"}])
    settled(name)
    assert list(groups(logs, name)) == [name + "g"]
    cfn.update_stack(StackName=name, UsePreviousTemplate=True, Parameters=[{"ParameterKey": "P", "ParameterValue": "yes"}])
    settled(name)
    assert sorted(groups(logs, name)) == [name + "c", name + "g"]
    cfn.update_stack(StackName=name, UsePreviousTemplate=True, Parameters=[{"ParameterKey": "P", "ParameterValue": "no"}])
    settled(name)
    assert list(groups(logs, name)) == [name + "g"]


def test_termination_protection(cfn, name, settled):
    cfn.create_stack(StackName=name, TemplateBody=template({"G": GROUP}), EnableTerminationProtection=True)
    settled(name)
    refused(cfn.delete_stack, "ValidationError", "cannot be deleted while TerminationProtection is enabled", StackName=name)
    cfn.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    cfn.delete_stack(StackName=name)


# ---- change sets ----


def test_change_sets(cfn, logs, name, settled):
    made = cfn.create_change_set(StackName=name, ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=template({"G": group(name, 7)}))
    assert status(cfn, name) == "REVIEW_IN_PROGRESS"
    d = cfn.describe_change_set(ChangeSetName=made["Id"])
    assert d["Status"] == "CREATE_COMPLETE" and d["ExecutionStatus"] == "AVAILABLE"
    assert [(c["ResourceChange"]["Action"], c["ResourceChange"]["LogicalResourceId"]) for c in d["Changes"]] == [("Add", "G")]
    assert groups(logs, name) == {}
    cfn.execute_change_set(ChangeSetName="first", StackName=name)
    assert settled(name) == "CREATE_COMPLETE"
    assert groups(logs, name) == {name: 7}

    cfn.create_change_set(StackName=name, ChangeSetName="second", TemplateBody=template({"G": group(name, 14), "H": group(name + "h")}))
    changes = {c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"] for c in cfn.describe_change_set(ChangeSetName="second", StackName=name)["Changes"]}
    assert changes["G"]["Action"] == "Modify" and changes["G"]["Replacement"] == "False" and changes["G"]["Scope"] == ["Properties"]
    assert changes["G"]["Details"][0]["Target"] == {"Attribute": "Properties", "Name": "RetentionInDays", "RequiresRecreation": "Never"}
    assert changes["H"]["Action"] == "Add"
    cfn.create_change_set(StackName=name, ChangeSetName="third", TemplateBody=template({"G": group(name + "x", 7)}))
    change = cfn.describe_change_set(ChangeSetName="third", StackName=name)["Changes"][0]["ResourceChange"]
    assert change["Replacement"] == "True" and change["PhysicalResourceId"] == name
    assert sorted(s["ChangeSetName"] for s in cfn.list_change_sets(StackName=name)["Summaries"]) == ["first", "second", "third"]
    cfn.delete_change_set(ChangeSetName="third", StackName=name)
    refused(cfn.describe_change_set, "ChangeSetNotFound", "does not exist", ChangeSetName="third", StackName=name)
    cfn.execute_change_set(ChangeSetName="second", StackName=name)
    assert settled(name) == "UPDATE_COMPLETE"
    assert groups(logs, name) == {name: 14, name + "h": None}


def test_a_change_set_without_changes_fails(cfn, name, settled):
    cfn.create_stack(StackName=name, TemplateBody=template({"G": GROUP}))
    settled(name)
    cfn.create_change_set(StackName=name, ChangeSetName="none", TemplateBody=template({"G": GROUP}))
    d = cfn.describe_change_set(ChangeSetName="none", StackName=name)
    assert d["Status"] == "FAILED" and d["StatusReason"].startswith("The submitted information didn't contain changes.")
    refused(cfn.execute_change_set, "InvalidChangeSetStatus", "cannot be executed", ChangeSetName="none", StackName=name)


def test_a_failed_transform_shows_in_the_change_set(cfn, name):
    body = template({"F": {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "h", "Runtime": "python3.11"}}}, Transform="AWS::Serverless-2016-10-31")
    cfn.create_change_set(StackName=name, ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    d = cfn.describe_change_set(ChangeSetName="c", StackName=name)
    assert d["Status"] == "FAILED"
    assert d["StatusReason"] == ("Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application Specification document. "
                                 "Number of errors found: 1. Resource with id [F] is invalid. Only one of 'InlineCode' or 'CodeUri' can be set.")


def test_templates_before_and_after_the_transform(cfn, name, settled):
    body = template({"T": {"Type": "AWS::Serverless::SimpleTable"}}, Transform="AWS::Serverless-2016-10-31")
    cfn.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_AUTO_EXPAND"])
    assert settled(name) == "CREATE_COMPLETE"
    t = cfn.get_template(StackName=name)
    assert t["StagesAvailable"] == ["Original", "Processed"] and t["TemplateBody"]["Transform"] == "AWS::Serverless-2016-10-31"
    assert cfn.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"]["Resources"]["T"]["Type"] == "AWS::DynamoDB::Table"
    summary = cfn.get_template_summary(TemplateBody=body)
    assert summary["DeclaredTransforms"] == ["AWS::Serverless-2016-10-31"] and summary["ResourceTypes"] == ["AWS::Serverless::SimpleTable"]


# ---- exports ----


def test_exports_and_imports(cfn, logs, name, settled):
    exporter, importer = name + "e", name + "i"
    exporting = template({"G": group(name + "g")}, Outputs={"O": {"Value": {"Ref": "G"}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-group"}}}})
    cfn.create_stack(StackName=exporter, TemplateBody=exporting)
    settled(exporter)
    assert {e["Name"]: e["Value"] for e in cfn.list_exports()["Exports"]}[exporter + "-group"] == name + "g"
    refused(cfn.create_stack, "ValidationError", "No export named nope found", StackName=importer, TemplateBody=template({"G": group({"Fn::ImportValue": "nope"})}))
    body = template({"G": group({"Fn::Join": ["-", [{"Fn::ImportValue": exporter + "-group"}, "too"]]})})
    cfn.create_stack(StackName=importer, TemplateBody=body)
    assert settled(importer) == "CREATE_COMPLETE"
    assert sorted(groups(logs, name)) == [name + "g", name + "g-too"]
    assert cfn.list_imports(ExportName=exporter + "-group")["Imports"] == [importer]
    cfn.delete_stack(StackName=exporter)
    assert settled(exporter) == "DELETE_FAILED"
    assert cfn.describe_stacks(StackName=exporter)["Stacks"][0]["StackStatusReason"] == f"Export {exporter}-group cannot be deleted as it is in use by {importer}"
    cfn.create_stack(StackName=name + "x", TemplateBody=template({"G": GROUP}, Outputs={"O": {"Value": "v", "Export": {"Name": exporter + "-group"}}}))
    assert settled(name + "x") == "ROLLBACK_COMPLETE"
    arn = cfn.describe_stacks(StackName=importer)["Stacks"][0]["StackId"]
    cfn.delete_stack(StackName=importer)
    settled(arn)
    arn = cfn.describe_stacks(StackName=exporter)["Stacks"][0]["StackId"]
    cfn.delete_stack(StackName=exporter)
    assert settled(arn) == "DELETE_COMPLETE"


# ---- who acts ----


def test_a_stack_may_do_only_what_its_role_may(cfn, client, logs, name, settled):
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "cloudformation.amazonaws.com"}}]}
    iam = client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    cfn.create_stack(StackName=name, TemplateBody=template({"G": group(name)}), RoleARN=arn)
    assert settled(name) == "ROLLBACK_COMPLETE"
    reasons = [e.get("ResourceStatusReason", "") for e in cfn.describe_stack_events(StackName=name)["StackEvents"]]
    assert any("is not authorized to perform: logs:CreateLogGroup" in r and "HandlerErrorCode: AccessDenied" in r for r in reasons)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    cfn.create_stack(StackName=name + "b", TemplateBody=template({"G": group(name)}), RoleARN=arn)
    assert settled(name + "b") == "CREATE_COMPLETE"


def test_custom_resources_wait_for_their_answer(cfn, name, settled):
    """Without the function the stack fails by the function's error, and leaves nothing."""
    body = template({"C": {"Type": "Custom::Thing", "Properties": {"ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:nope", "A": 1}}})
    cfn.create_stack(StackName=name, TemplateBody=body)
    assert settled(name) == "ROLLBACK_COMPLETE"


def test_what_is_not_there_is_refused_by_name(cfn, name):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        cfn.create_stack(StackName=name, TemplateBody=template({"G": GROUP}), NotificationARNs=["arn:aws:sns:us-east-1:000000000000:t"])
    assert e.value.response["Error"]["Code"] == "NotImplemented"
