/* Listing objects, versions: in the byte order of their keys, whose order in the store is the same.
 *
 * The cost is that of the answer: a common prefix is passed over by seeking behind it, never by walking through it.
 * Source: "ListObjects", "ListObjectsV2", "ListObjectVersions" (S3 API Reference). */
#include "s3.h"

#include "svc/page.h"

struct listing {
	struct call *c;
	const struct s3_StoredBucket *b;
	struct str prefix, delimiter;
	bool url;                 /* encoding-type=url */
	int64_t max, n;
	struct str after;         /* keys up to this are passed over; absent: none */
	bool past_prefix;         /* and with it the common prefix that it falls into */
	bool truncated;
	struct str last;          /* the last key or prefix given */
	struct s3_CommonPrefix *prefixes;
	uint32_t n_prefixes, cap_prefixes;
};

/* As a form's values are encoded, slashes left: a space is a plus. */
struct str list_encoded(struct call *c, struct str s)
{
	static const char hex[] = "0123456789ABCDEF";
	struct buf b;
	if (!str_present(s))
		return s;
	buf_init(&b, c->arena, s.n * 3);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char ch = (unsigned char)s.p[i];
		bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '_' || ch == '.' ||
			ch == '*' || ch == '/';
		if (plain || ch == ' ') {
			buf_putc(&b, plain ? (char)ch : '+');
		} else {
			buf_putc(&b, '%');
			buf_putc(&b, hex[ch >> 4]);
			buf_putc(&b, hex[ch & 15]);
		}
	}
	return buf_view(&b);
}

static struct str shown(struct listing *l, struct str s) { return l->url ? list_encoded(l->c, s) : s; }

/* Keys of a table that begin with these bytes: the tuple element, left open. */
static struct str open_prefix(struct call *c, const char *name, struct str bucket, struct str prefix)
{
	struct key *k = key_str(key_str(table(c, name), bucket), prefix);
	ASSERT(k->b.n >= 2);
	return str_slice(key_bytes(k), 0, k->b.n - 2);
}

static struct str key_of(struct call *c, struct str stored)
{
	struct key_reader r = key_reader_of(stored);
	struct str part = STR_NONE;
	for (int i = 0; i < 4; i++) {
		bool ok = key_read_str(&r, c->arena, &part);
		ASSERT(ok);
	}
	return part;
}

/* The common prefix that the key falls into; absent: none. */
static struct str common_prefix(const struct listing *l, struct str key)
{
	if (l->delimiter.n == 0)
		return STR_NONE;
	ptrdiff_t at = str_find_str(str_slice(key, l->prefix.n, key.n), l->delimiter);
	return at < 0 ? STR_NONE : str_slice(key, 0, l->prefix.n + (size_t)at + l->delimiter.n);
}

static void add_prefix(struct listing *l, struct str p)
{
	if (l->n_prefixes == l->cap_prefixes) {
		l->prefixes = arena_grow(l->c->arena, l->prefixes, sizeof *l->prefixes, l->cap_prefixes, l->cap_prefixes * 2 + 8);
		l->cap_prefixes = l->cap_prefixes * 2 + 8;
	}
	ASSERT(str_starts(p, l->prefix) && str_ends(p, l->delimiter) && l->n < l->max);
	l->prefixes[l->n_prefixes++].Prefix = shown(l, p);
	l->last = p;
	l->n++;
}

/* Where a table's walk begins: at the prefix, or behind `after` (and behind the common prefix it is in). */
static struct str start_of(struct listing *l, const char *name)
{
	struct call *c = l->c;
	struct str from = open_prefix(c, name, l->b->Name, l->prefix);
	if (!str_present(l->after) || l->after.n == 0)
		return from;
	struct str in = str_starts(l->after, l->prefix) ? common_prefix(l, l->after) : STR_NONE;
	struct str behind = str_present(in) && (l->past_prefix || str_eq(in, l->after)) ? key_after(c->arena, open_prefix(c, name, l->b->Name, in))
		: key_after(c->arena, key_bytes(key_str(key_str(table(c, name), l->b->Name), l->after)));
	return str_cmp(behind, from) > 0 ? behind : from;
}

/* Is there another key? The value lives until the next is asked for. A common prefix on the way is given and passed over. */
struct walk { struct listing *l; const char *name; struct scan *scan; struct str to; };

static void walk_open(struct walk *w, struct listing *l, const char *name)
{
	*w = (struct walk){.l = l, .name = name};
	w->to = key_after(l->c->arena, open_prefix(l->c, name, l->b->Name, l->prefix));
	w->scan = scan_open(l->c->txn, start_of(l, name), w->to, false);
}

