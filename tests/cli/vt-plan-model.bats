#!/usr/bin/env bats
# vt-plan --model: what engines learn, kept from one plan to the next.

load helper

# versions COUNT DAY [FIELDS]: COUNT versions of 200 MB, made 200 days before a
# log that ends on DAY of some month, and never read
versions() {
	python3 - "$@" <<-'END'
	import sys, time
	def t(s): return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s))
	count, day = int(sys.argv[1]), int(sys.argv[2])
	more = "," + sys.argv[3] if len(sys.argv) > 3 else ""
	to = 1790000000 + day * 86400
	for i in range(count):
	    print('{"v":1,"bucket":"b","key":"dir%d/%d","version":"","seq":%d,'
	          '"generation":1,"size":200000000,"tier":"hot","copy":%d,'
	          '"mtime":"%s","copy_since":"%s","reads":0,'
	          '"covered_from":"%s","covered_to":"%s","covered_days":%d%s}' % (
	          i % 7, i, i + 1, i + 1, t(1790000000 - 200 * 86400),
	          t(1790000000 - 200 * 86400), t(1790000000 - 200 * 86400),
	          t(to), 200 + day, more))
	END
}

field() {
	python3 -c 'import json,sys
for l in sys.stdin: print(json.loads(l).get(sys.argv[1], ""))' "$1"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	sample=$BATS_TEST_DIRNAME/../data/ckan-sample.csv.zst
}

@test "wrong command lines: 2; a model is a file" {
	versions 3 0 >scan
	run -2 --separate-stderr vt-plan --model m --simulate scan
	[[ $stderr == *"--simulate"* ]]
	run -2 --separate-stderr vt-plan --model . scan
	[[ $stderr == *"'.' is no file"* ]]
	run -2 --separate-stderr vt-plan --model /dev/null scan
	[ -z "$output" ]
}

@test "the same plan from a model as from the run that learned it" {
	vt-scan --from csv --history all "$sample" | awk 'NR % 4 == 0' >ckan
	vt-plan -q ckan >plain
	run -0 --separate-stderr vt-plan --model m ckan
	printf '%s\n' "${lines[@]}" >first
	[[ $stderr == *"learned anew (there was none): hazard"* ]]
	[ "$(wc -l <first)" -gt 50 ]
	cmp plain first
	cp m kept
	for n in 1 2 8; do
		run -0 --separate-stderr vt-plan --threads $n --model m ckan
		printf '%s\n' "${lines[@]}" | cmp - first
		[[ $stderr == *"by the model of 20"*" in 'm': hazard"* ]]
	done
	cmp m kept
	# two passes, with packs and for an answer
	vt-plan -q --packs ckan >packs
	vt-plan -q --packs --model m ckan | cmp - packs
	key=$(field key <first | head -n 1)
	bucket=$(field bucket <first | head -n 1)
	vt-plan --explain "$bucket/$key" ckan >why
	vt-plan --model m --explain "$bucket/$key" ckan | cmp - why
	cmp m kept
	# a page is of a contest, which is kept as well
	rm m
	vt-plan -q --model m --report page.html ckan | cmp - first
	cmp m kept
	vt-plan -q --model m --report page.html ckan | cmp - first
}

@test "a model is used for a week of the log, and then learned anew" {
	versions 200 0 >scan
	vt-plan -q --model m scan >first
	cp m kept
	for day in 1 7; do
		versions 200 $day >later
		run -0 --separate-stderr vt-plan --model m later
		[[ $stderr == *"by the model of 2026-09-21"* ]]
		[ "${#lines[@]}" -eq 200 ]
		cmp m kept
	done
	versions 200 8 >later
	run -0 --separate-stderr vt-plan --model m later
	[[ $stderr == *"learned anew (the one there is of 2026-09-21, more than 7 days before "* ]]
	printf '%s\n' "${lines[@]}" >anew
	run -1 cmp -s m kept
	vt-plan -q later | cmp - anew
	# nor does it know what is to come
	run -0 --separate-stderr vt-plan --model m scan
	[[ $stderr == *"learned anew (the one there is of 2026-09-29, after these lines)"* ]]
	cmp m kept
	# --now is the time of a plan
	run -0 --separate-stderr vt-plan --model m --now 2026-09-20T00:00:00Z scan
	[[ $stderr == *"after these lines"* ]]
	run -0 --separate-stderr vt-plan --model m --now 2026-09-26T00:00:00Z scan
	[[ $stderr == *"by the model of 2026-09-20"* ]]
	run -0 --separate-stderr vt-plan --model m --now 2026-09-28T00:00:00Z scan
	[[ $stderr == *"learned anew"* ]]
}

