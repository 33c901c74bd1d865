/* SPDX-License-Identifier: MIT */
/*
 * ops: what the FUSE callbacks share. Each callback decodes its node, asks the store and sends
 * exactly one reply.
 *
 *     ops_dir    LOOKUP READLINK MKDIR MKNOD UNLINK RMDIR RENAME      ops_list  OPENDIR READDIR
 * READDIRPLUS ops_open   OPEN CREATE                                          ops_read  READ
 *     ops_write  WRITE FLUSH FSYNC RELEASE                            ops_attr  GETATTR SETATTR
 * STATFS ops_xattr  xattrs and ACLs                                      ops_hidden  views,
 * versions, status; ops_purge dropping history
 */
#ifndef FS_OPS_H
#define FS_OPS_H

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "acl.h"
#include "boot.h"
#include "config.h"
#include "node.h"
#include "slots.h"
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
	const struct slots *slots;
	struct store_limits limits;
};

extern struct ops ops;

/* The calling thread's. */
struct ops_thread {
	struct store_reader *reader;
	struct store_reader *other; /* a second one, for a look-up while the first one lists; opened
				       when first needed */
	const void
		*request; /* the one at hand as the kernel sent it; NULL in the thread of later.h */
	size_t request_len;
	uint64_t setattr_owner; /* lock owner of the SETATTR at hand, which libfuse does not pass on
				 */
};

extern _Thread_local struct ops_thread ops_thread;

int ops_other_reader(struct store_reader **ret_reader);

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

/* The same; fresh: without the cache of opened manifests, after a -ESTALE. */
int ops_begin_fresh(bool fresh);

/* CLOCK_REALTIME in nanoseconds. */
int64_t ops_now_ns(void);

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

/* Fills in what every kind of node has: number, mode, links, the mount's time, root as owner. */
void ops_attr_fixed(const struct node *node, mode_t mode, nlink_t nlink, struct stat *st);

/* Nanoseconds since 1970. */
void ops_set_times(struct stat *st, int64_t atime, int64_t mtime, int64_t ctime);

/* The ACLs of a node, copied out of the snapshot. */
struct ops_acls {
	uint8_t access[ACL_MAX];
	uint16_t access_len;
	uint8_t dflt[ACL_MAX];
	uint16_t dflt_len;
	uint32_t mode;
};

/* Reads the ACLs (ops_xattr.c) in a snapshot of its own and checks that this caller may touch the
 * node at all. */
int ops_acls_read(fuse_req_t req, const struct node *node, struct ops_acls *acls);

/* Stores attributes of whatever the node is. */
int ops_attr_store(fuse_req_t req, const struct node *node, const struct store_attr *attr);

/* An entry for a reply to LOOKUP and the like. */
void ops_entry(const struct node *node, const struct stat *st, double attr_seconds,
	struct fuse_entry_param *ret_entry);

/* Tells the kernel to ask again for a node's attributes; again 100 ms later if it did not know the
 * node yet. */
void ops_changed(uint64_t node);

/* The same for a node that has not changed, and that the kernel knows. */
void ops_ask_again(uint64_t node);

/* Before another worker goes on: what would be sent once more later is sent now. */
void ops_changed_hurry(void);

/* After a change of a key: the key and its secret. */
void ops_touched(const struct store_touched *touched);

/* How long the kernel may keep a node's attributes at most: views follow other nodes, and an
 * uncommitted write changes its own. */
double ops_attr_seconds(const struct node *node, double wanted);

/* ---- hidden names (ops_hidden.c): views, .versions, .secretfs ---- */

/* Within a snapshot. -ENOENT. */
int ops_hidden_lookup(
	fuse_req_t req, const struct node *parent, const char *name, struct node *ret_node);

/* Attributes of the views and of what is below .versions and .secretfs. */
int ops_hidden_attr(const struct node *node, struct stat *ret_st);

/* Calls add for what .versions, one version or .secretfs lists above offset off; next is the offset
 * after it. */
typedef int (*ops_hidden_add)(void *arg, const char *name, const struct node *node, off_t next);
int ops_hidden_list(
	fuse_req_t req, const struct node *dir, off_t off, ops_hidden_add add, void *arg);

/* A version's name: its number as it is printed, above 0. -ENOENT. */
int ops_hidden_version(const char *name, uint32_t *ret_version);

/* ---- dropping history (ops_purge.c) ---- */

/* 1: it is the current version, which stays: EBUSY. What is -EBUSY in the store is another thing.
 */

/* RMDIR of a name in a secret (.versions: all earlier versions) or in .versions (one of them). */
int ops_purge_folder(fuse_req_t req, const struct node *dir, const char *name);

/* Part of the id of a secret's .versions: another one after each removal. */
uint32_t ops_purge_removals(uint64_t row);

/* UNLINK of a key in an earlier version: its value there. */
int ops_purge_key(fuse_req_t req, const struct node *dir, const char *name);

/* ---- callbacks ---- */

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup);
void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
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

/* The errno for making something where the structure has no place for it. */
int ops_structure_error(const struct node *parent);

/* The namespace behind NODE_PUBLIC or NODE_PRIVATE. */
struct store_ns ops_ns(const struct node *node);

/* Owner, mode and ACLs of something new, with the room that they lie in. */
struct ops_made {
	struct store_new attr;
	uint8_t acl[ACL_MAX];
	uint8_t dflt[ACL_MAX];
};

/* For keys that a view makes: there is no umask at hand, so they get what the secret's own mode or
 * default ACL says. -ESTALE. */
int ops_made_in_view(uint64_t row, uint32_t uid, uint32_t gid, struct ops_made *ret_made);

/* The secret and all its keys changed. */
void ops_changed_secret(uint64_t row);

/* Creates a key and replies through ops_entry's parameters: shared by MKNOD and CREATE. -errno,
 * nothing replied. */
int ops_key_create(fuse_req_t req, uint64_t row, const char *name, mode_t mode,
	struct store_touched *ret_touched, struct fuse_entry_param *ret_entry);

/* What is committed now, for a handle that opener has: -EACCES if it is private and neither his nor
 * the caller's. */
int ops_read_current(fuse_req_t req, fuse_ino_t ino, uint32_t opener, struct secbuf *ret_bytes);

/* SETATTR of a size: through a writer's handle, or at once (fi NULL). -errno. */
int ops_truncate(
	fuse_req_t req, const struct node *node, uint64_t size, const struct fuse_file_info *fi);

/* The size that a writer sees through its own handle. 0: no such handle, or no writer's. */
bool ops_own_size(const struct node *node, const struct fuse_file_info *fi, uint64_t *ret_size);

#endif
