/* Dead-letter queues: the two policies, moving a spent message there, and the tasks that move messages back.
 *
 * A task is a record (struct sqs_MoveTask) under its source queue's name and a growing number; a job moves a portion and
 * comes again. Source: "Dead-letter queues", "Configuring a dead-letter queue redrive", StartMessageMoveTask. */
#include "sqs.h"

#include "os/os.h"
#include "svc/arn.h"

enum { MOVE_AT_ONCE = 500, TASKS_KEPT = 10, MOVE_EVERY_MS = 1000 };

/* ---- policies ---- */

static bool bad_redrive(struct call *c, struct str text, const char *why)
{
	fail_invalid(c, "Value %.*s for parameter RedrivePolicy is invalid. Reason: %s", STR_ARG(text), why);
	return false;
}

/* Does the dead-letter queue allow this source? */
static bool allowed_source(struct queue *dead, struct str source_arn)
{
	struct str text = queue_more(dead)->RedriveAllowPolicy;
	struct json *j = str_present(text) ? json_parse(dead->c->arena, text, NULL) : NULL;
	struct str permission = json_get_str(j, "redrivePermission");
	if (str_eq(permission, S("denyAll")))
		return false;
	if (!str_eq(permission, S("byQueue")))
		return true;
	const struct json *arns = json_get(j, S("sourceQueueArns"));
	for (size_t i = 0; arns != NULL && i < arns->n; i++)
		if (str_eq(json_str(json_at(arns, i)), source_arn))
			return true;
	return false;
}

bool redrive_policy_apply(struct call *c, struct queue *q, struct str text)
{
	struct sqs_Queue *rec = q->rec;
	if (text.n == 0) {
		rec->RedrivePolicy = rec->DeadLetterArn = STR_NONE;
		rec->MaxReceiveCount = (struct opt_i64){0};
		return true;
	}
	struct json *j = json_parse(c->arena, text, NULL);
	if (!json_is(j, JSON_OBJECT))
		return bad_redrive(c, text, "Redrive policy is not a valid JSON map.");
	struct str target = json_get_str(j, "deadLetterTargetArn");
	if (!str_present(target))
		return bad_redrive(c, text, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
	if (json_get(j, S("maxReceiveCount")) == NULL)
		return bad_redrive(c, text, "Redrive policy does not contain mandatory attribute: maxReceiveCount.");
	int64_t max = json_get_i64(j, "maxReceiveCount", 0);
	if (max < 1 || max > 1000)
		return bad_redrive(c, text, "Invalid value for maxReceiveCount, valid values are from 1 to 1000 both inclusive.");
	struct arn arn;
	if (!arn_parse(target, &arn) || !str_eq(arn.account, q->account) || !str_eq(arn.region, q->region))
		return bad_redrive(c, text, "Dead-letter target owner should be same as the source.");
	struct queue *dead = queue_of_arn(c, target);
	if (dead == NULL)
		return bad_redrive(c, text, "Dead letter target does not exist.");
	if (dead->fifo != q->fifo)
		return bad_redrive(c, text, "Dead-letter queue must be same type of queue as the source.");
	if (!allowed_source(dead, q->arn))
		return bad_redrive(c, text, "The dead-letter queue's redrive allow policy does not allow this source queue.");
	rec->RedrivePolicy = text;
	rec->DeadLetterArn = target;
	rec->MaxReceiveCount = SOME_I64(max);
	return true;
}

static bool bad_allow(struct call *c, struct str text, const char *why)
{
	fail_invalid(c, "Value %.*s for parameter RedriveAllowPolicy is invalid. Reason: %s", STR_ARG(text), why);
	return false;
}

bool redrive_allow_apply(struct call *c, struct queue *q, struct str text)
{
	enum { SOURCES_MAX = 10 };
	if (text.n == 0) {
		queue_more(q)->RedriveAllowPolicy = STR_NONE;
		return true;
	}
	struct json *j = json_parse(c->arena, text, NULL);
	if (!json_is(j, JSON_OBJECT))
		return bad_allow(c, text, "Amazon SQS can't create the redrive allow policy, as it's in an unsupported format.");
	struct str permission = json_get_str(j, "redrivePermission");
	const struct json *arns = json_get(j, S("sourceQueueArns"));
	bool by_queue = str_eq(permission, S("byQueue"));
	if (!by_queue && !str_eq(permission, S("allowAll")) && !str_eq(permission, S("denyAll")))
		return bad_allow(c, text, "Amazon SQS can't create the redrive allow policy. The value for redrivePermission must be "
			"allowAll, denyAll or byQueue.");
	if (by_queue != (arns != NULL) || (by_queue && (!json_is(arns, JSON_ARRAY) || arns->n == 0 || arns->n > SOURCES_MAX)))
		return bad_allow(c, text, "Amazon SQS can't create the redrive allow policy. sourceQueueArns needs 1 to 10 ARNs with byQueue, "
			"and none otherwise.");
	queue_more(q)->RedriveAllowPolicy = text;
	return true;
}

/* ---- the way there ---- */

static struct queue *dead_queue(struct queue *q)
{
	if (!q->dead_looked_for) {
		q->dead_looked_for = true;
		bool itself = str_eq(q->rec->DeadLetterArn, q->arn);
		q->dead = itself ? NULL : queue_of_arn(q->c, q->rec->DeadLetterArn);
	}
	return q->dead;
}

bool dead_letter(struct queue *q, struct message *m, uint32_t count, int64_t first_ms)
{
	if (!q->rec->MaxReceiveCount.set || (int64_t)count < q->rec->MaxReceiveCount.v)
		return false;
	struct queue *dead = dead_queue(q);
	if (dead == NULL)
		return false;
	ASSERT(dead->fifo == q->fifo && dead != q);
	struct message copy = *m;
	copy.source_arn = q->arn;
	copy.count = count;
	copy.first_ms = first_ms;
	copy.delay_until_ms = 0;
	copy.moved = true;
	if (q->fifo)
		copy.sent_ms = q->c->now_ms; /* only in FIFO queues the age begins anew */
	message_insert(dead, &copy);
	box_store(dead);
	return true;
}

/* ---- tasks: the way back ---- */

static struct key *task_key(struct call *c, struct str account, struct str name)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	key_str(key_str(key_str(k, S("sqs")), account), c->region);
	return key_str(key_str(k, S("move")), name);
}

