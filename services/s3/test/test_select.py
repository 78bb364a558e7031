"""SelectObjectContent. Source: "SQL reference for Amazon S3 Select" (S3 User Guide), SelectObjectContent and "List of SELECT Object Content
Error Codes" (S3 API Reference)."""
import bz2
import gzip
import json
import os
import re
import socket

import botocore.eventstream
import botocore.exceptions
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from conftest import PATIENCE_S

PEOPLE = "name,age,city,joined\nAnn,31,Berlin,2019-05-01T\nBob,45,\"New York, NY\",2020-01-15T\nCléo,28,Paris,2021-11-30T\nDan,,Rome,2018-02-02T\n"
BOOKS = {"shop": "x", "books": [{"title": "A", "price": 10.5, "tags": ["new", "red"], "author": {"name": "Zoe"}},
                                {"title": "B", "price": 7, "tags": [], "author": {"name": "Yan", "born": None}}]}


@pytest.fixture
def server(fresh_tsubo):
    return fresh_tsubo


@pytest.fixture(scope="module")
def bucket(s3):
    name = "t-" + os.urandom(6).hex()
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="people.csv", Body=PEOPLE.encode())
    s3.put_object(Bucket=name, Key="people.csv.gz", Body=gzip.compress(PEOPLE[:40].encode()) + gzip.compress(PEOPLE[40:].encode()))
    s3.put_object(Bucket=name, Key="people.csv.bz2", Body=bz2.compress(PEOPLE.encode()))
    s3.put_object(Bucket=name, Key="books.json", Body=json.dumps(BOOKS, indent=1).encode())
    s3.put_object(Bucket=name, Key="lines.json", Body=b'{"id":1,"v":{"a":[1,2,3]},"n":1.50}\n{"id":2,"v":{"a":[]},"s":"x"}\n{"id":3,"v":null}\n')
    return name


def events(s3, bucket, key, sql, input=None, output=None, **more):
    answer = s3.select_object_content(Bucket=bucket, Key=key, Expression=sql, ExpressionType="SQL",
                                      InputSerialization=input or {"CSV": {"FileHeaderInfo": "USE"}}, OutputSerialization=output or {"CSV": {}}, **more)
    return list(answer["Payload"])


def select(s3, bucket, key, sql, input=None, output=None, **more):
    return b"".join(e["Records"]["Payload"] for e in events(s3, bucket, key, sql, input, output, **more) if "Records" in e).decode()


JSON_OUT = {"JSON": {}}
LINES = {"JSON": {"Type": "LINES"}}
DOCUMENT = {"JSON": {"Type": "DOCUMENT"}}


def rows(s3, bucket, key, sql, input=None, **more):
    return [json.loads(line) for line in select(s3, bucket, key, sql, input, JSON_OUT, **more).splitlines()]


