/* A message as bytes, its attributes with their digest, and receipt handles.
 *
 * Packed form: a version byte, fixed numbers, then each text with its length before it. Attributes are packed once
 * when they are sent: count, then name, type, kind and value of each, sorted by name, which is the order the digest wants.
 * Source of the digest: "Calculating the MD5 message digest for message attributes" (SQS Developer Guide). */
#include "sqs.h"

#include <stdlib.h>

enum { PACK_VERSION = 1, KIND_STRING = 1, KIND_BINARY = 2, ATTRIBUTES_MAX = 10, ATTRIBUTE_NAME_MAX = 256 };

/* ---- packing ---- */

struct fixed {
	int64_t sent_ms, delay_until_ms, first_ms;
	uint32_t count;
	uint8_t moved, pad[3];
	unsigned char body_md5[16], attributes_md5[16];
};

struct str message_pack(struct arena *a, const struct message *m)
{
	struct buf b;
	buf_init(&b, a, 0);
	buf_reserve(&b, m->body.n + m->attributes.n + 256);
	buf_putc(&b, PACK_VERSION);
	struct fixed f = {.sent_ms = m->sent_ms, .delay_until_ms = m->delay_until_ms, .first_ms = m->first_ms, .count = m->count,
		.moved = m->moved};
	memcpy(f.body_md5, m->body_md5, sizeof f.body_md5);
	memcpy(f.attributes_md5, m->attributes_md5, sizeof f.attributes_md5);
	buf_put(&b, &f, sizeof f);
	const struct str texts[] = {m->id, m->sender, m->group, m->dedup, m->trace, m->source_arn, m->attributes, m->body};
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		buf_counted(&b, texts[i]);
	ASSERT(!b.overflow);
	return buf_view(&b);
}

void message_unpack(struct str bytes, uint64_t seq, struct message *out)
{
	struct fixed f;
	ASSERT(bytes.n > sizeof f && bytes.p[0] == PACK_VERSION);
	memcpy(&f, bytes.p + 1, sizeof f);
	*out = (struct message){.seq = seq, .sent_ms = f.sent_ms, .delay_until_ms = f.delay_until_ms, .first_ms = f.first_ms,
		.count = f.count, .moved = f.moved != 0};
	memcpy(out->body_md5, f.body_md5, sizeof f.body_md5);
	memcpy(out->attributes_md5, f.attributes_md5, sizeof f.attributes_md5);
	struct str rest = str_slice(bytes, 1 + sizeof f, bytes.n);
	struct str *const texts[] = {&out->id, &out->sender, &out->group, &out->dedup, &out->trace, &out->source_arn,
		&out->attributes, &out->body};
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		*texts[i] = counted_take(&rest);
	ASSERT(rest.n == 0);
}

/* ---- attributes ---- */

static void digest_text(struct buf *b, struct str s)
{
	buf_be32(b, (uint32_t)s.n);
	buf_str(b, s);
}

void attributes_md5(struct arena *a, const struct sqs_MessageBodyAttributeMap_entry *v, size_t n, unsigned char out[16])
{
	struct buf b;
	buf_init(&b, a, 0);
	for (size_t i = 0; i < n; i++) {
		bool binary = str_starts(v[i].value.DataType, S("Binary"));
		digest_text(&b, v[i].key);
		digest_text(&b, v[i].value.DataType);
		buf_putc(&b, binary ? KIND_BINARY : KIND_STRING);
		digest_text(&b, binary ? v[i].value.BinaryValue : v[i].value.StringValue);
	}
	struct md5 d = md5(buf_view(&b));
	memcpy(out, d.b, sizeof d.b);
}

static bool name_allowed(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char ch = s.p[i];
		bool ok = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-' ||
		          (ch == '.' && i > 0 && i + 1 < s.n && s.p[i - 1] != '.');
		if (!ok)
			return false;
	}
	return s.n > 0 && s.n <= ATTRIBUTE_NAME_MAX && !str_starts_nocase(s, S("aws.")) && !str_starts_nocase(s, S("amazon."));
}

static bool is_number(struct str s)
{
	double d;
	return str_to_f64(s, &d);
}

static bool attribute_check(struct call *c, struct str name, const struct sqs_MessageAttributeValue *v)
{
	struct str type = v->DataType;
	if (!name_allowed(name)) {
		fail_invalid(c, "Invalid attribute name '%.*s': message (user) attribute names can contain A-Z, a-z, 0-9, underscore, hyphen, "
			"and period, must not start with AWS. or Amazon., and have at most 256 characters.", STR_ARG(name));
		return false;
	}
	if (str_empty(type)) {
		fail_invalid(c, "The message attribute '%.*s' must contain non-empty message attribute type.", STR_ARG(name));
		return false;
	}
	struct str rest = type, base = str_cut(&rest, '.');
	bool number = str_eq(base, S("Number")), binary = str_eq(base, S("Binary"));
	if (type.n > ATTRIBUTE_NAME_MAX || (!number && !binary && !str_eq(base, S("String")))) {
		fail_invalid(c, "The type of message (user) attribute '%.*s' is invalid. You must use only the following supported type "
			"prefixes: Binary, Number, String.", STR_ARG(name));
		return false;
	}
	if (v->StringListValues.n > 0 || v->BinaryListValues.n > 0) {
		call_fail(c, &sqs_err_UnsupportedOperation, "Message attribute list values in SendMessage operation are not supported.");
		return false;
	}
	struct str value = binary ? v->BinaryValue : v->StringValue;
	if (str_empty(value)) {
		fail_invalid(c, "The message attribute '%.*s' with type '%.*s' must use field '%s'.", STR_ARG(name), STR_ARG(base),
			binary ? "Binary" : "String");
		return false;
	}
	if (number && !is_number(value)) {
		fail_invalid(c, "Can't cast the value of message (user) attribute '%.*s' to a number.", STR_ARG(name));
		return false;
	}
	return true;
}

