/* A file as an answer's body: blocks are read, one at a time, and written while the client takes them. What the kernel
 * has in memory is read at once; for the rest the worker pool waits.
 *
 * What always holds: a read under way owns the block and the descriptor; when the connection goes away meanwhile
 * `conn` is NULL and the completion frees everything. */
#include "http/conn.h"
#include "os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILE_BLOCK = 128 * 1024, AT_ONCE = 2 * 1024 * 1024 }; /* AT_ONCE: then others have their turn */

struct file_send {
	uv_work_t work;
	struct http_conn *conn;
	struct http_source source; /* next NULL: the one file */
	int fd;                    /* -1: bytes, or none yet */
	const char *bytes;
	bool reading;
	int64_t at, left;          /* of this piece */
	int64_t later;             /* of the pieces after it */
	ssize_t got;
	char *block;
	size_t block_bytes;
};

static void file_free(struct file_send *f)
{
	ASSERT(!f->reading);
	if (f->fd >= 0)
		close(f->fd);
	if (f->source.end != NULL)
		f->source.end(f->source.arg);
	free(f->block);
	free(f);
}

/* Go to the next piece. false: it cannot be had. */
static bool open_piece(struct file_send *f)
{
	ASSERT(f->left == 0 && f->later > 0);
	struct http_piece p = {.fd = -1};
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

static void change(struct file_send *f)
{
	if (f->got > 0 && f->fd >= 0 && f->source.change != NULL)
		f->source.change(f->source.arg, f->block, (size_t)f->got, f->at);
}

static size_t block_want(const struct file_send *f)
{
	ASSERT(f->left > 0 && f->block_bytes > 0);
	return f->left < (int64_t)f->block_bytes ? (size_t)f->left : f->block_bytes;
}

static void read_block(uv_work_t *w)
{
	struct file_send *f = w->data;
	f->got = -1;
	if (f->left == 0 && !open_piece(f))
		return;
	if (f->fd < 0) {
		f->got = 0;
		return;
	}
	do
		f->got = os.pread(f->fd, f->block, block_want(f), f->at);
	while (f->got < 0 && errno == EINTR);
	if (f->got == 0)
		f->got = -1; /* shorter than announced */
	change(f);
}

static void block_read(uv_work_t *w, int status);

static void next_block(struct file_send *f)
{
	ASSERT(!f->reading && f->left + f->later > 0);
	f->reading = true;
	if (uv_queue_work(f->conn->server->loop, &f->work, read_block, block_read) != 0)
		die("cannot queue work");
}

/* Read what needs no waiting for the disk; <= 0: nothing. Only while reading is the real thing: a test that replaces
 * os.pread must see every read. */
static ssize_t read_cached(struct file_send *f)
{
#ifdef RWF_NOWAIT
	if (os.pread != pread || f->left == 0 || f->fd < 0)
		return -1;
	struct iovec v = {f->block, block_want(f)};
	return preadv2(f->fd, &v, 1, f->at, RWF_NOWAIT);
#else
	(void)f;
	return -1;
#endif
}

/* Write the block, or the bytes of a piece in memory. False when that was the last, or the client has to take something
 * first. */
static bool pass_on(struct file_send *f)
{
	ASSERT(f->conn != NULL && f->left > 0);
	struct http_request *r = f->conn->r;
	if (f->fd < 0)
		f->got = (ssize_t)f->left;
	bool more = http_write(r, str_of(f->fd < 0 ? f->bytes + f->at : f->block, (size_t)f->got));
	f->at += f->got;
	f->left -= f->got;
	ASSERT(f->left >= 0);
	if (f->left + f->later == 0)
		http_end(r);
	return more && f->left + f->later > 0;
}

static void go_on(struct file_send *f)
{
	ASSERT(f->conn != NULL && !f->reading && f->left + f->later > 0);
	for (int64_t budget = AT_ONCE; budget > 0; budget -= f->got) {
		if (f->fd < 0 && f->left > 0) {
			f->got = 0;
		} else {
			f->got = read_cached(f);
			if (f->got <= 0)
				break;
			change(f);
		}
		if (!pass_on(f))
			return;
	}
	next_block(f);
}

static void drained(struct http_request *r) { go_on(r->conn->file); }

static void block_read(uv_work_t *w, int status)
{
	struct file_send *f = w->data;
	struct http_conn *c = f->conn;
	f->reading = false;
	if (c == NULL) {
		file_free(f);
		return;
	}
	CHECK_MAGIC(c->r, REQUEST_MAGIC);
	ASSERT(c->file == f);
	if (status != 0 || f->got < 0) /* shorter than announced, or unreadable */
		http_cut(c->r);
	else if (pass_on(f))
		go_on(f);
}

static struct file_send *file_new(struct http_conn *c, int64_t length)
{
	ASSERT(length > 0 && c->file == NULL);
	struct file_send *f = calloc(1, sizeof *f);
	size_t block_bytes = length < FILE_BLOCK ? (size_t)length : FILE_BLOCK;
	char *block = malloc(block_bytes);
	if (f == NULL || block == NULL)
		die("out of memory");
	*f = (struct file_send){.conn = c, .fd = -1, .block = block, .block_bytes = block_bytes};
	f->work.data = f;
	c->file = f;
	c->released = true;
	return f;
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
	http_on_drain(r, drained);
	go_on(f);
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
	http_on_drain(r, drained);
	if (open_piece(f))
		go_on(f);
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
