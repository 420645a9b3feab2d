#!/usr/bin/env bats
# vt-plan's contract: from scanned lines to moves, a simulation, an answer why.

load helper

# object KEY SIZE DAYS [FIELDS]: a version at rest for DAYS covered days
object() {
	local from to
	to=1790000000
	from=$((to - $3 * 86400))
	printf '{"v":1,"bucket":"b","key":"%s","version":"","seq":%d,' "$1" \
	    "$((++seq))"
	printf '"generation":1,"size":%s,"tier":"hot","copy":%d,' "$2" "$seq"
	printf '"mtime":"%s","copy_since":"%s","stored_bytes":%s,' \
	    "$(date -u -d @$from +%FT%TZ)" "$(date -u -d @$from +%FT%TZ)" "$2"
	printf '"reads":0,"covered_from":"%s","covered_to":"%s",' \
	    "$(date -u -d @$from +%FT%TZ)" "$(date -u -d @$to +%FT%TZ)"
	printf '"covered_days":%s%s}\n' "$3" "${4:+,$4}"
}

field() {
	python3 -c 'import json,sys
for l in sys.stdin: print(json.loads(l).get(sys.argv[1], ""))' "$1"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	seq=0
	{ object big 1073741824 200
	  object huge 107374182400 200
	  object small 5000 200
	  object young 1073741824 20
	  object pinned 1073741824 200 '"pin":"hot"'
	  object held 1073741824 200 '"legal_hold":true'; } >scan
	sample=$BATS_TEST_DIRNAME/../data/ckan-sample.csv.zst
}

teardown() {
	serve_stop
}

@test "contract" {
	contract vt-plan
}

@test "wrong command lines: 2" {
	run -2 --separate-stderr vt-plan --moves by-hand
	run -2 --separate-stderr vt-plan --explain nothing
	run -2 --separate-stderr vt-plan --max-usd -1
	run -2 --separate-stderr vt-plan --min-history soon
	run -2 --separate-stderr vt-plan --min-history 30	# not seconds
	[[ $stderr == *"no unit: such as 30d"* ]]
	run -2 --separate-stderr vt-plan --split half
	run -2 --separate-stderr vt-plan --json
	run -2 --separate-stderr vt-plan --simulate --explain a/b
	run -2 --separate-stderr vt-plan --tiers hot,nowhere
	[[ $stderr == *nowhere* ]]
}

@test "an object of foreign logs is where its class says" {
	printf '{"v":1,"bucket":"b","key":"%s","size":5,"tier":"%s"%s}\n' \
	    a hot ',"class":"GLACIER_IR"' b warm '' c gone '' \
	    d cold ',"class":"STANDARD"' e cold ',"class":"NEW"' >scan
	for pair in a:cold b:warm c:hot d:hot e:cold; do
		run -0 --separate-stderr vt-plan --explain \
		    "b/${pair%:*}" scan
		[[ $output == *"tier       ${pair#*:} since"* ]]
	done
}

@test "moves that pay, best first, and a summary on stderr" {
	run -0 --separate-stderr vt-plan scan
	printf '%s\n' "${lines[@]}" >plan
	[ "$(field key <plan)" = $'huge\nbig' ]
	[ "$(field to <plan)" = $'cold\ncold' ]
	[ "$(field from <plan)" = $'hot\nhot' ]
	[ "$(field copy <plan)" = $'2\n1' ]
	[ "$(field not_after <plan | sort -u)" = 2026-09-28T14:13:20.000Z ]
	[[ $stderr == *"6 versions"* ]]
	[[ $stderr == *"200.0 days"* ]]
	[[ $stderr == *"2 moves"* ]]
	[[ $stderr == *"times the least possible"* ]]
}

@test "--quiet is silent" {
	run -0 --separate-stderr vt-plan --quiet scan
	[ "${#lines[@]}" -eq 2 ]
	[ -z "$stderr" ]
}

