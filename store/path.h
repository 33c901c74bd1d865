/* SPDX-License-Identifier: MIT */
/* path: the files beside a store, and its path without links in it. */
#ifndef STORE_PATH_H
#define STORE_PATH_H

#include <limits.h>

#include "why.h"

/* path and suffix. -ENAMETOOLONG. */
int path_beside(const char *path, const char *suffix, char ret_path[PATH_MAX], struct why *why);

/* The folder that path is in, without links. errnos of realpath(3). */
int path_folder(const char *path, char ret_folder[PATH_MAX], struct why *why);

/* path with its folder so; whether it is there itself, or is a link, does not matter. */
int path_real(const char *path, char ret_path[PATH_MAX], struct why *why);

#endif
