/* The gateway: HTTP requests in, calls run, answers out. See request.c for the order of things. */
#ifndef TSUBO_GATEWAY_H
#define TSUBO_GATEWAY_H

#include "http/http.h"

/* What the program does on request of the administrative path; main.c gives it. */
struct gateway_admin {
	int64_t started_us;
	void (*reset)(void);    /* on the loop: answer first, then wipe the data and start anew */
	void (*stop)(void);     /* on the loop: stop in order */
	struct str (*ca)(struct arena *a); /* the CA certificate in PEM; absent: no TLS yet */
};

/* Handler of the main listener; register with http_server_new. */
extern const struct http_handler gateway_handler;
void gateway_init(const struct gateway_admin *admin);
/* Requests under way. */
size_t gateway_running(void);

#endif
