/* YAML documents as struct json trees: YAML 1.1 core schema, aliases, merge keys. One document, block or flow.
 *
 * Numbers and words that YAML 1.1 reads as numbers, booleans and null become those; dates stay text. */
#ifndef TSUBO_YAML_H
#define TSUBO_YAML_H

#include "base/json.h"

enum { YAML_NODES_MAX = 200000, YAML_DEPTH_MAX = 100, YAML_MEMBERS_MAX = 20000 };

/* What *why says of a document without a value. */
#define YAML_EMPTY "the document is empty."

/* The tree, in the arena, or NULL with a sentence that names line and column in *why. `tagged` is asked what a value with
 * a tag that is not YAML's own ("!Ref") stands for; it answers NULL for one it does not know, which fails the parse.
 * NULL for tagged: no such tags. */
struct json *yaml_parse(struct arena *a, struct str text, struct json *(*tagged)(struct arena *a, struct str tag, struct json *value),
                        struct str *why);

#endif
