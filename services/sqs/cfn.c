/* CloudFormation: AWS::SQS::Queue and AWS::SQS::QueuePolicy.
 *
 * Properties of a queue become attributes of the same name; one that is taken away goes back to its default. Source: the
 * two types in the CloudFormation Template Reference. */
#include "sqs.h"

struct property { const char *name, *otherwise; /* NULL: cannot be taken away without a replacement */ };

static const struct property queue_properties[] = {
	{"ContentBasedDeduplication", "false"},
	{"DeduplicationScope", "queue"},
	{"DelaySeconds", "0"},
	{"FifoQueue", NULL},
	{"FifoThroughputLimit", "perQueue"},
	{"KmsDataKeyReusePeriodSeconds", "300"},
	{"KmsMasterKeyId", ""},
	{"MaximumMessageSize", "1048576"},
	{"MessageRetentionPeriod", "345600"},
	{"ReceiveMessageWaitTimeSeconds", "0"},
	{"RedriveAllowPolicy", ""},
	{"RedrivePolicy", ""},
	{"SqsManagedSseEnabled", "true"},
	{"VisibilityTimeout", "30"},
};

static struct json *queue_attributes(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct json *out = json_new_object(a);
	for (size_t i = 0; i < COUNT_OF(queue_properties); i++) {
		const struct property *p = &queue_properties[i];
		const struct json *v = json_get(r->properties, str_c(p->name)), *old = json_get(r->old_properties, str_c(p->name));
		bool fifo = strcmp(p->name, "FifoQueue") == 0;
		if (fifo && (!cfn_true(v) || r->old_properties != NULL))
			continue; /* "false" is said by saying nothing; it never changes */
		if (v != NULL && v->type != JSON_NULL)
			json_set(a, out, str_c(p->name), cfn_attribute(a, v));
		else if (old != NULL && p->otherwise != NULL)
			json_set(a, out, str_c(p->name), json_new_str(a, str_c(p->otherwise)));
	}
	return out;
}

static struct str queue_name(struct cfn_resource *r)
{
	bool fifo = cfn_true(json_get(r->properties, S("FifoQueue")));
	struct str name = json_get_str(r->properties, "QueueName");
	if (str_present(name))
		return name;
	name = cfn_make_name(r, fifo ? NAME_MAX_CHARS - 5 : NAME_MAX_CHARS, false);
	return fifo ? arena_join(r->c->arena, name, S(".fifo")) : name;
}

static struct json *url_input(struct cfn_resource *r, struct str url)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "QueueUrl", url);
	return in;
}

static enum cfn_status queue_describe(struct cfn_resource *r)
{
	struct str account, name;
	bool ok = queue_url_parse(r->physical_id, &account, &name);
	ASSERT(ok);
	struct arena *a = r->c->arena;
	json_set_str(a, r->attributes, "Arn", queue_arn(r->c, account, name));
	json_set_str(a, r->attributes, "QueueName", name);
	json_set_str(a, r->attributes, "QueueUrl", r->physical_id);
	return CFN_DONE;
}

static enum cfn_status queue_create(struct cfn_resource *r)
{
	enum { LOOK_AGAIN_MS = 1000 };
	struct arena *a = r->c->arena;
	struct json *in = json_new_object(a);
	struct str name = queue_name(r);
	json_set_str(a, in, "QueueName", name);
	if (invoke(r->c, "sqs", "GetQueueUrl", in, NULL).ok)
		return cfn_fail(r, "Resource handler returned message: \"Resource of type 'AWS::SQS::Queue' with identifier '%.*s' already "
			"exists.\" (RequestToken: %.*s, HandlerErrorCode: AlreadyExists)", STR_ARG(name), STR_ARG(r->client_token));
	json_set(a, in, S("Attributes"), queue_attributes(r));
	json_set(a, in, S("tags"), cfn_tags(r, true));
	struct invoked made = invoke(r->c, "sqs", "CreateQueue", in, NULL);
	if (made.parked)
		return CFN_PARKED;
	if (!made.ok && made.error.shape == &sqs_err_QueueDeletedRecently) {
		r->again_ms = r->c->now_ms + LOOK_AGAIN_MS; /* its name is free after 60 s */
		return CFN_AGAIN;
	}
	if (!made.ok)
		return cfn_fail_as(r, &made.error);
	r->physical_id = json_get_str(made.out, "QueueUrl");
	return queue_describe(r);
}

static enum cfn_status set_tags(struct cfn_resource *r)
{
	static const struct cfn_tagging tagging = {"sqs", "TagQueue", "UntagQueue", "QueueUrl", "Tags", "TagKeys", true};
	return cfn_tags_update(r, &tagging, r->physical_id);
}

