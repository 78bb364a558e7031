/* A file as an answer's body: blocks are read (and changed: decrypted) on the worker pool, one ahead of what the client takes,
 * so that reading and sending go on at the same time. The first block, when the kernel has it in memory, is read at once: most
 * answers are no longer than that.
 *
 * What always holds: position and descriptor belong to the worker while `reading`, else to the loop; a block is EMPTY, being
 * read, or READY to be written, and they are written in the order they were read; when the connection goes away while a
 * worker reads, `conn` is NULL and the completion frees everything. */
#include "http/conn.h"
#include "os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

/* The more answers are under way, the smaller the blocks of the next, and what is left with the kernel to send: what they hold
 * together is bounded (four blocks each: 14 MB for the first eight, 28 MB for the next 56, 64 KB for each one more). Large ones
 * mean fewer ways to a worker and back, and fewer writes: each wakes the client. */
static const struct { unsigned senders; size_t bytes; } block_sizes[] = {{8, 512 << 10}, {64, 128 << 10}, {UINT32_MAX, 16 << 10}};
/* STEP: read and changed at once: what the processor's cache keeps. */
enum { STEP = 64 << 10, SPARE_MAX = 8 };

struct block {
	char *own;     /* NULL until needed */
	const char *p; /* own, or the bytes of a piece in memory */
	size_t n;      /* 0: empty */
	bool failed;
};

struct file_send {
	uv_work_t work;
	struct http_conn *conn;
	struct http_source source; /* next NULL: the one file */
	struct block block[2];
	unsigned to_read, to_write; /* of the two */
	bool reading;
	int64_t unsent;            /* by the loop's count */
	/* the reader's */
	int fd;                    /* -1: bytes, or none yet */
	const char *bytes;
	int64_t at, left;          /* of this piece */
	int64_t later;             /* of the pieces after it */
	size_t block_bytes;
};

/* Of the loop thread. Blocks of the largest size are kept for the next answer: to have as much memory of the system each time,
 * and give it back, costs more than to read and send what lies in it. */
static unsigned n_sending, n_spare;
static char *spare[SPARE_MAX];

static char *memory_take(size_t n)
{
	ASSERT(n > 0 && n <= block_sizes[0].bytes);
	if (n > STEP && n_spare > 0)
		return spare[--n_spare];
	char *p = malloc(n > STEP ? block_sizes[0].bytes : n);
	if (p == NULL)
		die("out of memory");
	return p;
}

static void memory_give(char *p, size_t n)
{
	if (p != NULL && n > STEP && n_spare < SPARE_MAX)
		spare[n_spare++] = p;
	else
		free(p);
}

static void file_free(struct file_send *f)
{
	ASSERT(!f->reading && n_sending > 0);
	n_sending--;
	if (f->fd >= 0)
		close(f->fd);
	if (f->source.end != NULL)
		f->source.end(f->source.arg);
	memory_give(f->block[0].own, f->block_bytes);
	memory_give(f->block[1].own, f->block_bytes);
	free(f);
}

/* ---- reading: the loop's or a worker's ---- */

/* Go to the next piece. false: it cannot be had. */
static bool open_piece(struct file_send *f)
{
	struct http_piece p = {.fd = -1};
	ASSERT(f->left == 0 && f->later > 0);
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	if (f->source.next == NULL || !f->source.next(f->source.arg, &p))
		return false;
	ASSERT((p.fd >= 0 || p.bytes != NULL) && p.length > 0 && p.length <= f->later);
	f->fd = p.fd;
	f->bytes = p.bytes;
	f->at = p.offset;
	f->left = p.length;
	f->later -= p.length;
	return true;
}

static size_t block_want(const struct file_send *f, const struct block *b)
{
	size_t room = f->block_bytes - b->n, most = room < STEP ? room : STEP;
	return f->left < (int64_t)most ? (size_t)f->left : most;
}

/* n bytes more have been read. */
static void block_filled(struct file_send *f, struct block *b, size_t n)
{
	ASSERT(n > 0 && (int64_t)n <= f->left);
	if (f->fd >= 0 && f->source.change != NULL)
		f->source.change(f->source.arg, b->own + b->n, n, f->at);
	b->n += n;
	f->at += (int64_t)n;
	f->left -= (int64_t)n;
}

/* Fill a block, waiting for the disk. */
static void block_read(struct file_send *f, struct block *b)
{
	ssize_t n;
	if (f->left == 0 && !open_piece(f)) {
		b->failed = true;
		return;
	}
	if (f->fd < 0) {
		b->p = f->bytes + f->at;
		block_filled(f, b, block_want(f, b));
		return;
	}
	b->p = b->own;
	while (f->left > 0 && b->n < f->block_bytes) {
		do
			n = os.pread(f->fd, b->own + b->n, block_want(f, b), f->at);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			break;
		block_filled(f, b, (size_t)n);
	}
	b->failed = b->n == 0; /* unreadable, or shorter than announced; else the next read will tell */
}

/* As block_read, if nobody need wait for the disk. Only while reading is the real thing: a test that replaces os.pread must
 * see every read. */
