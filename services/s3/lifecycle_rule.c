/* Which lifecycle rules S3 takes, beyond what their form says.
 *
 * Source: "PutBucketLifecycleConfiguration", "LifecycleRule" and "LifecycleRuleFilter" (S3 API Reference), "Lifecycle configuration
 * elements" and "Transitioning objects using Amazon S3 Lifecycle" (S3 User Guide). */
#include "s3.h"

#include "base/time.h"

enum { INFREQUENT_DAYS = 30, DAY_MS = 86400000 };

/* "(prefix=logs/ and tag={key=a, value=b})", as S3 names a rule. */
static struct str said(struct call *c, const struct s3_LifecycleRule *r)
{
	const struct s3_LifecycleRuleFilter *f = r->Filter;
	const struct s3_LifecycleRuleAndOperator *and = f != NULL ? f->And : NULL;
	struct str prefix = and != NULL ? and->Prefix : f != NULL ? f->Prefix : r->Prefix;
	struct opt_i64 over = and != NULL ? and->ObjectSizeGreaterThan : f != NULL ? f->ObjectSizeGreaterThan : (struct opt_i64){0};
	struct opt_i64 under = and != NULL ? and->ObjectSizeLessThan : f != NULL ? f->ObjectSizeLessThan : (struct opt_i64){0};
	size_t n_tags = and != NULL ? and->Tags.n : f != NULL && f->Tag != NULL;
	struct buf b;
	buf_init(&b, c->arena, 0);
	if (str_present(prefix) || (n_tags == 0 && !over.set && !under.set))
		buf_printf(&b, "prefix=%.*s", STR_ARG(prefix));
	for (uint32_t i = 0; i < n_tags; i++) {
		const struct s3_Tag *t = and != NULL ? LIST_AT(and->Tags, struct s3_Tag, i) : f->Tag;
		buf_printf(&b, "%stag={key=%.*s, value=%.*s}", b.n > 0 ? " and " : "", STR_ARG(t->Key), STR_ARG(t->Value));
	}
	if (over.set)
		buf_printf(&b, "%sobjectsizegreaterthan=%lld", b.n > 0 ? " and " : "", (long long)over.v);
	if (under.set)
		buf_printf(&b, "%sobjectsizelessthan=%lld", b.n > 0 ? " and " : "", (long long)under.v);
	return arena_join(c->arena, S("("), buf_view(&b), S(")"));
}

/* A filter has one condition; only And and the two sizes go together. What acts on no object has no tags and no sizes. */
static bool filter_ok(struct call *c, const struct s3_LifecycleRule *r)
{
	const struct s3_LifecycleRuleFilter *f = r->Filter;
	if ((f != NULL) == str_present(r->Prefix)) {
		fail_xml(c);
		return false;
	}
	if (f == NULL)
		return true;
	bool sizes = f->ObjectSizeGreaterThan.set || f->ObjectSizeLessThan.set;
	if (str_present(f->Prefix) + (f->Tag != NULL) + (f->And != NULL) + sizes > 1) {
		fail_xml(c);
		return false;
	}
	bool tags = f->Tag != NULL || (f->And != NULL && f->And->Tags.n > 0);
	if (f->And != NULL)
		sizes |= f->And->ObjectSizeGreaterThan.set || f->And->ObjectSizeLessThan.set;
	const char *action = r->Expiration != NULL && r->Expiration->ExpiredObjectDeleteMarker.set ? "ExpiredObjectDeleteMarker" :
		r->AbortIncompleteMultipartUpload != NULL ? "AbortIncompleteMultipartUpload" : NULL;
	if (action == NULL || (!tags && !sizes))
		return true;
	fail_request(c, "%s cannot be specified with %s.", action, tags ? "Tags" : "Object Size");
	return false;
}

static bool infrequent(struct str class) { return str_eq(class, S("STANDARD_IA")) || str_eq(class, S("ONEZONE_IA")); }

