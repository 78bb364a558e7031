"""Queues themselves: names, attributes, listing, tags, purge, deletion. Source: SQS API Reference."""
import pytest
from refusals import refused


@pytest.fixture(scope="module")
def sqs(client):
    return client("sqs")


@pytest.fixture
def queue(sqs, name):
    return sqs.create_queue(QueueName=name)["QueueUrl"]


def attributes(sqs, url, *names):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names) or ["All"])["Attributes"]


def test_url_and_defaults(tsubo, sqs, name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    assert url == f"{tsubo.url}/000000000000/{name}" == sqs.get_queue_url(QueueName=name)["QueueUrl"]
    have = attributes(sqs, url)
    created = have.pop("CreatedTimestamp")
    assert have.pop("LastModifiedTimestamp") == created and len(created) == 10
    assert have == {
        "QueueArn": f"arn:aws:sqs:us-east-1:000000000000:{name}", "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0", "ApproximateNumberOfMessagesDelayed": "0", "VisibilityTimeout": "30",
        "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600", "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true"}
    assert attributes(sqs, url, "VisibilityTimeout", "Policy") == {"VisibilityTimeout": "30"}
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url)


def test_fifo_attributes(sqs, name):
    url = sqs.create_queue(QueueName=name + ".fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    have = attributes(sqs, url)
    assert {k: have[k] for k in ("FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")} == {
        "FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}
    change = lambda **a: dict(call=sqs.set_queue_attributes, QueueUrl=url, Attributes=a)
    refused(code="InvalidAttributeValue", **change(FifoThroughputLimit="perMessageGroupId"))
    refused(code="InvalidAttributeValue", **change(FifoQueue="false"))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"})
    assert attributes(sqs, url, "FifoThroughputLimit") == {"FifoThroughputLimit": "perMessageGroupId"}


@pytest.mark.parametrize("name, attributes", [
    ("a b", {}), ("x" * 81, {}), ("ü", {}), ("a.fifo", {}), ("noend", {"FifoQueue": "true"}), (".fifo", {"FifoQueue": "true"}),
    ("x" * 76 + ".fifo", {"FifoQueue": "true"})])
def test_bad_names(sqs, name, attributes):
    refused(sqs.create_queue, "InvalidParameterValue", QueueName=name, Attributes=attributes)


@pytest.mark.parametrize("attribute, value, code", [
    ("VisibilityTimeout", "43201", "InvalidAttributeValue"), ("VisibilityTimeout", "-1", "InvalidAttributeValue"),
    ("VisibilityTimeout", "ten", "InvalidAttributeValue"), ("DelaySeconds", "901", "InvalidAttributeValue"),
    ("MaximumMessageSize", "1023", "InvalidAttributeValue"), ("MaximumMessageSize", "1048577", "InvalidAttributeValue"),
    ("MessageRetentionPeriod", "59", "InvalidAttributeValue"), ("MessageRetentionPeriod", "1209601", "InvalidAttributeValue"),
    ("ReceiveMessageWaitTimeSeconds", "21", "InvalidAttributeValue"), ("SqsManagedSseEnabled", "maybe", "InvalidAttributeValue"),
    ("Policy", "{", "InvalidAttributeValue"), ("Unknown", "1", "InvalidAttributeName"), ("FifoQueue", "false", "InvalidAttributeName"),
    ("ContentBasedDeduplication", "true", "InvalidAttributeName"), ("QueueArn", "arn", "InvalidAttributeName"),
    ("ApproximateNumberOfMessages", "1", "InvalidAttributeName"), ("RedrivePolicy", "nonsense", "InvalidParameterValue"),
])
def test_bad_attributes(sqs, queue, name, attribute, value, code):
    refused(sqs.create_queue, code, QueueName=name + "-new", Attributes={attribute: value})
    refused(sqs.set_queue_attributes, code, QueueUrl=queue, Attributes={attribute: value})


def test_create_again(sqs, name, queue):
    assert sqs.create_queue(QueueName=name)["QueueUrl"] == queue
    assert sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "30"})["QueueUrl"] == queue
    message = refused(sqs.create_queue, "QueueAlreadyExists", QueueName=name, Attributes={"VisibilityTimeout": "31"})
    assert message == "A queue already exists with the same name and a different value for attribute VisibilityTimeout"


def test_a_change_shows(tsubo, sqs, queue):
    before = attributes(sqs, queue)
    tsubo.turn_clock("+5s")
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "7", "DelaySeconds": "3"})
    after = attributes(sqs, queue)
    assert (after["VisibilityTimeout"], after["DelaySeconds"]) == ("7", "3")
    assert int(after["LastModifiedTimestamp"]) >= int(before["LastModifiedTimestamp"]) + 5
    assert after["CreatedTimestamp"] == before["CreatedTimestamp"]
    refused(sqs.get_queue_attributes, "InvalidAttributeName", QueueUrl=queue, AttributeNames=["Unknown"])


