"""Topics, subscriptions and what comes of a publish, through boto3. Sources: SNS API Reference; SNS Developer Guide ("Fanout to Amazon SQS
queues", "Amazon SNS subscription filter policies", "Message deduplication for FIFO topics", "Verifying the signatures of Amazon SNS messages",
"Amazon SNS dead-letter queues"); Lambda Developer Guide ("Invoking Lambda functions with Amazon SNS notifications")."""
import base64
import io
import json
import urllib.request
import zipfile

import pytest
from botocore.exceptions import ClientError
from conftest import eventually
from refusals import refusal

ACCOUNT = "000000000000"


@pytest.fixture
def sns(client):
    return client("sns")


@pytest.fixture
def sqs(client):
    return client("sqs")


@pytest.fixture
def topic(sns, name):
    return sns.create_topic(Name=name)["TopicArn"]


@pytest.fixture
def queue(sqs, name):
    """queue(): URL and ARN of a new queue that lets topics of the account send."""
    made = []

    def make(suffix="", policy=True, **attributes):
        url = sqs.create_queue(QueueName=name + suffix, Attributes=attributes)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        if policy:
            allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
                     "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow]})})
        made.append(url)
        return url, arn
    return make


def receive(sqs, url, n=1):
    """n messages, in their order."""
    got = []
    while len(got) < n:
        more = eventually(lambda: sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=20, MessageAttributeNames=["All"],
                                                      AttributeNames=["All"]).get("Messages"))
        got += more
        for m in more:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
    return got


# ---- topics ----

def test_a_topic_from_its_creation_to_its_end(sns, name):
    arn = sns.create_topic(Name=name, Attributes={"DisplayName": "News"}, Tags=[{"Key": "team", "Value": "a"}])["TopicArn"]
    assert arn == f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}"
    assert sns.create_topic(Name=name, Attributes={"DisplayName": "News"})["TopicArn"] == arn
    assert refusal(sns.create_topic, Name=name, Attributes={"DisplayName": "Other"}) == (
        "InvalidParameter", "Invalid parameter: Attributes Reason: Topic already exists with different attributes")
    assert refusal(sns.create_topic, Name=name, Tags=[{"Key": "team", "Value": "b"}])[1] == (
        "Invalid parameter: Tags Reason: Topic already exists with different tags")
    have = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert have["Owner"] == ACCOUNT and have["DisplayName"] == "News" and have["SubscriptionsConfirmed"] == "0"
    assert json.loads(have["Policy"])["Id"] == "__default_policy_ID"
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="Old news")
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "Old news"
    assert arn in [t["TopicArn"] for page in sns.get_paginator("list_topics").paginate() for t in page["Topics"]]
    sns.delete_topic(TopicArn=arn)
    assert refusal(sns.get_topic_attributes, TopicArn=arn) == ("NotFound", "Topic does not exist")


def test_names(sns, name):
    assert refusal(sns.create_topic, Name="with space") == ("InvalidParameter", "Invalid parameter: Topic Name")
    assert refusal(sns.create_topic, Name="x" * 257)[0] == "InvalidParameter"
    assert refusal(sns.create_topic, Name=name + ".fifo") == ("InvalidParameter", "Invalid parameter: Topic Name")
    assert "must end with .fifo" in refusal(sns.create_topic, Name=name, Attributes={"FifoTopic": "true"})[1]
    assert refusal(sns.publish, TopicArn="nonsense", Message="m") == (
        "InvalidParameter", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1")
    assert refusal(sns.publish, TopicArn=f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}-not", Message="m") == ("NotFound", "Topic does not exist")
    assert refusal(sns.create_topic, Name=name, Attributes={"Nonsense": "1"}) == ("InvalidParameter", "Invalid parameter: AttributeName")


def test_pages_of_topics(tsubo, name):
    sns = tsubo.client("sns", region="eu-west-1")
    arns = {sns.create_topic(Name=f"{name}-{i}")["TopicArn"] for i in range(205)}
    first = sns.list_topics()
    assert len(first["Topics"]) == 100 and first["NextToken"]
    assert {t["TopicArn"] for page in sns.get_paginator("list_topics").paginate() for t in page["Topics"]} == arns
    assert refusal(sns.list_topics, NextToken="nonsense")[0] == "InvalidParameter"


def test_tags_and_permissions(sns, topic):
    sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "a", "Value": "3"}])
    sns.untag_resource(ResourceArn=topic, TagKeys=["b"])
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "a", "Value": "3"}]
    assert refusal(sns.list_tags_for_resource, ResourceArn=topic + "-not") == ("ResourceNotFound", "Resource does not exist")
    sns.add_permission(TopicArn=topic, Label="friends", AWSAccountId=["111111111111"], ActionName=["Publish"])
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert policy["Statement"][-1]["Sid"] == "friends" and policy["Statement"][-1]["Action"] == "SNS:Publish"
    assert refusal(sns.add_permission, TopicArn=topic, Label="friends", AWSAccountId=["111111111111"], ActionName=["Publish"])[1] == (
        "Invalid parameter: Statement already exists")
    sns.remove_permission(TopicArn=topic, Label="friends")
    assert len(json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])["Statement"]) == 1


