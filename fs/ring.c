/* SPDX-License-Identifier: MIT */
/* ring: owns the rings, their entries, and who has which entry. */
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"

/* The first character of a file of the kernel's; 0: there is none. */
static char first_of(const char *path)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = 0;

	return fd >= 0 && read(fd, &c, 1) == 1 ? c : 0;
}

bool ring_offered(void)
{
	char off = first_of("/proc/sys/kernel/io_uring_disabled"); /* 1: but for root */

	return first_of("/sys/module/fuse/parameters/enable_uring") == 'Y' && off != '2' &&
	       (off != '1' || geteuid() == 0);
}

#ifdef SECRETFS_RINGS

#include <liburing.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "boot.h"
#include "log.h"
#include "secmem.h"
#include "slots.h"

#define PAGE    4096u
#define PAYLOAD BOOT_MAX_WRITE /* what the kernel asks for at least, after what mount_init said */

/* Registered files. */
#define FILE_FUSE 0
#define FILE_WAKE 1

/* The kernel's, in no header before Linux 6.14. */
enum command { COMMAND_REGISTER = 1, COMMAND_ANSWER_AND_NEXT = 2 };

struct headers {
	uint8_t in_out[128]; /* fuse_in_header, or fuse_out_header */
	uint8_t args[128];   /* those of the operation */
	uint64_t flags;
	uint64_t commit_id; /* names the request when its answer is handed in */
	uint32_t payload;   /* bytes of it */
	uint32_t padding;
	uint64_t reserved;
};

_Static_assert(sizeof(struct headers) == 288, "the kernel's layout");

struct command_data {
	uint64_t flags;
	uint64_t commit_id;
	uint16_t queue;
	uint8_t padding[6];
};

enum state {
	IDLE,    /* the kernel does not know it, or no more */
	WAITING, /* the kernel's */
	SERVING, /* holds a request that is served, or laid aside, or its answer */
};

struct entry {
	struct headers *headers;
	uint8_t *payload;
	struct iovec parts[2]; /* of both, for the kernel */
	uint16_t queue;
	struct ring *ring;
	enum state state; /* as far as the ring's thread knows, who alone looks */
	uint64_t commit_id;
	size_t dirty;            /* bytes of an answer in payload, to be wiped; of who answers */
	_Atomic uint64_t unique; /* of the request while it is not answered; 0: none */
	struct entry *next;      /* in answered */
};

struct ring {
	struct io_uring uring;
	int wake; /* eventfd: another thread has answered */
	unsigned n;
	struct entry *entries;
	struct entry *serving; /* the last one that was taken */
	pthread_mutex_t lock;  /* answered */
	struct entry *answered;
};

static struct {
	struct ring list[SLOTS_MAX];
	unsigned n;
	int fuse_fd;
	_Atomic bool heard;
	unsigned each; /* entries that a ring has in a queue: one that waits, and spare ones */
} rings;

static _Thread_local struct ring *own;

bool ring_built(void)
{
	return true;
}

bool ring_on(void)
{
	return rings.n > 0;
}

/* ---- making them ---- */

/* How many CPUs there may ever be; the kernel has a queue for each. */
static int possible_cpus(void)
{
	AUTO_FD fd = open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC);
	char text[256];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	char *last;

	if (n <= 0)
		return n < 0 ? -errno : -EIO;
	text[n] = '\0';
	last = strrchr(text, '-');
	return (int)strtol(last ? last + 1 : text, NULL, 10) + 1;
}

/* Queues of this ring: number, number + rings.n, ... or one that it shares with other rings. */
static unsigned queues_of(unsigned number, unsigned n, unsigned cpus)
{
	return number < cpus ? (cpus - number + n - 1) / n : 1;
}

static void lay_out(struct ring *ring, unsigned number, unsigned n, unsigned cpus, uint8_t *bytes)
{
	for (unsigned i = 0; i < ring->n; i++) {
		struct entry *entry = &ring->entries[i];
		uint8_t *at = bytes + (size_t)i * (PAGE + PAYLOAD);

		*entry = (struct entry){.headers = (struct headers *)(void *)at,
			.payload = at + PAGE,
			.parts = {{at, sizeof(struct headers)}, {at + PAGE, PAYLOAD}},
			.queue = (uint16_t)((number + i / rings.each * n) % cpus),
			.ring = ring};
	}
}

