/* Any calls of any services, one after the other as root: each ends with an answer that can be written, or with an error that has
 * a code.
 *
 * A line is "service Operation {input}". A text "$2/QueueUrl" in an input stands for that member of line 2's answer (the first
 * is 0). "service RAW {method, host, path, query, headers, body}" is a request to its data plane, "$2/QueueUrl" in any of them likewise. A
 * line of Lambda or API Gateway that awaits something outside gets the next of the lines "! text" as its answer ("-": a failure; of
 * an endpoint, "HTTP/1.1 200 OK|name: value||body"). The lines run in one transaction, and after them the jobs they left, while the clock
 * is turned; then all is dropped. Effects and waits do not happen. Time stands still and random bytes repeat, so that what is
 * found can be found again. The mutator knows the models: it changes values inside inputs (and inside JSON inside texts) and adds members that
 * an operation has. Seeds: fuzz_calls.seeds, made by tests/fuzz/record.py from what the service tests send; those of data planes by hand. */
#include "auth/session.h"
#include "base/enc.h"
#include "os/os.h"
#include "svc/task.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <uv.h>

enum {
	LINES_MAX = 48, NODES_MAX = 512, INPUT_MAX = 48 << 10, DEPTH_MAX = 5, JOBS_MAX = 32, NOW_S = 1700000000, HEADERS_MAX = 16, ANSWERS_MAX = 8
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

struct line {
	const struct service *service;
	const struct op *op; /* a data plane's has no model */
	struct json *in;
};

/* Lines, and what whoever is waited for says, in order. */
struct lines { struct line v[LINES_MAX]; size_t n; struct str said[ANSWERS_MAX]; size_t n_said; };

/* ---- a place for the calls ---- */

static struct {
	char dir[40];
	struct store *store;
	uint64_t random;
	int64_t now_ms;
} at;

static int64_t still_ms(void) { return at.now_ms; }

static void same_random(void *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		at.random = at.random * 6364136223846793005u + 1442695040888963407u;
		((unsigned char *)p)[i] = (unsigned char)(at.random >> 40);
	}
}

static int drop(const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *where UNUSED) { return remove(path); }
static void remove_all(void) { (void)nftw(at.dir, drop, 16, FTW_DEPTH | FTW_PHYS); }

static void open_once(void)
{
	static const unsigned char key[32] = "no secret at all";
	static struct service_config config;
	if (at.store != NULL)
		return;
	char *why = NULL;
	snprintf(at.dir, sizeof at.dir, "/tmp/tsubo-fuzz-XXXXXX");
	if (mkdtemp(at.dir) == NULL || atexit(remove_all) != 0)
		die("no directory");
	at.store = store_open(at.dir, NULL, &why);
	if (at.store == NULL)
		die("%s", why);
	os.wall_ms = still_ms;
	os.random = same_random;
	config = (struct service_config){.port = 4566, .data_dir = at.dir, .runtime_dir = at.dir, .region = "us-east-1", .account = "000000000000"};
	loop_init(uv_default_loop(), at.store);
	service_config_set(&config);
	session_set_key(key);
	jobs_init();
	store_group_begin(at.store);
}

/* ---- an input ---- */

static void lines_read(struct arena *a, struct str text, struct lines *out)
{
	while (str_present(text) && out->n < LINES_MAX) {
		struct str in = str_cut(&text, '\n'), service = str_cut(&in, ' ');
		if (!str_present(in))
			continue;
		if (str_eq(service, S("!"))) {
			if (out->n_said < ANSWERS_MAX)
				out->said[out->n_said++] = in;
			continue;
		}
		struct str name = str_cut(&in, ' ');
		struct line *l = &out->v[out->n];
		l->service = service_find(service);
		l->op = l->service == NULL ? NULL : str_eq(name, S("RAW")) ? l->service->raw : service_op(l->service, name);
		l->in = json_parse(a, str_present(in) ? in : S("{}"), NULL);
		out->n += l->op != NULL && json_is(l->in, JSON_OBJECT);
	}
}

