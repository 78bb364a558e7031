/* What a request to create or update a stack gives: the template's text from its body, its URL (S3) or the stack before,
 * parameters, tags and capabilities; transforms run here, and everything that can be checked before a start is checked.
 *
 * All failures are ValidationError or InsufficientCapabilitiesException in AWS's words; a failed transform of a change
 * set is left in given.why, for the change set to show. */
#include "stack.h"

#include "sam.h"
#include "template.h"

#include <unistd.h>

static bool invalid(struct call *c, struct str why)
{
	ASSERT(str_present(why));
	call_fail_code(c, 400, "ValidationError", "%.*s", STR_ARG(why));
	return false;
}

/* ---- S3 ---- */

/* Bucket and key of https://bucket.s3[.-region].amazonaws.com/key, https://s3.../bucket/key or http://host:port/bucket/key. */
static bool s3_address(struct call *c, struct str url, struct str *bucket, struct str *key, struct str *version)
{
	bool s3 = str_starts(url, S("s3://"));
	ptrdiff_t at = str_find_str(url, S("://"));
	if (at < 0)
		return false;
	struct str rest = str_slice(url, (size_t)at + 3, url.n), query;
	struct str host = str_cut(&rest, '/');
	if (!str_present(rest))
		return false;
	query = rest;
	struct str path = str_cut(&query, '?');
	*version = STR_NONE;
	struct params p;
	if (str_present(query) && params_parse(c->arena, query, 64, &p))
		*version = params_get(&p, S("versionId"));
	ptrdiff_t virtual = str_find_str(host, S(".s3"));
	if (s3 || virtual > 0) {
		*bucket = s3 ? host : str_slice(host, 0, (size_t)virtual);
		*key = uri_decode(c->arena, path, false);
	} else {
		struct str tail = path;
		*bucket = str_cut(&tail, '/');
		*key = str_present(tail) ? uri_decode(c->arena, tail, false) : STR_NONE;
	}
	return bucket->n > 0 && key->n > 0;
}

static struct str blob_text(struct call *c, const char *hex, int64_t length)
{
	struct blob_id id;
	memcpy(id.hex, hex, sizeof(id.hex));
	int fd = blob_open(service_store(), id);
	if (fd < 0)
		return STR_NONE;
	ASSERT(length >= 0 && length <= TEMPLATE_URL_MAX);
	char *p = arena_bytes(c->arena, (size_t)length + 1);
	size_t n = 0;
	for (ssize_t got; n < (size_t)length && (got = pread(fd, p + n, (size_t)length - n, (off_t)n)) > 0;)
		n += (size_t)got;
	close(fd);
	return n == (size_t)length ? str_of(p, n) : STR_NONE;
}

/* The bytes of GetObject's answer, wherever they lie. */
static struct str object_text(struct call *c, const struct invoked *got, size_t max)
{
	const struct service *s3 = service_find(S("s3"));
	const struct op *op = s3 != NULL ? service_op(s3, S("GetObject")) : NULL;
	const struct member *m = op != NULL ? shape_member(model_op_output(op->model), S("Body")) : NULL;
	const struct body *body = m != NULL ? *(struct body *const *)((const char *)got->typed_out + m->offset) : NULL;
	if (body == NULL || body->length > (int64_t)max)
		return STR_NONE;
	return body->blob[0] != '\0' ? blob_text(c, body->blob, body->length) : str_slice(body->bytes, 0, (size_t)body->length);
}

struct str text_of_url(struct call *c, struct str url, size_t max)
{
	struct str bucket, key, version;
	if (!s3_address(c, url, &bucket, &key, &version)) {
		invalid(c, S("TemplateURL must be a supported URL."));
		return STR_NONE;
	}
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "Bucket", bucket);
	json_set_str(c->arena, in, "Key", key);
	if (version.n > 0)
		json_set_str(c->arena, in, "VersionId", version);
	struct invoked got = invoke(c, "s3", "GetObject", in, NULL);
	if (got.parked)
		return STR_NONE;
	if (!got.ok) {
		invalid(c, arena_printf(c->arena, "S3 error: %.*s\nFor more information check "
			"http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html",
		                        STR_ARG(got.error.message)));
		return STR_NONE;
	}
	struct str text = object_text(c, &got, max);
	if (!str_present(text))
		invalid(c, S("Template size exceeds the limit of 1 MB"));
	return text;
}

