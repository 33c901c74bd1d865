/* SPDX-License-Identifier: MIT */
/* intake: the secrets in files that are to be imported, one after the other. */
#include "intake.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "io.h"
#include "log.h"

int intake_add(struct intake *in, const char *path)
{
	struct intake_file *files = reallocarray(in->files, in->nfiles + 1, sizeof(*files));

	if (files == NULL)
		return -ENOMEM;
	in->files = files;
	files[in->nfiles++] = (struct intake_file){.path = path};
	return 0;
}

static const char *intake_path(const struct intake *in)
{
	return in->files[in->at].path;
}

/* Leaves the file where it is. */
static void intake_close(struct intake *in)
{
	cut_free(&in->cut);
	doc_free(&in->doc);
	fd_close(&in->fd);
	tree_list_free(&in->folders);
	in->member = NULL;
	in->folder = in->unnamed = 0;
	in->open = false;
}

void intake_rewind(struct intake *in)
{
	intake_close(in);
	in->at = in->left_out = 0;
}

void intake_free(struct intake *in)
{
	intake_close(in);
	for (size_t i = 0; i < in->nfiles; i++)
		secbuf_free(&in->files[i].held);
	free(in->files);
	*in = INTAKE_INIT;
}

/* ---- names ---- */

static int intake_named(struct bundle *b, const char *text, const char *what, struct why *why)
{
	if (tree_name_parse(&b->name, text, why) == 0)
		return 0;
	return why_set(why, -EINVAL,
		"%s: there is a name that no secret can have: 1 to 255 bytes of UTF-8 without '/' "
		"and "
		"control characters",
		what);
}

/* "db" of "/tmp/db.yaml". */
static int intake_file_name(char ret_name[PATH_MAX], const char *path)
{
	char copy[PATH_MAX], *base, *dot;

	if (strlen(path) >= sizeof(copy))
		return -ENAMETOOLONG;
	strcpy(copy, path);
	base = basename(copy);
	dot = strrchr(base, '.');
	/* ".env" is no name, and "api.v2" has no ending that says a form. */
	if (dot != NULL && values_form_of_file(base) != VALUES_ANY)
		*dot = '\0';
	strcpy(ret_name, base);
	return 0;
}

/* A secret that its file does not name. */
static int intake_unnamed(struct intake *in, struct bundle *b, struct why *why)
{
	const char *path = intake_path(in);
	char name[PATH_MAX];

	if (in->unnamed++ > 0)
		return why_set(why, -EINVAL,
			"%s: there are several secrets in it and none has a name; write NAME: "
			"{key: "
			"value}",
			path);
	if (in->name != NULL)
		return tree_name_parse(&b->name, in->name, why);
	if (intake_file_name(name, path) < 0 || name[0] == '\0' || strcmp(path, "-") == 0)
		return why_set(why, -EINVAL,
			"%s: what shall the secret in it be called? Say --name NAME", path);
	return intake_named(b, name, path, why);
}

/* ---- maps ---- */

static bool intake_is_base64(const struct doc *doc, const struct doc_node *node)
{
	const struct doc_node *first = node->kind == DOC_MAP ? doc_first(doc, node) : NULL;

	return first != NULL && doc_next(doc, first) == NULL && first->kind == DOC_SCALAR &&
	       doc_member(doc, node, "base64") == first;
}

/* 1: maps of maps. 0: a map of values. -EINVAL: both. */
static int intake_is_map_of_secrets(
	const struct intake *in, const struct doc_node *map, struct why *why)
{
	size_t maps = 0, values = 0;

	for (const struct doc_node *n = doc_first(&in->doc, map); n != NULL;
		n = doc_next(&in->doc, n)) {
		if (n->kind == DOC_MAP && !intake_is_base64(&in->doc, n))
			maps++;
		else
			values++;
	}
	if (maps > 0 && values > 0)
		return why_set(why, -EINVAL,
			"%s: it has both values and secrets side by side; write {\"key\": "
			"\"value\"} or "
			"{\"NAME\": {\"key\": \"value\"}}",
			intake_path(in));
	return maps > 0;
}

/* NAME: {key: value}, and NAME may be private/NAME. */
static int intake_member(struct intake *in, struct bundle *b, struct why *why)
{
	const struct doc_node *node = in->member;
	char name[NAME_MAX_BYTES + 16];
	int r;

	in->member = doc_next(&in->doc, node);
	if (node->name_len >= sizeof(name))
		name[0] = '\0';
	else
		snprintf(name, sizeof(name), "%.*s", (int)node->name_len, doc_name(&in->doc, node));
	r = intake_named(b, name, intake_path(in), why);
	if (r == 0)
		r = values_from_doc(&b->edit.change.set, &in->doc, node, b->name.text, why);
	return r < 0 ? r : 1;
}

