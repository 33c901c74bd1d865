/* SPDX-License-Identifier: MIT */
/* ops_attr: attributes of every kind of node, chmod and its kin, ACLs as xattrs, statfs,
 * invalidations. */
#include "ops.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "acl.h"
#include "by_name.h"
#include "gone.h"
#include "handle.h"
#include "later.h"
#include "name.h"
#include "park.h"
#include "snapshot.h"
#include "trail.h"

#define NSEC        1000000000
#define BLOCK       4096
#define PARK_MS     20  /* the kernel has sent RELEASE already when it asks */
#define INVAL_RETRY 100 /* ms: a reply that the invalidation overtook has arrived by then */

/* ---- attributes ---- */

static void set_time(struct timespec *to, int64_t ns)
{
	to->tv_sec = ns / NSEC;
	to->tv_nsec = ns % NSEC;
	if (to->tv_nsec < 0) {
		to->tv_sec--;
		to->tv_nsec += NSEC;
	}
}

void ops_set_times(struct stat *st, int64_t atime, int64_t mtime, int64_t ctime)
{
	set_time(&st->st_atim, atime);
	set_time(&st->st_mtim, mtime);
	set_time(&st->st_ctim, ctime);
}

/* Nanoseconds end in the years 1677 and 2262: what is further away becomes the end, as file systems
 * do it. */
static int64_t get_time(const struct timespec *ts)
{
	if (ts->tv_sec >= INT64_MAX / NSEC)
		return INT64_MAX;
	if (ts->tv_sec <= INT64_MIN / NSEC)
		return INT64_MIN;
	return (int64_t)ts->tv_sec * NSEC + ts->tv_nsec;
}

void ops_attr_fixed(const struct node *node, mode_t mode, nlink_t nlink, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = node_ino(node);
	st->st_mode = mode;
	st->st_nlink = nlink;
	st->st_blksize = BLOCK;
	ops_set_times(st, ops.boot->mounted_at * NSEC, ops.boot->mounted_at * NSEC,
		ops.boot->mounted_at * NSEC);
}

void ops_attr_secret(const struct store_secret *secret, struct stat *ret_st)
{
	const struct manifest *m = &secret->m;

	ops_attr_fixed(&(struct node){.kind = NODE_SECRET, .row = secret->row}, S_IFDIR | m->mode,
		2, ret_st);
	ret_st->st_uid = m->uid;
	ret_st->st_gid = m->gid;
	ops_set_times(ret_st, m->atime, m->mtime, m->ctime);
}

void ops_attr_key(uint64_t row, const struct manifest_key *key, struct stat *ret_st)
{
	const struct node node = {.kind = NODE_KEY, .row = row, .key_no = key->no};

	ops_attr_fixed(&node, S_IFREG | key->mode, 1, ret_st);
	ret_st->st_uid = key->uid;
	ret_st->st_gid = key->gid;
	ret_st->st_size = key->len;
	ret_st->st_blocks = (key->len + 511) / 512;
	ops_set_times(ret_st, key->atime, key->mtime, key->ctime);
}

static int attr_ns(const struct node *node, struct stat *ret_st)
{
	struct store_ns ns = {node->kind == NODE_PUBLIC ? NS_PUBLIC : NS_PRIVATE, node->uid};
	struct header_ns h;

	/* Anybody may stat it: how many secrets there are and when the last one came is not for
	 * anybody. One link means "not counted". */
	if (node->kind == NODE_PRIVATE) {
		ops_attr_fixed(node, S_IFDIR | 0700, 1, ret_st);
		ret_st->st_uid = ret_st->st_gid = node->uid;
		return 0;
	}
	int r = store_ns_get(ops_thread.reader, ns, &h);

	if (r < 0)
		return r;
	ops_attr_fixed(node, S_IFDIR | h.mode, (nlink_t)(2 + h.secrets), ret_st);
	ret_st->st_uid = h.owner;
	ret_st->st_gid = h.gid;
	if (h.ctime)
		ops_set_times(ret_st, h.atime, h.mtime, h.ctime);
	return 0;
}

