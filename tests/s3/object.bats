#!/usr/bin/env bats
# PutObject, GetObject, HeadObject, DeleteObject, CopyObject.

load s3

@test 'put, get and head agree' {
	covers PutObject GetObject HeadObject
	put a/b%2Bc%20d 'hello'
	code 200
	is "$(h etag)" '"5d41402abc4b2a76b9719d911017c592"'
	s3 GET "/$B/a/b%2Bc%20d"
	code 200
	body_is hello
	is "$(h etag)" '"5d41402abc4b2a76b9719d911017c592"'
	is "$(h accept-ranges)" bytes
	is "$(h content-type)" binary/octet-stream
	is "$(h content-length)" 5
	s3 HEAD "/$B/a/b%2Bc%20d"
	code 200
	is "$(h content-length)" 5
	is "$(h etag)" '"5d41402abc4b2a76b9719d911017c592"'
	[[ $(h last-modified) == *GMT ]]
}

@test 'bodies of every way in come back' {
	# empty, inline, the first that is not, collected, streamed
	for n in 0 1 4096 4097 65536 65537 9000001; do
		random_file "$W/in" "$n"
		put_file "o$n" "$W/in"
		code 200
		is "$(h etag)" "\"$(md5 "$W/in")\""
		s3 GET "/$B/o$n"
		code 200
		cmp "$W/in" "$W/body"
		s3 HEAD "/$B/o$n"
		is "$(h content-length)" "$n"
	done
}

@test 'a missing key, version and bucket' {
	s3 GET "/$B/none"
	code 404 NoSuchKey
	is "$(x Key)" none
	s3 HEAD "/$B/none"
	code 404
	s3 GET "/$B/none?versionId=00112233445566778899aabbccddeeff"
	code 404 NoSuchVersion
	s3 GET "/$B/none?versionId=rubbish"
	code 400 InvalidArgument
	s3 GET "/nosuch-$B/none"
	code 404 NoSuchBucket
}

@test 'metadata comes back as it was sent' {
	put m x -H 'x-amz-meta-Colour: blue green' \
	    -H 'x-amz-meta-word: =?UTF-8?B?w7w=?=' -H 'Content-Type: text/plain' \
	    -H 'Cache-Control: no-cache' -H 'Content-Language: de' \
	    -H 'Content-Disposition: attachment' \
	    -H 'Content-Encoding: gzip' \
	    -H 'Expires: Wed, 21 Oct 2065 07:28:00 GMT'
	code 200
	s3 HEAD "/$B/m"
	is "$(h x-amz-meta-colour)" 'blue green'
	is "$(h x-amz-meta-word)" '=?UTF-8?B?w7w=?='
	is "$(h content-type)" text/plain
	is "$(h cache-control)" no-cache
	is "$(h content-language)" de
	is "$(h content-disposition)" attachment
	is "$(h content-encoding)" gzip
	is "$(h expires)" 'Wed, 21 Oct 2065 07:28:00 GMT'
	# none of it survives an overwrite
	put m x
	s3 HEAD "/$B/m"
	is "$(h x-amz-meta-colour)" ''
	is "$(h content-type)" binary/octet-stream
}

@test 'metadata has a limit' {
	put m x -H "x-amz-meta-a: $(head -c 2047 /dev/zero | tr '\0' a)"
	code 200
	put m x -H "x-amz-meta-a: $(head -c 2048 /dev/zero | tr '\0' a)"
	code 400 MetadataTooLarge
}

@test 'response headers can be overridden' {
	put m x -H 'Content-Type: text/plain'
	s3 GET "/$B/m?response-cache-control=no-store&response-content-type=a%2Fb"
	code 200
	is "$(h content-type)" a/b
	is "$(h cache-control)" no-store
}

