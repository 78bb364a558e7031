"""Our SAM transform against AWS's own translator (PyPI aws-sam-translator), over templates that we wrote.

Same resources, same logical ids, same properties, but for one thing: the hash in a deployment's logical id. The
translator hashes Python 2's text of the API definition; we hash its sorted JSON (README.md, known differences).
"""
import glob
import json
import os
import re
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
CASES = sorted(glob.glob(os.path.join(HERE, "sam", "*.yaml")))
BINARIES = ["build/asan/services/cloudformation/test/test_template", "build/obj/services/cloudformation/test/test_template"]


def binary():
    for b in BINARIES:
        if os.path.exists(os.path.join(ROOT, b)):
            return os.path.join(ROOT, b)
    pytest.skip("test_template is not built")


def theirs(path):
    translator = pytest.importorskip("samtranslator.translator.transform")
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.yaml_helper import yaml_parse

    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    with open(path) as f:
        template = yaml_parse(f.read())
    assert translator
    return Translator({}, Parser()).translate(json.loads(json.dumps(template, default=str)), {})


def ours(path):
    out = subprocess.run([binary(), "process", path], capture_output=True, text=True, timeout=60)
    assert out.stdout, out.stderr
    return json.loads(out.stdout)


def normal(node, key=None):
    """Deployment hashes away; lists whose order means nothing sorted."""
    if isinstance(node, dict):
        return {normal(k): normal(v, k) for k, v in node.items()}
    if isinstance(node, list):
        items = [normal(i) for i in node]
        return sorted(items, key=str) if key == "DependsOn" else items
    if isinstance(node, str):
        node = re.sub(r"(Deployment)[0-9a-f]{10}", r"\1HASH", node)
        return re.sub(r"(RestApi deployment id: )[0-9a-f]{40}", r"\1HASH", node)
    return node


@pytest.mark.parametrize("path", CASES, ids=[os.path.basename(c)[:-5] for c in CASES])
def test_same_as_the_translator(path):
    a, b = normal(theirs(path)), normal(ours(path))
    a.pop("Transform", None)
    assert sorted(b.get("Resources", b)) == sorted(a["Resources"])
    for name, resource in a["Resources"].items():
        assert b["Resources"][name] == resource, name
    assert b == a


def test_a_deployment_changes_with_its_definition(tmp_path):
    def deployment(method):
        p = tmp_path / f"{method}.yaml"
        p.write_text("Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Handler: h, Runtime: python3.11, "
                     "InlineCode: x, Events: {E: {Type: Api, Properties: {Path: /x, Method: %s}}}}}}" % method)
        return [k for k, v in ours(str(p))["Resources"].items() if v["Type"] == "AWS::ApiGateway::Deployment"]

    assert deployment("get") == deployment("get")
    assert deployment("get") != deployment("put")
