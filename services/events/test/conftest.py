"""`place` and `fresh`: a tsubo (shared, or of the test's own) with a queue that rules may send to."""
import json
import time

import pytest

from conftest import PATIENCE_S


class Place:
    """A tsubo with an events client, an SQS client and a queue that rules may send to."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.events, self.sqs = server.client("events"), server.client("sqs")
        self.queue = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.queue_arn = self.allow(self.queue)

    def allow(self, url):
        """The queue policy that the User Guide gives for events.amazonaws.com; the queue's ARN."""
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                                                          "Action": "sqs:SendMessage", "Resource": arn}]}
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        return arn

    def rule(self, pattern=None, bus="default", **target):
        self.events.put_rule(Name=self.name, EventBusName=bus, EventPattern=json.dumps(pattern or {"source": [self.name]}))
        return self.target(bus=bus, **target)

    def target(self, bus="default", **target):
        answer = self.events.put_targets(Rule=self.name, EventBusName=bus, Targets=[{"Id": "1", "Arn": self.queue_arn, **target}])
        assert answer["FailedEntryCount"] == 0, answer
        return self

    def put(self, detail, bus=None, **entry):
        entry = {"Source": self.name, "DetailType": "t", "Detail": json.dumps(detail), **entry}
        if bus:
            entry["EventBusName"] = bus
        answer = self.events.put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer
        return answer["Entries"][0]["EventId"]

    def receive(self, n=1, wait=5, queue=None):
        """n messages, as long as it takes; what is there, when there is not to be waited."""
        got, deadline = [], time.monotonic() + (PATIENCE_S if wait else 0)
        while len(got) < n:
            page = self.sqs.receive_message(QueueUrl=queue or self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=wait,
                                            MessageAttributeNames=["All"]).get("Messages", [])
            for m in page:
                self.sqs.delete_message(QueueUrl=queue or self.queue, ReceiptHandle=m["ReceiptHandle"])
            got += page
            if not page and time.monotonic() > deadline:
                break
        return got

    def events_received(self, n=1):
        return [json.loads(m["Body"]) for m in self.receive(n)]


@pytest.fixture
def place(tsubo, name):
    return Place(tsubo, name)


@pytest.fixture
def fresh(fresh_tsubo, name):
    return Place(fresh_tsubo, name)
