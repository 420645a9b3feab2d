/*
 * A made-up installation for benchmarks of vt-scan and vt-plan.
 *
 *	brain catalog CATALOG VERSIONS		make the catalog and fill it
 *	brain log VERSIONS LINES [FIRST LAST]	print its access log: the lines
 *						of days FIRST to LAST, of 360;
 *						LINES is of 360 days
 *
 * Four buckets, nested prefixes, sizes log-normal about 200 kB, ages to 700
 * days.  Two in three reads go to objects by rank, as Zipf has it with
 * exponent 1; the others to objects of the last weeks.  One in five is of a
 * range, one in 25 only asks for the head.  The same numbers make the same
 * bytes.
 *
 * The catalog's own writes take a commit and more than 30 microseconds each.
 * So it makes the buckets and the first version of each, and what fills them
 * are copies of those rows, written in one transaction: of that path only
 * this file knows, and of the schema it knows the names of what it changes.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "libvt/base/clock.h"
#include "libvt/proto/accesslog.h"
#include "libvt/store/catalog.h"

#include "tests/bench/random.h"

#define DAY_US INT64_C(86400000000)
#define FIRST_DAY 20400		/* 2025-11-08 */
#define LOG_DAYS 360
#define LIFE_DAYS 700.0		/* the oldest are so old when it ends */
#define END_US ((FIRST_DAY + LOG_DAYS) * DAY_US)
#define BUCKETS 4
#define COVERAGE_US INT64_C(600000000)

static const char *const bucket_names[BUCKETS] = {
	"media", "logs", "scratch", "archive"
};
/* Of 20 objects. */
static const unsigned bucket_share[BUCKETS] = { 10, 6, 3, 1 };

static void
die(const char *what)
{
	fprintf(stderr, "brain: %s\n", what);
	exit(3);
}

/* --- the objects ---------------------------------------------------------- */

struct world {
	uint64_t count;
	uint64_t first[BUCKETS + 1];
	/* an object's place in order of age is index * by_age modulo count,
	 * its rank index * by_rank; and back */
	uint64_t from_age, by_age, from_rank;
};

struct object {
	unsigned bucket;
	char key[96];
	size_t key_len;
	uint64_t size_bytes;
	int64_t mtime_us;
};

static uint64_t
modular(uint64_t a, uint64_t b, uint64_t n)
{
	return (uint64_t)((unsigned __int128)a * b % n);
}

/* A factor without a common divisor with n, about `share` of it. */
static uint64_t
factor(uint64_t n, double share, uint64_t *inverse)
{
	uint64_t f = (uint64_t)((double)n * share) | 1, a, b, t;
	int64_t x0, x1, q;

	for (;; f += 2) {
		/* Euclid's, extended */
		a = f % n;
		b = n;
		x0 = 1;
		x1 = 0;
		while (b != 0) {
			q = (int64_t)(a / b);
			t = a % b;
			a = b;
			b = t;
			t = (uint64_t)x1;
			x1 = x0 - q * x1;
			x0 = (int64_t)t;
		}
		if (a == 1)
			break;
	}
	*inverse = (uint64_t)(x0 < 0 ? x0 + (int64_t)n : x0) % n;
	return f % n;
}

static void
make_world(struct world *w, uint64_t count)
{
	uint64_t unused;
	unsigned i;

	if (count < 100 || count > UINT64_C(1) << 32)
		die("VERSIONS is from 100 to 2^32");
	w->count = count;
	w->first[0] = 0;
	for (i = 0; i < BUCKETS; i++)
		w->first[i + 1] = w->first[i] + count * bucket_share[i] / 20;
	w->first[BUCKETS] = count;
	w->from_age = factor(count, 0.618034, &w->by_age);
	w->from_rank = factor(count, 0.414214, &unused);
}

/* Ages are even. */
static int64_t
born_us(const struct world *w, uint64_t index)
{
	double young = (double)modular(index, w->by_age, w->count) /
	    (double)w->count;

	return END_US - (int64_t)((1 - young) * LIFE_DAYS * 86400e3) * 1000;
}

static void
make_object(const struct world *w, uint64_t index, struct object *o)
{
	struct rng g = { index * 2 + 1 };
	uint64_t in;

	for (o->bucket = 0; index >= w->first[o->bucket + 1]; o->bucket++)
		;
	in = index - w->first[o->bucket];
	/* names rise with the index */
	o->key_len = (size_t)snprintf(o->key, sizeof(o->key),
	    "team%03u/%04u/%02u/part-%09u.parquet", (unsigned)(in / 25000),
	    2018 + (unsigned)(in / 2500 % 10), (unsigned)(in / 100 % 25),
	    (unsigned)in);
	o->size_bytes = (uint64_t)exp(12.2 + 2 * rng_normal(&g));
	o->mtime_us = born_us(w, index);
}

