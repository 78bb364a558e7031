/* The signed policy of a browser's form: what it lets the form say.
 *
 * Every condition must hold, and every field must be spoken of by one, the bucket too, but for what signs the form. Source: "Creating a POST
 * policy" (S3 API Reference); the sentences are recorded answers. */
#include "form.h"
#include "raw.h"

#include "base/time.h"
#include "os/os.h"

static bool invalid(struct call *c, struct str why)
{
	call_fail_code(c, 400, "InvalidPolicyDocument", "Invalid Policy: %.*s", STR_ARG(why));
	return false;
}

static bool against(struct call *c, struct str why)
{
	call_fail_code(c, 403, "AccessDenied", "Invalid according to Policy: %.*s", STR_ARG(why));
	return false;
}

/* ---- conditions ---- */

struct condition { struct str how, name, want; bool field; }; /* field: the name had its "$" */

/* A list as it is written in the document, whose text its words are views into; what has escapes in its first word is written anew. */
static struct str list_text(struct call *c, struct str document, const struct json *list)
{
	struct str how = json_str(&list->items[0]);
	ASSERT(json_is(list, JSON_ARRAY) && list->n > 0);
	if (how.n == 0 || how.p <= document.p || how.p >= document.p + document.n)
		return json_text(c->arena, list);
	const char *from = how.p, *end = document.p + document.n, *to = how.p;
	while (from > document.p && *from != '[')
		from--;
	for (bool quoted = true; to < end && (quoted || *to != ']'); to++) {
		if (*to == '"')
			quoted = !quoted;
		else if (quoted && *to == '\\' && to + 1 < end)
			to++;
	}
	return str_of(from, (size_t)(to - from) + (to < end));
}

/* A list is shown as it is written, an object as the list that it stands for. */
static bool does_not_hold(struct call *c, struct str document, const struct json *j, const struct condition *x)
{
	struct buf b;
	buf_init(&b, c->arena, 0);
	buf_lit(&b, "Policy Condition failed: ");
	if (json_is(j, JSON_ARRAY)) {
		buf_str(&b, list_text(c, document, j));
		return against(c, buf_view(&b));
	}
	buf_lit(&b, "[\"eq\", ");
	json_write_str(&b, arena_join(c->arena, S("$"), x->name));
	buf_lit(&b, ", ");
	json_write_str(&b, x->want);
	buf_putc(&b, ']');
	return against(c, buf_view(&b));
}

/* A whole number, or one in quotes. */
static bool number(const struct json *j, int64_t *out)
{
	return json_is(j, JSON_NUMBER) ? str_to_i64(j->text, out) : str_to_i64(json_str(j), out);
}

static bool arguments_ok(struct call *c, const struct json *list)
{
	if (list->n == 3)
		return true;
	return invalid(c, arena_join(c->arena, S("Invalid "), json_str(&list->items[0]), S(": wrong number of arguments.")));
}

static bool length_ok(struct call *c, int64_t length, struct str document, const struct json *range)
{
	int64_t least = 0, most = 0;
	if (!arguments_ok(c, range))
		return false;
	for (uint32_t i = 1; i < 3; i++)
		if (!json_is(&range->items[i], JSON_STRING) && !(json_is(&range->items[i], JSON_NUMBER) && number(&range->items[i], &least) && least >= 0))
			return invalid(c, S("Invalid JSON."));
	if (!number(&range->items[1], &least) || !number(&range->items[2], &most) || least < 0 || most < 0)
		return does_not_hold(c, document, range, NULL);
	if (length >= least && length <= most)
		return true;
	bool small = length < least;
	fail_with(c, 400, small ? "EntityTooSmall" : "EntityTooLarge", "ProposedSize", arena_printf(c->arena, "%lld", (long long)length), "%s",
		small ? "Your proposed upload is smaller than the minimum allowed size" : "Your proposed upload exceeds the maximum allowed size");
	call_fail_more(c, small ? "MinSizeAllowed" : "MaxSizeAllowed", arena_printf(c->arena, "%lld", (long long)(small ? least : most)));
	return false;
}

static bool object_condition(struct call *c, const struct json *j, struct condition *out)
{
	if (j->n != 1)
		return invalid(c, S("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."));
	const struct json *want = &j->members[0].value;
	if (json_is(want, JSON_NULL))
		return invalid(c, S("Invalid JSON."));
	if (!json_is(want, JSON_STRING))
		return invalid(c, S("Invalid Simple-Condition: value must be a string."));
	*out = (struct condition){.how = S("eq"), .name = j->members[0].key, .want = json_str(want), .field = true};
	return true;
}

static bool list_condition(struct call *c, const struct json *j, struct condition *out)
{
	struct str how = j->n > 0 ? json_str(&j->items[0]) : STR_NONE;
	if (j->n == 0)
		return invalid(c, S("Invalid Condition: missing operation identifier."));
	if (!str_present(how))
		return invalid(c, S("Invalid JSON."));
	bool starts = str_eq_nocase(how, S("starts-with"));
	if (!starts && !str_eq_nocase(how, S("eq")))
		return invalid(c, arena_join(c->arena, S("Invalid Condition: unknown operation '"), how, S("'.")));
	if (!arguments_ok(c, j))
		return false;
	struct str name = json_str(&j->items[1]), want = json_str(&j->items[2]);
	if (!str_present(name) || !str_present(want))
		return invalid(c, S("Invalid JSON."));
	bool field = str_starts(name, S("$"));
	*out = (struct condition){.how = starts ? S("starts-with") : S("eq"), .name = str_slice(name, field, name.n), .want = want, .field = field};
	return true;
}

