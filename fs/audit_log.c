/* SPDX-License-Identifier: MIT */
/* audit_log: owns the audit log's descriptor, its reserved room and the order of writing and chain.
 */
#include "audit_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "fd.h"
#include "log.h"
#include "secmem.h"

#define NSEC          1000000000ll
#define ROOM_AHEAD    (2 << 20) /* bytes that are reserved at a time */
#define ROOM_PIECE    (64 << 10)
#define ROOM_EXTEND   (1 << 20)   /* below: reserve again */
#define ROOM_ORDINARY (768 << 10) /* below: nothing but removals */
#define ROOM_REMOVING (512 << 10) /* below: nothing; what was begun still has room */
#define LOCK_TRIES    40
#define LOCK_PAUSE_MS 50
#define COMPLAIN_NS   (60 * NSEC)

static struct {
	struct audit_log_settings settings; /* constant */
	const char *name;                   /* constant: the last part of the path */
	int folder;                         /* constant */
	pthread_mutex_t lock;               /* all below */
	int fd;
	off_t size;
	_Atomic off_t room; /* reserved behind the end; read without the lock as a hint */
	uint64_t lost; /* lines that are missing in the chain: told as soon as that is possible */
	uint64_t lost_ever;
	int64_t complained;
	int64_t unsynced; /* when the first line came that may not be on the disk; 0: none */
	char line[AUDIT_LINE];
} audit = {.folder = -1, .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * NSEC + now.tv_nsec;
}

static struct audit_chain *chain_now(void)
{
	return &audit.settings.page->chain[audit.settings.page->current & 1];
}

/* The other one: the chain after the line that is being written. */
static struct audit_chain *chain_next(void)
{
	return &audit.settings.page->chain[~audit.settings.page->current & 1];
}

static void chain_step(void)
{
	atomic_store(&audit.settings.page->current, ~audit.settings.page->current & 1);
}

/* ---- the file ---- */

static int owner_check(const struct stat *st, struct why *why)
{
	const char *path = audit.settings.path;

	if (st->st_uid != audit.settings.owner)
		return why_set(why, -EPERM,
			"the audit log %s belongs to uid %u, not to uid %u who writes it: chown %u "
			"%s",
			path, st->st_uid, audit.settings.owner, audit.settings.owner, path);
	return 0;
}

static int file_check(int fd, struct why *why)
{
	const char *path = audit.settings.path;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return why_set(
			why, -errno, "cannot look at the audit log %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return why_set(
			why, -EPERM, "the audit log %s is not a regular file with one name", path);
	int r = owner_check(&st, why);
	if (r < 0)
		return r;
	if (st.st_mode & 077)
		return why_set(why, -EPERM,
			"the audit log %s has mode %04o, others can get at it: chmod 0600 %s", path,
			st.st_mode & 07777, path);
	return 0;
}

