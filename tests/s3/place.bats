#!/usr/bin/env bats
# Placement policies where bytes come in: P6, no other tier instead.

load s3

setup_file() {
	mkdir -p "$BATS_FILE_TMPDIR/data"
	cat >"$BATS_FILE_TMPDIR/data/vaultaire.json" <<-'END'
	{"tiers": [
		{"name": "hot", "url": "file:tiers/hot", "inline": true,
		 "storage_class": "STANDARD", "location": "aws-us-east-1"},
		{"name": "warm", "url": "file:tiers/warm",
		 "storage_class": "STANDARD_IA"},
		{"name": "archive", "url": "file:tiers/archive",
		 "storage_class": "DEEP_ARCHIVE", "restore_delay": "1ms"}],
	 "policies": [
		{"bucket": "*", "prefix": "warm/", "tiers": ["warm"]},
		{"bucket": "*", "prefix": "live/", "max_first_byte_ms": 100},
		{"bucket": "*", "prefix": "deep/", "pin": "archive"}]}
	END
	serve_start "$BATS_FILE_TMPDIR"
}

# where KEY: the class that HEAD tells; of STANDARD none
where() {
	s3 HEAD "/$B/$1"
	code 200
	h x-amz-storage-class
}

@test 'P6 no class asked for: the first tier that is left' {
	put warm/a text
	code 200
	[ "$(where warm/a)" = STANDARD_IA ]
	put deep/a text
	code 200
	[ "$(where deep/a)" = DEEP_ARCHIVE ]
	put live/a text
	code 200
	[ "$(where live/a)" = '' ]
	put other text
	[ "$(where other)" = '' ]
	s3 GET "/$B/warm/a"
	[ "$(<"$W/body")" = text ]
}

@test 'P6 a class asked for is given or refused, never another' {
	put warm/a text -H 'x-amz-storage-class: STANDARD'
	code 400 InvalidStorageClass
	[[ $(x Message) == *"policy '*/warm/' does not list 'hot'"* ]]
	put live/a text -H 'x-amz-storage-class: DEEP_ARCHIVE'
	code 400 InvalidStorageClass
	[[ $(x Message) == *"needs a restore"* ]]
	put live/a text -H 'x-amz-storage-class: STANDARD_IA'
	code 200
	s3 HEAD "/$B/warm/a"
	code 404
}

@test 'P6 copies and uploads go by the key they write' {
	put other text
	s3 PUT "/$B/warm/copy" -H "x-amz-copy-source: /$B/other"
	code 200
	[ "$(where warm/copy)" = STANDARD_IA ]
	s3 PUT "/$B/warm/copy2" -H "x-amz-copy-source: /$B/other" \
	    -H 'x-amz-storage-class: STANDARD'
	code 400 InvalidStorageClass
	s3 POST "/$B/warm/big?uploads=" -H 'x-amz-storage-class: STANDARD'
	code 400 InvalidStorageClass
	s3 POST "/$B/warm/big?uploads="
	code 200
	id=$(x UploadId)
	printf part >"$W/part"
	s3 PUT "/$B/warm/big?partNumber=1&uploadId=$id" -T "$W/part"
	code 200
	printf '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>%s' \
	    "<ETag>$(h etag)</ETag></Part></CompleteMultipartUpload>" \
	    >"$W/parts"
	s3 POST "/$B/warm/big?uploadId=$id" --data-binary @"$W/parts"
	code 200
	[ "$(where warm/big)" = STANDARD_IA ]
}

# is_back KEY: on the first tier again
is_back() {
	[ "$(where "$1")" = '' ]
}

@test 'P6 what reads have paid for does not go where it must not' {
	head -c 100000 /dev/zero >"$W/file"
	put_file warm/read "$W/file"
	put_file other/read "$W/file" -H 'x-amz-storage-class: STANDARD_IA'
	for key in warm/read other/read; do
		[ "$(where $key)" = STANDARD_IA ]
		for _ in $(seq 60); do s3 GET "/$B/$key"; done
	done
	# one after the other: this one comes last
	wait_until is_back other/read
	[ "$(where warm/read)" = STANDARD_IA ]
}
