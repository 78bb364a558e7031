"""CloudWatch metrics through boto3 (json), the query protocol and rpcv2Cbor. Source: CloudWatch API Reference."""
import datetime
import time

import cbor2
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError


@pytest.fixture
def cw(client):
    return client("cloudwatch")


def around():
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"StartTime": now - datetime.timedelta(hours=1), "EndTime": now + datetime.timedelta(hours=1)}


def code(e):
    return e.value.response["Error"]["Code"]


def test_values_come_back_as_statistics(cw, name):
    at = datetime.datetime.now(datetime.timezone.utc)  # of one day, whichever that is
    for v in (1, 2, 3, 10):
        cw.put_metric_data(Namespace=name, MetricData=[{"MetricName": "m", "Value": v, "Unit": "Count", "Timestamp": at,
                                                        "Dimensions": [{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}]}])
    points = cw.get_metric_statistics(Namespace=name, MetricName="m", Period=3600 * 24, **around(),
                                      Dimensions=[{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}],
                                      Statistics=["Sum", "Average", "Minimum", "Maximum", "SampleCount"])["Datapoints"]
    assert len(points) == 1
    p = points[0]
    assert (p["Sum"], p["Average"], p["Minimum"], p["Maximum"], p["SampleCount"], p["Unit"]) == (16, 4, 1, 10, 4, "Count")


def test_percentiles_of_values_and_counts(cw, name):
    cw.put_metric_data(Namespace=name, MetricData=[{"MetricName": "m", "Values": [float(i) for i in range(1, 101)], "Counts": [1.0] * 100}])
    p = cw.get_metric_statistics(Namespace=name, MetricName="m", Period=86400, **around(), ExtendedStatistics=["p50", "p99", "p100"])
    got = p["Datapoints"][0]["ExtendedStatistics"]
    assert got["p100"] == 100 and 49 <= got["p50"] <= 52 and 98 <= got["p99"] <= 100


def test_get_metric_data_in_both_orders(cw, name):
    now = datetime.datetime.now(datetime.timezone.utc)
    for i in range(3):
        cw.put_metric_data(Namespace=name, MetricData=[{"MetricName": "m", "Value": i, "Timestamp": now - datetime.timedelta(minutes=10 * i)}])
    query = [{"Id": "q", "MetricStat": {"Metric": {"Namespace": name, "MetricName": "m"}, "Period": 60, "Stat": "Sum"}}]
    down = cw.get_metric_data(MetricDataQueries=query, **around())["MetricDataResults"][0]
    up = cw.get_metric_data(MetricDataQueries=query, ScanBy="TimestampAscending", **around())["MetricDataResults"][0]
    assert down["Values"] == [0, 1, 2] and up["Values"] == [2, 1, 0] and down["StatusCode"] == "Complete"


def test_list_metrics_by_name_and_dimension(cw, name):
    for d in ("x", "y"):
        cw.put_metric_data(Namespace=name, MetricData=[{"MetricName": "m", "Value": 1, "Dimensions": [{"Name": "d", "Value": d}]}])
    assert len(cw.list_metrics(Namespace=name)["Metrics"]) == 2
    only = cw.list_metrics(Namespace=name, Dimensions=[{"Name": "d", "Value": "y"}])["Metrics"]
    assert only == [{"Namespace": name, "MetricName": "m", "Dimensions": [{"Name": "d", "Value": "y"}]}]


