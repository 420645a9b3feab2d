/* What all commands share: an S3 endpoint and its credentials, of options, the
 * environment and the profile files of the AWS tools. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "libvt/base/clock.h"
#include "libvt/base/fs.h"

#include "cmd/cli_internal.h"

#define INI_MAX (1024 * 1024)	/* no profile file is larger */

/* --- profile files -------------------------------------------------------- */

static const char *
skip_space(const char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

static size_t
trimmed(const char *s, size_t len)
{
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t' ||
	    s[len - 1] == '\r'))
		len--;
	return len;
}

/* "[ profile  x ]" is the section "profile x". */
static int
is_section(const char *line, size_t len, const char *want)
{
	const char *p = line + 1, *end = memchr(line, ']', len);

	if (end == NULL)
		return 0;
	p = skip_space(p);
	while (p < end && *want != '\0') {
		if (*want == ' ') {
			if (*p != ' ' && *p != '\t')
				return 0;
			p = skip_space(p);
			want++;
		} else if (*p++ != *want++) {
			return 0;
		}
	}
	p = skip_space(p);
	return *want == '\0' && p >= end;
}

/*
 * The value of `key` in a section of an AWS profile file, malloc'ed, or NULL.
 * With `parent`: of the indented lines under "parent =".
 */
static char *
ini_find(const char *text, const char *section, const char *parent,
    const char *key)
{
	const char *line, *end, *p, *eq;
	char *found = NULL;
	size_t len, n;
	int here = 0, below = 0, indented;

	for (line = text; line != NULL && *line != '\0'; line = end) {
		end = strchr(line, '\n');
		len = end != NULL ? (size_t)(end - line) : strlen(line);
		if (end != NULL)
			end++;
		len = trimmed(line, len);
		indented = line[0] == ' ' || line[0] == '\t';
		p = skip_space(line);
		if ((size_t)(p - line) >= len || *p == '#' || *p == ';')
			continue;
		len -= (size_t)(p - line);
		if (*p == '[') {
			here = is_section(p, len, section);
			below = 0;
			continue;
		}
		eq = memchr(p, '=', len);
		if (!here || eq == NULL)
			continue;
		n = trimmed(p, (size_t)(eq - p));
		if (!indented)
			below = parent != NULL && n == strlen(parent) &&
			    memcmp(p, parent, n) == 0;
		if ((parent != NULL) != indented ||
		    (parent != NULL && !below))
			continue;
		if (n != strlen(key) || memcmp(p, key, n) != 0)
			continue;
		len -= (size_t)(eq + 1 - p);
		p = skip_space(eq + 1);
		len -= (size_t)(p - eq - 1);
		/* The last one counts, as in the AWS tools. */
		if (found != NULL)
			explicit_bzero(found, strlen(found));
		free(found);
		found = len > 0 ? strndup(p, len) : NULL;
	}
	return found;
}

static char *
home_file(const char *variable, const char *name)
{
	char *path = cli_env(variable), *home, *out = NULL;
	struct passwd *pw;

	if (path != NULL)
		return path;
	home = cli_env("HOME");
	if (home == NULL) {
		pw = getpwuid(getuid());
		if (pw == NULL || pw->pw_dir == NULL)
			return NULL;
		home = cli_strdup(pw->pw_dir);
	}
	if (asprintf(&out, "%s/%s", home, name) < 0)
		cli_die(CLI_FAILED, "out of memory");
	free(home);
	return out;
}

static void
set_if_null(char **slot, char *value)
{
	if (*slot == NULL)
		*slot = value;
	else
		free(value);
}

/* Key, secret and token from texts that may be NULL; 1 when complete. */
static int
take_keys(struct vt_cred *cred, const char *key, const char *secret,
    const char *token)
{
	if (key == NULL || secret == NULL ||
	    strlen(key) >= sizeof(cred->access_key) ||
	    strlen(secret) >= sizeof(cred->secret_key) ||
	    (token != NULL && strlen(token) >= sizeof(cred->session_token)))
		return 0;
	strcpy(cred->access_key, key);
	strcpy(cred->secret_key, secret);
	strcpy(cred->session_token, token != NULL ? token : "");
	return 1;
}

