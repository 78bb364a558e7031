"""EventBridge through boto3. Expectations: EventBridge API Reference, User Guide and Events Reference."""
import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"


def code(e):
    return e.value.response["Error"]["Code"]


def message(e):
    return e.value.response["Error"]["Message"]


# ---- rules ----

def test_a_rule_is_put_described_listed_switched_and_deleted(place):
    events, name = place.events, place.name
    arn = events.put_rule(Name=name, EventPattern='{"source":["a"]}', Description="d", Tags=[{"Key": "k", "Value": "v"}])["RuleArn"]
    assert arn == f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{name}"
    rule = events.describe_rule(Name=name)
    assert (rule["State"], rule["EventBusName"], rule["CreatedBy"], rule["EventPattern"]) == ("ENABLED", "default", ACCOUNT, '{"source":["a"]}')
    events.disable_rule(Name=name)
    assert events.list_rules(NamePrefix=name)["Rules"][0]["State"] == "DISABLED"
    events.enable_rule(Name=name)
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "k2", "Value": "v2"}])
    events.untag_resource(ResourceARN=arn, TagKeys=["k"])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k2", "Value": "v2"}]
    place.target()
    with pytest.raises(ClientError) as e:
        events.delete_rule(Name=name)
    assert (code(e), message(e)) == ("ValidationException", "Rule can't be deleted since it has targets.")
    events.remove_targets(Rule=name, Ids=["1"])
    events.delete_rule(Name=name)
    with pytest.raises(ClientError) as e:
        events.describe_rule(Name=name)
    assert (code(e), message(e)) == ("ResourceNotFoundException", f"Rule {name} does not exist on EventBus default.")


@pytest.mark.parametrize("expression", [
    "rate(10 minutess)", "rate(10 seconds)", "rate(10 years)", "rate(1 minutes)", "rate(1 hours)", "rate(2 minute)", "rate(2 day)", "rate()",
    "rate(10)", "rate(-10 minutes)", "rate(0 minutes)", "rate(10 MINUTES)", "rate( 10 minutes )", " rate(10 minutes)", "cron(0 1 * * * *)",
    "cron(7 20 * * NOT *)", "cron(INVALID)", "cron(0 dummy ? * MON-FRI *)", "cron(71 8 1 * ? *)", "cron(0 0 ? * ? *)", "5 minutes"])
def test_schedules_that_aws_refuses(place, expression):
    with pytest.raises(ClientError) as e:
        place.events.put_rule(Name=place.name, ScheduleExpression=expression)
    assert (code(e), message(e)) == ("ValidationException", "Parameter ScheduleExpression is not valid.")


def test_a_rule_needs_a_pattern_or_a_schedule_and_schedules_the_default_bus(place):
    events = place.events
    with pytest.raises(ClientError) as e:
        events.put_rule(Name=place.name)
    assert message(e) == "Parameter(s) EventPattern or ScheduleExpression must be specified."
    events.create_event_bus(Name=place.name)
    with pytest.raises(ClientError) as e:
        events.put_rule(Name=place.name, EventBusName=place.name, ScheduleExpression="rate(1 day)")
    assert message(e) == "ScheduleExpression is supported only on the default event bus."


def test_rules_are_listed_in_pages(place):
    for i in range(5):
        place.events.put_rule(Name=f"{place.name}-{i}", EventPattern='{"source":["a"]}')
    page = place.events.list_rules(NamePrefix=place.name, Limit=3)
    assert [r["Name"][-1] for r in page["Rules"]] == ["0", "1", "2"]
    page = place.events.list_rules(NamePrefix=place.name, Limit=3, NextToken=page["NextToken"])
    assert [r["Name"][-1] for r in page["Rules"]] == ["3", "4"] and "NextToken" not in page


# ---- targets ----

def test_targets_are_listed_both_ways_and_limited_to_five(place):
    place.events.put_rule(Name=place.name, EventPattern='{"source":["a"]}')
    place.events.put_targets(Rule=place.name, Targets=[{"Id": str(i), "Arn": place.queue_arn} for i in range(5)])
    assert [t["Id"] for t in place.events.list_targets_by_rule(Rule=place.name)["Targets"]] == list("01234")
    assert place.events.list_rule_names_by_target(TargetArn=place.queue_arn)["RuleNames"] == [place.name]
    with pytest.raises(ClientError) as e:
        place.events.put_targets(Rule=place.name, Targets=[{"Id": "6", "Arn": place.queue_arn}])
    assert code(e) == "LimitExceededException"


