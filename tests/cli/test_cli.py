"""The command line as a script uses it: exit codes, one line for each mistake, and what a command leaves behind.

Exit codes (tsubo --help): 0 done; 1 failed; 2 wrong usage; 3 no server answers."""
import json
import os
import socket
import ssl
import subprocess
import urllib.request

import pytest

from conftest import BINARY, PATIENCE_S, ROOT, Server, free_port


def run(*args, env=None):
    p = subprocess.run([BINARY, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S,
                       env={**os.environ, **(env or {})})
    return p.returncode, p.stdout, p.stderr


def ask(server, *args):
    return run(*args, "--port", str(server.port))


@pytest.mark.parametrize("args, says", [
    (["--nope"], "--nope"), (["status", "--nope"], "--nope"), (["-x", "up"], "-x"), (["frob"], "no such command: frob"), (["up", "extra"], "too many arguments: extra"),
    (["up", "--port", "99999"], "not a port: 99999"), (["up", "--port", "x"], "not a port: x"), (["up", "--port"], "--port"),
    (["up", "--host", "nowhere.invalid"], "--host takes an address"), (["up", "--log", "xml"], "--log takes text or json"),
    (["up", "--log-level", "loud"], "--log-level takes"), (["clock", "3q"], "a time span is like"), (["clock", "+"], "a time span is like"),
])
def test_a_mistake_is_one_line_and_exit_code_2(args, says):
    code, out, err = run(*args)
    assert code == 2 and out == "" and err.startswith("tsubo: ") and says in err and err.count("\n") == 1, err


def test_help_and_version():
    code, out, err = run("--help")
    assert code == 0 and err == "" and "usage: tsubo" in out and "exit codes" in out
    assert run("help")[1] == out and run()[1] == out
    assert all(len(line) <= 110 for line in out.splitlines())
    version = open(os.path.join(ROOT, "VERSION")).read().strip()
    assert run("version") == (0, f"tsubo {version}\n", "") == run("--version")


@pytest.mark.parametrize("command", [["status"], ["clock"], ["clock", "+1s"], ["ca"], ["stop"]])
def test_no_server_is_exit_code_3(command):
    port = str(free_port())
    code, out, err = run(*command, "--port", port)
    assert code == 3 and out == "" and err == f"tsubo: no server answers on port {port}; start one with tsubo up\n"


def test_env_is_for_eval():
    shell = subprocess.run(["sh", "-c", f'eval "$({BINARY} env --port 4999 --region eu-west-1)"; echo $AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID $AWS_REGION'],
                           capture_output=True, text=True, timeout=PATIENCE_S)
    assert shell.stdout == "http://localhost:4999 test eu-west-1\n"


def test_a_port_or_data_in_use(fresh_tsubo, tmp_path):
    code, _, err = run("up", "--port", str(fresh_tsubo.port), "--data", str(tmp_path / "d"))
    assert code == 1 and err == f"tsubo: cannot listen on 127.0.0.1 port {fresh_tsubo.port}: address already in use\n"
    code, _, err = run("up", "--port", str(free_port()), "--data", fresh_tsubo.data)
    assert code == 1 and err == f"tsubo: {fresh_tsubo.data} is in use by another tsubo (process {fresh_tsubo.process.pid})\n"


def test_data_that_cannot_be_read(tmp_path):
    there = Server(str(tmp_path / "d")).start()
    there.close()
    path = tmp_path / "d" / "FORMAT"
    path.write_text("tsubo store 99\n")
    code, _, err = run("up", "--port", str(free_port()), "--data", str(tmp_path / "d"))
    assert code == 1 and "has format 99; this tsubo reads format 1." in err and "Use the version that wrote it" in err
    path.write_text("something else")
    code, _, err = run("up", "--port", str(free_port()), "--data", str(tmp_path / "d"))
    assert code == 1 and "is not a format file of tsubo" in err
    (tmp_path / "file").write_text("")
    code, _, err = run("up", "--port", str(free_port()), "--data", str(tmp_path / "file"))
    assert code == 1 and err == f"tsubo: cannot keep data in {tmp_path}/file: Not a directory\n"


def test_status_and_the_clock(fresh_tsubo):
    code, out, _ = ask(fresh_tsubo, "status")
    assert code == 0 and json.loads(out)["status"] == "running" and json.loads(out)["data"] == fresh_tsubo.data
    now = json.loads(ask(fresh_tsubo, "clock")[1])
    assert now["clock_offset_ms"] == 0
    assert json.loads(ask(fresh_tsubo, "clock", "+1d2h")[1])["clock_offset_ms"] == 26 * 3600 * 1000
    assert json.loads(ask(fresh_tsubo, "clock", "-2h")[1])["clock_offset_ms"] == 24 * 3600 * 1000
    fresh_tsubo.restart()
    assert json.loads(ask(fresh_tsubo, "clock")[1])["clock_offset_ms"] == 24 * 3600 * 1000  # time does not fall back


def test_the_clock_is_not_a_web_pages_to_turn(fresh_tsubo):
    request = urllib.request.Request(f"{fresh_tsubo.url}/_tsubo/clock?turn=1d", method="POST")
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(request, timeout=PATIENCE_S)
    assert e.value.code == 403


def test_stop_ends_when_the_server_has_ended(fresh_tsubo):
    assert ask(fresh_tsubo, "stop") == (0, "", "")
    assert fresh_tsubo.process.poll() == 0
    assert ask(fresh_tsubo, "stop")[0] == 3
    fresh_tsubo.start()  # at once: port and data are free


def test_reset_forgets_everything(fresh_tsubo):
    sqs = fresh_tsubo.client("sqs")
    sqs.create_queue(QueueName="q")
    assert ask(fresh_tsubo, "reset") == (0, "", "")
    assert "QueueUrls" not in sqs.list_queues()
    sqs.create_queue(QueueName="q2")
    fresh_tsubo.restart()
    assert len(sqs.list_queues()["QueueUrls"]) == 1
    s3 = fresh_tsubo.client("s3")
    s3.create_bucket(Bucket="bodies")
    for size in (10, 10_000, 1_000_000):
        s3.put_object(Bucket="bodies", Key=str(size), Body=b"x" * size)
    fresh_tsubo.stop()
    assert run("reset", "--port", str(fresh_tsubo.port), "--data", fresh_tsubo.data) == (0, "", "")
    assert set(os.listdir(fresh_tsubo.data)) <= {"tls"}
    fresh_tsubo.start()
    assert "QueueUrls" not in sqs.list_queues()


def test_reset_spares_what_is_in_use_or_not_ours(fresh_tsubo, tmp_path):
    fresh_tsubo.client("sqs").create_queue(QueueName="q")
    code, _, err = run("reset", "--port", str(free_port()), "--data", fresh_tsubo.data)
    assert code == 1 and "is in use by another tsubo" in err
    fresh_tsubo.restart()
    assert len(fresh_tsubo.client("sqs").list_queues()["QueueUrls"]) == 1
    (tmp_path / "db").mkdir()
    code, _, err = run("reset", "--port", str(free_port()), "--data", str(tmp_path))
    assert code == 3 and "holds no data of tsubo's" in err and (tmp_path / "db").exists()


def test_https_with_the_local_authority(fresh_tsubo):
    """Any name of ours is certified by the authority that `tsubo ca` prints, on the same port; nobody else's is trusted."""
    code, pem, _ = ask(fresh_tsubo, "ca")
    assert code == 0 and pem.startswith("-----BEGIN CERTIFICATE-----")
    context = ssl.create_default_context(cadata=pem)
    for name in ("localhost", "127.0.0.1", "bucket.s3.localhost", "abc.execute-api.localhost"):
        with socket.create_connection(("127.0.0.1", fresh_tsubo.port), PATIENCE_S) as plain, context.wrap_socket(plain, server_hostname=name) as tls:
            tls.sendall(b"GET /_tsubo/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert tls.recv(15) == b"HTTP/1.1 200 OK"
    with socket.create_connection(("127.0.0.1", fresh_tsubo.port), PATIENCE_S) as plain, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")
    fresh_tsubo.restart()
    assert ask(fresh_tsubo, "ca")[1] == pem  # made once


def test_boto3_over_https(fresh_tsubo, tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_text(ask(fresh_tsubo, "ca")[1])
    s3 = fresh_tsubo.session().client("s3", endpoint_url=f"https://localhost:{fresh_tsubo.port}", verify=str(ca))
    s3.create_bucket(Bucket="over-tls")
    s3.put_object(Bucket="over-tls", Key="k", Body=b"x" * 300000)
    assert s3.get_object(Bucket="over-tls", Key="k")["Body"].read() == b"x" * 300000
    url = s3.generate_presigned_url("get_object", {"Bucket": "over-tls", "Key": "k"})
    assert url.startswith("https://")
    with urllib.request.urlopen(url, context=ssl.create_default_context(cafile=str(ca)), timeout=PATIENCE_S) as answer:
        assert len(answer.read()) == 300000
