// SPDX-License-Identifier: MIT
/* supervisor: owns the order of the start, the watch over the workers, and the stop. */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "anchor.h"
#include "audit_place.h"
#include "boot.h"
#include "clock.h"
#include "exitcode.h"
#include "fd.h"
#include "helper.h"
#include "lines.h"
#include "log.h"
#include "mount.h"
#include "notify.h"
#include "openings.h"
#include "options.h"
#include "reload.h"
#include "secmem.h"
#include "slots.h"
#include "store.h"
#include "unlock.h"

#define ARENA         (128u << 10) /* bytes: a source, a master key and scratch */
#define READY_WAIT    30000        /* all times in ms */
#define RELOAD_WAIT   10000        /* for a worker that takes over */
#define RETRY_FIRST   100
#define RETRY_MOST    5000
#define EARLY_DEATHS  5 /* before serving, in a row, until we give up */
#define CRASHES       10
#define CRASH_WINDOW  10000
#define UMOUNT_EVERY  100
#define LOCK_TRIES    40
#define LOCK_PAUSE_US 50000
#define END_WAIT      5000 /* for a worker whose connection has ended */

enum stop_phase {
	STOP_NO,
	STOP_UMOUNT, /* trying to unmount until stop_at, again at next_at */
	STOP_DRAIN,  /* unmounted; the worker ends by itself until next_at */
	STOP_ABORT,  /* the connection is cut; the worker has until next_at */
	STOP_KILL,   /* SIGKILL is sent; given up at next_at */
};

struct supervisor {
	const struct supervisor_command *command;
	const struct config *config;
	int program_fd;
	/* While one worker makes room for another, of another program or with other settings: what
	 * to go back to. */
	const struct config *config_before; /* NULL: it is not so */
	int program_before;
	struct reload reload;
	int launcher_fd;
	struct unlock_reader reader;
	int lock_fd;
	int keys_fd;
	int openings_fd; /* for the life of the mount */
	int audit_fd;
	int fuse_fd;
	int slots_fd;
	int signal_fd;
	struct slots slots;
	struct mount mount;
	struct helper helper;
	struct lines lines; /* what workers log, for the life of the mount */
	struct boot_state boot;

	pid_t worker;       /* 0: none */
	int report_fd;      /* of a worker that is not serving yet */
	bool rotated;       /* SIGUSR1 came while none was serving */
	bool serving;       /* the worker of now has said that it is ready */
	bool served;        /* one of them has */
	int64_t started_at; /* the worker of now */
	int64_t ready_by;
	int64_t start_at;         /* when to start the next worker */
	unsigned early_deaths;    /* since one served */
	int64_t crashes[CRASHES]; /* ring of the last ones */
	unsigned ncrashes;
	int64_t crash_delay;
	bool hung; /* the worker of now was killed because it hung */
	bool hup;  /* SIGHUP came before the worker of now served */

	enum stop_phase stop;
	int64_t stop_at;
	int64_t next_at;
	int64_t alive_at; /* when the service manager wants the next sign of life */

	bool over;
	int code; /* exit code */
	struct why why;
};

/* ---- reports ---- */

static ssize_t read_some(int fd, void *bytes, size_t len)
{
	ssize_t n;

	do {
		n = read(fd, bytes, len);
	} while (n < 0 && errno == EINTR);
	return n;
}

void supervisor_read_report(int fd, struct supervisor_report *ret_report)
{
	struct supervisor_report report = {.kind = 0, .code = EXITCODE_FAILURE};
	size_t len = 0;
	uint8_t code;
	ssize_t n;

	if (read_some(fd, &report.kind, 1) != 1)
		report.kind = 0;
	if (report.kind == BOOT_FAILED && read_some(fd, &code, 1) == 1) {
		report.code = code ? code : EXITCODE_FAILURE;
		while (len + 1 < sizeof(report.why.text) &&
			(n = read_some(
				 fd, report.why.text + len, sizeof(report.why.text) - 1 - len)) > 0)
			len += (size_t)n;
	}
	*ret_report = report;
}