static void walk_past(struct walk *w, struct str prefix)
{
	scan_close(w->scan);
	w->scan = scan_open(w->l->c->txn, key_after(w->l->c->arena, open_prefix(w->l->c, w->name, w->l->b->Name, prefix)), w->to, false);
}

static bool walk_next(struct walk *w, struct str *key, struct str *value)
{
	struct listing *l = w->l;
	struct str stored, v;
	while (scan_next(w->scan, &stored, &v)) {
		*key = key_of(l->c, stored);
		ASSERT(str_starts(*key, l->prefix)); /* the scan's bounds */
		struct str p = common_prefix(l, *key);
		if (l->n >= l->max) {
			l->truncated = true;
			return false;
		}
		if (!str_present(p)) {
			*value = v;
			return true;
		}
		add_prefix(l, p);
		walk_past(w, p);
	}
	return false;
}

static bool begin(struct call *c, struct listing *l, struct str bucket, struct str owner, struct str prefix, struct str delimiter,
		struct str encoding,
                  struct opt_i64 max, const char *action)
{
	*l = (struct listing){.c = c, .prefix = str_present(prefix) ? prefix : S(""), .delimiter = delimiter, .url = str_present(encoding)};
	const struct s3_StoredBucket *b = l->b = bucket_get(c, bucket, owner);
	if (b == NULL || !allow(c, b, STR_NONE, action, &b->Grants, ACL_READ))
		return false;
	if (str_present(encoding) && !str_eq(encoding, S("url"))) {
		fail_value(c, "encoding-type", encoding, "Invalid Encoding Method specified in Request");
		return false;
	}
	if (!limit_ok(c, "maxKeys", "max-keys", max))
		return false;
	l->max = max.set && max.v < LIST_MAX ? max.v : LIST_MAX;
	ASSERT(!c->failed && l->max >= 0 && l->max <= LIST_MAX);
	return true;
}

/* o: of an object's record what a listing shows; the rest is passed over. */
static void show(struct listing *l, struct str key, const struct s3_StoredListed *o, bool owner, struct s3_Object *to)
{
	ASSERT(str_present(key) && o->Size.set);
	to->Key = shown(l, key);
	to->LastModified = whole_second(o->Modified);
	to->ETag = etag_quoted(l->c, o->Tag);
	to->Size = o->Size;
	to->StorageClass = str_present(o->StorageClass) ? o->StorageClass : S("STANDARD");
	if (str_present(o->SumKind)) {
		to->ChecksumAlgorithm = LIST_OF(l->c->arena, struct str, 1);
		*LIST_AT(to->ChecksumAlgorithm, struct str, 0) = o->SumKind;
		to->ChecksumType = o->SumType;
	}
	if (owner)
		to->Owner = owner_of(l->c, o->Account);
}

static struct list walk_objects(struct listing *l, bool owner)
{
	struct s3_Object *v = NULL;
	uint32_t n = 0, cap = 0;
	struct str key, value;
	struct walk w;
	if (l->max == 0)
		return (struct list){NULL, 0, false};
	walk_open(&w, l, "object");
	while (walk_next(&w, &key, &value)) {
		if (n == cap) {
			v = arena_grow(l->c->arena, v, sizeof *v, cap, cap * 2 + 32);
			cap = cap * 2 + 32;
		}
		show(l, key, record_decode(l->c, &s3_shape_StoredListed, value), owner, &v[n++]);
		l->last = key;
		l->n++;
	}
	scan_close(w.scan);
	ASSERT((int64_t)n + l->n_prefixes == l->n && l->n <= l->max);
	return (struct list){v, n, n > 0};
}

void op_ListObjectsV2(struct call *c)
{
	const struct s3_ListObjectsV2Request *in = c->in;
	struct s3_ListObjectsV2Output *out = c->out;
	struct listing l;
	if (!begin(c, &l, in->Bucket, in->ExpectedBucketOwner, in->Prefix, in->Delimiter, in->EncodingType, in->MaxKeys, "s3:ListBucket"))
		return;
	l.after = in->StartAfter;
	if (str_present(in->ContinuationToken) && (in->ContinuationToken.n == 0 || !page_position(c->arena, in->ContinuationToken, &l.after))) {
		fail_value(c, "continuation-token", STR_NONE, "The continuation token provided is incorrect");
		return;
	}
	out->Contents = walk_objects(&l, in->FetchOwner.v);
	out->CommonPrefixes = (struct list){l.prefixes, l.n_prefixes, l.n_prefixes > 0};
	out->IsTruncated = SOME_BOOL(l.truncated);
	ASSERT(!l.truncated || str_present(l.last)); /* max is more than 0 then */
	if (l.truncated)
		out->NextContinuationToken = page_token(c->arena, l.last);
	out->ContinuationToken = in->ContinuationToken;
	out->Name = l.b->Name;
	out->Prefix = shown(&l, l.prefix);
	out->Delimiter = in->Delimiter.n > 0 ? shown(&l, in->Delimiter) : STR_NONE;
	if (!str_present(in->ContinuationToken))
		out->StartAfter = shown(&l, in->StartAfter);
	out->EncodingType = in->EncodingType;
	out->MaxKeys = SOME_I64(in->MaxKeys.set ? in->MaxKeys.v : LIST_MAX);
	out->KeyCount = SOME_I64(l.n);
}

