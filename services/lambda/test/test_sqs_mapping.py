"""Event source mappings of SQS queues. Source: "Using Lambda with Amazon SQS" (developer guide)."""
import json

import pytest

CODE = """
import boto3, json, os
d = boto3.client('dynamodb')
def handler(event, context):
    d.update_item(TableName=os.environ['SEEN'], Key={'id': {'S': 'calls'}}, UpdateExpression='SET l = list_append(if_not_exists(l, :none), :k)',
                  ExpressionAttributeValues={':none': {'L': []}, ':k': {'L': [{'S': json.dumps(event['Records'])}]}})
    bad = [r for r in event['Records'] if r['body'] == 'poison']
    if os.environ.get('REPORT'):
        return {'batchItemFailures': [{'itemIdentifier': r['messageId']} for r in bad]}
    if bad:
        raise Exception('poison')
"""


@pytest.fixture
def queue(client, name):
    class Queue:
        sqs = client("sqs")

        def __init__(self):
            self.dead = self.sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
            dead = f"arn:aws:sqs:us-east-1:000000000000:{name}-dead"
            self.url = self.sqs.create_queue(QueueName=name, Attributes={
                "VisibilityTimeout": "60", "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})})["QueueUrl"]
            self.arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"

        def send(self, *bodies, **more):
            for body in bodies:
                self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **more)

        def taken(self):
            a = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
            return int(a["ApproximateNumberOfMessagesNotVisible"])

        def left(self):
            a = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
            return int(a["ApproximateNumberOfMessages"]) + int(a["ApproximateNumberOfMessagesNotVisible"])
    return Queue()


def test_messages_come_and_are_deleted(tsubo, queue, seen, worker, mapping, eventually):
    f = worker()
    mapping(EventSourceArn=queue.arn, FunctionName=f)
    queue.send("hello", MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}})
    record = eventually(seen)[0][0]
    assert record["body"] == "hello" and record["eventSource"] == "aws:sqs" and record["eventSourceARN"] == queue.arn
    assert record["awsRegion"] == "us-east-1" and record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["k"] == {"stringValue": "v", "stringListValues": [], "binaryListValues": [], "dataType": "String"}
    eventually(lambda: queue.left() == 0)
    assert len(seen()) == 1


def test_a_failing_batch_comes_again_and_ends_in_the_dead_letter_queue(tsubo, queue, seen, worker, mapping, eventually):
    f = worker()
    mapping(EventSourceArn=queue.arn, FunctionName=f)
    queue.send("poison")
    for n in (1, 2):
        eventually(lambda: len(seen()) == n)
        tsubo.turn_clock("+61s")
    got = eventually(lambda: queue.sqs.receive_message(QueueUrl=queue.dead, WaitTimeSeconds=5).get("Messages"))
    assert got[0]["Body"] == "poison" and len(seen()) == 2


def test_partial_failures(tsubo, queue, seen, worker, mapping, eventually):
    f = worker(REPORT="1")
    queue.send("a", "poison", "b")
    mapping(EventSourceArn=queue.arn, FunctionName=f, FunctionResponseTypes=["ReportBatchItemFailures"])
    for n in (1, 2):
        eventually(lambda: queue.left() == 1 and [r["body"] for c in seen() for r in c].count("poison") == n)
        tsubo.turn_clock("+61s")
    eventually(lambda: queue.sqs.receive_message(QueueUrl=queue.dead, WaitTimeSeconds=2).get("Messages"))
    bodies = [r["body"] for c in seen() for r in c]
    assert bodies.count("a") == 1 and bodies.count("b") == 1 and bodies.count("poison") == 2


def test_a_window_gathers(tsubo, queue, seen, worker, mapping, eventually):
    f = worker()
    queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"VisibilityTimeout": "600"})
    mapping(EventSourceArn=queue.arn, FunctionName=f, BatchSize=50, MaximumBatchingWindowInSeconds=120)
    for i in range(15):
        queue.send(str(i))
    eventually(lambda: queue.taken() == 15)
    assert seen() == []
    tsubo.turn_clock("+121s")
    eventually(lambda: [len(c) for c in seen()] == [15])


def test_filters_drop_what_they_do_not_want(queue, seen, worker, mapping, eventually):
    f = worker()
    mapping(EventSourceArn=queue.arn, FunctionName=f, FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": {"n": [{"numeric": [">", 5]}]}})}]})
    queue.send(json.dumps({"n": 1}), json.dumps({"n": 7}), "text")
    eventually(lambda: [r["body"] for c in seen() for r in c] == ['{"n": 7}'])
    eventually(lambda: queue.left() == 0)


def test_many_messages_each_once(queue, seen, worker, mapping, eventually):
    f = worker()
    mapping(EventSourceArn=queue.arn, FunctionName=f)
    for i in range(0, 60, 10):
        queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=[{"Id": str(k), "MessageBody": str(k)} for k in range(i, i + 10)])
    eventually(lambda: sorted(int(r["body"]) for c in seen() for r in c) == list(range(60)))
    eventually(lambda: queue.left() == 0)


def test_what_the_queue_must_be(aws, queue, worker):
    """Source: the messages of CreateEventSourceMapping, as deployment tools' issue trackers record them."""
    f = worker()
    queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"VisibilityTimeout": "59"})
    with pytest.raises(aws.exceptions.InvalidParameterValueException) as e:
        aws.create_event_source_mapping(EventSourceArn=queue.arn, FunctionName=f)
    assert e.value.response["Error"]["Message"] == "Queue visibility timeout: 59 seconds is less than Function timeout: 60 seconds"
    with pytest.raises(aws.exceptions.InvalidParameterValueException) as e:
        aws.create_event_source_mapping(EventSourceArn=queue.arn + "-not", FunctionName=f)
    assert "The specified queue does not exist" in e.value.response["Error"]["Message"]