static void write_failure(int fd, int code, const struct why *why)
{
	char head[2] = {BOOT_FAILED, (char)code};
	struct iovec parts[2] = {
		{.iov_base = head, .iov_len = sizeof(head)},
		{.iov_base = (void *)(uintptr_t)why->text, .iov_len = strlen(why->text)},
	};

	if (writev(fd, parts, 2) < 0)
		return; /* whoever wanted to know is gone */
}

static void fail(struct supervisor *s, int code)
{
	s->over = true;
	s->code = code;
}

/* Do requests come over io_uring? */
static bool rings(const struct supervisor *s)
{
	return s->config->transport == CONFIG_TRANSPORT_IO_URING;
}

/* ---- the start ---- */

/* Who the worker will be. */
static int find_reader(
	const struct config *config, struct unlock_reader *ret_reader, struct why *why)
{
	struct passwd *pw;

	if (geteuid() != 0) {
		*ret_reader = (struct unlock_reader){.uid = getuid(), .gid = getgid()};
		return 0;
	}
	errno = 0;
	pw = getpwnam(config->user);
	if (!pw)
		return why_set(why, -EINVAL,
			"there is no user \"%s\" to run as: make it with \"useradd --system "
			"--no-create-home "
			"--shell /usr/sbin/nologin %s\" or \"adduser --system --group %s\", or set "
			"user=",
			config->user, config->user, config->user);
	if (pw->pw_uid == 0)
		return why_set(why, -EINVAL,
			"the user \"%s\" is root: secretfs does not serve as root; set user= to "
			"another",
			config->user);
	*ret_reader = (struct unlock_reader){.uid = pw->pw_uid, .gid = pw->pw_gid, .drop = true};
	return 0;
}

