#!/usr/bin/env bats
# Packs, end to end: vt-migrate writes them, plain tar opens them, and what
# they take is accounted for until they are written anew.

load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir src
}

teardown() {
	serve_stop
}

# store N BYTES: objects small/000... of that size, half of it shrinks
store() {
	serve_start "$BATS_TEST_TMPDIR"
	mkdir -p src/small
	python3 - "$1" "$2" <<-'END'
	import random, sys
	n, size = int(sys.argv[1]), int(sys.argv[2])
	rnd = random.Random(1)
	for i in range(n):
	    with open("src/small/%05d" % i, "wb") as f:
	        f.write(rnd.randbytes(size - size // 2) + b"x" * (size // 2))
	END
	vt-put --quiet --recursive --make-bucket src/small s3://bucket/small/
}

# The pack on a tier (cold): one, or the test fails.
the_pack() {
	local found
	found=$(find "data/tiers/${1:-cold}" -type f)
	[ "$(wc -l <<<"$found")" -eq 1 ] && [ -n "$found" ] || {
		echo "not one pack: $found" >&2
		return 1
	}
	printf %s "$found"
}

pack_begun() {
	[ -n "$(find data/tiers/cold -type f)" ]
}

same() {
	local k
	for k; do
		vt-get "s3://bucket/$k" - | cmp - "src/$k" || return
	done
}

# remove REGEX: delete the objects whose keys match
remove() {
	local k
	for k in $(cd src && find . -type f | sed 's|^\./||' | grep -E "$1"); do
		s3curl -sf -X DELETE "$AWS_ENDPOINT_URL/bucket/$k" || return
		rm "src/$k"
	done
}

@test "packed objects are read as before; the pack is a tar of the same files" {
	store 100 5000
	pack_plan cold >plan
	run -0 --separate-stderr vt-migrate --data data plan
	[[ $stderr == *"100 objects are in 1 new pack, "* ]]
	[[ $stderr == *"moved 100 objects"* ]]
	printf '%s\n' "${lines[@]}" >out
	[ "$(head -n 1 out | field action)" = pack ]
	[ "$(head -n 1 out | field objects)" = 100 ]
	[ "$(field status <out | sort | uniq -c | xargs)" = "101 moved" ]
	[ "$(vt-scan -q --data data | field tier | sort -u)" = cold ]
	same small/00000 small/00042 small/00099
	vt-get --quiet --recursive s3://bucket/ back/
	diff -r src back
	vt-get --range 100-199 s3://bucket/small/00007 - |
	    cmp - <(tail -c +101 src/small/00007 | head -c 100)

	pack=$(the_pack)
	run -0 --separate-stderr zstd -qt "$pack"
	mkdir tar
	run -0 --separate-stderr tar --zstd -xf "$pack" -C tar
	[ -z "$stderr" ]
	[ "$(wc -l <tar/.vt/index.jsonl)" -eq 100 ]
	# a member is its frame, which zstd alone reads
	python3 - "$pack" <<-'END'
	import json, subprocess, sys
	pack = open(sys.argv[1], "rb").read()
	for l in open("tar/.vt/index.jsonl"):
	    r = json.loads(l)
	    frame = pack[r["offset"]:r["offset"] + r["length"]]
	    got = subprocess.run(["zstd", "-qdc"], input=frame,
	        stdout=subprocess.PIPE, check=True).stdout
	    assert got == open("src/" + r["key"], "rb").read(), r
	    assert r["bucket"] == "bucket" and r["etag"] and r["size"] == 5000
	END
	rm -r tar/.vt
	diff -r src tar
	# their times are those of the versions
	vt-scan -q --data data >scan
	python3 - <<-'END'
	import datetime, json, os
	for r in map(json.loads, open("scan")):
	    t = datetime.datetime.fromisoformat(r["mtime"].replace("Z",
	        "+00:00")).timestamp()
	    assert 0 <= os.stat("tar/" + r["key"]).st_mtime - t < 0.001, r
	END
	# nothing of the hot tier is needed any more
	vt-migrate -q --data data --gc --ignore-grace
	[ -z "$(find data/tiers/hot -type f)" ]
	same small/00000 small/00099
	run -0 --separate-stderr vt-migrate -q --data data plan
	[ "$(printf '%s\n' "${lines[@]}" | field status | sort | uniq -c |
	    xargs)" = "100 already 1 skipped" ]
}

@test "a read of a member is one request at its tier" {
	store 20 5000
	pack_plan cold | vt-migrate -q --data data >out
	same small/00003
	vt-get --range 10-19 s3://bucket/small/00004 - >part
	serve_stop
	grep -h '"op":"REST.GET.OBJECT"\|"op":"GetObject"' data/access.jsonl >log
	[ "$(field backend_requests <log | sort | uniq -c | xargs)" = "2 1" ]
	[ "$(field tier <log | sort -u)" = cold ]
	# writing it: each member was read once; the pack was put and read back
	grep -h '"actor":"migrate"' data/access.jsonl | field backend_requests |
	    sort -n | uniq -c | xargs >requests
	[ "$(cat requests)" = "19 1 1 3" ]
}

@test "the same members make the same pack" {
	store 10 3000
	pack_plan cold | vt-migrate -q --data data >out
	cp "$(the_pack)" first
	moves hot | vt-migrate -q --data data >out
	vt-migrate -q --data data --gc --ignore-grace
	pack_plan cold | vt-migrate -q --data data >out
	cmp first "$(the_pack)"
}

@test "names that tar cannot unpack are called by their version" {
	serve_start "$BATS_TEST_TMPDIR"
	printf x >x
	vt-put --make-bucket x s3://bucket/a
	for k in a/b ok ./dot up/../x trail/ 'c//d' .vt/y 'new%0Aline' \
	    "$(printf 'l%.0s' {1..300})" "$(printf 'd/%.0s' {1..90})leaf"; do
		printf '%s' "of $k" >body
		s3curl -sf --path-as-is --data-binary @body -X PUT \
		    "$AWS_ENDPOINT_URL/bucket/$k"
	done
	printf 'second' >body
	s3curl -sf -X PUT "$AWS_ENDPOINT_URL/bucket?versioning=" --data-binary \
	    "<VersioningConfiguration><Status>Enabled</Status>\
</VersioningConfiguration>"
	s3curl -sf -T body -X PUT "$AWS_ENDPOINT_URL/bucket/ok"
	# inline bodies are in the catalog; packed they are on the tier
	pack_plan cold >plan
	run -0 --separate-stderr vt-migrate -q --data data plan
	mkdir out
	run -0 --separate-stderr tar --zstd -xf "$(the_pack)" -C out
	[ -z "$stderr" ]
	python3 - <<-'END'
	import json, os
	files = {os.path.relpath(os.path.join(d, f), "out")
	    for d, _, fs in os.walk("out") for f in fs}
	rows = [json.loads(l) for l in open("out/.vt/index.jsonl")]
	assert len(rows) == 12 and len(files) == 13, (len(rows), files)
	deep = "d/" * 90 + "leaf"
	assert {"a/b", "ok", deep} <= files, files
	assert open("out/ok").read() == "second"
	assert open("out/" + deep).read() == "of " + deep
	plain = {"a/b", "ok", deep}
	for r in rows:
	    name = r["key"]
	    if name not in plain or (name == "ok" and r["size"] != 6):
	        name = ".vt/" + r["version"]
	    assert name in files and os.path.getsize("out/" + name) == \
	        r["size"], (r, files)
	assert {r["key"] for r in rows} >= {"a", "trail/", "new\nline",
	    "up/../x", "c//d", ".vt/y", "l" * 300}
	END
	s3curl -sf "$AWS_ENDPOINT_URL/bucket/a" | cmp - x
	[ "$(s3curl -sf --path-as-is "$AWS_ENDPOINT_URL/bucket/c//d")" = \
	    "of c//d" ]
}

@test "P3 members that have changed since the plan are left out" {
	store 10 5000
	pack_plan cold >plan
	# overwritten, deleted, pinned by a hold that came after
	random_file src/small/00001 4000
	vt-put src/small/00001 s3://bucket/small/00001
	remove 00002
	moves cold | sed -n 4p | vt-migrate -q --data data >/dev/null
	run -0 --separate-stderr vt-migrate -q --data data plan
	printf '%s\n' "${lines[@]}" >out
	[ "$(grep pack-member out | field status | sort | uniq -c | xargs)" = \
	    "1 already 7 moved 2 skipped" ]
	[ "$(grep '"small/00002"' out | field reason)" = \
	    "the version is gone" ]
	vt-get --quiet --recursive s3://bucket/ back/
	diff -r src back
	[ "$(vt-scan -q --data data | field pack | sort | uniq -c |
	    awk '{ print $1 }' | xargs)" = "2 7" ]
}

@test "P3 a pack of which too little is left is not written" {
	store 10 5000
	pack_plan cold >plan
	remove '0000[0-5]'
	run -0 --separate-stderr vt-migrate -q --data data plan
	printf '%s\n' "${lines[@]}" >out
	[ "$(field status <out | sort | uniq -c | xargs)" = "11 skipped" ]
	[ "$(grep -c 'too little of its pack is left' out)" -eq 4 ]
	[ -z "$(find data/tiers/cold -type f)" ]
	[ "$(vt-scan -q --data data | field tier | sort -u)" = hot ]
}

@test "P3 P6 an edited plan is checked: other buckets, tiers, strays" {
	store 4 5000
	pack_plan cold >plan
	# a member of another tier than its pack
	sed '3s/"to": "cold"/"to": "warm"/' plan >edited
	run -1 --separate-stderr vt-migrate -q --data data edited
	[ "$(printf '%s\n' "${lines[@]}" | field status | sort | uniq -c |
	    xargs)" = "1 failed 4 moved" ]
	[ "$(vt-scan -q --data data | field tier | xargs)" = \
	    "cold hot cold cold" ]
	# members without their pack are no moves
	tail -n +2 plan >strays
	run -1 --separate-stderr vt-migrate -q --data data strays
	[ "$(printf '%s\n' "${lines[@]}" | field status | sort -u)" = skipped ]
	grep -q 'the line of its pack' <<<"$output"
	sed '1s/"bucket": "bucket"/"bucket": "other"/' plan >edited
	run -3 --separate-stderr vt-migrate -q --data data edited
	[ "$(vt-scan -q --data data | field tier | xargs)" = \
	    "cold hot cold cold" ]
}

@test "--dry-run checks packs and writes none" {
	store 6 5000
	pack_plan cold >plan
	remove 00003
	run -0 --separate-stderr vt-migrate --dry-run --data data plan
	printf '%s\n' "${lines[@]}" >out
	[ "$(grep pack-member out | field status | sort | uniq -c | xargs)" = \
	    "5 moved 1 skipped" ]
	[ -z "$(find data/tiers/cold -type f)" ]
}

@test "P5 a member that is rotten is left where it is, the others are packed" {
	store 6 20000
	pack_plan cold >plan
	rot "$(find data/tiers/hot -type f | sort | sed -n 3p)" 100
	run -1 --separate-stderr vt-migrate -q --data data plan
	printf '%s\n' "${lines[@]}" >out
	[ "$(grep pack-member out | field status | sort | uniq -c | xargs)" = \
	    "1 failed 5 moved" ]
	[ "$(vt-scan -q --data data | field tier | sort | uniq -c | xargs)" = \
	    "5 cold 1 hot" ]
	mkdir out.d
	tar --zstd -xf "$(the_pack)" -C out.d
	[ "$(wc -l <out.d/.vt/index.jsonl)" -eq 5 ]
}

@test "P5 a pack that rots is noticed by who reads the member" {
	store 6 20000
	pack_plan cold | vt-migrate -q --data data >/dev/null
	pack=$(the_pack)
	mkdir out
	tar --zstd -xf "$pack" -C out
	at=$(sed -n 3p out/.vt/index.jsonl | field offset)
	rot "$pack" $((at + 5000))
	same small/00001
	run vt-get s3://bucket/small/00002 got
	[ "$status" -ne 0 ]
	[ ! -e got ]
	same small/00003
}

@test "moves out of a pack, singly; the last member makes it garbage" {
	store 4 5000
	pack_plan cold | vt-migrate -q --data data >/dev/null
	moves warm >plan
	head -n 3 plan | vt-migrate -q --data data >/dev/null
	[ "$(vt-scan -q --data data | field tier | xargs)" = \
	    "warm warm warm cold" ]
	same small/00000 small/00003
	vt-migrate -q --data data --gc --ignore-grace
	the_pack
	tail -n 1 plan | vt-migrate -q --data data >/dev/null
	vt-migrate -q --data data --gc --ignore-grace
	[ -z "$(find data/tiers/cold -type f)" ]
	same small/00000 small/00003
}

@test "live bytes: vt-scan tells the share of a pack and what of it is dead" {
	store 20 5000
	pack_plan cold | vt-migrate -q --data data >/dev/null
	size=$(stat -c %s "$(the_pack)")
	vt-scan -q --data data >scan
	python3 - "$size" <<-'END'
	import json, sys
	size = int(sys.argv[1])
	rows = [json.loads(l) for l in open("scan")]
	assert len({r["pack"] for r in rows}) == 1
	assert all(r["pack_bytes"] == size and r["pack_dead"] == 0
	    for r in rows)
	assert abs(sum(r["stored_bytes"] for r in rows) - size) < 30
	END
	remove '0000[0-9]'
	vt-scan -q --data data >scan
	[ "$(field pack_dead <scan | sort -u | cut -c 1-4)" = 0.5 ] ||
	    [ "$(field pack_dead <scan | sort -u | cut -c 1-3)" = 0.4 ]
}

@test "a pack of which much is dead is written anew" {
	store 40 5000
	pack_plan cold | vt-migrate -q --data data >/dev/null
	old=$(the_pack)
	blob=$(vt-scan -q --data data | field pack | sort -u)
	# one shares a member: it goes along
	s3curl -sf -X PUT "$AWS_ENDPOINT_URL/bucket/copy" \
	    -H 'x-amz-copy-source: /bucket/small/00039' \
	    -H 'x-amz-storage-class: GLACIER_IR'
	cp src/small/00039 src/copy
	remove '000[0-2]'
	printf '{"v":1,"action":"repack","bucket":"bucket","blob":%s,'\
'"to":"cold"}\n' "$blob" >plan
	run -0 --separate-stderr vt-migrate --dry-run --data data plan
	[[ $stderr == *"would write 1 pack anew"* ]]
	run -0 --separate-stderr vt-migrate --data data plan
	[[ $stderr == *"wrote 1 pack anew"* ]]
	[ "$(field objects <<<"$output")" = 11 ]
	[ "$(field status <<<"$output")" = moved ]
	vt-migrate -q --data data --gc --ignore-grace
	new=$(the_pack)
	[ "$new" != "$old" ]
	vt-get --quiet --recursive s3://bucket/ back/
	diff -r src back
	[ "$(vt-scan -q --data data | field pack_dead | sort -u)" = 0 ]
	mkdir out
	tar --zstd -xf "$new" -C out
	[ "$(wc -l <out/.vt/index.jsonl)" -eq 10 ]
	cmp out/small/00035 src/small/00035
	# it is another by now
	run -0 --separate-stderr vt-migrate -q --data data plan
	[ "$(field status <<<"$output")" = skipped ]
	run -1 --separate-stderr vt-migrate -q --data data - \
	    <<<'{"v":1,"action":"repack","bucket":"bucket","to":"cold"}'
}

@test "P4 a pack that is killed on its way leaves nothing, and nothing is lost" {
	store 30 20000
	pack_plan cold >plan
	vt-migrate -q --data data --max-bandwidth 100K plan >/dev/null \
	    2>&1 3>&- 4>&- &
	pid=$!
	wait_until pack_begun
	kill -KILL "$pid"
	wait "$pid" || true
	[ "$(vt-scan -q --data data | field tier | sort -u)" = hot ]
	vt-migrate -q --data data --gc --ignore-grace
	[ -z "$(find data/tiers/cold -type f)" ]
	vt-migrate -q --data data plan >/dev/null
	vt-get --quiet --recursive s3://bucket/ back/
	diff -r src back
}

@test "vt-plan bills members by their share, packs them no more, proposes repacks" {
	store 40 20000
	pack_plan cold | vt-migrate -q --data data >/dev/null
	remove '000[0-2]'
	# as if a year had passed with nobody reading, and all were larger
	vt-scan -q --data data | python3 -c '
import json, sys
for l in sys.stdin:
	r = json.loads(l)
	for k in "size", "stored_bytes", "pack_bytes":
		r[k] *= 2000
	r.update({"mtime": "2025-01-01T00:00:00Z",
	    "copy_since": "2025-01-01T00:00:00Z", "reads": 0,
	    "covered_from": "2025-01-01T00:00:00Z",
	    "covered_to": "2026-01-01T00:00:00Z", "covered_days": 365})
	print(json.dumps(r))' >scan
	run -0 --separate-stderr vt-plan --packs scan
	printf '%s\n' "${lines[@]}" >plan
	[ "$(field action <plan)" = repack ]
	[ "$(field objects <plan)" = 10 ]
	[[ $stderr == *"1 pack with much that is dead, "*" is written anew to "\
"save "* ]]
	python3 - "$(stat -c %s "$(the_pack)")" "$stderr" <<-'END'
	import json, re, sys
	# as one object: 0.004 dollars for a GB and month, no least size
	now = 0.004 * int(sys.argv[1]) * 2000 / 2**30
	r = json.loads(open("plan").read())
	assert abs(r["saving_usd_month"] / (now * 0.75) - 1) < 0.02, (r, now)
	bill = float(re.search(r"the bill[a-z ]*([0-9.]+)", sys.argv[2])[1])
	assert abs(bill / now - 1) < 0.02, (bill, now)
	END
	run -0 --separate-stderr vt-plan --explain bucket/small/00035 scan
	[[ $output == *"no packing: it is "* ]]
	vt-migrate -q --data data plan >out
	[ "$(field status <out)" = moved ]
	same small/00035
}

@test "the demonstration: planned, packed, read and opened again" {
	command -v python3 >/dev/null || skip 'no python3'
	run -0 --separate-stderr python3 \
	    "$BATS_TEST_DIRNAME/../bench/packs.py" --objects 300 --keep demo
	[ "$(tail -n 1 <<<"$output" | field files_equal)" = 300 ]
}
