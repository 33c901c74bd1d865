/* SPDX-License-Identifier: MIT */
/* Which bytes may name a secret or a key. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "name.h"

struct row {
	const char *bytes;
	size_t len;
	int want;
};

/* Literals may hold NUL; sizeof counts the one at the end as well. */
#define ROW(literal, want)                                                                         \
	{                                                                                          \
		literal, sizeof(literal) - 1, want                                                 \
	}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (name_check(rows[i].bytes, rows[i].len) != rows[i].want)
			fail_msg("row %zu: %d instead of %d", i,
				name_check(rows[i].bytes, rows[i].len), rows[i].want);
}

static void test_plain(void **state)
{
	static const struct row rows[] = {
		ROW("", -ENOENT),
		ROW("a", 0),
		ROW("db_prod", 0),
		ROW("A name with spaces", 0),
		ROW("~!@#$%^&*()\\\"'`|<>?", 0),
		ROW(" ", 0),
		ROW("-rf", 0),
		ROW("...", 0),
		ROW(".a", 0),
		ROW(".swp", 0),
		ROW(".", -EINVAL),
		ROW("..", -EINVAL),
		ROW("a/b", -EINVAL),
		ROW("/", -EINVAL),
		ROW("a\0b", -EINVAL),
		ROW("\0", -EINVAL),
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_length(void **state)
{
	char name[300];

	(void)state;
	memset(name, 'n', sizeof(name));
	assert_int_equal(name_check(name, 255), 0);
	assert_int_equal(name_check(name, 256), -ENAMETOOLONG);
	assert_int_equal(name_check(name, sizeof(name)), -ENAMETOOLONG);
	/* A character of two bytes that the limit cuts is not a name. */
	memcpy(name + 254, "\xc3\xa4", 2);
	assert_int_equal(name_check(name, 255), -EINVAL);
	memcpy(name + 253, "\xc3\xa4", 2);
	assert_int_equal(name_check(name, 255), 0);
}

static void test_control(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		char one = (char)c;
		int want = c < 0x20 || c == '/' || c >= 0x7f || c == '.' ? -EINVAL : 0;

		assert_int_equal(name_check(&one, 1), want);
	}
	for (unsigned c = 0x80; c < 0xc0; c++) {
		char two[2] = {(char)0xc2, (char)c};

		assert_int_equal(name_check(two, 2), c < 0xa0 ? -EINVAL : 0);
		assert_true(name_utf8(two, 2));
	}
}

static void test_unicode(void **state)
{
	static const struct row rows[] = {
		ROW("\xc3\xa4", 0),                 /* U+00E4 */
		ROW("\xe5\xaf\x86\xe9\x92\xa5", 0), /* two Han characters */
		ROW("\xf0\x9f\x94\x91", 0),         /* U+1F511 key */
		ROW("\xe2\x80\xa7", 0),             /* U+2027, just below */
		ROW("\xe2\x80\xa8", -EINVAL),       /* U+2028 line separator */
		ROW("\xe2\x80\xa9", -EINVAL),       /* U+2029 paragraph separator */
		ROW("\xe2\x80\xaa", -EINVAL),       /* U+202A, first override */
		ROW("a\xe2\x80\xae"
		    "b",
			-EINVAL),             /* U+202E, last override */
		ROW("\xe2\x80\xaf", 0),       /* U+202F, just above */
		ROW("\xe2\x81\xa5", 0),       /* U+2065 */
		ROW("\xe2\x81\xa6", -EINVAL), /* U+2066, first isolate */
		ROW("\xe2\x81\xa9", -EINVAL), /* U+2069, last isolate */
		ROW("\xe2\x81\xaa", 0),       /* U+206A */
		ROW("\xc2\x85", -EINVAL),     /* U+0085 next line, C1 */
		ROW("\xc2\x9b", -EINVAL),     /* U+009B control sequence, C1 */
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_utf8(void **state)
{
	static const struct row rows[] = {
		ROW("", 1),
		ROW("\0", 1),
		ROW("\x7f", 1),
		ROW("\xc2\x80", 1),
		ROW("\xdf\xbf", 1),
		ROW("\xe0\xa0\x80", 1),
		ROW("\xed\x9f\xbf", 1),
		ROW("\xee\x80\x80", 1),
		ROW("\xef\xbf\xbf", 1),
		ROW("\xf0\x90\x80\x80", 1),
		ROW("\xf4\x8f\xbf\xbf", 1),
		ROW("\x80", 0),
		ROW("\xbf", 0),
		ROW("\xfe", 0),
		ROW("\xff", 0),
		ROW("\xc0\x80", 0),
		ROW("\xc0\xaf", 0),
		ROW("\xc1\xbf", 0), /* overlong, two bytes */
		ROW("\xe0\x80\xaf", 0),
		ROW("\xe0\x9f\xbf", 0), /* three */
		ROW("\xf0\x80\x80\xaf", 0),
		ROW("\xf0\x8f\xbf\xbf", 0), /* four */
		ROW("\xed\xa0\x80", 0),
		ROW("\xed\xbf\xbf", 0), /* surrogates */
		ROW("\xed\xa0\x80\xed\xb0\x80", 0),
		ROW("\xf4\x90\x80\x80", 0),
		ROW("\xf5\x80\x80\x80", 0),
		ROW("\xf7\xbf\xbf\xbf", 0),
		ROW("\xf8\x88\x80\x80\x80", 0),
		ROW("\xfc\x84\x80\x80\x80\x80", 0),
		ROW("\xc3", 0),
		ROW("\xe2\x80", 0),
		ROW("\xf0\x9f\x94", 0), /* cut off */
		ROW("\xc3x", 0),
		ROW("\xe2\x80x", 0),
		ROW("\xe2x\x80", 0),
		ROW("ok\xc3", 0),
		ROW("\xc3\xc3\xa4", 0),
		ROW("\xc3\xa4\xa4", 0),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (name_utf8(rows[i].bytes, rows[i].len) != (rows[i].want != 0))
			fail_msg("row %zu", i);
		if (!rows[i].want)
			assert_int_equal(name_check(rows[i].bytes, rows[i].len), -EINVAL);
	}
}

static void test_views(void **state)
{
	static const char *const views[] = {".json", ".env", ".versions"};
	static const char *const others[] = {".jso", ".jsonx", "json", ".ENV", ".version", ".e"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_true(name_is_view(views[i], strlen(views[i])));
		assert_int_equal(name_check(views[i], strlen(views[i])), 0);
		assert_int_equal(name_check_key(views[i], strlen(views[i])), -EPERM);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_false(name_is_view(others[i], strlen(others[i])));
		assert_int_equal(name_check_key(others[i], strlen(others[i])), 0);
	}
	assert_false(name_is_view("", 0));
	assert_int_equal(name_check_key("", 0), -ENOENT);
	assert_int_equal(name_check_key("a/b", 3), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_unicode),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_views),
	};

	return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