@test 'ranges, inline and not' {
	random_file "$W/in" 100000
	for n in 1000 100000; do
		head -c "$n" "$W/in" >"$W/part"
		put_file r "$W/part"
		s3 GET "/$B/r" -H 'Range: bytes=10-19'
		code 206
		is "$(h content-range)" "bytes 10-19/$n"
		cmp "$W/body" <(tail -c +11 "$W/part" | head -c 10)
		s3 GET "/$B/r" -H 'Range: bytes=-5'
		code 206
		cmp "$W/body" <(tail -c 5 "$W/part")
		s3 GET "/$B/r" -H "Range: bytes=7-999999999"
		code 206
		is "$(h content-range)" "bytes 7-$((n - 1))/$n"
		cmp "$W/body" <(tail -c +8 "$W/part")
		s3 HEAD "/$B/r" -H 'Range: bytes=0-0'
		code 206
		is "$(h content-length)" 1
		s3 GET "/$B/r" -H "Range: bytes=$n-"
		code 416 InvalidRange
		is "$(x ActualObjectSize)" "$n"
		is "$(x RangeRequested)" "bytes=$n-"
		# several ranges and other units: the whole, as on AWS
		s3 GET "/$B/r" -H 'Range: bytes=0-1,5-6'
		code 200
		cmp "$W/body" "$W/part"
		s3 GET "/$B/r" -H 'Range: lines=0-1'
		code 200
	done
	put_file e /dev/null
	s3 GET "/$B/e" -H 'Range: bytes=0-0'
	code 416 InvalidRange
}

@test 'If-Range' {
	put r 0123456789
	tag=$(h etag)
	s3 GET "/$B/r" -H 'Range: bytes=2-3' -H "If-Range: $tag"
	code 206
	body_is 23
	s3 GET "/$B/r" -H 'Range: bytes=2-3' -H 'If-Range: "other"'
	code 200
	body_is 0123456789
}

@test 'conditional reads follow RFC 9110' {
	put c x
	tag=$(h etag)
	past='Mon, 01 Jan 2001 00:00:00 GMT'
	future='Fri, 01 Jan 2100 00:00:00 GMT'
	s3 GET "/$B/c" -H "If-Match: $tag"
	code 200
	s3 GET "/$B/c" -H "If-Match: \"a\", $tag"
	code 200
	s3 GET "/$B/c" -H 'If-Match: "a"'
	code 412 PreconditionFailed
	s3 GET "/$B/c" -H "If-None-Match: $tag"
	code 304
	is "$(h etag)" "$tag"
	is "$(wc -c <"$W/body")" 0
	s3 GET "/$B/c" -H 'If-None-Match: "a"'
	code 200
	s3 GET "/$B/c" -H "If-Modified-Since: $past"
	code 200
	s3 GET "/$B/c" -H "If-Modified-Since: $future"
	code 304
	s3 GET "/$B/c" -H "If-Unmodified-Since: $past"
	code 412 PreconditionFailed
	s3 GET "/$B/c" -H "If-Unmodified-Since: $future"
	code 200
	# the tag has precedence over the date
	s3 GET "/$B/c" -H "If-Match: $tag" -H "If-Unmodified-Since: $past"
	code 200
	s3 GET "/$B/c" -H 'If-None-Match: "a"' \
	    -H "If-Modified-Since: $future"
	code 200
	s3 GET "/$B/c" -H 'If-Modified-Since: nonsense'
	code 200
	s3 HEAD "/$B/c" -H "If-None-Match: $tag"
	code 304
}

@test 'conditional writes' {
	put c one -H 'If-None-Match: *'
	code 200
	tag=$(h etag)
	put c two -H 'If-None-Match: *'
	code 412 PreconditionFailed
	put c two -H 'If-Match: "00000000000000000000000000000000"'
	code 412 PreconditionFailed
	put c two -H "If-None-Match: $tag"
	code 412 PreconditionFailed
	put c two -H "If-Match: $tag"
	code 200
	put c three -H "If-None-Match: $tag"
	code 200
	put new x -H "If-Match: $tag"
	code 404 NoSuchKey
	put new x -H "If-None-Match: $tag"
	code 200
	# a body on a tier is given up in the same way
	random_file "$W/in" 200000
	put_file c "$W/in" -H 'If-None-Match: *'
	code 412 PreconditionFailed
	s3 GET "/$B/c"
	body_is three
}

@test 'one of many If-None-Match wins' {
	for i in 1 2 3 4 5 6 7 8; do
		s3curl -X PUT --data-binary "$i" -H 'If-None-Match: *' \
		    -o /dev/null -w '%{http_code}\n' \
		    "$AWS_ENDPOINT_URL/$B/race" >"$W/code$i" &
	done
	wait
	is "$(cat "$W"/code? | sort | uniq -c | tr -s ' ')" \
	    " 1 200
 7 412"
}

