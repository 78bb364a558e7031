/* See stream.h. */
#include "svc/stream.h"

#include "os/os.h"
#include "svc/chain.h"

void outgoing_begin(struct outgoing *o, struct http_request *h, const struct stream_source *source, void (*done)(void *arg), void *arg)
{
	ASSERT(h != NULL && done != NULL && source->begin != NULL && source->more != NULL && source->gone != NULL);
	*o = (struct outgoing){.magic = OUTGOING_MAGIC, .http = h, .source = source, .done = done, .arg = arg, .began_us = os.monotonic_us()};
	source->begin(o, source->arg);
}

bool outgoing_write(struct outgoing *o, struct str piece)
{
	CHECK_MAGIC(o, (unsigned)OUTGOING_MAGIC);
	ASSERT(!o->ended);
	if (o->http == NULL)
		return true;
	if (!str_eq(o->http->method, S("HEAD"))) /* which gets none of it */
		o->bytes += (int64_t)piece.n;
	o->waits = !http_write(o->http, piece);
	return !o->waits;
}

static void last_word(struct outgoing *o, void (*say)(struct http_request *h))
{
	CHECK_MAGIC(o, (unsigned)OUTGOING_MAGIC);
	ASSERT(!o->ended);
	struct http_request *h = o->http;
	o->ended = true;
	o->http = NULL;
	if (h != NULL)
		say(h);
	o->done(o->arg);
}

void outgoing_end(struct outgoing *o) { last_word(o, http_end); }
void outgoing_cut(struct outgoing *o) { last_word(o, http_cut); }

void outgoing_drained(struct outgoing *o)
{
	CHECK_MAGIC(o, (unsigned)OUTGOING_MAGIC);
	ASSERT(!o->ended && o->http != NULL);
	if (!o->waits)
		return;
	o->waits = false;
	o->source->more(o->source->arg);
}

void outgoing_gone(struct outgoing *o)
{
	CHECK_MAGIC(o, (unsigned)OUTGOING_MAGIC);
	ASSERT(!o->ended && o->http != NULL);
	int64_t unsent = (int64_t)http_unsent(o->http);
	o->bytes -= unsent < o->bytes ? unsent : o->bytes;
	o->http = NULL;
	o->source->gone(o->source->arg);
}

/* ---- made in steps ---- */

struct stepping {
	struct stream_source source;
	struct chain chain;
	bool (*step)(void *arg);
	void *arg;
	struct outgoing *to;
	struct buf *out;           /* the worker's while a step is under way */
};

static bool send_made(struct stepping *s)
{
	ASSERT(!s->chain.working && !s->out->overflow);
	if (s->out->n == 0)
		return true;
	bool more = outgoing_write(s->to, buf_view(s->out));
	buf_clear(s->out);
	return more;
}

static bool step(void *arg)
{
	struct stepping *s = arg;
	return s->step(s->arg);
}

static bool stepped(void *arg) { return send_made(arg); }

static void over(void *arg)
{
	struct stepping *s = arg;
	if (!s->chain.stopped)
		(void)send_made(s); /* the last, whatever the client has taken */
	outgoing_end(s->to);
}

static void begin(struct outgoing *o, void *arg)
{
	struct stepping *s = arg;
	s->to = o;
	chain_init(&s->chain, step, stepped, over, s);
	if (send_made(s))
		chain_go_on(&s->chain);
}

static void more(void *arg) { chain_go_on(&((struct stepping *)arg)->chain); }
static void gone(void *arg) { chain_stop(&((struct stepping *)arg)->chain); }

const struct stream_source *stream_of_steps(struct arena *a, bool (*work)(void *arg), void *arg, struct buf *out)
{
	ASSERT(work != NULL && out != NULL);
	struct stepping *s = arena_new_of(a, struct stepping);
	*s = (struct stepping){.source = {begin, more, gone, s}, .step = work, .arg = arg, .out = out};
	return &s->source;
}
