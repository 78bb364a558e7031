"""Server-side encryption through boto3. Expectations: "Data protection in Amazon Kinesis Data Streams", "Permissions to use user-generated
KMS keys" (Developer Guide), StartStreamEncryption (API Reference)."""
import pathlib


def test_records_are_sealed(fresh_tsubo):
    kinesis = fresh_tsubo.client("kinesis")
    key = fresh_tsubo.client("kms").create_key()["KeyMetadata"]["Arn"]
    kinesis.create_stream(StreamName="s", ShardCount=1)
    kinesis.start_stream_encryption(StreamName="s", EncryptionType="KMS", KeyId=key)
    d = kinesis.describe_stream(StreamName="s")["StreamDescription"]
    assert (d["EncryptionType"], d["KeyId"]) == ("KMS", key)
    secret = b"nobody may read this on the disk"
    assert kinesis.put_record(StreamName="s", PartitionKey="k", Data=secret)["EncryptionType"] == "KMS"
    assert kinesis.put_records(StreamName="s", Records=[{"PartitionKey": "k", "Data": secret}])["EncryptionType"] == "KMS"
    at = kinesis.get_shard_iterator(StreamName="s", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    assert [(r["Data"], r["EncryptionType"]) for r in kinesis.get_records(ShardIterator=at)["Records"]] == [(secret, "KMS")] * 2
    kinesis.stop_stream_encryption(StreamName="s", EncryptionType="KMS", KeyId=key)
    kinesis.put_record(StreamName="s", PartitionKey="k", Data=b"plain, as all may read")
    assert len(kinesis.get_records(ShardIterator=at)["Records"]) == 3
    fresh_tsubo.stop()
    held = b"".join(p.read_bytes() for p in pathlib.Path(fresh_tsubo.data).rglob("*") if p.is_file())
    assert secret not in held and b"plain, as all may read" in held


def test_producers_and_consumers_need_the_key(kit):
    key = kit.client_of("kms").create_key()["KeyMetadata"]["Arn"]
    arn = kit.make()
    kit.kinesis.start_stream_encryption(StreamARN=arn, EncryptionType="KMS", KeyId=key)
    none = kit.user("none", ("kinesis:*", "*"))
    producer = kit.user("producer", ("kinesis:*", "*"), ("kms:GenerateDataKey", key))
    consumer = kit.user("consumer", ("kinesis:*", "*"), ("kms:Decrypt", key))
    assert "kms:GenerateDataKey" in kit.refused("KMSAccessDeniedException", kit.put, data=b"x", who=none)
    kit.put(b"x", producer)
    kit.refused("KMSAccessDeniedException", kit.put, data=b"x", who=consumer)
    kit.refused("KMSAccessDeniedException", kit.read, who=none)
    assert kit.read(consumer) == [b"x"]


def test_keys_that_cannot_be_used(fresh_tsubo):
    kinesis, kms = fresh_tsubo.client("kinesis"), fresh_tsubo.client("kms")
    kinesis.create_stream(StreamName="s", ShardCount=1)

    def refused(code, call, **kwargs):
        try:
            call(**kwargs)
        except kinesis.exceptions.ClientError as e:
            assert e.response["Error"]["Code"] == code
            return
        raise AssertionError("not refused")
    start = dict(StreamName="s", EncryptionType="KMS")
    refused("KMSNotFoundException", kinesis.start_stream_encryption, KeyId="12345678-1234-1234-1234-123456789012", **start)
    refused("InvalidArgumentException", kinesis.start_stream_encryption, StreamName="s", EncryptionType="NONE", KeyId="alias/aws/kinesis")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kinesis.start_stream_encryption(KeyId=key, **start)
    kinesis.put_record(StreamName="s", PartitionKey="k", Data=b"x")
    kms.disable_key(KeyId=key)
    fresh_tsubo.turn_clock("+4m")
    kinesis.put_record(StreamName="s", PartitionKey="k", Data=b"x")  # a data key is used for five minutes
    fresh_tsubo.turn_clock("+50s")
    refused("InvalidArgumentException", kinesis.stop_stream_encryption, KeyId="other", **start)
    fresh_tsubo.turn_clock("+2m")
    refused("KMSDisabledException", kinesis.put_record, StreamName="s", PartitionKey="k", Data=b"x")
    at = kinesis.get_shard_iterator(StreamName="s", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    refused("KMSDisabledException", kinesis.get_records, ShardIterator=at)
    kinesis.start_stream_encryption(KeyId="alias/aws/kinesis", **start)
    kinesis.put_record(StreamName="s", PartitionKey="k", Data=b"x")
    assert kms.describe_key(KeyId="alias/aws/kinesis")["KeyMetadata"]["KeyManager"] == "AWS"
