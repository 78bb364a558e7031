/* Data keys of tables, and what is encrypted with them: see seal.h. */
#include "seal.h"

#include "ops_table.h"
#include "replica.h"

#include "svc/datakey.h"
#include "svc/master.h"

enum { SEALED = 2, HEAD_BYTES = 1 + sizeof(uint32_t), SEAL_AT_ONCE = 1000, WATCH_EVERY_MS = 60 * 1000, MISSED_EVERY_MS = 1000 };

/* ---- what KMS refuses, as DynamoDB words it ---- */

static void fail_kms(struct call *c, const struct wire_error *e)
{
	static const struct { const char *code, *say, *as, *class; int status; } known[] = {
		{"AccessDeniedException", "KMS key access denied error", "AccessDeniedException", "AWSKMSException", 400},
		{"DisabledException", "KMS key disabled error", "ValidationException", "DisabledException", 400},
		{"KMSInvalidStateException", "KMS validation error", "ValidationException", "KMSInvalidStateException", 400},
		{"NotFoundException", "KMS validation error", "ValidationException", "NotFoundException", 400},
		{"InvalidArnException", "KMS validation error", "ValidationException", "NotFoundException", 400},
	};
	size_t i = 0;
	while (i < COUNT_OF(known) && !str_eq(e->code, str_c(known[i].code)))
		i++;
	bool is = i < COUNT_OF(known);
	call_fail_code(c, is ? known[i].status : 500, is ? known[i].as : "InternalServerError",
	               "%s: com.amazonaws.services.kms.model.%s: %.*s (Service: AWSKMS; Status Code: 400; Error Code: %.*s; Request ID: %.*s; "
	               "Proxy: null)",
	               is ? known[i].say : "KMS internal error", is ? known[i].class : "AWSKMSException", STR_ARG(e->message), STR_ARG(e->code),
	               STR_ARG(c->request_id));
}

/* ---- the data key ---- */

static struct json *context_of(struct call *c, struct str table)
{
	ASSERT(str_present(table));
	struct json *context = json_new_object(c->arena);
	json_set_str(c->arena, context, "aws:dynamodb:tableName", table);
	json_set_str(c->arena, context, "aws:dynamodb:subscriberId", c->account);
	return context;
}

static bool open_kept(struct call *c, const struct dynamodb_Seal *s, unsigned char key[32], struct wire_error *error)
{
	return datakey_kept(c, s->KeyArn, s->Sealed, context_of(c, s->Table), master_place(c, "dynamodb"), key, error);
}

/* A grant wants a key, not an alias. The managed key is made by the first use of it. */
static bool find_key(struct call *c, struct str *id, const struct json *context, struct wire_error *error)
{
	ASSERT(str_present(*id));
	struct datakey first;
	if (str_eq(*id, S("alias/aws/dynamodb"))) {
		bool ok = datakey_new(c, *id, context, STR_NONE, &first, error);
		*id = ok ? first.key_arn : *id;
		return ok;
	}
	if (!str_starts(*id, S("alias/")) && str_find_str(*id, S(":alias/")) < 0)
		return true;
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "KeyId", *id);
	struct invoked i = invoke(c, "kms", "DescribeKey", in, NULL);
	ASSERT(!i.parked);
	*error = i.error;
	if (i.ok)
		*id = json_get_str(json_get(i.out, S("KeyMetadata")), "Arn");
	return i.ok;
}

/* So that the service can work on the table when nobody asks: by name, once for a table. */
static bool grant(struct call *c, struct str key_id, const struct json *context, struct str table, struct wire_error *error)
{
	static const char *const operations[] = {"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey", "RetireGrant"};
	struct json *in = json_new_object(c->arena), *list = json_new_array(c->arena), *constraints = json_new_object(c->arena);
	for (size_t i = 0; i < COUNT_OF(operations); i++)
		json_push(c->arena, list, json_new_str(c->arena, str_c(operations[i])));
	json_set(c->arena, constraints, S("EncryptionContextSubset"), context);
	json_set_str(c->arena, in, "KeyId", key_id);
	json_set_str(c->arena, in, "GranteeServicePrincipal", S("dynamodb.amazonaws.com"));
	json_set_str(c->arena, in, "Name", arena_join(c->arena, S("dynamodb/"), table));
	json_set(c->arena, in, S("Operations"), list);
	json_set(c->arena, in, S("Constraints"), constraints);
	struct invoked i = invoke(c, "kms", "CreateGrant", in, NULL);
	ASSERT(!i.parked);
	*error = i.error;
	return i.ok;
}

