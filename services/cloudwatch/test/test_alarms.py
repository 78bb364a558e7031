"""Alarms: put, shown, evaluated by the clock, acting on functions and EventBridge. Sources: CloudWatch API Reference; "Using Amazon CloudWatch alarms"
(User Guide), whose tables of missing data are here; "Invoke a Lambda function from an alarm"."""
import datetime
import io
import json
import re
import zipfile

import pytest
from botocore.exceptions import ClientError

from conftest import next_message

UTC = datetime.timezone.utc


@pytest.fixture
def cw(client):
    return client("cloudwatch")


@pytest.fixture(autouse=True)
def early(tsubo):
    """Each test begins with a minute: what it puts in one breath falls into one period, and what it waits for is not there before it asks."""
    tsubo.turn_to_next(60)


@pytest.fixture
def now(tsubo):
    """The service clock, in seconds."""
    return lambda: tsubo.admin("clock")["clock_ms"] / 1000


@pytest.fixture
def alarm(cw, name):
    """alarm(Threshold=1, ...): an alarm of the test's name on a metric of the test's own namespace."""
    made = []

    def make(suffix="", **more):
        made.append(name + suffix)
        cw.put_metric_alarm(**{"AlarmName": made[-1], "Namespace": name, "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
                               "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold", **more})
        return made[-1]

    yield make
    cw.delete_alarms(AlarmNames=made)


def put(cw, name, value, at=None, **more):
    cw.put_metric_data(Namespace=name, MetricData=[{"MetricName": "m", "Value": value, **({"Timestamp": datetime.datetime.fromtimestamp(at, UTC)} if at else {}), **more}])


def shown(cw, name):
    return cw.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]


def state(cw, name):
    return shown(cw, name)["StateValue"]


def test_put_show_update_delete(cw, alarm, name):
    alarm(AlarmDescription="d", Dimensions=[{"Name": "k", "Value": "v"}], Unit="Count", DatapointsToAlarm=1, TreatMissingData="ignore", Tags=[{"Key": "a", "Value": "b"}])
    a = shown(cw, name)
    arn = f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"
    assert a["AlarmArn"] == arn and a["StateValue"] == "INSUFFICIENT_DATA" and a["StateReason"] == "Unchecked: Initial alarm creation" and a["ActionsEnabled"]
    assert a["Dimensions"] == [{"Name": "k", "Value": "v"}] and a["AlarmActions"] == [] and a["Threshold"] == 5.0 and a["TreatMissingData"] == "ignore"
    assert cw.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    cw.tag_resource(ResourceARN=arn, Tags=[{"Key": "c", "Value": "d"}, {"Key": "a", "Value": "e"}])
    cw.untag_resource(ResourceARN=arn, TagKeys=["c"])
    assert cw.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "e"}]
    alarm(Threshold=7)
    a = shown(cw, name)
    assert a["Threshold"] == 7.0 and "AlarmDescription" not in a and a["Dimensions"] == []
    assert cw.describe_alarms_for_metric(Namespace=name, MetricName="m")["MetricAlarms"][0]["AlarmName"] == name
    assert cw.describe_alarms_for_metric(Namespace=name, MetricName="m", Dimensions=[{"Name": "k", "Value": "v"}])["MetricAlarms"] == []
    assert cw.describe_alarms(AlarmTypes=["CompositeAlarm"])["MetricAlarms"] == []
    history = cw.describe_alarm_history(AlarmName=name, HistoryItemType="ConfigurationUpdate")["AlarmHistoryItems"]
    assert [h["HistorySummary"] for h in history] == [f'Alarm "{name}" updated', f'Alarm "{name}" created']


def test_listing(cw, alarm, name):
    for i in range(5):
        alarm(f"-{i}", TreatMissingData="ignore")
    pages = list(cw.get_paginator("describe_alarms").paginate(AlarmNamePrefix=name, PaginationConfig={"PageSize": 2}))
    assert [len(p["MetricAlarms"]) for p in pages] == [2, 2, 1]
    assert [a["AlarmName"] for p in pages for a in p["MetricAlarms"]] == [f"{name}-{i}" for i in range(5)]
    cw.set_alarm_state(AlarmName=name + "-3", StateValue="ALARM", StateReason="by hand")
    assert [a["AlarmName"] for a in cw.describe_alarms(AlarmNamePrefix=name, StateValue="ALARM")["MetricAlarms"]] == [name + "-3"]


