/* SPDX-License-Identifier: MIT */
/* path: the files beside a store, and its path without links in it. */
#include "path.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int path_beside(const char *path, const char *suffix, char ret_path[PATH_MAX], struct why *why)
{
	int n = snprintf(ret_path, PATH_MAX, "%s%s", path, suffix);

	if (n < 0 || n >= PATH_MAX)
		return why_set(why, -ENAMETOOLONG, "the path of the store is too long");
	return 0;
}

int path_folder(const char *path, char ret_folder[PATH_MAX], struct why *why)
{
	char copy[PATH_MAX];
	int r = path_beside(path, "", copy, why);

	if (r < 0)
		return r;
	if (!realpath(dirname(copy), ret_folder))
		return why_set(why, -errno, "cannot find the folder of the store %s: %s", path,
			strerror(errno));
	return 0;
}

int path_real(const char *path, char ret_path[PATH_MAX], struct why *why)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int r = path_folder(path, folder, why);

	if (r < 0)
		return r;
	int n = snprintf(ret_path, PATH_MAX, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder,
		slash ? slash + 1 : path);
	if (n < 0 || n >= PATH_MAX)
		return why_set(why, -ENAMETOOLONG, "the path of the store is too long");
	return 0;
}
