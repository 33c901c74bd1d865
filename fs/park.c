/* SPDX-License-Identifier: MIT */
/* park: the list of what waits, by node and by time. */
#include "park.h"

#include <errno.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "handle.h"
#include "later.h"
#include "openings.h"
#include "ops.h"
#include "ring.h"

struct parked {
	struct parked *next;
	fuse_req_t req;
	fuse_ino_t ino;
	struct fuse_file_info fi;
	bool has_fi;
	park_reason *reason;
	park_answer *answer;
	unsigned ms;
	uint64_t serial;
	unsigned place; /* where the request lies, should the worker die meanwhile */
};

static struct {
	pthread_mutex_t lock; /* all */
	struct parked *first;
	uint64_t serial;
} waiting = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void answer_now(struct parked *parked)
{
	const struct fuse_in_header *header = slots_buffer(ops.slots, parked->place);

	slots_begin(ops.slots, parked->place);
	struct openings_request before = openings_for(
		(struct openings_request){parked->place, header->unique & ~SLOTS_AGAIN, false});
	parked->answer(parked->req, parked->ino, parked->has_fi ? &parked->fi : NULL);
	openings_for(before);
	slots_end(ops.slots, parked->place, 0);
	free(parked);
}

/* Takes the first one that fits out of the list. serial 0: any of the node that need not wait. */
static struct parked *take(fuse_ino_t ino, uint64_t serial)
{
	pthread_mutex_lock(&waiting.lock);
	struct parked **at = &waiting.first;
	while (*at &&
		!(serial ? (*at)->serial == serial : (*at)->ino == ino && !(*at)->reason(ino)))
		at = &(*at)->next;
	struct parked *taken = *at;
	if (taken)
		*at = taken->next;
	pthread_mutex_unlock(&waiting.lock);
	return taken;
}

/* Returns its serial: once it is in the list, anybody may answer it. */
static uint64_t put(struct parked *parked)
{
	pthread_mutex_lock(&waiting.lock);
	uint64_t serial = parked->serial = ++waiting.serial;
	parked->next = waiting.first;
	waiting.first = parked;
	pthread_mutex_unlock(&waiting.lock);
	return serial;
}

static void expired(void *arg);

/* Without a timer nobody may wait. */
static void wait_for(uint64_t serial, unsigned ms)
{
	struct parked *parked;

	if (later_add(ms, expired, (void *)(uintptr_t)serial) < 0 && (parked = take(0, serial)))
		answer_now(parked);
}

static void expired(void *arg)
{
	struct parked *parked = take(0, (uint64_t)(uintptr_t)arg);

	if (!parked)
		return;
	/* What the writer has let go of is being written: a slow disk must not show the old value.
	 */
	if (handle_committing(parked->ino)) {
		unsigned ms = parked->ms;
		wait_for(put(parked), ms);
		return;
	}
	answer_now(parked);
}

void park_go_on(fuse_ino_t ino)
{
	struct parked *parked;

	while ((parked = take(ino, 0)))
		answer_now(parked);
}

bool park(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi, unsigned ms,
	park_reason *reason, park_answer *answer)
{
	int place = ring_may_wait()
			    ? slots_park(ops.slots, ops_thread.request, ops_thread.request_len)
			    : -ENOSPC;
	struct parked *parked = place < 0 ? NULL : calloc(1, sizeof(*parked));

	if (!parked) {
		if (place >= 0)
			slots_end(ops.slots, (unsigned)place, 0);
		return false;
	}
	*parked = (struct parked){.req = req,
		.ino = ino,
		.has_fi = fi,
		.reason = reason,
		.answer = answer,
		.ms = ms,
		.place = (unsigned)place};
	if (fi)
		parked->fi = *fi;
	uint64_t serial = put(parked);
	/* It may have been over just before. */
	if (!reason(ino))
		park_go_on(ino);
	else
		wait_for(serial, ms);
	return true;
}
