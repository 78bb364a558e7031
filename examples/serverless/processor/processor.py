"""Follows the table's stream: counts items by category in one aggregate item a category.

A record whose item says "poison" cannot be processed: it is reported as failed, retried, and ends in the dead-letter queue.
"""
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
AGGREGATE = "aggregate#"


def count(category, by):
    table.update_item(
        Key={"id": AGGREGATE + category},
        UpdateExpression="ADD #n :by",
        ExpressionAttributeNames={"#n": "count"},
        ExpressionAttributeValues={":by": by},
    )


def process(record):
    change = record["dynamodb"]
    image = change.get("NewImage") or change.get("OldImage")
    if image["id"]["S"].startswith((AGGREGATE, "report#")):
        return
    if "poison" in image and record["eventName"] == "INSERT":
        raise ValueError("poisoned item " + image["id"]["S"])
    if record["eventName"] != "MODIFY":
        count(image["category"]["S"], 1 if record["eventName"] == "INSERT" else -1)


def handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            process(record)
        except ValueError as e:
            print("cannot process:", e)
            failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
            break
    return {"batchItemFailures": failures}
