"""The real SAM CLI from first deployment to deletion, as a developer types it, with its own artifact bucket (`--resolve-s3`: encrypted with
aws:kms, closed to what comes without TLS). Expectations: "AWS SAM CLI command reference"."""
import json
import os
import subprocess

import pytest

from conftest import PATIENCE_S

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SAM = os.path.join(ROOT, "build/samcli/bin/sam")

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: hello.handler
      CodeUri: src
      Timeout: 60
      Environment: {Variables: {GREETING: GREETING_VALUE}}
      Events:
        Get: {Type: Api, Properties: {Path: /hello, Method: get}}
"""
CODE = "import os\n\ndef handler(event, context):\n    print('log of', VERSION)\n    return {'said': os.environ['GREETING'], 'version': VERSION}\n"


class Project:
    def __init__(self, folder, server):
        self.folder, self.server = folder, server
        os.mkdir(folder / "src")
        self.write(1, "hi")

    def write(self, version, greeting):
        (self.folder / "template.yaml").write_text(TEMPLATE.replace("GREETING_VALUE", greeting))
        (self.folder / "src/hello.py").write_text(f"VERSION = {version}\n" + CODE)

    def sam(self, *words, answer="", ok=True):
        environment = {**os.environ, "AWS_ENDPOINT_URL": self.server.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
                       "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0", "HOME": str(self.folder)}
        done = subprocess.run([SAM, *words], cwd=self.folder, env=environment, input=answer, capture_output=True, text=True, timeout=4 * PATIENCE_S)
        assert (done.returncode == 0) == ok, f"sam {' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def deploy(self, **how):
        return self.sam("deploy", "--stack-name", "app", "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", **how)

    def invoke(self):
        out = self.sam("remote", "invoke", "Hello", "--stack-name", "app", "--event", "{}", "--output", "json")
        return json.loads(json.loads(out[out.index("{"):out.rindex("}") + 1])["Payload"])


@pytest.mark.skipif(not os.path.exists(SAM), reason="tools/deps test installs the SAM CLI")
@pytest.mark.timeout(3600)
def test_a_project_from_deploy_to_delete(fresh_tsubo, tmp_path, eventually):
    project = Project(tmp_path, fresh_tsubo)
    assert "Successfully created/updated stack - app" in project.deploy()
    assert project.invoke() == {"said": "hi", "version": 1}
    assert "No changes to deploy" in project.deploy(ok=False)
    project.write(2, "hello")
    assert "Successfully created/updated stack - app" in project.deploy()
    assert project.invoke() == {"said": "hello", "version": 2}
    resources = {r["LogicalResourceId"] for r in json.loads(project.sam("list", "resources", "--stack-name", "app", "--output", "json"))}
    assert {"Hello", "HelloRole", "ServerlessRestApi"} <= resources
    eventually(lambda: "log of 2" in project.sam("logs", "--stack-name", "app", "--name", "Hello"))
    project.write(3, "synced")
    sync = ("sync", "--stack-name", "app", "--no-watch", "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-dependency-layer")
    project.sam(*sync, answer="y\n")
    assert project.invoke() == {"said": "synced", "version": 3}
    project.write(4, "synced")
    project.sam(*sync, "--code", answer="y\n")
    assert project.invoke()["version"] == 4
    project.sam("delete", "--stack-name", "app", "--no-prompts", "--region", "us-east-1")
    assert [s["StackName"] for s in fresh_tsubo.client("cloudformation").describe_stacks()["Stacks"]] == ["aws-sam-cli-managed-default"]
