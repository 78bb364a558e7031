"""FIFO queues: order and locking of message groups, exactly-once processing, high throughput, receive attempts.
Source: "Amazon SQS FIFO queues" (Developer Guide), SendMessage and ReceiveMessage (API Reference)."""
import hashlib

import pytest
from refusals import refused


@pytest.fixture(scope="module")
def sqs(client):
    return client("sqs")


@pytest.fixture
def make(sqs, name):
    def make(**attributes):
        return sqs.create_queue(QueueName=name + ".fifo", Attributes={"FifoQueue": "true", **attributes})["QueueUrl"]
    return make


@pytest.fixture
def queue(make):
    return make(ContentBasedDeduplication="true")


def receive(sqs, queue, n=10, **how):
    return sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=n, AttributeNames=["All"], **how).get("Messages", [])


def bodies(messages):
    return [m["Body"] for m in messages]


def delete(sqs, queue, *messages):
    for m in messages:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=m["ReceiptHandle"])


def counts(sqs, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
    have = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return tuple(int(have[n]) for n in names)


def test_a_group_is_delivered_in_order_and_locked(sqs, queue):
    for i in range(4):
        sqs.send_message(QueueUrl=queue, MessageBody=f"a{i}", MessageGroupId="a")
    sqs.send_message(QueueUrl=queue, MessageBody="b0", MessageGroupId="b")
    first = receive(sqs, queue, 2)
    assert bodies(first) == ["a0", "a1"]
    assert [m["Attributes"]["MessageGroupId"] for m in first] == ["a", "a"]
    assert first[0]["Attributes"]["SequenceNumber"] < first[1]["Attributes"]["SequenceNumber"]
    other = receive(sqs, queue)
    assert bodies(other) == ["b0"]  # group a is locked
    assert receive(sqs, queue) == []
    delete(sqs, queue, first[0])
    assert receive(sqs, queue) == []  # a1 is still in flight
    delete(sqs, queue, first[1])
    assert bodies(receive(sqs, queue)) == ["a2", "a3"]
    assert counts(sqs, queue) == (0, 3, 0)


def test_order_is_kept_when_messages_come_back(tsubo, sqs, queue):
    for i in range(5):
        sqs.send_message(QueueUrl=queue, MessageBody=str(i), MessageGroupId="g")
    taken = receive(sqs, queue, 3)
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=taken[0]["ReceiptHandle"], VisibilityTimeout=0)
    assert receive(sqs, queue) == []  # 1 and 2 are in flight still
    tsubo.turn_clock("+31s")
    again = receive(sqs, queue)
    assert bodies(again) == ["0", "1", "2", "3", "4"]
    assert [m["Attributes"]["ApproximateReceiveCount"] for m in again] == ["2", "2", "2", "1", "1"]
    assert "expired" in refused(sqs.delete_message, "InvalidParameterValue", QueueUrl=queue, ReceiptHandle=taken[0]["ReceiptHandle"])
    delete(sqs, queue, *again)
    assert counts(sqs, queue) == (0, 0, 0)