/* All of them by days, or all by date, each to a class of its own, and before the rule deletes. */
static bool transitions_ok(struct call *c, const struct s3_LifecycleRule *r)
{
	const struct s3_LifecycleExpiration *e = r->Expiration;
	for (uint32_t i = 0; i < r->Transitions.n; i++) {
		const struct s3_Transition *t = LIST_AT(r->Transitions, struct s3_Transition, i);
		if (t->Date.set == t->Days.set || !str_present(t->StorageClass))
			fail_xml(c);
		else if (t->Days.set && t->Days.v < 0)
			fail_argument(c, "'Days' in Transition action must be nonnegative");
		else if (t->Days.set && t->Days.v < INFREQUENT_DAYS && infrequent(t->StorageClass))
			fail_argument(c, "'Days' in Transition action must be greater than or equal to %d for storageClass '%.*s'", INFREQUENT_DAYS,
				STR_ARG(t->StorageClass));
		else if (t->Date.set && t->Date.ms % DAY_MS != 0)
			fail_argument(c, "'Date' must be at midnight GMT");
		for (uint32_t k = 0; k < i && !c->failed; k++) {
			const struct s3_Transition *other = LIST_AT(r->Transitions, struct s3_Transition, k);
			if (other->Date.set != t->Date.set)
				fail_request(c, "Found mixed 'Date' and 'Days' based Transition actions in lifecycle rule for filter '%.*s'", STR_ARG(said(c, r)));
			else if (str_eq(other->StorageClass, t->StorageClass))
				fail_request(c, "'StorageClass' must be different for 'Transition' actions in same 'Rule' with filter '%.*s'", STR_ARG(said(c, r)));
		}
		if (!c->failed && e != NULL && ((e->Days.set && t->Date.set) || (e->Date.set && t->Days.set)))
			fail_request(c, "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for filter '%.*s'",
				STR_ARG(said(c, r)));
		if (!c->failed && e != NULL && (e->Days.set ? e->Days.v <= t->Days.v : e->Date.set && e->Date.ms <= t->Date.ms))
			fail_argument(c, "'%s' in the Expiration action for filter '%.*s' must be greater than '%s' in the Transition action",
				e->Days.set ? "Days" : "Date", STR_ARG(said(c, r)), e->Days.set ? "Days" : "Date");
		if (c->failed)
			return false;
	}
	return true;
}

static bool old_transitions_ok(struct call *c, const struct s3_LifecycleRule *r)
{
	const struct s3_NoncurrentVersionExpiration *e = r->NoncurrentVersionExpiration;
	for (uint32_t i = 0; i < r->NoncurrentVersionTransitions.n; i++) {
		const struct s3_NoncurrentVersionTransition *t = LIST_AT(r->NoncurrentVersionTransitions, struct s3_NoncurrentVersionTransition, i);
		if (!t->NoncurrentDays.set || !str_present(t->StorageClass))
			fail_xml(c);
		else if (t->NoncurrentDays.v < 0)
			fail_argument(c, "'NoncurrentDays' in NoncurrentVersionTransition action must be nonnegative");
		else if (t->NoncurrentDays.v < INFREQUENT_DAYS && infrequent(t->StorageClass))
			fail_argument(c, "'NoncurrentDays' in NoncurrentVersionTransition action must be greater than or equal to %d for storageClass '%.*s'",
				INFREQUENT_DAYS, STR_ARG(t->StorageClass));
		for (uint32_t k = 0; k < i && !c->failed; k++)
			if (str_eq(LIST_AT(r->NoncurrentVersionTransitions, struct s3_NoncurrentVersionTransition, k)->StorageClass, t->StorageClass))
				fail_request(c, "'StorageClass' must be different for 'NoncurrentVersionTransition' actions in same 'Rule' with filter '%.*s'",
					STR_ARG(said(c, r)));
		if (!c->failed && e != NULL && e->NoncurrentDays.set && e->NoncurrentDays.v <= t->NoncurrentDays.v)
			fail_argument(c, "'NoncurrentDays' in the NoncurrentVersionExpiration action for filter '%.*s' must be greater than 'NoncurrentDays' in "
				"the NoncurrentVersionTransition action", STR_ARG(said(c, r)));
		if (c->failed)
			return false;
	}
	return true;
}

bool lifecycle_rule_ok(struct call *c, const struct s3_LifecycleRule *r)
{
	ASSERT(r != NULL && !c->failed);
	if (r->AbortIncompleteMultipartUpload != NULL && r->AbortIncompleteMultipartUpload->DaysAfterInitiation.v <= 0) {
		fail_argument(c, "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer");
		return false;
	}
	return filter_ok(c, r) && transitions_ok(c, r) && old_transitions_ok(c, r);
}
