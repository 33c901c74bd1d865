/* SPDX-License-Identifier: MIT */
/*
 * subject: whom rights are given to, and which, as a person writes it:
 *
 *     user:alice=read,write    group:ops=list    other
 *
 *     list     names of the keys, sizes and times    r-x on the secret
 *     read     their values; implies list            r-x on the secret, r on its keys
 *     write    new values for them                   --x on the secret, w on its keys
 *     create   new keys                              -wx on the secret, with the sticky bit
 *     delete   removing and renaming keys            -wx on the secret, without it; only with
 * create
 */
#ifndef TOOLS_SUBJECT_H
#define TOOLS_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "why.h"

enum rights {
	RIGHTS_LIST = 1,
	RIGHTS_READ = 2,
	RIGHTS_WRITE = 4,
	RIGHTS_CREATE = 8,
	RIGHTS_DELETE = 16,
	RIGHTS_ALL = 31,
};

#define RIGHTS_TEXT 48

/* "list,read". -EINVAL, with a near miss. */
int rights_parse(const char *text, unsigned *ret_rights, struct why *why);

/* "list, read", or "nothing". */
void rights_print(unsigned rights, char ret_text[static RIGHTS_TEXT]);

/* The word of one of them, by number from 0; NULL: no more. */
const char *rights_word(size_t number);

/* ACLIST_R and so on that they need on a secret and on its keys. */
unsigned rights_folder(unsigned rights);
unsigned rights_key(unsigned rights);

enum subject_kind { SUBJECT_USER, SUBJECT_GROUP, SUBJECT_OTHER };

#define SUBJECT_TEXT   288
#define SUBJECT_GROUPS 256

struct subject {
	enum subject_kind kind;
	uint32_t id;
	unsigned rights; /* 0: none were named */
	char text[SUBJECT_TEXT];
	gid_t groups[SUBJECT_GROUPS]; /* of a user */
	size_t ngroups;
};

/* -EINVAL: not of the form; -ENOENT: no such user or group, with a near miss. A number need not
 * have a name. */
int subject_parse(struct subject *ret_subject, const char *text, struct why *why);

/* One that is known by number. */
void subject_init(struct subject *ret_subject, enum subject_kind kind, uint32_t id);

bool subject_in(const struct subject *subject, gid_t group);

#endif
