"""What log events measure: the embedded metric format, metric filters, and the service's own metrics.

Sources: "Specification: Embedded metric format" (CloudWatch User Guide); MetricTransformation (CloudWatch Logs API Reference);
"CloudWatch Logs metrics and dimensions" (CloudWatch Logs User Guide)."""
import datetime
import json
import time

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def logs(client):
    return client("logs")


@pytest.fixture
def stream(logs, name):
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def put(logs, group, *messages):
    at = int(time.time() * 1000)
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[{"timestamp": at, "message": m} for m in messages])


def measured(client, namespace, metric, **dimensions):
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=2)
    points = client("cloudwatch").get_metric_statistics(
        Namespace=namespace, MetricName=metric, StartTime=end - datetime.timedelta(hours=1), EndTime=end, Period=3600,
        Statistics=["Sum", "SampleCount", "Maximum"], Dimensions=[{"Name": k, "Value": v} for k, v in dimensions.items()])["Datapoints"]
    return (sum(p["Sum"] for p in points), sum(p["SampleCount"] for p in points), points[0]["Unit"]) if points else None


def emf(namespace, dimensions, metrics, timestamp=None, **members):
    return json.dumps({"_aws": {"Timestamp": timestamp or int(time.time() * 1000), "CloudWatchMetrics": [
        {"Namespace": namespace, "Dimensions": dimensions, "Metrics": metrics}]}, **members})


def test_events_in_embedded_metric_format_become_metrics(client, logs, stream):
    put(logs, stream, emf(stream, [["service"], ["service", "env"]], [{"Name": "latency", "Unit": "Milliseconds"}, {"Name": "sizes", "Unit": "Bytes"}],
                          service="orders", env="dev", latency=12.5, sizes=[1, 2, 3], requestId="x"),
        emf(stream, [["service"]], [{"Name": "latency", "Unit": "Milliseconds"}], service="orders", latency=7.5), "plain text")
    assert measured(client, stream, "latency", service="orders") == (20, 2, "Milliseconds")
    assert measured(client, stream, "latency", service="orders", env="dev") == (12.5, 1, "Milliseconds")
    assert measured(client, stream, "sizes", service="orders") == (6, 3, "Bytes")


def test_an_event_that_is_not_of_the_format_gives_no_metric(client, logs, stream):
    put(logs, stream, emf(stream, [["service"]], [{"Name": "latency"}], service=5, latency=1),        # a dimension is a text
        emf(stream, [["service"]], [{"Name": "latency"}], service="a", latency="fast"),                # a metric is a number
        emf("", [[]], [{"Name": "latency"}], latency=1), '{"_aws": {"CloudWatchMetrics": ',
        emf(stream, [[]], [{"Name": "latency"}], timestamp=1000, latency=1))
    assert measured(client, stream, "latency", service="a") is None and measured(client, stream, "latency") is None
    assert measured(client, "AWS/Logs", "EMFValidationErrors", LogGroupName=stream)[0] == 2
    assert measured(client, "AWS/Logs", "EMFParsingErrors", LogGroupName=stream)[0] == 1


def test_what_comes_in_is_counted(client, logs, stream):
    put(logs, stream, "abc", "defgh")
    assert measured(client, "AWS/Logs", "IncomingLogEvents", LogGroupName=stream) == (2, 1, "Count")
    assert measured(client, "AWS/Logs", "IncomingBytes", LogGroupName=stream) == (8, 1, "Bytes")
    assert measured(client, "AWS/Logs", "IncomingLogEvents")[0] >= 2


def test_a_metric_filters_default_value_is_told_when_nothing_matched(client, logs, stream):
    logs.put_metric_filter(logGroupName=stream, filterName="f", filterPattern="ERROR", metricTransformations=[
        {"metricName": "errors", "metricNamespace": stream, "metricValue": "1", "defaultValue": 0, "unit": "Count"}])
    put(logs, stream, "all is well", "still")
    assert measured(client, stream, "errors") == (0, 1, "Count")
    put(logs, stream, "ERROR one", "fine", "ERROR two")
    assert measured(client, stream, "errors") == (2, 3, "Count")


@pytest.mark.parametrize("change, message", [
    ({"metricValue": "many"}, "metricValue"),
    ({"defaultValue": 0, "dimensions": {"a": "$.a"}}, "mutually exclusive"),
    ({"dimensions": {k: "$." + k for k in "abcd"}}, "3 dimensions"),
])
def test_metric_transformations_that_cannot_be_are_refused(logs, stream, change, message):
    with pytest.raises(ClientError) as e:
        logs.put_metric_filter(logGroupName=stream, filterName="f", filterPattern="{ $.a = * }", metricTransformations=[
            {"metricName": "m", "metricNamespace": "n", "metricValue": "1", **change}])
    assert e.value.response["Error"]["Code"] == "InvalidParameterException" and message in e.value.response["Error"]["Message"]
