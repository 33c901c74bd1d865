/* SPDX-License-Identifier: MIT */
/* What is hidden and what is not, however the bytes come in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mask.h"

static int setup(void **state)
{
	(void)state;
	return secmem_init(4u << 20);
}

static void words_of(struct mask_words *words, const char *const *values)
{
	bool hidden;

	*words = (struct mask_words){0};
	for (; *values != NULL; values++)
		assert_int_equal(
			mask_add(words, (const uint8_t *)*values, strlen(*values), &hidden), 0);
	mask_ready(words);
}

/* text in pieces of step bytes, as it comes out. */
static size_t through(const struct mask_words *words, const char *text, size_t len, size_t step,
	char *out, size_t size)
{
	struct mask mask;
	size_t used = 0;

	assert_int_equal(mask_open(&mask, words), 0);
	for (size_t at = 0; at <= len; at += step) {
		size_t n = len - at < step ? len - at : step;

		memcpy(mask_room(&mask), text + at, n);
		mask_feed(&mask, n, at + step > len);
		assert_true(used + mask.out.len <= size);
		memcpy(out + used, mask.out.data, mask.out.len);
		used += mask.out.len;
	}
	assert_int_equal(mask.held.len, 0);
	mask_close(&mask);
	return used;
}

static void check(const char *const *values, const char *text, const char *want)
{
	struct mask_words words;
	size_t len = strlen(text);

	words_of(&words, values);
	for (size_t step = 1; step <= len + 1; step++) {
		char out[2000];
		size_t n = through(&words, text, len, step, out, sizeof(out) - 1);

		out[n] = '\0';
		assert_string_equal(out, want);
	}
	mask_words_free(&words);
}

#define VALUES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_hidden(void **state)
{
	(void)state;
	check(VALUES("hunter2"), "hunter2", "********");
	check(VALUES("hunter2"), "a hunter2hunter2 b hunter", "a **************** b hunter");
	check(VALUES("hunter2"), "hunter hunter3 huhunter2", "hunter hunter3 hu********");
	check(VALUES("hunter2"), "", "");
	check(VALUES("aaaa"), "aaaaaaa baaaa", "******** b********");
	check(VALUES("abcd", "abcdef"), "abcd abcde abcdef", "******** ********e ********");
	check(VALUES("abcdef", "defghi"), "abcdefghi abcdefg", "******** ********g");
	check(VALUES("abcdef", "bcde"), "abcdef xbcdef", "******** x********f");
	check(VALUES("same", "same"), "same", "********");
	check(VALUES("x{}%s\\"), "x{}%s\\", "********");
	check(VALUES("one"), "one", "one");
}

static void test_shape_of_values(void **state)
{
	(void)state;
	check(VALUES("token\n"), "token token\n", "******** ********\n");
	check(VALUES(" \t\r\n token"), "a token", "a ********");
	check(VALUES("-----BEGIN KEY-----\nMIIabcdefgh\nxy\n-----END KEY-----\n"),
		"-----BEGIN KEY-----\nMIIabcdefgh\nxy\n-----END KEY-----\n", "********\n");
	check(VALUES("-----BEGIN KEY-----\r\nMIIabcdefgh\r\nxy\r\n"), "log: MIIabcdefgh xy",
		"log: ******** xy");
	check(VALUES("first line\nshort\nlast line"), "short", "short");
	check(VALUES("12345678\n12345678"), "12345678\n1234", "********\n1234");
}

static void test_too_short(void **state)
{
	struct mask_words words = {0};
	bool hidden;

	(void)state;
	assert_int_equal(mask_add(&words, (const uint8_t *)"abc", 3, &hidden), 0);
	assert_false(hidden);
	assert_int_equal(mask_add(&words, (const uint8_t *)"", 0, &hidden), 0);
	assert_false(hidden);
	assert_int_equal(mask_add(&words, (const uint8_t *)" abc \n", 6, &hidden), 0);
	assert_false(hidden);
	assert_int_equal(words.n, 0);
	assert_int_equal(mask_add(&words, (const uint8_t *)"abcd", 4, &hidden), 0);
	assert_true(hidden);
	mask_words_free(&words);
}

