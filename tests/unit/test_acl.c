/* SPDX-License-Identifier: MIT */
/* test_acl: POSIX ACLs in the kernel's form, against what acl(5) says of each function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include "acl.h"

#define NONE UINT32_MAX

enum { U_OBJ = 1, U = 2, G_OBJ = 4, G = 8, M = 16, O = 32 };

struct acl {
	uint8_t bytes[ACL_MAX + 8];
	size_t len;
};

static void acl_begin(struct acl *acl)
{
	memset(acl, 0, sizeof(*acl));
	acl->bytes[0] = 2;
	acl->len = 4;
}

static void acl_add(struct acl *acl, unsigned tag, unsigned perm, uint32_t id)
{
	uint8_t *p = acl->bytes + acl->len;

	assert_true(acl->len + 8 <= sizeof(acl->bytes));
	p[0] = (uint8_t)tag;
	p[1] = (uint8_t)(tag >> 8);
	p[2] = (uint8_t)perm;
	p[3] = (uint8_t)(perm >> 8);
	for (size_t i = 0; i < 4; i++)
		p[4 + i] = (uint8_t)(id >> (8 * i));
	acl->len += 8;
}

static unsigned perm_of(const char *text)
{
	return (text[0] == 'r' ? 4u : 0u) | (text[1] == 'w' ? 2u : 0u) | (text[2] == 'x' ? 1u : 0u);
}

/* "u::rwx u:5:r-- g::r-x g:6:-w- m::rwx o::---", in any order: what is wrong shall be expressible.
 */
static struct acl acl_of(const char *text)
{
	struct acl acl;
	char copy[512], *save = NULL;

	acl_begin(&acl);
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *id = strchr(word, ':') + 1, *perm = strchr(id, ':') + 1;
		bool named = *id != ':';
		unsigned tag = *word == 'u'   ? (named ? U : U_OBJ)
			       : *word == 'g' ? (named ? G : G_OBJ)
			       : *word == 'm' ? M
					      : O;
		acl_add(&acl, tag, perm_of(perm), named ? (uint32_t)strtoul(id, NULL, 10) : NONE);
	}
	return acl;
}

static void check_same(const struct acl *got, const char *want)
{
	struct acl wanted = acl_of(want);

	assert_int_equal(got->len, wanted.len);
	assert_memory_equal(got->bytes, wanted.bytes, wanted.len);
}

static void check(const char *text, int want)
{
	struct acl acl = acl_of(text);

	assert_int_equal(acl_check(acl.bytes, acl.len), want);
}

/* ---- acl_check ---- */

static void test_check_good(void **state)
{
	(void)state;
	check("u::rwx g::r-x o::---", 0);
	check("u::--- g::--- o::---", 0);
	check("u::rwx g::r-x m::rwx o::---", 0);
	check("u::rwx u:5:r-- g::r-x m::rwx o::---", 0);
	check("u::rwx g::r-x g:6:-w- m::rwx o::---", 0);
	check("u::rwx u:0:r-- u:1:--x u:4294967294:rwx g::r-x g:0:-w- g:1:-w- m::rwx o::r--", 0);
}

static void test_check_bad(void **state)
{
	(void)state;
	check("u::rwx g::r-x", -EINVAL);
	check("u::rwx o::r-x", -EINVAL);
	check("g::rwx o::r-x", -EINVAL);
	check("u::rwx g::r-x m::rwx", -EINVAL);
	check("g::r-x u::rwx o::---", -EINVAL);
	check("u::rwx o::--- g::r-x", -EINVAL);
	check("u::rwx u::rwx g::r-x o::---", -EINVAL);
	check("u::rwx g::r-x g::r-x o::---", -EINVAL);
	check("u::rwx g::r-x o::--- o::---", -EINVAL);
	check("u::rwx g::r-x m::rwx m::rwx o::---", -EINVAL);
	check("u::rwx u:5:r-- g::r-x o::---", -EINVAL);
	check("u::rwx g::r-x g:5:r-- o::---", -EINVAL);
	check("u::rwx u:5:r-- u:5:r-- g::r-x m::rwx o::---", -EINVAL);
	check("u::rwx u:6:r-- u:5:r-- g::r-x m::rwx o::---", -EINVAL);
	check("u::rwx g::r-x g:7:r-- g:6:r-- m::rwx o::---", -EINVAL);
	check("u::rwx g::r-x u:5:r-- m::rwx o::---", -EINVAL);
	check("u::rwx u:4294967295:r-- g::r-x m::rwx o::---", -EINVAL);
}

