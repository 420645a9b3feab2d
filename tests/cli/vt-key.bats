#!/usr/bin/env bats
# vt-key's contract: users and keys, without a server and beside one.

load helper

# A folder that was served once is all it needs.
setup_file() {
	serve_start "$BATS_FILE_TMPDIR"
	serve_stop
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	cp -r "$BATS_FILE_TMPDIR/data" data
	export VAULTAIRE_DATA=$BATS_TEST_TMPDIR/data
}

teardown() {
	serve_stop
}

# field NAME of the JSON lines on stdin
field() {
	python3 -c 'import json,sys
for l in sys.stdin: print(json.loads(l).get(sys.argv[1], ""))' "$1"
}

# A folder with a user who owns a bucket.
owner() {
	serve_start "$BATS_TEST_TMPDIR"
	vt-key create ana -o ana.cred
	AWS_ACCESS_KEY_ID=$(sed -n 's/^aws_access_key_id = //p' ana.cred)
	AWS_SECRET_ACCESS_KEY=$(sed -n 's/^aws_secret_access_key = //p' \
	    ana.cred)
	s3curl -f -X PUT "$AWS_ENDPOINT_URL/anas-bucket"
	serve_stop
}

@test "contract" {
	contract vt-key
}

@test "wrong command lines: 2" {
	local wrong
	for wrong in '' 'nonsense' 'create' 'create a b' 'list a' 'show' \
	    'rotate' 'delete' 'policy' 'policy a b c' 'a b c d' \
	    'list --force' 'create a --force' 'create a --grace 1h' \
	    'rotate a --email a@b' 'delete a --json' 'rotate a --grace x' \
	    'rotate a --grace 1000y' 'create -- -a' 'create a/b' \
	    'create a --email nonsense' 'create a --policy readonly:X'; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr vt-key $wrong
		[ -z "$output" ]
		[ -n "$stderr" ]
	done
	run -2 vt-key create 'two words'
	run -2 vt-key create ''
	run -2 vt-key create "$(printf 'a%.0s' {1..65})"
	is_unchanged
}

is_unchanged() {
	[ "$(vt-key list --json | field name)" = root ]
}

@test "create: a profile on stdout, in silence; options go anywhere" {
	run -0 --separate-stderr vt-key create ana --email ana@example.org
	[ -z "$stderr" ]
	[ "${lines[0]}" = '[ana]' ]
	[[ ${lines[1]} =~ ^'aws_access_key_id = VT'[A-Z2-7]{18}$ ]]
	[[ ${lines[2]} =~ ^'aws_secret_access_key = '[A-Za-z0-9_-]{40}$ ]]
	[ "${#lines[@]}" -eq 3 ]
	run -0 vt-key --json create bob
	[ "$(field name <<<"$output")" = bob ]
	[[ $(field id <<<"$output") =~ ^[0-9a-f]{64}$ ]]
	[ "$(field secret_key <<<"$output" | tr -d '\n' | wc -c)" -eq 40 ]
	run -0 vt-key list --json
	[ "$(field name <<<"$output")" = $'root\nana\nbob' ]
	[ "$(field email <<<"$output" | tr '\n' ' ')" = ' ana@example.org  ' ]
	[ "$(field disabled <<<"$output" | sort -u)" = False ]
	run -0 vt-key show ana
	[[ $output == *'ana@example.org'* ]]
	run -1 --separate-stderr vt-key create ana
	[[ $stderr == *"'ana' exists"* ]]
	run -1 --separate-stderr vt-key create eve --email ANA@example.org
	[[ $stderr == *address* ]]
	run -1 --separate-stderr vt-key create root
	[[ $stderr == *credentials* ]]
}

