// SPDX-License-Identifier: MIT
/* test_options: every form of the command line, what wins over what, and that nothing unknown is
 * swallowed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "options.h"
#include "ring.h"

static struct config config;
static struct why why;
static enum options_action action;

/* Parses words separated by one space, onto config as it is. */
static int parse_onto(const char *line)
{
	static char text[9000];
	char *argv[32];
	char *rest = text;
	int argc = 0;

	snprintf(text, sizeof(text), "%s", line);
	while ((argv[argc] = strsep(&rest, " ")) != NULL)
		argc++;
	memset(&why, 0, sizeof(why));
	return options_parse(argc, argv, &config, &action, &why);
}

static int parse(const char *line)
{
	config_init(&config);
	return parse_onto(line);
}

static void refused(const char *line, const char *names)
{
	assert_int_equal(parse(line), -EINVAL);
	if (!strstr(why.text, names))
		fail_msg("\"%s\" does not name \"%s\"", why.text, names);
}

static void test_actions(void **state)
{
	(void)state;
	assert_int_equal(parse("secretfs --help"), 0);
	assert_int_equal(action, OPTIONS_HELP);
	assert_int_equal(parse("secretfs -h"), 0);
	assert_int_equal(action, OPTIONS_HELP);
	assert_int_equal(parse("secretfs --version"), 0);
	assert_int_equal(action, OPTIONS_VERSION);
	assert_int_equal(parse("secretfs /s /m -V"), 0);
	assert_int_equal(action, OPTIONS_VERSION);
	assert_int_equal(parse("secretfs --worker"), 0);
	assert_int_equal(action, OPTIONS_WORKER);
	assert_int_equal(parse("secretfs"), 0);
	assert_int_equal(action, OPTIONS_RUN);
	refused("secretfs --worker /s", "--worker");
}

static void test_arguments(void **state)
{
	(void)state;
	assert_int_equal(parse("secretfs /s /m -o keyfile=/k"), 0);
	assert_string_equal(config.store, "/s");
	assert_string_equal(config.mountpoint, "/m");
	assert_string_equal(config.keyfile, "/k");
	assert_false(config.foreground);
	assert_int_equal(parse("secretfs -o keyfile=/k -f /s /m"), 0);
	assert_string_equal(config.mountpoint, "/m");
	assert_true(config.foreground);
	assert_false(config.debug);
	assert_int_equal(parse("secretfs -d /s /m"), 0);
	assert_true(config.foreground);
	assert_true(config.debug);
	assert_int_equal(parse("secretfs --foreground --debug /s /m"), 0);
	assert_true(config.debug);
	assert_int_equal(parse("secretfs -okeyfile=/k,threads=3 -- /s /m"), 0);
	assert_int_equal(config.threads, 3);
	refused("secretfs /s", "both");
	refused("secretfs /s /m /n", "too many");
	refused("secretfs  /m", "store");
}

static void test_paths_become_absolute(void **state)
{
	char here[CONFIG_PATH / 2];
	char expected[CONFIG_PATH];

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(parse("secretfs dir/s m// -o keyfile=./k"), 0);
	snprintf(expected, sizeof(expected), "%s/dir/s", here);
	assert_string_equal(config.store, expected);
	snprintf(expected, sizeof(expected), "%s/m", here);
	assert_string_equal(config.mountpoint, expected);
	snprintf(expected, sizeof(expected), "%s/./k", here);
	assert_string_equal(config.keyfile, expected);
	assert_int_equal(parse("secretfs -o store=s,mountpoint=/m/"), 0);
	snprintf(expected, sizeof(expected), "%s/s", here);
	assert_string_equal(config.store, expected);
	assert_string_equal(config.mountpoint, "/m");
	assert_int_equal(parse("secretfs / /"), 0);
	assert_string_equal(config.store, "/");
}

