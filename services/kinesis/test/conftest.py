"""What the tests of Kinesis share."""
import json

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"


class Kit:
    """A Kinesis client and the words the tests speak in."""

    def __init__(self, client, name):
        self.client_of, self.name, self.kinesis, self.iam = client, name, client("kinesis"), client("iam")
        self.arn = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}"

    def make(self, shards=1, **more):
        self.kinesis.create_stream(StreamName=self.name, ShardCount=shards, **more)
        return self.arn

    def refused(self, code, call, **kwargs):
        with pytest.raises(ClientError) as e:
            call(**kwargs)
        assert e.value.response["Error"]["Code"] == code, e.value.response["Error"]
        return e.value.response["Error"]["Message"]

    def user(self, suffix, *statements):
        """A user with an inline policy of these (actions, resource, condition): a Kinesis client of his."""
        user = f"{self.name}-{suffix}"
        self.iam.create_user(UserName=user)
        self.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": s[0], "Resource": s[1], **({"Condition": s[2]} if len(s) > 2 else {})} for s in statements]}))
        k = self.iam.create_access_key(UserName=user)["AccessKey"]
        return self.client_of("kinesis", k["AccessKeyId"], k["SecretAccessKey"])

    def put(self, data, who=None, key="k"):
        return (who or self.kinesis).put_record(StreamARN=self.arn, PartitionKey=key, Data=data)

    def read(self, who=None, shard="shardId-000000000000"):
        who = who or self.kinesis
        at = who.get_shard_iterator(StreamARN=self.arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        return [r["Data"] for r in who.get_records(ShardIterator=at)["Records"]]


@pytest.fixture
def kit(client, name):
    return Kit(client, name)
