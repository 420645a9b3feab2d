#!/usr/bin/env bats
# Copies on several tiers, as policies ask for them: P1, P2, P6.

load s3

# Two regions with two places each.  A server for each test: what is sick is
# said in the configuration.
setup_file() {
	:
}

teardown_file() {
	:
}

# config [TIER...]: every call of these fails
config() {
	local t all
	all=" $* "
	cat >"$DIR/data/vaultaire.json" <<-'END'
	{"location": "eu", "gc_interval": "50ms", "promote": false,
	 "price_file": "prices.json", "tiers": [
		{"name": "near", "url": "file:tiers/near", "inline": true,
		 "storage_class": "STANDARD", "location": "eu"},
		{"name": "cool", "url": "file:tiers/cool",
		 "storage_class": "STANDARD_IA", "location": "eu"},
		{"name": "far", "url": "file:tiers/far",
		 "storage_class": "STANDARD", "location": "us"},
		{"name": "far2", "url": "file:tiers/far2",
		 "storage_class": "STANDARD_IA", "location": "us"}],
	 "policies": [
		{"bucket": "*", "prefix": "two/", "copies": 2},
		{"bucket": "*", "prefix": "strict/", "copies": 2,
		 "tiers": ["near", "far"]},
		{"bucket": "*", "prefix": "one/", "copies": 2, "ack": 1,
		 "tiers": ["near", "far"]},
		{"bucket": "*", "prefix": "tiers/", "copies": 3,
		 "spread": "tier"}]}
	END
	for t in near cool far far2; do
		[[ $all != *" $t "* ]] || sed -i "s/{\"name\": \"$t\",/& \
		    \"fault\": \"${FAULT:-busy@1+1}\",/" \
		    "$DIR/data/vaultaire.json"
	done
}

# sick TIER...: nothing can be written to these, nor read; none: all are well
sick() {
	serve_stop
	config "$@"
	serve_start "$DIR"
}

setup() {
	W=$BATS_TEST_TMPDIR
	DIR=$W/store
	mkdir -p "$DIR/data"
	config
	serve_start "$DIR"
	B=t$BATS_TEST_NUMBER-$RANDOM
	s3 PUT "/$B"
	code 200
	head -c 300000 /dev/urandom >"$W/in"
}

# What cannot be written is told of, and nothing else.
teardown() {
	serve_stop
	sed -i "/copy on tier '/d; /copies: /d; /tier 'away': /d" \
	    "$DIR/serve.err"
	serve_said "$DIR"
}

same() {
	cmp "$W/in" "$W/body"
}

# on KEY: the tiers it has a copy on
on() {
	vt-scan --quiet --data "$SERVE_DIR/data" | /usr/bin/python3 -c '
import json, sys
for l in sys.stdin:
	r = json.loads(l)
	if [r["bucket"], r["key"]] == sys.argv[1:]:
		print(*sorted([r["tier"]] + r.get("also", [])))' "$B" "$1"
}

repair() {
	run -"${1:-0}" --separate-stderr vt-migrate \
	    --data "$SERVE_DIR/data" --repair
}

# move KEY FROM TO: the status of vt-migrate's line
move() {
	vt-scan --quiet --data "$SERVE_DIR/data" | /usr/bin/python3 -c '
import json, sys
for l in sys.stdin:
	r = json.loads(l)
	if [r["bucket"], r["key"], r["tier"]] != sys.argv[1:4]: continue
	m = {k: r[k] for k in ("bucket", "key", "version", "seq", "generation",
	    "bucket_generation", "copy", "size")}
	m.update({"v": 1, "plan": "0123456789abcdef", "from": r["tier"],
	    "to": sys.argv[4]})
	print(json.dumps(m))' "$B" "$@" >"$W/plan"
	[ -s "$W/plan" ]
	vt-migrate --data "$SERVE_DIR/data" --quiet "$W/plan" >"$W/moved" ||
	    :
	sed 's/.*"status":"\([a-z]*\)".*/\1/' "$W/moved"
}

@test 'P1 a write is acknowledged when its copies are there' {
	put_file two/k "$W/in"
	code 200
	is "$(on two/k)" 'far near'
	put two/small 'a few bytes'
	code 200
	is "$(on two/small)" 'far near'
	put two/empty ''
	is "$(on two/empty)" 'far near'
	put_file two/ia "$W/in" -H 'x-amz-storage-class: STANDARD_IA'
	is "$(on two/ia)" 'cool far2'
	put_file tiers/k "$W/in"
	is "$(on tiers/k)" 'cool far near'
	put_file other "$W/in"
	is "$(on other)" near
	for key in two/k two/ia tiers/k; do
		s3 GET "/$B/$key"
		same
	done
	# each of them alone
	for tier in near far; do
		sick $tier
		s3 GET "/$B/two/k"
		code 200
		same
		s3 GET "/$B/two/small"
		body_is 'a few bytes'
	done
}

