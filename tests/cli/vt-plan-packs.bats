#!/usr/bin/env bats
# Packs in vt-plan's plan: which small objects, with what in it for whom, and
# what they are never taken for.

load helper

# objects N SIZE DAYS [PREFIX [FIELDS]]: N versions at rest for DAYS
objects() {
	python3 - "$@" <<-'END'
	import sys, time
	n, size, days = map(int, sys.argv[1:4])
	prefix = sys.argv[4] if len(sys.argv) > 4 else "small/"
	more = "," + sys.argv[5] if len(sys.argv) > 5 else ""
	def t(s): return time.strftime("%FT%TZ", time.gmtime(s))
	to = 1790000000
	since = t(to - days * 86400)
	for i in range(n):
	    print('{"v":1,"bucket":"b","key":"%s%05d","version":"","seq":%d,'
	          '"generation":1,"size":%d,"tier":"hot","copy":1,"mtime":"%s",'
	          '"copy_since":"%s","reads":0,"covered_from":"%s",'
	          '"covered_to":"%s","covered_days":%d%s}' % (prefix, i, i + 1,
	          size, since, since, since, t(to), days, more))
	END
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	serve_stop
}

# bucket_rule XML: the line of the bucket of `objects ... "$ruled"`
bucket_rule() {
	printf '{"v":1,"kind":"bucket","bucket":"b","bucket_generation":1,'
	printf '"at":"2026-09-21T14:13:20Z",'
	printf '"lifecycle":"<LifecycleConfiguration><Rule><ID>r</ID>'
	printf '<Status>Enabled</Status>%s</Rule>' "$1"
	printf '</LifecycleConfiguration>"}\n'
}
ruled='"ruled":true,"current":true,"bucket_generation":1'

packs() {
	grep '"action":"pack",' "$@"
}

members() {
	grep '"action":"pack-member",' "$@"
}

@test "wrong command lines: 2" {
	run -2 --separate-stderr vt-plan --pack-max huge
	run -2 --separate-stderr vt-plan --pack-size 1K
	run -2 --separate-stderr vt-plan --pack-ratio 2
	run -2 --separate-stderr vt-plan --pack-dead 1
}

@test "without --packs one line says what they would save" {
	objects 1000 100000 200 >scan
	run -0 --separate-stderr vt-plan scan
	[ -z "$output" ]
	[[ $stderr == *"packing 1000 objects of up to 1.0 MiB would save "\
*" dollars a month more: see --packs"* ]]
	objects 1000 100000 20 >young
	run -0 --separate-stderr vt-plan young
	[[ $stderr != *packing* ]]
}

@test "of more than a million versions it says that this is not looked for" {
	objects 1000001 100000 200 >scan
	run -0 --separate-stderr vt-plan scan
	[ -z "$output" ]
	[[ $stderr == *"of more than 1000000 versions it is not worked out "\
"what packing small ones would save: see --packs"* ]]
	[[ $stderr != *"dollars a month more"* ]]
}

@test "--packs: each pack, and after it its members" {
	{ objects 1000 100000 200; objects 1 1073741824 200 big; } >scan
	run -0 --separate-stderr vt-plan --packs scan
	[[ $stderr == *"2 packs of 1000 small objects"* ]]
	[[ $stderr == *"after 1001 moves"* ]]
	printf '%s\n' "${lines[@]}" >plan
	python3 - <<-'END'
	import json
	pack, seen, left = None, {}, 0
	lines = [json.loads(l) for l in open("plan")]
	assert lines[0]["key"] == "big00000" and "action" not in lines[0]
	for r in lines[1:]:
	    assert r["to"] == "cold" and r["bucket"] == "b" and r["reason"], r
	    if r["action"] == "pack":
	        assert left == 0, (pack, left)
	        pack, left = r, r["objects"]
	        size = saving = cost = 0
	        assert pack["pack"] not in seen and len(pack["pack"]) == 16
	        assert pack["bytes"] <= 64 << 20 and "key" not in pack
	        seen[pack["pack"]] = 1
	        continue
	    assert r["action"] == "pack-member" and r["pack"] == pack["pack"]
	    assert r["key"].startswith(pack["prefix"]) and r["from"] == "hot"
	    left -= 1
	    size += r["size"]
	    saving += r["saving_usd_month"]
	    cost += r["cost_usd"]
	    if left == 0:
	        assert size == pack["size"]
	        assert abs(saving / pack["saving_usd_month"] - 1) < 1e-4
	        assert abs(cost / pack["cost_usd"] - 1) < 1e-4
	assert left == 0 and len(seen) == 2
	worth = [r["saving_usd_month"] / r["cost_usd"] for r in lines
	    if r.get("action") != "pack-member"]
	assert worth == sorted(worth, reverse=True), worth
	END
	vt-plan -q --packs <scan | cmp - plan
	# the packs themselves do not hang on what else is planned
	grep small scan | vt-plan -q --packs | packs | field pack | sort >alone
	packs plan | field pack | sort | cmp - alone
	[ "$(field plan <plan | sort -u | wc -l)" -eq 1 ]
	[ "$(field plan <plan | head -n 1)" != \
	    "$(vt-plan -q scan | field plan | head -n 1)" ]
}

