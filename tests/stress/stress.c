// SPDX-License-Identifier: MIT
/*
 * stress: several users and root at once, and nobody may ever see what is another's, or a torn
 * value.
 *
 *     stress [--seconds N] [--seed N] [--procs N] MOUNTPOINT
 *
 * Every value says whose it is, who may read it, and what all its bytes must be:
 *
 *     "<class> <uid> <serial> <length>;" and a filler made of these
 *
 *     class   where                              who may read it
 *     P       private/p-UID-N                    its user alone; these secrets are never moved
 *     S       public/u-UID-N/s*, 0600 or less    its user and root
 *     G       public/u-UID-N/g*, 0640            users of group SHARED (the first two) and root
 *     A       public/u-UID-N/a*, 0600 + an ACL   its user, the user that the ACL names, and root
 *     U       public/u-UID-N/k*, 0644            everybody
 *     M       {private,public}/m-UID-N           everybody, where it is public
 *     J       {private,public}/j-UID-N/{x,y}     as U; written through .json, both with one serial
 *
 * Besides, an auditor switches between two users and checks that what chmod, setfacl and rename
 * take away is gone when the call returns. Runs as root; uids are 21001 and up. Exit status 1 after
 * the first wrong answer.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define USERS   5 /* four and root */
#define SECRETS 3
#define KEYS    3
#define SHARED  21900u
#define MAX     120000u
#define ERRNOS  256

static const unsigned uids[USERS] = {21001, 21002, 21003, 21004, 0};

/* Shared by all processes: what happened. */
struct tally {
	_Atomic unsigned long ops, reads, checked, json, errors[ERRNOS];
	_Atomic int stop;
};

static struct {
	const char *mnt;
	unsigned me; /* index in uids */
	unsigned proc;
	uint64_t state;
	uint64_t serial;
	struct tally *tally;
} st;

