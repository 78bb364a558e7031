/* The policies of a principal: attached, inline, of its groups, its boundary and its session; and roles for those who
 * assume them. Reads only. */
#include "iam.h"

#include "svc/arn.h"

enum { POLICIES_MAX = 512 };

struct gather { struct call *c; struct documents *d; size_t cap; };

static void add(struct gather *g, struct str name, struct str document, struct policy *kept)
{
	struct documents *d = g->d;
	ASSERT(d->n <= g->cap);
	if (!str_present(document) || d->n == POLICIES_MAX)
		return;
	if (d->n == g->cap) {
		size_t more = g->cap > 0 ? g->cap * 2 : 8;
		d->v = arena_grow(g->c->arena, d->v, sizeof *d->v, g->cap, more);
		d->names = arena_grow(g->c->arena, d->names, sizeof *d->names, g->cap, more);
		d->parsed = arena_grow(g->c->arena, d->parsed, sizeof *d->parsed, g->cap, more);
		g->cap = more;
	}
	d->names[d->n] = name;
	d->parsed[d->n] = kept;
	d->v[d->n++] = document;
}

static void add_entity(struct gather *g, const struct iam_Entity *e)
{
	ASSERT(e != NULL && str_present(e->Id));
	for (uint32_t i = 0; i < e->Inline.n; i++) {
		const struct iam_Documents_entry *d = (const struct iam_Documents_entry *)e->Inline.v + i;
		add(g, d->key, d->value, NULL);
	}
	for (uint32_t i = 0; i < e->Attached.n; i++) {
		struct str arn = *LIST_AT(e->Attached, struct str, i), name = arn;
		ptrdiff_t slash = str_rfind(arn, '/');
		if (slash >= 0)
			name = str_slice(arn, (size_t)slash + 1, arn.n);
		const struct aws_policy *aws = aws_policy_find(arn);
		if (aws != NULL)
			add(g, name, aws->document, aws_policy_parsed(aws));
		else
			add(g, name, managed_document(g->c, arn), NULL);
	}
}

static void add_groups(struct gather *g, const struct iam_Entity *user)
{
	for (uint32_t i = 0; i < user->Groups.n; i++) {
		const struct iam_Entity *group = entity_find(g->c, KIND_GROUP, *LIST_AT(user->Groups, struct str, i));
		if (group != NULL)
			add_entity(g, group);
	}
}

static struct policy *parsed(struct call *c, struct str document)
{
	struct str why;
	return str_present(document) && document.n > 0 ? policy_parse(c->arena, document, POLICY_IDENTITY, &why) : NULL;
}

/* A boundary or session policy that is gone or does not parse allows nothing, as an empty one. */
static struct policy *parsed_or_nothing(struct call *c, struct str document)
{
	struct policy *p = parsed(c, document);
	return p != NULL ? p : parsed(c, S("{\"Version\":\"2012-10-17\",\"Statement\":[]}"));
}

/* A session policy as sts puts it into the token: a document that may name managed ones beside its statements
 * ("PolicyArns"); together they are the session's. */
static struct policy *session_of(struct call *here, struct str text)
{
	struct arena *a = here->arena;
	struct json *all = json_parse(a, text, NULL), *arns = json_get(all, S("PolicyArns"));
	if (arns == NULL)
		return parsed_or_nothing(here, text);
	struct json *own = json_get(all, S("Statement")), *statements = json_new_array(a), *merged = json_new_object(a);
	for (uint32_t k = 0; json_is(own, JSON_ARRAY) && k < own->n; k++)
		json_push(a, statements, &own->items[k]);
	if (json_is(own, JSON_OBJECT))
		json_push(a, statements, own);
	for (uint32_t i = 0; i < arns->n; i++) {
		struct str document = managed_document(here, json_str(&arns->items[i]));
		struct json *more = str_present(document) ? json_get(json_parse(a, document, NULL), S("Statement")) : NULL;
		for (uint32_t k = 0; json_is(more, JSON_ARRAY) && k < more->n; k++)
			json_push(a, statements, &more->items[k]);
		if (json_is(more, JSON_OBJECT))
			json_push(a, statements, more);
	}
	for (uint32_t i = 0; i < statements->n; i++)
		json_unset(&statements->items[i], S("Sid")); /* unique in one document only */
	json_set_str(a, merged, "Version", S("2012-10-17"));
	json_set(a, merged, S("Statement"), statements);
	return parsed_or_nothing(here, json_text(a, merged));
}

