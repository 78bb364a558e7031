"""DynamoDB Streams: records, view types, iterators, shards, retention. Follows the DynamoDB Streams API Reference."""
import json

import pytest
from botocore.exceptions import ClientError


class Stream:
    def __init__(self, make_client, table, view="NEW_AND_OLD_IMAGES"):
        self.d, self.s, self.table = make_client("dynamodb"), make_client("dynamodbstreams"), table
        self.d.create_table(TableName=table, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                            StreamSpecification={"StreamEnabled": True, "StreamViewType": view})
        self.arn = self.d.describe_table(TableName=table)["Table"]["LatestStreamArn"]

    def put(self, pk, **more):
        self.d.put_item(TableName=self.table, Item={"pk": {"S": pk}, **{k: {"N": str(v)} for k, v in more.items()}})

    def delete(self, pk):
        self.d.delete_item(TableName=self.table, Key={"pk": {"S": pk}})

    def shards(self):
        return self.s.describe_stream(StreamArn=self.arn)["StreamDescription"]["Shards"]

    def iterator(self, kind="TRIM_HORIZON", shard=-1, **more):
        return self.s.get_shard_iterator(StreamArn=self.arn, ShardId=self.shards()[shard]["ShardId"], ShardIteratorType=kind,
                                         **more)["ShardIterator"]

    def read(self, iterator, **how):
        return self.s.get_records(ShardIterator=iterator, **how)

    def all(self):
        return [r for n in range(len(self.shards())) for r in self.read(self.iterator(shard=n))["Records"]]


@pytest.fixture
def stream(client, name):
    return Stream(client, name)


def test_one_record_a_change_and_none_for_a_no_op(stream):
    stream.put("a", v=1)
    stream.put("a", v=1)  # changes nothing
    stream.put("a", v=2)
    stream.delete("a")
    stream.delete("a")  # nothing to delete
    records = stream.all()
    assert [r["eventName"] for r in records] == ["INSERT", "MODIFY", "REMOVE"]
    change = records[1]["dynamodb"]
    assert change["Keys"] == {"pk": {"S": "a"}}
    assert change["OldImage"] == {"pk": {"S": "a"}, "v": {"N": "1"}} and change["NewImage"] == {"pk": {"S": "a"}, "v": {"N": "2"}}
    assert change["StreamViewType"] == "NEW_AND_OLD_IMAGES" and change["SizeBytes"] == 15
    assert records[1]["eventSource"] == "aws:dynamodb" and records[1]["eventVersion"] == "1.1"
    numbers = [int(r["dynamodb"]["SequenceNumber"]) for r in records]
    assert numbers == sorted(set(numbers)) and len({r["eventID"] for r in records}) == 3


@pytest.mark.parametrize("view, images", [("KEYS_ONLY", set()), ("NEW_IMAGE", {"NewImage"}), ("OLD_IMAGE", {"OldImage"}),
                                          ("NEW_AND_OLD_IMAGES", {"NewImage", "OldImage"})])
def test_view_types(client, name, view, images):
    stream = Stream(client, name, view)
    stream.put("a", v=1)
    stream.put("a", v=2)
    assert {"NewImage", "OldImage"} & set(stream.all()[1]["dynamodb"]) == images


def test_iterators(stream):
    for i in range(5):
        stream.put("k%d" % i)
    latest = stream.iterator("LATEST")
    numbers = [r["dynamodb"]["SequenceNumber"] for r in stream.all()]

    def keys(answer):
        return [r["dynamodb"]["Keys"]["pk"]["S"] for r in answer["Records"]]

    assert keys(stream.read(stream.iterator("AT_SEQUENCE_NUMBER", SequenceNumber=numbers[2]))) == ["k2", "k3", "k4"]
    assert keys(stream.read(stream.iterator("AFTER_SEQUENCE_NUMBER", SequenceNumber=numbers[2]))) == ["k3", "k4"]
    assert keys(stream.read(latest)) == []
    stream.put("k5")
    assert keys(stream.read(latest)) == ["k5"]
    first = stream.read(stream.iterator(), Limit=4)
    assert keys(first) == ["k0", "k1", "k2", "k3"] and keys(stream.read(first["NextShardIterator"])) == ["k4", "k5"]


def test_what_readers_may_not_ask(stream):
    """Recorded answers: DynamoDB's to the requests of other projects' tests."""
    stream.put("k")
    number = stream.all()[0]["dynamodb"]["SequenceNumber"]
    for call in (lambda: stream.iterator("TRIM_HORIZON", SequenceNumber=number), lambda: stream.iterator("LATEST", SequenceNumber=number),
                 lambda: stream.read(stream.iterator(), Limit=1001), lambda: stream.s.list_streams(Limit=101)):
        with pytest.raises(ClientError, match="ValidationException"):
            call()
    behind = stream.s.describe_stream(StreamArn=stream.arn, ExclusiveStartShardId="shardId-00000000000000000000-00000000")
    assert stream.s.describe_stream(StreamArn=stream.arn, ExclusiveStartShardId="x" * 30)["StreamDescription"]["Shards"] == []
    assert behind["StreamDescription"]["StreamStatus"] == "ENABLED"


