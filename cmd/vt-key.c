/*
 * vt-key: users of a server and their access keys.  Each command is one or two
 * operations of the catalog, which a vt-serve that runs sees within a second.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/clock.h"
#include "libvt/base/fs.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
#include "libvt/base/jsonl.h"
#include "libvt/proto/policy.h"
#include "libvt/store/catalog.h"

#include "cli.h"

#define GRACE_DEFAULT_MS (INT64_C(24) * 3600 * 1000)
#define GRACE_MAX_MS (INT64_C(366) * 24 * 3600 * 1000)
#define ARENA_MAX (8 << 20)
#define OUT_MAX (1 << 20)

static const char usage[] =
"usage: vt-key [options] create NAME\n"
"       vt-key [options] list\n"
"       vt-key [options] show NAME\n"
"       vt-key [options] disable | enable NAME | KEY\n"
"       vt-key [options] rotate NAME\n"
"       vt-key [options] delete NAME | KEY\n"
"       vt-key [options] policy NAME [POLICY]\n"
"\n"
"Make, list, stop and change users of a server and their access keys.  KEY is\n"
"the id of an access key, POLICY a file (- for standard input), 'none', or\n"
"readonly, readwrite, writeonly or full, which may end in :BUCKET.\n"
"\n"
"      --config FILE      configuration (vaultaire.json in the data folder)\n"
"      --data DIR         data folder ($VAULTAIRE_DATA, ./vaultaire-data)\n"
"      --email ADDRESS    create: what access lists may call the user by\n"
"      --force            delete: also a user who owns buckets\n"
"      --grace TIME       rotate: the old key is good that long, or 'never'\n"
"                         stops by itself (default 24h)\n"
"  -h, --help             this text\n"
"      --json             one JSON object a line\n"
"  -o, --output FILE      create, rotate: the key into this new file, not to\n"
"                         standard output\n"
"      --policy POLICY    create: what the user may do\n"
"  -V, --version          version\n";

enum {
	OPT_CONFIG = 256, OPT_DATA, OPT_EMAIL, OPT_FORCE, OPT_GRACE, OPT_JSON,
	OPT_POLICY
};

static const struct option options[] = {
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "data", required_argument, NULL, OPT_DATA },
	{ "email", required_argument, NULL, OPT_EMAIL },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "grace", required_argument, NULL, OPT_GRACE },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "output", required_argument, NULL, 'o' },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

struct run {
	const char *config_path, *data;
	const char *email, *output, *policy;
	int64_t grace_ms;	/* -1: the old key stays */
	int has_grace, force, json;
	const char *name;	/* of a user, or a key */
	const char *argument;	/* policy: the new one */

	struct vt_config *config;
	struct vt_catalog *catalog;
	struct vt_arena *arena;
	struct vt_clock clock;
	struct vt_buf out;
};

static void
die(const struct vt_err *err)
{
	cli_die(cli_status_of(err->code), "%s", err->text);
}

/* A failure that is no item of many, told with its words. */
static int
fail(const struct vt_err *err)
{
	cli_warn("%s", err->text);
	return cli_status_of(err->code);
}

/* --- the catalog ---------------------------------------------------------- */

/* What holds secrets may be read by its owner alone. */
static void
check_private(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
		cli_die(CLI_FAILED, "'%s' may be read by others (mode %04o): "
		    "chmod 600 it", path, (unsigned)(st.st_mode & 07777));
}

static void
open_catalog(struct run *r, int read_only)
{
	struct vt_catalog_options o = { .clock = &r->clock,
	    .read_only = read_only };
	struct vt_err err;

	if (cli_config_load(r->config_path, r->data, &r->config, &err) !=
	    VT_OK)
		die(&err);
	if (!read_only)
		check_private(r->config->catalog_path);
	if (vt_catalog_open(r->config->catalog_path, &o, &r->catalog, &err) !=
	    VT_OK)
		cli_die(err.code == VT_ABSENT ? CLI_FAILED :
		    cli_status_of(err.code), "%s%s", err.text,
		    err.code == VT_ABSENT ? ": start vt-serve once" : "");
}

static enum vt_code
change(struct run *r, enum vt_cat_kind kind, const struct vt_cat_user *u,
    struct vt_err *err)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = kind;
	op.u.user = *u;
	return vt_catalog_run(r->catalog, &op, err);
}

