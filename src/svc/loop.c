/* What services do on the loop thread: timers of the service clock, the worker pool, and what the program was started with.
 *
 * Invariants: the heap is ordered by due time; one uv timer is armed for its top; all of it is touched on the loop
 * thread only. Turning the clock re-arms the one timer, and moves the others with it when it is turned back. */
#include "svc/task.h"

#include "os/os.h"

#include <stdlib.h>
#include <uv.h>

struct loop_timer {
	int64_t due_ms;
	uint64_t order; /* equal times fire in the order they were started */
	size_t at;      /* place in the heap */
	void (*fn)(void *arg);
	void *arg;
};

static struct {
	uv_loop_t *loop;
	struct store *store;
	struct http_server *http;
	struct service_config config;
	uv_timer_t timer;
	struct loop_timer **heap;
	size_t n, cap;
	size_t works; /* begun by worker_run and not yet done */
	uint64_t order;
	bool firing, stopped;
} here;

static bool sooner(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void place(size_t i, struct loop_timer *t)
{
	ASSERT(i < here.cap);
	here.heap[i] = t;
	t->at = i;
}

static void sift_up(size_t i)
{
	ASSERT(i < here.n);
	struct loop_timer *t = here.heap[i];
	while (i > 0 && sooner(t, here.heap[(i - 1) / 2])) {
		place(i, here.heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(i, t);
}

static void sift_down(size_t i)
{
	ASSERT(i < here.n);
	struct loop_timer *t = here.heap[i];
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= here.n)
			break;
		if (child + 1 < here.n && sooner(here.heap[child + 1], here.heap[child]))
			child++;
		if (!sooner(here.heap[child], t))
			break;
		place(i, here.heap[child]);
		i = child;
	}
	place(i, t);
}

/* The last one takes the place and finds its own: it may have to go either way. */
static void heap_remove(size_t i)
{
	ASSERT(i < here.n);
	struct loop_timer *last = here.heap[--here.n];
	if (i == here.n)
		return;
	place(i, last);
	sift_up(i);
	sift_down(last->at);
}

static void fire(uv_timer_t *unused);

static void arm(void)
{
	ASSERT(here.n <= here.cap);
	if (here.firing || here.stopped)
		return;
	if (here.n == 0) {
		uv_timer_stop(&here.timer);
		return;
	}
	int64_t in_ms = here.heap[0]->due_ms - clock_now_ms();
	if (in_ms < 0)
		in_ms = 0;
	if (in_ms > 3600 * 1000) /* look again in an hour: the wall clock may be set meanwhile */
		in_ms = 3600 * 1000;
	uv_update_time(here.loop);
	uv_timer_start(&here.timer, fire, (uint64_t)in_ms, 0);
}

static void fire(uv_timer_t *unused)
{
	(void)unused;
	here.firing = true;
	int64_t now = clock_now_ms();
	while (here.n > 0 && here.heap[0]->due_ms <= now) {
		struct loop_timer *t = here.heap[0];
		heap_remove(0);
		void (*fn)(void *) = t->fn;
		void *arg = t->arg;
		free(t);
		fn(arg);
	}
	here.firing = false;
	arm();
}

struct loop_timer *loop_timer_start(int64_t due_ms, void (*fn)(void *arg), void *arg)
{
	ASSERT(fn != NULL && here.loop != NULL && here.n <= here.cap);
	if (here.n == here.cap) {
		here.cap = here.cap > 0 ? here.cap * 2 : 64;
		here.heap = realloc(here.heap, here.cap * sizeof(*here.heap));
		if (here.heap == NULL)
			die("out of memory");
	}
	struct loop_timer *t = malloc(sizeof *t);
	if (t == NULL)
		die("out of memory");
	*t = (struct loop_timer){.due_ms = due_ms, .order = here.order++, .fn = fn, .arg = arg};
	here.heap[here.n] = t;
	t->at = here.n++;
	sift_up(t->at);
	if (t->at == 0)
		arm();
	return t;
}

/* The uv timer is left as it is: should it fire for nothing, it is armed anew then. */
void loop_timer_cancel(struct loop_timer *t)
{
	if (t == NULL)
		return;
	ASSERT(t->at < here.n && here.heap[t->at] == t);
	heap_remove(t->at);
	free(t);
}

/* Timers are of what goes on in memory: beats, back-offs, time limits. Turned on, the clock makes them happen now; turned back
 * it must not stop them until that time comes again. */
void loop_clock_turned(int64_t by_ms)
{
	for (size_t i = 0; by_ms < 0 && i < here.n; i++)
		here.heap[i]->due_ms += by_ms; /* all by as much: their order stays */
	arm();
}

void loop_init(uv_loop_t *loop, struct store *store)
{
	ASSERT(loop != NULL && store != NULL && here.n == 0);
	here.loop = loop;
	here.store = store;
	here.stopped = false;
	uv_timer_init(loop, &here.timer);
}

void loop_stop_timers(void)
{
	ASSERT(!here.stopped);
	here.stopped = true;
	uv_timer_stop(&here.timer);
	uv_close((uv_handle_t *)&here.timer, NULL);
	for (size_t i = 0; i < here.n; i++)
		free(here.heap[i]);
	free(here.heap);
	here.heap = NULL;
	here.n = here.cap = 0;
}

struct uv_loop_s *service_loop(void) { return here.loop; }
struct store *service_store(void) { return here.store; }
struct http_server *service_http(void) { return here.http; }
void service_http_set(struct http_server *s) { here.http = s; }
const struct service_config *service_config(void) { return &here.config; }
void service_config_set(const struct service_config *c) { here.config = *c; }

struct work {
	uv_work_t uv;
	void (*work)(void *);
	void (*done)(void *);
	void *arg;
};

static void work_run(uv_work_t *uv)
{
	struct work *w = (struct work *)uv;
	w->work(w->arg);
}

static void work_done(uv_work_t *uv, int status)
{
	struct work *w = (struct work *)uv;
	(void)status;
	ASSERT(here.works > 0);
	here.works--;
	if (w->done != NULL)
		w->done(w->arg);
	free(w);
}

void worker_run(void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
	ASSERT(work != NULL && here.loop != NULL);
	struct work *w = calloc(1, sizeof *w);
	if (w == NULL)
		die("out of memory");
	w->work = work;
	w->done = done;
	w->arg = arg;
	int rc = uv_queue_work(here.loop, &w->uv, work_run, work_done);
	ASSERT(rc == 0);
	here.works++;
}

void loop_finish_work(void)
{
	while (here.works > 0)
		uv_run(here.loop, UV_RUN_ONCE);
}