/* What the conditions have spoken of. */
struct covered { bool field[FORM_FIELDS_MAX], bucket; };

/* Each type of a list must begin so. */
static bool begins(const struct condition *x, struct str have)
{
	if (!str_eq_nocase(x->name, S("content-type")))
		return str_starts(have, x->want);
	do {
		if (!str_starts(str_trim(str_cut(&have, ',')), x->want))
			return false;
	} while (str_present(have));
	return true;
}

static bool holds(struct call *c, const struct form_head *f, struct str bucket, struct str document, const struct json *j, struct covered *covered)
{
	struct condition x;
	bool read = json_is(j, JSON_OBJECT) ? object_condition(c, j, &x) : json_is(j, JSON_ARRAY) ? list_condition(c, j, &x)
		: invalid(c, S("Invalid condition test: must be a List or Object."));
	if (!read)
		return false;
	ASSERT(str_present(x.want) && str_present(x.name));
	bool is_bucket = x.field && str_eq_nocase(x.name, S("bucket"));
	struct str have = is_bucket ? bucket : STR_NONE; /* a field that the form lacks is not an empty one */
	for (size_t i = f->n; x.field && i-- > 0;) {
		if (!str_eq_nocase(f->fields[i].name, x.name))
			continue;
		covered->field[i] = true;
		have = is_bucket ? bucket : f->fields[i].value;
	}
	covered->bucket |= is_bucket;
	if (!str_present(have))
		return does_not_hold(c, document, j, &x);
	return (str_eq(x.how, S("eq")) ? str_eq(have, x.want) : begins(&x, have)) || does_not_hold(c, document, j, &x);
}

/* ---- the document ---- */

static bool exempt(struct str name)
{
	static const char *const names[] = {"x-amz-signature", "signature", "policy", "AWSAccessKeyId", "file"};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (str_eq_nocase(name, str_c(names[i])))
			return true;
	return str_starts_nocase(name, S("x-ignore-"));
}

static bool all_covered(struct call *c, const struct form_head *f, const struct covered *covered)
{
	for (size_t i = 0; i < f->n; i++)
		if (!covered->field[i] && !exempt(f->fields[i].name))
			return against(c, arena_join(c->arena, S("Extra input fields: "), f->fields[i].name));
	return covered->bucket || against(c, S("Extra input fields: bucket"));
}

/* In UTC only. */
static bool expiration_of(struct str text, int64_t *ms)
{
	return text.n > 11 && text.p[10] == 'T' && text.p[text.n - 1] == 'Z' && time_parse_iso8601(text, ms);
}

/* The document's two members; *expires: when it ends. NULL: c failed. */
static const struct json *conditions_of(struct call *c, const struct json *j, int64_t *expires)
{
	const struct json *list = json_get(j, S("conditions")), *until = json_get(j, S("expiration"));
	for (uint32_t i = 0; i < j->n; i++) {
		struct str key = j->members[i].key;
		if (str_eq_nocase(key, S("expiration")) || str_eq_nocase(key, S("conditions")))
			continue;
		invalid(c, arena_join(c->arena, S("Unexpected: '"), arena_lower(c->arena, key), S("'")));
		return NULL;
	}
	if (until == NULL)
		invalid(c, S("Policy missing expiration."));
	else if (!json_is(until, JSON_STRING))
		invalid(c, S("Invalid JSON."));
	else if (!expiration_of(json_str(until), expires))
		invalid(c, arena_join(c->arena, S("Invalid 'expiration' value: '"), json_str(until), S("'")));
	else if (list == NULL)
		invalid(c, S("Policy missing conditions."));
	else if (!json_is(list, JSON_ARRAY))
		invalid(c, S("Invalid 'conditions' value: must be a List."));
	return c->failed ? NULL : list;
}

bool form_policy_ok(struct call *c, const struct form_head *f, int64_t length, struct str bucket)
{
	struct covered covered = {0};
	int64_t expires = 0;
	struct str policy = form_field(f, "policy"), text = base64_decode(c->arena, policy);
	ASSERT(length >= 0);
	if (policy.n == 0)
		return invalid(c, S("Expecting '{' but found End-of-Input"));
	if (!str_present(text))
		return invalid(c, S("invalid Base64 encoding."));
	const struct json *j = json_parse(c->arena, text, NULL);
	if (!json_is(j, JSON_OBJECT))
		return invalid(c, S("Invalid JSON."));
	const struct json *list = conditions_of(c, j, &expires);
	if (list == NULL)
		return false;
	if (expires <= os.wall_ms()) /* as signatures: the machine's clock */
		return against(c, S("Policy expired."));
	for (uint32_t i = 0; i < list->n; i++) {
		const struct json *one = &list->items[i];
		bool range = json_is(one, JSON_ARRAY) && one->n > 0 && str_eq_nocase(json_str(&one->items[0]), S("content-length-range"));
		if (!(range ? length_ok(c, length, text, one) : holds(c, f, bucket, text, one, &covered)))
			return false;
	}
	return all_covered(c, f, &covered);
}
