"""What the managed runtimes do for their functions: modules, callbacks, streams, the shapes of errors, logs in text and JSON.

Sources: "Define Lambda function handler in Node.js/Python", "Log-level filtering", "Lambda Telemetry API Event schema reference", "Response streaming"
(developer guide); logs of real functions."""
import base64
import json
import os
import re

import pytest
from botocore.exceptions import ClientError

IN_SANDBOX = pytest.mark.skipif(os.environ.get("TSUBO_SANDBOX") == "off", reason="the places are those of the sandbox")


@pytest.fixture
def node(aws, role, name, zip_of):
    """node("export const handler = ...", file="m.mjs"): a new function's name."""
    made = []

    def make(code, file="m.mjs", files=None, **more):
        made.append(f"{name}-{len(made)}")
        more = {"MemorySize": 512, "Timeout": 60, "Runtime": "nodejs22.x", **more}
        aws.create_function(FunctionName=made[-1], Role=role, Handler="m.handler", Code={"ZipFile": zip_of({file: code, **(files or {})})}, **more)
        return made[-1]

    yield make
    for each in made:
        aws.delete_function(FunctionName=each)


def tail(aws, function, event=None):
    """The answer, the FunctionError, and the log's lines."""
    r = aws.invoke(FunctionName=function, Payload=json.dumps(event if event is not None else {}), LogType="Tail")
    return json.loads(r["Payload"].read()), r.get("FunctionError"), base64.b64decode(r["LogResult"]).decode().rstrip("\n").split("\n")


# ---- JavaScript ----

@pytest.mark.parametrize("file, code", [
    ("m.mjs", "import { SQSClient, ListQueuesCommand } from '@aws-sdk/client-sqs';\nexport const handler = async () => (await new SQSClient({}).send(new ListQueuesCommand({}))).$metadata.httpStatusCode;"),
    ("m.js", "const { SQSClient, ListQueuesCommand } = require('@aws-sdk/client-sqs');\nexports.handler = async () => (await new SQSClient({}).send(new ListQueuesCommand({}))).$metadata.httpStatusCode;"),
])
@IN_SANDBOX
def test_the_sdk_is_there(node, call, file, code):
    assert call(node(code, file)) == (200, None)


def test_js_files_are_modules_when_package_json_says_so_or_they_look_like_it(node, call):
    code = "import path from 'node:path';\nexport const handler = async () => path.basename('/a/b');"
    assert call(node(code, "m.js", {"package.json": '{"type": "module"}'})) == ("b", None)
    assert call(node(code, "m.js")) == ("b", None)


def test_callbacks_wait_for_an_empty_event_loop(node, call):
    code = "exports.handler = (event, context, callback) => { %s const seen = []; setTimeout(() => seen.push('later'), 50); callback(null, { toJSON: () => seen }); };"
    assert call(node(code % "", "m.js")) == (["later"], None)
    assert call(node(code % "context.callbackWaitsForEmptyEventLoop = false;", "m.js")) == ([], None)


def test_a_handler_that_says_nothing_answers_null(node, call):
    f = node("exports.handler = () => { setTimeout(() => {}, 20); };", "m.js")
    assert [call(f) for _ in range(2)] == [(None, None)] * 2


def test_a_promise_that_is_never_settled(node, call):
    f = node("export const handler = () => new Promise(() => {});")
    for _ in range(2):
        answer, error = call(f)
        assert error == "Unhandled" and answer["errorType"] == "Runtime.NodeJsExit"


def test_faults_of_javascript(node, call):
    def kind(code, **how):
        answer, error = call(node(code, **how))
        assert error == "Unhandled"
        return answer["errorType"]

    assert kind("import 'not-there';\nexport const handler = 1;") == "Runtime.ImportModuleError"
    assert kind("export const handler = {") == "Runtime.UserCodeSyntaxError"
    assert kind("export const other = 1;") == "Runtime.HandlerNotFound"
    assert kind("throw new TypeError('at import');") == "TypeError"
    assert kind("export const handler = async () => { throw 'text'; };") == "string"
    assert kind("export const handler = async () => { setTimeout(() => { throw new Error('late'); }, 1); await new Promise((r) => setTimeout(r, 900)); };") == "Runtime.UncaughtException"
    assert kind("export const handler = async () => { Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 900)); };") == "Runtime.UnhandledPromiseRejection"


