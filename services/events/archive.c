/* Archives: what comes to a bus and fits the archive's pattern is kept, for a number of days or for good.
 *
 * What always holds: an event is archived in the transaction that takes it, so none that was acknowledged is missing; events lie
 * below the archive's data number, so an archive that is deleted and made again starts empty; replayed events are not archived
 * again. Source: "Archiving and replaying events in Amazon EventBridge" (User Guide). */
#include "archive.h"

#include "svc/arn.h"
#include "svc/page.h"

enum { ARCHIVES_MAX = 100, SWEEP_AT_ONCE = 2000 };
#define DAY_MS ((int64_t)86400 * 1000)

static struct key *archive_key(struct call *c, struct str name) { return key_str(call_key(c, "archive"), name); }

/* The names of a bus's archives lie together, so that an event looks at no others. */
static struct key *of_bus_key(struct call *c, struct str bus) { return key_str(call_key(c, "archives"), bus); }

struct key *past_key(struct call *c, int64_t data) { return key_i64(call_key(c, "past"), data); }

struct str archive_arn(struct call *c, struct str name)
{
	return arn_make(c->arena, "events", c->region, c->account, arena_join(c->arena, S("archive/"), name));
}

struct events_ArchiveRecord *archive_find(struct call *c, struct str name)
{
	return call_get(c, archive_key(c, name), &events_shape_ArchiveRecord);
}

static struct events_ArchiveRecord *archive_need(struct call *c, struct str name)
{
	struct events_ArchiveRecord *a = archive_find(c, name);
	if (a == NULL)
		call_fail(c, &events_err_ResourceNotFoundException, "Archive %.*s does not exist.", STR_ARG(name));
	return a;
}

static void archive_put(struct call *c, const struct events_ArchiveRecord *a)
{
	ASSERT(str_present(a->Name) && str_present(a->Bus) && a->Data.v > 0 && a->Events.v >= 0 && a->Bytes.v >= 0);
	call_put(c, archive_key(c, a->Name), &events_shape_ArchiveRecord, a);
}

void access_archive(struct call *c)
{
	authorize(c, NULL, archive_arn(c, call_input_text(c, "ArchiveName")), NULL);
}

/* ---- events come in ---- */

void archives_take(struct call *c, struct str bus, struct str id, struct str text, const struct json *event)
{
	struct str key, value, why;
	struct scan *s = call_scan(c, of_bus_key(c, bus), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		struct events_ArchiveRecord *a = archive_find(c, arena_dup(c->arena, value));
		ASSERT(a != NULL); /* both lie in one transaction */
		const struct event_pattern *p = str_present(a->EventPattern) ? event_pattern_parse(c->arena, a->EventPattern, &why) : NULL;
		ASSERT(p != NULL || !str_present(a->EventPattern)); /* CreateArchive has let it in */
		if (p != NULL && !event_pattern_matches(p, event))
			continue;
		txn_put(c->txn, key_bytes(key_str(key_i64(past_key(c, a->Data.v), c->now_ms), id)), text);
		a->Events = SOME_I64(a->Events.v + 1);
		a->Bytes = SOME_I64(a->Bytes.v + (int64_t)text.n);
		archive_put(c, a);
	}
	scan_close(s);
}

/* Events up to a time, at most SWEEP_AT_ONCE; true: there are more. */
static bool sweep(struct call *c, int64_t data, int64_t before_ms, int64_t *events, int64_t *bytes)
{
	struct key *prefix = past_key(c, data);
	size_t skip = key_bytes(prefix).n, n = 0;
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	struct str key, value;
	bool more = false;
	while (scan_next(s, &key, &value)) {
		struct key_reader r = key_reader_of(str_slice(key, skip, key.n));
		int64_t ms;
		bool ok = key_read_i64(&r, &ms);
		ASSERT(ok);
		if (ms >= before_ms)
			break;
		more = n == SWEEP_AT_ONCE;
		if (more)
			break;
		n++;
		*bytes += (int64_t)value.n;
		txn_del(c->txn, key);
	}
	scan_close(s);
	*events += (int64_t)n;
	return more;
}