@test "P12 nothing moves on less than 30 covered days" {
	run -0 --separate-stderr vt-plan scan
	[[ $output != *young* ]]
	# the log knows all of its life, and of others more than 30 days
	[[ $stderr != *"too little covered time"* ]]
	run -0 --separate-stderr vt-plan <(grep young scan)
	[ -z "$output" ]
	[[ $stderr == *"1 too little covered time"* ]]
	object rare 1073741824 200 |
	    sed 's/"covered_days":200/"covered_days":12/' >rare
	run -0 --separate-stderr vt-plan rare
	[ -z "$output" ]
	run -0 --separate-stderr vt-plan --min-history 100d scan
	[ "${#lines[@]}" -eq 2 ]
	[[ $stderr != *"--min-history lets"* ]]
	run -0 --separate-stderr vt-plan --min-history 300d scan
	[ -z "$output" ]
	run -0 --separate-stderr vt-plan --min-history 10d scan
	[[ $stderr == *"--min-history lets versions move"* ]]
}

@test "P6 pins, holds, excluded tiers and restores come before cost" {
	run -0 --separate-stderr vt-plan scan
	[[ $output != *pinned* && $output != *held* ]]
	[[ $stderr == *"1 pinned"* ]]
	[[ $stderr == *"1 locked"* ]]
	vt-plan -q --tiers hot,warm scan | field to | sort -u | grep -qx warm
	vt-plan -q scan | field to | grep -vqx archive
	vt-plan -q --allow-restore scan | field to | grep -qx archive
}

@test "P7 --explain says why; what is absent: 1" {
	run -0 --separate-stderr vt-plan --explain b/huge scan
	[[ $output == *"move to cold: no read in 200 days"* ]]
	[[ $output == *"keep \$/month"* ]]
	[[ $output == *"group      when last read: not read in 30 days, less "* ]]
	[[ $output == *"engine     work"* ]]
	# 30 days on the first level, 60 on the second, the rest on the third
	awk '$1 == "*" || ($1 == "auto" && NF == 5) { v[$1 != "*"] = $NF }
	    END { want = 30 * .023 + 60 * .0125 + 110 * .004
	    r = v[1] / v[0] * 200 * .023 / want
	    exit !(r > .999 && r < 1.001) }' <<<"$output"
	run -0 --separate-stderr vt-plan --explain b/young scan
	[[ $output == *"20.0 days"* ]]
	run -0 --separate-stderr vt-plan --explain b/pinned scan
	[[ $output == *"pinned to 'hot'"* ]]
	run -0 --separate-stderr vt-plan --explain b/small scan
	[[ $output == *"stay"* ]]
	run -1 --separate-stderr vt-plan --explain b/nothing scan
	[ -z "$output" ]
	[[ $stderr == *b/nothing* ]]
}

@test "P7 each move has a reason, and lines may be cut and edited" {
	vt-plan -q scan | field reason >reasons
	[ "$(grep -c 'no read in 200 days' reasons)" -eq 2 ]
}

@test "same input, same plan, byte for byte; another policy, another name" {
	vt-plan -q scan >one
	vt-plan -q <scan >two
	vt-plan -q - <scan | cmp - one
	vt-plan -q -- scan | cmp - one
	cmp one two
	vt-plan -q --max-objects 1 scan >three
	[ "$(field plan <one | sort -u | wc -l)" -eq 1 ]
	[ "$(field plan <one | head -n 1)" != "$(field plan <three)" ]
	[ "$(field prices <one | head -n 1)" = "$(field prices <three)" ]
}

@test "caps take the best moves" {
	[ "$(vt-plan -q --max-objects 1 scan | field key)" = huge ]
	[ "$(vt-plan -q --max-bytes 2G scan | field key)" = big ]
	[ -z "$(vt-plan -q --max-usd 0.000001 scan)" ]
	run -0 --separate-stderr vt-plan --max-objects 1 scan
	[[ $stderr == *"1 over the caps"* ]]
	[ -z "$(vt-plan -q --payback-max 3d scan)" ]
}

@test "malformed lines are counted, the first shown: 1" {
	{ echo nonsense; cat scan; echo '{"v":1}'; } >bad
	run -1 --separate-stderr vt-plan bad
	[ "${#lines[@]}" -eq 2 ]
	[[ $stderr == *"bad:1: not a JSON object: nonsense"* ]]
	[[ $stderr == *"2 malformed lines of 8"* ]]
	[[ $stderr != *"vt-scan --help"* ]]
}

@test "a log is no list of records: 1, and vt-scan is named" {
	echo '10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "GET /k HTTP/1.1" 200 5' \
	    >log
	run -1 --separate-stderr vt-plan log
	[[ $stderr == *"not a JSON object"*"vt-scan --help"* ]]
	# a line of ours has a bucket, a key, a size and a tier, too
	echo '{"v":1,"time":"2026-03-31T13:34:49.840Z","op":"GetObject",' \
	    '"bucket":"b","key":"k","status":200,"size":5,"tier":"hot"}' >log
	run -1 --separate-stderr vt-plan log
	[ -z "$output" ]
	[[ $stderr == *"log:1: a line of an access log"*"vt-scan --help"* ]]
}