@test 'Content-MD5' {
	printf abc >"$W/in"
	put_file d "$W/in" -H "Content-MD5: $(b64 md5 "$W/in")"
	code 200
	put_file d "$W/in" -H 'Content-MD5: rL0Y20xC+Fzt72VPzMSk2A=='
	code 400 BadDigest
	put_file d "$W/in" -H 'Content-MD5: YWJj'
	code 400 InvalidDigest
	put_file none "$W/in" -H 'Content-MD5: rL0Y20xC+Fzt72VPzMSk2A=='
	s3 HEAD "/$B/none"
	code 404
}

@test 'checksums are checked, kept and given' {
	printf 123456789 >"$W/in"
	# the check values of the catalogues
	while read -r name value; do
		put_file s "$W/in" -H "x-amz-checksum-$name: $value"
		code 200
		is "$(h "x-amz-checksum-$name")" "$value"
		is "$(h x-amz-checksum-type)" FULL_OBJECT
		s3 HEAD "/$B/s"
		is "$(h "x-amz-checksum-$name")" ''
		s3 HEAD "/$B/s" -H 'x-amz-checksum-mode: ENABLED'
		is "$(h "x-amz-checksum-$name")" "$value"
		s3 GET "/$B/s" -H 'x-amz-checksum-mode: ENABLED'
		is "$(h "x-amz-checksum-$name")" "$value"
		is "$(h x-amz-checksum-type)" FULL_OBJECT
		# of the whole: not for a range
		s3 GET "/$B/s" -H 'x-amz-checksum-mode: ENABLED' \
		    -H 'Range: bytes=0-3'
		is "$(h "x-amz-checksum-$name")" ''
		printf 12345678 >"$W/bad"
		put_file s "$W/bad" -H "x-amz-checksum-$name: $value"
		code 400 BadDigest
		s3 GET "/$B/s"
		body_is 123456789
	done <<-EOT
		crc32 y/Q5Jg==
		crc32c 4waSgw==
		crc64nvme rosUhgp5mIg=
		sha1 98O8HYCOBHMq32eZZczDTKeuNEE=
		sha256 FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=
	EOT
	# AWS adds one to whatever comes without
	put_file s "$W/in"
	is "$(h x-amz-checksum-crc64nvme)" rosUhgp5mIg=
	put_file s "$W/in" -H 'x-amz-checksum-crc32: y/Q5Jg==' \
	    -H 'x-amz-checksum-crc32c: 4waSgw=='
	code 400 InvalidRequest
	put_file s "$W/in" -H 'x-amz-sdk-checksum-algorithm: CRC32'
	code 400 InvalidRequest
	put_file s "$W/in" -H 'x-amz-sdk-checksum-algorithm: ADLER'
	code 400 InvalidRequest
}

@test 'a wrong checksum of a streamed body stores nothing' {
	random_file "$W/in" 3000000
	put_file s "$W/in" -H 'x-amz-checksum-crc32: y/Q5Jg=='
	code 400 BadDigest
	s3 HEAD "/$B/s"
	code 404
}

@test 'storage classes' {
	for n in 10 100000; do
		random_file "$W/in" "$n"
		put_file s "$W/in" -H 'x-amz-storage-class: STANDARD_IA'
		code 200
		s3 GET "/$B/s"
		is "$(h x-amz-storage-class)" STANDARD_IA
		cmp "$W/in" "$W/body"
		s3 GET "/$B?prefix=s"
		is "$(x StorageClass)" STANDARD_IA
	done
	put s x
	s3 HEAD "/$B/s"
	is "$(h x-amz-storage-class)" ''
	put s x -H 'x-amz-storage-class: NOSUCH'
	code 400 InvalidStorageClass
}

@test 'what is not offered is refused, not ignored' {
	put s x -H 'x-amz-server-side-encryption: aws:kms'
	code 501 NotImplemented
	put s x -H 'x-amz-acl: public-read'
	code 400 AccessControlListNotSupported
	put s x -H 'x-amz-acl: nonsense'
	code 400 InvalidArgument
	put s x -H 'x-amz-object-lock-mode: GOVERNANCE'
	code 400 InvalidRequest
	put s x -H 'x-amz-acl: private'
	code 200
	put s x -H 'x-amz-acl: bucket-owner-full-control'
	code 200
}

