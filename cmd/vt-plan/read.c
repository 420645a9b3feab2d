/*
 * The lines are read once, a block of them at a time: a thread parses it, packs
 * its versions for the second pass, and gathers what has to be known of all
 * before any is decided on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/crew.h"
#include "libvt/base/hash.h"
#include "libvt/base/lines.h"

#include "plan.h"

/* Handing less from thread to thread costs more than parsing it. */
#define BATCH_BYTES ((size_t)512 << 10)
#define BATCH_MAX (BATCH_BYTES + VT_RECORD_LINE_MAX + 16)
/* What is made of one line: of short numbers more memory than text. */
#define ARENA_MAX ((size_t)8 * BATCH_MAX)
/* What a pipe may hold, so that who fills it need not be woken so often. */
#define PIPE_BYTES (1 << 20)

static void
note_bad(struct run *r, const char *path, uint64_t number, const char *line,
    size_t len, const struct vt_err *err)
{
	char shown[CLI_SHOWN];

	if (r->bad_lines++ > 0)
		return;
	cli_warn("%s:%llu: %s%s", path, (unsigned long long)number,
	    err->text, cli_shown(line, len, shown));
}

/* A line that the one who takes the batch has to see. */
struct odd {
	size_t at, len;			/* in the text */
	uint64_t number;
	int is_bucket;			/* else it is bad */
};

struct batch {
	const struct run *r;
	const char *path;
	struct vt_buf text;		/* whole lines */
	enum vt_code rc;		/* VT_TOO_LARGE: one that is none */
	uint64_t number;		/* of the first */
	double floor;			/* of the sample, when it was given */
	/* made of them */
	struct vt_arena *a;		/* of one line */
	struct vt_spool_block *block;
	struct first_pass first;
	uint64_t lines;			/* with something in them */
	struct vt_buf odd;
	struct vt_err err;		/* of rc, or of the first bad line */
	int no_memory;
};

static struct batch *
new_batches(const struct run *r, size_t count)
{
	struct batch *b = cli_alloc(count * sizeof(*b));
	size_t i;

	for (i = 0; i < count; i++) {
		b[i].r = r;
		vt_buf_init(&b[i].text, BATCH_MAX);
		vt_buf_init(&b[i].odd, BATCH_MAX * sizeof(struct odd));
		b[i].a = vt_arena_new(ARENA_MAX);
		b[i].block = vt_spool_block_new();
		if (b[i].a == NULL || b[i].block == NULL ||
		    first_init(&b[i].first) < 0)
			plan_no_memory();
	}
	return b;
}

static void
free_batches(struct batch *b, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		vt_buf_release(&b[i].text);
		vt_buf_release(&b[i].odd);
		vt_arena_free(b[i].a);
		vt_spool_block_free(b[i].block);
		first_release(&b[i].first);
	}
	free(b);
}

/* --- by any thread -------------------------------------------------------- */

static void
put_aside(struct batch *b, const struct odd *line)
{
	if (vt_buf_add(&b->odd, line, sizeof(*line)) < 0)
		b->no_memory = 1;
}

static void
parse_line(struct batch *b, size_t at, size_t len, uint64_t number,
    uint64_t *buckets)
{
	struct odd odd = { at, len, number, 0 };
	struct vt_scan_record rec;
	struct vt_err err;
	enum vt_code rc;

	vt_arena_reset(b->a);
	rc = vt_scan_record_parse_here(b->text.data + at, len, b->a, &rec,
	    &err);
	if (rc != VT_OK || rec.kind == VT_SCAN_BUCKET) {
		odd.is_bucket = rc == VT_OK;
		*buckets += rc == VT_OK;
		if (rc != VT_OK && b->err.code == VT_OK)
			b->err = err;
		put_aside(b, &odd);
		return;
	}
	if (vt_spool_pack(b->block, &rec, *buckets) < 0 ||
	    (rec.kind == VT_SCAN_VERSION &&
	    first_see(b->r, &b->first, &rec, b->floor, *buckets) < 0))
		b->no_memory = 1;
}

