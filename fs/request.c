/* SPDX-License-Identifier: MIT */
/* request: what each operation must have, and handing it to libfuse. */
#include "request.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "openings.h"
#include "ops.h"
#include "ring.h"
#include "secmem.h"
#include "slots.h"
#include "status.h"
#include "trail.h"

/* The form of fuse_setxattr_in without FUSE_SETXATTR_EXT, which is not agreed on. */
#define SETXATTR_IN 8

struct shape {
	uint16_t args;   /* bytes of the arguments */
	uint8_t names;   /* that follow them, up to the end */
	bool data;       /* bytes follow, as many as the argument "size" says */
	uint8_t size_at; /* where that argument is, from the arguments' beginning */
};

static const struct shape shapes[] = {
	[FUSE_LOOKUP] = {0, 1, false, 0},
	[FUSE_GETATTR] = {sizeof(struct fuse_getattr_in), 0, false, 0},
	[FUSE_SETATTR] = {sizeof(struct fuse_setattr_in), 0, false, 0},
	[FUSE_SYMLINK] = {0, 2, false, 0},
	[FUSE_MKNOD] = {sizeof(struct fuse_mknod_in), 1, false, 0},
	[FUSE_MKDIR] = {sizeof(struct fuse_mkdir_in), 1, false, 0},
	[FUSE_UNLINK] = {0, 1, false, 0},
	[FUSE_RMDIR] = {0, 1, false, 0},
	[FUSE_RENAME] = {sizeof(struct fuse_rename_in), 2, false, 0},
	[FUSE_LINK] = {sizeof(struct fuse_link_in), 1, false, 0},
	[FUSE_OPEN] = {sizeof(struct fuse_open_in), 0, false, 0},
	[FUSE_READ] = {sizeof(struct fuse_read_in), 0, false, 0},
	[FUSE_WRITE] = {sizeof(struct fuse_write_in), 0, true,
		offsetof(struct fuse_write_in, size)},
	[FUSE_RELEASE] = {sizeof(struct fuse_release_in), 0, false, 0},
	[FUSE_FSYNC] = {sizeof(struct fuse_fsync_in), 0, false, 0},
	[FUSE_SETXATTR] = {SETXATTR_IN, 1, true, offsetof(struct fuse_setxattr_in, size)},
	[FUSE_GETXATTR] = {sizeof(struct fuse_getxattr_in), 1, false, 0},
	[FUSE_LISTXATTR] = {sizeof(struct fuse_getxattr_in), 0, false, 0},
	[FUSE_REMOVEXATTR] = {0, 1, false, 0},
	[FUSE_FLUSH] = {sizeof(struct fuse_flush_in), 0, false, 0},
	[FUSE_OPENDIR] = {sizeof(struct fuse_open_in), 0, false, 0},
	[FUSE_READDIR] = {sizeof(struct fuse_read_in), 0, false, 0},
	[FUSE_RELEASEDIR] = {sizeof(struct fuse_release_in), 0, false, 0},
	[FUSE_FSYNCDIR] = {sizeof(struct fuse_fsync_in), 0, false, 0},
	[FUSE_CREATE] = {sizeof(struct fuse_create_in), 1, false, 0},
	[FUSE_INTERRUPT] = {sizeof(struct fuse_interrupt_in), 0, false, 0},
	[FUSE_READDIRPLUS] = {sizeof(struct fuse_read_in), 0, false, 0},
	[FUSE_FORGET] = {sizeof(struct fuse_forget_in), 0, false, 0},
	[FUSE_BATCH_FORGET] = {sizeof(struct fuse_batch_forget_in), 0, false, 0},
	[FUSE_RENAME2] = {sizeof(struct fuse_rename2_in), 2, false, 0},
};

/* Takes names off the front of what is left. */
static bool skip_names(const char **at, size_t *left, unsigned names)
{
	for (; names > 0; names--) {
		const char *end = memchr(*at, '\0', *left);
		if (!end)
			return false;
		*left -= (size_t)(end + 1 - *at);
		*at = end + 1;
	}
	return true;
}

/* libfuse hands over as many as the count says. */
static bool forgets_fit(const char *args, size_t left)
{
	struct fuse_batch_forget_in in;

	memcpy(&in, args, sizeof(in));
	return in.count <= left / sizeof(struct fuse_forget_one);
}

int request_check(const void *bytes, size_t len)
{
	const struct fuse_in_header *header = bytes;
	uint32_t size = 0;

	if (len < sizeof(*header) || header->len != len)
		return -EPROTO;
	if (header->opcode >= sizeof(shapes) / sizeof(shapes[0]))
		return 0;
	const struct shape *shape = &shapes[header->opcode];
	const char *args = (const char *)(header + 1);
	size_t left = len - sizeof(*header);
	if (left < shape->args)
		return -EPROTO;
	const char *rest = args + shape->args;
	left -= shape->args;
	if (!skip_names(&rest, &left, shape->names))
		return -EPROTO;
	if (header->opcode == FUSE_BATCH_FORGET)
		return forgets_fit(args, left) ? 0 : -EPROTO;
	if (!shape->data)
		return 0;
	memcpy(&size, args + shape->size_at, sizeof(size));
	return size == left ? 0 : -EPROTO;
}

/* libfuse does not pass the lock owner of a SETATTR on. */
static void note_lock_owner(const struct fuse_in_header *header)
{
	const struct fuse_setattr_in *in =
		(const struct fuse_setattr_in *)(const void *)(header + 1);

	if (header->opcode == FUSE_SETATTR)
		ops_thread.setattr_owner = in->valid & FATTR_LOCKOWNER ? in->lock_owner : 0;
}

int request_serve(unsigned place, size_t len, bool again)
{
	void *bytes = slots_buffer(ops.slots, place);
	const struct fuse_in_header *header = bytes;
	struct fuse_buf request = {.mem = bytes, .size = len};

	slots_begin(ops.slots, place);
	int r = request_check(bytes, len);
	if (r < 0)
		return r;
	again = again || header->unique & SLOTS_AGAIN;
	uint64_t unique = header->unique & ~SLOTS_AGAIN;
	store_request_begin(unique, again);
	openings_for((struct openings_request){place, unique, again});
	ops_thread.request = bytes;
	ops_thread.request_len = len;
	note_lock_owner(header);
	status_operation();
	if (!trail_refuse(bytes, len, again))
		fuse_session_process_buf(ops.session, &request);
	secmem_wipe_stack();
	openings_for((struct openings_request){0});
	ops_thread.request = NULL;
	slots_end(ops.slots, place, len);
	store_request_end(ops.store);
	return 0;
}

int request_refuse(const struct fuse_in_header *header, int error)
{
	struct fuse_out_header answer = {
		.len = sizeof(answer), .error = error, .unique = header->unique};
	const struct iovec part = {&answer, sizeof(answer)};

	if (ring_answer(&part, 1) || write(BOOT_FUSE_FD, &answer, sizeof(answer)) >= 0 ||
		errno == ENOENT)
		return 0;
	return -errno;
}
