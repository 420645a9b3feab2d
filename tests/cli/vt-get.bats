#!/usr/bin/env bats
# vt-get's contract, against vt-serve.

load helper

setup_file() {
	serve_start "$BATS_FILE_TMPDIR"
	cd "$BATS_FILE_TMPDIR" || return
	random_file big 26000000
	printf 'hello\n' >hello.txt
	touch -d '2001-02-03T04:05:06.789Z' hello.txt
	vt-put --make-bucket hello.txt big s3://bucket/
	mkdir -p tree/sub
	echo 1 >tree/one
	echo 2 >tree/sub/two
	vt-put -r tree s3://bucket/tree/
	vt-put - s3://bucket/empty </dev/null
}

teardown_file() {
	serve_stop
}

setup() {
	in=$BATS_FILE_TMPDIR
	mkdir "$BATS_TEST_TMPDIR/work"
	cd "$BATS_TEST_TMPDIR/work" || return
}

teardown() {
	flaky_stop
}

@test "contract" {
	contract vt-get
}

@test "wrong command lines: 2" {
	run -2 --separate-stderr vt-get
	run -2 --separate-stderr vt-get file
	run -2 --separate-stderr vt-get file s3://bucket/key
	run -2 --separate-stderr vt-get s3://
	run -2 --separate-stderr vt-get s3://bucket/a s3://bucket/b one-file
	run -2 --separate-stderr vt-get --range x s3://bucket/a
	run -2 --separate-stderr vt-get --range - s3://bucket/a
	run -2 --separate-stderr vt-get --json s3://bucket/a -
	run -2 --separate-stderr vt-get -r s3://bucket/ -
	run -2 --separate-stderr vt-get --list --range 0-1 s3://bucket/
	run -2 --separate-stderr vt-get --null s3://bucket/a
}

@test "a file, in silence, with its time" {
	run -0 --separate-stderr vt-get s3://bucket/hello.txt
	[ -z "$output$stderr" ]
	cmp hello.txt "$in/hello.txt"
	[ "$(stat -c %.9Y hello.txt)" = 981173106.789000000 ]
	run -0 vt-get -- s3://bucket/hello.txt other
	cmp other "$in/hello.txt"
	run -0 vt-get s3://bucket/hello.txt s3://bucket/empty dir/
	cmp dir/hello.txt "$in/hello.txt"
	[ ! -s dir/empty ] && [ -e dir/empty ]
	run -0 vt-get s3://bucket/big
	cmp big "$in/big"
	[ "$(ls -A)" = "$(printf 'big\ndir\nhello.txt\nother')" ]
}

@test "standard output, devices and closed pipes" {
	vt-get s3://bucket/big - | cmp - "$in/big"
	vt-get --part-size 1M -j 3 s3://bucket/big - | cmp - "$in/big"
	vt-get s3://bucket/hello.txt s3://bucket/empty s3://bucket/hello.txt - |
	    cmp - <(cat "$in/hello.txt" "$in/hello.txt")
	run -0 --separate-stderr vt-get s3://bucket/big /dev/null
	run -3 --separate-stderr vt-get s3://bucket/big /dev/full
	[[ $stderr == *"standard output"* ]]
	run -3 --separate-stderr bash -c 'vt-get s3://bucket/hello.txt - \
	    >/dev/full'
	run -141 --separate-stderr bash -c 'vt-get s3://bucket/big - |
	    head -c 1 >/dev/null; exit ${PIPESTATUS[0]}'
	[ -z "$stderr" ]
}

@test "--range" {
	[ "$(vt-get --range 0-3 s3://bucket/hello.txt -)" = hell ]
	[ "$(vt-get --range 1- s3://bucket/hello.txt -)" = ello ]
	[ "$(vt-get --range -3 s3://bucket/hello.txt - | head -c 2)" = lo ]
	vt-get --range 1000000-20000000 s3://bucket/big part
	cmp part <(tail -c +1000001 "$in/big" | head -c 19000001)
	run -3 --separate-stderr vt-get --range 100-200 s3://bucket/hello.txt -
	[[ $stderr == *InvalidRange* || $stderr == *416* ]]
}