@test "other prices, tiers, policies or options: learned anew" {
	versions 200 0 >scan
	vt-plan -q --model m scan >first
	cp m kept
	echo '[{"bucket":"*","tiers":["hot","warm"]}]' >policies.json
	sed 's/"usd": 0.0125/"usd": 0.0126/' \
	    "$BATS_TEST_DIRNAME/../../scripts/prices/aws-us-east-1.json" >prices
	while read -r options; do
		cp kept m
		# shellcheck disable=SC2086  # they are words
		run -0 --separate-stderr vt-plan --model m $options scan
		[[ $stderr == *"learned anew (the one there is of other prices, "\
"tiers, policies or options): "* ]]
		printf '%s' "$output" >anew
		run -1 cmp -s m kept
		# shellcheck disable=SC2086
		[ "$(vt-plan -q $options scan)" = "$(cat anew)" ]
	done <<-'END'
	--prices prices
	--prices gcs-us-central1
	--tiers hot,warm
	--allow-restore
	--engines work
	--min-history 31d
	--payback-max 900d
	--moves transition
	--volume hot=600T
	--policy policies.json
	END
	# what is asked of this plan alone is not learned from
	cp kept m
	vt-plan --model m --max-objects 3 --valid 3d scan 2>told >few
	grep "by the model" told
	[ "$(wc -l <few)" -eq 3 ]
	cmp m kept
}

# flip AT: a bit of that byte of the kept model
flip() {
	python3 -c 'import sys
b = bytearray(open("kept", "rb").read())
b[int(sys.argv[1])] ^= 0x20
open("m", "wb").write(b)' "$1"
}

@test "a damaged model is named and never used" {
	versions 3 0 >scan
	vt-plan -q --model m scan >first
	[ "$(wc -l <first)" -eq 3 ]
	size=$(stat -c %s m)
	[ "$size" -lt 500 ]
	cp m kept
	for ((i = 8; i < size; i += 23)); do
		flip $i
		vt-plan -q --model m scan >anew 2>told
		grep -q "'m' is not used: it is" told
		cmp anew first
		cmp m kept
	done
	for i in 0 1 7 8 20 $((size - 1)); do
		head -c $i kept >m
		vt-plan -q --model m scan >anew 2>told
		grep -q "'m' is not used: it is cut" told
		cmp anew first
		cmp m kept
	done
}

@test "a file that is no model is left as it is: 1" {
	versions 3 0 >scan
	vt-plan -q scan >first
	cp scan mine
	run -1 --separate-stderr vt-plan -q --model mine scan
	printf '%s\n' "${lines[@]}" | cmp - first
	[[ $stderr == *"'mine' is not used: it is no model"* ]]
	cmp scan mine
	truncate -s 9M mine
	run -1 --separate-stderr vt-plan -q --model mine scan
	printf '%s\n' "${lines[@]}" | cmp - first
	[ "$(stat -c %s mine)" -eq 9437184 ]
}

@test "a model that cannot be written: 1, and the plan is whole" {
	versions 3 0 >scan
	vt-plan -q scan >first
	run -1 --separate-stderr vt-plan -q --model absent/m scan
	printf '%s\n' "${lines[@]}" | cmp - first
	[[ $stderr == *"--model: cannot create 'absent/m"* ]]
	vt-plan -q --model m scan
	cp m kept
	# as a full disk, but for the words
	vt-scan --from csv --history all "$sample" | awk 'NR % 16 == 0' >ckan
	run -1 --separate-stderr bash -c 'trap "" XFSZ; ulimit -f 100
	    vt-plan -q --model m ckan'
	[ "${#lines[@]}" -gt 10 ]
	[[ $stderr == *"--model: cannot write '"*"/m."*"File too large"* ]]
	cmp m kept
	[ "$(echo m*)" = m ]
}

@test "killed while it writes, the old model is there" {
	versions 3 0 >scan
	vt-plan -q --model m scan
	cp m kept
	vt-scan --from csv --history all "$sample" | awk 'NR % 16 == 0' >ckan
	# the signal comes in the middle of a file of 200 KiB
	run bash -c 'ulimit -c 0; ulimit -f 100; exec vt-plan -q --model m ckan'
	[ "$status" -eq $((128 + $(kill -l XFSZ))) ]
	cmp m kept
	vt-plan -q --model m scan 2>told
	[ ! -s told ]
	vt-plan -q --model m ckan >first
	vt-plan -q --model m ckan | cmp - first
	[ "$(stat -c %s m)" -gt 102400 ]
}

