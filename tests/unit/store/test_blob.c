/* Blobs: sealed, claimed, read, released; orphans; readers that still see a released one. */
#include "store_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static struct blob_id seal(struct store *s, const char *a, const char *b)
{
	struct blob_id id;
	struct blob_writer *w = blob_create(s);
	assert_non_null(w);
	assert_true(blob_write(w, str_c(a)));
	assert_true(blob_write(w, str_c(b)));
	assert_true(blob_seal(w, &id));
	assert_int_equal(strlen(id.hex), 32);
	return id;
}

static const char *body(struct store *s, struct blob_id id)
{
	static char text[256];
	int fd = blob_open(s, id);
	if (fd < 0)
		return "-";
	ssize_t n = read(fd, text, sizeof text - 1);
	assert_true(n >= 0);
	close(fd);
	text[n] = '\0';
	return text;
}

enum change { CLAIM, RELEASE };

static void change(struct store *s, struct blob_id id, enum change what, bool keep)
{
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	(what == CLAIM ? blob_claim : blob_release)(t, id);
	(keep ? txn_keep : txn_drop)(t);
	assert_true(store_group_commit(s));
	blob_sweep_released(s);
}

static size_t files_in(const char *below)
{
	char path[128];
	size_t n = 0;
	(void)snprintf(path, sizeof path, "%s/blobs/%s", test_dir, below);
	DIR *d = opendir(path);
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
	return n;
}

static void a_claimed_blob_lives_until_released(void **state)
{
	(void)state;
	struct store *s = must_open();
	struct blob_id id = seal(s, "hello ", "world");
	assert_string_equal(body(s, id), "hello world");
	assert_int_equal(files_in("new"), 0);
	change(s, id, CLAIM, true);
	change(s, id, RELEASE, false); /* the call failed: nothing happened */
	s = reopen(s);
	assert_int_equal(blob_sweep_orphans(s), 0);
	assert_string_equal(body(s, id), "hello world");
	struct arena *a = arena_new(0);
	struct stat st;
	assert_int_equal(stat(blob_path(s, a, id), &st), 0);
	assert_int_equal(st.st_size, 11);
	arena_free(a);
	change(s, id, RELEASE, true);
	assert_string_equal(body(s, id), "-");
	store_close(s);
}

static void claims_are_counted(void **state)
{
	(void)state;
	struct store *s = must_open();
	struct blob_id id = seal(s, "x", "");
	change(s, id, CLAIM, true);
	change(s, id, CLAIM, true);
	change(s, id, RELEASE, true);
	assert_string_equal(body(s, id), "x");

	store_group_begin(s); /* moved from one record to another within a group */
	struct txn *t = store_group_txn(s);
	blob_release(t, id);
	txn_keep(t);
	t = store_group_txn(s);
	blob_claim(t, id);
	txn_keep(t);
	assert_true(store_group_commit(s));
	blob_sweep_released(s);
	assert_string_equal(body(s, id), "x");
	change(s, id, RELEASE, true);
	assert_string_equal(body(s, id), "-");
	store_close(s);
}

static void a_reader_can_open_what_it_sees(void **state)
{
	(void)state;
	struct store *s = must_open();
	struct blob_id id = seal(s, "old", "");
	change(s, id, CLAIM, true);
	struct txn *reader = store_read(s);
	change(s, id, RELEASE, true);
	assert_string_equal(body(s, id), "old");
	txn_end(reader);
	blob_sweep_released(s);
	assert_string_equal(body(s, id), "-");
	store_close(s);
}

