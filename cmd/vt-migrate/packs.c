/* Packs of a plan: a line of the pack, then one of each member. */
#include <stdlib.h>
#include <string.h>

#include "libvt/store/pack.h"
#include "libvt/work/migrate_pack.h"

#include "cmd/cli.h"

#include "run.h"

#define OPEN_MAX 4		/* written at once, as each is held in part */
#define TEXT_MAX ((size_t)512 << 20)	/* of one pack's lines */

struct pack {
	struct vt_arena *a;
	struct vt_move head;
	struct vt_move *members;
	size_t count, cap;
	char where[WHERE_MAX];
};

static void
pack_free(struct pack *p)
{
	vt_arena_free(p->a);
	free(p->members);
	free(p);
}

/* The line is its next member: 1, else 0. */
static int
add_member(struct pack *p, const struct vt_buf *line)
{
	struct vt_move *more, *m;
	size_t cap;

	if (p->count == VT_PACK_ENTRIES)
		return 0;
	if (p->count == p->cap) {
		cap = p->cap != 0 ? p->cap * 2 : 64;
		more = realloc(p->members, cap * sizeof(*more));
		if (more == NULL)
			cli_die(CLI_FAILED, "out of memory");
		p->members = more;
		p->cap = cap;
	}
	m = &p->members[p->count];
	if (vt_move_parse(line->data, line->len, p->a, m, NULL) != VT_OK ||
	    strcmp(m->action, "pack-member") != 0 ||
	    strcmp(m->pack, p->head.pack) != 0)
		return 0;
	p->count++;
	return 1;
}

struct pack *
pack_take(struct run *r, const struct vt_buf *line, const char *where)
{
	struct pack *p;
	struct vt_buf next;

	/* whatever else the line is, it is parsed where it is carried out */
	if (strstr(line->data, "\"pack\"") == NULL)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		cli_die(CLI_FAILED, "out of memory");
	p->a = vt_arena_new(TEXT_MAX);
	if (p->a == NULL)
		cli_die(CLI_FAILED, "out of memory");
	if (vt_move_parse(line->data, line->len, p->a, &p->head, NULL) !=
	    VT_OK || strcmp(p->head.action, "pack") != 0) {
		pack_free(p);
		return NULL;
	}
	snprintf(p->where, sizeof(p->where), "%s", where);
	vt_buf_init(&next, VT_RECORD_LINE_MAX);
	while (read_line(r, &next, r->ahead_where)) {
		if (add_member(p, &next))
			continue;
		vt_buf_reset(&r->ahead);
		r->has_ahead = vt_buf_add(&r->ahead, next.data, next.len) ==
		    0;
		break;
	}
	vt_buf_release(&next);
	return p;
}

void
pack_stray(struct run *r, const struct vt_move *m)
{
	struct vt_move_result res;
	struct vt_expire_result gone;
	struct vt_err err;

	memset(&res, 0, sizeof(res));
	memset(&gone, 0, sizeof(gone));
	res.status = VT_MOVE_SKIPPED;
	(void)vt_fail(&err, VT_INVALID, "the line of its pack is not before "
	    "it");
	report_move(r, m, &res, &gone, &err);
	pthread_mutex_lock(&r->lock);
	r->bad_lines++;
	pthread_mutex_unlock(&r->lock);
}

/* A line for the pack itself. */
static void
report_pack(struct run *r, const struct pack *p,
    const struct vt_pack_result *out, enum vt_code rc, const char *reason)
{
	struct vt_buf b;

	vt_buf_init(&b, 64 << 10);
	vt_json_begin(&b);
	vt_json_u64(&b, "v", 1);
	vt_json_str(&b, "plan", p->head.plan);
	vt_json_str(&b, "action", "pack");
	vt_json_str(&b, "pack", p->head.pack);
	vt_json_str(&b, "bucket", p->head.bucket);
	vt_json_bytes(&b, "prefix", p->head.key, p->head.key_len);
	vt_json_str(&b, "to", p->head.to);
	vt_json_u64(&b, "objects", out->members);
	vt_json_u64(&b, "size", out->member_bytes);
	if (out->blob_id != 0) {
		vt_json_u64(&b, "blob", out->blob_id);
		vt_json_u64(&b, "bytes", out->bytes);
	}
	vt_json_str(&b, "status", vt_move_status_name(rc != VT_OK ?
	    VT_MOVE_FAILED : out->members > 0 ? VT_MOVE_DONE :
	    VT_MOVE_SKIPPED));
	if (r->o.dry_run)
		vt_json_bool(&b, "dry_run", 1);
	if (reason != NULL)
		vt_json_str(&b, "reason", reason);
	vt_json_end(&b);
	(void)cli_out_buf(&b);	/* sticks; told by cli_finish */
	vt_buf_release(&b);
}