@test 'tags' {
	covers GetObjectTagging PutObjectTagging DeleteObjectTagging
	put t x -H 'x-amz-tagging: b=2&a=1%2B1'
	code 200
	s3 HEAD "/$B/t"
	is "$(h x-amz-tagging-count)" 2
	s3 GET "/$B/t?tagging="
	code 200
	is "$(x Key | tr '\n' ' ')$(x Value | tr '\n' ' ')" 'a b 1+1 2 '
	s3 PUT "/$B/t?tagging=" --data-binary \
	    '<Tagging><TagSet><Tag><Key>k@</Key><Value/></Tag></TagSet></Tagging>'
	code 200
	s3 GET "/$B/t?tagging="
	is "$(x Key)" 'k@'
	s3 DELETE "/$B/t?tagging="
	code 204
	s3 HEAD "/$B/t"
	is "$(h x-amz-tagging-count)" ''
	put t x -H 'x-amz-tagging: a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9&j=0&k='
	code 400 BadRequest
	put t x -H 'x-amz-tagging: a=1&a=2'
	code 400 InvalidArgument
}

@test 'delete' {
	covers DeleteObject
	put d x
	s3 DELETE "/$B/d" -H 'If-Match: "a"'
	code 412 PreconditionFailed
	s3 DELETE "/$B/d" -H "If-Match: \"$(printf x | md5sum | cut -c-32)\""
	code 204
	s3 GET "/$B/d"
	code 404 NoSuchKey
	s3 DELETE "/$B/d"
	code 204
	s3 DELETE "/$B/d?versionId=rubbish"
	code 400 InvalidArgument
}

@test 'versions' {
	put v zero
	s3 PUT "/$B?versioning=" --data-binary '<VersioningConfiguration>
	    <Status>Enabled</Status></VersioningConfiguration>'
	code 200
	put v one
	one=$(h x-amz-version-id)
	put v two
	two=$(h x-amz-version-id)
	[ -n "$one" ] && [ "$one" != "$two" ]
	s3 DELETE "/$B/v"
	code 204
	is "$(h x-amz-delete-marker)" true
	marker=$(h x-amz-version-id)
	s3 GET "/$B/v"
	code 404 NoSuchKey
	is "$(h x-amz-delete-marker)" true
	is "$(h x-amz-version-id)" "$marker"
	s3 GET "/$B/v?versionId=$marker"
	code 405 MethodNotAllowed
	is "$(h x-amz-delete-marker)" true
	s3 GET "/$B/v?versionId=$one"
	body_is one
	is "$(h x-amz-version-id)" "$one"
	s3 GET "/$B/v?versionId=null"
	body_is zero
	s3 DELETE "/$B/v?versionId=$marker"
	code 204
	is "$(h x-amz-delete-marker)" true
	s3 GET "/$B/v"
	body_is two
	s3 DELETE "/$B/v?versionId=$two"
	s3 GET "/$B/v"
	body_is one
}

@test 'copy shares bytes and metadata' {
	covers CopyObject
	for n in 0 100 300000; do
		random_file "$W/in" "$n"
		put_file src "$W/in" -H 'x-amz-meta-a: 1' \
		    -H 'Content-Type: text/x' -H 'x-amz-tagging: t=1'
		tag=$(h etag)
		s3 PUT "/$B/dst" -H "x-amz-copy-source: /$B/src"
		code 200
		is "$(x ETag)" "$tag"
		s3 DELETE "/$B/src"
		s3 GET "/$B/dst"
		code 200
		cmp "$W/in" "$W/body"
		is "$(h x-amz-meta-a)$(h content-type)$(h x-amz-tagging-count)" \
		    1text/x1
		is "$(h etag)" "$tag"
	done
}

