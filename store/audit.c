/* SPDX-License-Identifier: MIT */
/* audit: lines of the audit log, byte by byte, and the keyed hash that chains them. */
#include "audit.h"

#include <sodium.h>
#include <string.h>

#define NSEC      1000000000ll
#define HASH_OPEN ",\"hash\":\""
#define HASH_TAIL (sizeof(HASH_OPEN) - 1 + 2 * AUDIT_HASH + 2) /* to the closing brace */

static const char hex_digits[] = "0123456789abcdef";

/* ---- keys ---- */

void audit_session_key(const uint8_t key0[AUDIT_KEY], const uint8_t session[AUDIT_SESSION],
	uint8_t ret_key[AUDIT_KEY])
{
	static const char purpose[] = "secretfs audit session";
	uint8_t input[sizeof(purpose) - 1 + AUDIT_SESSION];

	memcpy(input, purpose, sizeof(purpose) - 1);
	memcpy(input + sizeof(purpose) - 1, session, AUDIT_SESSION);
	crypto_generichash(ret_key, AUDIT_KEY, input, sizeof(input), key0, AUDIT_KEY);
}

void audit_key_next(uint8_t key[AUDIT_KEY])
{
	static const char purpose[] = "secretfs audit next";
	uint8_t next[AUDIT_KEY];

	crypto_generichash(
		next, AUDIT_KEY, (const uint8_t *)purpose, sizeof(purpose) - 1, key, AUDIT_KEY);
	memcpy(key, next, AUDIT_KEY);
	sodium_memzero(next, sizeof(next));
}

void audit_line_hash(const uint8_t key[AUDIT_KEY], const uint8_t prev[AUDIT_HASH], const char *line,
	size_t covered, uint8_t ret_hash[AUDIT_HASH])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, key, AUDIT_KEY, AUDIT_HASH);
	crypto_generichash_update(&state, prev, AUDIT_HASH);
	crypto_generichash_update(&state, (const uint8_t *)line, covered);
	crypto_generichash_final(&state, ret_hash, AUDIT_HASH);
	sodium_memzero(&state, sizeof(state)); /* the key was in its first block */
}

bool audit_hash_equal(const uint8_t a[AUDIT_HASH], const uint8_t b[AUDIT_HASH])
{
	return sodium_memcmp(a, b, AUDIT_HASH) == 0;
}

/* ---- writing ---- */

static size_t hex_put(char *out, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		*out++ = hex_digits[bytes[i] >> 4];
		*out++ = hex_digits[bytes[i] & 15];
	}
	return 2 * len;
}

static size_t unit_put(char *out, uint32_t unit)
{
	memcpy(out, "\\u", 2);
	for (unsigned i = 0; i < 4; i++)
		out[2 + i] = hex_digits[unit >> (12 - 4 * i) & 15];
	return 6;
}

/* One character in ASCII; up to 12 bytes. */
static size_t char_put(char *out, uint32_t c)
{
	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	if (c >= 0x20 && c < 0x7f) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x10000)
		return unit_put(out, c);
	c -= 0x10000;
	return unit_put(out, 0xd800 + (c >> 10)) + unit_put(out + 6, 0xdc00 + (c & 0x3ff));
}

/* The character at bytes; what is not UTF-8 is one of U+FFFD for each byte. Returns how many bytes
 * it takes. */