@test "P12 nothing is packed on less than 30 covered days" {
	objects 1000 100000 29 >scan
	run -0 --separate-stderr vt-plan --packs scan
	[ -z "$output" ]
	[[ $stderr == *"1000 too little covered time"* ]]
	objects 1000 100000 200 |
	    sed 's/"covered_days":200/"covered_days":12/' >scan
	run -0 --separate-stderr vt-plan --packs scan
	[ -z "$output" ]
	# time without a log is no rest
	objects 1000 100000 200 |
	    sed 's/}$/,"gaps":[[1774000000,15900000]]}/' >scan
	[ -z "$(vt-plan -q --packs scan)" ]
	objects 1000 100000 200 >scan
	[ -z "$(vt-plan -q --packs --min-history 300d scan)" ]
}

@test "P6 pins, holds, adopted bytes and excluded tiers come before packs" {
	for f in '"pin":"hot"' '"legal_hold":true' '"adopted":true' \
	    '"lock":"compliance","retain_until":"2099-01-01T00:00:00Z"'; do
		objects 1000 100000 200 small/ "$f" >scan
		[ -z "$(vt-plan -q --packs scan)" ]
	done
	objects 1000 100000 200 >scan
	[ -z "$(vt-plan -q --packs --tiers hot scan)" ]
	vt-plan -q --packs scan | field to | sort -u | grep -qx cold
	vt-plan -q --packs --allow-restore scan | field to | sort -u |
	    grep -qx archive
}

@test "what is read, large or about to expire is not packed" {
	# read each quarter, the last time 20 days ago
	objects 1000 100000 200 small/ \
	    '"h":[[20530,1,100000],[20620,1,100000],[20697,1,100000]]' >scan
	[ -z "$(vt-plan -q --packs scan)" ]
	objects 1000 100000 200 >scan
	[ -z "$(vt-plan -q --packs --pack-max 99999 scan)" ]
	[ -n "$(vt-plan -q --packs --pack-max 100000 scan)" ]
	# a rule: those created 200 days ago have 20 to live
	rule() {
		bucket_rule "<Filter/><Expiration><Days>$1</Days></Expiration>"
	}
	{ rule 220; objects 1000 100000 200 small/ "$ruled"; } >scan
	[ -z "$(vt-plan -q --packs scan)" ]
	# what dies together is put together: in 65, in 165 days
	{ rule 365; objects 500 100000 300 a/ "$ruled"
	  objects 500 100000 200 a/x "$ruled"; } >scan
	vt-plan -q --packs scan >plan
	[ "$(packs plan | field objects)" = $'500\n500' ]
}

@test "P6 a rule's transition is made as it says, packed neither before nor then" {
	transition() {
		bucket_rule "<Filter><ObjectSizeGreaterThan>1</ObjectSizeGreat\
erThan></Filter><Transition><Days>$1</Days><StorageClass>GLACIER_IR</Storage\
Class></Transition>"
	}
	{ transition 201; objects 1000 100000 200 small/ "$ruled"; } >scan
	vt-plan -q --packs scan >plan
	[ "$(grep -c '"to":"cold"' plan)" -eq 0 ]
	{ transition 199; objects 1000 100000 200 small/ "$ruled"; } >scan
	vt-plan -q --packs scan >plan
	[ "$(field rule <plan | sort | uniq -c | xargs)" = "1000 r" ]
	[ "$(field action <plan | sort -u)" = "" ]
}

