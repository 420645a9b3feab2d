#!/usr/bin/env bats
# vt-plan --report: a page whose figures are those of the summary, that loads
# nothing and lets nobody's keys be markup.

load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	sample=$BATS_TEST_DIRNAME/../data/ckan-sample.csv.zst
	bats_require_minimum_version 1.5.0
}

# The page, told by what a browser's parser finds in it.
look() {
	python3 "$BATS_TEST_DIRNAME/page.py" "$@"
}

# version KEY-AS-JSON SIZE: one at rest for 200 covered days
version() {
	printf '{"v":1,"bucket":"b","key":"%s","version":"","seq":0,' "$1"
	printf '"generation":1,"size":%s,"tier":"hot","copy":0,' "$2"
	printf '"mtime":"2026-01-01T00:00:00Z","reads":0,'
	printf '"copy_since":"2026-01-01T00:00:00Z","stored_bytes":%s,' "$2"
	printf '"covered_from":"2026-01-01T00:00:00Z","covered_days":200,'
	printf '"covered_to":"2026-07-20T00:00:00Z"}\n'
}

@test "figures are those of the summary" {
	vt-scan --from csv --history all "$sample" >scan
	vt-plan scan >plain 2>said
	run -0 --separate-stderr vt-plan --report out.html scan
	printf '%s\n' "${lines[@]}" >plan
	cmp plain plan			# the plan is the same with it
	[ "$stderr" = "$(cat said)" ]	# and so is what is said
	look check out.html
	run -0 look figures out.html
	printf '%s\n' "${lines[@]}" >figures
	now=$(sed -n 's/.*bill \([0-9.]*\) dollars.*/\1/p' said)
	after=$(sed -n 's/.*month, \([0-9.]*\) after.*/\1/p' said)
	moving=$(sed -n 's/.*moving costs \([0-9.]*\) .*/\1/p' said)
	back=$(sed -n 's/.*paid back in \([0-9]*\) days.*/\1/p' said)
	covered=$(sed -n 's/.*log covers \([0-9.]*\) days.*/\1/p' said)
	python3 - figures "$now" "$after" "$moving" "$back" "$covered" <<-'END'
	import sys
	f = dict(l.split() for l in open(sys.argv[1]))
	f = {k: float(v) for k, v in f.items()}
	now, after, moving, back, covered = sys.argv[2:]
	def same(text, value):
	    digits = len(text.partition(".")[2])
	    assert text == f"{value:.{digits}f}", (text, value)
	same(now, f["bill-now"])
	same(after, f["bill-after"])
	same(moving, f["moving"])
	same(back, f["payback-days"])
	same(covered, f["covered-days"])
	assert abs(f["saving-month"] - (f["bill-now"] - f["bill-after"])) < 2e-6
	assert abs(f["saving-year"] - 12 * f["saving-month"]) < 2e-5
	assert f["bill-least"] <= f["bill-after"]
	END
}

@test "costs of each policy are those of --simulate" {
	vt-scan --from csv --history all "$sample" >scan
	vt-plan --quiet --report out.html scan >plan
	vt-plan --simulate --split half --json scan >sim
	look text out.html >text
	python3 - sim text out.html <<-'END'
	import json, re, sys
	text = open(sys.argv[2]).read()
	all = {}
	for line in open(sys.argv[1]):
	    policy = json.loads(line)
	    all[policy["policy"]] = policy["usd"]
	    assert f"${policy['usd']:,.2f}" in text, policy
	# over time, month by month, they add up to the same
	rows = re.findall(r'<tr><th scope="row">\d{4}-\d\d-\d\d</th>(.*)</tr>',
	    open(sys.argv[3]).read())
	assert len(rows) == 49, len(rows)	# 2022-08 to 2026-08
	cells = [[float(c.replace(",", "")) for c in
	    re.findall(r">\$([\d.,]+)<", row)] for row in rows]
	sums = [sum(column) for column in zip(*cells)]
	want = sorted((all[k] for k in ("hot", "age", "auto", "plan",
	    "optimum")), reverse=True)
	assert len(sums) == 5
	for got, usd in zip(sums, want):
	    assert abs(got - usd) < 0.005 * len(rows), (got, usd)
	END
}

@test "what a class that moves objects by itself saves is off the bill" {
	# its first level costs what STANDARD does
	for i in $(seq 20); do version "$i" 5000000000; done >scan
	run -0 --separate-stderr vt-plan --engines auto --report out.html scan
	printf '%s\n' "${lines[@]}" >plan
	[ "$(jq -r .to plan | uniq -c | tr -s ' ')" = " 20 auto" ]
	look figures out.html >figures
	python3 - plan figures <<-'END'
	import json, sys
	f = dict(l.split() for l in open(sys.argv[2]))
	saving = sum(json.loads(l)["saving_usd_month"] for l in open(sys.argv[1]))
	assert saving > 0.4 * float(f["bill-now"]), (saving, f)
	assert abs(float(f["saving-month"]) - saving) < 1e-3, (saving, f)
	END
	look text out.html | grep -q "lowers the bill by"
}

