/*
 * crashload: kill vt-serve and vt-migrate at random moments under load, and
 * look at what is left: see crash.h.
 *
 *	crashload serve      P1 P4: vt-serve is killed
 *	crashload migrate    P2 P4 P5: vt-migrate is killed
 *	crashload race       P3: moves against PUT and DELETE of the same keys
 *	crashload faults     P2 P3 P4: each kind of call to a tier on another
 *	                     machine fails or kills, vt-migrate and vt-serve
 *	crashload selfcheck  what the checks above would not notice
 *
 * Exit: 0 all is well, 1 the store broke a promise, 2 usage, 3 the test could
 * not be made.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/num.h"

#include "tests/crash/crash.h"

static const char usage[] =
"usage: crashload serve|migrate|race|faults|selfcheck [options] DIR\n"
"                 [-- options of vt-serve]\n"
"\n"
"DIR is made; it must not exist.\n"
"\n"
"  --bin DIR        where vt-serve and vt-migrate are (default: PATH)\n"
"  --clients N      at work at the same time (default 16)\n"
"  --power-cut DIR  cut the power instead of only killing: DIR holds\n"
"                   powercut.so and powercut_apply\n"
"  --remote         two of the tiers are on another vt-serve\n"
"  --rounds N       kills (default 30)\n"
"  --seconds N      of a race (default 10)\n"
"  --seed N         of all that is random (default: told, new each time)\n";

static pthread_mutex_t talk = PTHREAD_MUTEX_INITIALIZER;
static uint64_t complaints;
static int expected;		/* complaints are what we are after */
static char last_complaint[512];
static struct load load;
static struct figures figures;	/* of the last look at the store */
static struct world world;
static struct rng dice;

void
complain(const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&talk);
	complaints++;
	va_start(ap, fmt);
	vsnprintf(last_complaint, sizeof(last_complaint), fmt, ap);
	va_end(ap);
	/* One thing that breaks may break a thousand. */
	if (!expected && complaints <= 50)
		fprintf(stderr, "FAIL (round %u): %s\n", load.round,
		    last_complaint);
	pthread_mutex_unlock(&talk);
}

void
give_up(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "crashload: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(complaints > 0 && !expected ? 1 : 3);
}

/* --- pieces of rounds ----------------------------------------------------- */

static void check_complaints(void);

static void
start(void)
{
	if (server_start(&world, -1) == 0)
		return;
	complain("vt-serve does not start: see %s", world.log);
	check_complaints();
	give_up("no server");
}

static void
stop(int sig)
{
	char why[300];

	if (server_end(&world, sig, why) < 0)
		complain("%s", why);
}

/* Until so many acknowledgements, so many milliseconds, or the end of all
 * clients: 1 when they still work. */
static int
wait_moment(uint64_t acks, int64_t ms)
{
	struct timespec until;
	int alive, rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&load.lock);
	load.acks_wanted = load.acks + acks;
	while (rc == 0 && load.alive > 0 && load.acks < load.acks_wanted)
		rc = pthread_cond_timedwait(&load.cond, &load.lock, &until);
	load.acks_wanted = 0;
	alive = load.alive > 0;
	pthread_mutex_unlock(&load.lock);
	return alive;
}

/* Nobody may have lost the server before `end_us`. */
static void
check_gone(int64_t end_us)
{
	const struct client *c;
	unsigned i;

	for (i = 0; i < load.clients; i++) {
		c = &load.client[i];
		if (c->gone_us != 0 && c->gone_us < end_us)
			complain("a living server did not answer: %s",
			    c->gone);
		load.in_flight += c->gone_us != 0;
	}
}

static void
run_clients(void *(*fn)(void *client))
{
	clients_start(&load, fn);
	clients_join(&load);
	check_gone(INT64_MAX);
}

static void
collect(int idle)
{
	static const char *const gc[] = { "--gc", "--ignore-grace", "--quiet",
	    NULL };
	int status;

	if (world.far != NULL)
		far_settle(&world);
	status = migrate_run(&world, gc);
	if (status != 0)
		complain("vt-migrate --gc ended with %d", status);
	store_check(&world, idle, &figures);
}