/* A key without a name keeps its attributes as long as somebody has it. */
static int attr_gone(const struct node *node, bool opened, struct stat *ret_st)
{
	const struct store_secret *secret;
	const struct manifest_key *key;
	int r = gone_find(node, opened, &secret, &key);

	if (r < 0)
		return r;
	ops_attr_key(node->row, key, ret_st);
	ret_st->st_nlink = 0;
	return 0;
}

static int attr_row(const struct node *node, struct stat *ret_st)
{
	const struct store_secret *secret;
	int r = ops_stale(store_secret_by_row(ops_thread.reader, node->row, &secret));

	if (r == 0 && node->kind == NODE_SECRET) {
		ops_attr_secret(secret, ret_st);
		return 0;
	}
	const struct manifest_key *key =
		r == 0 ? manifest_key_by_no(&secret->m, node->key_no) : NULL;
	if (!key)
		return r == 0 || r == -ESTALE ? attr_gone(node, false, ret_st) : r;
	ops_attr_key(node->row, key, ret_st);
	return 0;
}

static int attr_by_name(const struct node *node, struct stat *ret_st)
{
	const struct store_secret *secret;
	char target[NAME_MAX_BYTES + 32];
	int r = store_secret_by_row(ops_thread.reader, node->row, &secret);

	if (r < 0)
		return ops_stale(r);
	ops_attr_secret(secret, ret_st);
	ret_st->st_ino = node_ino(node);
	ret_st->st_mode = S_IFLNK | 0777;
	ret_st->st_nlink = 1;
	r = by_name_target(secret, target, sizeof(target));
	if (r == 0)
		ret_st->st_size = (off_t)strlen(target);
	return r;
}

int ops_attr_node(const struct node *node, struct stat *ret_st)
{
	switch (node->kind) {
	case NODE_ROOT:
		ops_attr_fixed(node, S_IFDIR | 0755, 3, ret_st);
		return 0;
	case NODE_PUBLIC:
	case NODE_PRIVATE:
		return attr_ns(node, ret_st);
	case NODE_DOT_PRIVATE:
		ops_attr_fixed(node, S_IFDIR | 0711, 2, ret_st);
		return 0;
	case NODE_PRIVATE_LINK:
		ops_attr_fixed(node, S_IFLNK | 0777, 1, ret_st);
		return 0;
	case NODE_SECRET:
	case NODE_KEY:
		return attr_row(node, ret_st);
	case NODE_DOT_BY_NAME:
		ops_attr_fixed(node, S_IFDIR | 0711, 2, ret_st);
		return 0;
	case NODE_BY_NAME:
		ops_attr_fixed(node, S_IFDIR | 0500, 2, ret_st);
		ret_st->st_uid = ret_st->st_gid = node->uid;
		return 0;
	case NODE_BY_NAME_LINK:
		ops_attr_fixed(node, S_IFLNK | 0777, 1, ret_st);
		return 0;
	case NODE_BY_NAME_ENTRY:
		return attr_by_name(node, ret_st);
	default:
		return ops_hidden_attr(node, ret_st);
	}
}

double ops_attr_seconds(const struct node *node, double wanted)
{
	switch (node->kind) {
	case NODE_JSON:
	case NODE_ENV:
	case NODE_VERSIONS:
	case NODE_VERSION:
	case NODE_BY_NAME_ENTRY:
	case NODE_STATUS:
		return 0;
	case NODE_KEY:
		return handle_uncommitted(node_id(node)) || handle_cached_changed(node_id(node))
			       ? 0
			       : wanted;
	default:
		return wanted;
	}
}

void ops_entry(const struct node *node, const struct stat *st, double attr_seconds,
	struct fuse_entry_param *ret_entry)
{
	memset(ret_entry, 0, sizeof(*ret_entry));
	ret_entry->ino = node_id(node);
	ret_entry->generation = store_generation(ops.store, ret_entry->ino);
	ret_entry->attr = *st;
	ret_entry->attr_timeout = ops_attr_seconds(node, attr_seconds);
	/* Another secret may come to be first of its name at any time. */
	ret_entry->entry_timeout = node->kind == NODE_BY_NAME_ENTRY ? 0 : OPS_NAME_SECONDS;
}

