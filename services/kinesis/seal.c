/* Server-side encryption: the data of a record under a data key that the stream's KMS key has sealed.
 *
 * A sealed record carries its sealed data key, so it opens whatever the stream's settings are by then. Who puts must be allowed
 * kms:GenerateDataKey, who gets kms:Decrypt; a producer's data key is used for five minutes. Partition keys are not sealed.
 * Source: "Data protection in Amazon Kinesis Data Streams", "Permissions to use user-generated KMS keys" (Developer Guide). */
#include "kinesis.h"

#include "svc/datakey.h"
#include "svc/master.h"

enum { REUSE_MS = 5 * 60 * 1000, CHANGES_A_DAY = 25 };

static void fail_kms(struct call *c, const struct wire_error *e)
{
	static const struct { const char *code; const struct shape *error; } known[] = {
		{"AccessDeniedException", &kinesis_err_KMSAccessDeniedException}, {"DisabledException", &kinesis_err_KMSDisabledException},
		{"KMSInvalidStateException", &kinesis_err_KMSInvalidStateException}, {"InvalidKeyUsageException",
			&kinesis_err_KMSInvalidStateException},
		{"NotFoundException", &kinesis_err_KMSNotFoundException}};
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (str_eq(e->code, str_c(known[i].code))) {
			call_fail(c, known[i].error, "%.*s", STR_ARG(e->message));
			return;
		}
	call_fail_as(c, e);
}

static const struct json *context_of(struct stream *s)
{
	struct json *j = json_new_object(s->c->arena);
	json_set_str(s->c->arena, j, "aws:kinesis:arn", s->arn);
	return j;
}

static struct keeping kept(struct stream *s) { return keeping_of(s->c, data_key(s->c, s->id, "k"), "kinesis", REUSE_MS); }

bool data_seal(struct stream *s, struct seal *k, struct data_record *r)
{
	struct call *c = s->c;
	struct str key_id = s->rec->KeyId;
	struct datakey d;
	struct wire_error error;
	struct buf b;
	if (!str_present(key_id))
		return true;
	if (!k->ready) {
		const struct keeping keep = kept(s);
		if (!datakey_to_seal(c, &keep, key_id, context_of(s), &d, &error)) {
			fail_kms(c, &error);
			return false;
		}
		k->ready = true;
		k->sealed_key = d.sealed;
		memcpy(k->key, d.key, sizeof k->key);
	}
	ASSERT(k->sealed_key.n <= UINT16_MAX);
	uint16_t n = (uint16_t)k->sealed_key.n;
	buf_init(&b, c->arena, 0);
	buf_put(&b, &n, sizeof n);
	buf_str(&b, k->sealed_key);
	buf_str(&b, gcm_seal(c->arena, str_of((const char *)k->key, sizeof k->key), s->arn, r->data));
	r->data = buf_view(&b);
	r->sealed = true;
	return true;
}

bool data_open(struct stream *s, struct seal *k, struct data_record *r)
{
	struct call *c = s->c;
	uint16_t n;
	if (!r->sealed)
		return true;
	ASSERT(r->data.n > sizeof n);
	memcpy(&n, r->data.p, sizeof n);
	struct str sealed = str_slice(r->data, sizeof n, sizeof n + n);
	ASSERT(sealed.n == n);
	if (!k->ready || !str_eq(k->sealed_key, sealed)) {
		const struct keeping keep = kept(s);
		struct wire_error error;
		*k = (struct seal){.sealed_key = sealed};
		k->ready = datakey_to_open(c, &keep, sealed, context_of(s), k->key, &error);
		if (!k->ready) {
			fail_kms(c, &error);
			return false;
		}
	}
	r->data = gcm_open(c->arena, str_of((const char *)k->key, sizeof k->key), s->arn, str_slice(r->data, sizeof n + n, r->data.n));
	ASSERT(str_present(r->data));
	return true;
}

/* ---- switched on and off ---- */

/* Is the key there, on, and the caller's to see? The one that AWS manages comes to be at first use. */
static bool key_ok(struct call *c, struct str key_id)
{
	struct json *in = json_new_object(c->arena);
	if (str_ends(key_id, S("alias/aws/kinesis")))
		return true;
	json_set_str(c->arena, in, "KeyId", key_id);
	struct invoked i = invoke(c, "kms", "DescribeKey", in, NULL);
	ASSERT(!i.parked);
	if (!i.ok) {
		fail_kms(c, &i.error);
		return false;
	}
	const struct json *about = json_get(i.out, S("KeyMetadata"));
	struct str state = json_get_str(about, "KeyState"), arn = json_get_str(about, "Arn");
	if (str_eq(state, S("Enabled")) && str_eq(json_get_str(about, "KeySpec"), S("SYMMETRIC_DEFAULT")))
		return true;
	if (str_eq(state, S("Disabled")))
		call_fail(c, &kinesis_err_KMSDisabledException, "%.*s is disabled.", STR_ARG(arn));
	else
		call_fail(c, &kinesis_err_KMSInvalidStateException, "%.*s cannot be used: its state is %.*s, its kind %.*s.", STR_ARG(arn),
			STR_ARG(state),
			STR_ARG(json_get_str(about, "KeySpec")));
	return false;
}

static bool type_ok(struct call *c, struct str type)
{
	if (str_eq(type, S("KMS")))
		return true;
	fail_invalid(c, "EncryptionType must be KMS.");
	return false;
}

static void key_set(struct stream *s, struct str key_id)
{
	struct kinesis_Stream *rec = stream_change(s);
	if (!once_more(s->c, &rec->Keyed, CHANGES_A_DAY)) {
		call_fail(s->c, &kinesis_err_LimitExceededException, "The encryption of stream %.*s was changed %d times in 24 hours.",
			STR_ARG(s->name), CHANGES_A_DAY);
		return;
	}
	rec->KeyId = key_id;
	stream_save(s, rec);
}

void op_start_stream_encryption(struct call *c)
{
	const struct kinesis_StartStreamEncryptionInput *in = c->in;
	struct stream *s = run_stream(c);
	if (type_ok(c, in->EncryptionType) && key_ok(c, in->KeyId))
		key_set(s, in->KeyId);
}

void op_stop_stream_encryption(struct call *c)
{
	const struct kinesis_StopStreamEncryptionInput *in = c->in;
	struct stream *s = run_stream(c);
	if (!type_ok(c, in->EncryptionType))
		return;
	if (!str_eq(in->KeyId, s->rec->KeyId)) {
		fail_invalid(c, "Stream %.*s under account %.*s is not encrypted under key %.*s.", STR_ARG(s->name), STR_ARG(s->account),
			STR_ARG(in->KeyId));
		return;
	}
	key_set(s, STR_NONE);
}
