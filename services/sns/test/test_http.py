"""Web servers as subscribers: asked to confirm, told, told again by the delivery policy. Sources: SNS Developer Guide ("HTTP/HTTPS headers",
"HTTP/HTTPS subscription confirmation JSON format", "Creating an HTTP/S delivery policy", "Amazon SNS message delivery retries", "Amazon SNS
dead-letter queues"), SNS API Reference (Subscribe, ConfirmSubscription)."""
import base64
import http.server
import json
import queue as queues
import threading
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError
from conftest import PATIENCE_S, next_message
from refusals import refusal


class Site:
    """A web server that remembers what it was sent, and answers as it is told: the next of `answers`, else 200."""

    def __init__(self):
        self.got, self.answers, self.look = queues.Queue(), [], lambda body: None
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                site.look(body)
                site.got.put((self.path, self.headers, body.decode()))
                self.send_response(site.answers.pop(0) if site.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self):
        return self.got.get(timeout=PATIENCE_S)


@pytest.fixture
def site():
    s = Site()
    yield s
    s.server.shutdown()
    s.server.server_close()


@pytest.fixture
def sns(client):
    return client("sns")


@pytest.fixture
def topic(sns, name):
    return sns.create_topic(Name=name)["TopicArn"]


def verified(document):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    signed = [k for k in ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type") if k in document]
    key = x509.load_pem_x509_certificate(urllib.request.urlopen(document["SigningCertURL"]).read()).public_key()
    key.verify(base64.b64decode(document["Signature"]), "".join(f"{k}\n{document[k]}\n" for k in signed).encode(), padding.PKCS1v15(), hashes.SHA1())
    return document


def subscribed(sns, site, topic, **attributes):
    arn = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=site.url, Attributes=attributes, ReturnSubscriptionArn=True)["SubscriptionArn"]
    token = json.loads(site.next()[2])["Token"]
    assert sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"] == arn
    return arn


def test_a_web_server_is_asked_and_then_told(sns, site, topic):
    assert sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=site.url)["SubscriptionArn"] == "pending confirmation"
    path, headers, body = site.next()
    asked = verified(json.loads(body))
    assert path == "/hook" and asked["Type"] == headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    assert asked["TopicArn"] == headers["x-amz-sns-topic-arn"] == topic and asked["MessageId"] == headers["x-amz-sns-message-id"]
    assert headers["x-amz-sns-subscription-arn"] is None and asked["Message"].startswith(f"You have chosen to subscribe to the topic {topic}.")
    assert headers["Content-Type"] == "text/plain; charset=UTF-8" and headers["User-Agent"] == "Amazon Simple Notification Service Agent"
    sns.publish(TopicArn=topic, Message="too early")

    assert b"<SubscriptionArn>" in urllib.request.urlopen(asked["SubscribeURL"]).read()
    arn = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]["SubscriptionArn"]
    shown = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (shown["PendingConfirmation"], shown["ConfirmationWasAuthenticated"]) == ("false", "false")
    sent = sns.publish(TopicArn=topic, Message="hello", Subject="s", MessageAttributes={"a": {"DataType": "String", "StringValue": "v"}})
    _, headers, body = site.next()
    told = verified(json.loads(body))
    assert (told["Type"], told["Message"], told["Subject"], told["MessageId"]) == ("Notification", "hello", "s", sent["MessageId"])
    assert (headers["x-amz-sns-message-type"], headers["x-amz-sns-subscription-arn"]) == ("Notification", arn)
    assert told["MessageAttributes"] == {"a": {"Type": "String", "Value": "v"}} and "Token" not in told

    urllib.request.urlopen(told["UnsubscribeURL"]).read()
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_the_certificate_is_there_while_the_first_message_is_looked_at(fresh_tsubo, site):
    """As a server does that verifies what it is sent before it answers."""
    seen = queues.Queue()

    def look(body):
        try:
            seen.put(verified(json.loads(body))["Type"])
        except Exception as e:
            seen.put(e)

    site.look, sns = look, fresh_tsubo.client("sns")
    sns.subscribe(TopicArn=sns.create_topic(Name="t")["TopicArn"], Protocol="http", Endpoint=site.url)
    assert seen.get(timeout=PATIENCE_S) == "SubscriptionConfirmation"


