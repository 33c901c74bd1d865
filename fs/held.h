/* SPDX-License-Identifier: MIT */
/*
 * held: which values somebody has open, so that the store does not delete them when the last
 * version that names them goes. Handles and keys without names (gone) hold; the store's writer
 * asks.
 *
 * An opener reads which value is current, and holds it then. Between the two a commit may have
 * deleted it; so whoever wants to hold says what it knew (held_mark), and is told to look again.
 *
 * Threads: any. Locks: held's own is the last one taken.
 */
#ifndef FS_HELD_H
#define FS_HELD_H

#include <stdbool.h>
#include <stdint.h>

/* Once. unkept: called, without locks, when a value that only its holders kept has lost the last.
 */
void held_init(void (*unkept)(void));

/* To be taken before a snapshot is begun. */
uint64_t held_mark(void);

/* Holds a value that was found in a snapshot; 0 holds nothing. -ESTALE: values were deleted
 * meanwhile, begin another snapshot; -EAGAIN: it is being deleted, wait for the commit
 * (store_settle) first; -ENOMEM. */
int held_open(uint64_t value_id, uint64_t mark);

/* Holds a value that another holder holds, or that cannot be deleted meanwhile. -ENOMEM. */
int held_add(uint64_t value_id);

void held_drop(uint64_t value_id);

/* For struct store_files. */
bool held_ask(uint64_t value_id);
void held_settled(void);

#endif
