"""kill -9 under load: what was acknowledged is there, no transaction is half there, index and stream agree with the table."""
import random
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError


def scan(d, **how):
    return {i["pk"]["S"] for page in d.get_paginator("scan").paginate(TableName="tab", **how) for i in page["Items"]}


def changes(tsubo):
    s = tsubo.client("dynamodbstreams")
    arn = tsubo.client("dynamodb").describe_table(TableName="tab")["Table"]["LatestStreamArn"]
    seen = []
    for shard in s.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        i = s.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while i:
            page = s.get_records(ShardIterator=i)
            seen += [r["dynamodb"]["Keys"]["pk"]["S"] for r in page["Records"]]
            i = page.get("NextShardIterator") if page["Records"] else None
    return seen


def test_transactions_survive_kills_whole(fresh_tsubo, eventually):
    fresh_tsubo.client("dynamodb").create_table(
        TableName="tab", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "g", "AttributeType": "S"}],
        GlobalSecondaryIndexes=[{"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                                 "Projection": {"ProjectionType": "KEYS_ONLY"}}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    acknowledged, lock, r = set(), threading.Lock(), random.Random(3)
    for round_ in range(4):
        def write(worker):
            d, n = fresh_tsubo.client("dynamodb"), 0
            while True:
                name = "%d-%d-%d" % (round_, worker, n)
                n += 1
                items = [{"Put": {"TableName": "tab", "Item": {"pk": {"S": side + name}, "g": {"S": "g"}}}} for side in "ab"]
                try:
                    d.transact_write_items(TransactItems=items)
                except (BotoCoreError, ClientError):
                    return
                with lock:
                    acknowledged.add(name)

        threads = [threading.Thread(target=write, args=(w,)) for w in range(4)]
        had = len(acknowledged)
        for t in threads:
            t.start()
        eventually(lambda: len(acknowledged) > had + 3)
        time.sleep(r.uniform(0, 0.6))
        fresh_tsubo.kill()
        for t in threads:
            t.join()
        fresh_tsubo.start()
        have = scan(fresh_tsubo.client("dynamodb"))
        sides = [{k[1:] for k in have if k[0] == side} for side in "ab"]
        assert sides[0] == sides[1] and acknowledged <= sides[0]
        assert scan(fresh_tsubo.client("dynamodb"), IndexName="by-g") == have
        seen = changes(fresh_tsubo)
        assert len(seen) == len(set(seen)) and set(seen) == have
    assert len(acknowledged) > 10
