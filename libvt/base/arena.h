/*
 * Memory freed all at once: one arena a request.  Not for threads to share.
 * Every allocation is aligned for any object, and zeroed but where it says not.
 */
#ifndef VT_BASE_ARENA_H
#define VT_BASE_ARENA_H

#include <stddef.h>

#include "libvt/base/err.h"

struct vt_arena;

/* A new arena that may hand out `max` bytes in all, or NULL (no memory). */
struct vt_arena *vt_arena_new(size_t max);
/* Free it and all it handed out.  NULL is accepted. */
void vt_arena_free(struct vt_arena *a);
/* Forget all it handed out, keep the first block: cheaper than a new one where
 * one small arena follows another. */
void vt_arena_reset(struct vt_arena *a);
/* `len` zeroed bytes living as long as the arena, or NULL (maximum, memory). */
void *vt_arena_alloc(struct vt_arena *a, size_t len);
/* For a list whose length is known when it ends: what is left of the memory at
 * hand, not zeroed; `len` gets how much, which may be too little or 0.  Then,
 * before anything else is asked of the arena, `keep` hands out the first `len`
 * bytes of it. */
void *vt_arena_room(struct vt_arena *a, size_t *len);
void vt_arena_keep(struct vt_arena *a, size_t len);
/* Copies; the result of dup has a NUL after `len` bytes.  NULL on failure. */
char *vt_arena_dup(struct vt_arena *a, const void *data, size_t len);
char *vt_arena_str(struct vt_arena *a, const char *s);
char *vt_arena_printf(struct vt_arena *a, const char *fmt, ...)
    VT_PRINTF(2, 3);

#endif
