/* The operations, one family a file; signatures as struct op wants them. */
#ifndef VT_SERVE_OPS_H
#define VT_SERVE_OPS_H

#include "http.h"

/* bucket.c */
void op_list_buckets(struct req *r);
void op_create_bucket(struct req *r);		/* OP_XML OP_NO_BUCKET */
void op_head_bucket(struct req *r);
void op_delete_bucket(struct req *r);
void op_get_bucket_location(struct req *r);
void op_get_bucket_versioning(struct req *r);
void op_put_bucket_versioning(struct req *r);	/* OP_XML */
void op_absent_document(struct req *r);	/* GET of a sub-resource that is
					   not set: its own NoSuch... code */

/* permissions.c */
void op_get_bucket_acl(struct req *r);
void op_put_bucket_acl(struct req *r);		/* OP_XML */
void op_get_object_acl(struct req *r);
void op_put_object_acl(struct req *r);		/* OP_XML */
void op_get_bucket_policy_status(struct req *r);

/* documents.c: what r->op->doc names */
void op_get_document(struct req *r);
void op_put_document(struct req *r);		/* OP_XML */
void op_delete_document(struct req *r);

/* cors.c */
void op_preflight(struct req *r);		/* OP_OPEN */

/* list.c: OP_WORKER */
void op_list_objects(struct req *r);
void op_list_objects_v2(struct req *r);
void op_list_versions(struct req *r);

/* batch.c: OP_XML OP_WORKER */
void op_delete_objects(struct req *r);

/* object.c */
void op_get_object(struct req *r);
void op_head_object(struct req *r);
void op_get_object_torrent(struct req *r);
void op_delete_object(struct req *r);
int op_put_object_open(struct req *r);		/* OP_STREAM */
int op_put_object_write(struct req *r, const void *data, size_t len);
void op_put_object(struct req *r);

/* form.c */
int op_post_object_open(struct req *r);		/* OP_STREAM OP_FORM */
int op_post_object_write(struct req *r, const void *data, size_t len);
void op_post_object(struct req *r);

/* attributes.c */
void op_get_object_attributes(struct req *r);

/* tagging.c */
void op_get_object_tagging(struct req *r);
void op_put_object_tagging(struct req *r);	/* OP_XML */
void op_delete_object_tagging(struct req *r);

/* restore.c */
void op_restore_object(struct req *r);		/* OP_XML */

/* lock.c */
void op_put_object_lock(struct req *r);		/* OP_XML */
void op_get_object_retention(struct req *r);
void op_put_object_retention(struct req *r);	/* OP_XML */
void op_get_object_legal_hold(struct req *r);
void op_put_object_legal_hold(struct req *r);	/* OP_XML */

/* copy.c: OP_WORKER */
void op_copy_object(struct req *r);
void op_upload_part_copy(struct req *r);

/* multipart.c */
void op_create_upload(struct req *r);
int op_upload_part_open(struct req *r);		/* OP_STREAM */
int op_upload_part_write(struct req *r, const void *data, size_t len);
void op_upload_part(struct req *r);
void op_complete_upload(struct req *r);		/* OP_XML OP_WORKER */
void op_abort_upload(struct req *r);
void op_list_parts(struct req *r);		/* OP_WORKER */
void op_list_uploads(struct req *r);		/* OP_WORKER */

#endif
