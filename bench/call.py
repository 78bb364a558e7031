"""Signed GetCallerIdentity against nginx's `return 200`."""
from harness import FORM, IDENTITY, alternate, nginx, row, wrk
from sign import wrk_script


def bench(server, folder):
    script = wrk_script(server.url + "/", "sts", IDENTITY, FORM)
    process, url = nginx(folder, server.client("sts").get_caller_identity()["Arn"] + "x" * 300)
    try:
        ours, theirs = alternate(lambda: wrk(server.url + "/", 64, script), lambda: wrk(url, 64, script))
    finally:
        process.terminate()
    row("GetCallerIdentity, requests/s", ours, theirs, "nginx return 200", ">= 0.60")
