/* SPDX-License-Identifier: MIT */
/*
 * name: which bytes may name a secret or a key.
 *
 * 1 to 255 bytes of valid UTF-8 without '/', NUL, control characters (C0, DEL, C1, U+2028, U+2029)
 * and bidirectional overrides and isolates (U+202A..U+202E, U+2066..U+2069); not "." or "..". The
 * views' names (".json", ".env", ".versions") are reserved as key names.
 */
#ifndef STORE_NAME_H
#define STORE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_MAX_BYTES 255

/* 0; -EINVAL for bytes that may not be in a name, -ENAMETOOLONG, -ENOENT for the empty name. */
int name_check(const char *name, size_t len);

/* As name_check, and -EPERM for a reserved name of a view. */
int name_check_key(const char *name, size_t len);

/* Is it one of the reserved names of the views? */
bool name_is_view(const char *name, size_t len);

/* Valid UTF-8 (RFC 3629: shortest forms, no surrogates, up to U+10FFFF)? NUL is valid here. */
bool name_utf8(const void *bytes, size_t len);

#endif
