#!/usr/bin/env bats
# vt-plan's prices: which file, how old, refused in which words.

load helper

# object KEY SIZE [FIELDS]: a version from 2026-03-05 to 2026-09-21
object() {
	printf '{"v":1,"bucket":"b","key":"%s","version":"","seq":1,' "$1"
	printf '"generation":1,"size":%s,"tier":"hot","copy":1,' "$2"
	printf '"mtime":"2026-03-05T00:00:00Z",'
	printf '"copy_since":"2026-03-05T00:00:00Z","stored_bytes":%s,' "$2"
	printf '"covered_from":"2026-03-05T00:00:00Z",'
	printf '"covered_to":"2026-09-21T00:00:00Z","covered_days":200%s}\n' \
	    "${3:+,$3}"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	object big 1073741824 >scan
	good=$BATS_TEST_DIRNAME/../data/prices.json
	shipped=$BATS_TEST_DIRNAME/../../scripts/prices
}

@test "a price file by name, by path, by configuration" {
	run -0 --separate-stderr vt-plan --prices gcs-us-central1 --simulate \
	    scan
	[[ $output == *"Prices: Google Cloud Storage us-central1, "* ]]
	[[ $output == *AUTOCLASS* ]]
	cp "$shipped/wasabi.json" mine
	run -0 --separate-stderr vt-plan --prices mine --simulate scan
	[[ $output == *"Prices: Wasabi"* ]]
	run -0 --separate-stderr vt-plan --prices "$good" --simulate scan
	[[ $output == *"Prices: Test nowhere, 2026-01-01"* ]]
	run -3 --separate-stderr vt-plan --prices gcs-us-central-1 scan
	[[ $stderr == *"'gcs-us-central-1'"*--list-prices* ]]
	run -3 --separate-stderr vt-plan --prices ./gcs-us-central1 scan
}

@test "a file that is here goes before one that is shipped" {
	cp "$good" wasabi
	run -0 --separate-stderr vt-plan --prices wasabi --simulate scan
	[[ $output == *"Prices: Test nowhere"* ]]
}

@test "every shipped file plans" {
	for f in "$shipped"/*.json; do
		f=${f##*/}
		run -0 --separate-stderr vt-plan --prices "${f%.json}" \
		    --simulate scan
	done
}

@test "the list: names that --prices takes, as text and as JSON" {
	run -0 --separate-stderr vt-plan --list-prices
	[ -z "$stderr" ]
	[[ $output == *"gcs-us-central1 "* ]]
	[ "$(grep -c days <<<"$output")" -eq "$(ls "$shipped" | wc -l)" ]
	run -0 --separate-stderr vt-plan --list-prices --json
	[ "${#lines[@]}" -eq "$(ls "$shipped" | wc -l)" ]
	python3 -c 'import json,sys
for l in sys.stdin:
	p = json.loads(l)
	assert p["classes"] and len(p["date"]) == 10, p' <<<"$output"
	mkdir -p share/prices
	cp "$good" share/prices/test.json
	echo '{"v":1}' >share/prices/broken.json
	VAULTAIRE_SHARE=$PWD/share run -1 --separate-stderr vt-plan \
	    --list-prices
	[[ ${lines[0]} == "test "*"2026-01-01"* ]]
	[[ $stderr == *broken.json* ]]
}

@test "prices too old for the log are refused, unless asked" {
	run -3 --separate-stderr vt-plan --prices "$good" \
	    --prices-max-age 262d scan
	[[ $stderr == *"figures are of 2026-01-01, 263 days old, more than 262: use newer ones, or --stale-prices"* ]]
	[ -z "$output" ]
	run -0 --separate-stderr vt-plan --prices "$good" \
	    --prices-max-age 262d --stale-prices scan
	[[ $stderr == *"263 days old, more than 262"* ]]
	[ "${#lines[@]}" -eq 1 ]
	run -0 --separate-stderr vt-plan --prices "$good" \
	    --prices-max-age 263d scan
	[[ $stderr == *"the prices (Test nowhere, 2026-01-01) are 263 days old"* ]]
	# as of the day planned for, and no word while they are fresh
	run -0 --separate-stderr vt-plan --prices "$good" \
	    --prices-max-age 263d --now 2026-04-30T00:00:00Z scan
	[[ $stderr != *"days old"* ]]
	run -2 --separate-stderr vt-plan --prices-max-age old scan
}

@test "a date to come is refused, and no word helps" {
	sed 's/2026-01-01/2999-01-01/' "$good" >ahead
	run -3 --separate-stderr vt-plan --prices ahead --stale-prices scan
	[[ $stderr == *"'ahead': it is dated 2999-01-01, which is to come"* ]]
}

