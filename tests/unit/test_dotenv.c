/* SPDX-License-Identifier: MIT */
/* test_dotenv: what is read from lines of KEY=VALUE, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include "dotenv.h"
#include "text.h"

/* What was read, as "[NAME=VALUE]" for each pair. */
struct seen {
	char text[4096];
	size_t len;
	int stop_after; /* visits; 0: never */
	int stop_with;
	const char *from, *from_end;
	const uint8_t *scratch, *scratch_end;
};

static void seen_add(struct seen *seen, const void *bytes, size_t len)
{
	assert_true(seen->len + len < sizeof(seen->text));
	memcpy(seen->text + seen->len, bytes, len);
	seen->len += len;
}

static int visit(void *arg, const struct dotenv_pair *pair)
{
	struct seen *seen = arg;

	assert_true(pair->name >= seen->from && pair->name + pair->name_len <= seen->from_end);
	assert_true(pair->bytes >= seen->scratch && pair->bytes + pair->len <= seen->scratch_end);
	seen_add(seen, "[", 1);
	seen_add(seen, pair->name, pair->name_len);
	seen_add(seen, "=", 1);
	seen_add(seen, pair->bytes, pair->len);
	seen_add(seen, "]", 1);
	return seen->stop_after && --seen->stop_after == 0 ? seen->stop_with : 0;
}

/* Text and scratch are exactly as long as said, so that a sanitizer sees a byte too many. */
static int read_all(const char *text, size_t len, struct seen *seen, size_t *ret_line)
{
	char *copy = malloc(len + !len);
	uint8_t *scratch = malloc(len + !len);

	assert_true(copy && scratch);
	memcpy(copy, text, len);
	seen->from = copy;
	seen->from_end = copy + len;
	seen->scratch = scratch;
	seen->scratch_end = scratch + len;
	int r = dotenv_read(copy, len, scratch, visit, seen, ret_line);
	free(copy);
	free(scratch);
	return r;
}

static void good_n(const char *text, size_t len, const char *want, size_t want_len)
{
	struct seen seen = {.len = 0};
	size_t line = 0;

	assert_int_equal(read_all(text, len, &seen, &line), 0);
	assert_int_equal(seen.len, want_len);
	assert_memory_equal(seen.text, want, want_len);
}

static void good(const char *text, const char *want)
{
	good_n(text, strlen(text), want, strlen(want));
}

static void bad(const char *text, size_t want_line)
{
	struct seen seen = {.len = 0};
	size_t line = 0;

	int r = read_all(text, strlen(text), &seen, &line);
	/* Where the text could go on, it is only unfinished. */
	assert_true(r == -EINVAL || (r == -ENODATA && text[strlen(text) - 1] != '\n') ||
		    (r == -ENODATA && strpbrk(text, "'\"")));
	assert_int_equal(line, want_line);
}

static void test_lines(void **state)
{
	(void)state;
	good("", "");
	good("\n\n", "");
	good("# only a comment", "");
	good("  \t# with white space before\n", "");
	good("A=1", "[A=1]");
	good("A=1\n", "[A=1]");
	good("A=1\r\nB=2\r\n", "[A=1][B=2]");
	good("A=1\n\n# b\nB=2\n", "[A=1][B=2]");
	good("  A=1\n\tB=2", "[A=1][B=2]");
	good("export A=1\nexport   B=2\n", "[A=1][B=2]");
	good("export=1\nexported=2\n", "[export=1][exported=2]");
	good("A=\nB=\"\"\nC=''\n", "[A=][B=][C=]");
	good("A=1\nA=2\n", "[A=1][A=2]");
	good("_=1\n_9z=2\nZ_0=3\n", "[_=1][_9z=2][Z_0=3]");
}

static void test_plain(void **state)
{
	(void)state;
	good("A=  b c \t\n", "[A=b c]");
	good("A=b # comment\n", "[A=b]");
	good("A=b#no comment\n", "[A=b#no comment]");
	good("A=#comment\n", "[A=]");
	good("A= # comment\n", "[A=]");
	good("A=$HOME `id` \\n \\\\ $(id)\n", "[A=$HOME `id` \\n \\\\ $(id)]");
	good("A=a'b\"c\n", "[A=a'b\"c]");
	good("A==b=\n", "[A==b=]");
	good("A=\xc3\xa9\n", "[A=\xc3\xa9]");
	good_n("A=b\0c\n", 6, "[A=b\0c]", 7);
}

static void test_single(void **state)
{
	(void)state;
	good("A='b c'\n", "[A=b c]");
	good("A=' b '  # comment\n", "[A= b ]");
	good("A='\\n $x \"y\" `z`\\'\n", "[A=\\n $x \"y\" `z`\\]");
	good("A='1\n2\n\n3'\nB=4\n", "[A=1\n2\n\n3][B=4]");
	good("A='# no'", "[A=# no]");
}

