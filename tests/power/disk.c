/* SPDX-License-Identifier: MIT */
/*
 * disk: the VFS, its log, and the replay.
 *
 * A file in the log is an inode with a name or none. What is durable of it changes with a sync;
 * what was done since is pending, and a power cut keeps any part of it. Names (create, rename,
 * unlink) are pending until the folder is synced; syncing a file makes its own name durable, as
 * SQLite does for a log that it has made and as file systems do.
 */
#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR  512
#define STRANDS 16
#define FOLDERS 2
#define NO_FILE ((size_t)-1)

#define must(what)                                                                                 \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #what);      \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* ---- bytes ---- */

struct bytes {
	uint8_t *data;
	size_t len;
};

static void bytes_set_len(struct bytes *bytes, size_t len)
{
	bytes->data = realloc(bytes->data, len ? len : 1);
	must(bytes->data);
	if (len > bytes->len)
		memset(bytes->data + bytes->len, 0, len - bytes->len);
	bytes->len = len;
}

static void bytes_write(struct bytes *bytes, size_t at, const uint8_t *data, size_t len)
{
	if (at + len > bytes->len)
		bytes_set_len(bytes, at + len);
	if (len)
		memcpy(bytes->data + at, data, len);
}

static struct bytes bytes_copy(const struct bytes *from)
{
	struct bytes copy = {NULL, 0};

	bytes_write(&copy, 0, from->data, from->len);
	return copy;
}

/* ---- the log ---- */

enum kind { CREATE, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, SYNC_FOLDER, BEGUN, ACKNOWLEDGED };

struct event {
	enum kind kind;
	size_t file;       /* index of files, or strand */
	uint64_t at;       /* offset, size or count */
	struct bytes data; /* of WRITE */
	char *name;        /* of CREATE and RENAME */
};

struct file {
	char *name;       /* now; NULL: none */
	char *first_name; /* when the watching began; NULL: made since */
	struct bytes first;
};

static struct {
	pthread_mutex_t
		lock; /* all; also over the change itself, so that the log's order is true */
	bool on;
	char folders[FOLDERS][PATH_MAX]; /* "": none */
	struct file *files;
	size_t nfiles;
	struct event *events;
	size_t nevents;
	size_t events_cap;

