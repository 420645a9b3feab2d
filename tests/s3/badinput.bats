#!/usr/bin/env bats
# Bad input of every kind: a clear error, and the store as it was.  The
# requests are in badinput.py, each between two pictures of the store; one
# server serves the file, but for tests that break theirs.

load ../cli/helper

setup_file() {
	export PYTHONDONTWRITEBYTECODE=1
	# Nobody else collects: what is left over must be seen.
	serve_start "$BATS_FILE_TMPDIR" --no-gc
	bad prepare
}

teardown_file() {
	serve_stop
	serve_said "$BATS_FILE_TMPDIR"
}

setup() {
	W=$BATS_TEST_TMPDIR
	own='' mounted=''
}

teardown() {
	[ -z "$own" ] || serve_stop || :
	[ -z "$mounted" ] || umount "$mounted"
}

bad() {
	timeout 300 python3 "$BATS_TEST_DIRNAME/badinput.py" "$@"
}

plan() {
	timeout 300 python3 "$BATS_TEST_DIRNAME/badinput_plan.py" "$@"
}

disk() {
	timeout 300 python3 "$BATS_TEST_DIRNAME/badinput_disk.py" "$@"
}

own_server() {
	own=1
	serve_start "$W" --no-gc "$@"
}

# The files of a data folder with their contents, but for what says who has
# it open.
folder() {
	(cd "$1" && find . -type f ! -name '*.lock' ! -name '*-turn' \
	    ! -name '*-shm' ! -name access.jsonl \
	    ! '(' -name '*-wal' -empty ')' -exec sha256sum {} + | sort)
}

# refuses STATUS WORD...: vt-serve does not start on $W/data, says why in one
# line, and changes nothing there.
refuses() {
	local want=$1 before word
	shift
	before=$(folder "$W/data")
	# shellcheck disable=SC2154 # run sets output and stderr
	run --separate-stderr timeout 20 "${as[@]}" vt-serve --data "$W/data" \
	    --listen 127.0.0.1:0 --admin none
	[ "$status" -eq "$want" ]
	[ -z "$output" ]
	# shellcheck disable=SC2154
	[ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ]
	for word; do
		[[ $stderr == *"$word"* ]] || {
			echo "no '$word' in: $stderr"
			return 1
		}
	done
	unchanged "$before"
}
as=()

unchanged() {
	diff <(printf '%s\n' "$1") <(printf '%s\n' "$(folder "$W/data")")
}

# --- requests ----------------------------------------------------------------

@test "malformed request lines and framing" {
	bad request_lines
}

@test "methods nobody knows" {
	bad methods
}

@test "malformed headers" {
	bad broken_headers
}

@test "broken percent escapes and %00" {
	bad escapes
}

@test "oversized headers and targets" {
	bad header_sizes
}

@test "oversized keys, names that are none" {
	bad keys
}

@test "oversized metadata and tags" {
	bad metadata
}

@test "parameters that make no sense" {
	bad parameters
}

@test "no signature, a wrong one, one for something else" {
	bad signatures
}

@test "malformed and unknown credentials" {
	bad credentials
}

@test "clock skew: an hour off, whatever the server's clock says" {
	bad skew
	own_server --clock-offset 1h
	bad prepare
	bad skew
	serve_stop
	own_server --clock-offset -40d
	bad skew
}

@test "presigned URLs that are over, not begun, or never valid" {
	bad presigned_times
}

@test "presigned URLs that were changed" {
	bad presigned_changes
}

@test "DeleteObjects: malformed, oversized, with entities" {
	bad xml_delete
}

@test "CompleteMultipartUpload: malformed, oversized, with entities" {
	bad xml_complete
}

@test "other documents: malformed, with entities" {
	bad xml_others
}

@test "truncated bodies" {
	bad truncated
}

@test "aws-chunked: bad signatures, bad framing, wrong lengths" {
	bad chunks
}

@test "aws-chunked: trailers that are wrong or missing" {
	bad trailers
}

@test "wrong Content-MD5, checksums, x-amz-content-sha256" {
	bad digests
}

@test "a PUT of more than 5 GiB" {
	bad too_large
}

# --- a full disk -----------------------------------------------------------------