static void test_double(void **state)
{
	(void)state;
	good("A=\"b c\"\n", "[A=b c]");
	good("A=\" b \" # comment\n", "[A= b ]");
	good("A=\"\\\" \\$ \\` \\\\\"\n", "[A=\" $ ` \\]");
	good("A=\"\\n \\t \\x \\'\"\n", "[A=\\n \\t \\x \\']");
	good("A=\"1\n2\"\nB=3\n", "[A=1\n2][B=3]");
	good("A=\"1\\\n2\"\n", "[A=12]");
	good("A=\"$HOME $(id) `id`\"\n", "[A=$HOME $(id) `id`]");
	good("A=\"#\"\n", "[A=#]");
	good("A=\"'\"\n", "[A=']");
}

static void test_bad(void **state)
{
	(void)state;
	bad("A", 1);
	bad("A\n", 1);
	bad("=1", 1);
	bad("1A=2", 1);
	bad("A-B=2", 1);
	bad("A B=2", 1);
	bad("A =2", 1);
	bad("export\n", 1);
	bad("export A\n", 1);
	bad("\xc3\xa9=1", 1);
	bad("A=1\n\n# c\nB\n", 4);
	bad("A='", 1);
	bad("A=1\nB='2\n3\n", 2);
	bad("A=\"2\n3\n", 1);
	bad("A=\"\\\"", 1);
	bad("A=\"1\"2", 1);
	bad("A='1' 2", 1);
	bad("A='1'\"2\"", 1);
	bad("A='1\n2'\nB='3\n4' x\n", 3);
	bad("{\"a\": \"b\"}", 1);
}

/* What the visitor returns ends the reading and is handed on. */
static void test_stop(void **state)
{
	struct seen seen = {.stop_after = 2, .stop_with = 7};
	size_t line;

	(void)state;
	assert_int_equal(read_all("A=1\nB=2\nC=3\n", 12, &seen, &line), 7);
	assert_int_equal(seen.len, 10);
	assert_memory_equal(seen.text, "[A=1][B=2]", 10);
	seen = (struct seen){.stop_after = 1, .stop_with = -ENOMEM};
	assert_int_equal(read_all("A=1\nB=2\nC=3\n", 12, &seen, &line), -ENOMEM);
}

static void check_back(const uint8_t *bytes, size_t len)
{
	size_t n = text_env_line("KEY", 3, bytes, len, NULL);
	char *line = malloc(n + 1), want[64];
	struct seen seen = {.len = 0};
	size_t at;

	assert_non_null(line);
	assert_true(n > 0 && len < 48);
	text_env_line("KEY", 3, bytes, len, line);
	assert_int_equal(read_all(line, n, &seen, &at), 0);
	memcpy(want, "[KEY=", 5);
	memcpy(want + 5, bytes, len);
	want[5 + len] = ']';
	assert_int_equal(seen.len, len + 6);
	assert_memory_equal(seen.text, want, len + 6);
	free(line);
}

/* What .env shows is read back byte for byte. */
static void test_back(void **state)
{
	static const char special[] = "\\\"$`'# \t\n\r=;a";
	size_t n = sizeof(special) - 1;

	(void)state;
	check_back((const uint8_t *)"", 0);
	for (unsigned c = 1; c < 128; c++) {
		uint8_t one = (uint8_t)c;
		check_back(&one, 1);
	}
	for (size_t i = 0; i < n * n * n * n; i++) {
		const uint8_t bytes[4] = {(uint8_t)special[i % n], (uint8_t)special[i / n % n],
			(uint8_t)special[i / n / n % n], (uint8_t)special[i / n / n / n]};
		check_back(bytes, 4);
	}
	check_back((const uint8_t *)"\xf0\x9f\x94\x91 \xc3\xa9", 7);
}

/* Any bytes: refused or read, never beyond the text or the scratch. */
static void test_any_bytes(void **state)
{
	static const char some[] = "AB_19= \t\n\r\\\"'$`#export\0\xff";
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 50000; round++) {
		char text[40];
		struct seen seen = {.len = 0};
		size_t len = (size_t)round % sizeof(text), line = 0;
		for (size_t i = 0; i < len; i++) {
			seed = seed * 1664525 + 1013904223;
			text[i] = some[(seed >> 16) % (sizeof(some) - 1)];
		}
		int r = read_all(text, len, &seen, &line);
		assert_true(
			r == 0 || ((r == -EINVAL || r == -ENODATA) && line >= 1 && line <= len));
	}
}

/* What a write(2) may end with is never called wrong: more may come. */
static void test_beginnings(void **state)
{
	static const char whole[] =
		"export A=1\n \texport \t B= \"x\\\"\n\" # c\r\nexport=2\nC='a\n'\n#\nD=d # e";
	struct seen seen = {.len = 0};
	size_t line;

	(void)state;
	for (size_t cut = 0; cut < sizeof(whole); cut++) {
		int r = read_all(whole, cut, &seen, &line);
		assert_true(r == 0 || r == -ENODATA);
		seen.len = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_double),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_back),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_beginnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
