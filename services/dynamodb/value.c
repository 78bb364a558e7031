/* Operations on attribute values: see value.h. */
#include "value.h"

#include <stdlib.h>

bool fault(struct fault *f, const char *fmt, ...)
{
	ASSERT(f->arena != NULL && fmt != NULL);
	if (f->code != FAULT_NONE)
		return false;
	va_list ap;
	va_start(ap, fmt);
	f->code = FAULT_VALIDATION;
	f->message = arena_vprintf(f->arena, fmt, ap);
	va_end(ap);
	return false;
}

bool fault_long_name(struct fault *f)
{
	ASSERT(f->arena != NULL);
	if (f->code == FAULT_NONE) {
		fault(f, "1 validation error detected: Attribute name is too large, must be less than %d bytes", NAME_SIZE_MAX + 1);
		f->code = FAULT_LONE;
	}
	return false;
}

bool fault_serialization(struct fault *f, const char *fmt, ...)
{
	ASSERT(f->arena != NULL && fmt != NULL);
	if (f->code != FAULT_NONE)
		return false;
	va_list ap;
	va_start(ap, fmt);
	f->code = FAULT_SERIALIZATION;
	f->message = arena_vprintf(f->arena, fmt, ap);
	va_end(ap);
	return false;
}

static const char *const type_names[] = {"", "S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"};

const char *av_type_name(enum av_type t)
{
	ASSERT(t < COUNT_OF(type_names));
	return type_names[t];
}

enum av_type av_type_of_name(struct str name)
{
	for (unsigned t = AV_S; t < COUNT_OF(type_names); t++)
		if (str_eq(name, str_c(type_names[t])))
			return (enum av_type)t;
	return AV_NONE;
}

enum av_type av_element_type(enum av_type set)
{
	ASSERT(av_is_set(set));
	return set == AV_SS ? AV_S : set == AV_NS ? AV_N : AV_B;
}

struct av av_string(struct str s)
{
	return (struct av){.type = AV_S, .s = s};
}

struct av av_number(struct arena *a, const struct number *n)
{
	return (struct av){.type = AV_N, .s = number_text(a, n)};
}

struct av av_integer(struct arena *a, int64_t v)
{
	return (struct av){.type = AV_N, .s = arena_printf(a, "%lld", (long long)v)};
}

struct number av_to_number(const struct av *v)
{
	ASSERT(v->type == AV_N);
	struct number n;
	enum number_fault f = number_parse(v->s, &n);
	ASSERT(f == NUMBER_OK);
	return n;
}

