"""What the tests of lambda share: zips made in memory, a role that functions run as, functions that vanish afterwards."""
import io
import json
import zipfile

import pytest

TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def zip_of(files):
    """{"m.py": "text"} as a zip; everything executable."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, text in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100755 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(info, text)
    return out.getvalue()


def make_role(client, name, policy=ALL, trust=TRUST):
    iam = client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if policy:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    return arn


@pytest.fixture
def role(client, name):
    return make_role(client, name)


@pytest.fixture
def aws(client):
    return client("lambda", retries={"max_attempts": 1})


@pytest.fixture
def python(aws, role, name):
    """python("def handler(event, context): ...", Timeout=1): a new function's name."""
    made = []

    def make(code, suffix="", **more):
        more.setdefault("Runtime", "python3.11")
        more.setdefault("MemorySize", 256)
        more.setdefault("Timeout", 60)
        more.setdefault("Role", role)
        made.append(name + suffix)
        aws.create_function(FunctionName=made[-1], Handler="m.handler", Code={"ZipFile": zip_of({"m.py": code})}, **more)
        return made[-1]

    yield make
    for each in made:
        aws.delete_function(FunctionName=each)


@pytest.fixture
def call(aws):
    """call(function, event): (answer, FunctionError)."""
    def go(function, event=None, **more):
        r = aws.invoke(FunctionName=function, Payload=json.dumps(event if event is not None else {}), **more)
        return json.loads(r["Payload"].read() or b"null"), r.get("FunctionError")
    return go


@pytest.fixture(name="zip_of")
def zip_of_fixture():
    return zip_of


@pytest.fixture(name="make_role")
def make_role_fixture(client):
    return lambda *args, **more: make_role(client, *args, **more)


@pytest.fixture
def make_role_on():
    """make_role_on(server, name): a role on another server than the module's."""
    return lambda server, *args, **more: make_role(server.client, *args, **more)


@pytest.fixture
def seen(client, name):
    """seen(): what the function told of its calls, in their order; it appends to the list `l` of the item "calls" of the table <name>-seen."""
    d = client("dynamodb")
    d.create_table(TableName=name + "-seen", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
                   AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])

    def calls():
        item = d.get_item(TableName=name + "-seen", Key={"id": {"S": "calls"}}).get("Item")
        return [json.loads(c["S"]) for c in item["l"]["L"]] if item else []
    return calls


@pytest.fixture
def worker(python, seen, name, request):
    """worker(VARIABLE="value"): a function of the test file's CODE, which finds that table's name in SEEN."""
    return lambda **env: python(request.module.CODE, Timeout=60, MemorySize=512, Environment={"Variables": {"SEEN": name + "-seen", **env}})


@pytest.fixture
def mapping(aws):
    """mapping(EventSourceArn=..., FunctionName=...): an event source mapping's UUID; it goes with the test."""
    made = []

    def make(**args):
        made.append(aws.create_event_source_mapping(**args)["UUID"])
        return made[-1]
    yield make
    for uuid in made:
        aws.delete_event_source_mapping(UUID=uuid)
