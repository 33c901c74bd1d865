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

struct place {
	_Atomic uint32_t kind;
	_Atomic uint32_t opens;
	struct opening opening;
};

struct head {
	_Atomic uint32_t used; /* no place from here on was ever taken */
};

#define HEAD_BYTES  4096
#define TOTAL_BYTES (HEAD_BYTES + OPENINGS_MAX * sizeof(struct place))

static struct {
	pthread_mutex_t lock; /* what follows, and the kinds */
	struct head *head;    /* NULL: not mapped, there is no room */
	struct place *places;
	unsigned lowest; /* no place below is free */
} openings = {.lock = PTHREAD_MUTEX_INITIALIZER};

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

void openings_inherit(
	enum opening_kind kind, bool (*visit)(const struct opening *opening, int place))
{
	for (unsigned i = 0; i < used(); i++) {
		const struct place *place = &openings.places[i];
		if (atomic_load(&place->kind) != kind)
			continue;
		struct opening opening = place->opening;
		opening.opens = atomic_load(&place->opens);
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
		atomic_store(&place->opens, opening->opens);
		atomic_store(&place->kind, kind);
		openings.lowest = (unsigned)at + 1;
		if ((unsigned)at >= used())
			atomic_store(&openings.head->used, (unsigned)at + 1);
	}
	pthread_mutex_unlock(&openings.lock);
	return at;
}

void openings_set_opens(int place, uint32_t opens)
{
	if (place >= 0)
		atomic_store(&openings.places[place].opens, opens);
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
