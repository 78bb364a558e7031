/* Regular expressions over PCRE2, and globs. See pattern.h.
 *
 * Invariants: a pattern of the table is never freed, so a pointer to one is good for ever; one of an arena goes with it.
 * `lock` guards the table only. Each of a
 * pattern's two forms is compiled at its first use (most have one) and published by an atomic store: matching takes
 * no lock. Two forms, because PCRE2 leaves its compiled code when it is told to anchor at match time. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/map.h"
#include "base/pattern.h"

#include <pcre2.h>
#include <pthread.h>
#include <stdlib.h>

enum { MATCH_LIMIT = 1000000, DEPTH_LIMIT = 10000, HEAP_LIMIT_KIB = 16384, JIT_STACK_FIRST = 32 << 10, JIT_STACK_MOST = 16 << 20 };

struct pattern {
	struct str text;
	bool valid;
	pcre2_code *search, *whole; /* atomic; NULL: not yet */
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct map patterns; /* of struct pattern */
static size_t of_clients;   /* how many of them clients made up; under lock */

static pcre2_code *compile(struct str regex, uint32_t more)
{
	ASSERT(regex.p != NULL);
	int error;
	size_t at;
	const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_ALT_BSUX | PCRE2_NEVER_BACKSLASH_C;
	return pcre2_compile((const unsigned char *)regex.p, regex.n, options | more, &error, &at, NULL);
}

/* Make a pattern; one that does not compile is kept too, so that it is tried once. */
static struct pattern *pattern_new(struct str regex)
{
	struct pattern *p = calloc(1, sizeof *p);
	char *text = malloc(regex.n + 1);
	if (p == NULL || text == NULL)
		die("out of memory");
	if (regex.n > 0)
		memcpy(text, regex.p, regex.n);
	p->text = str_of(text, regex.n);
	pcre2_code *trial = compile(p->text, 0);
	p->valid = trial != NULL;
	pcre2_code_free(trial);
	return p;
}

static void pattern_free(void *arg)
{
	struct pattern *p = arg;
	pcre2_code_free(p->search);
	pcre2_code_free(p->whole);
	free((char *)(uintptr_t)p->text.p);
	free(p);
}

/* The pattern in the table, put there when it is not; NULL: a client's, and there is no room for more of those. */
static struct pattern *from_table(struct str regex, bool client)
{
	ASSERT(str_present(regex));
	pthread_rwlock_rdlock(&lock);
	struct pattern *p = map_get(&patterns, regex);
	bool room = !client || of_clients < PATTERNS_OF_CLIENTS;
	pthread_rwlock_unlock(&lock);
	if (p != NULL || !room)
		return p;
	pthread_rwlock_wrlock(&lock);
	p = map_get(&patterns, regex); /* another thread may have been here meanwhile, for this text or for the last place */
	if (p == NULL && (!client || of_clients < PATTERNS_OF_CLIENTS)) {
		p = pattern_new(regex);
		(void)map_put(&patterns, p->text, p);
		of_clients += client;
	}
	ASSERT(of_clients <= PATTERNS_OF_CLIENTS);
	pthread_rwlock_unlock(&lock);
	return p;
}

const struct pattern *pattern_get(struct str regex)
{
	struct pattern *p = from_table(regex, false);
	ASSERT(p != NULL);
	return p->valid ? p : NULL;
}

const struct pattern *pattern_of_client(struct arena *a, struct str regex)
{
	struct pattern *p = from_table(regex, true);
	if (p == NULL) {
		p = pattern_new(regex);
		arena_defer(a, pattern_free, p);
	}
	return p->valid ? p : NULL;
}

/* What a thread needs for matching. */
struct matcher {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack; /* the 32 KiB that compiled code takes of ours hold a group repeated some thousand times only */
};
static pthread_key_t matcher_key;

static void matcher_free(void *arg)
{
	struct matcher *m = arg;
	ASSERT(m != NULL);
	pcre2_match_data_free(m->data);
	pcre2_match_context_free(m->context);
	pcre2_jit_stack_free(m->stack);
	free(m);
}

static void make_key(void)
{
	if (pthread_key_create(&matcher_key, matcher_free) != 0)
		die("no thread-specific storage");
}

/* Made at a thread's first match and freed with the thread. */
static struct matcher *matcher_get(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, make_key);
	struct matcher *m = pthread_getspecific(matcher_key);
	if (m != NULL)
		return m;
	m = malloc(sizeof *m);
	if (m == NULL)
		die("out of memory");
	m->data = pcre2_match_data_create(1, NULL);
	m->context = pcre2_match_context_create(NULL);
	m->stack = pcre2_jit_stack_create(JIT_STACK_FIRST, JIT_STACK_MOST, NULL); /* grows as it is needed */
	if (m->data == NULL || m->context == NULL || m->stack == NULL)
		die("out of memory");
	pcre2_jit_stack_assign(m->context, NULL, m->stack);
	pcre2_set_match_limit(m->context, MATCH_LIMIT);
	pcre2_set_depth_limit(m->context, DEPTH_LIMIT);
	pcre2_set_heap_limit(m->context, HEAP_LIMIT_KIB);
	if (pthread_setspecific(matcher_key, m) != 0)
		die("no thread-specific storage");
	return m;
}

/* Errors (limits, invalid UTF-8) are no match: the text does not have the form that was asked for, as far as
 * anyone could tell. */
static bool match(const pcre2_code *code, struct str s)
{
	ASSERT(code != NULL);
	struct matcher *m = matcher_get();
	const unsigned char *subject = (const unsigned char *)(s.p != NULL ? s.p : "");
	return pcre2_match(code, subject, s.n, 0, 0, m->data, m->context) >= 0;
}

/* The compiled form at `slot`, made when it is not there; `more` are its options. Of two threads that make it, one wins. */
static pcre2_code *form(const struct pattern *p, pcre2_code *const *slot, uint32_t more)
{
	pcre2_code *code = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
	if (LIKELY(code != NULL))
		return code;
	pcre2_code *fresh = compile(p->text, more);
	ASSERT(fresh != NULL);
	(void)pcre2_jit_compile(fresh, PCRE2_JIT_COMPLETE); /* without: interpreted */
	if (__atomic_compare_exchange_n((pcre2_code **)(uintptr_t)slot, &code, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return fresh;
	pcre2_code_free(fresh);
	return code;
}

bool pattern_search(const struct pattern *p, struct str s)
{
	ASSERT(p != NULL && p->valid);
	return match(form(p, &p->search, 0), s);
}

bool pattern_matches(const struct pattern *p, struct str s)
{
	ASSERT(p != NULL && p->valid);
	return match(form(p, &p->whole, PCRE2_ANCHORED | PCRE2_ENDANCHORED), s);
}

/* Only the newest '*' need ever be given another byte: what an older one could gain, the newest can too. */
bool glob_match(struct str glob, struct str s)
{
	size_t g = 0, i = 0, star = SIZE_MAX, from = 0;
	while (i < s.n) {
		if (g < glob.n && glob.p[g] == '*') {
			star = g++;
			from = i;
		} else if (g < glob.n && (glob.p[g] == '?' || glob.p[g] == s.p[i])) {
			g++;
			i++;
		} else if (star != SIZE_MAX) {
			g = star + 1;
			i = ++from;
		} else {
			return false;
		}
	}
	while (g < glob.n && glob.p[g] == '*')
		g++;
	ASSERT(g <= glob.n);
	return g == glob.n;
}
