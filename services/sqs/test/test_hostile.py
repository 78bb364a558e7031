"""Requests that no SDK makes: each is refused, and the server and everyone's data are as before."""
import base64
import hashlib
import urllib.parse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
import http.client


def form(server, service, body):
    request = AWSRequest("POST", f"http://localhost:{server.port}/", data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    SigV4Auth(Credentials("test", "test"), service, "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection("localhost", server.port, timeout=20)
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
