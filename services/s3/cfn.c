/* AWS::S3::Bucket and AWS::S3::BucketPolicy. Source: the resource types' reference in the CloudFormation User Guide.
 *
 * Everything goes through the service's own operations: each property that is a configuration of the bucket is turned into
 * the operation's shape, put when it is there, and taken back when it is there no more. */
#include "s3.h"

static struct json *get(const struct json *j, const char *name) { return json_get(j, str_c(name)); }

/* Copy members under other names: pairs (from, to), NULL-terminated. */
static struct json *renamed(struct arena *a, const struct json *from, const char *const *pairs)
{
	struct json *to = json_new_object(a);
	for (; pairs[0] != NULL; pairs += 2)
		if (get(from, pairs[0]) != NULL)
			json_set(a, to, str_c(pairs[1]), get(from, pairs[0]));
	return to;
}

/* A list, each element turned by `one`. */
static struct json *each(struct arena *a, const struct json *list, struct json *(*one)(struct arena *a, const struct json *j))
{
	struct json *to = json_new_array(a);
	for (uint32_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++)
		json_push(a, to, one(a, &list->items[i]));
	return to;
}

static struct json *wrapped(struct arena *a, const char *name, const struct json *j)
{
	struct json *o = json_new_object(a);
	json_set(a, o, str_c(name), j);
	return o;
}

/* ---- properties into the operations' shapes ---- */

static struct json *as_is(struct arena *a, const struct json *j)
{
	(void)a;
	return (struct json *)(uintptr_t)j;
}

static struct json *encryption_rule(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"ServerSideEncryptionByDefault", "ApplyServerSideEncryptionByDefault", "BucketKeyEnabled",
		"BucketKeyEnabled", "BlockedEncryptionTypes", "BlockedEncryptionTypes", NULL};
	return renamed(a, j, pairs);
}

static struct json *encryption(struct arena *a, const struct json *j)
{
	return wrapped(a, "Rules", each(a, get(j, "ServerSideEncryptionConfiguration"), encryption_rule));
}

static struct json *cors_rule(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"AllowedHeaders", "AllowedHeaders", "AllowedMethods", "AllowedMethods", "AllowedOrigins", "AllowedOrigins",
		"ExposedHeaders", "ExposeHeaders", "Id", "ID", "MaxAge", "MaxAgeSeconds", NULL};
	return renamed(a, j, pairs);
}

static struct json *cors(struct arena *a, const struct json *j) { return wrapped(a, "CORSRules", each(a, get(j, "CorsRules"), cors_rule)); }

static struct json *transition(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"StorageClass", "StorageClass", "TransitionInDays", "Days", "TransitionDate", "Date", NULL};
	return renamed(a, j, pairs);
}

static struct json *old_transition(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"StorageClass", "StorageClass", "TransitionInDays", "NoncurrentDays", "NewerNoncurrentVersions",
		"NewerNoncurrentVersions", NULL};
	return renamed(a, j, pairs);
}

static struct json *lifecycle_filter(struct arena *a, const struct json *j)
{
	static const char *const conditions[] = {"Prefix", "Prefix", "ObjectSizeGreaterThan", "ObjectSizeGreaterThan", "ObjectSizeLessThan",
		"ObjectSizeLessThan", NULL};
	struct json *f = renamed(a, j, conditions);
	const struct json *tags = get(j, "TagFilters");
	size_t n_tags = json_is(tags, JSON_ARRAY) ? tags->n : 0, n = f->n + n_tags;
	if (n == 1 && n_tags == 1)
		return wrapped(a, "Tag", &tags->items[0]);
	if (n <= 1)
		return n == 0 ? wrapped(a, "Prefix", json_new_str(a, S(""))) : f;
	if (n_tags > 0)
		json_set(a, f, S("Tags"), tags);
	return wrapped(a, "And", f);
}