@test "absent: 1, and the object is named" {
	run -1 --separate-stderr vt-get s3://bucket/no-such
	[[ $stderr == *"s3://bucket/no-such"*404* ]]
	[ -z "$(ls -A)" ]
	run -1 --separate-stderr vt-get s3://bucket/no-such s3://bucket/empty .
	[ -e empty ]
	run -1 --separate-stderr vt-get -r s3://bucket/no-such .
	run -3 --separate-stderr vt-get s3://bucket/ .
}

@test "--recursive" {
	run -0 --separate-stderr vt-get -r s3://bucket/tree out
	[ -z "$output$stderr" ]
	diff -r out "$in/tree"
	run -0 --separate-stderr vt-get -r s3://bucket all/
	cmp all/big "$in/big"
	cmp all/tree/sub/two "$in/tree/sub/two"
	[ -z "$(find . -name '*.vtpart')" ]
}

@test "keys that are no safe names stay out" {
	local key
	mkdir in
	for key in ../up a/../../up /abs a//b . a/./b ok; do
		printf x | vt-put - "s3://bucket/evil/$key"
	done
	run -1 --separate-stderr vt-get -r s3://bucket/evil/ in
	[ "$(find . -type f)" = ./in/ok ]
	[[ $stderr == *"s3://bucket/evil/../up"*"'..'"* ]]
	[[ $stderr == *"s3://bucket/evil//abs"*"'/'"* ]]
	[ "$(printf '%s\n' "$stderr" | wc -l)" -eq 6 ]
	run -3 --separate-stderr vt-get s3://bucket/evil/../up/.. in/
}

@test "a key that is a file's and a directory's name" {
	printf 1 | vt-put - s3://bucket/clash/a
	printf 2 | vt-put - s3://bucket/clash/a/b
	run -1 --separate-stderr vt-get -j 1 -r s3://bucket/clash/ out
	[[ $stderr == *"s3://bucket/clash/a"* ]]
}

@test "empty objects that stand for directories" {
	s3curl -f -X PUT -H 'Content-Length: 0' "$AWS_ENDPOINT_URL/bucket/marked/sub/"
	run -0 --separate-stderr vt-get -r s3://bucket/marked out
	[ -d out/sub ]
}

@test "--list as text and as JSON" {
	run -0 --separate-stderr vt-get --list s3://bucket/
	[[ $output == *" 26000000  "*"  STANDARD  "*"  big"* ]]
	[[ $output == *"  tree/"* ]]
	[[ $output != *two* ]]
	run -0 --separate-stderr vt-get --list -r --json s3://bucket/tree/
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[0]} == '{"v":1,"op":"list","bucket":"bucket",'* ]]
	[[ ${lines[0]} == *'"key":"tree/one","bytes":2,'* ]]
	run -0 --separate-stderr vt-get --list
	[[ $output == *"  bucket" ]]
	run -1 --separate-stderr vt-get --list s3://bucket/no-such
	run -3 --separate-stderr bash -c 'vt-get --list s3://bucket/ >/dev/full'
	printf x | vt-put - $'s3://bucket/nl/a\nb'
	vt-get --list --null $'s3://bucket/nl/' | grep -qz $'a\nb$'
}

@test "--skip-same and --no-overwrite" {
	vt-get s3://bucket/hello.txt
	run -0 vt-get --skip-same --json s3://bucket/hello.txt
	[[ $output == *'"result":"same"'* ]]
	touch hello.txt
	run -0 vt-get --skip-same --json s3://bucket/hello.txt
	[[ $output == *'"result":"same"'* ]]
	printf 'HELLO\n' >hello.txt
	run -1 --separate-stderr vt-get --no-overwrite s3://bucket/hello.txt
	[ "$(cat hello.txt)" = HELLO ]
	run -0 vt-get --skip-same --json s3://bucket/hello.txt
	[[ $output == *'"result":"stored"'* ]]
	[ "$(cat hello.txt)" = hello ]
}

