#!/usr/bin/env bats
# Tiers that compress and encrypt: every operation over them, moves between
# them, what rot does, and vt-get undoing it from the tier alone.

load s3

KEY_HEX=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
SSE=x-amz-server-side-encryption
KEY_A=pO3upElrwuEXSoFwCfnZPdSsmt/xWeFa0N9KgDijwVs=
A=(-H "$SSE-customer-algorithm: AES256" -H "$SSE-customer-key: $KEY_A"
    -H "$SSE-customer-key-MD5: DWygnHRtgiJ77HCm+1rvHw==")
# by tier
HOT=(-H 'x-amz-storage-class: STANDARD')
ZIP=(-H 'x-amz-storage-class: STANDARD_IA')
SAFE=(-H 'x-amz-storage-class: GLACIER_IR')
BOTH=(-H 'x-amz-storage-class: ONEZONE_IA')
NAMED=(-H 'x-amz-storage-class: INTELLIGENT_TIERING')
DEEP=(-H 'x-amz-storage-class: DEEP_ARCHIVE')

setup_file() {
	mkdir -p "$BATS_FILE_TMPDIR/data"
	cat >"$BATS_FILE_TMPDIR/data/vaultaire.json" <<-'END'
	{"gc_interval": "50ms", "tiers": [
		{"name": "hot", "url": "file:tiers/hot",
		 "storage_class": "STANDARD"},
		{"name": "zip", "url": "file:tiers/zip", "compress": true,
		 "storage_class": "STANDARD_IA"},
		{"name": "safe", "url": "file:tiers/safe",
		 "encrypt": "master", "inline": true,
		 "storage_class": "GLACIER_IR"},
		{"name": "both", "url": "file:tiers/both", "compress": 9,
		 "encrypt": "master", "price": "ONEZONE_IA",
		 "storage_class": "ONEZONE_IA"},
		{"name": "named", "url": "file:tiers/named",
		 "encrypt": "of-a-tier", "price": "STANDARD",
		 "storage_class": "INTELLIGENT_TIERING"},
		{"name": "deep", "url": "file:tiers/deep", "compress": true,
		 "encrypt": "master", "restore_delay": "1ms",
		 "storage_class": "DEEP_ARCHIVE"}]}
	END
	serve_start "$BATS_FILE_TMPDIR"
}

# What is spoilt and what has no key is told of, and nothing else.
teardown_file() {
	serve_stop
	sed -i '/corrupt: the index of a transf/d
	    /there is no master key .of-a-tier/d
	    /re-opened the access log/d' "$BATS_FILE_TMPDIR/serve.err"
	serve_said "$BATS_FILE_TMPDIR"
}

# text LINES: a file that shrinks, with a word of its own
text() {
	WORD=secret-$BATS_TEST_NUMBER-$RANDOM$RANDOM
	{ echo "$WORD"; seq "$1"; } >"$W/in"
}

files() {
	find "$SERVE_DIR/data/tiers" -type f | sort
}

setup() {
	files >"$BATS_TEST_TMPDIR/before"
	W=$BATS_TEST_TMPDIR
	B=t$BATS_TEST_NUMBER-$$-$RANDOM
	s3 PUT "/$B"
	code 200
}

same() {
	cmp "$W/in" "$W/body"
}

# blobs TIER: the files that came to it in this test
blobs() {
	files | comm -13 "$W/before" - | grep "/tiers/$1/" || :
}

# The one blob of TIER.
blob() {
	local f
	f=$(blobs "$1")
	[ -n "$f" ] && [ "$(wc -l <<<"$f")" = 1 ] || {
		printf 'blobs of %s: %s\n' "$1" "$f" >&2
		return 1
	}
	printf %s "$f"
}

# head_of FILE: codec and cipher of a stored blob, "" of a plain one
head_of() {
	[ "$(head -c 8 "$1" | xxd -p)" = 895654580d0a1a0a ] || return 0
	xxd -p -s 9 -l 2 "$1"
}