def test_another_account_publishes_only_when_the_policy_lets_it(tsubo, sns, topic):
    other = tsubo.client("sns", key="222222222222")
    assert refusal(other.publish, TopicArn=topic, Message="m")[0] in ("AccessDenied", "AuthorizationError")
    sns.add_permission(TopicArn=topic, Label="them", AWSAccountId=["222222222222"], ActionName=["Publish"])
    assert other.publish(TopicArn=topic, Message="m")["MessageId"]


# ---- to queues ----

def test_a_message_comes_to_a_queue_in_its_envelope(sns, sqs, topic, queue):
    url, arn = queue()
    sub = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    assert sub.startswith(topic + ":")
    sent = sns.publish(TopicArn=topic, Message="hello", Subject="greeting",
                       MessageAttributes={"n": {"DataType": "Number", "StringValue": "5"}, "b": {"DataType": "Binary", "BinaryValue": b"\0\1"}})
    body = json.loads(receive(sqs, url)[0]["Body"])
    assert body["Type"] == "Notification" and body["MessageId"] == sent["MessageId"] and body["TopicArn"] == topic
    assert body["Message"] == "hello" and body["Subject"] == "greeting" and body["SignatureVersion"] == "1"
    assert body["MessageAttributes"] == {"n": {"Type": "Number", "Value": "5"}, "b": {"Type": "Binary", "Value": base64.b64encode(b"\0\1").decode()}}
    assert body["UnsubscribeURL"].endswith("SubscriptionArn=" + sub)


@pytest.mark.parametrize("version", ["1", "2"])
def test_signatures_verify_against_the_certificate(sns, sqs, topic, queue, version):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    url, arn = queue()
    sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue=version)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="signed", Subject="s")
    n = json.loads(receive(sqs, url)[0]["Body"])
    pem = urllib.request.urlopen(n["SigningCertURL"]).read()
    text = "".join(f"{k}\n{n[k]}\n" for k in ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"))
    key = x509.load_pem_x509_certificate(pem).public_key()
    key.verify(base64.b64decode(n["Signature"]), text.encode(), padding.PKCS1v15(), hashes.SHA1() if version == "1" else hashes.SHA256())
    assert n["SignatureVersion"] == version


def test_raw_delivery(sns, sqs, topic, queue):
    url, arn = queue()
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    sns.publish(TopicArn=topic, Message="plain", MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}})
    m = receive(sqs, url)[0]
    assert m["Body"] == "plain" and m["MessageAttributes"] == {"k": {"DataType": "String", "StringValue": "v"}}


def test_a_message_of_its_own_for_each_protocol(sns, sqs, topic, queue):
    url, arn = queue()
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    sns.publish(TopicArn=topic, MessageStructure="json", Message=json.dumps({"default": "d", "sqs": "for queues"}))
    sns.publish(TopicArn=topic, MessageStructure="json", Message=json.dumps({"default": "d", "email": "for people"}))
    assert [m["Body"] for m in receive(sqs, url, 2)] == ["for queues", "d"]
    assert refusal(sns.publish, TopicArn=topic, MessageStructure="json", Message="{")[1] == (
        "Invalid parameter: Message Structure - JSON message body failed to parse")
    assert refusal(sns.publish, TopicArn=topic, MessageStructure="json", Message="{}")[1] == (
        "Invalid parameter: Message Structure - No default entry in JSON message body")


