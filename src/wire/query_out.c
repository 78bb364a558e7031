/* Answers of the query and EC2 protocols.
 *
 * query: <OpResponse xmlns><OpResult>...</OpResult><ResponseMetadata><RequestId/></ResponseMetadata></OpResponse>.
 * ec2: no result element, and <requestId> first. Source: awsQuery and ec2Query in the Smithy specification.
 *
 * What always holds: what is opened is closed under the same name; only text that xml_leaf and the encoders have
 * escaped stands between. */
#include "base/xml.h"
#include "wire/codec.h"

static void open_root(struct buf *b, const struct model_op *op)
{
	ASSERT(model_op_name(op)[0] != '\0');
	buf_putc(b, '<');
	buf_str(b, str_c(model_op_name(op)));
	buf_lit(b, "Response");
	if (model_xml_namespace(model_op_model(op)) != NULL) {
		buf_lit(b, " xmlns=\"");
		xml_write_attr(b, str_c(model_xml_namespace(model_op_model(op))));
		buf_putc(b, '"');
	}
	buf_putc(b, '>');
}

static void ec2_body(struct buf *b, struct arena *a, const struct model_op *op, const void *output, struct str request_id)
{
	xml_leaf(b, S("requestId"), request_id);
	if (model_op_output(op) != NULL)
		xml_encode_members(b, a, model_op_output(op), output, false);
}

static void query_body(struct buf *b, struct arena *a, const struct model_op *op, const void *output, struct str request_id)
{
	struct str wrapper = str_c(model_op_result_wrapper(op));
	ASSERT(request_id.n > 0);
	if (model_op_output(op) != NULL) {
		if (wrapper.p != NULL)
			xml_open(b, wrapper);
		xml_encode_members(b, a, model_op_output(op), output, false);
		if (wrapper.p != NULL)
			xml_close(b, wrapper);
	}
	buf_lit(b, "<ResponseMetadata>");
	xml_leaf(b, S("RequestId"), request_id);
	buf_lit(b, "</ResponseMetadata>");
}

void query_encode(struct arena *a, const struct model_op *op, const void *output, bool ec2, struct str request_id,
                  struct wire_response *out)
{
	struct buf b;
	buf_init(&b, a, 0);
	ASSERT(model_op_output(op) == NULL || output != NULL);
	wire_add_header(a, out, S("Content-Type"), ec2 ? S("text/xml;charset=UTF-8") : S("text/xml"));
	if (ec2)
		buf_lit(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	open_root(&b, op);
	if (ec2)
		ec2_body(&b, a, op, output, request_id);
	else
		query_body(&b, a, op, output, request_id);
	buf_lit(&b, "</");
	buf_str(&b, str_c(model_op_name(op)));
	buf_lit(&b, "Response>");
	out->body = buf_view(&b);
}