@test "P10 a secret is shown once" {
	vt-key create ana >ana.cred
	secret=$(sed -n 's/^aws_secret_access_key = //p' ana.cred)
	[ -n "$secret" ]
	root=$(sed -n 's/^aws_secret_access_key = //p' data/credentials)
	{
		vt-key list
		vt-key list --json
		vt-key show ana
		vt-key show --json ana
		vt-key show root
	} >out
	run -1 grep -qF -e "$secret" -e "$root" out
}

@test "--output: a new file for its owner alone, and nothing on stdout" {
	umask 0
	run -0 vt-key create ana -o ana.cred
	[ -z "$output" ]
	[ "$(stat -c %a ana.cred)" = 600 ]
	[ "$(head -n 1 ana.cred)" = '[default]' ]
	run -0 vt-key create --json bob --output bob.cred
	[ "$(field secret_key <<<"$output")" = '' ]
	# what is there is not overwritten, and then no user is made
	echo precious >file
	run -1 --separate-stderr vt-key create eve -o file
	[[ $stderr == *"'file'"* ]]
	[ "$(cat file)" = precious ]
	run -1 vt-key show eve
	run -1 vt-key create eve -o no/such/folder
	run -1 vt-key show eve
	# nor is a file left where no user was made
	run -1 vt-key create ana -o again.cred
	[ ! -e again.cred ]
	run -0 vt-key create eve -o -
	[ "${#lines[@]}" -eq 3 ]
}

@test "a key that could not be shown was not made: 3" {
	run -3 --separate-stderr bash -c 'vt-key create ana >/dev/full'
	[[ $stderr == *"standard output"* ]]
	run -1 vt-key show ana
	vt-key create ana >/dev/null
	run -3 bash -c 'vt-key rotate ana >/dev/full'
	[ "$(vt-key show ana | grep -c ^key:)" -eq 1 ]
	run -0 vt-key show ana
	[[ $output == *', enabled' ]]
	run -3 bash -c 'vt-key list >/dev/full'
}

@test "disable, enable: a user or a key" {
	vt-key create ana -o ana.cred
	key=$(sed -n 's/^aws_access_key_id = //p' ana.cred)
	run -0 vt-key disable ana
	[ -z "$output" ]
	[[ $(vt-key show ana) == *'state:    disabled'* ]]
	vt-key enable ana
	vt-key disable "$key"
	[[ $(vt-key show ana) == *'state:    enabled'*"$key, disabled" ]]
	vt-key enable "$key"
	[[ $(vt-key show ana) == *"$key, enabled" ]]
	run -1 --separate-stderr vt-key disable nobody
	[[ $stderr == *nobody* ]]
	run -1 vt-key disable root
	run -1 vt-key enable root
}

@test "rotate: the old key ends after the grace" {
	vt-key create ana -o 1
	old=$(sed -n 's/^aws_access_key_id = //p' 1)
	vt-key rotate ana -o 2
	new=$(sed -n 's/^aws_access_key_id = //p' 2)
	[ "$old" != "$new" ]
	run -0 vt-key show ana
	[[ $output == *"$old, ends 20"* ]]
	[[ $output == *"$new, enabled"* ]]
	run -1 --separate-stderr vt-key rotate ana -o 3
	[[ $stderr == *'2 access keys'* ]]
	[ ! -e 3 ]
	# enabled again it has no end
	vt-key enable "$old"
	[ "$(vt-key show ana | grep -c ', enabled')" -eq 2 ]
	vt-key delete "$old"
	vt-key rotate ana --grace never -o 4
	[ "$(vt-key show ana | grep -c ', enabled')" -eq 2 ]
	vt-key delete "$new"
	last=$(sed -n 's/^aws_access_key_id = //p' 4)
	vt-key rotate ana --grace 0 -o 5
	[[ $(vt-key show ana) == *"$last, ended"* ]]
	# what has ended makes room
	vt-key rotate ana --grace 0 -o 6
	[ "$(vt-key show ana | grep -c ^key:)" -eq 2 ]
	run -0 vt-key list --json
	[[ $output == *'"state":"ended"'*'"ends":"20'* ]]
	run -1 vt-key rotate nobody
	run -1 vt-key rotate root
}

