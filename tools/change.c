/* SPDX-License-Identifier: MIT */
/* change: keys of a secret to be set and removed, all in one transaction or not at all. */
#include "change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "values_form.h"

#define CHANGE_VIEW ".json"
#define CHANGE_MAX  (8u << 20) /* bytes that a view takes at a time */

/* ---- what to do ---- */

static char **change_find(const struct change *change, const char *key)
{
	for (size_t i = 0; i < change->nremoves; i++) {
		if (strcmp(change->removes[i], key) == 0)
			return &change->removes[i];
	}
	return NULL;
}

bool change_removes(const struct change *change, const char *key)
{
	return change_find(change, key) != NULL;
}

int change_remove(struct change *change, const char *key, struct why *why)
{
	char **removes;
	int r = tree_key_check(key, why);

	if (r < 0 || change_removes(change, key))
		return r;
	removes = reallocarray(change->removes, change->nremoves + 1, sizeof(*removes));
	if (removes == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	change->removes = removes;
	removes[change->nremoves] = strdup(key);
	if (removes[change->nremoves] == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	change->nremoves++;
	return 0;
}

bool change_keep(struct change *change, const char *key)
{
	char **found = change_find(change, key);

	if (found == NULL)
		return false;
	free(*found);
	*found = change->removes[--change->nremoves];
	return true;
}

void change_free(struct change *change)
{
	values_free(&change->set);
	for (size_t i = 0; i < change->nremoves; i++)
		free(change->removes[i]);
	free(change->removes);
	*change = CHANGE_INIT;
}

/* ---- the view ---- */

static bool change_dotted(const char *key)
{
	return key[0] == '.';
}

/* In one call, so that its first bytes are judged together with the last. */
static int change_write(int dir, const struct secbuf *text)
{
	int fd = openat(dir, CHANGE_VIEW, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = io_write_all(fd, text->data, text->len);
	/* Here it happens. */
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

static const struct value *change_longest(const struct change *change)
{
	const struct value *longest = NULL;

	for (size_t i = 0; i < change->set.n; i++) {
		const struct value *value = &change->set.items[i];

		if (longest == NULL || value->bytes.len > longest->bytes.len)
			longest = value;
	}
	return longest;
}

/* The whole was refused; what it was about is the longest value if it was too long. */
static int change_why(
	const struct change *change, int err, const struct tree_name *name, struct why *why)
{
	const struct value *longest = change_longest(change);

	if (err == -EFBIG && longest != NULL)
		return tree_key_why(why, err, name, longest->key);
	return tree_why(why, err, name->text);
}

static int change_too_long(size_t len, const struct tree_name *name, struct why *why)
{
	return why_set(why, -EFBIG,
		"%s: the values take %zu bytes together, and one transaction takes %u; set fewer "
		"of "
		"them at a time",
		name->text, len, CHANGE_MAX);
}

static int change_view(
	const struct change *change, int dir, const struct tree_name *name, struct why *why)
{
	AUTO_SECBUF text = SECBUF_INIT;
	size_t len = values_merge_size(
		&change->set, (const char *const *)change->removes, change->nremoves);
	int r;

	if (len > CHANGE_MAX)
		return change_too_long(len, name, why);
	if (secbuf_alloc(&text, len, SECMEM_SELF) < 0)
		return doc_no_memory(name->text, why);
	values_merge_print(
		&change->set, (const char *const *)change->removes, change->nremoves, &text);
	r = change_write(dir, &text);
	return r < 0 ? change_why(change, r, name, why) : 0;
}

/* ---- one key ---- */

static bool change_may(int dir, const char *name, int mode)
{
	return faccessat(dir, name, mode, AT_EACCESS) == 0;
}

/* Is it one key, and better set or removed by its file? */
static bool change_is_single(const struct change *change, int dir)
{
	const char *key = change->nremoves > 0 ? change->removes[0]
			  : change->set.n > 0  ? change->set.items[0].key
					       : NULL;

	if (key == NULL || change->nremoves + change->set.n != 1)
		return false;
	/* A new key would be there, empty, before its value is. */
	return change_dotted(key) || change->nremoves == 1 ||
	       faccessat(dir, key, F_OK, AT_EACCESS) == 0 || !change_may(dir, CHANGE_VIEW, W_OK);
}

static int change_single(
	const struct change *change, int dir, const struct tree_name *name, struct why *why)
{
	const struct value *value = change->set.items;
	int r;

	if (change->nremoves > 0) {
		r = unlinkat(dir, change->removes[0], 0) < 0 ? -errno : 0;
		return r < 0 ? tree_key_why(why, r, name, change->removes[0]) : 0;
	}
	r = tree_put(dir, value->key, &value->bytes, false);
	return r < 0 ? tree_key_why(why, r, name, value->key) : 0;
}

/* ---- before ---- */

static int change_check_removes(
	const struct change *change, int dir, const struct tree_name *name, struct why *why)
{
	for (size_t i = 0; i < change->nremoves; i++) {
		const char *key = change->removes[i];
		struct stat st;

		if (values_find(&change->set, key) != NULL)
			return why_set(why, -EINVAL,
				"%s: both set and removed; leave out one of the two", key);
		if (fstatat(dir, key, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		return errno == ENOENT ? tree_no_key(dir, name, key, why)
				       : tree_key_why(why, -errno, name, key);
	}
	return 0;
}

/* Names the key or the secret where there is one that refuses. */
static int change_check_rights(
	const struct change *change, int dir, const struct tree_name *name, struct why *why)
{
	bool keys_change = change->nremoves > 0;

	for (size_t i = 0; i < change->set.n; i++) {
		const char *key = change->set.items[i].key;

		if (change_may(dir, key, W_OK))
			continue;
		if (errno != ENOENT)
			return tree_key_why(why, -errno, name, key);
		keys_change = true;
	}
	if (keys_change && !change_may(dir, ".", W_OK | X_OK))
		return tree_why(why, -errno, name->text);
	return 0;
}

static int change_check_view(
	const struct change *change, int dir, const struct tree_name *name, struct why *why)
{
	for (size_t i = 0; i < change->set.n + change->nremoves; i++) {
		const char *key = i < change->set.n ? change->set.items[i].key
						    : change->removes[i - change->set.n];

		if (change_dotted(key))
			return why_set(why, -EINVAL,
				"%s: a key whose name begins with a dot is changed alone, not "
				"together with others",
				key);
	}
	if (!change_may(dir, CHANGE_VIEW, W_OK))
		return why_set(why, -errno,
			"%s: %s; to change several keys at once you must be able to write all of "
			"them; change them one at a time, or ask the owner",
			name->text, strerror(errno));
	return 0;
}

int change_check(
	const struct change *change, int dir, const struct tree_name *name, struct why *why)
{
	int r = change_check_removes(change, dir, name, why);

	if (r == 0)
		r = change_check_rights(change, dir, name, why);
	if (r == 0 && !change_empty(change) && !change_is_single(change, dir))
		r = change_check_view(change, dir, name, why);
	return r;
}

/* ---- and then ---- */

int change_apply(
	const struct change *change, int dir, const struct tree_name *name, struct why *why)
{
	if (change_empty(change))
		return 0;
	return change_is_single(change, dir) ? change_single(change, dir, name, why)
					     : change_view(change, dir, name, why);
}

int change_fill(const struct change *change, int dir, const struct tree_name *name, struct why *why)
{
	size_t shown = 0;

	for (size_t i = 0; i < change->set.n; i++) {
		const struct value *value = &change->set.items[i];
		int r = change_dotted(value->key) ? tree_put(dir, value->key, &value->bytes, true)
						  : (shown++, 0);

		if (r < 0)
			return tree_key_why(why, r, name, value->key);
	}
	return shown > 0 ? change_view(change, dir, name, why) : 0;
}
