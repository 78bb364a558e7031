"""From `tsubo up` to the first answered call; idle resident memory."""
import os
import re
import socket
import statistics
import subprocess
import time

from conftest import free_port
from harness import ROOT, row


def bench(server, folder):
    times = []
    for i in range(10):
        data = os.path.join(folder, f"start{i}")
        port = free_port()
        began = time.monotonic()
        p = subprocess.Popen([os.path.join(ROOT, "build/tsubo"), "up", "--port", str(port), "--data", data], stderr=subprocess.DEVNULL)
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as s:
                    s.sendall(b"GET /_tsubo/status HTTP/1.1\r\nHost: x\r\n\r\n")
                    s.recv(100)
                break
            except OSError:
                time.sleep(0.0005)
        times.append((time.monotonic() - began) * 1000)
        if i == 9:
            time.sleep(1)
            rss = int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{p.pid}/status").read()).group(1)) / 1024
        p.terminate()
        p.wait()
    row("tsubo up to the first answer, ms", statistics.median(times), 40, "40 ms", "<= 1.00")
    row("idle resident memory, MB", rss, 25, "25 MB", "<= 1.00")
