"""EventBridge Scheduler through boto3. Expectations: EventBridge Scheduler API Reference and User Guide."""
import datetime
import json
import time

import pytest
from botocore.exceptions import ClientError

from conftest import PATIENCE_S

ACCOUNT = "000000000000"
OFF = {"Mode": "OFF"}


def code(e):
    return e.value.response["Error"]["Code"]


class Place:
    """A tsubo with a scheduler client, a queue, and a role that may send to it."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.scheduler, self.sqs, self.iam = server.client("scheduler"), server.client("sqs"), server.client("iam")
        self.queue = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.queue_arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"},
                                                         "Action": "sts:AssumeRole"}]}
        self.role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": self.queue_arn}]}))
        self.target = {"Arn": self.queue_arn, "RoleArn": self.role}

    def create(self, expression, name=None, **more):
        more.setdefault("FlexibleTimeWindow", OFF)
        more.setdefault("Target", self.target)
        return self.scheduler.create_schedule(Name=name or self.name, ScheduleExpression=expression, **more)["ScheduleArn"]

    def receive(self, n=1, wait=5):
        """n messages, as long as it takes; what is there, when there is not to be waited."""
        got, deadline = [], time.monotonic() + (PATIENCE_S if wait else 0)
        while len(got) < n:
            page = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=wait,
                                            MessageAttributeNames=["All"]).get("Messages", [])
            for m in page:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=m["ReceiptHandle"])
            got += page
            if not page and time.monotonic() > deadline:
                break
        return got

    def at(self, **ahead):
        now = datetime.datetime.now(datetime.timezone.utc)
        return "at(" + (now + datetime.timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%S") + ")"


@pytest.fixture
def place(fresh_tsubo, name):
    return Place(fresh_tsubo, name)


def test_a_schedule_is_created_shown_updated_listed_and_deleted(place):
    arn = place.create("rate(1 day)", Description="d", State="DISABLED")
    assert arn == f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/{place.name}"
    shown = place.scheduler.get_schedule(Name=place.name)
    assert (shown["GroupName"], shown["State"], shown["ScheduleExpressionTimezone"], shown["Target"]) == ("default", "DISABLED", "UTC", place.target)
    with pytest.raises(ClientError) as e:
        place.create("rate(1 day)")
    assert code(e) == "ConflictException"
    place.scheduler.update_schedule(Name=place.name, ScheduleExpression="rate(2 days)", FlexibleTimeWindow=OFF, Target=place.target)
    shown = place.scheduler.get_schedule(Name=place.name)
    assert (shown["ScheduleExpression"], shown["State"]) == ("rate(2 days)", "ENABLED") and "Description" not in shown
    assert [s["Name"] for s in place.scheduler.list_schedules(NamePrefix=place.name)["Schedules"]] == [place.name]
    place.scheduler.delete_schedule(Name=place.name)
    with pytest.raises(ClientError) as e:
        place.scheduler.get_schedule(Name=place.name)
    assert code(e) == "ResourceNotFoundException"


def test_groups_hold_schedules_and_take_them_along(place):
    arn = place.scheduler.create_schedule_group(Name=place.name, Tags=[{"Key": "k", "Value": "v"}])["ScheduleGroupArn"]
    assert place.scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    place.scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "k2", "Value": "v"}])
    place.scheduler.untag_resource(ResourceArn=arn, TagKeys=["k"])
    assert place.scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "k2", "Value": "v"}]
    assert [g["Name"] for g in place.scheduler.list_schedule_groups()["ScheduleGroups"]] == ["default", place.name]
    place.create("rate(1 day)", GroupName=place.name)
    assert place.scheduler.list_schedules(GroupName=place.name)["Schedules"][0]["GroupName"] == place.name
    place.scheduler.delete_schedule_group(Name=place.name)
    assert place.scheduler.list_schedules()["Schedules"] == []


def test_once_and_then_it_is_gone(place, eventually):
    place.create(place.at(minutes=10), ActionAfterCompletion="DELETE",
                 Target={**place.target, "Input": '{"at": "<aws.scheduler.scheduled-time>", "try": "<aws.scheduler.attempt-number>"}'})
    assert place.receive(wait=0) == []
    place.server.turn_clock("+11m")
    body = json.loads(place.receive()[0]["Body"])
    assert body["try"] == "1" and body["at"].endswith("Z")
    eventually(lambda: place.scheduler.list_schedules()["Schedules"] == [])
    place.server.turn_clock("+1d")
    assert place.receive(wait=0) == []


def test_a_cron_fires_for_every_time_that_was_passed(place):
    place.server.turn_to_next(3600)  # no time of the schedule lies at either end of two days
    arn = place.create("cron(30 6,18 * * ? *)")
    place.server.turn_clock("+2d")
    got = [json.loads(m["Body"]) for m in place.receive(4)]
    assert sorted(e["time"][11:] for e in got) == ["06:30:00Z", "06:30:00Z", "18:30:00Z", "18:30:00Z"]
    assert got[0]["source"] == "aws.scheduler" and got[0]["resources"] == [arn] and got[0]["detail"] == "{}"


def test_a_rate_starts_at_once_and_ends_at_its_end(place):
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=150)
    place.create("rate(1 hour)", EndDate=end)
    assert len(place.receive()) == 1
    place.server.turn_clock("+1d")
    assert len(place.receive(2)) == 2 and place.receive(wait=0) == []  # nor one at the third hour


def test_a_flexible_window_is_kept(place):
    place.create(place.at(minutes=10), FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60})
    place.server.turn_clock("+71m")
    assert len(place.receive()) == 1
    with pytest.raises(ClientError) as e:
        place.create("rate(1 day)", name="x", FlexibleTimeWindow={"Mode": "FLEXIBLE"})
    assert code(e) == "ValidationException"


def test_any_operation_can_be_a_target(place):
    url = place.queue
    place.create("rate(1 hour)", Target={"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "RoleArn": place.role,
                                         "Input": json.dumps({"QueueUrl": url, "MessageBody": "universal"})})
    assert place.receive()[0]["Body"] == "universal"


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue(place):
    gone = f"arn:aws:sqs:us-east-1:{ACCOUNT}:gone"
    place.iam.put_role_policy(RoleName=place.name, PolicyName="p", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}))
    arn = place.create("rate(1 hour)", Target={"Arn": gone, "RoleArn": place.role, "Input": "x", "DeadLetterConfig": {"Arn": place.queue_arn}})
    dead = place.receive()[0]
    attributes = {k: v["StringValue"] for k, v in dead["MessageAttributes"].items()}
    assert dead["Body"] == "x" and attributes["SCHEDULE_ARN"] == arn and attributes["TARGET_ARN"] == gone and attributes["RETRY_ATTEMPTS"] == "0"


@pytest.mark.parametrize("expression", ["at(2026-13-01T00:00:00)", "at(2026-11-01)", "at(1969-12-31T23:59:59)", "rate(1 hours)", "cron(* * * * * *)", "tomorrow"])
def test_expressions_that_are_refused(place, expression):
    with pytest.raises(ClientError) as e:
        place.create(expression)
    assert code(e) == "ValidationException"


def test_a_role_that_scheduler_cannot_assume_is_refused_and_so_are_zones(place):
    with pytest.raises(ClientError) as e:
        place.create("rate(1 day)", Target={"Arn": place.queue_arn, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/none"})
    assert code(e) == "ValidationException" and "must allow AWS EventBridge Scheduler to assume the role" in str(e.value)
    with pytest.raises(ClientError) as e:
        place.create("rate(1 day)", ScheduleExpressionTimezone="Asia/Tokyo")
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_a_stack_with_a_schedule_and_its_group(place):
    cfn, name = place.server.client("cloudformation"), place.name
    template = {"Resources": {
        "Group": {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": name}},
        "Schedule": {"Type": "AWS::Scheduler::Schedule", "Properties": {
            "GroupName": {"Ref": "Group"}, "ScheduleExpression": "rate(1 day)", "StartDate": "2100-01-01T00:00:00Z", "FlexibleTimeWindow": OFF,
            "Target": {"Arn": place.queue_arn, "RoleArn": place.role, "RetryPolicy": {"MaximumRetryAttempts": 2}}}}},
        "Outputs": {"Name": {"Value": {"Ref": "Schedule"}}, "Arn": {"Value": {"Fn::GetAtt": ["Schedule", "Arn"]}}}}
    cfn.create_stack(StackName=name, TemplateBody=json.dumps(template))
    cfn.get_waiter("stack_create_complete").wait(StackName=name)
    outputs = {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]}
    shown = place.scheduler.get_schedule(Name=outputs["Name"], GroupName=name)
    assert shown["Arn"] == outputs["Arn"] and shown["StartDate"].year == 2100 and shown["Target"]["RetryPolicy"] == {"MaximumRetryAttempts": 2}
    template["Resources"]["Schedule"]["Properties"]["ScheduleExpression"] = "rate(2 days)"
    cfn.update_stack(StackName=name, TemplateBody=json.dumps(template))
    cfn.get_waiter("stack_update_complete").wait(StackName=name)
    assert place.scheduler.get_schedule(Name=outputs["Name"], GroupName=name)["ScheduleExpression"] == "rate(2 days)"
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name)
    assert [g["Name"] for g in place.scheduler.list_schedule_groups()["ScheduleGroups"]] == ["default"]


def test_an_operation_that_reads_on_snapshots_runs_in_a_delivery(place):
    """"Using universal targets" (User Guide): any operation. A query of S3 keeps its snapshot while a worker reads; a delivery is a write."""
    s3 = place.server.client("s3")
    s3.create_bucket(Bucket=place.name)
    s3.put_object(Bucket=place.name, Key="k", Body=b"a,b\n1,2\n")
    place.iam.put_role_policy(RoleName=place.name, PolicyName="s3", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}))
    query = {"Bucket": place.name, "Key": "k", "Expression": "SELECT * FROM s3object", "ExpressionType": "SQL", "InputSerialization": {"CSV": {}},
             "OutputSerialization": {"CSV": {}}}
    place.create("rate(1 minute)", Target={"Arn": "arn:aws:scheduler:::aws-sdk:s3:selectObjectContent", "RoleArn": place.role,
                                           "Input": json.dumps(query), "DeadLetterConfig": {"Arn": place.queue_arn}})
    place.server.turn_clock("+61s")
    time.sleep(2)
    assert place.receive(wait=0) == []  # neither dead letters nor a dead server
