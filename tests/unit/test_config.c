/* SPDX-License-Identifier: MIT */
/* test_config: every setting, every refusal with its file and line, and the text that a worker
 * gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "config.h"

/* ---- -o and the table ---- */

static void test_defaults(void **state)
{
	struct config c;

	(void)state;
	memset(&c, 0xff, sizeof(c));
	config_init(&c);
	assert_string_equal(c.store, "");
	assert_string_equal(c.mountpoint, "");
	assert_string_equal(c.keyfile, "");
	assert_string_equal(c.user, "secretfs");
	assert_int_equal(c.allow_other, CONFIG_AUTO);
	assert_int_equal(c.threads, 8);
	assert_int_equal(c.history, 10);
	assert_int_equal(c.max_value, 1048576);
	assert_int_equal(c.max_keys, 256);
	assert_int_equal(c.public_mode, 0755);
	assert_true(c.private_root);
	assert_false(c.kernel_cache);
	assert_int_equal(c.ndeny, 0);
	assert_int_equal(c.stop_timeout, 5);
	assert_false(c.debug);
	assert_int_equal(c.passphrase_fd, -1);
	assert_false(c.passphrase);
	assert_false(c.foreground);
	assert_int_equal(c.audit, CONFIG_AUTO);
	assert_string_equal(c.audit_file, "");
	assert_int_equal(c.audit_names, CONFIG_AUDIT_NAME);
	assert_int_equal(c.audit_rate, 200);
	assert_int_equal(c.transport, CONFIG_TRANSPORT_DEV);
}

static void set_ok(struct config *c, const char *name, const char *value)
{
	struct why why = {0};
	int r = config_set(c, name, value, &why);

	if (r != 0)
		print_error("%s: %s\n", name, why.text);
	assert_int_equal(r, 0);
	assert_string_equal(why.text, "");
}

static void test_set(void **state)
{
	struct config c;

	(void)state;
	config_init(&c);
	set_ok(&c, "store", "relative/store.db");
	assert_string_equal(c.store, "relative/store.db");
	set_ok(&c, "mountpoint", "/mnt/my secrets;x");
	assert_string_equal(c.mountpoint, "/mnt/my secrets;x");
	set_ok(&c, "keyfile", "/k\xc3\xa4=y:z\"");
	assert_string_equal(c.keyfile, "/k\xc3\xa4=y:z\"");
	set_ok(&c, "user", "svc-secrets.1");
	assert_string_equal(c.user, "svc-secrets.1");
	set_ok(&c, "user", "x");
	assert_string_equal(c.user, "x");
	set_ok(&c, "allow_other", NULL);
	assert_int_equal(c.allow_other, 1);
	set_ok(&c, "allow-other", "no");
	assert_int_equal(c.allow_other, 0);
	set_ok(&c, "threads", "64");
	assert_int_equal(c.threads, 64);
	set_ok(&c, "history", "0");
	assert_int_equal(c.history, 0);
	set_ok(&c, "max_keys", "1024");
	assert_int_equal(c.max_keys, 1024);
	set_ok(&c, "public-mode", "1750");
	assert_int_equal(c.public_mode, 01750);
	set_ok(&c, "private_root", "no");
	assert_false(c.private_root);
	set_ok(&c, "private-root", NULL);
	assert_true(c.private_root);
	set_ok(&c, "stop_timeout", "3600");
	assert_int_equal(c.stop_timeout, 3600);
	set_ok(&c, "debug", NULL);
	assert_true(c.debug);
	set_ok(&c, "passphrase-fd", "7");
	assert_int_equal(c.passphrase_fd, 7);
	set_ok(&c, "passphrase_fd", "0");
	assert_int_equal(c.passphrase_fd, 0);
	set_ok(&c, "audit", "required");
	assert_int_equal(c.audit, CONFIG_AUDIT_REQUIRED);
	set_ok(&c, "audit", "best-effort");
	assert_int_equal(c.audit, CONFIG_AUDIT_BEST_EFFORT);
	set_ok(&c, "audit", "off");
	assert_int_equal(c.audit, CONFIG_AUDIT_OFF);
	set_ok(&c, "audit-file", "/var/log/x/audit.log");
	assert_string_equal(c.audit_file, "/var/log/x/audit.log");
	set_ok(&c, "audit_names", "id");
	assert_int_equal(c.audit_names, CONFIG_AUDIT_ID);
	set_ok(&c, "audit_rate", "0");
	assert_int_equal(c.audit_rate, 0);
	set_ok(&c, "passphrase", NULL);
	assert_true(c.passphrase);
	assert_false(c.foreground);
}

