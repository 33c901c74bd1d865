/* SPDX-License-Identifier: MIT */
/* view: rendering and merging .json and .env. */
#include "view.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "dotenv.h"
#include "name.h"
#include "text.h"

#define DEEPEST         16 /* brackets in a text that is parsed */
#define LONGEST_ESCAPE  12 /* \\ud83d\\udd11 */
#define POOL_ALIGN      16
#define POOL_LARGE      2048 /* values above POOL_LARGE_SIZE in one text, and two to spare */
#define POOL_LARGE_SIZE 16384

static const char left_out[] = "# Left out: ";

/* ---- what is shown ---- */

/* Editors keep files of theirs beside the keys: those are no part of the secret. Nor is what was
 * taken out of an earlier version. */
static bool is_shown(const struct manifest_key *key)
{
	return key->name[0] != '.' && !manifest_key_taken(key);
}

static uint32_t count_shown(const struct manifest *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->n; i++)
		n += is_shown(&m->keys[i]);
	return n;
}

static int by_name(const void *a, const void *b)
{
	const struct manifest_key *x = *(const struct manifest_key *const *)a;
	const struct manifest_key *y = *(const struct manifest_key *const *)b;

	return strcmp(x->name, y->name);
}

/* The keys in order of their names; to be freed. */
static const struct manifest_key **sorted(const struct manifest *m)
{
	const struct manifest_key **keys = calloc(m->n ? m->n : 1, sizeof(struct manifest_key *));
	uint32_t n = 0;

	if (!keys)
		return NULL;
	for (uint32_t i = 0; i < m->n; i++)
		if (is_shown(&m->keys[i]))
			keys[n++] = &m->keys[i];
	qsort(keys, n, sizeof(struct manifest_key *), by_name);
	return keys;
}

/* A comment that names a key: JSON-escaped, and with a full stop, so that nothing continues the
 * line. */
static size_t env_comment(const struct manifest_key *key, char *out)
{
	size_t n = sizeof(left_out) - 1;

	if (out)
		memcpy(out, left_out, n);
	n += text_json_string(key->name, key->name_len, out ? out + n : NULL);
	if (out)
		memcpy(out + n, ".\n", 2);
	return n + 2;
}

static size_t env_size(const struct manifest *m)
{
	size_t n = 0;

	for (uint32_t i = 0; i < m->n; i++)
		if (is_shown(&m->keys[i]))
			n += m->keys[i].env_len ? m->keys[i].env_len
						: env_comment(&m->keys[i], NULL);
	return n;
}

static size_t json_size(const struct manifest *m)
{
	size_t n = 3; /* {}\n */
	bool first = true;

	for (uint32_t i = 0; i < m->n; i++) {
		const struct manifest_key *key = &m->keys[i];
		if (!is_shown(key))
			continue;
		n += (first ? 0 : 2) + text_json_string(key->name, key->name_len, NULL) + 2 +
		     key->json_len;
		first = false;
	}
	return n;
}

size_t view_size(const struct manifest *m, enum node_kind kind)
{
	return kind == NODE_JSON ? json_size(m) : env_size(m);
}

/* Writes one key at *at, unless it would not fit: lengths come from the manifest, but the text from
 * the value. */
static int render_key(const struct manifest_key *key, const struct secbuf *value,
	enum node_kind kind, bool first, struct secbuf *text)
{
	char *out = (char *)text->data + text->len;
	size_t room = text->cap - text->len, need, n = 0;

	if (kind == NODE_ENV) {
		need = text_env_line(key->name, key->name_len, value->data, value->len, NULL);
		if (need != key->env_len || (need ? need : env_comment(key, NULL)) > room)
			return -EBADMSG;
		text->len +=
			need ? text_env_line(key->name, key->name_len, value->data, value->len, out)
			     : env_comment(key, out);
		return 0;
	}
	need = (first ? 0 : 2) + text_json_string(key->name, key->name_len, NULL) + 2 +
	       key->json_len;
	if (text_json_value(value->data, value->len, NULL) != key->json_len || need > room)
		return -EBADMSG;
	if (!first) {
		memcpy(out, ", ", 2);
		n = 2;
	}
	n += text_json_string(key->name, key->name_len, out + n);
	memcpy(out + n, ": ", 2);
	n += 2;
	n += text_json_value(value->data, value->len, out + n);
	text->len += n;
	return 0;
}

