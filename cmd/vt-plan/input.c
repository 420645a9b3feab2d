/*
 * The lines are read once: what is told of the whole is gathered, and each
 * version kept, packed.  Then, as the whole is known, they are decided on one
 * by one, in their order.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/crew.h"
#include "libvt/base/hash.h"
#include "libvt/base/jsonl.h"

#include "plan.h"

/* Lines are parsed so many, or so many bytes of them, at a time: handing fewer
 * from thread to thread costs more than parsing them. */
#define BATCH_LINES 1024
#define BATCH_BYTES ((size_t)512 << 10)
/* What a pipe may hold, so that who fills it need not be woken so often. */
#define PIPE_BYTES (1 << 20)
#define BATCH_MAX (BATCH_BYTES + VT_RECORD_LINE_MAX + 1)
/* What is made of them: of short numbers more memory than text. */
#define ARENA_MAX (8 * BATCH_MAX)

/* What threads have in hand beside what is being taken. */
static size_t
depth_of(const struct run *r)
{
	return r->threads > 1 ? 3 * (size_t)r->threads : 1;
}

/* The one that takes works as well, but with others there is enough to do. */
static struct vt_crew *
start_crew(const struct run *r, void (*work)(void *ctx, void *item),
    void *ctx)
{
	struct vt_crew *c;
	struct vt_err err;

	if (vt_crew_start(r->threads > 1 ? r->threads : 0, depth_of(r), work,
	    ctx, &c, &err) != VT_OK)
		plan_die(&err);
	return c;
}

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

struct line {
	size_t at, len;			/* in the text */
	uint64_t number;
	struct vt_scan_record rec;
	enum vt_code rc;
	struct vt_err err;
};

struct batch {
	const char *path;
	struct vt_buf text;		/* whole lines */
	struct vt_arena *a;		/* of their records */
	size_t count;
	struct line line[BATCH_LINES];
};

static struct batch *
new_batches(size_t count)
{
	struct batch *b = cli_alloc(count * sizeof(*b));
	size_t i;

	for (i = 0; i < count; i++) {
		vt_buf_init(&b[i].text, BATCH_MAX);
		b[i].a = vt_arena_new(ARENA_MAX);
		if (b[i].a == NULL)
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
		vt_arena_free(b[i].a);
	}
	free(b);
}

static void
parse_batch(void *ctx, void *item)
{
	struct batch *b = item;
	struct line *l;
	size_t i;

	(void)ctx;
	vt_arena_reset(b->a);
	for (i = 0; i < b->count; i++) {
		l = &b->line[i];
		if (l->rc != VT_OK)	/* too long */
			continue;
		l->rc = vt_scan_record_parse(b->text.data + l->at, l->len,
		    b->a, &l->rec, &l->err);
	}
}

static void
take_line(struct run *r, const struct batch *b, struct line *l)
{
	if (l->rc == VT_OK && l->rec.kind == VT_SCAN_BUCKET)
		l->rc = take_bucket(r, &l->rec, &l->err);
	else if (l->rc == VT_OK && l->rec.kind == VT_SCAN_VERSION)
		first_pass(r, &l->rec);
	if (l->rc != VT_OK) {
		note_bad(r, b->path, l->number, b->text.data + l->at, l->len,
		    &l->err);
		return;
	}
	if (l->rec.kind != VT_SCAN_BUCKET && vt_spool_add(r->spool, &l->rec,
	    r->rules_count, &l->err) != VT_OK)
		plan_die(&l->err);
}

static void
take_batch(struct run *r, struct batch *b)
{
	size_t i;

	r->id = vt_crc64nvme(r->id, b->text.data, b->text.len);
	cli_progress_add(0, b->count);
	for (i = 0; i < b->count; i++)
		take_line(r, b, &b->line[i]);
}

/* Fill a batch; 0: there are no more lines behind it. */
static int
read_batch(struct run *r, struct vt_lines *l, struct batch *b)
{
	struct line *to;
	const char *line;
	struct vt_err err;
	uint64_t number;
	enum vt_code rc;
	size_t len;

	vt_buf_reset(&b->text);
	b->count = 0;
	while (b->count < BATCH_LINES && b->text.len < BATCH_BYTES) {
		if (cli_stopping())
			return 0;
		rc = vt_lines_next(l, &line, &len, &number, &err);
		if (rc == VT_ABSENT)
			return 0;
		if (rc != VT_OK && rc != VT_TOO_LARGE) {
			cli_warn("%s: %s", b->path, err.text);
			r->failed = cli_status_of(rc);
			return 0;
		}
		if (rc == VT_OK && len == 0)
			continue;
		to = &b->line[b->count++];
		to->rc = rc;
		if (rc != VT_OK)
			to->err = err;
		to->number = number;
		to->at = b->text.len;
		to->len = len;
		r->lines += rc == VT_OK;
		if (rc == VT_OK && (vt_buf_add(&b->text, line, len) < 0 ||
		    vt_buf_char(&b->text, '\n') < 0))
			plan_no_memory();
	}
	return 1;
}

