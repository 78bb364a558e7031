/* Objects and their versions.
 *
 * What always holds: the current version of a key is in "object" unless it is a delete marker; every other version and
 * every marker is in "version", newest first; a bucket that never had versioning has nothing in "version". Deleting the
 * newest brings the next one forward when it is not a marker.
 * Source: "Retaining multiple versions of objects with S3 Versioning" (S3 User Guide). */
#include "s3.h"

#include "os/os.h"

#include <stdio.h>

struct key *object_key(struct call *c, struct str bucket, struct str key) { return key_str(key_str(table(c, "object"), bucket), key); }

static struct key *versions_key(struct call *c, struct str bucket, struct str key) { return key_str(key_str(table(c, "version"), bucket), key); }

static struct key *version_key(struct call *c, struct str bucket, struct str key, int64_t serial)
{
	return key_u64(versions_key(c, bucket, key), ~(uint64_t)serial);
}

/* Read as a path, would it at some point be above where it begins? Source: "Naming Amazon S3 objects" (S3 User Guide). */
static bool leads_out(struct str key)
{
	int depth = 0;
	while (str_present(key)) {
		struct str one = str_cut(&key, '/');
		depth += str_eq(one, S("..")) ? -1 : one.n > 0 && !str_eq(one, S("."));
		if (depth < 0)
			return true;
	}
	return false;
}

bool key_ok(struct call *c, struct str key)
{
	if (key.n == 0 || key.n > KEY_MAX) {
		fail_with(c, 400, "KeyTooLongError", "Size", arena_printf(c->arena, "%zu", key.n), "Your key is too long");
		call_fail_more(c, "MaxSizeAllowed", arena_printf(c->arena, "%d", KEY_MAX));
		return false;
	}
	if (!utf8_valid(key)) {
		call_fail_code(c, 400, "InvalidURI", "Couldn't parse the specified URI.");
		return false;
	}
	if (str_find_str(key, S("..")) >= 0 && leads_out(key)) {
		call_fail_code(c, 400, "BadRequest", "Bad Request");
		return false;
	}
	return true;
}

struct s3_StoredObject *object_current(struct call *c, struct str bucket, struct str key)
{
	return call_get(c, object_key(c, bucket, key), &s3_shape_StoredObject);
}

struct scan *versions_scan(struct call *c, struct str bucket, struct str key)
{
	return call_scan(c, versions_key(c, bucket, key), STR_NONE, false);
}

static struct s3_StoredObject *scan_version(struct call *c, struct scan *s)
{
	struct str key, value;
	return scan_next(s, &key, &value) ? record_decode(c, &s3_shape_StoredObject, arena_dup(c->arena, value)) : NULL;
}

static struct s3_StoredObject *newest_behind(struct call *c, struct str bucket, struct str key)
{
	struct scan *s = versions_scan(c, bucket, key);
	struct s3_StoredObject *o = scan_version(c, s);
	scan_close(s);
	return o;
}

static bool is_version(const struct s3_StoredObject *o, struct str version)
{
	return str_present(o->Version) ? str_eq(o->Version, version) : str_eq(version, S("null"));
}

int64_t version_serial(struct call *c, struct str version)
{
	struct str raw = version.n == 32 ? hex_decode(c->arena, str_slice(version, 0, 16)) : STR_NONE;
	uint64_t serial = 0;
	for (size_t i = 0; i < raw.n; i++)
		serial = serial << 8 | (unsigned char)raw.p[i];
	return raw.n == 8 && serial <= INT64_MAX ? (int64_t)serial : -1;
}

/* Among those behind the current one. The serial is in the id, but for "null". */
static struct s3_StoredObject *find_behind(struct call *c, struct str bucket, struct str key, struct str version)
{
	if (!str_eq(version, S("null"))) {
		int64_t serial = version_serial(c, version);
		if (serial < 0)
			return NULL;
		struct s3_StoredObject *o = call_get(c, version_key(c, bucket, key, serial), &s3_shape_StoredObject);
		return o != NULL && is_version(o, version) ? o : NULL;
	}
	struct scan *s = versions_scan(c, bucket, key);
	struct s3_StoredObject *o;
	while ((o = scan_version(c, s)) != NULL && !is_version(o, version))
		;
	scan_close(s);
	return o;
}

static bool version_ok(struct str version)
{
	if (str_eq(version, S("null")))
		return true;
	for (size_t i = 0; i < version.n; i++)
		if (!((version.p[i] >= '0' && version.p[i] <= '9') || (version.p[i] >= 'a' && version.p[i] <= 'f')))
			return false;
	return version.n == 32;
}

