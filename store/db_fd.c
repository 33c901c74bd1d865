/* SPDX-License-Identifier: MIT */
/*
 * db_fd: a database in a file that is already open, for a process that could not open it by its
 * name any more. A VFS of SQLite's whose file names are numbers of descriptors. Nobody else may
 * have the file open: there are no locks, no log and no journal.
 */
#include "db_fd.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 4096

struct db_fd_file {
	sqlite3_file base;
	int fd;
	int flags; /* of xOpen */
};

static int fd_of(sqlite3_file *file)
{
	return ((struct db_fd_file *)file)->fd;
}

static int file_close(sqlite3_file *file)
{
	(void)file; /* the descriptor is the caller's */
	return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 at)
{
	int got = 0;

	while (got < n) {
		ssize_t r = pread(fd_of(file), (char *)bytes + got, (size_t)(n - got), at + got);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return SQLITE_IOERR_READ;
		if (r == 0) {
			memset((char *)bytes + got, 0, (size_t)(n - got));
			return SQLITE_IOERR_SHORT_READ;
		}
		got += (int)r;
	}
	return SQLITE_OK;
}

static int file_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
	int put = 0;

	while (put < n) {
		ssize_t r =
			pwrite(fd_of(file), (const char *)bytes + put, (size_t)(n - put), at + put);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return errno == ENOSPC || errno == EDQUOT ? SQLITE_FULL
								  : SQLITE_IOERR_WRITE;
		put += (int)r;
	}
	return SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return ftruncate(fd_of(file), size) < 0 ? SQLITE_IOERR_TRUNCATE : SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int how)
{
	(void)how;
	return fsync(fd_of(file)) < 0 ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
	struct stat st;

	if (fstat(fd_of(file), &st) < 0)
		return SQLITE_IOERR_FSTAT;
	*ret_size = st.st_size;
	return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int lock)
{
	(void)file;
	(void)lock;
	return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *file, int *ret_reserved)
{
	(void)file;
	*ret_reserved = 0;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
	(void)file;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *file)
{
	(void)file;
	return SECTOR;
}

/* A file that is only read never changes: then SQLite asks for no log beside it. */
static int file_traits(sqlite3_file *file)
{
	return ((struct db_fd_file *)file)->flags & SQLITE_OPEN_READONLY ? SQLITE_IOCAP_IMMUTABLE
									 : 0;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_lock,
	.xCheckReservedLock = file_check_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_traits,
};

static int vfs_open(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	struct db_fd_file *opened = (struct db_fd_file *)file;

	(void)vfs;
	opened->base.pMethods = NULL;
	if (!name || !(flags & SQLITE_OPEN_MAIN_DB))
		return SQLITE_CANTOPEN;
	opened->fd = atoi(name);
	opened->flags = flags;
	opened->base.pMethods = &methods;
	if (ret_flags)
		*ret_flags = flags;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	(void)name;
	(void)sync;
	return SQLITE_IOERR_DELETE;
}

/* There is nothing beside the file. */
static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_there)
{
	(void)vfs;
	(void)name;
	(void)flags;
	*ret_there = 0;
	return SQLITE_OK;
}

static int vfs_full(sqlite3_vfs *vfs, const char *name, int size, char *ret_name)
{
	(void)vfs;
	return snprintf(ret_name, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

int db_fd_register(void)
{
	static sqlite3_vfs vfs;
	const sqlite3_vfs *usual = sqlite3_vfs_find(NULL);

	if (!usual)
		return -EIO;
	/* Time, randomness and sleeping are the usual ones. */
	vfs = *usual;
	vfs.iVersion = 1;
	vfs.szOsFile = (int)sizeof(struct db_fd_file);
	vfs.pNext = NULL;
	vfs.zName = DB_FD_VFS;
	vfs.xOpen = vfs_open;
	vfs.xDelete = vfs_delete;
	vfs.xAccess = vfs_access;
	vfs.xFullPathname = vfs_full;
	return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? 0 : -EIO;
}
