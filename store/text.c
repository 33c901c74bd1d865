/* SPDX-License-Identifier: MIT */
/*
 * text: the forms of a value in .json and .env, their bytes and their lengths by the same code.
 */
#include "text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "name.h"
#include "store.h"

/* Writes, or only counts where out is NULL. */
struct sink {
	char *out;
	size_t n;
};

static inline void put(struct sink *s, char c)
{
	if (s->out)
		s->out[s->n] = c;
	s->n++;
}

static void put_all(struct sink *s, const char *text)
{
	for (; *text; text++)
		put(s, *text);
}

static void put_json_control(struct sink *s, uint8_t c)
{
	static const char digits[] = "0123456789abcdef";
	static const char shorts[] = "btn?fr"; /* 0x08 to 0x0d; 0x0b has none */

	if (c >= 0x08 && c <= 0x0d && c != 0x0b) {
		put(s, '\\');
		put(s, shorts[c - 0x08]);
		return;
	}
	put_all(s, "\\u00");
	put(s, digits[c >> 4]);
	put(s, digits[c & 15]);
}

static void put_json_string(struct sink *s, const uint8_t *bytes, size_t len)
{
	put(s, '"');
	for (size_t i = 0; i < len; i++) {
		uint8_t c = bytes[i];

		if (c < 0x20) {
			put_json_control(s, c);
			continue;
		}
		if (c == '"' || c == '\\')
			put(s, '\\');
		put(s, (char)c);
	}
	put(s, '"');
}

static void put_base64(struct sink *s, const uint8_t *bytes, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t group = (uint32_t)bytes[i] << 16;

		if (left > 1)
			group |= (uint32_t)bytes[i + 1] << 8;
		if (left > 2)
			group |= bytes[i + 2];
		put(s, digits[group >> 18]);
		put(s, digits[group >> 12 & 63]);
		put(s, left > 1 ? digits[group >> 6 & 63] : '=');
		put(s, left > 2 ? digits[group & 63] : '=');
	}
}

size_t text_json_string(const char *s, size_t len, char *out)
{
	struct sink sink = {out, 0};

	put_json_string(&sink, (const uint8_t *)s, len);
	return sink.n;
}

size_t text_json_value(const uint8_t *bytes, size_t len, char *out)
{
	struct sink sink = {out, 0};

	if (name_utf8(bytes, len)) {
		put_json_string(&sink, bytes, len);
		return sink.n;
	}
	return text_json_base64(bytes, len, out);
}

size_t text_json_base64(const uint8_t *bytes, size_t len, char *out)
{
	struct sink sink = {out, 0};

	put_all(&sink, "{\"base64\": \"");
	put_base64(&sink, bytes, len);
	put_all(&sink, "\"}");
	return sink.n;
}

/* By hand: the locale has no say in what these files mean. */
static bool is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_variable(const char *name, size_t len)
{
	if (len == 0 || is_digit((uint8_t)name[0]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_letter((uint8_t)name[i]) && !is_digit((uint8_t)name[i]))
			return false;
	}
	return true;
}

/* strchr finds NUL too, at the end of the set. */
static bool is_one_of(uint8_t c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

static bool is_plain(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t c = bytes[i];

		if (!is_letter(c) && !is_digit(c) && !is_one_of(c, "./:=@%+,-"))
			return false;
	}
	return true;
}

static void put_env_quoted(struct sink *s, const uint8_t *bytes, size_t len)
{
	put(s, '"');
	for (size_t i = 0; i < len; i++) {
		if (is_one_of(bytes[i], "\"$`\\"))
			put(s, '\\');
		put(s, (char)bytes[i]);
	}
	put(s, '"');
}

size_t text_env_line(const char *name, size_t name_len, const uint8_t *bytes, size_t len, char *out)
{
	struct sink sink = {out, 0};

	if (!is_variable(name, name_len) || !name_utf8(bytes, len) ||
		(len > 0 && memchr(bytes, '\0', len)))
		return 0;
	for (size_t i = 0; i < name_len; i++)
		put(&sink, name[i]);
	put(&sink, '=');
	if (is_plain(bytes, len)) {
		for (size_t i = 0; i < len; i++)
			put(&sink, (char)bytes[i]);
	} else {
		put_env_quoted(&sink, bytes, len);
	}
	put(&sink, '\n');
	return sink.n;
}

uint32_t store_json_len(const uint8_t *bytes, size_t len)
{
	return (uint32_t)text_json_value(bytes, len, NULL);
}

uint32_t store_env_len(const char *name, size_t name_len, const uint8_t *bytes, size_t len)
{
	return (uint32_t)text_env_line(name, name_len, bytes, len, NULL);
}

/* Without a table, so that what is decoded does not choose which cache line is read. */
static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int text_base64_decode(const char *text, size_t len, uint8_t *out)
{
	size_t n = 0;

	if (len % 4 != 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 4) {
		size_t pad = i + 4 < len
				     ? 0
				     : (size_t)(text[i + 3] == '=') +
					       (size_t)(text[i + 3] == '=' && text[i + 2] == '=');
		uint32_t bits = 0;
		for (size_t j = 0; j < 4; j++) {
			int digit = j >= 4 - pad ? 0 : base64_digit(text[i + j]);
			if (digit < 0)
				return -EINVAL;
			bits = bits << 6 | (uint32_t)digit;
		}
		/* Bits that no byte takes up must be zero, or two texts would mean the same. */
		if (pad && bits & ((1u << 8 * pad) - 1))
			return -EINVAL;
		for (size_t j = 0; j < 3 - pad; j++)
			out[n++] = (uint8_t)(bits >> (16 - 8 * j));
	}
	return (int)n;
}
