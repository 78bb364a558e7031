/* Virtual multi-factor devices: their records, their seeds, and what a code is worth.
 *
 * A device shows a time-based one-time password (RFC 6238: SHA-1, six digits, 30 seconds). What always holds: a seed lies sealed
 * under the store's key and leaves this file only as the code made of it; a code is good once, for the last step that was
 * used is kept and only later ones count; the service's clock is what a device is measured against.
 *
 * A device that goes wrong by some steps is brought in step with two codes that follow one another (RFC 6238, section 6;
 * "Resynchronize virtual and hardware MFA devices", IAM User Guide). */
#include "iam.h"

#include "base/enc.h"
#include "svc/arn.h"
#include "svc/master.h"

enum {
	STEP_MS = 30000,
	WINDOW = 1,      /* steps that a code may be early or late: it takes a while to be typed (RFC 6238, 5.2) */
	SYNC_REACH = 720 /* steps looked through for two codes: six hours */
};

/* ---- records ---- */

static struct key *device_key(struct call *c, struct str path, struct str name)
{
	ASSERT(str_starts(path, S("/")) && name.n > 0);
	return key_str(call_key(c, "mfa"), arena_lower(c->arena, arena_join(c->arena, path, name)));
}

struct str device_arn(struct call *c, const struct iam_Device *d)
{
	return arena_printf(c->arena, "arn:aws:iam::%.*s:mfa%.*s%.*s", STR_ARG(c->account), STR_ARG(d->Path), STR_ARG(d->Name));
}

struct iam_Device *device_find(struct call *c, struct str serial)
{
	struct arn arn;
	if (!arn_parse(serial, &arn) || !str_eq(arn.service, S("iam")) || !str_eq(arn.account, c->account) || !str_starts(arn.resource, S("mfa/")))
		return NULL;
	ptrdiff_t slash = str_rfind(arn.resource, '/');
	struct str path = str_slice(arn.resource, 3, (size_t)slash + 1), name = str_slice(arn.resource, (size_t)slash + 1, arn.resource.n);
	if (name.n == 0)
		return NULL;
	struct iam_Device *d = call_get(c, device_key(c, path, name), &iam_shape_Device);
	return d != NULL && str_eq(device_arn(c, d), serial) ? d : NULL;
}

bool device_taken(struct call *c, struct str path, struct str name) { return txn_has(c->txn, key_bytes(device_key(c, path, name))); }

void device_put(struct call *c, const struct iam_Device *d)
{
	ASSERT(d->Seed.n == SEED_BYTES + WRAP_EXTRA);
	ASSERT(d->Enabled.set == (d->OfRoot.v || str_present(d->Owner))); /* in use by somebody, or by nobody */
	call_put(c, device_key(c, d->Path, d->Name), &iam_shape_Device, d);
}

void device_del(struct call *c, const struct iam_Device *d)
{
	ASSERT(!d->Enabled.set);
	call_del(c, device_key(c, d->Path, d->Name));
}

void device_each(struct call *c, void (*visit)(struct call *c, const struct iam_Device *d, void *arg), void *arg)
{
	struct scan *s = call_scan(c, call_key(c, "mfa"), STR_NONE, false);
	struct str key, value;
	while (scan_next(s, &key, &value))
		visit(c, record_decode(c, &iam_shape_Device, value), arg);
	scan_close(s);
}

void devices_renamed(struct call *c, const struct iam_Entity *user)
{
	ASSERT(user->Devices.n <= MFA_PER_USER);
	for (uint32_t i = 0; i < user->Devices.n; i++) {
		struct iam_Device *d = device_find(c, *LIST_AT(user->Devices, struct str, i));
		ASSERT(d != NULL && !d->OfRoot.v);
		d->Owner = user->Name;
		device_put(c, d);
	}
}

/* ---- seeds ---- */

struct str seed_seal(struct call *c, struct str seed)
{
	unsigned char kek[MASTER_BYTES];
	ASSERT(seed.n == SEED_BYTES);
	master_key(c, master_place(c, "iam"), kek);
	return key_wrap(c->arena, kek, seed);
}

static struct str seed_open(struct call *c, const struct iam_Device *d)
{
	unsigned char kek[MASTER_BYTES];
	master_key(c, master_place(c, "iam"), kek);
	struct str seed = key_unwrap(c->arena, kek, d->Seed);
	ASSERT(seed.n == SEED_BYTES);
	return seed;
}

/* ---- codes ---- */

/* RFC 4226, section 5.3, of the step as a counter. */
static uint32_t code_at(struct str seed, int64_t step)
{
	char counter[8];
	ASSERT(step >= 0 && seed.n == SEED_BYTES);
	for (int i = 0; i < 8; i++)
		counter[i] = (char)(step >> (56 - 8 * i));
	struct sha1 mac = hmac_sha1(seed, str_of(counter, sizeof counter));
	const unsigned char *at = mac.b + (mac.b[19] & 15);
	uint32_t bits = (uint32_t)(at[0] & 127) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
	return bits % 1000000;
}

/* Six digits; the pattern of the model lets other scripts' digits through too. */
static bool code_read(struct str text, uint32_t *code)
{
	uint64_t n = 0;
	if (text.n != 6 || !str_to_u64(text, &n))
		return false;
	ASSERT(n < 1000000);
	*code = (uint32_t)n;
	return true;
}

/* The last step that may not be used any more; -1: none yet. */
static int64_t spent(const struct iam_Device *d) { return d->Spent.set ? d->Spent.v : -1; }

bool device_sync(struct call *c, struct iam_Device *d, struct str first, struct str second)
{
	uint32_t one, two;
	if (!code_read(first, &one) || !code_read(second, &two))
		return false;
	struct str seed = seed_open(c, d);
	int64_t now = c->now_ms / STEP_MS;
	for (int64_t i = 0; i <= 2 * SYNC_REACH; i++) { /* the nearest first: 0, -1, 1, -2, 2... */
		int64_t away = i % 2 == 1 ? -(i + 1) / 2 : i / 2, step = now + away;
		if (step <= spent(d) || step < 0 || code_at(seed, step) != one || code_at(seed, step + 1) != two)
			continue;
		int64_t drift = away + 1; /* the second is what it shows now */
		d->Drift = SOME_I64(drift >= -WINDOW && drift <= WINDOW ? 0 : drift);
		d->Spent = SOME_I64(step + 1);
		return true;
	}
	return false;
}

static bool is_owner(const struct iam_Device *d, const struct principal *who)
{
	return who->type == PRINCIPAL_ROOT ? d->OfRoot.v : who->type == PRINCIPAL_USER && str_present(d->Owner) && str_eq(d->Owner, who->name);
}

enum mfa_check device_spend(struct call *c, const struct principal *who, struct str serial, struct str code)
{
	struct call here = *c; /* iam answers for the account of who asks */
	here.service = service_find(S("iam"));
	here.account = who->account;
	ASSERT(here.service != NULL && here.service->global);
	struct iam_Device *d = device_find(&here, serial);
	if (d == NULL || !is_owner(d, who))
		return MFA_NO_DEVICE;
	uint32_t given;
	if (!code_read(code, &given))
		return MFA_BAD_CODE;
	struct str seed = seed_open(&here, d);
	int64_t at = c->now_ms / STEP_MS + d->Drift.v;
	for (int64_t step = at - WINDOW; step <= at + WINDOW; step++) {
		if (step <= spent(d) || step < 0 || code_at(seed, step) != given)
			continue;
		d->Spent = SOME_I64(step);
		device_put(&here, d);
		return MFA_GOOD;
	}
	return MFA_BAD_CODE;
}
