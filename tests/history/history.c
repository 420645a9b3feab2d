/*
 * histories: random histories of concurrent clients, judged: see history.h.
 *
 *	histories run       histories that must be linearizable
 *	histories planted   histories of a store with a fault, which must be
 *	                   found in 9 of 10; for each fault
 *	histories selfcheck  histories made by hand
 *
 * In `run` one history in five has its keys moved between tiers by vt-migrate
 * meanwhile (P3), one in ten has vt-serve killed and started again in the
 * middle (P1, P4), and every 25 have a store of their own, with small bodies
 * in the catalog, in files, or larger ones in the catalog too.
 *
 * A seed gives the same requests again, not the same moments: who runs it
 * again for a history that was wrong may need many tries, so that the history
 * itself is kept.
 *
 * Exit: 0 all is well, 1 the store broke a promise (or a planted fault was not
 * found), 2 usage, 3 the test could not be made.
 */
#include <sys/stat.h>

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/num.h"

#include "tests/history/history.h"

#define STORE_HISTORIES 25

static const char usage[] =
"usage: histories run|planted [options] DIR [-- options of vt-serve]\n"
"       histories selfcheck\n"
"\n"
"DIR is made; it must not exist.\n"
"\n"
"  --bin DIR        where vt-serve and vt-migrate are (default: PATH)\n"
"  --histories N    of each kind (default 200; planted: 10)\n"
"  --only N         that one alone, as often as --histories says\n"
"  --requests N     of a history (default 96; planted: 200)\n"
"  --seed N         of all that is random (default: told, new each time)\n";

static pthread_mutex_t talk = PTHREAD_MUTEX_INITIALIZER;
static uint64_t complaints;
static int expected;		/* complaints are what we are after */
static struct load load;
static struct world world;
static struct game game;
static struct rng dice;
static char dir[400];
static uint64_t seed, requests, steps, moves, skipped;

void
complain(const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&talk);
	complaints++;
	if (!expected && complaints <= 50) {
		fputs("FAIL: ", stderr);
		va_start(ap, fmt);
		vfprintf(stderr, fmt, ap);
		va_end(ap);
		fputc('\n', stderr);
	}
	pthread_mutex_unlock(&talk);
}

void
give_up(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "histories: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(complaints > 0 && !expected ? 1 : 3);
}

/* --- stores --------------------------------------------------------------- */

/* Where small bodies go differs from store to store. */
static void
write_config(unsigned kind)
{
	static const char *const instead[] = { "\"inline\": true",
	    "\"inline\": false",
	    "\"inline\": true, \"inline_max\": \"64K\"" };
	char path[512], *text = vt_config_default_text(), *at;
	struct vt_buf b;
	struct vt_err err;

	at = text != NULL ? strstr(text, instead[0]) : NULL;
	if (at == NULL)
		give_up("the default configuration has no %s", instead[0]);
	*at = '\0';
	vt_buf_init(&b, 1 << 20);
	vt_buf_str(&b, text);
	vt_buf_str(&b, instead[kind % 3]);
	vt_buf_str(&b, at + strlen(instead[0]));
	snprintf(path, sizeof(path), "%s/vaultaire.json", world.data);
	if (b.failed || vt_fs_replace(path, 0600, b.data, b.len, &err) != VT_OK)
		give_up("cannot write '%s'", path);
	vt_buf_release(&b);
	free(text);
}

static void
store_begin(unsigned number)
{
	snprintf(world.data, sizeof(world.data), "%.360s/store%u", dir,
	    number);
	if (mkdir(world.data, 0700) < 0)
		give_up("cannot make '%s': %s", world.data, strerror(errno));
	write_config(number);
	game.sizes = number % 2 == 0 ? 30 : 60;
	if (server_start(&world, -1) < 0)
		give_up("vt-serve does not start: see %s", world.log);
	load_connect(&load, 0);
	game_buckets(&load);
}

/* Stop, and compare the catalog with the tiers. */
static void
store_end(void)
{
	static const char *const gc[] = { "--gc", "--ignore-grace", "--quiet",
	    NULL };
	struct figures figures;
	char why[300];

	if (server_end(&world, SIGTERM, why) < 0)
		complain("%s", why);
	if (migrate_run(&world, gc) != 0)
		complain("vt-migrate --gc failed: see %s", world.log);
	store_check(&world, 1, &figures);
	if (figures.versions > 0)
		complain("%llu versions are left in the catalog",
		    (unsigned long long)figures.versions);
}