static bool version_readable(struct call *c, struct str version)
{
	if (version_ok(version))
		return true;
	fail_value(c, "versionId", version, version.n == 0 ? "Version id cannot be the empty string" : "Invalid version id specified");
	return false;
}

struct s3_StoredObject *object_version(struct call *c, struct str bucket, struct str key, struct str version)
{
	struct s3_StoredObject *o = object_current(c, bucket, key);
	if (o != NULL && is_version(o, version))
		return o;
	return version_ok(version) ? find_behind(c, bucket, key, version) : NULL;
}

static void no_version(struct call *c, struct str key, struct str version)
{
	fail_with(c, 404, "NoSuchVersion", "Key", key, "The specified version does not exist.");
	call_fail_more(c, "VersionId", version);
}

void fail_marker(struct call *c, const struct s3_StoredObject *o)
{
	ASSERT(o->Marker.v);
	call_header(c, "x-amz-delete-marker", S("true"));
	call_header(c, "x-amz-version-id", str_present(o->Version) ? o->Version : S("null"));
	call_header(c, "Allow", S("DELETE"));
	fail_method(c, "DeleteMarker");
}

struct s3_StoredObject *object_find(struct call *c, const struct s3_StoredBucket *b, struct str key, struct str version)
{
	struct s3_StoredObject *o = object_current(c, b->Name, key);
	if (str_present(version)) {
		if (!version_readable(c, version))
			return NULL;
		if (o == NULL || !is_version(o, version))
			o = find_behind(c, b->Name, key, version);
		if (o == NULL)
			no_version(c, key, version);
		else
			note_labels(c, o);
		return o;
	}
	if (o == NULL && bucket_versioned(b))
		o = newest_behind(c, b->Name, key); /* a marker */
	if (o == NULL && !may(c, b, STR_NONE, "s3:ListBucket", &b->Grants, ACL_READ))
		fail_denied(c);
	if (o == NULL)
		fail_no_key(c, key);
	else
		note_labels(c, o);
	return o;
}

struct str version_shown(const struct s3_StoredBucket *b, const struct s3_StoredObject *o)
{
	return str_present(o->Version) ? o->Version : bucket_versioned(b) ? S("null") : STR_NONE;
}

static void put_behind(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o)
{
	ASSERT(o->Serial.set);
	call_put(c, version_key(c, b->Name, o->Key, o->Serial.v), &s3_shape_StoredObject, o);
}

void object_update(struct call *c, const struct s3_StoredBucket *b, struct s3_StoredObject *o)
{
	ASSERT(o->Serial.set && o->Key.n > 0);
	const struct s3_StoredObject *current = object_current(c, b->Name, o->Key);
	if (current != NULL && current->Serial.v == o->Serial.v)
		call_put(c, object_key(c, b->Name, o->Key), &s3_shape_StoredObject, o);
	else
		put_behind(c, b, o);
}

static struct str new_version(struct call *c, int64_t serial)
{
	char random[17];
	random_hex(random, 16);
	return arena_printf(c->arena, "%016llx%.16s", (unsigned long long)serial, random);
}

/* Remove the null version, wherever it is. */
static void drop_null(struct call *c, const struct s3_StoredBucket *b, struct str key)
{
	ASSERT(bucket_versioned(b));
	struct s3_StoredObject *o = find_behind(c, b->Name, key, S("null"));
	if (o == NULL)
		return;
	object_drop_data(c, o);
	call_del(c, version_key(c, b->Name, key, o->Serial.v));
}

/* Make room for a new current version or marker; says which version id it gets. */
static struct str make_room(struct call *c, const struct s3_StoredBucket *b, struct str key, int64_t serial)
{
	struct s3_StoredObject *current = object_current(c, b->Name, key);
	bool enabled = str_eq(b->Versioning, S("Enabled"));
	if (current != NULL)
		note_labels(c, current); /* of a delete; a new object brings its own */
	if (current != NULL && (enabled || (bucket_versioned(b) && str_present(current->Version))))
		put_behind(c, b, current);
	else if (current != NULL)
		object_drop_data(c, current);
	if (bucket_versioned(b) && !enabled)
		drop_null(c, b, key);
	return enabled ? new_version(c, serial) : STR_NONE;
}

