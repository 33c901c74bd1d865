/* SPDX-License-Identifier: MIT */
/* The environment that is built, names of variables, and which of them steer programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "steer.h"
#include "variables.h"

static int setup(void **state)
{
	(void)state;
	return secmem_init(2u << 20);
}

static void set(struct variables *vars, const char *name, const char *value)
{
	assert_int_equal(variables_set(vars, name, strlen(name), value, strlen(value)), 0);
}

static void test_set(void **state)
{
	char a[] = "A=1", b[] = "B=2", a2[] = "A=3", odd[] = "odd", empty[] = "=x";
	char *from[] = {a, b, a2, odd, empty, NULL};
	AUTO_VARIABLES vars = {0};

	(void)state;
	assert_int_equal(variables_init(&vars, from), 0);
	assert_int_equal(vars.n, 5);
	set(&vars, "A", "new=");
	set(&vars, "AB", "");
	set(&vars, "odd", "x");
	assert_int_equal(vars.n, 6);
	assert_string_equal(vars.list[0], "B=2");
	assert_string_equal(vars.list[1], "odd");
	assert_string_equal(vars.list[2], "=x");
	assert_string_equal(vars.list[3], "A=new=");
	assert_string_equal(vars.list[4], "AB=");
	assert_string_equal(vars.list[5], "odd=x");
	assert_null(vars.list[6]);
	set(&vars, "AB", "2");
	assert_int_equal(vars.n, 6);
	assert_string_equal(vars.list[5], "AB=2");
}

static void test_refused(void **state)
{
	static char big[VARIABLES_MAX];
	char *from[] = {NULL};
	AUTO_VARIABLES vars = {0};

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(variables_init(&vars, from), 0);
	assert_int_equal(variables_set(&vars, "A", 1, "a\0b", 3), -EINVAL);
	assert_int_equal(variables_set(&vars, "A", 1, big, VARIABLES_MAX - 2), -E2BIG);
	assert_int_equal(variables_room(&vars, "A", 1, SIZE_MAX, &(char *){NULL}), -E2BIG);
	assert_int_equal(vars.n, 0);
	assert_int_equal(variables_set(&vars, "A", 1, big, VARIABLES_MAX - 3), 0);
	assert_int_equal(strlen(vars.list[0]), VARIABLES_MAX - 1);
}

static void test_names(void **state)
{
	static const char *const good[] = {"A", "_", "a1", "_1", "LONG_name_2"};
	static const char *const bad[] = {"", "1", "1A", "a-b", "a.b", "a b", "\xc3\xa4", "a=b"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(variables_name(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(variables_name(bad[i], strlen(bad[i])));
}

static void test_steer(void **state)
{
	static const char *const steer[] = {"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_", "PATH", "IFS",
		"ENV", "BASH_ENV", "BASH_FUNC_x%%", "PYTHONPATH", "PYTHONSTARTUP", "NODE_OPTIONS",
		"GIT_SSH_COMMAND", "SSH_ASKPASS", "PERL5OPT", "PERL5LIB", "RUBYOPT", "http_proxy",
		"HTTPS_PROXY", "npm_config_script_shell", "SSL_CERT_FILE", "GCONV_PATH",
		"GLIBC_TUNABLES", "SECRETFS_MOUNT", "JAVA_TOOL_OPTIONS", "HOME"};
	static const char *const plain[] = {"", "password", "user", "path", "env", "home",
		"API_KEY", "DOCKER_PASSWORD", "DATABASE_URL", "XPATH", "PATHS", "LDAP_PASSWORD",
		"GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "NODE_AUTH_TOKEN",
		"ENVIRONMENT"};

	(void)state;
	for (size_t i = 0; i < sizeof(steer) / sizeof(steer[0]); i++) {
		if (!steer_variable(steer[i], strlen(steer[i])))
			fail_msg("%s", steer[i]);
	}
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (steer_variable(plain[i], strlen(plain[i])))
			fail_msg("%s", plain[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_steer),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
