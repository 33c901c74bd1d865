/* SPDX-License-Identifier: MIT */
/*
 * whole: all that a store holds, as text: every secret, key, value and earlier version, with
 * attributes and times. Two stores that hold the same have the same text.
 */
#ifndef TESTS_WHOLE_H
#define TESTS_WHOLE_H

#include "store.h"

/* To be freed. -errno: something does not authenticate, does not add up or cannot be read. */
int whole_text(struct store_reader *reader, char **ret_text);

/* The same of one secret; "" if it is not there. */
int whole_secret(
	struct store_reader *reader, struct store_ns ns, const char *name, char **ret_text);

#endif