void object_add(struct call *c, const struct s3_StoredBucket *b, struct s3_StoredObject *o)
{
	ASSERT(str_present(o->Key) && !o->Marker.v);
	o->Serial = SOME_I64((int64_t)call_serial(c, "version"));
	o->Version = make_room(c, b, o->Key, o->Serial.v);
	replicate_new(c, b, o);
	note_labels(c, o);
	call_put(c, object_key(c, b->Name, o->Key), &s3_shape_StoredObject, o);
}

void object_add_replica(struct call *c, const struct s3_StoredBucket *b, struct s3_StoredObject *o)
{
	ASSERT(o->Serial.set && str_present(o->Version) && bucket_versioned(b));
	const struct s3_StoredObject *current = object_current(c, b->Name, o->Key);
	const struct s3_StoredObject *newest = current != NULL ? current : newest_behind(c, b->Name, o->Key);
	bool newer = newest == NULL || newest->Serial.v < o->Serial.v;
	ASSERT(newest == NULL || newest->Serial.v != o->Serial.v);
	if (newer && current != NULL) {
		put_behind(c, b, current);
		call_del(c, object_key(c, b->Name, o->Key));
	}
	if (newer && !o->Marker.v)
		call_put(c, object_key(c, b->Name, o->Key), &s3_shape_StoredObject, o);
	else
		put_behind(c, b, o);
}

struct s3_StoredObject *object_deliver(struct call *c, const struct s3_StoredBucket *b, struct str key, struct str type, const struct body *body,
                                       const struct list *grants)
{
	static const struct sse_key ours = {0};
	struct s3_StoredObject *o = arena_new_of(c->arena, struct s3_StoredObject);
	ASSERT(key.n > 0 && key.n <= KEY_MAX);
	o->Key = key;
	o->ContentType = type;
	o->Account = b->Account;
	o->Modified = SOME_TIME(c->now_ms);
	if (grants != NULL && grants->n > 0 && !acls_off(b))
		o->Grants = *grants;
	o->Part = data_keep(c, body, &ours);
	o->Size = o->Part->Size;
	o->Tag = o->Part->Digest;
	o->SumType = S("FULL_OBJECT");
	sum_of_body(c, body, &o->SumKind, &o->Sum);
	object_add(c, b, o);
	notify(c, b, o, "s3:ObjectCreated:Put");
	return o;
}

bool object_has_tag(const struct s3_StoredObject *o, const struct s3_Tag *t)
{
	for (uint32_t i = 0; i < o->Labels.n; i++) {
		const struct s3_Tag *own = LIST_AT(o->Labels, struct s3_Tag, i);
		if (str_eq(own->Key, t->Key) && str_eq(own->Value, t->Value))
			return true;
	}
	return false;
}

/* ---- deleting ---- */

bool locked(struct call *c, const struct s3_StoredObject *o, bool bypass)
{
	bool held = str_eq(o->Hold, S("ON"));
	bool kept = o->LockUntil.set && o->LockUntil.ms > c->now_ms && !(bypass && str_eq(o->LockMode, S("GOVERNANCE")));
	if (!held && !kept)
		return false;
	call_fail_code(c, 403, "AccessDenied", "Access Denied because object protected by object lock.");
	return true;
}

static void add_marker(struct call *c, const struct s3_StoredBucket *b, struct str key, struct deletion *out)
{
	ASSERT(bucket_versioned(b) && !out->done);
	struct s3_StoredObject *m = arena_new_of(c->arena, struct s3_StoredObject);
	m->Key = key;
	m->Marker = SOME_BOOL(true);
	m->Modified = SOME_TIME(c->now_ms);
	m->Account = c->account;
	m->Serial = SOME_I64((int64_t)call_serial(c, "version"));
	m->Version = make_room(c, b, key, m->Serial.v);
	call_del(c, object_key(c, b->Name, key));
	replicate_new(c, b, m);
	put_behind(c, b, m);
	out->marker = out->done = true;
	out->version = str_present(m->Version) ? m->Version : S("null");
	notify(c, b, m, "s3:ObjectRemoved:DeleteMarkerCreated");
}

static void bring_forward(struct call *c, const struct s3_StoredBucket *b, struct str key)
{
	struct s3_StoredObject *o = newest_behind(c, b->Name, key);
	if (o == NULL || o->Marker.v)
		return;
	call_del(c, version_key(c, b->Name, key, o->Serial.v));
	call_put(c, object_key(c, b->Name, key), &s3_shape_StoredObject, o);
}