static struct json *lifecycle_rule(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"Id", "ID", "Status", "Status", "AbortIncompleteMultipartUpload", "AbortIncompleteMultipartUpload",
		"NoncurrentVersionExpiration", "NoncurrentVersionExpiration", NULL};
	static const char *const expiration[] = {"ExpirationInDays", "Days", "ExpirationDate", "Date", "ExpiredObjectDeleteMarker",
		"ExpiredObjectDeleteMarker", NULL};
	struct json *r = renamed(a, j, pairs), *e = renamed(a, j, expiration);
	json_set(a, r, S("Filter"), lifecycle_filter(a, j));
	if (e->n > 0)
		json_set(a, r, S("Expiration"), e);
	if (get(j, "NoncurrentVersionExpirationInDays") != NULL)
		json_set(a, r, S("NoncurrentVersionExpiration"), wrapped(a, "NoncurrentDays", get(j, "NoncurrentVersionExpirationInDays")));
	struct json *list = each(a, get(j, "Transitions"), transition), *old = each(a, get(j, "NoncurrentVersionTransitions"), old_transition);
	if (get(j, "Transition") != NULL)
		json_push(a, list, transition(a, get(j, "Transition")));
	if (get(j, "NoncurrentVersionTransition") != NULL)
		json_push(a, old, old_transition(a, get(j, "NoncurrentVersionTransition")));
	if (list->n > 0)
		json_set(a, r, S("Transitions"), list);
	if (old->n > 0)
		json_set(a, r, S("NoncurrentVersionTransitions"), old);
	return r;
}

static struct json *lifecycle(struct arena *a, const struct json *j) { return wrapped(a, "Rules", each(a, get(j, "Rules"), lifecycle_rule)); }

static struct json *destination(struct arena *a, const struct json *j, const char *from, const char *to)
{
	struct json *o = json_new_object(a), *events = json_set(a, o, S("Events"), json_new_array(a));
	json_push(a, events, get(j, "Event") != NULL ? get(j, "Event") : json_new_str(a, S("")));
	if (get(j, from) != NULL)
		json_set(a, o, str_c(to), get(j, from));
	const struct json *rules = json_path(j, "Filter.S3Key.Rules");
	if (rules != NULL)
		json_set(a, o, S("Filter"), wrapped(a, "Key", wrapped(a, "FilterRules", rules)));
	return o;
}

static struct json *queue(struct arena *a, const struct json *j) { return destination(a, j, "Queue", "QueueArn"); }
static struct json *topic(struct arena *a, const struct json *j) { return destination(a, j, "Topic", "TopicArn"); }
static struct json *function(struct arena *a, const struct json *j) { return destination(a, j, "Function", "LambdaFunctionArn"); }

static struct json *notification(struct arena *a, const struct json *j)
{
	struct json *o = json_new_object(a);
	const struct json *bus = get(j, "EventBridgeConfiguration");
	json_set(a, o, S("QueueConfigurations"), each(a, get(j, "QueueConfigurations"), queue));
	json_set(a, o, S("TopicConfigurations"), each(a, get(j, "TopicConfigurations"), topic));
	json_set(a, o, S("LambdaFunctionConfigurations"), each(a, get(j, "LambdaConfigurations"), function));
	if (bus != NULL && !str_eq_nocase(json_get_str(bus, "EventBridgeEnabled"), S("false")) && json_get_bool(bus, "EventBridgeEnabled", true))
		json_set(a, o, S("EventBridgeConfiguration"), json_new_object(a));
	return o;
}

static struct json *route(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"RedirectRule", "Redirect", "RoutingRuleCondition", "Condition", NULL};
	return renamed(a, j, pairs);
}

static struct json *website(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"RedirectAllRequestsTo", "RedirectAllRequestsTo", NULL};
	struct json *o = renamed(a, j, pairs);
	if (get(j, "IndexDocument") != NULL)
		json_set(a, o, S("IndexDocument"), wrapped(a, "Suffix", get(j, "IndexDocument")));
	if (get(j, "ErrorDocument") != NULL)
		json_set(a, o, S("ErrorDocument"), wrapped(a, "Key", get(j, "ErrorDocument")));
	if (get(j, "RoutingRules") != NULL)
		json_set(a, o, S("RoutingRules"), each(a, get(j, "RoutingRules"), route));
	return o;
}

