#!/usr/bin/env bats
# Objects in packs are objects like others, in every operation.

load s3

setup_file() {
	mkdir -p "$BATS_FILE_TMPDIR/data"
	cat >"$BATS_FILE_TMPDIR/data/vaultaire.json" <<-'END'
	{ "tiers": [
	  { "name": "hot", "url": "file:tiers/hot", "storage_class": "STANDARD",
	    "price": "STANDARD", "inline": true },
	  { "name": "cold", "url": "file:tiers/cold",
	    "storage_class": "GLACIER_IR", "price": "GLACIER_IR" },
	  { "name": "safe", "url": "file:tiers/safe", "compress": true,
	    "encrypt": "master", "storage_class": "ONEZONE_IA",
	    "price": "ONEZONE_IA" },
	  { "name": "glacier", "url": "file:tiers/glacier",
	    "storage_class": "GLACIER", "price": "GLACIER",
	    "restore_delay": "1s" } ] }
	END
	serve_start "$BATS_FILE_TMPDIR"
}

# pack TIER [REGEX]: everything of this test's bucket
pack() {
	(cd "$BATS_FILE_TMPDIR" &&
	    pack_plan "$1" "${2:-}" | grep "\"bucket\": \"$B\"" >"$W/plan" &&
	    vt-migrate -q --data data "$W/plan" >"$W/out")
	[ "$(field status <"$W/out" | sort -u)" = moved ]
}

# fill N: objects o1... of this many thousand bytes, and what they hold
fill() {
	local i
	for ((i = 1; i <= $1; i++)); do
		seq $((i * 1000)) $((i * 1000 + 1000 * i)) >"$W/o$i"
		put_file "o$i" "$W/o$i" -H "x-amz-meta-n: $i" \
		    -H 'content-type: text/x-test'
		code 200
	done
}

# Does the catalog add up?  Blobs of this many packs.
pack_count() {
	(cd "$BATS_FILE_TMPDIR" && vt-scan -q --data data |
	    grep "\"bucket\":\"$B\"" | field pack | grep -v '^0*$' |
	    sort -u | grep -c .)
}

versioning() {
	s3 PUT "/$B?versioning=" --data-binary "<VersioningConfiguration>\
<Status>$1</Status></VersioningConfiguration>"
	code 200
}

@test "GET, HEAD, ranges, conditions, listing, attributes of a member" {
	fill 4
	etag=$(h ETag)
	s3 HEAD "/$B/o4"
	mtime=$(h Last-Modified)
	pack cold
	s3 GET "/$B/o4"
	code 200
	cmp "$W/body" "$W/o4"
	is "$(h ETag)" "$etag"
	is "$(h Last-Modified)" "$mtime"
	is "$(h x-amz-meta-n)" 4
	is "$(h Content-Type)" text/x-test
	is "$(h x-amz-storage-class)" GLACIER_IR
	s3 HEAD "/$B/o4"
	is "$(h Content-Length)" "$(stat -c %s "$W/o4")"
	s3 GET "/$B/o4" -H 'Range: bytes=1000-1999'
	code 206
	cmp "$W/body" <(tail -c +1001 "$W/o4" | head -c 1000)
	s3 GET "/$B/o4" -H 'Range: bytes=-7'
	code 206
	cmp "$W/body" <(tail -c 7 "$W/o4")
	s3 GET "/$B/o4" -H 'Range: bytes=999999-'
	code 416
	s3 GET "/$B/o4" -H "If-None-Match: $etag"
	code 304
	s3 GET "/$B/?list-type=2"
	code 200
	is "$(x Key | xargs)" "o1 o2 o3 o4"
	is "$(x StorageClass | sort -u)" GLACIER_IR
	s3 GET "/$B/o4?attributes=" \
	    -H 'x-amz-object-attributes: ETag,ObjectSize,StorageClass'
	code 200
	is "$(x ObjectSize)" "$(stat -c %s "$W/o4")"
}

@test "overwrite and delete members, one by one, to the last" {
	fill 3
	pack cold
	printf new >"$W/new"
	put_file o1 "$W/new"
	code 200
	s3 GET "/$B/o1"
	cmp "$W/body" "$W/new"
	s3 DELETE "/$B/o2"
	code 204
	s3 GET "/$B/o2"
	code 404
	s3 GET "/$B/o3"
	cmp "$W/body" "$W/o3"
	is "$(pack_count)" 1
	s3 POST "/$B?delete=" --data-binary \
	    '<Delete><Object><Key>o3</Key></Object></Delete>' \
	    -H "Content-MD5: $(printf %s \
	    '<Delete><Object><Key>o3</Key></Object></Delete>' |
	    openssl md5 -binary | base64)"
	code 200
	is "$(pack_count || true)" 0
}

