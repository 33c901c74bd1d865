/* SPDX-License-Identifier: MIT */
/*
 * filter: conditions on secrets, as "list --FIELD [OPERATOR:]OPERAND" has them.
 *
 *     equals notequals contains startswith endswith gt gte lt lte     one operand
 *     oneof                                                           a,b or ["a", "b"]
 *     in                                                              as oneof; for times FROM,TO
 *
 * Text before a colon that is no operator belongs to the operand of equals. An owner is compared by
 * name and by number; of keys one must fit, for notequals none may be equal. Times are compared as
 * times (times.h), by contains, startswith and endswith as 2026-01-31T12:00:00Z.
 */
#ifndef TOOLS_FILTER_H
#define TOOLS_FILTER_H

#include <stdbool.h>

#include "info.h"
#include "why.h"

struct filter;

struct filters {
	struct filter *items; /* cheap ones first */
	size_t n;
	bool any; /* one is enough; else all must hold */
};

/* The fields that there are filters for. */
bool filter_has(enum info_field field);

/* -EINVAL with a sentence. */
int filters_add(struct filters *filters, enum info_field field, const char *text, struct why *why);

void filters_free(struct filters *filters);

#define AUTO_FILTERS __attribute__((cleanup(filters_free))) struct filters

/* 1: fits, 0: does not. Reads no more of the secret than it takes to know. Errors as info_read. */
int filters_match(const struct filters *filters, struct info *info, const struct tree *tree);

#endif
