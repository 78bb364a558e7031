"""The AWS CLIs and the SDK for JavaScript v3 as their users call them. Debian's CLI is version 2 and must be told the endpoint; the one below build/awscli is
version 1 and reads AWS_ENDPOINT_URL."""
import io
import json
import os
import subprocess
import time
import zipfile

import pytest

from conftest import PATIENCE_S, ROOT

CLIS = {"v1": os.path.join(ROOT, "build/awscli/bin/aws"), "v2": "/usr/bin/aws"}
NODE = os.path.join(ROOT, "build/runtimes/node/bin/node")
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def environment(tsubo, tmp_path):
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1", "AWS_PAGER": "", "AWS_ENDPOINT_URL": tsubo.url, "AWS_CONFIG_FILE": "/dev/null", "LANG": "C.UTF-8"}


class Cli:
    def __init__(self, program, tsubo, tmp_path):
        self.argv, self.env, self.cwd = [program, "--endpoint-url", tsubo.url], environment(tsubo, tmp_path), str(tmp_path)

    def run(self, *args, ok=True):
        p = subprocess.run([*self.argv, *args], env=self.env, cwd=self.cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S)
        assert not ok or p.returncode == 0, p.stderr
        return p if not ok else p.stdout.strip()

    def json(self, *args):
        return json.loads(self.run(*args, "--output", "json") or "null")


@pytest.fixture(params=list(CLIS))
def aws(request, tsubo, tmp_path):
    if not os.path.exists(CLIS[request.param]):
        pytest.skip(f"{CLIS[request.param]} is not installed")
    return Cli(CLIS[request.param], tsubo, tmp_path)


