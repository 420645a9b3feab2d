#!/usr/bin/env bats
# Multipart uploads.

load s3

MIN=5242880

# begin KEY [CURL OPTION...]: the upload's id in $id
begin() {
	local key=$1
	shift
	s3 POST "/$B/$key?uploads=" "$@"
	code 200
	id=$(x UploadId)
	[ -n "$id" ]
	list=''
}

# part KEY NUMBER FILE [CURL OPTION...]
part() {
	local key=$1 n=$2 file=$3
	shift 3
	s3 PUT "/$B/$key?partNumber=$n&uploadId=$id" -T "$file" "$@"
	code 200
	list+="<Part><PartNumber>$n</PartNumber><ETag>$(h etag)</ETag></Part>"
}

# complete KEY [CURL OPTION...]: of $list
complete() {
	local key=$1
	shift
	s3 POST "/$B/$key?uploadId=$id" --data-binary \
	    "<CompleteMultipartUpload>$list</CompleteMultipartUpload>" "$@"
}

# the three files that most tests upload, whole in $W/in
parts() {
	random_file "$W/p1" $MIN
	random_file "$W/p2" $((MIN + 1))
	random_file "$W/p3" 77
	cat "$W/p1" "$W/p2" "$W/p3" >"$W/in"
	tag=\"$(for p in 1 2 3; do openssl dgst -md5 -binary "$W/p$p"; done |
	    md5sum | cut -c-32)-3\"
}

@test 'parts become an object' {
	covers CreateMultipartUpload UploadPart CompleteMultipartUpload
	parts
	begin a/b -H 'Content-Type: text/x' -H 'x-amz-meta-a: 1' \
	    -H 'x-amz-tagging: t=1'
	part a/b 1 "$W/p1"
	part a/b 2 "$W/p2"
	part a/b 3 "$W/p3"
	s3 GET "/$B/a/b"
	code 404 NoSuchKey
	complete a/b
	code 200
	is "$(x ETag) $(x Bucket) $(x Key)" "$tag $B a/b"
	[[ $(x Location) == http*"/$B/a/b" ]]
	s3 GET "/$B/a/b"
	cmp "$W/in" "$W/body"
	is "$(h etag)" "$tag"
	is "$(h content-type)$(h x-amz-meta-a)$(h x-amz-tagging-count)" text/x11
	s3 GET "/$B/a/b" -H 'Range: bytes=5242870-5242890'
	code 206
	cmp "$W/body" <(tail -c +5242871 "$W/in" | head -c 21)
	s3 GET "/$B?prefix=a"
	is "$(x Size) $(x ETag)" "$(stat -c %s "$W/in") $tag"
}

@test 'reads by part' {
	parts
	begin k
	part k 2 "$W/p1"
	part k 5 "$W/p2"
	part k 7 "$W/p3"
	complete k
	code 200
	s3 GET "/$B/k?partNumber=5"
	code 206
	cmp "$W/p2" "$W/body"
	is "$(h x-amz-mp-parts-count)" 3
	is "$(h content-range)" \
	    "bytes $MIN-$((2 * MIN))/$(stat -c %s "$W/in")"
	s3 HEAD "/$B/k?partNumber=7"
	is "$(h content-length)" 77
	s3 GET "/$B/k?partNumber=3"
	code 416 InvalidPartNumber
	s3 GET "/$B/k?partNumber=0"
	code 400 InvalidArgument
	s3 GET "/$B/k?partNumber=2" -H 'Range: bytes=0-1'
	code 400 InvalidRequest
	put one xyz
	s3 GET "/$B/one?partNumber=1"
	code 206
	body_is xyz
	is "$(h x-amz-mp-parts-count)" ''
	s3 GET "/$B/one?partNumber=2"
	code 416 InvalidPartNumber
}

