#!/bin/sh
# MinIO's mc (minio-go v7)
. "$(dirname "$0")/lib.sh"
MC=${MC:-mc}; need "$MC"
case $("$MC" --version 2>/dev/null | head -1) in "mc version"* | "mcli version"*) "$MC" --version | head -1 | sed 's/^/# /' ;; *) need "an mc of MinIO" ;; esac
export MC_CONFIG_DIR="$W/mc" MC_NO_COLOR=1 MC_DISABLE_PAGER=1
c() { "$MC" --quiet --insecure "$@"; }
CLEAN='c rb --force "vt/$B"; c rb --force "vt/$B-2"'
step "alias set" c alias set vt "$ENDPOINT" "$AK" "$SK" --path on
step "mb" c mb "vt/$B"; step "mb second" c mb "vt/$B-2"
step "ls" c ls vt; eq "bucket listed" "$(grep -c " $B/\$" "$W/out")" 1
step "cp small up" c cp --attr "k1=v1" "$W/small" "vt/$B/dir/small.txt"
step "cp empty up" c cp "$W/empty" "vt/$B/dir/empty"
step "put large (multipart 5 MiB)" c put --part-size 5MiB --parallel 4 "$W/large" "vt/$B/dir/large.bin"
step "cp small down" c cp "vt/$B/dir/small.txt" "$W/small.d"; same "small same" "$W/small" "$W/small.d"
step "cp empty down" c cp "vt/$B/dir/empty" "$W/empty.d"; same "empty same" "$W/empty" "$W/empty.d"
step "cp large down" c cp "vt/$B/dir/large.bin" "$W/large.d"; same "large same" "$W/large" "$W/large.d"
step "cat" c cat "vt/$B/dir/large.bin"; same "cat same" "$W/large" "$W/out"
step "cat --offset --tail" c cat --offset 1000000 "vt/$B/dir/large.bin"; tail -c +1000001 "$W/large" > "$W/w"; same "range same" "$W/w" "$W/out"
step "head" c head -n 1 "vt/$B/dir/small.txt"; same "head same" "$W/small" "$W/out"
step "stat" c --json stat "vt/$B/dir/small.txt"; eq "size and metadata" "$(jq -r '"\(.size) \(.metadata | to_entries[] | select(.key | ascii_downcase == "x-amz-meta-k1").value)"' "$W/out")" "$(wc -c < "$W/small" | tr -d ' ') v1"
must_fail "stat of a missing key" c stat "vt/$B/none"
step "pipe (streamed, unknown size)" sh -c '"$0" --quiet --insecure pipe "$1" < "$2"' "$MC" "vt/$B/piped.bin" "$W/large"; step "piped down" c cp "vt/$B/piped.bin" "$W/piped.d"; same "piped same" "$W/large" "$W/piped.d"
step "mirror up" c mirror "$W/tree" "vt/$B/tree"; step "mirror down" c mirror "vt/$B/tree" "$W/tree.d"; same_tree "tree same" "$W/tree" "$W/tree.d"
step "diff finds none" c diff "$W/tree" "vt/$B/tree"; eq "no difference" "$(wc -l < "$W/out" | tr -d ' ')" 0
step "ls --recursive" c ls --recursive "vt/$B/tree/"; eq "number of files" "$(wc -l < "$W/out" | tr -d ' ')" "$(find "$W/tree" -type f | wc -l | tr -d ' ')"
step "find by name" c find "vt/$B/tree" --name 'file1*.bin'; eq "those that match" "$(wc -l < "$W/out" | tr -d ' ')" 3
step "du" c --json du "vt/$B/dir"; eq "bytes" "$(jq -r .size "$W/out")" "$(cat "$W/small" "$W/large" | wc -c | tr -d ' ')"
rm "$W/tree/a.txt"; echo changed-content > "$W/tree/sub/file3.bin"; echo new > "$W/tree/new.txt"
step "mirror up again" c mirror --overwrite --remove "$W/tree" "vt/$B/tree"; step "mirror down again" c mirror --overwrite --remove "vt/$B/tree" "$W/tree.d"; same_tree "tree same after change" "$W/tree" "$W/tree.d"
step "cp across buckets, large" c cp "vt/$B/dir/large.bin" "vt/$B-2/copy.bin"; step "copy down" c cp "vt/$B-2/copy.bin" "$W/copy.d"; same "copy same" "$W/large" "$W/copy.d"
step "mirror across buckets" c mirror "vt/$B/tree" "vt/$B-2/tree"; step "diff of buckets" c diff "vt/$B/tree" "vt/$B-2/tree"; eq "no difference" "$(wc -l < "$W/out" | tr -d ' ')" 0
step "mv" c mv "vt/$B/dir/small.txt" "vt/$B/dir/moved ü.txt"; step "moved down" c cp "vt/$B/dir/moved ü.txt" "$W/moved.d"; same "moved same" "$W/small" "$W/moved.d"; must_fail "source of mv gone" c stat "vt/$B/dir/small.txt"
step "tag set" c tag set "vt/$B/dir/large.bin" "a=1&b=two"; step "tag list" c --json tag list "vt/$B/dir/large.bin"; eq "tags" "$(jq -r '.tagset | "\(.a) \(.b)"' "$W/out")" "1 two"; step "tag remove" c tag remove "vt/$B/dir/large.bin"
step "share download" c --json share download --expire 5m "vt/$B/dir/large.bin"; U=$(jq -r .share "$W/out"); step "shared GET" curl -sSfk -o "$W/pres" "$U"; same "shared same" "$W/large" "$W/pres"
step "version enable" c version enable "vt/$B"; step "version info" c --json version info "vt/$B"; eq "enabled" "$(jq -r .versioning.status "$W/out")" Enabled
step "overwrite" c cp "$W/empty" "vt/$B/dir/moved ü.txt"; step "ls --versions" c --json ls --versions "vt/$B/dir/moved ü.txt"; eq "two versions" "$(wc -l < "$W/out" | tr -d ' ')" 2
step "rm" c rm "vt/$B/dir/moved ü.txt"; must_fail "gone" c stat "vt/$B/dir/moved ü.txt"
step "undo" c undo --force "vt/$B/dir/moved ü.txt" --last 1; step "back again" c stat "vt/$B/dir/moved ü.txt"
step "rm --recursive --versions" c rm --recursive --force --versions "vt/$B/"; must_fail "rb of a bucket with objects" c rb "vt/$B-2"
step "rb" c rb "vt/$B"; step "rb --force second" c rb --force "vt/$B-2"
step "ls end" c ls vt; eq "buckets gone" "$(grep -c " $B" "$W/out")" 0