def test_what_cannot_be_published(sns, topic):
    assert refusal(sns.publish, TopicArn=topic, Message="") == ("InvalidParameter", "Invalid parameter: Empty message")
    assert refusal(sns.publish, TopicArn=topic, Message="x" * (256 * 1024 + 1)) == ("InvalidParameter", "Invalid parameter: Message too long")
    assert refusal(sns.publish, TopicArn=topic, Message="m", Subject="x" * 101) == ("InvalidParameter", "Invalid parameter: Subject")
    assert refusal(sns.publish, TopicArn=topic, Message="m", MessageDeduplicationId="d")[1].startswith("Invalid parameter: MessageDeduplicationId Reason")
    bad = {"DataType": "Number", "StringValue": "five"}
    assert refusal(sns.publish, TopicArn=topic, Message="m", MessageAttributes={"a": bad}) == (
        "ParameterValueInvalid", "Could not cast message attribute 'a' value to number.")
    assert refusal(sns.publish, TopicArn=topic, Message="m", MessageAttributes={"a": {"DataType": "Thing", "StringValue": "v"}})[0] == (
        "ParameterValueInvalid")
    with pytest.raises(ClientError) as e:
        sns.publish(PhoneNumber="+4930000000", Message="m")
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_batches(sns, sqs, topic, queue):
    url, arn = queue()
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    done = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[
        {"Id": "a", "Message": "1"}, {"Id": "b", "Message": "2", "Subject": "x" * 200}, {"Id": "c", "Message": "3"}])
    assert [s["Id"] for s in done["Successful"]] == ["a", "c"]
    assert [(f["Id"], f["Code"], f["SenderFault"]) for f in done["Failed"]] == [("b", "InvalidParameter", True)]
    assert [m["Body"] for m in receive(sqs, url, 2)] == ["1", "3"]

    def batch(*entries):
        return refusal(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=[{"Id": i, "Message": m} for i, m in entries])[0]
    assert batch() == "EmptyBatchRequest"
    assert batch(("a", "1"), ("a", "2")) == "BatchEntryIdsNotDistinct"
    assert batch(("a b", "1")) == "InvalidBatchEntryId"
    assert batch(*[(str(i), "m") for i in range(11)]) == "TooManyEntriesInBatchRequest"
    assert batch(("a", "x" * 200000), ("b", "x" * 100000)) == "BatchRequestTooLong"


def test_more_subscribers_than_one_round_sends(sns, sqs, topic, queue):
    queues = [queue(f"-{i}") for i in range(130)]
    for _, arn in queues:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsConfirmed"] == "130"
    sns.publish(TopicArn=topic, Message="to all")
    for url, _ in queues:
        assert [m["Body"] for m in receive(sqs, url)] == ["to all"]
    for url, _ in queues:
        assert "Messages" not in sqs.receive_message(QueueUrl=url)


# ---- filters ----

@pytest.mark.parametrize("policy,scope,attributes,message,wanted", [
    ({"store": ["a"]}, None, {"store": ("String", "a")}, "m", True),
    ({"store": ["a"]}, None, {"store": ("String", "b")}, "m", False),
    ({"store": ["a"]}, None, {}, "m", False),
    ({"price": [{"numeric": [">=", 100, "<", 200]}]}, None, {"price": ("Number", "150")}, "m", True),
    ({"price": [{"numeric": [">=", 100]}]}, None, {"price": ("Number", "99.5")}, "m", False),
    ({"who": [{"anything-but": ["x", "y"]}]}, None, {"who": ("String", "z")}, "m", True),
    ({"who": [{"prefix": "ab"}]}, None, {"who": ("String", "abc")}, "m", True),
    ({"k": [{"exists": False}]}, None, {}, "m", True),
    ({"likes": ["tea"]}, None, {"likes": ("String.Array", '["coffee", "tea"]')}, "m", True),
    ({"a": ["1"], "b": ["2"]}, None, {"a": ("String", "1")}, "m", False),
    ({"order": {"kind": ["new"]}}, "MessageBody", {}, '{"order": {"kind": "new"}}', True),
    ({"order": {"kind": ["new"]}}, "MessageBody", {}, '{"order": {"kind": "old"}}', False),
    ({"order": {"kind": ["new"]}}, "MessageBody", {}, "no JSON", False),
])
def test_filters(sns, sqs, topic, queue, policy, scope, attributes, message, wanted):
    url, arn = queue()
    more = {"FilterPolicyScope": scope} if scope else {}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true", "FilterPolicy": json.dumps(policy), **more})
    marker, marker_arn = queue("-all")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=marker_arn, Attributes={"RawMessageDelivery": "true"})
    sns.publish(TopicArn=topic, Message=message,
                MessageAttributes={k: {"DataType": t, "StringValue": v} for k, (t, v) in attributes.items()})
    receive(sqs, marker)  # sent in one round with the other
    assert ("Messages" in sqs.receive_message(QueueUrl=url)) == wanted