static void test_check_form(void **state)
{
	struct acl acl = acl_of("u::rwx g::r-x o::---");

	(void)state;
	for (size_t len = 0; len < acl.len; len++)
		assert_int_equal(acl_check(acl.bytes, len), -EINVAL);
	assert_int_equal(acl_check(acl.bytes, acl.len + 1), -EINVAL);
	for (unsigned version = 0; version < 256; version++) {
		acl.bytes[0] = (uint8_t)version;
		assert_int_equal(acl_check(acl.bytes, acl.len), version == 2 ? 0 : -EINVAL);
	}
	acl.bytes[0] = 2;
	acl.bytes[3] = 1;
	assert_int_equal(acl_check(acl.bytes, acl.len), -EINVAL);
}

/* Tags of no or several bits, and permissions of more than three. */
static void test_check_entries(void **state)
{
	static const unsigned tags[] = {0, 3, 5, 6, 0x12, 0x40, 0x80, 0x100, 0x8000, 0xffff};

	(void)state;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		for (size_t at = 0; at < 4; at++) {
			static const unsigned right[] = {U_OBJ, G_OBJ, O};
			struct acl acl;
			acl_begin(&acl);
			for (size_t j = 0; j < 4; j++) {
				if (j == at)
					acl_add(&acl, tags[i], 7, NONE);
				if (j < 3)
					acl_add(&acl, right[j], 7, NONE);
			}
			assert_int_equal(acl_check(acl.bytes, acl.len), -EINVAL);
		}
	}
	for (unsigned perm = 0; perm < 65536; perm++) {
		struct acl acl;
		acl_begin(&acl);
		acl_add(&acl, U_OBJ, perm, NONE);
		acl_add(&acl, G_OBJ, 7, NONE);
		acl_add(&acl, O, 7, NONE);
		assert_int_equal(acl_check(acl.bytes, acl.len), perm < 8 ? 0 : -EINVAL);
	}
}

static void test_check_length(void **state)
{
	struct acl acl;

	(void)state;
	for (uint32_t named = 59; named <= 61; named++) {
		acl_begin(&acl);
		acl_add(&acl, U_OBJ, 7, NONE);
		for (uint32_t i = 0; i < named; i++)
			acl_add(&acl, U, 4, i);
		acl_add(&acl, G_OBJ, 7, NONE);
		acl_add(&acl, M, 7, NONE);
		acl_add(&acl, O, 7, NONE);
		assert_int_equal(acl_check(acl.bytes, acl.len), named <= 60 ? 0 : -ENOSPC);
	}
}

/* Whatever the bytes are, nothing outside of them is touched (asan and valgrind look). */
static void test_check_any_bytes(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)round % 61;
		uint8_t *bytes = malloc(len + 1), inherited[ACL_MAX];
		uint16_t inherited_len;

		assert_non_null(bytes);
		for (size_t i = 0; i < len; i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(seed >> 24 & (i % 2 ? 0 : 7));
		}
		if (len > 4)
			memcpy(bytes, "\2\0\0\0", 4);
		if (acl_check(bytes, len) == 0) {
			acl_mode(bytes, len);
			acl_is_mode(bytes, len);
			acl_group_perm(bytes, len);
			acl_inherit(bytes, len, 0777, inherited, &inherited_len);
			acl_chmod(bytes, len, 0640);
			assert_int_equal(acl_check(bytes, len), 0);
			assert_int_equal(acl_mode(bytes, len), 0640);
		}
		free(bytes);
	}
}

/* ---- modes ---- */

static void check_mode(const char *text, uint32_t mode, int is_mode, uint32_t group)
{
	struct acl acl = acl_of(text);

	assert_int_equal(acl_mode(acl.bytes, acl.len), mode);
	assert_int_equal(acl_is_mode(acl.bytes, acl.len) != 0, is_mode);
	assert_int_equal(acl_group_perm(acl.bytes, acl.len), group);
}

static void test_mode(void **state)
{
	(void)state;
	check_mode("u::rwx g::r-x o::--x", 0751, 1, 5);
	check_mode("u::--- g::--- o::---", 0, 1, 0);
	check_mode("u::rw- g::r-- m::rwx o::---", 0670, 0, 4);
	check_mode("u::rw- u:5:rwx g::r-- m::r-- o::---", 0640, 0, 4);
	check_mode("u::rw- u:5:rwx g::rwx m::--- o::r--", 0604, 0, 7);
	check_mode("u::rw- g::--- g:5:rwx m::-wx o::r--", 0634, 0, 0);
}

