/* SPDX-License-Identifier: MIT */
/* cmd_store_rotate: everything in a store sealed again under new keys. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fd.h"
#include "finding.h"
#include "print.h"
#include "secretctl.h"
#include "storefile.h"

struct rotation {
	struct storefile file;
	struct keyarg keys[STORE_SLOTS]; /* all that are at hand */
	struct secbuf sources[STORE_SLOTS];
	size_t n;
	bool drop;

	struct keyslot slots[STORE_SLOTS]; /* as they are */
	int by[STORE_SLOTS];               /* which source opens it; -1: none */
	int nslots;
	struct keyslot new_slots[STORE_SLOTS];
	size_t nnew;

	struct anchor *anchor;
	struct secbuf old_master, old_keys;
	struct secbuf new_master, new_keys;
	struct store_verify_result result;
};

static const struct args_option rotate_options[] = {
	STOREFILE_OPTIONS,
	{.name = "drop-slots", .letter = 'D', .hidden = true},
	{0},
};

/* ---- arguments ---- */

static int rotate_key(struct rotation *to, int letter, const char *value, struct why *why)
{
	struct keyarg key = KEYARG_INIT;
	int r = keyarg_take(&key, letter, value, why);

	if (r <= 0)
		return r < 0 ? r : storefile_take(&to->file, letter, value, why);
	if (to->n == STORE_SLOTS)
		return why_set(why, -EINVAL, "a store has at most %d key slots", STORE_SLOTS);
	to->keys[to->n++] = key;
	return 0;
}

static int rotate_arg(struct rotation *to, int what, const char *value, struct why *why)
{
	if (what == 'D')
		to->drop = true;
	else if (what != ARGS_WORD)
		return rotate_key(to, what, value, why);
	else if (to->file.path)
		return why_set(why, -EINVAL, "one STORE is enough; see --help");
	else
		to->file.path = value;
	return 0;
}

/* Without a key that of the settings is the one at hand. */
static int rotate_args(struct rotation *to, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		r = rotate_arg(to, r, args->value, why);
		if (r < 0)
			return r;
	}
	if (to->n)
		to->file.key = to->keys[0];
	if (r == 0)
		r = storefile_settle(&to->file, why);
	if (r == 0)
		r = keyarg_check(&to->file.key, "", why);
	if (r == 0 && to->n == 0)
		to->keys[to->n++] = to->file.key;
	return r;
}

/* ---- key slots ---- */

/* A slot that holds another master key than the first one is none of this store's. */
static int slot_take(struct rotation *to, int i, int source, struct why *why)
{
	AUTO_SECBUF master = SECBUF_INIT;
	int r = keyslot_open(
		&to->slots[i], to->keys[source].source.kind, &to->sources[source], &master, why);

	if (r < 0)
		return r;
	if (!to->old_master.data)
		to->old_master = secbuf_take(&master);
	else if (!secmem_equal(to->old_master.data, master.data, KEYSLOT_MASTER))
		return -EKEYREJECTED;
	to->by[i] = source;
	return 0;
}

/* A key that is given twice is no mistake. */
static bool source_again(const struct rotation *to, size_t source)
{
	const struct secbuf *given = &to->sources[source];

	for (size_t s = 0; s < source; s++)
		if (to->sources[s].len == given->len &&
			secmem_equal(to->sources[s].data, given->data, given->len))
			return true;
	return false;
}

static int slots_open(struct rotation *to, struct why *why)
{
	bool used[STORE_SLOTS] = {false};
	struct why reason = {""};

	for (int i = 0; i < to->nslots; i++) {
		to->by[i] = -1;
		for (size_t s = 0; s < to->n && to->by[i] < 0; s++) {
			int r = slot_take(to, i, (int)s, &reason);
			if (r == -ENOMEM)
				return why_set(why, r, "%s", reason.text);
			used[s] |= r == 0;
		}
	}
	for (size_t s = 0; s < to->n; s++)
		if (!used[s] && !source_again(to, s))
			return why_set(why, -EKEYREJECTED,
				"the %s that is given as key %zu opens no key slot of the store; "
				"nothing was changed",
				keyslot_kind_word((int64_t)to->keys[s].source.kind), s + 1);
	return 0;
}

static void slot_name(const struct keyslot *slot, char *text, size_t size)
{
	const char *kind = keyslot_kind_word(slot->kind);
	char label[PRINT_NAME];

	print_escape(slot->label, label, sizeof(label));
	snprintf(text, size, "%" PRId64 " (%s%s%.64s)", slot->id, kind ? kind : "damaged",
		kind && strcmp(kind, label) != 0 ? ", " : "",
		kind && strcmp(kind, label) != 0 ? label : "");
}

/* Whoever has only one of the keys must not shut out the others without being told. */
static int slots_judge(const struct rotation *to, struct why *why)
{
	char names[512] = "", name[128];
	unsigned lost = 0;

	for (int i = 0; i < to->nslots; i++) {
		if (to->by[i] >= 0)
			continue;
		slot_name(&to->slots[i], name, sizeof(name));
		size_t n = strlen(names);
		snprintf(names + n, sizeof(names) - n, "%s%s", lost ? ", " : "", name);
		lost++;
	}
	if (lost == 0 || to->drop)
		return 0;
	return why_set(why, -EKEYREJECTED,
		"key slot%s %.400s cannot be sealed again without the key: give it too, or "
		"drop the slot%s with --drop-slots; nothing was changed",
		lost == 1 ? "" : "s", names, lost == 1 ? "" : "s");
}

