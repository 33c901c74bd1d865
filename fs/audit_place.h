/* SPDX-License-Identifier: MIT */
/* audit_place: the folder of the audit log: made where it is missing, and nobody else's. */
#ifndef FS_AUDIT_PLACE_H
#define FS_AUDIT_PLACE_H

#include "config.h"
#include "unlock.h"
#include "why.h"

/*
 * Makes the folder (and, for a plain user, those above it) and checks that nobody but its owner,
 * who will write the log, can change what is in it. Above it folders may also be writable by a
 * group of the system's if they are root's, as /var/log is in places: its members could move the
 * log away, but neither read nor change it. -EPERM, -ENOENT, -errno; with a sentence. Nothing is
 * done where no log is wanted.
 */
int audit_place(const struct config *config, const struct unlock_reader *writer, struct why *why);

#endif
