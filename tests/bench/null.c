// SPDX-License-Identifier: MIT
/*
 * null: a FUSE server that does nothing, to know what the kernel protocol alone costs.
 *
 *     bench_null MOUNTPOINT       runs until it is unmounted
 *
 * It shows one file of 64 bytes where secretfs shows a value, public/s/k, answers in the same way
 * (direct_io, no flush on read handles, long timeouts) and has the same loop: eight threads on one
 * descriptor, each with its own buffer.
 */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

int main(int argc, char **argv)
{
	char *fuse_argv[] = {argv[0], "-oallow_other,default_permissions", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(2, fuse_argv);
	struct fuse_session *session;
	pthread_t threads[THREADS];

	if (argc != 2) {
		fprintf(stderr, "usage: %s MOUNTPOINT\n", argv[0]);
		return 2;
	}
	memset(value, 'v', SIZE);
	session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
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
