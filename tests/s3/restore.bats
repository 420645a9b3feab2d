#!/usr/bin/env bats
# Restores from tiers that play a Glacier: a standard restore takes a second
# on "glacier" and never ends here on "deep".

load s3

setup_file() {
	mkdir -p "$BATS_FILE_TMPDIR/data"
	cat >"$BATS_FILE_TMPDIR/data/vaultaire.json" <<-'END'
	{ "tiers": [
	  { "name": "hot", "url": "file:tiers/hot", "storage_class": "STANDARD",
	    "price": "STANDARD", "inline": true },
	  { "name": "glacier", "url": "file:tiers/glacier", "storage_class": "GLACIER",
	    "price": "GLACIER", "restore_delay": "1s" },
	  { "name": "deep", "url": "file:tiers/deep", "storage_class": "DEEP_ARCHIVE",
	    "price": "DEEP_ARCHIVE", "restore_delay": "12h" } ] }
	END
	serve_start "$BATS_FILE_TMPDIR"
}

# ask KEY DAYS [TIER [VERSION]]
ask() {
	local target="/$B/$1?restore=${4:+&versionId=$4}"
	printf '<RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
%s<GlacierJobParameters><Tier>%s</Tier></GlacierJobParameters>
</RestoreRequest>' "${2:+<Days>$2</Days>}" "${3:-Standard}" >"$W/ask"
	s3 POST "$target" --data-binary "@$W/ask"
}

# Until HEAD says what $2 matches.
until_restore() {
	wait_until says_of_restore "$@"
}

says_of_restore() {
	s3 HEAD "/$B/$1"
	[[ $(h x-amz-restore) == $2 ]] || {
		echo "x-amz-restore: $(h x-amz-restore)" >&2
		return 1
	}
}

@test "an archived object: class, InvalidObjectState, restored, read" {
	covers RestoreObject
	put_file big /usr/bin/env -H 'x-amz-storage-class: GLACIER' \
	    -H 'x-amz-meta-a: b'
	code 200
	etag=$(h ETag)
	s3 HEAD "/$B/big"
	code 200
	is "$(h x-amz-storage-class)" GLACIER
	is "$(h x-amz-restore)" ''
	s3 GET "/$B/big"
	code 403 InvalidObjectState
	is "$(x StorageClass)" GLACIER
	s3 GET "/$B/big" -H 'Range: bytes=0-9'
	code 403 InvalidObjectState

	ask big 3
	code 202
	s3 HEAD "/$B/big"
	is "$(h x-amz-restore)" 'ongoing-request="true"'
	s3 GET "/$B/big"
	code 403 InvalidObjectState
	ask big 3
	code 409 RestoreAlreadyInProgress

	until_restore big 'ongoing-request="false", expiry-date=*'
	# at midnight UTC after three days
	due=$(( (($(date +%s) + 3 * 86400) / 86400 + 1) * 86400 ))
	[[ $(h x-amz-restore) == *"$(date -u -d "@$due" '+%d %b %Y') 00:00:00 GMT"* ]]
	is "$(h x-amz-storage-class)" GLACIER
	is "$(h ETag)" "$etag"
	is "$(h x-amz-meta-a)" b
	s3 GET "/$B/big"
	code 200
	cmp "$W/body" /usr/bin/env
	[[ $(h x-amz-restore) == 'ongoing-request="false"'* ]]
	s3 GET "/$B/big" -H 'Range: bytes=100-199'
	code 206
	cmp "$W/body" <(tail -c +101 /usr/bin/env | head -c 100)

	# again: stays longer
	before=$(h x-amz-restore)
	ask big 9
	code 200
	s3 HEAD "/$B/big"
	[ "$(h x-amz-restore)" != "$before" ]
}

@test "the listing says the class, and the restore when it is asked to" {
	put_file big /usr/bin/env -H 'x-amz-storage-class: GLACIER'
	put small text
	ask big 1
	code 202
	s3 GET "/$B?list-type=2"
	is "$(x StorageClass)" $'GLACIER\nSTANDARD'
	[ -z "$(x IsRestoreInProgress)" ]
	s3 GET "/$B?list-type=2" \
	    -H 'x-amz-optional-object-attributes: RestoreStatus'
	is "$(x IsRestoreInProgress)" true
	until_restore big 'ongoing-request="false"*'
	s3 GET "/$B?versions=" \
	    -H 'x-amz-optional-object-attributes: RestoreStatus'
	is "$(x IsRestoreInProgress)" false
	[[ $(x RestoreExpiryDate) == *T00:00:00.000Z ]]
}