@test "an empty input says so; a missing one, bad prices, lost output: 3" {
	run -0 --separate-stderr vt-plan </dev/null
	[ -z "$output" ]
	[[ $stderr == *"nothing to plan"* ]]
	run -3 --separate-stderr vt-plan absent
	echo '{"v":1}' >prices
	run -3 --separate-stderr vt-plan --prices prices scan
	[[ $stderr == *"price file"* ]]
	run -3 --separate-stderr bash -c 'vt-plan -q scan >/dev/full'
	[[ $stderr == *"standard output"* ]]
}

# Lines that --memory 1M does not hold, and no more than that.
many() {
	python3 - "$1" <<'P' >many
import random, sys
random.seed(1)
for i in range(int(sys.argv[1])):
    print('{"v":1,"bucket":"b%d","key":"dir%d/file%d","version":"","seq":%d,'
        '"generation":1,"size":%d,"tier":"hot","copy":%d,'
        '"mtime":"2026-01-01T00:00:00Z","copy_since":"2026-01-01T00:00:00Z",'
        '"reads":0,"covered_from":"2026-01-01T00:00:00Z",'
        '"covered_to":"2026-09-01T00:00:00Z","covered_days":243}' % (i % 3,
        i % 50, i, i + 1, random.choice((10**8, 2 * 10**8, 10**9)), i + 1))
P
}

@test "--memory: the same plan from files in TMPDIR" {
	many 20000
	TMPDIR=$PWD/absent vt-plan -q many >large
	[ "$(wc -l <large)" -eq 20000 ]
	mkdir temp
	TMPDIR=$PWD/temp vt-plan -q --memory 1M many >little
	cmp large little
	[ -z "$(ls -A temp)" ]
	run -3 --separate-stderr env TMPDIR="$PWD/absent" \
	    vt-plan -q --memory 1M many
	[ -z "$output" ]
	[[ $stderr == *"'$PWD/absent'"* ]]
	run -2 --separate-stderr vt-plan --memory 1K scan
}

@test "--threads: the same plan, summary and first malformed line" {
	many 20000
	sed -i '7000s/^/x/; 9000s/"v":1/"v":2/; 15000s/"size"/"sise"/' many
	for n in 1 2 7; do
		run -1 --separate-stderr vt-plan --threads "$n" many
		printf '%s\n' "$output" "$stderr" >"with$n"
	done
	[[ $stderr == *"many:7000: not a JSON object: x{"* ]]
	[[ $stderr == *"3 malformed lines of 20000"* ]]
	cmp with1 with2
	cmp with1 with7
	run -2 --separate-stderr vt-plan --threads 0 many
}

@test "a full TMPDIR: 3, its name, and nothing printed" {
	many 20000
	mkdir temp
	# as a full disk, but for the words
	run -3 --separate-stderr bash -c 'trap "" XFSZ; ulimit -f 1000
	    TMPDIR=$PWD/temp vt-plan -q --memory 1M many'
	[ -z "$output" ]
	[[ $stderr == *"'$PWD/temp': File too large"* ]]
	unshare -rm mount -t tmpfs -o size=1m none temp 2>/dev/null ||
	    skip "no tmpfs may be mounted here"
	for size in 64k 1m; do	# of versions, of moves
		run --separate-stderr unshare -rm bash -c \
		    "mount -t tmpfs -o size=$size none temp &&
		    TMPDIR=\$PWD/temp vt-plan --memory 1M many"
		[ "$status" -ge 3 ]
		[ -z "$output" ]
		[[ $stderr == *"file in '$PWD/temp': No space left"* ]]
	done
}

# Each run has its own name for it.
without_plan() {
	sed 's/"plan":"[0-9a-f]*"//'
}

