/* Who may do what: bucket policies beside IAM, then ACLs where the bucket lets them count, within the public access
 * block. Source: "How Amazon S3 authorizes a request", "Access control list overview", "Blocking public access" (S3 User
 * Guide). */
#include "s3.h"

#include "svc/policies.h"
#include "svc/tags.h"

#define ALL_USERS "http://acs.amazonaws.com/groups/global/AllUsers"
#define AUTHENTICATED "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
#define LOG_DELIVERY "http://acs.amazonaws.com/groups/s3/LogDelivery"

bool acls_off(const struct s3_StoredBucket *b) { return str_eq(b->Ownership, S("BucketOwnerEnforced")); }

static bool yes(struct opt_bool o) { return o.set && o.v; }

/* ---- what an ACL allows ---- */

static const char *const acl_words[] = {[ACL_NONE] = "", [ACL_READ] = "READ", [ACL_WRITE] = "WRITE", [ACL_READ_ACP] = "READ_ACP",
	[ACL_WRITE_ACP] = "WRITE_ACP"};

static bool is_public(const struct s3_Grantee *g) { return str_eq(g->URI, S(ALL_USERS)) || str_eq(g->URI, S(AUTHENTICATED)); }

bool grants_public(const struct list *grants)
{
	for (uint32_t i = 0; i < grants->n; i++) {
		const struct s3_Grant *g = LIST_AT(*grants, struct s3_Grant, i);
		if (g->Grantee != NULL && is_public(g->Grantee))
			return true;
	}
	return false;
}

static bool ignores_public(struct call *c, const struct s3_StoredBucket *b)
{
	return (b->Public != NULL && yes(b->Public->IgnorePublicAcls)) || (b->Via != NULL && yes(b->Via->IgnorePublicAcls)) ||
	       account_blocks(c, b, "IgnorePublicAcls");
}

/* One question for permission. owner, labels: of an object that is there. */
struct asked {
	const struct s3_StoredBucket *b;
	struct str key, owner;
	const char *action;
	const struct list *grants, *labels;
	enum acl need;
};

/* An account's grant is for its root, and for those of its users and roles whom their own policies let do it. */
static bool acl_allows(struct call *c, const struct asked *q, bool by_identity)
{
	ASSERT((size_t)q->need < COUNT_OF(acl_words));
	if (q->grants == NULL || q->need == ACL_NONE || acls_off(q->b))
		return false;
	bool known = c->who->type != PRINCIPAL_ANONYMOUS;
	struct str id = known ? canonical_id(c, c->who->account) : STR_NONE;
	for (uint32_t i = 0; i < q->grants->n; i++) {
		const struct s3_Grant *g = LIST_AT(*q->grants, struct s3_Grant, i);
		const struct s3_Grantee *to = g->Grantee;
		if (to == NULL || (!str_eq(g->Permission, str_c(acl_words[q->need])) && !str_eq(g->Permission, S("FULL_CONTROL"))))
			continue;
		if (is_public(to) && ignores_public(c, q->b))
			continue;
		if (str_eq(to->URI, S(LOG_DELIVERY)) && c->who->type == PRINCIPAL_SERVICE && str_eq(c->who->name, S("logging.s3.amazonaws.com")))
			return true;
		if (str_eq(to->URI, S(ALL_USERS)) || (known && str_eq(to->URI, S(AUTHENTICATED))) ||
		    (known && (c->who->type == PRINCIPAL_ROOT || by_identity) && str_eq(to->ID, id)))
			return true;
	}
	return false;
}

/* ---- the question ---- */

static struct str resource_of(struct call *c, const struct s3_StoredBucket *b, struct str key)
{
	ASSERT(b->Name.n > 0);
	if (!str_present(key))
		return arena_join(c->arena, S("arn:aws:s3:::"), b->Name);
	return arena_join(c->arena, S("arn:aws:s3:::"), b->Name, S("/"), key);
}

static bool same_account(const struct call *c, const struct s3_StoredBucket *b)
{
	return (c->who->type != PRINCIPAL_ANONYMOUS && c->who->type != PRINCIPAL_SERVICE) && str_eq(c->who->account, b->Account);
}

/* The bucket's tags, where they are to decide: as the global key, and as S3's own.
 * Source: "Using tags with S3 general purpose buckets", "Enabling ABAC in general purpose buckets" (S3 User Guide). */