@test "caps take packs whole; what waits is told, and goes alone if it pays" {
	objects 1000 100000 200 >scan
	[ -z "$(vt-plan -q --packs --max-objects 300 scan)" ]
	vt-plan -q --packs --max-objects 700 scan >plan
	[ "$(packs plan | field objects)" = 658 ]
	[ "$(members plan | wc -l)" -eq 658 ]
	[ "$(vt-plan -q --packs --max-bytes 40M scan | members | wc -l)" \
	    -eq 342 ]
	run -0 --separate-stderr vt-plan --packs --max-usd 0.0003 scan
	[[ $stderr == *"342 over the caps"* ]]
	[ -z "$(vt-plan -q --packs --payback-max 7d scan)" ]
	objects 1 150000 1000 >scan
	run -0 --separate-stderr vt-plan --packs --engines work scan
	[[ $stderr == *"1 small objects, 146.5 KiB, wait for others"* ]]
	[ "$(field action <<<"$output")" = "" ]
	cmp <(vt-plan -q --engines work scan | field reason) <(field reason <<<"$output")
	[ "$(field to <<<"$output")" = cold ]
}

@test "--pack-size and --pack-ratio" {
	objects 1000 100000 200 >scan
	[ "$(vt-plan -q --packs --pack-size 16M scan | packs | wc -l)" -eq 7 ]
	[ "$(vt-plan -q --packs --pack-ratio 0.5 scan | packs | wc -l)" -eq 1 ]
}

@test "P7 --explain says what a pack would make of it" {
	{ objects 1 100000 200; objects 1 4096 200 tiny
	  objects 1 2000000 200 large
	  objects 1 100000 200 pinned '"pin":"hot"'; } >scan
	run -0 --separate-stderr vt-plan --explain b/small/00000 scan
	[[ $output == *"in a pack of 64.0 MiB"* ]]
	[[ $output == *"packing to cold with its neighbours"* ]]
	run -0 --separate-stderr vt-plan --explain b/tiny00000 scan
	[[ $output == *"no packing: it counts on 200 days of rest"* ]]
	run -0 --separate-stderr vt-plan --explain b/large00000 scan
	[[ $output == *"no packing: it is larger than what is packed"* ]]
	run -0 --separate-stderr vt-plan --explain b/pinned00000 scan
	[[ $output == *"no packing: it is not to be moved"* ]]
}

@test "--simulate tells what packing would save" {
	objects 1000 100000 200 >scan
	run -0 --separate-stderr vt-plan --simulate scan
	[[ ${lines[-1]} == "2 packs of 1000 small objects, 95.4 MiB, save "* ]]
	vt-plan --simulate --json scan >sim
	python3 - <<-'END'
	import json
	for r in map(json.loads, open("sim")):
	    assert r["packs"] == 2 and r["pack_objects"] == 1000, r
	    assert r["pack_saving_usd_month"] > r["unpacked_saving_usd_month"]
	END
	objects 1 100000 200 >scan
	run -0 --separate-stderr vt-plan --simulate scan
	[[ $output != *packs* ]]
}

@test "P3 what the plan says of a pack is no move of its own" {
	serve_start "$BATS_TEST_TMPDIR"
	for k in a b c d; do
		random_file $k 3000
		vt-put --make-bucket $k s3://bucket/$k
	done
	moves cold >moves
	python3 - >plan <<-'END'
	import json
	m = [json.loads(l) for l in open("moves")]
	pack = {"pack": "0123456789abcdef"}
	print(json.dumps({"v": 1, "action": "pack", "bucket": "bucket",
	    "prefix": "", "to": "cold", "objects": 2, "size": 6000, **pack}))
	for i in 0, 1:
	    print(json.dumps({**m[i], "action": "pack-member", **pack}))
	print(json.dumps(m[2]))
	# edited badly: still no move
	print(json.dumps({**m[3], **pack}))
	END
	sed 1d plan >headless
	run -1 --separate-stderr vt-migrate --data data --dry-run headless
	[ "$(printf '%s\n' "${lines[@]}" | field status | sort | uniq -c |
	    xargs)" = "1 moved 2 skipped" ]
	run -1 --separate-stderr vt-migrate --data data plan
	printf '%s\n' "${lines[@]}" >out
	[ "$(field status <out | sort | uniq -c | xargs)" = "4 moved" ]
	[[ $stderr == *"'pack' goes with the actions of packs alone"* ]]
	[[ $stderr == *"moved 3 objects"* ]]
	[ "$(vt-scan -q --data data | field tier | xargs)" = \
	    "cold cold cold hot" ]
	[ "$(vt-scan -q --data data | field pack | sort | uniq -c |
	    awk '{ print $1 }' | xargs)" = "2 2" ]
	vt-get s3://bucket/a - | cmp - a
}