/* The stream's readers find the key in the stream's own record, also when the table is gone. */
static void tell_streams(struct call *c, const struct dynamodb_Table *r)
{
	ASSERT(txn_writable(c->txn) && r->Seal != NULL);
	struct scan *s = call_scan(c, key_str(call_key(c, "stream"), r->Description->TableName), STR_NONE, false);
	struct str key, value;
	while (scan_next(s, &key, &value)) {
		struct dynamodb_StreamRecord *stream = record_decode(c, &dynamodb_shape_StreamRecord, arena_dup(c->arena, value));
		bool same = stream->Seal != NULL ? stream->Seal->Number.v == r->Seal->Number.v : stream->Number.v == r->StreamNumber.v;
		if (!same)
			continue;
		stream->Seal = r->Seal;
		txn_put(c->txn, arena_dup(c->arena, key), typed_to_cbor(c->arena, &dynamodb_shape_StreamRecord, stream));
	}
	scan_close(s);
}

static void seal_later(struct call *c, const char *what, uint64_t number, struct str table)
{
	if (number != 0)
		job_put(c, "seal", arena_printf(c->arena, "%s/%llu/%.*s", what, (unsigned long long)number, STR_ARG(table)), c->now_ms, S(""));
}

/* What is there already. */
static void seal_all_later(struct call *c, const struct dynamodb_Table *r)
{
	struct str table = r->Description->TableName;
	seal_later(c, "item", (uint64_t)r->Space.v, table);
	for (uint32_t i = 0; i < r->IndexSpaces.n; i++)
		seal_later(c, "item", (uint64_t)LIST_AT(r->IndexSpaces, struct dynamodb_IndexSpace, i)->Space.v, table);
	seal_later(c, "history", (uint64_t)r->Space.v, table);
	seal_later(c, "change", (uint64_t)r->StreamNumber.v, table);
}

bool seal_under(struct call *c, struct dynamodb_Table *r)
{
	ASSERT(txn_writable(c->txn) && r->Description->SSEDescription != NULL);
	struct dynamodb_SSEDescription *d = r->Description->SSEDescription;
	struct str table = r->Description->TableName, id = str_present(d->KMSMasterKeyArn) ? d->KMSMasterKeyArn : S("alias/aws/dynamodb");
	struct json *context = context_of(c, table);
	struct datakey fresh;
	struct wire_error error = {0};
	unsigned char old[32];
	bool has = r->Seal != NULL, ok = !has || open_kept(c, r->Seal, old, &error);
	ok = ok && find_key(c, &id, context, &error) && grant(c, id, context, table, &error) &&
	     (has ? datakey_seal(c, id, context, STR_NONE, old, &fresh, &error) : datakey_new(c, id, context, STR_NONE, &fresh, &error));
	if (!ok) {
		fail_kms(c, &error);
		return false;
	}
	d->KMSMasterKeyArn = fresh.key_arn;
	d->InaccessibleEncryptionDateTime = (struct opt_time){0};
	struct dynamodb_Seal *s = arena_new_of(c->arena, struct dynamodb_Seal);
	*s = (struct dynamodb_Seal){.Number = has ? r->Seal->Number : SOME_I64((int64_t)call_serial(c, "seal")), .Table = table,
		.KeyArn = fresh.key_arn, .Sealed = fresh.sealed};
	r->Seal = s;
	if (!has)
		seal_all_later(c, r);
	tell_streams(c, r);
	job_put(c, "watch-key", table, c->now_ms + WATCH_EVERY_MS, S(""));
	return true;
}

bool seal_release(struct call *c, struct dynamodb_Table *r)
{
	ASSERT(txn_writable(c->txn));
	struct wire_error error = {0};
	unsigned char key[32], kek[MASTER_BYTES];
	if (r->Seal == NULL || !str_present(r->Seal->KeyArn))
		return true;
	if (!open_kept(c, r->Seal, key, &error)) {
		fail_kms(c, &error);
		return false;
	}
	master_key(c, master_place(c, "dynamodb"), kek);
	struct dynamodb_Seal *s = arena_new_of(c->arena, struct dynamodb_Seal);
	*s = (struct dynamodb_Seal){.Number = r->Seal->Number, .Table = r->Seal->Table,
		.Sealed = key_wrap(c->arena, kek, str_of((const char *)key, sizeof key))};
	r->Seal = s;
	tell_streams(c, r);
	return true;
}

