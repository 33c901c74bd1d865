/* SPDX-License-Identifier: MIT */
/*
 * log: where lines go, and that each stays one line.
 *
 * A line is built in fixed buffers on the stack, so that logging works when memory has run out, and
 * goes to stderr by one write, so that lines of several threads and processes do not mix.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE 2048 /* bytes of a line at most; the rest is cut */

static _Atomic(const char *) log_name = "secretfs";
static atomic_bool log_to_syslog;
static atomic_int log_pipe = -1; /* else it comes before both */
static atomic_uint log_lost;     /* lines that found no room in it */
static atomic_bool log_debug_too;

void log_init(const char *name, bool to_syslog, bool debug)
{
	atomic_store(&log_name, name);
	atomic_store(&log_debug_too, debug);
	if (to_syslog)
		openlog(name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
	else if (atomic_load(&log_to_syslog))
		closelog();
	atomic_store(&log_to_syslog, to_syslog);
	atomic_store(&log_pipe, -1);
}

void log_init_pipe(int fd, bool debug)
{
	atomic_store(&log_debug_too, debug);
	atomic_store(&log_pipe, fd);
}

/* How many bytes at s are one control character (C0, DEL, or C1 in UTF-8); 0: none. */
static size_t control(const unsigned char *s)
{
	if (s[0] < 0x20 || s[0] == 0x7f)
		return 1;
	return s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f ? 2 : 0;
}

/* Appends text at out[at], control characters as \xNN, as much as fits below end. Returns the new
 * at. */
static size_t append_escaped(char *out, size_t at, size_t end, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *s = (const unsigned char *)text;

	for (; *s && at + 8 <= end; s++) {
		size_t n = control(s);

		if (n == 0) {
			out[at++] = (char)*s;
			continue;
		}
		for (size_t i = 0; i < n; i++) {
			out[at++] = '\\';
			out[at++] = 'x';
			out[at++] = digits[s[i] >> 4];
			out[at++] = digits[s[i] & 15];
		}
		s += n - 1;
	}
	return at;
}

static void to_stderr(const char *text)
{
	char line[LINE];
	size_t at = append_escaped(line, 0, 128, atomic_load(&log_name));
	ssize_t n;

	line[at++] = ':';
	line[at++] = ' ';
	at = append_escaped(line, at, sizeof(line) - 1, text);
	line[at++] = '\n';
	do
		n = write(STDERR_FILENO, line, at);
	while (n < 0 && errno == EINTR);
}

static void to_syslog_line(int priority, const char *text)
{
	char line[LINE];
	size_t at = append_escaped(line, 0, sizeof(line) - 1, text);

	line[at] = '\0';
	syslog(priority, "%s", line);
}

static bool put(int fd, int priority, const char *text)
{
	char line[LINE] = {'<', (char)('0' + (priority & 7)), '>'};
	size_t at = append_escaped(line, 3, sizeof(line) - 1, text);
	ssize_t n;

	line[at++] = '\n';
	do
		n = write(fd, line, at);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)at;
}

static void to_pipe(int fd, int priority, const char *text)
{
	unsigned lost = atomic_exchange(&log_lost, 0);
	char note[64];

	if (lost > 0) {
		snprintf(
			note, sizeof(note), "%u lines are missing here: the log had no room", lost);
		if (put(fd, LOG_WARNING, note))
			lost = 0;
	}
	if (lost > 0 || !put(fd, priority, text))
		atomic_fetch_add(&log_lost, lost + 1);
}

void log_line(int priority, const char *fmt, ...)
{
	char text[LINE];
	int saved = errno;
	va_list ap;

	if (priority == LOG_DEBUG && !atomic_load(&log_debug_too))
		return;
	va_start(ap, fmt);
	/* Formatted whole first: what an argument brings in is escaped with all else. */
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	int fd = atomic_load(&log_pipe);
	if (fd >= 0)
		to_pipe(fd, priority, text);
	else if (atomic_load(&log_to_syslog))
		to_syslog_line(priority, text);
	else
		to_stderr(text);
	errno = saved;
}