struct str given_text(struct call *c, const struct request_template *from, const struct cloudformation_StackRecord *previous)
{
	int ways = (str_present(from->body) ? 1 : 0) + (str_present(from->url) ? 1 : 0) + (from->use_previous ? 1 : 0);
	if (ways != 1) {
		invalid(c, ways == 0 ? S("Either Template URL or Template Body must be specified.")
		                     : S("You can only specify one of the following: TemplateBody, TemplateURL, UsePreviousTemplate"));
		return STR_NONE;
	}
	if (from->use_previous) {
		if (previous == NULL || !str_present(previous->Template))
			invalid(c, S("No template is associated with the stack."));
		return previous != NULL ? previous->Template : STR_NONE;
	}
	if (str_present(from->url))
		return text_of_url(c, from->url, TEMPLATE_URL_MAX);
	if (from->body.n > TEMPLATE_BODY_MAX) {
		invalid(c, S("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than "
			"or equal to 51200"));
		return STR_NONE;
	}
	return from->body;
}

/* ---- transforms ---- */

static bool has_function(const struct json *j, struct str name)
{
	if (j->type == JSON_ARRAY)
		for (uint32_t i = 0; i < j->n; i++)
			if (has_function(&j->items[i], name))
				return true;
	if (j->type == JSON_OBJECT)
		for (uint32_t i = 0; i < j->n; i++)
			if (str_starts(j->members[i].key, name) || has_function(&j->members[i].value, name))
				return true;
	return false;
}

static bool run_transforms(struct call *c, struct given *g, const struct json *parameters)
{
	bool extended = false;
	for (uint32_t i = 0; i < g->transforms->n; i++) {
		struct str name = g->transforms->items[i].text, why = STR_NONE;
		if (is(name, "AWS::LanguageExtensions")) {
			g->template = extensions_expand(c->arena, g->template, parameters, &why);
			extended = true;
		} else if (is(name, "AWS::Serverless-2016-10-31")) {
			g->template = sam_transform(c->arena, g->template, parameters, c->region, &why);
		} else {
			why = arena_printf(c->arena, "No transform named %.*s found.", STR_ARG(name));
			g->template = NULL;
		}
		if (g->template == NULL) {
			ASSERT(str_present(why)); /* whoever refuses says why */
			g->transform_failed = true;
			g->why = str_starts(why, S("No transform")) ? why
			         : arena_printf(c->arena, "Transform %.*s failed with: %.*s", STR_ARG(name), STR_ARG(why));
			return false;
		}
	}
	json_unset(g->template, S("Transform"));
	if (has_function(g->template, S("Fn::Transform")))
		return invalid(c, S("Template format error: Fn::Transform (AWS::Include and macros) is not supported."));
	if (!extended && (has_function(g->template, S("Fn::ForEach::")) || has_function(g->template, S("Fn::Length"))
		|| has_function(g->template, S("Fn::ToJsonString"))))
		return invalid(c, S("Template format error: Fn::ForEach, Fn::Length and Fn::ToJsonString need the transform AWS::LanguageExtensions."));
	return true;
}

/* ---- types and capabilities ---- */

static bool types_known(struct call *c, const struct json *template)
{
	const struct json *resources = json_get(template, S("Resources"));
	struct buf b;
	buf_init(&b, c->arena, 65536);
	for (uint32_t i = 0; i < resources->n; i++) {
		struct str type = json_get_str(&resources->members[i].value, "Type");
		if (type_find(type) == NULL && str_find_str(buf_view(&b), type) < 0)
			buf_printf(&b, "%s%.*s", b.n > 0 ? ", " : "", STR_ARG(type));
	}
	if (b.n == 0)
		return true;
	return invalid(c, arena_printf(c->arena, "Template format error: Unrecognized resource types: [%.*s]", STR_ARG(buf_view(&b))));
}

/* What would change how a resource is made or kept, and is not done. */
static bool attributes_done(struct call *c, const struct json *template)
{
	static const char *const names[] = {"CreationPolicy", "UpdatePolicy"};
	const struct json *resources = json_get(template, S("Resources"));
	for (uint32_t i = 0; i < resources->n; i++) {
		const struct json *r = &resources->members[i].value;
		for (size_t k = 0; k < COUNT_OF(names); k++) {
			if (json_get(r, str_c(names[k])) == NULL)
				continue;
			call_unsupported(c, "%s of resource %.*s is not supported", names[k], STR_ARG(resources->members[i].key));
			return false;
		}
		if (is(json_get_str(r, "DeletionPolicy"), "Snapshot") || is(json_get_str(r, "UpdateReplacePolicy"), "Snapshot"))
			return invalid(c, arena_printf(c->arena, "Template error: resource type %.*s does not support deletion policy Snapshot",
			                               STR_ARG(json_get_str(r, "Type"))));
	}
	return true;
}

