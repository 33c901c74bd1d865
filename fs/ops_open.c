/* SPDX-License-Identifier: MIT */
/* ops_open: opening keys and views. A reader gets a snapshot, a writer a buffer of its own. */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include "fault.h"
#include "handle.h"
#include "held.h"
#include "openings.h"
#include "park.h"
#include "shown.h"
#include "snapshot.h"
#include "trail.h"

/* For an OPEN for reading that came between the truncation and the first write of another. */
#define PARK_MS 100
/* For one for writing that came while others read through the page cache. */
#define WRITER_MS  500
#define OPEN_TRIES 100

/* ---- opening ---- */

enum open_try { OPEN_FIRST, OPEN_AGAIN, OPEN_LAST };

static uint64_t row_of(fuse_ino_t ino)
{
	struct node node;

	return node_parse(ino, &node) ? node.row : 0;
}

/* *ret_passing: what is wrong is over soon. */
static int open_snapshot(fuse_req_t req, fuse_ino_t ino, enum open_try try, bool *ret_passing,
	struct handle **ret_handle)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct snapshot snapshot;
	AUTO_SECBUF bytes = SECBUF_INIT;
	uint64_t mark = held_mark();
	int64_t cached = handle_cache_mark(row_of(ino));
	AUTO_SNAPSHOT begun = ops_begin_fresh(try != OPEN_FIRST);
	int r = begun < 0 ? begun : snapshot_find(req, ino, &snapshot);

	/* What the cache says may be old. */
	*ret_passing = r == -ESTALE && try == OPEN_FIRST;
	if (r == 0 || r == -EACCES)
		trail_note_snapshot(&snapshot);
	if (r == 0 && snapshot.expired)
		r = -EKEYEXPIRED;
	if (r < 0)
		return r;
	/* Views are read as a whole, and what has no name any more has no size for others. */
	if (!ops.config->kernel_cache || snapshot.node.kind != NODE_KEY || snapshot.gone)
		cached = HANDLE_DIRECT;
	*ret_handle = handle_share(snapshot.id, ino, snapshot.node.row, ctx->uid, cached);
	if (*ret_handle)
		return 0;
	*ret_passing = true;
	r = snapshot_read(&snapshot, ctx->uid, &bytes);
	int hold = r == 0 ? held_open(snapshot.value_id, mark) : 0;
	/* Who comes while a value is replaced again and again has it as long as this worker lives.
	 */
	if (hold < 0 && try == OPEN_LAST && hold != -ENOMEM)
		snapshot.value_id = 0;
	else if (hold < 0)
		r = hold;
	if (r < 0)
		return r;
	return handle_open_read(ino, snapshot.node.row, snapshot.node.key_no, snapshot.id,
		snapshot.value_id, ctx->uid, ctx->gid, ctx->pid, cached, &bytes, ret_handle);
}

/* Tries again when a commit came between: between the manifest and the value (-ESTALE), or with the
 * deletion of what was read (-EAGAIN). */
static int open_snapshot_patiently(fuse_req_t req, fuse_ino_t ino, struct handle **ret_handle)
{
	bool passing;
	int r = open_snapshot(req, ino, OPEN_FIRST, &passing, ret_handle);

	for (int i = 1; i < OPEN_TRIES && passing && (r == -ESTALE || r == -EAGAIN); i++) {
		if (r == -EAGAIN)
			store_settle(ops.store);
		r = open_snapshot(req, ino, i + 1 < OPEN_TRIES ? OPEN_AGAIN : OPEN_LAST, &passing,
			ret_handle);
	}
	return r;
}

/* Do all pages of the key that the kernel has show what this handle does? */
static bool open_keeps(const struct handle *handle)
{
	enum shown shown = shown_open(handle->node, handle_value_id(handle->fh));

	/* Reading ends where the kernel believes that the file does. */
	if (shown == SHOWN_FIRST)
		ops_ask_again(handle->node);
	return shown == SHOWN_KEEP;
}

static int open_answer(fuse_req_t req, const struct handle *handle, struct fuse_file_info *fi)
{
	fi->fh = handle->fh;
	if (handle_cached(handle->fh))
		fi->keep_cache = open_keeps(handle);
	else
		fi->direct_io = 1;
	fi->noflush = !handle->can_write;
	return fuse_reply_open(req, fi);
}

static void open_reply(fuse_req_t req, struct handle *handle, struct fuse_file_info *fi)
{
	/* Interrupted: nobody will ever release it. */
	if (open_answer(req, handle, fi) == -ENOENT)
		handle_close(handle);
}

/* It must be in the log before anybody gets the handle. */
static int open_audit(fuse_req_t req, const char *operation, int r, struct handle *const *handle)
{
	int told = trail_done(req, operation, r);

	if (r == 0 && told < 0)
		handle_close(*handle);
	return told;
}

