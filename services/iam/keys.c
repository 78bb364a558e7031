/* Long-term access keys in memory: who signs with which secret.
 *
 * What always holds: the table says what is committed: it is read from the store at start and again for one user in the
 * effect of a call that changed it, both on the loop thread; any thread may ask, so it is behind a lock. Root of the
 * server's account has the keys test/test; a key that is a 12-digit account id is root of that account, secret "test". */
#include "iam.h"

#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>

struct owner {
	struct arena *arena; /* of all that follows */
	struct principal who;
	enum kind kind;
	const struct iam_Entity *entity;
	struct owner *next;
};

struct entry { struct str secret; const struct owner *owner; };

static struct map entries; /* access key id -> struct entry */
static struct owner *owners;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static void owner_free(struct owner *o)
{
	for (uint32_t i = 0; i < o->entity->Keys.n; i++)
		map_del(&entries, LIST_AT(o->entity->Keys, struct iam_KeyPair, i)->Id);
	arena_free(o->arena);
}

static void forget(struct str account, enum kind kind, struct str name)
{
	for (struct owner **at = &owners; *at != NULL; at = &(*at)->next) {
		struct owner *o = *at;
		if (o->kind != kind || !str_eq(o->who.account, account) || !str_eq(o->entity->Name, name))
			continue;
		*at = o->next;
		owner_free(o);
		return;
	}
}

static void fill_principal(struct owner *o, struct str account)
{
	ASSERT(account.n == 12 && o->entity != NULL && (o->kind == KIND_USER || o->kind == KIND_ROOT));
	const struct iam_Entity *e = o->entity;
	struct param_tag *tags = arena_array(o->arena, struct param_tag, e->Labels.n);
	for (uint32_t i = 0; i < e->Labels.n; i++) {
		tags[i].key = LIST_AT(e->Labels, struct iam_Tag, i)->Key;
		tags[i].value = LIST_AT(e->Labels, struct iam_Tag, i)->Value;
	}
	o->who.account = arena_dup(o->arena, account);
	o->who.tags = tags;
	o->who.n_tags = e->Labels.n;
	if (o->kind == KIND_ROOT) {
		o->who.type = PRINCIPAL_ROOT;
		o->who.arn = arena_printf(o->arena, "arn:aws:iam::%.*s:root", STR_ARG(account));
		o->who.user_id = o->who.account;
		return;
	}
	o->who.type = PRINCIPAL_USER;
	o->who.arn = arena_printf(o->arena, "arn:aws:iam::%.*s:user%.*s%.*s", STR_ARG(account), STR_ARG(e->Path), STR_ARG(e->Name));
	o->who.user_id = e->Id;
	o->who.name = e->Name;
}

/* Take in a user's record: the bytes are copied. */
static void remember(struct str account, enum kind kind, struct str record)
{
	struct arena *a = arena_new(0);
	struct owner *o = arena_new_of(a, struct owner);
	o->arena = a;
	o->kind = kind;
	o->entity = typed_from_cbor(a, &iam_shape_Entity, arena_dup(a, record));
	ASSERT(o->entity != NULL);
	if (o->entity->Keys.n == 0) {
		arena_free(a);
		return;
	}
	fill_principal(o, account);
	for (uint32_t i = 0; i < o->entity->Keys.n; i++) {
		const struct iam_KeyPair *k = LIST_AT(o->entity->Keys, struct iam_KeyPair, i);
		struct entry *e = arena_new_of(a, struct entry);
		*e = (struct entry){k->Secret, o};
		if (!k->Inactive.v)
			map_put(&entries, k->Id, e);
	}
	ASSERT(o->who.account.n == 12 && str_present(o->who.arn));
	o->next = owners;
	owners = o;
}

