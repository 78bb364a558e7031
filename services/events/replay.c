/* Replays: archived events of a span of time come to their bus again, marked with the replay's name.
 *
 * A job sends a portion and comes again, from the key after the last one it sent; so a replay goes on where it was after a crash,
 * and an event is sent at least once. Source: "Archiving and replaying events in Amazon EventBridge" (User Guide), StartReplay
 * (API Reference). */
#include "archive.h"

#include "base/enc.h"
#include "svc/arn.h"
#include "svc/page.h"

enum { REPLAY_AT_ONCE = 200 };

static struct key *replay_key(struct call *c, struct str name) { return key_str(call_key(c, "replay"), name); }

static struct str replay_arn(struct call *c, struct str name)
{
	return arn_make(c->arena, "events", c->region, c->account, arena_join(c->arena, S("replay/"), name));
}

static void replay_put(struct call *c, const struct events_ReplayRecord *r)
{
	ASSERT(str_present(r->Name) && str_present(r->State) && r->FromMs.v < r->ToMs.v);
	call_put(c, replay_key(c, r->Name), &events_shape_ReplayRecord, r);
}

static struct events_ReplayRecord *replay_need(struct call *c, struct str name)
{
	struct events_ReplayRecord *r = call_get(c, replay_key(c, name), &events_shape_ReplayRecord);
	if (r == NULL)
		call_fail(c, &events_err_ResourceNotFoundException, "Replay %.*s does not exist.", STR_ARG(name));
	return r;
}

void access_replay(struct call *c)
{
	authorize(c, NULL, replay_arn(c, call_input_text(c, "ReplayName")), NULL);
}

static bool running(const struct events_ReplayRecord *r) { return str_eq(r->State, S("STARTING")) || str_eq(r->State, S("RUNNING")); }

/* ---- the job ---- */

/* The event with "replay-name" put in; sent under an id of its own, so that it takes no other delivery's place. */
static void send_again(struct call *c, const struct events_ReplayRecord *r, struct str id, struct str text)
{
	struct json *event = json_parse(c->arena, text, NULL);
	ASSERT(json_is(event, JSON_OBJECT)); /* it was one when it was archived */
	json_set_str(c->arena, event, "replay-name", r->Name);
	const struct list *only = &r->Destination->FilterArns;
	event_arrived(c, r->Bus, arena_join(c->arena, id, S("-"), r->Name), json_text(c->arena, event), 0, only->n > 0 ? only : NULL);
}

/* true: there are more. */
static bool send_portion(struct call *c, struct events_ReplayRecord *r)
{
	struct key *prefix = past_key(c, r->Data.v);
	size_t skip = key_bytes(prefix).n, n = 0;
	struct key *from = key_i64(past_key(c, r->Data.v), r->FromMs.v), *to = key_i64(past_key(c, r->Data.v), r->ToMs.v);
	struct str first = key_bytes(from), key, text;
	if (str_present(r->After)) {
		struct str after = base64_decode(c->arena, r->After);
		ASSERT(str_present(after));
		first = arena_join(c->arena, after, str_of("", 1));
	}
	struct scan *s = scan_open(c->txn, first, key_bytes(to), false);
	bool more = false;
	while (scan_next(s, &key, &text)) {
		more = n == REPLAY_AT_ONCE;
		if (more)
			break;
		struct key_reader k = key_reader_of(str_slice(key, skip, key.n));
		int64_t ms;
		struct str id;
		bool ok = key_read_i64(&k, &ms) && key_read_str(&k, c->arena, &id);
		ASSERT(ok);
		r->LastMs = SOME_I64(ms);
		r->After = base64_encode(c->arena, key); /* records keep texts */
		send_again(c, r, id, arena_dup(c->arena, text));
		n++;
	}
	scan_close(s);
	return more;
}

void job_replay(struct call *c, struct str name, struct str payload)
{
	struct events_ReplayRecord *r = call_get(c, replay_key(c, name), &events_shape_ReplayRecord);
	if (r == NULL || !running(r))
		return;
	r->State = S("RUNNING");
	if (bus_get(c, r->Bus) == NULL) {
		r->State = S("FAILED");
		r->StateReason = S("The event bus does not exist.");
	} else if (send_portion(c, r)) {
		job_put(c, "replay", name, c->now_ms, payload);
	} else {
		r->State = S("COMPLETED");
	}
	if (!running(r))
		r->EndedMs = SOME_I64(c->now_ms);
	replay_put(c, r);
}

/* ---- operations ---- */

static bool invalid(struct call *c, const char *what, const char *why)
{
	call_fail_code(c, 400, "ValidationException", "Parameter %s is not valid. Reason: %s", what, why);
	return false;
}

/* The archive that the request names, of this account and region. */
static const struct events_ArchiveRecord *source_of(struct call *c, struct str text)
{
	struct arn arn;
	if (!arn_parse(text, &arn) || !str_eq(arn.service, S("events")) || !str_starts(arn.resource, S("archive/"))) {
		invalid(c, "EventSourceArn", "Must contain an archive ARN.");
		return NULL;
	}
	struct str name = str_slice(arn.resource, sizeof "archive/" - 1, arn.resource.n);
	const struct events_ArchiveRecord *a = str_eq(archive_arn(c, name), text) ? archive_find(c, name) : NULL;
	if (a == NULL)
		call_fail(c, &events_err_ResourceNotFoundException, "Archive %.*s does not exist.", STR_ARG(name));
	return a;
}

