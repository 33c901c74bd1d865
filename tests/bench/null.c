// SPDX-License-Identifier: MIT
/*
 * null: a FUSE server that does nothing, to know what the kernel protocol alone costs.
 *
 *     bench_null MOUNTPOINT       runs until it is unmounted
 *     bench_null -r MOUNTPOINT    the same over io_uring
 *
 * It shows one file of 64 bytes where secretfs shows a value, public/s/k, answers in the same way
 * (direct_io, no flush on read handles, long timeouts) and has the same loop: eight threads on one
 * descriptor, each with its own buffer. Over io_uring it has the same rings (fs/ring.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mount.h"
#include "ring.h"
#include "slots.h"

#define THREADS 8
#define LONG    86400.0
#define SIZE    64

/* Each folder has one entry: the next node. */
enum node { NODE_ROOT = 1, NODE_PUBLIC, NODE_SECRET, NODE_KEY, NODE_END };

static const char *const names[NODE_END] = {
	[NODE_PUBLIC] = "public",
	[NODE_SECRET] = "s",
	[NODE_KEY] = "k",
};

static char value[SIZE];

static void attr_of(fuse_ino_t node, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = node;
	st->st_mode = node == NODE_KEY ? S_IFREG | 0644 : S_IFDIR | 0755;
	st->st_nlink = node == NODE_KEY ? 1 : 2;
	st->st_size = node == NODE_KEY ? SIZE : 0;
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->max_write = 128u << 10;
	conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
				  FUSE_CAP_SPLICE_MOVE | FUSE_CAP_WRITEBACK_CACHE);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = {.attr_timeout = LONG, .entry_timeout = LONG, .generation = 1};

	if (parent >= NODE_KEY || strcmp(name, names[parent + 1]) != 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	e.ino = parent + 1;
	attr_of(e.ino, &e.attr);
	fuse_reply_entry(req, &e);
}

static void op_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	attr_of(node, &st);
	fuse_reply_attr(req, &st, LONG);
}

static void op_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	if (node != NODE_KEY) {
		fuse_reply_err(req, EISDIR);
		return;
	}
	fi->direct_io = 1;
	fi->noflush = 1;
	fuse_reply_open(req, fi);
}

static void op_read(
	fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	size_t rest = off < SIZE ? (size_t)(SIZE - off) : 0;

	(void)node;
	(void)fi;
	fuse_reply_buf(req, value + (SIZE - rest), size < rest ? size : rest);
}

static void op_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)node;
	(void)fi;
	fuse_reply_err(req, 0);
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.open = op_open,
	.read = op_read,
	.release = op_release,
};

static void *serve(void *arg)
{
	struct fuse_session *session = arg;
	struct fuse_buf buf = {0};

	while (!fuse_session_exited(session)) {
		int n = fuse_session_receive_buf(session, &buf);

		if (n == -EINTR || n == -EAGAIN)
			continue;
		if (n <= 0)
			break;
		fuse_session_process_buf(session, &buf);
	}
	free(buf.mem);
	return NULL;
}

/* ---- over io_uring: mounted, and INIT answered, as secretfs does it ---- */

static int open_rings(struct fuse_session *session, const char *mountpoint, struct why *why)
{
	static struct config config;
	static struct boot_state state;
	struct mount mount;
	char device[32];
	int fd, r;

	config_init(&config);
	strcpy(config.store, "null");
	snprintf(config.mountpoint, sizeof(config.mountpoint), "%s", mountpoint);
	fd = mount_open(&config, &mount, why);
	r = fd < 0 ? fd : mount_init(fd, true, &state, why);
	if (r == 0)
		r = ring_open(fd, THREADS - 1, 0, why);
	if (r < 0)
		return r;
	struct fuse_in_header *header = (struct fuse_in_header *)(void *)state.init_request;
	struct fuse_buf init = {.mem = state.init_request, .size = state.init_len};

	header->unique = ~0ull << 1; /* the kernel has its answer */
	snprintf(device, sizeof(device), "/dev/fd/%d", fd);
	if (fuse_session_mount(session, device) < 0)
		return why_set(why, -EIO, "libfuse refuses the connection");
	fuse_session_process_buf(session, &init);
	return 0;
}

static void *serve_ring(void *arg)
{
	static _Atomic unsigned number;
	struct fuse_session *session = arg;
	void *bytes = malloc(SLOTS_BYTES);
	struct fuse_buf buf = {.mem = bytes};

	if (!bytes || ring_begin(number++) < 0)
		return NULL;
	while (ring_next(bytes, SLOTS_BYTES, &buf.size) > 0)
		fuse_session_process_buf(session, &buf);
	free(bytes);
	return NULL;
}

static int run_rings(struct fuse_session *session, const char *mountpoint)
{
	pthread_t threads[THREADS - 1];
	char bytes[FUSE_MIN_READ_BUFFER];
	struct why why = {""};
	int r = open_rings(session, mountpoint, &why);

	if (r < 0) {
		fprintf(stderr, "null: %s\n", why.text);
		return 1;
	}
	for (int i = 0; i < THREADS - 1; i++)
		if (pthread_create(&threads[i], NULL, serve_ring, session) != 0)
			return 1;
	/* FORGET, which needs no answer. */
	while (read(fuse_session_fd(session), bytes, sizeof(bytes)) > 0)
		;
	for (int i = 0; i < THREADS - 1; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

int main(int argc, char **argv)
{
	bool rings = argc == 3 && strcmp(argv[1], "-r") == 0;
	char *fuse_argv[] = {argv[0], "-oallow_other,default_permissions", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(2, fuse_argv);
	struct fuse_session *session;
	pthread_t threads[THREADS];

	if (argc != (rings ? 3 : 2)) {
		fprintf(stderr, "usage: %s [-r] MOUNTPOINT\n", argv[0]);
		return 2;
	}
	memset(value, 'v', SIZE);
	session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (session && rings)
		return run_rings(session, argv[2]);
	if (!session || fuse_session_mount(session, argv[1]) != 0)
		return 1;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, serve, session) != 0)
			return 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	fuse_session_unmount(session);
	fuse_session_destroy(session);
	fuse_opt_free_args(&args);
	return 0;
}
