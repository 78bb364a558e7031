"""The data path of S3: bodies out and in, small durable puts, listing, memory.

BENCH_FULL=1 runs the sizes the aims speak of (a million keys, 64 clients moving 1 GB each: 40 GB of disk and several minutes);
without it both are smaller and the rows say so. BENCH_S3 picks rows: get, put, small, list, memory, rivals."""
import os
import re
import socket
import subprocess
import time

from conftest import free_port
from harness import ROOT, ROUNDS, alternate, row

FULL = os.environ.get("BENCH_FULL") == "1"
MB, GB = 1 << 20, 1 << 30
LOAD, CEILING = os.path.join(ROOT, "build/obj/bench/http_load"), os.path.join(ROOT, "build/obj/bench/hash_and_write")


def load(url, method, targets, clients, requests, body=0):
    """Seconds for so many requests, whose targets are taken in turn."""
    port = re.match(r"http://[^:/]+:(\d+)", url).group(1)
    out = subprocess.run([LOAD, method, "localhost", port, str(clients), str(requests), str(body)],
                         input="".join(t + "\n" for t in targets), capture_output=True, text=True)
    if out.returncode != 0:
        raise SystemExit(f"{method} {url}: {out.stderr}")
    return float(out.stdout.split()[1])


def presigned(s3, operation, **params):
    """The request target alone: http_load sends no header but Host."""
    return re.sub(r"^http://[^/]+", "", s3.generate_presigned_url(operation, Params=params, ExpiresIn=3600))


def client(server):
    from botocore.config import Config
    return server.session().client("s3", endpoint_url=server.url, config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))


