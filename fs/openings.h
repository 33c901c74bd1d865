/* SPDX-License-Identifier: MIT */
/*
 * openings: what is open, in memory that outlives the worker: readers' handles, writers' that have
 * emptied a key and written nothing yet, and keys without names (gone.h). So the next worker knows
 * which values must not be deleted, and finds what a handle of an earlier worker showed. There is
 * no value, key or name of a secret in it.
 *
 *     head    a page: how many places were ever used, and what each request did last
 *     places  OPENINGS_MAX of them; kind 0: free
 *
 * It is a memfd that the supervisor holds; only pages that were used take memory.
 *
 * A worker may die between any two instructions: kind is written last, and taken back first. A
 * request that had opened or closed something when its worker died is served again, and must not
 * count twice: how often a handle is open and which request said so are one word.
 *
 * Threads: any; a place belongs to who added it.
 */
#ifndef FS_OPENINGS_H
#define FS_OPENINGS_H

#include <stdbool.h>
#include <stdint.h>

#define OPENINGS_MAX 65536u

enum opening_kind {
	OPENING_FREE = 0,
	OPENING_HANDLE = 1,
	OPENING_GONE = 2,
	OPENING_EMPTIED = 3,
};

struct opening {
	uint64_t node;
	uint64_t fh;       /* of a handle */
	uint64_t value_id; /* that it holds; 0: none */
	uint64_t version;  /* of a key that is gone: the last one that has it */
	uint32_t opens;    /* of a handle: how often the kernel has it */
	uint32_t uid;
	uint32_t gid;
	uint32_t len;
	int32_t pid;  /* of a writer */
	bool flushed; /* the same */
	bool by_name;
	bool closed;
};

/* In the supervisor. A descriptor, or -errno. */
int openings_create(void);

/* In the worker, once. -errno. */
int openings_map(int fd);

struct openings_request {
	unsigned place;  /* in the slots */
	uint64_t unique; /* 0: none */
	bool again;      /* an earlier worker may have begun it */
};

/* What this thread opens and closes from now on is done for this request. Returns what was before.
 */
struct openings_request openings_for(struct openings_request request);

/* What this thread's request is; unique 0: none. */
struct openings_request openings_now(void);

/* What an earlier worker opened or closed for this thread's request: its place, or -1. */
int openings_did(void);

/* Calls visit for what an earlier worker left of a kind. A place for which it says false is freed.
 */
void openings_inherit(
	enum opening_kind kind, bool (*visit)(const struct opening *opening, int place));

/* Returns a place, or -ENFILE. */
int openings_add(enum opening_kind kind, const struct opening *opening);

void openings_set_opens(int place, uint32_t opens);

/* Of a key that is gone; of a writer. A place below 0 is none. */
void openings_set_closed(int place);
void openings_set_flushed(int place);

/* A place below 0 is none. */
void openings_remove(int place);

#endif
