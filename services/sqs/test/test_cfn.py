"""AWS::SQS::Queue and AWS::SQS::QueuePolicy in a stack: made, changed, replaced, taken away.
Source: the two types in the CloudFormation Template Reference."""
import json

import botocore.exceptions
import pytest


def template(queue, policy=True):
    resources = {
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {
            "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3}, **queue}},
        "Ordered": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True, "ContentBasedDeduplication": True}},
    }
    if policy:
        resources["Policy"] = {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]}}}
    outputs = {"Url": {"Value": {"Ref": "Queue"}}, "Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}},
               "Name": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}, "Ordered": {"Value": {"Ref": "Ordered"}}}
    return json.dumps({"Resources": resources, "Outputs": outputs})


@pytest.fixture
def stack(client, name):
    cfn = client("cloudformation")

    class Stack:
        def run(self, what, body, state, **tags):
            getattr(cfn, what)(StackName=name, TemplateBody=body, Tags=[{"Key": k, "Value": v} for k, v in {"team": "a", **tags}.items()])
            cfn.get_waiter(state).wait(StackName=name)
            outputs = cfn.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
            return {o["OutputKey"]: o["OutputValue"] for o in outputs}

        def delete(self):
            cfn.delete_stack(StackName=name)
            cfn.get_waiter("stack_delete_complete").wait(StackName=name)
    return Stack()


def attributes(sqs, url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def test_life_of_a_stack(client, stack, name):
    sqs = client("sqs")
    made = stack.run("create_stack", template({"VisibilityTimeout": 45, "Tags": [{"Key": "k", "Value": "v"}]}), "stack_create_complete", floor="3")
    assert made["Name"].startswith(name + "-Queue-") and made["Url"].endswith("/000000000000/" + made["Name"])
    assert made["Arn"] == "arn:aws:sqs:us-east-1:000000000000:" + made["Name"]
    assert made["Ordered"].endswith(".fifo") and attributes(sqs, made["Ordered"])["ContentBasedDeduplication"] == "true"
    have = attributes(sqs, made["Url"])
    assert have["VisibilityTimeout"] == "45" and json.loads(have["RedrivePolicy"])["maxReceiveCount"] == 3
    assert json.loads(have["Policy"])["Statement"][0]["Action"] == "sqs:SendMessage"
    tags = sqs.list_queue_tags(QueueUrl=made["Url"])["Tags"]
    assert (tags["team"], tags["k"], tags["floor"]) == ("a", "v", "3")

    changed = stack.run("update_stack", template({"DelaySeconds": "5"}, policy=False), "stack_update_complete")
    assert changed["Url"] == made["Url"]
    have = attributes(sqs, made["Url"])
    assert (have["VisibilityTimeout"], have["DelaySeconds"]) == ("30", "5") and "Policy" not in have
    tags = sqs.list_queue_tags(QueueUrl=made["Url"])["Tags"]  # the stack's tag that is gone is taken from its resources, too
    assert tags["team"] == "a" and "k" not in tags and "floor" not in tags

    replaced = stack.run("update_stack", template({"QueueName": name + "-named"}, policy=False), "stack_update_complete")
    assert replaced["Name"] == name + "-named"
    with pytest.raises(botocore.exceptions.ClientError):
        attributes(sqs, made["Url"])

    stack.delete()
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=name)


def test_a_bad_queue_leaves_nothing(client, stack, name):
    with pytest.raises(botocore.exceptions.WaiterError):
        stack.run("create_stack", template({"VisibilityTimeout": 45000}), "stack_create_complete")
    events = client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    assert any("Invalid value for the parameter VisibilityTimeout" in e.get("ResourceStatusReason", "") for e in events)
    assert "QueueUrls" not in client("sqs").list_queues(QueueNamePrefix=name)