static int file_open(struct why *why)
{
	AUTO_FD fd = openat(audit.folder, audit.name,
		O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	struct stat st;
	int r;

	if (fd < 0) {
		r = -errno;
		/* Perhaps it is only somebody else's, who can be named. */
		if (r == -EACCES &&
			fstatat(audit.folder, audit.name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			owner_check(&st, why) < 0)
			return -EPERM;
		return why_set(why, r, "cannot open the audit log %s: %s", audit.settings.path,
			strerror(-r));
	}
	r = file_check(fd, why);
	return r < 0 ? r : fd_take(&fd);
}

static int folder_open(struct why *why)
{
	const char *path = audit.settings.path, *slash = strrchr(path, '/');
	char folder[4096] = "/";
	size_t len = (size_t)(slash - path);

	if (len >= sizeof(folder))
		return why_set(why, -ENAMETOOLONG, "the path of the audit log is too long");
	if (len > 0) {
		memcpy(folder, path, len);
		folder[len] = '\0';
	}
	audit.name = slash + 1;
	/* Also to be read: for the files that a rotation has put aside. */
	audit.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return audit.folder >= 0 ? 0
				 : why_set(why, -errno, "cannot open the audit log's folder %s: %s",
					   folder, strerror(errno));
}

/* Frees what is reserved behind the end. */
static void file_trim(int fd, off_t size)
{
	if (ftruncate(fd, size) < 0)
		log_debug("cannot trim the audit log: %s", strerror(errno));
}

/* ---- room ---- */

/* Reserves more where it is needed. Only what is missing: tmpfs gives back all of a range that it
 * cannot reserve whole. -errno of fallocate. */
static int room_extend(void)
{
	off_t room = atomic_load(&audit.room);

	if (room >= ROOM_EXTEND)
		return 0;
	if (fallocate(audit.fd, FALLOC_FL_KEEP_SIZE, audit.size + room, ROOM_AHEAD - room) < 0)
		return -errno;
	atomic_store(&audit.room, ROOM_AHEAD);
	return 0;
}

/* The same for a file that was just opened. Piece by piece, to learn on a full disk what an earlier
 * worker had reserved. */
static int room_begin(void)
{
	off_t room = 0;
	int r = 0;

	while (room < ROOM_AHEAD && r == 0)
		if (fallocate(audit.fd, FALLOC_FL_KEEP_SIZE, audit.size + room, ROOM_PIECE) < 0)
			r = -errno;
		else
			room += ROOM_PIECE;
	atomic_store(&audit.room, room);
	return r;
}

static void complain(const char *what, int err)
{
	int64_t now = now_ns();

	if (audit.complained && now - audit.complained < COMPLAIN_NS)
		return;
	audit.complained = now;
	log_err("the audit log %s cannot be %s: %s; %s", audit.settings.path, what, strerror(-err),
		audit.settings.required
			? "what would have to be in it is refused until that is mended"
			: "what happens meanwhile is missing in it");
}

/* ---- lines ---- */

/* Whole or not at all. */
static int append(size_t len)
{
	ssize_t n;

	do
		n = write(audit.fd, audit.line, len);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)len) {
		audit.size += n;
		atomic_fetch_sub(&audit.room, n);
		return 0;
	}
	int err = n < 0 ? -errno : -ENOSPC;
	if (n > 0)
		file_trim(audit.fd, audit.size);
	return err;
}

static int line_write(const struct audit_body *body, int64_t now)
{
	size_t len = audit_line_make(chain_now(), now, body, audit.line, chain_next());
	int r = append(len);

	if (r < 0)
		return r;
	chain_step();
	if (!audit.unsynced)
		audit.unsynced = now;
	return 0;
}

static int ratchet(int64_t now)
{
	struct audit_body body;

	audit_ratchet(chain_now(), chain_next(), &body);
	int r = append(audit_line_make(chain_next(), now, &body, audit.line, chain_next()));
	if (r < 0)
		return r;
	chain_step();
	secmem_wipe(chain_next(), sizeof(struct audit_chain)); /* the old key */
	return 0;
}

static int lost_write(int64_t now)
{
	struct audit_body body;

	audit_body_begin(&body, "lost", "ok");
	audit_body_number(&body, "count", audit.lost);
	int r = line_write(&body, now);
	if (r < 0)
		return r;
	log_info("the audit log %s can be written again; %llu lines are missing in it",
		audit.settings.path, (unsigned long long)audit.lost);
	audit.lost = 0;
	audit.complained = 0;
	return 0;
}

/* ---- requests that have lines ---- */

#define TOLD_LINES 7u /* more are not counted: then one is written twice */

unsigned audit_log_told(const struct audit_asker *asker)
{
	unsigned lines = 0;

	/* The kernel may have sent it again, to another place. */
	for (unsigned i = 0; asker->unique && i < AUDIT_PLACES && !lines; i++) {
		uint64_t told = atomic_load(&audit.settings.page->told[i]);
		if ((told & ~(uint64_t)TOLD_LINES) == asker->unique << 2)
			lines = told & TOLD_LINES;
	}
	return lines;
}

