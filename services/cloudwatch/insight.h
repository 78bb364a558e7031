/* Contributor Insights: what its files share.
 *
 *   insight <name>        InsightRecord
 *   minute <id> <ms>      MinuteRecord: what came in a minute for the rule of that number, for 15 days
 *
 * A minute keeps the CONTRIBUTORS_KEPT largest contributors; of what is more than that, the totals and a sketch that tells how many
 * different ones there were. */
#ifndef TSUBO_CLOUDWATCH_INSIGHT_H
#define TSUBO_CLOUDWATCH_INSIGHT_H

#include "cloudwatch.h"
#include "svc/insight_rule.h"
#include "telemetry/metric.h"

enum { CONTRIBUTORS_KEPT = 500, SKETCH = 512, INSIGHT_DAYS = 15 };

/* ---- insight.c ---- */
struct cloudwatch_InsightRecord *insight_get(struct call *c, struct str name); /* NULL: none */
void insight_save(struct call *c, const struct cloudwatch_InsightRecord *r);
struct str insight_arn(struct call *c, struct str name);

/* ---- insight_minute.c ---- */
/* How many different texts: the smallest SKETCH of their hashes, in order. Exact up to that many. */
struct sketch { uint64_t v[SKETCH]; uint32_t n; };
void sketch_add(struct sketch *s, uint64_t hash);
void sketch_add_all(struct sketch *s, struct str stored);
double sketch_count(const struct sketch *s);
uint64_t contributor_hash(const struct list *keys);
/* Put contributions into their rules' minutes; what has no rule, or one that is disabled, is nobody's. Sorts x; changes c's account
 * and region. */
void insight_feed(struct call *c, struct metric_sample **x, size_t n);
struct scan *insight_minutes(struct call *c, const struct cloudwatch_InsightRecord *r, int64_t from_ms, int64_t to_ms);
/* Forget what is older; INT64_MAX: all of it. */
void insight_forget(struct call *c, const struct cloudwatch_InsightRecord *r, int64_t before_ms);
/* The same of all rules of the call's account and region. */
void insight_trim(struct call *c, int64_t before_ms);

/* ---- insight_report.c ---- */
void access_get_insight_rule_report(struct call *c);
void op_get_insight_rule_report(struct call *c);
/* A statistic of a rule for each period of a grid; false: there is no such rule. */
struct grid;
bool insight_series(struct call *c, struct str rule, struct str metric, const struct grid *g,
                    void (*point)(void *arg, const struct grid *g, int64_t at_ms, double v), void *arg);
/* One of the statistics that a report can have ("Sum", "UniqueContributors"...)? */
bool insight_metric_known(struct str metric);

#define INSIGHT_OPERATION(name) void op_##name(struct call *c); void access_##name(struct call *c)
INSIGHT_OPERATION(put_insight_rule);
INSIGHT_OPERATION(describe_insight_rules);
INSIGHT_OPERATION(enable_insight_rules);
INSIGHT_OPERATION(disable_insight_rules);
INSIGHT_OPERATION(delete_insight_rules);
INSIGHT_OPERATION(put_managed_insight_rules);
INSIGHT_OPERATION(list_managed_insight_rules);

#endif
