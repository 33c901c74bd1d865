/* SPDX-License-Identifier: MIT */
/*
 * status: what the daemon says of itself in .secretfs/status, as JSON. Numbers only: no name, no
 * user's data. Threads: any.
 */
#ifndef FS_STATUS_H
#define FS_STATUS_H

#include <stdint.h>

#include "secmem.h"

/* One more for each opening, so that each shows the state of its moment. */
uint64_t status_serial(void);

int status_render(uint32_t uid, struct secbuf *ret_text);

/* Counted for the status: one request, and one that was answered with an error that is the daemon's
 * own (EIO, ENOMEM, ENOSPC). */
void status_operation(void);
void status_error(void);

#endif
