"""What an object store must not do: leave half an upload after a crash, keep the space of what is deleted, let slow clients eat its
memory, lose something because memory ran out."""
import hashlib
import os
import re
import resource
import socket
import struct

import botocore.exceptions
import pytest

from conftest import PATIENCE_S

MB = 1 << 20
SANITIZED = pytest.mark.skipif("TSUBO_BINARY" in os.environ, reason="a sanitizer has its own malloc, and keeps what is freed")


def target(s3, operation, **params):
    """Method line's target of a presigned request: it needs no header but Host."""
    return re.sub(r"^http://[^/]+", "", s3.generate_presigned_url(operation, Params=params))


def v4(server):
    return server.client("s3", signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 0})


def begin(server, method, path, length=None):
    """A request by hand, so that it can stop in the middle."""
    s = socket.create_connection(("127.0.0.1", server.port))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    body = "" if length is None else f"Content-Length: {length}\r\n"
    s.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost:{server.port}\r\n{body}\r\n".encode())
    return s


def blobs(server):
    return [os.path.join(folder, f) for folder, _, files in os.walk(os.path.join(server.data, "blobs")) for f in files]


def memory(server, what="VmRSS"):
    with open(f"/proc/{server.process.pid}/status") as f:
        return int(re.search(what + r":\s+(\d+)", f.read()).group(1)) / 1024


def test_a_crash_in_the_middle_of_bodies_leaves_nothing(fresh_tsubo, eventually):
    s3 = v4(fresh_tsubo)
    s3.create_bucket(Bucket="box")
    upload = s3.create_multipart_upload(Bucket="box", Key="parts")["UploadId"]
    s3.upload_part(Bucket="box", Key="parts", UploadId=upload, PartNumber=1, Body=b"1" * (5 * MB))
    half = b"h" * (3 * MB)
    running = [begin(fresh_tsubo, "PUT", target(s3, "put_object", Bucket="box", Key="plain"), 8 * MB),
               begin(fresh_tsubo, "PUT", target(s3, "upload_part", Bucket="box", Key="parts", UploadId=upload, PartNumber=2), 8 * MB)]
    for s in running:
        s.sendall(half)
    eventually(lambda: sum(os.path.getsize(f) >= 2 * MB for f in blobs(fresh_tsubo) if "/new/" in f) == 2)
    fresh_tsubo.kill()
    fresh_tsubo.start()
    s3 = v4(fresh_tsubo)
    assert "Contents" not in s3.list_objects_v2(Bucket="box")
    parts = s3.list_parts(Bucket="box", Key="parts", UploadId=upload)["Parts"]
    assert [(p["PartNumber"], p["Size"]) for p in parts] == [(1, 5 * MB)]
    eventually(lambda: len(blobs(fresh_tsubo)) == 1)  # the part's
    s3.upload_part(Bucket="box", Key="parts", UploadId=upload, PartNumber=2, Body=b"2")
    parts = [{"PartNumber": p["PartNumber"], "ETag": p["ETag"]} for p in s3.list_parts(Bucket="box", Key="parts", UploadId=upload)["Parts"]]
    s3.complete_multipart_upload(Bucket="box", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket="box", Key="parts")["Body"].read() == b"1" * (5 * MB) + b"2"


def test_a_client_that_leaves_gives_its_space_back(fresh_tsubo, eventually):
    s3 = v4(fresh_tsubo)
    s3.create_bucket(Bucket="box")
    s = begin(fresh_tsubo, "PUT", target(s3, "put_object", Bucket="box", Key="never"), 64 * MB)
    s.sendall(b"x" * (4 * MB))
    eventually(lambda: [os.path.getsize(f) >= 2 * MB for f in blobs(fresh_tsubo)] == [True])
    s.close()
    eventually(lambda: blobs(fresh_tsubo) == [])
    assert "Contents" not in s3.list_objects_v2(Bucket="box")


def test_a_form_whose_sender_leaves_while_it_is_looked_through_leaves_nothing(fresh_tsubo, eventually):
    s3 = v4(fresh_tsubo)
    s3.create_bucket(Bucket="box")
    form = s3.generate_presigned_post(Bucket="box", Key="form")["fields"]
    head = "".join(f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in form.items())
    head = (head + '--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n').encode()
    body = head + b"f" * (32 * MB) + b"\r\n--b--\r\n"
    for _ in range(5):
        s = socket.create_connection(("127.0.0.1", fresh_tsubo.port))
        s.sendall(f"POST /box HTTP/1.1\r\nHost: localhost:{fresh_tsubo.port}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n".encode())
        s.sendall(body)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()  # while it is looked through, mostly; one that came so far is there
    eventually(lambda: fresh_tsubo.admin("status")["running_calls"] == 0)
    kept = [o["Size"] for o in s3.list_objects_v2(Bucket="box").get("Contents", [])]
    assert kept in ([], [32 * MB])
    eventually(lambda: len(blobs(fresh_tsubo)) == len(kept))


