/*
 * vt-get: S3 objects into files, directories or a stream; listings.
 *
 * One thread, main, finds the work: it takes the arguments, pages through
 * listings and fills a bounded queue, or writes a stream in order.  The
 * others do it: whole small objects from the queue, and ranges of the large
 * ones that are open.  Ranges go first, so that few objects are open at a
 * time.
 *
 *	main.c		options and arguments
 *	get_find.c	arguments and prefixes: what there is to get
 *	get_queue.c	the queue and the workers
 *	get_small.c	a small object, in one request
 *	get_parts.c	a large one, in ranges, into NAME.vtpart
 *	get_stream.c	the same in order, to standard output
 *	get_file.c	names, places and times of files; checksums
 *	get_result.c	what became of an object
 *	get_list.c	--list
 *	decode.c	--decode
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cli.h"

#include "get.h"

#define MIB (1024ull * 1024)
#define JOBS_MAX 256

static const char usage[] =
"usage: vt-get [options] s3://bucket/key ... [file | directory/ | -]\n"
"       vt-get [options] --recursive s3://bucket/prefix/ [directory]\n"
"       vt-get --list [--recursive] [s3://bucket/prefix]\n"
"       vt-get --decode [--key-file FILE] stored-file [file | -]\n"
"Get S3 objects into files, a directory or standard output, or list them.\n"
"\n"
"What:\n"
"  -r, --recursive          all keys under the prefix\n"
"  -l, --list               list instead: keys, or buckets without a name\n"
"      --range RANGE        of one object: 0-99, 100- or -100\n"
"      --version-id ID      of one object\n"
"      --decode             what a tier stores of a blob, a file or an s3://\n"
"                           object: without its compression and encryption\n"
"      --key-file FILE      the master keys for that\n"
"      --no-overwrite       an existing file is status 1\n"
"      --skip-same          skip what is there with the same size and time\n"
"  -n, --dry-run            say what would be got, get nothing\n"
"How it is got:\n"
"  -j, --jobs N             requests at a time (8)\n"
"      --part-size SIZE     of ranges of a large object (8M)\n"
"      --no-resume          do not go on with an interrupted file\n"
"      --no-check           do not compare checksums\n"
"Where:\n"
"      --endpoint URL       instead of AWS; see ENVIRONMENT in vt-get(1)\n"
"      --region NAME\n"
"      --profile NAME       of the AWS configuration and credential files\n"
"      --no-sign-request    be anonymous\n"
"      --virtual-host       bucket in the host name, not in the path\n"
"      --ca-file FILE       certificates to trust, PEM\n"
"      --retries N          of a request that may work later (5)\n"
"Talk:\n"
"      --json               one line of JSON for each object\n"
"  -0, --null               lines of --list end in NUL\n"
"  -q, --quiet              no progress line\n"
"      --verbose            tell of each object and each retry\n"
"  -h, --help               this text\n"
"  -V, --version            the version\n";

struct get_options opt = { .part_size = 8 * MIB, .jobs = 8 };

struct vt_s3 *client;

enum {
	OPT_DECODE = 256, OPT_JSON, OPT_KEY_FILE, OPT_NO_CHECK,
	OPT_NO_OVERWRITE, OPT_NO_RESUME, OPT_PART_SIZE, OPT_RANGE,
	OPT_SKIP_SAME, OPT_VERBOSE, OPT_VERSION_ID
};

static const struct option options[] = {
	{ "decode", no_argument, NULL, OPT_DECODE },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "key-file", required_argument, NULL, OPT_KEY_FILE },
	{ "list", no_argument, NULL, 'l' },
	{ "no-check", no_argument, NULL, OPT_NO_CHECK },
	{ "no-overwrite", no_argument, NULL, OPT_NO_OVERWRITE },
	{ "no-resume", no_argument, NULL, OPT_NO_RESUME },
	{ "null", no_argument, NULL, '0' },
	{ "part-size", required_argument, NULL, OPT_PART_SIZE },
	{ "quiet", no_argument, NULL, 'q' },
	{ "range", required_argument, NULL, OPT_RANGE },
	{ "recursive", no_argument, NULL, 'r' },
	{ "skip-same", no_argument, NULL, OPT_SKIP_SAME },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "version", no_argument, NULL, 'V' },
	{ "version-id", required_argument, NULL, OPT_VERSION_ID },
	CLI_S3_OPTIONS,
	{ NULL, 0, NULL, 0 }
};

static int
is_range(const char *s)
{
	size_t a = strspn(s, "0123456789"), b;

	if (s[a] != '-' || a > 19)
		return 0;
	b = strspn(s + a + 1, "0123456789");
	return s[a + 1 + b] == '\0' && b <= 19 && a + b > 0;
}

/* -1, or the status to exit with. */
static int
parse(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "+0hj:lnqrV", options, NULL)) !=
	    -1) {
		switch (c) {
		case '0':
			opt.null = 1;
			break;
		case 'h':
			return cli_help();
		case 'j':
			opt.jobs = (unsigned)cli_opt_u64("--jobs", optarg, 1,
			    JOBS_MAX);
			break;
		case 'l':
			opt.list = 1;
			break;
		case 'n':
			opt.dry_run = 1;
			break;
		case 'q':
			opt.quiet = 1;
			break;
		case 'r':
			opt.recursive = 1;
			break;
		case 'V':
			return cli_version();
		case OPT_DECODE:
			opt.decode = 1;
			break;
		case OPT_JSON:
			opt.json = 1;
			break;
		case OPT_KEY_FILE:
			opt.key_file = optarg;
			break;
		case OPT_NO_CHECK:
			opt.no_check = 1;
			break;
		case OPT_NO_OVERWRITE:
			opt.no_overwrite = 1;
			break;
		case OPT_NO_RESUME:
			opt.no_resume = 1;
			break;
		case OPT_PART_SIZE:
			opt.part_size = cli_opt_size("--part-size", optarg,
			    65536, VT_S3_PART_MAX);
			break;
		case OPT_RANGE:
			if (!is_range(optarg))
				return cli_usage_error("--range '%s' is not "
				    "of the form 0-99, 100- or -100", optarg);
			opt.range = optarg;
			break;
		case OPT_SKIP_SAME:
			opt.skip_same = 1;
			break;
		case OPT_VERBOSE:
			opt.verbose = opt.s3.verbose = 1;
			break;
		case OPT_VERSION_ID:
			opt.version = optarg;
			break;
		default:
			if (!cli_s3_option(&opt.s3, c, optarg))
				return cli_usage();
			break;
		}
	}
	return -1;
}