def test_a_response_is_streamed(aws, node, call):
    code = """
export const handler = awslambda.streamifyResponse(async (event, out, context) => {
  if (event.fail === 'early') throw new RangeError('early');
  out.setContentType('text/plain');
  for (const word of ['one ', 'two ', 'three']) { out.write(word); await new Promise((r) => setTimeout(r, 5)); }
  if (event.fail === 'late') throw new RangeError('late');
  out.end();
});"""
    f = node(code)
    for _ in range(2):
        assert aws.invoke(FunctionName=f)["Payload"].read() == b"one two three"
    events = list(aws.invoke_with_response_stream(FunctionName=f)["EventStream"])
    assert b"".join(e["PayloadChunk"]["Payload"] for e in events[:-1]) == b"one two three" and "InvokeComplete" in events[-1]
    assert call(f, {"fail": "early"})[0]["errorType"] == "RangeError"
    end = list(aws.invoke_with_response_stream(FunctionName=f, Payload=b'{"fail": "late"}')["EventStream"])[-1]["InvokeComplete"]
    assert end["ErrorCode"] == "Unhandled" and json.loads(end["ErrorDetails"])["errorMessage"] == "late"
    assert aws.invoke(FunctionName=f)["Payload"].read() == b"one two three"


@pytest.fixture
def gate(client, name):
    """open(): functions that wait for the public object gate() names go on."""
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.delete_public_access_block(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}]}))
    return lambda: s3.put_object(Bucket=name, Key="open", Body=b"1")


WAIT = """
const gate = async () => { while ((await fetch(`${process.env.AWS_ENDPOINT_URL}/%s/open`)).status !== 200) await new Promise((r) => setTimeout(r, 20)); };
"""


def test_a_piece_arrives_before_the_next_is_made(aws, node, gate, name):
    f = node(WAIT % name + """
export const handler = awslambda.streamifyResponse(async (event, out) => {
  out.setContentType('text/plain');
  out.write('one');
  await gate();
  if (event.end === 'exit') process.exit(3);
  out.end('two');
});""")
    answer = aws.invoke_with_response_stream(FunctionName=f, LogType="Tail")
    assert answer["ResponseStreamContentType"] == "text/plain" and answer["ExecutedVersion"] == "$LATEST"
    events = iter(answer["EventStream"])
    assert next(events) == {"PayloadChunk": {"Payload": b"one"}}
    gate()
    rest = list(events)
    assert [e["PayloadChunk"]["Payload"] for e in rest[:-1]] == [b"two"]
    assert "ErrorCode" not in rest[-1]["InvokeComplete"] and b"REPORT" in base64.b64decode(rest[-1]["InvokeComplete"]["LogResult"])
    events = list(aws.invoke_with_response_stream(FunctionName=f, Payload=b'{"end": "exit"}')["EventStream"])
    assert events[0] == {"PayloadChunk": {"Payload": b"one"}}, "what was sent is sent"
    end = events[-1]["InvokeComplete"]
    assert end["ErrorCode"] == "Unhandled" and json.loads(end["ErrorDetails"])["errorType"] == "Runtime.ExitError"


