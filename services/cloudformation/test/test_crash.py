"""A stack operation goes on after kill -9 where it was: nothing is made twice, nothing is left behind."""
import json
import random
import time

N = 60


def template(n, days):
    """A chain in pairs: every second group waits for the one before it."""
    resources = {}
    for i in range(n):
        resources[f"G{i}"] = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"crash-{i}", "RetentionInDays": days}}
        if i % 2:
            resources[f"G{i}"]["DependsOn"] = f"G{i - 1}"
    return json.dumps({"Resources": resources})


def ended(cfn, name):
    def check():
        s = cfn.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        return None if s.endswith("_IN_PROGRESS") else s

    return check


def groups(server):
    pages = server.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix="crash-")
    return {g["logGroupName"]: g["retentionInDays"] for p in pages for g in p["logGroups"]}


def killed_during(server, start):
    start(server.client("cloudformation"))
    time.sleep(random.random() * 0.05)
    server.kill()
    server.start()


def test_operations_survive_kill_9(fresh_tsubo, eventually):
    server = fresh_tsubo
    arn = []
    killed_during(server, lambda cfn: arn.append(cfn.create_stack(StackName="s", TemplateBody=template(N, 7))["StackId"]))
    assert eventually(ended(server.client("cloudformation"), "s")) == "CREATE_COMPLETE"
    assert groups(server) == {f"crash-{i}": 7 for i in range(N)}
    killed_during(server, lambda cfn: cfn.update_stack(StackName="s", TemplateBody=template(N // 2, 14)))
    assert eventually(ended(server.client("cloudformation"), "s")) == "UPDATE_COMPLETE"
    assert groups(server) == {f"crash-{i}": 14 for i in range(N // 2)}
    killed_during(server, lambda cfn: cfn.delete_stack(StackName="s"))
    assert eventually(ended(server.client("cloudformation"), arn[0])) == "DELETE_COMPLETE"
    assert groups(server) == {}


def test_a_creation_that_takes_too_long_is_rolled_back(fresh_tsubo, eventually):
    """TimeoutInMinutes, with the clock turned: a custom resource whose function never answers."""
    cfn, iam, function = (fresh_tsubo.client(s) for s in ("cloudformation", "iam", "lambda"))
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    cfn.create_stack(StackName="fn", Capabilities=["CAPABILITY_IAM"], TemplateBody=json.dumps({"Resources": {"F": {
        "Type": "AWS::Lambda::Function", "Properties": {"Runtime": "python3.11", "Handler": "index.handler", "Role": role,
                                                        "Code": {"ZipFile": "def handler(e, c):\n    return None\n"}}}},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["F", "Arn"]}}}}))
    assert eventually(ended(cfn, "fn")) == "CREATE_COMPLETE"
    arn = cfn.describe_stacks(StackName="fn")["Stacks"][0]["Outputs"][0]["OutputValue"]
    assert function.get_function(FunctionName=arn)["Configuration"]["State"] == "Active"
    silent = json.dumps({"Resources": {"C": {"Type": "Custom::Silent", "Properties": {"ServiceToken": arn, "ServiceTimeout": 3600}}}})
    cfn.create_stack(StackName="slow", TemplateBody=silent, TimeoutInMinutes=5, OnFailure="DO_NOTHING")
    fresh_tsubo.turn_clock("+4m")
    assert cfn.describe_stacks(StackName="slow")["Stacks"][0]["StackStatus"] == "CREATE_IN_PROGRESS"
    fresh_tsubo.turn_clock("+2m")
    assert eventually(ended(cfn, "slow")) == "CREATE_FAILED"
    assert cfn.describe_stacks(StackName="slow")["Stacks"][0]["StackStatusReason"] == "Stack creation time exceeded the specified timeout. "
