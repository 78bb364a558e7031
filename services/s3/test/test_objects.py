"""Objects: put, get, head, copy, delete, ranges, conditions, metadata, checksums, encryption. Source: S3 API Reference."""
import base64
import hashlib
import io
import json
import os
import socket
import zlib

import awscrt.checksums
import botocore.exceptions
import pytest
import requests
from boto3.s3.transfer import TransferConfig


def fails(code, call, **how):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        call(**how)
    assert e.value.response["Error"]["Code"] == code, e.value
    return e.value.response


def crc(data, polynomial, bits):
    """A reflected CRC, bit by bit through a table: neither boto3's nor the server's."""
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (polynomial if n & 1 else 0)
        table.append(n)
    mask = (1 << bits) - 1
    v = mask
    for b in data:
        v = v >> 8 ^ table[(v ^ b) & 255]
    return base64.b64encode((v ^ mask).to_bytes(bits // 8, "big")).decode()


def digest(algorithm, data):
    """Raw, computed by Python or AWS's runtime."""
    if algorithm == "XXHASH64":
        return awscrt.checksums.XXHash.compute_xxhash64(data)
    if algorithm == "XXHASH3":
        return awscrt.checksums.XXHash.compute_xxhash3_64(data)
    if algorithm == "XXHASH128":
        return awscrt.checksums.XXHash.compute_xxhash3_128(data)
    return hashlib.new(algorithm, data).digest()


def checksum(algorithm, data):
    """{"ChecksumX": value} computed here, or {"ChecksumAlgorithm": X}: boto3 computes it."""
    if algorithm == "MD5":
        return {"ChecksumMD5": base64.b64encode(digest("MD5", data)).decode()}
    if algorithm == "CRC32C":
        return {"ChecksumCRC32C": crc(data, 0x82F63B78, 32)}
    if algorithm == "CRC64NVME":
        return {"ChecksumCRC64NVME": crc(data, 0x9A6C9329AC4BC9B5, 64)}
    return {"ChecksumAlgorithm": algorithm}


def body(s3, bucket, key, **how):
    return s3.get_object(Bucket=bucket, Key=key, **how)["Body"].read()


def test_small_object_comes_back_as_it_was_put(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="a/b c+d", Body=b"hello", ContentType="text/plain", Metadata={"Colour": "red"},
                        CacheControl="no-cache", ContentLanguage="ja")
    assert put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    got = s3.get_object(Bucket=bucket, Key="a/b c+d")
    assert got["Body"].read() == b"hello"
    assert (got["ContentType"], got["Metadata"], got["CacheControl"], got["ContentLanguage"]) == ("text/plain", {"colour": "red"}, "no-cache", "ja")
    head = s3.head_object(Bucket=bucket, Key="a/b c+d")
    assert head["ContentLength"] == 5 and head["ETag"] == put["ETag"] and head["ServerSideEncryption"] == "AES256"


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 131072, 1_000_003])
def test_every_size_around_the_limits_of_memory(s3, bucket, size):
    data = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data)
    assert put["ETag"].strip('"') == hashlib.md5(data).hexdigest()
    assert body(s3, bucket, "k") == data


def test_what_is_stored_is_encrypted(s3, bucket, tsubo):
    marker = b"this text must not be on the disk in the clear " * 4000
    s3.put_object(Bucket=bucket, Key="large", Body=marker)
    s3.put_object(Bucket=bucket, Key="small", Body=marker[:60])
    for folder, _, files in os.walk(tsubo.data):
        for f in files:
            with open(os.path.join(folder, f), "rb") as stored:
                assert b"must not be on the disk" not in stored.read()


def test_ranges(s3, bucket):
    data = os.urandom(300_000)
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    got = s3.get_object(Bucket=bucket, Key="k", Range="bytes=100000-200000")
    assert got["Body"].read() == data[100000:200001]
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206 and got["ContentRange"] == "bytes 100000-200000/300000"
    assert body(s3, bucket, "k", Range="bytes=-7") == data[-7:]
    assert body(s3, bucket, "k", Range="bytes=299990-") == data[299990:]
    assert body(s3, bucket, "k", Range="bytes=299990-400000") == data[299990:]
    assert body(s3, bucket, "k", Range="nonsense") == data
    assert fails("InvalidRange", s3.get_object, Bucket=bucket, Key="k", Range="bytes=300000-")["ResponseMetadata"]["HTTPStatusCode"] == 416


