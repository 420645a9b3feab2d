#!/usr/bin/env bats
# Histories of eight clients at work on four keys, held against a store that
# does one thing at a time: tests/history/history.h tells how.
#
#	HISTORIES=2000 bats tests/s3/history.bats	as many as that
#	SEED=n						what the last run told

load ../crash/crash

# histories MODE [OPTION...]: run the program of that name in its own folder.
# What it tells, the seed above all, is shown when a test fails.
histories() {
	unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
	run "$VT_BUILD/tests/histories" "$@" ${SEED:+--seed "$SEED"} \
	    "$BATS_TEST_TMPDIR/histories"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test 'the judge knows right from wrong in histories made by hand' {
	histories selfcheck
	[ "$(grep -c 'can be explained$' <<<"$output")" -eq 8 ]
	[ "$(grep -c -E 'no order explains|goes back' <<<"$output")" -ge 17 ]
}

@test 'a planted fault is found in nine histories of ten' {
	histories planted
	[ "$(grep -c '^planted: .*found in' <<<"$output")" -eq 6 ]
}

@test 'P1 P3 P4 random histories are linearizable, moves and kills beside' {
	histories run --histories "${HISTORIES:-200}"
	[[ $output =~ ([0-9]+)\ moves.*\ ([0-9]+)\ kills ]]
	[ "${BASH_REMATCH[1]}" -gt 0 ]
	[ "${BASH_REMATCH[2]}" -gt 0 ]
}