static int render_keys(struct store_reader *reader, const struct store_secret *secret,
	enum node_kind kind, uint32_t uid, const struct manifest_key *const *keys,
	struct secbuf *text)
{
	int r = 0;

	for (uint32_t i = 0; i < count_shown(&secret->m) && r == 0; i++) {
		AUTO_SECBUF value = SECBUF_INIT;
		r = store_value(reader, secret->row, keys[i], uid, &value);
		if (r == 0)
			r = render_key(keys[i], &value, kind, i == 0, text);
	}
	return r;
}

int view_render(struct store_reader *reader, const struct store_secret *secret, enum node_kind kind,
	uint32_t uid, struct secbuf *ret_text)
{
	AUTO_SECBUF text = SECBUF_INIT;
	int r = secbuf_alloc(&text, view_size(&secret->m, kind), uid);

	if (r < 0)
		return r;
	const struct manifest_key **keys = sorted(&secret->m);
	if (!keys)
		return -ENOMEM;
	if (kind == NODE_JSON)
		text.data[text.len++] = '{';
	r = render_keys(reader, secret, kind, uid, keys, &text);
	free(keys);
	if (r == 0 && kind == NODE_JSON) {
		memcpy(text.data + text.len, "}\n", 2);
		text.len += 2;
	}
	if (r == 0)
		*ret_text = secbuf_take(&text);
	return r;
}

/* ---- who may ---- */

static bool same_acl(const struct manifest_key *a, const struct manifest_key *b)
{
	return a->acl_len == b->acl_len &&
	       (a->acl_len == 0 || memcmp(a->acl, b->acl, a->acl_len) == 0);
}

/* Do all keys have the secret's owner and group, and one ACL? Then classes can be compared bit by
 * bit. */
static bool uniform(const struct manifest *m, const struct manifest_key *first)
{
	for (uint32_t i = 0; i < m->n; i++) {
		const struct manifest_key *key = &m->keys[i];
		if (is_shown(key) &&
			(key->uid != m->uid || key->gid != m->gid || !same_acl(key, first)))
			return false;
	}
	return true;
}

/* Owners differ: the secret's owner gets what he surely has on every key. */
static uint32_t mode_of_owner(const struct manifest *m)
{
	uint32_t bits = 6;

	for (uint32_t i = 0; i < m->n; i++) {
		const struct manifest_key *key = &m->keys[i];
		if (!is_shown(key))
			continue;
		if (key->uid == m->uid)
			bits &= key->mode >> 6;
		else
			bits &= key->acl_len ? 0 : key->mode >> 3 & key->mode;
	}
	return (bits & (m->mode >> 6 | 4)) << 6;
}

uint32_t view_mode(const struct manifest *m, uint8_t *ret_acl, uint16_t *ret_acl_len)
{
	const struct manifest_key *first = NULL;
	uint32_t mode = 0666;

	*ret_acl_len = 0;
	for (uint32_t i = 0; i < m->n && !first; i++)
		if (is_shown(&m->keys[i]))
			first = &m->keys[i];
	if (!uniform(m, first))
		return mode_of_owner(m);
	for (uint32_t i = 0; i < m->n; i++)
		if (is_shown(&m->keys[i]))
			mode &= m->keys[i].mode;
	/* What is written may make and remove keys: that needs the secret's own write permission.
	 * Of a secret without keys there is nothing to read, so its own mode is the measure. */
	mode &= first ? m->mode | 0444 : m->mode;
	if (first && first->acl_len) {
		*ret_acl_len = first->acl_len;
		memcpy(ret_acl, first->acl, first->acl_len);
		acl_and_write(ret_acl, *ret_acl_len, m->acl, m->acl_len, m->mode);
		acl_chmod(ret_acl, *ret_acl_len, acl_mode(ret_acl, *ret_acl_len) & mode);
		mode = acl_mode(ret_acl, *ret_acl_len);
	}
	/* Without an ACL on the keys, an ACL on the secret may make its group bits a mask: they say
	   nothing of the group. */
	else if (m->acl_len)
		mode &= ~020u | (acl_group_perm(m->acl, m->acl_len) & 2) << 3;
	return mode;
}

/* ---- JSON in secret memory ---- */

/*
 * jansson asks for memory in small pieces and gives it back in any order; all small pieces of one
 * parse are taken from one run and wiped with it. Large ones (the text of a long value, and its
 * reader's buffer, which doubles) have runs of their own and go as soon as they are given back.
 */
