/*
 * Tiers on another machine, which is another vt-serve that nobody kills: see
 * crash.h.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/crash/crash.h"

#define FAR_BUCKET "far"

static const struct vt_clock real_clock = { 0, 0 };

/* The classes of the default tiers, and the URLs of ours. */
static const struct {
	const char *name, *storage_class, *url;
	int is_inline;
} tiers[] = {
	{ "hot", "STANDARD", "file:tiers/hot", 1 },
	{ "warm", "STANDARD_IA", "file:tiers/warm", 0 },
	{ "cold", "GLACIER_IR", "s3://" FAR_BUCKET "/cold", 0 },
	{ "archive", "DEEP_ARCHIVE", "s3://" FAR_BUCKET "/deep/archive", 0 },
};

static json_t *
tier(const struct world *w, size_t i, const char *fault)
{
	char path[512];
	json_t *t;

	t = json_pack("{s:s, s:s, s:s, s:b}", "name", tiers[i].name, "url",
	    tiers[i].url, "storage_class", tiers[i].storage_class, "inline",
	    tiers[i].is_inline);
	if (t == NULL)
		give_up("out of memory");
	if (fault != NULL)
		json_object_set_new(t, "fault", json_string(fault));
	if (strncmp(tiers[i].url, "s3:", 3) != 0)
		return t;
	snprintf(path, sizeof(path), "%.400s/credentials", w->far->data);
	json_object_set_new(t, "endpoint", json_string(w->far->endpoint));
	json_object_set_new(t, "credentials", json_string(path));
	/* so that an object of a few MiB goes by parts */
	json_object_set_new(t, "part_size", json_string("5M"));
	return t;
}

void
far_config(const struct world *w, const char *fault)
{
	json_t *config = json_pack("{s:b, s:[]}", "promote", 0, "tiers");
	char path[512];
	size_t i;

	for (i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++)
		json_array_append_new(json_object_get(config, "tiers"),
		    tier(w, i, strncmp(tiers[i].url, "s3:", 3) == 0 ? fault :
		    NULL));
	snprintf(path, sizeof(path), "%.400s/vaultaire.json", w->data);
	if (config == NULL ||
	    json_dump_file(config, path, JSON_INDENT(1)) < 0)
		give_up("cannot write '%s'", path);
	json_decref(config);
}

void
far_start(struct world *w)
{
	static struct world far;

	far.bin = w->bin;
	far.server.out = -1;
	/* beside the folder of the store */
	snprintf(far.data, sizeof(far.data), "%.380s.far", w->data);
	snprintf(far.log, sizeof(far.log), "%.399s.log", far.data);
	if (mkdir(far.data, 0700) < 0 || server_start(&far, -1) < 0)
		give_up("the other vt-serve does not start: see %s",
		    far.log);
	w->far = &far;
	far_config(w, NULL);
}

/* A client of the other machine. */
static struct vt_s3 *
far_client(const struct world *w)
{
	struct vt_s3_options o = { .endpoint = w->far->endpoint,
	    .region = "us-east-1", .clock = &real_clock };
	struct vt_cred cred;
	struct vt_s3 *s;
	struct vt_err err;
	char path[512];

	snprintf(path, sizeof(path), "%.400s/credentials", w->far->data);
	if (vt_cred_load(path, "default", 1, &cred, &err) != VT_OK)
		give_up("%s", err.text);
	o.access_key = cred.access_key;
	o.secret_key = cred.secret_key;
	if (vt_s3_open(&o, &s, &err) != VT_OK)
		give_up("%s", err.text);
	return s;
}

struct look {
	far_visit *visit;
	void *ctx;
	const char *prefix;
	uint64_t uploads;
};

static int
see_object(void *ctx, const struct vt_s3_entry *e)
{
	struct look *l = ctx;

	l->visit(l->ctx, e->key + strlen(l->prefix), e->size_bytes);
	return 0;
}

static int
see_upload(void *ctx, const char *key, const char *upload_id,
    int64_t initiated_us)
{
	(void)upload_id, (void)initiated_us;
	complain("an upload to '%s' is left on the other machine", key);
	((struct look *)ctx)->uploads++;
	return 0;
}

void
far_look(const struct world *w, const char *url, far_visit *visit, void *ctx)
{
	char prefix[128];
	struct look l = { visit, ctx, prefix, 0 };
	struct vt_s3 *s = far_client(w);
	struct vt_err err;

	snprintf(prefix, sizeof(prefix), "%.100s/",
	    url + strlen("s3://" FAR_BUCKET "/"));
	if (vt_s3_list(s, FAR_BUCKET, prefix, NULL, NULL, see_object, &l,
	    &err) != VT_OK || vt_s3_list_uploads(s, FAR_BUCKET, prefix,
	    see_upload, &l, &err) != VT_OK)
		give_up("cannot look at the other machine: %s", err.text);
	vt_s3_close(s);
}

/* A gauge of the other machine. */
static unsigned long
far_gauge(const struct world *w, struct vt_httpc *h, const char *name)
{
	struct vt_httpc_response resp = { 0 };
	struct vt_httpc_request r = { .method = "GET", .max_body = 1 << 20 };
	struct vt_err err;
	char url[64], *p;
	unsigned long n;

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/metrics",
	    w->far->admin_port);
	r.url = url;
	if (vt_httpc_perform(h, &r, &resp, &err) != VT_OK ||
	    vt_buf_add(&resp.body, "", 1) < 0)
		give_up("no figures of the other machine: %s", err.text);
	p = strstr(resp.body.data, name);
	while (p != NULL && (p[-1] != '\n' || p[strlen(name)] != ' '))
		p = strstr(p + 1, name);
	if (p == NULL)
		give_up("the other machine tells no %s", name);
	n = strtoul(p + strlen(name), NULL, 10);
	vt_httpc_response_release(&resp);
	return n;
}

void
far_settle(const struct world *w)
{
	static const struct timespec moment = { 0, 5000000 };
	static const struct vt_httpc_options o;
	struct vt_httpc *h;
	struct vt_err err;

	if (vt_httpc_open(&o, &h, &err) != VT_OK)
		give_up("%s", err.text);
	while (far_gauge(w, h, "vt_requests_in_hand") > 0)
		nanosleep(&moment, NULL);
	vt_httpc_close(h);
}