@test "a TMPDIR that will not pass the page cache, and one that does half" {
	many 40000
	mkdir temp
	now=2026-11-26T00:00:00Z
	vt-plan -q --now $now many | without_plan >want
	[ -s want ]
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
	for op in write pread; do
		for errno in 22 SHORT; do	# EINVAL
			for at in 1 2 20; do	# of the moves
				: >failed
				FAILIO_OP=$op FAILIO_AT=$at \
				    FAILIO_ERRNO=$errno FAILIO_LOG=failed \
				    FAILIO_PATH=$PWD/temp/ TMPDIR=$PWD/temp \
				    LD_PRELOAD=$VT_BUILD/tests/failio.so \
				    vt-plan --memory 1M --now "$now" many \
				    2>err | without_plan >got
				[ -s failed ]
				cmp want got
			done
		done
	done
}

@test "a closed pipe is died of quietly" {
	for i in $(seq 20); do cat scan; done >more
	for i in $(seq 100); do cat more; done >many
	run --separate-stderr bash -c 'vt-plan -q many | head -n 1 >/dev/null
	    exit ${PIPESTATUS[0]}'
	[ "$status" -eq 141 ]
	[ -z "$stderr" ]
}

# policies LIST: in a file
policies() {
	printf '%s\n' "$1" >policies.json
}

# why KEY: what --explain says of it under the policies
why() {
	vt-plan -q --policy policies.json --explain "b/$1" scan
}

@test "P6 policies: what they bar is no target, whatever it saves" {
	object old/a 1073741824 200 >scan
	object new/a 1073741824 200 >>scan
	policies '[{"bucket": "*", "tiers": ["hot", "warm"]},
	    {"bucket": "b", "prefix": "new/", "pin": "hot"}]'
	run -0 --separate-stderr vt-plan --policy policies.json scan
	[ "$(field key <<<"$output")" = old/a ]
	[ "$(field to <<<"$output")" = warm ]
	[ "$(field policy <<<"$output")" = '' ]
	[[ $(field policies <<<"$output") =~ ^[0-9a-f]{16}$ ]]
	[[ $stderr == *"1 pinned"* ]]
	run -0 why old/a
	[[ $output == *"not on 'cold': policy '*/' does not list 'cold'"* ]]
	[[ $output != *"not on 'warm'"* ]]
	run -0 why new/a
	[[ $output == *"stay: pinned to 'hot' by policy 'b/new/'"* ]]
	# without them both would go to the cheapest
	run -0 vt-plan -q --engines work scan
	[ "$(field to <<<"$output")" = $'cold\ncold' ]
}

@test "P6 policies: latency, region and durability without a server" {
	object a 1073741824 200 >scan
	policies '[{"bucket": "b", "max_first_byte_ms": 100,
	    "locations": ["aws-us-*"], "min_durability_nines": 11}]'
	run -0 vt-plan -q --engines work --allow-restore \
	    --policy policies.json scan
	[ "$(field to <<<"$output")" = cold ]	# no restore
	run -0 vt-plan -q --engines work --allow-restore scan
	[ "$(field to <<<"$output")" = archive ]
	policies '[{"bucket": "b", "locations": ["eu-*"]}]'
	run -3 --separate-stderr vt-plan --policy policies.json scan
	[ -z "$output" ]
	[[ $stderr == *"policies.json:1: policies[0]: leaves no tier"* ]]
}

@test "P6 what lies where a policy bars it goes to the cheapest it leaves" {
	for i in rest few held both; do
		case $i in
		rest) object rest 1073741824 200 ;;
		few) object few 1073741824 20 ;;
		held) object held 1073741824 200 '"legal_hold":true' ;;
		both) object both 1073741824 200 '"adopted":true' ;;
		esac
	done | sed 's/"tier":"hot"/"tier":"cold"/' >scan
	object saves 1073741824 200 >>scan
	policies '[{"bucket": "b", "tiers": ["hot", "warm"]}]'
	run -0 --separate-stderr vt-plan --engines work \
	    --policy policies.json scan
	# before what pays; what is not known well (P12) goes to the first
	[ "$(field key <<<"$output")" = $'rest\nfew\nsaves' ]
	[ "$(field to <<<"$output")" = $'warm\nhot\nwarm' ]
	[ "$(field policy <<<"$output")" = $'b/\nb/' ]
	[[ $output == *"policy 'b/' does not list 'cold'; costs "*" more"* ]]
	[[ $stderr == *"policies ask for 2 of the moves"* ]]
	[[ $stderr == *"1 locked, 1 adopted"* ]]
	# an option is for this run: it may leave nothing
	run -0 vt-plan -q --tiers cold --policy policies.json scan
	[ -z "$output" ]
	run -0 vt-plan -q --tiers cold --policy policies.json \
	    --explain b/rest scan
	[[ $output == *"what policies leave is excluded"* ]]
}