def test_conditional_reads(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    changed = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert body(s3, bucket, "k", IfMatch=etag) == b"x"
    fails("PreconditionFailed", s3.get_object, Bucket=bucket, Key="k", IfMatch='"other"')
    fails("304", s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag)
    fails("304", s3.head_object, Bucket=bucket, Key="k", IfModifiedSince=changed)
    assert body(s3, bucket, "k", IfUnmodifiedSince=changed) == b"x"


def test_conditional_writes(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    fails("PreconditionFailed", s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    fails("PreconditionFailed", s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfMatch='"no"')
    fails("NoSuchKey", s3.put_object, Bucket=bucket, Key="none", Body=b"2", IfMatch=etag)
    s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=etag)
    assert body(s3, bucket, "k") == b"2"


def test_wrong_digests_store_nothing(s3, bucket):
    fails("BadDigest", s3.put_object, Bucket=bucket, Key="k", Body=b"x", ContentMD5=base64.b64encode(hashlib.md5(b"y").digest()).decode())
    fails("InvalidDigest", s3.put_object, Bucket=bucket, Key="k", Body=b"x", ContentMD5="bm90")
    fails("BadDigest", s3.put_object, Bucket=bucket, Key="k", Body=b"x" * 200_000, ChecksumCRC32="AAAAAA==")
    fails("InvalidRequest", s3.put_object, Bucket=bucket, Key="k", Body=b"x", ChecksumSHA256="AAAA")
    fails("NoSuchKey", s3.get_object, Bucket=bucket, Key="k")


DIGESTS = ["SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"] + DIGESTS)
def test_checksums(s3, bucket, algorithm):
    data = os.urandom(100_000)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data, **checksum(algorithm, data))
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["Checksum" + algorithm] == put["Checksum" + algorithm] and head["ChecksumType"] == "FULL_OBJECT"
    if algorithm == "CRC32":
        assert put["ChecksumCRC32"] == base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    if algorithm in DIGESTS:
        assert put["Checksum" + algorithm] == base64.b64encode(digest(algorithm, data)).decode()
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ChecksumAlgorithm"] == [algorithm]
    assert s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["Body"].read() == data  # boto3 checks it
    fails("BadDigest", s3.put_object, Bucket=bucket, Key="other", Body=data + b"x", **{"Checksum" + algorithm: put["Checksum" + algorithm]})
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})["CopyObjectResult"]
    assert copied["Checksum" + algorithm] == put["Checksum" + algorithm]
    got = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag", "Checksum", "ObjectSize", "StorageClass"])
    assert got["Checksum"]["Checksum" + algorithm] == put["Checksum" + algorithm] and got["ObjectSize"] == 100_000


def test_copy_keeps_or_replaces_metadata(s3, bucket):
    data = os.urandom(200_000)
    s3.put_object(Bucket=bucket, Key="a", Body=data, Metadata={"x": "1"}, ContentType="text/a", Tagging="k=v")
    s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})
    s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "a"}, MetadataDirective="REPLACE", Metadata={"y": "2"})
    s3.delete_object(Bucket=bucket, Key="a")
    b, c = s3.get_object(Bucket=bucket, Key="b"), s3.get_object(Bucket=bucket, Key="c")
    assert b["Body"].read() == c["Body"].read() == data
    assert (b["Metadata"], b["ContentType"], b["TagCount"]) == ({"x": "1"}, "text/a", 1)
    assert (c["Metadata"], c["ContentType"]) == ({"y": "2"}, "binary/octet-stream")
    fails("InvalidRequest", s3.copy_object, Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "b"})
    fails("NoSuchKey", s3.copy_object, Bucket=bucket, Key="d", CopySource={"Bucket": bucket, "Key": "a"})


def test_customer_keys(s3, bucket):
    key, other = os.urandom(32), os.urandom(32)
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})
    for size in (10, 200_000):
        data = os.urandom(size)
        put = s3.put_object(Bucket=bucket, Key="k", Body=data, SSECustomerAlgorithm="AES256", SSECustomerKey=key)
        assert put["SSECustomerAlgorithm"] == "AES256" and "ServerSideEncryption" not in put
        assert body(s3, bucket, "k", SSECustomerAlgorithm="AES256", SSECustomerKey=key) == data
        assert body(s3, bucket, "k", SSECustomerAlgorithm="AES256", SSECustomerKey=key, Range="bytes=3-6") == data[3:7]
        fails("InvalidRequest", s3.get_object, Bucket=bucket, Key="k")
        fails("AccessDenied", s3.get_object, Bucket=bucket, Key="k", SSECustomerAlgorithm="AES256", SSECustomerKey=other)
        s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k", CopySourceSSECustomerAlgorithm="AES256", CopySourceSSECustomerKey=key,
                       SSECustomerAlgorithm="AES256", SSECustomerKey=other)
        assert body(s3, bucket, "c", SSECustomerAlgorithm="AES256", SSECustomerKey=other) == data
        s3.copy_object(Bucket=bucket, Key="p", CopySource=f"{bucket}/k", CopySourceSSECustomerAlgorithm="AES256", CopySourceSSECustomerKey=key)
        assert body(s3, bucket, "p") == data


