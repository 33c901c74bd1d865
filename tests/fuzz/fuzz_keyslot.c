/* SPDX-License-Identifier: MIT */
/*
 * fuzz_keyslot: the table of key slots, as somebody may have filled it who can write to the store
 * file: any number of rows, any types, any costs.
 *
 * Argon2 stands still here: what would run is only looked at, and must be within the limits.
 */
#include "fuzz.h"

#include <errno.h>
#include <sqlite3.h>

#include "place.h"
#include "store.h"

static struct place place;
static struct keyslot whole; /* the slot that opens */
static struct secbuf source; /* with this */
static struct secbuf passphrase;

int __wrap_crypto_pwhash(unsigned char *out, unsigned long long out_len, const char *passwd,
	unsigned long long len, const unsigned char *salt, unsigned long long ops, size_t mem,
	int alg);

int __wrap_crypto_pwhash(unsigned char *out, unsigned long long out_len, const char *passwd,
	unsigned long long len, const unsigned char *salt, unsigned long long ops, size_t mem,
	int alg)
{
	(void)passwd;
	(void)salt;
	(void)alg;
	must(len >= 1 && len <= KEYSLOT_SOURCE_MAX);
	must(ops >= KEYSLOT_OPS_MIN && ops <= KEYSLOT_OPS_MAX);
	must(mem >= KEYSLOT_MEM_MIN && mem <= KEYSLOT_MEM_MAX);
	memset(out, (int)(ops & 1), (size_t)out_len);
	return ops == 13 ? -1 : 0;
}

static void leave(void)
{
	secbuf_free(&source);
	secbuf_free(&passphrase);
	place_remove(&place);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct why why = {""};
	struct keyslot slots[STORE_SLOTS];

	(void)argc;
	(void)argv;
	must(secmem_init(8u << 20) == 0);
	must(place_make(&place) == 0);
	must(store_read_slots(place.store, slots, &why) == 1);
	whole = slots[0];
	must(keyslot_read_file(place.key, &source, &why) == 0);
	must(secbuf_alloc(&passphrase, 8, SECMEM_SELF) == 0);
	memcpy(passphrase.data, "password", 8);
	passphrase.len = 8;
	atexit(leave);
	return 0;
}

/* A column of any type; sometimes as long as it should be. */
static void bind_any(sqlite3_stmt *stmt, int at, struct fuzz_in *in, size_t right)
{
	size_t n;
	uint8_t type = fuzz_u8(in);
	const uint8_t *bytes;

	switch (type % 8) {
	case 0:
		sqlite3_bind_int64(stmt, at, (int64_t)fuzz_uint(in, 8));
		break;
	case 1:
		sqlite3_bind_int64(stmt, at, fuzz_u8(in));
		break;
	case 2:
		sqlite3_bind_int64(stmt, at, (int64_t)fuzz_u8(in) << 24);
		break;
	case 3:
		bytes = fuzz_bytes(in, fuzz_u8(in), &n);
		sqlite3_bind_text(stmt, at, (const char *)bytes, (int)n, SQLITE_TRANSIENT);
		break;
	case 4:
		bytes = fuzz_bytes(in, fuzz_u8(in), &n);
		sqlite3_bind_blob(stmt, at, bytes, (int)n, SQLITE_TRANSIENT);
		break;
	case 5:
		sqlite3_bind_double(stmt, at, (double)fuzz_uint(in, 4) / 3);
		break;
	case 6:
		sqlite3_bind_zeroblob(stmt, at, (int)right);
		break;
	default:
		bytes = fuzz_bytes(in, right, &n);
		sqlite3_bind_blob(stmt, at, bytes, (int)n, SQLITE_TRANSIENT);
	}
}

/* Columns id, kind, salt, ops, mem, label, box: each as it is in the whole slot, or any. */
static void insert(sqlite3_stmt *stmt, struct fuzz_in *in)
{
	uint8_t any = fuzz_u8(in);

	sqlite3_reset(stmt);
	sqlite3_bind_int64(stmt, 1, whole.id);
	sqlite3_bind_int64(stmt, 2, whole.kind);
	sqlite3_bind_blob(stmt, 3, whole.salt, KEYSLOT_SALT, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 4, whole.ops);
	sqlite3_bind_int64(stmt, 5, whole.mem);
	sqlite3_bind_text(stmt, 6, whole.label, -1, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 7, whole.box, KEYSLOT_BOX, SQLITE_STATIC);
	static const size_t right[] = {8, 8, KEYSLOT_SALT, 8, 8, KEYSLOT_LABEL, KEYSLOT_BOX};
	for (int at = 1; at <= 7; at++)
		if (any & 1 << at)
			bind_any(stmt, at, in, right[at - 1]);
	sqlite3_step(stmt); /* what the constraints refuse is not there */
}

static void fill(struct fuzz_in *in)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;

	must(sqlite3_open(place.store, &db) == SQLITE_OK);
	must(sqlite3_exec(db, "PRAGMA synchronous = OFF; BEGIN; DELETE FROM slot", 0, 0, 0) ==
		SQLITE_OK);
	must(sqlite3_prepare_v2(db, "INSERT INTO slot VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)", -1,
		     &stmt, NULL) == SQLITE_OK);
	for (int i = 0; in->left && i < 2 * STORE_SLOTS; i++)
		insert(stmt, in);
	sqlite3_finalize(stmt);
	must(sqlite3_exec(db, "COMMIT", 0, 0, 0) == SQLITE_OK);
	must(sqlite3_close(db) == SQLITE_OK);
}

/* Is it one that the key file opens? Box, salt and costs are bound together. */
static bool opens(const struct keyslot *slot)
{
	return slot->id == whole.id && slot->kind == whole.kind && slot->ops == whole.ops &&
	       slot->mem == whole.mem && memcmp(slot->salt, whole.salt, KEYSLOT_SALT) == 0 &&
	       memcmp(slot->box, whole.box, KEYSLOT_BOX) == 0;
}

static void try_open(const struct keyslot *slots, size_t n)
{
	struct why why = {""};
	AUTO_SECBUF master = SECBUF_INIT;
	AUTO_SECBUF other = SECBUF_INIT;
	bool expected = false;

	for (size_t i = 0; i < n; i++) {
		must(memchr(slots[i].label, '\0', sizeof(slots[i].label)));
		expected |= opens(&slots[i]);
	}
	int r = keyslot_open_any(slots, n, KEYSLOT_KEYFILE, &source, &master, &why);
	must(r == (expected ? 0 : -EKEYREJECTED) && (expected || why.text[0]));
	r = keyslot_open_any(slots, n, KEYSLOT_PASSPHRASE, &passphrase, &other, &why);
	must(r == -EKEYREJECTED || r == -ENOMEM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, size};
	struct keyslot slots[STORE_SLOTS];
	struct store_info info;
	struct why why = {""};

	fill(&in);
	int n = store_read_slots(place.store, slots, &why);
	must((n >= 1 && n <= STORE_SLOTS) || (n == -EBADMSG && why.text[0]));
	if (n > 0)
		try_open(slots, (size_t)n);
	int r = store_info(place.store, &info, &why);
	must(r == (n < 0 ? n : 0) && (r < 0 || info.nslots == (size_t)n));
	return 0;
}
