/* SPDX-License-Identifier: MIT */
/* Key slots and the sources that open them; Argon2id is counted, and can be made to fail. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "keyslot.h"

/* ---- libsodium's function, with a counter in front ---- */

typedef int pwhash_fn(unsigned char *out, unsigned long long out_len, const char *passphrase,
	unsigned long long len, const unsigned char *salt, unsigned long long ops, size_t mem,
	int alg);
pwhash_fn crypto_pwhash;

static struct {
	unsigned calls;
	int fail;
} pwhash;

int crypto_pwhash(unsigned char *out, unsigned long long out_len, const char *passphrase,
	unsigned long long len, const unsigned char *salt, unsigned long long ops, size_t mem,
	int alg)
{
	void *symbol = dlsym(RTLD_NEXT, "crypto_pwhash");
	pwhash_fn *real;

	pwhash.calls++;
	if (pwhash.fail) {
		errno = ENOMEM;
		return -1;
	}
	memcpy(&real, &symbol, sizeof(real));
	return real(out, out_len, passphrase, len, salt, ops, mem, alg);
}

/*
 * Known answers, made in Python (hashlib.blake2b; Argon2id and the AEAD of the package
 * cryptography, HChaCha20 by hand): salt 10..1f, master key 60..7f, key file e0..ff, nonce 40..57.
 */
static const uint8_t box_keyfile[KEYSLOT_BOX] = {
	0x40,
	0x41,
	0x42,
	0x43,
	0x44,
	0x45,
	0x46,
	0x47,
	0x48,
	0x49,
	0x4a,
	0x4b,
	0x4c,
	0x4d,
	0x4e,
	0x4f,
	0x50,
	0x51,
	0x52,
	0x53,
	0x54,
	0x55,
	0x56,
	0x57,
	0xd8,
	0xbc,
	0x29,
	0xda,
	0x13,
	0x7b,
	0x6b,
	0x82,
	0x25,
	0x92,
	0xf8,
	0x27,
	0x38,
	0xe7,
	0x8a,
	0x24,
	0xa8,
	0x95,
	0x32,
	0x34,
	0xe3,
	0xb1,
	0x5e,
	0xa3,
	0xce,
	0xaf,
	0xbb,
	0xb8,
	0x44,
	0xb6,
	0xa4,
	0x68,
	0xfe,
	0x8d,
	0x44,
	0x4e,
	0x48,
	0x48,
	0x5c,
	0xfd,
	0x03,
	0x79,
	0x82,
	0x6f,
	0xfe,
	0x98,
	0xf6,
	0x90,
};
static const char passphrase[] = "correct horse"; /* 2 passes, 64 MiB */
static const uint8_t box_passphrase[KEYSLOT_BOX] = {
	0x40,
	0x41,
	0x42,
	0x43,
	0x44,
	0x45,
	0x46,
	0x47,
	0x48,
	0x49,
	0x4a,
	0x4b,
	0x4c,
	0x4d,
	0x4e,
	0x4f,
	0x50,
	0x51,
	0x52,
	0x53,
	0x54,
	0x55,
	0x56,
	0x57,
	0x51,
	0x58,
	0x6a,
	0x57,
	0x2d,
	0xa6,
	0xb6,
	0xce,
	0xa6,
	0x4b,
	0x25,
	0xd0,
	0xab,
	0x47,
	0x2d,
	0xac,
	0xe3,
	0xef,
	0x41,
	0xcd,
	0xd9,
	0x23,
	0x5b,
	0x67,
	0xe1,
	0xe0,
	0xc0,
	0x1c,
	0xa0,
	0x9e,
	0xa8,
	0xd8,
	0x6d,
	0x1a,
	0x71,
	0xee,
	0xc3,
	0xd4,
	0x1b,
	0x69,
	0xfe,
	0xc8,
	0xa6,
	0xde,
	0x00,
	0x2a,
	0xfa,
	0x32,
};
static const uint8_t subkeys[5][32] = {
	{0xd2, 0x38, 0x54, 0x20, 0x08, 0x28, 0xcc, 0xf0, 0x76, 0xb4, 0xe8, 0xe5, 0x61, 0x3e, 0x10,
		0xe3, 0xe3, 0xfa, 0xa4, 0xc5, 0x69, 0x84, 0xab, 0xc0, 0xe7, 0xc2, 0x5d, 0x0d, 0x8a,
		0xb3, 0x5a, 0xe4},
	{0x57, 0xd7, 0xc2, 0xf1, 0xc8, 0x6a, 0x17, 0x8b, 0x95, 0x01, 0x72, 0x81, 0x41, 0xf2, 0x53,
		0xfe, 0xed, 0x04, 0xc8, 0xf2, 0x01, 0x99, 0xb2, 0x63, 0x13, 0x67, 0x7d, 0xda, 0xdd,
		0x07, 0x2b, 0xb7},
	{0x1c, 0xf2, 0x88, 0xef, 0xc6, 0xc5, 0xc0, 0x2d, 0xc1, 0xa5, 0x2f, 0x7a, 0x00, 0xcf, 0x8b,
		0x18, 0x6c, 0x1e, 0xb2, 0x57, 0xfc, 0xdc, 0x9b, 0x6f, 0x51, 0xfc, 0x39, 0xad, 0x78,
		0xa4, 0xe2, 0x4d},
	{0x47, 0x12, 0x05, 0x07, 0xb0, 0x1a, 0xbf, 0x17, 0x4d, 0xd5, 0xeb, 0x5c, 0x05, 0xc8, 0x99,
		0x5b, 0x62, 0xbb, 0x36, 0x2f, 0xe5, 0x4e, 0x76, 0xce, 0xfe, 0xc3, 0x18, 0xf6, 0xe4,
		0x08, 0x31, 0x10},
	{0xf6, 0x85, 0xbd, 0x4f, 0x71, 0x83, 0x22, 0xb1, 0xe0, 0x9c, 0xbd, 0x65, 0x69, 0xe6, 0xd1,
		0xf7, 0x9e, 0xba, 0x29, 0x39, 0xe1, 0xb4, 0xa9, 0x72, 0xe3, 0x7d, 0xdb, 0xd5, 0x80,
		0xb2, 0x33, 0x54},
};

