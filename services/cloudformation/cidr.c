/* Fn::Cidr: subnets of a block, IPv4 and IPv6. Source: "Fn::Cidr" (CloudFormation User Guide): cidrBits is the number
 * of host bits of each subnet, count is 1..256. */
#include "intrinsics.h"

#include <arpa/inet.h>

/* Add 2^bits to a big-endian address of n bytes. */
static void add_power(unsigned char *address, size_t n, unsigned bits)
{
	unsigned carry = 1u << (bits % 8);
	for (size_t i = n - bits / 8; i-- > 0 && carry != 0;) {
		unsigned v = address[i] + carry;
		address[i] = (unsigned char)v;
		carry = v >> 8;
	}
}

struct json *intrinsics_cidr(struct intrinsics *x, struct str block, int64_t count, int64_t bits)
{
	unsigned char address[16];
	char shown[INET6_ADDRSTRLEN];
	int64_t prefix = 0;
	struct str rest = block;
	struct str host = str_cut(&rest, '/');
	bool v6 = str_find(host, ':') >= 0;
	int family = v6 ? AF_INET6 : AF_INET;
	int64_t width = v6 ? 128 : 32;
	if (inet_pton(family, arena_cstr(x->a, host), address) != 1 || !str_present(rest) || !str_to_i64(rest, &prefix) || prefix < 0 || prefix > width)
		return intrinsics_fail(x, "Template error: Fn::Cidr ipBlock %.*s is not a valid CIDR block", STR_ARG(block));
	if (count < 1 || count > 256 || bits < 1 || bits > 128)
		return intrinsics_fail(x, "Template error: Fn::Cidr count must be between 1 and 256, cidrBits between 1 and 128");
	int64_t room = width - prefix - bits;
	if (room < 0 || (room < 9 && count > (INT64_C(1) << room)))
		return intrinsics_fail(x, "Template error: Fn::Cidr cannot make %lld subnets of %lld bits from %.*s", (long long)count,
			(long long)bits, STR_ARG(block));
	for (int64_t bit = prefix; bit < width; bit++)
		address[bit / 8] = (unsigned char)(address[bit / 8] & ~(0x80u >> (bit % 8)));
	struct json *list = json_new_array(x->a);
	for (int64_t i = 0; i < count; i++) {
		ASSERT(inet_ntop(family, address, shown, sizeof(shown)) != NULL);
		json_push(x->a, list, json_new_str(x->a, arena_printf(x->a, "%s/%lld", shown, (long long)(width - bits))));
		add_power(address, (size_t)width / 8, (unsigned)bits);
	}
	return list;
}
