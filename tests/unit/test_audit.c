/* SPDX-License-Identifier: MIT */
/* The audit log's lines and chain: known answers, escapes, and that every change of a log is found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "audit.h"
#include "audit_check.h"
#include "secmem.h"

#define NSEC  1000000000ll
#define LINES 64

static uint8_t key0[AUDIT_KEY];
static const uint8_t session[AUDIT_SESSION] = {
	's', 'e', 's', 's', 'i', 'o', 'n', '-', 'n', 'u', 'm', 'b', 'e', 'r', '-', '1'};

struct log {
	size_t n;
	char *line[LINES];
	size_t len[LINES];
	struct audit_chain chain;
};

static void log_add(struct log *log, int64_t time, const struct audit_body *body)
{
	char line[AUDIT_LINE];

	log->len[log->n] = audit_line_make(&log->chain, time, body, line, &log->chain);
	assert_int_equal('\n', line[--log->len[log->n]]);
	log->line[log->n] = malloc(log->len[log->n]);
	memcpy(log->line[log->n], line, log->len[log->n]);
	log->n++;
}

static void log_start(struct log *log, int64_t time, const uint8_t id[AUDIT_SESSION])
{
	struct audit_body body;

	audit_session_key(key0, id, log->chain.key);
	memcpy(log->chain.session, id, AUDIT_SESSION);
	log->chain.epoch = log->chain.lines = 0;
	audit_body_begin(&body, "start", "ok");
	audit_body_hex(&body, "session", id, AUDIT_SESSION);
	audit_body_hex(&body, "prev", log->chain.hash, AUDIT_HASH);
	log_add(log, time, &body);
}

static void log_file(struct log *log, int64_t time)
{
	struct audit_body body;

	audit_body_begin(&body, "file", "ok");
	audit_body_hex(&body, "session", log->chain.session, AUDIT_SESSION);
	audit_body_number(&body, "epoch", log->chain.epoch);
	audit_body_hex(&body, "prev", log->chain.hash, AUDIT_HASH);
	log_add(log, time, &body);
}

static void log_read(struct log *log, int64_t time, unsigned uid)
{
	struct audit_body body;

	audit_body_begin(&body, "read", "ok");
	audit_body_number(&body, "uid", uid);
	audit_body_text(&body, "secret", "public/db");
	log_add(log, time, &body);
}

static void log_ratchet(struct log *log, int64_t time)
{
	struct audit_body body;

	audit_ratchet(&log->chain, &log->chain, &body);
	log_add(log, time, &body);
}

/* start, 2 reads, ratchet, 2 reads, file, ratchet, read, start (another session), 2 reads: 12 lines
 */
static void log_make(struct log *log)
{
	memset(log, 0, sizeof(*log));
	log_start(log, 1 * NSEC, session);
	log_read(log, 2 * NSEC, 1000);
	log_read(log, 3 * NSEC, 1001);
	log_ratchet(log, 4 * NSEC);
	log_read(log, 5 * NSEC, 1002);
	log_read(log, 6 * NSEC, 1003);
	log_file(log, 7 * NSEC);
	log_ratchet(log, 8 * NSEC);
	log_read(log, 9 * NSEC, 1004);
	log_start(log, 10 * NSEC, (const uint8_t *)"session-number-2");
	log_read(log, 11 * NSEC, 1005);
	log_read(log, 12 * NSEC, 1006);
}

static void log_free(struct log *log)
{
	for (size_t i = 0; i < log->n; i++)
		free(log->line[i]);
	log->n = 0;
}

static void log_drop(struct log *log, size_t at)
{
	free(log->line[at]);
	log->n--;
	for (size_t i = at; i < log->n; i++) {
		log->line[i] = log->line[i + 1];
		log->len[i] = log->len[i + 1];
	}
}