def test_multipart(s3, bucket):
    data = os.urandom(12_000_000)
    s3.upload_fileobj(io.BytesIO(data), bucket, "k", Config=TransferConfig(multipart_chunksize=5 << 20, multipart_threshold=5 << 20))
    out = io.BytesIO()
    s3.download_fileobj(bucket, "k", out)
    assert out.getvalue() == data == body(s3, bucket, "k")
    assert body(s3, bucket, "k", Range="bytes=5242870-5242890") == data[5242870:5242891]
    parts = [data[:5 << 20], data[5 << 20:10 << 20], data[10 << 20:]]
    tag = hashlib.md5(b"".join(hashlib.md5(p).digest() for p in parts)).hexdigest() + "-3"
    assert s3.head_object(Bucket=bucket, Key="k")["ETag"] == f'"{tag}"'
    part = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert part["Body"].read() == parts[1] and part["PartsCount"] == 3 and part["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_multipart_rules(s3, bucket):
    up = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    how = {"Bucket": bucket, "Key": "k", "UploadId": up}
    tags = [s3.upload_part(PartNumber=n, Body=b"small %d" % n, **how)["ETag"] for n in (1, 2)]
    named = [{"PartNumber": n + 1, "ETag": t} for n, t in enumerate(tags)]
    fails("EntityTooSmall", s3.complete_multipart_upload, MultipartUpload={"Parts": named}, **how)
    fails("InvalidPartOrder", s3.complete_multipart_upload, MultipartUpload={"Parts": named[::-1]}, **how)
    fails("InvalidPart", s3.complete_multipart_upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tags[1]}]}, **how)
    fails("InvalidPart", s3.complete_multipart_upload, MultipartUpload={"Parts": [{"PartNumber": 7, "ETag": tags[1]}]}, **how)
    assert [p["Size"] for p in s3.list_parts(**how)["Parts"]] == [7, 7]
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [up]
    s3.complete_multipart_upload(MultipartUpload={"Parts": named[1:]}, **how)
    assert body(s3, bucket, "k") == b"small 2"
    fails("NoSuchUpload", s3.upload_part, PartNumber=1, Body=b"x", **how)
    other = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="k", UploadId=other, PartNumber=1, Body=b"x" * 300_000)
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=other)
    fails("NoSuchUpload", s3.list_parts, Bucket=bucket, Key="k", UploadId=other)
    fails("InvalidArgument", s3.upload_part, Bucket=bucket, Key="k", UploadId=other, PartNumber=10001, Body=b"")


@pytest.mark.parametrize("algorithm, kind", [("CRC32", "FULL_OBJECT"), ("CRC32C", "FULL_OBJECT"), ("CRC64NVME", "FULL_OBJECT"), ("CRC32", "COMPOSITE"),
                                             *((a, "COMPOSITE") for a in DIGESTS)])
def test_multipart_checksums(s3, bucket, algorithm, kind):
    data = os.urandom(5 << 20), os.urandom(123_457)
    up = s3.create_multipart_upload(Bucket=bucket, Key="m", ChecksumAlgorithm=algorithm, ChecksumType=kind)
    how = {"Bucket": bucket, "Key": "m", "UploadId": up["UploadId"]}
    member = "Checksum" + algorithm
    parts = []
    for n, piece in enumerate(data, 1):
        got = s3.upload_part(PartNumber=n, Body=piece, **checksum(algorithm, piece), **how)
        parts.append({"PartNumber": n, "ETag": got["ETag"], member: got[member]})
    done = s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **how)
    assert done["ChecksumType"] == kind
    if kind == "FULL_OBJECT":
        assert done[member] == s3.put_object(Bucket=bucket, Key="w", Body=b"".join(data), **checksum(algorithm, b"".join(data)))[member]
    else:
        assert done[member].endswith("-2")
    if algorithm in DIGESTS:
        raw = b"".join(digest(algorithm, p) for p in data)
        assert done[member] == base64.b64encode(digest(algorithm, raw)).decode() + "-2"
    kept = s3.get_object_attributes(Bucket=bucket, Key="m", ObjectAttributes=["Checksum", "ObjectParts"])
    assert kept["Checksum"][member] == done[member].split("-")[0]
    assert [p[member] for p in kept["ObjectParts"].get("Parts", [])] == ([p[member] for p in parts] if kind == "COMPOSITE" else [])


