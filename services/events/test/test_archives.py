"""Archives and replays. Source: "Archiving and replaying events in Amazon EventBridge" (User Guide), EventBridge API Reference."""
import datetime
import json

import pytest
from botocore.exceptions import ClientError
from conftest import eventually

BUS = "arn:aws:events:us-east-1:000000000000:event-bus/"
RULE = "arn:aws:events:us-east-1:000000000000:rule/"


def code(e):
    return e.value.response["Error"]["Code"]


def span(hours=1):
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"EventStartTime": now - datetime.timedelta(hours=hours), "EventEndTime": now + datetime.timedelta(hours=hours)}


@pytest.fixture
def bus(place, name):
    """A bus of the test's own with an archive of what comes from "orders", and a rule to the place's queue."""
    place.events.create_event_bus(Name=name)
    place.archive = place.events.create_archive(ArchiveName=name, EventSourceArn=BUS + name, EventPattern='{"source": ["orders"]}')["ArchiveArn"]
    place.rule({"source": [{"exists": True}]}, bus=name)
    return name


def replay(place, name, eventually, **more):
    place.events.start_replay(**{"ReplayName": name, "EventSourceArn": place.archive, "Destination": {"Arn": BUS + name}, **span(), **more})
    return eventually(lambda: (r := place.events.describe_replay(ReplayName=more.get("ReplayName", name)))["State"] == "COMPLETED" and r)


def bodies(messages):
    return [json.loads(m["Body"] if isinstance(m, dict) else m) for m in messages]


def received(place, n):
    got = []

    def enough():
        page = place.sqs.receive_message(QueueUrl=place.queue, MaxNumberOfMessages=10, WaitTimeSeconds=2).get("Messages", [])
        for m in page:
            place.sqs.delete_message(QueueUrl=place.queue, ReceiptHandle=m["ReceiptHandle"])
        got.extend(bodies(page))
        return len(got) >= n

    eventually(enough)
    assert len(got) == n, got
    return got


def test_what_was_archived_comes_again(place, bus, eventually):
    for source in ("orders", "payments", "orders"):
        place.put({"n": source}, bus=bus, Source=source)
    assert [e["source"] for e in received(place, 3)].count("orders") == 2
    shown = place.events.describe_archive(ArchiveName=bus)
    assert (shown["EventCount"], shown["State"], shown["EventSourceArn"]) == (2, "ENABLED", BUS + bus) and shown["SizeBytes"] > 100
    done = replay(place, bus, eventually)
    again = received(place, 2)
    assert all(e["source"] == "orders" and e["replay-name"] == bus for e in again)
    assert done["EventLastReplayedTime"] and done["ReplayEndTime"]
    assert place.events.describe_archive(ArchiveName=bus)["EventCount"] == 2  # a replayed event is not archived again
    replay(place, bus, eventually, ReplayName=bus + "-2", Destination={"Arn": BUS + bus, "FilterArns": [RULE + bus + "/none"]})
    replay(place, bus, eventually, ReplayName=bus + "-3", Destination={"Arn": BUS + bus, "FilterArns": [RULE + bus + "/" + bus]})
    assert [e["replay-name"] for e in received(place, 2)] == [bus + "-3"] * 2
    assert {r["ReplayName"] for r in place.events.list_replays(NamePrefix=bus)["Replays"]} == {bus, bus + "-2", bus + "-3"}


def test_many_events_are_replayed_in_portions(place, bus, eventually):
    for _ in range(25):
        place.events.put_events(Entries=[{"Source": "orders", "DetailType": "t", "Detail": "{}", "EventBusName": bus}] * 10)
    place.sqs.purge_queue(QueueUrl=place.queue)
    replay(place, bus, eventually, Destination={"Arn": BUS + bus, "FilterArns": [RULE + bus + "/" + bus]})
    count = lambda: int(place.sqs.get_queue_attributes(QueueUrl=place.queue, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"][
        "ApproximateNumberOfMessages"])
    eventually(lambda: count() >= 250)


