// What a program with the SDK for JavaScript v3 does with Kinesis, as a transcript. Run by test_clients.py. The SDK speaks HTTP/2 to Kinesis
// unless it is told otherwise.
const assert = require("node:assert/strict");
const k = require("@aws-sdk/client-kinesis");
const { NodeHttpHandler } = require("@smithy/node-http-handler");

const [endpoint, StreamName] = process.argv.slice(2);
const client = new k.KinesisClient({
	endpoint, region: "us-east-1", credentials: { accessKeyId: "test", secretAccessKey: "test" }, maxAttempts: 1, requestHandler: new NodeHttpHandler(),
});

async function main() {
	await client.send(new k.CreateStreamCommand({ StreamName, ShardCount: 2 }));
	await k.waitUntilStreamExists({ client, minDelay: 1, maxWaitTime: 10 }, { StreamName });
	const Data = new Uint8Array([0, 1, 255]);
	const put = await client.send(new k.PutRecordCommand({ StreamName, PartitionKey: "é", Data }));
	const many = await client.send(new k.PutRecordsCommand({ StreamName, Records: [{ PartitionKey: "é", Data: Buffer.from("two") }] }));
	assert.equal(many.FailedRecordCount, 0);
	const { ShardIterator } = await client.send(new k.GetShardIteratorCommand({
		StreamName, ShardId: put.ShardId, ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: put.SequenceNumber,
	}));
	const page = await client.send(new k.GetRecordsCommand({ ShardIterator }));
	assert.deepEqual(page.Records.map((r) => [r.PartitionKey, Buffer.from(r.Data)]), [["é", Buffer.from(Data)], ["é", Buffer.from("two")]]);
	assert(page.Records[0].ApproximateArrivalTimestamp instanceof Date);
	const { StreamDescriptionSummary: { StreamARN } } = await client.send(new k.DescribeStreamSummaryCommand({ StreamName }));
	const { Consumer } = await client.send(new k.RegisterStreamConsumerCommand({ StreamARN, ConsumerName: "c" }));
	const { EventStream } = await client.send(new k.SubscribeToShardCommand({
		ConsumerARN: Consumer.ConsumerARN, ShardId: put.ShardId, StartingPosition: { Type: "TRIM_HORIZON" },
	}));
	const pushed = [];
	for await (const { SubscribeToShardEvent: event } of EventStream) {
		pushed.push(...event.Records.map((r) => Buffer.from(r.Data)));
		if (pushed.length >= 2) break;
	}
	assert.deepEqual(pushed, [Buffer.from(Data), Buffer.from("two")]);
	const missing = client.send(new k.DescribeStreamCommand({ StreamName: "nothing" }));
	await assert.rejects(missing, (e) => e instanceof k.ResourceNotFoundException);
	console.log("ok");
}

main().then(() => process.exit(0) /* the subscription would go on */, (e) => { console.error(e); process.exit(1); });
