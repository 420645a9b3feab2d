/* Histories made by hand, for the judge of histjudge.c: see history.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/history/history.h"

static struct history h;

/* A step from..to; what it needs and does is set by who calls. */
static struct step *
step(int64_t from, int64_t to, const char *what)
{
	struct step *s = history_add(&h);

	s->call_us = from;
	s->return_us = to;
	s->what = what;
	return s;
}

static struct step *
put(int64_t from, int64_t to, int value)
{
	struct step *s = step(from, to, "PUT");

	s->effect = PUSH;
	s->wrote = value;
	return s;
}

static struct step *
put_version(int64_t from, int64_t to, int value, int version)
{
	struct step *s = put(from, to, value);

	s->wrote_version = version;
	h.version_acked[version] = 1;
	return s;
}

static void
delete(int64_t from, int64_t to, int version)
{
	struct step *s = step(from, to, "DELETE");

	s->effect = MARK;
	s->wrote_version = version;
	h.version_acked[version] = 1;
}

/* Value 0: nothing is there. */
static struct step *
get(int64_t from, int64_t to, int value)
{
	struct step *s = step(from, to, "GET");

	s->need = value != 0 ? VALUE : ABSENT;
	s->value = value;
	return s;
}

/* A listing of versions, newest first, markers as version without value. */
static void
versions(int64_t from, int64_t to, int v1, int n1, int v2, int n2)
{
	struct step *s = step(from, to, "list versions");

	s->need = EXACTLY;
	s->list = calloc(2, sizeof(*s->list));
	if (s->list == NULL)
		give_up("out of memory");
	s->list[0] = (struct listed){ v1 == 0, v1, n1, 2000 };
	s->list[1] = (struct listed){ v2 == 0, v2, n2, 1000 };
	s->list_count = n1 == 0 ? 0 : n2 == 0 ? 1 : 2;
}

/* --- right ---------------------------------------------------------------- */

static void
one_after_the_other(void)
{
	get(1, 2, 0);
	put(3, 4, 1);
	get(5, 6, 1);
	put(7, 8, 3);
	get(9, 10, 3);
	delete(11, 12, 0);
	get(13, 14, 0);
}

static void
reads_beside_a_write(void)
{
	put(1, 2, 1);
	put(10, 20, 3);
	get(11, 12, 1);
	get(13, 14, 3);
	get(15, 16, 3);
}

static void
writes_beside_each_other(void)
{
	put(1, 10, 1);
	put(2, 11, 3);
	put(3, 12, 5);
	get(13, 14, 3);
	get(15, 16, 3);
}

static void
one_of_two_creates(void)
{
	put(1, 10, 1)->need = ABSENT;
	step(2, 9, "PUT if nothing is there")->need = PRESENT;
	get(11, 12, 1);
}

static void
no_answer_and_done(void)
{
	put(1, 2, 1);
	put(3, NO_ANSWER, 3)->until_us = 20;
	get(5, 6, 1);
	get(7, 8, 3);
	get(30, 31, 3);
}

static void
no_answer_and_never_done(void)
{
	put(1, 2, 1);
	put(3, NO_ANSWER, 3)->until_us = 20;
	get(30, 31, 1);
	get(32, 33, 1);
}

static void
an_older_version_again(void)
{
	struct step *s;

	put_version(1, 2, 1, 1);
	put_version(3, 4, 3, 2);
	versions(5, 6, 3, 2, 1, 1);
	s = step(7, 8, "DELETE of a version");
	s->effect = REMOVE;
	s->wrote_version = 2;
	get(9, 10, 1)->version = 1;
	delete(11, 12, 3);
	versions(13, 14, 0, 3, 1, 1);
	get(15, 16, 0)->version = 3;
}

static void
a_copy_without_an_answer(void)
{
	put(1, 2, 1);
	put(3, NO_ANSWER, 0);
	get(5, 6, 7);
}

/* --- wrong ---------------------------------------------------------------- */

static void
stale_read(void)
{
	put(1, 2, 1);
	put(3, 4, 3);
	get(5, 6, 1);
}

/* Both see the new one, and then one the old. */
static void
new_then_old(void)
{
	put(1, 2, 1);
	put(10, 20, 3);
	get(11, 12, 3);
	get(13, 14, 1);
}

static void
lost_update(void)
{
	struct step *s;

	put(1, 2, 1);
	s = put(3, 10, 3);
	s->need = VALUE;
	s->value = 1;
	s = put(4, 9, 5);
	s->need = VALUE;
	s->value = 1;
}

static void
lost_put(void)
{
	put(1, 2, 1);
	get(3, 4, 0);
}

