/* SPDX-License-Identifier: MIT */
/*
 * outfile: bytes that may be secret on their way to standard output or to a file.
 *
 * They are collected in secret memory. A file is written aside, with mode 0600, and appears under
 * its name when it is whole and on the disk; no symbolic link is followed and nothing is replaced
 * unless that was asked for.
 */
#ifndef TOOLS_OUTFILE_H
#define TOOLS_OUTFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "secmem.h"
#include "why.h"

struct outfile {
	const char *path; /* the caller's; NULL: standard output */
	const char *name; /* in path, behind the last slash */
	bool replace;
	int dir; /* O_PATH */
	int fd;
	char temp[40]; /* while there is such a file in dir */
	struct secbuf buffer;
};

#define OUTFILE_INIT ((struct outfile){.dir = -1, .fd = -1})

/*
 * Says whether path could be written, before anything is done. path NULL or "-": standard output.
 * -EEXIST: it is there, and replace is false; or it is no regular file.
 */
int outfile_plan(struct outfile *out, const char *path, bool replace, struct why *why);

/* Opens what was planned. */
int outfile_open(struct outfile *out, struct why *why);

int outfile_put(struct outfile *out, const void *bytes, size_t len);
int outfile_byte(struct outfile *out, char c);

/* Writes what is still collected; gives the file its name. */
int outfile_commit(struct outfile *out, struct why *why);

/* The sentence for an error of outfile_put. Returns err. */
int outfile_why(const struct outfile *out, struct why *why, int err);

/* Without a commit nothing is left. */
void outfile_close(struct outfile *out);

#define AUTO_OUTFILE __attribute__((cleanup(outfile_close))) struct outfile

#endif
