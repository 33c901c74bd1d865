/* SPDX-License-Identifier: MIT */
/* Where a reference stands, what its value becomes there, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "escape.h"

static int setup(void **state)
{
	(void)state;
	return secmem_init(1u << 20);
}

/* The template, with value for each @, as it comes out; NULL: the last @ is refused. */
static void check_bytes(enum escape_form form, const char *template, const void *value, size_t len,
	const char *want)
{
	struct escape escape = {.form = form};
	AUTO_OUTFILE out = OUTFILE_INIT;
	const char *at = template, *mark;
	char got[1024] = "";
	struct why why;
	int refused = 0, end;

	assert_int_equal(secbuf_alloc(&out.buffer, 4096, SECMEM_SELF), 0);
	out.fd = memfd_create("out", MFD_CLOEXEC);
	end = fcntl(out.fd, F_DUPFD_CLOEXEC, 3);
	assert_true(end >= 0);
	for (; (mark = strchr(at, '@')) != NULL; at = mark + 1) {
		escape_text(&escape, at, (size_t)(mark - at));
		outfile_put(&out, at, (size_t)(mark - at));
		refused = escape_check(&escape, mark + 1, strlen(mark + 1), value, len, &why) < 0;
		if (refused)
			break;
		assert_int_equal(escape_value(&escape, value, len, &out), 0);
	}
	outfile_put(&out, at, strlen(at));
	assert_int_equal(outfile_commit(&out, &why), 0);
	assert_true(pread(end, got, sizeof(got) - 1, 0) >= 0);
	close(end);
	if (want == NULL && !refused)
		fail_msg("%s: not refused: %s", template, got);
	if (want != NULL && refused)
		fail_msg("%s: %s", template, why.text);
	if (want != NULL)
		assert_string_equal(got, want);
}

static void check(enum escape_form form, const char *template, const char *value, const char *want)
{
	check_bytes(form, template, value, strlen(value), want);
}

static void json(const char *template, const char *value, const char *want)
{
	check(ESCAPE_JSON, template, value, want);
}

static void yaml(const char *template, const char *value, const char *want)
{
	check(ESCAPE_YAML, template, value, want);
}

static void sh(const char *template, const char *value, const char *want)
{
	check(ESCAPE_SH, template, value, want);
}

static void test_json(void **state)
{
	(void)state;
	json("{\"a\": \"@\"}", "x\"y\\z\n\t\x01\x7f\xc3\xa4/",
		"{\"a\": \"x\\\"y\\\\z\\n\\u0009\\u0001\x7f\xc3\xa4/\"}");
	json("{\"a\": @}", "x\"y", "{\"a\": \"x\\\"y\"}");
	json("{@: 1, \"b\": [@, @]}", "k", "{\"k\": 1, \"b\": [\"k\", \"k\"]}");
	json("@", "k", "\"k\"");
	json("{\"u\": \"http://x:@@h\"}", "p", "{\"u\": \"http://x:pph\"}");
	json("[\"\\\\\", @]", "p", "[\"\\\\\", \"p\"]");
	json("[\"\\\"\", @]", "p", "[\"\\\"\", \"p\"]");
	json("[\"\\\" @\"]", "\"", "[\"\\\" \\\"\"]");
	json("[1@]", "p", NULL);
	json("[@1]", "p", NULL);
	json("[@@]", "p", NULL);
	json("[\"a\" @]", "p", NULL);
	json("[\"@\"]", "\xff", NULL);
	check_bytes(ESCAPE_JSON, "[@]", "a\0b", 3, "[\"a\\u0000b\"]");
	check_bytes(ESCAPE_JSON, "[\"@\"]", "", 0, "[\"\"]");
}

static void test_yaml(void **state)
{
	(void)state;
	yaml("a: \"@\"\n", "x\"y\\z\n\t\x7f\xc3\xa4",
		"a: \"x\\\"y\\\\z\\n\\u0009\\u007f\xc3\xa4\"\n");
	yaml("a: @\nb: @ # c\n", "x: y #", "a: \"x: y #\"\nb: \"x: y #\" # c\n");
	yaml("- @\n- [@,@, @]\n- {a: @}", "v", "- \"v\"\n- [\"v\",\"v\", \"v\"]\n- {a: \"v\"}");
	yaml("@: 1", "v", "\"v\": 1");
	yaml("a: '@'", "it's \"\\", "a: 'it''s \"\\'");
	yaml("a: 'it''s @'", "'", "a: 'it''s '''");
	yaml("a: it's\nb: @", "v", "a: it's\nb: \"v\"");
	yaml("a: \"x\n  @\"\nb: @", "\"", "a: \"x\n  \\\"\"\nb: \"\\\"\"");
	yaml("a: \"\\\" @\"", "\"", "a: \"\\\" \\\"\"");
	yaml("# it's @\na: @", "v", "# it's v\na: \"v\"");
	yaml("a: b#@", "v", NULL);
	yaml("# @\n", "a\nb: c", NULL);
	yaml("# @\n",
		"a\xe2\x80\xa8"
		"b: c",
		NULL);
	yaml("a: '@'", "x\ny", NULL);
	yaml("a: '@'", "x\xc2\x85y", NULL);
	yaml("a: x@\n", "v", NULL);
	yaml("a: x @\n", "v", NULL);
	yaml("a: @x\n", "v", NULL);
	yaml("a: \"@\"", "\xc0\x80", NULL);
	yaml("a: @", "\xff", NULL);
	yaml("a: \"@\"", "\xc2\x85\xe2\x80\xa9\xef\xbb\xbf\xef\xbf\xbe\xf0\x9f\x98\x80",
		"a: \"\\u0085\\u2029\\ufeff\\ufffe\xf0\x9f\x98\x80\"");
	check_bytes(ESCAPE_YAML, "[@]", "a\0b", 3, "[\"a\\u0000b\"]");
}

