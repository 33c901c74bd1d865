/* SPDX-License-Identifier: MIT */
/* test_lines: what a worker writes into its log comes out as lines, whatever it is. */
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

#include "lines.h"
#include "log.h"

/* stderr goes into a pipe of packets: each read is one write. */
static int saved_stderr;
static int packets;
static struct lines lines;

static int setup(void **state)
{
	struct why why;
	int fds[2];

	(void)state;
	if (pipe2(fds, O_DIRECT | O_NONBLOCK) < 0)
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	packets = fds[0];
	log_init("secretfs", false, false);
	return lines_open(&lines, &why);
}

static int teardown(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(packets);
	lines_close(&lines);
	return 0;
}

static void expect(const char *want)
{
	char line[8192] = "";
	ssize_t n = read(packets, line, sizeof(line) - 1);

	if (!want) {
		assert_true(n < 0 && errno == EAGAIN);
		return;
	}
	assert_true(n >= 0);
	assert_string_equal(line, want);
}

static void say(const void *bytes, size_t len)
{
	assert_int_equal(write(lines.out, bytes, len), (ssize_t)len);
}

static void test_lines(void **state)
{
	(void)state;
	lines_read(&lines); /* nothing is there: does not wait */
	expect(NULL);
	say("<4>one\n<6>two\n", 14);
	lines_read(&lines);
	expect("secretfs: one\n");
	expect("secretfs: two\n");
	say("<3>thr", 6);
	lines_read(&lines);
	expect(NULL);
	say("ee\n", 3);
	lines_read(&lines);
	expect("secretfs: three\n");
	say("<7>debug\n", 9);
	lines_read(&lines);
	expect(NULL);
}

static void test_forged(void **state)
{
	(void)state;
	say("no priority\n", 12);
	say("<9>x\n<3\n\n", 9);
	say("<3>\x1b]0;title\a \r\0\xc2\x9b.\n", 20);
	lines_read(&lines);
	expect("secretfs: no priority\n");
	expect("secretfs: <9>x\n");
	expect("secretfs: <3\n");
	expect("secretfs: \\x1b]0;title\\x07 \\x0d?\\xc2\\x9b.\n");
	expect(NULL);
}

static void test_end(void **state)
{
	(void)state;
	say("<3>whole\n<3>half", 16);
	lines_end(&lines);
	expect("secretfs: whole\n");
	expect("secretfs: half\n");
	expect(NULL);
	say("<3>next\n", 8);
	lines_end(&lines);
	expect("secretfs: next\n");
	expect(NULL);
}

/* One that never ends its line and does not stop: each read takes a piece, and the line is cut. */
static void test_flood(void **state)
{
	char bytes[4096];
	char line[8192];
	size_t sent = 0;
	unsigned cut = 0;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	while (write(lines.out, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
		sent += sizeof(bytes);
	while (sent > LINES_TEXT) {
		lines_read(&lines);
		sent -= LINES_TEXT - 1;
		ssize_t n = read(packets, line, sizeof(line));
		assert_true(n >= 2000 && n <= 2048); /* as long as a line of the log may be */
		assert_int_equal(line[n - 1], '\n');
		expect(NULL);
		cut++;
	}
	assert_true(cut > 4);
}

/* A log that nobody reads keeps nobody waiting. */
static void test_no_room(void **state)
{
	char bytes[4096];
	char line[8192] = "";

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK | O_DIRECT);
	while (write(STDERR_FILENO, bytes, 1) == 1)
		;
	fcntl(STDERR_FILENO, F_SETFL, O_DIRECT);
	say("<3>one\n<3>two\n", 14);
	lines_read(&lines); /* would wait for ever */
	while (read(packets, line, sizeof(line)) > 0)
		;
	say("<3>three\n", 9);
	lines_read(&lines);
	expect("secretfs: 2 lines of the worker are missing here: the log had no room\n");
	expect("secretfs: three\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
