// SPDX-License-Identifier: MIT
/*
 * sc: makes one system call and prints "OK" (or what was asked for) or the errno's name, so that a
 * test can compare errors exactly. Exit status 0, or 1 after an error.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

struct word {
	const char *name;
	int flag;
};

static const struct word open_words[] = {
	{"O_RDONLY", O_RDONLY},
	{"O_WRONLY", O_WRONLY},
	{"O_RDWR", O_RDWR},
	{"O_CREAT", O_CREAT},
	{"O_EXCL", O_EXCL},
	{"O_TRUNC", O_TRUNC},
	{"O_APPEND", O_APPEND},
	{"O_DIRECTORY", O_DIRECTORY},
	{"O_NOFOLLOW", O_NOFOLLOW},
	{"O_PATH", O_PATH},
	{"O_TMPFILE", O_TMPFILE},
	{NULL, 0},
};

static const struct word rename_words[] = {
	{"NOREPLACE", RENAME_NOREPLACE},
	{"EXCHANGE", RENAME_EXCHANGE},
	{"WHITEOUT", RENAME_WHITEOUT},
	{NULL, 0},
};

/* "A|B" from a table; an unknown word is the test's mistake. */
static int flags_of(const struct word *words, char *text)
{
	int flags = 0;

	for (char *t = strtok(text, "|"); t; t = strtok(NULL, "|")) {
		const struct word *w = words;

		while (w->name && strcmp(w->name, t) != 0)
			w++;
		if (!w->name) {
			fprintf(stderr, "sc: unknown flag %s\n", t);
			exit(2);
		}
		flags |= w->flag;
	}
	return flags;
}

static unsigned number(const char *text, int base)
{
	return (unsigned)strtoul(text, NULL, base);
}

static int sc_open(char **a)
{
	int fd = open(a[0], flags_of(open_words, a[1]), a[2] ? number(a[2], 8) : 0644);

	return fd < 0 ? -1 : close(fd);
}

static int sc_mkdir(char **a)
{
	return mkdir(a[0], a[1] ? number(a[1], 8) : 0755);
}

static int sc_rmdir(char **a)
{
	return rmdir(a[0]);
}

static int sc_unlink(char **a)
{
	return unlink(a[0]);
}

static int sc_symlink(char **a)
{
	return symlink(a[0], a[1]);
}

static int sc_link(char **a)
{
	return link(a[0], a[1]);
}

static int sc_mknod(char **a)
{
	return mknod(a[0], S_IFREG | 0644, 0);
}

static int sc_mkdev(char **a)
{
	return mknod(a[0], S_IFCHR | 0644, makedev(1, 3));
}

static int sc_mkfifo(char **a)
{
	return mkfifo(a[0], 0644);
}

static int sc_rename(char **a)
{
	unsigned flags = a[2] ? (unsigned)flags_of(rename_words, a[2]) : 0;

	return renameat2(AT_FDCWD, a[0], AT_FDCWD, a[1], flags);
}

static int sc_chmod(char **a)
{
	return chmod(a[0], number(a[1], 8));
}

static int sc_chown(char **a)
{
	return lchown(a[0], number(a[1], 10), number(a[2], 10));
}

static int sc_truncate(char **a)
{
	return truncate(a[0], strtol(a[1], NULL, 10));
}

static int sc_stat(char **a)
{
	struct stat st;

	return lstat(a[0], &st);
}

static int sc_setxattr(char **a)
{
	return setxattr(a[0], a[1], a[2], strlen(a[2]), 0);
}

static int sc_getxattr(char **a)
{
	char value[4096];

	return getxattr(a[0], a[1], value, sizeof(value)) < 0 ? -1 : 0;
}

static int sc_listxattr(char **a)
{
	char value[4096];

	return listxattr(a[0], value, sizeof(value)) < 0 ? -1 : 0;
}

