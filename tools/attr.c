/* SPDX-License-Identifier: MIT */
/* attr: what a secret says of itself: the extended attributes user.secretfs.*. */
#include "attr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "name.h"
#include "why.h"

struct attr_path {
	char node[40]; /* xattr calls take no O_PATH descriptor */
	char attr[40];
};

static struct attr_path attr_path(int dir, const char *name)
{
	struct attr_path path;

	snprintf(path.node, sizeof(path.node), "/proc/self/fd/%d", dir);
	snprintf(path.attr, sizeof(path.attr), "user.secretfs.%s", name);
	return path;
}

int attr_get(int dir, const char *name, char ret_text[static ATTR_TEXT])
{
	struct attr_path path = attr_path(dir, name);
	char text[ATTR_TEXT];
	ssize_t n = getxattr(path.node, path.attr, text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	memcpy(ret_text, text, (size_t)n);
	ret_text[n] = '\0';
	return 0;
}

int attr_set(int dir, const char *name, const char *text)
{
	struct attr_path path = attr_path(dir, name);

	return setxattr(path.node, path.attr, text, strlen(text), 0) < 0 ? -errno : 0;
}

int attr_remove(int dir, const char *name)
{
	struct attr_path path = attr_path(dir, name);

	return removexattr(path.node, path.attr) < 0 ? -errno : 0;
}

int attr_put(int dir, const char *name, const char *text)
{
	int r = text != NULL ? attr_set(dir, name, text) : attr_remove(dir, name);

	return text == NULL && r == -ENODATA ? 0 : r;
}

int attr_check_description(const char *text, struct why *why)
{
	size_t len = strlen(text);

	if (len >= ATTR_TEXT)
		return why_set(why, -EINVAL, "--description: it has %zu bytes; %d are the most",
			len, ATTR_TEXT - 1);
	if (!name_utf8(text, len))
		return why_set(why, -EINVAL, "--description: not UTF-8");
	return 0;
}
