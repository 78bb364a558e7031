/* What subscribers get to see of a message: the JSON document, the event of a function, and what is signed of it.
 *
 * Source: "Parsing Amazon SNS message formats" and "Verifying the signatures of Amazon SNS messages" (SNS Developer Guide),
 * "Invoking Lambda functions with Amazon SNS notifications" (Lambda Developer Guide). */
#include "sns.h"

#include "base/enc.h"
#include "base/time.h"

struct str message_for(struct arena *a, const struct sns_MessageRecord *m, struct str protocol)
{
	if (!m->Structured.v)
		return m->Message;
	const struct json *j = json_parse(a, m->Message, NULL);
	struct str own = json_str(json_get(j, protocol));
	ASSERT(json_is(j, JSON_OBJECT));
	return str_present(own) ? own : json_get_str(j, "default");
}

static struct str line(struct arena *a, const char *name, struct str value) { return arena_join(a, str_c(name), S("\n"), value, S("\n")); }

static bool asks(const struct sns_SubscriptionRecord *r) { return r->Token.n > 0; }

static struct str subscribe_url(struct call *c, const struct sns_SubscriptionRecord *r)
{
	return arena_printf(c->arena, "http://localhost:%d/_aws/sns/confirm?TopicArn=%.*s&Token=%.*s", service_config()->port, STR_ARG(r->TopicArn),
		STR_ARG(r->Token));
}

struct str unsubscribe_url(struct call *c, struct str arn)
{
	return arena_printf(c->arena, "http://localhost:%d/_aws/sns/unsubscribe?SubscriptionArn=%.*s", service_config()->port, STR_ARG(arn));
}

struct str envelope_to_sign(struct call *c, const struct notification *n)
{
	struct arena *a = c->arena;
	const struct sns_MessageRecord *m = n->message;
	struct str head = arena_join(a, line(a, "Message", n->text), line(a, "MessageId", m->Id)),
	           time = line(a, "Timestamp", time_iso8601_ms(a, m->SentMs.v)), topic = line(a, "TopicArn", n->topic->arn);
	if (asks(n->sub))
		return arena_join(a, head, line(a, "SubscribeURL", subscribe_url(c, n->sub)), time, line(a, "Token", n->sub->Token), topic,
			line(a, "Type", S("SubscriptionConfirmation")));
	return arena_join(a, head, m->Subject.n > 0 ? line(a, "Subject", m->Subject) : S(""), time, topic, line(a, "Type", S("Notification")));
}

/* ---- attributes ---- */

static struct json *attributes_json(struct arena *a, const struct map_of *attributes)
{
	const struct sns_MessageAttributeMap_entry *v = attributes->v;
	struct json *all = json_new_object(a);
	for (uint32_t i = 0; i < attributes->n; i++) {
		bool binary = str_starts(v[i].value.DataType, S("Binary"));
		struct json *one = json_set(a, all, v[i].key, json_new_object(a));
		json_set_str(a, one, "Type", v[i].value.DataType);
		json_set_str(a, one, "Value", binary ? base64_encode(a, v[i].value.BinaryValue) : v[i].value.StringValue);
	}
	return all;
}

/* ---- the document ---- */

/* `{` line by line, as AWS writes it: some clients compare the text. */
struct document { struct buf b; bool more; };

static void member(struct document *d, const char *name)
{
	buf_str(&d->b, d->more ? S(",\n  ") : S("{\n  "));
	d->more = true;
	json_write_str(&d->b, str_c(name));
	buf_str(&d->b, S(" : "));
}

static void text(struct document *d, const char *name, struct str value)
{
	member(d, name);
	json_write_str(&d->b, value);
}

static void signature(struct call *c, struct document *d, const struct notification *n)
{
	struct str version = attribute_get(&n->topic->rec->Attributes, "SignatureVersion");
	text(d, "SignatureVersion", version.n > 0 ? version : S("1"));
	text(d, "Signature", n->signature);
	text(d, "SigningCertURL", signing_cert_url(c));
}

struct str envelope_document(struct call *c, const struct notification *n)
{
	const struct sns_MessageRecord *m = n->message;
	struct document d = {.more = false};
	buf_init(&d.b, c->arena, 0);
	text(&d, "Type", asks(n->sub) ? S("SubscriptionConfirmation") : S("Notification"));
	text(&d, "MessageId", m->Id);
	if (asks(n->sub))
		text(&d, "Token", n->sub->Token);
	if (n->topic->fifo && m->Sequence.n > 0)
		text(&d, "SequenceNumber", m->Sequence);
	text(&d, "TopicArn", n->topic->arn);
	if (m->Subject.n > 0)
		text(&d, "Subject", m->Subject);
	text(&d, "Message", n->text);
	if (asks(n->sub))
		text(&d, "SubscribeURL", subscribe_url(c, n->sub));
	text(&d, "Timestamp", time_iso8601_ms(c->arena, m->SentMs.v));
	signature(c, &d, n);
	if (!asks(n->sub))
		text(&d, "UnsubscribeURL", unsubscribe_url(c, n->sub->Arn));
	if (m->Attributes.n > 0) {
		member(&d, "MessageAttributes");
		json_write(&d.b, attributes_json(c->arena, &m->Attributes));
	}
	buf_str(&d.b, S("\n}"));
	return buf_view(&d.b);
}

struct str envelope_event(struct call *c, const struct notification *n)
{
	struct arena *a = c->arena;
	const struct sns_MessageRecord *m = n->message;
	struct str version = attribute_get(&n->topic->rec->Attributes, "SignatureVersion");
	struct json *event = json_new_object(a), *records = json_set(a, event, S("Records"), json_new_array(a)),
	            *r = json_push(a, records, json_new_object(a));
	json_set_str(a, r, "EventSource", S("aws:sns"));
	json_set_str(a, r, "EventVersion", S("1.0"));
	json_set_str(a, r, "EventSubscriptionArn", n->sub->Arn);
	struct json *s = json_set(a, r, S("Sns"), json_new_object(a));
	json_set_str(a, s, "Type", S("Notification"));
	json_set_str(a, s, "MessageId", m->Id);
	json_set_str(a, s, "TopicArn", n->topic->arn);
	json_set(a, s, S("Subject"), m->Subject.n > 0 ? json_new_str(a, m->Subject) : json_new_null(a));
	json_set_str(a, s, "Message", n->text);
	json_set_str(a, s, "Timestamp", time_iso8601_ms(a, m->SentMs.v));
	json_set_str(a, s, "SignatureVersion", version.n > 0 ? version : S("1"));
	json_set_str(a, s, "Signature", n->signature);
	json_set_str(a, s, "SigningCertUrl", signing_cert_url(c));
	json_set_str(a, s, "UnsubscribeUrl", unsubscribe_url(c, n->sub->Arn));
	json_set(a, s, S("MessageAttributes"), attributes_json(a, &m->Attributes));
	return json_text(a, event);
}