static int slots_seal(struct rotation *to, struct why *why)
{
	int r = 0;

	for (int i = 0; i < to->nslots && r == 0; i++) {
		const struct keyslot *old = &to->slots[i];
		if (to->by[i] < 0)
			continue;
		r = keyslot_seal(&to->new_slots[to->nnew], old->id, (enum keyslot_kind)old->kind,
			old->label, &to->sources[to->by[i]], &to->new_master, why);
		to->nnew += r == 0;
	}
	return r;
}

/* ---- the work ---- */

static int rotate_derive(const struct secbuf *master, struct secbuf *ret_keys, struct why *why)
{
	if (secbuf_alloc(ret_keys, sizeof(struct keyslot_keys), SECMEM_SELF) < 0)
		return why_set(why, -ENOMEM, "no locked memory is left for keys; raise ulimit -l");
	keyslot_derive(master, (struct keyslot_keys *)(void *)ret_keys->data);
	ret_keys->len = sizeof(struct keyslot_keys);
	return 0;
}

static int rotate_new_master(struct rotation *to, struct why *why)
{
	if (secbuf_alloc(&to->new_master, KEYSLOT_MASTER, SECMEM_SELF) < 0)
		return why_set(why, -ENOMEM, "no locked memory is left for keys; raise ulimit -l");
	secmem_random(to->new_master.data, KEYSLOT_MASTER);
	to->new_master.len = KEYSLOT_MASTER;
	return rotate_derive(&to->new_master, &to->new_keys, why);
}

static int rotate_slots(struct rotation *to, struct why *why)
{
	int r = store_read_slots(to->file.path, to->slots, why);

	if (r < 0)
		return r;
	to->nslots = r;
	r = slots_open(to, why);
	if (r == 0)
		r = slots_judge(to, why);
	if (r == 0)
		r = rotate_derive(&to->old_master, &to->old_keys, why);
	if (r == 0)
		r = rotate_new_master(to, why);
	return r < 0 ? r : slots_seal(to, why);
}

/* What needs root comes first. */
static int rotate_prepare(struct rotation *to, struct why *why)
{
	int r = storefile_lock(&to->file, STORE_USE_ALONE, why);

	for (size_t i = 0; i < to->n && r == 0; i++)
		r = keyarg_read(&to->keys[i], &to->sources[i], why);
	if (r == 0)
		r = storefile_anchor(&to->file, true, &to->anchor, why);
	if (r == 0)
		r = storefile_become(&to->file, why);
	if (r == 0)
		r = rotate_slots(to, why);
	if (r == 0 && to->anchor)
		r = anchor_unlock(to->anchor, storefile_keys(&to->old_keys)->anchor, why);
	return r;
}

static void rotate_tell(const struct rotation *to)
{
	char name[128];

	finding_summary(&to->result);
	print_done("rotated", to->file.path);
	for (int i = 0; i < to->nslots; i++) {
		slot_name(&to->slots[i], name, sizeof(name));
		printf("%s key slot %s\n", to->by[i] < 0 ? "dropped" : "sealed again", name);
	}
	puts("Copies and backups of the store from before still open with the keys of then: remove "
	     "those\n"
	     "that are not needed, and make a new backup.");
}

static int rotate_store(struct rotation *to, struct why *why)
{
	struct finding_print print = {0};
	int r = rotate_prepare(to, why);

	if (r < 0)
		return r;
	const struct store_rotate ask = {.keys = storefile_keys(&to->old_keys),
		.new_keys = storefile_keys(&to->new_keys),
		.slots = to->new_slots,
		.nslots = to->nnew,
		.verify = {.anchor = to->anchor,
			.found = finding_found,
			.progress = finding_progress,
			.arg = &print}};
	meter_begin(&print.meter, "rotating");
	r = store_rotate(to->file.path, &ask, &to->result, why);
	meter_end(&print.meter);
	if (r == 0)
		rotate_tell(to);
	return r;
}

static void rotate_clear(struct rotation *to)
{
	anchor_close(to->anchor);
	for (size_t i = 0; i < to->n; i++)
		secbuf_free(&to->sources[i]);
	secbuf_free(&to->old_master);
	secbuf_free(&to->old_keys);
	secbuf_free(&to->new_master);
	secbuf_free(&to->new_keys);
	fd_close(&to->file.lock);
}

static int rotate_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {.argc = argc,
		.argv = argv,
		.options = rotate_options,
		.help = cmd_store_rotate.help};
	struct rotation to = {.file = STOREFILE_INIT};
	struct why why = {0};
	int r = rotate_args(&to, &args, &why);

	if (r == 0)
		r = rotate_store(&to, &why);
	rotate_clear(&to);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_store_rotate = {
	.group = "store",
	.name = "rotate",
	.summary = "seal everything in a store again, under new keys",
	.help = "usage: secretctl store rotate [STORE] [KEY...] [--drop-slots]\n"
		"\n"
		"Makes a new master key, seals every record, earlier versions too, again under it "
		"in "
		"a new\n"
		"file, verifies that, and puts it in the place of the store. Each KEY that is "
		"given "
		"opens it\n"
		"afterwards as before; who has had another one does not get at what comes. No "
		"daemon "
		"may serve\n"
		"the store; if it is interrupted, the old one is there: begin again.\n"
		"\n"
		"  --drop-slots        drop the key slots whose KEY is not given\n" STOREFILE_HELP,
	.secrets = true,
	.store = true,
	.run = rotate_run,
};