# A server whose data folder is on a disk of 96 MiB, which is full.
full_disk() {
	mkdir -p "$W/data"
	if ! mount -t tmpfs -o size=96m vt-badinput "$W/data" 2>"$W/why"; then
		echo "# no full disk: $(cat "$W/why")" >&3
		skip "cannot mount a tmpfs: $(cat "$W/why")"
	fi
	mounted=$W/data
	own_server
	disk fill
}

# Stop; what it may say at the end, with status 3, is that the log lacks lines.
stop_full() {
	local pid=$SERVE_PID rc=0
	kill -TERM "$pid"
	wait "$pid" || rc=$?
	SERVE_PID=''
	[ "$rc" -eq 0 ] || {
		[ "$rc" -eq 3 ]
		grep -q 'the access log is not complete: .*No space' \
		    "$W/serve.err"
	}
}

@test "full disk: PUTs get 507, GETs and DELETEs work, again and again" {
	full_disk
	disk delete
	disk migrate
	kill -0 "$SERVE_PID"
}

@test "full disk: room again after deletes and gc" {
	full_disk
	disk recover
	stop_full
	run -0 --separate-stderr vt-migrate --data "$W/data" --gc \
	    --ignore-grace
	[[ $stderr == *"removed 0 blobs"*" 0 leaked names"* ]]
	disk no_strays
}

@test "full disk: vt-serve starts on it, after a stop and after a kill" {
	full_disk
	stop_full
	own_server
	disk check
	kill -KILL "$SERVE_PID"
	wait "$SERVE_PID" || :
	own_server
	disk check
	disk delete
	kill -KILL "$SERVE_PID"
	wait "$SERVE_PID" || :
	own_server
	disk recover
}

@test "full disk: of the access log alone; it goes on when there is room" {
	mkdir -p "$W/data"
	ln -s /dev/full "$W/data/access.jsonl"
	own_server
	bad prepare
	bad keys
	rm "$W/data/access.jsonl"
	kill -HUP "$SERVE_PID"
	wait_until test -s "$W/data/access.jsonl"
	bad metadata
	serve_stop
	# Whole lines, those that had to wait first.
	python3 - "$W/data/access.jsonl" <<-'EOT'
		import json, sys
		ops = [json.loads(l)["op"] for l in open(sys.argv[1])]
		assert "CreateBucket" in ops and "PutObject" in ops, set(ops)
	EOT
}

# --- what vt-serve starts from -----------------------------------------------------

@test "configuration: broken syntax is told with its line" {
	mkdir "$W/data"
	printf '{\n"region": "x",\n"tiers": [\n}\n' >"$W/data/vaultaire.json"
	refuses 3 'vaultaire.json:4:1: ' "'}'"
	: >"$W/data/vaultaire.json"
	refuses 3 'vaultaire.json:1:'
	printf '[]' >"$W/data/vaultaire.json"
	refuses 3 'vaultaire.json:1:' 'object'
	head -c 2000000 /dev/zero >"$W/data/vaultaire.json"
	refuses 3 'vaultaire.json' '1048576 bytes'
	printf '{\n"tiers": [],\n"tiers": []\n}' >"$W/data/vaultaire.json"
	refuses 3 'vaultaire.json:3:' 'tiers'
	[ ! -e "$W/data/catalog.db" ]
}

# config LINE-OF-THE-TOP LINE-OF-THE-TIER: on lines 2 and 7.
config() {
	mkdir -p "$W/data"
	cat >"$W/data/vaultaire.json" <<-EOT
		{
			$1
			"tiers": [{
				"name": "hot",
				"url": "file:tiers/hot",
				"storage_class": "STANDARD"
				$2
			}]
		}
	EOT
}

