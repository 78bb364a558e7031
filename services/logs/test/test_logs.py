"""CloudWatch Logs through boto3. Expectations: CloudWatch Logs API Reference and User Guide (filter pattern syntax)."""
import time

import pytest
from botocore.exceptions import ClientError


def now():
    return int(time.time() * 1000)


@pytest.fixture
def logs(client):
    return client("logs")


@pytest.fixture
def stream(logs, name):
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def put(logs, group, *messages, stream="s", at=None):
    at = at or now()
    return logs.put_log_events(logGroupName=group, logStreamName=stream,
                               logEvents=[{"timestamp": at + i, "message": m} for i, m in enumerate(messages)])


def code(e):
    return e.value.response["Error"]["Code"]


def test_groups_are_made_once_listed_and_deleted(logs, name):
    logs.create_log_group(logGroupName=name, tags={"a": "1"})
    with pytest.raises(ClientError) as e:
        logs.create_log_group(logGroupName=name)
    assert code(e) == "ResourceAlreadyExistsException"
    group = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]
    assert group["arn"] == f"arn:aws:logs:us-east-1:000000000000:log-group:{name}:*"
    assert logs.list_tags_log_group(logGroupName=name)["tags"] == {"a": "1"}
    logs.delete_log_group(logGroupName=name)
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []
    with pytest.raises(ClientError) as e:
        logs.delete_log_group(logGroupName=name)
    assert code(e) == "ResourceNotFoundException"


def test_events_come_back_in_order_and_tokens_go_both_ways(logs, stream):
    put(logs, stream, *[f"m{i}" for i in range(10)])
    page = logs.get_log_events(logGroupName=stream, logStreamName="s", startFromHead=True, limit=4)
    assert [e["message"] for e in page["events"]] == ["m0", "m1", "m2", "m3"]
    page2 = logs.get_log_events(logGroupName=stream, logStreamName="s", nextToken=page["nextForwardToken"], limit=4)
    assert [e["message"] for e in page2["events"]] == ["m4", "m5", "m6", "m7"]
    back = logs.get_log_events(logGroupName=stream, logStreamName="s", nextToken=page2["nextBackwardToken"], limit=4)
    assert [e["message"] for e in back["events"]] == ["m0", "m1", "m2", "m3"]
    end = logs.get_log_events(logGroupName=stream, logStreamName="s", nextToken=page2["nextForwardToken"])
    again = logs.get_log_events(logGroupName=stream, logStreamName="s", nextToken=end["nextForwardToken"])
    assert again["events"] == [] and again["nextForwardToken"] == end["nextForwardToken"]
    tail = logs.get_log_events(logGroupName=stream, logStreamName="s", limit=2)
    assert [e["message"] for e in tail["events"]] == ["m8", "m9"]


def test_put_to_nothing_is_refused(logs, stream):
    with pytest.raises(ClientError) as e:
        put(logs, stream, "x", stream="other")
    assert code(e) == "ResourceNotFoundException"
    assert e.value.response["Error"]["Message"] == "The specified log stream does not exist."


def test_events_too_old_and_too_new_are_rejected_and_the_rest_kept(logs, stream):
    t = now()
    out = logs.put_log_events(logGroupName=stream, logStreamName="s", logEvents=[{"timestamp": t - 15 * 86400000, "message": "old"}])
    assert out["rejectedLogEventsInfo"]["tooOldLogEventEndIndex"] == 1
    out = logs.put_log_events(logGroupName=stream, logStreamName="s",
                              logEvents=[{"timestamp": t, "message": "ok"}, {"timestamp": t + 3 * 3600000, "message": "new"}])
    assert out["rejectedLogEventsInfo"]["tooNewLogEventStartIndex"] == 1
    assert [e["message"] for e in logs.filter_log_events(logGroupName=stream)["events"]] == ["ok"]


def test_a_batch_out_of_order_is_refused_whole(logs, stream):
    with pytest.raises(ClientError) as e:
        logs.put_log_events(logGroupName=stream, logStreamName="s",
                            logEvents=[{"timestamp": now(), "message": "b"}, {"timestamp": now() - 5000, "message": "a"}])
    assert code(e) == "InvalidParameterException"
    assert logs.filter_log_events(logGroupName=stream)["events"] == []