@test "policies narrow --min-history and --payback-max" {
	object a 1073741824 100 >scan
	run -0 vt-plan -q --engines work scan
	[ "$(field key <<<"$output")" = a ]
	policies '[{"bucket": "b", "min_history_days": 120}]'
	run -0 vt-plan -q --engines work --policy policies.json scan
	[ -z "$output" ]
	run -0 why a
	[[ $output == *"covers 100.0 days of its life, 120 are asked for"* ]]
	policies '[{"bucket": "b", "min_history_days": 1}]'
	run -0 vt-plan -q --engines work --min-history 110d \
	    --policy policies.json scan
	[ -z "$output" ]
	policies '[{"bucket": "b", "payback_max_days": 1}]'
	run -0 vt-plan -q --engines work --policy policies.json scan
	[ -z "$output" ]
}

@test "P6 a replay puts nothing where its policy forbids" {
	vt-scan --from csv --history all "$sample" |
	    awk 'NR % 20 == 0 && /"size":[0-9][0-9][0-9][0-9][0-9][0-9]/' >few
	bucket=$(field bucket <few | head -n 1)
	vt-plan -q --simulate --json few >free
	policies "[{\"bucket\": \"$bucket\", \"tiers\": [\"hot\"]}]"
	vt-plan -q --simulate --json --policy policies.json few >hot
	policies "[{\"bucket\": \"*\", \"tiers\": [\"hot\", \"warm\"]}]"
	vt-plan -q --simulate --json --policy policies.json few >warm
	# what the tiers alone would cost is an option's to say
	vt-plan -q --simulate --json --engines work --tiers hot,warm few >tiers
	policies "[{\"bucket\": \"*\", \"min_history_days\": 4000}]"
	vt-plan -q --simulate --json --policy policies.json few >late
	sed 's/"bucket"/"legal_hold":true,&/' few |
	    vt-plan -q --simulate --json >held
	python3 - <<-'END'
	import json
	def rows(name):
	    return {r["policy"]: r for r in map(json.loads, open(name))}
	free, hot, warm, tiers, late, held = map(rows, ("free", "hot", "warm",
	    "tiers", "late", "held"))
	ours = ("work", "hazard", "plan")
	def near(a, b):
	    return abs(a - b) <= 1e-5 * b
	for r in free.values():
	    assert r["bound"] == 0 and r["versions"] > 50, r
	# some would move everything, some something
	assert all(free[n].get("moves") for n in ours + ("age", "idle")), free
	for bound in hot, held:
	    for r in bound.values():
	        assert r["bound"] == r["versions"], r
	        assert r.get("moves", 0) == 0, r
	        assert near(r["usd"], free["hot"]["usd"]), r
	for n in "work", "work-quick", "idle", "optimum":
	    assert near(warm[n]["usd"], tiers[n]["usd"]), (warm[n], tiers[n])
	assert warm["optimum"]["usd"] > 1.05 * free["optimum"]["usd"]
	for n, r in warm.items():
	    assert r["usd"] >= warm["optimum"]["usd"] * 0.999999, r
	assert not any(late[n]["moves"] for n in ours), late
	assert near(late["optimum"]["usd"], free["optimum"]["usd"])
	END
	run -0 vt-plan -q --simulate --policy policies.json few
	[[ $output == *" versions are bound by policies, pins or locks: "* ]]
}

# ruled SCAN RULE [FIELDS]: its versions under a rule of their bucket
ruled() {
	printf '{"v":1,"kind":"bucket","bucket":"%s","bucket_generation":1,' \
	    "$(head -n 1 "$1" | field bucket)"
	printf '"at":"2026-10-01T00:00:00Z"%s,' "${3:+,$3}"
	printf '"lifecycle":"<LifecycleConfiguration><Rule><ID>r</ID>'
	printf '<Status>Enabled</Status><Filter/>%s</Rule>' "$2"
	printf '</LifecycleConfiguration>"}\n'
	sed 's/"bucket"/"ruled":true,"current":true,"bucket_generation":1,&/' \
	    "$1"
}

# after DAYS CLASS: a transition
after() {
	printf '<Transition><Days>%s</Days><StorageClass>%s' "$1" "$2"
	printf '</StorageClass></Transition>'
}

