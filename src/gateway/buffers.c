/* See buffers.h.
 *
 * What always holds: at most BUFFERS_MAX buffers exist; nobody waits while a spare one is there; a user is in one of the two
 * lists or in none; fillers are ordered by when they last got a byte, the longest ago first. */
#include "gateway/buffers.h"

#include "svc/service.h"

#include <stdlib.h>
#include <uv.h>

enum { SPARE_MAX = 16, IDLE_MS = 1000, LOOK_MS = 250 };

struct line { struct buffer_user *first, *last; };

static struct {
	struct line waiting, filling;
	char *spare[SPARE_MAX];
	size_t n_spare, n_out; /* kept for the next taker; with users */
	uv_timer_t timer;
	bool timer_there;
} pool;

static void append(struct line *l, struct buffer_user *u, enum buffer_place place)
{
	ASSERT(u->place == BUFFER_NOWHERE && u->next == NULL && u->prev == NULL);
	u->place = place;
	u->prev = l->last;
	*(l->last != NULL ? &l->last->next : &l->first) = u;
	l->last = u;
}

static int64_t now_ms(void) { return (int64_t)uv_now(service_loop()); }

static void fills(struct buffer_user *u)
{
	u->touched_ms = now_ms();
	append(&pool.filling, u, BUFFER_FILLING);
}

void buffer_leave(struct buffer_user *u)
{
	if (u->place == BUFFER_NOWHERE)
		return;
	struct line *l = u->place == BUFFER_WAITING ? &pool.waiting : &pool.filling;
	ASSERT(l->first != NULL && l->last != NULL);
	*(u->prev != NULL ? &u->prev->next : &l->first) = u->next;
	*(u->next != NULL ? &u->next->prev : &l->last) = u->prev;
	u->next = u->prev = NULL;
	u->place = BUFFER_NOWHERE;
}

/* Who waits for a buffer gets that of a client that has sent nothing for a while. */
static void ask_idle(uv_timer_t *unused)
{
	(void)unused;
	const struct buffer_user *last = pool.waiting.last; /* those who are asked wait behind it */
	for (struct buffer_user *w = pool.waiting.first; w != NULL; w = w == last ? NULL : w->next) {
		struct buffer_user *idle = pool.filling.first;
		if (idle == NULL || now_ms() - idle->touched_ms < IDLE_MS)
			break;
		buffer_leave(idle);
		idle->asked(idle);
		if (w->place != BUFFER_WAITING) /* it was given back at once */
			break;
	}
	if (pool.waiting.first == NULL)
		uv_timer_stop(&pool.timer);
}

static void look_later(void)
{
	if (!pool.timer_there) {
		uv_timer_init(service_loop(), &pool.timer);
		uv_unref((uv_handle_t *)&pool.timer);
		pool.timer_there = true;
	}
	if (!uv_is_active((uv_handle_t *)&pool.timer))
		uv_timer_start(&pool.timer, ask_idle, LOOK_MS, LOOK_MS);
}

char *buffer_take(struct buffer_user *u)
{
	ASSERT(u->place == BUFFER_NOWHERE && u->given != NULL && u->asked != NULL);
	ASSERT(pool.n_spare + pool.n_out <= BUFFERS_MAX);
	if (pool.n_spare == 0 && pool.n_out == BUFFERS_MAX) {
		append(&pool.waiting, u, BUFFER_WAITING);
		look_later();
		return NULL;
	}
	char *p = pool.n_spare > 0 ? pool.spare[--pool.n_spare] : malloc(BUFFER_BYTES);
	if (p == NULL)
		die("out of memory (%d bytes)", BUFFER_BYTES);
	pool.n_out++;
	fills(u);
	return p;
}

void buffer_touch(struct buffer_user *u)
{
	ASSERT(u->place == BUFFER_FILLING);
	if (u != pool.filling.last) {
		buffer_leave(u);
		fills(u);
	} else {
		u->touched_ms = now_ms();
	}
}

void buffer_keep(struct buffer_user *u)
{
	ASSERT(u->place == BUFFER_WAITING);
	buffer_leave(u);
	fills(u);
}

void buffer_give(char *p)
{
	ASSERT(p != NULL && pool.n_out > 0);
	struct buffer_user *u = pool.waiting.first;
	if (u != NULL) {
		buffer_leave(u);
		fills(u);
		u->given(u, p);
		return;
	}
	pool.n_out--;
	if (pool.n_spare < SPARE_MAX)
		pool.spare[pool.n_spare++] = p;
	else
		free(p);
}

size_t buffers_in_use(void) { return pool.n_out; }
