/* Dashboards: what their files share. One namespace for all regions of an account.
 *
 *   dashboard <name>    DashboardRecord */
#ifndef TSUBO_CLOUDWATCH_DASHBOARD_H
#define TSUBO_CLOUDWATCH_DASHBOARD_H

#include "cloudwatch.h"

struct cloudwatch_DashboardRecord *dashboard_get(struct call *c, struct str name); /* NULL: none */
void dashboard_save(struct call *c, const struct cloudwatch_DashboardRecord *r);

/* ---- dashboard_body.c ---- */
/* What is wrong with a body, by the rules of "Dashboard Body Structure and Syntax" (API Reference): messages with their data paths. */
struct findings {
	struct arena *arena;
	struct cloudwatch_DashboardValidationMessage *errors, *warnings;
	uint32_t n_errors, n_warnings;
};
void dashboard_check(struct findings *f, const struct json *body);

#define DASHBOARD_OPERATION(name) void op_##name(struct call *c); void access_##name(struct call *c)
DASHBOARD_OPERATION(put_dashboard);
DASHBOARD_OPERATION(get_dashboard);
DASHBOARD_OPERATION(list_dashboards);
DASHBOARD_OPERATION(delete_dashboards);

#endif