static struct str lines_write(struct arena *a, const struct lines *lines)
{
	struct buf b;
	buf_init(&b, a, 0);
	for (size_t i = 0; i < lines->n; i++) {
		const struct line *l = &lines->v[i];
		buf_printf(&b, "%s %s ", l->service->name, l->op->model != NULL ? model_op_name(l->op->model) : "RAW");
		json_write(&b, l->in);
		buf_str(&b, S("\n"));
	}
	for (size_t i = 0; i < lines->n_said; i++)
		buf_printf(&b, "! %.*s\n", STR_ARG(lines->said[i]));
	return buf_view(&b);
}

/* ---- running it ---- */

struct run { struct lines lines; struct json *answers[LINES_MAX]; };

static struct json *answered_at(struct run *r, size_t before, struct str path)
{
	uint64_t n;
	struct str part = str_cut(&path, '/');
	if (!str_to_u64(part, &n) || n >= before)
		return NULL;
	struct json *j = r->answers[n];
	while (j != NULL && str_present(path)) {
		part = str_cut(&path, '/');
		j = json_is(j, JSON_ARRAY) && str_to_u64(part, &n) ? json_at(j, n) : json_get(j, part);
	}
	return j;
}

static void fill_in(struct run *r, size_t before, struct json *j)
{
	if (json_is(j, JSON_STRING) && j->text.n > 1 && j->text.p[0] == '$') {
		const struct json *v = answered_at(r, before, str_slice(j->text, 1, j->text.n));
		if (v != NULL)
			*j = *v;
		return;
	}
	for (uint32_t i = 0; j->type >= JSON_ARRAY && i < j->n; i++)
		fill_in(r, before, json_is(j, JSON_ARRAY) ? &j->items[i] : &j->members[i].value);
}

/* A member of a data plane's line as text, with "$2/id" in it as it is anywhere else, up to a '.' or the second '/'. */
static struct str raw_text(struct arena *a, struct run *r, size_t before, const struct json *in, const char *name, struct str otherwise)
{
	struct str text = json_get_str(in, name);
	struct buf b;
	buf_init(&b, a, INPUT_MAX);
	if (!str_present(text))
		return otherwise;
	for (ptrdiff_t sign; (sign = str_find(text, '$')) >= 0;) {
		struct str rest = str_slice(text, (size_t)sign + 1, text.n);
		size_t end = 0, slashes = 0;
		while (end < rest.n && rest.p[end] != '.' && (slashes += rest.p[end] == '/') < 2)
			end++;
		const struct json *v = answered_at(r, before, str_slice(rest, 0, end));
		buf_str(&b, str_slice(text, 0, (size_t)sign + (v == NULL)));
		buf_str(&b, json_is(v, JSON_STRING) ? v->text : S(""));
		text = v != NULL ? str_slice(rest, end, rest.n) : rest;
	}
	buf_str(&b, text);
	return buf_view(&b);
}

static struct str host_of_url(struct str text)
{
	if (!str_starts(text, S("http://")))
		return text;
	text = str_slice(text, sizeof "http://" - 1, text.n);
	return str_cut(&text, '/');
}

