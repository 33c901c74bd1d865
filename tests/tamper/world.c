/* SPDX-License-Identifier: MIT */
/* world: making it, learning what it holds, comparing. */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "anchor.h"

#define PUBLIC  ((struct store_ns){NS_PUBLIC, 0})
#define OF(uid) ((struct store_ns){NS_PRIVATE, uid})
#define KNOWN   40
#define PAST    24
#define MOUNT   77

/* One version as text: a line for the manifest, a line for each value. */
struct known {
	struct store_ns ns;
	char name[16];
	uint64_t row;
	uint64_t version;
	uint64_t oldest;
	char *now;
	char *past[PAST]; /* from oldest on; NULL: it was purged */
};

static const struct store_ns namespaces[] = {{NS_PUBLIC, 0}, {NS_PRIVATE, ANN}, {NS_PRIVATE, BOB},
	{NS_PRIVATE, MALLORY}, {NS_PRIVATE, 5}};
#define NAMESPACES (sizeof(namespaces) / sizeof(namespaces[0]))

/* All that there are, were, or never were. */
static const char *const names[] = {"db", "api", "mail", "shared", "bank", "long", "hist", "gone",
	"was", "is", "empty", "ssh", "ssh2", "evil", "bait", "opened", "handed", "new", "fresh",
	"many", "ghost"};
#define NAMES (sizeof(names) / sizeof(names[0]))

static uint64_t held_id; /* the value of a removed key that somebody has open */

static bool is_held(uint64_t id)
{
	return id == held_id;
}

static void removing(const struct store_gone *gone)
{
	(void)gone;
}

static void settled(void)
{
}

static const struct store_files files = {is_held, removing, settled};
static const struct store_limits limits = {
	.history = 3, .max_value = 1u << 20, .max_keys = 16, .files = &files};

static void sure(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-r));
	abort();
}
#define SURE(call) sure(call, #call)

/* ---- opening ---- */

static int anchor_of(const struct world *world, struct anchor **ret_anchor)
{
	struct why why = {""};
	int r = anchor_open(world->anchors, world->place.store, ANCHOR_KEEP, ret_anchor, &why);

	return r < 0 ? r : anchor_unlock(*ret_anchor, world->place.keys->anchor, &why);
}

static int open_as(
	const struct world *world, uint32_t generation, bool with_anchor, struct store **ret_store)
{
	struct why why = {""};
	struct anchor *anchor;
	int r = store_open(world->place.store, world->place.keys, &limits, ret_store, &why);

	if (r < 0 || !with_anchor)
		return r;
	SURE(anchor_of(world, &anchor));
	r = store_anchor(*ret_store, anchor, false, &why);
	if (r < 0) {
		store_close(*ret_store);
		*ret_store = NULL;
		return r;
	}
	store_journal(*ret_store, MOUNT, generation);
	return 0;
}

int world_open(const struct world *world, bool with_anchor, struct store **ret_store)
{
	return open_as(world, 2, with_anchor, ret_store);
}

/* ---- making ---- */

static struct store *store; /* while it is made */

static uint64_t secret(struct store_ns ns, uint32_t uid, const char *name, uint32_t mode)
{
	const struct store_new attr = {.uid = uid, .gid = uid, .mode = mode};
	uint64_t row = 0;

	SURE(store_secret_create(store, ns, name, strlen(name), &attr, &row));
	return row;
}

static uint64_t put(uint64_t row, uint32_t key_no, uint32_t uid, const char *value, size_t len)
{
	struct store_touched touched;
	const struct store_put change = {.row = row,
		.key_no = key_no,
		.uid = uid,
		.bytes = (const uint8_t *)value,
		.len = len,
		.mtime = 1000};

	SURE(store_put(store, &change, &touched));
	return touched.value_id;
}

static uint64_t last_value;

static uint32_t key(uint64_t row, uint32_t uid, const char *name, const char *value)
{
	const struct store_new attr = {.uid = uid, .gid = uid, .mode = 0644};
	struct store_touched touched;

	SURE(store_key_create(store, row, name, strlen(name), &attr, &touched));
	last_value = put(row, touched.key_no, uid, value, strlen(value));
	return touched.key_no;
}