def test_more_than_a_buffered_answer_and_a_client_that_leaves(aws, client, node, eventually):
    """Up to 200 MB; who stops reading does not stop the function ("Response streaming for Lambda functions")."""
    f = node("""
export const handler = awslambda.streamifyResponse(async (event, out) => {
  const piece = Buffer.alloc(1 << 20, 'p');
  for (let i = 0; i < 24; i++) if (!out.write(piece)) await new Promise((r) => out.once('drain', r));
  out.end();
  await new Promise((r) => out.once('finish', r));
  console.log('to the end');
});""", Timeout=60)

    def ends():
        events = client("logs").filter_log_events(logGroupName="/aws/lambda/" + f)["events"]
        return sum("to the end" in e["message"] for e in events)

    stream = aws.invoke_with_response_stream(FunctionName=f)["EventStream"]
    assert next(iter(stream))["PayloadChunk"]["Payload"][:1] == b"p"
    stream.close()
    eventually(lambda: ends() == 1)
    got = list(aws.invoke_with_response_stream(FunctionName=f)["EventStream"])
    assert sum(len(e["PayloadChunk"]["Payload"]) for e in got[:-1]) == 24 << 20 and "ErrorCode" not in got[-1]["InvokeComplete"]
    eventually(lambda: ends() == 2)


def test_a_function_that_streams_too_long(aws, node):
    f = node("""
export const handler = awslambda.streamifyResponse(async (event, out) => {
  out.write('one');
  await new Promise(() => setTimeout(() => {}, 600000));
});""", Timeout=5)
    events = list(aws.invoke_with_response_stream(FunctionName=f)["EventStream"])
    assert events[0]["PayloadChunk"]["Payload"] == b"one"
    assert json.loads(events[-1]["InvokeComplete"]["ErrorDetails"])["errorType"] == "Sandbox.Timedout"


# ---- ends that nobody wanted ----

def test_out_of_memory(aws, python):
    f = python("def handler(event, context):\n    hold = []\n    while True:\n        hold.append(bytearray(10_000_000))\n", MemorySize=128)
    answer, error, log = tail(aws, f)
    assert error == "Unhandled" and answer["errorType"] == "Runtime.OutOfMemory"
    assert re.fullmatch(r"RequestId: \S{36} Error: Runtime exited with error: signal: killed", answer["errorMessage"])
    assert log[1:3] == [answer["errorMessage"], "Runtime.OutOfMemory"]
    assert "Max Memory Used: 128 MB" in log[-1] and "Status: error\tError Type: Runtime.OutOfMemory" in log[-1]


def test_an_exit(aws, python):
    answer, error, log = tail(aws, python("import os\ndef handler(event, context):\n    os._exit(7)\n"))
    assert answer == {"errorType": "Runtime.ExitError", "errorMessage": answer["errorMessage"]} and answer["errorMessage"].endswith("exit status 7")
    assert "Status: error\tError Type: Runtime.ExitError" in log[-1]


@IN_SANDBOX
def test_an_exception_of_python_in_aws_shape(aws, python):
    f = python("def deep(x):\n    raise ValueError('no ' + x)\n\ndef handler(event, context):\n    return deep('way')\n")
    answer, error, log = tail(aws, f)
    assert list(answer) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert answer["stackTrace"] == ["  File \"/var/task/m.py\", line 5, in handler\n    return deep('way')\n", "  File \"/var/task/m.py\", line 2, in deep\n    raise ValueError('no ' + x)\n"]
    assert log[1].startswith("[ERROR] ValueError: no way\rTraceback (most recent call last):\r\u00a0\u00a0File \"/var/task/m.py\", line 5, in handler\r")


def test_logging_of_python_in_text(aws, python):
    f = python("import logging\nlog = logging.getLogger()\nlog.setLevel('INFO')\ndef handler(event, context):\n    log.info('n=%d', 5)\n    log.debug('no')\n    logging.getLogger('x').warning('w')\n")
    _, _, log = tail(aws, f)
    request = log[0].split()[2]
    assert re.fullmatch(rf"\[INFO\]\t\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z\t{request}\tn=5", log[1]) and log[2].startswith("[WARNING]\t") and log[3].startswith("END ")


# ---- JSON logs ----