static void test_size(void **state)
{
	static const struct {
		const char *text;
		uint32_t want;
	} sizes[] = {{"1", 1}, {"4096", 4096}, {"64k", 65536}, {"64K", 65536}, {"1M", 1048576},
		{"1m", 1048576}, {"1024k", 1048576}, {"1048576", 1048576}};
	struct config c;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		config_init(&c);
		set_ok(&c, "max_value", sizes[i].text);
		assert_int_equal(c.max_value, sizes[i].want);
	}
}

static void test_deny(void **state)
{
	struct config c;

	(void)state;
	config_init(&c);
	set_ok(&c, "private_deny", "33, 1000-1010 ,4294967295");
	assert_int_equal(c.ndeny, 3);
	assert_true(c.deny[0].first == 33 && c.deny[0].last == 33);
	assert_true(c.deny[1].first == 1000 && c.deny[1].last == 1010);
	assert_true(c.deny[2].first == UINT32_MAX && c.deny[2].last == UINT32_MAX);
	set_ok(&c, "private-deny", "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15");
	assert_int_equal(c.ndeny, 16);
	assert_true(c.deny[15].first == 15);
	set_ok(&c, "private_deny", "5");
	assert_int_equal(c.ndeny, 1);
}

#define TEXT63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static void test_set_refused(void **state)
{
	static const struct {
		const char *name;
		const char *value;
		const char *want; /* part of the sentence */
	} cases[] = {
		{"threds", "8", "unknown setting \"threds\"; see secretfs.conf(5)"},
		{"thread", "8", "unknown setting"},
		{"threads+", "8", "unknown setting"},
		{"", "8", "unknown setting; see"},
		{"hunter2!", NULL, "unknown setting; see"},
		{"x\ny", NULL, "unknown setting; see"},
		{TEXT63, NULL, "unknown setting; see"},
		{"foreground", NULL, "unknown setting"},
		{"Store", "/x", "unknown setting"},
		{"store", NULL, "\"store\" needs a value"},
		{"store", "", "\"store\" must be a path"},
		{"store", " /x", "\"store\" must be a path"},
		{"store", "/x ", "\"store\" must be a path"},
		{"store", "/x ;y", "\"store\" must be a path"},
		{"store", ";y", "\"store\" must be a path"},
		{"store", "/x\ny", "\"store\" must be a path"},
		{"store", "/x\ty", "\"store\" must be a path"},
		{"store", "/x\x7f", "\"store\" must be a path"},
		{"user", "", "\"user\" must be the name of a user"},
		{"user", "-x", "\"user\" must be"},
		{"user", "a b", "\"user\" must be"},
		{"user", "a/b", "\"user\" must be"},
		{"user", TEXT63 "x", "\"user\" must be"},
		{"user", NULL, "\"user\" needs a value"},
		{"allow_other", "", "\"allow_other\" must be yes or no"},
		{"allow_other", "maybe", "\"allow_other\" must be yes or no"},
		{"allow-other", "Yes", "\"allow_other\" must be yes or no"},
		{"debug", "1", "\"debug\" must be yes or no"},
		{"audit", NULL, "\"audit\" needs a value"},
		{"audit", "yes", "\"audit\" must be required, best-effort or off"},
		{"audit", "Required", "\"audit\" must be required, best-effort or off"},
		{"audit_names", "", "\"audit_names\" must be name or id"},
		{"audit_file", "", "\"audit_file\" must be a path"},
		{"audit_rate", "-1", "\"audit_rate\" must be a number from 0 to 1000000"},
		{"threads", "0", "\"threads\" must be a number from 1 to 64"},
		{"threads", "65", "\"threads\" must be a number from 1 to 64"},
		{"threads", "", "\"threads\" must be"},
		{"threads", "-1", "\"threads\" must be"},
		{"threads", "+1", "\"threads\" must be"},
		{"threads", " 1", "\"threads\" must be"},
		{"threads", "1 ", "\"threads\" must be"},
		{"threads", "0x8", "\"threads\" must be"},
		{"threads", "4294967297", "\"threads\" must be"},
		{"threads", "18446744073709551617", "\"threads\" must be"},
		{"threads", NULL, "\"threads\" needs a value"},
		{"history", "1001", "from 0 to 1000"},
		{"max_value", "0", "from 1 to 1048576; k or M may follow it"},
		{"max_value", "0k", "\"max_value\" must be"},
		{"max_value", "k", "\"max_value\" must be"},
		{"max_value", "1048577", "\"max_value\" must be"},
		{"max_value", "1025k", "\"max_value\" must be"},
		{"max_value", "2M", "\"max_value\" must be"},
		{"max_value", "4194304k", "\"max_value\" must be"},
		{"max_value", "1kB", "\"max_value\" must be"},
		{"max_value", "1G", "\"max_value\" must be"},
		{"max_keys", "0", "from 1 to 1024"},
		{"max_keys", "1025", "from 1 to 1024"},
		{"public_mode", "888", "\"public_mode\" must be an octal mode up to 1777"},
		{"public_mode", "2755", "\"public_mode\" must be"},
		{"public_mode", "rwx", "\"public_mode\" must be"},
		{"private_deny", "", "\"private_deny\" must be uids and ranges"},
		{"private_deny", "1,", "\"private_deny\" must be"},
		{"private_deny", ",1", "\"private_deny\" must be"},
		{"private_deny", "1,,2", "\"private_deny\" must be"},
		{"private_deny", "9-5", "\"private_deny\" must be"},
		{"private_deny", "5-", "\"private_deny\" must be"},
		{"private_deny", "-5", "\"private_deny\" must be"},
		{"private_deny", "1 2", "\"private_deny\" must be"},
		{"private_deny", "4294967296", "\"private_deny\" must be"},
		{"private_deny", "root", "\"private_deny\" must be"},
		{"private_deny", "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16",
			"\"private_deny\" may have at most 16 entries"},
		{"stop_timeout", "3601", "from 0 to 3600"},
		{"passphrase-fd", "x", "\"passphrase_fd\" must be the number of a descriptor"},
		{"passphrase-fd", "2147483648", "\"passphrase_fd\" must be"},
		{"passphrase-fd", NULL, "\"passphrase_fd\" needs a value"},
		{"passphrase", "hunter2", "\"passphrase\" takes no value"},
		{"passphrase", "yes", "\"passphrase\" takes no value"},
	};
	struct config before;
	struct config c;

	(void)state;
	config_init(&before);
	config_init(&c);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct why why = {0};

		assert_int_equal(config_set(&c, cases[i].name, cases[i].value, &why), -EINVAL);
		if (!strstr(why.text, cases[i].want))
			print_error("%s: %s\n", cases[i].want, why.text);
		assert_non_null(strstr(why.text, cases[i].want));
		assert_null(strstr(why.text, "hunter2"));
		assert_null(strchr(why.text, '\n'));
		assert_int_equal(config_set(&c, cases[i].name, cases[i].value, NULL), -EINVAL);
	}
	assert_memory_equal(&c, &before, sizeof(c));
}

