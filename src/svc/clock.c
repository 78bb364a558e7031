/* The service clock's offset: parsed, turned, kept in the store so that a restart does not turn time back.
 *
 * What always holds: the service clock never runs before the wall clock, and what it was turned by survives a
 * restart. */
#include "svc/clock.h"

#include "os/os.h"
#include "svc/task.h"

static const struct { const char *unit; int64_t ms; } units[] = {
	{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 86400 * 1000}, {"w", 7 * 86400 * 1000LL},
};

static bool unit_of(struct str s, int64_t *ms)
{
	ASSERT(ms != NULL);
	for (size_t i = 0; i < COUNT_OF(units); i++)
		if (str_eq(s, str_c(units[i].unit))) {
			*ms = units[i].ms;
			return true;
		}
	return false;
}

/* A blank in front is a "+" that came through a query string. */
bool clock_parse_span(struct str text, int64_t *out)
{
	bool negative = text.n > 0 && text.p[0] == '-';
	if (text.n > 0 && (text.p[0] == '+' || text.p[0] == '-' || text.p[0] == ' '))
		text = str_slice(text, 1, text.n);
	int64_t total = 0;
	if (text.n == 0 || text.n > 64)
		return false;
	while (text.n > 0) {
		size_t digits = 0, letters = 0;
		while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
			digits++;
		while (digits + letters < text.n && text.p[digits + letters] >= 'a' && text.p[digits + letters] <= 'z')
			letters++;
		int64_t n, unit, part;
		if (!str_to_i64(str_slice(text, 0, digits), &n) || !unit_of(str_slice(text, digits, digits + letters), &unit) ||
		    __builtin_mul_overflow(n, unit, &part) || __builtin_add_overflow(total, part, &total) ||
		    total > 100 * 366 * 86400000LL)
			return false;
		text = str_slice(text, digits + letters, text.n);
	}
	ASSERT(total >= 0);
	*out = negative ? -total : total;
	return true;
}

static struct str offset_key(struct arena *a)
{
	struct key *k = arena_new_of(a, struct key);
	*k = key_new(a);
	key_str(key_str(k, S("_server")), S("clock"));
	return key_bytes(k);
}

static void keep_offset(struct call *c)
{
	int64_t ms = clock_offset_ms();
	txn_put(c->txn, offset_key(c->arena), str_of((const char *)&ms, sizeof ms));
}

/* The record is written by a call of the first service there is: the store has one writer, and this is the way to
 * it. */
void clock_turn_all(int64_t ms)
{
	int64_t was_ms = clock_offset_ms(), by_ms = clock_turn(ms) - was_ms;
	if (n_services > 0) {
		struct submit s = {.service = services[0], .run = keep_offset, .write = true};
		call_submit(&s);
	}
	loop_clock_turned(by_ms);
	executor_kick_jobs();
}

void clock_load(void)
{
	struct arena *a = arena_new(0);
	struct txn *t = store_read(service_store());
	struct str value;
	int64_t ms;
	if (txn_get(t, offset_key(a), a, &value) && value.n == sizeof ms) {
		memcpy(&ms, value.p, sizeof ms);
		clock_set_offset(ms);
	}
	txn_end(t);
	arena_free(a);
}
