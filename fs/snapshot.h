/* SPDX-License-Identifier: MIT */
/*
 * snapshot: what a reader of a node sees, as bytes that do not change while it is open. One place
 * for keys, views, earlier versions and the status.
 */
#ifndef FS_SNAPSHOT_H
#define FS_SNAPSHOT_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "node.h"
#include "store.h"

struct snapshot {
	struct node node;
	const struct store_secret *secret; /* NULL: the status */
	const struct manifest_key *key;    /* NULL: a view */
	bool expired;                      /* its values must not be read any more */
	bool empty;                        /* there is no value; key may be NULL */
	bool gone;                         /* the key has left its secret (gone.h) */
	struct store_ns ns;                /* where the secret is now, or was last */
	uint64_t value_id;                 /* of the key; 0: none */
	uint64_t id; /* 48 bits that go into the handle: same node and id, same bytes, for ever */
};

/*
 * Finds what is behind a node, within store_begin and store_end. req: whose caller must be allowed
 * there, and wants to open it; NULL: who has it open already (READ comes with whoever holds the
 * descriptor). -ESTALE gone, -EISDIR, -ELOOP, -EACCES.
 */
int snapshot_find(fuse_req_t req, fuse_ino_t ino, struct snapshot *ret_snapshot);

/* The bytes, charged to uid. ret_bytes must be empty. -ESTALE: begin again, with store_fresh. */
int snapshot_read(const struct snapshot *snapshot, uint32_t uid, struct secbuf *ret_bytes);

/* For a reader's handle of an earlier worker: like snapshot_find, but also an earlier version with
 * that id. -EIO: it is gone. */
int snapshot_find_again(fuse_ino_t ino, uint64_t id, struct snapshot *ret_snapshot);

#endif