@pytest.mark.parametrize("sql,expected", [
    ("SELECT * FROM s3object s LIMIT 1", "Ann,31,Berlin,2019-05-01T\n"),
    ("SELECT s.name, s.city FROM S3Object s WHERE s.age <> '' AND CAST(s.age AS INT) > 30", 'Ann,Berlin\nBob,"New York, NY"\n'),
    ("select name from s3object where city like '%r%' and name <> 'Bob'", "Ann\nCléo\n"),
    ("SELECT s.\"name\" FROM S3Object AS s WHERE s.name LIKE 'C__o'", "Cléo\n"),
    ("SELECT s._1 FROM S3Object s WHERE s._2 BETWEEN 28 AND 31", "Ann\nCléo\n"),
    ("SELECT s.name FROM S3Object s WHERE s.name NOT IN ('Ann', 'Bob') AND s.age <> ''", "Cléo\n"),
    ("SELECT COUNT(*) FROM S3Object", "4\n"),
    ("SELECT COUNT(*), AVG(CAST(s.age AS FLOAT)), SUM(CAST(s.age AS INT)), MIN(CAST(s.age AS INT)), MAX(CAST(s.age AS INT)) "
     "FROM S3Object s WHERE s.age <> ''", "3,34.666666666666664,104,28,45\n"),
    ("SELECT SUM(CAST(s.age AS INT)) FROM S3Object s WHERE s.name = 'nobody'", "\n"),
    ("SELECT CASE WHEN s.age = '' THEN 'unknown' WHEN CAST(s.age AS INT) < 30 THEN 'young' ELSE 'old' END FROM S3Object s", "old\nold\nyoung\nunknown\n"),
    ("SELECT CASE s.name WHEN 'Ann' THEN 1 ELSE 2 END AS n FROM S3Object s LIMIT 2", "1\n2\n"),
    ("SELECT UPPER(s.name) || '-' || LOWER(s.city) FROM S3Object s LIMIT 1", "ANN-berlin\n"),
    ("SELECT CHAR_LENGTH(name), SUBSTRING(name, 2, 2), SUBSTRING(name FROM 3), TRIM(BOTH 'C' FROM name) FROM S3Object WHERE name LIKE 'Cl%'", "4,lé,éo,léo\n"),
    ("SELECT COALESCE(NULLIF(s.age, ''), 'none') FROM S3Object s WHERE s.name = 'Dan'", "none\n"),
    ("SELECT 1 + 2 * 3 - 4 / 2, 7 % 4, -(2) , 1.5 * 2, 7 / 2 FROM S3Object LIMIT 1", "5,3,-2,3,3\n"),
    ("SELECT EXTRACT(YEAR FROM CAST(s.joined AS TIMESTAMP)), DATE_DIFF(month, TO_TIMESTAMP(s.joined), `2019-07-15T`), "
     "TO_STRING(DATE_ADD(day, 31, TO_TIMESTAMP(s.joined)), 'MMMM d, y') FROM S3Object s LIMIT 1", '2019,2,"June 1, 2019"\n'),
    ("SELECT s.name FROM S3Object s WHERE s.nickname IS MISSING LIMIT 1", None),
    ("SELECT name FROM S3Object WHERE NOT (age = '31' OR age = '45')", "Cléo\nDan\n"),
    ("SELECT DATE_DIFF(day, `2010-01-01T23:00Z`, `2010-01-02T01:00Z`), DATE_DIFF(month, `2011T`, `2010T`) FROM S3Object LIMIT 1", "0,-12\n"),
])
def test_the_dialect_on_csv(s3, bucket, sql, expected):
    if expected is None:
        with pytest.raises(botocore.exceptions.ClientError) as e:
            select(s3, bucket, "people.csv", sql)
        assert e.value.response["Error"]["Code"] == "MissingHeaders"
    else:
        assert select(s3, bucket, "people.csv", sql) == expected


@pytest.mark.parametrize("sql,expected", [
    ("SELECT s.id, s.v.a[1] AS second FROM S3Object s", [{"id": 1, "second": 2}, {"id": 2}, {"id": 3}]),
    ("SELECT * FROM S3Object s WHERE s.n IS NOT MISSING", [{"id": 1, "v": {"a": [1, 2, 3]}, "n": 1.5}]),
    ("SELECT s.id FROM S3Object s WHERE s.v IS NULL", [{"id": 3}]),
    ("SELECT s.v FROM S3Object[*] s WHERE s.id <= 2", [{"v": {"a": [1, 2, 3]}}, {"v": {"a": []}}]),
    ("SELECT x FROM S3Object[*].v.a[*] x", [{"x": 1}, {"x": 2}, {"x": 3}, {}, {}]),
    ("SELECT SUM(x) FROM S3Object[*].v.a[*] x", [{"_1": 6}]),
    ("SELECT s.id + 0.5 AS h, s.id = 2 AS two FROM S3Object s LIMIT 2", [{"h": 1.5, "two": False}, {"h": 2.5, "two": True}]),
])
def test_the_dialect_on_json_lines(s3, bucket, sql, expected):
    assert rows(s3, bucket, "lines.json", sql, LINES) == expected


