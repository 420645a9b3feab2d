/* Master keys: see keyring.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libvt/base/clock.h"
#include "libvt/base/fs.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/store/pack.h"

#include "libvt/work/keyring.h"

#define KEYS_MAX 1024		/* lines that count */
#define OUTPUT_MAX (256 * 1024)	/* of the command */
#define COMMAND_MS 30000	/* that it may take */
#define PROOF_LABEL "vaultaire key proof 1"
#define PROOF_HEX 33		/* 16 bytes, and a NUL */
#define REWRAP_PAGE 1000

struct ring {
	size_t count;
	uint8_t noted[KEYS_MAX];	/* the catalog knows this key */
	struct vt_wrap_key key[KEYS_MAX];
};

struct vt_keyring {
	const struct vt_config *config;
	struct vt_catalog *catalog;
	char *const *env;
	void (*made)(const char *path);
	pthread_mutex_t lock;
	struct ring *ring;	/* (lock) NULL: not read yet */
};

enum vt_code
vt_keyring_open(const struct vt_config *config, struct vt_catalog *catalog,
    char *const *env, void (*made)(const char *path),
    struct vt_keyring **out, struct vt_err *err)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	(*out)->config = config;
	(*out)->catalog = catalog;
	(*out)->env = env;
	(*out)->made = made;
	pthread_mutex_init(&(*out)->lock, NULL);
	return VT_OK;
}

static void
ring_free(struct ring *r)
{
	if (r != NULL)
		explicit_bzero(r, sizeof(*r));
	free(r);
}

void
vt_keyring_close(struct vt_keyring *k)
{
	if (k == NULL)
		return;
	ring_free(k->ring);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

static const struct vt_wrap_key *
find(const struct ring *r, const char *name)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->key[i].name, name) == 0)
			return &r->key[i];
	return NULL;
}

/* --- the lines ------------------------------------------------------------ */

/* One line without its end: a key more, a comment or nothing. */
static enum vt_code
parse_line(struct ring *r, const char *from, unsigned number,
    const char *line, struct vt_err *err)
{
	static const char blanks[] = " \t\r";
	static const char fine[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	struct vt_wrap_key *key = &r->key[r->count];
	size_t name, len;
	char more[33];		/* a byte over what a key has */
	int bytes;

	line += strspn(line, blanks);
	if (*line == '\0' || *line == '#')
		return VT_OK;
	if (r->count == KEYS_MAX)
		return vt_fail(err, VT_TOO_LARGE, "%s:%u: over %d keys", from,
		    number, KEYS_MAX);
	name = strspn(line, fine);
	if (name == 0 || name >= sizeof(key->name) ||
	    strspn(line + name, blanks) == 0)
		return vt_fail(err, VT_INVALID, "%s:%u: a line must begin "
		    "with a name of 1 to %zu of A-Z a-z 0-9 . _ - and a "
		    "blank", from, number, sizeof(key->name) - 1);
	memset(key, 0, sizeof(*key));
	memcpy(key->name, line, name);
	if (find(r, key->name) != NULL)
		return vt_fail(err, VT_INVALID, "%s:%u: there are two keys "
		    "'%s'", from, number, key->name);
	line += name;
	line += strspn(line, blanks);
	len = strcspn(line, blanks);
	if (line[len + strspn(line + len, blanks)] != '\0')
		return vt_fail(err, VT_INVALID, "%s:%u: there is more than a "
		    "name and a key", from, number);
	if (len == 64 && strspn(line, "0123456789abcdefABCDEF") >= 64) {
		bytes = 32;
		for (int i = 0; i < 32; i++)
			key->key[i] = (uint8_t)(vt_hex_digit(line[2 * i]) <<
			    4 | vt_hex_digit(line[2 * i + 1]));
	} else {
		bytes = vt_b64_decode(line, len, more, sizeof(more));
		if (bytes == 32)
			memcpy(key->key, more, 32);
		explicit_bzero(more, sizeof(more));
	}
	if (bytes != 32)
		return vt_fail(err, VT_INVALID, "%s:%u: the key '%s' is not "
		    "32 bytes in hex or base64", from, number, key->name);
	r->count++;
	return VT_OK;
}

/* Cuts `text` to pieces. */
static enum vt_code
parse(struct ring *r, const char *from, char *text, size_t len,
    struct vt_err *err)
{
	char *line = text, *next;
	unsigned number = 0;
	enum vt_code rc = VT_OK;

	if (memchr(text, '\0', len) != NULL)
		return vt_fail(err, VT_INVALID, "'%s' holds a NUL", from);
	for (; line != NULL && rc == VT_OK; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		rc = parse_line(r, from, ++number, line, err);
	}
	if (rc == VT_OK && r->count == 0)
		rc = vt_fail(err, VT_INVALID, "'%s' holds no key", from);
	return rc;
}

/* --- where they come from ------------------------------------------------- */

/* All that `fd` gives before the deadline, at most OUTPUT_MAX. */
static enum vt_code
read_output(int fd, const char *name, char *text, size_t *len,
    struct vt_err *err)
{
	int64_t end_us = vt_clock_mono_us() + COMMAND_MS * INT64_C(1000);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left_us;
	ssize_t n;

	*len = 0;
	for (;;) {
		left_us = end_us - vt_clock_mono_us();
		if (left_us <= 0)
			return vt_fail(err, VT_BUSY, "'%s' took longer than "
			    "%d s", name, COMMAND_MS / 1000);
		if (poll(&p, 1, (int)(left_us / 1000) + 1) <= 0)
			continue;
		n = read(fd, text + *len, OUTPUT_MAX - *len);
		if (n == 0)
			return VT_OK;
		if (n < 0 && errno != EINTR)
			return vt_fail_errno(err, "cannot read from '%s'",
			    name);
		*len += n > 0 ? (size_t)n : 0;
		if (*len == OUTPUT_MAX)
			return vt_fail(err, VT_TOO_LARGE,
			    "'%s' printed over %d bytes", name, OUTPUT_MAX);
	}
}

static enum vt_code
start(char *const *argv, char *const *env, int out, pid_t *pid,
    struct vt_err *err)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none, pipe_only;
	int e;

	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null",
	    O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
	/* what this thread blocks and ignores is no business of its own */
	sigemptyset(&none);
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &pipe_only);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
	    POSIX_SPAWN_SETSIGDEF);
	e = posix_spawn(pid, argv[0], &fa, &attr, argv, env);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
	if (e == 0)
		return VT_OK;
	errno = e;
	return vt_fail_errno(err, "cannot run '%s'", argv[0]);
}

