/* SPDX-License-Identifier: MIT */
/*
 * ops_write: a writer's buffer, and when it becomes a transaction.
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
#include <string.h>
#include <unistd.h>

#include "gone.h"
#include "fault.h"
#include "handle.h"
#include "openings.h"
#include "park.h"
#include "shown.h"
#include "trail.h"
#include "view.h"

#define PF_SIGNALED 0x400 /* in the flags of /proc/PID/stat while a killed process cleans up */

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
	handle_set_not_emptied(handle);
	handle->mtime_explicit = false;
	handle->mtime = ops_now_ns();
	handle_owner_add(&handle->writers, owner);
}

static void mark_clean(struct handle *handle)
{
	handle->dirty = false;
	handle_set_not_emptied(handle);
	handle->writers = (struct handle_owners){0};
	if (handle->tail)
		buffer_resize(&handle->data, 0, 0);
}

/* The writer's handle behind a request; an earlier generation's data died with its worker. */
static int writer_of(uint64_t fh, fuse_ino_t ino, struct handle **ret_handle)
{
	*ret_handle = handle_find(fh, ino);
	return *ret_handle && (*ret_handle)->can_write ? 0 : -EIO;
}

/* The commit that this request asked for was made by a worker that died before it could say so. */
static bool was_committed(void)
{
	AUTO_SNAPSHOT begun = ops_begin();

	return begun == 0 && store_request_was_done(ops_thread.reader) == 1;
}

static void tell_committed(fuse_ino_t ino)
{
	struct node node;

	if (!node_parse(ino, &node))
		return;
	if (node.kind == NODE_KEY)
		ops_touched(&(struct store_touched){.row = node.row, .key_no = node.key_no});
	else
		ops_changed_secret(node.row);
}

/* The same, and what that worker may not have got to: telling the kernel, and the audit log. uid:
 * whose it was. */
static int committed_before(fuse_ino_t ino, uint32_t uid, uint32_t gid, pid_t pid, int r)
{
	if (!was_committed())
		return r;
	tell_committed(ino);
	trail_note_node(ino);
	return trail_done_as(uid, gid, pid, "write", 0);
}

static int caller_committed_before(fuse_req_t req, fuse_ino_t ino, int r)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	return committed_before(ino, ctx->uid, ctx->gid, ctx->pid, r);
}

static int write_buffer(struct handle *handle, const char *buf, size_t size, off_t off)
{
	/* The kernel's idea of the end is not ours: an appender always writes at the end of its
	 * buffer. */
	uint64_t at = handle->append ? handle->data.len : (uint64_t)off;
	uint64_t end;

	/* What a tail will be appended to may change until then; but an error at write(2) is seen
	 * by more programs than one at close(2). */
	if (__builtin_add_overflow(at, size, &end) ||
		end + (handle->tail ? handle->base_len : 0) > buffer_max(handle))
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
	park_go_on(ino);
	/* The kernel will believe in a longer file now; readers through the page cache shall make
	 * it ask. */
	if (first)
		ops_changed(ino);
	fuse_reply_write(req, size);
}

/* ---- committing ---- */

/* The kernel has its name still: it shall ask, and look again. */
static void key_removed(uint64_t row, uint32_t key_no)
{
	ops_changed(node_key(row, key_no));
}

/* What a new key gets that came into being by a view: the secret's default ACL, or the secret's own
 * mode. */
static int commit_view(struct handle *handle, struct store_touched *ret_touched)
{
	struct ops_made made;
	int r = ops_made_in_view(handle->row, handle->uid, handle->gid, &made);

	if (r < 0)
		return r == -ESTALE ? -ENOENT : r;
	return view_merge(ops.store, handle->row, handle->uid, handle->data.data, handle->data.len,
		handle->kind, &made.attr, key_removed, ret_touched);
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
						: ops_now_ns()};

	return store_put(ops.store, &put, ret_touched);
}

/* With the handle's lock. */
static int commit_locked(struct handle *handle)
{
	struct store_touched touched;
	int r;

	handle->committing = true;
	r = trail_room();
	if (r == 0)
		r = handle_is_view(handle) ? commit_view(handle, &touched)
					   : commit_key(handle, &touched);
	handle->committing = false;
	if (r != -ENOENT) {
		trail_note_node(handle->node);
		r = trail_done_as(handle->uid, handle->gid, handle->pid, "write", r);
	}

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
	/* Only the opener's own flushes tell that nothing will be written: children flush what they
	 * inherited when they exit. */
	if (!handle->emptied || pid != handle->pid)
		return 0;
	if (handle->flushed)
		return commit_or_drop_locked(handle);
	handle_set_flushed(handle);
	return 0;
}

void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	AUTO_HANDLE handle = NULL;

	if (!handle_could_write(fi->fh))
		return ops_fail(req, 0);
	int r = writer_of(fi->fh, ino, &handle);
	if (r < 0)
		return ops_fail(req, caller_committed_before(req, ino, r));
	pthread_mutex_lock(&handle->lock);
	r = flush_locked(handle, fi->lock_owner, fuse_req_ctx(req)->pid);
	bool pending = handle->flushed;
	pthread_mutex_unlock(&handle->lock);
	if (!pending)
		park_go_on(ino);
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
			park_go_on(ino);
		} else {
			r = caller_committed_before(req, ino, r);
		}
	}
	ops_fail(req, r);
}

/* Who comes to write all of a secret waits for the readers of each key. */
static void cached_closed(fuse_ino_t ino, uint64_t fh)
{
	struct node node;

	shown_opened(ino, handle_value_id(fh));
	if (!node_parse(ino, &node))
		return;
	park_go_on(node_id(&(struct node){.kind = NODE_JSON, .row = node.row}));
	park_go_on(node_id(&(struct node){.kind = NODE_ENV, .row = node.row}));
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
	} else if (!handle && handle_could_write(fi->fh)) {
		/* The last close does not say who it was. */
		committed_before(ino, UINT32_MAX, UINT32_MAX, 0, 0);
	}
	/* Others may share it: it is closed once, also if an earlier worker has done so and died.
	 */
	if (handle && openings_did() < 0)
		handle_close(handle);
	if (handle_cached(fi->fh))
		cached_closed(ino, fi->fh);
	fault_here(FAULT_CLOSE);
	gone_closed(ino);
	park_go_on(ino);
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
	if (r == 0 && size > buffer_max(handle))
		r = -EFBIG;
	if (r == 0 && handle->tail) {
		/* From here on it is the whole value that counts. */
		r = ops_read_current(req, handle->node, handle->uid, &whole);
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
		park_go_on(node_id(node));
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
		.mtime = ops_now_ns()};
	int r = ops_stale(store_put(ops.store, &put, &touched));
	if (r == 0)
		ops_touched(&touched);
	trail_note_node(node_id(node));
	return trail_done(req, "write", r);
}

int ops_truncate(
	fuse_req_t req, const struct node *node, uint64_t size, const struct fuse_file_info *fi)
{
	bool view = node->kind == NODE_JSON || node->kind == NODE_ENV;

	if (node->kind != NODE_KEY && !(view && fi))
		return view                                                      ? -EPERM
		       : node->kind == NODE_VERSION || node->kind == NODE_STATUS ? -EROFS
										 : -EISDIR;
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
