"""DynamoDB beside DynamoDB Local and dynalite (both in memory), a signed call of nothing, and the store's own durable rate."""
import glob
import os
import re
import shutil
import subprocess
import time

import boto3
from botocore.config import Config

import tables
from conftest import free_port
from harness import FORM, IDENTITY, ROOT, SECONDS, USER_AGENT, alternate, row, wrk
from sign import wrk_script

RIVALS = os.path.join(ROOT, "build/bench")
NODE = os.path.join(ROOT, "build/runtimes/node/bin/node")
SMALL, GROWN = 10_000, int(os.environ.get("BENCH_ITEMS", "1000000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "2"))
MEMORY_MB = 256


def rivals():
    """What is installed (tools/deps bench), started, in memory: name, process, url."""
    port = free_port()
    jars = os.path.join(RIVALS, "dynamodb-local")
    if os.path.isdir(jars) and shutil.which("java"):
        argv = ["java", f"-Djava.library.path={jars}", "-cp", f"{jars}/*", "com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
                "-inMemory", "-disableTelemetry", "-port", str(port)]
        yield "DynamoDB Local, in memory", subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), f"http://localhost:{port}/"
    port = free_port()
    for cli in glob.glob(os.path.join(RIVALS, "dynalite/node_modules/dynalite/cli.js")):
        argv = [NODE, cli, "--port", str(port), "--createTableMs", "0"]
        yield "dynalite, in memory", subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), f"http://localhost:{port}/"


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


def raw_puts(folder, clients):
    data = os.path.join(folder, "raw")
    argv = [os.path.join(ROOT, "build/obj/bench/store_raw"), data, str(SECONDS), str(clients), "1024", "100000", "put"]
    out = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    shutil.rmtree(data)
    return float(re.search(r"clients\s+([\d.]+)/s", out).group(1))


def resident_mb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024


def side_by_side(server, folder, others):
    url = server.url + "/"
    nothing = wrk_script(url, "sts", IDENTITY, {**FORM, "User-Agent": USER_AGENT})
    ours = tables.scripts(folder, "tsubo", url, "small", SMALL)
    theirs = [tables.scripts(folder, f"rival{i}", u, "small", SMALL) for i, (_, _, u) in enumerate(others)]
    for clients in (1, 16, 64):
        for kind, what, base, versus, aim in (
                ("get", "GetItem", lambda: wrk(url, clients, nothing), "signed GetCallerIdentity", ">= 0.50"),
                ("put", "PutItem, durable", lambda: raw_puts(folder, clients), "store's raw durable rate", ">= 0.60"),
                ("query", "Query of 100 items", None, None, None)):
            runs = [lambda u=u, s=s: wrk(u, clients, s[kind]) for (_, _, u), s in zip(others, theirs)]
            runs += [base] if base else []
            mine, *rates = alternate(lambda: wrk(url, clients, ours[kind]), *runs, rounds=ROUNDS)
            if base:
                row(f"{what}, {clients} clients, requests/s", mine, rates.pop(), versus, aim)
            for (name, _, _), rate in zip(others, rates):
                aim = "-" if "Local" not in name else ">= 10" if kind == "query" else ">= 15"
                row(f"{what}, {clients} clients, requests/s", mine, rate, name, aim)


def grown(server, folder):
    """A table far larger than memory given to it: what it costs, and how much is resident."""
    url, client = server.url + "/", server.client("dynamodb")
    tables.make(client, "tiny")
    tables.load(client, url, "tiny", 1000)
    tables.make(client, "grown")
    began = time.monotonic()
    tables.load(client, url, "grown", GROWN)
    print(f"loaded {GROWN} items of 1 KB by BatchWriteItem in {time.monotonic() - began:.0f} s", flush=True)
    small, large = tables.scripts(folder, "tiny", url, "tiny", 1000), tables.scripts(folder, "grown", url, "grown", GROWN)
    for kind, what in (("get", "GetItem"), ("put", "PutItem, durable"), ("query", "Query of 100 items")):
        mine, theirs = alternate(lambda: wrk(url, 64, large[kind]), lambda: wrk(url, 64, small[kind]), rounds=ROUNDS)
        row(f"{what}, {GROWN} items, requests/s", mine, theirs, "the same with 1,000 items", ">= 0.80")
    row(f"resident with {GROWN} items of 1 KB, MB", resident_mb(server.process.pid), MEMORY_MB, f"{MEMORY_MB} MB", "<= 1.00")


def bench(server, folder):
    others = list(rivals())
    try:
        tables.make(server.client("dynamodb"), "small")
        tables.load(server.client("dynamodb"), server.url + "/", "small", SMALL)
        for _, _, url in others:
            wait_for(url)
            tables.make(client_of(url), "small")
            tables.load(client_of(url), url, "small", SMALL, clients=2)
        side_by_side(server, folder, others)
    finally:
        for _, process, _ in others:
            process.kill()
            process.wait()
    grown(server, folder)