def test_deletion_and_the_60_second_rule(tsubo, sqs, name, queue, eventually):
    sqs.send_message(QueueUrl=queue, MessageBody="lost")
    sqs.delete_queue(QueueUrl=queue)
    refused(sqs.get_queue_url, "AWS.SimpleQueueService.NonExistentQueue", QueueName=name)
    refused(sqs.send_message, "AWS.SimpleQueueService.NonExistentQueue", QueueUrl=queue, MessageBody="x")
    refused(sqs.delete_queue, "AWS.SimpleQueueService.NonExistentQueue", QueueUrl=queue)
    message = refused(sqs.create_queue, "AWS.SimpleQueueService.QueueDeletedRecently", QueueName=name)
    assert message.startswith("You must wait 60 seconds after deleting a queue")
    tsubo.turn_clock("+60s")
    sqs.create_queue(QueueName=name)
    assert attributes(sqs, queue, "ApproximateNumberOfMessages") == {"ApproximateNumberOfMessages": "0"}
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)


def test_purge(tsubo, sqs, queue):
    for i in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody=str(i), DelaySeconds=60 * (i == 2))
    handle = sqs.receive_message(QueueUrl=queue)["Messages"][0]["ReceiptHandle"]
    sqs.purge_queue(QueueUrl=queue)
    have = attributes(sqs, queue)
    assert [have["ApproximateNumberOfMessages" + k] for k in ("", "NotVisible", "Delayed")] == ["0", "0", "0"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=handle)
    assert "every 60 seconds" in refused(sqs.purge_queue, "AWS.SimpleQueueService.PurgeQueueInProgress", QueueUrl=queue)
    sqs.send_message(QueueUrl=queue, MessageBody="after")
    tsubo.turn_clock("+61s")
    assert [m["Body"] for m in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]] == ["after"]
    sqs.purge_queue(QueueUrl=queue)


def test_listing_in_pages(client, name):
    sqs = client("sqs", region="eu-west-3")
    urls = sorted(sqs.create_queue(QueueName=f"{name}-{i}")["QueueUrl"] for i in range(5))
    assert sqs.list_queues(QueueNamePrefix=name)["QueueUrls"] == urls
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=name + "-none")
    first = sqs.list_queues(QueueNamePrefix=name, MaxResults=2)
    assert first["QueueUrls"] == urls[:2]
    second = sqs.list_queues(QueueNamePrefix=name, MaxResults=3, NextToken=first["NextToken"])
    assert second["QueueUrls"] == urls[2:] and "NextToken" not in second
    refused(sqs.list_queues, "InvalidParameterValue", MaxResults=1001)
    refused(sqs.list_queues, "InvalidParameterValue", NextToken="rubbish")
    assert name + "-0" not in str(client("sqs").list_queues().get("QueueUrls"))  # another region's


def test_tags(sqs, name):
    url = sqs.create_queue(QueueName=name, tags={"team": "a", "stage": "dev"})["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"team": "b", "new": ""})
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "b", "stage": "dev", "new": ""}
    sqs.untag_queue(QueueUrl=url, TagKeys=["stage", "none"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "b", "new": ""}
    refused(sqs.tag_queue, "InvalidParameterValue", QueueUrl=url, Tags={str(i): "x" for i in range(49)})
    refused(sqs.tag_queue, "InvalidParameterValue", QueueUrl=url, Tags={"aws:x": "y"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["team", "new"])
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=url)


def test_bad_urls(tsubo, sqs):
    refused(sqs.send_message, "InvalidAddress", QueueUrl=tsubo.url + "/nothing", MessageBody="x")
    refused(sqs.send_message, "AWS.SimpleQueueService.NonExistentQueue", QueueUrl=tsubo.url + "/111122223333/q", MessageBody="x")


def test_queues_survive_a_restart(fresh_tsubo):
    sqs = fresh_tsubo.client("sqs")
    url = sqs.create_queue(QueueName="kept", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="one")
    sqs.send_message(QueueUrl=url, MessageBody="two", DelaySeconds=900)
    sqs.receive_message(QueueUrl=url)
    fresh_tsubo.restart()
    have = attributes(sqs, url)
    assert (have["VisibilityTimeout"], have["ApproximateNumberOfMessagesNotVisible"], have["ApproximateNumberOfMessagesDelayed"]) == (
        "600", "1", "1")
    fresh_tsubo.turn_clock("+900s")
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert sorted(m["Body"] for m in got) == ["one", "two"]
