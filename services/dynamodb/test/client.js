// What a program with the SDK for JavaScript v3 and lib-dynamodb does with DynamoDB, as a transcript. Run by test_clients.py.
const assert = require("node:assert/strict");
const ddb = require("@aws-sdk/client-dynamodb");
const lib = require("@aws-sdk/lib-dynamodb");

const [endpoint, TableName] = process.argv.slice(2);
const client = new ddb.DynamoDBClient({ endpoint, region: "us-east-1", credentials: { accessKeyId: "test", secretAccessKey: "test" }, maxAttempts: 1 });
const doc = lib.DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
const send = (command) => doc.send(command);

async function tables() {
	await client.send(new ddb.CreateTableCommand({
		TableName, BillingMode: "PAY_PER_REQUEST",
		AttributeDefinitions: ["pk", "sk", "g"].map((AttributeName) => ({ AttributeName, AttributeType: AttributeName === "sk" ? "N" : "S" })),
		KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }, { AttributeName: "sk", KeyType: "RANGE" }],
		GlobalSecondaryIndexes: [{ IndexName: "by-g", KeySchema: [{ AttributeName: "g", KeyType: "HASH" }], Projection: { ProjectionType: "ALL" } }],
	}));
	await ddb.waitUntilTableExists({ client, minDelay: 1, maxWaitTime: 10 }, { TableName });
	const tables = [];
	for await (const page of ddb.paginateListTables({ client }, {})) tables.push(...page.TableNames);
	assert(tables.includes(TableName));
}

async function values() {
	const Item = {
		pk: "values", sk: 0, text: "é😀", empty: "", number: 1.5, big: 123456789012345678n, yes: true, nothing: null, undefined,
		bytes: new Uint8Array([0, 1, 255]), list: [1, "two", { three: [] }], words: new Set(["a", "b"]), numbers: new Set([1, 2]), map: { deep: { er: 1 } },
	};
	await send(new lib.PutCommand({ TableName, Item }));
	const back = (await send(new lib.GetCommand({ TableName, Key: { pk: "values", sk: 0 }, ConsistentRead: true }))).Item;
	delete Item.undefined;
	assert.deepEqual({ ...back, big: BigInt(back.big), bytes: new Uint8Array(back.bytes) }, { ...Item });
}

async function conditions() {
	const Key = { pk: "counter", sk: 1 };
	const add = () => send(new lib.UpdateCommand({
		TableName, Key, UpdateExpression: "ADD #n :one", ConditionExpression: "attribute_not_exists(#n) OR #n < :max", ReturnValues: "UPDATED_NEW",
		ExpressionAttributeNames: { "#n": "n" }, ExpressionAttributeValues: { ":one": 1, ":max": 2 }, ReturnValuesOnConditionCheckFailure: "ALL_OLD",
	}));
	assert.deepEqual((await add()).Attributes, { n: 1 });
	assert.deepEqual((await add()).Attributes, { n: 2 });
	await assert.rejects(add(), (e) => e instanceof ddb.ConditionalCheckFailedException && e.$metadata.httpStatusCode === 400 && e.Item.n.N === "2");
	const gone = await send(new lib.DeleteCommand({ TableName, Key, ReturnValues: "ALL_OLD", ReturnConsumedCapacity: "TOTAL" }));
	assert.deepEqual([gone.Attributes.n, gone.ConsumedCapacity.CapacityUnits], [2, 1]);
	await assert.rejects(send(new lib.GetCommand({ TableName: TableName + "-nope", Key })), ddb.ResourceNotFoundException);
}

// "Multi-attribute keys pattern" (DynamoDB Developer Guide), the example's tournaments.
async function wideKeys() {
	const table = TableName + "-wide";
	const element = (KeyType) => (AttributeName) => ({ AttributeName, KeyType });
	await client.send(new ddb.CreateTableCommand({
		TableName: table, BillingMode: "PAY_PER_REQUEST", KeySchema: [{ AttributeName: "matchId", KeyType: "HASH" }],
		AttributeDefinitions: ["matchId", "tournamentId", "region", "round", "bracket"].map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
		GlobalSecondaryIndexes: [{ IndexName: "TournamentRegionIndex", Projection: { ProjectionType: "ALL" },
			KeySchema: [...["tournamentId", "region"].map(element("HASH")), ...["round", "bracket", "matchId"].map(element("RANGE"))] }],
	}));
	const matches = [["m2", "SEMIFINALS", "UPPER"], ["m1", "SEMIFINALS", "UPPER"], ["m3", "FINALS", "CHAMPIONSHIP"], ["m4", "SEMIFINALS", "LOWER"]];
	for (const [matchId, round, bracket] of matches)
		await send(new lib.PutCommand({ TableName: table, Item: { matchId, round, bracket, tournamentId: "WINTER2024", region: "NA-EAST" } }));
	const ids = async (more, values) => (await send(new lib.QueryCommand({
		TableName: table, IndexName: "TournamentRegionIndex", KeyConditionExpression: "tournamentId = :t AND #r = :r" + more,
		ExpressionAttributeNames: { "#r": "region", ...(more.includes("#round") ? { "#round": "round" } : {}) },
		ExpressionAttributeValues: { ":t": "WINTER2024", ":r": "NA-EAST", ...values } }))).Items.map((i) => i.matchId);
	assert.deepEqual(await ids("", {}), ["m3", "m4", "m1", "m2"]);
	assert.deepEqual(await ids(" AND #round = :round", { ":round": "SEMIFINALS" }), ["m4", "m1", "m2"]);
	assert.deepEqual(await ids(" AND #round = :round AND begins_with(bracket, :b)", { ":round": "SEMIFINALS", ":b": "UP" }), ["m1", "m2"]);
	await assert.rejects(ids(" AND bracket = :b", { ":b": "UPPER" }), (e) => e.name === "ValidationException");
}