@pytest.mark.parametrize("sql,expected", [
    ("SELECT b.title, b.author.name FROM S3Object[*].books[*] b WHERE b.price > 8", [{"title": "A", "name": "Zoe"}]),
    ("SELECT price FROM S3Object[*].books[*].price", [{"price": 10.5}, {"price": 7}]),
    ("SELECT _1.title FROM S3Object[*].books[*]", [{"title": "A"}, {"title": "B"}]),
    ("SELECT s.books[0].tags[1] AS tag, s['shop'] AS shop FROM S3Object s", [{"tag": "red", "shop": "x"}]),
    ("SELECT AVG(b.price) AS mean FROM S3Object[*].books[*] b", [{"mean": 8.75}]),
    ("SELECT d.nothing FROM S3Object[*].none[*] d", [{}]),
    ('SELECT _1.x FROM S3Object[*].""', [{}]),
])
def test_the_dialect_on_json_documents(s3, bucket, sql, expected):
    assert rows(s3, bucket, "books.json", sql, DOCUMENT) == expected


def test_compressed_objects(s3, bucket):
    for key, kind in (("people.csv.gz", "GZIP"), ("people.csv.bz2", "BZIP2")):
        assert select(s3, bucket, key, "SELECT name FROM S3Object", {"CSV": {"FileHeaderInfo": "USE"}, "CompressionType": kind}) == "Ann\nBob\nCléo\nDan\n"
    assert refused(s3, bucket, "people.csv", "SELECT * FROM S3Object", {"CSV": {}, "CompressionType": "GZIP"}) == "InvalidCompressionFormat"
    s3.put_object(Bucket=bucket, Key="cut.gz", Body=gzip.compress(os.urandom(1000))[:-20])
    assert refused(s3, bucket, "cut.gz", "SELECT * FROM S3Object", {"CSV": {}, "CompressionType": "GZIP"}) in ("TruncatedInput", "InvalidTextEncoding")


def test_formats_of_csv(s3, bucket):
    s3.put_object(Bucket=bucket, Key="odd", Body=b"# comment\r\nid;text\r\n1;'a;b''c'\r\n2;'two\r\nlines'\r\n")
    odd = {"FileHeaderInfo": "USE", "FieldDelimiter": ";", "RecordDelimiter": "\r\n", "QuoteCharacter": "'", "QuoteEscapeCharacter": "'", "Comments": "#"}
    assert rows(s3, bucket, "odd", "SELECT * FROM S3Object", {"CSV": {**odd, "AllowQuotedRecordDelimiter": True}}) == [
        {"id": "1", "text": "a;b'c"}, {"id": "2", "text": "two\r\nlines"}]
    assert len(rows(s3, bucket, "odd", "SELECT id FROM S3Object", {"CSV": odd})) == 3, "the line break splits the record unless it may be quoted"
    assert rows(s3, bucket, "people.csv", "SELECT * FROM S3Object LIMIT 1", {"CSV": {"FileHeaderInfo": "IGNORE"}}) == [
        {"_1": "Ann", "_2": "31", "_3": "Berlin", "_4": "2019-05-01T"}]
    assert select(s3, bucket, "people.csv", "SELECT s._3 FROM S3Object s LIMIT 2", {"CSV": {"FileHeaderInfo": "NONE"}},
                  {"CSV": {"QuoteFields": "ALWAYS", "RecordDelimiter": "|"}}) == '"city"|"Berlin"|'
    assert select(s3, bucket, "people.csv", "SELECT s.city, s.age FROM S3Object s WHERE s.name = 'Bob'", None,
                  {"CSV": {"FieldDelimiter": "\t", "QuoteCharacter": "'"}}) == "New York, NY\t45\n"


