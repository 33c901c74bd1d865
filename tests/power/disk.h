/* SPDX-License-Identifier: MIT */
/*
 * disk: a disk below SQLite that can be watched and broken.
 *
 * A VFS that stands before the system's own. It can write down every change to the files of one
 * folder, from which the folder can be made again as a power cut would have left it; and it can
 * make calls fail. What the store does to files without SQLite (pwrite, fsync, fdatasync,
 * renameat2, unlink) is watched too, in a program linked with DISK_WRAPS (CMakeLists.txt).
 *
 * Threads: the watched program may have any; all functions here are for one thread.
 */
#ifndef TESTS_DISK_H
#define TESTS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes it SQLite's default VFS. Before it the library must have been set up by the store (any
 * call of store_info does). */
void disk_install(void);

/* ---- watching ---- */

/* From now on; what is in the folder is taken for safe on the disk. No file of it may be open. */
void disk_watch(const char *folder);
void disk_unwatch(void);

/* A second folder, on the same disk, after disk_watch. Its files are made again in the same folder
 * as the others, so no two may have the same name. */
void disk_watch_also(const char *folder);

/* An event of the watcher's own: of one of 16 strands, something that has happened so many
 * times. */
void disk_begun(unsigned strand, unsigned count);
void disk_acknowledged(unsigned strand, unsigned count);

/* ---- making the folder again ---- */

enum disk_kept {
	DISK_ALL,    /* every write arrived: the program died, not the machine */
	DISK_SYNCED, /* only what was synced */
	DISK_TORN, /* some of the rest too: any of the writes, any of their sectors of 512 bytes */
};

struct disk_replay;

/* Of what was watched; stands before the first event. */
struct disk_replay *disk_replay_new(void);
void disk_replay_free(struct disk_replay *replay);

enum disk_event { DISK_END, DISK_WRITE, DISK_SYNC, DISK_NAME, DISK_NOTE };

/* Goes behind the next event and says what it was. */
enum disk_event disk_replay_next(struct disk_replay *replay);

/* How often what a strand does was begun, and acknowledged, up to here. */
unsigned disk_replay_begun(const struct disk_replay *replay, unsigned strand);
unsigned disk_replay_acknowledged(const struct disk_replay *replay, unsigned strand);

/* Writes the files to a folder, which is emptied first. seed: of what DISK_TORN keeps. */
void disk_replay_write(
	const struct disk_replay *replay, enum disk_kept kept, uint64_t seed, const char *folder);

/* ---- breaking ---- */

enum disk_call {
	DISK_CALL_READ = 1,
	DISK_CALL_WRITE = 2,
	DISK_CALL_SYNC = 4,
	DISK_CALL_TRUNCATE = 8,
	DISK_CALL_OPEN = 16,
	DISK_CALL_SHM = 32,
	DISK_CALL_SIZE = 64,
	DISK_CALL_DELETE = 128,
};

/* The nth call (from 1) of these kinds from now on fails with err (EIO, ENOSPC); with lasting all
 * after it too. A write that fails has written its first half. */
void disk_break(unsigned calls, unsigned nth, bool lasting, int err);

/* How many calls have failed; ends the breaking. */
unsigned disk_mend(void);

#endif
