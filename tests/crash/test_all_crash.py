"""kill -9, twenty times at random moments, while writers of SQS, DynamoDB and S3 are at work: after each restart every
acknowledged write is there, nothing half-done is visible."""
import os
import random
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "20"))


def writer(step, acknowledged, stop):
    def run():
        n = 0
        while not stop.is_set():
            name = f"{threading.get_ident()}-{time.monotonic_ns()}-{n}"
            n += 1
            try:
                step(name)
            except (BotoCoreError, ClientError):
                return
            acknowledged.append(name)
    return threading.Thread(target=run)


def test_twenty_kills(fresh_tsubo, eventually):
    t = fresh_tsubo
    url = t.client("sqs").create_queue(QueueName="queue")["QueueUrl"]
    t.client("s3").create_bucket(Bucket="bucket")
    t.client("dynamodb").create_table(TableName="tab", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                                      AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}])
    sent, put, stored = [], [], []
    large = os.urandom(300_000)
    for _ in range(ROUNDS):
        stop = threading.Event()
        sqs, ddb, s3 = t.client("sqs"), t.client("dynamodb"), t.client("s3")

        def transact(name):
            # both or none
            ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "tab", "Item": {"k": {"S": half + name}}}} for half in ("a-", "b-")])

        threads = [writer(lambda name: sqs.send_message(QueueUrl=url, MessageBody=name), sent, stop),
                   writer(transact, put, stop),
                   writer(lambda name: s3.put_object(Bucket="bucket", Key=name, Body=large if random.random() < 0.3 else name.encode()), stored, stop)]
        for thread in threads:
            thread.start()
        eventually(lambda: sent and put and stored)
        time.sleep(random.uniform(0.05, 0.4))
        t.kill()
        stop.set()
        for thread in threads:
            thread.join()
        t.start()

    ddb, s3, sqs = t.client("dynamodb"), t.client("s3"), t.client("sqs")
    keys = {i["k"]["S"] for page in ddb.get_paginator("scan").paginate(TableName="tab") for i in page["Items"]}
    assert {h + n for n in put for h in ("a-", "b-")} <= keys
    assert {k[2:] for k in keys if k[0] == "a"} == {k[2:] for k in keys if k[0] == "b"}
    objects = {o["Key"]: o["Size"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="bucket") for o in page.get("Contents", [])}
    assert set(stored) <= set(objects)
    for key, size in random.sample(sorted(objects.items()), min(40, len(objects))):
        body = s3.get_object(Bucket="bucket", Key=key)["Body"].read()
        assert body == (large if size == len(large) else key.encode())
    received = set()
    while True:
        batch = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600).get("Messages", [])
        if not batch:
            break
        received |= {m["Body"] for m in batch}
    assert set(sent) <= received
