/* SPDX-License-Identifier: MIT */
/*
 * trail: what is worth a line in the audit log, and what stands in it. One line for each opening
 * for reading, commit, creation, removal, renaming, change of permissions, and for each refusal by
 * the worker, after the operation and before the reply.
 *
 * While a callback serves a request it notes what it is about (trail_note_*), and says with
 * trail_done how it ended. Failures that nobody said anything of come here by ops_fail. A note
 * lasts until the next trail_done or the end of the request.
 *
 * The same of one process on one node within a second is written once, and how often it was
 * repeated in another line with "count" when the second is over.
 *
 * Threads: each notes for itself.
 */
#ifndef FS_TRAIL_H
#define FS_TRAIL_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "audit_page.h"
#include "config.h"
#include "node.h"
#include "snapshot.h"
#include "why.h"

struct trail_settings {
	const struct config *config;
	int page_fd; /* struct audit_page */
	/* The last line that is known from elsewhere, 0: none. */
	uint64_t known_n;
	uint8_t known_hash[AUDIT_HASH];
	void (*synced)(uint64_t n, const uint8_t hash[AUDIT_HASH]); /* may be NULL */
};

/* Before the credentials change: maps and locks the page. After: opens the file. Nothing if the
 * configuration says off. */
int trail_map(const struct trail_settings *settings, struct why *why);
int trail_open(struct why *why);

/* Takes over the log; then its thread, whose begin and end are called as those of later.h. */
int trail_begin(struct why *why);
int trail_start(int (*begin)(void), void (*end)(void));

/* Nothing that was put aside is served from when this returns until trail_go_on (or trail_stop). */
void trail_pause(void);
void trail_go_on(void);

/* goodbye: the daemon ends; false: another worker goes on. */
void trail_stop(bool goodbye);

/* SIGUSR1: the file was rotated. May be called in a signal's handler. */
void trail_rotated(void);

/* Must a request wait, as the kernel sent it, because its user floods the log? */
bool trail_waits(const void *request);

/* Puts it aside (its user has no more than FLOOD_WAITING there); again is called with it and arg
 * when its time has come, in the log's thread. false: it cannot be: serve it now. */
bool trail_delay(const void *request, size_t len,
	void (*again)(void *request, size_t len, uintptr_t arg), uintptr_t arg);

/* Before it is served. true: there is no room for the line that it would have to write, so it was
 * answered with ENOSPC. again: it may have been served already, so it is finished. */
bool trail_refuse(const void *request, size_t len, bool again);

/* Is there room for the line of a commit? -ENOSPC. */
int trail_room(void);

/* ---- notes ---- */

void trail_note_snapshot(const struct snapshot *snapshot);

/* What a node is now, read from the store: not within a by_name listing. */
void trail_note_node(uint64_t node);

/* A name in a directory that is about to be made, removed or renamed; whether it is there or not.
 */
void trail_note_child(const struct node *dir, const char *name);

/* What a name becomes. */
void trail_note_target(const struct node *dir, const char *name, bool exchange);

/* New permissions: those bits of FUSE_SET_ATTR_* that are set. acl: "access", "default" or NULL. */
void trail_note_permission(int to_set, const struct stat *st, const char *acl);

/* Somebody else's private namespace. */
void trail_note_private(uint32_t owner);

/* ---- lines ---- */

/*
 * The operation ended with r. Returns r, or -EIO if it went well but the line that has to be there
 * could not be written. operation: a word that lives for ever.
 */
int trail_done(fuse_req_t req, const char *operation, int r);

/* Somebody who has opened version seen (struct snapshot's id) is given what was noted, through the
 * page cache: worth a line if that is another version. */
int trail_reread(fuse_req_t req, uint64_t seen, int r);

/* The same for somebody else than the caller: who opened what is committed. uid UINT32_MAX: nobody
 * knows any more. */
int trail_done_as(uint32_t uid, uint32_t gid, int32_t pid, const char *operation, int r);

/* Called by ops_fail: a refusal that no trail_done has told. */
void trail_failed(fuse_req_t req, int err);

/* Members of the status' object, with a comma in front. Returns the length. */
size_t trail_status(char *text, size_t size);

#endif
