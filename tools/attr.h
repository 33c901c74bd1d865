/* SPDX-License-Identifier: MIT */
/* attr: what a secret says of itself: the extended attributes user.secretfs.*. */
#ifndef TOOLS_ATTR_H
#define TOOLS_ATTR_H

#include <stddef.h>

/* Room for the longest, a description, and the NUL behind it. */
#define ATTR_TEXT 1025

/*
 * dir: a secret, may be an O_PATH descriptor. name: "id", "version", "created", "expires" or
 * "description". All return 0 or -errno; -ENODATA: it has none.
 */
int attr_get(int dir, const char *name, char ret_text[static ATTR_TEXT]);
int attr_set(int dir, const char *name, const char *text);
int attr_remove(int dir, const char *name);

/* Sets it to text, or removes it where text is NULL; to remove what is not there is fine. */
int attr_put(int dir, const char *name, const char *text);

/* -EINVAL: no description may be like this; the sentence says why. */
struct why;
int attr_check_description(const char *text, struct why *why);

#endif