static int intake_doc(struct intake *in, struct bundle *b, struct why *why)
{
	const struct doc_node *top = in->doc.nodes;
	int r;

	if (bundle_is(&in->doc, top)) {
		r = bundle_parse(b, &in->doc, top, intake_path(in), why);
		if (r == 0 && in->name != NULL)
			r = why_set(why, -EINVAL,
				"%s: the secrets in it have names; leave out --name",
				intake_path(in));
		return r < 0 ? r : 1;
	}
	if (top->kind == DOC_MAP) {
		r = intake_is_map_of_secrets(in, top, why);
		if (r > 0 && in->name != NULL)
			r = why_set(why, -EINVAL,
				"%s: the secrets in it have names; leave out --name",
				intake_path(in));
		if (r < 0)
			return r;
		if (r > 0) {
			in->member = doc_first(&in->doc, top);
			return intake_member(in, b, why);
		}
	}
	r = intake_unnamed(in, b, why);
	if (r == 0)
		r = values_from_doc(&b->edit.change.set, &in->doc, top, intake_path(in), why);
	return r < 0 ? r : 1;
}

/* ---- texts ---- */

/* Tells in which line of the file the piece begins. */
static void intake_where(const struct intake *in, size_t line, char *ret_what, size_t size)
{
	if (line > 1)
		snprintf(ret_what, size, "%.400s, from line %zu on", intake_path(in), line);
	else
		snprintf(ret_what, size, "%.400s", intake_path(in));
}

static int intake_text(struct intake *in, struct bundle *b, struct why *why)
{
	AUTO_SECBUF text = SECBUF_INIT;
	char what[512];
	size_t line;
	int r = cut_next(&in->cut, &text, &line, why);

	if (r <= 0)
		return r;
	intake_where(in, line, what, sizeof(what));
	if (in->cut.form == VALUES_ENV) {
		r = intake_unnamed(in, b, why);
		if (r == 0)
			r = values_parse(&b->edit.change.set, &text, VALUES_ENV, what, why);
		return r < 0 ? r : 1;
	}
	doc_free(&in->doc);
	if (in->cut.form == VALUES_JSON)
		r = doc_read_json(&in->doc, &text, what, why);
	else
		r = doc_read_yaml(&in->doc, &text, what, why);
	return r < 0 ? r : intake_doc(in, b, why);
}

/* ---- folders ---- */

/* Of one kind: 1 folders, 0 files. */
static int intake_kind(struct intake *in, const struct tree_list *list, int dir, struct why *why)
{
	size_t files = 0, folders = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct stat st;

		if (list->names[i][0] == '.')
			continue;
		if (fstatat(dir, list->names[i], &st, 0) < 0)
			return why_set(why, -errno, "%s/%s: %s", intake_path(in), list->names[i],
				strerror(errno));
		if (S_ISREG(st.st_mode))
			files++;
		else if (S_ISDIR(st.st_mode))
			folders++;
		else
			return why_set(why, -EINVAL, "%s/%s: neither a file nor a folder",
				intake_path(in), list->names[i]);
	}
	if (files > 0 && folders > 0)
		return why_set(why, -EINVAL,
			"%s: it has both files and folders; give a folder of files, which is a "
			"secret, or "
			"a folder of such folders",
			intake_path(in));
	if (files + folders == 0)
		return why_set(why, -EINVAL, "%s: there is nothing in it", intake_path(in));
	return folders > 0;
}

