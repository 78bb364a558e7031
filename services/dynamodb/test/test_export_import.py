"""Exports and imports in all formats. Follows "DynamoDB table export output format", "Amazon S3 import formats for DynamoDB" and "Import
format quotas and validation" (DynamoDB Developer Guide); sentences are the service's own."""
import datetime
import gzip
import json
import re
import subprocess

import pytest
from botocore.exceptions import ClientError

KEY = dict(AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}], KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
           BillingMode="PAY_PER_REQUEST")
EVERYTHING = {"pk": {"S": "all \"types\"\n\\ ü"}, "n0": {"N": "0"}, "n1": {"N": "103"}, "n2": {"N": "2000"}, "n3": {"N": "-1.5"}, "n4": {"N": "1E+100"},
              "n5": {"N": "0.001"}, "b": {"B": b"\x00\xff"}, "e": {"S": ""}, "t": {"BOOL": True}, "f": {"BOOL": False}, "z": {"NULL": True},
              "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "20"]}, "bs": {"BS": [b"x"]}, "l": {"L": [{"N": "1"}, {"M": {"a-b": {"S": "it's"}, "null": {"L": []}}}]},
              "m": {"M": {}}}


@pytest.fixture
def d(client):
    return client("dynamodb")


@pytest.fixture
def s3(client, name):
    client("s3").create_bucket(Bucket=name)
    return client("s3")


@pytest.fixture
def table(d, name):
    d.create_table(TableName=name, **KEY)
    d.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    return name


def arn(d, table):
    return d.describe_table(TableName=table)["Table"]["TableArn"]


def exported(d, s3, eventually, table, bucket, **how):
    start = d.export_table_to_point_in_time(TableArn=arn(d, table), S3Bucket=bucket, **how)["ExportDescription"]
    done = eventually(lambda: [x for x in [d.describe_export(ExportArn=start["ExportArn"])["ExportDescription"]] if x["ExportStatus"] != "IN_PROGRESS"])[0]
    assert done["ExportStatus"] == "COMPLETED", done
    summary = json.loads(s3.get_object(Bucket=bucket, Key=done["ExportManifest"])["Body"].read())
    files = [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=summary["manifestFilesS3Key"])["Body"].read().splitlines()]
    lines = [line.decode() for f in files for line in gzip.decompress(s3.get_object(Bucket=bucket, Key=f["dataFileS3Key"])["Body"].read()).splitlines()]
    return done, summary, files, lines


def imported(d, eventually, bucket, prefix, target, format, options=None, compression="NONE", **table):
    more = {"InputFormatOptions": options} if options else {}
    a = d.import_table(S3BucketSource={"S3Bucket": bucket, "S3KeyPrefix": prefix}, InputFormat=format, InputCompressionType=compression,
                       TableCreationParameters={"TableName": target, **(table or KEY)}, **more)["ImportTableDescription"]["ImportArn"]
    return eventually(lambda: [x for x in [d.describe_import(ImportArn=a)["ImportTableDescription"]] if x["ImportStatus"] != "IN_PROGRESS"])[0]


def items(d, table):
    return sorted((i for p in d.get_paginator("scan").paginate(TableName=table) for i in p["Items"]), key=lambda i: i["pk"]["S"])


def refused(code, message, call, **how):
    with pytest.raises(ClientError) as e:
        call(**how)
    error = e.value.response["Error"]
    assert error["Code"] == code and message in error["Message"], error


def test_ion_there_and_back(d, s3, table, name, eventually):
    d.put_item(TableName=table, Item=EVERYTHING)
    done, summary, files, lines = exported(d, s3, eventually, table, name, ExportFormat="ION")
    assert summary["outputFormat"] == done["ExportFormat"] == "ION" and files[0]["dataFileS3Key"].endswith(".ion.gz")
    assert len(lines) == 1 and lines[0].startswith("$ion_1_0 {Item:{b:{{AP8=}},") and "n1:103.,n2:2d3,n3:-1.5,n4:1d100," in lines[0]
    assert 'ns:$dynamodb_NS::[1.,2d1]' in lines[0] and "'a-b':\"it's\"" in lines[0]
    told = imported(d, eventually, name, done["ExportManifest"].rsplit("/", 1)[0] + "/data/", name + "-i", "ION", compression="GZIP")
    assert (told["ImportStatus"], told["ImportedItemCount"]) == ("COMPLETED", 1), told
    assert items(d, name + "-i") == [EVERYTHING]


