// Runs on a schedule: reads the aggregates and writes a report item for the hour.
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, PutCommand, ScanCommand } from "@aws-sdk/lib-dynamodb";

const table = process.env.TABLE_NAME;
const client = DynamoDBDocumentClient.from(new DynamoDBClient({}));

export const handler = async (event) => {
  const { Items } = await client.send(new ScanCommand({
    TableName: table,
    FilterExpression: "begins_with(id, :p)",
    ExpressionAttributeValues: { ":p": "aggregate#" },
  }));
  const counts = Object.fromEntries(Items.map((i) => [i.id.slice("aggregate#".length), Number(i.count)]));
  const report = { id: "report#" + event.time, counts };
  await client.send(new PutCommand({ TableName: table, Item: report }));
  console.log("report", JSON.stringify(report));
  return report;
};
