/* SPDX-License-Identifier: MIT */
/* caller: /proc/PID/comm and /proc/PID/cgroup, and the cache of them. Nothing else of a process is
 * looked at: cmdline, environ and maps would wait for a lock that it may hold while it waits for
 * us. */
#include "caller.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"

#define CACHED  256
#define KEEP_NS 1000000000ll

static struct {
	pthread_mutex_t lock; /* all */
	struct {
		int32_t pid; /* 0: free */
		int64_t read_at;
		struct caller caller;
	} entry[CACHED];
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Returns how many bytes; 0 also where it cannot be read. */
static size_t proc_read(int32_t pid, const char *name, char *bytes, size_t size)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, bytes, size);

	return n > 0 ? (size_t)n : 0;
}

/*
 * Lines "0::/path" (version 2) or "number:controllers:/path". The unified one counts, unless it is
 * not used ("/") and another one says more.
 */
static void cgroup_parse(const char *text, size_t len, struct caller *caller)
{
	const char *best = "", *end = text + len;
	size_t best_len = 0;

	for (const char *line = text; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		stop = stop ? stop : end;
		const char *colon = memchr(line, ':', (size_t)(stop - line));
		const char *path =
			colon ? memchr(colon + 1, ':', (size_t)(stop - colon - 1)) : NULL;
		if (path) {
			size_t path_len = (size_t)(stop - path - 1);
			bool unified = stop - line > 3 && memcmp(line, "0::", 3) == 0;
			if (best_len == 0 || (unified && path_len > 1) ||
				(best_len == 1 && path_len > 1)) {
				best = path + 1;
				best_len = path_len;
			}
			if (unified && path_len > 1)
				break;
		}
		line = stop + 1;
	}
	size_t cut = best_len > CALLER_CGROUP ? best_len - CALLER_CGROUP : 0;
	caller->cgroup_len = (uint16_t)(best_len - cut);
	memcpy(caller->cgroup, best + cut, caller->cgroup_len);
}

static void caller_read(int32_t pid, struct caller *caller)
{
	char text[4096];
	size_t n = proc_read(pid, "comm", text, sizeof(text));

	if (n > 0 && text[n - 1] == '\n')
		n--;
	caller->comm_len = (uint16_t)(n < CALLER_COMM ? n : CALLER_COMM);
	memcpy(caller->comm, text, caller->comm_len);
	n = proc_read(pid, "cgroup", text, sizeof(text));
	cgroup_parse(text, n, caller);
}

void caller_find(int32_t pid, struct caller *ret_caller)
{
	size_t at = (uint32_t)pid % CACHED;
	int64_t now = now_ns();

	*ret_caller = (struct caller){.comm_len = 0};
	if (pid <= 0)
		return;
	pthread_mutex_lock(&cache.lock);
	bool known = cache.entry[at].pid == pid;
	bool fresh = known && now - cache.entry[at].read_at < KEEP_NS;
	if (known)
		*ret_caller = cache.entry[at].caller;
	pthread_mutex_unlock(&cache.lock);
	if (fresh)
		return;
	struct caller read = {.comm_len = 0};
	caller_read(pid, &read);
	/* It has ended: what was known of it is as good. */
	if (read.comm_len == 0)
		return;
	*ret_caller = read;
	pthread_mutex_lock(&cache.lock);
	cache.entry[at].pid = pid;
	cache.entry[at].read_at = now;
	cache.entry[at].caller = read;
	pthread_mutex_unlock(&cache.lock);
}