void op_ListObjects(struct call *c)
{
	const struct s3_ListObjectsRequest *in = c->in;
	struct s3_ListObjectsOutput *out = c->out;
	struct listing l;
	if (!begin(c, &l, in->Bucket, in->ExpectedBucketOwner, in->Prefix, in->Delimiter, in->EncodingType, in->MaxKeys, "s3:ListBucket"))
		return;
	l.after = in->Marker;
	l.past_prefix = true;
	out->Contents = walk_objects(&l, true);
	out->CommonPrefixes = (struct list){l.prefixes, l.n_prefixes, l.n_prefixes > 0};
	out->IsTruncated = SOME_BOOL(l.truncated);
	if (l.truncated && l.delimiter.n > 0)
		out->NextMarker = shown(&l, l.last);
	out->Name = l.b->Name;
	out->Prefix = shown(&l, l.prefix);
	out->Marker = str_present(in->Marker) ? shown(&l, in->Marker) : S("");
	out->Delimiter = in->Delimiter.n > 0 ? shown(&l, in->Delimiter) : STR_NONE;
	out->EncodingType = in->EncodingType;
	out->MaxKeys = SOME_I64(in->MaxKeys.set ? in->MaxKeys.v : LIST_MAX);
}

/* ---- versions ---- */

/* Two walks at once: the current versions and those behind. For each key the current one comes first. */
struct versions {
	struct listing *l;
	struct s3_ObjectVersion *v;
	struct s3_DeleteMarkerEntry *m;
	uint32_t n_v, cap_v, n_m, cap_m;
	struct str last_key, last_version;
};

static void give(struct versions *x, const struct s3_StoredObject *o, bool latest)
{
	struct listing *l = x->l;
	struct arena *a = l->c->arena;
	struct str version = str_present(o->Version) ? o->Version : S("null");
	if (o->Marker.v) {
		if (x->n_m == x->cap_m) {
			x->m = arena_grow(a, x->m, sizeof *x->m, x->cap_m, x->cap_m * 2 + 16);
			x->cap_m = x->cap_m * 2 + 16;
		}
		x->m[x->n_m++] = (struct s3_DeleteMarkerEntry){.Key = shown(l, o->Key), .VersionId = version, .IsLatest = SOME_BOOL(latest),
			.LastModified = whole_second(o->Modified), .Owner = owner_of(l->c, o->Account)};
	} else {
		if (x->n_v == x->cap_v) {
			x->v = arena_grow(a, x->v, sizeof *x->v, x->cap_v, x->cap_v * 2 + 16);
			x->cap_v = x->cap_v * 2 + 16;
		}
		struct s3_ObjectVersion *to = &x->v[x->n_v++];
		*to = (struct s3_ObjectVersion){.Key = shown(l, o->Key), .VersionId = version, .IsLatest = SOME_BOOL(latest),
			.LastModified = whole_second(o->Modified), .Owner = owner_of(l->c, o->Account), .ETag = etag_quoted(l->c, o->Tag), .Size = o->Size,
			.StorageClass = str_present(o->StorageClass) ? o->StorageClass : S("STANDARD")};
		if (str_present(o->SumKind)) {
			to->ChecksumAlgorithm = LIST_OF(a, struct str, 1);
			*LIST_AT(to->ChecksumAlgorithm, struct str, 0) = o->SumKind;
			to->ChecksumType = o->SumType;
		}
	}
	ASSERT(l->n < l->max && str_cmp(x->last_key, o->Key) <= 0); /* in the order of their keys */
	x->last_key = l->last = o->Key;
	x->last_version = version;
	l->n++;
}

struct cursor { struct scan *scan; struct str to; const char *name; bool have; struct str key; struct s3_StoredObject *o; };

static void cursor_step(struct listing *l, struct cursor *k)
{
	struct str stored, value;
	k->have = scan_next(k->scan, &stored, &value);
	if (!k->have)
		return;
	k->key = key_of(l->c, stored);
	k->o = record_decode(l->c, &s3_shape_StoredObject, value);
	ASSERT(str_eq(k->o->Key, k->key));
}