def test_fifo_keeps_the_order_of_a_group(client, seen, worker, mapping, name, eventually):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name + ".fifo", Attributes={
        "FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "60"})["QueueUrl"]
    for i in range(12):
        sqs.send_message(QueueUrl=url, MessageBody=str(i), MessageGroupId="g")
    f = worker()
    mapping(EventSourceArn=f"arn:aws:sqs:us-east-1:000000000000:{name}.fifo", FunctionName=f, BatchSize=5)
    eventually(lambda: len([r for c in seen() for r in c]) == 12)
    assert [int(r["body"]) for c in seen() for r in c] == list(range(12))
    assert seen()[0][0]["attributes"]["MessageGroupId"] == "g"


def test_filters_speak_the_whole_language_of_event_patterns(aws, queue, seen, worker, mapping, eventually):
    """Source: "Filter rule syntax" (Lambda Developer Guide): wildcard, $or, equals-ignore-case, anything-but a suffix; what is no pattern."""
    f = worker()
    pattern = {"body": {"$or": [{"path": [{"wildcard": "in/*.csv"}]}, {"kind": [{"equals-ignore-case": "NOW"}]}],
                        "by": [{"anything-but": {"suffix": "-test"}}]}}
    mapping(EventSourceArn=queue.arn, FunctionName=f, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    bodies = [{"path": "in/a.csv", "by": "x"}, {"path": "out/a.csv", "by": "x"}, {"kind": "now", "by": "y"}, {"kind": "now", "by": "y-test"}]
    queue.send(*map(json.dumps, bodies))
    eventually(lambda: queue.left() == 0)
    eventually(lambda: sorted(r["body"] for c in seen() for r in c) == sorted([json.dumps(bodies[0]), json.dumps(bodies[2])]))
    with pytest.raises(aws.exceptions.InvalidParameterValueException) as e:
        aws.create_event_source_mapping(EventSourceArn=queue.arn + "2", FunctionName=f, FilterCriteria={"Filters": [{"Pattern": '{"a": "b"}'}]})
    assert e.value.response["Error"]["Message"].startswith("Invalid filter pattern definition")


@pytest.mark.parametrize("answer, again", [("None", False), ("{'batchItemFailures': []}", False), ("{'batchItemFailures': [{'itemIdentifier': ''}]}", True),
                                           ("{'batchItemFailures': [{'itemIdentifier': 'no-such-id'}]}", True), ("{'batchItemFailures': [{}]}", True)])
def test_what_counts_as_success(tsubo, queue, seen, python, mapping, name, eventually, answer, again):
    """"Reporting batch item failures", success and failure conditions: an answer that makes no sense fails the whole batch."""
    code = CODE.split("    bad = ")[0] + f"    return {answer}\n"
    f = python(code, Timeout=60, MemorySize=512, Environment={"Variables": {"SEEN": name + "-seen"}})
    queue.send("one")
    mapping(EventSourceArn=queue.arn, FunctionName=f, FunctionResponseTypes=["ReportBatchItemFailures"])
    for n in (1, 2) if again else (1,):
        eventually(lambda: len(seen()) == n)
        tsubo.turn_clock("+61s")
    eventually(lambda: queue.left() == 0)
    assert bool(queue.sqs.receive_message(QueueUrl=queue.dead, WaitTimeSeconds=3 if again else 0).get("Messages")) == again


def test_at_most_so_many_at_once(aws, queue, seen, python, mapping, name, eventually):
    """ScalingConfig.MaximumConcurrency."""
    code = CODE.replace("    bad = ", "    import time; time.sleep(0.4)\n    bad = ").replace(":k': {'L': [{'S': json.dumps(event['Records'])}]}", ":k': {'L': [{'S': json.dumps([__import__('time').time()])}]}")
    f = python(code, Timeout=60, MemorySize=512, Environment={"Variables": {"SEEN": name + "-seen"}})
    queue.send(*[str(i) for i in range(10)])
    mapping(EventSourceArn=queue.arn, FunctionName=f, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    eventually(lambda: len(seen()) == 10)
    begins = sorted(c[0] for c in seen())
    assert all(begins[i + 2] - begins[i] > 0.35 for i in range(len(begins) - 2))


def test_what_is_refused(aws, queue, worker, client, name):
    from botocore.exceptions import ClientError
    f = worker()

    def refused(message, **how):
        with pytest.raises(ClientError) as e:
            aws.create_event_source_mapping(**{"EventSourceArn": queue.arn, "FunctionName": f, **how})
        assert message in e.value.response["Error"]["Message"], e.value

    refused("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10", BatchSize=11)
    refused("Unsupported parameter for event source type: SQS", StartingPosition="LATEST")
    refused("SQS Error Code: AWS.SimpleQueueService.NonExistentQueue", EventSourceArn=queue.arn + "-none")
    refused("Stream not found: ", EventSourceArn=f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}/stream/2026-01-01T00:00:00.000", StartingPosition="LATEST")
    queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"VisibilityTimeout": "59"})
    refused("Queue visibility timeout: 59 seconds is less than Function timeout: 60 seconds")