def test_scan_ranges_meet_without_gap(s3, bucket):
    lines = [f"{i},{'x' * (i % 50)}" for i in range(5000)]
    body = ("\n".join(lines) + "\n").encode()
    s3.put_object(Bucket=bucket, Key="range.csv", Body=body)
    found, step = [], 7001
    for start in range(0, len(body), step):
        found += select(s3, bucket, "range.csv", "SELECT s._1 FROM S3Object s", {"CSV": {"FileHeaderInfo": "NONE"}},
                        ScanRange={"Start": start, "End": start + step - 1}).split()
    assert found == [str(i) for i in range(5000)]
    assert select(s3, bucket, "range.csv", "SELECT s._1 FROM S3Object s", {"CSV": {"FileHeaderInfo": "NONE"}}, ScanRange={"End": 60}).split()[-1] == "4999"
    assert refused(s3, bucket, "books.json", "SELECT * FROM S3Object", DOCUMENT, ScanRange={"Start": 0, "End": 5}) == "UnsupportedScanRangeInput"
    assert refused(s3, bucket, "range.csv", "SELECT * FROM S3Object", ScanRange={"Start": 9, "End": 5}) == "InvalidScanRange"


def test_events_of_a_large_answer(s3, bucket):
    body = b"".join(b"%d,%s\n" % (i, b"y" * 90) for i in range(60_000))
    s3.put_object(Bucket=bucket, Key="large.csv", Body=body)
    got = events(s3, bucket, "large.csv", "SELECT * FROM S3Object", {"CSV": {"FileHeaderInfo": "NONE"}}, RequestProgress={"Enabled": True})
    kinds = [next(iter(e)) for e in got]
    assert kinds[-2:] == ["Stats", "End"] and "Progress" in kinds and kinds.count("Records") > 10
    assert b"".join(e["Records"]["Payload"] for e in got if "Records" in e) == body
    assert got[-2]["Stats"]["Details"] == {"BytesScanned": len(body), "BytesProcessed": len(body), "BytesReturned": len(body)}
    bad = body + b"\xff\xfe,1\n"
    s3.put_object(Bucket=bucket, Key="bad.csv", Body=bad)
    with pytest.raises(botocore.exceptions.EventStreamError) as e:
        events(s3, bucket, "bad.csv", "SELECT * FROM S3Object", {"CSV": {"FileHeaderInfo": "NONE"}})
    assert "InvalidTextEncoding" in str(e.value)


def messages(answer):
    """The events as they lie on the wire: their kinds and lengths."""
    return [(m.headers.get(":event-type"), m.prelude.total_length) for m in answer["Payload"]._event_generator]


