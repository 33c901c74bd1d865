// SPDX-License-Identifier: MIT
/* unlock: owns the key source, the slots' child and the key descriptor. */
#include "unlock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>

#include "audit_page.h"
#include "fd.h"
#include "keysource.h"
#include "keyslot.h"
#include "page.h"
#include "secmem.h"
#include "store.h"

#define SLOTS_WAIT 60 /* seconds that reading the slots may take */

/* ---- the source ---- */

static void prompt_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGTSTP);
}

/* 1: a line is there to be read; 0: a signal waits. */
static int wait_for_line(int tty, int signals)
{
	struct pollfd p[2] = {
		{.fd = tty, .events = POLLIN},
		{.fd = signals, .events = POLLIN},
	};

	while (poll(p, 2, -1) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return p[1].revents ? 0 : 1;
}

static int say(int tty, const char *text)
{
	return write(tty, text, strlen(text)) < 0 ? -errno : 0;
}

/*
 * Asks once with echo off. 1: ret_source is filled, 0: ask again (we were stopped). A signal that
 * ends us must not leave the terminal silent, so signals wait until the echo is back.
 */
static int ask_once(int tty, const char *store, struct secbuf *ret_source, struct why *why)
{
	struct termios normal;
	struct termios silent;
	sigset_t set;
	sigset_t before;
	int got;

	prompt_signals(&set);

	AUTO_FD signals = signalfd(-1, &set, SFD_CLOEXEC);

	if (signals < 0 || tcgetattr(tty, &normal) < 0)
		return why_set(why, -errno, "cannot ask for a passphrase: %s", strerror(errno));
	silent = normal;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	silent.c_lflag |= ECHONL;
	sigprocmask(SIG_BLOCK, &set, &before);
	tcsetattr(tty, TCSAFLUSH, &silent);
	if (say(tty, "Passphrase for ") == 0 && say(tty, store) == 0)
		say(tty, ": ");
	got = wait_for_line(tty, signals);
	if (got > 0) {
		int err = keyslot_read_line(tty, ret_source, why);

		got = err < 0 ? err : 1;
	}
	tcsetattr(tty, TCSAFLUSH, &normal);
	sigprocmask(SIG_SETMASK, &before, NULL); /* a waiting signal acts here */
	return got;
}

static int ask(const char *store, struct secbuf *ret_source, struct why *why)
{
	int got;
	AUTO_FD tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty < 0)
		return why_set(why, -errno,
			"no terminal to ask for the passphrase on; use -o passphrase-fd=N or -o "
			"keyfile=FILE");
	do {
		got = ask_once(tty, store, ret_source, why);
	} while (got == 0);
	return got < 0 ? got : 0;
}

static int read_source(const struct config *config, enum keyslot_kind *ret_kind,
	struct secbuf *ret_source, struct why *why)
{
	struct keysource source = {.kind = KEYSLOT_PASSPHRASE,
		.fd = config->passphrase_fd,
		.folder = config->credentials,
		.environment = config->environment};
	int err;

	if (config->credential[0]) {
		source.kind = KEYSLOT_CREDENTIAL;
		source.word = config->credential;
	} else if (config->key_command[0]) {
		source.kind = KEYSLOT_COMMAND;
		source.word = config->key_command;
	} else if (config->keyfile[0]) {
		source.kind = KEYSLOT_KEYFILE;
		source.word = config->keyfile;
	}
	*ret_kind = source.kind;
	if (source.kind == KEYSLOT_PASSPHRASE && source.fd < 0)
		return ask(config->store, ret_source, why);
	err = keysource_read(&source, ret_source, why);
	/* 0 to 2 stay open, or something else would take their place. */
	if (config->passphrase_fd > 2)
		close(config->passphrase_fd);
	return err;
}

/* ---- the slots, read by a child without rights ---- */

struct slots_answer {
	int n; /* slots, or -errno and why */
	struct why why;
	struct keyslot slots[STORE_SLOTS];
};

static int become(const struct unlock_reader *reader)
{
	uid_t u[3];
	gid_t g[3];

	if (setgroups(0, NULL) < 0 || setresgid(reader->gid, reader->gid, reader->gid) < 0 ||
		setresuid(reader->uid, reader->uid, reader->uid) < 0)
		return -errno;
	if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
		return -errno;
	for (int i = 0; i < 3; i++) {
		if (u[i] != reader->uid || g[i] != reader->gid)
			return -EPERM;
	}
	return setuid(0) < 0 ? 0 : -EPERM;
}