# rot FILE OFFSET: change one bit
rot() {
	local byte
	byte=$(xxd -p -s "$2" -l 1 "$1")
	printf '%02x' $((16#$byte ^ 1)) | xxd -r -p |
	    dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# scanned KEY FIELD
scanned() {
	vt-scan --quiet --data "$SERVE_DIR/data" | /usr/bin/python3 -c '
import json, sys
for l in sys.stdin:
	r = json.loads(l)
	r.setdefault("stored_bytes", r["size"])
	if [r["bucket"], r["key"]] == sys.argv[1:3]: print(r[sys.argv[3]])
' "$B" "$1" "$2"
}

# migrate TIER: all of the bucket to it
migrate() {
	vt-scan --quiet --data "$SERVE_DIR/data" | /usr/bin/python3 -c '
import json, sys
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

# Every range that is hard: at ends of chunks of 64 KiB and 256 KiB.
ranges() {
	local size r
	size=$(stat -c %s "$W/in")
	for r in 0-0 0-262143 262143-262144 65535-65536 262144-524287 \
	    500000-1200000 "$((size - 1))-" -100 0-; do
		s3 GET "/$B/$1" -H "Range: bytes=$r"
		code 206
		cut_in "$r" "$size" | cmp - "$W/body"
	done
}

cut_in() {
	local first=${1%-*} last=${1#*-}
	[ -n "$first" ] || { first=$(($2 - last)); last=; }
	[ -n "$last" ] || last=$(($2 - 1))
	tail -c +$((first + 1)) "$W/in" | head -c $((last - first + 1))
}

@test 'objects are compressed, encrypted, or both, and read as they came' {
	text 300000
	local tier class size sum
	size=$(stat -c %s "$W/in")
	sum=$(md5 "$W/in")
	for tier in zip safe both; do
		case $tier in
		zip) class=("${ZIP[@]}") ;;
		safe) class=("${SAFE[@]}") ;;
		both) class=("${BOTH[@]}") ;;
		esac
		put_file $tier "$W/in" "${class[@]}"
		code 200
		is "$(h etag)" "\"$sum\""
		s3 GET "/$B/$tier"
		same
		s3 HEAD "/$B/$tier"
		is "$(h content-length)" "$size"
		is "$(h etag)" "\"$sum\""
		is "$(h $SSE)" ''
		ranges $tier
	done
	is "$(head_of "$(blob zip)")" 0100
	is "$(head_of "$(blob safe)")" 0001
	is "$(head_of "$(blob both)")" 0101
	is "$(grep -c "$WORD" "$(blob safe)")" 0
	[ "$(stat -c %s "$(blob both)")" -lt $((size / 2)) ]
	# plain bytes to clients, stored ones to the bill
	s3 GET "/$B?list-type=2"
	is "$(x Size | sort -u)" "$size"
	is "$(scanned zip size)" "$size"
	is "$(scanned zip stored_bytes)" "$(stat -c %s "$(blob zip)")"
}

@test 'what does not shrink is stored as it is, what is empty not at all' {
	printf '' >"$W/empty"
	head -c 700000 /dev/urandom >"$W/in"
	put_file noise "$W/in" "${ZIP[@]}"
	code 200
	cmp "$W/in" "$(blob zip)"
	s3 GET "/$B/noise"
	same
	put_file empty "$W/empty" "${BOTH[@]}"
	code 200
	s3 GET "/$B/empty"
	code 200
	body_is ''
	is "$(blobs both)" ''
	# noise at the beginning, text behind: judged by its beginning; the
	# other way round each chunk is judged
	{ seq 100000; cat "$W/in"; } >"$W/mix"
	put_file mix "$W/mix" "${BOTH[@]}"
	is "$(head_of "$(blob both)")" 0101
	s3 GET "/$B/mix"
	cmp "$W/mix" "$W/body"
}

@test 'bodies of unknown length, forms of small bodies, inline ones' {
	text 200000
	s3 PUT "/$B/chunked" -H 'Transfer-Encoding: chunked' "${BOTH[@]}" \
	    -T "$W/in"
	code 200
	s3 GET "/$B/chunked"
	same
	put small "word $WORD" "${SAFE[@]}"
	code 200
	s3 GET "/$B/small"
	body_is "word $WORD"
	s3 GET "/$B/small" -H 'Range: bytes=5-'
	body_is "$WORD"
	# it went into the catalog, which does not tell it either
	is "$(blobs safe)" ''
	is "$(cat "$SERVE_DIR"/data/catalog.db* | grep -c "$WORD")" 0
	put small "word" "${ZIP[@]}"
	s3 GET "/$B/small"
	body_is word
}

@test 'multipart and its ranges, copies between tiers and within one' {
	text 900000
	split -b 5242880 "$W/in" "$W/part."
	s3 POST "/$B/big?uploads=" "${BOTH[@]}"
	local id n=0 f body='<CompleteMultipartUpload>'
	id=$(x UploadId)
	for f in "$W"/part.*; do
		n=$((n + 1))
		s3 PUT "/$B/big?partNumber=$n&uploadId=$id" -T "$f"
		code 200
		body+="<Part><PartNumber>$n</PartNumber>"
		body+="<ETag>$(h etag)</ETag></Part>"
	done
	printf '%s</CompleteMultipartUpload>' "$body" >"$W/parts"
	s3 POST "/$B/big?uploadId=$id" --data-binary @"$W/parts"
	code 200
	s3 GET "/$B/big"
	same
	ranges big
	s3 GET "/$B/big" -H 'Range: bytes=5242000-5243999'
	cut_in 5242000-5243999 0 | cmp - "$W/body"
	for class in STANDARD STANDARD_IA GLACIER_IR ONEZONE_IA; do
		s3 PUT "/$B/$class" -H "x-amz-copy-source: /$B/big" \
		    -H "x-amz-storage-class: $class"
		code 200
		s3 GET "/$B/$class"
		same
	done
	# within the tier no byte was written again
	is "$(blobs both | wc -l)" 2
	s3 POST "/$B/joined?uploads=" "${ZIP[@]}"
	id=$(x UploadId)
	s3 PUT "/$B/joined?partNumber=1&uploadId=$id" \
	    -H "x-amz-copy-source: /$B/STANDARD_IA" \
	    -H 'x-amz-copy-source-range: bytes=100-5999999'
	code 200
	printf '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>%s' \
	    "<ETag>$(x ETag)</ETag></Part></CompleteMultipartUpload>" \
	    >"$W/parts"
	s3 POST "/$B/joined?uploadId=$id" --data-binary @"$W/parts"
	code 200
	s3 GET "/$B/joined"
	cut_in 100-5999999 0 | cmp - "$W/body"
}

@test 'P5 moves undo what a tier did, and do what the other does' {
	text 200000
	put_file k "$W/in"
	s3 HEAD "/$B/k"
	local before tier
	before=$(h etag)$(h last-modified)
	for tier in zip both safe zip hot; do
		migrate $tier
		s3 GET "/$B/k"
		same
		is "$(h etag)$(h last-modified)" "$before"
		ranges k
	done
	is "$(head_of "$(blobs safe)")" 0001
	is "$(head_of "$(blobs both)")" 0101
	# back on a plain tier it is plain
	for f in $(blobs hot); do
		cmp "$f" "$W/in"
	done
	is "$(scanned k stored_bytes)" "$(stat -c %s "$W/in")"
}

@test 'P5 a blob that was changed is found, and what is right is still read' {
	text 300000
	put_file zip "$W/in" "${ZIP[@]}"
	put_file both "$W/in" "${BOTH[@]}"
	for tier in zip both; do
		local f at
		f=$(blob $tier)
		at=$(($(stat -c %s "$f") - 2000))
		rot "$f" $at
		s3 GET "/$B/$tier" -H 'Range: bytes=0-999'
		code 206
		s3 GET "/$B/$tier" || :
		[ "$(stat -c %s "$W/body")" -lt "$(stat -c %s "$W/in")" ]
		head -c "$(stat -c %s "$W/body")" "$W/in" | cmp - "$W/body"
		run -3 vt-get --decode --key-file \
		    "$SERVE_DIR/data/master.keys" "$f" "$W/out"
		[ ! -e "$W/out" ]
		rot "$f" $at
		# the index: a range needs it, the whole does not
		at=$(($(stat -c %s "$f") - 20))
		rot "$f" $at
		s3 GET "/$B/$tier" -H 'Range: bytes=0-999'
		[ "$st" = 500 ]
		s3 GET "/$B/$tier"
		same
		rot "$f" $at
	done
}

@test 'a key that cannot be had: nothing is written instead' {
	text 20000
	put_file k "$W/in" "${NAMED[@]}"
	code 500
	is "$(blobs named)" ''
	s3 GET "/$B/k"
	code 404
	put_file k "$W/in" "${ZIP[@]}"
	code 200
	! migrate named
	is "$(blobs named)" ''
	grep -q '"status":"failed"' "$W/moved"
	s3 GET "/$B/k"
	same
}

reloads() {
	grep -c 're-opened the access log' "$SERVE_DIR/serve.err"
}

reloaded() {
	[ "$(reloads)" != "$1" ]
}

reload() {
	local n
	n=$(reloads) || :
	kill -HUP "$SERVE_PID"
	wait_until reloaded "$n"
}

@test 'rotation: blobs of a tier too, those of its own key not' {
	text 100000
	local keys=$SERVE_DIR/data/master.keys f sum
	put_file safe "$W/in" "${SAFE[@]}"
	[ -s "$keys" ]
	cp "$keys" "$W/first"
	# a key in the middle is for a tier alone
	{ echo "of-a-tier $KEY_HEX"; cat "$W/first"; } >"$keys"
	reload
	put_file named "$W/in" "${NAMED[@]}"
	code 200
	f=$(blob named)
	sum=$(md5 "$(blob safe)")
	echo "next-$BATS_TEST_NUMBER $(head -c 32 /dev/urandom | base64)" \
	    >>"$keys"
	reload
	run -0 --separate-stderr vt-migrate --data "$SERVE_DIR/data" --rewrap
	# shellcheck disable=SC2154 # run sets it
	[[ $stderr == *" 0 failed" && $stderr != *" 0 were wrapped"* ]]
	# the old master key may go now, that of the tier must stay
	cp "$keys" "$W/all"
	grep -e '^next-' -e '^of-a-tier' "$W/all" >"$keys"
	reload
	for key in safe named; do
		s3 GET "/$B/$key"
		same
	done
	is "$(md5 "$(blob safe)")" "$sum"
	# the tier alone: a blob has the key it was written with
	run -0 vt-get --decode --key-file "$keys" "$f" "$W/out"
	cmp "$W/out" "$W/in"
	run -1 vt-get --decode --key-file "$keys" "$(blob safe)" "$W/out2"
	cp "$W/all" "$keys"
	reload
	run -0 vt-get --decode --key-file "$keys" "$(blob safe)" "$W/out2"
	cmp "$W/out2" "$W/in"
}

@test 'P11 vt-get undoes it from the tier alone, given the key' {
	text 300000
	local keys=$SERVE_DIR/data/master.keys f
	put_file zip "$W/in" "${ZIP[@]}"
	put_file both "$W/in" "${BOTH[@]}"
	put_file safe "$W/in" "${SAFE[@]}"
	put_file c "$W/in" "${ZIP[@]}" "${A[@]}"
	put_file plain "$W/in" "${HOT[@]}"
	for tier in both safe; do
		f=$(blob $tier)
		vt-get --decode --key-file "$keys" "$f" "$W/$tier"
		cmp "$W/$tier" "$W/in"
		run -3 --separate-stderr vt-get --decode "$f" "$W/none"
		[[ $stderr == *'--key-file names the file'* ]]
		echo "$(sed -n '$s/ .*//p' "$keys") $KEY_HEX" >"$W/wrong"
		chmod 600 "$W/wrong"
		run -3 vt-get --decode --key-file "$W/wrong" "$f" "$W/none"
		[ ! -e "$W/none" ]
	done
	for f in $(blobs zip); do
		case $(head_of "$f") in
		0100)
			vt-get --decode "$f" >"$W/out"
			cmp "$W/out" "$W/in"
			# the same of a blob that is an object somewhere
			put_file stored "$f" "${HOT[@]}"
			vt-get --decode "s3://$B/stored" "$W/out2"
			cmp "$W/out2" "$W/in"
			;;
		# a customer's key: not compressed, and the tier's not beside
		0001)
			echo "customer $KEY_A" >"$W/customer"
			chmod 600 "$W/customer"
			vt-get --decode --key-file "$W/customer" "$f" - \
			    >"$W/out"
			cmp "$W/out" "$W/in"
			;;
		*) false ;;
		esac
	done
	is "$(blobs zip | wc -l)" 2
	run -1 vt-get --decode "$W/in" "$W/none"
	[ ! -e "$W/none" ]
}

