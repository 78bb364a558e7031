/* Tags of access points and of buckets.
 *
 * A point's lie with it. A bucket's are S3's: they are asked for and put there by its own operations, as S3 itself, after it has
 * been decided here that the caller may; the bucket's policy counts, and its tags where attribute-based access control is on.
 * Source: "TagResource", "UntagResource", "ListTagsForResource" (S3 Control API Reference), "Using tags with S3 general purpose
 * buckets" (S3 User Guide). */
#include "s3control.h"

#include "svc/arn.h"
#include "svc/tags.h"

enum { KEY_LETTERS = 128, VALUE_LETTERS = 256 };

/* What is tagged, and the tags it has; from access to run. */
struct tagged {
	struct s3control_StoredPoint *point; /* NULL: a bucket */
	struct str bucket;
	struct tags have;
};

/* ---- buckets ---- */

static struct invoked ask_s3(struct call *c, const char *op, struct str bucket, const struct json *more)
{
	const struct invoke_options as = {.who = service_principal(c, "s3.amazonaws.com", STR_NONE), .account = c->account};
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "Bucket", bucket);
	json_set_str(c->arena, in, "ExpectedBucketOwner", c->account);
	if (more != NULL)
		json_set(c->arena, in, S("Tagging"), more);
	return invoke(c, "s3", op, in, &as);
}

static void read_tags(struct call *c, const struct json *list, struct tags *out)
{
	ASSERT(json_is(list, JSON_ARRAY));
	out->v = arena_array(c->arena, struct tag, list->n);
	for (uint32_t i = 0; i < list->n; i++)
		out->v[out->n++] = (struct tag){json_get_str(&list->items[i], "Key"), json_get_str(&list->items[i], "Value")};
}

/* As S3 would decide it itself. */
static void bucket_keys(struct call *c, const struct tagged *t, struct access_extra *x)
{
	struct invoked policy = ask_s3(c, "GetBucketPolicy", t->bucket, NULL), abac = ask_s3(c, "GetBucketAbac", t->bucket, NULL);
	if (policy.ok)
		x->resource_policy = json_get_str(policy.out, "Policy");
	if (!abac.ok || !str_eq(json_get_str(json_get(abac.out, S("AbacStatus")), "Status"), S("Enabled")))
		return;
	tags_conditions(c, x, t->have);
	struct condition_key *keys = arena_array(c->arena, struct condition_key, x->n_keys + t->have.n);
	if (x->n_keys > 0)
		memcpy(keys, x->keys, x->n_keys * sizeof *keys);
	for (uint32_t i = 0; i < t->have.n; i++)
		keys[x->n_keys++] = (struct condition_key){arena_join(c->arena, S("s3:BucketTag/"), t->have.v[i].key), &t->have.v[i].value, 1};
	x->keys = keys;
}

static bool open_bucket(struct call *c, struct tagged *t, struct access_extra *x)
{
	struct invoked i = ask_s3(c, "GetBucketTagging", t->bucket, NULL);
	if (!i.ok && !str_eq(i.error.code, S("NoSuchTagSet"))) {
		call_fail_as(c, &i.error);
		return false;
	}
	if (i.ok)
		read_tags(c, json_get(i.out, S("TagSet")), &t->have);
	bucket_keys(c, t, x);
	return true;
}

/* ---- permission ---- */

static bool open_resource(struct call *c, struct str text, struct tagged *t, struct access_extra *x)
{
	struct arn arn;
	bool s3 = arn_parse(text, &arn) && str_eq(arn.service, S("s3"));
	if (s3 && str_starts(arn.resource, S("accesspoint/")) && str_eq(arn.account, c->account)) {
		t->point = point_find(c, str_slice(arn.resource, sizeof "accesspoint/" - 1, arn.resource.n));
		if (t->point == NULL)
			return false;
		t->have = TAGS_OF(t->point->Labels, struct s3control_Tag);
		tags_conditions(c, x, t->have); /* points have no need to turn it on */
		return true;
	}
	if (s3 && arn.account.n == 0 && str_find(arn.resource, '/') < 0) {
		t->bucket = arn.resource;
		return open_bucket(c, t, x);
	}
	call_unsupported(c, "tsubo tags buckets and access points through this operation, not %.*s", STR_ARG(text));
	return false;
}