def test_ion_as_people_write_it(d, s3, name, eventually):
    s3.put_object(Bucket=name, Key="in/a.ion", Body=b"""$ion_1_0 // a comment
[ {Item:{pk:"one", 'n':6d2, "i":1_000, big:123e-1, s:$dynamodb_SS::["x","y",], n1:null.string, 'long':'''a\\x41\\u00fc''', /* c */ m:{a:true,},}},
  {Item:{pk:"two", b:{{ aGk= }}, l:[1, "x", [false]]}} ]
$ion_1_0 {Item:{pk:"three"}}
{Item:{pk:2020-01-01}}
{Item:{pk:"never read"}}
""")
    told = imported(d, eventually, name, "in/", name + "-i", "ION")
    assert (told["ImportStatus"], told["ImportedItemCount"], told["ErrorCount"]) == ("FAILED", 3, 1), told
    assert items(d, name + "-i") == [
        {"pk": {"S": "one"}, "n": {"N": "600"}, "i": {"N": "1000"}, "big": {"N": "12.3"}, "s": {"SS": ["x", "y"]}, "n1": {"NULL": True},
         "long": {"S": "aA\u00fc"}, "m": {"M": {"a": {"BOOL": True}}}},
        {"pk": {"S": "three"}},
        {"pk": {"S": "two"}, "b": {"B": b"hi"}, "l": {"L": [{"N": "1"}, {"S": "x"}, {"L": [{"BOOL": False}]}]}}]


def test_incremental(tsubo, d, s3, table, name, eventually):
    now = lambda: datetime.datetime.fromtimestamp(tsubo.admin("clock")["clock_ms"] / 1000, datetime.timezone.utc)
    put = lambda pk, v: d.put_item(TableName=table, Item={"pk": {"S": pk}, "v": {"N": str(v)}})
    for pk in ("stays", "changes", "goes"):
        put(pk, 1)
    tsubo.turn_clock("+20m")
    start = now()
    tsubo.turn_clock("+2s")
    put("changes", 2)
    put("changes", 3)
    put("new", 1)
    put("blink", 1)
    for pk in ("goes", "blink"):
        d.delete_item(TableName=table, Key={"pk": {"S": pk}})
    tsubo.turn_clock("+20m")
    end = now()
    tsubo.turn_clock("+2s")
    put("changes", 4)
    put("later", 1)
    spec = {"ExportFromTime": start, "ExportToTime": end}
    done, summary, files, lines = exported(d, s3, eventually, table, name, S3Prefix="p", ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=spec)
    assert re.fullmatch(r"p/AWSDynamoDB/data/[a-z0-9]{26}\.json\.gz", files[0]["dataFileS3Key"])
    assert (summary["version"], summary["exportType"], summary["outputView"]) == ("2023-08-01", "INCREMENTAL_EXPORT", "NEW_AND_OLD_IMAGES")
    assert "exportTime" not in summary and summary["exportFromTime"].endswith("Z") and "ExportTime" not in done
    at = {}
    for record in map(json.loads, lines):
        micros = int(record.pop("Metadata")["WriteTimestampMicros"]["N"])
        assert start.timestamp() <= micros / 1e6 < end.timestamp()
        pk = record.pop("Keys")["pk"]["S"]
        at[pk] = {k: v["v"]["N"] for k, v in record.items()}
    assert at == {"changes": {"OldImage": "1", "NewImage": "3"}, "goes": {"OldImage": "1"}, "new": {"NewImage": "1"}} and done["ItemCount"] == 3
    lines = exported(d, s3, eventually, table, name, ExportFormat="ION", ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification={
        **spec, "ExportViewType": "NEW_IMAGE"})[3]
    assert sorted(re.sub(r"\d{16}", "T", line) for line in lines) == [
        '$ion_1_0 {Record:{Metadata:{WriteTimestampMicros:T.},Keys:{pk:"changes"},NewImage:{pk:"changes",v:3.}}}',
        '$ion_1_0 {Record:{Metadata:{WriteTimestampMicros:T.},Keys:{pk:"goes"}}}',
        '$ion_1_0 {Record:{Metadata:{WriteTimestampMicros:T.},Keys:{pk:"new"},NewImage:{pk:"new",v:1.}}}']
    ask = lambda code, message, **how: refused(code, message, d.export_table_to_point_in_time, TableArn=arn(d, table), S3Bucket=name, **how)
    inc = lambda message, a, b, code="InvalidExportTimeException": ask(code, message, ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification={
        "ExportFromTime": a, "ExportToTime": b})
    minute = datetime.timedelta(minutes=1)
    inc("is less than 15 minutes", end - 10 * minute, end)
    inc("cannot be less than the table creation time : ", start - 60 * minute, end)
    inc("to time cannot be greater than the current time : ", start, end + 60 * minute)
    bad = lambda message, **how: ask("ValidationException", "Invalid Request: " + message, **how)
    bad("Export Type expected to be Incremental Export when", IncrementalExportSpecification=spec)
    bad("When Export Type is Full Export , Incremental", ExportType="FULL_EXPORT", IncrementalExportSpecification=spec)
    bad("Incremental Export Specification expected", ExportType="INCREMENTAL_EXPORT")
    bad("ExportFromTime must be provided", ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification={})
    bad("KMS Key Id is not supported for this encryption type", S3SseKmsKeyId="k")
    refused("ValidationException", "tableArn is not a valid ARN", d.export_table_to_point_in_time, TableArn=table, S3Bucket=name)


