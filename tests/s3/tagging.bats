#!/usr/bin/env bats
# Tags of buckets and objects, GetObjectAttributes, parts by number.

load s3

# tagset N: a <Tagging> of N tags
tagset() {
	local i out=
	for ((i = 1; i <= $1; i++)); do
		out+="<Tag><Key>k$i</Key><Value>v$i</Value></Tag>"
	done
	printf '<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet>%s</TagSet></Tagging>' "$out"
}

one() {
	printf '<Tagging><TagSet><Tag><Key>%s</Key><Value>%s</Value></Tag></TagSet></Tagging>' "$1" "$2"
}

# letters N CHAR
letters() {
	printf "%.0s$2" $(seq "$1")
}

@test 'tags of a bucket' {
	covers GetBucketTagging PutBucketTagging DeleteBucketTagging
	s3 GET "/$B?tagging="
	code 404 NoSuchTagSet
	s3 PUT "/$B?tagging=" --data-binary "$(tagset 2)"
	code 204
	s3 GET "/$B?tagging="
	code 200
	is "$(x Key | tr '\n' ' ')$(x Value | tr '\n' ' ')" 'k1 k2 v1 v2 '
	# the whole set is replaced
	s3 PUT "/$B?tagging=" --data-binary "$(one 'Ü b+-=._:/@' '')"
	code 204
	s3 GET "/$B?tagging="
	is "$(x Key)" 'Ü b+-=._:/@'
	s3 PUT "/$B?tagging=" --data-binary "$(tagset 50)"
	code 204
	s3 PUT "/$B?tagging=" --data-binary "$(tagset 51)"
	code 400 BadRequest
	is "$(x Message)" 'Bucket tag count cannot be greater than 50'
	s3 GET "/$B?tagging="
	is "$(x Key | wc -l)" 50
	s3 PUT "/$B?tagging=" --data-binary "$(tagset 0)"
	code 204
	s3 GET "/$B?tagging="
	code 404 NoSuchTagSet
	s3 PUT "/$B?tagging=" --data-binary "$(tagset 1)"
	s3 DELETE "/$B?tagging="
	code 204
	s3 DELETE "/$B?tagging="
	code 204
	s3 GET "/$B?tagging="
	code 404 NoSuchTagSet
	s3 PUT "/$B?tagging=" --data-binary "$(tagset 1)" \
	    -H 'Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg=='
	code 400 BadDigest
	s3 GET "/no-$B?tagging="
	code 404 NoSuchBucket
}

@test 'what is no tag, of a bucket and of an object' {
	put o x
	for target in "/$B?tagging=" "/$B/o?tagging="; do
		while IFS='|' read -r key value message; do
			s3 PUT "$target" --data-binary "$(one "$key" "$value")"
			code 400 InvalidTag
			is "$(x Message)" "$message"
		done <<-EOT
			|x|The TagKey you have provided is invalid
			a&amp;b|x|The TagKey you have provided is invalid
			a*b|x|The TagKey you have provided is invalid
			$(letters 129 a)|x|The TagKey you have provided is invalid
			aws:a|x|System tags cannot be added/updated by requester
			a|b;c|The TagValue you have provided is invalid
			a|$(letters 257 a)|The TagValue you have provided is invalid
		EOT
		s3 PUT "$target" --data-binary "$(one "$(letters 128 ä)" "$(letters 256 ä)")"
		[ "$st" = 200 ] || [ "$st" = 204 ]
		s3 PUT "$target" --data-binary '<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>a</Key><Value>2</Value></Tag></TagSet></Tagging>'
		code 400 InvalidTag
		is "$(x Message)" 'Cannot provide multiple Tags with the same key'
		is "$(x TagKey)" a
		for bad in '<Tagging/>' '<Tags><TagSet/></Tags>' '<Tagging' \
		    '<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>' \
		    '<Tagging><TagSet><Tag><Value>a</Value></Tag></TagSet></Tagging>' \
		    '<Tagging><TagSet><Tog><Key>a</Key><Value>a</Value></Tog></TagSet></Tagging>'; do
			s3 PUT "$target" --data-binary "$bad"
			code 400 MalformedXML
		done
	done
	s3 PUT "/$B/o?tagging=" --data-binary "$(one 'a' 'b;c')"
	is "$(x TagKey) $(x TagValue)" 'a b;c'
}

