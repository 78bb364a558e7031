/* Throttles and quotas: counted in memory by the loop, so that each request counts once; quotas are written behind.
 *
 * A request waits for gate_pass() once, before its integration. Buckets follow the service clock. */
#ifndef TSUBO_APIGW_GATE_H
#define TSUBO_APIGW_GATE_H

#include "apigw.h"

enum { GATE_BUCKETS = 2 };

struct gate {
	struct { struct str name; double rate, burst; } buckets[GATE_BUCKETS]; /* requests a second; name absent: none */
	struct str plan, key;  /* the quota's; plan absent: nothing is counted */
	bool limited;          /* is there a quota? */
	int64_t limit;         /* of this period, with what UpdateUsage has added */
	int64_t used;          /* as the store has it, for the first request after a start */
	int64_t period;        /* day when the period began */
	int64_t today;
	struct str account, region;
};

enum gate_answer { GATE_PARKED, GATE_OPEN, GATE_THROTTLED, GATE_EXHAUSTED };
enum gate_answer gate_pass(struct call *c, const struct gate *g);

/* ---- quotas in the store; days count from 1970 ---- */
int64_t quota_period(const struct apigateway_QuotaSettings *q, int64_t day); /* the day on which the period of `day` began */
int64_t usage_of_day(struct call *c, struct str plan, struct str key, int64_t day);
int64_t usage_extra(struct call *c, struct str plan, struct str key, int64_t period);
void usage_set_extra(struct call *c, struct str plan, struct str key, int64_t period, int64_t extra);

#endif
