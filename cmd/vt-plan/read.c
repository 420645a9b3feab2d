/*
 * What vt-scan tells is read once, a batch of lines or a block of records at a
 * time: a thread parses it, keeps its versions, in a block, for the second
 * pass, and gathers what has to be known of all before any is decided on.
 * Where a model knows that already, it decides on each at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/crew.h"
#include "libvt/base/lines.h"
#include "libvt/proto/recordstream.h"

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

/* A record whose rules may be in a batch before. */
struct waiting {
	struct vt_scan_record rec;
	const struct bucket_rules *rules;	/* NULL: those are its */
};

struct batch {
	const struct run *r;
	const char *path;
	int is_block;			/* of records, or of lines: */
	struct vt_buf text;		/* whole ones */
	enum vt_code rc;		/* VT_TOO_LARGE: one that is none */
	uint64_t number;		/* of the block */
	double floor;			/* of the sample, when it was given */
	/* made of them */
	struct vt_arena *a;		/* of one line */
	struct vt_block block;		/* what came, or what lines said */
	struct vt_block_reader reader;
	struct vt_days_room room;
	struct first_pass first;
	uint64_t all_lines;		/* empty ones as well */
	uint64_t lines, bad_lines;	/* with something in them */
	size_t bad_at, bad_len;		/* the first bad one, in the text */
	uint64_t bad_number;		/* in the batch, or of the block */
	struct vt_err err;		/* of rc, or of that line */
	struct vt_buf rules;		/* pointers to new ones, in order */
	const struct bucket_rules *last;	/* of those; NULL: none yet */
	struct vt_err fatal;		/* .code: it cannot go on */
	struct rule_chain *chain;
	uint64_t place;			/* in that */
	/* when they are decided on at once: */
	int is_direct;
	int knows_before;
	const struct bucket_rules *before;	/* rules before the batch */
	struct vt_buf waiting;
	struct decided one;		/* at hand */
	struct settled settled;
};