/* The root user is in no catalog. */
static void
refuse_root(const struct run *r, const char *doing)
{
	if (strcmp(r->name, VT_ROOT_NAME) == 0)
		cli_die(CLI_SOME, "'%s' cannot be %s: its key is in '%s'",
		    r->name, doing, r->config->credentials);
}

/* --- policies ------------------------------------------------------------- */

#define READ "\"s3:GetObject*\",\"s3:ListBucket*\","			\
	"\"s3:GetBucketLocation\",\"s3:GetBucketVersioning\","		\
	"\"s3:GetBucketObjectLockConfiguration\""
#define WRITE "\"s3:PutObject\",\"s3:AbortMultipartUpload\","		\
	"\"s3:ListMultipartUploadParts\",\"s3:GetBucketLocation\""
#define CHANGE "\"s3:DeleteObject*\",\"s3:PutObjectTagging\","		\
	"\"s3:PutObjectVersionTagging\",\"s3:RestoreObject\""

static const struct {
	const char *name, *actions;
} canned[] = {
	{ "readonly", READ },
	{ "readwrite", READ "," WRITE "," CHANGE },
	{ "writeonly", WRITE },
	{ "full", "\"s3:*\"" }
};

static int
is_bucket(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-");

	return len >= 3 && len <= 63 && name[len] == '\0';
}

/* "readonly" or "readonly:bucket" as a document, or NULL. */
static const char *
canned_policy(struct run *r, const char *text)
{
	const char *bucket = strchr(text, ':'), *resource;
	size_t i, len = strcspn(text, ":");

	for (i = 0; i < sizeof(canned) / sizeof(canned[0]); i++)
		if (strlen(canned[i].name) == len &&
		    memcmp(canned[i].name, text, len) == 0)
			break;
	if (i == sizeof(canned) / sizeof(canned[0]))
		return NULL;
	if (bucket != NULL && !is_bucket(bucket + 1))
		cli_die(CLI_USAGE, "'%s': '%s' is no bucket's name", text,
		    bucket + 1);
	resource = bucket == NULL ? "\"*\"" :
	    vt_arena_printf(r->arena, "[\"arn:aws:s3:::%s\","
	    "\"arn:aws:s3:::%s/*\"]", bucket + 1, bucket + 1);
	text = resource == NULL ? NULL : vt_arena_printf(r->arena,
	    "{\"Version\":\"2012-10-17\",\"Statement\":["
	    "{\"Effect\":\"Allow\",\"Action\":\"s3:ListAllMyBuckets\","
	    "\"Resource\":\"*\"},"
	    "{\"Effect\":\"Allow\",\"Action\":[%s],\"Resource\":%s}]}\n",
	    canned[i].actions, resource);
	if (text == NULL)
		cli_die(CLI_FAILED, "out of memory");
	return text;
}

static void
check_policy(const char *path, const char *text, size_t len)
{
	struct vt_policy *p;
	struct vt_err err;

	if (vt_policy_parse(text, len, NULL, &p, &err) != VT_OK)
		cli_die(CLI_FAILED, "'%s' is no policy: %s", path, err.text);
	vt_policy_free(p);
}

static const char *
policy_text(struct run *r, const char *spec)
{
	const char *text = canned_policy(r, spec);
	struct vt_err err;
	char *data;
	size_t len;

	if (text != NULL)
		return text;
	if (strcmp(spec, "none") == 0)
		return "";
	if (vt_fs_read(strcmp(spec, "-") == 0 ? "/dev/stdin" : spec,
	    VT_USER_POLICY_MAX, &data, &len, &err) != VT_OK)
		die(&err);
	check_policy(spec, data, len);
	text = vt_arena_str(r->arena, data);
	free(data);
	if (text == NULL)
		cli_die(CLI_FAILED, "out of memory");
	return text;
}

/* --- giving a key away ---------------------------------------------------- */

/* The file of a new key, which must not exist: nothing is lost by it. */
static enum vt_code
write_file(const char *path, const struct vt_cred *cred, struct vt_err *err)
{
	char text[512], *copy, *slash;
	enum vt_code rc;
	int n, fd;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return vt_fail_errno(err, "cannot create '%s'", path);
	n = vt_cred_format(cred, "default", text, sizeof(text));
	rc = vt_fs_write_all(fd, text, (size_t)n) < 0 || fsync(fd) < 0 ?
	    vt_fail_errno(err, "cannot write '%s'", path) : VT_OK;
	explicit_bzero(text, sizeof(text));
	close(fd);
	copy = cli_strdup(path);
	slash = strrchr(copy, '/');
	if (slash != NULL)
		slash[slash == copy] = '\0';
	if (rc == VT_OK)
		rc = vt_fs_sync_dir(slash != NULL ? copy : ".", err);
	free(copy);
	if (rc != VT_OK)
		unlink(path);
	return rc;
}

