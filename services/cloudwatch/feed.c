/* From the program's own measurements (telemetry/metric.h) into the store: every few seconds, and before anyone reads.
 *
 * Loop thread, but for write_samples. One flush is under way at a time; who asks meanwhile waits for the next one. */
#include "insight.h"

#include "os/os.h"
#include "telemetry/metric.h"

#include <stdlib.h>

enum { EVERY_MS = 10 * 1000 };

struct flush {
	struct arena *arena;
	struct metric_sample *samples;
	size_t n;
};

struct waiter { struct waiter *next; struct ticket ticket; };

static struct {
	struct loop_timer *timer;
	struct waiter *waiting, *next_round;
	bool busy;
} feed;

extern const struct service service_cloudwatch;

static void write_sample(struct call *c, const struct metric_sample *m)
{
	ASSERT(m->count > 0 && m->n_dims <= DIMENSIONS_MAX && m->n_values <= DISTINCT_MAX);
	struct list dims = LIST_OF(c->arena, struct cloudwatch_Dimension, m->n_dims);
	for (uint32_t i = 0; i < m->n_dims; i++)
		*LIST_AT(dims, struct cloudwatch_Dimension, i) = (struct cloudwatch_Dimension){m->dims[i].name, m->dims[i].value};
	struct cloudwatch_SampleRecord r = {SOME_F64(m->count), SOME_F64(m->sum), SOME_F64(m->min), SOME_F64(m->max),
		LIST_OF(c->arena, struct opt_f64, m->n_values), LIST_OF(c->arena, struct opt_f64, m->n_values)};
	for (uint32_t i = 0; i < m->n_values; i++) {
		*LIST_AT(r.Values, struct opt_f64, i) = SOME_F64(m->values[i]);
		*LIST_AT(r.Counts, struct opt_f64, i) = SOME_F64(m->counts[i]);
	}
	c->account = m->account;
	c->region = m->region;
	series_add(c, m->ns, m->name, &dims, m->unit, m->minute_ms, false, &r);
}

static void write_samples(struct call *c)
{
	const struct flush *f = c->user;
	ASSERT(f != NULL && f->n > 0);
	struct metric_sample **contributions = arena_array(c->arena, struct metric_sample *, f->n);
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++) {
		if (str_empty(f->samples[i].ns))
			contributions[n++] = &f->samples[i];
		else
			write_sample(c, &f->samples[i]);
	}
	insight_feed(c, contributions, n);
}

static void begin(void);

static void answer_all(struct waiter *w)
{
	while (w != NULL) {
		struct waiter *next = w->next;
		struct answer ok = {.ok = true};
		ticket_answer(w->ticket, &ok);
		free(w);
		w = next;
	}
}

static void flushed(void *arg, const struct wire_error *error)
{
	(void)error; /* submit has logged it; what was measured meanwhile comes with the next flush */
	struct flush *f = arg;
	ASSERT(feed.busy);
	arena_free(f->arena);
	struct waiter *done = feed.waiting;
	feed.waiting = feed.next_round;
	feed.next_round = NULL;
	feed.busy = false;
	answer_all(done);
	if (feed.waiting != NULL)
		begin();
}

static void begin(void)
{
	ASSERT(!feed.busy); /* one at a time */
	struct arena *a = arena_new(16384);
	struct flush *f = arena_new_of(a, struct flush);
	f->arena = a;
	f->n = metric_drain(a, &f->samples);
	feed.busy = true;
	if (f->n == 0) {
		flushed(f, NULL);
		return;
	}
	struct submit s = {.service = &service_cloudwatch, .account = str_c(service_config()->account),
		.region = str_c(service_config()->region), .run = write_samples, .write = true, .arg = f, .done = flushed};
	call_submit(&s);
}

static void tick(void *unused)
{
	(void)unused;
	feed.timer = loop_timer_start(clock_now_ms() + EVERY_MS, tick, NULL);
	if (!feed.busy && metric_pending())
		begin();
}

static void ask(struct ticket t, void *arg)
{
	(void)arg;
	struct waiter *w = malloc(sizeof *w);
	if (w == NULL)
		die("out of memory");
	struct waiter **list = feed.busy ? &feed.next_round : &feed.waiting;
	*w = (struct waiter){*list, t};
	*list = w;
	if (!feed.busy)
		begin();
}

bool feed_flushed(struct call *c)
{
	return call_await(c, ask, "", 0, c->now_ms + MINUTE_MS) != NULL;
}

void feed_start(void) { feed.timer = loop_timer_start(clock_now_ms() + EVERY_MS, tick, NULL); }

void feed_stop(void)
{
	loop_timer_cancel(feed.timer);
	feed.timer = NULL;
}
