"""kill -9 with uploads under way: every acknowledged object is there, whole; nothing half-done is visible; no file leaks.

Each round writers put small and large objects, upload in parts, overwrite, copy and delete until the server is killed. What
was in doubt (a call without an answer) may have happened or not; an object's bytes are always some version's, whole."""
import hashlib
import io
import os
import random
import shutil
import subprocess
import threading
import time

import botocore.exceptions
import pytest
from boto3.s3.transfer import TransferConfig

from conftest import PATIENCE_S

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "6"))
GONE = (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectionClosedError, botocore.exceptions.HTTPClientError,
        botocore.exceptions.IncompleteReadError, ConnectionError)
PARTS = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=2)


class Writer(threading.Thread):
    """Owns its keys: what each must hold is known but for the call that was in doubt."""

    def __init__(self, server, n, known, seed):
        super().__init__(daemon=True)
        self.s3 = server.client("s3", read_timeout=60, connect_timeout=20, retries={"max_attempts": 0})
        self.n, self.known, self.error, self.random = n, known, None, random.Random(seed)
        self.start()

    def bytes(self, size):
        return self.random.randbytes(size)

    def set(self, key, data, call):
        """known[key]: the set of what the key may hold; None stands for nothing."""
        self.known[key] = self.known.get(key, {None}) | {data}
        call()
        self.known[key] = {data}

    def step(self):
        key = f"{self.n}/{self.random.randrange(12)}"
        what = self.random.random()
        if what < 0.5:
            data = self.bytes(self.random.choice([0, 10, 4000, 70_000, 400_000]))
            self.set(key, data, lambda: self.s3.put_object(Bucket="box", Key=key, Body=data))
        elif what < 0.6:
            data = self.bytes(11 << 20)
            self.set(key, data, lambda: self.s3.upload_fileobj(io.BytesIO(data), "box", key, Config=PARTS))
        elif what < 0.8:
            self.set(key, None, lambda: self.s3.delete_object(Bucket="box", Key=key))
        else:
            source = next((k for k, v in self.known.items() if k.startswith(f"{self.n}/") and len(v) == 1 and None not in v and k != key), None)
            if source:
                (data,) = self.known[source]
                self.set(key, data, lambda: self.s3.copy_object(Bucket="box", Key=key, CopySource=f"box/{source}"))

    def run(self):
        try:
            while True:
                self.step()
        except GONE:
            pass
        except Exception as e:  # anything else is a finding
            self.error = e


def blobs(server):
    return [f for folder, _, files in os.walk(os.path.join(server.data, "blobs")) for f in files]


def check(server, known):
    s3 = server.client("s3")
    there = {o["Key"]: o for p in s3.get_paginator("list_objects_v2").paginate(Bucket="box") for o in p.get("Contents", [])}
    for key, may in known.items():
        if key not in there:
            assert None in may, f"{key} was acknowledged and is not there"
            continue
        data = s3.get_object(Bucket="box", Key=key)["Body"].read()
        assert data in may, f"{key} holds {len(data)} bytes that were never put there"
        assert there[key]["Size"] == len(data)
        if "-" not in there[key]["ETag"]:
            assert there[key]["ETag"].strip('"') == hashlib.md5(data).hexdigest()
        known[key] = {data}
    assert not set(there) - set(known)
    for key in known:
        if key not in there:
            known[key] = {None}


def test_kill_under_uploads(fresh_tsubo, eventually):
    server, known, chance = fresh_tsubo, {}, random.Random(4)
    server.client("s3").create_bucket(Bucket="box")
    for round_number in range(ROUNDS):
        writers = [Writer(server, n, known, f"{round_number}.{n}") for n in range(4)]
        time.sleep(chance.uniform(0.3, 2.0))
        server.kill()
        for w in writers:
            w.join(PATIENCE_S)
            assert not w.is_alive() and w.error is None, w.error
        server.start()
        check(server, known)
    s3 = server.client("s3")
    for u in s3.list_multipart_uploads(Bucket="box").get("Uploads", []):
        s3.abort_multipart_upload(Bucket="box", Key=u["Key"], UploadId=u["UploadId"])
    for key in known:
        s3.delete_object(Bucket="box", Key=key)
    server.kill()
    server.start()
    eventually(lambda: blobs(server) == [])  # a restart leaves no file that nothing names; it looks for them after it has begun to answer


