"""Function URLs. Source: "Invoking Lambda function URLs" (developer guide), payload format 2.0."""
import http.client
import json
from urllib.parse import urlparse

import pytest
from botocore.exceptions import ClientError

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
    c = http.client.HTTPConnection("127.0.0.1", tsubo.port, timeout=20)
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