static void test_path_length(void **state)
{
	static char path[CONFIG_PATH + 1];
	struct why why = {0};
	struct config c;

	(void)state;
	config_init(&c);
	memset(path, 'p', CONFIG_PATH - 1);
	set_ok(&c, "store", path);
	assert_string_equal(c.store, path);
	path[CONFIG_PATH - 1] = 'p';
	assert_int_equal(config_set(&c, "store", path, &why), -EINVAL);
	assert_string_equal(why.text, "\"store\" may have at most 4095 bytes");
}

/* ---- the text of a file ---- */

static int read_text(struct config *c, const char *text, struct why *why)
{
	return config_read_text(c, text, strlen(text), "/etc/s.conf", why);
}

static void test_text(void **state)
{
	struct why why = {0};
	struct config c;

	(void)state;
	config_init(&c);
	assert_int_equal(read_text(&c,
				 "\xef\xbb\xbf# secretfs\n"
				 ";also a comment ; with this\n"
				 "\n"
				 "   \t\n"
				 "store = /var/lib/secretfs/store.db\r\n"
				 "mountpoint=/mnt/my secrets\n"
				 "keyfile   =\t/etc/secretfs/key  \n"
				 "user = svc\n"
				 "allow-other = yes\n"
				 "threads = 4\n"
				 "history = 20\n"
				 "max_value = 64k\n"
				 "max-keys = 12\n"
				 "public_mode = 0750\n"
				 "private_root = no\n"
				 "private_deny = 33, 1000-1010\n"
				 "private_deny+ = 7\n"
				 "stop_timeout = 9\n"
				 "debug = yes",
				 &why),
		0);
	assert_string_equal(why.text, "");
	assert_string_equal(c.store, "/var/lib/secretfs/store.db");
	assert_string_equal(c.mountpoint, "/mnt/my secrets");
	assert_string_equal(c.keyfile, "/etc/secretfs/key");
	assert_string_equal(c.user, "svc");
	assert_int_equal(c.allow_other, 1);
	assert_int_equal(c.threads, 4);
	assert_int_equal(c.history, 20);
	assert_int_equal(c.max_value, 65536);
	assert_int_equal(c.max_keys, 12);
	assert_int_equal(c.public_mode, 0750);
	assert_false(c.private_root);
	assert_int_equal(c.ndeny, 3);
	assert_true(c.deny[2].first == 7);
	assert_int_equal(c.stop_timeout, 9);
	assert_true(c.debug);
	assert_int_equal(config_read_text(&c, NULL, 0, "x", &why), 0);
	assert_int_equal(c.threads, 4);
}

