/* Lifecycle: what expires, moves to another storage class, or was never completed, by the service clock.
 *
 * A bucket with rules has a job at every midnight (UTC), as S3 rounds to it. The job walks the bucket in steps of STEP
 * records, each step a transaction of its own that leaves the place where the next one goes on. Source: "Managing the
 * lifecycle of objects" (S3 User Guide), "PutBucketLifecycleConfiguration" (S3 API Reference). */
#include "s3.h"

#include "base/time.h"

enum { STEP = 500, RULES_MAX = 1000, DAY_MS = 86400000, MOVED_LEAST = 128 << 10 };

#define ALL_128K "all_storage_classes_128K"
#define VARIES "varies_by_storage_class"

static int64_t next_midnight(int64_t ms) { return (ms / DAY_MS + 1) * DAY_MS; }

/* When something of this age in days is due: rounded up to midnight. */
static int64_t due_at(int64_t from_ms, int64_t days)
{
	ASSERT(days >= 0 && days <= INT32_MAX); /* as the model bounds it, and rule_ok */
	return next_midnight(from_ms + days * DAY_MS - 1);
}

static bool size_fits(const struct s3_StoredObject *o, struct opt_i64 greater, struct opt_i64 less)
{
	return (!greater.set || o->Size.v > greater.v) && (!less.set || o->Size.v < less.v);
}

static bool rule_fits(const struct s3_LifecycleRule *r, const struct s3_StoredObject *o)
{
	const struct s3_LifecycleRuleFilter *f = r->Filter;
	if (!str_eq(r->Status, S("Enabled")) || (str_present(r->Prefix) && !str_starts(o->Key, r->Prefix)))
		return false;
	if (f == NULL)
		return true;
	if (str_present(f->Prefix) && !str_starts(o->Key, f->Prefix))
		return false;
	if ((f->Tag != NULL && !object_has_tag(o, f->Tag)) || !size_fits(o, f->ObjectSizeGreaterThan, f->ObjectSizeLessThan))
		return false;
	const struct s3_LifecycleRuleAndOperator *and = f->And;
	if (and == NULL)
		return true;
	for (uint32_t i = 0; i < and->Tags.n; i++)
		if (!object_has_tag(o, LIST_AT(and->Tags, struct s3_Tag, i)))
			return false;
	return (!str_present(and->Prefix) || str_starts(o->Key, and->Prefix)) && size_fits(o, and->ObjectSizeGreaterThan, and->ObjectSizeLessThan);
}

/* ---- what a rule does to a current version ---- */

static bool expires_now(const struct s3_LifecycleRule *r, const struct s3_StoredObject *o, int64_t now_ms)
{
	const struct s3_LifecycleExpiration *e = r->Expiration;
	if (e == NULL || o->Marker.v)
		return false;
	if (e->Date.set)
		return now_ms >= e->Date.ms;
	return e->Days.set && now_ms >= due_at(o->Modified.ms, e->Days.v);
}

/* A small object moves where the rule itself speaks of sizes, or the bucket lets it. Source: "Transitioning objects using Amazon S3
 * Lifecycle" (S3 User Guide), on the default minimum object size. */
static bool may_move(const struct s3_StoredBucket *b, const struct s3_LifecycleRule *r, const struct s3_StoredObject *o, struct str to)
{
	const struct s3_LifecycleRuleFilter *f = r->Filter;
	const struct s3_LifecycleRuleAndOperator *and = f != NULL ? f->And : NULL;
	bool sizes = f != NULL && (f->ObjectSizeGreaterThan.set || f->ObjectSizeLessThan.set);
	sizes |= and != NULL && (and->ObjectSizeGreaterThan.set || and->ObjectSizeLessThan.set);
	ASSERT(o->Size.set);
	return o->Size.v >= MOVED_LEAST || sizes || (b->SmallMove.v && (str_eq(to, S("GLACIER")) || str_eq(to, S("DEEP_ARCHIVE"))));
}

