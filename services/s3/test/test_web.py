"""Websites, browsers' forms, and bodies as clients without an SDK send them. Source: S3 User Guide, S3 API Reference."""
import base64
import hashlib
import hmac
import json
import os
import socket

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
import requests

from conftest import PATIENCE_S


def public(s3, bucket):
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}]}))


def page(tsubo, bucket, path, method="GET", **headers):
    host = f"{bucket}.s3-website-us-east-1.amazonaws.com"
    return requests.request(method, tsubo.url + path, headers={"Host": host, **headers}, allow_redirects=False)


def test_website(s3, bucket, tsubo):
    assert "NoSuchWebsiteConfiguration" in page(tsubo, bucket, "/").text
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={
        "IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "oops.html"}, "RoutingRules": [
            {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/", "HttpRedirectCode": "302"}}]})
    big = "<p>" + "x" * 200_000
    for key, text in {"index.html": "home", "docs/index.html": "docs", "oops.html": "sorry", "big.html": big}.items():
        s3.put_object(Bucket=bucket, Key=key, Body=text, ContentType="text/html")
    s3.put_object(Bucket=bucket, Key="gone.html", Body=b"", WebsiteRedirectLocation="/index.html")
    assert page(tsubo, bucket, "/").status_code == 403
    public(s3, bucket)
    home = page(tsubo, bucket, "/")
    assert (home.text, home.headers["Content-Type"]) == ("home", "text/html")
    assert page(tsubo, bucket, "/docs/").text == "docs" and page(tsubo, bucket, "/big.html").text == big
    assert page(tsubo, bucket, "/docs").headers["Location"] == "/docs/"
    missing = page(tsubo, bucket, "/none")
    assert (missing.status_code, missing.text) == (404, "sorry")
    moved = page(tsubo, bucket, "/old/a.html")
    assert moved.status_code == 302 and moved.headers["Location"].endswith("/new/a.html")
    assert page(tsubo, bucket, "/gone.html").headers["Location"] == "/index.html"
    assert page(tsubo, bucket, "/", "PUT").status_code == 405
    assert page(tsubo, bucket, "/big.html", "HEAD").headers["Content-Length"] == str(len(big))
    assert page(tsubo, bucket, "/big.html", Range="bytes=3-5").text == "xxx"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize("size", [10, 300_000])
def test_post_form(client, bucket, version, size):
    s3 = client("s3", signature_version=version)
    data = os.urandom(size)
    post = s3.generate_presigned_post(bucket, "up/${filename}", Fields={"Content-Type": "a/b", "x-amz-meta-m": "1", "success_action_status": "201"},
                                      Conditions=[{"Content-Type": "a/b"}, ["starts-with", "$x-amz-meta-m", ""], {"success_action_status": "201"},
                                                  ["content-length-range", 1, 400_000]])
    answer = requests.post(post["url"], data=post["fields"], files={"file": ("f.bin", data)})
    assert answer.status_code == 201 and "<Key>up/f.bin</Key>" in answer.text, answer.text
    got = s3.get_object(Bucket=bucket, Key="up/f.bin")
    assert got["Body"].read() == data and got["ContentType"] == "a/b" and got["Metadata"] == {"m": "1"}
    assert got["ETag"] == f'"{hashlib.md5(data).hexdigest()}"' == answer.headers["ETag"]
    assert s3.get_object(Bucket=bucket, Key="up/f.bin", Range="bytes=2-4")["Body"].read() == data[2:5]


def test_post_form_is_held_to_its_policy(s3, bucket):
    post = s3.generate_presigned_post(bucket, "k", Conditions=[["content-length-range", 1, 10]])
    send = lambda fields, data: requests.post(post["url"], data=fields, files={"file": data})
    assert "EntityTooLarge" in send(post["fields"], b"x" * 11).text
    assert "Policy Condition failed" in send({**post["fields"], "key": "other"}, b"x").text
    assert "Extra input fields: acl" in send({**post["fields"], "acl": "private"}, b"x").text
    assert "SignatureDoesNotMatch" in send({**post["fields"], "policy": post["fields"]["policy"][:-4] + "AAAA"}, b"x").text
    assert send({"key": "k"}, b"x").status_code == 403
    old = s3.generate_presigned_post(bucket, "k", ExpiresIn=-10)
    assert "Policy expired" in requests.post(old["url"], data=old["fields"], files={"file": b"x"}).text
    assert send(post["fields"], b"x").status_code == 204


# ---- aws-chunked by hand ----

CREDENTIALS = botocore.credentials.Credentials("test", "test")


class Chunked(botocore.auth.S3SigV4Auth):
    """Signs a request whose payload is signed chunk by chunk."""

    def __init__(self, kind):
        super().__init__(CREDENTIALS, "s3", "us-east-1")
        self.kind = kind

    def payload(self, request):
        return self.kind

    def add_auth(self, request):
        super().add_auth(request)
        self.date = request.headers["X-Amz-Date"]
        self.seed = request.headers["Authorization"].rsplit("=", 1)[1]

    def chunk_signature(self, previous, data):
        scope = f"{self.date[:8]}/us-east-1/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", self.date, scope, previous, hashlib.sha256(b"").hexdigest(), hashlib.sha256(data).hexdigest()])
        key = b"AWS4test"
        for part in (self.date[:8], "us-east-1", "s3", "aws4_request", text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex()

    def chunks(self, pieces):
        out, previous = b"", self.seed
        for p in [*pieces, b""]:
            previous = self.chunk_signature(previous, p)
            out += b"%x;chunk-signature=%s\r\n" % (len(p), previous.encode()) + p + b"\r\n"
        return out


def send_raw(tsubo, head, raw):
    with socket.create_connection(("localhost", int(tsubo.url.rsplit(":", 1)[1])), PATIENCE_S) as s:
        s.sendall(head + raw)
        out = b""
        while b"</Error>" not in out and b"\r\n\r\n" not in out or b"<Error>" in out and b"</Error>" not in out:
            more = s.recv(65536)
            if not more:
                break
            out += more
        return out.decode(errors="replace")


def chunked_put(tsubo, path, pieces, mangle=lambda b: b, decoded=None, kind="STREAMING-AWS4-HMAC-SHA256-PAYLOAD", raw=None, extra=None):
    total = sum(map(len, pieces)) if decoded is None else decoded
    headers = {"X-Amz-Decoded-Content-Length": str(total), "Content-Encoding": "aws-chunked", **(extra or {})}
    request = botocore.awsrequest.AWSRequest("PUT", tsubo.url + path, headers=headers)
    auth = Chunked(kind)
    auth.add_auth(request)
    data = mangle(auth.chunks(pieces) if raw is None else raw)
    lines = [f"PUT {path} HTTP/1.1", f"Host: {tsubo.url.split('//')[1]}", f"Content-Length: {len(data)}"] + [f"{k}: {v}" for k, v in request.headers.items()]
    return send_raw(tsubo, "\r\n".join(lines + ["", ""]).encode(), data)


def test_signed_chunks(s3, bucket, tsubo):
    pieces = [os.urandom(65536), os.urandom(65536), os.urandom(100)]
    assert chunked_put(tsubo, f"/{bucket}/k", pieces).startswith("HTTP/1.1 200")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"".join(pieces) and "ContentEncoding" not in got


def test_bad_chunks_store_nothing(s3, bucket, tsubo):
    path, pieces = f"/{bucket}/k", [os.urandom(70_000), b"end"]
    flip = lambda b: b[:200] + bytes([b[200] ^ 1]) + b[201:]
    assert "SignatureDoesNotMatch" in chunked_put(tsubo, path, pieces, flip)
    assert "IncompleteBody" in chunked_put(tsubo, path, pieces, decoded=70_004)
    assert "IncompleteBody" in chunked_put(tsubo, path, pieces, decoded=70_002)
    assert "IncompleteBody" in chunked_put(tsubo, path, pieces, lambda b: b"zz" + b)
    assert "InvalidChunkSizeError" in chunked_put(tsubo, path, [b"small", b"more"])
    assert "IncompleteBody" in chunked_put(tsubo, path, pieces, lambda b: b[:-90])
    unsigned = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    trailer = {"X-Amz-Trailer": "x-amz-checksum-crc32"}
    assert "MalformedTrailerError" in chunked_put(tsubo, path, [], kind=unsigned, raw=b"2\r\nab\r\n0\r\n\r\n", decoded=2, extra=trailer)
    assert "BadDigest" in chunked_put(tsubo, path, [], kind=unsigned, raw=b"2\r\nab\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", decoded=2, extra=trailer)
    assert "KeyCount>0<" in requests.get(s3.generate_presigned_url("list_objects_v2", Params={"Bucket": bucket})).text
    good = base64.b64encode((0x9E83486D).to_bytes(4, "big"))
    assert chunked_put(tsubo, path, [], kind=unsigned, raw=b"2\r\nab\r\n0\r\nx-amz-checksum-crc32:" + good + b"\r\n\r\n", decoded=2, extra=trailer).startswith("HTTP/1.1 200")


def test_a_client_that_leaves_leaves_nothing(s3, bucket, tsubo, eventually):
    request = botocore.awsrequest.AWSRequest("PUT", f"{tsubo.url}/{bucket}/half", headers={})
    Chunked("UNSIGNED-PAYLOAD").add_auth(request)
    lines = [f"PUT /{bucket}/half HTTP/1.1", f"Host: {tsubo.url.split('//')[1]}", "Content-Length: 10000000"] + [f"{k}: {v}" for k, v in request.headers.items()]
    s = socket.create_connection(("localhost", int(tsubo.url.rsplit(":", 1)[1])), PATIENCE_S)
    s.sendall("\r\n".join(lines + ["", ""]).encode() + os.urandom(3_000_000))
    s.close()
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    new = os.path.join(tsubo.data, "blobs", "new")
    eventually(lambda: not os.path.isdir(new) or not os.listdir(new))


def test_a_form_may_bring_an_empty_file(s3, bucket):
    """What follows the file is ignored ("Browser-based uploads using POST", S3 API Reference), however long it is."""
    post = s3.generate_presigned_post(bucket, "empty")
    answer = requests.post(post["url"], data=post["fields"], files=[("file", ("f", b"")), ("after", (None, "x" * 200_000))])
    assert answer.status_code == 204, answer.text
    got = s3.get_object(Bucket=bucket, Key="empty")
    assert got["Body"].read() == b"" and got["ETag"] == '"d41d8cd98f00b204e9800998ecf8427e"'