static enum vt_code
run_command(const struct vt_keyring *k, char *text, size_t *len,
    struct vt_err *err)
{
	char *const *argv = k->config->master_key_command;
	int fd[2], status = 0;
	enum vt_code rc;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return vt_fail_errno(err, "cannot make a pipe");
	rc = start(argv, k->env, fd[1], &pid, err);
	close(fd[1]);
	if (rc == VT_OK) {
		rc = read_output(fd[0], argv[0], text, len, err);
		if (rc != VT_OK)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			continue;
		if (rc == VT_OK && status != 0)
			rc = vt_fail(err, VT_BUSY, "'%s' failed (%s %d)",
			    argv[0], WIFEXITED(status) ? "status" : "signal",
			    WIFEXITED(status) ? WEXITSTATUS(status) :
			    WTERMSIG(status));
	}
	close(fd[0]);
	return rc;
}

static enum vt_code
read_file(const char *path, char **text, size_t *len, struct ring *r,
    struct vt_err *err)
{
	enum vt_code rc;

	rc = vt_secret_read(path, 1, text, len, err);
	return rc == VT_OK ? parse(r, path, *text, *len, err) : rc;
}

static enum vt_code
read_keys(const struct vt_keyring *k, struct ring *r, struct vt_err *err)
{
	char *text = NULL;
	size_t len = 0, size = 0;
	enum vt_code rc;

	if (k->config->master_key_command != NULL) {
		size = OUTPUT_MAX;
		text = calloc(1, size + 1);
		rc = text != NULL ? run_command(k, text, &len, err) :
		    vt_fail(err, VT_NOMEM, "out of memory");
		if (rc == VT_OK) {
			text[len] = '\0';
			rc = parse(r, k->config->master_key_command[0], text,
			    len, err);
		}
	} else {
		rc = read_file(k->config->master_key_file, &text, &size, r,
		    err);
	}
	if (text != NULL)
		explicit_bzero(text, size);
	free(text);
	return rc;
}