static void
read_lines(struct run *r, struct vt_lines *l, const char *path)
{
	struct vt_crew *crew = start_crew(r, parse_batch, NULL);
	size_t depth = depth_of(r), next = 0;
	struct batch *batch = new_batches(depth), *b;
	int more = 1;

	do {
		if (more) {
			b = &batch[next++ % depth];
			b->path = path;
			more = read_batch(r, l, b);
			vt_crew_give(crew, b);
		}
		if (!more || vt_crew_pending(crew) == depth) {
			b = vt_crew_take(crew);
			if (b != NULL)
				take_batch(r, b);
		}
	} while (more || b != NULL);
	free_batches(batch, depth);
	vt_crew_stop(crew);
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

/* --- deciding ------------------------------------------------------------- */

/* A block of the spool, and what is worked out of it. */
struct block {
	struct vt_spool_reader *reader;
	size_t number, count, cap;
	struct decided *version;
	struct vt_err err;		/* err.code: it could not be read */
};

/* Room for so many versions, where they stay: what is decided points into them.
 * Their pasts keep the memory they have. */
static int
make_room(struct block *b, size_t count)
{
	struct decided *more;
	size_t i;

	if (count <= b->cap)
		return 0;
	more = realloc(b->version, count * sizeof(*more));
	if (more == NULL)
		return -1;
	for (i = b->cap; i < count; i++)
		vt_past_init(&more[i].past);
	b->version = more;
	b->cap = count;
	return 0;
}

/* Each version is decided on as soon as it is read, while it is at hand. */
static void
decide_block(void *ctx, void *item)
{
	const struct run *r = ctx;
	struct block *b = item;
	size_t count = vt_spool_block_count(r->spool, b->number);
	struct decided *p;
	uint64_t rules;
	int more = make_room(b, count);

	b->count = 0;
	b->err.code = VT_OK;
	if (more == 0 && vt_spool_block(b->reader, b->number, &b->err) !=
	    VT_OK)
		return;
	while (more >= 0 && b->count < count) {
		p = &b->version[b->count];
		more = vt_spool_next(b->reader, &p->rec, &rules);
		if (more <= 0)
			break;
		p->rules = (size_t)rules;
		decide(r, p);
		b->count++;
	}
	if (more < 0)
		(void)vt_fail(&b->err, VT_NOMEM,
		    "no memory for a block of versions");
}

static void
take_block(struct run *r, const struct block *b)
{
	const struct decided *p;
	size_t i;

	if (b->err.code != VT_OK)
		plan_die(&b->err);
	for (i = 0; i < b->count && !cli_stopping(); i++) {
		p = &b->version[i];
		if (p->err.code != VT_OK)
			plan_die(&p->err);
		use_rules(r, p->rules);
		if (p->rec.kind == VT_SCAN_VERSION)
			take_record(r, p);
		else if (!r->simulate)
			take_other(r, &p->rec);
	}
}

static void
free_blocks(struct block *b, size_t count)
{
	size_t i, k;

	for (i = 0; i < count; i++) {
		vt_spool_reader_free(b[i].reader);
		for (k = 0; k < b[i].cap; k++)
			vt_past_release(&b[i].version[k].past);
		free(b[i].version);
	}
	free(b);
}

static void
decide_all(struct run *r)
{
	struct vt_crew *crew = start_crew(r, decide_block, r);
	size_t depth = depth_of(r), given = 0, i;
	size_t blocks = vt_spool_blocks(r->spool);
	struct block *block = cli_alloc(depth * sizeof(*block)), *b;

	for (i = 0; i < depth; i++) {
		block[i].reader = vt_spool_reader_new(r->spool);
		if (block[i].reader == NULL)
			plan_no_memory();
	}
	do {
		while (given < blocks && vt_crew_pending(crew) < depth) {
			b = &block[given % depth];
			b->number = given++;
			vt_crew_give(crew, b);
		}
		b = vt_crew_take(crew);
		if (b != NULL)
			take_block(r, b);
	} while (b != NULL && !cli_stopping());
	vt_crew_stop(crew);
	free_blocks(block, depth);
	memset(&r->past, 0, sizeof(r->past));
}

void
read_input(struct run *r)
{
	struct vt_err err;

	cli_progress_start(r->quiet, "planning");
	read_files(r);
	if (vt_spool_finish(r->spool, &err) != VT_OK)
		plan_die(&err);
	first_pass_end(r);
	if (!cli_stopping())
		decide_all(r);
	cli_progress_stop();
}
