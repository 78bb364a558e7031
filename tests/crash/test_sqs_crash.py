"""kill -9 under load, again and again: nothing acknowledged is lost, nothing done is undone, FIFO delivers once, in order.

Each round senders and receivers work against the server until it is killed at a random moment; then it starts again on
the same data. What was in doubt (a call without an answer) may have happened or not; everything else must be as
acknowledged. At the end the clock is turned past the visibility timeout and the queues are drained."""
import os
import random
import threading
import time

import botocore.exceptions

from conftest import PATIENCE_S

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "6"))
GROUPS = 4
GONE = (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectionClosedError, botocore.exceptions.HTTPClientError,
        ConnectionError)


class Worker(threading.Thread):
    """Does one thing over and over until the server is gone."""

    def __init__(self, server, step):
        super().__init__(daemon=True)
        self.sqs, self.step, self.error = server.client("sqs", read_timeout=60, connect_timeout=20, retries={"max_attempts": 0}), step, None
        self.start()

    def run(self):
        try:
            while True:
                self.step(self.sqs)
        except GONE:
            pass
        except Exception as e:  # anything else is a finding
            self.error = e


class Standard:
    """Messages with numbers: sent, received, deleted; each set holds what the server acknowledged."""

    def __init__(self, url):
        self.url, self.lock, self.next = url, threading.Lock(), 0
        self.sent, self.deleted, self.maybe_deleted = set(), set(), set()

    def number(self):
        with self.lock:
            self.next += 1
            return self.next

    def send(self, sqs):
        n = self.number()
        sqs.send_message(QueueUrl=self.url, MessageBody=str(n))
        self.sent.add(n)

    def send_batch(self, sqs):
        some = [self.number() for _ in range(5)]
        answer = sqs.send_message_batch(QueueUrl=self.url, Entries=[{"Id": str(n), "MessageBody": str(n)} for n in some])
        self.sent.update(int(e["Id"]) for e in answer["Successful"])

    def receive(self, sqs):
        got = sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", [])
        numbers = {int(m["Body"]) for m in got}
        assert numbers.isdisjoint(self.deleted), f"{numbers & self.deleted} came back from the dead"
        self.maybe_deleted |= numbers
        if got:
            answer = sqs.delete_message_batch(QueueUrl=self.url, Entries=[
                {"Id": m["Body"], "ReceiptHandle": m["ReceiptHandle"]} for m in got])
            self.deleted.update(int(e["Id"]) for e in answer["Successful"])
        return len(got)


class Fifo:
    """Each group's messages are numbered; a resend after a doubtful send has the same deduplication id."""

    def __init__(self, url):
        self.url = url
        self.next = {g: 0 for g in range(GROUPS)}
        self.seen = {g: [] for g in range(GROUPS)}
        self.doubtful = {}  # group -> number whose delete was not answered

    def sender(self, g):
        def send(sqs):
            n = self.next[g]
            sqs.send_message(QueueUrl=self.url, MessageBody=str(n), MessageGroupId=str(g), MessageDeduplicationId=f"{g}-{n}")
            self.next[g] = n + 1  # not reached in doubt: the same one is sent again
            time.sleep(0.005)
        return send

    def receive(self, sqs):
        got = sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=3, AttributeNames=["MessageGroupId"], WaitTimeSeconds=1,
                                  VisibilityTimeout=30).get("Messages", [])
        for m in got:
            self.take(sqs, m)
        return len(got)

    def take(self, sqs, m):
        g, n = int(m["Attributes"]["MessageGroupId"]), int(m["Body"])
        seen = self.seen[g]
        doubtful = self.doubtful.pop(g, None)
        if doubtful is not None and n != doubtful:
            seen.append(doubtful)  # its delete had happened
        assert n == len(seen), f"group {g}: {n} after {seen[-3:]}"
        self.doubtful[g] = n
        sqs.delete_message(QueueUrl=self.url, ReceiptHandle=m["ReceiptHandle"])
        del self.doubtful[g]
        seen.append(n)


def drain(server, step, url):
    """Until nothing is left, in flight or visible."""
    sqs = server.client("sqs")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
    for _ in range(10):
        server.turn_clock("+31s")
        while step(sqs) > 0:
            pass
        have = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        if all(have[n] == "0" for n in names):
            return
    raise AssertionError("the queue does not become empty")


def test_kill_under_load(fresh_tsubo, eventually):
    server = fresh_tsubo
    sqs = server.client("sqs")
    standard = Standard(sqs.create_queue(QueueName="crash")["QueueUrl"])
    fifo = Fifo(sqs.create_queue(QueueName="crash.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"])
    chance = random.Random(7)
    for _ in range(ROUNDS):
        had = len(standard.sent)
        steps = [standard.send, standard.send, standard.send_batch, standard.receive, standard.receive, fifo.receive]
        workers = [Worker(server, s) for s in steps + [fifo.sender(g) for g in range(GROUPS)]]
        eventually(lambda: len(standard.sent) > had + 20)
        time.sleep(chance.uniform(0.2, 0.9))
        server.kill()
        for w in workers:
            w.join(PATIENCE_S)
            assert not w.is_alive() and w.error is None, repr(w.error)
        server.start()
        server.turn_clock("+31s")
    sqs = server.client("sqs")
    for g in range(GROUPS):
        fifo.sender(g)(sqs)  # what was in doubt is sent again
    drain(server, standard.receive, standard.url)
    drain(server, fifo.receive, fifo.url)
    assert standard.sent <= standard.deleted | standard.maybe_deleted, "an acknowledged message is lost"
    for g in range(GROUPS):
        doubtful = [fifo.doubtful[g]] if g in fifo.doubtful else []
        assert fifo.seen[g] + doubtful == list(range(fifo.next[g])), f"group {g}"