def test_filter_policies_that_are_none(sns, topic, queue):
    _, arn = queue()

    def why(policy, **more):
        text = policy if isinstance(policy, str) else json.dumps(policy)
        code, message = refusal(sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"FilterPolicy": text, **more})
        assert code == "InvalidParameter"
        return message
    assert "failed to parse JSON" in why("{")
    assert "does not support nested filter policy" in why({"a": {"b": ["c"]}})
    assert "more than 5 keys" in why({str(i): ["x"] for i in range(6)})
    assert "too complex" in why({"a": [str(i) for i in range(20)], "b": [str(i) for i in range(10)]})
    assert why({"a": [{"nonsense": 1}]}).startswith("Invalid parameter: FilterPolicy: ")


# ---- subscriptions ----

def test_subscriptions(sns, topic, queue):
    _, arn = queue()
    sub = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    assert sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"] == sub
    assert refusal(sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})[1] == (
        "Invalid parameter: Attributes Reason: Subscription already exists with different attributes")
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == [
        {"SubscriptionArn": sub, "Owner": ACCOUNT, "Protocol": "sqs", "Endpoint": arn, "TopicArn": topic}]
    assert sub in [s["SubscriptionArn"] for page in sns.get_paginator("list_subscriptions").paginate() for s in page["Subscriptions"]]
    have = sns.get_subscription_attributes(SubscriptionArn=sub)["Attributes"]
    assert have["PendingConfirmation"] == "false" and have["RawMessageDelivery"] == "false" and have["ConfirmationWasAuthenticated"] == "true"
    sns.set_subscription_attributes(SubscriptionArn=sub, AttributeName="FilterPolicy", AttributeValue='{"a": ["b"]}')
    assert sns.get_subscription_attributes(SubscriptionArn=sub)["Attributes"]["FilterPolicyScope"] == "MessageAttributes"
    sns.unsubscribe(SubscriptionArn=sub)
    sns.unsubscribe(SubscriptionArn=sub)
    assert refusal(sns.get_subscription_attributes, SubscriptionArn=sub) == ("NotFound", "Subscription does not exist")
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsDeleted"] == "1"


def test_subscriptions_that_cannot_be(sns, topic, queue, name):
    _, fifo = queue("q.fifo", FifoQueue="true")
    assert refusal(sns.subscribe, TopicArn=topic, Protocol="pigeon", Endpoint="x") == (
        "InvalidParameter", "Invalid parameter: Amazon SNS does not support this protocol string: pigeon")
    assert refusal(sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint="http://x") == ("InvalidParameter", "Invalid parameter: SQS endpoint ARN")
    assert refusal(sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=fifo)[1] == (
        "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
    with pytest.raises(ClientError) as e:
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert refusal(sns.subscribe, TopicArn=topic + "-not", Protocol="sqs", Endpoint=fifo) == ("NotFound", "Topic does not exist")


def test_a_topic_made_anew_has_no_old_subscribers(sns, sqs, topic, queue, name, eventually):
    url, arn = queue()
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.delete_topic(TopicArn=topic)
    assert sns.create_topic(Name=name)["TopicArn"] == topic
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    eventually(lambda: not [s for page in sns.get_paginator("list_subscriptions").paginate() for s in page["Subscriptions"] if s["TopicArn"] == topic])


def test_a_queue_of_another_account_is_asked(tsubo, sns, topic, name):
    theirs = tsubo.client("sqs", key="333333333333")
    url = theirs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:333333333333:{name}"
    theirs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]})})
    assert sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"] == "pending confirmation"
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]["SubscriptionArn"] == "PendingConfirmation"
    sns.publish(TopicArn=topic, Message="too early")
    asked = json.loads(receive(theirs, url)[0]["Body"])
    assert asked["Type"] == "SubscriptionConfirmation" and asked["TopicArn"] == topic and asked["Token"] in asked["SubscribeURL"]
    assert refusal(sns.confirm_subscription, TopicArn=topic, Token="0" * 64) == ("InvalidParameter", "Invalid parameter: Token")
    with urllib.request.urlopen(asked["SubscribeURL"]) as answer:
        assert b"<SubscriptionArn>" + topic.encode() in answer.read()
    sns.publish(TopicArn=topic, Message="now")
    n = json.loads(receive(theirs, url)[0]["Body"])
    assert n["Message"] == "now"
    with urllib.request.urlopen(n["UnsubscribeURL"]):
        pass
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


