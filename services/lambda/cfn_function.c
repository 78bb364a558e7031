/* AWS::Lambda::Function. Inline code becomes a zip with one file, as CloudFormation makes it: index.js or index.py, and
 * beside it the cfn-response module, which AWS adds too. */
#include "cfn.h"

static struct json *property(struct cfn_resource *r, const char *name) { return json_get(r->properties, str_c(name)); }

/* ---- inline code ---- */

static void u16(struct buf *b, uint32_t v)
{
	buf_putc(b, (char)(v & 0xff));
	buf_putc(b, (char)(v >> 8 & 0xff));
}

static void u32(struct buf *b, uint32_t v)
{
	u16(b, v & 0xffff);
	u16(b, v >> 16);
}

static void file_head(struct buf *b, struct str name, struct str text)
{
	u16(b, 0); /* stored */
	u32(b, 0x00210000); /* 1980-01-01: the same code is the same zip */
	u32(b, crc32_ieee(0, text));
	u32(b, (uint32_t)text.n);
	u32(b, (uint32_t)text.n);
	u16(b, (uint32_t)name.n);
	u16(b, 0);
}

struct zip_file { struct str name, text; };

static struct str zip_of(struct arena *a, const struct zip_file *files, size_t n)
{
	struct buf b, central;
	buf_init(&b, a, 0);
	buf_init(&central, a, 0);
	for (size_t i = 0; i < n; i++) {
		uint32_t at = (uint32_t)b.n;
		u32(&b, 0x04034b50);
		u16(&b, 20);
		u16(&b, 0);
		file_head(&b, files[i].name, files[i].text);
		buf_str(&b, files[i].name);
		buf_str(&b, files[i].text);
		u32(&central, 0x02014b50);
		u16(&central, 3 << 8 | 20);
		u16(&central, 20);
		u16(&central, 0);
		file_head(&central, files[i].name, files[i].text);
		u16(&central, 0);
		u16(&central, 0);
		u16(&central, 0);
		u32(&central, 0100644u << 16);
		u32(&central, at);
		buf_str(&central, files[i].name);
	}
	uint32_t at = (uint32_t)b.n;
	buf_str(&b, buf_view(&central));
	u32(&b, 0x06054b50);
	u32(&b, 0);
	u16(&b, (uint32_t)n);
	u16(&b, (uint32_t)n);
	u32(&b, (uint32_t)central.n);
	u32(&b, at);
	u16(&b, 0);
	return buf_view(&b);
}

/* The helper for custom resources: tells CloudFormation how it went. */
static const char response_py[] =
	"import json\nimport urllib.request\n\nSUCCESS = \"SUCCESS\"\nFAILED = \"FAILED\"\n\n\n"
	"def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):\n"
	"    body = json.dumps({\n"
	"        \"Status\": responseStatus,\n"
	"        \"Reason\": reason or \"See the details in CloudWatch Log Stream: \" + context.log_stream_name,\n"
	"        \"PhysicalResourceId\": physicalResourceId or context.log_stream_name,\n"
	"        \"StackId\": event[\"StackId\"], \"RequestId\": event[\"RequestId\"],\n"
	"        \"LogicalResourceId\": event[\"LogicalResourceId\"], \"NoEcho\": noEcho, \"Data\": responseData}).encode()\n"
	"    request = urllib.request.Request(event[\"ResponseURL\"], body, {\"content-type\": \"\"}, method=\"PUT\")\n"
	"    urllib.request.urlopen(request).read()\n";

