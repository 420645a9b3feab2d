#!/usr/bin/env bats
# vt-serve as a command: its start, what it says, its files, signals and exit
# statuses.  (The S3 API is tests/s3.)

load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	unset VAULTAIRE_DATA VAULTAIRE_SHARE NOTIFY_SOCKET
}

teardown() {
	serve_stop
}

# A configuration with some lines of its own at its beginning.
config() {
	cat >config.json <<-EOT
		{
			$1
			"tiers": [{
				"name": "hot",
				"url": "file:tiers/hot",
				"storage_class": "STANDARD",
				"inline": true
			}]
		}
	EOT
}

# Start one that must end by itself at once.
refused() {
	run --separate-stderr timeout 10 vt-serve --listen 127.0.0.1:0 \
	    --admin none "$@"
}

key() {
	sed -n "s/^$1 *= *//p" data/credentials
}

@test "without anything there: folder, configuration and root key are made" {
	serve_start "$PWD"
	[ "$(stat -c %a data)" = 700 ]
	[ "$(stat -c %a data/credentials)" = 600 ]
	[ "$(stat -c %a data/access.jsonl)" = 600 ]
	[ "$(stat -c %a data/vaultaire.json)" = 600 ]
	[ -d data/tiers/hot ]
	# It says where things are, and no secret.
	grep -q "a root key was made in $PWD/data/credentials" serve.err
	grep -q "AWS_SHARED_CREDENTIALS_FILE=$PWD/data/credentials" serve.err
	secret=$(key aws_secret_access_key)
	[ ${#secret} -eq 40 ]
	! grep -rqF "$secret" serve.err serve.out data/access.jsonl \
	    data/vaultaire.json
	[ ! -s serve.out ]
	read -r pid url <data/serve.lock
	[ "$pid" = "$SERVE_PID" ]
	[ "$url" = "$AWS_ENDPOINT_URL" ]
}

@test "a second start finds what the first made" {
	serve_start "$PWD"
	vt-put --quiet --make-bucket serve.err s3://bucket/a
	cp data/vaultaire.json data/credentials .
	serve_stop
	serve_start "$PWD"
	cmp vaultaire.json data/vaultaire.json
	cmp credentials data/credentials
	grep -q 'the root key is in' serve.err
	vt-get --quiet s3://bucket/a - >/dev/null
}

@test "the folder is named by option, variable, or is ./vaultaire-data" {
	for how in option variable neither; do
		case $how in
		option) dir=o VAULTAIRE_DATA=v ;;
		variable) dir=v VAULTAIRE_DATA=v ;;
		neither) dir=vaultaire-data VAULTAIRE_DATA='' ;;
		esac
		export VAULTAIRE_DATA
		set -- --listen 127.0.0.1:0 --admin none
		[ $how != option ] || set -- "$@" --data o
		vt-serve "$@" 2>log 3>&- 4>&- &
		SERVE_PID=$!
		wait_until grep -q listening log
		[ -f $dir/catalog.db ]
		serve_stop
		rm -rf o v vaultaire-data log
	done
}

@test "--quiet says nothing" {
	vt-serve --quiet --data q --listen 127.0.0.1:0 --admin none \
	    >out 2>err 3>&- 4>&- &
	SERVE_PID=$!
	wait_until test -s q/serve.lock
	[ ! -s out ] && [ ! -s err ]
}

@test "one process serves a folder" {
	serve_start "$PWD"
	refused --data data
	[ "$status" -eq 4 ]
	[[ $stderr == *"another vt-serve (process $SERVE_PID) serves"* ]]
	serve_stop
	# A lock that was left over is none.
	serve_start "$PWD"
}

@test "a wrong command line: status 2" {
	refused extra
	[ "$status" -eq 2 ]
	[[ $stderr == *"'extra'"* ]]
	refused --clock-offset soon
	[ "$status" -eq 2 ]
	[[ $stderr == *--clock-offset* ]]
}

@test "a wrong configuration: status 3, file, line and field" {
	config '"colour": "red",'
	refused --data data --config config.json
	[ "$status" -eq 3 ]
	[[ $stderr == *"config.json:2: colour: there is no such field"* ]]
	config '"listen" "x",'
	refused --data data --config config.json
	[ "$status" -eq 3 ]
	[[ $stderr == *"config.json:2:"* ]]
	refused --data data --config missing.json
	[ "$status" -ne 0 ]
	[[ $stderr == *missing.json* ]]
	[ ! -e missing.json ]
}

@test "credentials that others may read are refused" {
	serve_start "$PWD"
	serve_stop
	chmod 644 data/credentials
	refused --data data
	[ "$status" -eq 3 ]
	[[ $stderr == *credentials*"read by others"* ]]
}

