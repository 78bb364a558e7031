/* Buckets: their names, their records, making and removing them. */
#include "s3.h"

#include "svc/arn.h"

#include "svc/page.h"

enum { NAME_MIN = 3, NAME_MAX = 63 };

struct key *table(struct call *c, const char *name)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	return key_str(key_str(k, S("s3")), str_c(name));
}

struct key *bucket_key(struct call *c, struct str name) { return key_str(table(c, "bucket"), name); }

void bucket_put(struct call *c, const struct s3_StoredBucket *b)
{
	ASSERT(str_present(b->Name) && str_present(b->Account) && b->Via == NULL);
	call_put(c, bucket_key(c, b->Name), &s3_shape_StoredBucket, b);
	host_changed(c, b->Name);
}

bool bucket_versioned(const struct s3_StoredBucket *b) { return str_present(b->Versioning); }

static void not_owner(struct call *c, struct str expected)
{
	bool account = expected.n == 12;
	for (size_t i = 0; i < expected.n; i++)
		account &= expected.p[i] >= '0' && expected.p[i] <= '9';
	if (account)
		fail_denied(c);
	else
		call_fail_code(c, 400, "InvalidBucketOwnerAWSAccountID",
			"The value of the expected bucket owner parameter must be an AWS Account ID... [%.*s]", STR_ARG(expected));
}

struct s3_StoredBucket *bucket_anywhere(struct call *c, struct str name, struct str expected_owner)
{
	const struct s3_StoredBucket *there = call_get_shared(c, bucket_key(c, name), &s3_shape_StoredBucket);
	struct s3_StoredBucket *b = there != NULL ? arena_new_of(c->arena, struct s3_StoredBucket) : bucket_by_point(c, name);
	if (there != NULL)
		*b = *there; /* whoever sets a member replaces it whole */
	ASSERT(there == NULL || str_eq(there->Name, name));
	if (b == NULL) {
		fail_no_bucket(c, name);
		return NULL;
	}
	if (str_present(expected_owner) && !str_eq(expected_owner, b->Account)) {
		not_owner(c, expected_owner);
		return NULL;
	}
	return b;
}

/* A client signs for the Region whose endpoint it means; us-east-1's is the global one, which leads on to the bucket's own,
 * where the signature is for another Region. Source: "Making requests", "Error responses" (S3 API Reference). */
static bool region_ok(struct call *c, const struct s3_StoredBucket *b)
{
	bool global = str_eq(c->region, S("us-east-1")), asks_where = c->op != NULL && c->op->model == &s3_op_GetBucketLocation;
	if (c->http == NULL || c->protocol == PROTO_RAW || c->who->type == PRINCIPAL_ANONYMOUS || str_eq(c->region, b->Region) || (global && asks_where))
		return true;
	call_header(c, "x-amz-bucket-region", b->Region);
	if (global) {
		struct s3_AuthorizationHeaderMalformed *e = call_fail(c, &s3_err_AuthorizationHeaderMalformed, "The authorization header is malformed; the "
			"region '%.*s' is wrong; expecting '%.*s'", STR_ARG(c->region), STR_ARG(b->Region));
		e->Region = b->Region;
		return false;
	}
	struct s3_PermanentRedirect *e = call_fail(c, &s3_err_PermanentRedirect, "The bucket you are attempting to access must be addressed using the "
		"specified endpoint. Please send all future requests to this endpoint.");
	e->Endpoint = arena_join(c->arena, b->Name, S(".s3."), b->Region, S(".amazonaws.com"));
	e->Bucket = b->Name;
	return false;
}

/* Who is not the owner says that he pays. Source: "Using Requester Pays buckets" (S3 User Guide). */
static bool payer_ok(struct call *c, const struct s3_StoredBucket *b)
{
	bool known = c->who->type != PRINCIPAL_ANONYMOUS;
	if (!str_eq(b->Payer, S("Requester")) || c->http == NULL || (known && str_eq(c->who->account, b->Account)))
		return true;
	struct str said = wire_header(c->http, S("x-amz-request-payer"));
	if (known && (str_eq(said, S("requester")) || str_eq(params_get(&c->http->query, S("x-amz-request-payer")), S("requester")))) {
		call_header(c, "x-amz-request-charged", S("requester"));
		return true;
	}
	fail_denied(c);
	return false;
}

