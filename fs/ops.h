/* SPDX-License-Identifier: MIT */
/*
 * ops: what the FUSE callbacks share. Each callback decodes its node, asks the store and sends
 * exactly one reply. They are spread over ops_dir.c (names), ops_file.c (open keys) and ops_attr.c
 * (attributes and xattrs).
 *
 * Which callback belongs to what: LOOKUP READLINK MKDIR UNLINK RMDIR RENAME OPENDIR READDIR[PLUS]
 * MKNOD in ops_dir; OPEN CREATE READ WRITE FLUSH FSYNC RELEASE in ops_file; the rest in ops_attr.
 */
#ifndef FS_OPS_H
#define FS_OPS_H

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "boot.h"
#include "config.h"
#include "node.h"
#include "store.h"

/* Names are permanent: what is renamed or removed through the mount the kernel sees itself. */
#define OPS_NAME_SECONDS   86400.0
#define OPS_ATTR_SECONDS   86400.0
#define OPS_LOOKUP_SECONDS 1.0

/* One for the process; set up before the threads start, constant afterwards. */
struct ops {
	struct store *store;
	const struct config *config;
	const struct boot_state *boot;
	struct fuse_session *session;
	struct store_limits limits;
};

extern struct ops ops;

/* The calling thread's. */
struct ops_thread {
	struct store_reader *reader;
	uint64_t setattr_owner; /* lock owner of the SETATTR at hand, which libfuse does not pass on
				 */
};

extern _Thread_local struct ops_thread ops_thread;

int ops_thread_begin(void);
void ops_thread_end(void);

/* The table for fuse_session_new. */
extern const struct fuse_lowlevel_ops ops_table;

/* ---- shared by the callbacks ---- */

/* errno for the kernel: what the store says inwardly (-EBADMSG and the like) becomes EIO. */
int ops_errno(int err);

/* Replies with an error. */
void ops_fail(fuse_req_t req, int err);

/* A node whose row is gone: the kernel shall look again. */
static inline int ops_stale(int err)
{
	return err == -ENOENT ? -ESTALE : err;
}

/* Is this caller refused as "nobody in particular", or is the private namespace another's? 0 or
 * -EACCES. */
int ops_private_check(uint32_t caller, uint32_t owner);

/* The same for a secret that was read: public ones are the kernel's business. */
int ops_secret_check(fuse_req_t req, const struct manifest *m);

/* Reads the secret of a node (with its snapshot begun: end it with ops_end) and checks the caller.
 * -ESTALE if it is gone. */
int ops_secret(fuse_req_t req, uint64_t row, const struct store_secret **ret_secret);

/* Begins a snapshot; ends it when the scope is left. */
int ops_begin(void);
static inline void ops_end_cleanup(const int *begun)
{
	if (*begun == 0)
		store_end(ops_thread.reader);
}
#define AUTO_SNAPSHOT __attribute__((cleanup(ops_end_cleanup))) int

/* ---- attributes (ops_attr.c) ---- */

void ops_attr_secret(const struct store_secret *secret, struct stat *ret_st);
void ops_attr_key(uint64_t row, const struct manifest_key *key, struct stat *ret_st);

/* Of any node, in a snapshot that the caller began; checks nothing. -ESTALE. */
int ops_attr_node(const struct node *node, struct stat *ret_st);

/* An entry for a reply to LOOKUP and the like. */
void ops_entry(const struct node *node, const struct stat *st, double attr_seconds,
	struct fuse_entry_param *ret_entry);

/* Tells the kernel to ask again for a node's attributes; again 100 ms later if it did not know the
 * node yet. */
void ops_changed(uint64_t node);

/* After a change of a key: the key and its secret. */
void ops_touched(const struct store_touched *touched);

/* ---- callbacks ---- */

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_readlink(fuse_req_t req, fuse_ino_t ino);
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name);
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
	const char *newname, unsigned int flags);
void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname);
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	struct fuse_file_info *fi);
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set, struct fuse_file_info *fi);
void op_statfs(fuse_req_t req, fuse_ino_t ino);
void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
	int flags);
void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

/* Creates a key and replies through ops_entry's parameters: shared by MKNOD and CREATE. -errno,
 * nothing replied. */
int ops_key_create(fuse_req_t req, uint64_t row, const char *name, mode_t mode,
	struct store_touched *ret_touched, struct fuse_entry_param *ret_entry);

/* SETATTR of a size: through a writer's handle, or at once (fi NULL). -errno. */
int ops_truncate(
	fuse_req_t req, const struct node *node, uint64_t size, const struct fuse_file_info *fi);

/* The size that a writer sees through its own handle. 0: no such handle, or no writer's. */
bool ops_own_size(const struct node *node, const struct fuse_file_info *fi, uint64_t *ret_size);

#endif
