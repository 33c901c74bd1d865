/* SPDX-License-Identifier: MIT */
/*
 * worker: owns the start of the process that serves requests, and its loop: N threads, one
 * descriptor.
 *
 * FUSE_INIT was answered by the supervisor; libfuse gets the kept request again under a `unique`
 * that the kernel never used, so that its own answer falls on the floor and its session is set up
 * all the same.
 */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "anchor.h"
#include "boot.h"
#include "crew.h"
#include "exitcode.h"
#include "fd.h"
#include "gone.h"
#include "handle.h"
#include "handover.h"
#include "held.h"
#include "later.h"
#include "log.h"
#include "openings.h"
#include "ops.h"
#include "ring.h"
#include "sandbox.h"
#include "slots.h"
#include "stack.h"
#include "trail.h"
#include "view.h"

#define ARENA_ROOT     (64u << 20)
#define SPARE_ROOT     8            /* entries for requests that wait, of each ring */
#define SPARE_PLAIN    1            /* who may lock little, and floods only himself */
#define PAUSE_WAIT     5000         /* ms for the requests at hand */
#define FOREIGN_UNIQUE (~0ull << 1) /* the kernel counts up from 2 in steps of 2 */

struct worker {
	struct boot_state boot;
	struct config config;
	const struct keyslot_keys *keys;
	struct anchor *anchor; /* until the store has it */
	struct store *store;
	struct fuse_session *session;
	struct slots slots;
	bool paused;      /* on the way to handing over */
	bool handed_over; /* another worker goes on */
};

static struct worker worker;

/* ---- the report to the supervisor ---- */

static int worker_failed(int err, const struct why *why)
{
	struct {
		char kind;
		uint8_t code;
		char text[sizeof(why->text)];
	} report = {.kind = BOOT_FAILED, .code = (uint8_t)exitcode_of_store(err)};
	size_t len = strlen(why->text);

	memcpy(report.text, why->text, len);
	/* The exit code says it as well, should nobody read the pipe. */
	if (write(BOOT_REPORT_FD, &report, 2 + len) < 0)
		log_err("cannot report to the supervisor: %s", strerror(errno));
	return report.code;
}

/* Once a second at most. */
static void worker_busy(void *unused, uint64_t done, uint64_t total)
{
	static time_t told;
	const char busy = BOOT_BUSY;
	time_t now = time(NULL);

	(void)unused;
	(void)done;
	(void)total;
	if (now != told && write(BOOT_REPORT_FD, &busy, 1) < 0)
		log_err("cannot report to the supervisor: %s", strerror(errno));
	told = now;
}

static int worker_ready(void)
{
	const char ready = BOOT_READY;
	ssize_t n = write(BOOT_REPORT_FD, &ready, 1);

	close(BOOT_REPORT_FD);
	return n == 1 ? 0 : -EPIPE;
}

/* ---- who it is ---- */

static int worker_drop_root(struct why *why)
{
	uid_t uid = worker.boot.worker_uid;
	gid_t gid = worker.boot.worker_gid;

	if (geteuid() != 0)
		return 0;
	if (uid == 0)
		return why_set(why, -EINVAL,
			"the worker must not run as root; set user = to an unprivileged user");
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
			return why_set(
				why, -errno, "cannot drop capability %d: %s", cap, strerror(errno));
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return why_set(why, -errno, "cannot become uid %u: %s", uid, strerror(errno));
	if (setuid(0) == 0)
		return why_set(why, -EPERM, "uid %u could become root again", uid);
	return 0;
}

static bool worker_first(void)
{
	return worker.boot.generation == 1;
}

