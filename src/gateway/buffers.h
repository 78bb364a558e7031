/* The buffers that uploads are received in. All of them together are bounded, however many clients there are and however slow
 * they send: who finds none waits in line, and who holds one without filling it is asked to hand it in. Loop thread only. */
#ifndef TSUBO_BUFFERS_H
#define TSUBO_BUFFERS_H

#include "base/base.h"

/* A buffer is full at BUFFER_FULL; the room behind takes what one read of the connection brings. */
enum { BUFFER_FULL = 128 << 10, BUFFER_BYTES = BUFFER_FULL + (64 << 10), BUFFERS_MAX = 96 };

enum buffer_place { BUFFER_NOWHERE, BUFFER_WAITING, BUFFER_FILLING };

/* One who fills a buffer, or waits for one; lies in the user's own struct. */
struct buffer_user {
	enum buffer_place place;
	struct buffer_user *next, *prev;
	int64_t touched_ms;
	/* The user's turn has come: it fills p from now on. */
	void (*given)(struct buffer_user *u, char *p);
	/* Others wait: pass on what has been filled, or give it back with buffer_give. The user fills none from now on. */
	void (*asked)(struct buffer_user *u);
};

/* A buffer to fill, or NULL: then u waits in line. */
char *buffer_take(struct buffer_user *u);
/* Bytes were put into the buffer that u fills. */
void buffer_touch(struct buffer_user *u);
/* u, who waits in line, fills again a buffer that it has had all the time. */
void buffer_keep(struct buffer_user *u);
/* u neither fills nor waits any more; a buffer it has stays its own until buffer_give. */
void buffer_leave(struct buffer_user *u);
/* Back it goes: to the first in line. */
void buffer_give(char *p);
/* How many there are now: for tests and asserts. */
size_t buffers_in_use(void);

#endif
