/* SPDX-License-Identifier: MIT */
/* notice: when something may have happened to a secret. */
#include "notice.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "fd.h"

#define NOTICE_NAMES  (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR)
#define NOTICE_SECRET (NOTICE_NAMES | IN_MODIFY | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF)

/* inotify takes no descriptor; this is the very directory that dir is. */
static int notice_add(const struct notice *notice, int dir, uint32_t mask)
{
	char path[40];
	int wd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	wd = inotify_add_watch(notice->fd, path, mask);
	return wd < 0 ? -errno : wd;
}

int notice_open(struct notice *notice, const struct tree *tree, const struct tree_name *name,
	struct why *why)
{
	snprintf(notice->name, sizeof(notice->name), "%s", name->name);
	notice->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (notice->fd < 0)
		return why_set(why, -errno, "cannot watch: %s", strerror(errno));
	for (enum tree_ns ns = TREE_PRIVATE; ns <= TREE_PUBLIC; ns++) {
		int wd;

		if ((name->ns != TREE_ANY && name->ns != ns) || tree->ns[ns] < 0)
			continue;
		wd = notice_add(notice, tree->ns[ns], NOTICE_NAMES);
		if (wd < 0)
			return why_set(
				why, wd, "cannot watch %s: %s", tree_ns_text(ns), strerror(-wd));
	}
	return 0;
}

int notice_secret(struct notice *notice, int dir)
{
	int wd = dir < 0 ? -1 : notice_add(notice, dir, NOTICE_SECRET);

	if (wd < 0 && dir >= 0)
		return wd;
	/* Fails where the kernel has dropped it already with its directory. */
	if (notice->secret >= 0 && notice->secret != wd)
		inotify_rm_watch(notice->fd, notice->secret);
	notice->secret = wd;
	return 0;
}

static void notice_event(
	const struct notice *notice, const struct inotify_event *event, struct notice_news *news)
{
	bool own = event->wd == notice->secret;

	if (event->mask & IN_UNMOUNT)
		news->unmount = true;
	if (event->mask & IN_Q_OVERFLOW)
		news->any = true;
	if (own && event->mask & IN_MODIFY)
		news->open = true;
	/* In a namespace the other names are none of ours. */
	if (own || (event->len > 0 && strcmp(event->name, notice->name) == 0))
		news->any = true;
}

int notice_read(struct notice *notice, struct notice_news *ret_news)
{
	_Alignas(struct inotify_event) char buffer[16384];
	struct notice_news news = {0};
	ssize_t n;

	while ((n = read(notice->fd, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *event = (const void *)(buffer + at);

			notice_event(notice, event, &news);
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	*ret_news = news;
	return 0;
}

void notice_close(struct notice *notice)
{
	fd_close(&notice->fd);
	*notice = NOTICE_INIT;
}
