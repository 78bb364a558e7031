/* What the files of the logs service share. Groups and streams are records; an event is stored once, under its stream in
 * order of time, and named once more in the group's index in order of time, for FilterLogEvents over many streams.
 *
 *   group  <group>                          GroupRecord
 *   bytes  <group>                          u64, stored bytes (26 a message beside its text, as AWS counts)
 *   stream <group> <stream>                 StreamRecord
 *   event  <group> <stream> <ms> <serial>   EventRecord
 *   index  <group> <ms> <serial>            the stream's name
 *   filter <group> <name>                   FilterRecord
 *   sub    <group> <name>                   SubscriptionFilter, the model's shape
 */
#ifndef TSUBO_LOGS_H
#define TSUBO_LOGS_H

#include "logs.model.h"
#include "svc/service.h"

enum { EVENT_OVERHEAD = 26, EVENT_MAX = 1 << 20, BATCH_MAX_BYTES = 1 << 20, BATCH_MAX = 10000 };

/* ---- groups.c ---- */
struct key *group_key(struct call *c, struct str group);
struct key *stream_key(struct call *c, struct str group, struct str stream);
/* The record; NULL without failing. */
struct logs_GroupRecord *group_find(struct call *c, struct str group);
/* The record, or NULL and ResourceNotFoundException. */
struct logs_GroupRecord *group_need(struct call *c, struct str group);
struct logs_StreamRecord *stream_need(struct call *c, struct str group, struct str stream);
/* Of logGroupName and logGroupIdentifier (a name or an ARN) the one that is given; fails when not exactly one is. */
struct str group_named(struct call *c, struct str name, struct str identifier);
struct str group_arn(struct call *c, struct str group);
/* Take back bytes from a group's count (may be negative). */
void group_count_bytes(struct call *c, struct str group, int64_t by);
/* Permission on a group's ARN with ":*", which is how IAM names groups but where tags are concerned; with the group's tags. */
void access_group(struct call *c, struct str group);
/* The same for listings: of groups as such. */
void access_groups(struct call *c);
void access_create_log_group(struct call *c);
void access_delete_log_group(struct call *c);
void access_describe_log_streams(struct call *c);
void access_create_log_stream(struct call *c);
void access_delete_log_stream(struct call *c);
void op_create_log_group(struct call *c);
void op_delete_log_group(struct call *c);
void op_describe_log_groups(struct call *c);
void op_create_log_stream(struct call *c);
void op_delete_log_stream(struct call *c);
void op_describe_log_streams(struct call *c);

/* ---- retention.c: how long events live, tags ---- */
void access_put_retention_policy(struct call *c);
void access_delete_retention_policy(struct call *c);
void op_put_retention_policy(struct call *c);
void op_delete_retention_policy(struct call *c);
/* ---- subscribe_kinesis.c ---- */
/* May CloudWatch Logs put there? A test message is put, as AWS does. false: c failed. */
bool kinesis_destination_ok(struct call *c, struct str destination, struct str role_arn);
/* Put the gzipped message now, or have a job do it later (false). */
bool kinesis_deliver(struct call *c, const struct logs_SubscriptionFilter *f, struct str log_stream, struct str gzipped);
void job_forward(struct call *c, struct str id, struct str payload);

void job_expire(struct call *c, struct str id, struct str payload);
/* Delete events of a group older than before_ms (INT64_MAX: all), at most max; true when none is left. */
bool events_delete(struct call *c, struct str group, struct str stream, int64_t before_ms, size_t max);
/* Tags put over those of a new group; fails c. */
void tags_add(struct call *c, struct map_of *into, const struct map_of *more);
void access_tags(struct call *c);
void access_group_tags(struct call *c);
void op_tag_resource(struct call *c);
void op_untag_resource(struct call *c);
void op_list_tags_for_resource(struct call *c);
void op_tag_log_group(struct call *c);
void op_untag_log_group(struct call *c);
void op_list_tags_log_group(struct call *c);

/* ---- events.c ---- */
/* 56 digits, in order of time, as FilterLogEvents gives it. */
struct str event_id(struct arena *a, int64_t ms, uint64_t serial);
void access_put_log_events(struct call *c);
void access_get_log_events(struct call *c);
void access_filter_log_events(struct call *c);
void op_put_log_events(struct call *c);
void op_get_log_events(struct call *c);
void op_filter_log_events(struct call *c);

/* ---- pattern.c: filter patterns ("Filter pattern syntax", CloudWatch Logs User Guide) ---- */
struct log_filter;
/* NULL and *why when the pattern is not valid. An empty pattern matches everything. */
struct log_filter *log_filter_parse(struct arena *a, struct str pattern, const char **why);
bool log_filter_matches(const struct log_filter *f, struct arena *a, struct str message);
/* The value of "$.a.b" in a JSON message, or of a named word of a space-delimited one, as text; absent when there is none. */
struct str log_filter_value(const struct log_filter *f, struct arena *a, struct str message, struct str selector);
/* "$.a.b[0]" in a JSON message; NULL: not there. */
const struct json *log_json_at(const struct json *j, struct str selector);
/* The words of a message, apart by spaces; what is [in brackets] or "in quotes" is one. */
size_t log_words(struct arena *a, struct str message, struct str **out);
/* The words that a space-delimited pattern names and what they are in this message; n pairs in the arena. */
size_t log_filter_extract(const struct log_filter *f, struct arena *a, struct str message, struct param **pairs);

/* ---- metric_filters.c ---- */
void op_put_metric_filter(struct call *c);
void op_delete_metric_filter(struct call *c);
void op_describe_metric_filters(struct call *c);
void op_test_metric_filter(struct call *c);
void access_describe_metric_filters(struct call *c);
void access_put_metric_filter(struct call *c);
void access_delete_metric_filter(struct call *c);
size_t metric_filters_count(struct call *c, struct str group);
/* Feed the metrics of a group's filters with the messages that were put. */
void metric_filters_apply(struct call *c, struct str group, const struct list *events);

/* ---- live_tail.c ---- */
struct put;
/* Tell those who watch, once it is committed. */
void live_tail_apply(struct call *c, const struct put *p);
void access_start_live_tail(struct call *c);
void op_start_live_tail(struct call *c);

/* ---- subscribe.c ---- */
/* Events of one PutLogEvents that were kept, and the numbers they are stored under. */
struct put { struct str group, stream; const struct logs_InputLogEvent *events; const uint64_t *serials; uint32_t n; };
/* Send them on to whom the group's subscription filters say. */
void subscriptions_apply(struct call *c, const struct put *p);
void access_subscription(struct call *c);
void op_put_subscription_filter(struct call *c);
void op_describe_subscription_filters(struct call *c);
void op_delete_subscription_filter(struct call *c);

/* ---- insights.c ---- */
/* Tell the account's Contributor Insights rules of events that were put. */
void insights_apply(struct call *c, struct str group, const struct logs_InputLogEvent *events, uint32_t n);

/* ---- emf.c: the embedded metric format ---- */
/* Tell the metrics that an event carries, if it does; counted when the call commits. */
void emf_apply(struct call *c, struct str group, struct str message);

extern const struct cfn_type logs_cfn_types[];

#endif
