/* SPDX-License-Identifier: MIT */
/* lines: owns the pipe that the workers log into. */
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"

#define AT_THE_END 256 /* reads: more than a pipe holds */

int lines_open(struct lines *lines, struct why *why)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return why_set(why, -errno, "cannot make a pipe: %s", strerror(errno));
	*lines = (struct lines){.in = ends[0], .out = ends[1]};
	return 0;
}

void lines_close(struct lines *lines)
{
	fd_close(&lines->in);
	fd_close(&lines->out);
}

/* A terminal that was stopped, or a pipe that nobody reads, must not keep us from the mount. */
static bool room(void)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&p, 1, 0) == 1;
}

static void pass_on(struct lines *lines, const char *line)
{
	int priority = LOG_ERR; /* of what a library says before it gives up */

	if (!room()) {
		lines->lost++;
		return;
	}
	if (lines->lost > 0)
		log_warn("%u lines of the worker are missing here: the log had no room",
			lines->lost);
	lines->lost = 0;
	if (line[0] == '<' && line[1] >= '0' && line[1] <= '7' && line[2] == '>') {
		if (line[1] - '0' > LOG_ERR)
			priority = line[1] - '0';
		line += 3;
	}
	if (line[0])
		log_line(priority, "%s", line);
}

/* Passes on every line that has ended, and one that has no room to end. */
static void split(struct lines *lines)
{
	char *start = lines->text;
	size_t left = lines->len;
	char *end;

	while ((end = memchr(start, '\n', left))) {
		*end++ = '\0';
		pass_on(lines, start);
		left -= (size_t)(end - start);
		start = end;
	}
	memmove(lines->text, start, left);
	lines->len = left;
	if (left == sizeof(lines->text) - 1) {
		lines->text[left] = '\0';
		lines->len = 0;
		pass_on(lines, lines->text);
	}
}

static bool read_some(struct lines *lines)
{
	char *at = lines->text + lines->len;
	ssize_t n;

	if (lines->in < 0)
		return false;
	do {
		n = read(lines->in, at, sizeof(lines->text) - 1 - lines->len);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	for (char *nul = at; (nul = memchr(nul, '\0', (size_t)(at + n - nul)));)
		*nul = '?';
	lines->len += (size_t)n;
	split(lines);
	return true;
}

void lines_read(struct lines *lines)
{
	read_some(lines);
}

void lines_end(struct lines *lines)
{
	for (int i = 0; i < AT_THE_END && read_some(lines); i++)
		;
	if (lines->len > 0) {
		lines->text[lines->len] = '\0';
		pass_on(lines, lines->text);
	}
	lines->len = 0;
}
