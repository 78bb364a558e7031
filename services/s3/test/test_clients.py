"""The clients people have, against the real server: what went up comes down with the same hash."""
import base64
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import urllib.request

import pytest
from boto3.s3.transfer import TransferConfig

from conftest import PATIENCE_S

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
MB = 1 << 20
NODE = os.path.join(ROOT, "build/runtimes/node/bin/node")
CLIS = [os.path.join(ROOT, "build/awscli/bin/aws"), "/usr/bin/aws"]  # pip's version 1, Debian's version 2


def make_tree(folder, seed):
    """Files of sizes around the limits that clients and server have, one large enough for several parts."""
    chance = random.Random(seed)
    for name, size in {"empty": 0, "a.txt": 5, "deep/er/b c+d.bin": 4000, "deep/65536": 65536, "deep/65537": 65537,
                       "ümlaut/ß.bin": 300_000, "large.bin": 12 * MB + 7}.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(chance.randbytes(size))
        os.utime(path, (1.7e9, 1.7e9))  # older than their upload, whose time is told in whole seconds
    return str(folder)


def hashes(folder):
    out = {}
    for base, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(base, name)
            with open(path, "rb") as f:
                out[os.path.relpath(path, folder)] = hashlib.sha256(f.read()).hexdigest()
    return out


def run(argv, env=None, **kwargs):
    plain = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    p = subprocess.run(argv, env={**plain, **(env or {})}, capture_output=True, timeout=PATIENCE_S, **kwargs)
    assert p.returncode == 0, f"{argv}\n{p.stdout.decode(errors='replace')}\n{p.stderr.decode(errors='replace')}"
    return p.stdout


@pytest.fixture
def bucket(tsubo, name):
    tsubo.client("s3").create_bucket(Bucket=name)
    return name


# ---- boto3's transfer manager ----

PARTS = TransferConfig(multipart_threshold=5 * MB, multipart_chunksize=5 * MB, max_concurrency=4)


def test_boto3_transfer_manager(tsubo, bucket, tmp_path):
    s3 = tsubo.client("s3")
    data = random.Random(1).randbytes(23 * MB + 11)
    (tmp_path / "up").write_bytes(data)
    s3.upload_file(str(tmp_path / "up"), bucket, "file", Config=PARTS, ExtraArgs={"Metadata": {"who": "me"}, "ContentType": "x/y"})
    head = s3.head_object(Bucket=bucket, Key="file")
    assert (head["ContentLength"], head["Metadata"], head["ContentType"]) == (len(data), {"who": "me"}, "x/y")
    assert head["ETag"].endswith('-5"')
    s3.download_file(bucket, "file", str(tmp_path / "down"), Config=PARTS)
    assert hashlib.sha256((tmp_path / "down").read_bytes()).digest() == hashlib.sha256(data).digest()

    class Stream(io.RawIOBase):  # cannot be asked for its length
        def __init__(self):
            self.inner = io.BytesIO(data)

        def readable(self):
            return True

        def read(self, n=-1):
            return self.inner.read(n)

    s3.upload_fileobj(Stream(), bucket, "stream", Config=PARTS)
    s3.copy({"Bucket": bucket, "Key": "stream"}, bucket, "copy", Config=PARTS)  # UploadPartCopy
    out = io.BytesIO()
    s3.download_fileobj(bucket, "copy", out, Config=PARTS)
    assert out.getvalue() == data


def test_boto3_many_threads(tsubo, bucket):
    from concurrent.futures import ThreadPoolExecutor
    s3 = tsubo.client("s3", max_pool_connections=16)

    def there_and_back(n):
        data = random.Random(n).randbytes(n * 37_001)
        s3.upload_fileobj(io.BytesIO(data), bucket, str(n), Config=PARTS)
        out = io.BytesIO()
        s3.download_fileobj(bucket, str(n), out, Config=PARTS)
        return out.getvalue() == data

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(there_and_back, range(0, 200, 5)))


# ---- AWS CLI ----

