/* SPDX-License-Identifier: MIT */
/* Exit codes for what the store returns, and the sentence beside an errno. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "exitcode.h"
#include "why.h"

static void test_table(void **state)
{
	static const struct {
		int err;
		int code;
	} rows[] = {
		{0, 0},
		{1, 0},
		{-EINVAL, 2},
		{-ENOENT, 3},
		{-EACCES, 4},
		{-EEXIST, 5},
		{-EKEYREJECTED, 7},
		{-EBADMSG, 8},
		{-EPROTO, 9},
		{-EPERM, 10},
		{-EBUSY, 11},
		{-ESTALE, 12},
		{-ENOMEM, 1},
		{-EIO, 1},
		{-ENOSPC, 1},
		{-ENOTEMPTY, 1},
		{-100000, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(exitcode_of_store(rows[i].err), rows[i].code);
}

static void test_why(void **state)
{
	struct why why = {{0}};
	char longer[2 * sizeof(why.text)];

	(void)state;
	assert_int_equal(why_set(&why, -EPERM, "%s is %d", "x", 7), -EPERM);
	assert_string_equal(why.text, "x is 7");
	assert_int_equal(why_set(NULL, -EIO, "%s", "nobody reads this"), -EIO);

	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(why_set(&why, -EIO, "%s", longer), -EIO);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_why),
	};

	return cmocka_run_group_tests_name("exitcode", tests, NULL, NULL);
}
