/* Condition operators.
 *
 * What always holds: a value that cannot be read as the operator's type matches nothing (so a negated operator holds).
 * Keys without a value: positive operators fail, negated ones and ...IfExists hold, ForAllValues holds, ForAnyValue
 * fails.
 *
 * Source: "IAM JSON policy elements: Condition operators", "Set operators for multi-valued context keys" (IAM User
 * Guide). */
#include "auth/policy_internal.h"

#include "base/enc.h"
#include "base/time.h"

#include <arpa/inet.h>

static const struct { const char *name; enum condition_operator op; bool negated; } operators[] = {
	{"StringEquals", OP_STRING_EQUALS, false}, {"StringNotEquals", OP_STRING_EQUALS, true},
	{"StringEqualsIgnoreCase", OP_STRING_EQUALS_IGNORE_CASE, false},
	{"StringNotEqualsIgnoreCase", OP_STRING_EQUALS_IGNORE_CASE, true},
	{"StringLike", OP_STRING_LIKE, false}, {"StringNotLike", OP_STRING_LIKE, true},
	{"NumericEquals", OP_NUMERIC_EQUALS, false}, {"NumericNotEquals", OP_NUMERIC_EQUALS, true},
	{"NumericLessThan", OP_NUMERIC_LESS, false}, {"NumericLessThanEquals", OP_NUMERIC_LESS_EQUALS, false},
	{"NumericGreaterThan", OP_NUMERIC_GREATER, false}, {"NumericGreaterThanEquals", OP_NUMERIC_GREATER_EQUALS, false},
	{"DateEquals", OP_DATE_EQUALS, false}, {"DateNotEquals", OP_DATE_EQUALS, true},
	{"DateLessThan", OP_DATE_LESS, false}, {"DateLessThanEquals", OP_DATE_LESS_EQUALS, false},
	{"DateGreaterThan", OP_DATE_GREATER, false}, {"DateGreaterThanEquals", OP_DATE_GREATER_EQUALS, false},
	{"Bool", OP_BOOL, false}, {"BinaryEquals", OP_BINARY_EQUALS, false},
	{"IpAddress", OP_IP_ADDRESS, false}, {"NotIpAddress", OP_IP_ADDRESS, true},
	{"ArnEquals", OP_ARN_LIKE, false}, {"ArnNotEquals", OP_ARN_LIKE, true},
	{"ArnLike", OP_ARN_LIKE, false}, {"ArnNotLike", OP_ARN_LIKE, true},
	{"Null", OP_NULL, false},
};

bool condition_parse_operator(struct str name, struct condition *c)
{
	ASSERT(c->set == SET_NONE && !c->negated && !c->if_exists); /* zeroed */
	if (str_starts_nocase(name, S("ForAllValues:"))) {
		c->set = SET_FOR_ALL_VALUES;
		name = str_slice(name, 13, name.n);
	} else if (str_starts_nocase(name, S("ForAnyValue:"))) {
		c->set = SET_FOR_ANY_VALUE;
		name = str_slice(name, 12, name.n);
	}
	struct str suffix = S("IfExists");
	if (name.n > suffix.n && str_eq_nocase(str_slice(name, name.n - suffix.n, name.n), suffix)) {
		c->if_exists = true;
		name = str_slice(name, 0, name.n - suffix.n);
	}
	for (size_t i = 0; i < COUNT_OF(operators); i++) {
		if (!str_eq_nocase(name, str_c(operators[i].name)))
			continue;
		c->op = operators[i].op;
		c->negated = operators[i].negated;
		return !(c->op == OP_NULL && (c->if_exists || c->set != SET_NONE));
	}
	return false;
}

/* -1, 0, 1; false when one of them is not a number. */
static bool compare_numbers(struct str x, struct str y, int *order)
{
	double p, q;
	int64_t i, j;
	if (str_to_i64(x, &i) && str_to_i64(y, &j)) {
		*order = i < j ? -1 : i > j;
		return true;
	}
	if (!str_to_f64(x, &p) || !str_to_f64(y, &q))
		return false;
	ASSERT(p == p && q == q); /* not a number is no number's text */
	*order = p < q ? -1 : p > q;
	return true;
}

/* Seconds since 1970 or ISO 8601, on either side: policies write both. */
static bool compare_dates(struct str x, struct str y, int *order)
{
	int64_t p, q;
	if (!time_parse_any(x, &p) || !time_parse_any(y, &q))
		return false;
	*order = p < q ? -1 : p > q;
	return true;
}

