/* Any request through the gateway's stages up to its handler: "METHOD host target", then one header a line, behind an empty line the body.
 *
 * Whatever it is, it is refused with an error that can be written, or it is an operation with an input that fits its model, or a data plane's.
 * A signature that is not right (none here is) is passed over once it was refused, so that what lies behind it is looked at, too. Who claims a
 * request looks at nothing but its head, and what a host says of a bucket is a part of it. */
#include "gateway/request.h"
#include "os/os.h"

enum { HEADERS_MAX = 24, REQUEST_BYTES_MAX = 16 << 10 };

static void same_random(void *p, size_t n) { memset(p, 7, n); }

static void by_host(const struct request *r)
{
	const struct wire_request *w = &r->wire;
	for (size_t i = 0; i < n_services; i++) {
		const struct service *s = services[i];
		struct str bucket = s->host_bucket != NULL ? s->host_bucket(w->host) : STR_NONE;
		ASSERT(!str_present(bucket) || (bucket.p >= w->host.p && bucket.p + bucket.n <= w->host.p + w->host.n));
		ASSERT(s->claims == NULL || !s->claims(w) || s->raw != NULL); /* what is claimed is answered */
	}
}

static void read_request(struct request *r, struct str text, struct param *headers)
{
	struct wire_request *w = &r->wire;
	struct str line = str_cut(&text, '\n');
	w->method = str_cut(&line, ' ');
	w->host = str_present(line) ? str_cut(&line, ' ') : S("");
	struct str target = str_present(line) && line.n > 0 ? line : S("/");
	w->raw_path = str_cut(&target, '?');
	w->raw_query = target;
	w->headers = headers;
	while (str_present(text) && w->n_headers < HEADERS_MAX) {
		struct str value = str_cut(&text, '\n'), name = str_cut(&value, ':');
		if (name.n == 0)
			break;
		headers[w->n_headers++] = (struct param){name, str_present(value) ? str_trim(value) : S(""), true};
	}
	r->n_sent_headers = w->n_headers;
	w->body = str_present(text) ? text : S("");
	r->stream = (struct body){.bytes = w->body, .length = (int64_t)w->body.n};
}

/* What a refusal leads to; the request is as if there had been none. */
static void refused(struct request *r)
{
	ASSERT(r->failed && r->error.status >= 400 && r->error.code.n > 0);
	enum next next = stage_encode(r);
	ASSERT(next == NEXT && r->response.status == r->error.status);
	r->failed = false;
	r->error = (struct wire_error){0};
	r->response = (struct wire_response){0};
}

/* false: it was refused. */
static bool stage(struct request *r, enum next (*run)(struct request *r))
{
	enum next next = run(r);
	ASSERT(next == NEXT || next == FAIL);
	if (next == FAIL)
		refused(r);
	return next == NEXT;
}

static void walk(struct request *r)
{
	if (!stage(r, stage_admit))
		return;
	by_host(r);
	if (!stage(r, stage_route))
		return;
	ASSERT(r->raw || r->service != NULL || r->claim.kind == SIG_NONE);
	bool known = stage(r, stage_identify);
	if (!stage(r, stage_select))
		return;
	if (known)
		(void)stage(r, stage_verify);
	if (!stage(r, stage_decode) || r->raw)
		return;
	const struct shape *input = model_op_input(r->model_op);
	ASSERT(r->op != NULL && r->op->model == r->model_op && r->task.call.in != NULL);
	if (input != NULL)
		ASSERT(typed_from_cbor(r->arena, input, typed_to_cbor(r->arena, input, r->task.call.in)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct service_config config = {.port = 4566, .region = "us-east-1", .account = "000000000000"};
	if (size > REQUEST_BYTES_MAX)
		return 0;
	os.random = same_random;
	service_config_set(&config);
	struct arena *a = arena_new(0);
	struct param headers[HEADERS_MAX];
	struct request *r = arena_new_of(a, struct request);
	r->magic = REQUEST_MAGIC;
	r->arena = a;
	read_request(r, str_of((const char *)data, size), headers);
	if (!str_starts(r->wire.raw_path, S("/_tsubo/")) && str_starts(r->wire.raw_path, S("/")) && r->wire.method.n > 0) /* as the parser sees to */
		walk(r);
	arena_free(a);
	return 0;
}
