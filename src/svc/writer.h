/* The threads that run calls which write. For executor.c, on the loop, at its start and its end. */
#ifndef TSUBO_WRITER_H
#define TSUBO_WRITER_H

#include "svc/queue.h"

/* What is put into the queue they run, commit and give to executor_done. */
struct queue *writers_start(struct store *store);
/* They run what is queued, and end. */
void writers_stop(void);

#endif
