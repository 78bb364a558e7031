"""Buses, their policies, events from one bus to another, permissions, CloudFormation types. Expectations: EventBridge API
Reference and User Guide, CloudFormation resource reference."""
import json

import pytest
from botocore.exceptions import ClientError
from conftest import next_message
from refusals import user

ACCOUNT = "000000000000"


def code(e):
    return e.value.response["Error"]["Code"]


def message(e):
    return e.value.response["Error"]["Message"]


def test_a_bus_is_made_described_listed_and_deleted(place):
    events, name = place.events, place.name
    arn = events.create_event_bus(Name=name, Description="d", Tags=[{"Key": "k", "Value": "v"}])["EventBusArn"]
    assert arn == f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/{name}"
    with pytest.raises(ClientError) as e:
        events.create_event_bus(Name=name)
    assert (code(e), message(e)) == ("ResourceAlreadyExistsException", f"Event bus {name} already exists.")
    assert events.describe_event_bus(Name=arn)["Description"] == "d"
    assert events.describe_event_bus()["Arn"] == f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
    assert {"default", name} <= {b["Name"] for b in events.list_event_buses()["EventBuses"]}
    assert [b["Name"] for b in events.list_event_buses(NamePrefix=name)["EventBuses"]] == [name]
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    events.update_event_bus(Name=name, Description="e")
    assert events.describe_event_bus(Name=name)["Description"] == "e"
    events.delete_event_bus(Name=name)
    with pytest.raises(ClientError) as e:
        events.describe_event_bus(Name=name)
    assert (code(e), message(e)) == ("ResourceNotFoundException", f"Event bus {name} does not exist.")
    with pytest.raises(ClientError) as e:
        events.delete_event_bus(Name="default")
    assert message(e) == "Cannot delete event bus default."


def test_rules_of_a_bus_see_its_events_only(place):
    place.events.create_event_bus(Name=place.name)
    place.rule(bus=place.name)
    place.put({"bus": "default"})
    place.put({"bus": "mine"}, bus=place.name)
    arn = place.events.describe_rule(Name=place.name, EventBusName=place.name)["Arn"]
    assert arn == f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{place.name}/{place.name}"
    assert [e["detail"]["bus"] for e in place.events_received()] == ["mine"]


def test_an_event_goes_on_to_another_bus_as_it_is(place):
    bus = place.events.create_event_bus(Name=place.name)["EventBusArn"]
    place.rule(bus=place.name)
    place.events.put_rule(Name=place.name, EventPattern=json.dumps({"source": [place.name]}))
    assert place.events.put_targets(Rule=place.name, Targets=[{"Id": "b", "Arn": bus}])["FailedEntryCount"] == 0
    event_id = place.put({"x": "y" * 5000})
    event = place.events_received()[0]
    assert event["id"] == event_id and event["detail"]["x"] == "y" * 5000