static void test_settings(void **state)
{
	(void)state;
	assert_int_equal(parse("secretfs /s /m -o user=alice,threads=2,history=0,max-value=4k"), 0);
	assert_string_equal(config.user, "alice");
	assert_int_equal(config.threads, 2);
	assert_int_equal(config.history, 0);
	assert_int_equal(config.max_value, 4096);
	assert_int_equal(parse("secretfs /s /m -o stop_timeout=9 -o private_root=no,debug"), 0);
	assert_int_equal(config.stop_timeout, 9);
	assert_false(config.private_root);
	assert_true(config.debug);
	assert_false(config.foreground);
	assert_int_equal(parse("secretfs /s /m -o allow_other"), 0);
	assert_int_equal(config.allow_other, 1);
	assert_int_equal(parse("secretfs /s /m -o allow_other=no"), 0);
	assert_int_equal(config.allow_other, 0);
	refused("secretfs /s /m -o threads=0", "threads");
	refused("secretfs /s /m -o threads", "threads");
}

static void test_commas_and_backslashes(void **state)
{
	(void)state;
	assert_int_equal(parse("secretfs /s /m -o private_deny=7\\,9-12,threads=2"), 0);
	assert_int_equal(config.ndeny, 2);
	assert_int_equal(config.deny[1].last, 12);
	assert_int_equal(config.threads, 2);
	assert_int_equal(parse("secretfs /s /m -o keyfile=/a\\,b\\\\c"), 0);
	assert_string_equal(config.keyfile, "/a,b\\c");
	assert_int_equal(parse("secretfs /s /m -o ,,threads=2,"), 0);
	assert_int_equal(config.threads, 2);
}

static void test_mount_words(void **state)
{
	struct config plain;

	(void)state;
	config_init(&plain);
	assert_int_equal(
		parse("secretfs -o rw,nosuid,suid,nodev,dev,noexec,exec,auto,noauto,nofail,"
		      "_netdev,defaults,default_permissions,noatime,atime,relatime,sync,"
		      "async,user,users,nouser,x-systemd.automount,comment=a=b,fsname=x"),
		0);
	assert_string_equal(config.user, plain.user);
	assert_int_equal(config.threads, plain.threads);
	assert_string_equal(config.keyfile, "");
	refused("secretfs /s /m -o rw,ro", "ro");
	refused("secretfs /s /m -o nosuidx", "nosuidx");
}

static void test_unknown(void **state)
{
	(void)state;
	refused("secretfs /s /m --frob", "--frob");
	refused("secretfs /s /m -x", "-x");
	refused("secretfs /s /m -fx", "-x");
	refused("secretfs /s /m -o", "-o");
	refused("secretfs /s /m -o rw,frobnicate", "frobnicate");
	refused("secretfs /s /m -o frobnicate=1", "frobnicate");
	refused("secretfs /s /m --help=x", "--help");
}

static void test_long_words_are_refused(void **state)
{
	char line[8500] = "secretfs /s /m -o keyfile=/";
	size_t len = strlen(line);

	(void)state;
	memset(line + len, 'k', 8000);
	assert_int_equal(parse(line), -EINVAL);
	memcpy(line, "secretfs -f /s ", 15);
	memset(line + 15, 'm', 5000);
	line[5015] = '\0';
	assert_int_equal(parse(line), -EINVAL);
}

