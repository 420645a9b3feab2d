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

teardown() {
	flaky_stop
	[ -z "${NEAR_PID:-}" ] || serve_stop "$NEAR_PID"
}

@test 'P4 P5 s3: right bytes or the right word, under every harm' {
	VT_TEST_ENDPOINT=$AWS_ENDPOINT_URL VT_TEST_KEY=$AWS_ACCESS_KEY_ID \
	    VT_TEST_SECRET=$AWS_SECRET_ACCESS_KEY run timeout 300 \
	    "$VT_BUILD/tests/harm" "$BATS_TEST_DIRNAME/../tools/flaky.py" \
	    s3://harm/a/prefix
	grep -v '^ok ' <<<"$output" || true
	[ "$status" -eq 0 ]
}

# The proxy's answers to commands.
answers() {
	grep -c '^ok$' "$BATS_TEST_TMPDIR/flaky.out" || true
}

answered() {
	[ "$(answers)" -gt "$1" ]
}

# harm RULE...: other rules for the proxy from now on
harm() {
	local n
	n=$(answers)
	echo "rules $*" >&8
	wait_until answered "$n"
}

# fetch NAME: what curl says of a read; the bytes go to $W/got
fetch() {
	local rc=0
	s3curl -f -o "$W/got" "$AWS_ENDPOINT_URL/bucket/$1" || rc=$?
	return "$rc"
}

@test 'P5 what another machine garbles reaches no client as a whole answer' {
	local far_pid=$SERVE_PID W=$BATS_TEST_TMPDIR rule
	flaky_start
	mkdir -p "$W/near/data"
	cat >"$W/near/data/vaultaire.json" <<-END
	{"promote": false, "tiers": [
	  {"name": "hot", "url": "file:tiers/hot",
	   "storage_class": "STANDARD"},
	  {"name": "cold", "url": "s3://garbled", "storage_class": "GLACIER_IR",
	   "endpoint": "$AWS_ENDPOINT_URL", "stall_timeout": "1s",
	   "credentials": "$BATS_FILE_TMPDIR/data/credentials"}]}
	END
	serve_start "$W/near" 8>&-
	NEAR_PID=$SERVE_PID
	head -c 3000000 /dev/urandom >"$W/file"
	s3curl -f -X PUT "$AWS_ENDPOINT_URL/bucket"
	s3curl -f -T "$W/file" -H 'x-amz-storage-class: GLACIER_IR' \
	    "$AWS_ENDPOINT_URL/bucket/k"
	# what breaks is gone on with
	for rule in GET:1:cut GET:1:reset GET:1:stall GET:1:drop GET:1:503 \
	    'GET:1:reset GET:2:cut GET:3:drop GET:4:reset'; do
		harm "$rule"
		fetch k
		cmp "$W/got" "$W/file"
	done
	# what is wrong is not whole
	harm GET:all:flip
	! fetch k || return 1
	harm GET:all:cut
	! fetch k || return 1
	harm
	fetch k
	cmp "$W/got" "$W/file"
	# what is garbled on its way there is not stored
	harm PUT:all:flip-up
	! s3curl -f -T "$W/file" -H 'x-amz-storage-class: GLACIER_IR' \
	    "$AWS_ENDPOINT_URL/bucket/other" || return 1
	harm
	! fetch other || return 1
	SERVE_PID=$far_pid
}