@pytest.mark.parametrize("datum,want", [
    ({"MetricName": "m"}, "MissingParameter"),
    ({"MetricName": "m", "Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination"),
    ({"MetricName": "m", "Value": 1.0, "StorageResolution": 7}, "InvalidParameterValue"),
    ({"MetricName": "m", "Value": 1.0, "Timestamp": 1000}, "InvalidParameterValue"),
])
def test_bad_data_is_refused_and_nothing_is_kept(cw, name, datum, want):
    with pytest.raises(ClientError) as e:
        cw.put_metric_data(Namespace=name, MetricData=[{"MetricName": "good", "Value": 1.0}, datum])
    assert code(e) in (want, want + "Exception")
    assert cw.list_metrics(Namespace=name)["Metrics"] == []


def test_too_many_datapoints(cw):
    end = datetime.datetime.now(datetime.timezone.utc)
    with pytest.raises(ClientError) as e:
        cw.get_metric_statistics(Namespace="n", MetricName="m", Period=60, StartTime=end - datetime.timedelta(days=3), EndTime=end, Statistics=["Sum"])
    assert code(e) in ("InvalidParameterCombination", "InvalidParameterCombinationException")


def signed_post(tsubo, path, body, headers):
    request = AWSRequest("POST", tsubo.url + path, data=body, headers=headers)
    SigV4Auth(Credentials("test", "test"), "monitoring", "us-east-1").add_auth(request)
    return requests.post(tsubo.url + path, data=body, headers=dict(request.headers))


def test_the_query_protocol(tsubo, name):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    put = signed_post(tsubo, "/", f"Action=PutMetricData&Version=2010-08-01&Namespace={name}&MetricData.member.1.MetricName=q&"
                      "MetricData.member.1.Value=5", form)
    assert put.status_code == 200, put.text
    listed = signed_post(tsubo, "/", f"Action=ListMetrics&Version=2010-08-01&Namespace={name}", form)
    assert "<MetricName>q</MetricName>" in listed.text


def test_rpc_v2_cbor(tsubo, name):
    headers = {"smithy-protocol": "rpc-v2-cbor", "Content-Type": "application/cbor", "Accept": "application/cbor"}
    base = "/service/GraniteServiceVersion20100801/operation/"
    body = cbor2.dumps({"Namespace": name, "MetricData": [{"MetricName": "c", "Value": 2.5, "Timestamp": cbor2.CBORTag(1, time.time())}]})
    put = signed_post(tsubo, base + "PutMetricData", body, headers)
    assert put.status_code == 200, put.content
    listed = signed_post(tsubo, base + "ListMetrics", cbor2.dumps({"Namespace": name}), headers)
    assert cbor2.loads(listed.content)["Metrics"][0]["MetricName"] == "c"


def test_a_policy_names_the_namespaces_that_may_be_put_to(client, name):
    """Condition key cloudwatch:namespace (Service Authorization Reference)."""
    iam = client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = client("cloudwatch", key["AccessKeyId"], key["SecretAccessKey"])
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument='{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*",'
                        '"Action": "cloudwatch:PutMetricData", "Condition": {"StringEquals": {"cloudwatch:namespace": "%s"}}}}' % name)
    own.put_metric_data(Namespace=name, MetricData=[{"MetricName": "m", "Value": 1}])
    with pytest.raises(ClientError) as e:
        own.put_metric_data(Namespace=name + "x", MetricData=[{"MetricName": "m", "Value": 1}])
    assert code(e) == "AccessDenied"


def query(name, metric="m", id="a"):
    return {"Id": id, "MetricStat": {"Metric": {"Namespace": name, "MetricName": metric}, "Period": 60, "Stat": "Sum"}}


def test_metric_data_comes_in_pages(cw, name):
    """GetMetricData: MaxDatapoints, NextToken, StatusCode PartialData."""
    now = datetime.datetime.now(datetime.timezone.utc)
    for metric in ("m", "n"):
        cw.put_metric_data(Namespace=name, MetricData=[
            {"MetricName": metric, "Value": i, "Timestamp": now - datetime.timedelta(minutes=i)} for i in range(3)])
    ask = {"MetricDataQueries": [query(name), query(name, "n", "b")], **around()}
    page = cw.get_metric_data(MaxDatapoints=4, **ask)
    assert [(r["StatusCode"], r["Values"]) for r in page["MetricDataResults"]] == [("Complete", [0, 1, 2]), ("PartialData", [0])]
    rest = cw.get_metric_data(MaxDatapoints=4, NextToken=page["NextToken"], **ask)
    assert [r["Values"] for r in rest["MetricDataResults"]] == [[], [1, 2]] and "NextToken" not in rest
    with pytest.raises(ClientError) as e:
        cw.get_metric_data(NextToken="made-up", **ask)
    assert code(e) == "InvalidNextToken"


def test_ids_of_queries_are_names_and_unique(cw, name):
    for ids in (("A",), ("a", "a"), ("1",)):
        with pytest.raises(ClientError) as e:
            cw.get_metric_data(MetricDataQueries=[query(name, id=i) for i in ids], **around())
        assert code(e) == "ValidationError"
    with pytest.raises(ClientError) as e:
        cw.put_metric_data(Namespace=name, MetricData=[{"MetricName": "m", "Value": 1, "Dimensions": [
            {"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]}])
    assert code(e) == "InvalidParameterValue"
