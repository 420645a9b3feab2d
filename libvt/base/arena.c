/* Memory freed all at once: see arena.h. */
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/arena.h"

/* A request's strings mostly fit the first block: one malloc a request. */
#define BLOCK_SIZE 4096
#define BLOCK_MAX 65536

struct block {
	struct block *next;
	alignas(max_align_t) char data[];
};

struct vt_arena {
	struct block *blocks;
	char *at;		/* free bytes of the newest block */
	size_t room;
	size_t block_size;	/* of the next block */
	size_t left;		/* of the maximum */
	size_t max;
};

/* Rounding also gives every call an address of its own. */
static inline size_t
rounded(size_t len)
{
	len = len == 0 ? 1 : len;
	return (len + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

static void *
take(struct vt_arena *a, size_t len)
{
	size_t need, size;
	struct block *b;
	char *p;

	if (len > a->left || len > SIZE_MAX / 2)
		return NULL;
	need = rounded(len);
	if (need > a->room) {
		size = a->block_size > need ? a->block_size : need;
		b = malloc(sizeof(*b) + size);
		if (b == NULL)
			return NULL;
		b->next = a->blocks;
		a->blocks = b;
		/* A large one must not waste what is left of the last. */
		if (need > a->block_size / 2 && size - need < a->room) {
			a->left -= len;
			return b->data;
		}
		a->at = b->data;
		a->room = size;
		if (a->block_size < BLOCK_MAX)
			a->block_size *= 2;
	}
	p = a->at;
	a->at += need;
	a->room -= need;
	a->left -= len;
	return p;
}

/* All of the first block but the arena itself is free. */
static void
begin(struct vt_arena *a, struct block *b)
{
	a->blocks = b;
	a->at = b->data + ((sizeof(*a) + alignof(max_align_t) - 1) &
	    ~(alignof(max_align_t) - 1));
	a->room = BLOCK_SIZE - (size_t)(a->at - b->data);
	a->block_size = BLOCK_SIZE;
	a->left = a->max;
}

struct vt_arena *
vt_arena_new(size_t max)
{
	struct vt_arena *a;
	struct block *b;

	b = malloc(sizeof(*b) + BLOCK_SIZE);
	if (b == NULL)
		return NULL;
	/* The arena lives at the start of its own first block. */
	b->next = NULL;
	a = (struct vt_arena *)(void *)b->data;
	a->max = max;
	begin(a, b);
	return a;
}

void
vt_arena_reset(struct vt_arena *a)
{
	struct block *b, *next;

	/* The newest is the first of the list, the arena's own the last. */
	for (b = a->blocks; b->next != NULL; b = next) {
		next = b->next;
		free(b);
	}
	begin(a, b);
}

void
vt_arena_free(struct vt_arena *a)
{
	struct block *b, *next;

	if (a == NULL)
		return;
	for (b = a->blocks; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
}

void *
vt_arena_alloc(struct vt_arena *a, size_t len)
{
	void *p;

	p = take(a, len);
	if (p != NULL)
		memset(p, 0, len);
	return p;
}

void *
vt_arena_room(struct vt_arena *a, size_t *len)
{
	*len = a->room < a->left ? a->room : a->left;
	return a->at;
}

void
vt_arena_keep(struct vt_arena *a, size_t len)
{
	if (len == 0)
		return;
	/* of which there is room: that is a multiple as well */
	a->at += rounded(len);
	a->room -= rounded(len);
	a->left -= len;
}

char *
vt_arena_dup(struct vt_arena *a, const void *data, size_t len)
{
	char *p;

	if (len == SIZE_MAX)
		return NULL;
	p = take(a, len + 1);
	if (p == NULL)
		return NULL;
	if (len != 0)
		memcpy(p, data, len);
	p[len] = '\0';
	return p;
}

char *
vt_arena_str(struct vt_arena *a, const char *s)
{
	return vt_arena_dup(a, s, strlen(s));
}

char *
vt_arena_printf(struct vt_arena *a, const char *fmt, ...)
{
	char text[256], *p;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	if ((size_t)n < sizeof(text))
		return vt_arena_dup(a, text, (size_t)n);
	p = take(a, (size_t)n + 1);
	if (p == NULL)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}