struct pool {
	struct secbuf small;
	struct secbuf large[POOL_LARGE];
	bool exhausted;
};

static _Thread_local struct pool *pool;

static void *pool_large(size_t size)
{
	for (size_t i = 0; i < POOL_LARGE; i++) {
		if (pool->large[i].data)
			continue;
		if (secbuf_alloc(&pool->large[i], size, SECMEM_SELF) < 0)
			break;
		return pool->large[i].data;
	}
	return NULL;
}

static void *pool_alloc(size_t size)
{
	size_t need = (size + POOL_ALIGN - 1) / POOL_ALIGN * POOL_ALIGN;
	void *piece = NULL;

	if (!pool || need < size)
		return NULL;
	if (need >= POOL_LARGE_SIZE) {
		piece = pool_large(size);
	} else if (need <= pool->small.cap - pool->small.len) {
		piece = pool->small.data + pool->small.len;
		pool->small.len += need;
	}
	/* jansson does not always say why it stopped. */
	if (!piece)
		pool->exhausted = true;
	return piece;
}

static void pool_free(void *piece)
{
	for (size_t i = 0; pool && piece && i < POOL_LARGE; i++)
		if (pool->large[i].data == piece)
			secbuf_free(&pool->large[i]);
}

static void pool_clear(struct pool *spent)
{
	secbuf_free(&spent->small);
	for (size_t i = 0; i < POOL_LARGE; i++)
		secbuf_free(&spent->large[i]);
}

void view_init(void)
{
	json_set_alloc_funcs(pool_alloc, pool_free);
	json_object_seed(0); /* now, while /dev/urandom can be opened */
}

/* Enough for the small strings, the reader's first buffers, and the objects around them. */
static size_t pool_size(const uint8_t *text, size_t len)
{
	size_t members = 8;

	for (size_t i = 0; i < len; i++)
		members += text[i] == ':' || text[i] == '{' || text[i] == ',';
	return 2 * (len < POOL_LARGE_SIZE * members ? len : POOL_LARGE_SIZE * members) +
	       512 * members + 4 * POOL_LARGE_SIZE;
}

/* ---- merging ---- */

struct changes {
	struct store_merge_key *keys;
	size_t n;
	size_t cap;
	struct secbuf bytes; /* decoded values */
};

static void changes_clear(struct changes *changes)
{
	free(changes->keys);
	secbuf_free(&changes->bytes);
}

static int changes_add(struct changes *changes, const struct store_merge_key *key)
{
	/* What the view would not show cannot be changed through it. */
	if (name_check_key(key->name, key->name_len) < 0 || key->name[0] == '.')
		return -EINVAL;
	/* The last one of a name wins. */
	for (size_t i = 0; i < changes->n; i++)
		if (changes->keys[i].name_len == key->name_len &&
			memcmp(changes->keys[i].name, key->name, key->name_len) == 0) {
			changes->keys[i] = *key;
			return 0;
		}
	if (changes->n == changes->cap) {
		size_t cap = changes->cap ? changes->cap * 2 : 16;
		struct store_merge_key *keys = reallocarray(changes->keys, cap, sizeof(*keys));
		if (!keys)
			return -ENOMEM;
		changes->keys = keys;
		changes->cap = cap;
	}
	changes->keys[changes->n++] = *key;
	return 0;
}

/* {"base64": "..."} and nothing else. */
static int json_base64(struct changes *changes, json_t *value, struct store_merge_key *key)
{
	json_t *text = json_object_size(value) == 1 ? json_object_get(value, "base64") : NULL;

	if (!json_is_string(text))
		return -EINVAL;
	uint8_t *out = changes->bytes.data + changes->bytes.len;
	int n = text_base64_decode(json_string_value(text), json_string_length(text), out);
	if (n < 0)
		return n;
	key->bytes = out;
	key->len = (size_t)n;
	changes->bytes.len += (size_t)n;
	return 0;
}

static int json_member(struct changes *changes, const char *name, json_t *value)
{
	struct store_merge_key key = {.name = name, .name_len = strlen(name)};
	int r = 0;

	if (json_is_null(value)) {
		key.remove = true;
	} else if (json_is_string(value)) {
		key.bytes = (const uint8_t *)json_string_value(value);
		key.len = json_string_length(value);
	} else if (json_is_object(value)) {
		r = json_base64(changes, value, &key);
	} else {
		r = -EINVAL;
	}
	return r < 0 ? r : changes_add(changes, &key);
}

