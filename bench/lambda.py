"""Warm invokes: what a call of a function adds to a call of nothing. Cold starts against the bare process."""
import io
import json
import os
import statistics
import subprocess
import time
import zipfile

from harness import FORM, IDENTITY, ROOT, latencies, row


def bench(server, folder):
    iam, fn = server.client("iam"), server.client("lambda")
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                                "Principal": {"Service": "lambda.amazonaws.com"}}]})
    role = iam.create_role(RoleName="bench", AssumeRolePolicyDocument=trust)["Role"]["Arn"]

    def make(name, runtime, handler, files):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as z:
            for file, content in files.items():
                info = zipfile.ZipInfo(file)
                info.external_attr = 0o755 << 16
                z.writestr(info, content)
        fn.create_function(FunctionName=name, Runtime=runtime, Role=role, Handler=handler, Code={"ZipFile": data.getvalue()}, MemorySize=256)
        fn.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})

    echo = os.path.join(folder, "echo")
    subprocess.run(["gcc", "-O2", "-static", "-o", echo, os.path.join(ROOT, "bench/lib/echo.c"), "-I" + os.path.join(ROOT, "examples/lib"),
                    os.path.join(ROOT, "examples/lib/lambda_runtime.c")], check=True)
    with open(echo, "rb") as f:
        c_files = {"bootstrap": f.read()}
    py_files = {"f.py": "def handler(event, context):\n    return event\n"}
    kinds = {"C": ("provided.al2023", "bootstrap", c_files, [echo, "--exit"]),
             "Python": ("python3.11", "f.handler", py_files, ["python3", "-c", "import json"])}
    nothing = latencies(server, "sts", "/", IDENTITY, FORM, 500)
    for kind, (runtime, handler, files, bare) in kinds.items():
        cold, plain = [], []
        for i in range(5):
            name = f"cold-{kind}-{i}"
            make(name, runtime, handler, files)
            path = f"/2015-03-31/functions/{name}/invocations"
            cold.append(latencies(server, "lambda", path, "{}", {}, 1)[0] / 1000)
            began = time.perf_counter()
            subprocess.run(bare, stdout=subprocess.DEVNULL)
            plain.append((time.perf_counter() - began) * 1000)
        row(f"cold start of a {kind} function, ms", statistics.median(cold), statistics.median(plain), "the bare process", "-")
        warm = latencies(server, "lambda", path, "{}", {}, 500)
        added = statistics.median(warm[50:]) - statistics.median(nothing[50:])
        row(f"warm invoke of a {kind} function, added p50 us", added, 500, "500 us", "<= 1.00")
