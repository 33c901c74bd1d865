/* SPDX-License-Identifier: MIT */
/* keyslot: wraps and unwraps the master key, and reads the sources that unlock it. */
#include "keyslot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB        ((int64_t)1 << 20)
#define TARGET_NS  INT64_C(1000000000)
#define OPS_WANTED 3
#define MEM_MOST   (1024 * MIB)

_Static_assert(KEYSLOT_SALT == crypto_pwhash_argon2id_SALTBYTES, "salt");
_Static_assert(KEYSLOT_SALT == SEAL_TAG, "the salt stands where a tag does");
_Static_assert(KEYSLOT_MASTER == crypto_kdf_KEYBYTES, "master key");
_Static_assert(OPS_WANTED >= KEYSLOT_OPS_MIN && OPS_WANTED <= KEYSLOT_OPS_MAX, "passes");
_Static_assert(
	MEM_MOST >= (int64_t)KEYSLOT_MEM_MIN && MEM_MOST <= (int64_t)KEYSLOT_MEM_MAX, "memory");

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define AUTO_FD __attribute__((cleanup(close_fd))) int

/* ---- slots ---- */

const char *keyslot_kind_word(int64_t kind)
{
	switch (kind) {
	case KEYSLOT_KEYFILE:
		return "key file";
	case KEYSLOT_PASSPHRASE:
		return "passphrase";
	case KEYSLOT_CREDENTIAL:
		return "credential";
	case KEYSLOT_COMMAND:
		return "command";
	default:
		return NULL;
	}
}

static const char *kind_word(enum keyslot_kind kind)
{
	const char *word = keyslot_kind_word((int64_t)kind);

	return word ? word : "key";
}

/* Can a source of this kind open the slot at all? */
static bool kind_fits(const struct keyslot *slot, enum keyslot_kind kind)
{
	if (!keyslot_kind_word(slot->kind))
		return false;
	return (slot->kind == KEYSLOT_KEYFILE) == (kind == KEYSLOT_KEYFILE);
}

/* ---- costs ---- */

static int64_t clamp(int64_t n, int64_t least, int64_t most)
{
	return n < least ? least : n > most ? most : n;
}

static int64_t memory_most(void)
{
	int64_t quarter = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 4;

	return clamp(quarter / MIB * MIB, (int64_t)KEYSLOT_MEM_MIN, MEM_MOST);
}

/* Processor time, so that other people's load does not make the slot weaker. */
static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int keyslot_measure(struct keyslot_costs *ret_costs)
{
	static const uint8_t salt[KEYSLOT_SALT];
	uint8_t out[SEAL_KEY];
	int64_t start = cpu_ns();

	if (crypto_pwhash(out, sizeof(out), "", 0, salt, KEYSLOT_OPS_MIN, KEYSLOT_MEM_MIN,
		    crypto_pwhash_ALG_ARGON2ID13) != 0)
		return -ENOMEM;
	int64_t took = clamp(cpu_ns() - start, 1000000, INT64_MAX);
	/* How many MiB it gets through in a second, all passes together. */
	int64_t budget = KEYSLOT_OPS_MIN * ((int64_t)KEYSLOT_MEM_MIN / MIB) * TARGET_NS / took;
	int64_t mem = clamp(budget / OPS_WANTED * MIB, (int64_t)KEYSLOT_MEM_MIN, memory_most());
	*ret_costs = (struct keyslot_costs){
		.mem = mem,
		.ops = clamp(budget / (mem / MIB), KEYSLOT_OPS_MIN, KEYSLOT_OPS_MAX),
	};
	return 0;
}

/* ---- sealing and opening ---- */

static bool costs_allowed(const struct keyslot *slot)
{
	if (slot->kind == KEYSLOT_KEYFILE)
		return slot->ops == 0 && slot->mem == 0;
	return slot->ops >= KEYSLOT_OPS_MIN && slot->ops <= KEYSLOT_OPS_MAX &&
	       slot->mem >= (int64_t)KEYSLOT_MEM_MIN && slot->mem <= (int64_t)KEYSLOT_MEM_MAX;
}

static bool source_fits(enum keyslot_kind kind, const struct secbuf *source)
{
	if (kind == KEYSLOT_KEYFILE)
		return source->len == KEYSLOT_FILE_LEN;
	return source->len > 0 && source->len <= KEYSLOT_SOURCE_MAX;
}

