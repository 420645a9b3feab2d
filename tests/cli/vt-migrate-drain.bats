#!/usr/bin/env bats
# vt-migrate --drain: a tier can always be emptied and taken out.

load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir data
}

teardown() {
	serve_stop
}

# config CLOSED [POLICY]: four tiers; the archive must be asked for its bytes
config() {
	cat >data/vaultaire.json <<-END
	{"tiers": [
		{"name": "hot", "url": "file:tiers/hot",
		 "storage_class": "STANDARD"},
		{"name": "warm", "url": "file:tiers/warm",
		 "storage_class": "STANDARD_IA"},
		{"name": "cold", "url": "file:tiers/cold",
		 "storage_class": "GLACIER_IR", "closed": $1},
		{"name": "archive", "url": "file:tiers/archive",
		 "storage_class": "DEEP_ARCHIVE", "restore_delay": "100ms"}],
	 "policies": [${2-}], "price_file": "aws-us-east-1.json"}
	END
}

# drain [OPTION...]: what is on cold
drain() {
	run --separate-stderr vt-migrate --data data --drain cold "$@"
}

# store CLASS KEY...
store() {
	local k class=$1
	shift
	serve_start "$BATS_TEST_TMPDIR"
	for k; do
		random_file "$k" 50000
		vt-put -q --make-bucket --storage-class "$class" "$k" \
		    "s3://bucket/$k"
	done
}

where() {
	vt-scan --quiet --data data | field tier | sort | uniq -c |
	    awk '{ print $2 ":" $1 }' | xargs
}

@test "everything goes to the nearest hotter tier, and back it comes" {
	config false
	store GLACIER_IR a b c
	drain --dry-run
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 3 ]
	[ "$(where)" = cold:3 ]
	drain
	[ "$status" -eq 0 ]
	[ "$(where)" = warm:3 ]
	[[ $stderr == *"takes new objects still"* ]]
	[[ $stderr == *"3 blobs of garbage"* ]]
	for k in a b c; do vt-get -q "s3://bucket/$k" - | cmp - $k; done
	vt-migrate -q --data data --gc --ignore-grace
	[ -z "$(find data/tiers/cold -type f)" ]
	# nothing is left to do
	drain
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "a closed tier takes nothing, and is free to go when it is empty" {
	config false
	store GLACIER_IR a b
	serve_stop
	config true
	serve_start "$BATS_TEST_TMPDIR"
	run ! vt-put -q --storage-class GLACIER_IR a s3://bucket/new
	[[ $output == *"tier 'cold' is closed"* ]]
	drain --grace 0s --to hot
	[ "$status" -eq 0 ]
	vt-migrate -q --data data --gc
	drain
	[ "$status" -eq 0 ]
	[[ $stderr == *"'cold' is empty and may be taken out"* ]]
	[ "$(where)" = hot:2 ]
}

@test "a plan empties a closed tier, as cheaply as it can" {
	config false
	store GLACIER_IR a b
	serve_stop
	config true
	serve_start "$BATS_TEST_TMPDIR"
	vt-scan -q --data data | vt-plan -q --data data --stale-prices >plan
	[ "$(wc -l <plan)" -eq 2 ]
	grep -q 'is closed' plan
	vt-migrate -q --data data plan >/dev/null
	[[ $(where) != *cold* ]]
	# and none brings anything there
	moves cold >back
	run -1 --separate-stderr vt-migrate -q --data data back
	[ "$(printf '%s\n' "${lines[@]}" | field status | sort -u)" = refused ]
}

@test "P6 policies hold: what may lie nowhere else stays" {
	config false '{"bucket": "bucket", "prefix": "a", "tiers": ["cold"]}'
	store GLACIER_IR a b
	drain
	[ "$status" -eq 1 ]
	[ "$(where)" = 'cold:1 warm:1' ]
	[[ $stderr == *"1 versions on 'cold' may lie nowhere else"* ]]
	drain --to archive
	[ "$status" -eq 1 ]
	[ "$(where)" = 'cold:1 warm:1' ]
}

@test "an archive is asked first and emptied when it has answered" {
	config false
	store DEEP_ARCHIVE a b
	run -4 --separate-stderr vt-migrate --data data --drain archive \
	    --to hot
	[ "$(printf '%s\n' "${lines[@]}" | field status | sort -u)" = \
	    restoring ]
	[[ $stderr == *"2 objects are being restored"* ]]
	[ "$(where)" = archive:2 ]
	emptied() {
		vt-migrate -q --data data --drain archive --to hot >/dev/null
	}
	wait_until emptied
	[ "$(where)" = hot:2 ]
	for k in a b; do vt-get -q "s3://bucket/$k" - | cmp - $k; done
}

@test "wrong command lines and tiers" {
	config false
	store STANDARD a
	run -2 --separate-stderr vt-migrate --data data --drain cold plan
	run -2 --separate-stderr vt-migrate --data data --to cold plan
	run -2 --separate-stderr vt-migrate --data data --drain cold --gc
	drain --to cold
	[ "$status" -ne 0 ]
	[[ $stderr == *"into itself"* ]]
	run --separate-stderr vt-migrate --data data --drain nowhere
	[ "$status" -ne 0 ]
	[[ $stderr == *"no tier 'nowhere' is configured"* ]]
}