/* As the gateway leads it there; false: it waits. */
static bool run_raw(struct call *c, struct run *r, size_t i)
{
	static const struct principal nobody = {.type = PRINCIPAL_ANONYMOUS, .arn = STR_INIT("anonymous"), .name = STR_INIT("anonymous")};
	struct arena *a = c->arena;
	const struct line *l = &r->lines.v[i];
	const struct json *given = json_get(l->in, S("headers"));
	struct param headers[HEADERS_MAX];
	struct wire_request w = {.method = raw_text(a, r, i, l->in, "method", S("GET")),
		.host = host_of_url(raw_text(a, r, i, l->in, "host", S("localhost:4566"))),
		.raw_path = raw_text(a, r, i, l->in, "path", S("/")), .raw_query = raw_text(a, r, i, l->in, "query", STR_NONE),
		.body = raw_text(a, r, i, l->in, "body", S("")), .headers = headers, .protocol = PROTO_RAW};
	for (uint32_t k = 0; json_is(given, JSON_OBJECT) && k < given->n && w.n_headers < HEADERS_MAX; k++)
		if (json_is(&given->members[k].value, JSON_STRING))
			headers[w.n_headers++] = (struct param){given->members[k].key, given->members[k].value.text, true};
	struct body stream = {.bytes = w.body, .length = (int64_t)w.body.n};
	w.stream = l->service->raw_streams ? &stream : NULL;
	w.path_params_base = w.raw_path;
	bool ok = (!str_present(w.raw_query) || params_parse(a, w.raw_query, 1000, &w.query)) && str_starts(w.raw_path, S("/")) && w.method.n > 0;
	if (!ok || l->service->claims == NULL || !l->service->claims(&w))
		return true;
	struct wire_response answer = {0};
	struct call sub = *c;
	sub.service = l->service;
	sub.op = l->op;
	sub.out = &answer;
	sub.who = &nobody;
	sub.http = &w;
	sub.protocol = PROTO_RAW;
	sub.memo = sub.note = NULL;
	txn_save(c->txn);
	l->op->run(&sub);
	ASSERT(sub.parked || sub.failed || (answer.status >= 200 && answer.status < 600));
	ASSERT(!sub.failed || str_present(sub.error.code));
	if (sub.failed || sub.parked)
		txn_restore(c->txn);
	else
		txn_release(c->txn);
	return !sub.parked || sub.failed;
}

/* Is it for the answer of a function or an endpoint that this line waits, and there is one? */
static bool answer_left(const struct task *t, const struct run *r)
{
	return t->n_slots > 0 && !t->slots[t->n_slots - 1].answered && t->n_slots <= r->lines.n_said;
}

static void run_lines(struct call *c)
{
	struct run *r = c->user;
	const struct task *t = (const struct task *)c->state;
	for (size_t i = 0; i < r->lines.n; i++) {
		const struct line *l = &r->lines.v[i];
		/* What these await comes from outside, and may be anything; elsewhere it is what our own workers have made. */
		bool outside = str_eq(str_c(l->service->name), S("lambda")) || str_eq(str_c(l->service->name), S("apigateway"));
		if (l->op->model == NULL) {
			c->parked = !run_raw(c, r, i) && outside && answer_left(t, r);
			if (c->parked)
				return;
			continue;
		}
		fill_in(r, i, l->in);
		struct wire_response w = {0};
		const struct model_op *op = l->op->model;
		struct invoked done = invoke(c, l->service->name, model_op_name(op), l->in, NULL);
		if (done.parked && outside && answer_left(t, r))
			return;
		c->parked = false; /* an invoke that parks says so to all above it */
		ASSERT(done.ok + done.parked + str_present(done.error.code) == 1 && !c->failed);
		if (done.ok)
			wire_encode(c->arena, op, done.typed_out, l->service->model->protocol, S("id"), &w);
		else if (!done.parked)
			wire_encode_error(c->arena, l->service->model, op, &done.error, l->service->model->protocol, false, S("id"), &w);
		r->answers[i] = done.ok ? done.out : NULL;
	}
}

/* As the writer runs them, each under a save point of its own. One that waits for something outside is let go. */
static void run_jobs(struct txn *txn)
{
	for (struct task *t = jobs_take_due(txn, clock_now_ms(), JOBS_MAX), *next; t != NULL; t = next) {
		next = t->next;
		txn_save(txn);
		task_execute(t, txn);
		if (task_wants_commit(t))
			txn_release(txn);
		else
			txn_restore(txn);
		jobs_landed(t);
		task_release(t);
		arena_free(t->keep); /* the task lies in it */
	}
}