/* One that may hang, as a pipe would, is not opened. */
static int intake_key(int dir, const char *key, struct secbuf *ret_bytes)
{
	AUTO_FD fd = openat(dir, key, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? io_read_all(fd, ret_bytes) : -EISDIR;
}

/* Each file is a key. */
static int intake_keys(struct intake *in, int dir, struct bundle *b, struct why *why)
{
	AUTO_TREE_LIST list = {0};
	int r = tree_list(dir, &list);

	for (size_t i = 0; i < list.n && r == 0; i++) {
		AUTO_SECBUF bytes = SECBUF_INIT;

		if (list.names[i][0] == '.') {
			in->left_out++;
			continue;
		}
		r = tree_key_check(list.names[i], why);
		if (r < 0)
			return r;
		r = intake_key(dir, list.names[i], &bytes);
		if (r == -ENOMEM ||
			(r == 0 && values_put(&b->edit.change.set, list.names[i], &bytes) < 0))
			return doc_no_memory(intake_path(in), why);
		if (r == -EISDIR)
			return why_set(why, -EINVAL,
				"%s: %s/%s is no file; a secret has no folders in it",
				intake_path(in), b->name.name, list.names[i]);
	}
	return r < 0 ? why_set(why, r, "%s: %s", intake_path(in), strerror(-r)) : 0;
}

static int intake_folder_open(struct intake *in, struct why *why)
{
	AUTO_TREE_LIST list = {0};
	int r = tree_list(in->fd, &list);

	if (r < 0)
		return why_set(why, r, "%s: %s", intake_path(in), strerror(-r));
	r = intake_kind(in, &list, in->fd, why);
	if (r < 0)
		return r;
	if (r > 0 && in->name != NULL)
		return why_set(why, -EINVAL, "%s: the secrets in it have names; leave out --name",
			intake_path(in));
	if (r > 0) {
		in->folders = list;
		list = (struct tree_list){0};
	}
	return 0;
}

static int intake_folder_itself(struct intake *in, struct bundle *b, struct why *why)
{
	char path[PATH_MAX];
	int r;

	if (in->name != NULL) {
		r = tree_name_parse(&b->name, in->name, why);
	} else {
		/* "." has a name, too. */
		if (realpath(intake_path(in), path) == NULL)
			return why_set(why, -errno, "%s: %s", intake_path(in), strerror(errno));
		r = intake_named(b, basename(path), intake_path(in), why);
	}
	return r < 0 ? r : intake_keys(in, in->fd, b, why);
}

static int intake_folder(struct intake *in, struct bundle *b, struct why *why)
{
	int r;

	if (in->folders.n == 0) {
		if (in->folder++ > 0)
			return 0;
		r = intake_folder_itself(in, b, why);
		return r < 0 ? r : 1;
	}
	while (in->folder < in->folders.n) {
		const char *name = in->folders.names[in->folder++];
		AUTO_FD dir = -1;

		if (name[0] == '.') {
			in->left_out++;
			continue;
		}
		dir = openat(in->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return why_set(
				why, -errno, "%s/%s: %s", intake_path(in), name, strerror(errno));
		r = intake_named(b, name, intake_path(in), why);
		if (r == 0)
			r = intake_keys(in, dir, b, why);
		return r < 0 ? r : 1;
	}
	return 0;
}

/* ---- files ---- */

static enum values_form intake_form(const struct intake *in)
{
	return in->form != VALUES_ANY ? in->form : values_form_of_file(intake_path(in));
}

/* Pipes and the like are read once and kept. */
static int intake_hold(struct intake *in, struct why *why)
{
	struct intake_file *file = &in->files[in->at];
	AUTO_SECBUF copy = SECBUF_INIT;
	int r = 0;

	if (!file->is_held)
		r = io_read_all(in->fd, &file->held);
	if (r == -ENOMEM)
		return why_set(why, r,
			"%s: it does not fit into locked memory; save it to a file, which is read "
			"piece by "
			"piece, or raise ulimit -l",
			file->path);
	if (r < 0)
		return why_set(why, r, "%s: %s", file->path, strerror(-r));
	file->is_held = true;
	if (secbuf_alloc(&copy, file->held.len, SECMEM_SELF) < 0)
		return doc_no_memory(file->path, why);
	memcpy(copy.data, file->held.data, file->held.len);
	copy.len = file->held.len;
	return cut_start(&in->cut, -1, &copy, intake_form(in), file->path, why);
}

static int intake_open(struct intake *in, struct why *why)
{
	const char *path = intake_path(in);
	struct stat st;

	in->open = true;
	in->fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
					: open(path, O_RDONLY | O_CLOEXEC);
	if (in->fd < 0 || fstat(in->fd, &st) < 0)
		return why_set(why, -errno, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return intake_folder_open(in, why);
	if (S_ISREG(st.st_mode) && strcmp(path, "-") != 0)
		return cut_start(&in->cut, in->fd, NULL, intake_form(in), path, why);
	return intake_hold(in, why);
}

static bool intake_is_folder(const struct intake *in)
{
	/* A text that is being cut has a buffer. */
	return in->cut.buffer.data == NULL;
}

/* As the options say, else as the file, else public. */
static void intake_place(const struct intake *in, struct bundle *b)
{
	if (in->private)
		tree_name_set(&b->name, TREE_PRIVATE);
	else if (b->name.ns == TREE_ANY)
		tree_name_set(&b->name, TREE_PUBLIC);
}

int intake_next(struct intake *in, struct bundle *ret_bundle, struct why *why)
{
	while (in->at < in->nfiles) {
		int r = in->open ? 0 : intake_open(in, why);

		if (r < 0)
			return r;
		if (in->member != NULL)
			r = intake_member(in, ret_bundle, why);
		else if (intake_is_folder(in))
			r = intake_folder(in, ret_bundle, why);
		else
			r = intake_text(in, ret_bundle, why);
		if (r > 0) {
			intake_place(in, ret_bundle);
			return 1;
		}
		if (r < 0)
			return r;
		intake_close(in);
		in->at++;
	}
	return 0;
}