static struct secbuf keyfile, words, master;
static char folder[] = "/tmp/test_keyslot.XXXXXX";

static void fill(struct secbuf *b, unsigned first, size_t n)
{
	assert_int_equal(secbuf_alloc(b, n, SECMEM_SELF), 0);
	for (size_t i = 0; i < n; i++)
		b->data[i] = (uint8_t)(first + i);
	b->len = n;
}

static struct keyslot slot_keyfile(void)
{
	struct keyslot slot = {.id = 3, .kind = KEYSLOT_KEYFILE};

	for (unsigned i = 0; i < KEYSLOT_SALT; i++)
		slot.salt[i] = (uint8_t)(0x10 + i);
	memcpy(slot.box, box_keyfile, KEYSLOT_BOX);
	return slot;
}

static struct keyslot slot_passphrase(void)
{
	struct keyslot slot = slot_keyfile();

	slot.id = 4;
	slot.kind = KEYSLOT_PASSPHRASE;
	slot.ops = 2;
	slot.mem = 64 << 20;
	memcpy(slot.box, box_passphrase, KEYSLOT_BOX);
	return slot;
}

static int setup(void **state)
{
	(void)state;
	if (secmem_init(1 << 20) < 0 || !mkdtemp(folder))
		return -1;
	fill(&keyfile, 0xe0, KEYSLOT_FILE_LEN);
	fill(&master, 0x60, KEYSLOT_MASTER);
	fill(&words, 0, sizeof(passphrase) - 1);
	memcpy(words.data, passphrase, words.len);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	secbuf_free(&keyfile);
	secbuf_free(&words);
	secbuf_free(&master);
	return rmdir(folder);
}

static size_t used(void)
{
	struct secmem_usage usage;

	secmem_usage(&usage);
	return usage.used;
}

static void opens(const struct keyslot *slot, enum keyslot_kind kind, const struct secbuf *source)
{
	AUTO_SECBUF got = SECBUF_INIT;

	assert_int_equal(keyslot_open(slot, kind, source, &got, NULL), 0);
	assert_int_equal(got.len, KEYSLOT_MASTER);
	assert_memory_equal(got.data, master.data, KEYSLOT_MASTER);
}

