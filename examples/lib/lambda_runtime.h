/* A runtime client for AWS Lambda functions written in C (provided.al2023): the Runtime API over one kept connection.
 *
 * No dependencies; link it statically with the function:
 *
 *	static char *handler(const char *payload, size_t n, const struct lambda_context *context, void *user)
 *	{
 *		return strdup("{\"ok\":true}");
 *	}
 *	int main(void) { return lambda_run(handler, NULL); }
 *
 * Source: "Using the Lambda runtime API for custom runtimes" (Lambda developer guide). */
#ifndef LAMBDA_RUNTIME_H
#define LAMBDA_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

/* What is known about an invocation. Lives until the handler returns; "" where nothing was given. */
struct lambda_context {
	const char *request_id, *function_arn, *trace_id, *client_context;
	int64_t deadline_ms; /* milliseconds since 1970 */
};

/* payload is the event's JSON, n bytes and a NUL. Returns the answer, JSON in heap memory that the runtime frees; NULL:
 * the invocation failed, for the reason given to lambda_fail. */
typedef char *(*lambda_handler)(const char *payload, size_t n, const struct lambda_context *context, void *user);

/* Say why the handler is about to return NULL; returns NULL. */
char *lambda_fail(const char *type, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Serve invocations until the sandbox ends. Returns 1 when the Runtime API cannot be reached. */
int lambda_run(lambda_handler handler, void *user);

#endif