static struct str said_by_endpoint(struct arena *a, struct str said)
{
	struct str lines = arena_dup(a, said);
	for (size_t i = 0; str_starts(said, S("HTTP/")) && i < lines.n; i++)
		if (lines.p[i] == '|')
			((char *)(uintptr_t)lines.p)[i] = '\n';
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int turns_s[] = {0, 0, 61, 1000, 86400, 40 * 86400};
	static const struct principal root = {.type = PRINCIPAL_ROOT, .account = STR_INIT("000000000000"),
	                                      .arn = STR_INIT("arn:aws:iam::000000000000:root")};
	if (size > INPUT_MAX)
		return 0;
	open_once();
	at.random = 1;
	at.now_ms = NOW_S * 1000ll;
	struct arena *a = arena_new(0);
	struct run *r = arena_new_of(a, struct run);
	lines_read(a, str_of((const char *)data, size), &r->lines);
	if (r->lines.n > 0) {
		struct task t;
		task_init(&t, a);
		t.mode = OP_WRITE;
		t.handler = run_lines;
		t.call.service = r->lines.v[0].service;
		t.call.who = &root;
		t.call.account = root.account;
		t.call.region = S("us-east-1");
		t.call.request_id = S("00000000-0000-4000-8000-000000000000");
		t.call.endpoint = S("http://localhost:4566");
		t.call.source_ip = S("127.0.0.1");
		t.call.user_agent = S("fuzz");
		t.call.started_ms = clock_now_ms();
		t.call.user = r;
		struct txn *txn = store_group_txn(at.store);
		txn_save(txn);
		task_execute(&t, txn);
		while (t.call.parked && answer_left(&t, r)) { /* it runs again with what it waited for */
			struct await_slot *slot = &t.slots[t.n_slots - 1];
			struct str said = said_by_endpoint(a, r->lines.said[t.n_slots - 1]);
			slot->answered = true;
			slot->answer = (struct answer){.ok = !str_starts(said, S("-")), .bytes = said, .error_code = S("")};
			task_drop_effects(&t);
			txn_restore(txn);
			txn_save(txn);
			at.random = 1;
			r->lines = (struct lines){0};
			lines_read(a, str_of((const char *)data, size), &r->lines); /* what was filled in is the run before's */
			task_execute(&t, txn);
		}
		txn_release(txn);
		task_release(&t);
		for (size_t i = 0; i < COUNT_OF(turns_s); i++) {
			at.now_ms += turns_s[i] * 1000ll;
			run_jobs(txn);
		}
		txn_drop(txn);
	}
	arena_free(a);
	return 0;
}

/* ---- changing it ---- */

struct mutation {
	struct arena *a;
	uint64_t random;
	struct json *nodes[NODES_MAX]; /* values of all inputs */
	size_t n_nodes;
	const struct json_member *members[NODES_MAX];
};

static size_t pick(struct mutation *m, size_t below)
{
	m->random = m->random * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(m->random >> 33) % below;
}

static void collect(struct mutation *m, struct json *j)
{
	if (m->n_nodes < NODES_MAX)
		m->nodes[m->n_nodes++] = j;
	for (uint32_t i = 0; j->type >= JSON_ARRAY && i < j->n; i++)
		collect(m, json_is(j, JSON_ARRAY) ? &j->items[i] : &j->members[i].value);
}

static struct str some_text(struct mutation *m)
{
	static const char *const texts[] = {"", "a", "*", "$LATEST", "default", "AWS::Region", "arn:aws:sqs:us-east-1:000000000000:q",
		"arn:aws:iam::000000000000:role/r", "rate(1 minute)", "cron(0 0 * * ? *)", "2023-11-14T00:00:00Z", "us-east-1", "000000000000",
		"{\"Version\":\"2012-10-17\",\"Statement\":[]}", "a=b&c=d", "aws:reserved", "-1", "99999999999999999999", "../..", "%00%2f",
		"\xc3\xa9\xe2\x82\xac"};
	for (int i = 0; i < 4 && m->n_nodes > 0; i++) {
		const struct json *j = m->nodes[pick(m, m->n_nodes)];
		if (json_is(j, JSON_STRING))
			return j->text;
	}
	return str_c(texts[pick(m, COUNT_OF(texts))]);
}

