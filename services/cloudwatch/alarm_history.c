/* What happened to alarms. Source: DescribeAlarmHistory (API Reference). */
#include "alarm.h"

#include "svc/page.h"

enum { PAGE = 50, PAGE_MOST = 100 };

void history_add(struct call *c, struct str alarm, bool composite, int64_t at_ms, const char *type, struct str summary,
                 const struct json *data)
{
	const struct cloudwatch_AlarmHistoryItem h = {.AlarmName = alarm, .AlarmType = composite ? S("CompositeAlarm") : S("MetricAlarm"),
		.Timestamp = SOME_TIME(at_ms), .HistoryItemType = str_c(type), .HistorySummary = summary,
		.HistoryData = data != NULL ? json_text(c->arena, data) : STR_NONE};
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
	bool metric = in->AlarmTypes.n == 0, composite = false; /* nothing said: of metric alarms */
	for (uint32_t i = 0; i < in->AlarmTypes.n; i++) {
		metric |= str_eq(*LIST_AT(in->AlarmTypes, struct str, i), S("MetricAlarm"));
		composite |= str_eq(*LIST_AT(in->AlarmTypes, struct str, i), S("CompositeAlarm"));
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
		if (!(str_eq(h->AlarmType, S("CompositeAlarm")) ? composite : metric))
			continue;
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
