/* XML 1.0 in (expat, bounded, no DTD, no external entities) and out (escaping writer).
 *
 * Elements keep their local name and namespace prefix apart; text is the concatenation of character data. */
#ifndef TSUBO_XML_H
#define TSUBO_XML_H

#include "base/buf.h"

struct xml_attr {
	struct str name; /* as written, prefix included: "xsi:type" */
	struct str value;
	struct xml_attr *next;
};

struct xml {
	struct str name; /* local name */
	struct str text; /* all character data directly inside, joined */
	struct xml_attr *attrs;
	struct xml *children, *last_child, *next;
};

/* The root element, or NULL with *why set to static text: malformed, a DOCTYPE, over 64 levels or 1,000,000 nodes. */
struct xml *xml_parse(struct arena *a, struct str text, const char **why);
struct xml *xml_child(const struct xml *x, struct str name); /* first by local name; x may be NULL */
struct str xml_child_text(const struct xml *x, struct str name); /* absent when there is no such child */
struct str xml_attr(const struct xml *x, struct str name);

/* Escaped character data ('&', '<', '>', CR) and attribute values (also '"', TAB, LF). */
void xml_write_text(struct buf *b, struct str s);
void xml_write_attr(struct buf *b, struct str s);
void xml_open(struct buf *b, struct str name);  /* <name> */
void xml_close(struct buf *b, struct str name); /* </name> */
void xml_leaf(struct buf *b, struct str name, struct str text); /* <name>text</name> */

#endif