@test "delete: a key, a user; an owner of buckets only by --force" {
	owner
	vt-key create bob -o bob.cred
	vt-key delete bob
	run -1 vt-key show bob
	run -1 vt-key delete bob
	run -1 --separate-stderr vt-key delete ana
	[[ $stderr == *'owns 1 bucket'*--force* ]]
	[[ $(vt-key show ana) == *'buckets:  1'*'key: '* ]]
	vt-key delete ana --force
	run -1 vt-key show ana
	run -1 vt-key delete root --force
	# whoever comes by that name is another
	vt-key create ana -o ana2.cred
	[[ $(vt-key show ana) == *'buckets:  0'* ]]
}

@test "policy: print it, replace it, by a word, a file, standard input" {
	vt-key create ana -o ana.cred
	run -1 --separate-stderr vt-key policy ana
	[[ $stderr == *'no policy'* ]]
	[ -z "$output" ]
	for word in readonly readwrite writeonly full readonly:photos \
	    readwrite:a.b-c full:photos; do
		vt-key policy ana "$word"
		vt-key policy ana | python3 -c 'import json,sys
p = json.load(sys.stdin)
assert p["Version"] == "2012-10-17"
want = sys.argv[1].partition(":")[2]
allow = p["Statement"][1]
assert allow["Resource"] == (["arn:aws:s3:::" + want,
    "arn:aws:s3:::" + want + "/*"] if want else "*"), allow
write = any(a.startswith("s3:Put") or a == "s3:*" for a in allow["Action"])
assert write != sys.argv[1].startswith("readonly")' "$word"
	done
	cat >p.json <<-'END'
		{ "Version": "2012-10-17", "Statement": [ {
		    "Effect": "Allow", "Action": "s3:GetObject",
		    "Resource": "arn:aws:s3:::photos/*" } ] }
	END
	vt-key policy ana p.json
	vt-key policy ana | cmp - p.json
	vt-key policy ana readonly
	vt-key policy ana - <p.json
	vt-key policy ana | cmp - p.json
	vt-key create bob --policy p.json -o bob.cred
	vt-key policy bob | cmp - p.json
	[[ $(vt-key show bob) == *'policy:   its own'* ]]
	vt-key policy ana none
	run -1 vt-key policy ana
	for bad in nonsense '[]' '{' '{}{}'; do
		printf %s "$bad" >bad.json
		run -3 --separate-stderr vt-key policy bob bad.json
		[[ $stderr == *bad.json* ]]
	done
	head -c 20481 /dev/zero | tr '\0' ' ' >bad.json
	run -3 vt-key policy bob bad.json
	vt-key policy bob | cmp - p.json
	run -1 vt-key policy bob no-such-file
	run -1 vt-key policy nobody p.json
	run -1 vt-key policy root p.json
}

@test "a folder that was never served, one that others may read: 3" {
	run -3 --separate-stderr vt-key --data "$PWD/nothing" list
	[[ $stderr == *'start vt-serve'* ]]
	[ ! -e nothing ]
	chmod 644 data/catalog.db
	run -3 --separate-stderr vt-key create ana
	[[ $stderr == *'chmod 600'* ]]
}

@test "beside a server: each sees what the other did" {
	serve_start "$BATS_TEST_TMPDIR"
	vt-key create ana -o ana.cred
	serve_stop
	[[ $(vt-key list) == *ana* ]]
	serve_start "$BATS_TEST_TMPDIR"
	AWS_ACCESS_KEY_ID=$(sed -n 's/^aws_access_key_id = //p' ana.cred)
	AWS_SECRET_ACCESS_KEY=$(sed -n 's/^aws_secret_access_key = //p' \
	    ana.cred)
	s3curl -f "$AWS_ENDPOINT_URL/" >out
	grep -q '<DisplayName>ana</DisplayName>' out
}