#define X10  "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X190 X100 X10 X10 X10 X10 X10 X10 X10 X10 X10

/* A line is taken whole or refused: 198 bytes are the most, with and without an end of line. */
static void test_long_line(void **state)
{
	struct why why = {0};
	struct config c;

	(void)state;
	config_init(&c);
	assert_int_equal(read_text(&c, "store=/" X190 "y", &why), 0);
	assert_string_equal(c.store, "/" X190 "y");
	assert_int_equal(read_text(&c, "store=/" X190 "z\ndebug = yes\n", &why), 0);
	assert_string_equal(c.store, "/" X190 "z");
	assert_true(c.debug);
	assert_int_equal(read_text(&c, "debug = no\nstore=/" X190 "ab\n", &why), -EINVAL);
	assert_string_equal(why.text, "/etc/s.conf:2: this line has more than 198 bytes");
	assert_int_equal(read_text(&c, "#" X190 X190 X190 "\n", &why), -EINVAL);
	assert_true(c.debug);
	assert_string_equal(c.store, "/" X190 "z");
}

static void test_text_refused(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{"# a\n\nthreds = 8\n",
			"/etc/s.conf:3: unknown setting \"threds\"; see secretfs.conf(5)"},
		{"threads = 4\nthreads = 4\n", "/etc/s.conf:2: \"threads\" is set a second time"},
		{"max-keys = 4\n\nmax_keys = 5\n",
			"/etc/s.conf:3: \"max_keys\" is set a second time"},
		{"threads = 4\n[section]\nhistory = 1\n", "/etc/s.conf:2: there are no sections"},
		{"threads = 4\n  2\n", "/etc/s.conf:2: this line is indented"},
		{"threads = 4\n\thistory = 3\n", "/etc/s.conf:2: this line is indented"},
		{" # comment\n", "/etc/s.conf:1: this line is indented"},
		{"threads = 4 ; four\n",
			"/etc/s.conf:1: a comment must stand in a line of its own"},
		{"store = /a\t;b\n", "/etc/s.conf:1: a comment must stand"},
		{"store = ;b\n", "/etc/s.conf:1: a comment must stand"},
		{"store =;b\n", "/etc/s.conf:1: \"store\" must be an absolute path"},
		{"threads = 4 # four\n",
			"/etc/s.conf:1: \"threads\" must be a number from 1 to 64"},
		{"threads\n", "/etc/s.conf:1: write \"name = value\""},
		{"threads: 4\n", "/etc/s.conf:1: write \"name = value\""},
		{"= 4\n", "/etc/s.conf:1: write \"name = value\""},
		{"threads =\n", "/etc/s.conf:1: \"threads\" must be a number"},
		{"store =\n", "/etc/s.conf:1: \"store\" must be an absolute path"},
		{"store = relative\n", "/etc/s.conf:1: \"store\" must be an absolute path"},
		{"keyfile = ~/key\n", "/etc/s.conf:1: \"keyfile\" must be an absolute path"},
		{"store = /a\vb\n", "/etc/s.conf:1: \"store\" must be a path without control"},
		{"store = /a\rthreads = 4\n",
			"/etc/s.conf:1: \"store\" must be a path without control"},
		{"passphrase = yes\n", "/etc/s.conf:1: \"passphrase\" cannot be set in a file"},
		{"passphrase-fd = 3\n", "/etc/s.conf:1: \"passphrase_fd\" cannot be set in a file"},
		{"foreground = yes\n", "/etc/s.conf:1: unknown setting \"foreground\""},
		{"private_deny+ = 1\n",
			"/etc/s.conf:1: \"private_deny+\" must come after \"private_deny\""},
		{"private_deny = 1\nprivate_deny+ = x\n",
			"/etc/s.conf:2: \"private_deny\" must be uids"},
		{"threads = 1\nthreads+ = 1\n",
			"/etc/s.conf:2: nothing can be added to \"threads\""},
		{"store = /a\nstore+ = b\n",
			"/etc/s.conf:2: the value of \"store+\" must stand in double quotes"},
		{"store = /a\nstore+ = \"\"\n",
			"/etc/s.conf:2: the value of \"store+\" must stand in double quotes"},
		{"store = /a\nstore+ = \"\x01\"\n",
			"/etc/s.conf:2: \"store\" must be a path without"},
		{"store = /a\nstore+ = \"b \"\nstore+ = \";c\"\n",
			"/etc/s.conf:3: \"store\" must be"},
		{"+ = 1\n", "/etc/s.conf:1: unknown setting"},
		{"hunter2!=x\n", "/etc/s.conf:1: unknown setting; see"},
		/* The first of two is told, and nothing after it is read. */
		{"debug = maybe\nthreads = 0\n", "/etc/s.conf:1: \"debug\" must be yes or no"},
		{"no\nthreads = 0\n", "/etc/s.conf:1: write"},
	};
	struct config before;
	struct config c;

	(void)state;
	config_init(&before);
	config_init(&c);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct why why = {0};

		assert_int_equal(read_text(&c, cases[i].text, &why), -EINVAL);
		if (strncmp(why.text, cases[i].want, strlen(cases[i].want)) != 0)
			print_error("%s\n%s\n", cases[i].want, why.text);
		assert_memory_equal(why.text, cases[i].want, strlen(cases[i].want));
		assert_int_equal(read_text(&c, cases[i].text, NULL), -EINVAL);
	}
	assert_memory_equal(&c, &before, sizeof(c));
}

