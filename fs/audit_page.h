/* SPDX-License-Identifier: MIT */
/*
 * audit_page: what of the audit log's chain outlives a worker, in a page that the supervisor holds.
 *
 * There are two chains, as it is and as it is after the line that is being written, and current
 * says which one counts. So a worker may die at any moment: the next one sees by the log's last
 * line whether that line was still written. A key that was left behind is wiped from the other one.
 */
#ifndef FS_AUDIT_PAGE_H
#define FS_AUDIT_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "audit.h"

#define AUDIT_PLACES 256

/* Whose line it is. */
struct audit_asker {
	uint32_t place;  /* below AUDIT_PLACES: where its request lies */
	uint64_t unique; /* the request; 0: none */
	bool again;      /* an earlier worker may have begun it, and have written the line */
};

struct audit_page {
	struct audit_chain chain[2];
	_Atomic uint32_t current;
	bool begun; /* the session's first line is written */
	/* What line telling_n will be to told, once it is written; telling 0: nothing. */
	uint64_t telling_n;
	uint32_t telling_place;
	_Atomic uint64_t telling;
	/* For each place: which request has lines, and how many (unique << 2 | lines; uniques are
	 * even): a request that is served again does not write them again. */
	_Atomic uint64_t told[AUDIT_PLACES];
};

#endif
