/*
 * vt-put: files, directories or a stream into S3 objects.
 *
 * One thread, main, finds the work: it walks the arguments and fills a
 * bounded queue, or reads a stream into buffers.  The others do it: whole
 * files from the queue, and parts of the large files and streams that are
 * open.  Parts go first, so that few large files are open at a time.
 *
 *	main.c		options
 *	put_find.c	arguments, lists, directories: what there is to put
 *	put_queue.c	the queue and the workers
 *	put_whole.c	a file in one request
 *	put_parts.c	a large one, or a stream, in parts
 *	put_stream.c	a stream, read by main
 *	put_head.c	the headers of an object
 *	put_result.c	what became of a file
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cli.h"

#include "put.h"

#define JOBS_MAX 256

static const char usage[] =
"usage: vt-put [options] file ... s3://bucket/key\n"
"       vt-put [options] - s3://bucket/key\n"
"       vt-put [options] --recursive directory ... s3://bucket/prefix/\n"
"       vt-put [options] --files-from list s3://bucket/prefix/\n"
"Put files, directories or standard input into S3 objects.\n"
"\n"
"What:\n"
"  -r, --recursive          put what lies in directories\n"
"      --files-from FILE    names, one a line; '-' is standard input\n"
"  -0, --null               names of --files-from end in NUL\n"
"      --follow             follow symbolic links instead of skipping them\n"
"      --make-bucket        make the bucket first if there is none\n"
"      --if-none-match      do not overwrite: an existing object is status 1\n"
"      --skip-same          skip what is there with the same size and time\n"
"  -n, --dry-run            say what would be put, put nothing\n"
"How it is stored:\n"
"      --content-type TYPE  instead of a guess from the name\n"
"      --header NAME=VALUE  another request header, such as cache-control\n"
"      --meta NAME=VALUE    user metadata\n"
"      --storage-class CLASS\n"
"How it is sent:\n"
"  -j, --jobs N             requests at a time (8)\n"
"      --part-size SIZE     of a multipart upload (8M); a larger file is sent\n"
"                           in parts\n"
"      --expected-size SIZE of a stream, when over 10,000 parts\n"
"      --no-resume          do not go on with an interrupted upload\n"
"Where:\n"
"      --endpoint URL       instead of AWS; see ENVIRONMENT in vt-put(1)\n"
"      --region NAME\n"
"      --profile NAME       of the AWS configuration and credential files\n"
"      --no-sign-request    be anonymous\n"
"      --virtual-host       bucket in the host name, not in the path\n"
"      --ca-file FILE       certificates to trust, PEM\n"
"      --retries N          of a request that may work later (5)\n"
"Talk:\n"
"      --json               one line of JSON for each object\n"
"  -q, --quiet              no progress line\n"
"      --verbose            tell of each object and each retry\n"
"  -h, --help               this text\n"
"  -V, --version            the version\n";

struct put_options opt = { .part_size = 8 * MIB, .jobs = 8 };

struct vt_s3 *client;

static void
add_header(const char *name, char *value)
{
	const char *s;

	for (s = value; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f) {
			cli_usage_error("the value of '%s' holds a control "
			    "character", name);
			exit(CLI_USAGE);
		}
	for (s = name; *s != '\0'; s++)
		if (strchr("!#$%&'*+-.^_`|~", *s) == NULL &&
		    !(*s >= '0' && *s <= '9') && !(*s >= 'A' && *s <= 'Z') &&
		    !(*s >= 'a' && *s <= 'z')) {
			cli_usage_error("'%s' is not a header's name", name);
			exit(CLI_USAGE);
		}
	if (opt.header_count == HEADERS_MAX) {
		cli_usage_error("over %d headers", HEADERS_MAX);
		exit(CLI_USAGE);
	}
	opt.header[opt.header_count++] = (struct vt_header){ name, value };
}

enum {
	OPT_CONTENT_TYPE = 256, OPT_EXPECTED_SIZE, OPT_FILES_FROM, OPT_FOLLOW,
	OPT_HEADER, OPT_IF_NONE_MATCH, OPT_JSON, OPT_MAKE_BUCKET, OPT_META,
	OPT_NO_RESUME, OPT_PART_SIZE, OPT_SKIP_SAME, OPT_STORAGE_CLASS,
	OPT_VERBOSE
};

static const struct option options[] = {
	{ "content-type", required_argument, NULL, OPT_CONTENT_TYPE },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "expected-size", required_argument, NULL, OPT_EXPECTED_SIZE },
	{ "files-from", required_argument, NULL, OPT_FILES_FROM },
	{ "follow", no_argument, NULL, OPT_FOLLOW },
	{ "header", required_argument, NULL, OPT_HEADER },
	{ "help", no_argument, NULL, 'h' },
	{ "if-none-match", no_argument, NULL, OPT_IF_NONE_MATCH },
	{ "jobs", required_argument, NULL, 'j' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "make-bucket", no_argument, NULL, OPT_MAKE_BUCKET },
	{ "meta", required_argument, NULL, OPT_META },
	{ "no-resume", no_argument, NULL, OPT_NO_RESUME },
	{ "null", no_argument, NULL, '0' },
	{ "part-size", required_argument, NULL, OPT_PART_SIZE },
	{ "quiet", no_argument, NULL, 'q' },
	{ "recursive", no_argument, NULL, 'r' },
	{ "skip-same", no_argument, NULL, OPT_SKIP_SAME },
	{ "storage-class", required_argument, NULL, OPT_STORAGE_CLASS },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "version", no_argument, NULL, 'V' },
	CLI_S3_OPTIONS,
	{ NULL, 0, NULL, 0 }
};

/* -1, or the status to exit with. */
static int
parse(int argc, char **argv)
{
	char *name, *value, *full;
	int c;

	while ((c = getopt_long(argc, argv, "+0hj:nqrV", options, NULL)) !=
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
		case OPT_CONTENT_TYPE:
			opt.content_type = optarg;
			break;
		case OPT_EXPECTED_SIZE:
			opt.expected_size = cli_opt_size("--expected-size",
			    optarg, 0, OBJECT_MAX);
			break;
		case OPT_FILES_FROM:
			opt.files_from = optarg;
			break;
		case OPT_FOLLOW:
			opt.follow = 1;
			break;
		case OPT_HEADER:
			cli_opt_pair("--header", optarg, &name, &value);
			add_header(name, value);
			break;
		case OPT_IF_NONE_MATCH:
			opt.if_none_match = 1;
			break;
		case OPT_JSON:
			opt.json = 1;
			break;
		case OPT_MAKE_BUCKET:
			opt.make_bucket = 1;
			break;
		case OPT_META:
			cli_opt_pair("--meta", optarg, &name, &value);
			if (asprintf(&full, "x-amz-meta-%s", name) < 0)
				cli_die(CLI_FAILED, "out of memory");
			free(name);
			add_header(full, value);
			break;
		case OPT_NO_RESUME:
			opt.no_resume = 1;
			break;
		case OPT_PART_SIZE:
			opt.part_size = cli_opt_size("--part-size", optarg,
			    VT_S3_PART_MIN, VT_S3_PART_MAX);
			break;
		case OPT_SKIP_SAME:
			opt.skip_same = 1;
			break;
		case OPT_STORAGE_CLASS:
			opt.storage_class = optarg;
			break;
		case OPT_VERBOSE:
			opt.verbose = opt.s3.verbose = 1;
			break;
		default:
			if (!cli_s3_option(&opt.s3, c, optarg))
				return cli_usage();
			break;
		}
	}
	return -1;
}

