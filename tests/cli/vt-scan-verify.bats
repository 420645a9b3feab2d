#!/usr/bin/env bats
# P5, P2: vt-scan --verify finds what is missing, corrupt or nobody's, repairs
# from another copy, and deletes only what it is asked to.

load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir data
	cat >data/vaultaire.json <<-'END'
	{ "tiers": [
	  { "name": "hot", "url": "file:tiers/hot", "storage_class": "STANDARD",
	    "price": "STANDARD", "inline": true },
	  { "name": "deep", "url": "file:tiers/deep",
	    "storage_class": "DEEP_ARCHIVE", "price": "DEEP_ARCHIVE",
	    "restore_delay": "10ms" } ],
	  "grace": "1h" }
	END
	serve_start "$PWD"
	random_file a 300000
	random_file b 200000
	vt-put --quiet --make-bucket a s3://bucket/a
	vt-put --quiet b s3://bucket/b
	echo small | vt-put --quiet - s3://bucket/inline
}

teardown() {
	[ -z "${SERVE_PID:-}" ] || serve_stop
}

# The file that holds these bytes.
blob_of() {
	local f
	for f in $(find data/tiers -type f); do
		! cmp -s "$f" "$1" || echo "$f"
	done | head -n 1
}

verify() {
	vt-scan --data data --verify "$@"
}

@test "verify says nothing but the sum when all is well, vt-serve at work" {
	run -0 --separate-stderr verify
	[ -z "$stderr" ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *'"done":"verify","blobs":2,"bytes":500000,"unread":0,"missing":0,"corrupt":0,'* ]]
	[ ! -e data/catalog.db-verify ]
	[ ! -e data/catalog.db-verify-seen ]
	run -0 verify --tier deep
	[[ $output == *'"blobs":0'* ]]
	run -3 --separate-stderr verify --tier none
	[[ $stderr == *"no tier 'none'"* ]]
	run -2 --separate-stderr vt-scan --verify --rebuild
	run -2 --separate-stderr vt-scan --resume
	run -2 --separate-stderr vt-scan --verify --rate 0
}

@test "P5 verify finds a rotten byte, a short and a missing blob" {
	rot "$(blob_of a)" 1234
	truncate -s 100 "$(blob_of b)"
	run -1 --separate-stderr verify
	[[ $output == *'"found":"corrupt","bucket":"bucket","key":"a"'* ]]
	[[ $output == *'"found":"corrupt","bucket":"bucket","key":"b"'*'100 bytes instead of 200000'* ]]
	[[ $output == *'"found":"not repaired"'*'no other copy'* ]]
	[[ $output == *'"missing":0,"corrupt":2,"repaired":0'* ]]
	rm "$(find data/tiers/hot -type f -size -2)"
	run -1 verify --no-repair
	[[ $output == *'"found":"missing","bucket":"bucket","key":"b"'* ]]
	[[ $output != *'not repaired'* ]]
	# nothing was deleted or forgotten
	s3curl -f -I "$AWS_ENDPOINT_URL/bucket/b"
}

restored() {
	s3curl -I "$AWS_ENDPOINT_URL/bucket/a" |
	    grep -q 'ongoing-request="false"'
}

