/* CRC-32, CRC-32C and CRC-64/NVME: S3's checksums. See enc.h.
 *
 * All three are reflected, start from all ones and end inverted; a crc handed in or out is always the inverted (public)
 * form, so pieces chain. CRC-64/NVME (polynomial ad93d23594c93659) is ours: carry-less multiplication where the
 * processor has it (chosen at run time), tables elsewhere. */
#include "base/enc.h"

/* ISA-L has a function of our name, another CRC altogether. */
#define crc32_ieee isal_crc32_ieee
#include <isa-l/crc.h>
#undef crc32_ieee
#include <pthread.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

uint32_t crc32_ieee(uint32_t crc, struct str s)
{
	return s.n == 0 ? crc : crc32_gzip_refl(crc, (const unsigned char *)s.p, s.n);
}

/* ISA-L's takes an int length, does not invert, and forgot const. */
uint32_t crc32c(uint32_t crc, struct str s)
{
	ASSERT(s.n == 0 || s.p != NULL);
	enum { STEP = 1 << 30 };
	uint32_t state = ~crc;
	while (s.n > 0) {
		size_t n = s.n < STEP ? s.n : STEP;
		state = crc32_iscsi((unsigned char *)(uintptr_t)s.p, (int)n, state);
		s = str_slice(s, n, s.n);
	}
	return ~state;
}

#define NVME_POLY 0x9a6c9329ac4bc9b5u /* reflected */
/* x^n mod the polynomial, reflected; the unit test holds the folding against the table. */
#define K127 0x21e9761e252621acu
#define K191 0xeadc41fd2ba3d420u
#define K511 0x62242240ace5045au
#define K575 0x0c32cdb31e18a84au

static uint64_t table[8][256];
static bool has_clmul;

static void nvme_init(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t v = i;
		for (int bit = 0; bit < 8; bit++)
			v = (v >> 1) ^ (v & 1 ? NVME_POLY : 0);
		table[0][i] = v;
	}
	for (unsigned i = 0; i < 256; i++)
		for (int t = 1; t < 8; t++)
			table[t][i] = (table[t - 1][i] >> 8) ^ table[0][table[t - 1][i] & 0xff];
#if defined(__x86_64__)
	has_clmul = __builtin_cpu_supports("pclmul");
#endif
}

/* Eight bytes at a time through eight tables (slicing-by-8), then the rest one by one. The state is the inverted
 * crc. */
static uint64_t nvme_table(uint64_t state, const unsigned char *p, size_t n)
{
	ASSERT(table[0][1] != 0); /* nvme_init has been */
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t w;
		memcpy(&w, p, sizeof w);
		w ^= state;
		state = table[7][w & 0xff] ^ table[6][w >> 8 & 0xff] ^ table[5][w >> 16 & 0xff] ^ table[4][w >> 24 & 0xff] ^
		        table[3][w >> 32 & 0xff] ^ table[2][w >> 40 & 0xff] ^ table[1][w >> 48 & 0xff] ^ table[0][w >> 56];
	}
	for (; n > 0; n--, p++)
		state = (state >> 8) ^ table[0][(state ^ *p) & 0xff];
	return state;
}

#if defined(__x86_64__)
#define CLMUL __attribute__((target("pclmul,sse2")))

static inline CLMUL __m128i load(const unsigned char *p) { return _mm_loadu_si128((const __m128i *)(const void *)p); }

/* x moved on by a distance d of bits, plus what stands there: k holds x^(d+63) and x^(d-1) mod the polynomial, reflected
 * (a product of reflected values comes out shifted by one). */
static inline CLMUL __m128i fold(__m128i x, __m128i k, __m128i there)
{
	return _mm_xor_si128(there, _mm_xor_si128(_mm_clmulepi64_si128(x, k, 0x00), _mm_clmulepi64_si128(x, k, 0x11)));
}

/* Four lanes of 16 bytes, folded to one; what remains of it is congruent to the message and goes through the table.
 * n is at least 64. The method is Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ". */
static CLMUL uint64_t nvme_clmul(uint64_t state, const unsigned char *p, size_t n)
{
	ASSERT(n >= 64);
	const __m128i by512 = _mm_set_epi64x((long long)K511, (long long)K575);
	const __m128i by128 = _mm_set_epi64x((long long)K127, (long long)K191);
	__m128i x0 = _mm_xor_si128(load(p), _mm_cvtsi64_si128((long long)state));
	__m128i x1 = load(p + 16), x2 = load(p + 32), x3 = load(p + 48);
	for (p += 64, n -= 64; n >= 64; p += 64, n -= 64) {
		x0 = fold(x0, by512, load(p));
		x1 = fold(x1, by512, load(p + 16));
		x2 = fold(x2, by512, load(p + 32));
		x3 = fold(x3, by512, load(p + 48));
	}
	x0 = fold(fold(fold(x0, by128, x1), by128, x2), by128, x3);
	for (; n >= 16; p += 16, n -= 16)
		x0 = fold(x0, by128, load(p));
	unsigned char last[16];
	_mm_storeu_si128((__m128i *)(void *)last, x0);
	return nvme_table(nvme_table(0, last, sizeof last), p, n);
}
#endif

uint64_t crc64nvme(uint64_t crc, struct str s)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, nvme_init);
	const unsigned char *p = (const unsigned char *)s.p;
#if defined(__x86_64__)
	if (has_clmul && s.n >= 128)
		return ~nvme_clmul(~crc, p, s.n);
#endif
	return ~nvme_table(~crc, p, s.n);
}
