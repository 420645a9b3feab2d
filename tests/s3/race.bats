#!/usr/bin/env bats
# Clients write, delete and read the very objects that two plans move between
# four tiers at the same time, with the collector behind them.  SECS=n for
# longer, SEED=n for the same again.

load ../crash/crash

@test "P3 a move never beats a concurrent PUT" {
	crash race --clients 8 --seconds "${SECS:-10}"
	# There was a race, and both sides won at times.
	[[ $output =~ race:\ ([0-9]+)\ moved,\ ([0-9]+)\ skipped ]]
	[ "${BASH_REMATCH[1]}" -gt 0 ]
	[ "${BASH_REMATCH[2]}" -gt 0 ]
}
