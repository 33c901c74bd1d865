/* SPDX-License-Identifier: MIT */
/*
 * known: to which rows of table secret the index over tags was seen to lead. The sums of the
 * buckets are made by that index: a row that it does not lead to is in none, and must not be
 * believed. Looking is a search in the index at another place for each row; here it is a bit. A
 * row's id is never used again, and once the index leads to a row SQLite keeps it so.
 *
 * Threads: any.
 */
#ifndef STORE_KNOWN_H
#define STORE_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

struct known;

/* NULL: no memory. Of what is NULL no row is known or will be. */
struct known *known_new(void);
void known_free(struct known *known);

bool known_has(const struct known *known, int64_t row);

/* Without memory it is not remembered. */
void known_add(struct known *known, int64_t row);

#endif
