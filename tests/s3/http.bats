#!/usr/bin/env bats
# The HTTP layer, byte by byte: the measured traps of libmicrohttpd (DESIGN 7)
# and the promises that depend on them.  The tests themselves are in traps.py;
# one server serves the file, but for those that end it.

load ../cli/helper

setup_file() {
	export PYTHONDONTWRITEBYTECODE=1
	case $(readelf -d "$(command -v vt-serve)") in
	*libasan* | *libtsan*) export SANITIZED=1 ;;
	esac
	serve_start "$BATS_FILE_TMPDIR"
}

teardown_file() {
	serve_stop
	serve_said "$BATS_FILE_TMPDIR"
}

teardown() {
	[ -z "${own:-}" ] || serve_stop
}

trap_test() {
	timeout 300 python3 "$BATS_TEST_DIRNAME/traps.py" "$@"
}

# The memory of such a program is mostly its sanitizer's.
skip_sanitized() {
	[ -z "${SANITIZED:-}" ] || skip 'built with a sanitizer'
}

# A server of the test's own, with a line in its configuration.
own_server() {
	own=1
	mkdir -p "$BATS_TEST_TMPDIR/data"
	cat >"$BATS_TEST_TMPDIR/config" <<-EOT
		{
			$1
			"tiers": [{
				"name": "hot",
				"url": "file:tiers/hot",
				"storage_class": "STANDARD",
				"inline": true
			}]
		}
	EOT
	serve_start "$BATS_TEST_TMPDIR" --config "$BATS_TEST_TMPDIR/config"
}

# Ends by itself, and well.
ended() {
	wait_until not kill -0 "$SERVE_PID"
	wait "$SERVE_PID"
}

@test "trap 1: an idle connection costs its pool and no more" {
	skip_sanitized
	trap_test idle_memory
}

@test "trap 1: headers up to the limit leave room for body and answer" {
	trap_test large_headers
}

@test "trap 2: a call without bytes is no end of the body" {
	trap_test not_the_end
}

@test "trap 2: a body that breaks off never becomes an object" {
	trap_test truncated
}

@test "trap 2: what is signed of a body is what came in" {
	trap_test hashes
}

@test "trap 3: a refused upload is read, then answered" {
	trap_test refused_upload
}

@test "trap 3: with Expect the refusal comes before the body" {
	trap_test refused_early
}

@test "trap 3: beyond what is drained the answer still arrives" {
	trap_test refused_large
}

@test "trap 4: SIGTERM with suspended connections finishes what is in hand" {
	own_server ''
	trap_test stop_while_busy
	ended
	serve_said
}

@test "trap 4: stalled requests do not hold the server for ever" {
	own_server ''
	trap_test stop_hard
	ended
}

@test "trap 5: signed, routed and stored is the raw target" {
	trap_test targets
}

@test "trap 5: ambiguous framing is refused and the connection cut" {
	trap_test framing
}

@test "requests that libmicrohttpd loses are not leaked" {
	trap_test lost_requests
}

@test "trap 5: aws-chunked inside Transfer-Encoding: chunked" {
	trap_test doubly_chunked
}

@test "trap 6: small requests are answered while large bodies are hashed" {
	trap_test hashing_elsewhere
}

@test "a hundred uploads at once stay within the memory budget (P9)" {
	skip_sanitized
	trap_test many_uploads
}

@test "more uploads than buffers: each has its turn, stalled ones none" {
	own_server '"buffer_budget": "8M",'
	trap_test small_budget
}

@test "readers that stall leave uploads their buffers" {
	own_server '"buffer_budget": "8M",'
	trap_test stalled_readers
}

@test "keep-alive, pipelining, HTTP/1.0" {
	trap_test keep_alive
}

@test "a request byte by byte" {
	trap_test byte_by_byte
}

@test "old and early requests are refused by the real clock" {
	trap_test times
	own_server ''
	serve_stop
	serve_start "$BATS_TEST_TMPDIR" --config "$BATS_TEST_TMPDIR/config" \
	    --clock-offset 40d
	trap_test times
}

@test "clients that go away leave nothing behind" {
	trap_test disconnects
}