static void test_nul(void **state)
{
	static const char text[] = "debug = yes\nthreads = 4\0 4\n";
	struct why why = {0};
	struct config c;

	(void)state;
	config_init(&c);
	assert_int_equal(config_read_text(&c, text, sizeof(text) - 1, "f", &why), -EINVAL);
	assert_string_equal(why.text, "f:2: there is a NUL byte in this line");
	assert_false(c.debug);
}

/* A long label keeps its end, and the sentence is whole. */
static void test_long_label(void **state)
{
	static char label[3000];
	struct why why = {0};
	struct config c;

	(void)state;
	config_init(&c);
	memset(label, 'l', sizeof(label) - 1);
	memcpy(label + sizeof(label) - 6, ".conf", 5);
	assert_int_equal(config_read_text(&c, "x", 1, label, &why), -EINVAL);
	assert_memory_equal(why.text, "...l", 4);
	assert_non_null(strstr(why.text, "l.conf:1: write \"name = value\""));
}

/* Settings that stay as they were keep what an earlier source said. */
static void test_layers(void **state)
{
	struct config c;

	(void)state;
	config_init(&c);
	assert_int_equal(read_text(&c, "threads = 4\nprivate_deny = 1,2\n", NULL), 0);
	assert_int_equal(read_text(&c, "history = 4\nprivate_deny = 3\n", NULL), 0);
	set_ok(&c, "threads", "5");
	assert_int_equal(c.threads, 5);
	assert_int_equal(c.history, 4);
	assert_int_equal(c.ndeny, 1);
}

/* ---- files ---- */

static char path[64];

