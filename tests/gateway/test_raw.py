"""What no SDK sends: wrong signatures, broken, missing, oversized and truncated bodies, unknown operations and services, by raw sockets, in
every protocol. Each is answered with AWS's error in the caller's protocol, and the server goes on.

Sources: "Common errors" of each API reference; "Troubleshoot Signature Version 4" (IAM user guide); S3's "Error responses"; Smithy's protocol
documents for the shapes of errors."""
import datetime
import json
import re
import socket
import unittest.mock

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from conftest import PATIENCE_S

JSON_1_0, JSON_1_1, FORM = "application/x-amz-json-1.0", "application/x-amz-json-1.1", "application/x-www-form-urlencoded; charset=utf-8"


class Place:
    """Where and how a protocol is spoken: one operation of one service."""

    def __init__(self, protocol, service, path, headers, body, method="POST"):
        self.protocol, self.service, self.path, self.headers, self.body, self.method = protocol, service, path, headers, body, method


PLACES = {
    "sqs-json": Place("json", "sqs", "/", {"Content-Type": JSON_1_0, "X-Amz-Target": "AmazonSQS.ListQueues"}, b"{}"),
    "dynamodb": Place("json", "dynamodb", "/", {"Content-Type": JSON_1_0, "X-Amz-Target": "DynamoDB_20120810.ListTables"}, b"{}"),
    "logs": Place("json", "logs", "/", {"Content-Type": JSON_1_1, "X-Amz-Target": "Logs_20140328.DescribeLogGroups"}, b"{}"),
    "sts": Place("query", "sts", "/", {"Content-Type": FORM}, b"Action=GetCallerIdentity&Version=2011-06-15"),
    "sqs-query": Place("query", "sqs", "/", {"Content-Type": FORM}, b"Action=ListQueues&Version=2012-11-05"),
    "cloudwatch": Place("cbor", "monitoring", "/service/GraniteServiceVersion20100801/operation/ListMetrics",
                        {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}, b"\xa0"),
    "lambda": Place("rest-json", "lambda", "/2018-10-31/layers?MaxItems=3", {"Content-Type": "application/json"}, b"", "GET"),
    "s3": Place("rest-xml", "s3", "/", {}, b"", "GET"),
}
CODES = {  # what is wrong: by json and cbor, rest-json, query, rest-xml (S3)
    "signature": {"json": (400, "InvalidSignatureException"), "rest-json": (403, "InvalidSignatureException"),
                  "query": (403, "SignatureDoesNotMatch"), "rest-xml": (403, "SignatureDoesNotMatch")},
    "expired": {"json": (400, "InvalidSignatureException"), "rest-json": (403, "InvalidSignatureException"),
                "query": (403, "SignatureDoesNotMatch"), "rest-xml": (403, "RequestTimeTooSkewed")},
    "key": {"json": (400, "UnrecognizedClientException"), "rest-json": (403, "UnrecognizedClientException"),
            "query": (403, "InvalidClientTokenId"), "rest-xml": (403, "InvalidAccessKeyId")},
    "unsigned": {"json": (400, "MissingAuthenticationTokenException"), "rest-json": (403, "MissingAuthenticationTokenException"),
                 "query": (403, "MissingAuthenticationToken"), "rest-xml": (403, "AccessDenied")},
    "header": {"json": (400, "IncompleteSignatureException"), "rest-json": (403, "IncompleteSignatureException"),
               "query": (403, "IncompleteSignature"), "rest-xml": (400, "AuthorizationHeaderMalformed")},
}


def expected(kind, place):
    return CODES[kind]["json" if place.protocol == "cbor" else place.protocol]