@test 'tags of an object, of each of its versions' {
	s3 PUT "/$B?versioning=" --data-binary \
	    '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
	put o one -H 'x-amz-tagging: a=1&b=2'
	v1=$(h x-amz-version-id)
	put o two
	v2=$(h x-amz-version-id)
	s3 PUT "/$B/o?tagging=" --data-binary "$(tagset 10)"
	code 200
	is "$(h x-amz-version-id)" "$v2"
	s3 PUT "/$B/o?tagging=" --data-binary "$(tagset 11)"
	code 400 BadRequest
	is "$(x Message)" 'Object tags cannot be greater than 10'
	s3 GET "/$B/o?tagging=&versionId=$v1"
	code 200
	is "$(x Key | tr '\n' ' ')" 'a b '
	is "$(h x-amz-version-id)" "$v1"
	s3 HEAD "/$B/o"
	is "$(h x-amz-tagging-count)" 10
	s3 GET "/$B/o?versionId=$v1"
	is "$(h x-amz-tagging-count)" 2
	s3 DELETE "/$B/o?tagging=&versionId=$v1"
	code 204
	is "$(h x-amz-version-id)" "$v1"
	s3 GET "/$B/o?versionId=$v1"
	is "$(h x-amz-tagging-count)" ''
	s3 GET "/$B/o?tagging="
	is "$(x Key | wc -l)" 10
	s3 GET "/$B/o?tagging=&versionId=00112233445566778899aabbccddeeff"
	code 404 NoSuchVersion
	s3 DELETE "/$B/o"
	m=$(h x-amz-version-id)
	s3 GET "/$B/o?tagging="
	code 404 NoSuchKey
	s3 PUT "/$B/o?tagging=&versionId=$m" --data-binary "$(tagset 1)"
	code 405 MethodNotAllowed
}

@test 'tags of a write' {
	put o x -H 'x-amz-tagging: a=1&b'
	code 200
	s3 GET "/$B/o?tagging="
	is "$(x Key | tr '\n' ' ')" 'a b '
	put o x -H "x-amz-tagging: $(printf 'k%s=v&' $(seq 11))"
	code 400 BadRequest
	put o x -H 'x-amz-tagging: a=1&a=2'
	code 400 InvalidArgument
	is "$(x ArgumentName)" x-amz-tagging
	put o x -H 'x-amz-tagging: a=%zz'
	code 400 InvalidArgument
	for bad in 'a%26=1' 'a=%3B' 'aws:x=1' 'a=%ff' '=1'; do
		put o x -H "x-amz-tagging: $bad"
		code 400 InvalidTag
	done
	# copied, replaced, or taken away
	s3 PUT "/$B/c" -H "x-amz-copy-source: /$B/o"
	s3 GET "/$B/c?tagging="
	is "$(x Key | tr '\n' ' ')" 'a b '
	s3 PUT "/$B/c" -H "x-amz-copy-source: /$B/o" \
	    -H 'x-amz-tagging-directive: REPLACE' -H 'x-amz-tagging: z=9'
	s3 GET "/$B/c?tagging="
	is "$(x Key)$(x Value)" z9
	s3 PUT "/$B/c" -H "x-amz-copy-source: /$B/o" \
	    -H 'x-amz-tagging-directive: REPLACE'
	s3 GET "/$B/c?tagging="
	is "$(x Key)" ''
	s3 PUT "/$B/c" -H "x-amz-copy-source: /$B/o" \
	    -H 'x-amz-tagging-directive: KEEP'
	code 400 InvalidArgument
	is "$(x Message)" 'Unknown tagging directive.'
	# of an upload
	s3 POST "/$B/m?uploads=" -H 'x-amz-tagging: m=1'
	id=$(x UploadId)
	printf x >"$W/part"
	s3 PUT "/$B/m?partNumber=1&uploadId=$id" -T "$W/part"
	s3 POST "/$B/m?uploadId=$id" --data-binary "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>$(h etag)</ETag></Part></CompleteMultipartUpload>"
	code 200
	s3 HEAD "/$B/m"
	is "$(h x-amz-tagging-count)" 1
}

# upload KEY SIZE... -- [CURL OPTION...]: parts of those sizes
upload() {
	local key=$1 n=0 list= size
	shift
	s3 POST "/$B/$key?uploads=" "${@:$#}"
	code 200
	id=$(x UploadId)
	for size in "${@:1:$#-1}"; do
		n=$((n + 1))
		random_file "$W/part$n" "$size"
		s3 PUT "/$B/$key?partNumber=$n&uploadId=$id" \
		    -T "$W/part$n" ${SUM:+-H "x-amz-checksum-sha256: $(b64 sha256 "$W/part$n")"}
		code 200
		list+="<Part><PartNumber>$n</PartNumber><ETag>$(h etag)</ETag></Part>"
	done
	s3 POST "/$B/$key?uploadId=$id" --data-binary \
	    "<CompleteMultipartUpload>$list</CompleteMultipartUpload>"
	code 200
}

