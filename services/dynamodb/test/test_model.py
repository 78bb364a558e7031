"""Random operations on one table, answered by tsubo and by a small model in Python: same answers. The model knows
conditions, updates, filters and order; what it says of them follows the DynamoDB Developer Guide."""
import decimal
import random

import pytest
from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

D = decimal.Decimal
to_wire, from_wire = TypeSerializer().serialize, TypeDeserializer().deserialize
MISSING = object()


def kind(v):
    return next(iter(to_wire(v)))


# ---- expressions: a tree, its text, its meaning ----

class Text:
    """Renders a tree with placeholders for every name and value."""
    def __init__(self):
        self.names, self.values = {}, {}

    def name(self, n):
        for key, have in self.names.items():
            if have == n:
                return key
        key = "#n%d" % len(self.names)
        self.names[key] = n
        return key

    def value(self, v):
        key = ":v%d" % len(self.values)
        self.values[key] = to_wire(v)
        return key

    def path(self, p):
        out = self.name(p[0])
        for part in p[1:]:
            out += "[%d]" % part if isinstance(part, int) else "." + self.name(part)
        return out

    def operand(self, o):
        if o[0] == "path":
            return self.path(o[1])
        if o[0] == "size":
            return "size(%s)" % self.path(o[1])
        return self.value(o[1])

    def condition(self, c):
        op = c[0]
        if op in ("AND", "OR"):
            return "(%s) %s (%s)" % (self.condition(c[1]), op, self.condition(c[2]))
        if op == "NOT":
            return "NOT (%s)" % self.condition(c[1])
        if op in ("attribute_exists", "attribute_not_exists"):
            return "%s(%s)" % (op, self.path(c[1]))
        if op in ("contains", "begins_with"):
            return "%s(%s, %s)" % (op, self.path(c[1]), self.value(c[2]))
        if op == "IN":
            return "%s IN (%s)" % (self.operand(c[1]), ", ".join(self.value(v) for v in c[2]))
        if op == "BETWEEN":
            return "%s BETWEEN %s AND %s" % (self.operand(c[1]), self.value(c[2]), self.value(c[3]))
        return "%s %s %s" % (self.operand(c[1]), op, self.operand(c[2]))


def resolve(item, path):
    v = item
    for part in path:
        if isinstance(part, int):
            if not isinstance(v, list) or part >= len(v):
                return MISSING
            v = v[part]
        else:
            if not isinstance(v, dict) or part not in v:
                return MISSING
            v = v[part]
    return v


