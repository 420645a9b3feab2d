/* Bodies made of numbers: see crash.h. */
#include <string.h>

#include "tests/crash/crash.h"

static uint64_t
mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t
rng_next(struct rng *r)
{
	r->s += 0x9e3779b97f4a7c15u;
	return mix(r->s);
}

uint64_t
rng_below(struct rng *r, uint64_t n)
{
	return n > 0 ? rng_next(r) % n : 0;
}

int
rng_one_in(struct rng *r, unsigned n)
{
	return rng_below(r, n) == 0;
}

/* Word `i` of a stream: any place can be computed alone. */
static uint64_t
word(uint64_t seed, uint64_t i)
{
	return mix(seed + (i + 1) * 0x9e3779b97f4a7c15u);
}

static void
stream_read(uint64_t seed, uint64_t offset, char *out, size_t len)
{
	uint64_t i = offset / 8, w;
	size_t skip = (size_t)(offset % 8), n;

	while (len > 0) {
		w = word(seed, i++);
		n = 8 - skip < len ? 8 - skip : len;
		memcpy(out, (const char *)&w + skip, n);
		out += n;
		len -= n;
		skip = 0;
	}
}

void
content_new(struct content *c, uint64_t seed, uint64_t size)
{
	memset(c, 0, sizeof(*c));
	if (size == 0)
		return;
	c->size = size;
	c->segs = 1;
	c->seg[0] = (struct seg){ mix(seed), 0, size };
}

int
content_add(struct content *c, const struct content *from, uint64_t offset,
    uint64_t length)
{
	const struct seg *s;
	uint64_t n;
	unsigned i;

	for (i = 0; i < from->segs && length > 0; i++) {
		s = &from->seg[i];
		if (offset >= s->length) {
			offset -= s->length;
			continue;
		}
		if (c->segs == SEGS_MAX)
			return -1;
		n = s->length - offset < length ? s->length - offset : length;
		c->seg[c->segs++] = (struct seg){ s->seed,
		    s->offset + offset, n };
		c->size += n;
		length -= n;
		offset = 0;
	}
	return 0;
}

void
content_read(const struct content *c, uint64_t offset, void *data,
    size_t len)
{
	const struct seg *s;
	char *out = data;
	uint64_t n;
	unsigned i;

	for (i = 0; i < c->segs && len > 0; i++) {
		s = &c->seg[i];
		if (offset >= s->length) {
			offset -= s->length;
			continue;
		}
		n = s->length - offset < len ? s->length - offset : len;
		stream_read(s->seed, s->offset + offset, out, (size_t)n);
		out += n;
		len -= (size_t)n;
		offset = 0;
	}
}

int
content_equal(const struct content *c, const void *data, size_t len)
{
	const char *p = data;
	char block[8192];
	uint64_t done = 0;
	size_t n;

	if (c->size != len)
		return 0;
	while (done < len) {
		n = len - done < sizeof(block) ? (size_t)(len - done) :
		    sizeof(block);
		content_read(c, done, block, n);
		if (memcmp(block, p + done, n) != 0)
			return 0;
		done += n;
	}
	return 1;
}