/* With the lock: what is true as soon as the next line is in the file. */
static void telling_begin(const struct audit_asker *asker)
{
	struct audit_page *page = audit.settings.page;
	uint64_t mark = asker ? asker->unique << 2 : 0;

	if (mark) {
		uint64_t told = atomic_load(&page->told[asker->place]);
		bool same = (told & ~(uint64_t)TOLD_LINES) == mark;
		uint64_t lines = same ? told & TOLD_LINES : 0;
		mark |= lines < TOLD_LINES ? lines + 1 : lines;
		page->telling_place = asker->place % AUDIT_PLACES;
		page->telling_n = chain_now()->n + 1;
	}
	atomic_store(&page->telling, mark);
}

/* The line is in the file, or will never be. */
static void telling_end(void)
{
	struct audit_page *page = audit.settings.page;
	uint64_t mark = atomic_load(&page->telling);

	if (mark && page->telling_n == chain_now()->n)
		atomic_store(&page->told[page->telling_place % AUDIT_PLACES], mark);
	atomic_store(&page->telling, 0);
}

/* With the lock. All that must come before a line, and the line. */
static int write_locked(const struct audit_body *body, const struct audit_asker *asker)
{
	int64_t now = now_ns();
	int r = 0;

	room_extend(); /* what is reserved already may do; else the write says so */
	if (audit.lost)
		r = lost_write(now);
	if (r == 0 && audit_ratchet_due(chain_now(), now))
		r = ratchet(now);
	if (r < 0)
		return r;
	telling_begin(asker);
	r = line_write(body, now);
	telling_end();
	return r;
}

int audit_log_write(const struct audit_body *body, const struct audit_asker *asker)
{
	pthread_mutex_lock(&audit.lock);
	int r = write_locked(body, asker);
	if (r < 0) {
		audit.lost++;
		audit.lost_ever++;
		complain("written", r);
	}
	pthread_mutex_unlock(&audit.lock);
	return r < 0 && audit.settings.required ? -EIO : 0;
}

bool audit_log_room(bool removing)
{
	off_t least = removing ? ROOM_REMOVING : ROOM_ORDINARY;
	int r = 0;

	if (!audit.settings.required)
		return true;
	if (atomic_load(&audit.room) >= ROOM_EXTEND)
		return true;
	pthread_mutex_lock(&audit.lock);
	r = room_extend();
	bool room = atomic_load(&audit.room) >= least;
	if (!room)
		complain("extended", r);
	pthread_mutex_unlock(&audit.lock);
	return room;
}

/* ---- where a log ends ---- */

struct tail {
	bool any; /* there is a line */
	struct audit_head head;
	off_t end;      /* behind it */
	off_t fragment; /* bytes that follow and are no line */
	bool ours;      /* an audit log, or nothing yet */
};

/* Finds the last line in bytes. Returns where it ends; 0: there is none. */
static size_t last_line(const char *bytes, size_t len, struct audit_head *ret_head)
{
	const char *stop = len > 0 ? memrchr(bytes, '\n', len) : NULL;

	while (stop) {
		const char *before = memrchr(bytes, '\n', (size_t)(stop - bytes));
		const char *line = before ? before + 1 : bytes;

		if (audit_head_parse(line, (size_t)(stop - line), ret_head))
			return (size_t)(stop - bytes) + 1;
		stop = before;
	}
	return 0;
}

/* The last whole line of a file. A worker may have died while it wrote, or the power failed: then
 * something else follows. */
