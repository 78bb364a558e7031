"""Function URLs. Source: "Invoking Lambda function URLs" (developer guide), payload format 2.0."""
import http.client
import json
from urllib.parse import urlparse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from conftest import PATIENCE_S

CODE = """
def handler(event, context):
    if event['rawPath'] == '/plain':
        return {'just': 'json'}
    if event['rawPath'] == '/bytes':
        return {'statusCode': 200, 'headers': {'content-type': 'image/png'}, 'isBase64Encoded': True, 'body': 'AAEC'}
    if event['rawPath'] == '/bad':
        raise Exception('x')
    return {'statusCode': 201, 'headers': {'x-y': 'z'}, 'cookies': ['a=1', 'b=2'], 'body': __import__('json').dumps(event)}
"""


def ask(tsubo, url, method="GET", path="/", body=None, headers=None):
    c = http.client.HTTPConnection("127.0.0.1", tsubo.port, timeout=PATIENCE_S)
    c.request(method, path, body, {"Host": urlparse(url).netloc, **(headers or {})})
    r = c.getresponse()
    return r, r.read()


def test_a_url(tsubo, aws, python):
    f = python(CODE)
    url = aws.create_function_url_config(FunctionName=f, AuthType="NONE", Cors={"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"]})["FunctionUrl"]
    assert ask(tsubo, url)[0].status == 403
    aws.add_permission(FunctionName=f, StatementId="u", Action="lambda:InvokeFunctionUrl", Principal="*", FunctionUrlAuthType="NONE")
    r, body = ask(tsubo, url, "POST", "/p/q?a=1&a=2&b=x%20y", b"text", {"Content-Type": "text/plain", "Cookie": "c=1; d=2", "X-Up": "v"})
    event = json.loads(body)
    assert r.status == 201 and r.headers["x-y"] == "z" and r.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert event["version"] == "2.0" and event["rawPath"] == "/p/q" and event["rawQueryString"] == "a=1&a=2&b=x%20y"
    assert event["queryStringParameters"] == {"a": "1,2", "b": "x y"} and event["cookies"] == ["c=1", "d=2"]
    assert event["headers"]["x-up"] == "v" and event["body"] == "text" and event["isBase64Encoded"] is False
    assert event["requestContext"]["http"]["method"] == "POST" and event["requestContext"]["accountId"] == "anonymous"
    assert ask(tsubo, url, path="/plain")[1] == b'{"just": "json"}'
    r, body = ask(tsubo, url, path="/bytes")
    assert body == b"\x00\x01\x02" and r.headers["content-type"] == "image/png"
    assert ask(tsubo, url, path="/bad")[0].status == 502
    r, _ = ask(tsubo, url, headers={"Origin": "https://a.example"})
    assert r.headers["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-origin" not in ask(tsubo, url, headers={"Origin": "https://b.example"})[0].headers
    r, _ = ask(tsubo, url, "OPTIONS", headers={"Origin": "https://a.example", "Access-Control-Request-Method": "GET"})
    assert r.status == 200 and r.headers["access-control-allow-methods"] == "GET"
    aws.delete_function_url_config(FunctionName=f)
    assert ask(tsubo, url)[0].status == 403
    with pytest.raises(ClientError):
        aws.get_function_url_config(FunctionName=f)


def signed(url, key, secret, token=None):
    request = AWSRequest("GET", url)
    SigV4Auth(Credentials(key, secret, token), "lambda", "us-east-1").add_auth(request)
    return dict(request.headers)


def test_a_url_for_signed_requests_only(tsubo, client, aws, python, make_role, name):
    """"Control access to Lambda function URLs": with AWS_IAM the caller's policies or the function's let it in."""
    f = python("def handler(event, context):\n    return {'statusCode': 200, 'body': __import__('json').dumps(event['requestContext'])}\n")
    url = aws.create_function_url_config(FunctionName=f, AuthType="AWS_IAM")["FunctionUrl"]
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{f}"
    everybody = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}]}

    def session(suffix, policy):
        role = make_role(name + suffix, policy, everybody)
        k = client("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
        return k["AccessKeyId"], k["SecretAccessKey"], k["SessionToken"]

    allowed = session("-may", {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunctionUrl", "Resource": arn, "Condition": {
        "StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}}]})
    other = session("-not", {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]})
    assert ask(tsubo, url)[0].status == 403
    assert ask(tsubo, url, headers=signed(url, "test", "wrong"))[0].status == 403
    assert ask(tsubo, url, headers=signed(url, *other))[0].status == 403
    r, body = ask(tsubo, url, headers=signed(url, *allowed))
    who = json.loads(body)
    assert r.status == 200 and who["accountId"] == "000000000000" and who["authorizer"]["iam"]["userArn"].endswith("-may/me") and who["authorizer"]["iam"]["accessKey"] == allowed[0]
    aws.add_permission(FunctionName=f, StatementId="u", Action="lambda:InvokeFunctionUrl", Principal=f"arn:aws:iam::000000000000:role/{name}-not", FunctionUrlAuthType="AWS_IAM")
    assert ask(tsubo, url, headers=signed(url, *other))[0].status == 200
    assert aws.update_function_url_config(FunctionName=f, AuthType="NONE")["AuthType"] == "NONE"
    assert ask(tsubo, url)[0].status == 403  # nobody said that everybody may


def test_a_url_goes_with_its_function(tsubo, aws, python, role, zip_of):
    f = python("def handler(event, context):\n    return 1\n")
    url = aws.create_function_url_config(FunctionName=f, AuthType="NONE")["FunctionUrl"]
    aws.add_permission(FunctionName=f, StatementId="u", Action="lambda:InvokeFunctionUrl", Principal="*", FunctionUrlAuthType="NONE")
    assert ask(tsubo, url)[0].status == 200
    aws.delete_function(FunctionName=f)
    assert ask(tsubo, url)[0].status == 403
    aws.create_function(FunctionName=f, Runtime="python3.11", Role=role, Handler="m.handler", Timeout=60,
                        Code={"ZipFile": zip_of({"m.py": "def handler(event, context):\n    return 2\n"})})
    again = aws.create_function_url_config(FunctionName=f, AuthType="NONE")["FunctionUrl"]
    aws.add_permission(FunctionName=f, StatementId="u", Action="lambda:InvokeFunctionUrl", Principal="*", FunctionUrlAuthType="NONE")
    assert again != url and ask(tsubo, again)[1] == b"2" and ask(tsubo, url)[0].status == 403


def test_a_url_of_a_function_that_streams(tsubo, aws, role, name, zip_of):
    code = """
export const handler = awslambda.streamifyResponse(async (event, out) => {
  if (event.rawPath === '/plain') { out.write('as it is'); out.end(); return; }
  out = awslambda.HttpResponseStream.from(out, { statusCode: 203, headers: { 'X-Mine': 'yes' }, cookies: ['c=1'] });
  out.write(Buffer.from([0, 255, 0])); out.write('end'); out.end();
});"""
    aws.create_function(FunctionName=name, Runtime="nodejs22.x", Role=role, Handler="m.handler", MemorySize=256, Timeout=60, Code={"ZipFile": zip_of({"m.mjs": code})})
    url = aws.create_function_url_config(FunctionName=name, AuthType="NONE", InvokeMode="RESPONSE_STREAM")["FunctionUrl"]
    aws.add_permission(FunctionName=name, StatementId="u", Action="lambda:InvokeFunctionUrl", Principal="*", FunctionUrlAuthType="NONE")
    r, body = ask(tsubo, url)
    assert r.status == 203 and r.headers["x-mine"] == "yes" and r.headers["set-cookie"] == "c=1" and body == b"\x00\xff\x00end"
    r, body = ask(tsubo, url, path="/plain")
    assert r.status == 200 and r.headers["content-type"] == "application/octet-stream" and body == b"as it is"
    aws.delete_function(FunctionName=name)


def test_a_url_passes_on_what_its_function_streams(tsubo, client, aws, role, name, zip_of):
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.delete_public_access_block(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}]}))
    code = """
const gate = async () => { while ((await fetch(`${process.env.AWS_ENDPOINT_URL}/%s/open`)).status !== 200) await new Promise((r) => setTimeout(r, 20)); };
export const handler = awslambda.streamifyResponse(async (event, out) => {
  out = awslambda.HttpResponseStream.from(out, { statusCode: 201, headers: { 'content-type': 'text/event-stream' } });
  out.write('one');
  await gate();
  if (event.rawPath === '/exit') process.exit(3);
  out.end('two');
});""" % name
    aws.create_function(FunctionName=name, Runtime="nodejs22.x", Role=role, Handler="m.handler", MemorySize=512, Timeout=60,
                        Code={"ZipFile": zip_of({"m.mjs": code})})
    url = aws.create_function_url_config(FunctionName=name, AuthType="NONE", InvokeMode="RESPONSE_STREAM")["FunctionUrl"]
    aws.add_permission(FunctionName=name, StatementId="u", Action="lambda:InvokeFunctionUrl", Principal="*", FunctionUrlAuthType="NONE")
    c = http.client.HTTPConnection("127.0.0.1", tsubo.port, timeout=PATIENCE_S)
    c.request("GET", "/", headers={"Host": urlparse(url).netloc})
    r = c.getresponse()
    assert r.status == 201 and r.headers["content-type"] == "text/event-stream" and r.headers["transfer-encoding"] == "chunked"
    assert r.read(3) == b"one"
    s3.put_object(Bucket=name, Key="open", Body=b"1")
    assert r.read() == b"two"
    c.request("GET", "/exit", headers={"Host": urlparse(url).netloc})
    r = c.getresponse()
    with pytest.raises(http.client.IncompleteRead):  # what breaks off is seen to
        r.read()
    aws.delete_function(FunctionName=name)
