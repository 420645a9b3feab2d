/* A part on its way into an upload: UploadPart and UploadPartCopy share it. */
#ifndef VT_SERVE_MULTIPART_H
#define VT_SERVE_MULTIPART_H

#include "ingest.h"

#define PART_NUMBER_MAX 10000

struct part {
	struct ingest in;	/* first: its cleanup finds it */
	struct vt_upload *upload;
	uint32_t number;
};

/* The upload that uploadId names, which must be of this bucket and key; NULL
 * after answering NoSuchUpload.  Finished uploads only when asked for. */
struct vt_upload *upload_find(struct req *r, int also_complete);
/* uploadId and partNumber; becomes the request's state.  -1 after
 * answering. */
int part_begin(struct req *r, struct part *p);
/* Where its bytes go: one placement function decides for parts too, within
 * the class of the upload.  -1 after answering. */
int part_place(struct req *r, struct part *p, uint64_t size_bytes);
/* The row of a part whose digest has ended. */
void part_row(struct req *r, struct part *p,
    const struct vt_cat_extent *extents, size_t extent_count);
/* Answers a failed row; 0 when it did not fail. */
int part_failed(struct req *r, struct part *p);

#endif
