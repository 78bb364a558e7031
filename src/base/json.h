/* JSON: an arena parser, a tree, and a streaming writer (RFC 8259).
 *
 * Numbers are kept as text (DynamoDB has 38 digits). Strings are views into the input where they hold no
 * escape, so the input must outlive the tree. Invalid UTF-8, duplicate-free or not, depth over the limit,
 * trailing text: refused (duplicate keys are kept, the last one is found). A NULL struct json * means absent,
 * and every reader accepts it. */
#ifndef TSUBO_JSON_H
#define TSUBO_JSON_H

#include "base/buf.h"

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_member;

struct json {
	enum json_type type;
	uint32_t n, cap; /* of items or members */
#ifdef __SANITIZE_ADDRESS__
	struct { /* each has a place of its own: what is read as what it is not is NULL, and found */
#else
	union {
#endif
		struct str text; /* NUMBER: as written; STRING: unescaped */
		struct json *items;
		struct json_member *members;
	};
};

struct json_member {
	struct str key;
	struct json value;
};

struct json_error {
	size_t at;        /* offset of the byte that broke it */
	const char *what; /* static text */
};

enum { JSON_DEPTH_MAX = 128 };

/* The tree of the whole text, or NULL with *err set (err may be NULL). Depth at most JSON_DEPTH_MAX. */
struct json *json_parse(struct arena *a, struct str text, struct json_error *err);
/* The value that the text begins with; *used bytes of it. What follows is not looked at. */
struct json *json_parse_front(struct arena *a, struct str text, size_t *used, struct json_error *err);

/* Readers. `j` may be NULL or of another type: then NULL, absent, false or the default. */
struct json *json_get(const struct json *j, struct str key);
struct json *json_at(const struct json *j, size_t i);
/* Walk "a.b.c" through objects. */
struct json *json_path(const struct json *j, const char *path);
static inline bool json_is(const struct json *j, enum json_type t) { return j != NULL && j->type == t; }
struct str json_str(const struct json *j);                     /* STRING's text; else absent */
struct str json_get_str(const struct json *j, const char *key); /* the member's text when it is a string */
bool json_get_bool(const struct json *j, const char *key, bool otherwise);
int64_t json_get_i64(const struct json *j, const char *key, int64_t otherwise); /* also from "12" */
bool json_to_i64(const struct json *j, int64_t *out); /* NUMBER that is a whole number (1e3, 5.0 too) */
bool json_to_f64(const struct json *j, double *out);
bool json_to_bool(const struct json *j, bool *out);
/* Same type and value; object members in any order; numbers compared as numbers when their texts differ. */
bool json_equal(const struct json *a, const struct json *b);

/* Builders: everything in the arena; strings are not copied. */
struct json *json_new_object(struct arena *a);
struct json *json_new_array(struct arena *a);
struct json *json_new_str(struct arena *a, struct str s);
struct json *json_new_i64(struct arena *a, int64_t v);
struct json *json_new_f64(struct arena *a, double v);
struct json *json_new_number(struct arena *a, struct str text);
struct json *json_new_bool(struct arena *a, bool v);
struct json *json_new_null(struct arena *a);
/* Set (replace or append) a member / append an item; the value is copied shallowly into the parent. Returns the
 * place of the copy, so that nested containers can be filled afterwards: json_set(a, o, S("k"), json_new_array(a)).
 * The place is valid until the parent grows. */
struct json *json_set(struct arena *a, struct json *object, struct str key, const struct json *value);
/* Append a member whose name is known to be new, or may come twice (the last one is found): json_set looks through all. */
struct json *json_add(struct arena *a, struct json *object, struct str key, const struct json *value);
struct json *json_push(struct arena *a, struct json *array, const struct json *value);
bool json_unset(struct json *object, struct str key);
/* A deep copy that shares nothing with the input. */
struct json *json_copy(struct arena *a, const struct json *j);
#define json_set_str(a, o, key, s) json_set((a), (o), S(key), json_new_str((a), (s)))
#define json_set_i64(a, o, key, v) json_set((a), (o), S(key), json_new_i64((a), (v)))
#define json_set_bool(a, o, key, v) json_set((a), (o), S(key), json_new_bool((a), (v)))

/* Writing a tree. json_text: compact. json_text_sorted: members sorted by key, compact (for digests). */
void json_write(struct buf *b, const struct json *j);
struct str json_text(struct arena *a, const struct json *j);
struct str json_text_sorted(struct arena *a, const struct json *j);
struct str json_text_pretty(struct arena *a, const struct json *j);
/* A quoted, escaped string. */
void json_write_str(struct buf *b, struct str s);

/* Streaming writer: puts the commas. jw_key before each value inside an object. */
struct jw {
	struct buf *b;
	bool comma;
};
static inline void jw_init(struct jw *w, struct buf *b) { w->b = b; w->comma = false; }
void jw_begin_object(struct jw *w);
void jw_end_object(struct jw *w);
void jw_begin_array(struct jw *w);
void jw_end_array(struct jw *w);
void jw_key(struct jw *w, struct str key);
void jw_str(struct jw *w, struct str s);
void jw_i64(struct jw *w, int64_t v);
void jw_f64(struct jw *w, double v); /* shortest text that reads back the same; NaN and infinities as strings, as AWS JSON does */
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_raw(struct jw *w, struct str text); /* text that is JSON already */
void jw_tree(struct jw *w, const struct json *j);
#define jw_kv_str(w, key, s) (jw_key((w), S(key)), jw_str((w), (s)))
#define jw_kv_i64(w, key, v) (jw_key((w), S(key)), jw_i64((w), (v)))
#define jw_kv_bool(w, key, v) (jw_key((w), S(key)), jw_bool((w), (v)))

#endif
