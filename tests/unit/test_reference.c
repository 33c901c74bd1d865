/* SPDX-License-Identifier: MIT */
/* What is a reference, where it stands, and that all else stays byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

/* ---- the same by the plainest code there is, to compare with ---- */

static bool space(char c)
{
	return c != '\0' && strchr(" \t\n\v\f\r", c) != NULL;
}

/* The length of a reference at text, or 0; its parts go to what as "<ns:name|key". */
static size_t plain_reference(const char *text, size_t len, char *what, size_t size)
{
	size_t from = 2, to, end, dot, ns = 2, at;

	if (len < 2 || text[0] != '{' || text[1] != '{')
		return 0;
	while (from < len && space(text[from]))
		from++;
	for (to = from; to < len && !space(text[to]) && text[to] != '{' && text[to] != '}';)
		to++;
	for (end = to; end < len && space(text[end]);)
		end++;
	if (end + 2 > len || text[end] != '}' || text[end + 1] != '}')
		return 0;
	at = from;
	if (to - at > 8 && memcmp(text + at, "private/", 8) == 0) {
		at += 8;
		ns = 0;
	} else if (to - at > 7 && memcmp(text + at, "public/", 7) == 0) {
		at += 7;
		ns = 1;
	}
	for (dot = at; dot < to && text[dot] != '.';)
		dot++;
	if (dot == to || name_check(text + at, dot - at) != 0 ||
		name_check_key(text + dot + 1, to - dot - 1) != 0)
		return 0;
	snprintf(what, size, "<%zu:%.*s|%.*s", ns, (int)(dot - at), text + at, (int)(to - dot - 1),
		text + dot + 1);
	return end + 2;
}

/* Both are appended to: text as it is, references as "<ns:name|key@line:column>". */
struct output {
	char *bytes;
	size_t len;
};

static void put(struct output *out, const void *bytes, size_t len)
{
	memcpy(out->bytes + out->len, bytes, len);
	out->len += len;
}

static void plain_scan(const char *text, size_t len, struct output *out)
{
	size_t line = 1, column = 1;

	for (size_t at = 0; at < len;) {
		char what[600], place[64];
		size_t n = 1, found = plain_reference(text + at, len - at, what, sizeof(what));

		if (found > 0) {
			put(out, what, strlen(what));
			put(out, place,
				(size_t)snprintf(place, sizeof(place), "@%zu:%zu>", line, column));
			n = found;
		} else if (len - at >= 3 && memcmp(text + at, "\\{{", 3) == 0) {
			put(out, "{{", 2);
			n = 3;
		} else {
			put(out, text + at, 1);
		}
		for (; n > 0; n--, at++) {
			column = text[at] == '\n' ? 1 : column + 1;
			line += text[at] == '\n';
		}
	}
}

static void real_scan(const char *text, size_t len, struct output *out)
{
	struct reference_scan scan = {.text = text, .len = len, .line = 1, .column = 1};
	struct reference part;
	enum reference_kind kind;

	while ((kind = reference_next(&scan, &part)) != REFERENCE_END) {
		char what[700];

		if (kind == REFERENCE_TEXT) {
			assert_true(part.len > 0);
			put(out, part.text, part.len);
		} else {
			put(out, what,
				(size_t)snprintf(what, sizeof(what), "<%d:%s|%s@%zu:%zu>",
					(int)part.ns, part.name, part.key, part.line, part.column));
		}
	}
	assert_int_equal(scan.at, len);
}

/* In a block of exactly its length, so that the sanitizer sees a byte too far. */
static void compare(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);
	struct output want = {malloc(16 * len + 64), 0}, got = {malloc(16 * len + 64), 0};

	assert_non_null(copy);
	assert_non_null(want.bytes);
	assert_non_null(got.bytes);
	memcpy(copy, text, len);
	plain_scan(copy, len, &want);
	real_scan(copy, len, &got);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.bytes, want.bytes, want.len);
	free(copy);
	free(want.bytes);
	free(got.bytes);
}

static unsigned draw(unsigned *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 16;
}

