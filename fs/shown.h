/* SPDX-License-Identifier: MIT */
/*
 * shown: which version of a key the kernel's page cache holds, so that who opens that version again
 * finds its pages there (kernel_cache). The kernel drops a key's pages when an OPEN is answered
 * without "keep"; it has done so for certain when the next request with that handle comes.
 *
 * What is not known is dropped: the table is small, two keys may want the same place, and a new
 * worker knows of none.
 *
 * Threads: any.
 */
#ifndef FS_SHOWN_H
#define FS_SHOWN_H

#include <stdint.h>

enum shown {
	SHOWN_KEEP,  /* all pages of the key that there are show this version */
	SHOWN_DROP,  /* perhaps not */
	SHOWN_FIRST, /* the same, and the kernel may believe in another size */
};

/* A key is being opened in a version, through the page cache. */
enum shown shown_open(uint64_t node, uint64_t value_id);

/* Who opened it in that version through the page cache asks for something with his handle. */
void shown_opened(uint64_t node, uint64_t value_id);

/* Pages of the key are filled with a version. */
void shown_fill(uint64_t node, uint64_t value_id);

#endif