enum vt_code
vt_master_key_read(const char *path, const char *name,
    struct vt_wrap_key *out, struct vt_err *err)
{
	struct ring *r = calloc(1, sizeof(*r));
	const struct vt_wrap_key *key = NULL;
	char *text = NULL;
	size_t len = 0;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	if (r == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = read_file(path, &text, &len, r, err);
	if (rc == VT_OK)
		key = find(r, name);
	if (key != NULL)
		*out = *key;
	else if (rc == VT_OK)
		rc = vt_fail(err, VT_ABSENT, "there is no key '%s' in '%s'",
		    name, path);
	if (text != NULL)
		explicit_bzero(text, len);
	free(text);
	ring_free(r);
	return rc;
}

/* --- what the catalog remembers ------------------------------------------- */

static enum vt_code
prove(const struct vt_wrap_key *key, char out[PROOF_HEX], struct vt_err *err)
{
	uint8_t mac[32];

	if (vt_hmac_sha256(key->key, sizeof(key->key), PROOF_LABEL,
	    sizeof(PROOF_LABEL) - 1, mac) < 0)
		return vt_fail(err, VT_NOMEM, "out of memory");
	vt_hex_encode(mac, (PROOF_HEX - 1) / 2, out);
	return VT_OK;
}

struct compare {
	const struct ring *ring;	/* NULL: none is right */
	struct vt_err *err;
	enum vt_code code;
};

static int
compare_key(void *ctx, const struct vt_cat_master_key *known)
{
	struct compare *c = ctx;
	const struct vt_wrap_key *key;
	char proof[PROOF_HEX];

	if (c->ring == NULL) {
		c->code = vt_fail(c->err, VT_IO, "the master key '%s' is in "
		    "use and its file is missing: bring it back from where "
		    "it was saved", known->name);
		return 1;
	}
	key = find(c->ring, known->name);
	if (key == NULL)
		return 0;
	c->code = prove(key, proof, c->err);
	if (c->code == VT_OK && strcmp(proof, known->proof) != 0)
		c->code = vt_fail(c->err, VT_PRECONDITION, "the master key "
		    "'%s' is not the one that was used before under that "
		    "name", known->name);
	return c->code != VT_OK;
}

/* Do the keys fit what was ever used? */
static enum vt_code
check_known(struct vt_keyring *k, const struct ring *r, struct vt_err *err)
{
	struct compare c = { r, err, VT_OK };
	struct vt_err other;
	enum vt_code rc;

	rc = vt_catalog_master_keys(k->catalog, compare_key, &c, &other);
	if (c.code != VT_OK)
		return c.code;
	if (rc != VT_OK && err != NULL)
		*err = other;
	return rc;
}

static enum vt_code
load(struct vt_keyring *k, struct ring **out, struct vt_err *err)
{
	struct ring *r = calloc(1, sizeof(*r));
	struct vt_err lost;
	enum vt_code rc;

	*out = NULL;
	if (r == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = read_keys(k, r, err);
	if (rc == VT_OK)
		rc = check_known(k, r, err);
	else if (rc == VT_ABSENT && !k->config->make_master_keys)
		rc = VT_IO;	/* somebody named it */
	else if (rc == VT_ABSENT &&
	    check_known(k, NULL, &lost) != VT_OK) {
		rc = lost.code;
		if (err != NULL)
			*err = lost;
	}
	if (rc == VT_OK)
		*out = r;
	else
		ring_free(r);
	return rc;
}

enum vt_code
vt_keyring_load(struct vt_keyring *k, int again, struct vt_err *err)
{
	struct ring *fresh, *old;
	enum vt_code rc;
	int there;

	pthread_mutex_lock(&k->lock);
	there = k->ring != NULL;
	pthread_mutex_unlock(&k->lock);
	if (there && !again)
		return VT_OK;
	/* without the lock: readers go on with the old ones meanwhile */
	rc = load(k, &fresh, err);
	if (rc != VT_OK)
		return rc;
	pthread_mutex_lock(&k->lock);
	old = k->ring;
	k->ring = fresh;
	pthread_mutex_unlock(&k->lock);
	ring_free(old);
	return VT_OK;
}

/* --- making the file ------------------------------------------------------ */

/*
 * The file with one random key, under its name only when it is whole and on
 * stable storage; one that came to be meanwhile stays as it is.
 */
static enum vt_code
make_file(const char *path, struct vt_err *err)
{
	char text[256], hex[65], name[17], *temp = NULL, *dir = NULL, *slash;
	uint8_t key[32], id[8];
	enum vt_code rc;
	int n;

	if (vt_random(key, sizeof(key)) < 0 || vt_random(id, sizeof(id)) < 0)
		return vt_fail(err, VT_IO, "no random bytes to be had");
	vt_hex_encode(key, sizeof(key), hex);
	vt_hex_encode(id, sizeof(id), name);
	n = snprintf(text, sizeof(text), "# Master keys of Vaultaire.  "
	    "Without this file the objects encrypted by it are lost:\n"
	    "# keep a copy apart from the data.\n%s %s\n", name, hex);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(hex, sizeof(hex));
	dir = strdup(path);
	if (dir == NULL || asprintf(&temp, "%s.%s", path, name) < 0) {
		temp = NULL;
		rc = vt_fail(err, VT_NOMEM, "out of memory");
		goto out;
	}
	slash = strrchr(dir, '/');
	*(slash != NULL ? slash : dir) = '\0';
	rc = vt_fs_replace(temp, 0600, text, (size_t)n, err);
	if (rc != VT_OK)
		goto out;
	if (link(temp, path) < 0 && errno != EEXIST)
		rc = vt_fail_errno(err, "cannot make '%s'", path);
	if (unlink(temp) < 0 && rc == VT_OK)
		rc = vt_fail_errno(err, "cannot remove '%s'", temp);
	if (rc == VT_OK)
		rc = vt_fs_sync_dir(*dir != '\0' ? dir : "/", err);
out:
	explicit_bzero(text, sizeof(text));
	free(temp);
	free(dir);
	return rc;
}

/* Under the lock, before the first blob that it wraps: have the catalog know
 * this key of the ring, and give it out. */
static enum vt_code
note(struct vt_keyring *k, size_t i, struct vt_wrap_key *out,
    struct vt_err *err)
{
	const struct vt_wrap_key *key = &k->ring->key[i];
	struct vt_cat_op op;
	char proof[PROOF_HEX];
	enum vt_code rc = VT_OK;

	if (!k->ring->noted[i]) {
		memset(&op, 0, sizeof(op));
		op.kind = VT_CAT_MASTER_KEY;
		op.u.master_key.name = key->name;
		op.u.master_key.proof = proof;
		rc = prove(key, proof, err);
		if (rc == VT_OK)
			rc = vt_catalog_run(k->catalog, &op, err);
	}
	if (rc == VT_OK) {
		k->ring->noted[i] = 1;
		*out = *key;
	}
	return rc;
}

enum vt_code
vt_keyring_newest(struct vt_keyring *k, struct vt_wrap_key *out,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK;

	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&k->lock);
	if (k->ring == NULL)
		rc = load(k, &k->ring, err);
	if (rc == VT_ABSENT) {
		rc = make_file(k->config->master_key_file, err);
		if (rc == VT_OK)
			rc = load(k, &k->ring, err);
		if (rc == VT_OK && k->made != NULL)
			k->made(k->config->master_key_file);
	}
	if (rc == VT_OK)
		rc = note(k, k->ring->count - 1, out, err);
	pthread_mutex_unlock(&k->lock);
	return rc;
}

static enum vt_code
by_name(struct vt_keyring *k, const char *name, int is_to_wrap,
    struct vt_wrap_key *out, struct vt_err *err)
{
	const struct vt_wrap_key *key = NULL;
	enum vt_code rc = VT_OK;

	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&k->lock);
	if (k->ring == NULL)
		rc = load(k, &k->ring, err);
	if (rc == VT_OK)
		key = find(k->ring, name);
	if (key != NULL && is_to_wrap)
		rc = note(k, (size_t)(key - k->ring->key), out, err);
	else if (key != NULL)
		*out = *key;
	pthread_mutex_unlock(&k->lock);
	if (key == NULL && (rc == VT_OK || rc == VT_ABSENT))
		rc = vt_fail(err, VT_IO, "there is no master key '%s'", name);
	return rc;
}

