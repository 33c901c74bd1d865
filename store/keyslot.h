/* SPDX-License-Identifier: MIT */
/*
 * keyslot: the master key, wrapped once for each way to unlock the store.
 *
 *     slot(id, kind, salt[16], ops, mem, label, box)     box = the master key (32 B) sealed under a
 * KEK, 72 B KEK  = Argon2id(source, salt, ops passes, mem bytes)                    every source
 * but a key file = BLAKE2b-256(salt | "secretfs key file", key = file)              a key file of
 * 32 bytes; ops = mem = 0 AAD  = 'K' + kind, store_id 0, id, ns = ops, tag = salt, ver = mem subkey
 * n = crypto_kdf_derive_from_key(32, n, "secretfs", master)
 *
 * A slot never holds a command or a path: who writes the store file would run code as root.
 */
#ifndef STORE_KEYSLOT_H
#define STORE_KEYSLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seal.h"
#include "secmem.h"
#include "why.h"

#define KEYSLOT_MASTER     32
#define KEYSLOT_FILE_LEN   32
#define KEYSLOT_SALT       16
#define KEYSLOT_LABEL      64
#define KEYSLOT_BOX        (KEYSLOT_MASTER + SEAL_OVERHEAD)
#define KEYSLOT_SOURCE_MAX 4096 /* longest passphrase or command output, bytes */

/* Floor and ceiling of the Argon2id costs in a slot; anything outside is refused before it runs. */
#define KEYSLOT_OPS_MIN 2
#define KEYSLOT_OPS_MAX 20
#define KEYSLOT_MEM_MIN (64ull << 20)
#define KEYSLOT_MEM_MAX (4ull << 30)

/* How a slot was made. All but the first go through Argon2id, and each of these opens a slot of
 * another if its bytes are the same: a credential that was lost can be typed. */
enum keyslot_kind {
	KEYSLOT_KEYFILE = 1,
	KEYSLOT_PASSPHRASE = 2,
	KEYSLOT_CREDENTIAL = 3,
	KEYSLOT_COMMAND = 4,
};

enum keyslot_subkey {
	KEYSLOT_INDEX = 1,
	KEYSLOT_MANIFEST = 2,
	KEYSLOT_META = 3,
	KEYSLOT_SUM = 4,
	KEYSLOT_ANCHOR = 5,
	KEYSLOT_AUDIT0 = 6,
};

/* The five keys a worker gets; lives only in secret memory. */
struct keyslot_keys {
	uint8_t index[32];
	uint8_t manifest[32];
	uint8_t meta[32];
	uint8_t sum[32];
	uint8_t anchor[32];
};

/* One row of table slot; nothing in it is secret. */
struct keyslot {
	int64_t id;
	int64_t kind;
	uint8_t salt[KEYSLOT_SALT];
	int64_t ops;
	int64_t mem;
	char label[KEYSLOT_LABEL + 1];
	uint8_t box[KEYSLOT_BOX];
};

struct keyslot_costs {
	int64_t ops;
	int64_t mem; /* bytes */
};

/*
 * Costs of Argon2id that take this machine about a second of processor time: as much memory as
 * fits that in three passes, 1 GiB and a quarter of the machine's memory at most, then more passes.
 * Takes a tenth of a second. -ENOMEM.
 */
int keyslot_measure(struct keyslot_costs *ret_costs);

/* "key file", "passphrase", ...; NULL: no kind that this program knows. */
const char *keyslot_kind_word(int64_t kind);

/*
 * Fills *ret_slot (id, kind, fresh salt, costs, label, box) for a source of this kind. source: 32
 * bytes of key file, or the passphrase. Argon2id's costs are keyslot_measure's. -EINVAL: the source
 * is empty, too long or (key file) not 32 bytes; -ENOMEM.
 */
int keyslot_seal(struct keyslot *ret_slot, int64_t id, enum keyslot_kind kind, const char *label,
	const struct secbuf *source, const struct secbuf *master, struct why *why);

/*
 * Tries the source on one slot. On success ret_master (empty before) holds KEYSLOT_MASTER bytes.
 * -EKEYREJECTED: the wrong source for this slot (or a key file for another kind, or the reverse),
 * -EPROTO: costs outside the limits, -ENOMEM.
 */
int keyslot_open(const struct keyslot *slot, enum keyslot_kind kind, const struct secbuf *source,
	struct secbuf *ret_master, struct why *why);

/* Tries all n slots in turn, those of that kind first; -EKEYREJECTED if none opens, with a
 * sentence. */
int keyslot_open_any(const struct keyslot *slots, size_t n, enum keyslot_kind kind,
	const struct secbuf *source, struct secbuf *ret_master, struct why *why);

/* Derives the five keys. keys: sizeof(struct keyslot_keys) bytes of secret memory, or of a key fd's
 * mapping. */
void keyslot_derive(const struct secbuf *master, struct keyslot_keys *ret_keys);

/* A value's own key, out of a seed of KEYSLOT_MASTER random bytes that is forgotten when all values
 * have theirs. */
void keyslot_value_key(const struct secbuf *seed, uint64_t value_id, uint8_t ret_key[SEAL_KEY]);
/* Derives K_audit0 (audit.h), 32 bytes of secret memory, which no worker gets. */
void keyslot_derive_audit(const struct secbuf *master, uint8_t ret_key[32]);

/*
 * Reads a key file by one descriptor (O_NOFOLLOW): a regular file, owned by root or the caller, no
 * group or other bits, exactly 32 bytes. ret_source must be empty. -ENOENT and other errnos of
 * open, -EPERM: loose permissions or a foreign owner, -EINVAL: not 32 bytes or not regular.
 */
int keyslot_read_file(const char *path, struct secbuf *ret_source, struct why *why);

/*
 * Makes a new key file of 32 random bytes: O_EXCL|O_NOFOLLOW, 0400, synced with its folder; fills
 * ret_source too. -EEXIST if it is there.
 */
int keyslot_make_file(const char *path, struct secbuf *ret_source, struct why *why);

/*
 * Reads one line (without its newline) from a descriptor, at most KEYSLOT_SOURCE_MAX bytes; a byte
 * at a time, so that what follows stays readable. -EINVAL: empty or too long.
 */
int keyslot_read_line(int fd, struct secbuf *ret_source, struct why *why);

#endif
