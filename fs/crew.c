/* SPDX-License-Identifier: MIT */
/* crew: the loop that each thread runs, and how it is stopped. */
#include "crew.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "boot.h"
#include "clock.h"
#include "exitcode.h"
#include "log.h"
#include "ops.h"
#include "request.h"
#include "ring.h"
#include "slots.h"
#include "stack.h"
#include "trail.h"

#define PAUSE_SIGNAL SIGUSR2

static struct {
	struct stack threads[SLOTS_MAX];
	unsigned n;
	int end_fd;
	_Atomic bool reading[SLOTS_MAX]; /* waits for a request, or has just got one */
	_Atomic bool pausing;
	_Atomic bool dismissed;
	pthread_mutex_t lock; /* begun, failed, paused, ended */
	pthread_cond_t changed;
	unsigned begun;
	int failed; /* why one could not begin */
	unsigned paused;
	unsigned ended;
} crew = {.end_fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* ---- one request ---- */

/* An answer past libfuse: its caller shall not wait for ever. */
void crew_refuse(unsigned place, const struct fuse_in_header *header)
{
	/* FORGET and its like get no answer. */
	if (header->opcode != FUSE_FORGET && header->opcode != FUSE_BATCH_FORGET &&
		header->opcode != FUSE_INTERRUPT) {
		int r = request_refuse(header, -EIO);
		if (r < 0)
			log_err("cannot answer it: %s", strerror(-r));
	}
	slots_end(ops.slots, place, 0);
}

void crew_serve(unsigned place, size_t len, bool again)
{
	const struct fuse_in_header *header = slots_buffer(ops.slots, place);

	if (request_serve(place, len, again) == 0)
		return;
	log_err("request %u on node %llu by uid %u is not whole: it gets an error", header->opcode,
		(unsigned long long)header->nodeid, header->uid);
	crew_refuse(place, header);
}

/* ---- who floods the audit log ---- */

/* Its user has caught up. It lies where it was put aside. */
static void serve_delayed(void *bytes, size_t len, uintptr_t place)
{
	(void)bytes;
	crew_serve((unsigned)place, len, false);
}

/* Puts a request aside whose user floods the audit log. false: serve it now. */
static bool delay(unsigned place, size_t len)
{
	const void *bytes = slots_buffer(ops.slots, place);
	int aside;

	if (!trail_waits(bytes) || !ring_may_wait())
		return false;
	aside = slots_park(ops.slots, bytes, len);
	if (aside < 0)
		return false;
	if (!trail_delay(bytes, len, serve_delayed, (uintptr_t)aside)) {
		slots_end(ops.slots, (unsigned)aside, 0);
		return false;
	}
	slots_end(ops.slots, place, len);
	return true;
}

/* ---- the loop ---- */

static void serve_new(unsigned place, size_t len)
{
	if (!delay(place, len))
		crew_serve(place, len, false);
}

/* Without its ring a thread leaves a CPU without service, and what others have on theirs dies with
 * us: the supervisor mounts anew. */
__attribute__((noreturn)) static void give_up(int err)
{
	log_err("requests cannot be taken over io_uring: %s", strerror(-err));
	_exit(EXITCODE_FAILURE);
}

/* 0: go on; 1: unmounted. */
static int serve_ring(unsigned place)
{
	size_t len;
	int r = ring_next(slots_buffer(ops.slots, place), SLOTS_BYTES, &len);

	if (r < 0)
		give_up(r);
	if (r > 0)
		serve_new(place, len);
	return r == 0;
}

/* 0: go on; 1: unmounted; -errno. */
static int serve_one(unsigned place)
{
	crew.reading[place] = true;
	ssize_t n = read(BOOT_FUSE_FD, slots_buffer(ops.slots, place), SLOTS_BYTES);
	int err = errno;

	crew.reading[place] = false;
	if (n < 0) {
		/* ENOENT: the request was interrupted before it was read. */
		if (err == EINTR || err == EAGAIN || err == ENOENT)
			return 0;
		return err == ENODEV ? 1 : -err;
	}
	if ((size_t)n < sizeof(struct fuse_in_header))
		return -EIO;
	serve_new(place, (size_t)n);
	return 0;
}

/* The first thread reads what does not come over rings. */
static bool has_ring(unsigned place)
{
	return ring_on() && place > 0;
}

static int begin(unsigned place)
{
	int r = ops_thread_begin();

	if (r == 0 && has_ring(place))
		r = ring_begin(place - 1);
	if (r < 0)
		log_err("cannot start a thread: %s", strerror(-r));
	pthread_mutex_lock(&crew.lock);
	if (r < 0)
		crew.failed = r;
	crew.begun++;
	pthread_cond_broadcast(&crew.changed);
	pthread_mutex_unlock(&crew.lock);
	return r;
}

static void rest(void)
{
	pthread_mutex_lock(&crew.lock);
	crew.paused++;
	pthread_cond_broadcast(&crew.changed);
	while (crew.pausing)
		pthread_cond_wait(&crew.changed, &crew.lock);
	crew.paused--;
	pthread_mutex_unlock(&crew.lock);
}

static void leave(void)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&crew.lock);
	bool last = ++crew.ended == crew.n;
	pthread_cond_broadcast(&crew.changed);
	pthread_mutex_unlock(&crew.lock);
	if (last && write(crew.end_fd, &one, sizeof(one)) < 0)
		log_err("cannot tell that all threads have ended: %s", strerror(errno));
}

