#!/usr/bin/env bats
# vt-put's contract, against vt-serve.

load helper

setup_file() {
	serve_start "$BATS_FILE_TMPDIR"
	cd "$BATS_FILE_TMPDIR" || return
	random_file big 26000000
	printf 'hello\n' >hello.txt
	vt-put --make-bucket hello.txt s3://bucket/first
}

teardown_file() {
	serve_stop
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	# A place of its own for each test.
	at=s3://bucket/$BATS_TEST_NUMBER
}

teardown() {
	flaky_stop
}

# same KEY FILE
same() {
	vt-get "$1" - | cmp - "$2"
}

@test "contract" {
	contract vt-put
}

@test "no arguments, no destination, no bucket: 2" {
	run -2 --separate-stderr vt-put
	run -2 --separate-stderr vt-put hello.txt
	run -2 --separate-stderr vt-put hello.txt s3://
	run -2 --separate-stderr vt-put hello.txt hello.txt
	[[ $stderr == *"s3://bucket/key"* ]]
	run -2 --separate-stderr vt-put - s3://bucket/prefix/
	run -2 --separate-stderr vt-put hello.txt big s3://bucket/one-key
	run -2 --separate-stderr vt-put --null hello.txt "$at/"
	run -2 --separate-stderr vt-put --meta novalue hello.txt "$at/"
	run -2 --separate-stderr vt-put --meta $'k=a\nb' hello.txt "$at/"
	run -2 --separate-stderr vt-put --header 'a b=c' hello.txt "$at/"
}

@test "a file to a key and under a prefix, in silence" {
	run -0 --separate-stderr vt-put hello.txt "$at/key"
	[ -z "$output$stderr" ]
	same "$at/key" hello.txt
	run -0 vt-put hello.txt big "$at/"
	same "$at/hello.txt" hello.txt
	same "$at/big" big
}

@test "standard input, small, large, empty, through -- and pipes" {
	printf 'abc' | vt-put - "$at/small"
	[ "$(vt-get "$at/small" -)" = abc ]
	vt-put -- - "$at/large" <big
	same "$at/large" big
	vt-put - "$at/empty" </dev/null
	[ "$(vt-get "$at/empty" - | wc -c)" -eq 0 ]
	# A stream of exactly one part, and of exactly two.
	head -c 5242880 big | vt-put --part-size 5M - "$at/one"
	head -c 5242880 big | cmp - <(vt-get "$at/one" -)
	head -c 10485760 big | vt-put --part-size 5M - "$at/two"
	head -c 10485760 big | cmp - <(vt-get "$at/two" -)
	vt-put <(printf fifo) "$at/fifo"
	[ "$(vt-get "$at/fifo" -)" = fifo ]
}

@test "names with every kind of character" {
	local name
	mkdir -p names
	for name in 'a b' 'a+b' 'ü' 'a%41' 'a?b=c&d' "a'b" 'a"b' '#' '~' \
	    $'new\nline' 'ends.' '*' '[x]'; do
		printf '%s' "$name" >"names/$name"
		run -0 --separate-stderr vt-put -- "names/$name" "$at/$name"
		[ "$(vt-get "$at/$name" -)" = "$name" ]
	done
	rm -r names
}

@test "a missing file: 1, the others arrive" {
	run -1 --separate-stderr vt-put no-such hello.txt "$at/"
	[[ $stderr == *"'no-such'"*"No such file"* ]]
	same "$at/hello.txt" hello.txt
}

@test "a directory needs --recursive; links are skipped or followed" {
	mkdir -p tree/sub/empty
	echo 1 >tree/one
	echo 2 >tree/sub/two
	ln -sfn one tree/link
	run -3 --separate-stderr vt-put tree "$at/"
	[[ $stderr == *--recursive* ]]
	run -0 --separate-stderr vt-put -r tree "$at"
	[[ $stderr == *"'tree/link'"*skipped* ]]
	run -0 vt-get --list -r --json "$at/"
	[ "${#lines[@]}" -eq 2 ]
	[[ $output == *"/one"*"/sub/two"* ]]
	run -0 --separate-stderr vt-put -r --follow tree/ "$at/"
	[ -z "$stderr" ]
	[ "$(vt-get "$at/link" -)" = 1 ]
	ln -sfn .. tree/sub/loop
	run -0 --separate-stderr vt-put -r --follow tree "$at/"
	[[ $stderr == *loop* ]]
	# A link that is named is meant.
	vt-put tree/link "$at/named"
	[ "$(vt-get "$at/named" -)" = 1 ]
	rm -r tree
}