@test "P2 verify writes a missing copy anew from another one" {
	moves deep >plan
	vt-migrate --data data --grace 0 --quiet <plan
	vt-migrate --data data --gc --ignore-grace --quiet
	s3curl -f -X POST "$AWS_ENDPOINT_URL/bucket/a?restore=" -d \
	    '<RestoreRequest><Days>2</Days></RestoreRequest>'
	wait_until restored
	lost=$(blob_of a)
	for f in $(find data/tiers/deep -type f); do
		! cmp -s "$f" a || lost=$f
	done
	[[ $lost == data/tiers/deep/* ]]
	rm "$lost"
	run -1 verify --dry-run
	[[ $output == *'"found":"missing","bucket":"bucket","key":"a"'* ]]
	[[ $output == *'"missing":1,"corrupt":0,"repaired":0'* ]]
	run -1 --separate-stderr verify
	[[ $output == *'"found":"repaired","bucket":"bucket","key":"a"'* ]]
	[[ $output == *'"missing":1,"corrupt":0,"repaired":1'* ]]
	run -0 verify
	# the new one holds the bytes, under another name
	[ ! -e "$lost" ]
	for f in $(find data/tiers/deep -type f); do
		! cmp -s "$f" a || found=$f
	done
	[ -n "$found" ]
	vt-scan --quiet --data data | grep -q '"key":"a".*"tier":"deep"'
}

@test "orphans: told when they are old, deleted only when that is asked for" {
	f=$(blob_of a)
	inc=${f##*-}
	dir=$(dirname "$f")
	cp a "$dir/00000000000000aa-$inc"
	cp a "$dir/00000000000000ab-$inc"
	cp a "$dir/00000000000000ac-0123456789abcdef"
	cp a "$dir/notes.txt"
	touch -d '2 hours ago' "$dir"/00000000000000a[ac]* "$dir/notes.txt"
	run -1 verify
	[[ $output == *'"found":"orphan","tier":"hot","name":"'*'00000000000000aa-'* ]]
	[[ $output == *'"orphans":1,"orphan_bytes":300000,"deleted":0,"young":1,"foreign":2'* ]]
	[ -e "$dir/00000000000000aa-$inc" ]
	run -1 verify --delete-orphans --dry-run
	[ -e "$dir/00000000000000aa-$inc" ]
	run -0 verify --delete-orphans
	[[ $output == *'"found":"orphan deleted"'* ]]
	[[ $output == *'"orphans":1,"orphan_bytes":300000,"deleted":1,"young":1,"foreign":2'* ]]
	[ ! -e "$dir/00000000000000aa-$inc" ]
	[ -e "$dir/00000000000000ab-$inc" ]
	[ -e "$dir/00000000000000ac-0123456789abcdef" ]
	[ -e "$dir/notes.txt" ]
	# garbage that waits, snapshots and what lies beside blobs are nobody's
	# orphans
	s3curl -f -X DELETE "$AWS_ENDPOINT_URL/bucket/a"
	vt-scan --data data --snapshot hot:
	: >"$f.vtm"
	find data/tiers -type f -exec touch -d '3 hours ago' {} +
	rm "$dir/00000000000000ab-$inc"
	run -0 verify --delete-orphans
	[[ $output == *'"orphans":0'*'"deleted":0,"young":0,"foreign":2'* ]]
	ls data/tiers/hot/vt_snapshots/*.zst "$f"
}

reads_a_blob() {
	# shellcheck disable=SC2010 # what the links say is wanted
	ls -l "/proc/$1/fd" | grep -q 'tiers/hot/.*-'
}

@test "verify keeps a rate, and goes on where it was killed" {
	local i
	for i in 1 2 3 4 5 6; do
		random_file v 100000
		vt-put --quiet v "s3://bucket/more$i"
	done
	rot "$(blob_of v)" 5
	# all of it would take ten seconds at that rate
	vt-scan --data data --verify --rate 100K >out 2>&1 3>&- &
	pid=$!
	wait_until reads_a_blob "$pid"
	kill -TERM "$pid"
	wait "$pid" || true
	read -r version tier blob <data/catalog.db-verify
	[ "$version" = 1 ] && [ "$tier" = hot ] && [ -n "$blob" ]
	# what was looked at is not looked at again
	printf '1 hot 5\n' >data/catalog.db-verify
	run -1 verify --resume
	[[ $output == *'"corrupt":1'* ]]
	all=$(verify | sed -n 's/.*"blobs":\([0-9]*\).*/\1/p') || true
	part=$(sed -n 's/.*"blobs":\([0-9]*\).*/\1/p' <<<"$output")
	[ "$part" -lt "$all" ]
	[ ! -e data/catalog.db-verify ]
	echo nonsense >data/catalog.db-verify
	run -3 --separate-stderr verify --resume
	[[ $stderr == *'is no place of a verification'* ]]
	vt-scan --data data --verify >out 2>&1 3>&- &
	pid=$!
	kill -KILL "$pid"
	wait "$pid" || true
	run -1 verify
	[[ $output == *'"corrupt":1'* ]]
}