/* Start on a whole plan / wait for its end and take the results. */
static void
plan_start(const struct plan *plan, struct proc *p)
{
	const char *args[] = { "--grace", "0s", "--jobs", "4", "--quiet",
	    plan->path, NULL };

	migrate_start(&world, args, plan->out, p);
}

static void
plan_end(struct plan *plan, struct proc *proc)
{
	int status = proc_wait(proc);
	char *text, *p, *nl;
	struct vt_err err;
	size_t len;

	if (status != 0)
		complain("vt-migrate ended with %d: see %s", status,
		    world.log);
	if (vt_fs_read(plan->out, 1 << 30, &text, &len, &err) != VT_OK)
		give_up("%s", err.text);
	for (p = text; (nl = strchr(p, '\n')) != NULL; p = nl + 1)
		plan_result(plan, p, (size_t)(nl - p));
	free(text);
}

/* All that was acknowledged is there, nothing else is. */
static void
verify(void)
{
	uint64_t before = complaints;

	run_clients(client_verify);
	if (complaints == before)
		verify_lists(&load);
	if (complaints == before)
		verify_uploads(&load);
}

/* The first life of a store: buckets, and something in every key. */
static void
begin(void)
{
	start();
	load_connect(&load, 1);
	run_clients(client_fill);
	verify();
}

static void
check_complaints(void)
{
	if (complaints == 0)
		return;
	fprintf(stderr, "%llu complaints; seed %llu; the store is in %s\n",
	    (unsigned long long)complaints, (unsigned long long)load.seed,
	    world.data);
	if (world.server.pid > 0)
		kill(world.server.pid, SIGKILL);
	exit(1);
}

/* --- vt-serve is killed --------------------------------------------------- */

/* Work until the end of the server comes, in one of its forms; some of its
 * time beside a vt-migrate. */
static void
one_end(void)
{
	struct proc mover = { .pid = 0 };
	struct plan plan;
	int cutting = world.cut.dir != NULL;
	char why[300];
	int64_t end_us = INT64_MAX, ms;
	uint64_t acks;
	int sig = SIGKILL, alive;

	ms = (int64_t)rng_below(&dice, 1000);
	acks = 1 + rng_below(&dice, 2000);
	if (rng_one_in(&dice, 2))
		acks = UINT64_MAX / 2;		/* by the clock */
	else
		ms = 1500;
	/* At one change of the disk of so many, in a server of its own. */
	if (cutting && rng_one_in(&dice, 2)) {
		stop(SIGTERM);
		power_cut_at(&world, 1 + rng_below(&dice, 6000));
		if (server_start(&world, -1) < 0) {
			if (server_wait(&world, why) < 0)
				complain("%s", why);
			return;
		}
		load_connect(&load, 0);
		end_us = 0;
		ms = 10000;
		acks = UINT64_MAX / 2;
	}
	if (rng_one_in(&dice, 2)) {
		plan_make(&world, &dice, 50, world.plans[0], &plan);
		plan_start(&plan, &mover);
		plan_release(&plan);
	}
	clients_start(&load, client_work);
	alive = wait_moment(acks, ms);
	if (end_us != 0 && rng_one_in(&dice, cutting ? 3 : 8))
		sig = SIGTERM;
	/* What was given up last, with nobody to sync it by chance. */
	if (alive && sig == SIGTERM && cutting) {
		load.stop = 1;
		clients_join(&load);
		clients_start(&load, client_break);
		clients_join(&load);
		clients_start(&load, client_read);
	}
	if (alive || end_us != 0) {
		end_us = vt_clock_mono_us();
		stop(sig);
	} else if (server_wait(&world, why) < 0)
		complain("%s", why);
	load.stop = 1;
	clients_join(&load);
	if (end_us != 0)
		check_gone(end_us);
	if (mover.pid == 0)
		return;
	/* It dies too, as it must without power, or goes on alone. */
	if (cutting || rng_one_in(&dice, 2))
		kill(mover.pid, SIGKILL);
	ms = proc_wait(&mover);
	if (ms != 0 && ms != -SIGKILL)
		complain("vt-migrate ended with %d: see %s", (int)ms,
		    world.log);
}