static void test_key_sources(void **state)
{
	(void)state;
	assert_int_equal(parse("secretfs /s /m -o passphrase"), 0);
	assert_true(config.passphrase);
	assert_int_equal(parse("secretfs /s /m -o passphrase-fd=7"), 0);
	assert_int_equal(config.passphrase_fd, 7);
	refused("secretfs /s /m -o passphrase,keyfile=/k", "keyfile");
	refused("secretfs /s /m -o passphrase-fd=7 -o passphrase", "passphrase");
	refused("secretfs /s /m -o passphrase=hunter2", "passphrase");
	assert_null(strstr(why.text, "hunter2"));
	refused("secretfs /s /m -o keyfile=", "keyfile");
	refused("secretfs /s /m -o keyfile", "keyfile");

	assert_int_equal(parse("secretfs /s /m -o credential=key"), 0);
	assert_string_equal(config.credential, "key");
	assert_int_equal(parse("secretfs /s /m -o key_command=age"), 0);
	assert_string_equal(config.key_command, "age");
	refused("secretfs /s /m -o credential=key,key-command=age", "key_command");
	refused("secretfs /s /m -o credential=a/b", "credential");
	assert_int_equal(parse("secretfs /s /m --accept-rollback -o anchor=here"), 0);
	assert_true(config.accept_rollback);
	assert_int_equal(config.anchor[0], '/');
	refused("secretfs /s /m -o accept_rollback", "accept_rollback");
	refused("secretfs /s /m --accept-rollback=yes", "--accept-rollback");

	/* The command line's source replaces a configured one of another kind. */
	config_init(&config);
	assert_int_equal(config_set(&config, "key_command", "age", NULL), 0);
	assert_int_equal(config_set(&config, "credential", "key", NULL), 0);
	assert_int_equal(parse_onto("secretfs /s /m -o keyfile=/k"), 0);
	assert_string_equal(config.key_command, "");
	assert_string_equal(config.credential, "");
	config_init(&config);
	assert_int_equal(config_set(&config, "keyfile", "/configured", NULL), 0);
	assert_int_equal(parse_onto("secretfs /s /m -o passphrase"), 0);
	assert_string_equal(config.keyfile, "");
	assert_true(config.passphrase);
	assert_int_equal(config_set(&config, "keyfile", "/configured", NULL), 0);
	assert_int_equal(parse_onto("secretfs /s /m"), 0);
	assert_string_equal(config.keyfile, "/configured");
}

static void test_check(void **state)
{
	(void)state;
	assert_int_equal(parse("secretfs"), 0);
	assert_int_equal(options_check(&config, &why), -EINVAL);
	assert_non_null(strstr(why.text, "no store"));
	assert_int_equal(parse("secretfs -o store=/s"), 0);
	assert_int_equal(options_check(&config, &why), -EINVAL);
	assert_non_null(strstr(why.text, "no mountpoint"));
	assert_int_equal(parse("secretfs /s /m"), 0);
	assert_int_equal(options_check(&config, &why), -EINVAL);
	assert_non_null(strstr(why.text, "no key"));
	assert_int_equal(parse("secretfs /s /m -o passphrase-fd=0"), 0);
	assert_int_equal(options_check(&config, &why), 0);
}

/* ---- with a file: $XDG_CONFIG_HOME of a plain user ---- */

#define SOME_UID 1000u

static char home[64];
static char file[128];

static int make_home(void **state)
{
	char dir[96];

	(void)state;
	snprintf(home, sizeof(home), "/tmp/test_options.XXXXXX");
	if (!mkdtemp(home))
		return -1;
	snprintf(dir, sizeof(dir), "%s/secretfs", home);
	snprintf(file, sizeof(file), "%s/secretfs.conf", dir);
	return mkdir(dir, 0700) < 0 || setenv("XDG_CONFIG_HOME", home, 1) < 0 ? -1 : 0;
}

static int drop_home(void **state)
{
	char dir[96];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/secretfs", home);
	unlink(file);
	return rmdir(dir) < 0 || rmdir(home) < 0 ? -1 : 0;
}

static void write_file(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(file, 0600), 0);
}

static int load(const char *line)
{
	char text[512];
	char *argv[16];
	char *rest = text;
	int argc = 0;

	snprintf(text, sizeof(text), "%s", line);
	while ((argv[argc] = strsep(&rest, " ")) != NULL)
		argc++;
	memset(&why, 0, sizeof(why));
	return options_load(argc, argv, SOME_UID, &config, &action, &why);
}

