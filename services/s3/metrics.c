/* Request metrics: for the requests of a bucket that a metrics configuration's filter takes, to CloudWatch (AWS/S3).
 *
 * Which configurations there are is kept in memory on the loop thread, read from "measured" records at start and told by
 * effects. Source: "Metrics and dimensions" (Monitoring metrics with Amazon CloudWatch, S3 User Guide). */
#include "configs.h"

#include "base/map.h"
#include "telemetry/metric.h"

#include <stdlib.h>

struct measured {
	struct measured *next;    /* of the same bucket */
	char bucket[64], account[16], region[32], id[72];
	char *prefix, *point, *tags; /* heap; "" takes all; the access point's ARN; tags as in a query */
};

static struct map measured_buckets; /* name -> the first of its configurations; the loop's */

/* ---- the configurations, on the loop ---- */

static void hold(char *to, size_t size, struct str s)
{
	ASSERT(s.n < size);
	memcpy(to, s.p, s.n);
	to[s.n] = '\0';
}

static void drop(struct str bucket, struct str id)
{
	struct measured *first = map_get(&measured_buckets, bucket), **at = &first;
	if (first == NULL)
		return;
	(void)map_del(&measured_buckets, bucket); /* its key is the first one's name */
	while (*at != NULL) {
		struct measured *m = *at;
		if (str_present(id) && !str_eq(str_c(m->id), id)) {
			at = &m->next;
			continue;
		}
		*at = m->next;
		free(m->prefix);
		free(m->point);
		free(m->tags);
		free(m);
	}
	if (first != NULL)
		map_put(&measured_buckets, str_c(first->bucket), first);
}

/* value: "<account>\n<region>\n<bucket>\n<id>\n<access point>\n<tags>\n<prefix>" */
static void add(struct str value)
{
	struct str rest = value, account = str_cut(&rest, '\n'), region = str_cut(&rest, '\n'), bucket = str_cut(&rest, '\n'), id = str_cut(&rest, '\n');
	struct str point = str_cut(&rest, '\n'), tags = str_cut(&rest, '\n');
	struct measured *m = calloc(1, sizeof *m);
	if (m == NULL || (m->prefix = calloc(1, rest.n + 1)) == NULL || (m->point = calloc(1, point.n + 1)) == NULL ||
	    (m->tags = calloc(1, tags.n + 1)) == NULL)
		die("out of memory");
	drop(bucket, id);
	hold(m->bucket, sizeof m->bucket, bucket);
	hold(m->account, sizeof m->account, account);
	hold(m->region, sizeof m->region, region);
	hold(m->id, sizeof m->id, id);
	hold(m->prefix, rest.n + 1, rest);
	hold(m->point, point.n + 1, point);
	hold(m->tags, tags.n + 1, tags);
	m->next = map_get(&measured_buckets, bucket);
	if (m->next != NULL)
		(void)map_del(&measured_buckets, bucket);
	map_put(&measured_buckets, str_c(m->bucket), m);
}

void metrics_start(void)
{
	struct arena *a = arena_new(0);
	struct txn *t = store_read(service_store());
	struct key k = key_new(a);
	struct str from = key_bytes(key_str(key_str(&k, S("s3")), S("measured"))), key, value;
	map_init(&measured_buckets, NULL);
	for (struct scan *s = scan_open(t, from, key_after(a, from), false); scan_next(s, &key, &value);)
		add(value);
	txn_end(t);
	arena_free(a);
}

void metrics_stop(void)
{
	size_t at = 0;
	struct map_entry *e;
	while ((e = map_next(&measured_buckets, &at)) != NULL)
		drop(e->key, STR_NONE);
	map_free(&measured_buckets);
}

/* ---- counting ---- */

static const char *kind_of(const struct answered *x)
{
	const char *op = x->op != NULL ? model_op_name(x->op) : "";
	struct str method = x->request->method;
	if (strncmp(op, "List", 4) == 0)
		return "ListRequests";
	if (strcmp(op, "SelectObjectContent") == 0)
		return "SelectRequests";
	return str_eq(method, S("GET")) ? "GetRequests" : str_eq(method, S("PUT")) ? "PutRequests" : str_eq(method, S("DELETE")) ? "DeleteRequests" :
		str_eq(method, S("HEAD")) ? "HeadRequests" : str_eq(method, S("POST")) ? "PostRequests" : NULL;
}

static void count(const struct measured *m, const char *name, double value, const char *unit, int64_t at_ms)
{
	const struct metric_dim dims[] = {{S("BucketName"), str_c(m->bucket)}, {S("FilterId"), str_c(m->id)}};
	metric_add(str_c(m->account), str_c(m->region), S("AWS/S3"), str_c(name), dims, COUNT_OF(dims), value, unit, at_ms);
}

static void measure(const struct measured *m, const struct answered *x)
{
	const char *kind = kind_of(x);
	int status = x->response->status;
	int64_t at = x->started_ms;
	count(m, "AllRequests", 1, "Count", at);
	if (kind != NULL)
		count(m, kind, 1, "Count", at);
	count(m, "4xxErrors", status >= 400 && status < 500, "Count", at);
	count(m, "5xxErrors", status >= 500, "Count", at);
	if (x->bytes_in > 0)
		count(m, "BytesUploaded", (double)x->bytes_in, "Bytes", at);
	if (x->bytes_out > 0 && !str_eq(x->request->method, S("HEAD")))
		count(m, "BytesDownloaded", (double)x->bytes_out, "Bytes", at);
	count(m, "FirstByteLatency", (double)x->turn_around_us / 1000, "Milliseconds", at);
	count(m, "TotalRequestLatency", (double)x->took_us / 1000, "Milliseconds", at);
}

