/* AWS::Serverless::Function: the function, its published version and alias, URL, asynchronous configuration, role and
 * events. Logical ids are those of AWS's translator: <Fn>Role, <Fn>Version<hash>, <Fn>Alias<name>, <Fn>Url, ... */
#include "sam.h"

#include "base/pattern.h"

struct function {
	struct made *function, *version, *alias;
	struct json *event_invoke_policies; /* array */
	struct str alias_name;
	struct target target;
};

static bool known_property(struct str name)
{
	static const char *const names[] = {"FunctionName", "Handler", "Runtime", "CodeUri", "ImageUri", "PackageType", "InlineCode",
		"DeadLetterQueue", "Description", "MemorySize", "Timeout", "VpcConfig", "Role", "AssumeRolePolicyDocument", "Policies",
		"RolePath", "PermissionsBoundary", "Environment", "Events", "Tags", "PropagateTags", "Tracing", "KmsKeyArn",
		"DeploymentPreference", "ReservedConcurrentExecutions", "Layers", "EventInvokeConfig", "EphemeralStorage",
		"AutoPublishAlias", "AutoPublishCodeSha256", "AutoPublishAliasAllProperties", "VersionDescription",
		"ProvisionedConcurrencyConfig", "FileSystemConfigs", "ImageConfig", "CodeSigningConfigArn", "Architectures", "SnapStart",
		"FunctionUrlConfig", "RuntimeManagementConfig", "LoggingConfig", "RecursiveLoop", "SourceKMSKeyArn",
		"VersionDeletionPolicy"};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (str_eq(name, str_c(names[i])))
			return true;
	return false;
}

/* Properties that must be maps or lists when they are not intrinsic functions. */
static bool check_types(struct sam *s)
{
	static const struct { const char *name; enum json_type type; } shapes[] = {
		{"DeadLetterQueue", JSON_OBJECT}, {"Environment", JSON_OBJECT}, {"Events", JSON_OBJECT}, {"Tags", JSON_OBJECT},
		{"AssumeRolePolicyDocument", JSON_OBJECT}, {"EventInvokeConfig", JSON_OBJECT}, {"FunctionUrlConfig", JSON_OBJECT},
		{"Layers", JSON_ARRAY}, {"SnapStart", JSON_OBJECT}, {"DeploymentPreference", JSON_OBJECT}};
	for (uint32_t i = 0; i < s->properties->n; i++)
		if (!known_property(s->properties->members[i].key))
			return sam_fail(s, "property %.*s not defined for resource of type AWS::Serverless::Function",
			                STR_ARG(s->properties->members[i].key)) != NULL;
	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		const struct json *v = sam_property(s, shapes[i].name);
		if (v != NULL && v->type != shapes[i].type && !(json_is(v, JSON_OBJECT) && v->n == 1))
			return sam_fail(s, "Property '%s' should be a %s.", shapes[i].name, shapes[i].type == JSON_OBJECT ? "map" : "list") != NULL;
	}
	return true;
}

static bool check(struct sam *s)
{
	const struct json *dlq = sam_property(s, "DeadLetterQueue"), *package = sam_property(s, "PackageType");
	const struct json *preference = sam_property(s, "DeploymentPreference");
	if (!check_types(s))
		return false;
	if (dlq != NULL && (!sam_truthy(json_get(dlq, S("Type"))) || !sam_truthy(json_get(dlq, S("TargetArn")))))
		return sam_fail(s, "'DeadLetterQueue' requires Type and TargetArn properties to be specified.") != NULL;
	if (dlq != NULL && !str_eq(json_get_str(dlq, "Type"), S("SQS")) && !str_eq(json_get_str(dlq, "Type"), S("SNS")))
		return sam_fail(s, "'DeadLetterQueue' requires Type of ['SQS', 'SNS']") != NULL;
	if (sam_truthy(package) && !str_eq(json_str(package), S("Zip")))
		return sam_fail(s, "PackageType '%.*s' is not supported.", STR_ARG(json_str(package))) != NULL;
	if (sam_property(s, "ImageUri") != NULL || sam_property(s, "ImageConfig") != NULL)
		return sam_fail(s, "ImageUri and ImageConfig are not supported.") != NULL;
	if (sam_truthy(sam_property(s, "ProvisionedConcurrencyConfig")) && !sam_truthy(sam_property(s, "AutoPublishAlias")))
		return sam_fail(s, "To set ProvisionedConcurrencyConfig AutoPublishALias must be defined on the function") != NULL;
	if (sam_property(s, "VersionDeletionPolicy") != NULL && sam_property(s, "AutoPublishAlias") == NULL)
		return sam_fail(s, "'VersionDeletionPolicy' requires 'AutoPublishAlias'.") != NULL;
	struct json *enabled = preference != NULL ? sam_resolve(s, json_get(preference, S("Enabled"))) : NULL;
	bool off = json_is(enabled, JSON_FALSE) || str_eq_nocase(json_str(enabled), S("false"));
	if (preference != NULL && !off)
		return sam_fail(s, "DeploymentPreference needs CodeDeploy, which is not supported; set Enabled: false.") != NULL;
	return true;
}

