/* SPDX-License-Identifier: MIT */
/*
 * page: one page of memory behind a descriptor, for what must outlive a worker and never reach a
 * disk. memfd_secret where the kernel has it, else a memfd that the maker keeps mapped and locked.
 *
 * Threads: any.
 */
#ifndef FS_PAGE_H
#define FS_PAGE_H

#include <stdbool.h>

#define PAGE_BYTES 4096

/*
 * Makes the page, zeroed, and calls fill with it, whose -errno is returned. frozen: nobody shall
 * map it for writing from then on (which a memfd can promise, and memfd_secret cannot). name: for
 * /proc. Returns a close-on-exec descriptor or -errno.
 */
int page_make(
	const char *name, bool frozen, int (*fill)(void *page, const void *arg), const void *arg);

/* Maps it shared, out of core dumps and not for children. NULL: errno says why. */
void *page_map(int fd, int protection);

/* The same, locked too: for a worker, before it changes its credentials. */
void *page_map_locked(int fd, int protection);

#endif
