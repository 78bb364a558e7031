"""Configurations by id: inventories really made, request metrics really sent, the others kept or refused. Source: "Cataloging and analyzing your
data with S3 Inventory", "Metrics and dimensions" (S3 User Guide), the operations' pages in the S3 API Reference."""
import base64
import csv
import datetime
import gzip
import hashlib
import io
import json

import botocore.exceptions
import pytest


def code(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        call(**arguments)
    return e.value.response["Error"]["Code"]


def inventory(destination, **more):
    return {"Id": "all", "IsEnabled": True, "IncludedObjectVersions": "Current", "Schedule": {"Frequency": "Daily"},
            "OptionalFields": ["Size", "ETag", "StorageClass", "EncryptionStatus", "IsMultipartUploaded"],
            "Destination": {"S3BucketDestination": {"Bucket": f"arn:aws:s3:::{destination}", "Format": "CSV", "Prefix": "inv"}}, **more}


def let_in(s3, destination, source):
    s3.put_bucket_policy(Bucket=destination, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{destination}/*",
         "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{source}"}, "StringEquals": {"aws:SourceAccount": "000000000000"}}}]}))


def report(s3, destination, source):
    """The newest report: its manifest and its rows."""
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=destination, Prefix=f"inv/{source}/all/").get("Contents", [])]
    manifests = sorted(k for k in keys if k.endswith("/manifest.json"))
    if not manifests:
        return None
    text = s3.get_object(Bucket=destination, Key=manifests[-1])["Body"].read()
    assert s3.get_object(Bucket=destination, Key=manifests[-1].replace(".json", ".checksum"))["Body"].read().decode() == hashlib.md5(text).hexdigest()
    manifest, rows = json.loads(text), []
    for f in manifest["files"]:
        packed = s3.get_object(Bucket=destination, Key=f["key"])["Body"].read()
        assert (len(packed), hashlib.md5(packed).hexdigest()) == (f["size"], f["MD5checksum"])
        rows += csv.reader(io.StringIO(gzip.decompress(packed).decode()))
    return manifest, rows


def test_inventories_are_made_every_day(fresh_tsubo, eventually):
    s3 = fresh_tsubo.client("s3")
    for b in ("src", "dst"):
        s3.create_bucket(Bucket=b)
    let_in(s3, "dst", "src")
    s3.put_object(Bucket="src", Key="a b,\"c", Body=b"hello")
    for i in range(2100):
        s3.put_object(Bucket="src", Key=f"many/{i:04}", Body=b"")
    s3.put_bucket_inventory_configuration(Bucket="src", Id="all", InventoryConfiguration=inventory("dst"))
    assert report(s3, "dst", "src") is None
    fresh_tsubo.turn_clock("+1d")
    manifest, rows = eventually(lambda: report(s3, "dst", "src"))
    assert (manifest["sourceBucket"], manifest["destinationBucket"], manifest["fileFormat"]) == ("src", "arn:aws:s3:::dst", "CSV")
    assert manifest["fileSchema"] == "Bucket, Key, Size, ETag, StorageClass, EncryptionStatus, IsMultipartUploaded"
    assert len(manifest["files"]) == 2 and len(rows) == 2101
    assert rows[0] == ["src", "a%20b%2C%22c", "5", hashlib.md5(b"hello").hexdigest(), "STANDARD", "SSE-S3", "false"]
    assert [r[1] for r in rows[1:]] == [f"many/{i:04}" for i in range(2100)]
    s3.put_bucket_inventory_configuration(Bucket="src", Id="all", InventoryConfiguration=inventory("dst", Filter={"Prefix": "a"}))
    fresh_tsubo.turn_clock("+1d")
    eventually(lambda: len(report(s3, "dst", "src")[1]) == 1)
    s3.delete_bucket_inventory_configuration(Bucket="src", Id="all")


def test_inventories_of_all_versions(fresh_tsubo, eventually):
    s3 = fresh_tsubo.client("s3")
    for b in ("src", "dst"):
        s3.create_bucket(Bucket=b)
    let_in(s3, "dst", "src")
    s3.put_bucket_versioning(Bucket="src", VersioningConfiguration={"Status": "Enabled"})
    first, second = (s3.put_object(Bucket="src", Key="k", Body=b)["VersionId"] for b in (b"1", b"22"))
    gone = s3.put_object(Bucket="src", Key="gone", Body=b"333")["VersionId"]
    marker = s3.delete_object(Bucket="src", Key="gone")["VersionId"]
    s3.put_bucket_inventory_configuration(Bucket="src", Id="all", InventoryConfiguration=inventory(
        "dst", IncludedObjectVersions="All", OptionalFields=["Size"], Schedule={"Frequency": "Weekly"}))
    now = datetime.datetime.now(datetime.timezone.utc)
    fresh_tsubo.turn_clock(f"+{(6 - now.weekday()) % 7 or 7}d")  # it is Sunday, or has been this midnight
    manifest, rows = eventually(lambda: report(s3, "dst", "src"))
    assert manifest["fileSchema"] == "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size"
    assert sorted(r[1:] for r in rows) == sorted([["k", second, "true", "false", "2"], ["k", first, "false", "false", "1"],
                                                  ["gone", marker, "true", "true", ""], ["gone", gone, "false", "false", "3"]])


def test_inventories_tell_grants_and_the_end(fresh_tsubo, eventually):
    """ "Working with the Object ACL field", LifecycleExpirationDate ("Amazon S3 Inventory list", S3 User Guide)."""
    s3 = fresh_tsubo.client("s3")
    for b in ("src", "dst"):
        s3.create_bucket(Bucket=b)
    let_in(s3, "dst", "src")
    s3.delete_public_access_block(Bucket="src")
    s3.put_bucket_ownership_controls(Bucket="src", OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.put_object(Bucket="src", Key="open", Body=b"1", ACL="public-read")
    s3.put_object(Bucket="src", Key="stays", Body=b"1")
    s3.put_bucket_lifecycle_configuration(Bucket="src", LifecycleConfiguration={"Rules": [
        {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "open"}, "Expiration": {"Days": 30}}]})
    s3.put_bucket_inventory_configuration(Bucket="src", Id="all", InventoryConfiguration=inventory(
        "dst", OptionalFields=["ObjectAccessControlList", "LifecycleExpirationDate"]))
    owner = s3.get_bucket_acl(Bucket="src")["Owner"]["ID"]
    expires = s3.head_object(Bucket="src", Key="open")["Expiration"]
    fresh_tsubo.turn_clock("+1d")
    manifest, rows = eventually(lambda: report(s3, "dst", "src"))
    acl = json.loads(base64.b64decode(rows[0][2]))
    full = {"canonicalId": owner, "type": "CanonicalUser", "permission": "FULL_CONTROL"}
    assert acl == {"version": "2022-11-10", "status": "AVAILABLE", "grants": [
        full, {"uri": "http://acs.amazonaws.com/groups/global/AllUsers", "type": "Group", "permission": "READ"}]}
    assert json.loads(base64.b64decode(rows[1][2]))["grants"] == [full] and rows[1][3] == ""
    end = datetime.datetime.fromisoformat(rows[0][3].replace("Z", "+00:00"))
    assert end.strftime("%d %b %Y") in expires


def test_inventory_configurations(s3, bucket, client):
    put = lambda **more: code(s3.put_bucket_inventory_configuration, Bucket=bucket, Id="all", InventoryConfiguration=inventory(bucket, **more))
    s3.put_bucket_inventory_configuration(Bucket=bucket, Id="all", InventoryConfiguration=inventory(bucket))
    assert s3.get_bucket_inventory_configuration(Bucket=bucket, Id="all")["InventoryConfiguration"] == inventory(bucket)
    for i in range(105):
        s3.put_bucket_inventory_configuration(Bucket=bucket, Id=f"i{i:03}", InventoryConfiguration=inventory(bucket, Id=f"i{i:03}"))
    page = s3.list_bucket_inventory_configurations(Bucket=bucket)
    assert page["IsTruncated"] and len(page["InventoryConfigurationList"]) == 100
    rest = s3.list_bucket_inventory_configurations(Bucket=bucket, ContinuationToken=page["NextContinuationToken"])
    assert len(rest["InventoryConfigurationList"]) == 6 and not rest["IsTruncated"]
    s3.delete_bucket_inventory_configuration(Bucket=bucket, Id="all")
    assert code(s3.get_bucket_inventory_configuration, Bucket=bucket, Id="all") == "NoSuchConfiguration"
    assert put(Id="other") == "IdMismatch"
    where = lambda **d: {"S3BucketDestination": {"Bucket": f"arn:aws:s3:::{bucket}", "Format": "CSV", **d}}
    assert put(Destination=where(Format="Parquet")) == "NotImplemented" and put(Destination=where(Bucket="arn:aws:s3:::none-such")) == "InvalidS3DestinationBucket"


def test_request_metrics_reach_cloudwatch(s3, bucket, client, eventually):
    cloudwatch = client("cloudwatch")
    s3.put_bucket_metrics_configuration(Bucket=bucket, Id="in", MetricsConfiguration={"Id": "in", "Filter": {"Prefix": "in/"}})
    assert s3.get_bucket_metrics_configuration(Bucket=bucket, Id="in")["MetricsConfiguration"] == {"Id": "in", "Filter": {"Prefix": "in/"}}
    assert [m["Id"] for m in s3.list_bucket_metrics_configurations(Bucket=bucket)["MetricsConfigurationList"]] == ["in"]
    s3.put_object(Bucket=bucket, Key="in/a", Body=b"x" * 1000)
    s3.put_object(Bucket=bucket, Key="out", Body=b"x")
    s3.get_object(Bucket=bucket, Key="in/a")["Body"].read()
    assert code(s3.get_object, Bucket=bucket, Key="in/none") == "NoSuchKey"
    now = datetime.datetime.now(datetime.timezone.utc)
    def total(metric):
        points = cloudwatch.get_metric_statistics(Namespace="AWS/S3", MetricName=metric, Statistics=["Sum"], Period=3600, StartTime=now - datetime.timedelta(hours=2),
            EndTime=now + datetime.timedelta(hours=2), Dimensions=[{"Name": "BucketName", "Value": bucket}, {"Name": "FilterId", "Value": "in"}])["Datapoints"]
        return sum(p["Sum"] for p in points)
    eventually(lambda: total("AllRequests") == 3)
    assert [total(m) for m in ("PutRequests", "GetRequests", "4xxErrors", "5xxErrors")] == [1, 2, 1, 0]
    assert total("BytesDownloaded") >= 1000 and total("BytesUploaded") >= 1000
    s3.delete_bucket_metrics_configuration(Bucket=bucket, Id="in")
    assert code(s3.get_bucket_metrics_configuration, Bucket=bucket, Id="in") == "NoSuchConfiguration"


def test_request_metrics_of_tagged_objects(s3, bucket, client, eventually):
    """Tag and And of MetricsFilter (S3 API Reference)."""
    both = [{"Key": "team", "Value": "a:b"}, {"Key": "kind", "Value": "log"}]
    for config in ({"Id": "one", "Filter": {"Tag": both[0]}}, {"Id": "both", "Filter": {"And": {"Prefix": "in/", "Tags": both}}}):
        s3.put_bucket_metrics_configuration(Bucket=bucket, Id=config["Id"], MetricsConfiguration=config)
    s3.put_object(Bucket=bucket, Key="in/k", Body=b"1", Tagging="team=a%3Ab&kind=log")
    s3.get_object(Bucket=bucket, Key="in/k")["Body"].read()
    s3.put_object(Bucket=bucket, Key="out", Body=b"1", Tagging="team=a%3Ab")
    s3.put_object(Bucket=bucket, Key="in/plain", Body=b"1")
    s3.delete_object(Bucket=bucket, Key="in/k")
    now = datetime.datetime.now(datetime.timezone.utc)
    counted = lambda config, metric="AllRequests": sum(p["Sum"] for p in client("cloudwatch").get_metric_statistics(
        Namespace="AWS/S3", MetricName=metric, Statistics=["Sum"], Period=3600, StartTime=now - datetime.timedelta(hours=2),
        EndTime=now + datetime.timedelta(hours=2), Dimensions=[{"Name": "BucketName", "Value": bucket}, {"Name": "FilterId", "Value": config}])["Datapoints"])
    eventually(lambda: counted("one") == 4 and counted("both") == 3)
    assert (counted("both", "DeleteRequests"), counted("both", "PutRequests"), counted("both", "GetRequests")) == (1, 1, 1)


def test_request_metrics_of_an_access_point(s3, bucket, name, client, eventually, names_below_localhost):
    """AccessPointArn of MetricsFilter (S3 API Reference)."""
    point = client("s3control").create_access_point(AccountId="000000000000", Name=name, Bucket=bucket)
    s3.put_bucket_metrics_configuration(Bucket=bucket, Id="p", MetricsConfiguration={"Id": "p", "Filter": {"AccessPointArn": point["AccessPointArn"]}})
    s3.put_object(Bucket=bucket, Key="straight", Body=b"1")
    s3.put_object(Bucket=point["Alias"], Key="k", Body=b"1")
    s3.get_object(Bucket=point["AccessPointArn"], Key="k")["Body"].read()
    now = datetime.datetime.now(datetime.timezone.utc)
    counted = lambda: sum(p["Sum"] for p in client("cloudwatch").get_metric_statistics(
        Namespace="AWS/S3", MetricName="AllRequests", Statistics=["Sum"], Period=3600, StartTime=now - datetime.timedelta(hours=2),
        EndTime=now + datetime.timedelta(hours=2), Dimensions=[{"Name": "BucketName", "Value": bucket}, {"Name": "FilterId", "Value": "p"}])["Datapoints"])
    eventually(lambda: counted() == 2)


def test_what_is_kept_and_what_is_refused(s3, bucket):
    kept = {"Id": "a", "Filter": {"Prefix": "p"}, "StorageClassAnalysis": {}}
    s3.put_bucket_analytics_configuration(Bucket=bucket, Id="a", AnalyticsConfiguration=kept)
    assert s3.get_bucket_analytics_configuration(Bucket=bucket, Id="a")["AnalyticsConfiguration"] == kept
    assert len(s3.list_bucket_analytics_configurations(Bucket=bucket)["AnalyticsConfigurationList"]) == 1
    assert code(s3.put_bucket_analytics_configuration, Bucket=bucket, Id="a", AnalyticsConfiguration={"Id": "a", "StorageClassAnalysis": {"DataExport": {
        "OutputSchemaVersion": "V_1", "Destination": {"S3BucketDestination": {"Format": "CSV", "Bucket": f"arn:aws:s3:::{bucket}"}}}}}) == "NotImplemented"
    s3.delete_bucket_analytics_configuration(Bucket=bucket, Id="a")
    tiering = {"Id": "t", "Status": "Disabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]}
    s3.put_bucket_intelligent_tiering_configuration(Bucket=bucket, Id="t", IntelligentTieringConfiguration=tiering)
    assert s3.get_bucket_intelligent_tiering_configuration(Bucket=bucket, Id="t")["IntelligentTieringConfiguration"] == tiering
    assert code(s3.put_bucket_intelligent_tiering_configuration, Bucket=bucket, Id="t", IntelligentTieringConfiguration={
        **tiering, "Status": "Enabled"}) == "NotImplemented"
    s3.delete_bucket_intelligent_tiering_configuration(Bucket=bucket, Id="t")
    assert s3.list_bucket_intelligent_tiering_configurations(Bucket=bucket).get("IntelligentTieringConfigurationList", []) == []


def test_what_makes_no_sense_here_is_refused_by_name(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    for call, arguments in ((s3.get_object_torrent, {"Bucket": bucket, "Key": "k"}), (s3.get_bucket_metadata_table_configuration, {"Bucket": bucket}),
                            (s3.get_bucket_metadata_configuration, {"Bucket": bucket})):
        with pytest.raises(botocore.exceptions.ClientError) as e:
            call(**arguments)
        assert e.value.response["Error"]["Code"] == "NotImplemented"
        assert call.__name__.replace("_", "") in e.value.response["Error"]["Message"].lower()