static void cursor_open(struct listing *l, struct cursor *k, const char *name, struct str from)
{
	k->name = name;
	k->to = key_after(l->c->arena, open_prefix(l->c, name, l->b->Name, l->prefix));
	k->scan = scan_open(l->c->txn, from, k->to, false);
	cursor_step(l, k);
}

static void cursor_past(struct listing *l, struct cursor *k, struct str prefix)
{
	if (!k->have || !str_starts(k->key, prefix))
		return;
	scan_close(k->scan);
	k->scan = scan_open(l->c->txn, key_after(l->c->arena, open_prefix(l->c, k->name, l->b->Name, prefix)), k->to, false);
	cursor_step(l, k);
}

/* Pass over the marker key's versions up to and with the named one, which may have gone since: its id tells where it was. */
static void skip_to_version(struct listing *l, struct cursor *now, struct cursor *old, struct str key, struct str version)
{
	int64_t serial = version_serial(l->c, version);
	struct cursor *const both[] = {now, old};
	bool found = false;
	for (size_t i = 0; i < COUNT_OF(both); i++)
		while (!found && both[i]->have && str_eq(both[i]->key, key)) {
			found = str_eq(str_present(both[i]->o->Version) ? both[i]->o->Version : S("null"), version);
			if (!found && serial >= 0 && both[i]->o->Serial.v < serial)
				return;
			cursor_step(l, both[i]);
		}
}

static void walk_versions(struct versions *x, struct str key_marker, struct str version_marker)
{
	struct listing *l = x->l;
	struct cursor now = {0}, old = {0};
	bool inside = str_present(version_marker) && version_marker.n > 0;
	struct str from_now = start_of(l, "object"), from_old = start_of(l, "version"), before = STR_NONE;
	if (inside) {
		from_now = key_bytes(object_key(l->c, l->b->Name, key_marker));
		from_old = key_bytes(key_str(key_str(table(l->c, "version"), l->b->Name), key_marker));
	}
	cursor_open(l, &now, "object", from_now);
	cursor_open(l, &old, "version", from_old);
	if (inside) {
		skip_to_version(l, &now, &old, key_marker, version_marker);
		before = key_marker;
	}
	while (now.have || old.have) {
		struct cursor *k = !old.have || (now.have && str_cmp(now.key, old.key) <= 0) ? &now : &old;
		struct str p = common_prefix(l, k->key);
		if (l->n >= l->max) {
			l->truncated = true;
			break;
		}
		if (str_present(p)) {
			add_prefix(l, p);
			x->last_key = p;
			x->last_version = STR_NONE;
			cursor_past(l, &now, p);
			cursor_past(l, &old, p);
			continue;
		}
		give(x, k->o, k == &now || !str_eq(before, k->key) || before.p == NULL);
		before = k->key;
		cursor_step(l, k);
	}
	scan_close(now.scan);
	scan_close(old.scan);
}

void op_ListObjectVersions(struct call *c)
{
	const struct s3_ListObjectVersionsRequest *in = c->in;
	struct s3_ListObjectVersionsOutput *out = c->out;
	struct listing l;
	if (!begin(c, &l, in->Bucket, in->ExpectedBucketOwner, in->Prefix, in->Delimiter, in->EncodingType, in->MaxKeys, "s3:ListBucketVersions"))
		return;
	if (in->VersionIdMarker.n > 0 && in->KeyMarker.n == 0) {
		fail_value(c, "version-id-marker", in->VersionIdMarker, "A version-id marker cannot be specified without a key marker.");
		return;
	}
	struct versions x = {.l = &l};
	l.after = in->KeyMarker;
	l.past_prefix = true;
	if (l.max > 0)
		walk_versions(&x, in->KeyMarker, in->VersionIdMarker);
	out->Versions = (struct list){x.v, x.n_v, x.n_v > 0};
	out->DeleteMarkers = (struct list){x.m, x.n_m, x.n_m > 0};
	out->CommonPrefixes = (struct list){l.prefixes, l.n_prefixes, l.n_prefixes > 0};
	out->IsTruncated = SOME_BOOL(l.truncated);
	if (l.truncated) {
		out->NextKeyMarker = shown(&l, x.last_key);
		out->NextVersionIdMarker = x.last_version;
	}
	out->Name = l.b->Name;
	out->Prefix = shown(&l, l.prefix);
	out->KeyMarker = str_present(in->KeyMarker) ? shown(&l, in->KeyMarker) : S("");
	out->VersionIdMarker = str_present(in->VersionIdMarker) ? in->VersionIdMarker : S("");
	out->Delimiter = in->Delimiter.n > 0 ? shown(&l, in->Delimiter) : STR_NONE;
	out->EncodingType = in->EncodingType;
	out->MaxKeys = SOME_I64(in->MaxKeys.set ? in->MaxKeys.v : LIST_MAX);
}
