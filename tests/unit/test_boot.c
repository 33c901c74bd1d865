// SPDX-License-Identifier: MIT
/* test_boot: the start record survives its way to a worker, and nothing that is not one is taken
 * for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot.h"
#include "mount.h"

static struct boot_state sample_state(void)
{
	struct boot_state state = {
		.generation = 4097,
		.owner = 1000,
		.group = 1001,
		.worker_uid = 990,
		.worker_gid = 991,
		.supervisor_pid = 4711,
		.mounted_at = 1700000000,
		.init_len = 104,
		.reply_len = 64,
	};

	memset(state.init_request, 0xa5, 104);
	memset(state.init_reply, 0x5a, 64);
	return state;
}

static struct config sample_config(void)
{
	struct config config;

	config_init(&config);
	assert_int_equal(config_set(&config, "store", "/var/lib/secretfs/store.db", NULL), 0);
	assert_int_equal(config_set(&config, "mountpoint", "/mnt/with space", NULL), 0);
	assert_int_equal(config_set(&config, "threads", "3", NULL), 0);
	assert_int_equal(config_set(&config, "private_deny", "7,9-12", NULL), 0);
	return config;
}

static void test_round_trip(void **arg)
{
	struct boot_state in = sample_state();
	struct config config = sample_config();
	struct boot_state out;
	struct config read_back;
	int fd = boot_state_write(&in, &config);

	(void)arg;
	assert_true(fd >= 0);
	/* As often as there are readers: nothing depends on the file position. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(boot_state_read(fd, &out, &read_back, NULL), 0);
		assert_int_equal(out.magic, BOOT_MAGIC);
		assert_int_equal(out.size, sizeof(out));
		assert_int_equal(out.generation, 4097);
		assert_int_equal(out.worker_gid, 991);
		assert_int_equal(out.mounted_at, 1700000000);
		assert_memory_equal(out.init_request, in.init_request, sizeof(in.init_request));
		assert_memory_equal(out.init_reply, in.init_reply, sizeof(in.init_reply));
		assert_string_equal(read_back.store, config.store);
		assert_string_equal(read_back.mountpoint, config.mountpoint);
		assert_int_equal(read_back.threads, 3);
		assert_int_equal(read_back.ndeny, 2);
		assert_int_equal(read_back.deny[1].last, 12);
	}
	close(fd);
}

static void test_record_cannot_be_changed(void **arg)
{
	struct boot_state state = sample_state();
	struct config config = sample_config();
	int fd = boot_state_write(&state, &config);

	(void)arg;
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	close(fd);
}

static int memfd_of(const void *bytes, size_t len, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static int read_of(const void *bytes, size_t len, int seals)
{
	int fd = memfd_of(bytes, len, seals);
	struct boot_state state;
	struct config config;
	struct why why = {0};
	int err = boot_state_read(fd, &state, &config, &why);

	close(fd);
	if (err)
		assert_true(why.text[0] != '\0');
	return err;
}

static void test_foreign_records_are_refused(void **arg)
{
	const int all = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct {
		struct boot_state state;
		char text[16];
	} record = {.state = sample_state()};
	const size_t whole = sizeof(record.state) + 12;

	(void)arg;
	memcpy(record.text, "threads = 5\n", 12);
	record.state.magic = BOOT_MAGIC;
	record.state.size = sizeof(record.state);
	record.state.config_len = 12;
	assert_int_equal(read_of(&record, whole, all), 0);
	assert_int_equal(read_of(&record, whole, all & ~F_SEAL_WRITE), -EPROTO);
	assert_int_equal(read_of(&record, whole - 1, all), -EPROTO);
	assert_int_equal(read_of(&record, whole + 1, all), -EPROTO);
	assert_int_equal(read_of(&record, 10, all), -EPROTO);
	assert_int_equal(read_of("", 0, all), -EPROTO);

	record.state.magic++;
	assert_int_equal(read_of(&record, whole, all), -EPROTO);
	record.state.magic--;
	record.state.size--;
	assert_int_equal(read_of(&record, whole, all), -EPROTO);
	record.state.size++;
	record.state.init_len = sizeof(record.state.init_request) + 1;
	assert_int_equal(read_of(&record, whole, all), -EPROTO);
	record.state.init_len = 0;
	record.state.reply_len = sizeof(record.state.init_reply) + 1;
	assert_int_equal(read_of(&record, whole, all), -EPROTO);
	record.state.reply_len = 0;
	record.state.config_len = UINT32_MAX;
	assert_int_equal(read_of(&record, whole, all), -EPROTO);
	record.state.config_len = 12;
	memcpy(record.text, "unknown = 5\n", 12);
	assert_int_equal(read_of(&record, whole, all), -EINVAL);
}

static void test_other_descriptors_are_refused(void **arg)
{
	struct boot_state state;
	struct config config;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)arg;
	assert_int_equal(boot_state_read(-1, &state, &config, NULL), -EPROTO);
	assert_int_equal(boot_state_read(fd, &state, &config, NULL), -EPROTO);
	close(fd);
}

static void test_flags_agreed_to(void **arg)
{
	const uint64_t never = FUSE_WRITEBACK_CACHE | FUSE_CACHE_SYMLINKS | FUSE_EXPORT_SUPPORT |
			       FUSE_NO_OPEN_SUPPORT | FUSE_NO_OPENDIR_SUPPORT | FUSE_SPLICE_READ |
			       FUSE_SPLICE_WRITE | FUSE_SPLICE_MOVE;
	uint64_t all = mount_flags(UINT64_MAX, false);

	(void)arg;
	assert_int_equal(all & never, 0);
	assert_int_not_equal(all & FUSE_ATOMIC_O_TRUNC, 0);
	assert_int_not_equal(all & FUSE_POSIX_ACL, 0);
	assert_int_not_equal(all & FUSE_DONT_MASK, 0);
	assert_int_not_equal(all & (1ULL << 36), 0); /* DIRECT_IO_ALLOW_MMAP */
	assert_int_not_equal(all & (1ULL << 38), 0); /* NO_EXPORT_SUPPORT */
	assert_int_equal(all & (1ULL << 39), 0);     /* HAS_RESEND */
	assert_int_equal(all & (1ULL << 40), 0);     /* ALLOW_IDMAP */
	assert_int_equal(all & (1ULL << 41), 0);     /* OVER_IO_URING */
	assert_int_equal(mount_flags(UINT64_MAX, true), all | 1ULL << 41);
	/* What is not offered is not taken. */
	assert_int_equal(mount_flags(0, true), 0);
	assert_int_equal(mount_flags(FUSE_POSIX_ACL | FUSE_WRITEBACK_CACHE, true), FUSE_POSIX_ACL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_record_cannot_be_changed),
		cmocka_unit_test(test_foreign_records_are_refused),
		cmocka_unit_test(test_other_descriptors_are_refused),
		cmocka_unit_test(test_flags_agreed_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
