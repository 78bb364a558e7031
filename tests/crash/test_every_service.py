"""What every service that keeps something must bear: kill -9 under load, a disk that is full, memory that is not there. What was
acknowledged stays, what was refused is not there, and the server says what is wrong instead of losing its way."""
import io
import os
import random
import shutil
import signal
import subprocess
import threading
import time
import zipfile

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from conftest import PATIENCE_S

HERE = os.path.dirname(os.path.abspath(__file__))
TRUST = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com", "scheduler.amazonaws.com"]}, "Action": "sts:AssumeRole"}]}'
TEMPLATE = '{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}'
ROLE = "arn:aws:iam::000000000000:role/role"


def code():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as z:
        z.writestr("m.py", "def handler(event, context):\n    return 1\n")
    return data.getvalue()


CODE = code()


def pages(client, operation, of, member, **arguments):
    return {x[member] for page in client.get_paginator(operation).paginate(**arguments) for x in page.get(of, [])}


def metric_names(cloudwatch):
    return pages(cloudwatch, "list_metrics", "Metrics", "MetricName")


def messages(logs):
    return {e["message"] for page in logs.get_paginator("filter_log_events").paginate(logGroupName="group") for e in page["events"]}


# service: what is made once; one write of a name; the names that are there
KEEPERS = {
    "sqs": (lambda c: None, lambda c, n: c.create_queue(QueueName=n), lambda c: {u.rsplit("/", 1)[1] for page in c.get_paginator("list_queues").paginate() for u in page.get("QueueUrls", [])}),
    "s3": (lambda c: c.create_bucket(Bucket="bucket"), lambda c, n: c.put_object(Bucket="bucket", Key=n, Body=n.encode() * 40),
           lambda c: pages(c, "list_objects_v2", "Contents", "Key", Bucket="bucket")),
    "dynamodb": (lambda c: c.create_table(TableName="table", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                                          AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}]),
                 lambda c, n: c.put_item(TableName="table", Item={"k": {"S": n}}),
                 lambda c: {i["k"]["S"] for page in c.get_paginator("scan").paginate(TableName="table") for i in page["Items"]}),
    "sns": (lambda c: None, lambda c, n: c.create_topic(Name=n), lambda c: {a.rsplit(":", 1)[1] for a in pages(c, "list_topics", "Topics", "TopicArn")}),
    "events": (lambda c: None, lambda c, n: c.put_rule(Name=n, ScheduleExpression="rate(1 day)"), lambda c: pages(c, "list_rules", "Rules", "Name")),
    "scheduler": (lambda c: None, lambda c, n: c.create_schedule(Name=n, ScheduleExpression="rate(1 day)", FlexibleTimeWindow={"Mode": "OFF"},
                                                                 Target={"Arn": "arn:aws:sqs:us-east-1:000000000000:q", "RoleArn": ROLE}),
                  lambda c: pages(c, "list_schedules", "Schedules", "Name")),
    "logs": (lambda c: (c.create_log_group(logGroupName="group"), c.create_log_stream(logGroupName="group", logStreamName="stream")),
             lambda c, n: c.put_log_events(logGroupName="group", logStreamName="stream", logEvents=[{"timestamp": int(time.time() * 1000), "message": n}]), messages),
    "kms": (lambda c: c.create_key(), lambda c, n: c.create_key(Description=n),
            lambda c: {c.describe_key(KeyId=k)["KeyMetadata"]["Description"] for k in pages(c, "list_keys", "Keys", "KeyId")}),
    "iam": (lambda c: c.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST), lambda c, n: c.create_user(UserName=n),
            lambda c: pages(c, "list_users", "Users", "UserName")),
    "lambda": (lambda c: None, lambda c, n: c.create_function(FunctionName=n, Runtime="python3.11", Handler="m.handler", Role=ROLE, Code={"ZipFile": CODE}),
               lambda c: pages(c, "list_functions", "Functions", "FunctionName")),
    "cloudwatch": (lambda c: None, lambda c, n: c.put_metric_data(Namespace="space", MetricData=[{"MetricName": n, "Value": 1}]), metric_names),
    "apigateway": (lambda c: None, lambda c, n: c.create_rest_api(name=n), lambda c: pages(c, "get_rest_apis", "items", "name")),
    "cloudformation": (lambda c: None, lambda c, n: c.create_stack(StackName=n, TemplateBody=TEMPLATE), lambda c: pages(c, "describe_stacks", "Stacks", "StackName")),
    "s3control": (lambda c: None, lambda c, n: c.create_access_point(AccountId="000000000000", Name=n, Bucket="bucket"),
                  lambda c: {p["Name"] for p in c.list_access_points(AccountId="000000000000", MaxResults=1000)["AccessPointList"]}),
}
BOUNDED = {"s3control": 500, "scheduler": 500, "events": 250, "apigateway": 100, "lambda": 100, "cloudformation": 60}  # quotas, and what a machine bears