@test "what cannot be restored, and what is no request" {
	put small text
	ask small 1
	code 403 InvalidObjectState
	ask none 1
	code 404 NoSuchKey
	put_file cold /usr/bin/env -H 'x-amz-storage-class: GLACIER'
	ask cold ''
	code 400 MalformedXML
	ask cold 0
	code 400 MalformedXML
	ask cold 36501
	code 400 InvalidArgument
	ask cold 1 Soon
	code 400 MalformedXML
	s3 POST "/$B/cold?restore=" --data-binary 'text'
	code 400 MalformedXML
	s3 POST "/$B/cold?restore=" --data-binary '<RestoreRequest><Type>SELECT</Type><Days>1</Days></RestoreRequest>'
	code 501 NotImplemented
	put_file deep /usr/bin/env -H 'x-amz-storage-class: DEEP_ARCHIVE'
	ask deep 1 Expedited
	code 400 InvalidArgument
	s3 HEAD "/$B/cold"
	is "$(h x-amz-restore)" ''
}

@test "a hurry is taken while a slower restore is under way" {
	put_file cold /usr/bin/env -H 'x-amz-storage-class: GLACIER'
	ask cold 1 Bulk
	code 202
	ask cold 1 Bulk
	code 409 RestoreAlreadyInProgress
	ask cold 1 Standard
	code 202
	until_restore cold 'ongoing-request="false"*'
}

@test "an old version is restored by its id" {
	s3 PUT "/$B?versioning=" --data-binary '<VersioningConfiguration>
<Status>Enabled</Status></VersioningConfiguration>'
	code 200
	put_file k /usr/bin/env -H 'x-amz-storage-class: GLACIER'
	old=$(h x-amz-version-id)
	put k new
	s3 GET "/$B/k?versionId=$old"
	code 403 InvalidObjectState
	ask k 1 Standard "$old"
	code 202
	is "$(h x-amz-version-id)" "$old"
	readable() {
		s3 GET "/$B/k?versionId=$old"
		code 200
	}
	wait_until readable
	cmp "$W/body" /usr/bin/env
	s3 GET "/$B/k"
	is "$(cat "$W/body")" new
}

@test "P4 a restore survives a kill; its copy goes when its time is up" {
	mkdir "$W/data"
	cp "$BATS_FILE_TMPDIR/data/vaultaire.json" "$W/data"
	serve_start "$W"
	s3 PUT "/$B"
	put_file k /usr/bin/env -H 'x-amz-storage-class: GLACIER'
	put_file gone /usr/bin/env -H 'x-amz-storage-class: GLACIER'
	put_file deep /usr/bin/env -H 'x-amz-storage-class: DEEP_ARCHIVE'
	ask k 2
	ask gone 2
	ask deep 2 Bulk
	code 202
	kill -9 "$SERVE_PID"
	wait "$SERVE_PID" || :
	serve_start "$W"
	s3 HEAD "/$B/deep"
	is "$(h x-amz-restore)" 'ongoing-request="true"'
	until_restore k 'ongoing-request="false"*'
	until_restore gone 'ongoing-request="false"*'
	# what is deleted meanwhile takes its restored copy along
	s3 DELETE "/$B/gone"
	code 204
	s3 GET "/$B/k"
	code 200

	# a day and more later: that is what Bulk takes on deep
	serve_stop
	serve_start "$W" --clock-offset 30h
	until_restore deep 'ongoing-request="false"*'
	s3 GET "/$B/deep"
	code 200
	cmp "$W/body" /usr/bin/env
	s3 GET "/$B/k"
	code 200
	# two days and more later
	serve_stop
	serve_start "$W" --clock-offset 73h
	s3 GET "/$B/k"
	code 403 InvalidObjectState
	until_restore k ''
	# the archive's copy is as it was
	ask k 1
	code 202
	until_restore k 'ongoing-request="false"*'
	s3 GET "/$B/k"
	code 200
	cmp "$W/body" /usr/bin/env
	serve_stop
}