/* A view or an earlier version that is no more, but somebody has it open: the attributes that
 * matter to who reads it on. */
static int attr_open(fuse_ino_t ino, const struct node *node, struct stat *ret_st)
{
	uint64_t len;
	uint32_t uid, gid;

	if (node->kind == NODE_KEY || !handle_opener(ino, &len, &uid, &gid))
		return -ESTALE;
	ops_attr_fixed(node, S_IFREG | 0600, 0, ret_st);
	ret_st->st_uid = uid;
	ret_st->st_gid = gid;
	ret_st->st_size = (off_t)len;
	ret_st->st_blocks = (ret_st->st_size + 511) / 512;
	return 0;
}

/* Who reads on through the page cache what was replaced meanwhile, or is being, would get the end
 * of another value, or none: the kernel asks with his handle before it reads. */
static int attr_overtaken(fuse_ino_t ino, uint64_t fh)
{
	struct snapshot snapshot;
	int r = snapshot_find(NULL, ino, &snapshot);

	return r == 0 && (snapshot.id != handle_value_id(fh) || handle_is_written(ino)) ? -ESTALE
											: r;
}

static void getattr_now(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node node;
	struct stat st;
	uint64_t size;

	AUTO_SNAPSHOT begun = ops_begin();
	int r = begun;
	if (r == 0)
		r = node_parse(ino, &node) ? ops_attr_node(&node, &st) : -ESTALE;
	if (r == -ESTALE && fi)
		r = attr_gone(&node, true, &st);
	if (r == -ESTALE)
		r = attr_open(ino, &node, &st);
	if (r == 0 && fi && handle_cached(fi->fh))
		r = attr_overtaken(ino, fi->fh);
	if (r < 0)
		return ops_fail(req, r);
	if (fi && ops_own_size(&node, fi, &size)) {
		st.st_size = (off_t)size;
		st.st_blocks = (blkcnt_t)((size + 511) / 512);
	}
	fuse_reply_attr(req, &st, ops_attr_seconds(&node, OPS_ATTR_SECONDS));
}

/* The kernel tells us of the last close after close(2) has returned: who has emptied a key, closed
 * it and asks for its size shall see 0, and not what was there before. */
void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (handle_pending(ino) && !(fi && handle_could_write(fi->fh)) &&
		park(req, ino, fi, PARK_MS, handle_pending, getattr_now))
		return;
	getattr_now(req, ino, fi);
}

/* ---- invalidations ---- */

static void changed_again(void *arg)
{
	fuse_lowlevel_notify_inval_inode(ops.session, (fuse_ino_t)arg, -1, 0);
}

/* Only this notification is safe: the others wait for locks that a client holds while it waits for
 * us. */
void ops_changed(uint64_t node)
{
	handle_note_change(node);
	if (fuse_lowlevel_notify_inval_inode(ops.session, node, -1, 0) == -ENOENT)
		/* Without memory for it the reply that was overtaken is stale for its second. */
		later_add(INVAL_RETRY, changed_again, (void *)(uintptr_t)node);
}

void ops_ask_again(uint64_t node)
{
	fuse_lowlevel_notify_inval_inode(ops.session, node, -1, 0);
}

void ops_changed_hurry(void)
{
	later_hurry(changed_again);
}

void ops_touched(const struct store_touched *touched)
{
	if (touched->key_no)
		ops_changed(node_key(touched->row, touched->key_no));
	ops_changed(node_secret(touched->row));
}

/* ---- changing attributes ---- */

/* chmod keeps the ACL in step. */
static void setattr_mode(struct store_attr *attr, struct ops_acls *acls, mode_t mode)
{
	attr->set |= STORE_ATTR_MODE;
	attr->mode = mode & 01777; /* set-user-id and set-group-id mean nothing here */
	if (!acls->access_len)
		return;
	acl_chmod(acls->access, acls->access_len, attr->mode);
	attr->set |= STORE_ATTR_ACL;
	attr->acl = acls->access;
	attr->acl_len = acls->access_len;
}