/* Nothing but to carry requests: io_uring goes past the filter of system calls. */
static int restrict_to_requests(struct io_uring *uring)
{
	struct io_uring_restriction rules[] = {
		{.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_URING_CMD},
		{.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_POLL_ADD},
		{.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE},
	};

	/* liburing 2.3 does not export its own function for it. */
	return io_uring_register((unsigned)uring->ring_fd, IORING_REGISTER_RESTRICTIONS, rules,
		sizeof(rules) / sizeof(rules[0]));
}

static int open_one(struct ring *ring, int fuse_fd)
{
	/* Deferred: the kernel writes to an entry only when its thread waits, or hands in. */
	struct io_uring_params params = {
		.flags = IORING_SETUP_SQE128 | IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED |
			 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		.cq_entries = 2 * (ring->n + 1)};
	int files[] = {[FILE_FUSE] = fuse_fd, [FILE_WAKE] = -1};
	int r = io_uring_queue_init_params(ring->n + 1, &ring->uring, &params);

	if (r < 0)
		return r;
	ring->wake = files[FILE_WAKE] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ring->wake < 0)
		return -errno;
	r = io_uring_register_files(&ring->uring, files, 2);
	return r < 0 ? r : restrict_to_requests(&ring->uring);
}

static int map_entries(size_t size, uint8_t **ret_bytes)
{
	void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (bytes == MAP_FAILED)
		return -errno;
	/* A spare entry that nothing has come into yet takes no memory. */
	if (mlock2(bytes, size, MLOCK_ONFAULT) < 0 || madvise(bytes, size, MADV_DONTDUMP) < 0) {
		int r = -errno;

		munmap(bytes, size);
		return r;
	}
	*ret_bytes = bytes;
	return 0;
}

static int open_why(int err, struct why *why)
{
	if (err == -EPERM || err == -EACCES)
		return why_set(why, -EACCES,
			"io_uring is not allowed here: see the sysctl kernel.io_uring_disabled, or "
			"set transport = dev");
	return why_set(
		why, err, "cannot make an io_uring: %s; set transport = dev", strerror(-err));
}

int ring_open(int fuse_fd, unsigned n, unsigned spare, struct why *why)
{
	int cpus = possible_cpus();
	unsigned count[SLOTS_MAX];
	size_t total = 0;
	uint8_t *bytes = NULL;
	int r;

	if (cpus < 0)
		return why_set(
			why, cpus, "cannot tell how many CPUs there may be: %s", strerror(-cpus));
	rings.each = 1 + spare;
	for (unsigned i = 0; i < n; i++)
		total += count[i] = rings.each * queues_of(i, n, (unsigned)cpus);
	r = map_entries(total * (PAGE + PAYLOAD), &bytes);
	if (r < 0)
		return why_set(why, r,
			"cannot lock %zu KiB of memory for requests over io_uring: %s; raise the "
			"limit (ulimit -l), set fewer threads, or set transport = dev",
			total * (PAGE + PAYLOAD) / 1024, strerror(-r));
	for (unsigned i = 0; i < n; i++) {
		struct ring *ring = &rings.list[i];

		ring->n = count[i];
		ring->entries = calloc(ring->n, sizeof(*ring->entries));
		pthread_mutex_init(&ring->lock, NULL);
		r = ring->entries ? open_one(ring, fuse_fd) : -ENOMEM;
		if (r < 0)
			return open_why(r, why);
		lay_out(ring, i, n, (unsigned)cpus, bytes);
		bytes += (size_t)ring->n * (PAGE + PAYLOAD);
	}
	rings.fuse_fd = fuse_fd;
	rings.n = n;
	return 0;
}

/* ---- handing in ---- */

