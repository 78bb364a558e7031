/* OpenID Connect providers: whose tokens a role may trust (sts:AssumeRoleWithWebIdentity).
 *
 * What always holds: a provider is known by its URL without the scheme, in any case; it is https, but for one on this machine (http://localhost),
 * which nobody can overhear.
 *
 * Source: IAM API Reference; "Create an OpenID Connect (OIDC) identity provider in IAM", "IAM and AWS STS quotas" (IAM User Guide). */
#include "iam.h"

#include "svc/arn.h"

enum { CLIENTS_MAX = 100, THUMBPRINTS_MAX = 5, ARN_WORD = sizeof "oidc-provider/" - 1 };

static struct key *provider_key(struct call *c, struct str url) { return key_str(call_key(c, "oidc"), arena_lower(c->arena, url)); }

static struct str provider_arn(struct call *c, const struct iam_Provider *p)
{
	return arena_printf(c->arena, "arn:aws:iam::%.*s:oidc-provider/%.*s", STR_ARG(c->account), STR_ARG(p->Url));
}

static struct iam_Provider *provider_find(struct call *c, struct str text)
{
	struct arn arn;
	if (!arn_parse(text, &arn) || !str_eq(arn.service, S("iam")) || !str_eq(arn.account, c->account) ||
	    !str_starts(arn.resource, S("oidc-provider/")) || arn.resource.n == ARN_WORD)
		return NULL;
	struct iam_Provider *p = call_get(c, provider_key(c, str_slice(arn.resource, ARN_WORD, arn.resource.n)), &iam_shape_Provider);
	return p != NULL && str_eq(provider_arn(c, p), text) ? p : NULL;
}

static struct iam_Provider *provider_get(struct call *c, struct str arn)
{
	struct iam_Provider *p = provider_find(c, arn);
	if (p == NULL)
		call_fail(c, &iam_err_NoSuchEntityException, "OpenIDConnect Provider not found for arn %.*s", STR_ARG(arn));
	return p;
}

static void provider_put(struct call *c, const struct iam_Provider *p)
{
	ASSERT(str_present(p->Url) && p->Created.set && p->Clients.n <= CLIENTS_MAX && p->Thumbprints.n <= THUMBPRINTS_MAX);
	call_put(c, provider_key(c, p->Url), &iam_shape_Provider, p);
}

/* Host and path of a URL that may be a provider's; absent: it may not. */
static struct str url_name(struct str url)
{
	bool secure = str_starts(url, S("https://"));
	struct str name = str_slice(url, secure ? sizeof "https://" - 1 : sizeof "http://" - 1, url.n), rest = name, host = str_cut(&rest, '/');
	host = str_cut(&host, ':');
	bool here = str_starts(url, S("http://")) && (str_eq(host, S("localhost")) || str_eq(host, S("127.0.0.1")));
	if ((!secure && !here) || host.n == 0 || str_find(name, '?') >= 0 || str_find(name, '#') >= 0 || str_find(name, ' ') >= 0)
		return STR_NONE;
	return name;
}

static bool thumbprints_ok(struct call *c, const struct list *l)
{
	if (l->n > THUMBPRINTS_MAX)
		call_fail(c, &iam_err_InvalidInputException, "Thumbprint list must contain fewer than %d entries.", THUMBPRINTS_MAX + 1);
	for (uint32_t i = 0; i < l->n && !c->failed; i++) {
		struct str t = *LIST_AT(*l, struct str, i);
		for (size_t k = 0; k < t.n && !c->failed; k++)
			if (memchr("0123456789abcdefABCDEF", t.p[k], 22) == NULL)
				call_fail(c, &iam_err_InvalidInputException, "Invalid thumbprint: %.*s", STR_ARG(t));
	}
	return !c->failed;
}

static bool clients_fit(struct call *c, uint32_t n)
{
	if (n > CLIENTS_MAX)
		call_fail(c, &iam_err_LimitExceededException, "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d", CLIENTS_MAX);
	return !c->failed;
}

void op_CreateOpenIDConnectProvider(struct call *c)
{
	const struct iam_CreateOpenIDConnectProviderRequest *in = c->in;
	struct iam_CreateOpenIDConnectProviderResponse *out = c->out;
	struct iam_Provider p = {.Url = url_name(in->Url), .Created = SOME_TIME(c->now_ms / 1000 * 1000), .Thumbprints = in->ThumbprintList};
	if (!str_present(p.Url)) {
		call_fail_code(c, 400, "ValidationError", "Invalid Open ID Connect Provider URL");
		return;
	}
	if (txn_has(c->txn, key_bytes(provider_key(c, p.Url)))) {
		call_fail(c, &iam_err_EntityAlreadyExistsException, "Provider with url %.*s already exists.", STR_ARG(in->Url));
		return;
	}
	for (uint32_t i = 0; i < in->ClientIDList.n; i++)
		if (!texts_have(&p.Clients, *LIST_AT(in->ClientIDList, struct str, i)))
			texts_add(c->arena, &p.Clients, *LIST_AT(in->ClientIDList, struct str, i));
	if (!clients_fit(c, p.Clients.n) || !thumbprints_ok(c, &p.Thumbprints) || !tags_merge(c, &p.Labels, in->Tags, "OpenIDConnectProvider"))
		return;
	provider_put(c, &p);
	out->OpenIDConnectProviderArn = provider_arn(c, &p);
	out->Tags = p.Labels;
}