@test "P6 a replay does what lifecycle rules ask, and what they bar it does not" {
	local gone='<Expiration><Days>365</Days></Expiration>'
	vt-scan --from csv --history all "$sample" |
	    awk 'NR % 20 == 0 && /"size":[0-9][0-9][0-9][0-9][0-9][0-9][0-9]/' \
	    >few
	vt-plan -q --simulate --json few >free
	ruled few "$(after 36500 GLACIER_IR)" >late.scan
	vt-plan -q --simulate --json late.scan >late
	vt-plan -q --simulate --json --engines work --tiers hot,warm few >tiers
	ruled few "$(after 0 GLACIER_IR)" | vt-plan -q --simulate --json >cold
	ruled few "$(after 0 DEEP_ARCHIVE)" | vt-plan -q --simulate --json >deep
	ruled few "$(after 0 INTELLIGENT_TIERING)" |
	    vt-plan -q --simulate --json >auto
	ruled few "$gone" >gone.scan
	vt-plan -q --simulate --json gone.scan >gone
	ruled few "$gone" '"versioning":"enabled"' |
	    vt-plan -q --simulate --json >kept
	ruled few "$gone$(after 30 GLACIER_IR)" |
	    sed 's/"ruled"/"legal_hold":true,&/' |
	    vt-plan -q --simulate --json >held
	python3 - <<-'END'
	import datetime, json
	def rows(name):
	    return {r["policy"]: r for r in map(json.loads, open(name))}
	free, late, tiers, cold, deep, auto, gone, kept, held = map(rows, ("free",
	    "late", "tiers", "cold", "deep", "auto", "gone", "kept", "held"))
	def near(a, b):
	    return abs(a - b) <= 1e-5 * b
	assert "ruled" not in free["plan"], free["plan"]
	for name in "late", "cold", "deep", "auto", "gone", "kept", "held":
	    for n, r in rows(name).items():
	        # the provider moves by itself, and cheaper
	        if n not in ("age", "auto", "hazard+auto", "plan"):
	            assert r["of_optimum"] >= 0.999999, (name, r)
	        assert r["bound"] == (r["versions"] if name == "held" else 0), r
	        assert r["ruled"] == (r["versions"] if name in ("late", "cold",
	            "deep", "auto") else 0), (name, r)
	        assert r["ended"] > 40 if name == "gone" else r["ended"] == 0, r
	# what is never due is barred for good, as an option bars it
	for n in "work", "work-quick", "idle", "optimum":
	    assert near(late[n]["usd"], tiers[n]["usd"]), (late[n], tiers[n])
	assert near(late["auto"]["usd"], free["hot"]["usd"]), late["auto"]
	# who keeps it hot is made to move what was not there from the start,
	# once, and keep it there
	for to in cold, deep, auto:
	    for n in "hot", "optimum":
	        assert not near(to[n]["usd"], free[n]["usd"]), to[n]
	    assert to["hot"]["versions"] >= to["hot"]["moves"] > 30, to["hot"]
	assert cold["hot"]["storage_usd"] < 0.3 * free["hot"]["storage_usd"]
	assert deep["hot"]["storage_usd"] < 0.1 * free["hot"]["storage_usd"]
	for n in "auto", "plan", "work", "optimum":
	    assert near(auto[n]["usd"], auto["hot"]["usd"]), auto[n]
	# removed on its day; where there are versions, it stays as one
	def days(t):
	    return datetime.datetime.fromisoformat(t.replace("Z",
	        "+00:00")).timestamp() / 86400
	usd = 0
	for r in map(json.loads, open("few")):
	    made = days(r["mtime"])
	    usd += r["size"] / 2 ** 30 * 0.023 / (365.25 / 12) * max(0, min(days(
	        r["covered_to"]), -(-made // 1) + 365) - max(made,
	        days(r.get("covered_from", r["mtime"]))))
	assert abs(gone["hot"]["storage_usd"] / usd - 1) < 1e-3, (gone["hot"], usd)
	assert gone["optimum"]["usd"] < 0.9 * free["optimum"]["usd"]
	for n in free:
	    assert gone[n]["usd"] < free[n]["usd"], gone[n]
	    assert near(kept[n]["usd"], free[n]["usd"]), kept[n]
	    assert near(held[n]["usd"], free["hot"]["usd"]), held[n]
	END
	run -0 vt-plan -q --simulate late.scan
	[[ $output == *" versions are bound by lifecycle rules: "* ]]
	run -0 vt-plan -q --simulate gone.scan
	[[ $output == *" are removed by lifecycle rules: "* ]]
	# the plan is held to the same: what rules bar no engine is asked for
	vt-plan -q late.scan >plan
	[ "$(field to <plan | sort -u)" = warm ]
}

@test "a transition to a class that no tier has asks nothing" {
	object a 1073741824 200 >one
	ruled one "$(after 0 INTELLIGENT_TIERING)" >scan
	echo '{"tiers": [
	    {"name": "hot", "url": "file:hot", "storage_class": "STANDARD"},
	    {"name": "cold", "url": "file:cold",
	    "storage_class": "GLACIER_IR"}]}' >config.json
	vt-plan -q --config config.json scan >plan
	[ "$(field to <plan)" = cold ]
	[ "$(field rule <plan)" = '' ]
	vt-plan -q --config config.json --simulate --json scan >sim
	[ "$(field ruled <sim | sort -u)" = 0 ]
}

