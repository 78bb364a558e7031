"""Clients that mean harm without a word of AWS: more connections than there may be, heads that never end, headers without measure, bytes
that are no HTTP at all. Well-behaved clients are answered all the while, and afterwards nothing of it is left: no descriptor, little
memory. Source: src/http/http.h's limits; RFC 9110 (431, 400), RFC 9112."""
import os
import random
import re
import resource
import socket
import time

import pytest

from conftest import PATIENCE_S

HEAD_MAX, HEADERS_MAX, CONNECTIONS_MAX = 64 << 10, 200, 4096


@pytest.fixture(autouse=True)
def many_descriptors():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def connect(server):
    s = socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)
    return s


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def memory_mb(server):
    with open(f"/proc/{server.process.pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024


def all_of(s):
    """What comes until the other side closes."""
    got = b""
    try:
        while piece := s.recv(65536):
            got += piece
    except ConnectionResetError:
        pass
    return got


def asked(server, head):
    """What raw bytes are answered with, to the end of the connection."""
    with connect(server) as s:
        try:
            s.sendall(head)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return all_of(s)


def status(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


@pytest.fixture
def calm(fresh_tsubo, eventually):
    """The server; afterwards it must be as it was."""
    sqs = fresh_tsubo.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    before, memory = descriptors(fresh_tsubo), memory_mb(fresh_tsubo)
    fresh_tsubo.ask = lambda: sqs.send_message(QueueUrl=url, MessageBody="still here")
    yield fresh_tsubo
    fresh_tsubo.ask()
    eventually(lambda: descriptors(fresh_tsubo) <= before + 1)
    if "TSUBO_BINARY" not in os.environ:  # a sanitizer keeps what is freed
        assert memory_mb(fresh_tsubo) - memory < 48


def test_more_connections_than_there_may_be(calm, eventually):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < CONNECTIONS_MAX + 600:
        pytest.skip("too few descriptors")
    calm.ask()  # its connection is there already, and stays
    held = [connect(calm) for _ in range(CONNECTIONS_MAX + 200)]
    calm.ask()
    assert descriptors(calm) < CONNECTIONS_MAX + 200
    for s in held:
        s.close()
    eventually(lambda: status(asked(calm, b"GET /_tsubo/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")) is not None)


def test_heads_that_never_end(calm):
    """Slow loris: a byte now and then, of which no head becomes one."""
    held = [connect(calm) for _ in range(500)]
    for s in held:
        s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ")
    for _ in range(20):
        for s in held:
            try:
                s.sendall(b"a")
            except (BrokenPipeError, ConnectionResetError):
                pass  # its time is over: the server has hung up
        began = time.monotonic()
        calm.ask()
        assert time.monotonic() - began < 20
    for s in held:
        s.close()


def test_bodies_that_never_end(calm):
    """Each holds what it has sent, and no more."""
    held = [connect(calm) for _ in range(200)]
    for s in held:
        s.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.ListQueues\r\n"
                  b"Content-Length: 1000000\r\n\r\n{")
    calm.ask()
    for s in held:
        s.close()


@pytest.mark.parametrize("head, answer", [
    (b"GET /" + b"a" * (HEAD_MAX + 10) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", {414, 431}),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: " + b"a" * HEAD_MAX + b"\r\n\r\n", {431}),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: a\r\n" % i for i in range(HEADERS_MAX + 1)) + b"\r\n", {431}),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * 100_000, {431}),
    (b"A" * (HEAD_MAX * 4), {400, 414, 431, 501}),
], ids=["target", "header", "count", "endless", "method"])
def test_heads_without_measure(calm, head, answer):
    assert status(asked(calm, head)) in answer


def test_bytes_that_are_no_http(calm):
    chance = random.Random(11)
    for first in [b"", b"\x00", b"\x16\x03\x01", b"\x16\x03\x01\xff\xff\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET ", b"POST / HTTP/1.1\r\n", b"\r\n" * 1000,
                  b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"] * 3:
        answer = asked(calm, first + chance.randbytes(HEAD_MAX))
        assert status(answer) is None or 400 <= status(answer) < 600
        calm.ask()
