/* SPDX-License-Identifier: MIT */
/*
 * variables: the environment of a program that is going to be run. What is set lies in secret
 * memory until the kernel copies it for that program.
 */
#ifndef TOOLS_VARIABLES_H
#define TOOLS_VARIABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "pieces.h"

/* Bytes of NAME=VALUE that the kernel takes, its NUL included (MAX_ARG_STRLEN). */
#define VARIABLES_MAX (128u << 10)

struct variables {
	char **list; /* NAME=VALUE..., NULL */
	size_t n;
	size_t cap;
	struct pieces pieces;
};

/* Starts with the variables of from, which must live on. -ENOMEM. */
int variables_init(struct variables *vars, char *const *from);

/* ^[A-Za-z_][A-Za-z0-9_]*$ */
bool variables_name(const char *name, size_t len);

/*
 * Sets NAME to len bytes that the caller puts at *ret_value; whatever had that name goes. -E2BIG:
 * longer than VARIABLES_MAX; -ENOMEM.
 */
int variables_room(
	struct variables *vars, const char *name, size_t name_len, size_t len, char **ret_value);

/* The same with the bytes at hand. -EINVAL: there is a NUL in them. */
int variables_set(
	struct variables *vars, const char *name, size_t name_len, const void *bytes, size_t len);

void variables_free(struct variables *vars);

#define AUTO_VARIABLES __attribute__((cleanup(variables_free))) struct variables

#endif
