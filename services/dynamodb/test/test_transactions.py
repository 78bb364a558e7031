"""TransactWriteItems, TransactGetItems, PartiQL; and that concurrent clients see one order of events."""
import random
import threading
import time

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def d(client):
    return client("dynamodb")


@pytest.fixture
def table(d, name):
    d.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                   KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}])
    return name


def key(pk):
    return {"pk": {"S": pk}}


def put(table, pk, **more):
    return {"Put": {"TableName": table, "Item": key(pk), **more}}


def test_all_or_nothing_with_reasons_in_order(d, table):
    d.put_item(TableName=table, Item=key("there"))
    with pytest.raises(ClientError) as e:
        d.transact_write_items(TransactItems=[
            put(table, "new"),
            put(table, "there", ConditionExpression="attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD"),
            {"ConditionCheck": {"TableName": table, "Key": key("gone"), "ConditionExpression": "attribute_exists(pk)"}}])
    assert e.value.response["Error"]["Message"] == ("Transaction cancelled, please refer cancellation reasons for specific reasons "
                                                    "[None, ConditionalCheckFailed, ConditionalCheckFailed]")
    assert e.value.response["CancellationReasons"] == [
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed", "Item": key("there")},
        {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}]
    assert d.scan(TableName=table)["Count"] == 1
    d.transact_write_items(TransactItems=[
        put(table, "new"), {"Delete": {"TableName": table, "Key": key("there")}},
        {"Update": {"TableName": table, "Key": key("counted"), "UpdateExpression": "ADD n :n", "ExpressionAttributeValues": {":n": {"N": "2"}}}}])
    assert sorted(i["pk"]["S"] for i in d.scan(TableName=table)["Items"]) == ["counted", "new"]


def test_one_item_only_once(d, table):
    with pytest.raises(ClientError, match="Transaction request cannot include multiple operations on one item"):
        d.transact_write_items(TransactItems=[put(table, "a"), {"Delete": {"TableName": table, "Key": key("a")}}])


def test_a_token_makes_a_retry_harmless(fresh_tsubo):
    d = fresh_tsubo.client("dynamodb")
    d.create_table(TableName="tab", BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                   KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}])

    def add(n, token):
        d.transact_write_items(ClientRequestToken=token, TransactItems=[{"Update": {
            "TableName": "tab", "Key": key("a"), "UpdateExpression": "ADD n :n", "ExpressionAttributeValues": {":n": {"N": str(n)}}}}])

    def total():
        return d.get_item(TableName="tab", Key=key("a"))["Item"]["n"]["N"]

    add(1, "t1")
    add(1, "t1")
    assert total() == "1"
    with pytest.raises(ClientError) as e:
        add(2, "t1")
    assert e.value.response["Error"]["Code"] == "IdempotentParameterMismatchException"
    fresh_tsubo.turn_clock("+11m")
    add(1, "t1")
    assert total() == "2"


def test_transact_get(d, table):
    d.put_item(TableName=table, Item={**key("a"), "x": {"N": "1"}, "y": {"N": "2"}})
    got = d.transact_get_items(ReturnConsumedCapacity="TOTAL", TransactItems=[
        {"Get": {"TableName": table, "Key": key("none")}}, {"Get": {"TableName": table, "Key": key("a"), "ProjectionExpression": "y"}}])
    assert got["Responses"] == [{}, {"Item": {"y": {"N": "2"}}}]
    assert got["ConsumedCapacity"][0]["ReadCapacityUnits"] == 4


