/*
 * Durability under fire: what the files of this folder share.
 *
 *	crashload.c	main: the rounds of each mode
 *	crashops.c	clients: what they do to the server
 *	crashverify.c	and what they do after a restart to see what it kept
 *	crashledger.c	what each key may hold, from what was acknowledged
 *	crashraw.c	requests that libvt's client does not make
 *	crashbytes.c	bodies made of numbers, never stored
 *	crashstore.c	catalog against tiers; plans; damage
 *	crashproc.c	the programs under test: started, killed, cut off
 *	crashfar.c	tiers on another machine: another vt-serve
 *
 * The ledger judges every read as a register: a value may be seen when its
 * write began before the read ended and no other acknowledged write lies
 * wholly between the two.  A write without an answer may take effect or not,
 * but whole.
 */
#ifndef CRASH_H
#define CRASH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "libvt/base/clock.h"
#include "libvt/proto/s3client.h"
#include "libvt/work/config.h"

#define SEGS_MAX 8
#define PARTS_MAX 3
#define UPLOADS_MAX 3
#define CLIENTS_MAX 64
#define OWN_KEYS 12		/* of each client */
#define SHARED_KEYS 12		/* everyone writes these */
#define HISTORY_KEYS 2		/* of each client, in the versioned bucket */
#define NO_ANSWER INT64_MAX
#define BUCKET "crash"
#define HISTORY_BUCKET "history"
/* Of the empty body. */
#define NOTHING_SHA256 \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* --- crashbytes.c --------------------------------------------------------- */

struct rng {
	uint64_t s;
};
uint64_t rng_next(struct rng *r);
/* 0 .. n - 1 */
uint64_t rng_below(struct rng *r, uint64_t n);
/* 1 in about `n` calls. */
int rng_one_in(struct rng *r, unsigned n);

/* Bytes of an endless stream that its seed determines. */
struct seg {
	uint64_t seed, offset, length;
};
struct content {
	uint64_t size;
	unsigned segs;
	struct seg seg[SEGS_MAX];
};
void content_new(struct content *c, uint64_t seed, uint64_t size);
/* Append a range of another content; 0, or -1 when it has too many pieces. */
int content_add(struct content *c, const struct content *from,
    uint64_t offset, uint64_t length);
void content_read(const struct content *c, uint64_t offset, void *data,
    size_t len);
int content_equal(const struct content *c, const void *data, size_t len);

/* --- crashledger.c -------------------------------------------------------- */

/* One change of a key. */
struct write {
	uint64_t id;		/* never used twice; in the content type too */
	int64_t start_us, end_us;	/* NO_ANSWER: may happen or not */
	int deleted;
	struct content content;
	char etag[64];		/* "" not known */
	char type[32];
};

/* A version that was acknowledged, of a key with versions. */
struct kept {
	char version[VT_S3_KEY_MAX];
	struct write w;
	int deleted;		/* 1: acknowledged, -1: no answer */
};

struct key {
	const char *bucket;
	char name[48];
	int shared;		/* written by every client */
	pthread_mutex_t lock;
	struct write *writes;
	size_t count, cap;
	struct kept *kept;
	size_t kept_count, kept_cap;
};

/* What a read saw. */
struct seen {
	int absent;
	char *data;
	size_t len, cap;
	char etag[128], type[256], version[256];
};

void key_init(struct key *k, const char *bucket, const char *name);
void key_release(struct key *k);
/* A write begins: start, id are set here; the id is returned. */
uint64_t key_begin(struct key *k, struct write *w);
/* It was acknowledged. */
void key_ack(struct key *k, uint64_t id, const char *etag);
/* It was refused: it did not happen. */
void key_undo(struct key *k, uint64_t id);
/* The value of a key with one writer that waits for each answer. */
void key_value(struct key *k, struct write *out);
/* The versioned key has an acknowledged version. */
void key_keep(struct key *k, const struct write *w, const char *version);
/*
 * May a read from..to have seen this?  1; else 0 and a sentence in why.
 * `settle`: the store is at rest, what was seen is the value from now on.
 */
int key_judge(struct key *k, const struct seen *s, int64_t from_us,
    int64_t to_us, int settle, char why[300]);
/* Is this what the write left?  As key_judge says it. */
int write_matches(const struct write *w, const struct seen *s,
    char why[300]);

/* --- crashproc.c ---------------------------------------------------------- */

