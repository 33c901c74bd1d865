/* SPDX-License-Identifier: MIT */
/* flood: how far each user is ahead of the clock, and the requests of those who are too far. */
#include "flood.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"

#define NSEC    1000000000ll
#define USERS   1024 /* a power of two */
#define PROBES  16
#define BATCH   64 /* so many, then the thread looks at its other work */
#define TELL_NS (60 * NSEC)
#define MOST_NS (2 * NSEC) /* that a user can be behind */

struct user {
	uint32_t uid;
	int64_t paid_until; /* ns; what lies a second back is the same as nothing */
	int64_t told;
	unsigned waiting; /* his requests that are put aside */
};

struct parked {
	struct parked *next;
	int64_t due;
	uint32_t uid;
	void (*serve)(void *request, size_t len, uintptr_t arg);
	uintptr_t arg;
	size_t len;
	_Alignas(8) uint8_t request[];
};

static struct {
	int64_t cost;         /* ns of one line; 0: no limit; constant */
	pthread_mutex_t lock; /* all below */
	struct user users[USERS];
	struct parked *first; /* by rising due */
	unsigned waiting;     /* in that list */
} flood = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NSEC + now.tv_nsec;
}

void flood_init(unsigned rate)
{
	flood.cost = rate ? NSEC / rate : 0;
}

static struct user *probe(uint32_t uid, size_t i)
{
	return &flood.users[((uid * 2654435769u >> 7) + i) & (USERS - 1)];
}

/* With the lock. His entry, or NULL. */
static struct user *find(uint32_t uid)
{
	for (size_t i = 0; i < PROBES; i++) {
		struct user *user = probe(uid, i);
		if (user->paid_until && user->uid == uid)
			return user;
	}
	return NULL;
}

/* The same, made where there is none, in the place of who has the least to pay. */
static struct user *find_or_make(uint32_t uid)
{
	struct user *user = find(uid), *least = NULL;

	for (size_t i = 0; !user && i < PROBES; i++) {
		struct user *other = probe(uid, i);
		if (!least || other->waiting < least->waiting ||
			(other->waiting == least->waiting && other->paid_until < least->paid_until))
			least = other;
	}
	if (!user) {
		*least = (struct user){.uid = uid};
		user = least;
	}
	return user;
}

void flood_line(uint32_t uid)
{
	if (!flood.cost)
		return;
	int64_t now = now_ns();
	pthread_mutex_lock(&flood.lock);
	struct user *user = find_or_make(uid);
	if (user->paid_until < now - NSEC)
		user->paid_until = now - NSEC;
	user->paid_until += flood.cost;
	if (user->paid_until > now + MOST_NS)
		user->paid_until = now + MOST_NS;
	pthread_mutex_unlock(&flood.lock);
}

/* With the lock; ns. */
static int64_t wait_locked(uint32_t uid, int64_t now)
{
	const struct user *user = find(uid);

	return user && user->paid_until > now ? user->paid_until - now : 0;
}

unsigned flood_wait(uint32_t uid)
{
	if (!flood.cost)
		return 0;
	pthread_mutex_lock(&flood.lock);
	int64_t wait = wait_locked(uid, now_ns());
	pthread_mutex_unlock(&flood.lock);
	return (unsigned)((wait + 999999) / 1000000);
}

static void insert_locked(struct parked *parked)
{
	struct parked **at = &flood.first;

	while (*at && (*at)->due <= parked->due)
		at = &(*at)->next;
	parked->next = *at;
	*at = parked;
}

/* With the lock. Once a minute for each user. */
static bool tell_due(struct user *user, int64_t now)
{
	bool due = !user->told || now - user->told >= TELL_NS;

	if (due)
		user->told = now;
	return due;
}

/* With the lock. Puts it in, unless there are too many. */
static bool park_locked(struct parked *parked, int64_t now, bool *ret_tell)
{
	struct user *user = find(parked->uid);

	if (!user || user->waiting >= FLOOD_WAITING || flood.waiting >= FLOOD_ALL)
		return false;
	/* Behind those of his that wait already. */
	parked->due = now + wait_locked(parked->uid, now) + user->waiting++ * flood.cost;
	*ret_tell = tell_due(user, now);
	flood.waiting++;
	insert_locked(parked);
	return true;
}

bool flood_park(uint32_t uid, const void *request, size_t len,
	void (*serve)(void *request, size_t len, uintptr_t arg), uintptr_t arg)
{
	struct parked *parked = malloc(sizeof(*parked) + len);
	bool tell = false;

	if (!parked)
		return false;
	*parked = (struct parked){.uid = uid, .serve = serve, .arg = arg, .len = len};
	memcpy(parked->request, request, len);
	pthread_mutex_lock(&flood.lock);
	bool done = park_locked(parked, now_ns(), &tell);
	pthread_mutex_unlock(&flood.lock);
	if (!done)
		free(parked);
	if (tell)
		log_warn("uid %u makes more lines in the audit log than audit_rate allows: his "
			 "requests are delayed",
			uid);
	return done;
}

/* With the lock: the first one that is due and whose user may go on. */
static struct parked *take_locked(int64_t now)
{
	struct parked *parked;

	while ((parked = flood.first) && parked->due <= now) {
		flood.first = parked->next;
		int64_t wait = wait_locked(parked->uid, now);
		if (wait == 0) {
			struct user *user = find(parked->uid);
			if (user && user->waiting > 0)
				user->waiting--;
			flood.waiting--;
			return parked;
		}
		parked->due = now + wait;
		insert_locked(parked);
	}
	return NULL;
}

int flood_serve(void)
{
	for (unsigned served = 0;; served++) {
		int64_t now = now_ns();
		pthread_mutex_lock(&flood.lock);
		struct parked *parked = served < BATCH ? take_locked(now) : NULL;
		int64_t left = flood.first ? flood.first->due - now : -1;
		bool none = !flood.first;
		pthread_mutex_unlock(&flood.lock);
		if (!parked)
			return none ? -1 : left > 0 ? (int)((left + 999999) / 1000000) : 0;
		parked->serve(parked->request, parked->len, parked->arg);
		free(parked);
	}
}