static void test_chmod(void **state)
{
	struct acl acl = acl_of("u::rw- g::r-- o::---");

	(void)state;
	for (uint32_t mode = 0; mode <= 0777; mode++) {
		acl_chmod(acl.bytes, acl.len, mode);
		assert_int_equal(acl_mode(acl.bytes, acl.len), mode);
		assert_int_equal(acl_group_perm(acl.bytes, acl.len), mode >> 3 & 7);
	}
	acl = acl_of("u::rw- u:5:rwx g::r-x g:6:-wx m::rwx o::---");
	acl_chmod(acl.bytes, acl.len, 01741);
	check_same(&acl, "u::rwx u:5:rwx g::r-x g:6:-wx m::r-- o::--x");
	acl_chmod(acl.bytes, acl.len, 0);
	check_same(&acl, "u::--- u:5:rwx g::r-x g:6:-wx m::--- o::---");
	acl_chmod(acl.bytes, acl.len, 0777);
	check_same(&acl, "u::rwx u:5:rwx g::r-x g:6:-wx m::rwx o::rwx");
}

/* ---- inheriting ---- */

static void check_inherit(const char *parent, uint32_t mode, uint32_t want_mode, const char *want)
{
	struct acl dflt = acl_of(parent), got;
	uint16_t len = 0xffff;

	memset(&got, 0xee, sizeof(got));
	assert_int_equal(acl_inherit(dflt.bytes, dflt.len, mode, got.bytes, &len), want_mode);
	got.len = len;
	if (want)
		check_same(&got, want);
	else
		assert_int_equal(len, 0);
	check_same(&dflt, parent);
}

static void test_inherit(void **state)
{
	(void)state;
	check_inherit("u::rwx g::r-x o::---", 0666, 0640, NULL);
	check_inherit("u::rwx g::r-x o::---", 0777, 0750, NULL);
	check_inherit("u::rwx g::r-x o::r-x", 0200, 0200, NULL);
	check_inherit("u::rwx u:5:rwx g::r-x m::rwx o::r-x", 0666, 0664,
		"u::rw- u:5:rwx g::r-x m::rw- o::r--");
	check_inherit("u::rwx u:5:rwx g::r-x m::rwx o::r-x", 0777, 0775,
		"u::rwx u:5:rwx g::r-x m::rwx o::r-x");
	check_inherit("u::rwx u:5:rwx g::rwx m::r-x o::r-x", 0600, 0600,
		"u::rw- u:5:rwx g::rwx m::--- o::---");
	check_inherit("u::r-- g::rwx m::r-x o::---", 0666, 0440, "u::r-- g::rwx m::r-- o::---");
	/* Bits above the nine are not the ACL's. */
	check_inherit("u::rwx g::r-x o::---", 07777, 0750, NULL);
}

/* ---- writing through a folder ---- */

static void check_and_write(
	const char *text, const char *other, uint32_t other_mode, const char *want)
{
	struct acl acl = acl_of(text), there = acl_of(other ? other : "");

	acl_and_write(acl.bytes, acl.len, there.bytes, other ? there.len : 0, other_mode);
	check_same(&acl, want);
}

static void test_and_write(void **state)
{
	(void)state;
	check_and_write("u::rwx g::rwx o::rwx", NULL, 0755, "u::rwx g::r-x o::r-x");
	check_and_write("u::rwx g::rwx o::rwx", NULL, 0777, "u::rwx g::rwx o::rwx");
	check_and_write("u::rwx g::rwx o::rwx", NULL, 0, "u::r-x g::r-x o::r-x");
	/* Nobody is named by a mode. */
	check_and_write("u::rw- u:5:rw- g::rw- g:6:rw- m::rw- o::rw-", NULL, 0777,
		"u::rw- u:5:r-- g::rw- g:6:r-- m::rw- o::rw-");
	check_and_write("u::rw- u:5:rw- u:6:rw- g::rw- g:7:rw- m::rw- o::rw-",
		"u::rwx u:5:rwx g::rwx g:7:r-x m::rwx o::r-x", 0777,
		"u::rw- u:5:rw- u:6:r-- g::rw- g:7:r-- m::rw- o::r--");
	/* An id is of its tag: user 7 is not group 7. */
	check_and_write("u::rw- u:7:rw- g::rw- m::rw- o::---",
		"u::rwx g::rwx g:7:rwx m::rwx o::---", 0777, "u::rw- u:7:r-- g::rw- m::rw- o::---");
	/* The folder's mask takes away, a folder without one does not. */
	check_and_write("u::rw- u:5:rw- g::rw- m::rw- o::---",
		"u::rwx u:5:rwx g::rwx m::r-x o::---", 0777, "u::rw- u:5:rw- g::rw- m::r-- o::---");
	check_and_write("u::rw- g::rw- m::rw- o::---", "u::rwx g::rwx o::---", 0777,
		"u::rw- g::rw- m::rw- o::---");
}