/* IAM answers for the caller's own account, whatever account the call works in. */
static const struct iam_Entity *entity_of(struct call *c, const struct principal *who, enum kind kind)
{
	struct str name = who->type == PRINCIPAL_FEDERATED ? who->session_name : who->name;
	struct call here = *c;
	here.service = service_find(S("iam"));
	ASSERT(here.service != NULL && here.service->global);
	here.account = who->account;
	return entity_find(&here, kind, name);
}

void resolve_policies(struct call *c, const struct principal *who, struct policy_input *in)
{
	ASSERT(who->type != PRINCIPAL_SERVICE && who->type != PRINCIPAL_ANONYMOUS);
	struct documents d = {0};
	struct call here = *c;
	here.service = service_find(S("iam"));
	here.account = who->account;
	struct gather g = {&here, &d, 0};
	bool role = who->type == PRINCIPAL_ASSUMED_ROLE;
	const struct iam_Entity *e = entity_of(c, who, role ? KIND_ROLE : KIND_USER);
	/* A role made again under the name is another one, and the old one's sessions are none of its. */
	if (role && e != NULL && !str_eq(e->Id, str_slice(who->user_id, 0, e->Id.n)))
		e = NULL;
	if (e != NULL) {
		add_entity(&g, e);
		if (!role)
			add_groups(&g, e);
		if (str_present(e->Boundary))
			in->boundary = parsed_or_nothing(c, managed_document(&here, e->Boundary));
	}
	if (who->type == PRINCIPAL_FEDERATED && !str_present(who->session_name)) /* root asked for it: all that the session policy leaves */
		add(&g, S("root"), S("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"), NULL);
	if (str_present(who->session_policy))
		in->session = session_of(&here, who->session_policy);
	struct policy **v = arena_array(c->arena, struct policy *, d.n);
	size_t n = 0;
	for (size_t i = 0; i < d.n; i++) {
		struct policy *p = d.parsed[i] != NULL ? d.parsed[i] : parsed(c, d.v[i]);
		if (p != NULL)
			v[n++] = p;
	}
	ASSERT(n <= d.n);
	in->identity = (struct policy_set){v, n};
}

bool resolve_role(struct call *c, struct str role_arn, struct principal *role, struct str *trust)
{
	struct arn arn;
	if (!arn_parse(role_arn, &arn) || !str_eq(arn.service, S("iam")) || !str_starts(arn.resource, S("role/")))
		return false;
	struct principal who = {.account = arn.account, .name = str_slice(arn.resource, (size_t)str_rfind(arn.resource, '/') + 1, arn.resource.n)};
	const struct iam_Entity *e = entity_of(c, &who, KIND_ROLE);
	struct call here = *c;
	here.account = arn.account;
	if (e == NULL || !str_eq(entity_arn(&here, KIND_ROLE, e), role_arn))
		return false;
	struct param_tag *tags = arena_array(c->arena, struct param_tag, e->Labels.n);
	for (uint32_t i = 0; i < e->Labels.n; i++) {
		const struct iam_Tag *t = LIST_AT(e->Labels, struct iam_Tag, i);
		tags[i] = (struct param_tag){t->Key, t->Value, false};
	}
	*role = (struct principal){.type = PRINCIPAL_ASSUMED_ROLE, .account = arena_dup(c->arena, arn.account), .name = e->Name,
		.role_arn = arena_dup(c->arena, role_arn), .user_id = e->Id, .tags = tags, .n_tags = e->Labels.n,
		.token_expires_ms = e->MaxSession.v * 1000};
	*trust = e->Trust;
	return true;
}

bool resolve_documents(struct call *c, struct str source, struct documents *d)
{
	struct arn arn;
	*d = (struct documents){0};
	struct gather g = {c, d, 0};
	static const struct { struct str word; enum kind kind; } words[] = {
		{STR_INIT("user/"), KIND_USER}, {STR_INIT("role/"), KIND_ROLE}, {STR_INIT("group/"), KIND_GROUP},
	};
	for (size_t i = 0; arn_parse(source, &arn) && i < COUNT_OF(words); i++) {
		if (!str_starts(arn.resource, words[i].word))
			continue;
		struct str name = str_slice(arn.resource, (size_t)str_rfind(arn.resource, '/') + 1, arn.resource.n);
		const struct iam_Entity *e = entity_get(c, words[i].kind, name);
		if (e == NULL)
			return false;
		add_entity(&g, e);
		if (words[i].kind == KIND_USER)
			add_groups(&g, e);
		d->boundary = str_present(e->Boundary) ? managed_document(c, e->Boundary) : STR_NONE;
		return true;
	}
	call_fail(c, &iam_err_InvalidInputException, "Invalid Entity Arn: %.*s does not clearly define entity type and name.", STR_ARG(source));
	return false;
}