static int
to_file(const struct run *r)
{
	return r->output != NULL && strcmp(r->output, "-") != 0;
}

/* On stdout; 0, or -1 when it did not get there. */
static int
print_key(struct run *r, const char *canonical, const struct vt_cred *cred)
{
	char text[512];
	int n;

	if (r->json) {
		vt_json_begin(&r->out);
		vt_json_str(&r->out, "name", r->name);
		if (canonical != NULL)
			vt_json_str(&r->out, "id", canonical);
		vt_json_str(&r->out, "access_key", cred->access_key);
		if (!to_file(r))
			vt_json_str(&r->out, "secret_key", cred->secret_key);
		vt_json_end(&r->out);
		if (cli_out_buf(&r->out) < 0)
			return -1;
	} else if (!to_file(r)) {
		n = vt_cred_format(cred, r->name, text, sizeof(text));
		n = cli_out(text, (size_t)n);
		explicit_bzero(text, sizeof(text));
		if (n < 0)
			return -1;
	}
	return cli_flush();
}

/*
 * Add a key by `kind` and give it away.  The file is written before the key is
 * good, so that a secret is never lost; a key that standard output did not
 * take is undone by `undo`.
 */
static int
give_key(struct run *r, enum vt_cat_kind kind, struct vt_cat_user *u,
    enum vt_cat_kind undo, struct vt_cred *cred)
{
	struct vt_err err, ignored;
	enum vt_code rc;

	rc = vt_cred_random(cred, &err);
	if (rc == VT_OK && to_file(r))
		rc = write_file(r->output, cred, &err);
	if (rc != VT_OK)
		return fail(&err);
	u->access_key = cred->access_key;
	u->secret_key = cred->secret_key;
	rc = change(r, kind, u, &err);
	if (rc != VT_OK) {
		if (to_file(r))
			unlink(r->output);
		return fail(&err);
	}
	if (print_key(r, u->canonical, cred) == 0)
		return CLI_OK;
	/* Nobody has seen it.  If even that fails it is a key that nobody
	 * knows, and listed. */
	u->orphan = 1;
	if (!to_file(r) && change(r, undo, u, &ignored) != VT_OK)
		cli_warn_err(&ignored, "the key '%s' stays", u->access_key);
	return CLI_FAILED;
}

/* --- commands ------------------------------------------------------------- */

static int
is_name(const char *s)
{
	size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789_+=,.@-");

	return len >= 1 && len <= VT_USER_NAME_MAX && s[len] == '\0' &&
	    *s != '-';
}

static int
is_email(const char *s)
{
	size_t i, len = strlen(s);

	for (i = 0; i < len; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f)
			return 0;
	return len <= VT_USER_EMAIL_MAX && strchr(s, '@') != NULL;
}

static int
do_create(struct run *r)
{
	struct vt_cat_user u = { .name = r->name, .email = r->email };
	char canonical[VT_CANONICAL_LEN + 1];
	uint8_t id[VT_CANONICAL_LEN / 2];
	struct vt_cred cred;
	int status;

	if (!is_name(r->name))
		return cli_usage_error("'%s' is no name: 1 to %d letters, "
		    "digits and _+=,.@-, no '-' first", r->name,
		    VT_USER_NAME_MAX);
	if (r->email != NULL && !is_email(r->email))
		return cli_usage_error("'%s' is no email address", r->email);
	if (r->policy != NULL)
		u.policy = policy_text(r, r->policy);
	open_catalog(r, 0);
	refuse_root(r, "created");
	/* Not made of the name: who comes later by that name is not this one
	 * and must not own what this one did. */
	if (vt_random(id, sizeof(id)) < 0)
		cli_die(CLI_FAILED, "no random bytes to be had");
	vt_hex_encode(id, sizeof(id), canonical);
	u.canonical = canonical;
	status = give_key(r, VT_CAT_USER_CREATE, &u, VT_CAT_USER_DELETE,
	    &cred);
	explicit_bzero(&cred, sizeof(cred));
	return status;
}