static uint64_t rnd(void)
{
	uint64_t z = st.state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static unsigned below(unsigned n)
{
	return (unsigned)(rnd() % n);
}

static void wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void wrong(const char *fmt, ...)
{
	va_list args;
	char text[1000];

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printf("stress: uid %u, process %u: WRONG: %s\n", uids[st.me], st.proc, text);
	st.tally->stop = 1;
	exit(1);
}

/* Errors that others' work explains; all else is wrong. Returns whether there was none. */
static bool fine(int r, const char *what, const char *path)
{
	static const int expected[] = {
		ENOENT, EEXIST, ENOTEMPTY, EACCES, EPERM, ESTALE, EDQUOT, ENODATA, ENOTDIR};

	st.tally->ops++;
	if (r >= 0)
		return true;
	int err = errno;
	if (err > 0 && err < ERRNOS)
		st.tally->errors[err]++;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		if (err == expected[i])
			return false;
	wrong("%s %s: %s", what, path, strerrorname_np(err));
}

/* ---- values ---- */

static char filler(char class, unsigned uid, uint64_t serial, size_t i)
{
	return (char)('a' + (serial * 31 + i * 7 + i / 4096 + uid + (unsigned char)class) % 26);
}

static size_t value_make(char *out, char class, unsigned uid, uint64_t serial, size_t len)
{
	int head =
		snprintf(out, 80, "%c %u %llu %zu;", class, uid, (unsigned long long)serial, len);

	for (size_t i = (size_t)head; i < len; i++)
		out[i] = filler(class, uid, serial, i);
	return len > (size_t)head ? len : (size_t)head;
}

static bool may_read(char class, unsigned owner)
{
	unsigned me = uids[st.me];

	if (me == owner)
		return true;
	switch (class) {
	case 'P':
		return false;
	case 'S':
		return me == 0;
	case 'G':
		return me == 0 || st.me < 2;
	case 'A':
		return me == 0 || me == (owner == 0 ? uids[0] : uids[(owner - uids[0] + 2) % 4]);
	default:
		return strchr("UMJ", class) != NULL;
	}
}

/* Of a whole value: is it one, and may I see it? Returns its serial, 0 if it is empty. */
static uint64_t value_check(const char *path, const char *value, size_t len)
{
	static char want[MAX + 100];
	char class;
	unsigned uid;
	unsigned long long serial;
	size_t said;
	char head[81] = {0};

	st.tally->checked++;
	if (len == 0)
		return 0;
	memcpy(head, value, len < 80 ? len : 80);
	if (sscanf(head, "%c %u %llu %zu;", &class, &uid, &serial, &said) != 4 || said > MAX)
		wrong("%s: not a value (%zu bytes): %.40s", path, len, head);
	if (!may_read(class, uid))
		wrong("%s: a value of class %c of uid %u", path, class, uid);
	size_t n = value_make(want, class, uid, serial, said);
	if (n != len)
		wrong("%s: %zu bytes of a value of %zu", path, len, n);
	if (memcmp(want, value, n) != 0)
		wrong("%s: a torn value of uid %u, serial %llu", path, uid, serial);
	return serial;
}

static uint64_t next_serial(void)
{
	return ++st.serial * 1000 + st.me * 10 + st.proc;
}

/* ---- paths ---- */

static void path_of(char *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void path_of(char *out, const char *fmt, ...)
{
	va_list args;
	int n = snprintf(out, PATH_MAX, "%s/", st.mnt);

	va_start(args, fmt);
	vsnprintf(out + n, PATH_MAX - (size_t)n, fmt, args);
	va_end(args);
}

/* A secret of a user, and the class of a key in it. */
static char some_key(char *dir, char *path, unsigned user)
{
	static const char classes[] = "PPSGAUM";
	char class = classes[below(7)];
	unsigned uid = uids[user], n = below(SECRETS);
	char name[64];

	switch (class) {
	case 'P':
		if (user == st.me && below(2))
			path_of(dir, "private/p-%u-%u", uid, n);
		else
			path_of(dir, ".private/%u/p-%u-%u", uid, uid, n);
		snprintf(name, sizeof(name), "k%u", below(KEYS));
		break;
	case 'M':
		path_of(dir, "%s/m-%u-%u", below(2) ? "public" : "private", uid, n);
		snprintf(name, sizeof(name), "k%u", below(KEYS));
		break;
	default:
		path_of(dir, "public/u-%u-%u", uid, n);
		snprintf(name, sizeof(name), "%c%u", class == 'U' ? 'k' : class + 32, below(KEYS));
	}
	snprintf(path, PATH_MAX, "%.2000s/%s", dir, name);
	return class;
}

/* ---- what a user does with his own ---- */

static mode_t mode_of(char class)
{
	return class == 'U' || class == 'M' ? 0644 : 0600;
}

/* The user that the ACL names may read. */
static void grant(const char *path, unsigned uid)
{
	struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} e[5];
	} acl = {2, {{1, 6, UINT32_MAX}, {2, 4, uid}, {4, 0, UINT32_MAX}, {16, 4, UINT32_MAX},
			    {32, 0, UINT32_MAX}}};

	fine(setxattr(path, "system.posix_acl_access", &acl, sizeof(acl), 0), "setfacl", path);
}

