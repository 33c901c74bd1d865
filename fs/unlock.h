/* SPDX-License-Identifier: MIT */
/*
 * unlock: from a key source to the descriptor that hands the five keys to every worker.
 *
 * The master key exists only while unlock_open runs.
 */
#ifndef FS_UNLOCK_H
#define FS_UNLOCK_H

#include <sys/types.h>

#include "config.h"
#include "why.h"

/* Who the worker is, and so who may touch the store file. */
struct unlock_reader {
	uid_t uid;
	gid_t gid;
	bool drop; /* we are root and have to become it */
};

/*
 * Reads the source that config names (asking on /dev/tty for a passphrase), lets a child that runs
 * as reader read the slots, opens one, and returns a close-on-exec descriptor of one page that
 * starts with struct keyslot_keys and can be mapped shared for reading, now and by an heir.
 * secmem_init must have been called. -EKEYREJECTED: no slot opens; else what keyslot_*,
 * store_read_slots return, -errno. Always with a sentence.
 */
int unlock_open(const struct config *config, const struct unlock_reader *reader, struct why *why);

#endif