static const char *
key_state(const struct run *r, const struct vt_access_key *k, char out[40])
{
	char text[25];

	if (k->disabled)
		return "disabled";
	if (k->expires_us == 0)
		return "enabled";
	if (k->expires_us <= vt_clock_now_us(&r->clock))
		return "ended";
	vt_time_rfc3339_ms(k->expires_us, text);
	snprintf(out, 40, "ends %.19sZ", text);
	return out;
}

static void
json_time(struct vt_buf *b, const char *name, int64_t us)
{
	char text[25];

	vt_time_rfc3339_ms(us, text);
	vt_json_str(b, name, text);
}

static void
json_keys(struct run *r, const struct vt_access_key *keys, size_t count)
{
	struct vt_buf b;
	char state[40];
	size_t i;

	vt_buf_init(&b, OUT_MAX);
	vt_buf_char(&b, '[');
	for (i = 0; i < count; i++) {
		vt_buf_str(&b, i > 0 ? ",{" : "{");
		vt_json_str(&b, "access_key", keys[i].access_key);
		vt_json_str(&b, "state", strncmp(key_state(r, &keys[i],
		    state), "ends", 4) == 0 ? "enabled" :
		    key_state(r, &keys[i], state));
		if (keys[i].created_us != 0)
			json_time(&b, "created", keys[i].created_us);
		if (keys[i].expires_us != 0)
			json_time(&b, "ends", keys[i].expires_us);
		vt_buf_char(&b, '}');
	}
	vt_buf_char(&b, ']');
	if (b.failed)
		cli_die(CLI_FAILED, "out of memory");
	vt_json_raw(&r->out, "keys", b.data, b.len);
	vt_buf_release(&b);
}

/* What `list` and `show` print of a user. */
struct account {
	struct vt_user u;
	struct vt_access_key *keys;
	size_t key_count;
	uint64_t buckets;
	char number[VT_ACCOUNT_LEN + 1];
};

static void
load_account(struct run *r, struct account *a)
{
	struct vt_err err;

	vt_user_account(a->u.canonical, a->number);
	if (vt_catalog_owned_buckets(r->catalog, a->u.canonical, &a->buckets,
	    &err) != VT_OK)
		die(&err);
	if (a->u.id != 0 && vt_catalog_keys_of(r->catalog, r->arena, a->u.id,
	    &a->keys, &a->key_count, &err) != VT_OK)
		die(&err);
}

/* Root is a user like others, but for where its key is. */
static void
load_root(struct run *r, struct account *a)
{
	static char canonical[VT_CANONICAL_LEN + 1];
	static struct vt_access_key key;
	static struct vt_cred cred;
	struct vt_err err;

	memset(a, 0, sizeof(*a));
	if (vt_user_root(canonical) < 0)
		cli_die(CLI_FAILED, "out of memory");
	a->u.name = VT_ROOT_NAME;
	a->u.canonical = canonical;
	a->u.email = a->u.policy = "";
	load_account(r, a);
	/* Who may read the catalog need not be able to read the key. */
	if (vt_cred_load(r->config->credentials, "default", 1, &cred, &err) !=
	    VT_OK)
		return;
	explicit_bzero(cred.secret_key, sizeof(cred.secret_key));
	key.access_key = cred.access_key;
	a->keys = &key;
	a->key_count = 1;
}

static void
print_json(struct run *r, const struct account *a)
{
	vt_json_begin(&r->out);
	vt_json_str(&r->out, "name", a->u.name);
	vt_json_str(&r->out, "id", a->u.canonical);
	vt_json_str(&r->out, "account", a->number);
	vt_json_str(&r->out, "email", a->u.email);
	if (a->u.created_us != 0)
		json_time(&r->out, "created", a->u.created_us);
	vt_json_bool(&r->out, "disabled", a->u.disabled);
	vt_json_bool(&r->out, "policy", *a->u.policy != '\0');
	vt_json_u64(&r->out, "buckets", a->buckets);
	json_keys(r, a->keys, a->key_count);
	vt_json_end(&r->out);
	cli_out_buf(&r->out);
}

