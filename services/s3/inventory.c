/* Inventories: what is in a bucket, as CSV in another one, every day or every Sunday at midnight (UTC) by the service clock.
 *
 * The job walks the bucket in steps of STEP records, each a transaction of its own that delivers one gzip'ed data file and
 * leaves in the next step's payload where to go on and which files there are; the last one delivers the manifest. Like
 * AWS's it is a list of what was there while it was made. Source: "Cataloging and analyzing your data with S3 Inventory"
 * (S3 User Guide), PutBucketInventoryConfiguration (S3 API Reference). */
#include "configs.h"

#include "base/time.h"
#include "os/os.h"
#include "telemetry/log.h"

#include <libdeflate.h>
#include <stdlib.h>

enum { STEP = 2000, DAY_MS = 86400000, GZIP_LEVEL = 6, FILE_MAX = 32 << 20 };

/* ---- columns ---- */

static const char *const optional[] = {"Size", "LastModifiedDate", "ETag", "StorageClass", "IsMultipartUploaded", "ReplicationStatus",
	"EncryptionStatus", "ObjectLockRetainUntilDate", "ObjectLockMode", "ObjectLockLegalHoldStatus", "IntelligentTieringAccessTier",
	"BucketKeyStatus", "ChecksumAlgorithm", "ObjectOwner", "ObjectAccessControlList", "LifecycleExpirationDate"};

static bool known_field(struct str name)
{
	for (size_t i = 0; i < COUNT_OF(optional); i++)
		if (str_eq(name, str_c(optional[i])))
			return true;
	return false;
}

static void cell(struct buf *b, struct str s)
{
	if (b->n > 0 && b->p[b->n - 1] != '\n')
		buf_putc(b, ',');
	buf_putc(b, '"');
	for (size_t i = 0; str_present(s) && i < s.n; i++) {
		if (s.p[i] == '"')
			buf_putc(b, '"');
		buf_putc(b, s.p[i]);
	}
	buf_putc(b, '"');
}

static struct str time_cell(struct call *c, struct opt_time t) { return t.set ? time_iso8601_ms(c->arena, t.ms) : S(""); }
static struct str yes_no(bool b) { return b ? S("true") : S("false"); }

/* The grants as JSON in base64. Source: "Working with the Object ACL field" (S3 User Guide). */
static struct str acl_cell(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o)
{
	struct arena *a = c->arena;
	struct json *root = json_new_object(a), *list;
	struct list grants = o->Grants.n > 0 && !acls_off(b) ? o->Grants : owner_grants(c, o->Account);
	json_set_str(a, root, "version", S("2022-11-10"));
	json_set_str(a, root, "status", S("AVAILABLE"));
	list = json_set(a, root, S("grants"), json_new_array(a));
	for (uint32_t i = 0; i < grants.n; i++) {
		const struct s3_Grant *g = LIST_AT(grants, struct s3_Grant, i);
		struct json *one = json_push(a, list, json_new_object(a));
		ASSERT(g->Grantee != NULL);
		if (str_present(g->Grantee->ID))
			json_set_str(a, one, "canonicalId", g->Grantee->ID);
		else
			json_set_str(a, one, "uri", g->Grantee->URI);
		json_set_str(a, one, "type", g->Grantee->Type);
		json_set_str(a, one, "permission", g->Permission);
	}
	return base64_encode(a, json_text(a, root));
}

static struct str expiration_cell(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, bool latest)
{
	int64_t at;
	struct str rule;
	return latest && expires_at(b, o, &at, &rule) ? time_iso8601_ms(c->arena, at) : S("");
}