def test_an_answer_begins_before_its_query_ends(server, eventually):
    """"Amazon S3 Select sends a response as a stream of events" (SelectObjectContent); bytes sent, total and turn-around time: "Amazon S3 server access
    log format". The server holds no more than the connection does."""
    s3 = server.client("s3")
    for b in ("web", "logs"):
        s3.create_bucket(Bucket=b)
    s3.put_bucket_policy(Bucket="logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"}, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs/*"}]}))
    s3.put_bucket_logging(Bucket="web", BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": "l"}})
    body = (b"z" * 99 + b"\n") * 600_000
    s3.put_object(Bucket="web", Key="k", Body=body)

    def ask():
        return s3.select_object_content(Bucket="web", Key="k", Expression="SELECT * FROM S3Object", ExpressionType="SQL",
                                        InputSerialization={"CSV": {"FileHeaderInfo": "NONE"}}, OutputSerialization={"CSV": {}})

    def ended():
        return [json.loads(line) for line in server.log_text().splitlines() if '"SelectObjectContent"' in line]

    answer = ask()
    first = next(iter(answer["Payload"]))
    assert first["Records"]["Payload"].startswith(b"zzz") and ended() == []
    answer["Payload"].close()  # the client leaves in the middle
    left = eventually(ended)[0]
    assert 0 < left["bytesOut"] < len(body) // 2
    whole = messages(ask())
    assert [kind for kind, _ in whole][-2:] == ["Stats", "End"]
    assert eventually(lambda: len(ended()) == 2 and ended())[1]["bytesOut"] == sum(n for _, n in whole) > len(body)
    server.turn_clock("+61s")
    keys = eventually(lambda: [o["Key"] for o in s3.list_objects_v2(Bucket="logs").get("Contents", [])])
    lines = [line for k in keys for line in s3.get_object(Bucket="logs", Key=k)["Body"].read().decode().splitlines() if ".SELECT" in line.upper() or "select&" in line]
    sent = [re.search(r'" 200 - (\d+) (\d+|-) (\d+) (\d+) ', line) for line in lines]
    assert [int(m[1]) for m in sent] == [e["bytesOut"] for e in ended()]
    assert all(int(m[4]) <= int(m[3]) for m in sent), "the head goes out before the end"


def test_a_client_of_http_1_0(server):
    """No chunks for those who do not know them (RFC 9112, section 6.1): the same bytes, and the end of the connection."""
    s3 = server.client("s3")
    s3.create_bucket(Bucket="web")
    s3.put_object(Bucket="web", Key="k", Body=b"1,2\n" * 1_000_000)
    request = ('<SelectObjectContentRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Expression>SELECT s._1 FROM S3Object s</Expression>'
               "<ExpressionType>SQL</ExpressionType><InputSerialization><CSV/></InputSerialization><OutputSerialization><CSV/></OutputSerialization>"
               "</SelectObjectContentRequest>").encode()
    signed = AWSRequest("POST", server.url + "/web/k?select&select-type=2", data=request)
    S3SigV4Auth(Credentials("test", "test"), "s3", "us-east-1").add_auth(signed)
    head = "".join(f"{k}: {v}\r\n" for k, v in signed.headers.items())
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as c:
        c.sendall(f"POST /web/k?select&select-type=2 HTTP/1.0\r\nHost: localhost:{server.port}\r\nContent-Length: {len(request)}\r\n{head}\r\n".encode() + request)
        got = b"".join(iter(lambda: c.recv(1 << 16), b""))
    head, _, rest = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and b"chunked" not in head and b"Connection: close" in head
    buffer = botocore.eventstream.EventStreamBuffer()
    buffer.add_data(rest)
    events = list(buffer)
    assert b"".join(e.payload for e in events if e.headers[":event-type"] == "Records") == b"1\n" * 1_000_000
    assert events[-1].headers[":event-type"] == "End"


def test_long_silence_and_errors_in_the_middle(s3, bucket):
    """"Continuation message: Amazon S3 periodically sends this message to keep the TCP connection open." """
    s3.put_object(Bucket=bucket, Key="silent.csv", Body=b"1,%s\n" % (b"q" * 97) * 200_000 + b"x,y\n")
    none = {"CSV": {"FileHeaderInfo": "NONE"}}
    kinds = [next(iter(e)) for e in events(s3, bucket, "silent.csv", "SELECT * FROM S3Object s WHERE s._1 = '2'", none)]
    assert "Cont" in kinds and kinds[-2:] == ["Stats", "End"] and "Records" not in kinds
    with pytest.raises(botocore.exceptions.EventStreamError) as e:
        events(s3, bucket, "silent.csv", "SELECT * FROM S3Object s WHERE CAST(s._1 AS INT) = 2", none)
    assert e.value.response["Error"]["Code"] == "CastFailed"


def test_a_document_of_many_rows(s3, bucket):
    s3.put_object(Bucket=bucket, Key="many.json", Body=json.dumps({"a": [{"b": [i, -i]} for i in range(150_000)]}).encode())
    assert rows(s3, bucket, "many.json", "SELECT COUNT(*) AS n, SUM(x) AS s, MAX(x) AS m FROM S3Object[*].a[*].b[*] x", DOCUMENT) == [
        {"n": 300_000, "s": 0, "m": 149_999}]
    got = rows(s3, bucket, "many.json", "SELECT x AS x FROM S3Object[*].a[*].b[*] x", DOCUMENT)
    assert [r["x"] for r in got] == [n for i in range(150_000) for n in (i, -i)]


def refused(s3, bucket, key, sql, input=None, output=None, **more):
    with pytest.raises((botocore.exceptions.ClientError, botocore.exceptions.EventStreamError)) as e:
        events(s3, bucket, key, sql, input, output, **more)
    return e.value.response["Error"]["Code"]


@pytest.mark.parametrize("sql,code", [
    ("SELECT", "ParseUnexpectedToken"), ("DELETE FROM S3Object", "ParseUnsupportedSelect"), ("SELECT *", "ParseSelectMissingFrom"),
    ("SELECT * FROM people", "InvalidTableAlias"), ("SELECT * FROM S3Object.a", "InvalidKeyPath"), ("SELECT FOO(s.a) FROM S3Object s", "UnsupportedFunction"),
    ("SELECT * FROM S3Object ORDER BY a", "UnsupportedSyntax"), ("SELECT name, COUNT(*) FROM S3Object", "UnsupportedSqlStructure"),
    ("SELECT 'a FROM S3Object", "LexerInvalidLiteral"), ("SELECT # FROM S3Object", "LexerInvalidChar"), ("SELECT CAST(a AS BLOB) FROM S3Object", "ParseExpectedTypeName"),
    ("SELECT CAST(s.name AS INT) FROM S3Object s", "CastFailed"), ("SELECT SUM(s.name) FROM S3Object s", "IllegalSqlFunctionArgument"),
    ("SELECT 9223372036854775807 + 1 FROM S3Object", "IntegerOverflow"), ("SELECT s.name LIKE 'a' ESCAPE 'xy' FROM S3Object s", "LikeInvalidInputs"),
    ("SELECT * FROM S3Object LIMIT x", "ParseExpectedNumber"), ("SELECT LOWER('a', 'b') FROM S3Object", "EvaluatorInvalidArguments"),
    ("SELECT " + "(" * 300 + "1" + ")" * 300 + " FROM S3Object", "ExpressionTooLong"),
])
def test_what_is_no_query(s3, bucket, sql, code):
    assert refused(s3, bucket, "people.csv", sql) == code


def test_what_is_no_request(s3, bucket, client):
    assert refused(s3, bucket, "none", "SELECT * FROM S3Object") == "NoSuchKey"
    assert refused(s3, bucket, "people.csv", "SELECT * FROM S3Object", {"CSV": {}, "JSON": {"Type": "LINES"}}) == "ObjectSerializationConflict"
    assert refused(s3, bucket, "people.csv", "SELECT * FROM S3Object", {"CompressionType": "NONE"}) == "MissingRequiredParameter"
    assert refused(s3, bucket, "people.csv", "SELECT * FROM S3Object", {"Parquet": {}}) == "NotImplemented"
    assert refused(s3, bucket, "people.csv", "SELECT * FROM S3Object", LINES) == "JSONParsingError"
    s3.put_object(Bucket=bucket, Key="wide", Body=b"x" * (2 << 20))
    assert refused(s3, bucket, "wide", "SELECT * FROM S3Object") == "OverMaxRecordSize"


def test_customer_keys_and_parts(s3, bucket):
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
    s3.put_object(Bucket=bucket, Key="secret", Body=PEOPLE.encode(), **key)
    assert select(s3, bucket, "secret", "SELECT name FROM S3Object LIMIT 1", **key) == "Ann\n"
    assert refused(s3, bucket, "secret", "SELECT name FROM S3Object LIMIT 1") == "InvalidRequest"
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts.csv")["UploadId"]
    whole = b"".join(b"%06d,ab\n" % i for i in range(700_000))
    parts = [s3.upload_part(Bucket=bucket, Key="parts.csv", UploadId=upload, PartNumber=n + 1, Body=whole[at:at + 5300001])["ETag"]
             for n, at in enumerate(range(0, len(whole), 5300001))]
    s3.complete_multipart_upload(Bucket=bucket, Key="parts.csv", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": n + 1, "ETag": tag} for n, tag in enumerate(parts)]})
    assert select(s3, bucket, "parts.csv", "SELECT COUNT(*), MAX(CAST(s._1 AS INT)) FROM S3Object s", {"CSV": {"FileHeaderInfo": "NONE"}}) == "700000,699999\n"
