/* What each operation touches: the entity or policy its input names, and the condition keys of IAM.
 *
 * Source: "Actions, resources, and condition keys for AWS Identity and Access Management" (Service Authorization
 * Reference). One function for all operations: it looks at the members the input has. */
#include "iam.h"

enum { KEYS_MAX = 128 };

static struct str input_text(struct call *c, const char *name)
{
	const struct shape *s = c->op->model->input;
	const struct member *m = s != NULL ? shape_member(s, str_c(name)) : NULL;
	return m != NULL && m->shape->type == SHAPE_STRING ? *(const struct str *)((const char *)c->in + m->offset) : STR_NONE;
}

/* As it is stored, or as it would be created. */
static struct str named(struct call *c, enum kind kind, struct str name, const struct iam_Entity **found)
{
	const struct iam_Entity *e = entity_find(c, kind, name);
	struct iam_Entity made = {.Name = name, .Path = input_text(c, "Path")};
	if (!str_present(made.Path))
		made.Path = S("/");
	*found = e;
	return entity_arn(c, kind, e != NULL ? e : &made);
}

static struct str resource_of(struct call *c, const struct iam_Entity **found)
{
	static const struct { const char *member; enum kind kind; } members[] = {
		{"InstanceProfileName", KIND_PROFILE}, {"RoleName", KIND_ROLE}, {"GroupName", KIND_GROUP}, {"UserName", KIND_USER},
	};
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		struct str name = input_text(c, members[i].member);
		if (str_present(name))
			return named(c, members[i].kind, name, found);
	}
	struct str arn = input_text(c, "PolicyArn");
	if (!str_present(arn))
		arn = input_text(c, "PolicySourceArn");
	if (str_present(arn))
		return arn;
	struct str policy = input_text(c, "PolicyName"), path = input_text(c, "Path");
	if (str_present(policy))
		return arena_printf(c->arena, "arn:aws:iam::%.*s:policy%.*s%.*s", STR_ARG(c->account), STR_ARG(str_present(path) ? path : S("/")),
			STR_ARG(policy));
	const struct shape *input = c->op->model->input;
	if (input != NULL && shape_member(input, S("UserName")) != NULL) /* absent: the caller's own */
		return c->who->arn;
	return S("*");
}

struct keys { struct condition_key v[KEYS_MAX]; size_t n; };

static void add_key(struct call *c, struct keys *k, struct str name, struct str value)
{
	if (!str_present(value) || k->n == KEYS_MAX)
		return;
	struct str *v = arena_new_of(c->arena, struct str);
	*v = value;
	k->v[k->n++] = (struct condition_key){name, v, 1};
}

static void add_tags(struct call *c, struct keys *k, const struct list *tags)
{
	static const char *const prefixes[] = {"aws:ResourceTag", "iam:ResourceTag"};
	for (uint32_t i = 0; tags != NULL && i < tags->n; i++) {
		const struct iam_Tag *t = LIST_AT(*tags, struct iam_Tag, i);
		for (size_t p = 0; p < COUNT_OF(prefixes); p++)
			add_key(c, k, arena_printf(c->arena, "%s/%.*s", prefixes[p], STR_ARG(t->Key)), t->Value);
	}
}

void access_iam(struct call *c)
{
	if (c->who->type == PRINCIPAL_ROOT)
		return; /* nothing of IAM has a policy of its own that could deny */
	ASSERT(c->op != NULL && c->op->model != NULL);
	struct keys *k = arena_new_of(c->arena, struct keys);
	const struct iam_Entity *found = NULL;
	struct str resource = resource_of(c, &found);
	if (str_starts(resource, S("arn:aws:iam::")) && !str_eq(resource, input_text(c, "PolicyArn")))
		add_key(c, k, S("iam:PolicyARN"), input_text(c, "PolicyArn"));
	add_key(c, k, S("iam:PermissionsBoundary"), input_text(c, "PermissionsBoundary"));
	add_key(c, k, S("iam:AWSServiceName"), input_text(c, "AWSServiceName"));
	if (found != NULL && str_present(found->Boundary) && !str_present(input_text(c, "PermissionsBoundary")))
		add_key(c, k, S("iam:PermissionsBoundary"), found->Boundary);
	add_tags(c, k, found != NULL ? &found->Labels : NULL);
	ASSERT(resource.n > 0 && k->n <= KEYS_MAX);
	struct access_extra x = {.keys = k->v, .n_keys = k->n};
	(void)authorize(c, NULL, resource, &x);
}
