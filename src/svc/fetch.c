/* Outbound HTTP: curl's multi interface on the loop. See fetch.h.
 *
 * What always holds: all of it is the loop thread's but for fetch(), which only packs a request and unpacks an answer. One
 * timer and one poll handle for each socket belong to curl; a transfer lives from begin() to finish(), whether its call is
 * still there or not. An answer travels as its head, an empty line and its body, as it came. */
#include "svc/fetch.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <uv.h>

enum { TRANSFER_MAGIC = 0x4fe7c4, CONNECTIONS_MAX = 64 };

/* Of the library, by the types of its header. */
static struct {
	void *library;
	__typeof__(&curl_global_init) global_init;
	__typeof__(&curl_easy_init) easy_init;
	__typeof__(&curl_easy_cleanup) easy_cleanup;
	CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
	CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
	__typeof__(&curl_easy_strerror) easy_strerror;
	__typeof__(&curl_slist_append) slist_append;
	__typeof__(&curl_slist_free_all) slist_free_all;
	__typeof__(&curl_multi_init) multi_init;
	CURLMcode (*multi_setopt)(CURLM *, CURLMoption, ...);
	__typeof__(&curl_multi_add_handle) multi_add;
	__typeof__(&curl_multi_remove_handle) multi_remove;
	__typeof__(&curl_multi_socket_action) multi_socket_action;
	__typeof__(&curl_multi_assign) multi_assign;
	__typeof__(&curl_multi_info_read) multi_info_read;
	CURLM *multi;
	uv_timer_t timer;
} curl;

struct transfer {
	unsigned magic;
	struct ticket ticket;
	CURL *easy;
	struct curl_slist *headers;
	struct buf got; /* malloc'd: head, empty line, body */
	size_t head;    /* bytes of the head so far */
	bool too_large;
};

/* ---- curl and the loop ---- */

static void finish(struct transfer *t, CURLcode result)
{
	CHECK_MAGIC(t, TRANSFER_MAGIC);
	struct answer a = {.ok = result == CURLE_OK, .bytes = buf_view(&t->got)};
	if (!a.ok) {
		a.error_code = result == CURLE_OPERATION_TIMEDOUT ? S("Timeout") : S("Failed");
		a.error_message = t->too_large ? S("the answer is too large") : str_c(curl.easy_strerror(result));
		a.bytes = S("");
	}
	ticket_answer(t->ticket, &a);
	curl.multi_remove(curl.multi, t->easy);
	curl.easy_cleanup(t->easy);
	curl.slist_free_all(t->headers);
	buf_free(&t->got);
	t->magic = 0;
	free(t);
}