	unsigned breaks; /* enum disk_call */
	unsigned nth;
	bool lasting;
	int err;
	unsigned failed;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct event *log_add(enum kind kind, size_t file, uint64_t at)
{
	if (disk.nevents == disk.events_cap) {
		disk.events_cap = disk.events_cap ? 2 * disk.events_cap : 1024;
		disk.events = reallocarray(disk.events, disk.events_cap, sizeof(*disk.events));
		must(disk.events);
	}
	disk.events[disk.nevents] = (struct event){.kind = kind, .file = file, .at = at};
	return &disk.events[disk.nevents++];
}

/* The part of a path behind a watched folder; NULL: elsewhere. */
static const char *name_of(const char *path)
{
	for (unsigned i = 0; i < FOLDERS && disk.on && path; i++) {
		size_t n = strlen(disk.folders[i]);
		if (n && strncmp(path, disk.folders[i], n) == 0 && path[n] == '/' &&
			!strchr(path + n + 1, '/'))
			return path + n + 1;
	}
	return NULL;
}

static bool is_folder(const char *path)
{
	for (unsigned i = 0; i < FOLDERS && disk.on; i++)
		if (strcmp(path, disk.folders[i]) == 0)
			return true;
	return false;
}

static size_t file_named(const char *name)
{
	for (size_t i = 0; name && i < disk.nfiles; i++)
		if (disk.files[i].name && strcmp(disk.files[i].name, name) == 0)
			return i;
	return NO_FILE;
}

static size_t file_add(const char *name)
{
	disk.files = reallocarray(disk.files, disk.nfiles + 1, sizeof(*disk.files));
	must(disk.files);
	disk.files[disk.nfiles] = (struct file){.name = strdup(name)};
	return disk.nfiles++;
}

/* With the lock: the file of a path that has been opened or made. */
static size_t file_seen(const char *path)
{
	const char *name = name_of(path);

	if (!name)
		return NO_FILE;
	size_t file = file_named(name);
	if (file == NO_FILE) {
		file = file_add(name);
		log_add(CREATE, file, 0)->name = strdup(name);
	}
	return file;
}

static void forget(void)
{
	for (size_t i = 0; i < disk.nfiles; i++) {
		free(disk.files[i].name);
		free(disk.files[i].first_name);
		free(disk.files[i].first.data);
	}
	for (size_t i = 0; i < disk.nevents; i++) {
		free(disk.events[i].name);
		free(disk.events[i].data.data);
	}
	free(disk.files);
	free(disk.events);
	disk.files = NULL;
	disk.events = NULL;
	disk.nfiles = disk.nevents = disk.events_cap = 0;
}

static bool is_shm(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && strcmp(name + n - 4, "-shm") == 0;
}

static void read_first(size_t file, const char *path)
{
	uint8_t chunk[65536];
	FILE *in = fopen(path, "rbe");
	size_t n;

	must(in);
	while ((n = fread(chunk, 1, sizeof(chunk), in)) > 0)
		bytes_write(&disk.files[file].first, disk.files[file].first.len, chunk, n);
	fclose(in);
	disk.files[file].first_name = strdup(disk.files[file].name);
}

static void read_folder(unsigned i, const char *folder)
{
	char path[PATH_MAX + 256];
	struct dirent *entry;

	must(realpath(folder, disk.folders[i]));
	DIR *dir = opendir(disk.folders[i]);
	must(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_type != DT_REG || is_shm(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", disk.folders[i], entry->d_name);
		read_first(file_add(entry->d_name), path);
	}
	closedir(dir);
}

void disk_watch(const char *folder)
{
	pthread_mutex_lock(&disk.lock);
	forget();
	disk.folders[1][0] = '\0';
	read_folder(0, folder);
	disk.on = true;
	pthread_mutex_unlock(&disk.lock);
}

void disk_watch_also(const char *folder)
{
	pthread_mutex_lock(&disk.lock);
	read_folder(1, folder);
	pthread_mutex_unlock(&disk.lock);
}

void disk_unwatch(void)
{
	pthread_mutex_lock(&disk.lock);
	disk.on = false;
	pthread_mutex_unlock(&disk.lock);
}

static void note(enum kind kind, unsigned strand, unsigned count)
{
	must(strand < STRANDS);
	pthread_mutex_lock(&disk.lock);
	if (disk.on)
		log_add(kind, strand, count);
	pthread_mutex_unlock(&disk.lock);
}

void disk_begun(unsigned strand, unsigned count)
{
	note(BEGUN, strand, count);
}

void disk_acknowledged(unsigned strand, unsigned count)
{
	note(ACKNOWLEDGED, strand, count);
}

/* ---- breaking ---- */

void disk_break(unsigned calls, unsigned nth, bool lasting, int err)
{
	pthread_mutex_lock(&disk.lock);
	disk.breaks = calls;
	disk.nth = nth;
	disk.lasting = lasting;
	disk.err = err;
	disk.failed = 0;
	pthread_mutex_unlock(&disk.lock);
}

unsigned disk_mend(void)
{
	pthread_mutex_lock(&disk.lock);
	unsigned failed = disk.failed;
	disk.breaks = 0;
	pthread_mutex_unlock(&disk.lock);
	return failed;
}

/* With the lock. */
static bool breaks_now(enum disk_call call)
{
	if (!(disk.breaks & call))
		return false;
	if (disk.nth > 1) {
		disk.nth--;
		return false;
	}
	if (!disk.lasting)
		disk.breaks = 0;
	disk.failed++;
	return true;
}

/* SQLite asks for errno after a call that failed. */
static int broken(int code)
{
	errno = disk.err;
	return disk.err == ENOSPC ? SQLITE_FULL : code;
}

static bool breaks(enum disk_call call)
{
	pthread_mutex_lock(&disk.lock);
	bool now = breaks_now(call);
	pthread_mutex_unlock(&disk.lock);
	return now;
}

/* ---- the VFS ---- */

struct opened {
	sqlite3_file base;
	size_t file;        /* in the log */
	sqlite3_file *real; /* behind this struct */
};

static sqlite3_vfs *real_vfs;

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct opened *)(void *)file)->real;
}