static struct str moves_to(const struct s3_StoredBucket *b, const struct s3_LifecycleRule *r, const struct s3_StoredObject *o, int64_t now_ms)
{
	struct str to = STR_NONE;
	int64_t longest = -1;
	for (uint32_t i = 0; i < r->Transitions.n; i++) {
		const struct s3_Transition *t = LIST_AT(r->Transitions, struct s3_Transition, i);
		int64_t days = t->Date.set ? 0 : t->Days.v;
		bool due = t->Date.set ? now_ms >= t->Date.ms : now_ms >= due_at(o->Modified.ms, days);
		if (due && days > longest && may_move(b, r, o, t->StorageClass)) {
			to = t->StorageClass;
			longest = days;
		}
	}
	return to;
}

static void apply_current(struct call *c, const struct s3_StoredBucket *b, struct s3_StoredObject *o)
{
	struct deletion d;
	ASSERT(b->Lifecycle != NULL && str_present(o->Key));
	for (uint32_t i = 0; i < b->Lifecycle->Rules.n; i++) {
		const struct s3_LifecycleRule *r = LIST_AT(b->Lifecycle->Rules, struct s3_LifecycleRule, i);
		if (!rule_fits(r, o) || !expires_now(r, o, c->now_ms))
			continue;
		struct s3_StoredBucket quiet = *b; /* its events have names of their own */
		quiet.Notification = NULL;
		quiet.Replication = NULL; /* what expires here does so there by its own rules */
		if (object_delete(c, &quiet, o->Key, STR_NONE, false, &d))
			notify(c, b, o, d.marker ? "s3:LifecycleExpiration:DeleteMarkerCreated" : "s3:LifecycleExpiration:Delete");
		return;
	}
	for (uint32_t i = 0; i < b->Lifecycle->Rules.n; i++) {
		const struct s3_LifecycleRule *r = LIST_AT(b->Lifecycle->Rules, struct s3_LifecycleRule, i);
		struct str to = rule_fits(r, o) ? moves_to(b, r, o, c->now_ms) : STR_NONE;
		if (!str_present(to) || str_eq(to, o->StorageClass))
			continue;
		o->StorageClass = to;
		object_update(c, b, o);
		notify(c, b, o, "s3:LifecycleTransition");
		return;
	}
}

/* ---- versions behind the current one ---- */

struct behind { struct str key; int64_t newer; int64_t became_ms; bool only; };

static bool remove_version(struct call *c, const struct s3_StoredBucket *b, struct s3_StoredObject *o)
{
	struct deletion d;
	struct s3_StoredBucket quiet = *b;
	quiet.Notification = NULL;
	if (locked(c, o, false)) {
		c->failed = false; /* it stays until the lock ends */
		c->error = (struct wire_error){0};
		return false;
	}
	if (!object_delete(c, &quiet, o->Key, str_present(o->Version) ? o->Version : S("null"), false, &d))
		return false;
	notify(c, b, o, "s3:LifecycleExpiration:Delete");
	return true;
}

/* A version is not current since the one before it (in the order of time: after it) was made. */
static void apply_behind(struct call *c, const struct s3_StoredBucket *b, struct s3_StoredObject *o, const struct behind *at)
{
	for (uint32_t i = 0; i < b->Lifecycle->Rules.n; i++) {
		const struct s3_LifecycleRule *r = LIST_AT(b->Lifecycle->Rules, struct s3_LifecycleRule, i);
		const struct s3_NoncurrentVersionExpiration *e = r->NoncurrentVersionExpiration;
		if (!rule_fits(r, o))
			continue;
		if (at->became_ms >= 0 && e != NULL && e->NoncurrentDays.set && c->now_ms >= due_at(at->became_ms, e->NoncurrentDays.v) &&
		    (!e->NewerNoncurrentVersions.set || at->newer >= e->NewerNoncurrentVersions.v)) {
			remove_version(c, b, o);
			return;
		}
		if (o->Marker.v && at->became_ms < 0 && at->only && r->Expiration != NULL &&
		    (r->Expiration->ExpiredObjectDeleteMarker.v || (r->Expiration->Days.set && c->now_ms >= due_at(o->Modified.ms, r->Expiration->Days.v)))) {
			remove_version(c, b, o);
			return;
		}
		for (uint32_t k = 0; k < r->NoncurrentVersionTransitions.n && at->became_ms >= 0 && !o->Marker.v; k++) {
			const struct s3_NoncurrentVersionTransition *t = LIST_AT(r->NoncurrentVersionTransitions, struct s3_NoncurrentVersionTransition, k);
			if (c->now_ms < due_at(at->became_ms, t->NoncurrentDays.v) || str_eq(o->StorageClass, t->StorageClass) ||
			    !may_move(b, r, o, t->StorageClass))
				continue;
			o->StorageClass = t->StorageClass;
			object_update(c, b, o);
		}
	}
}

