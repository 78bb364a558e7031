/* A store in a directory of its own below /tmp, for the tests of this room. */
#ifndef TSUBO_STORE_TEST_H
#define TSUBO_STORE_TEST_H

#include "store/blob.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char test_dir[64];

static UNUSED void remove_tree(const char *dir)
{
	char command[256];
	(void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
}

static UNUSED int fresh_dir(void **state)
{
	(void)state;
	(void)snprintf(test_dir, sizeof test_dir, "/tmp/tsubo-test-XXXXXX");
	return mkdtemp(test_dir) != NULL ? 0 : -1;
}

static UNUSED int drop_dir(void **state)
{
	(void)state;
	remove_tree(test_dir);
	return 0;
}

static UNUSED struct store *must_open(void)
{
	char *why;
	struct store *s = store_open(test_dir, NULL, &why);
	if (s == NULL)
		fail_msg("%s", why);
	return s;
}

static UNUSED struct store *reopen(struct store *s)
{
	store_close(s);
	return must_open();
}

/* One group with one transaction. */
static UNUSED bool put_one(struct store *s, const char *key, const char *value)
{
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	if (value != NULL)
		txn_put(t, str_c(key), str_c(value));
	else
		txn_del(t, str_c(key));
	txn_keep(t);
	return store_group_commit(s);
}

/* The value, or "-" when there is none. */
static UNUSED const char *get_in(struct txn *t, const char *key)
{
	static char text[4][256];
	static unsigned turn;
	char *out = text[turn++ % 4];
	struct arena *a = arena_new(0);
	struct str v;
	(void)snprintf(out, sizeof text[0], "-");
	if (txn_get(t, str_c(key), a, &v))
		(void)snprintf(out, sizeof text[0], "%.*s", STR_ARG(v));
	arena_free(a);
	return out;
}

static UNUSED const char *get_one(struct store *s, const char *key)
{
	struct txn *t = store_read(s);
	const char *v = get_in(t, key);
	txn_end(t);
	return v;
}

/* "a=1 b=2" */
static UNUSED const char *scan_all(struct txn *t, struct str from, struct str to, bool reverse)
{
	static char out[4096];
	size_t n = 0;
	struct str k, v;
	struct scan *s = scan_open(t, from, to, reverse);
	out[0] = '\0';
	while (scan_next(s, &k, &v))
		n += (size_t)snprintf(out + n, sizeof out - n, "%s%.*s=%.*s", n > 0 ? " " : "", STR_ARG(k), STR_ARG(v));
	scan_close(s);
	return out;
}

#endif
