/* Notifications of events in a bucket: to SQS, SNS, Lambda and EventBridge.
 *
 * What happened is put down as a job in the transaction in which it happened, so an event is delivered at least once and
 * never for what did not happen. The job calls the destination as s3.amazonaws.com on behalf of the bucket, whose right to do
 * so is the destination's own policy. Source: "Amazon S3 Event Notifications", "Event message structure" (S3 User Guide). */
#include "s3.h"

#include "base/time.h"
#include "os/os.h"
#include "svc/arn.h"

#include <stdio.h>

enum { DEST_QUEUE, DEST_TOPIC, DEST_FUNCTION, DEST_BUS };

/* ---- does a configuration want this event? ---- */

static bool event_wanted(const struct list *events, const char *event)
{
	for (uint32_t i = 0; i < events->n; i++)
		if (glob_match(*LIST_AT(*events, struct str, i), str_c(event)))
			return true;
	return false;
}

static bool key_wanted(const struct s3_NotificationConfigurationFilter *f, struct str key)
{
	if (f == NULL || f->Key == NULL)
		return true;
	for (uint32_t i = 0; i < f->Key->FilterRules.n; i++) {
		const struct s3_FilterRule *r = LIST_AT(f->Key->FilterRules, struct s3_FilterRule, i);
		if (str_eq_nocase(r->Name, S("prefix")) ? !str_starts(key, r->Value) : !str_ends(key, r->Value))
			return false;
	}
	return true;
}

/* ---- messages ---- */

static struct json *member(struct arena *a, struct json *o, const char *name) { return json_set(a, o, str_c(name), json_new_object(a)); }

/* Keys are written as in a form: a space is '+'. */
static struct str form_encoded(struct arena *a, struct str key)
{
	struct str s = uri_encode(a, key, true);
	struct buf b;
	buf_init(&b, a, 0);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%' && i + 2 < s.n && s.p[i + 1] == '2' && s.p[i + 2] == '0') {
			buf_putc(&b, '+');
			i += 2;
		} else {
			buf_putc(&b, s.p[i]);
		}
	}
	return buf_view(&b);
}

static struct str principal_id(struct call *c)
{
	return arena_join(c->arena, S("AWS:"), str_present(c->who->user_id) ? c->who->user_id : c->account);
}

static struct str sequencer(struct call *c, const struct s3_StoredObject *o)
{
	return arena_printf(c->arena, "%016llX", (unsigned long long)(o->Serial.set ? o->Serial.v : 0));
}

/* more: what this kind of event has beside, as "replicationEventData"; NULL: nothing. */
static struct str record_text(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, const char *event, struct str id,
                              const struct json *more)
{
	struct arena *a = c->arena;
	struct json *root = json_new_object(a), *list = json_set(a, root, S("Records"), json_new_array(a)), *r = json_push(a, list, json_new_object(a));
	bool removed = str_starts(str_c(event), S("s3:ObjectRemoved:")), restored = strcmp(event, "s3:ObjectRestore:Completed") == 0;
	bool about = str_starts(str_c(event), S("s3:ObjectTagging:")) || str_starts(str_c(event), S("s3:ObjectAcl:")); /* not its bytes */
	ASSERT(strncmp(event, "s3:", 3) == 0 && o->Key.n > 0);
	json_set_str(a, r, "eventVersion", about ? S("2.3") : more != NULL ? S("2.2") : S("2.1"));
	json_set_str(a, r, "eventSource", S("aws:s3"));
	json_set_str(a, r, "awsRegion", b->Region);
	json_set_str(a, r, "eventTime", time_iso8601_ms(a, c->now_ms));
	json_set_str(a, r, "eventName", str_slice(str_c(event), 3, strlen(event)));
	json_set_str(a, member(a, r, "userIdentity"), "principalId", restored ? arena_join(a, S("AmazonCustomer:"), b->Account) : principal_id(c));
	json_set_str(a, member(a, r, "requestParameters"), "sourceIPAddress", str_present(c->source_ip) ? c->source_ip : S("127.0.0.1"));
	struct json *answer = member(a, r, "responseElements");
	json_set_str(a, answer, "x-amz-request-id", c->request_id);
	json_set_str(a, answer, "x-amz-id-2", sha256_hex(a, c->request_id));
	struct json *s3 = member(a, r, "s3");
	json_set_str(a, s3, "s3SchemaVersion", S("1.0"));
	json_set_str(a, s3, "configurationId", id);
	struct json *bucket = member(a, s3, "bucket");
	json_set_str(a, bucket, "name", b->Name);
	json_set_str(a, member(a, bucket, "ownerIdentity"), "principalId", b->Account);
	json_set_str(a, bucket, "arn", arena_join(a, S("arn:aws:s3:::"), b->Name));
	struct json *object = member(a, s3, "object");
	json_set_str(a, object, "key", form_encoded(a, o->Key));
	if (!removed && !about)
		json_set_i64(a, object, "size", o->Size.v);
	if (!removed)
		json_set_str(a, object, "eTag", o->Tag);
	if (str_present(o->Version))
		json_set_str(a, object, "versionId", o->Version);
	if (!about)
		json_set_str(a, object, "sequencer", sequencer(c, o));
	if (restored) {
		struct json *data = member(a, member(a, r, "glacierEventData"), "restoreEventData");
		json_set_str(a, data, "lifecycleRestorationExpiryTime", time_iso8601_ms(a, o->RestoredUntil.ms));
		json_set_str(a, data, "lifecycleRestoreStorageClass", o->StorageClass);
	}
	if (more != NULL)
		json_set(a, r, S("replicationEventData"), more);
	return json_text(a, root);
}