static struct json *code(struct sam *s)
{
	const struct json *inline_code = sam_property(s, "InlineCode"), *uri = sam_property(s, "CodeUri");
	struct json *out;
	if (inline_code == NULL && uri == NULL)
		return sam_fail(s, "Only one of 'InlineCode' or 'CodeUri' can be set.");
	if (inline_code != NULL)
		out = sam_one(s, "ZipFile", inline_code);
	else
		out = sam_s3_location(s, uri, "CodeUri", "S3Bucket", "S3Key", "S3ObjectVersion");
	if (out != NULL)
		sam_put(s, out, "SourceKMSKeyArn", sam_property(s, "SourceKMSKeyArn"));
	return out;
}

static struct made *make_function(struct sam *s)
{
	static const char *const same[] = {"Handler", "Runtime", "Description", "MemorySize", "Timeout", "VpcConfig", "Role", "Environment",
		"KmsKeyArn", "ReservedConcurrentExecutions", "Layers", "FileSystemConfigs", "PackageType", "Architectures", "SnapStart",
		"EphemeralStorage", "CodeSigningConfigArn", "RuntimeManagementConfig", "LoggingConfig", "RecursiveLoop"};
	struct made *f = sam_make(s, s->id, "AWS::Lambda::Function", s->attributes);
	struct json *where = code(s), *tracing = sam_property(s, "Tracing");
	if (where == NULL)
		return NULL;
	if (sam_truthy(sam_property(s, "FunctionName")))
		sam_put(s, f->properties, "FunctionName", sam_property(s, "FunctionName"));
	for (size_t i = 0; i < COUNT_OF(same); i++)
		sam_put(s, f->properties, same[i], sam_property(s, same[i]));
	sam_set(s, f->properties, S("Code"), where);
	const struct json *tags = sam_property(s, "Tags");
	if (json_get(tags, S("lambda:createdBy")) != NULL)
		return sam_fail(s, "lambda:createdBy is a reserved Tag key name and cannot be set on your resource. Please change the tag key in the input.");
	sam_set(s, f->properties, S("Tags"), sam_tags(s, tags, true));
	if (sam_truthy(tracing) && !str_eq(json_str(sam_resolve(s, tracing)), S("Disabled")))
		sam_set(s, f->properties, S("TracingConfig"), sam_one(s, "Mode", tracing));
	if (sam_property(s, "DeadLetterQueue") != NULL)
		sam_set(s, f->properties, S("DeadLetterConfig"), sam_one(s, "TargetArn", json_get(sam_property(s, "DeadLetterQueue"), S("TargetArn"))));
	return f;
}

/* ---- version and alias ---- */

/* Layers with PublishLambdaVersion make a new version of the function when they change. */
static void add_layers(struct sam *s, struct json *what, const struct json *layers)
{
	for (uint32_t i = 0; json_is(layers, JSON_ARRAY) && i < layers->n; i++) {
		const struct json *layer = &layers->items[i];
		struct str id = sam_is_function(layer, "Ref") ? json_str(&layer->members[0].value) : STR_NONE;
		const struct json *p = str_present(id) ? json_get(json_get(s->resources, id), S("Properties")) : NULL;
		if (sam_truthy(json_get(p, S("PublishLambdaVersion"))))
			sam_set(s, what, id, p);
	}
}

