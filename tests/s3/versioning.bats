#!/usr/bin/env bats
# Versions: enabled, suspended, null, delete markers; on every operation; and
# moved between tiers like any other object.

load s3

teardown() {
	[ -z "${OWN:-}" ] || serve_stop
}

versioning() {
	s3 PUT "/$B?versioning=" --data-binary \
	    "<VersioningConfiguration><Status>$1</Status></VersioningConfiguration>"
	code 200
}

@test 'versions are what a model says' {
	python3 "$BATS_TEST_DIRNAME/versioning.py" "$B"
}

@test 'suspended: one null version, the others stay' {
	put k zero
	is "$(h x-amz-version-id)" ''
	versioning Enabled
	put k one
	one=$(h x-amz-version-id)
	versioning Suspended
	put k null1
	is "$(h x-amz-version-id)" null
	put k null2
	s3 GET "/$B?versions="
	is "$(x VersionId | tr '\n' ' ')" "null $one "
	s3 GET "/$B/k?versionId=null"
	body_is null2
	is "$(h x-amz-version-id)" null
	s3 GET "/$B/k?versionId=$one"
	body_is one
	# the marker of a suspended bucket is the null version
	s3 DELETE "/$B/k"
	code 204
	is "$(h x-amz-delete-marker) $(h x-amz-version-id)" 'true null'
	s3 GET "/$B?versions="
	is "$(x VersionId | tr '\n' ' ')$(x IsLatest | tr '\n' ' ')" \
	    "null $one true false "
	s3 GET "/$B/k?versionId=null"
	code 405 MethodNotAllowed
	s3 HEAD "/$B/k?versionId=null"
	code 405
	is "$(h allow)" DELETE
	s3 DELETE "/$B/k?versionId=null"
	is "$(h x-amz-delete-marker) $(h x-amz-version-id)" 'true null'
	s3 GET "/$B/k"
	body_is one
	# a marker over a version with an id
	versioning Enabled
	s3 DELETE "/$B/k"
	marker=$(h x-amz-version-id)
	[ "$marker" != null ]
	s3 HEAD "/$B/k?versionId=$marker"
	code 405
	is "$(h x-amz-delete-marker) $(h x-amz-version-id)" "true $marker"
	[ -n "$(h last-modified)" ]
	# a version that is not there is deleted, as S3 has it
	s3 DELETE "/$B/k?versionId=00112233445566778899aabbccddeeff"
	code 204
	is "$(h x-amz-version-id)" 00112233445566778899aabbccddeeff
	s3 DELETE "/$B"
	code 409 BucketNotEmpty
}

@test 'an old version copied over the newest comes back' {
	versioning Enabled
	put k old -H 'x-amz-meta-a: 1' -H 'x-amz-tagging: t=1'
	old=$(h x-amz-version-id)
	put k new
	s3 PUT "/$B/k" -H "x-amz-copy-source: /$B/k"
	code 400 InvalidRequest
	s3 PUT "/$B/k" -H "x-amz-copy-source: /$B/k?versionId=$old"
	code 200
	is "$(h x-amz-copy-source-version-id)" "$old"
	back=$(h x-amz-version-id)
	[ "$back" != "$old" ]
	s3 GET "/$B/k"
	body_is old
	is "$(h x-amz-version-id) $(h x-amz-meta-a) $(h x-amz-tagging-count)" \
	    "$back 1 1"
	s3 GET "/$B/k?versionId=$old"
	body_is old
	# of a marker, and of none
	s3 DELETE "/$B/k"
	marker=$(h x-amz-version-id)
	s3 PUT "/$B/c" -H "x-amz-copy-source: /$B/k?versionId=$marker"
	code 400 InvalidRequest
	s3 PUT "/$B/c" -H "x-amz-copy-source: /$B/k"
	code 404 NoSuchKey
	s3 PUT "/$B/c" -H "x-amz-copy-source: /$B/k?versionId=00112233445566778899aabbccddeeff"
	code 404 NoSuchVersion
	# a part of an old version
	s3 POST "/$B/m?uploads="
	id=$(x UploadId)
	s3 PUT "/$B/m?partNumber=1&uploadId=$id" \
	    -H "x-amz-copy-source: /$B/k?versionId=$old"
	code 200
	is "$(h x-amz-copy-source-version-id)" "$old"
}

@test 'versions by DeleteObjects' {
	versioning Enabled
	put k one
	one=$(h x-amz-version-id)
	s3 POST "/$B?delete=" --data-binary \
	    '<Delete><Object><Key>k</Key></Object><Object><Key>none</Key></Object></Delete>'
	code 200
	is "$(x DeleteMarker | tr '\n' ' ')" 'true true '
	marker=$(x DeleteMarkerVersionId | head -n 1)
	s3 POST "/$B?delete=" --data-binary \
	    "<Delete><Object><Key>k</Key><VersionId>$marker</VersionId></Object><Object><Key>k</Key><VersionId>$one</VersionId></Object></Delete>"
	is "$(x VersionId | tr '\n' ' ')" "$marker $one "
	is "$(x DeleteMarkerVersionId)" "$marker"
	s3 GET "/$B?prefix=k&versions="
	is "$(x VersionId)" ''
}

@test 'versions: what a listing takes and says' {
	versioning Enabled
	put 'a%20b%2B' 1
	s3 GET "/$B?encoding-type=url&versions="
	is "$(x Key) $(x EncodingType)" 'a%20b%2B url'
	s3 GET "/$B?max-keys=0&versions="
	code 200
	is "$(x IsTruncated)$(x Key)" false
	s3 GET "/$B?max-keys=2000&versions="
	is "$(x MaxKeys)" 1000
	s3 GET "/$B?max-keys=-1&versions="
	code 400 InvalidArgument
	s3 GET "/$B?key-marker=a&version-id-marker=x&versions="
	code 400 InvalidArgument
}

@test 'old versions are scanned, planned and moved' {
	serve_start "$W/own"
	OWN=1
	cd "$SERVE_DIR"
	s3 PUT "/$B"
	versioning Enabled
	for n in 1 2 3; do
		random_file "f$n" $((200000 + n))
		put_file k "f$n"
		declare "v$n=$(h x-amz-version-id)"
	done
	s3 DELETE "/$B/gone"
	vt-scan -q --data data >scan
	is "$(field version <scan)" "$v3"$'\n'"$v2"$'\n'"$v1"
	is "$(field current <scan | tr '\n' ' ')" 'True False False '
	# each has a plan of its own: nothing was read for a year
	vt-plan -q --data data --min-history 0 --stale-prices \
	    --now "$(date -u -d "+400 days" +%Y-%m-%dT%H:%M:%SZ)" \
	    --explain "$B/k" <scan >explain
	for n in 1 2 3; do
		v=v$n
		grep -q "${!v}" explain
	done
	moves cold >plan
	run -0 vt-migrate -q --data data plan
	is "$(field status <<<"$output" | sort | uniq -c | tr -s ' ')" ' 3 moved'
	for n in 1 2 3; do
		v=v$n
		s3 GET "/$B/k?versionId=${!v}"
		code 200
		cmp "f$n" "$W/body"
	done
	s3 GET "/$B/k"
	cmp f3 "$W/body"
	# an old one deleted on its tier leaves the others
	s3 DELETE "/$B/k?versionId=$v2"
	vt-migrate --gc --ignore-grace -q --data data >gc
	s3 GET "/$B/k?versionId=$v1"
	cmp f1 "$W/body"
}
