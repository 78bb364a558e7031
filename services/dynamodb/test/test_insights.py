"""Contributor insights: the most accessed and most throttled keys. Sources: UpdateContributorInsights, DescribeContributorInsights,
ListContributorInsights (API Reference); "CloudWatch contributor insights for DynamoDB: how it works" (Developer Guide)."""
import datetime
import json
import re

import pytest
from botocore.exceptions import ClientError

UTC = datetime.timezone.utc
BOTH, THROTTLED = "ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS"


@pytest.fixture
def d(client):
    return client("dynamodb")


@pytest.fixture
def cw(client):
    return client("cloudwatch")


@pytest.fixture
def table(d, name):
    """table(...): of the test's name, with keys p and s and the global index "by-g" on g."""
    made = []

    def make(suffix="", **more):
        made.append(name + suffix)
        d.create_table(**{"TableName": made[-1], "BillingMode": "PAY_PER_REQUEST",
                          "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in (("p", "S"), ("s", "N"), ("g", "S"))],
                          "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
                          "GlobalSecondaryIndexes": [{"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                                                      "Projection": {"ProjectionType": "ALL"}}], **more})
        return made[-1]

    yield make
    for t in made:
        try:
            d.delete_table(TableName=t)
        except d.exceptions.ResourceNotFoundException:
            pass


@pytest.fixture
def report(tsubo, cw):
    """report(rule): what each contributor has, by its keys."""
    def get(rule, **more):
        at = datetime.datetime.fromtimestamp(tsubo.admin("clock")["clock_ms"] // 60000 * 60, UTC)
        r = cw.get_insight_rule_report(RuleName=rule, StartTime=at - datetime.timedelta(minutes=10), EndTime=at + datetime.timedelta(minutes=1), Period=60, **more)
        return {tuple(c["Keys"]): c["ApproximateAggregateValue"] for c in r["Contributors"]}

    return get


def enable(d, table, mode=None, index=None, action="ENABLE"):
    return d.update_contributor_insights(TableName=table, ContributorInsightsAction=action, **({"ContributorInsightsMode": mode} if mode else {}),
                                         **({"IndexName": index} if index else {}))


def rules(d, table, index=None):
    """By the letters in their names."""
    names = d.describe_contributor_insights(TableName=table, **({"IndexName": index} if index else {})).get("ContributorInsightsRuleList", [])
    return {re.match(r"DynamoDBContributorInsights-([A-Z]{3})-", n).group(1): n for n in names}


def item(p, s, g=None, **more):
    return {"p": {"S": p}, "s": {"N": str(s)}, **({"g": {"S": g}} if g else {}), **more}


def test_enable_describe_disable(d, cw, table, name):
    table()
    assert d.describe_contributor_insights(TableName=name)["ContributorInsightsStatus"] == "DISABLED"
    answer = enable(d, name)
    assert answer["ContributorInsightsStatus"] == "ENABLING" and answer["TableName"] == name and answer["ContributorInsightsMode"] == BOTH
    shown = d.describe_contributor_insights(TableName=name)
    assert shown["ContributorInsightsStatus"] == "ENABLED" and shown["LastUpdateDateTime"] and shown["ContributorInsightsMode"] == BOTH
    assert sorted(rules(d, name)) == ["PKC", "PKT", "SKC", "SKT"]
    assert all(re.fullmatch(rf"DynamoDBContributorInsights-[PS]K[CT]-{name}-\d{{13}}", r) for r in shown["ContributorInsightsRuleList"])
    theirs = {r["Name"]: r for r in cw.describe_insight_rules()["InsightRules"]}
    for rule in shown["ContributorInsightsRuleList"]:
        assert theirs[rule]["ManagedRule"] and theirs[rule]["State"] == "ENABLED" and json.loads(theirs[rule]["Schema"]) == {"Name": "ServiceLogRule", "Version": 1}
    assert enable(d, name, action="DISABLE")["ContributorInsightsStatus"] == "DISABLING"
    assert d.describe_contributor_insights(TableName=name)["ContributorInsightsStatus"] == "DISABLED" and rules(d, name) == {}
    assert not [r for r in cw.describe_insight_rules()["InsightRules"] if name in r["Name"]]


def test_modes(d, table, name):
    """Switching the mode keeps the rules that go on."""
    table()
    enable(d, name, THROTTLED)
    first = rules(d, name)
    assert sorted(first) == ["PKT", "SKT"] and d.describe_contributor_insights(TableName=name)["ContributorInsightsMode"] == THROTTLED
    enable(d, name, BOTH)
    second = rules(d, name)
    assert sorted(second) == ["PKC", "PKT", "SKC", "SKT"] and second["PKT"] == first["PKT"]
    enable(d, name, THROTTLED)
    assert rules(d, name) == first


def test_rules_of_an_index_without_a_sort_key(d, table, name):
    table()
    enable(d, name, index="by-g")
    assert sorted(rules(d, name, "by-g")) == ["PKC", "PKT"] and rules(d, name) == {}


def test_rules_are_not_the_clients_to_change(d, cw, table, name):
    """ "You can't use the CloudWatch console or APIs to directly modify or delete the rules" """
    table()
    enable(d, name)
    rule = rules(d, name)["PKC"]
    for change in (cw.delete_insight_rules, cw.disable_insight_rules, cw.enable_insight_rules):
        assert [f["FailureResource"] for f in change(RuleNames=[rule])["Failures"]] == [rule]
    with pytest.raises(ClientError):
        cw.put_insight_rule(RuleName=rule, RuleDefinition=json.dumps({"Schema": {"Name": "CloudWatchLogRule", "Version": 1}, "LogGroupNames": ["g"],
                            "LogFormat": "JSON", "AggregateOn": "Count", "Contribution": {"Keys": ["$.a"]}}))
    assert sorted(rules(d, name)) == ["PKC", "PKT", "SKC", "SKT"]


def test_most_accessed_keys(d, table, name, report):
    """ConsumedThroughputUnits: 3 x write units + read units, of each item and each partition."""
    table()
    enable(d, name)
    pkc, skc = rules(d, name)["PKC"], rules(d, name)["SKC"]
    d.put_item(TableName=name, Item=item("a", 1))                                               # 3
    d.put_item(TableName=name, Item=item("b", 1, blob={"S": "x" * 1500}))                       # 6
    d.get_item(TableName=name, Key=item("a", 1))                                                # 0.5
    d.get_item(TableName=name, Key=item("a", 1), ConsistentRead=True)                           # 1
    d.get_item(TableName=name, Key=item("a", 2), ConsistentRead=True)                           # 1
    d.update_item(TableName=name, Key=item("a", 1), UpdateExpression="SET x = :x", ExpressionAttributeValues={":x": {"N": "1"}})  # 3
    d.delete_item(TableName=name, Key=item("b", 1))                                             # 6
    assert report(pkc) == {("a",): 8.5, ("b",): 12} and report(skc) == {("a", "1"): 7.5, ("a", "2"): 1, ("b", "1"): 12}
    d.query(TableName=name, KeyConditionExpression="p = :p", ExpressionAttributeValues={":p": {"S": "a"}}, ConsistentRead=True)  # 1, one event
    assert report(pkc)[("a",)] == 9.5 and report(skc)[("a", "1")] == 7.5


def test_batches_and_transactions(d, table, name, report):
    table()
    enable(d, name)
    pkc, skc = rules(d, name)["PKC"], rules(d, name)["SKC"]
    d.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": item("a", i)}} for i in range(3)]})       # 3 x 3
    d.batch_get_item(RequestItems={name: {"Keys": [item("a", 0), item("a", 1)], "ConsistentRead": True}})     # 2 x 1
    assert report(skc) == {("a", "0"): 4, ("a", "1"): 4, ("a", "2"): 3}
    d.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": item("t", 0)}}, {"Delete": {"TableName": name, "Key": item("a", 2)}}])
    d.transact_get_items(TransactItems=[{"Get": {"TableName": name, "Key": item("t", 0)}}])
    assert report(skc) == {("a", "0"): 4, ("a", "1"): 4, ("a", "2"): 9, ("t", "0"): 8} and report(pkc) == {("a",): 17, ("t",): 8}


def test_what_fails_is_not_counted(d, table, name, report):
    table()
    enable(d, name)
    with pytest.raises(d.exceptions.ConditionalCheckFailedException):
        d.put_item(TableName=name, Item=item("a", 1), ConditionExpression="attribute_exists(p)")
    with pytest.raises(d.exceptions.TransactionCanceledException):
        d.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": item("a", 1)}},
                                              {"ConditionCheck": {"TableName": name, "Key": item("z", 1), "ConditionExpression": "attribute_exists(p)"}}])
    assert report(rules(d, name)["PKC"]) == {}


def test_an_index_has_its_own(d, table, name, report):
    table()
    enable(d, name, index="by-g")
    pkc = rules(d, name, "by-g")["PKC"]
    d.put_item(TableName=name, Item=item("a", 1, g="x"))     # one write unit of the index
    d.put_item(TableName=name, Item=item("a", 2))            # not in it
    d.query(TableName=name, IndexName="by-g", KeyConditionExpression="g = :g", ExpressionAttributeValues={":g": {"S": "x"}})  # 0.5
    assert report(pkc) == {("x",): 3.5}
    d.update_table(TableName=name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-g"}}])
    with pytest.raises(ClientError) as e:
        report(pkc)
    assert e.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_most_throttled_keys(client, table, name, report):
    """A table that runs out of its units: whose requests they were."""
    d = client("dynamodb", retries={"total_max_attempts": 1})
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    table(BillingMode="PROVISIONED", ProvisionedThroughput=units, GlobalSecondaryIndexes=[
        {"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}, "ProvisionedThroughput": units}])
    enable(d, name, THROTTLED)
    pkt, skt = rules(d, name)["PKT"], rules(d, name)["SKT"]
    big = {"S": "x" * 390000}  # 381 units, more than five minutes of one a second
    d.put_item(TableName=name, Item=item("big", 1, blob=big))
    assert report(pkt) == {}
    throttled = d.exceptions.ProvisionedThroughputExceededException
    for i in range(3):
        with pytest.raises(throttled):
            d.put_item(TableName=name, Item=item("hot", i))
    with pytest.raises(throttled):
        d.update_item(TableName=name, Key=item("warm", 0), UpdateExpression="SET x = :x", ExpressionAttributeValues={":x": {"N": "1"}})
    with pytest.raises(throttled):
        d.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": item("warm", i)}} for i in range(2)]})
    assert report(pkt) == {("hot",): 3, ("warm",): 3} and report(skt)[("hot", "0")] == 1 and report(skt)[("warm", "0")] == 2


def test_maximum_statistic(d, cw, tsubo, table, name):
    """ "only MaxContributorValue and Maximum return useful statistics" for the rules of DynamoDB."""
    table()
    enable(d, name)
    for _ in range(4):
        d.put_item(TableName=name, Item=item("a", 1))
    d.put_item(TableName=name, Item=item("b", 1))
    at = tsubo.admin("clock")["clock_ms"] // 60000 * 60
    r = cw.get_insight_rule_report(RuleName=rules(d, name)["PKC"], StartTime=at - 600, EndTime=at + 60, Period=3600, Metrics=["MaxContributorValue", "Maximum"], OrderBy="Maximum")
    point = max(r["MetricDatapoints"], key=lambda p: p["Maximum"])
    assert 6 <= point["Maximum"] <= 12 and 6 <= point["MaxContributorValue"] <= 12 and r["KeyLabels"] == ["PartitionKey"] and r["Contributors"][0]["Keys"] == ["a"]


def test_deleting_the_table_removes_its_rules(d, cw, table, name):
    table()
    enable(d, name)
    enable(d, name, index="by-g")
    assert len([r for r in cw.describe_insight_rules()["InsightRules"] if name in r["Name"]]) == 6
    d.delete_table(TableName=name)
    assert not [r for r in cw.describe_insight_rules()["InsightRules"] if name in r["Name"]]


def test_listing(d, table, name):
    table("-1")
    table("-2")
    enable(d, name + "-1", index="by-g")
    assert [(s.get("IndexName"), s["ContributorInsightsStatus"]) for s in d.list_contributor_insights(TableName=name + "-1")["ContributorInsightsSummaries"]] == \
        [(None, "DISABLED"), ("by-g", "ENABLED")]
    seen, token = [], {}
    while True:
        page = d.list_contributor_insights(MaxResults=1, **token)
        seen += [(s["TableName"], s.get("IndexName")) for s in page["ContributorInsightsSummaries"]]
        assert len(page["ContributorInsightsSummaries"]) <= 1
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert [x for x in seen if x[0].startswith(name)] == [(name + "-1", None), (name + "-1", "by-g"), (name + "-2", None), (name + "-2", "by-g")]


def test_what_is_not_there(d, table, name):
    for call in (lambda: enable(d, name), lambda: d.describe_contributor_insights(TableName=name), lambda: d.list_contributor_insights(TableName=name)):
        with pytest.raises(d.exceptions.ResourceNotFoundException):
            call()
    table()
    with pytest.raises(d.exceptions.ResourceNotFoundException):
        enable(d, name, index="none")


def test_long_names_are_cut(d, table, name):
    """A rule's name has at most 128 characters; two tables may begin alike."""
    long = "-" + "x" * 150
    a, b = table(long + "a"), table(long + "b")
    enable(d, a)
    enable(d, b)
    assert all(len(r) <= 128 for r in rules(d, a).values()) and not set(rules(d, a).values()) & set(rules(d, b).values())


def test_keys_are_on_disk_within_a_minute(fresh_tsubo):
    d = fresh_tsubo.client("dynamodb")
    d.create_table(TableName="t-x", BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": "b", "AttributeType": "B"}],
                   KeySchema=[{"AttributeName": "b", "KeyType": "HASH"}])
    enable(d, "t-x")
    rule = rules(d, "t-x")["PKC"]
    d.put_item(TableName="t-x", Item={"b": {"B": b"\x00\xff"}})

    def ask():
        at = fresh_tsubo.admin("clock")["clock_ms"] // 1000
        r = fresh_tsubo.client("cloudwatch").get_insight_rule_report(RuleName=rule, StartTime=at - 600, EndTime=at + 60, Period=60)
        return {tuple(c["Keys"]): c["ApproximateAggregateValue"] for c in r["Contributors"]}

    assert ask() == {("AP8=",): 3}
    fresh_tsubo.kill()
    fresh_tsubo.start()
    assert ask() == {("AP8=",): 3}
    d = fresh_tsubo.client("dynamodb")
    d.put_item(TableName="t-x", Item={"b": {"B": b"\x00\xff"}})
    assert ask() == {("AP8=",): 6}


def test_a_table_in_a_stack(client, d, name):
    """ContributorInsightsSpecification of AWS::DynamoDB::Table, of the table and of an index."""
    cfn = client("cloudformation")

    def template(on, mode=THROTTLED):
        spec = {"Enabled": on, **({"Mode": mode} if on else {})}
        return json.dumps({"Resources": {"T": {"Type": "AWS::DynamoDB::Table", "Properties": {
            "TableName": name, "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}], "ContributorInsightsSpecification": {"Enabled": "true"},
            "GlobalSecondaryIndexes": [{"IndexName": "inv", "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"},
                                        "ContributorInsightsSpecification": spec}]}}}})

    cfn.create_stack(StackName=name, TemplateBody=template(True))
    cfn.get_waiter("stack_create_complete").wait(StackName=name)
    assert sorted(rules(d, name)) == ["PKC", "PKT"] and sorted(rules(d, name, "inv")) == ["PKT"]
    cfn.update_stack(StackName=name, TemplateBody=template(True, BOTH))
    cfn.get_waiter("stack_update_complete").wait(StackName=name)
    assert sorted(rules(d, name, "inv")) == ["PKC", "PKT"]
    cfn.update_stack(StackName=name, TemplateBody=template(False))
    cfn.get_waiter("stack_update_complete").wait(StackName=name)
    assert rules(d, name, "inv") == {} and sorted(rules(d, name)) == ["PKC", "PKT"]
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name)


def test_a_global_table_in_a_stack(client, name):
    cfn = client("cloudformation")
    body = json.dumps({"Resources": {"T": {"Type": "AWS::DynamoDB::GlobalTable", "Properties": {
        "TableName": name, "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}], "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        "Replicas": [{"Region": "us-east-1"}, {"Region": "eu-west-1", "ContributorInsightsSpecification": {"Enabled": True}}]}}}})
    cfn.create_stack(StackName=name, TemplateBody=body)
    cfn.get_waiter("stack_create_complete").wait(StackName=name)
    assert rules(client("dynamodb"), name) == {} and sorted(rules(client("dynamodb", region="eu-west-1"), name)) == ["PKC", "PKT"]
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name)
    assert not [r for r in client("cloudwatch", region="eu-west-1").describe_insight_rules()["InsightRules"] if name in r["Name"]]