struct s3_note *note_of(struct call *c)
{
	if (c->http == NULL || c->parent != NULL)
		return NULL;
	if (c->note == NULL)
		c->note = arena_new_of(call_keep(c), struct s3_note);
	return c->note;
}

void note_labels(struct call *c, const struct s3_StoredObject *o)
{
	struct s3_note *note = o->Labels.n > 0 || c->note != NULL ? note_of(c) : NULL; /* those of the last one stay */
	if (note == NULL)
		return;
	note->labels = LIST_OF(call_keep(c), struct s3_Tag, o->Labels.n);
	for (uint32_t i = 0; i < o->Labels.n; i++) {
		const struct s3_Tag *t = LIST_AT(o->Labels, struct s3_Tag, i);
		*LIST_AT(note->labels, struct s3_Tag, i) = (struct s3_Tag){arena_dup(call_keep(c), t->Key), arena_dup(call_keep(c), t->Value)};
	}
}

static void note_point(struct call *c, const struct s3_StoredBucket *b)
{
	struct s3_note *note = b->Via != NULL ? note_of(c) : NULL;
	if (note == NULL)
		return;
	note->bucket = arena_dup(call_keep(c), b->Name);
	note->point = arena_dup(call_keep(c), b->Via->Arn);
}

struct s3_StoredBucket *bucket_get(struct call *c, struct str name, struct str expected_owner)
{
	struct s3_StoredBucket *b = bucket_anywhere(c, name, expected_owner);
	if (b == NULL || !accelerated_ok(c, b) || !region_ok(c, b) || !payer_ok(c, b))
		return NULL;
	ASSERT(b->Account.n > 0 && b->Region.n > 0 && str_present(b->Name));
	cors_answer(c, b);
	note_point(c, b);
	return b;
}

struct s3_StoredBucket *bucket_open(struct call *c, struct str name, struct str expected_owner, const char *action)
{
	struct s3_StoredBucket *b = bucket_get(c, name, expected_owner);
	return b != NULL && allow(c, b, STR_NONE, action, NULL, ACL_NONE) ? b : NULL;
}

/* A canonical user id is 64 hex digits; ours is made from the account, so that it is always the same. */
struct str canonical_of(struct arena *a, struct str account) { return sha256_hex(a, arena_join(a, S("canonical:"), account)); }
struct str canonical_id(struct call *c, struct str account) { return canonical_of(c->arena, account); }

struct s3_Owner *owner_of(struct call *c, struct str account)
{
	struct s3_Owner *o = arena_new_of(c->arena, struct s3_Owner);
	o->ID = canonical_id(c, account);
	return o;
}

/* ---- names ---- */

static bool ip_like(struct str name)
{
	int dots = 0;
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '.')
			dots++;
		else if (name.p[i] < '0' || name.p[i] > '9')
			return false;
	}
	return dots == 3;
}

bool bucket_spelt_ok(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char ch = name.p[i];
		bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
		if (!letter && !(ch >= '0' && ch <= '9') && ch != '.' && ch != '-' && ch != '_')
			return false;
	}
	return !ip_like(name);
}

/* Source: "General purpose bucket naming rules" (S3 User Guide). */
static bool name_ok(struct str name)
{
	static const char *const prefixes[] = {"xn--", "sthree-", "amzn-s3-demo-"}, *const suffixes[] = {"-s3alias", "--ol-s3", ".mrap", "--x-s3",
		"--table-s3"};
	if (name.n < NAME_MIN || name.n > NAME_MAX || ip_like(name))
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char ch = name.p[i];
		bool alnum = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9'), edge = i == 0 || i == name.n - 1;
		if (!alnum && (edge || (ch != '-' && ch != '.')))
			return false;
		if (!alnum && (ch == '.' || name.p[i - 1] == '.') && (name.p[i - 1] == '.' || name.p[i - 1] == '-'))
			return false; /* each label begins and ends with a letter or a number */
	}
	for (size_t i = 0; i < COUNT_OF(prefixes) - 1; i++)
		if (str_starts(name, str_c(prefixes[i])))
			return false;
	for (size_t i = 0; i < COUNT_OF(suffixes); i++)
		if (str_ends(name, str_c(suffixes[i])))
			return false;
	return true;
}

