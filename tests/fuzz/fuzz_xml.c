/* Any bytes as XML: what parses is written, parsed again, and has the same names and text. */
#include "base/xml.h"

static void write_xml(struct buf *b, const struct xml *x)
{
	struct str name = arena_join(b->arena, S("x:"), x->name); /* what follows a colon need not be able to begin a name */
	xml_open(b, name);
	xml_write_text(b, x->text);
	for (const struct xml *c = x->children; c != NULL; c = c->next)
		write_xml(b, c);
	xml_close(b, name);
}

static void same(const struct xml *x, const struct xml *y)
{
	ASSERT(x != NULL && y != NULL && str_eq(x->name, y->name) && str_eq(x->text, y->text));
	const struct xml *d = y->children;
	for (const struct xml *c = x->children; c != NULL; c = c->next, d = d->next)
		same(c, d);
	ASSERT(d == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	const char *why = NULL;
	struct xml *x = xml_parse(a, str_of((const char *)data, size), &why);
	ASSERT((x == NULL) == (why != NULL));
	if (x != NULL) {
		struct buf b;
		buf_init(&b, a, 0);
		write_xml(&b, x);
		same(x, xml_parse(a, buf_view(&b), &why));
	}
	arena_free(a);
	return 0;
}