@pytest.fixture(params=CLIS, ids=["v1", "v2"])
def aws(request, tsubo, tmp_path):
    if not os.path.exists(request.param):
        pytest.skip(f"no {request.param}")
    env = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
           "AWS_CONFIG_FILE": str(tmp_path / "no-config"), "AWS_EC2_METADATA_DISABLED": "true"}

    def call(*args, **kwargs):
        return run([request.param, "--endpoint-url", tsubo.url, "s3", *args], env, **kwargs)

    return call


def test_aws_cli(aws, name, tmp_path):
    up, down = make_tree(tmp_path / "up", 2), str(tmp_path / "down")
    aws("mb", f"s3://{name}")
    aws("sync", up, f"s3://{name}/tree")
    listing = aws("ls", "--recursive", "--summarize", f"s3://{name}").decode()
    assert "Total Objects: 7" in listing and "tree/deep/er/b c+d.bin" in listing and "tree/ümlaut/ß.bin" in listing
    aws("sync", f"s3://{name}/tree", down)
    assert hashes(down) == hashes(up)
    assert aws("sync", up, f"s3://{name}/tree") == b"", "nothing has changed, so nothing is sent"
    os.unlink(os.path.join(up, "a.txt"))
    aws("sync", "--delete", up, f"s3://{name}/tree")
    assert "a.txt" not in aws("ls", "--recursive", f"s3://{name}").decode()
    aws("cp", "-", f"s3://{name}/piped", input=b"from a pipe")
    assert aws("cp", f"s3://{name}/piped", "-") == b"from a pipe"
    aws("mv", f"s3://{name}/tree/large.bin", f"s3://{name}/moved.bin")  # a copy in parts, then a delete
    aws("cp", f"s3://{name}/moved.bin", str(tmp_path / "moved"))
    assert (tmp_path / "moved").read_bytes() == (tmp_path / "up/large.bin").read_bytes()
    url = aws("presign", f"s3://{name}/piped").decode().strip()
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"from a pipe"
    aws("rm", "--recursive", f"s3://{name}/tree")
    assert [line.split()[-1] for line in aws("ls", f"s3://{name}").decode().splitlines()] == ["moved.bin", "piped"]
    aws("rb", "--force", f"s3://{name}")
    assert name not in aws("ls").decode()


# ---- SDK for JavaScript v3 ----

SCRIPT = """
import { S3Client, GetObjectCommand, ListObjectsV2Command, paginateListObjectsV2 } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { createHash } from "node:crypto";
import { Agent } from "node:http";
import { Readable } from "node:stream";

const { endpoint, Bucket } = JSON.parse(process.argv[process.argv.length - 1]);
// Names below localhost are this machine (RFC 6761); not every resolver knows.
const lookup = (host, options, done) => options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4);
const hosts = new Set();
const client = new S3Client({ endpoint, region: "us-east-1", credentials: { accessKeyId: "test", secretAccessKey: "test" },
  requestHandler: { httpAgent: new Agent({ keepAlive: true, lookup }) } });
client.middlewareStack.add(next => args => { hosts.add(args.request.hostname); return next(args); }, { step: "finalizeRequest" });

const hash = createHash("sha256");
async function* bytes() {
  for (let i = 0; i < 17; i++) {
    const block = Buffer.alloc(1 << 20, i + 1);
    hash.update(block);
    yield block;
  }
}
await new Upload({ client, queueSize: 3, partSize: 5 << 20, params: { Bucket, Key: "large", Body: Readable.from(bytes()) } }).done();
await new Upload({ client, params: { Bucket, Key: "small/ü", Body: "hello" } }).done();
const got = await client.send(new GetObjectCommand({ Bucket, Key: "large", ChecksumMode: "ENABLED" }));
const back = createHash("sha256");
for await (const block of got.Body) back.update(block);
const small = await (await client.send(new GetObjectCommand({ Bucket, Key: "small/ü" }))).Body.transformToString();
const keys = [];
for await (const page of paginateListObjectsV2({ client, pageSize: 1 }, { Bucket })) keys.push(...page.Contents.map(o => o.Key));
console.log(JSON.stringify({ same: hash.digest("hex") === back.digest("hex"), small, keys, hosts: [...hosts], etag: got.ETag }));
client.destroy();
"""