static void do_write(void)
{
	static char value[MAX + 100];
	char dir[PATH_MAX], path[PATH_MAX + 80], other[PATH_MAX + 100];
	char class = some_key(dir, path, st.me);
	size_t len = below(6) ? 40 + below(300) : 40 + below(below(8) ? 20000 : MAX - 40);
	int flags = O_WRONLY | O_CREAT | O_TRUNC;
	bool rename_over = below(4) == 0 && class != 'G' && class != 'A';

	len = value_make(value, class, uids[st.me], next_serial(), len);
	snprintf(other, sizeof(other), "%s.%u", path, st.proc);
	const char *to = rename_over ? other : path;
	if (class == 'G' || class == 'A')
		flags &= ~O_CREAT;
	int fd = open(to, flags, mode_of(class));
	if (fd < 0 && errno == ENOENT && (class == 'G' || class == 'A')) {
		/* What it is for comes before what it is. */
		fd = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd >= 0 && class == 'G') {
			if (fine(fchown(fd, (uid_t)-1, SHARED), "chgrp", to))
				fine(fchmod(fd, 0640), "chmod", to);
		} else if (fd >= 0) {
			unsigned me = uids[st.me];
			grant(to, me == 0 ? uids[0] : uids[(st.me + 2) % 4]);
		}
	}
	if (!fine(fd, "open for writing", to))
		return;
	size_t half = below(3) ? len : len / 2;
	bool ok = fine((int)write(fd, value, half), "write", to);
	if (ok && half < len)
		ok = fine((int)write(fd, value + half, len - half), "write", to);
	if (below(8) == 0)
		fine(fsync(fd), "fsync", to);
	fine(close(fd), "close", to);
	if (rename_over && ok) {
		/* The names of the folder are looked up one after the other: it may have been
		 * exchanged for another in between. */
		if (rename(other, path) < 0 && (class != 'M' || errno != EXDEV))
			fine(-1, "rename", other);
	} else if (rename_over)
		fine(unlink(other), "unlink", other);
}

/* A value as cat reads it. false: it cannot be opened. */
static bool slurp(const char *path, char *out, size_t max, size_t *ret_len)
{
	size_t n = 0;
	ssize_t r = 0;
	size_t step = below(2) ? 4096 + below(70000) : 131072;
	int fd = open(path, O_RDONLY);

	if (!fine(fd, "open", path))
		return false;
	while (n < max && (r = read(fd, out + n, step < max - n ? step : max - n)) > 0)
		n += (size_t)r;
	st.tally->reads++;
	if (r < 0)
		fine(-1, "read", path);
	close(fd);
	*ret_len = n;
	return r == 0;
}

static void do_read(void)
{
	static char value[MAX + 4096];
	char dir[PATH_MAX], path[PATH_MAX + 80];
	size_t len;
	unsigned whose = below(2) ? st.me : below(USERS);
	char class = some_key(dir, path, whose);

	if (slurp(path, value, sizeof(value), &len)) {
		if (class == 'P' && whose != st.me)
			wrong("%s: opened (%zu bytes)", path, len);
		value_check(path, value, len);
	}
}

static void do_make(void)
{
	char path[PATH_MAX];
	unsigned n = below(SECRETS), uid = uids[st.me];

	switch (below(4)) {
	case 0:
		path_of(path, "private/p-%u-%u", uid, n);
		break;
	case 1:
		path_of(path, "public/u-%u-%u", uid, n);
		break;
	case 2:
		path_of(path, "private/m-%u-%u", uid, n);
		break;
	default:
		path_of(path, "public/j-%u-%u", uid, n);
	}
	fine(mkdir(path, below(4) ? 0755 : 0700), "mkdir", path);
}

static void do_move(void)
{
	char a[PATH_MAX], b[PATH_MAX];
	unsigned n = below(SECRETS), uid = uids[st.me];
	char kind = below(2) ? 'm' : 'j';
	bool out = below(2);
	static const unsigned flags[] = {0, RENAME_NOREPLACE, RENAME_NOREPLACE, RENAME_EXCHANGE};

	path_of(a, "%s/%c-%u-%u", out ? "private" : "public", kind, uid, n);
	path_of(b, "%s/%c-%u-%u", out ? "public" : "private", kind, uid, n);
	fine(renameat2(AT_FDCWD, a, AT_FDCWD, b, flags[below(4)]), "move", a);
}

static void do_modes(void)
{
	static const mode_t own[] = {0600, 0400, 0600}, all[] = {0644, 0600, 0444},
			    dirs[] = {0755, 0755, 0700, 0711};
	char dir[PATH_MAX], path[PATH_MAX + 80];
	char class = some_key(dir, path, st.me);

	if (below(3) == 0) {
		fine(chmod(dir, dirs[below(4)]), "chmod", dir);
		return;
	}
	if (class == 'P' || class == 'S')
		fine(chmod(path, own[below(3)]), "chmod", path);
	else if (class == 'U' || class == 'M')
		fine(chmod(path, all[below(3)]), "chmod", path);
	else if (class == 'A' && below(2))
		fine(removexattr(path, "system.posix_acl_access"), "setfacl -b", path);
	else if (class == 'A')
		grant(path, uids[st.me] == 0 ? uids[0] : uids[(st.me + 2) % 4]);
}

