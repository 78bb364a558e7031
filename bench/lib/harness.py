"""What the benches share: rows, load by wrk, turns, a server to compare with. Ratios of one run, never absolutes."""
import glob
import os
import re
import socket
import statistics
import subprocess
import tempfile
import time

from conftest import free_port
from sign import signed

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECONDS, ROUNDS = int(os.environ.get("BENCH_SECONDS", "3")), int(os.environ.get("BENCH_ROUNDS", "3"))
USER_AGENT = "Boto3/1.43.117 md/Botocore#1.43.117 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.11 md/pyimpl#CPython"
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "User-Agent": USER_AGENT}
IDENTITY = "Action=GetCallerIdentity&Version=2011-06-15"


def row(what, ours, theirs, versus, aim):
    ratio = ours / theirs
    print(f"{what:44} {ours:12,.1f} {theirs:12,.1f}  {ratio:6.2f}x of {versus:34} aim {aim}", flush=True)


def wrk(url, clients, script, seconds=SECONDS):
    """Requests a second of a wrk script's text."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as f:
        f.write(script)
        f.flush()
        out = subprocess.run(["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "-s", f.name, url], capture_output=True, text=True).stdout
    if "Non-2xx" in out or "Requests/sec" not in out:
        raise SystemExit(f"{url} answers errors:\n{out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def alternate(*runs, rounds=ROUNDS):
    """The median of each, run in turns."""
    seen = [[] for _ in runs]
    for _ in range(rounds):
        for values, run in zip(seen, runs):
            values.append(run())
    return [statistics.median(values) for values in seen]


def cpu_us(pid):
    """Processor time of a process and its children, so far: microseconds."""
    ticks = 0
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat) as f:
                fields = f.read().rpartition(") ")[2].split()
        except OSError:  # it has ended
            continue
        if stat == f"/proc/{pid}/stat" or fields[1] == str(pid):
            ticks += int(fields[11]) + int(fields[12])
    return ticks * 1_000_000 / os.sysconf("SC_CLK_TCK")


def nginx(folder, body):
    port = free_port()
    conf = os.path.join(folder, "nginx.conf")
    with open(conf, "w") as f:
        f.write(f"""worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/err;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000; server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{body}'; }} }} }}""")
    process = subprocess.Popen(["nginx", "-c", conf], stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    return process, f"http://127.0.0.1:{port}/"


def latencies(server, service, path, body, headers, n):
    """One keep-alive connection, one request after another: microseconds each."""
    head = signed(server.url + path, service, body, headers)
    text = f"POST {path} HTTP/1.1\r\nHost: localhost:{server.port}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in head.items() if k != "Host")
    request = (text + f"Content-Length: {len(body)}\r\n\r\n").encode() + body.encode()
    out = []
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(n):
            began = time.perf_counter()
            s.sendall(request)
            answer = s.recv(65536)
            while b"\r\n\r\n" not in answer:
                answer += s.recv(65536)
            out.append((time.perf_counter() - began) * 1e6)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(answer.decode(errors="replace"))
    return out