@test "--files-from, lines and --null, and no way out of the prefix" {
	mkdir -p list
	echo a >list/a
	echo b >$'list/b\nb'
	printf 'list/a\n./hello.txt\n' | vt-put --files-from - "$at/"
	[ "$(vt-get "$at/list/a" -)" = a ]
	same "$at/hello.txt" hello.txt
	printf 'list/b\nb\0' >list/names
	vt-put --null --files-from list/names "$at/"
	[ "$(vt-get "$at/list/b"$'\n'b -)" = b ]
	run -1 --separate-stderr vt-put --files-from - "$at/" \
	    <<<$'list/../list/a\nlist/a'
	[[ $stderr == *"'list/../list/a'"* ]]
	run -3 --separate-stderr vt-put --files-from no-such "$at/"
	rm -r list
}

@test "--json: one line an object, with what can be compared" {
	run -0 --separate-stderr vt-put --json hello.txt big "$at/"
	[ "${#lines[@]}" -eq 2 ]
	[[ $output == *'"v":1,"op":"put","result":"stored"'* ]]
	[[ $output == *'"bytes":6,'*'"crc64nvme":"akP7S61aVgc="'* ]]
	[[ $output == *'"parts":4,'* ]]
	run -1 --separate-stderr vt-put --json hello.txt no-such "$at/"
	run -3 --separate-stderr bash -c \
	    "vt-put --json hello.txt $at/ >/dev/full"
	[[ $stderr == *"standard output"* ]]
}

@test "content type, metadata, header, class, time" {
	local url=$AWS_ENDPOINT_URL/bucket/$BATS_TEST_NUMBER/x.html
	cp hello.txt x.html
	touch -d '2001-02-03T04:05:06.789Z' x.html
	vt-put --meta color=blue --header cache-control=no-cache \
	    --storage-class STANDARD_IA x.html "$at/"
	run -0 s3curl -I "$url"
	output=$(tr A-Z a-z <<<"$output")
	[[ $output == *"content-type: text/html"* ]]
	[[ $output == *"x-amz-meta-color: blue"* ]]
	[[ $output == *"cache-control: no-cache"* ]]
	[[ $output == *"x-amz-storage-class: standard_ia"* ]]
	[[ $output == *"x-amz-meta-mtime: 981173106.789000000"* ]]
	vt-put --content-type text/x-mine x.html "$at/"
	run -0 s3curl -I "$url"
	[[ ${output,,} == *"content-type: text/x-mine"* ]]
}

@test "--if-none-match does not overwrite, whole and in parts" {
	vt-put hello.txt "$at/a"
	run -1 --separate-stderr vt-put --if-none-match big "$at/a"
	[[ $stderr == *"exists already"* ]]
	printf other >other
	run -1 --separate-stderr vt-put --if-none-match other "$at/a"
	run -1 --separate-stderr vt-put --if-none-match - "$at/a" <big
	same "$at/a" hello.txt
	run -0 vt-put --if-none-match big "$at/b"
	same "$at/b" big
}

@test "--skip-same by time, by contents, not by name alone" {
	cp hello.txt same
	vt-put same "$at/"
	run -0 vt-put --skip-same --json same "$at/"
	[[ $output == *'"result":"same"'* ]]
	touch -d '2001-01-01' same
	run -0 vt-put --skip-same --json same "$at/"
	[[ $output == *'"result":"same"'* ]]
	printf 'HELLO\n' >same
	run -0 vt-put --skip-same --json same "$at/"
	[[ $output == *'"result":"stored"'* ]]
	same "$at/same" same
}

@test "--dry-run puts nothing" {
	run -0 --separate-stderr vt-put --dry-run hello.txt big "$at/"
	[ "${#lines[@]}" -eq 2 ]
	run -1 --separate-stderr vt-get --list "$at/"
}

