"""A SAM template deployed by the AWS CLI, driven, updated and deleted; what is left is nothing.

`aws cloudformation package` of Debian's CLI takes no endpoint for S3: the code is packed and put here."""
import hashlib
import io
import json
import os
import shutil
import subprocess
import time
import zipfile

import pytest

from conftest import PATIENCE_S

TEMPLATE = """
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String, Default: hello}
Globals:
  Function:
    Timeout: 30
    Environment: {Variables: {TABLE: !Ref Table, GREETING: !Ref Greeting}}
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src
      Handler: app.handler
      Runtime: python3.11
      AutoPublishAlias: live
      Policies: [{DynamoDBCrudPolicy: {TableName: !Ref Table}}]
      Events:
        Jobs: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, BatchSize: 1}}
  Table:
    Type: AWS::Serverless::SimpleTable
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 30}
Outputs:
  QueueUrl: {Value: !Ref Queue}
  Table: {Value: !Ref Table}
  Function: {Value: !Ref Worker}
  Alias: {Value: !Ref Worker.Alias}
"""
CODE = """
import os

def handler(event, context):
    for r in event["Records"]:
        print(os.environ["GREETING"], r["body"], "in", os.environ["TABLE"])
"""


@pytest.fixture
def aws(tsubo, tmp_path):
    if shutil.which("aws") is None:
        pytest.skip("no aws on PATH")
    env = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": ""}

    def run(*args, ok=True):
        time.sleep(1.1)  # the CLI names change sets by the second
        p = subprocess.run(["aws", "--endpoint-url", tsubo.url, *args], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
        assert not ok or p.returncode == 0, p.stdout + p.stderr
        return p.stdout + p.stderr

    return run


def outputs(cfn, name):
    return {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]}


def package(s3, bucket, tmp_path, code):
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as z:
        z.writestr(zipfile.ZipInfo("app.py"), code)
    key = hashlib.md5(body.getvalue()).hexdigest()
    s3.put_object(Bucket=bucket, Key=key, Body=body.getvalue())
    (tmp_path / "packaged.yaml").write_text(TEMPLATE.replace("CodeUri: src", f"CodeUri: s3://{bucket}/{key}"))


def test_package_deploy_update_delete(aws, client, name, tmp_path, eventually):
    cfn, ddb, sqs, s3, logs = (client(s) for s in ("cloudformation", "dynamodb", "sqs", "s3", "logs"))
    s3.create_bucket(Bucket=name)
    package(s3, name, tmp_path, CODE)
    deploy = ["cloudformation", "deploy", "--template-file", "packaged.yaml", "--stack-name", name, "--capabilities", "CAPABILITY_IAM"]
    assert "Successfully created/updated stack" in aws(*deploy)
    assert "No changes to deploy" in aws(*deploy, ok=False)
    out = outputs(cfn, name)
    arn = cfn.describe_stacks(StackName=name)["Stacks"][0]["StackId"]

    def said(words):
        group = "/aws/lambda/" + out["Function"]
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return []
        found = logs.filter_log_events(logGroupName=group)["events"]
        return [e for e in found if e["message"].strip() == f"{words} in {out['Table']}"]

    sqs.send_message(QueueUrl=out["QueueUrl"], MessageBody="one")
    eventually(lambda: said("hello one"))
    assert out["Alias"].endswith(":live")

    package(s3, name, tmp_path, CODE.replace('r["body"]', '"<" + r["body"]'))
    assert "Successfully created/updated stack" in aws(*deploy, "--parameter-overrides", "Greeting=bye")
    sqs.send_message(QueueUrl=out["QueueUrl"], MessageBody="two")
    eventually(lambda: said("bye <two"))

    cfn.delete_stack(StackName=name)
    eventually(lambda: cfn.describe_stacks(StackName=arn)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE")
    assert out["Table"] not in ddb.list_tables()["TableNames"]
    assert not [f for f in client("lambda").list_functions()["Functions"] if f["FunctionName"].startswith(name)]
    assert not [r for r in client("iam").list_roles()["Roles"] if r["RoleName"].startswith(name)]
    assert json.dumps(sqs.list_queues(QueueNamePrefix=name).get("QueueUrls", [])) == "[]"
