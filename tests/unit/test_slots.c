/* SPDX-License-Identifier: MIT */
/* test_slots: requests outlive who read them, and what killed whom is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/fuse.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "secmem.h"
#include "slots.h"

static int fd;
static struct slots slots;

static int make(void **state)
{
	(void)state;
	fd = slots_create(2);
	return fd < 0 || slots_map(fd, &slots, NULL) < 0 ? -1 : 0;
}

static int destroy(void **state)
{
	(void)state;
	slots_unmap(&slots);
	close(fd);
	return 0;
}

static void fill(unsigned place, uint64_t unique, uint32_t len)
{
	struct fuse_in_header *header = slots_buffer(&slots, place);

	memset(header, 'x', len);
	header->len = len;
	header->unique = unique;
}

/* As the next worker sees it. */
static void another_worker(unsigned blame)
{
	slots_unmap(&slots);
	assert_int_equal(slots_map(fd, &slots, NULL), 0);
	slots_blame(&slots, blame);
}

static void test_only_its_own_memory(void **state)
{
	struct slots other;
	int foreign = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(slots_create(0), -EINVAL);
	assert_int_equal(slots_create(SLOTS_MAX + 1), -EINVAL);
	assert_int_equal(ftruncate(foreign, 1 << 20), 0);
	assert_int_equal(slots_map(foreign, &other, NULL), -EPROTO);
	close(foreign);
	assert_int_equal(ftruncate(fd, 0), -1);
}

static void test_a_request_outlives_its_worker(void **state)
{
	const void *request;

	(void)state;
	assert_int_equal(slots_request(&slots, 1, &request), 0);
	fill(1, 2, 100);
	slots_begin(&slots, 1);
	assert_true(slots_suspect(&slots));
	another_worker(SLOTS_BLAME_CRASH);
	assert_false(slots_suspect(&slots));
	assert_int_equal(slots_request(&slots, 1, &request), 100);
	assert_int_equal(((const uint8_t *)request)[99], 'x');
	assert_int_equal(slots_blamed(&slots, 1), SLOTS_BLAME_CRASH);
	/* It is tried again, and the worker dies again. */
	slots_begin(&slots, 1);
	another_worker(SLOTS_BLAME_CRASH);
	assert_true(slots_blamed(&slots, 1) >= SLOTS_BLAME_MOST);
	slots_end(&slots, 1, 0);
	assert_int_equal(slots_request(&slots, 1, &request), 0);
	assert_int_equal(slots_blamed(&slots, 1), 0);
}

static void test_who_only_waits_is_not_blamed(void **state)
{
	(void)state;
	fill(0, 2, 100);
	fill(1, 4, 100);
	slots_begin(&slots, 0);
	another_worker(SLOTS_BLAME_CRASH);
	assert_int_equal(slots_blamed(&slots, 0), SLOTS_BLAME_CRASH);
	assert_int_equal(slots_blamed(&slots, 1), 0);
	slots_end(&slots, 0, 0);
	slots_end(&slots, 1, 0);
}

static void test_answered_means_wiped(void **state)
{
	const uint8_t *bytes = slots_buffer(&slots, 0);

	(void)state;
	fill(0, 2, 5000);
	slots_begin(&slots, 0);
	slots_end(&slots, 0, 5000);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(bytes[i], 0);
	/* What a worker left half wiped, the next one wipes. */
	fill(0, 2, 5000);
	((struct fuse_in_header *)slots_buffer(&slots, 0))->len = 0;
	another_worker(0);
	bytes = slots_buffer(&slots, 0);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(bytes[i], 0);
}

static void test_lengths_are_checked(void **state)
{
	const void *request;

	(void)state;
	fill(0, 2, 100);
	((struct fuse_in_header *)slots_buffer(&slots, 0))->len = SLOTS_BYTES + 1;
	assert_int_equal(slots_request(&slots, 0, &request), 0);
	((struct fuse_in_header *)slots_buffer(&slots, 0))->len = 8;
	assert_int_equal(slots_request(&slots, 0, &request), 0);
	slots_end(&slots, 0, 0);
}

static void test_parking(void **state)
{
	int places[SLOTS_PARKED];
	const void *request;
	uint8_t copy[100];

	(void)state;
	fill(0, 2, 100);
	memcpy(copy, slots_buffer(&slots, 0), sizeof(copy));
	for (unsigned i = 0; i < SLOTS_PARKED; i++) {
		places[i] = slots_park(&slots, slots_buffer(&slots, 0), 100);
		assert_true(places[i] >= 2);
	}
	assert_int_equal(slots_park(&slots, slots_buffer(&slots, 0), 100), -ENOSPC);
	slots_end(&slots, 0, 100);
	another_worker(SLOTS_BLAME_KILL);
	assert_int_equal(slots_park(&slots, copy, 100), -ENOSPC);
	assert_int_equal(slots_request(&slots, (unsigned)places[5], &request), 100);
	assert_memory_equal(request, copy, 100);
	for (unsigned i = 0; i < SLOTS_PARKED; i++)
		slots_end(&slots, (unsigned)places[i], 0);
	assert_int_equal(slots_park(&slots, copy, SLOTS_PARKED_BYTES + 1), -ENOSPC);
	int place = slots_park(&slots, copy, 100);
	assert_true(place >= 2);
	slots_end(&slots, (unsigned)place, 0);
}

static void test_silence(void **state)
{
	(void)state;
	assert_int_equal(slots_silence(&slots, 0), 0);
	slots_beat(&slots);
	usleep(30000);
	assert_true(slots_silence(&slots, 0) >= 29);
	assert_int_equal(slots_silence(&slots, clock_ms() + 1), 0);
	fill(0, 2, 100);
	slots_begin(&slots, 0);
	usleep(30000);
	slots_beat(&slots);
	/* A request that is served for long counts although the worker lives. */
	assert_true(slots_silence(&slots, 0) >= 29);
	slots_end(&slots, 0, 0);
	slots_beat(&slots);
	assert_true(slots_silence(&slots, 0) < 29);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_only_its_own_memory, make, destroy),
		cmocka_unit_test_setup_teardown(test_a_request_outlives_its_worker, make, destroy),
		cmocka_unit_test_setup_teardown(test_who_only_waits_is_not_blamed, make, destroy),
		cmocka_unit_test_setup_teardown(test_answered_means_wiped, make, destroy),
		cmocka_unit_test_setup_teardown(test_lengths_are_checked, make, destroy),
		cmocka_unit_test_setup_teardown(test_parking, make, destroy),
		cmocka_unit_test_setup_teardown(test_silence, make, destroy),
	};

	if (secmem_init(0) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
