"""Global tables, version 2019.11.21: replicas in other regions of the same server. Follows "Global tables" (DynamoDB
Developer Guide) and the API Reference of UpdateTable; sentences are the service's own."""
import datetime
import json
import os
import time

import pytest
from botocore.exceptions import ClientError

from conftest import eventually

HOME, AWAY, THIRD = "us-east-1", "eu-west-1", "ap-northeast-1"


@pytest.fixture
def here(client):
    return client("dynamodb", region=HOME)


@pytest.fixture
def there(client):
    return client("dynamodb", region=AWAY)


def make(d, name, **more):
    d.create_table(TableName=name, **{"BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                                      "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}], **more})


def update(d, name, *actions, **more):
    return d.update_table(TableName=name, ReplicaUpdates=list(actions), **more)["TableDescription"]


def add(d, name, region, **more):
    update(d, name, {"Create": {"RegionName": region, **more}})
    settle(d, name)


def settle(d, name):
    def active():
        t = d.describe_table(TableName=name)["Table"]
        return t["TableStatus"] == "ACTIVE" and all(r["ReplicaStatus"] == "ACTIVE" for r in t.get("Replicas", [])) and t
    return eventually(active)


def replicas(d, name):
    return {r["RegionName"]: r for r in d.describe_table(TableName=name)["Table"].get("Replicas", [])}


def put(d, name, pk, **more):
    d.put_item(TableName=name, Item={"pk": {"S": pk}, **{k: {"S": v} if isinstance(v, str) else {"N": str(v)} for k, v in more.items()}})


def get(d, name, pk):
    return d.get_item(TableName=name, Key={"pk": {"S": pk}}, ConsistentRead=True).get("Item")


def keys(d, name, **how):
    return sorted(i["pk"]["S"] for p in d.get_paginator("scan").paginate(TableName=name, **how) for i in p["Items"])


def refused(code, message, call, *args, **how):
    with pytest.raises(ClientError) as e:
        call(*args, **how)
    error = e.value.response["Error"]
    assert error["Code"] == code and message in error["Message"], error


def records(server_client, region, arn):
    s, out = server_client("dynamodbstreams", region=region), []
    for shard in s.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        i = s.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        out += s.get_records(ShardIterator=i)["Records"]
    return out