/* ---- queueing ---- */

static void queue_delivery(struct call *c, const struct s3_StoredBucket *b, int kind, struct str arn, struct str message)
{
	ASSERT(kind >= DEST_QUEUE && kind <= DEST_BUS && str_present(message));
	struct arena *a = c->arena;
	struct json *j = json_new_object(a);
	json_set_i64(a, j, "kind", kind);
	json_set_str(a, j, "arn", arn);
	json_set_str(a, j, "message", message);
	json_set_str(a, j, "bucket", b->Name);
	json_set_str(a, j, "owner", b->Account);
	json_set_str(a, j, "region", b->Region);
	struct str id = arena_printf(a, "%llu", (unsigned long long)call_serial(c, "event"));
	job_put(c, "deliver", id, c->now_ms, json_text(a, j));
}

/* EventBridge's own words for an event. Source: "Using EventBridge" (S3 User Guide). */
static bool bus_event(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, const char *event, struct str *text)
{
	static const struct { const char *event, *type, *reason; } known[] = {
		{"s3:ObjectCreated:Put", "Object Created", "PutObject"}, {"s3:ObjectCreated:Post", "Object Created", "POST Object"},
		{"s3:ObjectCreated:Copy", "Object Created", "CopyObject"}, {"s3:ObjectCreated:CompleteMultipartUpload", "Object Created",
			"CompleteMultipartUpload"},
		{"s3:ObjectRemoved:Delete", "Object Deleted", "DeleteObject"}, {"s3:ObjectRemoved:DeleteMarkerCreated", "Object Deleted", "DeleteObject"},
		{"s3:LifecycleExpiration:Delete", "Object Deleted", "Lifecycle Expiration"},
		{"s3:LifecycleExpiration:DeleteMarkerCreated", "Object Deleted", "Lifecycle Expiration"},
		{"s3:LifecycleTransition", "Object Storage Class Changed", NULL},
		{"s3:ObjectTagging:Put", "Object Tags Added", NULL}, {"s3:ObjectTagging:Delete", "Object Tags Deleted", NULL},
		{"s3:ObjectAcl:Put", "Object ACL Updated", NULL}, {"s3:ObjectRestore:Post", "Object Restore Initiated", NULL},
		{"s3:ObjectRestore:Completed", "Object Restore Completed", NULL}};
	struct arena *a = c->arena;
	size_t i = 0;
	while (i < COUNT_OF(known) && strcmp(known[i].event, event) != 0)
		i++;
	if (i == COUNT_OF(known))
		return false;
	bool removed = str_starts(str_c(known[i].type), S("Object Deleted")), restore = str_starts(str_c(event), S("s3:ObjectRestore:"));
	bool completed = strcmp(event, "s3:ObjectRestore:Completed") == 0;
	bool about = str_starts(str_c(event), S("s3:ObjectTagging:")) || str_starts(str_c(event), S("s3:ObjectAcl:"));
	struct json *d = json_new_object(a);
	json_set_str(a, d, "version", S("0"));
	json_set_str(a, member(a, d, "bucket"), "name", b->Name);
	struct json *object = member(a, d, "object");
	json_set_str(a, object, "key", o->Key);
	if (!removed && !about)
		json_set_i64(a, object, "size", o->Size.v);
	if (!removed)
		json_set_str(a, object, "etag", o->Tag);
	if (str_present(o->Version))
		json_set_str(a, object, "version-id", o->Version);
	if (!about && !restore)
		json_set_str(a, object, "sequencer", sequencer(c, o));
	json_set_str(a, d, "request-id", c->request_id);
	json_set_str(a, d, "requester", completed ? S("s3.amazonaws.com") : c->account);
	if (!completed)
		json_set_str(a, d, "source-ip-address", str_present(c->source_ip) ? c->source_ip : S("127.0.0.1"));
	if (completed)
		json_set_str(a, d, "restore-expiry-time", time_iso8601(a, o->RestoredUntil.ms));
	if (restore)
		json_set_str(a, d, "source-storage-class", o->StorageClass);
	if (known[i].reason != NULL)
		json_set_str(a, d, "reason", str_c(known[i].reason));
	if (removed)
		json_set_str(a, d, "deletion-type", str_ends(str_c(event), S("MarkerCreated")) ? S("Delete Marker Created") : S("Permanently Deleted"));
	*text = arena_join(a, str_c(known[i].type), S("\n"), json_text(a, d));
	return true;
}