def code_zip(path, text, name="m.py"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr(name, text)
    path.write_bytes(out.getvalue())


def test_who_am_i(aws):
    assert aws.run("sts", "get-caller-identity", "--query", "Arn", "--output", "text") == "arn:aws:iam::000000000000:root"
    aws.env["AWS_SECRET_ACCESS_KEY"] = "wrong"
    p = aws.run("sts", "get-caller-identity", ok=False)
    assert p.returncode in (254, 255) and "SignatureDoesNotMatch" in p.stderr


def test_a_queue(aws, name):
    url = aws.run("sqs", "create-queue", "--queue-name", name, "--query", "QueueUrl", "--output", "text")
    aws.run("sqs", "send-message", "--queue-url", url, "--message-body", "grüß dich", "--message-attributes", '{"k": {"DataType": "String", "StringValue": "v"}}')
    got = aws.json("sqs", "receive-message", "--queue-url", url, "--message-attribute-names", "All")["Messages"][0]
    assert got["Body"] == "grüß dich" and got["MessageAttributes"]["k"]["StringValue"] == "v"
    aws.run("sqs", "delete-queue", "--queue-url", url)
    assert "AWS.SimpleQueueService.NonExistentQueue" in aws.run("sqs", "get-queue-url", "--queue-name", name, ok=False).stderr


def test_a_table(aws, name):
    aws.run("dynamodb", "create-table", "--table-name", name, "--attribute-definitions", "AttributeName=id,AttributeType=S", "--key-schema", "AttributeName=id,KeyType=HASH",
            "--billing-mode", "PAY_PER_REQUEST")
    aws.run("dynamodb", "wait", "table-exists", "--table-name", name)
    aws.run("dynamodb", "put-item", "--table-name", name, "--item", '{"id": {"S": "a"}, "n": {"N": "3"}}')
    assert aws.json("dynamodb", "scan", "--table-name", name)["Items"] == [{"id": {"S": "a"}, "n": {"N": "3"}}]


def test_a_bucket(aws, name, tmp_path):
    data = os.urandom(1 << 20) * 18  # beyond the CLI's threshold for parts
    (tmp_path / "big").write_bytes(data)
    aws.run("s3", "mb", f"s3://{name}")
    aws.run("s3", "cp", "big", f"s3://{name}/folder/big", "--no-progress")
    aws.run("s3", "cp", f"s3://{name}/folder/big", "back", "--no-progress")
    assert (tmp_path / "back").read_bytes() == data
    (tmp_path / "tree").mkdir()
    for i in range(5):
        (tmp_path / "tree" / f"f{i}").write_text(str(i))
    aws.run("s3", "sync", "tree", f"s3://{name}/tree", "--no-progress")
    assert len(aws.run("s3", "ls", f"s3://{name}/tree/").splitlines()) == 5
    aws.run("s3", "rm", f"s3://{name}", "--recursive")
    aws.run("s3", "rb", f"s3://{name}")


def test_a_function_and_its_log(aws, name, tmp_path, eventually):
    aws.run("iam", "create-role", "--role-name", name, "--assume-role-policy-document", TRUST)
    aws.run("iam", "put-role-policy", "--role-name", name, "--policy-name", "p", "--policy-document", ALL)
    code_zip(tmp_path / "code.zip", "def handler(event, context):\n    print('said', event['n'])\n    return event['n'] + 1\n")
    aws.run("lambda", "create-function", "--function-name", name, "--runtime", "python3.12", "--handler", "m.handler", "--zip-file", "fileb://code.zip",
            "--role", f"arn:aws:iam::000000000000:role/{name}", "--timeout", "60")
    aws.run("lambda", "wait", "function-active", "--function-name", name)
    raw = ["--cli-binary-format", "raw-in-base64-out"] if aws.argv[0] == CLIS["v2"] else []
    aws.run("lambda", "invoke", "--function-name", name, "--payload", '{"n": 1}', *raw, "out.json")
    assert (tmp_path / "out.json").read_text() == "2"
    if aws.argv[0] != CLIS["v2"]:
        return
    eventually(lambda: "said 1" in aws.run("logs", "tail", f"/aws/lambda/{name}", "--since", "5m", ok=False).stdout)
    with open(tmp_path / "followed", "w") as out:
        follow = subprocess.Popen([*aws.argv, "logs", "tail", f"/aws/lambda/{name}", "--follow", "--since", "1h", "--format", "short"], cwd=tmp_path,
                                  env={**aws.env, "PYTHONUNBUFFERED": "1"}, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)

    def told(*texts):
        assert follow.poll() is None
        return all((tmp_path / "followed").read_text().count(text) == n for text, n in texts)

    try:
        eventually(lambda: told(("said 1", 1), ("REPORT RequestId", 1)))  # it has begun, and what comes now it can only have by following
        aws.run("lambda", "invoke", "--function-name", name, "--payload", '{"n": 41}', *raw, "out.json")
        eventually(lambda: told(("said 41", 1), ("REPORT RequestId", 2)))
    finally:
        follow.kill()
        follow.wait()


def test_a_stack(aws, name, tmp_path):
    (tmp_path / "template.yaml").write_text("Transform: AWS::Serverless-2016-10-31\nParameters: {N: {Type: String}}\nResources:\n  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref N}}\n"
                                            "  T: {Type: AWS::Serverless::SimpleTable}\nOutputs: {Url: {Value: !Ref Q}}\n")
    deploy = ["cloudformation", "deploy", "--template-file", "template.yaml", "--stack-name", name, "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    aws.run(*deploy, "--parameter-overrides", f"N={name}")
    assert aws.run("cloudformation", "describe-stacks", "--stack-name", name, "--query", "Stacks[0].Outputs[0].OutputValue", "--output", "text").endswith("/" + name)
    time.sleep(1.1)  # the CLI names change sets by the second
    aws.run(*deploy, "--no-fail-on-empty-changeset")
    aws.run("cloudformation", "delete-stack", "--stack-name", name)
    aws.run("cloudformation", "wait", "stack-delete-complete", "--stack-name", name)


SCRIPT = """
import { SQSClient, CreateQueueCommand, SendMessageBatchCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { DynamoDBClient, CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { S3Client, CreateBucketCommand, PutObjectCommand, GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { LambdaClient, GetFunctionCommand } from '@aws-sdk/client-lambda';
const name = process.argv[2];
const sqs = new SQSClient({});
const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: ['a', 'ü'].map((b, i) => ({ Id: String(i), MessageBody: b,
  MessageAttributes: { k: { DataType: 'Binary', BinaryValue: new Uint8Array([0, 255]) } } })) }));
const got = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: ['All'] })); // the SDK checks the MD5 sums
const d = new DynamoDBClient({}), doc = DynamoDBDocumentClient.from(d);
await d.send(new CreateTableCommand({ TableName: name, BillingMode: 'PAY_PER_REQUEST', KeySchema: [{ AttributeName: 'p', KeyType: 'HASH' }, { AttributeName: 's', KeyType: 'RANGE' }],
  AttributeDefinitions: [{ AttributeName: 'p', AttributeType: 'S' }, { AttributeName: 's', AttributeType: 'N' }] }));
for (const s of [3, 1, 2]) await doc.send(new PutCommand({ TableName: name, Item: { p: 'x', s, list: [1, { deep: true }], set: new Set(['a']) } }));
const rows = await doc.send(new QueryCommand({ TableName: name, KeyConditionExpression: 'p = :p and s > :s', ExpressionAttributeValues: { ':p': 'x', ':s': 1 } }));
const s3 = new S3Client({}); // at an address it asks by path; <bucket>.localhost needs a resolver that knows it
await s3.send(new CreateBucketCommand({ Bucket: name }));
await s3.send(new PutObjectCommand({ Bucket: name, Key: 'a b/ü', Body: 'text', Metadata: { m: '1' } }));
const object = await s3.send(new GetObjectCommand({ Bucket: name, Key: 'a b/ü' }));
const missing = await s3.send(new HeadObjectCommand({ Bucket: name, Key: 'none' })).catch((e) => e.name);
const none = await new LambdaClient({}).send(new GetFunctionCommand({ FunctionName: 'none' })).catch((e) => e.name);
console.log(JSON.stringify({ bodies: got.Messages.map((m) => m.Body).sort(), bytes: [...got.Messages[0].MessageAttributes.k.BinaryValue], rows: rows.Items.map((i) => i.s),
  text: await object.Body.transformToString(), meta: object.Metadata, missing, none }));
"""


def test_the_sdk_for_javascript(tsubo, tmp_path, name):
    modules = os.path.join(ROOT, "build/runtimes/nodejs/node_modules")
    if not os.path.exists(NODE) or not os.path.exists(modules):
        pytest.skip("Node.js or its SDK is not installed below build/")
    os.symlink(modules, tmp_path / "node_modules")
    (tmp_path / "script.mjs").write_text(SCRIPT)
    env = {**environment(tsubo, tmp_path), "AWS_ENDPOINT_URL": f"http://127.0.0.1:{tsubo.port}"}
    p = subprocess.run([NODE, "script.mjs", name], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S)
    assert p.returncode == 0, p.stderr
    assert json.loads(p.stdout) == {"bodies": ["a", "ü"], "bytes": [0, 255], "rows": [2, 3], "text": "text", "meta": {"m": "1"}, "missing": "NotFound", "none": "ResourceNotFoundException"}
