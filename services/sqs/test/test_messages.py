"""Sending, receiving, deleting: what the SQS API Reference says of SendMessage, ReceiveMessage, DeleteMessage and
ChangeMessageVisibility. botocore checks every MD5OfMessageBody and MD5OfMessageAttributes it is given."""
import threading
import time

import botocore.exceptions
import pytest


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


def fails(code, call, **how):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        call(**how)
    assert e.value.response["Error"]["Code"] == code, e.value
    return e.value.response


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
    sqs.send_message(QueueUrl=queue, MessageBody="again")
    first = sqs.receive_message(QueueUrl=queue, AttributeNames=["All"])["Messages"][0]
    tsubo.turn_clock("+29s")
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    tsubo.turn_clock("+2s")
    assert counts(sqs, queue) == (1, 0, 0)
    second = sqs.receive_message(QueueUrl=queue, AttributeNames=["All"])["Messages"][0]
    assert second["MessageId"] == first["MessageId"] and second["ReceiptHandle"] != first["ReceiptHandle"]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert second["Attributes"]["ApproximateFirstReceiveTimestamp"] == first["Attributes"]["ApproximateFirstReceiveTimestamp"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])  # the old handle deletes nothing
    assert counts(sqs, queue) == (0, 1, 0)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=second["ReceiptHandle"])
    assert counts(sqs, queue) == (0, 0, 0)
