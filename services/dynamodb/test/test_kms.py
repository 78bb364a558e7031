"""A table's KMS key. Expectations: "DynamoDB encryption at rest: usage notes", "How it works", "Using KMS with DynamoDB" (Developer Guide),
SSESpecification and TableStatus (API Reference); the sentences are what the service answers."""
import json
import os

import pytest
from botocore.exceptions import ClientError

TABLE = {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
         "BillingMode": "PAY_PER_REQUEST"}


def under(key):
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}


def refused(code, call, text, **kwargs):
    with pytest.raises(ClientError) as e:
        call(**kwargs)
    error = e.value.response["Error"]
    assert error["Code"] == code and text in error["Message"], error


def test_the_key_is_looked_at(client, name):
    dynamodb, kms, iam = client("dynamodb"), client("kms"), client("iam")
    key = kms.create_key()["KeyMetadata"]
    made = dynamodb.create_table(TableName=name, SSESpecification=under(key["KeyId"]), **TABLE)["TableDescription"]["SSEDescription"]
    assert made == {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key["Arn"]}
    refused("ValidationException", dynamodb.create_table, "does not exist", TableName=name + "-2",
            SSESpecification=under("1234abcd-12ab-34cd-56ef-1234567890ab"), **TABLE)
    kms.create_alias(AliasName="alias/" + name, TargetKeyId=key["KeyId"])
    by_alias = dynamodb.create_table(TableName=name + "-a", SSESpecification=under("alias/" + name), **TABLE)["TableDescription"]
    assert by_alias["SSEDescription"]["KMSMasterKeyArn"] == key["Arn"]
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]}))
    k = iam.create_access_key(UserName=name)["AccessKey"]
    refused("AccessDeniedException", client("dynamodb", k["AccessKeyId"], k["SecretAccessKey"]).create_table, "kms:CreateGrant",
            TableName=name + "-3", SSESpecification=under(key["Arn"]), **TABLE)
    kms.disable_key(KeyId=key["KeyId"])
    refused("ValidationException", dynamodb.create_table, "KMS key disabled error: com.amazonaws.services.kms.model.DisabledException: ", TableName=name + "-4", SSESpecification=under(key["Arn"]), **TABLE)


