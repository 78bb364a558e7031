"""Who and what a method lets in: IAM, resource policies, Lambda authorizers, request validators; and gateway responses.

Sources: "Use API Gateway Lambda authorizers", "How API Gateway resource policies affect authorization workflow", "Request
validation for REST APIs", "Gateway responses in API Gateway" (developer guide).
"""
import concurrent.futures
import json

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
import requests


def signed(url, key, secret, method="GET", region="us-east-1"):
    request = botocore.awsrequest.AWSRequest(method=method, url=url)
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret), "execute-api", region).add_auth(request)
    return requests.request(method, url, headers=dict(request.headers))


@pytest.fixture
def authorizer(function, uri):
    """authorizer("handler"): a security scheme that the function decides."""
    def make(handler, **more):
        return {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "custom",
                "x-amazon-apigateway-authorizer": {"type": "token", "authorizerUri": uri(function(handler)), **more}}
    return make


def test_iam_methods_need_a_signature_and_permission(deployed, function, proxy, client, name):
    api_id, url = deployed({"/a": {"get": {**proxy(function("echo")), "x-amazon-apigateway-auth": {"type": "AWS_IAM"}}},
                            "/b": {"get": {**proxy(function("echo")), "x-amazon-apigateway-auth": {"type": "AWS_IAM"}}}})
    r = requests.get(url + "/a")
    assert r.status_code == 403 and r.json() == {"message": "Missing Authentication Token"}
    r = signed(url + "/a", "test", "test")
    assert r.status_code == 200 and r.json()["requestContext"]["identity"]["userArn"] == "arn:aws:iam::000000000000:root"
    iam = client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    who = (key["AccessKeyId"], key["SecretAccessKey"])
    r = signed(url + "/a", *who)
    assert r.status_code == 403 and "is not authorized to perform: execute-api:Invoke on resource" in r.json()["message"]
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"arn:aws:execute-api:us-east-1:*:{api_id}/dev/GET/a"}]}))
    assert signed(url + "/a", *who).status_code == 200
    assert signed(url + "/b", *who).status_code == 403
    assert signed(url + "/a", who[0], "wrong").status_code == 403


