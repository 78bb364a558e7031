"""Requests that no SDK makes: each is refused, and the server and everyone's data are as before."""
import base64
import hashlib
import urllib.parse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
import http.client

from conftest import PATIENCE_S


def form(server, service, body):
    request = AWSRequest("POST", f"http://localhost:{server.port}/", data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    SigV4Auth(Credentials("test", "test"), service, "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection("localhost", server.port, timeout=PATIENCE_S)
    connection.request("POST", "/", body, dict(request.prepare().headers))
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def token(position):
    """A page token of our form, made without the server."""
    check = hashlib.sha256(b"tsubo page 1:" + position).digest()[:8]
    return base64.urlsafe_b64encode(check + position).decode().rstrip("=")


@pytest.mark.parametrize("position", [b"", b"\x01", b"\x02", b"\x02sqs\x00\x01", b"\xff"])
def test_a_made_up_page_token_leads_nowhere_else(client, position):
    sqs = client("sqs")
    urls = [sqs.create_queue(QueueName=f"mine-{i}")["QueueUrl"] for i in range(3)]
    listed = sqs.list_queues(MaxResults=1000, NextToken=token(position)).get("QueueUrls", [])
    assert listed in (urls, [])


def test_a_message_is_utf8(tsubo, client):
    url = client("sqs").create_queue(QueueName="text")["QueueUrl"]
    status, text = form(tsubo, "sqs", b"Action=SendMessage&Version=2012-11-05&MessageBody=a%ffb&QueueUrl=" + urllib.parse.quote(url, safe="").encode())
    assert status == 400 and "MalformedInput" in text
    assert "Messages" not in client("sqs").receive_message(QueueUrl=url)


def test_a_list_holds_what_is_there(tsubo, client):
    status, text = form(tsubo, "iam", b"Action=SimulateCustomPolicy&Version=2010-05-08&ActionNames.member.1.x=a&PolicyInputList.member.1=" + urllib.parse.quote(
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}').encode())
    assert (status == 200 and "<member>" not in text) or status == 400
    assert client("sts").get_caller_identity()["Account"] == "000000000000"


def test_names_longer_than_any_key(client):
    """Thirty dimensions of a thousand characters of four bytes each: within CloudWatch's counts, over the store's key."""
    dimensions = [{"Name": f"{i:03}" + "é" * 250, "Value": "\U0001f600" * 1000} for i in range(30)]
    cloudwatch = client("cloudwatch")
    with pytest.raises(cloudwatch.exceptions.ClientError) as e:
        cloudwatch.put_metric_data(Namespace="long", MetricData=[{"MetricName": "m", "Value": 1, "Dimensions": dimensions}])
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert client("sts").get_caller_identity()["Account"] == "000000000000"


def test_many_small_elements(tsubo):
    """Three bytes an element must not become hundreds each."""
    body = b'{"Namespace":"x","MetricData":[' + b"{}," * 5000000 + b"{}]}"
    request = AWSRequest("POST", f"http://localhost:{tsubo.port}/", data=body, headers={
        "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData"})
    SigV4Auth(Credentials("test", "test"), "monitoring", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection("localhost", tsubo.port, timeout=PATIENCE_S)
    connection.request("POST", "/", body, dict(request.prepare().headers))
    answer = connection.getresponse()
    assert answer.status == 400 and b"too many elements" in answer.read()
    with open(f"/proc/{tsubo.process.pid}/status") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    assert peak < 1 << 20, f"{peak} KiB"


def test_policy_with_a_key_twice(client):
    iam = client("iam")  # errors are classes of one client
    iam.create_user(UserName="twice")
    condition = '"Condition":{"StringEquals":{"aws:a":"1","aws:b":"1"}}'
    document = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*",' + condition + "," + condition + "}]}"
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.put_user_policy(UserName="twice", PolicyName="p", PolicyDocument=document)


def test_an_object_tag_is_utf8(tsubo, client):
    from botocore.auth import S3SigV4Auth
    client("s3").create_bucket(Bucket="tags")
    request = AWSRequest("PUT", f"http://localhost:{tsubo.port}/tags/k", data=b"x", headers={"x-amz-tagging": "a=%ff"})
    S3SigV4Auth(Credentials("test", "test"), "s3", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection("localhost", tsubo.port, timeout=PATIENCE_S)
    connection.request("PUT", "/tags/k", b"x", dict(request.prepare().headers))
    answer = connection.getresponse()
    assert answer.status == 400 and b"<Code>InvalidArgument</Code>" in answer.read()