@test "an address in use is told" {
	serve_start "$PWD"
	run --separate-stderr timeout 10 vt-serve --data other --admin none \
	    --listen "${AWS_ENDPOINT_URL#http://}"
	[ "$status" -ne 0 ]
	[[ $stderr == *"cannot listen on '${AWS_ENDPOINT_URL#http://}'"* ]]
	run --separate-stderr timeout 10 vt-serve --data other --admin none \
	    --listen nonsense
	[ "$status" -eq 3 ]
	[[ $stderr == *nonsense* ]]
}

@test "SIGTERM: status 0, and the access log is whole" {
	serve_start "$PWD"
	for i in 1 2 3; do
		vt-put --quiet --make-bucket serve.err "s3://bucket/$i"
	done
	kill -TERM "$SERVE_PID"
	wait "$SERVE_PID"
	[ "$(grep -c '"op":"PutObject"' data/access.jsonl)" -eq 3 ]
	tail -n 1 data/access.jsonl | grep -q '"op":"log".*"dropped":0}'
	[ ! -s data/serve.lock ]
}

@test "SIGINT stops as well" {
	# A background process ignores SIGINT unless it is told otherwise.
	python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' \
	    vt-serve --data data --listen 127.0.0.1:0 --admin none 2>log \
	    3>&- 4>&- &
	SERVE_PID=$!
	wait_until grep -q listening log
	kill -INT "$SERVE_PID"
	wait "$SERVE_PID"
}

@test "SIGHUP re-opens the access log" {
	serve_start "$PWD"
	mv data/access.jsonl rotated
	kill -HUP "$SERVE_PID"
	wait_until test -e data/access.jsonl
	vt-put --quiet --make-bucket serve.err s3://bucket/a
	serve_stop
	grep -q '"op":"PutObject"' data/access.jsonl
	! grep -q '"op":"PutObject"' rotated
	tail -n 1 rotated | grep -q '"op":"log"'
}

@test "SIGHUP reads the root key again" {
	serve_start "$PWD"
	vt-put --quiet --make-bucket serve.err s3://bucket/a
	(umask 077 && printf '[default]\naws_access_key_id = %s\n%s\n' \
	    NEWKEY 'aws_secret_access_key = newsecret' >new)
	mv new data/credentials
	kill -HUP "$SERVE_PID"
	wait_until grep -q 're-opened' serve.err
	run --separate-stderr vt-get --quiet s3://bucket/a -
	[ "$status" -ne 0 ]
	[[ $stderr == *"HTTP 403"* ]]
	export AWS_ACCESS_KEY_ID=NEWKEY AWS_SECRET_ACCESS_KEY=newsecret
	vt-get --quiet s3://bucket/a - >/dev/null
	# A file that cannot be used changes nothing.
	chmod 644 data/credentials
	kill -HUP "$SERVE_PID"
	wait_until grep -q 'going on with the old root key' serve.err
	vt-get --quiet s3://bucket/a - >/dev/null
}

@test "SIGHUP with a broken configuration goes on with the old" {
	serve_start "$PWD"
	echo '{' >data/vaultaire.json
	kill -HUP "$SERVE_PID"
	wait_until grep -q 'going on with the old configuration' serve.err
	grep -q 'vaultaire.json:' serve.err
	vt-put --quiet --make-bucket serve.err s3://bucket/a
}

@test "health, readiness, figures" {
	serve_start "$PWD"
	[ "$(curl -s "$SERVE_ADMIN/healthz")" = ok ]
	[ "$(curl -s "$SERVE_ADMIN/readyz")" = ok ]
	vt-put --quiet --make-bucket serve.err s3://bucket/a
	curl -s "$SERVE_ADMIN/metrics" >metrics
	grep -q '^vt_requests_total{op="PutObject",status="2xx"} 1$' metrics
	grep -q '^vt_buckets 1$' metrics
	grep -q '^vt_requests_in_hand 0$' metrics
	# Prometheus wants a type for each, and each line a number.
	! grep -vE '^#|^vt_[a-z0-9_]+(\{[^}]*\})? [0-9]+$' metrics
	[ "$(curl -s -o page -w '%{http_code}' "$SERVE_ADMIN/other")" = 404 ]
	[ "$(curl -s -o page -w '%{http_code}' -X POST -d x \
	    "$SERVE_ADMIN/healthz")" = 405 ]
	# The S3 listener has none of it.
	[ "$(curl -s -o page -w '%{http_code}' \
	    "$AWS_ENDPOINT_URL/metrics")" = 404 ]
	grep -q NoSuchBucket page
}