static struct json *some_number(struct mutation *m, const struct shape *s)
{
	static const int64_t numbers[] = {0, 1, -1, 2, 60, 255, 256, 1000, 65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, NOW_S, NOW_S + 60};
	if (s != NULL && s->has_min && pick(m, 3) > 0)
		return json_new_i64(m->a, (int64_t)s->min + (int64_t)pick(m, 3));
	if (s != NULL && s->has_max && s->max < 1e15 && pick(m, 3) > 0)
		return json_new_i64(m->a, (int64_t)s->max - (int64_t)pick(m, 3));
	return json_new_i64(m->a, numbers[pick(m, COUNT_OF(numbers))]);
}

static struct json *text_for(struct mutation *m, const struct shape *s)
{
	if (s->type == SHAPE_STRING && s->values_at != 0) {
		size_t n = 0;
		while (shape_value(s, n) != NULL)
			n++;
		return json_new_str(m->a, str_c(shape_value(s, pick(m, n))));
	}
	struct str t = some_text(m);
	while (s->has_min && (double)t.n < s->min && t.n < 1024)
		t = arena_join(m->a, t, S("abcdefgh"));
	return json_new_str(m->a, t);
}

/* A value of a shape, mostly one that its constraints allow. */
static struct json *value_for(struct mutation *m, const struct shape *s, unsigned depth)
{
	struct json *j = json_new_object(m->a);
	switch (s->type) {
	case SHAPE_STRUCT:
		for (uint16_t i = 0; i < s->n_members; i++)
			if (depth < DEPTH_MAX && (shape_members(s)[i].required || pick(m, 4) == 0))
				json_set(m->a, j, str_c(member_name(&shape_members(s)[i])), value_for(m, member_shape(&shape_members(s)[i]), depth + 1));
		return j;
	case SHAPE_UNION:
		if (depth < DEPTH_MAX && s->n_members > 0) {
			const struct member *one = &shape_members(s)[pick(m, s->n_members)];
			json_set(m->a, j, str_c(member_name(one)), value_for(m, member_shape(one), depth + 1));
		}
		return j;
	case SHAPE_MAP:
		if (depth < DEPTH_MAX && pick(m, 3) > 0)
			json_set(m->a, j, text_for(m, member_shape(shape_key(s)))->text, value_for(m, item_shape(s), depth + 1));
		return j;
	case SHAPE_LIST:
		j = json_new_array(m->a);
		for (size_t n = pick(m, 3); depth < DEPTH_MAX && n > 0; n--)
			json_push(m->a, j, value_for(m, item_shape(s), depth + 1));
		return j;
	case SHAPE_BOOL: return json_new_bool(m->a, pick(m, 2) > 0);
	case SHAPE_INT: case SHAPE_FLOAT: case SHAPE_BIG: return some_number(m, s);
	case SHAPE_TIME: return json_new_i64(m->a, NOW_S - 3600 + (int64_t)pick(m, 7200));
	case SHAPE_DOCUMENT: return m->n_nodes > 0 ? m->nodes[pick(m, m->n_nodes)] : j;
	default: return text_for(m, s);
	}
}