@test "--dry-run gets nothing" {
	run -0 --separate-stderr vt-get --dry-run -r s3://bucket/tree out
	[ "${#lines[@]}" -eq 2 ]
	[ ! -e out ]
}

@test "through a link, not in its place" {
	echo old >target
	ln -s target link
	vt-get s3://bucket/hello.txt link
	[ -L link ]
	cmp target "$in/hello.txt"
}

@test "every byte is checked" {
	run -0 vt-get --json s3://bucket/big s3://bucket/hello.txt .
	[[ $output == *'"key":"big",'*'"checked":"crc64nvme"'* ]]
	flaky_start GET:1:flip GET:2:flip GET:6:flip
	run -3 --separate-stderr vt-get s3://bucket/hello.txt new
	[[ $stderr == *"does not match"*crc64nvme* ]]
	[ ! -e new ]
	run -3 --separate-stderr vt-get -j 1 s3://bucket/big new
	[[ $stderr == *"does not match"* ]]
	[ ! -e new ] && [ ! -e new.vtpart ]
	run -3 --separate-stderr vt-get s3://bucket/hello.txt -
}

@test "broken and refused transfers go on" {
	flaky_start GET:1:cut GET:2:drop GET:3:503 GET:4:cut
	run -0 --separate-stderr vt-get s3://bucket/big
	[ -z "$stderr" ]
	cmp big "$in/big"
	[ "$(flaky_count)" -ge 4 ]
}

@test "an interrupted file goes on where it stopped" {
	flaky_start GET:3:503
	run -4 --separate-stderr vt-get -j 1 --retries 0 s3://bucket/big
	[[ $stderr == *big.vtpart* ]]
	[ -e big.vtpart ] && [ ! -e big ]
	flaky_stop
	run -0 --separate-stderr vt-get --json s3://bucket/big .
	[[ $output == *'"resumed_parts":2'* ]]
	cmp big "$in/big"
	[ ! -e big.vtpart ]
}

@test "what was got before is checked before it counts" {
	flaky_start GET:3:503
	run -4 --separate-stderr vt-get -j 1 --retries 0 s3://bucket/big
	flaky_stop
	printf XXXX | dd of=big.vtpart conv=notrunc status=none
	run -0 --separate-stderr vt-get --json s3://bucket/big .
	[[ $output == *'"resumed_parts":1'* ]]
	cmp big "$in/big"
}

@test "an object that changed begins anew" {
	random_file other 26000000
	vt-put other s3://bucket/changing
	flaky_start GET:3:503
	run -4 --separate-stderr vt-get -j 1 --retries 0 s3://bucket/changing
	flaky_stop
	vt-put "$in/big" s3://bucket/changing
	run -0 --separate-stderr vt-get --json s3://bucket/changing .
	[[ $output == *'"resumed_parts":0'* ]]
	cmp changing "$in/big"
}

@test "a signal: what came is kept, it says so, and dies of it" {
	local pid status=0
	flaky_start GET:3:hold
	vt-get -j 1 s3://bucket/big 2>err 3>&- &
	pid=$!
	wait_until grep -q hold "$BATS_TEST_TMPDIR/flaky.err"
	kill -TERM $pid
	wait $pid || status=$?
	[ "$status" -eq 143 ]
	grep -q 'big.vtpart' err
	flaky_stop
	run -0 --separate-stderr vt-get --json s3://bucket/big .
	[[ $output == *'"resumed_parts":2'* ]]
}

@test "two at once on one file: one of them, and no harm" {
	local pid
	flaky_start GET:1:hold
	vt-get -j 1 s3://bucket/big 3>&- 2>/dev/null &
	pid=$!
	wait_until grep -q hold "$BATS_TEST_TMPDIR/flaky.err"
	run -4 --separate-stderr vt-get s3://bucket/big
	[[ $stderr == *another* ]]
	kill -TERM $pid
	wait $pid || true
	flaky_stop
	vt-get s3://bucket/big
	cmp big "$in/big"
}