@test "it tells systemd when it is ready, and when it stops" {
	command -v python3 >/dev/null || skip 'no python3'
	python3 - >told 3>&- 4>&- <<-'EOT' &
		import socket
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind("notify")
		s.settimeout(20)
		for _ in range(2):
		    print(s.recv(100).decode(), flush=True)
	EOT
	wait_until test -S notify
	NOTIFY_SOCKET=$PWD/notify serve_start "$PWD"
	wait_until grep -q '^READY=1$' told
	serve_stop
	wait_until grep -q '^STOPPING=1$' told
}

@test "--clock-offset moves the server's clock, not the signatures'" {
	serve_start "$PWD" --clock-offset 40d
	vt-put --quiet --make-bucket serve.err s3://bucket/a
	serve_stop
	day=$(date -u -d '40 days' +%Y-%m-%d)
	grep -qE "\"time\":\"$day.*\"op\":\"PutObject\"" data/access.jsonl
}

@test "TLS" {
	command -v openssl >/dev/null || skip 'no openssl'
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem \
	    -out cert.pem -days 2 -subj /CN=localhost \
	    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
	mkdir data
	config '"tls_cert": "'"$PWD"'/cert.pem", "tls_key": "'"$PWD"'/key.pem",'
	serve_start "$PWD" --config config.json
	[[ $AWS_ENDPOINT_URL == https://* ]]
	random_file body 3000000
	vt-put --quiet --make-bucket --ca-file cert.pem body s3://bucket/a
	vt-get --quiet --ca-file cert.pem s3://bucket/a - | cmp - body
	serve_stop
	config '"tls_cert": "'"$PWD"'/cert.pem", "tls_key": "'"$PWD"'/cert.pem",'
	refused --data data --config config.json
	[ "$status" -ne 0 ]
	[[ $stderr == *certificate* ]]
}

@test "the bucket in the host name" {
	config '"domain": "localhost",'
	serve_start "$PWD" --config config.json
	# Names under localhost are the loopback to libcurl.
	export AWS_ENDPOINT_URL=http://localhost:${AWS_ENDPOINT_URL##*:}
	vt-put --quiet --make-bucket serve.err s3://bucket/a
	vt-get --quiet --virtual-host s3://bucket/a - >/dev/null
	vt-put --quiet --virtual-host serve.err s3://bucket/b/c
	vt-get --quiet s3://bucket/b/c - >/dev/null
}

@test "signatures of version 2: off, on, and for the bucket in the host" {
	command -v python3 >/dev/null || skip 'no python3'
	config '"domain": "localhost",'
	serve_start "$PWD" --config config.json
	vt-put --quiet --make-bucket config.json s3://bucket/a
	python3 - "$AWS_ACCESS_KEY_ID" >query <<-'EOT'
		import base64, hashlib, hmac, os, sys, time, urllib.parse
		end = str(int(time.time()) + 100)
		text = "GET\n\n\n" + end + "\n/bucket/a"
		mac = hmac.new(os.environ["AWS_SECRET_ACCESS_KEY"].encode(),
		               text.encode(), hashlib.sha1).digest()
		print(urllib.parse.urlencode({
		    "AWSAccessKeyId": sys.argv[1], "Expires": end,
		    "Signature": base64.b64encode(mac).decode()}))
	EOT
	query=$(cat query)
	port=${AWS_ENDPOINT_URL##*:}
	curl -s "http://localhost:$port/bucket/a?$query" >answer
	grep -q '<Code>InvalidRequest</Code>' answer
	grep -q 'AWS4-HMAC-SHA256' answer
	config '"domain": "localhost", "sigv2": true,'
	kill -HUP "$SERVE_PID"
	wait_until grep -q 're-opened' serve.err
	curl -sf "http://localhost:$port/bucket/a?$query" | grep -q tiers
	curl -sf "http://bucket.localhost:$port/a?$query" | grep -q tiers
	curl -s "http://localhost:$port/bucket/b?$query" >answer
	grep -q '<Code>SignatureDoesNotMatch</Code>' answer
}

@test "an access log that could not be written is told at the end" {
	[ -e /dev/full ] || skip 'no /dev/full'
	config '"access_log": "/dev/full",'
	serve_start "$PWD" --config config.json
	vt-put --quiet --make-bucket config.json s3://bucket/a
	kill -TERM "$SERVE_PID"
	status=0
	wait "$SERVE_PID" || status=$?
	[ "$status" -eq 3 ]
	grep -q "access log is not complete.*'/dev/full'" serve.err
}