static void do_remove(void)
{
	char dir[PATH_MAX], path[PATH_MAX + 80];

	some_key(dir, path, st.me);
	if (below(4))
		fine(unlink(path), "unlink", path);
	else
		fine(rmdir(dir), "rmdir", dir);
}

/* ---- views ---- */

static void do_json_write(void)
{
	static char text[9000], value[4000];
	char path[PATH_MAX];
	size_t len = value_make(value, 'J', uids[st.me], next_serial(), 40 + below(3000));

	path_of(path, "%s/j-%u-%u/.json", below(4) ? "public" : "private", uids[st.me],
		below(SECRETS));
	int n = snprintf(text, sizeof(text), "{\"x\": \"%.*s\", \"y\": \"%.*s\"}\n", (int)len,
		value, (int)len, value);
	int fd = open(path, O_WRONLY | O_TRUNC);
	if (!fine(fd, "open view", path))
		return;
	fine((int)write(fd, text, (size_t)n), "write view", path);
	fine(close(fd), "close view", path);
}

/* Both keys are of one commit. Returns where the value of a member begins. */
static const char *member(const char *text, const char *name, size_t *ret_len)
{
	const char *at = strstr(text, name);
	const char *end = at ? strchr(at + strlen(name), '"') : NULL;

	if (!end)
		return NULL;
	at += strlen(name);
	*ret_len = (size_t)(end - at);
	return at;
}

static void do_json_read(void)
{
	static char text[MAX];
	char path[PATH_MAX];
	size_t len, xlen = 0, ylen = 0;

	path_of(path, "%s/j-%u-%u/.json", below(3) ? "public" : "private", uids[below(USERS)],
		below(SECRETS));
	if (!slurp(path, text, sizeof(text) - 1, &len))
		return;
	text[len] = '\0';
	if (len < 3 || text[0] != '{' || strcmp(text + len - 2, "}\n") != 0)
		wrong("%s: not an object: %.60s", path, text);
	const char *x = member(text, "\"x\": \"", &xlen), *y = member(text, "\"y\": \"", &ylen);
	if (!x && !y)
		return;
	if (!x || !y || xlen != ylen || memcmp(x, y, xlen) != 0)
		wrong("%s: two versions in one view: %.60s", path, text);
	value_check(path, x, xlen);
	st.tally->json++;
}

/* Earlier versions and .env are for the owner here. */
static void do_old(void)
{
	char path[PATH_MAX], file[PATH_MAX + 300];
	static char value[MAX + 4096];
	size_t len;
	unsigned whose = below(USERS);
	DIR *dir;

	path_of(path, ".private/%u/p-%u-%u/.versions", uids[whose], uids[whose], below(SECRETS));
	dir = opendir(path);
	if (!fine(dir ? 0 : -1, "list", path))
		return;
	if (whose != st.me)
		wrong("%s: opened", path);
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s/k%u", path, e->d_name, below(KEYS));
		if (slurp(file, value, sizeof(value), &len))
			value_check(file, value, len);
	}
	closedir(dir);
}

/* ---- names ---- */

static void name_check(const char *dir, const char *name, bool own_only)
{
	char kind;
	unsigned uid, n;

	if (name[0] == '.')
		return;
	if (sscanf(name, "%c-%u-%u", &kind, &uid, &n) != 3) {
		if (strcmp(name, "audit") != 0)
			wrong("%s: a name that nobody made: %s", dir, name);
		return;
	}
	if ((own_only || kind == 'p') && uid != uids[st.me])
		wrong("%s: another user's name: %s", dir, name);
}

