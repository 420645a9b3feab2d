#!/usr/bin/env bats
# Records in binary: the same as lines, in everything that is made of them; and
# never taken for whole when they are not.

load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	# 3,000 objects of some sizes, read often, seldom or not at all
	awk 'BEGIN {
		print "time_s,op,key,size,count"
		for (i = 0; i < 3000; i++)
			printf "%d,PUT,p%d/k%04d,%d,1\n", 1600000000 + i,
			    i % 5, i, 1000 * (1 + i % 997) * (1 + i % 7)
		for (d = 0; d < 200; d++)
			for (i = d % 17; i < 3000; i += 17 + i % 30)
				printf "%d,GET,p%d/k%04d,%d,%d\n",
				    1600010000 + d * 86400, i % 5, i,
				    1000 * (1 + i % 997) * (1 + i % 7),
				    1 + (i + d) % 3
	}' >log.csv
	vt-scan -q --from csv --history all log.csv >lines
	vt-scan -q --from csv --history all --binary log.csv >blocks
}

teardown() {
	serve_stop
}

plan() {
	vt-plan -q --stale-prices "$@"
}

@test "they are the lines again, in less than half the bytes" {
	vt-scan --show blocks >shown
	cmp lines shown
	vt-scan --show - <blocks | cmp - lines
	[ "$(wc -l <lines)" -eq 3000 ]
	[ "$(($(wc -c <blocks) * 2))" -lt "$(wc -c <lines)" ]
}

@test "a plan, a replay and a page are the same of both, byte for byte" {
	plan lines >of_lines
	[ -s of_lines ]
	plan blocks | cmp - of_lines
	plan --threads 1 <blocks | cmp - of_lines
	plan --threads 4 - <blocks | cmp - of_lines
	plan --memory 4M blocks | cmp - of_lines
	plan --simulate --split half --json lines |
	    sed 's/"seconds[a-z_]*":[^,}]*//g' >simulated
	plan --simulate --split half --json blocks |
	    sed 's/"seconds[a-z_]*":[^,}]*//g' | cmp - simulated
	plan --explain log/p1/k0001 lines >explained
	[ -s explained ]
	plan --explain log/p1/k0001 blocks | cmp - explained
	plan --report page.html lines >/dev/null
	mv page.html of_lines.html
	plan --report page.html blocks >/dev/null
	cmp <(sed 's/blocks/lines/g' page.html) of_lines.html
}

@test "a model learned of lines plans blocks, and the other way round" {
	plan --model of_lines.model lines >of_lines
	plan --model of_lines.model blocks 2>err | cmp - of_lines
	plan --model of_blocks.model blocks | cmp - of_lines
	cmp of_lines.model of_blocks.model
	plan --model of_blocks.model lines | cmp - of_lines
	# and what the model plans is what it says
	run -0 --separate-stderr vt-plan --stale-prices --model \
	    of_lines.model blocks
	[[ $stderr == *'by the model of'* ]]
}

@test "lines and blocks, several of them, are one input" {
	sed -n 1,1000p lines >some_lines
	vt-scan -q --from csv --history all --binary \
	    <(grep -v ',p[01]/' log.csv) >some
	cat some some >twice
	plan --explain log/p3/k0003 some_lines some >/dev/null
	[ "$(vt-scan --show twice | wc -l)" -eq \
	    "$(($(vt-scan --show some | wc -l) * 2))" ]
	run -0 --separate-stderr vt-plan --stale-prices some_lines some
	[[ $stderr == *' of 2800 '* || $stderr == *'2800 versions'* ]]
}

@test "records that are cut anywhere are not taken for all there are: 3" {
	size=$(wc -c <blocks)
	for n in 9 32 100 $((size / 2)) $((size - 33)) $((size - 32)) \
	    $((size - 1)); do
		head -c "$n" blocks >cut
		run -3 --separate-stderr plan cut
		[[ $stderr == *cut:*'before their last block'* ]]
		run -3 --separate-stderr vt-scan --show cut
		[[ $stderr == *'before their last block'* ]]
	done
	# no model is learned of a part
	head -c $((size - 32)) blocks >cut
	run -3 plan --model cut.model cut
	[ ! -e cut.model ]
}

@test "a block that was changed proposes nothing: 3" {
	# of what is no stream any more, malformed lines are told
	cp blocks changed
	printf '\125' | dd of=changed bs=1 seek=3 conv=notrunc status=none
	run -1 --separate-stderr plan changed
	[ -z "$output" ]
	for at in 10 20 27 40 5000; do
		cp blocks changed
		printf '\125' | dd of=changed bs=1 seek=$at conv=notrunc \
		    status=none
		run -3 --separate-stderr plan changed
		[ -z "$output" ]
		[[ $stderr == *changed* ]]
	done
	printf '\211vtscan\003%024d' 0 >later
	run -3 --separate-stderr plan later
	[[ $stderr == *'format 3, where 2 is known'* ]]
}

@test "a scan that is killed leaves no end" {
	# more than a pipe holds, and nobody reads on
	mkfifo pipe
	vt-scan -q --from csv --history all --binary log.csv >pipe &
	scan=$!
	head -c 1000 <pipe >head || true
	wait "$scan" || true
	run -3 --separate-stderr vt-scan --show head
	[[ $stderr == *'before their last block'* ]]
}

@test "a server's records, with rules, markers and uploads, both ways" {
	serve_start "$BATS_TEST_TMPDIR"
	vt-put -q --make-bucket log.csv s3://bucket/one
	for i in 1 2 3 4 5 6 7 8 9; do
		echo "$i" | vt-put -q - "s3://bucket/k$i"
	done
	s3curl -f -X PUT "$AWS_ENDPOINT_URL/bucket?versioning=" --data-binary \
	    '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
	printf '%s' '<LifecycleConfiguration><Rule><ID>r</ID>' \
	    '<Status>Enabled</Status><Filter><Prefix>k</Prefix></Filter>' \
	    '<Expiration><Days>1</Days></Expiration></Rule>' \
	    '</LifecycleConfiguration>' >rules
	s3curl -f -X PUT "$AWS_ENDPOINT_URL/bucket?lifecycle=" \
	    --data-binary @rules \
	    -H "Content-MD5: $(openssl md5 -binary <rules | base64)"
	s3curl -f -X DELETE "$AWS_ENDPOINT_URL/bucket/k3"
	serve_stop
	now=2030-01-01T00:00:00Z
	vt-scan -q --data data --now $now >lines
	grep -q '"kind":"bucket"' lines
	grep -q '"kind":"marker"' lines
	vt-scan -q --data data --now $now --binary >blocks
	vt-scan --show blocks | cmp - lines
	plan --data data --now $now lines >of_lines
	grep -q '"action":"expire"' of_lines
	plan --data data --now $now blocks | cmp - of_lines
	plan --data data --now $now --threads 4 blocks | cmp - of_lines
}

@test "wrong command lines: 2; not its records: 3" {
	run -2 --separate-stderr vt-scan --from csv --binary --partial - log.csv
	[[ $stderr == *--partial* ]]
	run -2 --separate-stderr vt-scan --binary --update
	run -2 --separate-stderr vt-scan --show blocks --from csv log.csv
	run -2 --separate-stderr vt-scan --show blocks --binary
	run -3 --separate-stderr vt-scan --show missing
	[[ $stderr == *"'missing'"* ]]
	run -3 --separate-stderr vt-scan --show lines
	[[ $stderr == *'no binary records'* ]]
	# a terminal would show bytes
	run -2 script -qec 'vt-scan --from csv --binary log.csv' /dev/null
	[[ $output == *terminal* ]]
}
