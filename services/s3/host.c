/* What a Host header means to S3: a bucket, its website, the accelerated endpoint, or nothing: then the path names the bucket.
 *
 *   <bucket>.s3.<base>  .s3.<region>.<base>  .s3.dualstack.<region>.<base>  .s3-<region>.<base>  .s3-fips...   and <bucket>.<this server's base>
 *   <point>-<account>.s3-accesspoint.<region>.<base>, with -fips and .dualstack
 *   <bucket>.s3-website-<region>.<base>  .s3-website.<region>.<base>  .s3-website.<base>
 *   <bucket>.s3-accelerate.<base>  .s3-accelerate.dualstack.<base>
 *   <bucket>, which is a domain name of somebody's own that leads here
 * The label that says so is looked for from the right, for a bucket's name may hold anything. Any base will do: names are for whoever resolves them.
 *
 * What always holds: the table of names has every bucket that can be a domain name (there is a dot in it): it is read at start, and again for one
 * bucket in the effect of a call that changed it, both on the loop thread; any thread may ask, so it is behind a lock.
 *
 * Sources: "Virtual hosting of general purpose buckets", "Customizing Amazon S3 URLs with CNAME records", "Website endpoints", "Tutorial:
 * Configuring a static website using a custom domain", "Configuring fast, secure file transfers using Amazon S3 Transfer Acceleration",
 * "Using Amazon S3 dual-stack endpoints" (S3 User Guide). */
#include "s3.h"

#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>

enum { NAME_ROOM = 64 };

/* ---- buckets that are domain names ---- */

struct named { char name[NAME_ROOM]; bool website; };

static struct map names; /* bucket -> struct named */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static bool is_domain(struct str bucket) { return str_find(bucket, '.') > 0; }

static void name_set(struct str bucket, bool there, bool website)
{
	struct named *n = map_get(&names, bucket);
	if (n == NULL && there) {
		ASSERT(bucket.n < NAME_ROOM);
		n = calloc(1, sizeof *n);
		if (n == NULL)
			die("out of memory");
		memcpy(n->name, bucket.p, bucket.n);
		map_put(&names, str_c(n->name), n);
	}
	if (there)
		n->website = website;
	else
		free(map_del(&names, bucket));
}

static void name_record(struct arena *a, struct str bucket, struct str record)
{
	const struct s3_StoredBucket *b = typed_from_cbor(a, &s3_shape_StoredBucket, record);
	ASSERT(b != NULL);
	name_set(bucket, true, b->Website != NULL);
}

struct change { size_t key_n; char name[NAME_ROOM], key[512]; };

static void on_change(void *block)
{
	const struct change *ch = block;
	struct arena *a = arena_new(0);
	struct txn *t = store_read(service_store());
	struct str value;
	bool there = txn_get(t, str_of(ch->key, ch->key_n), a, &value);
	pthread_rwlock_wrlock(&lock);
	if (there)
		name_record(a, str_c(ch->name), value);
	else
		name_set(str_c(ch->name), false, false);
	pthread_rwlock_unlock(&lock);
	txn_end(t);
	arena_free(a);
}

void host_changed(struct call *c, struct str bucket)
{
	if (!is_domain(bucket))
		return;
	struct change *ch = call_effect(c, on_change, sizeof *ch);
	struct str key = key_bytes(bucket_key(c, bucket));
	ASSERT(bucket.n < sizeof ch->name && key.n <= sizeof ch->key);
	memcpy(ch->name, bucket.p, bucket.n);
	memcpy(ch->key, key.p, ch->key_n = key.n);
}

void hosts_start(void)
{
	struct arena *a = arena_new(0);
	struct key k = key_new(a);
	struct str from = key_bytes(key_str(key_str(&k, S("s3")), S("bucket"))), key, value, service, table_name, bucket;
	struct txn *t = store_read(service_store());
	map_init(&names, NULL);
	for (struct scan *s = scan_open(t, from, key_after(a, from), false); scan_next(s, &key, &value);) {
		struct key_reader r = key_reader_of(key);
		bool read = key_read_str(&r, a, &service) && key_read_str(&r, a, &table_name) && key_read_str(&r, a, &bucket);
		ASSERT(read);
		if (is_domain(bucket))
			name_record(a, bucket, arena_dup(a, value));
	}
	txn_end(t);
	arena_free(a);
}

void hosts_stop(void)
{
	size_t at = 0;
	for (struct map_entry *e; (e = map_next(&names, &at)) != NULL;)
		free(map_del(&names, e->key));
	map_free(&names);
}