# ---- FIFO ----

def test_fifo_keeps_order_and_drops_duplicates(tsubo, sns, sqs, queue, name):
    topic = sns.create_topic(Name=name + ".fifo", Attributes={"FifoTopic": "true", "ContentBasedDeduplication": "true"})["TopicArn"]
    url, arn = queue("q.fifo", FifoQueue="true")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    sent = [sns.publish(TopicArn=topic, Message=str(i), MessageGroupId="g") for i in range(30)]
    again = sns.publish(TopicArn=topic, Message="3", MessageGroupId="g")
    assert again["MessageId"] == sent[3]["MessageId"] and again["SequenceNumber"] == sent[3]["SequenceNumber"]
    numbers = [int(s["SequenceNumber"]) for s in sent]
    assert numbers == sorted(numbers) and len(str(numbers[0])) == 20
    got = receive(sqs, url, 30)
    assert [m["Body"] for m in got] == [str(i) for i in range(30)] and got[0]["Attributes"]["MessageGroupId"] == "g"
    tsubo.turn_clock("+301s")
    assert sns.publish(TopicArn=topic, Message="3", MessageGroupId="g")["MessageId"] != sent[3]["MessageId"]
    assert [m["Body"] for m in receive(sqs, url)] == ["3"]
    assert refusal(sns.publish, TopicArn=topic, Message="m")[1] == "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"


def test_fifo_wants_an_id(sns, name):
    topic = sns.create_topic(Name=name + ".fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    assert refusal(sns.publish, TopicArn=topic, Message="m", MessageGroupId="g")[1] == (
        "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")


# ---- what fails ----

def test_dead_letters(sns, sqs, topic, queue):
    closed, closed_arn = queue("-closed", policy=False)
    dead, dead_arn = queue("-dead")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=closed_arn, Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn})})
    sns.publish(TopicArn=topic, Message="lost")
    m = receive(sqs, dead)[0]
    assert json.loads(m["Body"])["Message"] == "lost" and m["MessageAttributes"]["ErrorCode"]["StringValue"] == "AccessDenied"
    assert "Messages" not in sqs.receive_message(QueueUrl=closed)
    assert refusal(sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=dead_arn, Attributes={"RedrivePolicy": '{"deadLetterTargetArn": "x"}'})[1] == (
        "Invalid parameter: RedrivePolicy: deadLetterTargetArn is an invalid arn")


def test_published_is_sent_after_a_kill(fresh_tsubo):
    """Acknowledged means on disk: what Publish has answered for comes to the queue, whenever the server was killed."""
    sns, sqs = fresh_tsubo.client("sns"), fresh_tsubo.client("sqs")
    topic, url = sns.create_topic(Name="t")["TopicArn"], sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]})})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    sent = []
    for round in range(5):
        for i in range(20):
            sns.publish(TopicArn=topic, Message=f"{round}-{i}")
            sent.append(f"{round}-{i}")
        fresh_tsubo.kill()
        fresh_tsubo.start()
    assert sorted(m["Body"] for m in receive(sqs, url, 100)) == sorted(sent)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


# ---- to functions, from buckets, by stacks ----

CODE = """
import boto3, json, os
def handler(event, context):
    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps(event))
"""