/* Findings, the first of them in what at line *ret_first. */
static uint64_t check_from(const struct log *log, size_t from, uint64_t anchor_n,
	const uint8_t *anchor_hash, size_t *ret_first, char what[256])
{
	struct audit_check check;
	char text[256];
	uint64_t findings;

	what[0] = '\0';
	*ret_first = SIZE_MAX;
	assert_int_equal(0, audit_check_begin(&check, key0));
	if (anchor_n)
		audit_check_anchor(&check, anchor_n, anchor_hash);
	for (size_t i = from; i < log->n; i++)
		if (audit_check_line(&check, log->line[i], log->len[i], text, sizeof(text)) &&
			*ret_first == SIZE_MAX) {
			*ret_first = i;
			strcpy(what, text);
		}
	if (audit_check_finish(&check, text, sizeof(text)) && *ret_first == SIZE_MAX) {
		*ret_first = log->n;
		strcpy(what, text);
	}
	findings = check.findings;
	audit_check_end(&check);
	return findings;
}

static uint64_t check(const struct log *log, size_t *ret_first, char what[256])
{
	return check_from(log, 0, 0, NULL, ret_first, what);
}

/* ---- lines ---- */

/* Hashes by Python: hashlib.blake2b(prev + covered, key=k, digest_size=32), the session's key from
 * key0 = bytes(range(32)) in the same way. */
static void known_answer(void **state)
{
	static const char expected[] =
		"{\"n\":1,\"time\":\"2026-11-23T10:11:12.123456Z\",\"operation\":\"start\","
		"\"result\":\"ok\",\"session\":\"73657373696f6e2d6e756d6265722d31\",\"prev\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\",\"hash\":"
		"\"914bb3d3421d437028b64c405fc8828ac67d65277b3bfc6193a70ca5c3a3363f\"}";
	static const char expected_ratchet[] =
		"{\"n\":2,\"time\":\"2026-11-23T10:11:13.000000Z\",\"operation\":\"ratchet\","
		"\"result\":\"ok\",\"epoch\":1,\"hash\":"
		"\"4d3b3f6b68cd042bc0dfcf43c90e479478601ee1a1b2a70e14692ee1b59ba591\"}";
	struct log log;

	(void)state;
	memset(&log, 0, sizeof(log));
	log_start(&log, 1795428672123456789ll, session);
	log_ratchet(&log, 1795428673 * NSEC);
	assert_int_equal(sizeof(expected) - 1, log.len[0]);
	assert_memory_equal(expected, log.line[0], log.len[0]);
	assert_int_equal(sizeof(expected_ratchet) - 1, log.len[1]);
	assert_memory_equal(expected_ratchet, log.line[1], log.len[1]);
	log_free(&log);
}

static void times(void **state)
{
	static const int64_t seconds[] = {0, 59, 86399, 86400, 951782399, 951782400, 951868800,
		1078012800, 1709164799, 1709251199, 1735689599, 1735689600, 4102444799, 4107542400,
		253402300799};
	struct log log;

	(void)state;
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		time_t t = (time_t)seconds[i];
		char want[64], got[64];
		struct tm tm;

		memset(&log, 0, sizeof(log));
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000001Z", gmtime_r(&t, &tm));
		if (seconds[i] > INT64_MAX / NSEC)
			continue;
		log_read(&log, seconds[i] * NSEC + 1999, 1);
		assert_true(
			audit_field_text(log.line[0], log.len[0], "time", got, sizeof(got)) > 0);
		assert_string_equal(want, got);
		log_free(&log);
	}
}