WIDE = {**TABLE, "AttributeDefinitions": TABLE["AttributeDefinitions"] + [{"AttributeName": "g", "AttributeType": "S"}],
        "GlobalSecondaryIndexes": [{"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}}


def put(d, table, pk, **more):
    d.put_item(TableName=table, Item={"id": {"S": pk}, "g": {"S": "g"}, **{k: {"S": v} for k, v in more.items()}})


def get(d, table, pk):
    return d.get_item(TableName=table, Key={"id": {"S": pk}}).get("Item")


def changes(client, d, table, region="us-east-1"):
    s, arn = client("dynamodbstreams", region=region), d.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    out = []
    for shard in s.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        i = s.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        out += s.get_records(ShardIterator=i)["Records"]
    return out


def on_disk(data, text):
    for folder, _, files in os.walk(data):
        for f in files:
            with open(os.path.join(folder, f), "rb") as h:
                if text in h.read():
                    return True
    return False


def test_what_lies_on_disk(fresh_tsubo, eventually):
    d, kms = fresh_tsubo.client("dynamodb"), fresh_tsubo.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    d.create_table(TableName="plain", **WIDE)
    d.create_table(TableName="sealed", SSESpecification=under(key), **WIDE)
    d.update_continuous_backups(TableName="sealed", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    put(d, "plain", "a", v="written-in-the-open")
    for v in ("kept-secret-first", "kept-secret-second"):
        put(d, "sealed", "a", v=v)
    arn = d.create_backup(TableName="sealed", BackupName="b-1")["BackupDetails"]["BackupArn"]
    eventually(lambda: d.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]["BackupStatus"] == "AVAILABLE")
    assert get(d, "sealed", "a")["v"] == {"S": "kept-secret-second"}
    assert d.query(TableName="sealed", IndexName="by-g", KeyConditionExpression="g = :g",
                   ExpressionAttributeValues={":g": {"S": "g"}})["Items"][0]["v"] == {"S": "kept-secret-second"}
    assert d.execute_statement(Statement="SELECT v FROM sealed WHERE id = 'a'")["Items"] == [{"v": {"S": "kept-secret-second"}}]
    assert [c["eventName"] for c in changes(fresh_tsubo.client, d, "sealed")] == ["INSERT", "MODIFY"]
    assert changes(fresh_tsubo.client, d, "sealed")[1]["dynamodb"]["OldImage"]["v"] == {"S": "kept-secret-first"}
    fresh_tsubo.kill()
    assert on_disk(fresh_tsubo.data, b"written-in-the-open")
    assert not on_disk(fresh_tsubo.data, b"kept-secret")
    fresh_tsubo.start()
    d = fresh_tsubo.client("dynamodb")
    assert get(d, "sealed", "a")["v"] == {"S": "kept-secret-second"}
    d.restore_table_from_backup(BackupArn=arn, TargetTableName="again")
    eventually(lambda: d.describe_table(TableName="again")["Table"]["TableStatus"] == "ACTIVE")
    assert d.describe_table(TableName="again")["Table"]["SSEDescription"]["KMSMasterKeyArn"] == key
    assert get(d, "again", "a")["v"] == {"S": "kept-secret-second"}


def test_a_key_that_cannot_be_used_shuts_the_table_and_heals_it(tsubo, client, name, eventually):
    d, kms = client("dynamodb"), client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    d.create_table(TableName=name, SSESpecification=under(key), **WIDE)
    put(d, name, "a", v="1")
    kms.disable_key(KeyId=key)
    say = "KMS key disabled error: com.amazonaws.services.kms.model.DisabledException: %s is disabled. (Service: AWSKMS; Status Code: 400; " % key
    refused("ValidationException", d.get_item, say, TableName=name, Key={"id": {"S": "a"}})
    refused("ValidationException", d.put_item, say, TableName=name, Item={"id": {"S": "b"}})
    refused("ValidationException", d.scan, say, TableName=name)
    refused("ValidationException", d.scan, say, TableName=name, IndexName="by-g")
    refused("ValidationException", d.execute_statement, say, Statement='SELECT * FROM "%s"' % name)
    refused("ValidationException", d.transact_get_items, say, TransactItems=[{"Get": {"TableName": name, "Key": {"id": {"S": "a"}}}}])
    refused("ValidationException", d.update_table, say, TableName=name, SSESpecification={"Enabled": False})
    with pytest.raises(ClientError, match="disabled"):
        changes(client, d, name)
    tsubo.turn_clock("+2m")
    shut = eventually(lambda: [t for t in [d.describe_table(TableName=name)["Table"]] if t["TableStatus"] == "INACCESSIBLE_ENCRYPTION_CREDENTIALS"])
    assert "InaccessibleEncryptionDateTime" in shut[0]["SSEDescription"]
    kms.enable_key(KeyId=key)
    assert get(d, name, "a")["v"] == {"S": "1"}  # at once
    tsubo.turn_clock("+2m")
    open_ = eventually(lambda: [t for t in [d.describe_table(TableName=name)["Table"]] if t["TableStatus"] == "ACTIVE"])
    assert "InaccessibleEncryptionDateTime" not in open_[0]["SSEDescription"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    refused("ValidationException", d.get_item, "KMS validation error: com.amazonaws.services.kms.model.KMSInvalidStateException: ", TableName=name,
            Key={"id": {"S": "a"}})


def test_who_reads_needs_the_key_too(client, name):
    """"Authorizing use of your KMS key": DynamoDB uses the key with the permissions of who calls."""
    d, kms, iam = client("dynamodb"), client("kms"), client("iam")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    d.create_table(TableName=name, SSESpecification=under(key), **WIDE)
    put(d, name, "a", v="1")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]}))
    k = iam.create_access_key(UserName=name)["AccessKey"]
    his = client("dynamodb", k["AccessKeyId"], k["SecretAccessKey"])
    refused("AccessDeniedException", his.get_item, "KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: User: ",
            TableName=name, Key={"id": {"S": "a"}})
    iam.put_user_policy(UserName=name, PolicyName="k", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key, "Condition": {
            "StringEquals": {"kms:ViaService": "dynamodb.us-east-1.amazonaws.com", "kms:EncryptionContext:aws:dynamodb:tableName": name}}}]}))
    assert get(his, name, "a")["v"] == {"S": "1"}


