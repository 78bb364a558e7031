/* Parking calls on topics and on tickets. Loop thread only.
 *
 * A parked task is in `parked` lists of its topics. topic_seq remembers, per hash bucket, the last commit that notified
 * it: a task whose snapshot is older than that when it parks runs again at once, so no notification is lost between
 * its run and its parking; a shared bucket only costs a needless run.
 *
 * What always holds: a task is in the index from its first parking to its end; whoever frees a task has taken it
 * off all lists before. */
#include "svc/task.h"

#include "os/os.h"

#include <stdlib.h>

enum { BUCKETS = 4096 };

struct parked_wait {
	struct parked_wait *next_of_task;
	struct parked_wait **prev, *next; /* in its bucket */
	struct task *task;
	uint64_t hash;
};

struct late_answer {
	struct late_answer *next;
	uint64_t slot;
	struct answer answer; /* strings follow */
};

static struct parked_wait *buckets[BUCKETS];
static uint64_t topic_seq[BUCKETS];
struct task_link { struct task *task; struct task_link *next; };
static struct task_link *links[BUCKETS];

struct task *task_by_id(uint64_t id)
{
	for (struct task_link *l = links[id % BUCKETS]; l != NULL; l = l->next)
		if (l->task->id == id)
			return l->task;
	return NULL;
}

void task_index_add(struct task *t)
{
	ASSERT(task_by_id(t->id) == NULL);
	struct task_link *l = malloc(sizeof *l);
	if (l == NULL)
		die("out of memory");
	l->task = t;
	l->next = links[t->id % BUCKETS];
	links[t->id % BUCKETS] = l;
}

void task_index_del(struct task *t)
{
	for (struct task_link **at = &links[t->id % BUCKETS]; *at != NULL; at = &(*at)->next)
		if ((*at)->task == t) {
			struct task_link *l = *at;
			*at = l->next;
			free(l);
			return;
		}
}

/* The handler runs again and sees by its clock that the time is over. */
static void on_deadline(void *arg)
{
	struct task *t = arg;
	CHECK_MAGIC(t, (unsigned)TASK_MAGIC);
	ASSERT(t->place == TASK_PARKED);
	t->deadline = NULL;
	task_unpark(t);
	task_start(t);
}

void task_unpark(struct task *t)
{
	ASSERT(t->place == TASK_PARKED);
	for (struct parked_wait *w = t->parked, *next; w != NULL; w = next) {
		next = w->next_of_task;
		*w->prev = w->next;
		if (w->next != NULL)
			w->next->prev = w->prev;
		free(w);
	}
	t->parked = NULL;
	loop_timer_cancel(t->deadline);
	t->deadline = NULL;
	t->place = TASK_NEW;
}

/* Doubly linked by a pointer to the pointer before, so that leaving needs no search. */
static void register_wait(struct task *t, struct str topic)
{
	ASSERT(topic.n > 0 && t->place == TASK_PARKED);
	struct parked_wait *w = malloc(sizeof *w);
	if (w == NULL)
		die("out of memory");
	w->task = t;
	w->hash = str_hash(topic);
	w->next_of_task = t->parked;
	t->parked = w;
	struct parked_wait **head = &buckets[w->hash % BUCKETS];
	w->next = *head;
	w->prev = head;
	if (*head != NULL)
		(*head)->prev = &w->next;
	*head = w;
}

static void slot_answer(struct task *t, struct await_slot *s, const struct answer *a)
{
	ASSERT(t->place == TASK_PARKED || t->place == TASK_NEW); /* never while another thread runs it */
	s->on_gone = NULL; /* who owed it owes nothing any more */
	if (s->answered)
		return; /* it came too late */
	s->answered = true;
	s->answer = (struct answer){.ok = a->ok, .detail = a->detail,
		.bytes = arena_dup(t->keep, a->bytes),
		.error_code = arena_dup(t->keep, a->error_code),
		.error_message = arena_dup(t->keep, a->error_message)};
}

/* Apply the answers that came while the task ran. true: at least one was new. */
static bool take_late(struct task *t)
{
	bool any = false;
	while (t->late != NULL) {
		struct late_answer *l = t->late;
		t->late = l->next;
		if (l->slot < t->n_slots) {
			any |= !t->slots[l->slot].answered;
			slot_answer(t, &t->slots[l->slot], &l->answer);
		}
		free(l);
	}
	return any;
}

static bool overtaken(const struct task *t)
{
	for (size_t i = 0; i < t->n_waits; i++)
		if (topic_seq[str_hash(t->waits[i].name) % BUCKETS] > t->sequence)
			return true;
	return false;
}