def test_a_replica_gets_what_is_there_and_what_comes(here, there, client, name):
    make(here, name)
    for i in range(1200):  # more than one batch of the copying job
        put(here, name, "k%04d" % i)
    answer = update(here, name, {"Create": {"RegionName": AWAY}})
    assert answer["TableStatus"] == "UPDATING" and answer["GlobalTableVersion"] == "2019.11.21"
    assert answer["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    put(here, name, "while it is made")
    settle(here, name)
    assert keys(there, name) == keys(here, name) and len(keys(there, name)) == 1201
    a, b = here.describe_table(TableName=name)["Table"], there.describe_table(TableName=name)["Table"]
    assert [r["RegionName"] for r in a["Replicas"]] == [AWAY] and [r["RegionName"] for r in b["Replicas"]] == [HOME]
    assert a["TableId"] != b["TableId"] and b["TableArn"].split(":")[3] == AWAY and b["LatestStreamArn"].split(":")[3] == AWAY
    assert b["GlobalTableVersion"] == "2019.11.21" and b["GlobalTableSettingsReplicationMode"] == "ENABLED_WITH_OVERRIDES"
    put(there, name, "from there", n=1)
    assert get(here, name, "from there")["n"] == {"N": "1"}
    here.update_item(TableName=name, Key={"pk": {"S": "from there"}}, UpdateExpression="SET n = n + :one", ExpressionAttributeValues={":one": {"N": "1"}})
    assert get(there, name, "from there")["n"] == {"N": "2"}
    there.delete_item(TableName=name, Key={"pk": {"S": "from there"}})
    assert get(here, name, "from there") is None
    # version 2019.11.21 keeps its marks to itself
    assert set(get(there, name, "k0000")) == {"pk"}


def test_every_way_to_write_is_replicated(here, there, name):
    make(here, name)
    add(here, name, AWAY)
    here.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": {"pk": {"S": "batch"}}}}]})
    here.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": {"pk": {"S": "transaction"}}}}])
    here.execute_statement(Statement="INSERT INTO \"%s\" VALUE {'pk': 'statement'}" % name)
    here.batch_execute_statement(Statements=[{"Statement": "INSERT INTO \"%s\" VALUE {'pk': 'statements'}" % name}])
    here.execute_transaction(TransactStatements=[{"Statement": "INSERT INTO \"%s\" VALUE {'pk': 'statement in transaction'}" % name}])
    assert keys(there, name) == ["batch", "statement", "statement in transaction", "statements", "transaction"]


def test_the_last_writer_wins_everywhere(here, there, name):
    make(here, name)
    add(here, name, AWAY)
    for i in range(20):
        put((here, there)[i % 2], name, "k", n=i)
    assert get(here, name, "k") == get(there, name, "k") == {"pk": {"S": "k"}, "n": {"N": "19"}}


def test_streams_of_replicas(here, there, client, name):
    """Each region has a stream of its own with one record for each change; writing what is there gives none."""
    make(here, name)
    add(here, name, AWAY)
    put(here, name, "k", n=1)
    put(here, name, "k", n=1)
    put(there, name, "k", n=2)
    here.delete_item(TableName=name, Key={"pk": {"S": "k"}})
    for d, region in ((here, HOME), (there, AWAY)):
        seen = records(client, region, d.describe_table(TableName=name)["Table"]["LatestStreamArn"])
        assert [r["eventName"] for r in seen] == ["INSERT", "MODIFY", "REMOVE"]
        assert {r["awsRegion"] for r in seen} == {region}
        assert seen[1]["dynamodb"]["NewImage"]["n"] == {"N": "2"}


def test_indexes_and_their_changes_are_shared(here, there, name, eventually):
    make(here, name)
    put(here, name, "a", g="x")
    add(here, name, AWAY)
    there.update_table(TableName=name, AttributeDefinitions=[{"AttributeName": "g", "AttributeType": "S"}], GlobalSecondaryIndexUpdates=[
        {"Create": {"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}}])
    for d in (here, there):
        eventually(lambda: d.describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE")
    put(there, name, "b", g="x")
    for d in (here, there):
        found = d.query(TableName=name, IndexName="by-g", KeyConditionExpression="g = :g", ExpressionAttributeValues={":g": {"S": "x"}})
        assert sorted(i["pk"]["S"] for i in found["Items"]) == ["a", "b"]
    assert replicas(here, name)[AWAY]["GlobalSecondaryIndexes"] == [{"IndexName": "by-g"}]
    here.update_table(TableName=name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-g"}}])
    assert "GlobalSecondaryIndexes" not in there.describe_table(TableName=name)["Table"]


def test_throughput_is_shared_and_reads_can_be_overridden(here, there, name):
    units = lambda d: [d.describe_table(TableName=name)["Table"]["ProvisionedThroughput"][k] for k in ("ReadCapacityUnits", "WriteCapacityUnits")]
    make(here, name, BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5})
    add(here, name, AWAY)
    assert units(there) == [5, 5] and "ProvisionedThroughputOverride" not in replicas(here, name)[AWAY]
    update(here, name, {"Update": {"RegionName": AWAY, "ProvisionedThroughputOverride": {"ReadCapacityUnits": 10}}})
    assert replicas(here, name)[AWAY]["ProvisionedThroughputOverride"] == {"ReadCapacityUnits": 10} and units(there) == [10, 5]
    here.update_table(TableName=name, ProvisionedThroughput={"ReadCapacityUnits": 6, "WriteCapacityUnits": 8})
    assert units(here) == [6, 8] and units(there) == [10, 8]
    update(here, name, {"Update": {"RegionName": AWAY, "ProvisionedThroughputOverride": {"ReadCapacityUnits": 6}}})  # as the table's: none any more
    assert "ProvisionedThroughputOverride" not in replicas(here, name)[AWAY]
    there.update_table(TableName=name, ProvisionedThroughput={"ReadCapacityUnits": 7, "WriteCapacityUnits": 20})
    assert units(here) == units(there) == [7, 20]
    refused("ValidationException", "MaxReadRequestUnits for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED", update,
            here, name, {"Update": {"RegionName": AWAY, "OnDemandThroughputOverride": {"MaxReadRequestUnits": 5}}})
    here.update_table(TableName=name, BillingMode="PAY_PER_REQUEST")
    assert there.describe_table(TableName=name)["Table"]["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST" and units(there) == [0, 0]
    update(here, name, {"Update": {"RegionName": AWAY, "OnDemandThroughputOverride": {"MaxReadRequestUnits": 5}}})
    assert there.describe_table(TableName=name)["Table"]["OnDemandThroughput"] == {"MaxReadRequestUnits": 5}


def test_class_is_each_replicas_own_until_the_table_changes_it(here, there, name):
    of = lambda d: d.describe_table(TableName=name)["Table"].get("TableClassSummary", {}).get("TableClass")
    make(here, name)
    add(here, name, AWAY, TableClassOverride="STANDARD_INFREQUENT_ACCESS")
    assert of(here) is None and of(there) == "STANDARD_INFREQUENT_ACCESS"
    assert replicas(here, name)[AWAY]["ReplicaTableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    update(here, name, {"Update": {"RegionName": AWAY, "TableClassOverride": "STANDARD"}})
    assert of(there) == "STANDARD" and "ReplicaTableClassSummary" not in replicas(there, name)[HOME]
    here.update_table(TableName=name, TableClass="STANDARD_INFREQUENT_ACCESS")
    assert of(here) == of(there) == "STANDARD_INFREQUENT_ACCESS"


def test_what_stays_in_its_region(here, there, name):
    make(here, name, Tags=[{"Key": "a", "Value": "1"}])
    here.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    add(here, name, AWAY)
    arn = there.describe_table(TableName=name)["Table"]["TableArn"]
    assert there.list_tags_of_resource(ResourceArn=arn)["Tags"] == []
    recovery = there.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "DISABLED"
    here.update_table(TableName=name, DeletionProtectionEnabled=True)
    assert there.describe_table(TableName=name)["Table"]["DeletionProtectionEnabled"] is False


def test_time_to_live_of_the_group(fresh_tsubo, eventually):
    """The region where an item expires tells so in its stream; in the others its removal is one like any other
    ("DynamoDB Streams and Time to Live")."""
    here, there = fresh_tsubo.client("dynamodb", region=HOME), fresh_tsubo.client("dynamodb", region=AWAY)
    make(here, "tab")
    add(here, "tab", AWAY)
    there.update_time_to_live(TableName="tab", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
    assert here.describe_time_to_live(TableName="tab")["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    put(here, "tab", "k", expires=int(time.time()) + 100)
    fresh_tsubo.turn_clock("+10m")
    eventually(lambda: keys(here, "tab") == [] and keys(there, "tab") == [])
    gone = [records(fresh_tsubo.client, region, d.describe_table(TableName="tab")["Table"]["LatestStreamArn"])[-1] for d, region in ((here, HOME), (there, AWAY))]
    assert [r["eventName"] for r in gone] == ["REMOVE", "REMOVE"]
    assert sorted("userIdentity" in r for r in gone) == [False, True]
    add(here, "tab", THIRD)  # a later replica has it too
    third = fresh_tsubo.client("dynamodb", region=THIRD)
    assert third.describe_time_to_live(TableName="tab")["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"


def test_three_regions_and_leaving(fresh_tsubo):
    here, there, third = (fresh_tsubo.client("dynamodb", region=r) for r in (HOME, AWAY, THIRD))
    make(here, "tab")
    add(here, "tab", AWAY)
    add(there, "tab", THIRD)  # any member can add one, and is its source then
    put(third, "tab", "k")
    assert keys(here, "tab") == keys(there, "tab") == ["k"]
    assert [list(replicas(d, "tab")) for d in (here, there, third)] == [[AWAY, THIRD], [HOME, THIRD], [AWAY, HOME]]
    source = "Replica cannot be deleted because it has acted as a source region for new replica(s) being added to the table in the last 24 hours."
    refused("ValidationException", source, here.delete_table, TableName="tab")
    refused("ValidationException", source, update, here, "tab", {"Delete": {"RegionName": AWAY}})
    third.update_table(TableName="tab", DeletionProtectionEnabled=True)
    refused("ValidationException", "Cannot delete table tab in region %s because it has deletion protection enabled. Disable deletion protection first." %
            THIRD, update, here, "tab", {"Delete": {"RegionName": THIRD}})
    third.update_table(TableName="tab", DeletionProtectionEnabled=False)
    update(here, "tab", {"Delete": {"RegionName": THIRD}})
    refused("ResourceNotFoundException", "", third.describe_table, TableName="tab")
    fresh_tsubo.turn_clock("+25h")
    here.delete_table(TableName="tab")  # a day later the source may go, and the other stays
    left = there.describe_table(TableName="tab")["Table"]
    assert "Replicas" not in left and "GlobalTableVersion" not in left and left["StreamSpecification"]["StreamEnabled"]
    put(there, "tab", "alone")
    assert keys(there, "tab") == ["alone", "k"]
    add(there, "tab", HOME)
    assert keys(here, "tab") == ["alone", "k"]
    there.update_table(TableName="tab", ReplicaUpdates=[{"Disassociate": {"RegionName": AWAY, "DisassociationMode": "WAIT_FOR_REPLICATION"}}])
    put(here, "tab", "only here")
    assert keys(there, "tab") == ["alone", "k"] and "Replicas" not in here.describe_table(TableName="tab")["Table"]


TAKEN = "Failed to create a the new replica of table with name: ‘{}’ because one or more replicas already existed as tables."
NOT_IN = "Update global table operation failed because one or more replicas were not part of the global table. Please retry the request without these replicas: [ca-central-1]."
LOCAL = "Cannot add or delete the local region through ReplicaUpdates. Use CreateTable, DeleteTable, or UpdateTable as required."
BAD = [
    ([{"Create": {"RegionName": AWAY}}], {}, TAKEN),
    ([{"Create": {"RegionName": HOME}}], {}, LOCAL),
    ([{"Delete": {"RegionName": HOME}}], {}, LOCAL),
    ([{"Delete": {"RegionName": "ca-central-1"}}], {}, NOT_IN),
    ([{"Update": {"RegionName": "ca-central-1", "TableClassOverride": "STANDARD"}}], {}, NOT_IN),
    ([{"Update": {"RegionName": AWAY}}], {}, "There are no actions specified in the Replica Update Action of the request."),
    ([{}], {}, "There are no actions specified in the Replica Update Action of the request."),
    ([{"Create": {"RegionName": "us-fake-1"}}], {}, "Region us-fake-1 is not supported. The latest version of global tables are only supported in"),
    ([{"Create": {"RegionName": "sa-east-1"}, "Delete": {"RegionName": AWAY}}], {},
     "Update table operation with more than one type of replica actions not allowed."),
    ([{"Create": {"RegionName": "sa-east-1"}}, {"Create": {"RegionName": "us-west-1"}}], {},
     "Update table operation with more than one create or delete replica actions not allowed"),
    ([{"Create": {"RegionName": "sa-east-1"}}], {"DeletionProtectionEnabled": True},
     "One or more parameter values were invalid: Replica modification must be the only operation in the request"),
    ([{"Update": {"RegionName": AWAY, "ProvisionedThroughputOverride": {"ReadCapacityUnits": 1}}}], {},
     "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"),
    ([{"Create": {"RegionName": "sa-east-1", "KMSMasterKeyId": "alias/x"}}], {},
     "One or more parameter values were invalid: KMSMasterKeyId must be specified for each replica."),
]


@pytest.fixture(scope="module")
def pair(client):
    d = client("dynamodb", region=HOME)
    name = "t-" + os.urandom(6).hex()
    make(d, name)
    add(d, name, AWAY)
    return name


@pytest.mark.parametrize("actions, more, message", BAD)
def test_what_cannot_be(here, pair, actions, more, message):
    refused("ValidationException", message.format(pair), update, here, pair, *actions, **more)
    assert list(replicas(here, pair)) == [AWAY]


def test_the_stream_of_a_member_stays(here, there, pair):
    for d in (here, there):
        refused("ValidationException", "One or more parameter values were invalid: Disabling Stream is not allowed for a Global Table replica.",
                d.update_table, TableName=pair, StreamSpecification={"StreamEnabled": False})


def test_multi_region_strong_consistency(client, name):
    """"Multi-Region strong consistency (MRSC)": three members (or two and a witness), made and dissolved as a whole."""
    a, b = client("dynamodb", region="us-east-1"), client("dynamodb", region="us-east-2")
    make(a, name)
    one, two = {"Create": {"RegionName": "us-east-2"}}, {"Create": {"RegionName": "us-west-2"}}
    witness = [{"Create": {"RegionName": "us-west-2"}}]
    refused("ValidationException", "Unsupported replica count for global tables with MultiRegionConsistency set to STRONG.", update, a, name, one,
            MultiRegionConsistency="STRONG")
    refused("ValidationException", "MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter is present.", update, a, name,
            one, GlobalTableWitnessUpdates=witness)
    refused("ValidationException", "Unsupported Region(s) specified for global tables with MultiRegionConsistency set to STRONG: [us-west-1].", update,
            a, name, one, {"Create": {"RegionName": "us-west-1"}}, MultiRegionConsistency="STRONG")
    refused("ValidationException", "Cannot target multiple regions with the same action", update, a, name, one, MultiRegionConsistency="STRONG",
            GlobalTableWitnessUpdates=[{"Create": {"RegionName": "us-east-2"}}])
    update(a, name, one, MultiRegionConsistency="STRONG", GlobalTableWitnessUpdates=witness)
    t = settle(a, name)
    assert t["MultiRegionConsistency"] == "STRONG" and t["GlobalTableWitnesses"] == [{"RegionName": "us-west-2", "WitnessStatus": "ACTIVE"}]
    put(b, name, "k")
    assert keys(a, name) == ["k"]
    refused("ResourceNotFoundException", "", client("dynamodb", region="us-west-2").describe_table, TableName=name)
    refused("ValidationException", "not supported", a.update_time_to_live, TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "e"})
    refused("ValidationException", "not supported", a.transact_write_items, TransactItems=[{"Put": {"TableName": name, "Item": {"pk": {"S": "t"}}}}])
    refused("ValidationException", "Cannot add replicas to a global table with strong MultiRegionConsistency", update, a, name, two)
    refused("ValidationException", "Update table delete operation does not include all witnesses.", update, a, name, {"Delete": {"RegionName": "us-east-2"}})
    refused("ValidationException", "Deletion of only one table replica is not supported for global tables with MultiRegionConsistency set to STRONG.",
            b.delete_table, TableName=name)
    update(a, name, {"Delete": {"RegionName": "us-east-2"}}, GlobalTableWitnessUpdates=[{"Delete": {"RegionName": "us-west-2"}}])
    t = a.describe_table(TableName=name)["Table"]
    assert not {"Replicas", "GlobalTableWitnesses", "MultiRegionConsistency", "GlobalTableVersion"} & set(t)
    a.delete_table(TableName=name)


def test_adding_a_replica_needs_permissions_in_its_region(tsubo, here, name):
    make(here, name)
    iam = tsubo.client("iam")
    iam.create_user(UserName=name)
    allow = lambda *actions, region="*": {"Effect": "Allow", "Action": list(actions), "Resource": "arn:aws:dynamodb:%s:*:table/%s" % (region, name)}
    policy = lambda *statements: iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    d = tsubo.client("dynamodb", key["AccessKeyId"], key["SecretAccessKey"])
    policy(allow("dynamodb:*", region=HOME))
    refused("AccessDeniedException", "arn:aws:dynamodb:eu-west-1", update, d, name, {"Create": {"RegionName": AWAY}})
    policy(allow("dynamodb:*"))
    update(d, name, {"Create": {"RegionName": AWAY}})


def test_replication_survives_kills(fresh_tsubo):
    """What is acknowledged in one region is in both after kill -9, also while a replica is being filled."""
    d = fresh_tsubo.client("dynamodb", region=HOME)
    make(d, "tab")
    for i in range(0, 2000, 25):
        d.batch_write_item(RequestItems={"tab": [{"PutRequest": {"Item": {"pk": {"S": "k%04d" % j}}}} for j in range(i, i + 25)]})
    update(d, "tab", {"Create": {"RegionName": AWAY}})
    fresh_tsubo.kill()
    for _ in range(3):
        fresh_tsubo.start()
        here, there = fresh_tsubo.client("dynamodb", region=HOME), fresh_tsubo.client("dynamodb", region=AWAY)
        settle(here, "tab")
        put(here, "tab", os.urandom(4).hex())
        put(there, "tab", os.urandom(4).hex())
        fresh_tsubo.kill()
    fresh_tsubo.start()
    here, there = fresh_tsubo.client("dynamodb", region=HOME), fresh_tsubo.client("dynamodb", region=AWAY)
    assert keys(here, "tab") == keys(there, "tab") and len(keys(here, "tab")) == 2006


def test_replication_latency(client, here, there, name):
    """"Monitoring global tables": ReplicationLatency by TableName and ReceivingRegion, counted where the write was made."""
    make(here, name)
    add(here, name, AWAY)
    put(here, name, "a")
    put(here, name, "b")
    now = datetime.datetime.now(datetime.timezone.utc)
    told = client("cloudwatch", region=HOME).get_metric_statistics(
        Namespace="AWS/DynamoDB", MetricName="ReplicationLatency", StartTime=now - datetime.timedelta(hours=1), EndTime=now + datetime.timedelta(hours=1),
        Dimensions=[{"Name": "TableName", "Value": name}, {"Name": "ReceivingRegion", "Value": AWAY}], Period=60, Statistics=["SampleCount", "Maximum"])
    assert sum(p["SampleCount"] for p in told["Datapoints"]) == 2 and max(p["Maximum"] for p in told["Datapoints"]) == 0
