/* SPDX-License-Identifier: MIT */
/* test_values: sets of values read from JSON, YAML and dotenv, refused, and written again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include "io.h"
#include "values.h"
#include "values_form.h"

/* Exactly as long as said, in secret memory. */
static struct secbuf secret_of(const void *text, size_t len)
{
	struct secbuf b = SECBUF_INIT;

	assert_int_equal(secbuf_alloc(&b, len, SECMEM_SELF), 0);
	memcpy(b.data, text, len);
	b.len = len;
	return b;
}

/* The keys and values as the view .json has them. */
static void reads_len(enum values_form form, const char *text, size_t len, const char *want)
{
	AUTO_SECBUF in = secret_of(text, len);
	AUTO_SECBUF out = SECBUF_INIT;
	AUTO_VALUES values = VALUES_INIT;
	struct why why = {""};
	int r = values_parse(&values, &in, form, "in", &why);

	if (r < 0)
		fail_msg("%s: %s", text, why.text);
	assert_int_equal(values_print_json(&values, &out), 0);
	assert_int_equal(io_append(&out, "", 1), 0);
	assert_string_equal((char *)out.data, want);
}

static void reads(enum values_form form, const char *text, const char *want)
{
	reads_len(form, text, strlen(text), want);
}

/* Refused with exactly this sentence; a value called hunter2 is never in it. */
static void refuses_len(enum values_form form, const char *text, size_t len, const char *want)
{
	AUTO_SECBUF in = secret_of(text, len);
	AUTO_VALUES values = VALUES_INIT;
	struct why why = {""};

	assert_int_equal(values_parse(&values, &in, form, "in", &why), -EINVAL);
	assert_string_equal(why.text, want);
	assert_null(strstr(why.text, "hunter2"));
}

static void refuses(enum values_form form, const char *text, const char *want)
{
	refuses_len(form, text, strlen(text), want);
}

static void test_json(void **state)
{
	(void)state;
	reads(VALUES_JSON, "{}", "{}\n");
	reads(VALUES_JSON, " \t\r\n{ \"a\" : \"b\" , \"c\":\"\" }\n",
		"{\"a\": \"b\", \"c\": \"\"}\n");
	reads(VALUES_JSON, "\xef\xbb\xbf{\"a\": \"\xc3\xa4\"}", "{\"a\": \"\xc3\xa4\"}\n");
	reads(VALUES_JSON,
		"{\"a\": \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e4\\u20AC\\uD83D\\uDD11\"}",
		"{\"a\": \"\\\"\\\\/\\b\\f\\n\\r\\tA\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91\"}\n");
	reads(VALUES_JSON, "{\"a\": \"\\u0000\"}", "{\"a\": \"\\u0000\"}\n");
	reads(VALUES_JSON, "{\"a\": {\"base64\": \"AP8=\"}, \"b\": {\"base64\": \"aGk=\"}}",
		"{\"a\": {\"base64\": \"AP8=\"}, \"b\": \"hi\"}\n");
}

/* As written, whatever a double or an int64 would make of it. */
static void test_json_numbers(void **state)
{
	(void)state;
	reads(VALUES_JSON,
		"{\"a\": 1.10, \"b\": 12345678901234567890123, \"c\": -0, \"d\": 1E+5, \"e\": "
		"0.0e-7}",
		"{\"a\": \"1.10\", \"b\": \"12345678901234567890123\", \"c\": \"-0\", \"d\": "
		"\"1E+5\", "
		"\"e\": \"0.0e-7\"}\n");
	reads(VALUES_JSON, "{\"t\": true, \"f\": false}", "{\"t\": \"true\", \"f\": \"false\"}\n");
	static const char *const bad[] = {"01", "1.", ".5", "+1", "1e", "1e+", "-", "0x1", "1_0",
		"NaN", "Infinity", "True", "tru", "nul", "truee", "hunter2", "'hunter2'"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[64];
		AUTO_VALUES values = VALUES_INIT;
		struct why why = {""};

		snprintf(text, sizeof(text), "{\"a\": %s}", bad[i]);
		AUTO_SECBUF in = secret_of(text, strlen(text));
		if (values_parse(&values, &in, VALUES_JSON, "in", &why) != -EINVAL)
			fail_msg("%s was taken", text);
		assert_null(strstr(why.text, "hunter2"));
	}
}