static void kek_of_file(const uint8_t salt[KEYSLOT_SALT], const uint8_t file[KEYSLOT_FILE_LEN],
	uint8_t kek[SEAL_KEY])
{
	static const char purpose[] = "secretfs key file";
	uint8_t input[KEYSLOT_SALT + sizeof(purpose) - 1];

	memcpy(input, salt, KEYSLOT_SALT);
	memcpy(input + KEYSLOT_SALT, purpose, sizeof(purpose) - 1);
	crypto_generichash(kek, SEAL_KEY, input, sizeof(input), file, KEYSLOT_FILE_LEN);
}

/* The slot's salt and costs, and the source, must have been checked. */
static int kek_derive(const struct keyslot *slot, const struct secbuf *source,
	struct secbuf *ret_kek, struct why *why)
{
	AUTO_SECBUF kek = SECBUF_INIT;
	int r = secbuf_alloc(&kek, SEAL_KEY, SECMEM_SELF);

	if (r < 0)
		return why_set(why, r, "no locked memory is left for a key");
	kek.len = SEAL_KEY;
	if (slot->kind == KEYSLOT_KEYFILE)
		kek_of_file(slot->salt, source->data, kek.data);
	else if (crypto_pwhash(kek.data, SEAL_KEY, (const char *)source->data, source->len,
			 slot->salt, (unsigned long long)slot->ops, (size_t)slot->mem,
			 crypto_pwhash_ALG_ARGON2ID13) != 0)
		return why_set(why, -ENOMEM, "stretching the passphrase needs %lld MiB of memory",
			(long long)(slot->mem >> 20));
	*ret_kek = secbuf_take(&kek);
	return 0;
}

/* The slot tells the store's id, not the other way round: store_id stays zero. */
static struct seal_place slot_place(const struct keyslot *slot)
{
	struct seal_place place = {
		.dom = (uint8_t)(SEAL_SLOT + slot->kind),
		.id = slot->id,
		.ns = slot->ops,
		.ver = (uint64_t)slot->mem,
	};

	memcpy(place.tag, slot->salt, KEYSLOT_SALT);
	return place;
}

int keyslot_seal(struct keyslot *ret_slot, int64_t id, enum keyslot_kind kind, const char *label,
	const struct secbuf *source, const struct secbuf *master, struct why *why)
{
	AUTO_SECBUF kek = SECBUF_INIT;
	struct keyslot slot = {.id = id, .kind = kind};
	struct seal_place place;
	int r;

	if (!source_fits(kind, source))
		return why_set(why, -EINVAL,
			kind == KEYSLOT_KEYFILE ? "a key file has exactly %d bytes"
						: "a passphrase has 1 to %d bytes",
			kind == KEYSLOT_KEYFILE ? KEYSLOT_FILE_LEN : KEYSLOT_SOURCE_MAX);
	if (master->len != KEYSLOT_MASTER)
		return why_set(why, -EINVAL, "a master key has exactly %d bytes", KEYSLOT_MASTER);
	if (strlen(label) > KEYSLOT_LABEL)
		return why_set(why, -EINVAL, "a label has at most %d bytes", KEYSLOT_LABEL);
	strcpy(slot.label, label);
	secmem_random(slot.salt, sizeof(slot.salt));
	if (kind != KEYSLOT_KEYFILE) {
		struct keyslot_costs costs;
		r = keyslot_measure(&costs);
		if (r < 0)
			return why_set(why, r, "stretching a key needs %d MiB of memory",
				(int)(KEYSLOT_MEM_MIN / MIB));
		slot.ops = costs.ops;
		slot.mem = costs.mem;
	}
	r = kek_derive(&slot, source, &kek, why);
	if (r < 0)
		return r;
	place = slot_place(&slot);
	seal_box(kek.data, &place, master->data, KEYSLOT_MASTER, slot.box);
	*ret_slot = slot;
	return 0;
}

int keyslot_open(const struct keyslot *slot, enum keyslot_kind kind, const struct secbuf *source,
	struct secbuf *ret_master, struct why *why)
{
	AUTO_SECBUF kek = SECBUF_INIT;
	AUTO_SECBUF master = SECBUF_INIT;
	struct seal_place place = slot_place(slot);
	int r;

	if (!kind_fits(slot, kind))
		return why_set(why, -EKEYREJECTED, "key slot %lld is not for a %s",
			(long long)slot->id, kind_word(kind));
	if (!costs_allowed(slot))
		return why_set(why, -EPROTO,
			"key slot %lld asks for costs outside of the limits of this program",
			(long long)slot->id);
	if (!source_fits(kind, source))
		return why_set(why, -EKEYREJECTED, "a %s of %zu bytes opens no key slot",
			kind_word(kind), source->len);
	r = kek_derive(slot, source, &kek, why);
	if (r < 0)
		return r;
	r = secbuf_alloc(&master, KEYSLOT_MASTER, SECMEM_SELF);
	if (r < 0)
		return why_set(why, r, "no locked memory is left for a key");
	if (seal_open(kek.data, &place, slot->box, KEYSLOT_BOX, master.data) < 0)
		return why_set(why, -EKEYREJECTED, "the %s does not open key slot %lld",
			kind_word(kind), (long long)slot->id);
	master.len = KEYSLOT_MASTER;
	*ret_master = secbuf_take(&master);
	return 0;
}

