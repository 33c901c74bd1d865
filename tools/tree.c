/* SPDX-License-Identifier: MIT */
/* tree: the mounted tree as secretctl sees it: where it is, its two namespaces, the secrets and
 * keys in them. */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "ident.h"
#include "io.h"
#include "place.h"

static const char *tree_hint(int err)
{
	switch (-err) {
	case EACCES:
	case EPERM:
		return "ask its owner for the permission, or see getfacl(1)";
	case ENOTCONN:
	case ECONNABORTED:
		return "the daemon is gone: start secretfs again";
	case EFBIG:
		return "it is longer than the daemon's setting max_value allows";
	case EDQUOT:
		return "a limit of the daemon is reached: remove something or raise the limit";
	case ENOSPC:
		return "the store's disk is full: make room there";
	case EKEYEXPIRED:
		return "its owner may set another date with \"secretctl update "
		       "--expires\"";
	case ENOMEM:
		return "the daemon or this program is out of locked memory: raise ulimit -l or "
		       "close files";
	case EIO:
		return "the daemon's log says more";
	case EROFS:
		return "use a mount that can be written";
	case ENOTEMPTY:
		return "something was added meanwhile: try again";
	default:
		return NULL;
	}
}

int tree_why(struct why *why, int err, const char *what)
{
	const char *hint = tree_hint(err);

	return why_set(why, err, "%s: %s%s%s", what, strerror(-err), hint != NULL ? "; " : "",
		hint != NULL ? hint : "");
}

int tree_key_why(struct why *why, int err, const struct tree_name *name, const char *key)
{
	char what[2 * NAME_MAX_BYTES + 32];

	snprintf(what, sizeof(what), "%s/%s", name->text, key);
	return tree_why(why, err, what);
}

int tree_open(struct tree *ret_tree, const char *dir, struct why *why)
{
	struct tree tree = TREE_INIT;
	AUTO_FD root = -1;
	int r = place_find(dir, tree.path, &root, why);

	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++) {
		tree.ns[i] = openat(root, tree_ns_text(i), O_PATH | O_DIRECTORY | O_CLOEXEC);
		tree.err[i] = tree.ns[i] < 0 ? -errno : 0;
	}
	if (tree.err[TREE_PUBLIC] == -ENOENT) {
		tree_close(&tree);
		return why_set(why, -ENOENT,
			"%s: not the top of a secretfs tree; give the folder that holds public/",
			tree.path);
	}
	*ret_tree = tree;
	return 0;
}

void tree_close(struct tree *tree)
{
	fd_close(&tree->ns[TREE_PRIVATE]);
	fd_close(&tree->ns[TREE_PUBLIC]);
}

const char *tree_ns_text(enum tree_ns ns)
{
	return ns == TREE_PRIVATE ? "private" : "public";
}

void tree_name_set(struct tree_name *name, enum tree_ns ns)
{
	name->ns = ns;
	if (ns == TREE_ANY)
		snprintf(name->text, sizeof(name->text), "%s", name->name);
	else
		snprintf(name->text, sizeof(name->text), "%s/%s", tree_ns_text(ns), name->name);
}

int tree_name_parse(struct tree_name *ret_name, const char *text, struct why *why)
{
	struct tree_name name = {.ns = TREE_ANY};

	if (strncmp(text, "private/", 8) == 0)
		name.ns = TREE_PRIVATE;
	else if (strncmp(text, "public/", 7) == 0)
		name.ns = TREE_PUBLIC;
	if (name.ns != TREE_ANY)
		text = strchr(text, '/') + 1;
	if (name_check(text, strlen(text)) < 0)
		return why_set(why, -EINVAL,
			"that cannot be the name of a secret: 1 to 255 bytes of UTF-8 without '/' "
			"and control "
			"characters");
	strcpy(name.name, text);
	name.bare = name.ns == TREE_ANY;
	tree_name_set(&name, name.ns);
	*ret_name = name;
	return 0;
}

int tree_name_select(struct tree_name *name, enum tree_ns ns, struct why *why)
{
	if (ns != TREE_ANY && name->ns != TREE_ANY && name->ns != ns)
		return why_set(why, -EINVAL, "%s: the options say %s; leave out one of the two",
			name->text, tree_ns_text(ns));
	if (ns != TREE_ANY) {
		tree_name_set(name, ns);
		name->bare = false;
	}
	return 0;
}

int tree_key_check(const char *key, struct why *why)
{
	int r = name_check_key(key, strlen(key));

	if (r == -EPERM)
		return why_set(why, -EINVAL,
			"%s: this name is reserved for a view; choose another key", key);
	if (r < 0)
		return why_set(why, -EINVAL,
			"that cannot be the name of a key: 1 to 255 bytes of UTF-8 without '/' and "
			"control "
			"characters");
	return 0;
}

int tree_ns_usable(const struct tree *tree, enum tree_ns ns, struct why *why)
{
	if (tree->ns[ns] >= 0)
		return 0;
	if (ns == TREE_PRIVATE && tree->err[ns] == -EACCES)
		return why_set(why, -EACCES,
			"private: this user has no private secrets here; use public/NAME");
	return tree_why(why, tree->err[ns], tree_ns_text(ns));
}