def test_what_is_refused(cw, alarm, name):
    def refused(code, text, **how):
        with pytest.raises(ClientError) as e:
            cw.put_metric_alarm(**{"AlarmName": name + "-x", "Namespace": name, "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 5,
                                   "ComparisonOperator": "GreaterThanThreshold", **how})
        assert e.value.response["Error"]["Code"] == code and text in e.value.response["Error"]["Message"], e.value

    refused("ValidationError", "EvaluationPeriods * Period must be <= 86400", EvaluationPeriods=1441)
    refused("ValidationError", "DatapointsToAlarm", DatapointsToAlarm=2)
    refused("ValidationError", "TreatMissingData", TreatMissingData="sometimes")
    refused("ValidationError", "Period", Period=45)
    refused("ValidationError", "Statistic", ExtendedStatistic="p90")
    refused("ValidationError", "arn", AlarmActions=["no-arn"])
    refused("NotImplemented", "arn:aws:automate", AlarmActions=["arn:aws:automate:us-east-1:ec2:stop"])
    refused("ValidationError", "Metrics cannot be combined", Metrics=[{"Id": "e", "Expression": "m*2"}])
    refused("NotImplemented", "anomaly detection", ThresholdMetricId="e")
    with pytest.raises(cw.exceptions.ResourceNotFound):
        cw.delete_alarms(AlarmNames=[name + "-none"])
    with pytest.raises(cw.exceptions.ResourceNotFound):
        cw.set_alarm_state(AlarmName=name + "-none", StateValue="OK", StateReason="x")


def test_it_rings_and_recovers(tsubo, cw, alarm, name, now, eventually):
    alarm()
    put(cw, name, 4)
    put(cw, name, 3)
    tsubo.turn_clock("+60s")
    eventually(lambda: state(cw, name) == "ALARM")
    a = shown(cw, name)
    stamp = r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(rf"Threshold Crossed: 1 out of the last 1 datapoints \[7\.0 \({stamp}\)\] was greater than the threshold \(5\.0\) "
                        r"\(minimum 1 datapoint for OK -> ALARM transition\)\.", a["StateReason"]), a["StateReason"]
    data = json.loads(a["StateReasonData"])
    assert data["recentDatapoints"] == [7.0] and data["threshold"] == 5.0 and data["period"] == 60 and data["statistic"] == "Sum"
    put(cw, name, 1, now())
    tsubo.turn_clock("+60s")
    eventually(lambda: state(cw, name) == "OK")
    assert "was not greater than the threshold (5.0) (minimum 1 datapoint for ALARM -> OK transition)." in shown(cw, name)["StateReason"]
    tsubo.turn_clock("+10m")
    eventually(lambda: state(cw, name) == "INSUFFICIENT_DATA")
    changes = cw.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    assert [h["HistorySummary"] for h in changes] == ["Alarm updated from INSUFFICIENT_DATA to ALARM", "Alarm updated from ALARM to OK", "Alarm updated from OK to INSUFFICIENT_DATA"]


