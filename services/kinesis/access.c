/* Permission to do what an operation does, on the stream or consumer it names: identity policies and the resource's own.
 *
 * What is asked for need not be there: its ARN is known from its name, and who may not ask does not learn whether it is. What was
 * opened to decide is kept for the handler of the same run. Source: "Actions, resources, and condition keys for Amazon Kinesis Data
 * Streams" (Service Authorization Reference); "Sharing your data stream with another account". */
#include "kinesis.h"

#include "svc/arn.h"

struct held { struct stream *stream; struct consumer consumer; bool is_consumer; };

struct stream *run_stream(struct call *c)
{
	struct held *h = c->memo;
	ASSERT(h != NULL);
	CHECK_MAGIC(h->stream, STREAM_MAGIC);
	return h->stream;
}

struct consumer *run_consumer(struct call *c)
{
	struct held *h = c->memo;
	ASSERT(h != NULL && h->stream != NULL);
	return h->is_consumer ? &h->consumer : NULL;
}

/* Reserved by AWS, "not implemented": not to be passed over in silence. */
static bool has_stream_id(struct call *c)
{
	if (!str_present(call_input_text(c, "StreamId")))
		return false;
	call_unsupported(c, "StreamId");
	return true;
}

static void keep(struct call *c, struct stream *s, const struct consumer *k)
{
	struct held *h = arena_new_of(c->arena, struct held);
	h->stream = s;
	h->is_consumer = k != NULL;
	if (k != NULL)
		h->consumer = *k;
	c->memo = h;
}

static bool allow(struct call *c, const char *action, struct str arn, struct str account, struct str policy, const struct map_of *tags)
{
	struct access_extra x = {.resource_policy = policy};
	if (!str_eq(account, c->account))
		x.resource_account = account;
	if (tags != NULL)
		tags_conditions(c, &x, TAGS_OF(*tags, struct kinesis_TagMap_entry));
	return authorize(c, action, arn, &x);
}

/* The stream, when c->who may; NULL with c failed. */
static struct stream *enter(struct call *c, const char *action, struct str account, struct str name)
{
	struct stream *s = stream_open(c, account, name);
	if (!allow(c, action, stream_arn(c, account, name), account, s != NULL ? s->rec->Policy : STR_NONE, s != NULL ? &s->rec->Tags : NULL))
		return NULL;
	if (s == NULL)
		fail_no_stream(c, account, name);
	return s;
}

/* Account, stream and consumer of an ARN in this region; false with c failed. */
static bool take_arn(struct call *c, struct str text, struct str *account, struct str *stream, struct str *consumer, int64_t *made_s)
{
	struct arn arn;
	if (!arn_parse(text, &arn) || !str_eq(arn.service, S("kinesis")) || !resource_parse(arn.resource, stream, consumer, made_s)) {
		fail_invalid(c, "The ARN %.*s is not valid.", STR_ARG(text));
		return false;
	}
	*account = arn.account;
	if (str_eq(arn.region, c->region))
		return true;
	fail_no_stream(c, arn.account, *stream);
	return false;
}

void access_stream(struct call *c)
{
	struct str name = call_input_text(c, "StreamName"), arn = call_input_text(c, "StreamARN"), account = c->account, named, consumer = STR_NONE;
	int64_t made_s;
	if (has_stream_id(c))
		return;
	if (str_present(arn)) {
		if (!take_arn(c, arn, &account, &named, &consumer, &made_s))
			return;
		if (str_present(consumer) || (str_present(name) && !str_eq(name, named))) {
			fail_invalid(c, "StreamARN %.*s and StreamName %.*s do not name the same stream.", STR_ARG(arn), STR_ARG(name));
			return;
		}
		name = named;
	}
	if (!str_present(name)) {
		fail_invalid(c, "Either StreamName or StreamARN must be specified.");
		return;
	}
	access_named(c, account, name);
}

void access_named(struct call *c, struct str account, struct str name)
{
	struct stream *s = enter(c, NULL, account, name);
	if (s != NULL)
		keep(c, s, NULL);
}

void access_iterator(struct call *c)
{
	struct position p;
	struct str account, name, arn = call_input_text(c, "StreamARN");
	if (has_stream_id(c))
		return;
	if (!iterator_open(c->arena, call_input_text(c, "ShardIterator"), &p, &account, &name)) {
		fail_invalid(c, "Invalid ShardIterator.");
		return;
	}
	if (str_present(arn) && !str_eq(arn, stream_arn(c, account, name))) {
		fail_invalid(c, "StreamARN %.*s does not match the ShardIterator.", STR_ARG(arn));
		return;
	}
	struct stream *s = enter(c, NULL, account, name);
	if (s == NULL)
		return;
	if (s->id != p.stream)
		fail_no_stream(c, account, name); /* another one that had the name */
	else
		keep(c, s, NULL);
}