static int by_key(const void *x, const void *y)
{
	return str_cmp(((const struct sqs_MessageBodyAttributeMap_entry *)x)->key,
		((const struct sqs_MessageBodyAttributeMap_entry *)y)->key);
}

bool attributes_pack(struct call *c, const struct map_of *in, struct message *m, size_t *size)
{
	m->attributes = S("");
	if (in->n == 0)
		return true;
	if (in->n > ATTRIBUTES_MAX) {
		fail_invalid(c, "Number of message attributes [%u] exceeds the allowed maximum [%d].", in->n, ATTRIBUTES_MAX);
		return false;
	}
	struct sqs_MessageBodyAttributeMap_entry *v = arena_array(c->arena, struct sqs_MessageBodyAttributeMap_entry, in->n);
	memcpy(v, in->v, in->n * sizeof *v);
	qsort(v, in->n, sizeof *v, by_key);
	struct buf b;
	buf_init(&b, c->arena, 0);
	buf_putc(&b, (char)in->n);
	for (size_t i = 0; i < in->n; i++) {
		if (!attribute_check(c, v[i].key, &v[i].value))
			return false;
		bool binary = str_starts(v[i].value.DataType, S("Binary"));
		struct str value = binary ? v[i].value.BinaryValue : v[i].value.StringValue;
		buf_counted(&b, v[i].key);
		buf_counted(&b, v[i].value.DataType);
		buf_putc(&b, binary ? KIND_BINARY : KIND_STRING);
		buf_counted(&b, value);
		*size += v[i].key.n + v[i].value.DataType.n + value.n;
	}
	m->attributes = buf_view(&b);
	attributes_md5(c->arena, v, in->n, m->attributes_md5);
	return true;
}

static bool asked_for(const struct list *names, struct str name)
{
	const struct str *v = names->v;
	for (size_t i = 0; i < names->n; i++) {
		if (str_eq(v[i], S("All")) || str_eq(v[i], S(".*")) || str_eq(v[i], name))
			return true;
		if (str_ends(v[i], S(".*")) && str_starts(name, str_slice(v[i], 0, v[i].n - 2)))
			return true;
	}
	return false;
}

struct map_of attributes_select(struct arena *a, struct str packed, const struct list *names, unsigned char md5_out[16])
{
	struct map_of out = {0};
	if (packed.n == 0 || names->n == 0)
		return out;
	size_t n = (unsigned char)packed.p[0];
	ASSERT(n > 0 && n <= ATTRIBUTES_MAX);
	struct sqs_MessageBodyAttributeMap_entry *v = arena_array(a, struct sqs_MessageBodyAttributeMap_entry, n);
	struct str rest = str_slice(packed, 1, packed.n);
	for (size_t i = 0; i < n; i++) {
		struct sqs_MessageBodyAttributeMap_entry e = {0};
		e.key = counted_take(&rest);
		e.value.DataType = counted_take(&rest);
		ASSERT(rest.n > 0);
		bool binary = rest.p[0] == KIND_BINARY;
		rest = str_slice(rest, 1, rest.n);
		*(binary ? &e.value.BinaryValue : &e.value.StringValue) = counted_take(&rest);
		if (asked_for(names, e.key))
			v[out.n++] = e;
	}
	ASSERT(rest.n == 0 && out.n <= n);
	if (out.n == 0)
		return out;
	out.v = v;
	out.set = true;
	attributes_md5(a, v, out.n, md5_out);
	return out;
}

/* ---- receipt handles ---- */

struct receipt_bytes { uint32_t check, nonce; uint64_t queue, data, seq; };

static uint32_t receipt_check(struct str bytes)
{
	return crc32c(0x5173, str_slice(bytes, sizeof(uint32_t), bytes.n));
}

struct str receipt_text(struct arena *a, const struct receipt *r)
{
	ASSERT(r->queue > 0 && r->data > 0 && r->seq > 0);
	struct receipt_bytes f = {.nonce = r->nonce, .queue = r->queue, .data = r->data, .seq = r->seq};
	char *p = arena_bytes(a, sizeof f + r->group.n);
	memcpy(p, &f, sizeof f);
	if (r->group.n > 0)
		memcpy(p + sizeof f, r->group.p, r->group.n);
	struct str all = str_of(p, sizeof f + r->group.n);
	f.check = receipt_check(all);
	memcpy(p, &f.check, sizeof f.check);
	return base64_encode(a, all);
}

bool receipt_open(struct arena *a, struct str text, struct receipt *out)
{
	struct receipt_bytes f;
	struct str all = base64_decode(a, text);
	if (!str_present(all) || all.n < sizeof f)
		return false;
	memcpy(&f, all.p, sizeof f);
	if (f.check != receipt_check(all))
		return false;
	*out = (struct receipt){f.queue, f.data, f.seq, f.nonce, str_slice(all, sizeof f, all.n)};
	return true;
}
