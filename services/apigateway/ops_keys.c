/* API keys. A key's value is unique in an account and region, for the data plane finds a key by it: "keyvalue" names the key, and comes
 * and goes with it. Source: "API Gateway V1 API Reference". */
#include "apigw.h"

#include "os/os.h"

static struct key *key_key(struct call *c, struct str id) { return key_str(call_key(c, "key"), id); }
static struct key *value_key(struct call *c, struct str value) { return key_str(call_key(c, "keyvalue"), value); }

static struct apigateway_ApiKey *key_need(struct call *c, struct str id)
{
	struct apigateway_ApiKey *k = call_get(c, key_key(c, id), &apigateway_shape_ApiKey);
	if (k == NULL)
		not_found(c, "Invalid API Key identifier specified");
	ASSERT(k == NULL || (str_eq(k->id, id) && str_present(k->value)));
	return k;
}

/* 40 letters and digits, as AWS makes them. */
static struct str make_value(struct call *c)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	unsigned char raw[40];
	char *p = arena_bytes(c->arena, sizeof raw);
	random_bytes(raw, sizeof raw);
	for (size_t i = 0; i < sizeof raw; i++)
		p[i] = letters[raw[i] % 62];
	return str_of(p, sizeof raw);
}

void op_create_api_key(struct call *c)
{
	const struct apigateway_CreateApiKeyRequest *in = c->in;
	if (in->stageKeys.n > 0) {
		call_unsupported(c, "stageKeys are not supported: use usage plans");
		return;
	}
	if (str_present(in->value) && (in->value.n < 20 || in->value.n > 128)) {
		bad_request(c, "API Key value should be at least 20 characters");
		return;
	}
	struct str value = str_present(in->value) ? in->value : make_value(c);
	if (txn_has(c->txn, key_bytes(value_key(c, value)))) {
		call_fail(c, &apigateway_err_ConflictException, "API Key already exists");
		return;
	}
	ASSERT(value.n >= 20 && value.n <= 128);
	struct opt_time now = SOME_TIME(c->now_ms / 1000 * 1000);
	struct apigateway_ApiKey k = {.id = new_id(c, 10), .value = value, .name = in->name, .customerId = in->customerId,
		.description = in->description, .enabled = SOME_BOOL(in->enabled.v), .createdDate = now, .lastUpdatedDate = now,
		.stageKeys = {.set = true}};
	if (!tags_add(c, &k.tags, &in->tags))
		return;
	call_put(c, key_key(c, k.id), &apigateway_shape_ApiKey, &k);
	txn_put(c->txn, key_bytes(value_key(c, value)), k.id);
	*(struct apigateway_ApiKey *)c->out = k;
}

void op_get_api_key(struct call *c)
{
	const struct apigateway_GetApiKeyRequest *in = c->in;
	struct apigateway_ApiKey *k = key_need(c, in->apiKey);
	if (k == NULL)
		return;
	if (!in->includeValue.v)
		k->value = STR_NONE;
	*(struct apigateway_ApiKey *)c->out = *k;
}

static bool wanted(const void *record, const void *arg)
{
	const struct apigateway_ApiKey *k = record;
	const struct apigateway_GetApiKeysRequest *in = arg;
	return (!str_present(in->nameQuery) || str_starts(k->name, in->nameQuery)) &&
	       (!str_present(in->customerId) || str_eq(k->customerId, in->customerId));
}

void op_get_api_keys(struct call *c)
{
	const struct apigateway_GetApiKeysRequest *in = c->in;
	struct apigateway_ApiKeys *out = c->out;
	list_records(c, call_key(c, "key"), &apigateway_shape_ApiKey, in->position, in->limit, wanted, in, &out->items, &out->position);
	for (uint32_t i = 0; i < out->items.n && !in->includeValues.v; i++)
		LIST_AT(out->items, struct apigateway_ApiKey, i)->value = STR_NONE;
}

void op_update_api_key(struct call *c)
{
	static const char *const paths[] = {"/name", "/description", "/enabled", "/customerId", NULL};
	const struct apigateway_UpdateApiKeyRequest *in = c->in;
	struct apigateway_ApiKey *k = key_need(c, in->apiKey);
	if (k == NULL || (k = patched(c, &apigateway_shape_ApiKey, k, &in->patchOperations, paths)) == NULL)
		return;
	ASSERT(str_eq(k->id, in->apiKey) && str_present(k->value)); /* no path leads to them */
	k->lastUpdatedDate = SOME_TIME(c->now_ms / 1000 * 1000);
	call_put(c, key_key(c, k->id), &apigateway_shape_ApiKey, k);
	*(struct apigateway_ApiKey *)c->out = *k;
	((struct apigateway_ApiKey *)c->out)->value = STR_NONE;
}

void op_delete_api_key(struct call *c)
{
	const struct apigateway_DeleteApiKeyRequest *in = c->in;
	const struct apigateway_ApiKey *k = key_need(c, in->apiKey);
	if (k == NULL)
		return;
	ASSERT(txn_has(c->txn, key_bytes(value_key(c, k->value)))); /* it came with the key */
	struct str key, value;
	struct scan *s = call_scan(c, key_str(call_key(c, "keyplan"), k->id), STR_NONE, false);
	while (scan_next(s, &key, &value))
		call_del(c, key_str(key_str(call_key(c, "plankey"), arena_dup(c->arena, value)), k->id));
	scan_close(s);
	delete_below(c, key_str(call_key(c, "keyplan"), k->id));
	call_del(c, value_key(c, k->value));
	call_del(c, key_key(c, k->id));
}
