#!/usr/bin/env bats
# Everything on another machine: the first tier, where clients' bytes go at
# once, and packs of small objects.

load s3

setup_file() {
	serve_start "$BATS_FILE_TMPDIR/far"
	export FAR_PID=$SERVE_PID FAR_DIR=$SERVE_DIR FAR_URL=$AWS_ENDPOINT_URL
	mkdir -p "$BATS_FILE_TMPDIR/data"
	cp "$FAR_DIR/data/credentials" "$BATS_FILE_TMPDIR/data/far-keys"
	cat >"$BATS_FILE_TMPDIR/data/vaultaire.json" <<-END
	{"tiers": [
		{"name": "hot", "url": "s3://hot", "storage_class": "STANDARD",
		 "endpoint": "$FAR_URL", "credentials": "far-keys",
		 "part_size": "5M"},
		{"name": "cold", "url": "s3://cold", "endpoint": "$FAR_URL",
		 "storage_class": "GLACIER_IR", "credentials": "far-keys"}],
	 "price_file": "aws-us-east-1.json", "promote": false}
	END
	serve_start "$BATS_FILE_TMPDIR"
}

teardown_file() {
	serve_stop
	serve_said "$BATS_FILE_TMPDIR"
	SERVE_DIR=$FAR_DIR serve_stop "$FAR_PID"
}

# far_gets BUCKET: GETs of objects there so far, when its log has them
far_gets() {
	serve_flush
	grep -c "\"op\":\"GetObject\",\"bucket\":\"$1\"" \
	    "$FAR_DIR/data/access.jsonl" || :
}

# A request whose line comes after all that was answered before it.
serve_flush() {
	local mark=mark$RANDOM$RANDOM
	s3curl -o /dev/null "$FAR_URL/hot/$mark" || :
	AWS_ENDPOINT_URL=$FAR_URL vt-get -q "s3://hot/$mark" /dev/null \
	    2>/dev/null || :
	wait_until grep -q "$mark" "$FAR_DIR/data/access.jsonl"
}

@test 'P1 a hot tier on another machine: objects, parts, copies, ranges' {
	head -c 300000 /dev/urandom >"$W/a"
	put_file a "$W/a" -H 'x-amz-meta-color: blue'
	code 200
	s3 GET "/$B/a"
	code 200
	cmp "$W/a" "$W/body"
	is "$(h x-amz-meta-color)" blue
	s3 GET "/$B/a" -H 'Range: bytes=299990-'
	code 206
	tail -c 10 "$W/a" | cmp - "$W/body"
	s3 PUT "/$B/copy" -H "x-amz-copy-source: /$B/a"
	code 200
	s3 DELETE "/$B/a"
	code 204
	s3 GET "/$B/copy"
	cmp "$W/a" "$W/body"
	: >"$W/empty"
	put_file empty "$W/empty"
	code 200
	s3 GET "/$B/empty"
	code 200
	head -c 13000000 /dev/urandom >"$W/big"
	vt-put -q --part-size 5M "$W/big" "s3://$B/big"
	vt-get -q "s3://$B/big" - | cmp - "$W/big"
	# nothing of them lies here
	[ ! -d "$BATS_FILE_TMPDIR/data/tiers" ] ||
	    [ -z "$(find "$BATS_FILE_TMPDIR/data/tiers" -type f)" ]
}

@test 'a member of a pack on another machine is one request there' {
	for k in 1 2 3 4 5 6 7 8; do
		head -c 10240 /dev/urandom >"$W/$k"
		put_file "small/$k" "$W/$k"
		code 200
	done
	(cd "$BATS_FILE_TMPDIR" && pack_plan cold) |
	    jq -c --arg b "$B" 'select(.bucket == $b)' >"$W/plan"
	run -0 --separate-stderr vt-migrate -q \
	    --data "$BATS_FILE_TMPDIR/data" "$W/plan"
	s3 HEAD "/$B/small/1"
	is "$(h x-amz-storage-class)" GLACIER_IR
	local before
	before=$(far_gets cold)
	for k in 1 2 3 4 5 6 7 8; do
		s3 GET "/$B/small/$k"
		code 200
		cmp "$W/$k" "$W/body"
	done
	is "$(far_gets cold)" "$((before + 8))"
	# one object there holds them all
	AWS_ENDPOINT_URL=$FAR_URL AWS_ACCESS_KEY_ID=$(far_key access_key_id) \
	    AWS_SECRET_ACCESS_KEY=$(far_key secret_access_key) \
	    s3 GET '/cold?list-type=2'
	is "$(x Key | wc -l)" 1
}

far_key() {
	sed -n "s/^aws_$1 *= *//p" "$FAR_DIR/data/credentials" | head -n 1
}