async function searches() {
	for (let from = 0; from < 60; from += 20)
		await send(new lib.BatchWriteCommand({ RequestItems: { [TableName]: Array.from({ length: 20 }, (_, i) => (
			{ PutRequest: { Item: { pk: "many", sk: from + i, g: (from + i) % 2 ? "odd" : "even" } } })) } }));
	const seen = [];
	const pages = lib.paginateQuery({ client: doc, pageSize: 7 }, {
		TableName, KeyConditionExpression: "pk = :p AND sk BETWEEN :a AND :b", ExpressionAttributeValues: { ":p": "many", ":a": 10, ":b": 39 }, ScanIndexForward: false });
	for await (const page of pages) seen.push(...page.Items.map((i) => i.sk));
	assert.deepEqual(seen, Array.from({ length: 30 }, (_, i) => 39 - i));
	const odd = await send(new lib.QueryCommand({ TableName, IndexName: "by-g", KeyConditionExpression: "g = :g", ExpressionAttributeValues: { ":g": "odd" }, Select: "COUNT" }));
	assert.equal(odd.Count, 30);
	let scanned = 0;
	for (const Segment of [0, 1, 2])
		for await (const page of lib.paginateScan({ client: doc }, { TableName, Segment, TotalSegments: 3, FilterExpression: "pk = :p", ExpressionAttributeValues: { ":p": "many" } }))
			scanned += page.Count;
	assert.equal(scanned, 60);
	const got = await send(new lib.BatchGetCommand({ RequestItems: { [TableName]: { Keys: [3, 4, 999].map((sk) => ({ pk: "many", sk })), ProjectionExpression: "sk" } } }));
	assert.deepEqual(got.Responses[TableName].map((i) => i.sk).sort(), [3, 4]);
}

async function transactions() {
	const put = (pk, more) => ({ Put: { TableName, Item: { pk, sk: 0 }, ...more } });
	await send(new lib.TransactWriteCommand({ TransactItems: [put("t1"), put("t2")] }));
	const failing = send(new lib.TransactWriteCommand({ TransactItems: [
		put("t3"), put("t1", { ConditionExpression: "attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure: "ALL_OLD" })] }));
	await assert.rejects(failing, (e) => {
		assert(e instanceof ddb.TransactionCanceledException);
		assert.deepEqual(e.CancellationReasons.map((r) => r.Code), ["None", "ConditionalCheckFailed"]);
		return e.CancellationReasons[1].Item.pk.S === "t1";
	});
	const both = await send(new lib.TransactGetCommand({ TransactItems: ["t1", "t3"].map((pk) => ({ Get: { TableName, Key: { pk, sk: 0 } } })) }));
	assert.deepEqual(both.Responses.map((r) => r.Item?.pk), ["t1", undefined]);
}

async function statements() {
	await send(new lib.ExecuteStatementCommand({ Statement: `INSERT INTO "${TableName}" VALUE {'pk': ?, 'sk': ?, 'n': ?}`, Parameters: ["s", 1, 5] }));
	const found = await send(new lib.ExecuteStatementCommand({ Statement: `SELECT n FROM "${TableName}" WHERE pk = ? AND sk = ?`, Parameters: ["s", 1] }));
	assert.deepEqual(found.Items, [{ n: 5 }]);
	const batch = await send(new lib.BatchExecuteStatementCommand({ Statements: [
		{ Statement: `SELECT * FROM "${TableName}" WHERE pk = ? AND sk = ?`, Parameters: ["s", 1] }, { Statement: "nonsense" }] }));
	assert.equal(batch.Responses[0].Item.n, 5);
	assert.equal(batch.Responses[1].Error.Code, "ValidationError");
}

(async () => {
	for (const part of [tables, values, conditions, wideKeys, searches, transactions, statements]) {
		await part();
		console.log("ok", part.name);
	}
})().catch((e) => { console.error(e); process.exit(1); });