static struct batch *
new_batches(const struct run *r, size_t count)
{
	struct batch *b = cli_alloc(count * sizeof(*b));
	size_t i;

	for (i = 0; i < count; i++) {
		b[i].r = r;
		vt_buf_init(&b[i].text, BATCH_MAX);
		vt_buf_init(&b[i].rules, BATCH_MAX);
		vt_buf_init(&b[i].waiting, SIZE_MAX / 2);
		vt_past_init(&b[i].one.past);
		settled_init(&b[i].settled);
		vt_block_init(&b[i].block);
		b[i].a = vt_arena_new(ARENA_MAX);
		if (b[i].a == NULL ||
		    vt_block_reader_init(&b[i].reader) < 0 ||
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
		vt_buf_release(&b[i].rules);
		vt_buf_release(&b[i].waiting);
		vt_past_release(&b[i].one.past);
		settled_release(&b[i].settled);
		vt_arena_free(b[i].a);
		vt_block_release(&b[i].block);
		vt_block_reader_release(&b[i].reader);
		free(b[i].room.h);
		first_release(&b[i].first);
	}
	free(b);
}

/* --- by any thread: decided at once --------------------------------------- */

static void
out_of_memory(struct batch *b)
{
	(void)vt_fail(&b->fatal, VT_NOMEM, "no memory for %s",
	    b->is_block ? "a block of records" : "a batch of lines");
}

static void
damaged(struct batch *b)
{
	(void)vt_fail(&b->fatal, VT_CORRUPT, "%s: block %llu of records is "
	    "not what was written", b->path, (unsigned long long)b->number);
}

static void
decide_now(struct batch *b, const struct bucket_rules *rules)
{
	b->one.rules = rules;
	decide(b->r, &b->room, &b->one);
	if (b->one.err.code != VT_OK)
		b->fatal = b->one.err;
	else
		settle(b->r, &b->settled, &b->one);
}

/* Those that waited, in their order, if what they wait for is known. */
static void
decide_waiting(struct batch *b, int wait)
{
	const struct waiting *w =
	    (const struct waiting *)(const void *)b->waiting.data;
	size_t count = b->waiting.len / sizeof(*w), i;

	b->knows_before = rule_chain_ask(b->chain, b->place, wait,
	    &b->before);
	if (!b->knows_before)
		return;
	for (i = 0; i < count && b->fatal.code == VT_OK; i++) {
		b->one.rec = w[i].rec;
		decide_now(b, w[i].rules != NULL ? w[i].rules : b->before);
	}
	vt_buf_reset(&b->waiting);
}

/* Never without its rules: who comes behind one that waits waits as well, so
 * that all are settled in their order. */
static void
decide_record(struct batch *b)
{
	struct waiting w;

	if (b->knows_before || (b->waiting.len == 0 &&
	    (!b->one.rec.is_ruled || b->last != NULL))) {
		decide_now(b, b->last != NULL ? b->last : b->before);
		return;
	}
	w.rec = b->one.rec;
	w.rules = b->last;
	if (vt_buf_add(&b->waiting, &w, sizeof(w)) < 0)
		out_of_memory(b);
	else
		decide_waiting(b, 0);
}

/* --- by any thread -------------------------------------------------------- */

static void
note_line(struct batch *b, size_t at, size_t len, uint64_t number,
    const struct vt_err *err)
{
	if (b->bad_lines++ > 0)
		return;
	b->bad_at = at;
	b->bad_len = len;
	b->bad_number = number;
	b->err = *err;
}

/* They stay, whatever is read after them. */
static enum vt_code
take_bucket(struct batch *b, const struct vt_scan_record *rec,
    struct vt_err *err)
{
	struct bucket_rules *rules;
	enum vt_code rc = rules_new(rec, &rules, err);

	if (rules == NULL ||
	    vt_buf_add(&b->rules, &rules, sizeof(rules)) < 0) {
		out_of_memory(b);
		return VT_OK;
	}
	b->last = rules;
	return rc;
}

/* The record at hand, which is no bucket's.  One that came in a block is kept
 * with it. */
static void
take_record(struct batch *b)
{
	uint64_t buckets = b->rules.len / sizeof(struct bucket_rules *);
	struct vt_scan_record *rec = &b->one.rec;
	enum vt_code rc = VT_OK;

	if (rec->kind == VT_SCAN_VERSION)
		rc = first_see(b->r, &b->first, rec, b->floor, buckets);
	if (rc == VT_NOMEM)
		out_of_memory(b);
	else if (rc != VT_OK)
		damaged(b);
	else if (b->is_direct)
		decide_record(b);
	else if (!b->is_block && vt_block_add(&b->block, rec) < 0)
		out_of_memory(b);
}

/* The line at `at`: how long it is. */
static size_t
parse_line(struct batch *b, size_t at)
{
	struct vt_scan_record *rec = &b->one.rec;
	struct vt_err err;
	enum vt_code rc;
	size_t len;

	if (b->waiting.len == 0)
		vt_arena_reset(b->a);
	rc = vt_scan_record_parse_first(b->text.data + at, b->text.len - at,
	    &len, b->a, rec, &err);
	if (rc == VT_OK && rec->kind == VT_SCAN_BUCKET) {
		rc = take_bucket(b, rec, &err);
		/* where it was, the rules change */
		if (!b->is_direct && vt_block_add(&b->block, rec) < 0)
			out_of_memory(b);
	} else if (rc == VT_OK) {
		take_record(b);
	}
	if (rc != VT_OK)
		note_line(b, at, len, b->all_lines, &err);
	return len;
}

static void
parse_lines(struct batch *b)
{
	size_t at = 0;

	while (at < b->text.len && b->fatal.code == VT_OK) {
		b->all_lines++;
		if (b->text.data[at] != '\n') {
			b->lines++;
			at += parse_line(b, at);
		}
		at++;
	}
}

/* Of a block nothing is taken when it is not what was written. */
static void
parse_records(struct batch *b)
{
	struct vt_scan_record *rec = &b->one.rec;
	enum vt_code rc = VT_CORRUPT;
	struct vt_err err;

	if (vt_block_verify(&b->block) == 0) {
		vt_block_open(&b->reader, b->block.bytes.data +
		    VT_BLOCK_HEADER, vt_block_len(&b->block));
		rc = vt_block_next(&b->reader, rec);
	}
	for (; rc == VT_OK && b->fatal.code == VT_OK;
	    rc = vt_block_next(&b->reader, rec)) {
		b->lines++;
		if (rec->kind != VT_SCAN_BUCKET)
			take_record(b);
		else if (take_bucket(b, rec, &err) != VT_OK)
			note_line(b, 0, 0, b->number, &err);
	}
	if (rc == VT_NOMEM)
		out_of_memory(b);
	else if (b->fatal.code == VT_OK && (rc == VT_CORRUPT ||
	    b->lines != b->block.count))
		damaged(b);
}

static void
parse_batch(void *ctx, void *item)
{
	struct batch *b = item;

	(void)ctx;
	b->all_lines = b->lines = b->bad_lines = 0;
	b->fatal.code = VT_OK;
	b->knows_before = 0;
	b->last = b->before = NULL;
	first_reset(&b->first);
	settled_reset(&b->settled);
	if (b->is_block)
		parse_records(b);
	else if (b->rc == VT_OK)
		parse_lines(b);
	rule_chain_tell(b->chain, b->place, b->last);
	if (b->waiting.len > 0)
		decide_waiting(b, 1);
}

/* --- by one, in order ----------------------------------------------------- */

static void
take_rules(struct run *r, struct batch *b)
{
	struct bucket_rules *rules;
	size_t i;

	for (i = 0; i < b->rules.len; i += sizeof(rules)) {
		memcpy(&rules, b->rules.data + i, sizeof(rules));
		rules_take(r, rules);
	}
	vt_buf_reset(&b->rules);
}

/* *lines were taken before it, of those that are lines. */
static void
take_batch(struct run *r, struct batch *b, uint64_t *lines)
{
	uint64_t buckets = r->rules_count;
	struct vt_err err;

	if (b->fatal.code != VT_OK)
		plan_die(&b->fatal);
	if (!b->is_block && b->rc != VT_OK) {
		note_bad(r, b->path, ++*lines, "", 0, &b->err);
		return;
	}
	r->lines += b->lines;
	cli_progress_add(0, b->lines);
	if (b->bad_lines > 0)
		note_bad(r, b->path, *lines + b->bad_number,
		    b->text.data + b->bad_at, b->bad_len, &b->err);
	*lines += b->all_lines;
	if (b->bad_lines > 1)
		r->bad_lines += b->bad_lines - 1;
	take_rules(r, b);
	first_take(r, &b->first, buckets);
	if (b->is_direct)
		take_settled(r, &b->settled);
	else if (vt_spool_put(r->spool, &b->block, buckets, &err) != VT_OK)
		plan_die(&err);
}

/* The end of the time that the log covers, as the first of these lines has it
 * that tells of any; 0: none does.  The lines stay as they are. */
static int64_t
lines_end_us(const struct vt_buf *text)
{
	const char *p = text->data, *end = p + text->len, *stop;
	struct vt_arena *a = vt_arena_new(ARENA_MAX);
	struct vt_scan_record rec;
	int64_t us = 0;

	if (a == NULL)
		plan_no_memory();
	for (; us == 0 && p < end; p = stop + 1) {
		stop = memchr(p, '\n', (size_t)(end - p));
		if (stop == NULL)
			stop = end;
		vt_arena_reset(a);
		/* what is malformed is told when it is read */
		if (vt_scan_record_parse(p, (size_t)(stop - p), a, &rec,
		    NULL) == VT_OK && rec.kind == VT_SCAN_VERSION)
			us = rec.covered_to_us;
	}
	vt_arena_free(a);
	return us;
}

/* The same of records in a block. */
static int64_t
block_end_us(struct batch *b)
{
	struct vt_scan_record rec;
	int64_t us = 0;

	if (vt_block_verify(&b->block) < 0)
		return 0;
	vt_block_open(&b->reader, b->block.bytes.data + VT_BLOCK_HEADER,
	    vt_block_len(&b->block));
	while (us == 0 && vt_block_next(&b->reader, &rec) == VT_OK)
		if (rec.kind == VT_SCAN_VERSION)
			us = rec.covered_to_us;
	return us;
}

/* What is read at a time: lines, or blocks of records. */
struct input {
	struct vt_lines *lines;		/* NULL: */
	struct vt_record_stream *stream;
};

/* Fill a batch: a code of vt_lines_block or vt_record_stream_next. */
static enum vt_code
read_next(struct input *in, struct batch *b)
{
	enum vt_code rc;

	b->is_block = in->lines == NULL;
	if (b->is_block) {
		rc = vt_record_stream_next(in->stream, &b->block, &b->err);
		b->number = in->stream->blocks;
		return rc;
	}
	vt_buf_reset(&b->text);
	rc = vt_lines_block(in->lines, BATCH_BYTES, &b->text, &b->err);
	/* what is behind a line may be looked at */
	if (rc == VT_OK && vt_buf_reserve(&b->text, VT_RECORD_BEHIND) == NULL)
		plan_no_memory();
	return rc;
}

/* 0: there is nothing more to be had. */
static int
read_batch(struct run *r, struct input *in, struct batch *b)
{
	if (cli_stopping())
		return 0;
	b->floor = vt_sample_floor(r->sample);
	b->rc = read_next(in, b);
	if (b->rc == VT_ABSENT)
		return 0;
	/* a line that is too long is one malformed line */
	if (b->rc != VT_OK && (b->is_block || b->rc != VT_TOO_LARGE)) {
		cli_warn("%s: %s", b->path, b->err.text);
		r->failed = cli_status_of(b->rc);
		return 0;
	}
	if (!r->model_chosen && b->rc == VT_OK)
		model_choose(r, b->is_block ? block_end_us(b) :
		    lines_end_us(&b->text));
	b->is_direct = r->is_direct;
	return 1;
}

static void
read_batches(struct run *r, struct input *in, const char *path)
{
	struct vt_crew *crew = start_crew(r, parse_batch, NULL);
	size_t depth = crew_depth(r), next = 0;
	struct batch *batch = new_batches(r, depth), *b;
	struct rule_chain *chain = rule_chain_new(depth, r->rules_count > 0 ?
	    r->rules[r->rules_count - 1] : NULL);
	uint64_t lines = 0;
	int more = 1;

	do {
		if (more) {
			b = &batch[next % depth];
			b->path = path;
			b->chain = chain;
			b->place = next;
			more = read_batch(r, in, b);
			if (more) {
				vt_crew_give(crew, b);
				next++;
			}
		}
		b = NULL;
		if (!more || vt_crew_pending(crew) == depth) {
			b = vt_crew_take(crew);
			if (b != NULL)
				take_batch(r, b, &lines);
		}
	} while (more || b != NULL);
	vt_crew_stop(crew);
	free_batches(batch, depth);
	rule_chain_free(chain);
}

static void
read_file(struct run *r, int fd, const char *path)
{
	struct vt_record_stream stream;
	struct input in = { NULL, &stream };
	struct vt_err err;
	int is_stream = vt_record_stream_begin(&stream, fd, &err);

	if (is_stream < 0) {
		cli_warn("%s: %s", path, err.text);
		r->failed = cli_status_of(err.code);
		return;
	}
	if (!is_stream) {
		in.lines = vt_lines_open(fd, VT_RECORD_LINE_MAX);
		if (in.lines == NULL)
			plan_no_memory();
		vt_lines_begin(in.lines, stream.first, stream.first_len);
	}
	read_batches(r, &in, path);
	vt_lines_close(in.lines);
}

void
read_files(struct run *r)
{
	static char dash[] = "-";
	static char *standard[] = { dash };
	char **paths = r->path_count > 0 ? r->paths : standard;
	int n = r->path_count > 0 ? r->path_count : 1, i, fd, is_stdin;

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
		read_file(r, fd, is_stdin ? "standard input" : paths[i]);
		if (!is_stdin)
			close(fd);
	}
}
