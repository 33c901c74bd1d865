/* SPDX-License-Identifier: MIT */
/*
 * text: how names and values stand in the views .json and .env.
 *
 * Each function returns how many bytes the text has and writes them to out, which has room for
 * them, without a NUL; out NULL: only counts. So the length that a manifest records and the bytes
 * that a view shows come from one place.
 *
 *     .json  a value that is UTF-8 (NUL too) is a JSON string: \" \\ \b \t \n \f \r and \u00XX
 * below 0x20, all else as it is; any other is {"base64": "..."} with padding .env   KEY=value where
 * the value matches ^[A-Za-z0-9_./:=@%+,-]*$ KEY="value"     else, with a backslash before " $ `
 * \ (sh and systemd read it alike)
 *
 * Pure functions: nothing is allocated, no plaintext is copied anywhere but to out.
 */
#ifndef STORE_TEXT_H
#define STORE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* A value as it stands in .json. */
size_t text_json_value(const uint8_t *bytes, size_t len, char *out);

/* The same as {"base64": "..."}, whatever it is. */
size_t text_json_base64(const uint8_t *bytes, size_t len, char *out);

/* A name, which is UTF-8, as a JSON string, quotes included. */
size_t text_json_string(const char *s, size_t len, char *out);

/* A line of .env with its newline. 0: left out there, because the name cannot be a variable's
 * (^[A-Za-z_][A-Za-z0-9_]*$), or because the value has a NUL or is not UTF-8. */
size_t text_env_line(
	const char *name, size_t name_len, const uint8_t *bytes, size_t len, char *out);

/* Decodes padded base64 (RFC 4648, no white space) to out, which has room for len / 4 * 3 bytes.
 * Returns the number of bytes, or -EINVAL. */
int text_base64_decode(const char *text, size_t len, uint8_t *out);

#endif