static void test_json_refused(void **state)
{
	(void)state;
	refuses(VALUES_JSON, "", "in: line 1, column 1: the text ends where a value should be");
	refuses(VALUES_JSON, "{\n \"a\": \"hunter2",
		"in: line 2, column 15: the text ends inside a string");
	refuses(VALUES_JSON, "{\"a\": \"hunter2\"",
		"in: line 1, column 16: ',' or '}' should be here");
	refuses(VALUES_JSON, "{\"a\": \"hunter2\",}",
		"in: line 1, column 17: a name in quotation marks should be here");
	refuses(VALUES_JSON, "{\"a\" \"hunter2\"}", "in: line 1, column 6: ':' should be here");
	refuses(VALUES_JSON, "{\"a\": \"x\"} hunter2",
		"in: line 1, column 12: the text should end here");
	refuses(VALUES_JSON, "{\"a\": \"\\x41\"}",
		"in: line 1, column 9: no such escape in a string");
	refuses(VALUES_JSON, "{\"a\": \"\\u12g4\"}",
		"in: line 1, column 12: \\u takes four hexadecimal digits");
	refuses(VALUES_JSON, "{\"a\": \"\\ud83d\"}",
		"in: line 1, column 14: half of a surrogate pair");
	refuses(VALUES_JSON, "{\"a\": \"\\udd11\\ud83d\"}",
		"in: line 1, column 14: half of a surrogate pair");
	refuses(VALUES_JSON, "{\"a\": \"\n\"}",
		"in: line 1, column 8: a control character in a string; write \\n for a new line");
	refuses(VALUES_JSON, "{\"a\": \"\xff\"}",
		"in: not UTF-8; a value of other bytes is {\"base64\": \"...\"}");
	refuses(VALUES_JSON, "{\"a\": \"hunter2\",\n \"b\": \"1\",\n \"a\": \"hunter2\"}",
		"in: line 3: a is given twice");
	refuses_len(VALUES_JSON, "{}\0", 3, "in: line 1, column 3: the text should end here");
}

static void test_not_values(void **state)
{
	static const char top[] =
		"in: %s; give names with values, as {\"key\": \"value\"} or key: value";
	char want[256];

	(void)state;
	snprintf(want, sizeof(want), top, "a single value has no name");
	refuses(VALUES_JSON, "\"hunter2\"", want);
	refuses(VALUES_JSON, "12", want);
	refuses(VALUES_YAML, "hunter2", want);
	refuses(VALUES_ANY, "hunter2", want);
	snprintf(want, sizeof(want), top, "a list has no names for its values");
	refuses(VALUES_JSON, "[\"hunter2\"]", want);
	refuses(VALUES_YAML, "- hunter2\n", want);
	refuses(VALUES_ANY, "[hunter2]", want);
	snprintf(want, sizeof(want), top, "there is nothing in it");
	refuses(VALUES_JSON, "null", want);
	refuses(VALUES_YAML, "", want);
	refuses(VALUES_YAML, "---\n...\n", want);
	refuses(VALUES_ANY, "# nothing\n", want);
	refuses(VALUES_JSON, "{\"k\": null}",
		"in: k: null is no value; an empty one is \"\", and a key is removed with update "
		"-r");
	refuses(VALUES_YAML, "k:\n",
		"in: k: null is no value; an empty one is \"\", and a key is removed with update "
		"-r");
	refuses(VALUES_JSON, "{\"a\": \"1\", \"k\": [\"hunter2\"]}",
		"in: k: a list is no value; quote it to store its text");
	static const char nested[] =
		"in: k: a value cannot hold names of its own; quote it to store its "
		"text, or give bytes as {\"base64\": \"...\"}";
	refuses(VALUES_JSON, "{\"k\": {\"x\": \"hunter2\"}}", nested);
	refuses(VALUES_JSON, "{\"k\": {}}", nested);
	refuses(VALUES_JSON, "{\"k\": {\"base64\": \"AA==\", \"x\": \"hunter2\"}}", nested);
	refuses(VALUES_JSON, "{\"k\": {\"x\": \"hunter2\", \"base64\": \"AA==\"}}", nested);
	refuses(VALUES_YAML, "k:\n  x: hunter2\n", nested);
	refuses(VALUES_JSON, "{\"k\": {\"base64\": \"hunter2\"}}",
		"in: k: base64 takes padded base64 without white space");
}