# ruled TEXT: the line of bucket b with one rule, as vt-scan writes it
ruled() {
	printf '{"v":1,"kind":"bucket","bucket":"b","bucket_generation":1,'
	printf '"at":"2026-09-22T00:00:00Z",'
	printf '"lifecycle":"<LifecycleConfiguration><Rule><ID>r</ID>'
	printf '<Status>Enabled</Status>%s</Rule>' "$1"
	printf '</LifecycleConfiguration>"}\n'
}

@test "P6 pins, locks and rules of today hold, whatever was learned before" {
	versions 5000 0 >scan
	vt-plan -q --model m scan >first
	[ "$(wc -l <first)" -eq 5000 ]
	versions 5000 1 >scan
	sed 's/}$/,"pin":"hot"}/' scan >pinned
	sed 's/}$/,"legal_hold":true}/' scan >held
	sed 's/}$/,"lock":"compliance","retain_until":"2027-09-21T00:00:00Z"}/' \
	    scan >locked
	sed 's/}$/,"adopted":true}/' scan >adopted
	sed 's/}$/,"ruled":true,"current":true,"bucket_generation":1}/' \
	    scan >marked
	{ ruled "<Filter></Filter><Transition><Days>900</Days>\
<StorageClass>GLACIER_IR</StorageClass></Transition>"; cat marked; } >early
	{ ruled "<Filter></Filter><Expiration><Days>100</Days></Expiration>"
	  cat marked; } >gone
	vt-plan -q early >early.plan
	for n in 1 2 8; do
		for f in pinned held locked adopted; do
			run -0 --separate-stderr vt-plan --threads $n --model m $f
			[ -z "$output" ]
			[[ $stderr == *"5000 ${f/held/locked}"*"by the model"* ]]
		done
		# not down before the rule's day; away on the day of the other
		vt-plan --threads $n --model m early 2>told | cmp - early.plan
		grep -q "by the model" told
		vt-plan --threads $n --model m gone 2>told >plan
		grep -q "by the model" told
		[ "$(grep -c '"action":"expire"' plan)" -eq 5000 ]
	done
	run -1 grep '"to":"cold"' early.plan
}

@test "P6 a policy that was set since is in no model" {
	versions 200 0 >scan
	vt-plan -q --model m scan >first
	echo '[{"bucket":"b","pin":"hot"}]' >policies.json
	run -0 --separate-stderr vt-plan --policy policies.json --model m scan
	[ -z "$output" ]
	[[ $stderr == *"learned anew"* ]]
	run -0 --separate-stderr vt-plan --policy policies.json --model m scan
	[ -z "$output" ]
	[[ $stderr == *"200 pinned"*"by the model"* ]]
}

@test "P12 what the log did not see is unknown, with a model as well" {
	versions 200 0 >scan
	vt-plan -q --model m scan >first
	versions 200 1 | sed 's/"covered_days":201/"covered_days":29/' >unseen
	run -0 --separate-stderr vt-plan --model m unseen
	[ -z "$output" ]
	[[ $stderr == *"200 too little covered time"*"by the model"* ]]
	# a log too short for any move teaches nothing that is worth a week
	rm m
	sed 's/"covered_days":200/"covered_days":29/' scan >short
	run -0 --separate-stderr vt-plan --model m short
	[ -z "$output" ]
	[ ! -e m ]
}

@test "a log that goes on behind the first versions': the work function, told" {
	versions 200 0 >old
	versions 200 9 | sed 's/dir/new/' >new
	cat old new >both
	vt-plan -q --model m old >first
	cp m kept
	for n in 1 2 8; do
		cp kept m
		run -0 --separate-stderr vt-plan --threads $n --model m both
		[[ $stderr == *"200 versions are of a log that ends more than 7 "\
"days after the model in 'm': the work function decided on them, and the "\
"model is removed"* ]]
		[ ! -e m ]
		printf '%s\n' "${lines[@]}" >plan$n
		grep -c '"key":"new' plan$n
		grep '"key":"new' plan$n | field reason | sort -u >reasons
		vt-plan -q --engines work new | field reason | sort -u |
		    cmp - reasons
		cmp plan$n plan1
	done
	# what is learned of both is good for a week of either
	vt-plan -q --model m both
	vt-plan --model m both 2>&1 >/dev/null | grep "by the model"
	[ -e m ]
}

