#!/usr/bin/env bats
# The shims that other tests lean on: do failio and powercut do what they say?

bats_require_minimum_version 1.5.0

setup_file() {
	local top cflags lib

	top="$BATS_TEST_DIRNAME/../.."
	export SHIM="$BATS_FILE_TMPDIR/bin"
	cflags=(-std=c11 -D_GNU_SOURCE -O1 -g -I.)
	mkdir -p "$SHIM"
	cd "$top" || return
	cc "${cflags[@]}" -shared -fPIC -o "$SHIM/failio.so" \
	    tests/shim/failio.c -ldl
	cc "${cflags[@]}" -shared -fPIC -o "$SHIM/powercut.so" \
	    tests/shim/powercut.c -ldl -lpthread
	cc "${cflags[@]}" -o "$SHIM/powercut-apply" tests/shim/powercut_apply.c
	# A sanitizer wants to be loaded before any shim: then build anew.
	lib=("${VT_BUILD:-build/release}/libvt.a")
	if [ ! -e "${lib[0]}" ] || nm "${lib[0]}" | grep -q '__[at]san_'; then
		lib=(libvt/base/*.c libvt/proto/*.c libvt/store/backend*.c)
	fi
	# shellcheck disable=SC2046
	cc "${cflags[@]}" -o "$SHIM/actor" tests/shim/actor.c "${lib[@]}" \
	    $(pkg-config --cflags --libs libcurl libcrypto jansson libzstd \
	    sqlite3 libarchive expat libisal) -lpthread -lm
}

setup() {
	export POWERCUT_FAST=1
	ROOT="$BATS_TEST_TMPDIR/root"
	JOURNAL="$BATS_TEST_TMPDIR/journal"
	mkdir "$ROOT" "$JOURNAL"
	cd "$ROOT" || return
}

# Run the actor under failio; $1 is the environment, with spaces between.
# Behind it lies powercut, whose syncs cost nothing.
failio() {
	local vars=$1
	shift
	# shellcheck disable=SC2086
	env LD_PRELOAD="$SHIM/failio.so:$SHIM/powercut.so" \
	    POWERCUT_ROOT="$ROOT" POWERCUT_JOURNAL="$JOURNAL" \
	    $vars "$SHIM/actor" "$@"
}

# Run the actor under powercut.
act() {
	env LD_PRELOAD="$SHIM/powercut.so" POWERCUT_ROOT="$ROOT" \
	    POWERCUT_JOURNAL="$JOURNAL" "$SHIM/actor" "$@"
}

# Cut the power and see what is left.
cut_power() {
	"$SHIM/powercut-apply" "$@" "$JOURNAL"
}

# What the root holds: one "name=contents" a line, sorted.
left() {
	(cd "$ROOT" && find . -type f -printf '%P\n' | sort |
	    while read -r f; do echo "$f=$(cat "$f")"; done)
}

# --- failio -----------------------------------------------------------------

@test "failio: nothing is asked, nothing fails" {
	run -0 failio "X=1" write a hello fsync a
	[ "$(cat a)" = hello ]
}

@test "failio: the n-th call fails, with the errno asked for" {
	run -1 --separate-stderr failio \
	    "FAILIO_OP=write FAILIO_AT=2 FAILIO_ERRNO=ENOSPC" \
	    write a one write b two
	[ "$stderr" = "actor: b: No space left on device" ]
	[ "$(cat a)" = one ]
	[ ! -s b ]
}

@test "failio: every kind of call can fail" {
	echo x >f
	for try in open:create,a read:read,f write:write,a,x pwrite:pwrite,f,0,y \
	    fsync:fsync,f fdatasync:fdatasync,f truncate:truncate,f,0 \
	    rename:rename,f,g unlink:unlink,f mkdir:mkdir,d \
	    chmod:chmod,f,600 setxattr:setxattr,f,v malloc:alloc,123456; do
		IFS=, read -r -a words <<<"${try#*:}"
		run -1 --separate-stderr failio \
		    "FAILIO_OP=${try%%:*} FAILIO_AT=1 FAILIO_ERRNO=EDQUOT \
		    FAILIO_START=$ROOT/f" read "$ROOT/f" "${words[@]}"
		[[ $stderr == "actor: "*": Disk quota exceeded" ]] ||
		    [ "$stderr" = "actor: alloc: Cannot allocate memory" ]
		rm -f a
	done
	[ "$(cat f)" = x ]
}

@test "failio: a path narrows it, a log tells it" {
	run -1 --separate-stderr failio \
	    "FAILIO_OP=io FAILIO_AT=2 FAILIO_PATH=$ROOT/b FAILIO_LOG=$ROOT/../log" \
	    write a one fsync a write b two fsync b
	[ "$(cat ../log)" = "write 2 $ROOT/b" ]
	run -0 failio "FAILIO_OP=io FAILIO_AT=9 FAILIO_PATH=$ROOT/c \
	    FAILIO_LOG=$ROOT/../none" write a one
	[ ! -e ../none ]
}

@test "failio: sticky fails on, short moves half" {
	run -1 failio "FAILIO_OP=unlink FAILIO_AT=1 FAILIO_STICKY=1" unlink a
	run -1 --separate-stderr failio \
	    "FAILIO_OP=write FAILIO_AT=1 FAILIO_ERRNO=SHORT" write a 12345678
	[ "$stderr" = "actor: a: short write" ]
	[ "$(cat a)" = 1234 ]
}

@test "failio: no put of a blob survives half, whatever fails" {
	touch start
	for op in io malloc; do
		for at in $(seq 1 60); do
			rm -rf log blobs
			run --separate-stderr failio \
			    "FAILIO_OP=$op FAILIO_AT=$at FAILIO_LOG=log \
			    FAILIO_START=$ROOT/start" \
			    read "$ROOT/start" puts file:blobs 1 3 1
			[ "$status" -le 1 ]
			[ -e log ] || break
			rm -f log
			told=$(printf '%s' "$output" | grep -c . || true)
			# Metadata goes beside when the attribute fails.
			found=$(find blobs -type f ! -name '*.vtm' \
			    2>/dev/null | grep -c . || true)
			[ "$told" -eq "$found" ]
			"$SHIM/actor" gets file:blobs <<<"$output"
		done
		[ "$at" -gt 5 ]
	done
}

# --- powercut: files ----------------------------------------------------------

@test "powercut: data without fsync is lost" {
	act write a hello fsync . kill || true
	run -0 cut_power
	[ "$(left)" = "a=" ]
}

@test "powercut: data with fsync but no entry sync is lost as well" {
	act write a hello fsync a kill || true
	run -0 cut_power
	[ "$(left)" = "" ]
}

@test "powercut: both syncs, and it stays" {
	act write a hello fsync a fsync . kill || true
	run -0 cut_power
	[ "$(left)" = "a=hello" ]
}

@test "powercut: the order of the two syncs is no matter" {
	act write a hello fsync . fdatasync a kill || true
	run -0 cut_power
	[ "$(left)" = "a=hello" ]
}

@test "powercut: what comes after a sync is lost" {
	act write a hello fsync a fsync . pwrite a 0 J append a ' world' kill ||
	    true
	[ "$(cat a)" = "Jello world" ]
	run -0 cut_power
	[ "$(left)" = "a=hello" ]
	act pwrite a 1 u fsync a pwrite a 4 y kill || true
	[ "$(cat a)" = "hully" ]
	run -0 cut_power
	[ "$(left)" = "a=hullo" ]
}

@test "powercut: what was there before is safe" {
	echo -n old >a
	act write b new kill || true
	run -0 cut_power
	[ "$(left)" = "a=old" ]
	act pwrite a 0 NEW append a er kill || true
	run -0 cut_power
	[ "$(left)" = "a=old" ]
}

@test "powercut: truncation and emptying" {
	echo -n 0123456789 >a
	echo -n 0123456789 >b
	echo -n 0123456789 >c
	act truncate a 3 empty b truncate c 4 fsync c truncate c 20 kill || true
	[ "$(cat a)" = 012 ]
	run -0 cut_power
	[ "$(left)" = "$(printf 'a=0123456789\nb=0123456789\nc=0123')" ]
}

@test "powercut: large overwrites come back whole" {
	head -c 5000000 /dev/urandom >a
	cp a ../copy
	act truncate a 10 append a hello truncate a 4000000 kill || true
	run -0 cut_power
	cmp a ../copy
}

@test "powercut: a rename without a sync is undone" {
	act write a one fsync a write b two fsync b fsync . rename a b kill || true
	[ "$(left)" = "b=one" ]
	run -0 cut_power
	[ "$(left)" = "$(printf 'a=one\nb=two')" ]
	act rename a b fsync . kill || true
	run -0 cut_power
	[ "$(left)" = "b=one" ]
}

@test "powercut: write a temporary file, rename, no sync of the directory" {
	echo -n old >a
	act temp a new kill || true
	[ "$(left)" = "a=new" ]
	run -0 cut_power
	[ "$(left)" = "a=old" ]
	act temp a new fsync . kill || true
	run -0 cut_power
	[ "$(left)" = "a=new" ]
}

@test "powercut: an unlink without a sync is undone" {
	act write a one fsync a fsync . unlink a kill || true
	[ "$(left)" = "" ]
	run -0 cut_power
	[ "$(left)" = "a=one" ]
	act unlink a fsync . kill || true
	run -0 cut_power
	[ "$(left)" = "" ]
}

@test "powercut: unlinked and made again" {
	act write a one fsync a fsync . unlink a write a two fsync a kill || true
	[ "$(left)" = "a=two" ]
	run -0 cut_power
	[ "$(left)" = "a=one" ]
}

@test "powercut: links and unnamed files" {
	act write a one fsync a fsync . link a b kill || true
	run -0 cut_power
	[ "$(left)" = "a=one" ]
	act tmpfile . c three kill || true
	[ "$(left)" = "$(printf 'a=one\nc=three')" ]
	run -0 cut_power
	[ "$(left)" = "a=one" ]
	act tmpfile . c three link a b fsync . kill || true
	run -0 cut_power
	[ "$(left)" = "$(printf 'a=one\nb=one\nc=three')" ]
}

@test "powercut: directories" {
	act mkdir d write d/a one fsync d/a fsync d kill || true
	run -0 cut_power
	[ ! -e d ]
	act mkdir d fsync . write d/a one fsync d/a fsync d mkdir d/e kill || true
	run -0 cut_power
	[ "$(left)" = "d/a=one" ]
	[ ! -e d/e ]
	act unlink d/a rmdir d kill || true
	[ ! -e d ]
	run -0 cut_power
	[ "$(left)" = "d/a=one" ]
	act rename d f write f/b two fsync f/b fsync f kill || true
	run -0 cut_power
	[ "$(left)" = "$(printf 'd/a=one\nd/b=two')" ]
	act unlink d/a unlink d/b fsync d rmdir d fsync . kill || true
	run -0 cut_power
	[ ! -e d ]
}

@test "powercut: fdatasync keeps neither mode nor attributes, fsync does" {
	touch a
	chmod 600 a
	"$SHIM/actor" setxattr a old || skip "no attributes here"
	act chmod a 644 setxattr a new fdatasync a kill || true
	[ "$(stat -c %a a)" = 644 ]
	run -0 cut_power
	[ "$(stat -c %a a)" = 600 ]
	[ "$("$SHIM/actor" getxattr a)" = old ]
	act chmod a 644 setxattr a new fsync a kill || true
	run -0 cut_power
	[ "$(stat -c %a a)" = 644 ]
	[ "$("$SHIM/actor" getxattr a)" = new ]
}

@test "powercut: cut at the n-th change" {
	for at in 1 2 3 4 5 6; do
		rm -f a
		POWERCUT_AT=$at act write a hello fsync a fsync . || true
		run -0 cut_power
		# Entry, inode, write, sync, sync: at 6 nothing is cut.
		case $at in
		[1-5]) [ "$(left)" = "" ] ;;
		6) [ "$(left)" = "a=hello" ] ;;
		esac
	done
}

@test "powercut: the journal outlives a kill without a cut" {
	act write a one kill || true
	act write b two fsync . kill || true
	run -0 cut_power
	[ "$(left)" = "$(printf 'a=\nb=')" ]
	run -0 cut_power
	[ "$output" = "nothing happened since the last power cut" ]
}

@test "powercut: not while a program lives" {
	mkfifo ../fifo
	act read ../fifo &
	until [ -e "$JOURNAL/log" ]; do sleep 0.01; done
	run -4 --separate-stderr cut_power
	[ "$stderr" = "powercut-apply: a program is still alive" ]
	echo >../fifo
	wait
}

@test "powercut: a disk that lies is found out" {
	POWERCUT_LIE=file act write a hello fsync a fsync . kill || true
	run -0 cut_power
	[ "$(left)" = "a=" ]
	POWERCUT_LIE=dir act write b hello fsync b fsync . kill || true
	run -0 cut_power
	[ "$(left)" = "a=" ]
}

@test "powercut: chance is repeatable, and spares what is synced" {
	seen=""
	for seed in 1 2 3 4 5 6 7 8; do
		for again in 1 2; do
			rm -rf "$ROOT" && mkdir "$ROOT" && cd "$ROOT"
			act write s safe fsync s fsync . write a one \
			    fsync a write b two append s r rename a c kill ||
			    true
			run -0 cut_power -s "$seed"
			[ "$again" = 2 ] || first=$(left)
		done
		# The inodes differ, the log does not.
		[ "$(left)" = "$first" ]
		[[ $first == *s=safe* ]]
		seen="$seen|$first"
	done
	[[ $seen == *c=one* && $seen == *b=* && $seen == *safer* ]]
}

@test "powercut: with chance a write is torn" {
	head -c 8192 /dev/zero | tr '\0' a >a
	text=$(head -c 8192 /dev/zero | tr '\0' b)
	act pwrite a 0 "$text" kill || true
	run -0 cut_power -s 3
	[ "$(stat -c %s a)" = 8192 ]
	grep -q a a
	grep -q b a
}

# --- powercut: SQLite ---------------------------------------------------------

sqlite_rows() {
	act sql db "PRAGMA journal_mode=WAL; PRAGMA synchronous=$1;
	    PRAGMA wal_autocheckpoint=$2; CREATE TABLE IF NOT EXISTS
	    t(id INTEGER PRIMARY KEY, x)" rows db "$3" kill
}

@test "powercut: SQLite with synchronous=FULL keeps what it said" {
	run sqlite_rows FULL 1000 50
	[ "${lines[-1]}" = 50 ]
	run -0 cut_power
	[ ! -e db-shm ]
	run -0 "$SHIM/actor" count db
	[ "$output" = "$(printf 'ok\n50\n50')" ]
}

@test "powercut: with synchronous=OFF it does not: the shim can fail" {
	run sqlite_rows OFF 1000 50
	[ "${lines[-1]}" = 50 ]
	run -0 cut_power
	run "$SHIM/actor" count db
	[ "$output" != "$(printf 'ok\n50\n50')" ]
}

@test "powercut: with synchronous=NORMAL it loses rows and stays whole" {
	sqlite_rows FULL 1000 1 || true
	cut_power
	act sql db "PRAGMA synchronous=NORMAL; DELETE FROM t" rows db 50 kill ||
	    true
	run -0 cut_power
	run -0 "$SHIM/actor" count db
	[ "$output" = "$(printf 'ok\n1\n1')" ]
}

@test "powercut: SQLite survives a cut at any change, torn writes and all" {
	for at in 1 5 11 16 23 37 51 77 98 131 170 222 301; do
		rm -rf "$ROOT" && mkdir "$ROOT" && cd "$ROOT"
		POWERCUT_AT=$at run sqlite_rows FULL 4 40
		told=$(grep -c '^[0-9]' <<<"$output" || true)
		if [ $((at % 2)) = 0 ]; then
			run -0 cut_power
		else
			run -0 cut_power -s "$at"
		fi
		[ -s db ] || { [ "$told" = 0 ] && continue; }
		run "$SHIM/actor" count db
		[ "$told" = 0 ] || [ "$status" = 0 ]
		[ "$status" != 0 ] || [ "${lines[0]}" = ok ]
		# One more may have reached the disk before it was told.
		[ "$told" = 0 ] || [ "${lines[2]}" = "$told" ] ||
		    [ "${lines[2]}" = $((told + 1)) ]
	done
	[ "$told" = 40 ]
}

# --- powercut: blobs ----------------------------------------------------------

@test "powercut: every blob that was told is whole after any cut" {
	for at in 1 4 9 15 33 60 101 170 260 401 700 1000; do
		rm -rf "$ROOT" && mkdir "$ROOT" && cd "$ROOT"
		POWERCUT_AT=$at run act puts file:blobs 250 60 8
		if [ $((at % 2)) = 0 ]; then
			run_cut=(cut_power)
		else
			run_cut=(cut_power -s "$at")
		fi
		told=$output
		run -0 "${run_cut[@]}"
		[ -z "$told" ] || "$SHIM/actor" gets file:blobs <<<"$told"
	done
	[ "$(grep -c . <<<"$told")" = 60 ]
}

@test "powercut: two programs on one root die together" {
	POWERCUT_AT=900 act puts file:blobs 0 2000 4 >../one 2>/dev/null &
	POWERCUT_AT=900 act puts file:blobs 5000 2000 4 >../two 2>/dev/null &
	wait
	run -0 cut_power
	[[ $output == "899 records:"* ]]
	cat ../one ../two >../both
	[ -s ../both ]
	"$SHIM/actor" gets file:blobs <../both
}

@test "powercut: blobs on a disk that lies are lost: the shim can fail" {
	for lie in file dir; do
		rm -rf "$ROOT" && mkdir "$ROOT" && cd "$ROOT"
		POWERCUT_LIE=$lie run act puts file:blobs 0 10 1 kill
		told=$output
		run -0 cut_power
		run -1 "$SHIM/actor" gets file:blobs <<<"$told"
	done
}