@test 'Complete answers again, and only then' {
	begin k
	part k 1 /dev/null
	complete k
	code 200
	cp "$W/body" "$W/first"
	complete k
	code 200
	cmp "$W/first" "$W/body"
	s3 PUT "/$B/k?partNumber=1&uploadId=$id" -T /dev/null
	code 404 NoSuchUpload
	s3 GET "/$B/k?uploadId=$id"
	code 404 NoSuchUpload
	# another key's upload is not this one's
	s3 POST "/$B/other?uploadId=$id" --data-binary \
	    "<CompleteMultipartUpload>$list</CompleteMultipartUpload>"
	code 404 NoSuchUpload
	# what it made is gone
	s3 DELETE "/$B/k"
	complete k
	code 404 NoSuchUpload
}

@test 'part lists that are wrong' {
	random_file "$W/small" 100
	begin k
	part k 1 "$W/small"
	part k 2 "$W/small"
	complete k
	code 400 EntityTooSmall
	is "$(x PartNumber) $(x ProposedSize) $(x MinSizeAllowed)" "1 100 $MIN"
	good=$list
	list=''
	complete k
	code 400 MalformedXML
	s3 POST "/$B/k?uploadId=$id" --data-binary nonsense
	code 400 MalformedXML
	list='<Part><PartNumber>3</PartNumber><ETag>"00"</ETag></Part>'
	complete k
	code 400 InvalidPart
	list='<Part><PartNumber>1</PartNumber><ETag>"00"</ETag></Part>'
	complete k
	code 400 InvalidPart
	list='<Part><PartNumber>1</PartNumber></Part>'
	complete k
	code 400 MalformedXML
	list=$(sed 's|\(<Part>.*</Part>\)\(<Part>.*</Part>\)|\2\1|' <<<"$good")
	complete k
	code 400 InvalidPartOrder
	# the last part alone is as small as it likes
	list=${good##*</Part><Part>}
	list="<Part>$list"
	complete k
	code 200
}

@test 'a part sent again replaces the first' {
	random_file "$W/a" 1000
	random_file "$W/b" 70000
	begin k
	part k 1 "$W/a"
	old=$list list=''
	part k 1 "$W/b"
	new=$list list=$old
	complete k
	code 400 InvalidPart
	list=$old$new
	complete k
	code 200
	s3 GET "/$B/k"
	cmp "$W/b" "$W/body"
}

@test 'uploads that are not there' {
	id=00112233445566778899aabbccddeeff
	s3 PUT "/$B/k?partNumber=1&uploadId=$id" -T /dev/null
	code 404 NoSuchUpload
	s3 POST "/$B/k?uploadId=$id" --data-binary '<CompleteMultipartUpload/>'
	code 404 NoSuchUpload
	s3 DELETE "/$B/k?uploadId=$id"
	code 404 NoSuchUpload
	s3 GET "/$B/k?uploadId=$id"
	code 404 NoSuchUpload
	begin k
	s3 PUT "/$B/k?partNumber=10001&uploadId=$id" -T /dev/null
	code 400 InvalidArgument
	s3 PUT "/$B/k?partNumber=0&uploadId=$id" -T /dev/null
	code 400 InvalidArgument
}

@test 'abort' {
	covers AbortMultipartUpload
	random_file "$W/a" 100000
	begin k
	part k 1 "$W/a"
	s3 DELETE "/$B/k?uploadId=$id"
	code 204
	s3 DELETE "/$B/k?uploadId=$id"
	code 404 NoSuchUpload
	complete k
	code 404 NoSuchUpload
}

@test 'list parts' {
	covers ListParts
	random_file "$W/a" 10
	begin k -H 'x-amz-storage-class: STANDARD_IA' \
	    -H 'x-amz-checksum-algorithm: SHA256'
	for n in 1 3 4 10000; do
		part k "$n" "$W/a"
	done
	s3 GET "/$B/k?uploadId=$id"
	code 200
	is "$(x PartNumber | tr '\n' ' ')$(x IsTruncated)" '1 3 4 10000 false'
	is "$(x Size | sort -u) $(x StorageClass)" '10 STANDARD_IA'
	is "$(x ChecksumSHA256 | sort -u)" "$(b64 sha256 "$W/a")"
	is "$(x ChecksumAlgorithm)$(x ChecksumType)" SHA256COMPOSITE
	s3 GET "/$B/k?max-parts=2&part-number-marker=1&uploadId=$id"
	is "$(x PartNumber | tr '\n' ' ')$(x IsTruncated)" '3 4 true'
	is "$(x PartNumberMarker) $(x NextPartNumberMarker)" '1 4'
	s3 GET "/$B/k?max-parts=x&uploadId=$id"
	code 400 InvalidArgument
}

@test 'list uploads' {
	covers ListMultipartUploads
	begin a/1
	one=$id
	begin a/1
	two=$id
	begin b
	s3 GET "/$B?uploads="
	code 200
	is "$(x Key | tr '\n' ' ')" 'a/1 a/1 b '
	is "$(x UploadId | head -n 2 | tr '\n' ' ')" "$one $two "
	s3 GET "/$B?delimiter=%2F&uploads="
	is "$(x Key)" b
	grep -q '<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>' "$W/body"
	s3 GET "/$B?max-uploads=1&uploads="
	is "$(x IsTruncated)$(x NextKeyMarker)" truea/1
	is "$(x NextUploadIdMarker)" "$one"
	s3 GET "/$B?key-marker=a%2F1&max-uploads=1&upload-id-marker=$one&uploads="
	is "$(x UploadId)" "$two"
	s3 GET "/$B?key-marker=a%2F1&uploads="
	is "$(x Key)" b
	s3 GET "/$B?prefix=a&uploads="
	is "$(x Key | tr '\n' ' ')" 'a/1 a/1 '
	# what is done is listed no more
	s3 DELETE "/$B/b?uploadId=$id"
	id=$one
	list=''
	part a/1 1 /dev/null
	complete a/1
	code 200
	s3 GET "/$B?uploads="
	is "$(x UploadId)" "$two"
}

@test 'checksums over parts' {
	covers GetObjectAttributes
	parts
	for alg in CRC32 CRC32C CRC64NVME SHA1 SHA256; do
		# what the whole has, sent in one piece
		s3 PUT "/$B/whole" -T "$W/in" -H "x-amz-checksum-$(tr A-Z a-z \
		    <<<"$alg"): AAAA"
		case $alg in
		SHA*) type=COMPOSITE ;;
		CRC64NVME) type=FULL_OBJECT ;;
		*) type=FULL_OBJECT ;;
		esac
		begin k -H "x-amz-checksum-algorithm: $alg" \
		    -H "x-amz-checksum-type: $type"
		is "$(h x-amz-checksum-algorithm)" $alg
		for p in 1 2 3; do
			part k $p "$W/p$p"
			[ -n "$(h "x-amz-checksum-$alg")" ]
		done
		complete k
		code 200
		sum=$(x "Checksum$alg")
		is "$(x ChecksumType)" $type
		s3 HEAD "/$B/k" -H 'x-amz-checksum-mode: ENABLED'
		is "$(h "x-amz-checksum-$alg")" "$sum"
		is "$(h x-amz-checksum-type)" $type
		if [ $type = FULL_OBJECT ]; then
			# the server takes it for the whole body
			s3 PUT "/$B/whole" -T "$W/in" \
			    -H "x-amz-checksum-$alg: $sum"
			code 200
		else
			[[ $sum == *-3 ]]
		fi
		s3 GET "/$B/k?partNumber=3" -H 'x-amz-checksum-mode: ENABLED'
		[ -n "$(h "x-amz-checksum-$alg")" ]
		s3 GET "/$B/k?attributes=" -H 'x-amz-object-attributes: Checksum,ObjectParts,ObjectSize'
		code 200
		is "$(x PartsCount) $(x ObjectSize)" "3 $(stat -c %s "$W/in")"
	done
	is "$sum" "$(for p in 1 2 3; do
		openssl dgst -sha256 -binary "$W/p$p"
	    done | openssl dgst -sha256 -binary | base64)-3"
	# without being asked, the whole has its CRC64NVME
	begin k
	for p in 1 2 3; do
		part k $p "$W/p$p"
	done
	complete k
	s3 HEAD "/$B/k" -H 'x-amz-checksum-mode: ENABLED'
	sum=$(h x-amz-checksum-crc64nvme)
	s3 PUT "/$B/whole" -T "$W/in" -H "x-amz-checksum-crc64nvme: $sum"
	code 200
}