def test_a_target_that_is_not_there_is_refused_by_name(place):
    place.events.put_rule(Name=place.name, EventPattern='{"source":["a"]}')
    arn = f"arn:aws:redshift:us-east-1:{ACCOUNT}:cluster:c"
    answer = place.events.put_targets(Rule=place.name, Targets=[{"Id": "1", "Arn": arn}, {"Id": "2", "Arn": place.queue_arn}])
    assert answer["FailedEntryCount"] == 1 and answer["FailedEntries"][0]["TargetId"] == "1" and arn in answer["FailedEntries"][0]["ErrorMessage"]
    assert [t["Id"] for t in place.events.list_targets_by_rule(Rule=place.name)["Targets"]] == ["2"]
    with pytest.raises(ClientError) as e:
        place.events.put_targets(Rule=place.name, Targets=[{"Id": "1", "Arn": "nonsense"}])
    assert "Provided Arn is not in correct format" in message(e)


# ---- events ----

def test_an_event_comes_to_the_queue_as_aws_sends_it(place):
    place.rule()
    event_id = place.put({"n": 1.50, "s": "é"}, DetailType="made", Resources=["arn:x"], Time=1700000000)
    assert place.events_received() == [{
        "version": "0", "id": event_id, "detail-type": "made", "source": place.name, "account": ACCOUNT, "time": "2023-11-14T22:13:20Z",
        "region": "us-east-1", "resources": ["arn:x"], "detail": {"n": 1.5, "s": "é"}}]


def test_entries_fail_one_by_one(place):
    place.rule()
    good = {"Source": place.name, "DetailType": "t", "Detail": "{}"}
    answer = place.events.put_events(Entries=[
        {**good, "Detail": "not json"}, {k: v for k, v in good.items() if k != "Source"}, good, {**good, "Source": "aws.ec2"}, {**good, "Detail": "[1]"},
        {k: v for k, v in good.items() if k != "DetailType"}, {k: v for k, v in good.items() if k != "Detail"}])
    assert answer["FailedEntryCount"] == 6
    assert [e.get("ErrorCode") for e in answer["Entries"]] == [
        "MalformedDetail", "InvalidArgument", None, "NotAuthorizedForSource", "MalformedDetail", "InvalidArgument", "InvalidArgument"]
    assert answer["Entries"][1]["ErrorMessage"] == "Parameter Source is not valid. Reason: Source is a required argument."
    assert [e["id"] for e in place.events_received()] == [answer["Entries"][2]["EventId"]]


def test_a_request_over_one_megabyte_is_refused(place):
    entry = {"Source": place.name, "DetailType": "t", "Detail": json.dumps({"x": "y" * 600000})}
    place.events.put_events(Entries=[entry])
    with pytest.raises(ClientError) as e:
        place.events.put_events(Entries=[entry, entry])
    assert (code(e), message(e)) == ("ValidationException", "Total size of the entries in the request is over the limit.")


def test_only_rules_that_match_and_are_enabled_fire(place):
    place.rule({"source": [place.name], "detail": {"state": [{"anything-but": "off"}], "n": [{"numeric": [">", 5]}]}})
    place.put({"state": "on", "n": 5})
    place.put({"state": "off", "n": 6})
    yes = place.put({"state": "on", "n": 6})
    assert [e["id"] for e in place.events_received()] == [yes]
    place.events.disable_rule(Name=place.name)
    place.put({"state": "on", "n": 7})
    place.events.enable_rule(Name=place.name)
    after = place.put({"state": "on", "n": 8})
    assert [e["id"] for e in place.events_received()] == [after]


# ---- schedules ----

