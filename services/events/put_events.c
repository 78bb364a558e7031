/* PutEvents: entries become events, events find their rules, rules make deliveries; all in one transaction, so what is
 * acknowledged will be delivered.
 *
 * Source: PutEvents (API reference); "Calculating PutEvents event entry size" (User Guide); quota: 1 MB a request. */
#include "events.h"

#include "base/time.h"
#include "os/os.h"
#include "svc/event_pattern.h"
#include "svc/arn.h"

enum { REQUEST_MAX_BYTES = 1 << 20, TIME_BYTES = 14, INLINE_EVENT_BYTES = 4096 };

/* A bus as an entry names it: may be of another account or region. */
struct bus_place { struct str account, region, name; bool elsewhere; };

static bool place_of(struct call *c, struct str text, struct bus_place *p)
{
	struct arn arn;
	*p = (struct bus_place){c->account, c->region, str_present(text) ? text : S("default"), false};
	if (!str_starts(p->name, S("arn:")))
		return true;
	if (!arn_parse(text, &arn) || !str_starts(arn.resource, S("event-bus/")))
		return false;
	*p = (struct bus_place){arn.account, arn.region, str_slice(arn.resource, sizeof "event-bus/" - 1, arn.resource.n), false};
	p->elsewhere = !str_eq(p->account, c->account) || !str_eq(p->region, c->region);
	return true;
}

void access_put_events(struct call *c)
{
	const struct events_PutEventsRequest *in = c->in;
	if (c->who->type == PRINCIPAL_SERVICE && c->parent != NULL)
		return; /* AWS services put their own events without being asked */
	for (uint32_t i = 0; i < in->Entries.n && !c->failed; i++) {
		const struct events_PutEventsRequestEntry *e = LIST_AT(in->Entries, struct events_PutEventsRequestEntry, i);
		struct bus_place p;
		if (!place_of(c, e->EventBusName, &p) || p.elsewhere)
			continue; /* asked there */
		struct condition_key keys[2];
		struct access_extra x = {.keys = keys};
		if (str_present(e->Source))
			keys[x.n_keys++] = (struct condition_key){S("events:source"), &e->Source, 1};
		if (str_present(e->DetailType))
			keys[x.n_keys++] = (struct condition_key){S("events:detail-type"), &e->DetailType, 1};
		struct events_BusRecord *b = bus_get(c, p.name);
		x.resource_policy = b != NULL ? b->Policy : STR_NONE;
		if (!str_eq(c->who->account, c->account))
			x.resource_account = c->account; /* asked by put_elsewhere on behalf of another account */
		authorize(c, NULL, bus_arn(c, p.name), &x);
	}
}

static size_t entry_bytes(const struct events_PutEventsRequestEntry *e)
{
	size_t n = e->Source.n + e->DetailType.n + e->Detail.n + (e->Time.set ? TIME_BYTES : 0);
	for (uint32_t i = 0; i < e->Resources.n; i++)
		n += LIST_AT(e->Resources, struct str, i)->n;
	return n;
}

/* ---- an event on a bus ---- */

static bool chosen(struct call *c, struct str bus, struct str rule, const struct list *only)
{
	struct str arn = rule_arn(c, bus, rule);
	for (uint32_t i = 0; i < only->n; i++)
		if (str_eq(*LIST_AT(*only, struct str, i), arn))
			return true;
	return false;
}

void event_arrived(struct call *c, struct str bus, struct str id, struct str text, int64_t hops, const struct list *only)
{
	const struct json *event = json_parse(c->arena, text, NULL);
	ASSERT(event != NULL);
	bool replayed = json_get(event, S("replay-name")) != NULL;
	event = event_normal(c->arena, event);
	const struct str *rules;
	size_t n = rules_matching(c, bus, event, &rules), deliveries = 0;
	bool shared = text.n > INLINE_EVENT_BYTES;
	if (!replayed)
		archives_take(c, bus, id, text, event);
	for (size_t i = 0; i < n; i++) {
		if (only != NULL && !chosen(c, bus, rules[i], only))
			continue;
		count_metric(c, bus, rules[i], "TriggeredRules", 1);
		count_metric(c, bus, rules[i], "MatchedEvents", 1);
		deliveries += deliveries_put(c, bus, rules[i], id, text, shared, hops);
	}
	if (n > 0)
		count_metric(c, bus, STR_NONE, "MatchedEvents", 1);
	if (shared && deliveries > 0)
		text_share(c, id, bus, hops, text, deliveries);
}

static struct str event_text(struct call *c, const struct events_PutEventsRequestEntry *e, struct str id, const struct json *detail)
{
	struct buf b;
	struct jw w;
	buf_init(&b, c->arena, 0);
	jw_init(&w, &b);
	jw_begin_object(&w);
	jw_kv_str(&w, "version", S("0"));
	jw_kv_str(&w, "id", id);
	jw_kv_str(&w, "detail-type", e->DetailType);
	jw_kv_str(&w, "source", e->Source);
	jw_kv_str(&w, "account", str_present(c->who->account) ? c->who->account : c->account);
	jw_kv_str(&w, "time", time_iso8601(c->arena, e->Time.set ? e->Time.ms : c->now_ms));
	jw_kv_str(&w, "region", c->region);
	jw_key(&w, S("resources"));
	jw_begin_array(&w);
	for (uint32_t i = 0; i < e->Resources.n; i++)
		jw_str(&w, *LIST_AT(e->Resources, struct str, i));
	jw_end_array(&w);
	jw_key(&w, S("detail"));
	jw_tree(&w, detail);
	jw_end_object(&w);
	return buf_view(&b);
}

/* ---- entries ---- */

