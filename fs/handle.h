/* SPDX-License-Identifier: MIT */
/*
 * handle: open keys. A reader's handle is a snapshot of one version; a writer's has a buffer of its
 * own and becomes a transaction.
 *
 *     fh = generation (12 bits) | could write (1) | page cache (1) | instance (2) | value row id,
 * or the writer's serial (48)
 *
 * So a handle's number survives its worker: the next one finds the same version again (openings.h
 * tells it who has what), and reads it when it is asked for. Openers of the same version share a
 * reader's handle; the instance keeps different users apart, so that each pays for his own memory
 * (the fifth and later share with the fourth). Write handles of a worker that died are dead: their
 * uncommitted data died with it; but one that has emptied a key (O_TRUNC) and written nothing goes
 * on. One that was told to make room hands them over (handover.h).
 *
 * With kernel_cache a reader may be given the kernel's page cache instead of READs of his own. An
 * inode has one such cache and one size, for all who have it open: so while somebody reads a key
 * through it, all who do read the same version, and nobody changes the key; who comes in another
 * version, or beside a writer, gets READs of his own. Who comes to write waits for those readers,
 * but not for long: who reads on after that is overtaken.
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
	uint64_t held; /* the value that it holds (held.h), or 0 */
	enum node_kind kind;
	uint32_t uid; /* who opened it */
	uint32_t gid;
	int32_t pid;
	unsigned opens;      /* table's lock: how often the kernel has it */
	unsigned refs;       /* table's lock: opens, and who uses it at the moment */
	int place;           /* in openings, -1: none */
	bool changed;        /* table's lock: read through the page cache, and the node was changed
				since; or perhaps, under an earlier worker */
	struct handle *next; /* table's lock */

	/* A reader's data never changes; one that an earlier worker gave out has none before it is
	 * read for the first time. A writer's, and all below, is guarded by lock; the atomic flags
	 * are written under it and read by others as hints. */
	_Atomic bool loaded;
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

/* Takes over what an earlier worker of this mount gave out. Before the threads start. */
void handle_inherit(void);

#define HANDLE_DIRECT (-1)

/* How often a secret was changed: what was read after this is known to be current if it is the same
 * later. */
int64_t handle_cache_mark(uint64_t row);

/* A reader's handle for a snapshot; takes data and the hold over (drops them where the handle was
 * there already, or on failure). cached: HANDLE_DIRECT, or what handle_cache_mark said before the
 * snapshot was begun: then it reads through the page cache, if that may be (handle_cached says).
 * -ENOMEM, -ENFILE. */
int handle_open_read(uint64_t node, uint64_t row, uint32_t key_no, uint64_t snapshot_id,
	uint64_t held, uint32_t uid, uint32_t gid, int32_t pid, int64_t cached, struct secbuf *data,
	struct handle **ret_handle);

/* Is there one to share already? NULL: no. Else with one more reference. */
struct handle *handle_share(
	uint64_t snapshot_id, uint64_t node, uint64_t row, uint32_t uid, int64_t cached);

/* What a writer's handle begins with: others see it as soon as it is in the table. */
struct handle_start {
	uint64_t base_len;
	bool append;
	bool tail;
	bool emptied;
	uint64_t version;
};

/* A writer's handle, zeroed but for identity; takes data over. -ENOMEM. */
int handle_open_write(uint64_t node, uint64_t row, uint32_t key_no, uint32_t uid, uint32_t gid,
	int32_t pid, const struct handle_start *start, struct secbuf *data,
	struct handle **ret_handle);

/* All of a handle but its bytes, as the next worker gets it (handover.h): of a writer's, and of a
 * reader's that shows what was made for it (a view, the status). Of that only the first two
 * members, uid and len count. */
struct handle_carried {
	uint64_t fh;
	uint64_t node;
	uint64_t row;
	uint32_t key_no;
	uint32_t uid;
	uint32_t gid;
	int32_t pid;
	uint32_t opens;
	int32_t error;
	uint64_t base_len;
	int64_t mtime;
	uint64_t version;
	uint64_t len;
	struct handle_owners writers;
	bool append;
	bool tail;
	bool dirty;
	bool emptied;
	bool flushed;
	bool mtime_explicit;
};

/* Calls visit for each handle whose bytes are nowhere else. While no request is being served. */
void handle_each_carried(void (*visit)(struct handle *handle, void *arg), void *arg);

void handle_describe(const struct handle *handle, struct handle_carried *ret_carried);

/* Takes data over. After handle_inherit, before the threads start. -EPROTO: cannot be one; -ENOMEM.
 */
int handle_take_over(const struct handle_carried *carried, struct secbuf *data);

/* With one more reference, to be given back by handle_release; NULL: not known to this worker. */
struct handle *handle_find(uint64_t fh, uint64_t node);

/* The kernel's RELEASE, or an open that it will never release. */
void handle_close(struct handle *handle);

/* What an earlier worker opened for a request that comes again (openings_did), with one more
 * reference; NULL: there is none. */
struct handle *handle_at(int place);

/* Drops a reference; wipes and frees with the last. */
void handle_release(struct handle *handle);

static inline void handle_release_cleanup(struct handle **handle)
{
	if (*handle)
		handle_release(*handle);
}

#define AUTO_HANDLE __attribute__((cleanup(handle_release_cleanup))) struct handle *

bool handle_could_write(uint64_t fh);

/* Does it read through the page cache? */
bool handle_cached(uint64_t fh);

/* Does anybody read the node through the page cache: a key, or of a view any key in it? */
bool handle_cached_at(uint64_t node);

/* A writer of a secret's key or view comes: until he is there (he has a handle, or has failed)
 * nobody is given the page cache of its keys any more. */
void handle_writer_comes(uint64_t row);
void handle_writer_is_there(uint64_t row);

/* The node was changed: those who read it through the page cache must ask for its attributes each
 * time, as long as they have it. handle_cached_changed: are there such? */
void handle_note_change(uint64_t node);
bool handle_cached_changed(uint64_t node);

uint64_t handle_value_id(uint64_t fh);

/* With the handle's lock: a writer that had emptied the key has flushed it; has written since, or
 * is committed. */
void handle_set_flushed(struct handle *handle);
void handle_set_not_emptied(struct handle *handle);

void handle_owner_add(struct handle_owners *owners, uint64_t owner);
bool handle_owner_in(const struct handle_owners *owners, uint64_t owner);

/* Does a writer hold uncommitted changes of the node? */
bool handle_uncommitted(uint64_t node);

/* Has a writer emptied and flushed the node, so that its first write is about to come? */
bool handle_pending(uint64_t node);

/* Has anybody the node open for writing? */
bool handle_is_written(uint64_t node);

/* Is a writer's commit of the node on its way? */
bool handle_committing(uint64_t node);

/* utimens on a node: uncommitted writes will not change its mtime. */
void handle_mtime_explicit(uint64_t node);

/* Has anybody the node open? */
bool handle_is_open(uint64_t node);

/* The same. ret_len: bytes that a reader or the writer has; and who opened it. */
bool handle_opener(uint64_t node, uint64_t *ret_len, uint32_t *ret_uid, uint32_t *ret_gid);

unsigned handle_count(void);

#endif
