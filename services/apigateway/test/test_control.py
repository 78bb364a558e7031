"""The control plane: APIs made by hand, imported and patched. Source: API Gateway V1 API reference."""
import json

import pytest
import requests
from botocore.exceptions import ClientError


def code(e):
    return e.value.response["Error"]["Code"], e.value.response["Error"]["Message"]


def test_an_api_made_by_hand_is_deployed_and_answers(api, function, uri, tsubo, name):
    made = api.create_rest_api(name=name, description="d", tags={"a": "1"}, endpointConfiguration={"types": ["REGIONAL"]})
    api_id, root = made["id"], made["rootResourceId"]
    assert made["apiKeySource"] == "HEADER" and made["disableExecuteApiEndpoint"] is False
    assert {m["name"] for m in api.get_models(restApiId=api_id)["items"]} == {"Error", "Empty"}
    pets = api.create_resource(restApiId=api_id, parentId=root, pathPart="pets")
    pet = api.create_resource(restApiId=api_id, parentId=pets["id"], pathPart="{id}")
    assert pet["path"] == "/pets/{id}"
    with pytest.raises(ClientError) as e:
        api.create_resource(restApiId=api_id, parentId=root, pathPart="pets")
    assert code(e) == ("ConflictException", "Another resource with the same parent already has this name: pets")
    with pytest.raises(ClientError) as e:
        api.create_deployment(restApiId=api_id)
    assert code(e) == ("BadRequestException", "The REST API doesn't contain any methods")
    at = {"restApiId": api_id, "resourceId": pet["id"], "httpMethod": "GET"}
    api.put_method(**at, authorizationType="NONE", requestParameters={"method.request.path.id": True})
    with pytest.raises(ClientError) as e:
        api.create_deployment(restApiId=api_id)
    assert code(e) == ("BadRequestException", "No integration defined for method")
    api.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri(function("echo")))
    api.put_method_response(**at, statusCode="200", responseModels={"application/json": "Empty"})
    method = api.get_method(**at)
    assert method["methodIntegration"]["type"] == "AWS_PROXY" and method["methodIntegration"]["timeoutInMillis"] == 29000
    assert method["methodResponses"]["200"]["responseModels"] == {"application/json": "Empty"}
    listed = api.get_resources(restApiId=api_id, embed=["methods"])["items"]
    assert {r["path"] for r in listed} == {"/", "/pets", "/pets/{id}"}
    deployment = api.create_deployment(restApiId=api_id)["id"]
    api.create_stage(restApiId=api_id, stageName="v1", deploymentId=deployment, variables={"k": "v"})
    assert requests.get(f"{tsubo.url}/_aws/execute-api/{api_id}/v1/pets/7").json()["pathParameters"] == {"id": "7"}
    summary = api.get_deployment(restApiId=api_id, deploymentId=deployment, embed=["apisummary"])["apiSummary"]
    assert summary == {"/pets/{id}": {"GET": {"authorizationType": "NONE", "apiKeyRequired": False}}}
    with pytest.raises(ClientError) as e:
        api.delete_deployment(restApiId=api_id, deploymentId=deployment)
    assert code(e) == ("BadRequestException", "Active stages pointing to this deployment must be moved or deleted")
    api.delete_stage(restApiId=api_id, stageName="v1")
    api.delete_deployment(restApiId=api_id, deploymentId=deployment)
    api.delete_resource(restApiId=api_id, resourceId=pets["id"])
    assert [r["path"] for r in api.get_resources(restApiId=api_id)["items"]] == ["/"]
    api.delete_rest_api(restApiId=api_id)
    with pytest.raises(ClientError) as e:
        api.get_rest_api(restApiId=api_id)
    assert code(e) == ("NotFoundException", f"Invalid API identifier specified 000000000000:{api_id}")


