"""Composite alarms: rules, changes with the alarms they name, suppressed actions. Sources: PutCompositeAlarm, DescribeAlarms, DeleteAlarms,
SetAlarmState (CloudWatch API Reference); "Create a composite alarm", "Alarm suppression" (User Guide)."""
import json

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def cw(client):
    return client("cloudwatch")


@pytest.fixture
def alarms(cw, name):
    """alarms("a", "b"): metric alarms of these ends of names, all OK; they stay as they are set by hand."""
    made = []

    def make(*ends):
        for end in ends:
            made.append(f"{name}-{end}")
            cw.put_metric_alarm(AlarmName=made[-1], Namespace=name, MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=5,
                                ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore")
            cw.set_alarm_state(AlarmName=made[-1], StateValue="OK", StateReason="x")
        return [f"{name}-{end}" for end in ends]

    yield make
    composites = [a["AlarmName"] for p in cw.get_paginator("describe_alarms").paginate(AlarmTypes=["CompositeAlarm"], AlarmNamePrefix=name) for a in p["CompositeAlarms"]]
    for c in composites:
        cw.put_composite_alarm(AlarmName=c, AlarmRule="FALSE")
    for c in composites:
        cw.delete_alarms(AlarmNames=[c])
    cw.delete_alarms(AlarmNames=made)


@pytest.fixture
def ring(cw):
    return lambda name, state="ALARM": cw.set_alarm_state(AlarmName=name, StateValue=state, StateReason="by hand")


def shown(cw, name):
    return cw.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]


def state(cw, name):
    return shown(cw, name)["StateValue"]


def test_put_show_delete(cw, alarms, name):
    a, = alarms("a")
    rule = f'ALARM("{a}") OR TRUE'
    cw.put_composite_alarm(AlarmName=name, AlarmRule=rule, AlarmDescription="d", Tags=[{"Key": "k", "Value": "v"}])
    x = shown(cw, name)
    arn = f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"
    assert x["AlarmArn"] == arn and x["AlarmRule"] == rule and x["StateValue"] == "ALARM" and x["ActionsEnabled"] and x["AlarmDescription"] == "d"
    assert x["StateReason"] == f"{arn} was created and its alarm rule evaluates to ALARM"
    assert cw.describe_alarms(AlarmNames=[name])["MetricAlarms"] == [] and cw.describe_alarms(AlarmNames=[name]).get("CompositeAlarms", []) == []
    assert cw.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    history = cw.describe_alarm_history(AlarmName=name, AlarmTypes=["CompositeAlarm"])["AlarmHistoryItems"]
    assert {h["HistoryItemType"] for h in history} == {"ConfigurationUpdate", "StateUpdate"} and {h["AlarmType"] for h in history} == {"CompositeAlarm"}
    assert cw.describe_alarm_history(AlarmName=name)["AlarmHistoryItems"] == []
    cw.disable_alarm_actions(AlarmNames=[name])
    assert not shown(cw, name)["ActionsEnabled"]
    cw.delete_alarms(AlarmNames=[name])
    assert cw.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"] == []


RULES = [
    ("ALARM({a}) AND ALARM({b})", {"a"}, "OK"), ("ALARM({a}) AND ALARM({b})", {"a", "b"}, "ALARM"), ("ALARM({a}) OR ALARM({b})", {"b"}, "ALARM"),
    ("ALARM({a}) AND NOT ALARM({b})", {"a"}, "ALARM"), ("ALARM({a}) AND NOT ALARM({b})", {"a", "b"}, "OK"),
    ("(ALARM({a}) OR ALARM({b})) AND OK({c})", {"b"}, "ALARM"), ("(ALARM({a}) OR ALARM({b})) AND OK({c})", {"b", "c"}, "OK"),
    ("ALARM({a}) OR ALARM({b}) AND ALARM({c})", {"a"}, "ALARM"), ("NOT (ALARM({a}) OR ALARM({b}))", {"a"}, "OK"),
    ('NOT OK("{a}") AND TRUE', {"a"}, "ALARM"), ("INSUFFICIENT_DATA({a})", {"a"}, "OK"),
    ('ALARM("arn:aws:cloudwatch:us-east-1:000000000000:alarm:{a}")', {"a"}, "ALARM"), ("FALSE OR\n ALARM( {a} )", {"a"}, "ALARM"),
]


