/* PutDashboard, GetDashboard, ListDashboards, DeleteDashboards. What always holds: a stored body is a JSON object without errors. */
#include "dashboard.h"

#include "svc/arn.h"
#include "svc/page.h"

enum { NAME_MAX_BYTES = 255, PAGE = 1000, DELETE_MOST = 100, TAGS_MOST = 50 };

static struct key *dashboard_key(struct call *c, struct str name)
{
	struct str region = c->region;
	c->region = S(""); /* "All dashboards in your account are global, not region-specific" */
	struct key *k = call_key(c, "dashboard");
	c->region = region;
	return str_present(name) ? key_str(k, name) : k;
}

static struct str dashboard_arn(struct call *c, struct str name)
{
	return arn_make(c->arena, "cloudwatch", S(""), c->account, arena_join(c->arena, S("dashboard/"), name));
}

struct cloudwatch_DashboardRecord *dashboard_get(struct call *c, struct str name)
{
	ASSERT(str_present(name));
	return call_get(c, dashboard_key(c, name), &cloudwatch_shape_DashboardRecord);
}

void dashboard_save(struct call *c, const struct cloudwatch_DashboardRecord *r)
{
	ASSERT(str_present(r->Name) && str_present(r->Body));
	call_put(c, dashboard_key(c, r->Name), &cloudwatch_shape_DashboardRecord, r);
}

static bool name_ok(struct call *c, struct str name)
{
	bool ok = name.n > 0 && name.n <= NAME_MAX_BYTES;
	for (size_t i = 0; ok && i < name.n; i++)
		ok = (name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= 'A' && name.p[i] <= 'Z') || (name.p[i] >= '0' && name.p[i] <= '9') ||
		     name.p[i] == '-' || name.p[i] == '_';
	if (!ok)
		call_fail(c, &cloudwatch_err_InvalidParameterValueException, "The value %.*s for parameter DashboardName is invalid.", STR_ARG(name));
	return ok;
}

/* ---- putting ---- */

static void access_one(struct call *c, struct str name) { authorize(c, NULL, dashboard_arn(c, name), NULL); }

void access_put_dashboard(struct call *c) { access_one(c, ((const struct cloudwatch_PutDashboardInput *)c->in)->DashboardName); }

static void fail_body(struct call *c, const struct findings *f)
{
	struct json *list = json_new_array(c->arena);
	for (uint32_t i = 0; i < f->n_errors; i++) {
		struct json *one = json_push(c->arena, list, json_new_object(c->arena));
		json_set_str(c->arena, one, "dataPath", f->errors[i].DataPath);
		json_set_str(c->arena, one, "message", f->errors[i].Message);
	}
	struct cloudwatch_DashboardInvalidInputError *e = call_fail(c, &cloudwatch_err_DashboardInvalidInputError,
		"The dashboard body is invalid, there are %u validation errors: %.*s", f->n_errors, STR_ARG(json_text_pretty(c->arena, list)));
	e->dashboardValidationMessages = (struct list){f->errors, f->n_errors, true};
}

void op_put_dashboard(struct call *c)
{
	const struct cloudwatch_PutDashboardInput *in = c->in;
	struct findings f = {.arena = c->arena};
	if (!name_ok(c, in->DashboardName))
		return;
	const struct json *body = json_parse(c->arena, in->DashboardBody, NULL);
	if (!json_is(body, JSON_OBJECT)) {
		call_fail(c, &cloudwatch_err_DashboardInvalidInputError, "The field DashboardBody must be a valid JSON object");
		return;
	}
	dashboard_check(&f, body);
	if (f.n_errors > 0) {
		fail_body(c, &f);
		return;
	}
	struct cloudwatch_DashboardRecord *r = dashboard_get(c, in->DashboardName);
	if (r == NULL) {
		r = arena_new_of(c->arena, struct cloudwatch_DashboardRecord);
		r->Name = in->DashboardName;
		if (in->Tags.n > TAGS_MOST) {
			call_fail(c, &cloudwatch_err_DashboardInvalidInputError, "A dashboard has at most %d tags", TAGS_MOST);
			return;
		}
		r->Tags = in->Tags; /* of a dashboard that is there they are ignored */
	}
	r->Body = in->DashboardBody;
	r->Modified = SOME_I64(c->now_ms);
	dashboard_save(c, r);
	((struct cloudwatch_PutDashboardOutput *)c->out)->DashboardValidationMessages = (struct list){f.warnings, f.n_warnings, true};
}

