/* Records of stacks, their resources and events: load, save, statuses. stack.h lists the keys. */
#include "stack.h"

#include "base/time.h"
#include "os/os.h"
#include "svc/arn.h"

bool stack_word_in(struct str s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (is(s, *words))
			return true;
	return false;
}

struct str operation_token(struct call *c)
{
	char uuid[37];
	random_uuid(uuid);
	return arena_dup(c->arena, str_c(uuid));
}

struct str stack_new_id(struct call *c, struct str name)
{
	ASSERT(str_present(name) && name.n > 0);
	return arn_make(c->arena, "cloudformation", c->region, c->account,
	                arena_join(c->arena, S("stack/"), name, S("/"), operation_token(c)));
}

struct cloudformation_StackRecord *stack_load(struct call *c, struct str id)
{
	struct cloudformation_StackRecord *s = call_get(c, key_str(call_key(c, "stack"), id), &cloudformation_shape_StackRecord);
	ASSERT(s == NULL || str_eq(s->Id, id));
	return s;
}

void stack_save(struct call *c, const struct cloudformation_StackRecord *s)
{
	ASSERT(str_present(s->Id) && str_present(s->Status));
	call_put(c, key_str(call_key(c, "stack"), s->Id), &cloudformation_shape_StackRecord, s);
}

struct cloudformation_StackRecord *stack_find(struct call *c, struct str name_or_id)
{
	struct str id;
	if (str_starts(name_or_id, S("arn:")))
		return stack_load(c, name_or_id);
	if (!txn_get(c->txn, key_bytes(key_str(call_key(c, "name"), name_or_id)), c->arena, &id))
		return NULL;
	return stack_load(c, id);
}

struct cloudformation_StackRecord *stack_need(struct call *c, struct str name_or_id)
{
	struct cloudformation_StackRecord *s = stack_find(c, name_or_id);
	if (s == NULL)
		call_fail_code(c, 400, "ValidationError", "Stack with id %.*s does not exist", STR_ARG(name_or_id));
	return s;
}

void stack_name_take(struct call *c, const struct cloudformation_StackRecord *s)
{
	ASSERT(str_present(s->Name) && str_present(s->Id));
	txn_put(c->txn, key_bytes(key_str(call_key(c, "name"), s->Name)), s->Id);
}

void stack_name_free(struct call *c, const struct cloudformation_StackRecord *s)
{
	ASSERT(str_present(s->Name) && str_present(s->Id));
	struct str id;
	struct key *k = key_str(call_key(c, "name"), s->Name);
	if (txn_get(c->txn, key_bytes(k), c->arena, &id) && str_eq(id, s->Id))
		call_del(c, k);
}

bool stack_is_deleted(const struct cloudformation_StackRecord *s) { return is(s->Status, "DELETE_COMPLETE"); }

bool stack_in_progress(const struct cloudformation_StackRecord *s)
{
	return str_ends(s->Status, S("_IN_PROGRESS")) && !is(s->Status, "REVIEW_IN_PROGRESS");
}

/* ---- events ---- */

static void put_event(struct call *c, const struct cloudformation_StackRecord *s, struct cloudformation_EventRecord *e)
{
	ASSERT(str_present(s->Id) && str_present(e->Id) && str_present(e->Status));
	struct key *k = key_u64(key_str(call_key(c, "event"), s->Id), call_serial(c, "event"));
	e->Time = SOME_TIME(c->now_ms);
	e->Token = s->Token;
	e->Operation = s->Operation;
	call_put(c, k, &cloudformation_shape_EventRecord, e);
	call_notify(c, arena_join(c->arena, S("cloudformation:"), s->Id));
}

void stack_set_status(struct call *c, struct cloudformation_StackRecord *s, const char *status, struct str reason)
{
	ASSERT(status != NULL && txn_writable(c->txn));
	struct cloudformation_EventRecord e = {.Id = operation_token(c), .LogicalId = s->Name, .PhysicalId = s->Id,
		.Type = S("AWS::CloudFormation::Stack"), .Status = str_c(status), .Reason = reason};
	s->Status = str_c(status);
	s->Reason = reason;
	put_event(c, s, &e);
}

/* Properties as events show them: what came from a NoEcho parameter is masked. */
static struct str shown_properties(struct call *c, const struct cloudformation_StackRecord *s, const struct json *properties)
{
	struct str text = json_text(c->arena, properties);
	const struct json *template = str_find_str(s->Processed, S("\"NoEcho\"")) >= 0 ? stack_template(c, s) : NULL;
	for (uint32_t i = 0; template != NULL && s->Parameters != NULL && i < s->Parameters->n; i++) {
		struct str secret = json_str(&s->Parameters->members[i].value);
		struct buf b;
		if (secret.n == 0 || !parameters_no_echo(template, s->Parameters->members[i].key))
			continue;
		/* as it is written inside a JSON string, without its quotes */
		secret = json_text(c->arena, json_new_str(c->arena, secret));
		secret = str_slice(secret, 1, secret.n - 1);
		buf_init(&b, c->arena, 0);
		for (ptrdiff_t at; (at = str_find_str(text, secret)) >= 0; text = str_slice(text, (size_t)at + secret.n, text.n)) {
			buf_put(&b, text.p, (size_t)at);
			buf_lit(&b, "****");
		}
		buf_str(&b, text);
		text = buf_view(&b);
	}
	return text;
}