/* ---- operations ---- */

static bool region_of_new(struct call *c, const struct s3_CreateBucketConfiguration *config, struct str *region)
{
	struct str asked = config != NULL ? config->LocationConstraint : STR_NONE;
	bool home = str_eq(c->region, S("us-east-1"));
	struct str said = asked;
	if (str_eq(asked, S("EU")))
		asked = S("eu-west-1");
	if (config != NULL && (config->Location != NULL || config->Bucket != NULL)) {
		call_unsupported(c, "tsubo does not implement directory buckets");
		return false;
	}
	if (!str_present(asked) || asked.n == 0) {
		*region = c->region;
		if (home || c->parent != NULL)
			return true;
		call_fail_code(c, 400, "IllegalLocationConstraintException",
			"The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.");
		return false;
	}
	*region = asked;
	if (home && (!is_region(asked) || str_eq(asked, c->region))) { /* the home Region has no name of its own */
		fail_with(c, 400, "InvalidLocationConstraint", "LocationConstraint", said, "The specified location-constraint is not valid");
		return false;
	}
	if (str_eq(asked, c->region) || home)
		return true;
	call_fail_code(c, 400, "IllegalLocationConstraintException",
		"The %.*s location constraint is incompatible for the region specific endpoint this request was sent to.", STR_ARG(said));
	return false;
}

static void already_there(struct call *c, const struct s3_StoredBucket *b, bool tags)
{
	if (!str_eq(b->Account, c->account))
		fail_with(c, 409, "BucketAlreadyExists", "BucketName", b->Name, "The requested bucket name is not available. The bucket namespace is shared "
			"by all users of the system. Please select a different name and try again.");
	else if (tags || !str_eq(b->Region, S("us-east-1")) || !str_eq(c->region, S("us-east-1")))
		fail_with(c, 409, "BucketAlreadyOwnedByYou", "BucketName", b->Name,
			"Your previous request to create the named bucket succeeded and you already own it.");
}

bool ownership_known(struct str rule)
{
	return str_eq(rule, S("BucketOwnerEnforced")) || str_eq(rule, S("BucketOwnerPreferred")) || str_eq(rule, S("ObjectWriter"));
}

static bool ownership_given(struct call *c, struct str rule)
{
	if (str_present(rule) && !ownership_known(rule))
		fail_value(c, "x-amz-object-ownership", STR_NONE, "Invalid x-amz-object-ownership header: %.*s", STR_ARG(rule));
	return !c->failed;
}

/* Another Region's has its own host name, where ours can have one. */
static struct str location_of(struct call *c, struct str bucket)
{
	ptrdiff_t at = str_find_str(c->endpoint, S("://"));
	struct str host = str_slice(c->endpoint, at >= 0 ? (size_t)at + 3 : 0, c->endpoint.n);
	bool number = host.n == 0 || host.p[0] == '[' || (host.p[0] >= '0' && host.p[0] <= '9');
	if (str_eq(c->region, S("us-east-1")) || at < 0 || number)
		return arena_join(c->arena, S("/"), bucket);
	return arena_join(c->arena, str_slice(c->endpoint, 0, (size_t)at + 3), bucket, S("."), host, S("/"));
}

