/* Users and their access keys.
 *
 * Source: IAM API Reference. Operations that take an optional UserName act on the caller when it is not given; root is
 * an entity of its own kind, made when its first access key is. */
#include "iam.h"

#include "auth/session.h"
#include "os/os.h"

enum { KEYS_PER_USER = 2, SECRET_LENGTH = 40 };

void user_out(struct call *c, enum kind kind, const struct iam_Entity *e, struct iam_User *out, bool in_full)
{
	*out = (struct iam_User){.Path = e->Path, .UserName = e->Name, .UserId = e->Id, .Arn = entity_arn(c, kind, e), .CreateDate = e->Created};
	if (kind == KIND_ROOT)
		out->UserId = c->account;
	if (!in_full)
		return;
	if (str_present(e->Boundary)) {
		out->PermissionsBoundary = arena_new_of(c->arena, struct iam_AttachedPermissionsBoundary);
		*out->PermissionsBoundary = (struct iam_AttachedPermissionsBoundary){S("Policy"), e->Boundary};
	}
	if (e->Labels.n > 0)
		out->Tags = e->Labels;
}

static struct iam_Entity *root_entity(struct call *c)
{
	struct iam_Entity *e = entity_find(c, KIND_ROOT, S("root"));
	if (e != NULL)
		return e;
	e = arena_new_of(c->arena, struct iam_Entity);
	*e = (struct iam_Entity){.Name = S("root"), .Path = S("/"), .Id = c->account, .Created = SOME_TIME(0)};
	return e;
}

struct iam_Entity *user_or_caller(struct call *c, struct str name, enum kind *kind)
{
	*kind = KIND_USER;
	if (str_present(name))
		return entity_get(c, KIND_USER, name);
	if (c->who->type == PRINCIPAL_USER)
		return entity_get(c, KIND_USER, c->who->name);
	if (c->who->type == PRINCIPAL_ROOT) {
		*kind = KIND_ROOT;
		return root_entity(c);
	}
	call_fail_code(c, 400, "ValidationError", "Must specify userName when calling with non-User credentials");
	return NULL;
}

void op_CreateUser(struct call *c)
{
	const struct iam_CreateUserRequest *in = c->in;
	struct iam_CreateUserResponse *out = c->out;
	struct iam_Entity *e = entity_new(c, KIND_USER, in->UserName, in->Path, in->Tags);
	if (e == NULL || !boundary_ok(c, in->PermissionsBoundary))
		return;
	e->Boundary = in->PermissionsBoundary;
	entity_put(c, KIND_USER, e);
	out->User = arena_new_of(c->arena, struct iam_User);
	user_out(c, KIND_USER, e, out->User, true);
}

void op_GetUser(struct call *c)
{
	const struct iam_GetUserRequest *in = c->in;
	struct iam_GetUserResponse *out = c->out;
	enum kind kind;
	const struct iam_Entity *e = user_or_caller(c, in->UserName, &kind);
	if (e == NULL)
		return;
	out->User = arena_new_of(c->arena, struct iam_User);
	user_out(c, kind, e, out->User, true);
}

void op_DeleteUser(struct call *c)
{
	const struct iam_DeleteUserRequest *in = c->in;
	const struct iam_Entity *e = entity_get(c, KIND_USER, in->UserName);
	if (e == NULL)
		return;
	const char *what = e->Keys.n > 0 ? "must delete access keys first" : e->Devices.n > 0 ? "must delete MFA device first"
		: e->Password != NULL ? "must delete login profile first" : e->Attached.n > 0 ? "must detach all policies first"
		: e->Inline.n > 0 ? "must delete policies first" : e->Groups.n > 0 ? "must remove users from group first" : NULL;
	if (what != NULL)
		call_fail(c, &iam_err_DeleteConflictException, "Cannot delete entity, %s.", what);
	else
		entity_del(c, KIND_USER, in->UserName);
}

static void list_user(struct call *c, const struct iam_Entity *e, void *arg)
{
	struct list *l = arg;
	struct iam_User *v = l->v = arena_grow(c->arena, l->v, sizeof *v, l->n, l->n + 1);
	user_out(c, KIND_USER, e, &v[l->n++], false);
}

void op_ListUsers(struct call *c)
{
	const struct iam_ListUsersRequest *in = c->in;
	struct iam_ListUsersResponse *out = c->out;
	out->Users = LIST_OF(c->arena, struct iam_User, 0);
	entity_page(c, KIND_USER, in->PathPrefix, in->Marker, in->MaxItems, list_user, &out->Users, &out->IsTruncated, &out->Marker);
}

void op_UpdateUser(struct call *c)
{
	const struct iam_UpdateUserRequest *in = c->in;
	struct iam_Entity *e = entity_get(c, KIND_USER, in->UserName);
	if (e == NULL)
		return;
	if (str_present(in->NewPath))
		e->Path = in->NewPath;
	if (str_present(in->NewUserName) && !str_eq(in->NewUserName, e->Name)) {
		if (!entity_rename(c, KIND_USER, e, in->NewUserName))
			return;
		devices_renamed(c, e);
	}
	entity_put(c, KIND_USER, e);
	keys_changed(c, KIND_USER, in->UserName);
	keys_changed(c, KIND_USER, e->Name);
}

