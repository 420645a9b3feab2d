#!/usr/bin/env bats
# vt-scan --adopt: another store's bucket becomes ours in place, and what is
# theirs stays theirs.

load s3

# The other store, whose bucket "theirs" is the tier "there" of the one under
# test.
setup_file() {
	serve_start "$BATS_FILE_TMPDIR/other"
	export OTHER_PID=$SERVE_PID OTHER_URL=$AWS_ENDPOINT_URL \
	    OTHER_KEY=$AWS_ACCESS_KEY_ID OTHER_SECRET=$AWS_SECRET_ACCESS_KEY \
	    OTHER_DIR=$SERVE_DIR
	mkdir -p "$BATS_FILE_TMPDIR/data"
	cp "$BATS_FILE_TMPDIR/other/data/credentials" \
	    "$BATS_FILE_TMPDIR/data/there"
	chmod 600 "$BATS_FILE_TMPDIR/data/there"
	vt-put -q --make-bucket /dev/null s3://theirs/.keep
	cat >"$BATS_FILE_TMPDIR/data/vaultaire.json" <<-END
	{"tiers": [
		{"name": "hot", "url": "file:tiers/hot",
		 "storage_class": "STANDARD"},
		{"name": "there", "url": "s3://theirs",
		 "storage_class": "STANDARD_IA", "endpoint": "$OTHER_URL",
		 "credentials": "there"}],
	 "price_file": "aws-us-east-1.json", "promote": false}
	END
	serve_start "$BATS_FILE_TMPDIR"
}

teardown_file() {
	serve_stop
	serve_stop "$OTHER_PID"
}

# there COMMAND...: as a client of the other store
there() {
	AWS_ENDPOINT_URL=$OTHER_URL AWS_ACCESS_KEY_ID=$OTHER_KEY \
	    AWS_SECRET_ACCESS_KEY=$OTHER_SECRET "$@"
}

# Each test has a folder of its own over there: $P.
setup() {
	W=$BATS_TEST_TMPDIR
	B=t$BATS_TEST_NUMBER-$$-$RANDOM
	P=$B/
	s3 PUT "/$B"
	code 200
}

# adopt [OPTION...]: what lies in the folder
adopt() {
	run --separate-stderr vt-scan --data "$BATS_FILE_TMPDIR/data" -q \
	    --adopt there --bucket "$B" --prefix "$P" "$@"
}

# told STATUS: keys of that status, on one line
told() {
	printf '%s\n' "${lines[@]}" | python3 -c 'import json, sys
print(*sorted(r["key"].split("/", 1)[1] for r in map(json.loads, sys.stdin)
    if r["status"] == sys.argv[1]))' "$1"
}

