"""Runs a Python handler on the Runtime API, as the managed runtime does: context object, error shapes, reload of
nothing between invocations. Standard library only; HTTP by hand over one kept connection, for http.client costs 15 ms
at start and half a millisecond an invocation."""
import importlib
import json
import logging
import os
import socket
import sys
import time
import traceback

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
BASE = "/2018-06-01/runtime/"
JSON_LOGS = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
TASK = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")


class Identity:
    def __init__(self):
        self.cognito_identity_id = None
        self.cognito_identity_pool_id = None


class ClientContext:
    def __init__(self, given):
        self.custom = given.get("custom") or {}
        self.env = given.get("env") or {}
        self.client = type("Client", (), given["client"])() if given.get("client") else None


class LambdaContext:
    def __init__(self, head):
        env = os.environ
        self.aws_request_id = head["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = head["lambda-runtime-invoked-function-arn"]
        self.function_name = env["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = env["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = env["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = env["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.tenant_id = None
        self.identity = Identity()
        given = head.get("lambda-runtime-client-context")
        self.client_context = ClientContext(json.loads(given)) if given else None
        self._deadline_ms = int(head["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))


class Fault(Exception):
    """A failure of loading: told under a type of the runtime's."""


def encode(value):
    if hasattr(value, "isoformat"):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    import decimal
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def format_frames(frames):
    """Without the markers below a line that Python 3.11 brought: AWS shows none."""
    return traceback.format_list([(f.filename, f.lineno, f.name, f.line) for f in frames])


def describe(kind, message, request_id, frames):
    body = {"errorMessage": message, "errorType": kind}
    if request_id is not None:
        body["requestId"] = request_id
    body["stackTrace"] = format_frames(frames)
    return body


def log_error(body):
    if JSON_LOGS:
        sys.stdout.write(json.dumps({"timestamp": stamp(time.time()), "log_level": "ERROR", **body}) + "\n")
        sys.stdout.flush()
        return
    lines = [f"[ERROR] {body['errorType']}: {body['errorMessage']}"]
    if body["stackTrace"]:
        lines.append("Traceback (most recent call last):")
        for frame in body["stackTrace"]:
            lines.extend("\u00a0\u00a0" + line.lstrip() if line.startswith("  ") else line for line in frame.rstrip().split("\n"))
    sys.stdout.write("\r".join(lines) + "\n")
    sys.stdout.flush()


def load(handler):
    module_name, dot, function_name = handler.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as e:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {e}")
    except SyntaxError as e:
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {e}")
    if not hasattr(module, function_name):
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")
    return getattr(module, function_name)


class Api:
    def __init__(self):
        host, _, port = API.rpartition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, method, path, body=b"", headers=""):
        head = f"{method} {BASE}{path} HTTP/1.1\r\nHost: {API}\r\n{headers}\r\n".encode()
        self.socket.sendall(head + body if len(body) < 65536 else head)
        if len(body) >= 65536:
            self.socket.sendall(body)
        data = bytearray()
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self.receive(65536)
        head = {}
        for line in data[:end].decode("latin-1").split("\r\n")[1:]:
            name, _, value = line.partition(":")
            head[name.lower()] = value.strip()
        wanted = end + 4 + int(head.get("content-length", 0))
        while len(data) < wanted:
            data += self.receive(1 << 20)
        return head, data[end + 4:]

    def receive(self, n):
        part = self.socket.recv(n)
        if not part:
            sys.exit(0)  # the sandbox is ending
        return part

    def next(self):
        return self.exchange("GET", "invocation/next")

    def post(self, path, body, kind=None):
        body = body.encode() if isinstance(body, str) else body
        error = f"Lambda-Runtime-Function-Error-Type: {kind}\r\n" if kind else ""
        self.exchange("POST", path, body, f"Content-Type: application/json\r\n{error}Content-Length: {len(body)}\r\n")


class LogFilter(logging.Filter):
    request_id = ""

    def filter(self, record):
        record.aws_request_id = LogFilter.request_id
        return True


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"


class JsonFormatter(logging.Formatter):
    OWN = set(vars(logging.makeLogRecord({}))) | {"aws_request_id", "message", "asctime"}

    def format(self, record):
        entry = {"timestamp": stamp(record.created), "level": record.levelname, "message": record.getMessage(), "logger": record.name}
        if record.exc_info:
            kind, error, trace = record.exc_info
            entry["stackTrace"] = format_frames(traceback.extract_tb(trace))
            entry["errorType"] = kind.__name__ if kind else None
            entry["errorMessage"] = str(error)
            entry["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        entry["requestId"] = record.aws_request_id
        entry.update({k: v for k, v in vars(record).items() if k not in self.OWN})
        return json.dumps({k: v for k, v in entry.items() if v is not None}, default=str)


def set_logging():
    handler = logging.StreamHandler(sys.stdout)
    if JSON_LOGS:
        handler.setFormatter(JsonFormatter())
        handler.addFilter(LogFilter())
        level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO")
        logging.getLogger().addHandler(handler)
        logging.getLogger().setLevel({"TRACE": "DEBUG", "FATAL": "CRITICAL"}.get(level, level))
        return
    handler.setFormatter(logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"))
    handler.formatter.converter = time.gmtime
    handler.addFilter(LogFilter())
    logging.getLogger().addHandler(handler)


def run(api, handler):
    head, event = api.next()
    request_id = LogFilter.request_id = head["lambda-runtime-aws-request-id"]
    os.environ["_X_AMZN_TRACE_ID"] = head.get("lambda-runtime-trace-id", "")
    try:
        result = handler(json.loads(event), LambdaContext(head))
        try:
            body = json.dumps(result, ensure_ascii=False, default=encode).encode("utf-8", "surrogatepass")
        except (TypeError, ValueError) as e:
            raise Fault("Runtime.MarshalError", f"Unable to marshal response: {e}")
    except Exception as e:
        if isinstance(e, Fault):
            told = describe(e.args[0], e.args[1], request_id, [])
        else:
            told = describe(type(e).__name__, str(e), request_id, traceback.extract_tb(e.__traceback__)[1:])
        log_error(told)
        api.post(f"invocation/{request_id}/error", json.dumps(told), told["errorType"])
        return
    sys.stdout.flush()
    api.post(f"invocation/{request_id}/response", body)


def main():
    sys.path[:] = [TASK] + [p for p in sys.path if p and p not in (TASK, os.path.dirname(os.path.abspath(__file__)))]
    sys.stdout.reconfigure(line_buffering=True)
    import builtins
    builtins.exit = builtins.quit = sys.exit  # what site would have given
    set_logging()
    api = Api()
    try:
        handler = load(os.environ["_HANDLER"])
    except BaseException as e:
        told = describe(e.args[0], e.args[1], None, []) if isinstance(e, Fault) else \
            describe(type(e).__name__, str(e), None, traceback.extract_tb(e.__traceback__)[2:])
        log_error(told)
        api.post("init/error", json.dumps(told), told["errorType"])
        sys.exit(1)
    while True:
        run(api, handler)


main()
