"""Streams, shards and records through boto3. Expectations: the operations' pages in the Amazon Kinesis Data Streams API Reference,
"Quotas and limits" and "Resharding a stream" (Developer Guide)."""
import concurrent.futures
import datetime
import hashlib

import pytest
from botocore.exceptions import ClientError
from refusals import refused

ACCOUNT = "000000000000"
TOP = 2 ** 128


@pytest.fixture
def kinesis(client):
    return client("kinesis")


def make(kinesis, name, shards=1, **more):
    kinesis.create_stream(StreamName=name, ShardCount=shards, **more)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    return kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]


def shards(kinesis, name, **more):
    return kinesis.list_shards(StreamName=name, **more)["Shards"]


def iterator(kinesis, name, shard, kind="TRIM_HORIZON", **more):
    return kinesis.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType=kind, **more)["ShardIterator"]


def read(kinesis, name, shard, kind="TRIM_HORIZON", **more):
    return [r["Data"] for r in kinesis.get_records(ShardIterator=iterator(kinesis, name, shard, kind, **more))["Records"]]


def span(shard):
    return int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"])


def test_a_stream_is_made_described_and_deleted(kinesis, name):
    arn = make(kinesis, name, 2, Tags={"team": "x"})
    assert arn == f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}"
    d = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert (d["StreamStatus"], d["RetentionPeriodHours"], d["EncryptionType"], d["HasMoreShards"]) == ("ACTIVE", 24, "NONE", False)
    assert d["StreamModeDetails"] == {"StreamMode": "PROVISIONED"} and d["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
    assert [s["ShardId"] for s in d["Shards"]] == ["shardId-000000000000", "shardId-000000000001"]
    assert [span(s) for s in d["Shards"]] == [(0, TOP // 2 - 1), (TOP // 2, TOP - 1)]
    s = kinesis.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]
    assert (s["OpenShardCount"], s["ConsumerCount"], s["MaxRecordSizeInKiB"]) == (2, 0, 1024)
    assert name in kinesis.list_streams()["StreamNames"]
    assert refused(kinesis.create_stream, "ResourceInUseException", StreamName=name, ShardCount=1) == \
        f"Stream {name} under account {ACCOUNT} already exists."
    kinesis.delete_stream(StreamName=name)
    assert refused(kinesis.describe_stream, "ResourceNotFoundException", StreamName=name) == f"Stream {name} under account {ACCOUNT} not found."
    make(kinesis, name)  # the name is free again, and nothing of the old one is there
    assert len(shards(kinesis, name)) == 1 and kinesis.list_tags_for_stream(StreamName=name)["Tags"] == []


def test_names_and_arns(kinesis, name):
    arn = make(kinesis, name)
    refused(kinesis.describe_stream_summary, "InvalidArgumentException")
    refused(kinesis.describe_stream_summary, "InvalidArgumentException", StreamName="other", StreamARN=arn)
    refused(kinesis.describe_stream_summary, "ResourceNotFoundException", StreamARN=arn + "x")
    refused(kinesis.create_stream, "ValidationException", StreamName=name + "2")
    refused(kinesis.create_stream, "LimitExceededException", StreamName=name + "2", ShardCount=10001)


def test_listing_goes_by_pages(fresh_tsubo):
    kinesis = fresh_tsubo.client("kinesis")
    for n in "cab":
        make(kinesis, n)
    page = kinesis.list_streams(Limit=2)
    assert (page["StreamNames"], page["HasMoreStreams"]) == (["a", "b"], True)
    assert kinesis.list_streams(NextToken=page["NextToken"])["StreamNames"] == ["c"]
    assert kinesis.list_streams(ExclusiveStartStreamName="a")["StreamNames"] == ["b", "c"]
    kinesis.create_stream(StreamName="d", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    limits = kinesis.describe_limits()
    assert (limits["OpenShardCount"], limits["OnDemandStreamCount"], limits["OnDemandStreamCountLimit"]) == (3, 1, 50)


def test_records_come_back_in_order(kinesis, name):
    make(kinesis, name)
    put = [kinesis.put_record(StreamName=name, PartitionKey="k%d" % i, Data=b"%d" % i) for i in range(5)]
    numbers = [int(p["SequenceNumber"]) for p in put]
    assert numbers == sorted(set(numbers)) and {p["ShardId"] for p in put} == {"shardId-000000000000"}
    page = kinesis.get_records(ShardIterator=iterator(kinesis, name, put[0]["ShardId"]), Limit=2)
    assert [(r["PartitionKey"], r["Data"], r["SequenceNumber"]) for r in page["Records"]] == \
        [("k%d" % i, b"%d" % i, put[i]["SequenceNumber"]) for i in range(2)]
    assert page["Records"][0]["ApproximateArrivalTimestamp"] > datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)
    rest = kinesis.get_records(ShardIterator=page["NextShardIterator"])
    assert [r["Data"] for r in rest["Records"]] == [b"2", b"3", b"4"] and rest["MillisBehindLatest"] == 0
    assert kinesis.get_records(ShardIterator=rest["NextShardIterator"])["Records"] == []


def test_iterators_of_every_type(fresh_tsubo):
    kinesis, name, shard = fresh_tsubo.client("kinesis"), "s", "shardId-000000000000"
    make(kinesis, name)
    latest = iterator(kinesis, name, shard, "LATEST")
    first = kinesis.put_record(StreamName=name, PartitionKey="k", Data=b"a")["SequenceNumber"]
    fresh_tsubo.turn_clock("+10s")
    kinesis.put_record(StreamName=name, PartitionKey="k", Data=b"b")
    records = kinesis.get_records(ShardIterator=latest)["Records"]
    assert [r["Data"] for r in records] == [b"a", b"b"]
    between = records[1]["ApproximateArrivalTimestamp"].timestamp() - 1
    assert read(kinesis, name, shard, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=first) == [b"a", b"b"]
    assert read(kinesis, name, shard, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=first) == [b"b"]
    fresh_tsubo.turn_clock("+1s")
    assert read(kinesis, name, shard, "AT_TIMESTAMP", Timestamp=between) == [b"b"]
    assert read(kinesis, name, shard, "AT_TIMESTAMP", Timestamp=between - 3600) == [b"a", b"b"]
    assert read(kinesis, name, shard, "LATEST") == []
    ask = dict(StreamName=name, ShardId=shard)
    refused(kinesis.get_shard_iterator, "InvalidArgumentException", ShardIteratorType="LATEST", StartingSequenceNumber=first, **ask)
    refused(kinesis.get_shard_iterator, "InvalidArgumentException", ShardIteratorType="AT_SEQUENCE_NUMBER", **ask)
    refused(kinesis.get_shard_iterator, "InvalidArgumentException", ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber="17", **ask)
    assert refused(kinesis.get_shard_iterator, "InvalidArgumentException", ShardIteratorType="AT_TIMESTAMP", Timestamp=between + 3600,
                   **ask).startswith("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis.")
    assert refused(kinesis.get_shard_iterator, "ResourceNotFoundException", StreamName=name, ShardId="shardId-000000000001",
                   ShardIteratorType="LATEST") == f"Shard shardId-000000000001 in stream s under account {ACCOUNT} does not exist"
    assert refused(kinesis.get_records, "InvalidArgumentException", ShardIterator="AAAA") == "Invalid ShardIterator."
    fresh_tsubo.turn_clock("+6m")
    assert refused(kinesis.get_records, "ExpiredIteratorException", ShardIterator=latest).startswith("Iterator expired.")


def test_hash_keys_choose_the_shard(kinesis, name):
    make(kinesis, name, 4)
    ranges = {s["ShardId"]: span(s) for s in shards(kinesis, name)}
    for key in "abcdefgh":
        put = kinesis.put_record(StreamName=name, PartitionKey=key, Data=b"x")
        low, high = ranges[put["ShardId"]]
        assert low <= int(hashlib.md5(key.encode()).hexdigest(), 16) <= high
    for shard, (low, high) in ranges.items():
        for at in low, high:
            assert kinesis.put_record(StreamName=name, PartitionKey="k", ExplicitHashKey=str(at), Data=b"x")["ShardId"] == shard
    assert "range: [0, 2^128-1]" in refused(kinesis.put_record, "InvalidArgumentException", StreamName=name, PartitionKey="k", Data=b"",
                                            ExplicitHashKey=str(TOP))


def test_put_records(kinesis, name):
    make(kinesis, name, 2)
    out = kinesis.put_records(StreamName=name, Records=[{"PartitionKey": "k", "Data": b"%d" % i, "ExplicitHashKey": str(i % 2 * (TOP - 1))}
                                                        for i in range(6)])
    assert out["FailedRecordCount"] == 0 and out["EncryptionType"] == "NONE"
    assert [r["ShardId"][-1] for r in out["Records"]] == list("010101")
    assert read(kinesis, name, "shardId-000000000001") == [b"1", b"3", b"5"]
    refused(kinesis.put_records, "InvalidArgumentException", StreamName=name, Records=[{"PartitionKey": "k", "Data": bytes(1 << 20)}])
    refused(kinesis.put_records, "ResourceNotFoundException", StreamName=name + "x", Records=[{"PartitionKey": "k", "Data": b""}])
    refused(kinesis.put_records, "DryRunOperationException", StreamName=name, Records=[{"PartitionKey": "k", "Data": b""}], DryRun=True)


def test_a_shard_takes_a_thousand_records_and_a_mebibyte_a_second(fresh_tsubo, eventually):
    kinesis = fresh_tsubo.client("kinesis", max_pool_connections=16)
    make(kinesis, "s")
    exceeded = f"Rate exceeded for shard shardId-000000000000 in stream s under account {ACCOUNT}."
    many = [{"PartitionKey": "k", "Data": b"x"}] * 500

    def too_many():  # sixteen requests at once, and two would be enough for a second
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = pool.map(lambda _: kinesis.put_records(StreamName="s", Records=many)["Records"], range(16))
            return exceeded in {r.get("ErrorMessage") for records in answers for r in records}
    eventually(too_many)
    fresh_tsubo.turn_clock("+2s")

    def too_much():
        kinesis.put_records(StreamName="s", Records=[{"PartitionKey": "k", "Data": bytes(300_000)}] * 4)
        try:
            kinesis.put_record(StreamName="s", PartitionKey="k", Data=bytes(300_000))
        except ClientError as e:
            return e.response["Error"]
    error = eventually(too_much)  # unless the second has just ended
    assert (error["Code"], error["Message"]) == ("ProvisionedThroughputExceededException", exceeded)
    fresh_tsubo.turn_clock("+1m")
    kinesis.update_max_record_size(StreamARN=kinesis.describe_stream(StreamName="s")["StreamDescription"]["StreamARN"], MaxRecordSizeInKiB=10240)

    def paid_afterwards():  # "large records": the seconds after it pay
        kinesis.put_record(StreamName="s", PartitionKey="k", Data=bytes(9 << 20))
        try:
            kinesis.put_record(StreamName="s", PartitionKey="k", Data=bytes(300_000))
        except ClientError as e:
            return e.response["Error"]["Code"]
    assert eventually(paid_afterwards) == "ProvisionedThroughputExceededException"  # unless all of those seconds have gone by


def test_a_shard_gives_five_answers_and_two_mebibytes_a_second(fresh_tsubo, eventually):
    kinesis = fresh_tsubo.client("kinesis", max_pool_connections=16)
    make(kinesis, "s")
    at = iterator(kinesis, "s", "shardId-000000000000")

    def code():
        try:
            kinesis.get_records(ShardIterator=at)
        except ClientError as e:
            return e.response["Error"]["Code"]

    def too_often():
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            return "ProvisionedThroughputExceededException" in list(pool.map(lambda _: code(), range(16)))
    eventually(too_often)
    for _ in range(11):
        fresh_tsubo.turn_clock("+2s")
        kinesis.put_record(StreamName="s", PartitionKey="k", Data=bytes((1 << 20) - 1))
    page = None

    def next_refused():
        nonlocal page
        fresh_tsubo.turn_clock("+6s")
        page = kinesis.get_records(ShardIterator=iterator(kinesis, "s", "shardId-000000000000"))
        try:
            kinesis.get_records(ShardIterator=page["NextShardIterator"])
        except ClientError as e:
            return e.response["Error"]["Code"]
    assert eventually(next_refused) == "ProvisionedThroughputExceededException"  # unless reading the answer takes its five seconds
    assert len(page["Records"]) == 10 and page["MillisBehindLatest"] > 0  # 10 MiB an answer
    fresh_tsubo.turn_clock("+6s")
    assert len(kinesis.get_records(ShardIterator=page["NextShardIterator"])["Records"]) == 1


def test_splitting_and_merging(kinesis, name):
    make(kinesis, name)
    kinesis.put_record(StreamName=name, PartitionKey="k", Data=b"before")
    parent, = shards(kinesis, name)
    refused(kinesis.split_shard, "InvalidArgumentException", StreamName=name, ShardToSplit=parent["ShardId"], NewStartingHashKey="1")
    kinesis.split_shard(StreamName=name, ShardToSplit=parent["ShardId"], NewStartingHashKey="1000")
    old, a, b = shards(kinesis, name)
    assert "EndingSequenceNumber" in old["SequenceNumberRange"]
    assert span(a) == (0, 999) and span(b) == (1000, TOP - 1) and a["ParentShardId"] == b["ParentShardId"] == old["ShardId"]
    assert int(old["SequenceNumberRange"]["EndingSequenceNumber"]) < int(a["SequenceNumberRange"]["StartingSequenceNumber"])
    page = kinesis.get_records(ShardIterator=iterator(kinesis, name, old["ShardId"]))
    assert [r["Data"] for r in page["Records"]] == [b"before"] and "NextShardIterator" not in page
    assert [(s["ShardId"], s["ParentShards"]) for s in page["ChildShards"]] == [(a["ShardId"], [old["ShardId"]]), (b["ShardId"], [old["ShardId"]])]
    refused(kinesis.split_shard, "InvalidArgumentException", StreamName=name, ShardToSplit=old["ShardId"], NewStartingHashKey="2000")
    refused(kinesis.split_shard, "ResourceNotFoundException", StreamName=name, ShardToSplit="shardId-000000000009", NewStartingHashKey="2000")
    kinesis.merge_shards(StreamName=name, ShardToMerge=b["ShardId"], AdjacentShardToMerge=a["ShardId"])
    merged = shards(kinesis, name)[-1]
    assert (merged["ParentShardId"], merged["AdjacentParentShardId"]) == (a["ShardId"], b["ShardId"]) and span(merged) == (0, TOP - 1)
    assert [s["ShardId"] for s in shards(kinesis, name, ShardFilter={"Type": "AT_LATEST"})] == [merged["ShardId"]]
    assert [s["ShardId"] for s in shards(kinesis, name, ShardFilter={"Type": "AFTER_SHARD_ID", "ShardId": a["ShardId"]})] == \
        [b["ShardId"], merged["ShardId"]]
    assert kinesis.put_record(StreamName=name, PartitionKey="k", Data=b"after")["ShardId"] == merged["ShardId"]


def test_merging_needs_neighbours(kinesis, name):
    make(kinesis, name, 3)
    assert "not an adjacent pair" in refused(kinesis.merge_shards, "InvalidArgumentException", StreamName=name, ShardToMerge="shardId-000000000000",
                                             AdjacentShardToMerge="shardId-000000000002")


def test_the_shard_count(fresh_tsubo):
    kinesis, name = fresh_tsubo.client("kinesis"), "s"
    make(kinesis, name, 2)
    refused(kinesis.update_shard_count, "LimitExceededException", StreamName=name, TargetShardCount=5, ScalingType="UNIFORM_SCALING")
    for want in 3, 4, 2, 1, 2:
        out = kinesis.update_shard_count(StreamName=name, TargetShardCount=want, ScalingType="UNIFORM_SCALING")
        assert out["TargetShardCount"] == want
        spans = sorted(span(s) for s in shards(kinesis, name, ShardFilter={"Type": "AT_LATEST"}))
        assert len(spans) == want and spans[0][0] == 0 and spans[-1][1] == TOP - 1
        assert all(x[1] + 1 == y[0] for x, y in zip(spans, spans[1:]))
        assert max(b - a for a, b in spans) - min(b - a for a, b in spans) <= 1
    for want in 1, 2, 1, 2, 1:
        kinesis.update_shard_count(StreamName=name, TargetShardCount=want, ScalingType="UNIFORM_SCALING")
    refused(kinesis.update_shard_count, "LimitExceededException", StreamName=name, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    fresh_tsubo.turn_clock("+25h")
    kinesis.update_shard_count(StreamName=name, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    assert len(shards(kinesis, name)) == 3  # what was closed a day ago is not listed any more


def test_shards_are_listed_by_pages(kinesis, name):
    make(kinesis, name, 5)
    page = kinesis.list_shards(StreamName=name, MaxResults=2)
    assert len(page["Shards"]) == 2
    rest = kinesis.list_shards(NextToken=page["NextToken"], MaxResults=3)
    assert [s["ShardId"][-1] for s in page["Shards"] + rest["Shards"]] == list("01234") and "NextToken" not in rest
    refused(kinesis.list_shards, "InvalidArgumentException", StreamName=name, NextToken=page["NextToken"])
    first = kinesis.describe_stream(StreamName=name, Limit=2)["StreamDescription"]
    assert first["HasMoreShards"] and len(first["Shards"]) == 2
    assert len(kinesis.describe_stream(StreamName=name, ExclusiveStartShardId=first["Shards"][-1]["ShardId"])["StreamDescription"]["Shards"]) == 3


def test_retention(fresh_tsubo):
    kinesis, shard = fresh_tsubo.client("kinesis"), "shardId-000000000000"
    make(kinesis, "s")
    kinesis.put_record(StreamName="s", PartitionKey="k", Data=b"old")
    fresh_tsubo.turn_clock("+23h")
    kinesis.put_record(StreamName="s", PartitionKey="k", Data=b"young")
    assert read(kinesis, "s", shard) == [b"old", b"young"]
    fresh_tsubo.turn_clock("+2h")
    assert read(kinesis, "s", shard) == [b"young"]
    refused(kinesis.increase_stream_retention_period, "InvalidArgumentException", StreamName="s", RetentionPeriodHours=8761)
    refused(kinesis.decrease_stream_retention_period, "InvalidArgumentException", StreamName="s", RetentionPeriodHours=23)
    kinesis.increase_stream_retention_period(StreamName="s", RetentionPeriodHours=48)
    assert read(kinesis, "s", shard) == [b"young"]  # "does not make previous, expired data accessible"
    fresh_tsubo.turn_clock("+30h")
    assert read(kinesis, "s", shard) == [b"young"]
    kinesis.decrease_stream_retention_period(StreamName="s", RetentionPeriodHours=24)
    fresh_tsubo.turn_clock("+1s")
    assert read(kinesis, "s", shard) == []


def test_on_demand(fresh_tsubo):
    kinesis = fresh_tsubo.client("kinesis")
    kinesis.create_stream(StreamName="s", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert len(shards(kinesis, "s")) == 4
    arn = kinesis.describe_stream(StreamName="s")["StreamDescription"]["StreamARN"]
    assert "is in On-Demand mode" in refused(kinesis.split_shard, "ValidationException", StreamName="s", ShardToSplit="shardId-000000000000",
                                             NewStartingHashKey="77")
    kinesis.update_stream_record_distribution_strategy(StreamARN=arn, RecordDistributionStrategy="AUTO")
    used = {kinesis.put_record(StreamName="s", Data=b"x")["ShardId"] for _ in range(64)}
    assert len(used) == 4
    kinesis.update_stream_record_distribution_strategy(StreamARN=arn, RecordDistributionStrategy="USER_PARTITION_KEY")
    refused(kinesis.put_record, "InvalidArgumentException", StreamName="s", Data=b"x")
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "PROVISIONED"})
    kinesis.split_shard(StreamName="s", ShardToSplit="shardId-000000000000", NewStartingHashKey="77")


def test_an_on_demand_stream_grows_where_it_is_too_small(fresh_tsubo, eventually):
    kinesis = fresh_tsubo.client("kinesis")
    kinesis.create_stream(StreamName="s", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    big = [{"PartitionKey": "k", "ExplicitHashKey": "0", "Data": bytes(400_000)}] * 4
    out = kinesis.put_records(StreamName="s", Records=big)
    assert out["FailedRecordCount"] == 2 and out["Records"][3]["ErrorCode"] == "ProvisionedThroughputExceededException"
    fresh_tsubo.turn_clock("+5s")
    eventually(lambda: len(shards(kinesis, "s", ShardFilter={"Type": "AT_LATEST"})) == 5)


def test_what_is_not_there_says_so(kinesis, name):
    arn = make(kinesis, name)
    for call in (lambda: kinesis.describe_account_settings(), lambda: kinesis.list_channels(),
                 lambda: kinesis.update_stream_warm_throughput(StreamARN=arn, WarmThroughputMiBps=1)):
        with pytest.raises(ClientError) as e:
            call()
        assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
