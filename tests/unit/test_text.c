/* SPDX-License-Identifier: MIT */
/* test_text: a value's form in .json and .env, against tables made by another implementation and
 * against sh. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store.h"
#include "text.h"

/* clang-format off */
/* The 256 values of one byte, by json.dumps(ensure_ascii=False) and base64.b64encode of Python. */
static const char *const json_of_byte[256] = {
	"\"\\u0000\"", "\"\\u0001\"", "\"\\u0002\"", "\"\\u0003\"", "\"\\u0004\"", "\"\\u0005\"",
	"\"\\u0006\"", "\"\\u0007\"", "\"\\b\"", "\"\\t\"", "\"\\n\"", "\"\\u000b\"", "\"\\f\"",
	"\"\\r\"", "\"\\u000e\"", "\"\\u000f\"", "\"\\u0010\"", "\"\\u0011\"", "\"\\u0012\"",
	"\"\\u0013\"", "\"\\u0014\"", "\"\\u0015\"", "\"\\u0016\"", "\"\\u0017\"", "\"\\u0018\"",
	"\"\\u0019\"", "\"\\u001a\"", "\"\\u001b\"", "\"\\u001c\"", "\"\\u001d\"", "\"\\u001e\"",
	"\"\\u001f\"", "\" \"", "\"!\"", "\"\\\"\"", "\"#\"", "\"$\"", "\"%\"", "\"&\"", "\"'\"",
	"\"(\"", "\")\"", "\"*\"", "\"+\"", "\",\"", "\"-\"", "\".\"", "\"/\"", "\"0\"", "\"1\"",
	"\"2\"", "\"3\"", "\"4\"", "\"5\"", "\"6\"", "\"7\"", "\"8\"", "\"9\"", "\":\"", "\";\"",
	"\"<\"", "\"=\"", "\">\"", "\"\?\"", "\"@\"", "\"A\"", "\"B\"", "\"C\"", "\"D\"", "\"E\"",
	"\"F\"", "\"G\"", "\"H\"", "\"I\"", "\"J\"", "\"K\"", "\"L\"", "\"M\"", "\"N\"", "\"O\"",
	"\"P\"", "\"Q\"", "\"R\"", "\"S\"", "\"T\"", "\"U\"", "\"V\"", "\"W\"", "\"X\"", "\"Y\"",
	"\"Z\"", "\"[\"", "\"\\\\\"", "\"]\"", "\"^\"", "\"_\"", "\"`\"", "\"a\"", "\"b\"",
	"\"c\"", "\"d\"", "\"e\"", "\"f\"", "\"g\"", "\"h\"", "\"i\"", "\"j\"", "\"k\"", "\"l\"",
	"\"m\"", "\"n\"", "\"o\"", "\"p\"", "\"q\"", "\"r\"", "\"s\"", "\"t\"", "\"u\"", "\"v\"",
	"\"w\"", "\"x\"", "\"y\"", "\"z\"", "\"{\"", "\"|\"", "\"}\"", "\"~\"", "\"\177\"",
	"{\"base64\": \"gA==\"}", "{\"base64\": \"gQ==\"}", "{\"base64\": \"gg==\"}",
	"{\"base64\": \"gw==\"}", "{\"base64\": \"hA==\"}", "{\"base64\": \"hQ==\"}",
	"{\"base64\": \"hg==\"}", "{\"base64\": \"hw==\"}", "{\"base64\": \"iA==\"}",
	"{\"base64\": \"iQ==\"}", "{\"base64\": \"ig==\"}", "{\"base64\": \"iw==\"}",
	"{\"base64\": \"jA==\"}", "{\"base64\": \"jQ==\"}", "{\"base64\": \"jg==\"}",
	"{\"base64\": \"jw==\"}", "{\"base64\": \"kA==\"}", "{\"base64\": \"kQ==\"}",
	"{\"base64\": \"kg==\"}", "{\"base64\": \"kw==\"}", "{\"base64\": \"lA==\"}",
	"{\"base64\": \"lQ==\"}", "{\"base64\": \"lg==\"}", "{\"base64\": \"lw==\"}",
	"{\"base64\": \"mA==\"}", "{\"base64\": \"mQ==\"}", "{\"base64\": \"mg==\"}",
	"{\"base64\": \"mw==\"}", "{\"base64\": \"nA==\"}", "{\"base64\": \"nQ==\"}",
	"{\"base64\": \"ng==\"}", "{\"base64\": \"nw==\"}", "{\"base64\": \"oA==\"}",
	"{\"base64\": \"oQ==\"}", "{\"base64\": \"og==\"}", "{\"base64\": \"ow==\"}",
	"{\"base64\": \"pA==\"}", "{\"base64\": \"pQ==\"}", "{\"base64\": \"pg==\"}",
	"{\"base64\": \"pw==\"}", "{\"base64\": \"qA==\"}", "{\"base64\": \"qQ==\"}",
	"{\"base64\": \"qg==\"}", "{\"base64\": \"qw==\"}", "{\"base64\": \"rA==\"}",
	"{\"base64\": \"rQ==\"}", "{\"base64\": \"rg==\"}", "{\"base64\": \"rw==\"}",
	"{\"base64\": \"sA==\"}", "{\"base64\": \"sQ==\"}", "{\"base64\": \"sg==\"}",
	"{\"base64\": \"sw==\"}", "{\"base64\": \"tA==\"}", "{\"base64\": \"tQ==\"}",
	"{\"base64\": \"tg==\"}", "{\"base64\": \"tw==\"}", "{\"base64\": \"uA==\"}",
	"{\"base64\": \"uQ==\"}", "{\"base64\": \"ug==\"}", "{\"base64\": \"uw==\"}",
	"{\"base64\": \"vA==\"}", "{\"base64\": \"vQ==\"}", "{\"base64\": \"vg==\"}",
	"{\"base64\": \"vw==\"}", "{\"base64\": \"wA==\"}", "{\"base64\": \"wQ==\"}",
	"{\"base64\": \"wg==\"}", "{\"base64\": \"ww==\"}", "{\"base64\": \"xA==\"}",
	"{\"base64\": \"xQ==\"}", "{\"base64\": \"xg==\"}", "{\"base64\": \"xw==\"}",
	"{\"base64\": \"yA==\"}", "{\"base64\": \"yQ==\"}", "{\"base64\": \"yg==\"}",
	"{\"base64\": \"yw==\"}", "{\"base64\": \"zA==\"}", "{\"base64\": \"zQ==\"}",
	"{\"base64\": \"zg==\"}", "{\"base64\": \"zw==\"}", "{\"base64\": \"0A==\"}",
	"{\"base64\": \"0Q==\"}", "{\"base64\": \"0g==\"}", "{\"base64\": \"0w==\"}",
	"{\"base64\": \"1A==\"}", "{\"base64\": \"1Q==\"}", "{\"base64\": \"1g==\"}",
	"{\"base64\": \"1w==\"}", "{\"base64\": \"2A==\"}", "{\"base64\": \"2Q==\"}",
	"{\"base64\": \"2g==\"}", "{\"base64\": \"2w==\"}", "{\"base64\": \"3A==\"}",
	"{\"base64\": \"3Q==\"}", "{\"base64\": \"3g==\"}", "{\"base64\": \"3w==\"}",
	"{\"base64\": \"4A==\"}", "{\"base64\": \"4Q==\"}", "{\"base64\": \"4g==\"}",
	"{\"base64\": \"4w==\"}", "{\"base64\": \"5A==\"}", "{\"base64\": \"5Q==\"}",
	"{\"base64\": \"5g==\"}", "{\"base64\": \"5w==\"}", "{\"base64\": \"6A==\"}",
	"{\"base64\": \"6Q==\"}", "{\"base64\": \"6g==\"}", "{\"base64\": \"6w==\"}",
	"{\"base64\": \"7A==\"}", "{\"base64\": \"7Q==\"}", "{\"base64\": \"7g==\"}",
	"{\"base64\": \"7w==\"}", "{\"base64\": \"8A==\"}", "{\"base64\": \"8Q==\"}",
	"{\"base64\": \"8g==\"}", "{\"base64\": \"8w==\"}", "{\"base64\": \"9A==\"}",
	"{\"base64\": \"9Q==\"}", "{\"base64\": \"9g==\"}", "{\"base64\": \"9w==\"}",
	"{\"base64\": \"+A==\"}", "{\"base64\": \"+Q==\"}", "{\"base64\": \"+g==\"}",
	"{\"base64\": \"+w==\"}", "{\"base64\": \"/A==\"}", "{\"base64\": \"/Q==\"}",
	"{\"base64\": \"/g==\"}", "{\"base64\": \"/w==\"}",
};

