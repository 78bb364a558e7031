"""Who may do what to log groups, and tags: "Actions, resources, and condition keys for Amazon CloudWatch Logs" (Service Authorization
Reference); LogGroup in the API Reference says which form of the ARN counts where."""
import json

import pytest
from refusals import denied, refused


@pytest.fixture
def logs(client):
    return client("logs")


@pytest.fixture
def may(client, name):
    """A client of a user with the given statements."""
    iam = client("iam")

    def make(*statements):
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", **s} for s in statements]}))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return client("logs", key["AccessKeyId"], key["SecretAccessKey"])
    return make


def arn(group):
    return f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"


def test_tags_of_a_group_are_guarded_by_its_arn(logs, may, name):
    logs.create_log_group(logGroupName=name)
    logs.create_log_group(logGroupName=name + "-other")
    own = may({"Action": ["logs:TagResource", "logs:ListTagsForResource"], "Resource": arn(name)},
              {"Action": "logs:TagLogGroup", "Resource": arn(name) + ":*"})
    own.tag_resource(resourceArn=arn(name), tags={"a": "1"})
    own.tag_log_group(logGroupName=name, tags={"b": "2"})
    assert own.list_tags_for_resource(resourceArn=arn(name))["tags"] == {"a": "1", "b": "2"}
    denied(lambda: own.tag_resource(resourceArn=arn(name + "-other"), tags={"a": "1"}))
    denied(lambda: own.tag_log_group(logGroupName=name + "-other", tags={"a": "1"}))
    denied(lambda: own.untag_resource(resourceArn=arn(name), tagKeys=["a"]))


def test_tags_are_condition_keys(logs, may, name):
    logs.create_log_group(logGroupName=name, tags={"team": "blue"})
    own = may({"Action": "logs:*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "blue"}}},
              {"Action": "logs:CreateLogGroup", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestTag/team": "red"}}})
    own.create_log_stream(logGroupName=name, logStreamName="s")
    own.create_log_group(logGroupName=name + "-red", tags={"team": "red"})
    denied(lambda: own.create_log_stream(logGroupName=name + "-red", logStreamName="s"))
    denied(lambda: own.create_log_group(logGroupName=name + "-none"))


def test_listing_needs_a_log_group_resource(logs, may, name):
    own = may({"Action": "logs:Describe*", "Resource": "arn:aws:logs:*:*:*"})
    assert "logGroups" in own.describe_log_groups() and "metricFilters" in own.describe_metric_filters()


def test_names_and_tags_that_are_aws_own(logs, name):
    refused(lambda: logs.create_log_group(logGroupName="aws/" + name), "InvalidParameterException")
    refused(lambda: logs.create_log_group(logGroupName=name, tags={"aws:x": "1"}), "InvalidParameterException")
    logs.create_log_group(logGroupName=name)
    refused(lambda: logs.tag_resource(resourceArn=arn(name), tags={"aws:x": "1"}), "InvalidParameterException")
    refused(lambda: logs.tag_resource(resourceArn=arn(name).replace("us-east-1", "eu-west-1"), tags={"x": "1"}), "ResourceNotFoundException")
    refused(lambda: logs.tag_resource(resourceArn=arn(name), tags={f"k{i}": "" for i in range(51)}), "InvalidParameterException")


def test_tags_and_retention_of_a_stack_change_in_place(client, logs, name, eventually):
    """AWS::Logs::LogGroup: an update of Tags needs no interruption; the events stay."""
    cloudformation = client("cloudformation")

    def template(tags, days):
        return json.dumps({"Resources": {"G": {"Type": "AWS::Logs::LogGroup", "Properties": {
            "LogGroupName": name, "RetentionInDays": days, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}}}})

    def status():
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    cloudformation.create_stack(StackName=name, TemplateBody=template({"a": "1", "b": "2"}, 7))
    eventually(lambda: status() == "CREATE_COMPLETE")
    logs.create_log_stream(logGroupName=name, logStreamName="kept")
    cloudformation.update_stack(StackName=name, TemplateBody=template({"a": "2"}, 14))
    eventually(lambda: status() == "UPDATE_COMPLETE")
    tags = logs.list_tags_for_resource(resourceArn=arn(name))["tags"]
    assert tags["a"] == "2" and "b" not in tags
    assert logs.describe_log_streams(logGroupName=name)["logStreams"][0]["logStreamName"] == "kept"
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["retentionInDays"] == 14