/* What a new version depends on: code, environment and memory, or everything when asked for. */
static struct json *version_data(struct sam *s, const struct function *f)
{
	const struct json *p = f->function->properties, *snap = json_get(p, S("SnapStart")), *env = json_get(p, S("Environment"));
	if (sam_truthy(sam_property(s, "AutoPublishAliasAllProperties"))) {
		struct json *all = json_copy(s->a, p);
		add_layers(s, all, sam_property(s, "Layers"));
		return all;
	}
	struct json *what = sam_resolve(s, json_get(p, S("Code")));
	for (uint32_t i = 0; json_is(env, JSON_OBJECT) && i < env->n; i++)
		sam_set(s, what, env->members[i].key, &env->members[i].value);
	if (sam_truthy(json_get(p, S("MemorySize"))))
		sam_put(s, what, "MemorySize", json_get(p, S("MemorySize")));
	struct str apply = json_get_str(snap, "ApplyOn");
	if (snap != NULL && str_present(apply) && !str_eq(apply, S("None")))
		sam_put(s, what, "SnapStart", snap);
	return what;
}

static bool make_version(struct sam *s, struct function *f)
{
	const struct json *given = sam_property(s, "AutoPublishCodeSha256");
	struct str hash;
	if (given != NULL) {
		struct str sha = json_str(sam_resolve(s, given));
		if (!str_present(sha))
			return sam_fail(s, "AutoPublishCodeSha256 must be a string") != NULL;
		/* Lambda publishes nothing when code and configuration are as before: the description changes with the code */
		struct json *d = sam_resolve(s, sam_property(s, "Description"));
		struct json *words = sam_text(s, sha);
		if (json_is(d, JSON_STRING) && d->text.n > 0) {
			words = sam_text(s, arena_join(s->a, d->text, S(" "), sha));
		} else if (sam_truthy(d)) {
			struct json *parts = sam_list(s, d), *join = sam_list(s, sam_text(s, S(" ")));
			sam_push(s, parts, words);
			sam_push(s, join, parts);
			words = sam_one(s, "Fn::Join", join);
		}
		sam_set(s, f->function->properties, S("Description"), words);
		hash = str_slice(sha, 0, 10);
	} else {
		hash = sam_hash_json(s, version_data(s, f), 10);
	}
	f->version = sam_make(s, arena_printf(s->a, "%.*sVersion%.*s", STR_ARG(s->id), STR_ARG(hash)), "AWS::Lambda::Version", s->passed);
	const struct json *policy = sam_property(s, "VersionDeletionPolicy");
	if (json_get(f->version->attributes, S("DeletionPolicy")) == NULL)
		sam_set(s, f->version->attributes, S("DeletionPolicy"), policy != NULL ? policy : sam_text(s, S("Retain")));
	sam_set(s, f->version->properties, S("FunctionName"), sam_ref(s, s->id));
	sam_put(s, f->version->properties, "Description", sam_property(s, "VersionDescription"));
	return true;
}