static void
wipe_free(char *s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	free(s);
}

/* Credentials from the config file's own section. */
static int
keys_of_config(struct vt_cred *cred, const char *text, const char *section)
{
	char *key = ini_find(text, section, NULL, "aws_access_key_id");
	char *secret = ini_find(text, section, NULL, "aws_secret_access_key");
	char *token = ini_find(text, section, NULL, "aws_session_token");
	int ok = take_keys(cred, key, secret, token);

	wipe_free(key);
	wipe_free(secret);
	wipe_free(token);
	return ok;
}

static enum vt_code
load_cred(struct cli_s3 *s, const char *profile, int explicit_profile,
    const char *config_text, const char *section, const char *config_path,
    struct vt_err *err)
{
	char *path;
	enum vt_code rc;

	if (!explicit_profile && take_keys(&s->cred,
	    getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"),
	    getenv("AWS_SESSION_TOKEN")) && s->cred.access_key[0] != '\0' &&
	    s->cred.secret_key[0] != '\0')
		return VT_OK;
	memset(&s->cred, 0, sizeof(s->cred));
	path = home_file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
	rc = path == NULL ? VT_ABSENT :
	    vt_cred_load(path, profile, 0, &s->cred, err);
	if (rc == VT_ABSENT && config_text != NULL &&
	    keys_of_config(&s->cred, config_text, section))
		rc = VT_OK;
	if (rc == VT_ABSENT)
		vt_fail(err, VT_ABSENT, "no credentials: neither "
		    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor profile "
		    "'%s' in '%s' or '%s' (anonymous: --no-sign-request)",
		    profile, path != NULL ? path : "~/.aws/credentials",
		    config_path != NULL ? config_path : "~/.aws/config");
	free(path);
	return rc;
}

enum vt_code
cli_s3_load(struct cli_s3 *s, struct vt_err *err)
{
	char *config_path, *text = NULL, *section = NULL, *services, *style;
	const char *ignore = getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
	int explicit_profile = s->profile != NULL, use_endpoint;
	enum vt_code rc;

	set_if_null(&s->profile, cli_env("AWS_PROFILE"));
	set_if_null(&s->profile, cli_strdup("default"));
	config_path = home_file("AWS_CONFIG_FILE", ".aws/config");
	if (config_path != NULL) {
		size_t len;

		rc = vt_fs_read(config_path, INI_MAX, &text, &len, err);
		/* A missing file says nothing; a broken one must be told. */
		if (rc != VT_OK && rc != VT_ABSENT)
			goto out;
	}
	/* All but [default] carry the word. */
	if (strcmp(s->profile, "default") == 0)
		section = cli_strdup("default");
	else if (asprintf(&section, "profile %s", s->profile) < 0)
		cli_die(CLI_FAILED, "out of memory");

	use_endpoint = ignore == NULL || strcasecmp(ignore, "true") != 0;
	if (use_endpoint) {
		set_if_null(&s->endpoint, cli_env("AWS_ENDPOINT_URL_S3"));
		set_if_null(&s->endpoint, cli_env("AWS_ENDPOINT_URL"));
	}
	set_if_null(&s->region, cli_env("AWS_REGION"));
	set_if_null(&s->region, cli_env("AWS_DEFAULT_REGION"));
	set_if_null(&s->ca_file, cli_env("AWS_CA_BUNDLE"));
	if (text != NULL) {
		services = use_endpoint ?
		    ini_find(text, section, NULL, "services") : NULL;
		if (services != NULL) {
			char *name = NULL;

			if (asprintf(&name, "services %s", services) < 0)
				cli_die(CLI_FAILED, "out of memory");
			set_if_null(&s->endpoint,
			    ini_find(text, name, "s3", "endpoint_url"));
			free(name);
			free(services);
		}
		if (use_endpoint)
			set_if_null(&s->endpoint, ini_find(text, section,
			    NULL, "endpoint_url"));
		set_if_null(&s->region, ini_find(text, section, NULL,
		    "region"));
		set_if_null(&s->ca_file, ini_find(text, section, NULL,
		    "ca_bundle"));
		style = ini_find(text, section, "s3", "addressing_style");
		if (style != NULL && strcmp(style, "virtual") == 0)
			s->virtual_host = 1;
		free(style);
	}
	set_if_null(&s->region, cli_strdup("us-east-1"));
	/* AWS itself wants names; everyone else has them rarely set up. */
	s->path_style = s->endpoint != NULL && !s->virtual_host;
	rc = s->anonymous ? VT_OK : load_cred(s, s->profile, explicit_profile,
	    text, section, config_path, err);
out:
	wipe_free(text);
	free(section);
	free(config_path);
	return rc;
}

