/* SPDX-License-Identifier: MIT */
/* aclist: POSIX ACLs of secrets and keys, as lists of what each entry really gives. */
#include "aclist.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#define ACCESS  "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
#define VERSION 2

/* As the kernel has it: u32 version, then these, little endian. */
struct wire_entry {
	uint16_t tag;
	uint16_t perm;
	uint32_t id;
};

struct wire {
	uint32_t version;
	struct wire_entry entries[ACLIST_MAX];
};

#define WIRE_SIZE(n) (offsetof(struct wire, entries) + (n) * sizeof(struct wire_entry))

static bool is_named(unsigned tag)
{
	return tag == ACLIST_USER || tag == ACLIST_GROUP;
}

void aclist_of_mode(struct aclist *ret_list, mode_t mode)
{
	ret_list->n = 3;
	ret_list->entries[0] = (struct aclist_entry){ACLIST_OWNER, mode >> 6 & 7, 0};
	ret_list->entries[1] = (struct aclist_entry){ACLIST_OWNING_GROUP, mode >> 3 & 7, 0};
	ret_list->entries[2] = (struct aclist_entry){ACLIST_OTHER, mode & 7, 0};
}

/* What the mask takes away, it takes away here. */
static void apply_mask(struct aclist *list)
{
	struct aclist_entry *mask = aclist_find(list, ACLIST_MASK, 0);

	if (mask == NULL)
		return;
	for (size_t i = 0; i < list->n; i++) {
		struct aclist_entry *entry = &list->entries[i];
		if (is_named(entry->tag) || entry->tag == ACLIST_OWNING_GROUP)
			entry->perm &= mask->perm;
	}
	aclist_remove(list, ACLIST_MASK, 0);
}

static int read_list(const char *path, const char *which, struct aclist *ret_list)
{
	struct wire wire;
	struct aclist list = {.n = 0};
	ssize_t size = getxattr(path, which, &wire, sizeof(wire));

	if (size < 0)
		return errno == ERANGE ? -EPROTO : -errno;
	if ((size_t)size < WIRE_SIZE(3) || le32toh(wire.version) != VERSION ||
		((size_t)size - WIRE_SIZE(0)) % sizeof(struct wire_entry) != 0)
		return -EPROTO;
	list.n = ((size_t)size - WIRE_SIZE(0)) / sizeof(struct wire_entry);
	for (size_t i = 0; i < list.n; i++) {
		struct aclist_entry *entry = &list.entries[i];
		entry->tag = le16toh(wire.entries[i].tag);
		entry->perm = le16toh(wire.entries[i].perm) & 7;
		entry->id = is_named(entry->tag) ? le32toh(wire.entries[i].id) : 0;
	}
	apply_mask(&list);
	*ret_list = list;
	return 0;
}

int aclist_read(const char *path, mode_t mode, struct aclist *ret_list)
{
	int r = read_list(path, ACCESS, ret_list);

	if (r != -ENODATA)
		return r;
	aclist_of_mode(ret_list, mode);
	return 0;
}

int aclist_read_default(const char *path, struct aclist *ret_list)
{
	int r = read_list(path, DEFAULT, ret_list);

	if (r != -ENODATA)
		return r;
	ret_list->n = 0;
	return 0;
}

/* Adds the mask that takes nothing, where one is needed. */
static int add_mask(struct aclist *list)
{
	unsigned all = 0;
	bool named = false;

	for (size_t i = 0; i < list->n; i++) {
		const struct aclist_entry *entry = &list->entries[i];
		named |= is_named(entry->tag);
		if (is_named(entry->tag) || entry->tag == ACLIST_OWNING_GROUP)
			all |= entry->perm;
	}
	return named ? aclist_set(list, ACLIST_MASK, 0, all) : 0;
}

static int write_list(const char *path, const char *which, const struct aclist *list)
{
	struct aclist whole = *list;
	struct wire wire = {.version = htole32(VERSION)};
	int r = add_mask(&whole);

	if (r < 0)
		return r;
	for (size_t i = 0; i < whole.n; i++) {
		const struct aclist_entry *entry = &whole.entries[i];
		wire.entries[i] = (struct wire_entry){htole16(entry->tag), htole16(entry->perm),
			is_named(entry->tag) ? htole32(entry->id) : UINT32_MAX};
	}
	return setxattr(path, which, &wire, WIRE_SIZE(whole.n), 0) < 0 ? -errno : 0;
}

int aclist_write(const char *path, const struct aclist *list)
{
	return write_list(path, ACCESS, list);
}

int aclist_write_default(const char *path, const struct aclist *list)
{
	return write_list(path, DEFAULT, list);
}

struct aclist_entry *aclist_find(struct aclist *list, enum aclist_tag tag, uint32_t id)
{
	for (size_t i = 0; i < list->n; i++) {
		struct aclist_entry *entry = &list->entries[i];
		if (entry->tag == tag && (!is_named(tag) || entry->id == id))
			return entry;
	}
	return NULL;
}

unsigned aclist_perm(const struct aclist *list, enum aclist_tag tag, uint32_t id)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct aclist_entry *entry = &list->entries[i];
		if (entry->tag == tag && (!is_named(tag) || entry->id == id))
			return entry->perm;
	}
	return 0;
}

int aclist_set(struct aclist *list, enum aclist_tag tag, uint32_t id, unsigned perm)
{
	struct aclist_entry *entry = aclist_find(list, tag, id);
	size_t at = 0;

	if (entry != NULL) {
		entry->perm = (uint16_t)perm;
		return 0;
	}
	/* The mask needs room, too. */
	if (list->n >= (tag == ACLIST_MASK ? ACLIST_MAX : ACLIST_MAX - 1))
		return -ENOSPC;
	while (at < list->n && (list->entries[at].tag < tag ||
				       (list->entries[at].tag == tag && list->entries[at].id < id)))
		at++;
	memmove(&list->entries[at + 1], &list->entries[at],
		(list->n - at) * sizeof(*list->entries));
	list->entries[at] = (struct aclist_entry){(uint16_t)tag, (uint16_t)perm, id};
	list->n++;
	return 0;
}

void aclist_remove(struct aclist *list, enum aclist_tag tag, uint32_t id)
{
	struct aclist_entry *entry = aclist_find(list, tag, id);

	if (entry == NULL)
		return;
	size_t after = (size_t)(&list->entries[list->n] - entry) - 1;
	memmove(entry, entry + 1, after * sizeof(*entry));
	list->n--;
}

bool aclist_same(const struct aclist *a, const struct aclist *b)
{
	return a->n == b->n && memcmp(a->entries, b->entries, a->n * sizeof(*a->entries)) == 0;
}
