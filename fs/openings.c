/* SPDX-License-Identifier: MIT */
/* openings: the places, and finding a free one. */
#include "openings.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd.h"
#include "slots.h"

#define MARK_PLACE_SHIFT 24
#define MARK_UNIQUE_MASK ((1u << MARK_PLACE_SHIFT) - 1)

struct place {
	_Atomic uint32_t kind;
	_Atomic uint64_t opens; /* << 32 | mark of the request that made it so */
	struct opening opening;
};

struct did {
	_Atomic uint64_t unique; /* written last */
	_Atomic uint32_t place;
};

struct head {
	_Atomic uint32_t used; /* no place from here on was ever taken */
	struct did did[SLOTS_MAX + SLOTS_PARKED];
};

#define HEAD_BYTES 4096
_Static_assert(sizeof(struct head) <= HEAD_BYTES, "the head is a page");
#define TOTAL_BYTES (HEAD_BYTES + OPENINGS_MAX * sizeof(struct place))

static struct {
	pthread_mutex_t lock; /* what follows, and the kinds */
	struct head *head;    /* NULL: not mapped, there is no room */
	struct place *places;
	unsigned lowest; /* no place below is free */
} openings = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct openings_request request;

static unsigned used(void)
{
	unsigned n = openings.head ? atomic_load(&openings.head->used) : 0;

	return n < OPENINGS_MAX ? n : OPENINGS_MAX;
}

int openings_create(void)
{
	AUTO_FD fd = memfd_create("secretfs-openings", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, TOTAL_BYTES) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return fd_take(&fd);
}

int openings_map(int fd)
{
	uint8_t *memory = mmap(NULL, TOTAL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	openings.head = (struct head *)(void *)memory;
	openings.places = (struct place *)(void *)(memory + HEAD_BYTES);
	return 0;
}

/* Tells two requests apart that were served again after the same death: which of the slots' places
 * it lies in, and its number's lower bits (numbers are even). */
static uint32_t mark(void)
{
	return request.unique ? (request.place + 1) << MARK_PLACE_SHIFT |
					(uint32_t)(request.unique >> 1 & MARK_UNIQUE_MASK)
			      : 0;
}

/* Once the word of the place may be overwritten by another request, this still says what was done.
 */
static void note(unsigned place)
{
	if (!request.unique)
		return;
	struct did *did = &openings.head->did[request.place];
	atomic_store(&did->unique, 0);
	atomic_store(&did->place, place);
	atomic_store(&did->unique, request.unique);
}

struct openings_request openings_for(struct openings_request now)
{
	struct openings_request before = request;

	request = now;
	return before;
}

struct openings_request openings_now(void)
{
	return request;
}

int openings_did(void)
{
	if (!request.again || !request.unique || !openings.head)
		return -1;
	const struct did *did = &openings.head->did[request.place];
	if (atomic_load(&did->unique) == request.unique)
		return (int)atomic_load(&did->place);
	for (unsigned i = 0; i < used(); i++)
		if ((uint32_t)atomic_load(&openings.places[i].opens) == mark())
			return (int)i;
	return -1;
}

void openings_inherit(
	enum opening_kind kind, bool (*visit)(const struct opening *opening, int place))
{
	for (unsigned i = 0; i < used(); i++) {
		const struct place *place = &openings.places[i];
		if (atomic_load(&place->kind) != kind)
			continue;
		struct opening opening = place->opening;
		opening.opens = (uint32_t)(atomic_load(&place->opens) >> 32);
		if (!visit(&opening, (int)i))
			openings_remove((int)i);
	}
}

static int find_free_locked(void)
{
	unsigned at = openings.lowest;

	while (at < used() && atomic_load(&openings.places[at].kind) != OPENING_FREE)
		at++;
	openings.lowest = at;
	if (!openings.head || at == OPENINGS_MAX)
		return -ENFILE;
	return (int)at;
}

int openings_add(enum opening_kind kind, const struct opening *opening)
{
	pthread_mutex_lock(&openings.lock);
	int at = find_free_locked();
	if (at >= 0) {
		struct place *place = &openings.places[at];
		place->opening = *opening;
		atomic_store(&place->opens, (uint64_t)opening->opens << 32 | mark());
		atomic_store(&place->kind, kind);
		openings.lowest = (unsigned)at + 1;
		if ((unsigned)at >= used())
			atomic_store(&openings.head->used, (unsigned)at + 1);
		if (kind != OPENING_GONE)
			note((unsigned)at);
	}
	pthread_mutex_unlock(&openings.lock);
	return at;
}

void openings_set_opens(int place, uint32_t opens)
{
	if (place < 0)
		return;
	atomic_store(&openings.places[place].opens, (uint64_t)opens << 32 | mark());
	note((unsigned)place);
}

void openings_set_closed(int place)
{
	if (place >= 0)
		openings.places[place].opening.closed = true;
}

void openings_set_flushed(int place)
{
	if (place >= 0)
		openings.places[place].opening.flushed = true;
}

void openings_remove(int place)
{
	if (place < 0)
		return;
	pthread_mutex_lock(&openings.lock);
	atomic_store(&openings.places[place].kind, OPENING_FREE);
	if ((unsigned)place < openings.lowest)
		openings.lowest = (unsigned)place;
	pthread_mutex_unlock(&openings.lock);
}
