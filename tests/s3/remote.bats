#!/usr/bin/env bats
# Tiers on other machines: a second vt-serve is one, and an archive.  What it
# does when that one hangs (SIGSTOP), is gone (SIGKILL) and comes back.

load s3

setup_file() {
	export FAR=$BATS_FILE_TMPDIR/far NEAR=$BATS_FILE_TMPDIR/near
	mkdir -p "$FAR/data" "$NEAR/data"
	cat >"$FAR/data/vaultaire.json" <<-'END'
	{ "promote": false, "tiers": [
	  { "name": "hot", "url": "file:tiers/hot", "storage_class": "STANDARD",
	    "price": "STANDARD" },
	  { "name": "ice", "url": "file:tiers/ice", "storage_class": "GLACIER",
	    "price": "GLACIER", "restore_delay": "1s" } ] }
	END
	far_start
	install -m 600 "$FAR/data/credentials" "$NEAR/data/far"
	# no minimum duration: a few reads pay
	export PRICES=$BATS_FILE_TMPDIR/prices.json
	python3 - "$BATS_TEST_DIRNAME/../../scripts/prices/aws-us-east-1.json" \
	    >"$PRICES" <<-'END'
	import json, sys
	prices = json.load(open(sys.argv[1]))
	for c in prices["classes"].values():
	    if "min_days" in c:
	        c["min_days"]["value"] = 0
	json.dump(prices, sys.stdout)
	END
	configure "$NEAR/data"
	serve_start "$NEAR"
	head -c 13000000 /dev/urandom >"$BATS_FILE_TMPDIR/big"
	export BIG=$BATS_FILE_TMPDIR/big
}

teardown_file() {
	kill -CONT "$(cat "$FAR/pid")"
	serve_stop "$(cat "$FAR/pid")"
	serve_stop
}

setup() {
	W=$BATS_TEST_TMPDIR
	B=t$BATS_TEST_NUMBER-$$-$RANDOM
	kill -CONT "$(cat "$FAR/pid")"
	s3 PUT "/$B"
	code 200
}

# Where it was, when it was there before.
far_start() {
	local port=0
	[ ! -f "$FAR/url" ] || port=$(sed 's/.*://' "$FAR/url")
	serve_start "$FAR" --listen "127.0.0.1:$port"
	echo "$SERVE_PID" >"$FAR/pid"
	echo "$AWS_ENDPOINT_URL" >"$FAR/url"
}

# configure DATA: four workers for each tier there, and little patience.
configure() {
	local how
	how="\"endpoint\": \"$(cat "$FAR/url")\", \"credentials\": \"far\",
	    \"part_size\": \"5M\", \"connections\": 4, \"tries\": 1, \"connect_timeout\": \"1s\",
	    \"stall_timeout\": \"1s\""
	cat >"$1/vaultaire.json" <<-END
	{ "price_file": "$PRICES", "tiers": [
	  { "name": "hot", "url": "file:tiers/hot", "storage_class": "STANDARD",
	    "price": "STANDARD", "inline": true },
	  { "name": "cool", "url": "file:tiers/cool",
	    "storage_class": "GLACIER_IR", "price": "GLACIER_IR" },
	  { "name": "far", "url": "s3://tier/far", $how,
	    "storage_class": "STANDARD_IA", "price": "STANDARD_IA" },
	  { "name": "ice", "url": "s3://tier/ice", $how,
	    "storage_class": "GLACIER", "price": "GLACIER",
	    "object_class": "GLACIER", "restore_delay": "1s" } ] }
	END
}

far() {
	put_file "$1" "$2" -H 'x-amz-storage-class: STANDARD_IA'
	code 200
}

# A figure of a tier elsewhere.
tier() {
	curl -sS "$SERVE_ADMIN/metrics" | sed -n "s/^vt_tier_$1 //p"
}

served() {
	s3 GET "/$B/$1" && code 200 && cmp "$W/body" "$2"
}

later() {
	code 503
	[ "$(h Retry-After)" -ge 1 ]
}

# Lines of the log for a key of the test's bucket: logged KEY FIELD...
logged() {
	python3 - "$NEAR/data/access.jsonl" "$B" "$@" <<-'END'
	import json, sys
	for line in open(sys.argv[1]):
	    r = json.loads(line)
	    if (r.get("bucket"), r.get("key")) == tuple(sys.argv[2:4]):
	        print(*[r.get(f) for f in sys.argv[4:]])
	END
}

