#!/usr/bin/env bats
# Server-side encryption: SSE-S3, SSE-C, a bucket's default, copies between
# them, multipart, moves, rotation.

load s3

SSE='x-amz-server-side-encryption'
KEY_A=pO3upElrwuEXSoFwCfnZPdSsmt/xWeFa0N9KgDijwVs=
MD5_A=DWygnHRtgiJ77HCm+1rvHw==
KEY_B=6b+WOZ1T3cqZMxgThRcXAQBrS5mXKdDUphvpxptl9/4=
MD5_B=arxBvwY2V4SiOne6yppVPQ==
S3=(-H "$SSE: AES256")
A=(-H "$SSE-customer-algorithm: AES256" -H "$SSE-customer-key: $KEY_A"
    -H "$SSE-customer-key-MD5: $MD5_A")
BB=(-H "$SSE-customer-algorithm: AES256" -H "$SSE-customer-key: $KEY_B"
    -H "$SSE-customer-key-MD5: $MD5_B")
SRC=x-amz-copy-source-server-side-encryption-customer
FROM_A=(-H "$SRC-algorithm: AES256" -H "$SRC-key: $KEY_A"
    -H "$SRC-key-MD5: $MD5_A")
FROM_B=(-H "$SRC-algorithm: AES256" -H "$SRC-key: $KEY_B"
    -H "$SRC-key-MD5: $MD5_B")

# stored TEXT: how many files of the store, its catalog among them, have it
stored() {
	# grep's status is no matter: 0 files is an answer
	grep -rlaF -e "$1" "$SERVE_DIR/data/tiers" \
	    "$SERVE_DIR"/data/catalog.db{,-wal} | wc -l
}

# text BYTES: a file of that many bytes that begins with a word of its own
secret() {
	WORD=secret-$BATS_TEST_NUMBER-$RANDOM$RANDOM
	{ echo "$WORD"; head -c "$1" /dev/urandom; } | head -c "$1" >"$W/in"
}

same() {
	cmp "$W/in" "$W/body"
}

# upload [CURL OPTION...]: begin one, the id in $ID
upload() {
	s3 POST "/$B/big?uploads=" "$@"
	code 200
	ID=$(x UploadId)
}

# part NUMBER FILE [CURL OPTION...]
part() {
	local n=$1 file=$2
	shift 2
	s3 PUT "/$B/big?partNumber=$n&uploadId=$ID" -T "$file" "$@"
}

