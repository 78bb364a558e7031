"""kill -9 under load: every record that was acknowledged is in its shard, once, in the order of its sequence numbers."""
import random
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError


def read_all(kinesis):
    held = {}
    for shard in kinesis.list_shards(StreamName="s")["Shards"]:
        at = kinesis.get_shard_iterator(StreamName="s", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        held[shard["ShardId"]] = kinesis.get_records(ShardIterator=at)["Records"]
    return held


def test_acknowledged_records_survive_kills(fresh_tsubo, eventually):
    fresh_tsubo.client("kinesis").create_stream(StreamName="s", ShardCount=2)
    acknowledged, lock, r = {}, threading.Lock(), random.Random(5)
    for round_ in range(4):
        def put(worker):
            kinesis, n = fresh_tsubo.client("kinesis"), 0
            while True:
                names = [b"%d-%d-%d" % (round_, worker, n + i) for i in range(3)]
                n += 3
                try:
                    out = kinesis.put_records(StreamName="s", Records=[{"PartitionKey": x.decode(), "Data": x} for x in names])["Records"]
                except (BotoCoreError, ClientError):
                    return
                with lock:
                    acknowledged.update((x, (o["ShardId"], o["SequenceNumber"])) for x, o in zip(names, out) if "SequenceNumber" in o)

        threads = [threading.Thread(target=put, args=(w,)) for w in range(4)]
        had = len(acknowledged)
        for t in threads:
            t.start()
        eventually(lambda: len(acknowledged) > had + 9)
        if round_ == 1:
            fresh_tsubo.client("kinesis").split_shard(StreamName="s", ShardToSplit="shardId-000000000000", NewStartingHashKey="99999999999999")
        time.sleep(r.uniform(0, 0.4))
        fresh_tsubo.kill()
        for t in threads:
            t.join()
        fresh_tsubo.start()
        held = read_all(fresh_tsubo.client("kinesis"))
        for records in held.values():
            numbers = [int(x["SequenceNumber"]) for x in records]
            assert numbers == sorted(set(numbers))
        found = {x["Data"]: (shard, x["SequenceNumber"]) for shard, records in held.items() for x in records}
        assert sum(len(x) for x in held.values()) == len(found)
        assert {x: found.get(x) for x in acknowledged} == acknowledged
    assert len(held) == 4