static bool make_alias(struct sam *s, struct function *f)
{
	f->alias_name = json_str(sam_resolve(s, sam_property(s, "AutoPublishAlias")));
	if (!str_present(f->alias_name))
		return sam_fail(s, "'AutoPublishAlias' must be a string or a Ref to a template parameter") != NULL;
	const struct pattern *p = pattern_get(S("(?!^[0-9]+$)[a-zA-Z0-9\\-_]+"));
	if (f->alias_name.n == 0 || !pattern_matches(p, f->alias_name))
		return sam_fail(s, "AutoPublishAlias name ('%.*s') must contain only alphanumeric characters, hyphens, or underscores "
		                "matching (?!^[0-9]+$)([a-zA-Z0-9-_]+) pattern.", STR_ARG(f->alias_name)) != NULL;
	if (!make_version(s, f))
		return false;
	ASSERT(f->version != NULL);
	struct str id = arena_dup(s->a, f->alias_name);
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] == '-' || id.p[i] == '_')
			((char *)id.p)[i] = id.p[i] == '-' ? 'D' : 'U';
	f->alias = sam_make(s, arena_printf(s->a, "%.*sAlias%.*s", STR_ARG(s->id), STR_ARG(id)), "AWS::Lambda::Alias", s->passed);
	sam_set(s, f->alias->properties, S("Name"), sam_text(s, f->alias_name));
	sam_set(s, f->alias->properties, S("FunctionName"), sam_ref(s, s->id));
	sam_set(s, f->alias->properties, S("FunctionVersion"), sam_get_att(s, f->version->id, "Version"));
	if (sam_truthy(sam_property(s, "ProvisionedConcurrencyConfig")))
		sam_put(s, f->alias->properties, "ProvisionedConcurrencyConfig", sam_property(s, "ProvisionedConcurrencyConfig"));
	return true;
}

/* ---- URL ---- */

static bool make_url(struct sam *s, const struct function *f)
{
	const struct json *config = sam_property(s, "FunctionUrlConfig"), *auth = json_get(config, S("AuthType"));
	const struct json *name = f->alias != NULL ? sam_ref(s, f->alias->id) : sam_ref(s, s->id);
	struct str type = json_str(auth);
	if (!sam_is_intrinsic(auth) && !str_eq(type, S("AWS_IAM")) && !str_eq(type, S("NONE")))
		return sam_fail(s, "AuthType is required to configure function property `FunctionUrlConfig`. Please provide either AWS_IAM or NONE.") != NULL;
	struct made *url = sam_make(s, arena_join(s->a, s->id, S("Url")), "AWS::Lambda::Url", s->passed);
	if (sam_truthy(json_get(config, S("Cors"))))
		sam_put(s, url->properties, "Cors", json_get(config, S("Cors")));
	sam_put(s, url->properties, "AuthType", auth);
	sam_put(s, url->properties, "TargetFunctionArn", name);
	sam_put(s, url->properties, "InvokeMode", json_get(config, S("InvokeMode")));
	if (!str_eq(type, S("NONE")))
		return true;
	struct made *open = sam_make(s, arena_join(s->a, s->id, S("UrlPublicPermissions")), "AWS::Lambda::Permission", s->passed);
	open->properties = sam_lit(s, "{\"Action\":\"lambda:InvokeFunctionUrl\",\"Principal\":\"*\",\"FunctionUrlAuthType\":\"NONE\"}");
	sam_put(s, open->properties, "FunctionName", name);
	struct made *call = sam_make(s, arena_join(s->a, s->id, S("URLInvokeAllowPublicAccess")), "AWS::Lambda::Permission", s->passed);
	call->properties = sam_lit(s, "{\"Action\":\"lambda:InvokeFunction\",\"Principal\":\"*\",\"InvokedViaFunctionUrl\":true}");
	sam_put(s, call->properties, "FunctionName", name);
	return true;
}

/* ---- asynchronous invocation ---- */

/* The condition under which a destination must be made, and the ARN used otherwise, of Fn::If with AWS::NoValue. */
static struct str destination_condition(struct sam *s, const struct json *destination, struct str id, const struct json **otherwise)
{
	const struct json *three = sam_is_function(destination, "Fn::If") ? &destination->members[0].value : NULL;
	if (!json_is(three, JSON_ARRAY) || three->n != 3)
		return STR_NONE;
	bool then_none = sam_is_no_value(&three->items[1]), else_none = sam_is_no_value(&three->items[2]);
	struct str condition = json_str(&three->items[0]);
	if (then_none == else_none)
		return STR_NONE;
	*otherwise = &three->items[then_none ? 2 : 1];
	if (then_none)
		return condition;
	struct str negated = arena_join(s->a, S("NOT"), condition, sam_hash(s, id, 10));
	struct json *not = sam_one(s, "Fn::Not", sam_list(s, sam_one(s, "Condition", sam_text(s, condition))));
	sam_set(s, sam_ensure(s, s->in, S("Conditions"), JSON_OBJECT), negated, not);
	return negated;
}