/* --- options and clients -------------------------------------------------- */

int
cli_s3_option(struct cli_s3 *s, int c, const char *arg)
{
	char **slot;

	switch (c) {
	case CLI_OPT_CA_FILE:
		slot = &s->ca_file;
		break;
	case CLI_OPT_ENDPOINT:
		slot = &s->endpoint;
		break;
	case CLI_OPT_PROFILE:
		slot = &s->profile;
		break;
	case CLI_OPT_REGION:
		slot = &s->region;
		break;
	case CLI_OPT_NO_SIGN_REQUEST:
		s->anonymous = 1;
		return 1;
	case CLI_OPT_RETRIES:
		s->tries = (unsigned)cli_opt_u64("--retries", arg, 0, 100) + 1;
		return 1;
	case CLI_OPT_VIRTUAL_HOST:
		s->virtual_host = 1;
		return 1;
	default:
		return 0;
	}
	free(*slot);
	*slot = cli_strdup(arg);
	return 1;
}

static void
tell_retry(void *ctx, const char *what, unsigned attempt, int64_t pause_ms,
    const struct vt_err *why)
{
	const struct cli_s3 *s = ctx;

	if (s->verbose)
		cli_warn_err(why, "%s: try %u failed, next in %.1f s", what,
		    attempt, (double)pause_ms / 1000);
}

enum vt_code
cli_s3_connect(struct cli_s3 *s, const volatile int *cancel,
    struct vt_s3 **out, struct vt_err *err)
{
	static const struct vt_clock real = { 0, 0 };
	struct vt_s3_options o;
	char agent[64];

	snprintf(agent, sizeof(agent), "%s/%s", cli_program(), VT_VERSION);
	memset(&o, 0, sizeof(o));
	o.endpoint = s->endpoint;
	o.region = s->region;
	if (!s->anonymous) {
		o.access_key = s->cred.access_key;
		o.secret_key = s->cred.secret_key;
		o.session_token = s->cred.session_token;
	}
	o.virtual_host = !s->path_style;
	o.ca_file = s->ca_file;
	o.user_agent = agent;
	o.clock = &real;
	o.tries = s->tries;
	o.cancel = cancel;
	o.retrying = tell_retry;
	o.retrying_ctx = s;
	return vt_s3_open(&o, out, err);
}

void
cli_s3_release(struct cli_s3 *s)
{
	free(s->endpoint);
	free(s->region);
	free(s->profile);
	free(s->ca_file);
	explicit_bzero(s, sizeof(*s));
}

void
cli_s3_url(const char *text, char **bucket, char **key)
{
	const char *b, *slash;
	size_t n;

	if (strncmp(text, "s3://", 5) != 0) {
		cli_warn("'%s' is not s3://bucket/key", text);
		cli_usage();
		_exit(CLI_USAGE);
	}
	b = text + 5;
	slash = strchr(b, '/');
	n = slash != NULL ? (size_t)(slash - b) : strlen(b);
	if (n == 0 || n > 255) {
		cli_warn("'%s' names no bucket", text);
		cli_usage();
		_exit(CLI_USAGE);
	}
	*bucket = strndup(b, n);
	if (*bucket == NULL)
		cli_die(CLI_FAILED, "out of memory");
	*key = cli_strdup(slash != NULL ? slash + 1 : "");
}