static void what_no_record_claims_goes_at_the_next_start(void **state)
{
	(void)state;
	struct store *s = must_open();
	struct blob_id kept = seal(s, "kept", ""), lost = seal(s, "lost", ""), discarded = seal(s, "d", "");
	change(s, kept, CLAIM, true);
	struct blob_id late = seal(s, "late", "");
	change(s, late, CLAIM, true);
	store_group_begin(s); /* released, but the process stops before the file goes */
	struct txn *t = store_group_txn(s);
	blob_release(t, late);
	txn_keep(t);
	assert_true(store_group_commit(s));
	blob_discard(s, discarded);
	assert_string_equal(body(s, discarded), "-");
	char path[128];
	(void)snprintf(path, sizeof path, "%s/blobs/new/0123456789abcdef0123456789abcdef", test_dir);
	int fd = open(path, O_CREAT | O_WRONLY, 0600); /* a writer that was killed */
	assert_true(fd >= 0);
	close(fd);
	s = reopen(s);
	assert_int_equal(blob_sweep_orphans(s), 3);
	assert_string_equal(body(s, kept), "kept");
	assert_string_equal(body(s, lost), "-");
	assert_string_equal(body(s, late), "-");
	assert_int_equal(files_in("new"), 0);
	assert_int_equal(blob_sweep_orphans(s), 0);
	store_close(s);
}

static void an_upload_under_way_survives_the_sweep_at_start(void **state)
{
	(void)state;
	struct store *s = must_open();
	struct blob_id lost = seal(s, "lost", "");
	s = reopen(s);
	struct blob_id early = seal(s, "sealed, ", "not claimed yet");
	struct blob_writer *w = blob_create(s);
	assert_true(blob_write(w, S("half, ")));
	assert_int_equal(blob_sweep_orphans(s), 1);
	assert_string_equal(body(s, lost), "-");
	change(s, early, CLAIM, true);
	assert_string_equal(body(s, early), "sealed, not claimed yet");
	struct blob_id late;
	assert_true(blob_write(w, S("whole")) && blob_seal(w, &late));
	change(s, late, CLAIM, true);
	s = reopen(s);
	assert_int_equal(blob_sweep_orphans(s), 0);
	assert_string_equal(body(s, early), "sealed, not claimed yet");
	assert_string_equal(body(s, late), "half, whole");
	store_close(s);
}

static void an_abandoned_blob_leaves_no_file(void **state)
{
	(void)state;
	struct store *s = must_open();
	struct blob_writer *w = blob_create(s);
	assert_true(blob_write(w, S("half")));
	assert_int_equal(files_in("new"), 1);
	blob_abandon(w);
	assert_int_equal(files_in("new"), 0);
	store_close(s);
}

static void claims_are_invisible_to_scans(void **state)
{
	(void)state;
	struct store *s = must_open();
	change(s, seal(s, "x", ""), CLAIM, true);
	assert_true(put_one(s, "a", "1"));
	struct txn *t = store_read(s);
	assert_string_equal(scan_all(t, S(""), STR_NONE, false), "a=1");
	assert_string_equal(scan_all(t, STR_NONE, STR_NONE, true), "a=1");
	assert_string_equal(scan_all(t, S("\0"), S("\1"), false), "");
	txn_end(t);
	store_close(s);
}

static void a_large_blob_is_whole(void **state)
{
	(void)state;
	struct store *s = must_open();
	enum { PIECE = 1 << 20, PIECES = 12 };
	char *piece = malloc(PIECE);
	struct blob_writer *w = blob_create(s);
	for (int i = 0; i < PIECES; i++) {
		memset(piece, 'a' + i, PIECE);
		assert_true(blob_write(w, str_of(piece, PIECE)));
	}
	struct blob_id id;
	assert_true(blob_seal(w, &id));
	int fd = blob_open(s, id);
	for (int i = 0; i < PIECES; i++) {
		assert_int_equal(read(fd, piece, PIECE), PIECE);
		assert_int_equal(piece[0], 'a' + i);
		assert_int_equal(piece[PIECE - 1], 'a' + i);
	}
	assert_int_equal(read(fd, piece, 1), 0);
	close(fd);
	free(piece);
	store_close(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_claimed_blob_lives_until_released),
		TEST(claims_are_counted),
		TEST(a_reader_can_open_what_it_sees),
		TEST(what_no_record_claims_goes_at_the_next_start),
		TEST(an_upload_under_way_survives_the_sweep_at_start),
		TEST(an_abandoned_blob_leaves_no_file),
		TEST(claims_are_invisible_to_scans),
		TEST(a_large_blob_is_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
