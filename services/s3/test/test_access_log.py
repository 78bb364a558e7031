"""Server access logs. Source: "Logging requests with server access logging", "Amazon S3 server access log format" (S3 User Guide)."""
import json
import re

import botocore.exceptions
import pytest
import requests

LINE = re.compile(r'^(\S+) (\S+) \[([^\]]+)\] (\S+) (\S+) (\S+) (\S+) (\S+) "([^"]*)" (\S+) (\S+) (\S+) (\S+) (\S+) (\S+) "([^"]*)" "([^"]*)" (\S+) (\S+) '
                  r'(\S+) (\S+) (\S+) (\S+) (\S+) (\S+) (\S+) (\S+)$')
FIELDS = ("owner bucket time ip requester request operation key uri status error sent size total turn referer agent version host_id signature cipher "
          "auth host tls access_point acl region").split()


@pytest.fixture
def server(fresh_tsubo):
    return fresh_tsubo


def read_logs(s3, bucket, prefix):
    lines = []
    for o in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
        for line in s3.get_object(Bucket=bucket, Key=o["Key"])["Body"].read().decode().splitlines():
            m = LINE.match(line)
            assert m, line
            lines.append({"file": o["Key"], **dict(zip(FIELDS, m.groups()))})
    return lines


def let_in(s3, bucket):
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"}, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*",
         "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::web"}, "StringEquals": {"aws:SourceAccount": "000000000000"}}}]}))


def test_requests_are_logged_into_the_target(server, eventually):
    s3 = server.client("s3")
    s3.create_bucket(Bucket="web")
    s3.create_bucket(Bucket="logs")
    let_in(s3, "logs")
    s3.put_bucket_logging(Bucket="web", BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": "web/"}})
    assert s3.get_bucket_logging(Bucket="web")["LoggingEnabled"] == {"TargetBucket": "logs", "TargetPrefix": "web/"}
    s3.put_object(Bucket="web", Key="a b.txt", Body=b"hello")
    s3.get_object(Bucket="web", Key="a b.txt", Range="bytes=1-2")["Body"].read()
    with pytest.raises(botocore.exceptions.ClientError):
        s3.get_object(Bucket="web", Key="none")
    assert requests.get(server.url + "/web/a%20b.txt", headers={"Referer": 'http://x/"y"', "User-Agent": "me"}).status_code == 403
    url = s3.generate_presigned_url("get_object", {"Bucket": "web", "Key": "a b.txt"})
    assert requests.get(url).content == b"hello"
    server.turn_clock("+61s")
    eventually(lambda: [l["operation"] for l in read_logs(s3, "logs", "web/")].count("REST.GET.OBJECT") == 4)
    lines = read_logs(s3, "logs", "web/")
    assert re.fullmatch(r"web/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[A-Z0-9]{16}", lines[0]["file"])
    by = [(l["operation"], l["status"], l["error"]) for l in lines]
    assert by == [("REST.PUT.LOGGING_STATUS", "200", "-"), ("REST.GET.LOGGING_STATUS", "200", "-"), ("REST.PUT.OBJECT", "200", "-"),
                  ("REST.GET.OBJECT", "206", "-"), ("REST.GET.OBJECT", "404", "NoSuchKey"), ("REST.GET.OBJECT", "403", "AccessDenied"),
                  ("REST.GET.OBJECT", "200", "-")][7 - len(by):]
    put, part, none, anonymous, presigned = lines[-5:]
    assert (put["bucket"], put["key"], put["size"], put["auth"], put["signature"]) == ("web", "a%20b.txt", "5", "AuthHeader", "SigV4")
    assert put["owner"] == put["requester"] and len(put["owner"]) == 64
    assert (part["sent"], part["size"]) == ("2", "5") and put["uri"].startswith("PUT /web/a%20b.txt")
    assert (anonymous["requester"], anonymous["auth"], anonymous["agent"]) == ("-", "-", "me")
    assert presigned["auth"] == "QueryString" and presigned["region"] == "us-east-1"


def test_partitioned_names_survive_a_restart_and_end_when_told(server, eventually):
    s3 = server.client("s3")
    for bucket in ("web", "logs"):
        s3.create_bucket(Bucket=bucket)
    let_in(s3, "logs")
    s3.put_bucket_logging(Bucket="web", BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": "p/", "TargetObjectKeyFormat": {
        "PartitionedPrefix": {"PartitionDateSource": "EventTime"}}}})
    server.restart()
    s3.list_objects_v2(Bucket="web")
    server.restart()  # a server that is told to stop delivers what it has
    lines = eventually(lambda: read_logs(s3, "logs", "p/"))
    assert any(l["operation"] == "REST.GET.BUCKET" for l in lines)
    assert re.fullmatch(r"p/000000000000/us-east-1/web/\d{4}/\d\d/\d\d/\d{4}-\d\d-\d\d-00-00-00-[A-Z0-9]{16}", lines[-1]["file"])
    s3.put_bucket_logging(Bucket="web", BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket="web")
    server.turn_clock("+61s")
    eventually(lambda: read_logs(s3, "logs", "p/"))
    before = len(read_logs(s3, "logs", "p/"))
    s3.list_objects_v2(Bucket="web")
    server.turn_clock("+61s")
    s3.list_objects_v2(Bucket="logs")
    assert len(read_logs(s3, "logs", "p/")) == before