static void test_keys_refused(void **state)
{
	static const char name[] =
		"in: line 1: that cannot be the name of a key: 1 to 255 bytes of UTF-8 "
		"without '/' and control characters";
	char text[400], key[300];

	(void)state;
	refuses(VALUES_JSON, "{\"\": \"hunter2\"}", name);
	refuses(VALUES_JSON, "{\"a/b\": \"hunter2\"}", name);
	refuses(VALUES_JSON, "{\"a\\u0000b\": \"hunter2\"}", name);
	refuses(VALUES_JSON, "{\"a\\u001b[2J\": \"hunter2\"}", name);
	refuses(VALUES_YAML, "\"a\\nb\": hunter2", name);
	refuses(VALUES_JSON, "{\".json\": \"hunter2\"}",
		".json: this name is reserved for a view; choose another key");
	memset(key, 'k', sizeof(key));
	snprintf(text, sizeof(text), "{\"%.256s\": \"1\"}", key);
	refuses(VALUES_JSON, text, name);
	snprintf(text, sizeof(text), "%.256s=1", key);
	refuses(VALUES_ENV, text, "in: a name has more than 255 bytes");
}

static void test_yaml(void **state)
{
	(void)state;
	reads(VALUES_YAML, "a: b\nc: 'd: e'\nf: \"g\\th\"\n",
		"{\"a\": \"b\", \"c\": \"d: e\", \"f\": \"g\\th\"}\n");
	reads(VALUES_YAML, "---\na: 1.10\nb: 0x1F\nc: yes\nd: 2020-01-01\ne: 007\nf: .inf\n",
		"{\"a\": \"1.10\", \"b\": \"0x1F\", \"c\": \"yes\", \"d\": \"2020-01-01\", \"e\": "
		"\"007\", "
		"\"f\": \".inf\"}\n");
	reads(VALUES_YAML, "pem: |\n  one\n  two\nfolded: >-\n  one\n  two\n",
		"{\"pem\": \"one\\ntwo\\n\", \"folded\": \"one two\"}\n");
	reads(VALUES_YAML, "{a: b, \"c\": 'd'}", "{\"a\": \"b\", \"c\": \"d\"}\n");
	reads(VALUES_YAML, "a: \"\"\nb: ''\nc: \"null\"\nd: '~'\n",
		"{\"a\": \"\", \"b\": \"\", \"c\": \"null\", \"d\": \"~\"}\n");
	reads(VALUES_YAML, "a: !!str null\nb: !!int 7\nc: ! x\n",
		"{\"a\": \"null\", \"b\": \"7\", \"c\": \"x\"}\n");
	reads(VALUES_YAML,
		"a: !!binary AP8=\nb: !!binary |\n  aGVs\n  bG8=\nc: {base64: AP8=}\nd: !!binary "
		"\"\"\n",
		"{\"a\": {\"base64\": \"AP8=\"}, \"b\": \"hello\", \"c\": {\"base64\": \"AP8=\"}, "
		"\"d\": \"\"}\n");
	reads(VALUES_YAML, "true: 1\n12: 2\n", "{\"true\": \"1\", \"12\": \"2\"}\n");
}

static void test_yaml_refused(void **state)
{
	(void)state;
	refuses(VALUES_YAML, "a: hunter2\na: hunter2\n", "in: line 2: a is given twice");
	refuses(VALUES_YAML, "a: &x hunter2\nb: *x\n",
		"in: line 2, column 4: references to anchors are not read; write it out");
	refuses(VALUES_YAML, "a: hunter2\n---\nb: hunter2\n",
		"in: line 2, column 1: only one document is read");
	refuses(VALUES_YAML, "a: !vault hunter2\n",
		"in: line 1, column 4: a tag that is not known here");
	refuses(VALUES_YAML, "a: !!binary hunter2\n",
		"in: line 1, column 4: !!binary takes padded base64");
	refuses(VALUES_YAML, "? [hunter2]\n: b\n", "in: line 1, column 3: a name should be here");
	refuses(VALUES_YAML, "a: \"hunter2\n",
		"in: line 2, column 1: found unexpected end of stream");
	refuses(VALUES_YAML, "a: hunter2\n\tb: c\n",
		"in: line 2, column 1: found a tab character that violates indentation");
	refuses(VALUES_YAML, "a: \x1b", "in: byte 4: control characters are not allowed");
	refuses(VALUES_YAML, "a: \xff", "in: not UTF-8; a value of other bytes is !!binary");
	char deep[2 * DOC_DEPTH + 64] = "a: ";
	for (int i = 0; i < DOC_DEPTH; i++)
		strcat(deep, "[");
	refuses(VALUES_YAML, deep, "in: line 1, column 35: too many lists and maps in each other");
	refuses(VALUES_JSON, deep + 3,
		"in: line 1, column 33: the text ends where a value should be");
	strcat(deep, "[");
	refuses(VALUES_JSON, deep + 3,
		"in: line 1, column 33: too many lists and maps in each other");
}