@test "what lies elsewhere is put, got, ranged, copied, deleted" {
	printf x >"$W/one"
	: >"$W/none"
	for f in "$W/none" "$W/one" /usr/bin/env "$BIG"; do
		far "k" "$f"
		served k "$f"
		is "$(h ETag)" "\"$(md5 "$f")\""
		is "$(h x-amz-storage-class)" STANDARD_IA
	done
	s3 GET "/$B/k" -r 10485750-10485769
	code 206
	cmp "$W/body" <(tail -c +10485751 "$BIG" | head -c 20)
	s3 PUT "/$B/here" -H "x-amz-copy-source: /$B/k"
	code 200
	served here "$BIG"
	s3 PUT "/$B/there" -H "x-amz-copy-source: /$B/here" \
	    -H 'x-amz-storage-class: STANDARD_IA'
	code 200
	served there "$BIG"
	s3 DELETE "/$B/there"
	code 204
	is "$(logged there op status tier backend_bytes backend_requests |
	    grep Get)" 'GetObject 200 far 13000000 1'
}

turned_away() {
	[ "$(tier 'turned_away_total{tier="far"}')" -gt "$1" ]
}

@test "P8 a tier that hangs holds only its own; beyond its queue: 503 at once" {
	far k /usr/bin/env
	put_file hot /usr/bin/env
	before=$(tier 'turned_away_total{tier="far"}')
	kill -STOP "$(cat "$FAR/pid")"
	for i in $(seq 80); do
		s3curl -o /dev/null -w '%{http_code}\n' \
		    "$AWS_ENDPOINT_URL/$B/k" >"$W/get.$i" &
	done
	# four hold its workers, 64 wait: the rest is turned away
	wait_until turned_away "$before"
	for i in 1 2 3 4 5; do
		served hot /usr/bin/env
	done
	s3 HEAD "/$B/k"
	code 200
	s3 GET "/$B?list-type=2"
	code 200
	is "$(curl -sS "$SERVE_ADMIN/healthz")" ok
	is "$(curl -sS "$SERVE_ADMIN/readyz")" ok
	for i in $(seq 80); do
		wait_until test -s "$W/get.$i"
	done
	is "$(cat "$W"/get.* | sort | uniq -c | tr -s ' ')" ' 80 503'
	is "$(tier 'up{tier="far"}')" 0
	# writes to it, too, and nothing is left of them
	s3 PUT "/$B/new" -T "$BIG" -H 'x-amz-storage-class: STANDARD_IA'
	later
	s3 PUT "/$B/new" -T /usr/bin/env -H 'x-amz-storage-class: STANDARD_IA'
	later
	s3 HEAD "/$B/new"
	code 404

	kill -CONT "$(cat "$FAR/pid")"
	wait_until served k /usr/bin/env
	is "$(tier 'up{tier="far"}')" 1
}

@test "P8 a tier that is gone: 503 with Retry-After, until it is back" {
	far k "$BIG"
	far small /usr/bin/env
	pid=$(cat "$FAR/pid")
	kill -KILL "$pid"
	wait_until not kill -0 "$pid"
	for i in 1 2 3 4 5 6 7 8; do
		s3 GET "/$B/k"
		later
	done
	s3 GET "/$B/small" -r 0-9
	later
	s3 PUT "/$B/k2" -T "$BIG" -H 'x-amz-storage-class: STANDARD_IA'
	later
	(far_start)
	wait_until served k "$BIG"
	wait_until served small /usr/bin/env
	far k2 "$BIG"
	served k2 "$BIG"
}

# A server of the test's own, before the same tiers.
own_start() {
	if [ ! -d "$W/own" ]; then
		mkdir -p "$W/own/data"
		install -m 600 "$FAR/data/credentials" "$W/own/data/far"
		configure "$W/own/data"
	fi
	serve_start "$W/own"
}

