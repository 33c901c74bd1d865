/* SPDX-License-Identifier: MIT */
/*
 * sandbox: what a worker can still reach when somebody has taken it over: the store's folder, the
 * descriptors it has (boot.h), /proc to read, and the system calls that it needs.
 *
 *     sandbox_namespaces   before the credentials change: no network, no System V memory of others
 *     sandbox_files        after no_new_privs: Landlock
 *     sandbox_calls        last, before there are threads: seccomp; another call ends the process
 *                          by SIGSYS
 *
 * Rings (ring.h) are made before, and can do nothing but carry requests; with them the calls that
 * use them are allowed too.
 *
 * There is no setting for it. What a kernel does not have is said once in the log, but for the
 * filter of calls: without it there is no worker.
 *
 * Builds with sanitizers have looser rules, since those need more: every file may be read, and
 * there is no filter of calls, which they log.
 */
#ifndef FS_SANDBOX_H
#define FS_SANDBOX_H

#include <stdbool.h>

#include "why.h"

/* As root only. */
void sandbox_namespaces(void);

/* Paths of the store and of the audit log, NULL: there is none. first: of this mount's workers, so
 * what is missing is logged. */
int sandbox_files(const char *store, const char *audit, bool first, struct why *why);

int sandbox_calls(bool first, struct why *why);

#endif
