"""Contributor Insights: rules over log events, who contributed most, and the statistics of reports. Sources: "Contributor Insights rule syntax"
(CloudWatch User Guide); PutInsightRule, DescribeInsightRules, GetInsightRuleReport, EnableInsightRules, DisableInsightRules, DeleteInsightRules,
PutManagedInsightRules, ListManagedInsightRules (API Reference)."""
import datetime
import json
import os
import subprocess

import pytest
from botocore.exceptions import ClientError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
CLI = os.path.join(ROOT, "build/awscli/bin/aws")
UTC = datetime.timezone.utc
SCHEMA = {"Name": "CloudWatchLogRule", "Version": 1}


@pytest.fixture
def cw(client):
    return client("cloudwatch")


@pytest.fixture
def minute(tsubo):
    """The start of the service clock's minute, in milliseconds."""
    return tsubo.admin("clock")["clock_ms"] // 60000 * 60000


@pytest.fixture
def group(client, name):
    """A log group of the test's name with a stream "s"."""
    logs = client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    yield name
    logs.delete_log_group(logGroupName=name)


@pytest.fixture
def rule(cw, name):
    """rule(Keys=[...], ...): an enabled rule of the test's name over the log group of that name."""
    made = []

    def make(suffix="", state="ENABLED", **more):
        body = {"Schema": SCHEMA, "LogGroupNames": [name], "LogFormat": "JSON", "AggregateOn": "Count", "Contribution": {"Keys": ["$.ip"]}, **more}
        made.append(name + suffix)
        cw.put_insight_rule(RuleName=made[-1], RuleState=state, RuleDefinition=json.dumps(body))
        return made[-1]

    yield make
    cw.delete_insight_rules(RuleNames=made)


@pytest.fixture
def put(client, group):
    def events(*messages, at):
        texts = [m if isinstance(m, str) else json.dumps(m) for m in messages]
        client("logs").put_log_events(logGroupName=group, logStreamName="s", logEvents=[{"timestamp": at, "message": t} for t in texts])

    return events


@pytest.fixture
def report(cw, name, minute):
    def get(period=60, minutes=10, rule=name, **more):
        at = datetime.datetime.fromtimestamp(minute / 1000, UTC)
        return cw.get_insight_rule_report(RuleName=rule, StartTime=at - datetime.timedelta(minutes=minutes), EndTime=at + datetime.timedelta(minutes=1),
                                          Period=period, **more)

    return get


def shares(r):
    return {tuple(c["Keys"]): c["ApproximateAggregateValue"] for c in r["Contributors"]}


