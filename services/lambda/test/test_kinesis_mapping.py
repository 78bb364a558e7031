"""Event source mappings of Kinesis streams. Source: "Using Lambda with Kinesis", "Lambda event filtering" (developer guide)."""
import base64
import json
import time

import pytest
from botocore.exceptions import ClientError

from conftest import next_message

CODE = """
import base64, boto3, json, os
d = boto3.client('dynamodb')
def handler(event, context):
    keys = [base64.b64decode(r['kinesis']['data']).decode() for r in event['Records']]
    d.update_item(TableName=os.environ['SEEN'], Key={'id': {'S': 'calls'}}, UpdateExpression='SET l = list_append(if_not_exists(l, :none), :k)',
                  ExpressionAttributeValues={':none': {'L': []}, ':k': {'L': [{'S': json.dumps([keys, event['Records'][0]])}]}})
    if os.environ.get('REPORT'):
        return {'batchItemFailures': [{'itemIdentifier': r['kinesis']['sequenceNumber']} for r, k in zip(event['Records'], keys) if k == 'poison'][:1]}
    if 'poison' in keys:
        raise Exception('poison')
"""


@pytest.fixture
def stream(client, name, seen):
    class Stream:
        k = client("kinesis")
        arn = f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}"

        def __init__(self):
            self.k.create_stream(StreamName=name, ShardCount=1)

        def put(self, *data, key=None):
            for each in data:
                self.k.put_record(StreamName=name, PartitionKey=key or each[:200], Data=each.encode())

        def invocations(self):
            return seen()

        def calls(self):
            return [keys for keys, _ in self.invocations()]

        def seen(self):
            return [k for c in self.calls() for k in c]
    return Stream()


def test_records_come_in_order_and_in_the_documented_form(aws, stream, worker, mapping, role, eventually):
    stream.put("a", "b", "c", key="k")
    uuid = mapping(EventSourceArn=stream.arn, FunctionName=worker(), StartingPosition="TRIM_HORIZON", BatchSize=2)
    stream.put("d", key="k")
    eventually(lambda: stream.seen() == ["a", "b", "c", "d"])
    assert all(len(c) <= 2 for c in stream.calls())
    record = stream.invocations()[0][1]
    sequence = record["kinesis"].pop("sequenceNumber")
    assert abs(record["kinesis"].pop("approximateArrivalTimestamp") - time.time()) < 600
    assert record == {
        "kinesis": {"kinesisSchemaVersion": "1.0", "partitionKey": "k", "data": base64.b64encode(b"a").decode()},
        "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": "shardId-000000000000:" + sequence, "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role, "awsRegion": "us-east-1", "eventSourceARN": stream.arn}
    eventually(lambda: aws.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "OK")


def test_starting_positions(aws, stream, worker, mapping, eventually):
    f = worker()
    stream.put("old")
    time.sleep(0.01)
    ask = dict(EventSourceArn=stream.arn, FunctionName=f)
    with pytest.raises(ClientError):
        aws.create_event_source_mapping(StartingPosition="AT_TIMESTAMP", **ask)
    stream.k.split_shard(StreamName=stream.arn.split("/")[1], ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2 ** 127))
    mapping(StartingPosition="LATEST", **ask)
    stream.put("new")
    eventually(lambda: stream.seen() == ["new"])


def test_from_a_time(stream, worker, mapping, eventually):
    stream.put("old")
    time.sleep(1.1)
    at = time.time()
    stream.put("new")
    mapping(EventSourceArn=stream.arn, FunctionName=worker(), StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=at)
    eventually(lambda: stream.seen() == ["new"])


def test_children_are_read_after_their_parents(stream, worker, mapping, name, eventually):
    stream.put("1", key="k")
    stream.k.split_shard(StreamName=name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2 ** 127))
    stream.put("2", key="k")
    stream.k.merge_shards(StreamName=name, ShardToMerge="shardId-000000000001", AdjacentShardToMerge="shardId-000000000002")
    stream.put("3", key="k")
    mapping(EventSourceArn=stream.arn, FunctionName=worker(), StartingPosition="TRIM_HORIZON")
    eventually(lambda: stream.seen() == ["1", "2", "3"])
    stream.k.split_shard(StreamName=name, ShardToSplit="shardId-000000000003", NewStartingHashKey=str(2 ** 127))
    stream.put("4", key="k")
    eventually(lambda: stream.seen() == ["1", "2", "3", "4"])


