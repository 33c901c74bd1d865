/* SPDX-License-Identifier: MIT */
/* schema: the tables of the store and every query that is asked of them. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "why.h"

#define SCHEMA_APPLICATION 0x73667331 /* "sfs1" */

struct db;

enum schema_query {
	QUERY_BEGIN,
	QUERY_BEGIN_WRITE,
	QUERY_COMMIT,
	QUERY_ROLLBACK,
	QUERY_SAVEPOINT,
	QUERY_RELEASE,
	QUERY_ROLLBACK_TO,
	QUERY_ROOT,
	QUERY_ROOT_INSERT,
	QUERY_ROOT_UPDATE,
	QUERY_ROOTS,
	QUERY_ROOT_DELETE_FOREIGN,
	QUERY_BUCKETS,
	QUERY_BUCKET,
	QUERY_BUCKET_INSERT,
	QUERY_BUCKET_UPDATE,
	QUERY_BUCKET_SECRETS,
	QUERY_BUCKET_NS,
	QUERY_NS_BY_TAG,
	QUERY_NS_INSERT,
	QUERY_NS_UPDATE,
	QUERY_NS_COUNT,
	QUERY_SECRET_BY_TAG,
	QUERY_SECRET_BY_ROW,
	QUERY_SECRET_LIST,
	QUERY_SECRET_ID_BY_TAG,
	QUERY_BUCKET_IDS,
	QUERY_SECRET_IDS_NS,
	QUERY_SECRET_COUNT,
	QUERY_SECRET_INSERT,
	QUERY_SECRET_UPDATE,
	QUERY_SECRET_RESEAL,
	QUERY_SECRET_DELETE,
	QUERY_HISTORY,
	QUERY_HISTORY_ABOVE,
	QUERY_HISTORY_OTHERS,
	QUERY_HISTORY_INSERT,
	QUERY_HISTORY_UPDATE,
	QUERY_HISTORY_DELETE,
	QUERY_VALUE,
	QUERY_VALUE_INSERT,
	QUERY_VALUE_DELETE,
	QUERY_VALUE_COUNT,
	QUERY_KEPT,
	QUERY_KEPT_LIST,
	QUERY_KEPT_INSERT,
	QUERY_KEPT_DELETE,
	QUERY_BUCKET_DELETE_FOREIGN,
	QUERY_HISTORY_DELETE_ALL,
	QUERY_HISTORY_ALL,
	QUERY_NS_DELETE,
	QUERY_WALK_NS,
	QUERY_WALK_SECRETS,
	QUERY_SECRET_ABOVE,
	QUERY_WALK_HISTORY,
	QUERY_WALK_VALUES,
	QUERY_SLOTS,
	QUERY_SLOT_INSERT,
	QUERY_DONE,
	QUERY_DONE_INSERT,
	QUERY_DONE_DELETE,
	QUERY_DONE_PRUNE,
	QUERY_SLOT_DELETE,
	QUERY_COPY_HISTORY,
	QUERY_COPY_VALUES,
	QUERY_COPY_DONE,
	QUERY_MAX, /* how many there are */
};

const char *schema_query_text(enum schema_query query);

/* Makes the tables in an empty database, and sets user_version to this format. */
int schema_create(struct db *db, unsigned format);

/* user_version of a file that schema_check has found good. */
int schema_format(struct db *db, unsigned *ret_format);
int schema_set_format(struct db *db, unsigned format);

/* -EPROTO: a format that is not known. -EBADMSG: not a store of ours, or its schema is not word for
 * word what it must be. */
int schema_check(struct db *db, struct why *why);

#endif