/* The same as lines of .env for the name K; empty: left out. */
static const char *const env_of_byte[256] = {
	"", "K=\"\001\"\012", "K=\"\002\"\012", "K=\"\003\"\012", "K=\"\004\"\012",
	"K=\"\005\"\012", "K=\"\006\"\012", "K=\"\007\"\012", "K=\"\010\"\012", "K=\"\011\"\012",
	"K=\"\012\"\012", "K=\"\013\"\012", "K=\"\014\"\012", "K=\"\015\"\012", "K=\"\016\"\012",
	"K=\"\017\"\012", "K=\"\020\"\012", "K=\"\021\"\012", "K=\"\022\"\012", "K=\"\023\"\012",
	"K=\"\024\"\012", "K=\"\025\"\012", "K=\"\026\"\012", "K=\"\027\"\012", "K=\"\030\"\012",
	"K=\"\031\"\012", "K=\"\032\"\012", "K=\"\033\"\012", "K=\"\034\"\012", "K=\"\035\"\012",
	"K=\"\036\"\012", "K=\"\037\"\012", "K=\" \"\012", "K=\"!\"\012", "K=\"\\\"\"\012",
	"K=\"#\"\012", "K=\"\\$\"\012", "K=%\012", "K=\"&\"\012", "K=\"'\"\012", "K=\"(\"\012",
	"K=\")\"\012", "K=\"*\"\012", "K=+\012", "K=,\012", "K=-\012", "K=.\012", "K=/\012",
	"K=0\012", "K=1\012", "K=2\012", "K=3\012", "K=4\012", "K=5\012", "K=6\012", "K=7\012",
	"K=8\012", "K=9\012", "K=:\012", "K=\";\"\012", "K=\"<\"\012", "K==\012", "K=\">\"\012",
	"K=\"\?\"\012", "K=@\012", "K=A\012", "K=B\012", "K=C\012", "K=D\012", "K=E\012",
	"K=F\012", "K=G\012", "K=H\012", "K=I\012", "K=J\012", "K=K\012", "K=L\012", "K=M\012",
	"K=N\012", "K=O\012", "K=P\012", "K=Q\012", "K=R\012", "K=S\012", "K=T\012", "K=U\012",
	"K=V\012", "K=W\012", "K=X\012", "K=Y\012", "K=Z\012", "K=\"[\"\012", "K=\"\\\\\"\012",
	"K=\"]\"\012", "K=\"^\"\012", "K=_\012", "K=\"\\`\"\012", "K=a\012", "K=b\012", "K=c\012",
	"K=d\012", "K=e\012", "K=f\012", "K=g\012", "K=h\012", "K=i\012", "K=j\012", "K=k\012",
	"K=l\012", "K=m\012", "K=n\012", "K=o\012", "K=p\012", "K=q\012", "K=r\012", "K=s\012",
	"K=t\012", "K=u\012", "K=v\012", "K=w\012", "K=x\012", "K=y\012", "K=z\012", "K=\"{\"\012",
	"K=\"|\"\012", "K=\"}\"\012", "K=\"~\"\012", "K=\"\177\"\012", "", "", "", "", "", "", "",
	"", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
	"", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
	"", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
	"", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
	"", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
	"", "", "", "", "", "",
};
/* clang-format on */