static void attr(uint64_t row, uint32_t key_no, uint32_t uid, struct store_attr change)
{
	struct store_touched touched;

	SURE(store_attr_set(store, row, key_no, uid, &change, &touched));
}

/* user::rwx user:UID:PERM group::r-x mask::rwx other::--- as the kernel hands it over */
static size_t acl_for(uint8_t acl[44], uint32_t uid, uint16_t perm)
{
	const struct {
		uint16_t tag;
		uint16_t perm;
		uint32_t id;
	} entries[] = {{1, 7, UINT32_MAX}, {2, perm, uid}, {4, 5, UINT32_MAX}, {16, 7, UINT32_MAX},
		{32, 0, UINT32_MAX}};
	const uint32_t version = 2;

	memcpy(acl, &version, 4);
	memcpy(acl + 4, entries, sizeof(entries));
	return 4 + sizeof(entries);
}

static void acl(uint64_t row, uint32_t key_no, uint32_t uid, uint16_t perm)
{
	uint8_t bytes[44];
	size_t len = acl_for(bytes, uid, perm);

	attr(row, key_no, ANN,
		(struct store_attr){.set = STORE_ATTR_ACL, .acl = bytes, .acl_len = (uint16_t)len});
}

static void move(struct store_ns from_ns, const char *from, struct store_ns to_ns, const char *to,
	uint32_t uid)
{
	uint64_t rows[2];
	const struct store_move change = {.from_ns = from_ns,
		.from = from,
		.from_len = strlen(from),
		.to_ns = to_ns,
		.to = to,
		.to_len = strlen(to),
		.uid = uid,
		.public_mode = 0755};

	SURE(store_secret_rename(store, &change, rows));
}

static void drop(
	struct store_ns ns, const char *name, uint64_t row, uint32_t uid, const char *key_name)
{
	struct store_touched touched;
	uint64_t gone;

	SURE(store_key_remove(store, row, key_name, strlen(key_name), uid, &touched));
	SURE(store_secret_remove(store, ns, name, strlen(name), &gone));
}

static struct {
	uint64_t db, ann_db, api, shared, bank, hist, gone, ann_gone, handed, bait, many;
	uint32_t db_password, ann_password, token, shared_b, pin, hist_k, hist_l, handed_k, many_k;
} made;

static void make_early(void)
{
	char large[3000];

	memset(large, 'L', sizeof(large));
	made.db = secret(PUBLIC, ANN, "db", 0755);
	key(made.db, ANN, "user", "shared user");
	made.db_password = key(made.db, ANN, "password", "public db 1");
	made.api = secret(PUBLIC, BOB, "api", 0755);
	made.token = key(made.api, BOB, "token", "bob's public token");
	key(secret(PUBLIC, MALLORY, "mail", 0755), MALLORY, "password", "mallory's mail");
	made.shared = secret(PUBLIC, ANN, "shared", 0750);
	key(made.shared, ANN, "a", "value a");
	made.shared_b = key(made.shared, ANN, "b", "value b");
	acl(made.shared, 0, MALLORY, 5);
	acl(made.shared, made.shared_b, MALLORY, 4);
	made.handed = secret(PUBLIC, MALLORY, "handed", 0755);
	made.handed_k = key(made.handed, MALLORY, "k", "mallory had this");
	key(secret(PUBLIC, ANN, "opened", 0755), ANN, "k", "was for all");
	made.gone = secret(PUBLIC, ANN, "gone", 0755);
	key(made.gone, ANN, "x", "gone from public");

	made.ann_db = secret(OF(ANN), ANN, "db", 0700);
	made.ann_password = key(made.ann_db, ANN, "password", "ann's db 1");
	made.bank = secret(OF(ANN), ANN, "bank", 0700);
	made.pin = key(made.bank, ANN, "pin", "1111");
	uint64_t row = secret(OF(ANN), ANN, "long", 0700);
	put(row, key(row, ANN, "large", "small"), ANN, large, sizeof(large));
	key(row, ANN, "none", "");
	made.hist = secret(OF(ANN), ANN, "hist", 0700);
	made.hist_k = key(made.hist, ANN, "k", "hist 1");
	made.hist_l = key(made.hist, ANN, "l", "other 1");
	made.ann_gone = secret(OF(ANN), ANN, "gone", 0700);
	key(made.ann_gone, ANN, "x", "gone from private");
	key(secret(OF(ANN), ANN, "was", 0700), ANN, "x", "renamed");
	secret(OF(ANN), ANN, "empty", 0700);

	key(secret(OF(BOB), BOB, "db", 0700), BOB, "password", "bob's db");
	key(secret(OF(BOB), BOB, "ssh", 0700), BOB, "key", "bob's ssh");
	key(secret(OF(BOB), BOB, "ssh2", 0700), BOB, "key", "bob's second");
	made.many = secret(OF(BOB), BOB, "many", 0700);
	key(made.many, BOB, "old", "held by somebody");
	held_id = last_value;
	made.many_k = key(made.many, BOB, "k", "many 1");

	key(secret(OF(MALLORY), MALLORY, "db", 0700), MALLORY, "password", "mallory's db");
	key(secret(OF(MALLORY), MALLORY, "evil", 0700), MALLORY, "x", "mallory knows this");
	made.bait = secret(OF(MALLORY), MALLORY, "bait", 0700);
	key(made.bait, MALLORY, "x", "mallory's bait");
	/* Versions of which the later purge takes one. */
	put(made.hist, made.hist_k, ANN, "hist 2", 6);
	put(made.hist, made.hist_k, ANN, "hist 3", 6);
}

