"""Rules and schedules that send to a Kinesis stream. Expectations: "Amazon EventBridge targets", KinesisParameters (EventBridge API Reference),
KinesisParameters (Scheduler API Reference)."""
import json

import pytest
from botocore.exceptions import ClientError


def role(client, name, service, *actions):
    iam = client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}))
    return arn


@pytest.fixture
def stream(client, name):
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)

    def records():
        at = kinesis.get_shard_iterator(StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        try:
            return [(r["PartitionKey"], r["Data"]) for r in kinesis.get_records(ShardIterator=at)["Records"]]
        except kinesis.exceptions.ProvisionedThroughputExceededException:
            return []
    records.arn = f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}"
    return records


def test_a_rule_sends_to_a_stream(client, place, stream, eventually):
    arn = role(client, place.name, "events.amazonaws.com", "kinesis:PutRecord")
    place.events.put_rule(Name=place.name, EventPattern=json.dumps({"source": [place.name]}))
    for wrong in {}, {"RoleArn": arn, "KinesisParameters": {"PartitionKeyPath": "detail.k"}}:
        with pytest.raises(ClientError) as e:
            place.events.put_targets(Rule=place.name, Targets=[{"Id": "1", "Arn": stream.arn, **wrong}])
        assert e.value.response["Error"]["Code"] == "ValidationException"
    place.target(Arn=stream.arn, RoleArn=arn, KinesisParameters={"PartitionKeyPath": "$.detail.k"}, InputPath="$.detail")
    place.put({"k": "here", "n": 1})
    eventually(lambda: stream() == [("here", b'{"k": "here", "n": 1}')] or stream() == [("here", b'{"k":"here","n":1}')])
    place.target(Arn=stream.arn, RoleArn=arn, Input='"tick"')
    id = place.put({"k": "here"})
    eventually(lambda: stream()[1:] == [(id, b'"tick"')])


def test_a_schedule_sends_to_a_stream(client, tsubo, name, stream, eventually):
    arn = role(client, name, "scheduler.amazonaws.com", "kinesis:PutRecord")
    client("scheduler").create_schedule(Name=name, ScheduleExpression="rate(1 minute)", FlexibleTimeWindow={"Mode": "OFF"}, Target={
        "Arn": stream.arn, "RoleArn": arn, "Input": "hello", "KinesisParameters": {"PartitionKey": "key"}})
    tsubo.turn_clock("+61s")
    eventually(lambda: ("key", b"hello") in stream())
    client("scheduler").delete_schedule(Name=name)
