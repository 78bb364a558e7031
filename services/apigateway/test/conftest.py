"""What the tests of API Gateway share: functions of several habits, and APIs deployed in front of them."""
import io
import json
import zipfile

import pytest

ROLE_TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                               "Principal": {"Service": "lambda.amazonaws.com"}}]})
CODE = '''
import json, time
def echo(event, context):
    return {"statusCode": 200, "body": json.dumps(event)}
def answers(event, context):
    return json.loads(event["body"])
def sleeps(event, context):
    time.sleep(3)
    return {"statusCode": 200}
def fails(event, context):
    raise ValueError("no")
def token_authorizer(event, context):
    token = event["authorizationToken"]
    if token == "broken":
        return {"nothing": True}
    if token == "unauthorized":
        raise Exception("Unauthorized")
    effect = "Allow" if token == "allow" else "Deny"
    return {"principalId": "someone", "context": {"n": 7, "s": "text", "at": str(time.time())},
            "policyDocument": {"Version": "2012-10-17", "Statement": [
                {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}]}}
def request_authorizer(event, context):
    who = (event["queryStringParameters"] or {}).get("who")
    return {"principalId": who, "usageIdentifierKey": event["headers"].get("x-use-key", ""),
            "policyDocument": {"Version": "2012-10-17", "Statement": [
                {"Action": "execute-api:*", "Effect": "Allow" if who == "me" else "Deny", "Resource": "*"}]}}
'''


def archive():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as z:
        z.writestr("app.py", CODE)
    return data.getvalue()


@pytest.fixture(scope="module")
def role(client):
    client("iam").create_role(RoleName="apigw-test-function", AssumeRolePolicyDocument=ROLE_TRUST)
    return "arn:aws:iam::000000000000:role/apigw-test-function"


@pytest.fixture(scope="module")
def function(client, role):
    """function("echo") is the ARN of a function that API Gateway may invoke."""
    made = {}

    def make(handler, allowed=True):
        name = f"apigw-{handler}-{'yes' if allowed else 'no'}"
        if name not in made:
            made[name] = client("lambda").create_function(
                FunctionName=name, Runtime="python3.11", Role=role, Handler=f"app.{handler}", Code={"ZipFile": archive()},
                Timeout=60)["FunctionArn"]
            if allowed:
                client("lambda").add_permission(FunctionName=name, StatementId="api", Action="lambda:InvokeFunction",
                                                Principal="apigateway.amazonaws.com",
                                                SourceArn="arn:aws:execute-api:us-east-1:000000000000:*/*/*")
        return made[name]
    return make


@pytest.fixture(scope="module")
def uri():
    """uri(arn): the URI of an integration with a function."""
    return lambda arn: f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"


@pytest.fixture(scope="module")
def proxy(uri):
    """proxy(arn): an operation that a function answers."""
    def make(arn, **more):
        return {"x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST", "uri": uri(arn), **more}}
    return make


@pytest.fixture
def api(client):
    return client("apigateway")


@pytest.fixture
def deployed(client, tsubo, name):
    """deployed(paths, **document) imports and deploys an API at stage "dev"; returns its id and its address."""
    def make(paths, variables=None, **document):
        gateway = client("apigateway")
        body = {"openapi": "3.0.1", "info": {"title": name, "version": "1"}, "paths": paths, **document}
        api_id = gateway.import_rest_api(body=json.dumps(body))["id"]
        gateway.create_deployment(restApiId=api_id, stageName="dev", variables=variables or {})
        return api_id, f"{tsubo.url}/_aws/execute-api/{api_id}/dev"
    return make
