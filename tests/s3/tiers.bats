#!/usr/bin/env bats
# A tier on another S3 server: a second vt-serve, whose bucket is looked at
# from outside.  What lies there, what is served from there, what is removed,
# and what a crash leaves.

load s3

FAR=(-H 'x-amz-storage-class: STANDARD_IA')

setup_file() {
	serve_start "$BATS_FILE_TMPDIR/far"
	export FAR_ENDPOINT=$AWS_ENDPOINT_URL FAR_PID=$SERVE_PID \
	    FAR_DIR=$SERVE_DIR FAR_KEY=$AWS_ACCESS_KEY_ID \
	    FAR_SECRET=$AWS_SECRET_ACCESS_KEY
	near_config "$BATS_FILE_TMPDIR/near" '"file:tiers/hot"' ""
	serve_start "$BATS_FILE_TMPDIR/near"
}

teardown_file() {
	serve_stop
	serve_said "$BATS_FILE_TMPDIR/near"
	SERVE_DIR=$FAR_DIR serve_stop "$FAR_PID"
	serve_said "$FAR_DIR"
}

# near_config DIR HOT_URL MORE: a data folder whose second tier lies on the
# other server, in bucket `tiers`, below `near`.
near_config() {
	mkdir -p "$1/data"
	cp "$FAR_DIR/data/credentials" "$1/data/far-keys"
	cat >"$1/data/vaultaire.json" <<-END
	{"gc_interval": "50ms", "tiers": [
		{"name": "hot", "url": $2, "storage_class": "STANDARD"},
		{"name": "far", "url": "s3://tiers/${1##*/}",
		 "storage_class": "STANDARD_IA", "endpoint": "$FAR_ENDPOINT",
		 "credentials": "far-keys", "part_size": "5M"$3}]}
	END
}

# far METHOD TARGET [CURL OPTION...]: a request to the other server; its
# status in $st, its body in $W/body.
far() {
	AWS_ENDPOINT_URL=$FAR_ENDPOINT AWS_ACCESS_KEY_ID=$FAR_KEY \
	    AWS_SECRET_ACCESS_KEY=$FAR_SECRET s3 "$@"
}

# Keys below a prefix of the other server's bucket, one a line.
far_keys() {
	local prefix=${1:-near/$B}
	far GET "/tiers?list-type=2&prefix=${prefix//\//%2F}"
	code 200
	x Key
}

far_uploads() {
	far GET '/tiers?uploads='
	code 200
	x UploadId
}

no_far_keys() {
	[ -z "$(far_keys "$@")" ]
}

random() {
	head -c "$1" /dev/urandom >"$W/in"
}

# get_is FILE KEY [CURL OPTION...]
get_is() {
	local file=$1 key=$2
	shift 2
	s3 GET "/$B/$key" "$@"
	[[ $st = 20[06] ]]
	cmp "$W/body" "$file"
}

