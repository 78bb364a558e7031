"""Sending, receiving, deleting: what the SQS API Reference says of SendMessage, ReceiveMessage, DeleteMessage and
ChangeMessageVisibility. botocore checks every MD5OfMessageBody and MD5OfMessageAttributes it is given."""
import threading
import time

import botocore.exceptions
import pytest
from conftest import eventually
from refusals import refused


@pytest.fixture(scope="module")
def sqs(client):
    return client("sqs")


@pytest.fixture
def queue(sqs, name):
    return sqs.create_queue(QueueName=name)["QueueUrl"]


def bodies(answer):
    return [m["Body"] for m in answer.get("Messages", [])]


def counts(sqs, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
    have = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return tuple(int(have[n]) for n in names)


def test_send_receive_delete(sqs, queue):
    sent = sqs.send_message(QueueUrl=queue, MessageBody="hello")
    assert sent["MD5OfMessageBody"] == "5d41402abc4b2a76b9719d911017c592"
    assert counts(sqs, queue) == (1, 0, 0)
    got = sqs.receive_message(QueueUrl=queue, AttributeNames=["All"])["Messages"]
    assert [m["Body"] for m in got] == ["hello"] and got[0]["MessageId"] == sent["MessageId"]
    assert got[0]["Attributes"]["ApproximateReceiveCount"] == "1"
    assert got[0]["Attributes"]["SenderId"] == "000000000000"
    assert counts(sqs, queue) == (0, 1, 0)
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=got[0]["ReceiptHandle"])
    assert counts(sqs, queue) == (0, 0, 0)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=got[0]["ReceiptHandle"])  # again: no error


def test_visibility_timeout_follows_the_clock(tsubo, sqs, queue):
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "600"})
    sqs.send_message(QueueUrl=queue, MessageBody="again")
    first = sqs.receive_message(QueueUrl=queue, AttributeNames=["All"])["Messages"][0]
    tsubo.turn_clock("+9m")
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    tsubo.turn_clock("+2m")
    assert counts(sqs, queue) == (1, 0, 0)
    second = sqs.receive_message(QueueUrl=queue, AttributeNames=["All"])["Messages"][0]
    assert second["MessageId"] == first["MessageId"] and second["ReceiptHandle"] != first["ReceiptHandle"]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert second["Attributes"]["ApproximateFirstReceiveTimestamp"] == first["Attributes"]["ApproximateFirstReceiveTimestamp"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])  # the old handle deletes nothing
    assert counts(sqs, queue) == (0, 1, 0)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=second["ReceiptHandle"])
    assert counts(sqs, queue) == (0, 0, 0)


