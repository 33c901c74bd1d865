/* SPDX-License-Identifier: MIT */
/*
 * mount: making and undoing the kernel's mount, by mount(2) as root and by fusermount3 as a plain
 * user, and the one answer to FUSE_INIT.
 *
 * Nothing here asks the file system itself anything: these calls work, and return, when no worker
 * answers.
 */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "boot.h"
#include "config.h"
#include "why.h"

struct mount {
	char path[CONFIG_PATH]; /* where, without links */
	uint32_t dev_major;     /* the device number of what was mounted: is it still this mount? */
	uint32_t dev_minor;     /* also its name under /sys/fs/fuse/connections */
	bool root;              /* by mount(2), else by fusermount3 */
};

/*
 * Mounts at config->mountpoint and returns the descriptor of the connection. On failure nothing
 * stays mounted. -ENOENT, -ENOTDIR: no such directory; -EBUSY: it is a secretfs mount already;
 * -errno. Always with a sentence.
 */
int mount_open(const struct config *config, struct mount *ret_mount, struct why *why);

/*
 * Reads FUSE_INIT from a fresh connection, answers it, and keeps both in state (init_* and
 * reply_*). rings: requests are to come over io_uring. -EPROTO: the kernel does not offer what
 * secrets need; -ENOTSUP: it offers no rings; -ETIMEDOUT, -errno.
 */
int mount_init(int fuse_fd, bool rings, struct boot_state *state, struct why *why);

/* The flags that we agree to of those offered; flags2 are bits 32 to 63. */
uint64_t mount_flags(uint64_t offered, bool rings);

/* Is it still mounted at its place (in this mount namespace)? */
bool mount_present(const struct mount *mount);

/* Unmounts if nobody uses it. -EBUSY: somebody does. -errno. Fine if it is gone already. */
int mount_end(const struct mount *mount);

/* Ends the connection: who uses the mount, which stays, gets errors. False: it could not be cut, as
 * by mount_abort. */
bool mount_cut(const struct mount *mount);

/*
 * Ends the connection and detaches the mount, whoever uses it. False: the connection could not be
 * cut (a plain user without the control file system) and lasts until its last descriptor is closed.
 */
bool mount_abort(const struct mount *mount);

#endif
