/*
 * Histories: eight clients ask for everything at once on four keys; are the
 * answers those of a store that does one thing at a time?
 *
 *	history.c	main: rounds, servers, moves, kills, planted faults
 *	histops.c	clients: random requests, each recorded
 *	histjudge.c	the judge: is there an order that explains it all?
 *	histself.c	histories made by hand, right and wrong, for the judge
 *
 * A history is a list of steps, each with the moments when it was asked for
 * and answered.  It is linearizable (M. Herlihy, J. Wing: "Linearizability: a
 * correctness condition for concurrent objects", TOPLAS 1990) when all steps
 * can be put into one order in which no step comes before one that had been
 * answered when it was asked for, and in which the model, a single-threaded
 * store, gives the very answers that were seen.
 *
 * The model of a key is its stack of versions.  Without versioning it holds
 * one or none; with it, DELETE pushes a marker and DELETE of a version takes
 * that one out wherever it lies; suspended, everything replaces the null
 * version.  A step is what it needs the stack to be and what it does to it:
 *
 *	PUT			needs nothing, pushes
 *	PUT If-None-Match: *	200 needs that nothing is there, pushes;
 *				412 needs that something is there
 *	PUT If-Match: E		200 needs E on top, pushes; 412 another on
 *				top; 404 nothing there
 *	complete an upload	as PUT; repeated, it must do nothing.  When
 *				several say it at the same time, as clients do
 *				that wait no longer for an answer, it is done
 *				between the first question and the first answer
 *	GET, HEAD		needs what it returned on top
 *	GET of a version	needs it in the stack, or not
 *	list versions		needs the stack to be exactly so
 *
 * One key is judged at a time: by the locality theorem of that paper a history
 * is linearizable if it is for each object.  What touches several keys is no
 * atomic step in S3 and is taken apart:
 *
 *	LIST	one read for each key, of a page's keys while that page was
 *		asked for, so that what was acknowledged before is to be seen;
 *	copy	a read of the source, which must have held the bytes of the
 *		answer's ETag (and source version) at some moment during the
 *		copy, and a write of that value to the destination during the
 *		copy.
 *		That the read comes first is not asked for: so nothing right
 *		is ever called wrong, and of what is wrong only a copy that
 *		guesses its source's future is missed;
 *	batches	one DELETE for each key.
 *
 * A write without an answer (the server was killed) may take effect once, not
 * after the next server has begun, or never.  If it is a copy, nobody knows
 * which value it would have written: then any.
 *
 * Every body is written once, so its ETag names its write; a copy has the ETag
 * of its source, and is told apart by its version where there are versions.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include "tests/crash/crash.h"

#define KEYS 4
#define PLAYERS 8
#define STEPS_MAX 1024		/* of one key */
#define BODIES_MAX 2048
#define VERSIONS_MAX 4096
#define UNTOLD (-1)		/* the answer has no version in it */

enum versioning { PLAIN, ENABLED, SUSPENDED };

enum need {
	NOTHING,
	ABSENT,			/* nothing on top, or the marker `version` */
	PRESENT,
	VALUE,			/* value (and version) on top */
	OTHER,			/* another value on top */
	BYTES,			/* the bytes of the value (and version) on top */
	HAS,			/* the version is there, with that value */
	HAS_BYTES,		/* the same, with its bytes */
	HAS_MARKER,
	LACKS,			/* the version is not there */
	EXACTLY			/* the whole stack is as listed */
};
enum effect { NO_EFFECT, PUSH, MARK, REMOVE };

/* Of a listing of versions, newest first. */
struct listed {
	int marker, value, version;
	int64_t modified_ms;
};