enum vt_code
vt_keyring_find(struct vt_keyring *k, const char *name,
    struct vt_wrap_key *out, struct vt_err *err)
{
	return by_name(k, name, 0, out, err);
}

enum vt_code
vt_keyring_wrap(struct vt_keyring *k, const char *name,
    struct vt_wrap_key *out, struct vt_err *err)
{
	return strcmp(name, VT_KEY_NEWEST) == 0 ?
	    vt_keyring_newest(k, out, err) : by_name(k, name, 1, out, err);
}

/* --- wrapping anew -------------------------------------------------------- */

/* A tier names this key for what it encrypts: it stays with that. */
static int
is_of_tier(const struct vt_config *c, const char *name)
{
	for (size_t i = 0; i < c->tier_count; i++)
		if (c->tier[i].encrypt != NULL &&
		    strcmp(c->tier[i].encrypt, name) == 0)
			return 1;
	return 0;
}

/* What the row's transform becomes: 1 in row->to, 0 as it is, -1 failed. */
static int
rewrap_row(struct vt_keyring *k, struct vt_arena *a,
    const struct vt_wrap_key *newest, struct vt_cat_rewrap_row *row,
    struct vt_rewrap_result *out, struct vt_err *err)
{
	struct vt_pack_form pack;
	struct vt_stored_head h;
	struct vt_wrap_key old;
	char text[VT_TRANSFORM_MAX], pack_text[VT_PACK_TEXT];
	int is_pack = vt_pack_parse_text(row->from, 0, &pack);
	enum vt_code rc;