def refused(s3, **logging):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        s3.put_bucket_logging(Bucket="web", BucketLoggingStatus={"LoggingEnabled": {"TargetPrefix": "", **logging}})
    return e.value.response["Error"]["Code"]


def test_targets_that_cannot_be(server):
    s3 = server.client("s3")
    s3.create_bucket(Bucket="web")
    s3.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.create_bucket(Bucket="writers", ObjectOwnership="ObjectWriter")
    assert refused(s3, TargetBucket="none-such") == "InvalidTargetBucketForLogging"
    assert refused(s3, TargetBucket="far") == "CrossLocationLoggingProhibited"
    assert refused(s3, TargetBucket="writers") == "InvalidTargetBucketForLogging"
    s3.put_bucket_acl(Bucket="writers", ACL="log-delivery-write")
    s3.put_bucket_logging(Bucket="web", BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "writers", "TargetPrefix": ""}})
    s3.delete_bucket(Bucket="web")
    s3.create_bucket(Bucket="web")
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket="web")


def test_lines_tell_the_access_point_the_acl_and_tls(server, eventually, names_below_localhost):
    """Access point ARN, aclRequired, cipher suite and TLS version ("Amazon S3 server access log format")."""
    s3 = server.client("s3")
    for bucket in ("web", "logs"):
        s3.create_bucket(Bucket=bucket)
    let_in(s3, "logs")
    s3.delete_public_access_block(Bucket="web")
    s3.put_bucket_ownership_controls(Bucket="web", OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.put_object(Bucket="web", Key="open", Body=b"1", ACL="public-read")
    point = server.client("s3control").create_access_point(AccountId="000000000000", Name="door", Bucket="web")
    s3.put_bucket_logging(Bucket="web", BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": "l/"}})
    assert requests.get(server.url + "/web/open").content == b"1"
    s3.get_object(Bucket=point["AccessPointArn"], Key="open")["Body"].read()
    s3.get_object(Bucket=point["Alias"], Key="open")["Body"].read()
    assert requests.get(server.url.replace("http:", "https:") + "/web/open", verify=False).content == b"1"
    server.turn_clock("+61s")
    lines = eventually(lambda: len(l := [x for x in read_logs(s3, "logs", "l/") if x["operation"] == "REST.GET.OBJECT"]) == 4 and l)
    assert [l["acl"] for l in lines] == ["Yes", "-", "-", "Yes"] and {l["bucket"] for l in lines} == {"web"}
    assert [l["access_point"] for l in lines] == ["-", point["AccessPointArn"], point["AccessPointArn"], "-"]
    assert [l["tls"] for l in lines] == ["-", "-", "-", "TLSv1.3"] and lines[3]["cipher"].startswith("TLS_") and lines[0]["cipher"] == "-"
    assert [l["key"] for l in lines] == ["open"] * 4


def test_a_busy_minute_is_one_object(server, eventually):
    """Up to 256 KiB of lines are delivered at once: more than a body that comes in may have to lie in the store."""
    s3 = server.client("s3")
    for bucket in ("web", "logs"):
        s3.create_bucket(Bucket=bucket)
    let_in(s3, "logs")
    s3.put_bucket_logging(Bucket="web", BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": "l/"}})
    for i in range(60):
        s3.put_object(Bucket="web", Key=f"{i:02}" + "k" * 900, Body=b"1")
    server.turn_clock("+61s")
    lines = eventually(lambda: len(l := [x for x in read_logs(s3, "logs", "l/") if x["operation"] == "REST.PUT.OBJECT"]) == 60 and l)
    assert len({l["file"] for l in lines}) == 1 and s3.head_object(Bucket="logs", Key=lines[0]["file"])["ContentLength"] > 100_000
