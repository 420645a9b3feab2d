/* The access log: lines, coverage, re-opening, dropping, a full disk. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/jsonl.h"
#include "libvt/proto/accesslog.h"

#include "test.h"

static char dir[] = "/tmp/test_accesslog.XXXXXX";
static struct vt_clock clock_fixed;

static struct vt_access
sample(void)
{
	struct vt_access a = { 0 };

	a.time_us = INT64_C(1795348800123456);
	a.request_id = "0123456789ABCDEF";
	a.node = "n1";
	a.actor = "client";
	a.remote = "127.0.0.1";
	a.key_id = "VTKEY";
	a.op = "GetObject";
	a.bucket = "b";
	a.key = "a/\"q\"\xff";
	a.key_len = strlen(a.key);
	a.status = 200;
	a.range_first = a.range_length = a.copy_id = -1;
	a.bytes_out = 5;
	a.size = 5;
	a.agent = "test/1";
	return a;
}

static char *
read_all(const char *path)
{
	struct vt_err err;
	size_t len;
	char *text;

	if (vt_fs_read(path, 1 << 28, &text, &len, &err) != VT_OK) {
		printf("# %s\n", err.text);
		return strdup("");
	}
	return text;
}

static int
count(const char *text, const char *needle)
{
	int n = 0;

	for (; (text = strstr(text, needle)) != NULL; text++)
		n++;
	return n;
}

static struct vt_accesslog *
open_at(const char *path, size_t queue_bytes, int64_t coverage_ms)
{
	struct vt_accesslog_options o = { path, "n1", &clock_fixed,
	    queue_bytes, coverage_ms };
	struct vt_accesslog *l;
	struct vt_err err;

	if (vt_accesslog_open(&o, &l, &err) != VT_OK)
		printf("# %s\n", err.text);
	return l;
}

static void
test_format(void)
{
	struct vt_access a = sample();
	struct vt_buf b;

	vt_buf_init(&b, 4096);
	vt_accesslog_format(&a, &b);
	is_str(b.data, "{\"v\":1,\"time\":\"2026-11-22T12:00:00.123Z\","
	    "\"id\":\"0123456789ABCDEF\",\"node\":\"n1\","
	    "\"actor\":\"client\",\"remote\":\"127.0.0.1\","
	    "\"key_id\":\"VTKEY\",\"op\":\"GetObject\",\"bucket\":\"b\","
	    "\"key\":\"a/\\\"q\\\"\\udcff\",\"status\":200,\"in\":0,"
	    "\"out\":5,\"size\":5,\"backend_bytes\":0,"
	    "\"backend_requests\":0,\"ttfb_us\":0,\"total_us\":0,"
	    "\"aborted\":false,\"agent\":\"test/1\"}\n",
	    "a line has its fields in order, absent ones left out");
	vt_buf_reset(&b);
	a.version = "v1";
	a.source = "s/k";
	a.error = "NoSuchKey";
	a.range_first = 0;
	a.range_length = 10;
	a.copy_id = 7;
	a.tier = "hot";
	a.aborted = 1;
	vt_accesslog_format(&a, &b);
	ok(strstr(b.data, "\"version\":\"v1\",\"source\":\"s/k\","
	    "\"status\":200,\"error\":\"NoSuchKey\",\"first\":0,"
	    "\"length\":10,\"in\":0,\"out\":5,\"size\":5,\"copy\":7,"
	    "\"tier\":\"hot\",") != NULL, "optional fields in their place");
	ok(strstr(b.data, "\"aborted\":true") != NULL, "the abort flag");
	vt_buf_release(&b);
}

static void
test_life(void)
{
	char path[64], moved[64], *text;
	struct vt_access a = sample();
	struct vt_accesslog *l;
	struct vt_err err;
	uint64_t dropped, written;
	struct stat st;
	int i;

	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(moved, sizeof(moved), "%s/log.1", dir);
	l = open_at(path, 1 << 20, 60000);
	ok(l != NULL, "opened");
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600,
	    "nobody else may read it");
	text = read_all(path);
	ok(count(text, "\"op\":\"log\"") == 1,
	    "a coverage record at the start");
	free(text);
	for (i = 0; i < 100; i++)
		vt_accesslog_write(l, &a);
	for (i = 0; i < 200; i++) {
		vt_accesslog_stats(l, &dropped, &written);
		if (written > 1000)
			break;
		usleep(10000);
	}
	ok(written > 1000, "written without being asked, in a moment");
	rename(path, moved);
	vt_accesslog_reopen(l);
	for (i = 0; i < 200 && access(path, F_OK) < 0; i++)
		usleep(10000);
	ok(access(path, F_OK) == 0, "re-opened after a rename");
	vt_accesslog_write(l, &a);
	ok(vt_accesslog_close(l, &err) == VT_OK, "closed");
	text = read_all(moved);
	is_int(count(text, "GetObject"), 100, "old lines in the old file");
	is_int(count(text, "\"op\":\"log\""), 2,
	    "which ends with its coverage");
	free(text);
	text = read_all(path);
	is_int(count(text, "GetObject"), 1, "new lines in the new file");
	is_int(count(text, "\"dropped\":0"), 1, "coverage at the stop");
	free(text);
	ok(vt_accesslog_close(NULL, &err) == VT_OK, "NULL is closed");
}

static void
test_coverage(void)
{
	char path[64], *text;
	struct vt_accesslog *l;

	snprintf(path, sizeof(path), "%s/coverage", dir);
	l = open_at(path, 1 << 20, 30);
	usleep(400000);
	ok(vt_accesslog_close(l, NULL) == VT_OK, "closed");
	text = read_all(path);
	ok(count(text, "\"op\":\"log\"") >= 4,
	    "coverage records on an idle server (%d)",
	    count(text, "\"op\":\"log\""));
	free(text);
}

/* A pipe nobody reads is a disk that does not get on. */
static void
test_drop(void)
{
	char path[64], buf[65536];
	struct vt_access a = sample();
	struct vt_accesslog *l;
	uint64_t dropped, written;
	size_t got = 0;
	ssize_t n;
	struct vt_buf all;
	int fd, i;

	snprintf(path, sizeof(path), "%s/fifo", dir);
	mkfifo(path, 0600);
	fd = open(path, O_RDWR | O_NONBLOCK);
	l = open_at(path, 4096, 60000);
	for (i = 0; i < 5000; i++)
		vt_accesslog_write(l, &a);
	vt_accesslog_stats(l, &dropped, &written);
	ok(dropped > 0, "a full queue drops, and does not block");
	vt_buf_init(&all, 1 << 26);
	for (i = 0; i < 100; i++) {
		while ((n = read(fd, buf, sizeof(buf))) > 0) {
			vt_buf_add(&all, buf, (size_t)n);
			got += (size_t)n;
		}
		usleep(5000);
	}
	vt_accesslog_stats(l, &dropped, &written);
	ok(vt_accesslog_close(l, NULL) == VT_OK, "closed");
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		vt_buf_add(&all, buf, (size_t)n);
	is_int(count(all.data, "GetObject") + (int)dropped, 5000,
	    "lines written and lines told dropped are all lines");
	snprintf(buf, sizeof(buf), "\"dropped\":%d}", (int)dropped);
	ok(strstr(all.data, buf) != NULL || count(all.data, "\"op\":\"log\"")
	    > 2, "a coverage record tells it");
	vt_buf_release(&all);
	close(fd);
}