static struct str task_handle(struct arena *a, uint64_t number, struct str source_arn)
{
	return base64_encode(a, arena_printf(a, "{\"taskId\":\"%llu\",\"sourceArn\":\"%.*s\"}", (unsigned long long)number, STR_ARG(source_arn)));
}

bool task_handle_open(struct call *c, struct str handle, struct str *source_arn, uint64_t *number)
{
	struct str text = base64_decode(c->arena, handle);
	struct json *j = str_present(text) ? json_parse(c->arena, text, NULL) : NULL;
	*source_arn = json_get_str(j, "sourceArn");
	return str_present(*source_arn) && str_to_u64(json_get_str(j, "taskId"), number);
}

static bool running(const struct sqs_MoveTask *t) { return str_eq(t->Status, S("RUNNING")); }

/* Is one running already? Old ones beyond those that are listed go. */
static bool another_runs(struct call *c, struct queue *q)
{
	struct str key, value;
	struct scan *s = call_scan(c, task_key(c, q->account, q->name), STR_NONE, true);
	bool yes = false;
	for (size_t n = 0; scan_next(s, &key, &value); n++) {
		const struct sqs_MoveTask *t = record_decode(c, &sqs_shape_MoveTask, value);
		yes |= running(t);
		if (n >= TASKS_KEPT)
			txn_del(c->txn, key);
	}
	scan_close(s);
	return yes;
}

static bool is_source_of(struct call *c, struct queue *dead)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	key_str(key_str(key_str(key_str(k, S("sqs")), dead->account), c->region), S("queue"));
	struct scan *s = call_scan(c, k, STR_NONE, false);
	struct str key, value;
	bool found = false;
	while (!found && scan_next(s, &key, &value)) {
		struct box box;
		const struct sqs_Queue *rec = queue_decode(c, arena_dup(c->arena, value), &box);
		found = str_eq(rec->DeadLetterArn, dead->arn);
	}
	scan_close(s);
	return found;
}