static bool block_read_now(struct file_send *f, struct block *b)
{
	if (f->fd < 0 && f->left > 0) {
		block_read(f, b);
		return true;
	}
#ifdef RWF_NOWAIT
	if (os.pread != pread || f->left == 0)
		return false;
	b->p = b->own;
	while (f->left > 0 && b->n < f->block_bytes) {
		struct iovec v = {b->own + b->n, block_want(f, b)};
		ssize_t n = preadv2(f->fd, &v, 1, f->at, RWF_NOWAIT);
		if (n <= 0)
			break;
		block_filled(f, b, (size_t)n);
	}
	return b->n > 0;
#else
	return false;
#endif
}

static void read_work(uv_work_t *w)
{
	struct file_send *f = w->data;
	block_read(f, &f->block[f->to_read]);
}

static void read_done(uv_work_t *w, int status);

/* Have the next block read, if there is one and it has room. */
static void read_ahead(struct file_send *f)
{
	struct block *b = &f->block[f->to_read];
	if (f->reading || f->left + f->later == 0 || b->n > 0 || b->failed)
		return;
	if (b->own == NULL)
		b->own = memory_take(f->block_bytes);
	f->reading = true;
	if (uv_queue_work(f->conn->server->loop, &f->work, read_work, read_done) != 0)
		die("cannot queue work");
}

/* ---- writing: the loop ---- */

/* Write what is ready, while the next is read, as long as the client takes it. */
static void go_on(struct file_send *f)
{
	struct http_request *r = f->conn->r;
	for (;;) {
		struct block *b = &f->block[f->to_write];
		if (f->reading && f->to_read == f->to_write)
			return; /* read_done goes on */
		if (b->failed) {
			http_cut(r);
			return;
		}
		if (b->n == 0) {
			read_ahead(f);
			return;
		}
		if (f->to_read == f->to_write)
			f->to_read ^= 1; /* the other is empty */
		read_ahead(f);
		bool more = http_write(r, str_of(b->p, b->n));
		f->unsent -= (int64_t)b->n;
		ASSERT(f->unsent >= 0);
		b->n = 0;
		f->to_write ^= 1;
		if (f->unsent == 0) {
			http_end(r);
			return;
		}
		if (!more)
			return; /* drained goes on */
	}
}

static void drained(struct http_request *r) { go_on(r->conn->file); }

static void read_done(uv_work_t *w, int status)
{
	struct file_send *f = w->data;
	struct http_conn *c = f->conn;
	ASSERT(f->reading);
	f->reading = false;
	if (c == NULL) {
		file_free(f);
		return;
	}
	CHECK_MAGIC(c->r, REQUEST_MAGIC);
	ASSERT(c->file == f);
	struct block *b = &f->block[f->to_read];
	b->failed |= status != 0;
	ASSERT(b->failed || b->n > 0);
	if (f->to_read != f->to_write)
		return;
	if (!c->want_drain)
		go_on(f);
}

static struct file_send *file_new(struct http_conn *c, int64_t length)
{
	struct file_send *f = calloc(1, sizeof *f);
	ASSERT(length > 0);
	if (f == NULL)
		die("out of memory");
	size_t size = 0;
	n_sending++;
	while (n_sending > block_sizes[size].senders)
		size++;
	int64_t most = (int64_t)block_sizes[size].bytes;
	*f = (struct file_send){.conn = c, .fd = -1, .unsent = length, .block_bytes = (size_t)(length < most ? length : most)};
	f->block[0].own = memory_take(f->block_bytes);
	f->work.data = f;
	if (f->block_bytes < c->drain_below && length > most)
		c->drain_below = f->block_bytes;
	c->file = f;
	c->released = true;
	return f;
}

/* The first block at once, if that is possible. */
static void begin(struct http_request *r, struct file_send *f)
{
	http_on_drain(r, drained);
	(void)block_read_now(f, &f->block[0]);
	go_on(f);
}

static struct http_conn *conn_to_send(struct http_request *r)
{
	struct http_conn *c = r->conn;
	CHECK_MAGIC(r, REQUEST_MAGIC);
	CHECK_MAGIC(c, CONN_MAGIC);
	ASSERT(c->begun && !c->released && c->file == NULL);
	return c;
}

void http_send_file(struct http_request *r, int fd, int64_t offset, int64_t length)
{
	struct http_conn *c = conn_to_send(r);
	ASSERT(fd >= 0 && offset >= 0 && length >= 0);
	if (length == 0 || c->bodyless) {
		close(fd);
		http_end(r);
		return;
	}
	struct file_send *f = file_new(c, length);
	f->fd = fd;
	f->at = offset;
	f->left = length;
	begin(r, f);
}

void http_send_source(struct http_request *r, const struct http_source *source, int64_t length)
{
	struct http_conn *c = conn_to_send(r);
	ASSERT(source->next != NULL && source->end != NULL && length >= 0);
	if (length == 0 || c->bodyless) {
		source->end(source->arg);
		http_end(r);
		return;
	}
	struct file_send *f = file_new(c, length);
	f->source = *source;
	f->later = length;
	if (open_piece(f))
		begin(r, f);
	else
		http_cut(r);
}

void file_abandon(struct file_send *f)
{
	if (f->reading)
		f->conn = NULL;
	else
		file_free(f);
}