/* Refused with err and a sentence, without leaving memory behind. */
static void refused(
	int err, const struct keyslot *slot, enum keyslot_kind kind, const struct secbuf *source)
{
	struct secbuf got = SECBUF_INIT;
	struct why why = {{0}};
	size_t before = used();

	assert_int_equal(keyslot_open(slot, kind, source, &got, &why), err);
	assert_null(got.data);
	assert_true(strlen(why.text) > 10);
	assert_int_equal(used(), before);
	assert_null(strstr(why.text, passphrase));
}

/* ---- slots ---- */

static void test_known(void **state)
{
	struct keyslot file = slot_keyfile(), pass = slot_passphrase();

	(void)state;
	opens(&file, KEYSLOT_KEYFILE, &keyfile);
	opens(&pass, KEYSLOT_PASSPHRASE, &words);
}

static void test_derive(void **state)
{
	AUTO_SECBUF keys = SECBUF_INIT;
	const struct keyslot_keys *k;

	(void)state;
	assert_int_equal(secbuf_alloc(&keys, sizeof(*k), SECMEM_SELF), 0);
	keyslot_derive(&master, (struct keyslot_keys *)keys.data);
	k = (const struct keyslot_keys *)keys.data;
	assert_memory_equal(k->index, subkeys[0], 32);
	assert_memory_equal(k->manifest, subkeys[1], 32);
	assert_memory_equal(k->meta, subkeys[2], 32);
	assert_memory_equal(k->sum, subkeys[3], 32);
	assert_memory_equal(k->anchor, subkeys[4], 32);
}

/* Out of one seed each value has another key, always the same; out of another seed another. */
static void test_value_key(void **state)
{
	AUTO_SECBUF seed = SECBUF_INIT;
	uint8_t one[SEAL_KEY], two[SEAL_KEY], again[SEAL_KEY];

	(void)state;
	assert_int_equal(secbuf_alloc(&seed, KEYSLOT_MASTER, SECMEM_SELF), 0);
	seed.len = KEYSLOT_MASTER;
	memset(seed.data, 7, KEYSLOT_MASTER);
	keyslot_value_key(&seed, 1, one);
	keyslot_value_key(&seed, 2, two);
	keyslot_value_key(&seed, 1, again);
	assert_memory_not_equal(one, two, SEAL_KEY);
	assert_memory_equal(one, again, SEAL_KEY);
	seed.data[0] ^= 1;
	keyslot_value_key(&seed, 1, again);
	assert_memory_not_equal(one, again, SEAL_KEY);
}

static void test_seal_keyfile(void **state)
{
	struct keyslot a = {0}, b = {0};
	size_t before = used();

	(void)state;
	pwhash.calls = 0;
	assert_int_equal(
		keyslot_seal(&a, 1, KEYSLOT_KEYFILE, "key file", &keyfile, &master, NULL), 0);
	assert_int_equal(keyslot_seal(&b, 1, KEYSLOT_KEYFILE, "", &keyfile, &master, NULL), 0);
	assert_int_equal(a.id, 1);
	assert_int_equal(a.kind, KEYSLOT_KEYFILE);
	assert_int_equal(a.ops, 0);
	assert_int_equal(a.mem, 0);
	assert_string_equal(a.label, "key file");
	assert_memory_not_equal(a.salt, b.salt, KEYSLOT_SALT);
	assert_memory_not_equal(a.box, b.box, KEYSLOT_BOX);
	opens(&a, KEYSLOT_KEYFILE, &keyfile);
	opens(&b, KEYSLOT_KEYFILE, &keyfile);
	assert_int_equal(pwhash.calls, 0);
	assert_int_equal(used(), before);
}

static void test_seal_passphrase(void **state)
{
	struct keyslot slot = {0};
	size_t before = used();

	(void)state;
	pwhash.calls = 0;
	assert_int_equal(
		keyslot_seal(&slot, 2, KEYSLOT_PASSPHRASE, "by hand", &words, &master, NULL), 0);
	assert_true(slot.ops >= KEYSLOT_OPS_MIN && slot.ops <= KEYSLOT_OPS_MAX);
	assert_true(slot.mem >= (int64_t)KEYSLOT_MEM_MIN && slot.mem <= 1 << 30);
	opens(&slot, KEYSLOT_PASSPHRASE, &words);
	assert_int_equal(pwhash.calls, 3); /* measured, sealed, opened */
	words.data[0] ^= 1;
	refused(-EKEYREJECTED, &slot, KEYSLOT_PASSPHRASE, &words);
	words.data[0] ^= 1;
	assert_int_equal(used(), before);
}

