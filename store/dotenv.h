/* SPDX-License-Identifier: MIT */
/*
 * dotenv: reading lines of KEY=VALUE.
 *
 *     blank lines and lines whose first character is '#' are passed over; "export " before a name
 * too KEY=text            up to the end of the line, white space at both ends taken off, " #"
 * begins a comment; no escapes KEY='text'          as it is, over several lines too KEY="text" over
 * several lines too; a backslash before " $ ` \ or a newline quotes it (a newline vanishes)
 *
 * A name is ^[A-Za-z_][A-Za-z0-9_]*$. Nothing is expanded: a dollar sign is a dollar sign.
 * What fs writes into .env is read back byte for byte.
 */
#ifndef STORE_DOTENV_H
#define STORE_DOTENV_H

#include <stddef.h>
#include <stdint.h>

struct dotenv_pair {
	const char *name; /* in the text that was given */
	size_t name_len;
	const uint8_t *bytes; /* in the scratch that was given */
	size_t len;
};

/*
 * Calls visit for each pair, in order; what it returns other than 0 ends the reading and is
 * returned. scratch has room for len bytes and holds all the values afterwards. -EINVAL: not of
 * this form; -ENODATA: not yet, the text ends too early; *ret_line then says where (from 1).
 */
int dotenv_read(const char *text, size_t len, uint8_t *scratch,
	int (*visit)(void *arg, const struct dotenv_pair *pair), void *arg, size_t *ret_line);

#endif