static void test_env(void **state)
{
	(void)state;
	reads(VALUES_ENV, "A=1\n# c\nexport B='x y'\nC=\"a\\\"b\"\nA=2\n",
		"{\"A\": \"2\", \"B\": \"x y\", \"C\": \"a\\\"b\"}\n");
	reads(VALUES_ENV, "", "{}\n");
	refuses(VALUES_ENV, "A=1\nhunter2\n", "in: line 2: not of the form NAME=value");
	refuses(VALUES_ENV, "A=1\nB=\"hunter2\n",
		"in: line 2: the text ends in the middle of a variable");
}

static void test_which_form(void **state)
{
	(void)state;
	reads(VALUES_ANY, "\n # x\n export A=b: c\n", "{\"A\": \"b: c\"}\n");
	reads(VALUES_ANY, "a_1=x", "{\"a_1\": \"x\"}\n");
	reads(VALUES_ANY, "a: b=c", "{\"a\": \"b=c\"}\n");
	reads(VALUES_ANY, " {\"a\": 1.0}", "{\"a\": \"1.0\"}\n");
	reads(VALUES_ANY, "{a: 1, b: 'x',}", "{\"a\": \"1\", \"b\": \"x\"}\n");
	/* What is neither is called wrong JSON. */
	refuses(VALUES_ANY, "{\"a\": \"hunter2\"",
		"in: line 1, column 16: ',' or '}' should be here");
	refuses(VALUES_ANY, "A=1\nb: hunter2", "in: line 2: not of the form NAME=value");
	assert_int_equal(values_form_of_file("/a.json/b"), VALUES_ANY);
	assert_int_equal(values_form_of_file("/x/b.json"), VALUES_JSON);
	assert_int_equal(values_form_of_file("b.yml"), VALUES_YAML);
	assert_int_equal(values_form_of_file("b.yaml"), VALUES_YAML);
	assert_int_equal(values_form_of_file("x/.env"), VALUES_ENV);
	assert_int_equal(values_form_of_file("prod.env"), VALUES_ENV);
	assert_int_equal(values_form_of_file(".env.local"), VALUES_ENV);
	assert_int_equal(values_form_of_file("json"), VALUES_ANY);
}

/* ---- writing ---- */

static void add(struct values *values, const char *key, const void *bytes, size_t len)
{
	AUTO_SECBUF b = secret_of(bytes, len);

	assert_int_equal(values_put(values, key, &b), 0);
}

static void test_print(void **state)
{
	AUTO_VALUES values = VALUES_INIT;
	AUTO_SECBUF json = SECBUF_INIT;
	AUTO_SECBUF yaml = SECBUF_INIT;
	AUTO_SECBUF env = SECBUF_INIT;
	size_t left_out = 0;

	(void)state;
	add(&values, "user", "app", 3);
	add(&values, "on", "a \"b\" $c \\ \n\t\x7f\xc2\x85\xe2\x80\xa8\xef\xbb\xbf", 22);
	add(&values, "a key", "", 0);
	add(&values, "raw", "\0\xff", 2);
	assert_int_equal(values_print_json(&values, &json), 0);
	assert_int_equal(io_append(&json, "", 1), 0);
	assert_string_equal((char *)json.data,
		"{\"user\": \"app\", \"on\": \"a \\\"b\\\" $c \\\\ "
		"\\n\\t\x7f\xc2\x85\xe2\x80\xa8\xef\xbb\xbf\", "
		"\"a key\": \"\", \"raw\": {\"base64\": \"AP8=\"}}\n");
	assert_int_equal(values_print_yaml(&values, 2, &yaml), 0);
	assert_int_equal(io_append(&yaml, "", 1), 0);
	assert_string_equal((char *)yaml.data,
		"  user: \"app\"\n"
		"  \"on\": \"a \\\"b\\\" $c \\\\ \\n\\t\\x7f\\x85\\u2028\\ufeff\"\n"
		"  \"a key\": \"\"\n"
		"  raw: !!binary \"AP8=\"\n");
	assert_int_equal(values_print_env(&values, &env, &left_out), 0);
	assert_int_equal(io_append(&env, "", 1), 0);
	assert_string_equal((char *)env.data,
		"user=app\n"
		"on=\"a \\\"b\\\" \\$c \\\\ \n\t\x7f\xc2\x85\xe2\x80\xa8\xef\xbb\xbf\"\n"
		"# Left out: \"a key\".\n"
		"# Left out: \"raw\".\n");
	assert_int_equal(left_out, 2);
}

