/* Observations aggregated per series and minute until they are drained: see metric.h.
 *
 * Invariants: `lock` guards `series`, `contributors` and `dropped`. A series' key holds all its names, each with its length before it, the
 * dimensions sorted by name (their order has no meaning in CloudWatch), so equal keys are equal series; names are read
 * back from the key when it is drained. `values` is sorted, and given up for good past 150 distinct ones. */
#include "telemetry/metric.h"
#include "base/buf.h"
#include "base/map.h"
#include "telemetry/log.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum { SERIES_MAX = 50000, CONTRIBUTORS_MAX = 20000, VALUES_MAX = 150, DIMS_MAX = 30, KEY_MAX = 16384 };

struct value_count { double value, count; };

struct series {
	struct str key; /* in the same allocation */
	int64_t minute_ms;
	double count, sum, min, max;
	struct value_count *values;
	uint32_t n_values, cap_values;
	bool too_many;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map series;
static size_t contributors; /* of the series: those without a namespace */
static uint64_t dropped;

static int by_name(const void *x, const void *y)
{
	return str_cmp(((const struct metric_dim *)x)->name, ((const struct metric_dim *)y)->name);
}

static struct series *series_new(struct str key, int64_t minute_ms)
{
	ASSERT(key.n <= KEY_MAX);
	struct series *s = malloc(sizeof *s + key.n);
	if (s == NULL)
		die("out of memory");
	char *bytes = (char *)(s + 1);
	memcpy(bytes, key.p, key.n);
	*s = (struct series){.key = str_of(bytes, key.n), .minute_ms = minute_ms, .min = INFINITY, .max = -INFINITY};
	return s;
}

static void series_free(struct series *s)
{
	free(s->values);
	free(s);
}

/* CloudWatch keeps distinct values for percentiles up to 150; past that only the statistics of the set are of use. */
static void give_up_values(struct series *s)
{
	free(s->values);
	s->values = NULL;
	s->n_values = s->cap_values = 0;
	s->too_many = true;
}

static void add_value(struct series *s, double value)
{
	ASSERT(!s->too_many && s->n_values <= s->cap_values && isfinite(value));
	uint32_t low = 0, high = s->n_values;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (s->values[mid].value < value)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < s->n_values && s->values[low].value == value) {
		s->values[low].count++;
		return;
	}
	if (s->n_values == VALUES_MAX) {
		give_up_values(s);
		return;
	}
	if (s->n_values == s->cap_values) {
		s->cap_values = s->cap_values > 0 ? s->cap_values * 2 : 4;
		s->values = realloc(s->values, s->cap_values * sizeof *s->values);
		if (s->values == NULL)
			die("out of memory");
	}
	memmove(s->values + low + 1, s->values + low, (s->n_values - low) * sizeof *s->values);
	s->values[low] = (struct value_count){value, 1};
	s->n_values++;
	ASSERT(s->n_values <= VALUES_MAX && s->n_values <= s->cap_values);
}

/* The series of this key, made when there is room; NULL: dropped. */
static struct series *series_of(struct str key, int64_t minute_ms)
{
	ASSERT(key.n > sizeof minute_ms);
	struct series *s = map_get(&series, key);
	if (s != NULL)
		return s;
	if (map_count(&series) == SERIES_MAX)
		return NULL;
	s = series_new(key, minute_ms);
	(void)map_put(&series, s->key, s);
	return s;
}

