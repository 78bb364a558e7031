"""A role's session may do with a queue what its policies, or the queue's, allow: nothing else."""
import json

import botocore.exceptions
import pytest


def allow(actions, resource, **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource, **more}]})


@pytest.fixture
def role(client, name):
    """A session of a role of that policy, as an SQS client."""
    iam, sts = client("iam"), client("sts")

    def role(document):
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
                                                         "Action": "sts:AssumeRole"}]}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        if document:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
        c = sts.assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
        return client("sqs", key=c["AccessKeyId"], secret=c["SecretAccessKey"], token=c["SessionToken"]), arn
    return role


def denied(call, **how):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        call(**how)
    assert e.value.response["Error"]["Code"] == "AccessDenied"
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    return e.value.response["Error"]["Message"]


def test_identity_policy(client, role, name):
    url = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    other = client("sqs").create_queue(QueueName=name + "-other")["QueueUrl"]
    mine, _ = role(allow(["sqs:SendMessage", "sqs:GetQueueUrl"], f"arn:aws:sqs:us-east-1:000000000000:{name}"))
    mine.send_message(QueueUrl=url, MessageBody="x")
    mine.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "y"}])
    assert mine.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert "sqs:ReceiveMessage" in denied(mine.receive_message, QueueUrl=url)
    denied(mine.delete_message_batch, QueueUrl=url, Entries=[{"Id": "a", "ReceiptHandle": "x"}])
    denied(mine.send_message, QueueUrl=other, MessageBody="x")
    denied(mine.create_queue, QueueName=name + "-new")
    denied(mine.list_queues)
    denied(mine.purge_queue, QueueUrl=url)
    sender = client("sqs").receive_message(QueueUrl=url, AttributeNames=["SenderId"])["Messages"][0]["Attributes"]["SenderId"]
    assert sender.startswith("AROA") and sender.endswith(":session")


def test_queue_policy(client, role, name):
    sqs = client("sqs")
    mine, role_arn = role(None)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    denied(mine.send_message, QueueUrl=url, MessageBody="x")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": allow(
        "sqs:SendMessage", f"arn:aws:sqs:us-east-1:000000000000:{name}", Principal={"AWS": role_arn})})
    mine.send_message(QueueUrl=url, MessageBody="x")
    denied(mine.receive_message, QueueUrl=url)


def test_a_move_needs_permission_to_send(client, role, name):
    sqs = client("sqs")
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    sqs.create_queue(QueueName=name + "-dead")
    sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn + "-dead", "maxReceiveCount": 1})})
    mine, _ = role(allow(["sqs:StartMessageMoveTask", "sqs:ReceiveMessage", "sqs:DeleteMessage"], arn + "-dead"))
    assert "sqs:SendMessage" in denied(mine.start_message_move_task, SourceArn=arn + "-dead", DestinationArn=arn)
