/* SPDX-License-Identifier: MIT */
/* slots: owns the memory that requests lie in, and what is known of each. */
#include "slots.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "secmem.h"

#define SLOTS_MAGIC 0x736c6f74u
#define SLOTS_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)
#define PAGE        4096u

struct place {
	_Atomic int64_t begun; /* CLOCK_MONOTONIC ms; 0: nobody serves it */
	_Atomic uint32_t blame;
};

struct slots_head {
	uint32_t magic;
	uint32_t n;
	_Atomic int64_t beat; /* CLOCK_MONOTONIC ms; 0: no worker has said anything yet */
	struct place places[SLOTS_MAX + SLOTS_PARKED];
};

#define HEAD_BYTES   ((sizeof(struct slots_head) + PAGE - 1) / PAGE * PAGE)
#define PARKED_BYTES ((size_t)SLOTS_PARKED * SLOTS_PARKED_BYTES)

static pthread_mutex_t park_lock = PTHREAD_MUTEX_INITIALIZER; /* which parked places are taken */
static bool park_taken[SLOTS_PARKED];

static size_t total(unsigned n)
{
	return HEAD_BYTES + PARKED_BYTES + (size_t)n * SLOTS_BYTES;
}

int slots_create(unsigned n)
{
	const struct {
		uint32_t magic;
		uint32_t n;
	} head = {SLOTS_MAGIC, n};

	if (n == 0 || n > SLOTS_MAX)
		return -EINVAL;
	AUTO_FD fd = memfd_create("secretfs-slots", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)total(n)) < 0 || fcntl(fd, F_ADD_SEALS, SLOTS_SEALS) < 0)
		return -errno;
	if (pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return -EIO;
	return fd_take(&fd);
}

static int lock(void *bytes, size_t size)
{
	volatile uint8_t *page = bytes;

	if (mlock(bytes, size) < 0 || madvise(bytes, size, MADV_DONTDUMP) < 0)
		return -errno;
	/* A page that is not there yet would have to be fetched while the kernel copies a request,
	 * and for a process that is being killed it does not do that: the request would fail
	 * instead of coming again. (Locked memory is there; sanitizers do not lock.) */
	for (size_t at = 0; at < size; at += PAGE)
		(void)page[at];
	return 0;
}

int slots_map(int fd, struct slots *ret_slots, struct why *why)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SLOTS_SEALS) != SLOTS_SEALS || fstat(fd, &st) < 0 ||
		st.st_size < (off_t)total(1))
		return why_set(why, -EPROTO, "the memory for requests is not the supervisor's");
	size_t size = (size_t)st.st_size;
	void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (bytes == MAP_FAILED)
		return why_set(
			why, -errno, "cannot map the memory for requests: %s", strerror(errno));
	struct slots_head *head = bytes;
	int r = head->magic == SLOTS_MAGIC && head->n > 0 && head->n <= SLOTS_MAX &&
				size == total(head->n)
			? 0
			: -EPROTO;

	if (r < 0) {
		why_set(why, r, "the memory for requests is another version's");
	} else {
		r = lock(bytes, size);
		if (r < 0)
			why_set(why, r,
				"cannot lock %zu KiB of memory for requests: %s; raise the limit "
				"(ulimit -l) or set fewer threads",
				size / 1024, strerror(-r));
	}
	if (r < 0) {
		munmap(bytes, size);
		return r;
	}
	*ret_slots = (struct slots){.head = head,
		.parked = (uint8_t *)bytes + HEAD_BYTES,
		.bytes = (uint8_t *)bytes + HEAD_BYTES + PARKED_BYTES,
		.size = size,
		.n = head->n};
	return 0;
}

void slots_unmap(struct slots *slots)
{
	if (slots->head)
		munmap(slots->head, slots->size);
	*slots = (struct slots){0};
}

unsigned slots_places(const struct slots *slots)
{
	return slots->n + SLOTS_PARKED;
}

static size_t place_size(const struct slots *slots, unsigned place)
{
	return place < slots->n ? SLOTS_BYTES : SLOTS_PARKED_BYTES;
}