struct json *capabilities_needed(struct call *c, const struct json *template, const struct json *transforms, struct str *reason)
{
	static const struct { const char *type, *name; } iam[] = {{"AWS::IAM::Role", "RoleName"}, {"AWS::IAM::User", "UserName"},
		{"AWS::IAM::Group", "GroupName"}, {"AWS::IAM::ManagedPolicy", "ManagedPolicyName"}, {"AWS::IAM::Policy", NULL},
		{"AWS::IAM::InstanceProfile", "InstanceProfileName"}, {"AWS::IAM::AccessKey", NULL}, {"AWS::IAM::UserToGroupAddition", NULL}};
	const struct json *resources = json_get(template, S("Resources"));
	struct json *needed = json_new_array(c->arena);
	bool plain = false, named = false, nested = false;
	struct buf why;
	buf_init(&why, c->arena, 65536);
	for (uint32_t i = 0; resources != NULL && i < resources->n; i++) {
		const struct json *r = &resources->members[i].value;
		nested = nested || is(json_get_str(r, "Type"), "AWS::CloudFormation::Stack");
		for (size_t k = 0; k < COUNT_OF(iam); k++) {
			if (!is(json_get_str(r, "Type"), iam[k].type))
				continue;
			plain = true;
			named = named || (iam[k].name != NULL && json_get(json_get(r, S("Properties")), str_c(iam[k].name)) != NULL);
			if (str_find_str(buf_view(&why), str_c(iam[k].type)) < 0)
				buf_printf(&why, "%s%s", why.n > 0 ? ", " : "", iam[k].type);
		}
	}
	if (plain || named)
		json_push(c->arena, needed, json_new_str(c->arena, named ? S("CAPABILITY_NAMED_IAM") : S("CAPABILITY_IAM")));
	bool macros = false;
	for (uint32_t i = 0; transforms != NULL && i < transforms->n; i++)
		macros = macros || !is(json_str(&transforms->items[i]), "AWS::LanguageExtensions");
	if (macros)
		json_push(c->arena, needed, json_new_str(c->arena, S("CAPABILITY_AUTO_EXPAND")));
	*reason = why.n > 0 ? arena_printf(c->arena, "The following resource(s) require capabilities: [%.*s]", STR_ARG(buf_view(&why))) : STR_NONE;
	return needed;
}

static bool has_text(const struct json *list, struct str text)
{
	for (uint32_t i = 0; list != NULL && i < list->n; i++)
		if (str_eq(json_str(&list->items[i]), text))
			return true;
	return false;
}

static bool capabilities_given(struct call *c, const struct given *g, bool change_set)
{
	struct str reason;
	struct json *needed = capabilities_needed(c, g->template, g->transforms, &reason);
	ASSERT(needed->n <= 2); /* of IAM, of macros */
	for (uint32_t i = 0; i < needed->n; i++) {
		struct str name = needed->items[i].text;
		bool there = has_text(g->capabilities, name) || (is(name, "CAPABILITY_IAM") && has_text(g->capabilities, S("CAPABILITY_NAMED_IAM")))
		             || (change_set && is(name, "CAPABILITY_AUTO_EXPAND")); /* a change set shows what it expands to */
		if (!there) {
			call_fail(c, &cloudformation_err_InsufficientCapabilitiesException, "Requires capabilities : [%.*s]", STR_ARG(name));
			return false;
		}
	}
	return true;
}

/* ---- parameters and tags ---- */

/* {name: text} of the request; UsePreviousValue takes the stack's. NULL: c has failed. */
static struct json *read_parameters(struct call *c, const struct list *list, const struct cloudformation_StackRecord *previous)
{
	struct json *out = json_new_object(c->arena);
	for (uint32_t i = 0; i < list->n; i++) {
		const struct cloudformation_Parameter *p = LIST_AT(*list, struct cloudformation_Parameter, i);
		struct str value = p->ParameterValue;
		if (yes(p->UsePreviousValue)) {
			const struct json *before = previous != NULL ? json_get(previous->Parameters, p->ParameterKey) : NULL;
			if (str_present(value)) {
				invalid(c, arena_printf(c->arena, "Invalid input for parameter key %.*s. Cannot specify usePreviousValue as true and non "
					"empty value for a parameter", STR_ARG(p->ParameterKey)));
				return NULL;
			}
			if (before == NULL) {
				invalid(c, arena_printf(c->arena, "Invalid input for parameter key %.*s. Cannot specify usePreviousValue as true for a "
					"parameter key not in the previous template", STR_ARG(p->ParameterKey)));
				return NULL;
			}
			value = json_str(before);
		}
		if (str_present(p->ParameterKey))
			json_set(c->arena, out, p->ParameterKey, json_new_str(c->arena, str_present(value) ? value : S("")));
	}
	return out;
}

