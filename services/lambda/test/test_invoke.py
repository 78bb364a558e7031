"""Invoking: what functions see, answer and log, and how they fail. Source: Lambda developer guide ("Invoking functions",
"Using environment variables", "Troubleshooting invocation"), and logs of real functions."""
import base64
import concurrent.futures
import json
import re
import time

import pytest
from botocore.exceptions import ClientError


def tail(aws, function, event):
    r = aws.invoke(FunctionName=function, Payload=json.dumps(event), LogType="Tail")
    return json.loads(r["Payload"].read()), r.get("FunctionError"), base64.b64decode(r["LogResult"]).decode()


def test_the_context_and_the_environment(aws, python, call):
    f = python("""
import os
def handler(event, context):
    return {"env": dict(os.environ), "left": context.get_remaining_time_in_millis(), "memory": context.memory_limit_in_mb,
            "arn": context.invoked_function_arn, "cwd": os.getcwd(), "uid": os.getuid(), "group": context.log_group_name}
""", Timeout=900, Environment={"Variables": {"MINE": "yes", "TZ": "Asia/Tokyo"}})
    got, error = call(f)
    assert error is None
    env = got["env"]
    assert env["MINE"] == "yes" and env["TZ"] == "Asia/Tokyo" and env["AWS_REGION"] == "us-east-1" and env["_HANDLER"] == "m.handler"
    assert env["AWS_LAMBDA_FUNCTION_NAME"] == f and env["LAMBDA_TASK_ROOT"].endswith("/var/task") or not env["LAMBDA_TASK_ROOT"].startswith("/var")
    assert env["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11" and env["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert re.match(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", env["_X_AMZN_TRACE_ID"])
    assert 800_000 < got["left"] <= 900_000 and got["memory"] == "256" and got["group"] == "/aws/lambda/" + f


def test_the_log_of_an_invocation(aws, python, eventually):
    f = python("import sys\ndef handler(event, context):\n    print('seen', event['n'])\n    return 1\n")
    answer, error, log = tail(aws, f, {"n": 7})
    assert answer == 1 and error is None
    assert re.search(r"^START RequestId: \S{36} Version: \$LATEST\nseen 7\nEND RequestId: \S{36}\nREPORT RequestId: \S{36}\t"
                     r"Duration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\tMax Memory Used: \d+ MB\t"
                     r"Init Duration: \d+\.\d\d ms\t\n$", log, re.M)
    logs = []
    eventually(lambda: logs.append(tail(aws, f, {"n": 8})[2]) or "Init Duration" not in logs[-1])  # a sandbox slow to come back is not waited for
    assert "seen 8" in logs[-1] and not any("seen 7" in log for log in logs)


def test_logs_come_to_cloudwatch(client, aws, python, call, eventually):
    f = python("def handler(event, context):\n    print('one')\n    print('two')\n")
    call(f)
    logs = client("logs")

    def messages():
        found = logs.filter_log_events(logGroupName="/aws/lambda/" + f)["events"]
        return [e["message"].rstrip("\n") for e in found] if len(found) >= 6 else None

    got = eventually(messages)
    assert got[0].startswith("INIT_START Runtime Version: python:3.") and got[1].startswith("START ") and got[2:4] == ["one", "two"]
    stream = logs.describe_log_streams(logGroupName="/aws/lambda/" + f)["logStreams"][0]["logStreamName"]
    assert re.match(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$", stream)


def test_a_role_that_may_not_log_has_no_log(client, python, call, make_role, name):
    f = python("def handler(event, context):\n    print('x')\n    return 1\n", Role=make_role(name + "-mute", policy=None))
    assert call(f)[0] == 1
    time.sleep(0.5)
    with pytest.raises(ClientError):
        client("logs").describe_log_streams(logGroupName="/aws/lambda/" + f)


def test_a_function_acts_as_its_role(python, call, make_role, name):
    code = "import boto3\ndef handler(event, context):\n    return getattr(boto3.client(event[0]), event[1])()['%s']\n"
    f = python(code % "Arn", MemorySize=512)
    arn, error = call(f, ["sts", "get_caller_identity"])
    assert error is None and re.match(rf"arn:aws:sts::000000000000:assumed-role/{name}/", arn)
    g = python(code % "TableNames", suffix="-b", MemorySize=512, Role=make_role(name + "-none", policy=None))
    answer, error = call(g, ["dynamodb", "list_tables"])
    assert error == "Unhandled" and answer["errorType"] == "ClientError" and "AccessDenied" in answer["errorMessage"]


def test_an_exception(aws, python):
    f = python("def deep():\n    raise KeyError('k')\ndef handler(event, context):\n    deep()\n")
    answer, error, log = tail(aws, f, {})
    assert error == "Unhandled" and answer["errorType"] == "KeyError" and answer["errorMessage"] == "'k'"
    assert len(answer["stackTrace"]) == 2 and "in deep" in answer["stackTrace"][1] and len(answer["requestId"]) == 36
    assert "[ERROR] KeyError: 'k'" in log


@pytest.mark.parametrize("code, kind", [
    ("import nothing_there\n", "Runtime.ImportModuleError"), ("def handler(:\n", "Runtime.UserCodeSyntaxError"),
    ("def other(): pass\n", "Runtime.HandlerNotFound"), ("raise ValueError('at import')\n", "ValueError"),
    ("def handler(e, c):\n    return object()\n", "Runtime.MarshalError"), ("import sys\ndef handler(e, c):\n    sys.exit(3)\n", "Runtime.ExitError")])
def test_faults(python, call, code, kind):
    f = python(code)
    answer, error = call(f)
    assert error == "Unhandled" and answer["errorType"] == kind
    assert call(f)[0]["errorType"] == kind  # and again: a broken sandbox is not used twice


def test_a_time_out(aws, python, call):
    f = python("import time\ndef handler(event, context):\n    time.sleep(event.get('s', 0))\n    return 'ok'\n", Timeout=5)
    answer, error, log = tail(aws, f, {"s": 120})
    assert error == "Unhandled" and answer["errorType"] == "Sandbox.Timedout"
    assert re.match(r"RequestId: \S{36} Error: Task timed out after 5.00 seconds$", answer["errorMessage"])
    assert "Task timed out after 5.00 seconds" in log and "Status: timeout" in log
    assert call(f) == ("ok", None)


def test_too_much_memory(python, call):
    f = python("def handler(event, context):\n    return len(bytearray(event * 1000000))\n", MemorySize=128)
    assert call(f, 10) == (10000000, None)
    answer, error = call(f, 400)
    assert error == "Unhandled" and answer["errorType"] in ("Runtime.OutOfMemory", "MemoryError") and "signal: killed" in answer["errorMessage"]
    assert call(f, 10) == (10000000, None)


def test_globals_live_while_it_is_warm(python, call, eventually):
    """A runtime that is slow to come back is not waited for: there may be a second sandbox, which has globals of its own."""
    f = python("import uuid\nme, n = str(uuid.uuid4()), 0\ndef handler(event, context):\n    global n\n    n += 1\n    return [me, n]\n")
    counts = {}

    def again():
        (sandbox, n), _ = call(f)
        counts.setdefault(sandbox, []).append(n)
        return n

    eventually(lambda: again() == 3)
    time.sleep(0.4)  # all are frozen by now
    eventually(lambda: again() >= 4)
    assert all(c == list(range(1, len(c) + 1)) for c in counts.values())


def test_each_of_many_at_once_has_its_own_sandbox(python, call):
    f = python("import time, uuid\nme = str(uuid.uuid4())\ndef handler(event, context):\n    time.sleep(3)\n    return me\n")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        got = [r[0] for r in pool.map(lambda _: call(f), range(4))]
    assert len(set(got)) >= 3


def test_reserved_concurrency(client, aws, python, call, seen, name, eventually):
    """`seen` makes the table by which the function tells that it runs, and is told to end."""
    f = python("""import boto3, os, time
d, table = boto3.client('dynamodb'), os.environ['TABLE']
def handler(event, context):
    d.put_item(TableName=table, Item={'id': {'S': 'runs'}})
    while 'Item' not in d.get_item(TableName=table, Key={'id': {'S': 'end'}}):
        time.sleep(0.05)
""", MemorySize=512, Environment={"Variables": {"TABLE": name + "-seen"}})
    d = client("dynamodb")
    aws.put_function_concurrency(FunctionName=f, ReservedConcurrentExecutions=1)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(call, f)
        eventually(lambda: "Item" in d.get_item(TableName=name + "-seen", Key={"id": {"S": "runs"}}))
        with pytest.raises(ClientError) as e:
            call(f)
        d.put_item(TableName=name + "-seen", Item={"id": {"S": "end"}})
        assert e.value.response["Error"]["Code"] == "TooManyRequestsException"
        assert e.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert slow.result() == (None, None)
    aws.put_function_concurrency(FunctionName=f, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError):
        call(f)


def test_bad_requests(aws, python):
    f = python("def handler(event, context):\n    return event\n")
    for payload, code in ((b"{no json", "InvalidRequestContentException"), (b'"' + b"x" * (6 << 20) + b'"', "RequestTooLargeException")):
        with pytest.raises(ClientError) as e:
            aws.invoke(FunctionName=f, Payload=payload)
        assert e.value.response["Error"]["Code"] == code
    assert aws.invoke(FunctionName=f, InvocationType="DryRun")["StatusCode"] == 204
    big = b'"' + b"x" * 3_000_000 + b'"'
    assert aws.invoke(FunctionName=f, Payload=big)["Payload"].read() == big


def test_a_large_answer(python, call):
    f = python("def handler(event, context):\n    return 'x' * event\n")
    assert len(call(f, 4_000_000)[0]) == 4_000_000
    answer, error = call(f, 7_000_000)
    assert error == "Unhandled" and answer["errorType"] == "Function.ResponseSizeTooLarge"


def test_the_machine_is_out_of_sight(python, call):
    f = python("""
import os, socket
def handler(event, context):
    def tries(f, *args):
        try:
            f(*args)
            return True
        except OSError:
            return False
    return {"write": tries(open, "/var/task/x", "w"), "tmp": tries(open, "/tmp/x", "w"), "root": tries(os.listdir, "/root"),
            "processes": len([p for p in os.listdir("/proc") if p.isdigit()])}
""")
    got, _ = call(f)
    if got["processes"] > 20:
        pytest.skip("functions run without a sandbox here")
    assert got == {"write": False, "tmp": True, "root": False, "processes": 1}


def test_javascript(aws, role, name, zip_of, call):
    files = {"esm.mjs": "export const handler = async (event, context) => { console.log('said', event.n); if (event.fail) throw new RangeError('no'); "
                        "return { n: event.n, id: context.awsRequestId, left: context.getRemainingTimeInMillis() }; };",
             "cjs.js": "exports.handler = (event, context, callback) => { setTimeout(() => callback(event.fail ? new Error('cb') : null, event.n + 1), 5); };"}
    for handler in ("esm", "cjs"):
        f = f"{name}-{handler}"
        try:
            aws.create_function(FunctionName=f, Runtime="nodejs22.x", Role=role, Handler=handler + ".handler", MemorySize=256, Timeout=60,
                                Code={"ZipFile": zip_of(files)})
            got, error, log = tail(aws, f, {"n": 1})
            assert error is None, got
            assert got == 2 if handler == "cjs" else got["n"] == 1 and len(got["id"]) == 36 and 0 < got["left"] <= 60_000
            got, error, log = tail(aws, f, {"n": 1, "fail": True})
            assert error == "Unhandled" and got["errorType"] == ("Error" if handler == "cjs" else "RangeError") and got["trace"]
            if handler == "esm":
                assert re.search(r"\d{4}-\d\d-\d\dT\S+Z\t\S{36}\tINFO\tsaid 1\n", log)
        finally:
            aws.delete_function(FunctionName=f)


def test_a_shell_script_as_provided_runtime(aws, role, name, zip_of, call):
    script = """#!/bin/bash
host=${AWS_LAMBDA_RUNTIME_API%:*} port=${AWS_LAMBDA_RUNTIME_API#*:}
while :; do
  exec 3<>/dev/tcp/$host/$port
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' >&3
  id= ; while IFS= read -r -u 3 line; do line=${line%$'\\r'}; case ${line,,} in lambda-runtime-aws-request-id:*) id=${line#*: };; '') break;; esac; done
  exec 3>&-
  exec 3<>/dev/tcp/$host/$port
  printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Length: 7\\r\\n\\r\\n"shell"' "$id" >&3
  cat <&3 >/dev/null; exec 3>&-
done
"""
    aws.create_function(FunctionName=name, Runtime="provided.al2023", Role=role, Handler="any", Timeout=60, Code={"ZipFile": zip_of({"bootstrap": script})})
    assert call(name) == ("shell", None)
    assert call(name) == ("shell", None)
    aws.delete_function(FunctionName=name)


def test_a_response_stream(aws, python):
    f = python("def handler(event, context):\n    if event.get('fail'):\n        raise Exception('x')\n    return 'y' * 1500000\n")
    r = aws.invoke_with_response_stream(FunctionName=f, LogType="Tail")
    events = list(r["EventStream"])
    assert r["StatusCode"] == 200 and r["ExecutedVersion"] == "$LATEST"
    assert b"".join(e["PayloadChunk"]["Payload"] for e in events[:-1]) == b'"' + b"y" * 1500000 + b'"'
    assert b"REPORT" in base64.b64decode(events[-1]["InvokeComplete"]["LogResult"])
    end = list(aws.invoke_with_response_stream(FunctionName=f, Payload=b'{"fail": 1}')["EventStream"])[-1]["InvokeComplete"]
    assert end["ErrorCode"] == "Unhandled" and json.loads(end["ErrorDetails"])["errorMessage"] == "x"
