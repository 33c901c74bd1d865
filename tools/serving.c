/* SPDX-License-Identifier: MIT */
/* serving: does the daemon behind the tree answer, and what does it say of itself? */
#include "serving.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"
#include "io.h"
#include "place.h"
#include "tree.h"

/* What the process that asks sends back, at once: less than a pipe holds. */
struct serving_answer {
	int err;
	struct why why;
	char path[PATH_MAX];
	dev_t dev;
	size_t len;
	char text[16 << 10];
};

/* ---- the process that asks ---- */

static int serving_read(int root, struct serving_answer *answer)
{
	AUTO_FD fd = openat(root, ".secretfs/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0)
		return tree_why(&answer->why, -errno, answer->path);
	while (n > 0 && answer->len < sizeof(answer->text)) {
		n = read(fd, answer->text + answer->len, sizeof(answer->text) - answer->len);
		if (n < 0)
			return tree_why(&answer->why, -errno, answer->path);
		answer->len += (size_t)n;
	}
	return 0;
}

static _Noreturn void serving_child(const char *dir, int to)
{
	static struct serving_answer answer;
	struct stat st = {0};
	int root = -1;

	answer.err = place_find(dir, answer.path, &root, &answer.why);
	if (answer.err == 0)
		answer.err = serving_read(root, &answer);
	/* A namespace comes from the store. */
	if (answer.err == 0 && fstatat(root, "public", &st, AT_SYMLINK_NOFOLLOW) < 0)
		answer.err = tree_why(&answer.why, -errno, answer.path);
	answer.dev = st.st_dev;
	/* Nobody reads it any more when this fails. */
	_exit(io_write_all(to, &answer, sizeof(answer)) < 0);
}

/* ---- the one that waits ---- */

static int64_t serving_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

static int serving_receive(int from, int64_t until, struct serving_answer *answer)
{
	size_t len = 0;

	while (len < sizeof(*answer)) {
		struct pollfd wait = {.fd = from, .events = POLLIN};
		int64_t left = until - serving_now();
		ssize_t n;

		if (left <= 0 || poll(&wait, 1, (int)left) == 0)
			return -ETIMEDOUT;
		n = read(from, (char *)answer + len, sizeof(*answer) - len);
		if (n == 0)
			return -EPROTO;
		if (n < 0 && errno != EINTR)
			return -errno;
		len += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int serving_wait(const char *dir, unsigned seconds, struct serving_answer *answer)
{
	int ends[2], r;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		serving_child(dir, ends[1]);
	close(ends[1]);
	r = child < 0 ? -errno : serving_receive(ends[0], serving_now() + seconds * 1000ll, answer);
	close(ends[0]);
	if (r == -ETIMEDOUT)
		kill(child, SIGKILL);
	else if (child > 0)
		waitpid(child, NULL, 0);
	return r;
}

int serving_ask(const char *dir, unsigned seconds, struct serving *ret_serving, struct why *why)
{
	struct serving_answer *answer = calloc(1, sizeof(*answer));
	int r;

	*ret_serving = (struct serving){0};
	if (answer == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	r = serving_wait(dir, seconds, answer);
	if (r == -ETIMEDOUT)
		why_set(why, r,
			"the daemon does not answer in %u seconds; if that stays so, cut it off "
			"with "
			"\"umount -f\" and start secretfs again",
			seconds);
	else if (r < 0)
		why_set(why, r, "the daemon could not be asked: %s", strerror(-r));
	if (r == 0) {
		strcpy(ret_serving->path, answer->path);
		ret_serving->dev = answer->dev;
		r = answer->err;
		*why = answer->why;
	}
	if (r == 0) {
		ret_serving->status = json_loadb(answer->text, answer->len, 0, NULL);
		if (!json_is_object(ret_serving->status))
			r = why_set(why, -EPROTO,
				"%s: what the daemon says of itself cannot be understood; are it "
				"and "
				"secretctl of one version?",
				ret_serving->path);
	}
	free(answer);
	return r;
}

void serving_free(struct serving *serving)
{
	json_decref(serving->status);
	*serving = (struct serving){0};
}
