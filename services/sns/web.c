/* The addresses that notifications carry, open to everybody as on AWS: the certificate of the signatures, and the links to
 * confirm a subscription and to end one.
 *
 * What always holds: only the token lets a subscription be confirmed here, and only one that was not confirmed by its owner's signed
 * request can be ended. Source: "Verifying the signatures of Amazon SNS messages", ConfirmSubscription, Unsubscribe. */
#include "sns.h"

static const char base[] = "/_aws/sns/";

bool web_claims(const struct wire_request *r) { return str_starts(r->raw_path, str_c(base)); }

static void reply(struct call *c, int status, struct str type, struct str body)
{
	const struct param header = {S("Content-Type"), type};
	call_reply(c, status, &header, 1, body);
}

static void reply_error(struct call *c, int status, const char *code, const char *message)
{
	reply(c, status, S("text/xml"), arena_printf(c->arena, "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error>"
		"<Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>%.*s</RequestId></ErrorResponse>",
		code, message, STR_ARG(c->request_id)));
}

static struct str parameter(const struct call *c, const char *name)
{
	const struct params *q = &c->http->query;
	for (size_t i = 0; i < q->n; i++)
		if (str_eq(q->v[i].name, str_c(name)))
			return q->v[i].value;
	return STR_NONE;
}

/* The region in which this call looks is the ARN's. */
static struct str located(struct call *c, struct str text)
{
	struct arn arn;
	if (arn_parse(text, &arn))
		c->region = arn.region;
	return text;
}

static void confirm(struct call *c)
{
	struct topic *t = topic_find(c, located(c, parameter(c, "TopicArn")));
	struct subscription *s = t != NULL ? subscription_confirm(c, t, parameter(c, "Token"), false) : NULL;
	if (s == NULL) {
		reply_error(c, 400, "InvalidParameter", "Invalid parameter: Token");
		return;
	}
	reply(c, 200, S("text/xml"), arena_printf(c->arena, "<ConfirmSubscriptionResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">"
		"<ConfirmSubscriptionResult><SubscriptionArn>%.*s</SubscriptionArn></ConfirmSubscriptionResult><ResponseMetadata><RequestId>%.*s"
		"</RequestId></ResponseMetadata></ConfirmSubscriptionResponse>", STR_ARG(s->rec->Arn), STR_ARG(c->request_id)));
}

static void unsubscribe(struct call *c)
{
	struct topic *t;
	struct subscription *s = subscription_find(c, located(c, parameter(c, "SubscriptionArn")), &t);
	if (s != NULL && s->rec->Authenticated.v) {
		reply_error(c, 403, "AuthorizationError", "This subscription can be ended by a signed request only");
		return;
	}
	if (s != NULL)
		subscription_remove(c, t, s);
	reply(c, 200, S("text/xml"), arena_printf(c->arena, "<UnsubscribeResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><ResponseMetadata>"
		"<RequestId>%.*s</RequestId></ResponseMetadata></UnsubscribeResponse>", STR_ARG(c->request_id)));
}

void web_serve(struct call *c)
{
	struct str path = str_slice(c->http->raw_path, sizeof base - 1, c->http->raw_path.n), pem = signing_cert(c);
	if (str_eq(path, S("confirm")))
		confirm(c);
	else if (str_eq(path, S("unsubscribe")))
		unsubscribe(c);
	else if (str_present(pem) && str_ends(signing_cert_url(c), path) && str_starts(path, S("SimpleNotificationService-")))
		reply(c, 200, S("application/x-pem-file"), pem);
	else
		reply_error(c, 404, "NotFound", "There is nothing here");
}