def test_javascript_sdk(tsubo, bucket):
    out = json.loads(run([NODE, "--input-type=module", "-e", SCRIPT, "--", json.dumps({"endpoint": tsubo.url, "Bucket": bucket})],
                         cwd=os.path.join(ROOT, "build/runtimes/nodejs")))
    assert out["same"] and out["small"] == "hello" and out["keys"] == ["large", "small/ü"] and out["etag"].endswith('-4"')
    assert out["hosts"] == [f"{bucket}.localhost"], "the bucket is named by the host"


NEWER = """
import { S3Client, PutObjectCommand, HeadObjectCommand, PutObjectAnnotationCommand, GetObjectAnnotationCommand, ListObjectAnnotationsCommand,
  UpdateObjectEncryptionCommand } from "@aws-sdk/client-s3";
const { endpoint, Bucket, key } = JSON.parse(process.argv[process.argv.length - 1]);
const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials: { accessKeyId: "test", secretAccessKey: "test" } });
const at = { Bucket, Key: "k" }, AnnotationName = "summary";
await client.send(new PutObjectCommand({ ...at, Body: "hello", ChecksumAlgorithm: "SHA256" }));
await client.send(new PutObjectAnnotationCommand({ ...at, AnnotationName, AnnotationPayload: "of many ".repeat(20000) }));
const got = await client.send(new GetObjectAnnotationCommand({ ...at, AnnotationName, ChecksumMode: "ENABLED" }));
const text = await got.AnnotationPayload.transformToString();
const list = await client.send(new ListObjectAnnotationsCommand(at));
await client.send(new UpdateObjectEncryptionCommand({ ...at, ObjectEncryption: { SSEKMS: { KMSKeyArn: key } } }));
const head = await client.send(new HeadObjectCommand({ ...at, ChecksumMode: "ENABLED" }));
console.log(JSON.stringify({ length: text.length, names: list.Annotations.map(a => a.AnnotationName), key: head.SSEKMSKeyId, sum: head.ChecksumSHA256 }));
client.destroy();
"""


def test_javascript_sdk_annotates_and_encrypts_anew(tsubo, bucket):
    key = tsubo.client("kms").create_key()["KeyMetadata"]["Arn"]
    out = json.loads(run([NODE, "--input-type=module", "-e", NEWER, "--", json.dumps({"endpoint": tsubo.url, "Bucket": bucket, "key": key})],
                         cwd=os.path.join(ROOT, "build/runtimes/nodejs")))
    assert (out["length"], out["names"], out["key"]) == (160_000, ["summary"], key) and out["sum"]


def test_aws_cli_knows_the_newer_operations(tsubo, bucket, tmp_path):
    """Version 1 of the CLI computes SHA-512; the others it leaves to a native library."""
    env = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": str(tmp_path / "none")}
    api = lambda *args: json.loads(run([CLIS[0], "--endpoint-url", tsubo.url, "s3api", *args], env) or b"null")
    (tmp_path / "f").write_bytes(b"hello")
    put = api("put-object", "--bucket", bucket, "--key", "k", "--body", str(tmp_path / "f"), "--checksum-algorithm", "SHA512",
              "--server-side-encryption", "aws:kms:dsse")
    assert put["ChecksumSHA512"] == base64.b64encode(hashlib.sha512(b"hello").digest()).decode() and put["ServerSideEncryption"] == "aws:kms:dsse"
    api("put-object-annotation", "--bucket", bucket, "--key", "k", "--annotation-name", "n", "--annotation-payload", str(tmp_path / "f"))
    assert api("list-object-annotations", "--bucket", bucket, "--key", "k")["Annotations"][0]["AnnotationName"] == "n"
    api("get-object-annotation", "--bucket", bucket, "--key", "k", "--annotation-name", "n", str(tmp_path / "g"))
    assert (tmp_path / "g").read_bytes() == b"hello"
    api("put-bucket-abac", "--bucket", bucket, "--abac-status", "Status=Enabled")
    assert api("get-bucket-abac", "--bucket", bucket)["AbacStatus"]["Status"] == "Enabled"


# ---- rclone ----

