# What the tests of commands share: `load helper`.  The commands under test
# are the first in PATH (`make check` sees to that).

bats_require_minimum_version 1.5.0

# No one's own profile, proxy or endpoint may reach a test; what setup_file
# exports must, though this file is read again for each test.
if [ -z "${VT_HELPER:-}" ]; then
	unset "${!AWS_@}" http_proxy https_proxy all_proxy HTTP_PROXY \
	    HTTPS_PROXY ALL_PROXY NO_COLOR
	export VT_HELPER=1
fi
export AWS_CONFIG_FILE=/nonexistent/config \
    AWS_SHARED_CREDENTIALS_FILE=/nonexistent/credentials
export AWS_EC2_METADATA_DISABLED=true LC_ALL=C.UTF-8 TERM=dumb

# wait_until COMMAND...: until it succeeds; a minute at most, so that a loaded
# machine or a sanitizer makes it slow and no test fail.  What it says when it
# is given up on is shown.
wait_until() {
	local i
	for ((i = 0; i < 1200; i++)); do
		# 0: in teardown, a trap, a bare return tells of what failed
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	"$@"
}

# not COMMAND...: for wait_until
not() {
	! "$@"
}

# serve_start DIR [OPTION...]
# Start a vt-serve with its data in DIR on free ports of loopback, wait until
# it is ready and export AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID,
# AWS_SECRET_ACCESS_KEY and AWS_REGION for clients; SERVE_PID, SERVE_ADMIN
# (the admin listener's URL) and SERVE_DIR for tests.  May be called again on
# the same DIR after serve_stop.  With VT_TEST_ENDPOINT in the environment
# that server (with keys in VT_TEST_KEY and VT_TEST_SECRET) is used instead.
serve_start() {
	local dir=$1 i
	shift
	if [ -n "${VT_TEST_ENDPOINT:-}" ]; then
		export AWS_ENDPOINT_URL=$VT_TEST_ENDPOINT SERVE_PID='' \
		    SERVE_ADMIN='' SERVE_DIR=$dir AWS_REGION=us-east-1 \
		    AWS_ACCESS_KEY_ID=${VT_TEST_KEY:-test} \
		    AWS_SECRET_ACCESS_KEY=${VT_TEST_SECRET:-test}
		mkdir -p "$dir"
		return 0
	fi
	mkdir -p "$dir"
	# What an earlier server said there must not be taken for this one's.
	rm -f "$dir/serve.err"
	# 3>&-: bats waits for whoever holds its descriptor.
	vt-serve --data "$dir/data" --listen 127.0.0.1:0 \
	    --admin 127.0.0.1:0 "$@" >"$dir/serve.out" 2>"$dir/serve.err" \
	    3>&- 4>&- </dev/null &
	export SERVE_PID=$! SERVE_DIR=$dir
	serve_wait
}

# Wait for the line that tells the addresses: it is written when they answer.
serve_wait() {
	wait_until serve_answers_or_ended || :
	AWS_ENDPOINT_URL=$(sed -n \
	    's|.*listening on \(https*://[^ ,]*\),.*|\1|p' \
	    "$SERVE_DIR/serve.err" 2>/dev/null | head -n 1)
	SERVE_ADMIN=$(sed -n \
	    's|.*, admin \(https*://[^ ,]*\),.*|\1|p' \
	    "$SERVE_DIR/serve.err" 2>/dev/null | head -n 1)
	if [ -z "$AWS_ENDPOINT_URL" ]; then
		echo "vt-serve did not start:" >&2
		cat "$SERVE_DIR/serve.err" >&2
		return 1
	fi
	export AWS_ENDPOINT_URL SERVE_ADMIN AWS_REGION=us-east-1
	AWS_ACCESS_KEY_ID=$(serve_key aws_access_key_id)
	AWS_SECRET_ACCESS_KEY=$(serve_key aws_secret_access_key)
	export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
}

serve_answers_or_ended() {
	grep -q 'listening on .*, data in' "$SERVE_DIR/serve.err" ||
	    not kill -0 "$SERVE_PID"
}

serve_key() {
	sed -n "s/^$1 *= *//p" "$SERVE_DIR"/data/credentials | head -n 1
}

# Stop by SIGTERM; fails when the server did not end well, as one does not
# that a sanitizer has something to say of.
serve_stop() {
	local pid=${1:-${SERVE_PID:-}} status=0
	[ -n "$pid" ] || return 0
	kill -TERM "$pid" 2>/dev/null || return 0
	if ! wait_until not kill -0 "$pid"; then
		kill -KILL "$pid"
		echo "vt-serve did not stop" >&2
		return 1
	fi
	[ "$pid" != "${SERVE_PID:-}" ] || SERVE_PID=''
	wait "$pid" 2>/dev/null || status=$?
	# 127: another shell's, who knows
	if [ "$status" -ne 0 ] && [ "$status" -ne 127 ]; then
		echo "vt-serve ended with status $status" >&2
		cat "$SERVE_DIR/serve.err" >&2
		return 1
	fi
}

# serve_said [DIR]: fails, and shows it, when the server there had more to say
# than that it started: a request without an answer, a sanitizer's report.
serve_said() {
	local err=${1:-$SERVE_DIR}/serve.err
	[ ! -s "$err" ] || ! grep -vE 'listening on|root key|export AWS|'\
'bring objects back|encrypted objects are|snapshots of the catalog' \
	    "$err" >&2
}

