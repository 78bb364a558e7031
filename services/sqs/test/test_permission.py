"""Queue policies: AddPermission, RemovePermission, the Policy attribute, and who may do what because of them.
Source: "Identity and access management in Amazon SQS" (Developer Guide)."""
import json

import pytest
from refusals import refused


@pytest.fixture(scope="module")
def sqs(client):
    return client("sqs")


@pytest.fixture
def queue(sqs, name):
    return sqs.create_queue(QueueName=name)["QueueUrl"]


def policy(sqs, url):
    have = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    return json.loads(have["Attributes"]["Policy"]) if "Attributes" in have else None


def test_add_and_remove(sqs, queue, name):
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    sqs.add_permission(QueueUrl=queue, Label="one", AWSAccountIds=["111122223333"], Actions=["SendMessage"])
    sqs.add_permission(QueueUrl=queue, Label="two", AWSAccountIds=["111122223333", "444455556666"], Actions=["ReceiveMessage", "DeleteMessage"])
    assert policy(sqs, queue) == {"Version": "2008-10-17", "Id": arn + "/SQSDefaultPolicy", "Statement": [
        {"Sid": "one", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "SQS:SendMessage", "Resource": arn},
        {"Sid": "two", "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:root"]},
         "Action": ["SQS:ReceiveMessage", "SQS:DeleteMessage"], "Resource": arn}]}
    more = dict(call=sqs.add_permission, QueueUrl=queue, AWSAccountIds=["111122223333"])
    assert "Already exists" in refused(code="InvalidParameterValue", Label="one", Actions=["SendMessage"], **more)
    refused(code="InvalidParameterValue", Label="three", Actions=["CreateQueue"], **more)
    refused(code="OverLimit", Label="three", Actions=["SendMessage"] * 8, **more)
    refused(sqs.add_permission, "InvalidParameterValue", QueueUrl=queue, Label="x", AWSAccountIds=["me"], Actions=["*"])
    sqs.remove_permission(QueueUrl=queue, Label="one")
    assert [s["Sid"] for s in policy(sqs, queue)["Statement"]] == ["two"]
    assert "can't find label" in refused(sqs.remove_permission, "InvalidParameterValue", QueueUrl=queue, Label="one")
    sqs.remove_permission(QueueUrl=queue, Label="two")
    assert policy(sqs, queue) is None


def test_policy_attribute(sqs, queue, name):
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage",
                                                        "Resource": f"arn:aws:sqs:us-east-1:000000000000:{name}"}]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(document)})
    assert policy(sqs, queue) == document
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
    assert policy(sqs, queue) is None


def test_an_explicit_deny_stops_even_root(sqs, queue, name):
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": f"arn:aws:sqs:us-east-1:000000000000:{name}"}]})})
    for call, how in [(sqs.send_message, {"MessageBody": "x"}), (sqs.send_message_batch, {"Entries": [{"Id": "a", "MessageBody": "x"}]})]:
        message = refused(call, "AccessDenied", QueueUrl=queue, **how)
        assert "sqs:SendMessage" in message and "explicit deny" in message
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)


def test_tags_are_condition_keys(client, sqs, name):
    """"Attribute-based access control for Amazon SQS": aws:ResourceTag, aws:RequestTag, aws:TagKeys."""
    iam = client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = client("sqs", key["AccessKeyId"], key["SecretAccessKey"])
    allow = lambda action, **condition: {"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        allow("sqs:SendMessage", StringEquals={"aws:ResourceTag/team": "blue"}),
        allow(["sqs:CreateQueue", "sqs:TagQueue"], StringEquals={"aws:RequestTag/team": "blue"}),
        allow("sqs:UntagQueue", **{"ForAllValues:StringEquals": {"aws:TagKeys": ["mine"]}})]}))
    url = own.create_queue(QueueName=name, tags={"team": "blue", "mine": "1"})["QueueUrl"]
    own.send_message(QueueUrl=url, MessageBody="x")
    own.untag_queue(QueueUrl=url, TagKeys=["mine"])
    refused(own.untag_queue, "AccessDenied", QueueUrl=url, TagKeys=["team"])
    refused(own.create_queue, "AccessDenied", QueueName=name + "-red", tags={"team": "red"})
    sqs.tag_queue(QueueUrl=url, Tags={"team": "red"})
    refused(own.send_message, "AccessDenied", QueueUrl=url, MessageBody="x")


def test_attributes_that_are_not_there_are_refused(sqs, queue):
    """ReceiveMessage, InvalidAttributeName."""
    refused(sqs.receive_message, "InvalidAttributeName", QueueUrl=queue, AttributeNames=["Foo"])
    refused(sqs.receive_message, "InvalidAttributeName", QueueUrl=queue, MessageSystemAttributeNames=["SentTimestamp", "Foo"])
    sqs.receive_message(QueueUrl=queue, AttributeNames=["SentTimestamp", "VisibilityTimeout"], MessageSystemAttributeNames=["All"])
