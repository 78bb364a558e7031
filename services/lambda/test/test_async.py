"""Asynchronous invocation: retries, destinations, the dead-letter queue, what survives a crash.

Source: "Invoking Lambda functions asynchronously" and "Capturing records of asynchronous invocations" (developer guide).
The clock is turned instead of waited for."""
import datetime
import json
import time

import pytest

from conftest import next_message

CODE = """
import boto3, os
def handler(event, context):
    d = boto3.client('dynamodb')
    d.update_item(TableName=os.environ['TABLE'], Key={'id': {'S': event['id']}}, UpdateExpression='ADD n :one',
                  ExpressionAttributeValues={':one': {'N': '1'}})
    if event.get('fail'):
        raise Exception('on purpose')
    return {'done': event['id']}
"""


@pytest.fixture
def table(client, name):
    d = client("dynamodb")
    d.create_table(TableName=name, KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
                   AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])

    def count(key):
        item = d.get_item(TableName=name, Key={"id": {"S": key}}).get("Item")
        return int(item["n"]["N"]) if item else 0
    return count


@pytest.fixture
def function(python, table, name):
    return python(CODE, Timeout=60, MemorySize=512, Environment={"Variables": {"TABLE": name}})


def queue(client, name):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def receive():
        return next_message(sqs, url, MessageAttributeNames=["All"])
    return arn, receive


def test_an_event_is_answered_at_once_and_runs(aws, function, table, eventually):
    r = aws.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps({"id": "a"}))
    assert r["StatusCode"] == 202 and r["Payload"].read() == b""
    eventually(lambda: table("a") == 1)


def test_a_failing_event_is_tried_three_times(tsubo, client, aws, function, table, eventually):
    now = datetime.datetime.now(datetime.timezone.utc)

    def ended():
        """How many tries have: each tells the event's age."""
        points = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda", MetricName="AsyncEventAge", Dimensions=[{"Name": "FunctionName", "Value": function}], Period=86400,
            StartTime=now - datetime.timedelta(days=2), EndTime=now + datetime.timedelta(days=400), Statistics=["SampleCount"])["Datapoints"]
        return sum(p["SampleCount"] for p in points)

    aws.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps({"id": "f", "fail": True}))
    for tries, pause in ((1, "+61s"), (2, "+121s"), (3, "+600s")):
        eventually(lambda: ended() == tries)
        time.sleep(0.3)
        assert table("f") == tries
        tsubo.turn_clock(pause)
    time.sleep(0.5)
    assert table("f") == 3


def test_destinations(client, aws, function, name):
    good, take_good = queue(client, name + "-good")
    bad, take_bad = queue(client, name + "-bad")
    aws.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=0, DestinationConfig={
        "OnSuccess": {"Destination": good}, "OnFailure": {"Destination": bad}})
    aws.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps({"id": "g"}))
    record = json.loads(take_good()["Body"])
    assert record["requestContext"]["condition"] == "Success" and record["requestContext"]["approximateInvokeCount"] == 1
    assert record["requestPayload"] == {"id": "g"} and record["responsePayload"] == {"done": "g"}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["requestContext"]["functionArn"].endswith(f":function:{function}:$LATEST")
    aws.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps({"id": "b", "fail": True}))
    record = json.loads(take_bad()["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted" and record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "on purpose"


def test_the_dead_letter_queue_gets_the_event(client, aws, function, name):
    dead, take = queue(client, name + "-dlq")
    aws.update_function_configuration(FunctionName=function, DeadLetterConfig={"TargetArn": dead})
    aws.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=0)
    aws.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps({"id": "d", "fail": True}))
    message = take()
    assert json.loads(message["Body"]) == {"id": "d", "fail": True}
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "on purpose"
    assert len(message["MessageAttributes"]["RequestID"]["StringValue"]) == 36


