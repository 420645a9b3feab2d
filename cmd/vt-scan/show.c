/* vt-scan --show: the lines of records that --binary wrote. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/proto/recordstream.h"

#include "scan.h"

#define OUT_BLOCK ((size_t)256 << 10)

struct shown {
	const char *name;
	struct vt_block block;
	struct vt_block_reader reader;
	struct vt_days_room room;
	struct vt_buf out;
	int stop;		/* output is gone */
};

/* The lines of the block that was read. */
static enum vt_code
show_block(struct shown *s)
{
	struct vt_scan_record rec;
	enum vt_code rc;

	if (vt_block_verify(&s->block) < 0)
		return VT_CORRUPT;
	vt_block_open(&s->reader, s->block.bytes.data + VT_BLOCK_HEADER,
	    vt_block_len(&s->block));
	while ((rc = vt_block_next(&s->reader, &rec)) == VT_OK) {
		if (rec.packed_days != NULL)
			rc = vt_record_days(&rec, INFINITY, &s->room);
		if (rc != VT_OK)
			return rc;
		vt_scan_record_format(&rec, &s->out);
		if (s->out.len >= OUT_BLOCK && cli_out_buf(&s->out) < 0)
			s->stop = 1;
	}
	return rc == VT_ABSENT ? VT_OK : rc;
}

static enum vt_code
show_stream(struct shown *s, int fd, struct vt_err *err)
{
	struct vt_record_stream stream;
	enum vt_code rc = VT_OK;
	int is_stream = vt_record_stream_begin(&stream, fd, err);

	if (is_stream <= 0)
		return is_stream < 0 ? err->code :
		    vt_fail(err, VT_INVALID, "these are no binary records");
	while (rc == VT_OK && !s->stop && !cli_stopping()) {
		rc = vt_record_stream_next(&stream, &s->block, err);
		if (rc != VT_OK)
			break;
		rc = show_block(s);
		if (rc != VT_OK)
			return vt_fail(err, rc, rc == VT_NOMEM ?
			    "no memory for block %llu" :
			    "block %llu of records is not what was written",
			    (unsigned long long)stream.blocks);
	}
	return rc == VT_ABSENT ? VT_OK : rc;
}

int
show(const char *path)
{
	int is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct shown s = { .name = is_stdin ? "standard input" : path };
	int status = CLI_OK;
	struct vt_err err;

	if (fd < 0)
		cli_die(CLI_FAILED, "cannot open '%s': %s", path,
		    strerror(errno));
	vt_block_init(&s.block);
	vt_buf_init(&s.out, OUT_MAX);
	if (vt_block_reader_init(&s.reader) < 0)
		out_of_memory();
	if (show_stream(&s, fd, &err) != VT_OK) {
		cli_warn("%s: %s", s.name, err.text);
		status = cli_status_of(err.code);
	}
	if (s.out.len > 0)
		(void)cli_out_buf(&s.out);	/* sticks; cli_finish tells */
	vt_buf_release(&s.out);
	vt_block_release(&s.block);
	vt_block_reader_release(&s.reader);
	free(s.room.h);
	if (!is_stdin)
		close(fd);
	return status;
}