static int tree_no_secret(const struct tree *tree, const struct tree_name *name, struct why *why)
{
	struct near near;

	near_start(&near, name->name);
	for (enum tree_ns ns = TREE_PRIVATE; ns <= TREE_PUBLIC; ns++) {
		AUTO_TREE_LIST list = {0};

		if (tree->ns[ns] < 0 || tree_list(tree->ns[ns], &list) < 0)
			continue;
		for (size_t i = 0; i < list.n; i++)
			near_try(&near, ns == TREE_PRIVATE ? "private/" : "public/", list.names[i]);
	}
	if (near_found(&near))
		return why_set(why, -ENOENT, "%s: there is no such secret; did you mean %s?",
			name->text, near.best);
	return why_set(why, -ENOENT,
		"%s: there is no such secret; \"secretctl list\" shows what there is", name->text);
}

int tree_find(const struct tree *tree, struct tree_name *name, int *ret_dir, struct why *why)
{
	if (ident_is_id(name->name)) {
		int found = ident_find(tree, name, ret_dir, why);

		if (found != 0)
			return found < 0 ? found : 0;
	}
	for (enum tree_ns ns = TREE_PRIVATE; ns <= TREE_PUBLIC; ns++) {
		int dir, r;

		if (name->ns != TREE_ANY && name->ns != ns)
			continue;
		if (name->ns == TREE_ANY && tree->ns[ns] < 0 && tree->err[ns] == -EACCES)
			continue;
		r = tree_ns_usable(tree, ns, why);
		if (r < 0)
			return r;
		dir = openat(
			tree->ns[ns], name->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir >= 0) {
			tree_name_set(name, ns);
			*ret_dir = dir;
			return 0;
		}
		/* Anything but "not there" must not make another secret of the same name answer. */
		if (errno != ENOENT)
			return tree_why(why, -errno, name->text);
	}
	return tree_no_secret(tree, name, why);
}

static int tree_list_cmp(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

int tree_list_add(struct tree_list *list, const char *name)
{
	char **names = list->names;

	/* Room grows at powers of two. */
	if ((list->n & (list->n - 1)) == 0) {
		names = realloc(names, (list->n ? list->n * 2 : 1) * sizeof(*names));
		if (names == NULL)
			return -ENOMEM;
		list->names = names;
	}
	names[list->n] = strdup(name);
	if (names[list->n] == NULL)
		return -ENOMEM;
	list->n++;
	return 0;
}

/* A string of entries as getdents64 gives them. */
static int tree_list_entries(struct tree_list *list, const char *bytes, size_t len)
{
	int r = 0;

	for (size_t at = 0; at < len && r == 0;) {
		struct dirent64 entry;

		/* The names are of different lengths, so most entries are shorter than this. */
		memcpy(&entry, bytes + at, offsetof(struct dirent64, d_name));
		const char *name = bytes + at + offsetof(struct dirent64, d_name);
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			r = tree_list_add(list, name);
		at += entry.d_reclen;
	}
	return r;
}

int tree_list_add_open(struct tree_list *list, int dir)
{
	char bytes[32 << 10];
	ssize_t n;

	while ((n = getdents64(dir, bytes, sizeof(bytes))) > 0) {
		if (tree_list_entries(list, bytes, (size_t)n) < 0)
			return -ENOMEM;
	}
	n = n < 0 ? -errno : 0;
	if (list->n > 0)
		qsort(list->names, list->n, sizeof(*list->names), tree_list_cmp);
	return (int)n;
}

int tree_list_add_dir(struct tree_list *list, int dir)
{
	AUTO_FD fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : tree_list_add_open(list, fd);
}

int tree_list(int dir, struct tree_list *ret_list)
{
	AUTO_TREE_LIST list = {0};
	int r = tree_list_add_dir(&list, dir);

	if (r < 0)
		return r;
	*ret_list = list;
	list = (struct tree_list){0};
	return 0;
}

void tree_list_free(struct tree_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->names[i]);
	free(list->names);
	*list = (struct tree_list){0};
}

int tree_no_key(int dir, const struct tree_name *name, const char *key, struct why *why)
{
	AUTO_TREE_LIST list = {0};
	struct near near;

	near_start(&near, key);
	if (tree_list(dir, &list) == 0) {
		for (size_t i = 0; i < list.n; i++)
			near_try(&near, "", list.names[i]);
	}
	if (near_found(&near))
		return why_set(why, -ENOENT, "%s: there is no key %s; did you mean %s?", name->text,
			key, near.best);
	return why_set(why, -ENOENT, "%s: there is no key %s", name->text, key);
}

int tree_get(int dir, const char *key, struct secbuf *ret_value)
{
	AUTO_FD fd = openat(dir, key, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : io_read_all(fd, ret_value);
}

/* An empty value is told apart from "nothing written yet" by fsync alone. */
static int tree_put_bytes(int fd, const struct secbuf *value)
{
	int r = io_write_all(fd, value->data, value->len);

	if (r == 0 && value->len == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int tree_put(int dir, const char *key, const struct secbuf *value, bool only_new)
{
	const int flags = O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
	bool made = false;
	int fd = -1, r;

	if (!only_new) {
		fd = openat(dir, key, flags | O_TRUNC);
		if (fd < 0 && errno != ENOENT)
			return -errno;
	}
	if (fd < 0) {
		fd = openat(dir, key, flags | O_CREAT | O_EXCL, 0666);
		if (fd < 0)
			return -errno;
		made = true;
	}
	r = tree_put_bytes(fd, value);
	if (r < 0 && made)
		unlinkat(dir, key, 0);
	return r;
}
