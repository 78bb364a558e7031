/* Projection expressions, and paths on items.
 *
 *   projection = path {',' path} */
#include "expr_parse.h"

bool expr_parse_projection(struct expr_context *x, struct str text, struct projection *out)
{
	ASSERT(x->arena != NULL && x->fault != NULL);
	static const enum mistake order[] = {MISTAKE_RESERVED, MISTAKE_NAME, MISTAKE_LIMIT, MISTAKE_OVERLAP, MISTAKE_CONFLICT,
	                                     N_MISTAKES};
	struct parser p;
	*out = (struct projection){0};
	if (!parser_start(&p, x, "ProjectionExpression", text))
		return false;
	for (bool more = true; more && !p.broken;) {
		struct path path;
		if (!parse_path(&p, &path))
			break;
		parser_check_overlap(&p, out->paths, out->n, &path);
		out->paths = arena_grow(x->arena, out->paths, sizeof path, out->n, out->n + 1);
		out->paths[out->n++] = path;
		more = token_is(&p.t, ",");
		if (more)
			parser_advance(&p);
	}
	return parser_finish(&p, order);
}

struct av *path_resolve(const struct path *p, const struct av *item)
{
	ASSERT(p->n > 0 && !p->parts[0].is_index);
	struct av *v = av_get(item, p->parts[0].name);
	for (uint32_t i = 1; i < p->n && v != NULL; i++) {
		const struct path_part *part = &p->parts[i];
		if (!part->is_index)
			v = av_get(v, part->name);
		else
			v = v->type == AV_L && part->index < v->n ? &v->items[part->index] : NULL;
	}
	return v;
}

/* The tree of what is picked: a node's children by name, or by growing index (what is picked of a list keeps its
 * order, not its positions). */
struct pick {
	struct str name;
	uint32_t index;
	bool is_index, whole;
	const struct av *from;
	struct pick *children, *next;
};

static struct pick *child_of(struct arena *a, struct pick *parent, const struct path_part *part, const struct av *from)
{
	ASSERT(parent != NULL);
	struct pick **at = &parent->children;
	for (; *at != NULL; at = &(*at)->next) {
		struct pick *c = *at;
		if (part->is_index ? c->index == part->index : str_eq(c->name, part->name))
			return c;
		if (part->is_index && c->index > part->index)
			break;
	}
	struct pick *fresh = arena_new_of(a, struct pick);
	*fresh = (struct pick){.name = part->name, .index = part->index, .is_index = part->is_index, .from = from, .next = *at};
	*at = fresh;
	return fresh;
}

static void pick_path(struct arena *a, struct pick *root, const struct path *p, const struct av *item)
{
	ASSERT(p->n > 0);
	if (path_resolve(p, item) == NULL)
		return;
	struct pick *node = root;
	for (uint32_t i = 0; i < p->n; i++) {
		const struct path up_to = {p->parts, i + 1};
		node = child_of(a, node, &p->parts[i], path_resolve(&up_to, item));
	}
	node->whole = true;
}

static struct av picked_value(struct arena *a, const struct pick *node)
{
	if (node->whole)
		return *node->from;
	struct av v = {.type = node->from != NULL ? node->from->type : AV_M};
	uint32_t n = 0;
	for (const struct pick *c = node->children; c != NULL; c = c->next)
		n++;
	if (v.type == AV_L) {
		v.items = arena_array(a, struct av, n);
		for (const struct pick *c = node->children; c != NULL; c = c->next)
			v.items[v.n++] = picked_value(a, c);
		return v;
	}
	ASSERT(v.type == AV_M);
	for (const struct pick *c = node->children; c != NULL; c = c->next) {
		struct av child = picked_value(a, c);
		av_set(a, &v, c->name, &child);
	}
	return v;
}

struct av projection_apply(struct arena *a, const struct projection *p, const struct av *item)
{
	struct pick root = {0};
	for (uint32_t i = 0; i < p->n; i++)
		pick_path(a, &root, &p->paths[i], item);
	return picked_value(a, &root);
}
