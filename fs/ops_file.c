/* SPDX-License-Identifier: MIT */
/*
 * ops_file: open keys. Opening is a snapshot; writing is a transaction that ends at close.
 *
 * FLUSH commits what *its* lock owner has written. Shells flush a descriptor before they write
 * (they close a duplicate), and children flush what they inherited when they exit: neither may
 * publish an empty value.
 */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "handle.h"
#include "later.h"
#include "snapshot.h"
#include "view.h"

#define PARK_MS     100
#define PF_SIGNALED 0x400 /* in the flags of /proc/PID/stat while a killed process cleans up */

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- parked opens ---- */

/* An OPEN for reading that came between the truncation and the first write of another: it waits for
 * what comes, at most PARK_MS. The request waits, not a thread. */
struct parked {
	struct parked *next;
	fuse_req_t req;
	fuse_ino_t ino;
	struct fuse_file_info fi;
	uint64_t serial;
};

static struct {
	pthread_mutex_t lock; /* all */
	struct parked *first;
	uint64_t serial;
} park = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void open_read(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

static void park_answer(void *arg)
{
	struct parked *parked = arg;

	open_read(parked->req, parked->ino, &parked->fi);
	free(parked);
}

/* Takes the first one that fits out of the list. serial 0: any of the node. */
static struct parked *park_take(fuse_ino_t ino, uint64_t serial)
{
	pthread_mutex_lock(&park.lock);
	struct parked **at = &park.first;
	while (*at && !(serial ? (*at)->serial == serial : (*at)->ino == ino))
		at = &(*at)->next;
	struct parked *taken = *at;
	if (taken)
		*at = taken->next;
	pthread_mutex_unlock(&park.lock);
	return taken;
}

static void park_expired(void *arg)
{
	struct parked *parked = park_take(0, (uint64_t)(uintptr_t)arg);

	if (parked)
		park_answer(parked);
}

/* The writer went on: who waits for this node is answered now. */
static void park_wake(fuse_ino_t ino)
{
	struct parked *parked;

	while ((parked = park_take(ino, 0)))
		park_answer(parked);
}

/* false: could not be parked, answer at once. */
static bool park_open(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi)
{
	struct parked *parked = calloc(1, sizeof(*parked));

	if (!parked)
		return false;
	*parked = (struct parked){.req = req, .ino = ino, .fi = *fi};
	pthread_mutex_lock(&park.lock);
	uint64_t serial = parked->serial = ++park.serial;
	parked->next = park.first;
	park.first = parked;
	pthread_mutex_unlock(&park.lock);
	/* The writer may have gone on just before; and without a timer nobody may wait. */
	if (!handle_pending(ino))
		park_wake(ino);
	else if (later_add(PARK_MS, park_expired, (void *)(uintptr_t)serial) < 0)
		park_expired((void *)(uintptr_t)serial);
	return true;
}

/* ---- opening ---- */

static int snapshot_begin(bool fresh)
{
	int r = ops_begin();

	if (r == 0 && fresh)
		store_fresh(ops_thread.reader);
	return r;
}

static int open_snapshot(fuse_req_t req, fuse_ino_t ino, bool fresh, struct handle **ret_handle)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct snapshot snapshot;
	AUTO_SECBUF bytes = SECBUF_INIT;
	AUTO_SNAPSHOT begun = snapshot_begin(fresh);
	int r = begun < 0 ? begun : snapshot_find(req, ino, &snapshot);

	if (r == 0 && snapshot.expired)
		r = -EKEYEXPIRED;
	if (r < 0)
		return r;
	*ret_handle = handle_share(snapshot.id, ino, ctx->uid);
	if (*ret_handle)
		return 0;
	r = snapshot_read(&snapshot, ctx->uid, &bytes);
	if (r < 0)
		return r;
	return handle_open_read(ino, snapshot.node.row, snapshot.node.key_no, snapshot.id, ctx->uid,
		ctx->gid, ctx->pid, &bytes, ret_handle);
}