static void make_late(struct world *world)
{
	uint8_t bytes[44];
	size_t len = acl_for(bytes, BOB, 7);
	struct store_touched touched;

	put(made.db, made.db_password, ANN, "public db 2", 11);
	attr(made.api, 0, BOB, (struct store_attr){.set = STORE_ATTR_MODE, .mode = 0700});
	attr(made.api, made.token, BOB, (struct store_attr){.set = STORE_ATTR_MODE, .mode = 0600});
	acl(made.shared, 0, BOB, 5);
	acl(made.shared, made.shared_b, BOB, 4);
	attr(made.shared, 0, ANN,
		(struct store_attr){
			.set = STORE_ATTR_EXPIRES | STORE_ATTR_DESCRIPTION | STORE_ATTR_DEFAULT_ACL,
			.expires = INT64_C(2000000000) * 1000000000,
			.description = "shared with Bob",
			.description_len = 15,
			.default_acl = bytes,
			.default_acl_len = (uint16_t)len});
	attr(made.handed, 0, 0,
		(struct store_attr){
			.set = STORE_ATTR_UID | STORE_ATTR_MODE, .uid = ANN, .mode = 0700});
	attr(made.handed, made.handed_k, 0,
		(struct store_attr){
			.set = STORE_ATTR_UID | STORE_ATTR_MODE, .uid = ANN, .mode = 0600});
	put(made.handed, made.handed_k, ANN, "ann has it now", 14);
	put(made.ann_db, made.ann_password, ANN, "ann's db 2", 10);
	put(made.bank, made.pin, ANN, "2222", 4);
	put(made.bank, made.pin, ANN, "3333", 4);
	drop(PUBLIC, "gone", made.gone, ANN, "x");
	drop(OF(ANN), "gone", made.ann_gone, ANN, "x");
	move(OF(ANN), "was", OF(ANN), "is", ANN);
	move(OF(BOB), "ssh2", PUBLIC, "ssh2", BOB);
	move(PUBLIC, "opened", OF(ANN), "opened", ANN);
	key(secret(OF(ANN), ANN, "new", 0700), ANN, "x", "new in private");
	SURE(store_key_remove(store, made.many, "old", 3, BOB, &touched));
	for (int i = 0; i < 5; i++)
		put(made.many, made.many_k, BOB, "many", 4);
	const struct store_attr change = {.set = STORE_ATTR_ACL | STORE_ATTR_MODE,
		.mode = 01770,
		.acl = bytes,
		.acl_len = (uint16_t)len};
	SURE(store_ns_attr_set(store, PUBLIC, &change));
	/* A request whose answer nobody has got yet. */
	store_request_begin(2, false);
	secret(PUBLIC, ANN, "fresh", 0755);
	store_request_begin(0, false);
	world->kept_row = made.many;
}