def test_deleted_bodies_give_their_space_back(fresh_tsubo, eventually):
    s3 = v4(fresh_tsubo)
    s3.create_bucket(Bucket="box")
    for n in range(4):
        s3.put_object(Bucket="box", Key=f"large{n}", Body=os.urandom(2 * MB))
    s3.copy_object(Bucket="box", Key="copy", CopySource="box/large0")
    s3.put_object(Bucket="box", Key="large1", Body=b"small now")
    eventually(lambda: len(blobs(fresh_tsubo)) == 3)
    s3.delete_objects(Bucket="box", Delete={"Objects": [{"Key": f"large{n}"} for n in range(4)]})
    eventually(lambda: len(blobs(fresh_tsubo)) == 1)  # the copy shares it
    s3.delete_object(Bucket="box", Key="copy")
    eventually(lambda: blobs(fresh_tsubo) == [])


def test_deleted_inline_bodies_give_their_space_back(fresh_tsubo, eventually):
    """Bodies of up to 64 KiB lie in the store's packs, in which what is dead is punched out."""
    s3 = v4(fresh_tsubo)
    s3.create_bucket(Bucket="box")

    def packs():
        there = 0
        for folder, _, files in os.walk(fresh_tsubo.data):
            for f in files if os.path.basename(folder) == "packs" else []:
                try:
                    there += os.stat(os.path.join(folder, f)).st_blocks * 512
                except FileNotFoundError:  # it has just been given back
                    pass
        return there

    a_round, written, most = 200 * 60_000, 0, 0
    while written < 12 * a_round:
        for n in range(200):
            s3.put_object(Bucket="box", Key=f"{n}", Body=os.urandom(60_000))
        most = max(most, packs())
        s3.delete_objects(Bucket="box", Delete={"Objects": [{"Key": f"{n}"} for n in range(200)]})
        written += a_round
    assert most > a_round / 2, "they did lie there"
    eventually(lambda: packs() < 3 * a_round)


@SANITIZED
def test_slow_clients_hold_little_memory(fresh_tsubo):
    """Uploads share a bounded number of buffers, and a new client gets one although 400 hold theirs half full."""
    s3 = v4(fresh_tsubo)
    s3.create_bucket(Bucket="box")
    data = os.urandom(3 * MB)
    s3.put_object(Bucket="box", Key="there", Body=data)
    before = memory(fresh_tsubo)
    put = target(s3, "put_object", Bucket="box", Key="slow")
    senders = [begin(fresh_tsubo, "PUT", put, 10 * MB) for _ in range(400)]
    for s in senders:
        s.setblocking(False)
        s.send(b"x" * 100_000)
    s3.put_object(Bucket="box", Key="quick", Body=data)
    assert s3.get_object(Bucket="box", Key="quick")["Body"].read() == data
    assert memory(fresh_tsubo) - before < 48, "96 buffers of 192 KiB, and what 400 connections cost"
    get = target(s3, "get_object", Bucket="box", Key="there")
    readers = [begin(fresh_tsubo, "GET", get) for _ in range(400)]
    for s in readers:
        assert s.recv(12) == b"HTTP/1.1 200"
    assert s3.get_object(Bucket="box", Key="quick")["Body"].read() == data
    assert memory(fresh_tsubo) - before < 48 + 72
    for s in senders + readers:
        s.close()


@SANITIZED
def test_memory_that_runs_out_ends_the_process_and_loses_nothing(fresh_tsubo):
    """An allocation that fails stops the program (STYLE.md: what it cannot guarantee it does not go on with); what it has
    acknowledged is there when it starts again, and nothing else."""
    s3 = v4(fresh_tsubo)
    s3.create_bucket(Bucket="box")
    known = {}
    for headroom in (1, 4, 16):
        with open(f"/proc/{fresh_tsubo.process.pid}/statm") as f:
            used = int(f.read().split()[0]) * resource.getpagesize()
        resource.prlimit(fresh_tsubo.process.pid, resource.RLIMIT_AS, (used + headroom * MB, resource.RLIM_INFINITY))
        s3 = v4(fresh_tsubo)
        held = []
        try:
            for n in range(300):
                held.append(begin(fresh_tsubo, "PUT", target(s3, "put_object", Bucket="box", Key="half"), 8 * MB))
                held[-1].setblocking(False)
                held[-1].send(b"x" * 200_000)
                key, data = f"{headroom}/{n}", os.urandom(30_000 if n % 2 else 300_000)
                known[key] = [None, hashlib.md5(data).hexdigest()]  # in doubt
                s3.put_object(Bucket="box", Key=key, Body=data)
                known[key] = [hashlib.md5(data).hexdigest()]
        except (botocore.exceptions.BotoCoreError, OSError):
            pass
        else:
            pytest.fail("the limit was never met")
        fresh_tsubo.process.wait(PATIENCE_S)
        assert fresh_tsubo.process.returncode != 0
        for s in held:
            s.close()
        fresh_tsubo.start()
    s3 = v4(fresh_tsubo)
    there = {o["Key"] for p in s3.get_paginator("list_objects_v2").paginate(Bucket="box") for o in p.get("Contents", [])}
    for key, may in known.items():
        found = hashlib.md5(s3.get_object(Bucket="box", Key=key)["Body"].read()).hexdigest() if key in there else None
        assert found in may, key
    assert there <= set(known)