void access_create(struct call *c)
{
	const struct kinesis_CreateStreamInput *in = c->in;
	struct str arn = stream_arn(c, c->account, in->StreamName);
	if (authorize(c, NULL, arn, NULL) && in->Tags.n > 0)
		authorize(c, "kinesis:AddTagsToStream", arn, NULL);
}

/* ---- consumers ---- */

struct key *consumer_key(struct stream *s, struct str name)
{
	return key_str(data_key(s->c, s->id, "c"), name);
}

struct str consumer_arn(struct stream *s, struct str name, const struct kinesis_StoredConsumer *rec)
{
	return arena_printf(s->c->arena, "%.*s/consumer/%.*s:%lld", STR_ARG(s->arn), STR_ARG(name), (long long)(rec->Created.ms / 1000));
}

bool consumer_open(struct stream *s, struct str name, struct consumer *out)
{
	struct kinesis_StoredConsumer *rec = call_get(s->c, consumer_key(s, name), &kinesis_shape_StoredConsumer);
	if (rec == NULL)
		return false;
	*out = (struct consumer){.stream = s, .name = name, .arn = consumer_arn(s, name, rec), .rec = rec};
	return true;
}

void access_register(struct call *c)
{
	const struct kinesis_RegisterStreamConsumerInput *in = c->in;
	access_stream(c);
	if (!c->failed && in->Tags.n > 0)
		authorize(c, "kinesis:TagResource", arena_join(c->arena, run_stream(c)->arn, S("/consumer/"), in->ConsumerName, S(":*")), NULL);
}

/* The consumer of this name; made_s: and of this time of registration, when it is not negative. */
static void enter_consumer(struct call *c, struct str account, struct str stream, struct str name, int64_t made_s)
{
	struct consumer k = {0};
	struct stream *s = stream_open(c, account, stream);
	bool found = s != NULL && consumer_open(s, name, &k) && (made_s < 0 || k.rec->Created.ms / 1000 == made_s);
	struct str arn = found ? k.arn : arena_printf(c->arena, "%.*s/consumer/%.*s:%lld", STR_ARG(stream_arn(c, account, stream)), STR_ARG(name),
		made_s < 0 ? 0LL : (long long)made_s);
	if (!allow(c, NULL, arn, account, found ? k.rec->Policy : STR_NONE, found ? &k.rec->Tags : NULL))
		return;
	if (!found)
		call_fail(c, &kinesis_err_ResourceNotFoundException, "Consumer %.*s, account %.*s not found.", STR_ARG(name), STR_ARG(account));
	else
		keep(c, s, &k);
}

void access_consumer(struct call *c)
{
	struct str arn = call_input_text(c, "ConsumerARN"), stream_text = call_input_text(c, "StreamARN"), name = call_input_text(c, "ConsumerName");
	struct str account = STR_NONE, stream = STR_NONE, consumer = STR_NONE, account2 = STR_NONE, stream2 = STR_NONE, other;
	int64_t made_s = -1, ignored;
	if (has_stream_id(c))
		return;
	if (str_present(arn) && !take_arn(c, arn, &account, &stream, &consumer, &made_s))
		return;
	if (str_present(stream_text) && !take_arn(c, stream_text, &account2, &stream2, &other, &ignored))
		return;
	if (!str_present(arn) && (!str_present(stream_text) || !str_present(name))) {
		fail_invalid(c, "Either ConsumerARN, or both StreamARN and ConsumerName must be specified.");
		return;
	}
	bool conflict = str_present(arn) && ((str_present(name) && !str_eq(name, consumer)) ||
		(str_present(stream_text) && (!str_eq(account, account2) || !str_eq(stream, stream2))));
	if (conflict) {
		fail_invalid(c, "ConsumerARN, StreamARN and ConsumerName do not name the same consumer.");
		return;
	}
	if (str_present(arn))
		enter_consumer(c, account, stream, consumer, made_s);
	else
		enter_consumer(c, account2, stream2, name, -1);
}

void access_resource(struct call *c)
{
	struct str account, stream, consumer;
	int64_t made_s;
	if (has_stream_id(c) || !take_arn(c, call_input_text(c, "ResourceARN"), &account, &stream, &consumer, &made_s))
		return;
	if (str_present(consumer)) {
		enter_consumer(c, account, stream, consumer, made_s);
		return;
	}
	struct stream *s = enter(c, NULL, account, stream);
	if (s != NULL)
		keep(c, s, NULL);
}

struct str resource_policy(struct call *c, struct str text)
{
	struct arn arn;
	struct str stream, consumer;
	int64_t made_s;
	struct consumer k;
	if (!arn_parse(text, &arn) || !resource_parse(arn.resource, &stream, &consumer, &made_s))
		return STR_NONE;
	struct stream *s = stream_open(c, arn.account, stream);
	if (s == NULL || !str_present(consumer))
		return s != NULL ? s->rec->Policy : STR_NONE;
	return consumer_open(s, consumer, &k) && k.rec->Created.ms / 1000 == made_s ? k.rec->Policy : STR_NONE;
}