@test "an incomplete file: which file, which entry, which field" {
	sed 's/"get_1000"/"get_100"/' "$good" >bad
	run -3 --separate-stderr vt-plan --prices bad scan
	[[ $stderr == *"price file 'bad': HOT: unknown field 'get_100' in 'class'"* ]]
	grep -v '"retrieval_gb": {"usd": 0.01' "$good" >bad
	run -3 --separate-stderr vt-plan --prices bad scan
	[[ $stderr == *"price file 'bad': WARM: 'retrieval_gb' is missing"* ]]
}

@test "what lies there decides the band, which speed the restore" {
	# read once, on 2026-05-27
	object big 1000000000 '"h":[[20600,1,1000000000]]' >scan
	run -0 --separate-stderr vt-plan --prices "$good" --explain b/big scan
	one=$output
	grep -q 'hot  *0\.03 ' <<<"$one"
	run -0 --separate-stderr vt-plan --prices "$good" --explain b/big \
	    --volume hot=1000000000000 scan
	grep -q 'hot  *0\.015 ' <<<"$output"
	run -2 --separate-stderr vt-plan --prices "$good" \
	    --volume attic=1T scan
	[[ $stderr == *"--volume: no tier 'attic'"* ]]
	run -2 --separate-stderr vt-plan --prices "$good" --volume hot scan
	run -0 --separate-stderr vt-plan --prices "$good" --explain b/big \
	    --restore-speed bulk scan
	[ "$output" != "$one" ]
	run -3 --separate-stderr vt-plan --prices "$good" \
	    --restore-speed soon scan
	[[ $stderr == *"tier 'archive'"*"'soon'"* ]]
}

# tier NAME URL PRICE [FIELDS]: an entry of a configuration
tier() {
	printf '{"name":"%s","url":"%s","price":"%s","storage_class":"%s"' \
	    "$1" "$2" "$3" "$3"
	printf ',"location":"aws-us-east-1"%s}' "${4:+,$4}"
}

# cost_of URL [FIELDS]: of moving a GiB from hot to an archive there, as planned
cost_of() {
	printf '{"location":"aws-us-east-1","price_file":"%s","tiers":[%s,%s]}' \
	    "$shipped/aws-us-east-1.json" "$(tier hot file:hot STANDARD)" \
	    "$(tier archive "$1" "${2:-GLACIER_IR}" "${3-}")" >vaultaire.json
	vt-plan -q --engines work --config vaultaire.json --allow-restore scan |
	    python3 -c 'import json,sys
for l in sys.stdin: print(json.loads(l)["cost_usd"])'
}

@test "what is large is priced in the parts that its tier takes" {
	# a GET of 4e-7, a PUT of 2e-5; 63 parts more and two requests beside
	[ "$(cost_of file:cold)" = 2.04e-05 ]
	[ "$(cost_of gcs://bucket)" = 2.04e-05 ]
	[ "$(cost_of s3://bucket)" = 0.0013204 ]
	[ "$(cost_of azure://bucket)" = 0.0013004 ]
	[ "$(cost_of s3://bucket GLACIER_IR '"part_size":"256M"')" = \
	    0.0001204 ]
	# of this class only the end is at its own price
	[ "$(cost_of s3://bucket DEEP_ARCHIVE)" = 0.0003754 ]
	# without a configuration nobody knows
	[ "$(vt-plan -q --engines work scan |
	    grep -o '"cost_usd":[^,]*')" = '"cost_usd":0.0000204' ]
}

@test "beside the bill: what is fixed, what clients read" {
	# 100 GB read once in 200 days are 15 a month, at 0.09
	object big 100000000000 '"bytes_read":100000000000' >scan
	run -0 --separate-stderr vt-plan --prices "$good" scan
	[[ $stderr == *"beside it 30.00 dollars a month for machine"* ]]
	[[ $stderr == *"beside it 6.00 dollars a month for disk"* ]]
	[[ $stderr != *clients* ]]
	run -0 --separate-stderr vt-plan --prices "$good" \
	    --clients internet scan
	[[ $stderr == *"beside it 1.35 dollars a month for 14.0 GiB that clients at 'internet' read"* ]]
	run -3 --separate-stderr vt-plan --prices "$good" --clients mars scan
	[[ $stderr == *"from 'here' to 'mars'"* ]]
}

@test "the example of vt-prices(5) is one" {
	sed -n '/^\.Sh EXAMPLES/,/^\.Ed/p' \
	    "$BATS_TEST_DIRNAME/../../man/vt-prices.5" | sed '/^\./d; 1d' \
	    >example
	sed -i '/^Two kinds/d' example	# the line before it
	run -0 --separate-stderr vt-plan --prices example --simulate scan
	[[ $output == *"Prices: us the cellar, 2026-11-25"* ]]
}