def test_confirmed_by_a_signed_request(client, sns, site, topic):
    arn = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=site.url, ReturnSubscriptionArn=True)["SubscriptionArn"]
    token = json.loads(site.next()[2])["Token"]
    assert refusal(sns.confirm_subscription, TopicArn=topic, Token="0" * 64) == ("InvalidParameter", "Invalid parameter: Token")
    assert sns.confirm_subscription(TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")["SubscriptionArn"] == arn
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["ConfirmationWasAuthenticated"] == "true"
    sns.publish(TopicArn=topic, Message="m")
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(json.loads(site.next()[2])["UnsubscribeURL"])


def test_raw_delivery_and_content_type(sns, site, topic):
    arn = subscribed(sns, site, topic, RawMessageDelivery="true",
                     DeliveryPolicy=json.dumps({"requestPolicy": {"headerContentType": "application/json; charset=UTF-8"}}))
    sns.publish(TopicArn=topic, Message='{"plain": 1}')
    _, headers, body = site.next()
    assert body == '{"plain": 1}' and headers["x-amz-sns-rawdelivery"] == "true" and headers["Content-Type"] == "application/json; charset=UTF-8"
    assert headers["x-amz-sns-subscription-arn"] == arn


def test_what_was_not_taken_is_sent_again(tsubo, sns, site, topic):
    """By default three times, 20 seconds apart; a 4xx is final."""
    subscribed(sns, site, topic)
    site.answers += [500, 503, 429, 200]
    sent = sns.publish(TopicArn=topic, Message="m")["MessageId"]
    for _ in range(3):
        assert json.loads(site.next()[2])["MessageId"] == sent
        with pytest.raises(queues.Empty):
            site.got.get(timeout=0.3)
        tsubo.turn_clock("+20s")
    assert json.loads(site.next()[2])["MessageId"] == sent
    site.answers += [404]
    sns.publish(TopicArn=topic, Message="refused")
    assert json.loads(site.next()[2])["Message"] == "refused"
    tsubo.turn_clock("+1h")
    sns.publish(TopicArn=topic, Message="next")
    assert json.loads(site.next()[2])["Message"] == "next"


def test_policies_and_dead_letters(client, tsubo, sns, site, topic, name, eventually):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow]})})
    policy = {"healthyRetryPolicy": {"numRetries": 2, "numNoDelayRetries": 2}}
    sub = subscribed(sns, site, topic, DeliveryPolicy=json.dumps(policy), RedrivePolicy=json.dumps({"deadLetterTargetArn": arn}))
    site.answers += [500] * 3
    sns.publish(TopicArn=topic, Message="lost")
    assert [json.loads(site.next()[2])["Message"] for _ in range(3)] == ["lost"] * 3  # at once
    dead = next_message(sqs, url, MessageAttributeNames=["All"])
    assert json.loads(dead["Body"])["Message"] == "lost" and dead["MessageAttributes"]["ErrorCode"]["StringValue"] == "500"

    # The topic's policy, when it does not let subscriptions say otherwise: not again at all.
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=json.dumps({"http": {
        "disableSubscriptionOverrides": True, "defaultHealthyRetryPolicy": {"numRetries": 0}}}))
    site.answers += [500]
    sns.publish(TopicArn=topic, Message="once")
    assert json.loads(site.next()[2])["Message"] == "once"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=dead["ReceiptHandle"])
    dead = next_message(sqs, url)
    assert json.loads(dead["Body"])["Message"] == "once"

    site.server.shutdown()
    site.server.server_close()  # nobody there
    sns.publish(TopicArn=topic, Message="nobody")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=dead["ReceiptHandle"])
    dead = next_message(sqs, url, MessageAttributeNames=["All"])
    assert dead["MessageAttributes"]["ErrorCode"]["StringValue"] == "ConnectionError"
    sns.unsubscribe(SubscriptionArn=sub)


@pytest.mark.parametrize("policy, why", [
    ("[]", "failed to parse JSON"),
    ('{"healthyRetryPolicy": {"numRetries": 101}}', "numRetries must be less than or equal to 100"),
    ('{"healthyRetryPolicy": {"minDelayTarget": 30}}', "minDelayTarget must be between 1 and maxDelayTarget"),
    ('{"healthyRetryPolicy": {"numRetries": 1, "numNoDelayRetries": 1, "numMinDelayRetries": 1}}', "greater than or equal to the sum"),
    ('{"healthyRetryPolicy": {"numRetries": 100, "minDelayTarget": 60, "maxDelayTarget": 60}}', "total time"),
    ('{"healthyRetryPolicy": {"backoffFunction": "wild"}}', "backoffFunction"),
    ('{"requestPolicy": {"headerContentType": "a/b\\r\\nX: y"}}', "headerContentType"),
    ('{"somethingElse": {}}', "somethingElse"),
])
def test_policies_that_are_none(sns, site, topic, policy, why):
    code, message = refusal(sns.subscribe, TopicArn=topic, Protocol="http", Endpoint=site.url, Attributes={"DeliveryPolicy": policy})
    assert code == "InvalidParameter" and why in message


def test_subscriptions_that_cannot_be(sns, site, topic, name):
    for protocol, endpoint in (("https", site.url), ("http", "ftp://x"), ("http", "http://"), ("http", "http://a b"), ("http", "http://a\r\nb")):
        assert refusal(sns.subscribe, TopicArn=topic, Protocol=protocol, Endpoint=endpoint) == (
            "InvalidParameter", "Invalid parameter: Endpoint must match the specified protocol")
    with pytest.raises(ClientError) as e:
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=site.url,
                      Attributes={"DeliveryPolicy": '{"throttlePolicy": {"maxReceivesPerSecond": 1}}'})
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    fifo = sns.create_topic(Name=name + ".fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    assert refusal(sns.subscribe, TopicArn=fifo, Protocol="http", Endpoint=site.url)[1] == "Invalid parameter: Invalid protocol type: http"
