"""Functions, versions, aliases, layers, permissions, settings. Source: Lambda API reference, action by action."""
import base64
import contextlib
import hashlib
import json
import os
import time
import urllib.request

import pytest
from botocore.exceptions import ClientError
from refusals import refused

IN_SANDBOX = pytest.mark.skipif(os.environ.get("TSUBO_SANDBOX") == "off", reason="the places are those of the sandbox")

HELLO = "def handler(event, context):\n    return 'hello'\n"


def test_create_get_update_delete(aws, role, name, zip_of, call):
    code = zip_of({"m.py": HELLO})
    made = aws.create_function(FunctionName=name, Runtime="python3.11", Role=role, Handler="m.handler", Code={"ZipFile": code},
                               Description="d", Tags={"a": "1"}, Environment={"Variables": {"AB": "c"}})
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    assert made["FunctionArn"] == arn and made["Version"] == "$LATEST" and made["Timeout"] == 3 and made["MemorySize"] == 128
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode() and made["CodeSize"] == len(code)
    aws.get_waiter("function_active_v2").wait(FunctionName=name)
    got = aws.get_function(FunctionName=arn)
    assert got["Tags"] == {"a": "1"} and got["Configuration"]["Environment"]["Variables"] == {"AB": "c"}
    assert urllib.request.urlopen(got["Code"]["Location"]).read() == code
    assert name in [f["FunctionName"] for page in aws.get_paginator("list_functions").paginate() for f in page["Functions"]]
    refused(aws.create_function, "ResourceConflictException", FunctionName=name, Runtime="python3.11", Role=role, Handler="m.handler",
            Code={"ZipFile": code})

    old = aws.update_function_configuration(FunctionName=name, Timeout=70, Environment={"Variables": {}})
    assert old["Timeout"] == 70 and "Environment" not in old and old["RevisionId"] != made["RevisionId"]
    refused(aws.update_function_code, "PreconditionFailedException", FunctionName=name, ZipFile=code, RevisionId=made["RevisionId"])
    assert call(name) == ("hello", None)
    aws.update_function_code(FunctionName=name, ZipFile=zip_of({"m.py": HELLO.replace("hello", "bye")}))
    assert call(name) == ("bye", None)
    aws.delete_function(FunctionName=name)
    with pytest.raises(ClientError) as e:
        aws.get_function(FunctionName=name)
    assert e.value.response["Error"] == {"Code": "ResourceNotFoundException", "Message": f"Function not found: {arn}"}
    assert e.value.response["Type"] == "User"


def test_code_comes_from_s3_too(client, aws, role, name, zip_of, call):
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="code.zip", Body=zip_of({"m.py": HELLO}))
    aws.create_function(FunctionName=name, Runtime="python3.11", Role=role, Handler="m.handler", Timeout=60, Code={"S3Bucket": name, "S3Key": "code.zip"})
    assert call(name) == ("hello", None)
    e = refused(aws.update_function_code, "InvalidParameterValueException", FunctionName=name, S3Bucket=name, S3Key="none.zip")
    assert "NoSuchKey" in e
    aws.delete_function(FunctionName=name)