/* ---- access keys ---- */

static struct str make_secret(struct arena *a)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char dice[SECRET_LENGTH];
	char *secret = arena_bytes(a, SECRET_LENGTH);
	random_bytes(dice, sizeof dice);
	for (size_t i = 0; i < SECRET_LENGTH; i++)
		secret[i] = alphabet[dice[i] & 63];
	return str_of(secret, SECRET_LENGTH);
}

static struct str shown_name(enum kind kind, const struct iam_Entity *e) { return kind == KIND_ROOT ? STR_NONE : e->Name; }

void op_CreateAccessKey(struct call *c)
{
	const struct iam_CreateAccessKeyRequest *in = c->in;
	struct iam_CreateAccessKeyResponse *out = c->out;
	enum kind kind;
	struct iam_Entity *e = user_or_caller(c, in->UserName, &kind);
	if (e == NULL)
		return;
	ASSERT(e->Keys.n <= KEYS_PER_USER);
	if (e->Keys.n >= KEYS_PER_USER) {
		call_fail(c, &iam_err_LimitExceededException, "Cannot exceed quota for AccessKeysPerUser: %d", KEYS_PER_USER);
		return;
	}
	struct iam_KeyPair *v = e->Keys.v = arena_grow(c->arena, e->Keys.v, sizeof *v, e->Keys.n, e->Keys.n + 1), *k = &v[e->Keys.n++];
	e->Keys.set = true;
	*k = (struct iam_KeyPair){access_key_make(c->arena, "AKIA", c->account), make_secret(c->arena), SOME_BOOL(false),
		SOME_TIME(c->now_ms / 1000 * 1000)};
	entity_put(c, kind, e);
	keys_changed(c, kind, e->Name);
	out->AccessKey = arena_new_of(c->arena, struct iam_AccessKey);
	*out->AccessKey = (struct iam_AccessKey){shown_name(kind, e), k->Id, S("Active"), k->Secret, k->Created};
}

static struct iam_KeyPair *key_get(struct call *c, const struct iam_Entity *e, struct str id)
{
	for (uint32_t i = 0; i < e->Keys.n; i++)
		if (str_eq(LIST_AT(e->Keys, struct iam_KeyPair, i)->Id, id))
			return LIST_AT(e->Keys, struct iam_KeyPair, i);
	call_fail(c, &iam_err_NoSuchEntityException, "The Access Key with id %.*s cannot be found.", STR_ARG(id));
	return NULL;
}

void op_DeleteAccessKey(struct call *c)
{
	const struct iam_DeleteAccessKeyRequest *in = c->in;
	enum kind kind;
	struct iam_Entity *e = user_or_caller(c, in->UserName, &kind);
	struct iam_KeyPair *k = e != NULL ? key_get(c, e, in->AccessKeyId) : NULL, *all = e != NULL ? e->Keys.v : NULL;
	if (k == NULL)
		return;
	ASSERT(e->Keys.n > 0 && k >= all && k < all + e->Keys.n);
	memmove(k, k + 1, (size_t)(all + e->Keys.n - k - 1) * sizeof *k);
	e->Keys.n--;
	entity_put(c, kind, e);
	keys_changed(c, kind, e->Name);
}

void op_UpdateAccessKey(struct call *c)
{
	const struct iam_UpdateAccessKeyRequest *in = c->in;
	enum kind kind;
	struct iam_Entity *e = user_or_caller(c, in->UserName, &kind);
	struct iam_KeyPair *k = e != NULL ? key_get(c, e, in->AccessKeyId) : NULL;
	if (k == NULL)
		return;
	if (str_eq(in->Status, S("Expired"))) {
		call_fail_code(c, 400, "ValidationError", "Status must be Active or Inactive.");
		return;
	}
	k->Inactive = SOME_BOOL(str_eq(in->Status, S("Inactive")));
	entity_put(c, kind, e);
	keys_changed(c, kind, e->Name);
}

void op_ListAccessKeys(struct call *c)
{
	const struct iam_ListAccessKeysRequest *in = c->in;
	struct iam_ListAccessKeysResponse *out = c->out;
	enum kind kind;
	struct page p;
	const struct iam_Entity *e = user_or_caller(c, in->UserName, &kind);
	if (e == NULL || !page_open(c, in->Marker, in->MaxItems, &p))
		return;
	struct list l = LIST_OF(c->arena, struct iam_AccessKeyMetadata, e->Keys.n);
	for (uint32_t i = 0; i < l.n; i++) {
		const struct iam_KeyPair *k = LIST_AT(e->Keys, struct iam_KeyPair, i);
		((struct iam_AccessKeyMetadata *)l.v)[i] = (struct iam_AccessKeyMetadata){shown_name(kind, e), k->Id,
			k->Inactive.v ? S("Inactive") : S("Active"), k->Created};
	}
	out->AccessKeyMetadata = page_cut(c, p, l, sizeof(struct iam_AccessKeyMetadata), &out->IsTruncated, &out->Marker);
}