static bool delete_version(struct call *c, const struct s3_StoredBucket *b, struct str key, struct str version, bool bypass, struct deletion *out)
{
	struct s3_StoredObject *o = object_current(c, b->Name, key);
	bool current = o != NULL && is_version(o, version);
	if (!version_readable(c, version))
		return false;
	if (!current)
		o = find_behind(c, b->Name, key, version);
	out->version = version;
	if (o == NULL)
		return true; /* what is not there is deleted */
	if (locked(c, o, bypass))
		return false;
	ASSERT(o->Serial.set && is_version(o, version));
	out->marker = o->Marker.v;
	out->done = true;
	object_drop_data(c, o);
	call_del(c, current ? object_key(c, b->Name, key) : version_key(c, b->Name, key, o->Serial.v));
	if (bucket_versioned(b) && (current || object_current(c, b->Name, key) == NULL))
		bring_forward(c, b, key);
	if (!o->Marker.v)
		notify(c, b, o, "s3:ObjectRemoved:Delete");
	return true;
}

bool object_delete(struct call *c, const struct s3_StoredBucket *b, struct str key, struct str version, bool bypass, struct deletion *out)
{
	*out = (struct deletion){0};
	if (str_present(version))
		return delete_version(c, b, key, version, bypass, out);
	if (bucket_versioned(b)) {
		add_marker(c, b, key, out);
		return true;
	}
	struct s3_StoredObject *o = object_current(c, b->Name, key);
	if (o == NULL)
		return true;
	note_labels(c, o);
	object_drop_data(c, o);
	call_del(c, object_key(c, b->Name, key));
	out->done = true;
	notify(c, b, o, "s3:ObjectRemoved:Delete");
	return true;
}

/* ---- entity tags ---- */

struct str etag_quoted(struct call *c, struct str etag) { return str_present(etag) ? arena_join(c->arena, S("\""), etag, S("\"")) : STR_NONE; }

struct str etag_bare(struct str s)
{
	s = str_trim(s);
	if (str_starts(s, S("W/")))
		s = str_slice(s, 2, s.n);
	if (str_starts(s, S("\""))) /* one of the two is taken for both */
		s = str_slice(s, 1, s.n);
	return str_ends(s, S("\"")) ? str_slice(s, 0, s.n - 1) : s;
}

bool etag_matches(struct str header, struct str etag)
{
	while (str_present(header)) {
		struct str one = etag_bare(str_cut(&header, ','));
		if (str_eq(one, S("*")) || str_eq(one, etag))
			return true;
	}
	return false;
}

/* If-Match of a write or a delete, against the current version; who writes must be able to read what he compares with. Source: "Conditional
 * writes", "Conditional deletes" (S3 User Guide). */
static bool match_condition(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, struct str key, struct str if_match)
{
	if (o == NULL) {
		fail_no_key(c, key);
		return false;
	}
	if (!str_eq(str_trim(if_match), S("*")) && !allow_object(c, b, o, "s3:GetObject", ACL_READ))
		return false;
	if (etag_matches(if_match, o->Tag))
		return true;
	fail_condition(c, "If-Match");
	return false;
}

bool delete_condition(struct call *c, const struct s3_StoredBucket *b, struct str key, struct str if_match)
{
	return !str_present(if_match) || match_condition(c, b, object_current(c, b->Name, key), key, if_match);
}

/* What a write cannot be asked for. */
static bool conditions_known(struct call *c, struct str if_match, struct str if_none_match)
{
	bool both = str_present(if_match) && str_present(if_none_match);
	const char *header = both ? "If-Match,If-None-Match" : str_present(if_none_match) ? "If-None-Match" : "If-Match";
	if (!both && (str_present(if_match) ? !str_eq(str_trim(if_match), S("*")) : str_eq(str_trim(if_none_match), S("*"))))
		return true;
	fail_with(c, 501, "NotImplemented", "Header", str_c(header), "A header you provided implies functionality that is not implemented");
	call_fail_more(c, "additionalMessage", both ? S("Multiple conditional request headers present in the request") :
		arena_printf(c->arena, "We don't accept the provided value of %s header for this API", header));
	return false;
}

bool write_conditions(struct call *c, const struct s3_StoredBucket *b, struct str key, struct str if_match, struct str if_none_match)
{
	if (!str_present(if_match) && !str_present(if_none_match))
		return true;
	if (!conditions_known(c, if_match, if_none_match))
		return false;
	const struct s3_StoredObject *o = object_current(c, b->Name, key);
	if (str_present(if_match))
		return match_condition(c, b, o, key, if_match);
	if (o != NULL)
		fail_condition(c, "If-None-Match");
	return !c->failed;
}
