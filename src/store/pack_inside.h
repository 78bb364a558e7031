/* What pack.c and pack_sweep.c share. */
#ifndef TSUBO_STORE_PACK_INSIDE_H
#define TSUBO_STORE_PACK_INSIDE_H

#include "store/inside.h"
#include "store/pack.h"

enum { PACK_SECTION_HEAD = 16 };
#define PACK_KEY_PREFIX ((struct str){"\0p", 2})

struct pack_row_key { char b[2 + 8]; };

/* In front of each entry; its checksum covers where it is, too, so that nothing else passes for one. */
struct pack_head {
	uint32_t key_n, value_n, checksum, unused;
};

struct pack {
	uint64_t id;
	int64_t end, live;   /* bytes of entries: written, and not given up */
	int64_t kept;        /* bytes of the file that were not punched out of it */
	uint64_t dead_since; /* the group that left nothing alive; 0: there is something, or was none when the store opened */
	bool row;            /* it has one in the database */
	int fd;              /* -1: closed */
	unsigned pins;       /* readers, and being the current one */
	/* the committing thread's: how the group will leave it */
	bool changing;
	int64_t next_end, next_live;
};

struct packs {
	pthread_mutex_t lock;
	struct pack **v;
	size_t n, cap, n_open, hand;
	bool sweep; /* there is something to give back */
	uint64_t opened_at; /* the last group when the store opened */
	/* the committing thread's */
	struct pack *current;
	bool dirty, broken; /* bytes that may not be on disk; such bytes that may be lost */
	int64_t behind;     /* handed to the disk early, up to here */
	struct pack **changed;
	size_t n_changed, cap_changed;
	char *image;        /* the section: its head, then entries */
	size_t image_n, image_cap, cursor;
	/* while opening */
	bool again;
	int again_fd; /* 0: none */
	uint64_t again_id;
};

struct pointer {
	uint64_t pack;
	int64_t at; /* of the value */
	uint32_t n, checksum;
};

static inline size_t pack_entry_bytes(size_t key_n, size_t value_n) { return (sizeof(struct pack_head) + key_n + value_n + 7) & ~(size_t)7; }
struct pack_head pack_head(uint64_t id, int64_t at, uint32_t key_n, uint32_t value_n);
struct pointer pointer_of(struct str bytes);
/* NULL: none. The lock is held. */
struct pack *pack_find(const struct packs *p, uint64_t id);
void pack_drop(struct packs *p, struct pack *k);
void pack_path(const struct store *s, uint64_t id, char out[PATH_MAX]);

#endif
