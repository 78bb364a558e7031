"""Event source mappings of DynamoDB streams. Source: "Using Lambda with Amazon DynamoDB" (developer guide)."""
import json

import pytest
from botocore.exceptions import ClientError

from conftest import next_message

CODE = """
import boto3, json, os
d = boto3.client('dynamodb')
def handler(event, context):
    keys = [r['dynamodb']['Keys']['id']['S'] for r in event['Records']]
    d.update_item(TableName=os.environ['SEEN'], Key={'id': {'S': 'calls'}}, UpdateExpression='SET l = list_append(if_not_exists(l, :none), :k)',
                  ExpressionAttributeValues={':none': {'L': []}, ':k': {'L': [{'S': json.dumps(keys)}]}})
    if os.environ.get('REPORT'):
        return {'batchItemFailures': [{'itemIdentifier': r['dynamodb']['SequenceNumber']} for r in event['Records']
                                      if r['dynamodb']['Keys']['id']['S'] == 'poison'][:1]}
    if 'poison' in keys:
        raise Exception('poison')
"""


@pytest.fixture
def stream(client, name, seen):
    """A table with a stream."""
    class Stream:
        d = client("dynamodb")

        def __init__(self):
            keys = dict(KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
                        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
            self.d.create_table(TableName=name, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}, **keys)
            self.arn = self.d.describe_table(TableName=name)["Table"]["LatestStreamArn"]

        def put(self, *keys):
            for key in keys:
                self.d.put_item(TableName=name, Item={"id": {"S": key}, "v": {"N": "1"}})

        def calls(self):
            return seen()

        def seen(self):
            return [k for c in self.calls() for k in c]
    return Stream()


def test_changes_come_in_order(aws, stream, worker, mapping, eventually):
    f = worker()
    stream.put("a", "b", "c")
    uuid = mapping(EventSourceArn=stream.arn, FunctionName=f, StartingPosition="TRIM_HORIZON", BatchSize=2)
    stream.put("d")
    eventually(lambda: stream.seen() == ["a", "b", "c", "d"])
    assert all(len(c) <= 2 for c in stream.calls())
    got = aws.get_event_source_mapping(UUID=uuid)
    assert got["State"] == "Enabled" and got["MaximumRetryAttempts"] == -1
    eventually(lambda: aws.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "OK")


def test_latest_sees_only_what_is_new(stream, worker, mapping, eventually):
    f = worker()
    stream.put("old")
    mapping(EventSourceArn=stream.arn, FunctionName=f, StartingPosition="LATEST")
    import time
    time.sleep(1)
    stream.put("new")
    eventually(lambda: stream.seen() == ["new"])


