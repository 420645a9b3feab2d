#!/usr/bin/env bats
# More keys than root's: users, what is theirs, what is not.

load s3

# The users of this file: ana and bob, made beside the server that runs.
setup_file() {
	serve_start "$BATS_FILE_TMPDIR"
	export VAULTAIRE_DATA=$SERVE_DIR/data
	export ROOT_KEY=$AWS_ACCESS_KEY_ID ROOT_SECRET=$AWS_SECRET_ACCESS_KEY
	vt-key create ana --email ana@example.org -o "$BATS_FILE_TMPDIR/ana"
	vt-key create bob -o "$BATS_FILE_TMPDIR/bob"
}

# as USER: the next requests are signed with the key in that file; `as root`.
as() {
	if [ "$1" = root ]; then
		AWS_ACCESS_KEY_ID=$ROOT_KEY AWS_SECRET_ACCESS_KEY=$ROOT_SECRET
		return
	fi
	AWS_ACCESS_KEY_ID=$(sed -n 's/^aws_access_key_id = //p' \
	    "$BATS_FILE_TMPDIR/$1")
	AWS_SECRET_ACCESS_KEY=$(sed -n 's/^aws_secret_access_key = //p' \
	    "$BATS_FILE_TMPDIR/$1")
}

# A bucket of ana's.
own() {
	as ana
	A=a$BATS_TEST_NUMBER-$$-$RANDOM
	s3 PUT "/$A"
	code 200
}

id_of() {
	vt-key show "$1" | sed -n 's/^id: *//p'
}

# becomes STATUS CODE METHOD TARGET: a change by vt-key is seen within a
# second; wait for it.
becomes() {
	wait_until answers "$@"
}

answers() {
	s3 "$3" "$4"
	code "$1" "$2"
}

@test 'a user makes a bucket and uses it as root does its own' {
	own
	put_object=/$A/k
	s3 PUT "$put_object" -T <(printf abc)
	code 200
	s3 GET "$put_object"
	body_is abc
	s3 GET "/$A?list-type=2"
	is "$(x Key)" k
	s3 DELETE "$put_object"
	code 204
	s3 DELETE "/$A"
	code 204
}

@test 'lists of buckets: a user its own, root all' {
	own
	s3 GET /
	x Name | grep -qx "$A"
	run -1 grep -q "<Name>$B</Name>" "$W/body"
	is "$(x ID)" "$(id_of ana)"
	is "$(x DisplayName)" ana
	as bob
	s3 GET /
	is "$(x Name)" ''
	as root
	s3 GET /
	x Name | grep -qx "$A"
	x Name | grep -qx "$B"
	is "$(x DisplayName)" root
}

@test 'a name is taken for all, and a bucket its owner may make again' {
	own
	s3 PUT "/$A"
	code 200
	as bob
	s3 PUT "/$A"
	code 409 BucketAlreadyExists
	as root
	s3 PUT "/$A"
	code 409 BucketAlreadyExists
}

@test 'owners are printed by id and name, whoever asks' {
	own
	s3 PUT "/$A/k" -T /dev/null
	s3 POST "/$A/up?uploads="
	upload=$(x UploadId)
	for who in ana root; do
		as $who
		for target in "/$A?acl=" "/$A/k?acl=" \
		    "/$A?fetch-owner=true&list-type=2" "/$A" "/$A?versions=" \
		    "/$A?uploads=" "/$A/up?uploadId=$upload"; do
			s3 GET "$target"
			code 200
			is "$target $(x ID | sort -u)" "$target $(id_of ana)"
			is "$(x DisplayName | sort -u)" ana
		done
	done
}

@test 'x-amz-expected-bucket-owner: the id or the account of who owns it' {
	own
	account=$(vt-key show ana | sed -n 's/^account: *//p')
	[[ $account =~ ^[0-9]{12}$ ]]
	for good in "$account" "$(id_of ana)"; do
		s3 GET "/$A" -H "x-amz-expected-bucket-owner: $good"
		code 200
	done
	for bad in 123456789012 "$(id_of root)" ana; do
		s3 GET "/$A" -H "x-amz-expected-bucket-owner: $bad"
		code 403 AccessDenied
	done
}

