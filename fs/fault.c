/* SPDX-License-Identifier: MIT */
/* fault: failures on demand, for the tests. */
#include "fault.h"

#ifdef SECRETFS_FAULTS
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store.h"

static void die(void)
{
	raise(SIGKILL);
}

static _Atomic int armed;

void fault_here(enum fault_at at)
{
	if (armed == (int)at)
		die();
}

void fault_lookup(const char *name)
{
	if (strncmp(name, ".fault-", 7) != 0)
		return;
	if (strcmp(name, ".fault-segv") == 0) {
		signal(SIGSEGV, SIG_DFL);
		raise(SIGSEGV);
	}
	if (strcmp(name, ".fault-abort") == 0)
		abort();
	while (strcmp(name, ".fault-hang") == 0)
		pause();
	if (strcmp(name, ".fault-commit") == 0)
		store_fault_committed = die;
	if (strcmp(name, ".fault-open") == 0)
		armed = FAULT_OPEN;
	if (strcmp(name, ".fault-close") == 0)
		armed = FAULT_CLOSE;
}
#endif