static bool ordered(enum condition_operator op, int order)
{
	ASSERT(order >= -1 && order <= 1 && op >= OP_NUMERIC_EQUALS && op <= OP_DATE_GREATER_EQUALS);
	switch (op) {
	case OP_NUMERIC_EQUALS: case OP_DATE_EQUALS: return order == 0;
	case OP_NUMERIC_LESS: case OP_DATE_LESS: return order < 0;
	case OP_NUMERIC_LESS_EQUALS: case OP_DATE_LESS_EQUALS: return order <= 0;
	case OP_NUMERIC_GREATER: case OP_DATE_GREATER: return order > 0;
	default: return order >= 0;
	}
}

/* An address as 16 bytes (IPv4 mapped into IPv6) and its bits; false when it is none. */
static bool parse_address(struct str s, unsigned char out[16], bool *v4)
{
	ASSERT(out != NULL && v4 != NULL);
	char text[INET6_ADDRSTRLEN + 1];
	if (s.n == 0 || s.n >= sizeof text)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	*v4 = inet_pton(AF_INET, text, out + 12) == 1;
	return *v4 || inet_pton(AF_INET6, text, out) == 1;
}

/* Without "/bits" the address itself. */
static bool in_network(struct str network, struct str address)
{
	struct str bits_text = network, base = str_cut(&bits_text, '/');
	unsigned char n[16], a[16];
	bool n4, a4;
	if (!parse_address(base, n, &n4) || !parse_address(address, a, &a4))
		return false;
	/* "::/0" is every IPv6 address and no IPv4 one, though these lie below ::ffff:0:0 here. */
	static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	if (a4 && !n4 && memcmp(n, mapped, sizeof mapped) != 0)
		return false;
	uint64_t bits = n4 ? 32 : 128;
	if (str_present(bits_text) && (!str_to_u64(bits_text, &bits) || bits > (n4 ? 32u : 128u)))
		return false;
	bits += n4 ? 96 : 0;
	ASSERT(bits <= 128);
	for (unsigned i = 0; i < bits; i++)
		if ((n[i / 8] ^ a[i / 8]) & (0x80 >> i % 8))
			return false;
	return true;
}

/* Does one value of the request match one value of the policy? The operator without its negation. */
static bool value_matches(const struct match *m, const struct condition *c, struct str wanted, struct str value)
{
	int order;
	if (c->op == OP_STRING_LIKE)
		return match_glob(m, wanted, value, false);
	if (c->op == OP_ARN_LIKE)
		return match_arn(m, wanted, value);
	ASSERT(c->op != OP_NULL); /* condition_holds answers it by itself */
	wanted = match_expand(m, wanted);
	if (!str_present(wanted))
		return false;
	switch (c->op) {
	case OP_STRING_EQUALS:
		return str_eq(wanted, value);
	case OP_STRING_EQUALS_IGNORE_CASE: case OP_BOOL:
		return str_eq_nocase(wanted, value);
	case OP_NUMERIC_EQUALS: case OP_NUMERIC_LESS: case OP_NUMERIC_LESS_EQUALS: case OP_NUMERIC_GREATER: case OP_NUMERIC_GREATER_EQUALS:
		return compare_numbers(value, wanted, &order) && ordered(c->op, order);
	case OP_DATE_EQUALS: case OP_DATE_LESS: case OP_DATE_LESS_EQUALS: case OP_DATE_GREATER: case OP_DATE_GREATER_EQUALS:
		return compare_dates(value, wanted, &order) && ordered(c->op, order);
	case OP_BINARY_EQUALS: {
		struct str bytes = base64_decode(m->arena, wanted);
		return str_present(bytes) && str_eq(bytes, value);
	}
	case OP_IP_ADDRESS:
		return in_network(wanted, value);
	default:
		return false;
	}
}

/* One value of the request against all of the policy's: any for a positive operator, none for a negated one. */
static bool value_passes(const struct match *m, const struct condition *c, struct str value)
{
	ASSERT(c->op != OP_NULL);
	for (size_t i = 0; i < c->values.n; i++)
		if (value_matches(m, c, c->values.v[i], value))
			return !c->negated;
	return c->negated;
}

bool condition_holds(const struct match *m, const struct condition *c)
{
	ASSERT(str_present(c->key) && (c->values.n == 0 || c->values.v != NULL));
	struct key_values k = match_key(m, c->key);
	bool present = k.present && k.n > 0;
	if (c->op == OP_NULL) {
		for (size_t i = 0; i < c->values.n; i++)
			if (str_eq_nocase(c->values.v[i], present ? S("false") : S("true")))
				return true;
		return false;
	}
	if (!present)
		return c->if_exists || c->set == SET_FOR_ALL_VALUES || (c->set == SET_NONE && c->negated);
	/* A single-valued operator on a multi-valued key: positive ones need one value, negated ones need all. */
	bool all = c->set == SET_FOR_ALL_VALUES || (c->set == SET_NONE && c->negated);
	for (size_t i = 0; i < k.n; i++)
		if (value_passes(m, c, k.v[i]) != all)
			return !all;
	return all;
}