static void seal_refused(int err, enum keyslot_kind kind, const char *label,
	const struct secbuf *source, const struct secbuf *key)
{
	struct keyslot slot, untouched;
	struct why why = {{0}};

	memset(&slot, 0x33, sizeof(slot));
	memset(&untouched, 0x33, sizeof(untouched));
	assert_int_equal(keyslot_seal(&slot, 1, kind, label, source, key, &why), err);
	assert_memory_equal(&slot, &untouched, sizeof(slot));
	assert_true(strlen(why.text) > 10);
}

static void test_seal_refuses(void **state)
{
	AUTO_SECBUF source = SECBUF_INIT;
	char label[KEYSLOT_LABEL + 2];
	struct keyslot slot;

	(void)state;
	fill(&source, 1, KEYSLOT_SOURCE_MAX + 1);
	seal_refused(-EINVAL, KEYSLOT_PASSPHRASE, "", &source, &master);
	seal_refused(-EINVAL, KEYSLOT_KEYFILE, "", &source, &master);
	source.len = 31;
	seal_refused(-EINVAL, KEYSLOT_KEYFILE, "", &source, &master);
	seal_refused(-EINVAL, KEYSLOT_PASSPHRASE, "", &words, &source);
	source.len = 0;
	seal_refused(-EINVAL, KEYSLOT_PASSPHRASE, "", &source, &master);

	memset(label, 'l', sizeof(label));
	label[KEYSLOT_LABEL + 1] = '\0';
	seal_refused(-EINVAL, KEYSLOT_KEYFILE, label, &keyfile, &master);
	label[KEYSLOT_LABEL] = '\0';
	assert_int_equal(
		keyslot_seal(&slot, 1, KEYSLOT_KEYFILE, label, &keyfile, &master, NULL), 0);
	assert_string_equal(slot.label, label);

	pwhash.fail = 1;
	seal_refused(-ENOMEM, KEYSLOT_PASSPHRASE, "", &words, &master);
	pwhash.fail = 0;
}

static void test_every_byte(void **state)
{
	struct keyslot slot;

	(void)state;
	for (size_t i = 0; i < KEYSLOT_BOX; i++) {
		slot = slot_keyfile();
		slot.box[i] ^= 0x10;
		refused(-EKEYREJECTED, &slot, KEYSLOT_KEYFILE, &keyfile);
	}
	for (size_t i = 0; i < KEYSLOT_SALT; i++) {
		slot = slot_keyfile();
		slot.salt[i] ^= 1;
		refused(-EKEYREJECTED, &slot, KEYSLOT_KEYFILE, &keyfile);
	}
	for (size_t i = 0; i < KEYSLOT_FILE_LEN; i++) {
		slot = slot_keyfile();
		keyfile.data[i] ^= 0x80;
		refused(-EKEYREJECTED, &slot, KEYSLOT_KEYFILE, &keyfile);
		keyfile.data[i] ^= 0x80;
	}
	slot = slot_keyfile();
	slot.id = 2;
	refused(-EKEYREJECTED, &slot, KEYSLOT_KEYFILE, &keyfile);
}

static void test_other_kind(void **state)
{
	struct keyslot file = slot_keyfile(), pass = slot_passphrase();

	(void)state;
	pwhash.calls = 0;
	refused(-EKEYREJECTED, &file, KEYSLOT_PASSPHRASE, &words);
	refused(-EKEYREJECTED, &pass, KEYSLOT_KEYFILE, &keyfile);
	/* The kind is compared before the costs. */
	pass.ops = 1000;
	refused(-EKEYREJECTED, &pass, KEYSLOT_KEYFILE, &keyfile);
	file.kind = KEYSLOT_KEYFILE + ((int64_t)1 << 32);
	refused(-EKEYREJECTED, &file, KEYSLOT_KEYFILE, &keyfile);
	file.kind = 0;
	refused(-EKEYREJECTED, &file, KEYSLOT_KEYFILE, &keyfile);
	assert_int_equal(pwhash.calls, 0);
}