static int disk_close(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

static int disk_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	if (breaks(DISK_CALL_READ))
		return broken(SQLITE_IOERR_READ);
	return real_of(file)->pMethods->xRead(real_of(file), to, len, at);
}

static int disk_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
	struct opened *opened = (struct opened *)(void *)file;

	pthread_mutex_lock(&disk.lock);
	bool breaking = breaks_now(DISK_CALL_WRITE);
	if (breaking)
		len /= 2;
	int code = real_of(file)->pMethods->xWrite(real_of(file), data, len, at);
	if (code == SQLITE_OK && disk.on && opened->file != NO_FILE) {
		struct event *event = log_add(WRITE, opened->file, (uint64_t)at);
		bytes_write(&event->data, 0, data, (size_t)len);
	}
	pthread_mutex_unlock(&disk.lock);
	return breaking ? broken(SQLITE_IOERR_WRITE) : code;
}

static int disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct opened *opened = (struct opened *)(void *)file;

	pthread_mutex_lock(&disk.lock);
	bool breaking = breaks_now(DISK_CALL_TRUNCATE);
	int code = breaking ? broken(SQLITE_IOERR_TRUNCATE)
			    : real_of(file)->pMethods->xTruncate(real_of(file), size);
	if (code == SQLITE_OK && disk.on && opened->file != NO_FILE)
		log_add(TRUNCATE, opened->file, (uint64_t)size);
	pthread_mutex_unlock(&disk.lock);
	return code;
}

static int disk_sync(sqlite3_file *file, int flags)
{
	struct opened *opened = (struct opened *)(void *)file;

	/* Not synced for real: the tests judge the order, and their files are for nobody. */
	(void)flags;
	pthread_mutex_lock(&disk.lock);
	bool breaking = breaks_now(DISK_CALL_SYNC);
	if (!breaking && disk.on && opened->file != NO_FILE)
		log_add(SYNC, opened->file, 0);
	pthread_mutex_unlock(&disk.lock);
	return breaking ? broken(SQLITE_IOERR_FSYNC) : SQLITE_OK;
}

static int disk_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
	if (breaks(DISK_CALL_SIZE))
		return broken(SQLITE_IOERR_FSTAT);
	return real_of(file)->pMethods->xFileSize(real_of(file), ret_size);
}

static int disk_lock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int disk_unlock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int disk_check_lock(sqlite3_file *file, int *ret)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret);
}

static int disk_control(sqlite3_file *file, int op, void *arg)
{
	return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int disk_sector(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int disk_traits(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int disk_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret_map)
{
	if (breaks(DISK_CALL_SHM))
		return broken(SQLITE_IOERR_SHMMAP);
	return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, ret_map);
}

static int disk_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void disk_shm_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int disk_shm_unmap(sqlite3_file *file, int remove)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

/* Version 2: without the mapping of files, which the store switches off. */
static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = disk_close,
	.xRead = disk_read,
	.xWrite = disk_write,
	.xTruncate = disk_truncate,
	.xSync = disk_sync,
	.xFileSize = disk_size,
	.xLock = disk_lock,
	.xUnlock = disk_unlock,
	.xCheckReservedLock = disk_check_lock,
	.xFileControl = disk_control,
	.xSectorSize = disk_sector,
	.xDeviceCharacteristics = disk_traits,
	.xShmMap = disk_shm_map,
	.xShmLock = disk_shm_lock,
	.xShmBarrier = disk_shm_barrier,
	.xShmUnmap = disk_shm_unmap,
};