def test_message_attributes_and_their_selection(sqs, queue):
    sent = sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes={
        "city": {"DataType": "String", "StringValue": "Kyōto"},
        "population": {"DataType": "Number.int", "StringValue": "1464000"},
        "bar.one": {"DataType": "Binary.png", "BinaryValue": b"\x00\x89"},
    })
    assert len(sent["MD5OfMessageAttributes"]) == 32
    take = lambda *names: sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0, MessageAttributeNames=list(names))["Messages"][0]
    whole = take("All")
    assert whole["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert whole["MessageAttributes"]["bar.one"] == {"DataType": "Binary.png", "BinaryValue": b"\x00\x89"}
    assert whole["MessageAttributes"]["population"] == {"DataType": "Number.int", "StringValue": "1464000"}
    assert set(take(".*")["MessageAttributes"]) == {"city", "population", "bar.one"}
    assert set(take("bar.*")["MessageAttributes"]) == {"bar.one"}
    assert set(take("city", "none")["MessageAttributes"]) == {"city"}
    assert "MessageAttributes" not in take("none") and "MessageAttributes" not in take()


@pytest.mark.parametrize("attributes", [
    {"AWS.x": {"DataType": "String", "StringValue": "v"}},
    {"a..b": {"DataType": "String", "StringValue": "v"}},
    {"a": {"DataType": "Text", "StringValue": "v"}},
    {"a": {"DataType": "String"}},
    {"a": {"DataType": "Number", "StringValue": "many"}},
    {"a%d" % i: {"DataType": "String", "StringValue": "v"} for i in range(11)},
])
def test_bad_message_attributes(sqs, queue, attributes):
    refused(sqs.send_message, "InvalidParameterValue", QueueUrl=queue, MessageBody="x", MessageAttributes=attributes)
    assert counts(sqs, queue) == (0, 0, 0)


def test_trace_header(sqs, queue):
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    sent = sqs.send_message(QueueUrl=queue, MessageBody="x", MessageSystemAttributes={
        "AWSTraceHeader": {"DataType": "String", "StringValue": trace}})
    assert len(sent["MD5OfMessageSystemAttributes"]) == 32
    got = sqs.receive_message(QueueUrl=queue, MessageSystemAttributeNames=["AWSTraceHeader"])["Messages"][0]
    assert got["Attributes"] == {"AWSTraceHeader": trace}


def test_body_rules(sqs, queue):
    refused(sqs.send_message, "MissingParameter", QueueUrl=queue, MessageBody="")
    refused(sqs.send_message, "InvalidMessageContents", QueueUrl=queue, MessageBody="a\x01b")
    refused(sqs.send_message, "InvalidMessageContents", QueueUrl=queue, MessageBody="a\ufffe")
    sqs.send_message(QueueUrl=queue, MessageBody="tab\t newline\n emoji \U0001f363 \ufffd")
    assert bodies(sqs.receive_message(QueueUrl=queue)) == ["tab\t newline\n emoji \U0001f363 \ufffd"]


def test_size_limits(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x" * (1 << 20))
    assert len(bodies(sqs.receive_message(QueueUrl=queue))[0]) == 1 << 20
    refused(sqs.send_message, "InvalidParameterValue", QueueUrl=queue, MessageBody="x" * ((1 << 20) + 1))
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"MaximumMessageSize": "1024"})
    attribute = {"n": {"DataType": "String", "StringValue": "v"}}  # 1 + 6 + 1 bytes
    sqs.send_message(QueueUrl=queue, MessageBody="x" * 1016, MessageAttributes=attribute)
    error = refused(sqs.send_message, "InvalidParameterValue", QueueUrl=queue, MessageBody="x" * 1017, MessageAttributes=attribute)
    assert error == "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."


def test_delay_of_the_message_and_of_the_queue(tsubo, sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="later", DelaySeconds=900)
    sqs.send_message(QueueUrl=queue, MessageBody="now")
    assert counts(sqs, queue) == (1, 0, 1)
    assert bodies(sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)) == ["now"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"DelaySeconds": "60", "VisibilityTimeout": "3600"})
    sqs.send_message(QueueUrl=queue, MessageBody="a minute")
    sqs.send_message(QueueUrl=queue, MessageBody="none", DelaySeconds=0)
    assert bodies(sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=3600)) == ["none"]
    tsubo.turn_clock("+61s")
    assert sorted(bodies(sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10))) == ["a minute", "now"]
    tsubo.turn_clock("+15m")
    assert bodies(sqs.receive_message(QueueUrl=queue)) == ["later"]
    error = refused(sqs.send_message, "InvalidParameterValue", QueueUrl=queue, MessageBody="x", DelaySeconds=901)
    assert "DelaySeconds must be >= 0 and <= 900" in error


def test_change_message_visibility(tsubo, sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    handle = sqs.receive_message(QueueUrl=queue)["Messages"][0]["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=3600)
    tsubo.turn_clock("+59m")
    assert counts(sqs, queue) == (0, 1, 0)
    refused(sqs.change_message_visibility, "InvalidParameterValue", QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=43200)
    refused(sqs.change_message_visibility, "InvalidParameterValue", QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=43201)
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=0)
    assert counts(sqs, queue) == (1, 0, 0)
    refused(sqs.change_message_visibility, "AWS.SimpleQueueService.MessageNotInflight", QueueUrl=queue, ReceiptHandle=handle,
            VisibilityTimeout=10)
    handle = sqs.receive_message(QueueUrl=queue)["Messages"][0]["ReceiptHandle"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=handle)
    error = refused(sqs.change_message_visibility, "InvalidParameterValue", QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=10)
    assert "Message does not exist or is not available for visibility timeout change." in error


def test_receipt_handles_are_checked(sqs, queue, name):
    other = sqs.create_queue(QueueName=name + "-other")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    handle = sqs.receive_message(QueueUrl=queue)["Messages"][0]["ReceiptHandle"]
    for bad in ["nonsense", ("A" if handle[0] != "A" else "B") + handle[1:], handle[4:]]:
        with pytest.raises(botocore.exceptions.ClientError) as e:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=bad)
        assert e.value.response["Error"]["Code"] == "ReceiptHandleIsInvalid" and e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    refused(sqs.delete_message, "ReceiptHandleIsInvalid", QueueUrl=other, ReceiptHandle=handle)