/* Where a name is, or where it belongs. */
static uint32_t member_place(const struct av *m, struct str name, bool *found)
{
	uint32_t low = 0, high = m->n;
	*found = false;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int c = str_cmp(m->members[mid].name, name);
		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct av *av_get(const struct av *m, struct str name)
{
	if (m == NULL || m->type != AV_M)
		return NULL;
	bool found;
	uint32_t at = member_place(m, name, &found);
	return found ? &m->members[at].value : NULL;
}

struct av *av_set(struct arena *a, struct av *m, struct str name, const struct av *v)
{
	ASSERT(m->type == AV_M && v->type != AV_NONE);
	bool found;
	uint32_t at = member_place(m, name, &found);
	if (!found) {
		struct av_member *fresh = arena_array(a, struct av_member, m->n + 1);
		if (m->n > 0) {
			memcpy(fresh, m->members, at * sizeof *fresh);
			memcpy(fresh + at + 1, m->members + at, (m->n - at) * sizeof *fresh);
		}
		m->members = fresh;
		m->n++;
		fresh[at].name = name;
	}
	m->members[at].value = *v;
	return &m->members[at].value;
}

bool av_unset(struct av *m, struct str name)
{
	ASSERT(m->type == AV_M);
	bool found;
	uint32_t at = member_place(m, name, &found);
	if (!found)
		return false;
	memmove(m->members + at, m->members + at + 1, (m->n - at - 1) * sizeof *m->members);
	m->n--;
	return true;
}

bool av_equal(const struct av *x, const struct av *y)
{
	if (x->type != y->type)
		return false;
	switch ((enum av_type)x->type) {
	case AV_S: case AV_N: case AV_B:
		return str_eq(x->s, y->s);
	case AV_BOOL:
		return x->truth == y->truth;
	case AV_NULL:
		return true;
	case AV_SS: case AV_NS: case AV_BS: case AV_L:
		if (x->n != y->n)
			return false;
		for (uint32_t i = 0; i < x->n; i++)
			if (!av_equal(&x->items[i], &y->items[i]))
				return false;
		return true;
	case AV_M:
		if (x->n != y->n)
			return false;
		for (uint32_t i = 0; i < x->n; i++)
			if (!str_eq(x->members[i].name, y->members[i].name) ||
			    !av_equal(&x->members[i].value, &y->members[i].value))
				return false;
		return true;
	case AV_NONE:
		break;
	}
	ASSERT(x->type == AV_NONE);
	return true;
}

int av_cmp(const struct av *x, const struct av *y)
{
	ASSERT(x->type == y->type && x->type >= AV_S && x->type <= AV_B);
	if (x->type != AV_N)
		return str_cmp(x->s, y->s);
	struct number nx = av_to_number(x), ny = av_to_number(y);
	return number_cmp(&nx, &ny);
}

struct av av_copy(struct arena *a, const struct av *v)
{
	ASSERT(v != NULL);
	struct av copy = *v;
	if (v->type == AV_M) {
		copy.members = arena_array(a, struct av_member, v->n);
		for (uint32_t i = 0; i < v->n; i++)
			copy.members[i] = (struct av_member){v->members[i].name, av_copy(a, &v->members[i].value)};
	} else if (v->type == AV_L || av_is_set(v->type)) {
		copy.items = arena_array(a, struct av, v->n);
		for (uint32_t i = 0; i < v->n; i++)
			copy.items[i] = av_copy(a, &v->items[i]);
	}
	return copy;
}

static int cmp_elements(const void *x, const void *y)
{
	return av_cmp(x, y);
}

bool av_sort_set(struct av *set)
{
	ASSERT(av_is_set(set->type));
	bool sorted = true;
	for (uint32_t i = 1; i < set->n && sorted; i++)
		sorted = av_cmp(&set->items[i - 1], &set->items[i]) < 0;
	if (sorted)
		return true;
	qsort(set->items, set->n, sizeof *set->items, cmp_elements);
	uint32_t kept = 1;
	for (uint32_t i = 1; i < set->n; i++)
		if (!av_equal(&set->items[kept - 1], &set->items[i]))
			set->items[kept++] = set->items[i];
	bool distinct = kept == set->n;
	set->n = kept;
	return distinct;
}

bool av_set_has(const struct av *set, const struct av *element)
{
	ASSERT(av_is_set(set->type));
	for (uint32_t i = 0; i < set->n; i++)
		if (av_equal(&set->items[i], element))
			return true;
	return false;
}

size_t av_size(const struct av *v)
{
	size_t sum = 0;
	switch ((enum av_type)v->type) {
	case AV_S: case AV_B:
		return v->s.n;
	case AV_N:
		return number_text_size(v->s);
	case AV_BOOL: case AV_NULL:
		return 1;
	case AV_SS: case AV_NS: case AV_BS:
		for (uint32_t i = 0; i < v->n; i++)
			sum += av_size(&v->items[i]);
		return sum;
	case AV_L:
		for (uint32_t i = 0; i < v->n; i++)
			sum += 1 + av_size(&v->items[i]);
		return 3 + sum;
	case AV_M:
		return 3 + v->n + item_size(v);
	case AV_NONE:
		break;
	}
	ASSERT(v->type == AV_NONE);
	return 0;
}

size_t item_size(const struct av *item)
{
	ASSERT(item->type == AV_M);
	size_t sum = 0;
	for (uint32_t i = 0; i < item->n; i++)
		sum += item->members[i].name.n + av_size(&item->members[i].value);
	return sum;
}