struct proc {
	pid_t pid;		/* 0: not running */
	int out;		/* its stdout and stderr, -1 */
	pthread_t drain;
	int draining;
};

struct cut {			/* power cuts */
	const char *dir;	/* of powercut.so and powercut_apply, or NULL */
	char journal[512];
	uint64_t at;		/* POWERCUT_AT for the next program, or 0 */
};

struct world {
	const char *bin;	/* folder of the programs, or NULL: PATH */
	char data[400], log[512], plans[2][512];
	struct cut cut;
	struct proc server;
	char endpoint[64];
	unsigned admin_port;
	struct world *far;	/* where its remote tiers are, or NULL */
	char **server_args;	/* more options of vt-serve */
	int server_arg_count;
	uint64_t starts, kills, cuts;
};

/* Start vt-serve; 0 when it is ready and w->endpoint is known.  -1: it died,
 * or `patience_ms` (if >= 0) passed first. */
int server_start(struct world *w, int patience_ms);
/* End it by `sig` and wait.  0: it died by that signal or, for SIGTERM, left
 * with 0; else -1 and words. */
int server_end(struct world *w, int sig, char why[300]);
/* It is to die by itself (a power cut): wait for that. */
int server_wait(struct world *w, char why[300]);

/* Start vt-migrate with stdout to a file, or (NULL) to the pipe p->out. */
void migrate_start(struct world *w, const char *const *args, const char *out,
    struct proc *p);
/* Run it to its end, its results unread; as proc_wait. */
int migrate_run(struct world *w, const char *const *args);
/* Wait: exit status, or minus the signal. */
int proc_wait(struct proc *p);
/* The next programs lose power at their n-th change of the disk. */
void power_cut_at(struct world *w, uint64_t change);
/* Undo what was not synced; everything must be dead.  0 or -1. */
int power_cut(struct world *w, struct rng *r);

/* --- crashstore.c --------------------------------------------------------- */

struct figures {
	uint64_t versions, blobs, bytes;
};
/*
 * The catalog is consistent; every blob row has its bytes on its tier; nothing
 * else lies there; no garbage is left.  `idle`: no program runs, so no lease
 * may be left either.  Complains of each thing that is wrong.
 */
void store_check(const struct world *w, int idle, struct figures *out);

/* Make the configuration of a new store, with a switch set. */
void store_config(const struct world *w, const char *name, int on);
/* Keep the versions of a bucket: for a server that cannot be asked to. */
void store_versions(const struct world *w, const char *bucket);

/* A move of a plan, to be looked at again when it is carried out. */
struct planned {
	int64_t seq, copy;
	char from[33], to[33];
	int status;		/* 0 none, 'm'oved, 'a'lready, 's'kipped... */
};
struct plan {
	char path[512], out[512];
	struct planned *moves;
	size_t count;
};
/* Plan a move of about `percent` of all versions into a file of that path. */
void plan_make(const struct world *w, struct rng *r, unsigned percent,
    const char *path, struct plan *out);
void plan_release(struct plan *p);
/* Take a result line of vt-migrate. */
void plan_result(struct plan *p, const char *line, size_t len);
/* Every version has one copy, and those whose move was acknowledged (all: of
 * every move) have it where it was to go. */
void plan_check(const struct world *w, const struct plan *p, int all);

/* Change the file behind a key; what was done is put into `what`.  1; 0 when
 * there is no such file; -1 with errno. */
enum damage { FLIP_BYTE, DROP_BLOB, ADD_FILE, ADD_UNFINISHED, SHORTEN,
    DAMAGES };
int store_damage(const struct world *w, const struct key *k, enum damage d,
    char what[300]);

/* --- crashfar.c ----------------------------------------------------------- */

/* Start another vt-serve, which lives to the end, and configure two tiers on
 * it for a new store. */
void far_start(struct world *w);
/* Configure again, with a fault of these two tiers (NULL: none) for whatever
 * program starts next. */
void far_config(const struct world *w, const char *fault);
/* Wait until the other machine has nothing in hand any more: what was sent by
 * a program that is dead has arrived. */
void far_settle(const struct world *w);
/* Whatever lies there of the tier with that URL, by name; complains of
 * uploads. */
typedef void far_visit(void *ctx, const char *name, uint64_t size_bytes);
void far_look(const struct world *w, const char *url, far_visit *visit,
    void *ctx);

/* --- crashops.c ----------------------------------------------------------- */

enum upload_state { UP_NONE, UP_CREATING, UP_OPEN, UP_COMPLETING,
    UP_ABORTING };