@pytest.mark.parametrize("at", range(len(RULES)))
def test_rules(cw, alarms, ring, name, at):
    rule, ringing, expected = RULES[at]
    alarms("a", "b", "c")
    cw.put_composite_alarm(AlarmName=name, AlarmRule=rule.format(a=f"{name}-a", b=f"{name}-b", c=f"{name}-c"))
    for end in ringing:
        ring(f"{name}-{end}")
    assert state(cw, name) == expected


def test_reason(cw, alarms, ring, name):
    a, = alarms("a")
    cw.put_composite_alarm(AlarmName=name, AlarmRule=f"ALARM({a})")
    assert state(cw, name) == "OK"
    ring(a)
    x = shown(cw, name)
    arn = f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{a}"
    assert x["StateReason"].startswith(f"{arn} transitioned to ALARM at ") and x["StateReason"].endswith(" UTC")
    by = json.loads(x["StateReasonData"])["triggeringAlarms"]
    assert [(t["arn"], t["state"]["value"]) for t in by] == [(arn, "ALARM")]


def test_composites_of_composites_and_cycles(cw, alarms, ring, name):
    a, = alarms("a")
    cw.put_composite_alarm(AlarmName=name + "-1", AlarmRule=f"ALARM({a})")
    cw.put_composite_alarm(AlarmName=name + "-2", AlarmRule=f"ALARM({name}-1)")
    ring(a)
    assert state(cw, name + "-2") == "ALARM"
    cw.put_composite_alarm(AlarmName=name + "-1", AlarmRule=f"ALARM({a}) AND NOT ALARM({name}-2)")  # a cycle; its evaluation ends
    ring(a, "OK")
    ring(a)
    assert state(cw, name + "-2") in ("OK", "ALARM")


def test_relatives(cw, alarms, ring, name):
    a, b = alarms("a", "b")
    cw.put_composite_alarm(AlarmName=name + "-1", AlarmRule=f"ALARM({a})")
    cw.put_composite_alarm(AlarmName=name + "-2", AlarmRule=f"ALARM({name}-1) OR ALARM({b})")
    children = cw.describe_alarms(ChildrenOfAlarmName=name + "-2")
    assert [x["AlarmName"] for x in children["MetricAlarms"]] == [b] and [x["AlarmName"] for x in children["CompositeAlarms"]] == [name + "-1"]
    assert [x["AlarmName"] for x in cw.describe_alarms(ParentsOfAlarmName=a)["CompositeAlarms"]] == [name + "-1"]
    with pytest.raises(ClientError):
        cw.describe_alarms(ParentsOfAlarmName=a, StateValue="OK")
    pages = list(cw.get_paginator("describe_alarms").paginate(AlarmNamePrefix=name, AlarmTypes=["MetricAlarm", "CompositeAlarm"], PaginationConfig={"PageSize": 1}))
    assert [x["AlarmName"] for p in pages for x in p["MetricAlarms"] + p["CompositeAlarms"]] == [a, b, name + "-1", name + "-2"]


def test_what_is_refused(cw, alarms, name):
    a, = alarms("a")
    for rule in ("", "ALARM", f"ALARM({a}", f"ALARM({a}) ALARM({a})", f"ALARM({a}) AND", "MAYBE(x)", "NOT", "()", "TRUE" + " OR TRUE" * 500):
        with pytest.raises(Exception) as e:
            cw.put_composite_alarm(AlarmName=name, AlarmRule=rule)
        assert isinstance(e.value, ClientError) or rule == ""
    with pytest.raises(ClientError) as e:
        cw.put_composite_alarm(AlarmName=name, AlarmRule=f"ALARM({name}-none)")
    assert "do not exist" in e.value.response["Error"]["Message"]
    with pytest.raises(ClientError):
        cw.put_composite_alarm(AlarmName=a, AlarmRule="TRUE")
    with pytest.raises(ClientError):
        cw.put_composite_alarm(AlarmName=name, AlarmRule="TRUE", ActionsSuppressor=a)
    cw.put_composite_alarm(AlarmName=name, AlarmRule=f"ALARM({a})")
    with pytest.raises(ClientError) as e:
        cw.delete_alarms(AlarmNames=[a])
    assert "there are composite alarm(s) depending on it" in e.value.response["Error"]["Message"]
    cw.put_composite_alarm(AlarmName=name + "-2", AlarmRule="TRUE")
    with pytest.raises(ClientError):
        cw.delete_alarms(AlarmNames=[name, name + "-2"])