@test "refused, broken and lost answers are tried again" {
	flaky_start PUT:1:503 PUT:2:drop PUT:3:500
	run -0 --separate-stderr vt-put hello.txt "$at/"
	[ -z "$stderr" ]
	[ "$(flaky_count)" -ge 3 ]
	same "$at/hello.txt" hello.txt
}

@test "an answer of CompleteMultipartUpload that got lost is found" {
	flaky_start POST:2:drop
	run -0 --separate-stderr vt-put --json big "$at/"
	[ "$(flaky_count)" -eq 1 ]
	same "$at/big" big
}

@test "what will fail again is not tried again: 3; what may work: 4" {
	flaky_start PUT:1:403 PUT:2:503
	run -3 --separate-stderr vt-put hello.txt "$at/"
	[[ $stderr == *"'hello.txt'"*"/hello.txt"*403* ]]
	run -4 --separate-stderr vt-put --retries 0 hello.txt "$at/"
	[[ $stderr == *503* ]]
}

@test "an interrupted upload goes on where it stopped" {
	flaky_start PUT:3:503
	run -4 --separate-stderr vt-put -j 1 --retries 0 big "$at/"
	[[ $stderr == *"2 of 4 parts are stored"* ]]
	flaky_stop
	# Another part size is no matter: the parts say what it was.
	run -0 --separate-stderr vt-put --part-size 5M --json big "$at/"
	[[ $output == *'"parts":4,"resumed_parts":2'* ]]
	same "$at/big" big
}

@test "no resuming with parts of a file that has changed" {
	cp big changing
	flaky_start PUT:3:503
	run -4 --separate-stderr vt-put -j 1 --retries 0 changing "$at/"
	flaky_stop
	# Same size, same place: the part must be sent again.
	printf X | dd of=changing conv=notrunc status=none
	touch -d '1 minute' changing
	run -0 --separate-stderr vt-put --json changing "$at/"
	[[ $output == *'"resumed_parts":0'* ]]
	same "$at/changing" changing
}

@test "a signal: parts stay, it says so, and dies of it" {
	local pid status=0
	flaky_start PUT:3:hold
	vt-put -j 1 big "$at/" 2>err 3>&- &
	pid=$!
	wait_until grep -q hold "$BATS_TEST_TMPDIR/flaky.err"
	kill -TERM $pid
	wait $pid || status=$?
	[ "$status" -eq 143 ]
	flaky_stop
	grep -q 'parts are stored' err
	run -0 --separate-stderr vt-put --json big "$at/"
	[[ $output != *'"resumed_parts":0'* ]]
	same "$at/big" big
}

@test "a stream that breaks leaves no parts behind" {
	flaky_start PUT:3:403
	run -3 --separate-stderr vt-put -j 1 --part-size 5M - "$at/x" <big
	flaky_stop
	run -0 s3curl "$AWS_ENDPOINT_URL/bucket?prefix=$BATS_TEST_NUMBER/&uploads="
	[[ $output != *UploadId* ]]
}

@test "an unknown bucket, a wrong key: named, with the server's words" {
	run -1 --separate-stderr vt-put hello.txt s3://no-such-bucket/k
	[[ $stderr == *"s3://no-such-bucket/k: NoSuchBucket"* ]]
	AWS_SECRET_ACCESS_KEY=wrong run -3 --separate-stderr vt-put \
	    hello.txt "$at/"
	[[ $stderr == *SignatureDoesNotMatch* ]]
	run -3 --separate-stderr vt-put hello.txt \
	    "s3://bucket/$(printf 'k%.0s' {1..1025})"
	[[ $stderr == *"1024 bytes"* ]]
}

@test "many files at once" {
	local i
	mkdir -p many
	for ((i = 0; i < 300; i++)); do echo $i >many/$i; done
	run -0 --separate-stderr vt-put -r -j 16 many "$at/"
	[ -z "$stderr" ]
	[ "$(vt-get --list -r "$at/" | wc -l)" -eq 300 ]
	[ "$(vt-get "$at/299" -)" = 299 ]
	rm -r many
}