static void do_list(void)
{
	static const char *const where[] = {"public", "private", "by-name", "private/", "by-name/"};
	unsigned which = below(7);
	unsigned other = below(USERS);
	char path[PATH_MAX], link[PATH_MAX + 300], target[300];

	if (which < 5)
		path_of(path, "%s", where[which]);
	else
		path_of(path, "%s/%u", which == 5 ? ".private" : ".by-name", uids[other]);
	DIR *dir = opendir(path);
	if (!fine(dir ? 0 : -1, "list", path))
		return;
	if (which >= 5 && other != st.me)
		wrong("%s: opened", path);
	bool private = which == 1 || which == 3 || which == 5;
	for (struct dirent *e; (e = readdir(dir));) {
		name_check(path, e->d_name, private);
		if ((which != 2 && which != 4 && which != 6) || e->d_name[0] == '.')
			continue;
		snprintf(link, sizeof(link), "%s/%s", path, e->d_name);
		ssize_t n = readlink(link, target, sizeof(target) - 1);
		if (!fine((int)n, "readlink", link))
			continue;
		target[n] = '\0';
		if (strncmp(target, "../../private/", 14) == 0)
			name_check(link, target + 14, true);
		else if (strncmp(target, "../../public/", 13) == 0)
			name_check(link, target + 13, false);
		else
			wrong("%s: leads to %s", link, target);
	}
	closedir(dir);
}

/* By name, the own secret comes first; another's private one never. */
static void do_by_name(void)
{
	static char value[MAX + 4096];
	char path[PATH_MAX];
	size_t len;
	unsigned whose = below(USERS);
	char kind = "pum"[below(3)];

	path_of(path, "by-name/%c-%u-%u/k%u", kind, uids[whose], below(SECRETS), below(KEYS));
	if (!slurp(path, value, sizeof(value), &len))
		return;
	if (kind == 'p' && whose != st.me)
		wrong("%s: opened", path);
	value_check(path, value, len);
}

static void do_stat(void)
{
	char dir[PATH_MAX], path[PATH_MAX + 80], id[80];
	struct stat info;
	unsigned whose = below(USERS);
	char class = some_key(dir, path, whose);

	/* Root can see attributes that the kernel has in its cache. */
	if (fine(stat(path, &info), "stat", path) && class == 'P' && whose != st.me &&
		uids[st.me] != 0)
		wrong("%s: told its attributes", path);
	if (fine((int)getxattr(dir, "user.secretfs.id", id, sizeof(id)), "getxattr", dir) &&
		class == 'P' && whose != st.me)
		wrong("%s: told its id", dir);
}

/* ---- the auditor ---- */

static void become(unsigned uid)
{
	gid_t gid = uid;

	if (seteuid(0) < 0 || setgroups(1, &gid) < 0 || setegid(uid) < 0 || seteuid(uid) < 0)
		wrong("seteuid: %s", strerrorname_np(errno));
}

static void must(unsigned uid, int want, const char *path)
{
	become(uid);
	int fd = open(path, O_RDONLY);
	int got = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	if (got != want)
		wrong("auditor: uid %u opens %s: %s, wanted %s", uid, path, strerrorname_np(got),
			strerrorname_np(want));
}

static void ok(int r, const char *what)
{
	if (r < 0)
		wrong("auditor: %s: %s", what, strerrorname_np(errno));
}

static void audit_once(unsigned owner, unsigned other)
{
	char pub[PATH_MAX], priv[PATH_MAX], key[PATH_MAX + 4], dotted[PATH_MAX];

	path_of(pub, "public/audit");
	path_of(priv, "private/audit");
	path_of(dotted, ".private/%u/audit/k", owner);
	snprintf(key, sizeof(key), "%s/k", pub);
	become(owner);
	ok(mkdir(pub, 0755), "mkdir");
	int fd = open(key, O_WRONLY | O_CREAT, 0644);
	ok(fd, "create");
	ok((int)write(fd, "audit", 5), "write");
	ok(close(fd), "close");
	must(other, 0, key);
	become(owner);
	ok(chmod(key, 0600), "chmod");
	must(other, EACCES, key);
	become(owner);
	grant(key, other);
	must(other, 0, key);
	become(owner);
	ok(removexattr(key, "system.posix_acl_access"), "setfacl -b");
	ok(chmod(key, 0600), "chmod");
	must(other, EACCES, key);
	become(owner);
	ok(chmod(key, 0644), "chmod");
	must(other, 0, key);
	become(owner);
	ok(chmod(pub, 0700), "chmod");
	must(other, EACCES, key);
	become(owner);
	ok(chmod(pub, 0755), "chmod");
	must(other, 0, key);
	become(owner);
	ok(rename(pub, priv), "make private");
	must(other, ENOENT, key);
	must(other, EACCES, dotted);
	must(0, EACCES, dotted);
	become(owner);
	ok(rename(priv, pub), "make public");
	become(owner);
	ok(chmod(key, 0644), "chmod");
	must(other, 0, key);
	become(owner);
	ok(unlink(key), "unlink");
	must(other, ENOENT, key);
	become(owner);
	ok(rmdir(pub), "rmdir");
	must(other, ENOENT, key);
}