/* A slot that somebody spoilt must not hide the good ones: the others are tried all the same. */
int keyslot_open_any(const struct keyslot *slots, size_t n, enum keyslot_kind kind,
	const struct secbuf *source, struct secbuf *ret_master, struct why *why)
{
	struct why reason = {{0}};
	size_t tried = 0, spoilt = 0;
	int memory = 0;

	/* Each costs about a second: first those that were made for it. */
	for (size_t i = 0; i < 2 * n; i++) {
		const struct keyslot *slot = &slots[i % n];
		int r;

		if (!kind_fits(slot, kind) || (slot->kind == (int64_t)kind) != (i < n))
			continue;
		r = keyslot_open(slot, kind, source, ret_master, &reason);
		if (r >= 0)
			return r;
		tried++;
		spoilt += r == -EPROTO;
		if (r == -ENOMEM)
			memory = why_set(why, r, "%s", reason.text);
	}
	if (memory < 0)
		return memory;
	if (tried == 0)
		return why_set(why, -EKEYREJECTED,
			"the store has no key slot for a %s; unlock it in another way",
			kind_word(kind));
	if (spoilt > 0)
		return why_set(why, -EKEYREJECTED,
			"the %s opens no key slot of the store; %zu of %zu ask for costs outside "
			"of the "
			"limits and were not tried",
			kind_word(kind), spoilt, tried);
	return why_set(
		why, -EKEYREJECTED, "the %s opens no key slot of the store", kind_word(kind));
}

static const char kdf_context[crypto_kdf_CONTEXTBYTES + 1] = "secretfs";

void keyslot_derive(const struct secbuf *master, struct keyslot_keys *ret_keys)
{
	const struct {
		uint8_t *key;
		enum keyslot_subkey number;
	} subkeys[] = {
		{ret_keys->index, KEYSLOT_INDEX},
		{ret_keys->manifest, KEYSLOT_MANIFEST},
		{ret_keys->meta, KEYSLOT_META},
		{ret_keys->sum, KEYSLOT_SUM},
		{ret_keys->anchor, KEYSLOT_ANCHOR},
	};

	for (size_t i = 0; i < sizeof(subkeys) / sizeof(subkeys[0]); i++)
		crypto_kdf_derive_from_key(
			subkeys[i].key, 32, subkeys[i].number, kdf_context, master->data);
}

void keyslot_derive_audit(const struct secbuf *master, uint8_t ret_key[32])
{
	crypto_kdf_derive_from_key(ret_key, 32, KEYSLOT_AUDIT0, kdf_context, master->data);
}

void keyslot_value_key(const struct secbuf *seed, uint64_t value_id, uint8_t ret_key[SEAL_KEY])
{
	static const char context[crypto_kdf_CONTEXTBYTES + 1] = "sfsvalue";

	crypto_kdf_derive_from_key(ret_key, SEAL_KEY, value_id, context, seed->data);
}

/* ---- sources ---- */

static int file_check(const char *path, const struct stat *st, struct why *why)
{
	if (!S_ISREG(st->st_mode))
		return why_set(why, -EINVAL, "%s is not a regular file; name a key file", path);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return why_set(why, -EPERM,
			"%s belongs to another user (uid %u); a key file must be root's or yours: "
			"chown it",
			path, st->st_uid);
	if (st->st_mode & 077)
		return why_set(why, -EPERM, "%s is open to others (mode %04o): chmod 0400 %s", path,
			st->st_mode & 07777u, path);
	if (st->st_size != KEYSLOT_FILE_LEN)
		return why_set(why, -EINVAL, "%s has %lld bytes, but a key file has exactly %d",
			path, (long long)st->st_size, KEYSLOT_FILE_LEN);
	return 0;
}

static int file_open_why(const char *path, int err, struct why *why)
{
	if (err == -ELOOP)
		return why_set(why, err, "%s is a symbolic link; name the key file itself", path);
	return why_set(why, err, "cannot open the key file %s: %s", path, strerror(-err));
}

