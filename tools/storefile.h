/* SPDX-License-Identifier: MIT */
/*
 * storefile: which store a store verb works on, with which key and anchor, and in whose name.
 *
 * STORE may be left out: then it is the one of the settings file. Where STORE is that one, or left
 * out, key source and anchor come from the settings too if no option says otherwise.
 */
#ifndef TOOLS_STOREFILE_H
#define TOOLS_STOREFILE_H

#include <sys/stat.h>

#include "anchor.h"
#include "config.h"
#include "keyarg.h"
#include "store.h"

struct storefile {
	const char *path;    /* STORE; NULL until storefile_settle if it was left out */
	struct keyarg key;   /* the key that opens it */
	const char *anchor;  /* folder */
	bool anchor_said;    /* by an option, or it is the configured store's */
	bool anchor_default; /* the folder may be made */
	struct config config;
	struct stat st; /* storefile_lock's */
	int lock;
};

#define STOREFILE_INIT ((struct storefile){.key = KEYARG_INIT, .lock = -1})

#define STOREFILE_OPTIONS                                                                          \
	KEYARG_OPTIONS,                                                                            \
	{                                                                                          \
		.name = "anchor", .letter = 'a', .hidden = true, .takes = true                     \
	}

#define STOREFILE_HELP                                                                             \
	KEYARG_HELP                                                                                \
	"  --anchor FOLDER     where the daemon keeps the anchor\n"                                \
	"\n"                                                                                       \
	"STORE, the key and the anchor default to those of secretfs.conf.\n"

/* Takes one of these options. 1: it was one, 0: it was not. */
int storefile_take(struct storefile *file, int letter, const char *value, struct why *why);

/* Fills in what was not said from the settings. */
int storefile_settle(struct storefile *file, struct why *why);

/* Was a key given or configured? */
bool storefile_has_key(const struct storefile *file);

/* Looks at the file and takes the lock. */
int storefile_lock(struct storefile *file, enum store_use use, struct why *why);

/* The same, alone, where the store may be missing: then it will be the folder's owner's. -EPERM:
 * that is root's. */
int storefile_lock_place(struct storefile *file, struct why *why);

/* Is dest neither the store nor a file that belongs to it? -EINVAL. */
int storefile_apart(const struct storefile *file, const char *dest, struct why *why);

/*
 * Opens the anchor, while root. Of a store that nobody said anything of and that has no anchor,
 * such as a backup, there is none to look at: NULL. change: one that is not there is made. It is
 * storefile_open_slot that unlocks it.
 */
int storefile_anchor(
	struct storefile *file, bool change, struct anchor **ret_anchor, struct why *why);

/*
 * Root becomes the owner of the store, for good: what is in the file was perhaps written by
 * somebody who wants more. What only root may open must have been opened before.
 */
int storefile_become(const struct storefile *file, struct why *why);

/* Opens a slot with source, and derives the keys (struct keyslot_keys). ret_master may be NULL. */
int storefile_open_slot(const struct storefile *file, const struct secbuf *source,
	struct secbuf *ret_master, struct secbuf *ret_keys, struct why *why);

/* The same with the slots of another file, that nobody changes. */
int storefile_open_slot_of(const struct storefile *file, int fd, const char *what,
	const struct secbuf *source, struct secbuf *ret_master, struct secbuf *ret_keys,
	struct why *why);

static inline const struct keyslot_keys *storefile_keys(const struct secbuf *keys)
{
	return (const struct keyslot_keys *)(const void *)keys->data;
}

#endif