static bool request_ok(struct call *c, const struct events_StartReplayRequest *in, const struct events_ArchiveRecord *a)
{
	struct str bus = bus_named(c, in->Destination->Arn);
	if (c->failed || bus_need(c, bus) == NULL)
		return false;
	if (!str_eq(bus, a->Bus))
		return invalid(c, "Destination.Arn", "Cross event bus replay is not permitted.");
	if (in->EventStartTime.ms >= in->EventEndTime.ms)
		return invalid(c, "EventEndTime", "EventStartTime must be before EventEndTime.");
	if (call_get(c, replay_key(c, in->ReplayName), &events_shape_ReplayRecord) == NULL)
		return true;
	call_fail(c, &events_err_ResourceAlreadyExistsException, "Replay %.*s already exists.", STR_ARG(in->ReplayName));
	return false;
}

void op_start_replay(struct call *c)
{
	const struct events_StartReplayRequest *in = c->in;
	struct events_StartReplayResponse *out = c->out;
	const struct events_ArchiveRecord *a = source_of(c, in->EventSourceArn);
	if (a == NULL || !request_ok(c, in, a))
		return;
	const struct events_ReplayRecord r = {.Name = in->ReplayName, .Archive = a->Name, .Bus = a->Bus, .Description = in->Description,
		.State = S("STARTING"), .Destination = in->Destination, .FromMs = SOME_I64(in->EventStartTime.ms), .ToMs = SOME_I64(in->EventEndTime.ms),
		.StartedMs = SOME_I64(c->now_ms), .Data = a->Data};
	replay_put(c, &r);
	job_put(c, "replay", r.Name, c->now_ms, S(""));
	*out = (struct events_StartReplayResponse){.ReplayArn = replay_arn(c, r.Name), .State = r.State, .ReplayStartTime = SOME_TIME(c->now_ms)};
}

static struct opt_time time_of(struct opt_i64 ms) { return ms.set ? SOME_TIME(ms.v) : (struct opt_time){0}; }

void op_describe_replay(struct call *c)
{
	const struct events_DescribeReplayRequest *in = c->in;
	const struct events_ReplayRecord *r = replay_need(c, in->ReplayName);
	if (r == NULL)
		return;
	*(struct events_DescribeReplayResponse *)c->out = (struct events_DescribeReplayResponse){
		.ReplayName = r->Name, .ReplayArn = replay_arn(c, r->Name), .Description = r->Description, .State = r->State, .StateReason = r->StateReason,
		.EventSourceArn = archive_arn(c, r->Archive), .Destination = r->Destination, .EventStartTime = time_of(r->FromMs),
		.EventEndTime = time_of(r->ToMs), .EventLastReplayedTime = time_of(r->LastMs), .ReplayStartTime = time_of(r->StartedMs),
		.ReplayEndTime = time_of(r->EndedMs)};
}

void op_cancel_replay(struct call *c)
{
	const struct events_CancelReplayRequest *in = c->in;
	struct events_CancelReplayResponse *out = c->out;
	struct events_ReplayRecord *r = replay_need(c, in->ReplayName);
	if (r == NULL)
		return;
	if (!running(r)) {
		call_fail(c, &events_err_IllegalStatusException, "Replay %.*s is not in a valid state for this operation.", STR_ARG(r->Name));
		return;
	}
	r->State = S("CANCELLED");
	r->EndedMs = SOME_I64(c->now_ms);
	job_drop(c, "replay", r->Name);
	replay_put(c, r);
	*out = (struct events_CancelReplayResponse){.ReplayArn = replay_arn(c, r->Name), .State = S("CANCELLING")};
}

void op_list_replays(struct call *c)
{
	const struct events_ListReplaysRequest *in = c->in;
	struct events_ListReplaysResponse *out = c->out;
	struct str after, key, value;
	if (!one_filter(c, "ListReplays", in->NamePrefix, in->EventSourceArn, in->State))
		return;
	if (!page_position(c->arena, in->NextToken, &after)) {
		invalid(c, "NextToken", "It is none of ours.");
		return;
	}
	uint32_t limit = in->Limit.set ? (uint32_t)in->Limit.v : 100, n = 0;
	struct events_Replay *v = arena_array(c->arena, struct events_Replay, limit);
	struct scan *s = call_scan(c, call_key(c, "replay"), after, false);
	while (scan_next(s, &key, &value)) {
		const struct events_ReplayRecord *r = record_decode(c, &events_shape_ReplayRecord, value);
		if ((str_present(in->NamePrefix) && !str_starts(r->Name, in->NamePrefix)) || (str_present(in->State) && !str_eq(in->State, r->State)) ||
		    (str_present(in->EventSourceArn) && !str_eq(in->EventSourceArn, archive_arn(c, r->Archive))))
			continue;
		if (n == limit) {
			out->NextToken = page_token(c->arena, after);
			break;
		}
		after = arena_dup(c->arena, key);
		v[n++] = (struct events_Replay){.ReplayName = r->Name, .EventSourceArn = archive_arn(c, r->Archive), .State = r->State,
			.StateReason = r->StateReason, .EventStartTime = time_of(r->FromMs), .EventEndTime = time_of(r->ToMs),
			.EventLastReplayedTime = time_of(r->LastMs), .ReplayStartTime = time_of(r->StartedMs), .ReplayEndTime = time_of(r->EndedMs)};
	}
	scan_close(s);
	ASSERT(n <= limit);
	out->Replays = (struct list){v, n, true};
}
