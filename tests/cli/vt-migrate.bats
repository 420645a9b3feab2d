#!/usr/bin/env bats
# vt-migrate's contract: a plan in, moves done, a line for each; and what it
# must never do to a store that has changed since (P3).

load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	serve_stop
}

# store KEY...: a server with 200,000 random bytes under each key
store() {
	local k
	serve_start "$BATS_TEST_TMPDIR"
	for k; do
		random_file "$k" 200000
		vt-put --make-bucket "$k" "s3://bucket/$k"
	done
}

tiers() {
	vt-scan --quiet --data data | field tier
}

@test "contract" {
	contract vt-migrate
}

@test "wrong command lines: 2" {
	run -2 --separate-stderr vt-migrate --gc plan
	[ -z "$output" ]
	run -2 --separate-stderr vt-migrate --ignore-grace plan
	run -2 --separate-stderr vt-migrate --rewrap plan
	run -2 --separate-stderr vt-migrate --rewrap --gc
	run -2 --separate-stderr vt-migrate --rewrap --dry-run
	run -2 --separate-stderr vt-migrate --jobs 0 plan
	run -2 --separate-stderr vt-migrate --grace soon plan
	run -2 --separate-stderr vt-migrate --max-bandwidth 0 plan
	run -2 --separate-stderr vt-migrate --now yesterday plan
}

@test "no such plan, no such store: 3" {
	store a
	run -3 --separate-stderr vt-migrate --data data absent
	[ -z "$output" ]
	[[ $stderr == *absent* ]]
	run -3 --separate-stderr vt-migrate --data nowhere /dev/null
	[ ! -e nowhere ]
}

@test "moves beside the running server; what comes back is what was put" {
	store a b c
	moves cold >plan
	run -0 --separate-stderr vt-migrate --quiet --data data plan
	[ -z "$stderr" ]
	[ "${#lines[@]}" -eq 3 ]
	[ "$(printf '%s\n' "${lines[@]}" | field status | sort -u)" = moved ]
	[ "$(printf '%s\n' "${lines[@]}" | field to | sort -u)" = cold ]
	[ "$(printf '%s\n' "${lines[@]}" | field key | sort)" = $'a\nb\nc' ]
	[ "$(tiers)" = $'cold\ncold\ncold' ]
	vt-get --recursive s3://bucket/ back
	for k in a b c; do cmp $k back/$k; done
	# moves are bill and no heat
	[ "$(grep -c '"actor":"migrate","op":"Move"' data/access.jsonl)" -eq 3 ]
	# and back
	moves hot | vt-migrate --quiet --data data >out
	[ "$(field status <out | sort -u)" = moved ]
	vt-get s3://bucket/a - | cmp - a
}

@test "run again, it finds what was moved" {
	store a b
	moves cold >plan
	head -n 1 plan | vt-migrate -q --data data >/dev/null
	run -0 --separate-stderr vt-migrate --data data - <plan
	[ "$(printf '%s\n' "${lines[@]}" | field status | sort)" = \
	    $'already\nmoved' ]
	[[ $stderr == *"1 were moved already"* ]]
}

@test "--dry-run moves nothing" {
	store a
	moves cold >plan
	run -0 --separate-stderr vt-migrate -q --data data --dry-run plan
	[ "$(field status <<<"$output")" = moved ]
	[ "$(field dry_run <<<"$output")" = True ]
	[ "$(tiers)" = hot ]
	[ -z "$(find data/tiers/cold -type f)" ]
}

@test "P3 what was overwritten or deleted since the plan is left alone" {
	store a b c
	moves cold >plan
	random_file a 100000
	vt-put a s3://bucket/a
	s3curl -X DELETE "$AWS_ENDPOINT_URL/bucket/b"
	run -0 --separate-stderr vt-migrate --data data plan
	[ "$(printf '%s\n' "${lines[@]}" | field status | sort)" = \
	    $'moved\nskipped\nskipped' ]
	[[ $stderr == *"2 skipped as the store has changed"* ]]
	vt-get s3://bucket/a - | cmp - a
	vt-get s3://bucket/c - | cmp - c
	run -1 vt-get s3://bucket/b -
	[ "$(vt-scan -q --data data | field key)" = $'a\nc' ]
	[ "$(tiers)" = $'hot\ncold' ]
}

@test "a stale, an unknown and a corrupt move: told, and the rest is moved" {
	store a b
	moves cold >plan
	{
		head -n 1 plan |
		    sed 's/}$/,"not_after":"2001-01-01T00:00:00Z"}/'
		echo '{"v":1,"bucket":'
		tail -n 1 plan | sed 's/"to": "cold"/"to": "nowhere"/'
		tail -n 1 plan
	} >edited
	run -1 --separate-stderr vt-migrate --data data edited
	[ "${#lines[@]}" -eq 3 ]
	[[ $stderr == *edited:2:* ]]
	[[ $stderr == *nowhere* ]]
	[ "$(tiers)" = $'hot\ncold' ]
	vt-get s3://bucket/a - | cmp - a
	vt-get s3://bucket/b - | cmp - b
}

