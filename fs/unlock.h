/* SPDX-License-Identifier: MIT */
/*
 * unlock: from a key source to the descriptors that hand keys to every worker: the five of the
 * store, and the audit log's chain.
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

/* Close-on-exec descriptors of one page each, to be mapped shared, now and by heirs. */
struct unlock_fds {
	int keys;  /* starts with struct keyslot_keys; for reading */
	int audit; /* struct audit_page, not begun; for writing */
};

/*
 * Reads the source that config names (asking on /dev/tty for a passphrase), lets a child that runs
 * as reader read the slots, opens one, and makes the pages. secmem_init must have been called.
 * -EKEYREJECTED: no slot opens; else what keyslot_*, store_read_slots return, -errno. Always with a
 * sentence.
 */
int unlock_open(const struct config *config, const struct unlock_reader *reader,
	struct unlock_fds *ret_fds, struct why *why);

#endif
