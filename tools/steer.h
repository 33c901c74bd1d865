/* SPDX-License-Identifier: MIT */
/*
 * steer: variables that decide what program code is run, or whom a program believes: those of the
 * loader and the C library, of shells, interpreters, build tools, git, ssh, TLS and proxies.
 *
 * Whoever may set one of them may run code as the user of the program. So run takes none of them
 * from a secret of somebody else.
 */
#ifndef TOOLS_STEER_H
#define TOOLS_STEER_H

#include <stdbool.h>
#include <stddef.h>

bool steer_variable(const char *name, size_t len);

#endif
