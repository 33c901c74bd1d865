/* SPDX-License-Identifier: MIT */
/* place: which mounted tree is meant, and whether it may be trusted. */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "fd.h"
#include "mounts.h"
#include "tree.h"

/* ---- which ---- */

static int place_copy(char *path, const char *dir, struct why *why)
{
	if (strlen(dir) >= PATH_MAX)
		return why_set(why, -EINVAL, "the path of the mount is too long");
	strcpy(path, dir);
	return 0;
}

/* 1: the settings name a mountpoint. 0: they do not, or there are none. */
static int place_configured(char *path, char *file, size_t size, struct why *why)
{
	struct config *config = malloc(sizeof(*config));
	struct stat st;
	int r = config_path(geteuid(), file, size);

	if (config == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	config_init(config);
	/* A HOME that this user may not even look into is another user's, and so are its settings.
	 */
	if (r == 0 && lstat(file, &st) < 0 && errno == EACCES)
		r = -ENOENT;
	if (r == 0)
		r = config_read_file(config, file, why);
	if (r == 0 && config->mountpoint[0] != '\0') {
		r = place_copy(path, config->mountpoint, why);
		r = r < 0 ? r : 1;
	}
	free(config);
	return r == -ENOENT ? 0 : r;
}

/* May this mount be meant when nobody says which? */
static bool place_candidate(const struct mounts_entry *entry)
{
	return entry->whole && entry->open && strlen(entry->point) < PATH_MAX;
}

/* "a, b, c" of the mounts that could be meant. */
static int place_ambiguous(const struct mounts *mounts, struct why *why)
{
	char places[512] = "";

	for (size_t i = 0; i < mounts->n; i++) {
		const struct mounts_entry *entry = &mounts->entries[i];
		size_t used = strlen(places);

		if (place_candidate(entry) && mounts_trusted(entry))
			snprintf(places + used, sizeof(places) - used, "%s%s", used ? ", " : "",
				entry->point);
	}
	return why_set(
		why, -ENOTUNIQ, "several trees are mounted: %s; say which with -m DIR", places);
}

static int place_strange(const char *path, uid_t owner, struct why *why)
{
	return why_set(why, -ESRMNT,
		"%.500s: mounted by uid %u, which is neither root nor you; use a tree of root's or "
		"your own",
		path, (unsigned)owner);
}

static int place_only(char *path, struct why *why)
{
	AUTO_MOUNTS mounts = {0};
	const struct mounts_entry *found = NULL, *strange = NULL;
	int r = mounts_read(&mounts);

	if (r < 0)
		return tree_why(why, r, "/proc/self/mountinfo");
	for (size_t i = 0; i < mounts.n; i++) {
		const struct mounts_entry *entry = &mounts.entries[i];

		if (!place_candidate(entry))
			continue;
		if (!mounts_trusted(entry)) {
			strange = entry;
			continue;
		}
		/* The same tree may be bound to many places. */
		if (found != NULL && found->dev != entry->dev)
			return place_ambiguous(&mounts, why);
		if (found == NULL)
			found = entry;
	}
	if (found == NULL && strange != NULL)
		return place_strange(strange->point, strange->owner, why);
	if (found == NULL)
		return why_set(why, -ENOENT,
			"no secretfs is mounted; start it with \"secretfs\", or say where it is "
			"with -m DIR or SECRETFS_MOUNT");
	return place_copy(path, found->point, why);
}

/* ---- trust ---- */

/* Inside a user namespace whoever is not mapped has the same number, root too: nothing can be told.
 */
static bool place_unmapped(uid_t uid)
{
	FILE *map;
	unsigned long inside = 1, outside = 1, count = 0;
	bool all;

	if (uid != 65534)
		return false;
	map = fopen("/proc/self/uid_map", "re");
	if (map == NULL)
		return false;
	all = fscanf(map, "%lu %lu %lu", &inside, &outside, &count) == 3 && inside == 0 &&
	      outside == 0 && count >= UINT32_MAX;
	fclose(map);
	return !all;
}

/* Whoever may write to a folder above could put another tree in the place of this one. */
static int place_check_folder(const char *path, const char *folder, struct why *why)
{
	struct stat st;

	if (lstat(folder, &st) < 0)
		return tree_why(why, -errno, folder);
	if ((st.st_mode & 022 && !(st.st_mode & S_ISVTX)) ||
		(st.st_uid != 0 && st.st_uid != geteuid() && !place_unmapped(st.st_uid)))
		return why_set(why, -ESRMNT,
			"%.250s: others can write to %.250s above it and put another tree there; "
			"mount it elsewhere, or chmod go-w",
			path, folder);
	return 0;
}

int place_check_folders(int root, struct why *why)
{
	char link[32], path[PATH_MAX], folder[PATH_MAX];
	ssize_t n;
	int r = 0;

	/* The kernel's name for what is open: without symbolic links, and of this very tree. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", root);
	n = readlink(link, path, sizeof(path));
	if (n < 0 || n >= (ssize_t)sizeof(path))
		return tree_why(why, n < 0 ? -errno : -ENAMETOOLONG, link);
	path[n] = '\0';
	strcpy(folder, path);
	while (r == 0 && strcmp(folder, "/") != 0) {
		char *slash = strrchr(folder, '/');

		if (slash == NULL)
			return why_set(why, -ESRMNT,
				"%.500s: cannot be reached from here; name the tree with -m", path);
		slash[slash == folder] = '\0';
		r = place_check_folder(path, folder, why);
	}
	return r;
}

/* source: which settings file names it, or NULL. */
static int place_check(int root, const char *path, const char *source, struct why *why)
{
	AUTO_MOUNTS mounts = {0};
	const struct mounts_entry *entry;
	struct stat st;
	int r = mounts_read(&mounts);

	if (r < 0)
		return tree_why(why, r, "/proc/self/mountinfo");
	if (fstat(root, &st) < 0)
		return tree_why(why, -errno, path);
	entry = mounts_find(&mounts, st.st_dev);
	if (entry == NULL)
		return why_set(why, -ENOENT,
			"%.300s: no secretfs is mounted there%s%.250s; start it with \"secretfs\" "
			"or "
			"name another place with -m",
			path, source != NULL ? ", as it should be by " : "",
			source != NULL ? source : "");
	if (!mounts_trusted(entry))
		return place_strange(path, entry->owner, why);
	return place_check_folders(root, why);
}

int place_find(const char *dir, char *ret_path, int *ret_root, struct why *why)
{
	char path[PATH_MAX], file[PATH_MAX];
	const char *source = NULL;
	AUTO_FD root = -1;
	int r;

	if (dir == NULL)
		dir = getenv("SECRETFS_MOUNT");
	if (dir != NULL && dir[0] != '\0') {
		r = place_copy(path, dir, why);
	} else {
		r = place_configured(path, file, sizeof(file), why);
		if (r == 1)
			source = file;
		else if (r == 0)
			r = place_only(path, why);
	}
	if (r < 0)
		return r;
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 && errno == ENOTDIR)
		return why_set(
			why, -ENOENT, "%.600s: not a folder; name another place with -m", path);
	if (root < 0)
		return tree_why(why, -errno, path);
	r = place_check(root, path, source, why);
	if (r < 0)
		return r;
	strcpy(ret_path, path);
	*ret_root = fd_take(&root);
	return 0;
}
