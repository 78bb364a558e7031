"""Dead-letter queues, their policies, and moving messages back. Source: "Dead-letter queues" (SQS Developer Guide),
StartMessageMoveTask, ListMessageMoveTasks, CancelMessageMoveTask (API Reference)."""
import json
import time

import botocore.exceptions
import pytest
from refusals import refused


@pytest.fixture(scope="module")
def sqs(client):
    return client("sqs")


def arn(name):
    return f"arn:aws:sqs:us-east-1:000000000000:{name}"


def policy(name, count):
    return json.dumps({"deadLetterTargetArn": arn(name), "maxReceiveCount": count})


@pytest.fixture
def pair(sqs, name):
    dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
    source = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy(name + "-dead", 2), "VisibilityTimeout": "10"})["QueueUrl"]
    return source, dead


def take(sqs, url, n=10, **how):
    return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=n, AttributeNames=["All"], **how).get("Messages", [])


def visible(sqs, url):
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"][
        "ApproximateNumberOfMessages"])


def kill(tsubo, sqs, source, n=2):
    """Receive everything as often as it may be, and once more."""
    for _ in range(n):
        take(sqs, source)
        tsubo.turn_clock("+11s")
    assert take(sqs, source) == []


def test_a_message_dies_after_its_receives(tsubo, sqs, pair, name):
    source, dead = pair
    sent = sqs.send_message(QueueUrl=source, MessageBody="bad", MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}})
    kill(tsubo, sqs, source)
    assert visible(sqs, source) == 0 and visible(sqs, dead) == 1
    got = sqs.receive_message(QueueUrl=dead, AttributeNames=["All"], MessageAttributeNames=["All"])["Messages"][0]
    assert got["MessageId"] == sent["MessageId"] and got["Body"] == "bad"
    assert got["MessageAttributes"] == {"k": {"DataType": "String", "StringValue": "v"}}
    assert got["Attributes"]["DeadLetterQueueSourceArn"] == arn(name)
    assert got["Attributes"]["ApproximateReceiveCount"] == "3"
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [source]
    assert sqs.list_dead_letter_source_queues(QueueUrl=source)["queueUrls"] == []


def test_the_others_go_on(tsubo, sqs, pair):
    source, dead = pair
    for i in range(3):
        sqs.send_message(QueueUrl=source, MessageBody=str(i))
    for _ in range(2):
        got = take(sqs, source)
        for m in got:
            if m["Body"] not in "12":
                sqs.delete_message(QueueUrl=source, ReceiptHandle=m["ReceiptHandle"])
        tsubo.turn_clock("+11s")
    sqs.send_message(QueueUrl=source, MessageBody="3")
    assert [m["Body"] for m in take(sqs, source)] == ["3"]  # past two dead ones
    assert (visible(sqs, source), visible(sqs, dead)) == (0, 2)


def test_a_dead_letter_keeps_its_age(tsubo, sqs, pair, eventually):
    source, dead = pair
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"MessageRetentionPeriod": "120"})
    sqs.send_message(QueueUrl=source, MessageBody="old")
    tsubo.turn_clock("+80s")
    sqs.send_message(QueueUrl=dead, MessageBody="young")
    kill(tsubo, sqs, source)
    assert visible(sqs, dead) == 2
    tsubo.turn_clock("+20s")  # 122 seconds after "old" was sent
    eventually(lambda: visible(sqs, dead) == 1)
    assert [m["Body"] for m in take(sqs, dead)] == ["young"]


