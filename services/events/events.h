/* What the files of the events service share. Everything is below (account, region):
 *
 *   bus    <bus>                 BusRecord; the default bus has none until it is changed
 *   rule   <bus> <rule>          RuleRecord
 *   target <bus> <rule> <id>     Target, the model's shape
 *   set    <bus>                 16 random bytes, new with each change of the bus's rules: names a compiled rule set
 *   body   <event id> <bus> <hops>  an event's text, when it is too long to be copied into each of its deliveries
 *   refs   <event id> <bus> <hops>  u64: how many deliveries still need it
 *
 * Jobs: "fire" <rule>: the next time of a scheduled rule; "deliver": one event on its way to one target. */
#ifndef TSUBO_EVENTS_H
#define TSUBO_EVENTS_H

#include "events.model.h"
#include "svc/service.h"

enum { RULES_PER_BUS = 300, TARGETS_PER_RULE = 5, BUSES_MAX = 100, HOPS_MAX = 5 };

/* ---- bus.c ---- */
/* The record; the default bus always has one. NULL: not there. */
struct events_BusRecord *bus_get(struct call *c, struct str name);
/* The same, failing with ResourceNotFoundException. */
struct events_BusRecord *bus_need(struct call *c, struct str name);
void bus_put(struct call *c, struct events_BusRecord *b);
/* The bus's name from a name or an ARN of this account and region; absent gives "default". Fails c on another ARN. */
struct str bus_named(struct call *c, struct str name_or_arn);
struct str bus_arn(struct call *c, struct str bus);
/* Permission on a bus: the one that the input's EventBusName or Name says. */
void access_bus(struct call *c);
void op_create_event_bus(struct call *c);
void op_describe_event_bus(struct call *c);
void op_update_event_bus(struct call *c);
void op_list_event_buses(struct call *c);
void op_delete_event_bus(struct call *c);
void op_put_permission(struct call *c);
void op_remove_permission(struct call *c);

/* ---- rules.c ---- */
struct key *rule_key(struct call *c, struct str bus, struct str rule);
struct str rule_arn(struct call *c, struct str bus, struct str rule);
struct events_RuleRecord *rule_get(struct call *c, struct str bus, struct str rule);
struct events_RuleRecord *rule_need(struct call *c, struct str bus, struct str rule);
bool rule_enabled(const struct events_RuleRecord *r);
/* The bus's compiled rules are out of date. */
void rules_changed(struct call *c, struct str bus);
/* Permission on the rule that the input's Name or Rule, and EventBusName, say. */
void access_rule(struct call *c);
void access_rules(struct call *c);
/* What PutRule and PutTargets need to hand a role over to EventBridge. Fails c when not. */
bool role_ok(struct call *c, struct str role_arn);
void op_put_rule(struct call *c);
void op_describe_rule(struct call *c);
void op_list_rules(struct call *c);
void op_delete_rule(struct call *c);
void op_enable_rule(struct call *c);
void op_disable_rule(struct call *c);
void op_test_event_pattern(struct call *c);

/* ---- targets.c ---- */
struct key *target_key(struct call *c, struct str bus, struct str rule, struct str id);
size_t targets_count(struct call *c, struct str bus, struct str rule);
void op_put_targets(struct call *c);
void op_remove_targets(struct call *c);
void op_list_targets_by_rule(struct call *c);
void op_list_rule_names_by_target(struct call *c);

/* ---- tags.c ---- */
/* Adds to a list of tags, replacing those of the same key; fails c past 50, and on keys that are reserved or twice there. */
void tags_add(struct call *c, struct list *tags, const struct list *add);
void access_tags(struct call *c);
void op_tag_resource(struct call *c);
void op_untag_resource(struct call *c);
void op_list_tags_for_resource(struct call *c);

/* ---- ruleset.c: the patterns of a bus, compiled and indexed ---- */
/* Names of the enabled rules whose pattern an event (through event_normal) matches; in the call's arena. Writer's calls only. */
size_t rules_matching(struct call *c, struct str bus, const struct json *event, const struct str **names);
void rulesets_free(void);

/* ---- put_events.c ---- */
void access_put_events(struct call *c);
void op_put_events(struct call *c);
/* An event that has come to a bus: into its archives, and a delivery for each target of each rule that matches (of those that
 * `only` names by ARN, when it is not NULL: a replay's choice). */
void event_arrived(struct call *c, struct str bus, struct str id, struct str text, int64_t hops, const struct list *only);

/* ---- schedule_job.c ---- */
/* Put or drop the job of a rule after it has changed. */
void schedule_rule(struct call *c, const struct events_RuleRecord *r);
void job_fire(struct call *c, struct str rule, struct str payload);

/* ---- deliver.c ---- */
/* A delivery for each target of a rule; returns how many. With `shared` the event's text is in its body record. */
size_t deliveries_put(struct call *c, struct str bus, struct str rule, struct str event_id, struct str text, bool shared, int64_t hops);
/* Keep the text that `refs` deliveries share. */
void text_share(struct call *c, struct str event_id, struct str bus, int64_t hops, struct str text, uint64_t refs);
void job_deliver(struct call *c, struct str id, struct str payload);

/* ---- send.c ---- */
enum sent { SENT, SENT_RETRY, SENT_NEVER, SENT_PARKED };
struct sending {
	struct str rule_arn, body, event; /* event: as it came, whatever the target is given of it */
	struct str code, message; /* why not: ERROR_CODE and ERROR_MESSAGE of a dead letter */
};
/* Can events be delivered there? NULL: yes; else why not. */
const char *target_unsupported(struct call *c, const struct events_Target *t);
enum sent send_to_target(struct call *c, const struct events_DeliveryRecord *d, struct sending *s);
/* To a dead-letter queue. */
enum sent send_dead_letter(struct call *c, struct str queue_arn, struct str body, struct json *attributes, struct sending *s);

/* ---- input.c ---- */
/* What a target is given of an event. */
struct str target_input(struct call *c, const struct events_Target *t, struct str event_text, struct str rule, struct str arn);
/* The text at a path of an event, for a partition key; absent: nothing is there. */
struct str event_text_at(struct call *c, struct str event_text, struct str path);
/* NULL: Input, InputPath, InputTransformer and PartitionKeyPath are well made; else what is wrong. */
const char *target_input_wrong(struct call *c, const struct events_Target *t);

/* ---- archive.c ---- */
/* Keep an event (its text, and through event_normal) in the archives of its bus that want it. */
void archives_take(struct call *c, struct str bus, struct str id, struct str text, const struct json *event);

/* ---- metrics.c: AWS/Events ---- */
/* One observation, counted when the call commits. bus "" or "default": by RuleName alone. rule may be absent. */
void count_metric(struct call *c, struct str bus, struct str rule, const char *name, double value);

extern const struct cfn_type events_cfn_types[];

#endif
