"""DynamoDB beside DynamoDB Local (in memory and on disk) and dynalite, a signed call of nothing, and the store's own durable rate."""
import glob
import os
import re
import shutil
import statistics
import subprocess
import time
from collections import namedtuple

import boto3
from botocore.config import Config

import tables
from conftest import free_port
from harness import FORM, IDENTITY, ROOT, SECONDS, USER_AGENT, cpu_us, row
from sign import requests_file

RIVALS = os.path.join(ROOT, "build/bench")
NODE = os.path.join(ROOT, "build/runtimes/node/bin/node")
SMALL, GROWN = 10_000, int(os.environ.get("BENCH_ITEMS", "1000000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "2"))
WARM_SECONDS = float(os.environ.get("BENCH_WARM_SECONDS", "5"))  # of each kind of request: a Java program is compiled while it runs
MEMORY_MB = 256
KINDS = {"get": "GetItem", "put": "PutItem, durable", "query": "Query of 100 items"}

Rival = namedtuple("Rival", "name kinds process url")
Rate = namedtuple("Rate", "a_second processor_us")


def rivals(folder):
    """What is installed (tools/deps bench), started."""
    def start(name, kinds, argv):
        port = free_port()
        process = subprocess.Popen([*argv, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return Rival(name, kinds, process, f"http://localhost:{port}/")

    jars = os.path.join(RIVALS, "dynamodb-local")
    if os.path.isdir(jars) and shutil.which("java"):
        argv = ["java", f"-Djava.library.path={jars}", "-cp", f"{jars}/*",
                "com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-disableTelemetry"]
        yield start("DynamoDB Local, in memory", ("get", "put", "query"), [*argv, "-inMemory", "-port"])
        os.mkdir(os.path.join(folder, "local"))
        yield start("DynamoDB Local, on disk", ("put",), [*argv, "-dbPath", os.path.join(folder, "local"), "-port"])
    for cli in glob.glob(os.path.join(RIVALS, "dynalite/node_modules/dynalite/cli.js")):
        yield start("dynalite, in memory", ("get", "put", "query"), [NODE, cli, "--createTableMs", "0", "--port"])


def client_of(url):
    config = Config(retries={"max_attempts": 60, "mode": "standard"}, inject_host_prefix=False)
    return boto3.client("dynamodb", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test", config=config)


def wait_for(url):
    for _ in range(300):
        try:
            return client_of(url).list_tables()
        except Exception:  # not listening yet
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def replay(pid, url, clients, path, seconds=SECONDS):
    """Send a file's requests; what the server does a second and its processor time for each."""
    port, before = url.rstrip("/").rpartition(":")[2], cpu_us(pid)
    with open(path, "rb") as f:
        argv = [os.path.join(ROOT, "build/obj/bench/replay"), "127.0.0.1", port, str(clients), str(seconds)]
        done = subprocess.run(argv, stdin=f, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{url} answers errors:\n{done.stderr}")
    answers, took, _ = (float(word) for word in done.stdout.split())
    return Rate(answers / took, (cpu_us(pid) - before) / answers)


def raw_puts(folder, clients):
    data = os.path.join(folder, "raw")
    argv = [os.path.join(ROOT, "build/obj/bench/store_raw"), data, str(SECONDS), str(clients), "1024", "100000", "put"]
    out = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    shutil.rmtree(data)
    return Rate(float(re.search(r"clients\s+([\d.]+)/s", out).group(1)), 0)


def turns(runs):
    """The median of each, run in turns."""
    seen = [[] for _ in runs]
    for _ in range(ROUNDS):
        for rates, run in zip(seen, runs):
            rates.append(run())
    return [Rate(*(statistics.median(values) for values in zip(*rates))) for rates in seen]


def compare(what, mine, theirs, versus, aim):
    row(f"{what}, requests/s", mine.a_second, theirs.a_second, versus, aim)
    if theirs.processor_us > 0:
        row(f"{what}, processor us", mine.processor_us, theirs.processor_us, versus, "-")


def resident_mb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024


def warm(pid, url, load, kinds):
    for kind in kinds:
        replay(pid, url, 16, getattr(load, kind), WARM_SECONDS)


def side_by_side(server, folder, others):
    pid, url = server.process.pid, server.url + "/"
    nothing = requests_file(os.path.join(folder, "nothing"), url, "sts", [IDENTITY], {**FORM, "User-Agent": USER_AGENT})
    ours = tables.Load(folder, "tsubo", url, "small", SMALL)
    theirs = [tables.Load(folder, f"rival{i}", o.url, "small", SMALL) for i, o in enumerate(others)]
    warm(pid, url, ours, KINDS)
    for other, load in zip(others, theirs):
        warm(other.process.pid, other.url, load, other.kinds)
    for clients in (1, 16, 64):
        for kind, what in KINDS.items():
            there = [(o, load) for o, load in zip(others, theirs) if kind in o.kinds]
            runs = [lambda: replay(pid, url, clients, getattr(ours, kind))]
            runs += [lambda o=o, load=load: replay(o.process.pid, o.url, clients, getattr(load, kind)) for o, load in there]
            runs += {"get": [lambda: replay(pid, url, clients, nothing)], "put": [lambda: raw_puts(folder, clients)], "query": []}[kind]
            mine, *rates = turns(runs)
            what = f"{what}, {clients} clients"
            if kind != "query":
                versus, aim = ("signed GetCallerIdentity", ">= 0.50") if kind == "get" else ("store's raw durable rate", ">= 0.60")
                compare(what, mine, rates.pop(), versus, aim)
            for (other, _), rate in zip(there, rates):
                aim = "-" if "Local" not in other.name else ">= 10" if kind == "query" else ">= 15"
                compare(what, mine, rate, other.name, aim)


def grown(server, folder):
    """A table far larger than memory given to it: what it costs, and how much is resident."""
    pid, url, client = server.process.pid, server.url + "/", server.client("dynamodb")
    tables.make(client, "tiny")
    tables.load(client, url, "tiny", 1000)
    tables.make(client, "grown")
    began = time.monotonic()
    tables.load(client, url, "grown", GROWN)
    print(f"loaded {GROWN} items of 1 KB by BatchWriteItem in {time.monotonic() - began:.0f} s", flush=True)
    small = tables.Load(folder, "tiny", url, "tiny", 1000)
    large = tables.Load(folder, "grown", url, "grown", GROWN, requests=20_000)  # more of it than the cache holds
    warm(pid, url, large, KINDS)  # every file of the table is open afterwards
    for kind, what in KINDS.items():
        mine, theirs = turns([lambda load=load: replay(pid, url, 64, getattr(load, kind)) for load in (large, small)])
        compare(f"{what}, {GROWN} items", mine, theirs, "the same with 1,000 items", ">= 0.80")
    row(f"resident with {GROWN} items of 1 KB, MB", resident_mb(pid), MEMORY_MB, f"{MEMORY_MB} MB", "<= 1.00")


def bench(server, folder):
    parts = os.environ.get("BENCH_DYNAMODB", "beside grown").split()
    others = list(rivals(folder)) if "beside" in parts else []
    try:
        if "beside" in parts:
            tables.make(server.client("dynamodb"), "small")
            tables.load(server.client("dynamodb"), server.url + "/", "small", SMALL)
        for other in others:
            wait_for(other.url)
            tables.make(client_of(other.url), "small")
            tables.load(client_of(other.url), other.url, "small", SMALL, clients=2)
        if "beside" in parts:
            side_by_side(server, folder, others)
    finally:
        for other in others:
            other.process.kill()
            other.process.wait()
    if "grown" in parts:
        grown(server, folder)
