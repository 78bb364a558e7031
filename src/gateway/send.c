/* See send.h.
 *
 * What always holds: a sender owns copies of everything, for it outlives the request; while it lives a blob it will open
 * is not removed: either it is open already, or the snapshot it was found in is held. */
#include "gateway/send.h"

#include "store/blob.h"
#include "svc/body.h"

#include <stdlib.h>
#include <unistd.h>

struct sender {
	struct body_part *parts;
	size_t n, at;             /* at: the next one */
	const struct body_part *current;
	int fd;                   /* of the first, when it is a blob */
	struct txn *snapshot;
	int64_t length;
	struct arena *arena;
};

static struct blob_id blob_of(const struct body_part *p)
{
	ASSERT(p->blob[0] != '\0');
	struct blob_id id;
	memcpy(id.hex, p->blob, sizeof id.hex);
	return id;
}

static int open_part(const struct body_part *p) { return blob_open(service_store(), blob_of(p)); }

/* A reader that shall not wait for the disk leaves what is not in the kernel's memory to another. */
static int open_first(const struct body_part *p, struct txn *txn)
{
	int fd = blob_open_cached(service_store(), blob_of(p));
	return fd >= 0 || (txn != NULL && !txn_writable(txn) && txn_needs_disk(txn)) ? fd : open_part(p);
}

static void sender_drop(void *arg)
{
	ASSERT(((struct sender *)arg)->at <= ((struct sender *)arg)->n);
	struct sender *s = arg;
	if (s->fd >= 0)
		close(s->fd);
	if (s->snapshot != NULL)
		txn_end(s->snapshot);
	arena_free(s->arena);
}

/* The first part was opened inside the transaction, so that it cannot be removed meanwhile; the later ones are
 * held by the snapshot. */
static bool next_piece(void *arg, struct http_piece *out)
{
	struct sender *s = arg;
	ASSERT(s->at < s->n);
	const struct body_part *p = s->current = &s->parts[s->at];
	*out = (struct http_piece){.fd = -1, .bytes = p->bytes.p, .offset = p->offset, .length = p->length};
	if (p->blob[0] != '\0') {
		out->fd = s->at == 0 ? s->fd : open_part(p);
		s->fd = -1;
		if (out->fd < 0)
			return false;
	}
	s->at++;
	return true;
}

static void decrypt(void *arg, char *p, size_t n, int64_t at)
{
	ASSERT(at >= 0);
	struct sender *s = arg;
	body_part_decrypt(s->current, at, p, n);
}

/* Copies of the parts that hold something. */
static void take_parts(struct sender *s, const struct body *b)
{
	size_t n;
	const struct body_part *from = body_parts(s->arena, b, &n);
	s->parts = arena_array(s->arena, struct body_part, n);
	for (size_t i = 0; i < n; i++) {
		if (from[i].length == 0)
			continue;
		s->parts[s->n] = from[i];
		s->parts[s->n].bytes = from[i].blob[0] != '\0' ? STR_NONE : arena_dup(s->arena, from[i].bytes);
		s->length += from[i].length;
		s->n++;
	}
	ASSERT(s->length == b->length);
}

void sender_prepare(struct request *r, struct txn *txn)
{
	ASSERT(r->response.status != 0);
	const struct body *b = r->response.stream;
	sender_free(r);
	if (b == NULL || (b->blob[0] == '\0' && b->parts == NULL))
		return;
	struct arena *a = arena_new(1024);
	struct sender *s = arena_new_of(a, struct sender);
	s->arena = a;
	s->fd = -1;
	take_parts(s, b);
	if (s->n > 0 && s->parts[0].blob[0] != '\0')
		s->fd = open_first(&s->parts[0], txn);
	if (s->n > 0 && s->parts[0].blob[0] != '\0' && s->fd < 0) {
		sender_drop(s);
		return; /* stage_answer answers 500, or a reader comes again */
	}
	if (s->n > 1 && txn != NULL && !txn_writable(txn))
		s->snapshot = txn_again(txn);
	r->sender = s;
}

void sender_send(struct request *r, struct http_request *h, const struct http_header *headers, size_t n)
{
	ASSERT(r->sender != NULL && h != NULL);
	struct sender *s = r->sender;
	r->sender = NULL;
	http_begin(h, r->response.status, headers, n, s->length);
	struct http_source source = {next_piece, decrypt, sender_drop, s};
	http_send_source(h, &source, s->length);
}

void sender_free(struct request *r)
{
	if (r->sender != NULL)
		sender_drop(r->sender);
	r->sender = NULL;
}