static void
serve_rounds(unsigned rounds)
{
	static const struct plan none;

	begin();
	for (load.round = 1; load.round <= rounds; load.round++) {
		one_end();
		power_cut(&world, &dice);
		/* Killed again while it gets up. */
		while (rng_one_in(&dice, 4)) {
			if (server_start(&world,
			    (int)rng_below(&dice, 40)) == 0 &&
			    world.cut.dir == NULL)
				load_connect(&load, 0);
			stop(SIGKILL);
			power_cut(&world, &dice);
		}
		if (load.round % 2 == 0)
			collect(1);
		start();
		load_connect(&load, 0);
		verify();
		if (load.round % 2 == 1)
			collect(0);
		plan_check(&world, &none, 1);
		check_complaints();
	}
	load.round--;
	stop(SIGTERM);
	collect(1);
}

/* --- vt-migrate is killed ------------------------------------------------- */

/*
 * Let vt-migrate run until it printed so many lines or that time passed, then
 * kill it.  Lines that it finished are taken as they are.  Its status; one
 * that it `may_be` is no complaint.
 */
static int
migrate_killed(const char *const *args, struct plan *plan, uint64_t lines,
    int64_t ms, int may_be)
{
	struct pollfd pf = { .events = POLLIN };
	int64_t until = vt_clock_mono_us() + ms * 1000, left;
	char text[65536], *nl, *p;
	size_t len = 0;
	struct proc proc;
	ssize_t n = 1;
	int status;

	migrate_start(&world, args, NULL, &proc);
	pf.fd = proc.out;
	while (n > 0) {
		left = (until - vt_clock_mono_us()) / 1000;
		if (lines == 0 || left <= 0 ||
		    poll(&pf, 1, (int)left) <= 0) {
			kill(proc.pid, SIGKILL);
			lines = UINT64_MAX;
			until = INT64_MAX / 2;
		}
		n = read(pf.fd, text + len, sizeof(text) - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		for (p = text; (nl = memchr(p, '\n', len - (size_t)(p -
		    text))) != NULL; p = nl + 1) {
			if (plan != NULL)
				plan_result(plan, p, (size_t)(nl - p));
			lines -= lines > 0;
		}
		len -= (size_t)(p - text);
		memmove(text, p, len);
	}
	status = proc_wait(&proc);
	world.kills += status < 0;
	if (status != 0 && status != -SIGKILL && status != may_be)
		complain("vt-migrate ended with %d", status);
	return status;
}

static void
count_results(struct plan *p, uint64_t sum[128])
{
	size_t i;

	for (i = 0; i < p->count; i++)
		sum[p->moves[i].status & 127]++;
}

static void
migrate_round(uint64_t moved[128])
{
	const char *args[] = { "--grace", "0s", "--jobs", "4", "--quiet",
	    world.plans[0], NULL };
	static const char *const gc[] = { "--gc", "--ignore-grace", "--quiet",
	    NULL };
	uint64_t sum[128] = { 0 };
	struct plan plan;
	struct proc proc;
	size_t i;

	plan_make(&world, &dice, 80, world.plans[0], &plan);
	do {
		if (world.cut.dir != NULL && rng_one_in(&dice, 2))
			power_cut_at(&world, 1 + rng_below(&dice, 3000));
		if (rng_one_in(&dice, 2))
			migrate_killed(args, &plan, rng_below(&dice,
			    plan.count), 10000, 0);
		else
			migrate_killed(args, &plan, UINT64_MAX,
			    (int64_t)rng_below(&dice, 400), 0);
		power_cut(&world, &dice);
		plan_check(&world, &plan, 0);
		if (rng_one_in(&dice, 3)) {
			migrate_killed(gc, NULL, UINT64_MAX,
			    (int64_t)rng_below(&dice, 60), 0);
			power_cut(&world, &dice);
		}
	} while (rng_one_in(&dice, 3));
	for (i = 0; i < plan.count; i++)
		plan.moves[i].status = 0;
	plan_start(&plan, &proc);
	plan_end(&plan, &proc);
	power_cut(&world, &dice);
	count_results(&plan, sum);
	if (sum['m'] + sum['a'] != plan.count)
		complain("of %zu moves %llu failed, %llu were skipped, %llu "
		    "are not told of", plan.count,
		    (unsigned long long)sum['f'],
		    (unsigned long long)sum['s'], (unsigned long long)sum[0]);
	for (i = 0; i < 128; i++)
		moved[i] += sum[i];
	plan_check(&world, &plan, 1);
	plan_release(&plan);
}

/*
 * With a server that is read from all the time; or, for power cuts, between
 * two lives of it.
 */
static void
migrate_rounds(unsigned rounds)
{
	int online = world.cut.dir == NULL;
	uint64_t moved[128] = { 0 };

	/* Whatever is not on its planned tier is vt-migrate's doing. */
	if (world.far == NULL)
		store_config(&world, "promote", 0);
	begin();
	if (!online)
		stop(SIGTERM);
	for (load.round = 1; load.round <= rounds; load.round++) {
		if (online)
			clients_start(&load, client_read);
		migrate_round(moved);
		if (online) {
			load.stop = 1;
			clients_join(&load);
			check_gone(INT64_MAX);
		}
		collect(!online);
		if (!online) {
			start();
			load_connect(&load, 0);
		}
		verify();
		if (!online)
			stop(SIGTERM);
		check_complaints();
	}
	load.round--;
	if (online)
		stop(SIGTERM);
	collect(1);
	printf("migrate: %llu moves after %llu by runs that were killed\n",
	    (unsigned long long)moved['m'], (unsigned long long)moved['a']);
}

/* --- faults --------------------------------------------------------------- */

/* The next fault: each kind of call with each of these, then the second call
 * of each kind... */
static int
next_fault(char text[64])
{
	static const char *const calls[] = { "put", "write", "metadata",
	    "commit", "get", "read", "delete", "abort" };
	static const char *const acts[] = { "kill", "kill-late", "busy",
	    "busy-late" };
	unsigned i = load.round - 1;

	snprintf(text, 64, "%s:%s@%u", acts[i % 4], calls[i / 4 % 8],
	    i / 32 + 1);
	return i % 4 >= 2;
}

/* A plan and the collector under a fault, then without. */
static void
fault_migrate(const char *fault, int may_fail)
{
	const char *args[] = { "--grace", "0s", "--jobs", "4", "--quiet",
	    world.plans[0], NULL };
	static const char *const gc[] = { "--gc", "--ignore-grace", "--quiet",
	    NULL };
	struct plan plan;

	plan_make(&world, &dice, 40, world.plans[0], &plan);
	far_config(&world, fault);
	migrate_killed(args, &plan, UINT64_MAX, 60000, may_fail ? 1 : 0);
	plan_check(&world, &plan, 0);
	far_settle(&world);
	migrate_killed(gc, NULL, UINT64_MAX, 60000, may_fail ? 4 : 0);
	far_config(&world, NULL);
	plan_check(&world, &plan, 0);
	plan_release(&plan);
	collect(1);
}

/* vt-serve is killed by a call, or at last by us. */
static void
fault_serve(const char *fault)
{
	char why[300];
	int alive;

	far_config(&world, fault);
	start();
	load_connect(&load, 0);
	clients_start(&load, client_work);
	alive = wait_moment(UINT64_MAX / 2, 500);
	if (alive)
		stop(SIGKILL);
	else if (server_wait(&world, why) < 0)
		complain("%s", why);
	load.stop = 1;
	clients_join(&load);
	far_config(&world, NULL);
	collect(1);
}

static void
faults(unsigned rounds)
{
	char fault[64];
	int may_fail;

	load.gentle = 1;
	begin();
	stop(SIGTERM);
	for (load.round = 1; load.round <= rounds; load.round++) {
		may_fail = next_fault(fault);
		fault_migrate(fault, may_fail);
		if (!may_fail)
			fault_serve(fault);
		start();
		load_connect(&load, 0);
		verify();
		stop(SIGTERM);
		check_complaints();
	}
	load.round--;
	collect(1);
}

/* --- races ---------------------------------------------------------------- */

/* Two plans for the same versions at the same time, and the collector. */
static void
race_once(uint64_t sum[128])
{
	static const char *const gc[] = { "--gc", "--quiet", NULL };
	struct plan plan[2];
	struct proc proc[2];
	int i;

	for (i = 0; i < 2; i++)
		plan_make(&world, &dice, 30, world.plans[i], &plan[i]);
	for (i = 0; i < 2; i++)
		plan_start(&plan[i], &proc[i]);
	if (migrate_run(&world, gc) != 0)
		complain("vt-migrate --gc failed: see %s", world.log);
	for (i = 0; i < 2; i++) {
		plan_end(&plan[i], &proc[i]);
		count_results(&plan[i], sum);
		plan_release(&plan[i]);
	}
}

static void
race(unsigned seconds)
{
	uint64_t sum[128] = { 0 };
	struct plan none;
	int64_t until;

	load.gentle = 1;
	begin();
	clients_start(&load, client_work);
	until = vt_clock_mono_us() + seconds * INT64_C(1000000);
	for (load.round = 1; complaints == 0 &&
	    vt_clock_mono_us() < until; load.round++)
		race_once(sum);
	load.stop = 1;
	clients_join(&load);
	check_gone(INT64_MAX);
	verify();
	memset(&none, 0, sizeof(none));
	plan_check(&world, &none, 1);
	collect(0);
	stop(SIGTERM);
	collect(1);
	printf("race: %llu moved, %llu skipped as a client or the other plan "
	    "was faster\n", (unsigned long long)sum['m'],
	    (unsigned long long)sum['s']);
	if (sum['f'] > 0 || sum[0] > 0)
		complain("%llu moves failed, %llu are not told of",
		    (unsigned long long)sum['f'], (unsigned long long)sum[0]);
	if (complaints == 0 && (sum['m'] == 0 || sum['s'] == 0))
		give_up("there was no race: nothing is shown");
}

/* --- can these tests fail? ------------------------------------------------ */

static unsigned unnoticed;

/* Something is wrong since `before`: was it noticed? */
static void
must_complain(uint64_t before, const char *what)
{
	if (complaints > before)
		printf("noticed: %s\n\t-> %s\n", what, last_complaint);
	else {
		printf("NOT NOTICED: %s\n", what);
		unnoticed++;
	}
	fflush(stdout);
}

static void
copy_store(const char *from, const char *to)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execlp("cp", "cp", "-a", "--", from, to, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		give_up("cannot copy '%s'", from);
}

static void
damaged(enum damage d)
{
	struct world other = world;
	struct figures f;
	char what[300], text[340];
	uint64_t before = complaints;
	unsigned i;
	int rc = 0;

	snprintf(other.data, sizeof(other.data), "%.350s.damage%d",
	    world.data, (int)d);
	copy_store(world.data, other.data);
	for (i = 0; i < OWN_KEYS && rc == 0; i++) {
		struct write w;

		key_value(&load.client[0].own[i], &w);
		if (!w.deleted)
			rc = store_damage(&other, &load.client[0].own[i], d,
			    what);
	}
	if (rc <= 0)
		give_up("cannot do damage: %s", strerror(errno));
	store_check(&other, 1, &f);
	must_complain(before, what);
	if (d == ADD_FILE || d == ADD_UNFINISHED)
		return;
	before = complaints;
	load.world = &other;
	if (server_start(&other, -1) < 0)
		give_up("vt-serve does not start: see %s", other.log);
	load_connect(&load, 0);
	run_clients(client_verify);
	if (server_end(&other, SIGTERM, what) < 0)
		give_up("%s", what);
	load.world = &world;
	snprintf(text, sizeof(text), "the same, by reading (damage %d)",
	    (int)d);
	must_complain(before, text);
}

/* A key of client 0 that is there, or not. */
static struct key *
some_key(int deleted)
{
	struct write w;
	unsigned i;

	for (i = 0; i < OWN_KEYS; i++) {
		key_value(&load.client[0].own[i], &w);
		if (w.deleted == deleted)
			return &load.client[0].own[i];
	}
	give_up("no key to lie about");
}

/* Say that something else was acknowledged for a key, then look. */
static void
lie(const char *what, struct key *k, int deleted, uint64_t size)
{
	struct write truth, w;
	uint64_t before = complaints;

	key_value(k, &truth);
	memset(&w, 0, sizeof(w));
	w.deleted = deleted;
	if (!deleted)
		content_new(&w.content, 42, size);
	key_begin(k, &w);
	key_ack(k, w.id, "");
	run_clients(client_verify);
	must_complain(before, what);
	key_undo(k, w.id);
}

static void
lie_of_uploads(void)
{
	struct upload *u = &load.client[1].uploads[0], truth = *u;
	uint64_t before = complaints;

	memset(u, 0, sizeof(*u));
	u->state = UP_OPEN;
	u->key = &load.client[1].own[0];
	u->id = strdup("0123456789abcdef0123456789abcdef");
	verify_uploads(&load);
	must_complain(before, "an upload that was acknowledged is not there");
	free(u->id);
	*u = truth;
}

static void
lie_of_plans(void)
{
	uint64_t before = complaints;
	struct plan plan;

	plan_make(&world, &dice, 100, world.plans[0], &plan);
	plan_check(&world, &plan, 0);
	if (complaints != before)
		give_up("%s", last_complaint);
	plan.moves[0].status = 'm';
	plan_check(&world, &plan, 0);
	must_complain(before, "a move that was acknowledged is not done");
	plan_release(&plan);
}

static void
selfcheck(void)
{
	int d;

	begin();
	clients_start(&load, client_work);
	wait_moment(1000, 5000);
	load.stop = 1;
	clients_join(&load);
	run_clients(client_part);
	verify();
	stop(SIGTERM);
	collect(1);
	check_complaints();
	expected = 1;
	for (d = 0; d < DAMAGES; d++)
		damaged((enum damage)d);
	start();
	load_connect(&load, 0);
	lie("an acknowledged PUT is lost, the old bytes are there",
	    some_key(0), 0, 5000);
	lie("a deleted key is back", some_key(0), 1, 0);
	lie("an acknowledged PUT of a new key is lost", some_key(1), 0, 10);
	lie_of_uploads();
	stop(SIGTERM);
	lie_of_plans();
	if (unnoticed > 0)
		exit(1);
	complaints = 0;
	expected = 0;
}

/* --- main ----------------------------------------------------------------- */

static void
make_places(const char *dir)
{
	if (mkdir(dir, 0700) < 0)
		give_up("cannot make '%s': %s", dir, strerror(errno));
	if (realpath(dir, world.data) == NULL)
		give_up("cannot find '%s'", dir);
	snprintf(world.log, sizeof(world.log), "%.399s/log", world.data);
	snprintf(world.plans[0], sizeof(world.plans[0]), "%.399s/plan0",
	    world.data);
	snprintf(world.plans[1], sizeof(world.plans[1]), "%.399s/plan1",
	    world.data);
	snprintf(world.cut.journal, sizeof(world.cut.journal),
	    "%.399s/journal", world.data);
	strncat(world.data, "/data",
	    sizeof(world.data) - strlen(world.data) - 1);
	if (mkdir(world.data, 0700) < 0 || mkdir(world.cut.journal, 0700) < 0)
		give_up("cannot make '%s': %s", world.data, strerror(errno));
}

static uint64_t
number(const char *name, const char *text, uint64_t min, uint64_t max)
{
	uint64_t n;

	if (vt_num_scan_u64(text, strlen(text), &n) == 0 && n >= min &&
	    n <= max)
		return n;
	fprintf(stderr, "crashload: %s: not a number in range: %s\n", name,
	    text);
	exit(2);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "bin", required_argument, NULL, 'b' },
		{ "clients", required_argument, NULL, 'c' },
		{ "power-cut", required_argument, NULL, 'p' },
		{ "remote", no_argument, NULL, 'R' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'S' },
		{ NULL, 0, NULL, 0 }
	};
	const char *mode = argc > 1 ? argv[1] : "";
	unsigned clients = 16, rounds = 30, seconds = 10;
	int remote = 0;
	uint64_t seed = 0;
	int64_t begun = vt_clock_mono_us();
	int c;

	optind = 2;
	while (argc > 1 && (c = getopt_long(argc, argv, "+", options,
	    NULL)) != -1)
		switch (c) {
		case 'b':
			world.bin = optarg;
			break;
		case 'c':
			clients = (unsigned)number("--clients", optarg, 2,
			    CLIENTS_MAX);
			break;
		case 'p':
			world.cut.dir = optarg;
			break;
		case 'R':
			remote = 1;
			break;
		case 'r':
			rounds = (unsigned)number("--rounds", optarg, 1,
			    1000000);
			break;
		case 's':
			seconds = (unsigned)number("--seconds", optarg, 1,
			    1000000);
			break;
		case 'S':
			seed = number("--seed", optarg, 1, UINT64_MAX);
			break;
		default:
			fputs(usage, stderr);
			return 2;
		}
	if (optind >= argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (seed == 0 && vt_random(&seed, sizeof(seed)) == 0)
		seed = seed % 1000000000 + 1;
	printf("%s: seed %llu\n", mode, (unsigned long long)seed);
	fflush(stdout);
	signal(SIGPIPE, SIG_IGN);
	dice.s = seed;
	make_places(argv[optind++]);
	world.server.out = -1;
	if (optind < argc && strcmp(argv[optind], "--") == 0)
		optind++;
	world.server_args = argv + optind;
	world.server_arg_count = argc - optind;
	load_init(&load, &world, seed, clients);
	if (remote)
		far_start(&world);
	if (strcmp(mode, "serve") == 0)
		serve_rounds(rounds);
	else if (strcmp(mode, "migrate") == 0)
		migrate_rounds(rounds);
	else if (strcmp(mode, "race") == 0)
		race(seconds);
	else if (strcmp(mode, "faults") == 0 && remote)
		faults(rounds);
	else if (strcmp(mode, "selfcheck") == 0)
		selfcheck();
	else {
		fputs(usage, stderr);
		return 2;
	}
	printf("%s: %u rounds, %llu kills, %llu power cuts, %llu starts, "
	    "%.1f s\n", mode, load.round, (unsigned long long)world.kills,
	    (unsigned long long)world.cuts, (unsigned long long)world.starts,
	    (double)(vt_clock_mono_us() - begun) / 1e6);
	printf("%s: acknowledged %llu puts and parts (%llu MiB), %llu "
	    "deletes, %llu copies, %llu completes; %llu refused; checked "
	    "%llu reads (%llu MiB), %llu lists; %llu in flight at an end; "
	    "%llu versions are left, and %llu blobs (%llu MiB)\n",
	    mode, (unsigned long long)load.puts,
	    (unsigned long long)(load.bytes_put >> 20),
	    (unsigned long long)load.deletes,
	    (unsigned long long)load.copies,
	    (unsigned long long)load.completes,
	    (unsigned long long)load.refused, (unsigned long long)load.gets,
	    (unsigned long long)(load.bytes_got >> 20),
	    (unsigned long long)load.lists,
	    (unsigned long long)load.in_flight,
	    (unsigned long long)figures.versions,
	    (unsigned long long)figures.blobs,
	    (unsigned long long)(figures.bytes >> 20));
	check_complaints();
	load_release(&load);
	return 0;
}