@test 'checksums that are wrong' {
	random_file "$W/a" 1000
	begin k -H 'x-amz-checksum-algorithm: CRC32' \
	    -H 'x-amz-checksum-type: COMPOSITE'
	s3 PUT "/$B/k?partNumber=1&uploadId=$id" -T "$W/a" \
	    -H 'x-amz-checksum-crc32: AAAAAA=='
	code 400 BadDigest
	s3 PUT "/$B/k?partNumber=1&uploadId=$id" -T "$W/a" \
	    -H 'x-amz-checksum-crc32c: AAAAAA=='
	code 400 InvalidRequest
	part k 1 "$W/a"
	complete k -H 'x-amz-checksum-crc32: AAAAAA==-1'
	code 400 BadDigest
	complete k -H 'x-amz-checksum-type: FULL_OBJECT'
	code 400 InvalidRequest
	complete k -H 'x-amz-mp-object-size: 999'
	code 400 InvalidRequest
	list=${list/<\/Part>/<ChecksumCRC32>AAAAAA==<\/ChecksumCRC32><\/Part>}
	complete k
	code 400 InvalidPart
	for bad in 'SHA256 FULL_OBJECT' 'CRC64NVME COMPOSITE' 'CRC32 SOME'; do
		s3 POST "/$B/k?uploads=" \
		    -H "x-amz-checksum-algorithm: ${bad% *}" \
		    -H "x-amz-checksum-type: ${bad#* }"
		code 400 InvalidRequest
	done
	s3 POST "/$B/k?uploads=" -H 'x-amz-checksum-algorithm: MD4'
	code 400 InvalidRequest
}