static void bucket_tag_keys(struct call *c, const struct s3_StoredBucket *b, struct access_extra *x)
{
	if (!str_eq(b->Abac, S("Enabled")) || b->Labels.n == 0)
		return;
	tags_conditions(c, x, TAGS_OF(b->Labels, struct s3_Tag));
	struct condition_key *keys = arena_array(c->arena, struct condition_key, x->n_keys + b->Labels.n);
	memcpy(keys, x->keys, x->n_keys * sizeof *keys);
	for (uint32_t i = 0; i < b->Labels.n; i++) {
		struct s3_Tag *t = LIST_AT(b->Labels, struct s3_Tag, i);
		keys[x->n_keys++] = (struct condition_key){arena_join(c->arena, S("s3:BucketTag/"), t->Key), &t->Value, 1};
	}
	x->keys = keys;
}

/* labels: those of the object it is about; NULL: of none that is known. */
static struct access_extra *extra_of(struct call *c, const struct s3_StoredBucket *b, const struct list *labels)
{
	enum { OWN_KEYS = 4 };
	const struct s3_said *said = request_says(c);
	uint32_t n_labels = labels != NULL ? labels->n : 0;
	struct condition_key *keys = arena_array(c->arena, struct condition_key, said->n + n_labels + OWN_KEYS);
	struct access_extra *x = arena_new_of(c->arena, struct access_extra);
	if (said->n > 0)
		memcpy(keys, said->keys, said->n * sizeof *keys);
	x->n_keys = said->n;
	keys[x->n_keys++] = (struct condition_key){S("s3:ResourceAccount"), &b->Account, 1};
	if (b->Via != NULL) {
		static const struct str internet = STR_INIT("Internet");
		keys[x->n_keys++] = (struct condition_key){S("s3:DataAccessPointArn"), &b->Via->Arn, 1};
		keys[x->n_keys++] = (struct condition_key){S("s3:DataAccessPointAccount"), &b->Via->Account, 1};
		keys[x->n_keys++] = (struct condition_key){S("s3:AccessPointNetworkOrigin"), &internet, 1};
	}
	for (uint32_t i = 0; i < n_labels; i++) {
		const struct s3_Tag *t = LIST_AT(*labels, struct s3_Tag, i);
		keys[x->n_keys++] = (struct condition_key){arena_join(c->arena, S("s3:ExistingObjectTag/"), t->Key), &t->Value, 1};
	}
	ASSERT(x->n_keys <= said->n + n_labels + OWN_KEYS);
	x->keys = keys;
	x->resource_policy = b->PolicyText;
	bucket_tag_keys(c, b, x);
	if (!same_account(c, b))
		x->resource_account = b->Account;
	return x;
}

static void note_acl(struct call *c)
{
	struct s3_note *note = note_of(c);
	if (note != NULL)
		note->acl = true;
}

/* The bucket's own answer: its policy and the asker's, then ACLs, within the public access block. */
static enum decision decide(struct call *c, const struct asked *q, const struct access_extra *x)
{
	const struct s3_StoredBucket *b = q->b;
	ASSERT(strncmp(q->action, "s3:", 3) == 0 && q->need <= ACL_WRITE_ACP);
	struct verdict v = authorize_as(c, c->who, str_c(q->action), resource_of(c, b, q->key), x);
	if (v.decision == DECISION_ALLOW && !same_account(c, b) && c->who->type != PRINCIPAL_SERVICE && policy_public(c->arena, b->PolicyText) &&
	    ((b->Public != NULL && yes(b->Public->RestrictPublicBuckets)) || account_blocks(c, b, "RestrictPublicBuckets")))
		return DECISION_IMPLICIT_DENY;
	if (v.decision != DECISION_IMPLICIT_DENY || !acl_allows(c, q, false))
		return v.decision;
	note_acl(c);
	return DECISION_ALLOW;
}

static bool of_another(const struct asked *q) { return str_present(q->owner) && !str_eq(q->owner, q->b->Account) && !acls_off(q->b); }

/* An object of another account than the bucket's: its owner decides, by its ACL; of the bucket's policy only what it denies counts.
 * Source: "How Amazon S3 authorizes a request for an object operation" (S3 User Guide). */
static bool granted_by_owner(struct call *c, const struct asked *q, const struct access_extra *x)
{
	struct access_extra alone = *x, within = *x;
	within.resource_account = alone.resource_account = alone.resource_policy = STR_NONE;
	struct str action = str_c(q->action), resource = resource_of(c, q->b, q->key);
	if (authorize_as(c, c->who, action, resource, &within).decision == DECISION_EXPLICIT_DENY)
		return false;
	bool by_identity = authorize_as(c, c->who, action, resource, &alone).decision == DECISION_ALLOW;
	bool owner = c->who->type != PRINCIPAL_ANONYMOUS && str_eq(c->who->account, q->owner);
	if (owner && by_identity && (q->grants->n == 0 || q->need == ACL_NONE || q->need >= ACL_READ_ACP))
		return true;
	bool let_in = acl_allows(c, q, by_identity);
	if (let_in)
		note_acl(c);
	return let_in;
}