@pytest.mark.parametrize("size", [10, 200_000])
def test_one_of_several_trailers_is_the_checksum(s3, bucket, size):
    """x-amz-trailer may name several ("Trailing headers", S3 API Reference)."""
    data = os.urandom(size)
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}))
    sum_ = base64.b64encode(hashlib.sha256(data).digest()).decode()
    body = b"%x\r\n%s\r\n0\r\nx-amz-checksum-sha256:%s\r\nx-amz-meta-late:1\r\n\r\n" % (size, data, sum_.encode())
    answer = requests.put(f"{s3.meta.endpoint_url}/{bucket}/k", data=body, headers={
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(size),
        "x-amz-trailer": "x-amz-checksum-sha256,x-amz-meta-late"})
    assert answer.status_code == 200, answer.text
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    sums = {k[8:]: v for k, v in head.items() if k.startswith("Checksum") and k != "ChecksumType"}
    assert sums in ({"SHA256": sum_}, {"CRC64NVME": crc(data, 0x9A6C9329AC4BC9B5, 64)})


def test_digests_have_no_full_object_kind_in_parts(s3, bucket):
    """"Checking object integrity in Amazon S3": full object checksums of multipart uploads are CRCs."""
    for algorithm in DIGESTS:
        fails("InvalidRequest", s3.create_multipart_upload, Bucket=bucket, Key="m", ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")


@pytest.mark.parametrize("algorithm", ["SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"])
def test_documents_are_checked_by_every_digest(s3, bucket, algorithm):
    """Requests that do not stream: x-amz-checksum-* of DeleteObjects (S3 API Reference)."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    wrong = base64.b64encode(digest(algorithm, b"another document")).decode()

    def set_header(request, **_):
        request.headers["x-amz-checksum-" + algorithm.lower()] = wrong
    s3.meta.events.register("before-sign.s3.PutObjectTagging", set_header)
    try:
        fails("BadDigest", s3.put_object_tagging, Bucket=bucket, Key="k", Tagging={"TagSet": []})
    finally:
        s3.meta.events.unregister("before-sign.s3.PutObjectTagging", set_header)


def test_copies_get_every_digest(s3, bucket):
    body = os.urandom(200_000)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    for algorithm in DIGESTS:
        copied = s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "k"}, ChecksumAlgorithm=algorithm)["CopyObjectResult"]
        assert copied["Checksum" + algorithm] == base64.b64encode(digest(algorithm, body)).decode()


def test_upload_part_copy(s3, bucket):
    data = os.urandom(7 << 20)
    s3.put_object(Bucket=bucket, Key="src", Body=data)
    up = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    how = {"Bucket": bucket, "Key": "k", "UploadId": up, "CopySource": f"{bucket}/src"}
    one = s3.upload_part_copy(PartNumber=1, CopySourceRange="bytes=0-5242879", **how)["CopyPartResult"]["ETag"]
    two = s3.upload_part_copy(PartNumber=2, CopySourceRange=f"bytes=5242880-{len(data) - 1}", **how)["CopyPartResult"]["ETag"]
    del how["CopySource"]
    s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": one}, {"PartNumber": 2, "ETag": two}]}, **how)
    s3.delete_object(Bucket=bucket, Key="src")
    assert body(s3, bucket, "k") == data


def test_managed_copy_with_parts_of_another_size(s3, bucket):
    data = os.urandom(17_000_000)
    s3.upload_fileobj(io.BytesIO(data), bucket, "src", Config=TransferConfig(multipart_chunksize=6 << 20, multipart_threshold=5 << 20))
    s3.copy({"Bucket": bucket, "Key": "src"}, bucket, "k", Config=TransferConfig(multipart_chunksize=5 << 20, multipart_threshold=5 << 20))
    s3.copy({"Bucket": bucket, "Key": "k"}, bucket, "again", Config=TransferConfig(multipart_chunksize=7 << 20, multipart_threshold=5 << 20))
    for key in ("src", "k"):
        s3.delete_object(Bucket=bucket, Key=key)
    assert body(s3, bucket, "again") == data
    assert body(s3, bucket, "again", Range="bytes=5242000-7000000") == data[5242000:7000001]


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned(client, bucket, version):
    s3 = client("s3", signature_version=version)
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "p q", "ContentType": "text/x"})
    assert requests.put(put, data=b"by url", headers={"Content-Type": "text/x"}).status_code == 200
    get = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "p q", "ResponseContentType": "a/b"})
    answer = requests.get(get)
    assert (answer.content, answer.headers["Content-Type"]) == (b"by url", "a/b")
    assert requests.get(get.replace("Signature=", "Signature=0")).status_code == 403
    assert requests.get(get.split("?")[0]).status_code == 403


def test_virtual_hosts(tsubo, client, bucket, monkeypatch):
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: real("localhost" if str(host).endswith("localhost") else host, *a, **k))
    s3 = client("s3", signature_version="s3v4", s3={"addressing_style": "virtual"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"v")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    assert f"//{bucket}." in url and s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"


def test_many_at_once_are_deleted(s3, bucket):
    for n in range(5):
        s3.put_object(Bucket=bucket, Key=f"k{n}", Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"k{n}"} for n in range(6)]})
    assert sorted(d["Key"] for d in answer["Deleted"]) == [f"k{n}" for n in range(6)]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_errors_name_what_is_missing(s3, bucket):
    fails("NoSuchKey", s3.get_object, Bucket=bucket, Key="k")
    fails("404", s3.head_object, Bucket=bucket, Key="k")
    fails("NoSuchBucket", s3.get_object, Bucket=bucket + "-none", Key="k")
    fails("NoSuchBucket", s3.put_object, Bucket=bucket + "-none", Key="k", Body=b"x" * 300_000)
    fails("KeyTooLongError", s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"x")
    fails("MetadataTooLarge", s3.put_object, Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "b" * 2049})


def test_copies_have_the_checksum_that_is_asked_for(s3, bucket):
    """CopyObject: x-amz-checksum-algorithm (S3 API Reference)."""
    body = os.urandom(300_000)
    s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm="CRC32")
    source = {"Bucket": bucket, "Key": "k"}
    copied = s3.copy_object(Bucket=bucket, Key="sha", CopySource=source, ChecksumAlgorithm="SHA256")["CopyObjectResult"]
    assert copied["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(body).digest()).decode() and copied["ChecksumType"] == "FULL_OBJECT"
    head = s3.head_object(Bucket=bucket, Key="sha", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == copied["ChecksumSHA256"] and "ChecksumCRC32" not in head and head["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m", ChecksumAlgorithm="SHA1")["UploadId"]
    part = s3.upload_part_copy(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, CopySource=source)["CopyPartResult"]
    assert part["ChecksumSHA1"] == base64.b64encode(hashlib.sha1(body).digest()).decode()
    s3.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=upload, MultipartUpload={"Parts": [
        {"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA1": part["ChecksumSHA1"]}]})
    whole = s3.copy_object(Bucket=bucket, Key="whole", CopySource={"Bucket": bucket, "Key": "m"}, ChecksumAlgorithm="CRC32C")["CopyObjectResult"]
    assert whole["ETag"] == f'"{hashlib.md5(body).hexdigest()}"' and "ChecksumCRC32C" in whole


def test_a_copied_range_has_the_digest_of_its_bytes(s3, bucket):
    """UploadPartCopy: the ETag of a part is the MD5 of its bytes ("Checking object integrity in Amazon S3")."""
    first, second = os.urandom(5 << 20), os.urandom(6 << 20)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="src")["UploadId"]
    parts = [{"PartNumber": n, "ETag": s3.upload_part(Bucket=bucket, Key="src", UploadId=upload, PartNumber=n, Body=b)["ETag"]} for n, b in
             ((1, first), (2, second))]
    s3.complete_multipart_upload(Bucket=bucket, Key="src", UploadId=upload, MultipartUpload={"Parts": parts})
    whole, source = first + second, {"Bucket": bucket, "Key": "src"}
    upload = s3.create_multipart_upload(Bucket=bucket, Key="dst")["UploadId"]
    ranges = [(100, (6 << 20) + 99), (0, (5 << 20) - 1), (len(whole) - 10, len(whole) - 1)]
    done = []
    for n, (start, end) in enumerate(ranges, 1):
        tag = s3.upload_part_copy(Bucket=bucket, Key="dst", UploadId=upload, PartNumber=n, CopySource=source, CopySourceRange=f"bytes={start}-{end}")["CopyPartResult"]["ETag"]
        assert tag == f'"{hashlib.md5(whole[start:end + 1]).hexdigest()}"'
        done.append({"PartNumber": n, "ETag": tag})
    made = s3.complete_multipart_upload(Bucket=bucket, Key="dst", UploadId=upload, MultipartUpload={"Parts": done})
    assert made["ETag"] == '"%s-3"' % hashlib.md5(b"".join(hashlib.md5(whole[s:e + 1]).digest() for s, e in ranges)).hexdigest()
    assert s3.get_object(Bucket=bucket, Key="dst")["Body"].read() == b"".join(whole[s:e + 1] for s, e in ranges)
