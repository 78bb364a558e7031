/* XML: S3-like documents are read, dangerous ones refused, text comes back as it went out. */
#include "base/xml.h"
#include "../check.h"

static struct xml *parse(const char *text)
{
	const char *why = "unset";
	struct xml *x = xml_parse(arena, str_c(text), &why);
	assert_true((x == NULL) == (why != NULL));
	return x;
}

static void reads_a_document(void **state UNUSED)
{
	struct xml *x = parse("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
	                      "<Object><Key>a &amp; b</Key></Object><Object><Key>c</Key></Object><Quiet>true</Quiet></Delete>");
	assert_str(x->name, S("Delete"));
	assert_str(xml_child_text(x, S("Quiet")), S("true"));
	struct xml *o = xml_child(x, S("Object"));
	assert_str(xml_child_text(o, S("Key")), S("a & b"));
	assert_str(xml_child_text(o->next, S("Key")), S("c"));
	assert_absent(xml_child_text(x, S("quiet")));
	assert_null(xml_child(NULL, S("x")));
	assert_str(xml_attr(x, S("xmlns")), S("http://s3.amazonaws.com/doc/2006-03-01/"));
}

static void prefixes_and_attributes(void **state UNUSED)
{
	struct xml *x = parse("<s:Grant xmlns:xsi='i' xsi:type=\"Canonical&quot;User\" a='1'><s:ID/></s:Grant>");
	assert_str(x->name, S("Grant"));
	assert_str(xml_attr(x, S("xsi:type")), S("Canonical\"User"));
	assert_str(xml_attr(x, S("a")), S("1"));
	assert_absent(xml_attr(x, S("type")));
	assert_str(xml_child_text(x, S("ID")), S(""));
}

static void text_is_joined(void **state UNUSED)
{
	struct xml *x = parse("<a>one<b>inner</b> two<![CDATA[ <three> ]]><!-- not this -->&#65;&#x42;</a>");
	assert_str(x->text, S("one two <three> AB"));
	assert_str(xml_child_text(x, S("b")), S("inner"));
}

static void refuses(void **state UNUSED)
{
	static const char *const bad[] = {"", "text", "<a>", "<a></b>", "<a/><b/>", "<a>&unknown;</a>", "<a b></a>", "<a b='1' b='2'/>",
	                                  "<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>",
	                                  "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>",
	                                  "<a>\x01</a>", "<a>\xff</a>", "<a><</a>", "<:/>",
	                                  "<a:></a:>"};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (parse(bad[i]) != NULL)
			fail_msg("accepted %s", bad[i]);
	const char *why;
	assert_null(xml_parse(arena, S("<!DOCTYPE a><a/>"), &why));
	assert_string_equal(why, "a DOCTYPE is not allowed");
	assert_null(xml_parse(arena, STR_NONE, NULL));
}

static struct str nested(size_t levels)
{
	struct buf b;
	buf_init(&b, arena, 0);
	for (size_t i = 0; i < levels; i++)
		xml_open(&b, S("a"));
	for (size_t i = 0; i < levels; i++)
		xml_close(&b, S("a"));
	return buf_view(&b);
}

static void depth_is_bounded(void **state UNUSED)
{
	const char *why;
	assert_non_null(xml_parse(arena, nested(64), &why));
	assert_null(xml_parse(arena, nested(65), &why));
	assert_string_equal(why, "more than 64 levels");
}

static void number_of_nodes_is_bounded(void **state UNUSED)
{
	struct buf b;
	buf_init(&b, arena, 0);
	buf_lit(&b, "<a>");
	for (int i = 0; i < 1000000; i++)
		buf_lit(&b, "<b/>");
	buf_lit(&b, "</a>");
	const char *why;
	assert_null(xml_parse(arena, buf_view(&b), &why));
	assert_string_equal(why, "more than 1,000,000 elements");
}

static void writes_and_reads_back(void **state UNUSED)
{
	struct str nasty = S("<&>\"' \t\n\r ]]> \xe2\x82\xac");
	struct buf b;
	buf_init(&b, arena, 0);
	buf_lit(&b, "<r a=\"");
	xml_write_attr(&b, nasty);
	buf_lit(&b, "\">");
	xml_leaf(&b, S("t"), nasty);
	xml_leaf(&b, S("e"), STR_NONE);
	buf_lit(&b, "</r>");
	assert_str(buf_view(&b), S("<r a=\"&lt;&amp;&gt;&quot;' &#x9;&#xa;&#xd; ]]&gt; \xe2\x82\xac\"><t>&lt;&amp;&gt;\"' \t\n&#xd; ]]&gt; "
	                           "\xe2\x82\xac</t><e></e></r>"));
	struct xml *x = xml_parse(arena, buf_view(&b), NULL);
	assert_str(xml_attr(x, S("a")), nasty);
	assert_str(xml_child_text(x, S("t")), nasty);
	buf_clear(&b);
	xml_write_text(&b, S("a\x01\x1f"));
	assert_str(buf_view(&b), S("a&#x1;&#x1f;"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(reads_a_document), TEST(prefixes_and_attributes), TEST(text_is_joined), TEST(refuses),
	                                   TEST(depth_is_bounded), TEST(number_of_nodes_is_bounded), TEST(writes_and_reads_back)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