@test "P8 starting and stopping do not wait for a tier that hangs" {
	own_start
	s3 PUT "/$B"
	far k /usr/bin/env
	put_file hot "$BIG"
	serve_stop

	kill -STOP "$(cat "$FAR/pid")"
	own_start
	served hot "$BIG"
	s3 GET "/$B/k"
	later
	kill -CONT "$(cat "$FAR/pid")"
	wait_until served k /usr/bin/env

	sed -i 's/"stall_timeout": "1s"/"stall_timeout": "10m"/' \
	    "$W/own/data/vaultaire.json"
	serve_stop
	own_start
	served k /usr/bin/env
	kill -STOP "$(cat "$FAR/pid")"
	s3curl -o /dev/null -w '%{http_code}' \
	    "$AWS_ENDPOINT_URL/$B/k" >"$W/get" &
	s3curl -T "$BIG" -H 'x-amz-storage-class: STANDARD_IA' -o /dev/null \
	    -w '%{http_code}' "$AWS_ENDPOINT_URL/$B/k2" >"$W/put" &
	wait_until in_hand 2
	serve_stop
	is "$(cat "$W/get")" 503
	wait_until test -s "$W/put"
	not grep 'leaving' "$W/own/serve.err"
}

in_hand() {
	is "$(tier 'requests_in_hand{tier="far"}')" "$1"
}

@test "P8 a peer that goes away ends the read of the tier" {
	far k "$BIG"
	before=$(tier 'bytes_total{tier="far",direction="in"}')
	s3curl -N "$AWS_ENDPOINT_URL/$B/k" | head -c 1 >/dev/null
	wait_until in_hand 0
	read -r bytes aborted <<<"$(logged k op backend_bytes aborted |
	    sed -n 's/^GetObject //p')"
	is "$aborted" True
	[ "$bytes" -lt 13000000 ]
	# but for what was on its way, no more came in either
	[ $(($(tier 'bytes_total{tier="far",direction="in"}') - before)) -lt \
	    13000000 ]
}

@test "P9 many slow readers of a tier hold no more than the budget" {
	far k "$BIG"
	# not by s3curl, whose shell would be killed in curl's place
	for i in $(seq 48); do
		curl -sS --limit-rate 1k -o /dev/null \
		    --aws-sigv4 aws:amz:us-east-1:s3 \
		    --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
		    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
		    "$AWS_ENDPOINT_URL/$B/k" 3>&- &
		echo $! >>"$W/pids"
	done
	wait_until in_hand 48
	served k "$BIG"
	rss=$(sed -n 's/^VmRSS:[ \t]*\([0-9]*\) kB/\1/p' \
	    "/proc/$SERVE_PID/status")
	echo "$rss KiB" >&2
	kill $(cat "$W/pids")
	# half of the budget, a sanitizer's shadow not counted
	[ -n "${SAN:-}" ] || [ "$rss" -lt 150000 ]
	wait_until in_hand 0
	is "$(curl -sS "$SERVE_ADMIN/metrics" |
	    sed -n 's/^vt_buffer_bytes //p')" 0
}

@test "an archive elsewhere: InvalidObjectState, restored, read, P8" {
	put_file k /usr/bin/env -H 'x-amz-storage-class: GLACIER'
	code 200
	s3 GET "/$B/k"
	code 403 InvalidObjectState
	printf '<RestoreRequest><Days>1</Days></RestoreRequest>' >"$W/ask"
	s3 POST "/$B/k?restore=" --data-binary "@$W/ask"
	code 202
	s3 HEAD "/$B/k"
	is "$(h x-amz-restore)" 'ongoing-request="true"'
	wait_until is_restored k
	served k /usr/bin/env
	# the restored copy's bytes are lost: the archive has them for a day
	find "$NEAR/data/tiers/hot" -type f -delete
	served k /usr/bin/env
	is "$(logged k op tier | tail -n 1)" 'GetObject ice'
	# and when that one does not work, the archive's word is not the last
	kill -STOP "$(cat "$FAR/pid")"
	s3 GET "/$B/k"
	later
}

is_restored() {
	s3 HEAD "/$B/$1"
	[[ $(h x-amz-restore) == 'ongoing-request="false"'* ]]
}

blobs() {
	find "$1" -type f | wc -l
}