static void test_costs(void **state)
{
	static const int64_t rows[][2] = {
		{1, 64 << 20},
		{21, 64 << 20},
		{0, 64 << 20},
		{-1, 64 << 20},
		{INT64_MAX, 64 << 20},
		{INT64_MIN, 64 << 20},
		{2, (64 << 20) - 1},
		{2, 0},
		{2, -1},
		{2, INT64_MIN},
		{2, (INT64_C(4) << 30) + 1},
		{2, INT64_MAX},
		{0, 0},
	};
	struct keyslot slot;

	(void)state;
	pwhash.calls = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		slot = slot_passphrase();
		slot.ops = rows[i][0];
		slot.mem = rows[i][1];
		refused(-EPROTO, &slot, KEYSLOT_PASSPHRASE, &words);
	}
	slot = slot_keyfile();
	slot.ops = 1;
	refused(-EPROTO, &slot, KEYSLOT_KEYFILE, &keyfile);
	slot = slot_keyfile();
	slot.mem = 64 << 20;
	refused(-EPROTO, &slot, KEYSLOT_KEYFILE, &keyfile);
	assert_int_equal(pwhash.calls, 0);

	/* Within the limits, but not those that were sealed. */
	slot = slot_passphrase();
	slot.ops = 3;
	refused(-EKEYREJECTED, &slot, KEYSLOT_PASSPHRASE, &words);
	slot = slot_passphrase();
	slot.mem += 1; /* Argon2 counts in KiB and makes the same key of it */
	refused(-EKEYREJECTED, &slot, KEYSLOT_PASSPHRASE, &words);
	assert_int_equal(pwhash.calls, 2);
}

static void test_wrong_source(void **state)
{
	AUTO_SECBUF source = SECBUF_INIT;
	struct keyslot file = slot_keyfile(), pass = slot_passphrase();

	(void)state;
	pwhash.calls = 0;
	fill(&source, 1, KEYSLOT_SOURCE_MAX + 1);
	refused(-EKEYREJECTED, &pass, KEYSLOT_PASSPHRASE, &source);
	refused(-EKEYREJECTED, &file, KEYSLOT_KEYFILE, &source);
	source.len = 0;
	refused(-EKEYREJECTED, &pass, KEYSLOT_PASSPHRASE, &source);
	refused(-EKEYREJECTED, &file, KEYSLOT_KEYFILE, &source);
	assert_int_equal(pwhash.calls, 0);
	words.len--;
	refused(-EKEYREJECTED, &pass, KEYSLOT_PASSPHRASE, &words);
	words.len++;
	pwhash.fail = 1;
	refused(-ENOMEM, &pass, KEYSLOT_PASSPHRASE, &words);
	pwhash.fail = 0;
}

static void test_open_any(void **state)
{
	struct keyslot slots[4] = {
		slot_keyfile(), slot_passphrase(), slot_keyfile(), slot_passphrase()};
	struct secbuf got = SECBUF_INIT;
	struct why why = {{0}};

	(void)state;
	slots[0].box[70] ^= 1; /* spoilt ones stand before the good ones */
	slots[1].ops = 99;
	assert_int_equal(keyslot_open_any(slots, 4, KEYSLOT_KEYFILE, &keyfile, &got, &why), 0);
	assert_memory_equal(got.data, master.data, KEYSLOT_MASTER);
	secbuf_free(&got);
	assert_int_equal(keyslot_open_any(slots, 4, KEYSLOT_PASSPHRASE, &words, &got, &why), 0);
	assert_memory_equal(got.data, master.data, KEYSLOT_MASTER);
	secbuf_free(&got);

	assert_string_equal(why.text, "");
	assert_int_equal(
		keyslot_open_any(slots, 1, KEYSLOT_KEYFILE, &keyfile, &got, &why), -EKEYREJECTED);
	assert_non_null(strstr(why.text, "opens no key slot"));
	assert_int_equal(
		keyslot_open_any(slots, 1, KEYSLOT_PASSPHRASE, &words, &got, &why), -EKEYREJECTED);
	assert_non_null(strstr(why.text, "no key slot for a passphrase"));
	assert_int_equal(
		keyslot_open_any(slots, 2, KEYSLOT_PASSPHRASE, &words, &got, &why), -EKEYREJECTED);
	assert_non_null(strstr(why.text, "costs"));
	assert_int_equal(
		keyslot_open_any(slots, 0, KEYSLOT_PASSPHRASE, &words, &got, NULL), -EKEYREJECTED);
	pwhash.fail = 1;
	assert_int_equal(
		keyslot_open_any(slots, 4, KEYSLOT_PASSPHRASE, &words, &got, &why), -ENOMEM);
	pwhash.fail = 0;
	assert_null(got.data);
}

