// SPDX-License-Identifier: MIT
/*
 * session: the requests of a read or of a durable write, served in this process without a kernel,
 * so that instructions can be counted (tests/bench/profile).
 *
 *     bench_session read|cold|write ROUNDS
 *
 *     read    OPEN, GETATTR, READ, READ at the end, RELEASE of a key of 64 bytes
 *     cold    the same, of more secrets in turns than the caches hold
 *     write   OPEN with O_TRUNC, FLUSH, WRITE, FLUSH, RELEASE, as a shell's "> file" sends them
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "handle.h"
#include "later.h"
#include "node.h"
#include "openings.h"
#include "ops.h"
#include "place.h"
#include "request.h"
#include "slots.h"
#include "view.h"

#define ARENA   (4u << 20) /* small, so that few secrets are more than the caches hold */
#define SECRETS 1500
#define VALUE   64
#define OWNER   1000

static struct place place;
static struct config config;
static struct boot_state boot = {.generation = 1, .mounted_at = 1700000000};
static struct slots slots;
static uint64_t unique = 2;

/* The last reply. */
static struct {
	struct fuse_out_header header;
	uint8_t bytes[4096];
	size_t len;
} reply;

__attribute__((noreturn)) static void die(const char *what, int err)
{
	fprintf(stderr, "session: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(1);
}

static void must(const char *what, int r)
{
	if (r < 0)
		die(what, r);
}

static ssize_t catch_reply(int fd, struct iovec *iov, int count, void *arg)
{
	size_t total = iov[0].iov_len;

	(void)fd;
	(void)arg;
	memcpy(&reply.header, iov[0].iov_base, sizeof(reply.header));
	reply.len = 0;
	for (int i = 1; i < count; total += iov[i++].iov_len) {
		if (reply.len + iov[i].iov_len > sizeof(reply.bytes))
			die("reply", EMSGSIZE);
		memcpy(reply.bytes + reply.len, iov[i].iov_base, iov[i].iov_len);
		reply.len += iov[i].iov_len;
	}
	return (ssize_t)total;
}

static ssize_t no_read(int fd, void *bytes, size_t len, void *arg)
{
	(void)fd;
	(void)bytes;
	(void)len;
	(void)arg;
	return 0;
}

static void ask(uint32_t opcode, uint64_t node, const void *args, size_t args_len, const void *data,
	size_t data_len)
{
	uint8_t *bytes = slots_buffer(ops.slots, 0);
	struct fuse_in_header header = {.len = (uint32_t)(sizeof(header) + args_len + data_len),
		.opcode = opcode,
		.unique = unique += 2,
		.nodeid = node,
		.uid = OWNER,
		.gid = OWNER,
		.pid = (uint32_t)getpid()};

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), args, args_len);
	memcpy(bytes + sizeof(header) + args_len, data, data_len);
	must("request", request_serve(0, header.len, false));
	if (reply.header.unique != unique || reply.header.error)
		die("reply", reply.header.error);
}

static uint64_t open_key(uint64_t node, uint32_t flags)
{
	const struct fuse_open_in in = {.flags = flags};
	struct fuse_open_out out;

	ask(FUSE_OPEN, node, &in, sizeof(in), "", 0);
	memcpy(&out, reply.bytes, sizeof(out));
	return out.fh;
}

static void read_key(uint64_t node, uint64_t fh, uint64_t offset, size_t wanted)
{
	/* Without a lock owner it would be the page cache that asks. */
	const struct fuse_read_in in = {.fh = fh,
		.offset = offset,
		.size = 4096,
		.read_flags = FUSE_READ_LOCKOWNER,
		.lock_owner = 1};

	ask(FUSE_READ, node, &in, sizeof(in), "", 0);
	if (reply.len != wanted)
		die("READ", EIO);
}

static void flush_key(uint64_t node, uint64_t fh)
{
	const struct fuse_flush_in in = {.fh = fh, .lock_owner = 1};

	ask(FUSE_FLUSH, node, &in, sizeof(in), "", 0);
}

static void release_key(uint64_t node, uint64_t fh)
{
	const struct fuse_release_in in = {.fh = fh};

	ask(FUSE_RELEASE, node, &in, sizeof(in), "", 0);
}

