/*
 * Heat from logs, kept files and partial results, as one.
 *
 * Kept files are merged like the levels of a log-structured tree: those of
 * like size as soon as there are FILES_MAX of them, and all as soon as the
 * others are half as large as the first (forget.c).  So what an hour brings is
 * written again as often as the logarithm of all there is, to base FILES_MAX,
 * and whoever reads heat does not read much more than the first file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/clock.h"

#include "scan.h"

/* Clocks of several machines differ, but not by so much. */
#define FUTURE_US ((int64_t)86400 * 1000000)

/* Files of like size, the newest ones. */
#define FILES_MAX 8

int
is_partial(const char *path)
{
	char magic[VT_HEATFILE_MAGIC_LEN];
	int fd = open(path, O_RDONLY | O_CLOEXEC), yes;

	if (fd < 0)
		return 0;
	yes = pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
	    memcmp(magic, VT_HEATFILE_MAGIC, sizeof(magic)) == 0;
	close(fd);
	return yes;
}

/* --- files ---------------------------------------------------------------- */

/* Read one more file of heat, to be closed with the others. */
static void
add_file(struct run *r, int fd, const char *path)
{
	struct vt_err err;

	r->files = realloc(r->files, (r->file_count + 1) *
	    sizeof(*r->files));
	r->file_fds = realloc(r->file_fds, (r->file_count + 1) *
	    sizeof(*r->file_fds));
	if (r->files == NULL || r->file_fds == NULL)
		out_of_memory();
	if (vt_heatfile_open(fd, path, r->coverage, &r->files[r->file_count],
	    &err) != VT_OK)
		die(&err);
	r->file_fds[r->file_count++] = fd;
}

static void
add_run(struct run *r, int64_t id)
{
	struct vt_err err;
	char path[64];
	int fd;

	if (vt_heatdb_run_open(r->db, id, &fd, &err) != VT_OK)
		die(&err);
	snprintf(path, sizeof(path), "heat/%lld.heat", (long long)id);
	add_file(r, fd, path);
}

static void
close_files(struct run *r)
{
	size_t i;

	for (i = 0; i < r->file_count; i++) {
		vt_heatfile_close(r->files[i]);
		if (r->file_fds[i] > STDIN_FILENO)
			close(r->file_fds[i]);
	}
	free(r->files);
	free(r->file_fds);
	r->files = NULL;
	r->file_fds = NULL;
	r->file_count = 0;
}

static void
new_coverage(struct run *r)
{
	vt_coverage_free(r->coverage);
	r->coverage = vt_coverage_new();
	if (r->coverage == NULL)
		out_of_memory();
}

/* What the threads gathered and the open files, as one. */
static void
begin_merge(struct run *r, int with_heats)
{
	struct vt_heat_source *sources;
	size_t count = 0, i;
	struct vt_err err;

	sources = cli_alloc((THREADS_MAX + r->file_count) * sizeof(*sources));
	for (i = 0; with_heats && i < r->threads; i++) {
		if (vt_heat_finish(r->heats[i], &err) != VT_OK ||
		    vt_coverage_merge(r->coverage,
		    vt_heat_coverage(r->heats[i]), &err) != VT_OK)
			die(&err);
		sources[count++] = vt_heat_as_source(r->heats[i]);
	}
	for (i = 0; i < r->file_count; i++)
		sources[count++] = vt_heatfile_as_source(r->files[i]);
	r->merge = vt_heat_merge_new(sources, count);
	if (r->merge == NULL)
		out_of_memory();
	free(sources);
}

static void
end_merge(struct run *r)
{
	vt_heat_merge_free(r->merge);
	r->merge = NULL;
	close_files(r);
}

/* Write the merge into the file `fd`; its length. */
static uint64_t
write_merge(struct run *r, int fd, const char *path)
{
	struct vt_heatfile_writer *w;
	struct vt_sorter_record o;
	uint64_t written = 0;
	struct vt_err err;
	enum vt_code rc;

	if (vt_heatfile_begin(fd, path, r->coverage, &w, &err) != VT_OK)
		die(&err);
	while ((rc = vt_heat_merge_bytes(r->merge, &o, &err)) == VT_OK) {
		rc = vt_heatfile_add(w, &o, &err);
		if (rc != VT_OK)
			break;
	}
	if (rc != VT_ABSENT)
		die(&err);
	if (vt_heatfile_end(w, &written, &err) != VT_OK)
		die(&err);
	vt_heatfile_writer_free(w);
	return written;
}

