"""Subscription filters to Kinesis streams. Source: "Subscription filters with Kinesis Data Streams" (CloudWatch Logs User Guide)."""
import gzip
import json
import time

import pytest
from botocore.exceptions import ClientError


def role(client, name, *actions):
    iam = client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "logs.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}))
    return arn


def test_matching_events_become_records(fresh_tsubo, eventually):
    client = fresh_tsubo.client
    logs, kinesis = client("logs"), client("kinesis")
    arn = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
    kinesis.create_stream(StreamName="s", ShardCount=1)
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="one")
    ask = dict(logGroupName="g", filterName="f", filterPattern="ERROR", destinationArn=arn)
    for wrong in {}, {"roleArn": role(client, "none", "kinesis:ListStreams")}:
        with pytest.raises(ClientError) as e:
            logs.put_subscription_filter(**ask, **wrong)
        assert e.value.response["Error"]["Code"] == "InvalidParameterException"
    logs.put_subscription_filter(roleArn=role(client, "may", "kinesis:PutRecord"), **ask)

    def put(*messages):
        at = int(time.time() * 1000)
        logs.put_log_events(logGroupName="g", logStreamName="one", logEvents=[{"timestamp": at, "message": m} for m in messages])

    def records():
        at = kinesis.get_shard_iterator(StreamName="s", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        try:
            return [json.loads(gzip.decompress(r["Data"])) for r in kinesis.get_records(ShardIterator=at)["Records"]]
        except kinesis.exceptions.ProvisionedThroughputExceededException:
            return []
    put("ERROR one", "fine", "ERROR two")
    control, data = eventually(lambda: len(r := records()) == 2 and r)
    assert control["messageType"] == "CONTROL_MESSAGE"
    assert (data["messageType"], data["owner"], data["logGroup"], data["logStream"], data["subscriptionFilters"]) == \
        ("DATA_MESSAGE", "000000000000", "g", "one", ["f"])
    assert [x["message"] for x in data["logEvents"]] == ["ERROR one", "ERROR two"]
    kinesis.delete_stream(StreamName="s")
    put("ERROR while the stream is away")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    fresh_tsubo.turn_clock("+5s")
    assert eventually(records)[0]["logEvents"][0]["message"] == "ERROR while the stream is away"