def test_json_logs_of_python(client, aws, python, eventually):
    f = python("import logging\ndef handler(event, context):\n    logging.info('seen %s', 'it', extra={'order': 7})\n    logging.debug('no')\n    print('plain')\n"
               "    try:\n        1 / 0\n    except ZeroDivisionError:\n        logging.exception('bad')\n    if event.get('fail'):\n        raise KeyError('k')\n", LoggingConfig={"LogFormat": "JSON"})
    assert aws.get_function_configuration(FunctionName=f)["LoggingConfig"] == {
        "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", "LogGroup": "/aws/lambda/" + f}
    _, error, log = tail(aws, f)
    start, info, plain, bad, report = log
    start, info, bad, report = (json.loads(line) for line in (start, info, bad, report))
    request = start["record"]["requestId"]
    assert error is None and plain == "plain" and start["type"] == "platform.start" and start["record"]["version"] == "$LATEST"
    assert info == {"timestamp": info["timestamp"], "level": "INFO", "message": "seen it", "logger": "root", "requestId": request, "order": 7}
    assert bad["level"] == "ERROR" and bad["errorType"] == "ZeroDivisionError" and bad["errorMessage"] == "division by zero" and bad["stackTrace"]
    assert report["type"] == "platform.report" and report["record"]["requestId"] == request and report["record"]["status"] == "success"
    assert set(report["record"]["metrics"]) == {"durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"}
    _, error, log = tail(aws, f, {"fail": 1})
    told, report = json.loads(log[-2]), json.loads(log[-1])
    assert error and told["log_level"] == "ERROR" and told["errorType"] == "KeyError" and report["record"]["status"] == "error"
    eventually(lambda: "initDurationMs" not in json.loads(tail(aws, f)[2][-1])["record"]["metrics"])  # a sandbox slow to come back is not waited for
    logs = client("logs")
    first = eventually(lambda: logs.filter_log_events(logGroupName="/aws/lambda/" + f, filterPattern='{ $.type = "platform.initStart" }')["events"])[0]
    assert json.loads(first["message"])["record"]["runtimeVersion"].startswith("python:3.")


def test_json_logs_of_javascript_and_levels(aws, node):
    f = node("export const handler = async (event) => { console.debug('d'); console.info('i %s', 1); console.warn({ a: 1 }); console.error(new RangeError('e')); };",
             LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "WARN"})
    _, _, log = tail(aws, f)
    warn, error = (json.loads(line) for line in log)
    assert warn["level"] == "WARN" and warn["message"] == {"a": 1} and len(warn["requestId"]) == 36
    assert error["level"] == "ERROR" and error["errorType"] == "RangeError" and error["errorMessage"] == "e" and error["stackTrace"][0].startswith("at ")
    aws.update_function_configuration(FunctionName=f, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "DEBUG"})
    assert [json.loads(line).get("level") for line in tail(aws, f)[2]] == [None, "DEBUG", "INFO", "WARN", "ERROR", None]


def test_levels_belong_to_json(aws, python):
    f = python("def handler(event, context):\n    return 1\n")
    with pytest.raises(ClientError) as e:
        aws.update_function_configuration(FunctionName=f, LoggingConfig={"ApplicationLogLevel": "DEBUG"})
    assert e.value.response["Error"]["Code"] == "InvalidParameterValueException" and "LogFormat" in e.value.response["Error"]["Message"]
    aws.update_function_configuration(FunctionName=f, LoggingConfig={"LogFormat": "JSON"})
    back = aws.update_function_configuration(FunctionName=f, LoggingConfig={"LogFormat": "Text"})
    assert back["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/" + f}


def test_a_group_of_ones_own_choice(client, python, call, name, eventually):
    f = python("def handler(event, context):\n    print('here')\n    return context.log_group_name\n", LoggingConfig={"LogGroup": "/mine/" + name})
    assert call(f) == ("/mine/" + name, None)
    eventually(lambda: any("here" in e["message"] for e in client("logs").filter_log_events(logGroupName="/mine/" + name)["events"]))