def test_a_resource_policy_decides_for_all(deployed, function, proxy):
    _, url = deployed({"/a": {"get": proxy(function("echo"))}, "/b": {"get": proxy(function("echo"))}},
                      **{"x-amazon-apigateway-policy": {"Version": "2012-10-17", "Statement": [
                          {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"},
                          {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/dev/GET/b",
                           "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}}]}})
    assert requests.get(url + "/a").status_code == 200
    r = requests.get(url + "/b")
    assert r.status_code == 403 and "with an explicit deny" in r.json()["message"]
    assert r.headers["x-amzn-ErrorType"] == "AccessDeniedException"


def test_a_token_authorizer_admits_refuses_and_is_remembered(authorizer, deployed, function, proxy, api, tsubo):
    api_id, url = deployed({"/": {"get": {**proxy(function("echo")), "security": [{"auth": []}]}}}, components={"securitySchemes": {
        "auth": authorizer("token_authorizer", authorizerResultTtlInSeconds=60, identityValidationExpression="[a-z]+")}})

    def get(token=None):
        return requests.get(url, headers={"Authorization": token} if token else {})
    r = get()
    assert r.status_code == 401 and r.json() == {"message": "Unauthorized"}
    assert get("NOT-MATCHING").status_code == 401
    assert get("unauthorized").status_code == 401
    r = get("deny")
    assert r.status_code == 403
    assert r.json() == {"message": "User is not authorized to access this resource with an explicit deny in an identity-based policy"}
    r = get("broken")
    assert r.status_code == 500 and r.json() == {"message": None}
    first = get("allow").json()["requestContext"]["authorizer"]
    assert first["principalId"] == "someone" and first["s"] == "text" and first["n"] == "7"
    assert get("allow").json()["requestContext"]["authorizer"] == first
    api.flush_stage_authorizers_cache(restApiId=api_id, stageName="dev")
    second = get("allow").json()["requestContext"]["authorizer"]
    assert second["at"] != first["at"]
    tsubo.turn_clock("+61s")
    assert get("allow").json()["requestContext"]["authorizer"]["at"] != second["at"]


def test_a_request_authorizer_sees_the_request_and_may_name_the_key(authorizer, deployed, function, proxy, api, name):
    api_id, url = deployed(
        {"/": {"get": {**proxy(function("echo")), "security": [{"auth": [], "api_key": []}]}}},
        components={"securitySchemes": {
            "api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
            "auth": authorizer("request_authorizer", type="request", identitySource="method.request.querystring.who",
                               authorizerResultTtlInSeconds=0)}},
        **{"x-amazon-apigateway-api-key-source": "AUTHORIZER"})
    key = api.create_api_key(name=name, enabled=True)
    plan = api.create_usage_plan(name=name, apiStages=[{"apiId": api_id, "stage": "dev"}])["id"]
    api.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    assert requests.get(url + "?who=me").status_code == 403  # without a key
    r = requests.get(url + "?who=me", headers={"x-use-key": key["value"]})
    assert r.status_code == 200 and r.json()["requestContext"]["identity"]["apiKeyId"] == key["id"]
    r = requests.get(url + "?who=you", headers={"x-use-key": key["value"]})
    assert r.status_code == 403 and r.json()["message"].startswith("User is not authorized")


ITEM = {"type": "object", "required": ["name", "price"], "additionalProperties": False,
        "properties": {"name": {"type": "string", "minLength": 2}, "price": {"type": "number", "minimum": 0},
                       "tags": {"type": "array", "items": {"$ref": "#/components/schemas/Tag"}, "uniqueItems": True},
                       "seen": {"type": "array", "uniqueItems": True}}}


def test_requests_are_validated(deployed, function, proxy, api):
    operation = {**proxy(function("echo")), "x-amazon-apigateway-request-validator": "all",
                 "parameters": [{"name": "q", "in": "query", "required": True}, {"name": "X-H", "in": "header", "required": True},
                                {"name": "o", "in": "query"}],
                 "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}}}
    api_id, url = deployed({"/": {"post": operation}},
                           components={"schemas": {"Item": ITEM, "Tag": {"type": "string", "enum": ["a", "b"]}}},
                           **{"x-amazon-apigateway-request-validators": {"all": {"validateRequestBody": True, "validateRequestParameters": True}}})
    r = requests.post(url, json={"name": "ab", "price": 1})
    assert r.status_code == 400 and r.json() == {"message": "Missing required request parameters: [q, X-H]"}

    def post(body, **more):
        return requests.post(url + "?q=1", headers={"X-H": "1", "Content-Type": "application/json"}, data=json.dumps(body), **more)
    assert post({"name": "ab", "price": 0, "tags": ["a", "b"], "seen": [1, "1", 2, {"a": 1}, {"a": 2}]}).status_code == 200
    for bad in [{"name": "ab"}, {"name": "a", "price": 1}, {"name": "ab", "price": -1}, {"name": "ab", "price": "1"}, [],
                {"name": "ab", "price": 1, "more": 1}, {"name": "ab", "price": 1, "tags": ["c"]}, {"name": "ab", "price": 1, "tags": ["a", "a"]},
                {"name": "ab", "price": 1, "seen": [1, 2, 1.0]}, {"name": "ab", "price": 1, "seen": [{"a": 1, "b": 2}, {"b": 2, "a": 1}]},
                {"name": "ab", "price": 1, "seen": [*range(400_000), 7]}]:  # each with each would take minutes
        r = post(bad)
        assert r.status_code == 400 and r.json() == {"message": "Invalid request body"}
        assert r.headers["x-amzn-ErrorType"] == "BadRequestException"
    api.put_gateway_response(restApiId=api_id, responseType="BAD_REQUEST_BODY", statusCode="422",
                             responseParameters={"gatewayresponse.header.X-Why": "'body'", "gatewayresponse.header.X-P": "method.request.querystring.q"},
                             responseTemplates={"application/json": '{"why": "$context.error.validationErrorString", "m": $context.error.messageString}'})
    api.create_deployment(restApiId=api_id, stageName="dev")
    r = post({"name": "ab"})
    assert r.status_code == 422 and r.headers["X-Why"] == "body" and r.headers["X-P"] == "1"
    assert 'object has missing required properties (["price"])' in r.text and r.text.endswith('"m": "Invalid request body"}')


def test_default_responses_cover_what_has_none_of_its_own(deployed, function, proxy):
    _, url = deployed({"/": {"get": proxy(function("echo"))}}, **{"x-amazon-apigateway-gateway-responses": {
        "DEFAULT_4XX": {"responseParameters": {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}},
        "MISSING_AUTHENTICATION_TOKEN": {"statusCode": 404, "responseTemplates": {"application/json": '{"error": "none at $context.path"}'}}}})
    r = requests.get(url + "/nothing")
    assert r.status_code == 404 and r.json() == {"error": "none at /dev/nothing"}


def test_a_request_under_way_stays_with_the_deployment_it_began_with(authorizer, deployed, function, proxy, api, tsubo, eventually):
    """"A deployment is a snapshot of the resources and methods" (Deploy REST APIs, developer guide)."""
    api_id, url = deployed({"/": {"get": proxy(function("sleeps"))}})
    requests.get(url)  # the function's sandbox is there
    with concurrent.futures.ThreadPoolExecutor() as pool:
        under_way = pool.submit(requests.get, url)
        eventually(lambda: tsubo.admin("status")["running_calls"] >= 1)
        body = {"openapi": "3.0.1", "info": {"title": "t", "version": "2"},
                "paths": {"/": {"get": {**proxy(function("echo")), "security": [{"auth": []}]}}},
                "components": {"securitySchemes": {"auth": authorizer("token_authorizer", authorizerResultTtlInSeconds=60)}}}
        api.put_rest_api(restApiId=api_id, mode="overwrite", body=json.dumps(body))
        api.create_deployment(restApiId=api_id, stageName="dev")
        assert requests.get(url).status_code == 401
        r = under_way.result()
        assert r.status_code == 200 and r.text == ""
