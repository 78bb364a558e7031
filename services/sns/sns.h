/* What the files of the sns service share. Everything lies below (sns, account, region) of the topic:
 *
 *   topic   <name>                    TopicRecord
 *   sub     <number> <id>             SubscriptionRecord; Token is present while it waits to be confirmed
 *   end     <number> <protocol> <endpoint>  the id of the subscription of it
 *   out     <number> <serial>         MessageRecord: published, not yet sent to every subscription
 *   seen    <number> <scope> <dedup>  SeenRecord: FIFO, what was published under this id in the last five minutes
 *   key                               the private key that signs notifications, as PEM; cert: its certificate
 *
 * where <number> is the topic's own: a topic made anew under an old name has none of the old one's subscriptions. Below
 * (sns, account, region) of who subscribed: mine <subscription ARN>, empty, for ListSubscriptions.
 *
 * Publishing stores the message and puts a job; Publish has answered when that is on disk. Jobs: "fan" <topic ARN> sends what
 * is in `out`, in its order; "retry" <uuid>: one notification that could not be delivered; "forget": one `seen`;
 * "sweep" <number>: a deleted topic. */
#ifndef TSUBO_SNS_H
#define TSUBO_SNS_H

#include "sns.model.h"
#include "svc/arn.h"
#include "svc/service.h"

enum { MESSAGE_MAX = 256 * 1024, TOPIC_NAME_MAX = 256 };

/* A topic of this region, of any account. */
struct topic {
	struct str account, name, arn;
	struct sns_TopicRecord *rec;
	bool fifo;
};

struct subscription {
	struct str id;
	struct sns_SubscriptionRecord *rec;
};

/* ---- topics.c ---- */