static bool granted(struct call *c, const struct asked *q)
{
	const struct s3_StoredBucket *b = q->b;
	bool foreign = of_another(q);
	if (c->who->type == PRINCIPAL_ROOT && same_account(c, b) && b->PolicyText.n == 0 && b->Via == NULL && !foreign)
		return true;
	const struct access_extra *x = extra_of(c, b, q->labels);
	bool by_identity = false;
	if (b->Via != NULL && !point_allows(c, b, q->key, q->action, x, &by_identity))
		return false;
	if (foreign)
		return granted_by_owner(c, q, x);
	enum decision d = decide(c, q, x);
	return d == DECISION_ALLOW || (d == DECISION_IMPLICIT_DENY && by_identity);
}

static bool granted_or_fail(struct call *c, const struct asked *q)
{
	if (c->failed)
		return false;
	if (granted(c, q))
		return true;
	if (c->who->type == PRINCIPAL_ANONYMOUS || q->b->Via != NULL || of_another(q)) {
		fail_denied(c);
		return false;
	}
	(void)authorize(c, q->action, resource_of(c, q->b, q->key), extra_of(c, q->b, q->labels)); /* the sentence that says why */
	if (!c->failed)
		fail_denied(c);
	return false;
}

bool may(struct call *c, const struct s3_StoredBucket *b, struct str key, const char *action, const struct list *grants, enum acl need)
{
	const struct asked q = {.b = b, .key = key, .action = action, .grants = grants, .need = need};
	return granted(c, &q);
}

bool allow(struct call *c, const struct s3_StoredBucket *b, struct str key, const char *action, const struct list *grants, enum acl need)
{
	const struct asked q = {.b = b, .key = key, .action = action, .grants = grants, .need = need};
	return granted_or_fail(c, &q);
}

bool may_object(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, const char *action, enum acl need)
{
	const struct asked q = {b, o->Key, o->Account, action, &o->Grants, &o->Labels, need};
	return granted(c, &q);
}

bool allow_object(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, const char *action, enum acl need)
{
	const struct asked q = {b, o->Key, o->Account, action, &o->Grants, &o->Labels, need};
	return granted_or_fail(c, &q);
}

/* ---- ACLs out of requests ---- */

struct grants { struct call *c; struct s3_Grant *v; uint32_t n, cap; };

static void grant(struct grants *g, const char *type, struct str id, struct str uri, const char *permission)
{
	if (g->n == g->cap) {
		g->v = arena_grow(g->c->arena, g->v, sizeof *g->v, g->cap, g->cap * 2 + 4);
		g->cap = g->cap * 2 + 4;
	}
	struct s3_Grantee *to = arena_new_of(g->c->arena, struct s3_Grantee);
	to->Type = str_c(type);
	to->ID = id;
	to->URI = uri;
	g->v[g->n++] = (struct s3_Grant){to, str_c(permission)};
}

struct list owner_grants(struct call *c, struct str account)
{
	struct grants g = {.c = c};
	grant(&g, "CanonicalUser", canonical_id(c, account), STR_NONE, "FULL_CONTROL");
	ASSERT(g.n == 1);
	return (struct list){g.v, g.n, true};
}

/* false: there is no such canned ACL. */
static bool canned_grants(struct grants *g, const struct s3_StoredBucket *b, struct str canned, bool object)
{
	if (str_eq(canned, S("private")))
		return true;
	if (str_eq(canned, S("public-read")) || str_eq(canned, S("public-read-write"))) {
		grant(g, "Group", STR_NONE, S(ALL_USERS), "READ");
		if (canned.n > sizeof "public-read" - 1)
			grant(g, "Group", STR_NONE, S(ALL_USERS), "WRITE");
		return true;
	}
	if (str_eq(canned, S("authenticated-read"))) {
		grant(g, "Group", STR_NONE, S(AUTHENTICATED), "READ");
		return true;
	}
	if (str_eq(canned, S("log-delivery-write")) && !object) {
		grant(g, "Group", STR_NONE, S(LOG_DELIVERY), "WRITE");
		grant(g, "Group", STR_NONE, S(LOG_DELIVERY), "READ_ACP");
		return true;
	}
	if (object && (str_eq(canned, S("bucket-owner-read")) || str_eq(canned, S("bucket-owner-full-control")))) {
		if (!str_eq(b->Account, g->c->account))
			grant(g, "CanonicalUser", canonical_id(g->c, b->Account), STR_NONE, canned.n > sizeof "bucket-owner-read" - 1 ? "FULL_CONTROL" : "READ");
		return true;
	}
	return object && str_eq(canned, S("aws-exec-read"));
}