/* What a deleted archive has left. */
void job_forget(struct call *c, struct str id, struct str payload)
{
	int64_t data, events = 0, bytes = 0;
	bool ok = str_to_i64(id, &data);
	ASSERT(ok);
	if (sweep(c, data, INT64_MAX, &events, &bytes))
		job_put(c, "forget", id, c->now_ms, payload);
}

/* Daily: what is older than the archive keeps goes. */
void job_expire(struct call *c, struct str name, struct str payload)
{
	struct events_ArchiveRecord *a = archive_find(c, name);
	int64_t events = 0, bytes = 0;
	if (a == NULL || a->RetentionDays.v == 0)
		return;
	bool more = sweep(c, a->Data.v, c->now_ms - a->RetentionDays.v * DAY_MS, &events, &bytes);
	a->Events = SOME_I64(a->Events.v - events);
	a->Bytes = SOME_I64(a->Bytes.v - bytes);
	archive_put(c, a);
	job_put(c, "expire", name, more ? c->now_ms : c->now_ms + DAY_MS, payload);
}

/* ---- operations ---- */

static bool settings_ok(struct call *c, struct str pattern, struct str kms)
{
	struct str why;
	if (kms.n > 0)
		call_unsupported(c, "archives encrypted with a KMS key (KmsKeyIdentifier) are not there yet");
	else if (pattern.n > 0 && event_pattern_parse(c->arena, pattern, &why) == NULL)
		call_fail(c, &events_err_InvalidEventPatternException, "Event pattern is not valid. Reason: %.*s", STR_ARG(why));
	return !c->failed;
}

static void set_retention(struct call *c, struct events_ArchiveRecord *a, int64_t days)
{
	a->RetentionDays = SOME_I64(days);
	if (days > 0)
		job_put(c, "expire", a->Name, c->now_ms + DAY_MS, S(""));
	else
		job_drop(c, "expire", a->Name);
}

static size_t archives_count(struct call *c)
{
	size_t n = 0;
	struct str key, value;
	struct scan *s = call_scan(c, call_key(c, "archive"), STR_NONE, false);
	while (scan_next(s, &key, &value))
		n++;
	scan_close(s);
	return n;
}

void op_create_archive(struct call *c)
{
	const struct events_CreateArchiveRequest *in = c->in;
	struct events_CreateArchiveResponse *out = c->out;
	struct str bus = bus_named(c, in->EventSourceArn);
	if (c->failed || bus_need(c, bus) == NULL || !settings_ok(c, in->EventPattern, in->KmsKeyIdentifier))
		return;
	if (archive_find(c, in->ArchiveName) != NULL) {
		call_fail(c, &events_err_ResourceAlreadyExistsException, "Archive %.*s already exists.", STR_ARG(in->ArchiveName));
		return;
	}
	if (archives_count(c) >= ARCHIVES_MAX) {
		call_fail(c, &events_err_LimitExceededException, "The requested resource exceeds the maximum number allowed.");
		return;
	}
	struct events_ArchiveRecord a = {.Name = in->ArchiveName, .Bus = bus, .Description = in->Description,
		.EventPattern = in->EventPattern.n > 0 ? in->EventPattern : STR_NONE, .Data = SOME_I64((int64_t)call_serial(c, "archive")),
		.CreatedMs = SOME_I64(c->now_ms), .Events = SOME_I64(0), .Bytes = SOME_I64(0)};
	set_retention(c, &a, in->RetentionDays.v);
	archive_put(c, &a);
	txn_put(c->txn, key_bytes(key_str(of_bus_key(c, bus), a.Name)), a.Name);
	*out = (struct events_CreateArchiveResponse){.ArchiveArn = archive_arn(c, a.Name), .State = S("ENABLED"), .CreationTime = SOME_TIME(c->now_ms)};
}

