/* SPDX-License-Identifier: MIT */
/*
 * reload: the supervisor's side of making one worker give way to another (handover.h): what was
 * asked, what was answered, and the memory in between.
 *
 * Threads: the supervisor's only one.
 */
#ifndef FS_RELOAD_H
#define FS_RELOAD_H

#include <stdbool.h>

#include "handover.h"
#include "why.h"

enum reload_phase {
	RELOAD_NO,
	RELOAD_ASKED, /* the worker was told to pause, or is writing */
	RELOAD_DONE,  /* all is in the memory; the worker is ending, or has ended */
};

struct reload {
	enum reload_phase phase;
	int socket; /* to the worker of now; -1: none */
	struct handover_memory memory;
};

#define RELOAD_INIT ((struct reload){.socket = -1, .memory = HANDOVER_MEMORY_NONE})

/* A new worker's socket, in which what was left for it lies already. Returns its end of it (the
 * caller's to close), or -errno. */
int reload_connect(struct reload *reload);

/* Tells the worker to make room. -errno: it cannot be told. */
int reload_ask(struct reload *reload);

/* Something came from the worker. false: it goes on serving, for the reason in why. */
bool reload_message(struct reload *reload, struct why *why);

/* The worker has ended. true: it has left everything. */
bool reload_ended(struct reload *reload);

/* A new worker has taken all over: what was left is wiped. */
void reload_taken(struct reload *reload);

void reload_free(struct reload *reload);

#endif