/* Since October 2025: "PutObjectAcl" (S3 API Reference). */
static void fail_email(struct call *c)
{
	call_fail_code(c, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
}

/* id="...", uri="...", emailAddress="...": one grant header. */
static bool header_grants(struct grants *g, struct str header, const char *permission)
{
	while (str_present(header) && header.n > 0) {
		struct str value = str_trim(str_cut(&header, ',')), name = str_trim(str_cut(&value, '='));
		value = str_trim(value);
		if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
			value = str_slice(value, 1, value.n - 1);
		if (str_eq_nocase(name, S("id")) && value.n > 0)
			grant(g, "CanonicalUser", value, STR_NONE, permission);
		else if (str_eq_nocase(name, S("uri")) && value.n > 0)
			grant(g, "Group", STR_NONE, value, permission);
		else if (str_eq_nocase(name, S("emailAddress")) && value.n > 0) {
			fail_email(g->c);
			return false;
		} else
			return false;
	}
	return true;
}

/* What the bucket's settings refuse. */
bool acl_check(struct call *c, const struct s3_StoredBucket *b, const struct list *grants, bool header)
{
	if (grants_public(grants) && ((b->Public != NULL && yes(b->Public->BlockPublicAcls)) || account_blocks(c, b, "BlockPublicAcls"))) {
		fail_denied(c);
		return false;
	}
	for (uint32_t i = 0; i < grants->n; i++) {
		const struct s3_Grant *g = LIST_AT(*grants, struct s3_Grant, i);
		const struct s3_Grantee *to = g->Grantee;
		if (to == NULL || (!str_present(to->ID) && !str_present(to->URI))) {
			if (to != NULL && str_present(to->EmailAddress))
				fail_email(c);
			else
				call_fail_code(c, 400, "MalformedACLError", "The XML you provided was not well-formed or did not validate against our published "
					"schema");
			return false;
		}
		if (str_present(to->URI) && !is_public(to) && !str_eq(to->URI, S(LOG_DELIVERY))) {
			fail_value(c, header ? "uri" : "Group/URI", to->URI, "Invalid group uri");
			return false;
		}
		if (str_present(to->ID) && to->ID.n != 64) {
			fail_value(c, header ? "id" : "CanonicalUser/ID", to->ID, "Invalid id");
			return false;
		}
	}
	return true;
}

bool acl_from_request(struct call *c, const struct s3_StoredBucket *b, struct str canned, const struct str header[5], bool object, struct list *out)
{
	static const char *const permissions[5] = {"FULL_CONTROL", "READ", "READ_ACP", "WRITE", "WRITE_ACP"};
	static const char *const names[5] = {"x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp", "x-amz-grant-write",
		"x-amz-grant-write-acp"};
	struct grants g = {.c = c};
	bool any = false;
	for (size_t i = 0; i < 5; i++)
		any |= str_present(header[i]);
	*out = (struct list){0};
	if (!str_present(canned) && !any)
		return true; /* the owner's grant is implied */
	if (str_present(canned) && any) {
		fail_request(c, "Specifying both Canned ACLs and Header Grants is not allowed");
		return false;
	}
	if (!any)
		grant(&g, "CanonicalUser", canonical_id(c, c->account), STR_NONE, "FULL_CONTROL");
	if (str_present(canned) && !canned_grants(&g, b, canned, object)) { /* whatever the bucket thinks of ACLs */
		fail_value(c, "x-amz-acl", canned, "%s", "");
		return false;
	}
	bool harmless = str_eq(canned, S("private")) || str_eq(canned, S("bucket-owner-full-control"));
	if (acls_off(b) && !(object && str_eq(canned, S("bucket-owner-full-control"))) && !(!object && harmless)) {
		call_fail_code(c, 400, object ? "AccessControlListNotSupported" : "InvalidBucketAclWithObjectOwnership",
			object ? "The bucket does not allow ACLs" : "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting");
		return false;
	}
	for (size_t i = 0; i < 5; i++)
		if (!header_grants(&g, header[i], permissions[i])) {
			fail_value(c, names[i], header[i], "Argument format not recognized");
			return false;
		}
	*out = (struct list){g.v, g.n, true};
	return acl_check(c, b, out, true);
}