static void
print_line(struct run *r, const struct account *a)
{
	char state[40], created[25];
	size_t i;

	for (i = 0; i < a->key_count || i == 0; i++) {
		*created = '\0';
		if (i < a->key_count && a->keys[i].created_us != 0)
			vt_time_rfc3339_ms(a->keys[i].created_us, created);
		cli_printf("%-20s %-20s %-25s %-10.10s %" PRIu64 "\n",
		    a->u.name, i < a->key_count ? a->keys[i].access_key : "-",
		    a->u.disabled ? "disabled" : i < a->key_count ?
		    key_state(r, &a->keys[i], state) : "-",
		    *created != '\0' ? created : "-", a->buckets);
	}
}

static void
print_account(struct run *r, const struct account *a)
{
	if (r->json)
		print_json(r, a);
	else
		print_line(r, a);
}

static int
do_list(struct run *r)
{
	struct account a;
	struct vt_err err;
	enum vt_code rc;
	char *last;

	open_catalog(r, 1);
	if (!r->json)
		cli_printf("%-20s %-20s %-25s %-10s %s\n", "USER",
		    "ACCESS KEY", "STATE", "SINCE", "BUCKETS");
	load_root(r, &a);
	print_account(r, &a);
	last = cli_strdup("");
	for (;;) {
		vt_arena_free(r->arena);
		r->arena = vt_arena_new(ARENA_MAX);
		if (r->arena == NULL)
			cli_die(CLI_FAILED, "out of memory");
		memset(&a, 0, sizeof(a));
		rc = vt_catalog_user_next(r->catalog, r->arena, last, &a.u,
		    &err);
		if (rc != VT_OK)
			break;
		load_account(r, &a);
		print_account(r, &a);
		free(last);
		last = cli_strdup(a.u.name);
	}
	free(last);
	return rc == VT_ABSENT ? CLI_OK : fail(&err);
}

static void
print_whole(struct run *r, const struct account *a)
{
	char text[40];
	size_t i;

	cli_printf("name:     %s\nid:       %s\naccount:  %s\n", a->u.name,
	    a->u.canonical, a->number);
	if (*a->u.email != '\0')
		cli_printf("email:    %s\n", a->u.email);
	if (a->u.created_us != 0) {
		vt_time_rfc3339_ms(a->u.created_us, text);
		cli_printf("created:  %s\n", text);
	}
	cli_printf("state:    %s\npolicy:   %s\nbuckets:  %" PRIu64 "\n",
	    a->u.disabled ? "disabled" : "enabled",
	    a->u.id == 0 ? "may do everything" :
	    *a->u.policy != '\0' ? "its own" : "none", a->buckets);
	for (i = 0; i < a->key_count; i++)
		cli_printf("key:      %s, %s\n", a->keys[i].access_key,
		    key_state(r, &a->keys[i], text));
}

static int
do_show(struct run *r)
{
	struct account a;
	struct vt_err err;

	open_catalog(r, 1);
	if (strcmp(r->name, VT_ROOT_NAME) == 0)
		load_root(r, &a);
	else {
		memset(&a, 0, sizeof(a));
		if (vt_catalog_user(r->catalog, r->arena, r->name, &a.u,
		    &err) != VT_OK)
			return fail(&err);
		load_account(r, &a);
	}
	if (r->json)
		print_json(r, &a);
	else
		print_whole(r, &a);
	return CLI_OK;
}

/* 1: r->name is a user, 0: it is a key; exits when it is neither. */
static int
names_user(struct run *r)
{
	struct vt_access_key key;
	struct vt_user user;
	struct vt_err err;
	enum vt_code rc;

	rc = vt_catalog_user(r->catalog, r->arena, r->name, &user, &err);
	if (rc == VT_OK)
		return 1;
	if (rc == VT_ABSENT)
		rc = vt_catalog_key(r->catalog, r->arena, r->name, &key,
		    &user, &err);
	if (rc == VT_ABSENT)
		cli_die(CLI_SOME, "'%s' is neither a user nor an access key",
		    r->name);
	if (rc != VT_OK)
		die(&err);
	return 0;
}

static int
set_disabled(struct run *r, int disabled)
{
	struct vt_cat_user u = { .name = r->name, .access_key = r->name,
	    .disabled = disabled };
	struct vt_err err;

	open_catalog(r, 0);
	refuse_root(r, "disabled or enabled");
	/* A key that is enabled has no end any more. */
	u.expires_us = disabled ? -1 : 0;
	if (change(r, names_user(r) ? VT_CAT_USER_SET : VT_CAT_KEY_SET, &u,
	    &err) != VT_OK)
		return fail(&err);
	return CLI_OK;
}

