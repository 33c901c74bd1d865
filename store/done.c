/* SPDX-License-Identifier: MIT */
/* done: the journal of answered requests. */
#include "done.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "seal.h"
#include "store_int.h"

/* How many workers may die one after another before a request that the first one did is read again.
 */
#define GENERATIONS 64

#define CODE 4

static _Thread_local struct {
	uint64_t unique;
	unsigned changes; /* of this request so far */
	bool again;
} request;

void store_request_begin(uint64_t unique, bool again)
{
	request.unique = unique;
	request.changes = 0;
	request.again = again;
}

void store_request_end(struct store *store)
{
	for (unsigned i = 0; i < request.changes; i++)
		writer_forget(store, request.unique + i);
	request.unique = 0;
	request.changes = 0;
}

int store_request_was_done(struct store_reader *reader)
{
	const struct done_request first = {.unique = request.unique};
	int code;

	return request.again ? done_find(reader->store, reader->db, &first, &code) : 0;
}

void done_list_add(struct done_list *list, uint64_t unique)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 64;
		uint64_t *ids = reallocarray(list->ids, cap, sizeof(*ids));
		if (!ids)
			return;
		list->ids = ids;
		list->cap = cap;
	}
	list->ids[list->n++] = unique;
}

struct done_request done_request_next(void)
{
	struct done_request next = {.unique = request.unique, .again = request.again};

	/* The kernel's numbers go up by two. */
	if (!next.unique || request.changes > 1)
		return (struct done_request){0};
	next.unique += request.changes++;
	return next;
}

static void place_of(const struct store *store, uint64_t unique, uint64_t generation,
	struct seal_place *ret_place)
{
	store_place(store, SEAL_DONE, (int64_t)unique, (int64_t)store->mount_id, NULL, generation,
		ret_place);
}

int done_find(
	const struct store *store, struct db *db, const struct done_request *wanted, int *ret_code)
{
	AUTO_QUERY query = NULL;
	struct seal_place place;
	uint8_t plain[CODE + DONE_RESULT];
	int32_t code;
	size_t box_len;
	int r = db_query(db, QUERY_DONE, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, (int64_t)wanted->unique);
	r = db_step(query);
	if (r <= 0)
		return r;
	const uint8_t *box = db_blob(query, 1, &box_len);

	if (box_len < SEAL_OVERHEAD + CODE || box_len > SEAL_OVERHEAD + sizeof(plain) ||
		(wanted->result && box_len != SEAL_OVERHEAD + CODE + wanted->len))
		return -EBADMSG;
	place_of(store, wanted->unique, (uint64_t)db_int(query, 0), &place);
	r = seal_open(store->keys->meta, &place, box, box_len, plain);
	if (r < 0)
		return r;
	memcpy(&code, plain, CODE);
	if (wanted->result)
		memcpy(wanted->result, plain + CODE, wanted->len);
	*ret_code = code;
	return 1;
}

int done_record(const struct store *store, struct db *db, const struct done_request *done, int code)
{
	AUTO_QUERY query = NULL;
	struct seal_place place;
	uint8_t plain[CODE + DONE_RESULT], box[CODE + DONE_RESULT + SEAL_OVERHEAD];
	const int32_t code32 = code;
	int r = done->len > DONE_RESULT ? -EINVAL : db_query(db, QUERY_DONE_INSERT, &query);

	if (r < 0)
		return r;
	memcpy(plain, &code32, CODE);
	if (done->len)
		memcpy(plain + CODE, done->result, done->len);
	place_of(store, done->unique, store->generation, &place);
	seal_box(store->keys->meta, &place, plain, CODE + done->len, box);
	db_bind_int(query, 1, (int64_t)done->unique);
	db_bind_int(query, 2, (int64_t)store->generation);
	db_bind_blob(query, 3, box, SEAL_OVERHEAD + CODE + done->len);
	return db_run(query, 1);
}

int done_forget(struct db *db, uint64_t unique)
{
	AUTO_QUERY query = NULL;
	int r = db_query(db, QUERY_DONE_DELETE, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, (int64_t)unique);
	return db_run(query, 0);
}

int done_prune(const struct store *store, struct db *db)
{
	AUTO_QUERY query = NULL;
	uint64_t generation = store->generation;
	int r = db_query(db, QUERY_DONE_PRUNE, &query);

	if (r < 0)
		return r;
	/* Below the first generation there is only another mount's. */
	db_bind_int(query, 1,
		generation <= 1            ? INT64_MAX
		: generation > GENERATIONS ? (int64_t)(generation - GENERATIONS)
					   : 0);
	return db_run(query, 0);
}