static bool ends_with(const uint8_t *text, size_t len, const char *what)
{
	size_t n = strlen(what);

	return len >= n && memcmp(text + len - n, what, n) == 0;
}

/* An escape, a character or a null whose end is missing is called wrong by the parser, not
 * unfinished. */
static bool cut_off(const uint8_t *text, size_t len)
{
	size_t start = len > LONGEST_ESCAPE ? len - LONGEST_ESCAPE : 0;

	return len > 0 && (text[len - 1] >= 0x80 || memchr(text + start, '\\', len - start) ||
				  ends_with(text, len, "n") || ends_with(text, len, "nu") ||
				  ends_with(text, len, "nul"));
}

/* The parser goes down a frame for each bracket, on a small stack, and what can be merged has two
 * levels: deeper ones need not be parsed to be wrong. */
static bool too_deep(const uint8_t *text, size_t len)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len && depth <= DEEPEST; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (text[i] == '{' || text[i] == '['))
			depth++;
		else if (!quoted && (text[i] == '}' || text[i] == ']') && depth > 0)
			depth--;
	}
	return depth > DEEPEST;
}

/* 1: the text ends too early, 0, -errno. The members point into the pool. */
static int json_changes(const uint8_t *text, size_t len, struct changes *changes)
{
	if (too_deep(text, len))
		return -EINVAL;
	json_error_t error;
	const char *name;
	json_t *value;
	json_t *object = json_loadb(
		(const char *)text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

	if (!object) {
		enum json_error_code code = json_error_code(&error);
		if (code == json_error_out_of_memory)
			return -ENOMEM;
		return code == json_error_premature_end_of_input || cut_off(text, len) ? 1
										       : -EINVAL;
	}
	if (!json_is_object(object))
		return -EINVAL;
	int r = 0;
	json_object_foreach(object, name, value)
	{
		if (r == 0)
			r = json_member(changes, name, value);
	}
	return r;
}

static int env_pair(void *arg, const struct dotenv_pair *pair)
{
	const struct store_merge_key key = {.name = pair->name,
		.name_len = pair->name_len,
		.bytes = pair->bytes,
		.len = pair->len};

	return changes_add(arg, &key);
}

/* Reads text of either kind; to be cleared, and the pool freed, by the caller. 1: the text ends too
 * early. */
static int changes_read(const uint8_t *text, size_t len, enum node_kind kind, struct pool *memory,
	struct changes *changes)
{
	size_t line;
	int r = secbuf_alloc(&changes->bytes, len, SECMEM_SELF);

	if (r < 0)
		return r;
	if (kind == NODE_ENV) {
		r = dotenv_read(
			(const char *)text, len, changes->bytes.data, env_pair, changes, &line);
		return r == -ENODATA ? 1 : r;
	}
	r = secbuf_alloc(&memory->small, pool_size(text, len), SECMEM_SELF);
	if (r < 0)
		return r;
	pool = memory;
	r = json_changes(text, len, changes);
	pool = NULL;
	return memory->exhausted ? -ENOMEM : r;
}

int view_check(const uint8_t *text, size_t len, enum node_kind kind)
{
	struct pool *memory = calloc(1, sizeof(*memory));
	struct changes changes = {0};

	if (!memory)
		return -ENOMEM;

	int r = changes_read(text, len, kind, memory, &changes);
	changes_clear(&changes);
	pool_clear(memory);
	free(memory);
	/* Only the form is judged here: memory may be there when it counts. */
	return r == -EINVAL ? r : 0;
}

int view_merge(struct store *store, uint64_t row, uint32_t uid, const uint8_t *text, size_t len,
	enum node_kind kind, const struct store_new *attr,
	void (*removed)(uint64_t row, uint32_t key_no), struct store_touched *ret_touched)
{
	struct pool *memory = calloc(1, sizeof(*memory));
	struct changes changes = {0};

	if (!memory)
		return -ENOMEM;
	int r = changes_read(text, len, kind, memory, &changes);

	if (r == 0) {
		const struct store_merge merge = {.row = row,
			.uid = uid,
			.keys = changes.keys,
			.n = changes.n,
			.attr = *attr,
			.removed = removed};
		r = store_merge(store, &merge, ret_touched);
	} else if (r > 0) {
		r = -EINVAL;
	}
	changes_clear(&changes);
	pool_clear(memory);
	free(memory);
	return r;
}
