"""Kinesis through other real clients than boto3: the SDK for JavaScript v3 (client.js), the AWS CLI."""
import base64
import json
import os
import subprocess

import pytest

from conftest import PATIENCE_S

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
NODE, MODULES = os.path.join(ROOT, "build/runtimes/node/bin/node"), os.path.join(ROOT, "build/runtimes/nodejs/node_modules")
CLI = os.path.join(ROOT, "build/awscli/bin/aws")


def test_sdk_for_javascript(tsubo, name):
    if not os.path.exists(os.path.join(MODULES, "@aws-sdk/client-kinesis")):
        pytest.skip("the SDK for JavaScript is not installed (tools/deps)")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "client.js")
    run = subprocess.run([NODE, script, tsubo.url, name], env={**os.environ, "NODE_PATH": MODULES}, capture_output=True, text=True, timeout=PATIENCE_S)
    assert run.returncode == 0 and run.stdout.split() == ["ok"], run.stdout + run.stderr


def test_aws_cli(tsubo, name, tmp_path):
    if not os.path.exists(CLI):
        pytest.skip("the AWS CLI is not installed (tools/deps)")
    env = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": "",
           "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}

    def aws(*args):
        run = subprocess.run([CLI, "--endpoint-url", tsubo.url, "--output", "json", "kinesis", *args], env=env, capture_output=True, text=True, timeout=PATIENCE_S)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout) if run.stdout.strip() else None

    data = tmp_path / "data"
    data.write_bytes(b"hello")
    aws("create-stream", "--stream-name", name, "--shard-count", "1")
    aws("wait", "stream-exists", "--stream-name", name)
    put = aws("put-record", "--stream-name", name, "--partition-key", "k", "--data", "fileb://" + str(data))
    at = aws("get-shard-iterator", "--stream-name", name, "--shard-id", put["ShardId"], "--shard-iterator-type", "TRIM_HORIZON")["ShardIterator"]
    assert base64.b64decode(aws("get-records", "--shard-iterator", at)["Records"][0]["Data"]) == b"hello"
    assert len(aws("list-shards", "--stream-name", name)["Shards"]) == 1
