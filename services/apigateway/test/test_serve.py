"""The data plane: deployed APIs over HTTP, in front of real Lambda functions.

Sources: "Input format of a Lambda function for proxy integration", "Output format of a Lambda function for proxy
integration", "Gateway response types for API Gateway", "Usage plans and API keys for REST APIs" (API Gateway developer guide).
"""
import base64
import datetime
import json

import requests


def test_a_function_gets_the_event_of_payload_1_0(deployed, function, proxy):
    api_id, url = deployed({"/items/{id}": {"get": proxy(function("echo")), "post": proxy(function("echo"))}}, variables={"v": "1"})
    r = requests.get(url + "/items/a%20b?x=1&x=2&y=", headers={"X-Some": "thing", "User-Agent": "tester"})
    assert r.status_code == 200 and r.headers["Content-Type"] == "application/json"
    e = r.json()
    assert e["resource"] == "/items/{id}" and e["path"] == "/items/a%20b" and e["httpMethod"] == "GET"
    assert e["headers"]["X-Some"] == "thing" and e["multiValueHeaders"]["X-Some"] == ["thing"]
    assert e["headers"]["X-Forwarded-Proto"] == "http" and "Host" in e["headers"]
    assert e["queryStringParameters"] == {"x": "2", "y": ""}
    assert e["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": [""]}
    assert e["pathParameters"] == {"id": "a b"} and e["stageVariables"] == {"v": "1"}
    assert e["body"] is None and e["isBase64Encoded"] is False
    c = e["requestContext"]
    assert c["resourcePath"] == "/items/{id}" and c["httpMethod"] == "GET" and c["path"] == "/dev/items/a%20b"
    assert c["stage"] == "dev" and c["apiId"] == api_id and c["accountId"] == "000000000000" and c["protocol"] == "HTTP/1.1"
    assert c["requestId"] == r.headers["x-amzn-RequestId"] and c["extendedRequestId"] == r.headers["x-amz-apigw-id"]
    assert c["identity"]["sourceIp"] == "127.0.0.1" and c["identity"]["userAgent"] == "tester"
    assert c["identity"]["userArn"] is None and isinstance(c["requestTimeEpoch"], int) and c["requestTime"].endswith("+0000")
    assert r.headers["X-Amzn-Trace-Id"].startswith("Root=1-")
    e = requests.post(url + "/items/7", data="hällo".encode()).json()
    assert e["body"] == "hällo" and e["queryStringParameters"] is None and e["httpMethod"] == "POST"


def test_an_api_has_its_own_host_name(deployed, function, proxy, tsubo):
    api_id, _ = deployed({"/": {"get": proxy(function("echo"))}})
    r = requests.get(f"{tsubo.url}/dev", headers={"Host": f"{api_id}.execute-api.us-east-1.localhost:{tsubo.port}"})
    assert r.status_code == 200
    assert r.json()["requestContext"]["domainName"] == f"{api_id}.execute-api.us-east-1.localhost"
    assert r.json()["path"] == "/" and r.json()["requestContext"]["domainPrefix"] == api_id


def test_what_the_function_says_is_answered(deployed, function, proxy):
    _, url = deployed({"/": {"post": proxy(function("answers"))}})

    def say(**answer):
        return requests.post(url, json=answer)
    r = say(statusCode=201, headers={"X-A": "1", "Content-Type": "text/plain"}, multiValueHeaders={"Set-Cookie": ["a=1", "b=2"]}, body="hi")
    assert r.status_code == 201 and r.text == "hi" and r.headers["X-A"] == "1" and r.headers["Content-Type"] == "text/plain"
    assert r.raw.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    assert say(statusCode="204").status_code == 204
    assert say(body="x").status_code == 200
    r = say(statusCode=200, isBase64Encoded=True, body=base64.b64encode(b"\x00\x01").decode())
    assert r.text == "AAE="  # not a binary media type of the API
    for bad in [{"statusCode": 200, "more": 1}, {"statusCode": "abc"}, {"statusCode": 200, "headers": "x"}, {"statusCode": 200, "body": {}}]:
        r = say(**bad)
        assert r.status_code == 502 and r.json() == {"message": "Internal server error"}
        assert r.headers["x-amzn-ErrorType"] == "InternalServerErrorException"