@test 'copy to another class moves the bytes' {
	for n in 100 300000; do
		random_file "$W/in" "$n"
		put_file src "$W/in"
		s3 PUT "/$B/dst" -H "x-amz-copy-source: $B/src" \
		    -H 'x-amz-storage-class: STANDARD_IA'
		code 200
		is "$(x ETag)" "\"$(md5 "$W/in")\""
		s3 GET "/$B/dst"
		is "$(h x-amz-storage-class)" STANDARD_IA
		cmp "$W/in" "$W/body"
		# and back
		s3 PUT "/$B/dst" -H "x-amz-copy-source: $B/dst" \
		    -H 'x-amz-storage-class: STANDARD'
		code 200
		s3 GET "/$B/dst"
		is "$(h x-amz-storage-class)" ''
		cmp "$W/in" "$W/body"
	done
}

@test 'copy replaces what it is told to' {
	put src x -H 'x-amz-meta-a: 1'
	s3 PUT "/$B/src" -H "x-amz-copy-source: $B/src"
	code 400 InvalidRequest
	s3 PUT "/$B/src" -H "x-amz-copy-source: $B/src" \
	    -H 'x-amz-metadata-directive: REPLACE' -H 'x-amz-meta-b: 2'
	code 200
	s3 GET "/$B/src"
	body_is x
	is "$(h x-amz-meta-a)-$(h x-amz-meta-b)" -2
	s3 PUT "/$B/dst" -H "x-amz-copy-source: $B/src" \
	    -H 'x-amz-metadata-directive: SOMETHING'
	code 400 InvalidArgument
	s3 PUT "/$B/dst" -H "x-amz-copy-source: $B/src" \
	    -H 'x-amz-checksum-algorithm: SHA256'
	code 200
	is "$(x ChecksumSHA256)" "$(printf x | openssl dgst -sha256 -binary |
	    base64)"
}

@test 'copy conditions and bad sources' {
	put src x
	tag=$(h etag)
	s3 PUT "/$B/dst" -H "x-amz-copy-source: $B/src" \
	    -H "x-amz-copy-source-if-match: $tag"
	code 200
	s3 PUT "/$B/dst" -H "x-amz-copy-source: $B/src" \
	    -H 'x-amz-copy-source-if-match: "a"'
	code 412 PreconditionFailed
	s3 PUT "/$B/dst" -H "x-amz-copy-source: $B/src" \
	    -H "x-amz-copy-source-if-none-match: $tag"
	code 412 PreconditionFailed
	s3 PUT "/$B/dst" -H "x-amz-copy-source: $B/src" -H 'If-None-Match: *'
	code 412 PreconditionFailed
	s3 PUT "/$B/new" -H "x-amz-copy-source: $B/none"
	code 404 NoSuchKey
	s3 PUT "/$B/new" -H "x-amz-copy-source: no-$B/src"
	code 404 NoSuchBucket
	s3 PUT "/$B/new" -H "x-amz-copy-source: $B"
	code 400 InvalidArgument
	s3 PUT "/$B/new" -H "x-amz-copy-source: $B/src?versionId=null"
	code 200
	s3 PUT "/$B/new" -H "x-amz-copy-source: $B/src?versionId=rubbish"
	code 400 InvalidArgument
}

@test 'copy of awkward names' {
	for key in '%20' 'a%2Bb' '%3FversionId' '%25' '%E2%82%AC'; do
		put "$key" "$key"
		s3 PUT "/$B/copy" -H "x-amz-copy-source: $B/$key"
		code 200
		s3 GET "/$B/copy"
		body_is "$key"
	done
	# a bare "+" is a space in the header, and itself in a path
	put 'a%20b' space
	for key in 'a+b' 'a%20b'; do
		s3 PUT "/$B/copy" -H "x-amz-copy-source: $B/$key"
		code 200
		s3 GET "/$B/copy"
		body_is space
	done
}

