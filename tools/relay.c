/* SPDX-License-Identifier: MIT */
/* relay: a program below this one, whose output is passed on with values hidden in it. */
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "child.h"
#include "fd.h"

struct relay_stream {
	int to;   /* ours */
	int give; /* the child's end, until it has started */
	int from; /* -1: ended, or nobody reads what would come */
	bool terminal;
	struct mask mask;
	int err; /* of writing */
};

struct relay {
	struct child child;
	struct relay_stream streams[2];
};

/* ---- pipes and terminals ---- */

static void relay_size(const struct relay_stream *stream)
{
	struct winsize size;

	if (stream->terminal && stream->from >= 0 && ioctl(stream->to, TIOCGWINSZ, &size) == 0)
		ioctl(stream->from, TIOCSWINSZ, &size);
}

/* A terminal that passes on every byte as it is: our own does with them what terminals do. */
static int relay_terminal(struct relay_stream *stream)
{
	struct termios settings;
	char name[64];

	stream->from = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (stream->from < 0 || grantpt(stream->from) < 0 || unlockpt(stream->from) < 0 ||
		ptsname_r(stream->from, name, sizeof(name)) != 0)
		return -errno;
	stream->give = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (stream->give < 0 || tcgetattr(stream->to, &settings) < 0)
		return -errno;
	settings.c_oflag &= ~(tcflag_t)OPOST;
	settings.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(stream->give, TCSANOW, &settings) < 0)
		return -errno;
	stream->terminal = true;
	relay_size(stream);
	return 0;
}

static int relay_pipe(struct relay_stream *stream)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	stream->from = ends[0];
	stream->give = ends[1];
	return 0;
}

static int relay_open(struct relay_stream *stream, int to, const struct mask_words *words)
{
	int r;

	*stream = (struct relay_stream){.to = to, .give = -1, .from = -1};
	if (fcntl(to, F_GETFD) < 0)
		return 0; /* closed for us: closed for the child */
	r = mask_open(&stream->mask, words);
	if (r < 0)
		return r;
	return isatty(to) ? relay_terminal(stream) : relay_pipe(stream);
}

static void relay_close(struct relay *relay)
{
	for (size_t i = 0; i < 2; i++) {
		fd_close(&relay->streams[i].give);
		fd_close(&relay->streams[i].from);
		mask_close(&relay->streams[i].mask);
	}
	child_close(&relay->child);
}

/* ---- passing on ---- */

static bool relay_has_output(const struct relay_stream *stream)
{
	return stream->mask.done < stream->mask.out.len;
}

/* The end of a terminal is EIO. */
static void relay_read(struct relay_stream *stream)
{
	ssize_t n = read(stream->from, mask_room(&stream->mask), MASK_CHUNK);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	mask_feed(&stream->mask, n > 0 ? (size_t)n : 0, n <= 0);
	if (n <= 0)
		fd_close(&stream->from);
}

/* As much as a pipe takes without making us wait: signals are to be passed on meanwhile. */
static void relay_write(struct relay_stream *stream)
{
	struct mask *mask = &stream->mask;
	size_t left = mask->out.len - mask->done;
	ssize_t n =
		write(stream->to, mask->out.data + mask->done, left < PIPE_BUF ? left : PIPE_BUF);

	if (n >= 0) {
		mask->done += (size_t)n;
	} else if (errno != EINTR && errno != EAGAIN) {
		/* The child is to notice as it would without us: by its next write. */
		if (errno != EPIPE)
			stream->err = -errno;
		fd_close(&stream->from);
		mask->done = mask->out.len;
	}
}

/* Returns how many streams are not at their end. */
static size_t relay_polls(struct relay *relay, struct pollfd *polls)
{
	size_t open = 0;

	polls[0] = (struct pollfd){.fd = relay->child.fd, .events = POLLIN};
	for (size_t i = 0; i < 2; i++) {
		const struct relay_stream *stream = &relay->streams[i];
		bool writes = relay_has_output(stream);

		polls[i + 1] = (struct pollfd){.fd = writes ? stream->to : stream->from,
			.events = writes ? POLLOUT : POLLIN};
		open += polls[i + 1].fd >= 0;
	}
	return open;
}

static void relay_signals(struct relay *relay)
{
	bool resized;

	child_read_signals(&relay->child, &resized);
	if (!resized)
		return;
	relay_size(&relay->streams[0]);
	relay_size(&relay->streams[1]);
	child_resized(&relay->child);
}

/* One round. false: there is nothing more to do. */
static bool relay_round(struct relay *relay)
{
	struct pollfd polls[3];
	size_t open = relay_polls(relay, polls);
	/* Who holds the output open when the child has ended is waited for, but not against a
	 * signal. */
	bool leaving = relay->child.pid == 0 && relay->child.ended != 0;
	int n;

	if (relay->child.pid == 0 && open == 0)
		return false;
	n = poll(polls, 3, leaving ? 0 : -1);
	if (n == 0)
		return false;
	if (n < 0)
		return errno == EINTR;
	for (size_t i = 0; i < 2; i++) {
		if (polls[i + 1].revents == 0)
			continue;
		if (relay_has_output(&relay->streams[i]))
			relay_write(&relay->streams[i]);
		else
			relay_read(&relay->streams[i]);
	}
	relay_signals(relay);
	return true;
}

static int relay_start(struct relay *relay, char **argv, char **env, struct why *why)
{
	int r = child_start(
		&relay->child, argv, env, relay->streams[0].give, relay->streams[1].give, why);

	fd_close(&relay->streams[0].give);
	fd_close(&relay->streams[1].give);
	return r;
}

static int relay_result(struct relay *relay, struct why *why)
{
	for (size_t i = 0; i < 2; i++) {
		int err = relay->streams[i].err;

		if (err < 0)
			return why_set(why, err, "%s: %s",
				i == 0 ? "standard output" : "standard error", strerror(-err));
	}
	return child_end_alike(&relay->child);
}

int relay_run(char **argv, char **env, const struct mask_words *words, struct why *why)
{
	struct relay relay = {.child = CHILD_INIT};
	int r = relay_open(&relay.streams[0], STDOUT_FILENO, words);

	if (r == 0)
		r = relay_open(&relay.streams[1], STDERR_FILENO, words);
	else
		relay.streams[1] = (struct relay_stream){.give = -1, .from = -1};
	if (r < 0)
		why_set(why, r, "cannot take the output of %.300s: %s", argv[0], strerror(-r));
	else
		r = child_signals(&relay.child, why);
	if (r == 0)
		r = relay_start(&relay, argv, env, why);
	if (r == 0) {
		while (relay_round(&relay))
			;
		r = relay_result(&relay, why);
	}
	relay_close(&relay);
	return r;
}