@test "copies of a member: within its tier, to another, by ranges" {
	fill 3
	pack cold
	s3 PUT "/$B/same" -H "x-amz-copy-source: /$B/o2" \
	    -H 'x-amz-storage-class: GLACIER_IR'
	code 200
	s3 PUT "/$B/hot" -H "x-amz-copy-source: /$B/o2"
	code 200
	s3 PUT "/$B/self" -H "x-amz-copy-source: /$B/o1" \
	    -H 'x-amz-metadata-directive: REPLACE' -H 'x-amz-meta-a: b' \
	    -H 'x-amz-storage-class: GLACIER_IR'
	code 200
	s3 DELETE "/$B/o2"
	for k in same hot; do
		s3 GET "/$B/$k"
		code 200
		cmp "$W/body" "$W/o2"
		is "$(h x-amz-meta-n)" 2
	done
	s3 GET "/$B/self" -H 'Range: bytes=5-9'
	cmp "$W/body" <(tail -c +6 "$W/o1" | head -c 5)

	s3 POST "/$B/parts?uploads=" -H 'x-amz-storage-class: GLACIER_IR'
	id=$(x UploadId)
	head -c 5242880 /dev/zero >"$W/zero"
	s3 PUT "/$B/parts?partNumber=1&uploadId=$id" -T "$W/zero"
	e1=$(h ETag)
	s3 PUT "/$B/parts?partNumber=2&uploadId=$id" \
	    -H "x-amz-copy-source: /$B/o3"
	code 200
	e2=$(x ETag)
	s3 POST "/$B/parts?uploadId=$id" --data-binary \
	    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>\
<ETag>$e1</ETag></Part><Part><PartNumber>2</PartNumber><ETag>$e2</ETag>\
</Part></CompleteMultipartUpload>"
	code 200
	s3 DELETE "/$B/o3"
	s3 GET "/$B/parts"
	code 200
	cmp "$W/body" <(cat "$W/zero" "$W/o3")
	s3 GET "/$B/parts" -H 'Range: bytes=5242870-5242900'
	cmp "$W/body" <(cat "$W/zero" "$W/o3" | tail -c +5242871 | head -c 31)
	s3 POST "/$B/ranges?uploads="
	id=$(x UploadId)
	s3 PUT "/$B/ranges?partNumber=1&uploadId=$id" \
	    -H "x-amz-copy-source: /$B/parts" \
	    -H 'x-amz-copy-source-range: bytes=5242875-5242899'
	code 200
}

@test "versions, tags, locks and holds of members" {
	s3 PUT "/$B-l" -H 'x-amz-bucket-object-lock-enabled: true'
	code 200
	B=$B-l
	for v in one two three; do
		put k "$v"
		code 200
		ids+=("$(h x-amz-version-id)")
	done
	put other x
	s3 PUT "/$B/k?tagging=&versionId=${ids[1]}" --data-binary \
	    '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet>
</Tagging>'
	code 200
	hold='<LegalHold><Status>ON</Status></LegalHold>'
	s3 PUT "/$B/k?legal-hold=&versionId=${ids[0]}" --data-binary "$hold" \
	    -H "Content-MD5: $(printf %s "$hold" | openssl md5 -binary |
	    base64)"
	code 200
	pack cold
	for i in 0 1 2; do
		s3 GET "/$B/k?versionId=${ids[$i]}"
		code 200
		want=(one two three)
		is "$(cat "$W/body")" "${want[$i]}"
	done
	s3 GET "/$B/k?tagging=&versionId=${ids[1]}"
	is "$(x Value)" b
	s3 DELETE "/$B/k?versionId=${ids[0]}"
	code 403 AccessDenied
	s3 PUT "/$B/k?tagging=&versionId=${ids[2]}" --data-binary \
	    '<Tagging><TagSet></TagSet></Tagging>'
	code 200
	s3 DELETE "/$B/k?versionId=${ids[1]}"
	code 204
	s3 GET "/$B/k?versionId=${ids[0]}"
	is "$(cat "$W/body")" one
	s3 DELETE "/$B/k"
	code 204
	s3 GET "/$B/k?versionId=${ids[2]}"
	is "$(cat "$W/body")" three
}

