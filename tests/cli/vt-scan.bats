#!/usr/bin/env bats
# vt-scan's contract: foreign logs without a server, then a real catalog.

load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	printf '%s\n' time_s,op,key,size,count \
	    1600000000,PUT,a,1000,1 \
	    1600100000,GET,a,1000,2 \
	    1600200000,GET,b,500,1 \
	    1601000000,GET,a,1000,1 >log.csv
}

teardown() {
	serve_stop
}

# field NAME of the JSON lines on stdin
field() {
	python3 -c 'import json,sys
for l in sys.stdin: print(json.loads(l).get(sys.argv[1], ""))' "$1"
}

@test "contract" {
	contract vt-scan
}

@test "wrong command lines: 2" {
	run -2 --separate-stderr vt-scan --from nonsense
	[[ $stderr == *nonsense* ]]
	[ -z "$output" ]
	run -2 --separate-stderr vt-scan log.csv
	run -2 --separate-stderr vt-scan --from csv --data . log.csv
	run -2 --separate-stderr vt-scan --from csv --history 0 log.csv
	run -2 --separate-stderr vt-scan --from csv --now yesterday log.csv
	run -2 --separate-stderr vt-scan --from csv --bucket '' log.csv
}

@test "a csv log: one line per object, sorted, in silence" {
	run -0 --separate-stderr vt-scan --from csv log.csv
	[ -z "$stderr" ]
	[ "${#lines[@]}" -eq 2 ]
	[ "$(printf '%s\n' "${lines[@]}" | field key)" = $'a\nb' ]
	[ "$(printf '%s\n' "${lines[@]}" | field reads)" = $'3\n1' ]
	[ "$(printf '%s\n' "${lines[0]}" | field h)" = \
	    '[[18519, 2, 2000], [18530, 1, 1000]]' ]
	[ "$(printf '%s\n' "${lines[0]}" | field bucket)" = log ]
	[ "$(printf '%s\n' "${lines[0]}" | field mtime)" = \
	    2020-09-13T12:26:40.000Z ]
}

@test "P12 a log covers the time from its first read to its last line" {
	vt-scan --from csv log.csv >out
	[ "$(head -n 1 out | field covered_from)" = 2020-09-14T16:13:20.000Z ]
	[ "$(head -n 1 out | field covered_to)" = 2020-09-25T02:13:20.000Z ]
	vt-scan --from csv --now 2021-01-01T00:00:00Z log.csv >out
	[ "$(head -n 1 out | field covered_to)" = 2021-01-01T00:00:00.000Z ]
}

@test "standard input, '-', '--', several and compressed logs are the same" {
	vt-scan --from csv log.csv >want
	vt-scan --from csv <log.csv | cmp - want
	vt-scan --from csv - <log.csv | cmp - want
	vt-scan --from csv -- log.csv | cmp - want
	gzip -k log.csv
	zstd -q log.csv
	vt-scan --from csv log.csv.gz | cmp - want
	vt-scan --from csv log.csv.zst | cmp - want
	vt-scan --from csv <log.csv.zst | cmp - want
	head -n 3 log.csv >one.csv
	(head -n 1 log.csv; tail -n +4 log.csv) >two.csv
	vt-scan --from csv one.csv two.csv | cmp - want
	vt-scan --from csv two.csv one.csv | cmp - want
}

@test "malformed lines are counted, the first shown, the rest is scanned: 1" {
	{ cat log.csv; echo x,GET,a,1; echo y,GET,a,1; } >bad.csv
	run -1 --separate-stderr vt-scan --from csv bad.csv
	[ "${#lines[@]}" -eq 2 ]
	[[ $stderr == *bad.csv:6:*x,GET,a,1* ]]
	[[ $stderr == *"2 malformed lines of 7"* ]]
	run -1 --separate-stderr vt-scan --from vaultaire <<<'{"op":'
	[ -z "$output" ]
}

@test "a missing log, a cut compressed one, lost output: 3" {
	run -3 --separate-stderr vt-scan --from csv absent.csv
	[[ $stderr == *absent.csv* ]]
	seq 100000 | gzip | head -c 1000 >cut.gz
	run -3 --separate-stderr vt-scan --from csv cut.gz
	[[ $stderr == *cut.gz* ]]
	run -3 --separate-stderr bash -c 'vt-scan --from csv log.csv >/dev/full'
	[[ $stderr == *"standard output"* ]]
}