/* A version in the middle, and a key out of another; both are still there before. */
static void make_purge(void)
{
	struct store_reader *reader;
	const struct store_secret *found;

	SURE(store_reader_open(store, &reader));
	SURE(store_begin(reader));
	SURE(store_secret_by_row(reader, made.hist, &found));
	uint64_t version = found->m.version;
	must(version - found->m.oldest == 3);
	store_end(reader);
	store_reader_close(reader);
	SURE(store_version_remove(store, made.hist, version - 1, ANN));
	SURE(store_version_key_remove(store, made.hist, version - 2, "k", 1, ANN));
}

/* ---- texts ---- */

static void print_hex(FILE *out, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%02x", ((const uint8_t *)bytes)[i]);
	fputc(' ', out);
}

static void print_manifest(FILE *out, const struct store_secret *found)
{
	const struct manifest *m = &found->m;

	fprintf(out,
		"row %llu version %llu/%llu in %u:%u %s owner %u:%u %o times %lld %lld %lld %lld "
		"expires %lld next %u \"%s\" ",
		(unsigned long long)found->row, (unsigned long long)m->version,
		(unsigned long long)m->oldest, m->ns_kind, m->ns_uid, m->name, m->uid, m->gid,
		m->mode, (long long)m->created, (long long)m->atime, (long long)m->mtime,
		(long long)m->ctime, (long long)m->expires, m->next_key, m->description);
	print_hex(out, m->uuid, sizeof(m->uuid));
	print_hex(out, m->acl, m->acl_len);
	print_hex(out, m->default_acl, m->default_acl_len);
	for (uint32_t i = 0; i < m->n; i++) {
		const struct manifest_key *k = &m->keys[i];
		fprintf(out, "| %u %s %u:%u %o %lld %lld %lld %llu %u %u %u ", k->no, k->name,
			k->uid, k->gid, k->mode, (long long)k->atime, (long long)k->mtime,
			(long long)k->ctime, (unsigned long long)k->value_id, k->len, k->json_len,
			k->env_len);
		print_hex(out, k->acl, k->acl_len);
	}
	fputc('\n', out);
}

static void print_values(FILE *out, struct store_reader *reader, const struct store_secret *found)
{
	for (uint32_t i = 0; i < found->m.n; i++) {
		AUTO_SECBUF value = SECBUF_INIT;
		int r = store_value(reader, found->row, &found->m.keys[i], SECMEM_SELF, &value);

		fprintf(out, "%s", r < 0 ? "!" : "=");
		if (r == 0)
			print_hex(out, value.data, value.len);
		fputc('\n', out);
	}
}

static char *text_of(struct store_reader *reader, const struct store_secret *found, bool values)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	must(out);
	print_manifest(out, found);
	if (values)
		print_values(out, reader, found);
	fclose(out);
	return text;
}

static char *text_of_ns(const struct header_ns *h)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	must(out);
	fprintf(out, "namespace %u:%u owner %u:%u %o times %lld %lld %lld has %llu %llu %llu ",
		h->kind, h->uid, h->owner, h->gid, h->mode, (long long)h->atime,
		(long long)h->mtime, (long long)h->ctime, (unsigned long long)h->secrets,
		(unsigned long long)h->owned, (unsigned long long)h->bytes);
	print_hex(out, h->acl, h->acl_len);
	print_hex(out, h->default_acl, h->default_acl_len);
	fclose(out);
	return text;
}

/* ---- learning ---- */

static struct known *known_named(const struct world *world, struct store_ns ns, const char *name)
{
	for (size_t i = 0; i < world->n; i++)
		if (world->known[i].ns.kind == ns.kind && world->known[i].ns.uid == ns.uid &&
			strcmp(world->known[i].name, name) == 0)
			return &world->known[i];
	return NULL;
}

static struct known *known_row(const struct world *world, uint64_t row)
{
	for (size_t i = 0; i < world->n; i++)
		if (world->known[i].row == row)
			return &world->known[i];
	return NULL;
}

uint64_t world_row(const struct world *world, struct store_ns ns, const char *name)
{
	const struct known *known = known_named(world, ns, name);

	must(known);
	return known->row;
}

static void learn_secret(
	struct world *world, struct store_reader *reader, struct store_ns ns, const char *name)
{
	const struct store_secret *found;
	int r = store_secret_by_name(reader, ns, name, strlen(name), &found);