	/* of a pack it is what all of it is stored as */
	if (is_pack && *pack.form == '\0')
		return 0;
	rc = vt_stored_parse_text(is_pack ? pack.form : row->from, &h, err);
	if (rc != VT_OK)
		return -1;
	if (!h.is_encrypted || h.by_customer)
		return 0;
	out->seen++;
	if (strcmp(h.key_name, newest->name) == 0 ||
	    is_of_tier(k->config, h.key_name))
		return 0;
	rc = vt_keyring_find(k, h.key_name, &old, err);
	if (rc == VT_OK)
		rc = vt_stored_rewrap(&h, &old, newest, err);
	explicit_bzero(&old, sizeof(old));
	if (rc != VT_OK) {
		vt_err_prefix(err, "blob %llu",
		    (unsigned long long)row->blob_id);
		return -1;
	}
	vt_stored_text(&h, text);
	pack.form = text;
	row->to = !is_pack ? vt_arena_str(a, text) :
	    vt_pack_text(&pack, pack_text) == 0 ? vt_arena_str(a, pack_text) :
	    NULL;
	return row->to != NULL ? 1 : -1;
}

/* One page after blob *last; *more 0 at the end. */
static enum vt_code
rewrap_page(struct vt_keyring *k, const struct vt_wrap_key *newest,
    struct vt_cat_rewrap_row *rows, uint64_t *last, int *more,
    struct vt_rewrap_result *out, struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(8 << 20);
	struct vt_err failure;
	struct vt_cat_op op;
	size_t count = 0, changed = 0, i;
	enum vt_code rc;
	int r;

	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_catalog_transforms(k->catalog, a, *last, rows, REWRAP_PAGE,
	    &count, err);
	*more = rc == VT_OK && count > 0;
	for (i = 0; i < count && rc == VT_OK; i++) {
		*last = rows[i].blob_id;
		r = rewrap_row(k, a, newest, &rows[i], out, &failure);
		if (r > 0)
			rows[changed++] = rows[i];
		if (r < 0 && out->failed++ == 0 && err != NULL)
			*err = failure;
	}
	if (rc == VT_OK && changed > 0) {
		memset(&op, 0, sizeof(op));
		op.kind = VT_CAT_REWRAP;
		op.u.rewrap.rows = rows;
		op.u.rewrap.count = changed;
		rc = vt_catalog_run(k->catalog, &op, err);
		if (rc == VT_OK)
			out->rewrapped += op.u.rewrap.changed;
	}
	vt_arena_free(a);
	return rc;
}

enum vt_code
vt_keyring_rewrap(struct vt_keyring *k, int (*stop)(void *ctx), void *ctx,
    struct vt_rewrap_result *out, struct vt_err *err)
{
	struct vt_cat_rewrap_row *rows;
	struct vt_wrap_key newest;
	uint64_t last = 0;
	int more = 1;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	rows = calloc(REWRAP_PAGE, sizeof(*rows));
	if (rows == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_keyring_newest(k, &newest, err);
	while (rc == VT_OK && more) {
		if (stop != NULL && stop(ctx) != 0)
			rc = vt_fail(err, VT_CANCELLED, "interrupted");
		else
			rc = rewrap_page(k, &newest, rows, &last, &more, out,
			    err);
	}
	explicit_bzero(&newest, sizeof(newest));
	free(rows);
	return rc;
}
