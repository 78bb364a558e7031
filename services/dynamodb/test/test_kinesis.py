"""A table's changes into a Kinesis stream. Expectations: "Using Kinesis Data Streams to capture changes to DynamoDB" (Developer Guide),
EnableKinesisStreamingDestination and its kin (API Reference); the sentences are what the service answers."""
import json
import random
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from conftest import eventually

TABLE = {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
         "BillingMode": "PAY_PER_REQUEST"}


def refused(code, call, text, **kwargs):
    with pytest.raises(ClientError) as e:
        call(**kwargs)
    error = e.value.response["Error"]
    assert error["Code"] == code and text in error["Message"], error


def destinations(dynamodb, table):
    return dynamodb.describe_kinesis_streaming_destination(TableName=table)["KinesisDataStreamDestinations"]


def status(dynamodb, table):
    return [d["DestinationStatus"] for d in destinations(dynamodb, table)]


def stream(client, name, shards=1):
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    return kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]


def records(client, name):
    kinesis, found = client("kinesis"), []
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        at = kinesis.get_shard_iterator(StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        page = eventually(lambda: kinesis.get_records(ShardIterator=at))  # a shard gives five answers a second
        found += [json.loads(r["Data"]) for r in page["Records"]]
    return found


def enable(dynamodb, table, arn, eventually, **more):
    out = dynamodb.enable_kinesis_streaming_destination(TableName=table, StreamArn=arn, **more)
    assert (out["TableName"], out["StreamArn"], out["DestinationStatus"]) == (table, arn, "ENABLING")
    eventually(lambda: "ACTIVE" in status(dynamodb, table))


def test_every_change_becomes_a_record(client, name, eventually):
    dynamodb, arn = client("dynamodb"), stream(client, name)
    dynamodb.create_table(TableName=name, **TABLE)
    dynamodb.put_item(TableName=name, Item={"id": {"S": "before"}})
    enable(dynamodb, name, arn, eventually)
    dynamodb.put_item(TableName=name, Item={"id": {"S": "a"}, "n": {"N": "1"}})
    dynamodb.update_item(TableName=name, Key={"id": {"S": "a"}}, UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "2"}})
    dynamodb.delete_item(TableName=name, Key={"id": {"S": "a"}})
    dynamodb.delete_item(TableName=name, Key={"id": {"S": "nothing"}})
    found = eventually(lambda: len(r := records(client, name)) == 3 and r)
    assert [r["eventName"] for r in found] == ["INSERT", "MODIFY", "REMOVE"]
    first, second, third = (r["dynamodb"] for r in found)
    assert first["Keys"] == {"id": {"S": "a"}} and first["NewImage"] == {"id": {"S": "a"}, "n": {"N": "1"}} and "OldImage" not in first
    assert second["NewImage"]["n"] == {"N": "2"} and second["OldImage"]["n"] == {"N": "1"}
    assert "NewImage" not in third and third["OldImage"]["n"] == {"N": "2"}
    assert {(r["awsRegion"], r["tableName"], r["recordFormat"], r["eventSource"], r["userIdentity"]) for r in found} == \
        {("us-east-1", name, "application/json", "aws:dynamodb", None)}
    assert len({r["eventID"] for r in found}) == 3
    assert first["SizeBytes"] > 0 and abs(first["ApproximateCreationDateTime"] - time.time() * 1000) < 10 * 60 * 1000