def test_fifo_dead_letters(tsubo, sqs, name):
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    dead = sqs.create_queue(QueueName=name + "-dead.fifo", Attributes=fifo)["QueueUrl"]
    source = sqs.create_queue(QueueName=name + ".fifo", Attributes={**fifo, "RedrivePolicy": policy(name + "-dead.fifo", 1),
                                                                    "VisibilityTimeout": "10"})["QueueUrl"]
    for i in range(3):
        sqs.send_message(QueueUrl=source, MessageBody=str(i), MessageGroupId="g")
    assert [m["Body"] for m in take(sqs, source, 1)] == ["0"]
    assert take(sqs, source) == []
    tsubo.turn_clock("+11s")
    assert [m["Body"] for m in take(sqs, source)] == ["1", "2"]
    got = take(sqs, dead)
    assert [(m["Body"], m["Attributes"]["MessageGroupId"]) for m in got] == [("0", "g")]
    tsubo.turn_clock("+31s")
    assert take(sqs, source) == [] and visible(sqs, dead) == 3
    task = sqs.start_message_move_task(SourceArn=arn(name + "-dead.fifo"))
    assert task["TaskHandle"]
    tsubo.turn_clock("+1s")
    assert [m["Body"] for m in take(sqs, source, WaitTimeSeconds=20)] == ["0", "1", "2"]


@pytest.mark.parametrize("text, reason", [
    ("[]", "Redrive policy is not a valid JSON map."),
    ('{"maxReceiveCount": 1}', "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."),
    (json.dumps({"deadLetterTargetArn": arn("x")}), "Redrive policy does not contain mandatory attribute: maxReceiveCount."),
    (policy("x", 0), "valid values are from 1 to 1000 both inclusive."),
    (policy("x", 1001), "valid values are from 1 to 1000 both inclusive."),
    (policy("x", 1), "Dead letter target does not exist."),
    (policy("x", 1).replace("000000000000", "111122223333"), "Dead-letter target owner should be same as the source."),
])
def test_bad_redrive_policies(sqs, name, text, reason):
    assert reason in refused(sqs.create_queue, "InvalidParameterValue", QueueName=name, Attributes={"RedrivePolicy": text})


def test_dead_letter_queue_of_another_type(sqs, name):
    sqs.create_queue(QueueName=name + ".fifo", Attributes={"FifoQueue": "true"})
    assert "same type" in refused(sqs.create_queue, "InvalidParameterValue", QueueName=name, Attributes={"RedrivePolicy": policy(name + ".fifo", 1)})


def test_redrive_allow_policy(sqs, name):
    dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
    source = sqs.create_queue(QueueName=name)["QueueUrl"]
    allow = lambda **p: sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": json.dumps(p)})
    use = dict(QueueUrl=source, Attributes={"RedrivePolicy": policy(name + "-dead", 3)})
    allow(redrivePermission="denyAll")
    refused(sqs.set_queue_attributes, "InvalidParameterValue", **use)
    allow(redrivePermission="byQueue", sourceQueueArns=[arn("other")])
    refused(sqs.set_queue_attributes, "InvalidParameterValue", **use)
    allow(redrivePermission="byQueue", sourceQueueArns=[arn("other"), arn(name)])
    sqs.set_queue_attributes(**use)
    have = sqs.get_queue_attributes(QueueUrl=source, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    assert json.loads(have) == {"deadLetterTargetArn": arn(name + "-dead"), "maxReceiveCount": 3}
    sqs.set_queue_attributes(QueueUrl=source, Attributes={"RedrivePolicy": ""})
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=source, AttributeNames=["RedrivePolicy"])
    for bad in [{"redrivePermission": "some"}, {"redrivePermission": "byQueue"}, {"redrivePermission": "allowAll", "sourceQueueArns": [arn("a")]},
                {"redrivePermission": "byQueue", "sourceQueueArns": [arn("a%d" % i) for i in range(11)]}]:
        with pytest.raises(botocore.exceptions.ClientError):
            allow(**bad)


