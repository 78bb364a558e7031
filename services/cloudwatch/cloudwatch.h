/* What the files of the cloudwatch service share. A series is a namespace, a name, dimensions sorted by name, and a unit;
 * its samples lie under its number in order of time.
 *
 *   series <namespace> <name> <dimensions> <unit>   SeriesRecord
 *   sample <id> <ms>                                SampleRecord; ms is the start of a minute (a second, high resolution)
 */
#ifndef TSUBO_CLOUDWATCH_H
#define TSUBO_CLOUDWATCH_H

#include "cloudwatch.model.h"
#include "svc/service.h"

enum { MINUTE_MS = 60 * 1000, DISTINCT_MAX = 150, DIMENSIONS_MAX = 30 };
#define DAY_MS ((int64_t)86400 * 1000)

/* ---- series.c: finding and feeding ---- */

/* Numbers of one period, put together from samples. */
struct stats {
	double count, sum, min, max;
	struct opt_f64 *values, *counts; /* distinct values and how often, when known for all of it */
	size_t n, cap;
	bool distribution;               /* values and counts tell everything */
};
void stats_add(struct arena *a, struct stats *s, const struct cloudwatch_SampleRecord *r);

/* Dimensions sorted by name, as text that identifies them. */
struct str dimensions_text(struct call *c, const struct list *dimensions);
/* Put one sample into the series (made when it is new). Merges with what is there for the same time. */
void series_add(struct call *c, struct str ns, struct str name, const struct list *dimensions, struct str unit, int64_t at_ms,
                bool high_resolution, const struct cloudwatch_SampleRecord *sample);
/* All series of exactly these dimensions (one for each unit, or of the unit when it is given). */
size_t series_find(struct call *c, struct str ns, struct str name, const struct list *dimensions, struct str unit,
                   struct cloudwatch_SeriesRecord ***out);
struct scan *series_samples(struct call *c, const struct cloudwatch_SeriesRecord *s, int64_t from_ms, int64_t to_ms);
int64_t sample_time(struct str key);

/* ---- feed.c: what the program's own services measure ---- */

/* Wait until everything measured so far is in the store. false: parked, return. */
bool feed_flushed(struct call *c);
void feed_start(void);
void feed_stop(void);

/* ---- put.c ---- */
void access_put_metric_data(struct call *c);
void op_put_metric_data(struct call *c);
/* ---- get.c ---- */
/* One period's numbers. */
struct period { int64_t at_ms; struct stats stats; };
struct periods { struct period *v; size_t n; };
/* Of the periods (from the epoch on) that have any. */
struct periods periods_collect(struct call *c, const struct cloudwatch_SeriesRecord *s, int64_t from_ms, int64_t to_ms, int64_t period_ms);
/* 1, 5, 10, 20, 30 or a multiple of 60; where: the parameter, for the message. */
bool period_ok(struct call *c, int64_t period, const char *where);
/* ---- data.c ---- */
/* Ids, periods and statistics of MetricDataQueries; false: c failed. */
bool metric_queries_ok(struct call *c, const struct list *queries);
void op_get_metric_statistics(struct call *c);
void op_get_metric_data(struct call *c);
void op_list_metrics(struct call *c);
/* See to it that what is old is forgotten once a day: samples, and alarms' history. */
void trim_daily(struct call *c);
void job_trim(struct call *c, struct str id, struct str payload);
/* ---- stat.c ---- */
/* "Average", "p99.9", "SampleCount"...: false when it is no statistic of ours. */
bool stat_known(struct str stat);
/* The number; absent when the samples do not tell it (percentiles of statistic sets). */
struct opt_f64 stat_of(const struct stats *s, struct str stat);

#endif
