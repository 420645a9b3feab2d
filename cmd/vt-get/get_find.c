/* What there is to get: arguments, and the keys under a prefix. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/cli.h"

#include "get.h"

/*
 * Whoever wrote the bucket must not choose where we write: every component
 * has to be a plain name.  NULL, or what is wrong with it.
 */
static const char *
unsafe(const char *name)
{
	const char *s, *p;

	if (name[0] == '/')
		return "starts with '/'";
	for (s = name; ; s = p + 1) {
		p = strchrnul(s, '/');
		if (p == s)
			return "holds '//'";
		if (p - s == 1 && s[0] == '.')
			return "holds the component '.'";
		if (p - s == 2 && s[0] == '.' && s[1] == '.')
			return "holds the component '..'";
		if (*p == '\0' || p[1] == '\0')
			return NULL;
	}
}

struct tree {
	const char *bucket, *dir, *prefix;
	uint64_t found;
};

static int
visit_tree(void *ctx, const struct vt_s3_entry *e)
{
	struct tree *t = ctx;
	const char *name, *wrong;
	struct vt_err err = { VT_OK, "" };
	struct item *it;
	char *path = NULL;
	size_t n = strlen(t->prefix);

	if (cli_stopping())
		return 1;
	t->found++;
	/* A server that lists what was not asked for. */
	if (strncmp(e->key, t->prefix, n) != 0) {
		cli_warn("s3://%s/%s: not under '%s', skipped", t->bucket,
		    e->key, t->prefix);
		cli_work_count(&work, VT_INVALID);
		return 0;
	}
	name = e->key + n;
	n = strlen(name);
	/* The marker of the prefix itself. */
	if (n == 0)
		return 0;
	if (asprintf(&path, "%s/%s", t->dir, name) < 0)
		cli_die(CLI_FAILED, "out of memory");
	it = new_item(t->bucket, e->key, path);
	it->known = 1;
	it->size = e->size_bytes;
	it->modified_us = e->modified_us;
	snprintf(it->etag, sizeof(it->etag), "%s", e->etag);
	wrong = unsafe(name);
	if (wrong == NULL && name[n - 1] == '/') {
		/* Consoles make directories of empty objects. */
		if (e->size_bytes > 0) {
			wrong = "ends in '/'";
		} else {
			if (!opt.dry_run &&
			    make_parents(path, &err) != VT_OK)
				fail_item(it, err.code, &err);
			else
				free_item(it);
			return 0;
		}
	}
	if (wrong != NULL) {
		fail_item(it, vt_fail(&err, VT_INVALID, "the key %s and is no "
		    "safe file name", wrong), &err);
		return 0;
	}
	enqueue(it);
	return 0;
}

void
get_tree(const char *bucket, const char *prefix, const char *dir)
{
	struct vt_err err = { VT_OK, "" };
	struct tree t = { bucket, dir, NULL, 0 };
	char *full = NULL;
	size_t n = strlen(prefix);
	enum vt_code rc;

	if (asprintf(&full, "%s%s", prefix,
	    n > 0 && prefix[n - 1] != '/' ? "/" : "") < 0)
		cli_die(CLI_FAILED, "out of memory");
	t.prefix = full;
	rc = vt_s3_list(client, bucket, full, NULL, NULL, visit_tree, &t,
	    &err);
	if (rc == VT_OK && t.found == 0)
		rc = vt_fail(&err, VT_ABSENT, "no key begins like that");
	if (rc != VT_OK && rc != VT_CANCELLED)
		cli_warn("s3://%s/%s: %s", bucket, full, err.text);
	if (rc != VT_OK)
		cli_work_count(&work, rc);
	free(full);
}

static const char *
base_name(const char *key)
{
	const char *slash = strrchr(key, '/');

	return slash != NULL ? slash + 1 : key;
}

void
get_one(const char *bucket, const char *key, const char *dest, int into_dir)
{
	struct vt_err err = { VT_OK, "" };
	const char *name = base_name(key), *wrong;
	struct item *it;
	struct stat st;
	char *path = NULL, *real;

	if (into_dir) {
		if (asprintf(&path, "%s%s%s", dest,
		    dest[strlen(dest) - 1] == '/' ? "" : "/", name) < 0)
			cli_die(CLI_FAILED, "out of memory");
		wrong = name[0] == '\0' ? "ends in '/'" : unsafe(name);
		if (wrong != NULL) {
			it = new_item(bucket, key, path);
			fail_item(it, vt_fail(&err, VT_INVALID,
			    "the key %s and is no safe file name", wrong),
			    &err);
			return;
		}
	} else {
		/* Through a link, as cp does, not in its place. */
		real = lstat(dest, &st) == 0 && S_ISLNK(st.st_mode) ?
		    realpath(dest, NULL) : NULL;
		path = real != NULL ? real : cli_strdup(dest);
	}
	it = new_item(bucket, key, path);
	if (strcmp(dest, "-") == 0) {
		cli_progress_expect(0, 1);
		get_stream(it);
	} else {
		enqueue(it);
	}
}