static int setup_file(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/test_config.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int teardown_file(void **state)
{
	(void)state;
	return unlink(path) < 0 && rmdir(path) < 0;
}

static void write_file(const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void expect_file(int want, const char *text)
{
	char whole[256];
	struct why why = {0};
	struct config before;
	struct config c;

	config_init(&before);
	config_init(&c);
	assert_int_equal(config_read_file(&c, path, &why), want);
	snprintf(whole, sizeof(whole), "%s%s", path, text);
	if (want < 0) {
		assert_memory_equal(why.text, whole, strlen(whole));
		assert_memory_equal(&c, &before, sizeof(c));
	} else {
		assert_string_equal(why.text, "");
	}
}

static void test_file(void **state)
{
	struct config c;

	(void)state;
	expect_file(0, "");
	write_file("threads = 3\n", 12);
	config_init(&c);
	assert_int_equal(config_read_file(&c, path, NULL), 0);
	assert_int_equal(c.threads, 3);
	write_file("threads = 3\nx = 1\n", 18);
	expect_file(-EINVAL, ":2: unknown setting \"x\"; see secretfs.conf(5)");
	config_init(&c);
	assert_int_equal(config_read_file(&c, path, NULL), -EINVAL);
}

static void test_file_missing(void **state)
{
	struct why why = {0};
	struct config c;

	(void)state;
	config_init(&c);
	assert_int_equal(config_read_file(&c, "/tmp/no/such/file", &why), -ENOENT);
	assert_string_equal(why.text, "");
	assert_int_equal(config_read_file(&c, "/dev/null/x", &why), -ENOTDIR);
	assert_string_equal(why.text, "/dev/null/x cannot be opened: Not a directory");
}

static void test_file_not_regular(void **state)
{
	(void)state;
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_file(-EPERM, " must be a regular file");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	expect_file(-EPERM, " must be a regular file");
}

static void test_file_loose(void **state)
{
	static const mode_t loose[] = {0602, 0620, 0666, 0664};
	static const mode_t fine[] = {0400, 0600, 0644, 0444, 0755};

	(void)state;
	for (size_t i = 0; i < sizeof(loose) / sizeof(loose[0]); i++) {
		assert_int_equal(chmod(path, loose[i]), 0);
		expect_file(-EPERM, " can be written by others; chmod go-w it");
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		assert_int_equal(chmod(path, fine[i]), 0);
		expect_file(0, "");
	}
}

static void test_file_foreign(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: only root can give a file away\n");
		skip();
	}
	assert_int_equal(chown(path, 12345, 0), 0);
	expect_file(-EPERM, " belongs to uid 12345; it must belong to root or to uid 0");
}

static void test_file_large(void **state)
{
	size_t len = (64u << 10) + 1;
	char *bytes = malloc(len);

	(void)state;
	assert_non_null(bytes);
	memset(bytes, '\n', len);
	write_file(bytes, len - 1);
	expect_file(0, "");
	write_file(bytes, len);
	expect_file(-EINVAL, " has more than 64 KiB");
	free(bytes);
}

static void test_file_symlink(void **state)
{
	char link[80];
	struct config c;

	(void)state;
	write_file("threads = 3\n", 12);
	snprintf(link, sizeof(link), "%s.link", path);
	assert_int_equal(symlink(path, link), 0);
	config_init(&c);
	assert_int_equal(config_read_file(&c, link, NULL), 0);
	assert_int_equal(c.threads, 3);
	unlink(link);
}

/* ---- the text for a worker ---- */

static void check_round_trip(const struct config *c)
{
	static char text[CONFIG_TEXT];
	struct why why = {0};
	struct config back;
	int n;

	memset(text, 'x', sizeof(text));
	n = config_write_text(c, text, sizeof(text));
	assert_true(n > 0);
	assert_int_equal(strlen(text), n);
	config_init(&back);
	assert_int_equal(config_read_text(&back, text, (size_t)n, "settings", &why), 0);
	assert_string_equal(back.store, c->store);
	assert_string_equal(back.mountpoint, c->mountpoint);
	assert_string_equal(back.keyfile, c->keyfile);
	assert_string_equal(back.credential, c->credential);
	assert_string_equal(back.key_command, c->key_command);
	assert_string_equal(back.anchor, c->anchor);
	assert_string_equal(back.user, c->user);
	assert_int_equal(back.allow_other, c->allow_other);
	assert_int_equal(back.threads, c->threads);
	assert_int_equal(back.history, c->history);
	assert_int_equal(back.max_value, c->max_value);
	assert_int_equal(back.max_keys, c->max_keys);
	assert_int_equal(back.public_mode, c->public_mode);
	assert_int_equal(back.private_root, c->private_root);
	assert_int_equal(back.kernel_cache, c->kernel_cache);
	assert_int_equal(back.ndeny, c->ndeny);
	assert_memory_equal(back.deny, c->deny, c->ndeny * sizeof(c->deny[0]));
	assert_int_equal(back.stop_timeout, c->stop_timeout);
	assert_int_equal(back.debug, c->debug);
	assert_int_equal(back.audit, c->audit);
	assert_string_equal(back.audit_file, c->audit_file);
	assert_int_equal(back.audit_names, c->audit_names);
	assert_int_equal(back.audit_rate, c->audit_rate);
	assert_int_equal(back.transport, c->transport);
	/* No room for the NUL, and none at all. */
	assert_int_equal(config_write_text(c, text, (size_t)n), -ENOSPC);
	assert_int_equal(config_write_text(c, text, (size_t)n + 1), n);
	assert_int_equal(config_write_text(c, text, 0), -ENOSPC);
	assert_int_equal(config_write_text(c, NULL, 0), -ENOSPC);
}

static void test_round_trip(void **state)
{
	struct config c;

	(void)state;
	config_init(&c);
	check_round_trip(&c);
	for (int i = 0; i < 2; i++) {
		set_ok(&c, "store", "/srv/a b;c/=x:#\"y\"/store.db");
		set_ok(&c, "mountpoint", "/mnt");
		set_ok(&c, "keyfile", "/\xc3\xa4");
		set_ok(&c, "credential", i ? "store-key" : "a.b c");
		set_ok(&c, "key_command", i ? "\"a b\" 'c;d' #e" : "x");
		set_ok(&c, "anchor", "/var/lib/an anchor");
		set_ok(&c, "user", "someone");
		set_ok(&c, "allow_other", i ? "yes" : "no");
		set_ok(&c, "threads", i ? "64" : "1");
		set_ok(&c, "history", i ? "1000" : "0");
		set_ok(&c, "max_value", i ? "1M" : "1");
		set_ok(&c, "max_keys", i ? "1024" : "1");
		set_ok(&c, "public_mode", i ? "1777" : "0");
		set_ok(&c, "private_root", i ? "yes" : "no");
		set_ok(&c, "kernel_cache", i ? "yes" : "no");
		set_ok(&c, "private_deny", i ? "1" : "4294967294-4294967295,0,7-9");
		set_ok(&c, "stop_timeout", i ? "3600" : "0");
		set_ok(&c, "debug", i ? "yes" : "no");
		set_ok(&c, "audit", i ? "required" : "best-effort");
		set_ok(&c, "audit_file", "/var/log/a b/audit.log");
		set_ok(&c, "audit_names", i ? "id" : "name");
		set_ok(&c, "audit_rate", i ? "1000000" : "0");
		set_ok(&c, "transport", i ? "io_uring" : "dev");
		check_round_trip(&c);
	}
}

static void test_key_sources(void **state)
{
	char longest[CONFIG_COMMAND + 1];
	struct why why;
	struct config c;

	(void)state;
	config_init(&c);
	memset(longest, 'c', sizeof(longest));
	longest[CONFIG_COMMAND] = '\0';
	assert_int_equal(config_set(&c, "key_command", longest, &why), -EINVAL);
	longest[CONFIG_COMMAND - 1] = '\0';
	set_ok(&c, "key-command", longest);
	assert_string_equal(c.key_command, longest);
	assert_int_equal(config_set(&c, "key_command", "a ;b", &why), -EINVAL);
	assert_int_equal(config_set(&c, "key_command", "a\nb", &why), -EINVAL);
	assert_non_null(strstr(why.text, "command"));
	assert_int_equal(config_set(&c, "key_command", "", &why), -EINVAL);
	static const char *const bad[] = {"", "a/b", ".a", "..", "a\nb", " a"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(config_set(&c, "credential", bad[i], &why), -EINVAL);
	assert_string_equal(c.credential, "");
	config_init(&c);
	assert_int_equal(
		read_text(&c, "key_command = age -d\nkey_command+ = \" -i /id /key.age\"\n", &why),
		0);
	assert_string_equal(c.key_command, "age -d -i /id /key.age");
}

/* The longest settings there are, also with spaces and ";" wherever a line may end. */
static void test_round_trip_long(void **state)
{
	static const char fills[] = "p ;\"=";
	struct config c;

	(void)state;
	config_init(&c);
	for (uint32_t i = 0; i < CONFIG_DENY; i++)
		c.deny[i] = (struct config_range){4000000000u + i, 4100000000u + i};
	c.ndeny = CONFIG_DENY;
	for (size_t i = 0; fills[i]; i++) {
		memset(c.store, fills[i], CONFIG_PATH - 1);
		c.store[CONFIG_PATH - 1] = '\0';
		c.store[0] = '/';
		c.store[CONFIG_PATH - 2] = 'x';
		memcpy(c.mountpoint, c.store, CONFIG_PATH);
		memcpy(c.keyfile, c.store, CONFIG_PATH);
		memcpy(c.anchor, c.store, CONFIG_PATH);
		memcpy(c.key_command, c.store, CONFIG_COMMAND);
		memcpy(c.key_command + CONFIG_COMMAND - 2, "x", 2);
		memcpy(c.audit_file, c.store, CONFIG_PATH);
		check_round_trip(&c);
	}
	for (size_t len = 170; len < 400; len++) {
		c.store[len - 1] = 'x';
		c.store[len] = '\0';
		check_round_trip(&c);
		c.store[len - 1] = '=';
	}
}

/* What could not come back is refused, and no line end in a path becomes a setting. */
static void test_write_refused(void **state)
{
	static const char *const paths[] = {
		"relative", "/a\nprivate_root = yes", "/a ;b", "/a ", "/\x7f"};
	static char text[CONFIG_TEXT];
	struct config c;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		config_init(&c);
		strcpy(c.mountpoint, paths[i]);
		assert_int_equal(config_write_text(&c, text, sizeof(text)), -EINVAL);
	}
	config_init(&c);
	strcpy(c.user, "a\nb");
	assert_int_equal(config_write_text(&c, text, sizeof(text)), -EINVAL);
}

/* ---- the rest ---- */

static void test_path(void **state)
{
	char got[CONFIG_PATH];
	char name[16];

	(void)state;
	setenv("XDG_CONFIG_HOME", "/home/u/cfg", 1);
	setenv("HOME", "/home/u", 1);
	assert_int_equal(config_path(0, got, sizeof(got)), 0);
	assert_string_equal(got, "/etc/secretfs/secretfs.conf");
	assert_int_equal(config_path(1000, got, sizeof(got)), 0);
	assert_string_equal(got, "/home/u/cfg/secretfs/secretfs.conf");
	setenv("XDG_CONFIG_HOME", "relative", 1);
	assert_int_equal(config_path(1000, got, sizeof(got)), 0);
	assert_string_equal(got, "/home/u/.config/secretfs/secretfs.conf");
	unsetenv("XDG_CONFIG_HOME");
	assert_int_equal(config_path(1000, got, sizeof(got)), 0);
	assert_string_equal(got, "/home/u/.config/secretfs/secretfs.conf");
	strcpy(name, "kept");
	assert_int_equal(config_path(1000, name, sizeof(name)), -ENAMETOOLONG);
	assert_string_equal(name, "kept");
	setenv("HOME", "", 1);
	assert_int_equal(config_path(1000, got, sizeof(got)), -ENOENT);
	unsetenv("HOME");
	assert_int_equal(config_path(1000, got, sizeof(got)), -ENOENT);
}

static void test_audit_resolve(void **state)
{
	struct config c;

	(void)state;
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", "/home/u", 1);
	config_init(&c);
	assert_int_equal(config_audit_resolve(&c, 0), 0);
	assert_int_equal(c.audit, CONFIG_AUDIT_REQUIRED);
	assert_string_equal(c.audit_file, "/var/log/secretfs/audit.log");
	config_init(&c);
	assert_int_equal(config_audit_resolve(&c, 1000), 0);
	assert_int_equal(c.audit, CONFIG_AUDIT_OFF);
	assert_string_equal(c.audit_file, "");
	/* Who names a file wants what is in it to be whole. */
	strcpy(c.audit_file, "/x/a.log");
	c.audit = CONFIG_AUTO;
	assert_int_equal(config_audit_resolve(&c, 1000), 0);
	assert_int_equal(c.audit, CONFIG_AUDIT_REQUIRED);
	config_init(&c);
	c.audit = CONFIG_AUDIT_BEST_EFFORT;
	assert_int_equal(config_audit_resolve(&c, 1000), 0);
	assert_string_equal(c.audit_file, "/home/u/.local/state/secretfs/audit.log");
	setenv("XDG_STATE_HOME", "/home/u/state", 1);
	config_init(&c);
	c.audit = CONFIG_AUDIT_BEST_EFFORT;
	assert_int_equal(config_audit_resolve(&c, 1000), 0);
	assert_string_equal(c.audit_file, "/home/u/state/secretfs/audit.log");
	/* What is set stays. */
	config_init(&c);
	c.audit = CONFIG_AUDIT_REQUIRED;
	strcpy(c.audit_file, "/x/a.log");
	assert_int_equal(config_audit_resolve(&c, 1000), 0);
	assert_int_equal(c.audit, CONFIG_AUDIT_REQUIRED);
	assert_string_equal(c.audit_file, "/x/a.log");
	/* Without a home there is no file, unless none is wanted. */
	unsetenv("XDG_STATE_HOME");
	unsetenv("HOME");
	config_init(&c);
	c.audit = CONFIG_AUDIT_REQUIRED;
	assert_int_equal(config_audit_resolve(&c, 1000), -ENOENT);
	c.audit = CONFIG_AUDIT_OFF;
	assert_int_equal(config_audit_resolve(&c, 1000), 0);
	assert_string_equal(c.audit_file, "");
}

static void test_private_allowed(void **state)
{
	struct config c;

	(void)state;
	config_init(&c);
	assert_true(config_private_allowed(&c, 0));
	assert_true(config_private_allowed(&c, 1000));
	assert_true(config_private_allowed(&c, 61183));
	assert_false(config_private_allowed(&c, 61184));
	assert_false(config_private_allowed(&c, 65519));
	assert_true(config_private_allowed(&c, 65520));
	assert_true(config_private_allowed(&c, 65533));
	assert_false(config_private_allowed(&c, 65534));
	assert_true(config_private_allowed(&c, 65535));
	assert_false(config_private_allowed(&c, UINT32_MAX));
	set_ok(&c, "private_root", "no");
	set_ok(&c, "private_deny", "33,1000-1002");
	assert_false(config_private_allowed(&c, 0));
	assert_false(config_private_allowed(&c, 33));
	assert_true(config_private_allowed(&c, 999));
	assert_false(config_private_allowed(&c, 1000));
	assert_false(config_private_allowed(&c, 1002));
	assert_true(config_private_allowed(&c, 1003));
	assert_false(config_private_allowed(&c, 65534));
	set_ok(&c, "private_root", "yes");
	set_ok(&c, "private_deny", "0");
	assert_false(config_private_allowed(&c, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_deny),
		cmocka_unit_test(test_set_refused),
		cmocka_unit_test(test_path_length),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_text_refused),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_long_label),
		cmocka_unit_test(test_layers),
		cmocka_unit_test_setup_teardown(test_file, setup_file, teardown_file),
		cmocka_unit_test(test_file_missing),
		cmocka_unit_test_setup_teardown(test_file_not_regular, setup_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_file_loose, setup_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_file_foreign, setup_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_file_large, setup_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_file_symlink, setup_file, teardown_file),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_key_sources),
		cmocka_unit_test(test_round_trip_long),
		cmocka_unit_test(test_write_refused),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_audit_resolve),
		cmocka_unit_test(test_private_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