static int disk_open(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	struct opened *opened = (struct opened *)(void *)file;

	(void)vfs;
	opened->base.pMethods = NULL;
	opened->real = (sqlite3_file *)(void *)(opened + 1);
	if (breaks(DISK_CALL_OPEN))
		return broken(SQLITE_CANTOPEN) == SQLITE_FULL ? SQLITE_FULL : SQLITE_IOERR;
	int code = real_vfs->xOpen(real_vfs, name, opened->real, flags, ret_flags);
	if (code != SQLITE_OK)
		return code;
	opened->base.pMethods = &methods;
	pthread_mutex_lock(&disk.lock);
	opened->file = file_seen(name);
	pthread_mutex_unlock(&disk.lock);
	return SQLITE_OK;
}

static void name_gone(const char *path)
{
	size_t file = file_named(name_of(path));

	if (file == NO_FILE)
		return;
	free(disk.files[file].name);
	disk.files[file].name = NULL;
	log_add(UNLINK, file, 0);
}

static int disk_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
	(void)vfs;
	pthread_mutex_lock(&disk.lock);
	bool breaking = breaks_now(DISK_CALL_DELETE);
	int code = breaking ? broken(SQLITE_IOERR_DELETE) : real_vfs->xDelete(real_vfs, name, 0);
	if (code == SQLITE_OK && disk.on) {
		name_gone(name);
		if (sync_folder && name_of(name))
			log_add(SYNC_FOLDER, 0, 0);
	}
	pthread_mutex_unlock(&disk.lock);
	return code;
}

void disk_install(void)
{
	static sqlite3_vfs vfs;

	real_vfs = sqlite3_vfs_find(NULL);
	must(real_vfs);
	vfs = *real_vfs;
	vfs.pNext = NULL;
	vfs.zName = "disk";
	vfs.szOsFile = (int)sizeof(struct opened) + real_vfs->szOsFile;
	vfs.xOpen = disk_open;
	vfs.xDelete = disk_delete;
	must(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}

/* ---- what the store does itself ---- */

int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
ssize_t __real_pwrite64(int fd, const void *bytes, size_t len, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t len, off_t at);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);

/* What is opened under no name any more has another one here. */
static void path_of(int fd, char ret_path[PATH_MAX])
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, ret_path, PATH_MAX - 1);
	ret_path[n < 0 ? 0 : n] = '\0';
}

int __wrap_fsync(int fd)
{
	char path[PATH_MAX];

	pthread_mutex_lock(&disk.lock);
	bool breaking = breaks_now(DISK_CALL_SYNC);
	path_of(fd, path);
	if (!breaking && is_folder(path))
		log_add(SYNC_FOLDER, 0, 0);
	else if (!breaking && file_named(name_of(path)) != NO_FILE)
		log_add(SYNC, file_named(name_of(path)), 0);
	pthread_mutex_unlock(&disk.lock);
	if (!breaking)
		return 0;
	errno = disk.err;
	return -1;
}

int __wrap_fdatasync(int fd)
{
	return __wrap_fsync(fd);
}

ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t len, off_t at)
{
	char path[PATH_MAX];

	pthread_mutex_lock(&disk.lock);
	ssize_t n = __real_pwrite64(fd, bytes, len, at);
	if (n > 0 && disk.on) {
		path_of(fd, path);
		size_t file = file_seen(path);
		if (file != NO_FILE)
			bytes_write(&log_add(WRITE, file, (uint64_t)at)->data, 0, bytes, (size_t)n);
	}
	pthread_mutex_unlock(&disk.lock);
	return n;
}

int __wrap_unlink(const char *path)
{
	pthread_mutex_lock(&disk.lock);
	int r = __real_unlink(path);
	if (r == 0 && disk.on)
		name_gone(path);
	pthread_mutex_unlock(&disk.lock);
	return r;
}

