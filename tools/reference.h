/* SPDX-License-Identifier: MIT */
/*
 * reference: finding {{name.key}} in text.
 *
 *     {{name.key}}  {{ private/name.key }}  {{public/name.key}}   references; the first dot splits
 *     \{{                                                         the two bytes {{
 *
 * White space (space, \t \n \v \f \r) may stand beside the braces, not within name or key. Anything
 * else with braces is text and stays as it is. So a name with a dot, and names and keys with white
 * space or braces, cannot be referred to; and a backslash before a reference makes it literal.
 *
 * Pure functions over memory of the caller; any bytes, NUL too. The time is linear in the length.
 */
#ifndef TOOLS_REFERENCE_H
#define TOOLS_REFERENCE_H

#include <stddef.h>

#include "name.h"
#include "tree.h"

/* Starts as {.text = , .len = , .line = 1, .column = 1}. */
struct reference_scan {
	const char *text;
	size_t len;
	size_t at;
	size_t line;   /* of at, from 1 */
	size_t column; /* in bytes, from 1 */
};

enum reference_kind { REFERENCE_END, REFERENCE_TEXT, REFERENCE_FOUND };

struct reference {
	const char *text; /* REFERENCE_TEXT: bytes to copy, in the scan's text */
	size_t len;
	enum tree_ns ns; /* REFERENCE_FOUND: this and the rest */
	char name[NAME_MAX_BYTES + 1];
	char key[NAME_MAX_BYTES + 1];
	size_t line;
	size_t column;
};

enum reference_kind reference_next(struct reference_scan *scan, struct reference *ret_part);

#endif