static int tail_read(int fd, struct tail *ret_tail)
{
	static char bytes[4 * AUDIT_LINE]; /* with the log's lock, or before there are threads */
	struct tail tail = {.any = false};
	struct stat st;
	char begin[5];

	if (fstat(fd, &st) < 0)
		return -errno;
	off_t from = st.st_size > (off_t)sizeof(bytes) ? st.st_size - (off_t)sizeof(bytes) : 0;
	ssize_t n = pread(fd, bytes, (size_t)(st.st_size - from), from);
	ssize_t head = n < 0 ? -1 : pread(fd, begin, sizeof(begin), 0);
	if (n < 0 || head < 0)
		return -errno;
	size_t end = last_line(bytes, (size_t)n, &tail.head);
	tail.any = end > 0;
	tail.end = from + (off_t)end;
	tail.fragment = n - (ssize_t)end;
	/* Zeros are what a power cut leaves of a first line. */
	tail.ours = (tail.any || from == 0) &&
		    (head == 0 || begin[0] == '\0' || memcmp(begin, "{\"n\":", (size_t)head) == 0);
	*ret_tail = tail;
	return 0;
}

static bool is_put_aside(const char *name)
{
	size_t len = strlen(audit.name);

	return strncmp(name, audit.name, len) == 0 && (name[len] == '.' || name[len] == '-');
}

