/* The signed policy of a browser's form: what it lets the form say.
 *
 * Every condition must hold, and every field must be spoken of by one, the bucket too, but for what signs the form. Source: "Creating a POST
 * policy" (S3 API Reference). */
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

struct condition { struct str how, name, want; };

/* As S3 shows it, whichever way it was written. */
static bool does_not_hold(struct call *c, const struct condition *x)
{
	struct buf b;
	buf_init(&b, c->arena, 0);
	buf_lit(&b, "Policy Condition failed: [");
	json_write_str(&b, x->how);
	buf_lit(&b, ", ");
	json_write_str(&b, arena_join(c->arena, S("$"), x->name));
	buf_lit(&b, ", ");
	json_write_str(&b, x->want);
	buf_putc(&b, ']');
	return against(c, buf_view(&b));
}

static bool number(const struct json *j, int64_t *out) { return json_to_i64(j, out) || str_to_i64(json_str(j), out); }

static bool length_ok(struct call *c, int64_t length, const struct json *range)
{
	int64_t least = 0, most = 0;
	if (range->n != 3 || !number(&range->items[1], &least) || !number(&range->items[2], &most) || least < 0 || most < 0)
		return invalid(c, S("Invalid content-length-range"));
	if (length >= least && length <= most)
		return true;
	bool small = length < least;
	fail_with(c, 400, small ? "EntityTooSmall" : "EntityTooLarge", "ProposedSize", arena_printf(c->arena, "%lld", (long long)length), "%s",
		small ? "Your proposed upload is smaller than the minimum allowed size" : "Your proposed upload exceeds the maximum allowed size");
	call_fail_more(c, small ? "MinSizeAllowed" : "MaxSizeAllowed", arena_printf(c->arena, "%lld", (long long)(small ? least : most)));
	return false;
}

static bool condition_of(struct call *c, const struct json *j, struct condition *out)
{
	const struct json *want;
	if (json_is(j, JSON_OBJECT)) {
		if (j->n != 1)
			return invalid(c, S("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."));
		*out = (struct condition){.how = S("eq"), .name = j->members[0].key};
		want = &j->members[0].value;
	} else {
		if (!json_is(j, JSON_ARRAY) || j->n != 3 || !json_is(&j->items[1], JSON_STRING))
			return invalid(c, S("Invalid JSON."));
		struct str how = json_str(&j->items[0]), name = json_str(&j->items[1]);
		bool starts = str_eq_nocase(how, S("starts-with"));
		if ((!starts && !str_eq_nocase(how, S("eq"))) || name.n < 2 || name.p[0] != '$')
			return invalid(c, S("Invalid JSON."));
		*out = (struct condition){.how = starts ? S("starts-with") : S("eq"), .name = str_slice(name, 1, name.n)};
		want = &j->items[2];
	}
	if (!json_is(want, JSON_STRING))
		return invalid(c, S("Invalid JSON."));
	out->want = json_str(want);
	ASSERT(str_present(out->want) && str_present(out->name));
	return true;
}

/* What the conditions have spoken of. */
struct covered { bool field[FORM_FIELDS_MAX], bucket; };

static bool holds(struct call *c, const struct form_head *f, struct str bucket, const struct json *j, struct covered *covered)
{
	struct condition x;
	if (!condition_of(c, j, &x))
		return false;
	bool is_bucket = str_eq_nocase(x.name, S("bucket"));
	struct str have = is_bucket ? bucket : S("");
	for (size_t i = f->n; i-- > 0;) {
		if (!str_eq_nocase(f->fields[i].name, x.name))
			continue;
		covered->field[i] = true;
		have = is_bucket ? bucket : f->fields[i].value;
	}
	covered->bucket |= is_bucket;
	return (str_eq(x.how, S("eq")) ? str_eq(have, x.want) : str_starts(have, x.want)) || does_not_hold(c, &x);
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

bool form_policy_ok(struct call *c, const struct form_head *f, int64_t length, struct str bucket)
{
	struct covered covered = {0};
	int64_t expires;
	struct str text = base64_decode(c->arena, form_field(f, "policy"));
	const struct json *j = str_present(text) ? json_parse(c->arena, text, NULL) : NULL, *list = json_get(j, S("conditions"));
	ASSERT(length >= 0);
	if (!json_is(j, JSON_OBJECT))
		return invalid(c, S("Invalid JSON."));
	struct str expiration = json_get_str(j, "expiration");
	if (!str_present(expiration))
		return invalid(c, S("Policy missing expiration."));
	if (!expiration_of(expiration, &expires))
		return invalid(c, arena_join(c->arena, S("Invalid 'expiration' value: '"), expiration, S("'")));
	if (!json_is(list, JSON_ARRAY))
		return invalid(c, S("Policy missing conditions."));
	if (expires <= os.wall_ms()) /* as signatures: the machine's clock */
		return against(c, S("Policy expired."));
	for (uint32_t i = 0; i < list->n; i++) {
		const struct json *one = &list->items[i];
		bool range = json_is(one, JSON_ARRAY) && one->n > 0 && str_eq_nocase(json_str(&one->items[0]), S("content-length-range"));
		if (!(range ? length_ok(c, length, one) : holds(c, f, bucket, one, &covered)))
			return false;
	}
	return all_covered(c, f, &covered);
}
