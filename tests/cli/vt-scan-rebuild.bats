#!/usr/bin/env bats
# P11: a lost catalog comes back from its newest snapshot and the tiers, and
# objects from the tiers alone.

load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir data
	cat >data/vaultaire.json <<-'END'
	{ "tiers": [
	  { "name": "hot", "url": "file:tiers/hot", "storage_class": "STANDARD",
	    "price": "STANDARD", "inline": true },
	  { "name": "warm", "url": "file:tiers/warm",
	    "storage_class": "STANDARD_IA", "price": "STANDARD_IA" },
	  { "name": "cold", "url": "file:tiers/cold",
	    "storage_class": "GLACIER_IR", "price": "GLACIER_IR" },
	  { "name": "sealed", "url": "file:tiers/sealed",
	    "storage_class": "ONEZONE_IA", "price": "ONEZONE_IA",
	    "compress": true, "encrypt": "master" },
	  { "name": "pressed", "url": "file:tiers/pressed",
	    "storage_class": "DEEP_ARCHIVE", "price": "DEEP_ARCHIVE",
	    "compress": true } ],
	  "snapshots": { "tier": "warm", "every": "30d", "keep": 3 },
	  "grace": "1h" }
	END
	serve_start "$PWD"
	# the first one, made at once, is not what the tests are about
	wait_until snapshots_are 1
	rm data/tiers/warm/vt_snapshots/*
}

teardown() {
	[ -z "${SERVE_PID:-}" ] || serve_stop
}

snapshots_are() {
	local all=(data/tiers/warm/vt_snapshots/*.db.zst)
	[ -e "${all[0]}" ] && [ "${#all[@]}" -eq "$1" ]
}

put() {
	local target=$1 file=$2
	shift 2
	s3curl -f -o put.out -T "$file" "$@" "$AWS_ENDPOINT_URL/$target"
}

bucket() {
	s3curl -f -X PUT "$AWS_ENDPOINT_URL/$1" "${@:2}"
}

versioning() {
	s3curl -f -X PUT "$AWS_ENDPOINT_URL/$1?versioning=" -d \
	    '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
}

# upload BUCKET KEY FILE...: begun, with these parts; its id
upload() {
	local where=$AWS_ENDPOINT_URL/$1/$2 id n=0 part
	id=$(s3curl -f -X POST "$where?uploads=" |
	    sed -n 's|.*<UploadId>\(.*\)</UploadId>.*|\1|p')
	for part in "${@:3}"; do
		n=$((n + 1))
		s3curl -f -T "$part" "$where?partNumber=$n&uploadId=$id"
	done
	echo "$id"
}

# All that clients can see: listings, documents, uploads, and of each version
# headers, bytes and tags.
state() {
	local b
	rm -rf seen
	mkdir seen
	for b in $(s3curl "$AWS_ENDPOINT_URL/" | grep -o '<Name>[^<]*' |
	    cut -d'>' -f2); do
		echo "bucket $b"
		s3curl "$AWS_ENDPOINT_URL/$b?versions=" >list
		s3curl "$AWS_ENDPOINT_URL/$b?versioning=" \
		    "$AWS_ENDPOINT_URL/$b?object-lock=" \
		    "$AWS_ENDPOINT_URL/$b?uploads=" >documents
		grep -Eho '<(Version|DeleteMarker|Rule|Status|Upload)>.*' \
		    list documents | sed 's|<RequestId>.*||' || true
		python3 - "$AWS_ENDPOINT_URL/$b/" list <<-'END'
		import sys, urllib.parse, xml.etree.ElementTree as e
		n = '{http://s3.amazonaws.com/doc/2006-03-01/}'
		get, tags = open('get', 'w'), open('tags', 'w')
		for i, v in enumerate(e.parse(sys.argv[2]).iter(n + 'Version')):
		    key = urllib.parse.quote(v.find(n + 'Key').text)
		    id = v.find(n + 'VersionId').text
		    get.write('url = "%s%s?versionId=%s"\noutput = seen/%d\n'
		        % (sys.argv[1], key, id, i))
		    tags.write('url = "%s%s?tagging=&versionId=%s"\n'
		        % (sys.argv[1], key, id))
		END
		s3curl -D - -K get | tr -d '\r' | grep -viE \
		    '^(date|x-amz-(request-id|id-2)|connection|server)'
		sha256sum seen/*
		s3curl -K tags | grep -o '<TagSet>.*' || true
		rm seen/*
	done
	vt-key --data data --json list
}

# The same without times: what was written after a snapshot has the moment when
# its bytes were complete, and the catalog's is a little later.
but_times() {
	sed -E 's|(<LastModified>)[^<]*||g; /^[Ll]ast-[Mm]odified/d' "$1"
}

# Objects of every kind.
fill() {
	local i id
	random_file a 100000
	random_file b 20000000
	random_file c 5500000
	echo small >s
	: >empty
	bucket plain
	put plain/a a -H 'x-amz-meta-who: me, and me' \
	    -H 'Content-Type: text/x-test' -H 'Cache-Control: no-cache' \
	    -H 'x-amz-tagging: a=1&b=two'
	put plain/s s
	put plain/empty empty
	put 'plain/sp%20ace/%C3%A9%25' a
	put plain/cold a -H 'x-amz-storage-class: GLACIER_IR'
	put plain/secret a -H 'x-amz-server-side-encryption: AES256'
	seq 30000 >text
	put plain/sealed text -H 'x-amz-storage-class: ONEZONE_IA'
	put plain/pressed text -H 'x-amz-storage-class: DEEP_ARCHIVE'
	vt-put --quiet b s3://plain/big
	upload plain going c a
	bucket versions
	versioning versions
	for i in 1 2 3; do
		head -c $((i * 9000)) a >v
		put versions/v v -H "x-amz-meta-n: $i"
	done
	put versions/gone a
	s3curl -f -X DELETE "$AWS_ENDPOINT_URL/versions/gone"
	bucket locked -H 'x-amz-bucket-object-lock-enabled: true'
	put locked/l a -H 'x-amz-object-lock-mode: COMPLIANCE' \
	    -H 'x-amz-object-lock-retain-until-date: 2036-01-01T00:00:00Z' \
	    -H "Content-MD5: $(openssl md5 -binary a | base64)"
	put locked/h a -H 'x-amz-object-lock-legal-hold: ON' \
	    -H "Content-MD5: $(openssl md5 -binary a | base64)"
	vt-key --data data create anna -o anna.cred
}

# The catalog is gone, as with its disk.
lose() {
	serve_stop
	rm -rf data/catalog.db*
}

@test "P11 rebuild gives back what was there at the snapshot" {
	fill
	vt-scan --data data --snapshot warm:
	state >before
	grep -q COMPLIANCE before
	lose
	run -0 --separate-stderr vt-scan --data data --rebuild
	[ -z "$stderr" ]
	[[ ${lines[0]} == *'"found":"snapshot"'* ]]
	[[ ${lines[1]} == *'"added":0,"moved":0,"parts":0,"lost":0'* ]]
	[ "${#lines[@]}" -eq 2 ]
	# its own first snapshot, so that it can be lost again
	snapshots_are 2
	serve_start "$PWD"
	state >after
	diff before after
	# names are never used twice: the store goes on
	put plain/new a
	s3curl -f "$AWS_ENDPOINT_URL/plain/new" | cmp - a
	run -0 vt-scan --data data --verify
	[[ $output == *'"missing":0,"corrupt":0'*'"orphans":0'* ]]
	serve_stop
	run -0 vt-migrate --data data --gc
}

@test "P11 rebuild adds what came to the tiers after the snapshot" {
	fill
	run -0 vt-scan --data data --snapshot warm:
	# later: new ones, another version, an overwrite, moves, a delete
	bucket later
	put later/x b -H 'x-amz-meta-later: yes' -H 'x-amz-tagging: t=1'
	put later/secret a -H 'x-amz-server-side-encryption: AES256'
	put later/sealed text -H 'x-amz-storage-class: ONEZONE_IA'
	put later/pressed text -H 'x-amz-storage-class: DEEP_ARCHIVE'
	put versions/v b
	head -c 50000 b >a2
	put plain/a a2 -H 'x-amz-meta-who: you'
	vt-put --quiet b s3://later/big
	id=$(s3curl "$AWS_ENDPOINT_URL/plain?uploads=" |
	    sed -n 's|.*<UploadId>\(.*\)</UploadId>.*|\1|p')
	s3curl -f -T a2 "$AWS_ENDPOINT_URL/plain/going?partNumber=3&uploadId=$id"
	moves cold | grep -E '"key": "(v|a|secret|big|l)"' >plan
	moves sealed | grep -E '"key": "sp ace' >>plan
	vt-migrate --data data --grace 0 --quiet <plan >moved
	grep -q '"key":"big".*"moved"' moved
	s3curl -f -X DELETE "$AWS_ENDPOINT_URL/plain/cold"
	vt-migrate --data data --gc --ignore-grace --quiet
	state >before
	lose
	run -1 vt-scan --data data --rebuild
	[[ $output == *'"found":"lost","bucket":"plain","key":"cold"'* ]]
	[[ $output == *'"found":"bucket","bucket":"later"'* ]]
	[[ ${lines[-1]} == *'"parts":1,"lost":1,"copies_lost":0,"unproved":0'* ]]
	serve_start "$PWD"
	state >after
	diff <(but_times before) <(but_times after)
	s3curl "$AWS_ENDPOINT_URL/plain/going?uploadId=$id" >parts
	[ "$(grep -o '<PartNumber>' parts | wc -l)" -eq 3 ]
	run -0 vt-scan --data data --verify
}

@test "P11 nothing that was deleted before the snapshot comes back" {
	fill
	# what was written in the last minute may have been on its way
	serve_stop
	serve_start "$PWD" --clock-offset -1h
	random_file d 70000
	put plain/deleted d
	for f in $(find data/tiers/hot -type f -size 69k); do
		! cmp -s "$f" d || blob=$f
	done
	# also one overwritten, in the grace period when the snapshot is made
	put plain/over a
	put plain/over s
	cp --preserve=all "$blob" kept
	s3curl -f -X DELETE "$AWS_ENDPOINT_URL/plain/deleted"
	vt-migrate --data data --gc --ignore-grace --quiet
	[ ! -e "$blob" ]
	vt-scan --data data --snapshot warm:
	state >before
	# a disk that came back, or a delete that did not reach it
	cp --preserve=all kept "$blob"
	lose
	run -0 vt-scan --data data --rebuild
	[[ $output == *'"added":0,'*'"lost":0,'*'"former":1,"foreign":0'* ]]
	serve_start "$PWD"
	state >after
	diff before after
}

@test "P4 a rebuild that is killed has done nothing, and can be repeated" {
	fill
	vt-scan --data data --snapshot warm:
	put plain/later b
	state >before
	lose
	find data/tiers -type f | sort >files
	for n in 1 2 3 4 5 6; do
		vt-scan --data data --rebuild >out 2>&1 3>&- &
		pid=$!
		sleep "0.0$n"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
		if [ -e data/catalog.db ]; then
			# it was done already
			find data/tiers -name '*.zst' -newer files -delete
			rm -rf data/catalog.db*
		fi
	done
	find data/tiers -type f | sort | diff files -
	run -0 vt-scan --data data --rebuild
	[ ! -e data/catalog.db-rebuild ]
	[ ! -e data/catalog.db-rebuild-seen ]
	serve_start "$PWD"
	state >after
	diff <(but_times before) <(but_times after)
}

@test "P11 salvage needs no snapshot: bytes, keys, ETags, headers, order" {
	fill
	put versions/v a
	serve_stop
	serve_start "$PWD"
	state >before
	lose
	rm -rf data/tiers/warm/vt_snapshots
	run -3 --separate-stderr vt-scan --data data --rebuild
	[[ $stderr == *'no tier has a snapshot'* ]]
	run -0 vt-scan --data data --salvage --dry-run
	run -0 --separate-stderr vt-scan --data data --salvage
	echo "$output"
	serve_start "$PWD"
	run -0 s3curl "$AWS_ENDPOINT_URL/"
	[[ $output == *'<Name>salvage-plain</Name>'* ]]
	[[ $output != *'<Name>plain</Name>'* ]]
	at=$AWS_ENDPOINT_URL/salvage-plain
	s3curl -f -D head "$at/a" | cmp - a
	etag=$(tr -d '\r' <head | sed -n 's/^ETag: //Ip')
	[ "$etag" = "\"$(md5sum <a | cut -d' ' -f1)\"" ]
	grep -qi '^content-type: text/x-test' head
	grep -qi '^cache-control: no-cache' head
	grep -qi '^x-amz-meta-who: me, and me' head
	s3curl -f "$at/sp%20ace/%C3%A9%25" | cmp - a
	s3curl -f "$at/secret" | cmp - a
	s3curl -f "$at/sealed" | cmp - text
	s3curl -f "$at/pressed" | cmp - text
	s3curl -f -D head "$at/big" | cmp - b
	etag=$(tr -d '\r' <head | sed -n 's/^ETag: //Ip')
	grep -q "^ETag: $etag" <(tr -d '\r' <before)
	# the versions of a key in the order in which they were written
	s3curl "$AWS_ENDPOINT_URL/salvage-versions?prefix=v&versions=" >list
	sizes=$(grep -o '<Size>[0-9]*' list | cut -d'>' -f2 | tr '\n' ' ')
	[ "$sizes" = "100000 27000 18000 9000 " ]
	# what is registered is not registered again
	serve_stop
	run -0 vt-scan --data data --salvage
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *'"added":0'* ]]
}

# Objects in packs, the sources gone: some of before, some of after.
pack_all() {
	local n
	bucket many
	for n in 1 2 3; do
		random_file "m$n" $((n * 1000 + 3000))
		put "many/m$n" "m$n" -H "x-amz-meta-n: $n $n" \
		    -H 'x-amz-tagging: k=v'
	done
	put many/none empty
	vt-scan --data data --snapshot warm:
	random_file m4 9000
	put many/m4 m4 -H 'x-amz-meta-n: four'
	pack_plan cold 'm[0-9]|none' >plan
	run -0 vt-migrate --data data --grace 0 --quiet plan
	vt-migrate --data data --gc --ignore-grace --quiet
	[ -z "$(find data/tiers/hot -type f)" ]
}

@test "P11 members of packs are found in them, by a rebuild and a salvage" {
	: >empty
	pack_all
	state >before
	lose
	run vt-scan --data data --rebuild
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *'"found":"moved","bucket":"many","key":"m3"'* ]]
	[[ $output == *'"found":"added","bucket":"many","key":"m4"'* ]]
	[[ ${lines[-1]} == *'"added":1,"moved":2,"parts":0,"lost":0,'*'"unproved":0'* ]]
	serve_start "$PWD"
	state >after
	# small ones are in the catalog, as at the snapshot
	diff <(grep -v x-amz-storage-class before | sed 's|GLACIER_IR|STANDARD|g') \
	    <(grep -v x-amz-storage-class after | sed 's|GLACIER_IR|STANDARD|g')
	run -0 vt-scan --data data --verify
	lose
	run -0 vt-scan --data data --salvage --into all
	serve_start "$PWD"
	for n in 1 2 3 4; do
		s3curl -f -D head "$AWS_ENDPOINT_URL/all/many/m$n" | cmp - "m$n"
	done
	grep -qi '^x-amz-meta-n: four' head
	s3curl -f "$AWS_ENDPOINT_URL/all/many/none" | cmp - empty
	run -0 vt-scan --data data --verify
}

@test "P11 without the master keys what they encrypt stays where it is" {
	fill
	lose
	mv data/master.keys keys
	run -1 vt-scan --data data --salvage
	[[ $output == *'"found":"unproved"'*'"key":"secret"'* ]]
	# and with them it comes after all
	mv keys data/master.keys
	run -0 vt-scan --data data --salvage --into all
	[[ $output == *'"found":"added","bucket":"all","key":"plain/secret"'* ]]
}

@test "P10 P11 on a tier that encrypts a snapshot is, and the keys bring it back" {
	fill
	vt-scan --data data --snapshot sealed:
	snap=$(find data/tiers/sealed/vt_snapshots -type f)
	# neither zstd nor what is in it can be read
	run ! zstd -t "$snap"
	state >before
	lose
	mv data/master.keys keys
	run -3 --separate-stderr vt-scan --data data --rebuild
	[[ $stderr$output == *master* ]]
	mv keys data/master.keys
	run -0 --separate-stderr vt-scan --data data --rebuild
	[[ ${lines[0]} == *'"found":"snapshot"'*sealed* ]]
	serve_start "$PWD"
	state >after
	diff before after
}

@test "snapshots: a file, a tier, so many are kept, a broken one is passed over" {
	fill
	run -0 --separate-stderr vt-scan --data data --snapshot snap.db
	[ -z "$output" ]
	[ "$(stat -c %a snap.db)" = 600 ]
	for i in 1 2 3 4; do
		vt-scan --data data --snapshot warm:
	done
	# three are to be kept
	snapshots_are 3
	run -2 --separate-stderr vt-scan --data data --snapshot tier:warm
	[[ $stderr == *"a tier is 'NAME:'"* ]]
	run -3 --separate-stderr vt-scan --data data --snapshot none:
	[[ $stderr == *"no tier 'none'"* ]]
	run -4 --separate-stderr vt-scan --data data --rebuild
	[[ $stderr == *'stop it first'* ]]
	state >before
	serve_stop
	run -3 --separate-stderr vt-scan --data data --rebuild
	[[ $stderr == *'there is a catalog'* ]]
	last=$(printf '%s\n' data/tiers/warm/vt_snapshots/* | sort -t- -k3 -V |
	    tail -n 1)
	rot "$last" 300
	run -0 vt-scan --data data --rebuild --force
	[[ ${lines[0]} == *'"found":"broken snapshot"'* ]]
	[[ ${lines[1]} == *'"found":"snapshot"'* ]]
	# the old one was put aside
	ls data/catalog.db.2*Z
	serve_start "$PWD"
	state >after
	diff before after
	lose
	run -0 vt-scan --data data --rebuild --from-snapshot snap.db
	serve_start "$PWD"
	state >after
	diff before after
}

@test "P4 a snapshot that is killed is none, and leaves nothing behind" {
	local n pid
	random_file b 3000000
	bucket plain
	# small ones, so that there is something to copy
	for n in 1 2 3 4 5 6 7 8; do
		head -c 4000 b >"in$n"
	done
	vt-put --quiet in* s3://plain/
	for n in 1 2 3 4 5 6; do
		vt-scan --data data --snapshot warm: >out 2>&1 3>&- &
		pid=$!
		sleep "0.0$n"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
	done
	run -0 vt-scan --data data --snapshot warm:
	[ ! -e data/catalog.db-snapshot ]
	vt-migrate --data data --gc --ignore-grace --quiet
	# each file there is a whole one
	for f in data/tiers/warm/vt_snapshots/*; do
		zstd -qt "$f"
	done
	state >before
	lose
	run -0 vt-scan --data data --rebuild
	serve_start "$PWD"
	state >after
	diff before after
}

@test "P11 snapshot, rebuild and salvage with a tier on another machine" {
	local far=$SERVE_PID where=$AWS_ENDPOINT_URL
	random_file a 100000
	random_file b 20000000
	bucket tierbucket
	mkdir -p near/data
	cp data/credentials near/data/far.credentials
	cat >near/data/vaultaire.json <<-END
	{ "tiers": [
	  { "name": "hot", "url": "file:tiers/hot",
	    "storage_class": "STANDARD", "price": "STANDARD" },
	  { "name": "far", "url": "s3://tierbucket/here", "endpoint": "$where",
	    "credentials": "far.credentials",
	    "storage_class": "GLACIER_IR", "price": "GLACIER_IR" } ] }
	END
	serve_start "$PWD/near"
	bucket bucket
	put bucket/old a -H 'x-amz-storage-class: GLACIER_IR'
	vt-scan --data near/data --snapshot far:
	# one in pieces, and one whose key is no header's
	put bucket/big b -H 'x-amz-storage-class: GLACIER_IR' \
	    -H 'x-amz-meta-n: big'
	put bucket/k%20%C3%A9 a -H 'x-amz-storage-class: GLACIER_IR'
	serve_stop
	rm -rf near/data/catalog.db*
	run -0 vt-scan --data near/data --rebuild
	[[ ${lines[-1]} == *'"added":2,"moved":0,"parts":0,"lost":0,'* ]]
	run -0 vt-scan --data near/data --verify
	serve_start "$PWD/near"
	s3curl -f -D head "$AWS_ENDPOINT_URL/bucket/big" | cmp - b
	grep -qi '^x-amz-meta-n: big' head
	s3curl -f "$AWS_ENDPOINT_URL/bucket/k%20%C3%A9" | cmp - a
	s3curl -f "$AWS_ENDPOINT_URL/bucket/old" | cmp - a
	serve_stop
	rm -rf near/data/catalog.db*
	run -0 vt-scan --data near/data --salvage
	[[ ${lines[-1]} == *'"added":3,'*'"unproved":0'* ]]
	SERVE_PID=$far
}

@test "an empty place where a tier should be is no loss" {
	fill
	vt-scan --data data --snapshot warm:
	state >before
	lose
	mv data/tiers/hot elsewhere
	mkdir data/tiers/hot
	run -3 --separate-stderr vt-scan --data data --rebuild
	[[ $stderr == *"tier 'hot' has none of"*'accept-loss'* ]]
	[ ! -e data/catalog.db ]
	rmdir data/tiers/hot
	mv elsewhere data/tiers/hot
	run -0 vt-scan --data data --rebuild
	serve_start "$PWD"
	state >after
	diff before after
}

@test "vt-serve says what would be lost with the catalog" {
	grep -q "snapshots of the catalog go to tier 'warm' every" serve.err
	serve_stop
	sed -i '/"snapshots"/d' data/vaultaire.json
	serve_start "$PWD"
	grep -q 'no snapshots of the catalog are made' serve.err
}
