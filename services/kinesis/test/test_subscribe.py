"""Enhanced fan-out through boto3, whose event streams come over HTTP/1.1. Source: SubscribeToShard, SubscribeToShardEvent (API Reference), "Enhanced
fan-out consumers" (Developer Guide)."""
import datetime
import time

import pytest
from botocore.exceptions import EventStreamError

SHARD = "shardId-000000000000"


class Consumer:
    def __init__(self, kit, name="c"):
        self.kinesis = kit.kinesis
        self.arn = kit.kinesis.register_stream_consumer(StreamARN=kit.arn, ConsumerName=name)["Consumer"]["ConsumerARN"]

    def subscribe(self, at="TRIM_HORIZON", shard=SHARD, **position):
        answer = self.kinesis.subscribe_to_shard(ConsumerARN=self.arn, ShardId=shard, StartingPosition={"Type": at, **position})
        self.stream = answer["EventStream"]
        return (e["SubscribeToShardEvent"] for e in self.stream)


@pytest.fixture
def consumer(kit):
    kit.make()
    return Consumer(kit)


def records(events, n):
    """The next n records, and the event that had the last."""
    got = []
    for event in events:
        got += event["Records"]
        if len(got) >= n:
            return got, event
    raise AssertionError(f"it ended after {len(got)} records")


def failure(events):
    with pytest.raises(EventStreamError) as e:
        list(events)
    return e.value.response["Error"]["Code"]


def test_records_are_pushed_as_they_come(kit, consumer, tsubo):
    put = [kit.put(b"%d" % i)["SequenceNumber"] for i in range(3)]
    events = consumer.subscribe()
    got, last = records(events, 3)
    assert [(r["SequenceNumber"], r["Data"], r["PartitionKey"]) for r in got] == [(s, b"%d" % i, "k") for i, s in enumerate(put)]
    assert last["ContinuationSequenceNumber"] == put[2] and last["MillisBehindLatest"] == 0 and "ChildShards" not in last
    for i in range(3, 6):
        kit.put(b"%d" % i)
        got, last = records(events, 1)
        assert [r["Data"] for r in got] == [b"%d" % i]
    consumer.stream.close()
    tsubo.turn_clock("+6s")
    got, _ = records(consumer.subscribe("AFTER_SEQUENCE_NUMBER", SequenceNumber=put[2]), 3)
    assert [r["Data"] for r in got] == [b"3", b"4", b"5"]


