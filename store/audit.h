/* SPDX-License-Identifier: MIT */
/*
 * audit: the form of the audit log and the chain that binds its lines. Knows nothing of files and
 * nothing of who asks.
 *
 * A line is one flat JSON object in ASCII, and ends in a newline:
 *
 *     {"n":7,"time":"2026-11-23T10:11:12.123456Z","operation":"read","result":"ok", ...
 * ,"hash":"H"}
 *
 *     H       = BLAKE2b-256(K, H of the line before (32 bytes) | the line up to its ,"hash":"...)
 *     K       = K_session at first; K = BLAKE2b-256(K, "secretfs audit next") with each line
 *               "ratchet", which is the first one under the new key; the old one is wiped
 *     K_session = BLAKE2b-256(K_audit0, "secretfs audit session" | session (16 random bytes))
 *
 * n counts lines from 1 and never starts again. Lines that concern the log itself:
 *
 *     start    a daemon begins: session, and prev, the hash of the line before (zeros: none)
 *     file     the first line of a further file: prev, session, epoch
 *     ratchet  a new key: epoch, how many times K was hashed in this session
 *     worker   another worker goes on
 *     lost     lines that could not be written (audit = best-effort): count
 *     stop     the daemon ends
 *
 * prev is what H of such a line continues from, so a file that stands alone can be checked too.
 * Whoever takes over a worker finds the key of now, which makes lines from the last ratchet on;
 * what was written before cannot be made again without K_audit0, which no worker ever has.
 *
 * Threads: pure functions; the caller guards what it passes in.
 */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_KEY             32
#define AUDIT_HASH            32
#define AUDIT_SESSION         16
#define AUDIT_LINE            8192 /* bytes of a line at most, with its newline */
#define AUDIT_BODY            (AUDIT_LINE - 256)
#define AUDIT_RATCHET_LINES   1024
#define AUDIT_RATCHET_SECONDS 60

/* Where a chain is: after line n. Holds a key, so it lives in locked memory. */
struct audit_chain {
	uint64_t n;
	uint8_t hash[AUDIT_HASH]; /* of line n */
	uint8_t session[AUDIT_SESSION];
	uint8_t key[AUDIT_KEY];
	uint64_t epoch; /* ratchets of this session */
	uint32_t lines; /* under this key */
	int64_t since;  /* ns of CLOCK_REALTIME: the first of them */
};

/* A line without its number, time and hash. */
struct audit_body {
	size_t len;
	char text[AUDIT_BODY];
};

/* ---- keys ---- */

/* What the key of a session is made of; ret_key: AUDIT_KEY bytes of secret memory. */
void audit_session_key(const uint8_t key0[AUDIT_KEY], const uint8_t session[AUDIT_SESSION],
	uint8_t ret_key[AUDIT_KEY]);

/* Makes K the next one, in place. */
void audit_key_next(uint8_t key[AUDIT_KEY]);

/* ---- writing ---- */

void audit_body_begin(struct audit_body *body, const char *operation, const char *result);

/* A string: any bytes, of which the last max are taken where there are more. What is not UTF-8
 * becomes \ufffd. Fields that do not fit any more are left out. */
void audit_body_string(
	struct audit_body *body, const char *name, const void *bytes, size_t len, size_t max);
void audit_body_text(struct audit_body *body, const char *name, const char *text);
void audit_body_number(struct audit_body *body, const char *name, uint64_t number);
void audit_body_hex(struct audit_body *body, const char *name, const uint8_t *bytes, size_t len);

/*
 * Makes the next line from the chain as it is, and the chain as it is after that line; from and
 * ret_next may be the same. time: ns of CLOCK_REALTIME. Returns the line's length.
 */
size_t audit_line_make(const struct audit_chain *from, int64_t time, const struct audit_body *body,
	char ret_line[AUDIT_LINE], struct audit_chain *ret_next);

/* Is it time for another key? */
bool audit_ratchet_due(const struct audit_chain *chain, int64_t time);

/* The chain with the next key, and the body of the line that says so. */
void audit_ratchet(
	const struct audit_chain *from, struct audit_chain *ret_next, struct audit_body *ret_body);

/* ---- reading ---- */

/* The value of a field as it stands in the line (a string with its quotes). false: there is none.
 */
bool audit_field(
	const char *line, size_t len, const char *name, const char **ret_value, size_t *ret_len);

/* A string's text as UTF-8 with a NUL. Returns its length without it, or -1: no such string, or out
 * is too small. */
int audit_field_text(const char *line, size_t len, const char *name, char *out, size_t size);

/* -1: no such number. */
int audit_field_number(const char *line, size_t len, const char *name, uint64_t *ret_number);

/* Exactly n bytes in hex. -1: not so. */
int audit_field_hex(const char *line, size_t len, const char *name, uint8_t *ret_bytes, size_t n);

/* What every line has. len without the newline. false: not a line of an audit log. */
struct audit_head {
	uint64_t n;
	char operation[16];
	uint8_t hash[AUDIT_HASH];
	size_t covered; /* bytes of the line that the hash is made of */
};

bool audit_head_parse(const char *line, size_t len, struct audit_head *ret_head);

/* What a line's hash must be. */
void audit_line_hash(const uint8_t key[AUDIT_KEY], const uint8_t prev[AUDIT_HASH], const char *line,
	size_t covered, uint8_t ret_hash[AUDIT_HASH]);

bool audit_hash_equal(const uint8_t a[AUDIT_HASH], const uint8_t b[AUDIT_HASH]);

#endif