def operand(item, o):
    if o[0] == "path":
        return resolve(item, o[1])
    if o[0] == "size":
        v = resolve(item, o[1])
        return D(len(v.encode("utf-16-le")) // 2 if isinstance(v, str) else len(v)) if isinstance(v, (str, list, dict, set)) else MISSING
    return o[1]


def same(x, y):
    return kind(x) == kind(y) and x == y


def ordered(op, x, y):
    if x is MISSING or y is MISSING or kind(x) != kind(y) or kind(x) not in "SN":
        return False
    if isinstance(x, str):
        x, y = x.encode(), y.encode()
    return {"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[op]


def holds(c, item):
    op = c[0]
    if op == "AND":
        return holds(c[1], item) and holds(c[2], item)
    if op == "OR":
        return holds(c[1], item) or holds(c[2], item)
    if op == "NOT":
        return not holds(c[1], item)
    if op == "attribute_exists":
        return resolve(item, c[1]) is not MISSING
    if op == "attribute_not_exists":
        return resolve(item, c[1]) is MISSING
    if op == "begins_with":
        v = resolve(item, c[1])
        return isinstance(v, str) and isinstance(c[2], str) and v.startswith(c[2])
    if op == "contains":
        v = resolve(item, c[1])
        if isinstance(v, str):
            return isinstance(c[2], str) and c[2] in v
        return isinstance(v, (set, list)) and any(same(e, c[2]) for e in v)
    x = operand(item, c[1])
    if op == "IN":
        return x is not MISSING and any(same(x, v) for v in c[2])
    if op == "BETWEEN":
        return ordered(">=", x, c[2]) and ordered("<=", x, c[3])
    y = operand(item, c[2])
    if op == "=":
        return x is not MISSING and y is not MISSING and same(x, y)
    if op == "<>":
        return x is MISSING or y is MISSING or not same(x, y)
    return ordered(op, x, y)


# ---- random things ----

class Dice:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def scalar(self):
        return self.r.choice([D(self.r.randint(-3, 3)), D(self.r.randint(-30, 30)) / 10, self.r.choice(["", "a", "ab", "b", "ü"]), True, None])

    def value(self, depth=0):
        roll = self.r.random()
        if roll < 0.6 or depth > 2:
            return self.scalar()
        if roll < 0.75:
            return [self.value(depth + 1) for _ in range(self.r.randint(0, 3))]
        if roll < 0.9:
            return {k: self.value(depth + 1) for k in self.r.sample("xyz", self.r.randint(0, 2))}
        return self.r.choice([{"a"}, {"a", "b"}, {D(1), D(2)}, {D("0.5")}])

    def path(self):
        p = [self.r.choice("abcd")]
        while self.r.random() < 0.3 and len(p) < 3:
            p.append(self.r.choice(["x", "y", 0, 1]))
        return p

    def operand(self):
        roll = self.r.random()
        return ("path", self.path()) if roll < 0.5 else ("size", self.path()) if roll < 0.6 else ("value", self.scalar())

    def condition(self, depth=0):
        roll = self.r.random()
        if roll < 0.3 and depth < 3:
            return (self.r.choice(["AND", "OR"]), self.condition(depth + 1), self.condition(depth + 1))
        if roll < 0.4 and depth < 3:
            return ("NOT", self.condition(depth + 1))
        if roll < 0.5:
            return (self.r.choice(["attribute_exists", "attribute_not_exists"]), self.path())
        if roll < 0.55:
            return ("begins_with", self.path(), self.r.choice(["a", "", "b"]))
        if roll < 0.62:
            return ("contains", self.path(), self.scalar())
        if roll < 0.68:
            return ("IN", self.operand(), [self.scalar() for _ in range(self.r.randint(1, 3))])
        if roll < 0.74:
            low, high = sorted([D(self.r.randint(-3, 3)), D(self.r.randint(-3, 3))])
            o = self.operand()
            while o[0] == "value" and kind(o[1]) not in "SN":
                o = self.operand()
            return ("BETWEEN", o, low, high)
        op = self.r.choice(["=", "<>", "<", "<=", ">", ">="])
        while True:
            x, y = self.operand(), self.operand()
            literal = [o[1] for o in (x, y) if o[0] == "value"]
            # Operators of order refuse literals without an order, and equal paths are refused.
            if op not in "=<>" or op in "<>":
                if op != "<>" and any(kind(v) not in "SN" for v in literal):
                    continue
            if x == y and x[0] == "path":
                continue
            return (op, x, y)


@pytest.fixture
def table(client, name):
    d = client("dynamodb")
    d.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                   AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}, {"AttributeName": "s", "AttributeType": "N"}],
                   KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}])
    return d, name


def wire(item):
    return {k: to_wire(v) for k, v in item.items()}


def plain(item):
    return {k: from_wire(v) for k, v in item.items()}


def agreed(want_ok, call, **how):
    """The call succeeds, or fails on its condition, as the model says."""
    try:
        answer = call(**how)
    except ClientError as e:
        assert e.response["Error"]["Code"] == "ConditionalCheckFailedException", (e, how)
        assert not want_ok, how
        return None
    assert want_ok, how
    return answer


