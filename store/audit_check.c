/* SPDX-License-Identifier: MIT */
/* audit_check: walks the chain of an audit log. */
#include "audit_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define EPOCHS_MOST (1u << 26) /* hashed in some 20 s: 127 years of one a minute */
#define STEPS_MOST  4096u      /* keys that are tried after a gap */

static uint8_t *key0_of(struct audit_check *check)
{
	return check->keys.data;
}

static uint8_t *key_of(struct audit_check *check)
{
	return check->keys.data + AUDIT_KEY;
}

int audit_check_begin(struct audit_check *check, const uint8_t *key0)
{
	*check = (struct audit_check){.begun = false};
	int r = secbuf_alloc(&check->keys, (size_t)2 * AUDIT_KEY, SECMEM_SELF);

	if (r < 0)
		return r;
	memcpy(key0_of(check), key0, AUDIT_KEY);
	return 0;
}

void audit_check_anchor(struct audit_check *check, uint64_t n, const uint8_t hash[AUDIT_HASH])
{
	check->anchor_n = n;
	memcpy(check->anchor_hash, hash, AUDIT_HASH);
}

void audit_check_end(struct audit_check *check)
{
	secbuf_free(&check->keys);
}

struct finding {
	char *text;
	size_t size;
	bool found;
};

/* The first one counts: what follows from it says nothing new. */
__attribute__((format(printf, 2, 3))) static void find(struct finding *f, const char *fmt, ...)
{
	va_list args;

	if (f->found)
		return;
	f->found = true;
	va_start(args, fmt);
	vsnprintf(f->text, f->size, fmt, args);
	va_end(args);
}

static bool is(const struct audit_head *head, const char *operation)
{
	return strcmp(head->operation, operation) == 0;
}

/* A line that names what it continues. */
static bool is_beginning(const struct audit_head *head)
{
	return is(head, "start") || is(head, "file");
}

/* ---- keys ---- */

static void key_to_epoch(struct audit_check *check, uint64_t epoch)
{
	for (; check->epoch < epoch; check->epoch++)
		audit_key_next(key_of(check));
}

static bool same_session(const struct audit_check *check, const uint8_t session[AUDIT_SESSION])
{
	return check->keyed && memcmp(check->session, session, AUDIT_SESSION) == 0;
}

static void session_begin(struct audit_check *check, const uint8_t session[AUDIT_SESSION])
{
	memcpy(check->session, session, AUDIT_SESSION);
	audit_session_key(key0_of(check), session, key_of(check));
	check->epoch = 0;
	check->keyed = true;
}

/* start and file say which key they are written with. */
static void take_session(
	struct audit_check *check, const char *line, size_t len, const struct audit_head *head)
{
	uint8_t session[AUDIT_SESSION];
	uint64_t epoch = 0;

	if (audit_field_hex(line, len, "session", session, sizeof(session)) < 0 ||
		(is(head, "file") && audit_field_number(line, len, "epoch", &epoch) < 0) ||
		epoch > EPOCHS_MOST || epoch > head->n) {
		check->keyed = false;
		return;
	}
	/* Going back is nothing that a log does, but somebody who makes a line may. */
	if (!same_session(check, session) || check->epoch > epoch)
		session_begin(check, session);
	key_to_epoch(check, epoch);
}

static void take_ratchet(
	struct audit_check *check, const char *line, size_t len, const struct audit_head *head)
{
	uint64_t epoch;

	if (!check->keyed || audit_field_number(line, len, "epoch", &epoch) < 0)
		return;
	/* After a gap keys may have gone by; otherwise it is the next one. */
	if (epoch == check->epoch + 1 ||
		(check->missed && epoch > check->epoch && epoch <= EPOCHS_MOST && epoch <= head->n))
		key_to_epoch(check, epoch);
}

/* ---- one line ---- */

static bool fits(
	const uint8_t *key, const uint8_t *prev, const char *line, const struct audit_head *head)
{
	uint8_t hash[AUDIT_HASH];

	audit_line_hash(key, prev, line, head->covered, hash);
	return audit_hash_equal(hash, head->hash);
}

