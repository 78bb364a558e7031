"""The older query protocol: forms in, XML out, lists and maps as Attribute.1.Name; and queue paths in place of QueueUrl.
Signed by botocore, sent and read by hand. Source: "Making query API requests" (SQS Developer Guide)."""
import hashlib
import re
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
import requests

from conftest import PATIENCE_S


@pytest.fixture
def call(tsubo):
    def call(path="/", **form):
        fields = {"Version": "2012-11-05", **{k.replace("__", "."): v for k, v in form.items()}}
        body = urllib.parse.urlencode(fields)
        request = botocore.awsrequest.AWSRequest("POST", tsubo.url + path, data=body, headers={
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
        botocore.auth.SigV4Auth(botocore.credentials.Credentials("test", "test"), "sqs", "us-east-1").add_auth(request)
        answer = requests.post(tsubo.url + path, data=body, headers=dict(request.headers), timeout=PATIENCE_S)
        assert answer.headers["Content-Type"] == "text/xml"
        return answer
    return call


def values(answer, element):
    return re.findall(f"<{element}>(.*?)</{element}>", answer.text, re.S)


def test_a_life_by_query(tsubo, call, name):
    made = call(Action="CreateQueue", QueueName=name, Attribute__1__Name="VisibilityTimeout", Attribute__1__Value="40",
                Attribute__2__Name="DelaySeconds", Attribute__2__Value="0", Tag__1__Key="team", Tag__1__Value="a&b")
    url = f"{tsubo.url}/000000000000/{name}"
    assert made.status_code == 200
    assert made.text.startswith('<CreateQueueResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><CreateQueueResult>')
    assert values(made, "QueueUrl") == [url] and len(values(made, "RequestId")) == 1
    path = f"/000000000000/{name}"
    sent = call(path, Action="SendMessage", MessageBody="a < b & c", MessageAttribute__1__Name="k",
                MessageAttribute__1__Value__DataType="String", MessageAttribute__1__Value__StringValue="v")
    assert values(sent, "MD5OfMessageBody") == [hashlib.md5(b"a < b & c").hexdigest()]
    got = call(path, Action="ReceiveMessage", AttributeName__1="ApproximateReceiveCount", MessageAttributeName__1="All", MaxNumberOfMessages="10")
    assert values(got, "Body") == ["a &lt; b &amp; c"]
    assert "<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>" in got.text
    assert re.search("<MessageAttribute><Name>k</Name><Value>.*<StringValue>v</StringValue>.*</Value></MessageAttribute>", got.text)
    have = call(Action="GetQueueAttributes", QueueUrl=url, AttributeName__1="VisibilityTimeout", AttributeName__2="ApproximateNumberOfMessagesNotVisible")
    assert set(values(have, "Attribute")) == {"<Name>VisibilityTimeout</Name><Value>40</Value>",
                                              "<Name>ApproximateNumberOfMessagesNotVisible</Name><Value>1</Value>"}
    assert values(call(Action="ListQueueTags", QueueUrl=url), "Tag") == ["<Key>team</Key><Value>a&amp;b</Value>"]
    gone = call(path, Action="DeleteMessage", ReceiptHandle=values(got, "ReceiptHandle")[0])
    assert gone.status_code == 200 and "<DeleteMessageResponse" in gone.text
    assert name in "".join(values(call(Action="ListQueues", QueueNamePrefix=name), "QueueUrl"))


def test_batches_by_query(call, name):
    call(Action="CreateQueue", QueueName=name)
    path = f"/000000000000/{name}"
    sent = call(path, Action="SendMessageBatch", SendMessageBatchRequestEntry__1__Id="a", SendMessageBatchRequestEntry__1__MessageBody="one",
                SendMessageBatchRequestEntry__2__Id="b", SendMessageBatchRequestEntry__2__MessageBody="two",
                SendMessageBatchRequestEntry__2__DelaySeconds="901")
    assert len(values(sent, "SendMessageBatchResultEntry")) == 1
    failed = values(sent, "BatchResultErrorEntry")
    assert len(failed) == 1 and "<Id>b</Id>" in failed[0] and "<Code>InvalidParameterValue</Code>" in failed[0]
    handle = values(call(path, Action="ReceiveMessage"), "ReceiptHandle")[0]
    hidden = call(path, Action="ChangeMessageVisibilityBatch", ChangeMessageVisibilityBatchRequestEntry__1__Id="x",
                  ChangeMessageVisibilityBatchRequestEntry__1__ReceiptHandle=handle,
                  ChangeMessageVisibilityBatchRequestEntry__1__VisibilityTimeout="100")
    assert len(values(hidden, "ChangeMessageVisibilityBatchResultEntry")) == 1
    gone = call(path, Action="DeleteMessageBatch", DeleteMessageBatchRequestEntry__1__Id="x", DeleteMessageBatchRequestEntry__1__ReceiptHandle=handle)
    assert len(values(gone, "DeleteMessageBatchResultEntry")) == 1


def test_errors_by_query(tsubo, call):
    none = call(Action="GetQueueUrl", QueueName="none-of-this-name")
    assert none.status_code == 400
    assert values(none, "Code") == ["AWS.SimpleQueueService.NonExistentQueue"] and values(none, "Type") == ["Sender"]
    assert call(Action="SendMessage", MessageBody="x").status_code == 400
    assert values(call(Action="SendMessage", MessageBody="x"), "Code") == ["MissingParameter"]
    assert values(call(Action="NoSuchAction"), "Code") == ["InvalidAction"]
