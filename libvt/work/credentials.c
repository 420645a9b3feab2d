/*
 * Files of secrets, see config.h: the profiles of the AWS tools, of az and of
 * rclone, and Google's key files.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/hash.h"

#include "libvt/work/config.h"

#define CREDENTIALS_MAX (1024 * 1024)

static char *
trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r");
	n = strlen(s);
	while (n > 0 && strchr(" \t\r", s[n - 1]) != NULL)
		s[--n] = '\0';
	return s;
}

/* "[name]" or, as in the AWS tools' config file, "[profile name]". */
static int
is_profile(char *line, const char *profile)
{
	char *end = strchr(line, ']');

	if (end == NULL)
		return 0;
	*end = '\0';
	line = trim(line + 1);
	if (strncmp(line, "profile ", 8) == 0)
		line = trim(line + 8);
	return strcmp(line, profile) == 0;
}

static enum vt_code
take(const char *path, unsigned number, const char *value, char *out,
    size_t size, struct vt_err *err)
{
	size_t len = strlen(value);

	if (len >= size)
		return vt_fail(err, VT_INVALID, "%s:%u: the value is longer "
		    "than %zu bytes", path, number, size - 1);
	memcpy(out, value, len + 1);
	return VT_OK;
}

/* One part of "AccountName=a;AccountKey=b;..." into `out`, when it is there. */
static enum vt_code
take_part(const char *path, unsigned number, const char *text,
    const char *name, char *out, size_t size, struct vt_err *err)
{
	size_t n = strlen(name), len;
	const char *p;

	for (p = text; *p != '\0'; p += len + (p[len] == ';')) {
		len = strcspn(p, ";");
		if (strncmp(p, name, n) != 0)
			continue;
		if (len - n >= size)
			return vt_fail(err, VT_INVALID, "%s:%u: %s is longer "
			    "than %zu bytes", path, number, name, size - 1);
		memcpy(out, p + n, len - n);
		out[len - n] = '\0';
	}
	return VT_OK;
}

/* Take the value of a field that is one of ours, whoever's name it has. */
static enum vt_code
take_field(const char *path, unsigned number, const char *name,
    const char *value, struct vt_cred *out, struct vt_err *err)
{
	static const struct {
		const char *name;
		int what;
	} known[] = {
		{ "aws_access_key_id", 'a' }, { "aws_secret_access_key", 's' },
		{ "aws_session_token", 't' },
		/* az's own file, and rclone's */
		{ "account", 'a' }, { "key", 's' }, { "sas_token", 't' },
		{ "connection_string", 'c' },
		/* as az's variables are called */
		{ "azure_storage_account", 'a' }, { "azure_storage_key", 's' },
		{ "azure_storage_sas_token", 't' },
		{ "azure_storage_connection_string", 'c' },
	};
	enum vt_code rc;
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(name, known[i].name) == 0)
			break;
	if (i == sizeof(known) / sizeof(known[0]))
		return VT_OK;
	switch (known[i].what) {
	case 'a':
		return take(path, number, value, out->access_key,
		    sizeof(out->access_key), err);
	case 's':
		return take(path, number, value, out->secret_key,
		    sizeof(out->secret_key), err);
	case 't':
		return take(path, number, value, out->session_token,
		    sizeof(out->session_token), err);
	}
	rc = take_part(path, number, value, "AccountName=", out->access_key,
	    sizeof(out->access_key), err);
	if (rc == VT_OK)
		rc = take_part(path, number, value, "AccountKey=",
		    out->secret_key, sizeof(out->secret_key), err);
	if (rc == VT_OK)
		rc = take_part(path, number, value, "SharedAccessSignature=",
		    out->session_token, sizeof(out->session_token), err);
	return rc;
}

static enum vt_code
parse_cred(const char *path, char *text, const char *profile,
    struct vt_cred *out, struct vt_err *err)
{
	char *line, *next, *eq;
	unsigned number = 0;
	int mine = 0, seen = 0;
	enum vt_code rc = VT_OK;

	for (line = text; line != NULL && rc == VT_OK; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		number++;
		line = trim(line);
		if (*line == '[') {
			mine = is_profile(line, profile);
			seen |= mine;
			continue;
		}
		eq = strchr(line, '=');
		if (!mine || eq == NULL || *line == '#' || *line == ';')
			continue;
		*eq = '\0';
		rc = take_field(path, number, trim(line), trim(eq + 1), out,
		    err);
	}
	if (rc != VT_OK)
		return rc;
	if (!seen)
		return vt_fail(err, VT_ABSENT, "'%s' has no profile [%s]",
		    path, profile);
	/* An AWS token is nothing without its keys; a SAS is, as it says. */
	if ((out->access_key[0] == '\0' || out->secret_key[0] == '\0') &&
	    strstr(out->session_token, "sig=") == NULL)
		return vt_fail(err, VT_INVALID, "profile [%s] of '%s' lacks "
		    "aws_access_key_id or aws_secret_access_key (of Azure: "
		    "account, and key or sas_token)", profile, path);
	return VT_OK;
}