static void test_random(void **state)
{
	static const char *const pieces[] = {"{{", "}}", "{", "}", "\\", "\\{{", "a", "b.c", ".",
		"private/", "public/", "/", " ", "\t", "\r\n", "\n", "\0", "\xff", "\xc3\xa4",
		"\xe2\x80\xae", "{{a.b}}", "{{ private/x.y }}", ".json", "\x7f"};
	static const size_t lens[] = {
		2, 2, 1, 1, 1, 3, 1, 3, 1, 8, 7, 1, 1, 1, 2, 1, 1, 1, 2, 3, 7, 17, 5, 1};
	const size_t npieces = sizeof(pieces) / sizeof(pieces[0]);
	unsigned seed = 1;

	(void)state;
	assert_int_equal(npieces, sizeof(lens) / sizeof(lens[0]));
	for (size_t i = 0; i < 50000; i++) {
		char text[24 * 17];
		size_t len = 0;

		for (size_t n = draw(&seed) % 24; n > 0; n--) {
			size_t piece = draw(&seed) % npieces;

			memcpy(text + len, pieces[piece], lens[piece]);
			len += lens[piece];
		}
		compare(text, len);
	}
}

static void test_random_bytes(void **state)
{
	unsigned seed = 2;

	(void)state;
	for (size_t i = 0; i < 20000; i++) {
		char text[64];
		size_t len = draw(&seed) % sizeof(text);

		for (size_t j = 0; j < len; j++)
			text[j] = (char)draw(&seed);
		compare(text, len);
	}
}

/* NUL, carriage returns, what is not UTF-8: no names, but never an end either. */
static void test_odd_bytes(void **state)
{
	static const char nul[] = "a\0{{x.y}}\0{{x\0.y}}\0";

	(void)state;
	compare(nul, sizeof(nul) - 1);
	check("a\r\nb{{x.y}}\r\n{{ z.w\r\n}}", "a\r\nb<2:x|y@2:2>\r\n<2:z|w@3:1>");
	check("\xff{{x.y}}{{\xff.y}}", "\xff<2:x|y@1:2>{{\xff.y}}");
	check("{{\xc3\xa4.\xe2\x82\xac}}", "<2:\xc3\xa4|\xe2\x82\xac@1:1>");
	check("{{a.b\x1b}}", "{{a.b\x1b}}");
	check("{{\xe2\x80\xae"
	      "a.b}}",
		"{{\xe2\x80\xae"
		"a.b}}");
}

static void test_braces_in_braces(void **state)
{
	(void)state;
	check("{{ {{a.b}} }}", "{{ <2:a|b@1:4> }}");
	check("{{a.{{b.c}}}}", "{{a.<2:b|c@1:5>}}");
	check("{{{{a.b}}}}", "{{<2:a|b@1:3>}}");
	check("{{a.b}{{c.d}}", "{{a.b}<2:c|d@1:7>");
	check("{{a.b}}}", "<2:a|b@1:1>}");
	check("\\{{{a.b}}", "{{{a.b}}");
	check("\\{{{{a.b}}", "{{<2:a|b@1:4>");
	check("{\\{{a.b}}", "{{{a.b}}");
}

static void test_longest_names(void **state)
{
	char text[700], name[257];

	(void)state;
	memset(name, 'n', sizeof(name));
	for (size_t len = 254; len <= 256; len++) {
		snprintf(text, sizeof(text), "{{%.*s.%.*s}}", (int)len, name, (int)len, name);
		compare(text, strlen(text));
		snprintf(text, sizeof(text), "{{private/%.*s.k}}", (int)len, name);
		compare(text, strlen(text));
	}
}

/* What would be slow if anything were looked at again and again. */
static void test_huge(void **state)
{
	static const char *const units[] = {
		"{", "{{", "\\{{", "\\", "{{ ", "{{a", "{{a.b}}", "}", "\n", "{{a.b} }", " "};
	const size_t size = 8u << 20;
	char *text = malloc(size);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct reference_scan scan = {.text = text, .line = 1, .column = 1};
		struct reference part;
		size_t len = strlen(units[i]), n = 0;

		scan.len = size / len * len;
		for (size_t at = 0; at < scan.len; at += len)
			memcpy(text + at, units[i], len);
		memcpy(text, "{{", 2); /* and one that begins and never ends */
		while (reference_next(&scan, &part) != REFERENCE_END)
			n++;
		assert_int_equal(scan.at, scan.len);
		assert_true(n >= 1);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_literal),
		cmocka_unit_test(test_left_alone),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_odd_bytes),
		cmocka_unit_test(test_braces_in_braces),
		cmocka_unit_test(test_longest_names),
		cmocka_unit_test(test_huge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
