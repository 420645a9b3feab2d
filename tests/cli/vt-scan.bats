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
	    '[[18519, 2, 2000], 18530]' ]
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

@test "a log that is there twice counts once" {
	{ head -n 1 log.csv; for i in $(seq 300); do
		echo "$((1600000000 + i)),GET,k$i,10"; done; } >a.csv
	vt-scan --from csv a.csv >want
	head -n 290 a.csv | zstd -q >a.csv.zst	# before the last lines
	gzip -k a.csv
	run -0 --separate-stderr vt-scan --from csv a.csv a.csv.gz a.csv.zst
	cmp want - <<<"$output"
	[[ $stderr == *"begins with all of 'a.csv.gz': that one is left out"* ]]
	[[ $stderr == *"begins with all of 'a.csv.zst'"* ]]
	run -0 --separate-stderr vt-scan --from csv a.csv.zst a.csv.gz
	cmp want - <<<"$output"
	# one that differs behind its beginning is another
	{ cat a.csv; echo 1600000301,GET,k1,10; } >b.csv
	sed 's/,k300,/,k301,/' a.csv >c.csv
	vt-scan --from csv b.csv c.csv 2>said >out
	[ ! -s said ]
	[ "$(field reads <out | sort | uniq -c | tr -s ' ')" = \
	    $' 2 1\n 298 2\n 1 3' ]
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

@test "times that cannot be are told" {
	printf '%s - - [%s] "GET /k HTTP/1.1" 200 5 "-" "-"\n' \
	    a '10/Oct/1969:13:55:40 -0700' b '10/Oct/2020:13:55:40 +0000' >web
	run -1 --separate-stderr vt-scan --from combined web
	[ "$(field reads <<<"$output")" = 1 ]
	[[ $stderr == *"web:1: a time before 1970"* ]]
	printf '%s - - [%s] "GET /k HTTP/1.1" 200 5 "-" "-"\n' \
	    c '10/Oct/2999:13:55:40 +0000' >>web
	run -1 --separate-stderr vt-scan --from combined web
	[[ $stderr == *"until 2999-10-10T13:55:40.000Z, which is to come"* ]]
	run -1 --separate-stderr vt-scan --from combined web \
	    --covered 2020-10-10T13:55:40Z..2020-12-01T00:00:00Z
	[[ $stderr != *"to come"* ]]
	[ "$(field covered_to <<<"$output")" = 2020-12-01T00:00:00.000Z ]
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

# The fields NAME... of the JSON lines on stdin, blanks between.
fields() {
	python3 -c 'import json,sys
for l in sys.stdin:
    r = json.loads(l)
    if "covered_to" in r:  # from its creation on, unless it is said
        r.setdefault("covered_from", r["mtime"])
    print(*(r.get(n, "-") for n in sys.argv[1:]))' "$@"
}

# s3log TIME OPERATION KEY SENT SIZE [VERSION]: a line of an S3 access log
s3log() {
	echo "o b [$1 +0000] 192.0.2.3 o R $2 $3 \"GET /b/$3 HTTP/1.1\" 200" \
	    "- $4 $5 1 1 \"-\" \"c\" ${6--} h"
}

# inventory SCHEMA MADE_MS ROW...: a manifest and its rows in ./inv
inventory() {
	mkdir -p inv/data
	printf '{"fileFormat":"CSV","fileSchema":"%s","files":[{"key":' \
	    "$1" >inv/manifest.json
	printf '"x/y/rows.csv.gz"}],"creationTimestamp":"%s"}' "$2" \
	    >>inv/manifest.json
	printf '%s\n' "${@:3}" | gzip >inv/data/rows.csv.gz
}

@test "each format's sample gives objects, compressed or not" {
	local logs=$BATS_TEST_DIRNAME/../data/logs f
	for f in s3-access-log:s3-access-log:2 cloudtrail:cloudtrail.json:2 \
	    cloudtrail:cloudtrail.jsonl:2 cloudfront:cloudfront:1 \
	    azure-storage-log:azure-resource.jsonl:2 \
	    azure-storage-log:azure-analytics-1.0.log:2 \
	    gcs-storage-log:gcs-usage.csv:2 combined:vhost-combined:2 \
	    s3-inventory:inventory/manifest.json:4; do
		IFS=: read -r format file count <<<"$f"
		run -0 --separate-stderr vt-scan --from "$format" \
		    "$logs/$file"
		[ -z "$stderr" ]
		[ "${#lines[@]}" -eq "$count" ]
		[ "$format" = s3-inventory ] ||
		    vt-scan --from "$format" < <(gzip -c "$logs/$file") |
		    cmp - <(printf '%s\n' "${lines[@]}")
	done
}

@test "an audit log tells no size: objects are counted and left out" {
	run -0 --separate-stderr vt-scan --from gcs-storage-log \
	    "$BATS_TEST_DIRNAME/../data/logs/gcs-audit.json"
	[ -z "$output" ]
	[[ $stderr == *"1 objects whose size"* ]]
	# another source may
	printf '%s\n' time_s,op,key,size,bucket \
	    1600000000,PUT,a/objects/b,77,pail >sizes
	run -0 --separate-stderr vt-scan --from csv sizes \
	    --from gcs-storage-log \
	    "$BATS_TEST_DIRNAME/../data/logs/gcs-audit.json"
	[ -z "$stderr" ]
	[ "$(fields bucket key size reads <<<"$output")" = \
	    "pail a/objects/b 77 1" ]
}

@test "several formats in one run: each --from is of the logs behind it" {
	s3log 06/Feb/2026:00:00:38 REST.GET.OBJECT k 5 10 >s3
	vt-scan --from csv --bucket one log.csv --from s3-access-log s3 \
	    --from csv log.csv --bucket two >out
	[ "$(fields bucket key reads <out)" = \
	    $'b k 1\none a 3\none b 1\ntwo a 3\ntwo b 1' ]
	vt-scan --bucket all --from csv log.csv --from csv -- log.csv >out
	[ "$(fields bucket key reads <out)" = $'all a 6\nall b 2' ]
	run -2 --separate-stderr vt-scan --from csv --from s3-access-log s3
	[[ $stderr == *"no log is named"* ]]
	run -2 --separate-stderr vt-scan s3 --from s3-access-log
	run -2 --separate-stderr vt-scan --from csv --schema Key log.csv
	[[ $stderr == *s3-inventory* ]]
}

@test "a folder of logs, as they are delivered day by day" {
	mkdir -p AWSLogs/2026/02/06 AWSLogs/2026/02/07 AWSLogs/.hidden
	local logs=$BATS_TEST_DIRNAME/../data/logs
	head -n 4 "$logs/cloudtrail.jsonl" | gzip >AWSLogs/2026/02/06/a.json.gz
	tail -n +5 "$logs/cloudtrail.jsonl" >AWSLogs/2026/02/07/b.json
	echo nonsense >AWSLogs/.hidden/c
	echo nonsense >AWSLogs/2026/.d
	run -0 --separate-stderr vt-scan --from cloudtrail AWSLogs
	[ -z "$stderr" ]
	vt-scan --from cloudtrail "$logs/cloudtrail.jsonl" |
	    cmp - <(printf '%s\n' "${lines[@]}")
	mkdir none
	run -0 --separate-stderr vt-scan --from csv none </dev/null
	[ -z "$output$stderr" ]
	run -0 vt-scan --from csv none --from csv log.csv
	[ "${#lines[@]}" -eq 2 ]
}

@test "an inventory gives sizes, ages, classes, and objects never read" {
	inventory "Bucket, Key, Size, LastModifiedDate, StorageClass" \
	    1770249600000 b,k,10,2025-01-01T00:00:00Z,STANDARD_IA \
	    b,cold,20,2025-01-02T00:00:00Z,DEEP_ARCHIVE
	{ s3log 06/Jan/2026:00:00:00 REST.GET.OBJECT k 5 -
	  s3log 07/Jan/2026:00:00:00 REST.GET.OBJECT left 5 10
	  s3log 06/Feb/2026:00:00:00 REST.GET.OBJECT new 5 10
	  s3log 07/Feb/2026:00:00:00 REST.GET.OBJECT k 5 -; } >s3
	run -0 --separate-stderr vt-scan --from s3-inventory \
	    inv/manifest.json --from s3-access-log s3
	[ "$(printf '%s\n' "${lines[@]}" |
	    fields key size mtime tier class reads)" = \
	    "cold 20 2025-01-02T00:00:00.000Z archive DEEP_ARCHIVE 0
k 10 2025-01-01T00:00:00.000Z warm STANDARD_IA 2
new 10 2026-02-06T00:00:00.000Z hot - 1" ]
	# what is not in it any more, and not read since, is gone
	[[ $stderr == *"1 objects that are in no inventory"* ]]
	# in whatever order they are named
	vt-scan --from s3-access-log s3 --from s3-inventory inv/manifest.json |
	    cmp - <(printf '%s\n' "${lines[@]}")
	# and without the manifest, when its columns are told
	vt-scan --from s3-inventory --schema \
	    'Bucket, Key, Size, LastModifiedDate, StorageClass' \
	    inv/data/rows.csv.gz --from s3-access-log s3 >out
	[ "$(fields key size tier <out)" = \
	    $'cold 20 archive\nk 10 warm\nleft 10 hot\nnew 10 hot' ]
}

@test "an inventory of versions: reads go to the current one, or the named" {
	inventory "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, \
LastModifiedDate" 1770249600000 b,k,v1,false,false,10,2025-01-01T00:00:00Z \
	    b,k,v2,true,false,20,2025-02-01T00:00:00Z \
	    b,gone,v3,false,false,30,2025-02-01T00:00:00Z \
	    b,gone,v4,true,true,,2025-02-02T00:00:00Z
	{ s3log 06/Jan/2026:00:00:00 REST.GET.OBJECT k 5 20
	  s3log 07/Jan/2026:00:00:00 REST.GET.OBJECT k 5 10 v1
	  s3log 08/Jan/2026:00:00:00 REST.GET.OBJECT k 5 20 v2; } >s3
	run -0 --separate-stderr vt-scan --from s3-access-log s3 \
	    --from s3-inventory inv/manifest.json
	[ -z "$stderr" ]
	printf '%s\n' "${lines[@]}" >out
	[ "$(fields key version current size reads <out)" = \
	    "gone v3 False 30 0
k v1 False 10 1
k v2 True 20 2" ]
	# one that is written after the inventory is current instead
	s3log 06/Feb/2026:00:00:00 REST.PUT.OBJECT k - 99 >>s3
	vt-scan --from s3-access-log s3 --from s3-inventory \
	    inv/manifest.json >out
	[ "$(fields key version current size reads <out)" = \
	    "gone v3 False 30 0
k - True 99 0
k v1 False 10 1
k v2 False 20 1" ]
	# a version deleted since is gone
	s3log 06/Feb/2026:00:00:01 REST.DELETE.OBJECT k - - v1 >>s3
	vt-scan --from s3-access-log s3 --from s3-inventory \
	    inv/manifest.json >out
	[ "$(fields key version <out)" = $'gone v3\nk -\nk v2' ]
}

@test "an inventory in parts: partial results, threads, little memory" {
	seq -f 'b,key%07.0f,10,2025-01-01T00:00:00Z,GLACIER_IR' 60000 >rows
	inventory "Bucket, Key, Size, LastModifiedDate, StorageClass" \
	    1770249600000 "$(cat rows)"
	seq -f %07.0f 1000 3000 58000 | while read -r n; do
		s3log 06/Jan/2026:00:00:00 REST.GET.OBJECT "key$n" 5 10
	done >s3
	vt-scan --from s3-inventory inv/manifest.json \
	    --from s3-access-log s3 --threads 1 >want
	[ "$(wc -l <want)" -eq 60000 ]
	[ "$(grep -c '"reads":1' want)" -eq 20 ]
	vt-scan --from s3-access-log s3 --from s3-inventory --threads 2 \
	    --memory 4M inv/manifest.json | cmp - want
	vt-scan --from s3-inventory --partial one inv/manifest.json
	vt-scan --from s3-access-log --partial two s3
	vt-scan --from s3-access-log two one | cmp - want
	# rows that are not compressed are read in parts
	gunzip inv/data/rows.csv.gz
	sed -i s/csv.gz/csv/ inv/manifest.json
	vt-scan --from s3-inventory inv/manifest.json --from s3-access-log s3 |
	    cmp - want
	run -2 --separate-stderr vt-scan --state s --from s3-inventory \
	    inv/manifest.json
	[[ $stderr == *inventory* ]]
}

@test "--state keeps the place in logs of records" {
	local logs=$BATS_TEST_DIRNAME/../data/logs
	vt-scan --from cloudtrail "$logs/cloudtrail.jsonl" >want
	head -n 4 "$logs/cloudtrail.jsonl" >log
	vt-scan --from cloudtrail --state s log >/dev/null
	cp "$logs/cloudtrail.jsonl" log
	vt-scan --from cloudtrail --state s log | cmp - want
	vt-scan --from cloudtrail --state s log | cmp - want
	cp "$logs/cloudtrail.json" document
	vt-scan --from cloudtrail --state t document | cmp - want
	vt-scan --from cloudtrail --state t document | cmp - want
}

@test "P12 an inventory is no log: alone it covers no time" {
	inventory "Bucket, Key, Size, LastModifiedDate" 1770249600000 \
	    b,k,10,2025-01-01T00:00:00Z
	vt-scan --from s3-inventory inv/manifest.json >out
	[ "$(fields key reads covered_days covered_from <out)" = "k 0 0 -" ]
	# nor does its date stretch what the log covers
	s3log 06/Jan/2026:00:00:00 REST.GET.OBJECT k 5 20 >s3
	s3log 08/Jan/2026:00:00:00 REST.GET.OBJECT k 5 20 >>s3
	vt-scan --from s3-inventory inv/manifest.json --from s3-access-log \
	    s3 >out
	[ "$(fields covered_from covered_to covered_days <out)" = \
	    "2026-01-06T00:00:00.000Z 2026-01-08T00:00:00.000Z 2" ]
}

@test "P12 logs of several formats cover the time they have in common" {
	s3log 15/Sep/2020:00:00:00 REST.GET.OBJECT k 5 20 >s3
	s3log 20/Sep/2020:00:00:00 REST.GET.OBJECT k 5 20 >>s3
	vt-scan --from csv log.csv --from s3-access-log s3 >out
	[ "$(fields key covered_from covered_to <out)" = \
	    "k 2020-09-15T00:00:00.000Z 2020-09-20T00:00:00.000Z
a 2020-09-15T00:00:00.000Z 2020-09-20T00:00:00.000Z
b 2020-09-15T20:00:00.000Z 2020-09-20T00:00:00.000Z" ]
	s3log 15/Oct/2021:00:00:00 REST.GET.OBJECT k 5 20 >s3
	run -0 --separate-stderr vt-scan --from csv log.csv \
	    --from s3-access-log s3
	[ "$(printf '%s\n' "${lines[@]}" | fields covered_days)" = \
	    $'0\n0\n0' ]
	[[ $stderr == *--covered* ]]
	run -2 --separate-stderr vt-scan --partial p --from csv log.csv \
	    --from s3-access-log s3
	[[ $stderr == *--covered* ]]
	run -2 --separate-stderr vt-scan --state s --from csv log.csv \
	    --from s3-access-log s3
	[[ $stderr == *--state* ]]
}

@test "P12 --covered says which time the logs are complete for" {
	run -0 vt-scan --from csv --covered \
	    2020-09-01T00:00:00Z..2020-09-20T00:00:00Z log.csv
	[ "$(printf '%s\n' "${lines[@]}" |
	    fields covered_from covered_to)" = \
	    "2020-09-13T12:26:40.000Z 2020-09-20T00:00:00.000Z
2020-09-15T20:00:00.000Z 2020-09-20T00:00:00.000Z" ]
	vt-scan --from csv --covered ..2020-09-20T00:00:00Z log.csv >out
	[ "$(head -n 1 out | fields covered_from)" = 2020-09-14T16:13:20.000Z ]
	# several leave the time between unknown
	vt-scan --from csv --covered 2020-09-01T00:00:00Z..2020-09-14T00:00:00Z \
	    --covered 2020-09-24T00:00:00Z..2020-10-01T00:00:00Z log.csv >out
	[ "$(head -n 1 out | fields covered_to gaps)" = \
	    "2020-10-01T00:00:00.000Z [[1600041600, 864000]]" ]
	for bad in 2020 .. x..y 2020-09-02T00:00:00Z..2020-09-01T00:00:00Z; do
		run -2 --separate-stderr vt-scan --from csv --covered "$bad" \
		    log.csv
		[[ $stderr == *--covered* ]]
	done
	run -2 --separate-stderr vt-scan --covered ..2020-09-20T00:00:00Z
}

@test "records that are no lines: malformed and cut ones are told" {
	echo '{"Records":[{"a":1},{"eventName":"AssumeRole"},{"b":2}]}' >bad
	run -1 --separate-stderr vt-scan --from cloudtrail bad
	[[ $stderr == *'bad:1: no "eventName": {"a":1}'* ]]
	[[ $stderr == *"2 malformed lines of 3"* ]]
	head -c 5000 "$BATS_TEST_DIRNAME/../data/logs/cloudtrail.json" >cut
	run -3 --separate-stderr vt-scan --from cloudtrail cut
	[ "${#lines[@]}" -eq 1 ]	# what was read counts
	[[ $stderr == *"cut short"* ]]
	gzip -c "$BATS_TEST_DIRNAME/../data/logs/cloudtrail.json" |
	    head -c 400 >cut.gz
	run -3 --separate-stderr vt-scan --from cloudtrail cut.gz
	[[ $stderr == *"cut.gz: broken compressed"* ]]
}

@test "an inventory that cannot be read: 3, and why" {
	inventory "Bucket, Key, Size" 1 b,k,10
	run -3 --separate-stderr vt-scan --from s3-inventory inv/manifest.json
	[[ $stderr == *LastModifiedDate* ]]
	inventory "Bucket, Key, Size, LastModifiedDate" 1 b,k,10
	rm inv/data/rows.csv.gz
	run -3 --separate-stderr vt-scan --from s3-inventory inv/manifest.json
	[[ $stderr == *"inv/manifest.json"*"inv/rows.csv.gz"* ]]
	run -3 --separate-stderr vt-scan --from s3-inventory inv
	[[ $stderr == *"'inv' is a folder"*manifest.json* ]]
	sed -i s/CSV/Parquet/ inv/manifest.json
	run -3 --separate-stderr vt-scan --from s3-inventory inv/manifest.json
	[[ $stderr == *"Parquet cannot be read"* ]]
	echo '{}' >none.json
	run -3 --separate-stderr vt-scan --from s3-inventory none.json
	[[ $stderr == *"no manifest"* ]]
	run -1 --separate-stderr vt-scan --from s3-inventory log.csv
	[[ $stderr == *--schema* ]]
}

@test "--history folds old days and loses no read" {
	{ echo time_s,op,key,size
	  seq -f %.0f 1600000000 86400 1625920000 | sed 's/.*/&,GET,k,10/'; } >days.csv
	vt-scan --from csv --history all days.csv >all
	vt-scan --from csv --history 8 days.csv >few
	[ "$(field reads <all)" = 301 ]
	[ "$(field reads <few)" = 301 ]
	python3 -c 'import json
def rows(name):
    r = json.load(open(name))
    return [h if type(h) is list else [h, 1, r["size"]] for h in r["h"]]
a = rows("all"); f = rows("few")
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
