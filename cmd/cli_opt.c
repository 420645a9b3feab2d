/* What all commands share: arguments of options, and what the environment says
 * where they say nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/clock.h"
#include "libvt/base/num.h"

#include "cmd/cli.h"

static void
check_opt(enum vt_code rc, const struct vt_err *err)
{
	if (rc == VT_OK)
		return;
	cli_warn("%s", err->text);
	cli_usage();
	_exit(CLI_USAGE);
}

uint64_t
cli_opt_u64(const char *name, const char *text, uint64_t min, uint64_t max)
{
	struct vt_err err = { VT_OK, "" };
	uint64_t n = 0;

	check_opt(vt_num_u64(text, min, max, name, &n, &err), &err);
	return n;
}

uint64_t
cli_opt_size(const char *name, const char *text, uint64_t min, uint64_t max)
{
	struct vt_err err = { VT_OK, "" };
	char low[16], high[16];
	uint64_t n = 0;

	check_opt(vt_num_size(text, max, name, &n, &err), &err);
	if (n < min)
		check_opt(vt_fail(&err, VT_INVALID,
		    "%s '%s' is not from %s to %s", name, text,
		    vt_num_human_bytes(min, low),
		    vt_num_human_bytes(max, high)), &err);
	return n;
}

int64_t
cli_opt_duration(const char *name, const char *text, int64_t max_ms)
{
	struct vt_err err = { VT_OK, "" };
	int64_t n = 0;

	check_opt(vt_num_duration(text, max_ms, name, &n, &err), &err);
	return n;
}

double
cli_opt_double(const char *name, const char *text, double min, double max)
{
	struct vt_err err = { VT_OK, "" };
	double d = 0;

	check_opt(vt_num_double(text, min, max, name, &d, &err), &err);
	return d;
}

int64_t
cli_opt_time(const char *name, const char *text)
{
	struct vt_err err = { VT_OK, "" };
	int64_t us = 0;

	if (vt_time_parse_rfc3339(text, strlen(text), &us) < 0)
		check_opt(vt_fail(&err, VT_INVALID, "%s '%s' is not a time "
		    "such as 2026-11-22T12:00:00Z", name, text), &err);
	return us;
}

void
cli_opt_pair(const char *name, const char *text, char **key, char **value)
{
	struct vt_err err = { VT_OK, "" };
	const char *eq = strchr(text, '=');

	if (eq == NULL || eq == text)
		check_opt(vt_fail(&err, VT_INVALID,
		    "%s '%s' is not of the form name=value", name, text),
		    &err);
	*key = strndup(text, (size_t)(eq - text));
	if (*key == NULL)
		cli_die(CLI_FAILED, "out of memory");
	*value = cli_strdup(eq + 1);
}

char *
cli_absolute(const char *path)
{
	char *cwd, *out = NULL;

	if (path[0] == '/')
		return cli_strdup(path);
	cwd = getcwd(NULL, 0);
	if (cwd == NULL)
		cli_die(CLI_FAILED, "cannot tell the working directory: %s",
		    strerror(errno));
	if (asprintf(&out, "%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd,
	    path) < 0)
		cli_die(CLI_FAILED, "out of memory");
	free(cwd);
	return out;
}

char *
cli_env(const char *name)
{
	const char *v = getenv(name);

	return v == NULL || v[0] == '\0' ? NULL : cli_strdup(v);
}

char *
cli_temp_folder(void)
{
	char *folder = cli_env("TMPDIR");

	return folder != NULL ? folder : cli_strdup("/tmp");
}

void *
cli_alloc(size_t size)
{
	void *p = calloc(1, size > 0 ? size : 1);

	if (p == NULL)
		cli_die(CLI_FAILED, "out of memory");
	return p;
}

char *
cli_strdup(const char *s)
{
	char *p = strdup(s);

	if (p == NULL)
		cli_die(CLI_FAILED, "out of memory");
	return p;
}

enum vt_code
cli_config_load(const char *path, const char *data, struct vt_config **out,
    struct vt_err *err)
{
	char *folder, *env = NULL, *file = NULL;
	enum vt_code rc;

	if (data == NULL)
		env = cli_env("VAULTAIRE_DATA");
	folder = cli_absolute(data != NULL ? data :
	    env != NULL ? env : "vaultaire-data");
	free(env);
	if (path == NULL) {
		if (asprintf(&file, "%s/vaultaire.json", folder) < 0)
			cli_die(CLI_FAILED, "out of memory");
		if (access(file, F_OK) == 0)
			path = file;
	}
	rc = vt_config_load(path, folder, out, err);
	free(file);
	free(folder);
	return rc;
}