@test 'P5: rotten bytes are never sent as whole' {
	[ -n "$SERVE_PID" ] || skip 'needs the data folder'
	random_file "$W/in" 9000000
	# two extents, so that the body goes through the checking reader
	s3 POST "/$B/p?uploads="
	id=$(x UploadId)
	head -c 5242880 "$W/in" >"$W/p1"
	tail -c +5242881 "$W/in" >"$W/p2"
	s3 PUT "/$B/p?partNumber=1&uploadId=$id" -T "$W/p1"
	e1=$(h etag)
	s3 PUT "/$B/p?partNumber=2&uploadId=$id" -T "$W/p2"
	e2=$(h etag)
	s3 POST "/$B/p?uploadId=$id" --data-binary "<CompleteMultipartUpload>
	    <Part><PartNumber>1</PartNumber><ETag>$e1</ETag></Part>
	    <Part><PartNumber>2</PartNumber><ETag>$e2</ETag></Part>
	    </CompleteMultipartUpload>"
	code 200
	s3 GET "/$B/p"
	cmp "$W/in" "$W/body"
	blob=$(find "$SERVE_DIR/data/tiers/hot" -type f -size 5242880c |
	    head -n 1)
	chmod u+w "$blob"
	rot "$blob" 1000
	run s3 GET "/$B/p"
	[ "$status" -ne 0 ]
	run ! cmp -s "$W/in" "$W/body"
}

@test 'bytes that are gone are an error, not a missing key' {
	[ -n "$SERVE_PID" ] || skip 'needs the data folder'
	random_file "$W/in" 123457
	put_file g "$W/in"
	find "$SERVE_DIR/data/tiers/hot" -type f -size 123457c -delete
	s3 GET "/$B/g"
	code 500 InternalError
	# the server says so on stderr; that line is no surprise
	sed -i '/corrupt: no readable copy/d' "$SERVE_DIR/serve.err"
}

@test 'the access log names what was touched' {
	[ -n "$SERVE_PID" ] || skip 'needs the data folder'
	random_file "$W/in" 5000
	put_file log "$W/in"
	s3 GET "/$B/log" -H 'Range: bytes=1-100'
	s3 PUT "/$B/log2" -H "x-amz-copy-source: $B/log"
	log=$SERVE_DIR/data/access.jsonl
	# in any order: each line comes when its connection is done with it
	wait_until grep -q "CopyObject.*\"$B\"" "$log"
	wait_until grep -q "GetObject.*\"$B\"" "$log"
	line=$(grep '"GetObject"' "$log" | grep "\"$B\"")
	is "$(jq -r '[.key, .status, .size, .tier, .out,
	    .first, .length] | @csv' \
	    <<<"$line")" '"log",206,5000,"hot",100,1,100'
	line=$(grep '"CopyObject"' "$log" | grep "\"$B\"")
	is "$(jq -r .source <<<"$line")" "$B/log"
}

@test 'archived bytes are not read before they are restored' {
	[ -n "$SERVE_PID" ] || skip 'needs a server of its own'
	first=$SERVE_PID
	cat >"$W/config" <<-EOT
		{ "tiers": [
		    { "name": "hot", "url": "file:tiers/hot",
		        "storage_class": "STANDARD", "inline": true },
		    { "name": "archive", "url": "file:tiers/archive",
		        "storage_class": "DEEP_ARCHIVE",
		        "restore_delay": "1h" }
		] }
	EOT
	serve_start "$W/own" --config "$W/config"
	own=$SERVE_PID
	s3 PUT "/$B"
	random_file "$W/in" 300000
	put_file k "$W/in" -H 'x-amz-storage-class: DEEP_ARCHIVE'
	code 200
	s3 HEAD "/$B/k"
	code 200
	is "$(h x-amz-storage-class)" DEEP_ARCHIVE
	s3 GET "/$B/k"
	code 403 InvalidObjectState
	is "$(x StorageClass)" DEEP_ARCHIVE
	s3 PUT "/$B/c" -H "x-amz-copy-source: $B/k"
	code 403 InvalidObjectState
	s3 POST "/$B/u?uploads="
	id=$(x UploadId)
	s3 PUT "/$B/u?partNumber=1&uploadId=$id" -H "x-amz-copy-source: $B/k"
	code 403 InvalidObjectState
	# sharing needs no bytes
	s3 PUT "/$B/c" -H "x-amz-copy-source: $B/k" \
	    -H 'x-amz-storage-class: DEEP_ARCHIVE'
	code 200
	serve_stop "$own"
	SERVE_PID=$first
}

@test 'there are no torrents' {
	differs GetObjectTorrent 'there is never one: 404, as of no such key'
	put k x
	s3 GET "/$B/k?torrent="
	code 404 NoSuchKey
	[[ $(x Message) == *torrent* ]]
	s3 GET "/$B/none?torrent="
	code 404 NoSuchKey
}