def test_under_a_key_and_by_token(client, d, s3, table, name, eventually):
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    d.put_item(TableName=table, Item={"pk": {"S": "a"}})
    done, summary, files, _ = exported(d, s3, eventually, table, name, S3SseAlgorithm="KMS", S3SseKmsKeyId=key, ClientToken="once")
    head = s3.head_object(Bucket=name, Key=files[0]["dataFileS3Key"])
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key) and summary["s3SseKmsKeyId"] == key
    again = dict(TableArn=arn(d, table), S3Bucket=name, S3SseAlgorithm="KMS", S3SseKmsKeyId=key, ClientToken="once")
    assert d.export_table_to_point_in_time(**again)["ExportDescription"]["ExportArn"] == done["ExportArn"]
    refused("ExportConflictException", "Duplicate request detected with conflicting parameters", d.export_table_to_point_in_time,
            **{**again, "S3Prefix": "other"})


CSV = (b'id,value,n,"with, comma"\r\n' b'a,"say ""hi""",1,\r\n' b'b,"two\nlines",2.50,x\n' b'\n' b'c,plain,3,y\n')


def test_csv(d, s3, client, name, eventually):
    ranged = dict(BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}],
                  KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}])
    s3.put_object(Bucket=name, Key="ok/a.csv.gz", Body=gzip.compress(CSV))
    told = imported(d, eventually, name, "ok/", name + "-ok", "CSV", compression="GZIP", **ranged)
    assert (told["ImportStatus"], told["ImportedItemCount"], told["ProcessedItemCount"]) == ("COMPLETED", 3, 3), told
    scan = sorted(d.scan(TableName=name + "-ok")["Items"], key=lambda i: i["id"]["S"])
    assert scan == [{"id": {"S": "a"}, "value": {"S": 'say "hi"'}, "n": {"N": "1"}, "with, comma": {"S": ""}},
                    {"id": {"S": "b"}, "value": {"S": "two\nlines"}, "n": {"N": "2.5"}, "with, comma": {"S": "x"}},
                    {"id": {"S": "c"}, "value": {"S": "plain"}, "n": {"N": "3"}, "with, comma": {"S": "y"}}]
    s3.put_object(Bucket=name, Key="bad/1.csv", Body=b"a|1|x\nb|no number|x\n|3|x\nc|4\nd|5|x\n")
    s3.put_object(Bucket=name, Key="bad/2.csv", Body=b"e|6|x\nf|7|say \"hi\"\ng|8|never read\n")
    told = imported(d, eventually, name, "bad/", name + "-bad", "CSV", options={"Csv": {"Delimiter": "|", "HeaderList": ["id", "n", "v"]}}, **ranged)
    assert (told["ImportStatus"], told["FailureCode"], told["ImportedItemCount"], told["ErrorCount"]) == ("FAILED", "ItemValidationError", 3, 4), told
    assert told["FailureMessage"].startswith("Some of the items failed validation checks and were not imported.")
    assert sorted(i["id"]["S"] for i in d.scan(TableName=name + "-bad")["Items"]) == ["a", "d", "e"]
    assert told["CloudWatchLogGroupArn"].endswith(":log-group:/aws-dynamodb/imports:*")
    events = client("logs").get_log_events(logGroupName="/aws-dynamodb/imports", logStreamName=told["ImportArn"].split("/import/")[1] + "/error")["events"]
    logged = [json.loads(e["message"]) for e in events]
    assert [(e["itemS3Pointer"]["key"], e["itemS3Pointer"]["itemIndex"]) for e in logged] == [("bad/1.csv", 1), ("bad/1.csv", 2), ("bad/1.csv", 3), ("bad/2.csv", 1)]
    assert all(e["importArn"] == told["ImportArn"] and e["itemS3Pointer"]["bucket"] == name for e in logged)
    assert "cannot contain an empty string value. Key: id" in logged[1]["errorMessages"][0]