# complete ETAG... [-- CURL OPTION...]
complete() {
	local n=0 body='<CompleteMultipartUpload>'
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		n=$((n + 1))
		body+="<Part><PartNumber>$n</PartNumber>"
		body+="<ETag>$1</ETag></Part>"
		shift
	done
	[ $# -eq 0 ] || shift
	s3 POST "/$B/big?uploadId=$ID" \
	    -d "$body</CompleteMultipartUpload>" "$@"
}

@test 'SSE-S3: of every size, whole and in ranges' {
	for n in 100 4096 4097 65536 65537 3000001; do
		secret "$n"
		put_file "o$n" "$W/in" "${S3[@]}"
		code 200
		is "$(h $SSE)" AES256
		is "$(h etag)" "\"$(md5 "$W/in")\""
		s3 GET "/$B/o$n"
		code 200
		is "$(h $SSE)" AES256
		same
		s3 HEAD "/$B/o$n"
		code 200
		is "$(h $SSE)" AES256
		is "$(h content-length)" "$n"
		is "$(stored "$WORD")" 0
		s3 GET "/$B/o$n" -H "Range: bytes=$((n / 3))-$((n - 2))"
		code 206
		cmp <(tail -c +$((n / 3 + 1)) "$W/in" | head -c -1) "$W/body"
	done
	# one that is not: the word is found, so looking for it means something
	secret 5000
	put_file plain "$W/in"
	is "$(h $SSE)" ''
	is "$(stored "$WORD")" 1
}

@test 'SSE-S3: an empty object' {
	put empty '' "${S3[@]}"
	code 200
	s3 GET "/$B/empty"
	code 200
	is "$(h $SSE)" AES256
	body_is ''
}

@test 'the master keys are made, for us alone, and stay' {
	put one x "${S3[@]}"
	code 200
	is "$(stat -c %a "$SERVE_DIR/data/master.keys")" 600
	local sum
	sum=$(md5 "$SERVE_DIR/data/master.keys")
	put two x "${S3[@]}"
	is "$(md5 "$SERVE_DIR/data/master.keys")" "$sum"
}

@test 'what is wrong with the headers' {
	put k x -H "$SSE: AES192"
	code 400 InvalidArgument
	put k x -H "$SSE: aws:kms"
	code 501 NotImplemented
	put k x -H "$SSE: aws:kms" "${A[@]}"
	code 400 InvalidArgument
	put k x "${S3[@]}" "${A[@]}"
	code 400 InvalidArgument
	put k x "${S3[@]}" -H "$SSE-aws-kms-key-id: k"
	code 400 InvalidArgument
	put k x -H "$SSE-aws-kms-key-id: k"
	code 400 InvalidArgument
	put k x "${A[0]}" "${A[1]}"
	code 400 InvalidArgument
	put k x "${A[@]:2}"
	code 400 InvalidArgument
	put k x "${A[@]:0:4}"
	code 400 InvalidArgument
	put k x "${A[@]:0:4}" -H "$SSE-customer-key-MD5: $MD5_B"
	code 400 InvalidArgument
	put k x -H "$SSE-customer-algorithm: AES192" "${A[@]:2}"
	code 400 InvalidEncryptionAlgorithmError
	put k x "${A[0]}" "${A[1]}" -H "$SSE-customer-key: c2hvcnQ=" \
	    -H "$SSE-customer-key-MD5: $MD5_A"
	code 400 InvalidArgument
	# no key in any answer or log
	! grep -q "$KEY_A" "$W/body" "$SERVE_DIR/data/access.jsonl"
}

@test 'SSE-C: only with its key' {
	for n in 100 70000; do
		secret "$n"
		put_file "o$n" "$W/in" "${A[@]}"
		code 200
		is "$(h $SSE-customer-algorithm)" AES256
		is "$(h $SSE-customer-key-MD5)" "$MD5_A"
		is "$(h $SSE)" ''
		[ "$(h etag)" != "\"$(md5 "$W/in")\"" ]
		is "$(stored "$WORD")" 0
		s3 GET "/$B/o$n" "${A[@]}"
		code 200
		same
		is "$(h $SSE-customer-key-MD5)" "$MD5_A"
		s3 GET "/$B/o$n" "${A[@]}" -H 'Range: bytes=50-60'
		code 206
		cmp <(tail -c +51 "$W/in" | head -c 11) "$W/body"
		s3 HEAD "/$B/o$n" "${A[@]}"
		code 200
		for how in GET HEAD; do
			s3 $how "/$B/o$n"
			code 400
			s3 $how "/$B/o$n" "${BB[@]}"
			code 403
		done
		s3 GET "/$B/o$n?attributes=" -H \
		    'x-amz-object-attributes: ObjectSize'
		code 400 InvalidRequest
		s3 GET "/$B/o$n?attributes=" "${A[@]}" -H \
		    'x-amz-object-attributes: ObjectSize'
		code 200
		is "$(x ObjectSize)" "$n"
	done
	s3 GET "/$B/o100"
	code 400 InvalidRequest
	s3 GET "/$B/o100" "${BB[@]}"
	code 403 AccessDenied
	is "$(stored "$KEY_A")" 0
	# an empty one has nothing to decrypt and keeps its word all the same
	put empty '' "${A[@]}"
	s3 GET "/$B/empty" "${BB[@]}"
	code 403 AccessDenied
	s3 GET "/$B/empty" "${A[@]}"
	code 200
}

@test 'a key for what has none' {
	put plain x
	s3 GET "/$B/plain" "${A[@]}"
	code 400 InvalidRequest
	s3 GET "/$B/plain" "${S3[@]}"
	code 400 InvalidArgument
	put s3 x "${S3[@]}"
	s3 GET "/$B/s3" "${A[@]}"
	code 400 InvalidRequest
	s3 HEAD "/$B/s3" "${S3[@]}"
	code 400
	s3 GET "/$B/s3"
	code 200
	body_is x
}

@test 'copies between all of them' {
	local from to src dst get
	for n in 200 150000; do
		secret "$n"
		put_file plain "$W/in"
		put_file s3 "$W/in" "${S3[@]}"
		put_file c "$W/in" "${A[@]}"
		for from in plain s3 c; do
			src=()
			[ $from != c ] || src=("${FROM_A[@]}")
			for to in plain s3 c; do
				dst=() get=()
				[ $to != s3 ] || dst=("${S3[@]}")
				[ $to != c ] || dst=("${BB[@]}") \
				    get=("${BB[@]}")
				s3 PUT "/$B/$from-$to" "${src[@]}" \
				    "${dst[@]}" \
				    -H "x-amz-copy-source: /$B/$from"
				code 200
				s3 GET "/$B/$from-$to" "${get[@]}"
				code 200
				same
				is "$(h $SSE)" "$([ $to != s3 ] ||
				    echo AES256)"
			done
		done
		# only the plain ones are to be found
		[ "$n" = 200 ] || is "$(stored "$WORD")" 3
	done
	s3 PUT "/$B/x" -H "x-amz-copy-source: /$B/c"
	code 400 InvalidRequest
	s3 PUT "/$B/x" -H "x-amz-copy-source: /$B/c" "${FROM_B[@]}"
	code 403 AccessDenied
	s3 PUT "/$B/x" -H "x-amz-copy-source: /$B/s3" "${FROM_A[@]}"
	code 400 InvalidRequest
}