void keys_start(void)
{
	struct arena *a = arena_new(0);
	struct key k = key_new(a);
	key_str(&k, S("iam"));
	struct txn *t = store_read(service_store());
	struct str from = key_bytes(&k), key, value;
	struct scan *s = scan_open(t, from, key_after(a, from), false);
	map_init(&entries, NULL);
	while (scan_next(s, &key, &value)) {
		struct key_reader r = key_reader_of(key);
		struct str service, account, region, table;
		if (!key_read_str(&r, a, &service) || !key_read_str(&r, a, &account) || !key_read_str(&r, a, &region) || !key_read_str(&r, a, &table))
			continue;
		if (str_eq(table, S("user")) || str_eq(table, S("root")))
			remember(account, str_eq(table, S("user")) ? KIND_USER : KIND_ROOT, value);
	}
	txn_end(t);
	arena_free(a);
}

void keys_stop(void)
{
	while (owners != NULL) {
		struct owner *o = owners;
		owners = o->next;
		owner_free(o);
	}
	map_free(&entries);
}

/* ---- after a change ---- */

struct change { enum kind kind; size_t key_n, name_n; char account[12]; char name[128]; char key[512]; };

static void on_change(void *block)
{
	const struct change *ch = block;
	struct str account = str_of(ch->account, 12), value;
	struct arena *a = arena_new(0);
	struct txn *t = store_read(service_store());
	pthread_rwlock_wrlock(&lock);
	forget(account, ch->kind, str_of(ch->name, ch->name_n));
	if (txn_get(t, str_of(ch->key, ch->key_n), a, &value))
		remember(account, ch->kind, value);
	pthread_rwlock_unlock(&lock);
	txn_end(t);
	arena_free(a);
}

void keys_changed(struct call *c, enum kind kind, struct str name)
{
	struct change *ch = call_effect(c, on_change, sizeof *ch);
	ASSERT(c->account.n == 12 && name.n > 0 && name.n <= sizeof ch->name);
	struct str key = key_bytes(key_str(entity_table(c, kind), arena_lower(c->arena, name)));
	ASSERT(key.n <= sizeof ch->key && kind != KIND_ROLE);
	ch->kind = kind;
	memcpy(ch->account, c->account.p, 12);
	memcpy(ch->name, name.p, ch->name_n = name.n);
	memcpy(ch->key, key.p, ch->key_n = key.n);
}

/* ---- the question ---- */

static bool is_account_id(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n == 12;
}

static void root_of(struct str account, struct arena *a, struct principal *who)
{
	*who = (struct principal){.type = PRINCIPAL_ROOT, .account = account, .user_id = account,
		.arn = arena_join(a, S("arn:aws:iam::"), account, S(":root"))};
}

/* Copied: the table may change while the call runs. */
static void copy_out(const struct entry *e, struct arena *a, struct principal *who, struct str *secret)
{
	const struct principal *p = &e->owner->who;
	ASSERT(str_present(e->secret) && p->account.n == 12);
	struct param_tag *tags = arena_array(a, struct param_tag, p->n_tags);
	*who = *p;
	who->account = arena_dup(a, p->account);
	who->arn = arena_dup(a, p->arn);
	who->name = arena_dup(a, p->name);
	who->user_id = arena_dup(a, p->user_id);
	for (size_t i = 0; i < p->n_tags; i++)
		tags[i] = (struct param_tag){arena_dup(a, p->tags[i].key), arena_dup(a, p->tags[i].value), false};
	who->tags = tags;
	*secret = arena_dup(a, e->secret);
}

bool keys_secret_of(struct str access_key, struct arena *a, struct principal *who, struct str *secret)
{
	bool server_root = str_eq(access_key, S("test"));
	if (server_root || is_account_id(access_key)) {
		root_of(server_root ? str_c(service_config()->account) : access_key, a, who);
		*secret = S("test");
		return true;
	}
	pthread_rwlock_rdlock(&lock);
	const struct entry *e = map_get(&entries, access_key);
	if (e != NULL)
		copy_out(e, a, who, secret);
	pthread_rwlock_unlock(&lock);
	return e != NULL;
}
