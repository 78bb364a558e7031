/* Tasks on their way from the loop to the threads that run them: what a turn brings is gathered without a lock (`in`) and handed
 * over with one lock and one wake. Each queue has its own mutex, which is held for a push or a take only. */
#ifndef TSUBO_QUEUE_H
#define TSUBO_QUEUE_H

#include "svc/task.h"

#include <pthread.h>

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct task *head, **tail;
	size_t n;
	unsigned sleeping;
	bool stop;
	bool (*wanted)(void); /* is what lies there worth waking a thread for? Under the lock. NULL: always */
	/* the loop's side */
	struct task *in, **in_tail;
	size_t n_in;
};

void queue_init(struct queue *q, bool (*wanted)(void));
/* On the loop. */
void queue_add(struct queue *q, struct task *t);
void queue_hand_over(struct queue *q);
/* On a thread that runs tasks. Under the lock: wait for a wake; up to max tasks as a list, NULL when there is none. */
void queue_sleep(struct queue *q);
struct task *queue_pop(struct queue *q, size_t max);
/* Wakes all, to find that it is over. */
void queue_stop(struct queue *q);

#endif
