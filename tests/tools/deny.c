/* SPDX-License-Identifier: MIT */
/*
 * deny: a library for LD_PRELOAD: a call of the C library fails from its n-th time on.
 *
 *     DENY=renameat2:1:17 LD_PRELOAD=.../libdeny.so secretctl ...      errno 17 at once
 *
 * For what nobody can bring about from outside at the right moment.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

static bool denied(const char *call)
{
	static unsigned times;
	const char *deny = getenv("DENY");
	char name[32];
	unsigned first;
	int err;

	if (!deny || sscanf(deny, "%31[^:]:%u:%d", name, &first, &err) != 3 ||
		strcmp(name, call) != 0 || ++times < first)
		return false;
	errno = err;
	return true;
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
	int (*next)(int, const char *, int, const char *, unsigned);

	*(void **)&next = dlsym(RTLD_NEXT, "renameat2");
	return denied("renameat2") ? -1 : next(from, old, to, new, flags);
}

int setxattr(const char *path, const char *name, const void *value, size_t size, int flags)
{
	int (*next)(const char *, const char *, const void *, size_t, int);

	*(void **)&next = dlsym(RTLD_NEXT, "setxattr");
	return denied("setxattr") ? -1 : next(path, name, value, size, flags);
}

int unlinkat(int dir, const char *path, int flags)
{
	int (*next)(int, const char *, int);

	*(void **)&next = dlsym(RTLD_NEXT, "unlinkat");
	return denied("unlinkat") ? -1 : next(dir, path, flags);
}