def test_patches(api, name):
    made = api.create_rest_api(name=name)
    out = api.update_rest_api(restApiId=made["id"], patchOperations=[
        {"op": "replace", "path": "/name", "value": name + "2"}, {"op": "add", "path": "/binaryMediaTypes/image~1png"},
        {"op": "add", "path": "/binaryMediaTypes/*~1*"}, {"op": "remove", "path": "/binaryMediaTypes/image~1png"},
        {"op": "replace", "path": "/disableExecuteApiEndpoint", "value": "true"},
        {"op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "REGIONAL"}])
    assert out["name"] == name + "2" and out["binaryMediaTypes"] == ["*/*"] and out["disableExecuteApiEndpoint"] is True
    assert out["endpointConfiguration"]["types"] == ["REGIONAL"]
    with pytest.raises(ClientError) as e:
        api.update_rest_api(restApiId=made["id"], patchOperations=[{"op": "replace", "path": "/id", "value": "x"}])
    assert code(e)[0] == "BadRequestException" and code(e)[1].startswith("Invalid patch path  '/id' specified for op 'replace'")
    with pytest.raises(ClientError) as e:
        api.update_rest_api(restApiId=made["id"], patchOperations=[{"op": "replace", "path": "/apiKeySource", "value": "x"}])
    assert code(e)[0] == "BadRequestException"
    at = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    api.put_method(**at, authorizationType="NONE")
    api.put_integration(**at, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    out = api.update_integration(**at, patchOperations=[{"op": "replace", "path": "/requestTemplates/text~1plain", "value": "x"},
                                                       {"op": "replace", "path": "/timeoutInMillis", "value": "1000"}])
    assert out["requestTemplates"]["text/plain"] == "x" and out["timeoutInMillis"] == 1000
    out = api.update_method(**at, patchOperations=[{"op": "replace", "path": "/apiKeyRequired", "value": "true"}])
    assert out["apiKeyRequired"] is True


SWAGGER = """
swagger: 2.0
info: {title: pets, version: '1'}
basePath: /v7
securityDefinitions:
  sigv4: {type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4}
definitions:
  Pet: {type: object, properties: {kind: {$ref: '#/definitions/Kind'}}}
  Kind: {type: string}
paths:
  /pets/{id}:
    parameters: [{name: id, in: path, required: true, type: string}]
    put:
      operationId: putPet
      consumes: [application/json]
      security: [{sigv4: []}]
      parameters:
        - {name: body, in: body, schema: {$ref: '#/definitions/Pet'}}
        - {name: q, in: query, required: true, type: string}
      responses: {'200': {description: ok, schema: {$ref: '#/definitions/Pet'}, headers: {X-A: {type: string}}}}
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: '{"statusCode": 200}'}
        responses: {default: {statusCode: '200'}, '4\\d\\d': {statusCode: 404}}
"""


def test_a_swagger_document_in_yaml(api):
    api_id = api.import_rest_api(body=SWAGGER, parameters={"basepath": "prepend", "endpointConfigurationTypes": "REGIONAL"})["id"]
    resources = {r["path"]: r for r in api.get_resources(restApiId=api_id, embed=["methods"])["items"]}
    assert set(resources) == {"/", "/v7", "/v7/pets", "/v7/pets/{id}"}
    put = resources["/v7/pets/{id}"]["resourceMethods"]["PUT"]
    assert put["authorizationType"] == "AWS_IAM" and put["operationName"] == "putPet"
    assert put["requestParameters"] == {"method.request.path.id": True, "method.request.querystring.q": True}
    assert put["requestModels"] == {"application/json": "Pet"}
    assert put["methodResponses"]["200"]["responseParameters"] == {"method.response.header.X-A": False}
    assert put["methodIntegration"]["integrationResponses"]["404"]["selectionPattern"] == "4\\d\\d"
    schema = json.loads(api.get_model(restApiId=api_id, modelName="Pet")["schema"])
    assert schema["properties"]["kind"]["$ref"] == f"https://apigateway.amazonaws.com/restapis/{api_id}/models/Kind"


def test_merging_keeps_and_overwriting_drops(api):
    mock = {"x-amazon-apigateway-integration": {"type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'}}}

    def body(*paths):
        return json.dumps({"openapi": "3.0.1", "info": {"title": "m"}, "paths": {p: {"get": mock} for p in paths}})
    api_id = api.import_rest_api(body=body("/a"))["id"]

    def paths():
        return {r["path"] for r in api.get_resources(restApiId=api_id)["items"]}
    api.put_rest_api(restApiId=api_id, mode="merge", body=body("/b"))
    assert paths() == {"/", "/a", "/b"}
    api.put_rest_api(restApiId=api_id, mode="overwrite", body=body("/c"))
    assert paths() == {"/", "/c"}


def test_what_does_not_run_here_is_refused_by_name(api):
    def importing(integration):
        with pytest.raises(ClientError) as e:
            api.import_rest_api(body=json.dumps({"openapi": "3.0.1", "info": {"title": "m"},
                                                 "paths": {"/a": {"get": {"x-amazon-apigateway-integration": integration}}}}))
        return e.value.response["ResponseMetadata"]["HTTPStatusCode"], e.value.response["Error"]["Message"]
    status, message = importing({"type": "aws", "httpMethod": "POST", "uri": "arn:aws:apigateway:us-east-1:sqs:path/q"})
    assert status == 501 and "integrations of type AWS are not there yet" in message and "'/a'" in message
    assert importing({"type": "mock", "requestTemplates": {"application/json": "#set($a = 1)"}})[0] == 501
    status, message = importing({"type": "lorry", "httpMethod": "POST", "uri": "http://localhost/"})
    assert status == 400 and "Invalid integration type specified: LORRY" in message and "'/a'" in message
    for bad in ["not: [closed", "{}", json.dumps({"openapi": "9", "info": {"title": "x"}})]:
        with pytest.raises(ClientError) as e:
            api.import_rest_api(body=bad)
        assert code(e)[0] == "BadRequestException"
    with pytest.raises(ClientError) as e:  # each part of a path is a resource, and an API has a thousand at most
        api.import_rest_api(body=json.dumps({"openapi": "3.0.1", "info": {"title": "deep"}, "paths": {"/a" * 500_000: {"get": {}}}}))
    assert code(e)[0] == "LimitExceededException"


def test_a_tree_of_any_depth_is_renamed_and_deleted_whole(api):
    mock = {"x-amazon-apigateway-integration": {"type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'}}}
    api_id = api.import_rest_api(body=json.dumps({"openapi": "3.0.1", "info": {"title": "deep"}, "paths": {"/a" * 80: {"get": mock}}}))["id"]

    def paths():
        return {r["path"]: r["id"] for r in api.get_resources(restApiId=api_id, limit=500)["items"]}
    api.update_resource(restApiId=api_id, resourceId=paths()["/a"], patchOperations=[{"op": "replace", "path": "/pathPart", "value": "b"}])
    assert set(paths()) == {"/"} | {"/b" + "/a" * n for n in range(80)}
    api.delete_resource(restApiId=api_id, resourceId=paths()["/b"])
    assert set(paths()) == {"/"}


def test_a_name_that_is_too_long_to_be_kept(api, name):
    api_id = api.create_rest_api(name=name)["id"]
    with pytest.raises(ClientError) as e:
        api.create_model(restApiId=api_id, name="m" * 100_000, contentType="application/json")
    assert code(e)[0] == "ValidationException"
    assert {m["name"] for m in api.get_models(restApiId=api_id)["items"]} == {"Error", "Empty"}


def test_keys_plans_and_tags(api, name):
    key = api.create_api_key(name=name, enabled=True, tags={"k": "1"})
    assert len(key["value"]) == 40 and "value" not in api.get_api_key(apiKey=key["id"])
    assert api.get_api_keys(nameQuery=name, includeValues=True)["items"][0]["value"] == key["value"]
    with pytest.raises(ClientError) as e:
        api.create_api_key(name=name, value=key["value"])
    assert code(e) == ("ConflictException", "API Key already exists")
    arn = f"arn:aws:apigateway:us-east-1::/apikeys/{key['id']}"
    api.tag_resource(resourceArn=arn, tags={"l": "2"})
    api.untag_resource(resourceArn=arn, tagKeys=["k"])
    assert api.get_tags(resourceArn=arn)["tags"] == {"l": "2"}
    plan = api.create_usage_plan(name=name, throttle={"rateLimit": 5, "burstLimit": 2}, quota={"limit": 10, "period": "MONTH"})["id"]
    out = api.update_usage_plan(usagePlanId=plan, patchOperations=[
        {"op": "replace", "path": "/throttle/rateLimit", "value": "9.5"}, {"op": "remove", "path": "/quota"}])
    assert out["throttle"] == {"rateLimit": 9.5, "burstLimit": 2} and "quota" not in out
    api.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    assert [k["id"] for k in api.get_usage_plan_keys(usagePlanId=plan)["items"]] == [key["id"]]
    api.delete_api_key(apiKey=key["id"])
    assert api.get_usage_plan_keys(usagePlanId=plan)["items"] == []
    api.delete_usage_plan(usagePlanId=plan)


def test_lists_are_paged(api, name):
    ids = {api.create_api_key(name=name)["id"] for _ in range(5)}
    seen = []
    for page in api.get_paginator("get_api_keys").paginate(nameQuery=name, PaginationConfig={"PageSize": 2}):
        assert len(page["items"]) <= 2
        seen += [k["id"] for k in page["items"]]
    assert set(seen) == ids and len(seen) == 5


def test_a_user_needs_permission_on_the_path(client, tsubo, api, name):
    made = api.create_rest_api(name=name)
    iam = client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "apigateway:GET", "Resource": f"arn:aws:apigateway:us-east-1::/restapis/{made['id']}"}]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    theirs = tsubo.client("apigateway", key["AccessKeyId"], key["SecretAccessKey"])
    assert theirs.get_rest_api(restApiId=made["id"])["name"] == name
    with pytest.raises(ClientError) as e:
        theirs.delete_rest_api(restApiId=made["id"])
    assert code(e)[0] == "AccessDeniedException" and "apigateway:DELETE" in code(e)[1]


def test_access_logs_and_metrics(client, api, deployed, function, proxy, name, eventually):
    iam = client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "apigateway.amazonaws.com"}}]}))
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}))
    api_id, url = deployed({"/a": {"get": proxy(function("echo"))}})
    group = {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": f"arn:aws:logs:us-east-1:000000000000:log-group:{name}"}
    text = {"op": "replace", "path": "/accessLogSettings/format",
            "value": '$context.requestId $context.httpMethod $context.resourcePath $context.status "$context.error.message" $context.identity.user'}
    with pytest.raises(ClientError) as e:
        api.update_stage(restApiId=api_id, stageName="dev", patchOperations=[group, text])
    assert code(e) == ("BadRequestException", "CloudWatch Logs role ARN must be set in account settings to enable logging")
    api.update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": f"arn:aws:iam::000000000000:role/{name}"}])
    assert api.get_account()["cloudwatchRoleArn"].endswith(name)
    api.update_stage(restApiId=api_id, stageName="dev", patchOperations=[group, text])
    request_id = requests.get(url + "/a").headers["x-amzn-RequestId"]
    requests.get(url + "/none")

    def lines():
        try:
            return [e["message"] for e in client("logs").filter_log_events(logGroupName=name)["events"]]
        except ClientError:
            return []
    eventually(lambda: len(lines()) == 2)
    assert f'{request_id} GET /a 200 "-" -' in lines()
    assert any(line.endswith(' GET - 403 "Missing Authentication Token" -') for line in lines())
    api.update_account(patchOperations=[{"op": "remove", "path": "/cloudwatchRoleArn"}])


def test_one_variable_below_a_resource(api, name):
    """CreateResource: of two variables at one place a request could mean either."""
    made = api.create_rest_api(name=name)
    at = {"restApiId": made["id"], "parentId": made["rootResourceId"]}
    api.create_resource(**at, pathPart="{id}")
    api.create_resource(**at, pathPart="items")
    for part in ("{other}", "{proxy+}"):
        with pytest.raises(ClientError) as e:
            api.create_resource(**at, pathPart=part)
        assert code(e) == ("BadRequestException", "A sibling ({id}) of this resource already has a variable path part -- only one is allowed")


def test_headers_to_the_client_are_declared_first(api, name):
    """PutIntegrationResponse, "responseParameters": a mapping's name must be of the method response."""
    made = api.create_rest_api(name=name)
    at = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    api.put_method(**at, authorizationType="NONE")
    api.put_integration(**at, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    api.put_method_response(**at, statusCode="200", responseParameters={"method.response.header.X-There": False})
    put = lambda header: api.put_integration_response(**at, statusCode="200", responseParameters={f"method.response.header.{header}": "'1'"})
    put("X-There")
    with pytest.raises(ClientError) as e:
        put("X-Not-There")
    assert code(e)[0] == "BadRequestException" and "method.response.header.X-Not-There" in code(e)[1]


def test_tags_and_sizes_that_cannot_be(api, client, name):
    for bad in ({"tags": {"aws:x": "1"}}, {"minimumCompressionSize": -1}, {"minimumCompressionSize": (10 << 20) + 1}):
        with pytest.raises(ClientError) as e:
            api.create_rest_api(name=name, **bad)
        assert code(e)[0] == "BadRequestException"
    blue, red = (api.create_rest_api(name=name, tags={"team": team})["id"] for team in ("blue", "red"))
    iam = client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "apigateway:GET", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "blue"}}}}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = client("apigateway", key["AccessKeyId"], key["SecretAccessKey"])
    assert own.get_rest_api(restApiId=blue) and own.get_resources(restApiId=blue)
    with pytest.raises(ClientError) as e:
        own.get_rest_api(restApiId=red)
    assert code(e)[0] == "AccessDeniedException"
