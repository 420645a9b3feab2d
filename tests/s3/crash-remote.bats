#!/usr/bin/env bats
# Programs are killed while tiers are on another machine, which is a second
# vt-serve: at random moments, and at each kind of call to it in turn.
#
#	ROUNDS=200 bats tests/s3/crash-remote.bats	as many rounds as that
#	SEED=n					what the last run told

load ../crash/crash

@test "P1 P4 vt-serve killed under load, with tiers on another machine" {
	crash serve --remote --clients 8 --rounds "${ROUNDS:-5}"
}

@test "P2 P4 P5 vt-migrate killed in mid-plan to and from another machine" {
	crash migrate --remote --clients 8 --rounds "${ROUNDS:-5}"
}

@test "P3 a move to another machine never beats a concurrent PUT or DELETE" {
	crash race --remote --clients 8 --seconds 3
}

@test "P2 P3 P4 each kind of call to another machine fails, or kills" {
	crash faults --remote --clients 4 --rounds "${ROUNDS:-32}"
}
