/* SPDX-License-Identifier: MIT */
/* test_times: moments as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "times.h"

static void good(const char *text, int64_t want)
{
	int64_t got = -1;

	if (times_parse(text, &got) != 0 || got != want)
		fail_msg("%s: %lld", text, (long long)got);
}

static void bad(const char *text)
{
	int64_t got = -7;

	if (times_parse(text, &got) == 0 || got != -7)
		fail_msg("%s: %lld", text, (long long)got);
}

static void test_good(void **state)
{
	(void)state;
	good("0", 0);
	good("4070908800", 4070908800);
	good("1970-01-01", 0);
	good("2099-01-01", 4070908800);
	good("2099-01-01T00:00", 4070908800);
	good("2099-01-01T00:00:00", 4070908800);
	good("2099-01-01 00:00:00", 4070908800);
	good("2099-01-01T00:00:00Z", 4070908800);
	good("2099-01-01t00:00:00z", 4070908800);
	good("2099-01-01T00:00:00.999Z", 4070908800);
	good("2099-01-01T01:30:00+01:30", 4070908800);
	good("2098-12-31T22:30:00-01:30", 4070908800);
	good("2099-01-01 00:00Z", 4070908800);
	good("2024-02-29", 1709164800);
	good("1969-12-31T23:59:59Z", -1);
	good("9999-12-31T23:59:59Z", 253402300799);
	good("253402300799", 253402300799);
}

static void test_bad(void **state)
{
	static const char *const texts[] = {"", " ", "yesterday", "-1", "+1", "1 ", " 1", "0x10",
		"253402300800", "99999999999999999999", "2026-01", "2026-1-1", "2026-13-01",
		"2026-00-01", "2026-01-00", "2026-01-32", "2026-02-29", "2026-04-31", "0000-01-01",
		"2026-01-01T", "2026-01-01Z", "2026-01-01T24:00", "2026-01-01T12",
		"2026-01-01T12:60", "2026-01-01T12:00:60", "2026-01-01T12:00:00.",
		"2026-01-01T12:00:00 Z", "2026-01-01T12:00:00+1:00", "2026-01-01T12:00:00+01",
		"2026-01-01T12:00:00+24:00", "2026-01-01T12:00:00+01:60", "2026-01-01T12:00:00Zx",
		"2026-01-01x"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		bad(texts[i]);
}

static void test_print(void **state)
{
	char text[TIMES_TEXT];

	(void)state;
	times_print(4070908800, text);
	assert_string_equal(text, "2099-01-01T00:00:00Z");
	setenv("TZ", "EET-2", 1);
	tzset();
	times_print_local(4070908800, text);
	assert_string_equal(text, "2099-01-01T02:00:00+0200");
	times_print(INT64_MAX, text);
	assert_string_equal(text, "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