static void test_print_docker(void **state)
{
	static const struct {
		const char *key, *value;
		size_t len;
		const char *reason; /* NULL: can be said */
	} cases[] = {{"A", "", 0, NULL}, {"A", " \"x\" $y # z\t", 12, NULL}, {"A", "a\rb", 3, NULL},
		{"A", "a\nb", 3, "the value has more than one line"},
		{"A", "a\r", 2, "the value has more than one line"},
		{"A", "a\0b", 3, "the value has a NUL"}, {"A", "\xff", 1, "the value is not UTF-8"},
		{"a-b", "1", 1, "the name cannot be a variable's"},
		{"1a", "1", 1, "the name cannot be a variable's"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_VALUES values = VALUES_INIT;
		AUTO_SECBUF text = SECBUF_INIT;
		struct why why = {""};
		char want[256];

		add(&values, cases[i].key, cases[i].value, cases[i].len);
		int r = values_print_docker(&values, &text, &why);
		if (cases[i].reason) {
			snprintf(want, sizeof(want),
				"%s: docker --env-file cannot say it: %s; mount the secret instead",
				cases[i].key, cases[i].reason);
			assert_int_equal(r, -EINVAL);
			assert_string_equal(why.text, want);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(io_append(&text, "", 1), 0);
		snprintf(want, sizeof(want), "%s=%s\n", cases[i].key, cases[i].value);
		assert_string_equal((char *)text.data, want);
	}
}

static void test_docker_length(void **state)
{
	static char bytes[65536];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	for (size_t len = 65532; len <= 65533; len++) {
		AUTO_VALUES values = VALUES_INIT;
		AUTO_SECBUF text = SECBUF_INIT;
		struct why why;

		add(&values, "A", bytes, len);
		assert_int_equal(
			values_print_docker(&values, &text, &why), len == 65532 ? 0 : -EINVAL);
	}
}

/* Every byte and pair of bytes, and every character of interest, through every form. */
static void round_trip(const char *key, const void *bytes, size_t len)
{
	for (enum values_form form = VALUES_JSON; form <= VALUES_ENV; form++) {
		AUTO_VALUES values = VALUES_INIT;
		AUTO_VALUES back = VALUES_INIT;
		AUTO_SECBUF text = SECBUF_INIT;
		struct why why = {""};
		size_t left_out = 0;

		add(&values, key, bytes, len);
		int r = form == VALUES_JSON   ? values_print_json(&values, &text)
			: form == VALUES_YAML ? values_print_yaml(&values, 0, &text)
					      : values_print_env(&values, &text, &left_out);
		assert_int_equal(r, 0);
		if (values_parse(&back, &text, form, "in", &why) < 0)
			fail_msg("%s in %.*s", why.text, (int)text.len, text.data);
		if (left_out) {
			assert_int_equal(back.n, 0);
			continue;
		}
		const struct value *value = values_find(&back, key);
		assert_non_null(value);
		if (value->bytes.len != len || memcmp(value->bytes.data, bytes, len) != 0)
			fail_msg("form %d: %.*s", form, (int)text.len, text.data);
	}
}

static void test_round_trip(void **state)
{
	static const char *const texts[] = {"\xc2\x80", "\xc2\x85", "\xc2\x9f", "\xc2\xa0",
		"\xc3\xbf", "\xe2\x80\xa7", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaa",
		"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbb\xbf", "\xef\xbf\xbd", "\xef\xbf\xbe",
		"\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "# no comment", "'", "null",
		"- x", "a: b", " lead", "trail ", "a\n\n b\n", "%TAG", "*x", "&x", "!x", "|", ">",
		"---", "..."};
	static const char *const keys[] = {"a", "a b", "a:b", "#a", "null", "Yes", "12", "-", "~",
		"a'b", "a\"b", "\xc3\xa4", "*", "&a", ".x", "true", "[a]", "{a", "a,b"};
	unsigned char pair[3];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		round_trip("K", texts[i], strlen(texts[i]));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		round_trip(keys[i], "v", 1);
	for (unsigned i = 0; i < 256; i++) {
		pair[0] = (unsigned char)i;
		pair[1] = 'x';
		pair[2] = (unsigned char)i;
		round_trip("K", pair, 1);
		round_trip("K", pair, 3);
	}
}

/* ---- the set itself ---- */

static int add_set(struct values *values, const char *text)
{
	char copy[128];
	struct why why;

	snprintf(copy, sizeof(copy), "%s", text);
	int r = values_add_set(values, copy, &why);
	assert_null(strstr(copy, "hunter2"));
	return r;
}

static int add_one(struct values *values, const char *text)
{
	char copy[128];
	struct why why;

	snprintf(copy, sizeof(copy), "%s", text);
	return values_add(values, copy, &why);
}

static void is(const struct values *values, const char *key, const char *want)
{
	const struct value *value = values_find(values, key);

	assert_non_null(value);
	assert_int_equal(value->bytes.len, strlen(want));
	assert_memory_equal(value->bytes.data, want, strlen(want));
}

static void test_set_wins(void **state)
{
	AUTO_VALUES values = VALUES_INIT;

	(void)state;
	assert_int_equal(add_one(&values, "a=1"), 0);
	assert_int_equal(add_set(&values, "{\"a\": \"hunter2\", \"b\": \"2\"}"), 0);
	assert_int_equal(add_one(&values, "a=3"), 0);
	assert_int_equal(add_one(&values, "c=4"), 0);
	is(&values, "a", "hunter2");
	is(&values, "b", "2");
	is(&values, "c", "4");
	assert_int_equal(add_set(&values, "a: last"), 0);
	is(&values, "a", "last");
	assert_true(values_drop(&values, "b"));
	assert_false(values_drop(&values, "b"));
	assert_int_equal(values.n, 2);
	is(&values, "a", "last");
	is(&values, "c", "4");
	assert_int_equal(add_set(&values, "@/nowhere"), -ENOENT);
	assert_int_equal(add_set(&values, "hunter2"), -EINVAL);
}

#ifndef __SANITIZE_ADDRESS__
/* Is it anywhere in the ordinary heap, in use or given back? */
static bool in_heap(const uint8_t *bytes, size_t len)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	bool found = false;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		uintptr_t start, end;

		if (!strstr(line, "[heap]") || sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		found = memmem((void *)start, end - start, bytes, len) != NULL;
	}
	fclose(maps);
	return found;
}

/* The memory of libyaml, too, is ours: its yaml_malloc is the one in doc_yaml.c. */
static void test_no_copy_in_heap(void **state)
{
	AUTO_SECBUF in = secret_of("password: \"", 11);
	AUTO_SECBUF canary = SECBUF_INIT;
	AUTO_VALUES values = VALUES_INIT;
	struct why why;
	char *control = malloc(64);

	(void)state;
	assert_int_equal(secbuf_alloc(&canary, 32, SECMEM_SELF), 0);
	canary.len = 32;
	secmem_random(canary.data, 32);
	for (size_t i = 0; i < 32; i++)
		canary.data[i] = (uint8_t)('a' + canary.data[i] % 26);
	assert_int_equal(io_append(&in, canary.data, 32), 0);
	assert_int_equal(io_append(&in, "\"\n", 2), 0);
	for (enum values_form form = VALUES_YAML; form <= VALUES_ENV; form++) {
		if (form == VALUES_ENV)
			memcpy(in.data, "password=  \"", 11);
		assert_int_equal(values_parse(&values, &in, form, "in", &why), 0);
		assert_false(in_heap(canary.data, 32));
	}
	/* The search itself finds what is there. */
	assert_non_null(control);
	memcpy(control, canary.data, 32);
	assert_true(in_heap(canary.data, 32));
	free(control);
}
#endif

static int set_up(void **state)
{
	(void)state;
	return secmem_init(4u << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_numbers),
		cmocka_unit_test(test_json_refused),
		cmocka_unit_test(test_not_values),
		cmocka_unit_test(test_keys_refused),
		cmocka_unit_test(test_yaml),
		cmocka_unit_test(test_yaml_refused),
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_which_form),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_print_docker),
		cmocka_unit_test(test_docker_length),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_set_wins),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(test_no_copy_in_heap),
#endif
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
