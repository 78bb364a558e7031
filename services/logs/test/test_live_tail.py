"""Live Tail through boto3. Source: StartLiveTail, LiveTailSessionStart, LiveTailSessionUpdate (API Reference)."""
import time

import pytest
from botocore.exceptions import EventStreamError
from refusals import refused, user

ARN = "arn:aws:logs:us-east-1:000000000000:log-group:"


@pytest.fixture
def logs(client):
    return client("logs")


@pytest.fixture
def group(logs, name):
    logs.create_log_group(logGroupName=name)
    for stream in "one", "two":
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
    return name


def put(logs, group, stream, *messages):
    at = int(time.time() * 1000)
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": at, "message": m} for m in messages])


def tail(logs, *groups, **more):
    """The stream, its iterator and what it begins with."""
    stream = logs.start_live_tail(logGroupIdentifiers=[ARN + g for g in groups], **more)["responseStream"]
    events = iter(stream)
    return stream, events, next(events)["sessionStart"]


def until(events, last):
    """What comes, to the message that is the last."""
    got = []
    for event in events:
        got += event["sessionUpdate"]["sessionResults"]
        if got and got[-1]["message"] == last:
            return got
    raise AssertionError("it ended")


def test_what_is_put_is_seen(logs, group):
    put(logs, group, "one", "before")
    stream, events, start = tail(logs, group)
    assert start["logGroupIdentifiers"] == [ARN + group] and start["sessionId"]
    put(logs, group, "one", "a", "b")
    put(logs, group, "two", "c")
    got = until(events, "c")
    assert [(e["message"], e["logStreamName"]) for e in got] == [("a", "one"), ("b", "one"), ("c", "two")]
    assert got[0]["logGroupIdentifier"] == ARN + group and got[0]["ingestionTime"] >= got[0]["timestamp"]
    assert next(events)["sessionUpdate"] == {"sessionMetadata": {"sampled": False}, "sessionResults": []}, "each second, also when there is nothing"
    stream.close()


def test_patterns_streams_and_groups(logs, group):
    logs.create_log_group(logGroupName=group + "-2")
    logs.create_log_stream(logGroupName=group + "-2", logStreamName="s")
    kept = [tail(logs, group, logEventFilterPattern="ERROR"), tail(logs, group, logStreamNames=["two"]),
            tail(logs, group, logStreamNamePrefixes=["o"]), tail(logs, group, group + "-2")]
    assert kept[0][2]["logEventFilterPattern"] == "ERROR" and kept[1][2]["logStreamNames"] == ["two"]
    put(logs, group, "one", "ok", "ERROR 1")
    put(logs, group, "two", "ok", "ERROR 2")
    put(logs, group + "-2", "s", "elsewhere")
    expected = ["ERROR 1", "ERROR 2"], ["ok", "ERROR 2"], ["ok", "ERROR 1"], ["ok", "ERROR 1", "ok", "ERROR 2", "elsewhere"]
    for (stream, events, _), messages in zip(kept, expected):
        assert [e["message"] for e in until(events, messages[-1])] == messages
        stream.close()


def test_five_hundred_events_an_update(logs, group):
    stream, events, _ = tail(logs, group)
    put(logs, group, "one", *map(str, range(3000)))
    update = next(u for u in (e["sessionUpdate"] for e in events) if u["sessionResults"])
    assert len(update["sessionResults"]) == 500 and update["sessionMetadata"]["sampled"] is True
    stream.close()


def test_three_hours(logs, group, tsubo):
    stream, events, _ = tail(logs, group)
    tsubo.turn_clock("+3h")
    with pytest.raises(EventStreamError) as e:
        list(events)
    assert e.value.response["Error"]["Code"] == "SessionTimeoutException"


def test_what_is_refused(logs, group, client, name, eventually):
    refused(logs.start_live_tail, "InvalidParameterException", logGroupIdentifiers=[group])
    refused(logs.start_live_tail, "InvalidParameterException", logGroupIdentifiers=[ARN + group + ":*"])
    refused(logs.start_live_tail, "ResourceNotFoundException", logGroupIdentifiers=[ARN + "none"])
    refused(logs.start_live_tail, "InvalidParameterException", logGroupIdentifiers=[ARN + group], logStreamNames=["a"], logStreamNamePrefixes=["b"])
    refused(logs.start_live_tail, "InvalidParameterException", logGroupIdentifiers=[ARN + group, ARN + "b"], logStreamNames=["a"])
    refused(logs.start_live_tail, "InvalidParameterException", logGroupIdentifiers=[ARN + group], logEventFilterPattern="{ $.a = ")
    other = user(client, name, {"Action": "logs:StartLiveTail", "Resource": ARN + "other:*"})("logs")
    refused(other.start_live_tail, "AccessDeniedException", logGroupIdentifiers=[ARN + group])
    open_ones = [tail(client("logs"), group)[0] for _ in range(15)]
    refused(logs.start_live_tail, "LimitExceededException", logGroupIdentifiers=[ARN + group])
    for stream in open_ones:
        stream.close()

    def again():
        try:
            return tail(logs, group)[0]
        except logs.exceptions.LimitExceededException:
            return None
    eventually(again).close()