/* The requests of the pack itself are on the bill of its first member. */
static void
report_members(struct run *r, const struct pack *p, struct vt_pack_job *jobs,
    const struct vt_pack_result *out, int is_cancelled, int64_t start_us,
    int64_t start_mono_us)
{
	uint64_t requests = out->backend_requests;
	struct vt_expire_result gone;
	struct vt_err err;
	size_t i;

	memset(&gone, 0, sizeof(gone));
	for (i = 0; i < p->count; i++) {
		struct vt_pack_job *j = &jobs[i];
		int has_failed = j->code != VT_OK;

		cli_progress_add((int64_t)j->move->size_bytes, 1);
		if (is_cancelled && !has_failed &&
		    j->res.status == VT_MOVE_FAILED)
			continue;
		if (has_failed)
			(void)vt_fail(&err, j->code, "%s",
			    j->reason != NULL ? j->reason : "");
		if (j->res.status == VT_MOVE_DONE) {
			j->res.backend_requests += requests;
			requests = 0;
		}
		report_move(r, j->move, &j->res, &gone,
		    has_failed ? &err : NULL);
		log_move(r, j->move, &j->res, &gone, has_failed ? &err : NULL,
		    start_us, start_mono_us);
		if (j->res.status == VT_MOVE_REFUSED ||
		    (j->res.status == VT_MOVE_FAILED && !is_cancelled))
			cli_warn("%s: %s/%s: %s", p->where, j->move->bucket,
			    j->move->key, has_failed ? err.text : "failed");
		count_move(r, j->move, j->res.status, j->code);
	}
}

/* Few at once: wait for a place, or give it back. */
static void
enter(struct run *r)
{
	pthread_mutex_lock(&r->lock);
	while (r->packs_open == OPEN_MAX)
		pthread_cond_wait(&r->pack_done, &r->lock);
	r->packs_open++;
	pthread_mutex_unlock(&r->lock);
}

static void
leave(struct run *r, const struct vt_pack_result *out)
{
	pthread_mutex_lock(&r->lock);
	r->packs_open--;
	if (out->members > 0 && out->blob_id != 0) {
		r->packs++;
		r->packed += out->members;
		r->pack_bytes += out->bytes;
	}
	pthread_cond_signal(&r->pack_done);
	pthread_mutex_unlock(&r->lock);
}

void
pack_run(struct run *r, const struct vt_migrate_options *o, struct pack *p)
{
	struct vt_pack_job *jobs = calloc(p->count + 1, sizeof(*jobs));
	int64_t start_us = vt_clock_now_us(o->clock);
	int64_t start_mono_us = vt_clock_mono_us();
	struct vt_pack_result out;
	struct vt_err err;
	enum vt_code rc;
	size_t i;

	if (jobs == NULL)
		cli_die(CLI_FAILED, "out of memory");
	enter(r);
	memset(&err, 0, sizeof(err));
	for (i = 0; i < p->count; i++) {
		jobs[i].move = &p->members[i];
		cli_progress_expect(p->members[i].size_bytes, 1);
	}
	rc = vt_migrate_pack(o, p->head.bucket, p->head.to, p->head.key,
	    p->head.key_len, p->head.size_bytes, jobs, p->count, p->a, &out,
	    &err);
	if (rc != VT_OK && rc != VT_CANCELLED)
		for (i = 0; i < p->count; i++)
			if (jobs[i].code == VT_OK &&
			    jobs[i].res.status == VT_MOVE_FAILED) {
				jobs[i].code = rc;
				jobs[i].reason = err.text;
			}
	if (o->dry_run)
		for (i = 0; i < p->count; i++)
			if (jobs[i].res.status == VT_MOVE_DONE) {
				out.members++;
				out.member_bytes +=
				    p->members[i].size_bytes;
			}
	report_pack(r, p, &out, rc, rc != VT_OK ? err.text : NULL);
	report_members(r, p, jobs, &out, rc == VT_CANCELLED, start_us,
	    start_mono_us);
	leave(r, &out);
	free(jobs);
	pack_free(p);
}