static enum cfn_status queue_update(struct cfn_resource *r)
{
	struct json *attributes = queue_attributes(r);
	if (attributes->n > 0) {
		struct json *in = url_input(r, r->physical_id);
		json_set(r->c->arena, in, S("Attributes"), attributes);
		struct invoked done = invoke(r->c, "sqs", "SetQueueAttributes", in, NULL);
		if (!done.ok)
			return cfn_done(r, &done);
	}
	enum cfn_status tags = set_tags(r);
	return tags == CFN_DONE ? queue_describe(r) : tags;
}

static enum cfn_status queue_remove(struct cfn_resource *r)
{
	struct invoked done = invoke(r->c, "sqs", "DeleteQueue", url_input(r, r->physical_id), NULL);
	if (done.ok || done.error.shape == &sqs_err_QueueDoesNotExist)
		return CFN_DONE;
	return cfn_done(r, &done);
}

/* ---- queue policy ---- */

static enum cfn_status put_policy(struct cfn_resource *r, struct str url, struct str text, bool may_be_gone)
{
	struct arena *a = r->c->arena;
	struct json *in = url_input(r, url), *attributes = json_new_object(a);
	json_set_str(a, attributes, "Policy", text);
	json_set(a, in, S("Attributes"), attributes);
	struct invoked done = invoke(r->c, "sqs", "SetQueueAttributes", in, NULL);
	if (done.ok || (may_be_gone && done.error.shape == &sqs_err_QueueDoesNotExist))
		return CFN_DONE;
	return cfn_done(r, &done);
}

static bool listed(const struct json *urls, struct str url)
{
	for (size_t i = 0; urls != NULL && i < urls->n; i++)
		if (str_eq(json_str(json_at(urls, i)), url))
			return true;
	return false;
}

static enum cfn_status policy_put(struct cfn_resource *r)
{
	const struct json *document = json_get(r->properties, S("PolicyDocument")), *queues = json_get(r->properties, S("Queues"));
	const struct json *before = json_get(r->old_properties, S("Queues"));
	if (document == NULL || !json_is(queues, JSON_ARRAY) || queues->n == 0)
		return cfn_fail(r, "Model validation failed (#: required key [%s] not found)", document == NULL ? "PolicyDocument" : "Queues");
	struct str text = json_is(document, JSON_STRING) ? document->text : json_text(r->c->arena, document);
	enum cfn_status status = CFN_DONE;
	for (size_t i = 0; i < queues->n && status == CFN_DONE; i++)
		status = put_policy(r, json_str(json_at(queues, i)), text, false);
	for (size_t i = 0; before != NULL && i < before->n && status == CFN_DONE; i++)
		if (!listed(queues, json_str(json_at(before, i))))
			status = put_policy(r, json_str(json_at(before, i)), S(""), true);
	return status;
}

static enum cfn_status policy_create(struct cfn_resource *r)
{
	enum cfn_status status = policy_put(r);
	if (status == CFN_DONE)
		r->physical_id = cfn_make_name(r, 128, false);
	if (status == CFN_DONE)
		json_set_str(r->c->arena, r->attributes, "Id", r->physical_id);
	return status;
}

static enum cfn_status policy_update(struct cfn_resource *r)
{
	return policy_put(r);
}

static enum cfn_status policy_remove(struct cfn_resource *r)
{
	const struct json *queues = json_get(r->properties, S("Queues"));
	enum cfn_status status = CFN_DONE;
	for (size_t i = 0; queues != NULL && i < queues->n && status == CFN_DONE; i++)
		status = put_policy(r, json_str(json_at(queues, i)), S(""), true);
	return status;
}

static const char *const queue_supported[] = {"QueueName", "FifoQueue", "ContentBasedDeduplication", "DeduplicationScope",
	"FifoThroughputLimit", "DelaySeconds", "KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId",
	"MaximumMessageSize", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds",
	"RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled", "VisibilityTimeout", "Tags", NULL};
static const char *const queue_replaces[] = {"QueueName", "FifoQueue", NULL};
static const char *const policy_supported[] = {"PolicyDocument", "Queues", NULL};

const struct cfn_type sqs_cfn_types[] = {
	{.name = "AWS::SQS::Queue", .properties = queue_supported, .replaces = queue_replaces, .create = queue_create,
		.update = queue_update, .remove = queue_remove, .name_property = "QueueName"},
	{.name = "AWS::SQS::QueuePolicy", .properties = policy_supported, .create = policy_create, .update = policy_update,
		.remove = policy_remove},
};