void
put_partial(struct run *r)
{
	int is_out = strcmp(r->partial, "-") == 0;
	int fd = is_out ? STDOUT_FILENO : open(r->partial, O_WRONLY | O_CREAT |
	    O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0)
		cli_die(CLI_FAILED, "cannot write '%s': %s", r->partial,
		    strerror(errno));
	(void)write_merge(r, fd, is_out ? "standard output" : r->partial);
	if (!is_out && close(fd) < 0)
		cli_die(CLI_FAILED, "cannot write '%s': %s", r->partial,
		    strerror(errno));
}

/* --- keeping -------------------------------------------------------------- */

/* Are all files to become one?  When the others are half as large as the
 * first; with a catalog that is left to a walk over it, until they are as
 * large. */
static int
is_due(const struct run *r, const struct vt_heatdb_run *runs, size_t count,
    int is_walk)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 1; i < count; i++)
		sum += runs[i].bytes;
	return count > 1 && runs[0].bytes < (r->foreign || is_walk ? 2 : 1) *
	    sum;
}

/* How many of the kept files are to stay as they are. */
static size_t
files_that_stay(const struct run *r, const struct vt_heatdb_run *runs,
    size_t count)
{
	uint64_t sum = 0;
	size_t i;

	if (is_due(r, runs, count, 0))
		return 0;
	/* of like size: smaller than twice all that came after */
	for (i = count; i > 0 && (i == count || runs[i - 1].bytes < 2 * sum);
	    i--)
		sum += runs[i - 1].bytes;
	return count - i >= FILES_MAX ? i : count;
}

/* Merge the newest of the kept files, when that is due. */
static void
compact(struct run *r)
{
	struct vt_heatdb_run *runs;
	int64_t id, *dropped;
	struct vt_err err;
	size_t count, i, k;
	uint64_t sum;
	int fd;

	if (vt_heatdb_runs(r->db, &runs, &count, &err) != VT_OK)
		die(&err);
	i = files_that_stay(r, runs, count);
	if (i + 1 >= count) {
		free(runs);
		return;
	}
	new_coverage(r);
	dropped = cli_alloc(count * sizeof(*dropped));
	for (k = i; k < count; k++) {
		add_run(r, runs[k].id);
		dropped[k - i] = runs[k].id;
	}
	begin_merge(r, 0);
	if (vt_heatdb_run_create(r->db, &id, &fd, &err) != VT_OK)
		die(&err);
	sum = write_merge(r, fd, vt_heatdb_folder(r->db));
	if (vt_heatdb_commit(r->db, id, fd, sum, dropped, count - i, NULL, 0,
	    &err) != VT_OK)
		die(&err);
	close(fd);
	end_merge(r);
	free(dropped);
	free(runs);
}

void
commit(struct run *r)
{
	struct vt_heatdb_log **logs;
	size_t count = 0, i;
	uint64_t bytes = 0, lines = r->uncommitted_lines;
	struct vt_err err;
	int64_t id = 0;
	int fd = -1;

	logs = cli_alloc((r->open_count + 1) * sizeof(*logs));
	for (i = 0; i < r->open_count; i++) {
		update_place(r->open[i]);
		if (r->open[i]->place.is_seen)
			logs[count++] = &r->open[i]->place.known;
	}
	if (lines > 0) {
		new_coverage(r);
		begin_merge(r, 1);
		if (vt_heatdb_run_create(r->db, &id, &fd, &err) != VT_OK)
			die(&err);
		bytes = write_merge(r, fd, vt_heatdb_folder(r->db));
		end_merge(r);
	}
	if (count > 0 && vt_heatdb_commit(r->db, id, fd, bytes, NULL, 0, logs,
	    count, &err) != VT_OK)
		die(&err);
	if (fd >= 0)
		close(fd);
	free(logs);
	for (i = 0; lines > 0 && i < r->threads; i++)
		if (vt_heat_reset(r->heats[i], &err) != VT_OK)
			die(&err);
	if (lines > 0)
		compact(r);
}

/* --- telling -------------------------------------------------------------- */

/* What the user says of the time; an open end is the logs'. */
static void
add_covered(struct run *r)
{
	int64_t from, to, first, last;
	struct vt_err err;
	size_t i;

	vt_coverage_span(r->coverage, &first, &last);
	if (r->has_now && r->now_us > last)
		last = r->now_us;
	for (i = 0; i < r->covered_count; i++) {
		from = r->covered[i].from_us != 0 ? r->covered[i].from_us :
		    first;
		to = r->covered[i].to_us != 0 ? r->covered[i].to_us : last;
		if (from != 0 && to > from && vt_coverage_add(r->coverage, "",
		    0, from, to, 0, &err) != VT_OK)
			die(&err);
	}
}