static int
do_disable(struct run *r)
{
	return set_disabled(r, 1);
}

static int
do_enable(struct run *r)
{
	return set_disabled(r, 0);
}

/* Let every key of the user but the new one end when its grace is over. */
static int
end_others(struct run *r, int64_t user_id, const char *new_key)
{
	struct vt_cat_user u = { .disabled = -1 };
	struct vt_access_key *keys;
	struct vt_err err;
	size_t i, count;

	u.expires_us = vt_clock_now_us(&r->clock) + r->grace_ms * 1000;
	if (vt_catalog_keys_of(r->catalog, r->arena, user_id, &keys, &count,
	    &err) != VT_OK)
		return fail(&err);
	for (i = 0; i < count; i++) {
		if (strcmp(keys[i].access_key, new_key) == 0)
			continue;
		u.access_key = keys[i].access_key;
		if (change(r, VT_CAT_KEY_SET, &u, &err) != VT_OK)
			return fail(&err);
	}
	return CLI_OK;
}

static int
do_rotate(struct run *r)
{
	struct vt_cat_user u = { .name = r->name };
	struct vt_user user;
	struct vt_cred cred;
	struct vt_err err;
	int status;

	open_catalog(r, 0);
	refuse_root(r, "rotated");
	if (vt_catalog_user(r->catalog, r->arena, r->name, &user, &err) !=
	    VT_OK)
		return fail(&err);
	u.canonical = user.canonical;
	status = give_key(r, VT_CAT_KEY_ADD, &u, VT_CAT_KEY_DELETE, &cred);
	if (status == CLI_OK && r->grace_ms >= 0)
		status = end_others(r, user.id, cred.access_key);
	explicit_bzero(&cred, sizeof(cred));
	return status;
}

static int
do_delete(struct run *r)
{
	struct vt_cat_user u = { .name = r->name, .access_key = r->name,
	    .orphan = r->force };
	struct vt_err err;
	enum vt_code rc;

	open_catalog(r, 0);
	refuse_root(r, "deleted");
	rc = change(r, names_user(r) ? VT_CAT_USER_DELETE : VT_CAT_KEY_DELETE,
	    &u, &err);
	if (rc == VT_OK)
		return CLI_OK;
	if (rc == VT_PRECONDITION)
		cli_warn("%s: disable the user, or delete with --force and "
		    "leave them to root", err.text);
	else
		cli_warn("%s", err.text);
	return cli_status_of(rc);
}

static int
do_policy(struct run *r)
{
	struct vt_cat_user u = { .name = r->name, .disabled = -1 };
	struct vt_user user;
	struct vt_err err;

	if (r->argument != NULL)
		u.policy = policy_text(r, r->argument);
	open_catalog(r, r->argument == NULL);
	refuse_root(r, "given a policy");
	if (r->argument != NULL)
		return change(r, VT_CAT_USER_SET, &u, &err) == VT_OK ?
		    CLI_OK : fail(&err);
	if (vt_catalog_user(r->catalog, r->arena, r->name, &user, &err) !=
	    VT_OK)
		return fail(&err);
	if (*user.policy == '\0') {
		cli_warn("'%s' has no policy: it may do everything with the "
		    "buckets it makes", r->name);
		return CLI_SOME;
	}
	cli_out(user.policy, strlen(user.policy));
	if (user.policy[strlen(user.policy) - 1] != '\n')
		cli_out("\n", 1);
	return CLI_OK;
}

/* --- main ----------------------------------------------------------------- */

/* Which options a command takes, beside those that all take. */
enum {
	TAKES_EMAIL = 1, TAKES_FORCE = 2, TAKES_GRACE = 4, TAKES_JSON = 8,
	TAKES_OUTPUT = 16, TAKES_POLICY = 32
};

