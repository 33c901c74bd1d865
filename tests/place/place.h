/* SPDX-License-Identifier: MIT */
/*
 * place: a folder with a new store and its key file, for a test program. One thread.
 */
#ifndef TESTS_PLACE_H
#define TESTS_PLACE_H

#include <stddef.h>

#include "keyslot.h"
#include "secmem.h"
#include "why.h"

struct place {
	char folder[128]; /* below $TMPDIR, or /tmp */
	char key[160];    /* key file */
	char store[160];  /* folder/s/store.db */
	struct keyslot_keys *keys;
	struct secbuf memory; /* that the keys lie in */
	void *image;          /* of the store as it was made */
	size_t image_len;
};

/* A store's keys, from the bytes of its key file: a struct keyslot_keys in ret_memory. -errno. */
int place_keys(
	const char *store, const struct secbuf *source, struct secbuf *ret_memory, struct why *why);

/* secmem_init must have been called. Says on stderr what went wrong and returns -errno. */
int place_make(struct place *place);

/* Keeps the store as it is now for place_reset; place_make has done so. -errno. */
int place_keep(struct place *place);

/* Puts the store back as it was made; nobody may have it open. -errno. */
int place_reset(const struct place *place);

/* Wipes the keys and removes the folder with all that is in it. */
void place_remove(struct place *place);

/* Removes a folder with all that is in it. */
void place_remove_folder(const char *folder);

#endif