/* --- a history ------------------------------------------------------------ */

static void
count_moves(struct plan *plan)
{
	char *text, *p, *nl;
	struct vt_err err;
	size_t len, i;

	if (vt_fs_read(plan->out, 1 << 30, &text, &len, &err) != VT_OK)
		give_up("%s", err.text);
	for (p = text; (nl = strchr(p, '\n')) != NULL; p = nl + 1)
		plan_result(plan, p, (size_t)(nl - p));
	free(text);
	for (i = 0; i < plan->count; i++) {
		moves += plan->moves[i].status == 'm';
		skipped += plan->moves[i].status == 's';
		if (plan->moves[i].status == 'f')
			complain("%s: a move failed: see %s", game.prefix,
			    plan->out);
	}
}

/* The players work for as long as their keys are being moved. */
static void
play_moved(unsigned each)
{
	const char *args[] = { "--grace", "0s", "--jobs", "2", "--quiet",
	    world.plans[0], NULL };
	struct plan plan;
	struct proc proc;
	unsigned i;

	game_start(&game, each / 3);
	game_join(&game);
	for (i = 0; i < 2; i++) {
		plan_make(&world, &dice, 70, world.plans[0], &plan);
		migrate_start(&world, args, plan.out, &proc);
		game_start(&game, each);
		if (proc_wait(&proc) != 0)
			complain("vt-migrate failed: see %s", world.log);
		game.stop = 1;
		game_join(&game);
		count_moves(&plan);
		plan_release(&plan);
	}
}

/* The server dies at a random moment; the rest is asked of the next one. */
static void
play_killed(unsigned each)
{
	char why[300];

	game.kill_after = 1 + (unsigned)rng_below(&dice, each * PLAYERS / 2);
	game_start(&game, each);
	game_join(&game);
	if (server_wait(&world, why) < 0)
		complain("%s", why);
	if (server_start(&world, -1) < 0)
		give_up("vt-serve does not start: see %s", world.log);
	load_connect(&load, 0);
	game.kill_after = 0;
	game_settle(&game);
	game_start(&game, each / 2);
	game_join(&game);
}

static enum versioning
versioning_of(unsigned number)
{
	return number % 2 == 0 ? PLAIN : number % 8 == 7 ? SUSPENDED : ENABLED;
}

/* 1: it can be explained. */
static int
one_history(unsigned number, unsigned each)
{
	uint64_t before = complaints;
	char path[512], why[300];
	FILE *to = NULL;
	int rc;

	dice.s = seed + number;
	game_begin(&game, number, rng_next(&dice), versioning_of(number));
	if (game.plant == NO_PLANT && number / 2 % 10 == 9)
		play_killed(each);
	else if (game.plant == NO_PLANT && number / 2 % 5 == 1)
		play_moved(each);
	else {
		game_start(&game, each);
		game_join(&game);
	}
	game_end(&game);
	requests += game.done;
	steps += game.history.count;
	snprintf(path, sizeof(path), "%s/history-%u.txt", dir, number);
	if (!expected) {
		to = fopen(path, "w");
		if (to == NULL)
			give_up("cannot write '%s'", path);
	}
	rc = history_judge(&game.history, to, why);
	if (to != NULL && fclose(to) != 0)
		give_up("cannot write '%s'", path);
	if (rc < 0)
		give_up("%s%s", game.prefix, why);
	if (rc == 0)
		complain("%s%s: see %s", game.prefix, why, path);
	else
		unlink(path);
	rc = complaints == before;
	if (rc || expected)
		game_clean(&game);
	return rc;
}

/* --- modes ---------------------------------------------------------------- */

static void
check_complaints(void)
{
	if (complaints == 0)
		return;
	fprintf(stderr, "%llu complaints; seed %llu; all is in %s\n",
	    (unsigned long long)complaints, (unsigned long long)seed, dir);
	if (world.server.pid > 0)
		kill(world.server.pid, SIGKILL);
	exit(1);
}

static void
run(unsigned histories, int only, unsigned each)
{
	unsigned i, number, first = only < 0 ? 0 : (unsigned)only;

	for (i = 0; i < histories; i++) {
		number = only < 0 ? i : first;
		if (i % STORE_HISTORIES == 0)
			/* As that of the history that is run again. */
			store_begin(only < 0 ? i / STORE_HISTORIES :
			    first / STORE_HISTORIES);
		one_history(number, each);
		check_complaints();
		if (i + 1 == histories || (only < 0 &&
		    (i + 1) % STORE_HISTORIES == 0))
			store_end();
		check_complaints();
	}
	printf("run: %u histories are linearizable\n", histories);
}