void op_CreateBucket(struct call *c)
{
	const struct s3_CreateBucketRequest *in = c->in;
	struct s3_CreateBucketOutput *out = c->out;
	struct str region;
	const struct s3_said *said = c->who->type != PRINCIPAL_ROOT ? request_says(c) : NULL;
	const struct access_extra x = {.keys = said != NULL ? said->keys : NULL, .n_keys = said != NULL ? said->n : 0};
	if (!authorize(c, "s3:CreateBucket", arena_join(c->arena, S("arn:aws:s3:::"), in->Bucket), &x))
		return;
	if (!accelerated_ok(c, NULL))
		return;
	if (!name_ok(in->Bucket)) {
		fail_with(c, 400, "InvalidBucketName", "BucketName", in->Bucket, "The specified bucket is not valid.");
		return;
	}
	if (!region_of_new(c, in->CreateBucketConfiguration, &region) || !ownership_given(c, in->ObjectOwnership) ||
	    (in->CreateBucketConfiguration != NULL && !tags_ok(c, &in->CreateBucketConfiguration->Tags, BUCKET_TAGS_MAX)))
		return;
	out->Location = location_of(c, in->Bucket);
	out->BucketArn = arena_join(c->arena, S("arn:aws:s3:::"), in->Bucket);
	const struct s3_StoredBucket *there = call_get(c, bucket_key(c, in->Bucket), &s3_shape_StoredBucket);
	if (there != NULL) {
		/* in us-east-1 making one's own bucket again is no error */
		already_there(c, there, in->CreateBucketConfiguration != NULL && in->CreateBucketConfiguration->Tags.n > 0);
		return;
	}
	ASSERT(region.n > 0);
	struct s3_StoredBucket *b = arena_new_of(c->arena, struct s3_StoredBucket);
	ASSERT(c->account.n > 0 && in->Bucket.n >= NAME_MIN && in->Bucket.n <= NAME_MAX);
	b->Name = in->Bucket;
	b->Account = c->account;
	b->Region = region;
	if (in->CreateBucketConfiguration != NULL && str_eq(in->CreateBucketConfiguration->LocationConstraint, S("EU")))
		b->Constraint = S("EU"); /* told as it was said */
	b->Created = SOME_TIME(c->now_ms);
	b->Ownership = str_present(in->ObjectOwnership) ? in->ObjectOwnership : S("BucketOwnerEnforced");
	b->CustomerKeysBlocked = SOME_BOOL(true); /* new buckets since April 2026: "Default SSE-C setting for new buckets FAQ" (S3 User Guide) */
	if (in->CreateBucketConfiguration != NULL)
		b->Labels = in->CreateBucketConfiguration->Tags;
	if (in->ObjectLockEnabledForBucket.v) {
		b->Lock = SOME_BOOL(true);
		b->Versioning = S("Enabled");
	}
	struct s3_PublicAccessBlockConfiguration *block = b->Public = arena_new_of(c->arena, struct s3_PublicAccessBlockConfiguration);
	block->BlockPublicAcls = block->IgnorePublicAcls = block->BlockPublicPolicy = block->RestrictPublicBuckets = SOME_BOOL(true);
	const struct str grants[5] = {in->GrantFullControl, in->GrantRead, in->GrantReadACP, in->GrantWrite, in->GrantWriteACP};
	if (acl_from_request(c, b, in->ACL, grants, false, &b->Grants))
		bucket_put(c, b);
}

static bool has_any(struct call *c, struct key *prefix)
{
	struct str key, value;
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	bool any = scan_next(s, &key, &value);
	scan_close(s);
	return any;
}

void op_DeleteBucket(struct call *c)
{
	const struct s3_DeleteBucketRequest *in = c->in;
	const struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, "s3:DeleteBucket");
	if (b == NULL)
		return;
	if (has_any(c, key_str(table(c, "object"), b->Name)) || has_any(c, key_str(table(c, "version"), b->Name))) {
		fail_with(c, 409, "BucketNotEmpty", "BucketName", b->Name, "The bucket you tried to delete is not empty%s",
			bucket_versioned(b) ? ". You must delete all versions in the bucket." : "");
		return;
	}
	if (bucket_has_points(c, b)) {
		call_fail_code(c, 409, "BucketHasAccessPointsAttached", "The bucket you tried to delete has one or more access points attached. Delete your "
			"access points before attempting to delete your bucket.");
		return;
	}
	ASSERT(b->Via == NULL); /* not to be done through a point */
	uploads_abort_all(c, b->Name);
	struct str key, value;
	for (struct scan *s = call_scan(c, key_str(table(c, "config"), b->Name), STR_NONE, false); scan_next(s, &key, &value);)
		txn_del(c->txn, key);
	metrics_forget(c, b);
	access_log_set(c, b, false);
	call_del(c, bucket_key(c, b->Name));
	host_changed(c, b->Name);
}