	if (r == -ENOENT)
		return;
	SURE(r);
	must(world->n < KNOWN);
	struct known *known = &world->known[world->n++];
	*known = (struct known){.ns = ns,
		.row = found->row,
		.version = found->m.version,
		.oldest = found->m.oldest};
	snprintf(known->name, sizeof(known->name), "%s", name);
	known->now = text_of(reader, found, true);
	must(!strchr(known->now, '!'));
	for (uint64_t v = known->oldest; v < known->version; v++) {
		must(v - known->oldest < PAST);
		r = store_secret_version(reader, known->row, v, &found);
		if (r == 0)
			known->past[v - known->oldest] = text_of(reader, found, true);
		else
			must(r == -ENOENT);
	}
}

static void learn(struct world *world)
{
	const struct store_secret *kept;
	struct store_reader *reader;
	struct header_ns h;

	SURE(world_open(world, true, &store));
	SURE(store_reader_open(store, &reader));
	SURE(store_begin(reader));
	world->known = calloc(KNOWN, sizeof(*world->known));
	must(world->known);
	for (size_t i = 0; i < NAMESPACES; i++) {
		SURE(store_ns_get(reader, namespaces[i], &h));
		world->ns_text[i] = text_of_ns(&h);
		for (size_t j = 0; j < NAMES; j++)
			learn_secret(world, reader, namespaces[i], names[j]);
	}
	SURE(store_secret_kept(reader, world->kept_row, world->kept, &kept));
	store_end(reader);
	store_reader_close(reader);
	store_close(store);
	store = NULL;
}

static void open_to_make(struct world *world)
{
	SURE(open_as(world, 1, true, &store));
	SURE(store_start(store));
}

void world_make(struct world *world)
{
	struct anchor *anchor;
	AUTO_SECBUF source = SECBUF_INIT;
	AUTO_SECBUF second = SECBUF_INIT;
	AUTO_SECBUF master = SECBUF_INIT;
	struct keyslot slots[STORE_SLOTS];
	struct why why = {""};
	char path[256];
	int64_t slot;

	*world = (struct world){0};
	SURE(place_make(&world->place));
	snprintf(world->anchors, sizeof(world->anchors), "%s/anchor", world->place.folder);
	must(mkdir(world->anchors, 0700) == 0);
	SURE(anchor_of(world, &anchor));
	snprintf(world->anchor, sizeof(world->anchor), "%s", anchor_path(anchor));
	anchor_close(anchor);
	snprintf(path, sizeof(path), "%s/key2", world->place.folder);
	SURE(keyslot_read_file(world->place.key, &source, &why));
	SURE(keyslot_make_file(path, &second, &why));
	SURE(store_read_slots(world->place.store, slots, &why));
	SURE(keyslot_open_any(slots, 1, KEYSLOT_KEYFILE, &source, &master, &why));
	SURE(store_slot_add(
		world->place.store, KEYSLOT_KEYFILE, "second", &second, &master, &slot, &why));

	open_to_make(world);
	make_early();
	store_close(store);
	world->before = image_read(world->place.store);
	open_to_make(world);
	make_late(world);
	make_purge();
	store_close(store);
	world->now = image_read(world->place.store);
	world->kept = held_id;
	learn(world);
	world->anchor_now = image_read(world->anchor);
	/* In public/, Ann's, Bob's, Mallory's. */
	must(world->n == 7 + 8 + 3 + 3);
}

void world_free(struct world *world)
{
	for (size_t i = 0; i < world->n; i++) {
		free(world->known[i].now);
		for (size_t v = 0; v < PAST; v++)
			free(world->known[i].past[v]);
	}
	free(world->known);
	for (size_t i = 0; i < NAMESPACES; i++)
		free(world->ns_text[i]);
	image_free(&world->before);
	image_free(&world->now);
	image_free(&world->anchor_now);
	place_remove(&world->place);
}

/* ---- comparing ---- */

struct look {
	const struct world *world;
	struct store_reader *reader;
	const char *but;
	struct found found;
	unsigned seen[KNOWN];
};

static void say(
	struct look *look, unsigned *count, const char *how, const char *what, const char *text)
{
	if (*count == 0 && (count == &look->found.wrong || look->found.wrong == 0))
		snprintf(look->found.text, sizeof(look->found.text), "%s %s: %.300s", how, what,
			text ? text : "");
	++*count;
}

