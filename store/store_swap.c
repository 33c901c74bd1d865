/* SPDX-License-Identifier: MIT */
/*
 * store_swap: another file in the place of a store. It is built as STORE.new beside it and renamed
 * over it when it is whole and on the disk, so that at each moment there is either of the two. A
 * log of the old one must be gone before, or SQLite would apply it to the new one.
 */
#include "store_int.h"

#include "fd.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT_MAX 1000

static const char *const beside[] = {"-wal", "-shm", "-journal"};

#define NBESIDE (sizeof(beside) / sizeof(beside[0]))

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int remove_if_there(const char *path, struct why *why)
{
	if (unlink(path) == 0 || errno == ENOENT)
		return 0;
	return why_set(why, -errno, "cannot remove %s: %s", path, strerror(errno));
}

static int remove_beside(const char *path, struct why *why)
{
	char name[PATH_MAX];
	int r = 0;

	for (size_t i = 0; i < NBESIDE && r == 0; i++) {
		r = path_beside(path, beside[i], name, why);
		if (r == 0)
			r = remove_if_there(name, why);
	}
	return r;
}

int swap_begin(struct swap *swap, const char *path, struct why *why)
{
	int r = path_real(path, swap->path, why);

	if (r == 0)
		r = path_beside(swap->path, ".new", swap->made, why);
	/* One that was interrupted. */
	if (r == 0)
		r = remove_if_there(swap->made, why);
	if (r == 0)
		r = remove_beside(swap->made, why);
	if (r < 0)
		return r;
	int fd = open(swap->made, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return why_set(why, -errno, "cannot make %s: %s", swap->made, strerror(errno));
	return fd;
}

void swap_abandon(struct swap *swap)
{
	if (swap->made[0] == '\0')
		return;
	unlink(swap->made);
	remove_beside(swap->made, NULL);
	swap->made[0] = '\0';
}

/* Whoever closes a store last copies its log into it. -EBADMSG and others: it cannot be opened. */
static int fold_log(const char *path, struct why *why)
{
	AUTO_DB db = NULL;
	int r = store_db_open(path, DB_WRITER, &db, why);

	if (r < 0)
		return r;
	r = db_checkpoint(db, 1);
	return r < 0 ? why_set(why, r, "cannot copy the log of the store %s into it: %s", path,
			       strerror(-r))
		     : 0;
}

static int log_is_gone(const char *path, struct why *why)
{
	char name[PATH_MAX];

	for (size_t i = 0; i < NBESIDE; i++) {
		int r = path_beside(path, beside[i], name, why);
		if (r < 0)
			return r;
		if (is_there(name))
			return why_set(why, -EBUSY,
				"%s is still there: another program has the store open; end it",
				name);
	}
	return 0;
}

/* ---- keeping the old one ---- */

/* The first name that is free, or already is a second name of the store, from a time before. */
static int kept_name(const char *path, char ret_name[PATH_MAX], struct why *why)
{
	struct stat store, st;
	char suffix[32];

	if (lstat(path, &store) < 0)
		store = (struct stat){0};
	for (unsigned i = 1; i <= KEPT_MAX; i++) {
		snprintf(suffix, sizeof(suffix), ".before-restore-%u", i);
		int r = path_beside(path, suffix, ret_name, why);
		if (r < 0)
			return r;
		if (lstat(ret_name, &st) < 0)
			return 0;
		if (st.st_dev == store.st_dev && st.st_ino == store.st_ino)
			return 0;
	}
	return why_set(why, -EEXIST, "there are %u files %s.before-restore-*; remove some",
		KEPT_MAX, path);
}

/* What SQLite could not fold in stays with the file that it belongs to; its index can be made
 * again. */
static int keep_log(const char *path, const char *kept, struct why *why)
{
	char from[PATH_MAX], to[PATH_MAX];
	int r = path_beside(path, "-shm", from, why);

	if (r == 0)
		r = remove_if_there(from, why);
	if (r == 0)
		r = path_beside(path, "-wal", from, why);
	if (r == 0)
		r = path_beside(kept, "-wal", to, why);
	if (r == 0 && rename(from, to) < 0 && errno != ENOENT)
		r = why_set(why, -errno, "cannot move %s: %s", from, strerror(errno));
	return r;
}

/* A second name, so that there is a store under its own at each moment. */
static int keep_old(const char *path, char ret_kept[PATH_MAX], struct why *why)
{
	int r = kept_name(path, ret_kept, why);

	/* One that does not even open keeps its log: see keep_log. */
	if (r == 0 && is_there(path))
		fold_log(path, NULL);
	if (r == 0 && link(path, ret_kept) < 0 && errno != ENOENT && errno != EEXIST)
		r = why_set(
			why, -errno, "cannot keep the store as %s: %s", ret_kept, strerror(errno));
	if (r == 0)
		r = keep_log(path, ret_kept, why);
	/* There was none. */
	if (r == 0 && !is_there(ret_kept))
		ret_kept[0] = '\0';
	return r;
}

/* ---- putting it in place ---- */

static int sync_file(const char *path, int flags, struct why *why)
{
	AUTO_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags);

	if (fd < 0 || fsync(fd) < 0)
		return why_set(why, -errno, "cannot sync %s: %s", path, strerror(errno));
	return 0;
}

int swap_ready(struct swap *swap, struct why *why)
{
	int r = log_is_gone(swap->made, why);

	return r < 0 ? r : sync_file(swap->made, 0, why);
}

int swap_commit(struct swap *swap, char *ret_kept, struct why *why)
{
	char folder[PATH_MAX];
	int r = path_folder(swap->path, folder, why);

	if (r == 0 && ret_kept)
		r = keep_old(swap->path, ret_kept, why);
	else if (r == 0)
		r = fold_log(swap->path, why);
	if (r == 0)
		r = log_is_gone(swap->path, why);
	/* A log that is gone must not come back with a power cut, beside the new file. */
	if (r == 0)
		r = sync_file(folder, O_DIRECTORY, why);
	if (r < 0)
		return r;
	if (rename(swap->made, swap->path) < 0)
		return why_set(why, -errno, "cannot put %s in the place of the store: %s",
			swap->made, strerror(errno));
	swap->made[0] = '\0';
	r = sync_file(folder, O_DIRECTORY, why);
	return r < 0 ? why_set(why, r,
			       "the new store is in place, but after a power cut the old one may "
			       "be "
			       "there again: the folder %s cannot be synced: %s",
			       folder, strerror(-r))
		     : 0;
}
