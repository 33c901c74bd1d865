/* SPDX-License-Identifier: MIT */
/*
 * audit_check: does an audit log say what was written? Takes its lines one after the other, oldest
 * first, and tells what does not fit: a line that was changed, is missing or was put in.
 *
 * After each finding the chain is taken up again from the hash that stands in the line, so that one
 * change is one finding, or two where the line after it cannot be checked for want of a hash.
 *
 * Threads: one at a time. Knows nothing of files.
 */
#ifndef STORE_AUDIT_CHECK_H
#define STORE_AUDIT_CHECK_H

#include "audit.h"
#include "secmem.h"

struct audit_check {
	struct secbuf keys; /* K_audit0, then K of now */
	bool begun;         /* a line has been taken */
	bool linked;        /* hash is that of line n, as it was written */
	bool keyed;         /* K is known */
	uint64_t first;     /* number of the first line */
	uint64_t n;         /* of the last one */
	uint8_t hash[AUDIT_HASH];
	uint8_t session[AUDIT_SESSION];
	uint64_t epoch;
	uint64_t missed; /* lines that the last gap lacks: so many keys may have gone by */
	uint64_t lines;
	uint64_t findings;

	/* What is known from elsewhere: line anchor_n had this hash. 0: nothing. */
	uint64_t anchor_n;
	uint8_t anchor_hash[AUDIT_HASH];
};

/* key0: K_audit0, AUDIT_KEY bytes. -ENOMEM: no locked memory. */
int audit_check_begin(struct audit_check *check, const uint8_t *key0);

void audit_check_anchor(struct audit_check *check, uint64_t n, const uint8_t hash[AUDIT_HASH]);

void audit_check_end(struct audit_check *check);

/* len without the newline. 0: it fits; 1: it does not, and ret_what says why in a few words. */
int audit_check_line(
	struct audit_check *check, const char *line, size_t len, char *ret_what, size_t size);

/* After the last line. 1: lines are missing at the end. */
int audit_check_finish(struct audit_check *check, char *ret_what, size_t size);

#endif