def test_destinations_that_are_functions_and_buses(client, aws, python, table, function, name, eventually):
    """"Capturing records of Lambda asynchronous invocations": a function gets the record as its event, a bus as its detail."""
    write = """
import boto3, json, os
def handler(event, context):
    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps(event))
"""
    url = client("sqs").create_queue(QueueName=name + "-out")["QueueUrl"]
    out, take = queue(client, name + "-out")
    second = python(write, "-second", MemorySize=512, Timeout=60, Environment={"Variables": {"OUT": url}})
    aws.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=0, DestinationConfig={
        "OnSuccess": {"Destination": f"arn:aws:lambda:us-east-1:000000000000:function:{second}"},
        "OnFailure": {"Destination": "arn:aws:events:us-east-1:000000000000:event-bus/default"}})
    aws.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps({"id": "gr\u00fc\u00df \"dich\" \\ \u2028"}))
    record = json.loads(take()["Body"])
    assert record["requestPayload"] == {"id": "gr\u00fc\u00df \"dich\" \\ \u2028"} == {"id": record["responsePayload"]["done"]}
    assert record["requestContext"]["condition"] == "Success"

    events = client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["lambda"], "detail": {"requestPayload": {"id": ["bus"]}}}))
    client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": out}]})})
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": out}])
    aws.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps({"id": "bus", "fail": True}))
    event = json.loads(take()["Body"])
    assert event["source"] == "lambda" and event["detail-type"] == "Lambda Function Invocation Result - Failure"
    assert event["detail"]["responsePayload"]["errorMessage"] == "on purpose" and event["resources"][0].startswith("arn:aws:")
    events.remove_targets(Rule=name, Ids=["q"])
    events.delete_rule(Name=name)


def test_an_event_grows_too_old(tsubo, client, aws, function, table, name, eventually):
    bad, take = queue(client, name + "-old")
    aws.put_function_event_invoke_config(FunctionName=function, MaximumEventAgeInSeconds=60, DestinationConfig={"OnFailure": {"Destination": bad}})
    aws.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps({"id": "old", "fail": True}))
    record = json.loads(take()["Body"])  # the next try, a minute on, would be too late
    assert record["requestContext"]["condition"] == "EventAgeExceeded" and record["requestContext"]["approximateInvokeCount"] == 1
    tsubo.turn_clock("+10m")
    time.sleep(0.3)
    assert table("old") == 1


def test_throttled_events_wait_and_come(tsubo, client, aws, function, table, eventually):
    """"If the function doesn't have enough concurrency ... Lambda returns the event to the queue and attempts to run the function again for up to 6 hours"."""
    aws.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    aws.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps({"id": "t"}))
    for _ in range(3):
        time.sleep(0.2)
        tsubo.turn_clock("+5m")
    assert table("t") == 0
    aws.delete_function_concurrency(FunctionName=function)

    def comes():
        tsubo.turn_clock("+5m")
        return table("t") == 1
    eventually(comes, interval=0.5)


def test_payload_limits_of_events(aws, function):
    with pytest.raises(aws.exceptions.RequestTooLargeException):
        aws.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps({"id": "x" * (1 << 20)}))


def test_events_outlive_a_kill(fresh_tsubo, zip_of, eventually):
    from importlib import util
    import os
    spec = util.spec_from_file_location("shared", os.path.join(os.path.dirname(__file__), "conftest.py"))
    shared = util.module_from_spec(spec)
    spec.loader.exec_module(shared)
    aws, d = fresh_tsubo.client("lambda"), fresh_tsubo.client("dynamodb")
    role = shared.make_role(fresh_tsubo.client, "r")
    d.create_table(TableName="seen", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
                   AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    aws.create_function(FunctionName="f", Runtime="python3.11", Role=role, Handler="m.handler", Timeout=60, MemorySize=512,
                        Environment={"Variables": {"TABLE": "seen"}}, Code={"ZipFile": zip_of({"m.py": "import time\ntime.sleep(1)\n" + CODE})})
    for i in range(5):
        aws.invoke(FunctionName="f", InvocationType="Event", Payload=json.dumps({"id": str(i)}))
    fresh_tsubo.kill()
    fresh_tsubo.start()
    d = fresh_tsubo.client("dynamodb")
    eventually(lambda: d.scan(TableName="seen")["Count"] == 5)