static int take_store(struct supervisor *s, struct why *why)
{
	const char *path = s->config->store;
	int err = store_check_path(path, s->reader.uid, why);

	if (!err && s->config->anchor_default)
		err = anchor_make_folder(s->config->anchor, why);
	if (err < 0)
		return err;
	/* The daemon before this one may still be closing the store: its mount goes first. */
	for (int tries = LOCK_TRIES; tries > 0; tries--) {
		s->lock_fd = store_lock(path, s->reader.uid, s->reader.gid, STORE_USE_DAEMON, why);
		if (s->lock_fd != -EBUSY)
			break;
		usleep(LOCK_PAUSE_US);
	}
	if (s->lock_fd < 0)
		return s->lock_fd;
	fcntl(s->lock_fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

static int take_keys(struct supervisor *s, struct why *why)
{
	int err = secmem_init(ARENA);

	if (err < 0 && err != -EALREADY)
		return why_set(why, err,
			"cannot lock memory for keys: %s; raise the limit (ulimit -l)",
			strerror(-err));

	struct unlock_fds fds;

	err = unlock_open(s->config, &s->reader, &fds, why);
	if (err)
		return err;
	s->keys_fd = fds.keys;
	s->audit_fd = fds.audit;
	return 0;
}

/* From here on signals are only read from signal_fd: nothing may end us between mounting and the
 * helper. */
static int take_signals(struct supervisor *s, struct why *why)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return why_set(why, -errno, "cannot watch for signals: %s", strerror(errno));
	return 0;
}

/* Mapped for the life of the mount: memory that nobody maps is not locked. */
static int take_slots(struct supervisor *s, struct why *why)
{
	unsigned least = rings(s) ? 2 : 1;

	s->slots_fd = slots_create(s->config->threads < least ? least : s->config->threads);
	if (s->slots_fd < 0)
		return why_set(why, s->slots_fd, "cannot make memory for requests: %s",
			strerror(-s->slots_fd));
	secmem_random(&s->boot.mount_id, sizeof(s->boot.mount_id));
	return slots_map(s->slots_fd, &s->slots, why);
}

static int take_mount(struct supervisor *s, struct why *why)
{
	int err;

	s->fuse_fd = mount_open(s->config, &s->mount, why);
	if (s->fuse_fd < 0)
		return s->fuse_fd;
	err = mount_init(s->fuse_fd, rings(s), &s->boot, why);
	if (err)
		return err;
	s->openings_fd = openings_create();
	if (s->openings_fd < 0)
		return why_set(why, s->openings_fd, "cannot make memory for what is open: %s",
			strerror(-s->openings_fd));
	err = helper_start(&s->helper, &s->mount);
	if (err)
		return why_set(why, err, "cannot start the helper process: %s", strerror(-err));
	return 0;
}

/* ---- a mount in the place of another ---- */

/* What requests were on a worker's rings is lost with it, and no other may answer: everybody who
 * waits gets an error, and so does whoever uses what was open. */
static void end_connection(struct supervisor *s)
{
	/* Where it is not there any more its number may be another one's by now. */
	if (mount_present(&s->mount))
		mount_cut(&s->mount);
	fd_close(&s->fuse_fd); /* the last descriptor, where that could not be done */
}

static int mount_anew(struct supervisor *s, struct why *why)
{
	log_warn("%s is mounted anew: over io_uring nothing that was open outlives a worker",
		s->mount.path);
	mount_abort(&s->mount);
	helper_stop(&s->helper);
	slots_unmap(&s->slots);
	fd_close(&s->slots_fd);
	fd_close(&s->openings_fd);
	s->boot.generation = 0;
	int err = take_slots(s, why);
	if (!err)
		err = take_mount(s, why);
	if (err)
		end_connection(s);
	return err;
}

/* ---- workers ---- */

#define PLACED 9

/* In the child: the descriptors where boot.h says, and nothing else. */
static int place_descriptors(const int from[PLACED])
{
	static const int to[PLACED] = {BOOT_FUSE_FD, BOOT_KEYS_FD, BOOT_STATE_FD, BOOT_REPORT_FD,
		BOOT_SLOTS_FD, BOOT_OPENINGS_FD, BOOT_AUDIT_FD, BOOT_HANDOVER_FD, BOOT_LOG_FD};
	int aside[PLACED];
	int null;

	/* First out of the way: a target may be another one's source. */
	for (int i = 0; i < PLACED; i++) {
		aside[i] = fcntl(from[i], F_DUPFD_CLOEXEC, BOOT_LAST_FD + 1);
		if (aside[i] < 0)
			return -errno;
	}
	for (int i = 0; i < PLACED; i++) {
		if (dup2(aside[i], to[i]) < 0)
			return -errno;
	}
	/* No terminal: whoever takes a worker over must not type there. */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(BOOT_LOG_FD, 2) < 0)
		return -errno;
	/* Only at exec: the program's own descriptor is still needed. */
	if (close_range(BOOT_LAST_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	return 0;
}

__attribute__((noreturn)) static void worker_child(
	const struct supervisor *s, int state_fd, int report_fd, int socket)
{
	const int from[PLACED] = {s->fuse_fd, s->keys_fd, state_fd, report_fd, s->slots_fd,
		s->openings_fd, s->audit_fd, socket, s->lines.out};
	char name[] = "secretfs";
	char word[] = "--worker";
	char *argv[] = {name, word, NULL};
	struct why why;
	sigset_t none;
	int err;

	setsid(); /* the terminal's signals are the supervisor's business, and so is a SIGHUP to all
		   */
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	err = place_descriptors(from);
	if (!err) {
		/* By descriptor: an update may have put another program at the path, or nothing. */
		execveat(s->program_fd, "", argv, environ, AT_EMPTY_PATH);
		err = -errno;
		report_fd = BOOT_REPORT_FD;
	}
	why_set(&why, err, "cannot start the worker %s: %s", s->command->program, strerror(-err));
	write_failure(report_fd, EXITCODE_FAILURE, &why);
	_exit(EXITCODE_FAILURE);
}

static int ready_wait(const struct supervisor *s)
{
	return s->config_before ? RELOAD_WAIT : READY_WAIT;
}

static int start_worker(struct supervisor *s, struct why *why)
{
	int ends[2];
	AUTO_FD state = -1;

	s->boot.generation++;
	/* Once: who puts back an old copy later must not find the door open. */
	s->boot.accept_rollback = s->config->accept_rollback && !s->served;
	state = boot_state_write(&s->boot, s->config);
	if (state < 0)
		return why_set(
			why, state, "cannot write the worker's start record: %s", strerror(-state));
	if (pipe2(ends, O_CLOEXEC) < 0)
		return why_set(why, -errno, "cannot make a pipe: %s", strerror(errno));

	AUTO_FD in = ends[0];
	AUTO_FD out = ends[1];
	AUTO_FD socket = reload_connect(&s->reload);
	if (socket < 0)
		return why_set(why, socket, "cannot make a socket: %s", strerror(-socket));
	pid_t pid = fork();

	if (pid < 0)
		return why_set(why, -errno, "cannot start a worker: %s", strerror(errno));
	if (pid == 0)
		worker_child(s, state, out, socket);
	helper_worker(&s->helper, pid);
	s->worker = pid;
	s->report_fd = fd_take(&in);
	s->serving = false;
	s->started_at = clock_ms();
	s->ready_by = s->started_at + ready_wait(s);
	return 0;
}

static void kill_worker(const struct supervisor *s)
{
	if (s->worker > 0)
		kill(s->worker, SIGKILL);
}

/* The launcher may go: from now on we are a daemon. */
static void announce(struct supervisor *s)
{
	const char ready = BOOT_READY;
	int null;

	if (chdir("/") < 0)
		log_warn("cannot leave the working directory: %s", strerror(errno));
	if (s->launcher_fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	fd_close(&null);
	log_init("secretfs", true, s->config->debug);
	prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	if (write(s->launcher_fd, &ready, 1) < 0)
		log_warn("nobody waits for the start to be done");
	fd_close(&s->launcher_fd);
}

/* The audit log was rotated. A worker that is only just starting may have opened the old file. */
static void on_rotated(struct supervisor *s)
{
	s->rotated = !s->serving;
	if (s->serving)
		kill(s->worker, SIGUSR1);
}

static void tell_serving(const struct supervisor *s)
{
	notify_send("READY=1\nSTATUS=Serving %s at %s (worker %d, generation %u)\nMAINPID=%d",
		s->config->store, s->mount.path, (int)s->worker, s->boot.generation, (int)getpid());
}

static void forget_before(struct supervisor *s)
{
	if (!s->config_before)
		return;
	if (s->program_before != s->program_fd)
		fd_close(&s->program_before);
	s->config_before = NULL;
}

static void take_back(struct supervisor *s)
{
	if (s->program_before != s->program_fd)
		fd_close(&s->program_fd);
	s->program_fd = s->program_before;
	s->config = s->config_before;
	s->config_before = NULL;
}

static void on_ready(struct supervisor *s)
{
	forget_before(s);
	reload_taken(&s->reload);
	s->serving = true;
	s->early_deaths = 0;
	if (!s->served)
		announce(s);
	s->served = true;
	tell_serving(s);
	if (s->rotated)
		on_rotated(s);
	log_info("serving %s at %s (worker %d, generation %u)", s->config->store, s->mount.path,
		(int)s->worker, s->boot.generation);
}

/* It is given as much time again, and so are we. */
static void on_busy(struct supervisor *s)
{
	s->ready_by = clock_ms() + READY_WAIT;
	notify_send("EXTEND_TIMEOUT_USEC=%d\nSTATUS=Bringing the store %s to format %d",
		READY_WAIT * 1000, s->config->store, STORE_FORMAT);
}

static void on_report(struct supervisor *s)
{
	struct supervisor_report report;

	supervisor_read_report(s->report_fd, &report);
	if (report.kind == BOOT_BUSY) {
		on_busy(s);
		return;
	}
	fd_close(&s->report_fd);
	if (report.kind == BOOT_READY) {
		on_ready(s);
		return;
	}
	/* Its death says the rest. The first worker's reason is what the user gets to see. */
	if (report.kind == BOOT_FAILED && s->served)
		log_err("the worker for %s cannot serve: %s", s->mount.path, report.why.text);
	if (report.kind == BOOT_FAILED && !s->served) {
		s->code = report.code;
		s->why = report.why;
	}
}

static void describe_death(int status, char *ret_text, size_t size)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		snprintf(ret_text, size,
			"was ended by its sandbox: it made a system call that it may not make "
			"(SIGSYS), which is an error in secretfs or an attack");
	else if (WIFSIGNALED(status))
		snprintf(ret_text, size, "was killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		snprintf(ret_text, size, "ended with exit code %d", WEXITSTATUS(status));
}

/* More than CRASHES deaths within CRASH_WINDOW: wait longer and longer; else at once. */
static int64_t crash_pause(struct supervisor *s, int64_t now)
{
	unsigned slot = s->ncrashes % CRASHES;
	bool often = s->ncrashes >= CRASHES && now - s->crashes[slot] < CRASH_WINDOW;

	s->crashes[slot] = now;
	s->ncrashes++;
	if (!often)
		s->crash_delay = 0;
	else if (s->crash_delay == 0)
		s->crash_delay = RETRY_FIRST;
	else
		s->crash_delay = s->crash_delay * 2 < RETRY_MOST ? s->crash_delay * 2 : RETRY_MOST;
	return s->crash_delay;
}

static void plan_next(struct supervisor *s, bool was_serving, bool suspect, const char *death)
{
	int64_t now = clock_ms();

	notify_send("STATUS=The worker %s: starting another", death);
	/* A request that kills workers is dropped by itself; what dies without one waits longer and
	 * longer. */
	if (was_serving || suspect) {
		s->start_at = suspect ? now : now + crash_pause(s, now);
		log_err("the worker of %s %s%s: starting another", s->mount.path, death,
			was_serving ? "" : " while it finished a request of the one before");
		return;
	}
	s->early_deaths++;
	if (s->early_deaths >= EARLY_DEATHS) {
		log_err("the worker of %s %s, the %uth in a row before it served: unmounting",
			s->mount.path, death, s->early_deaths);
		fail(s, EXITCODE_FAILURE);
		return;
	}
	s->start_at = now + ((int64_t)RETRY_FIRST << (s->early_deaths - 1));
	log_err("the worker of %s %s before it served: trying again", s->mount.path, death);
}

static void restart_worker(struct supervisor *s)
{
	struct why why = {0};
	int err = s->fuse_fd < 0 ? mount_anew(s, &why) : 0;

	if (err == 0)
		err = start_worker(s, &why);
	if (err < 0) {
		log_err("%s", why.text);
		plan_next(s, false, false, "could not be started");
	}
}

/* A worker of the new program, or with the new settings, does not come to serve: back to what did.
 */
static void go_back(struct supervisor *s, const char *death)
{
	log_err("the new worker of %s %s before it served: going on with the program and the "
		"settings of before",
		s->mount.path, death);
	take_back(s);
	restart_worker(s);
}

static void on_worker_death(struct supervisor *s, int status)
{
	bool was_serving = s->serving;
	char death[160];

	lines_end(&s->lines);
	if (s->report_fd >= 0)
		on_report(s); /* its last words: the pipe has ended with it */
	was_serving |= s->serving;
	s->worker = 0;
	s->serving = false;
	/* It has left everything to the next one. */
	if (was_serving && reload_ended(&s->reload)) {
		s->boot.blame = 0;
		restart_worker(s);
		return;
	}
	s->boot.blame = s->hung || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL
				? SLOTS_BLAME_CRASH
				: SLOTS_BLAME_KILL;
	s->hung = false;
	describe_death(status, death, sizeof(death));
	if (s->config_before && !was_serving) {
		go_back(s, death);
		return;
	}
	if (!s->served) {
		if (!s->why.text[0])
			why_set(&s->why, -EIO, "the worker %s before it was ready", death);
		fail(s, s->code ? s->code : EXITCODE_FAILURE);
	} else if (s->stop != STOP_NO || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
		s->over = true; /* unmounted, by us or from outside */
	} else if (rings(s) && !mount_present(&s->mount)) {
		s->over = true; /* detached: only what was open was left of it */
	} else if (rings(s)) {
		end_connection(s);
		plan_next(s, was_serving, false, death);
	} else {
		plan_next(s, was_serving, slots_suspect(&s->slots), death);
	}
}

static void on_helper_death(struct supervisor *s)
{
	int err;

	helper_lost(&s->helper);
	if (s->stop != STOP_NO || s->over)
		return;
	err = helper_start(&s->helper, &s->mount);
	if (err < 0) {
		log_err("the helper died and cannot be started again: %s", strerror(-err));
		return;
	}
	log_warn("the helper died: started another");
	if (s->worker > 0)
		helper_worker(&s->helper, s->worker);
}

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->worker)
			on_worker_death(s, status);
		else if (pid == s->helper.pid)
			on_helper_death(s);
	}
}