@pytest.mark.parametrize("seed", range(8))
def test_conditional_puts_deletes_and_scans(table, seed):
    d, name = table
    dice, model = Dice(seed), {}
    for step in range(120):
        key = {"p": dice.r.choice(["k", "l"]), "s": D(dice.r.randint(0, 3))}
        at = (key["p"], key["s"])
        t, c = Text(), dice.condition()
        how = {"TableName": name, "ConditionExpression": t.condition(c)}
        if t.names:
            how["ExpressionAttributeNames"] = t.names
        if t.values:
            how["ExpressionAttributeValues"] = t.values
        ok = holds(c, model.get(at, {}))
        if dice.r.random() < 0.7:
            item = {**key, **{k: dice.value() for k in "abcd" if dice.r.random() < 0.7}}
            if agreed(ok, d.put_item, Item=wire(item), **how) is not None:
                model[at] = item
        elif agreed(ok, d.delete_item, Key=wire(key), **how) is not None:
            model.pop(at, None)
        if step % 10 == 9:
            t, c = Text(), dice.condition()
            how = {"TableName": name, "FilterExpression": t.condition(c)}
            if t.names:
                how["ExpressionAttributeNames"] = t.names
            if t.values:
                how["ExpressionAttributeValues"] = t.values
            have = {(i["p"], i["s"]): i for i in map(plain, d.scan(**how)["Items"])}
            assert have == {k: v for k, v in model.items() if holds(c, v)}, how


@pytest.mark.parametrize("seed", range(4))
def test_updates(table, seed):
    """SET, REMOVE, ADD and DELETE on top-level attributes and in documents."""
    d, name = table
    dice, model = Dice(1000 + seed), {}
    for _ in range(150):
        key = {"p": "k", "s": D(dice.r.randint(0, 2))}
        at = key["s"]
        old = model.get(at)
        item = {**key, **{k: v for k, v in (old or {}).items()}}
        t, kinds, bad = Text(), {"SET": [], "REMOVE": [], "ADD": [], "DELETE": []}, False
        removes_only = True
        for attribute in dice.r.sample("abcd", dice.r.randint(1, 3)):
            roll, have = dice.r.random(), item.get(attribute, MISSING)
            before = (old or {}).get(attribute, MISSING)
            if roll < 0.35:
                v = dice.value()
                kinds["SET"].append("%s = %s" % (t.path([attribute]), t.value(v)))
                item[attribute] = v
                removes_only = False
            elif roll < 0.5:
                kinds["SET"].append("%s = if_not_exists(%s, %s) + %s" % (t.path([attribute]), t.path([attribute]), t.value(D(5)), t.value(D(1))))
                start = D(5) if before is MISSING else before
                bad = bad or kind(start) != "N"
                if not bad:
                    item[attribute] = start + 1
                removes_only = False
            elif roll < 0.65:
                kinds["REMOVE"].append(t.path([attribute]))
                item.pop(attribute, None)
            elif roll < 0.8:
                kinds["ADD"].append("%s %s" % (t.path([attribute]), t.value(D(2))))
                bad = bad or (have is not MISSING and kind(have) != "N")
                if not bad:
                    item[attribute] = D(2) if have is MISSING else have + 2
                removes_only = False
            else:
                kinds["DELETE"].append("%s %s" % (t.path([attribute]), t.value({"a"})))
                bad = bad or (have is not MISSING and kind(have) != "SS")
                if not bad and have is not MISSING:
                    item[attribute] = have - {"a"}
                    if not item[attribute]:
                        del item[attribute]
        how = {"UpdateExpression": " ".join("%s %s" % (k, ", ".join(v)) for k, v in kinds.items() if v)}
        if t.names:
            how["ExpressionAttributeNames"] = t.names
        if t.values:
            how["ExpressionAttributeValues"] = t.values
        try:
            answer = d.update_item(TableName=name, Key=wire(key), ReturnValues="ALL_NEW", **how)
        except ClientError as e:
            assert e.response["Error"]["Code"] == "ValidationException", e
            assert bad, (how, old, e)
            continue
        assert not bad, (how, old)
        if old is None and removes_only:
            assert "Attributes" not in answer
            continue
        model[at] = item
        assert plain(answer["Attributes"]) == item, (how, old)
    assert {i["s"]: i for i in map(plain, d.scan(TableName=name)["Items"])} == model


def test_binary_and_numbers_keep_their_value(table):
    d, name = table
    for v in [Binary(b"\x00\xff"), {Binary(b"a"), Binary(b"b")}, D("1E-130"), D("9.9999999999999999999999999999999999999E+125"),
              D("-12345678901234567890123456789012345678"), {D("1E+100"), D("-0.1")}]:
        d.put_item(TableName=name, Item=wire({"p": "k", "s": D(0), "v": v}))
        assert plain(d.get_item(TableName=name, Key=wire({"p": "k", "s": D(0)}))["Item"])["v"] == v