/* There is room for each entry, and for the watch over wake. */
static struct io_uring_sqe *next_submission(struct ring *ring, uint8_t opcode, int file, void *data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	memset(sqe, 0, 2 * sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->fd = file;
	io_uring_sqe_set_data(sqe, data);
	return sqe;
}

/* From now on it is the kernel's. */
static void give(struct ring *ring, struct entry *entry, enum command command)
{
	const struct command_data data = {.queue = entry->queue, .commit_id = entry->commit_id};
	struct io_uring_sqe *sqe = next_submission(ring, IORING_OP_URING_CMD, FILE_FUSE, entry);

	sqe->cmd_op = command;
	if (command == COMMAND_REGISTER) {
		sqe->addr = (uint64_t)(uintptr_t)entry->parts;
		sqe->len = 2;
	}
	memcpy(sqe->cmd, &data, sizeof(data));
	entry->state = WAITING;
}

static void watch_wake(struct ring *ring)
{
	struct io_uring_sqe *sqe = next_submission(ring, IORING_OP_POLL_ADD, FILE_WAKE, NULL);

	io_uring_prep_poll_add(sqe, FILE_WAKE, POLLIN);
	sqe->flags = IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(sqe, NULL);
}

static void give_answered(struct ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	struct entry *entry = ring->answered;
	ring->answered = NULL;
	pthread_mutex_unlock(&ring->lock);
	for (; entry; entry = entry->next)
		give(ring, entry, COMMAND_ANSWER_AND_NEXT);
}

/* Each queue has an entry that waits, also while a request is laid aside. */
static void give_spare(struct ring *ring)
{
	for (unsigned i = 0; i < ring->n; i += rings.each) {
		struct entry *idle = NULL;
		bool waiting = false;

		for (unsigned k = i; k < i + rings.each; k++) {
			waiting |= ring->entries[k].state == WAITING;
			if (ring->entries[k].state == IDLE)
				idle = &ring->entries[k];
		}
		if (!waiting && idle)
			give(ring, idle, COMMAND_REGISTER);
	}
}

/* The next request may have come into the entry that an answer was taken from. */
static size_t bytes_of_next(struct ring *ring, const struct entry *entry)
{
	struct io_uring_cqe *cqe;
	unsigned head;

	io_uring_for_each_cqe(&ring->uring, head, cqe)
	{
		if (io_uring_cqe_get_data(cqe) == entry && cqe->res >= 0)
			return entry->headers->payload;
	}
	return 0;
}

static void wipe_answers(struct ring *ring)
{
	for (unsigned i = 0; i < ring->n; i++) {
		struct entry *entry = &ring->entries[i];
		size_t keep;

		if (entry->state != WAITING || !entry->dirty)
			continue;
		keep = bytes_of_next(ring, entry);
		if (keep < entry->dirty)
			secmem_wipe(entry->payload + keep, entry->dirty - keep);
		entry->dirty = 0;
	}
}

/* When it returns, the kernel has taken the answers. */
static int hand_in(struct ring *ring)
{
	while (io_uring_sq_ready(&ring->uring) > 0) {
		int r = io_uring_submit(&ring->uring);

		if (r < 0 && r != -EINTR)
			return r;
	}
	wipe_answers(ring);
	return 0;
}

/* ---- requests ---- */

static void pin(uint16_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* Where it may not be, or is not running, any other will do. */
	sched_setaffinity(0, sizeof(set), &set);
}

int ring_begin(unsigned number)
{
	struct ring *ring = own = &rings.list[number];
	struct io_uring_cqe *cqe;
	unsigned head;
	int r;

	if (ring->n == rings.each)
		pin(ring->entries[0].queue);
	r = io_uring_register((unsigned)ring->uring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	if (r < 0)
		return r;
	watch_wake(ring);
	give_spare(ring);
	r = hand_in(ring);
	if (r < 0)
		return r;
	io_uring_for_each_cqe(&ring->uring, head, cqe)
	{
		if (cqe->res < 0)
			return cqe->res;
	}
	return 0;
}

static void woken(struct ring *ring)
{
	uint64_t count;

	if (read(ring->wake, &count, sizeof(count)) == (ssize_t)sizeof(count))
		watch_wake(ring);
}

static int take(struct entry *entry, void *buffer, size_t size, size_t *ret_len)
{
	const struct headers *headers = entry->headers;
	size_t payload = headers->payload;
	struct fuse_in_header in;
	uint8_t *to = buffer;

	memcpy(&in, headers->in_out, sizeof(in));
	if (payload > PAYLOAD || in.len < sizeof(in) + payload || in.len > size ||
		in.len - sizeof(in) - payload > sizeof(headers->args))
		return -EPROTO;
	size_t args = in.len - sizeof(in) - payload;

	memcpy(to, &in, sizeof(in));
	memcpy(to + sizeof(in), headers->args, args);
	memcpy(to + sizeof(in) + args, entry->payload, payload);
	secmem_wipe(entry->payload, payload);
	entry->commit_id = headers->commit_id;
	entry->state = SERVING;
	entry->ring->serving = entry;
	atomic_store(&entry->unique, in.unique);
	*ret_len = in.len;
	return 1;
}

int ring_next(void *buffer, size_t size, size_t *ret_len)
{
	struct ring *ring = own;

	for (;;) {
		struct io_uring_cqe *cqe;

		give_answered(ring);
		give_spare(ring);
		int r = hand_in(ring);
		if (r == 0)
			r = io_uring_wait_cqe(&ring->uring, &cqe);
		if (r == -EINTR)
			continue;
		if (r < 0)
			return r;
		struct entry *entry = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&ring->uring, cqe);
		if (result < 0)
			return result == -ENOTCONN || result == -ECONNABORTED ? 0 : result;
		if (entry)
			return take(entry, buffer, size, ret_len);
		woken(ring);
	}
}

bool ring_may_wait(void)
{
	if (!own || !own->serving)
		return true;
	unsigned first = (unsigned)(own->serving - own->entries) / rings.each * rings.each;

	for (unsigned i = first; i < first + rings.each; i++) {
		if (own->entries[i].state == IDLE || own->entries[i].state == WAITING)
			return true;
	}
	return false;
}

/* ---- answers ---- */

static struct entry *find(uint64_t unique)
{
	if (own && own->serving && atomic_load(&own->serving->unique) == unique)
		return own->serving;
	for (unsigned i = 0; i < rings.n; i++)
		for (unsigned k = 0; k < rings.list[i].n; k++)
			if (atomic_load(&rings.list[i].entries[k].unique) == unique)
				return &rings.list[i].entries[k];
	return NULL;
}

static void fill(struct entry *entry, const struct iovec *parts, int count)
{
	struct fuse_out_header out;
	size_t len = 0;

	memcpy(&out, parts[0].iov_base, sizeof(out));
	for (int i = 1; i < count; i++) {
		if (parts[i].iov_len > PAYLOAD - len) {
			/* Longer than the kernel can have asked for. */
			out.error = -EIO;
			out.len = sizeof(out);
			break;
		}
		if (parts[i].iov_len)
			memcpy(entry->payload + len, parts[i].iov_base, parts[i].iov_len);
		len += parts[i].iov_len;
	}
	memcpy(entry->headers->in_out, &out, sizeof(out));
	entry->headers->payload = out.error ? 0 : (uint32_t)len;
	entry->dirty = len;
}

bool ring_answer(const struct iovec *parts, int count)
{
	const uint64_t one = 1;
	struct fuse_out_header out;

	memcpy(&out, parts[0].iov_base, sizeof(out));
	struct entry *entry = out.unique ? find(out.unique) : NULL;
	if (!entry)
		return false;
	struct ring *ring = entry->ring;

	fill(entry, parts, count);
	atomic_store(&entry->unique, 0);
	pthread_mutex_lock(&ring->lock);
	entry->next = ring->answered;
	ring->answered = entry;
	pthread_mutex_unlock(&ring->lock);
	/* Full: it is awake anyway. */
	if (ring != own && write(ring->wake, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_err("cannot wake who has the ring: %s", strerror(errno));
	return true;
}

/*
 * libfuse writes its answers to /dev/fuse. It once had a door for others, fuse_session_custom_io,
 * which newer ones (3.18) are built without. But a name that the program defines is the program's
 * for libfuse too, so this sees what is written there. Notifications, and answers to what was read
 * there, go on.
 */
ssize_t ring_writev(int fd, const struct iovec *parts, int count)
{
	ssize_t len = 0;

	if (rings.n == 0 || fd != rings.fuse_fd)
		return syscall(SYS_writev, fd, parts, count);
	rings.heard = true;
	if (!ring_answer(parts, count))
		return syscall(SYS_writev, fd, parts, count);
	for (int i = 0; i < count; i++)
		len += (ssize_t)parts[i].iov_len;
	return len;
}

#ifndef __SANITIZE_THREAD__ /* there tests/stress/tsan_order.c has the name */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
	return ring_writev(fd, parts, count);
}
#endif

bool ring_hears(void)
{
	return rings.heard;
}

#else

ssize_t ring_writev(int fd, const struct iovec *parts, int count)
{
	return syscall(SYS_writev, fd, parts, count);
}

bool ring_hears(void)
{
	return false;
}

bool ring_built(void)
{
	return false;
}

bool ring_on(void)
{
	return false;
}

int ring_open(int fuse_fd, unsigned n, unsigned spare, struct why *why)
{
	(void)fuse_fd;
	(void)n;
	(void)spare;
	return why_set(why, -ENOTSUP, "built without liburing");
}

int ring_begin(unsigned number)
{
	(void)number;
	return -ENOTSUP;
}

int ring_next(void *buffer, size_t size, size_t *ret_len)
{
	(void)buffer;
	(void)size;
	(void)ret_len;
	return -ENOTSUP;
}

bool ring_may_wait(void)
{
	return true;
}

bool ring_answer(const struct iovec *parts, int count)
{
	(void)parts;
	(void)count;
	return false;
}

#endif
