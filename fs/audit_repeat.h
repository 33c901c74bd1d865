/* SPDX-License-Identifier: MIT */
/*
 * audit_repeat: what was the same within a second: counted, and written once more with its count
 * when the second is over.
 *
 * Threads: any.
 */
#ifndef FS_AUDIT_REPEAT_H
#define FS_AUDIT_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "audit.h"

struct audit_repeat_key {
	const char *operation; /* by address: words live for ever */
	uint64_t node;
	uint32_t uid;
	int32_t pid;
	int result;
};

/* Was the same written within the last second? Then it is counted, and needs no line. */
bool audit_repeat_seen(const struct audit_repeat_key *key);

/* It was written now, with this body (a longer one than a kilobyte is not kept). What it takes the
 * place of is written first. */
void audit_repeat_written(const struct audit_repeat_key *key, const struct audit_body *body);

/* Writes the counts whose second is over; all: the others too. Returns whether some are left. */
bool audit_repeat_flush(bool all);

#endif
