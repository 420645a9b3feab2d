/*
 * Where no places are kept a log that is there twice, as while a rotation
 * compresses it, would count twice.  Logs of which one begins with all of the
 * other are taken for one, as they are where places are kept: only the longer
 * is read.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/hash.h"

#include "scan.h"

/* What says less is none: an empty document, a header. */
#define HEAD_MIN_BYTES 64

struct head {
	uint8_t digest[VT_HASH_MAX];
	uint32_t source;
	size_t number;		/* of the log */
};

/* A stream of the log from its beginning; NULL: not of a file. */
static struct vt_zlines *
open_again(const struct run *r, size_t number, struct log *l)
{
	struct stat st;

	memset(l, 0, sizeof(*l));
	l->source = &r->sources[r->log_sources[number]];
	l->fd = -1;
	if (strcmp(r->logs[number], "-") == 0 ||
	    l->source->format == VT_LOG_INVENTORY ||
	    stat(r->logs[number], &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	l->fd = open(r->logs[number], O_RDONLY | O_CLOEXEC);
	return l->fd >= 0 ? open_lines(l) : NULL;
}

static void
close_again(struct log *l, struct vt_zlines *z)
{
	vt_zlines_close(z);
	if (l->fd >= 0)
		close(l->fd);
}

/* Of the first bytes; what fails is told when it is read. */
static int
take_head(const struct run *r, size_t number, struct head *out)
{
	struct vt_zlines *z;
	struct vt_err err;
	const char *data;
	struct log l;
	int is_compressed, is_good;
	size_t len;

	z = open_again(r, number, &l);
	is_good = z != NULL && vt_zlines_peek(z, &data, &len, &is_compressed,
	    &err) == VT_OK && len >= HEAD_MIN_BYTES;
	memset(out, 0, sizeof(*out));
	out->source = r->log_sources[number];
	out->number = number;
	if (is_good && vt_hash_once(VT_SHA256, data, len, out->digest) < 0)
		out_of_memory();
	close_again(&l, z);
	return is_good;
}

/* Which of two logs the other begins with: that one; -1: neither. */
static int
shorter(const struct run *r, size_t first, size_t second)
{
	struct log l[2];
	struct vt_zlines *z[2];
	const char *line[2];
	size_t len[2];
	enum vt_code rc[2];
	struct vt_err err;
	int i, found = -1;

	z[0] = open_again(r, first, &l[0]);
	z[1] = open_again(r, second, &l[1]);
	while (z[0] != NULL && z[1] != NULL) {
		for (i = 0; i < 2; i++)
			rc[i] = vt_zlines_next(z[i], &line[i], &len[i], NULL,
			    &err);
		if (rc[0] == VT_ABSENT || rc[1] == VT_ABSENT) {
			/* what broke is no shorter than what ended */
			if (rc[0] <= VT_ABSENT && rc[1] <= VT_ABSENT)
				found = rc[1] != VT_ABSENT ? 0 : 1;
			break;
		}
		/* lines that are too long are read of neither */
		if (rc[0] == VT_TOO_LARGE && rc[1] == VT_TOO_LARGE)
			continue;
		if (rc[0] != VT_OK || rc[1] != VT_OK || len[0] != len[1] ||
		    memcmp(line[0], line[1], len[0]) != 0)
			break;
	}
	for (i = 0; i < 2; i++)
		close_again(&l[i], z[i]);
	return found;
}

static int
by_digest(const void *a, const void *b)
{
	const struct head *x = a, *y = b;
	int c = memcmp(x->digest, y->digest, sizeof(x->digest));

	if (c != 0 || x->source != y->source)
		return c != 0 ? c : x->source < y->source ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static int
are_alike(const struct head *a, const struct head *b)
{
	return a->source == b->source && memcmp(a->digest, b->digest,
	    sizeof(a->digest)) == 0;
}

static size_t
take_heads(const struct run *r, struct head *heads)
{
	size_t i, n = 0;

	for (i = 0; i < r->log_count && !cli_stopping(); i++)
		n += (size_t)take_head(r, i, &heads[n]);
	qsort(heads, n, sizeof(*heads), by_digest);
	return n;
}

/* Leave out of `count` logs that begin alike those that others begin with. */
static size_t
drop_alike(struct run *r, const struct head *heads, size_t count)
{
	size_t i, k, a, b, dropped = 0;
	int which;

	for (i = 0; i < count; i++)
		for (k = i + 1; k < count; k++) {
			a = heads[i].number;
			b = heads[k].number;
			if (r->logs[a] == NULL || r->logs[b] == NULL)
				continue;
			which = shorter(r, a, b);
			if (which < 0)
				continue;
			cli_warn("'%s' begins with all of '%s': that one is "
			    "left out", r->logs[which == 0 ? b : a],
			    r->logs[which == 0 ? a : b]);
			free(r->logs[which == 0 ? a : b]);
			r->logs[which == 0 ? a : b] = NULL;
			dropped++;
		}
	return dropped;
}

void
drop_twins(struct run *r)
{
	struct head *heads;
	size_t n, i, k, dropped = 0;

	if (r->log_count < 2)
		return;
	heads = cli_alloc(r->log_count * sizeof(*heads));
	n = take_heads(r, heads);
	for (i = 0; i < n; i = k) {
		for (k = i + 1; k < n && are_alike(&heads[i], &heads[k]); k++)
			;
		dropped += drop_alike(r, &heads[i], k - i);
	}
	free(heads);
	for (i = k = 0; dropped > 0 && i < r->log_count; i++) {
		if (r->logs[i] == NULL)
			continue;
		r->log_sources[k] = r->log_sources[i];
		r->logs[k++] = r->logs[i];
	}
	r->log_count -= dropped;
}