def test_a_function_gets_the_event(client, sns, sqs, topic, queue, name):
    url, _ = queue("-out")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as z:
        z.writestr("m.py", CODE)
    fn = client("lambda")
    arn = fn.create_function(FunctionName=name, Runtime="python3.11", Role=role, Handler="m.handler", Code={"ZipFile": code.getvalue()}, Timeout=60,
                             Environment={"Variables": {"OUT": url}})["FunctionArn"]
    fn.add_permission(FunctionName=name, StatementId="sns", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com", SourceArn=topic)
    sub = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)["SubscriptionArn"]
    sent = sns.publish(TopicArn=topic, Message="work", MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}})
    record = json.loads(receive(sqs, url)[0]["Body"])["Records"][0]
    assert record["EventSource"] == "aws:sns" and record["EventSubscriptionArn"] == sub
    assert record["Sns"]["MessageId"] == sent["MessageId"] and record["Sns"]["Message"] == "work" and record["Sns"]["Subject"] is None
    assert record["Sns"]["MessageAttributes"] == {"k": {"Type": "String", "Value": "v"}}
    assert refusal(sns.set_subscription_attributes, SubscriptionArn=sub, AttributeName="RawMessageDelivery", AttributeValue="true")[1] == (
        "Invalid parameter: Attributes Reason: Delivery protocol [lambda] does not support raw message delivery.")


def test_a_bucket_notifies_a_topic(client, sns, sqs, topic, queue, name):
    s3 = client("s3")
    url, arn = queue()
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    s3.create_bucket(Bucket=name)
    wanted = {"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]}
    assert refusal(s3.put_bucket_notification_configuration, Bucket=name, NotificationConfiguration=wanted)[0] == "InvalidArgument"
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic,
         "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{name}"}}}]}))
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=wanted)
    s3.put_object(Bucket=name, Key="a.jpg", Body=b"x")
    bodies = [json.loads(m["Body"]) for m in receive(sqs, url, 2)]
    assert [b["Subject"] for b in bodies] == ["Amazon S3 Notification"] * 2
    assert json.loads(bodies[0]["Message"])["Event"] == "s3:TestEvent"
    assert json.loads(bodies[1]["Message"])["Records"][0]["s3"]["object"]["key"] == "a.jpg"


TEMPLATE = """
Resources:
  Topic: {Type: "AWS::SNS::Topic", Properties: {DisplayName: d, Tags: [{Key: a, Value: b}]}}
  Queue: {Type: "AWS::SQS::Queue"}
  Allow:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: sns.amazonaws.com}, Action: "sqs:SendMessage", Resource: !GetAtt Queue.Arn}]
  Sub:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Queue.Arn, RawMessageDelivery: true, FilterPolicy: {k: [FILTER]}}
Outputs:
  Topic: {Value: !Ref Topic}
  Name: {Value: !GetAtt Topic.TopicName}
  Queue: {Value: !Ref Queue}
"""


def test_a_stack(client, sns, sqs, name):
    cfn = client("cloudformation")
    cfn.create_stack(StackName=name, TemplateBody=TEMPLATE.replace("FILTER", "v"))
    cfn.get_waiter("stack_create_complete").wait(StackName=name)
    out = {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]}
    assert out["Name"].startswith(name + "-Topic-") and sns.get_topic_attributes(TopicArn=out["Topic"])["Attributes"]["DisplayName"] == "d"

    def publish(value):
        sns.publish(TopicArn=out["Topic"], Message=value, MessageAttributes={"k": {"DataType": "String", "StringValue": value}})
    publish("w")
    publish("v")
    assert [m["Body"] for m in receive(sqs, out["Queue"])] == ["v"]
    cfn.update_stack(StackName=name, TemplateBody=TEMPLATE.replace("FILTER", "w"))
    cfn.get_waiter("stack_update_complete").wait(StackName=name)
    publish("v")
    publish("w")
    assert [m["Body"] for m in receive(sqs, out["Queue"])] == ["w"]
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name)
    assert refusal(sns.get_topic_attributes, TopicArn=out["Topic"])[0] == "NotFound"


def test_metrics(client, sns, sqs, topic, queue, name, tsubo):
    url, arn = queue()
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="12345")
    receive(sqs, url)
    got = lambda: {m["MetricName"] for m in client("cloudwatch").list_metrics(Namespace="AWS/SNS", Dimensions=[{"Name": "TopicName", "Value": name}])["Metrics"]}
    eventually(lambda: {"NumberOfMessagesPublished", "PublishSize", "NumberOfNotificationsDelivered"} <= got())