def test_a_turned_clock_passes_over_nothing(tsubo, cw, alarm, name, now, eventually):
    """A breach in the middle of a day that is turned away still rings, and at its time."""
    alarm(TreatMissingData="notBreaching")
    start = now()
    put(cw, name, 9, start + 3600)  # up to two hours ahead is taken
    tsubo.turn_clock("+1d")
    changes = eventually(lambda: [h for h in cw.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate", ScanBy="TimestampAscending")["AlarmHistoryItems"]
                                  if "to OK" in h["HistorySummary"]][1:] and cw.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate", ScanBy="TimestampAscending")["AlarmHistoryItems"])
    assert [h["HistorySummary"].split()[-1] for h in changes] == ["OK", "ALARM", "OK"]
    assert 3590 < changes[1]["Timestamp"].timestamp() - start < 3730


# The tables of "Configuring how CloudWatch alarms treat missing data": the newest on the right; 0 is fine, X breaches, - is missing.
KEEP = "KEEP"


@pytest.mark.parametrize("points, m, missing, ignore, breaching, not_breaching", [
    ("0-X-X", 3, "OK", "OK", "OK", "OK"), ("----0", 3, "OK", "OK", "OK", "OK"), ("-----", 3, "INSUFFICIENT_DATA", KEEP, "ALARM", "OK"),
    ("0XX-X", 3, "ALARM", "ALARM", "ALARM", "ALARM"), ("--X--", 3, "ALARM", KEEP, "ALARM", "OK"),
    ("0-X-X", 2, "ALARM", "ALARM", "ALARM", "ALARM"), ("00X0X", 2, "ALARM", "ALARM", "ALARM", "ALARM"), ("0-X--", 2, "OK", "OK", "ALARM", "OK"),
    ("----0", 2, "OK", "OK", "ALARM", "OK"), ("---X-", 2, "ALARM", KEEP, "ALARM", "OK"),
])
def test_missing_data(tsubo, cw, alarm, name, now, eventually, points, m, missing, ignore, breaching, not_breaching):
    minute = (int(now()) // 60) * 60
    for i, p in enumerate(points):
        if p != "-":
            put(cw, name, 9 if p == "X" else 1, minute - (len(points) - i) * 60 + 5)
    expected = {"missing": missing, "ignore": ignore, "breaching": breaching, "notBreaching": not_breaching}
    for how, state_wanted in expected.items():
        alarm("-" + how, EvaluationPeriods=3, DatapointsToAlarm=m, TreatMissingData=how)
    alarm("-then", MetricName="none", TreatMissingData="breaching")
    eventually(lambda: state(cw, name + "-then") == "ALARM")  # the first look is at once, in the order in which they were put
    got = {how: state(cw, f"{name}-{how}") for how in expected}
    if (int(now()) // 60) * 60 != minute:
        pytest.skip("the minute ended in between")
    assert got == {how: "INSUFFICIENT_DATA" if s == KEEP else s for how, s in expected.items()}


@pytest.mark.parametrize("operator, value, rings", [("GreaterThanThreshold", 5, False), ("GreaterThanOrEqualToThreshold", 5, True), ("LessThanThreshold", 5, False),
                                                    ("LessThanOrEqualToThreshold", 5, True), ("LessThanThreshold", 4.5, True)])
def test_comparisons(tsubo, cw, alarm, name, eventually, operator, value, rings):
    alarm(ComparisonOperator=operator, Statistic="Maximum")
    put(cw, name, value)
    tsubo.turn_clock("+60s")
    assert eventually(lambda: state(cw, name) if state(cw, name) != "INSUFFICIENT_DATA" else None) == ("ALARM" if rings else "OK")


def test_high_resolution(tsubo, cw, alarm, name, eventually):
    alarm(Period=10, Statistic="Average")
    put(cw, name, 50, StorageResolution=1)
    tsubo.turn_clock("+10s")
    eventually(lambda: state(cw, name) == "ALARM")


def test_percentiles(tsubo, cw, name, eventually):
    cw.put_metric_alarm(AlarmName=name, Namespace=name, MetricName="m", ExtendedStatistic="p90", Period=60, EvaluationPeriods=1, Threshold=50,
                        ComparisonOperator="GreaterThanThreshold")
    cw.put_metric_data(Namespace=name, MetricData=[{"MetricName": "m", "Values": [1, 60], "Counts": [5, 5]}])
    tsubo.turn_clock("+60s")
    eventually(lambda: state(cw, name) == "ALARM")
    cw.delete_alarms(AlarmNames=[name])


def make_function(client, name, policy_for):
    iam, aws = client("iam"), client("lambda")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
    client("sqs").create_queue(QueueName=name)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("m.py", "import boto3, json\nsqs = boto3.client('sqs')\ndef handler(event, context):\n"
                   f"    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName='{name}')['QueueUrl'], MessageBody=json.dumps(event))\n")
    arn = aws.create_function(FunctionName=name, Runtime="python3.12", Role=role, Handler="m.handler", Timeout=60, MemorySize=512, Code={"ZipFile": out.getvalue()})["FunctionArn"]
    if policy_for:
        aws.add_permission(FunctionName=name, StatementId="alarm", Action="lambda:InvokeFunction", Principal="lambda.alarms.cloudwatch.amazonaws.com",
                           SourceAccount="000000000000", SourceArn=policy_for)
    url = client("sqs").get_queue_url(QueueName=name)["QueueUrl"]

    def take():
        message = next_message(client("sqs"), url)
        client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])
    return arn, take


def test_a_function_is_told(client, cw, alarm, name, eventually):
    arn, take = make_function(client, name, f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}")
    alarm(AlarmDescription="why", TreatMissingData="ignore", AlarmActions=[arn], Dimensions=[{"Name": "k", "Value": "v"}])
    cw.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="quiet")  # no action of OK
    cw.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand", StateReasonData='{"a": 1}')
    event = take()
    data = event["alarmData"]
    assert event["source"] == "aws.cloudwatch" and event["alarmArn"].endswith(":alarm:" + name) and event["accountId"] == "000000000000" and event["region"] == "us-east-1"
    assert data["alarmName"] == name and data["state"]["value"] == "ALARM" and data["state"]["reason"] == "by hand" and data["state"]["reasonData"] == '{"a": 1}'
    assert data["previousState"]["value"] == "OK" and data["configuration"]["description"] == "why"
    assert data["configuration"]["metrics"][0]["metricStat"] == {"metric": {"namespace": name, "name": "m", "dimensions": {"k": "v"}}, "period": 60, "stat": "Sum"}
    actions = lambda: [h["HistorySummary"] for h in cw.describe_alarm_history(AlarmName=name, HistoryItemType="Action")["AlarmHistoryItems"]]
    eventually(lambda: actions() == [f"Successfully executed action {arn}"])
    cw.disable_alarm_actions(AlarmNames=[name])
    assert shown(cw, name)["ActionsEnabled"] is False
    cw.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="x")
    cw.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="silent")
    cw.enable_alarm_actions(AlarmNames=[name])
    cw.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="x")
    cw.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="loud")
    assert take()["alarmData"]["state"]["reason"] == "loud"


