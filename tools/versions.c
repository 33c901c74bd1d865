/* SPDX-License-Identifier: MIT */
/* versions: the versions of a secret that are kept, and what has changed from one to another. */
#include "versions.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attr.h"
#include "fd.h"

#define VERSIONS_DIR  ".versions"
#define VERSIONS_LAST 1048575 /* later ones have no name */

/* ---- which there are ---- */

static bool versions_number(const char *text, uint64_t *ret_number)
{
	char *end;
	unsigned long long n;

	if (text[0] < '1' || text[0] > '9' || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0)
		return false;
	*ret_number = n;
	return true;
}

int versions_parse(const char *text, uint64_t *ret_number, struct why *why)
{
	if (!versions_number(text, ret_number))
		return why_set(why, -EINVAL,
			"a version is a number above 0, as \"secretctl history\" shows it");
	return 0;
}

static int versions_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int versions_why(int err, const struct tree_name *name, struct why *why)
{
	if (err == -EACCES)
		return why_set(why, err, "%s: only its owner may see the versions of a secret",
			name->text);
	return tree_why(why, err, name->text);
}

int versions_current(int dir, uint64_t *ret_number)
{
	char text[ATTR_TEXT];
	int r = attr_get(dir, "version", text);

	if (r < 0)
		return r;
	return versions_number(text, ret_number) ? 0 : -EPROTO;
}

int versions_read(
	struct versions *ret_versions, int dir, const struct tree_name *name, struct why *why)
{
	AUTO_FD kept = openat(dir, VERSIONS_DIR, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_VERSIONS versions = {0};
	AUTO_TREE_LIST list = {0};
	uint64_t current;
	int r = kept < 0 ? -errno : tree_list(kept, &list);

	if (r == 0)
		r = versions_current(dir, &current);
	if (r < 0)
		return versions_why(r, name, why);
	versions.numbers = calloc(list.n + 1, sizeof(*versions.numbers));
	if (versions.numbers == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	for (size_t i = 0; i < list.n; i++) {
		/* One that became an earlier one after the list was read is there once. */
		if (versions_number(list.names[i], &versions.numbers[versions.n]) &&
			versions.numbers[versions.n] < current)
			versions.n++;
	}
	versions.numbers[versions.n++] = current;
	qsort(versions.numbers, versions.n, sizeof(*versions.numbers), versions_cmp);
	*ret_versions = versions;
	versions = (struct versions){0};
	return 0;
}

void versions_free(struct versions *versions)
{
	free(versions->numbers);
	*versions = (struct versions){0};
}

static int versions_missing(int dir, const struct tree_name *name, uint64_t number, struct why *why)
{
	AUTO_VERSIONS versions = {0};
	int r = versions_read(&versions, dir, name, why);

	if (r < 0)
		return r;
	if (number > VERSIONS_LAST && number < versions.numbers[versions.n - 1])
		return why_set(why, -ENOENT, "%s: versions after %d cannot be named", name->text,
			VERSIONS_LAST);
	return why_set(why, -ENOENT,
		"%s: version %" PRIu64 " is not kept; from %" PRIu64 " to %" PRIu64
		" there are %zu",
		name->text, number, versions.numbers[0], versions.numbers[versions.n - 1],
		versions.n);
}

int versions_open(
	int dir, const struct tree_name *name, uint64_t number, int *ret_dir, struct why *why)
{
	char path[sizeof(VERSIONS_DIR) + 24];
	uint64_t current;
	int r = versions_current(dir, &current), fd;

	if (r < 0)
		return versions_why(r, name, why);
	snprintf(path, sizeof(path), VERSIONS_DIR "/%" PRIu64, number);
	fd = openat(
		dir, number == current ? "." : path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? versions_missing(dir, name, number, why)
				       : versions_why(-errno, name, why);
	*ret_dir = fd;
	return 0;
}

/* ---- what has changed ---- */

static int versions_add(
	struct versions_differences *differences, enum versions_what what, const char *key)
{
	struct versions_difference *items =
		reallocarray(differences->items, differences->n + 1, sizeof(*items));

	if (items == NULL)
		return -ENOMEM;
	differences->items = items;
	items[differences->n] = (struct versions_difference){what, strdup(key)};
	return items[differences->n].key != NULL ? (int)(differences->n++, 0) : -ENOMEM;
}

/* 1: other, 0: the same. */
static int versions_values_differ(int from, int to, const char *key)
{
	AUTO_SECBUF a = SECBUF_INIT;
	AUTO_SECBUF b = SECBUF_INIT;
	int r = tree_get(from, key, &a);

	if (r == 0)
		r = tree_get(to, key, &b);
	if (r < 0)
		return r;
	return a.len != b.len || memcmp(a.data, b.data, a.len) != 0;
}

static int versions_differ(int from, int to, const char *key, bool exact)
{
	struct stat a, b;
	int r;

	if (fstatat(from, key, &a, AT_SYMLINK_NOFOLLOW) < 0 ||
		fstatat(to, key, &b, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (a.st_size != b.st_size)
		return 1;
	if (!exact && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
		a.st_mtim.tv_nsec == b.st_mtim.tv_nsec)
		return 0;
	r = versions_values_differ(from, to, key);
	/* Its time says that it was written. */
	return r == -EKEYEXPIRED && !exact ? 1 : r;
}

int versions_compare(struct versions_differences *ret_differences, int from, int to, bool exact)
{
	AUTO_DIFFERENCES differences = {0};
	AUTO_TREE_LIST a = {0};
	AUTO_TREE_LIST b = {0};
	int r = tree_list(from, &a);

	if (r == 0)
		r = tree_list(to, &b);
	for (size_t i = 0, j = 0; r == 0 && (i < a.n || j < b.n);) {
		int order = i == a.n ? 1 : j == b.n ? -1 : strcmp(a.names[i], b.names[j]);

		if (order < 0) {
			r = versions_add(&differences, VERSIONS_REMOVED, a.names[i++]);
		} else if (order > 0) {
			r = versions_add(&differences, VERSIONS_ADDED, b.names[j++]);
		} else {
			r = versions_differ(from, to, a.names[i], exact);
			if (r > 0)
				r = versions_add(&differences, VERSIONS_CHANGED, a.names[i]);
			i++;
			j++;
		}
	}
	if (r < 0)
		return r;
	*ret_differences = differences;
	differences = (struct versions_differences){0};
	return 0;
}

void versions_differences_free(struct versions_differences *differences)
{
	for (size_t i = 0; i < differences->n; i++)
		free(differences->items[i].key);
	free(differences->items);
	*differences = (struct versions_differences){0};
}