def test_counting(rule, put, report, minute):
    """A rule that counts: contributors by how often they came, each in its minutes."""
    rule()
    put({"ip": "10.0.0.1"}, {"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}, {"other": 1}, "no JSON", at=minute - 120000)
    put({"ip": "10.0.0.1"}, {"ip": "10.0.0.3"}, at=minute - 60000)
    r = report()
    assert r["KeyLabels"] == ["$.ip"] and r["AggregationStatistic"] == "COUNT" and r["AggregateValue"] == 5 and r["ApproximateUniqueCount"] == 3
    assert shares(r) == {("10.0.0.1",): 3, ("10.0.0.2",): 1, ("10.0.0.3",): 1} and r["Contributors"][0]["Keys"] == ["10.0.0.1"]
    assert [(int(p["Timestamp"].timestamp() * 1000), p["ApproximateValue"]) for p in r["Contributors"][0]["Datapoints"]] == [(minute - 120000, 2), (minute - 60000, 1)]
    assert "MetricDatapoints" not in r or r["MetricDatapoints"] == []
    assert len(report(MaxContributorCount=1)["Contributors"]) == 1


def test_summing_and_statistics(rule, put, report, minute):
    """A rule that sums a field; all statistics of GetInsightRuleReport, per minute and over longer periods."""
    rule(AggregateOn="Sum", Contribution={"Keys": ["$.user.name", "$.method"], "ValueOf": "$.bytes"})
    at = minute - minute % 300000 - 300000
    put({"user": {"name": "a"}, "method": "GET", "bytes": 10}, {"user": {"name": "a"}, "method": "GET", "bytes": 30},
        {"user": {"name": "b"}, "method": "PUT", "bytes": 5}, {"user": {"name": "b"}, "method": "PUT", "bytes": "no number"},
        {"user": {"name": "b"}, "method": "PUT"}, at=at)
    put({"user": {"name": "b"}, "method": "PUT", "bytes": 100}, at=at + 60000)
    every = ["UniqueContributors", "MaxContributorValue", "SampleCount", "Sum", "Minimum", "Maximum", "Average"]
    r = report(Metrics=every, minutes=20)
    assert r["AggregationStatistic"] == "SUM" and r["KeyLabels"] == ["$.user.name", "$.method"] and r["AggregateValue"] == 145
    assert shares(r) == {("b", "PUT"): 105, ("a", "GET"): 40}
    assert [[p[m] for m in every] for p in r["MetricDatapoints"]] == [[2, 40, 3, 45, 5, 30, 15], [1, 100, 1, 100, 100, 100, 100]]
    r = report(Metrics=["MaxContributorValue", "UniqueContributors"], period=300, minutes=20)
    assert [(p["MaxContributorValue"], p["UniqueContributors"]) for p in r["MetricDatapoints"]] == [(105, 2)] and "Sum" not in r["MetricDatapoints"][0]
    assert [p["ApproximateValue"] for p in r["Contributors"][0]["Datapoints"]] == [105]
    r = report(period=300, OrderBy="Maximum", minutes=20)
    assert shares(r) == {("b", "PUT"): 100, ("a", "GET"): 40}


FILTERS = [
    ({"Match": "$.method", "In": ["PUT", "POST"]}, ["put", "post"]),
    ({"Match": "$.method", "NotIn": ["PUT", "POST"]}, ["get"]),
    ({"Match": "$.method", "StartsWith": ["P", "X"]}, ["put", "post"]),
    ({"Match": "$.status", "GreaterThan": 200}, ["post"]),
    ({"Match": "$.status", "LessThan": 500.5}, ["put", "get"]),
    ({"Match": "$.status", "EqualTo": 200}, ["put", "get"]),
    ({"Match": "$.status", "NotEqualTo": 200}, ["post"]),
    ({"Match": "$.tags[1]", "IsPresent": True}, ["put"]),
    ({"Match": "$.method", "IsPresent": False}, ["none"]),
]


@pytest.mark.parametrize("at", range(len(FILTERS)))
def test_filters(rule, put, report, minute, at):
    condition, expected = FILTERS[at]
    rule(Contribution={"Keys": ["$.id"], "Filters": [condition]})
    put({"id": "put", "method": "PUT", "status": 200, "tags": ["x", "y"]}, {"id": "post", "method": "POST", "status": 501, "tags": ["x"]},
        {"id": "get", "method": "GET", "status": 200}, {"id": "none"}, at=minute - 60000)
    assert sorted(k[0] for k in shares(report())) == sorted(expected)


def test_filters_are_joined_by_and(rule, put, report, minute):
    rule(Contribution={"Keys": ["$.id"], "Filters": [{"Match": "$.a", "EqualTo": 1}, {"Match": "$.b", "EqualTo": 1}]})
    put({"id": "1", "a": 1}, {"id": "2", "a": 1, "b": 1}, {"id": "3", "b": 1}, at=minute - 60000)
    assert shares(report()) == {("2",): 1}


def test_common_log_format(rule, put, report, minute):
    """CLF: fields by their position from 1, and by names that Fields gives them."""
    rule(LogFormat="CLF", Fields={"4": "Time", "6": "Status", "7": "Bytes"}, AggregateOn="Sum",
         Contribution={"Keys": ["1", "Status"], "ValueOf": "Bytes", "Filters": [{"Match": "Status", "LessThan": 500}]})
    line = '%s - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" %d %d'
    put(line % ("127.0.0.1", 200, 2326), line % ("127.0.0.1", 200, 4), line % ("10.1.1.1", 404, 9), line % ("10.1.1.1", 503, 9), at=minute - 60000)
    r = report()
    assert shares(r) == {("127.0.0.1", "200"): 2330, ("10.1.1.1", "404"): 9} and r["KeyLabels"] == ["1", "Status"]


def test_log_groups_by_pattern_and_arn(client, rule, put, report, minute, name, cw):
    logs = client("logs")
    rule(LogGroupNames=[name[:-1] + "*"])
    rule("-exact", LogGroupNames=["another"])
    cw.put_insight_rule(RuleName=name + "-arn", RuleDefinition=json.dumps({"Schema": SCHEMA, "LogGroupARNs": [f"arn:aws:logs:us-east-1:*:log-group:{name}"],
                        "LogFormat": "JSON", "AggregateOn": "Count", "Contribution": {"Keys": ["$.ip"]}}))
    put({"ip": "1"}, at=minute - 60000)
    assert shares(report()) == {("1",): 1} and shares(report(rule=name + "-arn")) == {("1",): 1} and shares(report(rule=name + "-exact")) == {}
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    cw.delete_insight_rules(RuleNames=[name + "-arn"])


def test_enable_disable_delete(cw, rule, put, report, minute, name):
    rule(state="DISABLED")
    put({"ip": "1"}, at=minute - 60000)
    assert shares(report()) == {}
    assert cw.enable_insight_rules(RuleNames=[name])["Failures"] == []
    put({"ip": "2"}, at=minute - 60000)
    assert shares(report()) == {("2",): 1}
    shown = [r for r in cw.describe_insight_rules()["InsightRules"] if r["Name"] == name][0]
    assert shown["State"] == "ENABLED" and json.loads(shown["Schema"]) == SCHEMA and json.loads(shown["Definition"])["LogGroupNames"] == [name] and not shown["ManagedRule"]
    assert cw.disable_insight_rules(RuleNames=[name])["Failures"] == []
    put({"ip": "3"}, at=minute - 60000)
    assert shares(report()) == {("2",): 1}
    failures = cw.delete_insight_rules(RuleNames=[name, name + "-none"])["Failures"]
    assert [(f["FailureResource"], f["ExceptionType"]) for f in failures] == [(name + "-none", "ResourceNotFoundException")]
    with pytest.raises(ClientError) as e:
        report()
    assert e.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_made_again_it_starts_anew(cw, rule, put, report, minute, name):
    """ "historical data from the first time the rule was created might not be available" """
    rule()
    put({"ip": "1"}, at=minute - 60000)
    assert shares(report()) == {("1",): 1}
    cw.delete_insight_rules(RuleNames=[name])
    rule()
    assert shares(report()) == {}


def test_listing_by_pages(cw, rule, name):
    for i in range(5):
        rule(f"-{i}")
    names, token = [], {}
    while True:
        page = cw.describe_insight_rules(MaxResults=2, **token)
        assert len(page["InsightRules"]) <= 2
        names += [r["Name"] for r in page["InsightRules"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert [n for n in names if n.startswith(name)] == [f"{name}-{i}" for i in range(5)]
    with pytest.raises(ClientError) as e:
        cw.describe_insight_rules(NextToken="x")
    assert e.value.response["Error"]["Code"] == "InvalidNextToken"


GOOD = {"Schema": SCHEMA, "LogGroupNames": ["g"], "LogFormat": "JSON", "AggregateOn": "Count", "Contribution": {"Keys": ["$.ip"]}}
BAD = [
    {**GOOD, "Schema": {"Name": "CloudWatchLogRule", "Version": 2}}, {**GOOD, "Schema": {"Name": "ServiceLogRule", "Version": 1}}, {**GOOD, "LogGroupNames": []},
    {**GOOD, "LogFormat": "XML"}, {**GOOD, "AggregateOn": "Average"}, {**GOOD, "AggregateOn": "Sum"}, {k: v for k, v in GOOD.items() if k != "LogGroupNames"},
    {**GOOD, "Contribution": {"Keys": []}}, {**GOOD, "Contribution": {"Keys": ["$.a"] * 5}}, {**GOOD, "Contribution": {"Keys": ["a"]}},
    {**GOOD, "Contribution": {"Keys": ["$.a"], "ValueOf": "$.b"}}, {**GOOD, "Contribution": {"Keys": ["$.a"], "Filters": [{"Match": "$.a"}]}},
    {**GOOD, "Contribution": {"Keys": ["$.a"], "Filters": [{"Match": "$.a", "In": "x"}]}}, {**GOOD, "Contribution": {"Keys": ["$.a"], "Filters": [{"Match": "$.a", "Like": ["x"]}]}},
    {**GOOD, "Contribution": {"Keys": ["$.a"], "Filters": [{"Match": "$.a", "EqualTo": "x"}]}}, {**GOOD, "Contribution": {"Keys": ["$.a"], "Filters": [{"Match": "$.a", "In": ["x"] * 11}]}},
    {**GOOD, "Fields": {"1": "a"}}, {**GOOD, "LogFormat": "CLF", "Fields": {"0": "a"}, "Contribution": {"Keys": ["a"]}}, [],
]


@pytest.mark.parametrize("at", range(len(BAD)))
def test_definitions_that_are_not_valid(cw, name, at):
    with pytest.raises(ClientError) as e:
        cw.put_insight_rule(RuleName=name, RuleDefinition=json.dumps(BAD[at]))
    assert e.value.response["Error"]["Code"] in ("InvalidParameterValue", "InvalidParameterValueException")
    assert name not in [r["Name"] for r in cw.describe_insight_rules()["InsightRules"]]


@pytest.mark.parametrize("more", [{"Period": 30}, {"Metrics": ["Median"]}, {"OrderBy": "Average"}, {"MaxContributorCount": 101}, {"MaxContributorCount": 0}, {"minutes": 1500}])
def test_reports_that_are_not_valid(rule, report, more):
    rule()
    with pytest.raises(ClientError) as e:
        report(period=more.pop("Period", 60), **more)
    assert e.value.response["Error"]["Code"] in ("InvalidParameterValue", "InvalidParameterValueException")


def test_limit_of_rules(fresh_tsubo):
    """ "Contributor Insights rules: 100 per Region per account" (CloudWatch service quotas)."""
    cw = fresh_tsubo.client("cloudwatch")
    for i in range(100):
        cw.put_insight_rule(RuleName=f"r{i}", RuleDefinition=json.dumps(GOOD))
    cw.put_insight_rule(RuleName="r7", RuleDefinition=json.dumps(GOOD), RuleState="DISABLED")
    with pytest.raises(ClientError) as e:
        cw.put_insight_rule(RuleName="r100", RuleDefinition=json.dumps(GOOD))
    assert e.value.response["Error"]["Code"] in ("LimitExceeded", "LimitExceededException")


def test_more_contributors_than_are_kept(rule, put, report, minute):
    """The largest are told exactly, all are summed, and how many there were is close."""
    rule(AggregateOn="Sum", Contribution={"Keys": ["$.id"], "ValueOf": "$.n"})
    for batch in range(4):
        put(*[{"id": f"c{batch * 500 + i}", "n": 1} for i in range(500)], *[{"id": f"big{i}", "n": 100 + i} for i in range(5)], at=minute - 60000)
    r = report(MaxContributorCount=5, Metrics=["UniqueContributors", "Sum", "SampleCount"])
    assert shares(r) == {(f"big{i}",): 4 * (100 + i) for i in range(5)} and r["AggregateValue"] == 2000 + 4 * 510
    assert 1700 < r["ApproximateUniqueCount"] < 2300 and r["MetricDatapoints"][0]["SampleCount"] == 2020
    assert r["MetricDatapoints"][0]["UniqueContributors"] == r["ApproximateUniqueCount"]


def test_it_is_on_disk(fresh_tsubo, eventually):
    cw, logs = fresh_tsubo.client("cloudwatch"), fresh_tsubo.client("logs")
    cw.put_insight_rule(RuleName="r", RuleDefinition=json.dumps(GOOD))
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    at = fresh_tsubo.admin("clock")["clock_ms"] // 60000 * 60
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": at * 1000, "message": '{"ip": "1"}'}])

    def ask():
        return fresh_tsubo.client("cloudwatch").get_insight_rule_report(RuleName="r", StartTime=at, EndTime=at + 60, Period=60)

    assert shares(ask()) == {("1",): 1}
    fresh_tsubo.kill()
    fresh_tsubo.start()
    assert shares(ask()) == {("1",): 1}
    fresh_tsubo.turn_clock("+17d")
    eventually(lambda: shares(ask()) == {})  # 15 days are kept


def test_managed_rules(cw, name):
    """No resource here has managed rules by template; DynamoDB's are put by DynamoDB."""
    arn = f"arn:aws:ec2:us-east-1:000000000000:vpc-endpoint-service/{name}"
    assert cw.list_managed_insight_rules(ResourceARN=arn)["ManagedRules"] == []
    failures = cw.put_managed_insight_rules(ManagedRules=[{"TemplateName": "VpcEndpointService-BytesByEndpointId-v1", "ResourceARN": arn}])["Failures"]
    assert [f["FailureResource"] for f in failures] == [arn]
    with pytest.raises(ClientError) as e:
        cw.list_managed_insight_rules(ResourceARN="x")
    assert e.value.response["Error"]["Code"] in ("InvalidParameterValue", "InvalidParameterValueException")


def test_permission(client, cw, rule, name):
    """insight-rule is the resource of these actions (Service Authorization Reference)."""
    iam = client("iam")
    rule()
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "cloudwatch:DisableInsightRules", "Resource": f"arn:aws:cloudwatch:us-east-1:000000000000:insight-rule/{name}"}]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    mine = client("cloudwatch", key["AccessKeyId"], key["SecretAccessKey"])
    assert mine.disable_insight_rules(RuleNames=[name])["Failures"] == []
    for forbidden in (lambda: mine.disable_insight_rules(RuleNames=[name + "-other"]), lambda: mine.describe_insight_rules(), lambda: mine.delete_insight_rules(RuleNames=[name])):
        with pytest.raises(ClientError) as e:
            forbidden()
        assert e.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")


@pytest.mark.skipif(not os.path.exists(CLI), reason="AWS CLI not installed")
def test_by_the_cli(tsubo, put, minute, name, cw):
    """The example of "Create a Contributor Insights rule": put-insight-rule and get-insight-rule-report."""
    def run(*args):
        env = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        done = subprocess.run([CLI, "--endpoint-url", tsubo.url, "cloudwatch", *args, "--output", "json"], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "{}")

    run("put-insight-rule", "--rule-name", name, "--rule-state", "ENABLED", "--rule-definition", json.dumps({**GOOD, "LogGroupNames": [name]}))
    put({"ip": "1"}, {"ip": "1"}, at=minute - 60000)
    r = run("get-insight-rule-report", "--rule-name", name, "--start-time", str(minute // 1000 - 300), "--end-time", str(minute // 1000 + 60), "--period", "60")
    assert r["Contributors"][0]["Keys"] == ["1"] and r["Contributors"][0]["ApproximateAggregateValue"] == 2
    assert run("delete-insight-rules", "--rule-names", name) == {"Failures": []}
