/* SPDX-License-Identifier: MIT */
/*
 * reserve: STORE.reserve, room on the store's disk that is given up when that is full, so that
 * something can still be deleted, and a daemon can start: SQLite's log needs room for that, too.
 *
 * Threads: the writer's alone; reserve_db_open any.
 */
#include "store_int.h"

#include "fd.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DISK_PART 8           /* of the disk at most */
#define LEAST     (64u << 10) /* less helps nobody */

static uint64_t reserve_size(const struct store *store)
{
	struct statvfs disk;

	if (!store->limits.reserve || statvfs(store->path, &disk) < 0)
		return 0;
	uint64_t most = (uint64_t)disk.f_blocks * disk.f_frsize / DISK_PART;
	uint64_t size = store->limits.reserve < most ? store->limits.reserve : most;
	return size < LEAST ? 0 : size / 4096 * 4096;
}

/* One of an earlier worker. */
static bool reserve_found(const char *path, uint64_t size)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size >= size &&
	       (uint64_t)st.st_blocks * 512 >= size;
}

static int reserve_allocate(const char *path, uint64_t size)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	int r = -posix_fallocate(fd, 0, (off_t)size);
	if (r < 0)
		unlink(path);
	return r;
}

/* As much of it as there is room for. Returns how much, 0: nothing. */
static uint64_t reserve_take(const char *path, uint64_t size)
{
	if (reserve_found(path, size))
		return size;
	unlink(path);
	while (size >= LEAST && reserve_allocate(path, size) < 0)
		size = size / 2 / 4096 * 4096;
	return size < LEAST ? 0 : size;
}

void reserve_make(struct store *store)
{
	char path[PATH_MAX];
	uint64_t size = store->reserved ? 0 : reserve_size(store);

	if (size == 0 || path_beside(store->path, ".reserve", path, NULL) < 0)
		return;
	uint64_t taken = reserve_take(path, size);
	store->reserved = taken > 0;
	/* What is in the log is to fit in as well as what a removal adds to it. */
	if (taken)
		size = taken;
	if (size / 2 / 4096 < (uint64_t)store->log_pages)
		store->log_pages = (int)(size / 2 / 4096);
}

bool reserve_give(struct store *store)
{
	char path[PATH_MAX];

	if (!store->reserved || path_beside(store->path, ".reserve", path, NULL) < 0)
		return false;
	store->reserved = false;
	return unlink(path) == 0;
}

int reserve_db_open(const char *path, enum db_mode mode, struct db **ret_db, struct why *why)
{
	char reserve[PATH_MAX];
	int r = db_open(path, mode, ret_db, why);

	if (r != -ENOSPC || path_beside(path, ".reserve", reserve, NULL) < 0 || unlink(reserve) < 0)
		return r;
	return db_open(path, mode, ret_db, why);
}