static void notify_with(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, const char *event, const struct json *more)
{
	const struct s3_NotificationConfiguration *n = b->Notification;
	if (n == NULL)
		return;
#define DELIVER(list_, type_, arn_, kind_) \
	for (uint32_t i = 0; i < n->list_.n; i++) { \
		const struct type_ *q = LIST_AT(n->list_, struct type_, i); \
		if (event_wanted(&q->Events, event) && key_wanted(q->Filter, o->Key)) \
			queue_delivery(c, b, kind_, q->arn_, record_text(c, b, o, event, q->Id, more)); \
	}
	DELIVER(QueueConfigurations, s3_QueueConfiguration, QueueArn, DEST_QUEUE)
	DELIVER(TopicConfigurations, s3_TopicConfiguration, TopicArn, DEST_TOPIC)
	DELIVER(LambdaFunctionConfigurations, s3_LambdaFunctionConfiguration, LambdaFunctionArn, DEST_FUNCTION)
#undef DELIVER
	struct str text;
	if (n->EventBridgeConfiguration != NULL && bus_event(c, b, o, event, &text))
		queue_delivery(c, b, DEST_BUS, S("default"), text);
}

void notify(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, const char *event)
{
	notify_with(c, b, o, event, NULL);
}

/* Source: "Receiving replication failure events with Amazon S3 Event Notifications" (S3 User Guide). */
void notify_not_replicated(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, const struct s3_ReplicationRule *r,
                           const char *why)
{
	struct json *more = json_new_object(c->arena);
	json_set_str(c->arena, more, "replicationRuleId", r->ID);
	json_set_str(c->arena, more, "destinationBucket", r->Destination->Bucket);
	json_set_str(c->arena, more, "s3Operation", o->Marker.v ? S("OBJECT_DELETE") : S("OBJECT_PUT"));
	json_set_str(c->arena, more, "requestTime", time_iso8601_ms(c->arena, o->Modified.ms));
	json_set_str(c->arena, more, "failureReason", str_c(why));
	notify_with(c, b, o, "s3:Replication:OperationFailedReplication", more);
}

/* ---- delivering ---- */