def test_where_it_begins(kit, consumer, tsubo):
    first = kit.put(b"old")
    at = kit.kinesis.get_shard_iterator(StreamARN=kit.arn, ShardId=SHARD, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    came = kit.kinesis.get_records(ShardIterator=at)["Records"][0]["ApproximateArrivalTimestamp"]
    tsubo.turn_clock("+10s")
    kit.put(b"new")
    for at, position, expected in (("AT_SEQUENCE_NUMBER", {"SequenceNumber": first["SequenceNumber"]}, [b"old", b"new"]),
                                   ("AT_TIMESTAMP", {"Timestamp": came + datetime.timedelta(seconds=5)}, [b"new"])):
        events = consumer.subscribe(at, **position)
        assert [r["Data"] for r in records(events, len(expected))[0]] == expected
        tsubo.turn_clock("+6s")
    events = consumer.subscribe("LATEST")
    kit.put(b"newest")
    assert [r["Data"] for r in records(events, 1)[0]] == [b"newest"]
    tsubo.turn_clock("+6s")
    kit.refused("InvalidArgumentException", consumer.subscribe, at="AT_SEQUENCE_NUMBER")
    kit.refused("InvalidArgumentException", consumer.subscribe, at="AT_SEQUENCE_NUMBER", SequenceNumber="1")
    kit.refused("InvalidArgumentException", consumer.subscribe, at="AT_TIMESTAMP")
    kit.refused("ResourceNotFoundException", consumer.subscribe, shard="shardId-000000000007")


def test_it_lasts_five_minutes_and_says_how_far_it_is(kit, consumer, tsubo):
    events = consumer.subscribe()
    tsubo.turn_clock("+6s")
    quiet = next(events)
    assert quiet["Records"] == [] and quiet["MillisBehindLatest"] == 0
    tsubo.turn_clock("+295s")
    assert all(e["Records"] == [] for e in events), "it ends by itself"
    kit.put(b"later")
    got, _ = records(consumer.subscribe("AT_SEQUENCE_NUMBER", SequenceNumber=quiet["ContinuationSequenceNumber"]), 1)
    assert got[0]["Data"] == b"later", "a place without a record is one to go on at, too"


def test_one_subscription_of_a_consumer_and_a_shard(kit, consumer, tsubo):
    first = consumer.subscribe()
    old = consumer.stream
    assert "Another active subscription" in kit.refused("ResourceInUseException", consumer.subscribe)
    beside = Consumer(kit, "other").subscribe()
    tsubo.turn_clock("+6s")
    second = consumer.subscribe()
    assert failure(first) == "ResourceInUseException"
    kit.put(b"x")
    assert records(second, 1)[0][0]["Data"] == b"x" == records(beside, 1)[0][0]["Data"]
    old.close()


def test_a_shard_that_ends_names_its_children(kit, consumer):
    kit.put(b"x")
    events = consumer.subscribe()
    records(events, 1)
    kit.kinesis.split_shard(StreamName=kit.name, ShardToSplit=SHARD, NewStartingHashKey=str(2 ** 127))
    last = list(events)[-1]
    assert [s["ShardId"] for s in last["ChildShards"]] == ["shardId-000000000001", "shardId-000000000002"]
    assert last["ChildShards"][0]["ParentShards"] == [SHARD] and last["ChildShards"][1]["HashKeyRange"]["StartingHashKey"] == str(2 ** 127)
    assert "ContinuationSequenceNumber" not in last, "there is nothing to go on with"


def test_what_goes_away_is_told(kit, consumer, tsubo):
    events = consumer.subscribe()
    kit.kinesis.deregister_stream_consumer(ConsumerARN=consumer.arn)
    assert failure(events) == "ResourceNotFoundException"
    again = Consumer(kit)
    tsubo.turn_clock("+6s")
    events = again.subscribe()
    kit.kinesis.delete_stream(StreamName=kit.name, EnforceConsumerDeletion=True)
    tsubo.turn_clock("+6s")
    assert failure(events) == "ResourceNotFoundException"
    kit.refused("ResourceNotFoundException", again.subscribe)


def test_it_needs_permission_and_the_key(kit, consumer, client):
    key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    kit.kinesis.start_stream_encryption(StreamName=kit.name, EncryptionType="KMS", KeyId=key)
    kit.put(b"secret")
    consumer.kinesis = kit.user("none", ("kinesis:GetRecords", "*"))
    kit.refused("AccessDeniedException", consumer.subscribe)
    consumer.kinesis = kit.user("some", ("kinesis:SubscribeToShard", consumer.arn))
    assert failure(consumer.subscribe()) == "KMSAccessDeniedException"
    other = Consumer(kit, "other")
    other.kinesis = kit.user("all", ("kinesis:SubscribeToShard", other.arn), ("kms:Decrypt", "*"))
    got, _ = records(other.subscribe(), 1)
    assert (got[0]["Data"], got[0]["EncryptionType"]) == (b"secret", "KMS")


def test_two_mebibytes_a_second(kit, consumer, tsubo):
    for i in range(8):
        kit.put(b"%d" % i * 1_000_000)
        tsubo.turn_clock("+1s")
    began = time.monotonic()
    got, _ = records(consumer.subscribe(), 8)
    assert [r["Data"][:1] for r in got] == [b"%d" % i for i in range(8)]
    # 8 MB, of which a second's worth may come at once, and the last event need not be paid for before it is there.
    assert time.monotonic() - began > 1.5


def test_metrics_of_a_consumer(kit, consumer, client, eventually):
    """"Basic stream-level metrics": SubscribeToShard.* and SubscribeToShardEvent.* (Developer Guide)."""
    kit.put(b"x")
    records(consumer.subscribe(), 1)
    kit.refused("ResourceInUseException", consumer.subscribe)
    found = eventually(lambda: len(m := client("cloudwatch").list_metrics(Namespace="AWS/Kinesis", Dimensions=[
        {"Name": "ConsumerName", "Value": "c"}, {"Name": "StreamName", "Value": kit.name}])["Metrics"]) == 6 and m)
    assert {m["MetricName"] for m in found} == {"SubscribeToShard.Success", "SubscribeToShard.RateExceeded", "SubscribeToShardEvent.Success",
        "SubscribeToShardEvent.Bytes", "SubscribeToShardEvent.Records", "SubscribeToShardEvent.MillisBehindLatest"}


def test_a_client_that_leaves_makes_room(kit, consumer, tsubo, eventually):
    kit.put(b"x")
    events = consumer.subscribe()
    records(events, 1)
    consumer.stream.close()
    eventually(lambda: any('"SubscribeToShard"' in line and '"bytesOut"' in line for line in tsubo.log_text().splitlines()))
    tsubo.turn_clock("+6s")
    assert records(consumer.subscribe(), 1)[0][0]["Data"] == b"x"


def test_a_server_that_stops_ends_it(fresh_tsubo, name):
    k = fresh_tsubo.client("kinesis")
    k.create_stream(StreamName=name, ShardCount=1)
    arn = f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}"
    consumer = k.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]["ConsumerARN"]
    stream = k.subscribe_to_shard(ConsumerARN=consumer, ShardId=SHARD, StartingPosition={"Type": "LATEST"})["EventStream"]
    assert fresh_tsubo.stop() == 0
    with pytest.raises(Exception):
        list(stream)