@test "a closed pipe is died of quietly" {
	{ echo time_s,op,key,size
	  seq 200000 | sed 's/.*/1600000000,GET,key&,10/'; } >many.csv
	run --separate-stderr bash -c 'vt-scan --from csv many.csv |
	    head -n 1 >/dev/null; exit ${PIPESTATUS[0]}'
	[ "$status" -eq 141 ]
	[ -z "$stderr" ]
}

@test "an empty log makes no lines" {
	run -0 --separate-stderr vt-scan --from csv </dev/null
	[ -z "$output$stderr" ]
}

@test "web and S3 access logs" {
	echo '1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a%20b HTTP/1.1"' \
	    '200 77 "-" "x"' >web
	run -0 --separate-stderr vt-scan --from combined --bucket site web
	[ "$(printf '%s\n' "$output" | field key)" = 'a b' ]
	[ "$(printf '%s\n' "$output" | field bucket)" = site ]
	echo 'o bkt [06/Feb/2019:00:00:38 +0000] 1.2.3.4 o R REST.GET.OBJECT' \
	    'k "GET /bkt/k HTTP/1.1" 200 - 10 100 1 1 "-" "x" -' >s3
	run -0 --separate-stderr vt-scan --from s3-access-log s3
	[ "$(printf '%s\n' "$output" | field bucket)" = bkt ]
	[ "$(printf '%s\n' "$output" | field size)" = 100 ]
	[ "$(printf '%s\n' "$output" | field bytes_read)" = 10 ]
}

@test "--history folds old days and loses no read" {
	{ echo time_s,op,key,size
	  seq -f %.0f 1600000000 86400 1625920000 | sed 's/.*/&,GET,k,10/'; } >days.csv
	vt-scan --from csv --history all days.csv >all
	vt-scan --from csv --history 8 days.csv >few
	[ "$(field reads <all)" = 301 ]
	[ "$(field reads <few)" = 301 ]
	python3 -c 'import json
a = json.load(open("all"))["h"]; f = json.load(open("few"))["h"]
assert len(a) == 301 and len(f) < 40, len(f)
assert f[-8:] == a[-8:]
assert sum(x[1] for x in f) == 301
assert sum(x[3] if len(x) > 3 else 1 for x in f) == 301'
}

@test "a server: its versions, their copies and their reads" {
	serve_start "$BATS_TEST_TMPDIR"
	head -c 200000 /dev/urandom >big
	vt-put --make-bucket big s3://bucket/big
	vt-put big s3://bucket/other
	vt-get s3://bucket/big got
	vt-get --range 0-99 s3://bucket/big got
	# many at once: the request's own line names no object and is no fault
	printf '<Delete><Object><Key>none</Key></Object></Delete>' >many
	s3curl -o answer -X POST --data-binary @many -H "Content-MD5: $(
	    openssl md5 -binary <many | base64)" \
	    "$AWS_ENDPOINT_URL/bucket?delete="
	grep -q '<Deleted>' answer
	serve_stop
	grep -q '"op":"DeleteObjects"' data/access.jsonl
	run -0 --separate-stderr vt-scan --data data
	[ -z "$stderr" ]
	[ "${#lines[@]}" -eq 2 ]
	printf '%s\n' "${lines[@]}" >out
	[ "$(field key <out)" = $'big\nother' ]
	[ "$(field reads <out)" = $'2\n0' ]
	[ "$(field bytes_read <out)" = $'200100\n0' ]
	[ "$(field tier <out)" = $'hot\nhot' ]
	[ "$(field size <out)" = $'200000\n200000' ]
	[ "$(field seq <out | grep -c '^[1-9]')" -eq 2 ]
	[ "$(field copy <out | grep -c '^[1-9]')" -eq 2 ]
	# the log that was rotated away is read too
	gzip -c data/access.jsonl >data/access.jsonl.1.gz
	: >data/access.jsonl
	vt-scan --data data >again
	[ "$(field reads <again)" = $'2\n0' ]
	VAULTAIRE_DATA=data vt-scan | head -n 1 | grep -q '"reads":2'
}

@test "no server's folder: 3" {
	run -3 --separate-stderr vt-scan --data nowhere
	[ -z "$output" ]
}