def test_a_function_that_does_not_let_it_in(client, cw, alarm, name, eventually):
    arn, _ = make_function(client, name, None)
    alarm(TreatMissingData="ignore", AlarmActions=[arn])
    cw.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="x")
    item = eventually(lambda: cw.describe_alarm_history(AlarmName=name, HistoryItemType="Action")["AlarmHistoryItems"])[0]
    assert item["HistorySummary"].startswith(f"Failed to execute action {arn}. Received error:")


def test_a_topic_is_told(client, cw, alarm, name):
    """"Notifying users on alarm changes": the message that subscribers of the topic get."""
    sqs, sns = client("sqs"), client("sns")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue}]})})
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic}]}))
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    alarm(TreatMissingData="ignore", AlarmActions=[topic])
    cw.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand")
    note = json.loads(next_message(sqs, url)["Body"])
    message = json.loads(note["Message"])
    assert note["Subject"].startswith(f'ALARM: "{name}" in ') and message["AlarmName"] == name and message["NewStateReason"] == "by hand"
    assert message["OldStateValue"] == "INSUFFICIENT_DATA" and message["AWSAccountId"] == "000000000000"
    assert message["Trigger"]["MetricName"] == "m" and message["Trigger"]["Threshold"] == 5.0 and message["Trigger"]["Period"] == 60


def test_eventbridge_hears_of_it(client, cw, alarm, name):
    sqs, events = client("sqs"), client("events")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]})})
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"], "detail": {"alarmName": [name]}}))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    alarm(TreatMissingData="ignore")
    cw.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="x")
    event = json.loads(next_message(sqs, url)["Body"])
    assert event["resources"] == [f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"] and event["detail"]["state"]["value"] == "ALARM"
    events.remove_targets(Rule=name, Ids=["q"])
    events.delete_rule(Name=name)


def test_metrics_of_our_own_services_ring(tsubo, client, cw, alarm, name, eventually):
    """The usual alarm of an API: errors of a function."""
    aws = client("lambda")
    make_function(client, name, None)
    aws.update_function_configuration(FunctionName=name, Handler="m.none")
    alarm(Namespace="AWS/Lambda", MetricName="Errors", Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold", Dimensions=[{"Name": "FunctionName", "Value": name}])
    assert aws.invoke(FunctionName=name)["FunctionError"]
    tsubo.turn_clock("+60s")
    eventually(lambda: state(cw, name) == "ALARM")


def test_it_goes_on_after_a_kill(fresh_tsubo, eventually):
    cw = fresh_tsubo.client("cloudwatch")
    cw.put_metric_alarm(AlarmName="a", Namespace="n", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=5, ComparisonOperator="GreaterThanThreshold")
    put(cw, "n", 9)
    fresh_tsubo.kill()
    fresh_tsubo.start()
    fresh_tsubo.turn_clock("+60s")
    eventually(lambda: state(cw, "a") == "ALARM")


def test_a_stack_with_an_alarm(client, cw, name, eventually):
    cfn = client("cloudformation")

    def template(threshold):
        return json.dumps({"Resources": {"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
            "Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": "60", "EvaluationPeriods": 1, "Threshold": threshold, "ComparisonOperator": "GreaterThanThreshold",
            "Dimensions": [{"Name": "k", "Value": "v"}], "TreatMissingData": "notBreaching"}}}, "Outputs": {"Name": {"Value": {"Ref": "A"}}, "Arn": {"Value": {"Fn::GetAtt": ["A", "Arn"]}}}})

    cfn.create_stack(StackName=name, TemplateBody=template(3))
    cfn.get_waiter("stack_create_complete").wait(StackName=name)
    out = {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]}
    assert out["Name"].startswith(name + "-A-") and out["Arn"].endswith(":alarm:" + out["Name"]) and shown(cw, out["Name"])["Threshold"] == 3.0
    cfn.update_stack(StackName=name, TemplateBody=template(4))
    cfn.get_waiter("stack_update_complete").wait(StackName=name)
    assert shown(cw, out["Name"])["Threshold"] == 4.0
    cfn.delete_stack(StackName=name)
    eventually(lambda: cw.describe_alarms(AlarmNames=[out["Name"]])["MetricAlarms"] == [])
