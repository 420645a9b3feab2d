#!/usr/bin/env bats
# vt-scan over large and growing logs: places that are kept, partial results,
# bounded memory, threads.  What comes out is always what one scan of all logs
# from scratch says.

load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	python3 - <<'END'
import json, random, time
random.seed(7)
def stamp(s):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(1.7e9 + s))
with open("all", "w") as f:
    for i in range(30000):
        s, k = i * 200, random.randrange(4000)
        if i % 300 == 0:
            f.write(json.dumps({"v": 1, "op": "log", "time": stamp(s + 59999),
                "node": "n%d" % (i % 2), "from": stamp(s),
                "to": stamp(s + 59999), "dropped": 0},
                separators=(",", ":")) + "\n")
        op = "GetObject" if random.random() < .9 else "PutObject"
        f.write(json.dumps({"v": 1, "time": stamp(s), "id": "%x" % i,
            "actor": "client", "op": op, "bucket": "b%d" % (k % 3),
            "key": "some/rather/long/key/%d" % k, "version": "%032x" % k,
            "status": 200, "in": 0, "out": k, "size": k,
            "backend_bytes": 0, "backend_requests": 0, "ttfb_us": 1,
            "total_us": 2, "aborted": False}, separators=(",", ":")) + "\n")
END
	vt-scan --from vaultaire all >want
	[ "$(wc -l <want)" -gt 3900 ]
}

teardown() {
	serve_stop
}

# scan LOG...: with places kept in ./state
scan() {
	vt-scan --from vaultaire --state state "$@"
}

@test "threads and little memory: the same" {
	vt-scan --from vaultaire --threads 1 all | cmp - want
	vt-scan --from vaultaire --threads 8 all | cmp - want
	# a hundred times the heat, in a table for a tenth of it
	for i in $(seq 12); do sed "s|some/rather|some/$i/rather|" all; done >many
	vt-scan --from vaultaire --memory 1G many >much
	vt-scan --from vaultaire --memory 4M many | cmp - much
	[ "$(wc -l <much)" -eq $((12 * $(wc -l <want))) ]
	run -3 --separate-stderr env TMPDIR=/nonexistent \
	    vt-scan --from vaultaire --memory 4M many
	[[ $stderr == *"'/nonexistent'"* ]]
}

@test "partial results of parts merge to the whole, in any order" {
	head -n 9000 all >one
	sed -n 9001,20000p all >two
	tail -n +20001 all >three
	for i in one two three; do
		vt-scan --from vaultaire --partial $i.heat $i
	done
	vt-scan --from vaultaire --merge one.heat two.heat three.heat | cmp - want
	vt-scan --from vaultaire three.heat one.heat two.heat | cmp - want
	vt-scan --from vaultaire --merge two.heat one three | cmp - want
	vt-scan --from vaultaire --merge - two.heat three.heat <one.heat |
	    cmp - want
	# and so does a partial result of partial results, byte for byte
	vt-scan --from vaultaire --partial - all >all.heat
	vt-scan --from vaultaire --partial both.heat two.heat one.heat
	vt-scan --from vaultaire --partial - both.heat three.heat | cmp - all.heat
	vt-scan --from vaultaire --threads 1 --memory 4M --partial - all |
	    cmp - all.heat
}

@test "a partial result that is cut, damaged or lost: 3" {
	vt-scan --from vaultaire --partial p all
	head -c 20000 p >cut
	run -3 --separate-stderr vt-scan --from vaultaire cut
	[[ $stderr == *"'cut' lacks its end"* ]]
	cp p bad
	rot bad 30000
	run -3 --separate-stderr vt-scan --from vaultaire bad
	[[ $stderr == *"'bad' is damaged"* ]]
	run -3 --separate-stderr vt-scan --from vaultaire --merge all
	[[ $stderr == *"'all' is no file of heat"* ]]
	run -3 --separate-stderr bash -c \
	    'vt-scan --from vaultaire --partial - all >/dev/full'
	[[ $stderr == *"standard output"* ]]
	run -3 --separate-stderr vt-scan --from vaultaire --partial /nowhere/p all
	[[ $stderr == */nowhere/p* ]]
}

@test "what is new in a log is read, a line half written is left" {
	head -n 10000 all >log
	vt-scan --from vaultaire log >first
	scan log | cmp - first
	scan log | cmp - first
	# half a line now, the rest of it later
	sed -n 10001,20000p all | head -c -20 >>log
	vt-scan --from vaultaire <(sed '$d' log) >second
	scan log | cmp - second
	sed -n 10001,20000p all | tail -c 20 >>log
	sed -n '20001,$p' all >>log
	scan log | cmp - want
	# nothing is read again: what was read may go
	rm log
	scan | cmp - want
}

