#!/usr/bin/env bats
# The driver for S3 with harm between it and a server, which is ours:
# tests/tools/harm.c.  Other servers: run it by hand, as scripts/contract
# starts them.

load ../cli/helper

setup_file() {
	serve_start "$BATS_FILE_TMPDIR"
}

teardown_file() {
	serve_stop
	serve_said "$BATS_FILE_TMPDIR"
}

@test 'P4 P5 s3: right bytes or the right word, under every harm' {
	VT_TEST_ENDPOINT=$AWS_ENDPOINT_URL VT_TEST_KEY=$AWS_ACCESS_KEY_ID \
	    VT_TEST_SECRET=$AWS_SECRET_ACCESS_KEY run timeout 300 \
	    "$VT_BUILD/tests/harm" "$BATS_TEST_DIRNAME/../tools/flaky.py" \
	    s3://harm/a/prefix
	grep -v '^ok ' <<<"$output" || true
	[ "$status" -eq 0 ]
}