static void work_read(uint64_t node)
{
	const struct fuse_getattr_in stat = {0};
	uint64_t fh = open_key(node, O_RDONLY);

	ask(FUSE_GETATTR, node, &stat, sizeof(stat), "", 0);
	read_key(node, fh, 0, VALUE);
	read_key(node, fh, VALUE, 0);
	release_key(node, fh);
}

static void work_write(uint64_t node)
{
	static const uint8_t value[VALUE] = "written";
	uint64_t fh = open_key(node, O_WRONLY | O_TRUNC);
	const struct fuse_write_in in = {.fh = fh, .size = VALUE, .lock_owner = 1};

	flush_key(node, fh);
	ask(FUSE_WRITE, node, &in, sizeof(in), value, VALUE);
	flush_key(node, fh);
	release_key(node, fh);
}

static uint64_t make_key(unsigned number)
{
	const struct store_new mine = {.uid = OWNER, .gid = OWNER, .mode = 0700};
	static const uint8_t value[VALUE] = "made";
	struct store_touched touched;
	char name[16];
	uint64_t row;

	snprintf(name, sizeof(name), "s%u", number);
	must("create", store_secret_create(ops.store, (struct store_ns){NS_PUBLIC, 0}, name,
			       strlen(name), &mine, &row));
	must("create", store_key_create(ops.store, row, "k", 1, &mine, &touched));
	const struct store_put put = {.row = row,
		.key_no = touched.key_no,
		.uid = OWNER,
		.bytes = value,
		.len = VALUE,
		.mtime = 1};
	must("put", store_put(ops.store, &put, &touched));
	return node_key(row, touched.key_no);
}

static void open_session(void)
{
	static const struct fuse_custom_io io = {.writev = catch_reply, .read = no_read};
	char *argv[] = {(char[]){"secretfs"}, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct {
		struct fuse_in_header header;
		struct fuse_init_in in;
	} init = {.header = {.len = sizeof(init), .opcode = FUSE_INIT, .unique = 2},
		.in = {.major = 7, .minor = 36, .max_readahead = 131072, .flags = 0x7fffffff}};
	struct fuse_buf request = {.mem = &init, .size = sizeof(init)};

	ops.session = fuse_session_new(&args, &ops_table, sizeof(ops_table), NULL);
	if (!ops.session || fuse_session_custom_io(ops.session, &io, dup(0)) != 0)
		die("session", EIO);
	fuse_opt_free_args(&args);
	fuse_session_process_buf(ops.session, &request);
}

static void begin(void)
{
	struct why why = {""};

	must("memory", secmem_init(ARENA));
	must("place", place_make(&place));
	config_init(&config);
	ops.limits = (struct store_limits){.history = 10, .max_value = 1u << 20, .max_keys = 256};
	view_init();
	handle_init(boot.generation);
	int fd = slots_create(1);
	must("slots", fd);
	must("slots", slots_map(fd, &slots, &why));
	close(fd);
	fd = openings_create();
	must("openings", fd);
	must("openings", openings_map(fd));
	close(fd);
	ops.config = &config;
	ops.boot = &boot;
	ops.slots = &slots;
	open_session();
	must("open", store_open(place.store, place.keys, &ops.limits, &ops.store, &why));
	store_journal(ops.store, 1, boot.generation);
	must("start", store_start(ops.store));
	must("later", later_start(ops_thread_begin, ops_thread_end));
	must("thread", ops_thread_begin());
}

static void end(void)
{
	later_stop();
	fuse_session_destroy(ops.session);
	ops_thread_end();
	store_close(ops.store);
	slots_unmap(&slots);
	place_remove(&place);
}

int main(int argc, char **argv)
{
	static uint64_t nodes[SECRETS];
	unsigned long rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	bool writes = argc == 3 && strcmp(argv[1], "write") == 0;
	unsigned secrets = argc == 3 && strcmp(argv[1], "cold") == 0 ? SECRETS : 1;

	if (rounds == 0 || (!writes && secrets == 1 && strcmp(argv[1], "read") != 0)) {
		fprintf(stderr, "usage: %s read|cold|write ROUNDS\n", argv[0]);
		return 2;
	}
	begin();
	for (unsigned i = 0; i < secrets; i++)
		nodes[i] = make_key(i);
	for (unsigned long i = 0; i < rounds; i++)
		(writes ? work_write : work_read)(nodes[i % secrets]);
	end();
	return 0;
}
