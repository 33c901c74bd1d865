/* SPDX-License-Identifier: MIT */
/* cmd_store_key: the key slots of a store: add, remove, list, test. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "print.h"
#include "secretctl.h"
#include "storefile.h"

struct key {
	struct storefile file;
	struct keyarg fresh; /* --new-...: of the slot to be added */
	const char *label;
	const char *slot; /* which is to be removed */
};

static const struct args_option key_options[] = {
	STOREFILE_OPTIONS,
	KEYARG_NEW_OPTIONS,
	{.name = "label", .letter = 'l', .hidden = true, .takes = true},
	{0},
};

/* ---- arguments ---- */

static int key_option(struct key *key, int letter, const char *value, struct why *why)
{
	int r = storefile_take(&key->file, letter, value, why);

	if (r == 0 && letter >= 'A' && letter <= 'Z')
		r = keyarg_take(&key->fresh, letter - 'A' + 'a', value, why);
	if (r == 0)
		key->label = value;
	return r < 0 ? r : 0;
}

/* words: how many there may be; the last of two is the slot. */
static int key_args(struct key *key, struct args *args, bool slot, struct why *why)
{
	const char *words[2];
	int n = 0, r;

	while ((r = args_next(args, why)) > 0) {
		if (r != ARGS_WORD)
			r = key_option(key, r, args->value, why);
		else if (n == 1 + slot)
			r = why_set(why, -EINVAL, "too many arguments; see --help");
		else
			words[n++] = args->value;
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (slot && n == 0)
		return why_set(why, -EINVAL, "which SLOT? see --help");
	if (slot)
		key->slot = words[--n];
	key->file.path = n ? words[0] : NULL;
	if (key->file.key.n > 1)
		return keyarg_check(&key->file.key, "", why);
	return storefile_settle(&key->file, why);
}

static int key_no_new(const struct key *key, struct why *why)
{
	if (key->fresh.n || key->label)
		return why_set(why, -EINVAL, "a new key and --label are for key add; see --help");
	return 0;
}

/* ---- list and test ---- */

static void key_cost(const struct keyslot *slot, char *text, size_t size)
{
	if (slot->ops == 0 && slot->mem == 0)
		snprintf(text, size, "-");
	else
		snprintf(text, size, "%" PRId64 " x %" PRId64 " MiB", slot->ops, slot->mem >> 20);
}

static int key_list(struct key *key, struct why *why)
{
	static const char *const headings[] = {"SLOT", "KIND", "ARGON2ID", "LABEL"};
	struct keyslot slots[STORE_SLOTS];
	char text[STORE_SLOTS][3][PRINT_NAME];
	char *cells[STORE_SLOTS * 4];
	int r = key_no_new(key, why);
	int n = r < 0 ? r : store_read_slots(key->file.path, slots, why);

	for (int i = 0; i < n; i++) {
		const char *kind = keyslot_kind_word(slots[i].kind);
		snprintf(text[i][0], sizeof(text[i][0]), "%" PRId64, slots[i].id);
		key_cost(&slots[i], text[i][1], sizeof(text[i][1]));
		print_escape(slots[i].label, text[i][2], sizeof(text[i][2]));
		cells[i * 4] = text[i][0];
		cells[i * 4 + 1] = kind ? strdup(kind) : strdup("damaged");
		cells[i * 4 + 2] = text[i][1];
		cells[i * 4 + 3] = text[i][2];
	}
	if (n < 0)
		return n;
	r = print_table(headings, 4, cells, (size_t)n);
	for (int i = 0; i < n; i++)
		free(cells[i * 4 + 1]);
	return r < 0 ? why_set(why, r, "cannot print the table: %s", strerror(-r)) : 0;
}

/* Every slot is tried, so that what opens more than one is seen. */
static int key_test(struct key *key, struct why *why)
{
	struct keyslot slots[STORE_SLOTS];
	AUTO_SECBUF source = SECBUF_INIT;
	struct why reason = {""};
	int opened = 0;
	int r = key_no_new(key, why);

	if (r == 0)
		r = keyarg_check(&key->file.key, "", why);
	if (r == 0)
		r = keyarg_read(&key->file.key, &source, why);
	if (r == 0)
		r = store_read_slots(key->file.path, slots, why);
	for (int i = 0, n = r; i < n && r >= 0; i++) {
		AUTO_SECBUF master = SECBUF_INIT;
		r = keyslot_open(&slots[i], key->file.key.source.kind, &source, &master, &reason);
		if (r == -ENOMEM)
			return why_set(why, r, "%s", reason.text);
		if (r == 0)
			printf("opens slot %" PRId64 "\n", slots[i].id);
		opened += r == 0;
		r = 0;
	}
	if (r == 0 && !opened)
		r = why_set(why, -EKEYREJECTED, "this key opens no key slot of %s", key->file.path);
	return r;
}

/* ---- add and remove ---- */

static int key_add(struct key *key, struct why *why)
{
	AUTO_SECBUF source = SECBUF_INIT;
	AUTO_SECBUF fresh = SECBUF_INIT;
	AUTO_SECBUF master = SECBUF_INIT;
	AUTO_SECBUF keys = SECBUF_INIT;
	bool made = false;
	int64_t id;
	int r = keyarg_check(&key->file.key, "", why);

	if (r == 0)
		r = keyarg_check(&key->fresh, "new-", why);
	if (r == 0)
		r = storefile_lock(&key->file, STORE_USE_ALONE, why);
	if (r == 0)
		r = keyarg_read(&key->file.key, &source, why);
	if (r == 0)
		r = keyarg_read_new(&key->fresh, &fresh, &made, why);
	if (r == 0)
		r = storefile_become(&key->file, why);
	if (r == 0)
		r = storefile_open_slot(&key->file, &source, &master, &keys, why);
	if (r == 0)
		r = store_slot_add(key->file.path, key->fresh.source.kind,
			key->label ? key->label
				   : keyslot_kind_word((int64_t)key->fresh.source.kind),
			&fresh, &master, &id, why);
	if (r < 0 && made)
		log_warn("%s was made and opens nothing: remove it", key->fresh.source.word);
	if (r < 0)
		return r;
	if (made)
		print_done("created", key->fresh.source.word);
	printf("added slot %" PRId64 "\n", id);
	return 0;
}

static int key_number(const char *text, int64_t *ret_id, struct why *why)
{
	char *end;

	errno = 0;
	*ret_id = strtoll(text, &end, 10);
	if (errno || end == text || *end)
		return why_set(why, -EINVAL, "SLOT must be the number of a key slot");
	return 0;
}

/* Something that stays must be seen to open: whoever removes the wrong one loses everything. */
static int key_stays(struct key *key, int64_t id, const struct secbuf *source, struct why *why)
{
	struct keyslot slots[STORE_SLOTS];
	AUTO_SECBUF master = SECBUF_INIT;
	int n = store_read_slots(key->file.path, slots, why);
	size_t rest = 0;

	for (int i = 0; i < n; i++)
		if (slots[i].id != id)
			slots[rest++] = slots[i];
	if (n < 0 || rest == 0 || rest == (size_t)n)
		return n < 0 ? n : 0; /* the last one, or none: the store says so itself */
	int r = keyslot_open_any(slots, rest, key->file.key.source.kind, source, &master, why);
	if (r == -EKEYREJECTED)
		return why_set(why, r,
			"the key that is given must open one of the slots that stay; it does not");
	return r;
}

static int key_remove(struct key *key, struct why *why)
{
	AUTO_SECBUF source = SECBUF_INIT;
	int64_t id;
	int r = key_no_new(key, why);

	if (r == 0)
		r = keyarg_check(&key->file.key, "", why);
	if (r == 0)
		r = key_number(key->slot, &id, why);
	if (r == 0)
		r = storefile_lock(&key->file, STORE_USE_ALONE, why);
	if (r == 0)
		r = keyarg_read(&key->file.key, &source, why);
	if (r == 0)
		r = storefile_become(&key->file, why);
	if (r == 0)
		r = key_stays(key, id, &source, why);
	if (r == 0)
		r = store_slot_remove(key->file.path, id, why);
	if (r < 0)
		return r;
	printf("removed slot %" PRId64 "\n"
	       "Copies of the store that were made before still open with that key, and what they "
	       "hold is\n"
	       "sealed under the same master key. To shut them out from all that comes, rotate:\n"
	       "  secretctl store rotate %s\n",
		id, key->file.path);
	return 0;
}

/* ---- the verb ---- */

static const struct {
	const char *name;
	bool slot;
	int (*run)(struct key *key, struct why *why);
} key_verbs[] = {
	{"add", false, key_add},
	{"remove", true, key_remove},
	{"list", false, key_list},
	{"test", false, key_test},
};

#define NKEYVERBS (sizeof(key_verbs) / sizeof(key_verbs[0]))

static int key_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {.argc = argc - 1,
		.argv = argv + 1,
		.options = key_options,
		.help = cmd_store_key.help};
	struct key key = {.file = STOREFILE_INIT, .fresh = KEYARG_INIT};
	struct why why = {0};
	int r = -EINVAL;

	if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
		args.argc = argc;
		args.argv = argv;
		return args_next(&args, &why);
	}
	why_set(&why, r, "say add, remove, list or test; see --help");
	for (size_t i = 0; argc > 0 && i < NKEYVERBS; i++) {
		if (strcmp(argv[0], key_verbs[i].name) != 0)
			continue;
		r = key_args(&key, &args, key_verbs[i].slot, &why);
		if (r == 0)
			r = key_verbs[i].run(&key, &why);
	}
	if (key.file.lock >= 0)
		close(key.file.lock);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_store_key = {
	.group = "store",
	.name = "key",
	.summary = "add, remove, list and test the key slots of a store",
	.help = "usage: secretctl store key add [STORE] KEY NEW-KEY [--label TEXT]\n"
		"       secretctl store key remove [STORE] SLOT KEY\n"
		"       secretctl store key list [STORE]\n"
		"       secretctl store key test [STORE] KEY\n"
		"\n"
		"Any slot opens the store. KEY opens it now, for remove by a slot that stays:\n"
		"\n" STOREFILE_HELP "\n"
		"NEW-KEY is one of --new-keyfile (made if it is not there), --new-passphrase,\n"
		"--new-passphrase-fd, --new-credential and --new-command. The store holds no path "
		"and no\n"
		"command: the daemon is told them by secretfs.conf or its command line.\n"
		"\n"
		"  --label TEXT        what list says of the slot; in clear in the store\n",
	.secrets = true,
	.store = true,
	.run = key_run,
};
