/* A function that gives back what it gets; with --exit it only starts and ends: the bare process. */
#include "lambda_runtime.h"

#include <stdlib.h>
#include <string.h>

static char *handler(const char *payload, size_t n, const struct lambda_context *context, void *user)
{
	(void)context;
	(void)user;
	char *copy = malloc(n + 1);
	memcpy(copy, payload, n);
	copy[n] = '\0';
	return copy;
}

int main(int argc, char **argv)
{
	(void)argv;
	return argc > 1 ? 0 : lambda_run(handler, NULL);
}
