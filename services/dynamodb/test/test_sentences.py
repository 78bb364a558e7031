"""Sentences of validation, word for word as the service says them. Where they come from: answers of DynamoDB that are
published with their requests (message catalogues and recorded tests of other projects, bug reports)."""
import json

import pytest
from botocore.exceptions import ClientError

I = "One or more parameter values were invalid: "
K = [{"AttributeName": "pk", "KeyType": "HASH"}]
A = [{"AttributeName": "pk", "AttributeType": "S"}]
A2 = A + [{"AttributeName": "g", "AttributeType": "S"}]
UNITS = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
arn = "arn:aws:dynamodb:us-east-1:000000000000:table/ppr"


def G(n="gxx", **m):
    return {"IndexName": n, "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}, **m}


@pytest.fixture(scope="module")
def d(client):
    d = client("dynamodb", parameter_validation=False)
    for name, more in (("ppr", {}), ("prov", {"BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS}),
                       ("gsi", {"AttributeDefinitions": A2, "GlobalSecondaryIndexes": [G("i1x")]}),
                       ("strm", {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}})):
        d.create_table(TableName=name, **{"AttributeDefinitions": A, "KeySchema": K, "BillingMode": "PAY_PER_REQUEST", **more})
    return d


TABLES = [
    ("update_table", dict(TableName="ppr", SSESpecification={"Enabled": True}, DeletionProtectionEnabled=True),
     I + "Server-Side Encryption modification must be the only operation in the request"),
    ("update_table", dict(TableName="ppr", TableClass="STANDARD", DeletionProtectionEnabled=True),
     I + "TableClass modification must be the only operation in the request"),
    ("update_table", dict(TableName="ppr", DeletionProtectionEnabled=True, BillingMode="PAY_PER_REQUEST"),
     I + "DeletionProtection modification must be the only operation in the request"),
    ("update_table", dict(TableName="ppr", WarmThroughput={"ReadUnitsPerSecond": 20000}, BillingMode="PAY_PER_REQUEST"),
     I + "WarmThroughput must be the only operation in the request"),
    ("update_table", dict(TableName="prov", ProvisionedThroughput={"ReadCapacityUnits": 2, "WriteCapacityUnits": 1},
     StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}),
     I + "You cannot modify stream status while updating table IOPS"),
    ("update_table", dict(TableName="prov", ProvisionedThroughput={"ReadCapacityUnits": 2, "WriteCapacityUnits": 1}, AttributeDefinitions=A2,
     GlobalSecondaryIndexUpdates=[{"Create": G(ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})}]),
     I + "You cannot create or delete index while updating table IOPS"),
    ("update_table", dict(TableName="ppr", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}, AttributeDefinitions=A2,
     GlobalSecondaryIndexUpdates=[{"Create": G()}]),
     I + "You cannot create or delete index while changing stream status"),
    ("update_table", dict(TableName="ppr", SSESpecification={"Enabled": False}), I + "Table is already encrypted by default"),
    ("update_table", dict(TableName="strm", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}),
     "Table already has an enabled stream: TableName: strm"),
    ("update_table", dict(TableName="ppr", StreamSpecification={"StreamEnabled": False}), "Table has no stream to disable: TableName: ppr"),
    ("update_table", dict(TableName="ppr", StreamSpecification={"StreamEnabled": True}),
     I + "If stream is being enabled then UpdateViewType is required"),
    ("update_table", dict(TableName="strm", StreamSpecification={"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}),
     I + "If stream is being disabled, then UpdateViewType must not be specified"),
    ("create_table", dict(TableName="newt", AttributeDefinitions=A, KeySchema=K, BillingMode="PAY_PER_REQUEST",
     StreamSpecification={"StreamEnabled": True}),
     I + "Table is being created with a stream enabled, UpdateViewType is required"),
    ("create_table", dict(TableName="newt", AttributeDefinitions=A, KeySchema=K, BillingMode="PAY_PER_REQUEST",
     StreamSpecification={"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}),
     I + "Table is being created with a stream disabled, UpdateViewType should not be specified"),
    ("update_table", dict(TableName="ppr", ProvisionedThroughput={"ReadCapacityUnits": 2, "WriteCapacityUnits": 1}),
     I + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"),
    ("create_table", dict(TableName="newt", AttributeDefinitions=A, KeySchema=K),
     I + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"),
    ("update_table", dict(TableName="ppr", BillingMode="PROVISIONED"), I + "ProvisionedThroughput must be specified when BillingMode is PROVISIONED"),
    ("update_table", dict(TableName="gsi", BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 2, "WriteCapacityUnits": 1}),
     I + "ProvisionedThroughput must be specified for index: i1x"),
    ("create_table", dict(TableName="newt", AttributeDefinitions=A2, KeySchema=K,
     ProvisionedThroughput={"ReadCapacityUnits": 2, "WriteCapacityUnits": 1}, GlobalSecondaryIndexes=[G()]),
     I + "ProvisionedThroughput is not specified for index: gxx"),
    ("create_table", dict(TableName="newt", AttributeDefinitions=A2, KeySchema=K, BillingMode="PAY_PER_REQUEST",
     GlobalSecondaryIndexes=[G(ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})]),
     I + "ProvisionedThroughput should not be specified for index: gxx when BillingMode is PAY_PER_REQUEST"),
    ("update_table", dict(TableName="ppr", AttributeDefinitions=A2,
     GlobalSecondaryIndexUpdates=[{"Create": G(ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})}]),
     I + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: gxx when BillingMode is PAY_PER_REQUEST"),
    ("update_table", dict(TableName="prov", AttributeDefinitions=A2, GlobalSecondaryIndexUpdates=[{"Create": G()}]),
     I + "Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: gxx"),
    ("update_table", dict(TableName="gsi",
     GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": "i1x", "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}}]),
     I + "The only Updates for index: i1x when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput"),
    ("update_table", dict(TableName="prov", OnDemandThroughput={"MaxReadRequestUnits": 5}),
     I + "MaxReadRequestUnits for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED"),
    ("create_table", dict(TableName="newt", AttributeDefinitions=A, KeySchema=K,
     ProvisionedThroughput={"ReadCapacityUnits": 2, "WriteCapacityUnits": 1}, OnDemandThroughput={"MaxReadRequestUnits": 5}),
     I + "MaxReadRequestUnits for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED"),
    ("create_table", dict(TableName="newt", AttributeDefinitions=A, KeySchema=K, BillingMode="PAY_PER_REQUEST",
     OnDemandThroughput={"MaxReadRequestUnits": 0}),
     I + "Requested MaxReadRequestUnits for OnDemandThroughput for table is outside of valid range"),
    ("create_table", dict(TableName="newt",
     AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "pk", "AttributeType": "S"}], KeySchema=K,
     BillingMode="PAY_PER_REQUEST"),
     "Attribute Name is duplicated: pk"),
    ("create_table", dict(TableName="newt", AttributeDefinitions=A2, KeySchema=K, BillingMode="PAY_PER_REQUEST", GlobalSecondaryIndexes=[]),
     I + "List of GlobalSecondaryIndexes is empty"),
    ("update_table", dict(TableName="gsi",
     GlobalSecondaryIndexUpdates=[{"Create": {"IndexName": "nope", "KeySchema": [{"AttributeName": "zz", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}}]),
     I + "AttributeDefinitions is not specified for index: nope"),
    ("update_table", dict(TableName="gsi", AttributeDefinitions=A2, GlobalSecondaryIndexUpdates=[{"Create": G("i1x")}]),
     "Attempting to create an index which already exists"),
    ("update_table", dict(TableName="gsi", AttributeDefinitions=A2,
     GlobalSecondaryIndexUpdates=[{"Create": G("aaa")}, {"Delete": {"IndexName": "aaa"}}]),
     I + "Only one global secondary index update per index is allowed simultaneously. Index: aaa"),
    ("update_table", dict(TableName="gsi", AttributeDefinitions=A2,
     GlobalSecondaryIndexUpdates=[{"Create": G("aaa"), "Delete": {"IndexName": "bbb"}}]),
     I + "Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object"),
    ("update_table", dict(TableName="gsi", GlobalSecondaryIndexUpdates=[{}]),
     I + "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null"),
    ("create_table", dict(TableName="newt", AttributeDefinitions=A2, KeySchema=K, BillingMode="PAY_PER_REQUEST",
     GlobalSecondaryIndexes=[G(Projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a", "a"]})]),
     I + "Duplicate element in NonKeyAttributes: a"),
    ("create_table", dict(TableName="newt", AttributeDefinitions=A, KeySchema=K, BillingMode="PAY_PER_REQUEST",
     SSESpecification={"Enabled": False, "SSEType": "KMS"}),
     I + "SSEType can not be specified if Enabled is false"),
    ("create_table", dict(TableName="newt", AttributeDefinitions=A, KeySchema=K, BillingMode="PAY_PER_REQUEST",
     SSESpecification={"Enabled": False, "KMSMasterKeyId": "x"}),
     I + "KMSMasterKeyId can not be specified if Enabled is false"),
    ("create_table", dict(TableName="newt", AttributeDefinitions=A, KeySchema=K, BillingMode="PAY_PER_REQUEST",
     SSESpecification={"Enabled": True, "KMSMasterKeyId": "x"}),
     I + "SSEType KMS is required if KMSMasterKeyId is specified"),
    ("create_table", dict(TableName="newt", AttributeDefinitions=A, KeySchema=K, BillingMode="PAY_PER_REQUEST",
     SSESpecification={"Enabled": True, "SSEType": "AES256"}),
     I + "SSEType AES256 is not supported"),
    ("list_tags_of_resource", dict(ResourceArn="nope"), I + "ARNs must start with 'arn:': nope"),
    ("list_tags_of_resource", dict(ResourceArn="arn:aws:sqs:us-east-1:000000000000:x"),
     I + "Provided Arn is not a DynamoDB resource arn: arn:aws:sqs:us-east-1:000000000000:x"),
    ("list_tags_of_resource", dict(ResourceArn=arn + "/index/x"),
     I + "Invalid resource arn provided, only table or stream is accepted. Provided resource arn: " + arn + "/index/x"),
    ("list_tags_of_resource", dict(ResourceArn=arn.replace("us-east-1", "us-west-2")),
     "Invalid TableArn: Invalid ResourceArn provided as input " + arn.replace("us-east-1", "us-west-2")),
    ("describe_table", dict(TableName=arn.replace("us-east-1", "us-west-2")),
     "1 validation error detected: Invalid AWS region in '" + arn.replace('us-east-1', 'us-west-2') + "'"),
    ("describe_backup", dict(BackupArn="nope-nope-nope-nope-nope-nope-nope-nope-nope"), "Invalid Backup ARN"),
    ("tag_resource", dict(ResourceArn=arn, Tags=[{"Key": "aws:x", "Value": "1"}]), "Tag Key cannot be prefixed with aws:, Key: aws:x"),
    ("tag_resource", dict(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]),
     "Duplicate Tag Keys provided as input: Duplicate Tag Key found a"),
    ("tag_resource", dict(ResourceArn=arn, Tags=[]), "Atleast one Tag needs to be provided as Input."),
    ("untag_resource", dict(ResourceArn=arn, TagKeys=[]), "Atleast one Tag Key needs to be provided as Input."),
    ("tag_resource", dict(ResourceArn=arn, Tags=[{"Key": str(i), "Value": "1"} for i in range(51)]),
     "Number of Tags exceed the current limit for the provided ResourceArn"),
    ("put_resource_policy", dict(ResourceArn=arn, Policy="nope"), I + "Invalid policy document: This policy contains invalid Json"),
    ("put_resource_policy", dict(ResourceArn=arn,
     Policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "dynamodb:GetItem", "Resource": arn, "Sid": "x" * 21000}]})),
     I + "Maximum policy size of 20480 bytes exceeded"),
    ("update_continuous_backups", dict(TableName="ppr",
     PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False, "RecoveryPeriodInDays": 3}),
     "Invalid Request: Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery."),
    ("update_time_to_live", dict(TableName="ppr", TimeToLiveSpecification={"Enabled": False, "AttributeName": "x"}),
     "TimeToLive is already disabled"),
    ("list_backups", dict(TimeRangeLowerBound=20, TimeRangeUpperBound=10), I + "Time range lower bound must be less than or equal to upper bound"),
    ("update_table", dict(TableName="ppr"),
     "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, "
     "MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput "
     "or TableClass is required"),
    ("update_table", dict(TableName="ab", DeletionProtectionEnabled=True),
     "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3"),
    ("create_table", dict(TableName="newt", AttributeDefinitions=A2,
     KeySchema=[{"AttributeName": "pk", "KeyType": "RANGE"}, {"AttributeName": "g", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST"),
     "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
]


@pytest.mark.parametrize("operation, how, message", TABLES)
def test_of_tables(d, operation, how, message):
    with pytest.raises(ClientError) as e:
        getattr(d, operation)(**how)
    error = e.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("ValidationException", message)


def query(start, condition="pk = :a AND sk > :b", **more):
    return ("query", dict(TableName="ranged", KeyConditionExpression=condition, ExclusiveStartKey=start, ExpressionAttributeValues={
        ":a": {"S": "a"}, **({":b": {"S": "b"}} if ":b" in condition else {})}, **more))


def at(pk, sk, **more):
    return {"pk": {"S": pk}, "sk": {"S": sk}, **more}


STARTS = [
    (query(at("a", "b")), "The provided starting key does not match the range key predicate"),
    (query(at("x", "y"), "pk = :a"), "The provided starting key is outside query boundaries based on provided conditions"),
    (query(at("x", "b"), "pk = :a AND sk = :b"), "The query can return at most one row and cannot be restarted"),
    (query({"pk": {"S": "a"}}), "The provided starting key is invalid"),
    (query({"pk": {"S": "a"}, "sk": {"N": "1"}}), "The provided key element does not match the schema"),
    (query(at("a", "c", g={"S": "g"})), "The provided starting key is invalid"),
    (("scan", dict(TableName="ranged", ExclusiveStartKey={"pk": {"S": "a"}})),
     "The provided starting key is invalid: The provided key element does not match the schema"),
    (("scan", dict(TableName="ranged", IndexName="byg", ExclusiveStartKey=at("a", "b"))), "The provided starting key is invalid"),
    (("scan", dict(TableName="ranged", IndexName="byg", ExclusiveStartKey=at("a", "b", g={"N": "1"}))),
     "The provided key element does not match the schema"),
    (("scan", dict(TableName="ranged", ExclusiveStartKey=at("", "b"))),
     "The provided starting key is invalid: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
     "empty string value. Key: pk"),
]


@pytest.fixture(scope="module")
def ranged(d):
    d.create_table(TableName="ranged", BillingMode="PAY_PER_REQUEST", KeySchema=K + [{"AttributeName": "sk", "KeyType": "RANGE"}],
                   AttributeDefinitions=A2 + [{"AttributeName": "sk", "AttributeType": "S"}], GlobalSecondaryIndexes=[G("byg")])


@pytest.mark.parametrize("call, message", STARTS)
def test_of_starting_keys(d, ranged, call, message):
    with pytest.raises(ClientError) as e:
        getattr(d, call[0])(**call[1])
    error = e.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("ValidationException", message)


def test_of_long_names(d):
    """Names end at 65,535 bytes, however deep (answers measured in September 2026, github.com/ExtendDB/extenddb/issues/365)."""
    longest, longer = "n" * 65535, "n" * 65536
    sentence = "1 validation error detected: Attribute name is too large, must be less than 65536 bytes"
    value = {"M": {longer: {"S": "x"}}}
    for op, more in (("put_item", {"Item": {"pk": {"S": "a"}, longer: {"S": "x"}}}),
                     ("put_item", {"Item": {"pk": {"S": "a"}, "m": value}}),
                     ("update_item", {"Key": {"pk": {"S": "a"}}, "UpdateExpression": "SET m = :v", "ExpressionAttributeValues": {":v": value}})):
        with pytest.raises(ClientError) as e:
            getattr(d, op)(TableName="ppr", **more)
        assert (e.value.response["Error"]["Code"], e.value.response["Error"]["Message"]) == ("ValidationException", sentence)
    d.put_item(TableName="ppr", Item={"pk": {"S": "a"}, longest: {"S": "x"}, "m": {"M": {longest: {"S": "x"}}}})


def test_of_placeholders_in_transactions(d):
    """A part without an expression may bring names and values, which other requests may not (github.com/ExtendDB/extenddb/pull/169);
    with an expression, each has to be used."""
    names, values = {"#a": "b"}, {":a": {"S": "b"}}
    part = {"TableName": "ppr", "ExpressionAttributeNames": names}
    d.transact_write_items(TransactItems=[{"Put": {**part, "Item": {"pk": {"S": "t"}}, "ExpressionAttributeValues": values}},
                                          {"Delete": {**part, "Key": {"pk": {"S": "u"}}}}])
    read = d.transact_get_items(TransactItems=[{"Get": {**part, "Key": {"pk": {"S": "t"}}}}])
    assert read["Responses"] == [{"Item": {"pk": {"S": "t"}}}]
    with pytest.raises(ClientError, match="unused in expressions: keys: {#a}"):
        d.transact_write_items(TransactItems=[{"Delete": {**part, "Key": {"pk": {"S": "t"}}, "ConditionExpression": "attribute_exists(pk)"}}])
    with pytest.raises(ClientError, match="can only be specified when using expressions"):
        d.get_item(TableName="ppr", Key={"pk": {"S": "t"}}, ExpressionAttributeNames=names)


def test_of_the_size_of_strings(d):
    """size() counts UTF-16 code units (github.com/ExtendDB/extenddb/issues/60, verified there against DynamoDB)."""
    d.put_item(TableName="ppr", Item={"pk": {"S": "size"}, "s": {"S": "é𝄞"}, "b": {"B": "é".encode()}})
    for path, size in (("s", "3"), ("b", "2")):
        found = d.query(TableName="ppr", KeyConditionExpression="pk = :p", FilterExpression="size(%s) = :n" % path,
                        ExpressionAttributeValues={":p": {"S": "size"}, ":n": {"N": size}})
        assert found["Count"] == 1