static struct str field_of(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, struct str name, bool latest)
{
	bool tiered = str_eq(o->StorageClass, S("INTELLIGENT_TIERING"));
	if (o->Marker.v && !str_eq(name, S("LastModifiedDate")) && !str_eq(name, S("ReplicationStatus")) && !str_eq(name, S("ObjectOwner")))
		return S("");
	if (str_eq(name, S("Size")))
		return arena_printf(c->arena, "%lld", (long long)o->Size.v);
	if (str_eq(name, S("LastModifiedDate")))
		return time_cell(c, o->Modified);
	if (str_eq(name, S("ETag")))
		return o->Tag;
	if (str_eq(name, S("StorageClass")))
		return str_present(o->StorageClass) ? o->StorageClass : S("STANDARD");
	if (str_eq(name, S("IsMultipartUploaded")))
		return yes_no(o->PartsCount.set);
	if (str_eq(name, S("ReplicationStatus")))
		return o->ReplicationStatus;
	if (str_eq(name, S("EncryptionStatus")))
		return str_present(o->CustomerKey) ? S("SSE-C") : o->Kms == NULL ? S("SSE-S3") : o->Kms->Twice.v ? S("DSSE-KMS") : S("SSE-KMS");
	if (str_eq(name, S("ObjectLockRetainUntilDate")))
		return time_cell(c, o->LockUntil);
	if (str_eq(name, S("ObjectLockMode")))
		return o->LockMode;
	if (str_eq(name, S("ObjectLockLegalHoldStatus")))
		return o->Hold;
	if (str_eq(name, S("IntelligentTieringAccessTier")))
		return tiered ? S("FREQUENT") : S("");
	if (str_eq(name, S("BucketKeyStatus")))
		return o->Kms != NULL && o->Kms->BucketKey.v ? S("ENABLED") : S("DISABLED");
	if (str_eq(name, S("ChecksumAlgorithm")))
		return o->SumKind;
	if (str_eq(name, S("ObjectAccessControlList")))
		return acl_cell(c, b, o);
	if (str_eq(name, S("LifecycleExpirationDate")))
		return expiration_cell(c, b, o, latest);
	return str_eq(name, S("ObjectOwner")) ? canonical_id(c, o->Account) : S("");
}

static void row(struct call *c, struct buf *b, const struct s3_StoredBucket *from, const struct s3_InventoryConfiguration *i,
                const struct s3_StoredObject *o, bool latest)
{
	cell(b, from->Name);
	cell(b, uri_encode(c->arena, o->Key, true));
	if (str_eq(i->IncludedObjectVersions, S("All"))) {
		cell(b, str_present(o->Version) ? o->Version : S(""));
		cell(b, yes_no(latest));
		cell(b, yes_no(o->Marker.v));
	}
	for (uint32_t k = 0; k < i->OptionalFields.n; k++)
		cell(b, field_of(c, from, o, *LIST_AT(i->OptionalFields, struct str, k), latest));
	buf_putc(b, '\n');
}

static struct str schema(struct call *c, const struct s3_InventoryConfiguration *i)
{
	struct buf b;
	buf_init(&b, c->arena, 0);
	buf_lit(&b, "Bucket, Key");
	if (str_eq(i->IncludedObjectVersions, S("All")))
		buf_lit(&b, ", VersionId, IsLatest, IsDeleteMarker");
	for (uint32_t k = 0; k < i->OptionalFields.n; k++) {
		buf_lit(&b, ", ");
		buf_str(&b, *LIST_AT(i->OptionalFields, struct str, k));
	}
	return buf_view(&b);
}

/* ---- delivering ---- */

struct making {
	const struct s3_StoredBucket *from, *to;
	const struct s3_InventoryConfiguration *config;
	struct json *state;   /* {"table", "after", "started", "files": [{"key", "size", "MD5checksum"}]} */
	struct str id;
};

static struct str prefix_of(struct call *c, const struct making *m)
{
	struct str p = m->config->Destination->S3BucketDestination->Prefix;
	return arena_join(c->arena, str_present(p) && p.n > 0 ? arena_join(c->arena, p, S("/")) : S(""), m->from->Name, S("/"), m->config->Id, S("/"));
}

static bool deliver(struct call *c, const struct making *m, struct str key, const char *type, struct str bytes)
{
	struct principal *who = arena_new_of(c->arena, struct principal);
	const struct principal *service = c->who;
	*who = *service_principal(c, "s3.amazonaws.com", arena_join(c->arena, S("arn:aws:s3:::"), m->from->Name));
	who->source_account = m->from->Account; /* a bucket's ARN names no account */
	c->who = who;
	bool allowed = key.n <= KEY_MAX && may(c, m->to, key, "s3:PutObject", &m->to->Grants, ACL_NONE);
	c->who = service;
	if (!allowed) {
		log_warn("inventory of bucket %.*s: %.*s does not take it", STR_ARG(m->from->Name), STR_ARG(m->to->Name));
		return false;
	}
	const struct body body = {.bytes = bytes, .length = (int64_t)bytes.n};
	object_deliver(c, m->to, key, str_c(type), &body, NULL);
	return true;
}

static struct str gzipped(struct call *c, struct str plain)
{
	struct libdeflate_compressor *z = libdeflate_alloc_compressor(GZIP_LEVEL);
	if (z == NULL)
		die("out of memory");
	size_t most = libdeflate_gzip_compress_bound(z, plain.n);
	char *out = arena_bytes(c->arena, most);
	size_t n = libdeflate_gzip_compress(z, plain.p, plain.n, out, most);
	libdeflate_free_compressor(z);
	ASSERT(n > 0 && n <= most);
	return str_of(out, n);
}

