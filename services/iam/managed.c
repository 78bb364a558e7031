/* AWS's own managed policies: managed.json, the common ones, read when first asked for; managed_rest.json.gz, all others,
 * read when a policy is not among those or all are listed. README.md tells their source, fetch_managed makes them.
 *
 * What always holds: a table is constant once it is read, so any thread may use it; parsed documents are kept beside it,
 * each put there once. The files have one policy a line, its members in one order, as fetch_managed writes them. */
#include "iam.h"

#include "base/time.h"

#include <libdeflate.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The files' bytes in the program: relative to the root of the tree, where the build runs. */
__asm__(".section .rodata\n"
        ".globl iam_managed\niam_managed:\n.incbin \"services/iam/managed.json\"\n"
        ".globl iam_managed_end\niam_managed_end:\n.byte 0\n"
        ".globl iam_managed_rest\niam_managed_rest:\n.incbin \"services/iam/managed_rest.json.gz\"\n"
        ".globl iam_managed_rest_end\niam_managed_rest_end:\n.byte 0\n.previous\n");
extern const char iam_managed[], iam_managed_end[], iam_managed_rest[], iam_managed_rest_end[];

struct table { struct aws_policy *v; size_t n; struct arena *memory; };

static pthread_once_t common_once = PTHREAD_ONCE_INIT, rest_once = PTHREAD_ONCE_INIT, all_once = PTHREAD_ONCE_INIT;
static struct table common, rest, all;

static pthread_mutex_t parsing = PTHREAD_MUTEX_INITIALIZER;
static struct arena *parsed_arena; /* for ever; behind the mutex */

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

/* Cut the next member's value off a line: after "name":" up to the quote. */
static struct str member(struct str *line, const char *name)
{
	size_t skip = strlen(name) + 5; /* a brace or comma, the name quoted, a colon, a quote */
	ASSERT(line->n > skip && memcmp(line->p + 2, name, strlen(name)) == 0);
	*line = str_slice(*line, skip, line->n);
	struct str value = str_cut(line, '"');
	ASSERT(str_present(*line));
	return value;
}

static void read_line(struct arena *a, struct str line, struct aws_policy *p)
{
	p->arn = member(&line, "arn");
	p->version = member(&line, "version");
	struct str created = member(&line, "created"), updated = member(&line, "updated"), start = S(",\"document\":");
	ASSERT(str_starts(line, start) && str_ends(line, S("}}")));
	p->document = str_slice(line, start.n, line.n - 1);
	struct str path = str_slice(p->arn, sizeof "arn:aws:iam::aws:policy" - 1, p->arn.n);
	ptrdiff_t slash = str_rfind(path, '/');
	ASSERT(slash >= 0);
	p->name = str_slice(path, (size_t)slash + 1, path.n);
	p->path = str_slice(path, 0, (size_t)slash + 1);
	p->id = id_of(a, p->arn);
	p->parsed = arena_alloc(a, sizeof *p->parsed);
	bool ok = time_parse_iso8601(created, &p->created_ms) && time_parse_iso8601(updated, &p->updated_ms);
	ASSERT(ok);
}

static struct table read_table(struct str text)
{
	struct arena *a = arena_new(1 << 16); /* for ever */
	struct table t = {NULL, 0, a};
	size_t lines = 0;
	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	t.v = arena_array(a, struct aws_policy, lines);
	for (struct str more = text; str_present(more);) {
		struct str line = str_cut(&more, '\n');
		if (str_ends(line, S(",")))
			line.n--;
		if (str_starts(line, S("{")))
			read_line(a, line, &t.v[t.n++]);
	}
	ASSERT(t.n > 0 && t.n < lines);
	qsort(t.v, t.n, sizeof *t.v, by_arn);
	return t;
}

static void load_common(void) { common = read_table(str_of(iam_managed, (size_t)(iam_managed_end - iam_managed))); }

static void load_rest(void)
{
	size_t size = (size_t)(iam_managed_rest_end - iam_managed_rest), got = 0;
	uint32_t expanded;
	memcpy(&expanded, iam_managed_rest + size - sizeof expanded, sizeof expanded); /* gzip ends with it */
	char *text = malloc(expanded); /* for ever */
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	if (text == NULL || d == NULL)
		die("out of memory for the managed policies");
	enum libdeflate_result r = libdeflate_gzip_decompress(d, iam_managed_rest, size, text, expanded, &got);
	ASSERT(r == LIBDEFLATE_SUCCESS && got == expanded);
	libdeflate_free_decompressor(d);
	rest = read_table(str_of(text, expanded));
}

static void load_all(void)
{
	pthread_once(&common_once, load_common);
	pthread_once(&rest_once, load_rest);
	all.n = common.n + rest.n;
	all.v = calloc(all.n, sizeof *all.v);
	if (all.v == NULL)
		die("out of memory for the managed policies");
	memcpy(all.v, common.v, common.n * sizeof *common.v);
	memcpy(all.v + common.n, rest.v, rest.n * sizeof *rest.v);
	qsort(all.v, all.n, sizeof *all.v, by_arn);
}

const struct aws_policy *aws_policies(size_t *n)
{
	pthread_once(&all_once, load_all);
	*n = all.n;
	return all.v;
}

const struct aws_policy *aws_policy_find(struct str arn)
{
	if (!str_starts(arn, S("arn:aws:iam::aws:policy/")))
		return NULL;
	const struct aws_policy wanted = {.arn = arn}, *found;
	pthread_once(&common_once, load_common);
	found = bsearch(&wanted, common.v, common.n, sizeof *common.v, by_arn);
	if (found != NULL)
		return found;
	pthread_once(&rest_once, load_rest);
	return bsearch(&wanted, rest.v, rest.n, sizeof *rest.v, by_arn);
}

struct policy *aws_policy_parsed(const struct aws_policy *p)
{
	struct policy *got = atomic_load(p->parsed);
	if (got != NULL)
		return got;
	pthread_mutex_lock(&parsing);
	got = atomic_load(p->parsed);
	if (got == NULL) {
		struct str why;
		if (parsed_arena == NULL)
			parsed_arena = arena_new(1 << 16);
		got = policy_parse(parsed_arena, p->document, POLICY_IDENTITY, &why);
		ASSERT(got != NULL); /* test_policies_of_aws.c parses them all */
		atomic_store(p->parsed, got);
	}
	pthread_mutex_unlock(&parsing);
	return got;
}