def test_statements_of_a_policy_come_and_go(place):
    events, name = place.events, place.name
    events.create_event_bus(Name=name)
    events.put_permission(EventBusName=name, Action="events:PutEvents", Principal="111111111111", StatementId="one")
    events.put_permission(EventBusName=name, Action="events:PutEvents", Principal="*", StatementId="all",
                          Condition={"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1"})
    policy = json.loads(events.describe_event_bus(Name=name)["Policy"])
    assert policy["Statement"][0] == {
        "Sid": "one", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "events:PutEvents",
        "Resource": f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/{name}"}
    assert policy["Statement"][1]["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    events.remove_permission(EventBusName=name, StatementId="one")
    with pytest.raises(ClientError) as e:
        events.remove_permission(EventBusName=name, StatementId="one")
    assert message(e) == "Statement with the provided id does not exist."
    events.remove_permission(EventBusName=name, RemoveAllPermissions=True)
    with pytest.raises(ClientError) as e:
        events.remove_permission(EventBusName=name, StatementId="all")
    assert message(e) == "EventBus does not have a policy."


def test_permissions_name_rules_buses_and_sources(place):
    events = user(place.server.client, place.name,
        {"Effect": "Allow", "Action": "events:PutRule", "Resource": f"arn:aws:events:*:*:rule/{place.name}"},
        {"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*", "Condition": {"StringEquals": {"events:source": "mine"}}})("events")
    arn = events.put_rule(Name=place.name, EventPattern='{"source":["a"]}')["RuleArn"]
    with pytest.raises(ClientError) as e:
        events.put_rule(Name=place.name + "x", EventPattern='{"source":["a"]}')
    assert code(e) == "AccessDeniedException"
    assert message(e) == (f"User: arn:aws:iam::{ACCOUNT}:user/{place.name} is not authorized to perform: events:PutRule on resource: {arn}x "
                          "because no identity-based policy allows the events:PutRule action")
    entry = {"Source": "mine", "DetailType": "t", "Detail": "{}"}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    with pytest.raises(ClientError) as e:
        events.put_events(Entries=[entry, {**entry, "Source": "yours"}])
    assert code(e) == "AccessDeniedException"


def test_a_target_with_a_role_acts_as_that_role(place):
    iam = place.server.client("iam")
    role = f"arn:aws:iam::{ACCOUNT}:role/{place.name}"
    place.sqs.set_queue_attributes(QueueUrl=place.queue, Attributes={"Policy": ""})
    place.events.put_rule(Name=place.name, EventPattern=json.dumps({"source": [place.name]}))
    with pytest.raises(ClientError) as e:
        place.target(RoleArn=role)
    assert message(e) == f"Provided role '{role}' cannot be assumed by principal 'events.amazonaws.com'."
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    iam.create_role(RoleName=place.name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=place.name, PolicyName="p", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": place.queue_arn}]}))
    place.target(RoleArn=role)
    place.put({"x": 1})
    assert place.events_received()[0]["detail"] == {"x": 1}


def test_a_fifo_queue_needs_a_group(place):
    url = place.sqs.create_queue(QueueName=place.name + ".fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"})["QueueUrl"]
    arn = place.allow(url)
    place.events.put_rule(Name=place.name, EventPattern=json.dumps({"source": [place.name]}))
    with pytest.raises(ClientError) as e:
        place.events.put_targets(Rule=place.name, Targets=[{"Id": "f", "Arn": arn}])
    assert message(e) == "Parameter(s) SqsParameters must be specified for target: f."
    place.events.put_targets(Rule=place.name, Targets=[{"Id": "f", "Arn": arn, "SqsParameters": {"MessageGroupId": "g"}}])
    place.put({"x": 1})
    got = next_message(place.sqs, url, AttributeNames=["MessageGroupId"])
    assert got["Attributes"]["MessageGroupId"] == "g"


def test_what_fails_for_now_is_tried_again_and_then_given_up(fresh):
    """A FIFO queue without content-based deduplication refuses messages without an id: not for ever, as far as a sender knows."""
    url = fresh.sqs.create_queue(QueueName=fresh.name + ".fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    fresh.events.put_rule(Name=fresh.name, EventPattern=json.dumps({"source": [fresh.name]}))
    target = {"Id": "f", "Arn": fresh.allow(url), "SqsParameters": {"MessageGroupId": "g"},
              "DeadLetterConfig": {"Arn": fresh.queue_arn}}
    fresh.events.put_targets(Rule=fresh.name, Targets=[{**target, "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600}}])
    fresh.put({})
    assert fresh.receive(wait=0) == []
    fresh.server.turn_clock("+10s")
    attributes = {k: v["StringValue"] for k, v in fresh.receive()[0]["MessageAttributes"].items()}
    assert (attributes["EXHAUSTED_RETRY_CONDITION"], attributes["RETRY_ATTEMPTS"]) == ("MaximumRetryAttempts", "2")
    fresh.events.put_targets(Rule=fresh.name, Targets=[{**target, "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 60}}])
    fresh.put({})
    for _ in range(4):
        fresh.server.turn_clock("+20s")
    attributes = {k: v["StringValue"] for k, v in fresh.receive()[0]["MessageAttributes"].items()}
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
    # once the queue takes messages, the next try brings them
    fresh.events.put_targets(Rule=fresh.name, Targets=[target])
    fresh.put({"late": True})
    fresh.sqs.set_queue_attributes(QueueUrl=url, Attributes={"ContentBasedDeduplication": "true"})
    fresh.server.turn_clock("+1h")
    assert json.loads(fresh.receive(queue=url)[0]["Body"])["detail"] == {"late": True}


def test_another_accounts_bus_takes_what_its_policy_allows(fresh):
    """Keys of another account: a role there is not needed, the number in an access key of 12 digits is the account."""
    bus = fresh.events.create_event_bus(Name=fresh.name)["EventBusArn"]
    fresh.rule(bus=fresh.name)
    other = fresh.server.client("events", key="111111111111")
    entry = {"Source": fresh.name, "DetailType": "t", "Detail": "{}", "EventBusName": bus}
    try:
        denied = other.put_events(Entries=[entry])["Entries"][0]
    except ClientError as e:
        pytest.skip(f"no second account: {e}")
    assert denied["ErrorCode"] == "AccessDeniedException"
    fresh.events.put_permission(EventBusName=fresh.name, Action="events:PutEvents", Principal="111111111111", StatementId="s")
    assert other.put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert fresh.events_received()[0]["account"] == "111111111111"


# ---- CloudFormation ----

TEMPLATE = {
    "Parameters": {"Queue": {"Type": "String"}, "Kind": {"Type": "String", "Default": "one"}},
    "Resources": {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": {"Fn::Sub": "${AWS::StackName}-bus"}}},
        "Policy": {"Type": "AWS::Events::EventBusPolicy", "Properties": {
            "EventBusName": {"Ref": "Bus"}, "StatementId": "s",
            "Statement": {"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "events:PutEvents", "Resource": {"Fn::GetAtt": ["Bus", "Arn"]}}}},
        "Rule": {"Type": "AWS::Events::Rule", "Properties": {
            "EventBusName": {"Ref": "Bus"}, "EventPattern": {"source": ["s"], "detail": {"kind": [{"Ref": "Kind"}]}},
            "Targets": [{"Id": {"Fn::Sub": "to-${Kind}"}, "Arn": {"Ref": "Queue"}, "RetryPolicy": {"MaximumRetryAttempts": 3}}]}},
        "Daily": {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "rate(1 day)", "State": "DISABLED"}}},
    "Outputs": {"Rule": {"Value": {"Ref": "Rule"}}, "Daily": {"Value": {"Ref": "Daily"}}, "DailyArn": {"Value": {"Fn::GetAtt": ["Daily", "Arn"]}}}}


def test_a_stack_makes_changes_and_removes_rules_and_buses(place):
    cfn, name = place.server.client("cloudformation"), place.name
    try:
        cfn.describe_stacks()
    except ClientError as e:
        if code(e) in ("NotImplemented", "501") or e.response["ResponseMetadata"]["HTTPStatusCode"] == 501:
            pytest.skip("no stacks in this build")
        raise
    def parameters(kind):
        return [{"ParameterKey": "Queue", "ParameterValue": place.queue_arn}, {"ParameterKey": "Kind", "ParameterValue": kind}]
    cfn.create_stack(StackName=name, TemplateBody=json.dumps(TEMPLATE), Parameters=parameters("one"))
    cfn.get_waiter("stack_create_complete").wait(StackName=name)
    outputs = {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]}
    bus, rule = outputs["Rule"].split("|")
    assert bus == f"{name}-bus" and outputs["DailyArn"].endswith(":rule/" + outputs["Daily"])
    targets = place.events.list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]
    assert targets == [{"Id": "to-one", "Arn": place.queue_arn, "RetryPolicy": {"MaximumRetryAttempts": 3}}]
    assert json.loads(place.events.describe_event_bus(Name=bus)["Policy"])["Statement"][0]["Sid"] == "s"
    cfn.update_stack(StackName=name, TemplateBody=json.dumps(TEMPLATE), Parameters=parameters("two"))
    cfn.get_waiter("stack_update_complete").wait(StackName=name)
    assert [t["Id"] for t in place.events.list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]] == ["to-two"]
    assert json.loads(place.events.describe_rule(Name=rule, EventBusName=bus)["EventPattern"])["detail"] == {"kind": ["two"]}
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name)
    assert place.events.list_event_buses(NamePrefix=bus)["EventBuses"] == []


# ---- TestEventPattern ----

def test_test_event_pattern(place):
    event = {"id": "1", "account": ACCOUNT, "source": "s", "time": "2026-01-01T00:00:00Z", "region": "us-east-1", "resources": [],
             "detail-type": "t", "detail": {"a": [1, 2]}}
    ask = lambda pattern: place.events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))["Result"]
    assert ask({"detail": {"a": [2]}}) is True
    assert ask({"detail": {"a": [3]}}) is False
    with pytest.raises(ClientError) as e:
        ask({"detail": {"a": 3}})
    assert (code(e), message(e)) == ("InvalidEventPatternException", 'Event pattern is not valid. Reason: "a" must be an object or an array')


def test_what_is_not_there_says_so(place):
    with pytest.raises(ClientError) as e:
        place.events.list_connections()
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501 and "ListConnections" in message(e)