pytestmark = pytest.mark.usefixtures("names_below_localhost")  # S3 Control's clients put the account there


def clients(server):
    return {s: server.client(s, retries={"max_attempts": 0}) for s in KEEPERS}


def make_once(server):
    c = clients(server)
    for s in sorted(KEEPERS, key=lambda s: s != "iam"):  # the role first
        KEEPERS[s][0](c[s])


def check(server, acknowledged, refused=None):
    """What was acknowledged is there; what was refused is not."""
    c = clients(server)
    for s in KEEPERS:
        there = KEEPERS[s][2](c[s])
        missing = set(acknowledged[s]) - there
        assert not missing, f"{s} lost {len(missing)} of {len(acknowledged[s])}: {sorted(missing)[:3]}"
        wrong = set((refused or {}).get(s, [])) & there
        assert not wrong, f"{s} keeps what it refused: {sorted(wrong)[:3]}"


def writer(service, client, stop, acknowledged, errors):
    def run():
        n = 0
        while not stop.is_set() and len(acknowledged) < BOUNDED.get(service, 5000):
            name = f"{service}-{time.monotonic_ns()}-{n}"
            n += 1
            try:
                KEEPERS[service][1](client, name)
            except ClientError as e:
                errors.append(f"{service}: {e}")
                return
            except BotoCoreError:
                return  # killed
            acknowledged.append(name)
    return threading.Thread(target=run)


def test_kills_under_load(fresh_tsubo, eventually):
    make_once(fresh_tsubo)
    acknowledged, errors, chance = {s: [] for s in KEEPERS}, [], random.Random(7)
    for _ in range(int(os.environ.get("CRASH_ROUNDS", "5"))):
        stop = threading.Event()
        threads = [writer(s, c, stop, acknowledged[s], errors) for s, c in clients(fresh_tsubo).items()]
        for t in threads:
            t.start()
        eventually(lambda: all(acknowledged.values()) or errors)
        time.sleep(chance.uniform(0.3, 0.9))
        fresh_tsubo.kill()
        stop.set()
        for t in threads:
            t.join()
        fresh_tsubo.start()
        check(fresh_tsubo, acknowledged)
    assert not errors, errors[:3]