static int
is_dir(const char *path)
{
	struct stat st;
	size_t n = strlen(path);

	return (n > 0 && path[n - 1] == '/') ||
	    (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

static int
is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode) &&
	    !S_ISDIR(st.st_mode);
}

/* Exits with 2 unless it is one: before credentials are looked for. */
static void
check_url(const char *text)
{
	char *bucket, *key;

	cli_s3_url(text, &bucket, &key);
	free(bucket);
	free(key);
}

/* The same of what is to be decoded. */
static int
check_decode(int n, char **arg, const char **dest)
{
	if (opt.list || opt.recursive || opt.range != NULL || opt.dry_run ||
	    opt.skip_same || opt.json)
		return cli_usage_error("--decode takes no --list, --recursive, "
		    "--range, --dry-run, --skip-same or --json");
	if (n < 1 || n > 2)
		return cli_usage_error("--decode takes what is stored and "
		    "where its bytes go");
	*dest = n == 2 ? arg[1] : "-";
	if (**dest == '\0' || is_dir(*dest))
		return cli_usage_error("--decode into '%s': name a file",
		    *dest);
	if (strncmp(arg[0], "s3://", 5) == 0)
		check_url(arg[0]);
	else if (opt.version != NULL)
		return cli_usage_error("--version-id is of an s3:// object");
	return -1;
}