def test_zstd_and_what_is_refused(d, s3, name, eventually, tmp_path):
    plain = tmp_path / "x.json"
    plain.write_bytes(b"".join(b'{"Item":{"pk":{"S":"%05d"},"v":{"S":"%s"}}}\n' % (i, b"x" * 100) for i in range(3000)))
    try:
        packed = subprocess.run(["zstd", "-c", str(plain)], capture_output=True, check=True).stdout
    except FileNotFoundError:  # a frame of raw blocks is a valid one (RFC 8878)
        data = plain.read_bytes()
        blocks = [data[i:i + 65536] for i in range(0, len(data), 65536)]
        packed = b"\x28\xb5\x2f\xfd\x00\x58" + b"".join(((len(b) << 3) | (i == len(blocks) - 1)).to_bytes(3, "little") + b for i, b in enumerate(blocks))
    s3.put_object(Bucket=name, Key="z/x.json.zst", Body=packed)
    told = imported(d, eventually, name, "z/", name + "-z", "DYNAMODB_JSON", compression="ZSTD")
    assert (told["ImportStatus"], told["ImportedItemCount"]) == ("COMPLETED", 3000), told
    s3.put_object(Bucket=name, Key="cut/x.json.zst", Body=packed[:1000])
    told = imported(d, eventually, name, "cut/", name + "-cut", "DYNAMODB_JSON", compression="ZSTD")
    assert (told["ImportStatus"], told["ErrorCount"], told["ImportedItemCount"]) == ("FAILED", 1, 0), told
    # A line that is no JSON ends the object, one that is no item is passed over.
    s3.put_object(Bucket=name, Key="l/x", Body=b'{"Item":{"pk":{"S":"a"}}}\n{"Item":{"no":{"S":"b"}}}\n{"Item":{"pk":{"S":"c"}}}\nnot json\n{"Item":{"pk":{"S":"d"}}}\n')
    told = imported(d, eventually, name, "l/", name + "-l", "DYNAMODB_JSON")
    assert (told["ProcessedItemCount"], told["ImportedItemCount"], told["ErrorCount"]) == (4, 2, 2), told
    told = imported(d, eventually, "no-" + name, "x", name + "-n", "DYNAMODB_JSON")
    assert told["FailureCode"] == "S3NoSuchBucket"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        d.describe_table(TableName=name + "-n")
    told = imported(d, eventually, name, "nothing-here", name + "-e", "DYNAMODB_JSON")
    assert (told["ImportStatus"], told["ProcessedItemCount"]) == ("COMPLETED", 0)
    refused("ValidationException", "Invalid Request: Unsupported InputFormatOptions for the given input format: ION.", d.import_table,
            S3BucketSource={"S3Bucket": name}, InputFormat="ION", InputFormatOptions={"Csv": {"Delimiter": ","}},
            TableCreationParameters={"TableName": name + "-o", **KEY})