@test "configuration: wrong fields are told with line and name" {
	config '"lisen": "127.0.0.1:0",' ''
	refuses 3 'vaultaire.json:2: lisen: ' 'no such field'
	config '' ', "inlin": true'
	refuses 3 'vaultaire.json:7: tiers[0].inlin: ' 'no such field'
	config '"listen": 9000,' ''
	refuses 3 'vaultaire.json:2: listen: ' 'string'
	config '"listen": "here",' ''
	refuses 3 'vaultaire.json:2: listen: ' 'HOST:PORT'
	config '"promote": "yes",' ''
	refuses 3 'vaultaire.json:2: promote: ' 'true or false'
	config '"buffer_budget": "1K",' ''
	refuses 3 'vaultaire.json:2: buffer_budget: ' '8388608'
	config '"grace": "soon",' ''
	refuses 3 'vaultaire.json:2: grace: ' 'soon'
	config '"clock_skew": "30d",' ''
	refuses 3 'vaultaire.json:2: clock_skew: ' '604800000'
	config '' ', "inline_max": "1M"'
	refuses 3 'vaultaire.json:7: tiers[0].inline_max: ' '65536'
	config '"tls_cert": "cert",' ''
	refuses 3 'vaultaire.json:2: tls_cert: ' 'tls_key'
	config '"catalog": "",' ''
	refuses 3 'vaultaire.json:2: catalog: ' 'empty'
	config '' '}, {"name": "hot", "url": "file:b", "storage_class": "X"'
	refuses 3 'vaultaire.json:7: tiers[1].name: ' "'hot'"
	config '' '}, {"name": "b", "storage_class": "X"'
	refuses 3 'vaultaire.json:7: tiers[1]: ' '"url"'
	config '' ', "url": "elsewhere:"'
	refuses 3 'vaultaire.json' 'url'
	[ ! -e "$W/data/catalog.db" ]
}

@test "configuration: missing, a folder, not readable" {
	mkdir -p "$W/data/vaultaire.json"
	refuses 3 'vaultaire.json' 'Is a directory'
	rmdir "$W/data/vaultaire.json"
	run -3 --separate-stderr vt-serve --data "$W/data" \
	    --config "$W/none.json" --listen 127.0.0.1:0
	[[ $stderr == *"$W/none.json"*"No such file"* ]]
	[ ! -e "$W/none.json" ]
	config '' ''
	chmod 000 "$W/data/vaultaire.json"
	# Root reads everything: be nobody.
	if [ "$(id -u)" -eq 0 ]; then
		command -v setpriv >/dev/null || skip 'root, and no setpriv'
		chown -R nobody "$W/data"
		cp "$(command -v vt-serve)" "$W/vt-serve"
		for dir in "$W" "$(dirname "$W")" "$BATS_RUN_TMPDIR"; do
			chmod a+x "$dir"
		done
		as=(env "PATH=$W:$PATH" setpriv --reuid=nobody
		    --clear-groups)
		# shellcheck disable=SC2154
		run --separate-stderr "${as[@]}" vt-serve --version
		[ "$status" -eq 0 ] || skip "nobody cannot run it: $stderr"
		folder() {
			find "$1" ! -name serve.lock -ls
		}
		touch "$W/data/serve.lock"
		chown nobody "$W/data/serve.lock"
	fi
	refuses 3 'vaultaire.json' 'Permission denied'
}

@test "configuration: SIGHUP with a broken one goes on with the old" {
	own_server
	bad prepare
	cp "$W/data/vaultaire.json" "$W/good"
	printf '{\n"tiers": 5 }' >"$W/data/vaultaire.json"
	kill -HUP "$SERVE_PID"
	wait_until grep -q 'the old configuration: .*vaultaire.json:2: tiers' \
	    "$W/serve.err"
	cp "$W/good" "$W/data/vaultaire.json"
	bad keys
}

@test "credentials: readable by others, malformed, incomplete" {
	own_server
	bad prepare
	serve_stop
	chmod 640 "$W/data/credentials"
	refuses 3 'credentials' '0640' 'chmod 600'
	chmod 604 "$W/data/credentials"
	refuses 3 'credentials' '0604' 'chmod 600'
	chmod 600 "$W/data/credentials"
	cp "$W/data/credentials" "$W/good"
	for text in '' 'garbage' '[other]' "$(printf '\177ELF')"; do
		printf '%s\n' "$text" >"$W/data/credentials"
		refuses 3 'credentials' '[default]'
	done
	printf '[default]\naws_access_key_id = a\n' >"$W/data/credentials"
	refuses 3 'credentials' 'aws_secret_access_key'
	printf '[default]\naws_access_key_id = %02000d\n' 1 \
	    >"$W/data/credentials"
	refuses 3 'credentials:2: ' 'longer than'
	cp "$W/good" "$W/data/credentials"
	own_server
	bad keys
}