static void open_reply(fuse_req_t req, struct handle *handle, struct fuse_file_info *fi)
{
	fi->fh = handle->fh;
	fi->direct_io = 1;
	fi->noflush = !handle->can_write;
	/* Interrupted: nobody will ever release it. */
	if (fuse_reply_open(req, fi) == -ENOENT)
		handle_close(handle);
}

static void open_read(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *handle;
	int r = open_snapshot(req, ino, false, &handle);

	/* A commit came between the manifest and the value. */
	if (r == -ESTALE)
		r = open_snapshot(req, ino, true, &handle);

	if (r < 0)
		return ops_fail(req, r);
	open_reply(req, handle, fi);
}

/* What a writer starts from: the current value, nothing (O_TRUNC), or nothing but what it will
 * append. */
static int open_writer(
	fuse_req_t req, fuse_ino_t ino, int flags, bool fresh, struct handle **ret_handle)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct snapshot snapshot;
	AUTO_SECBUF bytes = SECBUF_INIT;
	AUTO_SNAPSHOT begun = snapshot_begin(fresh);
	int r = begun < 0 ? begun : snapshot_find(req, ino, &snapshot);
	bool view = snapshot.node.kind == NODE_JSON || snapshot.node.kind == NODE_ENV;
	bool write_only = (flags & O_ACCMODE) == O_WRONLY;
	bool empty = flags & (O_TRUNC | O_APPEND) || (view && write_only);

	if (r == 0 && snapshot.node.kind != NODE_KEY && !view)
		r = -EROFS;
	/* Who only writes may go on doing so, and sees nothing of what was there. */
	if (r == 0 && snapshot.expired && !write_only)
		r = -EKEYEXPIRED;
	if (r == 0)
		r = empty ? secbuf_alloc(&bytes, 0, ctx->uid)
			  : snapshot_read(&snapshot, ctx->uid, &bytes);
	if (r == 0)
		r = handle_open_write(ino, snapshot.node.row, snapshot.node.key_no, ctx->uid,
			ctx->gid, ctx->pid, &bytes, ret_handle);
	if (r < 0)
		return r;
	(*ret_handle)->base_len = view ? 0 : snapshot.key->len;
	(*ret_handle)->append = flags & O_APPEND;
	/* A view is merged: what is written stands for itself. */
	(*ret_handle)->tail = !view && flags & O_APPEND && !(flags & O_TRUNC);
	/* Truncating what is empty already changes nothing. */
	(*ret_handle)->emptied = !view && flags & O_TRUNC && snapshot.key->len > 0;
	return 0;
}

static bool opens_for_writing(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *handle;

	if (!opens_for_writing(fi->flags)) {
		if (handle_pending(ino) && park_open(req, ino, fi))
			return;
		return open_read(req, ino, fi);
	}
	int r = open_writer(req, ino, fi->flags, false, &handle);

	if (r == -ESTALE)
		r = open_writer(req, ino, fi->flags, true, &handle);
	if (r < 0)
		return ops_fail(req, r);
	bool emptied = handle->emptied;
	open_reply(req, handle, fi);
	/* The kernel now believes that the file is empty, and readers through the page cache
	 * believe the kernel: it shall ask, and gets answers that are not to be kept until the
	 * commit. */
	if (emptied)
		ops_changed(ino);
}

void op_create(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct node dir;
	struct store_touched touched;
	struct fuse_entry_param entry;
	struct handle *handle;
	AUTO_SECBUF value = SECBUF_INIT;

	if (!node_parse(parent, &dir))
		return ops_fail(req, -ESTALE);
	if (dir.kind != NODE_SECRET)
		return ops_fail(req, -EPERM);
	int r = secbuf_alloc(&value, 0, ctx->uid);
	if (r == 0)
		r = ops_key_create(req, dir.row, name, mode, &touched, &entry);
	/* Somebody else was faster. The kernel has not checked us against that file: it shall look
	 * again. */
	if (r == -EEXIST && !(fi->flags & O_EXCL))
		r = -ESTALE;
	if (r == 0)
		r = handle_open_write(entry.ino, dir.row, touched.key_no, ctx->uid, ctx->gid,
			ctx->pid, &value, &handle);
	if (r < 0)
		return ops_fail(req, r);
	handle->append = fi->flags & O_APPEND;
	handle->tail = handle->append;
	handle->version = touched.version;
	fi->fh = handle->fh;
	fi->direct_io = 1;
	if (fuse_reply_create(req, &entry, fi) == -ENOENT)
		handle_close(handle);
}

