#!/usr/bin/env bats
# What all commands share: the contract of every one that was built, and where
# endpoint and credentials come from (asked of vt-get, which asks cli_s3.c).

load helper

setup() {
	mkdir "$BATS_TEST_TMPDIR/work"
	cd "$BATS_TEST_TMPDIR/work" || return
	unset AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	# Nothing listens there: refused at once.
	nowhere=http://127.0.0.1:1
}

teardown() {
	serve_stop
}

# The endpoint a command used, from its complaint about it.
ask() {
	run --separate-stderr vt-get --verbose --retries 0 "$@" s3://bucket/key -
}

@test "every command keeps the contract" {
	local dir prog
	dir=$(dirname "$(command -v vt-put)")
	for prog in "$dir"/vt-*; do
		[ -x "$prog" ] || continue
		echo "# ${prog##*/}"
		contract "${prog##*/}"
	done
}

@test "no credentials: status 3, and where it looked" {
	ask --endpoint "$nowhere"
	[ "$status" -eq 3 ]
	[[ $stderr == *AWS_ACCESS_KEY_ID*/nonexistent/credentials* ]]
}

@test "nobody listens: status 4" {
	export AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b
	ask --endpoint "$nowhere"
	[ "$status" -eq 4 ]
	[[ $stderr == *"127.0.0.1"*"port 1"* ]]
}

@test "an endpoint that is none: status 3" {
	export AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b
	ask --endpoint localhost:9000
	[ "$status" -eq 3 ]
	[[ $stderr == *localhost:9000* ]]
	ask --endpoint ftp://localhost
	[ "$status" -eq 3 ]
	ask --endpoint http://user:secret@localhost
	[ "$status" -eq 3 ]
	[[ $stderr != *secret* ]]
}

@test "endpoint: option, then AWS_ENDPOINT_URL_S3, then AWS_ENDPOINT_URL" {
	export AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b
	export AWS_ENDPOINT_URL=http://127.0.0.1:3
	ask
	[[ $stderr == *"port 3"* ]]
	export AWS_ENDPOINT_URL_S3=http://127.0.0.1:2
	ask
	[[ $stderr == *"port 2"* ]]
	ask --endpoint "$nowhere"
	[[ $stderr == *"port 1"* ]]
}

@test "endpoint, region and keys of a profile" {
	cat >config <<-'E'
		# a comment
		[default]
		region = eu-west-1
		endpoint_url = http://127.0.0.1:5
		[ profile  other ]
		endpoint_url = http://127.0.0.1:6
		[profile svc]
		services = mine
		endpoint_url = http://127.0.0.1:7
		s3 =
		  addressing_style = path
		[services mine]
		s3 =
		  endpoint_url = http://127.0.0.1:8
		dynamodb =
		  endpoint_url = http://127.0.0.1:9
	E
	cat >credentials <<-'E'
		[default]
		aws_access_key_id = AKDEFAULT
		aws_secret_access_key = s
		[other]
		aws_access_key_id = AKOTHER
		aws_secret_access_key = s
		[svc]
		aws_access_key_id = AKSVC
		aws_secret_access_key = s
	E
	chmod 600 credentials
	export AWS_CONFIG_FILE=config AWS_SHARED_CREDENTIALS_FILE=credentials
	ask
	[[ $stderr == *"port 5"* ]]
	ask --profile other
	[[ $stderr == *"port 6"* ]]
	AWS_PROFILE=other ask
	[[ $stderr == *"port 6"* ]]
	ask --profile svc
	[[ $stderr == *"port 8"* ]]
	AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true ask --profile svc \
	    --endpoint "$nowhere"
	[[ $stderr == *"port 1"* ]]
	ask --profile missing --endpoint "$nowhere"
	[ "$status" -eq 3 ]
	[[ $stderr == *missing* ]]
}

@test "keys of the config file's own profile" {
	printf '[profile p]\naws_access_key_id=A\naws_secret_access_key=B\n' \
	    >config
	AWS_CONFIG_FILE=config ask --profile p --endpoint "$nowhere"
	[ "$status" -eq 4 ]
}

@test "--no-sign-request needs no credentials" {
	ask --no-sign-request --endpoint "$nowhere"
	[ "$status" -eq 4 ]
}

@test "secrets do not show, however much is told" {
	export AWS_ACCESS_KEY_ID=AKIDVISIBLE AWS_SECRET_ACCESS_KEY=topsecret \
	    AWS_SESSION_TOKEN=tokensecret
	ask --endpoint "$nowhere"
	[[ $stderr != *secret* ]]
}

@test "numbers are held to their range" {
	run -2 --separate-stderr vt-get --jobs 0 s3://b/k
	[[ $stderr == *--jobs* ]]
	run -2 --separate-stderr vt-get --jobs 1x s3://b/k
	run -2 --separate-stderr vt-get --jobs 99999999999999999999 s3://b/k
	run -2 --separate-stderr vt-put --part-size 1M f s3://b/k
	[[ $stderr == *--part-size* ]]
	run -2 --separate-stderr vt-put --part-size 6T f s3://b/k
}

@test "control characters of others do not reach the terminal" {
	export AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b
	run --separate-stderr vt-get --retries 0 --endpoint "$nowhere" \
	    $'s3://bucket/a\e[31mkey' -
	[[ $stderr == *'a?[31mkey'* ]]
	[[ $stderr != *$'\e'* ]]
}

@test "https: an unknown certificate is refused, a given one trusted" {
	command -v openssl >/dev/null || skip 'no openssl'
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -keyout key.pem -out cert.pem -days 30 -subj /CN=localhost \
	    -addext subjectAltName=IP:127.0.0.1 2>/dev/null
	chmod 600 key.pem
	cat >tls.json <<-E
		{ "tls_cert": "$PWD/cert.pem", "tls_key": "$PWD/key.pem",
		  "tiers": [ { "name": "hot", "url": "file:tiers/hot",
		    "storage_class": "STANDARD" } ] }
	E
	serve_start "$PWD/tls" --config "$PWD/tls.json"
	[[ $AWS_ENDPOINT_URL == https://* ]]
	head -c 9000000 /dev/urandom >file
	run -3 --separate-stderr vt-put file s3://bucket/
	[[ $stderr == *certificate* ]]
	run -0 --separate-stderr vt-put --ca-file cert.pem --make-bucket file \
	    s3://bucket/
	AWS_CA_BUNDLE=cert.pem vt-get s3://bucket/file - | cmp - file
	serve_stop
}