int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	pthread_mutex_lock(&disk.lock);
	int r = __real_renameat2(from_dir, from, to_dir, to, flags);
	size_t file = r == 0 && disk.on ? file_named(name_of(from)) : NO_FILE;
	if (file != NO_FILE && name_of(to)) {
		size_t there = file_named(name_of(to));
		if (there != NO_FILE) {
			free(disk.files[there].name);
			disk.files[there].name = NULL;
		}
		free(disk.files[file].name);
		disk.files[file].name = strdup(name_of(to));
		log_add(RENAME, file, 0)->name = strdup(name_of(to));
	}
	pthread_mutex_unlock(&disk.lock);
	return r;
}

/* ---- replay ---- */

struct pending {
	const struct event *event;
	struct pending *next;
};

struct replayed {
	struct bytes all;
	struct bytes durable;
	struct pending *first; /* changes of the content since the last sync */
	struct pending **last;
	const char *name;         /* now */
	const char *durable_name; /* NULL: none */
};

struct disk_replay {
	size_t at; /* events */
	struct replayed *files;
	unsigned begun[STRANDS];
	unsigned acknowledged[STRANDS];
};

struct disk_replay *disk_replay_new(void)
{
	struct disk_replay *replay = calloc(1, sizeof(*replay));

	must(replay);
	replay->files = calloc(disk.nfiles + 1, sizeof(*replay->files));
	must(replay->files);
	for (size_t i = 0; i < disk.nfiles; i++) {
		struct replayed *file = &replay->files[i];
		file->last = &file->first;
		file->name = file->durable_name = disk.files[i].first_name;
		file->all = bytes_copy(&disk.files[i].first);
		file->durable = bytes_copy(&disk.files[i].first);
	}
	return replay;
}

static void pending_clear(struct replayed *file)
{
	while (file->first) {
		struct pending *next = file->first->next;
		free(file->first);
		file->first = next;
	}
	file->last = &file->first;
}

void disk_replay_free(struct disk_replay *replay)
{
	for (size_t i = 0; i < disk.nfiles; i++) {
		pending_clear(&replay->files[i]);
		free(replay->files[i].all.data);
		free(replay->files[i].durable.data);
	}
	free(replay->files);
	free(replay);
}

static void apply(struct bytes *bytes, const struct event *event)
{
	if (event->kind == WRITE)
		bytes_write(bytes, event->at, event->data.data, event->data.len);
	else
		bytes_set_len(bytes, event->at);
}

static void pending_add(struct replayed *file, const struct event *event)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	must(pending);
	pending->event = event;
	*file->last = pending;
	file->last = &pending->next;
	apply(&file->all, event);
}

/* A durable name is one file's alone. */
static void name_durable(struct disk_replay *replay, struct replayed *file)
{
	for (size_t i = 0; file->name && i < disk.nfiles; i++)
		if (replay->files[i].durable_name &&
			strcmp(replay->files[i].durable_name, file->name) == 0)
			replay->files[i].durable_name = NULL;
	file->durable_name = file->name;
}

static void file_synced(struct disk_replay *replay, struct replayed *file)
{
	for (const struct pending *p = file->first; p; p = p->next)
		apply(&file->durable, p->event);
	pending_clear(file);
	if (file->name)
		name_durable(replay, file);
}

static void folder_synced(struct disk_replay *replay)
{
	for (size_t i = 0; i < disk.nfiles; i++)
		replay->files[i].durable_name = replay->files[i].name;
}

static enum disk_event name_event(struct disk_replay *replay, const struct event *event)
{
	struct replayed *file = &replay->files[event->file];

	if (event->kind == RENAME)
		for (size_t i = 0; i < disk.nfiles; i++)
			if (replay->files[i].name &&
				strcmp(replay->files[i].name, event->name) == 0)
				replay->files[i].name = NULL;
	file->name = event->kind == UNLINK ? NULL : event->name;
	return DISK_NAME;
}