static struct json *logging(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"DestinationBucketName", "TargetBucket", "LogFilePrefix", "TargetPrefix", "TargetObjectKeyFormat",
		"TargetObjectKeyFormat", NULL};
	struct json *o = renamed(a, j, pairs);
	if (get(o, "TargetPrefix") == NULL)
		json_set_str(a, o, "TargetPrefix", S(""));
	return wrapped(a, "LoggingEnabled", o);
}

static struct json *acceleration(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"AccelerationStatus", "Status", NULL};
	return renamed(a, j, pairs);
}

static struct json *replication_filter(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"Prefix", "Prefix", "TagFilter", "Tag", NULL};
	static const char *const both[] = {"Prefix", "Prefix", "TagFilters", "Tags", NULL};
	struct json *f = renamed(a, j, pairs);
	if (get(j, "And") != NULL)
		json_set(a, f, S("And"), renamed(a, get(j, "And"), both));
	return f;
}

static struct json *replication_rule(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"Id", "ID", "Priority", "Priority", "Prefix", "Prefix", "Status", "Status", "Destination", "Destination",
		"DeleteMarkerReplication", "DeleteMarkerReplication", "SourceSelectionCriteria", "SourceSelectionCriteria", NULL};
	struct json *r = renamed(a, j, pairs);
	if (get(j, "Filter") != NULL)
		json_set(a, r, S("Filter"), replication_filter(a, get(j, "Filter")));
	return r;
}

static struct json *replication(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"Role", "Role", NULL};
	struct json *o = renamed(a, j, pairs);
	json_set(a, o, S("Rules"), each(a, get(j, "Rules"), replication_rule));
	return o;
}

/* ---- configurations by id ---- */

/* Prefix, tags and access point as the filter of a metrics, analytics or tiering configuration; NULL: there is none. */
static struct json *config_filter(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"Prefix", "Prefix", "AccessPointArn", "AccessPointArn", NULL};
	struct json *f = renamed(a, j, pairs);
	const struct json *tags = get(j, "TagFilters");
	uint32_t n_tags = json_is(tags, JSON_ARRAY) ? tags->n : 0;
	if (f->n + n_tags == 0)
		return NULL;
	if (f->n == 0 && n_tags == 1)
		return wrapped(a, "Tag", &tags->items[0]);
	if (f->n == 1 && n_tags == 0)
		return f;
	if (n_tags > 0)
		json_set(a, f, S("Tags"), tags);
	return wrapped(a, "And", f);
}

static struct json *filtered(struct arena *a, const struct json *j, const char *const *pairs)
{
	struct json *o = renamed(a, j, pairs), *f = config_filter(a, j);
	if (f != NULL)
		json_set(a, o, S("Filter"), f);
	return o;
}

static struct json *metrics(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"Id", "Id", NULL};
	return filtered(a, j, pairs);
}

static struct json *tiering(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"Id", "Id", "Status", "Status", "Tierings", "Tierings", NULL};
	return filtered(a, j, pairs);
}

static struct json *s3_destination(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"BucketAccountId", "AccountId", "BucketArn", "Bucket", "Format", "Format", "Prefix", "Prefix", NULL};
	return wrapped(a, "S3BucketDestination", renamed(a, j, pairs));
}

static struct json *analytics(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"Id", "Id", NULL}, *const export[] = {"OutputSchemaVersion", "OutputSchemaVersion", NULL};
	struct json *o = filtered(a, j, pairs), *analysis = json_new_object(a);
	const struct json *data = json_path(j, "StorageClassAnalysis.DataExport");
	if (data != NULL) {
		struct json *to = json_set(a, analysis, S("DataExport"), renamed(a, data, export));
		json_set(a, to, S("Destination"), s3_destination(a, get(data, "Destination")));
	}
	json_set(a, o, S("StorageClassAnalysis"), analysis);
	return o;
}

static struct json *inventory(struct arena *a, const struct json *j)
{
	static const char *const pairs[] = {"Id", "Id", "Enabled", "IsEnabled", "IncludedObjectVersions", "IncludedObjectVersions", "OptionalFields",
		"OptionalFields", NULL};
	struct json *o = renamed(a, j, pairs);
	json_set(a, o, S("Destination"), s3_destination(a, get(j, "Destination")));
	if (get(j, "ScheduleFrequency") != NULL)
		json_set(a, o, S("Schedule"), wrapped(a, "Frequency", get(j, "ScheduleFrequency")));
	if (get(j, "Prefix") != NULL)
		json_set(a, o, S("Filter"), wrapped(a, "Prefix", get(j, "Prefix")));
	return o;
}