__attribute__((noreturn)) static void slots_child(
	const struct config *config, const struct unlock_reader *reader, int out)
{
	static struct slots_answer answer;
	const char *p = (const char *)&answer;
	size_t left = sizeof(answer);
	int err = reader->drop ? become(reader) : 0;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* changing the uid may have reset it */
	alarm(SLOTS_WAIT);
	if (err < 0)
		answer.n = why_set(
			&answer.why, err, "cannot become the worker's user: %s", strerror(-err));
	else
		answer.n = store_read_slots(config->store, answer.slots, &answer.why);
	while (left > 0) {
		ssize_t n = write(out, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(1);
		p += n;
		left -= (size_t)n;
	}
	_exit(0);
}

static int read_answer(int fd, struct slots_answer *ret_answer)
{
	char *p = (char *)ret_answer;
	size_t left = sizeof(*ret_answer);

	while (left > 0) {
		ssize_t n = read(fd, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		p += n;
		left -= (size_t)n;
	}
	/* The child has looked at what somebody else may have written: believe nothing. */
	ret_answer->why.text[sizeof(ret_answer->why.text) - 1] = '\0';
	for (int i = 0; i < STORE_SLOTS; i++)
		ret_answer->slots[i].label[KEYSLOT_LABEL] = '\0';
	return ret_answer->n <= STORE_SLOTS ? 0 : -EIO;
}

static int read_slots(const struct config *config, const struct unlock_reader *reader,
	struct slots_answer *ret_answer, struct why *why)
{
	int ends[2];
	pid_t pid;
	int err;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return why_set(why, -errno, "cannot make a pipe: %s", strerror(errno));

	AUTO_FD in = ends[0];
	AUTO_FD out = ends[1];

	pid = fork();
	if (pid < 0)
		return why_set(why, -errno, "cannot fork: %s", strerror(errno));
	if (pid == 0)
		slots_child(config, reader, out);
	fd_close(&out);
	err = read_answer(in, ret_answer);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (err)
		return why_set(why, -EBADMSG,
			"reading the key slots of %s failed: the store may be damaged",
			config->store);
	if (ret_answer->n < 0)
		return why_set(why, ret_answer->n, "%s", ret_answer->why.text);
	return ret_answer->n;
}

/* ---- the descriptors ---- */

static int fill_keys(void *page, const void *master)
{
	keyslot_derive(master, page);
	return 0;
}

/* A session of its own for each mount: its key is all that the daemon keeps. */
static int fill_audit(void *page, const void *master)
{
	struct audit_page *audit = page;
	AUTO_SECBUF key0 = SECBUF_INIT;

	int err = secbuf_alloc(&key0, AUDIT_KEY, SECMEM_SELF);

	if (err)
		return err;
	keyslot_derive_audit(master, key0.data);
	secmem_random(audit->chain[0].session, AUDIT_SESSION);
	audit_session_key(key0.data, audit->chain[0].session, audit->chain[0].key);
	return 0;
}

static int make_pages(const struct secbuf *master, struct unlock_fds *ret_fds, struct why *why)
{
	static_assert(sizeof(struct keyslot_keys) <= PAGE_BYTES, "the keys fit a page");
	static_assert(sizeof(struct audit_page) <= PAGE_BYTES, "the audit chain fits a page");
	AUTO_FD keys = page_make("secretfs-keys", true, fill_keys, master);
	AUTO_FD audit = keys < 0 ? -1 : page_make("secretfs-audit", false, fill_audit, master);

	if (keys < 0 || audit < 0)
		return why_set(why, keys < 0 ? keys : audit,
			"cannot lock memory for the keys: %s; raise the limit (ulimit -l)",
			strerror(keys < 0 ? -keys : -audit));
	*ret_fds = (struct unlock_fds){.keys = fd_take(&keys), .audit = fd_take(&audit)};
	return 0;
}

int unlock_open(const struct config *config, const struct unlock_reader *reader,
	struct unlock_fds *ret_fds, struct why *why)
{
	struct slots_answer answer;
	AUTO_SECBUF source = SECBUF_INIT;
	AUTO_SECBUF master = SECBUF_INIT;
	enum keyslot_kind kind;
	int n;
	int err = read_source(config, &kind, &source, why);

	if (err)
		return err;
	n = read_slots(config, reader, &answer, why);
	if (n < 0)
		return n;
	err = keyslot_open_any(answer.slots, (size_t)n, kind, &source, &master, why);
	if (err)
		return err;
	return make_pages(&master, ret_fds, why);
}