void access_tags(struct call *c)
{
	struct head { struct str AccountId, ResourceArn; };
	_Static_assert(offsetof(struct s3control_TagResourceRequest, ResourceArn) == offsetof(struct head, ResourceArn) &&
		offsetof(struct s3control_UntagResourceRequest, ResourceArn) == offsetof(struct head, ResourceArn) &&
		offsetof(struct s3control_ListTagsForResourceRequest, ResourceArn) == offsetof(struct head, ResourceArn), "account and ARN come first");
	const struct head *in = c->in;
	struct tagged *t = arena_new_of(c->arena, struct tagged);
	struct access_extra x = {0};
	if (own_account(c, in->AccountId) && open_resource(c, in->ResourceArn, t, &x) && authorize(c, NULL, in->ResourceArn, &x))
		c->memo = t;
}

/* ---- operations ---- */

static void keep(struct call *c, struct tagged *t)
{
	if (t->point != NULL) {
		t->point->Labels = (struct list){t->have.v, t->have.n, true};
		point_put(c, t->point);
		return;
	}
	struct json *tagging = json_new_object(c->arena), *set = json_set(c->arena, tagging, S("TagSet"), json_new_array(c->arena));
	for (uint32_t i = 0; i < t->have.n; i++) {
		struct json *one = json_push(c->arena, set, json_new_object(c->arena));
		json_set_str(c->arena, one, "Key", t->have.v[i].key);
		json_set_str(c->arena, one, "Value", t->have.v[i].value);
	}
	struct invoked i = ask_s3(c, "PutBucketTagging", t->bucket, tagging);
	if (!i.ok)
		call_fail_as(c, &i.error);
}

static bool letters_ok(struct call *c, struct tags more)
{
	for (uint32_t i = 0; i < more.n; i++) {
		const struct tag *t = &more.v[i];
		bool valid = t->key.n > 0 && utf8_valid(t->key) && utf8_valid(t->value);
		if (valid && utf8_length(t->key) <= KEY_LETTERS && utf8_length(t->value) <= VALUE_LETTERS)
			continue;
		call_fail_code(c, 400, "InvalidTag", "The tag is not valid: a key has 1 to %d characters, a value at most %d", KEY_LETTERS, VALUE_LETTERS);
		return false;
	}
	return true;
}

void op_tag_resource(struct call *c)
{
	const struct s3control_TagResourceRequest *in = c->in;
	struct tagged *t = c->memo;
	struct tags more = TAGS_OF(in->Tags, struct s3control_Tag);
	const struct tags_rules rules = {.max = TAGS_OF_RESOURCE};
	ASSERT(t != NULL);
	if (!letters_ok(c, more))
		return;
	enum tags_fault fault = tags_put(c->arena, &t->have, more, &rules);
	if (fault == TAGS_TOO_MANY)
		call_fail(c, &s3control_err_TooManyTagsException, "A resource has at most %d tags", TAGS_OF_RESOURCE);
	else if (fault != TAGS_OK)
		call_fail_code(c, 400, "InvalidTag", fault == TAGS_RESERVED ? "System tags cannot be added/updated by requester"
			: "Cannot provide multiple Tags with the same key");
	else
		keep(c, t);
}

void op_untag_resource(struct call *c)
{
	const struct s3control_UntagResourceRequest *in = c->in;
	struct tagged *t = c->memo;
	ASSERT(t != NULL);
	tags_drop(&t->have, &in->TagKeys, false);
	keep(c, t);
}

void op_list_tags_for_resource(struct call *c)
{
	struct s3control_ListTagsForResourceResult *out = c->out;
	const struct tagged *t = c->memo;
	ASSERT(t != NULL);
	out->Tags = (struct list){t->have.v, t->have.n, true};
}