@test 'what a client had encrypted is compressed, encrypted once, and moves' {
	text 200000
	put_file k "$W/in" "${BOTH[@]}" -H "$SSE: AES256"
	code 200
	is "$(h $SSE)" AES256
	is "$(head_of "$(blob both)")" 0101
	local size
	size=$(stat -c %s "$(blob both)")
	mv "$SERVE_DIR/data/master.keys" "$W/away"
	migrate hot
	mv "$W/away" "$SERVE_DIR/data/master.keys"
	cmp "$(blob hot)" "$(blobs both)"
	is "$(scanned k stored_bytes)" "$size"
	s3 GET "/$B/k"
	same
	is "$(h $SSE)" AES256
	ranges k
}

is_restored() {
	[ -n "$(blobs hot)" ]
}

@test 'a restore brings back what an archive compresses and encrypts' {
	text 100000
	put_file k "$W/in" "${DEEP[@]}"
	code 200
	is "$(head_of "$(blob deep)")" 0101
	s3 GET "/$B/k"
	code 403 InvalidObjectState
	echo '<RestoreRequest><Days>1</Days></RestoreRequest>' >"$W/days"
	s3 POST "/$B/k?restore=" --data-binary @"$W/days"
	code 202
	wait_until is_restored
	s3 GET "/$B/k"
	code 200
	same
	cmp "$(blob hot)" "$W/in"
}
