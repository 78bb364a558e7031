/* The program's log: see log.h.
 *
 * Invariants: `state.lock` guards all of `state`; nobody writes to the descriptor while holding it. Lines are built on the
 * caller's stack, then appended whole to `filling`, or counted as dropped; one thread of our own swaps it for the empty
 * `writing` and writes that. Bytes from clients are cut, checked to be UTF-8 and stripped of control characters, so that a
 * line is always one line and a terminal obeys nobody. */
#include "telemetry/log.h"
#include "base/enc.h"
#include "base/json.h"
#include "base/time.h"
#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { WAITING_MAX = 1 << 20, LINE_MAX_BYTES = 24576, MESSAGE_MAX = 2048, FIELD_MAX = 300, NAP_MS = 5 };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t writer;
	bool running, stopping, json;
	enum log_level least;
	int fd;
	struct buf filling, writing;
	uint64_t dropped;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .least = LOG_INFO, .fd = 2};

/* A line that is being built, in memory of its own and never larger. */
struct line {
	struct buf b;
	char bytes[LINE_MAX_BYTES];
};

static void line_init(struct line *l)
{
	l->b = (struct buf){.p = l->bytes, .cap = sizeof l->bytes, .max = sizeof l->bytes};
}

/* At most max bytes of s, not ending inside a character. Absent counts as empty, what is not UTF-8 as "?". */
static struct str printable(struct str s, size_t max)
{
	ASSERT(max > 0);
	if (s.n > max) {
		s.n = max;
		while (s.n > 0 && (s.p[s.n] & 0xc0) == 0x80)
			s.n--;
	}
	if (s.n == 0)
		return S("");
	return utf8_valid(s) ? s : S("?");
}

static void put_readable(struct buf *b, struct str s)
{
	ASSERT(b->max == LINE_MAX_BYTES); /* a line's own memory: nothing grows */
	for (size_t i = 0; i < s.n; i++)
		buf_putc(b, (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f ? ' ' : s.p[i]);
}

/* At most five characters: readable lines are set in columns. */
static struct str level_name(enum log_level level)
{
	switch (level) {
	case LOG_DEBUG: return S("debug");
	case LOG_INFO: return S("info");
	case LOG_WARN: return S("warn");
	case LOG_ERROR: return S("error");
	}
	ASSERT(false);
	return STR_NONE;
}

static void put_digits(char *to, int n, int v)
{
	ASSERT(v >= 0);
	for (int i = n - 1; i >= 0; i--, v /= 10)
		to[i] = (char)('0' + v % 10);
}

/* "2026-11-21T07:35:00.123Z", without memory. */
static void put_time(struct buf *b, int64_t ms)
{
	struct civil c = civil_of(ms);
	char text[] = "0000-00-00T00:00:00.000Z"; /* printf would cost more than the rest of the line */
	put_digits(text, 4, c.year);
	put_digits(text + 5, 2, c.month);
	put_digits(text + 8, 2, c.day);
	put_digits(text + 11, 2, c.hour);
	put_digits(text + 14, 2, c.minute);
	put_digits(text + 17, 2, c.second);
	put_digits(text + 20, 3, c.ms);
	buf_put(b, text, sizeof text - 1);
}

/* The time is written past the writer, in place; hence the comma by hand. */
static void begin_json(struct line *l, struct jw *w, enum log_level level, int64_t at_ms)
{
	jw_init(w, &l->b);
	jw_begin_object(w);
	buf_lit(&l->b, "\"time\":\"");
	put_time(&l->b, at_ms);
	buf_putc(&l->b, '"');
	w->comma = true;
	jw_kv_str(w, "level", level_name(level));
}

static void begin_readable(struct line *l, enum log_level level, int64_t at_ms)
{
	put_time(&l->b, at_ms);
	buf_putc(&l->b, ' ');
	struct str name = level_name(level);
	buf_str(&l->b, name);
	buf_put(&l->b, "      ", 6 - name.n);
}

static void message_line(struct line *l, bool json, enum log_level level, struct str message)
{
	ASSERT(message.n <= MESSAGE_MAX + 7);
	line_init(l);
	message = printable(message, MESSAGE_MAX);
	if (json) {
		struct jw w;
		begin_json(l, &w, level, os.wall_ms());
		jw_kv_str(&w, "message", message);
		jw_end_object(&w);
	} else {
		begin_readable(l, level, os.wall_ms());
		put_readable(&l->b, message);
	}
	buf_putc(&l->b, '\n');
	ASSERT(!l->b.overflow);
}

static void write_all(int fd, struct str s)
{
	ASSERT(fd >= 0);
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* a log that cannot be written stops nobody */
		s = str_slice(s, (size_t)n, s.n);
	}
}

static void say_dropped(uint64_t dropped, bool json, int fd)
{
	struct line l;
	char text[64];
	int n = snprintf(text, sizeof text, "%llu log lines were dropped", (unsigned long long)dropped);
	message_line(&l, json, LOG_WARN, str_of(text, (size_t)n));
	write_all(fd, buf_view(&l.b));
}

/* Woken by the first line, sleeps a little longer so that a busy server writes many at a time. */
static void nap(void)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += NAP_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	while (!state.stopping && state.filling.n < WAITING_MAX / 4)
		if (pthread_cond_timedwait(&state.wake, &state.lock, &until) != 0)
			return;
}