@test 'conditional Complete' {
	begin k
	part k 1 /dev/null
	complete k -H 'If-Match: "a"'
	code 404 NoSuchKey
	complete k -H 'If-None-Match: *'
	code 200
	begin k
	part k 1 /dev/null
	complete k -H 'If-None-Match: *'
	code 412 PreconditionFailed
	s3 HEAD "/$B/k"
	tag=$(h etag)
	complete k -H "If-None-Match: $tag"
	code 412 PreconditionFailed
	complete k -H "If-Match: $tag"
	code 200
}

@test 'parts copied from objects' {
	covers UploadPartCopy
	random_file "$W/in" 11000000
	put_file src "$W/in"
	tag=$(h etag)
	begin k
	s3 PUT "/$B/k?partNumber=1&uploadId=$id" \
	    -H "x-amz-copy-source: $B/src"
	code 200
	is "$(x ETag)" "$tag"
	list="<Part><PartNumber>1</PartNumber><ETag>$tag</ETag></Part>"
	s3 PUT "/$B/k?partNumber=2&uploadId=$id" \
	    -H "x-amz-copy-source: $B/src" \
	    -H 'x-amz-copy-source-range: bytes=1000000-6999999'
	code 200
	tail -c +1000001 "$W/in" | head -c 6000000 >"$W/mid"
	is "$(x ETag)" "\"$(md5 "$W/mid")\""
	list+="<Part><PartNumber>2</PartNumber><ETag>$(x ETag)</ETag></Part>"
	# an inline source, and a range of it
	put tiny 0123456789
	s3 PUT "/$B/k?partNumber=3&uploadId=$id" \
	    -H "x-amz-copy-source: $B/tiny" \
	    -H 'x-amz-copy-source-range: bytes=2-4'
	code 200
	list+="<Part><PartNumber>3</PartNumber><ETag>$(x ETag)</ETag></Part>"
	complete k
	code 200
	s3 DELETE "/$B/src"
	s3 DELETE "/$B/tiny"
	s3 GET "/$B/k"
	cmp "$W/body" <(cat "$W/in" "$W/mid"; printf 234)
	# a range over the seams of what was put together
	begin again
	s3 PUT "/$B/again?partNumber=1&uploadId=$id" \
	    -H "x-amz-copy-source: $B/k" \
	    -H 'x-amz-copy-source-range: bytes=10999990-17000001'
	code 200
	list="<Part><PartNumber>1</PartNumber><ETag>$(x ETag)</ETag></Part>"
	complete again
	code 200
	s3 GET "/$B/k" -H 'Range: bytes=10999990-17000001'
	mv "$W/body" "$W/want"
	s3 GET "/$B/again"
	cmp "$W/want" "$W/body"
	# ... and the whole to another class
	s3 PUT "/$B/cold" -H "x-amz-copy-source: $B/k" \
	    -H 'x-amz-storage-class: STANDARD_IA'
	code 200
	s3 GET "/$B/cold"
	cmp "$W/body" <(cat "$W/in" "$W/mid"; printf 234)
	is "$(h etag)" "\"$(md5 "$W/body")\""
	# ... and shared: it keeps its parts and its ETag
	s3 PUT "/$B/shared" -H "x-amz-copy-source: $B/k"
	code 200
	s3 GET "/$B/shared?partNumber=3"
	body_is 234
	is "$(h x-amz-mp-parts-count)" 3
}