/* --- the catalog ---------------------------------------------------------- */

static void
put_first(struct vt_catalog *c, const char *name, struct vt_err *err)
{
	struct vt_cat_extent x;
	struct vt_cat_op op;
	int64_t bucket;

	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_BUCKET_CREATE;
	op.u.bucket_create.b.name = name;
	if (vt_catalog_run(c, &op, err) != VT_OK)
		die(err->text);
	bucket = op.u.bucket_create.b.id;
	memset(&op, 0, sizeof(op));
	memset(&x, 0, sizeof(x));
	op.kind = VT_CAT_PUT;
	op.u.put.v.bucket_id = bucket;
	op.u.put.v.key = "a-first";
	op.u.put.v.key_len = 7;
	op.u.put.v.size_bytes = 1;
	op.u.put.v.etag = "0123456789abcdef0123456789abcdef";
	op.u.put.tier = "hot";
	op.u.put.extents = &x;
	op.u.put.extent_count = 1;
	x.e.blob.tier = "hot";
	x.e.blob.name = "made-up";
	x.e.blob.token = "";
	x.e.blob.size_bytes = x.e.length = x.e.plain_length = 1;
	x.e.blob.owned = 1;
	if (vt_catalog_blob_id(c, &x.e.blob.id, err) != VT_OK ||
	    vt_catalog_run(c, &op, err) != VT_OK)
		die(err->text);
}

static void
make_buckets(const char *path, int check)
{
	struct vt_clock clock = VT_CLOCK_FIXED(END_US);
	struct vt_catalog_options o;
	struct vt_catalog *c;
	struct vt_err err;
	unsigned i;

	memset(&o, 0, sizeof(o));
	o.clock = &clock;
	o.create = o.checkpointer = 1;
	if (vt_catalog_open(path, &o, &c, &err) != VT_OK)
		die(err.text);
	for (i = 0; i < BUCKETS && !check; i++)
		put_first(c, bucket_names[i], &err);
	if (check && vt_catalog_check(c, &err) != VT_OK)
		die(err.text);
	vt_catalog_close(c);
}

static void
run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
}

static int64_t
ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	int64_t n;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK ||
	    sqlite3_step(s) != SQLITE_ROW)
		die(sqlite3_errmsg(db));
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

/*
 * "INSERT INTO table SELECT ... FROM table WHERE key = ?1": all columns as
 * they are but the named ones, which are parameters from 2 on.
 */