@test "P2 the old bytes stay for the grace period, then go" {
	store a
	blobs() { find "data/tiers/$1" -type f | wc -l; }
	moves cold >plan
	vt-migrate -q --data data plan >/dev/null
	[ "$(blobs hot)" -eq 1 ]
	vt-migrate -q --data data --gc
	[ "$(blobs hot)" -eq 1 ]
	run -0 --separate-stderr vt-migrate --data data --gc --ignore-grace \
	    --dry-run
	[[ $stderr == *"would remove 1 blobs"* ]]
	[ "$(blobs hot)" -eq 1 ]
	vt-migrate -q --data data --gc --ignore-grace
	[ "$(blobs hot)" -eq 0 ]
	[ "$(blobs cold)" -eq 1 ]
	vt-get s3://bucket/a - | cmp - a
	# --now: the day after, no grace is left
	moves warm | vt-migrate -q --data data --grace 1h >/dev/null
	[ "$(blobs cold)" -eq 1 ]
	vt-migrate -q --data data --gc \
	    --now "$(date -u -d '+2 hours' +%FT%TZ)"
	[ "$(blobs cold)" -eq 0 ]
	vt-get s3://bucket/a - | cmp - a
}

@test "P5 a source that has rotted is not moved, nor its last copy dropped" {
	store a
	moves cold >plan
	f=$(find data/tiers/hot -type f)
	rot "$f" 1000
	run -3 --separate-stderr vt-migrate --data data plan
	[ "$(field status <<<"$output")" = failed ]
	[ -n "$(field reason <<<"$output")" ]
	[ "$(tiers)" = hot ]
	[ -e "$f" ]
}

@test "an empty plan is told and is no failure" {
	store a
	run -0 --separate-stderr vt-migrate --data data /dev/null
	[ -z "$output" ]
	[[ $stderr == *"no moves"* ]]
	run -0 --separate-stderr vt-migrate -q --data data - </dev/null
	[ -z "$output$stderr" ]
}

@test "--max-bandwidth is kept" {
	store a b
	moves cold >plan
	start=$(date +%s%N)
	vt-migrate -q --data data --no-verify --max-bandwidth 200K plan >/dev/null
	took=$((($(date +%s%N) - start) / 1000000))
	[ "$took" -ge 900 ]
	[ "$(tiers)" = $'cold\ncold' ]
}

@test "lost output: 3, and the move is as done as it is" {
	store a
	moves cold >plan
	run -3 --separate-stderr bash -c \
	    'vt-migrate -q --data data plan >/dev/full'
	[[ $stderr == *"standard output"* ]]
	vt-get s3://bucket/a - | cmp - a
}

# policies LIST: into the configuration that is there
policies() {
	python3 - "$1" <<-'END'
	import json, sys
	c = json.load(open("data/vaultaire.json"))
	c["policies"] = json.loads(sys.argv[1])
	json.dump(c, open("data/vaultaire.json", "w"))
	END
}

@test "P3 P6 a policy as it is now refuses a move, whoever wrote the line" {
	mkdir raw
	store a raw/b
	moves cold >plan
	policies '[{"bucket": "bucket", "prefix": "raw/",
	    "tiers": ["hot", "warm"]}]'
	run -1 --separate-stderr vt-migrate --data data plan
	printf '%s\n' "${lines[@]}" >out
	[ "$(sort out | field status | sort)" = $'moved\nrefused' ]
	grep '"refused"' out | grep -F '"key":"raw/b"' |
	    grep -F "policy 'bucket/raw/' does not list 'cold'"
	[[ $stderr == *"1 moves were refused"* ]]
	[ "$(vt-scan -q --data data | field tier)" = $'cold\nhot' ]
	# nothing is left of it, and what is allowed is done
	moves warm | grep raw/b | vt-migrate -q --data data >out
	[ "$(field status <out)" = moved ]
	# one that is refused alone: still 1, and in a dry run too
	moves cold | grep raw/b >plan
	run -1 --separate-stderr vt-migrate --data data plan
	run -1 --separate-stderr vt-migrate --dry-run --data data plan
	[ "$(field status <<<"$output")" = refused ]
	vt-get s3://bucket/raw/b - | cmp - raw/b
}

@test "P6 a policy goes before a lifecycle rule" {
	store a
	cat >rules.xml <<-'END'
	<LifecycleConfiguration><Rule><ID>down</ID><Status>Enabled</Status>
	<Filter><Prefix></Prefix></Filter>
	<Transition><Days>1</Days><StorageClass>GLACIER_IR</StorageClass>
	</Transition></Rule></LifecycleConfiguration>
	END
	s3curl -f -X PUT --data-binary @rules.xml \
	    -H "Content-MD5: $(openssl md5 -binary rules.xml | base64)" \
	    "$AWS_ENDPOINT_URL/bucket?lifecycle="
	later=$(date -u -d '+5 days' +%FT%TZ)
	plan() {
		vt-scan -q --data data | vt-plan -q --data data --now "$later"
	}
	plan >plan
	[ "$(field to <plan)" = cold ]
	policies '[{"bucket": "bucket", "tiers": ["hot", "warm"]}]'
	run -0 plan
	[ -z "$output" ]
	run -1 vt-migrate -q --data data --now "$later" plan
	[ "$(tiers | tail -n 1)" = hot ]
	# the rule, carried out before there was the policy, is undone
	policies '[]'
	vt-migrate -q --data data --now "$later" plan >out
	[ "$(tiers | tail -n 1)" = cold ]
	policies '[{"bucket": "bucket", "tiers": ["hot", "warm"]}]'
	plan >plan
	[ "$(field policy <plan)" = bucket/ ]
	vt-migrate -q --data data --now "$later" plan >out
	[ "$(field status <out)" = moved ]
	[ "$(tiers | tail -n 1)" = hot ]
}