static const char response_js[] =
	"exports.SUCCESS = \"SUCCESS\";\nexports.FAILED = \"FAILED\";\n\n"
	"exports.send = (event, context, responseStatus, responseData, physicalResourceId, noEcho) => {\n"
	"  const body = JSON.stringify({\n"
	"    Status: responseStatus,\n"
	"    Reason: \"See the details in CloudWatch Log Stream: \" + context.logStreamName,\n"
	"    PhysicalResourceId: physicalResourceId || context.logStreamName,\n"
	"    StackId: event.StackId, RequestId: event.RequestId, LogicalResourceId: event.LogicalResourceId,\n"
	"    NoEcho: noEcho || false, Data: responseData,\n  });\n"
	"  const url = new URL(event.ResponseURL);\n"
	"  const web = require(url.protocol === \"https:\" ? \"https\" : \"http\");\n"
	"  const headers = { \"content-type\": \"\", \"content-length\": Buffer.byteLength(body) };\n"
	"  return new Promise((resolve) => {\n"
	"    const done = () => { context.done(); resolve(); };\n"
	"    const request = web.request(url, { method: \"PUT\", headers }, (answer) => { answer.resume(); answer.on(\"end\", done); });\n"
	"    request.on(\"error\", (error) => { console.log(\"send failed: \" + error); done(); });\n"
	"    request.end(body);\n  });\n};\n";

static struct str inline_zip(struct cfn_resource *r, struct str code)
{
	bool python = str_starts(cfn_text(r, "Runtime"), S("python"));
	const struct zip_file files[] = {{python ? S("index.py") : S("index.js"), code},
		{python ? S("cfnresponse.py") : S("cfn-response.js"), python ? str_c(response_py) : str_c(response_js)}};
	return zip_of(r->c->arena, files, str_find_str(code, python ? S("cfnresponse") : S("cfn-response")) >= 0 ? 2 : 1);
}

/* The code as CreateFunction and UpdateFunctionCode want it, put into in. */
static void code_input(struct cfn_resource *r, struct json *in)
{
	struct arena *a = r->c->arena;
	struct json *code = property(r, "Code");
	struct str text = json_get_str(code, "ZipFile");
	if (str_present(text)) {
		json_set_str(a, in, "ZipFile", base64_encode(a, inline_zip(r, text)));
		return;
	}
	static const char *const names[] = {"S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct json *v = json_get(code, str_c(names[i]));
		if (v != NULL)
			json_set(a, in, str_c(names[i]), v);
	}
}

/* ---- configuration ---- */

static struct json *environment(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct json *out = json_new_object(a), *variables = json_new_object(a), *given = json_get(property(r, "Environment"), S("Variables"));
	for (size_t i = 0; given != NULL && i < given->n; i++) {
		const struct json *v = &given->members[i].value;
		struct str text = v->type == JSON_STRING || v->type == JSON_NUMBER ? v->text : json_text(a, v);
		json_set(a, variables, given->members[i].key, json_new_str(a, text));
	}
	json_set(a, out, S("Variables"), variables);
	return out;
}

static void or_default(struct cfn_resource *r, struct json *in, const char *name, struct json *otherwise)
{
	struct json *v = property(r, name);
	json_set(r->c->arena, in, str_c(name), v != NULL && v->type != JSON_NULL ? v : otherwise);
}

/* All of it: what the template no longer has goes back to its default. */
static struct json *config_input(struct cfn_resource *r, bool create)
{
	struct arena *a = r->c->arena;
	static const char *const names[] = {"Runtime", "Role", "Handler", "LoggingConfig", "VpcConfig", "FileSystemConfigs", "ImageConfig",
		"SnapStart", NULL};
	struct json *in = cfn_copy(r, names);
	json_set_str(a, in, "FunctionName", r->physical_id);
	or_default(r, in, "Description", json_new_str(a, S("")));
	or_default(r, in, "Timeout", json_new_i64(a, 3));
	or_default(r, in, "MemorySize", json_new_i64(a, 128));
	or_default(r, in, "Layers", json_new_array(a));
	json_set(a, in, S("Environment"), environment(r));
	struct json *tracing = json_new_object(a), *storage = json_new_object(a), *letter = json_new_object(a);
	json_set_str(a, tracing, "Mode", S("PassThrough"));
	json_set_i64(a, storage, "Size", 512);
	json_set_str(a, letter, "TargetArn", S(""));
	or_default(r, in, "TracingConfig", tracing);
	or_default(r, in, "EphemeralStorage", storage);
	if (!create || property(r, "DeadLetterConfig") != NULL)
		or_default(r, in, "DeadLetterConfig", letter);
	if (str_present(cfn_text(r, "KmsKeyArn")))
		json_set_str(a, in, "KMSKeyArn", cfn_text(r, "KmsKeyArn"));
	return in;
}

