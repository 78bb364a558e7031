/* Users, roles, groups, instance profiles: their records, names, ARNs and ids.
 *
 * What always holds: names are unique in their kind without regard to case, and are found only as written. A record is
 * changed by reading it, changing it and putting it back in one transaction. */
#include "iam.h"

#include "base/time.h"
#include "os/os.h"
#include "svc/arn.h"
#include "svc/page.h"

enum { TAGS_MAX = 50, PAGE_DEFAULT = 100, PAGE_MAX = 1000 };

static const struct { const char *table, *word, *title, *prefix; } kinds[] = {
	[KIND_USER] = {"user", "user", "User", "AIDA"},
	[KIND_ROLE] = {"role", "role", "Role", "AROA"},
	[KIND_GROUP] = {"group", "group", "Group", "AGPA"},
	[KIND_PROFILE] = {"profile", "instance-profile", "Instance Profile", "AIPA"},
	[KIND_ROOT] = {"root", "root", "Root", "ACCO"},
};

const char *kind_word(enum kind kind) { return kinds[kind].word; }

struct str made_id(struct arena *a, const char *prefix)
{
	char *id = arena_bytes(a, 21);
	memcpy(id, prefix, 4);
	random_upper(id + 4, 17);
	return str_of(id, 21);
}

struct key *entity_table(struct call *c, enum kind kind) { return call_key(c, kinds[kind].table); }

static struct key *entity_key(struct call *c, enum kind kind, struct str name)
{
	char *lower = arena_bytes(c->arena, name.n + 1);
	for (size_t i = 0; i < name.n; i++)
		lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
	return key_str(entity_table(c, kind), str_of(lower, name.n));
}

void fail_no_such(struct call *c, enum kind kind, struct str name)
{
	if (kind == KIND_PROFILE)
		call_fail(c, &iam_err_NoSuchEntityException, "Instance Profile %.*s cannot be found.", STR_ARG(name));
	else
		call_fail(c, &iam_err_NoSuchEntityException, "The %s with name %.*s cannot be found.", kinds[kind].word, STR_ARG(name));
}

struct iam_Entity *entity_find(struct call *c, enum kind kind, struct str name)
{
	if (!str_present(name))
		return NULL;
	struct iam_Entity *e = call_get(c, entity_key(c, kind, name), &iam_shape_Entity);
	return e != NULL && str_eq(e->Name, name) ? e : NULL;
}

struct iam_Entity *entity_get(struct call *c, enum kind kind, struct str name)
{
	struct iam_Entity *e = entity_find(c, kind, name);
	if (e == NULL)
		fail_no_such(c, kind, name);
	return e;
}

void entity_put(struct call *c, enum kind kind, const struct iam_Entity *e)
{
	ASSERT(str_present(e->Name) && str_present(e->Id) && e->Created.set);
	ASSERT(kind != KIND_ROLE || str_present(e->Trust));
	call_put(c, entity_key(c, kind, e->Name), &iam_shape_Entity, e);
}

void entity_del(struct call *c, enum kind kind, struct str name) { call_del(c, entity_key(c, kind, name)); }

struct iam_Entity *entity_new(struct call *c, enum kind kind, struct str name, struct str path, struct list tags)
{
	if (call_get(c, entity_key(c, kind, name), &iam_shape_Entity) != NULL) {
		if (kind == KIND_PROFILE)
			call_fail(c, &iam_err_EntityAlreadyExistsException, "Instance Profile %.*s already exists.", STR_ARG(name));
		else
			call_fail(c, &iam_err_EntityAlreadyExistsException, "%s with name %.*s already exists.", kinds[kind].title, STR_ARG(name));
		return NULL;
	}
	struct iam_Entity *e = arena_new_of(c->arena, struct iam_Entity);
	e->Name = name;
	e->Path = str_present(path) ? path : S("/");
	e->Id = made_id(c->arena, kinds[kind].prefix);
	e->Created = SOME_TIME(c->now_ms / 1000 * 1000);
	return tags_merge(c, &e->Labels, tags, kinds[kind].title) ? e : NULL;
}

struct str entity_arn(struct call *c, enum kind kind, const struct iam_Entity *e)
{
	ASSERT(str_starts(e->Path, S("/")) && str_ends(e->Path, S("/")));
	if (kind == KIND_ROOT)
		return arena_printf(c->arena, "arn:aws:iam::%.*s:root", STR_ARG(c->account));
	return arena_printf(c->arena, "arn:aws:iam::%.*s:%s%.*s%.*s", STR_ARG(c->account), kinds[kind].word, STR_ARG(e->Path), STR_ARG(e->Name));
}

/* ---- documents ---- */

struct str document_out(struct call *c, struct str document)
{
	return str_present(document) ? uri_encode(c->arena, document, false) : STR_NONE;
}

bool document_ok(struct call *c, struct str document, enum policy_kind kind)
{
	struct str why;
	if (policy_parse(c->arena, document, kind, &why) != NULL)
		return true;
	call_fail(c, &iam_err_MalformedPolicyDocumentException, "%.*s", STR_ARG(why));
	return false;
}