def nginx_files(folder, files):
    port = free_port()
    conf = os.path.join(folder, "nginx-files.conf")
    with open(conf, "w") as f:
        f.write(f"""user root; worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/err;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
server {{ listen 127.0.0.1:{port}; location / {{ root {files}; }} }} }}""")
    process = subprocess.Popen(["nginx", "-c", conf], stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    return process, f"http://127.0.0.1:{port}"


def make_file(path, size):
    block = os.urandom(MB)
    with open(path, "wb") as f:
        for _ in range(size // MB):
            f.write(block)


def bench_get(server, folder):
    files = os.path.join(folder, "files")
    os.mkdir(files)
    s3 = client(server)
    s3.create_bucket(Bucket="get")
    process, url = nginx_files(folder, files)
    try:
        for name, size, clients, n in (("1 MB", MB, 1, 2000), ("1 MB", MB, 16, 4000), ("1 GB", GB, 1, 3), ("1 GB", GB, 4, 4)):
            path = os.path.join(files, str(size))
            if not os.path.exists(path):
                make_file(path, size)
                with open(path, "rb") as f:
                    s3.put_object(Bucket="get", Key=str(size), Body=f)
            target = presigned(s3, "get_object", Bucket="get", Key=str(size))
            ours, theirs = alternate(lambda: n * size / MB / load(server.url, "GET", [target], clients, n),
                                     lambda: n * size / MB / load(url, "GET", [f"/{size}"], clients, n))
            row(f"GET of {name}, {clients} client{'s' * (clients > 1)}, MB/s", ours, theirs, "nginx, sendfile of the same files", ">= 0.80")
    finally:
        process.terminate()


def bench_put(server, folder):
    s3 = client(server)
    s3.create_bucket(Bucket="put")
    target = presigned(s3, "put_object", Bucket="put", Key="large")
    path = os.path.join(folder, "plain")

    def ceiling():
        out = subprocess.run([CEILING, path, str(GB)], capture_output=True, text=True, check=True).stdout
        os.unlink(path)
        return GB / MB / float(out)

    def ours():
        took = load(server.url, "PUT", [target], 1, 1, GB)
        s3.delete_object(Bucket="put", Key="large")
        return GB / MB / took

    ours, theirs = alternate(ours, ceiling)
    row("PUT of 1 GB, MB/s", ours, theirs, "write and sync while hashing", ">= 0.80")


def bench_small(server, folder):
    s3 = client(server)
    s3.create_bucket(Bucket="small")
    targets = [presigned(s3, "put_object", Bucket="small", Key=f"{n:06}") for n in range(2000)]
    raw = os.path.join(ROOT, "build/obj/bench/store_raw")
    turn = [0]

    def theirs():
        turn[0] += 1
        out = subprocess.run([raw, os.path.join(folder, f"raw{turn[0]}"), "3", "64", "4096", "2000"], capture_output=True, text=True, check=True).stdout
        return float(re.search(r"^put +64 clients +(\d+)/s", out, re.M).group(1))

    n = 20000
    ours, theirs = alternate(lambda: n / load(server.url, "PUT", targets, 64, n, 4096), theirs)
    row("PUT of 4 KB, durable, 64 clients, requests/s", ours, theirs, "the store alone, durable", ">= 0.50")


def fill(server, s3, bucket, n):
    s3.create_bucket(Bucket=bucket)
    for start in range(0, n, 20000):
        targets = [presigned(s3, "put_object", Bucket=bucket, Key=f"{k:08}") for k in range(start, min(n, start + 20000))]
        load(server.url, "PUT", targets, 64, len(targets), 0)


def bench_list(server, folder):
    s3 = client(server)
    many = 1_000_000 if FULL else 50_000
    fill(server, s3, "few", 1000)
    fill(server, s3, "many", many)
    few = presigned(s3, "list_objects_v2", Bucket="few")
    somewhere = [presigned(s3, "list_objects_v2", Bucket="many", StartAfter=f"{k:08}") for k in range(0, many - 1000, many // 20)]
    n = 400
    ours, theirs = alternate(lambda: n / load(server.url, "GET", somewhere, 1, n), lambda: n / load(server.url, "GET", [few], 1, n))
    row(f"listing 1,000 keys of {many:,}, requests/s", ours, theirs, "listing 1,000 of 1,000", ">= 0.90")


def memory(server, what):
    with open(f"/proc/{server.process.pid}/status") as f:
        return int(re.search(what + r":\s+(\d+)", f.read()).group(1)) / 1024


def bench_memory(server, folder):
    """64 clients at once, half of them putting and half getting. What counts is the streams in flight, not how long they run."""
    s3 = client(server)
    s3.create_bucket(Bucket="memory")
    size = GB if FULL else 64 * MB
    load(server.url, "PUT", [presigned(s3, "put_object", Bucket="memory", Key="get")], 1, 1, size)
    server.restart()
    s3 = client(server)
    puts = [presigned(s3, "put_object", Bucket="memory", Key=f"put{n}") for n in range(32)]
    port = str(server.port)
    running = [subprocess.Popen([LOAD, method, "localhost", port, "32", "32", str(body)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
               for method, body in (("PUT", size), ("GET", 0))]
    for process, targets in zip(running, (puts, [presigned(s3, "get_object", Bucket="memory", Key="get")])):
        process.stdin.write("".join(t + "\n" for t in targets))
        process.stdin.close()
    for process in running:
        if process.wait() != 0:
            raise SystemExit("memory: a request has failed")
    row(f"memory, 32 put and 32 get {size // MB:,} MB each, MB", memory(server, "VmHWM"), 64, "64 MB", "<= 1.00")
    for n in range(32):
        s3.delete_object(Bucket="memory", Key=f"put{n}")


def rclone_server(folder):
    """rclone's S3 server on a folder: it takes any request, and syncs nothing. None: it is not installed."""
    binary = os.path.join(ROOT, "build/bench/rclone/bin/rclone")
    if not os.path.exists(binary):
        return None, None
    port = free_port()
    os.makedirs(os.path.join(folder, "rclone/rival"))
    process = subprocess.Popen([binary, "serve", "s3", "--addr", f"127.0.0.1:{port}", os.path.join(folder, "rclone")],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            break
        except OSError:
            time.sleep(0.05)
    return process, f"http://127.0.0.1:{port}"


def bench_rivals(server, folder):
    s3 = client(server)
    s3.create_bucket(Bucket="rival")
    process, url = rclone_server(folder)
    if process is None:
        return
    try:
        def both(method, operation, keys, clients, requests, body=0):
            ours = [presigned(s3, operation, Bucket="rival", Key=k) for k in keys]
            theirs = [f"/rival/{k}" for k in keys]
            return alternate(lambda: requests / load(server.url, method, ours, clients, requests, body),
                             lambda: requests / load(url, method, theirs, clients, requests, body))

        versus = "rclone serve s3, not durable"
        ours, theirs = both("PUT", "put_object", [f"{n:05}" for n in range(2000)], 64, 4000, 4096)
        row("PUT of 4 KB, 64 clients, requests/s", ours, theirs, versus, "-")
        ours, theirs = both("PUT", "put_object", ["1MB"], 1, 50, MB)
        row("PUT of 1 MB, 1 client, MB/s", ours, theirs, versus, "-")
        ours, theirs = both("GET", "get_object", ["1MB"], 16, 1000)
        row("GET of 1 MB, 16 clients, MB/s", ours, theirs, versus, "-")
        ours, theirs = both("PUT", "put_object", ["1GB"], 1, 1, GB)
        row("PUT of 1 GB, MB/s", 1024 * ours, 1024 * theirs, versus, "-")
    finally:
        process.terminate()
        process.wait()


BENCHES = {"get": bench_get, "put": bench_put, "small": bench_small, "list": bench_list, "memory": bench_memory,
           "rivals": bench_rivals}


def bench(server, folder):
    for name in os.environ.get("BENCH_S3", " ".join(BENCHES)).split():
        BENCHES[name](server, folder)