static void
test_full(void)
{
	struct vt_access a = sample();
	struct vt_accesslog *l;
	struct vt_err err;

	l = open_at("/dev/full", 4096, 60000);
	ok(l != NULL, "a log on a full disk waits for room");
	vt_accesslog_write(l, &a);
	ok(vt_accesslog_close(l, &err) == VT_NOSPACE, "and tells at its end");
	l = open_at("/nonexistent/log", 4096, 60000);
	ok(l == NULL, "one in no directory is not opened");
}

struct many {
	struct vt_accesslog *l;
	pthread_t thread;
};

static void *
write_many(void *arg)
{
	struct many *m = arg;
	struct vt_access a = sample();
	int i;

	for (i = 0; i < 5000; i++)
		vt_accesslog_write(m->l, &a);
	return NULL;
}

static void
test_threads(void)
{
	struct vt_json_field f[40];
	char path[64], *text, *p, *end;
	struct many m[4];
	struct vt_accesslog *l;
	int i, lines = 0, bad = 0;

	snprintf(path, sizeof(path), "%s/many", dir);
	l = open_at(path, 64 << 20, 60000);
	for (i = 0; i < 4; i++) {
		m[i].l = l;
		pthread_create(&m[i].thread, NULL, write_many, &m[i]);
	}
	for (i = 0; i < 4; i++)
		pthread_join(m[i].thread, NULL);
	ok(vt_accesslog_close(l, NULL) == VT_OK, "closed");
	text = read_all(path);
	for (p = text; (end = strchr(p, '\n')) != NULL; p = end + 1) {
		lines++;
		if (vt_json_scan(p, (size_t)(end - p), f, 40) < 0)
			bad++;
	}
	is_int(lines, 20002, "four threads: every line is there");
	is_int(bad, 0, "and whole");
	free(text);
}

int
main(void)
{
	char command[64];

	clock_fixed = VT_CLOCK_FIXED(INT64_C(1795348800000000));
	if (mkdtemp(dir) == NULL)
		return 1;
	test_format();
	test_life();
	test_coverage();
	test_drop();
	test_full();
	test_threads();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return test_done();
}
