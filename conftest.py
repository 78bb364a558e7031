"""Fixtures for tests through real clients against the real binary.

`tsubo` is a running server of the module (its tests share its clock); `client("sqs")` a boto3 client of it with root keys; `fresh_tsubo` a server
of one test's own, which can be killed and started again on the same data.
"""
import json
import os
import random
import signal
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

import boto3
import botocore.config
import botocore.waiter
import pytest
from botocore.exceptions import ClientError

ROOT = os.path.dirname(os.path.abspath(__file__))
BINARY = os.environ.get("TSUBO_BINARY", os.path.join(ROOT, "build/tsubo"))
# Runtimes are looked for beside the binary; one made with a sanitizer lies elsewhere.
ELSEWHERE = ["--runtimes", os.path.join(ROOT, "build/runtimes")] if "TSUBO_BINARY" in os.environ else []

PATIENCE_S = 150  # it ends a broken run and judges no slow machine: whatever is waited for comes in a moment, or never

# Waiters ask every 15 or 30 seconds, which suits what takes AWS minutes; here it has mostly happened before they ask.
ask_again = botocore.waiter.Waiter.wait
botocore.waiter.Waiter.wait = lambda self, **how: ask_again(self, **{**how, "WaiterConfig": {"Delay": 0.1, "MaxAttempts": PATIENCE_S * 10}})


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def claim_port():
    """A port that stays ours while its server is down: below those that the system gives out by itself, and claimed among tests by a socket
    of that name. The port, and this socket."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        end = int(f.read().split()[0])
    for port in random.sample(range(min(10000, end // 2), end), 500):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0tsubo test, port {port}")
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", port))
            return port, claim
        except OSError:
            claim.close()
    raise RuntimeError("no port is free")


class Server:
    def __init__(self, data=None, args=()):
        self.own_data = data is None
        self.data = data or tempfile.mkdtemp(prefix="tsubo-test-")
        self.port, self.claim = claim_port()
        self.args = list(args)
        self.log = open(os.path.join(self.data + ".log"), "ab")
        self.process = None

    @property
    def url(self):
        return f"http://localhost:{self.port}"

    def start(self):
        self.process = subprocess.Popen([BINARY, "up", "--port", str(self.port), "--data", self.data, "--log", "json", *ELSEWHERE, *self.args],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"tsubo ended with {self.process.returncode}: {self.log_text()[-2000:]}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), 0.2):
                    return self
            except OSError:
                if time.monotonic() > deadline:
                    raise RuntimeError("tsubo does not answer: " + self.log_text()[-2000:])
                time.sleep(0.005)

    def kill(self):
        """kill -9: nothing is said, nothing is flushed."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                return self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise RuntimeError("tsubo did not stop: " + self.log_text()[-2000:])
        return self.process.returncode if self.process else None

    def restart(self):
        self.stop()
        return self.start()

    def close(self):
        try:
            self.stop()
        finally:
            self.claim.close()
            self.log.close()
            if self.own_data:
                shutil.rmtree(self.data, ignore_errors=True)
                os.unlink(self.data + ".log")

    def log_text(self):
        with open(self.data + ".log", errors="replace") as f:
            return f.read()

    def admin(self, path, method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/_tsubo/{path}", method=method, headers={"X-Tsubo": "1"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def turn_clock(self, span):
        """Turn the service clock: "+30s", "+1d"."""
        return self.admin("clock?turn=" + span.replace("+", "%2B"), "POST")

    def turn_to_next(self, period_s):
        """Turn the service clock to where the next whole minute (60), hour or day of it begins: what follows falls into one, and not by chance
        into two."""
        period_ms = period_s * 1000
        self.turn_clock(f"+{period_ms - self.admin('clock')['clock_ms'] % period_ms}ms")

    def session(self, key="test", secret="test", token=None, region="us-east-1"):
        return boto3.session.Session(aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token, region_name=region)

    def client(self, service, key="test", secret="test", token=None, region="us-east-1", **config):
        config.setdefault("retries", {"max_attempts": 1, "mode": "standard"})
        config.setdefault("inject_host_prefix", False)
        config.setdefault("read_timeout", 70)
        return self.session(key, secret, token, region).client(service, endpoint_url=self.url,
                                                               config=botocore.config.Config(**config))


@pytest.fixture(scope="module")
def tsubo():
    server = Server().start()
    yield server
    server.close()


@pytest.fixture
def fresh_tsubo():
    server = Server().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def client(tsubo):
    return tsubo.client


@pytest.fixture
def name(request):
    """A name no other test uses."""
    return "t-" + os.urandom(6).hex()


@pytest.fixture(scope="module")
def names_below_localhost():
    """Clients put accounts, buckets and access points in front of the host. Not every resolver knows that these are here (RFC 6761,
    section 6.3)."""
    before = socket.getaddrinfo
    socket.getaddrinfo = lambda host, *more, **named: before("localhost" if str(host).endswith(".localhost") else host, *more, **named)
    yield
    socket.getaddrinfo = before


def eventually(check, interval=0.05):
    """The first true answer of check(); fails when there is none in time. For what AWS, too, does a little later: until then an assertion may
    fail, and a call be refused."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            answer = check()
            if answer:
                return answer
            error = None
        except (AssertionError, ClientError) as e:
            error = e
        if time.monotonic() > deadline:
            raise error or AssertionError("did not happen in time")
        time.sleep(interval)


def next_message(sqs, url, **more):
    """The next message of a queue, waited for. It stays in flight."""
    return eventually(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, **more).get("Messages"))[0]


@pytest.fixture(name="eventually")
def eventually_fixture():
    return eventually
