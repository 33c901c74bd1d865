/* SPDX-License-Identifier: MIT */
/* reload: the phases. */
#include "reload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "fd.h"

int reload_connect(struct reload *reload)
{
	const struct handover_message take = {.kind = HANDOVER_TAKE, .size = reload->memory.size};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	AUTO_FD ours = ends[0];
	AUTO_FD theirs = ends[1];
	/* Theirs waits. */
	if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	int r = handover_send(ours, &take, reload->memory.fd);
	if (r < 0)
		return r;
	fd_close(&reload->socket);
	reload->socket = fd_take(&ours);
	return fd_take(&theirs);
}

int reload_ask(struct reload *reload)
{
	const struct handover_message pause = {.kind = HANDOVER_PAUSE};
	int r = handover_send(reload->socket, &pause, -1);

	if (r == 0)
		reload->phase = RELOAD_ASKED;
	return r;
}

static bool give_room(struct reload *reload, size_t size, struct why *why)
{
	struct handover_message answer = {.kind = HANDOVER_ROOM, .size = size};

	handover_memory_free(&reload->memory);
	int r = handover_memory_make(size, &reload->memory);
	if (r == 0)
		r = handover_send(reload->socket, &answer, reload->memory.fd);
	if (r == 0)
		return true;
	why_set(why, r, "%zu KiB of memory for what is open: %s; raise the limit (ulimit -l)",
		size / 1024, strerror(-r));
	answer.kind = HANDOVER_GO_ON;
	handover_send(reload->socket, &answer, -1);
	return false;
}

bool reload_message(struct reload *reload, struct why *why)
{
	struct handover_message message;
	AUTO_FD fd = -1;
	int r = handover_receive(reload->socket, &message, &fd);
	bool goes_on = true;

	if (r == -EAGAIN)
		return true;
	if (r < 0) {
		/* It has ended: its death says how. */
		fd_close(&reload->socket);
		return true;
	}
	if (reload->phase != RELOAD_ASKED)
		return true;
	if (message.kind == HANDOVER_DONE) {
		reload->phase = RELOAD_DONE;
	} else if (message.kind == HANDOVER_NEED) {
		goes_on = give_room(reload, message.size, why);
	} else if (message.kind == HANDOVER_NO) {
		why_set(why, -EBUSY, "%s", message.text);
		goes_on = false;
	}
	if (!goes_on) {
		reload->phase = RELOAD_NO;
		handover_memory_free(&reload->memory);
	}
	return goes_on;
}

bool reload_ended(struct reload *reload)
{
	struct why unused;

	/* Its last words may not have been read yet. */
	for (int i = 0; i < 2 && reload->phase == RELOAD_ASKED && reload->socket >= 0; i++)
		reload_message(reload, &unused);
	fd_close(&reload->socket);
	if (reload->phase == RELOAD_DONE)
		return true;
	reload_taken(reload);
	return false;
}

void reload_taken(struct reload *reload)
{
	reload->phase = RELOAD_NO;
	handover_memory_free(&reload->memory);
}

void reload_free(struct reload *reload)
{
	handover_memory_free(&reload->memory);
	fd_close(&reload->socket);
}