def test_a_table_goes_from_key_to_key(tsubo, client, name, eventually):
    d, kms = client("dynamodb"), client("kms")
    first, second = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    d.create_table(TableName=name, **WIDE)
    for i in range(1100):  # more than one batch
        put(d, name, "k%04d" % i, v="v%d" % i)
    refused("ValidationException", d.update_table, "Table is already encrypted by default", TableName=name, SSESpecification={"Enabled": False})
    all_there = lambda: sorted(i["v"]["S"] for p in d.get_paginator("scan").paginate(TableName=name, IndexName="by-g") for i in p["Items"])
    want = sorted("v%d" % i for i in range(1100))
    for key in (first, second):
        d.update_table(TableName=name, SSESpecification=under(key))
        assert d.describe_table(TableName=name)["Table"]["SSEDescription"]["KMSMasterKeyArn"] == key
        assert all_there() == want and get(d, name, "k0007")["v"] == {"S": "v7"}
    refused("ValidationException", d.update_table, "Table is already encrypted with given KMSMasterKeyId", TableName=name, SSESpecification=under(second))
    kms.disable_key(KeyId=first)
    assert all_there() == want  # the first key is of no use any more
    kms.disable_key(KeyId=second)
    refused("ValidationException", d.scan, "is disabled", TableName=name)
    kms.enable_key(KeyId=second)
    managed = d.update_table(TableName=name, SSESpecification={"Enabled": True, "SSEType": "KMS"})["TableDescription"]["SSEDescription"]
    assert kms.describe_key(KeyId=managed["KMSMasterKeyArn"])["KeyMetadata"]["KeyManager"] == "AWS"
    d.update_table(TableName=name, SSESpecification={"Enabled": False})
    assert "SSEDescription" not in d.describe_table(TableName=name)["Table"]
    kms.disable_key(KeyId=second)
    assert all_there() == want
    put(d, name, "last", v="w")
    assert changes(client, d, name)[-1]["dynamodb"]["Keys"] == {"id": {"S": "k0999"}}  # the first thousand
    d.execute_statement(Statement='DELETE FROM "%s" WHERE id = \'last\'' % name)
    assert all_there() == want


def test_the_service_works_on_it_by_its_grant(tsubo, client, name, eventually):
    d, kms = client("dynamodb"), client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    d.create_table(TableName=name, SSESpecification=under(key), **TABLE)
    grants = kms.list_grants(KeyId=key)["Grants"]
    assert [g["Constraints"]["EncryptionContextSubset"]["aws:dynamodb:tableName"] for g in grants] == [name]
    now = int(d.describe_table(TableName=name)["Table"]["CreationDateTime"].timestamp())
    d.put_item(TableName=name, Item={"id": {"S": "soon"}, "until": {"N": str(now + 30)}, "g": {"S": "x"}})
    d.put_item(TableName=name, Item={"id": {"S": "stays"}, "g": {"S": "x"}})
    d.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"})
    d.update_table(TableName=name, AttributeDefinitions=[{"AttributeName": "g", "AttributeType": "S"}], GlobalSecondaryIndexUpdates=[
        {"Create": {"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "KEYS_ONLY"}}}])
    eventually(lambda: d.describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE")
    tsubo.turn_clock("+3m")
    eventually(lambda: get(d, name, "soon") is None)
    assert [i["id"]["S"] for i in d.scan(TableName=name, IndexName="by-g")["Items"]] == ["stays"]


def test_each_region_has_its_own_key(tsubo, client, name, eventually):
    """A replica whose key is disabled does not hold up the others; it catches up once the key is back."""
    here, there, kms = client("dynamodb"), client("dynamodb", region="eu-west-1"), client("kms", region="eu-west-1")
    ours, theirs = client("kms").create_key()["KeyMetadata"]["Arn"], kms.create_key()["KeyMetadata"]["Arn"]
    here.create_table(TableName=name, SSESpecification=under(ours), **WIDE)
    put(here, name, "a", v="1")
    refused("ValidationException", here.update_table, "KMS", TableName=name, ReplicaUpdates=[
        {"Create": {"RegionName": "eu-west-1", "KMSMasterKeyId": ours}}])
    here.update_table(TableName=name, ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1", "KMSMasterKeyId": theirs}}])
    active = lambda: there.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE"
    eventually(active)
    assert there.describe_table(TableName=name)["Table"]["SSEDescription"]["KMSMasterKeyArn"] == theirs
    assert get(there, name, "a")["v"] == {"S": "1"}
    put(there, name, "b", v="2")
    assert get(here, name, "b")["v"] == {"S": "2"}
    kms.disable_key(KeyId=theirs)
    put(here, name, "c", v="3")
    here.delete_item(TableName=name, Key={"id": {"S": "a"}})
    assert get(here, name, "c")["v"] == {"S": "3"}
    refused("ValidationException", there.get_item, "KMS key disabled error", TableName=name, Key={"id": {"S": "c"}})
    kms.enable_key(KeyId=theirs)
    tsubo.turn_clock("+2m")

    def caught_up():
        try:
            return active() and [i["id"]["S"] for i in there.scan(TableName=name, IndexName="by-g")["Items"]] == ["b", "c"]
        except there.exceptions.ResourceNotFoundException:
            return False  # it is CREATING while it is filled anew, and may have become so since it was asked
    eventually(caught_up)
    assert get(there, name, "a") is None and get(there, name, "c")["v"] == {"S": "3"}
    put(here, name, "d", v="4")
    assert get(there, name, "d")["v"] == {"S": "4"}