struct text_case {
	const char *bytes;
	size_t len;
	const char *want;
};

#define CASE(bytes, want)                                                                          \
	{                                                                                          \
		bytes, sizeof(bytes) - 1, want                                                     \
	}

/* Counts, writes into a buffer of exactly that size, and compares. */
static void check_json(const void *bytes, size_t len, const char *want)
{
	size_t n = text_json_value(bytes, len, NULL);
	char *out = malloc(n);

	assert_non_null(out);
	assert_int_equal(n, strlen(want));
	assert_int_equal(text_json_value(bytes, len, out), n);
	assert_memory_equal(out, want, n);
	assert_int_equal(store_json_len(bytes, len), n);
	free(out);
}

static void check_env(const char *name, const void *bytes, size_t len, const char *want)
{
	size_t n = text_env_line(name, strlen(name), bytes, len, NULL);
	char *out = malloc(n + 1);

	assert_non_null(out);
	out[n] = 'x';
	assert_int_equal(n, strlen(want));
	assert_int_equal(text_env_line(name, strlen(name), bytes, len, out), n);
	assert_memory_equal(out, want, n);
	assert_int_equal(out[n], 'x');
	assert_int_equal(store_env_len(name, strlen(name), bytes, len), n);
	free(out);
}

static void test_every_byte(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t byte = (uint8_t)i;

		check_json(&byte, 1, json_of_byte[i]);
		check_env("K", &byte, 1, env_of_byte[i]);
	}
}