static size_t char_get(const uint8_t *bytes, size_t len, uint32_t *ret_char)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t b = bytes[0];
	size_t n = b < 0x80 ? 1 : b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
	uint32_t c = n == 1 ? b : b & (0x7fu >> n);

	*ret_char = 0xfffd;
	if ((b >= 0x80 && b < 0xc2) || b > 0xf4 || n > len)
		return 1;
	for (size_t i = 1; i < n; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 1;
		c = c << 6 | (bytes[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 1;
	*ret_char = c;
	return n;
}

static void put(struct audit_body *body, const char *text, size_t len)
{
	memcpy(body->text + body->len, text, len);
	body->len += len;
}

/* ,"name": and whether value bytes more have room. */
static bool put_name(struct audit_body *body, const char *name, size_t value)
{
	size_t len = strlen(name);

	if (body->len + len + 4 + value > sizeof(body->text))
		return false;
	put(body, ",\"", 2);
	put(body, name, len);
	put(body, "\":", 2);
	return true;
}

/* Stands for itself in a string. */
static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void audit_body_string(
	struct audit_body *body, const char *name, const void *bytes, size_t len, size_t max)
{
	const uint8_t *at = bytes;
	size_t left = len < max ? len : max;

	at += len - left;
	if (!put_name(body, name, 6 * left + 2))
		return;
	put(body, "\"", 1);
	while (left > 0) {
		uint32_t c = *at;
		size_t n = 1;

		if (is_plain(*at)) /* nearly always */
			body->text[body->len++] = (char)c;
		else if ((n = char_get(at, left, &c)))
			body->len += char_put(body->text + body->len, c);
		at += n;
		left -= n;
	}
	put(body, "\"", 1);
}

void audit_body_text(struct audit_body *body, const char *name, const char *text)
{
	size_t len = strlen(text);

	audit_body_string(body, name, text, len, len);
}

/* Decimal digits; up to 20 bytes. */
static size_t number_put(char *out, uint64_t number)
{
	char digits[20];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	for (size_t i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	return n;
}

void audit_body_number(struct audit_body *body, const char *name, uint64_t number)
{
	if (put_name(body, name, 20))
		body->len += number_put(body->text + body->len, number);
}

void audit_body_hex(struct audit_body *body, const char *name, const uint8_t *bytes, size_t len)
{
	if (!put_name(body, name, 2 * len + 2))
		return;
	put(body, "\"", 1);
	body->len += hex_put(body->text + body->len, bytes, len);
	put(body, "\"", 1);
}

void audit_body_begin(struct audit_body *body, const char *operation, const char *result)
{
	body->len = 0;
	audit_body_text(body, "operation", operation);
	audit_body_text(body, "result", result);
}

static char *two(char *out, unsigned n)
{
	out[0] = (char)('0' + n / 10);
	out[1] = (char)('0' + n % 10);
	return out + 2;
}

/* RFC 3339 in UTC with microseconds, 27 bytes; for years up to 9999. By hand: strftime takes as
 * long as all the rest. (Days to a date after Howard Hinnant, "chrono-compatible low-level date
 * algorithms": years that begin in March.) */
static size_t time_put(char *out, int64_t ns)
{
	char *at = out;
	int64_t seconds = ns < 0 ? 0 : ns / NSEC;
	unsigned micros = ns < 0 ? 0 : (unsigned)(ns % NSEC / 1000);
	unsigned day_seconds = (unsigned)(seconds % 86400);
	uint64_t days = (uint64_t)(seconds / 86400) + 719468; /* from 0000-03-01 */
	uint64_t era = days / 146097;
	unsigned in_era = (unsigned)(days % 146097);
	unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * in_year + 2) / 153; /* 0: March */
	unsigned day = in_year - (153 * month + 2) / 5 + 1;

	year += (unsigned)era * 400 + (month >= 10);
	month = month < 10 ? month + 3 : month - 9;
	at = two(two(at, year / 100 % 100), year % 100);
	*at++ = '-';
	at = two(at, month);
	*at++ = '-';
	at = two(at, day);
	*at++ = 'T';
	at = two(at, day_seconds / 3600);
	*at++ = ':';
	at = two(at, day_seconds / 60 % 60);
	*at++ = ':';
	at = two(at, day_seconds % 60);
	*at++ = '.';
	at = two(two(two(at, micros / 10000), micros / 100 % 100), micros % 100);
	*at++ = 'Z';
	return (size_t)(at - out);
}

size_t audit_line_make(const struct audit_chain *from, int64_t time, const struct audit_body *body,
	char ret_line[AUDIT_LINE], struct audit_chain *ret_next)
{
	uint8_t hash[AUDIT_HASH];
	char *at = ret_line;

	memcpy(at, "{\"n\":", 5);
	at += 5;
	at += number_put(at, from->n + 1);
	memcpy(at, ",\"time\":\"", 9);
	at += 9;
	at += time_put(at, time);
	*at++ = '"';
	memcpy(at, body->text, body->len);
	at += body->len;
	audit_line_hash(from->key, from->hash, ret_line, (size_t)(at - ret_line), hash);
	memcpy(at, HASH_OPEN, sizeof(HASH_OPEN) - 1);
	at += sizeof(HASH_OPEN) - 1;
	at += hex_put(at, hash, AUDIT_HASH);
	memcpy(at, "\"}\n", 3);
	at += 3;
	if (ret_next != from)
		*ret_next = *from;
	ret_next->n = from->n + 1;
	memcpy(ret_next->hash, hash, AUDIT_HASH);
	if (ret_next->lines++ == 0)
		ret_next->since = time;
	return (size_t)(at - ret_line);
}

bool audit_ratchet_due(const struct audit_chain *chain, int64_t time)
{
	/* A clock that was set back must not keep a key alive. */
	return chain->lines >= AUDIT_RATCHET_LINES ||
	       (chain->lines > 1 && (time < chain->since ||
					    time - chain->since >= AUDIT_RATCHET_SECONDS * NSEC));
}

void audit_ratchet(
	const struct audit_chain *from, struct audit_chain *ret_next, struct audit_body *ret_body)
{
	if (ret_next != from)
		*ret_next = *from;
	audit_key_next(ret_next->key);
	ret_next->epoch++;
	ret_next->lines = 0;
	audit_body_begin(ret_body, "ratchet", "ok");
	audit_body_number(ret_body, "epoch", ret_next->epoch);
}

/* ---- reading ---- */

/* The end of a string that begins at its quote, behind the other quote; NULL: it has none, or bytes
 * that no line has. */
static const char *string_end(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++) {
		if (*at < 0x20 || *at > 0x7e)
			return NULL;
		if (*at == '\\')
			at++;
	}
	return at < end ? at + 1 : NULL;
}

static const char *value_end(const char *at, const char *end)
{
	const char *digits = at;

	if (at < end && *at == '"')
		return string_end(at, end);
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at > digits ? at : NULL;
}

struct field {
	const char *name; /* with its quotes */
	size_t name_len;
	const char *value;
	size_t value_len;
};

/* The field at *at, which moves on behind it and its comma. 1: a field, 0: the end, -1: not a flat
 * object. */
static int next_field(const char **at, const char *end, struct field *ret_field)
{
	const char *name = *at, *colon, *value_stop;

	if (name == end)
		return 0;
	if (*name != '"')
		return -1;
	colon = string_end(name, end);
	if (!colon || colon == end || *colon != ':')
		return -1;
	value_stop = value_end(colon + 1, end);
	if (!value_stop || (value_stop < end && *value_stop != ','))
		return -1;
	*ret_field = (struct field){
		name, (size_t)(colon - name), colon + 1, (size_t)(value_stop - colon) - 1};
	*at = value_stop < end ? value_stop + 1 : end;
	return value_stop + 1 == end ? -1 : 1; /* nothing behind a comma */
}

bool audit_field(
	const char *line, size_t len, const char *name, const char **ret_value, size_t *ret_len)
{
	size_t name_len = strlen(name);
	struct field field;

	if (len < 2 || line[0] != '{' || line[len - 1] != '}')
		return false;
	const char *at = line + 1, *end = line + len - 1;
	while (next_field(&at, end, &field) > 0) {
		if (field.name_len == name_len + 2 && memcmp(field.name + 1, name, name_len) == 0) {
			*ret_value = field.value;
			*ret_len = field.value_len;
			return true;
		}
	}
	return false;
}

static int hex_value(char c)
{
	const char *at = c ? strchr(hex_digits, c) : NULL;

	return at ? (int)(at - hex_digits) : -1;
}

/* Four hex digits at text; -1: not so. */
static int unit_get(const char *text, const char *end)
{
	int unit = 0;

	if (end - text < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_value(text[i]);
		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* What stands behind a backslash at *at, which moves on. -1: nothing that we write. */
static int64_t escape_get(const char **at, const char *end)
{
	const char *text = *at;

	if (text < end && (*text == '"' || *text == '\\')) {
		*at = text + 1;
		return *text;
	}
	if (text >= end || *text != 'u')
		return -1;
	int unit = unit_get(text + 1, end);
	*at = text + 5;
	if (unit < 0xd800 || unit > 0xdfff)
		return unit;
	if (unit > 0xdbff || end - text < 11 || text[5] != '\\' || text[6] != 'u')
		return -1;
	int low = unit_get(text + 7, end);
	*at = text + 11;
	return low < 0xdc00 || low > 0xdfff ? -1 : 0x10000 + ((unit - 0xd800) << 10) + low - 0xdc00;
}

static size_t utf8_put(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

int audit_field_text(const char *line, size_t len, const char *name, char *out, size_t size)
{
	const char *at, *end;
	size_t n, used = 0;

	if (!audit_field(line, len, name, &at, &n) || *at != '"')
		return -1;
	end = at + n - 1;
	for (at++; at < end;) {
		int64_t c = (uint8_t)*at++;

		if (c == '\\')
			c = escape_get(&at, end);
		if (c < 0 || used + 5 > size)
			return -1;
		used += utf8_put(out + used, (uint32_t)c);
	}
	if (used >= size)
		return -1;
	out[used] = '\0';
	return (int)used;
}

int audit_field_number(const char *line, size_t len, const char *name, uint64_t *ret_number)
{
	const char *at;
	size_t n;
	uint64_t number = 0;

	if (!audit_field(line, len, name, &at, &n) || *at == '"' || n > 19)
		return -1;
	for (size_t i = 0; i < n; i++)
		number = number * 10 + (uint64_t)(at[i] - '0');
	*ret_number = number;
	return 0;
}

int audit_field_hex(const char *line, size_t len, const char *name, uint8_t *ret_bytes, size_t n)
{
	const char *at;
	size_t value;

	if (!audit_field(line, len, name, &at, &value) || *at != '"' || value != 2 * n + 2)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(at[1 + 2 * i]), low = hex_value(at[2 + 2 * i]);
		if (high < 0 || low < 0)
			return -1;
		ret_bytes[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

/* Is all of it one flat object? */
static bool is_flat(const char *line, size_t len)
{
	struct field field;
	int r = 1;

	if (len < 2 || line[0] != '{' || line[len - 1] != '}')
		return false;
	for (const char *at = line + 1; r > 0;)
		r = next_field(&at, line + len - 1, &field);
	return r == 0;
}

bool audit_head_parse(const char *line, size_t len, struct audit_head *ret_head)
{
	struct audit_head head;

	if (len <= HASH_TAIL || len >= AUDIT_LINE || !is_flat(line, len))
		return false;
	/* The hash is the last field, so that it is clear what it covers. */
	head.covered = len - HASH_TAIL;
	if (memcmp(line + head.covered, HASH_OPEN, sizeof(HASH_OPEN) - 1) != 0)
		return false;
	if (audit_field_number(line, len, "n", &head.n) < 0 || head.n == 0 ||
		audit_field_text(line, len, "operation", head.operation, sizeof(head.operation)) <
			0 ||
		audit_field_hex(line, len, "hash", head.hash, AUDIT_HASH) < 0)
		return false;
	*ret_head = head;
	return true;
}
