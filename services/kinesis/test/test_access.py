"""Tags, consumers, policies and permissions through boto3. Expectations: "Actions, resources, and condition keys for Amazon Kinesis Data
Streams" (Service Authorization Reference), "Sharing your data stream with another account", "Tag your resources" (Developer Guide)."""
import json

import pytest


def test_tags(kit):
    arn = kit.make(Tags={"a": "1"})
    k = kit.kinesis
    k.add_tags_to_stream(StreamName=kit.name, Tags={"b": "2", "c": ""})
    k.tag_resource(ResourceARN=arn, Tags={"a": "9"})
    assert k.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "9"}, {"Key": "b", "Value": "2"}, {"Key": "c", "Value": ""}]
    page = k.list_tags_for_stream(StreamARN=arn, Limit=1)
    assert page["HasMoreTags"] and [t["Key"] for t in page["Tags"]] == ["a"]
    assert [t["Key"] for t in k.list_tags_for_stream(StreamARN=arn, ExclusiveStartTagKey="a")["Tags"]] == ["b", "c"]
    k.remove_tags_from_stream(StreamName=kit.name, TagKeys=["a", "nothing"])
    k.untag_resource(ResourceARN=arn, TagKeys=["b"])
    assert [t["Key"] for t in k.list_tags_for_stream(StreamARN=arn)["Tags"]] == ["c"]
    kit.refused("InvalidArgumentException", k.tag_resource, ResourceARN=arn, Tags={"aws:x": "1"})
    kit.refused("InvalidArgumentException", k.tag_resource, ResourceARN=arn, Tags={str(i): "" for i in range(50)})


def test_consumers(kit):
    arn, k = kit.make(), kit.kinesis
    made = k.register_stream_consumer(StreamARN=arn, ConsumerName="one", Tags={"t": "1"})["Consumer"]
    assert made["ConsumerARN"] == f"{arn}/consumer/one:{int(made['ConsumerCreationTimestamp'].timestamp())}"
    kit.refused("ResourceInUseException", k.register_stream_consumer, StreamARN=arn, ConsumerName="one")
    shown = k.describe_stream_consumer(ConsumerARN=made["ConsumerARN"])["ConsumerDescription"]
    assert (shown["ConsumerStatus"], shown["StreamARN"], shown["ConsumerName"]) == ("ACTIVE", arn, "one")
    assert k.describe_stream_consumer(StreamARN=arn, ConsumerName="one")["ConsumerDescription"] == shown
    assert k.list_tags_for_resource(ResourceARN=made["ConsumerARN"])["Tags"] == [{"Key": "t", "Value": "1"}]
    for i in range(19):
        k.register_stream_consumer(StreamARN=arn, ConsumerName="c%02d" % i)
    kit.refused("LimitExceededException", k.register_stream_consumer, StreamARN=arn, ConsumerName="more")
    assert k.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]["ConsumerCount"] == 20
    page = k.list_stream_consumers(StreamARN=arn, MaxResults=15)
    rest = k.list_stream_consumers(StreamARN=arn, NextToken=page["NextToken"])
    assert len(page["Consumers"]) == 15 and [c["ConsumerName"] for c in rest["Consumers"]] == ["c15", "c16", "c17", "c18", "one"]
    kit.refused("ResourceInUseException", k.delete_stream, StreamName=kit.name)
    k.deregister_stream_consumer(ConsumerARN=made["ConsumerARN"])
    kit.refused("ResourceNotFoundException", k.describe_stream_consumer, ConsumerARN=made["ConsumerARN"])
    kit.refused("InvalidArgumentException", k.deregister_stream_consumer, StreamARN=arn)
    k.delete_stream(StreamName=kit.name, EnforceConsumerDeletion=True)


def test_permissions_by_resource_and_tag(kit):
    arn, k = kit.make(Tags={"team": "blue"}), kit.kinesis
    producer = kit.user("producer", ("kinesis:PutRecord", arn))
    assert f"is not authorized to perform: kinesis:GetShardIterator on resource: {arn}" in \
        kit.refused("AccessDeniedException", kit.read, who=producer)
    kit.put(b"x", producer)
    kit.refused("AccessDeniedException", producer.put_records, StreamARN=arn, Records=[{"Data": b"", "PartitionKey": "k"}])
    kit.refused("AccessDeniedException", producer.put_record, StreamName=kit.name + "x", Data=b"", PartitionKey="k")  # whether it is there or not
    blue = kit.user("blue", ("kinesis:*", "*", {"StringEquals": {"aws:ResourceTag/team": "blue"}}))
    assert kit.read(blue) == [b"x"]
    k.tag_resource(ResourceARN=arn, Tags={"team": "red"})
    kit.refused("AccessDeniedException", kit.read, who=blue)
    maker = kit.user("maker", ("kinesis:CreateStream", "*"))
    kit.refused("AccessDeniedException", maker.create_stream, StreamName=kit.name + "2", ShardCount=1, Tags={"a": "b"})
    maker.create_stream(StreamName=kit.name + "2", ShardCount=1)


