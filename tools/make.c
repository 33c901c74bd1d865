/* SPDX-License-Identifier: MIT */
/* make: bundles put into the tree, each as a whole or not at all. */
#include "make.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "owner.h"

int make_exists(const struct bundle *b, const struct tree *tree, struct why *why)
{
	struct stat st;
	int r = tree_ns_usable(tree, b->name.ns, why);

	if (r < 0)
		return r;
	if (fstatat(tree->ns[b->name.ns], b->name.name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : tree_why(why, -errno, b->name.text);
}

static const struct bundle_mode *make_mode_of(const struct bundle *b, const char *key)
{
	for (size_t i = 0; i < b->nmodes; i++) {
		if (strcmp(b->modes[i].key, key) == 0)
			return &b->modes[i];
	}
	return NULL;
}

/* In private modes mean nothing, and in public a file may not say what they are. */
static bool make_has_modes(const struct bundle *b)
{
	return b->has_mode && b->name.ns == TREE_PUBLIC;
}

/* The secret last: until then it is closed to others. */
static int make_modes(const struct bundle *b, int dir, struct why *why)
{
	const struct values *values = &b->edit.change.set;
	char path[40];

	if (!make_has_modes(b))
		return 0;
	for (size_t i = 0; i < values->n; i++) {
		const char *key = values->items[i].key;
		const struct bundle_mode *own = make_mode_of(b, key);

		if (fchmodat(dir, key, own != NULL ? own->mode : b->mode & 0666, 0) < 0)
			return tree_key_why(why, -errno, &b->name, key);
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	return chmod(path, b->mode) < 0 ? tree_why(why, -errno, b->name.text) : 0;
}

static int make_fill(const struct bundle *b, int dir, struct why *why)
{
	struct edit_undo undo;
	int r = edit_attrs(&b->edit, dir, &b->name, &undo, why);

	if (r == 0)
		r = change_fill(&b->edit.change, dir, &b->name, why);
	return r < 0 ? r : make_modes(b, dir, why);
}

/* Only what was made here: whoever else may write into it has made his own. */
static int make_undo(const struct bundle *b, int ns, int dir)
{
	const struct values *values = &b->edit.change.set;
	int r = 0;

	for (size_t i = 0; dir >= 0 && i < values->n; i++) {
		if (unlinkat(dir, values->items[i].key, 0) < 0 && errno != ENOENT)
			r = -errno;
	}
	if (unlinkat(ns, b->name.name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

int make_new(const struct bundle *b, const struct tree *tree, struct why *why)
{
	int ns = tree->ns[b->name.ns], r;
	AUTO_FD dir = -1;

	if (mkdirat(ns, b->name.name, make_has_modes(b) ? 0700 : 0777) < 0) {
		if (errno == EEXIST)
			return why_set(why, -EEXIST, "%s: it exists already and was not changed",
				b->name.text);
		return tree_why(why, -errno, b->name.text);
	}
	dir = openat(ns, b->name.name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = dir < 0 ? tree_why(why, -errno, b->name.text) : make_fill(b, dir, why);
	if (r < 0 && make_undo(b, ns, dir) < 0) {
		struct why first = *why;

		why_set(why, r, "%.600s; a part is left: remove it with \"secretctl delete\"",
			first.text);
	}
	return r;
}

int make_merged(const struct bundle *b, const struct tree *tree, struct why *why)
{
	struct tree_name name = b->name;
	struct edit_undo undo;
	AUTO_FD dir =
		openat(tree->ns[name.ns], name.name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = dir < 0 ? tree_why(why, -errno, name.text) : 0;

	if (r == 0)
		r = owner_check_change(&name, dir, why);
	if (r == 0)
		r = change_check(&b->edit.change, dir, &name, why);
	if (r < 0)
		return r;
	r = edit_attrs(&b->edit, dir, &name, &undo, why);
	if (r < 0)
		return r;
	r = change_apply(&b->edit.change, dir, &name, why);
	if (r < 0 && edit_attrs_undo(dir, &undo) < 0) {
		struct why first = *why;

		why_set(why, r, "%.600s; its expiry or description may have changed", first.text);
	}
	return r;
}