@test "what lies on a class that moves objects by itself is billed by its levels" {
	# S3 Intelligent-Tiering: 0.023 dollars a GB, 0.0125 after 30 days
	# without a read, 0.004 after 90; GB are 2^30 bytes
	version a 1073741824000 | sed 's/"tier":"hot"/"tier":"auto"/' >rest
	sed 's/"copy_since":"[^"]*"/"copy_since":"2026-07-01T00:00:00Z"/' \
	    rest >new
	for scan in rest new; do
		vt-plan -q --stale-prices --report $scan.html $scan >plan
		look figures $scan.html | sed -n 's/^bill-now //p'
	done >bills
	python3 - bills <<-'END'
	import sys
	rest, new = map(float, open(sys.argv[1]))
	assert abs(rest - 4) < 0.001 and abs(new - 23) < 0.001, (rest, new)
	END
}

@test "who has no server is not told to move what it does not hold" {
	version a 1073741824 >scan
	vt-plan -q --report out.html scan >plan
	look text out.html >text
	grep -q "Once Vaultaire serves them" text
	grep -q "\$0.023, by and by \$0.004, per GB and month" text
	run ! grep -q "vt-migrate <" text
	echo '{"tiers": [
	    {"name": "hot", "url": "file:hot", "storage_class": "STANDARD"},
	    {"name": "cold", "url": "file:c", "storage_class": "GLACIER_IR"}
	    ]}' >config.json
	vt-plan -q --config config.json --report out.html scan >plan
	look text out.html >text
	grep -q "vt-migrate < plan.jsonl" text
}

@test "P12 what no log speaks of has no age, and the page says so" {
	echo '{"v":1,"bucket":"b","key":"k","size":5000000000,"tier":"hot",' \
	    '"mtime":"2020-01-01T00:00:00Z","reads":0}' >scan
	run -0 --separate-stderr vt-plan --report out.html scan
	[ -z "$output" ]
	look text out.html >text
	grep -q "No log tells what is read of them" text
	grep -q "^not known" text
	! grep -q "^up to 7 days\|^over 5 years" text
}

@test "the same input makes the same page, wherever it goes" {
	version a 1073741824 >scan
	vt-plan -q --report one.html scan >plan
	vt-plan -q --report=two.html scan >plan
	cmp one.html two.html
	run -0 --separate-stderr vt-plan -q --report - scan
	printf '%s\n' "${lines[@]}" >three.html
	cmp one.html three.html		# and no plan before or after it
	vt-plan -q --report /dev/null scan >plan
	[ -c /dev/null ]
	vt-plan -q --report >(cat >piped) scan >plan
	look check one.html
}

@test "keys are no markup, and are told byte for byte" {
	{ version '<script>alert(1)</script>' 1073741824
	  version '\"><img src=x onerror=alert(1)>' 2073741824
	  version 'bytes \udcff\udcfe\udc80' 3073741824
	  version 'right \u202ecod.exe \u200b\ufeff' 4073741824
	  version 'tab\tnewline\nbell\u0007' 5073741824
	  version "'&amp;&#60;" 6073741824
	  version "$(head -c 1024 /dev/zero | tr '\0' x)" 7073741824
	} >scan
	vt-plan -q --report out.html scan >plan
	[ "$(wc -l <plan)" -eq 7 ]
	look check out.html
	look text out.html >text
	grep -qF 'b/<script>alert(1)</script>' text
	grep -qF 'b/"><img src=x onerror=alert(1)>' text
	grep -qF 'b/bytes \xff\xfe\x80' text
	grep -qF 'b/right \u202ecod.exe \u200b\ufeff' text
	grep -qF 'b/tab\x09newline\x0abell\x07' text
	grep -qF "b/'&amp;&#60;" text
	grep -qE 'b/x{100,} *… [0-9]+ bytes … *x{50,}' text
}

@test "the command line is told, without the page's name" {
	version a 1073741824 >"it's a scan"
	vt-plan -q --max-usd 5 --report out.html "it's a scan" >plan
	look text out.html >text
	grep -qF "vt-plan -q --max-usd 5 'it'\''s a scan'" text
	run -1 grep -F out.html out.html
	plan=$(jq -r .plan plan) prices=$(jq -r .prices plan)
	grep -qF "$plan" text
	grep -qF "$prices" text
}

@test "P12 a log that covers too little moves nothing and says so" {
	version a 1073741824 | sed 's/"covered_days":200/"covered_days":12/
	    s/"covered_from":"[^"]*"/"covered_from":"2026-07-08T00:00:00Z"/
	    s/"mtime":"[^"]*"/"mtime":"2026-07-08T00:00:00Z"/' >scan
	vt-plan -q --report out.html scan >plan
	[ ! -s plan ]
	look check out.html
	look text out.html >text
	grep -qF 'Nothing moves before it covers 30 days' text
	grep -qF 'the log covers too few days of its life' text
}