/* ---- who may ---- */

static uint32_t permits(
	const char *text, uint32_t mode, uint32_t uid, const uint32_t *groups, size_t n)
{
	struct acl acl = acl_of(text ? text : "");
	size_t len = text ? acl.len : 0;

	return acl_permits(text ? acl_mode(acl.bytes, acl.len) : mode, acl.bytes, len, 100, 200,
		uid, groups, n);
}

static void test_permits_mode(void **state)
{
	static const uint32_t in[] = {7, 200}, out[] = {7, 8};

	(void)state;
	for (uint32_t mode = 0; mode <= 0777; mode++) {
		assert_int_equal(permits(NULL, mode, 100, in, 2), mode >> 6);
		assert_int_equal(permits(NULL, mode, 101, in, 2), mode >> 3 & 7);
		assert_int_equal(permits(NULL, mode, 101, out, 2), mode & 7);
		assert_int_equal(permits(NULL, mode, 101, NULL, 0), mode & 7);
		/* The owner is the owner, whatever his groups have. */
		assert_int_equal(permits(NULL, mode, 100, NULL, 0), mode >> 6);
	}
}

static void test_permits_acl(void **state)
{
	static const char acl[] = "u::-w- u:5:rwx u:6:--- g::r-- g:7:-w- g:8:--x m::rw- o::r-x";
	static const uint32_t own[] = {200}, g7[] = {7}, both[] = {1, 200, 7}, g8[] = {8},
			      g78[] = {7, 8}, other[] = {9};

	(void)state;
	assert_int_equal(permits(acl, 0, 100, own, 1), 2); /* the mask is not the owner's */
	assert_int_equal(permits(acl, 0, 5, other, 1), 6); /* the mask is */
	assert_int_equal(permits(acl, 0, 6, own, 1), 0);   /* named: his groups do not count */
	assert_int_equal(permits(acl, 0, 50, own, 1), 4);
	assert_int_equal(permits(acl, 0, 50, g7, 1), 2);
	assert_int_equal(permits(acl, 0, 50, g8, 1), 0); /* matched and masked: not other's */
	assert_int_equal(permits(acl, 0, 50, other, 1), 5);
	assert_int_equal(permits(acl, 0, 50, NULL, 0), 5);
	assert_int_equal(permits("u::rwx g::rwx o::---", 0, 50, own, 1), 7);
	assert_int_equal(permits("u::rwx g::--- m::rwx o::rwx", 0, 50, own, 1), 0);
	/* One entry must give all that is asked; the sum of several is never more than this. */
	assert_true((permits(acl, 0, 50, g78, 2) & ~2u) == 0);
	assert_true((permits(acl, 0, 50, both, 3) & ~6u) == 0);
}

/* Uid 5 and a group 5 are not the same. */
static void test_permits_ids(void **state)
{
	static const uint32_t g5[] = {5};

	(void)state;
	assert_int_equal(permits("u::--- u:5:rwx g::--- m::rwx o::---", 0, 6, g5, 1), 0);
	assert_int_equal(permits("u::--- g::--- g:5:rwx m::rwx o::---", 0, 5, NULL, 0), 0);
	assert_int_equal(permits("u::--- g::--- g:5:rwx m::rwx o::---", 0, 6, g5, 1), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_good),
		cmocka_unit_test(test_check_bad),
		cmocka_unit_test(test_check_form),
		cmocka_unit_test(test_check_entries),
		cmocka_unit_test(test_check_length),
		cmocka_unit_test(test_check_any_bytes),
		cmocka_unit_test(test_mode),
		cmocka_unit_test(test_chmod),
		cmocka_unit_test(test_inherit),
		cmocka_unit_test(test_and_write),
		cmocka_unit_test(test_permits_mode),
		cmocka_unit_test(test_permits_acl),
		cmocka_unit_test(test_permits_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