/* ---- reading ---- */

/* The current committed value: what the page cache gets (mmap, sendfile, splice), and what is
 * before a tail. */
/* Secrets become private while others have them open: what is current then is not theirs any more.
 */
static int current_check(const struct snapshot *snapshot, uint32_t opener, uint32_t caller)
{
	if (!snapshot->secret || snapshot->secret->m.ns_kind != NS_PRIVATE)
		return 0;
	uint32_t owner = snapshot->secret->m.ns_uid;
	return opener == owner || caller == owner ? 0 : -EACCES;
}

static int read_current_try(
	fuse_req_t req, fuse_ino_t ino, uint32_t opener, bool fresh, struct secbuf *ret_bytes)
{
	struct snapshot snapshot;
	AUTO_SNAPSHOT begun = snapshot_begin(fresh);
	int r = begun < 0 ? begun : snapshot_find(NULL, ino, &snapshot);

	if (r == 0)
		r = snapshot.expired ? -EKEYEXPIRED
				     : current_check(&snapshot, opener, fuse_req_ctx(req)->uid);
	return r < 0 ? r : snapshot_read(&snapshot, opener, ret_bytes);
}

static int read_current(fuse_req_t req, fuse_ino_t ino, uint32_t opener, struct secbuf *ret_bytes)
{
	int r = read_current_try(req, ino, opener, false, ret_bytes);

	return r == -ESTALE ? read_current_try(req, ino, opener, true, ret_bytes) : r;
}

/* An earlier worker gave out this reader's handle: find its bytes again. */
static int read_adopt(uint64_t fh, fuse_ino_t ino, struct handle **ret_handle)
{
	struct snapshot snapshot;
	AUTO_SECBUF bytes = SECBUF_INIT;
	AUTO_SNAPSHOT begun = snapshot_begin(true);

	if (begun < 0 || handle_could_write(fh) ||
		snapshot_find_again(ino, handle_value_id(fh), &snapshot) < 0)
		return -EIO;
	int r = snapshot_read(&snapshot, SECMEM_SELF, &bytes);
	if (r < 0)
		return r;
	return handle_adopt(
		fh, ino, snapshot.node.row, snapshot.node.key_no, SECMEM_SELF, &bytes, ret_handle);
}

static int read_handle(uint64_t fh, fuse_ino_t ino, struct handle **ret_handle)
{
	*ret_handle = handle_find(fh, ino);
	return *ret_handle ? 0 : read_adopt(fh, ino, ret_handle);
}

static void reply_part(fuse_req_t req, const struct secbuf *data, size_t size, off_t off)
{
	size_t at = (uint64_t)off < data->len ? (size_t)off : data->len;
	size_t left = data->len - at;

	fuse_reply_buf(req, (const char *)data->data + at, size < left ? size : left);
}

/* A writer sees its own buffer; one that appends sees what is current, then its tail. */
static int reply_writer(
	fuse_req_t req, fuse_ino_t ino, struct handle *handle, size_t size, off_t off)
{
	AUTO_SECBUF whole = SECBUF_INIT;

	pthread_mutex_lock(&handle->lock);
	if (!handle->tail) {
		reply_part(req, &handle->data, size, off);
		pthread_mutex_unlock(&handle->lock);
		return 0;
	}
	int r = read_current(req, ino, handle->uid, &whole);
	if (r == 0)
		r = secbuf_grow(&whole, whole.len + handle->data.len);
	if (r == 0) {
		memcpy(whole.data + whole.len, handle->data.data, handle->data.len);
		whole.len += handle->data.len;
	}
	pthread_mutex_unlock(&handle->lock);
	if (r == 0)
		reply_part(req, &whole, size, off);
	return r;
}

