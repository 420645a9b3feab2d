#!/usr/bin/env bats
# The power fails at random moments: what no sync covered is undone, by the
# shim of tests/shim/powercut.c.  ROUNDS and SEED as in crash.bats.

load ../crash/crash

@test "P1 P4 a power cut under load loses and tears nothing acknowledged" {
	crash serve --rounds "${ROUNDS:-10}" --power-cut "$VT_BUILD/tests"
}

@test "P2 P4 P5 a power cut in mid-plan leaves one whole copy of all" {
	crash migrate --rounds "${ROUNDS:-10}" --power-cut "$VT_BUILD/tests"
}

@test "P1 a disk that lies about syncs of files would be noticed" {
	POWERCUT_LIE=file crash_status=1 \
	    crash serve --rounds 5 --power-cut "$VT_BUILD/tests"
	[[ $output == *FAIL* ]]
}

@test "P1 a disk that lies about syncs of directories would be noticed" {
	POWERCUT_LIE=dir crash_status=1 \
	    crash serve --rounds 5 --power-cut "$VT_BUILD/tests"
	[[ $output == *FAIL* ]]
}
