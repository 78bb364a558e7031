"""Durable SendMessage against appending the same bytes to a synced log over the same HTTP server."""
import os
import subprocess
import time

from conftest import free_port
from harness import ROOT, USER_AGENT, alternate, row, wrk
from sign import wrk_script


def bench(server, folder):
    url = server.client("sqs").create_queue(QueueName="bench")["QueueUrl"]
    body = '{"QueueUrl": "%s", "MessageBody": "%s"}' % (url, "m" * 200)
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage", "User-Agent": USER_AGENT}
    script = wrk_script(server.url + "/", "sqs", body, headers)
    port = free_port()
    log = subprocess.Popen([os.path.join(ROOT, "build/obj/bench/synced_log"), str(port), os.path.join(folder, "log")])
    time.sleep(0.2)
    try:
        for clients in (1, 10, 64):
            ours, theirs = alternate(lambda: wrk(server.url + "/", clients, script), lambda: wrk(f"http://127.0.0.1:{port}/", clients, script))
            row(f"SendMessage, durable, {clients} clients, requests/s", ours, theirs, "append-and-sync log over HTTP", ">= 0.50")
    finally:
        log.terminate()