def test_a_rate_fires_each_time_that_a_turn_of_the_clock_passes(fresh):
    fresh.events.put_rule(Name=fresh.name, ScheduleExpression="rate(6 hours)")
    fresh.target()
    assert fresh.receive(wait=0) == []
    fresh.server.turn_clock("+1d")
    got = sorted(fresh.events_received(4), key=lambda e: e["time"])
    assert len(got) == 4 and len({e["time"] for e in got}) == 4
    hours = [int(e["time"][11:13]) for e in got]
    assert all((b - a) % 24 == 6 for a, b in zip(hours, hours[1:]))
    event = got[0]
    assert event == {"version": "0", "id": event["id"], "detail-type": "Scheduled Event", "source": "aws.events", "account": ACCOUNT,
                     "time": event["time"], "region": "us-east-1",
                     "resources": [f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{fresh.name}"], "detail": {}}
    fresh.events.disable_rule(Name=fresh.name)
    fresh.server.turn_clock("+1d")
    assert fresh.receive(wait=0) == []


def test_a_cron_fires_at_its_minutes(fresh):
    fresh.server.turn_to_next(3600)
    fresh.server.turn_clock("+30m")  # no time of the schedule lies at either end of two days
    fresh.events.put_rule(Name=fresh.name, ScheduleExpression="cron(0 8,20 * * ? *)")
    fresh.target()
    fresh.server.turn_clock("+2d")
    times = sorted(e["time"][11:] for e in fresh.events_received(4))
    assert times == ["08:00:00Z", "08:00:00Z", "20:00:00Z", "20:00:00Z"]


def test_a_schedule_survives_kill_9(fresh):
    fresh.events.put_rule(Name=fresh.name, ScheduleExpression="rate(1 hour)")
    fresh.target()
    fresh.server.kill()
    fresh.server.start()
    fresh.events, fresh.sqs = fresh.server.client("events"), fresh.server.client("sqs")
    fresh.server.turn_clock("+61m")
    assert len(fresh.events_received(1)) == 1


def test_what_was_acknowledged_is_delivered_after_kill_9(fresh):
    fresh.rule()
    for i in range(50):
        fresh.put({"i": i})
    fresh.server.kill()
    fresh.server.start()
    fresh.sqs = fresh.server.client("sqs")
    assert {e["detail"]["i"] for e in fresh.events_received(50)} == set(range(50))


# ---- what targets are given ----

@pytest.mark.parametrize("given, expected", [
    ({"Input": '{"fixed": true}'}, '{"fixed": true}'),
    ({"InputPath": "$.detail.user"}, '{"name":"ann","tags":["a","b"]}'),
    ({"InputPath": "$.detail.user.tags[1]"}, '"b"'),
    ({"InputTransformer": {"InputPathsMap": {"n": "$.detail.user.name", "u": "$.detail.user", "none": "$.detail.none"},
                           "InputTemplate": '{"who": <n>, "text": "hello <n><none>", "all": <u>}'}},
     '{"who": "ann", "text": "hello ann", "all": {"name":"ann","tags":["a","b"]}}'),
    ({"InputTransformer": {"InputPathsMap": {"n": "$.detail.user.name"}, "InputTemplate": '"<n> of <aws.events.rule-name>"'}}, '"ann of {rule}"'),
])
def test_inputs(place, given, expected):
    place.rule(**given)
    place.put({"user": {"name": "ann", "tags": ["a", "b"]}})
    assert place.receive()[0]["Body"] == expected.replace("{rule}", place.name)


# ---- failures ----

def test_without_permission_the_event_goes_to_the_dead_letter_queue_at_once(place):
    dlq = place.sqs.create_queue(QueueName=place.name + "-dlq")["QueueUrl"]
    dlq_arn = place.allow(dlq)
    place.sqs.set_queue_attributes(QueueUrl=place.queue, Attributes={"Policy": ""})
    place.rule(DeadLetterConfig={"Arn": dlq_arn})
    event_id = place.put({"x": 1})
    dead = place.receive(queue=dlq)[0]
    assert json.loads(dead["Body"])["id"] == event_id
    attributes = {k: v["StringValue"] for k, v in dead["MessageAttributes"].items()}
    assert attributes["RULE_ARN"].endswith(":rule/" + place.name) and attributes["TARGET_ARN"] == place.queue_arn
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS" and attributes["RETRY_ATTEMPTS"] == "0"
    assert "EXHAUSTED_RETRY_CONDITION" not in attributes and "not authorized" in attributes["ERROR_MESSAGE"]


def test_a_target_that_is_gone_goes_to_the_dead_letter_queue(place):
    dlq = place.sqs.create_queue(QueueName=place.name + "-dlq")["QueueUrl"]
    place.rule(DeadLetterConfig={"Arn": place.allow(dlq)})
    place.sqs.delete_queue(QueueUrl=place.queue)
    place.put({})
    assert place.receive(queue=dlq)[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


# ---- Lambda ----

def zipped(source):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as z:
        z.writestr("f.py", source)
    return b.getvalue()


def function(server, name):
    """A function that prints what it gets; its ARN."""
    iam, lambda_ = server.client("iam"), server.client("lambda")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}))
    source = "import json\n\ndef handler(event, context):\n    print('GOT ' + json.dumps(event))\n"
    arn = lambda_.create_function(FunctionName=name, Runtime="python3.12", Role=role, Handler="f.handler", Timeout=60,
                                  Code={"ZipFile": zipped(source)})["FunctionArn"]
    lambda_.get_waiter("function_active_v2").wait(FunctionName=name)
    return arn


def printed(server, name):
    logs = server.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]:
        return []
    events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="GOT")["events"]
    return [json.loads(e["message"][4:]) for e in events]


def test_a_scheduled_function_is_invoked_when_its_policy_lets_the_rule(fresh, eventually):
    arn, lambda_ = function(fresh.server, fresh.name), fresh.server.client("lambda")
    rule = fresh.events.put_rule(Name=fresh.name, ScheduleExpression="rate(1 hour)")["RuleArn"]
    fresh.events.put_targets(Rule=fresh.name, Targets=[{"Id": "f", "Arn": arn, "DeadLetterConfig": {"Arn": fresh.queue_arn}}])
    fresh.server.turn_clock("+61m")
    denied = fresh.receive()[0]["MessageAttributes"]
    assert denied["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"  # the function's policy does not know the rule
    lambda_.add_permission(FunctionName=fresh.name, StatementId="s", Action="lambda:InvokeFunction", Principal="events.amazonaws.com", SourceArn=rule)
    fresh.server.turn_clock("+61m")
    got = eventually(lambda: printed(fresh.server, fresh.name))
    assert got[0]["detail-type"] == "Scheduled Event" and got[0]["resources"] == [rule]