/* ---- key files ---- */

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static const char *make_file(const char *name, size_t len, mode_t mode)
{
	const char *path = path_of(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	static const char bytes[100] = "thirty-two bytes of a key, or so; and more of it";

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void read_refused(int err, const char *path, const char *hint)
{
	struct secbuf got = SECBUF_INIT;
	struct why why = {{0}};
	size_t before = used();

	assert_int_equal(keyslot_read_file(path, &got, &why), err);
	assert_null(got.data);
	assert_int_equal(used(), before);
	assert_non_null(strstr(why.text, path));
	if (hint)
		assert_non_null(strstr(why.text, hint));
}

static void test_file(void **state)
{
	AUTO_SECBUF made = SECBUF_INIT;
	AUTO_SECBUF got = SECBUF_INIT;
	const char *path = path_of("key");
	struct secbuf again = SECBUF_INIT;
	struct why why = {{0}};
	struct stat st;
	mode_t old = umask(0777);

	(void)state;
	assert_int_equal(keyslot_make_file(path, &made, &why), 0);
	umask(old);
	assert_int_equal(made.len, KEYSLOT_FILE_LEN);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0400);
	assert_int_equal(st.st_size, KEYSLOT_FILE_LEN);
	assert_int_equal(keyslot_read_file(path, &got, &why), 0);
	assert_int_equal(got.len, KEYSLOT_FILE_LEN);
	assert_memory_equal(got.data, made.data, KEYSLOT_FILE_LEN);

	assert_int_equal(keyslot_make_file(path, &again, &why), -EEXIST);
	assert_non_null(strstr(why.text, path));
	assert_null(again.data);
	assert_int_equal(unlink(path), 0);
}

static void test_make_refuses(void **state)
{
	struct secbuf got = SECBUF_INIT;
	struct why why = {{0}};
	char longer[PATH_MAX + 10];
	const char *link = path_of("link");

	(void)state;
	assert_int_equal(symlink("target", link), 0);
	assert_int_equal(keyslot_make_file(link, &got, &why), -EEXIST);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(keyslot_make_file(path_of("none/key"), &got, &why), -ENOENT);
	assert_true(keyslot_make_file(path_of(""), &got, &why) < 0);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(keyslot_make_file(longer, &got, &why), -ENAMETOOLONG);
	assert_null(got.data);
}

/* A path without a slash, and one in the root folder's style, find their folder. */
static void test_make_here(void **state)
{
	AUTO_SECBUF got = SECBUF_INIT;
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(here >= 0);
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(keyslot_make_file("key", &got, NULL), 0);
	assert_int_equal(unlink(path_of("key")), 0);
	assert_int_equal(fchdir(here), 0);
	close(here);
	secbuf_free(&got);
	assert_true(keyslot_make_file("/tmp", &got, NULL) == -EEXIST);
}

static void test_modes(void **state)
{
	static const mode_t loose[] = {0440, 0404, 0420, 0402, 0410, 0401, 0644, 0777, 0660};
	static const mode_t fine[] = {0400, 0600, 0700};
	struct secbuf got = SECBUF_INIT;
	char hint[300];

	(void)state;
	for (size_t i = 0; i < sizeof(loose) / sizeof(loose[0]); i++) {
		const char *path = make_file("loose", KEYSLOT_FILE_LEN, loose[i]);

		snprintf(hint, sizeof(hint), "chmod 0400 %s", path);
		read_refused(-EPERM, path, hint);
		assert_int_equal(unlink(path), 0);
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		const char *path = make_file("fine", KEYSLOT_FILE_LEN, fine[i]);

		assert_int_equal(keyslot_read_file(path, &got, NULL), 0);
		assert_int_equal(got.data[0], 't');
		assert_int_equal(unlink(path), 0);
		secbuf_free(&got);
	}
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = {0, 1, 31, 33, 64};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const char *path = make_file("size", sizes[i], 0400);

		read_refused(-EINVAL, path, "exactly 32");
		assert_int_equal(unlink(path), 0);
	}
}