/* ---- the stop ---- */

static void cut(struct supervisor *s)
{
	log_warn("%s is still in use: ending it", s->mount.path);
	s->stop = STOP_ABORT;
	if (!mount_abort(&s->mount)) {
		kill_worker(s); /* nothing would tell it that it is over */
		s->stop = STOP_KILL;
	}
	s->next_at = clock_ms() + END_WAIT;
}

static void try_umount(struct supervisor *s)
{
	int64_t now;

	if (mount_end(&s->mount) == 0) {
		now = clock_ms();
		s->stop = STOP_DRAIN;
		s->next_at = s->stop_at > now + 1000 ? s->stop_at : now + 1000;
		return;
	}
	now = clock_ms();
	s->next_at = now + UMOUNT_EVERY;
	/* Without a worker nothing in it can end by itself. */
	if (now >= s->stop_at || s->worker == 0)
		cut(s);
}

static void on_stop(struct supervisor *s)
{
	if (!s->served) {
		why_set(&s->why, -EINTR, "stopped before it was ready");
		fail(s, EXITCODE_FAILURE);
		return;
	}
	if (s->stop == STOP_NO) {
		log_info("stopping %s", s->mount.path);
		notify_send("STOPPING=1\nSTATUS=Waiting for open files");
		s->stop = STOP_UMOUNT;
		s->stop_at = clock_ms() + (int64_t)s->config->stop_timeout * 1000;
		s->next_at = clock_ms();
	} else if (s->stop == STOP_UMOUNT) {
		s->stop_at = clock_ms(); /* asked twice: somebody is in a hurry */
	}
}