/* Fail with InvalidParameter: "Invalid parameter: <text>". Returns false. */
bool fail_parameter(struct call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct key *sns_key(struct call *c, struct str account, const char *table);
/* What lies below a topic's number. */
struct key *topic_key(struct call *c, const struct topic *t, const char *table);
/* The topic of an ARN. NULL: c has failed (InvalidParameter or NotFound). */
struct topic *topic_open(struct call *c, struct str arn);
/* The same, without failing. */
struct topic *topic_find(struct call *c, struct str arn);
void topic_save(struct call *c, const struct topic *t);
/* Attributes that were set; absent when one was not. The map's entries are pairs of strings. */
struct str attribute_get(const struct map_of *m, const char *name);
/* Set or, with an absent value, take away. */
void attribute_set(struct arena *a, struct map_of *m, struct str name, struct str value);
bool attribute_is(const struct map_of *m, const char *name, const char *value);
/* The policy in force: the topic's own, or what AWS gives a new topic. */
struct str topic_policy(struct call *c, const struct topic *t);
/* The topic that access checked, for the handler of the same run. */
struct topic *run_topic(struct call *c);
struct str resource_policy(struct call *c, struct str arn);

void access_create(struct call *c);
void access_topic(struct call *c);        /* inputs with TopicArn */
void access_subscription(struct call *c); /* inputs with SubscriptionArn */
void access_publish(struct call *c);
void access_resource(struct call *c);     /* inputs with ResourceArn */

void op_create_topic(struct call *c);
void op_delete_topic(struct call *c);
void op_list_topics(struct call *c);
void op_get_topic_attributes(struct call *c);
void op_set_topic_attributes(struct call *c);
void job_sweep(struct call *c, struct str id, struct str payload);

/* ---- permission.c ---- */
void op_add_permission(struct call *c);
void op_remove_permission(struct call *c);
void op_tag_resource(struct call *c);
void op_untag_resource(struct call *c);
void op_list_tags_for_resource(struct call *c);
/* Put tags over what is there: at most 50, no key twice, none reserved. Fails c and returns false. */
bool tags_add(struct call *c, struct list *tags, const struct list *add);

/* ---- subscriptions.c ---- */

struct key *sub_key(struct call *c, const struct topic *t, struct str id);
/* <topic ARN>:<uuid>. NULL without failing when there is none; *t is its topic. */
struct subscription *subscription_find(struct call *c, struct str arn, struct topic **t);
struct subscription *subscription_of_id(struct call *c, const struct topic *t, struct str id);
void subscription_remove(struct call *c, struct topic *t, const struct subscription *s);
/* The subscription that waits under a token is confirmed. NULL: no such token. */
struct subscription *subscription_confirm(struct call *c, struct topic *t, struct str token, bool authenticated);

void op_subscribe(struct call *c);
void op_confirm_subscription(struct call *c);
void op_unsubscribe(struct call *c);
void op_list_subscriptions(struct call *c);
void op_list_subscriptions_by_topic(struct call *c);
void op_get_subscription_attributes(struct call *c);
void op_set_subscription_attributes(struct call *c);

/* ---- sub_attributes.c ---- */
/* Is this a value that the attribute may have, on its own and beside the others? Fails c and returns false. */
bool subscription_attributes_ok(struct call *c, const struct topic *t, const struct sns_SubscriptionRecord *r);
bool subscription_attribute_known(struct call *c, struct str name, struct str value);

/* ---- filter.c ---- */
/* Is it a filter policy in this scope? Fails c and returns false. */
bool filter_policy_ok(struct call *c, struct str policy, struct str scope);
bool filter_passes(struct arena *a, const struct sns_SubscriptionRecord *r, const struct sns_MessageRecord *m);

/* ---- publish.c ---- */
void op_publish(struct call *c);
void op_publish_batch(struct call *c);
void job_forget(struct call *c, struct str id, struct str payload);

/* ---- fan.c ---- */
/* Put the job that sends what is in `out`. */
void fan_out(struct call *c, const struct topic *t);
void job_fan(struct call *c, struct str id, struct str payload);
void job_retry(struct call *c, struct str id, struct str payload);

/* ---- envelope.c: what subscribers get to see ---- */

struct notification {
	const struct topic *topic;
	const struct sns_SubscriptionRecord *sub;
	const struct sns_MessageRecord *message;
	struct str text;      /* the message for this protocol */
	struct str signature; /* base64 */
};
/* The message for a protocol: with MessageStructure json its own, or the default. */
struct str message_for(struct arena *a, const struct sns_MessageRecord *m, struct str protocol);
/* What is signed of a notification, and of a request to confirm. Source: "Verifying the signatures of Amazon SNS messages". */
struct str envelope_to_sign(struct call *c, const struct notification *n);
/* The JSON document, as it comes to queues and web servers. */
struct str envelope_document(struct call *c, const struct notification *n);
/* The event that a function is invoked with. */
struct str envelope_event(struct call *c, const struct notification *n);
struct str unsubscribe_url(struct call *c, struct str subscription_arn);

/* ---- post.c: to web servers ---- */

/* Is it a subscription of a web server, http or https? */
bool is_web(const struct sns_SubscriptionRecord *r);
/* Is it a URL of that protocol? Fails c and returns false. */
bool web_endpoint_ok(struct call *c, struct str protocol, struct str endpoint);
/* A DeliveryPolicy, of a topic ({"http": ...}) or a subscription. Fails c and returns false. */
bool delivery_policy_ok(struct call *c, struct str text, bool of_topic);
/* When a notification that was not taken is tried for the attempts-th time again (from 0); -1: never. */
int64_t web_retry_after_ms(struct arena *a, const struct notification *n, int64_t attempts);
/* Send it; parks. An error's status says by 5xx that it may be taken later. */
struct invoked post(struct call *c, const struct notification *n, bool raw);

/* ---- sign.c ---- */

/* Signatures of texts, base64, in their order, made on the worker pool. NULL: parked. Not `sha256`: SHA1, SignatureVersion 1. The
 * key is made when it is first needed. */
struct signing { const struct str *texts; size_t n; bool sha256; };
const struct str *sign_await(struct call *c, const struct signing *s);
struct str signing_cert_url(struct call *c);
/* The certificate at signing_cert_url, PEM. Absent: nothing was signed yet. */
struct str signing_cert(struct call *c);

/* ---- web.c: the addresses that notifications carry ---- */
bool web_claims(const struct wire_request *r);
void web_serve(struct call *c);

/* AWS/SNS's, by topic name; counted when the call commits. */
void count_metric(struct call *c, const struct topic *t, const char *name, double value, const char *unit);

extern const struct cfn_type sns_cfn_types[];
enum { SNS_CFN_TYPES = 3 };

#endif
