/* Tags and resource policies of streams and consumers. Source: AddTagsToStream, TagResource, PutResourcePolicy (API Reference),
 * "Tag your Amazon Kinesis Data Streams resources", "Resource-based policy" (Developer Guide). */
#include "kinesis.h"

#include <stdlib.h>

enum { POLICY_BYTES_MAX = 20 * 1024 };

bool tags_merge(struct call *c, struct map_of *have, const struct map_of *more)
{
	const struct tags_rules rules = {.max = TAGS_OF_RESOURCE, .reserved = c->parent != NULL};
	struct tags tags = TAGS_OF(*have, struct kinesis_TagMap_entry), asked = TAGS_OF(*more, struct kinesis_TagMap_entry);
	switch (tags_put(c->arena, &tags, asked, &rules)) {
	case TAGS_OK:
		*have = (struct map_of){tags.v, tags.n, true};
		return true;
	case TAGS_TOO_MANY:
		fail_invalid(c, "A given resource cannot have more than %d tags associated with it.", TAGS_OF_RESOURCE);
		return false;
	case TAGS_RESERVED:
		fail_invalid(c, "Tag keys that begin with aws: are reserved: %.*s", STR_ARG(tags_culprit(asked, &rules)));
		return false;
	case TAGS_TWICE:
		fail_invalid(c, "The request has the tag key %.*s twice.", STR_ARG(tags_culprit(asked, &rules)));
		return false;
	}
	return false;
}

/* Where the tags of the call's resource are; put changes back with resource_save. */
struct resource { struct stream *stream; struct kinesis_Stream *rec; struct consumer *consumer; struct map_of *tags; struct str *policy; };

static struct resource resource_of(struct call *c)
{
	struct resource r = {.stream = run_stream(c), .consumer = run_consumer(c)};
	if (r.consumer == NULL)
		r.rec = stream_change(r.stream);
	r.tags = r.consumer != NULL ? &r.consumer->rec->Tags : &r.rec->Tags;
	r.policy = r.consumer != NULL ? &r.consumer->rec->Policy : &r.rec->Policy;
	return r;
}

static void resource_save(struct resource *r)
{
	ASSERT((r->consumer == NULL) == (r->rec != NULL));
	if (r->consumer != NULL)
		call_put(r->stream->c, consumer_key(r->stream, r->consumer->name), &kinesis_shape_StoredConsumer, r->consumer->rec);
	else
		stream_save(r->stream, r->rec);
}

static void put(struct call *c, const struct map_of *tags)
{
	struct resource r = resource_of(c);
	if (tags_merge(c, r.tags, tags))
		resource_save(&r);
}

static void drop(struct call *c, const struct list *keys)
{
	struct resource r = resource_of(c);
	struct tags tags = TAGS_OF(*r.tags, struct kinesis_TagMap_entry);
	tags_drop(&tags, keys, false);
	*r.tags = (struct map_of){tags.v, tags.n, true};
	resource_save(&r);
}

static int by_key(const void *a, const void *b)
{
	return str_cmp(((const struct kinesis_Tag *)a)->Key, ((const struct kinesis_Tag *)b)->Key);
}

/* In the order of their keys, after `after`. */
static struct list listed(struct call *c, const struct map_of *tags, struct str after)
{
	const struct kinesis_TagMap_entry *e = tags->v;
	struct kinesis_Tag *v = arena_array(c->arena, struct kinesis_Tag, tags->n + 1);
	uint32_t n = 0;
	for (uint32_t i = 0; i < tags->n; i++)
		if (!str_present(after) || str_cmp(e[i].key, after) > 0)
			v[n++] = (struct kinesis_Tag){.Key = e[i].key, .Value = e[i].value};
	qsort(v, n, sizeof *v, by_key);
	return (struct list){v, n, true};
}

void op_add_tags_to_stream(struct call *c) { put(c, &((const struct kinesis_AddTagsToStreamInput *)c->in)->Tags); }

void op_tag_resource(struct call *c) { put(c, &((const struct kinesis_TagResourceInput *)c->in)->Tags); }

void op_remove_tags_from_stream(struct call *c) { drop(c, &((const struct kinesis_RemoveTagsFromStreamInput *)c->in)->TagKeys); }

void op_untag_resource(struct call *c) { drop(c, &((const struct kinesis_UntagResourceInput *)c->in)->TagKeys); }

void op_list_tags_for_stream(struct call *c)
{
	const struct kinesis_ListTagsForStreamInput *in = c->in;
	struct kinesis_ListTagsForStreamOutput *out = c->out;
	out->Tags = listed(c, &run_stream(c)->rec->Tags, in->ExclusiveStartTagKey);
	uint32_t limit = in->Limit.set ? (uint32_t)in->Limit.v : TAGS_OF_RESOURCE;
	out->HasMoreTags = SOME_BOOL(out->Tags.n > limit);
	if (out->HasMoreTags.v)
		out->Tags.n = limit;
}

void op_list_tags_for_resource(struct call *c)
{
	struct kinesis_ListTagsForResourceOutput *out = c->out;
	struct resource r = resource_of(c);
	out->Tags = listed(c, r.tags, STR_NONE);
}

/* ---- policies ---- */

void op_put_resource_policy(struct call *c)
{
	const struct kinesis_PutResourcePolicyInput *in = c->in;
	struct resource r = resource_of(c);
	struct str why;
	if (in->Policy.n > POLICY_BYTES_MAX) {
		fail_invalid(c, "The policy is larger than %d bytes.", POLICY_BYTES_MAX);
		return;
	}
	if (policy_parse(c->arena, in->Policy, POLICY_RESOURCE, &why) == NULL) {
		fail_invalid(c, "The policy is not valid: %.*s", STR_ARG(why));
		return;
	}
	*r.policy = in->Policy;
	resource_save(&r);
}

void op_get_resource_policy(struct call *c)
{
	struct kinesis_GetResourcePolicyOutput *out = c->out;
	struct resource r = resource_of(c);
	if (!str_present(*r.policy))
		call_fail(c, &kinesis_err_ResourceNotFoundException, "No policy found for resource %.*s.", STR_ARG(r.consumer != NULL ?
			r.consumer->arn :
			r.stream->arn));
	else
		out->Policy = *r.policy;
}

void op_delete_resource_policy(struct call *c)
{
	struct resource r = resource_of(c);
	if (!str_present(*r.policy)) {
		call_fail(c, &kinesis_err_ResourceNotFoundException, "No policy found for resource %.*s.", STR_ARG(r.consumer != NULL ?
			r.consumer->arn :
			r.stream->arn));
		return;
	}
	*r.policy = STR_NONE;
	resource_save(&r);
}
