// SPDX-License-Identifier: MIT
/*
 * null: a FUSE server that does nothing, to know what the kernel protocol alone costs.
 *
 *     bench_null MOUNTPOINT COUNT       runs until it is unmounted
 *     bench_null -r MOUNTPOINT COUNT    the same over io_uring, with the same rings (fs/ring.h)
 *
 * It shows COUNT secrets as secretfs does and answers in the same way (direct_io, no flush on read
 * handles, long timeouts, READDIRPLUS when the kernel thinks that it is worth it), and has the same
 * loop: eight threads on one descriptor, each with its own buffer.
 *
 *     public/n<0 ... COUNT - 1>/      with k of 64 bytes; only k is listed
 *         k4, k1, h1 ... h99          4 KiB, 1 MiB, 64 bytes
 *     private -> .private/0           the same again
 */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
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
#define LARGEST (1u << 20)

/* Above FIRST: the secret's number times FILES, plus its file's (0: the secret itself). */
enum node {
	NODE_ROOT = 1,
	NODE_PUBLIC,
	NODE_LINK,
	NODE_DOT_PRIVATE,
	NODE_PRIVATE,
	NODE_FIRST = 128
};
enum file { FILE_NONE, FILE_K, FILE_K4, FILE_K1, FILE_H1, FILES = 128 };

#define TARGET ".private/0"

/* Added to the numbers of secrets in private: a folder has one place only. */
#define PRIVATE (1ull << 32)

static char value[LARGEST];
static uint64_t count;

static bool is_secret(fuse_ino_t node)
{
	return node >= NODE_FIRST && node % FILES == FILE_NONE;
}

static bool is_key(fuse_ino_t node)
{
	return node >= NODE_FIRST && node % FILES != FILE_NONE;
}

static size_t size_of(fuse_ino_t node)
{
	if (!is_key(node))
		return node == NODE_LINK ? sizeof(TARGET) - 1 : 0;
	switch (node % FILES) {
	case FILE_K4:
		return 4096;
	case FILE_K1:
		return LARGEST;
	default:
		return 64;
	}
}

static void attr_of(fuse_ino_t node, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = node;
	st->st_mode = is_key(node)        ? S_IFREG | 0644
		      : node == NODE_LINK ? S_IFLNK | 0777
					  : S_IFDIR | 0755;
	st->st_nlink = S_ISDIR(st->st_mode) ? 2 : 1;
	st->st_size = (off_t)size_of(node);
}

static void entry_of(fuse_ino_t node, struct fuse_entry_param *ret)
{
	*ret = (struct fuse_entry_param){
		.ino = node, .attr_timeout = LONG, .entry_timeout = LONG, .generation = 1};
	attr_of(node, &ret->attr);
}

/* ---- names ---- */

static fuse_ino_t node_in_root(const char *name)
{
	if (strcmp(name, "public") == 0)
		return NODE_PUBLIC;
	if (strcmp(name, "private") == 0)
		return NODE_LINK;
	return strcmp(name, ".private") == 0 ? NODE_DOT_PRIVATE : 0;
}

/* The number behind the first letter; UINT64_MAX: there is none. */
static uint64_t number_of(const char *name, char letter)
{
	char *end;
	uint64_t n;

	if (name[0] != letter || name[1] < '0' || name[1] > '9')
		return UINT64_MAX;
	n = strtoull(name + 1, &end, 10);
	return *end ? UINT64_MAX : n;
}

static fuse_ino_t node_in_secret(fuse_ino_t secret, const char *name)
{
	uint64_t h = number_of(name, 'h');

	if (strcmp(name, "k") == 0)
		return secret + FILE_K;
	if (strcmp(name, "k4") == 0)
		return secret + FILE_K4;
	if (strcmp(name, "k1") == 0)
		return secret + FILE_K1;
	return h >= 1 && h < 100 ? secret + FILE_H1 + h - 1 : 0;
}

static fuse_ino_t secret_node(fuse_ino_t ns, uint64_t number)
{
	return NODE_FIRST + (number + (ns == NODE_PRIVATE ? PRIVATE : 0)) * FILES;
}

/* 0: there is none. */
static fuse_ino_t node_of(fuse_ino_t parent, const char *name)
{
	uint64_t n;

	if (parent == NODE_ROOT)
		return node_in_root(name);
	if (parent == NODE_DOT_PRIVATE)
		return strcmp(name, "0") == 0 ? NODE_PRIVATE : 0;
	if (is_secret(parent))
		return node_in_secret(parent, name);
	n = number_of(name, 'n');
	return n < count ? secret_node(parent, n) : 0;
}

/* ---- requests ---- */

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->max_write = 128u << 10;
	conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
				  FUSE_CAP_SPLICE_MOVE | FUSE_CAP_WRITEBACK_CACHE);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;
	fuse_ino_t node = node_of(parent, name);

	if (node == 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	entry_of(node, &e);
	fuse_reply_entry(req, &e);
}

static void op_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	attr_of(node, &st);
	fuse_reply_attr(req, &st, LONG);
}

static void op_readlink(fuse_req_t req, fuse_ino_t node)
{
	(void)node;
	fuse_reply_readlink(req, TARGET);
}

static void op_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	if (!is_key(node)) {
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
	size_t end = size_of(node);
	size_t rest = (size_t)off < end ? end - (size_t)off : 0;

	(void)fi;
	fuse_reply_buf(req, value, size < rest ? size : rest);
}

static void op_opendir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)node;
	fuse_reply_open(req, fi);
}

/* The entry at an offset of a secret or a namespace; 0: the end. The root shows none. */
static fuse_ino_t entry_at(fuse_ino_t dir, uint64_t off, char name[32])
{
	if (is_secret(dir)) {
		strcpy(name, "k");
		return off == 0 ? dir + FILE_K : 0;
	}
	if (off >= count || (dir != NODE_PUBLIC && dir != NODE_PRIVATE))
		return 0;
	snprintf(name, 32, "n%llu", (unsigned long long)off);
	return secret_node(dir, off);
}

static void list(fuse_req_t req, fuse_ino_t dir, size_t size, off_t off, bool plus)
{
	char *buf = malloc(size);
	char name[32];
	size_t used = 0, len;
	fuse_ino_t node;

	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	while ((node = entry_at(dir, (uint64_t)off, name))) {
		struct fuse_entry_param e;

		entry_of(node, &e);
		len = plus ? fuse_add_direntry_plus(req, buf + used, size - used, name, &e, off + 1)
			   : fuse_add_direntry(
				     req, buf + used, size - used, name, &e.attr, off + 1);
		if (len > size - used)
			break;
		used += len;
		off++;
	}
	fuse_reply_buf(req, buf, used);
	free(buf);
}

static void op_readdir(
	fuse_req_t req, fuse_ino_t dir, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, dir, size, off, false);
}

static void op_readdirplus(
	fuse_req_t req, fuse_ino_t dir, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, dir, size, off, true);
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
	.readlink = op_readlink,
	.open = op_open,
	.read = op_read,
	.release = op_release,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_release,
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
	bool rings = argc == 4 && strcmp(argv[1], "-r") == 0;
	char *fuse_argv[] = {argv[0], "-oallow_other,default_permissions", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(2, fuse_argv);
	struct fuse_session *session;
	pthread_t threads[THREADS];

	argv += rings;
	argc -= rings;
	count = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	if (count == 0) {
		fprintf(stderr, "usage: bench_null [-r] MOUNTPOINT COUNT\n");
		return 2;
	}
	memset(value, 'v', sizeof(value));
	session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (session && rings)
		return run_rings(session, argv[1]);
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
