#!/usr/bin/env bats
# PostObject: browsers' forms, signed by boto3 and sent by curl.  Forms that
# are refused are in badinput_forms.py, each between two pictures of the
# store.

load s3

setup_file() {
	export PYTHONDONTWRITEBYTECODE=1
	mkdir -p "$BATS_FILE_TMPDIR/data"
	cat >"$BATS_FILE_TMPDIR/data/vaultaire.json" <<-'END'
		{ "sigv2": true, "tiers": [
		  { "name": "hot", "url": "file:tiers/hot", "storage_class": "STANDARD", "inline": true },
		  { "name": "warm", "url": "file:tiers/warm", "storage_class": "STANDARD_IA" } ] }
	END
	# Nobody else collects: what is left over must be seen.
	serve_start "$BATS_FILE_TMPDIR" --no-gc
	timeout 60 python3 "$BATS_TEST_DIRNAME/badinput.py" prepare
}

teardown() {
	[ -z "${own:-}" ] || serve_stop
}

# sign NAME=VALUE...: the fields of a form, with a policy that names them.
sign() {
	mapfile -t fields < <(python3 \
	    "$BATS_TEST_DIRNAME/badinput_forms.py" signed "$B" "$@")
}

# The same by boto3.
sign_boto3() {
	mapfile -t fields < <(/usr/bin/python3 - "$B" "$1" <<-'END'
		import os, sys, boto3
		from botocore.config import Config
		s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"],
		    region_name="us-east-1", config=Config(signature_version="s3v4"))
		p = s3.generate_presigned_post(sys.argv[1], sys.argv[2])
		for f in p["fields"].items():
		    print("%s=%s" % f)
	END
	)
}

# post FILE [CURL OPTION...]: the form with those fields, as a browser does.
post() {
	local file=$1 args=() f
	shift
	for f in "${fields[@]}"; do
		args+=(--form-string "$f")
	done
	: >"$W/body"
	st=$(curl -sS -o "$W/body" -D "$W/head" -w '%{http_code}' \
	    "${args[@]}" -F "file=@$file" "$@" "$AWS_ENDPOINT_URL/$B")
}

# form KEY FILE [NAME=VALUE...]
form() {
	local key=$1 file=$2
	shift 2
	sign "key=$key" "$@"
	post "$file"
}

bad() {
	timeout 300 python3 "$BATS_TEST_DIRNAME/badinput_forms.py" quiet "$@"
}

@test 'a file of every size comes in, signed by boto3' {
	sign_boto3 'all/${filename}'
	# empty, inline, the first that is not, collected, streamed
	for n in 0 1 4096 4097 60000 70000 9000001; do
		random_file "$W/o$n" "$n"
		post "$W/o$n"
		code 204
		is "$(h etag)" "\"$(md5 "$W/o$n")\""
		is "$(h location)" "$AWS_ENDPOINT_URL/$B/all/o$n"
		body_is ''
		s3 GET "/$B/all/o$n"
		code 200
		cmp "$W/o$n" "$W/body"
		is "$(h content-type)" binary/octet-stream
	done
}

@test 'a body in chunks' {
	local size
	sign key=k
	for size in 3000 300000; do
		random_file "$W/in" $size
		post "$W/in" -H 'Transfer-Encoding: chunked'
		code 204
		s3 GET "/$B/k"
		cmp "$W/in" "$W/body"
	done
}

@test 'fields are what headers are to a PUT' {
	covers PostObject
	local size
	for size in 100 100000; do
		random_file "$W/in" $size
		form m "$W/in" 'x-amz-meta-Colour=blue' 'Content-Type=text/plain' \
		    'Cache-Control=no-cache' 'Content-Disposition=attachment' \
		    'Content-Encoding=gzip' 'x-amz-storage-class=STANDARD_IA' \
		    'Expires=Wed, 21 Oct 2065 07:28:00 GMT' 'acl=private' \
		    "x-amz-checksum-sha256=$(b64 sha256 "$W/in")" \
		    "Content-MD5=$(b64 md5 "$W/in")" \
		    'tagging=<Tagging><TagSet><Tag><Key>a b</Key><Value>1</Value></Tag></TagSet></Tagging>'
		code 204
		s3 GET "/$B/m" -H 'x-amz-checksum-mode: ENABLED'
		code 200
		cmp "$W/in" "$W/body"
		is "$(h x-amz-meta-colour)" blue
		is "$(h content-type)" text/plain
		is "$(h cache-control)" no-cache
		is "$(h content-disposition)" attachment
		is "$(h content-encoding)" gzip
		is "$(h expires)" 'Wed, 21 Oct 2065 07:28:00 GMT'
		is "$(h x-amz-storage-class)" STANDARD_IA
		is "$(h x-amz-tagging-count)" 1
		is "$(h x-amz-checksum-sha256)" "$(b64 sha256 "$W/in")"
		s3 GET "/$B/m?tagging="
		is "$(x Key)" 'a b'
	done
}