/* Is the destination a place for many, or one key? */
static int
is_prefix(const char *key)
{
	size_t n = strlen(key);

	return n == 0 || key[n - 1] == '/';
}

static int
check_arguments(int sources, char **source)
{
	char *longer;
	struct stat st;
	int i, many;

	if (opt.files_from == NULL && sources == 0)
		return cli_usage_error("what is to be put, and where?");
	if (opt.files_from != NULL && sources > 0)
		return cli_usage_error("--files-from takes no other files");
	if (opt.null && opt.files_from == NULL)
		return cli_usage_error("--null is for --files-from");
	many = sources > 1 || opt.files_from != NULL;
	for (i = 0; i < sources; i++) {
		if (strcmp(source[i], "-") == 0) {
			if (many || is_prefix(opt.prefix))
				return cli_usage_error("'-' has no name: give "
				    "it a key of its own");
		} else if (opt.recursive && stat(source[i], &st) == 0 &&
		    S_ISDIR(st.st_mode)) {
			many = 1;
		}
	}
	if (many && !is_prefix(opt.prefix)) {
		/* "--recursive dir s3://b/p" cannot mean anything else. */
		if (asprintf(&longer, "%s/", opt.prefix) < 0)
			cli_die(CLI_FAILED, "out of memory");
		if (sources > 1 && !opt.recursive) {
			free(longer);
			return cli_usage_error("several files need a prefix "
			    "that ends in '/'");
		}
		free(opt.prefix);
		opt.prefix = longer;
	}
	return -1;
}

int
main(int argc, char **argv)
{
	struct vt_err err = { VT_OK, "" };
	struct chunk *c;
	enum vt_code rc;
	int status, n;

	cli_init(argv, usage);
	status = parse(argc, argv);
	if (status >= 0)
		return status;
	argc -= optind;
	argv += optind;
	if (argc < 1)
		return cli_usage_error("what is to be put, and where?");
	cli_s3_url(argv[argc - 1], &opt.bucket, &opt.prefix);
	status = check_arguments(argc - 1, argv);
	if (status >= 0)
		return status;
	rc = cli_s3_load(&opt.s3, &err);
	if (rc == VT_OK)
		rc = cli_s3_connect(&opt.s3, cli_cancel_flag(), &client, &err);
	if (rc != VT_OK) {
		cli_warn("%s", err.text);
		return cli_finish(CLI_FAILED);
	}
	cli_catch_signals(-1);
	if (opt.make_bucket && !opt.dry_run) {
		rc = vt_s3_create_bucket(client, opt.bucket, &err);
		/* Someone else's bucket will tell when it is written to. */
		if (rc != VT_OK && rc != VT_EXISTS) {
			cli_warn("cannot make the bucket '%s': %s", opt.bucket,
			    err.text);
			return cli_finish(cli_status_of(rc));
		}
	}
	cli_progress_start(opt.quiet || opt.dry_run, "put");
	cli_work_start(&work, opt.jobs);
	if (opt.files_from != NULL)
		put_listed();
	for (n = 0; n < argc - 1 && !cli_stopping(); n++) {
		if (strcmp(argv[n], "-") == 0)
			put_stream(STDIN_FILENO, "-", "");
		else
			put_argument(argv[n],
			    is_prefix(opt.prefix) ? NULL : "");
	}
	cli_work_finish(&work);

	status = cli_tally_status(&work.tally);
	while (spare != NULL) {
		c = spare;
		spare = c->next;
		free(c->data);
		free(c);
	}
	vt_s3_close(client);
	cli_s3_release(&opt.s3);
	free(opt.bucket);
	free(opt.prefix);
	return cli_finish(status);
}