/* Every declared parameter's text: given, or by default. */
static struct json *effective(struct call *c, const struct json *template, const struct json *given)
{
	const struct json *declared = json_get(template, S("Parameters"));
	struct json *out = json_new_object(c->arena);
	for (uint32_t i = 0; declared != NULL && i < declared->n; i++) {
		struct str v = intrinsics_scalar(json_get(given, declared->members[i].key));
		if (!str_present(v))
			v = intrinsics_scalar(json_get(&declared->members[i].value, S("Default")));
		if (str_present(v))
			json_set(c->arena, out, declared->members[i].key, json_new_str(c->arena, v));
	}
	return out;
}

static struct json *read_tags(struct call *c, const struct list *list, const struct cloudformation_StackRecord *previous)
{
	struct json *out = json_new_object(c->arena);
	if (!list->set && previous != NULL && previous->Tags != NULL)
		return previous->Tags;
	for (uint32_t i = 0; i < list->n; i++) {
		const struct cloudformation_Tag *t = LIST_AT(*list, struct cloudformation_Tag, i);
		if (str_starts(t->Key, S("aws:"))) {
			invalid(c, S("aws: prefixed tag key names are not allowed for external use."));
			return NULL;
		}
		json_set(c->arena, out, t->Key, json_new_str(c->arena, t->Value));
	}
	return out;
}

/* ---- all together ---- */

struct json *given_parse(struct call *c, struct str text, bool raw)
{
	struct str why = STR_NONE;
	struct json *t = template_parse(c->arena, text, &why);
	if (t == NULL || !template_check(c->arena, t, raw, &why)) {
		invalid(c, why);
		return NULL;
	}
	return t;
}

/* What only values can show: parameters fit, conditions, rules, and no circles. */
static bool check_values(struct call *c, const struct given *g, const struct cloudformation_StackRecord *previous)
{
	struct scope sc;
	struct str why = STR_NONE;
	struct cloudformation_StackRecord nobody = {.Name = S("stack"), .Id = S("stack")};
	if (!references_check(c->arena, g->template, &why))
		return invalid(c, why);
	bool ok = scope_init(&sc, c, previous != NULL ? previous : &nobody, g->template, g->parameters, (struct stack_resources){NULL, 0});
	sc.planning = true;
	ok = ok && intrinsics_conditions(&sc.x) && parameters_rules(&sc.x);
	if (ok && plan_make(&sc, &why) == NULL)
		return invalid(c, why);
	return ok || invalid(c, sc.x.error);
}

bool given_read(struct call *c, const struct request_template *from, const struct list *parameters, const struct list *tags,
                const struct list *capabilities, const struct cloudformation_StackRecord *previous, bool change_set, struct given *g)
{
	struct str why = STR_NONE;
	*g = (struct given){.text = given_text(c, from, previous), .why = STR_NONE};
	if (c->failed || c->parked)
		return false;
	struct json *t = template_parse(c->arena, g->text, &why);
	g->transforms = t != NULL ? template_transforms(c->arena, t, &why) : NULL;
	if (g->transforms == NULL || !template_check(c->arena, t, g->transforms->n > 0, &why))
		return invalid(c, why);
	struct json *given = read_parameters(c, parameters, previous);
	g->tags = given != NULL ? read_tags(c, tags, previous) : NULL;
	if (g->tags == NULL)
		return false;
	struct json *resolved = parameters_resolve(c->arena, t, given, &why);
	if (resolved == NULL)
		return invalid(c, why);
	g->parameters = effective(c, t, given);
	ASSERT(g->parameters->n <= resolved->n); /* what is declared has been resolved */
	g->capabilities = tree_of_strings(c, capabilities);
	g->template = json_copy(c->arena, t);
	if (!run_transforms(c, g, resolved)) {
		if (!change_set && g->transform_failed)
			invalid(c, g->why);
		return false;
	}
	if (!template_check(c->arena, g->template, false, &why))
		return invalid(c, why);
	if (!types_known(c, g->template) || !attributes_done(c, g->template) || !check_values(c, g, previous) || !capabilities_given(c, g, change_set))
		return false;
	g->processed = json_text(c->arena, g->template);
	ASSERT(!c->failed && g->parameters != NULL && g->tags != NULL && g->capabilities != NULL);
	return true;
}