@test 'a copy onto itself encrypts what was plain' {
	secret 80000
	put_file k "$W/in"
	s3 PUT "/$B/k" -H "x-amz-copy-source: /$B/k"
	code 400 InvalidRequest
	s3 PUT "/$B/k" -H "x-amz-copy-source: /$B/k" "${S3[@]}"
	code 200
	is "$(h $SSE)" AES256
	s3 GET "/$B/k"
	same
	is "$(h $SSE)" AES256
}

@test 'multipart: each part by its own key' {
	secret 5300000
	cp "$W/in" "$W/one"
	random_file "$W/two" 100000
	cat "$W/one" "$W/two" >"$W/in"

	upload "${S3[@]}"
	is "$(h $SSE)" AES256
	part 1 "$W/one" "${S3[@]}"
	code 400 InvalidArgument
	part 1 "$W/one"
	code 200
	is "$(h $SSE)" AES256
	local e1=$(h etag)
	is "$e1" "\"$(md5 "$W/one")\""
	part 2 "$W/two"
	complete "$e1" "$(h etag)"
	code 200
	is "$(h $SSE)" AES256
	# an SDK that lost the answer asks again
	complete "$e1" "$e1"
	code 200
	is "$(h $SSE)" AES256
	s3 GET "/$B/big"
	same
	is "$(stored "$WORD")" 0
	s3 GET "/$B/big" -H 'Range: bytes=5299990-5300009'
	cmp <(tail -c +5299991 "$W/in" | head -c 20) "$W/body"
	s3 GET "/$B/big?partNumber=2"
	code 206
	cmp "$W/two" "$W/body"

	upload "${A[@]}"
	is "$(h $SSE-customer-key-MD5)" "$MD5_A"
	part 1 "$W/one"
	code 400 InvalidRequest
	part 1 "$W/one" "${BB[@]}"
	code 400 InvalidRequest
	part 1 "$W/one" "${A[@]}"
	code 200
	e1=$(h etag)
	part 2 "$W/two" "${A[@]}"
	local e2=$(h etag)
	complete "$e1" "$e2" -- "${BB[@]}"
	code 400 InvalidRequest
	complete "$e1" "$e2"
	code 200
	s3 GET "/$B/big" "${A[@]}"
	same
	s3 GET "/$B/big?partNumber=1" "${A[@]}"
	code 206
	cmp "$W/one" "$W/body"
	s3 GET "/$B/big" "${BB[@]}"
	code 403 AccessDenied

	# an upload with checksums wants the key at its end, as on AWS
	upload "${A[@]}" -H 'x-amz-checksum-algorithm: CRC32'
	part 1 "$W/two" "${A[@]}"
	e1=$(h etag)
	complete "$e1"
	code 400 InvalidRequest
	complete "$e1" -- "${A[@]}"
	code 200

	# an upload that is plain takes no key
	upload
	part 1 "$W/two" "${A[@]}"
	code 400 InvalidRequest
}

