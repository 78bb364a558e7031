/* URI templates and the choice of a REST operation.
 * Source: S3 API Reference (request syntax of each operation), Lambda API Reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apigateway.model.h"
#include "lambda.model.h"
#include "s3.model.h"
#include "wire/rest.h"

static struct arena *a;

static int setup(void **state)
{
	(void)state;
	a = arena_new(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static const char *pick(const struct model *m, const char *method, const char *uri, const char *header)
{
	struct str rest = str_c(uri);
	struct wire_request r = {.method = str_c(method), .protocol = m->protocol};
	struct param h = {.name = str_c(header), .value = S("x")};
	r.raw_path = str_cut(&rest, '?');
	r.path_params_base = r.raw_path;
	r.raw_query = rest;
	if (rest.p != NULL)
		assert_true(params_parse(a, rest, 100, &r.query));
	if (header != NULL) {
		r.headers = &h;
		r.n_headers = 1;
	}
	const struct model_op *op = wire_match_rest(m, &r);
	return op != NULL ? model_op_name(op) : "none";
}

static void s3_buckets(void **state)
{
	(void)state;
	const struct model *m = &s3_model;
	assert_string_equal(pick(m, "GET", "/", NULL), "ListBuckets");
	assert_string_equal(pick(m, "GET", "/?x-id=ListBuckets", NULL), "ListBuckets");
	assert_string_equal(pick(m, "PUT", "/b", NULL), "CreateBucket");
	assert_string_equal(pick(m, "PUT", "/b/", NULL), "CreateBucket");
	assert_string_equal(pick(m, "HEAD", "/b", NULL), "HeadBucket");
	assert_string_equal(pick(m, "DELETE", "/b", NULL), "DeleteBucket");
	assert_string_equal(pick(m, "GET", "/b", NULL), "ListObjects");
	assert_string_equal(pick(m, "GET", "/b?prefix=a&delimiter=/", NULL), "ListObjects");
	assert_string_equal(pick(m, "GET", "/b?list-type=2&prefix=a", NULL), "ListObjectsV2");
	assert_string_equal(pick(m, "GET", "/b?list-type=3", NULL), "ListObjects");
	assert_string_equal(pick(m, "GET", "/b?versions", NULL), "ListObjectVersions");
	assert_string_equal(pick(m, "GET", "/b?uploads", NULL), "ListMultipartUploads");
	assert_string_equal(pick(m, "GET", "/b?location", NULL), "GetBucketLocation");
	assert_string_equal(pick(m, "GET", "/b?location=", NULL), "GetBucketLocation");
	assert_string_equal(pick(m, "GET", "/b?lifecycle", NULL), "GetBucketLifecycleConfiguration");
	assert_string_equal(pick(m, "PUT", "/b?notification", NULL), "PutBucketNotificationConfiguration");
	assert_string_equal(pick(m, "POST", "/b?delete", NULL), "DeleteObjects");
	assert_string_equal(pick(m, "GET", "/b?inventory", NULL), "ListBucketInventoryConfigurations");
	assert_string_equal(pick(m, "GET", "/b?inventory&id=1", NULL), "GetBucketInventoryConfiguration");
	assert_string_equal(pick(m, "PATCH", "/b", NULL), "none");
}

static void s3_objects(void **state)
{
	(void)state;
	const struct model *m = &s3_model;
	assert_string_equal(pick(m, "GET", "/b/k", NULL), "GetObject");
	assert_string_equal(pick(m, "GET", "/b/a/b//c/", NULL), "GetObject");
	assert_string_equal(pick(m, "HEAD", "/b/k?versionId=1", NULL), "HeadObject");
	assert_string_equal(pick(m, "GET", "/b/k?uploadId=u", NULL), "ListParts");
	assert_string_equal(pick(m, "GET", "/b/k?acl", NULL), "GetObjectAcl");
	assert_string_equal(pick(m, "GET", "/b/k?tagging&versionId=1", NULL), "GetObjectTagging");
	assert_string_equal(pick(m, "GET", "/b/k?attributes", "x-amz-object-attributes"), "GetObjectAttributes");
	assert_string_equal(pick(m, "PUT", "/b/k", NULL), "PutObject");
	assert_string_equal(pick(m, "PUT", "/b/k", "x-amz-copy-source"), "CopyObject");
	assert_string_equal(pick(m, "PUT", "/b/k?partNumber=1&uploadId=u", NULL), "UploadPart");
	assert_string_equal(pick(m, "PUT", "/b/k?partNumber=1&uploadId=u", "X-Amz-Copy-Source"), "UploadPartCopy");
	assert_string_equal(pick(m, "POST", "/b/k?uploads", NULL), "CreateMultipartUpload");
	assert_string_equal(pick(m, "POST", "/b/k?uploadId=u", NULL), "CompleteMultipartUpload");
	assert_string_equal(pick(m, "DELETE", "/b/k", NULL), "DeleteObject");
	assert_string_equal(pick(m, "DELETE", "/b/k?uploadId=u", NULL), "AbortMultipartUpload");
	assert_string_equal(pick(m, "POST", "/b/k?select&select-type=2", NULL), "SelectObjectContent");
	/* The hint alone does not choose what the rest of the request contradicts. */
	assert_string_equal(pick(m, "PUT", "/b/k?x-id=UploadPart", NULL), "PutObject");
}