static enum cfn_status set_concurrency(struct cfn_resource *r, bool create)
{
	struct json *wanted = property(r, "ReservedConcurrentExecutions"), *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "FunctionName", r->physical_id);
	if (wanted != NULL) {
		json_set(r->c->arena, in, S("ReservedConcurrentExecutions"), wanted);
		return cfn_ask(r, "PutFunctionConcurrency", in, NULL);
	}
	return create ? CFN_DONE : cfn_ask(r, "DeleteFunctionConcurrency", in, NULL);
}

static void attributes(struct cfn_resource *r, const struct json *out)
{
	if (r->attributes == NULL)
		r->attributes = json_new_object(r->c->arena);
	struct str arn = json_get_str(out, "FunctionArn");
	json_set_str(r->c->arena, r->attributes, "Arn", str_present(arn) ? arn : function_arn(r->c, r->physical_id, STR_NONE));
}

enum cfn_status cfn_function_create(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	cfn_proper(a, r->properties);
	struct str name = cfn_text(r, "FunctionName");
	r->physical_id = str_present(name) ? name : cfn_make_name(r, 64, false);
	struct json *in = config_input(r, true), *code = json_new_object(a), *out = NULL;
	static const char *const more[] = {"PackageType", "Architectures", "CodeSigningConfigArn"};
	for (size_t i = 0; i < COUNT_OF(more); i++) {
		if (property(r, more[i]) != NULL)
			json_set(a, in, str_c(more[i]), property(r, more[i]));
	}
	code_input(r, code);
	json_set(a, in, S("Code"), code);
	struct json *tags = cfn_tags(r, true);
	if (tags != NULL && tags->n > 0)
		json_set(a, in, S("Tags"), tags);
	enum cfn_status status = cfn_ask(r, "CreateFunction", in, &out);
	if (status != CFN_DONE)
		return status;
	attributes(r, out);
	return set_concurrency(r, true);
}

static enum cfn_status update_tags(struct cfn_resource *r)
{
	static const struct cfn_tagging tagging = {"lambda", "TagResource", "UntagResource", "Resource", "Tags", "TagKeys", true};
	return cfn_tags_update(r, &tagging, function_arn(r->c, r->physical_id, STR_NONE));
}

enum cfn_status cfn_function_update(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	cfn_proper(a, r->properties);
	enum cfn_status status = CFN_DONE;
	struct json *out = NULL;
	if (cfn_changed(r, "Code") || cfn_changed(r, "Architectures")) {
		struct json *in = json_new_object(a);
		json_set_str(a, in, "FunctionName", r->physical_id);
		code_input(r, in);
		if (property(r, "Architectures") != NULL)
			json_set(a, in, S("Architectures"), property(r, "Architectures"));
		status = cfn_ask(r, "UpdateFunctionCode", in, &out);
	}
	if (status == CFN_DONE)
		status = cfn_ask(r, "UpdateFunctionConfiguration", config_input(r, false), &out);
	if (status == CFN_DONE && cfn_changed(r, "ReservedConcurrentExecutions"))
		status = set_concurrency(r, false);
	if (status == CFN_DONE)
		status = update_tags(r);
	if (status == CFN_DONE)
		attributes(r, out);
	return status;
}

enum cfn_status cfn_function_remove(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "FunctionName", r->physical_id);
	return cfn_ask_gone(r, "DeleteFunction", in);
}