# Buckets of all sizes, with rules and without, some of them changed or twice.
buckets() {
	python3 - <<-'END'
	import random
	random.seed(5)
	def line(b, i, gen, ruled):
	    print('{"v":1,"bucket":"%s","key":"d/%06d","version":"","seq":%d,'
	        '"generation":1,"bucket_generation":%d,"size":%d,"tier":"hot",'
	        '"copy":%d,"mtime":"2026-01-01T00:00:00Z","current":true,'
	        '"copy_since":"2026-01-01T00:00:00Z","reads":0%s,'
	        '"covered_from":"2026-01-01T00:00:00Z",'
	        '"covered_to":"2026-09-01T00:00:00Z","covered_days":243}' % (b,
	        i, i + 1, gen, random.choice((10**8, 10**9)), i + 1,
	        ',"ruled":true' if ruled else ''))
	def rules(b, gen, what):
	    print('{"v":1,"kind":"bucket","bucket":"%s","bucket_generation":%d,'
	        '"at":"2026-09-01T00:00:00Z","lifecycle":'
	        '"<LifecycleConfiguration><Rule><ID>r</ID><Status>Enabled</Status>'
	        '%s</Rule></LifecycleConfiguration>"}' % (b, gen, what))
	kinds = ('<Filter></Filter><Expiration><Days>30</Days></Expiration>',
	    '<Filter></Filter><Transition><Days>900</Days>'
	    '<StorageClass>GLACIER_IR</StorageClass></Transition>',
	    '<Filter></Filter><Transition><Days>30</Days>'
	    '<StorageClass>STANDARD_IA</StorageClass></Transition>')
	n = 0
	for b in range(60):
	    name, ruled = 'b%02d' % b, b % 3 != 2
	    if ruled:
	        rules(name, 1, kinds[b % 2 + b % 5 % 2])
	    for k in range(random.choice((1, 40, 300, 2500))):
	        # a bucket's rules told twice, and versions of after a change
	        if ruled and b % 10 == 3 and k == 20:
	            rules(name, 1, kinds[b % 3])
	        line(name, n, 2 if b % 7 == 4 and k > 10 else 1, ruled)
	        n += 1
	END
}

@test "P6 rules reach all batches of lines, in any threads" {
	buckets >scan
	[ "$(stat -c %s scan)" -gt 6000000 ]
	vt-plan scan >two 2>told
	vt-plan -q --model m scan | cmp - two
	for n in 1 2 8; do
		for again in 1 2; do
			vt-plan --threads $n --model m scan >one 2>told$n
			cmp one two
		done
	done
	grep -q "by the model" told8
	diff <(grep -v 'packing\|model\|least' told) \
	    <(grep -v 'model\|least' told8)
	cmp told1 told8
	[ "$(grep -c '"action":"expire"' two)" -gt 1000 ]
	[ "$(grep -c '"rule":"r"' two)" -gt "$(grep -c '"action"' two)" ]
	[ "$(grep -vc '"rule"' two)" -gt 1000 ]
}

@test "versions in packs: the same plan and bill from a model" {
	versions 3000 0 | awk '{ sub(/}$/, ",\"pack\":" 1 + NR % 5 \
	    ",\"pack_bytes\":900000000,\"pack_dead\":0.4}"); print }' >scan
	vt-plan scan >two 2>told
	vt-plan --model m scan 2>anew | cmp - two
	for n in 1 2 8; do
		vt-plan --threads $n --model m scan 2>told$n | cmp - two
		diff <(grep "^vt-plan: bill" told) \
		    <(grep "^vt-plan: bill" told$n)
	done
	vt-plan -q --packs scan >packs
	vt-plan -q --packs --model m scan | cmp - packs
}

@test "malformed lines: the same with a model" {
	versions 9000 0 >scan
	vt-plan -q --model m scan >first
	sed -i '7000s/^/x/; 8000s/"v":1/"v":2/; 8500s/"size"/"sise"/' scan
	for n in 1 2 8; do
		run -1 --separate-stderr vt-plan --threads $n --model m scan
		[[ $stderr == *"scan:7000: not a JSON object: x{"* ]]
		[[ $stderr == *"3 malformed lines of 9000"* ]]
		[ "${#lines[@]}" -eq 8997 ]
	done
	# the first lines tell how old it is, also behind one too long or bad
	{ head -c 17000000 /dev/zero | tr '\0' x; echo; cat scan; } >long
	run -1 --separate-stderr vt-plan --model m long
	[[ $stderr == *"by the model"*"4 malformed lines of 9000"* ]]
	# they are numbered through, whatever is read at a time
	{ sed '7000d; 8000d; 8500d' scan; head -n 1 long; } >behind
	run -1 --separate-stderr vt-plan --model m behind
	[[ $stderr == *"behind:8998: the line is over 16777216 bytes"* ]]
	run -0 --separate-stderr vt-plan --model m </dev/null
	[[ $stderr == *"nothing to plan"* ]]
	[ -e m ]
}