static void change_value(struct mutation *m, struct json *j)
{
	switch (pick(m, 6)) {
	case 0: *j = *json_copy(m->a, m->nodes[pick(m, m->n_nodes)]); return; /* a copy: a tree stays a tree */
	case 1: *j = *json_new_str(m->a, some_text(m)); return;
	case 2: *j = *some_number(m, NULL); return;
	case 3: *j = *json_new_null(m->a); return;
	default:
		if (json_is(j, JSON_STRING)) {
			char *t = (char *)(uintptr_t)arena_dup(m->a, arena_join(m->a, j->text, S("        "))).p;
			size_t n = LLVMFuzzerMutate((uint8_t *)t, j->text.n, j->text.n + 8);
			for (size_t i = 0; i < n; i++)
				t[i] = (char)(t[i] & 0x7f);
			j->text = str_of(t, n);
		} else if (json_is(j, JSON_ARRAY) && j->n > 0) {
			json_push(m->a, j, json_copy(m->a, &j->items[pick(m, j->n)]));
		} else if (json_is(j, JSON_OBJECT) && j->n > 0) {
			json_unset(j, j->members[pick(m, j->n)].key);
		}
	}
}

/* Policies, templates, patterns and documents are JSON in a text, or in a blob's base64: changed inside. */
static bool change_inside(struct mutation *m, struct json *j)
{
	struct str text = json_is(j, JSON_STRING) ? j->text : STR_NONE, plain = base64_decode(m->a, text);
	bool coded = str_starts(plain, S("{"));
	struct json *in = coded || str_starts(text, S("{")) ? json_parse(m->a, coded ? plain : text, NULL) : NULL;
	if (in == NULL)
		return false;
	struct mutation own = {.a = m->a};
	collect(&own, in);
	own.random = m->random;
	change_value(&own, own.nodes[pick(m, own.n_nodes)]);
	j->text = json_text(m->a, in);
	if (coded)
		j->text = base64_encode(m->a, j->text);
	return true;
}

static void change_line(struct mutation *m, struct line *l)
{
	const struct shape *input = l->op->model != NULL ? model_op_input(l->op->model) : NULL;
	if (input != NULL && input->n_members > 0 && pick(m, 3) == 0) {
		const struct member *member = &shape_members(input)[pick(m, input->n_members)];
		json_set(m->a, l->in, str_c(member_name(member)), json_copy(m->a, value_for(m, member_shape(member), 1)));
		return;
	}
	struct mutation own = {.a = m->a};
	collect(&own, l->in);
	struct json *j = own.nodes[pick(m, own.n_nodes)];
	if (pick(m, 4) == 0 || !change_inside(m, j))
		change_value(m, j);
	if (l->in->type != JSON_OBJECT)
		l->in = json_new_object(m->a);
}

/* ---- stacks of any resource ---- */

/* What no model tells of: members of templates are named as the types' handlers look for them. */
static struct json *some_property(struct mutation *m, const struct cfn_type *t, unsigned depth)
{
	static const char *const names[] = {"Key", "Value", "Id", "Name", "Type", "Arn", "Status", "Rules", "Enabled", "Filter", "Prefix", "Region",
		"Fn::Sub", "Ref"};
	struct json *j;
	switch (depth < DEPTH_MAX ? pick(m, 7) : pick(m, 4)) {
	case 0: return json_new_bool(m->a, pick(m, 2) > 0);
	case 1: return some_number(m, NULL);
	case 2: return json_new_null(m->a);
	case 3: case 4: return json_new_str(m->a, some_text(m));
	case 5:
		j = json_new_array(m->a);
		for (size_t n = pick(m, 3); n > 0; n--)
			json_push(m->a, j, some_property(m, t, depth + 1));
		return j;
	default:
		j = json_new_object(m->a);
		for (size_t n = pick(m, 4); n > 0; n--) {
			size_t own = 0;
			while (t->properties != NULL && t->properties[own] != NULL)
				own++;
			size_t which = pick(m, COUNT_OF(names) + own);
			const char *name = which < COUNT_OF(names) ? names[which] : t->properties[which - COUNT_OF(names)];
			json_set(m->a, j, str_c(name), some_property(m, t, depth + 1));
		}
		return j;
	}
}

