"""Our SAM transform against AWS's own translator (PyPI aws-sam-translator), over templates that we wrote.

Same resources, same logical ids, same properties, but for one thing: the hash in a deployment's logical id. The
translator hashes Python 2's text of the API definition; we hash its sorted JSON (README.md, known differences).
"""
import glob
import json
import os
import re
import subprocess

import pytest

from conftest import PATIENCE_S

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
CASES = sorted(glob.glob(os.path.join(HERE, "sam", "*.yaml")))
BINARIES = ["build/asan/services/cloudformation/test/test_template", "build/obj/services/cloudformation/test/test_template"]


def binary():
    for b in BINARIES:
        if os.path.exists(os.path.join(ROOT, b)):
            return os.path.join(ROOT, b)
    pytest.skip("test_template is not built")


def theirs(path):
    translator = pytest.importorskip("samtranslator.translator.transform")
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.yaml_helper import yaml_parse

    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    with open(path) as f:
        template = yaml_parse(f.read())
    assert translator
    return Translator({}, Parser()).translate(json.loads(json.dumps(template, default=str)), {})


def ours(path):
    out = subprocess.run([binary(), "process", path], capture_output=True, text=True, timeout=PATIENCE_S)
    assert out.stdout, out.stderr
    return json.loads(out.stdout)


def normal(node, key=None):
    """Deployment hashes away; lists whose order means nothing sorted."""
    if isinstance(node, dict):
        return {normal(k): normal(v, k) for k, v in node.items()}
    if isinstance(node, list):
        items = [normal(i) for i in node]
        return sorted(items, key=str) if key == "DependsOn" else items
    if isinstance(node, str):
        node = re.sub(r"(Deployment)[0-9a-f]{10}", r"\1HASH", node)
        return re.sub(r"(RestApi deployment id: )[0-9a-f]{40}", r"\1HASH", node)
    return node


@pytest.mark.parametrize("path", CASES, ids=[os.path.basename(c)[:-5] for c in CASES])
def test_same_as_the_translator(path):
    a, b = normal(theirs(path)), normal(ours(path))
    a.pop("Transform", None)
    assert sorted(b.get("Resources", b)) == sorted(a["Resources"])
    for name, resource in a["Resources"].items():
        assert b["Resources"][name] == resource, name
    assert b == a


def test_a_deployment_changes_with_its_definition(tmp_path):
    def deployment(method):
        p = tmp_path / f"{method}.yaml"
        p.write_text("Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Handler: h, Runtime: python3.11, "
                     "InlineCode: x, Events: {E: {Type: Api, Properties: {Path: /x, Method: %s}}}}}}" % method)
        return [k for k, v in ours(str(p))["Resources"].items() if v["Type"] == "AWS::ApiGateway::Deployment"]

    assert deployment("get") == deployment("get")
    assert deployment("get") != deployment("put")


def policy_templates():
    samtranslator = pytest.importorskip("samtranslator")
    path = glob.glob(os.path.join(os.path.dirname(samtranslator.__file__), "**", "policy_templates.json"), recursive=True)
    with open(path[0]) as f:
        return json.load(f)["Templates"]


def compare(tmp_path, resources, **sections):
    path = tmp_path / "template.yaml"
    path.write_text(json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources, **sections}))
    a, b = normal(theirs(str(path))), normal(ours(str(path)))
    a.pop("Transform", None)
    assert b == a


def function(**properties):
    return {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "h", "Runtime": "python3.12", "CodeUri": "s3://b/k", **properties}}


def test_every_policy_template(tmp_path):
    templates = policy_templates()
    assert len(templates) > 70
    resources = {"Table": {"Type": "AWS::Serverless::SimpleTable"}}
    for name, t in templates.items():
        values = {p: {"Ref": "Table"} if i % 2 else f"value-{i}" for i, p in enumerate(t["Parameters"])}
        resources["F" + name.replace("_", "")] = function(Policies=[{name: values}])
    resources["All"] = function(Policies=[{n: {p: "v" for p in t["Parameters"]}} for n, t in list(templates.items())[:20]])
    compare(tmp_path, resources)


@pytest.mark.parametrize("event", [
    {"Type": "Api", "Properties": {"Path": "/a/{id}", "Method": "any"}},
    {"Type": "Api", "Properties": {"Path": "/{proxy+}", "Method": "POST", "RequestParameters": ["method.request.header.X"]}},
    {"Type": "DynamoDB", "Properties": {"Stream": "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/s", "StartingPosition": "LATEST", "BatchSize": 7, "Enabled": False,
                                        "MaximumBatchingWindowInSeconds": 3, "MaximumRetryAttempts": 2, "BisectBatchOnFunctionError": True, "MaximumRecordAgeInSeconds": 70,
                                        "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": "arn:aws:sqs:us-east-1:123456789012:q"}}, "ParallelizationFactor": 3,
                                        "FunctionResponseTypes": ["ReportBatchItemFailures"], "FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}},
    {"Type": "SQS", "Properties": {"Queue": {"Fn::GetAtt": ["Q", "Arn"]}, "BatchSize": 5, "FunctionResponseTypes": ["ReportBatchItemFailures"], "ScalingConfig": {"MaximumConcurrency": 3}}},
    {"Type": "Schedule", "Properties": {"Schedule": "rate(5 minutes)", "Name": "n", "Description": "d", "Enabled": False, "Input": "{}"}},
    {"Type": "Schedule", "Properties": {"Schedule": "cron(0 1 * * ? *)", "State": "DISABLED", "RetryPolicy": {"MaximumRetryAttempts": 3}, "DeadLetterConfig": {"Type": "SQS"}}},
    {"Type": "EventBridgeRule", "Properties": {"Pattern": {"source": ["a"]}, "EventBusName": "bus", "InputPath": "$.detail", "Target": {"Id": "mine"}}},
    {"Type": "EventBridgeRule", "Properties": {"Pattern": {"detail-type": [{"prefix": "x"}]}, "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:123456789012:q"},
                                               "RetryPolicy": {"MaximumEventAgeInSeconds": 100}, "InputTransformer": {"InputPathsMap": {"a": "$.b"}, "InputTemplate": "<a>"}}},
], ids=lambda e: e["Type"])
@pytest.mark.parametrize("more", [{}, {"AutoPublishAlias": "live"}, {"Role": "arn:aws:iam::123456789012:role/r"}], ids=["plain", "alias", "role"])
def test_every_event(tmp_path, event, more):
    """On plain functions, on those with an alias, and with a role of their own; with a condition, too."""
    resources = {"Q": {"Type": "AWS::SQS::Queue"}, "F": function(Events={"E": event}, **more),
                 "G": {**function(Events={"E": event, "Second": event}, **more), "Condition": "C"}}
    if event["Type"] == "Api":
        resources["G"]["Properties"]["Events"].pop("Second")
        resources["G"]["Properties"]["Events"]["E"] = {"Type": "Api", "Properties": {**event["Properties"], "Path": "/other"}}
    if event["Properties"].get("Name"):
        resources.pop("G")
    compare(tmp_path, resources, Conditions={"C": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}})