static void
planted(unsigned histories, unsigned each)
{
	unsigned i, found, missed = 0;
	int plant;

	store_begin(0);
	expected = 1;
	for (plant = NO_PLANT + 1; plant < PLANTS; plant++) {
		game.plant = (enum plant)plant;
		found = 0;
		for (i = 0; i < histories; i++)
			found += !one_history((unsigned)plant * histories + i,
			    each);
		printf("planted: %s: found in %u of %u\n",
		    plant_names[plant], found, histories);
		fflush(stdout);
		missed += found * 10 < histories * 9;
	}
	expected = 0;
	complaints = 0;
	store_end();
	check_complaints();
	if (missed > 0)
		exit(1);
}

static uint64_t
number(const char *name, const char *text, uint64_t min, uint64_t max)
{
	uint64_t n;

	if (vt_num_scan_u64(text, strlen(text), &n) == 0 && n >= min &&
	    n <= max)
		return n;
	fprintf(stderr, "histories: %s: not a number in range: %s\n", name,
	    text);
	exit(2);
}

static void
make_places(const char *path)
{
	if (mkdir(path, 0700) < 0 || strlen(path) >= sizeof(dir))
		give_up("cannot make '%s': %s", path, strerror(errno));
	snprintf(dir, sizeof(dir), "%s", path);
	snprintf(world.log, sizeof(world.log), "%s/log", dir);
	snprintf(world.plans[0], sizeof(world.plans[0]), "%s/plan", dir);
	world.server.out = -1;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "bin", required_argument, NULL, 'b' },
		{ "histories", required_argument, NULL, 'n' },
		{ "only", required_argument, NULL, 'o' },
		{ "requests", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 'S' },
		{ NULL, 0, NULL, 0 }
	};
	const char *mode = argc > 1 ? argv[1] : "";
	unsigned histories = 0, each = 0;
	int64_t begun = vt_clock_mono_us();
	int c, only = -1;

	if (strcmp(mode, "selfcheck") == 0)
		return history_selfcheck() > 0;
	optind = 2;
	while (argc > 1 && (c = getopt_long(argc, argv, "+", options,
	    NULL)) != -1)
		switch (c) {
		case 'b':
			world.bin = optarg;
			break;
		case 'n':
			histories = (unsigned)number("--histories", optarg, 1,
			    1000000);
			break;
		case 'o':
			only = (int)number("--only", optarg, 0, 1000000);
			break;
		case 'r':
			each = (unsigned)number("--requests", optarg,
			    3 * PLAYERS, 800) / PLAYERS;
			break;
		case 'S':
			seed = number("--seed", optarg, 1, UINT64_MAX);
			break;
		default:
			fputs(usage, stderr);
			return 2;
		}
	if (optind >= argc || (strcmp(mode, "run") != 0 &&
	    strcmp(mode, "planted") != 0)) {
		fputs(usage, stderr);
		return 2;
	}
	if (seed == 0 && vt_random(&seed, sizeof(seed)) == 0)
		seed = seed % 1000000000 + 1;
	printf("%s: seed %llu\n", mode, (unsigned long long)seed);
	fflush(stdout);
	signal(SIGPIPE, SIG_IGN);
	make_places(argv[optind++]);
	if (optind < argc && strcmp(argv[optind], "--") == 0)
		optind++;
	world.server_args = argv + optind;
	world.server_arg_count = argc - optind;
	load_init(&load, &world, seed, PLAYERS);
	game_open(&game, &load);
	if (strcmp(mode, "run") == 0)
		run(histories > 0 ? histories : 200, only,
		    each > 0 ? each : 96 / PLAYERS);
	else
		planted(histories > 0 ? histories : 10,
		    each > 0 ? each : 200 / PLAYERS);
	printf("%s: %llu requests, %llu steps judged, %llu moves and %llu that "
	    "a client was faster than, %llu kills, %.1f s\n", mode,
	    (unsigned long long)requests, (unsigned long long)steps,
	    (unsigned long long)moves, (unsigned long long)skipped,
	    (unsigned long long)world.kills,
	    (double)(vt_clock_mono_us() - begun) / 1e6);
	game_close(&game);
	load_release(&load);
	return 0;
}