static struct invoked deliver(struct call *c, int kind, struct str arn, struct str message, struct str bucket, struct str owner, struct str region,
		bool dry)
{
	struct arena *a = c->arena;
	struct arn to = {.account = owner, .region = region, .resource = arn};
	struct json *in = json_new_object(a);
	if (kind != DEST_BUS && !arn_parse(arn, &to))
		return (struct invoked){.error = {.code = S("InvalidArgument"), .message = S("The ARN is not well formed"), .status = 400}};
	struct principal who = *service_principal(c, "s3.amazonaws.com", arena_join(a, S("arn:aws:s3:::"), bucket));
	who.source_account = owner; /* a bucket's ARN names no account */
	struct invoke_options o = {.who = arena_alloc(a, sizeof who), .account = to.account, .region = to.region};
	memcpy((void *)(uintptr_t)o.who, &who, sizeof who);
	switch (kind) {
	case DEST_QUEUE:
		json_set_str(a, in, "QueueUrl", arn_queue_url(a, &to));
		json_set_str(a, in, "MessageBody", message);
		return invoke(c, "sqs", "SendMessage", in, &o);
	case DEST_TOPIC:
		json_set_str(a, in, "TopicArn", arn);
		json_set_str(a, in, "Subject", S("Amazon S3 Notification"));
		json_set_str(a, in, "Message", message);
		return invoke(c, "sns", "Publish", in, &o);
	case DEST_FUNCTION:
		json_set_str(a, in, "FunctionName", arn);
		json_set_str(a, in, "InvocationType", dry ? S("DryRun") : S("Event"));
		if (!dry)
			json_set_str(a, in, "Payload", base64_encode(a, message));
		return invoke(c, "lambda", "Invoke", in, &o);
	default: {
		struct str detail = message, type = str_cut(&detail, '\n');
		struct json *list = json_set(a, in, S("Entries"), json_new_array(a)), *e = json_push(a, list, json_new_object(a));
		json_set_str(a, e, "Source", S("aws.s3"));
		json_set_str(a, e, "DetailType", type);
		json_set_str(a, e, "Detail", detail);
		struct json *resources = json_set(a, e, S("Resources"), json_new_array(a));
		json_push(a, resources, json_new_str(a, arena_join(a, S("arn:aws:s3:::"), bucket)));
		return invoke(c, "events", "PutEvents", in, &o);
	}
	}
}

void job_deliver(struct call *c, struct str id, struct str payload)
{
	const struct json *j = json_parse(c->arena, payload, NULL);
	(void)id;
	ASSERT(j != NULL);
	struct invoked i = deliver(c, (int)json_get_i64(j, "kind", 0), json_get_str(j, "arn"), json_get_str(j, "message"), json_get_str(j, "bucket"),
		json_get_str(j, "owner"), json_get_str(j, "region"), false);
	if (!i.parked && !i.ok && i.error.status >= 500 && i.error.status != 501)
		call_fail_as(c, &i.error); /* again later; a refusal is final, as on AWS */
}

/* ---- the configuration ---- */

void op_GetBucketNotificationConfiguration(struct call *c)
{
	const struct s3_GetBucketNotificationConfigurationRequest *in = c->in;
	struct s3_NotificationConfiguration *out = c->out;
	const struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, "s3:GetBucketNotification");
	if (b != NULL && b->Notification != NULL)
		*out = *b->Notification;
}

static bool filter_ok(struct call *c, const struct s3_NotificationConfigurationFilter *f)
{
	unsigned prefixes = 0, suffixes = 0;
	for (uint32_t i = 0; f != NULL && f->Key != NULL && i < f->Key->FilterRules.n; i++) {
		struct s3_FilterRule *r = LIST_AT(f->Key->FilterRules, struct s3_FilterRule, i);
		prefixes += str_eq_nocase(r->Name, S("prefix"));
		suffixes += str_eq_nocase(r->Name, S("suffix"));
		if (str_eq_nocase(r->Name, S("prefix")) || str_eq_nocase(r->Name, S("suffix")))
			r->Name = str_eq_nocase(r->Name, S("prefix")) ? S("Prefix") : S("Suffix"); /* as it is told */
		else {
			fail_value(c, "FilterRule.Name", r->Name, "filter rule name must be either prefix or suffix");
			return false;
		}
	}
	if (prefixes > 1 || suffixes > 1)
		fail_argument(c, "Cannot specify more than one %s rule in a filter.", prefixes > 1 ? "prefix" : "suffix");
	return prefixes <= 1 && suffixes <= 1;
}

static struct str own_id(struct call *c)
{
	char id[37];
	random_uuid(id);
	return arena_dup(c->arena, str_of(id, 36));
}

/* Destinations that cannot be reached: all are told at once. */
struct unreachable { struct param *v; size_t n; };

/* Why not, as S3 says it. */
static void cannot_reach(struct call *c, struct unreachable *x, int kind, struct str arn, const struct wire_error *e)
{
	static const char *const names[] = {[DEST_QUEUE] = "queue", [DEST_TOPIC] = "topic", [DEST_FUNCTION] = "Lambda"};
	bool gone = e->status == 404 || str_find_str(e->code, S("NonExist")) >= 0 || str_find_str(e->code, S("NotExist")) >= 0 ||
	            str_find_str(e->code, S("NotFound")) >= 0;
	struct param *all = arena_array(c->arena, struct param, x->n + 1);
	ASSERT(kind >= DEST_QUEUE && kind <= DEST_FUNCTION);
	if (x->n > 0)
		memcpy(all, x->v, x->n * sizeof *all);
	x->v = all;
	struct arena *a = c->arena;
	struct str why = arena_printf(a, gone ? "The destination %s does not exist"
		: "Permissions on the destination %s do not allow S3 to publish notifications from this bucket", names[kind]);
	if (kind == DEST_FUNCTION) {
		why = arena_join(a, S("Not authorized to invoke function ["), arn, S("]"));
		arn = arena_join(a, arn, S(", null"));
	}
	all[x->n++] = (struct param){arn, why, true};
}

