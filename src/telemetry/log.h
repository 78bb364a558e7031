/* The program's own log: JSON lines, or readable lines on a terminal. Safe from any thread; never blocks the loop
 * (lines go through a bounded buffer; what does not fit is counted and said). Secrets never come here. */
#ifndef TSUBO_LOG_H
#define TSUBO_LOG_H

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
void log_start(bool json, enum log_level least, int fd);
void log_stop(void); /* writes what is waiting */
void log_at(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)

/* One record for every call. */
struct call_record {
	struct str request_id, service, op, protocol, account, region, principal_arn, error_code, peer, trace_id;
	int status;
	int64_t start_ms, took_us;
	size_t bytes_in, bytes_out;
	const char *decision; /* "allow", "deny", "root", "" */
};
void log_call(const struct call_record *r);

#endif