def test_archives_forget_what_is_too_old(fresh, name, eventually):
    fresh.events.create_archive(ArchiveName=name, EventSourceArn=BUS + "default", RetentionDays=2)
    fresh.put({})
    assert fresh.events.describe_archive(ArchiveName=name)["EventCount"] == 1
    fresh.server.turn_clock("+4d")
    eventually(lambda: fresh.events.describe_archive(ArchiveName=name)["EventCount"] == 0)


def test_archives_are_kept_changed_and_deleted(place, bus):
    events = place.events
    with pytest.raises(ClientError) as e:
        events.create_archive(ArchiveName=bus, EventSourceArn=BUS + bus)
    assert code(e) == "ResourceAlreadyExistsException"
    events.update_archive(ArchiveName=bus, RetentionDays=7, Description="d", EventPattern='{"source": ["x"]}')
    shown = events.describe_archive(ArchiveName=bus)
    assert (shown["RetentionDays"], shown["Description"], shown["EventPattern"]) == (7, "d", '{"source": ["x"]}')
    assert [a["ArchiveName"] for a in events.list_archives(EventSourceArn=BUS + bus)["Archives"]] == [bus]
    with pytest.raises(ClientError) as e:
        events.list_archives(EventSourceArn=BUS + bus, NamePrefix=bus)
    assert code(e) == "ValidationException"
    events.delete_archive(ArchiveName=bus)
    for call in (events.describe_archive, events.delete_archive, events.update_archive):
        with pytest.raises(ClientError) as e:
            call(ArchiveName=bus)
        assert code(e) == "ResourceNotFoundException"


def test_archives_and_replays_that_cannot_be(place, bus, eventually):
    events = place.events

    def refused(wanted, call, **args):
        with pytest.raises(ClientError) as e:
            call(**args)
        assert code(e) == wanted, e.value
    refused("ResourceNotFoundException", events.create_archive, ArchiveName=bus + "2", EventSourceArn=BUS + "none-" + bus)
    refused("InvalidEventPatternException", events.create_archive, ArchiveName=bus + "2", EventSourceArn=BUS + bus, EventPattern='{"a": 1}')
    start = lambda **more: {"ReplayName": bus, "EventSourceArn": place.archive, "Destination": {"Arn": BUS + bus}, **span(), **more}
    refused("ValidationException", events.start_replay, **start(Destination={"Arn": BUS + "default"}))
    refused("ValidationException", events.start_replay, **start(EventEndTime=span()["EventStartTime"] - datetime.timedelta(hours=1)))
    refused("ResourceNotFoundException", events.start_replay, **start(EventSourceArn=place.archive + "none"))
    replay(place, bus, eventually)
    refused("ResourceAlreadyExistsException", events.start_replay, **start())
    refused("IllegalStatusException", events.cancel_replay, ReplayName=bus)
    refused("ResourceNotFoundException", events.describe_replay, ReplayName=bus + "none")


def test_an_archive_of_a_stack(client, place, name, eventually):
    cloudformation = client("cloudformation")
    template = {"Resources": {"A": {"Type": "AWS::Events::Archive", "Properties": {
        "ArchiveName": name, "SourceArn": BUS + "default", "RetentionDays": 3, "EventPattern": {"source": ["x"]}}}},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["A", "Arn"]}}}}
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stack = eventually(lambda: (s := cloudformation.describe_stacks(StackName=name)["Stacks"][0])["StackStatus"] == "CREATE_COMPLETE" and s)
    assert stack["Outputs"][0]["OutputValue"].endswith("archive/" + name)
    assert json.loads(place.events.describe_archive(ArchiveName=name)["EventPattern"]) == {"source": ["x"]}
    cloudformation.delete_stack(StackName=name)
    eventually(lambda: place.events.list_archives(NamePrefix=name)["Archives"] == [])