void op_HeadBucket(struct call *c)
{
	const struct s3_HeadBucketRequest *in = c->in;
	struct s3_HeadBucketOutput *out = c->out;
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b == NULL)
		return;
	if (!allow(c, b, STR_NONE, "s3:ListBucket", &b->Grants, ACL_READ)) {
		call_header(c, "x-amz-bucket-region", b->Region);
		return;
	}
	call_header(c, "Content-Type", S("application/xml")); /* of no body, but S3 says so */
	out->BucketRegion = b->Region;
	out->BucketArn = b->Via != NULL ? b->Via->Arn : arena_join(c->arena, S("arn:aws:s3:::"), b->Name);
	out->AccessPointAlias = SOME_BOOL(b->Via != NULL && b->Via->Alias.v);
}

void op_GetBucketLocation(struct call *c)
{
	const struct s3_GetBucketLocationRequest *in = c->in;
	struct s3_GetBucketLocationOutput *out = c->out;
	const struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, "s3:GetBucketLocation");
	if (b != NULL && !str_eq(b->Region, S("us-east-1")))
		out->LocationConstraint = str_present(b->Constraint) ? b->Constraint : b->Region;
}

void op_ListBuckets(struct call *c)
{
	const struct s3_ListBucketsRequest *in = c->in;
	struct s3_ListBucketsOutput *out = c->out;
	struct str position, key, value;
	if (!accelerated_ok(c, NULL) || !authorize(c, "s3:ListAllMyBuckets", S("*"), NULL))
		return;
	if (!page_position(c->arena, in->ContinuationToken.n > 0 ? in->ContinuationToken : STR_NONE, &position)) {
		fail_value(c, "continuation-token", STR_NONE, "The continuation token provided is incorrect");
		return;
	}
	int64_t max = in->MaxBuckets.set ? in->MaxBuckets.v : 10000;
	if (max < 1 || max > 10000) {
		fail_value(c, "max-buckets", STR_NONE, "Argument max-buckets must be an integer between 1 and 10000");
		return;
	}
	if (str_present(in->BucketRegion) && !is_region(in->BucketRegion)) {
		fail_value(c, "bucket-region", STR_NONE, "Argument value %.*s is not a valid AWS Region", STR_ARG(in->BucketRegion));
		return;
	}
	bool paged = in->MaxBuckets.set || str_present(in->Prefix) || str_present(in->BucketRegion) || str_present(in->ContinuationToken);
	uint32_t n = 0, cap = 0;
	struct s3_Bucket *v = NULL;
	struct key *start = str_present(position) ? bucket_key(c, position) : NULL;
	struct scan *s = call_scan(c, table(c, "bucket"), start != NULL ? key_bytes(start) : STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		const struct s3_StoredBucket *b = record_decode(c, &s3_shape_StoredBucket, arena_dup(c->arena, value));
		if (!str_eq(b->Account, c->account) || !str_starts(b->Name, in->Prefix) ||
		    (str_present(in->BucketRegion) && !str_eq(in->BucketRegion, b->Region)))
			continue;
		ASSERT(n == 0 || str_cmp(v[n - 1].Name, b->Name) < 0);
		if (n == (uint32_t)max) {
			out->ContinuationToken = page_token(c->arena, v[n - 1].Name);
			break;
		}
		if (n == cap) {
			v = arena_grow(c->arena, v, sizeof *v, cap, cap * 2 + 16);
			cap = cap * 2 + 16;
		}
		v[n].Name = b->Name;
		v[n].CreationDate = b->Created;
		if (paged)
			v[n].BucketRegion = b->Region;
		v[n].BucketArn = arena_join(c->arena, S("arn:aws:s3:::"), b->Name);
		n++;
	}
	scan_close(s);
	out->Buckets = (struct list){v, n, true};
	out->Owner = owner_of(c, c->account);
	out->Prefix = in->Prefix;
}