static bool deliver_file(struct call *c, const struct making *m, struct str csv)
{
	char uuid[37];
	random_uuid(uuid);
	struct str packed = gzipped(c, csv), key = arena_join(c->arena, prefix_of(c, m), S("data/"), str_of(uuid, 36), S(".csv.gz"));
	if (!deliver(c, m, key, "application/octet-stream", packed))
		return false;
	struct json *file = json_push(c->arena, json_get(m->state, S("files")), json_new_object(c->arena));
	json_set_str(c->arena, file, "key", key);
	json_set_i64(c->arena, file, "size", (int64_t)packed.n);
	json_set_str(c->arena, file, "MD5checksum", md5_hex(c->arena, packed));
	return true;
}

static bool deliver_manifest(struct call *c, const struct making *m)
{
	struct arena *a = c->arena;
	int64_t started = json_get_i64(m->state, "started", c->now_ms);
	struct civil t = civil_of(started);
	struct str at = arena_printf(a, "%04d-%02d-%02dT%02d-%02dZ", t.year, t.month, t.day, t.hour, t.minute), prefix = prefix_of(c, m);
	struct json *j = json_new_object(a);
	const struct json *files = json_get(m->state, S("files"));
	json_set_str(a, j, "sourceBucket", m->from->Name);
	json_set_str(a, j, "destinationBucket", arena_join(a, S("arn:aws:s3:::"), m->to->Name));
	json_set_str(a, j, "version", S("2016-11-30"));
	json_set_str(a, j, "creationTimestamp", arena_printf(a, "%lld", (long long)started));
	json_set_str(a, j, "fileFormat", S("CSV"));
	json_set_str(a, j, "fileSchema", schema(c, m->config));
	json_set(a, j, S("files"), files);
	struct str text = json_text_pretty(a, j);
	struct buf links;
	buf_init(&links, a, 0);
	for (uint32_t i = 0; i < files->n; i++)
		buf_printf(&links, "%ss3://%.*s/%.*s", i > 0 ? "\n" : "", STR_ARG(m->to->Name), STR_ARG(json_get_str(&files->items[i], "key")));
	struct str hive = arena_printf(a, "%.*shive/dt=%04d-%02d-%02d-%02d-%02d/symlink.txt", STR_ARG(prefix), t.year, t.month, t.day, t.hour, t.minute);
	return deliver(c, m, hive, "text/plain", buf_view(&links)) &&
	       deliver(c, m, arena_join(a, prefix, at, S("/manifest.json")), "application/json", text) &&
	       deliver(c, m, arena_join(a, prefix, at, S("/manifest.checksum")), "text/plain", md5_hex(a, text));
}

/* ---- the job ---- */

static int64_t next_due(const struct s3_InventoryConfiguration *i, int64_t now_ms)
{
	int64_t due = (now_ms / DAY_MS + 1) * DAY_MS;
	while (str_eq(i->Schedule->Frequency, S("Weekly")) && civil_of(due).weekday != 0)
		due += DAY_MS;
	return due;
}

/* Up to STEP records of the state's table into csv; true: the table has come to its end. */
static bool walk(struct call *c, const struct making *m, struct buf *csv)
{
	struct str name = json_get_str(m->state, "table"), after = json_get_str(m->state, "after"), key, value, last = STR_NONE, seen = STR_NONE;
	const struct s3_InventoryFilter *f = m->config->Filter;
	bool objects = str_eq(name, S("object"));
	struct key *prefix = key_str(table(c, objects ? "object" : "version"), m->from->Name);
	struct str start = str_present(after) && after.n > 0 ? hex_decode(c->arena, after) : STR_NONE;
	struct scan *s = call_scan(c, prefix, start, false);
	int n = 0;
	while (n < STEP && scan_next(s, &key, &value)) {
		const struct s3_StoredObject *o = record_decode(c, &s3_shape_StoredObject, arena_dup(c->arena, value));
		last = arena_dup(c->arena, key);
		n++;
		bool first = !str_present(seen) || !str_eq(seen, o->Key);
		seen = o->Key;
		if (f == NULL || str_starts(o->Key, f->Prefix))
			row(c, csv, m->from, m->config, o, objects || (first && o->Marker.v && object_current(c, m->from->Name, o->Key) == NULL));
	}
	scan_close(s);
	if (n == STEP)
		json_set_str(c->arena, m->state, "after", hex_encode(c->arena, last));
	return n < STEP;
}

