/* Reading streams and shards: see streams.h. */
#include "streams.h"

#include "svc/arn.h"
#include "svc/datakey.h"
#include "svc/master.h"

#include <stdlib.h>

struct key *stream_key(struct call *c, const char *table)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	return key_str(key_str(key_str(key_str(k, S("dynamodb")), c->account), c->region), str_c(table));
}

struct str stream_arn(struct call *c, const struct dynamodbstreams_TableStream *r)
{
	struct str resource = arena_join(c->arena, S("table/"), r->TableName, S("/stream/"), r->Label);
	return arn_make(c->arena, "dynamodb", c->region, c->account, resource);
}

static struct stream *not_found(struct call *c, struct str arn)
{
	call_fail(c, &dynamodbstreams_err_ResourceNotFoundException, "Requested resource not found: Stream: %.*s not found", STR_ARG(arn));
	return NULL;
}

/* The table and the label in a stream's ARN of here. */
static bool read_arn(struct call *c, const struct arn *arn, struct str *table, struct str *label)
{
	if (!str_starts(arn->resource, S("table/")) || !str_eq(arn->account, c->account) || !str_eq(arn->region, c->region))
		return false;
	*label = str_slice(arn->resource, 6, arn->resource.n);
	*table = str_cut(label, '/');
	return str_eq(str_cut(label, '/'), S("stream")) && str_present(*label);
}

struct str stream_policy(struct call *c, struct str text)
{
	struct arn arn;
	struct str table, label;
	if (!arn_parse(text, &arn) || !read_arn(c, &arn, &table, &label))
		return STR_NONE;
	const struct dynamodbstreams_ResourcePolicyRecord *r = call_get(c, key_str(key_str(stream_key(c, "policy"), table), label),
	                                                                &dynamodbstreams_shape_ResourcePolicyRecord);
	return r != NULL ? r->Policy : STR_NONE;
}

struct stream *stream_open(struct call *c, struct str text)
{
	struct arn arn;
	struct str table, label;
	if (!arn_parse(text, &arn) || !str_eq(arn.service, S("dynamodb")) || !str_starts(arn.resource, S("table/"))) {
		call_fail_code(c, 400, "ValidationException", "Invalid StreamArn: %.*s", STR_ARG(text));
		return NULL;
	}
	if (!read_arn(c, &arn, &table, &label))
		return not_found(c, text);
	struct stream *s = arena_new_of(c->arena, struct stream);
	s->record = call_get(c, key_str(key_str(stream_key(c, "stream"), table), label), &dynamodbstreams_shape_TableStream);
	if (s->record == NULL)
		return not_found(c, text);
	s->arn = text;
	s->number = (uint64_t)s->record->Number.v;
	return s;
}

/* ---- changes of encrypted tables: services/dynamodb/seal.h says how they lie ---- */

enum { SEALED = 2 };

bool stream_unseal(struct call *c, struct stream *s)
{
	const struct dynamodbstreams_Seal *seal = s->record->Seal;
	struct wire_error error = {0};
	struct json *context = json_new_object(c->arena);
	if (seal == NULL)
		return true;
	json_set_str(c->arena, context, "aws:dynamodb:tableName", seal->Table);
	json_set_str(c->arena, context, "aws:dynamodb:subscriberId", c->account);
	if (datakey_kept(c, seal->KeyArn, seal->Sealed, context, master_place(c, "dynamodb"), s->key, &error))
		return true;
	bool denied = str_eq(error.code, S("AccessDeniedException"));
	call_fail_code(c, 400, denied ? "AccessDeniedException" : "ValidationException", "KMS key %s error: %.*s",
	               denied ? "access denied" : str_eq(error.code, S("DisabledException")) ? "disabled" : "validation", STR_ARG(error.message));
	return false;
}

struct str stream_change(struct call *c, const struct stream *s, struct str value)
{
	ASSERT(value.n > 0);
	if (value.p[0] != SEALED)
		return arena_dup(c->arena, value);
	ASSERT(s->record->Seal != NULL);
	struct str plain = gcm_open(c->arena, str_of((const char *)s->key, sizeof s->key), S(""), str_slice(value, 1, value.n));
	ASSERT(str_present(plain)); /* nobody else writes there */
	return plain;
}

struct scan *stream_shards(struct call *c, const struct stream *s, uint64_t after)
{
	ASSERT(s->number != 0);
	struct key *prefix = key_u64(stream_key(c, "shard"), s->number);
	struct str from = STR_NONE;
	if (after > 0)
		from = key_bytes(key_u64(key_u64(stream_key(c, "shard"), s->number), after));
	return call_scan(c, prefix, from, false);
}

bool stream_next_shard(struct call *c, struct scan *scan, const struct stream *s, uint64_t *number, struct stream_shard *out)
{
	ASSERT(number != NULL && out != NULL);
	struct str key, value;
	if (!scan_next(scan, &key, &value))
		return false;
	ASSERT(value.n == sizeof *out);
	memcpy(out, value.p, sizeof *out);
	size_t prefix = key_bytes(key_u64(stream_key(c, "shard"), s->number)).n;
	struct key_reader r = key_reader_of(str_slice(key, prefix, key.n));
	bool ok = key_read_u64(&r, number);
	ASSERT(ok);
	return true;
}

bool stream_shard_get(struct call *c, const struct stream *s, uint64_t number, struct stream_shard *out)
{
	ASSERT(number != 0 && out != NULL);
	struct str value;
	if (!txn_get(c->txn, key_bytes(key_u64(key_u64(stream_key(c, "shard"), s->number), number)), c->arena, &value))
		return false;
	ASSERT(value.n == sizeof *out);
	memcpy(out, value.p, sizeof *out);
	return true;
}

bool stream_head_get(struct call *c, const struct stream *s, struct stream_head *out)
{
	ASSERT(s->number != 0);
	struct str value;
	if (!txn_get(c->txn, key_bytes(key_u64(stream_key(c, "streamhead"), s->number)), c->arena, &value))
		return false;
	ASSERT(value.n == sizeof *out);
	memcpy(out, value.p, sizeof *out);
	return true;
}

struct str shard_id(struct arena *a, uint64_t number, const struct stream_shard *s)
{
	return arena_printf(a, "shardId-%020lld-%08llx", (long long)s->made_ms, (unsigned long long)number);
}

bool shard_number(struct str id, uint64_t *out)
{
	ASSERT(out != NULL);
	if (!str_starts(id, S("shardId-")) || id.n != 37 || id.p[28] != '-')
		return false;
	char hex[9] = {0};
	memcpy(hex, id.p + 29, 8);
	char *end;
	*out = strtoull(hex, &end, 16);
	return *end == '\0';
}

struct str sequence_text(struct arena *a, uint64_t sequence)
{
	return arena_printf(a, "1%020llu", (unsigned long long)sequence);
}

bool sequence_number(struct str text, uint64_t *out)
{
	ASSERT(out != NULL);
	return text.n == 21 && text.p[0] == '1' && str_to_u64(str_slice(text, 1, text.n), out);
}
