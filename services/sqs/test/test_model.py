"""Random operations against a small model of a queue: after every step the counts must be the model's, and a receive must
give exactly what the model says is visible. Times are multiples of 300 seconds, looked at half way between, so that the
seconds the test itself takes do not matter."""
import random

import pytest

STEP = 300


class Model:
    def __init__(self, fifo):
        self.fifo, self.now, self.messages, self.n = fifo, STEP // 2, [], 0

    def visible(self, m):
        return m["due"] <= self.now

    def counts(self):
        free = sum(self.visible(m) for m in self.messages)
        flying = sum(not self.visible(m) and m["flying"] for m in self.messages)
        return free, flying, len(self.messages) - free - flying

    def send(self, group, delay):
        self.n += 1
        base = self.now - STEP // 2
        self.messages.append({"body": str(self.n), "group": group, "due": base + delay if delay else 0, "flying": False, "count": 0})
        return str(self.n)

    def receivable(self):
        """Standard: the visible ones. FIFO: of each group without one in flight, the visible ones at its front."""
        if not self.fifo:
            return [m for m in self.messages if self.visible(m)]
        out, stopped = [], {m["group"] for m in self.messages if m["flying"] and not self.visible(m)}
        for m in self.messages:
            if m["group"] not in stopped and self.visible(m):
                out.append(m)
            else:
                stopped.add(m["group"])
        return out

    def took(self, body, timeout):
        m = next(m for m in self.messages if m["body"] == body)
        m["flying"], m["due"], m["count"] = True, self.now - STEP // 2 + timeout, m["count"] + 1
        return m


class Run:
    def __init__(self, tsubo, sqs, url, fifo, seed):
        self.tsubo, self.sqs, self.url, self.fifo = tsubo, sqs, url, fifo
        self.model, self.chance, self.handles = Model(fifo), random.Random(seed), {}

    def send(self):
        group = self.chance.choice("abc") if self.fifo else None
        delay = self.chance.choice([0, 0, 0, STEP, 3 * STEP]) if not self.fifo else 0
        body = self.model.send(group, delay)
        if self.fifo:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body, MessageGroupId=group)
        else:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body, DelaySeconds=delay)

    def receive(self):
        n, timeout = self.chance.randint(1, 10), self.chance.choice([0, STEP, 2 * STEP, 5 * STEP])
        may = self.model.receivable()
        got = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=n, VisibilityTimeout=timeout,
                                       AttributeNames=["ApproximateReceiveCount"]).get("Messages", [])
        bodies = [m["Body"] for m in got]
        assert len(bodies) == min(n, len(may)) and set(bodies) <= {m["body"] for m in may}
        if self.fifo:
            for group in "abc":
                front = [m["body"] for m in may if m["group"] == group]
                mine = [b for b in bodies if b in front]
                assert mine == front[:len(mine)]
        for m in got:
            known = self.model.took(m["Body"], timeout)
            assert int(m["Attributes"]["ApproximateReceiveCount"]) == known["count"]
            self.handles[m["Body"]] = m["ReceiptHandle"]

    def one_in_flight(self):
        flying = [m for m in self.model.messages if m["flying"] and not self.model.visible(m)]
        return self.chance.choice(flying) if flying else None

    def delete(self):
        m = self.one_in_flight()
        if m is not None:
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=self.handles[m["body"]])
            self.model.messages.remove(m)

    def hide(self):
        m, timeout = self.one_in_flight(), self.chance.choice([0, STEP, 4 * STEP])
        if m is not None:
            self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=self.handles[m["body"]], VisibilityTimeout=timeout)
            m["due"] = self.model.now - STEP // 2 + timeout

    def wait(self):
        self.tsubo.turn_clock(f"+{STEP}s")
        self.model.now += STEP

    def back(self):
        """The clock may be turned back: what was visible is hidden again."""
        if self.model.now > STEP:
            self.tsubo.turn_clock(f"-{STEP}s")
            self.model.now -= STEP

    def check(self):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        have = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        assert tuple(int(have[n]) for n in names) == self.model.counts()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fifo", [False, True])
def test_random_operations(tsubo, client, name, fifo, seed):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name + ".fifo" * fifo, Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
                           if fifo else {})["QueueUrl"]
    run = Run(tsubo, sqs, url, fifo, seed)
    for i in range(150):
        step = run.chance.choice([run.send] * 4 + [run.receive] * 3 + [run.delete] * 3 + [run.hide, run.wait, run.wait])
        try:
            step()
            run.check()
        except AssertionError as e:
            raise AssertionError(f"seed {seed}, step {i}: {step.__name__}") from e


@pytest.mark.parametrize("fifo", [False, True])
def test_random_operations_with_a_clock_that_goes_back(tsubo, client, name, fifo):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name + ".fifo" * fifo, Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
                           if fifo else {})["QueueUrl"]
    run = Run(tsubo, sqs, url, fifo, 99)
    for i in range(150):
        step = run.chance.choice([run.send] * 3 + [run.receive] * 2 + [run.delete] * 2 + [run.hide, run.wait, run.wait, run.back])
        try:
            step()
            run.check()
        except AssertionError as e:
            raise AssertionError(f"step {i}: {step.__name__}") from e
