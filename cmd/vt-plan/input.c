/*
 * The lines are read once: what is told of the whole is gathered, and each
 * version kept, packed.  Then, as the whole is known, they are decided on one
 * by one, in their order.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/hash.h"
#include "libvt/base/jsonl.h"

#include "plan.h"

#define ARENA_MAX ((size_t)64 << 20)

static void
note_bad(struct run *r, const char *path, uint64_t number, const char *line,
    size_t len, const struct vt_err *err)
{
	char shown[61];
	size_t i, n = len < sizeof(shown) - 1 ? len : sizeof(shown) - 1;

	if (r->bad_lines++ > 0)
		return;
	for (i = 0; i < n; i++)
		shown[i] = line[i] >= ' ' && line[i] < 127 ? line[i] : '?';
	shown[n] = '\0';
	cli_warn("%s:%llu: %s%s%s%s", path, (unsigned long long)number,
	    err->text, n > 0 ? ": " : "", shown, n < len ? "..." : "");
}

/* --- reading -------------------------------------------------------------- */

static void
take_line(struct run *r, struct vt_arena *a, const char *path,
    uint64_t number, const char *line, size_t len)
{
	struct vt_scan_record rec;
	struct vt_err err;
	enum vt_code rc;

	vt_arena_reset(a);
	rc = vt_scan_record_parse(line, len, a, &rec, &err);
	if (rc == VT_OK && rec.kind == VT_SCAN_BUCKET)
		rc = take_bucket(r, &rec, &err);
	else if (rc == VT_OK && rec.kind == VT_SCAN_VERSION)
		first_pass(r, &rec);
	if (rc != VT_OK) {
		note_bad(r, path, number, line, len, &err);
		return;
	}
	if (rec.kind != VT_SCAN_BUCKET &&
	    vt_spool_add(r->spool, &rec, r->rules_count, &err) != VT_OK)
		plan_die(&err);
}

static void
read_lines(struct run *r, struct vt_lines *l, const char *path)
{
	struct vt_arena *a = vt_arena_new(ARENA_MAX);
	uint64_t number = 0;
	const char *line;
	struct vt_err err;
	enum vt_code rc;
	size_t len;

	if (a == NULL)
		plan_no_memory();
	while (!cli_stopping()) {
		rc = vt_lines_next(l, &line, &len, &number, &err);
		if (rc == VT_ABSENT)
			break;
		if (rc == VT_TOO_LARGE) {
			note_bad(r, path, number, "", 0, &err);
			continue;
		}
		if (rc != VT_OK) {
			cli_warn("%s: %s", path, err.text);
			r->failed = cli_status_of(rc);
			break;
		}
		if (len == 0)
			continue;
		r->lines++;
		r->id = vt_crc64nvme(r->id, line, len);
		r->id = vt_crc64nvme(r->id, "\n", 1);
		if ((number & 0x3ff) == 0)
			cli_progress_add(0, 0x400);
		take_line(r, a, path, number, line, len);
	}
	vt_arena_free(a);
}

static void
read_files(struct run *r)
{
	static char dash[] = "-";
	static char *standard[] = { dash };
	char **paths = r->path_count > 0 ? r->paths : standard;
	int n = r->path_count > 0 ? r->path_count : 1, i, fd, is_stdin;
	struct vt_lines *l;

	for (i = 0; i < n && !cli_stopping(); i++) {
		is_stdin = strcmp(paths[i], "-") == 0;
		fd = is_stdin ? STDIN_FILENO :
		    open(paths[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			cli_warn("cannot open '%s': %s", paths[i],
			    strerror(errno));
			r->failed = CLI_FAILED;
			continue;
		}
		l = vt_lines_open(fd, VT_RECORD_LINE_MAX);
		if (l == NULL)
			plan_no_memory();
		read_lines(r, l, is_stdin ? "standard input" : paths[i]);
		vt_lines_close(l);
		if (!is_stdin)
			close(fd);
	}
}

/* --- deciding ------------------------------------------------------------- */

static void
decide_block(struct run *r, struct vt_spool_reader *reader, size_t block)
{
	struct vt_scan_record rec;
	struct vt_err err;
	uint64_t rules;
	int more;

	if (vt_spool_block(reader, block, &err) != VT_OK)
		plan_die(&err);
	while ((more = vt_spool_next(reader, &rec, &rules)) > 0) {
		use_rules(r, (size_t)rules);
		if (rec.kind == VT_SCAN_VERSION)
			take_record(r, &rec);
		else if (!r->simulate)
			take_other(r, &rec);
	}
	if (more < 0)
		plan_no_memory();
}

void
read_input(struct run *r)
{
	struct vt_spool_reader *reader;
	struct vt_err err;
	size_t i;

	cli_progress_start(r->quiet, "planning");
	read_files(r);
	if (vt_spool_finish(r->spool, &err) != VT_OK)
		plan_die(&err);
	first_pass_end(r);
	reader = vt_spool_reader_new(r->spool);
	if (reader == NULL)
		plan_no_memory();
	for (i = 0; i < vt_spool_blocks(r->spool) && !cli_stopping(); i++)
		decide_block(r, reader, i);
	vt_spool_reader_free(reader);
	cli_progress_stop();
}