static bool is_refusal(int r)
{
	return r == -EBADMSG || r == -EIO || r == -EPROTO || r == -EFBIG || r == -ENOMEM;
}

/* What nobody can be told instead: something else went wrong. */
static void refused(struct look *look, const char *how, const char *what, int r)
{
	if (is_refusal(r))
		look->found.refused++;
	else
		say(look, &look->found.wrong, how, what, strerror(-r));
}

/* Line by line; a value that was refused is one that nobody was told. */
static bool same_or_refused(struct look *look, const char *wanted, const char *got)
{
	while (*wanted && *got) {
		size_t n = strcspn(wanted, "\n"), m = strcspn(got, "\n");
		if (got[0] == '!')
			look->found.refused++;
		else if (n != m || memcmp(wanted, got, n) != 0)
			return false;
		wanted += n + 1;
		got += m + 1;
	}
	return *wanted == *got;
}

static void judge(struct look *look, unsigned *count, const char *how, const char *what,
	const char *wanted, const struct store_secret *secret_found, bool values)
{
	char *got = text_of(look->reader, secret_found, values);
	char line[1024];

	/* Without the values only the first line is compared. */
	snprintf(line, sizeof(line), "%.*s\n", wanted ? (int)strcspn(wanted, "\n") : 0,
		wanted ? wanted : "");
	if (!wanted || !same_or_refused(look, values ? wanted : line, got))
		say(look, count, how, what, got);
	free(got);
}

static bool excepted(const struct look *look, const char *name)
{
	return look->but && strcmp(look->but, name) == 0;
}

static void look_at_namespaces(struct look *look)
{
	for (size_t i = 0; i < NAMESPACES; i++) {
		struct header_ns h;
		int r = store_ns_get(look->reader, namespaces[i], &h);
		if (r < 0) {
			refused(look, "record", "of a namespace", r);
			continue;
		}
		/* Mallory's own changes count in hers, and touch the times of public/. */
		if (look->but && (namespaces[i].uid == MALLORY || namespaces[i].kind == NS_PUBLIC))
			continue;
		char *got = text_of_ns(&h);
		if (strcmp(got, look->world->ns_text[i]) != 0)
			say(look, &look->found.wrong, "record", "of a namespace", got);
		free(got);
	}
}

static int see_listed(void *arg, const struct store_secret *listed)
{
	struct look *look = arg;
	const struct known *known = known_row(look->world, listed->row);

	if (excepted(look, listed->m.name))
		return 0;
	judge(look, &look->found.wrong, "listed", listed->m.name, known ? known->now : NULL, listed,
		false);
	if (known && ++look->seen[known - look->world->known] > 1)
		say(look, &look->found.wrong, "listed twice", listed->m.name, NULL);
	return 0;
}

static void look_by_listing(struct look *look)
{
	for (size_t i = 0; i < NAMESPACES; i++) {
		memset(look->seen, 0, sizeof(look->seen));
		int r = store_list(look->reader, namespaces[i], 0, see_listed, look);
		if (r < 0)
			refused(look, "listing", "of a namespace", r);
		for (size_t j = 0; j < look->world->n; j++) {
			const struct known *known = &look->world->known[j];
			bool here = known->ns.kind == namespaces[i].kind &&
				    known->ns.uid == namespaces[i].uid;
			if (!here && look->seen[j])
				say(look, &look->found.wrong, "listed elsewhere", known->name,
					NULL);
			if (r == 0 && here && !look->seen[j] && !excepted(look, known->name))
				say(look, &look->found.wrong, "not listed", known->name, NULL);
		}
	}
}

static void look_by_name(struct look *look)
{
	const struct store_secret *found;

	for (size_t i = 0; i < NAMESPACES; i++)
		for (size_t j = 0; j < NAMES; j++) {
			const struct known *known =
				known_named(look->world, namespaces[i], names[j]);
			if (excepted(look, names[j]))
				continue;
			int r = store_secret_by_name(
				look->reader, namespaces[i], names[j], strlen(names[j]), &found);
			/* One that is missing must never look as if it did not exist. */
			if (r == 0)
				judge(look, &look->found.wrong, "by name", names[j],
					known ? known->now : NULL, found, true);
			else if (r != -ENOENT || known)
				refused(look, "by name", names[j], r);
		}
}

