"""What a signature covers, sent by clients without the secret. Follows "Create a signed AWS API request" (IAM User Guide):
the hash of the body is part of what is signed, in presigned URLs too."""
import http.client
import urllib.parse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from conftest import PATIENCE_S

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def send(server, method, target, body=b"", headers=None):
    connection = http.client.HTTPConnection("localhost", server.port, timeout=PATIENCE_S)
    connection.request(method, target, body, headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors="replace")


def test_a_presigned_call_takes_no_other_body(tsubo, client):
    url = urllib.parse.urlsplit(client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET"))
    target = url.path + "?" + url.query
    assert send(tsubo, "GET", target)[0] == 200
    status, text = send(tsubo, "GET", target, b"Action=GetSessionToken&Version=2011-06-15", FORM)
    assert status == 403 and "SignatureDoesNotMatch" in text


def test_a_word_that_declares_no_hash_covers_no_body(tsubo):
    request = AWSRequest("POST", f"http://localhost:{tsubo.port}/", data=b"", headers=FORM)
    SigV4Auth(Credentials("test", "test"), "sts", "us-east-1").add_auth(request)
    headers = {**dict(request.prepare().headers), "x-amz-content-sha256": "x"}
    headers.pop("Content-Length", None)
    status, text = send(tsubo, "POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", headers)
    assert status == 400 and "InvalidArgument" in text


def test_s3_needs_the_hash_declared(tsubo, client):
    client("s3").create_bucket(Bucket="declared")
    request = AWSRequest("PUT", f"http://localhost:{tsubo.port}/declared/k", data=b"hello")
    SigV4Auth(Credentials("test", "test"), "s3", "us-east-1").add_auth(request)
    headers = {k: v for k, v in request.prepare().headers.items() if k.lower() not in ("x-amz-content-sha256", "content-length")}
    status, text = send(tsubo, "PUT", "/declared/k", b"hello", headers)
    assert status == 400 and "Missing required header for this request: x-amz-content-sha256" in text


def test_tags_of_role_and_session_together(client):
    """Fifty of the role and fifty of the session: what AWS allows of each. More than a token can hold is refused."""
    trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["sts:AssumeRole","sts:TagSession"]}]}'
    arn = client("iam").create_role(RoleName="tagged", AssumeRolePolicyDocument=trust,
                                    Tags=[{"Key": f"role{i}", "Value": "v" * 100} for i in range(50)])["Role"]["Arn"]
    session = client("sts").assume_role(RoleArn=arn, RoleSessionName="many", Tags=[{"Key": f"own{i}", "Value": "v" * 100} for i in range(50)])
    keys = session["Credentials"]
    who = client("sts", key=keys["AccessKeyId"], secret=keys["SecretAccessKey"], token=keys["SessionToken"]).get_caller_identity()
    assert who["Arn"].endswith("assumed-role/tagged/many")
    sts = client("sts")
    with pytest.raises(sts.exceptions.PackedPolicyTooLargeException):
        sts.assume_role(RoleArn=arn, RoleSessionName="more", Tags=[{"Key": f"own{i}", "Value": "é" * 256} for i in range(50)])
