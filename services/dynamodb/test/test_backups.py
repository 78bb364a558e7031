"""Backups, point-in-time recovery and restores."""
import datetime
import gzip
import json
import time

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def d(client):
    return client("dynamodb")


@pytest.fixture
def table(d, name):
    d.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                   AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "g", "AttributeType": "S"}],
                   KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                   GlobalSecondaryIndexes=[{"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                                            "Projection": {"ProjectionType": "ALL"}}])
    return name


def put(d, table, pk, v):
    d.put_item(TableName=table, Item={"pk": {"S": pk}, "v": {"N": str(v)}, "g": {"S": "g"}})


def all_of(d, table, **how):
    return {i["pk"]["S"]: int(i["v"]["N"]) for page in d.get_paginator("scan").paginate(TableName=table, **how) for i in page["Items"]}


def restored(d, eventually, target):
    eventually(lambda: d.describe_table(TableName=target)["Table"]["TableStatus"] == "ACTIVE")
    assert "RestoreSummary" not in d.describe_table(TableName=target)["Table"]  # only while it is being restored
    assert all_of(d, target) == all_of(d, target, IndexName="by-g")
    return all_of(d, target)


def test_a_backup_is_of_one_moment(d, table, name, eventually):
    for i in range(1100):  # more than one batch
        put(d, table, "k%04d" % i, 0)
    before = all_of(d, table)
    arn = d.create_backup(TableName=table, BackupName="first")["BackupDetails"]["BackupArn"]
    put(d, table, "k0000", 1)
    put(d, table, "new", 1)
    d.delete_item(TableName=table, Key={"pk": {"S": "k1099"}})
    eventually(lambda: d.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]["BackupStatus"] == "AVAILABLE")
    assert d.describe_backup(BackupArn=arn)["BackupDescription"]["SourceTableDetails"]["ItemCount"] == 1100
    assert d.restore_table_from_backup(BackupArn=arn, TargetTableName=name + "-r")["TableDescription"]["TableStatus"] == "CREATING"
    assert restored(d, eventually, name + "-r") == before
    assert [b["BackupName"] for b in d.list_backups(TableName=table)["BackupSummaries"]] == ["first"]
    with pytest.raises(ClientError, match="Table already exists"):
        d.restore_table_from_backup(BackupArn=arn, TargetTableName=table)
    d.delete_table(TableName=table)
    assert d.delete_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]["BackupStatus"] == "DELETED"
    with pytest.raises(ClientError) as e:
        d.describe_backup(BackupArn=arn)
    assert e.value.response["Error"]["Code"] == "BackupNotFoundException"


def test_recovery_to_a_second(d, table, name, eventually):
    with pytest.raises(ClientError) as e:
        d.restore_table_to_point_in_time(SourceTableName=table, TargetTableName=name + "-x", UseLatestRestorableTime=True)
    assert e.value.response["Error"]["Code"] == "PointInTimeRecoveryUnavailableException"
    put(d, table, "old", 0)
    d.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    put(d, table, "a", 1)
    put(d, table, "b", 1)
    want = all_of(d, table)
    time.sleep(1.05)  # the API takes whole seconds
    moment = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(1.05)
    put(d, table, "a", 2)
    put(d, table, "a", 3)
    put(d, table, "c", 2)
    d.delete_item(TableName=table, Key={"pk": {"S": "old"}})
    d.restore_table_to_point_in_time(SourceTableName=table, TargetTableName=name + "-1", RestoreDateTime=moment)
    assert restored(d, eventually, name + "-1") == want
    d.restore_table_to_point_in_time(SourceTableName=table, TargetTableName=name + "-2", UseLatestRestorableTime=True)
    assert restored(d, eventually, name + "-2") == {"a": 3, "b": 1, "c": 2}
    with pytest.raises(ClientError) as e:
        d.restore_table_to_point_in_time(SourceTableName=table, TargetTableName=name + "-3", RestoreDateTime=moment - datetime.timedelta(days=1))
    assert e.value.response["Error"]["Code"] == "InvalidRestoreTimeException"


def test_export_to_s3_and_import_again(client, d, table, name, eventually):
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    for i in range(30):
        put(d, table, "k%02d" % i, i)
    arn = d.describe_table(TableName=table)["Table"]["TableArn"]
    with pytest.raises(ClientError) as e:
        d.export_table_to_point_in_time(TableArn=arn, S3Bucket=name)
    assert e.value.response["Error"]["Code"] == "PointInTimeRecoveryUnavailableException"
    d.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    nowhere = d.export_table_to_point_in_time(TableArn=arn, S3Bucket="no-" + name)["ExportDescription"]
    assert nowhere["ExportStatus"] == "IN_PROGRESS"
    ended = d.describe_export(ExportArn=nowhere["ExportArn"])["ExportDescription"]
    assert (ended["ExportStatus"], ended["FailureCode"]) == ("FAILED", "S3NoSuchBucket")
    export = d.export_table_to_point_in_time(TableArn=arn, S3Bucket=name, S3Prefix="out")["ExportDescription"]["ExportArn"]
    put(d, table, "later", 1)
    eventually(lambda: d.describe_export(ExportArn=export)["ExportDescription"]["ExportStatus"] == "COMPLETED")
    done = d.describe_export(ExportArn=export)["ExportDescription"]
    assert done["ItemCount"] == 30 and done["ExportManifest"].startswith("out/AWSDynamoDB/")
    assert export in [x["ExportArn"] for x in d.list_exports(TableArn=arn)["ExportSummaries"]]
    folder = done["ExportManifest"].rsplit("/", 1)[0]
    summary = json.loads(s3.get_object(Bucket=name, Key=done["ExportManifest"])["Body"].read())
    assert summary["itemCount"] == 30 and summary["manifestFilesS3Key"] == folder + "/manifest-files.json"
    files = [json.loads(line) for line in s3.get_object(Bucket=name, Key=summary["manifestFilesS3Key"])["Body"].read().splitlines()]
    lines = gzip.decompress(s3.get_object(Bucket=name, Key=files[0]["dataFileS3Key"])["Body"].read()).splitlines()
    assert len(lines) == 30 and json.loads(lines[0])["Item"]["g"] == {"S": "g"}

    s3.put_object(Bucket=name, Key=folder + "/data/zz.json.gz", Body=gzip.compress(b'{"Item":{"pk":{"S":"extra"},"v":{"N":"1"},"g":{"S":"g"}}}\nnot json\n'))
    imported = d.import_table(S3BucketSource={"S3Bucket": name, "S3KeyPrefix": folder + "/data/"}, InputFormat="DYNAMODB_JSON", InputCompressionType="GZIP",
                              TableCreationParameters={"TableName": name + "-i", "BillingMode": "PAY_PER_REQUEST",
                                                       "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                                                       "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]})["ImportTableDescription"]["ImportArn"]
    eventually(lambda: d.describe_import(ImportArn=imported)["ImportTableDescription"]["ImportStatus"] == "FAILED")
    told = d.describe_import(ImportArn=imported)["ImportTableDescription"]
    assert (told["ImportedItemCount"], told["ErrorCount"], told["FailureCode"]) == (31, 1, "ItemValidationError")
    assert all_of(d, name + "-i") == {**{"k%02d" % i: i for i in range(30)}, "extra": 1}
    assert imported in [x["ImportArn"] for x in d.list_imports()["ImportSummaryList"]]