def test_binary_media_types_go_both_ways(deployed, function, proxy):
    _, url = deployed({"/echo": {"post": proxy(function("echo"))}, "/answers": {"post": proxy(function("answers"))}},
                      **{"x-amazon-apigateway-binary-media-types": ["image/png", "application/pdf"]})
    e = requests.post(url + "/echo", data=b"\x89PNG", headers={"Content-Type": "image/png"}).json()
    assert e["isBase64Encoded"] is True and base64.b64decode(e["body"]) == b"\x89PNG"
    r = requests.post(url + "/answers", json={"statusCode": 200, "isBase64Encoded": True, "body": "AAE="}, headers={"Accept": "image/png"})
    assert r.content == b"\x00\x01"


def test_a_function_that_fails_is_502_and_one_that_may_not_be_invoked_500(deployed, function, proxy):
    _, url = deployed({"/fails": {"get": proxy(function("fails"))}, "/no": {"get": proxy(function("echo", allowed=False))}})
    assert requests.get(url + "/fails").status_code == 502
    r = requests.get(url + "/no")
    assert r.status_code == 500 and r.json() == {"message": "Internal server error"}


def test_an_integration_that_takes_too_long_is_504(deployed, function, proxy):
    _, url = deployed({"/": {"get": proxy(function("sleeps"), timeoutInMillis=300)}})
    r = requests.get(url)
    assert r.status_code == 504 and r.json() == {"message": "Endpoint request timed out"}


def test_the_closest_path_is_chosen(deployed, function, proxy):
    echo = proxy(function("echo"))
    _, url = deployed({"/a/b": {"get": echo}, "/a/{x}": {"get": echo}, "/{proxy+}": {"x-amazon-apigateway-any-method": echo},
                       "/a/{x}/c": {"get": echo}})

    def resource(path, method="GET"):
        r = requests.request(method, url + path)
        return (r.json()["resource"], r.json()["pathParameters"]) if r.status_code == 200 else r.status_code
    assert resource("/a/b") == ("/a/b", None)
    assert resource("/a/b/") == ("/a/b", None)
    assert resource("/a/z") == ("/a/{x}", {"x": "z"})
    assert resource("/a/z/c") == ("/a/{x}/c", {"x": "z"})
    assert resource("/a/z/d") == ("/{proxy+}", {"proxy": "a/z/d"})
    assert resource("/q/r%2Fs", "DELETE") == ("/{proxy+}", {"proxy": "q/r/s"})
    long = "/".join(str(n) for n in range(300))
    assert resource("/" + long) == ("/{proxy+}", {"proxy": long})
    assert resource("/a/b", "POST") == 403


def test_what_is_not_there_is_403(deployed, function, proxy, tsubo):
    api_id, url = deployed({"/there": {"get": proxy(function("echo"))}})
    r = requests.get(url + "/not-there")
    assert r.status_code == 403 and r.json() == {"message": "Missing Authentication Token"}
    assert r.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    for wrong in [f"{tsubo.url}/_aws/execute-api/{api_id}/other/there", f"{tsubo.url}/_aws/execute-api/nonesuch/dev/there"]:
        r = requests.get(wrong)
        assert r.status_code == 403 and r.json() == {"message": "Forbidden"}


def test_the_deployed_snapshot_is_served_until_the_next_deployment(api, deployed, function, proxy):
    api_id, url = deployed({"/one": {"get": proxy(function("echo"))}})
    body = {"openapi": "3.0.1", "info": {"title": "x"}, "paths": {"/two": {"get": proxy(function("echo"))}}}
    api.put_rest_api(restApiId=api_id, mode="overwrite", body=json.dumps(body))
    assert requests.get(url + "/one").status_code == 200 and requests.get(url + "/two").status_code == 403
    api.create_deployment(restApiId=api_id, stageName="dev")
    assert requests.get(url + "/one").status_code == 403 and requests.get(url + "/two").status_code == 200


def test_preflight_as_sam_writes_it(deployed):
    mock = {"type": "mock", "requestTemplates": {"application/json": "{\n  \"statusCode\" : 200\n}\n"},
            "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": "{}\n"}, "responseParameters": {
                "method.response.header.Access-Control-Allow-Origin": "'*'",
                "method.response.header.Access-Control-Allow-Methods": "'GET,OPTIONS'"}}}}
    _, url = deployed({"/": {"options": {"x-amazon-apigateway-integration": mock, "responses": {"200": {"headers": {
        "Access-Control-Allow-Origin": {"schema": {"type": "string"}}, "Access-Control-Allow-Methods": {"schema": {"type": "string"}}}}}}}})
    r = requests.options(url, headers={"Origin": "http://x"})
    assert r.status_code == 200 and r.headers["Access-Control-Allow-Origin"] == "*"
    assert r.headers["Access-Control-Allow-Methods"] == "GET,OPTIONS" and r.text == "{}\n"