@test "P8 garbage of a tier that does not work keeps none of another's" {
	far k "$BIG"
	put_file cool "$BIG" -H 'x-amz-storage-class: GLACIER_IR'
	code 200
	there=$(blobs "$FAR/data/tiers/hot")
	here=$(blobs "$NEAR/data/tiers/cool")
	s3 DELETE "/$B/k"
	s3 DELETE "/$B/cool"
	kill -STOP "$(cat "$FAR/pid")"
	run -4 --separate-stderr vt-migrate --data "$NEAR/data" --gc \
	    --ignore-grace
	[[ $stderr == *far* ]]
	[ "$(blobs "$NEAR/data/tiers/cool")" -lt "$here" ]
	is "$(blobs "$FAR/data/tiers/hot")" "$there"
	kill -CONT "$(cat "$FAR/pid")"
	vt-migrate --data "$NEAR/data" --gc --ignore-grace
	vt-migrate --data "$FAR/data" --gc --ignore-grace
	[ "$(blobs "$FAR/data/tiers/hot")" -lt "$there" ]
}

# reads_until_moved KEY FILE: how many times it is read whole until it is hot
reads_until_moved() {
	local n
	for n in $(seq 20); do
		served "$1" "$2" || return 1
		wait_until log_has "$1" "$n"
		[ "$(logged "$1" op | grep -c Move)" -eq 0 ] || break
	done
	echo "$n"
}

# The reads are in the log, and after them what they made of it.
log_has() {
	[ "$(logged "$1" op | grep -c GetObject)" -ge "$2" ]
}

@test "a read that pays brings an object back, and is the only one" {
	far k "$BIG"
	n=$(reads_until_moved k "$BIG")
	[ "$n" -gt 1 ] && [ "$n" -lt 20 ]
	wait_until moved k
	served k "$BIG"
	is "$(logged k op tier | tail -n 1)" 'GetObject hot'
	# each was read once there, the last no more than the others
	[ "$(grep -c '"op":"GetObject"' "$FAR/data/access.jsonl")" -ge "$n" ]
	is "$(far_reads k)" "$n"
}

moved() {
	is "$(logged "$1" op source tier error | grep Move)" \
	    "Move ${2:-far} hot None"
}

# GetObject of the bytes of a key of the test's bucket, as the tier saw them.
far_reads() {
	python3 - "$FAR/data/access.jsonl" "far/$B/$1/" <<-'END'
	import json, sys
	print(sum(1 for l in open(sys.argv[1]) for r in [json.loads(l)]
	    if r["op"] == "GetObject" and r["key"].startswith(sys.argv[2])))
	END
}

@test "P3 a read that brings an object back never beats a concurrent PUT" {
	far a "$BIG"
	n=$(reads_until_moved a "$BIG")
	for k in put delete; do
		far "$k" "$BIG"
		reads=''
		for i in $(seq $((n - 1))); do
			s3curl -o /dev/null "$AWS_ENDPOINT_URL/$B/$k" 3>&- &
			reads="$reads $!"
		done
		wait $reads
		wait_until log_has "$k" $((n - 1))
		# in the middle of the read that pays, it is overwritten
		s3curl -N "$AWS_ENDPOINT_URL/$B/$k" | {
			head -c 1
			if [ "$k" = put ]; then
				s3 PUT "/$B/$k" -T /usr/bin/env
			else
				s3 DELETE "/$B/$k"
			fi
			echo "$st" >"$W/status"
			cat
		} >"$W/out"
		cmp "$W/out" "$BIG"
		[ "$(cat "$W/status")" -lt 300 ]
		wait_until log_has "$k" "$n"
	done
	served put /usr/bin/env
	s3 GET "/$B/delete"
	code 404
	# one that is moved after them says that they were dealt with
	far b "$BIG"
	is "$(reads_until_moved b "$BIG")" "$n"
	wait_until moved b
	is "$(logged put op | grep -c Move)" 0
	is "$(logged delete op | grep -c Move)" 0
	served put /usr/bin/env
}

@test "P3 the same of a tier of this machine, which reads it once more" {
	put_file k "$BIG" -H 'x-amz-storage-class: GLACIER_IR'
	code 200
	n=$(reads_until_moved k "$BIG")
	[ "$n" -gt 1 ]
	wait_until moved k cool
	served k "$BIG"
	is "$(logged k op tier | tail -n 1)" 'GetObject hot'
}
