"""Metric math in GetMetricData and alarms. Sources: "Using math expressions with CloudWatch metrics", "Using IF expressions", "CloudWatch search
expression syntax" (CloudWatch User Guide), whose tables are here; GetMetricData, PutMetricAlarm (API Reference)."""
import datetime
import json

import pytest
from botocore.exceptions import ClientError

UTC = datetime.timezone.utc


@pytest.fixture
def cw(client):
    return client("cloudwatch")


@pytest.fixture
def base(tsubo):
    """Ten minutes before the service clock's minute, in seconds."""
    return tsubo.admin("clock")["clock_ms"] // 60000 * 60 - 600


@pytest.fixture
def series(cw, name, base):
    """series(m1=[1, None, 3]): values minute by minute from base on; a list for each metric."""
    def put(**metrics):
        for metric, values in metrics.items():
            data = [{"MetricName": metric, "Value": v, "Timestamp": datetime.datetime.fromtimestamp(base + 60 * i, UTC)} for i, v in enumerate(values) if v is not None]
            if data:
                cw.put_metric_data(Namespace=name, MetricData=data)
        return list(metrics)

    return put


@pytest.fixture
def ask(cw, name, base):
    """ask("m1+m2", "m1", "m2"): the expression's points by their minute, [] of them when it gives an array."""
    def run(expression, *metrics, minutes=5, more=(), **options):
        queries = [{"Id": m, "ReturnData": False, "MetricStat": {"Metric": {"Namespace": name, "MetricName": m}, "Period": 60, "Stat": "Sum"}} for m in metrics]
        r = cw.get_metric_data(MetricDataQueries=queries + list(more) + [{"Id": "e", "Expression": expression, **options}], StartTime=base, EndTime=base + 60 * minutes,
                               ScanBy="TimestampAscending")["MetricDataResults"]
        return [{int(t.timestamp() - base) // 60: v for t, v in zip(x["Timestamps"], x["Values"])} for x in r]

    return run


def dense(values):
    return {i: v for i, v in enumerate(values) if v is not None}


ARITHMETIC = [
    ("m1 + m2", [3, 2, 3, None]), ("m1 - m2", [-1, 2, -3, None]), ("m1 * 10", [10, 20, None, None]), ("100 / m2", [50, None, 100 / 3, None]),
    ("m1 / m2", [0.5, None, 0, None]), ("-m1", [-1, -2, None, None]), ("m1 ^ 2 + 1", [2, 5, None, None]), ("2 + 3 * m1", [5, 8, None, None]),
    ("(2 + 3) * m1", [5, 10, None, None]), ("m1 / PERIOD(m1)", [1 / 60, 2 / 60, None, None]), ("m1 - AVG(m1)", [-0.5, 0.5, None, None]),
    ("MAX(m1) / m1", [2, 1, None, None]), ("SUM([m1, m2])", [3, 2, 3, None]), ("AVG([m1, m2])", [1.5, 1, 1.5, None]), ("MIN(METRICS())", [1, 2, 3, None]),
    ('SUM(METRICS("m1"))', [1, 2, None, None]), ("m1 / METRIC_COUNT(METRICS())", [0.5, 1, None, None]), ("SUM(m1) / DATAPOINT_COUNT(m1) * TIME_SERIES(1)", [1.5] * 4),
    ("ABS(m1 - m2)", [1, 2, 3, None]), ("CEIL(m1 / 2)", [1, 1, None, None]), ("FLOOR(m1 / 2)", [0, 1, None, None]), ("LOG10(m1 * 100)", [2, 2.301029995663981, None, None]),
    ("FILL(m1, 7)", [1, 2, 7, 7]), ("FILL(m1, m2)", [1, 2, 3, None]), ("FILL(m1, REPEAT)", [1, 2, 2, 2]), ("FILL(m2, LINEAR)", [2, 2.5, 3, None]),
    ("DIFF(m1)", [None, 1, None, None]), ("RATE(m2)", [None, None, 1 / 120, None]), ("DIFF_TIME(m2)", [None, None, 120, None]), ("RUNNING_SUM(m2)", [2, None, 5, None]),
    ("FIRST(SORT(METRICS(), SUM, DESC))", [2, None, 3, None]), ("FIRST(SLICE(SORT(METRICS(), SUM, DESC), 1))", [1, 2, None, None]), ("TIME_SERIES(10)", [10] * 4),
    ("STDDEV([m1, m2])", [0.5, 1, 1.5, None]), ("LAST(METRICS()) * 1", [2, None, 3, None]),
]


@pytest.mark.parametrize("at", range(len(ARITHMETIC)))
def test_functions(series, ask, at):
    expression, expected = ARITHMETIC[at]
    series(m1=[1, 2, None, None], m2=[2, None, 3, None])
    got, = ask(expression, "m1", "m2", minutes=4)
    assert got == pytest.approx(dense(expected))


COMPARISONS = [("metric1 < metric2", [0, 0, 1, 0]), ("metric1 >= 30", [1, 0, 0, 0]), ("metric1 > 15 AND metric2 > 15", [1, 0, 0, 0]),
               ("metric1 == 20 || metric2 == 20", [1, 1, 1, 0]), ("metric1 != 0", [1, 1, 0, 0])]


@pytest.mark.parametrize("at", range(len(COMPARISONS)))
def test_comparisons(series, ask, at):
    expression, expected = COMPARISONS[at]
    series(metric1=[30, 20, 0, 0], metric2=[20, None, 20, None])
    got, = ask(expression, "metric1", "metric2", minutes=4)
    assert got == dense(expected)


IFS = [("IF(metric1, metric2, metric3)", [30, 0, 20, None, None]), ("IF(metric1, 5, metric3)", [5, 5, 20, None, None]), ("IF(metric1, metric2, 5)", [30, 0, 5, 5, None]),
       ("IF(metric1 > 0, 1, 2)", [1, 1, 2, 2, None]), ("IF(metric1, metric2)", [30, 0, None, None, None]), ("IF(1, metric3)", [0, 0, 20, None, 20])]


@pytest.mark.parametrize("at", range(len(IFS)))
def test_if(series, ask, at):
    expression, expected = IFS[at]
    series(metric1=[1, 1, 0, 0, None], metric2=[30, None, 0, 0, 30], metric3=[0, 0, 20, None, 20])
    got, = ask(expression, "metric1", "metric2", "metric3")
    assert got == dense(expected)


def test_arrays_labels_and_references(cw, series, name, base):
    """ "the legend captions for those time series are in the format Expression-Label Metric-Label" """
    series(m1=[1, 2], m2=[3, 4])
    metric = [{"Id": m, "Label": m.upper(), "MetricStat": {"Metric": {"Namespace": name, "MetricName": m}, "Period": 60, "Stat": "Sum"}} for m in ("m1", "m2")]
    r = cw.get_metric_data(MetricDataQueries=metric + [{"Id": "e1", "Expression": "METRICS() * 2", "Label": "Twice:"}, {"Id": "e2", "Expression": "SUM(e1) + 1"}],
                           StartTime=base, EndTime=base + 120, ScanBy="TimestampAscending")["MetricDataResults"]
    assert [(x["Id"], x["Label"], x["Values"]) for x in r] == [("m1", "M1", [1, 2]), ("m2", "M2", [3, 4]), ("e1", "Twice: M1", [2, 4]), ("e1", "Twice: M2", [6, 8]), ("e2", "e2", [9, 13])]


def test_time_functions(series, ask, base):
    series(m1=[1])
    at = datetime.datetime.fromtimestamp(base, UTC)
    for function, value in (("MINUTE", at.minute), ("HOUR", at.hour), ("DAY", at.isoweekday()), ("DATE", at.day), ("MONTH", at.month), ("YEAR", at.year), ("EPOCH", base)):
        assert ask(f"{function}(m1)", "m1", minutes=1) == [{0: value}], function


def test_search(cw, client, name, base):
    for host, value in (("web-1", 1), ("web-2", 2), ("db-1", 4)):
        cw.put_metric_data(Namespace=name, MetricData=[{"MetricName": "Load", "Value": value, "Dimensions": [{"Name": "Host", "Value": host}],
                                                        "Timestamp": datetime.datetime.fromtimestamp(base, UTC)}])
    cw.put_metric_data(Namespace=name, MetricData=[{"MetricName": "Load", "Value": 8, "Timestamp": datetime.datetime.fromtimestamp(base, UTC)}])

    def find(terms):
        r = cw.get_metric_data(MetricDataQueries=[{"Id": "e", "Expression": f"SEARCH('{terms}', 'Sum', 60)"}], StartTime=base, EndTime=base + 60)["MetricDataResults"]
        return sorted(v for x in r for v in x["Values"])

    assert find("{%s,Host} MetricName=\"Load\"" % name) == [1, 2, 4] and find("{%s,Host} Host=web" % name) == [1, 2]
    assert find("{%s,Host} NOT Host=\"db-1\"" % name) == [1, 2] and find("{%s,Host} (Host=\"web-1\" OR Host=\"db-1\") AND load" % name) == [1, 4]
    assert find("{%s}" % name) == [8] and find(f"Namespace=\"{name}\" web-2") == [2]
    total = cw.get_metric_data(MetricDataQueries=[{"Id": "e", "Expression": "SUM(SEARCH('{%s,Host} Load', 'Sum', 60))" % name, "Period": 60}], StartTime=base, EndTime=base + 60)
    assert total["MetricDataResults"][0]["Values"] == [7]


@pytest.mark.parametrize("expression", ["m1 +", "(m1", "nobody", "m1 m1", "NONE(m1)", "e", "AVG(m1)", "1", "FILL(m1)", "[m1", "SORT(m1, SUM, DESC)", "METRICS() + METRICS()", "("*100])
def test_expressions_that_are_not_valid(series, ask, expression):
    series(m1=[1])
    with pytest.raises(ClientError) as e:
        ask(expression, "m1")
    assert e.value.response["Error"]["Code"] in ("ValidationError", "ValidationException")


def test_odd_times_and_lists(cw, series, ask, name):
    """Times before 1970, no queries, indexes beyond the end: answered, and the server goes on."""
    series(m1=[1])
    q = [{"Id": "e", "Expression": "TIME_SERIES(1)"}]
    assert cw.get_metric_data(MetricDataQueries=q, StartTime=-59, EndTime=-30)["MetricDataResults"][0]["Values"] == [1]
    assert cw.get_metric_data(MetricDataQueries=[], StartTime=0, EndTime=10**9)["MetricDataResults"] == []
    assert cw.get_metric_data(MetricDataQueries=q, StartTime=1, EndTime=1 + 60 * 100800)["MetricDataResults"][0]["Values"]
    assert ask("SLICE(METRICS(), 99999999999999999999)", "m1") == []
    with pytest.raises(ClientError):
        ask('NONE(METRICS("zzz"))', "m1")
    with pytest.raises(ClientError):
        cw.put_metric_alarm(AlarmName=name, EvaluationPeriods=80000, Threshold=1, ComparisonOperator="GreaterThanThreshold",
                            Metrics=[{"Id": "m", "MetricStat": {"Metric": {"Namespace": name, "MetricName": "m1"}, "Period": 1, "Stat": "Sum"}}])


def test_what_is_not_there(series, ask):
    series(m1=[1])
    for expression in ("ANOMALY_DETECTION_BAND(m1)", "SERVICE_QUOTA(m1)", "SELECT AVG(x) FROM y"):
        with pytest.raises(ClientError) as e:
            ask(expression, "m1")
        assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def rate(name, expression="100 * errors / requests"):
    stat = lambda m: {"Metric": {"Namespace": name, "MetricName": m}, "Period": 60, "Stat": "Sum"}  # noqa: E731
    return [{"Id": "e1", "Expression": expression, "Label": "rate"}, {"Id": "errors", "MetricStat": stat("Errors"), "ReturnData": False},
            {"Id": "requests", "MetricStat": stat("Requests"), "ReturnData": False}]


def test_an_alarm_on_a_rate(tsubo, cw, name, eventually):
    """The usual one: errors in a hundred requests."""
    common = dict(AlarmName=name, EvaluationPeriods=1, Threshold=10, ComparisonOperator="GreaterThanThreshold")
    cw.put_metric_alarm(Metrics=rate(name), **common)
    shown = cw.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    assert shown["Metrics"][0]["Expression"] == "100 * errors / requests" and "MetricName" not in shown and "Period" not in shown
    tsubo.turn_to_next(60)
    cw.put_metric_data(Namespace=name, MetricData=[{"MetricName": "Errors", "Value": 2}, {"MetricName": "Requests", "Value": 10}])
    tsubo.turn_clock("+60s")
    alarm = lambda: cw.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]  # noqa: E731
    eventually(lambda: alarm()["StateValue"] == "ALARM")
    assert "[20.0 (" in alarm()["StateReason"]
    for bad in (dict(Metrics=rate(name, "METRICS()")), dict(Metrics=rate(name, "AVG(errors)")), dict(Metrics=rate(name)[1:]), dict(Metrics=rate(name), MetricName="m"),
                dict(Metrics=[{**q, "ReturnData": True} for q in rate(name)]), dict(Metrics=rate(name, "SUM(SEARCH('a', 'Sum', 60))"))):
        with pytest.raises(ClientError):
            cw.put_metric_alarm(**bad, **common)
    cw.delete_alarms(AlarmNames=[name])


def test_an_alarm_on_a_rule_of_contributor_insights(client, tsubo, cw, name, eventually):
    """ "Setting an alarm on Contributor Insights metric data": INSIGHT_RULE_METRIC, here of DynamoDB's own rule."""
    d = client("dynamodb")
    d.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}], KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}])
    d.update_contributor_insights(TableName=name, ContributorInsightsAction="ENABLE")
    rule = [r for r in d.describe_contributor_insights(TableName=name)["ContributorInsightsRuleList"] if "-PKC-" in r][0]
    cw.put_metric_alarm(AlarmName=name, EvaluationPeriods=1, Threshold=10, ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData="ignore",
                        Metrics=[{"Id": "e", "Expression": f"INSIGHT_RULE_METRIC('{rule}', 'MaxContributorValue')", "Period": 60}])
    tsubo.turn_to_next(60)
    for _ in range(8):
        d.put_item(TableName=name, Item={"p": {"S": "hot"}})
    tsubo.turn_clock("+60s")
    eventually(lambda: cw.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"] == "ALARM")
    cw.delete_alarms(AlarmNames=[name])
    d.delete_table(TableName=name)


def test_a_stack_with_an_alarm_on_a_rate(client, cw, name):
    cfn = client("cloudformation")
    cfn.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
        "AlarmName": name, "Metrics": rate(name), "EvaluationPeriods": 2, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold"}}}}))
    cfn.get_waiter("stack_create_complete").wait(StackName=name)
    assert cw.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["Metrics"][1]["MetricStat"]["Period"] == 60
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name)
