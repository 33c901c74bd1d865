/* SPDX-License-Identifier: MIT */
/* Which rows are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "known.h"

static void test_rows(void **state)
{
	static const int64_t rows[] = {0, 1, 63, 64, 32767, 32768, 1000000, INT32_MAX};
	const size_t n = sizeof(rows) / sizeof(rows[0]);
	struct known *known = known_new();

	(void)state;
	assert_non_null(known);
	for (size_t i = 0; i < n; i++) {
		assert_false(known_has(known, rows[i]));
		known_add(known, rows[i]);
		for (size_t j = 0; j < n; j++)
			assert_int_equal(known_has(known, rows[j]), j <= i);
	}
	assert_false(known_has(known, 2) || known_has(known, 62) || known_has(known, 32769));
	known_free(known);
}

static void test_what_has_no_bit(void **state)
{
	static const int64_t rows[] = {-1, INT64_MIN, 1ll << 31, INT64_MAX};
	struct known *known = known_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		known_add(known, rows[i]);
		assert_false(known_has(known, rows[i]));
	}
	known_free(known);
	known_add(NULL, 1);
	assert_false(known_has(NULL, 1));
	known_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_what_has_no_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
