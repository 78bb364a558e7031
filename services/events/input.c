/* What a target is given: the event, a constant, a part of the event, or a template filled from it.
 *
 * Source: "Amazon EventBridge input transformation" (User Guide). In a template a variable inside quotes is put in as text
 * (an object or list there loses its quotation marks, as AWS does it); outside of quotes as JSON. */
#include "events.h"

#include "base/time.h"

/* ---- paths ---- */

/* "$.detail.items[0].name", also ['name']; *ok says whether it is well made, NULL: nothing is there. */
static const struct json *at_path(const struct json *j, struct str path, bool *ok)
{
	*ok = path.n > 0 && path.p[0] == '$';
	size_t at = 1;
	while (*ok && at < path.n) {
		size_t end = at + 1;
		if (path.p[at] == '.') {
			while (end < path.n && path.p[end] != '.' && path.p[end] != '[')
				end++;
			*ok = end > at + 1;
			j = json_get(j, str_slice(path, at + 1, end));
			at = end;
			continue;
		}
		while (end < path.n && path.p[end] != ']')
			end++;
		struct str inside = str_slice(path, at + 1, end);
		uint64_t i = 0;
		bool quoted = inside.n >= 2 && (inside.p[0] == '\'' || inside.p[0] == '"') && inside.p[inside.n - 1] == inside.p[0];
		*ok = path.p[at] == '[' && end < path.n && (quoted || str_to_u64(inside, &i));
		j = quoted ? json_get(j, str_slice(inside, 1, inside.n - 1)) : json_at(j, (size_t)i);
		at = end + 1;
	}
	return *ok ? j : NULL;
}

/* ---- templates ---- */

struct filling {
	struct call *c;
	const struct events_InputTransformer *t;
	const struct json *event;
	struct str event_text, rule, arn;
};

static const struct json *variable(const struct filling *f, struct str name)
{
	struct arena *a = f->c->arena;
	bool ok;
	for (uint32_t i = 0; i < f->t->InputPathsMap.n; i++) {
		const struct events_TransformerPaths_entry *e = (const struct events_TransformerPaths_entry *)f->t->InputPathsMap.v + i;
		if (str_eq(e->key, name))
			return at_path(f->event, e->value, &ok);
	}
	if (str_eq(name, S("aws.events.rule-arn")))
		return json_new_str(a, f->arn);
	if (str_eq(name, S("aws.events.rule-name")))
		return json_new_str(a, f->rule);
	if (str_eq(name, S("aws.events.event.ingestion-time")))
		return json_new_str(a, time_iso8601(a, f->c->now_ms));
	if (str_eq(name, S("aws.events.event.json")))
		return f->event;
	if (!str_eq(name, S("aws.events.event")))
		return NULL;
	struct json *without = json_copy(a, f->event);
	json_unset(without, S("detail"));
	return without;
}

/* The text of a variable inside quotation marks. */
static void put_as_text(struct buf *b, struct arena *a, const struct json *v)
{
	ASSERT(v != NULL);
	struct buf quoted;
	buf_init(&quoted, a, 0);
	if (v->type == JSON_STRING) {
		json_write_str(&quoted, v->text);
		buf_str(b, str_slice(buf_view(&quoted), 1, quoted.n - 1));
		return;
	}
	json_write(&quoted, v);
	for (size_t i = 0; i < quoted.n; i++)
		if (quoted.p[i] != '"')
			buf_putc(b, quoted.p[i]);
}

static bool name_char(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '.' || ch == '-' || ch == '_';
}

/* The end of a <variable> that starts at `at`; 0: it is none. */
static size_t variable_end(struct str s, size_t at)
{
	size_t end = at + 1;
	while (end < s.n && name_char(s.p[end]))
		end++;
	return end < s.n && s.p[end] == '>' && end > at + 1 ? end : 0;
}

static struct str fill(const struct filling *f)
{
	struct str s = f->t->InputTemplate;
	struct arena *a = f->c->arena;
	struct buf b;
	buf_init(&b, a, 0);
	bool quoted = false;
	for (size_t i = 0; i < s.n; i++) {
		size_t end = s.p[i] == '<' ? variable_end(s, i) : 0;
		if (end == 0) {
			if (s.p[i] == '\\' && i + 1 < s.n)
				buf_putc(&b, s.p[i++]);
			else if (s.p[i] == '"')
				quoted = !quoted;
			buf_putc(&b, s.p[i]);
			continue;
		}
		const struct json *v = variable(f, str_slice(s, i + 1, end));
		if (v != NULL && quoted)
			put_as_text(&b, a, v);
		else if (v != NULL)
			json_write(&b, v);
		else if (!quoted)
			buf_lit(&b, "\"\"");
		i = end;
	}
	return buf_view(&b);
}

/* ---- both together ---- */

struct str target_input(struct call *c, const struct events_Target *t, struct str event_text, struct str rule, struct str arn)
{
	if (str_present(t->Input))
		return t->Input;
	if (!str_present(t->InputPath) && t->InputTransformer == NULL)
		return event_text;
	const struct json *event = json_parse(c->arena, event_text, NULL);
	bool ok;
	ASSERT(json_is(event, JSON_OBJECT)); /* an event is made here, never a client's text as it came */
	if (t->InputTransformer == NULL) {
		const struct json *part = at_path(event, t->InputPath, &ok);
		return part != NULL ? json_text(c->arena, part) : S("null");
	}
	struct filling f = {c, t->InputTransformer, event, event_text, rule, arn};
	return fill(&f);
}

struct str event_text_at(struct call *c, struct str event_text, struct str path)
{
	bool ok;
	const struct json *v = at_path(json_parse(c->arena, event_text, NULL), path, &ok);
	if (v == NULL || v->type == JSON_NULL)
		return STR_NONE;
	return v->type == JSON_STRING ? v->text : json_text(c->arena, v);
}

const char *target_input_wrong(struct call *c, const struct events_Target *t)
{
	bool ok = true;
	if (t->KinesisParameters != NULL) {
		at_path(NULL, t->KinesisParameters->PartitionKeyPath, &ok);
		if (!ok)
			return "PartitionKeyPath";
	}
	if (str_present(t->Input) && json_parse(c->arena, t->Input, NULL) == NULL)
		return "Input";
	if (str_present(t->InputPath)) {
		at_path(NULL, t->InputPath, &ok);
		return ok ? NULL : "InputPath";
	}
	for (uint32_t i = 0; t->InputTransformer != NULL && ok && i < t->InputTransformer->InputPathsMap.n; i++)
		at_path(NULL, ((const struct events_TransformerPaths_entry *)t->InputTransformer->InputPathsMap.v)[i].value, &ok);
	return ok ? NULL : "InputPathsMap";
}