@test 'parts copied from what is encrypted' {
	secret 200000
	put_file c "$W/in" "${A[@]}"
	put_file s3 "$W/in" "${S3[@]}"
	upload "${BB[@]}"
	local from="x-amz-copy-source: /$B/c"
	part 1 /dev/null -H "$from" "${BB[@]}"
	code 400 InvalidRequest
	part 1 /dev/null -H "$from" "${BB[@]}" "${FROM_B[@]}"
	code 403 AccessDenied
	part 1 /dev/null -H "$from" "${FROM_A[@]}"
	code 400 InvalidRequest
	part 1 /dev/null -H "$from" "${FROM_A[@]}" "${BB[@]}" \
	    -H 'x-amz-copy-source-range: bytes=1000-150000'
	code 200
	complete "$(x ETag)"
	code 200
	s3 GET "/$B/big" "${BB[@]}"
	cmp <(tail -c +1001 "$W/in" | head -c 149001) "$W/body"
	# a whole and a range of what master keys encrypt
	for range in 0-199999 7-130000; do
		upload "${S3[@]}"
		part 1 /dev/null -H "x-amz-copy-source: /$B/s3" \
		    -H "x-amz-copy-source-range: bytes=$range"
		code 200
		complete "$(x ETag)"
		s3 GET "/$B/big"
		code 200
		cmp <(tail -c +$((${range%-*} + 1)) "$W/in" |
		    head -c $((${range#*-} - ${range%-*} + 1))) "$W/body"
	done
}

CONF='<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule>'
END='</Rule></ServerSideEncryptionConfiguration>'
DEFAULT='<ApplyServerSideEncryptionByDefault><SSEAlgorithm>'
DEFAULT_END='</SSEAlgorithm></ApplyServerSideEncryptionByDefault>'

@test "a bucket's default" {
	covers DeleteBucketEncryption
	differs PutBucketEncryption 'AES256 alone: there is no KMS'
	differs GetBucketEncryption 'a bucket that was told nothing has none'
	s3 GET "/$B?encryption="
	code 404 ServerSideEncryptionConfigurationNotFoundError
	s3 PUT "/$B?encryption=" -d "$CONF$DEFAULT"AES256"$DEFAULT_END$END"
	code 200
	s3 GET "/$B?encryption="
	code 200
	is "$(x SSEAlgorithm)" AES256
	secret 50000
	put_file o "$W/in"
	code 200
	is "$(h $SSE)" AES256
	s3 GET "/$B/o"
	is "$(h $SSE)" AES256
	same
	is "$(stored "$WORD")" 0
	# a key of the request's own goes before it
	put_file c "$W/in" "${A[@]}"
	code 200
	s3 GET "/$B/c"
	code 400 InvalidRequest
	# copies and uploads follow it
	s3 PUT "/$B/copy" -H "x-amz-copy-source: /$B/o"
	is "$(h $SSE)" AES256
	upload
	is "$(h $SSE)" AES256
	s3 DELETE "/$B?encryption="
	code 204
	put_file p "$W/in"
	is "$(h $SSE)" ''
	s3 GET "/$B/o"
	is "$(h $SSE)" AES256
	same
}

@test "what is wrong with a bucket's default" {
	s3 PUT "/$B?encryption=" -d "$CONF$DEFAULT"aws:kms"$DEFAULT_END$END"
	code 501 NotImplemented
	s3 PUT "/$B?encryption=" -d "$CONF$DEFAULT"AES128"$DEFAULT_END$END"
	code 400 MalformedXML
	s3 PUT "/$B?encryption=" -d "$CONF<Rulez/>$END"
	code 400 MalformedXML
	s3 PUT "/$B?encryption=" -d "$CONF</Rule><Rule>$END"
	code 400 MalformedXML
	s3 PUT "/$B?encryption=" -d '<Other/>'
	code 400 MalformedXML
	s3 PUT "/$B?encryption=" -d "$CONF<BlockedEncryptionTypes>\
<EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes>$END"
	code 200
	put k x "${A[@]}"
	code 403 AccessDenied
	put k x
	code 200
	is "$(h $SSE)" ''
}

@test 'checksums are those of the plain bytes' {
	printf 'hello' >"$W/text"
	for how in S3 A; do
		local -n opt=$how
		s3 PUT "/$B/$how" -T "$W/text" "${opt[@]}" \
		    -H "x-amz-checksum-sha256: $(b64 sha256 "$W/text")"
		code 200
		s3 PUT "/$B/$how" -T "$W/text" "${opt[@]}" \
		    -H "Content-MD5: $(b64 md5 "$W/text")"
		code 200
		s3 PUT "/$B/$how" -T "$W/text" "${opt[@]}" \
		    -H "Content-MD5: $MD5_A"
		code 400 BadDigest
	done
}

@test 'P5 bytes that rotted are not served' {
	secret 200000
	put_file k "$W/in" "${S3[@]}"
	local f
	f=$(find "$SERVE_DIR/data/tiers/hot" -type f -newer "$W/in" |
	    head -n 1)
	s3 GET "/$B/k"
	same
	rot "$f" 100000
	# the chunk before it is served
	s3 GET "/$B/k" -H 'Range: bytes=0-1000'
	code 206
	s3 GET "/$B/k" -H 'Range: bytes=100000-100010' || :
	is "$(stat -c %s "$W/body")" 0
}

# everything to TIER
migrate() {
	vt-scan --quiet --data "$SERVE_DIR/data" | python3 -c 'import json,sys
for l in sys.stdin:
	r = json.loads(l)
	if r["bucket"] != sys.argv[2] or r["tier"] == sys.argv[1]: continue
	m = {k: r[k] for k in ("bucket", "key", "version", "seq", "generation",
	    "bucket_generation", "copy", "size")}
	m.update({"v": 1, "plan": "0123456789abcdef", "from": r["tier"],
	    "to": sys.argv[1]})
	print(json.dumps(m))' "$1" "$B" >"$W/plan"
	vt-migrate --data "$SERVE_DIR/data" --quiet "$W/plan" >"$W/moved"
	[ -s "$W/moved" ] && ! grep -v '"status":"moved"' "$W/moved"
}

@test 'P5 encrypted objects move without keys, and come back' {
	secret 5300000
	cp "$W/in" "$W/whole"
	put_file s3 "$W/in" "${S3[@]}"
	put_file c "$W/in" "${A[@]}"
	upload "${S3[@]}"
	part 1 "$W/in"
	local e1=$(h etag)
	printf tail >"$W/two"
	part 2 "$W/two"
	complete "$e1" "$(h etag)"
	code 200
	put tiny 'a few bytes' "${S3[@]}"
	mv "$SERVE_DIR/data/master.keys" "$W/away"
	for tier in cold hot; do
		migrate $tier
		s3 GET "/$B/s3"
		same
		s3 GET "/$B/c" "${A[@]}"
		same
		s3 GET "/$B/big?partNumber=2"
		body_is tail
		s3 GET "/$B/big" -H 'Range: bytes=5299999-5300003'
		code 206
		s3 GET "/$B/tiny"
		body_is 'a few bytes'
	done
	mv "$W/away" "$SERVE_DIR/data/master.keys"
}

# reload: and wait for the line that says it is done
reload() {
	local before
	before=$(reloads)
	kill -HUP "$SERVE_PID"
	wait_until reloaded "$before"
}

reloads() {
	grep -c 'needs a restart' "$SERVE_DIR/serve.err" || :
}

reloaded() {
	[ "$(reloads)" != "$1" ]
}

@test 'rotation wraps keys anew and writes no object' {
	secret 100000
	put_file k "$W/in" "${S3[@]}"
	local keys=$SERVE_DIR/data/master.keys f sum
	f=$(find "$SERVE_DIR/data/tiers" -type f -newer "$W/in" | head -n 1)
	sum=$(md5 "$f")
	echo "next-$BATS_TEST_NUMBER $(head -c 32 /dev/urandom | base64)" \
	    >>"$keys"
	reload
	run -0 --separate-stderr vt-migrate --data "$SERVE_DIR/data" --rewrap
	# shellcheck disable=SC2154 # run sets it
	[[ $stderr == *" 0 failed" ]]
	[[ $stderr != *" 0 were wrapped anew"* ]]
	# the old key may go now
	cp "$keys" "$W/both"
	grep "^next-$BATS_TEST_NUMBER" "$W/both" >"$keys"
	reload
	s3 GET "/$B/k"
	code 200
	same
	is "$(md5 "$f")" "$sum"
	run -0 --separate-stderr vt-migrate --data "$SERVE_DIR/data" --rewrap
	[[ $stderr == *" 0 were wrapped anew, 0 failed" ]]
}

@test 'a real client: aws s3 with keys of its own' {
	command -v aws >/dev/null || skip 'no aws'
	random_file "$W/f" 9000000
	printf '%s' "$KEY_A" | base64 -d >"$W/key"
	aws s3 cp --quiet --sse-c AES256 --sse-c-key "fileb://$W/key" \
	    "$W/f" "s3://$B/f"
	run ! aws s3 cp --quiet "s3://$B/f" "$W/none"
	aws s3 cp --quiet --sse-c AES256 --sse-c-key "fileb://$W/key" \
	    "s3://$B/f" "$W/back"
	cmp "$W/f" "$W/back"
}
