/*
 * The way of a body from the wire to an extent: placed, hashed, checked
 * against what the client said of it, written.  PutObject, UploadPart and the
 * copies that move bytes share it; what row the extent ends in is theirs.
 *
 * A struct ingest lives in the request's arena, zeroed, and belongs to one
 * thread at a time.  Functions that return int answer the request themselves
 * when they return -1.
 */
#ifndef VT_SERVE_INGEST_H
#define VT_SERVE_INGEST_H

#include "digest.h"

struct object_meta;

/* One more copy of a body: see replicas.h. */
struct replica {
	const struct vt_tier *tier;
	struct vt_blob_writer *writer;
	struct vt_cat_extent extent;
	int on_tier;			/* as of the ingest itself */
};

struct ingest {
	struct digest digest;
	const struct vt_tier *tier;
	int is_inline;
	uint64_t max_bytes;		/* PUT_MAX unless set */
	const struct sse *sse;		/* how it is encrypted, or NULL */
	/* what the note beside its bytes tells: the object, or the upload that
	 * it is a part of */
	const struct object_meta *meta;
	const struct vt_upload *upload;
	uint32_t part_number;
	uint64_t will_bytes;		/* that will come */
	struct vt_blob_writer *writer;	/* of another machine: opened with the
					   first bytes, on its workers */
	/* the version that it becomes, "" when its bytes have no note */
	char version_id[VT_ID_LEN + 1];
	struct vt_cat_extent extent;	/* after a successful close */
	size_t extent_count;		/* 0 for an empty body */
	int on_tier;			/* the extent is a blob, or the id of
					   an inline one, that no row refers
					   to yet */
	/* copies on further tiers, as the policy has it */
	const struct vt_place *place;
	unsigned copies, ack;		/* asked for; to be acknowledged */
	struct replica more[VT_PLACE_COPIES_MAX - 1];
	unsigned more_count;
	int lost_first;			/* the writer above failed */
	struct vt_cat_op op;		/* the operation that makes the row */
	struct req *req;
	int (*done)(struct req *r);
	/* giving the blobs up when that is refused */
	struct vt_cat_op drop;
	struct vt_garbage garbage[VT_PLACE_COPIES_MAX];
};

/* Read the promises about the body and its length. */
int ingest_promises(struct req *r, struct ingest *in);
/* Where it goes; size UINT64_MAX if unknown. */
int ingest_place(struct req *r, struct ingest *in, const char *storage_class,
    uint64_t size_bytes);
/* On a worker: begin a blob, add bytes to it, make it an extent. */
int ingest_open(struct req *r, struct ingest *in, uint64_t size_bytes);
int ingest_write(struct req *r, struct ingest *in, const void *data,
    size_t len);
int ingest_close(struct req *r, struct ingest *in);
/* A body in memory, all of the above; blocks when ingest_blocks says so. */
int ingest_whole(struct req *r, struct ingest *in, const void *data,
    size_t len);
int ingest_blocks(const struct ingest *in, size_t len);

/*
 * Submit in->op, park the request, and call `done` on the catalog's thread
 * with op.code set; it answers and returns 0, and when that is a refusal the
 * blob is given up before the request goes on; or it returns 1 to have the op
 * submitted once more.
 */
void ingest_submit(struct req *r, struct ingest *in,
    int (*done)(struct req *r));
/* in->op, when it makes a version, makes the one that the note speaks of: for
 * who submits it himself. */
void ingest_version(struct ingest *in);
/* Releases what is open; gives up a blob that reached no row; may block when
 * there is one.  May be repeated. */
void ingest_release(struct req *r, struct ingest *in);

#endif