/* The queue or topic of a destination without an ARN; gives the ARN to use. */
static struct json *make_destination(struct sam *s, struct str type, struct str id, struct str condition, const struct json *otherwise)
{
	bool queue = str_eq(type, S("SQS"));
	if (!queue && !str_eq(type, S("SNS")))
		return sam_fail(s, "Destination is required if Type is not ['SQS', 'SNS']");
	struct str resource_id = arena_join(s->a, id, queue ? S("Queue") : S("Topic"));
	struct made *m = sam_make(s, resource_id, queue ? "AWS::SQS::Queue" : "AWS::SNS::Topic", s->passed);
	struct json *arn = queue ? sam_get_att(s, resource_id, "Arn") : sam_ref(s, resource_id);
	struct str own = json_get_str(s->passed, "Condition");
	if (!str_present(condition))
		return arn;
	struct str both = condition;
	if (str_present(own)) {
		both = arena_join(s->a, own, S("AND"), condition, sam_hash(s, s->id, 10));
		struct json *list = sam_list(s, sam_one(s, "Condition", sam_text(s, own)));
		sam_push(s, list, sam_one(s, "Condition", sam_text(s, condition)));
		sam_set(s, sam_ensure(s, s->in, S("Conditions"), JSON_OBJECT), both, sam_one(s, "Fn::And", list));
	}
	sam_set(s, m->attributes, S("Condition"), sam_text(s, both));
	struct json *three = sam_list(s, sam_text(s, condition));
	sam_push(s, three, arn);
	sam_push(s, three, otherwise);
	return sam_one(s, "Fn::If", three);
}

static bool add_destination(struct sam *s, struct function *f, struct str id, const char *outcome, const struct json *config, struct json *out)
{
	static const char *const types[] = {"SQS", "SNS", "EventBridge", "Lambda", "S3Bucket"};
	struct str type = json_get_str(config, "Type"), made_id = arena_join(s->a, id, str_c(outcome));
	const struct json *arn = json_get(config, S("Destination")), *otherwise = NULL;
	bool known = false;
	for (size_t i = 0; i < COUNT_OF(types); i++)
		known = known || str_eq(type, str_c(types[i]));
	if (!known)
		return sam_fail(s, "'Type: %.*s' must be one of ['SQS', 'SNS', 'EventBridge', 'Lambda', 'S3Bucket']",
		                STR_ARG(str_present(type) ? type : S("None"))) != NULL;
	struct str condition = destination_condition(s, arn, id, &otherwise);
	if (arn == NULL || str_present(condition))
		arn = make_destination(s, type, made_id, condition, otherwise);
	if (arn == NULL)
		return false;
	sam_set(s, out, str_c(outcome), sam_one(s, "Destination", arn));
	sam_push(s, f->event_invoke_policies, sam_destination_policy(s, type, arn, made_id));
	return true;
}

static bool make_event_invoke(struct sam *s, struct function *f)
{
	static const char *const outcomes[] = {"OnSuccess", "OnFailure"};
	struct json *config = sam_resolve(s, sam_property(s, "EventInvokeConfig")), *destinations = json_new_object(s->a);
	struct str id = arena_join(s->a, s->id, S("EventInvokeConfig"));
	const struct json *wanted = json_get(config, S("DestinationConfig"));
	for (size_t i = 0; i < COUNT_OF(outcomes); i++) {
		const struct json *one = json_get(wanted, str_c(outcomes[i]));
		if (one != NULL && !add_destination(s, f, id, outcomes[i], one, destinations))
			return false;
	}
	struct made *m = sam_make(s, id, "AWS::Lambda::EventInvokeConfig", s->attributes);
	if (f->alias != NULL)
		sam_depends(s, m, f->alias->id);
	sam_set(s, m->properties, S("FunctionName"), sam_ref(s, s->id));
	sam_set(s, m->properties, S("Qualifier"), sam_text(s, f->alias != NULL ? f->alias_name : S("$LATEST")));
	sam_set(s, m->properties, S("DestinationConfig"), destinations);
	sam_put(s, m->properties, "MaximumEventAgeInSeconds", json_get(config, S("MaximumEventAgeInSeconds")));
	sam_put(s, m->properties, "MaximumRetryAttempts", json_get(config, S("MaximumRetryAttempts")));
	return true;
}

