/* TLS on the server's port: the local authority, names, and the same HTTP inside (RFC 8446, 5280, 6066). */
#include "http_test.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/tsubo-tls-XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
	static const char *const names[] = {"ca.key", "ca.pem", "server.key", "server.pem", "data"};
	char path[128];
	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static struct http_tls *open_tls(void)
{
	char *why = NULL;
	struct http_tls *t = tls_open(dir, "tsubo.test", &why);
	if (t == NULL)
		fail_msg("%s", why);
	return t;
}

/* A client that trusts the authority in ca.pem only, and checks the name. */
static SSL *dial_tls(const char *name, bool is_ip)
{
	char path[128];
	snprintf(path, sizeof path, "%s/ca.pem", dir);
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	assert_int_equal(SSL_CTX_load_verify_locations(ctx, path, NULL), 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL *s = SSL_new(ctx);
	SSL_CTX_free(ctx);
	X509_VERIFY_PARAM_set_flags(SSL_get0_param(s), X509_V_FLAG_X509_STRICT);
	if (is_ip) {
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s), name);
	} else {
		SSL_set1_host(s, name);
		SSL_set_tlsext_host_name(s, name);
	}
	assert_int_equal(SSL_set_alpn_protos(s, (const unsigned char *)"\x02h2\x08http/1.1", 12), 0);
	SSL_set_fd(s, dial());
	return s;
}

static void hang_up(SSL *s)
{
	int fd = SSL_get_fd(s);
	SSL_free(s);
	close(fd);
}

static ssize_t read_tls(void *from, char *p, size_t n)
{
	return SSL_read(from, p, n > INT32_MAX ? INT32_MAX : (int)n);
}

static struct heard ask(SSL *s, const char *text)
{
	assert_int_equal(SSL_write(s, text, (int)strlen(text)), strlen(text));
	return hear_from(read_tls, s, false);
}

static void keys_are_for_the_owner_only(void **state)
{
	(void)state;
	struct http_tls *t = open_tls();
	assert_true(tls_warm(t));
	tls_close(t);
	static const struct { const char *name; mode_t mode; } files[] = {
		{"ca.key", 0600}, {"server.key", 0600}, {"ca.pem", 0644}, {"server.pem", 0644}};
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		char path[128];
		struct stat st;
		snprintf(path, sizeof path, "%s/%s", dir, files[i].name);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777 & ~(mode_t)022, files[i].mode & ~(mode_t)022);
	}
}

static void the_authority_stays(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	struct http_tls *t = open_tls();
	struct str first = tls_ca_pem(t, a);
	assert_true(str_starts(first, S("-----BEGIN CERTIFICATE-----\n")));
	tls_close(t);
	t = open_tls();
	assert_true(str_eq(first, tls_ca_pem(t, a)));
	tls_close(t);
	arena_free(a);
}

static void broken_files_are_made_again(void **state)
{
	(void)state;
	char path[128];
	snprintf(path, sizeof path, "%s/server.key", dir);
	FILE *f = fopen(path, "w");
	fputs("nonsense", f);
	fclose(f);
	struct http_tls *t = open_tls();
	assert_true(tls_warm(t));
	start(&http_default_limits, t);
	SSL *s = dial_tls("localhost", false);
	assert_int_equal(SSL_connect(s), 1);
	hang_up(s);
	stop();
	tls_close(t);
}

static void a_directory_that_cannot_be_made(void **state)
{
	(void)state;
	char *why = NULL;
	assert_null(tls_open("/proc/none/tls", "localhost", &why));
	assert_non_null(strstr(why, "/proc/none/tls"));
	free(why);
}

static void names_are_proved(void **state)
{
	(void)state;
	static const char *const names[] = {"localhost", "bucket.localhost", "tsubo.test", "s3.tsubo.test",
	                                    "bucket.s3.eu-west-1.tsubo.test", "a_b.s3.tsubo.test"};
	struct http_tls *t = open_tls();
	start(&http_default_limits, t);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT_OF(names); i++) {
			SSL *s = dial_tls(names[i], false);
			if (SSL_connect(s) != 1)
				fail_msg("%s: %s", names[i], X509_verify_cert_error_string(SSL_get_verify_result(s)));
			hang_up(s);
		}
	}
	SSL *s = dial_tls("127.0.0.1", true);
	assert_int_equal(SSL_connect(s), 1);
	hang_up(s);
	s = dial_tls("example.com", false); /* not ours to vouch for */
	assert_int_not_equal(SSL_connect(s), 1);
	hang_up(s);
	s = dial_tls("xtsubo.test", false);
	assert_int_not_equal(SSL_connect(s), 1);
	hang_up(s);
	ERR_clear_error();
	stop();
	tls_close(t);
}