def test_what_is_refused(aws, role, name, zip_of):
    code = {"ZipFile": zip_of({"m.py": HELLO})}
    good = dict(FunctionName=name, Runtime="python3.11", Role=role, Handler="m.handler", Code=code)
    refused(aws.create_function, "InvalidParameterValueException", **{**good, "Code": {"ZipFile": b"no zip"}})
    refused(aws.create_function, "InvalidParameterValueException", **{**good, "Role": "arn:aws:iam::000000000000:role/none-such"})
    refused(aws.create_function, "InvalidParameterValueException", **{**good, "Environment": {"Variables": {"AWS_REGION": "x"}}})
    refused(aws.create_function, "InvalidParameterValueException", **{**good, "Environment": {"Variables": {"BIG": "x" * 4096}}})
    e = refused(aws.create_function, "NotImplemented", **{**good, "Runtime": "java21"})
    assert "java21" in e
    refused(aws.create_function, "NotImplemented", **{**good, "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}})
    refused(aws.get_function, "ResourceNotFoundException", FunctionName=name)


@pytest.mark.parametrize("path", ["../evil.py", "/etc/evil.py", "a/../../evil.py"])
def test_a_zip_cannot_write_outside(aws, role, name, zip_of, path):
    e = refused(aws.create_function, "InvalidParameterValueException", FunctionName=name, Runtime="python3.11", Role=role,
                Handler="m.handler", Code={"ZipFile": zip_of({path: "x"})})
    assert "leave" in e


def test_versions_and_aliases(aws, python, call):
    f = python("import os\ndef handler(event, context):\n    return [os.environ['NAME'], context.function_version, context.invoked_function_arn]\n",
               Environment={"Variables": {"NAME": "one"}})
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{f}"
    assert aws.publish_version(FunctionName=f, Description="first")["Version"] == "1"
    assert aws.publish_version(FunctionName=f)["Version"] == "1"  # nothing has changed
    aws.update_function_configuration(FunctionName=f, Environment={"Variables": {"NAME": "two"}})
    assert aws.publish_version(FunctionName=f)["Version"] == "2"
    alias = aws.create_alias(FunctionName=f, Name="live", FunctionVersion="1")
    assert alias["AliasArn"] == arn + ":live"
    assert call(f + ":live") == (["one", "1", arn + ":live"], None)
    assert call(f, Qualifier="2")[0] == ["two", "2", arn + ":2"]
    refused(aws.invoke, "ResourceNotFoundException", FunctionName=f, Qualifier="02")  # a number is written in one way
    assert call(f)[0] == ["two", "$LATEST", arn]
    assert [v["Version"] for v in aws.list_versions_by_function(FunctionName=f)["Versions"]] == ["$LATEST", "1", "2"] or \
        sorted(v["Version"] for v in aws.list_versions_by_function(FunctionName=f)["Versions"]) == ["$LATEST", "1", "2"]
    refused(aws.create_alias, "ResourceConflictException", FunctionName=f, Name="live", FunctionVersion="2")
    aws.update_alias(FunctionName=f, Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    seen = {call(f + ":live")[0][1] for _ in range(40)}
    assert seen == {"1", "2"}
    refused(aws.delete_function, "ResourceConflictException", FunctionName=f, Qualifier="1")
    assert [a["Name"] for a in aws.list_aliases(FunctionName=f)["Aliases"]] == ["live"]
    aws.delete_alias(FunctionName=f, Name="live")
    refused(aws.get_alias, "ResourceNotFoundException", FunctionName=f, Name="live")
    aws.delete_function(FunctionName=f, Qualifier="1")
    refused(aws.invoke, "ResourceNotFoundException", FunctionName=f, Qualifier="1")


@IN_SANDBOX
def test_layers_lie_over_one_another_in_opt(aws, python, call, zip_of, name):
    def layer(suffix, files):
        return aws.publish_layer_version(LayerName=name + suffix, Content={"ZipFile": zip_of(files)}, CompatibleRuntimes=["python3.11"])
    a = layer("a", {"python/shared.py": "NAME = 'a'", "data/a.txt": "A"})
    b = layer("b", {"python/shared.py": "NAME = 'b'"})
    assert a["LayerVersionArn"].endswith(f":layer:{name}a:1") and a["Version"] == 1
    f = python("import shared\ndef handler(event, context):\n    return [shared.NAME, open('/opt/data/a.txt').read()]\n",
               Layers=[a["LayerVersionArn"], b["LayerVersionArn"]])
    assert call(f) == (["b", "A"], None)
    assert [x["Arn"] for x in aws.get_function_configuration(FunctionName=f)["Layers"]] == [a["LayerVersionArn"], b["LayerVersionArn"]]
    again = layer("a", {"x": "y"})
    assert again["Version"] == 2
    assert [v["Version"] for v in aws.list_layer_versions(LayerName=name + "a")["LayerVersions"]] == [2, 1]
    got = aws.get_layer_version(LayerName=name + "a", VersionNumber=1)
    assert urllib.request.urlopen(got["Content"]["Location"]).read() == zip_of({"python/shared.py": "NAME = 'a'", "data/a.txt": "A"})
    aws.add_layer_version_permission(LayerName=name + "a", VersionNumber=1, StatementId="s", Action="lambda:GetLayerVersion", Principal="*")
    assert json.loads(aws.get_layer_version_policy(LayerName=name + "a", VersionNumber=1)["Policy"])["Statement"][0]["Sid"] == "s"
    aws.delete_layer_version(LayerName=name + "a", VersionNumber=2)
    refused(aws.get_layer_version, "ResourceNotFoundException", LayerName=name + "a", VersionNumber=2)
    assert layer("a", {"x": "z"})["Version"] == 3  # numbers are never used twice
    refused(aws.update_function_configuration, "InvalidParameterValueException", FunctionName=f, Layers=[again["LayerVersionArn"]])


def test_permissions_make_a_policy(aws, python):
    f = python(HELLO)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{f}"
    aws.add_permission(FunctionName=f, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
                       SourceArn="arn:aws:s3:::b", SourceAccount="000000000000")
    policy = json.loads(aws.get_policy(FunctionName=f)["Policy"])
    assert policy == {"Version": "2012-10-17", "Id": "default", "Statement": [
        {"Sid": "s3", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction", "Resource": arn,
         "Condition": {"StringEquals": {"AWS:SourceAccount": "000000000000"}, "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}}}]}
    refused(aws.add_permission, "ResourceConflictException", FunctionName=f, StatementId="s3", Action="lambda:InvokeFunction", Principal="*")
    aws.remove_permission(FunctionName=f, StatementId="s3")
    refused(aws.get_policy, "ResourceNotFoundException", FunctionName=f)
    refused(aws.remove_permission, "ResourceNotFoundException", FunctionName=f, StatementId="s3")


def test_who_may_invoke(client, aws, python, name):
    f = python(HELLO)
    iam = client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    guest = client("lambda", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    e = refused(guest.invoke, "AccessDeniedException", FunctionName=f)
    assert "lambda:InvokeFunction" in e
    aws.add_permission(FunctionName=f, StatementId="g", Action="lambda:InvokeFunction", Principal=f"arn:aws:iam::000000000000:user/{name}")
    assert guest.invoke(FunctionName=f)["Payload"].read() == b'"hello"'
    refused(guest.get_function, "AccessDeniedException", FunctionName=f)


def test_tags_and_settings(aws, python):
    f = python(HELLO)
    arn = aws.get_function(FunctionName=f)["Configuration"]["FunctionArn"]
    aws.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    aws.tag_resource(Resource=arn, Tags={"a": "3"})
    aws.untag_resource(Resource=arn, TagKeys=["b"])
    assert aws.list_tags(Resource=arn)["Tags"] == {"a": "3"}
    aws.put_function_concurrency(FunctionName=f, ReservedConcurrentExecutions=5)
    assert aws.get_function(FunctionName=f)["Concurrency"] == {"ReservedConcurrentExecutions": 5}
    limit = aws.get_account_settings()["AccountLimit"]
    assert limit["ConcurrentExecutions"] == 1000 and limit["UnreservedConcurrentExecutions"] <= 995
    refused(aws.put_function_concurrency, "InvalidParameterValueException", FunctionName=f, ReservedConcurrentExecutions=950)
    aws.delete_function_concurrency(FunctionName=f)
    assert "ReservedConcurrentExecutions" not in aws.get_function_concurrency(FunctionName=f)
    aws.put_function_event_invoke_config(FunctionName=f, MaximumRetryAttempts=0)
    assert aws.get_function_event_invoke_config(FunctionName=f)["MaximumRetryAttempts"] == 0
    aws.delete_function_event_invoke_config(FunctionName=f)
    refused(aws.get_function_event_invoke_config, "ResourceNotFoundException", FunctionName=f)


def test_code_that_nothing_names_is_removed(fresh_tsubo, make_role_on, zip_of, eventually):
    """Of this server, not AWS: deleted functions must not fill the disk. Code is kept while a function, a version or a layer has it."""
    aws = fresh_tsubo.client("lambda")
    role = make_role_on(fresh_tsubo, "r")

    def create(name, text, **more):
        return aws.create_function(FunctionName=name, Runtime="python3.11", Role=role, Handler="m.handler", Timeout=60, Code={"ZipFile": zip_of({"m.py": text})}, **more)

    layer = aws.publish_layer_version(LayerName="l", Content={"ZipFile": zip_of({"python/shared.py": "X = 5"})})["LayerVersionArn"]
    create("gone", HELLO)
    create("stays", "import shared\ndef handler(event, context):\n    return shared.X\n", Layers=[layer])
    aws.publish_version(FunctionName="stays")
    aws.update_function_code(FunctionName="stays", ZipFile=zip_of({"m.py": "def handler(event, context):\n    return 6\n"}))
    aws.delete_layer_version(LayerName="l", VersionNumber=1)  # the function has it still
    aws.delete_function(FunctionName="gone")
    folder = os.path.join(fresh_tsubo.data, "lambda")

    def code():
        return sorted(os.listdir(folder + "/zip")), sorted(os.listdir(folder + "/dir"))

    def age():
        for kind in ("zip", "dir"):
            for each in os.listdir(f"{folder}/{kind}"):
                with contextlib.suppress(FileNotFoundError):  # swept in this moment
                    os.utime(f"{folder}/{kind}/{each}", (time.time() - 3600,) * 2)

    assert len(code()[0]) == 4
    fresh_tsubo.turn_clock("+61m")
    time.sleep(0.3)
    assert len(code()[0]) == 4  # young code may have a record on its way
    age()
    fresh_tsubo.turn_clock("+61m")
    eventually(lambda: len(code()[0]) == 3 and len(code()[1]) == 3)
    for qualifier, answer in (("1", b"5"), ("$LATEST", b"6")):
        assert aws.invoke(FunctionName="stays", Qualifier=qualifier)["Payload"].read() == answer
    aws.delete_function(FunctionName="stays")
    fresh_tsubo.stop()
    age()
    fresh_tsubo.start()
    eventually(lambda: code() == ([], []))