@pytest.fixture
def rclone(tsubo):
    if shutil.which("rclone") is None:
        pytest.skip("no rclone")
    flags = ["--config", "/dev/null", "--s3-provider", "Other", "--s3-endpoint", tsubo.url, "--s3-access-key-id", "test",
             "--s3-secret-access-key", "test", "--s3-region", "us-east-1", "--s3-chunk-size", "5M", "--s3-upload-cutoff", "5M", "--retries", "1"]
    return lambda *args, **kwargs: run(["rclone", *args, *flags], **kwargs)


def test_rclone(tsubo, rclone, name, tmp_path):
    bucket = name
    tsubo.client("s3").create_bucket(Bucket=bucket, ObjectOwnership="ObjectWriter")  # this version always sends an ACL
    up, down = make_tree(tmp_path / "up", 3), str(tmp_path / "down")
    rclone("sync", up, f":s3:{bucket}/tree")
    rclone("check", up, f":s3:{bucket}/tree")  # sizes and MD5s
    rclone("sync", f":s3:{bucket}/tree", down)
    assert hashes(down) == hashes(up)
    rclone("rcat", f":s3:{bucket}/piped", input=b"x" * (6 * MB))
    assert rclone("cat", f":s3:{bucket}/piped") == b"x" * (6 * MB)
    assert rclone("cat", "--offset", "3", "--count", "4", f":s3:{bucket}/piped") == b"xxxx"
    rclone("moveto", f":s3:{bucket}/tree/large.bin", f":s3:{bucket}/moved")
    assert sorted(rclone("lsf", "-R", "--files-only", f":s3:{bucket}").decode().split("\n"))[1:3] == ["moved", "piped"]
    rclone("delete", f":s3:{bucket}/tree")
    assert rclone("lsf", f":s3:{bucket}").decode().split() == ["moved", "piped"]
    rclone("purge", f":s3:{bucket}")
    assert f"{bucket}/" not in rclone("lsf", ":s3:").decode().split()


# ---- s3cmd ----

@pytest.fixture
def s3cmd(tsubo):
    if shutil.which("s3cmd") is None:
        pytest.skip("no s3cmd")
    host = f"localhost:{tsubo.port}"
    flags = ["--config", "/dev/null", "--access_key", "test", "--secret_key", "test", "--host", host, "--host-bucket", host, "--no-ssl",
             "--region", "us-east-1", "--multipart-chunk-size-mb", "5", "--no-progress"]
    return lambda *args, **kwargs: run(["s3cmd", *flags, *args], **kwargs)


def test_s3cmd(tsubo, s3cmd, name, tmp_path):
    up, down = make_tree(tmp_path / "up", 4), tmp_path / "down"
    down.mkdir()
    s3cmd("mb", f"s3://{name}")
    tsubo.client("s3").put_bucket_ownership_controls(  # s3cmd copies with an ACL, which new buckets refuse, as on AWS
        Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3cmd("sync", up + "/", f"s3://{name}/tree/")
    s3cmd("sync", f"s3://{name}/tree/", str(down) + "/")
    assert hashes(down) == hashes(up)
    s3cmd("put", os.path.join(up, "a.txt"), f"s3://{name}/one", "--add-header", "x-amz-meta-who:me")
    info = s3cmd("info", f"s3://{name}/one").decode()
    assert "x-amz-meta-who: me" in info and hashlib.md5((tmp_path / "up/a.txt").read_bytes()).hexdigest() in info
    s3cmd("cp", f"s3://{name}/one", f"s3://{name}/two")
    s3cmd("mv", f"s3://{name}/two", f"s3://{name}/three")
    assert s3cmd("get", f"s3://{name}/three", "-") == (tmp_path / "up/a.txt").read_bytes()
    assert "3" in s3cmd("du", f"s3://{name}/").decode()
    s3cmd("del", "--recursive", "--force", f"s3://{name}/tree/")
    assert [line.split()[-1] for line in s3cmd("ls", f"s3://{name}").decode().splitlines()] == [f"s3://{name}/one", f"s3://{name}/three"]
    s3cmd("rb", "--force", "--recursive", f"s3://{name}")
    assert name not in s3cmd("ls").decode()