size_t document_size(struct str document)
{
	size_t n = 0;
	ASSERT(str_present(document));
	bool inside = false;
	for (size_t i = 0; i < document.n; i++) {
		char ch = document.p[i];
		if (ch == '"' && (i == 0 || document.p[i - 1] != '\\'))
			inside = !inside;
		n += inside || !(ch == ' ' || ch == '\n' || ch == '\t' || ch == '\r');
	}
	return n;
}

/* ---- lists of texts ---- */

void texts_add(struct arena *a, struct list *l, struct str s)
{
	l->v = arena_grow(a, l->v, sizeof(struct str), l->n, l->n + 1);
	((struct str *)l->v)[l->n++] = s;
	l->set = true;
}

bool texts_have(const struct list *l, struct str s)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (str_eq(*LIST_AT(*l, struct str, i), s))
			return true;
	return false;
}

bool texts_remove(struct list *l, struct str s)
{
	struct str *v = l->v;
	for (uint32_t i = 0; i < l->n; i++) {
		if (!str_eq(v[i], s))
			continue;
		memmove(v + i, v + i + 1, (l->n - i - 1) * sizeof *v);
		l->n--;
		return true;
	}
	return false;
}

/* ---- tags ---- */

bool tags_merge(struct call *c, struct list *into, struct list tags, const char *word)
{
	for (uint32_t i = 0; i < tags.n; i++) {
		const struct iam_Tag *t = LIST_AT(tags, struct iam_Tag, i);
		if (str_starts_nocase(t->Key, S("aws:")) && c->parent == NULL) {
			call_fail(c, &iam_err_InvalidInputException, "The provided Tag key %.*s uses a reserved prefix: aws:", STR_ARG(t->Key));
			return false;
		}
		struct iam_Tag *v = into->v;
		uint32_t at = 0;
		while (at < into->n && !str_eq_nocase(v[at].Key, t->Key))
			at++;
		if (at == into->n) {
			v = into->v = arena_grow(c->arena, v, sizeof *v, into->n, into->n + 1);
			into->n++;
			into->set = true;
		}
		v[at] = *t;
	}
	if (into->n <= TAGS_MAX)
		return true;
	call_fail(c, &iam_err_LimitExceededException, "Cannot exceed quota for TagsPer%s: %d", word, TAGS_MAX);
	return false;
}

void tags_remove(struct list *from, struct list keys)
{
	struct iam_Tag *v = from->v;
	uint32_t n = 0;
	ASSERT(from->n == 0 || v != NULL);
	for (uint32_t i = 0; i < from->n; i++)
		if (!texts_have(&keys, v[i].Key))
			v[n++] = v[i];
	from->n = n;
}

/* ---- pages ---- */

bool page_open(struct call *c, struct str marker, struct opt_i64 max_items, struct page *p)
{
	p->max = max_items.set ? (size_t)max_items.v : PAGE_DEFAULT;
	p->start = 0;
	ASSERT(p->max >= 1 && p->max <= PAGE_MAX);
	uint64_t start = 0;
	if (!page_position(c->arena, marker, &p->after)) {
		call_fail_code(c, 400, "ValidationError", "Invalid Marker.");
		return false;
	}
	if (str_present(p->after) && str_to_u64(p->after, &start))
		p->start = (size_t)start;
	return true;
}

struct list page_cut(struct call *c, struct page p, struct list all, size_t item_size, struct opt_bool *truncated, struct str *marker)
{
	size_t from = p.start < all.n ? p.start : all.n, n = all.n - from;
	ASSERT(all.n == 0 || all.v != NULL);
	*truncated = SOME_BOOL(n > p.max);
	if (n > p.max) {
		n = p.max;
		*marker = page_token(c->arena, arena_printf(c->arena, "%zu", from + n));
	}
	return (struct list){all.n > 0 ? (char *)all.v + from * item_size : arena_alloc(c->arena, 1), (uint32_t)n, true};
}

bool entity_page(struct call *c, enum kind kind, struct str path_prefix, struct str marker, struct opt_i64 max_items,
                 visit_fn visit, void *arg, struct opt_bool *truncated, struct str *next_marker)
{
	struct page p;
	if (!page_open(c, marker, max_items, &p))
		return false;
	struct scan *s = call_scan(c, entity_table(c, kind), p.after, false);
	ASSERT(p.max > 0);
	struct str key, value, last = STR_NONE;
	*truncated = SOME_BOOL(false);
	for (size_t n = 0; scan_next(s, &key, &value);) {
		const struct iam_Entity *e = record_decode(c, &iam_shape_Entity, value);
		if (!str_starts(e->Path, path_prefix))
			continue;
		if (n++ == p.max) {
			*truncated = SOME_BOOL(true);
			*next_marker = page_token(c->arena, last);
			break;
		}
		visit(c, e, arg);
		last = arena_dup(c->arena, key);
	}
	scan_close(s);
	return true;
}

void entity_each(struct call *c, enum kind kind, visit_fn visit, void *arg)
{
	struct scan *s = call_scan(c, entity_table(c, kind), STR_NONE, false);
	struct str key, value;
	while (scan_next(s, &key, &value))
		visit(c, record_decode(c, &iam_shape_Entity, value), arg);
	scan_close(s);
}