static void *writer_main(void *arg UNUSED)
{
	pthread_mutex_lock(&state.lock);
	for (;;) {
		while (!state.stopping && state.filling.n == 0)
			pthread_cond_wait(&state.wake, &state.lock);
		nap();
		if (state.filling.n == 0 && state.dropped == 0)
			break; /* stopping, and all is written */
		struct buf full = state.filling;
		state.filling = state.writing;
		state.writing = full;
		uint64_t dropped = state.dropped;
		state.dropped = 0;
		int fd = state.fd;
		bool json = state.json;
		pthread_mutex_unlock(&state.lock);
		write_all(fd, buf_view(&full));
		if (dropped > 0)
			say_dropped(dropped, json, fd);
		pthread_mutex_lock(&state.lock);
		buf_clear(&state.writing);
	}
	pthread_mutex_unlock(&state.lock);
	return NULL;
}

void log_start(bool json, enum log_level least, int fd)
{
	ASSERT(!state.running && fd >= 0);
	pthread_mutex_lock(&state.lock);
	buf_init(&state.filling, NULL, WAITING_MAX);
	buf_init(&state.writing, NULL, WAITING_MAX);
	state.json = json;
	state.fd = fd;
	state.stopping = false;
	pthread_mutex_unlock(&state.lock);
	__atomic_store_n(&state.least, least, __ATOMIC_RELAXED);
	if (pthread_create(&state.writer, NULL, writer_main, NULL) != 0)
		die("no thread for the log");
	__atomic_store_n(&state.running, true, __ATOMIC_RELEASE);
}

/* What was appended before is written: the thread ends only with nothing left. */
void log_stop(void)
{
	if (!state.running)
		return;
	__atomic_store_n(&state.running, false, __ATOMIC_RELEASE);
	pthread_mutex_lock(&state.lock);
	state.stopping = true;
	pthread_cond_signal(&state.wake);
	pthread_mutex_unlock(&state.lock);
	pthread_join(state.writer, NULL);
	pthread_mutex_lock(&state.lock);
	buf_free(&state.filling);
	buf_free(&state.writing);
	pthread_mutex_unlock(&state.lock);
}

/* The writer is woken when there is something new to write, not for every line: it takes all there is. */
static void append(const struct line *l)
{
	ASSERT(l->b.p == l->bytes);
	ASSERT(!l->b.overflow && l->b.n > 0);
	pthread_mutex_lock(&state.lock);
	bool was_empty = state.filling.n == 0;
	if (state.stopping || l->b.n > WAITING_MAX - state.filling.n)
		state.dropped++;
	else
		buf_put(&state.filling, l->b.p, l->b.n);
	if (was_empty || state.filling.n >= WAITING_MAX / 4)
		pthread_cond_signal(&state.wake);
	pthread_mutex_unlock(&state.lock);
}

static bool wanted(enum log_level level) { return level >= __atomic_load_n(&state.least, __ATOMIC_RELAXED); }

void log_at(enum log_level level, const char *fmt, ...)
{
	ASSERT(level <= LOG_ERROR && fmt != NULL);
	if (!wanted(level))
		return;
	char text[MESSAGE_MAX + 8]; /* more than is shown: message_line cuts between characters, vsnprintf between bytes */
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	ASSERT(n >= 0);
	struct str message = str_of(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
	struct line l;
	bool running = __atomic_load_n(&state.running, __ATOMIC_ACQUIRE);
	message_line(&l, running && state.json, level, message);
	if (running)
		append(&l);
	else
		write_all(2, buf_view(&l.b)); /* before the start and after the end there is no loop to block */
}

static void call_json(struct line *l, const struct call_record *r, enum log_level level)
{
	const struct { struct str name, value; } fields[] = {
		{S("requestId"), r->request_id}, {S("service"), r->service}, {S("operation"), r->op},
		{S("protocol"), r->protocol}, {S("account"), r->account}, {S("region"), r->region},
		{S("principal"), r->principal_arn}, {S("errorCode"), r->error_code}, {S("peer"), r->peer},
		{S("traceId"), r->trace_id}, {S("decision"), str_c(r->decision)},
	};
	struct jw w;
	begin_json(l, &w, level, r->start_ms);
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		if (fields[i].value.n == 0)
			continue;
		jw_key(&w, fields[i].name);
		jw_str(&w, printable(fields[i].value, FIELD_MAX));
	}
	jw_kv_i64(&w, "status", r->status);
	jw_kv_i64(&w, "tookUs", r->took_us);
	jw_kv_i64(&w, "bytesIn", (int64_t)r->bytes_in);
	jw_kv_i64(&w, "bytesOut", (int64_t)r->bytes_out);
	jw_end_object(&w);
}

static void call_readable(struct line *l, const struct call_record *r, enum log_level level)
{
	const struct str fields[] = {r->service, r->op, r->error_code, r->account, r->region, r->principal_arn, str_c(r->decision),
	                             r->request_id};
	begin_readable(l, level, r->start_ms);
	buf_printf(&l->b, "%d %lld.%03lld ms", r->status, (long long)(r->took_us / 1000), (long long)(r->took_us % 1000));
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		if (fields[i].n == 0)
			continue;
		buf_putc(&l->b, ' ');
		put_readable(&l->b, printable(fields[i], FIELD_MAX));
	}
}

void log_call(const struct call_record *r)
{
	ASSERT(r != NULL && r->took_us >= 0);
	enum log_level level = r->status >= 500 ? LOG_WARN : LOG_INFO;
	if (!__atomic_load_n(&state.running, __ATOMIC_ACQUIRE) || !wanted(level))
		return;
	struct line l;
	line_init(&l);
	if (state.json)
		call_json(&l, r, level);
	else
		call_readable(&l, r, level);
	buf_putc(&l.b, '\n');
	append(&l);
}
