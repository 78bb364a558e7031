/* See throttle.h. Source: "Burst capacity" and "Provisioned capacity mode" (DynamoDB Developer Guide). */
#include "throttle.h"

#include "telemetry/metric.h"

#include <math.h>
#include <pthread.h>

enum { BUCKETS = 4096, BURST_S = 300 };

/* Open addressing by space and kind; when the table is full, a space shares the bucket it lands on. */
struct bucket { uint64_t id; double units, rate, spent; int64_t at_ms; };

static struct bucket buckets[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

const char throttle_message[] = "The level of configured provisioned throughput for the table was exceeded. Consider increasing your "
                                "provisioning level with the UpdateTable API.";

/* Under lock. */
static struct bucket *bucket_of(uint64_t space, bool read)
{
	ASSERT(space != 0);
	uint64_t id = space * 2 + read + 1;
	size_t at = (size_t)(id * 0x9e3779b97f4a7c15u >> 32) % BUCKETS;
	for (size_t i = 0; i < 32; i++) {
		struct bucket *b = &buckets[(at + i) % BUCKETS];
		if (b->id == id)
			return b;
		if (b->id == 0) {
			b->id = id;
			return b;
		}
	}
	return &buckets[at];
}

/* The rate in units a second; 0: none is set. burst_s: how long it may be saved up. */
static double rate_of(const struct table *t, const struct table_index *x, bool read, double *burst_s)
{
	ASSERT(burst_s != NULL);
	const struct dynamodb_TableDescription *d = t->description;
	const struct dynamodb_ProvisionedThroughputDescription *p = d->ProvisionedThroughput;
	const struct dynamodb_OnDemandThroughput *most = d->OnDemandThroughput;
	*burst_s = BURST_S;
	if (x != NULL && !x->local) {
		const struct dynamodb_GlobalSecondaryIndexDescription *g = LIST_AT(d->GlobalSecondaryIndexes,
			struct dynamodb_GlobalSecondaryIndexDescription, (uint32_t)(x - t->indexes) - d->LocalSecondaryIndexes.n);
		p = g->ProvisionedThroughput;
		most = g->OnDemandThroughput;
	}
	int64_t rate = p == NULL ? 0 : read ? p->ReadCapacityUnits.v : p->WriteCapacityUnits.v;
	if (rate == 0 && most != NULL) {
		struct opt_i64 limit = read ? most->MaxReadRequestUnits : most->MaxWriteRequestUnits;
		*burst_s = 1;
		rate = limit.set && limit.v > 0 ? limit.v : 0;
	}
	return (double)rate;
}

/* Units in the bucket now, after taking some. INFINITY: no limit. */
static double take(struct call *c, const struct table *t, const struct table_index *x, bool read, double units)
{
	ASSERT(units >= 0);
	double burst_s, rate = rate_of(t, x, read, &burst_s);
	if (rate <= 0)
		return INFINITY;
	pthread_mutex_lock(&lock);
	struct bucket *b = bucket_of(x != NULL && !x->local ? x->space : t->space, read);
	if (b->at_ms == 0 || b->rate <= 0)
		b->units = rate * burst_s;
	else if (c->now_ms > b->at_ms)
		b->units += rate * (double)(c->now_ms - b->at_ms) / 1000;
	if (b->units > rate * burst_s)
		b->units = rate * burst_s;
	b->rate = rate;
	b->at_ms = c->now_ms;
	b->units -= units;
	b->spent += units;
	double left = b->units;
	pthread_mutex_unlock(&lock);
	return left;
}

double throttle_spent(const struct table *t, const struct table_index *x, bool read)
{
	ASSERT(x == NULL || !x->local);
	pthread_mutex_lock(&lock);
	struct bucket *b = bucket_of(x != NULL ? x->space : t->space, read);
	double spent = b->spent;
	b->spent = 0;
	pthread_mutex_unlock(&lock);
	return spent;
}

double throttle_left(struct call *c, const struct table *t, const struct table_index *x, bool read)
{
	ASSERT(t->space != 0);
	double left = take(c, t, x, read, 0);
	for (uint32_t i = 0; !read && i < t->n_indexes; i++) {
		if (t->indexes[i].local)
			continue;
		double of_index = take(c, t, &t->indexes[i], false, 0);
		left = of_index < left ? of_index : left;
	}
	return left;
}

bool throttle_admit(struct call *c, const struct table *t, const struct table_index *x, bool read)
{
	ASSERT(x == NULL || x->space != 0);
	if (throttle_left(c, t, x, read) > 0)
		return true;
	bool index = x != NULL && !x->local;
	struct metric_dim dims[2] = {{S("TableName"), t->name}, {S("GlobalSecondaryIndexName"), index ? x->name : STR_NONE}};
	metric_add(c->account, c->region, S("AWS/DynamoDB"), read ? S("ReadThrottleEvents") : S("WriteThrottleEvents"), dims, index ? 2 : 1, 1, "Count",
	           c->now_ms);
	struct metric_dim both[2] = {dims[0], {S("Operation"), c->op != NULL ? str_c(model_op_name(c->op->model)) : S("Internal")}};
	metric_add(c->account, c->region, S("AWS/DynamoDB"), S("ThrottledRequests"), both, 2, 1, "Count", c->now_ms);
	call_fail(c, &dynamodb_err_ProvisionedThroughputExceededException, "%s", throttle_message);
	return false;
}

void throttle_charge(struct call *c, const struct table *t, const struct consumed *used)
{
	ASSERT(used->table >= 0);
	double table = used->table;
	for (uint32_t i = 0; i < t->n_indexes; i++) {
		if (t->indexes[i].local)
			table += used->indexes[i];
		else if (used->indexes[i] > 0)
			take(c, t, &t->indexes[i], used->read, used->indexes[i]);
	}
	if (table > 0)
		take(c, t, NULL, used->read, table);
}
