/* Unpacking zips: what is made, and what is refused. Source: APPNOTE.TXT 6.3 for the format. */
#include "../lambda.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct file { const char *name, *text; uint32_t mode; uint32_t claimed; };

static void le(struct buf *b, uint64_t v, int n)
{
	for (int i = 0; i < n; i++)
		buf_putc(b, (char)(v >> (8 * i) & 0xff));
}

static void common(struct buf *b, const struct file *f)
{
	size_t n = strlen(f->text);
	le(b, 20, 2);
	le(b, 0, 8); /* flags, method, time, date */
	le(b, crc32_ieee(0, str_c(f->text)), 4);
	le(b, n, 4);
	le(b, f->claimed > 0 ? f->claimed : n, 4);
	le(b, strlen(f->name), 2);
	le(b, 0, 2);
}

static struct str zip_of(struct arena *a, const struct file *files, size_t n)
{
	struct buf b, central;
	buf_init(&b, a, 0);
	buf_init(&central, a, 0);
	for (size_t i = 0; i < n; i++) {
		size_t at = b.n;
		le(&b, 0x04034b50, 4);
		common(&b, &files[i]);
		buf_str(&b, str_c(files[i].name));
		buf_str(&b, str_c(files[i].text));
		le(&central, 0x02014b50, 4);
		le(&central, 3 << 8 | 20, 2);
		common(&central, &files[i]);
		le(&central, 0, 6); /* comment length, disk, internal attributes */
		le(&central, (uint64_t)files[i].mode << 16, 4);
		le(&central, at, 4);
		buf_str(&central, str_c(files[i].name));
	}
	size_t at = b.n;
	buf_str(&b, buf_view(&central));
	le(&b, 0x06054b50, 4);
	le(&b, 0, 4);
	le(&b, n, 2);
	le(&b, n, 2);
	le(&b, central.n, 4);
	le(&b, at, 4);
	le(&b, 0, 2);
	return buf_view(&b);
}

static char dir[64], why[200];

static int set_up(void **state)
{
	*state = arena_new(0);
	snprintf(dir, sizeof dir, "/tmp/tsubo-zip-XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int tear_down(void **state)
{
	char command[100];
	arena_free(*state);
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	return system(command);
}

static void content_is(const char *name, const char *text)
{
	char path[200], got[200] = "";
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	(void)!fgets(got, sizeof got, f);
	fclose(f);
	assert_string_equal(got, text);
}

static void refused(void **state, const struct file *files, size_t n, const char *reason)
{
	assert_false(zip_unpack(zip_of(*state, files, n), dir, why, sizeof why));
	if (strstr(why, reason) == NULL)
		fail_msg("refused for \"%s\", not for \"%s\"", why, reason);
}

static void test_files_and_directories(void **state)
{
	const struct file files[] = {{"a.txt", "one", 0100644, 0}, {"d/", "", 040755, 0}, {"d/e/b", "two", 0100755, 0}};
	assert_true(zip_unpack(zip_of(*state, files, 3), dir, why, sizeof why));
	content_is("a.txt", "one");
	content_is("d/e/b", "two");
	char path[200];
	struct stat st;
	snprintf(path, sizeof path, "%s/d/e/b", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
}

static void test_the_later_of_two_stays(void **state)
{
	const struct file first = {"a", "first", 0, 0}, second = {"a", "second", 0, 0};
	assert_true(zip_unpack(zip_of(*state, &first, 1), dir, why, sizeof why));
	assert_true(zip_unpack(zip_of(*state, &second, 1), dir, why, sizeof why));
	content_is("a", "second");
}

static void test_nothing_leaves_the_directory(void **state)
{
	const char *const names[] = {"../x", "/x", "a/../../x", "..", "a/../b", "./a/b"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const struct file f = {names[i], "x", 0, 0};
		refused(state, &f, 1, "leave the directory");
	}
}

static void test_links(void **state)
{
	const struct file inside[] = {{"to", "text", 0, 0}, {"link", "to", 0120777, 0}};
	assert_true(zip_unpack(zip_of(*state, inside, 2), dir, why, sizeof why));
	content_is("link", "text");
	const struct file out = {"out", "/etc/passwd", 0120777, 0}, up = {"up", "../x", 0120777, 0};
	refused(state, &out, 1, "leaves the directory");
	refused(state, &up, 1, "leaves the directory");
	/* Links come last, so nothing is written through one; a name below one is refused. */
	const struct file through[] = {{"l", "d", 0120777, 0}, {"d/f", "x", 0, 0}};
	assert_true(zip_unpack(zip_of(*state, through, 2), dir, why, sizeof why));
	const struct file below = {"l/f", "y", 0, 0};
	refused(state, &below, 1, "directory cannot be made");
	content_is("d/f", "x");
}

static void test_broken_ones(void **state)
{
	const struct file f = {"a", "some text", 0, 0}, liar = {"b", "x", 0, 300u << 20}, wrong = {"c", "x", 0, 7};
	struct str good = zip_of(*state, &f, 1);
	for (size_t n = 0; n < good.n; n++)
		assert_false(zip_unpack(str_slice(good, 0, n), dir, why, sizeof why));
	char *bent = (char *)arena_dup(*state, good).p;
	bent[31]++; /* the text itself */
	assert_false(zip_unpack(str_of(bent, good.n), dir, why, sizeof why));
	assert_non_null(strstr(why, "checksum"));
	refused(state, &liar, 1, "Unzipped size must be smaller");
	refused(state, &wrong, 1, "wrong size");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files_and_directories, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_later_of_two_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_leaves_the_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_broken_ones, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