static void *serve(void *arg)
{
	unsigned place = (unsigned)(uintptr_t)arg;
	int r = begin(place);

	if (r < 0) {
		leave();
		return (void *)(intptr_t)r;
	}
	while (r == 0) {
		if (crew.pausing)
			rest();
		r = crew.dismissed ? 1 : has_ring(place) ? serve_ring(place) : serve_one(place);
	}
	ops_thread_end();
	if (r < 0)
		log_err("cannot read requests: %s", strerror(-r));
	leave();
	return (void *)(intptr_t)(r < 0 ? r : 0);
}

static void wake_up(int signo)
{
	(void)signo;
}

/* A plain user may lock little: half of it is for values. */
static bool stacks_are_enough(void)
{
	struct secmem_usage usage;

	secmem_usage(&usage);
	return usage.used + STACK_SIZE > usage.size / 2;
}

/* Every ring is needed: each CPU has requests only for its own. */
static int all_begun(void)
{
	pthread_mutex_lock(&crew.lock);
	while (crew.begun < crew.n)
		pthread_cond_wait(&crew.changed, &crew.lock);
	int r = crew.failed;
	pthread_mutex_unlock(&crew.lock);
	return r;
}

int crew_start(unsigned n)
{
	/* Without SA_RESTART: a read that waits for a request comes back. */
	const struct sigaction action = {.sa_handler = wake_up};
	int r = 0;

	crew.end_fd = eventfd(0, EFD_CLOEXEC);
	if (crew.end_fd < 0 || sigaction(PAUSE_SIGNAL, &action, NULL) < 0)
		return -errno;
	pthread_mutex_lock(&crew.lock);
	while (crew.n < n && r == 0) {
		r = crew.n > 0 && stacks_are_enough()
			    ? -ENOMEM
			    : stack_start(&crew.threads[crew.n], serve, (void *)(uintptr_t)crew.n);
		if (r == 0)
			crew.n++;
	}
	pthread_mutex_unlock(&crew.lock);
	if (ring_on()) {
		if (r == -ENOMEM)
			log_err("%u threads take more locked memory than values leave; raise the "
				"limit (ulimit -l) or set fewer",
				n);
		return r < 0 ? r : all_begun();
	}
	if (r < 0 && crew.n > 0)
		log_warn("serving with %u threads instead of %u: %s", crew.n, n,
			r == -ENOMEM ? "more would take the locked memory that values need; raise "
				       "the limit (ulimit -l)"
				     : strerror(-r));
	return crew.n ? 0 : r;
}

int crew_end_fd(void)
{
	return crew.end_fd;
}

int crew_join(void)
{
	int failed = 0;

	for (unsigned i = 0; i < crew.n; i++) {
		intptr_t result = (intptr_t)stack_join(&crew.threads[i]);
		if (result < 0)
			failed = (int)result;
	}
	return failed;
}

/* ---- pausing ---- */

static bool all_rest(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&crew.lock);
	if (crew.paused + crew.ended < crew.n)
		pthread_cond_timedwait(&crew.changed, &crew.lock, &until);
	bool all = crew.paused + crew.ended == crew.n;
	pthread_mutex_unlock(&crew.lock);
	return all;
}

/* A signal that comes before the read begins is lost, so they are sent again and again. */
int crew_pause(unsigned wait_ms)
{
	int64_t until = clock_ms() + wait_ms;

	crew.pausing = true;
	do {
		for (unsigned i = 0; i < crew.n; i++)
			if (crew.reading[i])
				pthread_kill(crew.threads[i].thread, PAUSE_SIGNAL);
		if (all_rest())
			return 0;
	} while (clock_ms() < until);
	crew_go_on();
	return -EBUSY;
}

void crew_go_on(void)
{
	pthread_mutex_lock(&crew.lock);
	crew.pausing = false;
	pthread_cond_broadcast(&crew.changed);
	pthread_mutex_unlock(&crew.lock);
}

void crew_dismiss(void)
{
	crew.dismissed = true;
	crew_go_on();
}
