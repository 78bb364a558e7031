/* See datakey.h. */
#include "svc/datakey.h"

#include "base/enc.h"
#include "svc/master.h"

static bool take_key(struct call *c, const struct invoked *i, unsigned char key[32], struct wire_error *error)
{
	ASSERT(!i->parked); /* symmetric keys never wait */
	if (!i->ok) {
		*error = i->error;
		return false;
	}
	struct str plain = base64_decode(c->arena, json_get_str(i->out, "Plaintext"));
	ASSERT(plain.n == 32);
	memcpy(key, plain.p, plain.n);
	return true;
}

bool datakey_new(struct call *c, struct str key_id, const struct json *context, struct str region, struct datakey *out, struct wire_error *error)
{
	struct json *in = json_new_object(c->arena);
	const struct invoke_options o = {.region = region};
	json_set_str(c->arena, in, "KeyId", key_id);
	json_set_str(c->arena, in, "KeySpec", S("AES_256"));
	json_set(c->arena, in, S("EncryptionContext"), context);
	struct invoked i = invoke(c, "kms", "GenerateDataKey", in, &o);
	if (!take_key(c, &i, out->key, error))
		return false;
	out->sealed = base64_decode(c->arena, json_get_str(i.out, "CiphertextBlob"));
	out->key_arn = json_get_str(i.out, "KeyId");
	return true;
}

bool datakey_open(struct call *c, struct str sealed, const struct json *context, struct str region, unsigned char key[32], struct wire_error *error)
{
	struct json *in = json_new_object(c->arena);
	const struct invoke_options o = {.region = region};
	json_set_str(c->arena, in, "CiphertextBlob", base64_encode(c->arena, sealed));
	json_set(c->arena, in, S("EncryptionContext"), context);
	struct invoked i = invoke(c, "kms", "Decrypt", in, &o);
	return take_key(c, &i, key, error);
}

bool datakey_kept(struct call *c, struct str key_arn, struct str sealed, const struct json *context, const struct key *master,
                  unsigned char key[32], struct wire_error *error)
{
	ASSERT(str_present(sealed));
	if (str_present(key_arn))
		return datakey_open(c, sealed, context, STR_NONE, key, error);
	unsigned char kek[MASTER_BYTES];
	master_key(c, master, kek);
	struct str plain = key_unwrap(c->arena, kek, sealed);
	ASSERT(plain.n == 32); /* nobody else wrote it */
	memcpy(key, plain.p, plain.n);
	return true;
}

static bool take_sealed(struct call *c, const struct invoked *i, struct datakey *d, struct wire_error *error)
{
	ASSERT(!i->parked); /* symmetric keys never wait */
	if (!i->ok) {
		*error = i->error;
		return false;
	}
	d->sealed = base64_decode(c->arena, json_get_str(i->out, "CiphertextBlob"));
	d->key_arn = json_get_str(i->out, "KeyId");
	ASSERT(str_present(d->sealed) && str_present(d->key_arn));
	return true;
}

bool datakey_seal(struct call *c, struct str key_id, const struct json *context, struct str region, const unsigned char key[32],
                  struct datakey *out, struct wire_error *error)
{
	struct json *in = json_new_object(c->arena);
	const struct invoke_options o = {.region = region};
	json_set_str(c->arena, in, "KeyId", key_id);
	json_set_str(c->arena, in, "Plaintext", base64_encode(c->arena, str_of((const char *)key, sizeof out->key)));
	json_set(c->arena, in, S("EncryptionContext"), context);
	struct invoked i = invoke(c, "kms", "Encrypt", in, &o);
	memcpy(out->key, key, sizeof out->key);
	return take_sealed(c, &i, out, error);
}

bool datakey_reseal(struct call *c, struct datakey_move m, struct str region, struct datakey *out, struct wire_error *error)
{
	struct json *in = json_new_object(c->arena);
	const struct invoke_options o = {.region = region};
	json_set_str(c->arena, in, "CiphertextBlob", base64_encode(c->arena, m.sealed));
	json_set(c->arena, in, S("SourceEncryptionContext"), m.from);
	json_set_str(c->arena, in, "DestinationKeyId", m.key_id);
	json_set(c->arena, in, S("DestinationEncryptionContext"), m.to);
	struct invoked i = invoke(c, "kms", "ReEncrypt", in, &o);
	return take_sealed(c, &i, out, error);
}

/* ---- used again ---- */

enum { KEPT = 1 }; /* the first byte of a record; one of another kind is no key */

struct kept_head { int64_t made_ms; uint16_t kind, id_length, sealed_length, unused; };

/* The one that is kept; false: none, it is too old, or it is another KMS key's (key_id absent: any). */
static bool again(struct call *c, const struct keeping *k, struct str key_id, struct datakey *out)
{
	struct str value;
	struct kept_head h;
	unsigned char kek[MASTER_BYTES];
	if (!txn_get(c->txn, key_bytes(k->place), c->arena, &value) || value.n < sizeof h)
		return false;
	memcpy(&h, value.p, sizeof h);
	if (h.kind != KEPT || h.made_ms > c->now_ms || c->now_ms - h.made_ms >= k->reuse_ms)
		return false;
	struct str id = str_slice(value, sizeof h, sizeof h + h.id_length), rest = str_slice(value, sizeof h + h.id_length, value.n);
	if (str_present(key_id) && !str_eq(id, key_id))
		return false;
	master_key(c, k->master, kek);
	struct str plain = key_unwrap(c->arena, kek, str_slice(rest, h.sealed_length, rest.n));
	ASSERT(plain.n == sizeof out->key);
	memcpy(out->key, plain.p, plain.n);
	out->sealed = str_slice(rest, 0, h.sealed_length);
	out->key_arn = STR_NONE;
	return true;
}

static void keep(struct call *c, const struct keeping *k, struct str key_id, const struct datakey *d)
{
	unsigned char kek[MASTER_BYTES];
	struct buf b;
	ASSERT(key_id.n <= UINT16_MAX && d->sealed.n <= UINT16_MAX);
	const struct kept_head h = {c->now_ms, KEPT, (uint16_t)key_id.n, (uint16_t)d->sealed.n, 0};
	master_key(c, k->master, kek);
	buf_init(&b, c->arena, 0);
	buf_put(&b, &h, sizeof h);
	buf_str(&b, key_id);
	buf_str(&b, d->sealed);
	buf_str(&b, key_wrap(c->arena, kek, str_of((const char *)d->key, sizeof d->key)));
	txn_put(c->txn, key_bytes(k->place), buf_view(&b));
}

struct keeping keeping_of(struct call *c, struct key *place, const char *service, int64_t reuse_ms)
{
	struct str who = str_present(c->who->arn) ? c->who->arn : S("anonymous");
	return (struct keeping){key_str(place, who), master_place(c, service), reuse_ms};
}

bool datakey_to_seal(struct call *c, const struct keeping *k, struct str key_id, const struct json *context, struct datakey *out,
                     struct wire_error *error)
{
	if (again(c, k, key_id, out))
		return true;
	if (!datakey_new(c, key_id, context, STR_NONE, out, error))
		return false;
	keep(c, k, key_id, out);
	return true;
}

bool datakey_to_open(struct call *c, const struct keeping *k, struct str sealed, const struct json *context, unsigned char key[32],
                     struct wire_error *error)
{
	struct datakey d;
	if (!again(c, k, STR_NONE, &d) || !str_eq(d.sealed, sealed))
		return datakey_open(c, sealed, context, STR_NONE, key, error);
	memcpy(key, d.key, sizeof d.key);
	return true;
}