struct step {
	int64_t call_us, return_us;	/* NO_ANSWER: may happen, or not */
	int64_t until_us;		/* without an answer: but not later */
	unsigned key, player;
	const char *what;
	enum need need;
	int value;		/* that it needs; 0: any */
	int version;		/* 0: none, UNTOLD */
	struct listed *list;
	size_t list_count;
	enum effect effect;
	int wrote;		/* value; 0: not known */
	int wrote_version;	/* of PUSH, MARK; 0: none or not known; of
				   REMOVE the one that goes */
	int64_t modified_ms;	/* of the current object; 0: not seen */
	int in_seconds;		/* ... and of what precision */
	unsigned upload;	/* of a complete that others say too, or 0 */
};

/*
 * A body.  Its values are 2i + 1, its bytes stored whole, and 2i + 2, the same
 * bytes as an upload of one part: their ETags differ.
 */
struct body {
	struct content content;
	char etag[2][48];
};

struct history {
	enum versioning versioning;
	struct step *steps;
	size_t count, cap;
	pthread_mutex_t lock;		/* of what players share: */
	struct body body[BODIES_MAX];
	size_t body_count;
	char version[VERSIONS_MAX][64];	/* number 0 is none */
	unsigned version_key[VERSIONS_MAX];
	char version_acked[VERSIONS_MAX];	/* its write had an answer */
	size_t version_count;
};

/* --- histjudge.c ---------------------------------------------------------- */

/* Append; exits when memory is short. */
struct step *history_add(struct history *h);
void history_reset(struct history *h, enum versioning versioning);
/*
 * 1: it can be explained.  0: it cannot, and `why` says of which key; -1: the
 * search was given up.  When `to` is not NULL the steps of that key are
 * written to it, with those that no order has room for.
 */
int history_judge(struct history *h, FILE *to, char why[300]);

/* --- histself.c ----------------------------------------------------------- */

/* How many histories made by hand are judged wrongly; each is told of. */
unsigned history_selfcheck(void);

/* --- histops.c ------------------------------------------------------------ */

/* How the harness lies to the judge, as a server with that fault would. */
enum plant { NO_PLANT, STALE_GET, STALE_LIST, LOST_PUT, LOST_DELETE,
    BLIND_CAS, TWICE, PLANTS };
extern const char *const plant_names[PLANTS];

struct player {
	struct client *client;		/* its connection */
	struct game *game;
	unsigned number, steps_left;
	struct rng rng;
	struct history own;		/* steps alone */
	int seen[KEYS];			/* the last value of each key */
	int gone;			/* no answer: the server is dead */
	int again;			/* TWICE: a value to be put again */
	unsigned again_key;
};

struct game {
	struct load *load;
	struct history history;
	enum plant plant;
	const char *bucket;
	char prefix[32];
	char key[KEYS][48];
	unsigned kill_after;		/* requests, then the server is
					   killed; 0: never */
	unsigned sizes;			/* percent of bodies over 4 KiB */
	atomic_uint done;		/* requests */
	atomic_int stop;
	pthread_barrier_t start;
	struct player player[PLAYERS];
	/* Under history.lock: the last upload that anybody may complete. */
	struct open_upload {
		unsigned number, key;	/* number 0: there is none */
		int value;
		char query[200];
	} open;
	unsigned uploads;
	/* Of STALE_GET and STALE_LIST, under history.lock. */
	struct step cached[KEYS], cached_list[KEYS];
	int has_cached[KEYS], has_cached_list;
};

void game_open(struct game *g, struct load *l);
void game_close(struct game *g);
/* A new history, on keys of its own. */
void game_begin(struct game *g, unsigned number, uint64_t seed,
    enum versioning versioning);
/* Let all players do `steps` requests each, or work until g->stop. */
void game_start(struct game *g, unsigned steps);
/* Wait for them; those without an answer end too. */
void game_join(struct game *g);
/* What they left without an answer was done by now, or never. */
void game_settle(struct game *g);
/* Look at everything once more with nobody else at work, take the players'
 * steps together. */
void game_end(struct game *g);
/* Delete all versions of all keys and see that nothing is left. */
void game_clean(struct game *g);
/* Make the three buckets. */
void game_buckets(struct load *l);

#endif