static bool check_start(struct call *c, struct queue *q, const struct sqs_StartMessageMoveTaskRequest *in)
{
	if (in->MaxNumberOfMessagesPerSecond.set && (in->MaxNumberOfMessagesPerSecond.v < 1 || in->MaxNumberOfMessagesPerSecond.v > MOVE_AT_ONCE)) {
		fail_invalid(c, "Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a value between 1 and 500.");
		return false;
	}
	if (!is_source_of(c, q)) {
		fail_invalid(c, "Source queue must be configured as a Dead Letter Queue.");
		return false;
	}
	if (str_present(in->DestinationArn)) {
		struct queue *to = queue_of_arn(c, in->DestinationArn);
		if (to == NULL) {
			call_fail(c, &sqs_err_ResourceNotFoundException, "The resource that you specified for the DestinationArn parameter doesn't exist.");
			return false;
		}
		if (to->fifo != q->fifo || str_eq(to->arn, q->arn)) {
			fail_invalid(c, "The destination queue must be another queue of the same type as the source queue.");
			return false;
		}
		if (!authorize(c, "sqs:SendMessage", to->arn, NULL))
			return false;
	}
	if (!another_runs(c, q))
		return true;
	fail_invalid(c, "There is already a task running. Only one active task is allowed for a source queue arn at a given time.");
	return false;
}

static struct str move_id(struct call *c, struct queue *q, uint64_t number)
{
	return arena_printf(c->arena, "%.*s/%.*s/%llu", STR_ARG(q->account), STR_ARG(q->name), (unsigned long long)number);
}

void op_start_message_move_task(struct call *c)
{
	const struct sqs_StartMessageMoveTaskRequest *in = c->in;
	struct sqs_StartMessageMoveTaskResult *out = c->out;
	struct queue *q = run_queue(c);
	if (!authorize(c, "sqs:ReceiveMessage", q->arn, NULL) || !authorize(c, "sqs:DeleteMessage", q->arn, NULL) || !check_start(c, q, in))
		return;
	settle(q);
	uint64_t number = call_serial(c, "move");
	struct sqs_MoveTask t = {.Status = S("RUNNING"), .SourceArn = q->arn, .DestinationArn = in->DestinationArn,
		.Rate = in->MaxNumberOfMessagesPerSecond, .Moved = SOME_I64(0), .ToMove = SOME_I64(q->box.n_fresh + q->box.n_returned),
		.StartedMs = SOME_I64(c->now_ms)};
	call_put(c, key_u64(task_key(c, q->account, q->name), number), &sqs_shape_MoveTask, &t);
	job_put(c, "move", move_id(c, q, number), c->now_ms, S(""));
	out->TaskHandle = task_handle(c->arena, number, q->arn);
}

void op_list_message_move_tasks(struct call *c)
{
	const struct sqs_ListMessageMoveTasksRequest *in = c->in;
	struct sqs_ListMessageMoveTasksResult *out = c->out;
	struct queue *q = run_queue(c);
	int64_t max = in->MaxResults.set ? in->MaxResults.v : 1;
	if (max < 1 || max > TASKS_KEPT) {
		fail_invalid(c, "Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 10.");
		return;
	}
	out->Results = LIST_OF(c->arena, struct sqs_ListMessageMoveTasksResultEntry, (size_t)max);
	struct sqs_ListMessageMoveTasksResultEntry *v = out->Results.v;
	struct str key, value;
	struct scan *s = call_scan(c, task_key(c, q->account, q->name), STR_NONE, true);
	out->Results.n = 0;
	while (out->Results.n < (uint32_t)max && scan_next(s, &key, &value)) {
		const struct sqs_MoveTask *t = record_decode(c, &sqs_shape_MoveTask, value);
		struct key_reader r = key_reader_of(str_slice(key, key.n - 9, key.n));
		uint64_t number;
		bool ok = key_read_u64(&r, &number);
		ASSERT(ok);
		struct sqs_ListMessageMoveTasksResultEntry *e = &v[out->Results.n++];
		*e = (struct sqs_ListMessageMoveTasksResultEntry){.Status = t->Status, .SourceArn = t->SourceArn, .DestinationArn = t->DestinationArn,
			.MaxNumberOfMessagesPerSecond = t->Rate, .ApproximateNumberOfMessagesMoved = t->Moved,
			.ApproximateNumberOfMessagesToMove = t->ToMove, .FailureReason = t->FailureReason, .StartedTimestamp = t->StartedMs};
		if (running(t))
			e->TaskHandle = task_handle(c->arena, number, t->SourceArn);
	}
	scan_close(s);
}