def test_the_precision(client, name, eventually):
    dynamodb, arn = client("dynamodb"), stream(client, name)
    dynamodb.create_table(TableName=name, **TABLE)
    enable(dynamodb, name, arn, eventually, EnableKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MICROSECOND"})
    assert destinations(dynamodb, name)[0]["ApproximateCreationDateTimePrecision"] == "MICROSECOND"
    update = dict(TableName=name, StreamArn=arn)
    refused("ValidationException", dynamodb.update_kinesis_streaming_destination, "cannot be null", **update)
    refused("ValidationException", dynamodb.update_kinesis_streaming_destination, "already set to the desired value of MICROSECOND",
            UpdateKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MICROSECOND"}, **update)
    dynamodb.put_item(TableName=name, Item={"id": {"S": "a"}})
    found = eventually(lambda: records(client, name))
    assert found[0]["dynamodb"]["ApproximateCreationDateTime"] > 10 ** 15 and found[0]["dynamodb"]["ApproximateCreationDateTimePrecision"] == "MICROSECOND"
    out = dynamodb.update_kinesis_streaming_destination(
        UpdateKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MILLISECOND"}, **update)
    assert out["DestinationStatus"] == "UPDATING"
    eventually(lambda: status(dynamodb, name) == ["ACTIVE"])
    assert destinations(dynamodb, name)[0]["ApproximateCreationDateTimePrecision"] == "MILLISECOND"


def test_states(client, name, eventually):
    dynamodb, arn, other = client("dynamodb"), stream(client, name), stream(client, name + "2")
    dynamodb.create_table(TableName=name, **TABLE)
    assert destinations(dynamodb, name) == []
    ask = dict(TableName=name, StreamArn=arn)
    refused("ValidationException", dynamodb.disable_kinesis_streaming_destination, "No streaming destination with streamArn", **ask)
    refused("ResourceNotFoundException", dynamodb.enable_kinesis_streaming_destination, "User does not have a permission to use kinesis stream",
            TableName=name, StreamArn=arn + "x")
    refused("ResourceNotFoundException", dynamodb.enable_kinesis_streaming_destination, "Table: " + name + "x not found", TableName=name + "x",
            StreamArn=arn)
    enable(dynamodb, name, arn, eventually)
    for x in arn, other:
        refused("ValidationException", dynamodb.enable_kinesis_streaming_destination, "must be DISABLED or ENABLE_FAILED to perform ENABLE operation",
                TableName=name, StreamArn=x)
    assert dynamodb.disable_kinesis_streaming_destination(**ask)["DestinationStatus"] == "DISABLING"
    eventually(lambda: status(dynamodb, name) == ["DISABLED"])
    refused("ValidationException", dynamodb.disable_kinesis_streaming_destination, "must be ACTIVE to perform DISABLE operation", **ask)
    dynamodb.put_item(TableName=name, Item={"id": {"S": "unseen"}})
    enable(dynamodb, name, other, eventually)
    assert sorted(status(dynamodb, name)) == ["ACTIVE", "DISABLED"]
    dynamodb.put_item(TableName=name, Item={"id": {"S": "seen"}})
    assert eventually(lambda: records(client, name + "2"))[0]["dynamodb"]["Keys"] == {"id": {"S": "seen"}}
    assert records(client, name) == []


def test_who_enables_must_be_allowed_to_put(client, name, eventually):
    dynamodb, arn, iam = client("dynamodb"), stream(client, name), client("iam")
    dynamodb.create_table(TableName=name, **TABLE)

    def user(suffix, *actions):
        iam.create_user(UserName=name + suffix)
        iam.put_user_policy(UserName=name + suffix, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}))
        k = iam.create_access_key(UserName=name + suffix)["AccessKey"]
        return client("dynamodb", k["AccessKeyId"], k["SecretAccessKey"])
    refused("ResourceNotFoundException", user("a", "dynamodb:*", "kinesis:DescribeStreamSummary").enable_kinesis_streaming_destination,
            "does not have a permission", TableName=name, StreamArn=arn)
    enable(user("b", "dynamodb:*", "kinesis:DescribeStreamSummary", "kinesis:PutRecord*"), name, arn, eventually)


def test_expired_items_and_throttled_streams(fresh_tsubo, eventually):
    client = fresh_tsubo.client
    dynamodb, arn = client("dynamodb"), stream(client, "s")
    dynamodb.create_table(TableName="tab", **TABLE)
    dynamodb.update_time_to_live(TableName="tab", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    enable(dynamodb, "tab", arn, eventually)
    dynamodb.put_item(TableName="tab", Item={"id": {"S": "a"}, "ttl": {"N": str(int(time.time()) + 60)}})
    fresh_tsubo.turn_clock("+10m")
    last = eventually(lambda: len(r := records(client, "s")) == 2 and r[1])
    assert (last["eventName"], last["userIdentity"]) == ("REMOVE", {"type": "Service", "principalId": "dynamodb.amazonaws.com"})
    for i in range(8):  # 2.4 MB at once, 1 MiB a second: what is refused comes later
        dynamodb.put_item(TableName="tab", Item={"id": {"S": str(i)}, "x": {"S": "x" * 300_000}})

    def all_there():
        fresh_tsubo.turn_clock("+5s")
        kinesis, at, n = client("kinesis"), None, 0
        at = kinesis.get_shard_iterator(StreamName="s", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        try:
            n = len(kinesis.get_records(ShardIterator=at)["Records"])
        except kinesis.exceptions.ProvisionedThroughputExceededException:
            return False
        return n == 10
    eventually(all_there)


def test_a_stream_that_is_gone_is_waited_for(fresh_tsubo, eventually):
    client = fresh_tsubo.client
    dynamodb, arn = client("dynamodb"), stream(client, "s")
    dynamodb.create_table(TableName="tab", **TABLE)
    enable(dynamodb, "tab", arn, eventually)
    client("kinesis").delete_stream(StreamName="s")
    dynamodb.put_item(TableName="tab", Item={"id": {"S": "a"}})
    stream(client, "s")
    fresh_tsubo.turn_clock("+10s")
    assert eventually(lambda: records(client, "s"))[0]["dynamodb"]["Keys"] == {"id": {"S": "a"}}
    dynamodb.delete_table(TableName="tab")


def test_changes_of_a_sealed_table(fresh_tsubo, eventually):
    client = fresh_tsubo.client
    dynamodb, arn, key = client("dynamodb"), stream(client, "s"), client("kms").create_key()["KeyMetadata"]["Arn"]
    dynamodb.create_table(TableName="tab", SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}, **TABLE)
    enable(dynamodb, "tab", arn, eventually)
    dynamodb.put_item(TableName="tab", Item={"id": {"S": "a"}, "x": {"S": "secret"}})
    assert eventually(lambda: records(client, "s"))[0]["dynamodb"]["NewImage"]["x"] == {"S": "secret"}


def test_cloudformation(client, name, eventually):
    cfn, dynamodb, arn, other = client("cloudformation"), client("dynamodb"), stream(client, name), stream(client, name + "2")
    table = {**TABLE, "TableName": name, "KinesisStreamSpecification": {"StreamArn": arn}}

    def deploy(call, waiter):
        call(StackName=name, TemplateBody=json.dumps({"Resources": {"T": {"Type": "AWS::DynamoDB::Table", "Properties": table}}}))
        cfn.get_waiter(waiter).wait(StackName=name)
        return {d["StreamArn"]: (d["DestinationStatus"], d["ApproximateCreationDateTimePrecision"]) for d in destinations(dynamodb, name)}
    assert deploy(cfn.create_stack, "stack_create_complete") == {arn: ("ACTIVE", "MILLISECOND")}
    table["KinesisStreamSpecification"]["ApproximateCreationDateTimePrecision"] = "MICROSECOND"
    assert deploy(cfn.update_stack, "stack_update_complete") == {arn: ("ACTIVE", "MICROSECOND")}
    table["KinesisStreamSpecification"] = {"StreamArn": other}
    assert deploy(cfn.update_stack, "stack_update_complete") == {arn: ("DISABLED", "MICROSECOND"), other: ("ACTIVE", "MILLISECOND")}
    del table["KinesisStreamSpecification"]
    assert deploy(cfn.update_stack, "stack_update_complete")[other][0] == "DISABLED"


def test_changes_survive_kills(fresh_tsubo, eventually):
    """Every acknowledged change is in the stream after kill -9, in the order of its item's changes."""
    dynamodb, arn = fresh_tsubo.client("dynamodb"), stream(fresh_tsubo.client, "s", 2)
    dynamodb.create_table(TableName="tab", **TABLE)
    enable(dynamodb, "tab", arn, eventually)
    acknowledged, lock, r = set(), threading.Lock(), random.Random(9)
    for round_ in range(3):
        def put(worker):
            d, n = fresh_tsubo.client("dynamodb"), 0
            while True:
                n += 1
                try:
                    d.put_item(TableName="tab", Item={"id": {"S": str(worker)}, "n": {"N": "%d" % (round_ * 100000 + n)}})
                except (BotoCoreError, ClientError):
                    return
                with lock:
                    acknowledged.add((str(worker), round_ * 100000 + n))

        threads = [threading.Thread(target=put, args=(w,)) for w in range(4)]
        had = len(acknowledged)
        for t in threads:
            t.start()
        eventually(lambda: len(acknowledged) > had + 9)
        time.sleep(r.uniform(0, 0.3))
        fresh_tsubo.kill()
        for t in threads:
            t.join()
        fresh_tsubo.start()

    def in_stream():
        return [(x["dynamodb"]["Keys"]["id"]["S"], int(x["dynamodb"]["NewImage"]["n"]["N"])) for x in records(fresh_tsubo.client, "s")]
    fresh_tsubo.turn_clock("+5s")
    seen = eventually(lambda: acknowledged <= set(s := in_stream()) and s)
    for worker in "0123":
        numbers = [n for w, n in seen if w == worker]
        assert numbers == sorted(numbers)