def fill(path):
    """All that is left of the disk."""
    with open(path, "wb", buffering=0) as f:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    f.write(b"\0" * size)
            except OSError:
                pass


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk(fresh_tsubo, tmp_path, eventually):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "none", str(disk)], capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    server = type(fresh_tsubo)(data=str(disk / "data"))
    acknowledged, refused = {s: [] for s in KEEPERS}, {s: [] for s in KEEPERS}
    try:
        server.start()
        make_once(server)
        c = clients(server)

        def write(s, name):
            try:
                KEEPERS[s][1](c[s], name)
            except ClientError as e:
                assert e.response["ResponseMetadata"]["HTTPStatusCode"] >= 500, f"{s}: {e}"
                refused[s].append(name)
                return False
            acknowledged[s].append(name)
            return True

        for s in KEEPERS:
            assert write(s, f"{s}-before")
        numbers, fills = iter(range(100_000)), []

        def exhaust():
            """What was under way when the disk was full, and gave room back at its end, gives none a second time."""
            fills.append(disk / f"fill-{len(fills)}")
            fill(fills[-1])
            # The log's segment is preallocated: it takes writes until it is full. (S3's bodies go to packs, which are not.)
            refusals = 0
            while refusals < 10:
                refusals = 0 if write("logs", f"logs-{next(numbers)}-" + "x" * 36000) else refusals + 1

        for s in KEEPERS:
            for _ in range(10):
                exhaust()
                for _ in range(40):
                    write(s, f"{s}-during-{next(numbers)}")
                if refused[s] or s == "cloudwatch":
                    break
        assert all(refused[s] or s == "cloudwatch" for s in KEEPERS), {s: len(r) for s, r in refused.items()}
        check(server, acknowledged, refused)
        for path in fills:
            os.unlink(path)
        for s in KEEPERS:
            tries = iter(range(10_000))
            eventually(lambda: write(s, f"{s}-after-{next(tries)}"))
        server.kill()
        server.start()
        check(server, acknowledged, refused)
    finally:
        server.close()
        subprocess.run(["umount", "-l", str(disk)])
        shutil.rmtree(disk, ignore_errors=True)


@pytest.fixture(scope="module")
def nomem(tmp_path_factory):
    library = tmp_path_factory.mktemp("nomem") / "nomem.so"
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", "-o", library, os.path.join(HERE, "nomem.c")], check=True)
    return library


def one_of_each(server, acknowledged, tag):
    c = clients(server)
    for s in sorted(KEEPERS, key=lambda s: s != "iam"):
        try:
            KEEPERS[s][0](c[s])
        except ClientError as e:
            assert e.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 409), e  # there already
        KEEPERS[s][1](c[s], f"{s}-{tag}")
        acknowledged[s].append(f"{s}-{tag}")
        KEEPERS[s][2](c[s])


@pytest.mark.skipif("TSUBO_BINARY" in os.environ, reason="a sanitizer has its own malloc")
def test_an_allocation_that_fails(fresh_tsubo, nomem, tmp_path, monkeypatch):
    """One allocation of the program finds no memory: it stops with that word (or went on without), and starts again with all that
    it acknowledged. The numbers are spread over what a run of every service allocates."""
    acknowledged = {s: [] for s in KEEPERS}
    make_once(fresh_tsubo)
    fresh_tsubo.stop()
    count = tmp_path / "count"
    monkeypatch.setenv("NOMEM_LOG", str(count))
    monkeypatch.setenv("LD_PRELOAD", str(nomem))
    fresh_tsubo.start()
    one_of_each(fresh_tsubo, acknowledged, "counted")
    assert fresh_tsubo.stop() == 0
    total, stops = int(count.read_text()), 0
    assert total > 50
    for at in range(3, total, max(1, total // int(os.environ.get("NOMEM_RUNS", "8")))):
        monkeypatch.setenv("LD_PRELOAD", str(nomem))
        monkeypatch.setenv("NOMEM_AT", str(at))
        before = len(fresh_tsubo.log_text())
        try:
            fresh_tsubo.start()
            one_of_each(fresh_tsubo, acknowledged, at)
            fresh_tsubo.stop()
        except (BotoCoreError, RuntimeError):
            ended = fresh_tsubo.process.wait(PATIENCE_S)
            assert ended == -signal.SIGABRT and "out of memory" in fresh_tsubo.log_text()[before:], (at, ended, fresh_tsubo.log_text()[-500:])
            stops += 1
        monkeypatch.delenv("LD_PRELOAD")
        monkeypatch.delenv("NOMEM_AT")
        fresh_tsubo.start()
        check(fresh_tsubo, acknowledged)
        fresh_tsubo.stop()
    assert stops > 0