/* Has the object of the request all the tags of the filter? */
static bool tagged(struct arena *a, const struct measured *m, const struct s3_note *note)
{
	struct params want = {0};
	if (m->tags[0] == '\0')
		return true;
	bool ok = params_parse(a, str_c(m->tags), FILTER_TAGS_MAX, &want);
	ASSERT(ok); /* we wrote them */
	for (size_t i = 0; i < want.n; i++) {
		bool has = false;
		for (uint32_t k = 0; note != NULL && k < note->labels.n && !has; k++) {
			const struct s3_Tag *t = LIST_AT(note->labels, struct s3_Tag, k);
			has = str_eq(t->Key, want.v[i].name) && str_eq(t->Value, want.v[i].value);
		}
		if (!has)
			return false;
	}
	return true;
}

bool metrics_any(void) { return map_count(&measured_buckets) > 0; }

void metrics_answered(const struct answered *x, struct str bucket, struct str key)
{
	struct arena *a = arena_new(2048);
	struct str plain = uri_decode(a, key, false);
	const struct s3_note *note = x->note;
	struct str point = note != NULL ? note->point : STR_NONE;
	for (const struct measured *m = map_get(&measured_buckets, bucket); m != NULL; m = m->next) {
		bool through = m->point[0] == '\0' || str_eq(point, str_c(m->point));
		if (through && tagged(a, m, note) && (m->prefix[0] == '\0' || (str_present(plain) && str_starts(plain, str_c(m->prefix)))))
			measure(m, x);
	}
	arena_free(a);
}

/* ---- changes ---- */

bool metrics_ok(struct call *c, const struct s3_StoredBucket *b, struct s3_MetricsConfiguration *m)
{
	const struct list *tags = m->Filter != NULL && m->Filter->And != NULL ? &m->Filter->And->Tags : NULL;
	(void)b;
	if (tags != NULL && tags->n > FILTER_TAGS_MAX) {
		fail_xml(c);
		return false;
	}
	return true;
}

enum { POINT_MAX = 256 };
struct change { bool on; size_t n; char value[]; };

static void apply(void *block)
{
	const struct change *x = block;
	struct str id = str_of(x->value, x->n), bucket = str_cut(&id, '\n');
	if (x->on)
		add(str_of(x->value, x->n));
	else
		drop(bucket, id);
}

static void tell(struct call *c, bool on, struct str value)
{
	struct change *x = call_effect(c, apply, sizeof *x + value.n);
	x->on = on;
	x->n = value.n;
	memcpy(x->value, value.p, value.n);
}

static struct key *measured_key(struct call *c, struct str bucket, struct str id)
{
	struct key *k = key_str(table(c, "measured"), bucket);
	return str_present(id) ? key_str(k, id) : k;
}

static void add_tag(struct call *c, struct buf *b, const struct s3_Tag *t)
{
	if (b->n > 0)
		buf_putc(b, '&');
	buf_str(b, uri_encode(c->arena, t->Key, false));
	buf_putc(b, '=');
	buf_str(b, uri_encode(c->arena, t->Value, false));
}

/* The tags a filter asks for, as a query. */
static struct str filter_tags(struct call *c, const struct s3_MetricsFilter *f)
{
	struct buf b;
	buf_init(&b, c->arena, 0);
	if (f != NULL && f->Tag != NULL)
		add_tag(c, &b, f->Tag);
	for (uint32_t i = 0; f != NULL && f->And != NULL && i < f->And->Tags.n; i++)
		add_tag(c, &b, LIST_AT(f->And->Tags, struct s3_Tag, i));
	return b.n > 0 ? buf_view(&b) : S("");
}

void metrics_changed(struct call *c, const struct s3_StoredBucket *b, struct str id)
{
	const struct s3_MetricsConfiguration *m = call_get(c, config_key(c, b->Name, "metrics", id), &s3_shape_MetricsConfiguration);
	ASSERT(m != NULL);
	struct str prefix = m->Filter == NULL ? STR_NONE : m->Filter->And != NULL ? m->Filter->And->Prefix : m->Filter->Prefix;
	prefix = str_present(prefix) ? str_slice(prefix, 0, KEY_MAX) : S("");
	struct str point = m->Filter == NULL ? STR_NONE : m->Filter->And != NULL ? m->Filter->And->AccessPointArn : m->Filter->AccessPointArn;
	point = str_present(point) ? str_slice(point, 0, POINT_MAX) : S("");
	struct str where = arena_join(c->arena, b->Account, S("\n"), b->Region, S("\n"), b->Name, S("\n"), id);
	struct str value = arena_join(c->arena, where, S("\n"), point, S("\n"), filter_tags(c, m->Filter), S("\n"), prefix);
	txn_put(c->txn, key_bytes(measured_key(c, b->Name, id)), value);
	tell(c, true, value);
}

void metrics_removed(struct call *c, const struct s3_StoredBucket *b, struct str id)
{
	call_del(c, measured_key(c, b->Name, id));
	tell(c, false, arena_join(c->arena, b->Name, S("\n"), id));
}

void metrics_forget(struct call *c, const struct s3_StoredBucket *b)
{
	struct str key, value;
	bool any = false;
	struct scan *s = call_scan(c, measured_key(c, b->Name, STR_NONE), STR_NONE, false);
	for (; scan_next(s, &key, &value); any = true)
		txn_del(c->txn, arena_dup(c->arena, key));
	scan_close(s);
	if (any)
		tell(c, false, b->Name);
}