static sqlite3_stmt *
copy_statement(sqlite3 *db, const char *table, const char *key,
    const char *const *changed)
{
	char text[4096], sql[128];
	sqlite3_stmt *columns, *out;
	const char *name;
	size_t used;
	int i, first = 1;

	used = (size_t)snprintf(text, sizeof(text), "INSERT INTO %s SELECT",
	    table);
	snprintf(sql, sizeof(sql), "PRAGMA table_info(%s)", table);
	if (sqlite3_prepare_v2(db, sql, -1, &columns, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
	while (sqlite3_step(columns) == SQLITE_ROW) {
		name = (const char *)sqlite3_column_text(columns, 1);
		for (i = 0; changed[i] != NULL; i++)
			if (strcmp(changed[i], name) == 0)
				break;
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "%s ", first ? "" : ",");
		used += (size_t)(changed[i] != NULL ?
		    snprintf(text + used, sizeof(text) - used, "?%d", i + 2) :
		    snprintf(text + used, sizeof(text) - used, "%s", name));
		first = 0;
	}
	sqlite3_finalize(columns);
	snprintf(text + used, sizeof(text) - used, " FROM %s WHERE %s = ?1",
	    table, key);
	if (sqlite3_prepare_v2(db, text, -1, &out, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
	return out;
}

static void
step(sqlite3_stmt *s)
{
	if (sqlite3_step(s) != SQLITE_DONE ||
	    sqlite3_changes(sqlite3_db_handle(s)) != 1)
		die(sqlite3_errmsg(sqlite3_db_handle(s)));
	sqlite3_reset(s);
}

/* The rows of one object, and the ids they take. */
struct filler {
	sqlite3_stmt *version, *copy, *extent, *blob;
	int64_t seq[BUCKETS], copy_id[BUCKETS], blob_id[BUCKETS];
	int64_t next_id, next_blob;
};

static void
begin_fill(sqlite3 *db, struct filler *f)
{
	static const char *const version[] = {
		"seq", "key", "version_id", "size", "mtime_us", NULL
	};
	static const char *const copy[] = { "seq", "id", "created_us", NULL };
	static const char *const extent[] = {
		"copy", "blob", "length", "plain_length", NULL
	};
	static const char *const blob[] = { "id", "size", "live_bytes", NULL };
	char sql[256];
	unsigned i;

	for (i = 0; i < BUCKETS; i++) {
		snprintf(sql, sizeof(sql), "SELECT v.seq FROM version v JOIN"
		    " bucket b ON b.id = v.bucket WHERE b.name = '%s'",
		    bucket_names[i]);
		f->seq[i] = ask(db, sql);
		snprintf(sql, sizeof(sql), "SELECT id FROM copy WHERE seq ="
		    " %lld", (long long)f->seq[i]);
		f->copy_id[i] = ask(db, sql);
		snprintf(sql, sizeof(sql), "SELECT blob FROM extent WHERE"
		    " copy = %lld", (long long)f->copy_id[i]);
		f->blob_id[i] = ask(db, sql);
	}
	f->version = copy_statement(db, "version", "seq", version);
	f->copy = copy_statement(db, "copy", "seq", copy);
	f->extent = copy_statement(db, "extent", "copy", extent);
	f->blob = copy_statement(db, "blob", "id", blob);
	f->next_id = ask(db, "SELECT value FROM meta WHERE name = 'next_id'");
	f->next_blob = ask(db,
	    "SELECT value FROM meta WHERE name = 'next_blob'");
}

static void
fill_one(struct filler *f, const struct object *o)
{
	int64_t seq = f->next_id++, copy = f->next_id++, blob = f->next_blob++;
	int64_t size = (int64_t)o->size_bytes;
	unsigned char id[16] = { 0 };

	memcpy(id, &seq, sizeof(seq));
	sqlite3_bind_int64(f->version, 1, f->seq[o->bucket]);
	sqlite3_bind_int64(f->version, 2, seq);
	sqlite3_bind_blob(f->version, 3, o->key, (int)o->key_len,
	    SQLITE_STATIC);
	sqlite3_bind_blob(f->version, 4, id, sizeof(id), SQLITE_STATIC);
	sqlite3_bind_int64(f->version, 5, size);
	sqlite3_bind_int64(f->version, 6, o->mtime_us);
	step(f->version);
	sqlite3_bind_int64(f->copy, 1, f->seq[o->bucket]);
	sqlite3_bind_int64(f->copy, 2, seq);
	sqlite3_bind_int64(f->copy, 3, copy);
	sqlite3_bind_int64(f->copy, 4, o->mtime_us);
	step(f->copy);
	sqlite3_bind_int64(f->extent, 1, f->copy_id[o->bucket]);
	sqlite3_bind_int64(f->extent, 2, copy);
	sqlite3_bind_int64(f->extent, 3, blob);
	sqlite3_bind_int64(f->extent, 4, size);
	sqlite3_bind_int64(f->extent, 5, size);
	step(f->extent);
	sqlite3_bind_int64(f->blob, 1, f->blob_id[o->bucket]);
	sqlite3_bind_int64(f->blob, 2, blob);
	sqlite3_bind_int64(f->blob, 3, size);
	sqlite3_bind_int64(f->blob, 4, size);
	step(f->blob);
}

static void
fill(const char *path, const struct world *w)
{
	struct filler f;
	struct object o;
	char sql[128];
	sqlite3 *db;
	uint64_t i;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		die(sqlite3_errmsg(db));
	run(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
	    "PRAGMA cache_size = -200000; BEGIN EXCLUSIVE");
	begin_fill(db, &f);
	for (i = 0; i < w->count; i++) {
		make_object(w, i, &o);
		fill_one(&f, &o);
	}
	snprintf(sql, sizeof(sql), "UPDATE meta SET value = %lld WHERE name ="
	    " 'next_id'", (long long)f.next_id);
	run(db, sql);
	snprintf(sql, sizeof(sql), "UPDATE meta SET value = %lld WHERE name ="
	    " 'next_blob'", (long long)f.next_blob);
	run(db, sql);
	sqlite3_finalize(f.version);
	sqlite3_finalize(f.copy);
	sqlite3_finalize(f.extent);
	sqlite3_finalize(f.blob);
	run(db, "COMMIT");
	run(db, "PRAGMA journal_mode = WAL");
	sqlite3_close(db);
}

/* --- the log -------------------------------------------------------------- */

static uint64_t
choose(const struct world *w, struct rng *g, int64_t now_us)
{
	double n = (double)w->count, age, place;
	uint64_t index;

	for (;;) {
		if (rng_below(g, 3) == 0) {
			age = LIFE_DAYS - (double)(END_US - now_us) /
			    (double)DAY_US - 20 * rng_exponential(g);
			place = n * age / LIFE_DAYS;
			if (!(place >= 0) || place >= n)
				continue;
			index = modular((uint64_t)place, w->from_age,
			    w->count);
		} else {
			/* 1 / rank: ranks are even on a logarithmic scale */
			index = modular((uint64_t)pow(n, rng_unit(g)),
			    w->from_rank, w->count);
		}
		if (born_us(w, index) <= now_us)
			return index;
	}
}

static void
make_access(const struct world *w, struct rng *g, struct object *o,
    struct vt_access *a)
{
	static const char *const agents[] = {
		"aws-sdk-java/2.25 Linux", "Boto3/1.34.69 md/Botocore",
		"rclone/v1.66.0"
	};
	static char id[17], remote[16];

	make_object(w, choose(w, g, a->time_us), o);
	snprintf(id, sizeof(id), "%016llx", (unsigned long long)rng_next(g));
	snprintf(remote, sizeof(remote), "10.0.%u.%u",
	    (unsigned)rng_below(g, 8), (unsigned)rng_below(g, 250));
	a->request_id = id;
	a->node = "node1";
	a->actor = "client";
	a->remote = remote;
	a->key_id = "VAULTAIREEXAMPLEKEY0";
	a->op = rng_below(g, 25) == 0 ? "HeadObject" : "GetObject";
	a->bucket = bucket_names[o->bucket];
	a->key = o->key;
	a->key_len = o->key_len;
	a->status = 200;
	a->range_first = a->range_length = -1;
	a->bytes_out = (int64_t)o->size_bytes;
	if (*a->op == 'H') {
		a->bytes_out = 0;
	} else if (rng_below(g, 5) == 0) {
		a->status = 206;
		a->range_first = 0;
		a->range_length = a->bytes_out = 1 + a->bytes_out / 10;
	}
	a->size = (int64_t)o->size_bytes;
	a->copy_id = -1;
	a->tier = "hot";
	a->backend_bytes = a->bytes_out;
	a->backend_requests = *a->op == 'G';
	a->ttfb_us = (int64_t)(300 * rng_exponential(g));
	a->total_us = a->ttfb_us + a->bytes_out / 500;
	a->agent = agents[rng_below(g, 3)];
}

static void
flush(struct vt_buf *b)
{
	if (b->failed || fwrite(b->data, 1, b->len, stdout) != b->len)
		die("cannot write the log");
	vt_buf_reset(b);
}

static void
put_coverage(struct vt_buf *b, int64_t from_us, int64_t to_us)
{
	char from[25], to[25];

	vt_time_rfc3339_ms(from_us, from);
	vt_time_rfc3339_ms(to_us, to);
	vt_buf_printf(b, "{\"v\":1,\"op\":\"log\",\"time\":\"%s\","
	    "\"node\":\"node1\",\"from\":\"%s\",\"to\":\"%s\","
	    "\"dropped\":0}\n", to, from, to);
}

static void
print_log(const struct world *w, uint64_t lines, int first, int last)
{
	int64_t from = FIRST_DAY * DAY_US + first * DAY_US;
	int64_t to = FIRST_DAY * DAY_US + last * DAY_US;
	int64_t covered = from;
	struct rng g = { (uint64_t)first + 99 };
	double step_us = (double)(LOG_DAYS * DAY_US) / (double)lines;
	double at = (double)from;
	struct vt_access a;
	struct object o;
	struct vt_buf b;

	memset(&a, 0, sizeof(a));
	vt_buf_init(&b, 1 << 22);
	while ((at += step_us * rng_exponential(&g)) < (double)to) {
		a.time_us = (int64_t)at;
		for (; covered + COVERAGE_US <= a.time_us;
		    covered += COVERAGE_US)
			put_coverage(&b, covered, covered + COVERAGE_US);
		make_access(w, &g, &o, &a);
		vt_accesslog_format(&a, &b);
		if (b.len >= 1 << 20)
			flush(&b);
	}
	for (; covered < to; covered += COVERAGE_US)
		put_coverage(&b, covered, covered + COVERAGE_US);
	flush(&b);
	if (fflush(stdout) != 0)
		die("cannot write the log");
	vt_buf_release(&b);
}

int
main(int argc, char **argv)
{
	struct world w;

	if (argc == 4 && strcmp(argv[1], "catalog") == 0) {
		make_world(&w, strtoull(argv[3], NULL, 10));
		make_buckets(argv[2], 0);
		fill(argv[2], &w);
		/* all of it takes long, and would hold for more as well */
		if (w.count <= 1000000)
			make_buckets(argv[2], 1);
		return 0;
	}
	if ((argc == 4 || argc == 6) && strcmp(argv[1], "log") == 0) {
		make_world(&w, strtoull(argv[2], NULL, 10));
		print_log(&w, strtoull(argv[3], NULL, 10),
		    argc == 6 ? atoi(argv[4]) : 0,
		    argc == 6 ? atoi(argv[5]) : LOG_DAYS);
		return 0;
	}
	return 2;
}
