/* Code on disk: zips by their SHA-256, and what is unpacked from them.
 *
 * Below <data>/lambda: zip/<sha256>.zip, written and synced before a record names it; dir/<name>/, unpacked, which can
 * always be made again from the zips. A directory appears under its name only when it is whole and synced. The same
 * code is there once, however many functions and versions have it; sweep.c removes what none has any more. */
#include "lambda.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 1024 };

static unsigned char url_secret[32];

void code_start(void) { random_bytes(url_secret, sizeof url_secret); }

static void make_dirs(char *path)
{
	for (char *p = path + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		(void)mkdir(path, 0755);
		*p = '/';
	}
}

/* <data>/lambda/<kind>/<name><suffix>, its directories made. */
static void path_of(char out[PATH_ROOM], const char *kind, const char *name, const char *suffix)
{
	int n = snprintf(out, PATH_ROOM, "%s/lambda/%s/%s%s", service_config()->data_dir, kind, name, suffix);
	ASSERT(n > 0 && n < PATH_ROOM);
	make_dirs(out);
}

static bool write_all(int fd, struct str bytes)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);
		if (n < 0)
			return false;
		bytes = str_slice(bytes, (size_t)n, bytes.n);
	}
	return true;
}

static bool zip_write(struct str zip, const char *sha)
{
	char path[PATH_ROOM], temporary[PATH_ROOM], tail[40];
	path_of(path, "zip", sha, ".zip");
	if (code_use(path))
		return true;
	snprintf(tail, sizeof tail, ".%llx", (unsigned long long)random_u64());
	path_of(temporary, "zip", sha, tail);
	int fd = open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write_all(fd, zip) && fdatasync(fd) == 0;
	if (fd >= 0)
		close(fd);
	ok = ok && rename(temporary, path) == 0;
	if (!ok)
		(void)unlink(temporary);
	char *slash = strrchr(path, '/');
	*slash = '\0';
	return ok && os.sync_dir(path) == 0;
}

/* The whole file in heap memory; NULL: it cannot be read. */
static char *file_read(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	*n = (size_t)st.st_size;
	char *bytes = malloc(*n + 1);
	if (bytes == NULL)
		die("out of memory");
	size_t got = 0;
	while (got < *n) {
		ssize_t r = pread(fd, bytes + got, *n - got, (off_t)got);
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	close(fd);
	if (got == *n)
		return bytes;
	free(bytes);
	return NULL;
}

void code_dir_name(const struct str *zips, size_t n, char out[65])
{
	ASSERT(n > 0 && zips[0].n == 64);
	if (n == 1) {
		memcpy(out, zips[0].p, 64);
		out[64] = '\0';
		return;
	}
	struct arena *a = arena_new(0);
	struct str all = arena_concat(a, zips, n);
	memcpy(out, sha256_hex(a, all).p, 64);
	out[64] = '\0';
	arena_free(a);
}

char *code_dir(const struct str *zips, size_t n)
{
	char name[65], path[PATH_ROOM];
	code_dir_name(zips, n, name);
	path_of(path, "dir", name, "");
	char *real = realpath(path, NULL);
	if (real != NULL)
		return real;
	char *copy = strdup(path);
	if (copy == NULL)
		die("out of memory");
	return copy;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void code_remove_tree(const char *path) { (void)nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS); }

/* Move a finished directory to its place; another worker may have been quicker. */
static bool settle(const char *temporary, const char *path)
{
	ASSERT(strcmp(temporary, path) != 0);
	int fd = open(temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && syncfs(fd) == 0;
	if (fd >= 0)
		close(fd);
	if (ok && (rename(temporary, path) == 0))
		return true;
	code_remove_tree(temporary);
	return ok && (errno == EEXIST || errno == ENOTEMPTY);
}

bool code_make_dir(const struct str *zips, size_t n, char *why, size_t why_n)
{
	ASSERT(n > 0 && n <= LAYERS_MAX && why_n > 0);
	char name[65], path[PATH_ROOM], temporary[PATH_ROOM], tail[40], zip[PATH_ROOM], sha[65];
	code_dir_name(zips, n, name);
	path_of(path, "dir", name, "");
	if (code_use(path))
		return true;
	snprintf(tail, sizeof tail, ".%llx", (unsigned long long)random_u64());
	path_of(temporary, "dir", name, tail);
	if (mkdir(temporary, 0755) != 0) {
		snprintf(why, why_n, "a directory cannot be made: %s", strerror(errno));
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		memcpy(sha, zips[i].p, 64);
		sha[64] = '\0';
		path_of(zip, "zip", sha, ".zip");
		size_t zip_n = 0;
		char *bytes = file_read(zip, &zip_n);
		if (bytes == NULL)
			snprintf(why, why_n, "the code's zip is not there");
		bool ok = bytes != NULL && zip_unpack(str_of(bytes, zip_n), temporary, why, why_n);
		free(bytes);
		if (!ok) {
			code_remove_tree(temporary);
			return false;
		}
	}
	if (settle(temporary, path))
		return true;
	snprintf(why, why_n, "the disk refused the code");
	return false;
}

/* ---- storing, from a handler ---- */

struct store_work {
	struct ticket ticket;
	struct str zip; /* lives in the call's keep arena; the call outlives the work or `gone` is set */
	char *copy;
	char sha[65], why[200];
	bool ok;
};

static void store_run(void *arg)
{
	struct store_work *w = arg;
	struct str zip = str_of(w->copy, w->zip.n), sha = str_c(w->sha);
	w->ok = zip_write(zip, w->sha) && code_make_dir(&sha, 1, w->why, sizeof w->why);
	if (!w->ok && w->why[0] == '\0')
		snprintf(w->why, sizeof w->why, "the disk refused the code");
}

static void store_done(void *arg)
{
	struct store_work *w = arg;
	struct answer a = {.ok = w->ok, .bytes = S(""), .error_code = S("Code"), .error_message = str_c(w->why)};
	ASSERT(w->ok || w->why[0] != '\0'); /* who is refused is told why */
	ticket_answer(w->ticket, &a);
	free(w->copy);
	free(w);
}

struct store_arg { struct str zip; char sha[65]; };

static void store_start(struct ticket t, void *arg)
{
	const struct store_arg *s = arg;
	struct store_work *w = calloc(1, sizeof *w);
	char *copy = malloc(s->zip.n + 1);
	if (w == NULL || copy == NULL)
		die("out of memory");
	memcpy(copy, s->zip.p, s->zip.n);
	*w = (struct store_work){.ticket = t, .zip = s->zip, .copy = copy};
	memcpy(w->sha, s->sha, sizeof w->sha);
	worker_run(store_run, store_done, w);
}

/* The object's bytes, as the caller may read them. */
static bool fetch(struct call *c, const struct code_source *s, struct str *zip, bool *parked)
{
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "Bucket", s->bucket);
	json_set_str(c->arena, in, "Key", s->key);
	if (str_present(s->version))
		json_set_str(c->arena, in, "VersionId", s->version);
	struct invoked got = invoke(c, "s3", "GetObject", in, NULL);
	*parked = got.parked;
	if (got.parked)
		return false;
	if (!got.ok) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException,
			"Error occurred while GetObject. S3 Error Code: %.*s. S3 Error Message: %.*s", STR_ARG(got.error.code),
			STR_ARG(got.error.message));
		return false;
	}
	*zip = json_get_str(got.out, "Body");
	return true;
}

