/* SPDX-License-Identifier: MIT */
/* Where keys come from: how a command is split and run, and whose a credential must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keysource.h"

static char folder[64];

/* The words of text must be these (up to NULL), or it is refused with want as a part of why. */
static void splits(const char *text, const char *const *words)
{
	char copy[256];
	char *got[8];
	struct why why = {""};

	strcpy(copy, text);
	int n = keysource_split(copy, got, 8, &why);
	if (n < 0)
		fail_msg("%s: %s", text, why.text);
	for (int i = 0; i < n; i++) {
		assert_non_null(words[i]);
		assert_string_equal(got[i], words[i]);
	}
	assert_null(words[n]);
	assert_null(got[n]);
}

#define SPLITS(text, ...) splits(text, (const char *const[]){__VA_ARGS__, NULL})

static void refuses(const char *text, const char *want)
{
	char copy[256];
	char *got[8];
	struct why why = {""};

	strcpy(copy, text);
	assert_int_equal(keysource_split(copy, got, 8, &why), -EINVAL);
	if (!strstr(why.text, want))
		fail_msg("%s: %s", text, why.text);
}

static void test_split(void **state)
{
	(void)state;
	SPLITS("a", "a");
	SPLITS("  a\tbc \n d ", "a", "bc", "d");
	SPLITS("a 'b  c' d", "a", "b  c", "d");
}

static void test_split_quotes(void **state)
{
	(void)state;
	SPLITS("a'b'\"c\"d", "abcd");
	SPLITS("a '' \"\" b", "a", "", "", "b");
	SPLITS("a\\ b \\'c", "a b", "'c");
	SPLITS("\"a\\\"b\\\\c\\d\" '\\'", "a\"b\\c\\d", "\\");
	SPLITS("\"\\$x\" \\$y '$z `w`' \\| '|'", "$x", "$y", "$z `w`", "|", "|");
	SPLITS("sh -c 'a | b > c; d $e'", "sh", "-c", "a | b > c; d $e");
	SPLITS("a ~ * ? #b !c", "a", "~", "*", "?", "#b", "!c");
	SPLITS("1 2 3 4 5 6 7", "1", "2", "3", "4", "5", "6", "7");
	SPLITS("a\\", "a\\");
}

static void test_split_refuses(void **state)
{
	static const char *const active[] = {
		"a | b", "a&", "a ;b", "a <b", "a>b", "(a)", "a $b", "a `b`", "\"$a\"", "\"`a`\""};

	(void)state;
	for (size_t i = 0; i < sizeof(active) / sizeof(active[0]); i++)
		refuses(active[i], "no shell");
	refuses("a 'b", "not closed");
	refuses("a \"b", "not closed");
	refuses("", "empty");
	refuses(" \t ", "empty");
	refuses("1 2 3 4 5 6 7 8", "more than");
}

/* ---- commands ---- */

static int run(const char *command, char *const *environment, struct secbuf *ret, struct why *why)
{
	const struct keysource source = {
		.kind = KEYSLOT_COMMAND, .word = command, .environment = environment};

	return keysource_read(&source, ret, why);
}

static void gives(const char *command, const char *bytes, size_t len)
{
	AUTO_SECBUF got = SECBUF_INIT;
	struct why why = {""};

	if (run(command, NULL, &got, &why) < 0)
		fail_msg("%s: %s", command, why.text);
	assert_int_equal(got.len, len);
	assert_memory_equal(got.data, bytes, len);
}

static void fails(const char *command, int err, const char *want)
{
	AUTO_SECBUF got = SECBUF_INIT;
	struct why why = {""};

	assert_int_equal(run(command, NULL, &got, &why), err);
	assert_null(got.data);
	if (!strstr(why.text, want))
		fail_msg("%s: %s", command, why.text);
}

static void test_command(void **state)
{
	char most[KEYSLOT_SOURCE_MAX];

	(void)state;
	gives("printf key", "key", 3);
	gives("echo key", "key", 3);
	gives("printf 'key\\n\\n'", "key\n", 4);
	gives("printf '\\nkey\\r\\n'", "\nkey\r", 5);
	gives("printf 'a\\0b\\377'", "a\0b\xff", 4);
	gives("sh -c 'printf a; sleep 0.1; printf b'", "ab", 2);
	memset(most, 'x', sizeof(most));
	gives("sh -c 'head -c 4096 /dev/zero | tr \"\\0\" x'", most, sizeof(most));
	gives("sh -c 'head -c 4096 /dev/zero | tr \"\\0\" x; echo'", most, sizeof(most));
}