def test_partiql(d, table):
    d.execute_statement(Statement="INSERT INTO \"%s\" VALUE {'pk': 'a', 'n': 1, 'tags': <<'x'>>, 'm': {'l': [1, 'two']}}" % table)
    with pytest.raises(ClientError, match="Duplicate primary key exists in table"):
        d.execute_statement(Statement="INSERT INTO \"%s\" VALUE {'pk': 'a'}" % table)
    d.execute_statement(Statement="INSERT INTO \"%s\" VALUE {'pk': ?, 'n': ?}" % table, Parameters=[{"S": "b"}, {"N": "7"}])
    select = 'SELECT %s FROM "' + table + '" WHERE %s'

    def rows(what, where, **how):
        return d.execute_statement(Statement=select % (what, where), **how)["Items"]

    assert rows("m.l[1], n", "pk = 'a'") == [{"m": {"M": {"l": {"L": [{"S": "two"}]}}}, "n": {"N": "1"}}]
    assert [r["pk"]["S"] for r in rows("*", "n BETWEEN 5 AND 9 AND NOT begins_with(pk, 'a')")] == ["b"]
    assert [r["pk"]["S"] for r in rows("*", "tags IS MISSING")] == ["b"]
    assert [r["pk"]["S"] for r in rows("*", "pk IN ['a', 'zz'] AND contains(tags, 'x')")] == ["a"]
    new = d.execute_statement(Statement="UPDATE \"%s\" SET n = n + 10 SET tags = set_add(tags, <<'y'>>) REMOVE m.l[0] WHERE pk = 'a' "
                                        "RETURNING ALL NEW *" % table)["Items"][0]
    assert (new["n"], new["tags"], new["m"]) == ({"N": "11"}, {"SS": ["x", "y"]}, {"M": {"l": {"L": [{"S": "two"}]}}})
    with pytest.raises(ClientError, match="Where clause does not contain a mandatory equality on all key attributes"):
        d.execute_statement(Statement='UPDATE "%s" SET n = 1 WHERE n = 11' % table)
    with pytest.raises(ClientError) as e:
        d.execute_statement(Statement="UPDATE \"%s\" SET n = 1 WHERE pk = 'none'" % table)
    assert e.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    batch = d.batch_execute_statement(Statements=[{"Statement": select % ("*", "pk = 'b'")}, {"Statement": select % ("*", "n = 1")}])["Responses"]
    assert batch[0]["Item"]["n"] == {"N": "7"} and batch[1]["Error"]["Code"] == "ValidationError"
    d.execute_transaction(TransactStatements=[{"Statement": "DELETE FROM \"%s\" WHERE pk = 'a'" % table},
                                              {"Statement": "INSERT INTO \"%s\" VALUE {'pk': 'c'}" % table}])
    first = d.execute_statement(Statement='SELECT pk FROM "%s"' % table, Limit=1)
    second = d.execute_statement(Statement='SELECT pk FROM "%s"' % table, NextToken=first["NextToken"])
    assert sorted(r["pk"]["S"] for r in first["Items"] + second["Items"]) == ["b", "c"]


# ---- one order of events ----

def linearizable(history):
    """Is there an order of the operations on one register, each between its start and end, that explains every answer?
    history: (start, end, kind, argument, answer). A search over what may come next (Wing and Gong)."""
    seen = set()

    def search(rest, value):
        if not rest:
            return True
        state = (rest, value)
        if state in seen:
            return False
        seen.add(state)
        earliest_end = min(history[i][1] for i in rest)
        for i in rest:
            start, _, kind, argument, answer = history[i]
            if start > earliest_end:
                continue
            if kind == "read" and answer != value:
                continue
            if kind == "cas" and answer != (value == argument[0]):
                continue
            after = argument if kind == "write" else argument[1] if kind == "cas" and answer else value
            if search(rest - {i}, after):
                return True
        return False

    return search(frozenset(range(len(history))), None)


def test_the_checker_itself():
    assert linearizable([(0, 3, "write", 1, True), (1, 2, "read", None, None), (4, 5, "read", None, 1)])
    assert not linearizable([(0, 1, "write", 1, True), (2, 3, "read", None, None)])
    assert not linearizable([(0, 1, "write", 1, True), (2, 3, "cas", (1, 2), True), (4, 5, "cas", (1, 3), True)])