@pytest.mark.parametrize("parameter, value", [("MaxNumberOfMessages", 0), ("MaxNumberOfMessages", 11), ("WaitTimeSeconds", 21),
                                              ("WaitTimeSeconds", -1), ("VisibilityTimeout", 43201)])
def test_receive_parameters_out_of_range(sqs, queue, parameter, value):
    refused(sqs.receive_message, "InvalidParameterValue", QueueUrl=queue, **{parameter: value})


class Receiver(threading.Thread):
    """A long poll in the background: it has come to the server when this is made, and waits in the next moment."""

    def __init__(self, tsubo, sqs, queue, **how):
        super().__init__()
        self.sqs, self.queue, self.how, self.answer = sqs, queue, how, None
        self.start()
        eventually(lambda: tsubo.admin("status")["running_calls"] > 0)
        time.sleep(0.1)

    def run(self):
        self.answer = bodies(self.sqs.receive_message(QueueUrl=self.queue, **self.how))

    def result(self):
        self.join(9)  # less than any delay and any wait of these tests takes without the clock's being turned
        assert not self.is_alive(), "the long poll did not come back"
        return self.answer


def test_long_poll_wakes_for_a_message(tsubo, sqs, queue):
    poll = Receiver(tsubo, sqs, queue, WaitTimeSeconds=20)
    sqs.send_message(QueueUrl=queue, MessageBody="wake")
    assert poll.result() == ["wake"]


def test_long_poll_of_the_queue_ends_with_nothing(tsubo, sqs, queue):
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"ReceiveMessageWaitTimeSeconds": "20"})
    poll = Receiver(tsubo, sqs, queue)
    assert poll.is_alive()
    tsubo.turn_clock("+20s")
    assert poll.result() == []


def test_long_poll_wakes_when_a_delay_is_over(tsubo, sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="first", DelaySeconds=10)
    poll = Receiver(tsubo, sqs, queue, WaitTimeSeconds=20)
    tsubo.turn_clock("+11s")
    assert poll.result() == ["first"]
    poll = Receiver(tsubo, sqs, queue, WaitTimeSeconds=20)
    sqs.send_message(QueueUrl=queue, MessageBody="second", DelaySeconds=10)  # sent while one waits
    assert poll.is_alive()
    tsubo.turn_clock("+11s")
    assert poll.result() == ["second"]


def test_long_poll_wakes_when_a_message_comes_back(tsubo, sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    poll = None
    got = sqs.receive_message(QueueUrl=queue, VisibilityTimeout=15)["Messages"][0]
    poll = Receiver(tsubo, sqs, queue, WaitTimeSeconds=20)
    tsubo.turn_clock("+16s")
    assert poll.result() == ["x"]
    poll = Receiver(tsubo, sqs, queue, WaitTimeSeconds=20)
    tsubo.turn_clock("+10s")
    assert poll.is_alive()
    sqs.send_message(QueueUrl=queue, MessageBody="end")
    assert poll.result() == ["end"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=got["ReceiptHandle"])


def test_a_waiting_receive_of_a_deleted_queue_is_told(tsubo, sqs, queue):
    caught = []

    def wait():
        try:
            sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)
        except botocore.exceptions.ClientError as e:
            caught.append(e.response["Error"]["Code"])
    thread = threading.Thread(target=wait)
    thread.start()
    eventually(lambda: tsubo.admin("status")["running_calls"] > 0)
    time.sleep(0.1)
    sqs.delete_queue(QueueUrl=queue)
    thread.join(9)
    assert caught == ["AWS.SimpleQueueService.NonExistentQueue"]


