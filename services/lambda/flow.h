/* Answers on their way from a function to its client while the function still writes them.
 * Source: "Response streaming for Lambda functions", "Using the Lambda runtime API" (developer guide). */
#ifndef TSUBO_LAMBDA_FLOW_H
#define TSUBO_LAMBDA_FLOW_H

#include "svc/stream.h"

#include "engine.h"

enum {
	STREAM_MAX = 200 << 20,   /* bytes of a streamed answer */
	PRELUDE_MAX = 64 << 10    /* what is looked at for the head of an HTTP answer */
};

struct flow;

/* On the loop: run k and answer the ticket; keep is the call's. The answer is that of invoke_await when the function has answered as a
 * whole; when it streams: ok with detail a flow, bytes the prelude (absent: none), error_message the content type. */
void flow_start(struct ticket t, struct arena *keep, const struct engine_call *k, enum stream_form form);
/* The body of the call's answer; any thread. */
const struct stream_source *flow_source(const struct flow *f);

/* The last event, as text: how an invocation that was streamed has ended. */
struct str flow_end_text(struct arena *a, struct str error, struct str details, bool want_log, struct str log_tail);

#endif