static void look_by_row(struct look *look)
{
	const struct store_secret *found;

	for (uint64_t row = 0; row < 64; row++) {
		const struct known *known = known_row(look->world, row);
		int r = store_secret_by_row(look->reader, row, &found);
		if (known ? excepted(look, known->name) : look->but != NULL)
			continue;
		if (r == 0)
			judge(look, &look->found.wrong, "by row", known ? known->name : "nobody's",
				known ? known->now : NULL, found, true);
		else if (r != -ENOENT)
			refused(look, "by row", known ? known->name : "nobody's", r);
		else if (known)
			say(look, &look->found.missing, "by row", known->name, "missing");
	}
}

static void look_at_version(struct look *look, const struct known *known, uint64_t version)
{
	const struct store_secret *found;
	const char *wanted = version >= known->oldest && version < known->version
				     ? known->past[version - known->oldest]
				     : NULL;
	int r = store_secret_version(look->reader, known->row, version, &found);

	if (version == known->version)
		wanted = known->now;
	if (r == 0)
		judge(look, &look->found.wrong, wanted ? "version of" : "purged version of",
			known->name, wanted, found, true);
	else if (r != -ENOENT)
		refused(look, "version of", known->name, r);
	else if (wanted)
		say(look,
			store_versions_check(look->reader, known->row) == 0 ? &look->found.wrong
									    : &look->found.missing,
			"version of", known->name, "missing");
}

static void look_at_versions(struct look *look)
{
	for (size_t i = 0; i < look->world->n; i++) {
		const struct known *known = &look->world->known[i];
		if (excepted(look, known->name))
			continue;
		for (uint64_t v = known->oldest ? known->oldest - 1 : 0; v <= known->version + 1;
			v++)
			look_at_version(look, known, v);
	}
}

static void look_at_kept(struct look *look)
{
	const struct store_secret *found;
	int r = store_secret_kept(look->reader, look->world->kept_row, look->world->kept, &found);

	if (r < 0) {
		if (r != -ENOENT)
			refused(look, "kept", "value", r);
		return;
	}
	char *got = text_of(look->reader, found, true);
	const char *value = strchr(got, '\n') + 1;
	if (found->m.n != 1 || strcmp(found->m.keys[0].name, "old") != 0 ||
		found->m.keys[0].uid != BOB || found->m.keys[0].mode != 0644 ||
		(value[0] != '!' && strcmp(value, "=68656c6420627920736f6d65626f6479 \n") != 0))
		say(look, &look->found.wrong, "kept", "value", got);
	free(got);
}

struct found world_compare(
	const struct world *world, struct store *opened, unsigned turn, const char *but)
{
	static void (*const ways[])(struct look *) = {look_at_namespaces, look_by_listing,
		look_by_name, look_by_row, look_at_versions, look_at_kept};
	const unsigned n = sizeof(ways) / sizeof(ways[0]);
	struct look look = {.world = world, .but = but};

	int r = store_reader_open(opened, &look.reader);
	if (r < 0) {
		refused(&look, "a reader", "", r);
		return look.found;
	}
	for (unsigned i = 0; i < n; i++) {
		r = store_begin(look.reader);
		if (r < 0)
			refused(&look, "a snapshot", "", r);
		else
			ways[(turn + i) % n](&look);
		store_end(look.reader);
	}
	store_reader_close(look.reader);
	return look.found;
}

/* Whatever it is answered; nothing of it may make the store whole that was not. */
void world_change(struct store *opened, uint64_t bait)
{
	struct store_touched touched;
	const struct store_new mine = {.uid = MALLORY, .gid = MALLORY, .mode = 0755};
	uint64_t row;
	const struct store_put change = {.row = bait,
		.key_no = 1,
		.uid = MALLORY,
		.bytes = (const uint8_t *)"changed",
		.len = 7,
		.mtime = 1};

	store_put(opened, &change, &touched);
	if (store_secret_create(opened, PUBLIC, "bait", 4, &mine, &row) == 0)
		store_secret_remove(opened, PUBLIC, "bait", 4, &row);
}