class Wire:
    def __init__(self, server):
        self.server = server

    def sign(self, place, body=None, path=None, headers=None, key="test", secret="test", service=None, at=None):
        service = service or place.service
        request = AWSRequest(place.method, f"http://localhost:{self.server.port}{path or place.path}",
                             headers=dict(headers or place.headers), data=place.body if body is None else body)
        auth = (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(key, secret), service, "us-east-1")
        now = at or datetime.datetime.now(datetime.timezone.utc)
        with unittest.mock.patch("botocore.auth.get_current_datetime", return_value=now, create=True):
            auth.add_auth(request)
        return {k: v.decode() if isinstance(v, bytes) else v for k, v in request.prepare().headers.items()}

    def send(self, place, headers, body=None, path=None, length=None):
        """Status, headers and body of the answer; None when the connection ended without one."""
        body = place.body if body is None else body
        lines = {**headers, "Host": f"localhost:{self.server.port}", "Connection": "close", "Content-Length": len(body) if length is None else length}
        head = f"{place.method} {path or place.path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n"
        with socket.create_connection(("127.0.0.1", self.server.port), PATIENCE_S) as s:
            try:
                s.sendall(head.encode() + body)
                if length is not None:
                    s.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # answered and closed before all of it was sent
            data = b""
            try:
                while part := s.recv(65536):
                    data += part
            except ConnectionResetError:
                pass
        if not data:
            return None
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        return int(lines[0].split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}, rest

    def ask(self, place, body=None, path=None, headers=None, **how):
        return self.send(place, self.sign(place, body, path, headers, **how), body, path)


def error_of(place, answer):
    """(status, code), read as the protocol's clients read it: an answer in another protocol has none."""
    status, headers, body = answer
    kind = headers["content-type"]
    if place.protocol == "json":
        assert kind == place.headers["Content-Type"], answer
        return status, json.loads(body)["__type"].rpartition("#")[2]
    if place.protocol == "rest-json":
        assert kind == "application/json" and "message" in {k.lower() for k in json.loads(body)}, answer
        return status, headers["x-amzn-errortype"]
    if place.protocol == "cbor":
        assert kind == "application/cbor" and headers["smithy-protocol"] == "rpc-v2-cbor" and body[1:8] == b"f__type", answer
        return status, re.search(rb"#([A-Za-z]+?)g?message", body).group(1).decode().removesuffix("g")
    assert kind in ("text/xml", "application/xml"), answer
    assert (place.protocol == "query") == body.startswith(b"<ErrorResponse"), answer
    return status, re.search(rb"<Code>(\w+)</Code>", body).group(1).decode()


@pytest.fixture(scope="module")
def wire(tsubo):
    return Wire(tsubo)


@pytest.fixture(params=list(PLACES))
def place(request, wire):
    place = PLACES[request.param]
    yield place
    assert wire.ask(place)[0] == 200  # it goes on


def test_wrong_signatures(wire, place):
    assert error_of(place, wire.ask(place, secret="wrong")) == expected("signature", place)
    assert error_of(place, wire.ask(place, key="AKIANOBODYNOBODY0000")) == expected("key", place)
    assert error_of(place, wire.ask(place, at=datetime.datetime(2020, 1, 1))) == expected("expired", place)
    assert error_of(place, wire.ask(place, at=datetime.datetime(2090, 1, 1))) == expected("expired", place)
    assert error_of(place, wire.send(place, place.headers)) == expected("unsigned", place)


@pytest.mark.parametrize("authorization", [
    "AWS4-HMAC-SHA256 rubbish", "AWS4-HMAC-SHA256 Credential=test, SignedHeaders=host, Signature=00", "AWS4-HMAC-SHA256", "AWS4-NONE Credential=a/b"])
def test_headers_that_are_no_signature(wire, place, authorization):
    headers = {**wire.sign(place), "Authorization": authorization}
    assert error_of(place, wire.send(place, headers)) == expected("header", place)


def test_a_body_that_was_not_signed(wire, place):
    headers = wire.sign(place)
    status, code = error_of(place, wire.send(place, headers, place.body + b" "))
    assert (status, code) == ((400, "XAmzContentSHA256Mismatch") if place.service == "s3" else expected("signature", place))


def test_a_header_that_was_changed(wire, place):
    headers = wire.sign(place)
    headers["X-Amz-Date"] = re.sub(r"\d\dZ$", lambda m: f"{(int(m[0][:2]) + 1) % 60:02d}Z", headers["X-Amz-Date"])
    assert error_of(place, wire.send(place, headers)) == expected("signature", place)