@test 'attributes: every field, versions, parts in pages' {
	s3 PUT "/$B?versioning=" --data-binary \
	    '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
	all='x-amz-object-attributes: ETag,Checksum,ObjectParts,StorageClass,ObjectSize'
	printf hello >"$W/t"
	put_file o "$W/t" -H "x-amz-checksum-sha256: $(b64 sha256 "$W/t")"
	v1=$(h x-amz-version-id)
	s3 GET "/$B/o?attributes=" -H "$all"
	code 200
	is "$(x ETag)" 5d41402abc4b2a76b9719d911017c592
	is "$(x ChecksumSHA256)" "$(b64 sha256 "$W/t")"
	is "$(x ChecksumType)" FULL_OBJECT
	is "$(x StorageClass) $(x ObjectSize)" 'STANDARD 5'
	is "$(h x-amz-version-id)" "$v1"
	[[ $(h last-modified) == *GMT ]]
	! grep ObjectParts "$W/body" || return 1
	SUM=1 upload o 5242880 5242880 100 \
	    '-Hx-amz-checksum-algorithm: SHA256'
	s3 GET "/$B/o?attributes=" -H "$all"
	is "$(x PartsCount) $(x MaxParts) $(x IsTruncated)" '3 1000 false'
	is "$(x PartNumber | tr '\n' ' ')" '1 2 3 '
	is "$(x Size | tr '\n' ' ')" '5242880 5242880 100 '
	is "$(x ObjectSize)" 10485860
	is "$(x ChecksumType)" COMPOSITE
	[[ $(x ETag) == *-3 ]]
	s3 GET "/$B/o?attributes=" -H 'x-amz-object-attributes: ObjectParts' \
	    -H 'x-amz-max-parts: 1' -H 'x-amz-part-number-marker: 1'
	is "$(x PartNumber) $(x NextPartNumberMarker) $(x PartNumberMarker) $(x IsTruncated)" \
	    '2 2 1 true'
	is "$(x ETag)$(x ObjectSize)" ''
	s3 GET "/$B/o?attributes=" -H 'x-amz-object-attributes: ObjectParts' \
	    -H 'x-amz-max-parts: 5' -H 'x-amz-part-number-marker: 2'
	is "$(x PartNumber) $(x IsTruncated)" '3 false'
	s3 GET "/$B/o?attributes=&versionId=$v1" -H "$all"
	is "$(x ObjectSize)" 5
	s3 GET "/$B/o?attributes="
	code 400 InvalidRequest
	s3 GET "/$B/o?attributes=" -H 'x-amz-object-attributes: Colour'
	code 400 InvalidArgument
	s3 GET "/$B/none?attributes=" -H "$all"
	code 404 NoSuchKey
	s3 DELETE "/$B/o"
	m=$(h x-amz-version-id)
	s3 GET "/$B/o?attributes=" -H "$all"
	code 404 NoSuchKey
	is "$(h x-amz-delete-marker)" true
	s3 GET "/$B/o?attributes=&versionId=$m" -H "$all"
	code 405 MethodNotAllowed
	# parts of an old version, whatever is current
	SUM= upload p 5242880 7 '-Hx-none: x'
	vp=$(h x-amz-version-id)
	put p x
	s3 GET "/$B/p?attributes=&versionId=$vp" -H "$all"
	is "$(x PartsCount)" 2
	s3 GET "/$B/p?partNumber=2&versionId=$vp"
	code 206
	is "$(h x-amz-mp-parts-count) $(h content-length)" '2 7'
	cmp "$W/body" "$W/part2"
}

@test 'a part by its number, and what is none' {
	upload m 5242880 9 '-Hx-none: x'
	s3 GET "/$B/m?partNumber=1"
	code 206
	is "$(h content-range)" 'bytes 0-5242879/5242889'
	cmp "$W/body" "$W/part1"
	s3 HEAD "/$B/m?partNumber=2"
	code 206
	is "$(h content-range)" 'bytes 5242880-5242888/5242889'
	is "$(h content-length) $(h x-amz-mp-parts-count)" '9 2'
	s3 GET "/$B/m?partNumber=3"
	code 416 InvalidPartNumber
	for bad in 0 10001 x -1; do
		s3 GET "/$B/m?partNumber=$bad"
		code 400 InvalidArgument
	done
	s3 GET "/$B/m?partNumber=1" -H 'Range: bytes=0-1'
	code 400 InvalidRequest
	s3 GET "/$B/m?partNumber=1" -H 'If-None-Match: *'
	code 304
	put one abc
	s3 GET "/$B/one?partNumber=1"
	code 206
	is "$(h content-range) $(h x-amz-mp-parts-count)" 'bytes 0-2/3 '
	s3 GET "/$B/one?partNumber=2"
	code 416 InvalidPartNumber
	put none ''
	s3 GET "/$B/none?partNumber=1"
	code 200
	is "$(h content-length)" 0
}
