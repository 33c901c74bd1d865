/* SPDX-License-Identifier: MIT */
/*
 * verify_int: what a scan of a whole store finds, for those who tell of it and those who repair.
 *
 *     verify_scan.c   reads everything, keeps what must be known of it
 *     verify_seal.c   makes sums, counts and charges anew from what a scan has found
 *     store_verify.c  the order of it all; dropping what is damaged
 */
#ifndef STORE_VERIFY_INT_H
#define STORE_VERIFY_INT_H

#include "store_int.h"

/* A namespace's row as it was read. */
struct scan_ns {
	int64_t id;
	uint8_t tag[INDEX_TAG];
	bool whole;
	bool missing;          /* there is no such row, but secrets in it */
	struct store_ns which; /* if whole, or if a secret in it tells */
	bool known;
	uint64_t said[3]; /* secrets, owned, bytes as its record says */
	uint64_t secrets; /* rows that lie in it */
};

/* What a user owns. */
struct scan_charge {
	uint32_t uid;
	uint64_t owned;
	uint64_t bytes;
};

/* Which versions of a secret there must be; of one that does not open: any. */
struct scan_span {
	int64_t id;
	uint64_t oldest;
	uint64_t version;
	bool whole;
};

enum scan_fix_kind {
	FIX_SECRET,  /* drop it with its history */
	FIX_HISTORY, /* drop this version; 0: none, the oldest is not where it should be */
	FIX_VALUE,   /* the keys that name it, in all versions */
	FIX_SUM,     /* the sum over its history is made anew; nothing is dropped */
	FIX_NS,      /* a record with defaults; or drop it, if nobody lives there */
};

struct scan_fix {
	enum scan_fix_kind kind;
	int64_t row;
	uint64_t number; /* version, or id of the value */
};

struct scan_list {
	void *items;
	size_t n;
	size_t cap;
};

struct scan {
	struct store *store; /* attached, in its transaction */
	const struct store_verify *ask;
	struct store_verify_result result;

	struct header_bucket *found;    /* INDEX_BUCKETS: what the rows add up to */
	bool *present;                  /* INDEX_BUCKETS: there is such a row of table bucket */
	struct scan_list ns;            /* struct scan_ns by id */
	struct scan_list charges;       /* struct scan_charge by uid */
	struct scan_list spans;         /* struct scan_span by id */
	struct scan_list named;         /* uint64_t: values that a version names */
	struct scan_list loose_values;  /* uint64_t: rows that none names */
	struct scan_list loose_history; /* struct scan_fix (row, version) that no secret has */
	struct scan_list fixes;         /* struct scan_fix */
	uint64_t max_row;
	uint64_t max_value;
	bool foreign_buckets; /* rows of table bucket that are no bucket */
	bool quiet;           /* tell nobody */
	bool unkept; /* no daemon runs: what is kept for open files (kept.c) belongs to nothing */

	struct row current; /* scratch */
	struct row past[2];
	struct manifest_history history; /* what that of current adds up to */
};

/* One item more at the end of a list; NULL: no memory. */
void *scan_add(struct scan_list *list, size_t size);

/* ret_scan must be zero. ask may be NULL: nobody is told. */
int scan_begin(struct scan *scan, struct store *store, const struct store_verify *ask);

/*
 * Reads everything once and tells of what is wrong. 0 whatever was found; -errno: the database
 * cannot be read on (-EBADMSG: its structure is damaged).
 */
int scan_run(struct scan *scan, struct why *why);
void scan_end(struct scan *scan);

struct scan_ns *scan_ns_by_id(const struct scan *scan, int64_t id);

/* Seals sums, counts and charges as scan found them, and the root under this epoch. The caller's
 * transaction. */
int scan_seal(const struct scan *scan, uint64_t epoch);

#endif