static void stop_step(struct supervisor *s)
{
	switch (s->stop) {
	case STOP_UMOUNT:
		try_umount(s);
		break;
	case STOP_DRAIN:
		cut(s);
		break;
	case STOP_ABORT:
		kill_worker(s);
		s->stop = STOP_KILL;
		s->next_at = clock_ms() + END_WAIT;
		break;
	case STOP_KILL:
		s->over = true;
		break;
	case STOP_NO:
		break;
	}
	if (s->worker == 0 && s->stop > STOP_UMOUNT)
		s->over = true;
}

/* ---- other settings, another program ---- */

/* What the files say now. The structure that is not in use. */
static const struct config *read_settings(struct supervisor *s)
{
	static struct config both[2];
	struct config *config = s->config == &both[0] ? &both[1] : &both[0];
	const char *kept;
	struct why why = {0};
	int err =
		options_reload(s->command->argc, s->command->argv, s->config, config, &kept, &why);

	if (err < 0) {
		log_err("the settings stay as they were: %s", why.text);
		return NULL;
	}
	if (kept)
		log_warn("%s is another one now: that takes a new start", kept);
	return config;
}

/* What requests lie on rings no other worker can finish. */
static const struct config *keep_settings(const struct supervisor *s)
{
	log_warn("the settings of %s stay as they are: over io_uring no worker can make room for "
		 "another; stop it and start it again",
		s->mount.path);
	return NULL;
}

