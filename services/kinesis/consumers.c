/* Consumers with enhanced fan-out: registered, listed, deregistered. Source: RegisterStreamConsumer and its kin (API Reference). */
#include "kinesis.h"

#include "svc/page.h"

void op_register_stream_consumer(struct call *c)
{
	const struct kinesis_RegisterStreamConsumerInput *in = c->in;
	struct kinesis_RegisterStreamConsumerOutput *out = c->out;
	struct stream *s = run_stream(c);
	struct consumer old;
	if (consumer_open(s, in->ConsumerName, &old)) {
		call_fail(c, &kinesis_err_ResourceInUseException, "Consumer %.*s under stream %.*s already exists for account %.*s.",
			STR_ARG(in->ConsumerName),
			STR_ARG(s->arn), STR_ARG(s->account));
		return;
	}
	if (s->rec->Consumers.v >= CONSUMERS_MAX) {
		call_fail(c, &kinesis_err_LimitExceededException,
			"Stream %.*s under account %.*s has %d registered consumers, which is the limit.", STR_ARG(s->name),
			STR_ARG(s->account), CONSUMERS_MAX);
		return;
	}
	struct kinesis_StoredConsumer rec = {.Created = SOME_TIME(c->now_ms)};
	if (!tags_merge(c, &rec.Tags, &in->Tags))
		return;
	call_put(c, consumer_key(s, in->ConsumerName), &kinesis_shape_StoredConsumer, &rec);
	struct kinesis_Stream *stream = stream_change(s);
	stream->Consumers = SOME_I64(stream->Consumers.v + 1);
	stream_save(s, stream);
	out->Consumer = arena_new_of(c->arena, struct kinesis_Consumer);
	*out->Consumer = (struct kinesis_Consumer){.ConsumerName = in->ConsumerName, .ConsumerARN = consumer_arn(s, in->ConsumerName, &rec),
		.ConsumerStatus = S("ACTIVE"), .ConsumerCreationTimestamp = rec.Created};
}

void op_deregister_stream_consumer(struct call *c)
{
	const struct consumer *k = run_consumer(c);
	ASSERT(k != NULL && k->stream->rec->Consumers.v > 0);
	call_del(c, consumer_key(k->stream, k->name));
	call_notify(c, k->stream->arn); /* its subscriptions end */
	struct kinesis_Stream *stream = stream_change(k->stream);
	stream->Consumers = SOME_I64(stream->Consumers.v - 1);
	stream_save(k->stream, stream);
}

void op_describe_stream_consumer(struct call *c)
{
	struct kinesis_DescribeStreamConsumerOutput *out = c->out;
	const struct consumer *k = run_consumer(c);
	ASSERT(k != NULL);
	out->ConsumerDescription = arena_new_of(c->arena, struct kinesis_ConsumerDescription);
	*out->ConsumerDescription = (struct kinesis_ConsumerDescription){.ConsumerName = k->name, .ConsumerARN = k->arn,
		.ConsumerStatus = S("ACTIVE"),
		.ConsumerCreationTimestamp = k->rec->Created, .StreamARN = k->stream->arn};
}

void op_list_stream_consumers(struct call *c)
{
	enum { CONSUMERS_SHOWN = 100 };
	const struct kinesis_ListStreamConsumersInput *in = c->in;
	struct kinesis_ListStreamConsumersOutput *out = c->out;
	struct stream *s = run_stream(c);
	struct str after = STR_NONE, key, value;
	uint32_t limit = in->MaxResults.set && in->MaxResults.v < CONSUMERS_SHOWN ? (uint32_t)in->MaxResults.v : CONSUMERS_SHOWN;
	if (in->StreamCreationTimestamp.set && in->StreamCreationTimestamp.ms / 1000 != s->rec->Created.ms / 1000) {
		fail_no_stream(c, s->account, s->name);
		return;
	}
	if (str_present(in->NextToken) && !page_position(c->arena, in->NextToken, &after)) {
		fail_invalid(c, "Invalid NextToken.");
		return;
	}
	struct kinesis_Consumer *v = arena_array(c->arena, struct kinesis_Consumer, limit);
	struct key *prefix = data_key(c, s->id, "c");
	struct scan *scan = call_scan(c, prefix, str_present(after) ? key_bytes(consumer_key(s, after)) : STR_NONE, false);
	out->Consumers = (struct list){v, 0, true};
	while (scan_next(scan, &key, &value)) {
		if (out->Consumers.n == limit) {
			out->NextToken = page_token(c->arena, v[limit - 1].ConsumerName);
			break;
		}
		struct key_reader r = key_reader_of(str_slice(key, key_bytes(prefix).n, key.n));
		struct str name;
		bool ok = key_read_str(&r, c->arena, &name);
		ASSERT(ok);
		const struct kinesis_StoredConsumer *rec = record_decode(c, &kinesis_shape_StoredConsumer, value);
		v[out->Consumers.n++] = (struct kinesis_Consumer){.ConsumerName = name, .ConsumerARN = consumer_arn(s, name, rec),
			.ConsumerStatus = S("ACTIVE"),
			.ConsumerCreationTimestamp = rec->Created};
	}
	scan_close(scan);
}
