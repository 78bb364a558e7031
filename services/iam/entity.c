/* Users, roles, groups, instance profiles: their records, names, ARNs and ids.
 *
 * What always holds: names are unique in their kind without regard to case, and are found only as written. A record is
 * changed by reading it, changing it and putting it back in one transaction. */
#include "iam.h"

#include "base/time.h"
#include "os/os.h"
#include "svc/arn.h"
#include "svc/page.h"
#include "svc/tags.h"

enum { PAGE_DEFAULT = 100, PAGE_MAX = 1000 };

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
	ASSERT(str_present(name));
	return key_str(entity_table(c, kind), arena_lower(c->arena, name));
}

void fail_no_such(struct call *c, enum kind kind, struct str name)
{
	if (kind == KIND_PROFILE)
		call_fail(c, &iam_err_NoSuchEntityException, "Instance Profile %.*s cannot be found.", STR_ARG(name));
	else
		call_fail(c, &iam_err_NoSuchEntityException, "The %s with name %.*s cannot be found.", kinds[kind].word, STR_ARG(name));
}

/* Is the name another's, in whatever case? `self` keeps its own: a rename may change the case alone. */
static bool name_taken(struct call *c, enum kind kind, struct str name, struct str self)
{
	if (str_present(self) && str_eq_nocase(name, self))
		return false;
	if (!txn_has(c->txn, key_bytes(entity_key(c, kind, name))))
		return false;
	if (kind == KIND_PROFILE)
		call_fail(c, &iam_err_EntityAlreadyExistsException, "Instance Profile %.*s already exists.", STR_ARG(name));
	else
		call_fail(c, &iam_err_EntityAlreadyExistsException, "%s with name %.*s already exists.", kinds[kind].title, STR_ARG(name));
	return true;
}

bool entity_rename(struct call *c, enum kind kind, struct iam_Entity *e, struct str name)
{
	ASSERT(kind == KIND_USER || kind == KIND_GROUP); /* nothing else can be renamed */
	if (name_taken(c, kind, name, e->Name))
		return false;
	entity_del(c, kind, e->Name);
	e->Name = name;
	return true;
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
	if (name_taken(c, kind, name, STR_NONE))
		return NULL;
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
	bool inside = false, escaped = false;
	for (size_t i = 0; i < document.n; i++) {
		char ch = document.p[i];
		if (ch == '"' && !escaped)
			inside = !inside;
		escaped = inside && ch == '\\' && !escaped;
		n += inside || !(ch == ' ' || ch == '\n' || ch == '\t' || ch == '\r');
	}
	ASSERT(n <= document.n);
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
	const struct tags_rules rules = {.max = TAGS_OF_RESOURCE, .nocase = true, .reserved = c->parent != NULL};
	struct tags have = TAGS_OF(*into, struct iam_Tag), more = TAGS_OF(tags, struct iam_Tag);
	switch (tags_put(c->arena, &have, more, &rules)) {
	case TAGS_OK:
		*into = (struct list){have.v, have.n, into->set || have.n > 0};
		return true;
	case TAGS_RESERVED:
		call_fail(c, &iam_err_InvalidInputException, "The provided Tag key %.*s uses a reserved prefix: aws:", STR_ARG(tags_culprit(more, &rules)));
		return false;
	case TAGS_TWICE:
		call_fail(c, &iam_err_InvalidInputException, "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
		return false;
	case TAGS_TOO_MANY:
		call_fail(c, &iam_err_LimitExceededException, "Cannot exceed quota for TagsPer%s: %d", word, TAGS_OF_RESOURCE);
		return false;
	}
	return false;
}

void tags_remove(struct list *from, struct list keys)
{
	struct tags have = TAGS_OF(*from, struct iam_Tag);
	tags_drop(&have, &keys, true);
	from->n = have.n;
}

/* ---- pages ---- */

bool page_open(struct call *c, struct str marker, struct opt_i64 max_items, struct page *p)
{
	*p = (struct page){.max = max_items.set ? (size_t)max_items.v : PAGE_DEFAULT};
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

void page_part(struct page *p, struct list *l, size_t item_size)
{
	ASSERT(p->taken <= p->max && (l->n == 0 || l->v != NULL));
	size_t skip = p->seen < p->start ? p->start - p->seen : 0, from = skip < l->n ? skip : l->n;
	size_t left = l->n - from, room = p->max - p->taken, n = left < room ? left : room;
	p->seen += l->n;
	p->taken += n;
	p->more |= n < left;
	*l = (struct list){from > 0 ? (char *)l->v + from * item_size : l->v, (uint32_t)n, true};
}

void page_close(struct call *c, const struct page *p, struct opt_bool *truncated, struct str *marker)
{
	ASSERT(p->taken <= p->max && p->taken <= p->seen);
	*truncated = SOME_BOOL(p->more);
	if (p->more)
		*marker = page_token(c->arena, arena_printf(c->arena, "%zu", p->start + p->taken));
}

struct list page_cut(struct call *c, struct page p, struct list all, size_t item_size, struct opt_bool *truncated, struct str *marker)
{
	page_part(&p, &all, item_size);
	page_close(c, &p, truncated, marker);
	return all;
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