static void lambda_paths(void **state)
{
	(void)state;
	const struct model *m = &lambda_model;
	assert_string_equal(pick(m, "GET", "/2015-03-31/functions", NULL), "ListFunctions");
	assert_string_equal(pick(m, "GET", "/2015-03-31/functions/", NULL), "ListFunctions");
	assert_string_equal(pick(m, "POST", "/2015-03-31/functions", NULL), "CreateFunction");
	assert_string_equal(pick(m, "GET", "/2015-03-31/functions/f", NULL), "GetFunction");
	assert_string_equal(pick(m, "GET", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af", NULL), "GetFunction");
	assert_string_equal(pick(m, "GET", "/2015-03-31/functions/f/configuration", NULL), "GetFunctionConfiguration");
	assert_string_equal(pick(m, "POST", "/2015-03-31/functions/f/invocations", NULL), "Invoke");
	assert_string_equal(pick(m, "GET", "/2015-03-31/event-source-mappings/1", NULL), "GetEventSourceMapping");
	assert_string_equal(pick(m, "DELETE", "/2015-03-31/functions/f/policy/s", NULL), "RemovePermission");
	assert_string_equal(pick(m, "GET", "/2015-03-31/nothing", NULL), "none");
	assert_string_equal(pick(m, "GET", "/", NULL), "none");
}

static void apigateway_paths(void **state)
{
	(void)state;
	const struct model *m = &apigateway_model;
	assert_string_equal(pick(m, "GET", "/restapis", NULL), "GetRestApis");
	assert_string_equal(pick(m, "POST", "/restapis?mode=import", NULL), "ImportRestApi");
	assert_string_equal(pick(m, "POST", "/restapis", NULL), "CreateRestApi");
	assert_string_equal(pick(m, "PUT", "/restapis/i/resources/r/methods/GET/integration", NULL), "PutIntegration");
	assert_string_equal(pick(m, "GET", "/restapis/i/resources/r/methods/GET", NULL), "GetMethod");
}

static void labels(void **state)
{
	(void)state;
	struct rest_labels l;
	assert_true(rest_match_path("/{Bucket}/{Key+}?x", S("/b//a//b/"), &l));
	assert_int_equal(l.n, 2);
	assert_true(str_eq(l.v[0].name, S("Bucket")) && str_eq(l.v[0].raw, S("b")));
	assert_true(str_eq(l.v[1].name, S("Key")) && str_eq(l.v[1].raw, S("/a//b/")));
	assert_false(rest_match_path("/{Bucket}/{Key+}", S("/b/"), &l));
	assert_false(rest_match_path("/{Bucket}/{Key+}", S("/b"), &l));
	assert_true(rest_match_path("/a/{Rest+}/end", S("/a/x/y/end"), &l));
	assert_true(str_eq(l.v[0].raw, S("x/y")));
	assert_false(rest_match_path("/a/{Rest+}/end", S("/a/end"), &l));
	assert_false(rest_match_path("/a/{b}/c", S("/a//c"), &l));
	assert_true(rest_match_path("/", S("/"), &l));
	assert_false(rest_match_path("/", S("/a"), &l));
}

static void decode_labels(void **state)
{
	(void)state;
	struct wire_error err;
	struct wire_request r = {.method = S("GET"), .raw_path = S("/b/a%20b/%E3%83%84"), .protocol = PROTO_REST_XML};
	r.path_params_base = r.raw_path;
	struct s3_GetObjectRequest *in = wire_decode(a, &s3_op_GetObject, &r, &err);
	assert_non_null(in);
	assert_true(str_eq(in->Bucket, S("b")));
	assert_true(str_eq(in->Key, S("a b/\xe3\x83\x84")));
	assert_null(in->VersionId.p);
	r.path_params_base = r.raw_path = S("/b/%zz");
	assert_null(wire_decode(a, &s3_op_GetObject, &r, &err));
	assert_true(str_eq(err.code, S("InvalidURI")));
	assert_int_equal(err.status, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s3_buckets), cmocka_unit_test(s3_objects), cmocka_unit_test(lambda_paths),
		cmocka_unit_test(apigateway_paths), cmocka_unit_test(labels), cmocka_unit_test(decode_labels),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
