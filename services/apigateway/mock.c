/* MOCK integrations: the request template says which status, the integration response of that status says what.
 *
 * Source: "Set up mock integrations in API Gateway" (developer guide). */
#include "serve.h"

/* AWS reads the template leniently: {statusCode: 200} counts too. 0: it says none. */
static int status_in(struct exchange *x, struct str template)
{
	const struct json *j = json_parse(x->c->arena, template, NULL);
	if (j != NULL)
		return (int)json_get_i64(j, "statusCode", 0);
	static const char name[] = "statusCode";
	ptrdiff_t at = str_find_str(template, str_c(name));
	size_t k = at >= 0 ? (size_t)at + sizeof name - 1 : template.n;
	int code = 0;
	while (k < template.n && (template.p[k] == ':' || template.p[k] == ' ' || template.p[k] == '"' || template.p[k] == '\''))
		k++;
	for (; k < template.n && template.p[k] >= '0' && template.p[k] <= '9' && code < 1000; k++)
		code = code * 10 + (template.p[k] - '0');
	return code;
}

void run_mock(struct exchange *x, const struct apigateway_Integration *i)
{
	struct str template;
	ASSERT(str_eq(i->type, S("MOCK")) && x->status == 0);
	if (integration_template(x, i, &template))
		integration_answer(x, i, str_present(template) ? status_in(x, template) : 0, NULL);
}