static void test_command_fails(void **state)
{
	(void)state;
	fails("head -c 4097 /dev/zero", -EINVAL, "more than 4096 bytes");
	fails("sh -c 'head -c 4096 /dev/zero; echo; echo'", -EINVAL, "more than 4096 bytes");
	fails("yes", -EINVAL, "more than 4096 bytes");
	fails("true", -EINVAL, "empty");
	fails("echo", -EINVAL, "empty");
	fails("sh -c 'printf key; exit 3'", -EKEYREJECTED, "exit code 3");
	fails("false", -EKEYREJECTED, "exit code 1");
	fails("sh -c 'printf key; kill -9 $$'", -EKEYREJECTED, "signal 9");
	fails("/no/such/program at all", -ENOENT, "/no/such/program");
	fails("/etc/passwd", -EACCES, "/etc/passwd");
	fails("echo $HOME", -EINVAL, "no shell");
}

/* It gets its own environment, no descriptor of ours, and signals as they are by default. */
static void test_command_surroundings(void **state)
{
	char *const environment[] = {
		(char[]){"PATH=/usr/bin:/bin"}, (char[]){"KEY=from here"}, NULL};
	AUTO_SECBUF got = SECBUF_INIT;
	struct why why = {""};
	sigset_t all;

	(void)state;
	assert_int_equal(setenv("KEY", "from there", 1), 0);
	gives("printenv KEY", "from there", 10);
	assert_int_equal(run("sh -c 'echo \"$KEY\" $#'", environment, &got, &why), 0);
	assert_int_equal(got.len, 11);
	assert_memory_equal(got.data, "from here 0", 11);
	int fd = open("/dev/null", O_RDONLY);
	assert_true(dup2(fd, 77) == 77);
	gives("sh -c 'test -e /proc/$$/fd/77 || echo no'", "no", 2);
	close(77);
	close(fd);
	sigfillset(&all);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* Those that the C library keeps for itself (32 and 33) aside. By the shell alone: while it
	 * starts a program it blocks signals. */
	gives("sh -c 'n=0; while read -r name value; do case $name$value in "
	      "SigBlk:0000000000000000|SigIgn:*[08]0000000) n=$((n + 1)) ;; esac; "
	      "done </proc/$$/status; echo $n'",
		"2", 1);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	signal(SIGPIPE, SIG_DFL);
}

/* ---- credentials ---- */

static int credential(const char *name, const char *where, struct secbuf *ret)
{
	const struct keysource source = {.kind = KEYSLOT_CREDENTIAL, .word = name, .folder = where};
	struct why why = {""};
	int r = keysource_read(&source, ret, &why);

	assert_true((r < 0) == (why.text[0] != '\0'));
	return r;
}

static void refused(const char *name, const char *where, int err)
{
	AUTO_SECBUF got = SECBUF_INIT;

	assert_int_equal(credential(name, where, &got), err);
	assert_null(got.data);
}

static void write_file(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0400);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void test_credential(void **state)
{
	AUTO_SECBUF got = SECBUF_INIT;
	char path[128];

	(void)state;
	strcpy(folder, "/tmp/test_keysource.XXXXXX");
	assert_non_null(mkdtemp(folder));
	write_file("key", "secret\n\n");
	assert_int_equal(credential("key", folder, &got), 0);
	assert_int_equal(got.len, 7);
	assert_memory_equal(got.data, "secret\n", 7);
	refused("other", folder, -ENOENT);
	refused("key", NULL, -ENOENT);
	refused("key", "", -ENOENT);
	refused("key", "/no/such/folder", -ENOENT);
	refused("../key", folder, -EINVAL);
	refused("/etc/passwd", folder, -EINVAL);
	refused(".", folder, -EINVAL);
	refused("", folder, -EINVAL);
	snprintf(path, sizeof(path), "%s/key", folder);
	assert_int_equal(chmod(path, 0440), 0);
	secbuf_free(&got);
	assert_int_equal(credential("key", folder, &got), 0);
	assert_int_equal(chmod(path, 0444), 0);
	refused("key", folder, -EPERM);
	assert_int_equal(chmod(path, 0460), 0);
	refused("key", folder, -EPERM);
	write_file("key", "\n");
	refused("key", folder, -EINVAL);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	refused("key", folder, -ELOOP);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0400), 0);
	refused("key", folder, -EINVAL);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_split_quotes),
		cmocka_unit_test(test_split_refuses),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_command_fails),
		cmocka_unit_test(test_command_surroundings),
		cmocka_unit_test(test_credential),
	};

	if (secmem_init(1 << 20) < 0)
		return 77;
	return cmocka_run_group_tests_name("keysource", tests, NULL, NULL);
}