static void take_done(void)
{
	CURLMsg *m;
	int left;
	while ((m = curl.multi_info_read(curl.multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		struct transfer *t = NULL;
		CURLcode result = m->data.result; /* m dies with the handle */
		curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		finish(t, result);
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	int running, flags = status < 0 ? CURL_CSELECT_ERR : 0;
	flags |= (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
	curl.multi_socket_action(curl.multi, (curl_socket_t)(intptr_t)poll->data, flags, &running);
	take_done();
}

static void on_timer(uv_timer_t *timer)
{
	int running;
	(void)timer;
	curl.multi_socket_action(curl.multi, CURL_SOCKET_TIMEOUT, 0, &running);
	take_done();
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	(void)multi;
	(void)arg;
	if (timeout_ms < 0)
		uv_timer_stop(&curl.timer);
	else
		uv_timer_start(&curl.timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

static void free_poll(uv_handle_t *poll) { free(poll); }

static int set_socket(CURL *easy, curl_socket_t s, int what, void *arg, void *known)
{
	uv_poll_t *poll = known;
	(void)easy;
	(void)arg;
	if (what == CURL_POLL_REMOVE) {
		if (poll != NULL)
			uv_close((uv_handle_t *)poll, free_poll);
		return 0;
	}
	if (poll == NULL) {
		poll = malloc(sizeof *poll);
		if (poll == NULL || uv_poll_init_socket(service_loop(), poll, s) != 0)
			die("cannot poll a socket");
		poll->data = (void *)(intptr_t)s;
		curl.multi_assign(curl.multi, s, poll);
	}
	return uv_poll_start(poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0), on_poll) == 0 ? 0 : -1;
}

/* ---- the library ---- */

static bool find(void *slot, const char *name)
{
	void *at = dlsym(curl.library, name);
	memcpy(slot, &at, sizeof at);
	return at != NULL;
}

static bool load(void)
{
	if (curl.multi != NULL)
		return true;
	curl.library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (curl.library == NULL)
		return false;
	const struct { void *slot; const char *name; } wanted[] = {
		{&curl.global_init, "curl_global_init"}, {&curl.easy_init, "curl_easy_init"}, {&curl.easy_cleanup, "curl_easy_cleanup"},
		{&curl.easy_setopt, "curl_easy_setopt"}, {&curl.easy_getinfo, "curl_easy_getinfo"}, {&curl.easy_strerror, "curl_easy_strerror"},
		{&curl.slist_append, "curl_slist_append"}, {&curl.slist_free_all, "curl_slist_free_all"}, {&curl.multi_init, "curl_multi_init"},
		{&curl.multi_setopt, "curl_multi_setopt"}, {&curl.multi_add, "curl_multi_add_handle"},
		{&curl.multi_remove, "curl_multi_remove_handle"}, {&curl.multi_socket_action, "curl_multi_socket_action"},
		{&curl.multi_assign, "curl_multi_assign"}, {&curl.multi_info_read, "curl_multi_info_read"}};
	for (size_t i = 0; i < COUNT_OF(wanted); i++)
		if (!find(wanted[i].slot, wanted[i].name))
			die("libcurl lacks %s", wanted[i].name);
	curl.global_init(CURL_GLOBAL_DEFAULT);
	curl.multi = curl.multi_init();
	if (curl.multi == NULL || uv_timer_init(service_loop(), &curl.timer) != 0)
		die("out of memory for libcurl");
	curl.multi_setopt(curl.multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl.multi_setopt(curl.multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl.multi_setopt(curl.multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
	return true;
}

/* ---- one transfer ---- */

static size_t take(struct transfer *t, const char *p, size_t n, size_t max)
{
	CHECK_MAGIC(t, TRANSFER_MAGIC);
	if (t->got.n + n > max) {
		t->too_large = true;
		return 0; /* which ends the transfer */
	}
	buf_put(&t->got, p, n);
	return n;
}

static size_t on_head(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct str line = str_of(p, size * n);
	if (str_starts(line, S("HTTP/"))) { /* another answer's head: 100 Continue came before */
		t->got.n = 0;
		t->head = 0;
	}
	size_t took = take(t, line.p, line.n, FETCH_HEAD_MAX);
	t->head += took;
	return took;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	return take(t, p, size * n, t->head + FETCH_BODY_MAX);
}

/* Goes to the loop by value; its texts are in the call's kept memory. */
struct order { struct str method, url, *lines, body; size_t n_lines; int64_t timeout_ms; bool insecure; };

static void set_options(struct transfer *t, const struct order *o)
{
	CURL *e = t->easy;
	curl.easy_setopt(e, CURLOPT_PRIVATE, t);
	curl.easy_setopt(e, CURLOPT_URL, o->url.p);
	curl.easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl.easy_setopt(e, CURLOPT_CUSTOMREQUEST, o->method.p);
	curl.easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)o->timeout_ms);
	curl.easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl.easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
	curl.easy_setopt(e, CURLOPT_HEADERFUNCTION, on_head);
	curl.easy_setopt(e, CURLOPT_HEADERDATA, t);
	curl.easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl.easy_setopt(e, CURLOPT_WRITEDATA, t);
	if (str_eq(o->method, S("HEAD")))
		curl.easy_setopt(e, CURLOPT_NOBODY, 1L);
	if (o->body.n > 0) {
		curl.easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->body.n);
		curl.easy_setopt(e, CURLOPT_COPYPOSTFIELDS, o->body.p); /* the call may go before the transfer does */
	}
	if (o->insecure) {
		curl.easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
		curl.easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static void begin(struct ticket ticket, void *arg)
{
	const struct order *o = arg;
	struct transfer *t = load() ? calloc(1, sizeof *t) : NULL;
	if (t == NULL || (t->easy = curl.easy_init()) == NULL) {
		const struct answer none = {.error_code = S("Failed"), .error_message = S("libcurl cannot be loaded")};
		free(t);
		ticket_answer(ticket, &none);
		return;
	}
	t->magic = TRANSFER_MAGIC;
	t->ticket = ticket;
	buf_init(&t->got, NULL, FETCH_HEAD_MAX + FETCH_BODY_MAX);
	for (size_t i = 0; i < o->n_lines; i++)
		t->headers = curl.slist_append(t->headers, o->lines[i].p);
	set_options(t, o);
	CURLMcode added = curl.multi_add(curl.multi, t->easy);
	ASSERT(added == CURLM_OK);
}

/* ---- from the handler ---- */

/* What curl writes itself, or what would say something of this connection that is not so. */
static bool own_header(struct str name)
{
	static const char *const own[] = {"host", "content-length", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade",
		"expect", "proxy-connection", "proxy-authorization"};
	for (size_t i = 0; i < COUNT_OF(own); i++)
		if (str_eq_nocase(name, str_c(own[i])))
			return true;
	return false;
}

static bool line_ok(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
			return false;
	return true;
}

static struct order pack(struct call *c, const struct fetch *f)
{
	struct arena *a = call_keep(c);
	static const char *const unasked[] = {"Accept:", "Content-Type:", "Expect:"}; /* curl's own, unless they are given */
	struct order o = {.method = arena_dup(a, f->method), .url = arena_dup(a, f->url), .body = arena_dup(a, f->body), .insecure = f->insecure,
		.timeout_ms = f->deadline_ms - c->now_ms, .lines = arena_array(a, struct str, f->n_headers + COUNT_OF(unasked))};
	bool given[COUNT_OF(unasked)] = {false};
	for (size_t i = 0; i < f->n_headers; i++) {
		const struct param *h = &f->headers[i];
		if (own_header(h->name) || !line_ok(h->name) || !line_ok(h->value))
			continue;
		for (size_t k = 0; k < COUNT_OF(unasked); k++)
			given[k] |= str_eq_nocase(h->name, str_slice(str_c(unasked[k]), 0, strlen(unasked[k]) - 1));
		/* a header without a value is written with ';', else curl leaves it out */
		o.lines[o.n_lines++] = h->value.n > 0 ? arena_join(a, h->name, S(": "), h->value) : arena_join(a, h->name, S(";"));
	}
	for (size_t k = 0; k < COUNT_OF(unasked); k++)
		if (!given[k])
			o.lines[o.n_lines++] = str_c(unasked[k]);
	for (size_t i = 0; i < o.n_lines; i++)
		o.lines[i] = arena_dup(a, o.lines[i]); /* with a NUL behind */
	ASSERT(o.n_lines <= f->n_headers + COUNT_OF(unasked));
	return o;
}

static void unpack(struct call *c, struct str all, struct fetched *out)
{
	struct str rest = all, line = str_cut(&rest, '\n'), status = line;
	int64_t code;
	(void)str_cut(&status, ' ');
	out->ok = str_to_i64(str_slice(status, 0, 3), &code);
	out->status = out->ok ? (int)code : 0;
	size_t max = 0;
	for (size_t i = 0; i < all.n && i < FETCH_HEAD_MAX; i++)
		max += all.p[i] == '\n';
	out->headers = arena_array(c->arena, struct param, max);
	while (str_present(rest)) {
		struct str value = str_trim(str_cut(&rest, '\n'));
		if (value.n == 0)
			break;
		struct str name = str_cut(&value, ':');
		if (str_present(value) && out->n_headers < max)
			out->headers[out->n_headers++] = (struct param){arena_dup(c->arena, name), arena_dup(c->arena, str_trim(value)), true};
	}
	out->body = str_present(rest) ? arena_dup(c->arena, rest) : S("");
}

const struct fetched *fetch(struct call *c, const struct fetch *f)
{
	ASSERT(f->method.n > 0 && f->url.n > 0 && f->deadline_ms > 0);
	struct order o = pack(c, f);
	if (o.timeout_ms < 1)
		o.timeout_ms = 1; /* 0 is "for ever" to curl */
	const struct answer *a = call_await(c, begin, &o, sizeof o, INT64_MAX); /* curl sees to the time, which no turned clock makes shorter */
	if (a == NULL)
		return NULL;
	struct fetched *out = arena_new_of(c->arena, struct fetched);
	if (a->ok) {
		unpack(c, a->bytes, out);
		return out;
	}
	out->timed_out = str_eq(a->error_code, S("Timeout"));
	out->why = a->error_message;
	return out;
}
