#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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

static void
take_line(struct run *r, const char *path, uint64_t number, const char *line,
    size_t len)
{
	struct vt_arena *a = vt_arena_new(ARENA_MAX);
	struct vt_scan_record rec;
	struct vt_err err;
	enum vt_code rc;

	if (a == NULL)
		plan_no_memory();
	rc = vt_scan_record_parse(line, len, a, &rec, &err);
	if (rc == VT_OK && rec.kind == VT_SCAN_BUCKET)
		rc = take_bucket(r, &rec, &err);
	else if (rc == VT_OK && rec.kind != VT_SCAN_VERSION && !r->simulate)
		take_other(r, &rec);
	else if (rc == VT_OK && rec.kind == VT_SCAN_VERSION)
		take_record(r, &rec);
	if (rc != VT_OK)
		note_bad(r, path, number, line, len, &err);
	vt_arena_free(a);
}

/* With --split half the range must be known before anything is replayed. */
static void
hold_line(struct run *r, const char *path, uint64_t number, const char *line,
    size_t len)
{
	struct vt_arena *a = vt_arena_new(ARENA_MAX);
	struct vt_scan_record rec;
	struct vt_err err;

	if (a == NULL)
		plan_no_memory();
	if (vt_scan_record_parse(line, len, a, &rec, &err) != VT_OK) {
		note_bad(r, path, number, line, len, &err);
	} else {
		if (rec.covered_from_us != 0 && (r->covered_from == 0 ||
		    rec.covered_from_us < r->covered_from))
			r->covered_from = rec.covered_from_us;
		if (rec.covered_to_us > r->covered_to)
			r->covered_to = rec.covered_to_us;
		if (vt_buf_add(&r->held, line, len) < 0 ||
		    vt_buf_char(&r->held, '\n') < 0)
			plan_no_memory();
	}
	vt_arena_free(a);
}

static void
read_lines(struct run *r, struct vt_lines *l, const char *path)
{
	uint64_t number = 0;
	const char *line;
	struct vt_err err;
	enum vt_code rc;
	size_t len;

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
		vt_hash_update(&r->id, line, len);
		vt_hash_update(&r->id, "\n", 1);
		if ((number & 0x3ff) == 0)
			cli_progress_add(0, 0x400);
		if (r->split_half)
			hold_line(r, path, number, line, len);
		else
			take_line(r, path, number, line, len);
	}
}

void
read_input(struct run *r)
{
	static char dash[] = "-";
	static char *standard[] = { dash };
	char **paths = r->path_count > 0 ? r->paths : standard;
	int n = r->path_count > 0 ? r->path_count : 1, i, fd, is_stdin;
	struct vt_lines *l;
	const char *p, *end, *line;

	cli_progress_start(r->quiet, "planning");
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
	if (r->split_half) {
		r->split_us = r->covered_from +
		    (r->covered_to - r->covered_from) / 2;
		end = r->held.data + r->held.len;
		for (line = r->held.data; line < end; line = p + 1) {
			p = memchr(line, '\n', (size_t)(end - line));
			take_line(r, "input", 0, line, (size_t)(p - line));
		}
	}
	cli_progress_stop();
}