static const struct many {
	const char *property, *put, *remove, *member;
	struct json *(*turn)(struct arena *a, const struct json *j);
} manies[] = {
	{"InventoryConfigurations", "PutBucketInventoryConfiguration", "DeleteBucketInventoryConfiguration", "InventoryConfiguration", inventory},
	{"MetricsConfigurations", "PutBucketMetricsConfiguration", "DeleteBucketMetricsConfiguration", "MetricsConfiguration", metrics},
	{"AnalyticsConfigurations", "PutBucketAnalyticsConfiguration", "DeleteBucketAnalyticsConfiguration", "AnalyticsConfiguration", analytics},
	{"IntelligentTieringConfigurations", "PutBucketIntelligentTieringConfiguration", "DeleteBucketIntelligentTieringConfiguration",
		"IntelligentTieringConfiguration", tiering},
};

/* In the order in which they are put: versioning before the lock, ownership before ACLs, permission before destinations. */
static const struct part {
	const char *property, *put, *member;
	struct json *(*turn)(struct arena *a, const struct json *j);
	const char *remove;  /* the operation that takes it back; NULL: put `off` */
	const char *off;
} parts[] = {
	{"VersioningConfiguration", "PutBucketVersioning", "VersioningConfiguration", as_is, NULL, "{\"Status\":\"Suspended\"}"},
	{"PublicAccessBlockConfiguration", "PutPublicAccessBlock", "PublicAccessBlockConfiguration", as_is, "DeletePublicAccessBlock", NULL},
	{"OwnershipControls", "PutBucketOwnershipControls", "OwnershipControls", as_is, NULL,
		"{\"Rules\":[{\"ObjectOwnership\":\"BucketOwnerEnforced\"}]}"},
	{"BucketEncryption", "PutBucketEncryption", "ServerSideEncryptionConfiguration", encryption, "DeleteBucketEncryption", NULL},
	{"CorsConfiguration", "PutBucketCors", "CORSConfiguration", cors, "DeleteBucketCors", NULL},
	{"LifecycleConfiguration", "PutBucketLifecycleConfiguration", "LifecycleConfiguration", lifecycle, "DeleteBucketLifecycle", NULL},
	{"WebsiteConfiguration", "PutBucketWebsite", "WebsiteConfiguration", website, "DeleteBucketWebsite", NULL},
	{"LoggingConfiguration", "PutBucketLogging", "BucketLoggingStatus", logging, NULL, "{}"},
	{"ObjectLockConfiguration", "PutObjectLockConfiguration", "ObjectLockConfiguration", as_is, NULL, "{\"ObjectLockEnabled\":\"Enabled\"}"},
	{"ReplicationConfiguration", "PutBucketReplication", "ReplicationConfiguration", replication, "DeleteBucketReplication", NULL},
	{"AccelerateConfiguration", "PutBucketAccelerateConfiguration", "AccelerateConfiguration", acceleration, NULL, "{\"Status\":\"Suspended\"}"},
	{"NotificationConfiguration", "PutBucketNotificationConfiguration", "NotificationConfiguration", notification, NULL, "{}"},
};

/* ---- calling ---- */

static struct json *on_bucket(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "Bucket", r->physical_id);
	return in;
}

static enum cfn_status ask(struct cfn_resource *r, const char *op, const struct json *in)
{
	struct invoked i = invoke(r->c, "s3", op, in, NULL);
	return cfn_done(r, &i);
}

static bool same(const struct json *a, const struct json *b) { return a == b || (a != NULL && b != NULL && json_equal(a, b)); }

