/* See queue.h. What always holds: a queue counts what lies in it, and its tail is where the next one goes. */
#include "svc/queue.h"

void queue_init(struct queue *q, bool (*wanted)(void))
{
	*q = (struct queue){.wanted = wanted};
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->some, NULL);
	q->tail = &q->head;
	q->in_tail = &q->in;
}

void queue_add(struct queue *q, struct task *t)
{
	ASSERT(t->place == TASK_QUEUED);
	t->next = NULL;
	*q->in_tail = t;
	q->in_tail = &t->next;
	q->n_in++;
}

void queue_hand_over(struct queue *q)
{
	ASSERT(q->in_tail != NULL);
	if (q->n_in == 0)
		return;
	pthread_mutex_lock(&q->lock);
	*q->tail = q->in;
	q->tail = q->in_tail;
	q->n += q->n_in;
	bool wake = q->sleeping > 0 && (q->wanted == NULL || q->wanted());
	pthread_mutex_unlock(&q->lock);
	if (wake)
		pthread_cond_signal(&q->some);
	q->in = NULL;
	q->in_tail = &q->in;
	q->n_in = 0;
}

void queue_sleep(struct queue *q)
{
	q->sleeping++;
	pthread_cond_wait(&q->some, &q->lock);
	ASSERT(q->sleeping > 0);
	q->sleeping--;
}

struct task *queue_pop(struct queue *q, size_t max)
{
	struct task *first = q->head, *last = first;
	if (first == NULL || max == 0)
		return NULL;
	q->n--;
	for (size_t i = 1; i < max && last->next != NULL; i++, q->n--)
		last = last->next;
	q->head = last->next;
	if (q->head == NULL)
		q->tail = &q->head;
	ASSERT((q->head == NULL) == (q->n == 0));
	last->next = NULL;
	return first;
}

void queue_stop(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_mutex_unlock(&q->lock);
	pthread_cond_broadcast(&q->some);
}