void *slots_buffer(const struct slots *slots, unsigned place)
{
	return place < slots->n ? slots->bytes + (size_t)place * SLOTS_BYTES
				: slots->parked + (size_t)(place - slots->n) * SLOTS_PARKED_BYTES;
}

size_t slots_request(const struct slots *slots, unsigned place, const void **ret_request)
{
	const struct fuse_in_header *header = slots_buffer(slots, place);
	size_t len = header->len;

	if (len < sizeof(*header) || len > place_size(slots, place) || header->unique == 0)
		return 0;
	*ret_request = header;
	return len;
}

void slots_begin(const struct slots *slots, unsigned place)
{
	atomic_store_explicit(&slots->head->places[place].begun, clock_ms(), memory_order_relaxed);
}

void slots_end(const struct slots *slots, unsigned place, size_t len)
{
	struct place *state = &slots->head->places[place];
	volatile struct fuse_in_header *header = slots_buffer(slots, place);

	/* First it must not look like a request any more. */
	header->len = 0;
	atomic_thread_fence(memory_order_release);
	secmem_wipe(slots_buffer(slots, place), len ? len : place_size(slots, place));
	atomic_store_explicit(&state->blame, 0, memory_order_relaxed);
	atomic_store_explicit(&state->begun, 0, memory_order_relaxed);
	if (place < slots->n)
		return;
	pthread_mutex_lock(&park_lock);
	park_taken[place - slots->n] = false;
	pthread_mutex_unlock(&park_lock);
}

static int park_take(void)
{
	int found = -ENOSPC;

	pthread_mutex_lock(&park_lock);
	for (int i = 0; i < SLOTS_PARKED && found < 0; i++)
		if (!park_taken[i]) {
			park_taken[i] = true;
			found = i;
		}
	pthread_mutex_unlock(&park_lock);
	return found;
}

int slots_park(const struct slots *slots, const void *request, size_t len)
{
	int free_place = len <= SLOTS_PARKED_BYTES ? park_take() : -ENOSPC;

	if (free_place < 0)
		return free_place;
	unsigned place = slots->n + (unsigned)free_place;
	uint8_t *to = slots_buffer(slots, place);
	size_t head = offsetof(struct fuse_in_header, opcode);

	/* The length, which makes a request of it, last. */
	memcpy(to + head, (const uint8_t *)request + head, len - head);
	atomic_thread_fence(memory_order_release);
	((volatile struct fuse_in_header *)(void *)to)->len = (uint32_t)len;
	return (int)place;
}

void slots_blame(const struct slots *slots, unsigned blame)
{
	for (unsigned place = 0; place < slots_places(slots); place++) {
		struct place *state = &slots->head->places[place];
		const void *request;

		if (!slots_request(slots, place, &request)) {
			slots_end(slots, place, 0);
			continue;
		}
		if (place >= slots->n)
			park_taken[place - slots->n] = true;
		if (atomic_load(&state->begun))
			atomic_fetch_add(&state->blame, blame);
		atomic_store(&state->begun, 0);
	}
}

unsigned slots_blamed(const struct slots *slots, unsigned place)
{
	return atomic_load(&slots->head->places[place].blame);
}

bool slots_suspect(const struct slots *slots)
{
	const void *request;

	for (unsigned place = 0; place < slots_places(slots); place++)
		if (atomic_load(&slots->head->places[place].begun) &&
			slots_request(slots, place, &request))
			return true;
	return false;
}

void slots_beat(const struct slots *slots)
{
	atomic_store(&slots->head->beat, clock_ms());
}

int64_t slots_silence(const struct slots *slots, int64_t since)
{
	int64_t now = clock_ms();
	int64_t beat = atomic_load(&slots->head->beat);
	int64_t longest = beat && beat >= since ? now - beat : 0;

	for (unsigned place = 0; place < slots_places(slots); place++) {
		int64_t begun = atomic_load(&slots->head->places[place].begun);

		if (begun && begun >= since && now - begun > longest)
			longest = now - begun;
	}
	return longest;
}
