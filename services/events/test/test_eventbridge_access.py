"""Who may make which rules, and tags. Source: "Using IAM policy conditions in Amazon EventBridge" (User Guide)."""
import json

import pytest
from refusals import denied, refused

PREFIX = "arn:aws:events:us-east-1:000000000000:rule/"


@pytest.fixture
def may(client, name):
    """A client of a user with the given statements."""
    def make(*statements):
        iam = client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Resource": "*", **s} for s in statements]}))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return client("events", key["AccessKeyId"], key["SecretAccessKey"])
    return make


def test_a_policy_says_which_events_rules_may_look_for_and_where_they_send(place, may, name):
    own = may({"Action": "events:PutRule", "Condition": {"StringEquals": {"events:source": "orders", "events:detail-type": "made"}}},
              {"Action": "events:PutTargets", "Condition": {"ArnLike": {"events:TargetArn": place.queue_arn}}},
              {"Action": "events:ListRules", "Resource": PREFIX + "*"})
    rule = lambda **pattern: own.put_rule(Name=name, EventPattern=json.dumps(pattern))
    denied(lambda: rule(source=["payments"]))
    denied(lambda: rule(source=["orders"]))
    rule(source=["orders"], **{"detail-type": ["made"]})
    denied(lambda: own.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": place.queue_arn + "-other"}]))
    own.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": place.queue_arn}])
    assert own.list_rules(NamePrefix=name)["Rules"]


def test_tags_of_rules_and_buses_are_condition_keys(place, may, name):
    place.events.put_rule(Name=name, EventPattern='{"source": ["a"]}', Tags=[{"Key": "team", "Value": "blue"}])
    place.events.create_event_bus(Name=name, Tags=[{"Key": "team", "Value": "red"}])
    own = may({"Action": "events:*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "blue"}}})
    assert own.describe_rule(Name=name)
    own.untag_resource(ResourceARN=PREFIX + name, TagKeys=["team"])
    denied(lambda: own.describe_rule(Name=name))
    denied(lambda: own.describe_event_bus(Name=name))


def test_tag_keys_are_given_once_and_are_not_aws_own(place, name):
    tag = lambda *keys: [{"Key": k, "Value": "v"} for k in keys]
    place.events.put_rule(Name=name, EventPattern='{"source": ["a"]}')
    for keys in (("aws:x",), ("a", "a")):
        refused(lambda: place.events.tag_resource(ResourceARN=PREFIX + name, Tags=tag(*keys)), "ValidationException")
        refused(lambda: place.events.create_event_bus(Name=name, Tags=tag(*keys)), "ValidationException")
        refused(lambda: place.server.client("scheduler").create_schedule_group(Name=name, Tags=tag(*keys)), "ValidationException")
    refused(lambda: place.events.describe_event_bus(Name=name), "ResourceNotFoundException")