class Items:
    """One register as an item, by the operations on items."""
    def __init__(self, d, table):
        self.d, self.table = d, table

    def read(self):
        item = self.d.get_item(TableName=self.table, Key=key("r"), ConsistentRead=True)["Item"]
        return int(item["v"]["N"]) if "v" in item else None

    def write(self, v):
        self.d.put_item(TableName=self.table, Item={**key("r"), "v": {"N": str(v)}})

    def swap(self, old, new):
        self.d.update_item(TableName=self.table, Key=key("r"), UpdateExpression="SET v = :n", ConditionExpression="v = :o",
                           ExpressionAttributeValues={":o": {"N": str(old)}, ":n": {"N": str(new)}})


class Statements(Items):
    """The same by PartiQL: what reads runs beside the writer, and still sees all that was acknowledged."""
    def say(self, statement, *values, **how):
        return self.d.execute_statement(Statement=statement % self.table, **({"Parameters": [{"N": str(v)} for v in values]} if values else {}), **how)

    def read(self):
        item = self.say('SELECT v FROM "%s" WHERE pk = \'r\'', ConsistentRead=True)["Items"][0]
        return int(item["v"]["N"]) if "v" in item else None

    def write(self, v):
        self.say('UPDATE "%s" SET v = ? WHERE pk = \'r\'', v)

    def swap(self, old, new):
        self.say('UPDATE "%s" SET v = ? WHERE pk = \'r\' AND v = ?', new, old)


class Transactions(Statements):
    """And by transactions of one statement."""
    def say(self, statement, *values, **how):
        one = {"Statement": statement % self.table, **({"Parameters": [{"N": str(v)} for v in values]} if values else {})}
        return {"Items": [r.get("Item") for r in self.d.execute_transaction(TransactStatements=[one])["Responses"]]}


@pytest.mark.parametrize("how", [Items, Statements, Transactions])
def test_single_items_are_linearizable(tsubo, d, table, how):
    history, lock = [], threading.Lock()
    d.put_item(TableName=table, Item=key("r"))

    def work(seed):
        register, r = how(tsubo.client("dynamodb"), table), random.Random(seed)
        for _ in range(12):
            kind = r.choice(["read", "write", "cas"])
            start, argument, answer = time.monotonic(), None, True
            if kind == "read":
                answer = register.read()
            elif kind == "write":
                argument = r.randint(0, 3)
                register.write(argument)
            else:
                argument = (r.randint(0, 3), r.randint(0, 3))
                try:
                    register.swap(*argument)
                except ClientError as e:
                    assert "ConditionalCheckFailed" in str(e), e
                    answer = False
            with lock:
                history.append((start, time.monotonic(), kind, argument, answer))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(history) == 60 and linearizable(history)


def test_transactions_move_money_and_readers_see_whole_ones(tsubo, table):
    accounts, stop, wrong = ["a", "b", "c"], threading.Event(), []
    d = tsubo.client("dynamodb")
    for a in accounts:
        d.put_item(TableName=table, Item={**key(a), "v": {"N": "100"}})

    def move(seed):
        mine, r = tsubo.client("dynamodb"), random.Random(seed)
        for _ in range(25):
            src, dst = r.sample(accounts, 2)
            change = [{"Update": {"TableName": table, "Key": key(k), "UpdateExpression": "ADD v :n", "ExpressionAttributeValues": {":n": {"N": n}}}}
                      for k, n in ((src, "-1"), (dst, "1"))]
            mine.transact_write_items(TransactItems=change)

    def read():
        mine = tsubo.client("dynamodb")
        while not stop.is_set():
            got = mine.transact_get_items(TransactItems=[{"Get": {"TableName": table, "Key": key(a)}} for a in accounts])["Responses"]
            total = sum(int(g["Item"]["v"]["N"]) for g in got)
            if total != 300:
                wrong.append(total)

    readers = [threading.Thread(target=read) for _ in range(2)]
    movers = [threading.Thread(target=move, args=(i,)) for i in range(4)]
    for t in readers + movers:
        t.start()
    for t in movers:
        t.join()
    stop.set()
    for t in readers:
        t.join()
    assert wrong == []