/* Nothing is held back that cannot begin a value. */
static void test_held_back(void **state)
{
	struct mask_words words;
	struct mask mask;

	(void)state;
	words_of(&words, VALUES("hunter2", "zebra"));
	assert_int_equal(mask_open(&mask, &words), 0);
	memcpy(mask_room(&mask), "Name: ", 6);
	mask_feed(&mask, 6, false);
	assert_int_equal(mask.out.len, 6);
	memcpy(mask_room(&mask), "x hunte", 7);
	mask_feed(&mask, 7, false);
	assert_int_equal(mask.out.len, 2);
	memcpy(mask_room(&mask), "d", 1);
	mask_feed(&mask, 1, false);
	assert_int_equal(mask.out.len, 6);
	assert_memory_equal(mask.out.data, "hunted", 6);
	mask_close(&mask);
	mask_words_free(&words);
}

/* Against the plainest way: mark every place where any value stands. */
static void plain(const char *const *values, const char *text, char *want)
{
	size_t len = strlen(text), until = 0, used = 0;

	for (size_t at = 0; at < len; at++) {
		size_t longest = 0;

		for (size_t i = 0; values[i] != NULL; i++) {
			size_t n = strlen(values[i]);

			if (n > longest && strncmp(text + at, values[i], n) == 0)
				longest = n;
		}
		if (longest > 0 && at >= until)
			used += (size_t)sprintf(want + used, "%s", MASK_TEXT);
		if (at + longest > until && longest > 0)
			until = at + longest;
		if (at >= until)
			want[used++] = text[at];
	}
	want[used] = '\0';
}

static void test_random(void **state)
{
	unsigned seed = 7;

	(void)state;
	for (size_t i = 0; i < 3000; i++) {
		char store[4][16], text[60], want[1000], got[1000];
		const char *values[5] = {store[0], store[1], store[2], store[3], NULL};
		struct mask_words words;
		size_t n;

		for (size_t v = 0; v < 4; v++) {
			size_t len = 4 + (size_t)rand_r(&seed) % 6;

			for (size_t j = 0; j < len; j++)
				store[v][j] = (char)('a' + rand_r(&seed) % 2);
			store[v][len] = '\0';
		}
		for (size_t j = 0; j < sizeof(text) - 1; j++)
			text[j] = (char)('a' + (rand_r(&seed) % 20 == 0 ? 2 : rand_r(&seed) % 2));
		text[sizeof(text) - 1] = '\0';
		plain(values, text, want);
		words_of(&words, values);
		n = through(&words, text, strlen(text), 1 + (size_t)rand_r(&seed) % 9, got,
			sizeof(got) - 1);
		got[n] = '\0';
		assert_string_equal(got, want);
		mask_words_free(&words);
	}
}

/* A long value byte by byte, and text that almost is one. */
static void test_long(void **state)
{
	const size_t len = 130000;
	char *value = malloc(len + 1), *out = malloc(3 * len);
	struct mask_words words;
	size_t n;

	(void)state;
	assert_non_null(value);
	assert_non_null(out);
	for (size_t i = 0; i < len; i++)
		value[i] = (char)('A' + i * 7919 % 53);
	value[len] = '\0';
	words_of(&words, VALUES(value));
	n = through(&words, value, len, 1, out, 3 * len);
	assert_int_equal(n, strlen(MASK_TEXT));
	assert_memory_equal(out, MASK_TEXT, n);
	n = through(&words, value, len, MASK_CHUNK, out, 3 * len);
	assert_int_equal(n, strlen(MASK_TEXT));
	n = through(&words, value, len - 1, 1000, out, 3 * len);
	assert_int_equal(n, len - 1);
	assert_memory_equal(out, value, len - 1);
	mask_words_free(&words);
	free(value);
	free(out);
}

/* Many short values that all stand there: the room for what comes out is enough. */
static void test_worst(void **state)
{
	static char text[MASK_CHUNK + 1], out[4 * MASK_CHUNK];
	struct mask_words words;
	size_t n;

	(void)state;
	for (size_t i = 0; i < MASK_CHUNK; i += 4)
		memcpy(text + i, "abcd", 4);
	words_of(&words, VALUES("abcd"));
	n = through(&words, text, MASK_CHUNK, MASK_CHUNK, out, sizeof(out));
	assert_int_equal(n, MASK_CHUNK / 4 * strlen(MASK_TEXT));
	mask_words_free(&words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_shape_of_values),
		cmocka_unit_test(test_too_short),
		cmocka_unit_test(test_held_back),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_worst),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
