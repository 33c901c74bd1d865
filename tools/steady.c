/* SPDX-License-Identifier: MIT */
/* steady: reading values of a secret that belong together. */
#include "steady.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "attr.h"

#define STEADY_TRIES 16

struct stamp {
	int err;
	uint64_t ino;
	struct statx_timestamp changed;
};

struct moment {
	int err; /* of the version: 0 it is known, -ENODATA there is none, else the stamps count */
	char version[ATTR_TEXT];
	struct stamp secret;
	struct stamp *keys;
};

static struct stamp stamp_of(int dir, const char *name)
{
	struct stamp stamp = {0};
	struct statx st;
	int flags =
		AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC | (name[0] == '\0' ? AT_EMPTY_PATH : 0);

	if (statx(dir, name, flags, STATX_BASIC_STATS, &st) < 0) {
		stamp.err = -errno;
		return stamp;
	}
	stamp.ino = st.stx_ino;
	stamp.changed = name[0] == '\0' ? st.stx_mtime : st.stx_ctime;
	return stamp;
}

static bool stamp_same(const struct stamp *a, const struct stamp *b)
{
	return a->err == b->err && a->ino == b->ino && a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

/* ---- one try ---- */

/* Before it is known which keys there are. */
static void moment_begin(int dir, struct moment *moment)
{
	moment->err = attr_get(dir, "version", moment->version);
	if (moment->err < 0 && moment->err != -ENODATA)
		moment->secret = stamp_of(dir, "");
}

static int moment_keys(const struct steady *steady, int dir, struct moment *moment, size_t n)
{
	if (moment->err == 0 || moment->err == -ENODATA)
		return 0;
	moment->keys = calloc(n ? n : 1, sizeof(*moment->keys));
	if (moment->keys == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		moment->keys[i] = stamp_of(dir, steady->key(steady->arg, i));
	return 0;
}

static bool moment_same(const struct steady *steady, int dir, const struct moment *moment, size_t n)
{
	char version[ATTR_TEXT];

	if (moment->err == -ENODATA)
		return true;
	if (moment->err == 0)
		return attr_get(dir, "version", version) == 0 &&
		       strcmp(version, moment->version) == 0;
	struct stamp secret = stamp_of(dir, "");
	bool same = stamp_same(&secret, &moment->secret);
	for (size_t i = 0; i < n && same; i++) {
		struct stamp key = stamp_of(dir, steady->key(steady->arg, i));

		same = stamp_same(&key, &moment->keys[i]);
	}
	return same;
}

static int steady_all(const struct steady *steady, int dir, struct moment *moment)
{
	moment_begin(dir, moment);
	long n = steady->begin(steady->arg);
	int r = n < 0 ? (int)n : moment_keys(steady, dir, moment, (size_t)n);

	if (r == 0)
		r = steady->read(steady->arg);
	return r == 0 && !moment_same(steady, dir, moment, (size_t)n) ? 1 : r;
}

/* One key by itself is of one moment anyway. */
static int steady_some(const struct steady *steady, int dir, struct moment *moment)
{
	long n = steady->begin(steady->arg);

	if (n < 0)
		return (int)n;
	if (n <= 1)
		return steady->read(steady->arg);
	moment_begin(dir, moment);
	int r = moment_keys(steady, dir, moment, (size_t)n);
	if (r == 0)
		r = steady->read(steady->arg);
	return r == 0 && !moment_same(steady, dir, moment, (size_t)n) ? 1 : r;
}

int steady_read(const struct steady *steady, int dir)
{
	for (int i = 0; i < STEADY_TRIES; i++) {
		struct moment moment = {0};
		int r = steady->whole ? steady_all(steady, dir, &moment)
				      : steady_some(steady, dir, &moment);

		free(moment.keys);
		if (r <= 0)
			return r;
	}
	return -EAGAIN;
}
