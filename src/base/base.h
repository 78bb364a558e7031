/* Ground rules shared by every file: compiler attributes and asserts that stay on.
 *
 * An assert states what the program guarantees itself; a client's mistake is never an assert.
 * Includes nothing of ours; every header may include it. */
#ifndef TSUBO_BASE_H
#define TSUBO_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_USE __attribute__((warn_unused_result))
#define UNUSED __attribute__((unused))
#define NORETURN __attribute__((noreturn))
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* Stop the program: something it guarantees does not hold. Prints where, then aborts. */
NORETURN void assert_failed(const char *what, const char *file, int line);
#define ASSERT(x) (LIKELY(x) ? (void)0 : assert_failed(#x, __FILE__, __LINE__))

/* Stop the program with a message when memory or the kernel gives out in a place that cannot fail. */
NORETURN void die(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Magic words: the first member of a long-lived struct is `unsigned magic`; check it where it comes in. */
#define CHECK_MAGIC(ptr, word) ASSERT((ptr) != NULL && (ptr)->magic == (word))

#endif