static int read_page_cache(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, uint64_t fh)
{
	AUTO_SECBUF value = SECBUF_INIT;
	AUTO_HANDLE handle = handle_find(fh, ino);
	int r = read_current(req, ino, handle ? handle->uid : fuse_req_ctx(req)->uid, &value);

	if (r == 0)
		reply_part(req, &value, size, off);
	return r;
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	AUTO_HANDLE handle = NULL;
	int r;

	if (fi->lock_owner == 0) {
		r = read_page_cache(req, ino, size, off, fi->fh);
	} else {
		r = read_handle(fi->fh, ino, &handle);
		if (r == 0 && handle->can_write)
			r = reply_writer(req, ino, handle, size, off);
		else if (r == 0)
			reply_part(req, &handle->data, size, off);
	}
	if (r < 0)
		ops_fail(req, r);
}

/* ---- writing ---- */

/* Sets the length of a buffer; what it grows by is zeros. */
static int buffer_resize(struct secbuf *data, uint64_t len, size_t max)
{
	if (len > max)
		return -EFBIG;
	if (len > data->cap) {
		size_t cap = data->cap * 2 > len ? data->cap * 2 : (size_t)len;
		if (cap > max)
			cap = max;
		int r = secbuf_grow(data, cap > (size_t)len ? cap : (size_t)len);
		if (r < 0)
			return r;
	}
	if (len > data->len)
		memset(data->data + data->len, 0, (size_t)len - data->len);
	else
		secmem_wipe(data->data + len, data->len - (size_t)len);
	data->len = (size_t)len;
	return 0;
}

static bool handle_is_view(const struct handle *handle)
{
	return handle->kind == NODE_JSON || handle->kind == NODE_ENV;
}

static size_t buffer_max(const struct handle *handle)
{
	return handle_is_view(handle) ? VIEW_MAX : ops.limits.max_value;
}

static void mark_written(struct handle *handle, uint64_t owner)
{
	handle->dirty = true;
	handle->emptied = handle->flushed = false;
	handle->mtime_explicit = false;
	handle->mtime = now_ns();
	handle_owner_add(&handle->writers, owner);
}

static void mark_clean(struct handle *handle)
{
	handle->dirty = handle->emptied = handle->flushed = false;
	handle->writers = handle->flushers = (struct handle_owners){0};
	if (handle->tail)
		buffer_resize(&handle->data, 0, 0);
}

/* The writer's handle behind a request; an earlier generation's data died with its worker. */
static int writer_of(uint64_t fh, fuse_ino_t ino, struct handle **ret_handle)
{
	*ret_handle = handle_find(fh, ino);
	return *ret_handle && (*ret_handle)->can_write ? 0 : -EIO;
}

static int write_buffer(struct handle *handle, const char *buf, size_t size, off_t off)
{
	/* The kernel's idea of the end is not ours: an appender always writes at the end of its
	 * buffer. */
	uint64_t at = handle->append ? handle->data.len : (uint64_t)off;
	uint64_t end = at + size;

	/* What a tail will be appended to may change until then; but an error at write(2) is seen
	 * by more programs than one at close(2). */
	if (end + (handle->tail ? handle->base_len : 0) > buffer_max(handle))
		return -EFBIG;
	int r = end > handle->data.len ? buffer_resize(&handle->data, end, buffer_max(handle)) : 0;
	if (r < 0)
		return r;
	memcpy(handle->data.data + at, buf, size);
	/* Many programs do not look at what close says: what cannot become right is refused here.
	 */
	return handle_is_view(handle) && at == 0
		       ? view_check(handle->data.data, handle->data.len, handle->kind)
		       : 0;
}

void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	AUTO_HANDLE handle = NULL;

	/* Pages of a shared writable mapping: they have no close at which to commit. */
	if (fi->writepage)
		return ops_fail(req, -EIO);
	int r = writer_of(fi->fh, ino, &handle);
	if (r < 0)
		return ops_fail(req, r);
	pthread_mutex_lock(&handle->lock);
	bool first = !handle->dirty;
	r = handle->error ? handle->error : write_buffer(handle, buf, size, off);
	if (r == 0) {
		mark_written(handle, fi->lock_owner);
	} else {
		/* Half a value must not replace a whole one; close says so again. */
		handle->error = r;
		mark_clean(handle);
	}
	pthread_mutex_unlock(&handle->lock);
	if (r < 0)
		return ops_fail(req, r);
	park_wake(ino);
	fuse_reply_write(req, size);
	if (first)
		ops_changed(ino); /* as after O_TRUNC */
}