@test "a log that was rotated is known again: by rename, copy, compression" {
	head -n 8000 all >log
	scan log >/dev/null
	# renamed while it grew
	sed -n 8001,10000p all >>log
	mv log log.1
	sed -n 10001,14000p all >log
	scan log log.1 >/dev/null
	# compressed; copied and truncated
	gzip log.1
	sed -n 14001,15000p all >>log
	cp log log.2
	sed -n 15001,18000p all >log
	scan log log.1.gz log.2 >/dev/null
	# compressed otherwise; one that ended before it was ever read
	gzip -dc log.1.gz | zstd -q >log.3.zst
	rm log.1.gz
	sed -n 18001,20000p all >>log
	sed -n '20001,$p' all | xz >log.4.xz
	scan log log.2 log.3.zst log.4.xz | cmp - want
	# and all of it once more, under other names
	mv log.2 log.5
	zstd -q -d --rm log.3.zst
	cp log.4.xz log.6
	scan log log.3 log.4.xz log.5 log.6 | cmp - want
}

@test "two copies of a log, new or known, are one" {
	cp all copy
	gzip -k copy
	scan all copy copy.gz | cmp - want
	scan copy.gz copy all | cmp - want
}

@test "compressed logs go on where they were left" {
	head -n 12000 all | gzip >log.gz
	scan log.gz >/dev/null
	gzip <all >log.gz
	scan log.gz | cmp - want
}

@test "--commit-lines keeps the place as it goes" {
	scan --commit-lines 1000 all | cmp - want
	[ "$(ls state/heat | wc -l)" -le 16 ]
	gzip all
	rm -r state
	scan --commit-lines 1000 all.gz | cmp - want
}