static void test_json_values(void **state)
{
	static const struct text_case cases[] = {
		CASE("", "\"\""),
		CASE("hunter2", "\"hunter2\""),
		CASE("say \"hi\"\\", "\"say \\\"hi\\\"\\\\\""),
		CASE("a\nb\r\n\tc\b\f\v", "\"a\\nb\\r\\n\\tc\\b\\f\\u000b\""),
		CASE("a\0b", "\"a\\u0000b\""),
		CASE("\x7f/", "\"\x7f/\""),
		CASE("\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91",
			"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91\""),
		CASE("\xe2\x80\xa8", "\"\xe2\x80\xa8\""),
		CASE("\xc2\x80", "\"\xc2\x80\""),
		/* Not UTF-8: a lone byte, a cut sequence, an overlong form, a surrogate, above
		   U+10FFFF. */
		CASE("\xff\xfe", "{\"base64\": \"//4=\"}"),
		CASE("\xe2\x82", "{\"base64\": \"4oI=\"}"),
		CASE("\xc0\x80", "{\"base64\": \"wIA=\"}"),
		CASE("\xed\xa0\x80", "{\"base64\": \"7aCA\"}"),
		CASE("\xf4\x90\x80\x80", "{\"base64\": \"9JCAgA==\"}"),
		CASE("abc\xff", "{\"base64\": \"YWJj/w==\"}"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_json(cases[i].bytes, cases[i].len, cases[i].want);
}

/* RFC 4648, section 10, behind a byte that makes the value binary. */
static void test_base64_lengths(void **state)
{
	static const struct text_case cases[] = {
		CASE("\x80"
		     "fo",
			"{\"base64\": \"gGZv\"}"),
		CASE("\x80"
		     "foo",
			"{\"base64\": \"gGZvbw==\"}"),
		CASE("\x80"
		     "foob",
			"{\"base64\": \"gGZvb2I=\"}"),
		CASE("\x80"
		     "fooba",
			"{\"base64\": \"gGZvb2Jh\"}"),
		CASE("\xfb\xff\xbf\xfe", "{\"base64\": \"+/+//g==\"}"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_json(cases[i].bytes, cases[i].len, cases[i].want);
}

static void test_json_name(void **state)
{
	char out[32];

	(void)state;
	assert_int_equal(text_json_string("a\"b", 3, NULL), 6);
	assert_int_equal(text_json_string("a\"b", 3, out), 6);
	assert_memory_equal(out, "\"a\\\"b\"", 6);
	assert_int_equal(text_json_string("", 0, out), 2);
}

static void test_env_values(void **state)
{
	static const struct text_case cases[] = {
		CASE("", "KEY=\n"),
		CASE("postgres://u:p%40@db.example:5432/x,y+z=-_",
			"KEY=postgres://u:p%40@db.example:5432/x,y+z=-_\n"),
		CASE("two words", "KEY=\"two words\"\n"),
		CASE("a\nB=1", "KEY=\"a\nB=1\"\n"),
		CASE("$(id)`id`\"\\", "KEY=\"\\$(id)\\`id\\`\\\"\\\\\"\n"),
		CASE("it's #1 ~ !", "KEY=\"it's #1 ~ !\"\n"),
		CASE("\xc3\xa4", "KEY=\"\xc3\xa4\"\n"),
		CASE("a\0b", ""),
		CASE("\xff", ""),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_env("KEY", cases[i].bytes, cases[i].len, cases[i].want);
}

static void test_env_names(void **state)
{
	static const char *const good[] = {"a", "_", "A1", "api_key", "_9"};
	static const char *const bad[] = {
		"", "1a", "a-b", "a.b", "a b", "a=b", ".x", "\xc3\xa4", "a\n"};
	char want[32];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(want, sizeof(want), "%s=v\n", good[i]);
		check_env(good[i], "v", 1, want);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_env(bad[i], "v", 1, "");
	assert_int_equal(text_env_line("a\0b", 3, (const uint8_t *)"v", 1, NULL), 0);
}

/* What a shell makes of the line must be the value. */
static void check_sh(const char *value, size_t len)
{
	char path[] = "/tmp/test_text.XXXXXX";
	char line[1024];
	char command[64];
	char back[1024];
	size_t n = text_env_line("K", 1, (const uint8_t *)value, len, line);
	int fd = mkstemp(path);
	FILE *sh;

	assert_true(fd >= 0 && n > 0);
	assert_int_equal(write(fd, line, n), n);
	assert_int_equal(write(fd, "printf %s \"$K\"", 14), 14);
	close(fd);
	snprintf(command, sizeof(command), "sh %s", path);
	sh = popen(command, "r");
	assert_non_null(sh);
	n = fread(back, 1, sizeof(back), sh);
	assert_int_equal(pclose(sh), 0);
	unlink(path);
	assert_int_equal(n, len);
	assert_memory_equal(back, value, len);
}

static void test_sh_reads_it(void **state)
{
	char all[127];

	(void)state;
	for (int i = 1; i < 128; i++)
		all[i - 1] = (char)i;
	check_sh(all, sizeof(all));
	check_sh("-n", 2);
	check_sh("~/x", 3);
	check_sh("a\n\n", 3);
	check_sh("$(echo no)`echo no`${K}\\$x\\\\", 28);
	check_sh("\xf0\x9f\x94\x91 '\"", 7);
}

/* A value of the largest size in its longest forms. */
static void test_large(void **state)
{
	size_t len = 1u << 20;
	uint8_t *bytes = malloc(len);

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 1, len);
	assert_int_equal(store_json_len(bytes, len), 6 * len + 2);
	memset(bytes, '$', len);
	assert_int_equal(store_env_len("K", 1, bytes, len), 2 * len + 5);
	memset(bytes, 0xff, len);
	assert_int_equal(store_json_len(bytes, len), (len + 2) / 3 * 4 + 14);
	free(bytes);
}

/* ---- base64 ---- */

static void check_base64(const char *text, int want, const char *bytes)
{
	size_t len = strlen(text);
	/* As much room as it asks for and not a byte more. */
	char *copy = malloc(len + 1);
	uint8_t *out = malloc(len / 4 * 3 + 1);

	assert_true(copy && out);
	memcpy(copy, text, len + 1);
	out[len / 4 * 3] = 'x';
	assert_int_equal(text_base64_decode(copy, len, out), want);
	if (want > 0)
		assert_memory_equal(out, bytes, (size_t)want);
	assert_int_equal(out[len / 4 * 3], 'x');
	free(copy);
	free(out);
}

static void test_base64_decode(void **state)
{
	(void)state;
	check_base64("", 0, "");
	check_base64("Zg==", 1, "f");
	check_base64("Zm8=", 2, "fo");
	check_base64("Zm9v", 3, "foo");
	check_base64("Zm9vYg==", 4, "foob");
	check_base64("Zm9vYmE=", 5, "fooba");
	check_base64("Zm9vYmFy", 6, "foobar");
	check_base64("AA==", 1, "\0");
	check_base64("AAAA", 3, "\0\0\0");
	check_base64("////", 3, "\xff\xff\xff");
	check_base64("+/+/", 3, "\xfb\xff\xbf");
}

static void test_base64_refused(void **state)
{
	static const char *const texts[] = {"Z", "Zg", "Zg=", "Zm9", "Zg===", "====", "=",
		"Z===", "=AAA", "A=AA", "AA=A", "Zg==Zg==", "Zm8=Zm8=", "Zg==AAAA", "Zm9v\n",
		" Zm9", "Zm9 ", "Zm\n=", "Zm9-", "Zm9_", "Zm9\xff", "Zm9*",
		"Zh==", "Zn==", "Zv==", "Zm9=", "Zm+=", "Zm9v=", "Zm9v====", "AA\t="};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_base64(texts[i], -EINVAL, "");
	/* A NUL is no digit. */
	uint8_t out[3];
	assert_int_equal(text_base64_decode("A\0AA", 4, out), -EINVAL);
}

/* Four characters: the 64 digits in every place and nothing else. */
static void test_base64_digits(void **state)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	(void)state;
	for (size_t at = 0; at < 4; at++)
		for (unsigned c = 0; c < 256; c++) {
			char text[4] = {'A', 'A', 'A', 'A'};
			const char *digit = c ? strchr(digits, (int)c) : NULL;
			uint8_t out[3];

			if (c == '=' && at == 3)
				continue; /* padding */
			text[at] = (char)c;
			int n = text_base64_decode(text, 4, out);
			assert_int_equal(n, digit ? 3 : -EINVAL);
			if (!digit)
				continue;
			uint32_t bits = (uint32_t)(digit - digits) << (6 * (3 - at));
			assert_int_equal(out[0] << 16 | out[1] << 8 | out[2], bits);
		}
}

/* What .json shows of bytes that are not UTF-8 is decoded to the same bytes. */
static void test_base64_back(void **state)
{
	static const char head[] = "{\"base64\": \"", tail[] = "\"}";

	(void)state;
	for (size_t len = 1; len < 100; len++) {
		uint8_t bytes[100], back[100];
		char text[200];

		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)(0xff - i * len);
		size_t n = text_json_value(bytes, len, text);
		size_t digits = n - (sizeof(head) - 1) - (sizeof(tail) - 1);
		assert_memory_equal(text, head, sizeof(head) - 1);
		assert_int_equal(text_base64_decode(text + sizeof(head) - 1, digits, back), len);
		assert_memory_equal(back, bytes, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_json_values),
		cmocka_unit_test(test_base64_lengths),
		cmocka_unit_test(test_json_name),
		cmocka_unit_test(test_env_values),
		cmocka_unit_test(test_env_names),
		cmocka_unit_test(test_sh_reads_it),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_base64_decode),
		cmocka_unit_test(test_base64_refused),
		cmocka_unit_test(test_base64_digits),
		cmocka_unit_test(test_base64_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