static bool unseal(struct call *c, struct table *t, struct wire_error *error)
{
	if (t->record->Seal == NULL || t->seal != NULL)
		return true;
	unsigned char *key = (unsigned char *)arena_bytes(c->arena, 32);
	if (!open_kept(c, t->record->Seal, key, error))
		return false;
	t->seal = key;
	return true;
}

bool table_unsealed(struct call *c, struct table *t)
{
	struct wire_error error = {0};
	return unseal(c, t, &error);
}

bool table_unseal(struct call *c, struct table *t)
{
	struct wire_error error = {0};
	if (t->record->Seal == NULL || t->seal != NULL)
		return true;
	if (txn_needs_disk(c->txn)) /* KMS takes what it looks for to be there */
		return false;
	if (!unseal(c, t, &error)) {
		fail_kms(c, &error);
		return false;
	}
	if (t->record->Missed.v) /* the key is back, the items not yet: in a second, so clients try again */
		call_fail_code(c, 500, "InternalServerError", "The replica is being brought up to date: %.*s", STR_ARG(t->name));
	return !c->failed;
}

/* ---- values ---- */

static struct str own_part(struct call *c, struct str key)
{
	struct buf b;
	space_key(c, &b, 0); /* a space takes as many bytes as any other */
	ASSERT(key.n > b.n);
	return str_slice(key, b.n, key.n);
}

static struct str data_key(const struct table *t)
{
	ASSERT(t->seal != NULL);
	return str_of((const char *)t->seal, 32);
}

static struct str seal_own(struct call *c, const struct table *t, struct str own_key, struct str bytes)
{
	size_t size;
	bool ok = item_bytes_size(bytes, &size);
	ASSERT(ok && bytes.p[0] != SEALED);
	char head[HEAD_BYTES] = {SEALED};
	uint32_t n = (uint32_t)size;
	memcpy(head + 1, &n, sizeof n);
	return arena_join(c->arena, str_of(head, sizeof head), gcm_seal(c->arena, data_key(t), own_key, bytes));
}

struct str open_own(struct call *c, const struct table *t, struct str own_key, struct str bytes)
{
	if (bytes.n == 0 || bytes.p[0] != SEALED)
		return bytes;
	ASSERT(bytes.n > HEAD_BYTES);
	struct str plain = gcm_open(c->arena, data_key(t), own_key, str_slice(bytes, HEAD_BYTES, bytes.n));
	ASSERT(str_present(plain)); /* the store's bytes are checked by the store */
	return plain;
}

struct str seal_value(struct call *c, const struct table *t, struct str key, struct str bytes)
{
	ASSERT((t->record->Seal == NULL) == (t->seal == NULL)); /* whoever writes has asked for the key */
	return t->seal == NULL ? bytes : seal_own(c, t, own_part(c, key), bytes);
}

struct str open_value(struct call *c, const struct table *t, struct str key, struct str bytes)
{
	ASSERT((t->record->Seal == NULL) == (t->seal == NULL));
	return t->seal == NULL ? bytes : open_own(c, t, own_part(c, key), bytes);
}

struct str seal_change(struct call *c, const struct table *t, struct str text)
{
	ASSERT((t->record->Seal == NULL) == (t->seal == NULL) && text.p[0] == '{');
	if (t->seal == NULL)
		return text;
	const char head[] = {SEALED};
	return arena_join(c->arena, str_of(head, sizeof head), gcm_seal(c->arena, data_key(t), S(""), text));
}

struct str open_change(struct call *c, const struct table *t, struct str value)
{
	ASSERT(value.n > 0);
	if (value.p[0] != SEALED)
		return value;
	ASSERT(t->seal != NULL);
	struct str plain = gcm_open(c->arena, data_key(t), S(""), str_slice(value, 1, value.n));
	ASSERT(str_present(plain));
	return plain;
}

/* ---- jobs ---- */

/* A value of a space as the job finds it; absent: nothing to do. own: behind the prefix. */
static struct str sealed_anew(struct call *c, const struct table *t, struct str what, struct str own, struct str value)
{
	if (str_eq(what, S("item")))
		return value.p[0] == SEALED ? STR_NONE : seal_own(c, t, own, value);
	struct str time = str_slice(value, 0, sizeof(int64_t)), rest = str_slice(value, sizeof(int64_t), value.n);
	if (rest.n == 0 || rest.p[0] == SEALED)
		return STR_NONE;
	if (str_eq(what, S("change")))
		return arena_join(c->arena, time, seal_change(c, t, rest));
	struct key_reader r = key_reader_of(own);
	struct str item_own;
	bool ok = key_read_str(&r, c->arena, &item_own);
	ASSERT(ok);
	return arena_join(c->arena, time, seal_own(c, t, item_own, rest));
}