/* ---- role ---- */

static void drop_made(struct sam *s, struct made *gone)
{
	struct made **at = &s->made;
	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	for (s->made_end = &s->made; *s->made_end != NULL;)
		s->made_end = &(*s->made_end)->next;
}

/* Role: Fn::If with AWS::NoValue on one side makes the role on that side only. False: no role is made. */
static bool conditional_role(struct sam *s, struct function *f, struct made *role)
{
	const struct json *given = json_get(f->function->properties, S("Role"));
	const struct json *three = sam_is_function(given, "Fn::If") ? &given->members[0].value : NULL;
	if (!json_is(three, JSON_ARRAY) || three->n != 3)
		return false;
	bool then_none = sam_is_no_value(&three->items[1]), else_none = sam_is_no_value(&three->items[2]);
	struct str condition = json_str(&three->items[0]);
	struct json *arn = sam_get_att(s, role->id, "Arn");
	if (!then_none && !else_none)
		return false;
	if (then_none && else_none) {
		sam_set(s, f->function->properties, S("Role"), arn);
		return true;
	}
	struct json *choice = sam_list(s, &three->items[0]);
	sam_push(s, choice, then_none ? arn : &three->items[1]);
	sam_push(s, choice, then_none ? &three->items[2] : arn);
	sam_set(s, f->function->properties, S("Role"), sam_one(s, "Fn::If", choice));
	struct str own = then_none ? condition : arena_join(s->a, S("NOT"), condition);
	sam_set(s, role->attributes, S("Condition"), sam_text(s, own));
	if (else_none) {
		struct json *not = sam_one(s, "Fn::Not", sam_list(s, sam_one(s, "Condition", sam_text(s, condition))));
		sam_set(s, sam_ensure(s, s->in, S("Conditions"), JSON_OBJECT), own, not);
	}
	return true;
}

static void propagate_tags(struct sam *s)
{
	static const char *const taggable[] = {"AWS::Lambda::Function", "AWS::IAM::Role", "AWS::SQS::Queue", "AWS::SNS::Topic"};
	const struct json *tags = sam_property(s, "Tags");
	if (!sam_truthy(tags) || !sam_truthy(sam_property(s, "PropagateTags")))
		return;
	for (struct made *m = s->made; m != NULL; m = m->next)
		for (size_t i = 0; i < COUNT_OF(taggable); i++)
			if (str_eq(str_c(m->type), str_c(taggable[i])))
				sam_set(s, m->properties, S("Tags"), sam_tags(s, tags, false));
}

void sam_function(struct sam *s)
{
	struct function f = {.event_invoke_policies = json_new_array(s->a)};
	if (!check(s))
		return;
	sam_convert_policy_templates(s);
	if (s->failed || (f.function = make_function(s)) == NULL)
		return;
	if (sam_truthy(sam_property(s, "AutoPublishAlias")) && !make_alias(s, &f))
		return;
	if (sam_truthy(sam_property(s, "FunctionUrlConfig")) && !make_url(s, &f))
		return;
	if (sam_truthy(sam_property(s, "EventInvokeConfig")) && !make_event_invoke(s, &f))
		return;
	struct made *role = sam_role(s, f.event_invoke_policies);
	if (role == NULL)
		return;
	if (sam_property(s, "Role") == NULL)
		sam_set(s, f.function->properties, S("Role"), sam_get_att(s, role->id, "Arn"));
	else if (!conditional_role(s, &f, role))
		drop_made(s, role);
	f.target.role = role;
	f.target.resource = f.alias != NULL ? f.alias : f.function;
	f.target.arn = f.alias != NULL ? sam_ref(s, f.alias->id) : sam_get_att(s, s->id, "Arn");
	f.target.name = sam_ref(s, f.target.resource->id);
	sam_events(s, &f.target);
	propagate_tags(s);
}