static void refuse(struct events_PutEventsResultEntry *out, const char *code, struct str message)
{
	out->ErrorCode = str_c(code);
	out->ErrorMessage = message;
}

static bool entry_ok(struct call *c, const struct events_PutEventsRequestEntry *e, const struct json **detail,
                     struct events_PutEventsResultEntry *out)
{
	const struct { const char *name; struct str value; } needed[] = {{"Source", e->Source}, {"DetailType", e->DetailType}, {"Detail", e->Detail}};
	for (size_t i = 0; i < COUNT_OF(needed); i++)
		if (needed[i].value.n == 0) {
			refuse(out, "InvalidArgument", arena_printf(c->arena, "Parameter %s is not valid. Reason: %s is a required argument.",
				needed[i].name, needed[i].name));
			return false;
		}
	*detail = json_parse(c->arena, e->Detail, NULL);
	if (!json_is(*detail, JSON_OBJECT)) {
		refuse(out, "MalformedDetail", S("Detail is malformed."));
		return false;
	}
	if (str_starts(e->Source, S("aws.")) && c->who->type != PRINCIPAL_SERVICE) {
		refuse(out, "NotAuthorizedForSource", S("Not authorized for the source."));
		return false;
	}
	return true;
}

static struct json *entry_json(struct arena *a, const struct events_PutEventsRequestEntry *e, struct str bus)
{
	struct json *o = json_new_object(a), *resources = json_new_array(a), *all = json_new_array(a), *in = json_new_object(a);
	json_set_str(a, o, "Source", e->Source);
	json_set_str(a, o, "DetailType", e->DetailType);
	json_set_str(a, o, "Detail", e->Detail);
	json_set_str(a, o, "EventBusName", bus);
	if (e->Time.set)
		json_set(a, o, S("Time"), json_new_f64(a, (double)e->Time.ms / 1000));
	for (uint32_t i = 0; i < e->Resources.n; i++)
		json_push(a, resources, json_new_str(a, *LIST_AT(e->Resources, struct str, i)));
	json_set(a, o, S("Resources"), resources);
	json_push(a, all, o);
	json_set(a, in, S("Entries"), all);
	return in;
}

/* A bus of another account or region: the same operation there, which asks that bus's policy. false: c is parked. */
static bool put_elsewhere(struct call *c, const struct events_PutEventsRequestEntry *e, const struct bus_place *p,
                          struct events_PutEventsResultEntry *out)
{
	const struct invoke_options o = {.account = p->account, .region = p->region};
	struct invoked i = invoke(c, "events", "PutEvents", entry_json(c->arena, e, p->name), &o);
	if (!i.ok) {
		refuse(out, "AccessDeniedException", i.error.message);
		return !i.parked;
	}
	const struct json *entry = json_at(json_get(i.out, S("Entries")), 0);
	struct str id = json_get_str(entry, "EventId");
	if (str_present(id))
		out->EventId = id;
	else
		refuse(out, arena_cstr(c->arena, json_get_str(entry, "ErrorCode")), json_get_str(entry, "ErrorMessage"));
	return true;
}

/* false: c is parked. */
static bool put_entry(struct call *c, const struct events_PutEventsRequestEntry *e, struct events_PutEventsResultEntry *out)
{
	const struct json *detail;
	struct bus_place p;
	if (!entry_ok(c, e, &detail, out))
		return true;
	if (!place_of(c, e->EventBusName, &p)) {
		refuse(out, "InvalidArgument", S("Parameter EventBusName is not valid."));
		return true;
	}
	if (p.elsewhere)
		return put_elsewhere(c, e, &p, out);
	char uuid[37];
	random_uuid(uuid);
	out->EventId = arena_dup(c->arena, str_c(uuid));
	if (bus_get(c, p.name) != NULL) /* an event for a bus that is not there is taken, and lost, as on AWS */
		event_arrived(c, p.name, out->EventId, event_text(c, e, out->EventId, detail), 0, NULL);
	return true;
}

void op_put_events(struct call *c)
{
	const struct events_PutEventsRequest *in = c->in;
	struct events_PutEventsResponse *out = c->out;
	size_t bytes = 0;
	int64_t failed = 0;
	if (str_present(in->EndpointId)) {
		call_unsupported(c, "global endpoints (EndpointId) are not there");
		return;
	}
	for (uint32_t i = 0; i < in->Entries.n; i++)
		bytes += entry_bytes(LIST_AT(in->Entries, struct events_PutEventsRequestEntry, i));
	if (bytes > REQUEST_MAX_BYTES) {
		call_fail_code(c, 400, "ValidationException", "Total size of the entries in the request is over the limit.");
		return;
	}
	out->Entries = LIST_OF(c->arena, struct events_PutEventsResultEntry, in->Entries.n);
	for (uint32_t i = 0; i < in->Entries.n; i++) {
		struct events_PutEventsResultEntry *e = LIST_AT(out->Entries, struct events_PutEventsResultEntry, i);
		if (!put_entry(c, LIST_AT(in->Entries, struct events_PutEventsRequestEntry, i), e))
			return;
		failed += str_present(e->ErrorCode);
	}
	ASSERT(failed >= 0 && failed <= (int64_t)in->Entries.n);
	out->FailedEntryCount = SOME_I64(failed);
	count_metric(c, S("default"), STR_NONE, "PutEventsApproximateCallCount", 1);
	count_metric(c, S("default"), STR_NONE, "PutEventsEntriesCount", in->Entries.n);
	count_metric(c, S("default"), STR_NONE, "PutEventsFailedEntriesCount", (double)failed);
	count_metric(c, S("default"), STR_NONE, "PutEventsRequestSize", (double)bytes);
}
