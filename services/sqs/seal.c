/* SSE-KMS: the body of a message under a data key that a KMS key has sealed.
 *
 * A sealed body begins with a byte that no text has, names its queue (the encryption context) and carries its sealed data key, so
 * it can be opened wherever it is moved: in a dead-letter queue, after the queue's settings have changed. A sender's data key is
 * kept, wrapped by the store's own key, and used again for KmsDataKeyReusePeriodSeconds; who receives asks KMS each time, unless
 * it is his own. Attributes, ids and times are not sealed, as on AWS.
 * Source: "Encryption at rest in Amazon SQS", "Amazon SQS Key management" (Developer Guide). */
#include "sqs.h"

#include "svc/datakey.h"
#include "svc/master.h"

enum { SEALED = 1 };

static void fail_kms(struct call *c, const struct wire_error *e)
{
	static const struct { const char *code; const struct shape *error; } known[] = {
		{"AccessDeniedException", &sqs_err_KmsAccessDenied}, {"DisabledException", &sqs_err_KmsDisabled},
		{"InvalidKeyUsageException", &sqs_err_KmsInvalidKeyUsage}, {"KMSInvalidStateException", &sqs_err_KmsInvalidState},
		{"NotFoundException", &sqs_err_KmsNotFound}};
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (str_eq(e->code, str_c(known[i].code))) {
			call_fail(c, known[i].error, "%.*s", STR_ARG(e->message));
			return;
		}
	call_fail_as(c, e);
}

static const struct json *context_of(struct call *c, struct str queue_arn)
{
	struct json *j = json_new_object(c->arena);
	json_set_str(c->arena, j, "aws:sqs:arn", queue_arn);
	return j;
}

/* ---- a sender's data key, for a while ---- */

static struct keeping kept(struct queue *q)
{
	return keeping_of(q->c, data_key(q->c, (uint64_t)q->rec->Data.v, "k"), "sqs", q->rec->KmsDataKeyReusePeriodSeconds.v * 1000);
}

/* ---- bodies ---- */

static void put_part(struct buf *b, struct str s)
{
	ASSERT(s.n <= UINT16_MAX);
	uint16_t n = (uint16_t)s.n;
	buf_put(b, &n, sizeof n);
	buf_str(b, s);
}

static struct str take_part(struct str *rest)
{
	uint16_t n;
	ASSERT(rest->n >= sizeof n);
	memcpy(&n, rest->p, sizeof n);
	ASSERT(n <= rest->n - sizeof n);
	struct str s = str_of(rest->p + sizeof n, n);
	*rest = str_of(s.p + n, rest->n - sizeof n - n);
	return s;
}

bool body_seal(struct queue *q, struct message *m)
{
	struct call *c = q->c;
	struct datakey d;
	struct wire_error error;
	struct buf b;
	ASSERT(m->body.n > 0 && m->body.p[0] != SEALED);
	if (!str_present(q->rec->KmsMasterKeyId))
		return true;
	const struct keeping keep = kept(q);
	if (!datakey_to_seal(c, &keep, q->rec->KmsMasterKeyId, context_of(c, q->arn), &d, &error)) {
		fail_kms(c, &error);
		return false;
	}
	buf_init(&b, c->arena, 0);
	buf_putc(&b, SEALED);
	put_part(&b, q->arn);
	put_part(&b, d.sealed);
	/* Bound to its queue, not to its id: a redriven message has a new one. */
	buf_str(&b, gcm_seal(c->arena, str_of((const char *)d.key, sizeof d.key), q->arn, m->body));
	m->body = buf_view(&b);
	return true;
}

bool body_open(struct queue *q, struct message *m)
{
	struct call *c = q->c;
	unsigned char key[32];
	struct wire_error error;
	if (m->body.n == 0 || m->body.p[0] != SEALED)
		return true;
	struct str rest = str_slice(m->body, 1, m->body.n), arn = take_part(&rest), sealed = take_part(&rest);
	const struct keeping keep = kept(q);
	if (!datakey_to_open(c, &keep, sealed, context_of(c, arn), key, &error)) {
		fail_kms(c, &error);
		return false;
	}
	m->body = gcm_open(c->arena, str_of((const char *)key, sizeof key), arn, rest);
	ASSERT(str_present(m->body));
	return true;
}