static void
parse_batch(void *ctx, void *item)
{
	struct batch *b = item;
	char *start = b->text.data, *p = start, *end = start + b->text.len;
	char *stop;
	uint64_t number = b->number, buckets = 0;

	(void)ctx;
	b->lines = 0;
	b->no_memory = 0;
	first_reset(&b->first);
	if (b->rc != VT_OK)
		return;
	b->err.code = VT_OK;
	for (; p < end && !b->no_memory; p = stop + 1, number++) {
		stop = memchr(p, '\n', (size_t)(end - p));
		if (stop == p)
			continue;
		b->lines++;
		parse_line(b, (size_t)(p - start), (size_t)(stop - p), number,
		    &buckets);
	}
}

/* --- by one, in order ----------------------------------------------------- */

/* A bucket's rules are read once more, to stay. */
static enum vt_code
read_bucket(struct run *r, struct batch *b, const struct odd *line,
    struct vt_err *err)
{
	struct vt_scan_record rec;
	enum vt_code rc;

	vt_arena_reset(b->a);
	r->id = vt_crc64nvme(r->id, b->text.data + line->at, line->len);
	rc = vt_scan_record_parse_here(b->text.data + line->at, line->len,
	    b->a, &rec, err);
	return rc == VT_OK ? take_bucket(r, &rec, err) : rc;
}

static void
take_odd(struct run *r, struct batch *b)
{
	size_t count = b->odd.len / sizeof(struct odd), i;
	struct vt_err err;
	struct odd line;

	for (i = 0; i < count; i++) {
		memcpy(&line, b->odd.data + i * sizeof(line), sizeof(line));
		if (!line.is_bucket)
			err = b->err;
		else if (read_bucket(r, b, &line, &err) == VT_OK)
			continue;
		note_bad(r, b->path, line.number, b->text.data + line.at,
		    line.len, &err);
	}
}

static void
take_batch(struct run *r, struct batch *b)
{
	uint64_t buckets = r->rules_count;
	struct vt_err err;

	if (b->rc != VT_OK) {
		note_bad(r, b->path, b->number, "", 0, &b->err);
		return;
	}
	if (b->no_memory)
		plan_no_memory();
	r->lines += b->lines;
	cli_progress_add(0, b->lines);
	take_odd(r, b);
	first_take(r, &b->first, buckets);
	if (vt_spool_put(r->spool, b->block, buckets, &err) != VT_OK)
		plan_die(&err);
}

/* Fill a batch; 0: there are no more lines. */
static int
read_batch(struct run *r, struct vt_lines *l, struct batch *b)
{
	size_t count;

	vt_buf_reset(&b->text);
	vt_buf_reset(&b->odd);
	if (cli_stopping())
		return 0;
	b->floor = vt_sample_floor(r->sample);
	b->rc = vt_lines_block(l, BATCH_BYTES, &b->text, &count, &b->number,
	    &b->err);
	if (b->rc == VT_ABSENT)
		return 0;
	if (b->rc != VT_OK && b->rc != VT_TOO_LARGE) {
		cli_warn("%s: %s", b->path, b->err.text);
		r->failed = cli_status_of(b->rc);
		return 0;
	}
	/* what is behind a line may be looked at */
	if (vt_buf_reserve(&b->text, VT_RECORD_BEHIND) == NULL)
		plan_no_memory();
	return 1;
}

static void
read_lines(struct run *r, struct vt_lines *l, const char *path)
{
	struct vt_crew *crew = start_crew(r, parse_batch, NULL);
	size_t depth = crew_depth(r), next = 0;
	struct batch *batch = new_batches(r, depth), *b;
	int more = 1;

	do {
		if (more) {
			b = &batch[next % depth];
			b->path = path;
			more = read_batch(r, l, b);
			if (more) {
				vt_crew_give(crew, b);
				next++;
			}
		}
		b = NULL;
		if (!more || vt_crew_pending(crew) == depth) {
			b = vt_crew_take(crew);
			if (b != NULL)
				take_batch(r, b);
		}
	} while (more || b != NULL);
	free_batches(batch, depth);
	vt_crew_stop(crew);
}

void
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
		/* it is as well when that fails, or it is no pipe */
		(void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
		l = vt_lines_open(fd, VT_RECORD_LINE_MAX);
		if (l == NULL)
			plan_no_memory();
		read_lines(r, l, is_stdin ? "standard input" : paths[i]);
		vt_lines_close(l);
		if (!is_stdin)
			close(fd);
	}
}