static void new_stack(struct mutation *m, struct line *l)
{
	const struct service *s;
	do
		s = services[pick(m, n_services)];
	while (s->n_cfn_types == 0);
	const struct cfn_type *t = &s->cfn_types[pick(m, s->n_cfn_types)];
	struct json *root = json_new_object(m->a), *all = json_new_object(m->a), *one = json_new_object(m->a), *p = json_new_object(m->a);
	for (size_t i = 0; t->properties != NULL && t->properties[i] != NULL; i++)
		if (pick(m, 3) == 0)
			json_set(m->a, p, str_c(t->properties[i]), some_property(m, t, 1));
	json_set_str(m->a, one, "Type", str_c(t->name));
	json_set(m->a, one, S("Properties"), p);
	json_set(m->a, all, S("R"), one);
	json_set(m->a, root, S("Resources"), all);
	l->service = service_find(S("cloudformation"));
	l->op = service_op(l->service, S("CreateStack"));
	l->in = json_new_object(m->a);
	json_set_str(m->a, l->in, "StackName", S("s"));
	json_set_str(m->a, l->in, "TemplateBody", json_text(m->a, root));
	json_push(m->a, json_set(m->a, l->in, S("Capabilities"), json_new_array(m->a)), json_new_str(m->a, S("CAPABILITY_NAMED_IAM")));
}

static void new_line(struct mutation *m, struct line *l, const struct service *s)
{
	if (pick(m, 4) == 0) {
		new_stack(m, l);
		return;
	}
	if (s == NULL || pick(m, 8) == 0)
		do
			s = services[pick(m, n_services)];
		while (s->n_ops == 0);
	l->service = s;
	l->op = &s->ops[pick(m, s->n_ops)];
	l->in = model_op_input(l->op->model) != NULL ? json_copy(m->a, value_for(m, model_op_input(l->op->model), 0)) : json_new_object(m->a);
}

static void change_said(struct mutation *m, struct str *said)
{
	struct json *j = json_new_str(m->a, *said);
	if (!change_inside(m, j))
		change_value(m, j);
	if (json_is(j, JSON_STRING) && str_find(j->text, '\n') < 0)
		*said = j->text;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	struct mutation m = {.a = arena_new(0), .random = seed};
	struct lines *all = arena_new_of(m.a, struct lines);
	struct line *lines = all->v;
	lines_read(m.a, arena_dup(m.a, str_of((const char *)data, size)), all);
	size_t n = all->n, out = size;
	for (size_t i = 0; i < n; i++)
		collect(&m, lines[i].in);
	size_t which = n > 0 ? pick(&m, n) : 0;
	switch (pick(&m, 10)) {
	case 0:
		if (n < LINES_MAX)
			new_line(&m, &lines[n], n > 0 ? lines[which].service : NULL);
		n += n < LINES_MAX;
		break;
	case 1:
		for (size_t i = which; i + 1 < n; i++)
			lines[i] = lines[i + 1];
		n -= n > 1;
		break;
	case 2:
		if (n > 0 && n < LINES_MAX) {
			lines[n] = lines[which];
			lines[n].in = json_copy(m.a, lines[which].in);
			n++;
		}
		break;
	case 3:
		if (n > 0)
			lines[which].op = &lines[which].service->ops[pick(&m, lines[which].service->n_ops)];
		break;
	case 4:
		if (all->n_said > 0) {
			change_said(&m, &all->said[pick(&m, all->n_said)]);
			break;
		} /* fall through */
	default:
		for (size_t i = 0; n > 0 && i <= pick(&m, 3); i++)
			change_line(&m, &lines[which]);
	}
	all->n = n;
	struct str text = lines_write(m.a, all);
	if (text.n > 0 && text.n <= max) {
		memcpy(data, text.p, text.n);
		out = text.n;
	}
	arena_free(m.a);
	return out;
}
