# What the tests over crashload share: `load ../crash/crash`.  The programs
# under test are the first in PATH; VT_BUILD is where the Makefile built
# tests/crashload, and tests/powercut.so with tests/powercut_apply.

bats_require_minimum_version 1.5.0

: "${VT_BUILD:=$BATS_TEST_DIRNAME/../../build/release}"

# crash MODE [OPTION...]: run crashload, which makes its own folder and ends
# what it started; crash_status is what it is to exit with.  What it tells,
# the seed above all, is shown when a test fails.
crash() {
	unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
	run "$VT_BUILD/tests/crashload" "$@" ${SEED:+--seed "$SEED"} \
	    "$BATS_TEST_TMPDIR/crash"
	echo "$output"
	[ "$status" -eq "${crash_status:-0}" ]
}
