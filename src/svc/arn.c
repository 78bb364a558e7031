/* Amazon Resource Names: see arn.h. The resource is all that follows the fifth colon, colons included.
 *
 * What always holds: an ARN that was parsed has a partition, a service and a resource; parts are views into the
 * text. */
#include "svc/arn.h"

#include "base/buf.h"

/* Region and account may be empty (S3, IAM); the other parts may not. */
bool arn_parse(struct str text, struct arn *out)
{
	ASSERT(out != NULL);
	struct str rest = text;
	if (!str_eq(str_cut(&rest, ':'), S("arn")) || !str_present(rest))
		return false;
	struct str *const parts[] = {&out->partition, &out->service, &out->region, &out->account};
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		*parts[i] = str_cut(&rest, ':');
		if (!str_present(rest))
			return false;
	}
	out->resource = rest;
	return out->partition.n > 0 && out->service.n > 0 && out->resource.n > 0;
}

/* https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html: China and GovCloud are partitions of their own. */
static struct str partition_of(struct str region)
{
	if (str_starts(region, S("cn-")))
		return S("aws-cn");
	return str_starts(region, S("us-gov-")) ? S("aws-us-gov") : S("aws");
}

struct str arn_queue_url(struct arena *a, const struct arn *queue)
{
	ASSERT(str_eq(queue->service, S("sqs")) && queue->resource.n > 0);
	return arena_join(a, S("http://localhost/"), queue->account, S("/"), queue->resource);
}

struct str arn_make(struct arena *a, const char *service, struct str region, struct str account, struct str resource)
{
	ASSERT(service != NULL && service[0] != '\0');
	return arena_join(a, S("arn:"), partition_of(region), S(":"), str_c(service), S(":"), region, S(":"), account, S(":"),
	                  resource);
}

static const char *const regions[] = {
	"af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2",
	"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6",
	"ap-southeast-7", "ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1", "eu-central-1", "eu-central-2",
	"eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1",
	"me-south-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-gov-east-1", "us-gov-west-1", "us-west-1",
	"us-west-2",
};

bool is_region(struct str name)
{
	for (size_t i = 0; i < COUNT_OF(regions); i++)
		if (str_eq(name, str_c(regions[i])))
			return true;
	return false;
}

struct str regions_text(struct arena *a)
{
	struct buf b;
	buf_init(&b, a, 0);
	for (size_t i = 0; i < COUNT_OF(regions); i++)
		buf_printf(&b, "%s%s", i > 0 ? ", " : "", regions[i]);
	return buf_view(&b);
}
