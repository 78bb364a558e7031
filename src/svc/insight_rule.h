/* Definitions of Contributor Insights rules: who keeps them (cloudwatch) and who watches by them (logs) read them by this.
 *
 * Source: "Contributor Insights rule syntax" (CloudWatch User Guide), limits included. */
#ifndef TSUBO_SVC_INSIGHT_RULE_H
#define TSUBO_SVC_INSIGHT_RULE_H

#include "base/json.h"

enum { INSIGHT_KEYS_MAX = 4, INSIGHT_FILTERS_MAX = 4, INSIGHT_VALUES_MAX = 10 };

enum insight_test {
	INSIGHT_IN, INSIGHT_NOT_IN, INSIGHT_STARTS_WITH, INSIGHT_GREATER, INSIGHT_LESS, INSIGHT_EQUAL, INSIGHT_NOT_EQUAL, INSIGHT_PRESENT
};

struct insight_filter {
	struct str field;
	enum insight_test test;
	struct str values[INSIGHT_VALUES_MAX]; /* of the first three tests */
	uint32_t n_values;
	double number;                         /* of the next four */
	bool present;                          /* of the last */
};

/* Views into the definition, or memory of the arena. */
struct insight_rule {
	bool managed;             /* Schema ServiceLogRule: a service counts for it by itself; only keys and sum are told */
	bool clf;                 /* LogFormat CLF: fields are words, by their position from "1" */
	bool sum;                 /* AggregateOn Sum; else Count */
	const struct json *names; /* LogGroupNames: texts; NULL: arns */
	const struct json *arns;  /* LogGroupARNs */
	const struct json *fields; /* CLF: an object {"4": "IpAddress"}; may be NULL */
	struct str keys[INSIGHT_KEYS_MAX];
	uint32_t n_keys;
	struct str value_of;      /* of Sum */
	struct insight_filter filters[INSIGHT_FILTERS_MAX];
	uint32_t n_filters;
};

/* false: the definition is not valid, *why says what is wrong with it (static text). */
bool insight_rule_parse(struct arena *a, struct str definition, struct insight_rule *out, const char **why);
/* Are a log group's events looked at by it? */
bool insight_rule_watches(const struct insight_rule *r, struct str group, struct str group_arn);
/* CLF: which word of an event (from 1) a field of the rule is; 0: none. */
size_t insight_rule_word(const struct insight_rule *r, struct str field);

#endif