@test "restores from a pack in an archive: one by one, and all at once" {
	fill 3
	pack glacier
	s3 GET "/$B/o1"
	code 403 InvalidObjectState
	for k in o1 o2; do
		s3 POST "/$B/$k?restore=" --data-binary \
		    '<RestoreRequest><Days>1</Days></RestoreRequest>'
		code 202
	done
	for k in o1 o2; do
		wait_until is_restored "$k"
		s3 GET "/$B/$k"
		code 200
		cmp "$W/body" "$W/$k"
		s3 GET "/$B/$k" -H 'Range: bytes=100-199'
		code 206
		cmp "$W/body" <(tail -c +101 "$W/$k" | head -c 100)
	done
	# the tier brought all of the pack back: who reads meanwhile may
	s3 GET "/$B/o3"
	[ "$st" -eq 200 ] || code 403 InvalidObjectState
	s3 DELETE "/$B/o1"
	code 204
	s3 GET "/$B/o2"
	cmp "$W/body" "$W/o2"
}

is_restored() {
	s3 HEAD "/$B/$1"
	[[ $(h x-amz-restore) == 'ongoing-request="false"'* ]]
}

@test "a pack on a tier that encrypts is encrypted whole" {
	fill 3
	pack safe
	for k in o1 o2 o3; do
		s3 GET "/$B/$k"
		code 200
		cmp "$W/body" "$W/$k"
		s3 GET "/$B/$k" -H 'Range: bytes=100-199'
		cmp "$W/body" <(tail -c +101 "$W/$k" | head -c 100)
	done
	f=$(find "$SERVE_DIR/data/tiers/safe" -type f)
	[ "$(wc -l <<<"$f")" -eq 1 ]
	run -1 grep -q "$B" "$f"
	# with the key, from the tier alone
	keys=$SERVE_DIR/data/master.keys
	vt-get --decode --key-file "$keys" "$f" "$W/pack.tar.zst"
	mkdir "$W/tar"
	tar --zstd -xf "$W/pack.tar.zst" -C "$W/tar"
	cmp "$W/tar/o2" "$W/o2"
	# a new master key wraps it, too
	cp "$keys" "$W/first"
	echo "next $(head -c 32 /dev/urandom | base64)" >>"$keys"
	kill -HUP "$SERVE_PID"
	wait_until grep -q 're-opened the access log' "$SERVE_DIR/serve.err"
	sed -i '/re-opened the access log/d' "$SERVE_DIR/serve.err"
	run -0 --separate-stderr vt-migrate --data "$SERVE_DIR/data" --rewrap
	# shellcheck disable=SC2154 # run sets it
	[[ $stderr == *" 1 were wrapped anew, 0 failed" ]]
	s3 GET "/$B/o2"
	cmp "$W/body" "$W/o2"
	# and out of there, to where nothing is encrypted
	(cd "$BATS_FILE_TMPDIR" && moves cold |
	    grep "\"bucket\": \"$B\"" | vt-migrate -q --data data >"$W/out")
	[ "$(field status <"$W/out" | sort -u)" = moved ]
	s3 GET "/$B/o3"
	cmp "$W/body" "$W/o3"
}

@test "what a client had encrypted is not packed" {
	put plain 'some text'
	key=$(head -c 32 /dev/urandom | base64)
	put secret 'other text' \
	    -H 'x-amz-server-side-encryption-customer-algorithm: AES256' \
	    -H "x-amz-server-side-encryption-customer-key: $key" \
	    -H "x-amz-server-side-encryption-customer-key-md5: $(base64 -d \
	    <<<"$key" | openssl md5 -binary | base64)"
	case $st in
	200) ;;
	*) skip "no encryption over plain HTTP" ;;
	esac
	put more text
	(cd "$BATS_FILE_TMPDIR" &&
	    pack_plan cold | grep "\"bucket\": \"$B\"" >"$W/plan" &&
	    vt-migrate -q --data data "$W/plan" >"$W/out")
	is "$(grep '"secret"' "$W/out" | field status)" skipped
	is "$(grep '"plain"' "$W/out" | field status)" moved
	s3 GET "/$B/plain"
	is "$(cat "$W/body")" 'some text'
}
