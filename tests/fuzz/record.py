"""A pytest plugin that writes what the service tests send as seeds for fuzz_calls, one file a test:

    PYTHONPATH=tests/fuzz RECORD=build/seeds build/venv/bin/python -m pytest -p record services/sqs

Then `build/fuzz/tests/fuzz/fuzz_calls -merge=1 tests/fuzz/fuzz_calls.seeds build/seeds` keeps those that add something. A text that an
earlier answer of the same test gave is written as its place there, "$2/QueueUrl", so that it is right in the replay, too."""
import base64
import datetime
import decimal
import hashlib
import json
import os

import botocore.client
import pytest

LINES_MAX, TEXT_MAX = 48, 8192
lines, known = [], {}
real = botocore.client.BaseClient._make_api_call


def plain(value):
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return int(value.timestamp())
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, str):
        return known.get(value, value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return ""  # a file: what is in it does not matter here


def learn(value, path):
    if isinstance(value, dict):
        for k, v in value.items():
            if k != "ResponseMetadata" and "/" not in k:
                learn(v, f"{path}/{k}")
    elif isinstance(value, list):
        for i, v in enumerate(value[:20]):
            learn(v, f"{path}/{i}")
    elif isinstance(value, str) and len(value) >= 16:
        known.setdefault(value, path)


def call(self, name, params):
    n = None
    if len(lines) < LINES_MAX:
        text = json.dumps(plain(params))
        if len(text) <= TEXT_MAX:
            n = len(lines)
            lines.append(f"{self.meta.service_model.service_name} {name} {text}")
    answer = real(self, name, params)
    if n is not None:
        learn(answer, f"${n}")
    return answer


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    lines.clear()
    known.clear()
    yield_result = yield
    if lines:
        text = "\n".join(lines) + "\n"
        os.makedirs(os.environ["RECORD"], exist_ok=True)
        with open(os.path.join(os.environ["RECORD"], hashlib.sha1(text.encode()).hexdigest()), "w") as f:
            f.write(text)
    return yield_result


botocore.client.BaseClient._make_api_call = call