def test_bisecting_finds_the_poison_and_the_failure_is_told(client, stream, worker, mapping, name, eventually):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    stream.put("a", "b", "poison", "c", "e")
    mapping(EventSourceArn=stream.arn, FunctionName=worker(), StartingPosition="TRIM_HORIZON", BatchSize=10, MaximumRetryAttempts=1,
            BisectBatchOnFunctionError=True, DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:us-east-1:000000000000:{name}"}})
    eventually(lambda: {"a", "b", "c", "e"} <= set(stream.seen()) and stream.seen()[-1] == "e")
    record = json.loads(next_message(sqs, url)["Body"])
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["KinesisBatchInfo"]["batchSize"] == 1 and record["KinesisBatchInfo"]["streamArn"] == stream.arn
    assert record["KinesisBatchInfo"]["shardId"] == "shardId-000000000000"


def test_partial_failures_go_on_where_it_failed(stream, worker, mapping, eventually):
    stream.put("a", "poison", "b")
    mapping(EventSourceArn=stream.arn, FunctionName=worker(REPORT="1"), StartingPosition="TRIM_HORIZON", BatchSize=10, MaximumRetryAttempts=1,
            FunctionResponseTypes=["ReportBatchItemFailures"])
    eventually(lambda: len(stream.calls()) >= 2)
    assert stream.calls()[:2] == [["a", "poison", "b"], ["poison", "b"]]


def test_filters_look_into_the_data(stream, worker, mapping, eventually):
    def pattern(p):
        return {"Pattern": json.dumps(p)}
    mapping(EventSourceArn=stream.arn, FunctionName=worker(), StartingPosition="TRIM_HORIZON", FilterCriteria={"Filters": [
        pattern({"partitionKey": ["p"], "data": {"n": [{"numeric": [">", 5]}]}}), pattern({"data": ["plain"]})]})
    stream.put('{"n": 1}', '{"n": 9}', "no json", "plain", key="p")
    stream.put('{"n": 7}', key="q")
    stream.put('{"n": 8}', key="p")
    eventually(lambda: stream.seen() == ['{"n": 9}', "plain", '{"n": 8}'])


def test_several_lanes_keep_the_order_of_each_key(stream, worker, mapping, eventually):
    for i in range(60):
        stream.put("%02d" % i, key="k%d" % (i % 20))  # a key's lane is drawn anew in each process: 20 keys do not all draw one of 4
    mapping(EventSourceArn=stream.arn, FunctionName=worker(), StartingPosition="TRIM_HORIZON", ParallelizationFactor=4, BatchSize=60)
    eventually(lambda: len(stream.seen()) == 60)
    assert len(stream.calls()) > 1
    for k in range(20):
        mine = [s for s in stream.seen() if int(s) % 20 == k]
        assert mine == sorted(mine)


def test_a_batch_is_no_larger_than_an_invocation(stream, python, mapping, name, eventually, client):
    """"The payload limit of 6 MB": what has no room comes with the next batch."""
    code = CODE.replace("decode() for r", "decode()[:3] for r").replace("event['Records'][0]]", "0]")
    f = python(code, Timeout=60, MemorySize=1024, Environment={"Variables": {"SEEN": name + "-seen"}})
    for i in range(7):
        stream.put("%03d" % i + "x" * 1_000_000)
        time.sleep(1.05)  # a shard takes a mebibyte a second
    mapping(EventSourceArn=stream.arn, FunctionName=f, StartingPosition="TRIM_HORIZON", BatchSize=100)
    eventually(lambda: stream.seen() == ["%03d" % i for i in range(7)])
    assert len(stream.calls()[0]) == 4


def test_the_role_and_the_stream_are_looked_at(aws, stream, python, make_role, name):
    f = python("def handler(e, c): pass\n", Role=make_role(name + "-none", policy=None))
    ask = dict(FunctionName=f, StartingPosition="LATEST")
    for arn, code, text in ((stream.arn, "InvalidParameterValueException", "Cannot access stream"),
                            (stream.arn + "/consumer/c:1", "NotImplemented", "this event source")):
        with pytest.raises(ClientError) as e:
            aws.create_event_source_mapping(EventSourceArn=arn, **ask)
        assert text in str(e.value), e.value
    aws.update_function_configuration(FunctionName=f, Role=make_role(name + "-all"))
    with pytest.raises(ClientError) as e:
        aws.create_event_source_mapping(EventSourceArn=stream.arn + "x", **ask)
    assert "Stream not found" in str(e.value)


def test_a_batch_comes_again_after_a_crash_and_none_is_lost(fresh_tsubo, make_role_on, zip_of, eventually):
    client = fresh_tsubo.client
    client("kinesis").create_stream(StreamName="s", ShardCount=1)
    client("dynamodb").create_table(TableName="seen", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
                                    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    client("lambda").create_function(FunctionName="f", Handler="m.handler", Runtime="python3.11", Role=make_role_on(fresh_tsubo, "r"), Timeout=60,
                                     MemorySize=512, Code={"ZipFile": zip_of({"m.py": CODE})}, Environment={"Variables": {"SEEN": "seen"}})
    client("lambda").create_event_source_mapping(EventSourceArn="arn:aws:kinesis:us-east-1:000000000000:stream/s", FunctionName="f", BatchSize=3,
                                                 StartingPosition="TRIM_HORIZON")

    def seen():
        item = client("dynamodb").get_item(TableName="seen", Key={"id": {"S": "calls"}}).get("Item")
        return [k for c in (item["l"]["L"] if item else []) for k in json.loads(c["S"])[0]]
    for i in range(10):
        client("kinesis").put_record(StreamName="s", PartitionKey="k", Data=b"%d" % i)
    eventually(lambda: len(seen()) >= 3)
    fresh_tsubo.kill()
    fresh_tsubo.start()
    eventually(lambda: set(seen()) == {str(i) for i in range(10)})
    found = seen()
    assert [k for i, k in enumerate(found) if k not in found[:i]] == [str(i) for i in range(10)]