void metric_add(struct str account, struct str region, struct str ns, struct str name, const struct metric_dim *dims,
                size_t n_dims, double value, const char *unit, int64_t at_ms)
{
	struct metric_dim sorted[DIMS_MAX];
	bool fits = n_dims <= DIMS_MAX && isfinite(value); /* CloudWatch has no others */
	if (!fits)
		n_dims = 0;
	char bytes[KEY_MAX];
	struct buf key = {.p = bytes, .cap = sizeof bytes, .max = sizeof bytes};
	int64_t minute_ms = at_ms - ((at_ms % 60000) + 60000) % 60000;
	if (n_dims > 0)
		memcpy(sorted, dims, n_dims * sizeof *dims);
	if (n_dims > 1)
		qsort(sorted, n_dims, sizeof *sorted, by_name);
	buf_put(&key, &minute_ms, sizeof minute_ms);
	buf_counted(&key, account);
	buf_counted(&key, region);
	buf_counted(&key, ns);
	buf_counted(&key, name);
	buf_counted(&key, str_c(unit != NULL ? unit : "None"));
	size_t head = key.n;
	for (size_t i = 0; i < n_dims; i++) {
		buf_counted(&key, sorted[i].name);
		buf_counted(&key, sorted[i].value);
	}
	pthread_mutex_lock(&lock);
	if (str_empty(ns) && !key.overflow && map_get(&series, buf_view(&key)) == NULL && contributors++ >= CONTRIBUTORS_MAX)
		key.n = head; /* who it was is lost, what it was is not */
	struct series *s = !fits || key.overflow ? NULL : series_of(buf_view(&key), minute_ms);
	if (s == NULL) {
		dropped++;
	} else {
		s->count++;
		s->sum += value;
		s->min = value < s->min ? value : s->min;
		s->max = value > s->max ? value : s->max;
		ASSERT(s->count >= 1 && s->min <= s->max && s->minute_ms == minute_ms);
		if (!s->too_many)
			add_value(s, value);
	}
	pthread_mutex_unlock(&lock);
}

static void sample_of(struct arena *a, const struct series *s, struct metric_sample *out)
{
	ASSERT(s->count >= 1 && s->n_values <= VALUES_MAX);
	struct str key = arena_dup(a, s->key);
	key = str_slice(key, sizeof s->minute_ms, key.n);
	*out = (struct metric_sample){.minute_ms = s->minute_ms, .count = s->count, .sum = s->sum, .min = s->min, .max = s->max};
	out->account = counted_take(&key);
	out->region = counted_take(&key);
	out->ns = counted_take(&key);
	out->name = counted_take(&key);
	out->unit = counted_take(&key);
	struct metric_dim dims[DIMS_MAX];
	while (key.n > 0) {
		ASSERT(out->n_dims < DIMS_MAX);
		struct str name = counted_take(&key);
		dims[out->n_dims++] = (struct metric_dim){name, counted_take(&key)};
	}
	ASSERT(key.n == 0); /* the key said it all */
	out->dims = arena_array(a, struct metric_dim, out->n_dims);
	if (out->n_dims > 0)
		memcpy(out->dims, dims, out->n_dims * sizeof *dims);
	out->n_values = s->n_values;
	out->values = arena_array(a, double, s->n_values);
	out->counts = arena_array(a, double, s->n_values);
	for (uint32_t i = 0; i < s->n_values; i++) {
		out->values[i] = s->values[i].value;
		out->counts[i] = s->values[i].count;
	}
}

/* The whole map is taken under the lock and emptied outside of it: who adds never waits for the copying. */
size_t metric_drain(struct arena *a, struct metric_sample **out)
{
	pthread_mutex_lock(&lock);
	struct map taken = series;
	uint64_t lost = dropped;
	map_init(&series, NULL);
	dropped = 0;
	contributors = 0;
	pthread_mutex_unlock(&lock);
	if (lost > 0)
		log_warn("%llu metric observations were dropped", (unsigned long long)lost);
	size_t n = 0, at = 0;
	*out = arena_array(a, struct metric_sample, map_count(&taken));
	struct map_entry *e;
	while ((e = map_next(&taken, &at)) != NULL) {
		sample_of(a, e->value, &(*out)[n++]);
		series_free(e->value);
	}
	ASSERT(n == map_count(&taken));
	map_free(&taken);
	return n;
}

bool metric_pending(void)
{
	pthread_mutex_lock(&lock);
	bool any = map_count(&series) > 0;
	pthread_mutex_unlock(&lock);
	return any;
}
