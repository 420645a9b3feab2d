#!/usr/bin/env bats
# Programs are killed at random moments under load, and what they leave is
# looked at: tests/crash/crash.h tells how.
#
#	ROUNDS=200 bats tests/s3/crash.bats	as many kills as that
#	SEED=n					what the last run told

load ../crash/crash

@test "P1 P4 vt-serve killed under load loses and tears nothing acknowledged" {
	crash serve --rounds "${ROUNDS:-30}"
}

@test "P2 P4 P5 vt-migrate killed in mid-plan leaves one whole copy of all" {
	crash migrate --rounds "${ROUNDS:-30}"
}

@test "P1 P2 P4 losses, rot and leaks would be noticed" {
	crash selfcheck
	[ "$(grep -c '^noticed' <<<"$output")" -ge 12 ]
}