static enum cfn_status put_parts(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		const struct part *p = &parts[i];
		const struct json *now = get(r->properties, p->property), *was = get(r->old_properties, p->property);
		struct json *in = on_bucket(r);
		if (same(now, was))
			continue;
		const char *op = p->put;
		if (now != NULL)
			json_set(a, in, str_c(p->member), p->turn(a, now));
		else if (p->remove != NULL)
			op = p->remove;
		else
			json_set(a, in, str_c(p->member), json_parse(a, str_c(p->off), NULL));
		/* A bucket whose logs go nowhere else keeps them itself. */
		struct json *logs = json_path(in, "BucketLoggingStatus.LoggingEnabled");
		if (logs != NULL && get(logs, "TargetBucket") == NULL)
			json_set_str(a, logs, "TargetBucket", r->physical_id);
		enum cfn_status status = ask(r, op, in);
		if (status != CFN_DONE)
			return status;
	}
	return CFN_DONE;
}

static const struct json *by_id(const struct json *list, struct str id)
{
	for (uint32_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++)
		if (str_eq(json_get_str(&list->items[i], "Id"), id))
			return &list->items[i];
	return NULL;
}

static enum cfn_status put_many(struct cfn_resource *r, const struct many *m)
{
	struct arena *a = r->c->arena;
	const struct json *now = get(r->properties, m->property), *was = get(r->old_properties, m->property);
	enum cfn_status status = CFN_DONE;
	for (uint32_t i = 0; json_is(was, JSON_ARRAY) && i < was->n && status == CFN_DONE; i++) {
		struct json *in = on_bucket(r);
		struct str id = json_get_str(&was->items[i], "Id");
		json_set_str(a, in, "Id", id);
		if (by_id(now, id) == NULL)
			status = ask(r, m->remove, in);
	}
	for (uint32_t i = 0; json_is(now, JSON_ARRAY) && i < now->n && status == CFN_DONE; i++) {
		struct json *in = on_bucket(r);
		struct str id = json_get_str(&now->items[i], "Id");
		if (same(by_id(was, id), &now->items[i]))
			continue;
		json_set_str(a, in, "Id", id);
		json_set(a, in, str_c(m->member), m->turn(a, &now->items[i]));
		status = ask(r, m->put, in);
	}
	return status;
}

static enum cfn_status put_tags(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct json *tags = cfn_tags(r, false), *in = on_bucket(r);
	if (tags == NULL || tags->n == 0)
		return ask(r, "DeleteBucketTagging", in);
	json_set(a, in, S("Tagging"), wrapped(a, "TagSet", tags));
	return ask(r, "PutBucketTagging", in);
}

/* "PublicRead" is "public-read". */
static enum cfn_status put_acl(struct cfn_resource *r)
{
	struct str acl = json_get_str(r->properties, "AccessControl");
	if (same(get(r->properties, "AccessControl"), get(r->old_properties, "AccessControl")))
		return CFN_DONE;
	struct buf b;
	buf_init(&b, r->c->arena, 128);
	for (size_t i = 0; i < acl.n; i++) {
		bool upper = acl.p[i] >= 'A' && acl.p[i] <= 'Z';
		if (upper && i > 0)
			buf_putc(&b, '-');
		buf_putc(&b, (char)(upper ? acl.p[i] + 32 : acl.p[i]));
	}
	struct json *in = on_bucket(r);
	json_set_str(r->c->arena, in, "ACL", acl.n > 0 ? buf_view(&b) : S("private"));
	return ask(r, "PutBucketAcl", in);
}

static void set_attributes(struct cfn_resource *r, struct str region)
{
	struct arena *a = r->c->arena;
	struct json *to = r->attributes;
	struct str name = r->physical_id;
	json_set_str(a, to, "Arn", arena_join(a, S("arn:aws:s3:::"), name));
	json_set_str(a, to, "DomainName", arena_join(a, name, S(".s3.amazonaws.com")));
	json_set_str(a, to, "RegionalDomainName", arena_join(a, name, S(".s3."), region, S(".amazonaws.com")));
	json_set_str(a, to, "DualStackDomainName", arena_join(a, name, S(".s3.dualstack."), region, S(".amazonaws.com")));
	json_set_str(a, to, "WebsiteURL", arena_join(a, S("http://"), name, S(".s3-website-"), region, S(".amazonaws.com")));
}

