/* SPDX-License-Identifier: MIT */
/*
 * done: the journal of answered requests. A change records the request that asked for it, and its
 * result, in its own transaction; when the same request comes again, because its worker died before
 * the answer, it is answered from here.
 *
 *     done(unique, generation, box)      unique = the kernel's number, which is even, + 0 or 1:
 * which change of the request box: K_meta, dom 'D', id = unique, ns = the mount's number, ver =
 * generation; plaintext = result i32 | bytes
 *
 * The kernel counts its requests from the start for each mount, so the table is emptied then; a row
 * of another mount does not authenticate.
 *
 * Threads: done_request_* are the calling thread's; the rest is the writer's, in a transaction.
 */
#ifndef STORE_DONE_H
#define STORE_DONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct db;

#define DONE_RESULT 128 /* bytes of a result at most */

/* What a job needs to know of the request behind it. unique 0: none. */
struct done_request {
	uint64_t unique;
	bool again;   /* it may have been done already */
	void *result; /* in the caller's memory: what is answered besides the code */
	size_t len;
};

/* Requests that are answered: their records may go. Owned by whoever holds it; ids from malloc. */
struct done_list {
	uint64_t *ids;
	size_t n;
	size_t cap;
};

/* Without memory the number is left out, and its record stays until the mount ends. */
void done_list_add(struct done_list *list, uint64_t unique);

/* The calling thread's request, for its next change. */
struct done_request done_request_next(void);

/* Is the request of the calling thread on record? In a reader's or the writer's transaction. 0 or
 * 1, -errno. */
int done_find(const struct store *store, struct db *db, const struct done_request *request,
	int *ret_code);

int done_record(
	const struct store *store, struct db *db, const struct done_request *request, int code);

int done_forget(struct db *db, uint64_t unique);

/* At the start of a worker: all rows of an earlier mount, or of generations long gone. */
int done_prune(const struct store *store, struct db *db);

#endif
