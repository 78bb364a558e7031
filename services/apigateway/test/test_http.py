"""HTTP and HTTP_PROXY integrations in front of a real HTTP server.

Sources: "Set up HTTP integrations in API Gateway", "Parameter mapping source reference for REST APIs" (developer guide)."""
import gzip
import http.server
import json
import threading
import time

import pytest
import requests
from botocore.exceptions import ClientError


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Tells what it was asked; /status/<n>, /slow, /gzip and /big answer as they are named."""
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path.startswith("/slow"):
            time.sleep(2)
        if self.path.startswith("/gzip"):
            return self.answer(200, gzip.compress(b"packed"), Content_Encoding="gzip", Content_Type="text/plain")
        if self.path.startswith("/big"):
            return self.answer(200, b"x" * (11 << 20))
        status = int(self.path.split("/")[2].split("?")[0]) if self.path.startswith("/status/") else 200
        told = {"method": self.command, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body}
        self.answer(status, json.dumps(told).encode(), Content_Type="application/json", X_Of_Endpoint="yes", Server="python")

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = any

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def endpoint():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.handle_error = lambda *args: None  # callers that hang up are part of the tests
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def api(tsubo):
    """api(path, integration, method) is the URL of a deployed API with that one method."""
    gateway = tsubo.client("apigateway")

    def make(path, method="ANY", variables=None, parameters=None, responses=(), **integration):
        made = gateway.create_rest_api(name="http")
        parent = made["rootResourceId"]
        for part in path.strip("/").split("/"):
            parent = gateway.create_resource(restApiId=made["id"], parentId=parent, pathPart=part)["id"]
        where = {"restApiId": made["id"], "resourceId": parent, "httpMethod": method}
        gateway.put_method(authorizationType="NONE", requestParameters=parameters or {}, **where)
        gateway.put_integration(**where, **integration)
        for r in responses:
            gateway.put_method_response(statusCode=r["statusCode"], responseParameters={k: False for k in r.get("responseParameters", {})}, **where)
            gateway.put_integration_response(**where, **r)
        gateway.create_deployment(restApiId=made["id"], stageName="s", variables=variables or {})
        return f"{tsubo.url}/_aws/execute-api/{made['id']}/s"
    return make


def test_a_proxy_passes_everything_on_and_back(api, endpoint):
    url = api("/shop/{proxy+}", type="HTTP_PROXY", integrationHttpMethod="ANY", uri=endpoint + "/base/{proxy}",
              requestParameters={"integration.request.path.proxy": "method.request.path.proxy"}, parameters={"method.request.path.proxy": True})
    got = requests.post(url + "/shop/a/b%20c?x=1&x=2&y=%26", data="hello", headers={"X-Mine": "1", "User-Agent": "test", "Content-Type": "text/plain"})
    told = got.json()
    assert (told["method"], told["path"], told["body"]) == ("POST", "/base/a/b%20c?x=1&x=2&y=%26", "hello")
    headers = told["headers"]
    assert (headers["x-mine"], headers["user-agent"], headers["content-type"]) == ("1", "test", "text/plain")
    assert headers["host"] == endpoint[len("http://"):] and headers["x-forwarded-for"] and headers["x-amzn-trace-id"]
    assert headers["x-amzn-apigateway-api-id"] in url
    assert got.headers["X-Of-Endpoint"] == "yes" and got.headers["x-amzn-Remapped-Server"]
    assert requests.delete(url + "/shop/one").json()["method"] == "DELETE"
    assert requests.head(url + "/shop/one").headers["X-Of-Endpoint"] == "yes"
    assert requests.get(url + "/shop/x").status_code == 200


def test_a_proxy_gives_the_endpoints_status_and_bytes(api, endpoint):
    url = api("/{proxy+}", type="HTTP_PROXY", integrationHttpMethod="GET", uri=endpoint + "/{proxy}")
    for status in (201, 302, 404, 503):
        assert requests.get(f"{url}/status/{status}", allow_redirects=False).status_code == status
    assert requests.get(url + "/gzip").text == "packed"


def test_parameters_are_mapped(api, endpoint):
    url = api("/items/{id}", method="GET", type="HTTP_PROXY", integrationHttpMethod="POST", uri=endpoint + "/${stageVariables.base}/{item}",
              parameters={"method.request.path.id": True, "method.request.querystring.q": False},
              variables={"base": "v7", "color": "blue"},
              requestParameters={"integration.request.path.item": "method.request.path.id", "integration.request.header.X-Color": "stageVariables.color",
                                 "integration.request.header.X-Fixed": "'fixed'", "integration.request.querystring.query": "method.request.querystring.q",
                                 "integration.request.header.X-Stage": "context.stage"})
    told = requests.get(url + "/items/7?q=a%20b", headers={"X-Color": "red"}).json()
    assert (told["method"], told["path"]) == ("POST", "/v7/7?q=a%20b&query=a%20b")
    assert (told["headers"]["x-color"], told["headers"]["x-fixed"], told["headers"]["x-stage"]) == ("blue", "fixed", "s")


def test_without_a_proxy_only_what_is_mapped_goes_on(api, endpoint):
    url = api("/{status}", method="POST", type="HTTP", integrationHttpMethod="POST", uri=endpoint + "/status/{status}",
              requestParameters={"integration.request.path.status": "method.request.path.status", "integration.request.header.X-Mine": "method.request.header.X-Mine"},
              parameters={"method.request.path.status": True, "method.request.header.X-Mine": False},
              requestTemplates={"text/plain": '{"from": "$context.httpMethod"}'}, responses=[
                  {"statusCode": "200", "responseParameters": {"method.response.header.X-Was": "integration.response.header.X-Of-Endpoint",
                                                               "method.response.header.X-Body": "integration.response.body.method"}},
                  {"statusCode": "422", "selectionPattern": "4\\d\\d", "responseTemplates": {"application/json": '{"error": "$context.requestId"}'}}])
    got = requests.post(url + "/200", data="x", headers={"Content-Type": "text/plain", "X-Mine": "1", "X-Other": "2"})
    told = got.json()
    assert got.status_code == 200 and (got.headers["X-Was"], got.headers["X-Body"]) == ("yes", "POST")
    assert json.loads(told["body"]) == {"from": "POST"} and told["headers"]["x-mine"] == "1" and "x-other" not in told["headers"]
    assert told["headers"]["user-agent"].startswith("AmazonAPIGateway_") and "X-Of-Endpoint" not in got.headers
    got = requests.post(url + "/404", data="{}", headers={"Content-Type": "application/json"})
    assert got.status_code == 422 and set(got.json()) == {"error"}


def test_endpoints_that_do_not_answer(api, endpoint):
    got = requests.get(api("/a", type="HTTP_PROXY", integrationHttpMethod="GET", uri="http://127.0.0.1:1/") + "/a")
    assert (got.status_code, got.json()) == (504, {"message": "Network error communicating with endpoint"})
    got = requests.get(api("/a", type="HTTP_PROXY", integrationHttpMethod="GET", uri=endpoint + "/slow", timeoutInMillis=100) + "/a")
    assert (got.status_code, got.json()) == (504, {"message": "Endpoint request timed out"})
    assert requests.get(api("/a", type="HTTP_PROXY", integrationHttpMethod="GET", uri=endpoint + "/big") + "/a").status_code == 504


@pytest.mark.parametrize("integration, code", [
    ({"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "ftp://x/"}, "BadRequestException"),
    ({"type": "HTTP_PROXY", "uri": "http://x/"}, "BadRequestException"),
    ({"type": "HTTP", "integrationHttpMethod": "FOO", "uri": "http://x/"}, "BadRequestException"),
    ({"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "http://x/", "requestParameters": {"integration.request.body": "'x'"}}, "BadRequestException"),
    ({"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "http://x/", "requestParameters": {"integration.request.header.a": "x"}}, "BadRequestException"),
    ({"type": "HTTP", "integrationHttpMethod": "GET", "uri": "http://x/", "requestTemplates": {"a/b": "$input.body"}}, "NotImplemented"),
])
def test_integrations_that_cannot_be_are_refused(api, integration, code):
    with pytest.raises(ClientError) as e:
        api("/a", **integration)
    assert e.value.response["Error"]["Code"] == code