/* Run as root at first: nobody else's, and nobody else may write to it. */
static int check_program(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()) ||
		st.st_mode & (S_IWGRP | S_IWOTH))
		return -EPERM;
	return 0;
}

/* An update may have put another program at the path. */
static int find_program(const struct supervisor *s)
{
	AUTO_FD fd = open(s->command->program, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? -errno : check_program(fd);
	int above = err < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, BOOT_LAST_FD + 1);

	if (above >= 0)
		return above;
	if (err == -EPERM)
		log_warn("%s is another one's, or others can write to it: going on with the "
			 "program that runs",
			s->command->program);
	else
		log_warn("%s cannot be opened (%s): going on with the program that runs",
			s->command->program, strerror(err < 0 ? -err : errno));
	return s->program_fd;
}

static void on_hup(struct supervisor *s)
{
	if (s->stop != STOP_NO)
		return;
	/* Not while one worker makes room or another one starts: when that is over. */
	s->hup = !s->serving || s->reload.phase != RELOAD_NO;
	if (s->hup)
		return;
	notify_send("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=Reading the settings again",
		(long long)clock_ms() * 1000);
	const struct config *config = rings(s) ? keep_settings(s) : read_settings(s);
	if (!config) {
		tell_serving(s);
		return;
	}
	int err = reload_ask(&s->reload);
	if (err < 0) {
		/* It has just died, or will be found to hang: its successor is asked. */
		log_warn("cannot ask the worker to make room yet: %s", strerror(-err));
		s->hup = true;
		return;
	}
	s->config_before = s->config;
	s->program_before = s->program_fd;
	s->config = config;
	s->program_fd = find_program(s);
}