@test 'P6 too few can be written: 503, and nothing half-written is seen' {
	sick far
	put_file strict/k "$W/in"
	code 503
	[ -n "$(h retry-after)" ]
	s3 GET "/$B/strict/k"
	code 404
	# another tier at the place does as well, where policies leave one
	put_file two/k "$W/in"
	code 200
	is "$(on two/k)" 'far2 near'
	sick
	put_file strict/k "$W/in"
	code 200
	sick near
	put_file strict/k2 "$W/in"
	code 503
	s3 GET "/$B/strict/k"
	same
}

@test 'P1 one acknowledges: the others are made by the pipe' {
	local sick
	for sick in far near; do
		sick $sick
		put_file one/$sick "$W/in"
		code 200
		sick
		s3 GET "/$B/one/$sick"
		same
	done
	is "$(on one/far)" near
	is "$(on one/near)" far
	run -0 --separate-stderr vt-migrate --data "$SERVE_DIR/data" \
	    --repair --dry-run
	is "$(grep -c '"action":"copy"' <<<"$output")" 2
	is "$(on one/far)" near
	repair
	is "$(grep -c '"status":"copied"' <<<"$output")" 2
	for sick in far near; do
		is "$(on one/$sick)" 'far near'
		sick $sick
		s3 GET "/$B/one/$sick"
		same
		sick
	done
	repair
	is "$output" ''
	grep -q '"actor":"replicate"' "$SERVE_DIR/data/access.jsonl"
}

@test 'what cannot be made now is told, and made later' {
	sick far
	put_file one/k "$W/in"
	code 200
	repair 1
	[[ $output == *'"status":"failed"'* ]]
	# shellcheck disable=SC2154 # run sets it
	[[ $stderr == *' 1 lack some still' ]]
	sick
	repair
	is "$(on one/k)" 'far near'
}

@test 'P2 no move takes a version below its copies' {
	put_file two/k "$W/in"
	is "$(on two/k)" 'far near'
	# to the place where the other one is: refused
	is "$(move two/k near far2)" refused
	grep -q 'asks for 2 copies at as many locations' "$W/moved"
	is "$(on two/k)" 'far near'
	is "$(move two/k near cool)" moved
	is "$(on two/k)" 'cool far'
	s3 GET "/$B/two/k"
	same
	# one that lacks a copy stays, too
	sick far
	put_file one/k "$W/in"
	sick
	is "$(move one/k near far)" refused
}

@test 'P4 a copy that fails in the middle is given up, or the write is' {
	local n=0
	head -c 9000000 /dev/urandom >"$W/in"
	for fault in io:write@2+1 io:commit@1+1; do
		n=$((n + 1))
		FAULT=$fault sick far
		put_file strict/$n "$W/in"
		code 503
		put_file one/$n "$W/in"
		code 200
		FAULT=$fault sick near
		put_file one/$n-near "$W/in"
		code 200
		sick
		is "$(on one/$n)" near
		is "$(on one/$n-near)" far
		s3 GET "/$B/one/$n-near"
		same
		s3 GET "/$B/strict/$n"
		code 404
	done
	repair
	is "$(on one/1-near)" 'far near'
}

@test 'copies and uploads have theirs' {
	put_file other "$W/in"
	s3 PUT "/$B/two/copy" -H "x-amz-copy-source: /$B/other"
	code 200
	is "$(on two/copy)" 'far near'
	s3 GET "/$B/two/copy"
	same
	s3 PUT "/$B/one/copy" -H "x-amz-copy-source: /$B/other"
	code 200
	s3 POST "/$B/two/big?uploads="
	id=$(x UploadId)
	s3 PUT "/$B/two/big?partNumber=1&uploadId=$id" -T "$W/in"
	code 200
	printf '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>%s' \
	    "<ETag>$(h etag)</ETag></Part></CompleteMultipartUpload>" \
	    >"$W/parts"
	sick far far2
	s3 POST "/$B/two/big?uploadId=$id" --data-binary @"$W/parts"
	code 503
	sick
	s3 POST "/$B/two/big?uploadId=$id" --data-binary @"$W/parts"
	code 200
	is "$(on two/big)" 'far near'
	sick near
	s3 GET "/$B/two/big"
	same
	sick
	repair
	is "$(on one/copy)" 'far near'
}