@pytest.fixture
def topic(client, name):
    """A topic that a queue hears: messages() are what came since."""
    sns, sqs = client("sns"), client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    arn = sns.create_topic(Name=name)["TopicArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue}]})})
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish", "Resource": arn}]}))
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)

    def messages(wait=10):
        got = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=wait, MaxNumberOfMessages=10).get("Messages", [])
        for m in got:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
        return [json.loads(json.loads(m["Body"])["Message"]) for m in got]

    messages.arn = arn
    return messages


def test_it_notifies(cw, alarms, ring, topic, name, eventually):
    a, = alarms("a")
    cw.put_composite_alarm(AlarmName=name, AlarmRule=f"ALARM({a})", AlarmActions=[topic.arn])
    ring(a)
    m, = eventually(topic)
    assert m["AlarmName"] == name and m["NewStateValue"] == "ALARM" and m["AlarmRule"] == f"ALARM({a})" and m["OldStateValue"] == "OK"
    assert m["TriggeringChildren"][0]["Arn"].endswith(a) and m["TriggeringChildren"][0]["State"]["Value"] == "ALARM"


def test_a_suppressor_holds_actions_back(tsubo, cw, alarms, ring, topic, name, eventually):
    """In ALARM it suppresses; when it leaves, the actions wait for the ExtensionPeriod and are then taken."""
    a, s = alarms("a", "s")
    cw.put_composite_alarm(AlarmName=name, AlarmRule=f"ALARM({a})", AlarmActions=[topic.arn], ActionsSuppressor=s, ActionsSuppressorWaitPeriod=120,
                           ActionsSuppressorExtensionPeriod=180)
    ring(s)
    ring(a)
    x = shown(cw, name)
    assert x["StateValue"] == "ALARM" and x["ActionsSuppressedBy"] == "Alarm" and x["ActionsSuppressedReason"] == "Actions suppressed by Alarm"
    tsubo.turn_clock("+10m")
    ring(s, "OK")
    assert shown(cw, name)["ActionsSuppressedBy"] == "ExtensionPeriod"
    assert topic(wait=1) == []
    tsubo.turn_clock("+181s")
    assert [m["NewStateValue"] for m in eventually(topic)] == ["ALARM"]
    eventually(lambda: "ActionsSuppressedBy" not in shown(cw, name))


def test_without_the_suppressor_actions_wait(tsubo, cw, alarms, ring, topic, name, eventually):
    """WaitPeriod: the time that the suppressor has to go into ALARM."""
    a, s = alarms("a", "s")
    cw.put_composite_alarm(AlarmName=name, AlarmRule=f"ALARM({a})", AlarmActions=[topic.arn], ActionsSuppressor=s, ActionsSuppressorWaitPeriod=120,
                           ActionsSuppressorExtensionPeriod=180)
    tsubo.turn_clock("+121s")  # what was waiting for the first state
    ring(a)
    assert shown(cw, name)["ActionsSuppressedBy"] == "WaitPeriod" and topic(wait=1) == []
    tsubo.turn_clock("+121s")
    assert [m["NewStateValue"] for m in eventually(topic)] == ["ALARM"]
    ring(a, "OK")
    ring(a)
    assert shown(cw, name)["ActionsSuppressedBy"] == "WaitPeriod"
    ring(s)
    assert shown(cw, name)["ActionsSuppressedBy"] == "Alarm"
    tsubo.turn_clock("+121s")
    assert topic(wait=1) == []


def test_a_stack(client, cw, name):
    """AWS::CloudWatch::CompositeAlarm."""
    cfn = client("cloudformation")

    def template(rule):
        return json.dumps({"Resources": {
            "M": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
                                                                   "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching"}},
            "C": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmName": name, "AlarmRule": {"Fn::Sub": rule}, "ActionsEnabled": False}}},
            "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["C", "Arn"]}}}})

    cfn.create_stack(StackName=name, TemplateBody=template("ALARM(${M})"))
    cfn.get_waiter("stack_create_complete").wait(StackName=name)
    assert cfn.describe_stacks(StackName=name)["Stacks"][0]["Outputs"][0]["OutputValue"].endswith(":alarm:" + name) and state(cw, name) == "OK"
    cfn.update_stack(StackName=name, TemplateBody=template("NOT ALARM(${M})"))
    cfn.get_waiter("stack_update_complete").wait(StackName=name)
    assert state(cw, name) == "ALARM"
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name)
    assert cw.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"] == []
