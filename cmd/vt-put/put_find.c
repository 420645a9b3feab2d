/* What there is to put: arguments, lists of names, directories. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cli.h"

#include "put.h"

#define NAME_MAX_BYTES (64 * 1024)	/* of a line of --files-from */

static void
walk(const char *dir)
{
	char *paths[2], *root = cli_strdup(dir);
	const char *tail;
	struct vt_err err = { VT_OK, "" };
	size_t n = strlen(root);
	FTS *fts;
	FTSENT *e;

	/* fts gives "dir//file" for "dir/". */
	while (n > 1 && root[n - 1] == '/')
		root[--n] = '\0';
	paths[0] = root;
	paths[1] = NULL;
	fts = fts_open(paths, FTS_NOCHDIR | FTS_COMFOLLOW |
	    (opt.follow ? FTS_LOGICAL : FTS_PHYSICAL), NULL);
	if (fts == NULL)
		cli_die(CLI_FAILED, "cannot walk '%s': %s", dir,
		    strerror(errno));
	while (!cli_stopping()) {
		errno = 0;
		e = fts_read(fts);
		if (e == NULL)
			break;
		tail = e->fts_path + n;
		while (*tail == '/')
			tail++;
		switch (e->fts_info) {
		case FTS_F:
			enqueue(e->fts_path, tail, e->fts_statp, opt.follow);
			break;
		case FTS_SL:
			cli_warn("'%s': symbolic link skipped", e->fts_path);
			break;
		case FTS_DEFAULT:
			cli_warn("'%s': not a regular file, skipped",
			    e->fts_path);
			break;
		case FTS_DC:
			cli_warn("'%s': links make a loop, skipped",
			    e->fts_path);
			break;
		case FTS_DNR:
		case FTS_ERR:
		case FTS_NS:
		case FTS_SLNONE:
			errno = e->fts_info == FTS_SLNONE ? ENOENT :
			    e->fts_errno;
			cli_work_count(&work, vt_fail_errno(&err,
			    "cannot read"));
			cli_warn_err(&err, "'%s'", e->fts_path);
			break;
		default:
			break;
		}
	}
	if (errno != 0 && !cli_stopping()) {
		cli_work_count(&work, vt_fail_errno(&err, "cannot walk"));
		cli_warn_err(&err, "'%s'", dir);
	}
	fts_close(fts);
	free(root);
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* `tail`: what to put behind the prefix, or NULL: the file's own name. */
void
put_argument(const char *path, const char *tail)
{
	struct vt_err err = { VT_OK, "" };
	struct stat st;
	int fd;

	if (stat(path, &st) < 0) {
		cli_work_count(&work, vt_fail_errno(&err, "cannot open"));
		cli_warn_err(&err, "'%s'", path);
	} else if (S_ISDIR(st.st_mode)) {
		if (opt.recursive) {
			walk(path);
		} else {
			cli_work_count(&work, VT_INVALID);
			cli_warn("'%s' is a directory: --recursive puts what "
			    "lies in it", path);
		}
	} else if (S_ISREG(st.st_mode)) {
		enqueue(path, tail != NULL ? tail : base_name(path), &st, 1);
	} else {
		/* A pipe, such as a shell's <(command). */
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			cli_work_count(&work, vt_fail_errno(&err,
			    "cannot open"));
			cli_warn_err(&err, "'%s'", path);
			return;
		}
		put_stream(fd, path, tail != NULL ? tail : base_name(path));
		close(fd);
	}
}

/* A name of a list becomes a key: no "./" before it, no "..", no "//". */
static const char *
listed_tail(const char *name)
{
	const char *s, *p;

	while (strncmp(name, "./", 2) == 0 || *name == '/')
		name += *name == '/' ? 1 : 2;
	for (s = name; ; s = p + 1) {
		p = strchrnul(s, '/');
		if (p - s == 2 && s[0] == '.' && s[1] == '.')
			return NULL;
		if (*p == '\0')
			break;
	}
	return name;
}

void
put_listed(void)
{
	FILE *f = stdin;
	struct vt_err err = { VT_OK, "" };
	char *line = NULL;
	const char *tail;
	size_t cap = 0;
	ssize_t n;
	int delim = opt.null ? '\0' : '\n';

	if (strcmp(opt.files_from, "-") != 0)
		f = fopen(opt.files_from, "re");
	if (f == NULL)
		cli_die(CLI_FAILED, "cannot open '%s': %s", opt.files_from,
		    strerror(errno));
	while (!cli_stopping()) {
		errno = 0;
		n = getdelim(&line, &cap, delim, f);
		if (n < 0)
			break;
		if (n > 0 && line[n - 1] == delim)
			line[--n] = '\0';
		if (n == 0)
			continue;
		tail = n <= NAME_MAX_BYTES ? listed_tail(line) : NULL;
		if (tail == NULL || strlen(line) != (size_t)n) {
			cli_work_count(&work, VT_INVALID);
			cli_warn("'%s' of the list makes no key", line);
			continue;
		}
		put_argument(line, tail);
	}
	if (ferror(f)) {
		cli_work_count(&work, vt_fail_errno(&err, "cannot read"));
		cli_warn_err(&err, "'%s'", opt.files_from);
	}
	free(line);
	if (f != stdin)
		fclose(f);
}