# flaky_start RULE...: a harmful proxy before AWS_ENDPOINT_URL (tests/tools/flaky.py
# says which rules there are), which AWS_ENDPOINT_URL then names.  It ends with the
# test or with flaky_stop.
flaky_start() {
	command -v python3 >/dev/null || skip 'no python3'
	FLAKY_UPSTREAM=$AWS_ENDPOINT_URL
	rm -f "$BATS_TEST_TMPDIR/flaky.in"
	mkfifo "$BATS_TEST_TMPDIR/flaky.in"
	exec 8<>"$BATS_TEST_TMPDIR/flaky.in"
	python3 "$BATS_TEST_DIRNAME/../tools/flaky.py" "$FLAKY_UPSTREAM" "$@" \
	    <"$BATS_TEST_TMPDIR/flaky.in" >"$BATS_TEST_TMPDIR/flaky.out" \
	    2>"$BATS_TEST_TMPDIR/flaky.err" 3>&- 4>&- 8>&- &
	FLAKY_PID=$!
	wait_until test -s "$BATS_TEST_TMPDIR/flaky.out"
	AWS_ENDPOINT_URL=$(cat "$BATS_TEST_TMPDIR/flaky.out")
	[ -n "$AWS_ENDPOINT_URL" ]
}

flaky_stop() {
	[ -n "${FLAKY_PID:-}" ] || return 0
	exec 8>&-
	kill "$FLAKY_PID" 2>/dev/null || true
	wait "$FLAKY_PID" 2>/dev/null || true
	FLAKY_PID=''
	AWS_ENDPOINT_URL=$FLAKY_UPSTREAM
}

# How often the rules struck.
flaky_count() {
	grep -c . "$BATS_TEST_TMPDIR/flaky.err"
}

# s3curl OPTION... URL: a raw signed request, for what vt-put and vt-get do not
# say.
s3curl() {
	curl -sS --aws-sigv4 aws:amz:us-east-1:s3 \
	    --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
	    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@"
}

# moves TIER: a plan that moves everything there, by what vt-scan says
moves() {
	vt-scan --quiet --data data | python3 -c 'import json,sys
for l in sys.stdin:
	r = json.loads(l)
	m = {k: r[k] for k in ("bucket", "key", "version", "seq", "generation",
	    "bucket_generation", "copy", "size")}
	m.update({"v": 1, "plan": "0123456789abcdef", "from": r["tier"],
	    "to": sys.argv[1]})
	print(json.dumps(m))' "$1"
}

# pack_plan TIER [REGEX]: everything whose key matches as one pack a bucket.
pack_plan() {
	moves "$1" | python3 -c 'import json,re,sys
packs = {}
for l in sys.stdin:
	m = json.loads(l)
	if re.search(sys.argv[2], m["key"]):
		packs.setdefault(m["bucket"], []).append(m)
for i, b in enumerate(sorted(packs)):
	pack = {"v": 1, "plan": "0123456789abcdef", "pack": "%016x" % i,
	    "bucket": b, "to": sys.argv[1]}
	print(json.dumps({**pack, "action": "pack", "prefix": "",
	    "objects": len(packs[b]), "size": sum(m["size"] for m in packs[b])}))
	for m in packs[b]:
		print(json.dumps({**m, **pack, "action": "pack-member"}))' \
	    "$1" "${2:-}"
}

# field NAME of the JSON lines on stdin
field() {
	python3 -c 'import json,sys
for l in sys.stdin: print(json.loads(l).get(sys.argv[1], ""))' "$1"
}

# random_file PATH BYTES: contents that neither compress nor repeat.
random_file() {
	head -c "$2" /dev/urandom >"$1"
}

# rot PATH OFFSET: another byte there than there was, whatever that is.
rot() {
	local was
	was=$(od -An -tu1 -j "$2" -N 1 "$1")
	# shellcheck disable=SC2059 # an octal escape
	printf "\\$(printf %03o $((was ^ 255)))" |
	    dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# contract COMMAND: what every command keeps, whatever it does.
contract() {
	# shellcheck disable=SC2154 # run sets output, stderr and lines
	local status

	run -0 --separate-stderr "$1" --help
	[ -z "$stderr" ]
	[[ ${lines[0]} == "usage: $1"* ]]
	[ "$(printf '%s\n' "$output" | wc -L)" -le 80 ]
	# Usage is text, not a terminal's: no tabs that shift with the pager.
	[[ $output != *$'\t'* ]]

	run -0 --separate-stderr "$1" --version
	[[ $output == "$1 "* ]]
	[ -z "$stderr" ]

	run -2 --separate-stderr "$1" --no-such-option
	[ -z "$output" ]
	[[ $stderr == *no-such-option* ]]

	run -3 --separate-stderr bash -c "$1 --help >/dev/full"
	[[ $stderr == *"standard output"* ]]
	run -3 --separate-stderr bash -c "$1 --version >/dev/full"

	# Nobody reads: die of it quietly, or be done before it is noticed.
	run --separate-stderr bash -c "(sleep 0.2; exec $1 --help) | :; \
	    exit \${PIPESTATUS[0]}"
	[ "$status" -eq 141 ] || [ "$status" -eq 0 ]
	[ -z "$stderr" ]
}
