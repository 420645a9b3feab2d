/* Logs and inventories, each of the format that --from named before it. */
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/arena.h"
#include "libvt/proto/inventory.h"

#include "scan.h"

struct source *
add_source(struct run *r, enum vt_log_format format)
{
	struct source *s;

	r->sources = realloc(r->sources,
	    (r->source_count + 1) * sizeof(*r->sources));
	if (r->sources == NULL)
		out_of_memory();
	s = &r->sources[r->source_count++];
	memset(s, 0, sizeof(*s));
	s->format = format;
	return s;
}

static void
add_log_of(struct run *r, char *path, uint32_t source)
{
	if (r->log_count == r->log_cap) {
		r->log_cap = r->log_cap != 0 ? r->log_cap * 2 : 64;
		r->logs = realloc(r->logs, r->log_cap * sizeof(*r->logs));
		r->log_sources = realloc(r->log_sources,
		    r->log_cap * sizeof(*r->log_sources));
		if (r->logs == NULL || r->log_sources == NULL)
			out_of_memory();
	}
	r->log_sources[r->log_count] = source;
	r->logs[r->log_count++] = path;
}

void
add_log(struct run *r, char *path)
{
	add_log_of(r, path, (uint32_t)r->source_count - 1);
	r->sources[r->source_count - 1].log_count++;
}

static int
by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* All files below a folder but hidden ones, sorted: providers deliver logs in
 * a tree of days. */
static void
add_folder(struct run *r, const char *path)
{
	char *roots[2] = { cli_strdup(path), NULL };
	FTS *f = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
	FTSENT *e;

	if (f == NULL)
		out_of_memory();
	while ((e = fts_read(f)) != NULL) {
		if (e->fts_level > 0 && e->fts_name[0] == '.') {
			(void)fts_set(f, e, FTS_SKIP);
		} else if (e->fts_info == FTS_F) {
			add_log(r, cli_strdup(e->fts_path));
		} else if (e->fts_info == FTS_DNR ||
		    e->fts_info == FTS_ERR || e->fts_info == FTS_NS) {
			cli_warn("cannot read '%s': %s", e->fts_path,
			    strerror(e->fts_errno));
			r->failed = CLI_FAILED;
		}
	}
	fts_close(f);
	free(roots[0]);
}

void
add_operand(struct run *r, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		/* which holds those of other days too */
		if (r->sources[r->source_count - 1].format ==
		    VT_LOG_INVENTORY)
			cli_die(CLI_FAILED, "'%s' is a folder: name the "
			    "manifest.json of an inventory there, or its "
			    "files with --schema", path);
		r->sources[r->source_count - 1].is_folder = 1;
		add_folder(r, path);
	} else {
		add_log(r, cli_strdup(path));
	}
}

void
free_sources(struct run *r)
{
	size_t i;

	for (i = 0; i < r->log_count; i++)
		free(r->logs[i]);
	free(r->logs);
	free(r->log_sources);
	free(r->sources);
	free(r->covered);
	vt_arena_free(r->arena);
}

/* --- inventories ---------------------------------------------------------- */

static int
is_manifest(const char *path)
{
	size_t len = strlen(path);

	return len > 5 && strcmp(path + len - 5, ".json") == 0;
}

/* Are these columns in order?  Notes whether they tell versions. */
static int
check_schema(struct run *r, const char *path, const char *schema)
{
	struct vt_logparser *p = vt_logparser_new(VT_LOG_INVENTORY, "");
	struct vt_err err;
	int has_versions = 0, is_good;

	if (p == NULL)
		out_of_memory();
	is_good = vt_logparser_schema(p, schema, 0, &has_versions, &err) ==
	    VT_OK;
	vt_logparser_free(p);
	if (!is_good) {
		cli_warn("%s: %s", path, err.text);
		r->failed = CLI_FAILED;
	}
	r->versions_apart |= has_versions;
	return is_good;
}

/* The files of a manifest as a source of their own. */
static void
expand(struct run *r, const char *path)
{
	struct vt_inventory inventory;
	struct source *s;
	struct vt_err err;
	size_t i;

	if (vt_inventory_load(path, r->arena, &inventory, &err) != VT_OK) {
		cli_warn("%s", err.text);
		r->failed = CLI_FAILED;
		return;
	}
	if (!check_schema(r, path, inventory.schema))
		return;
	s = add_source(r, VT_LOG_INVENTORY);
	s->schema = inventory.schema;
	s->at_us = inventory.at_us;
	for (i = 0; i < inventory.file_count; i++) {
		if (access(inventory.files[i], F_OK) == 0) {
			add_log(r, cli_strdup(inventory.files[i]));
			continue;
		}
		cli_warn("'%s' lists a file that is neither there nor in "
		    "data, files or ../data: '%s'", path, inventory.files[i]);
		r->failed = CLI_FAILED;
	}
}

void
expand_manifests(struct run *r)
{
	char **logs = r->logs;
	uint32_t *sources = r->log_sources;
	size_t count = r->log_count, i;
	const struct source *s;

	r->arena = vt_arena_new(SIZE_MAX / 2);
	if (r->arena == NULL)
		out_of_memory();
	r->logs = NULL;
	r->log_sources = NULL;
	r->log_count = r->log_cap = 0;
	for (i = 0; i < count; i++) {
		s = &r->sources[sources[i]];
		if (s->format != VT_LOG_INVENTORY ||
		    (s->schema == NULL && !is_manifest(logs[i])) ||
		    (s->schema != NULL && !is_manifest(logs[i]) &&
		    check_schema(r, logs[i], s->schema))) {
			add_log_of(r, logs[i], sources[i]);
			continue;
		}
		if (is_manifest(logs[i]))
			expand(r, logs[i]);
		free(logs[i]);
	}
	free(logs);
	free(sources);
}

/* --- places --------------------------------------------------------------- */

char *
describe_sources(const struct run *r)
{
	struct vt_buf b;
	size_t i;
	char *text;

	vt_buf_init(&b, SIZE_MAX / 2);
	for (i = 0; i < r->source_count; i++) {
		const struct source *s = &r->sources[i];

		vt_buf_printf(&b, "%s%s %s", i > 0 ? ", " : "",
		    vt_log_format_name(s->format),
		    s->bucket != NULL ? s->bucket : r->bucket);
	}
	text = vt_buf_take(&b, NULL);
	if (text == NULL)
		out_of_memory();
	return text;
}
