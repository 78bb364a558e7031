"""SSE-KMS of queues through boto3. Expectations: "Encryption at rest in Amazon SQS", "Amazon SQS Key management" (SQS Developer Guide)."""
import json
import os

import pytest
from refusals import refused, user

ACCOUNT = "000000000000"


@pytest.fixture
def key(client):
    return client("kms").create_key()["KeyMetadata"]["Arn"]


def make(client, name, key, **more):
    sqs = client("sqs")
    return sqs.create_queue(QueueName=name, Attributes={"KmsMasterKeyId": key, **more})["QueueUrl"]


def receive(sqs, url, n=1):
    return [m["Body"] for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=n, WaitTimeSeconds=1).get("Messages", [])]


def test_attributes(client, name, key):
    sqs = client("sqs")
    url = make(client, name, key)
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (shown["KmsMasterKeyId"], shown["KmsDataKeyReusePeriodSeconds"], shown["SqsManagedSseEnabled"]) == (key, "300", "false")
    refused(sqs.set_queue_attributes, "InvalidAttributeValue", QueueUrl=url, Attributes={"KmsDataKeyReusePeriodSeconds": "59"})
    refused(sqs.set_queue_attributes, "InvalidAttributeValue", QueueUrl=url, Attributes={"KmsMasterKeyId": key, "SqsManagedSseEnabled": "true"})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": ""})
    assert "KmsMasterKeyId" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def test_send_and_receive(client, name, key):
    sqs = client("sqs")
    url = make(client, name, key)
    sqs.send_message(QueueUrl=url, MessageBody="one", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "two"}, {"Id": "2", "MessageBody": "三"}])
    got = []
    while len(got) < 3:
        got += receive(sqs, url, 10)
    assert sorted(got) == sorted(["one", "two", "三"])


def test_the_managed_key(client, name):
    sqs = client("sqs")
    url = make(client, name, "alias/aws/sqs")
    mine = user(client, name, {"Action": "sqs:*"})("sqs")
    mine.send_message(QueueUrl=url, MessageBody="hello")
    assert receive(mine, url) == ["hello"]
    assert client("kms").describe_key(KeyId="alias/aws/sqs")["KeyMetadata"]["KeyManager"] == "AWS"


def test_permissions(client, name, key):
    url = make(client, name, key)
    none, sender, whole = (user(client, f"{name}-{k}", {"Action": ["sqs:*", *more]})("sqs") for k, more in (
        ("none", ()), ("sender", ("kms:GenerateDataKey",)), ("whole", ("kms:GenerateDataKey", "kms:Decrypt"))))
    assert "kms:GenerateDataKey" in refused(none.send_message, "KMS.AccessDeniedException", QueueUrl=url, MessageBody="x")
    failed = none.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "x"}])["Failed"]
    assert failed[0]["Code"] == "KMS.AccessDeniedException"
    sender.send_message(QueueUrl=url, MessageBody="x")
    refused(none.receive_message, "KMS.AccessDeniedException", QueueUrl=url)
    assert receive(whole, url) == ["x"]  # a refused receive has hidden nothing


def test_key_state_and_reuse(fresh_tsubo):
    client = fresh_tsubo.client
    sqs, kms = client("sqs"), client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    url = make(client, "q", key, KmsDataKeyReusePeriodSeconds="60", VisibilityTimeout="0")
    sqs.send_message(QueueUrl=url, MessageBody="first")
    kms.disable_key(KeyId=key)
    sqs.send_message(QueueUrl=url, MessageBody="second")  # within the period KMS is not asked
    fresh_tsubo.turn_clock("+61s")
    refused(sqs.send_message, "KMS.DisabledException", QueueUrl=url, MessageBody="third")
    refused(sqs.receive_message, "KMS.DisabledException", QueueUrl=url)
    kms.enable_key(KeyId=key)
    assert receive(sqs, url, 10) != []


def test_dead_letters_and_changed_settings(client, name, key):
    """A message stays under the key that it was sent with, wherever it goes."""
    sqs = client("sqs")
    dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}-dead"
    url = make(client, name, key, VisibilityTimeout="0", RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"}))
    sqs.send_message(QueueUrl=url, MessageBody="doomed")
    assert receive(sqs, url) == ["doomed"]
    assert receive(sqs, url) == []
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": "", "VisibilityTimeout": "30"})
    assert receive(sqs, dead) == ["doomed"]
    sqs.purge_queue(QueueUrl=dead)


def test_redriven_messages(client, name, key, eventually):
    """A move task gives a message a new id, and its sealed body to the queue it came from."""
    sqs = client("sqs")
    dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}-dead"
    url = make(client, name, key, VisibilityTimeout="0", RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"}))
    sqs.send_message(QueueUrl=url, MessageBody="comes back")
    assert receive(sqs, url) == ["comes back"]
    assert receive(sqs, url) == []
    sqs.start_message_move_task(SourceArn=arn)
    assert eventually(lambda: receive(sqs, url)) == ["comes back"]


def test_bodies_are_not_in_the_store(fresh_tsubo):
    client = fresh_tsubo.client
    url = make(client, "q", "alias/aws/sqs")
    plain = client("sqs").create_queue(QueueName="plain")["QueueUrl"]
    client("sqs").send_message(QueueUrl=url, MessageBody="the-sealed-text")
    client("sqs").send_message(QueueUrl=plain, MessageBody="the-plain-text")
    fresh_tsubo.stop()
    found = set()
    for folder, _, files in os.walk(fresh_tsubo.data):
        for f in files:
            with open(os.path.join(folder, f), "rb") as handle:
                data = handle.read()
                found |= {t for t in (b"the-sealed-text", b"the-plain-text") if t in data}
    assert found == {b"the-plain-text"}


def test_cloudformation(client, name, key):
    cfn = client("cloudformation")
    cfn.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {
        "QueueName": name, "KmsMasterKeyId": key, "KmsDataKeyReusePeriodSeconds": 600}}}}))
    cfn.get_waiter("stack_create_complete").wait(StackName=name)
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (shown["KmsMasterKeyId"], shown["KmsDataKeyReusePeriodSeconds"]) == (key, "600")
