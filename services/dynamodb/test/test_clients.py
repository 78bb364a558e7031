"""DynamoDB through other real clients than boto3: the SDK for JavaScript v3 with lib-dynamodb (client.js), the AWS CLI."""
import json
import os
import subprocess

import pytest

from conftest import PATIENCE_S

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
NODE, MODULES = os.path.join(ROOT, "build/runtimes/node/bin/node"), os.path.join(ROOT, "build/runtimes/nodejs/node_modules")
CLI = os.path.join(ROOT, "build/awscli/bin/aws")


def test_sdk_for_javascript(tsubo, name):
    if not os.path.exists(os.path.join(MODULES, "@aws-sdk/lib-dynamodb")):
        pytest.skip("the SDK for JavaScript is not installed (tools/deps)")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "client.js")
    run = subprocess.run([NODE, script, tsubo.url, name], env={**os.environ, "NODE_PATH": MODULES}, capture_output=True, text=True, timeout=PATIENCE_S)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.split() == "ok tables ok values ok conditions ok wideKeys ok searches ok transactions ok statements".split()


@pytest.fixture
def aws(tsubo, tmp_path):
    """Run `aws dynamodb ...`; gives its answer, or fails with what it says."""
    if not os.path.exists(CLI):
        pytest.skip("the AWS CLI is not installed (tools/deps)")
    env = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": "",
           "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}

    def call(*args, fails=None):
        words = [a if isinstance(a, str) else json.dumps(a) for a in args]
        run = subprocess.run([CLI, "--endpoint-url", tsubo.url, "--output", "json", *words], env=env, capture_output=True, text=True, timeout=PATIENCE_S)
        if fails:
            assert run.returncode != 0 and fails in run.stderr, run.stdout + run.stderr
            return None
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout) if run.stdout.strip() else None

    return call


def test_aws_cli(aws, name):
    made = aws("dynamodb", "create-table", "--table-name", name, "--attribute-definitions", "AttributeName=pk,AttributeType=S",
               "--key-schema", "AttributeName=pk,KeyType=HASH", "--billing-mode", "PAY_PER_REQUEST",
               "--stream-specification", "StreamEnabled=true,StreamViewType=NEW_IMAGE", "--tags", "Key=team,Value=x")
    aws("dynamodb", "wait", "table-exists", "--table-name", name)
    for i in range(5):
        aws("dynamodb", "put-item", "--table-name", name, "--item", {"pk": {"S": "k%d" % i}, "n": {"N": str(i)}})
    assert aws("dynamodb", "get-item", "--table-name", name, "--key", {"pk": {"S": "k3"}})["Item"]["n"] == {"N": "3"}
    updated = aws("dynamodb", "update-item", "--table-name", name, "--key", {"pk": {"S": "k3"}}, "--update-expression", "SET n = n + :n",
                  "--expression-attribute-values", {":n": {"N": "10"}}, "--return-values", "UPDATED_NEW")
    assert updated["Attributes"] == {"n": {"N": "13"}}
    aws("dynamodb", "put-item", "--table-name", name, "--item", {"pk": {"S": "k3"}}, "--condition-expression", "attribute_not_exists(pk)",
        fails="(ConditionalCheckFailedException) when calling the PutItem operation: The conditional request failed")
    page = aws("dynamodb", "scan", "--table-name", name, "--max-items", "2")
    assert len(page["Items"]) == 2
    rest = aws("dynamodb", "scan", "--table-name", name, "--starting-token", page["NextToken"])
    assert sorted(i["pk"]["S"] for i in page["Items"] + rest["Items"]) == ["k0", "k1", "k2", "k3", "k4"]
    found = aws("dynamodb", "execute-statement", "--statement", "SELECT n FROM \"%s\" WHERE pk = 'k1'" % name)
    assert found["Items"] == [{"n": {"N": "1"}}]
    stream = aws("dynamodbstreams", "describe-stream", "--stream-arn", made["TableDescription"]["LatestStreamArn"])["StreamDescription"]
    start = aws("dynamodbstreams", "get-shard-iterator", "--stream-arn", stream["StreamArn"], "--shard-id", stream["Shards"][0]["ShardId"],
                "--shard-iterator-type", "TRIM_HORIZON")
    assert len(aws("dynamodbstreams", "get-records", "--shard-iterator", start["ShardIterator"])["Records"]) == 6
    aws("dynamodb", "delete-table", "--table-name", name)
    aws("dynamodb", "wait", "table-not-exists", "--table-name", name)
    aws("dynamodb", "describe-table", "--table-name", name, fails="(ResourceNotFoundException)")