/* The last line of those that a rotation has put aside. */
static void tail_aside(struct tail *tail)
{
	int fd = openat(audit.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		struct tail one;
		AUTO_FD file = is_put_aside(entry->d_name)
				       ? openat(audit.folder, entry->d_name,
						 O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
				       : -1;
		if (file >= 0 && tail_read(file, &one) == 0 && one.any &&
			(!tail->any || one.head.n > tail->head.n)) {
			tail->any = true;
			tail->head = one.head;
		}
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

/* ---- beginning ---- */

static void body_beginning(struct audit_body *body, const char *operation)
{
	const struct audit_chain *chain = chain_now();

	audit_body_begin(body, operation, "ok");
	audit_body_hex(body, "session", chain->session, AUDIT_SESSION);
	if (strcmp(operation, "file") == 0)
		audit_body_number(body, "epoch", chain->epoch);
	audit_body_hex(body, "prev", chain->hash, AUDIT_HASH);
}

/* What is known of the log from elsewhere; the new session continues from there, so that a gap
 * stays visible. */
static void start_from(const struct tail *tail)
{
	const struct audit_log_settings *s = &audit.settings;
	struct audit_chain *chain = chain_now();

	if (tail->any) {
		chain->n = tail->head.n;
		memcpy(chain->hash, tail->head.hash, AUDIT_HASH);
	}
	if (s->known_n <= chain->n)
		return;
	log_err("the audit log %s ends with line %llu, but line %llu was written: what is between "
		"them was removed, or is in a log elsewhere",
		s->path, (unsigned long long)chain->n, (unsigned long long)s->known_n);
	chain->n = s->known_n;
	memcpy(chain->hash, s->known_hash, AUDIT_HASH);
}

static void body_fragment(struct audit_body *body, const struct tail *tail)
{
	if (!tail->fragment)
		return;
	log_warn("the audit log %s ended with %lld bytes that are no line: they were taken away",
		audit.settings.path, (long long)tail->fragment);
	audit_body_number(body, "cut", (uint64_t)tail->fragment);
}

/* Another worker has written the last lines. */
static void body_resume(struct audit_body *body, const struct tail *tail)
{
	if (tail->any && tail->head.n == chain_next()->n &&
		audit_hash_equal(tail->head.hash, chain_next()->hash))
		chain_step(); /* its last line was written, it only could not say so */
	telling_end();
	secmem_wipe(chain_next(), sizeof(struct audit_chain));
	if (tail->any && audit_hash_equal(tail->head.hash, chain_now()->hash)) {
		audit_body_begin(body, "worker", "ok");
		return;
	}
	if (tail->any)
		log_err("the audit log %s does not end as it was left: somebody else has written "
			"to it",
			audit.settings.path);
	body_beginning(body, "file");
}

static void body_start(struct audit_body *body, struct tail *tail)
{
	if (!tail->any)
		tail_aside(tail);
	start_from(tail);
	body_beginning(body, "start");
	audit_body_text(body, "version", SECRETFS_VERSION);
}

static int take_room(struct why *why)
{
	int r = room_begin();

	if (r == 0 || !audit.settings.required)
		return 0;
	/* The mount goes on; what would have to be in the log is refused. */
	if (audit.settings.page->begun) {
		complain("extended", r);
		return 0;
	}
	file_trim(audit.fd, audit.size);
	if (r == -EOPNOTSUPP)
		return why_set(why, r,
			"the file system of the audit log %s cannot reserve room: put it elsewhere "
			"(audit_file=) or set audit=best-effort",
			audit.settings.path);
	return why_set(why, r,
		"cannot reserve room for the audit log %s: %s; make room, or set audit=best-effort",
		audit.settings.path, strerror(-r));
}

static int begin_locked(struct why *why)
{
	const struct audit_log_settings *s = &audit.settings;
	struct audit_body body;
	struct tail tail;
	int r = tail_read(audit.fd, &tail);

	if (r == 0 && !tail.ours)
		return why_set(why, -EINVAL,
			"%s is not an audit log: name another file, or move it away", s->path);
	if (r == 0 && tail.fragment && ftruncate(audit.fd, tail.end) < 0)
		r = -errno;
	if (r < 0)
		return why_set(why, r, "cannot read and write the audit log %s: %s", s->path,
			strerror(-r));
	audit.size = tail.end;
	r = take_room(why);
	if (r < 0)
		return r;
	if (s->page->begun)
		body_resume(&body, &tail);
	else
		body_start(&body, &tail);
	body_fragment(&body, &tail);
	r = line_write(&body, now_ns());
	if (r < 0 && s->required && !s->page->begun)
		return why_set(
			why, r, "cannot write to the audit log %s: %s", s->path, strerror(-r));
	audit.lost += r < 0;
	s->page->begun = true;
	return 0;
}

int audit_log_open(const struct audit_log_settings *settings, struct why *why)
{
	audit.settings = *settings;
	int r = folder_open(why);

	if (r < 0)
		return r;
	audit.fd = file_open(why);
	return audit.fd < 0 ? audit.fd : 0;
}

/* The daemon before this one may still be closing. */
static int take_file(struct why *why)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000};

	for (int tries = 1; flock(audit.fd, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (errno != EWOULDBLOCK)
			return why_set(why, -errno, "cannot lock the audit log %s: %s",
				audit.settings.path, strerror(errno));
		if (tries == LOCK_TRIES)
			return why_set(why, -EBUSY,
				"the audit log %s is another secretfs's: give each mount its own "
				"(audit_file=)",
				audit.settings.path);
		nanosleep(&pause, NULL);
	}
	return 0;
}

int audit_log_begin(struct why *why)
{
	int r = take_file(why);

	if (r < 0)
		return r;
	pthread_mutex_lock(&audit.lock);
	r = begin_locked(why);
	pthread_mutex_unlock(&audit.lock);
	return r;
}

/* ---- going on ---- */

/* Syncs without keeping others from writing, and tells what is safe then. */
static void sync_file(void)
{
	uint64_t n;
	uint8_t hash[AUDIT_HASH];

	pthread_mutex_lock(&audit.lock);
	int fd = fcntl(audit.fd, F_DUPFD_CLOEXEC, 3);
	n = chain_now()->n;
	memcpy(hash, chain_now()->hash, AUDIT_HASH);
	audit.unsynced = 0;
	pthread_mutex_unlock(&audit.lock);
	if (fd >= 0 && fdatasync(fd) == 0) {
		if (audit.settings.synced)
			audit.settings.synced(n, hash);
	} else {
		log_err("cannot sync the audit log %s: %s", audit.settings.path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
}

/* ms from now until a key or an unsynced line of that time is too old. */
static int64_t left_of(int64_t since, int64_t now)
{
	int64_t age = now - since, most = AUDIT_RATCHET_SECONDS * NSEC;

	return age < 0 || age >= most ? 0 : (most - age + 999999) / 1000000;
}

/* With the lock. */
static int tick_left(int64_t now)
{
	int64_t left = -1;

	if (chain_now()->lines > 1)
		left = left_of(chain_now()->since, now);
	if (audit.unsynced && (left < 0 || left_of(audit.unsynced, now) < left))
		left = left_of(audit.unsynced, now);
	return (int)left;
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* With the lock. On success the old descriptor is in *fd. */
static int switch_locked(int *fd, struct why *why)
{
	struct audit_body body;
	struct tail tail;
	int old = audit.fd;
	off_t old_size = audit.size, old_room = audit.room;
	int r = tail_read(*fd, &tail);

	if (r < 0 || !tail.ours || tail.fragment)
		return why_set(why, r < 0 ? r : -EEXIST, "there is something else at its path");
	audit.fd = *fd;
	audit.size = tail.end;
	room_begin();
	body_beginning(&body, "file");
	r = line_write(&body, now_ns());
	if (r < 0) {
		audit.fd = old;
		audit.size = old_size;
		atomic_store(&audit.room, old_room);
		return why_set(why, r, "%s", strerror(-r));
	}
	file_trim(old, old_size);
	*fd = old;
	return 0;
}

void audit_log_reopen(void)
{
	struct why why = {""};
	AUTO_FD fd = file_open(&why);

	if (fd >= 0 && same_file(fd, audit.fd))
		return;
	int r = fd < 0 ? fd : 0;
	if (r == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		r = why_set(&why, -errno, "it is another secretfs's");
	if (r == 0) {
		pthread_mutex_lock(&audit.lock);
		r = switch_locked(&fd, &why);
		pthread_mutex_unlock(&audit.lock);
	}
	if (r < 0) {
		log_err("the audit log %s cannot be opened anew, going on in the old file: %s",
			audit.settings.path, why.text);
		return;
	}
	/* The old one is complete: it goes to the disk before it is closed. */
	if (fdatasync(fd) < 0)
		log_err("cannot sync the audit log before %s: %s", audit.settings.path,
			strerror(errno));
	log_info("went on in a new audit log %s", audit.settings.path);
}

/* Nobody would ever read what is written to it. */
static bool is_removed(void)
{
	struct stat st;

	pthread_mutex_lock(&audit.lock);
	bool removed = fstat(audit.fd, &st) == 0 && st.st_nlink == 0;
	pthread_mutex_unlock(&audit.lock);
	return removed;
}

int audit_log_tick(void)
{
	int64_t now = now_ns();

	if (is_removed()) {
		log_err("the audit log %s was removed; what was in it is lost",
			audit.settings.path);
		audit_log_reopen();
	}

	pthread_mutex_lock(&audit.lock);
	if (audit_ratchet_due(chain_now(), now)) {
		int r = ratchet(now);
		if (r < 0)
			complain("written", r);
	}
	bool due = audit.unsynced && left_of(audit.unsynced, now) == 0;
	pthread_mutex_unlock(&audit.lock);
	if (due)
		sync_file();
	pthread_mutex_lock(&audit.lock);
	int left = tick_left(now);
	pthread_mutex_unlock(&audit.lock);
	return left == 0 ? 1000 : left; /* what failed is tried again */
}

void audit_log_end(bool goodbye)
{
	struct audit_body body;

	if (audit.fd < 0)
		return;
	if (goodbye) {
		audit_body_begin(&body, "stop", "ok");
		audit_log_write(&body, NULL);
		file_trim(audit.fd, audit.size);
	}
	sync_file();
	fd_close(&audit.fd);
	fd_close(&audit.folder);
}

void audit_log_state(struct audit_log_state *ret_state)
{
	pthread_mutex_lock(&audit.lock);
	*ret_state = (struct audit_log_state){.n = chain_now()->n, .lost = audit.lost_ever};
	pthread_mutex_unlock(&audit.lock);
}