static void
deleted_and_back(void)
{
	put(1, 2, 1);
	delete(3, 4, 0);
	get(5, 6, 0);
	get(7, 8, 1);
}

static void
list_misses_a_write(void)
{
	put(1, 2, 1);
	put(3, 4, 3);
	get(5, 9, 3)->what = "LIST";
	put(10, 11, 5);
	get(12, 13, 3)->what = "LIST";
}

static void
both_create(void)
{
	put(1, 10, 1)->need = ABSENT;
	put(2, 9, 3)->need = ABSENT;
}

static void
refused_for_nothing(void)
{
	step(1, 2, "PUT if nothing is there")->need = PRESENT;
}

static void
done_after_the_restart(void)
{
	put(1, 2, 1);
	put(3, NO_ANSWER, 3)->until_us = 20;
	get(30, 31, 1);
	get(32, 33, 3);
}

static void
done_twice(void)
{
	put(1, 2, 1);
	put(3, NO_ANSWER, 3)->until_us = 40;
	get(5, 6, 3);
	put(7, 8, 5);
	get(9, 10, 3);
}

static void
copy_of_what_was_gone(void)
{
	put(1, 2, 1);
	put(3, 4, 3);
	get(5, 9, 1)->what = "source of a copy";
}

static void
version_lost(void)
{
	put_version(1, 2, 1, 1);
	put_version(3, 4, 3, 2);
	versions(5, 6, 3, 2, 0, 0);
}

static void
versions_in_another_order(void)
{
	put_version(1, 2, 1, 1);
	put_version(3, 4, 3, 2);
	versions(5, 6, 1, 1, 3, 2);
}

static void
version_back(void)
{
	struct step *s;

	put_version(1, 2, 1, 1);
	s = step(3, 4, "DELETE of a version");
	s->effect = REMOVE;
	s->wrote_version = 1;
	s = step(5, 6, "GET of a version");
	s->need = HAS;
	s->value = s->version = 1;
}

static void
time_goes_back(void)
{
	put(1, 2, 1);
	get(3, 4, 1)->modified_ms = 5000;
	put(5, 6, 3);
	get(7, 8, 3)->modified_ms = 4999;
}

static const struct sample {
	void (*make)(void);
	const char *name;
	enum versioning versioning;
	int right;
} samples[] = {
#define SAMPLE(name, versioning, right) { name, #name, versioning, right }
	SAMPLE(one_after_the_other, PLAIN, 1),
	SAMPLE(reads_beside_a_write, PLAIN, 1),
	SAMPLE(writes_beside_each_other, PLAIN, 1),
	SAMPLE(one_of_two_creates, PLAIN, 1),
	SAMPLE(no_answer_and_done, PLAIN, 1),
	SAMPLE(no_answer_and_never_done, PLAIN, 1),
	SAMPLE(an_older_version_again, ENABLED, 1),
	SAMPLE(a_copy_without_an_answer, PLAIN, 1),
	SAMPLE(stale_read, PLAIN, 0),
	SAMPLE(stale_read, SUSPENDED, 0),
	SAMPLE(new_then_old, PLAIN, 0),
	SAMPLE(lost_update, PLAIN, 0),
	SAMPLE(lost_put, PLAIN, 0),
	SAMPLE(deleted_and_back, PLAIN, 0),
	SAMPLE(deleted_and_back, SUSPENDED, 0),
	SAMPLE(list_misses_a_write, PLAIN, 0),
	SAMPLE(both_create, PLAIN, 0),
	SAMPLE(refused_for_nothing, PLAIN, 0),
	SAMPLE(done_after_the_restart, PLAIN, 0),
	SAMPLE(done_twice, PLAIN, 0),
	SAMPLE(copy_of_what_was_gone, PLAIN, 0),
	SAMPLE(version_lost, ENABLED, 0),
	SAMPLE(versions_in_another_order, ENABLED, 0),
	SAMPLE(version_back, ENABLED, 0),
	SAMPLE(time_goes_back, PLAIN, 0),
};

unsigned
history_selfcheck(void)
{
	const struct sample *s;
	unsigned bad = 0;
	char why[300];
	size_t i;
	int rc;

	for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		s = &samples[i];
		history_reset(&h, s->versioning);
		memset(h.version_acked, 0, sizeof(h.version_acked));
		s->make();
		rc = history_judge(&h, NULL, why);
		printf("%s: %s%s%s\n", s->name, rc == 1 ? "can be explained" :
		    why, rc == s->right ? "" : ", WRONGLY JUDGED, is ",
		    rc == s->right ? "" : s->right ? "right" : "wrong");
		bad += rc != s->right;
	}
	history_reset(&h, PLAIN);
	free(h.steps);
	memset(&h, 0, sizeof(h));
	return bad;
}