void op_GetOpenIDConnectProvider(struct call *c)
{
	const struct iam_GetOpenIDConnectProviderRequest *in = c->in;
	struct iam_GetOpenIDConnectProviderResponse *out = c->out;
	const struct iam_Provider *p = provider_get(c, in->OpenIDConnectProviderArn);
	if (p != NULL)
		*out = (struct iam_GetOpenIDConnectProviderResponse){p->Url, p->Clients, p->Thumbprints, p->Created, p->Labels};
}

/* "This operation is idempotent; it does not fail" */
void op_DeleteOpenIDConnectProvider(struct call *c)
{
	const struct iam_DeleteOpenIDConnectProviderRequest *in = c->in;
	const struct iam_Provider *p = provider_find(c, in->OpenIDConnectProviderArn);
	if (p != NULL)
		call_del(c, provider_key(c, p->Url));
}

void op_ListOpenIDConnectProviders(struct call *c)
{
	struct iam_ListOpenIDConnectProvidersResponse *out = c->out;
	struct iam_OpenIDConnectProviderListEntry *v = NULL;
	uint32_t n = 0;
	struct scan *s = call_scan(c, call_key(c, "oidc"), STR_NONE, false);
	struct str key, value;
	while (scan_next(s, &key, &value)) {
		v = arena_grow(c->arena, v, sizeof *v, n, n + 1);
		v[n++].Arn = provider_arn(c, record_decode(c, &iam_shape_Provider, value));
	}
	scan_close(s);
	out->OpenIDConnectProviderList = (struct list){v, n, true};
}

void op_UpdateOpenIDConnectProviderThumbprint(struct call *c)
{
	const struct iam_UpdateOpenIDConnectProviderThumbprintRequest *in = c->in;
	struct iam_Provider *p = provider_get(c, in->OpenIDConnectProviderArn);
	if (p == NULL || !thumbprints_ok(c, &in->ThumbprintList))
		return;
	p->Thumbprints = in->ThumbprintList;
	provider_put(c, p);
}

void op_AddClientIDToOpenIDConnectProvider(struct call *c)
{
	const struct iam_AddClientIDToOpenIDConnectProviderRequest *in = c->in;
	struct iam_Provider *p = provider_get(c, in->OpenIDConnectProviderArn);
	if (p == NULL || texts_have(&p->Clients, in->ClientID) || !clients_fit(c, p->Clients.n + 1))
		return;
	texts_add(c->arena, &p->Clients, in->ClientID);
	provider_put(c, p);
}

void op_RemoveClientIDFromOpenIDConnectProvider(struct call *c)
{
	const struct iam_RemoveClientIDFromOpenIDConnectProviderRequest *in = c->in;
	struct iam_Provider *p = provider_get(c, in->OpenIDConnectProviderArn);
	if (p != NULL && texts_remove(&p->Clients, in->ClientID))
		provider_put(c, p);
}

/* ---- tags ---- */

void op_TagOpenIDConnectProvider(struct call *c)
{
	const struct iam_TagOpenIDConnectProviderRequest *in = c->in;
	struct iam_Provider *p = provider_get(c, in->OpenIDConnectProviderArn);
	if (p != NULL && tags_merge(c, &p->Labels, in->Tags, "OpenIDConnectProvider"))
		provider_put(c, p);
}

void op_UntagOpenIDConnectProvider(struct call *c)
{
	const struct iam_UntagOpenIDConnectProviderRequest *in = c->in;
	struct iam_Provider *p = provider_get(c, in->OpenIDConnectProviderArn);
	if (p == NULL)
		return;
	tags_remove(&p->Labels, in->TagKeys);
	provider_put(c, p);
}

void op_ListOpenIDConnectProviderTags(struct call *c)
{
	const struct iam_ListOpenIDConnectProviderTagsRequest *in = c->in;
	struct iam_ListOpenIDConnectProviderTagsResponse *out = c->out;
	struct page page;
	const struct iam_Provider *p = provider_get(c, in->OpenIDConnectProviderArn);
	if (p != NULL && page_open(c, in->Marker, in->MaxItems, &page))
		out->Tags = page_cut(c, page, p->Labels, sizeof(struct iam_Tag), &out->IsTruncated, &out->Marker);
}
