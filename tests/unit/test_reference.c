/* SPDX-License-Identifier: MIT */
/* What is a reference, where it stands, and that all else stays byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "reference.h"

/* The text with each reference as <ns:name|key@line:column>. */
static void check(const char *text, const char *want)
{
	struct reference_scan scan = {.text = text, .len = strlen(text), .line = 1, .column = 1};
	struct reference part;
	enum reference_kind kind;
	char got[1024] = "";
	size_t n = 0;

	while ((kind = reference_next(&scan, &part)) != REFERENCE_END) {
		if (kind == REFERENCE_TEXT)
			n += (size_t)snprintf(
				got + n, sizeof(got) - n, "%.*s", (int)part.len, part.text);
		else
			n += (size_t)snprintf(got + n, sizeof(got) - n, "<%d:%s|%s@%zu:%zu>",
				(int)part.ns, part.name, part.key, part.line, part.column);
	}
	assert_string_equal(got, want);
}

static void test_found(void **state)
{
	(void)state;
	check("{{a.b}}", "<2:a|b@1:1>");
	check("x{{ a.b.c\t}}y", "x<2:a|b.c@1:2>y");
	check("1\n2 {{private/a.b}}{{public/a.b}}", "1\n2 <0:a|b@2:3><1:a|b@2:18>");
	check("{{\na.b\n}}{{c.d}}", "<2:a|b@1:1><2:c|d@3:3>");
	check("{{{a.b}}}", "{<2:a|b@1:2>}");
}

static void test_literal(void **state)
{
	(void)state;
	check("\\{{a.b}}{{c.d}}", "{{a.b}}<2:c|d@1:9>");
	check("\\\\{{a.b}}", "\\{{a.b}}");
	check("\\{{\\{{", "{{{{");
}

static void test_left_alone(void **state)
{
	static const char *const texts[] = {"", "{", "{{", "{{}}", "{{a}}", "{{.a}}", "{{a.}}",
		"{{a.b", "{{a.b}", "{{a .b}}", "{{ a.b | c }}", "{{other/a.b}}", "{{private/}}",
		"{{a.b/c}}", "{{a..json}}", "}}{{", "${x} {%a.b%}", "\\{a.b}", "\\"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check(texts[i], texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_literal),
		cmocka_unit_test(test_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
