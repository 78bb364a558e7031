"""APIs by CloudFormation: as the SAM transform writes them, and resource by resource. Sources: CloudFormation template reference,
AWS SAM specification (AWS::Serverless::Api)."""
import json

import pytest
import requests

ANSWER = "def handler(event, context):\n    return {'statusCode': 200, 'body': event['requestContext']['stage'] + ' ' + event['resource']}\n"

SAM = """
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      Variables: {color: %(color)s}
      Auth:
        ApiKeyRequired: true
        UsagePlan:
          CreateUsagePlan: PER_API
          UsagePlanName: %(name)s
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: |
        def handler(event, context):
            return {'statusCode': 200, 'body': event['resource'] + ' ' + event['stageVariables']['color']}
      Events:
        List: {Type: Api, Properties: {Path: /items, Method: get, RestApiId: !Ref Api}}
        One: {Type: Api, Properties: {Path: '/items/{id}', Method: any, RestApiId: !Ref Api}}
Outputs:
  ApiId: {Value: !Ref Api}
  KeyId: {Value: !Ref ApiApiKey}
"""


@pytest.fixture
def stack(client, name):
    cfn = client("cloudformation")

    def wait(kind):
        cfn.get_waiter(kind).wait(StackName=name)
        return {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])}

    def create(body):
        cfn.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
        return wait("stack_create_complete")

    def update(body):
        cfn.update_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
        return wait("stack_update_complete")

    def delete():
        cfn.delete_stack(StackName=name)
        cfn.get_waiter("stack_delete_complete").wait(StackName=name)
    create.update, create.delete = update, delete
    return create


def test_an_api_of_sam_is_deployed_updated_and_deleted(client, tsubo, stack, name, eventually):
    out = stack(SAM % {"color": "red", "name": name})
    gateway = client("apigateway")
    key = gateway.get_api_key(apiKey=out["KeyId"], includeValue=True)["value"]
    url = f"{tsubo.url}/_aws/execute-api/{out['ApiId']}/live"
    assert requests.get(url + "/items").status_code == 403
    r = requests.get(url + "/items", headers={"x-api-key": key})
    assert (r.status_code, r.text) == (200, "/items red")
    assert requests.delete(url + "/items/7", headers={"x-api-key": key}).text == "/items/{id} red"
    stack.update((SAM % {"color": "blue", "name": name}).replace("Path: /items,", "Path: /things,"))
    eventually(lambda: requests.get(url + "/things", headers={"x-api-key": key}).text == "/things blue")
    assert requests.get(url + "/items", headers={"x-api-key": key}).status_code == 403
    stack.delete()
    assert requests.get(url + "/things", headers={"x-api-key": key}).json() == {"message": "Forbidden"}
    assert out["ApiId"] not in [a["id"] for a in gateway.get_rest_apis(limit=500)["items"]]
    assert name not in [p["name"] for p in gateway.get_usage_plans(limit=500)["items"]]


PARTS = """
Resources:
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: %(name)s, Description: by parts, BinaryMediaTypes: [image/png]}}
  Item: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: item}}
  Shape:
    Type: AWS::ApiGateway::Model
    Properties: {RestApiId: !Ref Api, Name: Shape, ContentType: application/json, Schema: {type: object, required: [Id]}}
  Checks: {Type: AWS::ApiGateway::RequestValidator, Properties: {RestApiId: !Ref Api, ValidateRequestBody: true}}
  Sorry:
    Type: AWS::ApiGateway::GatewayResponse
    Properties: {RestApiId: !Ref Api, ResponseType: BAD_REQUEST_BODY, StatusCode: '418'}
  Post:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref Item
      HttpMethod: POST
      AuthorizationType: NONE
      RequestModels: {application/json: !Ref Shape}
      RequestValidatorId: !Ref Checks
      MethodResponses: [{StatusCode: '200', ResponseParameters: {method.response.header.X-M: false}}]
      Integration:
        Type: MOCK
        RequestTemplates: {application/json: '{"statusCode": 200}'}
        IntegrationResponses:
          - {StatusCode: '200', ResponseParameters: {method.response.header.X-M: "'mock'"}, ResponseTemplates: {application/json: 'done'}}
  Deployment: {Type: AWS::ApiGateway::Deployment, DependsOn: Post, Properties: {RestApiId: !Ref Api}}
  Live:
    Type: AWS::ApiGateway::Stage
    Properties:
      RestApiId: !Ref Api
      DeploymentId: !Ref Deployment
      StageName: live
      MethodSettings: [{ResourcePath: /item, HttpMethod: POST, ThrottlingRateLimit: %(rate)s, ThrottlingBurstLimit: 5}]
Outputs: {ApiId: {Value: !Ref Api}}
"""


def test_an_api_part_by_part(client, tsubo, stack, name):
    out = stack(PARTS % {"name": name, "rate": 100})
    url = f"{tsubo.url}/_aws/execute-api/{out['ApiId']}/live/item"
    r = requests.post(url, json={"Id": 1})
    assert (r.status_code, r.text, r.headers["X-M"]) == (200, "done", "mock")
    assert requests.post(url, json={"id": 1}).status_code == 418
    gateway = client("apigateway")
    settings = gateway.get_stage(restApiId=out["ApiId"], stageName="live")["methodSettings"]
    assert settings["item/POST"]["throttlingRateLimit"] == 100.0 and settings["item/POST"]["throttlingBurstLimit"] == 5
    assert gateway.get_rest_api(restApiId=out["ApiId"])["description"] == "by parts"
    stack.update(PARTS % {"name": name, "rate": 7})
    assert gateway.get_stage(restApiId=out["ApiId"], stageName="live")["methodSettings"]["item/POST"]["throttlingRateLimit"] == 7.0
    stack.delete()
    assert requests.post(url, json={"Id": 1}).status_code == 403
