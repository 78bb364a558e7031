/* Any head as a request for a data plane: "METHOD host path", then one header a line. Who claims it looks at nothing else, and what a
 * host says of a bucket is a part of it. */
#include "svc/service.h"

enum { HEADERS_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_of((const char *)data, size), line = str_cut(&rest, '\n');
	struct param headers[HEADERS_MAX];
	struct wire_request r = {.headers = headers, .method = str_cut(&line, ' ')};
	r.host = str_present(line) ? str_cut(&line, ' ') : S("");
	r.raw_path = str_present(line) && line.n > 0 ? line : S("/");
	while (str_present(rest) && r.n_headers < HEADERS_MAX) {
		struct str value = str_cut(&rest, '\n'), name = str_cut(&value, ':');
		headers[r.n_headers++] = (struct param){name, str_present(value) ? value : S(""), true};
	}
	for (size_t i = 0; i < n_services; i++) {
		const struct service *s = services[i];
		struct str bucket = s->host_bucket != NULL ? s->host_bucket(r.host) : STR_NONE;
		ASSERT(!str_present(bucket) || (bucket.p >= r.host.p && bucket.p + bucket.n <= r.host.p + r.host.n));
		ASSERT(s->claims == NULL || !s->claims(&r) || s->raw != NULL); /* what is claimed is answered */
	}
	return 0;
}