@test "the file's name in the key, without its path" {
	printf x >"$W/a b.txt"
	form 'up/${filename}' "$W/a b.txt"
	code 204
	is "$(h location)" "$AWS_ENDPOINT_URL/$B/up/a%20b.txt"
	s3 GET "/$B/up/a%20b.txt"
	code 200
	form 'up/${filename}' "$W/a b.txt;filename=C:\\dir\\é.txt"
	code 204
	s3 GET "/$B/up/%C3%A9.txt"
	code 200
}

@test 'success_action_status' {
	printf hello >"$W/in"
	form 'a&b' "$W/in" success_action_status=201
	code 201
	is "$(x Location)" "$AWS_ENDPOINT_URL/$B/a%26b"
	is "$(x Bucket)" "$B"
	is "$(x Key)" 'a&b'
	is "$(x ETag)" '"5d41402abc4b2a76b9719d911017c592"'
	form k "$W/in" success_action_status=200
	code 200
	body_is ''
	form k "$W/in" success_action_status=404
	code 204
}

@test 'success_action_redirect' {
	printf hello >"$W/in"
	form 'a b/c' "$W/in" success_action_redirect=http://h/done
	code 303
	is "$(h location)" "http://h/done?bucket=$B&key=a%20b%2Fc&etag=%225d41402abc4b2a76b9719d911017c592%22"
	form k "$W/in" 'success_action_redirect=https://h/?x=1#here'
	code 303
	is "$(h location)" "https://h/?x=1&bucket=$B&key=k&etag=%225d41402abc4b2a76b9719d911017c592%22#here"
	# no URL: as if it were not there
	form k "$W/in" success_action_redirect=javascript:x
	code 204
	s3 GET "/$B/k"
	body_is hello
}

@test 'versions, and the id of each' {
	printf '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>' >"$W/v"
	s3 PUT "/$B?versioning=" -T "$W/v"
	code 200
	printf one >"$W/in"
	form k "$W/in"
	code 204
	one=$(h x-amz-version-id)
	[ -n "$one" ]
	printf two >"$W/in"
	form k "$W/in"
	s3 GET "/$B/k?versionId=$one"
	body_is one
}

@test 'a browser of another origin sees the answer' {
	printf '<CORSConfiguration><CORSRule><AllowedOrigin>https://page</AllowedOrigin><AllowedMethod>POST</AllowedMethod></CORSRule></CORSConfiguration>' >"$W/cors"
	s3 PUT "/$B?cors=" -T "$W/cors"
	code 200
	printf hello >"$W/in"
	sign key=k
	post "$W/in" -H 'Origin: https://page'
	code 204
	is "$(h access-control-allow-origin)" https://page
	sign key=k x-amz-storage-class=NONE
	post "$W/in" -H 'Origin: https://page'
	code 400 InvalidStorageClass
	is "$(h access-control-allow-origin)" https://page
}

@test 'a policy signed by version 2' {
	bad version2
}

@test 'what is no form is refused' {
	bad framing
}

@test 'fields that are wrong are refused' {
	bad fields
}

@test 'policies that are wrong or do not fit are refused' {
	bad policies
}

@test 'signatures that are wrong or missing are refused' {
	bad signatures
}

@test 'a form that is refused in the midst of it' {
	bad refused_early
}

@test 'P4 a form whose client goes away leaves nothing' {
	bad broken_off
}

@test 'P4 a form whose server is killed leaves nothing' {
	serve_start "$W" --no-gc
	own=1
	s3 PUT /kept
	code 200
	timeout 60 python3 "$BATS_TEST_DIRNAME/badinput_forms.py" half \
	    "$SERVE_PID"
	wait "$SERVE_PID" || :
	serve_start "$W" --no-gc
	s3 GET /kept/half
	code 404 NoSuchKey
	run -0 --separate-stderr vt-migrate --data "$W/data" --gc \
	    --ignore-grace
	[[ $stderr == *', 1 leaked'* ]]
	[ -z "$(find "$W/data/tiers" -type f ! -name '*.lock')" ]
}