static void test_yaml_blocks(void **state)
{
	(void)state;
	yaml("a: |\n  @\n", "v", NULL);
	yaml("a: |\n  x\n  \"@\"\n", "v", NULL);
	yaml("a: >-\n\n  x\n\n   @\n", "v", NULL);
	yaml("- |2+ # c\n  'x\n- @", "v", "- |2+ # c\n  'x\n- \"v\"");
	yaml("- |2+ # c\n  'x\n  @", "v", NULL);
	yaml("a: |\n  it's\n\n  \"\nb: @", "v", "a: |\n  it's\n\n  \"\nb: \"v\"");
	yaml("a: !!str |\n  @", "v", NULL);
	yaml("a: &x >\n  @", "v", NULL);
	yaml("- a: |\n    it's\n  b: @", "v", "- a: |\n    it's\n  b: \"v\"");
	yaml("a: b |\nc: @", "v", "a: b |\nc: \"v\"");
	yaml("a: \"|\"\nc: @", "v", "a: \"|\"\nc: \"v\"");
	yaml("--- |\n@", "v", NULL);
}

static void test_sh(void **state)
{
	(void)state;
	sh("A=@", "a b;$c`'", "A='a b;$c`'\\'''");
	sh("A=x@y@", "v w", "A=x'v w'y'v w'");
	sh("A=\"@\"", "a\"$b`c\\d'e\nf", "A=\"a\\\"\\$b\\`c\\\\d'e\nf\"");
	sh("A='x@'", "it's $x", "A='xit'\\''s $x'");
	sh("A='it'\\''s @'", "'", "A='it'\\''s '\\'''");
	sh("A=\"\\\"@\"", "\"", "A=\"\\\"\\\"\"");
	sh("A=\\\"@", "\"", "A=\\\"'\"'");
	sh("A=\\'@", "v", "A=\\''v'");
	sh("# don't @\nA=@", "v", "# don't v\nA='v'");
	sh("# don't \nA=a#b@", "v w", "# don't \nA=a#b'v w'");
	sh("x \\\n# it's\nA=@", "v", "x \\\n# it's\nA='v'");
	sh("A=\\$'x\\' @", "v", "A=\\$'x\\' 'v'");
	sh("A=\"$(echo \"@\" @)\" B=\"@\"", "v\"", "A=\"$(echo \"v\\\"\" 'v\"')\" B=\"v\\\"\"");
	sh("A=\"$(echo ')' \")\" (x) @)\" B=\"@\"", "v", "A=\"$(echo ')' \")\" (x) 'v')\" B=\"v\"");
	sh("case x in a) A=\"@\";; esac", "v", "case x in a) A=\"v\";; esac");
	sh("cat <<<@", "v", "cat <<<'v'");
	sh("A=${B:-x}@", "v", "A=${B:-x}'v'");
	sh("A=\"${B:-\"x\"}@\"", "v", "A=\"${B:-\"x\"}v\"");
	sh("A=$'a\\'b'@", "v", "A=$'a\\'b''v'");
	sh("A=${B:-@}", "v", NULL);
	sh("A=\"${B:-\"@\"}\"", "v", NULL);
	sh("A=$'@'", "v", NULL);
	sh("A=`echo @`", "v", NULL);
	sh("A=\"`echo x`@\"", "v", NULL);
	sh("cat <<EOF\n@\nEOF\n", "v", NULL);
	sh("cat <<@", "v", NULL);
	sh("cat <<-'EOF'\nEOF\nA=@", "v", NULL);
	sh("# @", "a\nrm", NULL);
	sh("A=@", "\xff\x01", "A='\xff\x01'");
	check_bytes(ESCAPE_SH, "A=@", "a\0b", 3, NULL);
	check_bytes(ESCAPE_SH, "A=@", "", 0, "A=''");
}

static void test_none(void **state)
{
	(void)state;
	check(ESCAPE_NONE, "a: \"@\"", "\"\xff\n", "a: \"\"\xff\n\"");
}

static void test_deep(void **state)
{
	char text[400] = "";

	(void)state;
	for (size_t i = 0; i < 70; i++)
		strcat(text, "$(");
	strcat(text, "@");
	sh(text, "v", NULL);
}

static void test_forms(void **state)
{
	enum escape_form form = ESCAPE_NONE;
	struct why why;

	(void)state;
	assert_int_equal(escape_form("json", &form, &why), 0);
	assert_int_equal(form, ESCAPE_JSON);
	assert_int_equal(escape_form("yaml", &form, &why), 0);
	assert_int_equal(form, ESCAPE_YAML);
	assert_int_equal(escape_form("sh", &form, &why), 0);
	assert_int_equal(form, ESCAPE_SH);
	assert_true(escape_form("", &form, &why) < 0);
	assert_true(escape_form("JSON", &form, &why) < 0);
	assert_true(escape_form("none", &form, &why) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_yaml),
		cmocka_unit_test(test_yaml_blocks),
		cmocka_unit_test(test_sh),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_forms),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
