/* SPDX-License-Identifier: MIT */
/* test_log: one line a call, control characters escaped, the levels, and where it goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>

#include "log.h"

/* What would have gone to syslog: these stand before those of libc. */
static char syslogged[4096];
static int syslog_priority;
static const char *syslog_name;

void __syslog_chk(int priority, int flag, const char *fmt, ...);

void openlog(const char *name, int option, int facility)
{
	assert_int_equal(option, LOG_PID | LOG_NDELAY);
	assert_int_equal(facility, LOG_DAEMON);
	syslog_name = name;
}

void closelog(void)
{
	syslog_name = NULL;
}

__attribute__((format(printf, 2, 0))) static void record(int priority, const char *fmt, va_list ap)
{
	syslog_priority = priority;
	vsnprintf(syslogged, sizeof(syslogged), fmt, ap);
}

__attribute__((format(printf, 2, 3))) void syslog(int priority, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	record(priority, fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 3, 4))) void __syslog_chk(
	int priority, int flag, const char *fmt, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, fmt);
	record(priority, fmt, ap);
	va_end(ap);
}

/* stderr goes into a pipe of packets: each read is one write. */
static int saved_stderr;
static int packets;

static int setup(void **state)
{
	int fds[2];

	(void)state;
	if (pipe2(fds, O_DIRECT | O_NONBLOCK) < 0)
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	packets = fds[0];
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(packets);
	return 0;
}

static void expect(const char *want)
{
	char line[4096] = "";
	ssize_t n = read(packets, line, sizeof(line) - 1);

	if (!want) {
		assert_true(n < 0 && errno == EAGAIN);
		return;
	}
	assert_true(n >= 0);
	assert_string_equal(line, want);
}

static void test_line(void **state)
{
	(void)state;
	log_init("secretfs", false, false);
	log_err("cannot open %s: %d", "x", 5);
	expect("secretfs: cannot open x: 5\n");
	log_warn("one");
	log_info("two");
	expect("secretfs: one\n");
	expect("secretfs: two\n");
	log_info("%s", "");
	expect("secretfs: \n");
	expect(NULL);
}

static void test_debug(void **state)
{
	(void)state;
	log_init("secretfs", false, false);
	log_debug("no");
	expect(NULL);
	log_init("secretfs", false, true);
	log_debug("yes");
	expect("secretfs: yes\n");
}

static void test_escapes(void **state)
{
	(void)state;
	log_init("secretfs", false, false);
	log_err("name %s.", "a\nsecretfs: forged\r\x1b[2J\t\x7f");
	expect("secretfs: name a\\x0asecretfs: forged\\x0d\\x1b[2J\\x09\\x7f.\n");
	log_err("%s", "\xc2\x80 \xc2\x9b \xc2\x9f \xc2\xa0 \xc3\x9b \xc2");
	expect("secretfs: \\xc2\\x80 \\xc2\\x9b \\xc2\\x9f \xc2\xa0 \xc3\x9b \xc2\n");
	log_err("%s", "\xe2\x82\xac \xf0\x9f\x94\x91 \\ 100%");
	expect("secretfs: \xe2\x82\xac \xf0\x9f\x94\x91 \\ 100%\n");
}

static void test_long(void **state)
{
	char text[8192];
	char line[4096];
	ssize_t n;

	(void)state;
	log_init("secretfs", false, false);
	for (int fill = 0; fill < 2; fill++) {
		memset(text, fill ? '\n' : 'x', sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		log_err("%s", text);
		n = read(packets, line, sizeof(line));
		assert_true(n >= 2000 && n <= 2048);
		assert_int_equal(line[n - 1], '\n');
		assert_ptr_equal(memchr(line, '\n', (size_t)n), line + n - 1);
	}
	expect(NULL);
}

static void test_errno(void **state)
{
	(void)state;
	log_init("secretfs", false, false);
	errno = ENOTEMPTY;
	log_err("%m");
	assert_int_equal(errno, ENOTEMPTY);
	expect("secretfs: Directory not empty\n");
}

static void test_syslog(void **state)
{
	(void)state;
	log_init("secretfs", true, false);
	assert_string_equal(syslog_name, "secretfs");
	log_warn("%s", "50% of\n%s");
	assert_int_equal(syslog_priority, LOG_WARNING);
	assert_string_equal(syslogged, "50% of\\x0a%s");
	log_debug("no");
	assert_int_equal(syslog_priority, LOG_WARNING);
	expect(NULL);
	log_init("secretctl", false, false);
	assert_null(syslog_name);
	log_err("back");
	expect("secretctl: back\n");
}

static void test_pipe(void **state)
{
	char bytes[65536];
	char line[4096] = "";
	int fds[2];
	int n = 0;
	int seen = 0;

	(void)state;
	assert_int_equal(pipe2(fds, O_DIRECT | O_NONBLOCK), 0);
	log_init("secretfs", false, false);
	log_init_pipe(fds[1], false);
	log_warn("one\n%d", 2);
	log_debug("no");
	assert_true(read(fds[0], line, sizeof(line) - 1) > 0);
	assert_string_equal(line, "<4>one\\x0a2\n");
	assert_true(read(fds[0], line, sizeof(line)) < 0);
	expect(NULL);

	/* Full: nothing waits, and the next line that finds room says how many did not. */
	memset(bytes, 'x', sizeof(bytes));
	while (write(fds[1], bytes, 100) == 100)
		n++;
	log_err("lost");
	log_err("lost too");
	while (read(fds[0], bytes, sizeof(bytes)) == 100)
		seen++;
	assert_int_equal(seen, n);
	log_err("here");
	memset(line, 0, sizeof(line));
	assert_true(read(fds[0], line, sizeof(line) - 1) > 0);
	assert_string_equal(line, "<4>2 lines are missing here: the log had no room\n");
	memset(line, 0, sizeof(line));
	assert_true(read(fds[0], line, sizeof(line) - 1) > 0);
	assert_string_equal(line, "<3>here\n");
	close(fds[0]);
	close(fds[1]);
	log_init("secretfs", false, false);
	log_err("back");
	expect("secretfs: back\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_debug, setup, teardown),
		cmocka_unit_test_setup_teardown(test_escapes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errno, setup, teardown),
		cmocka_unit_test_setup_teardown(test_syslog, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipe, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