@test "an object of a class lies on the other server and is served from there" {
	random 100000
	put_file a/key "$W/in" "${FAR[@]}" -H 'x-amz-meta-one: 1'
	code 200
	is "$(far_keys | wc -l)" 1
	[[ $(far_keys) = near/$B/a/key/* ]]
	# the very bytes, under a name that tells whose they are
	far GET "/tiers/$(far_keys)"
	code 200
	cmp "$W/body" "$W/in"
	s3 HEAD "/$B/a/key"
	code 200
	is "$(h x-amz-storage-class)" STANDARD_IA
	is "$(h x-amz-meta-one)" 1
	is "$(h Content-Length)" 100000
	get_is "$W/in" a/key
	tail -c +50001 "$W/in" | head -c 1000 >"$W/part"
	get_is "$W/part" a/key -H 'Range: bytes=50000-50999'
	tail -c 10 "$W/in" >"$W/part"
	get_is "$W/part" a/key -H 'Range: bytes=-10'
	# none of it lies here
	is "$(find "$SERVE_DIR/data/tiers/hot" -type f -size +90k | wc -l)" 0
}

@test "an empty object and one of a byte too" {
	put empty '' "${FAR[@]}"
	code 200
	put byte x "${FAR[@]}"
	code 200
	: >"$W/in"
	get_is "$W/in" empty
	printf x >"$W/in"
	get_is "$W/in" byte
}

@test "40 MB go by parts, nothing of them stays when the object is removed" {
	random 40000000
	put_file big "$W/in" "${FAR[@]}"
	code 200
	[[ $(far_keys) = near/$B/big/* ]]
	far HEAD "/tiers/$(far_keys | head -n 1)"
	[[ $(h ETag) = *-8\" ]]		# eight parts of 5 MiB
	get_is "$W/in" big
	tail -c +10485700 "$W/in" | head -c 100 >"$W/part"
	get_is "$W/part" big -H 'Range: bytes=10485699-10485798'
	s3 DELETE "/$B/big"
	code 204
	run vt-migrate --data "$SERVE_DIR/data" --gc --ignore-grace
	is "$status" 0
	wait_until no_far_keys
	is "$(far_uploads)" ''
}

@test "parts of an upload go there and are served as one" {
	random 6000000
	s3 POST "/$B/parts?uploads=" "${FAR[@]}"
	code 200
	local id etag=()
	id=$(x UploadId)
	for n in 1 2; do
		s3 PUT "/$B/parts?partNumber=$n&uploadId=$id" -T "$W/in"
		code 200
		etag[n]=$(h ETag)
	done
	for n in 1 2; do
		printf '<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>' \
		    "$n" "${etag[n]}"
	done | { echo '<CompleteMultipartUpload>'; cat
	    echo '</CompleteMultipartUpload>'; } >"$W/done"
	s3 POST "/$B/parts?uploadId=$id" --data-binary "@$W/done"
	code 200
	cat "$W/in" "$W/in" >"$W/both"
	get_is "$W/both" parts
	tail -c +5999991 "$W/both" | head -c 20 >"$W/part"
	get_is "$W/part" parts -H 'Range: bytes=5999990-6000009'
}

@test "vt-migrate moves there and back, removing what is left behind" {
	random 300000
	put_file moved "$W/in"
	code 200
	no_far_keys
	move far
	[[ $(far_keys) = near/$B/moved/* ]]
	# it was compared as it was stored: nobody read it back
	[ -z "$(far_reads moved)" ]
	get_is "$W/in" moved
	[ "$(far_reads moved)" = 1 ]
	s3 HEAD "/$B/moved"
	is "$(h x-amz-storage-class)" STANDARD_IA
	is "$(h ETag)" "\"$(md5 "$W/in")\""
	move hot
	get_is "$W/in" moved
	run vt-migrate --data "$SERVE_DIR/data" --gc --ignore-grace
	is "$status" 0
	wait_until no_far_keys
}

# far_reads KEY: how often the other server gave its bytes out; "": never.
far_reads() {
	# what it has answered is in its log when it has answered this
	far GET "/tiers?list-type=2&prefix=log"
	wait_until grep -q '"key":"near/'"$B" "$FAR_DIR/data/access.jsonl"
	jq -r --arg k "near/$B/$1/" 'select(.op == "GetObject" and
	    (.key // "" | startswith($k))) | .op' \
	    "$FAR_DIR/data/access.jsonl" | sort | uniq -c | awk '{ print $1 }'
}

# move TIER: every version of the bucket
move() {
	(cd "$SERVE_DIR" && moves "$1") |
	    jq -c --arg b "$B" 'select(.bucket == $b)' >"$W/plan"
	[ -s "$W/plan" ]
	run -0 --separate-stderr vt-migrate --data "$SERVE_DIR/data" "$W/plan"
}

@test "P4 killed in the middle of an upload: no object and no parts stay" {
	local dir=$BATS_TEST_TMPDIR/crashed near=$SERVE_PID
	near_config "$dir" '"file:tiers/hot"' ', "fault": "kill:write@300"'
	random 40000000
	(
		serve_start "$dir"
		s3 PUT "/$B" 
		code 200
		# it ends in the middle of this
		s3 PUT "/$B/big" -T "$W/in" "${FAR[@]}" || :
	)
	is "$SERVE_PID" "$near"
	# parts are there, and an upload that nobody will end
	[ -n "$(far_uploads)" ]
	run -0 --separate-stderr vt-migrate --data "$dir/data" --gc \
	    --ignore-grace
	is "$(far_uploads)" ''
	no_far_keys crashed
}