@test 'x-amz-source-expected-bucket-owner: of the source' {
	own
	s3 PUT "/$A/k" -T /dev/null
	s3 PUT "/$A/k2" -H "x-amz-copy-source: /$A/k" \
	    -H "x-amz-source-expected-bucket-owner: $(id_of ana)"
	code 200
	s3 PUT "/$A/k3" -H "x-amz-copy-source: /$A/k" \
	    -H 'x-amz-source-expected-bucket-owner: 123456789012'
	code 403 AccessDenied
}

@test 'a policy is the whole of what a user may: elsewhere and at home' {
	put k text
	vt-key create reader --policy "readonly:$B" -o "$W/reader"
	BATS_FILE_TMPDIR=$W as reader
	s3 GET "/$B/k"
	code 200
	body_is text
	s3 GET "/$B"
	code 200
	for request in "PUT /$B/k" "DELETE /$B/k" "DELETE /$B" \
	    "GET /$B?policy=" "PUT /$B-2"; do
		# shellcheck disable=SC2086 # method and target
		s3 $request
		code 403 AccessDenied
	done
	vt-key policy reader "writeonly:$B"
	becomes 403 AccessDenied GET "/$B/k"
	s3 PUT "/$B/new" -T /dev/null
	code 200
	# an owner is bound by its own, too
	vt-key policy reader none
	becomes 200 '' PUT "/$B-3"
	s3 PUT "/$B-3/k" -T /dev/null
	code 200
	vt-key policy reader readonly
	becomes 403 AccessDenied PUT "/$B-3/other"
	s3 GET "/$B-3/k"
	code 200
}

# Each operation on a bucket or on an object in it: method, query, and what
# curl adds.
operations() {
	local sub
	cat <<-END
	HEAD /
	GET /
	GET /?list-type=2
	GET /?versions=
	GET /?uploads=
	GET /?location=
	GET /?versioning=
	PUT /?versioning=	--data-binary	<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>
	GET /?acl=
	PUT /?acl=	-H	x-amz-acl: private
	GET /?object-lock=
	PUT /?object-lock=	--data-binary	<ObjectLockConfiguration/>
	POST /?delete=	--data-binary	<Delete><Object><Key>k</Key></Object></Delete>
	GET /?policyStatus=
	GET /?website=
	GET /?logging=
	GET /?accelerate=
	GET /?replication=
	GET /?requestPayment=
	GET /k
	HEAD /k
	GET /k?versionId=null
	GET /absent
	GET /k?attributes=	-H	x-amz-object-attributes: ETag
	GET /k?acl=
	PUT /k?acl=	-H	x-amz-acl: public-read
	GET /k?tagging=
	PUT /k?tagging=	--data-binary	<Tagging><TagSet/></Tagging>
	DELETE /k?tagging=
	GET /k?retention=
	PUT /k?retention=	--data-binary	<Retention/>
	GET /k?legal-hold=
	PUT /k?legal-hold=	--data-binary	<LegalHold><Status>ON</Status></LegalHold>
	POST /k?restore=	--data-binary	<RestoreRequest><Days>1</Days></RestoreRequest>
	GET /k?torrent=
	PUT /k	--data-binary	changed
	PUT /k	-H	x-amz-copy-source: /$B/k
	POST /k?uploads=
	PUT /up?partNumber=1&uploadId=$upload	--data-binary	changed
	PUT /up?partNumber=1&uploadId=$upload	-H	x-amz-copy-source: /$B/k
	GET /up?uploadId=$upload
	POST /up?uploadId=$upload	--data-binary	<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>
	DELETE /up?uploadId=$upload
	DELETE /k
	DELETE /k?versionId=null
	DELETE /
	END
	for sub in cors encryption lifecycle ownershipControls policy \
	    publicAccessBlock tagging; do
		printf '%s\n' "GET /?$sub=" "DELETE /?$sub=" \
		    "PUT /?$sub=	--data-binary	<X/>"
	done
	printf '%s\n' 'GET /?notification=' \
	    'PUT /?notification=	--data-binary	<X/>'
}

# What is asked about no bucket, or tested with another kind of request.
elsewhere='ListBuckets CreateBucket PostObject Preflight'

