/* Stopping the program, with a line that says why.
 *
 * What always holds: neither function returns, so that what follows an ASSERT may count on it. abort() leaves a
 * core where the machine keeps them. */
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "tsubo: broken invariant: %s (%s:%d)\n", what, file, line);
	abort();
}

void die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("tsubo: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}