@test 'copied ranges that are wrong' {
	put src 01234
	begin k
	for range in 0-2 bytes=0 bytes=hello-world bytes=0-bar bytes=hello- \
	    bytes=0-2,3-5 bytes=3-2; do
		s3 PUT "/$B/k?partNumber=1&uploadId=$id" \
		    -H "x-amz-copy-source: $B/src" \
		    -H "x-amz-copy-source-range: $range"
		code 400 InvalidArgument
	done
	s3 PUT "/$B/k?partNumber=1&uploadId=$id" \
	    -H "x-amz-copy-source: $B/src" \
	    -H 'x-amz-copy-source-range: bytes=0-5'
	code 416 InvalidRange
}

@test 'an upload in another class' {
	parts
	begin k -H 'x-amz-storage-class: GLACIER_IR'
	part k 1 "$W/p1"
	s3 PUT "/$B/k?partNumber=2&uploadId=$id" \
	    -H "x-amz-copy-source: $B/none"
	code 404 NoSuchKey
	put_file src "$W/p2"
	s3 PUT "/$B/k?partNumber=2&uploadId=$id" -H "x-amz-copy-source: $B/src"
	code 200
	list+="<Part><PartNumber>2</PartNumber><ETag>$(x ETag)</ETag></Part>"
	part k 3 "$W/p3"
	complete k
	code 200
	is "$(x ETag)" "$tag"
	s3 GET "/$B/k"
	cmp "$W/in" "$W/body"
	is "$(h x-amz-storage-class)" GLACIER_IR
}

# Each round shares the blobs of the last one twice: of 2^17 the catalog could
# not tell a reader any more.
@test 'P9 however parts share blobs, an object has as many as can be read' {
	local round at=$MIN
	head -c $((MIN + 1)) /dev/zero >"$W/in"
	put_file k "$W/in"
	code 200
	for ((round = 0; round < 17; round++)); do
		begin k
		s3 PUT "/$B/k?partNumber=1&uploadId=$id" \
		    -H "x-amz-copy-source: $B/k"
		list+="<Part><PartNumber>1</PartNumber><ETag>$(x ETag)</ETag></Part>"
		s3 PUT "/$B/k?partNumber=2&uploadId=$id" \
		    -H "x-amz-copy-source: $B/k" \
		    -H "x-amz-copy-source-range: bytes=$MIN-$at"
		code 200
		list+="<Part><PartNumber>2</PartNumber><ETag>$(x ETag)</ETag></Part>"
		complete k
		code 200
		at=$((2 * at - MIN + 1))
	done
	head -c $((at + 1)) /dev/zero >"$W/in"
	s3 GET "/$B/k"
	code 200
	cmp "$W/in" "$W/body"
}
