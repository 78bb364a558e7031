/* Permission to do what an operation does, on the queue it names: identity policies and the queue's own.
 *
 * The queue that was opened to decide is kept for the handler of the same run. Policies and tags lie beside a queue's record:
 * HasPolicy and HasTags spare the calls that have none of them a second read. Source: "Actions, resources, and condition
 * keys for Amazon SQS" (Service Authorization Reference): no keys of its own, those of tags. */
#include "sqs.h"

#include "svc/arn.h"
#include "svc/tags.h"

static bool allow(struct queue *q, const char *action)
{
	struct access_extra x = {.resource_policy = queue_policy(q)};
	if (!str_eq(q->account, q->c->account))
		x.resource_account = q->account;
	tags_conditions(q->c, &x, q->rec->HasTags.v ? TAGS_OF(queue_more(q)->Tags, struct sqs_TagMap_entry) : (struct tags){0});
	bool plain = !str_present(x.resource_policy) && !str_present(x.resource_account) && x.n_keys == 0;
	return authorize(q->c, action, q->arn, plain ? NULL : &x);
}

struct queue *run_queue(struct call *c)
{
	struct queue *q = c->user;
	CHECK_MAGIC(q, QUEUE_MAGIC);
	ASSERT(q->c == c);
	return q;
}

/* Every input that names a queue has it as its member QueueUrl. */
void access_queue(struct call *c)
{
	struct queue *q = queue_of_url(c, call_input_text(c, "QueueUrl"));
	if (q != NULL && allow(q, NULL))
		c->user = q;
}

/* Operations by name: the queue need not be there. */
static void by_name(struct call *c, struct str account, struct str name)
{
	struct queue *q = queue_open(c, account, name);
	if (q == NULL) {
		authorize(c, NULL, queue_arn(c, account, name), NULL);
		c->user = NULL;
		return;
	}
	if (allow(q, NULL))
		c->user = q;
}

void access_name(struct call *c)
{
	const struct sqs_GetQueueUrlRequest *in = c->in;
	if (!str_present(in->QueueName)) {
		fail_missing(c, "QueueName");
		return;
	}
	by_name(c, str_present(in->QueueOwnerAWSAccountId) ? in->QueueOwnerAWSAccountId : c->account, in->QueueName);
}

void access_create(struct call *c)
{
	const struct sqs_CreateQueueRequest *in = c->in;
	struct str arn = queue_arn(c, c->account, str_present(in->QueueName) ? in->QueueName : S("*"));
	if (authorize(c, NULL, arn, NULL) && in->tags.n > 0)
		authorize(c, "sqs:TagQueue", arn, NULL);
}

void access_list(struct call *c)
{
	authorize(c, NULL, queue_arn(c, c->account, S("*")), NULL);
}

static void by_arn(struct call *c, struct str text)
{
	struct arn arn;
	if (!arn_parse(text, &arn) || !str_eq(arn.service, S("sqs"))) {
		fail_invalid(c, "You must use this format to specify the SourceArn: arn:<partition>:<service>:<region>:<account-id>:<resource-id>");
		return;
	}
	struct queue *q = queue_of_arn(c, text);
	if (q == NULL) {
		call_fail(c, &sqs_err_ResourceNotFoundException, "The resource that you specified for the SourceArn parameter doesn't exist.");
		return;
	}
	if (allow(q, NULL))
		c->user = q;
}

void access_source_arn(struct call *c)
{
	struct str arn = call_input_text(c, "SourceArn");
	if (!str_present(arn))
		fail_missing(c, "SourceArn");
	else
		by_arn(c, arn);
}

struct str resource_policy(struct call *c, struct str arn)
{
	struct queue *q = queue_of_arn(c, arn);
	return q != NULL ? queue_policy(q) : STR_NONE;
}

void access_task(struct call *c)
{
	const struct sqs_CancelMessageMoveTaskRequest *in = c->in;
	struct str source;
	uint64_t number;
	if (!str_present(in->TaskHandle))
		fail_missing(c, "TaskHandle");
	else if (!task_handle_open(c, in->TaskHandle, &source, &number))
		fail_invalid(c, "Value for parameter TaskHandle is invalid.");
	else
		by_arn(c, source);
}
