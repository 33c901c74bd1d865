/* SPDX-License-Identifier: MIT */
/*
 * versions: the versions of a secret that are kept, and what has changed from one to another.
 *
 * Version N is .versions/N, the owner's to see; the current one is the secret itself.
 */
#ifndef TOOLS_VERSIONS_H
#define TOOLS_VERSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tree.h"
#include "why.h"

struct versions {
	uint64_t *numbers; /* ascending; the last one is the current version */
	size_t n;
};

/* Reads which there are. -EACCES: not the owner. */
int versions_read(
	struct versions *ret_versions, int dir, const struct tree_name *name, struct why *why);
void versions_free(struct versions *versions);

#define AUTO_VERSIONS __attribute__((cleanup(versions_free))) struct versions

/* The current one alone. */
int versions_current(int dir, uint64_t *ret_number);

/* A number as a person writes it. -EINVAL. */
int versions_parse(const char *text, uint64_t *ret_number, struct why *why);

/*
 * Opens a version (O_PATH); the current one too. -ENOENT: it is not kept, the sentence says which
 * are; -EACCES.
 */
int versions_open(
	int dir, const struct tree_name *name, uint64_t number, int *ret_dir, struct why *why);

enum versions_what { VERSIONS_ADDED, VERSIONS_REMOVED, VERSIONS_CHANGED };

struct versions_difference {
	enum versions_what what;
	char *key;
};

struct versions_differences {
	struct versions_difference *items; /* by name of the key */
	size_t n;
};

/*
 * What is other in directory to than in from. Where size and time of two values are the same they
 * are taken for the same, unless exact: then every value is compared. Reads no value that it need
 * not. -errno, and -EKEYEXPIRED only if exact.
 */
int versions_compare(struct versions_differences *ret_differences, int from, int to, bool exact);
void versions_differences_free(struct versions_differences *differences);

#define AUTO_DIFFERENCES                                                                           \
	__attribute__((cleanup(versions_differences_free))) struct versions_differences

#endif