struct upload {
	enum upload_state state;
	struct key *key;
	char *id, type[32];
	uint64_t write_id;	/* while completing */
	struct vt_s3_part parts[PARTS_MAX];	/* by number; size 0: none */
	struct content contents[PARTS_MAX];
	int unsure[PARTS_MAX];	/* its last change had no answer */
};

struct load;
struct client {
	struct load *load;
	unsigned number;
	pthread_t thread;
	struct rng rng;
	struct vt_httpc *http;	/* for what s3client does not speak */
	struct vt_httpc_response resp;
	struct key own[OWN_KEYS], history[HISTORY_KEYS];
	struct upload uploads[UPLOADS_MAX];
	int64_t gone_us;	/* when the server did not answer any more */
	char gone[300];
};

struct load {
	struct world *world;
	struct vt_s3 *s3;
	struct vt_cred cred;
	uint64_t seed;
	unsigned clients, round;
	int gentle;		/* sizes and operations for a race: no large */
	struct client client[CLIENTS_MAX];
	struct key shared[SHARED_KEYS];
	atomic_int stop;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	uint64_t acks, acks_wanted;	/* cond: as many were reached */
	uint64_t alive;		/* clients at work; cond: none is */
	uint64_t puts, deletes, copies, completes, gets, lists, refused;
	uint64_t bytes_put, bytes_got, in_flight;
};

int load_init(struct load *l, struct world *w, uint64_t seed,
    unsigned clients);
void load_release(struct load *l);
/* Clients for the server as it runs now; buckets are made by the first. */
int load_connect(struct load *l, int make_buckets);
/* Run `fn` in a thread for each client / wait for all. */
void clients_start(struct load *l, void *(*fn)(void *client));
void clients_join(struct load *l);
void *client_work(void *client);	/* until stop, or the server is gone */
void *client_fill(void *client);	/* something into every key */
void *client_part(void *client);	/* one key is there, another is not */
void *client_break(void *client);	/* PUTs that come to nothing */
void *client_read(void *client);	/* only reads, until stop */

/* For crashverify.c. */
/* GET; 0, or -1 when there is no answer.  Free s->data. */
int client_get(struct client *c, struct key *k, const char *version,
    struct seen *s);
/*
 * A request has failed; returns -1.  Without an answer the server is gone, as
 * it may be: this client ends.  Any other answer than asked for is a fault of
 * the store.
 */
int client_failed(struct client *c, const char *what, const struct key *k,
    const struct vt_err *err);
void client_count(struct client *c, uint64_t *counter, uint64_t n);
/* This client has ended. */
void client_ends(struct client *c);
/* Forget an upload. */
void upload_drop(struct upload *u);

/* --- crashraw.c ----------------------------------------------------------- */

/* A request that s3client does not make. */
struct raw {
	const char *method, *bucket, *key, *query;
	struct vt_header headers[6];
	size_t header_count;
	const void *body;
	int body_fd;
	uint64_t body_len;
	const char *sha256;	/* claimed; NULL: of `body` */
};
void raw_header(struct raw *q, const char *name, const char *value);
/* VT_OK: an answer came; c->resp has it. */
enum vt_code raw_send(struct client *c, const struct raw *q,
    struct vt_err *err) VT_MUST_CHECK;
/* Anything but 2xx is a failure, 503 one that a client must expect. */
enum vt_code raw_status(struct client *c, struct vt_err *err) VT_MUST_CHECK;
/* The text of an element below the answer's root; "" when missing. */
void raw_text(struct client *c, const char *element, char *out, size_t size);
/* The ETag below the answer's root, without its quotes. */
void raw_etag(struct client *c, char out[128]);

/* --- crashverify.c -------------------------------------------------------- */

void *client_verify(void *client);	/* settle all its keys */
/* LIST of a prefix against the values of all its keys. */
int check_list(struct client *c, const char *bucket, const char *prefix,
    struct key **keys, size_t n);
/* All keys, against what client_verify found; uploads in progress. */
void verify_lists(struct load *l);
void verify_uploads(struct load *l);

/* --- crashload.c ---------------------------------------------------------- */

/* Something is wrong with the store.  Counted; printed unless the self-check
 * wants to see it. */
void complain(const char *fmt, ...) VT_PRINTF(1, 2);
/* The test itself cannot go on. */
void give_up(const char *fmt, ...) VT_PRINTF(1, 2) __attribute__((noreturn));

#endif