static enum cfn_status settle(struct cfn_resource *r)
{
	enum cfn_status status = put_parts(r);
	for (size_t i = 0; i < COUNT_OF(manies) && status == CFN_DONE; i++)
		status = put_many(r, &manies[i]);
	if (status == CFN_DONE)
		status = put_acl(r);
	if (status == CFN_DONE)
		status = put_tags(r);
	set_attributes(r, r->c->region);
	return status;
}

/* ---- AWS::S3::Bucket ---- */

static enum cfn_status bucket_create(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct str name = json_get_str(r->properties, "BucketName");
	r->physical_id = str_present(name) && name.n > 0 ? name : cfn_make_name(r, 63, true);
	struct json *in = on_bucket(r);
	if (get(r->properties, "ObjectLockEnabled") != NULL)
		json_set(a, in, S("ObjectLockEnabledForBucket"), get(r->properties, "ObjectLockEnabled"));
	/* An ACL needs a bucket whose ACLs count from the start. */
	struct json *rules = json_path(r->properties, "OwnershipControls.Rules");
	if (json_is(rules, JSON_ARRAY) && rules->n > 0 && str_present(json_get_str(&rules->items[0], "ObjectOwnership")))
		json_set_str(a, in, "ObjectOwnership", json_get_str(&rules->items[0], "ObjectOwnership"));
	if (!str_eq(r->c->region, S("us-east-1")))
		json_set(a, in, S("CreateBucketConfiguration"), wrapped(a, "LocationConstraint", json_new_str(a, r->c->region)));
	struct invoked there = invoke(r->c, "s3", "HeadBucket", on_bucket(r), NULL);
	if (there.parked)
		return CFN_PARKED;
	if (there.ok || there.error.status == 403)
		return cfn_fail(r, "%.*s already exists", STR_ARG(r->physical_id));
	enum cfn_status status = ask(r, "CreateBucket", in);
	return status == CFN_DONE ? settle(r) : status;
}

static enum cfn_status bucket_remove(struct cfn_resource *r)
{
	struct invoked i = invoke(r->c, "s3", "DeleteBucket", on_bucket(r), NULL);
	return cfn_gone(r, &i, S("NoSuchBucket"));
}

/* ---- AWS::S3::BucketPolicy ---- */

static enum cfn_status policy_put(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	const struct json *document = get(r->properties, "PolicyDocument");
	r->physical_id = json_get_str(r->properties, "Bucket");
	if (!str_present(r->physical_id) || document == NULL)
		return cfn_fail(r, "Properties validation failed: Bucket and PolicyDocument are required");
	struct json *in = on_bucket(r);
	json_set_str(a, in, "Policy", json_is(document, JSON_STRING) ? document->text : json_text(a, document));
	return ask(r, "PutBucketPolicy", in);
}

static enum cfn_status policy_remove(struct cfn_resource *r)
{
	struct invoked i = invoke(r->c, "s3", "DeleteBucketPolicy", on_bucket(r), NULL);
	return cfn_gone(r, &i, S("NoSuchBucket"));
}

static const char *const bucket_properties[] = {
	"BucketName", "AccessControl", "VersioningConfiguration", "PublicAccessBlockConfiguration", "OwnershipControls", "BucketEncryption",
	"CorsConfiguration", "LifecycleConfiguration", "WebsiteConfiguration", "LoggingConfiguration", "ObjectLockConfiguration", "ObjectLockEnabled",
	"NotificationConfiguration", "ReplicationConfiguration", "AccelerateConfiguration", "InventoryConfigurations", "MetricsConfigurations",
	"AnalyticsConfigurations", "IntelligentTieringConfigurations", "Tags", NULL,
};
static const char *const bucket_replaces[] = {"BucketName", NULL};
static const char *const policy_properties[] = {"Bucket", "PolicyDocument", NULL};
static const char *const policy_replaces[] = {"Bucket", NULL};

const struct cfn_type s3_cfn_types[2] = {
	{.name = "AWS::S3::Bucket", .properties = bucket_properties, .replaces = bucket_replaces, .create = bucket_create, .update = settle,
		.remove = bucket_remove, .name_property = "BucketName"},
	{.name = "AWS::S3::BucketPolicy", .properties = policy_properties, .replaces = policy_replaces, .create = policy_put, .update = policy_put,
		.remove = policy_remove},
};