void ddb_job_seal(struct call *c, struct str id, struct str payload)
{
	ASSERT(txn_writable(c->txn) && id.n > 0);
	struct str table = id, what = str_cut(&table, '/'), number = str_cut(&table, '/');
	uint64_t space = 0;
	bool ok = str_to_u64(number, &space);
	ASSERT(ok);
	struct dynamodb_Table *r = table_record(c, table);
	struct table *t = r != NULL ? table_of_record(c, r) : NULL;
	if (t == NULL || r->Seal == NULL)
		return; /* deleted meanwhile */
	if (!table_unsealed(c, t)) {
		job_put(c, "seal", id, c->now_ms + WATCH_EVERY_MS, payload);
		return;
	}
	struct key *prefix = key_u64(call_key(c, arena_cstr(c->arena, what)), space);
	struct scan *s = call_scan(c, prefix, payload.n > 0 ? payload : STR_NONE, false);
	struct str key, value, last = STR_NONE;
	int n = 0;
	while (n < SEAL_AT_ONCE && scan_next(s, &key, &value)) {
		last = arena_dup(c->arena, key);
		struct str fresh = sealed_anew(c, t, what, str_slice(last, key_bytes(prefix).n, last.n), arena_dup(c->arena, value));
		if (str_present(fresh))
			txn_put(c->txn, last, fresh);
		n++;
	}
	scan_close(s);
	if (n == SEAL_AT_ONCE)
		job_put(c, "seal", id, c->now_ms, last);
}

/* Empty again, under new numbers, to be filled like a new replica. */
static void fill_again(struct call *c, struct dynamodb_Table *r)
{
	ASSERT(is_replicated(r) && r->Missed.v);
	struct str table = r->Description->TableName;
	purge_space(c, "item", (uint64_t)r->Space.v);
	purge_space(c, "history", (uint64_t)r->Space.v);
	purge_space(c, "ttl", (uint64_t)r->Space.v);
	r->Space = SOME_I64((int64_t)call_serial(c, "space"));
	for (uint32_t i = 0; i < r->IndexSpaces.n; i++) {
		struct dynamodb_IndexSpace *x = LIST_AT(r->IndexSpaces, struct dynamodb_IndexSpace, i);
		purge_space(c, "item", (uint64_t)x->Space.v);
		x->Space = SOME_I64((int64_t)call_serial(c, "space"));
	}
	r->Missed = SOME_BOOL(false);
	r->Description->TableStatus = S("CREATING");
	struct dynamodb_ReplicaCopy copy = {.Source = replica_region(r, 0)};
	job_put(c, "replicate", table, c->now_ms, typed_to_cbor(c->arena, &dynamodb_shape_ReplicaCopy, &copy));
}

void ddb_job_watch_key(struct call *c, struct str id, struct str payload)
{
	ASSERT(txn_writable(c->txn) && id.n > 0);
	(void)payload;
	struct dynamodb_Table *r = table_record(c, id);
	if (r == NULL || r->Seal == NULL || !str_present(r->Seal->KeyArn))
		return;
	struct dynamodb_TableDescription *d = r->Description;
	bool usable = table_unsealed(c, table_of_record(c, r)), shut = str_eq(d->TableStatus, S("INACCESSIBLE_ENCRYPTION_CREDENTIALS"));
	if (!usable && str_eq(d->TableStatus, S("ACTIVE"))) {
		d->TableStatus = S("INACCESSIBLE_ENCRYPTION_CREDENTIALS");
		d->SSEDescription->InaccessibleEncryptionDateTime = SOME_TIME(c->now_ms);
		table_save(c, r);
	} else if (usable && (shut || r->Missed.v)) {
		d->TableStatus = S("ACTIVE");
		d->SSEDescription->InaccessibleEncryptionDateTime = (struct opt_time){0};
		if (r->Missed.v)
			fill_again(c, r);
		table_save(c, r);
	}
	job_put(c, "watch-key", id, c->now_ms + (r->Missed.v ? MISSED_EVERY_MS : WATCH_EVERY_MS), S(""));
}

void seal_missed(struct call *c, const struct table *t)
{
	ASSERT(txn_writable(c->txn) && t->record->Seal != NULL);
	if (t->record->Missed.v)
		return;
	struct dynamodb_Table *r = table_record(c, t->name);
	ASSERT(r != NULL && is_replicated(r));
	r->Missed = SOME_BOOL(true);
	table_save(c, r);
	job_put(c, "watch-key", t->name, c->now_ms + MISSED_EVERY_MS, S(""));
}
