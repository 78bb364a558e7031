"""AWS/SQS metrics, as "Available CloudWatch metrics for Amazon SQS" (Developer Guide) names them."""
import datetime


def test_metrics(tsubo, client, name, eventually):
    sqs, cloudwatch = client("sqs"), client("cloudwatch")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    for body in ["12345", "123"]:
        sqs.send_message(QueueUrl=url, MessageBody=body)
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    sqs.receive_message(QueueUrl=url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"])
    tsubo.turn_clock("+61s")

    def read(metric, statistic="Sum"):
        now = datetime.datetime.now(datetime.timezone.utc)
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/SQS", MetricName=metric, Dimensions=[{"Name": "QueueName", "Value": name}], Period=86400,
            StartTime=now - datetime.timedelta(days=2), EndTime=now + datetime.timedelta(days=400), Statistics=[statistic])["Datapoints"]
        return sum(p[statistic] for p in points) if statistic == "Sum" else max((p[statistic] for p in points), default=None)

    eventually(lambda: read("ApproximateNumberOfMessagesVisible", "Maximum") == 1)  # looked at each minute; then it is taken again
    assert sqs.receive_message(QueueUrl=url)["Messages"]
    eventually(lambda: read("NumberOfMessagesSent") == 2)
    eventually(lambda: read("NumberOfMessagesReceived") == 3)
    assert read("NumberOfMessagesDeleted") == 1 and read("NumberOfEmptyReceives") == 1
    assert read("SentMessageSize") == 8 and read("SentMessageSize", "Maximum") == 5
    assert read("ApproximateAgeOfOldestMessage", "Maximum") >= 61
