/* Series and their samples in the store: found by their names, fed by merging.
 *
 * What always holds: dimensions are sorted by name before they name a series, so their order in a request does not matter; there is one
 * sample for a period of a series, and it either tells all its distinct values or none. */
#include "cloudwatch.h"

#include <stdlib.h>

static int by_name(const void *x, const void *y)
{
	return str_cmp(((const struct cloudwatch_Dimension *)x)->Name, ((const struct cloudwatch_Dimension *)y)->Name);
}

static struct list sorted(struct call *c, const struct list *dimensions)
{
	struct list l = LIST_OF(c->arena, struct cloudwatch_Dimension, dimensions->n);
	if (l.n > 0) {
		memcpy(l.v, dimensions->v, l.n * sizeof(struct cloudwatch_Dimension));
		qsort(l.v, l.n, sizeof(struct cloudwatch_Dimension), by_name);
	}
	return l;
}

struct str dimensions_text(struct call *c, const struct list *dimensions)
{
	struct list l = sorted(c, dimensions);
	struct key k = key_new(c->arena);
	for (uint32_t i = 0; i < l.n; i++) {
		const struct cloudwatch_Dimension *d = LIST_AT(l, struct cloudwatch_Dimension, i);
		key_str(key_str(&k, d->Name), d->Value);
	}
	return key_bytes(&k);
}

static struct key *series_key(struct call *c, struct str ns, struct str name, const struct list *dimensions)
{
	return key_str(key_str(key_str(call_key(c, "series"), ns), name), dimensions_text(c, dimensions));
}

static struct key *sample_key(struct call *c, int64_t id, int64_t ms) { return key_i64(key_i64(call_key(c, "sample"), id), ms); }

/* Distinct values put together; emptied (not told any more) beyond DISTINCT_MAX. */
static void merge_values(struct call *c, struct cloudwatch_SampleRecord *into, const struct cloudwatch_SampleRecord *from)
{
	uint32_t n = into->Values.n;
	ASSERT(n == into->Counts.n && from->Values.n == from->Counts.n);
	struct opt_f64 *values = arena_array(c->arena, struct opt_f64, n + from->Values.n);
	struct opt_f64 *counts = arena_array(c->arena, struct opt_f64, n + from->Values.n);
	for (uint32_t i = 0; i < n; i++) {
		values[i] = *LIST_AT(into->Values, struct opt_f64, i);
		counts[i] = *LIST_AT(into->Counts, struct opt_f64, i);
	}
	for (uint32_t i = 0; i < from->Values.n; i++) {
		struct opt_f64 v = *LIST_AT(from->Values, struct opt_f64, i), k = *LIST_AT(from->Counts, struct opt_f64, i);
		uint32_t at = 0;
		while (at < n && values[at].v != v.v)
			at++;
		values[at] = v;
		counts[at] = at < n ? SOME_F64(counts[at].v + k.v) : k;
		n += at == n;
	}
	if (n > DISTINCT_MAX)
		n = 0;
	into->Values = (struct list){values, n, true};
	into->Counts = (struct list){counts, n, true};
}

static void merge(struct call *c, struct cloudwatch_SampleRecord *into, const struct cloudwatch_SampleRecord *from)
{
	ASSERT(into->Count.v > 0 && from->Count.v > 0);
	if (into->Values.n > 0 && from->Values.n > 0)
		merge_values(c, into, from);
	else
		into->Values.n = into->Counts.n = 0;
	into->Count = SOME_F64(into->Count.v + from->Count.v);
	into->Sum = SOME_F64(into->Sum.v + from->Sum.v);
	into->Min = SOME_F64(from->Min.v < into->Min.v ? from->Min.v : into->Min.v);
	into->Max = SOME_F64(from->Max.v > into->Max.v ? from->Max.v : into->Max.v);
}

void series_add(struct call *c, struct str ns, struct str name, const struct list *dimensions, struct str unit, int64_t at_ms,
                bool high_resolution, const struct cloudwatch_SampleRecord *sample)
{
	int64_t step = high_resolution ? 1000 : MINUTE_MS;
	ASSERT(str_present(ns) && str_present(name) && str_present(unit) && dimensions->n <= DIMENSIONS_MAX);
	ASSERT(sample->Count.v > 0 && sample->Values.n == sample->Counts.n && sample->Values.n <= DISTINCT_MAX);
	at_ms -= ((at_ms % step) + step) % step;
	struct key *k = key_str(series_key(c, ns, name, dimensions), unit);
	struct cloudwatch_SeriesRecord *s = call_get(c, k, &cloudwatch_shape_SeriesRecord);
	if (s == NULL) {
		s = arena_new_of(c->arena, struct cloudwatch_SeriesRecord);
		*s = (struct cloudwatch_SeriesRecord){.Id = SOME_I64((int64_t)call_serial(c, "series")), .Namespace = ns, .Name = name,
			.Unit = unit, .Dimensions = sorted(c, dimensions)};
		trim_daily(c);
	}
	if (!s->LastMs.set || s->LastMs.v < at_ms) {
		s->LastMs = SOME_I64(at_ms);
		call_put(c, k, &cloudwatch_shape_SeriesRecord, s);
	}
	struct key *at = sample_key(c, s->Id.v, at_ms);
	struct cloudwatch_SampleRecord *old = call_get(c, at, &cloudwatch_shape_SampleRecord);
	if (old != NULL)
		merge(c, old, sample);
	call_put(c, at, &cloudwatch_shape_SampleRecord, old != NULL ? old : sample);
}

size_t series_find(struct call *c, struct str ns, struct str name, const struct list *dimensions, struct str unit,
                   struct cloudwatch_SeriesRecord ***out)
{
	enum { UNITS = 32 };
	*out = arena_array(c->arena, struct cloudwatch_SeriesRecord *, UNITS);
	size_t n = 0;
	struct str key, value;
	struct scan *s = call_scan(c, series_key(c, ns, name, dimensions), STR_NONE, false);
	while (n < UNITS && scan_next(s, &key, &value)) {
		struct cloudwatch_SeriesRecord *r = record_decode(c, &cloudwatch_shape_SeriesRecord, value);
		if (!str_present(unit) || str_eq(unit, r->Unit))
			(*out)[n++] = r;
	}
	scan_close(s);
	return n;
}

struct scan *series_samples(struct call *c, const struct cloudwatch_SeriesRecord *s, int64_t from_ms, int64_t to_ms)
{
	ASSERT(s->Id.set && from_ms <= to_ms);
	return scan_open(c->txn, key_bytes(sample_key(c, s->Id.v, from_ms)), key_bytes(sample_key(c, s->Id.v, to_ms)), false);
}

int64_t sample_time(struct str key)
{
	ASSERT(key.n > 9); /* a sample's key ends in its time */
	struct key_reader r = key_reader_of(str_slice(key, key.n - 9, key.n));
	int64_t ms;
	bool ok = key_read_i64(&r, &ms);
	ASSERT(ok);
	return ms;
}