/* Opens a folder and reads it to its end. */
static int sc_list(char **a)
{
	DIR *dir = opendir(a[0]);
	int err;

	if (!dir)
		return -1;
	errno = 0;
	while (readdir(dir))
		;
	err = errno;
	closedir(dir);
	errno = err;
	return err ? -1 : 0;
}

static int sc_read(char **a)
{
	char bytes[4096];
	int fd = open(a[0], O_RDONLY);
	ssize_t n;
	int err;

	if (fd < 0)
		return -1;
	do
		n = read(fd, bytes, sizeof(bytes));
	while (n > 0);
	err = errno;
	close(fd);
	errno = err;
	return n < 0 ? -1 : 0;
}

/* put PATH LENGTH BYTE: a whole new value; the first error of write and close counts. */
static int sc_put(char **a)
{
	size_t len = strtoul(a[1], NULL, 10), done = 0;
	char *bytes = malloc(len + 1);
	int fd = open(a[0], O_WRONLY | O_CREAT | O_TRUNC, 0644);
	int err = 0;

	if (fd < 0 || !bytes) {
		free(bytes);
		return -1;
	}
	memset(bytes, a[2][0], len);
	while (done < len && !err) {
		ssize_t n = write(fd, bytes + done, len - done);

		if (n < 0)
			err = errno;
		else
			done += (size_t)n;
	}
	if (close(fd) < 0 && !err)
		err = errno;
	free(bytes);
	errno = err;
	return err ? -1 : 0;
}

/* pwrite PATH OFFSET TEXT, into what is there. */
static int sc_pwrite(char **a)
{
	int fd = open(a[0], O_WRONLY);
	int err = 0;

	if (fd < 0)
		return -1;
	if (pwrite(fd, a[2], strlen(a[2]), strtol(a[1], NULL, 10)) < 0)
		err = errno;
	if (close(fd) < 0 && !err)
		err = errno;
	errno = err;
	return err ? -1 : 0;
}

/* Changes a byte through a shared mapping, if it is let. */
static int sc_mapshared(char **a)
{
	int fd = open(a[0], O_RDWR);
	int err = 0;
	char *p;

	if (fd < 0)
		return -1;
	p = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		err = errno;
	} else {
		*p = '!';
		if (msync(p, 1, MS_SYNC) < 0)
			err = errno;
		munmap(p, 1);
	}
	if (close(fd) < 0 && !err)
		err = errno;
	errno = err;
	return err ? -1 : 0;
}

static const struct {
	const char *name;
	int nargs; /* at least */
	int (*call)(char **args);
} calls[] = {
	{"open", 2, sc_open},
	{"mkdir", 1, sc_mkdir},
	{"rmdir", 1, sc_rmdir},
	{"unlink", 1, sc_unlink},
	{"symlink", 2, sc_symlink},
	{"link", 2, sc_link},
	{"mknod", 1, sc_mknod},
	{"mkdev", 1, sc_mkdev},
	{"mkfifo", 1, sc_mkfifo},
	{"rename", 2, sc_rename},
	{"chmod", 2, sc_chmod},
	{"chown", 3, sc_chown},
	{"truncate", 2, sc_truncate},
	{"stat", 1, sc_stat},
	{"setxattr", 3, sc_setxattr},
	{"getxattr", 2, sc_getxattr},
	{"listxattr", 1, sc_listxattr},
	{"list", 1, sc_list},
	{"read", 1, sc_read},
	{"put", 3, sc_put},
	{"pwrite", 3, sc_pwrite},
	{"mapshared", 1, sc_mapshared},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].name, argv[1]) != 0 || argc - 2 < calls[i].nargs)
			continue;
		if (calls[i].call(argv + 2) == 0) {
			puts("OK");
			return 0;
		}
		puts(strerrorname_np(errno));
		return 1;
	}
	fprintf(stderr, "usage: sc CALL ARGUMENT...\n");
	return 2;
}