/* All versions of one key. */
static void walk_key(struct call *c, const struct s3_StoredBucket *b, struct str name)
{
	struct str key, value;
	const struct s3_StoredObject *current = object_current(c, b->Name, name);
	struct behind at = {.key = name, .became_ms = current != NULL ? current->Modified.ms : -1};
	struct scan *s = versions_scan(c, b->Name, name);
	struct s3_StoredObject *o = scan_next(s, &key, &value) ? record_decode(c, &s3_shape_StoredObject, arena_dup(c->arena, value)) : NULL;
	while (o != NULL) {
		struct s3_StoredObject *next = scan_next(s, &key, &value) ? record_decode(c, &s3_shape_StoredObject, arena_dup(c->arena, value)) : NULL;
		ASSERT(str_eq(o->Key, name) && (next == NULL || next->Serial.v < o->Serial.v)); /* from the newest on */
		at.only = next == NULL;
		apply_behind(c, b, o, &at);
		at.newer += at.became_ms >= 0;
		at.became_ms = o->Modified.ms;
		o = next;
	}
	scan_close(s);
}

/* ---- uploads ---- */

/* A step of them, behind the record's key that `after` is in hex. Where the next one goes on; absent: that was all. */
static struct str abort_old(struct call *c, const struct s3_StoredBucket *b, struct str after)
{
	struct str key, value, last = STR_NONE;
	struct scan *s = call_scan(c, key_str(table(c, "upload"), b->Name), after.n > 0 ? hex_decode(c->arena, after) : STR_NONE, false);
	for (int n = 0; scan_next(s, &key, &value); n++) {
		if (n == STEP) {
			ASSERT(str_present(last));
			scan_close(s);
			return hex_encode(c->arena, last);
		}
		last = arena_dup(c->arena, key);
		const struct s3_StoredUpload *u = record_decode(c, &s3_shape_StoredUpload, arena_dup(c->arena, value));
		for (uint32_t i = 0; i < b->Lifecycle->Rules.n; i++) {
			const struct s3_LifecycleRule *r = LIST_AT(b->Lifecycle->Rules, struct s3_LifecycleRule, i);
			const struct s3_AbortIncompleteMultipartUpload *a = r->AbortIncompleteMultipartUpload;
			if (a == NULL || !rule_fits(r, u->Object) || c->now_ms < due_at(u->Initiated.ms, a->DaysAfterInitiation.v))
				continue;
			upload_abort(c, b->Name, u);
			break;
		}
	}
	scan_close(s);
	return STR_NONE;
}

/* ---- the job ---- */

/* Go on with a pass: when it began, in which table it is, behind which key. */
static void go_on(struct call *c, struct str bucket, int64_t began_ms, struct str name, struct str last)
{
	job_put(c, "lifecycle", bucket, c->now_ms, arena_printf(c->arena, "%lld\n%.*s\n%.*s", (long long)began_ms, STR_ARG(name), STR_ARG(last)));
}

/* One step of a pass; no payload: its first. The next pass is due at the midnight after this one began, for the clock may
 * have gone over several since, and what this one looked at before is not judged by the later time. */