void task_park(struct task *t)
{
	ASSERT(t->place == TASK_NEW);
	ASSERT(t->parked == NULL && t->deadline == NULL);
	t->place = TASK_PARKED;
	int64_t deadline = INT64_MAX;
	for (size_t i = 0; i < t->n_waits; i++) {
		if (t->waits[i].name.n > 0)
			register_wait(t, t->waits[i].name);
		if (t->waits[i].deadline_ms < deadline)
			deadline = t->waits[i].deadline_ms;
	}
	for (size_t i = 0; i < t->n_slots; i++)
		if (!t->slots[i].answered && t->slots[i].deadline_ms < deadline) /* those that are started below, too */
			deadline = t->slots[i].deadline_ms;
	if (deadline != INT64_MAX)
		t->deadline = loop_timer_start(deadline, on_deadline, t);
	bool again = overtaken(t);
	if (take_late(t))
		again = true;
	uint64_t id = t->id;
	for (size_t i = 0; i < t->n_slots; i++) {
		struct await_slot *s = &t->slots[i];
		if (s->started)
			continue;
		s->started = true;
		s->start((struct ticket){t->id, i}, s->arg);
		if (task_by_id(id) == NULL || t->place != TASK_PARKED)
			return; /* answered at once: it runs again already */
	}
	if (again && t->place == TASK_PARKED) {
		task_unpark(t);
		task_start(t);
	}
}

void topics_wake(const struct task_topic *topics, size_t n, uint64_t sequence)
{
	ASSERT(n == 0 || topics != NULL);
	for (size_t i = 0; i < n; i++) {
		uint64_t hash = str_hash(topics[i].name);
		size_t b = hash % BUCKETS;
		if (topic_seq[b] < sequence)
			topic_seq[b] = sequence;
		struct parked_wait *w = buckets[b];
		while (w != NULL) {
			if (w->hash != hash) {
				w = w->next;
				continue;
			}
			struct task *t = w->task;
			task_unpark(t); /* frees w and may free neighbours of the same task: start over */
			task_start(t);
			w = buckets[b];
		}
	}
}

void ticket_answer(struct ticket ticket, const struct answer *a)
{
	struct task *t = task_by_id(ticket.call);
	if (t == NULL)
		return;
	if (t->place == TASK_PARKED) {
		ASSERT(ticket.slot < t->n_slots);
		slot_answer(t, &t->slots[ticket.slot], a);
		task_unpark(t);
		task_start(t);
		return;
	}
	/* The slots are its thread's while it runs. */
	size_t text = a->bytes.n + a->error_code.n + a->error_message.n;
	struct late_answer *l = malloc(sizeof *l + text);
	if (l == NULL)
		die("out of memory");
	char *at = (char *)(l + 1);
	*l = (struct late_answer){.next = t->late, .slot = ticket.slot, .answer = *a};
	struct str *parts[] = {&l->answer.bytes, &l->answer.error_code, &l->answer.error_message};
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		if (parts[i]->n > 0)
			memcpy(at, parts[i]->p, parts[i]->n);
		if (parts[i]->p != NULL)
			parts[i]->p = at;
		at += parts[i]->n;
	}
	t->late = l;
}

void ticket_on_gone(struct ticket ticket, void (*fn)(struct ticket t, void *arg), void *arg)
{
	struct task *t = task_by_id(ticket.call);
	if (t == NULL || ticket.slot >= t->n_slots)
		return;
	t->slots[ticket.slot].on_gone = fn;
	t->slots[ticket.slot].gone_arg = arg;
}

void tickets_gone(struct task *t)
{
	ASSERT(t->n_slots <= t->cap_slots);
	for (const struct late_answer *l = t->late; l != NULL; l = l->next)
		if (l->slot < t->n_slots)
			t->slots[l->slot].on_gone = NULL; /* it has been given, to nobody */
	for (size_t i = 0; i < t->n_slots; i++) {
		void (*on_gone)(struct ticket t, void *arg) = t->slots[i].on_gone;
		t->slots[i].on_gone = NULL;
		if (on_gone != NULL)
			on_gone((struct ticket){t->id, i}, t->slots[i].gone_arg);
	}
}

/* A task that is queued or running comes back by itself and finds the mark. */
void task_cancel(struct task *t)
{
	CHECK_MAGIC(t, (unsigned)TASK_MAGIC);
	t->cancelled = true;
	if (t->place != TASK_PARKED)
		return;
	task_unpark(t);
	task_index_del(t);
	tickets_gone(t);
	t->place = TASK_FINISHED;
	t->done(t);
}
