/* SPDX-License-Identifier: MIT */
/*
 * secretctl: what a verb is, and what the verbs share.
 *
 * Each cmd_<verb>.c owns one struct verb; secretctl.c has the table of them. A verb returns 0 or
 * -errno after it has said with ctl_fail what went wrong; secretctl.c alone turns that into an exit
 * code. What no errno says, such as the exit code of a program that was run, is returned as the
 * exit code itself, above 0.
 */
#ifndef TOOLS_SECRETCTL_H
#define TOOLS_SECRETCTL_H

#include <stdbool.h>
#include <stddef.h>

#include "why.h"

struct ctl {
	const char *verb;  /* "create", "store init": begins every message */
	const char *mount; /* -m DIR, or NULL */
};

struct verb {
	const char *group; /* "store", or NULL */
	const char *name;
	const char *summary; /* one line for secretctl --help */
	const char *help;    /* all of --help; ends with a newline */
	bool secrets;        /* needs locked memory */
	bool hidden;         /* not for people: in no list */
	bool store;          /* works on a store file: its errors have another meaning */
	int (*run)(struct ctl *ctl, int argc, char **argv); /* argv without the verb */
};

/* Prints "secretctl: VERB: WHY" and returns err. */
int ctl_fail(const struct ctl *ctl, int err, const struct why *why);

/* The verbs by number, those of a group together; NULL: no more. */
const struct verb *ctl_verb(size_t number);

/* From here on a signal from the terminal does not stop the program half-way. */
void ctl_begin_change(void);

extern const struct verb cmd_access;
extern const struct verb cmd_audit;
extern const struct verb cmd_audit_verify;
extern const struct verb cmd_check;
extern const struct verb cmd_complete;
extern const struct verb cmd_create;
extern const struct verb cmd_delete;
extern const struct verb cmd_diff;
extern const struct verb cmd_doctor;
extern const struct verb cmd_export;
extern const struct verb cmd_get;
extern const struct verb cmd_grant;
extern const struct verb cmd_history;
extern const struct verb cmd_import;
extern const struct verb cmd_inject;
extern const struct verb cmd_list;
extern const struct verb cmd_purge;
extern const struct verb cmd_register;
extern const struct verb cmd_rename;
extern const struct verb cmd_revoke;
extern const struct verb cmd_rollback;
extern const struct verb cmd_run;
extern const struct verb cmd_status;
extern const struct verb cmd_store_backup;
extern const struct verb cmd_store_compact;
extern const struct verb cmd_store_info;
extern const struct verb cmd_store_init;
extern const struct verb cmd_store_key;
extern const struct verb cmd_store_restore;
extern const struct verb cmd_store_rotate;
extern const struct verb cmd_store_verify;
extern const struct verb cmd_tree;
extern const struct verb cmd_update;
extern const struct verb cmd_watch;

#endif