@test "P2 a restored copy is none to count on: a move leaves a lasting one" {
	put_file k /usr/bin/env -H 'x-amz-storage-class: GLACIER'
	ask k 1
	until_restore k 'ongoing-request="false"*'
	vt-scan --data "$SERVE_DIR/data" | grep "\"bucket\":\"$B\"" >"$W/scan"
	# described as what it is: on the archive, nowhere else
	is "$(jq -r .tier "$W/scan")" glacier
	is "$(jq -r '.also // [] | length' "$W/scan")" 0
	jq -c '{v: 1, bucket, key, version, seq, generation,
	    bucket_generation, copy, from: .tier, to: "hot", size}' \
	    "$W/scan" >"$W/plan"
	# to where the restored copy is: that one gives way
	run -0 --separate-stderr vt-migrate --data "$SERVE_DIR/data" "$W/plan"
	is "$(jq -r .status <<<"$output")" moved
	s3 HEAD "/$B/k"
	is "$(h x-amz-storage-class)" ''
	is "$(h x-amz-restore)" ''
	s3 GET "/$B/k"
	code 200
	cmp "$W/body" /usr/bin/env
	ask k 1
	code 403 InvalidObjectState
	# and back again: what is not there is not prolonged
	vt-scan --data "$SERVE_DIR/data" | grep "\"bucket\":\"$B\"" |
	    jq -c '{v: 1, bucket, key, version, seq, generation,
	    bucket_generation, copy, from: .tier, to: "glacier", size}' \
	    >"$W/plan"
	run -0 --separate-stderr vt-migrate --data "$SERVE_DIR/data" "$W/plan"
	is "$(jq -r .status <<<"$output")" moved
	s3 HEAD "/$B/k"
	is "$(h x-amz-restore)" ''
	s3 GET "/$B/k"
	code 403 InvalidObjectState
	ask k 1
	code 202
	until_restore k 'ongoing-request="false"*'
	s3 GET "/$B/k"
	code 200
	cmp "$W/body" /usr/bin/env
}

@test "archived parts: no answer begins that must break off" {
	local id n parts=''
	head -c $((5 << 20)) /dev/urandom >"$W/1"
	head -c 1000 /dev/urandom >"$W/2"
	s3 POST "/$B/parts?uploads=" -H 'x-amz-storage-class: GLACIER'
	code 200
	id=$(x UploadId)
	for n in 1 2; do
		s3 PUT "/$B/parts?partNumber=$n&uploadId=$id" -T "$W/$n"
		code 200
		parts+="<Part><PartNumber>$n</PartNumber><ETag>$(h ETag)</ETag></Part>"
	done
	s3 POST "/$B/parts?uploadId=$id" --data-binary \
	    "<CompleteMultipartUpload>$parts</CompleteMultipartUpload>"
	code 200
	s3 GET "/$B/parts"
	code 403 InvalidObjectState
	s3 GET "/$B/parts" -H 'Range: bytes=5242870-5242890'
	code 403 InvalidObjectState
	ask parts 1
	until_restore parts 'ongoing-request="false"*'
	s3 GET "/$B/parts"
	code 200
	cat "$W/1" "$W/2" | cmp - "$W/body"
}

@test "P2 what cannot be read back does not take a locked version's place" {
	put_file free /usr/bin/env
	s3 PUT "/$B?versioning=" --data-binary \
	    '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
	code 200
	s3 PUT "/$B?object-lock=" -H "Content-MD5: $(openssl md5 -binary \
	    <<<'<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>' |
	    base64)" --data-binary @- \
	    <<<'<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>'
	code 200
	put_file held /usr/bin/env -H 'x-amz-object-lock-legal-hold: ON' \
	    -H "Content-MD5: $(openssl md5 -binary /usr/bin/env | base64)"
	code 200
	vt-scan --data "$SERVE_DIR/data" | grep "\"bucket\":\"$B\"" |
	    jq -c '{v: 1, bucket, key, version, seq, generation,
	    bucket_generation, copy, from: .tier, to: "glacier", size}' \
	    >"$W/plan"
	run -0 --separate-stderr vt-migrate -j 1 --data "$SERVE_DIR/data" \
	    "$W/plan"
	is "$(jq -r 'select(.key == "free") | .status' <<<"$output")" moved
	is "$(jq -r 'select(.key == "held") | .status' <<<"$output")" skipped
	[[ $(jq -r .reason <<<"$output") == *'is locked'* ]]
	s3 HEAD "/$B/free"
	is "$(h x-amz-storage-class)" GLACIER
	s3 GET "/$B/held"
	code 200
	cmp "$W/body" /usr/bin/env
}