static void open_read(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	AUTO_HANDLE before = handle_at(openings_did());
	struct handle *handle;

	/* Opened by a worker that died. Whether the kernel has had its answer or not: it has the
	 * handle once. */
	if (before && before->node == ino) {
		trail_note_node(ino);
		int told = trail_done(req, "read", 0);
		if (told < 0)
			return ops_fail(req, told);
		open_answer(req, before, fi);
		return;
	}
	int r = open_snapshot_patiently(req, ino, &handle);
	r = open_audit(req, "read", r, &handle);
	if (r < 0)
		return ops_fail(req, r);
	fault_here(FAULT_OPEN);
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
	AUTO_SNAPSHOT begun = ops_begin_fresh(fresh);
	int r = begun < 0 ? begun : snapshot_find(req, ino, &snapshot);
	bool view = snapshot.node.kind == NODE_JSON || snapshot.node.kind == NODE_ENV;
	bool write_only = (flags & O_ACCMODE) == O_WRONLY;
	bool empty = flags & (O_TRUNC | O_APPEND) || (view && write_only);

	if (r == 0 || r == -EACCES)
		trail_note_snapshot(&snapshot);
	if (r == 0 && snapshot.node.kind != NODE_KEY && !view)
		r = -EROFS;
	/* What would be written to it nobody would ever see. */
	if (r == 0 && snapshot.gone)
		r = -ESTALE;
	/* Who only writes may go on doing so, and sees nothing of what was there. */
	if (r == 0 && snapshot.expired && !write_only)
		r = -EKEYEXPIRED;
	if (r == 0)
		r = empty ? secbuf_alloc(&bytes, 0, ctx->uid)
			  : snapshot_read(&snapshot, ctx->uid, &bytes);
	if (r < 0)
		return r;
	const struct handle_start start = {.base_len = view ? 0 : snapshot.key->len,
		.append = flags & O_APPEND,
		/* A view is merged: what is written stands for itself. */
		.tail = !view && flags & O_APPEND && !(flags & O_TRUNC),
		/* Truncating what is empty already changes nothing. */
		.emptied = !view && flags & O_TRUNC && snapshot.key->len > 0};

	return handle_open_write(ino, snapshot.node.row, snapshot.node.key_no, ctx->uid, ctx->gid,
		ctx->pid, &start, &bytes, ret_handle);
}

static bool opens_for_writing(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

static void open_write(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	AUTO_HANDLE before = handle_at(openings_did());
	struct handle *handle;

	/* As in open_read. */
	if (before && before->node == ino) {
		handle_writer_is_there(row_of(ino));
		open_answer(req, before, fi);
		return;
	}
	int r = open_writer(req, ino, fi->flags, false, &handle);
	if (r == -ESTALE)
		r = open_writer(req, ino, fi->flags, true, &handle);
	handle_writer_is_there(row_of(ino));
	/* Who writes is in the log when he commits; who may also read what is there, now. */
	if ((fi->flags & O_ACCMODE) == O_RDWR && !(fi->flags & O_TRUNC))
		r = open_audit(req, "read", r, &handle);
	else if (r < 0)
		r = trail_done(req, "write", r);
	if (r < 0)
		return ops_fail(req, r);
	/* With O_TRUNC the kernel will believe that the file is empty, and readers through the page
	 * cache believe the kernel: who opens it shall ask, and gets answers that are not to be
	 * kept until the commit. Before the reply: the kernel throws away the answer to a question
	 * that the telling overtakes, and would go on believing. */
	if (handle->emptied)
		ops_changed(ino);
	open_reply(req, handle, fi);
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (!opens_for_writing(fi->flags)) {
		if (handle_pending(ino) && park(req, ino, fi, PARK_MS, handle_pending, open_read))
			return;
		return open_read(req, ino, fi);
	}
	handle_writer_comes(row_of(ino));
	if (handle_cached_at(ino) && park(req, ino, fi, WRITER_MS, handle_cached_at, open_write))
		return;
	open_write(req, ino, fi);
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
		return ops_fail(req, ops_structure_error(&dir));
	int r = secbuf_alloc(&value, 0, ctx->uid);
	if (r == 0)
		r = ops_key_create(req, dir.row, name, mode, &touched, &entry);
	/* Somebody else was faster. The kernel has not checked us against that file: it shall look
	 * again. */
	if (r == -EEXIST && !(fi->flags & O_EXCL))
		r = -ESTALE;
	if (r == 0) {
		const struct handle_start start = {.append = fi->flags & O_APPEND,
			.tail = fi->flags & O_APPEND,
			.version = touched.version};
		r = handle_open_write(entry.ino, dir.row, touched.key_no, ctx->uid, ctx->gid,
			ctx->pid, &start, &value, &handle);
	}
	trail_note_child(&dir, name);
	r = open_audit(req, "create", r, &handle);
	if (r < 0)
		return ops_fail(req, r);
	fi->fh = handle->fh;
	fi->direct_io = 1;
	if (fuse_reply_create(req, &entry, fi) == -ENOENT)
		handle_close(handle);
}