NUMBERS = ["-1E+120", "-123.5", "-123", "-1", "-0.1", "-1E-100", "0", "1E-100", "0.1", "0.11", "1", "9", "10", "11", "99.5", "100", "1E+120"]


def test_order_of_numbers_in_query(table):
    d, name = table
    shuffled = list(NUMBERS)
    random.Random(1).shuffle(shuffled)
    for n in shuffled:
        d.put_item(TableName=name, Item={"p": {"S": "k"}, "s": {"N": n}})

    def query(expression, forward=True, **values):
        items = d.query(TableName=name, KeyConditionExpression="p = :p" + expression, ScanIndexForward=forward,
                        ExpressionAttributeValues={":p": {"S": "k"}, **{":" + k: {"N": v} for k, v in values.items()}})["Items"]
        return [D(i["s"]["N"]) for i in items]

    every = [D(n) for n in NUMBERS]
    assert query("") == every
    assert query("", forward=False) == every[::-1]
    for n in NUMBERS:
        assert query(" AND s < :n", n=n) == [m for m in every if m < D(n)]
        assert query(" AND s >= :n", n=n) == [m for m in every if m >= D(n)]
        assert query(" AND s = :n", n=n) == [D(n)]
        assert query(" AND s BETWEEN :l AND :n", l="-1", n=max(n, "-1", key=D)) == [m for m in every if -1 <= m <= max(D(n), -1)]


# ---- an index whose key has five attributes of all types ----

WIDE = [("h1", "S"), ("h2", "N"), ("r1", "S"), ("r2", "N"), ("r3", "B")]


def wide_value(dice, name):
    return {"S": lambda: dice.r.choice(["a", "ab", "b", "\x00", "\u00fc"]), "N": lambda: D(dice.r.choice([-10, -1, 0, 1, 2, 10, 100])) / dice.r.choice([1, 8]),
            "B": lambda: Binary(dice.r.choice([b"\x00", b"\x00\x01", b"\xff", b"a"]))}[dict(WIDE)[name]]()


def sortable(v):
    return v.encode() if isinstance(v, str) else v.value if isinstance(v, Binary) else v


@pytest.mark.parametrize("seed", range(4))
def test_queries_of_a_wide_index(client, name, seed):
    d, dice, model = client("dynamodb"), Dice(2000 + seed), {}
    d.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
                   AttributeDefinitions=[{"AttributeName": a, "AttributeType": t} for a, t in [("p", "S")] + WIDE],
                   GlobalSecondaryIndexes=[{"IndexName": "wide", "Projection": {"ProjectionType": "ALL"}, "KeySchema": [
                       {"AttributeName": a, "KeyType": "HASH" if a[0] == "h" else "RANGE"} for a, _ in WIDE]}])
    for _ in range(250):
        p, roll = "i%02d" % dice.r.randint(0, 60), dice.r.random()
        if roll < 0.6:
            # Two partitions only, so that there is something to be in order.
            item = {"p": p, "h1": dice.r.choice("ab"), "h2": D(1), **{a: wide_value(dice, a) for a in ("r1", "r2", "r3")}}
            item = {k: v for k, v in item.items() if k == "p" or dice.r.random() < 0.95}
            d.put_item(TableName=name, Item=wire(item))
            model[p] = item
        elif roll < 0.7:
            d.delete_item(TableName=name, Key=wire({"p": p}))
            model.pop(p, None)
        elif roll < 0.8 and p in model:
            a = dice.r.choice(["h1", "r1", "r2", "r3"])
            d.execute_statement(Statement='UPDATE "%s" REMOVE %s WHERE p = ?' % (name, a), Parameters=[to_wire(p)])
            model[p].pop(a, None)
        else:
            t, h1 = Text(), dice.r.choice("ab")
            parts = [("h1", "=", h1), ("h2", "=", D(1))]
            for a in ("r1", "r2", "r3")[:dice.r.randint(0, 3)]:
                parts.append((a, "=", wide_value(dice, a)))
            if len(parts) > 2 and dice.r.random() < 0.8:
                parts[-1] = (parts[-1][0], dice.r.choice(["<", "<=", ">", ">="]), parts[-1][2])
            texts = ["%s %s %s" % (t.name(a), op, t.value(v)) for a, op, v in parts]
            dice.r.shuffle(texts)
            test = {"=": lambda x, y: x == y, "<": lambda x, y: x < y, "<=": lambda x, y: x <= y, ">": lambda x, y: x > y, ">=": lambda x, y: x >= y}
            want = [i for i in model.values() if all(a in i for a, _ in WIDE) and all(test[op](sortable(i[a]), sortable(v)) for a, op, v in parts)]
            by, back = lambda i: [sortable(i[a]) for a in ("r1", "r2", "r3")], dice.r.random() < 0.5
            want.sort(key=by, reverse=back)
            got, start = [], {}
            while True:
                page = d.query(TableName=name, IndexName="wide", KeyConditionExpression=" AND ".join(texts), ScanIndexForward=not back,
                               ExpressionAttributeNames=t.names, ExpressionAttributeValues=t.values, Limit=dice.r.randint(1, 5), **start)
                got += map(plain, page["Items"])
                if "LastEvaluatedKey" not in page:
                    break
                start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
            assert [by(i) for i in got] == [by(i) for i in want], parts
            assert sorted(i["p"] for i in got) == sorted(i["p"] for i in want)
            everything = d.scan(TableName=name, IndexName="wide")["Items"]
            assert {plain(i)["p"] for i in everything} == {p for p, i in model.items() if all(a in i for a, _ in WIDE)}


