#!/usr/bin/env bats
# Tiers at Azure and Google: what only their drivers have, and objects that
# vt-serve keeps there and vt-migrate brings there.  Azurite and
# fake-gcs-server play the two, once scripts/contract has fetched them.

load s3

# standin NAME: start it; its variables are in $BATS_FILE_TMPDIR/NAME.out.
standin() {
	local dir=$BATS_FILE_TMPDIR/$1
	mkdir -p "$dir"
	"$BATS_TEST_DIRNAME/../../scripts/standins/$1" "$dir" \
	    >"$BATS_FILE_TMPDIR/$1.out" 2>"$BATS_FILE_TMPDIR/$1.err" \
	    </dev/null 3>&- 4>&- &
	echo $! >"$BATS_FILE_TMPDIR/$1.pid"
	until grep -q '^READY=1$' "$BATS_FILE_TMPDIR/$1.out"; do
		kill -0 "$(cat "$BATS_FILE_TMPDIR/$1.pid")" 2>/dev/null ||
		    return 1
		sleep 0.1
	done
}

# variable NAME VARIABLE: of a stand-in
variable() {
	(. "$BATS_FILE_TMPDIR/$1.out" && eval "echo \$$2")
}

setup_file() {
	local data=$BATS_FILE_TMPDIR/data n
	mkdir -p "$data"
	for n in azurite fake-gcs; do
		"$BATS_TEST_DIRNAME/../../scripts/standins/$n" --ready || {
			echo "not there: scripts/contract $n fetches it" \
			    >"$BATS_FILE_TMPDIR/none"
			return 0
		}
	done
	standin azurite
	standin fake-gcs
	(umask 077
	printf '[storage]\naccount = %s\nkey = %s\n' \
	    "$(variable azurite VT_TEST_KEY)" \
	    "$(variable azurite VT_TEST_SECRET)" >"$data/azure")
	cat >"$data/vaultaire.json" <<-END
	{"gc_interval": "50ms", "grace": "0", "tiers": [
		{"name": "hot", "url": "file:tiers/hot",
		 "storage_class": "STANDARD", "inline": true},
		{"name": "cool", "url": "azure://vt-serve/cool",
		 "endpoint": "$(variable azurite VT_TEST_ENDPOINT)",
		 "credentials": "azure", "profile": "storage",
		 "object_class": "Cool", "storage_class": "STANDARD_IA"},
		{"name": "gcs", "url": "gcs://vt-serve/near",
		 "endpoint": "$(variable fake-gcs VT_TEST_ENDPOINT)",
		 "object_class": "NEARLINE", "part_size": "5M",
		 "storage_class": "GLACIER_IR"},
		{"name": "deep", "url": "azure://vt-serve/deep",
		 "endpoint": "$(variable azurite VT_TEST_ENDPOINT)",
		 "credentials": "azure", "profile": "storage",
		 "object_class": "Archive", "restore_delay": "1ms",
		 "storage_class": "DEEP_ARCHIVE"}]}
	END
	serve_start "$BATS_FILE_TMPDIR"
}

teardown_file() {
	local n
	[ -e "$BATS_FILE_TMPDIR/none" ] || serve_stop
	for n in azurite fake-gcs; do
		[ ! -e "$BATS_FILE_TMPDIR/$n.pid" ] ||
		    kill "$(cat "$BATS_FILE_TMPDIR/$n.pid")" 2>/dev/null || :
	done
	[ -e "$BATS_FILE_TMPDIR/none" ] || serve_said "$BATS_FILE_TMPDIR"
}

setup() {
	[ ! -e "$BATS_FILE_TMPDIR/none" ] ||
	    skip "$(cat "$BATS_FILE_TMPDIR/none")"
	W=$BATS_TEST_TMPDIR
	B=t$BATS_TEST_NUMBER-$$-$RANDOM
	s3 PUT "/$B"
	code 200
}

# move KEY TIER
move() {
	(cd "$SERVE_DIR" && moves "$2") | grep -F "\"$B\"" |
	    grep -F "\"$1\"" >"$W/plan"
	vt-migrate --data "$SERVE_DIR/data" --quiet "$W/plan"
}

# The test of Azure's driver over Azurite.
at_azure() {
	(set -a
	. "$BATS_FILE_TMPDIR/azurite.out"
	exec "$VT_BUILD/unit/test_azure" "$@")
}

same() {
	cmp "$W/in" "$W/body"
}

@test "azure: tiers, restores, SAS, refusals" {
	run -0 at_azure
	[[ $output == *"1.."* ]]
	[[ $output != *SKIP* ]]
}

@test "an object on each tier: put, ranges, headers, deleted" {
	local class n=0
	head -c 12000000 /dev/urandom >"$W/in"
	for class in STANDARD_IA GLACIER_IR; do
		for size in 5 12000000; do
			head -c "$size" "$W/in" >"$W/part"
			put_file "k/$class-$size%20%C3%A4" "$W/part" \
			    -H "x-amz-storage-class: $class" \
			    -H 'x-amz-meta-a: b'
			code 200
			is "$(h ETag)" "\"$(md5 "$W/part")\""
			s3 GET "/$B/k/$class-$size%20%C3%A4"
			code 200
			cmp "$W/part" "$W/body"
			is "$(h x-amz-meta-a)" b
			s3 GET "/$B/k/$class-$size%20%C3%A4" \
			    -H 'Range: bytes=2-4'
			code 206
			cmp <(tail -c +3 "$W/part" | head -c 3) "$W/body"
			s3 DELETE "/$B/k/$class-$size%20%C3%A4"
			code 204
			n=$((n + 1))
		done
	done
	is "$n" 4
}

@test "moves between disk, Azure and Google keep every byte" {
	local to
	head -c 11000000 /dev/urandom >"$W/in"
	put_file big "$W/in" -H 'Content-Type: text/x-a' -H 'x-amz-meta-a: b'
	code 200
	s3 HEAD "/$B/big"
	modified=$(h Last-Modified)
	for to in cool gcs cool hot; do
		move big "$to"
		s3 GET "/$B/big"
		code 200
		same
		is "$(h Content-Type)" text/x-a
		is "$(h x-amz-meta-a)" b
		is "$(h Last-Modified)" "$modified"
	done
}

@test "an object in Azure's archive is restored and read" {
	head -c 300000 /dev/urandom >"$W/in"
	put_file cold "$W/in" -H 'x-amz-storage-class: DEEP_ARCHIVE'
	code 200
	s3 GET "/$B/cold"
	code 403 InvalidObjectState
	s3 POST "/$B/cold?restore=" --data-binary \
	    '<RestoreRequest><Days>1</Days></RestoreRequest>'
	code 202
	wait_until readable cold
	same
	# the copy that Azure brought back is gone: hot, it would cost
	wait_until restored_copies 0
}

readable() {
	s3 GET "/$B/$1"
	[ "$st" = 200 ]
}

restored_copies() {
	run -0 at_azure azure://vt-serve/deep/.vtr
	[ "$output" = "$1" ]
}