static void on_reload_message(struct supervisor *s)
{
	struct why why = {0};

	if (reload_message(&s->reload, &why))
		return;
	log_err("the worker of %s does not make room, and goes on with the settings of before: %s",
		s->mount.path, why.text);
	take_back(s);
	tell_serving(s);
}

/* ---- the watch ---- */

static void on_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;
	bool stop = false, hup = false, rotated = false;

	while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		stop |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
		hup |= info.ssi_signo == SIGHUP;
		rotated |= info.ssi_signo == SIGUSR1;
	}
	reap(s);
	if (rotated)
		on_rotated(s);
	if (stop && !s->over)
		on_stop(s);
	else if (hup && !s->over)
		on_hup(s);
}

static int64_t hang_limit(const struct supervisor *s)
{
	return (int64_t)s->config->hang_timeout * 1000;
}

/* The worker lives, or its successor is on its way: the service manager need not do anything. */
static void sign_of_life(struct supervisor *s, int64_t now)
{
	if (!notify_watchdog_ms() || now < s->alive_at)
		return;
	notify_send("WATCHDOG=1");
	s->alive_at = now + notify_watchdog_ms();
}

static void on_time(struct supervisor *s)
{
	int64_t now = clock_ms();

	sign_of_life(s, now);
	if (s->stop != STOP_NO) {
		if (now >= s->next_at)
			stop_step(s);
	} else if (s->worker == 0) {
		if (now >= s->start_at)
			restart_worker(s);
	} else if (hang_limit(s) && slots_silence(&s->slots, s->started_at) >= hang_limit(s)) {
		log_err("the worker of %s has not moved for %u seconds: killing it", s->mount.path,
			s->config->hang_timeout);
		s->hung = true;
		kill_worker(s);
	} else if (!s->serving && now >= s->ready_by) {
		log_err("the worker is not ready after %d seconds: killing it",
			ready_wait(s) / 1000);
		if (!s->served && !s->why.text[0])
			why_set(&s->why, -ETIMEDOUT, "the worker was not ready after %d seconds",
				READY_WAIT / 1000);
		s->hung = true;
		kill_worker(s);
		s->ready_by = now + READY_WAIT;
	}
}

/* When on_time has something to do next; INT64_MAX: nothing but events. */
static int64_t next_time(const struct supervisor *s)
{
	if (s->stop != STOP_NO)
		return s->next_at;
	if (s->worker == 0)
		return s->start_at;
	int64_t at = s->serving ? INT64_MAX : s->ready_by;
	int64_t look = hang_limit(s) ? clock_ms() + hang_limit(s) / 4 : INT64_MAX;
	return at < look ? at : look;
}

/* Milliseconds, for poll. */
static int time_left(const struct supervisor *s)
{
	int64_t at = next_time(s);

	if (notify_watchdog_ms() && s->alive_at < at)
		at = s->alive_at;
	if (at == INT64_MAX)
		return -1;
	at -= clock_ms();
	return at > 0 ? (int)at : 0;
}

static void watch(struct supervisor *s)
{
	while (!s->over) {
		struct pollfd p[4] = {
			{.fd = s->signal_fd, .events = POLLIN},
			{.fd = s->report_fd, .events = POLLIN}, /* -1 is skipped */
			{.fd = s->reload.socket, .events = POLLIN},
			{.fd = s->lines.in, .events = POLLIN},
		};

		if (poll(p, 4, time_left(s)) < 0 && errno != EINTR)
			return;
		if (p[3].revents)
			lines_read(&s->lines);
		if (p[1].revents)
			on_report(s);
		if (p[2].revents)
			on_reload_message(s);
		if (p[0].revents)
			on_signals(s);
		if (s->hup && s->serving && s->reload.phase == RELOAD_NO && !s->over)
			on_hup(s);
		if (!s->over)
			on_time(s);
	}
}