enum vt_code
vt_secret_read(const char *path, int strict, char **text, size_t *len,
    struct vt_err *err)
{
	struct stat st;
	enum vt_code rc;
	ssize_t n;
	int fd;

	*text = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return vt_fail_errno(err, "cannot open '%s'", path);
	/* Asked of the descriptor: the name may change hands meanwhile. */
	if (fstat(fd, &st) < 0) {
		rc = vt_fail_errno(err, "cannot stat '%s'", path);
		goto out;
	}
	if (strict && (st.st_mode & 077) != 0) {
		rc = vt_fail(err, VT_DENIED, "'%s' may be read by others "
		    "(mode %04o): chmod 600 it", path,
		    (unsigned)(st.st_mode & 07777));
		goto out;
	}
	if (st.st_size > CREDENTIALS_MAX) {
		rc = vt_fail(err, VT_TOO_LARGE, "'%s' is over 1 MiB", path);
		goto out;
	}
	*len = (size_t)st.st_size;
	*text = calloc(1, *len + 1);
	if (*text == NULL) {
		rc = vt_fail(err, VT_NOMEM, "no memory for '%s'", path);
		goto out;
	}
	n = vt_fs_pread_all(fd, *text, *len, 0);
	rc = n < 0 ? vt_fail_errno(err, "cannot read '%s'", path) : VT_OK;
out:
	close(fd);
	return rc;
}

enum vt_code
vt_cred_load(const char *path, const char *profile, int strict,
    struct vt_cred *out, struct vt_err *err)
{
	enum vt_code rc;
	char *text;
	size_t len = 0;

	memset(out, 0, sizeof(*out));
	rc = vt_secret_read(path, strict, &text, &len, err);
	/* Google's files are one JSON object, and no more than one key. */
	if (rc == VT_OK && text[strspn(text, " \t\r\n")] == '{')
		rc = take(path, 1, text, out->session_token,
		    sizeof(out->session_token), err);
	else if (rc == VT_OK)
		rc = parse_cred(path, text, profile, out, err);
	if (text != NULL)
		explicit_bzero(text, len);
	free(text);
	if (rc != VT_OK)
		explicit_bzero(out, sizeof(*out));
	return rc;
}

/* `len` random characters of a set of 32 or 64, so that none is likelier. */
static int
random_text(char *out, size_t len, const char *set)
{
	size_t i, mask = strlen(set) - 1;

	if (vt_random(out, len) < 0)
		return -1;
	for (i = 0; i < len; i++)
		out[i] = set[(unsigned char)out[i] & mask];
	out[len] = '\0';
	return 0;
}

enum vt_code
vt_cred_random(struct vt_cred *out, struct vt_err *err)
{
	memset(out, 0, sizeof(*out));
	/* 20 and 40 characters, as AWS has them; no character that a shell, a
	 * URL or an INI file takes for its own. */
	memcpy(out->access_key, "VT", 2);
	if (random_text(out->access_key + 2, 18,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") < 0 ||
	    random_text(out->secret_key, 40, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789_-") < 0)
		return vt_fail(err, VT_IO, "no random bytes to be had");
	return VT_OK;
}

int
vt_cred_format(const struct vt_cred *cred, const char *name, char *out,
    size_t size)
{
	return snprintf(out, size, "[%s]\naws_access_key_id = %s\n"
	    "aws_secret_access_key = %s\n", name, cred->access_key,
	    cred->secret_key);
}

enum vt_code
vt_cred_create(const char *path, struct vt_cred *out, struct vt_err *err)
{
	enum vt_code rc;
	char text[512];
	int n;

	memset(out, 0, sizeof(*out));
	if (access(path, F_OK) == 0)
		return vt_fail(err, VT_EXISTS, "'%s' exists already", path);
	rc = vt_cred_random(out, err);
	if (rc != VT_OK)
		return rc;
	n = vt_cred_format(out, "default", text, sizeof(text));
	rc = vt_fs_replace(path, 0600, text, (size_t)n, err);
	explicit_bzero(text, sizeof(text));
	if (rc != VT_OK)
		explicit_bzero(out, sizeof(*out));
	return rc;
}