void op_cancel_message_move_task(struct call *c)
{
	const struct sqs_CancelMessageMoveTaskRequest *in = c->in;
	struct sqs_CancelMessageMoveTaskResult *out = c->out;
	struct queue *q = run_queue(c);
	struct str source;
	uint64_t number;
	bool ok = task_handle_open(c, in->TaskHandle, &source, &number);
	ASSERT(ok); /* access has opened it */
	struct key *k = key_u64(task_key(c, q->account, q->name), number);
	struct sqs_MoveTask *t = call_get(c, k, &sqs_shape_MoveTask);
	if (t == NULL) {
		call_fail(c, &sqs_err_ResourceNotFoundException, "Task does not exist.");
		return;
	}
	if (!running(t)) {
		call_fail(c, &sqs_err_UnsupportedOperation, "Only active tasks can be cancelled.");
		return;
	}
	t->Status = S("CANCELLED");
	t->EndedMs = SOME_I64(c->now_ms);
	call_put(c, k, &sqs_shape_MoveTask, t);
	job_drop(c, "move", move_id(c, q, number));
	out->ApproximateNumberOfMessagesMoved = t->Moved;
}

struct moving { struct queue *from; struct sqs_MoveTask *task; const char *failed; };

/* One message goes where it came from, or where the task says: there it is a new message. */
static bool move_one(struct message *m, void *arg)
{
	struct moving *mv = arg;
	struct call *c = mv->from->c;
	struct str to_arn = str_present(mv->task->DestinationArn) ? mv->task->DestinationArn : m->source_arn;
	if (to_arn.n == 0) {
		mv->failed = "CouldNotDetermineMessageSource";
		return false;
	}
	struct queue *to = queue_of_arn(c, to_arn);
	if (to == NULL || str_eq(to->arn, mv->from->arn)) {
		mv->failed = "AWS.SimpleQueueService.NonExistentQueue";
		return false;
	}
	char uuid[37];
	random_uuid(uuid);
	struct message copy = *m;
	copy.id = arena_dup(c->arena, str_of(uuid, 36));
	copy.sent_ms = c->now_ms;
	copy.count = 0;
	copy.first_ms = copy.delay_until_ms = 0;
	copy.source_arn = S("");
	copy.moved = false;
	message_insert(to, &copy);
	box_store(to);
	mv->task->Moved.v++;
	return true;
}

void job_move(struct call *c, struct str id, struct str payload)
{
	(void)payload;
	struct str number_text = id, account = str_cut(&number_text, '/'), name = str_cut(&number_text, '/');
	uint64_t number;
	bool ok = str_to_u64(number_text, &number);
	ASSERT(ok);
	struct key *k = key_u64(task_key(c, account, name), number);
	struct sqs_MoveTask *t = call_get(c, k, &sqs_shape_MoveTask);
	struct queue *q = queue_open(c, account, name);
	if (t == NULL || !running(t))
		return;
	struct moving mv = {.from = q, .task = t};
	ASSERT(t->Moved.v >= 0 && t->ToMove.v >= t->Moved.v);
	int64_t left = t->ToMove.v - t->Moved.v, portion = t->Rate.set ? t->Rate.v : MOVE_AT_ONCE;
	size_t n = 0, max = (size_t)(left < portion ? left : portion);
	if (q == NULL) {
		mv.failed = "AWS.SimpleQueueService.NonExistentQueue";
	} else if (max > 0) {
		settle(q);
		n = (q->fifo ? fifo_pull : standard_pull)(q, max, move_one, &mv);
		box_store(q);
	}
	bool over = n < max || t->Moved.v >= t->ToMove.v;
	if (mv.failed != NULL) {
		t->Status = S("FAILED");
		t->FailureReason = str_c(mv.failed);
	} else if (over) {
		t->Status = S("COMPLETED");
	} else {
		job_put(c, "move", id, c->now_ms + (t->Rate.set ? MOVE_EVERY_MS : 0), S(""));
	}
	if (!running(t))
		t->EndedMs = SOME_I64(c->now_ms);
	call_put(c, k, &sqs_shape_MoveTask, t);
}