static void test_load(void **state)
{
	(void)state;
	assert_int_equal(load("secretfs"), -EINVAL);
	assert_int_equal(load("secretfs /s /m -o keyfile=/k"), 0);
	assert_string_equal(config.keyfile, "/k");

	write_file("store = /fs\nmountpoint = /fm\nkeyfile = /fk\nthreads = 3\n");
	assert_int_equal(load("secretfs"), 0);
	assert_int_equal(action, OPTIONS_RUN);
	assert_string_equal(config.store, "/fs");
	assert_string_equal(config.mountpoint, "/fm");
	assert_string_equal(config.keyfile, "/fk");

	assert_int_equal(load("secretfs /s /m -o threads=4,passphrase -f"), 0);
	assert_string_equal(config.store, "/s");
	assert_string_equal(config.keyfile, "");
	assert_int_equal(config.threads, 4);
	assert_int_equal(load("secretfs /s /m"), 0);
	assert_int_equal(config.threads, 3);
	assert_int_equal(load("secretfs -o frob"), -EINVAL);

	write_file("frob = 1\n");
	assert_int_equal(load("secretfs /s /m -o keyfile=/k"), -EINVAL);
	assert_non_null(strstr(why.text, "frob"));
	assert_int_equal(load("secretfs --help"), 0);
	assert_int_equal(action, OPTIONS_HELP);
}

static int reload(const char *text, const char **ret_kept)
{
	struct config running = config, now;

	write_file(text);
	return options_reload(
		1, (char *[]){(char[]){"secretfs"}, NULL}, &running, &now, ret_kept, &why);
}

static void test_reload_audit(void **state)
{
	const char *kept = "?";

	(void)state;
	write_file(
		"store = /s\nmountpoint = /m\nkeyfile = /k\naudit = required\naudit_file = /l/a\n");
	assert_int_equal(load("secretfs"), 0);
	assert_int_equal(
		reload("store = /s\nmountpoint = /m\nkeyfile = /k\naudit_file = /l/a\n", &kept), 0);
	assert_null(kept);
	assert_int_equal(reload("store = /s\nmountpoint = /m\nkeyfile = /k\naudit = "
				"off\naudit_file = /l/a\n",
				 &kept),
		0);
	assert_string_equal(kept, "audit");
	assert_int_equal(
		reload("store = /s\nmountpoint = /m\nkeyfile = /k\naudit_file = /l/b\n", &kept), 0);
	assert_string_equal(kept, "audit_file");
}

static void test_transport(void **state)
{
	const char *kept = "?";

	(void)state;
	assert_int_equal(load("secretfs /s /m -o keyfile=/k"), 0);
	assert_int_equal(config.transport, CONFIG_TRANSPORT_DEV);
	assert_int_equal(load("secretfs /s /m -o keyfile=/k,transport=rings"), -EINVAL);
	assert_string_equal(why.text, "\"transport\" must be dev, io_uring or auto");
	assert_int_equal(load("secretfs /s /m -o keyfile=/k,transport=auto"), 0);
	assert_int_equal(config.transport,
		ring_built() && ring_offered() ? CONFIG_TRANSPORT_IO_URING : CONFIG_TRANSPORT_DEV);
	if (!ring_built()) {
		assert_int_equal(load("secretfs /s /m -o keyfile=/k,transport=io_uring"), -ENOTSUP);
		assert_non_null(strstr(why.text, "built without liburing"));
		return;
	}
	write_file("store = /s\nmountpoint = /m\nkeyfile = /k\ntransport = io_uring\n");
	assert_int_equal(load("secretfs"), 0);
	assert_int_equal(config.transport, CONFIG_TRANSPORT_IO_URING);
	assert_int_equal(reload("store = /s\nmountpoint = /m\nkeyfile = /k\n", &kept), 0);
	assert_string_equal(kept, "transport");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_paths_become_absolute),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_commas_and_backslashes),
		cmocka_unit_test(test_mount_words),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_long_words_are_refused),
		cmocka_unit_test(test_key_sources),
		cmocka_unit_test(test_check),
		cmocka_unit_test_setup_teardown(test_load, make_home, drop_home),
		cmocka_unit_test_setup_teardown(test_reload_audit, make_home, drop_home),
		cmocka_unit_test_setup_teardown(test_transport, make_home, drop_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