static struct json *fresh_state(struct call *c)
{
	struct json *s = json_new_object(c->arena);
	json_set_str(c->arena, s, "table", S("object"));
	json_set_str(c->arena, s, "after", S(""));
	json_set_i64(c->arena, s, "started", c->now_ms);
	json_set(c->arena, s, S("files"), json_new_array(c->arena));
	return s;
}

/* One step. false: nothing more of this report. */
static bool step(struct call *c, const struct making *m)
{
	struct buf csv;
	buf_init(&csv, c->arena, FILE_MAX);
	bool ended = walk(c, m, &csv), all = str_eq(m->config->IncludedObjectVersions, S("All"));
	ASSERT(!csv.overflow);
	if (csv.n > 0 && !deliver_file(c, m, buf_view(&csv)))
		return false;
	if (!ended)
		return true;
	if (all && str_eq(json_get_str(m->state, "table"), S("object"))) {
		json_set_str(c->arena, m->state, "table", S("version"));
		json_set_str(c->arena, m->state, "after", S(""));
		return true;
	}
	(void)deliver_manifest(c, m);
	return false;
}

/* id: "<bucket>/<configuration>"; payload: the state, "" at the start of a report. */
void job_inventory(struct call *c, struct str id, struct str payload)
{
	struct str config = id, bucket = str_cut(&config, '/');
	struct making m = {.from = call_get(c, bucket_key(c, bucket), &s3_shape_StoredBucket), .id = id};
	m.config = m.from != NULL ? call_get(c, config_key(c, bucket, "inventory", config), &s3_shape_InventoryConfiguration) : NULL;
	if (m.config == NULL || !m.config->IsEnabled.v)
		return;
	struct str arn = m.config->Destination->S3BucketDestination->Bucket;
	m.to = call_get(c, bucket_key(c, str_slice(arn, sizeof "arn:aws:s3:::" - 1, arn.n)), &s3_shape_StoredBucket);
	m.state = payload.n > 0 ? json_parse(c->arena, payload, NULL) : fresh_state(c);
	ASSERT(m.state != NULL);
	if (m.to != NULL && step(c, &m))
		job_put(c, "inventory", id, c->now_ms, json_text(c->arena, m.state));
	else
		job_put(c, "inventory", id, next_due(m.config, c->now_ms), S(""));
}

/* ---- the configuration ---- */

bool inventory_ok(struct call *c, const struct s3_StoredBucket *b, struct s3_InventoryConfiguration *i)
{
	const struct s3_InventoryS3BucketDestination *d = i->Destination->S3BucketDestination;
	if (!str_eq(d->Format, S("CSV"))) {
		call_unsupported(c, "tsubo writes inventories as CSV only, not as %.*s", STR_ARG(d->Format));
		return false;
	}
	if (d->Encryption != NULL && d->Encryption->SSEKMS != NULL) {
		call_unsupported(c, "tsubo does not encrypt inventories with KMS keys");
		return false;
	}
	for (uint32_t k = 0; k < i->OptionalFields.n; k++)
		if (!known_field(*LIST_AT(i->OptionalFields, struct str, k))) {
			call_unsupported(c, "tsubo's inventories do not have the field %.*s", STR_ARG(*LIST_AT(i->OptionalFields, struct str, k)));
			return false;
		}
	if (!str_starts(d->Bucket, S("arn:aws:s3:::"))) {
		call_fail_code(c, 400, "InvalidS3DestinationBucket", "Invalid bucket ARN.");
		return false;
	}
	const struct s3_StoredBucket *to = call_get(c, bucket_key(c, str_slice(d->Bucket, sizeof "arn:aws:s3:::" - 1, d->Bucket.n)),
		&s3_shape_StoredBucket);
	if (to == NULL || (str_present(d->AccountId) && !str_eq(d->AccountId, to->Account)) || !str_eq(to->Region, b->Region)) {
		call_fail_code(c, 400, "InvalidS3DestinationBucket", to == NULL ? "The specified destination bucket does not exist" :
			"The destination bucket must be owned by the account that is named, and be in the Region of the source bucket");
		return false;
	}
	return true;
}

void inventory_changed(struct call *c, const struct s3_StoredBucket *b, struct str id)
{
	const struct s3_InventoryConfiguration *i = call_get(c, config_key(c, b->Name, "inventory", id), &s3_shape_InventoryConfiguration);
	ASSERT(i != NULL);
	struct str job = arena_join(c->arena, b->Name, S("/"), id), account = c->account;
	c->account = b->Account; /* one job, whoever of the owner's friends changes it */
	if (i->IsEnabled.v)
		job_put(c, "inventory", job, next_due(i, c->now_ms), S(""));
	else
		(void)job_drop(c, "inventory", job);
	c->account = account;
}