void job_lifecycle(struct call *c, struct str id, struct str payload)
{
	const struct s3_StoredBucket *b = call_get(c, bucket_key(c, id), &s3_shape_StoredBucket);
	if (b == NULL || b->Lifecycle == NULL)
		return;
	int64_t began_ms = c->now_ms;
	struct str after = payload, name = S("object");
	if (payload.n > 0) {
		bool told = str_to_i64(str_cut(&after, '\n'), &began_ms);
		ASSERT(told);
		name = str_cut(&after, '\n');
	}
	if (str_eq(name, S("upload"))) {
		struct str next = abort_old(c, b, after);
		if (str_present(next))
			go_on(c, id, began_ms, name, next);
		else
			job_put(c, "lifecycle", id, next_midnight(began_ms), S(""));
		return;
	}
	bool objects = str_eq(name, S("object"));
	ASSERT(objects || str_eq(name, S("version"))); /* as go_on wrote it */
	struct key *prefix = key_str(table(c, objects ? "object" : "version"), b->Name);
	struct str start = after.n > 0 ? key_after(c->arena, key_bytes(key_str(key_str(table(c, objects ? "object" : "version"), b->Name), after)))
		: STR_NONE;
	struct scan *s = scan_open(c->txn, str_present(start) ? start : key_bytes(prefix), key_after(c->arena, key_bytes(prefix)), false);
	struct str key, value, last = STR_NONE;
	int n = 0;
	while (n < STEP && scan_next(s, &key, &value)) {
		struct s3_StoredObject *o = record_decode(c, &s3_shape_StoredObject, arena_dup(c->arena, value));
		if (str_present(last) && str_eq(last, o->Key))
			continue;
		last = o->Key;
		n++;
		if (objects)
			apply_current(c, b, o);
		else
			walk_key(c, b, o->Key);
	}
	scan_close(s);
	if (n == STEP) {
		go_on(c, id, began_ms, name, last);
	} else {
		go_on(c, id, began_ms, objects ? S("version") : S("upload"), S(""));
	}
}

/* ---- the configuration ---- */

void op_GetBucketLifecycleConfiguration(struct call *c)
{
	const struct s3_GetBucketLifecycleConfigurationRequest *in = c->in;
	struct s3_GetBucketLifecycleConfigurationOutput *out = c->out;
	const struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, "s3:GetLifecycleConfiguration");
	if (b == NULL)
		return;
	if (b->Lifecycle == NULL) {
		fail_not_set(c, "NoSuchLifecycleConfiguration", b->Name, "The lifecycle configuration does not exist");
		return;
	}
	out->Rules = b->Lifecycle->Rules;
	out->TransitionDefaultMinimumObjectSize = b->SmallMove.v ? S(VARIES) : S(ALL_128K);
}