/* Behind a gap the key may be a later one. */
static bool fits_later(struct audit_check *check, const uint8_t *prev, const char *line,
	const struct audit_head *head)
{
	uint64_t steps = check->missed < STEPS_MOST ? check->missed : STEPS_MOST;
	uint8_t *key = key_of(check);
	uint8_t before[AUDIT_KEY];

	memcpy(before, key, AUDIT_KEY);
	for (uint64_t i = 0; i < steps; i++) {
		audit_key_next(key);
		if (fits(key, prev, line, head)) {
			check->epoch += i + 1;
			secmem_wipe(before, sizeof(before));
			return true;
		}
	}
	memcpy(key, before, AUDIT_KEY);
	secmem_wipe(before, sizeof(before));
	return false;
}

static void check_hash(struct audit_check *check, const uint8_t *prev, const char *line,
	const struct audit_head *head, struct finding *f)
{
	if (!check->keyed) {
		find(f, "cannot be checked: the line that begins its key is missing or damaged");
		return;
	}
	if (fits(key_of(check), prev, line, head) || fits_later(check, prev, line, head)) {
		check->missed = 0;
		return;
	}
	if (check->missed > 0)
		check->keyed = false;
	find(f, "was changed, or was not written by secretfs");
}

/* What stands between the last line and this one. false: the line is not one to go on from. */
static bool check_number(
	struct audit_check *check, const struct audit_head *head, struct finding *f)
{
	if (!check->begun || head->n == check->n + 1)
		return true;
	if (head->n <= check->n) {
		find(f, "line %" PRIu64 " comes after line %" PRIu64 ": put in, or out of order",
			head->n, check->n);
		return false;
	}
	check->missed = head->n - check->n - 1;
	check->linked = false;
	if (check->missed == 1)
		find(f, "line %" PRIu64 " is missing before it", head->n - 1);
	else
		find(f, "lines %" PRIu64 " to %" PRIu64 " are missing before it", check->n + 1,
			head->n - 1);
	return true;
}

/* A beginning must continue what was there; the first of all is believed. */
static void check_prev(struct audit_check *check, const uint8_t *prev, struct finding *f)
{
	if (check->linked && !audit_hash_equal(prev, check->hash))
		find(f, "does not continue the line before it");
}

static void check_anchor(
	struct audit_check *check, const struct audit_head *head, struct finding *f)
{
	if (check->anchor_n == head->n && !audit_hash_equal(check->anchor_hash, head->hash))
		find(f, "is not the line %" PRIu64 " that the anchor knows", head->n);
}

static void take(struct audit_check *check, const struct audit_head *head)
{
	if (!check->begun)
		check->first = head->n;
	check->begun = true;
	check->linked = true;
	check->n = head->n;
	memcpy(check->hash, head->hash, AUDIT_HASH);
}

static void check_line(struct audit_check *check, const char *line, size_t len, struct finding *f)
{
	struct audit_head head;
	uint8_t prev[AUDIT_HASH] = {0};

	if (!audit_head_parse(line, len, &head)) {
		/* What it stands for shows in the number of the line after it. */
		find(f, "is not a line of an audit log");
		return;
	}
	if (!check_number(check, &head, f))
		return;
	if (is_beginning(&head)) {
		take_session(check, line, len, &head);
		if (audit_field_hex(line, len, "prev", prev, sizeof(prev)) < 0)
			find(f, "does not name the line before it");
		else
			check_prev(check, prev, f);
		check_hash(check, prev, line, &head, f);
	} else {
		if (is(&head, "ratchet"))
			take_ratchet(check, line, len, &head);
		if (!check->begun)
			find(f, "is not how a log begins: what was before it is missing");
		else if (check->linked)
			check_hash(check, check->hash, line, &head, f);
		else
			find(f, "cannot be checked: the line before it is missing or damaged");
	}
	check_anchor(check, &head, f);
	take(check, &head);
}

int audit_check_line(
	struct audit_check *check, const char *line, size_t len, char *ret_what, size_t size)
{
	struct finding f = {.text = ret_what, .size = size};

	check->lines++;
	check_line(check, line, len, &f);
	check->findings += f.found;
	return f.found;
}

int audit_check_finish(struct audit_check *check, char *ret_what, size_t size)
{
	struct finding f = {.text = ret_what, .size = size};

	if (check->anchor_n > check->n)
		find(&f,
			"the end is missing: the anchor knows line %" PRIu64
			", the last one is line %" PRIu64,
			check->anchor_n, check->n);
	check->findings += f.found;
	return f.found;
}
