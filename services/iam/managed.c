/* AWS's own managed policies, from managed.json (see README.md for its source), read once when first asked for.
 *
 * What always holds: after that the table is constant, so any thread may read it; parsed documents are kept beside it,
 * each put there once. */
#include "iam.h"

#include "base/time.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The file's bytes in the program: relative to the root of the tree, where the build runs. */
__asm__(".section .rodata\n"
        ".globl iam_managed_json\niam_managed_json:\n.incbin \"services/iam/managed.json\"\n"
        ".globl iam_managed_json_end\niam_managed_json_end:\n.byte 0\n.previous\n");
extern const char iam_managed_json[], iam_managed_json_end[];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct aws_policy *table;
static size_t table_n;
static _Atomic(struct policy *) *parsed;
static pthread_mutex_t parsing = PTHREAD_MUTEX_INITIALIZER;
static struct arena *parsed_arena;

static int by_arn(const void *x, const void *y)
{
	return str_cmp(((const struct aws_policy *)x)->arn, ((const struct aws_policy *)y)->arn);
}

/* ANPA and 17 letters that the ARN decides: AWS's data does not tell the true ones. */
static struct str id_of(struct arena *a, struct str arn)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	struct sha256 d = sha256(arn);
	char *id = arena_bytes(a, 21);
	memcpy(id, "ANPA", 4);
	for (size_t i = 0; i < 17; i++)
		id[4 + i] = letters[d.b[i] & 31];
	return str_of(id, 21);
}

static void load(void)
{
	struct arena *a = arena_new(1 << 16); /* for ever */
	struct json *all = json_parse(a, str_of(iam_managed_json, (size_t)(iam_managed_json_end - iam_managed_json)), NULL);
	ASSERT(json_is(all, JSON_ARRAY));
	table = arena_array(a, struct aws_policy, all->n);
	for (uint32_t i = 0; i < all->n; i++) {
		struct json *j = &all->items[i];
		struct aws_policy *p = &table[table_n++];
		p->arn = json_get_str(j, "arn");
		p->version = json_get_str(j, "version");
		struct str rest = str_slice(p->arn, sizeof "arn:aws:iam::aws:policy" - 1, p->arn.n);
		ptrdiff_t slash = str_rfind(rest, '/');
		ASSERT(slash >= 0);
		p->name = str_slice(rest, (size_t)slash + 1, rest.n);
		p->path = str_slice(rest, 0, (size_t)slash + 1);
		p->id = id_of(a, p->arn);
		p->document = json_text(a, json_get(j, S("document")));
		bool ok = time_parse_iso8601(json_get_str(j, "created"), &p->created_ms) && time_parse_iso8601(json_get_str(j, "updated"), &p->updated_ms);
		ASSERT(ok);
	}
	qsort(table, table_n, sizeof *table, by_arn);
	for (size_t i = 0; i < table_n; i++)
		table[i].number = i;
	parsed = arena_alloc_array(a, sizeof *parsed, table_n);
	parsed_arena = a;
}

const struct aws_policy *aws_policies(size_t *n)
{
	pthread_once(&once, load);
	*n = table_n;
	return table;
}

const struct aws_policy *aws_policy_find(struct str arn)
{
	if (!str_starts(arn, S("arn:aws:iam::aws:policy/")))
		return NULL;
	pthread_once(&once, load);
	const struct aws_policy wanted = {.arn = arn};
	return bsearch(&wanted, table, table_n, sizeof *table, by_arn);
}

struct policy *aws_policy_parsed(const struct aws_policy *p)
{
	ASSERT(p->number < table_n && p == &table[p->number]);
	struct policy *got = atomic_load(&parsed[p->number]);
	if (got != NULL)
		return got;
	pthread_mutex_lock(&parsing);
	got = atomic_load(&parsed[p->number]);
	if (got == NULL) {
		struct str why;
		got = policy_parse(parsed_arena, p->document, POLICY_IDENTITY, &why);
		ASSERT(got != NULL); /* test_iam.py attaches them all */
		atomic_store(&parsed[p->number], got);
	}
	pthread_mutex_unlock(&parsing);
	return got;
}
