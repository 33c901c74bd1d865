/* SPDX-License-Identifier: MIT */
/*
 * audit_log: the file of the audit log: room that is reserved ahead, one append for each line, the
 * chain, rotation, and what becomes of it when a worker or the daemon begins and ends. Knows
 * nothing of FUSE and nothing of what is worth a line.
 *
 * Threads: any, after audit_log_begin; one lock inside.
 */
#ifndef FS_AUDIT_LOG_H
#define FS_AUDIT_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "audit.h"
#include "audit_page.h"
#include "why.h"

struct audit_log_settings {
	const char *path;        /* absolute; lives as long as the log */
	bool required;           /* else lines may be lost, and how many is told in the log */
	uint32_t owner;          /* who the file must belong to: this process */
	struct audit_page *page; /* where the chain lives */
	/* The last line that is known to have been written (0: none), from an anchor. */
	uint64_t known_n;
	uint8_t known_hash[AUDIT_HASH];
	/* Called when lines up to this one are on the disk, by one thread at a time; may be NULL.
	 */
	void (*synced)(uint64_t n, const uint8_t hash[AUDIT_HASH]);
};

/*
 * Opens the file, making it if needed. -EPERM: it is not the owner's alone; -EINVAL: not an audit
 * log; -EOPNOTSUPP: required, but its file system cannot reserve room; -ENOSPC; with a sentence.
 */
int audit_log_open(const struct audit_log_settings *settings, struct why *why);

/*
 * Takes the file over and continues the chain: the session's first line, or what another worker has
 * left. -EBUSY: another daemon writes to it. With a sentence.
 */
int audit_log_begin(struct why *why);

/* goodbye: the daemon ends; else another worker goes on. */
void audit_log_end(bool goodbye);

/* Appends a line. asker: whose request it tells of, NULL: nobody's. -EIO: it could not be written,
 * and it is required. */
int audit_log_write(const struct audit_body *body, const struct audit_asker *asker);

/* How many lines an earlier worker has written for a request that is served again. */
unsigned audit_log_told(const struct audit_asker *asker);

/* Is there room for what an operation will have to write? Removals may use up what is left when no
 * more can be reserved, so that they can make room. Always true if nothing is required. */
bool audit_log_room(bool removing);

/* After a rotation: goes on in a new file at the same path. */
void audit_log_reopen(void);

/* Changes the key and syncs the file, where that is due; makes another one if it was removed.
 * Returns in how many ms something will be, or -1: nothing until there is another line. */
int audit_log_tick(void);

struct audit_log_state {
	uint64_t n;    /* of the last line */
	uint64_t lost; /* lines that could not be written since the daemon began */
};

void audit_log_state(struct audit_log_state *ret_state);

#endif