/* Reads up to size bytes, fewer only at the end of the file. */
static ssize_t read_full(int fd, uint8_t *bytes, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = read(fd, bytes + got, size - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int keyslot_read_file(const char *path, struct secbuf *ret_source, struct why *why)
{
	/* O_NONBLOCK: a fifo in its place must not hang us; O_NOCTTY: nor a terminal become ours.
	 */
	AUTO_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO_SECBUF source = SECBUF_INIT;
	struct stat st;
	ssize_t n;
	int r;

	if (fd < 0)
		return file_open_why(path, -errno, why);
	if (fstat(fd, &st) < 0)
		return file_open_why(path, -errno, why);
	r = file_check(path, &st, why);
	if (r < 0)
		return r;
	r = secbuf_alloc(&source, KEYSLOT_FILE_LEN + 1, SECMEM_SELF);
	if (r < 0)
		return why_set(why, r, "no locked memory is left for a key");
	n = read_full(fd, source.data, KEYSLOT_FILE_LEN + 1);
	if (n < 0)
		return why_set(
			why, (int)n, "cannot read the key file %s: %s", path, strerror((int)-n));
	if (n != KEYSLOT_FILE_LEN)
		return why_set(why, -EINVAL, "%s changed while it was read; try again", path);
	source.len = KEYSLOT_FILE_LEN;
	*ret_source = secbuf_take(&source);
	return 0;
}

static int write_full(int fd, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

/* fchmod: neither the umask nor a default ACL of the folder has a say in it. */
static int file_fill(int fd, const struct secbuf *source)
{
	int r = fchmod(fd, 0400) < 0 ? -errno : 0;

	if (r == 0)
		r = write_full(fd, source->data, source->len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

/* Makes the file in its folder, both synced; nothing stays behind if that fails. */
static int file_make(int folder, const char *name, const struct secbuf *source)
{
	AUTO_FD fd =
		openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	int r;

	if (fd < 0)
		return -errno;
	r = file_fill(fd, source);
	if (r == 0 && fsync(folder) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(folder, name, 0);
	return r;
}

/* Opens the folder of path; *ret_name is what comes after it. */
static int folder_open(const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX] = ".";
	int fd;

	if (strlen(path) >= sizeof(folder))
		return -ENAMETOOLONG;
	if (slash) {
		size_t len = slash == path ? 1 : (size_t)(slash - path);

		memcpy(folder, path, len);
		folder[len] = '\0';
	}
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_name = slash ? slash + 1 : path;
	return fd;
}

int keyslot_make_file(const char *path, struct secbuf *ret_source, struct why *why)
{
	AUTO_SECBUF source = SECBUF_INIT;
	const char *name = NULL;
	AUTO_FD folder = folder_open(path, &name);
	int r;

	if (folder < 0)
		return why_set(why, folder, "cannot open the folder of the key file %s: %s", path,
			strerror(-folder));
	r = secbuf_alloc(&source, KEYSLOT_FILE_LEN, SECMEM_SELF);
	if (r < 0)
		return why_set(why, r, "no locked memory is left for a key");
	secmem_random(source.data, KEYSLOT_FILE_LEN);
	source.len = KEYSLOT_FILE_LEN;
	r = file_make(folder, name, &source);
	if (r == -EEXIST)
		return why_set(why, r, "%s exists already; a key file is never overwritten", path);
	if (r < 0)
		return why_set(why, r, "cannot make the key file %s: %s", path, strerror(-r));
	*ret_source = secbuf_take(&source);
	return 0;
}

/* Fills line up to a newline, the end, or one byte more than is allowed. */
static int line_read(int fd, struct secbuf *line)
{
	while (line->len <= KEYSLOT_SOURCE_MAX) {
		ssize_t n = read_full(fd, line->data + line->len, 1);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		if (line->data[line->len] == '\n') {
			line->data[line->len] = '\0';
			break;
		}
		line->len++;
	}
	return 0;
}

int keyslot_read_line(int fd, struct secbuf *ret_source, struct why *why)
{
	AUTO_SECBUF line = SECBUF_INIT;
	int r = secbuf_alloc(&line, KEYSLOT_SOURCE_MAX + 1, SECMEM_SELF);

	if (r < 0)
		return why_set(why, r, "no locked memory is left for a passphrase");
	r = line_read(fd, &line);
	if (r < 0)
		return why_set(why, r, "cannot read the passphrase from descriptor %d: %s", fd,
			strerror(-r));
	if (line.len == 0)
		return why_set(why, -EINVAL, "the passphrase is empty");
	if (line.len > KEYSLOT_SOURCE_MAX)
		return why_set(
			why, -EINVAL, "the passphrase is longer than %d bytes", KEYSLOT_SOURCE_MAX);
	*ret_source = secbuf_take(&line);
	return 0;
}