refuses_everything() {
	local what option value n=0
	while IFS=$'\t' read -r what option value; do
		# shellcheck disable=SC2086 # method and target
		set -- $what
		if [ -n "$option" ]; then
			s3 "$1" "/$B$2" "$option" "$value"
		else
			s3 "$1" "/$B$2"
		fi
		[ "$1" = HEAD ] || is "$what: $(x Code)" "$what: AccessDenied"
		is "$what: $st" "$what: 403"
		run -1 grep -q secret "$W/body" "$W/head"
		n=$((n + 1))
	done < <(operations)
	[ "$n" -gt 50 ]
}

@test 'P10 a second key reads nothing it may not, nor changes it' {
	put k secret -H 'x-amz-tagging: is=secret'
	etag=$(h ETag)
	s3 POST "/$B/up?uploads="
	upload=$(x UploadId)
	own
	refuses_everything
	# its own bucket does not help it to root's bytes
	for range in '' 'bytes=0-1'; do
		s3 PUT "/$A/stolen" -H "x-amz-copy-source: /$B/k"
		code 403 AccessDenied
		s3 POST "/$A/stolen?uploads="
		s3 PUT "/$A/stolen?partNumber=1&uploadId=$(x UploadId)" \
		    -H "x-amz-copy-source: /$B/k" \
		    ${range:+-H "x-amz-copy-source-range: $range"}
		code 403 AccessDenied
	done
	# root's upload is not found in its bucket
	s3 GET "/$A/up?uploadId=$upload"
	code 404 NoSuchUpload
	as root
	s3 GET "/$B/k"
	body_is secret
	is "$(h ETag)" "$etag"
	is "$(h x-amz-tagging-count)" 1
	s3 GET "/$B/up?uploadId=$upload"
	code 200
	s3 GET "/$B"
	is "$(x Key)" k
}

@test 'P10 nobody reads nothing either, by any operation there is' {
	put k secret
	s3 POST "/$B/up?uploads="
	upload=$(x UploadId)
	s3curl() {
		curl -sS "$@"
	}
	refuses_everything
	s3 GET /
	code 403 AccessDenied
	s3 PUT "/$B-x"
	code 403 AccessDenied
	# that was every operation there is
	sed -n 's/^\t\[O_.*\.name = "\([A-Za-z]*\)".*/\1/p' \
	    "$BATS_TEST_DIRNAME/../../cmd/vt-serve/route.c" | sort >"$W/all"
	[ "$(wc -l <"$W/all")" -gt 50 ]
	# the log is written by its own thread
	asked() {
		{
			sed -n 's/.*"op":"\([A-Za-z]*\)".*"status":403.*/\1/p' \
			    "$SERVE_DIR/data/access.jsonl"
			tr ' ' '\n' <<<"$elsewhere"
		} | sort -u >"$W/asked"
		is "$(comm -23 "$W/all" "$W/asked")" ''
	}
	wait_until asked
}

@test 'P10 a key that was disabled is refused within a second, or deleted' {
	own
	key=$AWS_ACCESS_KEY_ID
	vt-key disable ana
	becomes 403 InvalidAccessKeyId GET "/$A"
	is "$(x AWSAccessKeyId)" "$key"
	vt-key enable ana
	becomes 200 '' GET "/$A"
	vt-key disable "$key"
	becomes 403 InvalidAccessKeyId GET "/$A"
	vt-key enable "$key"
	becomes 200 '' GET "/$A"
	vt-key create eve -o "$BATS_FILE_TMPDIR/eve"
	as eve
	s3 GET /
	code 200
	vt-key delete eve
	becomes 403 InvalidAccessKeyId GET /
}

@test 'rotation: two keys for a while, then one' {
	vt-key create rot -o "$BATS_FILE_TMPDIR/rot1"
	vt-key rotate rot -o "$BATS_FILE_TMPDIR/rot2"
	run -1 --separate-stderr vt-key rotate rot
	[[ $stderr == *'2 access keys'* ]]
	as rot1
	s3 PUT "/r$B"
	code 200
	# both are the same user
	as rot2
	s3 GET "/r$B"
	code 200
	as rot1
	old=$AWS_ACCESS_KEY_ID
	s3 GET "/r$B"
	code 200
	vt-key delete "$old"
	becomes 403 InvalidAccessKeyId GET "/r$B"
	# one that ends at once
	vt-key rotate rot --grace 0 -o "$BATS_FILE_TMPDIR/rot3"
	as rot2
	becomes 403 InvalidAccessKeyId GET "/r$B"
	as rot3
	s3 GET "/r$B"
	code 200
}