def test_an_expired_handle_deletes_nothing(tsubo, sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x", MessageGroupId="g")
    old = receive(sqs, queue)[0]
    tsubo.turn_clock("+31s")
    assert "The receipt handle has expired" in refused(sqs.delete_message, "InvalidParameterValue", QueueUrl=queue,
                                                       ReceiptHandle=old["ReceiptHandle"])
    assert bodies(receive(sqs, queue)) == ["x"]


def test_groups_take_turns(sqs, queue):
    for i in range(3):
        for g in "xyz":
            sqs.send_message(QueueUrl=queue, MessageBody=f"{g}{i}", MessageGroupId=g)
    seen = []
    while True:
        got = receive(sqs, queue, 1)
        if not got:
            break
        seen += bodies(got)
        delete(sqs, queue, *got)
    assert sorted(seen) == sorted(f"{g}{i}" for g in "xyz" for i in range(3))
    assert all([s for s in seen if s[0] == g] == [f"{g}{i}" for i in range(3)] for g in "xyz")
    assert seen[:3] != ["x0", "x1", "x2"]


def test_content_based_deduplication(tsubo, sqs, queue):
    first = sqs.send_message(QueueUrl=queue, MessageBody="same", MessageGroupId="g")
    again = sqs.send_message(QueueUrl=queue, MessageBody="same", MessageGroupId="other")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    got = receive(sqs, queue)
    assert bodies(got) == ["same"]
    assert got[0]["Attributes"]["MessageDeduplicationId"] == hashlib.sha256(b"same").hexdigest()
    delete(sqs, queue, *got)
    sqs.send_message(QueueUrl=queue, MessageBody="same", MessageGroupId="g")  # deleted, and remembered all the same
    assert receive(sqs, queue) == []
    tsubo.turn_clock("+5m")
    assert sqs.send_message(QueueUrl=queue, MessageBody="same", MessageGroupId="g")["MessageId"] != first["MessageId"]
    assert bodies(receive(sqs, queue)) == ["same"]


def test_explicit_deduplication(sqs, make):
    queue = make()
    assert "ContentBasedDeduplication" in refused(sqs.send_message, "InvalidParameterValue", QueueUrl=queue, MessageBody="x",
                                                  MessageGroupId="g")
    sqs.send_message(QueueUrl=queue, MessageBody="one", MessageGroupId="g", MessageDeduplicationId="id")
    sqs.send_message(QueueUrl=queue, MessageBody="two", MessageGroupId="g", MessageDeduplicationId="id")
    assert bodies(receive(sqs, queue)) == ["one"]


def test_high_throughput_deduplicates_by_group(sqs, make):
    queue = make(DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    for group in "ab":
        for _ in range(2):
            sqs.send_message(QueueUrl=queue, MessageBody=group, MessageGroupId=group, MessageDeduplicationId="id")
    assert sorted(bodies(receive(sqs, queue))) == ["a", "b"]


def test_deduplication_outlives_a_purge(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x", MessageGroupId="g")
    sqs.purge_queue(QueueUrl=queue)
    assert counts(sqs, queue) == (0, 0, 0)
    sqs.send_message(QueueUrl=queue, MessageBody="x", MessageGroupId="g")
    sqs.send_message(QueueUrl=queue, MessageBody="y", MessageGroupId="g")
    assert bodies(receive(sqs, queue)) == ["y"]


def test_many_deduplication_records_are_forgotten(tsubo, sqs, queue):
    for i in range(3):
        for k in range(12):
            sqs.send_message(QueueUrl=queue, MessageBody=f"{k}", MessageGroupId="g")
        tsubo.turn_clock("+6m")
    assert counts(sqs, queue) == (36, 0, 0)


def test_what_fifo_asks_for(sqs, queue, name):
    send = lambda **how: dict(call=sqs.send_message, QueueUrl=queue, MessageBody="x", **how)
    assert "MessageGroupId" in refused(code="MissingParameter", **send())
    refused(code="InvalidParameterValue", **send(MessageGroupId="g", DelaySeconds=5))
    refused(code="InvalidParameterValue", **send(MessageGroupId="a b"))
    refused(code="InvalidParameterValue", **send(MessageGroupId="g" * 129))
    refused(code="InvalidParameterValue", **send(MessageGroupId="g", MessageDeduplicationId="d" * 129))
    standard = sqs.create_queue(QueueName=name)["QueueUrl"]
    refused(sqs.send_message, "InvalidParameterValue", QueueUrl=standard, MessageBody="x", MessageDeduplicationId="d")
    refused(sqs.receive_message, "InvalidParameterValue", QueueUrl=standard, ReceiveRequestAttemptId="a")
    sqs.send_message(QueueUrl=standard, MessageBody="x", MessageGroupId="tenant")  # a fair queue's
    got = sqs.receive_message(QueueUrl=standard, AttributeNames=["MessageGroupId"])["Messages"][0]
    assert got["Attributes"] == {"MessageGroupId": "tenant"}


def test_delay_of_a_fifo_queue(tsubo, sqs, make):
    queue = make(ContentBasedDeduplication="true", DelaySeconds="600")
    sqs.send_message(QueueUrl=queue, MessageBody="0", MessageGroupId="g")
    tsubo.turn_clock("+6m")
    sqs.send_message(QueueUrl=queue, MessageBody="1", MessageGroupId="g")
    assert receive(sqs, queue) == [] and counts(sqs, queue) == (0, 0, 2)
    tsubo.turn_clock("+6m")
    assert counts(sqs, queue) == (1, 0, 1)
    got = receive(sqs, queue)
    assert bodies(got) == ["0"]
    delete(sqs, queue, *got)
    tsubo.turn_clock("+6m")
    assert bodies(receive(sqs, queue)) == ["1"]


def test_receive_request_attempt(tsubo, sqs, queue):
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "140"})
    for i in range(4):
        sqs.send_message(QueueUrl=queue, MessageBody=str(i), MessageGroupId="g")
    first = receive(sqs, queue, 2, ReceiveRequestAttemptId="try")
    tsubo.turn_clock("+90s")
    second = receive(sqs, queue, 2, ReceiveRequestAttemptId="try")
    assert bodies(first) == bodies(second) == ["0", "1"]
    assert [m["ReceiptHandle"] for m in first] == [m["ReceiptHandle"] for m in second]
    tsubo.turn_clock("+90s")  # the retry has hidden them anew
    assert receive(sqs, queue, 2) == []
    delete(sqs, queue, second[0])
    assert receive(sqs, queue, 2, ReceiveRequestAttemptId="try") == []  # modified, and the group is locked
    delete(sqs, queue, second[1])
    assert bodies(receive(sqs, queue, 2, ReceiveRequestAttemptId="try")) == ["2", "3"]


def test_retention_of_fifo_messages(tsubo, sqs, make, eventually):
    queue = make(ContentBasedDeduplication="true", MessageRetentionPeriod="600")
    sqs.send_message(QueueUrl=queue, MessageBody="a", MessageGroupId="g")
    sqs.send_message(QueueUrl=queue, MessageBody="b", MessageGroupId="g")
    receive(sqs, queue, 1, VisibilityTimeout=3600)
    tsubo.turn_clock("+500s")
    sqs.send_message(QueueUrl=queue, MessageBody="c", MessageGroupId="g")
    assert receive(sqs, queue) == []
    tsubo.turn_clock("+101s")
    eventually(lambda: counts(sqs, queue) == (1, 0, 0))
    assert bodies(receive(sqs, queue)) == ["c"]


def test_batch_in_order(sqs, queue):
    sent = sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": str(i), "MessageBody": str(i), "MessageGroupId": "g"} for i in range(10)])
    numbers = [e["SequenceNumber"] for e in sent["Successful"]]
    assert numbers == sorted(numbers)
    got = receive(sqs, queue)
    assert bodies(got) == [str(i) for i in range(10)]
    sqs.delete_message_batch(QueueUrl=queue, Entries=[{"Id": m["Body"], "ReceiptHandle": m["ReceiptHandle"]} for m in got])
    assert counts(sqs, queue) == (0, 0, 0)
