"""DynamoDB tables for benches: partitions of 100 items of 1 KB; loading; the requests of each kind."""
import json
import os
import random
import subprocess
import tempfile

from sign import requests_file, signed

A_PARTITION, REQUESTS, A_SIGNATURE = 100, 4000, 1_000_000
# DynamoDB counts 1,024 bytes of it, names included.
REST = {"owner": {"S": "someone@example.com"}, "kind": {"S": "invoice"}, "state": {"S": "open"}, "total": {"N": "1234.56"}, "paid": {"BOOL": False},
        "tags": {"SS": ["blue", "large", "urgent"]}, "address": {"M": {"city": {"S": "Kyoto"}, "zip": {"S": "600-8216"}}}, "text": {"S": "x" * 830}}


def key(i):
    return {"pk": {"S": f"customer-{i // A_PARTITION:07}"}, "sk": {"S": f"order-{i % A_PARTITION:05}"}}


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def target(op):
    return {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810." + op}


def make(client, table):
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    schema = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    client.create_table(TableName=table, BillingMode="PAY_PER_REQUEST", AttributeDefinitions=attributes, KeySchema=schema)
    client.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})


def load(client, url, table, n, clients=8):
    """Items 0..n-1; in parts, for a signature is good for 15 minutes."""
    for first in range(0, n, A_SIGNATURE):
        load_part(url, table, first, min(A_SIGNATURE, n - first), clients)
    for i in (0, n // 2, n - 1):
        if "Item" not in client.get_item(TableName=table, Key=key(i), ConsistentRead=True):
            raise SystemExit(f"{url}: item {i} of {n} is not there")


def load_part(url, table, first, n, clients):
    """Items first..first+n-1, 25 in a BatchWriteItem, from wrk: the signature leaves the body out, so that the body may change."""
    batches = n // 25
    headers = signed(url, "dynamodb", "", {**target("BatchWriteItem"), "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    lines = "".join(f'wrk.headers["{name}"] = [==[{value}]==]\n' for name, value in headers.items())
    script = lines + f"""
local rest, made, done = [==[{compact(REST)[1:]}]==], 0, 0
request = function()
  local out = {{}}
  for i = 0, 24 do
    local at = {first} + (made * 25 + i) % {n}
    out[#out + 1] = string.format('{{"PutRequest":{{"Item":{{"pk":{{"S":"customer-%07d"}},"sk":{{"S":"order-%05d"}},%s}}}}',
                                  math.floor(at / {A_PARTITION}), at % {A_PARTITION}, rest)
  end
  made = made + 1
  return wrk.format("POST", "/", wrk.headers, '{{"RequestItems":{{"{table}":[' .. table.concat(out, ",") .. "]}}}}")
end
local function say(...) io.write(...); io.write("\\n"); io.flush() end
response = function(status, headers, body)
  done = done + 1
  if status ~= 200 or #body > 60 then say("refused: ", status, " ", body:sub(1, 200)) end
  if done == {batches} then say("loaded") end
end
"""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as f:
        f.write(script)
        f.flush()
        argv = ["wrk", "-t1", f"-c{clients}", "-d1h", "--timeout", "1m", "-s", f.name, url]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            said = next((line for line in process.stdout if line.startswith(("loaded", "refused"))), "wrk ended")
            process.kill()
    if said != "loaded\n":
        raise SystemExit(f"{url}: loading: {said}")


class Load:
    """Requests of each kind for n items of a table at a url, as files for bench/replay.c."""
    run = 0  # of puts, everywhere: the same item again would change nothing and write nothing

    def __init__(self, folder, name, url, table, n, requests=REQUESTS):
        self.path, self.url, self.table = os.path.join(folder, name), url, table
        rng = random.Random(7)
        self.picks = [rng.randrange(n) for _ in range(requests)]
        gets = [compact({"TableName": table, "Key": key(i)}) for i in self.picks]
        queries = [compact({"TableName": table, "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": key(i)["pk"]}})
                   for i in self.picks[:500]]
        self.get, self.query = self.file("get", "GetItem", gets), self.file("query", "Query", queries)

    def file(self, kind, op, bodies):
        return requests_file(f"{self.path}-{kind}", self.url, "dynamodb", bodies, target(op))

    @property
    def put(self):
        """Every put of a run changes its item: the state is new, and another one when the items come round again."""
        rest = []
        for _ in range(2):
            Load.run += 1
            rest.append(compact({**REST, "state": {"S": f"{Load.run:04}"}})[1:])
        ever = list(dict.fromkeys(self.picks))[:len(self.picks) // 2]
        return self.file("put", "PutItem", [f'{{"TableName":"{self.table}","Item":{compact(key(i))[:-1]},{text}}}' for text in rest for i in ever])