@test 'a secret of another is no good, nor an unknown key' {
	as ana
	key=$AWS_ACCESS_KEY_ID
	as bob
	AWS_ACCESS_KEY_ID=$key
	s3 GET /
	code 403 SignatureDoesNotMatch
	AWS_ACCESS_KEY_ID=VTAAAAAAAAAAAAAAAAAA
	s3 GET /
	code 403 InvalidAccessKeyId
	AWS_ACCESS_KEY_ID=$(printf 'A%.0s' {1..128})
	s3 GET /
	code 403 InvalidAccessKeyId
}

@test 'a session token of a user is refused' {
	as ana
	s3 GET / -H 'x-amz-security-token: x'
	code 400 InvalidToken
}

@test 'presigned URLs and signed chunks of a user, by an SDK' {
	own
	/usr/bin/python3 -c '
import os, sys, urllib.request, urllib.error
import boto3
from botocore.client import Config

bucket = sys.argv[1]
s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"],
    config=Config(signature_version="s3v4"))
s3.put_object(Bucket=bucket, Key="k", Body=b"bytes")
url = s3.generate_presigned_url("get_object",
    {"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
assert urllib.request.urlopen(url).read() == b"bytes"
try:
    urllib.request.urlopen(url[:-1] + ("0" if url[-1] != "0" else "1"))
except urllib.error.HTTPError as e:
    assert e.code == 403, e.code
else:
    sys.exit("a wrong signature was good")
' "$A"
	# chunks, each signed with the key of the first signature
	random_file "$W/bytes" 200000
	vt-put "$W/bytes" "s3://$A/chunked"
	vt-get "s3://$A/chunked" "$W/back"
	cmp "$W/bytes" "$W/back"
}

@test 'the old signatures of a user, where they are allowed' {
	local dir=$BATS_TEST_TMPDIR/v2
	(
		serve_start "$dir"
		serve_stop
		/usr/bin/python3 -c '
import json, sys
with open(sys.argv[1]) as f: c = json.load(f)
c["sigv2"] = True
with open(sys.argv[1], "w") as f: json.dump(c, f)
' "$dir/data/vaultaire.json"
		serve_start "$dir"
		vt-key --data "$dir/data" create old -o "$dir/old"
		export BATS_FILE_TMPDIR=$dir
		as old
		s3 PUT /old
		code 200
		/usr/bin/python3 -c '
import os, subprocess, sys, time
import boto3
from botocore.client import Config
from botocore.exceptions import ClientError
s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"],
    config=Config(signature_version="s3"))
s3.put_object(Bucket="old", Key="k", Body=b"bytes")
assert s3.get_object(Bucket="old", Key="k")["Body"].read() == b"bytes"
assert s3.list_buckets()["Owner"]["DisplayName"] == "old"
subprocess.check_call(["vt-key", "--data", sys.argv[1], "disable", "old"])
until = time.monotonic() + 60
while time.monotonic() < until:
    try:
        s3.list_buckets()
    except ClientError as e:
        assert e.response["Error"]["Code"] == "InvalidAccessKeyId", e
        break
    time.sleep(0.05)
else:
    sys.exit("a disabled key is good for ever")
' "$dir/data"
		serve_stop
	)
}

@test 'the access log has the key of the user, and no secret is anywhere' {
	own
	s3 PUT "/$A/logged" -T /dev/null
	wait_until grep -q "$AWS_ACCESS_KEY_ID.*\"key\":\"logged\"" \
	    "$SERVE_DIR/data/access.jsonl"
	run -1 grep -q "$AWS_SECRET_ACCESS_KEY" \
	    "$SERVE_DIR/data/access.jsonl" "$SERVE_DIR/serve.err"
	for file in catalog.db catalog.db-wal catalog.db-shm credentials; do
		is "$(stat -c %a "$SERVE_DIR/data/$file")" 600
	done
}

@test 'P9 what is held of keys has a limit, and is told' {
	as ana
	s3 GET /
	code 200
	held=$(curl -sS "$SERVE_ADMIN/metrics" |
	    sed -n 's/^vt_access_keys_held //p')
	[ "$held" -ge 1 ]
	[ "$held" -le 1024 ]
}