static void escapes(void **state)
{
	static const struct {
		const char *bytes;
		const char *text;
		const char *back;
	} cases[] = {
		{"plain", "\"plain\"", "plain"},
		{"a\"b\\c", "\"a\\\"b\\\\c\"", "a\"b\\c"},
		{"\x01\n\x7f", "\"\\u0001\\u000a\\u007f\"", "\x01\n\x7f"},
		{"gr\xc3\xbc\xc3\x9f", "\"gr\\u00fc\\u00df\"", "gr\xc3\xbc\xc3\x9f"},
		{"\xf0\x9f\x94\x91", "\"\\ud83d\\udd11\"", "\xf0\x9f\x94\x91"},
		{"\xff\xc3(\xe2\x82", "\"\\ufffd\\ufffd(\\ufffd\\ufffd\"",
			"\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd"},
		/* overlong, surrogate, beyond the end */
		{"\xc0\x80", "\"\\ufffd\\ufffd\"", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"",
			"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"",
			"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\",\"result\":\"ok", "\"\\\",\\\"result\\\":\\\"ok\"", "\",\"result\":\"ok"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct audit_body body;
		struct log log;
		const char *value;
		size_t len;
		char back[64];

		memset(&log, 0, sizeof(log));
		audit_body_begin(&body, "read", "ok");
		audit_body_text(&body, "command", cases[i].bytes);
		audit_body_number(&body, "uid", UINT64_MAX);
		log_add(&log, NSEC, &body);
		assert_true(audit_field(log.line[0], log.len[0], "command", &value, &len));
		assert_int_equal(strlen(cases[i].text), len);
		assert_memory_equal(cases[i].text, value, len);
		assert_int_equal(strlen(cases[i].back),
			audit_field_text(log.line[0], log.len[0], "command", back, sizeof(back)));
		assert_string_equal(cases[i].back, back);
		assert_true(audit_field(log.line[0], log.len[0], "uid", &value, &len));
		assert_memory_equal("18446744073709551615", value, len);
		assert_false(audit_field(log.line[0], log.len[0], "gid", &value, &len));
		log_free(&log);
	}
}

/* Whatever is put in, a line never gets longer than it may. */
static void longest(void **state)
{
	static char bytes[8192];
	struct audit_body body;
	struct log log;
	const char *value;
	size_t len;
	char back[1024];

	(void)state;
	memset(&log, 0, sizeof(log));
	memset(bytes, 1, sizeof(bytes));
	log.chain.n = UINT64_MAX - 2;
	audit_body_begin(&body, "read", "ok");
	audit_body_string(&body, "container", bytes, sizeof(bytes), 384);
	for (int i = 0; i < 100; i++)
		audit_body_string(&body, "more", bytes, 255, 255);
	assert_true(body.len > sizeof(body.text) - 6 * 255 - 20);
	log_add(&log, NSEC, &body);
	assert_true(log.len[0] < AUDIT_LINE);
	assert_true(audit_field(log.line[0], log.len[0], "container", &value, &len));
	assert_int_equal(6 * 384 + 2, len);
	assert_int_equal(
		384, audit_field_text(log.line[0], log.len[0], "container", back, sizeof(back)));
	log_free(&log);

	/* The end of a long string is what is kept. */
	audit_body_begin(&body, "read", "ok");
	audit_body_string(&body, "container", "/a/b/c", 6, 2);
	log_add(&log, NSEC, &body);
	audit_field_text(log.line[0], log.len[0], "container", back, sizeof(back));
	assert_string_equal("/c", back);
	log_free(&log);
}

static void not_lines(void **state)
{
	static const char *const texts[] = {
		"",
		"{}",
		"{",
		"x",
		"{\"n\":1}",
		"{\"n\":1,\"operation\":\"read\",\"hash\":\"00\"}",
		"{\"n\":1,\"operation\":\"read\",\"hash\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\",}",
		"{\"n\":1,\"operation\":\"read\",\"hash\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\",\"a\":1}",
		"{\"n\":0,\"operation\":\"read\",\"hash\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\"}",
		"{\"n\":99999999999999999999,\"operation\":\"read\",\"hash\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\"}",
		"{\"n\":1,\"operation\":\"read\",\"x\":{},\"hash\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\"}",
		"{\"n\":1,\"operation\":\"a-name-that-is-too-long\",\"hash\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\"}",
		"{\"n\":1,\"operation\":\"read\",\"hash\":"
		"\"000000000000000000000000000000000000000000000000000000000000000G\"}",
	};
	static const char good[] =
		"{\"n\":1,\"operation\":\"read\",\"hash\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\"}";
	struct audit_head head;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(audit_head_parse(texts[i], strlen(texts[i]), &head));
	assert_true(audit_head_parse(good, sizeof(good) - 1, &head));
	assert_int_equal(1, head.n);
	assert_string_equal("read", head.operation);
}

static void when_to_ratchet(void **state)
{
	struct audit_chain chain = {.lines = 2, .since = 100 * NSEC};

	(void)state;
	assert_false(audit_ratchet_due(&chain, 100 * NSEC));
	assert_false(audit_ratchet_due(&chain, 160 * NSEC - 1));
	assert_true(audit_ratchet_due(&chain, 160 * NSEC));
	assert_true(audit_ratchet_due(&chain, 99 * NSEC));
	chain.lines = 1; /* nothing but the line that begins it */
	assert_false(audit_ratchet_due(&chain, 1000 * NSEC));
	chain.lines = AUDIT_RATCHET_LINES - 1;
	assert_false(audit_ratchet_due(&chain, 100 * NSEC));
	chain.lines++;
	assert_true(audit_ratchet_due(&chain, 100 * NSEC));
}

/* ---- the chain ---- */

static void whole(void **state)
{
	struct log log;
	size_t first;
	char what[256];

	(void)state;
	log_make(&log);
	assert_int_equal(0, check(&log, &first, what));
	/* From each line that begins a file or a session the rest can be checked alone. */
	assert_int_equal(0, check_from(&log, 6, 0, NULL, &first, what));
	assert_int_equal(0, check_from(&log, 9, 0, NULL, &first, what));
	assert_int_not_equal(0, check_from(&log, 1, 0, NULL, &first, what));
	assert_non_null(strstr(what, "is not how a log begins"));
	log_free(&log);
}

static void other_key(void **state)
{
	struct log log;
	size_t first;
	char what[256];

	(void)state;
	log_make(&log);
	key0[31] ^= 1;
	assert_int_not_equal(0, check(&log, &first, what));
	assert_int_equal(0, first);
	key0[31] ^= 1;
	log_free(&log);
}

static void every_byte(void **state)
{
	struct log log;
	size_t first;
	char what[256];

	(void)state;
	log_make(&log);
	for (size_t i = 0; i < log.n; i++)
		for (size_t at = 0; at < log.len[i]; at++) {
			log.line[i][at] ^= 1;
			assert_int_not_equal(0, check(&log, &first, what));
			assert_int_equal(i, first);
			log.line[i][at] ^= 1;
		}
	assert_int_equal(0, check(&log, &first, what));
	log_free(&log);
}

static void an_edit_is_one_finding(void **state)
{
	struct log log;
	size_t first;
	char what[256];
	char *at;

	(void)state;
	log_make(&log);
	at = memmem(log.line[4], log.len[4], "1002", 4);
	assert_non_null(at);
	at[3] = '9';
	assert_int_equal(1, check(&log, &first, what));
	assert_int_equal(4, first);
	assert_non_null(strstr(what, "was changed"));
	log_free(&log);
}

static void every_line_missing(void **state)
{
	(void)state;
	for (size_t gone = 0; gone < 12; gone++) {
		struct log log;
		size_t first;
		char what[256];
		uint8_t hash[AUDIT_HASH];
		uint64_t findings;

		log_make(&log);
		memcpy(hash, log.chain.hash, sizeof(hash));
		log_drop(&log, gone);
		findings = check_from(&log, 0, 12, hash, &first, what);
		assert_int_not_equal(0, findings);
		assert_int_equal(gone, first);
		/* The first line of all is not known to be missing, only the key is. */
		if (gone > 0 && gone < 11)
			assert_non_null(strstr(what, "is missing before it"));
		/* What comes after is checked again: only a session's first line takes its key
		 * along. */
		if (gone != 0 && gone != 9 && gone < 11)
			assert_int_equal(1, findings);
		log_free(&log);
	}
}

/* A gap takes keys along; the rest can be checked all the same. */
static void a_gap_with_keys_in_it(void **state)
{
	struct log log;
	size_t first;
	char what[256];

	(void)state;
	log_make(&log);
	for (int i = 0; i < 4; i++)
		log_drop(&log, 2); /* lines 3 to 6, with a ratchet */
	assert_int_equal(1, check(&log, &first, what));
	assert_string_equal("lines 3 to 6 are missing before it", what);
	log_free(&log);
	log_make(&log);
	for (int i = 0; i < 2; i++)
		log_drop(&log, 2); /* 3 and 4: the ratchet is the last one */
	assert_int_equal(1, check(&log, &first, what));
	log_free(&log);
}

static void put_in(void **state)
{
	(void)state;
	for (size_t from = 0; from < 12; from++)
		for (size_t to = 0; to <= 12; to++) {
			struct log log;
			size_t first;
			char what[256];

			if (to == from || to == from + 1)
				continue;
			log_make(&log);
			/* A copy of a line at another place. */
			for (size_t i = log.n; i > to; i--) {
				log.line[i] = log.line[i - 1];
				log.len[i] = log.len[i - 1];
			}
			size_t original = from < to ? from : from + 1;
			log.len[to] = log.len[original];
			log.line[to] = malloc(log.len[to]);
			memcpy(log.line[to], log.line[original], log.len[to]);
			log.n++;
			assert_int_not_equal(0, check(&log, &first, what));
			assert_true(first <= to + 1);
			log_free(&log);
		}
}

/* Who has the key of now (a worker that was taken over) cannot make lines of before. */
static void with_the_key_of_now(void **state)
{
	struct log log, forged;
	size_t first;
	char what[256];

	(void)state;
	log_make(&log);
	memset(&forged, 0, sizeof(forged));
	log_start(&forged, 1 * NSEC, session);
	log_read(&forged, 2 * NSEC, 1000);
	struct audit_chain old = forged.chain;
	/* He knows the key after one ratchet, and goes on from line 2 with it. */
	audit_key_next(forged.chain.key);
	log_read(&forged, 3 * NSEC, 666);
	assert_int_equal(1, check(&forged, &first, what));
	assert_int_equal(2, first);
	assert_true(memcmp(old.key, forged.chain.key, AUDIT_KEY) != 0);
	log_free(&forged);
	log_free(&log);
}

static void cut_off(void **state)
{
	(void)state;
	for (size_t left = 0; left < 12; left++) {
		struct log log;
		size_t first;
		char what[256];
		uint8_t hash[AUDIT_HASH];
		uint64_t anchored = left + 1;
		struct audit_head head;

		log_make(&log);
		assert_true(audit_head_parse(log.line[left], log.len[left], &head));
		memcpy(hash, head.hash, sizeof(hash));
		/* An anchor that knows a line that is there says nothing. */
		assert_int_equal(0, check_from(&log, 0, anchored, hash, &first, what));
		while (log.n > left)
			log_drop(&log, log.n - 1);
		assert_int_equal(1, check_from(&log, 0, anchored, hash, &first, what));
		assert_int_equal(left, first);
		assert_non_null(strstr(what, "the end is missing"));
		/* Without it nothing can be known. */
		assert_int_equal(0, check_from(&log, 0, 0, NULL, &first, what));
		log_free(&log);
	}
}

static void another_line_than_the_anchors(void **state)
{
	struct log log;
	size_t first;
	char what[256];
	uint8_t hash[AUDIT_HASH] = {1};

	(void)state;
	log_make(&log);
	assert_int_equal(1, check_from(&log, 0, 5, hash, &first, what));
	assert_int_equal(4, first);
	assert_non_null(strstr(what, "anchor"));
	log_free(&log);
}

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(key0); i++)
		key0[i] = (uint8_t)i;
	return secmem_init(1u << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answer),
		cmocka_unit_test(times),
		cmocka_unit_test(escapes),
		cmocka_unit_test(longest),
		cmocka_unit_test(not_lines),
		cmocka_unit_test(when_to_ratchet),
		cmocka_unit_test(whole),
		cmocka_unit_test(other_key),
		cmocka_unit_test(every_byte),
		cmocka_unit_test(an_edit_is_one_finding),
		cmocka_unit_test(every_line_missing),
		cmocka_unit_test(a_gap_with_keys_in_it),
		cmocka_unit_test(put_in),
		cmocka_unit_test(with_the_key_of_now),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(another_line_than_the_anchors),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
