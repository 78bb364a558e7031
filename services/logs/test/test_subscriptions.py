"""Subscription filters to Lambda. Source: "Real-time processing of log data with subscriptions" (CloudWatch Logs User Guide)."""
import base64
import gzip
import io
import json
import time
import zipfile

import pytest
from botocore.exceptions import ClientError
from conftest import eventually

ACCOUNT = "000000000000"
CODE = '''
import boto3, os
def collect(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=event["awslogs"]["data"])
'''


@pytest.fixture(scope="module")
def function(client):
    """A function that puts what it is given into a queue; its ARN and the queue."""
    iam, sqs = client("iam"), client("sqs")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="collector", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.attach_role_policy(RoleName="collector", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSFullAccess")
    queue = sqs.create_queue(QueueName="collected")["QueueUrl"]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as z:
        z.writestr("app.py", CODE)
    arn = client("lambda").create_function(FunctionName="collector", Runtime="python3.11", Role=role, Handler="app.collect", Timeout=60,
                                           Code={"ZipFile": data.getvalue()}, Environment={"Variables": {"QUEUE": queue}})["FunctionArn"]
    return arn, queue


@pytest.fixture
def allowed(client, function, name):
    """A group whose events the function may be called with."""
    client("logs").create_log_group(logGroupName=name)
    client("logs").create_log_stream(logGroupName=name, logStreamName="s")
    client("lambda").add_permission(FunctionName="collector", StatementId=name, Action="lambda:InvokeFunction", Principal="logs.amazonaws.com",
                                    SourceArn=f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{name}:*")
    return name


def put(client, group, *messages):
    at = int(time.time() * 1000)
    client("logs").put_log_events(logGroupName=group, logStreamName="s", logEvents=[{"timestamp": at + i, "message": m} for i, m in enumerate(messages)])


def collected(client, queue, n):
    """n deliveries, unpacked."""
    got, sqs = [], client("sqs")

    def enough():
        for m in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5, MaxNumberOfMessages=10).get("Messages", []):
            got.append(json.loads(gzip.decompress(base64.b64decode(m["Body"]))))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=m["ReceiptHandle"])
        return len(got) >= n

    eventually(enough)
    assert len(got) == n
    return got


def test_events_that_match_reach_the_function(client, function, allowed):
    arn, queue = function
    client("logs").put_subscription_filter(logGroupName=allowed, filterName="f", filterPattern="ERROR", destinationArn=arn)
    put(client, allowed, "fine", "ERROR one", "ERROR two")
    one, = collected(client, queue, 1)
    assert one["messageType"] == "DATA_MESSAGE" and one["owner"] == ACCOUNT
    assert (one["logGroup"], one["logStream"], one["subscriptionFilters"]) == (allowed, "s", ["f"])
    assert [e["message"] for e in one["logEvents"]] == ["ERROR one", "ERROR two"]
    stored = {e["eventId"]: e["timestamp"] for e in client("logs").filter_log_events(logGroupName=allowed)["events"]}
    assert all(stored[e["id"]] == e["timestamp"] for e in one["logEvents"])
    client("logs").delete_subscription_filter(logGroupName=allowed, filterName="f")
    put(client, allowed, "ERROR three")
    assert client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"] == {
        "ApproximateNumberOfMessages": "0"}


def test_filters_are_kept_and_limited(client, function, allowed):
    arn, _ = function
    logs = client("logs")
    for n in ("b", "a"):
        logs.put_subscription_filter(logGroupName=allowed, filterName=n, filterPattern="", destinationArn=arn)
    shown = logs.describe_subscription_filters(logGroupName=allowed)["subscriptionFilters"]
    assert [(f["filterName"], f["destinationArn"], f["distribution"]) for f in shown] == [("a", arn, "ByLogStream"), ("b", arn, "ByLogStream")]
    logs.put_subscription_filter(logGroupName=allowed, filterName="a", filterPattern="x", destinationArn=arn)
    with pytest.raises(ClientError) as e:
        logs.put_subscription_filter(logGroupName=allowed, filterName="c", filterPattern="", destinationArn=arn)
    assert e.value.response["Error"]["Code"] == "LimitExceededException"
    with pytest.raises(ClientError) as e:
        logs.delete_subscription_filter(logGroupName=allowed, filterName="c")
    assert e.value.response["Error"]["Code"] == "ResourceNotFoundException"


@pytest.mark.parametrize("change, code", [
    ({"destinationArn": "arn:aws:lambda:us-east-1:000000000000:function:none"}, "InvalidParameterException"),
    ({"destinationArn": "x"}, "InvalidParameterException"),
    ({"filterPattern": "{ $.a = }"}, "InvalidParameterException"),
    ({"destinationArn": "arn:aws:kinesis:us-east-1:000000000000:stream/x"}, "InvalidParameterException"),
    ({"destinationArn": "arn:aws:firehose:us-east-1:000000000000:deliverystream/x"}, "NotImplemented"),
    ({"logGroupName": "none"}, "ResourceNotFoundException"),
])
def test_filters_that_cannot_be(client, function, allowed, change, code):
    with pytest.raises(ClientError) as e:
        client("logs").put_subscription_filter(**{"logGroupName": allowed, "filterName": "f", "filterPattern": "", "destinationArn": function[0], **change})
    assert e.value.response["Error"]["Code"] == code, e.value


def test_without_permission_a_filter_is_refused(client, function, name):
    client("logs").create_log_group(logGroupName=name)
    with pytest.raises(ClientError) as e:
        client("logs").put_subscription_filter(logGroupName=name, filterName="f", filterPattern="", destinationArn=function[0])
    assert "given CloudWatch Logs permission" in e.value.response["Error"]["Message"]


def test_filters_of_a_stack(client, function, allowed, name, eventually):
    cloudformation = client("cloudformation")
    template = {"Resources": {
        "Errors": {"Type": "AWS::Logs::MetricFilter", "Properties": {"LogGroupName": allowed, "FilterPattern": "{ $.level = \"error\" }", "MetricTransformations": [
            {"MetricName": "errors", "MetricNamespace": name, "MetricValue": "1", "Dimensions": [{"Key": "who", "Value": "$.who"}]}]}},
        "Send": {"Type": "AWS::Logs::SubscriptionFilter", "Properties": {"LogGroupName": allowed, "FilterPattern": "", "DestinationArn": function[0]}}}}
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    eventually(lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE")
    metric, = client("logs").describe_metric_filters(logGroupName=allowed)["metricFilters"]
    assert metric["metricTransformations"][0]["dimensions"] == {"who": "$.who"} and metric["filterName"].startswith(name + "-Errors-")
    send, = client("logs").describe_subscription_filters(logGroupName=allowed)["subscriptionFilters"]
    assert send["destinationArn"] == function[0]
    cloudformation.delete_stack(StackName=name)
    eventually(lambda: client("logs").describe_subscription_filters(logGroupName=allowed)["subscriptionFilters"] == [])