static void test_not_a_file(void **state)
{
	char target[256];
	const char *path;

	(void)state;
	read_refused(-ENOENT, path_of("none"), NULL);
	read_refused(-EINVAL, folder, "regular");
	read_refused(-EINVAL, "/dev/null", "regular");

	path = path_of("fifo"); /* nobody writes: must not hang */
	assert_int_equal(mkfifo(path, 0400), 0);
	read_refused(-EINVAL, path, "regular");
	assert_int_equal(unlink(path), 0);

	strcpy(target, make_file("target", KEYSLOT_FILE_LEN, 0400));
	path = path_of("link");
	assert_int_equal(symlink(target, path), 0);
	read_refused(-ELOOP, path, "symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(target), 0);
}

static void test_foreign_owner(void **state)
{
	const char *path;

	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can give a file away */
	path = make_file("foreign", KEYSLOT_FILE_LEN, 0400);
	assert_int_equal(chown(path, 12345, 0), 0);
	read_refused(-EPERM, path, "12345");
	assert_int_equal(unlink(path), 0);
}

/* ---- a line from a descriptor ---- */

static int line_fd(const void *bytes, size_t len)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], bytes, len), len);
	close(fds[1]);
	return fds[0];
}

static void line_is(const char *input, size_t len, const char *want, size_t want_len)
{
	AUTO_SECBUF got = SECBUF_INIT;
	int fd = line_fd(input, len);

	assert_int_equal(keyslot_read_line(fd, &got, NULL), 0);
	assert_int_equal(got.len, want_len);
	assert_memory_equal(got.data, want, want_len);
	for (size_t i = got.len; i < got.cap; i++)
		assert_int_equal(got.data[i], 0);
	close(fd);
}

static void line_refused(int err, int fd)
{
	struct secbuf got = SECBUF_INIT;
	struct why why = {{0}};
	size_t before = used();

	assert_int_equal(keyslot_read_line(fd, &got, &why), err);
	assert_null(got.data);
	assert_int_equal(used(), before);
	assert_true(strlen(why.text) > 10);
	close(fd);
}

static void test_line(void **state)
{
	static char longer[KEYSLOT_SOURCE_MAX + 2];
	AUTO_SECBUF second = SECBUF_INIT;
	struct secbuf first = SECBUF_INIT;
	int fd;

	(void)state;
	line_is("words", 5, "words", 5);
	line_is("words\n", 6, "words", 5);
	line_is(" a b \r\n", 7, " a b \r", 6);
	line_is("a\0b\n", 4, "a\0b", 3);
	memset(longer, 'w', sizeof(longer));
	line_is(longer, KEYSLOT_SOURCE_MAX, longer, KEYSLOT_SOURCE_MAX);
	longer[KEYSLOT_SOURCE_MAX] = '\n';
	line_is(longer, KEYSLOT_SOURCE_MAX + 1, longer, KEYSLOT_SOURCE_MAX);
	longer[KEYSLOT_SOURCE_MAX] = 'w';
	line_refused(-EINVAL, line_fd(longer, sizeof(longer)));
	line_refused(-EINVAL, line_fd("\nrest", 5));
	line_refused(-EINVAL, line_fd("", 0));
	line_refused(-EISDIR, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	/* What follows stays readable. */
	fd = line_fd("old\nnew\n", 8);
	assert_int_equal(keyslot_read_line(fd, &first, NULL), 0);
	assert_memory_equal(first.data, "old", 4);
	secbuf_free(&first);
	assert_int_equal(keyslot_read_line(fd, &second, NULL), 0);
	assert_memory_equal(second.data, "new", 4);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_derive),
		cmocka_unit_test(test_value_key),
		cmocka_unit_test(test_seal_keyfile),
		cmocka_unit_test(test_seal_passphrase),
		cmocka_unit_test(test_seal_refuses),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_other_kind),
		cmocka_unit_test(test_costs),
		cmocka_unit_test(test_wrong_source),
		cmocka_unit_test(test_open_any),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_make_refuses),
		cmocka_unit_test(test_make_here),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_not_a_file),
		cmocka_unit_test(test_foreign_owner),
		cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests_name("keyslot", tests, setup, teardown);
}