@test "a data folder of a newer schema is left alone" {
	own_server
	bad prepare
	serve_stop
	# the schema's number as it was; then it is $1
	schema() {
		python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(db.execute("PRAGMA user_version").fetchone()[0])
db.execute("PRAGMA user_version = " + sys.argv[2])' \
		    "$W/data/catalog.db" "$1"
	}
	local was
	was=$(schema 999)
	refuses 3 'catalog.db' 'schema 999' 'newer program'
	before=$(folder "$W/data")
	for command in "vt-migrate --gc" vt-scan "vt-scan --format csv"; do
		[[ $command != *csv ]] || continue
		# shellcheck disable=SC2086
		run -3 --separate-stderr $command --data "$W/data"
		[ -z "$output" ]
		[[ $stderr == *"schema 999"* ]]
	done
	unchanged "$before"
	schema "$was"
	own_server
	bad keys
}

@test "a catalog that is none" {
	mkdir "$W/data"
	head -c 20000 /dev/urandom >"$W/data/catalog.db"
	config '' ''
	printf '[default]\naws_access_key_id = a\naws_secret_access_key = b\n' \
	    >"$W/data/credentials"
	chmod 600 "$W/data/credentials"
	mkdir -p "$W/data/catalog.db-owners"
	: >"$W/data/catalog.db-lock"
	refuses 3 'catalog.db' 'not a database'
	run -3 --separate-stderr vt-scan --data "$W/data"
	[[ $stderr == *catalog.db*"not a database"* ]]
}

@test "a second vt-serve on the same folder" {
	own_server
	bad prepare
	run -4 --separate-stderr timeout 20 vt-serve --data "$W/data" \
	    --listen 127.0.0.1:0 --admin none
	[ -z "$output" ]
	[[ $stderr == *"another vt-serve (process $SERVE_PID) serves"*"$W/data"* ]]
	bad keys
	# The lock is its process's and ends with it.
	kill -KILL "$SERVE_PID"
	wait "$SERVE_PID" || :
	own_server
	bad keys
}

@test "a folder that cannot be made, a port that is taken" {
	run -3 --separate-stderr vt-serve --data /proc/none
	[[ $stderr == *"/proc/none"* ]]
	: >"$W/file"
	run -3 --separate-stderr vt-serve --data "$W/file"
	[[ $stderr == *"$W/file"* ]]
	run --separate-stderr vt-serve --data "$W/data" --admin none \
	    --listen "${AWS_ENDPOINT_URL#http://}"
	[ "$status" -eq 3 ] || [ "$status" -eq 4 ]
	[[ $stderr == *"${AWS_ENDPOINT_URL#http://}"*"in use"* ]]
}

# --- plans and scans ------------------------------------------------------------------

@test "corrupt plan lines: told with their numbers, nothing moved" {
	plan lines
}

@test "corrupt plan lines among good ones: those are moved" {
	mkdir "$W/data"
	# Nothing may move by itself.
	sed '1s/{/{ "promote": false,/' "$BATS_FILE_TMPDIR/data/vaultaire.json" \
	    >"$W/data/vaultaire.json"
	own_server
	bad prepare
	plan mixed
}

@test "corrupt scan lines: told with their numbers" {
	line='{"v":1,"bucket":"b","key":"k","version":"","seq":1'
	line+=',"generation":1,"size":1000,"tier":"hot","copy":1'
	line+=',"mtime":"2026-01-01T00:00:00Z"}'
	for bad in nonsense '[]' "${line:0:60}" "${line/1000/-5}" \
	    "${line/\"v\":1/\"v\":2}" "${line/2026-01-01/yesterday}" \
	    "${line/\"seq\":1/\"seq\":\"x\"}" $'\xff\xfe' \
	    '{"v":1,"bucket":"b"}'; do
		printf '%s\n' "$line" "$bad" "$line" >"$W/scan"
		run -1 --separate-stderr vt-plan --quiet "$W/scan"
		[ -z "$output" ]
		[ "$(printf '%s\n' "$stderr" | wc -l)" -eq 1 ]
		[[ $stderr == "vt-plan: $W/scan:2: "* ]]
	done
	run -3 --separate-stderr vt-plan "$W/none"
	[[ $stderr == *"$W/none"*"No such file"* ]]
}
