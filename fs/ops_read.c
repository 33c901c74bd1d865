/* SPDX-License-Identifier: MIT */
/* ops_read: answering READ, from the snapshot of the handle or, for the page cache, from what is
 * current. */
#include "ops.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "handle.h"
#include "shown.h"
#include "snapshot.h"
#include "trail.h"

/* ---- reading ---- */

/* The current committed value: what the page cache gets (mmap, sendfile, splice), and what is
 * before a tail. */
/* Secrets become private while others have them open: what is current then is not theirs any more.
 */
static int current_check(const struct snapshot *snapshot, uint32_t opener, uint32_t caller)
{
	uint32_t owner = snapshot->ns.uid;

	if (snapshot->ns.kind != NS_PRIVATE)
		return 0;
	return opener == owner || caller == owner ? 0 : -EACCES;
}

static int read_current_try(
	fuse_req_t req, fuse_ino_t ino, uint32_t opener, bool fresh, struct secbuf *ret_bytes)
{
	struct snapshot snapshot;
	AUTO_SNAPSHOT begun = ops_begin_fresh(fresh);
	int r = begun < 0 ? begun : snapshot_find(NULL, ino, &snapshot);

	if (r == 0)
		trail_note_snapshot(&snapshot);
	if (r == 0)
		r = snapshot.expired ? -EKEYEXPIRED
				     : current_check(&snapshot, opener, fuse_req_ctx(req)->uid);
	if (r == 0)
		r = snapshot_read(&snapshot, opener, ret_bytes);
	if (r == 0)
		shown_fill(ino, snapshot.id);
	return r;
}

int ops_read_current(fuse_req_t req, fuse_ino_t ino, uint32_t opener, struct secbuf *ret_bytes)
{
	int r = read_current_try(req, ino, opener, false, ret_bytes);

	return r == -ESTALE ? read_current_try(req, ino, opener, true, ret_bytes) : r;
}

/* An earlier worker gave out this reader's handle: find its bytes again. With the handle's lock. */
static int load_locked(struct handle *handle)
{
	struct snapshot snapshot;
	AUTO_SNAPSHOT begun = ops_begin_fresh(true);
	int r = begun < 0
			? begun
			: snapshot_find_again(handle->node, handle_value_id(handle->fh), &snapshot);

	if (r == 0)
		r = snapshot_read(&snapshot, handle->uid, &handle->data);
	if (r == 0)
		handle->loaded = true;
	return r;
}

/* A handle that is not known belonged to a writer of an earlier worker. */
static int read_handle(uint64_t fh, fuse_ino_t ino, struct handle **ret_handle)
{
	struct handle *handle = *ret_handle = handle_find(fh, ino);
	int r = 0;

	if (!handle)
		return -EIO;
	if (handle->loaded)
		return 0;
	pthread_mutex_lock(&handle->lock);
	if (!handle->loaded)
		r = load_locked(handle);
	pthread_mutex_unlock(&handle->lock);
	return r;
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
	int r = ops_read_current(req, ino, handle->uid, &whole);
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

/* Is what a handle shows what is current? */
static bool is_current(fuse_ino_t ino, uint64_t fh)
{
	struct snapshot snapshot;
	AUTO_SNAPSHOT begun = ops_begin();

	return begun == 0 && snapshot_find(NULL, ino, &snapshot) == 0 &&
	       snapshot.id == handle_value_id(fh);
}

/* Who reads through the page cache, like who has READs of his own, goes on reading what he opened
 * when it has expired or is another's. 1: it is not current any more. */
static int read_cached(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, uint64_t fh)
{
	AUTO_HANDLE handle = NULL;

	if (!is_current(ino, fh))
		return 1;
	int r = read_handle(fh, ino, &handle);
	if (r < 0)
		return r;
	shown_opened(ino, handle_value_id(fh));
	reply_part(req, &handle->data, size, off);
	return 0;
}

static int read_page_cache(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, uint64_t fh)
{
	AUTO_SECBUF value = SECBUF_INIT;
	AUTO_HANDLE handle = handle_find(fh, ino);
	AUTO_HANDLE again = NULL;
	int r = handle_cached(fh) ? read_cached(req, ino, size, off, fh) : 1;

	if (r <= 0)
		return r;
	r = ops_read_current(req, ino, handle ? handle->uid : fuse_req_ctx(req)->uid, &value);

	/* What it shows is no more (a view of a secret that was removed): there is still what was
	 * opened. */
	if (r == -ESTALE && handle && !handle->can_write) {
		r = read_handle(fh, ino, &again);
		if (r == 0)
			reply_part(req, &again->data, size, off);
		return r;
	}
	if (!handle || !handle->can_write)
		r = trail_reread(req, handle_value_id(fh), r);
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
