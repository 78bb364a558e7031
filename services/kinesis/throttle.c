/* What a shard can bear: 1 MiB and 1,000 records a second in, 2 MiB and 5 calls a second out.
 *
 * Measured in memory by the seconds of the service clock, as it protects nothing that must outlive the process. A large record or
 * answer may exceed its second; the seconds after it pay for it ("subsequent calls made within the next 5 seconds throw").
 * Source: "Quotas and limits", "Large records" (Developer Guide), GetRecords (API Reference). */
#include "kinesis.h"

#include "telemetry/metric.h"

#include <pthread.h>

enum { METERS = 4096, PROBES = 32, IN_BYTES = 1 << 20, IN_RECORDS = 1000, OUT_BYTES = 2 << 20, OUT_CALLS = 5 };

struct side { int64_t second; uint64_t bytes, times; };
/* Open addressing by shard; when the table is full, a shard shares the meter it lands on. */
struct meter { uint64_t id; struct side in, out; };

static struct meter meters[METERS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Under lock. */
static struct meter *meter_of(const struct stream *s, uint64_t shard)
{
	uint64_t id = (s->id << 20 ^ shard) + 1;
	size_t at = (size_t)(id * 0x9e3779b97f4a7c15u >> 32) % METERS;
	for (size_t i = 0; i < PROBES; i++) {
		struct meter *m = &meters[(at + i) % METERS];
		if (m->id == id || m->id == 0) {
			m->id = id;
			return m;
		}
	}
	return &meters[at];
}

/* Every second that has passed takes a second's worth away. A clock turned back begins anew. */
static void settle(struct side *m, int64_t now_ms, uint64_t bytes_a_second)
{
	int64_t second = now_ms / 1000, passed = second - m->second;
	if (passed == 0)
		return;
	uint64_t drained = passed < 0 || passed > 3600 ? UINT64_MAX : (uint64_t)passed * bytes_a_second;
	m->bytes = m->bytes > drained ? m->bytes - drained : 0;
	m->times = 0;
	m->second = second;
}

bool throttle_put(struct stream *s, uint64_t shard, size_t bytes)
{
	ASSERT(bytes <= READ_BYTES_MAX);
	pthread_mutex_lock(&lock);
	struct side *m = &meter_of(s, shard)->in;
	settle(m, s->c->now_ms, IN_BYTES);
	bool fits = m->times < IN_RECORDS && (m->bytes == 0 || m->bytes + bytes <= IN_BYTES);
	m->bytes += fits ? bytes : 0;
	m->times += fits;
	pthread_mutex_unlock(&lock);
	return fits;
}

bool throttle_get(struct stream *s, uint64_t shard)
{
	pthread_mutex_lock(&lock);
	struct side *m = &meter_of(s, shard)->out;
	settle(m, s->c->now_ms, OUT_BYTES);
	bool fits = m->times < OUT_CALLS && m->bytes < OUT_BYTES;
	m->times += fits;
	pthread_mutex_unlock(&lock);
	return fits;
}

void throttle_got(struct stream *s, uint64_t shard, size_t bytes)
{
	ASSERT(bytes <= READ_BYTES_MAX);
	pthread_mutex_lock(&lock);
	struct side *m = &meter_of(s, shard)->out;
	settle(m, s->c->now_ms, OUT_BYTES);
	m->bytes += bytes;
	pthread_mutex_unlock(&lock);
}

struct str throttle_message(struct stream *s, uint64_t shard)
{
	struct arena *a = s->c->arena;
	return arena_printf(a, "Rate exceeded for shard %.*s in stream %.*s under account %.*s.", STR_ARG(shard_id(a, shard)), STR_ARG(s->name),
		STR_ARG(s->account));
}