static void audit(void)
{
	while (!st.tally->stop) {
		audit_once(uids[below(2)], uids[2 + below(2)]);
		st.tally->ops += 40;
	}
	become(0);
}

/* ---- the load ---- */

static void load(void)
{
	static void (*const what[])(void) = {do_write, do_write, do_write, do_write, do_write,
		do_read, do_read, do_read, do_read, do_read, do_read, do_read, do_make, do_make,
		do_move, do_move, do_modes, do_remove, do_json_write, do_json_write, do_json_read,
		do_json_read, do_old, do_list, do_list, do_by_name, do_stat, do_stat};

	while (!st.tally->stop)
		what[below(sizeof(what) / sizeof(what[0]))]();
}

static void start(unsigned user, unsigned proc, uint64_t seed)
{
	gid_t groups[2] = {uids[user], SHARED};

	if (fork() != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	st.me = user;
	st.proc = proc;
	st.state = seed * 1000 + user * 10 + proc;
	umask(0);
	if (setgroups(user < 2 ? 2 : 1, groups) < 0 || setgid(uids[user]) < 0 ||
		setuid(uids[user]) < 0)
		wrong("setuid: %s", strerrorname_np(errno));
	load();
	exit(0);
}

static int wait_all(double seconds)
{
	struct timespec tick = {0, 50000000};
	int status, rc = 0;

	for (double t = 0; t < seconds && !st.tally->stop; t += 0.05)
		nanosleep(&tick, NULL);
	st.tally->stop = 1;
	while (wait(&status) > 0)
		if (status != 0)
			rc = 1;
	return rc;
}

int main(int argc, char **argv)
{
	double seconds = 120;
	uint64_t seed = (uint64_t)time(NULL);
	unsigned procs = 2;
	int i = 1;

	for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		if (strcmp(argv[i], "--seconds") == 0)
			seconds = strtod(argv[i + 1], NULL);
		else if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--procs") == 0)
			procs = (unsigned)strtoul(argv[i + 1], NULL, 10);
		else
			break;
	}
	if (i != argc - 1 || getuid() != 0) {
		fprintf(stderr, "usage (as root): stress [--seconds N] [--seed N] [--procs N] "
				"MOUNTPOINT\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("stress: seed %llu\n", (unsigned long long)seed);
	st.mnt = argv[i];
	st.tally = mmap(
		NULL, sizeof(*st.tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (st.tally == MAP_FAILED)
		return 2;
	for (unsigned u = 0; u < USERS; u++)
		for (unsigned p = 0; p < procs; p++)
			start(u, p, seed);
	pid_t auditor = fork();
	if (auditor == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		st.me = USERS - 1;
		st.proc = 9;
		st.state = seed;
		audit();
		exit(0);
	}
	int rc = wait_all(seconds);
	printf("stress: %lu operations, %lu reads, %lu values and %lu views checked\n",
		st.tally->ops, st.tally->reads, st.tally->checked, st.tally->json);
	for (int e = 0; e < ERRNOS; e++)
		if (st.tally->errors[e])
			printf("stress: %lu %s\n", st.tally->errors[e], strerrorname_np(e));
	return rc;
}