enum disk_event disk_replay_next(struct disk_replay *replay)
{
	if (replay->at == disk.nevents)
		return DISK_END;
	const struct event *event = &disk.events[replay->at++];
	struct replayed *file = &replay->files[event->file];
	switch (event->kind) {
	case WRITE:
	case TRUNCATE:
		pending_add(file, event);
		return DISK_WRITE;
	case SYNC:
		file_synced(replay, file);
		return DISK_SYNC;
	case SYNC_FOLDER:
		folder_synced(replay);
		return DISK_SYNC;
	case BEGUN:
		replay->begun[event->file] = (unsigned)event->at;
		return DISK_NOTE;
	case ACKNOWLEDGED:
		replay->acknowledged[event->file] = (unsigned)event->at;
		return DISK_NOTE;
	default:
		return name_event(replay, event);
	}
}

unsigned disk_replay_begun(const struct disk_replay *replay, unsigned strand)
{
	return replay->begun[strand];
}

unsigned disk_replay_acknowledged(const struct disk_replay *replay, unsigned strand)
{
	return replay->acknowledged[strand];
}

/* xorshift64* */
static uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

static bool coin(uint64_t *state)
{
	return random_next(state) >> 63;
}

/* Each sector of the write arrived or did not. */
static void apply_sectors(struct bytes *bytes, const struct event *event, uint64_t *state)
{
	size_t done = 0;

	while (done < event->data.len) {
		size_t at = event->at + done;
		size_t n = SECTOR - at % SECTOR;
		if (n > event->data.len - done)
			n = event->data.len - done;
		if (coin(state))
			bytes_write(bytes, at, event->data.data + done, n);
		done += n;
	}
}

/* Three ways in which a disk forgets: what came last, whole writes anywhere, sectors anywhere. */
static struct bytes torn(const struct replayed *file, uint64_t *state)
{
	struct bytes bytes = bytes_copy(&file->durable);
	unsigned way = (unsigned)(random_next(state) >> 33) % 3;
	size_t n = 0;

	for (const struct pending *p = file->first; p; p = p->next)
		n++;
	size_t arrived = n ? (random_next(state) >> 33) % (n + 1) : 0;
	for (const struct pending *p = file->first; p; p = p->next) {
		if (way == 0 && arrived-- == 0) {
			if (p->event->kind == WRITE)
				apply_sectors(&bytes, p->event, state);
			break;
		}
		if (way == 2 && p->event->kind == WRITE)
			apply_sectors(&bytes, p->event, state);
		else if (way == 0 || coin(state))
			apply(&bytes, p->event);
	}
	return bytes;
}

static void write_file(const char *folder, const char *name, const struct bytes *bytes)
{
	char path[PATH_MAX];
	size_t done = 0;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0);
	while (done < bytes->len) {
		ssize_t n = write(fd, bytes->data + done, bytes->len - done);
		must(n > 0);
		done += (size_t)n;
	}
	close(fd);
}

static void empty_folder(const char *folder)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(folder);

	must(dir);
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_type == DT_REG)
			must(__real_unlink(path) == 0);
	}
	closedir(dir);
}

void disk_replay_write(
	const struct disk_replay *replay, enum disk_kept kept, uint64_t seed, const char *folder)
{
	uint64_t state = seed * 2 + 1;

	for (int i = 0; i < 4; i++)
		random_next(&state);
	empty_folder(folder);
	for (size_t i = 0; i < disk.nfiles; i++) {
		const struct replayed *file = &replay->files[i];
		const char *name = kept == DISK_ALL ? file->name : file->durable_name;
		if (kept == DISK_TORN && coin(&state))
			name = file->name;
		if (!name)
			continue;
		if (kept == DISK_TORN) {
			struct bytes bytes = torn(file, &state);
			write_file(folder, name, &bytes);
			free(bytes.data);
		} else {
			write_file(folder, name, kept == DISK_ALL ? &file->all : &file->durable);
		}
	}
}