def test_move_back(tsubo, sqs, pair, name, eventually):
    source, dead = pair
    old = {sqs.send_message(QueueUrl=source, MessageBody=str(i))["MessageId"] for i in range(7)}
    kill(tsubo, sqs, source)
    assert visible(sqs, dead) == 7
    refused(sqs.start_message_move_task, "InvalidParameterValue", SourceArn=arn(name))  # nobody's dead-letter queue
    refused(sqs.start_message_move_task, "ResourceNotFoundException", SourceArn=arn("none"))
    refused(sqs.start_message_move_task, "ResourceNotFoundException", SourceArn=arn(name + "-dead"), DestinationArn=arn("none"))
    sqs.start_message_move_task(SourceArn=arn(name + "-dead"))
    eventually(lambda: visible(sqs, source) == 7)
    task = eventually(lambda: [t for t in sqs.list_message_move_tasks(SourceArn=arn(name + "-dead"))["Results"] if t["Status"] == "COMPLETED"])[0]
    assert (task["ApproximateNumberOfMessagesMoved"], task["ApproximateNumberOfMessagesToMove"]) == (7, 7)
    assert "TaskHandle" not in task
    got = take(sqs, source)
    assert sorted(m["Body"] for m in got) == list("0123456")
    assert old.isdisjoint(m["MessageId"] for m in got)  # redriven messages are new ones
    assert {m["Attributes"]["ApproximateReceiveCount"] for m in got} == {"1"}
    assert "DeadLetterQueueSourceArn" not in got[0]["Attributes"]


def test_move_slowly_and_cancel(tsubo, sqs, pair, name, eventually):
    """Two a second: of the service clock, which goes on by itself, too."""
    source, dead = pair
    other = sqs.create_queue(QueueName=name + "-other")["QueueUrl"]
    for i in range(0, 1000, 10):
        sqs.send_message_batch(QueueUrl=dead, Entries=[{"Id": str(k), "MessageBody": str(i + k)} for k in range(10)])
    began, turned_s = time.monotonic(), 0
    most = lambda: 2 * (time.monotonic() - began + turned_s + 1)
    task = sqs.start_message_move_task(SourceArn=arn(name + "-dead"), DestinationArn=arn(name + "-other"), MaxNumberOfMessagesPerSecond=2)
    eventually(lambda: visible(sqs, other) >= 2)
    before = visible(sqs, other)
    assert before <= most()
    refused(sqs.start_message_move_task, "InvalidParameterValue", SourceArn=arn(name + "-dead"))  # one runs
    tsubo.turn_clock("+1s")
    turned_s = 1
    eventually(lambda: visible(sqs, other) >= before + 2)
    listed = sqs.list_message_move_tasks(SourceArn=arn(name + "-dead"), MaxResults=10)["Results"]
    assert [(t["Status"], t["TaskHandle"]) for t in listed] == [("RUNNING", task["TaskHandle"])]
    moved = sqs.cancel_message_move_task(TaskHandle=task["TaskHandle"])["ApproximateNumberOfMessagesMoved"]
    assert before + 2 <= moved <= most()
    tsubo.turn_clock("+10s")
    assert (visible(sqs, other), visible(sqs, dead)) == (moved, 1000 - moved)
    assert sqs.list_message_move_tasks(SourceArn=arn(name + "-dead"))["Results"][0]["Status"] == "CANCELLED"
    refused(sqs.cancel_message_move_task, "AWS.SimpleQueueService.UnsupportedOperation", TaskHandle=task["TaskHandle"])
    refused(sqs.cancel_message_move_task, "InvalidParameterValue", TaskHandle="rubbish")


def test_a_move_without_a_source_fails(sqs, pair, name, eventually):
    _, dead = pair
    sqs.send_message(QueueUrl=dead, MessageBody="sent here directly")
    sqs.start_message_move_task(SourceArn=arn(name + "-dead"))
    task = eventually(lambda: [t for t in sqs.list_message_move_tasks(SourceArn=arn(name + "-dead"))["Results"] if t["Status"] == "FAILED"])[0]
    assert task["FailureReason"] == "CouldNotDetermineMessageSource"
    assert visible(sqs, dead) == 1