static void tell_unreachable(struct call *c, const struct unreachable *x)
{
	if (x->n == 0 || c->failed)
		return;
	fail_argument(c, "Unable to validate the following destination configurations");
	for (size_t i = 0; i < x->n; i++) {
		call_fail_more(c, arena_cstr(c->arena, arena_printf(c->arena, "ArgumentName%zu", i + 1)), x->v[i].name);
		call_fail_more(c, arena_cstr(c->arena, arena_printf(c->arena, "ArgumentValue%zu", i + 1)), x->v[i].value);
	}
}

/* Can the destination be reached? A queue and a topic get the test message that AWS sends. false: c is parked or has failed. */
static bool reach(struct call *c, const struct s3_StoredBucket *b, int kind, struct str arn, struct unreachable *x)
{
	struct str test = arena_printf(c->arena, "{\"Service\":\"Amazon "
		"S3\",\"Event\":\"s3:TestEvent\",\"Time\":\"%.*s\",\"Bucket\":\"%.*s\",\"RequestId\":\"%.*s\","
		"\"HostId\":\"%.*s\"}", STR_ARG(time_iso8601_ms(c->arena, c->now_ms)), STR_ARG(b->Name), STR_ARG(c->request_id),
			STR_ARG(sha256_hex(c->arena, c->request_id)));
	struct invoked i = deliver(c, kind, arn, test, b->Name, b->Account, b->Region, true);
	if (i.ok || i.parked)
		return i.ok;
	if (i.error.status == 501) {
		call_unsupported(c, "tsubo cannot send events to %.*s: %.*s", STR_ARG(arn), STR_ARG(i.error.message));
		return false;
	}
	cannot_reach(c, x, kind, arn, &i.error);
	return true;
}

void op_PutBucketNotificationConfiguration(struct call *c)
{
	const struct s3_PutBucketNotificationConfigurationRequest *in = c->in;
	struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, "s3:PutBucketNotification");
	if (b == NULL)
		return;
	struct s3_NotificationConfiguration *n = in->NotificationConfiguration;
	struct unreachable x = {0};
	struct arn parsed;
#define CHECK(list_, type_, arn_, name_) \
	for (uint32_t i = 0; i < n->list_.n; i++) { \
		struct type_ *q = LIST_AT(n->list_, struct type_, i); \
		if (!filter_ok(c, q->Filter)) \
			return; \
		if (!str_present(q->Id) || q->Id.n == 0) \
			q->Id = own_id(c); \
		if (!arn_parse(q->arn_, &parsed)) { \
			fail_value(c, name_, q->arn_, "The ARN could not be parsed"); \
			return; \
		} \
	}
	CHECK(QueueConfigurations, s3_QueueConfiguration, QueueArn, "Queue")
	CHECK(TopicConfigurations, s3_TopicConfiguration, TopicArn, "Topic")
	CHECK(LambdaFunctionConfigurations, s3_LambdaFunctionConfiguration, LambdaFunctionArn, "CloudFunction")
#undef CHECK
#define REACH(list_, type_, arn_, kind_) \
	for (uint32_t i = 0; i < n->list_.n && !in->SkipDestinationValidation.v; i++) \
		if (!reach(c, b, kind_, LIST_AT(n->list_, struct type_, i)->arn_, &x)) \
			return;
	REACH(QueueConfigurations, s3_QueueConfiguration, QueueArn, DEST_QUEUE)
	REACH(TopicConfigurations, s3_TopicConfiguration, TopicArn, DEST_TOPIC)
	REACH(LambdaFunctionConfigurations, s3_LambdaFunctionConfiguration, LambdaFunctionArn, DEST_FUNCTION)
#undef REACH
	tell_unreachable(c, &x);
	if (c->failed)
		return;
	bool none = n->QueueConfigurations.n + n->TopicConfigurations.n + n->LambdaFunctionConfigurations.n == 0 && n->EventBridgeConfiguration == NULL;
	b->Notification = none ? NULL : n;
	bucket_put(c, b);
}