def test_transactions_and_updates_are_recorded(stream):
    stream.d.transact_write_items(TransactItems=[
        {"Put": {"TableName": stream.table, "Item": {"pk": {"S": "a"}}}},
        {"Update": {"TableName": stream.table, "Key": {"pk": {"S": "b"}}, "UpdateExpression": "SET v = :v", "ExpressionAttributeValues": {":v": {"N": "1"}}}}])
    stream.d.update_item(TableName=stream.table, Key={"pk": {"S": "b"}}, UpdateExpression="REMOVE v")
    assert [(r["eventName"], r["dynamodb"]["Keys"]["pk"]["S"]) for r in stream.all()] == [("INSERT", "a"), ("INSERT", "b"), ("MODIFY", "b")]


def test_listing_and_disabling(stream):
    stream.put("a")
    other = stream.s.list_streams(TableName=stream.table)["Streams"]
    assert [s["StreamArn"] for s in other] == [stream.arn]
    i = stream.iterator()
    stream.d.update_table(TableName=stream.table, StreamSpecification={"StreamEnabled": False})
    stream.put("b")
    d = stream.s.describe_stream(StreamArn=stream.arn)["StreamDescription"]
    assert d["StreamStatus"] == "DISABLED" and "EndingSequenceNumber" in d["Shards"][0]["SequenceNumberRange"]
    last = stream.read(i)
    assert len(last["Records"]) == 1 and "NextShardIterator" not in last
    with pytest.raises(ClientError) as e:
        stream.s.describe_stream(StreamArn=stream.arn[:-1] + "x")
    assert e.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_shards_form_a_line_and_records_are_kept_for_a_day(fresh_tsubo, eventually):
    stream = Stream(fresh_tsubo.client, "tab")
    stream.put("a")
    old = stream.iterator()
    fresh_tsubo.turn_clock("+5h")
    with pytest.raises(ClientError) as e:
        stream.read(old)
    assert e.value.response["Error"]["Code"] == "ExpiredIteratorException"
    stream.put("b")
    first, second = stream.shards()
    assert second["ParentShardId"] == first["ShardId"] and "ParentShardId" not in first
    assert "EndingSequenceNumber" in first["SequenceNumberRange"] and "EndingSequenceNumber" not in second["SequenceNumberRange"]
    assert "NextShardIterator" not in stream.read(stream.iterator(shard=0))
    assert [r["dynamodb"]["Keys"]["pk"]["S"] for r in stream.all()] == ["a", "b"]
    fresh_tsubo.turn_clock("+20h")
    assert [r["dynamodb"]["Keys"]["pk"]["S"] for r in stream.all()] == ["b"]
    fresh_tsubo.turn_clock("+1d")
    eventually(lambda: len(stream.shards()) == 1)
    assert stream.all() == []


def test_nothing_is_lost_by_a_kill(fresh_tsubo):
    stream = Stream(fresh_tsubo.client, "tab")
    for i in range(30):
        stream.put("k%02d" % i)
    fresh_tsubo.kill()
    fresh_tsubo.start()
    stream.d, stream.s = fresh_tsubo.client("dynamodb"), fresh_tsubo.client("dynamodbstreams")
    stream.put("after")
    assert [r["dynamodb"]["Keys"]["pk"]["S"] for r in stream.all()] == ["k%02d" % i for i in range(30)] + ["after"]


def test_a_stream_has_a_policy_of_its_own(stream, client, name):
    """"Resource-based policies for DynamoDB", PutResourcePolicy (API Reference): "attached to a table or stream", decided where it is read."""
    iam, d = client("iam"), stream.d
    who = iam.create_user(UserName=name)["User"]["Arn"]
    key = iam.create_access_key(UserName=name)["AccessKey"]
    his = client("dynamodbstreams", key["AccessKeyId"], key["SecretAccessKey"])
    stream.put("a", v=1)
    with pytest.raises(ClientError) as e:
        his.describe_stream(StreamArn=stream.arn)
    assert e.value.response["Error"]["Code"] == "AccessDeniedException"
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": who}, "Resource": stream.arn,
                                                      "Action": ["dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords"]}]}
    revision = d.put_resource_policy(ResourceArn=stream.arn, Policy=json.dumps(policy))["RevisionId"]
    shard = his.describe_stream(StreamArn=stream.arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = his.get_shard_iterator(StreamArn=stream.arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    assert len(his.get_records(ShardIterator=iterator)["Records"]) == 1
    with pytest.raises(ClientError, match="AccessDenied"):
        his.list_streams()  # names no stream
    assert json.loads(d.get_resource_policy(ResourceArn=stream.arn)["Policy"]) == policy
    with pytest.raises(ClientError, match="PolicyNotFoundException"):
        d.get_resource_policy(ResourceArn=stream.arn.split("/stream/")[0])  # the table has none
    policy["Statement"][0].update(Effect="Deny", Principal="*")
    revision = d.put_resource_policy(ResourceArn=stream.arn, Policy=json.dumps(policy), ExpectedRevisionId=revision)["RevisionId"]
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        stream.read(iterator)
    assert d.delete_resource_policy(ResourceArn=stream.arn)["RevisionId"] == revision
    assert len(stream.read(iterator)["Records"]) == 1
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        d.put_resource_policy(ResourceArn=stream.arn[:-1] + "x", Policy=json.dumps(policy))