static const struct command {
	const char *name;
	int (*run)(struct run *r);
	int min, max;		/* operands */
	unsigned takes;
} commands[] = {
	{ "create", do_create, 1, 1,
	    TAKES_EMAIL | TAKES_JSON | TAKES_OUTPUT | TAKES_POLICY },
	{ "delete", do_delete, 1, 1, TAKES_FORCE },
	{ "disable", do_disable, 1, 1, 0 },
	{ "enable", do_enable, 1, 1, 0 },
	{ "list", do_list, 0, 0, TAKES_JSON },
	{ "policy", do_policy, 1, 2, 0 },
	{ "rotate", do_rotate, 1, 1,
	    TAKES_GRACE | TAKES_JSON | TAKES_OUTPUT },
	{ "show", do_show, 1, 1, TAKES_JSON }
};

static int
take_option(struct run *r, int c)
{
	switch (c) {
	case 'h':
		exit(cli_help());
	case 'o':
		r->output = optarg;
		break;
	case 'V':
		exit(cli_version());
	case OPT_CONFIG:
		r->config_path = optarg;
		break;
	case OPT_DATA:
		r->data = optarg;
		break;
	case OPT_EMAIL:
		r->email = optarg;
		break;
	case OPT_FORCE:
		r->force = 1;
		break;
	case OPT_GRACE:
		r->has_grace = 1;
		r->grace_ms = strcmp(optarg, "never") == 0 ? -1 :
		    cli_opt_duration("--grace", optarg, GRACE_MAX_MS);
		break;
	case OPT_JSON:
		r->json = 1;
		break;
	case OPT_POLICY:
		r->policy = optarg;
		break;
	default:
		return cli_usage();
	}
	return CLI_OK;
}

/* Options may stand before, between and after the operands: the command's name
 * is one of them. */
static int
parse(struct run *r, int argc, char **argv, char *operands[3], int *count)
{
	int c, status, only_operands = 0;

	*count = 0;
	while (optind < argc) {
		c = only_operands ? -1 :
		    getopt_long(argc, argv, "+ho:V", options, NULL);
		if (c != -1) {
			status = take_option(r, c);
			if (status != CLI_OK)
				return status;
			continue;
		}
		only_operands |= strcmp(argv[optind - 1], "--") == 0;
		if (optind == argc)
			break;
		if (*count == 3)
			return cli_usage_error("'%s' is too much",
			    argv[optind]);
		operands[(*count)++] = argv[optind++];
	}
	return CLI_OK;
}

static int
check_options(const struct run *r, const struct command *c)
{
	static const char *const names[] = { "--email", "--force", "--grace",
	    "--json", "--output", "--policy" };
	unsigned given = (r->email != NULL ? TAKES_EMAIL : 0) |
	    (r->force ? TAKES_FORCE : 0) | (r->has_grace ? TAKES_GRACE : 0) |
	    (r->json ? TAKES_JSON : 0) |
	    (r->output != NULL ? TAKES_OUTPUT : 0) |
	    (r->policy != NULL ? TAKES_POLICY : 0);
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (given & ~c->takes & (1u << i))
			return cli_usage_error("%s takes no %s", c->name,
			    names[i]);
	return CLI_OK;
}

static int
run_command(struct run *r, char *operands[3], int count)
{
	const struct command *c = NULL;
	size_t i;
	int status;

	if (count == 0)
		return cli_usage_error("which command?");
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, operands[0]) == 0)
			c = &commands[i];
	if (c == NULL)
		return cli_usage_error("there is no command '%s'",
		    operands[0]);
	if (count - 1 < c->min)
		return cli_usage_error("%s needs a name", c->name);
	if (count - 1 > c->max)
		return cli_usage_error("'%s' is too much", operands[c->max +
		    1]);
	status = check_options(r, c);
	if (status != CLI_OK)
		return status;
	r->name = count > 1 ? operands[1] : NULL;
	r->argument = count > 2 ? operands[2] : NULL;
	return c->run(r);
}

int
main(int argc, char **argv)
{
	struct run r = { .clock = VT_CLOCK_REAL,
	    .grace_ms = GRACE_DEFAULT_MS };
	char *operands[3];
	int count, status;

	cli_init(argv, usage);
	status = parse(&r, argc, argv, operands, &count);
	if (status != CLI_OK)
		return status;
	vt_buf_init(&r.out, OUT_MAX);
	r.arena = vt_arena_new(ARENA_MAX);
	if (r.arena == NULL)
		cli_die(CLI_FAILED, "out of memory");
	status = run_command(&r, operands, count);
	vt_catalog_close(r.catalog);
	vt_config_free(r.config);
	vt_arena_free(r.arena);
	vt_buf_release(&r.out);
	return cli_finish(status);
}