@test 'reads prefer the near one, and go on without it' {
	put_file two/k "$W/in"
	s3 GET "/$B/two/k"
	same
	sick near
	s3 GET "/$B/two/k"
	code 200
	same
	sick
	is "$(move two/k near cool)" moved
	s3 GET "/$B/two/k"
	same
	sick
	# that of the server's place each time, when it could be read
	is "$(grep -h '"op":"GetObject"' "$DIR"/data/access.jsonl |
	    sed 's/.*"tier":"\([a-z]*\)".*/\1/' | tr '\n' ' ')" \
	    'near far cool '
}

@test 'P4 a refused or deleted write leaves nothing on any tier' {
	blobs() {
		find "$SERVE_DIR/data/tiers" -type f | wc -l
	}
	before=$(blobs)
	put_file two/k "$W/in" -H 'If-None-Match: *'
	code 200
	put_file two/k "$W/in" -H 'If-None-Match: *'
	code 412
	s3 DELETE "/$B/two/k"
	code 204
	put_file two/k "$W/in" -H 'Content-MD5: AAAAAAAAAAAAAAAAAAAAAA=='
	code 400
	run -0 vt-migrate --data "$SERVE_DIR/data" --quiet --gc \
	    --ignore-grace
	is "$(blobs)" "$before"
}

@test 'P11 a rebuild and a salvage find both copies of a version' {
	echo '<VersioningConfiguration><Status>Enabled</Status>' \
	    '</VersioningConfiguration>' >"$W/on"
	s3 PUT "/$B?versioning=" --data-binary @"$W/on"
	code 200
	put_file two/old "$W/in"
	vt-scan --data "$DIR/data" --snapshot far2: >"$W/said"
	put_file two/new "$W/in"
	put_file two/new "$W/in"
	s3 GET "/$B?versions="
	x VersionId | sort >"$W/before"
	serve_stop
	rm -r "$DIR"/data/catalog.db*
	vt-scan --data "$DIR/data" --rebuild >"$W/said"
	serve_start "$DIR"
	s3 GET "/$B?versions="
	x VersionId | sort | diff "$W/before" -
	is "$(on two/new | sort -u)" 'far near'
	is "$(on two/old)" 'far near'
	sick near
	s3 GET "/$B/two/new"
	same
	serve_stop
	config
	rm -r "$DIR"/data/catalog.db*
	vt-scan --data "$DIR/data" --salvage >"$W/said"
	B=salvage-$B
	is "$(on two/new | sort | uniq -c | tr -s ' ')" ' 2 far near'
	is "$(on two/old)" 'far near'
	serve_start "$DIR"
}

# remote [NEAR_FAULT]: a store whose second place is the other server
remote() {
	cat >"$DIR/data/vaultaire.json" <<-END
	{"location": "eu", "price_file": "prices.json", "promote": false,
	 "tiers": [
		{"name": "near", "url": "file:tiers/near", "location": "eu",
		 "storage_class": "STANDARD"${1:-}},
		{"name": "away", "url": "s3://copies/store", "location": "us",
		 "storage_class": "STANDARD", "endpoint": "$FAR",
		 "credentials": "far-keys", "tries": 1}],
	 "policies": [
		{"bucket": "*", "prefix": "both/", "copies": 2},
		{"bucket": "*", "prefix": "one/", "copies": 2, "ack": 1}]}
	END
	serve_start "$DIR"
}

@test 'P1 P8 copies on another server, and without it' {
	serve_stop
	serve_start "$W/other"
	FAR=$AWS_ENDPOINT_URL FAR_PID=$SERVE_PID
	local STORE_PID
	cp "$W/other/data/credentials" "$DIR/data/far-keys"
	remote
	put_file both/k "$W/in"
	code 200
	is "$(on both/k)" 'away near'
	put both/empty ''
	code 200
	STORE_PID=$SERVE_PID
	SERVE_DIR=$W/other serve_stop "$FAR_PID"
	SERVE_PID=$STORE_PID
	put_file both/2 "$W/in"
	code 503
	[ -n "$(h retry-after)" ]
	s3 GET "/$B/both/2"
	code 404
	put_file one/k "$W/in"
	code 200
	s3 GET "/$B/both/k"
	same
	serve_stop
	serve_start "$W/other" --listen "${FAR#http://}"
	FAR_PID=$SERVE_PID
	remote ', "fault": "busy:get@1+1,busy:open@1+1,busy:read@1+1"'
	s3 GET "/$B/both/k"
	code 200
	same
	serve_stop
	remote
	repair
	is "$(on one/k)" 'away near'
	serve_stop
	SERVE_DIR=$W/other serve_stop "$FAR_PID"
}