def test_an_api_key_opens_a_method_through_its_plan(api, deployed, function, proxy, name):
    method = {**proxy(function("echo")), "security": [{"api_key": []}]}
    api_id, url = deployed({"/": {"get": method}}, components={"securitySchemes": {
        "api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}})
    key = api.create_api_key(name=name, enabled=True)

    def status(value=None):
        return requests.get(url, headers={"x-api-key": value} if value else {}).status_code
    assert status() == 403 and status(key["value"]) == 403
    assert requests.get(url).json() == {"message": "Forbidden"}
    plan = api.create_usage_plan(name=name, apiStages=[{"apiId": api_id, "stage": "dev"}])["id"]
    api.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    r = requests.get(url, headers={"x-api-key": key["value"]})
    assert r.status_code == 200
    assert r.json()["requestContext"]["identity"]["apiKey"] == key["value"]
    assert r.json()["requestContext"]["identity"]["apiKeyId"] == key["id"]
    assert status("wrong" * 8) == 403
    api.update_api_key(apiKey=key["id"], patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
    assert status(key["value"]) == 403


def keyed(api, deployed, function, proxy, name, **plan):
    """An API with one keyed method; its address, the key, the plan's id."""
    api_id, url = deployed({"/": {"get": {**proxy(function("echo")), "security": [{"api_key": []}]}}}, components={"securitySchemes": {
        "api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}})
    key = api.create_api_key(name=name, enabled=True)
    plan_id = api.create_usage_plan(name=name, apiStages=[{"apiId": api_id, "stage": "dev"}], **plan)["id"]
    api.create_usage_plan_key(usagePlanId=plan_id, keyId=key["id"], keyType="API_KEY")
    return api_id, url, key, plan_id


def test_a_plan_throttles(api, deployed, function, proxy, name, tsubo):
    _, url, key, _ = keyed(api, deployed, function, proxy, name, throttle={"rateLimit": 0.001, "burstLimit": 2})
    headers = {"x-api-key": key["value"]}
    assert [requests.get(url, headers=headers).status_code for _ in range(3)] == [200, 200, 429]
    r = requests.get(url, headers=headers)
    assert r.json() == {"message": "Too Many Requests"} and r.headers["x-amzn-ErrorType"] == "TooManyRequestsException"
    tsubo.turn_clock("+1001s")
    assert [requests.get(url, headers=headers).status_code for _ in range(2)] == [200, 429]


def test_a_quota_counts_each_request_once_and_starts_again_with_its_period(api, deployed, function, proxy, name, tsubo, eventually):
    tsubo.turn_to_next(86400)
    _, url, key, plan = keyed(api, deployed, function, proxy, name, quota={"limit": 3, "period": "DAY"})
    headers = {"x-api-key": key["value"]}
    assert [requests.get(url, headers=headers).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert requests.get(url, headers=headers).json() == {"message": "Limit Exceeded"}
    today = service_day(tsubo)

    def used():
        return api.get_usage(usagePlanId=plan, startDate=today, endDate=today)["items"][key["id"]]
    eventually(lambda: used() == [[3, 0]])
    api.update_usage(usagePlanId=plan, keyId=key["id"], patchOperations=[{"op": "replace", "path": "/remaining", "value": "1"}])
    assert [requests.get(url, headers=headers).status_code for _ in range(2)] == [200, 429]
    eventually(lambda: used() == [[4, 0]])
    tsubo.turn_clock("+1d")
    assert requests.get(url, headers=headers).status_code == 200


def service_day(tsubo):
    """The service clock's date: what a record made now is stamped with."""
    made = tsubo.client("apigateway").create_api_key(name="day", enabled=False)
    return made["createdDate"].astimezone(datetime.timezone.utc).date().isoformat()


def test_a_stage_throttles_its_methods(api, deployed, function, proxy):
    api_id, url = deployed({"/a/b": {"get": proxy(function("echo"))}, "/c": {"get": proxy(function("echo"))}})
    api.update_stage(restApiId=api_id, stageName="dev", patchOperations=[
        {"op": "replace", "path": "/a~1b/GET/throttling/burstLimit", "value": "1"},
        {"op": "replace", "path": "/a~1b/GET/throttling/rateLimit", "value": "0.001"}])
    assert [requests.get(url + "/a/b").status_code for _ in range(2)] == [200, 429]
    assert [requests.get(url + "/c").status_code for _ in range(3)] == [200, 200, 200]
