/*
 * The ring between a worker that reads a tier and the connection that sends:
 * part of vt-serve and without HTTP, so it is compiled in here.
 */
#include "cmd/vt-serve/ring.c"

#include <sched.h>
#include <stdatomic.h>

#include "tests/unit/test.h"

#define SIZE 1000

static void
fill(struct ring *r, size_t n)
{
	size_t room;
	char *at;

	while (n > 0) {
		ok(ring_room(r, &at, &room) == RING_GO, "there is room");
		if (room > n)
			room = n;
		memset(at, 'x', room);
		ok(ring_put(r, room) == RING_GO, "nobody waits");
		n -= room;
	}
}

static void
test_one_thread(void)
{
	struct ring *r = ring_new(SIZE);
	char out[SIZE], *at;
	size_t room;
	int wake;

	ok(ring_take(r, out, sizeof(out), &wake) == 0 && !wake, "empty");
	ok(ring_wait(r) == 1, "the reader waits");
	ok(ring_room(r, &at, &room) == RING_GO && room == SIZE, "all free");
	memcpy(at, "abc", 3);
	ok(ring_put(r, 3) == RING_WAKE, "and is woken, once");
	ok(ring_wait(r) == 0, "it does not wait when there is something");
	ok(ring_take(r, out, 2, &wake) == 2 && memcmp(out, "ab", 2) == 0,
	    "what was put first comes first");
	fill(r, SIZE - 1);
	ok(ring_room(r, &at, &room) == RING_REST, "full: the writer rests");
	ok(ring_take(r, out, 100, &wake) == 100 && !wake,
	    "and does so while it is more than half full");
	ok(ring_take(r, out, SIZE, &wake) == SIZE - 102 && wake,
	    "taken to its end, round to the beginning: the writer works");
	ok(ring_take(r, out, SIZE, &wake) == 2 && !wake, "the rest");
	fill(r, 10);
	ok(ring_end(r, 0) == RING_REST, "the end");
	ok(ring_take(r, out, SIZE, &wake) == 10 && !wake,
	    "what is in it is taken still");
	ok(ring_take(r, out, SIZE, &wake) == -1, "then there is no more");
	ok(ring_leave(r) == 1, "the writer rests: the reader cleans up");
	ring_free(r);
}

static void
test_ends(void)
{
	struct ring *r = ring_new(SIZE);
	char out[SIZE], *at;
	size_t room;
	int wake;

	fill(r, 10);
	ok(ring_end(r, 1) == RING_REST, "the writer fails");
	ok(ring_take(r, out, SIZE, &wake) == -1,
	    "what came before is not taken");
	ring_free(r);

	r = ring_new(SIZE);
	ok(ring_wait(r) == 1 && ring_end(r, 1) == RING_WAKE,
	    "a reader that waits is told of the failure");
	ring_free(r);

	r = ring_new(SIZE);
	ok(ring_leave(r) == 0, "the writer is at work: it cleans up");
	ok(ring_room(r, &at, &room) == RING_GONE, "it is told before a read");
	ring_free(r);
	r = ring_new(SIZE);
	ok(ring_leave(r) == 0 && ring_end(r, 0) == RING_GONE,
	    "or at the end of one");
	ring_free(r);
}

/* --- two threads ---------------------------------------------------------- */

#define TOTAL 3000000

struct both {
	struct ring *r;
	atomic_int reader_woken, writer_woken;
	int failed;
};

static unsigned char
byte_at(size_t i)
{
	return (unsigned char)(i * 31 + i / 251);
}

static void *
write_all(void *arg)
{
	struct both *b = arg;
	size_t done = 0, room, i;
	char *at;

	while (done < TOTAL) {
		switch (ring_room(b->r, &at, &room)) {
		case RING_GO:
			break;
		case RING_REST:
			while (!atomic_exchange(&b->writer_woken, 0))
				sched_yield();
			continue;
		default:
			b->failed = 1;
			return NULL;
		}
		if (room > TOTAL - done)
			room = TOTAL - done;
		/* pieces of all sizes */
		if (room > 1 + done % 337)
			room = 1 + done % 337;
		for (i = 0; i < room; i++)
			at[i] = (char)byte_at(done + i);
		done += room;
		if (ring_put(b->r, room) == RING_WAKE)
			atomic_store(&b->reader_woken, 1);
	}
	if (ring_end(b->r, 0) == RING_WAKE)
		atomic_store(&b->reader_woken, 1);
	return NULL;
}

static void
test_two_threads(void)
{
	struct both b = { .r = ring_new(SIZE) };
	size_t done = 0, i, wrong = 0;
	pthread_t writer;
	char out[SIZE];
	ssize_t n;
	int wake;

	pthread_create(&writer, NULL, write_all, &b);
	for (;;) {
		n = ring_take(b.r, out, 1 + done % 777, &wake);
		if (wake)
			atomic_store(&b.writer_woken, 1);
		if (n < 0)
			break;
		if (n == 0 && ring_wait(b.r))
			while (!atomic_exchange(&b.reader_woken, 0))
				sched_yield();
		for (i = 0; i < (size_t)n; i++)
			wrong += (unsigned char)out[i] != byte_at(done + i);
		done += (size_t)n;
	}
	pthread_join(writer, NULL);
	ok(!b.failed && done == TOTAL && wrong == 0,
	    "all came through in order: %zu, %zu wrong", done, wrong);
	ok(ring_leave(b.r) == 1, "and the writer has ended");
	ring_free(b.r);
}

int
main(void)
{
	test_one_thread();
	test_ends();
	test_two_threads();
	return test_done();
}
