/* Configurations that a bucket may have many of, by id: inventory, metrics, analytics, intelligent tiering.
 *
 * Each kind has the same four operations. What would promise something that is not done is refused by name: see README.md.
 * Source: the operations' pages in the S3 API Reference. */
#include "configs.h"

#include "svc/page.h"

enum { CONFIGS_MAX = 1000, CONFIG_PAGE = 100, ID_MAX = 64 };

struct key *config_key(struct call *c, struct str bucket, const char *kind, struct str id)
{
	struct key *k = key_str(key_str(table(c, "config"), bucket), str_c(kind));
	return str_present(id) ? key_str(k, id) : k;
}

static bool id_ok(struct call *c, struct str id, struct str again)
{
	if (!str_eq(id, again)) {
		call_fail_code(c, 400, "IdMismatch", "Document ID does not match the specified configuration ID.");
		return false;
	}
	bool ok = id.n > 0 && id.n <= ID_MAX;
	for (size_t i = 0; i < id.n && ok; i++) {
		char ch = id.p[i];
		ok = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '.' || ch == '-' || ch == '_';
	}
	if (!ok)
		fail_argument(c, "The ID is not well formed");
	return ok;
}

static bool put(struct call *c, const struct s3_StoredBucket *b, const char *kind, const struct shape *shape, struct str id, const void *config)
{
	struct str key, value;
	size_t n = 0;
	struct key *k = config_key(c, b->Name, kind, id);
	if (!txn_has(c->txn, key_bytes(k))) {
		struct scan *s = call_scan(c, config_key(c, b->Name, kind, STR_NONE), STR_NONE, false);
		while (scan_next(s, &key, &value))
			n++;
		scan_close(s);
	}
	if (n >= CONFIGS_MAX) {
		call_fail_code(c, 400, "TooManyConfigurations", "You are attempting to create a new configuration but have already reached the "
			"1,000-configuration limit.");
		return false;
	}
	ASSERT(n < CONFIGS_MAX && config != NULL);
	call_put(c, k, shape, config);
	return true;
}

static void *find(struct call *c, const struct s3_StoredBucket *b, const char *kind, const struct shape *shape, struct str id)
{
	void *v = call_get(c, config_key(c, b->Name, kind, id), shape);
	if (v == NULL)
		call_fail_code(c, 404, "NoSuchConfiguration", "The specified configuration does not exist.");
	ASSERT((v == NULL) == c->failed);
	return v;
}

/* A page of one kind into `list`, whose elements have the shape's size. */
static struct str page(struct call *c, const struct s3_StoredBucket *b, const char *kind, const struct shape *shape, struct str token,
                       struct list *list)
{
	struct str position, key, value, next = STR_NONE;
	if (!page_position(c->arena, token, &position)) {
		fail_value(c, "continuation-token", STR_NONE, "The continuation token provided is incorrect");
		return STR_NONE;
	}
	char *v = arena_alloc_array(c->arena, shape->size, CONFIG_PAGE);
	uint32_t n = 0;
	struct str last = STR_NONE;
	struct scan *s = call_scan(c, config_key(c, b->Name, kind, STR_NONE), position, false);
	while (scan_next(s, &key, &value)) {
		if (n == CONFIG_PAGE) {
			next = page_token(c->arena, last);
			break;
		}
		memcpy(v + (size_t)n++ * shape->size, record_decode(c, shape, arena_dup(c->arena, value)), shape->size);
		last = arena_dup(c->arena, key);
	}
	scan_close(s);
	ASSERT(n <= CONFIG_PAGE && (!str_present(next) || n == CONFIG_PAGE));
	*list = (struct list){v, n, true};
	return next;
}

/* ---- what each kind takes ---- */

static bool analytics_ok(struct call *c, const struct s3_StoredBucket *b, struct s3_AnalyticsConfiguration *a)
{
	(void)b;
	if (a->StorageClassAnalysis == NULL) {
		fail_xml(c);
		return false;
	}
	if (a->StorageClassAnalysis->DataExport == NULL)
		return true;
	call_unsupported(c, "tsubo does not analyse access patterns: an analytics configuration is kept, but nothing can be exported (DataExport)");
	return false;
}

static bool tiering_ok(struct call *c, const struct s3_StoredBucket *b, struct s3_IntelligentTieringConfiguration *t)
{
	(void)b;
	if (t->Tierings.n == 0) {
		fail_xml(c);
		return false;
	}
	if (!str_eq(t->Status, S("Enabled")))
		return true;
	call_unsupported(c, "tsubo does not move objects between access tiers: an intelligent-tiering configuration is kept with Status Disabled only");
	return false;
}

static void nothing(struct call *c, const struct s3_StoredBucket *b, struct str id)
{
	(void)c;
	(void)b;
	(void)id;
}

#define KIND(Kind, kind, list_, read, write, check, changed, removed) \
	void op_PutBucket##Kind##Configuration(struct call *c) \
	{ \
		const struct s3_PutBucket##Kind##ConfigurationRequest *in = c->in; \
		const struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, write); \
		struct s3_##Kind##Configuration *config = in->Kind##Configuration; \
		if (b != NULL && id_ok(c, in->Id, config->Id) && check(c, b, config) && \
		    put(c, b, kind, &s3_shape_##Kind##Configuration, config->Id, config)) \
			changed(c, b, config->Id); \
	} \
	void op_GetBucket##Kind##Configuration(struct call *c) \
	{ \
		const struct s3_GetBucket##Kind##ConfigurationRequest *in = c->in; \
		struct s3_GetBucket##Kind##ConfigurationOutput *out = c->out; \
		const struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, read); \
		if (b != NULL) \
			out->Kind##Configuration = find(c, b, kind, &s3_shape_##Kind##Configuration, in->Id); \
	} \
	void op_DeleteBucket##Kind##Configuration(struct call *c) \
	{ \
		const struct s3_DeleteBucket##Kind##ConfigurationRequest *in = c->in; \
		const struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, write); \
		if (b == NULL || find(c, b, kind, &s3_shape_##Kind##Configuration, in->Id) == NULL) \
			return; \
		call_del(c, config_key(c, b->Name, kind, in->Id)); \
		removed(c, b, in->Id); \
	} \
	void op_ListBucket##Kind##Configurations(struct call *c) \
	{ \
		const struct s3_ListBucket##Kind##ConfigurationsRequest *in = c->in; \
		struct s3_ListBucket##Kind##ConfigurationsOutput *out = c->out; \
		const struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, read); \
		if (b == NULL) \
			return; \
		out->NextContinuationToken = page(c, b, kind, &s3_shape_##Kind##Configuration, in->ContinuationToken, &out->list_); \
		out->ContinuationToken = in->ContinuationToken; \
		out->IsTruncated = SOME_BOOL(str_present(out->NextContinuationToken)); \
	}

KIND(Inventory, "inventory", InventoryConfigurationList, "s3:GetInventoryConfiguration", "s3:PutInventoryConfiguration", inventory_ok,
	inventory_changed, nothing)
KIND(Metrics, "metrics", MetricsConfigurationList, "s3:GetMetricsConfiguration", "s3:PutMetricsConfiguration", metrics_ok, metrics_changed,
	metrics_removed)
KIND(Analytics, "analytics", AnalyticsConfigurationList, "s3:GetAnalyticsConfiguration", "s3:PutAnalyticsConfiguration", analytics_ok, nothing,
	nothing)
KIND(IntelligentTiering, "tiering", IntelligentTieringConfigurationList, "s3:GetIntelligentTieringConfiguration",
	"s3:PutIntelligentTieringConfiguration", tiering_ok, nothing, nothing)