def test_resource_policies(kit, client):
    arn, k = kit.make(), kit.kinesis
    reader = kit.user("reader", ("sts:GetCallerIdentity", "*"))
    kit.put(b"x")
    kit.refused("AccessDeniedException", kit.read, who=reader)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::000000000000:user/{kit.name}-reader"}, "Action": ["kinesis:Get*"], "Resource": arn}]})
    k.put_resource_policy(ResourceARN=arn, Policy=policy)
    assert json.loads(k.get_resource_policy(ResourceARN=arn)["Policy"]) == json.loads(policy)
    assert kit.read(reader) == [b"x"]
    kit.refused("AccessDeniedException", kit.put, data=b"y", who=reader)
    k.delete_resource_policy(ResourceARN=arn)
    kit.refused("AccessDeniedException", kit.read, who=reader)
    kit.refused("ResourceNotFoundException", k.get_resource_policy, ResourceARN=arn)
    kit.refused("InvalidArgumentException", k.put_resource_policy, ResourceARN=arn, Policy="{")
    consumer = k.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]["ConsumerARN"]
    k.put_resource_policy(ResourceARN=consumer, Policy=policy.replace("Get*", "DescribeStreamConsumer").replace(arn, consumer))
    assert reader.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]["ConsumerName"] == "c"


def test_enhanced_monitoring(kit, eventually):
    arn, k = kit.make(), kit.kinesis
    out = k.enable_enhanced_monitoring(StreamARN=arn, ShardLevelMetrics=["IncomingBytes", "OutgoingRecords"])
    assert out["CurrentShardLevelMetrics"] == [] and out["DesiredShardLevelMetrics"] == ["IncomingBytes", "OutgoingRecords"]
    out = k.disable_enhanced_monitoring(StreamARN=arn, ShardLevelMetrics=["OutgoingRecords"])
    assert out["DesiredShardLevelMetrics"] == ["IncomingBytes"]
    kit.put(b"12345")
    kit.read()
    cloudwatch = kit.client_of("cloudwatch")

    def metrics():
        listed = cloudwatch.list_metrics(Namespace="AWS/Kinesis", Dimensions=[{"Name": "StreamName", "Value": kit.name}])["Metrics"]
        return {(m["MetricName"], len(m["Dimensions"])) for m in listed}
    wanted = {("IncomingBytes", 1), ("IncomingBytes", 2), ("IncomingRecords", 1), ("PutRecord.Success", 1), ("PutRecord.Bytes", 1),
              ("GetRecords.Bytes", 1), ("GetRecords.Records", 1), ("GetRecords.Success", 1), ("GetRecords.IteratorAgeMilliseconds", 1)}
    eventually(lambda: metrics() >= wanted)
    assert ("OutgoingRecords", 2) not in metrics()


def test_cloudformation(kit):
    cfn, k = kit.client_of("cloudformation"), kit.kinesis
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "kinesis:PutRecord",
                                                      "Resource": {"Fn::GetAtt": ["S", "Arn"]}}]}
    stream = {"Name": kit.name, "ShardCount": 2, "RetentionPeriodHours": 48, "Tags": [{"Key": "a", "Value": "1"}],
              "StreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}, "DesiredShardLevelMetrics": ["IncomingBytes"]}
    template = {"Resources": {
        "S": {"Type": "AWS::Kinesis::Stream", "Properties": stream},
        "C": {"Type": "AWS::Kinesis::StreamConsumer", "Properties": {"ConsumerName": "c", "StreamARN": {"Fn::GetAtt": ["S", "Arn"]}}},
        "P": {"Type": "AWS::Kinesis::ResourcePolicy", "Properties": {"ResourceArn": {"Fn::GetAtt": ["S", "Arn"]}, "ResourcePolicy": policy}}},
        "Outputs": {"Name": {"Value": {"Ref": "S"}}, "Arn": {"Value": {"Fn::GetAtt": ["S", "Arn"]}}, "Consumer": {"Value": {"Ref": "C"}},
                    "Status": {"Value": {"Fn::GetAtt": ["C", "ConsumerStatus"]}}}}

    def deploy(call, waiter):
        call(StackName=kit.name, TemplateBody=json.dumps(template))
        cfn.get_waiter(waiter).wait(StackName=kit.name)
        return {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=kit.name)["Stacks"][0]["Outputs"]}
    out = deploy(cfn.create_stack, "stack_create_complete")
    assert (out["Name"], out["Arn"], out["Status"]) == (kit.name, kit.arn, "ACTIVE") and out["Consumer"].startswith(kit.arn + "/consumer/c:")
    d = k.describe_stream_summary(StreamName=kit.name)["StreamDescriptionSummary"]
    assert (d["OpenShardCount"], d["RetentionPeriodHours"], d["EncryptionType"], d["ConsumerCount"]) == (2, 48, "KMS", 1)
    assert d["EnhancedMonitoring"] == [{"ShardLevelMetrics": ["IncomingBytes"]}]
    assert json.loads(k.get_resource_policy(ResourceARN=kit.arn)["Policy"])["Statement"][0]["Resource"] == kit.arn
    stream.update(ShardCount=3, RetentionPeriodHours=24, Tags=[{"Key": "b", "Value": "2"}], MaxRecordSizeInKiB=2048)
    del stream["StreamEncryption"]
    deploy(cfn.update_stack, "stack_update_complete")
    d = k.describe_stream_summary(StreamName=kit.name)["StreamDescriptionSummary"]
    assert (d["OpenShardCount"], d["RetentionPeriodHours"], d["EncryptionType"], d["MaxRecordSizeInKiB"]) == (3, 24, "NONE", 2048)
    assert {"Key": "b", "Value": "2"} in k.list_tags_for_stream(StreamName=kit.name)["Tags"]
    cfn.delete_stack(StackName=kit.name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=kit.name)
    kit.refused("ResourceNotFoundException", k.describe_stream, StreamName=kit.name)