void resource_set_status(struct call *c, const struct cloudformation_StackRecord *s, struct cloudformation_ResourceRecord *r,
                         const char *status, struct str reason)
{
	ASSERT(status != NULL && str_present(r->LogicalId) && str_present(r->Type));
	struct str now = time_iso8601_ms(c->arena, c->now_ms);
	struct cloudformation_EventRecord e = {
		.Id = arena_printf(c->arena, "%.*s-%s-%.*s", STR_ARG(r->LogicalId), status, STR_ARG(now)), .LogicalId = r->LogicalId,
		.PhysicalId = str_present(r->PhysicalId) ? r->PhysicalId : S(""), .Type = r->Type, .Status = str_c(status), .Reason = reason,
		.Properties = r->Properties != NULL ? shown_properties(c, s, r->Properties) : STR_NONE};
	if (str_starts(e.Status, S("DELETE")))
		e.Properties = STR_NONE;
	r->Status = str_c(status);
	r->Reason = reason;
	r->Time = SOME_TIME(c->now_ms);
	put_event(c, s, &e);
}

/* ---- resources ---- */

static struct key *resource_key(struct call *c, struct str stack_id, struct str key)
{
	ASSERT(str_present(stack_id) && str_present(key));
	return key_str(key_str(call_key(c, "resource"), stack_id), key);
}

struct cloudformation_ResourceRecord *stack_resource(struct call *c, struct str stack_id, struct str key)
{
	return call_get(c, resource_key(c, stack_id, key), &cloudformation_shape_ResourceRecord);
}

void stack_resource_save(struct call *c, struct str stack_id, const struct cloudformation_ResourceRecord *r)
{
	ASSERT(str_present(r->Key) && str_present(r->LogicalId) && str_present(r->Type));
	call_put(c, resource_key(c, stack_id, r->Key), &cloudformation_shape_ResourceRecord, r);
}

void stack_resource_drop(struct call *c, struct str stack_id, const struct cloudformation_ResourceRecord *r)
{
	ASSERT(str_present(r->Key) && txn_writable(c->txn));
	call_del(c, resource_key(c, stack_id, r->Key));
}

struct stack_resources stack_resources(struct call *c, struct str stack_id)
{
	struct stack_resources all = {NULL, 0};
	size_t cap = 0;
	struct str key, value;
	struct scan *s = call_scan(c, key_str(call_key(c, "resource"), stack_id), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		if (all.n == cap) {
			all.v = arena_grow(c->arena, all.v, sizeof(*all.v), cap, cap > 0 ? 2 * cap : 16);
			cap = cap > 0 ? 2 * cap : 16;
		}
		ASSERT(all.n < cap);
		all.v[all.n++] = record_decode(c, &cloudformation_shape_ResourceRecord, arena_dup(c->arena, value));
	}
	scan_close(s);
	return all;
}

struct cloudformation_ResourceRecord *stack_resource_of(struct stack_resources all, struct str logical_id)
{
	for (size_t i = 0; i < all.n; i++)
		if (!yes(all.v[i]->Garbage) && str_eq(all.v[i]->LogicalId, logical_id))
			return all.v[i];
	return NULL;
}

struct json *stack_template(struct call *c, const struct cloudformation_StackRecord *s)
{
	if (!str_present(s->Processed))
		return NULL;
	struct json *t = json_parse(c->arena, s->Processed, NULL);
	ASSERT(t != NULL);
	return t;
}

/* ---- who acts ---- */

static const struct { const char *name; size_t at; } principal_texts[] = {
	{"Account", offsetof(struct principal, account)}, {"Arn", offsetof(struct principal, arn)},
	{"RoleArn", offsetof(struct principal, role_arn)}, {"Name", offsetof(struct principal, name)},
	{"UserId", offsetof(struct principal, user_id)}, {"AccessKey", offsetof(struct principal, access_key)},
	{"SessionName", offsetof(struct principal, session_name)}, {"SessionPolicy", offsetof(struct principal, session_policy)},
};

struct json *stack_principal_save(struct call *c, const struct principal *p)
{
	ASSERT(p != NULL && (p->n_tags == 0 || p->tags != NULL));
	struct json *j = json_new_object(c->arena);
	json_set_i64(c->arena, j, "Type", p->type);
	for (size_t i = 0; i < COUNT_OF(principal_texts); i++) {
		struct str v = *(const struct str *)((const char *)p + principal_texts[i].at);
		if (str_present(v))
			json_set(c->arena, j, str_c(principal_texts[i].name), json_new_str(c->arena, v));
	}
	struct json *tags = json_set(c->arena, j, S("Tags"), json_new_object(c->arena));
	for (size_t i = 0; i < p->n_tags; i++)
		json_set(c->arena, tags, p->tags[i].key, json_new_str(c->arena, p->tags[i].value));
	return j;
}

const struct principal *stack_principal(struct call *c, const struct cloudformation_StackRecord *s)
{
	if (s->RoleARN.n > 0)
		return assume_role(c, s->RoleARN, "cloudformation.amazonaws.com", S("AWSCloudFormation"), true);
	struct principal *p = arena_new_of(c->arena, struct principal);
	const struct json *tags = json_get(s->Principal, S("Tags"));
	p->type = (enum principal_type)json_get_i64(s->Principal, "Type", PRINCIPAL_ANONYMOUS);
	for (size_t i = 0; i < COUNT_OF(principal_texts); i++)
		*(struct str *)((char *)p + principal_texts[i].at) = json_get_str(s->Principal, principal_texts[i].name);
	struct param_tag *v = arena_array(c->arena, struct param_tag, tags != NULL ? tags->n : 0);
	for (uint32_t i = 0; tags != NULL && i < tags->n; i++)
		v[i] = (struct param_tag){.key = tags->members[i].key, .value = json_str(&tags->members[i].value)};
	p->tags = v;
	p->n_tags = tags != NULL ? tags->n : 0;
	return p;
}