@test "a wrong --policy is refused by line and field" {
	policies '[{"bucket": "b"},
	    {"bucket": "c", "pin": "nowhere"}]'
	run -3 --separate-stderr vt-plan --policy policies.json scan
	[[ $stderr == *"policies.json:2: policies[1].pin: there is no tier "* ]]
	policies '{"policies": []}'
	run -3 --separate-stderr vt-plan --policy policies.json scan
	[[ $stderr == *"must be a list"* ]]
	run -3 --separate-stderr vt-plan --policy absent.json scan
	[[ $stderr == *absent.json* ]]
}

@test "--simulate: eight years of real downloads" {
	vt-scan --from csv --history all "$sample" >ckan
	run -0 --separate-stderr vt-plan --simulate ckan
	[[ $stderr == *"trying engines took"* ]]
	[[ ${lines[0]} == "2754 versions"* ]]
	[[ $output == *"everything hot"* ]]
	[[ $output == *"this plan"* ]]
	[[ $output == *"In charge by now: "* ]]
	# each ratio the table has is that of its dollars
	printf '%s\n' "${lines[@]}" >table
	python3 - <<-'END'
	import re
	def near(a, b): return abs(a - b) <= 2e-3 * abs(b) + 6e-4
	t = {}
	for l in open("table"):
	    m = re.match(r"(.{41}) +([\d.]+) +([\d.]+) +([\d.]+)% +([\d.]+) +"
	        r"([\d.]+) +(-?[\d.]+)%", l)
	    if m:
	        t[m[1].strip()[:6]] = [float(m[i]) for i in range(2, 8)]
	hot, auto, age, best = (t[k][0] for k in
	    ("everyt", "INTELL", "by age", "the be"))
	for usd, b, h, au, ag, saved in t.values():
	    assert near(b, usd / best) and near(h / 100, usd / hot), t
	    assert near(au, usd / auto) and near(ag, usd / age), t
	    assert near(saved / 100, (hot - usd) / (hot - best)), t
	END
	vt-plan --simulate --json ckan 2>said | grep -q '"seconds_million":[1-9]'
	run -0 --separate-stderr vt-plan -q --simulate --json --split half ckan
	[[ $output != *seconds_million* ]]
	[ -z "$stderr" ]
	printf '%s\n' "${lines[@]}" >sim
	python3 - <<-'END'
	import json
	rows = [json.loads(l) for l in open("sim")]
	s = {r["policy"]: r for r in rows}
	assert [r["policy"] for r in rows] == ["hot", "age", "idle", "auto",
	    "work", "work-quick", "hazard", "hazard+auto", "plan", "optimum"]
	best = s.pop("optimum")
	assert best["of_optimum"] == 1
	for name, r in s.items():
	    # the class may lie below: it is no tier of the optimum
	    if "auto" not in name and name != "plan":
	        assert r["usd"] >= best["usd"] * 0.999999, r
	    parts = r["storage_usd"] + r["reads_usd"] + r["moving_usd"]
	    assert abs(parts - r["usd"]) <= 1e-5 * r["usd"], r
	assert s["plan"]["usd"] < s["hot"]["usd"] * 0.4
	assert s["plan"]["of_optimum"] < 1.2, s["plan"]
	assert s["work"]["of_optimum"] < 1.25, s["work"]
	assert s["age"]["usd"] > 5 * s["hot"]["usd"]
	END
}