/* ---- committing ---- */

/* What a new key gets that came into being by a view: the secret's default ACL, or the secret's own
 * mode. */
static int commit_view(struct handle *handle, struct store_touched *ret_touched)
{
	struct ops_made made;
	int r = ops_made_in_view(handle->row, handle->uid, handle->gid, &made);

	if (r < 0)
		return r == -ESTALE ? -ENOENT : r;
	return view_merge(ops.store, handle->row, handle->uid, handle->data.data, handle->data.len,
		handle->kind, &made.attr, ret_touched);
}

static int commit_key(struct handle *handle, struct store_touched *ret_touched)
{
	const struct store_put put = {.row = handle->row,
		.key_no = handle->key_no,
		.uid = handle->uid,
		.bytes = handle->data.data,
		.len = handle->data.len,
		.append = handle->tail,
		.coalesce = handle->version,
		.mtime = handle->mtime_explicit ? 0
			 : handle->mtime        ? handle->mtime
						: now_ns()};

	return store_put(ops.store, &put, ret_touched);
}

/* With the handle's lock. */
static int commit_locked(struct handle *handle)
{
	struct store_touched touched;
	int r = handle_is_view(handle) ? commit_view(handle, &touched)
				       : commit_key(handle, &touched);

	/* Removed meanwhile: what is written to an unlinked file goes with it. */
	if (r == -ENOENT) {
		mark_clean(handle);
		return 0;
	}
	if (r < 0)
		return r;
	handle->version = touched.version;
	mark_clean(handle);
	if (handle_is_view(handle))
		ops_changed_secret(handle->row);
	else
		ops_touched(&touched);
	return 0;
}

/* An error was told to the writer: nothing of it is published later. */
static int commit_or_drop_locked(struct handle *handle)
{
	int r = commit_locked(handle);

	if (r < 0)
		mark_clean(handle);
	return r;
}

/* Is this process being killed? Then half a value must not be published. */
static bool being_killed(pid_t pid)
{
	char path[32], stat[512];
	unsigned flags;

	if (pid <= 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	if (n <= 0)
		return false;
	stat[n] = '\0';
	/* Behind the name, which may hold anything: state ppid pgrp session tty tpgid flags. */
	const char *rest = strrchr(stat, ')');
	return rest && sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 &&
	       flags & PF_SIGNALED;
}

/* Is what would be published this process's doing? A child that only inherited the descriptor may
 * die as it likes. */
static bool is_writer(const struct handle *handle, uint64_t owner, pid_t pid)
{
	return handle->dirty ? handle_owner_in(&handle->writers, owner) : pid == handle->pid;
}

static int flush_locked(struct handle *handle, uint64_t owner, pid_t pid)
{
	if (!handle->dirty && !handle->emptied)
		return handle->error;
	if (is_writer(handle, owner, pid) && being_killed(pid)) {
		mark_clean(handle);
		return 0;
	}
	if (handle->dirty && handle_owner_in(&handle->writers, owner))
		return commit_or_drop_locked(handle);
	/* One child after another may get the same lock owner (the kernel makes it of an address
	 * that it uses again), but not the same pid. */
	uint64_t flusher = owner ^ (uint64_t)(uint32_t)pid << 32;
	if (handle->emptied && handle_owner_in(&handle->flushers, flusher))
		return commit_or_drop_locked(handle);
	if (handle->emptied) {
		handle_owner_add(&handle->flushers, flusher);
		handle->flushed = true;
	}
	return 0;
}

void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	AUTO_HANDLE handle = NULL;

	if (!handle_could_write(fi->fh))
		return ops_fail(req, 0);
	int r = writer_of(fi->fh, ino, &handle);
	if (r < 0)
		return ops_fail(req, r);
	pthread_mutex_lock(&handle->lock);
	r = flush_locked(handle, fi->lock_owner, fuse_req_ctx(req)->pid);
	bool pending = handle->flushed;
	pthread_mutex_unlock(&handle->lock);
	if (!pending)
		park_wake(ino);
	ops_fail(req, r);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	AUTO_HANDLE handle = NULL;
	int r = 0;

	(void)datasync;
	if (handle_could_write(fi->fh)) {
		r = writer_of(fi->fh, ino, &handle);
		if (r == 0) {
			pthread_mutex_lock(&handle->lock);
			r = handle->error;
			if (r == 0 && (handle->dirty || handle->emptied))
				r = commit_or_drop_locked(handle);
			pthread_mutex_unlock(&handle->lock);
			park_wake(ino);
		}
	}
	ops_fail(req, r);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	AUTO_HANDLE handle = handle_find(fi->fh, ino);

	if (handle && handle->can_write) {
		pthread_mutex_lock(&handle->lock);
		if (handle->dirty || handle->emptied)
			/* There is nobody left to tell. */
			commit_or_drop_locked(handle);
		pthread_mutex_unlock(&handle->lock);
	}
	/* How many still hold an earlier worker's handle nobody knows; it is opened again when it
	 * is asked for. */
	if (handle)
		handle_close(handle);
	park_wake(ino);
	ops_fail(req, 0);
}

