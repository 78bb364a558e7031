"""Events to functions, to a bus and to topics. Source: "Amazon S3 Event Notifications", "Using EventBridge" (S3 User Guide)."""
import io
import json
import zipfile

import botocore.exceptions
import pytest
import requests

ACCOUNT = "000000000000"


@pytest.fixture
def queue(client, name):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}]})})
    def take():
        for m in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
            return json.loads(m["Body"])
    return arn, url, take


def code(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        call(**arguments)
    return e.value.response["Error"]["Code"]


def test_a_function_is_invoked(client, s3, bucket, name, queue, eventually):
    arn, url, take = queue
    iam, functions = client("iam"), client("lambda")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}]}))
    source = io.BytesIO()
    with zipfile.ZipFile(source, "w") as z:
        z.writestr("m.py", f"import boto3, json\ndef handler(event, context):\n    boto3.client('sqs').send_message(QueueUrl={url!r}, MessageBody=json.dumps(event))\n")
    function = functions.create_function(FunctionName=name, Runtime="python3.11", Handler="m.handler", Role=role, Timeout=60,
                                         Code={"ZipFile": source.getvalue()})["FunctionArn"]
    config = {"LambdaFunctionConfigurations": [{"Id": "f", "LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"]}]}
    assert code(s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration=config) == "InvalidArgument"
    functions.add_permission(FunctionName=name, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
                             SourceArn=f"arn:aws:s3:::{bucket}", SourceAccount=ACCOUNT)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=config)
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    record = eventually(take)["Records"][0]
    assert (record["eventSource"], record["eventName"], record["s3"]["object"]["key"], record["s3"]["object"]["size"]) == ("aws:s3", "ObjectCreated:Put", "k", 5)
    assert record["s3"]["configurationId"] == "f"


def test_the_bus_gets_every_event(client, s3, bucket, name, queue, eventually):
    arn, _, take = queue
    events = client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created", "Object Deleted"],
                                                        "detail": {"bucket": {"name": [bucket]}, "object": {"key": [{"prefix": "in/"}]}}}))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    s3.put_object(Bucket=bucket, Key="out", Body=b"")
    s3.put_object(Bucket=bucket, Key="in/k", Body=b"hello")
    made = eventually(take)
    assert (made["source"], made["detail-type"], made["resources"]) == ("aws.s3", "Object Created", [f"arn:aws:s3:::{bucket}"])
    assert made["detail"]["reason"] == "PutObject" and made["detail"]["object"]["size"] == 5
    s3.delete_object(Bucket=bucket, Key="in/k")
    gone = eventually(take)
    assert gone["detail-type"] == "Object Deleted" and gone["detail"]["deletion-type"] == "Permanently Deleted"


def test_a_topic_is_told(client, s3, bucket, name, queue, eventually):
    arn, _, take = queue
    sns = client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    config = {"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectRemoved:*"]}]}
    assert code(s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration=config) == "InvalidArgument"
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "SNS:Publish", "Resource": topic}]}))
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=config)
    test = eventually(take)
    assert test["Subject"] == "Amazon S3 Notification" and json.loads(test["Message"])["Event"] == "s3:TestEvent"
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    s3.delete_object(Bucket=bucket, Key="k")
    assert json.loads(eventually(take)["Message"])["Records"][0]["eventName"] == "ObjectRemoved:Delete"


def test_requester_pays(client, s3, bucket):
    """Source: "Using Requester Pays buckets" (S3 User Guide)."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1", "the owner pays anyway"
    other = client("s3", key="111111111111")
    assert code(other.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    paid = other.get_object(Bucket=bucket, Key="k", RequestPayer="requester")
    assert paid["RequestCharged"] == "requester" and paid["Body"].read() == b"1"
    assert requests.get(f"{s3.meta.endpoint_url}/{bucket}/k").status_code == 403, "nobody is asked to pay for a stranger"
