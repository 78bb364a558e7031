/* What happened to alarms, and their tags. Source: DescribeAlarmHistory, TagResource (API reference). */
#include "alarm.h"

#include "svc/arn.h"
#include "svc/page.h"

enum { PAGE = 50, PAGE_MOST = 100, TAGS_MOST = 50 };

/* ---- history ---- */

void history_add(struct call *c, struct str alarm, int64_t at_ms, const char *type, struct str summary, const struct json *data)
{
	const struct cloudwatch_AlarmHistoryItem h = {.AlarmName = alarm, .AlarmType = S("MetricAlarm"), .Timestamp = SOME_TIME(at_ms),
		.HistoryItemType = str_c(type), .HistorySummary = summary, .HistoryData = data != NULL ? json_text(c->arena, data) : STR_NONE};
	struct key *k = key_u64(key_i64(key_str(call_key(c, "history"), alarm), at_ms), call_serial(c, "history"));
	call_put(c, k, &cloudwatch_shape_AlarmHistoryItem, &h);
}

void history_trim(struct call *c, int64_t before_ms)
{
	struct str key, value;
	struct scan *s = call_scan(c, call_key(c, "history"), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		const struct cloudwatch_AlarmHistoryItem *h = record_decode(c, &cloudwatch_shape_AlarmHistoryItem, value);
		if (h->Timestamp.ms < before_ms)
			txn_del(c->txn, key);
	}
	scan_close(s);
}

void access_describe_alarm_history(struct call *c)
{
	const struct cloudwatch_DescribeAlarmHistoryInput *in = c->in;
	authorize(c, NULL, alarm_arn(c, str_present(in->AlarmName) ? in->AlarmName : S("*")), NULL);
}

void op_describe_alarm_history(struct call *c)
{
	const struct cloudwatch_DescribeAlarmHistoryInput *in = c->in;
	struct cloudwatch_DescribeAlarmHistoryOutput *out = c->out;
	struct str after, key, value;
	if (!page_position(c->arena, in->NextToken, &after)) {
		call_fail(c, &cloudwatch_err_InvalidNextToken, "Invalid nextToken");
		return;
	}
	uint32_t most = in->MaxRecords.set && in->MaxRecords.v < PAGE_MOST ? (uint32_t)in->MaxRecords.v : in->MaxRecords.set ? PAGE_MOST : PAGE;
	out->AlarmHistoryItems = LIST_OF(c->arena, struct cloudwatch_AlarmHistoryItem, most);
	out->AlarmHistoryItems.n = 0;
	struct key *prefix = call_key(c, "history");
	if (str_present(in->AlarmName))
		key_str(prefix, in->AlarmName);
	/* newest first unless asked otherwise */
	struct scan *s = call_scan(c, prefix, after, !str_eq(in->ScanBy, S("TimestampAscending")));
	while (scan_next(s, &key, &value)) {
		const struct cloudwatch_AlarmHistoryItem *h = record_decode(c, &cloudwatch_shape_AlarmHistoryItem, value);
		if ((str_present(in->HistoryItemType) && !str_eq(in->HistoryItemType, h->HistoryItemType)) ||
		    (in->StartDate.set && h->Timestamp.ms < in->StartDate.ms) || (in->EndDate.set && h->Timestamp.ms > in->EndDate.ms))
			continue;
		if (out->AlarmHistoryItems.n == most) {
			out->NextToken = page_token(c->arena, after);
			break;
		}
		after = arena_dup(c->arena, key);
		((struct cloudwatch_AlarmHistoryItem *)out->AlarmHistoryItems.v)[out->AlarmHistoryItems.n++] = *h;
	}
	scan_close(s);
}

/* ---- tags ---- */

/* The alarm of an ARN; fails c when there is none. */
static struct cloudwatch_AlarmRecord *tagged(struct call *c, struct str arn_text)
{
	struct arn arn;
	struct cloudwatch_AlarmRecord *r = NULL;
	if (arn_parse(arn_text, &arn) && str_eq(arn.service, S("cloudwatch")) && str_starts(arn.resource, S("alarm:")))
		r = alarm_get(c, str_slice(arn.resource, sizeof "alarm:" - 1, arn.resource.n));
	if (r == NULL)
		call_fail(c, &cloudwatch_err_ResourceNotFoundException, "Resource %.*s does not exist", STR_ARG(arn_text));
	return r;
}

void access_tag_resource(struct call *c) { authorize(c, NULL, ((const struct cloudwatch_TagResourceInput *)c->in)->ResourceARN, NULL); }

void op_tag_resource(struct call *c)
{
	const struct cloudwatch_TagResourceInput *in = c->in;
	struct cloudwatch_AlarmRecord *r = tagged(c, in->ResourceARN);
	if (r == NULL)
		return;
	uint32_t n = r->Tags.n;
	struct cloudwatch_Tag *v = arena_array(c->arena, struct cloudwatch_Tag, n + in->Tags.n);
	if (n > 0)
		memcpy(v, r->Tags.v, n * sizeof *v);
	for (uint32_t i = 0; i < in->Tags.n; i++) {
		const struct cloudwatch_Tag *t = LIST_AT(in->Tags, struct cloudwatch_Tag, i);
		uint32_t at = 0;
		while (at < n && !str_eq(v[at].Key, t->Key))
			at++;
		v[at] = *t;
		n += at == n;
	}
	if (n > TAGS_MOST) {
		call_fail(c, &cloudwatch_err_InvalidParameterValueException, "An alarm has at most %d tags", TAGS_MOST);
		return;
	}
	r->Tags = (struct list){v, n, true};
	alarm_save(c, r);
}

void access_untag_resource(struct call *c) { authorize(c, NULL, ((const struct cloudwatch_UntagResourceInput *)c->in)->ResourceARN, NULL); }

void op_untag_resource(struct call *c)
{
	const struct cloudwatch_UntagResourceInput *in = c->in;
	struct cloudwatch_AlarmRecord *r = tagged(c, in->ResourceARN);
	if (r == NULL)
		return;
	uint32_t left = 0;
	struct cloudwatch_Tag *v = r->Tags.v;
	for (uint32_t i = 0; i < r->Tags.n; i++) {
		bool drop = false;
		for (uint32_t k = 0; k < in->TagKeys.n; k++)
			drop |= str_eq(v[i].Key, *LIST_AT(in->TagKeys, struct str, k));
		if (!drop)
			v[left++] = v[i];
	}
	r->Tags.n = left;
	alarm_save(c, r);
}

void access_list_tags(struct call *c) { authorize(c, NULL, ((const struct cloudwatch_ListTagsForResourceInput *)c->in)->ResourceARN, NULL); }

void op_list_tags(struct call *c)
{
	const struct cloudwatch_ListTagsForResourceInput *in = c->in;
	struct cloudwatch_AlarmRecord *r = tagged(c, in->ResourceARN);
	if (r != NULL)
		((struct cloudwatch_ListTagsForResourceOutput *)c->out)->Tags = (struct list){r->Tags.v, r->Tags.n, true};
}