def test_batches(sqs, queue):
    sent = sqs.send_message_batch(QueueUrl=queue, Entries=[
        {"Id": "a", "MessageBody": "one"}, {"Id": "b", "MessageBody": "bad\x02"},
        {"Id": "c", "MessageBody": "three", "DelaySeconds": 901}, {"Id": "d", "MessageBody": "four"}])
    assert [e["Id"] for e in sent["Successful"]] == ["a", "d"]
    assert [(e["Id"], e["Code"], e["SenderFault"]) for e in sent["Failed"]] == [
        ("b", "InvalidMessageContents", True), ("c", "InvalidParameterValue", True)]
    got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [m["Body"] for m in got] == ["one", "four"]
    changed = sqs.change_message_visibility_batch(QueueUrl=queue, Entries=[
        {"Id": "x", "ReceiptHandle": got[0]["ReceiptHandle"], "VisibilityTimeout": 0},
        {"Id": "y", "ReceiptHandle": "no", "VisibilityTimeout": 0}])
    assert [e["Id"] for e in changed["Successful"]] == ["x"] and [e["Code"] for e in changed["Failed"]] == ["ReceiptHandleIsInvalid"]
    assert counts(sqs, queue) == (1, 1, 0)
    gone = sqs.delete_message_batch(QueueUrl=queue, Entries=[
        {"Id": "x", "ReceiptHandle": got[0]["ReceiptHandle"]}, {"Id": "y", "ReceiptHandle": got[1]["ReceiptHandle"]}])
    assert len(gone["Successful"]) == 2 and "Failed" not in gone
    assert counts(sqs, queue) == (0, 0, 0)


def test_batch_rules(sqs, queue):
    send = lambda entries: dict(call=sqs.send_message_batch, QueueUrl=queue, Entries=entries)
    entry = lambda id, body="x": {"Id": id, "MessageBody": body}
    prefix = "AWS.SimpleQueueService."
    refused(code=prefix + "EmptyBatchRequest", **send([]))
    refused(code=prefix + "TooManyEntriesInBatchRequest", **send([entry(str(i)) for i in range(11)]))
    refused(code=prefix + "BatchEntryIdsNotDistinct", **send([entry("a"), entry("b"), entry("a")]))
    refused(code=prefix + "InvalidBatchEntryId", **send([entry("a b")]))
    refused(code=prefix + "InvalidBatchEntryId", **send([entry("x" * 81)]))
    refused(code=prefix + "BatchRequestTooLong", **send([entry(str(i), "x" * 300000) for i in range(4)]))
    assert counts(sqs, queue) == (0, 0, 0)


def test_many_messages_in_order_once_each(sqs, queue):
    for i in range(30):
        sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": str(k), "MessageBody": str(10 * i + k)} for k in range(10)])
    assert counts(sqs, queue) == (300, 0, 0)
    seen = []
    while True:
        got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=7).get("Messages")
        if not got:
            break
        seen += [int(m["Body"]) for m in got]
        sqs.delete_message_batch(QueueUrl=queue, Entries=[{"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"]} for m in got])
    assert seen == list(range(300))
    assert counts(sqs, queue) == (0, 0, 0)


def test_retention(tsubo, sqs, queue, eventually):
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"MessageRetentionPeriod": "60"})
    sqs.send_message(QueueUrl=queue, MessageBody="old")
    sqs.send_message(QueueUrl=queue, MessageBody="delayed", DelaySeconds=900)
    sqs.send_message(QueueUrl=queue, MessageBody="in flight")
    sqs.receive_message(QueueUrl=queue, VisibilityTimeout=3600)
    tsubo.turn_clock("+40s")
    sqs.send_message(QueueUrl=queue, MessageBody="young")
    tsubo.turn_clock("+21s")
    eventually(lambda: counts(sqs, queue) == (1, 0, 0))
    assert bodies(sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)) == ["young"]
    tsubo.turn_clock("+40s")
    eventually(lambda: counts(sqs, queue) == (0, 0, 0))


def test_a_shorter_retention_counts_for_messages_that_are_there(tsubo, sqs, queue, eventually):
    sqs.send_message(QueueUrl=queue, MessageBody="old")
    tsubo.turn_clock("+2m")
    sqs.send_message(QueueUrl=queue, MessageBody="young")
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"MessageRetentionPeriod": "60"})
    eventually(lambda: counts(sqs, queue) == (1, 0, 0))
    assert bodies(sqs.receive_message(QueueUrl=queue)) == ["young"]