/* ---- truncating ---- */

/* Through a writer's handle: part of its transaction. */
static int truncate_handle(
	fuse_req_t req, const struct node *node, uint64_t size, const struct fuse_file_info *fi)
{
	AUTO_HANDLE handle = NULL;
	AUTO_SECBUF whole = SECBUF_INIT;
	int r = writer_of(fi->fh, node_id(node), &handle);

	if (r < 0)
		return r;
	pthread_mutex_lock(&handle->lock);
	r = handle->error;
	if (r == 0 && handle->tail) {
		/* From here on it is the whole value that counts. */
		r = read_current(req, handle->node, handle->uid, &whole);
		if (r == 0)
			r = buffer_resize(&whole, whole.len + handle->data.len, buffer_max(handle));
		if (r == 0) {
			memcpy(whole.data + whole.len - handle->data.len, handle->data.data,
				handle->data.len);
			secbuf_free(&handle->data);
			handle->data = secbuf_take(&whole);
			handle->tail = false;
		}
	}
	if (r == 0)
		r = buffer_resize(&handle->data, size, buffer_max(handle));
	if (r == 0)
		mark_written(handle, ops_thread.setattr_owner);
	pthread_mutex_unlock(&handle->lock);
	if (r == 0)
		park_wake(node_id(node));
	return r;
}

/* truncate(2): a transaction of its own. */
static int truncate_now(fuse_req_t req, const struct node *node, uint64_t size)
{
	struct store_touched touched;

	if (size > ops.limits.max_value)
		return -EFBIG;
	const struct store_put put = {.row = node->row,
		.key_no = node->key_no,
		.uid = fuse_req_ctx(req)->uid,
		.truncate = true,
		.len = (size_t)size,
		.mtime = now_ns()};
	int r = ops_stale(store_put(ops.store, &put, &touched));
	if (r == 0)
		ops_touched(&touched);
	return r;
}

int ops_truncate(
	fuse_req_t req, const struct node *node, uint64_t size, const struct fuse_file_info *fi)
{
	bool view = node->kind == NODE_JSON || node->kind == NODE_ENV;

	if (node->kind != NODE_KEY && !(view && fi))
		return view ? -EPERM : node->kind == NODE_VERSION ? -EROFS : -EISDIR;
	return fi ? truncate_handle(req, node, size, fi) : truncate_now(req, node, size);
}

bool ops_own_size(const struct node *node, const struct fuse_file_info *fi, uint64_t *ret_size)
{
	AUTO_HANDLE handle = fi->fh ? handle_find(fi->fh, node_id(node)) : NULL;

	if (!handle || !handle->can_write)
		return false;
	pthread_mutex_lock(&handle->lock);
	uint64_t size = handle->data.len;
	bool tail = handle->tail;
	pthread_mutex_unlock(&handle->lock);
	if (tail) {
		struct stat st;
		if (ops_attr_node(node, &st) < 0)
			return false;
		size += (uint64_t)st.st_size;
	}
	*ret_size = size;
	return true;
}