@pytest.fixture
def small_disk(fresh_tsubo, tmp_path):
    """A server on a disk of 80 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "none", str(disk)], capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    server = type(fresh_tsubo)(data=str(disk / "data"))
    try:
        yield server.start()
    finally:
        server.close()
        subprocess.run(["umount", "-l", str(disk)])
        shutil.rmtree(disk, ignore_errors=True)


def refused(call):
    """Did the server say that it cannot?"""
    try:
        call()
    except botocore.exceptions.ClientError as e:
        assert e.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
        return True
    return False


def test_full_disk_gives_an_error_and_heals(small_disk, eventually):
    s3 = small_disk.client("s3", retries={"max_attempts": 0})
    s3.create_bucket(Bucket="box")
    s3.put_object(Bucket="box", Key="kept", Body=b"k" * 200_000)
    assert sum(refused(lambda: s3.put_object(Bucket="box", Key=f"fill{n}", Body=os.urandom(10_000_000))) for n in range(12)) > 0
    assert s3.get_object(Bucket="box", Key="kept")["Body"].read() == b"k" * 200_000
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket="box")["Contents"]]
    for key in keys:
        assert len(s3.get_object(Bucket="box", Key=key)["Body"].read()) in (200_000, 10_000_000)

    def healed():
        gone = {"Objects": [{"Key": k} for k in keys if k != "kept"]}
        return not refused(lambda: s3.delete_objects(Bucket="box", Delete=gone)) and \
            not refused(lambda: s3.put_object(Bucket="box", Key="after", Body=os.urandom(10_000_000)))
    eventually(healed)


def test_full_disk_in_a_multipart_upload(small_disk, eventually):
    """Parts that were acknowledged stay; the one that was refused is not there, nor is its file; when space returns, the upload goes on."""
    s3 = small_disk.client("s3", retries={"max_attempts": 0})
    s3.create_bucket(Bucket="box")
    for n in range(3):
        s3.put_object(Bucket="box", Key=f"old{n}", Body=os.urandom(10_000_000))
    upload = {"Bucket": "box", "Key": "large", "UploadId": s3.create_multipart_upload(Bucket="box", Key="large")["UploadId"]}
    parts, number = {}, 0
    while True:
        number += 1
        data = os.urandom(6_000_000)
        if refused(lambda: parts.update({number: (s3.upload_part(PartNumber=number, Body=data, **upload)["ETag"], data)})):
            break
        assert number < 20, "a disk of 80 MB takes 120"
    there = s3.list_parts(**upload)["Parts"]
    assert [(p["PartNumber"], p["ETag"], p["Size"]) for p in there] == [(n, etag, 6_000_000) for n, (etag, _) in parts.items()]
    eventually(lambda: len(blobs(small_disk)) == 3 + len(parts))

    def goes_on():
        return not refused(lambda: s3.delete_objects(Bucket="box", Delete={"Objects": [{"Key": f"old{n}"} for n in range(3)]})) and \
            not refused(lambda: parts.update({number: (s3.upload_part(PartNumber=number, Body=data, **upload)["ETag"], data)}))
    eventually(goes_on)
    s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": n, "ETag": etag} for n, (etag, _) in parts.items()]}, **upload)
    small_disk.kill()
    small_disk.start()
    s3 = small_disk.client("s3")
    assert s3.get_object(Bucket="box", Key="large")["Body"].read() == b"".join(d for _, d in parts.values())
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="box")
    assert len(blobs(small_disk)) == len(parts)