static int worker_confine(struct why *why)
{
	if (geteuid() == 0)
		sandbox_namespaces();
	int r = worker_drop_root(why);

	if (r < 0)
		return r;
	/* A change of credentials resets both. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return why_set(why, -errno, "cannot confine the worker: %s", strerror(errno));
	if ((uint32_t)getppid() != worker.boot.supervisor_pid)
		return why_set(why, -ESRCH, "the supervisor is gone");
	return sandbox_files(worker.config.store,
		worker.config.audit == CONFIG_AUDIT_OFF ? NULL : worker.config.audit_file,
		worker_first(), why);
}

/* ---- the store ---- */

static void worker_bucket_damaged(unsigned bucket)
{
	log_err("bucket %u of the store does not add up: a record was changed, removed or rolled "
		"back outside of "
		"secretfs; its secrets answer EIO until the store is restored",
		bucket);
}

static void worker_history_damaged(uint64_t row)
{
	log_err("the earlier versions of secret %llu are not those that were sealed: one was "
		"changed, removed or put back outside of secretfs; they answer EIO, and its "
		"current values are served; look with: secretctl store verify %s",
		(unsigned long long)row, worker.config.store);
}

static void worker_anchor_failed(const char *anchor, int err)
{
	if (err < 0)
		log_err("cannot write the anchor %s: %s; until it can be, nothing tells if an old "
			"copy of the store is put back",
			anchor, strerror(-err));
	else if (err > 0)
		log_err("the anchor %s was removed: the store will not be served again without "
			"--accept-rollback",
			anchor);
	else
		log_info("the anchor %s can be written again", anchor);
}

/* While we may: later the descriptor is all we have of it. */
static int worker_open_anchor(struct why *why)
{
	int r = anchor_open(
		worker.config.anchor, worker.config.store, ANCHOR_KEEP, &worker.anchor, why);

	return r < 0 ? r : anchor_unlock(worker.anchor, worker.keys->anchor, why);
}

static int worker_map_keys(struct why *why)
{
	void *keys = mmap(NULL, 4096, PROT_READ, MAP_SHARED, BOOT_KEYS_FD, 0);

	if (keys == MAP_FAILED)
		return why_set(why, -errno, "cannot map the keys: %s", strerror(errno));
	madvise(keys, 4096, MADV_DONTDUMP);
	/* memfd_secret is locked by itself, and says EPERM or ENOMEM to some who ask. */
	if (mlock(keys, 4096) < 0 && errno != EPERM && errno != ENOMEM && errno != EAGAIN)
		return why_set(why, -errno, "cannot lock the keys: %s", strerror(errno));
	close(BOOT_KEYS_FD);
	worker.keys = keys;
	return 0;
}

/* What files are open, as far as the store must know. */
static const struct store_files worker_files = {
	.held = held_ask, .removing = gone_removing, .settled = held_settled};

static void worker_unkept(void)
{
	store_tidy(worker.store);
}

/* What was open in the worker before us, if it made room. */
static int worker_take_bytes(struct why *why)
{
	struct handover_message message;
	AUTO_FD fd = -1;
	int r = handover_receive(BOOT_HANDOVER_FD, &message, &fd);

	if (r < 0 || message.kind != HANDOVER_TAKE)
		return why_set(
			why, r < 0 ? r : -EPROTO, "the supervisor does not say what was left");
	return fd < 0 ? 0 : handover_load(fd, why);
}

/* What an earlier worker of this mount has given out. */
static int worker_take_over(struct why *why)
{
	int r = openings_map(BOOT_OPENINGS_FD);

	if (r < 0)
		return why_set(why, r, "cannot map what is open: %s", strerror(-r));
	close(BOOT_OPENINGS_FD);
	held_init(worker_unkept);
	handle_inherit();
	gone_inherit();
	return 0;
}

/* What is wrong with the anchor is told by the store. */
static void worker_audit_synced(uint64_t n, const uint8_t hash[AUDIT_HASH])
{
	store_anchor_audit(worker.store, n, hash);
}

static int worker_map_trail(struct why *why)
{
	struct trail_settings settings = {
		.config = &worker.config, .page_fd = BOOT_AUDIT_FD, .synced = worker_audit_synced};

	anchor_audit_get(worker.anchor, &settings.known_n, settings.known_hash);
	int r = trail_map(&settings, why);

	close(BOOT_AUDIT_FD);
	return r;
}

/* Only at the start of a mount: while another program may have to take over again, the store stays
 * one that it can read. */
static int worker_migrate(struct why *why)
{
	char kept[PATH_MAX];
	int r = worker_first() ? store_migrate(worker.config.store, worker.keys, worker_busy, NULL,
					 kept, why)
			       : 0;

	if (r > 0)
		log_info("the store %s has become one of format %d; as it was before it is kept as "
			 "%s",
			worker.config.store, STORE_FORMAT, kept);
	return r < 0 ? r : 0;
}

static int worker_open_store(struct why *why)
{
	const struct store_limits limits = {.history = worker.config.history,
		.max_value = worker.config.max_value,
		.max_keys = worker.config.max_keys,
		.max_secrets = worker.config.max_secrets,
		.max_bytes = worker.config.max_bytes,
		.reserve = STORE_RESERVE,
		.damaged = worker_bucket_damaged,
		.history_damaged = worker_history_damaged,
		.anchor_failed = worker_anchor_failed,
		.files = &worker_files};
	int r = worker_migrate(why);

	if (r == 0)
		r = store_open(worker.config.store, worker.keys, &limits, &worker.store, why);
	if (r == 0) {
		r = store_anchor(
			worker.store, worker.anchor, worker.boot.accept_rollback != 0, why);
		worker.anchor = NULL;
	}
	if (r > 0)
		log_warn("accepted, as --accept-rollback asks: %s", why->text);
	if (r >= 0) {
		ops.limits = limits;
		store_journal(worker.store, worker.boot.mount_id, worker.boot.generation);
	}
	return r < 0 ? r : 0;
}

/* ---- libfuse ---- */

static int worker_replay_init(struct why *why)
{
	uint8_t request[sizeof(worker.boot.init_request)];
	struct fuse_in_header *header = (struct fuse_in_header *)(void *)request;
	struct fuse_buf buf = {.mem = request, .size = worker.boot.init_len};

	if (worker.boot.init_len < sizeof(*header) || worker.boot.init_len > sizeof(request))
		return why_set(why, -EPROTO, "the supervisor's FUSE_INIT is damaged");
	memcpy(request, worker.boot.init_request, worker.boot.init_len);
	header->unique = FOREIGN_UNIQUE;
	fuse_session_process_buf(worker.session, &buf);
	if (ring_on() && !ring_hears())
		return why_set(why, -ENOTSUP,
			"the answers of this libfuse do not come to the rings; set transport = "
			"dev");
	return 0;
}

static int worker_open_session(struct why *why)
{
	char *argv[] = {(char[]){"secretfs"}, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	char device[16];

	worker.session = fuse_session_new(&args, &ops_table, sizeof(ops_table), NULL);
	fuse_opt_free_args(&args);
	snprintf(device, sizeof(device), "/dev/fd/%d", BOOT_FUSE_FD);
	if (!worker.session || fuse_session_mount(worker.session, device) < 0)
		return why_set(why, -EIO, "libfuse refuses the connection");
	ops = (struct ops){.store = worker.store,
		.config = &worker.config,
		.boot = &worker.boot,
		.session = worker.session,
		.slots = &worker.slots,
		.limits = ops.limits};
	return worker_replay_init(why);
}

/* ---- what the last worker left ---- */

/* It was being served when workers died, again and again: its caller gets an error, and everybody
 * else is served. */
static void drop_poison(unsigned place, const struct fuse_in_header *header)
{
	log_err("request %u on node %llu by uid %u ended the worker again and again: it gets an "
		"error",
		header->opcode, (unsigned long long)header->nodeid, header->uid);
	crew_refuse(place, header);
}

/* The place with the oldest request that is left, or -1. */
static int oldest_left(size_t *ret_len, const struct fuse_in_header **ret_header)
{
	uint64_t oldest = UINT64_MAX;
	int found = -1;

	for (unsigned place = 0; place < slots_places(&worker.slots); place++) {
		const void *request;
		size_t len = slots_request(&worker.slots, place, &request);
		const struct fuse_in_header *header = request;

		if (len && (header->unique & ~SLOTS_AGAIN) < oldest) {
			oldest = header->unique & ~SLOTS_AGAIN;
			found = (int)place;
			*ret_len = len;
			*ret_header = header;
		}
	}
	return found;
}

/* One at a time, so that one that kills us too is known for it. */
static void *finish(void *unused)
{
	const struct fuse_in_header *header = NULL;
	size_t len = 0;
	int place;
	intptr_t r = ops_thread_begin();

	(void)unused;
	if (r < 0)
		return (void *)r;
	slots_blame(&worker.slots, worker.boot.blame);
	while ((place = oldest_left(&len, &header)) >= 0) {
		if (slots_blamed(&worker.slots, (unsigned)place) >= SLOTS_BLAME_MOST)
			drop_poison((unsigned)place, header);
		else
			crew_serve((unsigned)place, len, true);
	}
	ops_thread_end();
	return NULL;
}

static int worker_finish(void)
{
	struct stack stack;
	int r = stack_start(&stack, finish, NULL);

	return r < 0 ? r : (int)(intptr_t)stack_join(&stack);
}

/* What died between the kernel and a slot comes again, where the kernel can do that (Linux 6.9). */
static void worker_ask_again(void)
{
	const struct fuse_out_header again = {.len = sizeof(again), .error = BOOT_NOTIFY_RESEND};
	struct fuse_init_in in = {0};
	size_t head = sizeof(struct fuse_in_header);

	if (!worker.config.resend || worker.boot.generation < 2 ||
		worker.boot.init_len < head + sizeof(in))
		return;
	memcpy(&in, worker.boot.init_request + head, sizeof(in));
	if (!(in.flags & FUSE_INIT_EXT) || !((uint64_t)in.flags2 << 32 & BOOT_HAS_RESEND))
		return;
	if (write(BOOT_FUSE_FD, &again, sizeof(again)) < 0)
		log_err("cannot ask for the requests in flight again: %s", strerror(errno));
}

/* The supervisor replaces a worker that it does not hear of. */
static void beat(void *unused)
{
	(void)unused;
	slots_beat(&worker.slots);
	if (worker.config.hang_timeout &&
		later_add(worker.config.hang_timeout * 1000 / 4, beat, NULL) < 0)
		log_warn("no memory for a sign of life");
}

/* ---- making room for another worker ---- */

static void say(enum handover_kind kind, uint64_t size, const char *text)
{
	struct handover_message message = {.kind = kind, .size = size};

	snprintf(message.text, sizeof(message.text), "%s", text);
	int r = handover_send(BOOT_HANDOVER_FD, &message, -1);
	if (r < 0)
		log_err("cannot answer the supervisor: %s", strerror(-r));
}

static void go_on(void)
{
	worker.paused = false;
	later_go_on();
	trail_go_on();
	crew_go_on();
}

static void on_pause(void)
{
	worker.paused = crew_pause(PAUSE_WAIT) == 0;
	if (!worker.paused) {
		say(HANDOVER_NO, 0, "a request takes too long");
		return;
	}
	/* What waits without a thread lies in the slots, for the next worker to answer. */
	later_pause();
	trail_pause();
	say(HANDOVER_NEED, handover_size(), "");
}

/* true: the next worker has all that it needs. */
static bool on_room(int fd, uint64_t size)
{
	int r = handover_save(fd, size);

	if (r < 0) {
		say(HANDOVER_NO, 0, strerror(-r));
		go_on();
		return false;
	}
	ops_changed_hurry();
	return true;
}

/* true: it is time to end. */
static bool on_message(void)
{
	struct handover_message message;
	AUTO_FD fd = -1;
	int r = handover_receive(BOOT_HANDOVER_FD, &message, &fd);

	/* Without a supervisor there is the helper, who ends us. */
	if (r < 0)
		return true;
	if (message.kind == HANDOVER_PAUSE && !worker.paused)
		on_pause();
	else if (message.kind == HANDOVER_ROOM && worker.paused && fd >= 0)
		worker.handed_over = on_room(fd, message.size);
	else if (message.kind == HANDOVER_GO_ON && worker.paused)
		go_on();
	return worker.handed_over;
}

static int end_crew(void)
{
	if (worker.handed_over)
		crew_dismiss();
	return crew_join();
}

/* Returns when the mount has ended, or another worker is to go on. */
static int worker_watch(void)
{
	struct pollfd p[2] = {{.fd = crew_end_fd(), .events = POLLIN},
		{.fd = BOOT_HANDOVER_FD, .events = POLLIN}};

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (p[0].revents)
			return crew_join();
		if (p[1].revents && on_message())
			return end_crew();
	}
}

static int worker_serve(struct why *why)
{
	int failed = store_start(worker.store);

	if (failed < 0)
		return why_set(
			why, failed, "cannot start the store's writer: %s", strerror(-failed));
	failed = later_start(ops_thread_begin, ops_thread_end);
	beat(NULL);
	if (failed == 0)
		failed = worker_finish();
	if (failed == 0)
		failed = trail_start(ops_thread_begin, ops_thread_end);
	/* Over rings nothing comes before they all are there, and they may be refused. */
	if (failed == 0 && ring_on())
		failed = crew_start(worker.slots.n);
	if (failed == 0) {
		worker_ask_again();
		failed = worker_ready();
	}
	if (failed == 0 && !ring_on())
		failed = crew_start(worker.slots.n);
	if (failed == 0)
		failed = worker_watch();
	trail_stop(failed == 0 && !worker.handed_over);
	later_stop();
	return failed < 0 ? why_set(why, failed, "cannot serve: %s", strerror(-failed)) : 0;
}

/* What one user may have open. Who has the mount alone needs to leave room only for the worker
 * itself. */
static size_t worker_share(void)
{
	/* Beside those of the store and of later. */
	size_t stacks = (worker.config.threads + 3) * STACK_SIZE;
	struct secmem_usage locked;

	if (worker.config.max_open)
		return worker.config.max_open;
	secmem_usage(&locked);
	locked.size -= locked.size > 2 * stacks ? stacks : locked.size / 2;
	return worker.boot.owner != 0 && worker.config.allow_other != 1 ? locked.size / 4 * 3 : 0;
}

static int worker_start(struct why *why)
{
	int r = boot_state_read(BOOT_STATE_FD, &worker.boot, &worker.config, why);

	if (r < 0)
		return r;
	close(BOOT_STATE_FD);
	log_init_pipe(BOOT_LOG_FD, worker.config.debug);
	handle_init(worker.boot.generation);
	/* Before the credentials change: locked memory stays locked. */
	r = secmem_init(geteuid() == 0 ? ARENA_ROOT : 0);
	if (r < 0)
		return why_set(why, r,
			"cannot lock memory for secrets: %s; raise the limit of locked memory "
			"(ulimit -l)",
			strerror(-r));
	secmem_set_share(worker_share());
	view_init();
	r = worker_take_over(why);
	if (r == 0)
		r = worker_take_bytes(why);
	if (r < 0)
		return r;
	r = slots_map(BOOT_SLOTS_FD, &worker.slots, why);
	close(BOOT_SLOTS_FD);
	/* The first thread has none (crew.h). */
	if (r == 0 && worker.config.transport == CONFIG_TRANSPORT_IO_URING)
		r = ring_open(BOOT_FUSE_FD, worker.slots.n - 1,
			worker.boot.owner == 0 ? SPARE_ROOT : SPARE_PLAIN, why);
	if (r == 0)
		r = worker_map_keys(why);
	if (r == 0)
		r = worker_open_anchor(why);
	if (r == 0)
		r = worker_map_trail(why);
	if (r == 0) {
		store_prepare();
		r = worker_confine(why);
	}
	if (r == 0)
		r = trail_open(why);
	if (r == 0)
		r = worker_open_store(why);
	if (r == 0)
		r = worker_open_session(why);
	if (r == 0)
		r = trail_begin(why);
	/* Before there are threads, and before anything that a user has sent is looked at. */
	if (r == 0)
		r = sandbox_calls(worker_first(), why);
	return r;
}

int worker_main(void)
{
	struct why why = {""};

	prctl(PR_SET_NAME, "secretfs-worker");
	int r = worker_start(&why);
	if (r == 0)
		r = worker_serve(&why);
	int code = r < 0 ? worker_failed(r, &why) : EXITCODE_OK;
	if (worker.session)
		fuse_session_destroy(worker.session);
	anchor_close(worker.anchor);
	store_close(worker.store);
	if (worker.handed_over && code == EXITCODE_OK)
		say(HANDOVER_DONE, 0, "");
	return code;
}