@pytest.mark.parametrize("name", ["sqs-json", "dynamodb", "logs", "cloudwatch"])
def test_a_signature_for_another_service(wire, name):
    status, _, body = wire.ask(PLACES[name], service="nosuch")
    assert status == 400 and b"Credential should be scoped to correct service: '" in body and b"InvalidSignatureException" in body


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"a": }', b'{"a": 1} x', b"\xff\xfe\x00", b"[" * 100000, b'"' + b"x" * 100000,
                                  b'{"limit": {}, "MaxResults": {}, "Limit": {}}', b"\x00", b"{" + b'"a":{' * 5000])
@pytest.mark.parametrize("name", ["sqs-json", "dynamodb", "logs"])
def test_json_that_does_not_parse(wire, name, body):
    place = PLACES[name]
    status, code = error_of(place, wire.ask(place, body=body))
    assert status == 400 and code == "SerializationException"
    assert wire.ask(place)[0] == 200


@pytest.mark.parametrize("body", [b"\xff", b"\xbf", b"\xa1", b"\x80", b"\xa1jMetricName\x01", b"\xbb" + b"\xff" * 8, b"\x5b" + b"\xff" * 8, b"\x9f" * 100000, b"\xa1\x61"])
def test_cbor_that_does_not_parse(wire, body):
    place = PLACES["cloudwatch"]
    status, code = error_of(place, wire.ask(place, body=body))
    assert status == 400 and code == "SerializationException"
    assert wire.ask(place)[0] == 200


@pytest.mark.parametrize("body, code", [
    (b"", "MissingAction"), (b"Version=2011-06-15", "MissingAction"), (b"\xff\x00garbage", "MissingAction"), (b"Action=&Version=2011-06-15", None),
    (b"Action=%zz&Version=2011-06-15", None), (b"Action=NoSuch&Version=2011-06-15", "InvalidAction"), (b"&" * 100000, None), (b"a=b&" * 100000, None),
    (b"Action=AssumeRole&Version=2011-06-15", "ValidationError"), (b"Action=AssumeRole&Version=2011-06-15&RoleArn=x&RoleSessionName=y&DurationSeconds=many", None)])
def test_forms_that_do_not_parse(wire, body, code):
    place = PLACES["sts"]
    status, got = error_of(place, wire.ask(place, body=body))
    assert status == 400 and (code is None or got == code)
    assert wire.ask(place)[0] == 200


@pytest.mark.parametrize("body", [b"<", b"<a/>", b"<Tagging>", b"\xff", b"", b"x", b"<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Wrong>", b"<a>" * 100000,
                                  b'<!DOCTYPE x [<!ENTITY a "aaaa">]><Tagging>&a;</Tagging>'])
def test_xml_that_does_not_parse(wire, tsubo, name, body):
    tsubo.client("s3").create_bucket(Bucket=name)
    place = Place("rest-xml", "s3", f"/{name}?tagging", {"Content-Type": "application/xml"}, body, "PUT")
    assert error_of(place, wire.ask(place)) == (400, "MalformedXML")
    assert wire.ask(PLACES["s3"])[0] == 200


@pytest.mark.parametrize("body", [b"{", b"[]", b"null x", b'{"FunctionName": 1, "Code": []}', b"\xff", b"[" * 100000])
def test_rest_json_that_does_not_parse(wire, body):
    place = Place("rest-json", "lambda", "/2015-03-31/functions", {"Content-Type": "application/json"}, body)
    status, code = error_of(place, wire.ask(place))
    assert status == 400 and code in ("SerializationException", "InvalidRequestContentException")
    assert wire.ask(PLACES["lambda"])[0] == 200


def test_what_is_missing_or_out_of_range(wire):
    """Constraints of the model are checked in AWS's words, before anything runs."""
    def ask(name, body, **how):
        place = PLACES[name]
        return error_of(place, answer := wire.ask(place, body=body, **how)) + (answer[2].decode("utf-8", "replace"),)

    status, code, text = ask("dynamodb", b'{"Limit": 101}')
    assert (status, code) == (400, "ValidationException") and "less than or equal to 100" in text
    status, code, text = ask("logs", b'{"limit": 0}')
    assert status == 400 and "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint" in text
    target = {**PLACES["dynamodb"].headers, "X-Amz-Target": "DynamoDB_20120810.GetItem"}
    status, code, text = ask("dynamodb", b"{}", headers=target)
    assert (status, code) == (400, "ValidationException") and "Member must not be null" in text