@test "what is paid beside the bill is told in the summary's words" {
	version a 107374182400 | sed 's/"reads":0/"reads":9,"bytes_read":900000000000/' >scan
	run -0 --separate-stderr vt-plan --clients internet --report out.html \
	    scan
	said=$(sed -n 's/^vt-plan: beside it/Beside it/p' <<<"$stderr")
	[[ $said == *clients* ]]
	look text out.html >text
	grep -qF "$said" text
}

@test "caps: what is left out stays, and is told" {
	{ version a 1073741824; version c 2073741824; } >scan
	vt-plan -q --max-objects 1 --report out.html scan >plan
	[ "$(wc -l <plan)" -eq 1 ]
	look text out.html >text
	grep -qF 'Beyond the caps of this run' text
}

@test "an empty input makes a page that says so" {
	run -0 --separate-stderr vt-plan --report out.html /dev/null
	look check out.html
	look text out.html >text
	grep -qF 'no objects in the input' text
}

@test "a page that cannot be written: 3, and what was there stays" {
	version a 1073741824 >scan
	run -3 --separate-stderr vt-plan -q --report nowhere/out.html scan
	[[ $stderr == *nowhere/out.html* ]]
	[ "$(jq -r .key <<<"$output")" = a ]	# the plan came all the same
	run -3 --separate-stderr vt-plan -q --report /dev/full scan
	[[ $stderr == */dev/full* ]]
	mkdir folder
	run -3 --separate-stderr vt-plan -q --report folder scan
	[ "$(ls -A folder)" = "" ]
	[ "$(echo [fno]*)" = folder ]	# nothing half-made
}

@test "it is written with the user's mask, and through a link" {
	version a 1073741824 >scan
	(umask 077 && vt-plan -q --report out.html scan >plan)
	[ "$(stat -c %a out.html)" = 600 ]
	mkdir pages
	ln -s pages/real.html link.html
	: >pages/real.html
	vt-plan -q --report link.html scan >plan
	[ -L link.html ]
	cmp link.html pages/real.html
	[ -s pages/real.html ]
}

@test "it belongs to a plan: 2 otherwise" {
	run -2 --separate-stderr vt-plan --report out.html --simulate
	run -2 --separate-stderr vt-plan --report out.html --explain a/b
	[ ! -e out.html ]
}

# What a browser makes of a page: overflow and labels on labels are told.
measure() {
	local width=$1 how=$2 page=$3
	sed 's|</body>|<script>\
	const wide = document.documentElement.scrollWidth;\
	const bad = wide > innerWidth ? [`${wide} wide of ${innerWidth}`] : [];\
	for (const axis of document.querySelectorAll(".xs, .ys")) {\
		const r = [...axis.children].map(e => e.getBoundingClientRect())\
		    .filter(e => e.width > 0);\
		r.forEach((a, i) => r.slice(i + 1).forEach(b => {\
			if (a.left < b.right \&\& b.left < a.right \&\&\
			    a.top < b.bottom \&\& b.top < a.bottom)\
				bad.push("labels overlap");\
		}));\
		r.forEach(a => { if (a.left < 0 \|\| a.right > innerWidth)\
			bad.push("a label is cut off"); });\
	}\
	for (const e of document.querySelectorAll(".bar, .tile dd, td.n"))\
		if (e.offsetWidth > 0 \&\& e.scrollWidth > e.offsetWidth + 1)\
			bad.push(`too wide: ${e.innerText}`);\
	document.title = JSON.stringify([getComputedStyle(document.body)\
	    .backgroundColor, bad]);</script></body>|' "$page" >measured.html
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars \
	    --blink-settings="preferredColorScheme=$how" \
	    --window-size="$width,800" --dump-dom "file://$PWD/measured.html" \
	    2>/dev/null | sed -n 's|.*<title>\(.*\)</title>.*|\1|p'
}

@test "a browser shows it on a phone and on a desk, light and dark" {
	command -v chromium >/dev/null || skip "there is no chromium: NOT CHECKED"
	vt-scan --from csv --history all "$sample" >scan
	vt-plan -q --report ckan.html scan >plan
	{ for i in 1 2 3 4 5 6; do
		version "$(printf '%01000d' $i | tr 0 x)" 9007199254740992
	  done
	  version "$(head -c 1000 /dev/zero | tr '\0' /)" 1
	} >huge
	vt-plan -q --report huge.html huge >plan
	for page in ckan.html huge.html; do
		for width in 360 768 1280; do
			run -0 measure $width 1 $page
			echo "$page $width: $output"
			[ "$output" = '["rgb(255, 255, 255)",[]]' ]
		done
		run -0 measure 360 0 $page
		[ "$output" = '["rgb(20, 23, 26)",[]]' ]
	done
}