@test "the pipe: what lies at rest in a server is planned and moved" {
	serve_start "$BATS_TEST_TMPDIR"
	head -c 3000000 /dev/urandom >big
	vt-put --make-bucket big s3://bucket/big
	vt-put big s3://bucket/read
	serve_stop
	# a log of 200 days in which one object was read each day
	python3 - >log <<-'END'
	import time
	def t(s): return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s))
	now = int(time.time())
	for d in range(200):
	    a = now - 60 + d * 86400
	    print('{"v":1,"op":"log","node":"n","from":"%s","to":"%s",'
	          '"dropped":0}' % (t(a), t(a + 86400)))
	    print('{"v":1,"time":"%s","actor":"client","op":"GetObject",'
	          '"bucket":"bucket","key":"read","status":200,'
	          '"out":3000000}' % t(a + 43200))
	END
	later=$(date -u -d '+200 days' +%FT%TZ)
	vt-scan --data data --log log --now "$later" >scanned
	[ "$(field reads <scanned)" = $'0\n200' ]
	run -0 --separate-stderr vt-plan --data data scanned
	printf '%s\n' "${lines[@]}" >plan
	[ "$(field key <plan)" = big ]
	[ "$(field to <plan)" = cold ]
	run -0 --separate-stderr vt-migrate --data data --now "$later" plan
	[ "$(vt-scan --data data --log log | field tier)" = $'cold\nhot' ]
}

@test "--simulate: prices 20 % wrong leave the guard's bound" {
	vt-scan --from csv --history all "$sample" | awk 'NR % 20 == 0' >few
	cd "$BATS_TEST_DIRNAME/../.." || return
	run -0 --separate-stderr python3 tests/bench/perturb.py --parts \
	    scripts/prices/aws-us-east-1.json "$BATS_TEST_TMPDIR/few"
	[ "${#lines[@]}" -eq 8 ]
	[[ ${lines[7]} == *'"cases": 7, "orders_changed": '* ]]
	[[ ${lines[7]} == *'"guard_broken": 0}' ]]
	# they were other prices
	[ "$(printf '%s\n' "${lines[@]:0:7}" | field of_work | sort -u | wc -l)" \
	    -gt 4 ]
}

@test "--simulate: laws it was not tuned on, the guard and both baselines" {
	cd "$BATS_TEST_DIRNAME/../.." || return
	run -0 --separate-stderr python3 tests/bench/laws_table.py \
	    --laws few,sleeps,trap aws-us-east-1 gcs-us-central1
	[ "${lines[6]}" = '{"cases": 6, "over": []}' ]
	[ "${#lines[@]}" -eq 7 ]
	# each within what the guard allows
	[ "$(printf '%s\n' "${lines[@]:0:6}" | field worst_of_guard |
	    awk '$1 > 0 && $1 <= 1' | wc -l)" -eq 6 ]
	# a seed is a trace
	python3 tests/bench/laws.py few >"$BATS_TEST_TMPDIR/one"
	python3 tests/bench/laws.py few | cmp - "$BATS_TEST_TMPDIR/one"
	! python3 tests/bench/laws.py few --seed 2 |
	    cmp -s - "$BATS_TEST_TMPDIR/one"
}

@test "real downloads: the same plan from any threads and order of buckets" {
	vt-scan --from csv --history all "$sample" | awk 'NR % 4 == 0' >ckan
	for n in 1 2 8; do
		vt-plan -q --threads $n ckan >"plan$n"
		vt-plan -q --threads $n --simulate --json ckan >"sim$n"
	done
	[ "$(wc -l <plan1)" -gt 50 ]
	cmp plan1 plan2
	cmp plan1 plan8
	cmp sim1 sim2
	cmp sim1 sim8
	# nor does it hang on what is told beside it
	vt-plan ckan >told
	vt-plan -q --report page.html ckan >page
	cmp plan1 told
	cmp plan1 page
	# two buckets of it, one before the other and behind it
	sed 's/"bucket":"[^"]*"/"bucket":"other"/' ckan >other
	cat ckan other | vt-plan -q >there
	cat other ckan | vt-plan -q >back
	# the name of a plan is that of its input
	for f in there back; do
		sed 's/"plan":"[^"]*"//' $f | sort >$f.sorted
	done
	[ "$(wc -l <there.sorted)" -gt 100 ]
	cmp there.sorted back.sorted
}