def test_bisecting_finds_the_poison_and_the_failure_is_told(client, aws, stream, worker, mapping, name, eventually):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    f = worker()
    stream.put("a", "b", "poison", "c", "e")
    mapping(EventSourceArn=stream.arn, FunctionName=f, StartingPosition="TRIM_HORIZON", BatchSize=10, MaximumRetryAttempts=1,
            BisectBatchOnFunctionError=True, DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:us-east-1:000000000000:{name}"}})
    eventually(lambda: {"a", "b", "c", "e"} <= set(stream.seen()) and stream.seen()[-1] == "e")
    record = json.loads(next_message(sqs, url)["Body"])
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["DDBStreamBatchInfo"]["batchSize"] == 1 and record["DDBStreamBatchInfo"]["streamArn"] == stream.arn
    assert ["poison"] in stream.calls()


def test_partial_failures_go_on_where_it_failed(stream, worker, mapping, eventually):
    f = worker(REPORT="1")
    stream.put("a", "poison", "b")
    mapping(EventSourceArn=stream.arn, FunctionName=f, StartingPosition="TRIM_HORIZON", BatchSize=10, MaximumRetryAttempts=1,
            FunctionResponseTypes=["ReportBatchItemFailures"])
    eventually(lambda: len(stream.calls()) >= 2)
    stream.put("later")
    eventually(lambda: "later" in stream.seen())
    calls = stream.calls()
    assert calls[0] == ["a", "poison", "b"] and calls[1] == ["poison", "b"] and "a" not in [k for c in calls[1:] for k in c]


def test_filters(stream, worker, mapping, eventually):
    f = worker()
    mapping(EventSourceArn=stream.arn, FunctionName=f, StartingPosition="TRIM_HORIZON", FilterCriteria={"Filters": [
        {"Pattern": json.dumps({"eventName": ["INSERT"], "dynamodb": {"Keys": {"id": {"S": [{"prefix": "x"}]}}}})}]})
    stream.put("no", "x1", "no2", "x2")
    eventually(lambda: stream.seen() == ["x1", "x2"])


def test_several_lanes_keep_the_order_of_each_item(client, stream, worker, mapping, eventually):
    f = worker()
    stream.put(*[f"k{i}" for i in range(20)])
    mapping(EventSourceArn=stream.arn, FunctionName=f, StartingPosition="TRIM_HORIZON", ParallelizationFactor=4, BatchSize=20)
    eventually(lambda: sorted(stream.seen()) == sorted(f"k{i}" for i in range(20)))
    assert len(stream.calls()) > 1


def test_disable_and_delete(aws, stream, worker, eventually):
    f = worker()
    uuid = aws.create_event_source_mapping(EventSourceArn=stream.arn, FunctionName=f, StartingPosition="TRIM_HORIZON")["UUID"]
    with pytest.raises(ClientError) as e:
        aws.create_event_source_mapping(EventSourceArn=stream.arn, FunctionName=f, StartingPosition="TRIM_HORIZON")
    assert e.value.response["Error"]["Code"] == "ResourceConflictException"
    stream.put("a")
    eventually(lambda: stream.seen() == ["a"])
    eventually(lambda: aws.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "OK")
    aws.update_event_source_mapping(UUID=uuid, Enabled=False)
    stream.put("b")
    import time
    time.sleep(1)
    assert stream.seen() == ["a"]
    aws.update_event_source_mapping(UUID=uuid, Enabled=True)
    eventually(lambda: stream.seen() == ["a", "b"])
    aws.delete_event_source_mapping(UUID=uuid)
    with pytest.raises(ClientError):
        aws.get_event_source_mapping(UUID=uuid)


def test_the_role_must_be_able_to_read(aws, stream, python, make_role, name):
    f = python("def handler(e, c): pass\n", Role=make_role(name + "-none", policy=None))
    with pytest.raises(ClientError) as e:
        aws.create_event_source_mapping(EventSourceArn=stream.arn, FunctionName=f, StartingPosition="LATEST")
    assert "does not have permissions to call GetRecords on DynamoDB" in str(e.value)


def test_records_that_are_too_old_are_given_up(tsubo, client, aws, stream, worker, mapping, name, eventually):
    """MaximumRecordAgeInSeconds: "discard records older than the specified age"; the destination is told."""
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    f = worker()
    stream.put("poison")
    mapping(EventSourceArn=stream.arn, FunctionName=f, StartingPosition="TRIM_HORIZON", MaximumRecordAgeInSeconds=60,
            DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:us-east-1:000000000000:{name}"}})
    eventually(lambda: len(stream.calls()) >= 2)  # without a limit of attempts it would go on for ever
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    tsubo.turn_clock("+2m")
    stream.put("fresh")
    record = json.loads(next_message(sqs, url)["Body"])
    assert record["requestContext"]["condition"] == "RecordAgeExceeded"
    eventually(lambda: stream.seen()[-1] == "fresh")


def test_retries_end_and_the_shard_goes_on(stream, worker, mapping, eventually):
    f = worker()
    stream.put("poison")
    mapping(EventSourceArn=stream.arn, FunctionName=f, StartingPosition="TRIM_HORIZON", BatchSize=1, MaximumRetryAttempts=2)
    stream.put("after")
    eventually(lambda: stream.seen() == ["poison", "poison", "poison", "after"])


def test_a_window_gathers(tsubo, stream, worker, mapping, eventually):
    f = worker()
    mapping(EventSourceArn=stream.arn, FunctionName=f, StartingPosition="TRIM_HORIZON", BatchSize=100, MaximumBatchingWindowInSeconds=300)
    stream.put(*"abcdef")

    def the_window_is_over():  # it begins with the first record that is read, whenever that is
        tsubo.turn_clock("+301s")
        return stream.seen() == list("abcdef")

    eventually(the_window_is_over, interval=1)
    assert len(stream.calls()) <= 2


@pytest.mark.parametrize("answer, calls", [
    ("None", 1), ("{}", 1), ("{'batchItemFailures': []}", 1), ("{'batchItemFailures': None}", 1),   # success
    ("{'batchItemFailures': [{'itemIdentifier': ''}]}", 2), ("{'batchItemFailures': [{'itemIdentifier': None}]}", 2),
    ("{'batchItemFailures': [{'wrong': 1}]}", 2)])  # all of it has failed
def test_what_counts_as_success(client, stream, python, mapping, name, eventually, answer, calls):
    """"Reporting batch item failures", success and failure conditions."""
    code = CODE.split("    if os.environ.get('REPORT')")[0] + f"    return {answer} if keys[0] != 'end' else None\n"
    f = python(code, Timeout=60, MemorySize=512, Environment={"Variables": {"SEEN": name + "-seen"}})
    stream.put("a")
    mapping(EventSourceArn=stream.arn, FunctionName=f, StartingPosition="TRIM_HORIZON", BatchSize=1, MaximumRetryAttempts=1, FunctionResponseTypes=["ReportBatchItemFailures"])
    stream.put("end")
    eventually(lambda: "end" in stream.seen())
    assert stream.seen() == ["a"] * calls + ["end"]
