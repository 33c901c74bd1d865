/* SPDX-License-Identifier: MIT */
/*
 * anchor: what is remembered of a store outside of it, so that an old copy of the whole store is
 * noticed.
 *
 * One small file for each store (named after the store's path) in a folder that is not the
 * store's:
 *
 *     two slots of 512 bytes, written in turn, each a box (see seal.h) and zeros
 *     box of 128 bytes under K_anchor, place {dom 'A', everything else zero}:
 *         format u16 | store_id[16] | epoch u64 | commits u64 | total sum[32]
 *         audit_number u64 | audit_hash[32] | zeros
 *
 * It is a lower bound of the store: written after a commit is durable, so that after a crash or a
 * power cut it may lag but never leads. Two slots, because a write that a power cut tears must not
 * cost the record before it.
 *
 * Threads: anchor_note, anchor_audit_set, anchor_audit_get and anchor_sync from any; the rest
 * before there are any or after.
 */
#ifndef STORE_ANCHOR_H
#define STORE_ANCHOR_H

#include <stdbool.h>
#include <stdint.h>

#include "header.h"
#include "why.h"

#define ANCHOR_RECORD 128
#define ANCHOR_SLOT   512
#define ANCHOR_HASH   32

struct anchor;

enum anchor_use {
	ANCHOR_LOOK, /* reads only; there may be none, nor the folder */
	ANCHOR_KEEP, /* reads and writes; makes the file (empty) if there is none */
};

/*
 * Opens the anchor of the store at path store in folder. From then on the descriptor is enough:
 * open it before rights are given up.
 * -ENOENT: no such folder, or the store's is missing. -EPERM: the folder or the file belongs to
 * someone else, or others can write to it or above it. -EINVAL: the folder is the store's own or
 * below it. errnos of open(2).
 */
int anchor_open(const char *folder, const char *store, enum anchor_use use,
	struct anchor **ret_anchor, struct why *why);

/* Reads what was recorded; before anything else is asked of it, and before the store is looked at.
 * key: K_anchor, must outlive the anchor. Once. */
int anchor_unlock(struct anchor *anchor, const uint8_t key[32], struct why *why);

/* Syncs what was written and closes. NULL is fine. */
void anchor_close(struct anchor *anchor);

/* Where it is, for messages. */
const char *anchor_path(const struct anchor *anchor);

/* Is there a file? */
bool anchor_there(const struct anchor *anchor);

/* Has anything been recorded (or damaged) here? A fresh folder has not. */
bool anchor_empty(const struct anchor *anchor);

/*
 * Is a store with this root at least as new as was recorded? A store that has never been used
 * needs no record. -ESTALE: no record, another store's or a damaged one, or the store is older:
 * with a sentence.
 */
int anchor_check(const struct anchor *anchor, const struct header_root *root, struct why *why);

/* Was this very store recorded here, whatever its age? */
bool anchor_knows(const struct anchor *anchor, const struct header_root *root);

/* An epoch above all that were recorded here and above the root's. */
uint64_t anchor_next_epoch(const struct anchor *anchor, const struct header_root *root);

/* Records a root for good: both slots, synced. -errno. */
int anchor_seal(struct anchor *anchor, const struct header_root *root);

/*
 * For a store that is about to be replaced by one under another master key: records the new one's
 * root in one slot and leaves the other, so that either store is recognised. Synced.
 */
int anchor_prepare(
	struct anchor *anchor, const struct header_root *root, const uint8_t new_key[32]);

/* The store was replaced so: records its root for good under new_key, as anchor_seal does. Then the
 * anchor can only be closed. */
int anchor_renew(struct anchor *anchor, const struct header_root *root, const uint8_t new_key[32]);

/* Records a root after its commit became durable; not synced (about a microsecond). */
int anchor_note(struct anchor *anchor, const struct header_root *root);

/* Makes what was recorded survive a power cut; 1: the file was removed behind our back. */
int anchor_sync(struct anchor *anchor);

/*
 * The audit log's last number and hash, recorded beside the root. Before the first anchor_seal or
 * anchor_note of an empty anchor anchor_audit_set only remembers. anchor_audit_get: zeros if none
 * was ever set.
 */
int anchor_audit_set(struct anchor *anchor, uint64_t number, const uint8_t hash[ANCHOR_HASH]);
void anchor_audit_get(struct anchor *anchor, uint64_t *ret_number, uint8_t ret_hash[ANCHOR_HASH]);

/* Makes the default folder (and those above it) where missing, 0700. */
int anchor_make_folder(const char *folder, struct why *why);

/* Removes what an earlier store at this path has left, before a new one is made. 0 if there is
 * none; -errno. */
int anchor_forget(const char *folder, const char *store);

static inline void anchor_close_cleanup(struct anchor **anchor)
{
	anchor_close(*anchor);
}

#define AUTO_ANCHOR __attribute__((cleanup(anchor_close_cleanup))) struct anchor *

#endif
