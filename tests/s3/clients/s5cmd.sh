#!/bin/sh
# s5cmd 2 (aws-sdk-go v1): many requests side by side
. "$(dirname "$0")/lib.sh"
S5CMD=${S5CMD:-s5cmd}; need "$S5CMD"; "$S5CMD" version | sed 's/^/# s5cmd /'
c() { "$S5CMD" --endpoint-url "$ENDPOINT" --no-verify-ssl --retry-count 1 "$@"; }
CLEAN='c rm --all-versions "s3://$B/*"; c rb "s3://$B"; c rm "s3://$B-2/*"; c rb "s3://$B-2"'
step "mb" c mb "s3://$B"; step "mb second" c mb "s3://$B-2"
step "ls" c ls; eq "bucket listed" "$(grep -c "s3://$B\$" "$W/out")" 1
step "cp small up" c cp --content-type text/plain --metadata k1=v1 "$W/small" "s3://$B/dir/small.txt"
step "cp empty up" c cp "$W/empty" "s3://$B/dir/empty"
step "cp large up (multipart 5 MiB)" c cp --part-size 5 "$W/large" "s3://$B/dir/large.bin"
step "cp small down" c cp "s3://$B/dir/small.txt" "$W/small.d"; same "small same" "$W/small" "$W/small.d"
step "cp empty down" c cp "s3://$B/dir/empty" "$W/empty.d"; same "empty same" "$W/empty" "$W/empty.d"
step "cp large down (parallel ranges)" c cp --part-size 5 --concurrency 4 "s3://$B/dir/large.bin" "$W/large.d"; same "large same" "$W/large" "$W/large.d"
step "cat" c cat "s3://$B/dir/large.bin"; same "cat same" "$W/large" "$W/out"
step "head" c --json head "s3://$B/dir/small.txt"; eq "type, size, metadata" "$(jq -r '[.content_type, .size, (.metadata | to_entries[] | select(.key | ascii_downcase == "k1").value)] | join(" ")' "$W/out")" "text/plain $(wc -c < "$W/small" | tr -d ' ') v1"
must_fail "head of a missing key" c head "s3://$B/none"; must_fail "cp of a missing key" c cp "s3://$B/none" "$W/none"
step "pipe (from stdin)" sh -c '"$0" --endpoint-url "$1" pipe "$2" < "$3"' "$S5CMD" "$ENDPOINT" "s3://$B/piped.bin" "$W/large"; step "piped down" c cp "s3://$B/piped.bin" "$W/piped.d"; same "piped same" "$W/large" "$W/piped.d"
step "cp tree up" c cp "$W/tree/" "s3://$B/tree/"; step "cp tree down" c cp "s3://$B/tree/*" "$W/tree.d/"; same_tree "tree same" "$W/tree" "$W/tree.d"
step "ls of a folder" c ls "s3://$B/tree/"; eq "two folders, two files" "$(awk '$1 == "DIR" {d++} $1 != "DIR" {f++} END {print d, f}' "$W/out")" "2 2"
step "ls of all" c ls "s3://$B/tree/*"; eq "number of files" "$(wc -l < "$W/out" | tr -d ' ')" "$(find "$W/tree" -type f | wc -l | tr -d ' ')"
step "ls of all, version 1" c --use-list-objects-v1 ls "s3://$B/tree/*"; eq "as many" "$(wc -l < "$W/out" | tr -d ' ')" "$(find "$W/tree" -type f | wc -l | tr -d ' ')"
step "ls of a pattern" c ls "s3://$B/tree/sub/file1*.bin"; eq "those that match" "$(wc -l < "$W/out" | tr -d ' ')" 3
step "du" c --json du "s3://$B/dir/*"; eq "bytes and objects" "$(jq -r '"\(.size) \(.count)"' "$W/out")" "$(cat "$W/small" "$W/large" | wc -c | tr -d ' ') 3"
step "sync again moves nothing" c sync --size-only "$W/tree/" "s3://$B/tree/"; eq "nothing moved" "$(wc -l < "$W/out" | tr -d ' ')" 0
rm "$W/tree/a.txt"; echo changed-content > "$W/tree/sub/file3.bin"; echo new > "$W/tree/new.txt"
step "sync up with --delete" c sync --delete "$W/tree/" "s3://$B/tree/"; step "sync down with --delete" c sync --delete "s3://$B/tree/*" "$W/tree.d/"; same_tree "tree same after change" "$W/tree" "$W/tree.d"
step "cp across buckets" c cp "s3://$B/tree/*" "s3://$B-2/copy/"; step "copy down" c cp "s3://$B-2/copy/*" "$W/copy.d/"; same_tree "copy same" "$W/tree" "$W/copy.d"
step "mv" c mv "s3://$B/dir/small.txt" "s3://$B/dir/moved ü.txt"; step "moved down" c cp "s3://$B/dir/moved ü.txt" "$W/moved.d"; same "moved same" "$W/small" "$W/moved.d"; must_fail "source of mv gone" c head "s3://$B/dir/small.txt"
step "presign" c presign --expire 5m "s3://$B/dir/large.bin"; U=$(cat "$W/out"); step "presigned GET" curl -sSf -o "$W/pres" "$U"; same "presigned same" "$W/large" "$W/pres"
i=0; while [ $i -lt 200 ]; do echo "cp '$W/small' 's3://$B/many/$i'"; i=$((i+1)); done > "$W/batch"
step "run: 200 at once" c run "$W/batch"; step "ls many" c ls "s3://$B/many/*"; eq "all there" "$(wc -l < "$W/out" | tr -d ' ')" 200
step "bucket-version" c bucket-version --set Enabled "s3://$B"; step "overwrite" c cp "$W/large" "s3://$B/many/0"; step "ls --all-versions" c ls --all-versions "s3://$B/many/0"; eq "two versions" "$(wc -l < "$W/out" | tr -d ' ')" 2
step "rm of a pattern (DeleteObjects)" c rm "s3://$B/many/*"; must_fail "nothing left" c ls "s3://$B/many/*"
must_fail "rb of a bucket with objects" c rb "s3://$B"
step "rm --all-versions" c rm --all-versions "s3://$B/*"; step "rb" c rb "s3://$B"; step "rm second" c rm "s3://$B-2/*"; step "rb second" c rb "s3://$B-2"
step "ls end" c ls; eq "buckets gone" "$(grep -c "s3://$B" "$W/out")" 0