@pytest.mark.parametrize("seed", range(4))
def test_statements(table, seed):
    """PartiQL: INSERT, UPDATE, DELETE on conditions, and SELECT, say what the model says."""
    d, name = table
    dice, model = Dice(3000 + seed), {}
    simple = lambda: dice.r.choice([D(dice.r.randint(-3, 3)), dice.r.choice(["a", "b", "ab"])])

    def where():
        op, attribute, v = dice.r.choice(["=", "<>", "<", ">="]), dice.r.choice("abc"), simple()
        return "%s %s ?" % (attribute, op), v, (op, ("path", [attribute]), ("value", v))

    for step in range(120):
        key, roll = {"p": dice.r.choice("kl"), "s": D(dice.r.randint(0, 3))}, dice.r.random()
        at = (key["p"], key["s"])
        run = lambda text, *values: d.execute_statement(Statement=text % name, **({"Parameters": [to_wire(v) for v in values]} if values else {}))
        failed = None
        text, v, condition = where()
        try:
            if roll < 0.3:
                item = {**key, **{a: simple() for a in "abc" if dice.r.random() < 0.7}}
                fields = list(item)
                run('INSERT INTO "%s" VALUE {' + ", ".join("'%s': ?" % f for f in fields) + "}", *item.values())
            elif roll < 0.55:
                run('UPDATE "%s" SET a = ? WHERE p = ? AND s = ? AND ' + text, D(step), key["p"], key["s"], v)
            elif roll < 0.7:
                run('DELETE FROM "%s" WHERE p = ? AND s = ? AND ' + text, key["p"], key["s"], v)
            else:
                got = {(i["p"], i["s"]): i for i in map(plain, run('SELECT * FROM "%s" WHERE p = ? AND ' + text, key["p"], v)["Items"])}
                assert got == {k: i for k, i in model.items() if k[0] == key["p"] and holds(condition, i)}, text
                continue
        except ClientError as e:
            failed = e.response["Error"]["Code"]
        if roll < 0.3:
            assert failed == ("DuplicateItemException" if at in model else None)
            if not failed:
                model[at] = item
        elif roll < 0.55:
            ok = at in model and holds(condition, model[at])
            assert failed == (None if ok else "ConditionalCheckFailedException"), (text, v, model.get(at))
            if ok:
                model[at] = {**model[at], "a": D(step)}
        else:
            ok = at not in model or holds(condition, model[at])  # nothing there: nothing is done
            assert failed == (None if ok else "ConditionalCheckFailedException"), (text, v, model.get(at))
            if ok:
                model.pop(at, None)
    assert {(i["p"], i["s"]): i for i in map(plain, d.scan(TableName=name)["Items"])} == model