void op_update_archive(struct call *c)
{
	const struct events_UpdateArchiveRequest *in = c->in;
	struct events_UpdateArchiveResponse *out = c->out;
	struct events_ArchiveRecord *a = archive_need(c, in->ArchiveName);
	if (a == NULL || !settings_ok(c, in->EventPattern, in->KmsKeyIdentifier))
		return;
	if (str_present(in->Description))
		a->Description = in->Description;
	if (str_present(in->EventPattern))
		a->EventPattern = in->EventPattern.n > 0 ? in->EventPattern : STR_NONE;
	if (in->RetentionDays.set)
		set_retention(c, a, in->RetentionDays.v);
	archive_put(c, a);
	*out = (struct events_UpdateArchiveResponse){.ArchiveArn = archive_arn(c, a->Name), .State = S("ENABLED"),
		.CreationTime = SOME_TIME(a->CreatedMs.v)};
}

void op_describe_archive(struct call *c)
{
	const struct events_DescribeArchiveRequest *in = c->in;
	const struct events_ArchiveRecord *a = archive_need(c, in->ArchiveName);
	if (a == NULL)
		return;
	*(struct events_DescribeArchiveResponse *)c->out = (struct events_DescribeArchiveResponse){
		.ArchiveArn = archive_arn(c, a->Name), .ArchiveName = a->Name, .EventSourceArn = bus_arn(c, a->Bus), .Description = a->Description,
		.EventPattern = a->EventPattern, .State = S("ENABLED"), .RetentionDays = a->RetentionDays, .SizeBytes = a->Bytes, .EventCount = a->Events,
		.CreationTime = SOME_TIME(a->CreatedMs.v)};
}

void op_delete_archive(struct call *c)
{
	const struct events_DeleteArchiveRequest *in = c->in;
	const struct events_ArchiveRecord *a = archive_need(c, in->ArchiveName);
	if (a == NULL)
		return;
	call_del(c, archive_key(c, a->Name));
	call_del(c, key_str(of_bus_key(c, a->Bus), a->Name));
	job_drop(c, "expire", a->Name);
	job_put(c, "forget", arena_printf(c->arena, "%lld", (long long)a->Data.v), c->now_ms, S(""));
}

bool one_filter(struct call *c, const char *op, struct str prefix, struct str source, struct str state)
{
	if (str_present(prefix) + str_present(source) + str_present(state) <= 1)
		return true;
	call_fail_code(c, 400, "ValidationException", "At most one filter is allowed for %s. Use either : State, EventSourceArn, or NamePrefix.", op);
	return false;
}

void op_list_archives(struct call *c)
{
	const struct events_ListArchivesRequest *in = c->in;
	struct events_ListArchivesResponse *out = c->out;
	struct str after, key, value;
	if (!one_filter(c, "ListArchives", in->NamePrefix, in->EventSourceArn, in->State))
		return;
	if (!page_position(c->arena, in->NextToken, &after)) {
		call_fail_code(c, 400, "ValidationException", "Parameter NextToken is not valid.");
		return;
	}
	uint32_t limit = in->Limit.set ? (uint32_t)in->Limit.v : 100, n = 0;
	struct events_Archive *v = arena_array(c->arena, struct events_Archive, limit);
	struct scan *s = call_scan(c, call_key(c, "archive"), after, false);
	while (scan_next(s, &key, &value)) {
		const struct events_ArchiveRecord *a = record_decode(c, &events_shape_ArchiveRecord, value);
		if ((str_present(in->NamePrefix) && !str_starts(a->Name, in->NamePrefix)) ||
		    (str_present(in->State) && !str_eq(in->State, S("ENABLED"))) ||
		    (str_present(in->EventSourceArn) && !str_eq(in->EventSourceArn, bus_arn(c, a->Bus))))
			continue;
		if (n == limit) {
			out->NextToken = page_token(c->arena, after);
			break;
		}
		after = arena_dup(c->arena, key);
		v[n++] = (struct events_Archive){.ArchiveName = a->Name, .EventSourceArn = bus_arn(c, a->Bus), .State = S("ENABLED"),
			.RetentionDays = a->RetentionDays, .SizeBytes = a->Bytes, .EventCount = a->Events, .CreationTime = SOME_TIME(a->CreatedMs.v)};
	}
	scan_close(s);
	ASSERT(n <= limit);
	out->Archives = (struct list){v, n, true};
}