/* Sources and destination; -1, or the status to exit with. */
static int
check_arguments(int n, char **arg, int *sources, const char **dest)
{
	int i;

	*dest = NULL;
	*sources = n;
	if (opt.null && !opt.list)
		return cli_usage_error("--null is for --list");
	if (opt.decode)
		return check_decode(n, arg, dest);
	if (opt.key_file != NULL)
		return cli_usage_error("--key-file is for --decode");
	if (opt.list) {
		if (opt.range != NULL || opt.version != NULL || opt.dry_run)
			return cli_usage_error("--list takes no --range, "
			    "--version-id or --dry-run");
		for (i = 0; i < n; i++)
			check_url(arg[i]);
		return -1;
	}
	if (n == 0)
		return cli_usage_error("what is to be got?");
	if (strncmp(arg[n - 1], "s3://", 5) != 0) {
		*dest = arg[n - 1];
		*sources = n - 1;
	}
	if (*sources == 0)
		return cli_usage_error("what is to be got into '%s'?", *dest);
	for (i = 0; i < *sources; i++)
		check_url(arg[i]);
	if (*dest != NULL && (*dest)[0] == '\0')
		return cli_usage_error("the destination is empty");
	if ((opt.range != NULL || opt.version != NULL) &&
	    (*sources > 1 || opt.recursive))
		return cli_usage_error("--range and --version-id are for one "
		    "object");
	if (*dest != NULL && strcmp(*dest, "-") == 0) {
		if (opt.json)
			return cli_usage_error("--json would stand among the "
			    "bytes on standard output");
		if (opt.recursive)
			return cli_usage_error("--recursive needs a "
			    "directory");
	} else if (*dest != NULL && *sources > 1 && !is_dir(*dest)) {
		return cli_usage_error("several objects need a directory or "
		    "'-', not '%s'", *dest);
	}
	return -1;
}

/* Bytes for a device or a pipe take the way of standard output. */
static const char *
divert(const char *dest)
{
	int fd;

	if (dest == NULL || strcmp(dest, "-") == 0 || !is_special(dest))
		return dest;
	if (opt.json)
		cli_die(CLI_USAGE, "--json would stand among the bytes in "
		    "'%s'", dest);
	fd = open(dest, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
		cli_die(CLI_FAILED, "cannot open '%s': %s", dest,
		    strerror(errno));
	close(fd);
	return "-";
}

static void
get_arguments(int sources, char **arg, const char *dest)
{
	char *bucket, *key, *dir;
	size_t n;
	int i;

	for (i = 0; i < sources && !cli_stopping(); i++) {
		cli_s3_url(arg[i], &bucket, &key);
		if (opt.recursive) {
			dir = cli_strdup(dest != NULL ? dest : ".");
			n = strlen(dir);
			while (n > 1 && dir[n - 1] == '/')
				dir[--n] = '\0';
			get_tree(bucket, key, dir);
			free(dir);
		} else if (key[0] == '\0') {
			cli_warn("'%s' names no key: --recursive gets all, "
			    "--list shows them", arg[i]);
			cli_work_count(&work, VT_INVALID);
		} else if (dest == NULL) {
			get_one(bucket, key, "./", 1);
		} else {
			get_one(bucket, key, dest, strcmp(dest, "-") != 0 &&
			    is_dir(dest));
		}
		free(bucket);
		free(key);
	}
}

static void
run(int sources, char **arg, const char *dest)
{
	cli_progress_start(opt.quiet || opt.dry_run, "got");
	cli_work_start(&work, opt.jobs);
	get_arguments(sources, arg, dest);
	cli_work_finish(&work);
}

int
main(int argc, char **argv)
{
	struct vt_err err = { VT_OK, "" };
	const char *dest;
	enum vt_code rc;
	int status, sources, is_local, i;

	cli_init(argv, usage);
	status = parse(argc, argv);
	if (status >= 0)
		return status;
	argc -= optind;
	argv += optind;
	status = check_arguments(argc, argv, &sources, &dest);
	if (status >= 0)
		return status;
	is_local = opt.decode && strncmp(argv[0], "s3://", 5) != 0;
	rc = is_local ? VT_OK : cli_s3_load(&opt.s3, &err);
	if (rc == VT_OK && !is_local)
		rc = cli_s3_connect(&opt.s3, cli_cancel_flag(), &client, &err);
	if (rc != VT_OK) {
		cli_warn("%s", err.text);
		return cli_finish(CLI_FAILED);
	}
	dest = divert(dest);
	cli_catch_signals(-1);
	if (opt.decode)
		cli_work_count(&work, decode(client, argv[0], opt.version,
		    opt.key_file, dest));
	else if (opt.list && sources == 0)
		list(NULL);
	else if (opt.list)
		for (i = 0; i < sources && !cli_stopping(); i++)
			list(argv[i]);
	else
		run(sources, argv, dest);
	status = cli_tally_status(&work.tally);
	vt_s3_close(client);
	cli_s3_release(&opt.s3);
	return cli_finish(status);
}