static bool is_name(struct str host, bool *website)
{
	pthread_rwlock_rdlock(&lock);
	const struct named *n = map_count(&names) > 0 ? map_get(&names, host) : NULL;
	*website = n != NULL && n->website;
	pthread_rwlock_unlock(&lock);
	return n != NULL;
}

/* ---- reading a host ---- */

/* What a label makes of the bucket in front of it. */
static enum host_kind kind_of(struct str label)
{
	if (str_eq(label, S("s3")))
		return HOST_BUCKET;
	if (!str_starts(label, S("s3-")))
		return HOST_NONE;
	if (str_eq(label, S("s3-website")) || str_starts(label, S("s3-website-")))
		return HOST_WEBSITE;
	if (str_eq(label, S("s3-accelerate")))
		return HOST_ACCELERATE;
	bool endpoint = str_eq(label, S("s3-fips")) || str_eq(label, S("s3-accesspoint")) || str_eq(label, S("s3-accesspoint-fips"));
	char last = label.p[label.n - 1];
	return endpoint || (last >= '0' && last <= '9') /* s3-us-west-2: a Region */ ? HOST_BUCKET : HOST_NONE;
}

/* In front of a name that this server itself goes by. */
static struct str below_base(struct str host)
{
	const char *own = service_config()->base_name;
	const struct str bases[] = {S("localhost"), own != NULL ? str_c(own) : S("localhost")};
	for (size_t i = 0; i < COUNT_OF(bases); i++)
		if (host.n > bases[i].n + 1 && str_ends(host, bases[i]) && host.p[host.n - bases[i].n - 1] == '.')
			return str_slice(host, 0, host.n - bases[i].n - 1);
	return STR_NONE;
}

struct host host_read(struct str host)
{
	ptrdiff_t colon = str_rfind(host, ':');
	if (colon >= 0)
		host = str_slice(host, 0, (size_t)colon);
	struct host h = {.kind = HOST_NONE, .bucket = STR_NONE};
	struct str rest = host;
	enum host_kind first = HOST_NONE;
	for (size_t at = 0; str_present(rest); ) { /* the last label that says something is the one that counts */
		struct str label = str_cut(&rest, '.');
		enum host_kind kind = kind_of(label);
		if (kind != HOST_NONE && at > 0)
			h = (struct host){.kind = kind, .bucket = str_slice(host, 0, at - 1)};
		else if (at == 0)
			first = kind;
		at += label.n + 1;
	}
	if (h.kind != HOST_NONE)
		return h;
	if (first != HOST_NONE) /* an endpoint itself: the path names the bucket */
		return (struct host){.kind = first == HOST_ACCELERATE ? first : HOST_NONE, .bucket = STR_NONE};
	struct str name = below_base(host);
	if (str_present(name))
		return (struct host){.kind = HOST_BUCKET, .bucket = name};
	if (is_name(host, &h.own_website))
		return (struct host){.kind = HOST_BUCKET, .bucket = host, .own_website = h.own_website};
	return h;
}

struct str host_bucket(struct str host) { return host_read(host).bucket; }

struct str host_website(const struct wire_request *r)
{
	struct host h = host_read(r->host);
	bool is_signed = str_present(wire_header(r, S("authorization"))) || str_present(params_get(&r->query, S("X-Amz-Signature"))) ||
		str_present(params_get(&r->query, S("Signature")));
	return h.kind == HOST_WEBSITE || (h.own_website && !is_signed) ? h.bucket : STR_NONE;
}

/* ---- the accelerated endpoint ---- */

bool accelerated_ok(struct call *c, const struct s3_StoredBucket *b)
{
	if (c->http == NULL || c->protocol == PROTO_RAW)
		return true;
	struct host h = host_read(c->http->host);
	if (h.kind != HOST_ACCELERATE)
		return true;
	bool not_there = b == NULL || c->op->model == &s3_op_DeleteBucket;
	if (!str_present(h.bucket))
		fail_request(c, "S3 Transfer Acceleration endpoint supports only virtual style requests");
	else if (not_there)
		call_fail_code(c, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
	else if (str_find(h.bucket, '.') >= 0)
		fail_request(c, "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names");
	else if (!str_present(b->Accelerate))
		fail_request(c, "S3 Transfer Acceleration is not configured on this bucket");
	else if (!str_eq(b->Accelerate, S("Enabled")))
		fail_request(c, "S3 Transfer Acceleration is disabled on this bucket");
	return !c->failed;
}