@test "--update keeps what is new and writes nothing" {
	local i files
	: >log
	for i in $(seq 40); do
		sed -n "$((i * 700 - 699)),$((i * 700))p" all >>log
		[ -z "$(scan --update log)" ]
		# neither many files, nor more than half as much beside the first
		files=$(ls state/heat | wc -l)
		[ "$files" -le 16 ]
		[ "$files" -eq 1 ] || [ "$(cat state/heat/*.heat | wc -c)" -le \
		    $(($(cat "state/heat/$(ls state/heat | sort -n |
		    head -n 1)" | wc -c) * 3 / 2)) ]
	done
	[ "$i" -eq 40 ]
	tail -n +28001 all >>log
	scan --update log
	rm log
	scan | cmp - want
	run -2 --separate-stderr vt-scan --from vaultaire --update all
	[[ $stderr == *"no place is kept"* ]]
	run -2 --separate-stderr scan --update --partial p all
	[[ $stderr == *"--update"* ]]
	# a server's folder, and what is none
	serve_start "$BATS_TEST_TMPDIR"
	printf x | vt-put --make-bucket - s3://bucket/x
	vt-get s3://bucket/x >/dev/null
	serve_stop
	[ -z "$(vt-scan --data data --update)" ]
	rm data/access.jsonl
	[ "$(vt-scan --data data 2>/dev/null | field reads)" = 1 ]
	run -2 --separate-stderr vt-scan --data data --log /dev/null --update
	mkdir none
	run -3 --separate-stderr vt-scan --data none --update
	[ ! -e none/heat.db ]
}

@test "P12 killed at any instant, no line is lost and none counted twice" {
	local i n=0
	cp all log
	head -n 15000 all | zstd -q >log.zst
	vt-scan --from vaultaire log log.zst >both
	for i in $(seq 1 25); do
		local what=--update
		[ $((i % 3)) -ne 0 ] || what=--quiet
		if ! timeout -s KILL "0.0$((i % 10))$i" vt-scan \
		    --from vaultaire --state state --commit-lines 500 $what \
		    log >/dev/null 2>&1; then
			n=$((n + 1))
		fi
		# a new line now and then
		[ $((i % 5)) -ne 0 ] || sed -n "$((i + 40))p" all |
		    sed "s/some/other$i/" | tee -a log >>all
	done
	echo "killed $n times"
	[ "$n" -gt 0 ]
	scan log >got
	vt-scan --from vaultaire all | cmp - got
}

@test "a file of heat that is missing is told of; --rescan begins anew" {
	head -n 100 all >log
	scan log >/dev/null
	rm state/heat/*.heat
	run -3 --separate-stderr scan log
	[[ $stderr == *"--rescan"* ]]
	scan --rescan all | cmp - want
	# what a crash left behind goes
	: >state/heat/99.heat
	scan all | cmp - want
	[ ! -e state/heat/99.heat ]
}

@test "a state is of one kind of logs, and of files" {
	scan all >/dev/null
	run -3 --separate-stderr vt-scan --from csv --state state all
	[[ $stderr == *"'vaultaire log', not 'csv log'"* ]]
	run -3 --separate-stderr bash -c \
	    'cat all | vt-scan --from vaultaire --state state -'
	[[ $stderr == *"no file"* ]]
	run -2 --separate-stderr vt-scan --state state
	run -2 --separate-stderr vt-scan --from csv --rescan all
	run -2 --separate-stderr vt-scan --memory 1 --from csv all
	run -2 --separate-stderr vt-scan --threads 0 --from csv all
}

@test "the first malformed line is the same whoever reads it" {
	{ head -n 20000 all; echo '{"op":}'; tail -n +20001 all; echo x; } >bad
	local i
	for i in 1 8; do
		run -1 --separate-stderr vt-scan --from vaultaire --threads $i \
		    --partial /dev/null bad
		[[ $stderr == *'bad:20001: not a JSON object: {"op":}'* ]]
		[[ $stderr == *"2 malformed lines of 30102"* ]]
	done
	# told once: the next scan has no new one
	run -1 --separate-stderr scan --commit-lines 1000 --threads 3 bad
	[[ $stderr == *'bad:20001: not'* ]]
	printf 'y\n' >>bad
	run -1 --separate-stderr scan bad
	[[ $stderr == *'bad:30103: not'* ]]
	[[ $stderr != *"malformed lines of"* ]]
	scan bad | cmp - want
}

@test "a csv keeps its columns, part after part and scan after scan" {
	{ echo op,key,size,time_s
	  seq 40000 | sed 's/.*/GET,a-key-of-some-length-&,10,1600&/'; } >log.csv
	vt-scan --from csv log.csv >csv
	[ "$(wc -l <csv)" -eq 40000 ]
	head -n 5000 log.csv >part.csv
	vt-scan --from csv --state s --commit-lines 300 part.csv >/dev/null
	tail -n +5001 log.csv >>part.csv
	vt-scan --from csv --state s --commit-lines 300 part.csv | cmp - csv
	gzip part.csv
	{ cat log.csv; echo GET,zz,10,1700000000; } | gzip >part.csv.gz
	vt-scan --from csv --state s part.csv.gz >more
	[ "$(wc -l <more)" -eq 40001 ]
}

@test "a server's folder: heat.db beside the catalog, hour after hour" {
	serve_start "$BATS_TEST_TMPDIR"
	printf x | vt-put --make-bucket - s3://bucket/x
	vt-get s3://bucket/x >/dev/null
	serve_stop
	vt-scan --data data >first
	[ "$(field reads <first)" = 1 ]
	[ -e data/heat.db ]
	serve_start "$BATS_TEST_TMPDIR"
	vt-get s3://bucket/x >/dev/null
	serve_stop
	mv data/access.jsonl data/access.jsonl-20260101
	gzip data/access.jsonl-20260101
	vt-scan --data data >second
	[ "$(field reads <second)" = 2 ]
	# the log may go, what it said stays
	rm data/access.jsonl-20260101.gz
	vt-scan --data data --now 2030-01-01T00:00:00Z 2>/dev/null >third
	[ "$(field reads <third)" = 2 ]
	# partial results of other nodes' logs join the catalog
	vt-scan --data data --partial here.heat 2>/dev/null
	vt-scan --data data --log /dev/null --merge here.heat >fourth
	[ "$(field reads <fourth)" = 2 ]
	# what root leaves in another's folder is the other's
	if [ "$(id -u)" -eq 0 ]; then
		chown 65534 data
		rm -r data/heat.db data/heat
		vt-scan --data data --rescan >/dev/null 2>&1
		[ -z "$(find data/heat data/heat.db ! -uid 65534)" ]
		chown 0 data
	fi
	# a folder where nothing can be written is read all the same
	if [ "$(id -u)" -ne 0 ]; then
		chmod 500 data
		vt-scan --data data >/dev/null
		chmod 700 data
	fi
}

# say DAYS_AGO KEY...: lines of a server's log, each a read of one object of
# the bucket; KEY may be KEY?VERSION.
say() {
	python3 - "$@" <<'END'
import json, sys, time
for k in sys.argv[2:]:
    key, _, version = k.partition("?")
    print(json.dumps({"v": 1, "time": time.strftime("%Y-%m-%dT%H:%M:%S.000Z",
        time.gmtime(time.time() - 86400 * float(sys.argv[1]))), "id": "1",
        "actor": "client", "op": "GetObject", "bucket": "bucket", "key": key,
        "version": version, "status": 200, "in": 0, "out": 1, "size": 1,
        "backend_bytes": 0, "backend_requests": 0, "ttfb_us": 1,
        "total_us": 2, "aborted": False}, separators=(",", ":")))
END
}

# kept: keys and versions in the files of heat of ./data
kept() {
	vt-scan --data data --partial kept.heat
	vt-scan --from vaultaire kept.heat | python3 -c 'import json, sys
for l in sys.stdin:
    r = json.loads(l)
    print(r["bucket"] + "/" + r["key"] + "?" + r.get("version", ""))'
}

@test "what is gone for a month is forgotten, and nothing else" {
	local ghost=00000000000000000000000000000001
	serve_start "$BATS_TEST_TMPDIR"
	printf x | vt-put --make-bucket - s3://bucket/here
	vt-get s3://bucket/here >/dev/null
	serve_stop
	# silent for long: keys that are gone, also before and behind the one
	# that is not, a version that is gone, the key; and another bucket
	say 100 $(seq -f 'gone%.0f' 100) zzz/gone "here?$ghost" here \
	    "here?null" >>data/access.jsonl
	say 100 x y | sed 's/"bucket":"bucket"/"bucket":"other"/' \
	    >>data/access.jsonl
	vt-scan --data data >first
	[ "$(kept | wc -l)" -eq 107 ]
	# silent for some days, as much as two thirds of that
	say 20 $(seq -f 'late%.0f' 75) >>data/access.jsonl
	vt-scan --data data --update
	[ "$(ls data/heat | wc -l)" -eq 2 ]
	vt-scan --data data | cmp - first
	[ "$(ls data/heat | wc -l)" -eq 1 ]
	kept >names
	[ "$(wc -l <names)" -eq $((75 + 5)) ]
	[ "$(grep -c late names)" -eq 75 ]
	[ "$(grep -c '^bucket/here' names)" -eq 3 ]
	[ "$(grep -c '^other/' names)" -eq 2 ]
	run grep -e gone -e "$ghost" names
	[ "$status" -eq 1 ]
	vt-scan --data data | cmp - first
	# all the logs say the same of what is there
	vt-scan --data data --rescan | cmp - first
}

@test "P12 files are written anew beside other scans, and no line is lost" {
	local what long
	long=$(printf 'k%.0s' $(seq 900))
	serve_start "$BATS_TEST_TMPDIR"
	mkdir many
	for i in $(seq 400); do echo "$i" >"many/$i"; done
	# more than a pipe holds
	vt-put -q --make-bucket many/* "s3://bucket/$long/"
	serve_stop
	mkfifo fifo
	for what in --update '--update --rescan --threads 1 --commit-lines 100'; do
		rm -rf data/heat data/heat.db data/access.jsonl*
		say 3 $(seq 100) >data/access.jsonl
		vt-scan --data data --update
		say 2 $(seq 75) >>data/access.jsonl
		vt-scan --data data --update
		[ "$(ls data/heat | wc -l)" -eq 2 ]
		rm -rf heat
		cp -a data/heat data/heat.db .
		vt-scan --data data --partial before
		# a walk that is cut short changes nothing
		vt-scan --data data | head -n 1 >/dev/null
		[ "$(ls data/heat | wc -l)" -eq 2 ]
		# nor does one that is killed
		for i in $(seq 12); do
			timeout -s KILL 0.0$i vt-scan --data data \
			    >/dev/null 2>&1 || true
			vt-scan --data data --partial got
			cmp before got
			rm -rf data/heat data/heat.db
			cp -a heat heat.db data
		done
		vt-scan --data data >fifo 3>&- &
		exec 5<fifo
		read -r <&5
		# it waits for us, and nobody for it
		say 1 $(seq 40 50) >>data/access.jsonl
		# shellcheck disable=SC2086
		vt-scan --data data $what >/dev/null
		[ "$what" != --update ] || [ "$(ls data/heat | wc -l)" -eq 3 ]
		cat <&5 >/dev/null
		exec 5<&-
		wait $!
		[ "$(ls data/heat | wc -l)" -eq 2 ]
		vt-scan --data data --partial got
		vt-scan --data data --log data/access.jsonl --partial want
		cmp got want
	done
}