static void http_inside(void **state)
{
	(void)state;
	struct http_tls *t = open_tls();
	start(&http_default_limits, t);
	SSL *s = dial_tls("localhost", false);
	assert_int_equal(SSL_connect(s), 1);
	const unsigned char *proto;
	unsigned n;
	SSL_get0_alpn_selected(s, &proto, &n);
	assert_int_equal(n, 8);
	assert_memory_equal(proto, "http/1.1", 8);
	struct heard h = ask(s, "GET /target HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_string_equal(h.body, "a /target  tls");
	h = ask(s, "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(h.status, 100);
	h = ask(s, "abc");
	assert_string_equal(h.body, "abc");
	h = ask(s, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /pieces HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_string_equal(h.body, "hello");
	h = hear_from(read_tls, s, false);
	assert_string_equal(h.body, "one,two");
	assert_int_not_equal(SSL_read(s, h.body, 1), 1);
	hang_up(s);
	ERR_clear_error();
	/* and plain HTTP on the same port */
	int c = dial();
	say(c, "GET /target HTTP/1.1\r\nHost: a\r\n\r\n");
	hear_text(c, 200, "a /target  plain");
	close(c);
	stop();
	tls_close(t);
}

static void large_bodies_inside(void **state)
{
	(void)state;
	static char zeros[1 << 20];
	struct http_tls *t = open_tls();
	start(&http_default_limits, t);
	snprintf(fx.file, sizeof fx.file, "%s/data", dir);
	FILE *f = fopen(fx.file, "w");
	assert_int_equal(ftruncate(fileno(f), BIG), 0);
	fclose(f);
	SSL *s = dial_tls("localhost", false);
	assert_int_equal(SSL_connect(s), 1);
	struct heard h = ask(s, "GET /big-chunked HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_false(h.cut);
	assert_int_equal(h.body_n, BIG);
	h = ask(s, "GET /file HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(h.body_n, BIG);
	const char *head = "PUT /count HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n";
	SSL_write(s, head, (int)strlen(head));
	for (int i = 0; i < 63; i++)
		assert_int_equal(SSL_write(s, zeros, sizeof zeros), sizeof zeros);
	assert_int_equal(SSL_write(s, zeros, sizeof zeros), sizeof zeros);
	h = hear_from(read_tls, s, false);
	assert_string_equal(h.body, "67108864");
	hang_up(s);
	stop();
	tls_close(t);
}

static void a_paused_body_inside(void **state)
{
	(void)state;
	static char zeros[1 << 20];
	struct http_tls *t = open_tls();
	start(&http_default_limits, t);
	SSL *s = dial_tls("localhost", false);
	assert_int_equal(SSL_connect(s), 1);
	const char *head = "PUT /paused HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n";
	SSL_write(s, head, (int)strlen(head));
	assert_int_equal(SSL_write(s, zeros, sizeof zeros), sizeof zeros);
	poll(NULL, 0, 20);
	assert_true(atomic_load(&fx.seen.in) <= 64 * 1024);
	uv_async_send(&fx.poke);
	struct heard h = hear_from(read_tls, s, false);
	assert_string_equal(h.body, "1048576");
	hang_up(s);
	stop();
	tls_close(t);
}

static void broken_sessions_close(void **state)
{
	(void)state;
	struct http_tls *t = open_tls();
	start(&http_default_limits, t);
	int c = dial();
	say_n(c, "\x16\x03\x01\x00\x05hello", 10);
	char alert[7];
	assert_int_equal(recv(c, alert, sizeof alert, MSG_WAITALL), 7); /* says why */
	assert_int_equal(alert[0], 0x15);
	assert_closed(c);
	c = dial();
	say_n(c, "\x16", 1);
	close(c);
	stop();
	tls_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_for_the_owner_only),
		cmocka_unit_test(the_authority_stays),
		cmocka_unit_test(broken_files_are_made_again),
		cmocka_unit_test(a_directory_that_cannot_be_made),
		cmocka_unit_test(names_are_proved),
		cmocka_unit_test(http_inside),
		cmocka_unit_test(large_bodies_inside),
		cmocka_unit_test(a_paused_body_inside),
		cmocka_unit_test(broken_sessions_close),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