/*
 * The time from the first read to the last line.  Of several formats only what
 * they have in common: before and after that the objects of one are unknown.
 * One without a read is an inventory.
 */
static void
find_span(struct run *r, int64_t *first, int64_t *last)
{
	const struct source *s;
	size_t i, n = 0;

	vt_coverage_span(r->coverage, first, last);
	if (r->log_source_count <= 1)
		return;
	for (i = 0; i < r->source_count; i++) {
		s = &r->sources[i];
		if (s->first_us == 0)
			continue;
		if (n == 0 || s->first_us > *first)
			*first = s->first_us;
		if (n == 0 || s->last_us < *last)
			*last = s->last_us;
		n++;
	}
	if (n > 1 && *last <= *first && r->covered_count == 0)
		cli_warn("the logs have no time in common: say with --covered "
		    "which time all are complete for");
}

/* A clock that was wrong for one line makes all objects look idle since. */
static void
warn_of_future(int64_t us)
{
	struct vt_clock clock = VT_CLOCK_REAL;
	char t[25];

	if (us <= vt_clock_now_us(&clock) + FUTURE_US)
		return;
	vt_time_rfc3339_ms(us, t);
	cli_warn("the logs go on until %s, which is to come by this machine's "
	    "clock: if a line's time is wrong, all objects look idle; say with "
	    "--covered when the logs are complete", t);
}

/* A log that tells no coverage covers the time from its first read to its
 * last line: writes before that are an inventory of what there was. */
static void
assume_coverage(struct run *r)
{
	int64_t from, to, first, last, end, listed;
	struct vt_err err;
	double days;

	vt_coverage_span(r->coverage, &first, &end);
	find_span(r, &first, &last);
	if (r->has_now && r->now_us > last)
		last = r->now_us;
	vt_coverage_total(r->coverage, &from, &to, &days);
	if (days == 0 && r->covered_count == 0 && first != 0 && last > first &&
	    (vt_coverage_add(r->coverage, "", 0, first, last, 0, &err) !=
	    VT_OK || vt_coverage_finish(r->coverage, &err) != VT_OK))
		die(&err);
	if (r->has_now)
		return;
	r->now_us = r->covered_count > 0 && to > end ? to : end;
	if (r->covered_count == 0)
		warn_of_future(end);
	/* what an inventory tells later than the logs is there now */
	listed = vt_coverage_listed_us(r->coverage, NULL, 0);
	if (listed > r->now_us)
		r->now_us = listed;
}

static void
add_merges(struct run *r)
{
	size_t i;
	int fd;

	for (i = 0; i < r->merge_count; i++) {
		fd = STDIN_FILENO;
		if (strcmp(r->merges[i], "-") != 0)
			fd = open(r->merges[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			cli_die(CLI_FAILED, "cannot open '%s': %s",
			    r->merges[i], strerror(errno));
		add_file(r, fd, r->merges[i]);
	}
}

void
join_heat(struct run *r)
{
	struct vt_heatdb_run *runs = NULL;
	struct vt_err err;
	size_t count, i;

	new_coverage(r);
	if (r->db != NULL) {
		if (vt_heatdb_runs(r->db, &runs, &count, &err) != VT_OK)
			die(&err);
		for (i = 0; i < count; i++)
			add_run(r, runs[i].id);
	}
	/* what is not ours is not kept, and not walked past */
	if (r->db != NULL && !r->foreign && r->partial == NULL &&
	    r->merge_count == 0 && is_due(r, runs, count, 1))
		begin_rewrite(r, runs, count);
	free(runs);
	add_merges(r);
	begin_merge(r, r->db == NULL);
	/* open files stay, whatever the next scan does with them */
	vt_heatdb_close(r->db);
	r->db = NULL;
	add_covered(r);
	/* a partial result tells no more than its logs did */
	if (r->partial != NULL)
		return;
	if (vt_coverage_finish(r->coverage, &err) != VT_OK)
		die(&err);
	if (r->foreign)
		assume_coverage(r);
	r->teller = vt_heat_teller_new(r->history, r->coverage);
	if (r->teller == NULL)
		out_of_memory();
}

void
release_heat(struct run *r)
{
	unsigned i;

	end_rewrite(r, 0);
	end_merge(r);
	for (i = 0; i < r->threads; i++)
		vt_heat_free(r->heats[i]);
	vt_heat_teller_free(r->teller);
	vt_coverage_free(r->coverage);
	vt_heatdb_close(r->db);
	free(r->kept_in);
}