bool code_store(struct call *c, const struct code_source *s, struct code_stored *out)
{
	*out = (struct code_stored){0};
	struct str zip = s->zip;
	if (!str_present(zip) && str_present(s->bucket) && !fetch(c, s, &zip, &out->parked))
		return false;
	if (!str_present(zip) || zip.n == 0) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException,
			"Could not unzip uploaded file. Please check your file, then try to upload again.");
		return false;
	}
	if (zip.n > (str_present(s->zip) ? ZIP_MAX : UNZIPPED_MAX)) {
		lambda_fail(c, &lambda_err_RequestTooLargeException, "Request must be smaller than 69905067 bytes for the operation");
		return false;
	}
	struct sha256 d = sha256(zip);
	struct str raw = str_of((const char *)d.b, sizeof d.b);
	struct store_arg arg = {.zip = str_of(zip.p, zip.n)};
	memcpy(arg.sha, hex_encode(c->arena, raw).p, 64);
	if (!str_present(s->zip))
		arg.zip = arena_dup(call_keep(c), zip); /* of this run's arena only, and only needed by the first run */
	const struct answer *a = call_await(c, store_start, &arg, sizeof arg, INT64_MAX);
	if (a == NULL) {
		out->parked = true;
		return false;
	}
	if (!a->ok) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "%.*s", STR_ARG(a->error_message));
		return false;
	}
	memcpy(out->sha_hex, arg.sha, sizeof out->sha_hex);
	out->size = (int64_t)zip.n;
	out->sha_base64 = base64_encode(c->arena, raw);
	return true;
}

/* ---- giving it back ---- */

static struct str url_token(struct arena *a, struct str sha, struct str expires)
{
	struct sha256 d = hmac_sha256(str_of((const char *)url_secret, sizeof url_secret), arena_join(a, sha, S("/"), expires));
	return hex_encode(a, str_of((const char *)d.b, sizeof d.b));
}

struct str code_url(struct call *c, struct str sha_hex)
{
	long long until_s = c->now_ms / 1000 + 600;
	struct str expires = arena_printf(c->arena, "%lld", until_s);
	struct str base = str_present(c->endpoint) && c->endpoint.n > 0 ? c->endpoint
		: arena_printf(c->arena, "http://localhost:%d", service_config()->port);
	struct str token = url_token(c->arena, sha_hex, expires);
	return arena_printf(c->arena, "%.*s/_aws/lambda/code/%.*s?expires=%.*s&token=%.*s", STR_ARG(base), STR_ARG(sha_hex),
		STR_ARG(expires), STR_ARG(token));
}

static const struct str code_prefix = STR_INIT("/_aws/lambda/code/");

bool code_claims(const struct wire_request *r) { return str_starts(r->raw_path, code_prefix); }

void code_serve(struct call *c)
{
	struct str sha = str_slice(c->http->raw_path, code_prefix.n, c->http->raw_path.n);
	struct str expires = params_get(&c->http->query, S("expires")), token = params_get(&c->http->query, S("token"));
	int64_t expires_s = 0;
	char name[65], path[PATH_ROOM];
	bool allowed = sha.n == 64 && str_to_i64(expires, &expires_s) && expires_s >= c->now_ms / 1000 &&
	               str_eq(token, url_token(c->arena, sha, expires));
	size_t n = 0;
	char *bytes = NULL;
	if (allowed) {
		memcpy(name, sha.p, 64);
		name[64] = '\0';
		path_of(path, "zip", name, ".zip");
		bytes = file_read(path, &n);
	}
	if (bytes == NULL) {
		call_reply(c, allowed ? 404 : 403, NULL, 0, S(""));
		return;
	}
	arena_defer(c->arena, free, bytes);
	const struct param type = {S("content-type"), S("application/zip"), true};
	call_reply(c, 200, &type, 1, str_of(bytes, n));
}
