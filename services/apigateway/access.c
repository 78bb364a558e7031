/* Permission: apigateway:GET, POST, PUT, PATCH, DELETE on arn:aws:apigateway:<region>::<path of the request>.
 *
 * The path is made from the operation's template and the typed input, so that invoked calls are judged like requests.
 * Source: "Actions, resources, and condition keys for Amazon API Gateway Management" (Service Authorization Reference). */
#include "apigw.h"

#include "svc/tags.h"

static struct str input_member(struct call *c, struct str wire_name)
{
	const struct shape *s = model_op_input(c->op->model);
	for (uint16_t i = 0; s != NULL && i < s->n_members; i++) {
		const struct member *m = &shape_members(s)[i];
		if (m->location != LOC_URI || !str_eq(str_c(member_wire_name(m)), wire_name) || member_shape(m)->type != SHAPE_STRING)
			continue;
		struct str v = *(const struct str *)((const char *)c->in + m->offset);
		return str_present(v) ? v : S("");
	}
	return S("");
}

/* Of the API that the path is below. */
static struct tags tags_there(struct call *c)
{
	struct str api = input_member(c, S("restapi_id"));
	const struct apigateway_RestApi *r = api.n > 0 ? call_get(c, part_key(c, "api", api, STR_NONE), &apigateway_shape_RestApi) : NULL;
	return r != NULL ? TAGS_OF(r->tags, struct apigateway_MapOfStringToString_entry) : (struct tags){0};
}

void access_path(struct call *c)
{
	if (c->who->type == PRINCIPAL_ROOT)
		return; /* nothing here has a policy that could deny */
	struct str uri = str_c(model_op_http_uri(c->op->model)), rest = str_cut(&uri, '?');
	struct buf b;
	buf_init(&b, c->arena, 0);
	buf_printf(&b, "arn:aws:apigateway:%.*s::", STR_ARG(c->region));
	while (str_present(rest) && rest.n > 0) {
		ptrdiff_t open = str_find(rest, '{'), close = str_find(rest, '}');
		if (open < 0 || close < open) {
			buf_str(&b, rest);
			break;
		}
		buf_str(&b, str_slice(rest, 0, (size_t)open));
		struct str value = input_member(c, str_slice(rest, (size_t)open + 1, (size_t)close));
		uri_write(&b, value, false);
		rest = str_slice(rest, (size_t)close + 1, rest.n);
	}
	const char *action = arena_cstr(c->arena, arena_printf(c->arena, "apigateway:%s", model_op_http_method(c->op->model)));
	struct access_extra x = {0};
	tags_conditions(c, &x, tags_there(c));
	authorize(c, action, buf_view(&b), &x);
}