@pytest.mark.parametrize("pattern,wanted", [
    ("ERROR", [0, 1]),
    ("ERROR -disk", [0]),
    ('"disk full"', [1]),
    ("?WARN ?disk", [1, 2]),
    ("%E[A-Z]+R%", [0, 1]),
    ('{ $.level = "error" }', [3]),
    ("{ $.took > 100 && $.level = err* }", [3]),
    ("{ $.missing NOT EXISTS && $.level = \"info\" }", [4]),
    ("{ ($.took < 10) || ($.took >= 250) }", [3, 4]),
    ("[ip, user, status=4*, ...]", [5]),
    ("[ip, user, status=200, size>10]", [6]),
])
def test_filter_patterns(logs, stream, pattern, wanted):
    messages = ["ERROR one", "ERROR disk full", "WARN two", '{"level":"error","took":250}', '{"level":"info","took":3}',
                "10.0.0.1 bob 404 12 extra", "10.0.0.1 amy 200 99"]
    put(logs, stream, *messages)
    got = [e["message"] for e in logs.filter_log_events(logGroupName=stream, filterPattern=pattern)["events"]]
    assert got == [messages[i] for i in wanted]


def test_a_bad_pattern_is_refused(logs, stream):
    with pytest.raises(ClientError) as e:
        logs.filter_log_events(logGroupName=stream, filterPattern="{ $.a = }")
    assert code(e) == "InvalidParameterException"


def test_filtering_pages_over_many_streams(logs, stream):
    t = now()
    for i in range(5):
        logs.create_log_stream(logGroupName=stream, logStreamName=f"s{i}")
        put(logs, stream, *[f"{i}.{k}" for k in range(10)], stream=f"s{i}", at=t)
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=stream, logStreamNamePrefix="s", limit=7)
    events = [e for p in pages for e in p["events"]]
    assert len(events) == 50 and len({e["eventId"] for e in events}) == 50
    assert [e["timestamp"] for e in events] == sorted(e["timestamp"] for e in events)
    streams = logs.describe_log_streams(logGroupName=stream, orderBy="LastEventTime", descending=True)["logStreams"]
    assert streams[0]["lastEventTimestamp"] >= streams[-1].get("lastEventTimestamp", 0)


def test_retention_deletes_what_is_too_old_when_the_clock_is_turned(fresh_tsubo, eventually):
    logs = fresh_tsubo.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    with pytest.raises(ClientError):
        logs.put_retention_policy(logGroupName="g", retentionInDays=2)
    logs.put_retention_policy(logGroupName="g", retentionInDays=1)
    put(logs, "g", "short-lived")
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == len("short-lived") + 26
    fresh_tsubo.turn_clock("+2d")
    eventually(lambda: logs.filter_log_events(logGroupName="g")["events"] == [])
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == 0


def test_metric_filters_are_kept_and_tested(logs, stream):
    logs.put_metric_filter(logGroupName=stream, filterName="errors", filterPattern="ERROR",
                           metricTransformations=[{"metricName": "Errors", "metricNamespace": "app", "metricValue": "1"}])
    assert logs.describe_metric_filters(logGroupName=stream)["metricFilters"][0]["filterPattern"] == "ERROR"
    matches = logs.test_metric_filter(filterPattern="[a, b=2*]", logEventMessages=["x 20", "x 30"])["matches"]
    assert [(m["eventNumber"], m["extractedValues"]) for m in matches] == [(1, {"$a": "x", "$b": "20"})]
    logs.delete_metric_filter(logGroupName=stream, filterName="errors")


def test_events_survive_kill_9(fresh_tsubo):
    logs = fresh_tsubo.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    put(logs, "g", "kept")
    fresh_tsubo.kill()
    fresh_tsubo.start()
    assert [e["message"] for e in fresh_tsubo.client("logs").filter_log_events(logGroupName="g")["events"]] == ["kept"]