/* ---- showing ---- */

void access_get_dashboard(struct call *c) { access_one(c, ((const struct cloudwatch_GetDashboardInput *)c->in)->DashboardName); }

void op_get_dashboard(struct call *c)
{
	const struct cloudwatch_GetDashboardInput *in = c->in;
	struct cloudwatch_GetDashboardOutput *out = c->out;
	const struct cloudwatch_DashboardRecord *r = name_ok(c, in->DashboardName) ? dashboard_get(c, in->DashboardName) : NULL;
	if (r == NULL) {
		call_fail(c, &cloudwatch_err_DashboardNotFoundError, "Dashboard %.*s does not exist", STR_ARG(in->DashboardName));
		return;
	}
	out->DashboardArn = dashboard_arn(c, r->Name);
	out->DashboardName = r->Name;
	out->DashboardBody = r->Body;
}

void access_list_dashboards(struct call *c) { authorize(c, NULL, dashboard_arn(c, S("*")), NULL); }

void op_list_dashboards(struct call *c)
{
	const struct cloudwatch_ListDashboardsInput *in = c->in;
	struct cloudwatch_ListDashboardsOutput *out = c->out;
	struct str after, key, value;
	if (!page_position(c->arena, in->NextToken, &after)) {
		call_fail(c, &cloudwatch_err_InvalidParameterValueException, "The next token is invalid.");
		return;
	}
	out->DashboardEntries = LIST_OF(c->arena, struct cloudwatch_DashboardEntry, PAGE);
	out->DashboardEntries.n = 0;
	struct scan *s = call_scan(c, dashboard_key(c, STR_NONE), after, false);
	while (scan_next(s, &key, &value)) {
		const struct cloudwatch_DashboardRecord *r = record_decode(c, &cloudwatch_shape_DashboardRecord, value);
		if (str_present(in->DashboardNamePrefix) && !str_starts(r->Name, in->DashboardNamePrefix))
			continue;
		if (out->DashboardEntries.n == PAGE) {
			out->NextToken = page_token(c->arena, after);
			break;
		}
		after = arena_dup(c->arena, key);
		((struct cloudwatch_DashboardEntry *)out->DashboardEntries.v)[out->DashboardEntries.n++] = (struct cloudwatch_DashboardEntry){
			.DashboardName = r->Name, .DashboardArn = dashboard_arn(c, r->Name), .LastModified = SOME_TIME(r->Modified.v),
			.Size = SOME_I64((int64_t)r->Body.n)};
	}
	scan_close(s);
}

/* ---- deleting ---- */

void access_delete_dashboards(struct call *c)
{
	const struct list *names = &((const struct cloudwatch_DeleteDashboardsInput *)c->in)->DashboardNames;
	for (uint32_t i = 0; i < names->n && !c->failed; i++)
		authorize(c, NULL, dashboard_arn(c, *LIST_AT(*names, struct str, i)), NULL);
}

/* "If there is an error during this call, the operation attempts to delete as many dashboards as possible." */
void op_delete_dashboards(struct call *c)
{
	const struct list *names = &((const struct cloudwatch_DeleteDashboardsInput *)c->in)->DashboardNames;
	struct str missing = STR_NONE;
	if (names->n == 0 || names->n > DELETE_MOST) {
		call_fail(c, &cloudwatch_err_InvalidParameterValueException, "The parameter DashboardNames must have 1 to 100 members.");
		return;
	}
	for (uint32_t i = 0; i < names->n; i++) {
		struct str name = *LIST_AT(*names, struct str, i);
		if (name.n > 0 && dashboard_get(c, name) != NULL)
			call_del(c, dashboard_key(c, name));
		else
			missing = name;
	}
	if (!str_present(missing))
		return;
	call_keep_writes(c);
	call_fail(c, &cloudwatch_err_DashboardNotFoundError, "Dashboard %.*s does not exist", STR_ARG(missing));
}