static bool tags_differ(struct call *c, const struct s3_LifecycleRule *r)
{
	const struct list *tags = r->Filter != NULL && r->Filter->And != NULL ? &r->Filter->And->Tags : NULL;
	for (uint32_t i = 0; tags != NULL && i < tags->n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (str_eq(LIST_AT(*tags, struct s3_Tag, i)->Key, LIST_AT(*tags, struct s3_Tag, k)->Key)) {
				fail_request(c, "Duplicate Tag Keys are not allowed.");
				return false;
			}
	return true;
}

static bool rule_ok(struct call *c, const struct s3_LifecycleRule *r, const struct list *rules, uint32_t at)
{
	bool acts = r->Expiration != NULL || r->Transitions.n > 0 || r->NoncurrentVersionExpiration != NULL || r->NoncurrentVersionTransitions.n > 0 ||
	            r->AbortIncompleteMultipartUpload != NULL;
	if (!acts) {
		fail_request(c, "At least one action needs to be specified in a rule");
		return false;
	}
	if (r->ID.n > 255) {
		fail_argument(c, "ID length should not exceed allowed limit of 255");
		return false;
	}
	for (uint32_t i = 0; i < at; i++)
		if (str_present(r->ID) && str_eq(r->ID, LIST_AT(*rules, struct s3_LifecycleRule, i)->ID)) {
			fail_argument(c, "Rule ID must be unique. Found same ID for more than one rule");
			return false;
		}
	const struct s3_LifecycleExpiration *e = r->Expiration;
	if (e != NULL && e->Days.set + e->Date.set + e->ExpiredObjectDeleteMarker.set != 1) {
		fail_xml(c);
		return false;
	}
	if ((e != NULL && e->Days.set && e->Days.v <= 0) || (r->NoncurrentVersionExpiration != NULL &&
		r->NoncurrentVersionExpiration->NoncurrentDays.v <= 0)) {
		fail_argument(c, "'Days' for Expiration action must be a positive integer");
		return false;
	}
	if (e != NULL && e->Date.set && e->Date.ms % DAY_MS != 0) {
		fail_value(c, "Date", time_iso8601_ms(c->arena, e->Date.ms), "'Date' must be at midnight GMT");
		return false;
	}
	return tags_differ(c, r);
}

void op_PutBucketLifecycleConfiguration(struct call *c)
{
	const struct s3_PutBucketLifecycleConfigurationRequest *in = c->in;
	struct s3_PutBucketLifecycleConfigurationOutput *out = c->out;
	struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, "s3:PutLifecycleConfiguration");
	if (b == NULL || !body_digests_ok(c, true))
		return;
	struct s3_BucketLifecycleConfiguration *l = in->LifecycleConfiguration;
	struct str smallest = in->TransitionDefaultMinimumObjectSize;
	if (str_present(smallest) && !str_eq(smallest, S(VARIES)) && !str_eq(smallest, S(ALL_128K))) {
		fail_request(c, "Invalid TransitionDefaultMinimumObjectSize found: %.*s", STR_ARG(smallest));
		return;
	}
	if (l == NULL || l->Rules.n == 0 || l->Rules.n > RULES_MAX) {
		fail_xml(c);
		return;
	}
	for (uint32_t i = 0; i < l->Rules.n; i++) {
		struct s3_LifecycleRule *r = LIST_AT(l->Rules, struct s3_LifecycleRule, i);
		if (!rule_ok(c, r, &l->Rules, i) || !lifecycle_rule_ok(c, r))
			return;
		if (!str_present(r->ID) || r->ID.n == 0)
			r->ID = arena_printf(c->arena, "rule-%llu", (unsigned long long)call_serial(c, "rule"));
	}
	if (mfa_on(b)) {
		call_fail_code(c, 409, "InvalidBucketState", "Lifecycle configuration is not supported on a bucket with Mfa Authentication enabled.");
		return;
	}
	ASSERT(!c->failed && l->Rules.n > 0);
	b->Lifecycle = l;
	b->SmallMove = str_eq(smallest, S(VARIES)) ? SOME_BOOL(true) : (struct opt_bool){0};
	bucket_put(c, b);
	job_put(c, "lifecycle", b->Name, next_midnight(c->now_ms), S(""));
	out->TransitionDefaultMinimumObjectSize = b->SmallMove.v ? S(VARIES) : S(ALL_128K);
}

void op_DeleteBucketLifecycle(struct call *c)
{
	const struct s3_DeleteBucketLifecycleRequest *in = c->in;
	struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, "s3:PutLifecycleConfiguration");
	if (b == NULL)
		return;
	b->Lifecycle = NULL;
	bucket_put(c, b);
	job_drop(c, "lifecycle", b->Name);
}

/* x-amz-expiration: when the object goes, and by which rule; absent: it stays. */
bool expires_at(const struct s3_StoredBucket *b, const struct s3_StoredObject *o, int64_t *at_ms, struct str *id)
{
	int64_t first = INT64_MAX;
	struct str rule = STR_NONE;
	for (uint32_t i = 0; b->Lifecycle != NULL && i < b->Lifecycle->Rules.n; i++) {
		const struct s3_LifecycleRule *r = LIST_AT(b->Lifecycle->Rules, struct s3_LifecycleRule, i);
		const struct s3_LifecycleExpiration *e = r->Expiration;
		if (e == NULL || !rule_fits(r, o) || (!e->Days.set && !e->Date.set))
			continue;
		int64_t at = e->Date.set ? e->Date.ms : due_at(o->Modified.ms, e->Days.v);
		if (at < first) {
			first = at;
			rule = r->ID;
		}
	}
	ASSERT(str_present(rule) == (first != INT64_MAX)); /* each rule has been given an id */
	*at_ms = first;
	*id = rule;
	return str_present(rule);
}

struct str expiration_text(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o)
{
	int64_t first;
	struct str rule;
	if (!expires_at(b, o, &first, &rule))
		return STR_NONE;
	return arena_printf(c->arena, "expiry-date=\"%.*s\", rule-id=\"%.*s\"", STR_ARG(time_rfc1123(c->arena, first)), STR_ARG(rule));
}