static void setattr_collect(
	struct store_attr *attr, struct ops_acls *acls, const struct stat *st, int to_set)
{
	if (to_set & FUSE_SET_ATTR_MODE)
		setattr_mode(attr, acls, st->st_mode);
	if (to_set & FUSE_SET_ATTR_UID) {
		attr->set |= STORE_ATTR_UID;
		attr->uid = st->st_uid;
	}
	if (to_set & FUSE_SET_ATTR_GID) {
		attr->set |= STORE_ATTR_GID;
		attr->gid = st->st_gid;
	}
	if (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW)) {
		attr->set |= STORE_ATTR_ATIME;
		attr->atime =
			to_set & FUSE_SET_ATTR_ATIME_NOW ? ops_now_ns() : get_time(&st->st_atim);
	}
	if (to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)) {
		attr->set |= STORE_ATTR_MTIME;
		attr->mtime =
			to_set & FUSE_SET_ATTR_MTIME_NOW ? ops_now_ns() : get_time(&st->st_mtim);
	}
}

#define SET_PERMISSION (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)

static int setattr_do(fuse_req_t req, const struct node *node, const struct stat *st, int to_set,
	const struct fuse_file_info *fi)
{
	struct ops_acls acls;
	struct store_attr attr = {0};
	/* Through a descriptor it comes from whoever holds it. */
	int r = fi ? 0 : ops_acls_read(req, node, &acls);

	if (r < 0)
		return r;
	if (fi)
		memset(&acls, 0, sizeof(acls));
	if (to_set & FUSE_SET_ATTR_SIZE) {
		r = ops_truncate(req, node, (uint64_t)st->st_size, fi);
		if (r < 0)
			return r;
	}
	/* fchmod, fchown and futimens come without a handle, so this is never the descriptor's way
	 * around the check. */
	setattr_collect(&attr, &acls, st, to_set);
	if (!attr.set)
		return 0;
	r = ops_attr_store(req, node, &attr);
	if (r == 0 && attr.set & STORE_ATTR_MTIME)
		handle_mtime_explicit(node_id(node));
	if (to_set & SET_PERMISSION) {
		trail_note_node(node_id(node));
		trail_note_permission(to_set, st, NULL);
		r = trail_done(req, "permission", r);
	}
	return r;
}

void op_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set, struct fuse_file_info *fi)
{
	struct node node;
	struct stat after;
	uint64_t size;
	int r = node_parse(ino, &node) ? setattr_do(req, &node, st, to_set, fi) : -ESTALE;

	if (r < 0)
		return ops_fail(req, r);
	AUTO_SNAPSHOT begun = ops_begin();
	r = begun < 0 ? begun : ops_attr_node(&node, &after);
	if (r == -ESTALE && fi)
		r = attr_gone(&node, true, &after);
	if (r == -ESTALE && fi)
		r = attr_open(ino, &node, &after);
	if (r < 0)
		return ops_fail(req, r);
	if (fi && ops_own_size(&node, fi, &size))
		after.st_size = (off_t)size;
	fuse_reply_attr(req, &after, ops_attr_seconds(&node, OPS_LOOKUP_SECONDS));
}

/* ---- statfs ---- */

void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs host, st = {0};

	(void)ino;
	/* Room is what the store's file system has. */
	if (statvfs(ops.config->store, &host) < 0)
		return ops_fail(req, -errno);
	st.f_bsize = st.f_frsize = BLOCK;
	st.f_blocks = (fsblkcnt_t)((unsigned long long)host.f_blocks * host.f_frsize / BLOCK);
	st.f_bfree = (fsblkcnt_t)((unsigned long long)host.f_bfree * host.f_frsize / BLOCK);
	st.f_bavail = (fsblkcnt_t)((unsigned long long)host.f_bavail * host.f_frsize / BLOCK);
	uint64_t secrets = store_secret_count(ops.store);
	st.f_files = UINT32_MAX;
	st.f_ffree = st.f_favail = UINT32_MAX - secrets;
	st.f_namemax = 255;
	fuse_reply_statfs(req, &st);
}
