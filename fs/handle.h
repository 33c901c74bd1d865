/* SPDX-License-Identifier: MIT */
/*
 * handle: open keys. A reader's handle is a snapshot of one version; a writer's has a buffer of its
 * own and becomes a transaction.
 *
 *     fh = generation (12 bits) | could write (1) | instance (3) | value row id, or the writer's
 * serial (48)
 *
 * So a handle's number survives its worker: the next one opens the same version again. Openers of
 * the same version share a reader's handle; the instance keeps different users apart, so that each
 * pays for his own memory (the eighth and later share with the seventh). Write handles of an
 * earlier generation are dead: their uncommitted data died with the worker.
 *
 * Threads: all functions from any thread. Lock order: handle->lock before the table's lock, never
 * two handles.
 */
#ifndef FS_HANDLE_H
#define FS_HANDLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node.h"
#include "secmem.h"

#define HANDLE_OWNERS 16

/* Lock owners, as FUSE gives them. More than HANDLE_OWNERS are counted as "anyone". */
struct handle_owners {
	uint64_t owner[HANDLE_OWNERS];
	unsigned n;
	bool anyone;
};

struct handle {
	uint64_t fh;
	uint64_t node;
	uint64_t row;
	uint32_t key_no;
	enum node_kind kind;
	uint32_t uid; /* who opened it */
	uint32_t gid;
	int32_t pid;
	bool unlinked; /* table's lock: its name is gone */
	bool adopted;  /* table's lock: given out by an earlier worker, held once for the kernel */
	bool dropped;  /* table's lock: that hold is gone */
	unsigned refs; /* table's lock */
	struct handle *next; /* table's lock */

	/* A reader's data never changes. A writer's, and all below, is guarded by lock; the atomic
	 * flags are written under it and read by others as hints. */
	struct secbuf data;
	bool can_write;
	pthread_mutex_t lock;
	bool append;          /* O_APPEND */
	uint64_t base_len;    /* length of the value when it was opened */
	bool tail;            /* data is only what is to be appended to the current value */
	_Atomic bool dirty;   /* written or truncated since the last commit */
	_Atomic bool emptied; /* opened with O_TRUNC, nothing written since, not committed */
	_Atomic bool flushed; /* emptied, and flushed at least once: readers wait for what comes */
	_Atomic bool committing;     /* on its way into the store */
	_Atomic bool mtime_explicit; /* utimens came after the last write */
	int64_t mtime;               /* of the last write */
	int error;        /* a write failed: nothing of this handle is published any more */
	uint64_t version; /* that this handle made, 0: none yet */
	struct handle_owners writers; /* since the last commit */
};

void handle_init(uint32_t generation);

/* A reader's handle for a version of a value; takes data over (frees it where the handle was there
 * already). -ENOMEM. */
int handle_open_read(uint64_t node, uint64_t row, uint32_t key_no, uint64_t value_id, uint32_t uid,
	uint32_t gid, int32_t pid, struct secbuf *data, struct handle **ret_handle);

/* Is there one to share already? NULL: no. Else with one more reference. */
struct handle *handle_share(uint64_t value_id, uint64_t node, uint32_t uid);

/* A writer's handle, zeroed but for identity; takes data over. -ENOMEM. */
int handle_open_write(uint64_t node, uint64_t row, uint32_t key_no, uint32_t uid, uint32_t gid,
	int32_t pid, struct secbuf *data, struct handle **ret_handle);

/* With one more reference, to be given back by handle_release; NULL: not known to this worker. */
struct handle *handle_find(uint64_t fh, uint64_t node);

/* Puts back a reader's handle that an earlier worker gave out; one reference for the
 * kernel, which does not know how many it has, and one for the caller. */
int handle_adopt(uint64_t fh, uint64_t node, uint64_t row, uint32_t key_no, uint32_t uid,
	struct secbuf *data, struct handle **ret_handle);

/* The kernel's RELEASE. An adopted handle stands for all who have it open, but is held once: the
 * first one's release drops it, and who still has it open gets it again. */
void handle_close(struct handle *handle);

/* Drops a reference; wipes and frees with the last. */
void handle_release(struct handle *handle);

static inline void handle_release_cleanup(struct handle **handle)
{
	if (*handle)
		handle_release(*handle);
}

#define AUTO_HANDLE __attribute__((cleanup(handle_release_cleanup))) struct handle *

bool handle_could_write(uint64_t fh);
uint64_t handle_value_id(uint64_t fh);
bool handle_is_mine(uint64_t fh); /* of this generation? */

void handle_owner_add(struct handle_owners *owners, uint64_t owner);
bool handle_owner_in(const struct handle_owners *owners, uint64_t owner);

/* Does a writer hold uncommitted changes of the node? */
bool handle_uncommitted(uint64_t node);

/* Has a writer emptied and flushed the node, so that its first write is about to come? */
bool handle_pending(uint64_t node);

/* Is a writer's commit of the node on its way? */
bool handle_committing(uint64_t node);

/* utimens on a node: uncommitted writes will not change its mtime. */
void handle_mtime_explicit(uint64_t node);

/*
 * The node is about to lose its name (unlink, rename over it): who has it open may still ask for
 * its attributes. The kernel knows that the name is gone; a key that goes in another way (.json) is
 * not marked, so that its name is looked up again.
 */
void handle_unlinked(uint64_t node);

/* Is it open, and has lost its name (any: or is what it shows gone)? ret_len: bytes that a reader
 * or the writer has. */
bool handle_is_unlinked(
	uint64_t node, bool any, uint64_t *ret_len, uint32_t *ret_uid, uint32_t *ret_gid);

unsigned handle_count(void);

#endif