/* ---- the end ---- */

static void end_worker(struct supervisor *s)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	kill_worker(s);
	/* One that hangs in the kernel must not keep us: its descriptors go when it does. */
	for (int i = 0; s->worker > 0 && i < END_WAIT / 10; i++) {
		pid_t pid = waitpid(s->worker, NULL, WNOHANG);

		if (pid == s->worker || (pid < 0 && errno == ECHILD))
			s->worker = 0;
		else
			nanosleep(&pause, NULL);
	}
}

/* From any stage of the start too. The lock goes last: who gets it finds nothing of us left. */
static void release(struct supervisor *s)
{
	bool was_mounted = s->mount.path[0];

	if (was_mounted && (s->worker > 0 || mount_present(&s->mount)))
		mount_abort(&s->mount);
	end_worker(s);
	lines_end(&s->lines);
	lines_close(&s->lines);
	helper_stop(&s->helper);
	fd_close(&s->report_fd);
	fd_close(&s->fuse_fd);
	fd_close(&s->slots_fd);
	slots_unmap(&s->slots);
	fd_close(&s->keys_fd);
	fd_close(&s->openings_fd);
	fd_close(&s->audit_fd);
	fd_close(&s->signal_fd);
	fd_close(&s->lock_fd);
	forget_before(s);
	fd_close(&s->program_fd);
	reload_free(&s->reload);
}

static int start(struct supervisor *s, struct why *why)
{
	int err = find_reader(s->config, &s->reader, why);

	if (!err)
		err = take_store(s, why);
	if (!err)
		err = audit_place(s->config, &s->reader, why);
	if (!err)
		err = take_keys(s, why);
	if (err)
		return err;
	/* Not earlier: a passphrase is asked for on the terminal that this leaves. */
	if (s->launcher_fd >= 0)
		setsid();
	s->boot.owner = getuid();
	s->boot.group = getgid();
	s->boot.worker_uid = s->reader.uid;
	s->boot.worker_gid = s->reader.gid;
	s->boot.supervisor_pid = (uint32_t)getpid();
	s->boot.mounted_at = time(NULL);
	err = take_signals(s, why);
	if (!err)
		err = lines_open(&s->lines, why);
	if (!err)
		err = take_slots(s, why);
	if (!err)
		err = take_mount(s, why);
	return err ? err : start_worker(s, why);
}

static void tell_failure(struct supervisor *s)
{
	if (!s->why.text[0])
		why_set(&s->why, -EIO, "the start failed");
	if (s->launcher_fd >= 0)
		write_failure(s->launcher_fd, s->code, &s->why);
	else
		fprintf(stderr, "secretfs: %s\n", s->why.text);
	fd_close(&s->launcher_fd);
}

/* Above the descriptors that a worker gets. */
static int open_program(struct supervisor *s, struct why *why)
{
	AUTO_FD fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	s->program_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, BOOT_LAST_FD + 1);
	return s->program_fd < 0 ? why_set(why, -errno, "cannot open %s: %s", s->command->program,
					   strerror(errno))
				 : 0;
}

int supervisor_run(
	const struct config *config, const struct supervisor_command *command, int launcher_fd)
{
	struct supervisor s = {
		.command = command,
		.config = config,
		.program_fd = -1,
		.program_before = -1,
		.reload = RELOAD_INIT,
		.launcher_fd = launcher_fd,
		.lock_fd = -1,
		.keys_fd = -1,
		.openings_fd = -1,
		.audit_fd = -1,
		.fuse_fd = -1,
		.slots_fd = -1,
		.signal_fd = -1,
		.report_fd = -1,
		.helper = HELPER_INIT,
		.lines = LINES_INIT,
	};
	int err = open_program(&s, &s.why);

	if (notify_init() < 0)
		log_warn("NOTIFY_SOCKET is not the name of a socket");
	if (!err)
		err = start(&s, &s.why);

	if (err)
		fail(&s, exitcode_of_store(err));
	else
		watch(&s);
	release(&s);
	if (!s.served)
		tell_failure(&s);
	else
		log_info("%s is unmounted", s.mount.path);
	return s.code;
}