@test 'objects become versions in place, with all that they had' {
	head -c 100000 /dev/urandom >"$W/a"
	head -c 9000000 /dev/urandom >"$W/big"
	: >"$W/empty"
	there vt-put -q --content-type text/x-a --meta color=blue "$W/a" \
	    "s3://theirs/${P}a"
	there vt-put -q --part-size 5M "$W/big" "s3://theirs/${P}deep/big"
	there vt-put -q "$W/empty" "s3://theirs/${P}empty"
	before=$(find "$BATS_FILE_TMPDIR/data/tiers" -type f | wc -l)
	adopt --dry-run
	[ "$status" -eq 0 ]
	[ "$(told adopted)" = 'a deep/big empty' ]
	s3 HEAD "/$B/${P}a"
	code 404
	adopt
	[ "$status" -eq 0 ]
	[ "$(told adopted)" = 'a deep/big empty' ]
	is "$(find "$BATS_FILE_TMPDIR/data/tiers" -type f | wc -l)" "$before"
	for k in a big empty; do
		key=$P$k
		[ $k != big ] || key=${P}deep/big
		s3 GET "/$B/$key"
		code 200
		cmp "$W/$k" "$W/body"
		cp "$W/head" "$W/head.here"
		there s3 HEAD "/theirs/$key"
		for x in etag content-type x-amz-meta-color last-modified; do
			was=$(h $x)
			cp "$W/head" "$W/head.there"
			cp "$W/head.here" "$W/head"
			is "$(h $x)" "$was"
			cp "$W/head.there" "$W/head"
		done
	done
	s3 GET "/$B/${P}deep/big" -H 'Range: bytes=5000000-6000000'
	code 206
	tail -c +5000001 "$W/big" | head -c 1000001 | cmp - "$W/body"
	# a second run finds nothing to do
	adopt
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test 'P3 a change behind our back is noticed, and never served as ours' {
	for k in a b c d; do
		echo "$k one" >"$W/$k"
		there vt-put -q "$W/$k" "s3://theirs/$P$k"
	done
	adopt
	[ "$status" -eq 0 ]
	echo 'a two' | there vt-put -q - "s3://theirs/${P}a"
	there s3 DELETE "/theirs/${P}b"
	echo e | there vt-put -q - "s3://theirs/${P}e"
	put "${P}c" 'c ours'
	s3 DELETE "/$B/${P}d"
	s3 GET "/$B/${P}a"
	[ "$st" -ge 500 ]
	s3 GET "/$B/${P}b"
	[ "$st" -ge 500 ]
	adopt
	[ "$status" -eq 1 ]
	[ "$(told changed)" = a ]
	[ "$(told gone)" = b ]
	[ "$(told kept)" = c ]
	[ "$(told adopted)" = 'd e' ] || [ "$(told adopted)" = e ]
	s3 GET "/$B/${P}a"
	is "$(<"$W/body")" 'a two'
	s3 GET "/$B/${P}c"
	is "$(<"$W/body")" 'c ours'
	adopt --prune
	[ "$status" -eq 0 ]
	[ "$(told gone)" = b ]
	s3 GET "/$B/${P}b"
	code 404 NoSuchKey
}

@test 'P2 what is theirs is neither deleted nor moved until it is taken over' {
	for k in a b; do
		echo "$k theirs" >"$W/$k"
		there vt-put -q "$W/$k" "s3://theirs/$P$k"
	done
	adopt
	# a copy has bytes of its own
	s3 PUT "/$B/copy" -H "x-amz-copy-source: /$B/${P}a" \
	    -H 'x-amz-storage-class: STANDARD_IA'
	code 200
	vt-scan -q --data "$BATS_FILE_TMPDIR/data" | python3 -c 'import json, sys
for r in map(json.loads, sys.stdin):
	if r["key"].startswith(sys.argv[1]):
		m = {k: r[k] for k in ("bucket", "key", "version", "seq", "copy",
		    "size")}
		m.update({"v": 1, "plan": "0", "from": r["tier"], "to": "hot"})
		print(json.dumps(m))' "$P" >"$W/plan"
	run --separate-stderr vt-migrate -q --data "$BATS_FILE_TMPDIR/data" \
	    "$W/plan"
	[ "$(printf '%s\n' "${lines[@]}" | field status | sort -u)" = skipped ]
	[[ $output == *'not ours'* ]]
	s3 DELETE "/$B/${P}a"
	code 204
	vt-migrate -q --data "$BATS_FILE_TMPDIR/data" --gc --ignore-grace
	there vt-get -q "s3://theirs/${P}a" - | cmp - "$W/a"
	there s3 DELETE "/theirs/${P}a"
	s3 GET "/$B/copy"
	is "$(<"$W/body")" 'a theirs'
	# from here on it is ours
	adopt --take-ownership
	[ "$(told taken)" = b ]
	vt-migrate -q --data "$BATS_FILE_TMPDIR/data" "$W/plan" >"$W/out" || :
	[ "$(field status <"$W/out" | sort | xargs)" = 'moved skipped' ]
	s3 GET "/$B/${P}b"
	is "$(<"$W/body")" 'b theirs'
	vt-migrate -q --data "$BATS_FILE_TMPDIR/data" --gc --ignore-grace
	there s3 HEAD "/theirs/${P}b"
	code 404
	s3 GET "/$B/${P}b"
	is "$(<"$W/body")" 'b theirs'
}

# By the clock, of which times in a listing may be whole seconds.
a_second_passes() {
	local from
	from=$(date +%s)
	is_later() {
		[ "$(date +%s)" -gt $((from + 1)) ]
	}
	wait_until is_later
}

@test 'a run that was cut goes on, and what was deleted here stays deleted' {
	echo text >"$W/text"
	for k in a b c; do
		there vt-put -q "$W/text" "s3://theirs/$P$k"
	done
	whole() {
		run --separate-stderr vt-scan --data "$BATS_FILE_TMPDIR/data" \
		    -q --adopt there --bucket "$B" "$@"
	}
	# what is younger than a second may have come after the run
	a_second_passes
	whole
	[ "$status" -eq 0 ]
	[[ $output == *"\"${P}a\""* ]]
	s3 DELETE "/$B/${P}a"
	whole
	[[ $output != *"\"${P}a\""* ]]
	s3 HEAD "/$B/${P}a"
	code 404
	# written there since: it is new; times there are in whole seconds
	again() {
		there vt-put -q "$W/text" "s3://theirs/${P}a"
		whole
		[[ $output == *"\"${P}a\""* ]]
	}
	wait_until again
	s3 HEAD "/$B/${P}a"
	code 200
}

@test 'P2 what failed is adopted by the next run, and not taken for deleted' {
	echo text >"$W/text"
	for k in a b c; do
		there vt-put -q "$W/text" "s3://theirs/$P$k"
	done
	a_second_passes
	# the same store, its tier failing once
	jq '.tiers[1].fault = "denied:meta@1"' \
	    "$BATS_FILE_TMPDIR/data/vaultaire.json" >"$W/faulty.json"
	run -1 --separate-stderr vt-scan --data "$BATS_FILE_TMPDIR/data" \
	    --config "$W/faulty.json" -q --adopt there --bucket "$B" --jobs 1
	[[ $output == *'"status":"failed"'* ]]
	run -0 --separate-stderr vt-scan --data "$BATS_FILE_TMPDIR/data" -q \
	    --adopt there --bucket "$B"
	for k in a b c; do
		s3 HEAD "/$B/$P$k"
		code 200
	done
}

@test 'names that no blob can have are told and left' {
	echo text >"$W/text"
	there vt-put -q "$W/text" "s3://theirs/${P}x//y"
	there vt-put -q "$W/text" "s3://theirs/${P}ok"
	: >"$W/nothing"
	there s3 PUT "/theirs/${P}folder/" --data-binary @"$W/nothing"
	code 200
	adopt
	[ "$status" -eq 1 ]
	[ "$(told unfit)" = x//y ]
	[ "$(told adopted)" = 'folder/ ok' ]
	[[ $output == *'no blob can have such a name'* ]]
}

@test 'wrong command lines, tiers and buckets' {
	run -2 vt-scan --adopt there
	run -2 vt-scan --adopt there --bucket "$B" log
	run -2 vt-scan --adopt there --bucket "$B" --jobs 0
	adopt --adopt hot
	[ "$status" -ne 0 ]
	[[ $stderr == *'cannot list what others keep'* ]]
	adopt --adopt nowhere
	[[ $stderr == *"no tier 'nowhere' is configured"* ]]
	adopt --bucket no-such-bucket
	[ "$status" -eq 3 ]
	[[ $stderr == *no-such-bucket* ]]
}