def test_unknown_operations(wire, place):
    headers = dict(place.headers)
    if "X-Amz-Target" in headers:
        headers["X-Amz-Target"] = headers["X-Amz-Target"].partition(".")[0] + ".NoSuchThing"
    body = re.sub(rb"Action=\w+", b"Action=NoSuchThing", place.body)
    path = {"cloudwatch": place.path.replace("ListMetrics", "NoSuchThing"), "lambda": "/2015-03-31/no-such-thing"}.get(place.service if place.service != "monitoring" else "cloudwatch", "/")
    answer = wire.ask(place, body, path, headers) if place.service != "s3" else wire.ask(Place("rest-xml", "s3", "/", {}, b"", "DELETE"))
    assert error_of(place, answer) == {"json": (400, "UnknownOperationException"), "cbor": (400, "UnknownOperationException"), "query": (400, "InvalidAction"),
                                       "rest-json": (404, "UnknownOperationException"), "rest-xml": (405, "MethodNotAllowed")}[place.protocol]
    if place.protocol != "rest-json" and place.protocol != "rest-xml":
        assert b"NoSuchThing" in answer[2]


def test_what_is_not_there_says_so_by_name(wire):
    for place, headers, body, name in ((PLACES["logs"], {"X-Amz-Target": "Logs_20140328.StartQuery"}, b"{}", b"logs StartQuery"),
                                       (PLACES["sts"], {}, b"Action=GetDelegatedAccessToken&Version=2011-06-15&TradeInToken=x", b"sts GetDelegatedAccessToken"),
                                       (PLACES["cloudwatch"], {}, b"\xa0", b"cloudwatch GetMetricWidgetImage")):
        path = place.path.replace("ListMetrics", "GetMetricWidgetImage")
        status, _, text = wire.ask(place, body, path, {**place.headers, **headers})
        assert status == 501 and name in text
    assert wire.ask(Place("json", "firehose", "/", {"Content-Type": JSON_1_1, "X-Amz-Target": "Firehose_20150804.ListDeliveryStreams"}, b"{}"))[0] == 501


def test_bodies_too_large(wire, place):
    """Refused by Content-Length, before the body is taken; and by its bytes when it comes in chunks."""
    if place.method != "POST":
        pytest.skip("has no body")
    big = b"x" * (17 << 20)
    status, code = error_of(place, wire.ask(place, body=big))
    assert (status, code) == (413, "RequestEntityTooLarge")
    headers = wire.sign(place)
    answer = wire.send(place, headers, b"", length=1 << 40)
    assert answer is None or answer[0] == 413


def test_bodies_cut_short(wire, place):
    for length in (len(place.body) + 1, len(place.body) + 100000):
        answer = wire.send(place, wire.sign(place), length=length)
        assert answer is None or answer[0] == 400


def test_clients_that_vanish(wire, place, tsubo):
    """In the middle of the head, of the body, and after the request: nothing is left behind."""
    headers = wire.sign(place)
    head = (f"{place.method} {place.path} HTTP/1.1\r\nHost: localhost:{tsubo.port}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
            + f"Content-Length: {len(place.body) + 10}\r\n\r\n").encode()
    for cut in (1, 10, len(head) // 2, len(head) - 1, len(head)):
        with socket.create_connection(("127.0.0.1", tsubo.port), PATIENCE_S) as s:
            s.sendall(head[:cut])
    with socket.create_connection(("127.0.0.1", tsubo.port), PATIENCE_S) as s:
        s.sendall(head + place.body)


def test_secrets_stay_out_of_the_log(wire, tsubo):
    wire.ask(PLACES["sts"], secret="a-secret-that-must-not-leak")
    tsubo.client("iam").create_user(UserName="leak")
    secret = tsubo.client("iam").create_access_key(UserName="leak")["AccessKey"]["SecretAccessKey"]
    token = tsubo.client("sts").get_session_token()["Credentials"]["SessionToken"]
    log = tsubo.log_text()
    assert secret not in log and token not in log and "a-secret-that-must-not-leak" not in log
