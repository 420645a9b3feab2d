#!/usr/bin/env bats
# Lifecycle rules: the document, the dates in headers, and the pipe that
# carries them out.  Days pass by --now: no test waits.

load s3

DAY=86400

# rules XML [CURL OPTION...]: put the document
rules() {
	printf %s "<LifecycleConfiguration>$1</LifecycleConfiguration>" \
	    >"$W/rules"
	shift
	s3 PUT "/$B?lifecycle=" -T "$W/rules" "$@"
}

# rule ID XML: an enabled rule for all keys
rule() {
	printf '<Rule><ID>%s</ID><Status>Enabled</Status>%s%s</Rule>' \
	    "$1" "${3:-<Filter/>}" "$2"
}

days() {
	printf '<Expiration><Days>%s</Days></Expiration>' "$1"
}

versioned() {
	printf %s '<VersioningConfiguration><Status>Enabled</Status>' \
	    '</VersioningConfiguration>' >"$W/versioning"
	s3 PUT "/$B?versioning=" -T "$W/versioning"
	code 200
}

# in_days N: the time then, as RFC 3339
in_days() {
	date -u -d "@$(($(date +%s) + $1 * DAY))" +%FT%TZ
}

# http_midnight N: the midnight after N days, as in headers
http_midnight() {
	LC_ALL=C date -u -d "@$((($(date +%s) / DAY + $1 + 1) * DAY))" \
	    '+%a, %d %b %Y 00:00:00 GMT'
}

# plan N [OPTION...]: what the pipe would do in N days, of this bucket
plan() {
	local then
	then=$(in_days "$1")
	shift
	vt-scan -q --data "$SERVE_DIR/data" --now "$then" |
	    grep -F "\"bucket\":\"$B\"" >"$W/scan" || true
	vt-plan -q --data "$SERVE_DIR/data" --now "$then" "$@" "$W/scan" \
	    >"$W/plan"
}

# migrate N [OPTION...]: carry the plan out, in N days
migrate() {
	local then
	then=$(in_days "$1")
	shift
	vt-migrate -q --data "$SERVE_DIR/data" --now "$then" "$@" \
	    "$W/plan" >"$W/done"
}

# pipe N: both
pipe() {
	plan "$1"
	migrate "$1"
}

# field NAME FILE: of its lines, sorted
field() {
	python3 -c 'import json,sys
for v in sorted(str(json.loads(l).get(sys.argv[1], "")) for l in
    open(sys.argv[2])): print(v)' "$1" "$2"
}

keys() {
	s3 GET "/$B?list-type=2"
	code 200
	x Key | paste -sd ' '
}

# Of ListObjectVersions: how many versions and delete markers.
count() {
	s3 GET "/$B?versions="
	code 200
	printf '%s %s' "$(grep -o '<Version>' "$W/body" | wc -l)" \
	    "$(grep -o '<DeleteMarker>' "$W/body" | wc -l)"
}

@test "a document comes back byte for byte, and goes" {
	covers GetBucketLifecycleConfiguration DeleteBucketLifecycle
	differs PutBucketLifecycleConfiguration \
	    'carried out when the pipe runs; classes need a tier'
	s3 GET "/$B?lifecycle="
	code 404 NoSuchLifecycleConfiguration
	printf '%s\n<!-- kept -->\n%s\n%s' '<?xml version="1.0"?>' \
	    '<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' \
	    " $(rule 'a&amp;b' "$(days 3)")</LifecycleConfiguration>" >"$W/doc"
	s3 PUT "/$B?lifecycle=" -T "$W/doc"
	code 200
	is "$(h x-amz-transition-default-minimum-object-size)" \
	    all_storage_classes_128K
	s3 GET "/$B?lifecycle="
	code 200
	cmp "$W/doc" "$W/body"
	is "$(h x-amz-transition-default-minimum-object-size)" \
	    all_storage_classes_128K
	s3 PUT "/$B?lifecycle=" -T "$W/doc" \
	    -H 'x-amz-transition-default-minimum-object-size: varies_by_storage_class'
	code 200
	s3 GET "/$B?lifecycle="
	cmp "$W/doc" "$W/body"
	is "$(h x-amz-transition-default-minimum-object-size)" \
	    varies_by_storage_class
	s3 PUT "/$B?lifecycle=" -T "$W/doc" \
	    -H 'x-amz-transition-default-minimum-object-size: some'
	code 400 InvalidRequest
	s3 DELETE "/$B?lifecycle="
	code 204
	s3 DELETE "/$B?lifecycle="
	code 204
	s3 GET "/$B?lifecycle="
	code 404 NoSuchLifecycleConfiguration
}

@test "boto3 puts, gets and deletes rules; those without an ID get one" {
	command -v python3 >/dev/null || skip 'no python3'
	/usr/bin/python3 - "$B" <<-'PY'
	import os, sys, boto3
	s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
	b = sys.argv[1]
	rules = [{"ID": "a", "Status": "Enabled", "Filter": {"And": {
	    "Prefix": "x/", "Tags": [{"Key": "k", "Value": "v"}],
	    "ObjectSizeGreaterThan": 5}}, "Expiration": {"Days": 40},
	    "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}]},
	    {"Status": "Disabled", "Filter": {"Prefix": ""},
	    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}}]
	s3.put_bucket_lifecycle_configuration(Bucket=b,
	    LifecycleConfiguration={"Rules": rules})
	got = s3.get_bucket_lifecycle_configuration(Bucket=b)["Rules"]
	assert got[0] == rules[0], got
	assert got[1].pop("ID"), got
	assert got[1] == rules[1], got
	s3.delete_bucket_lifecycle(Bucket=b)
	PY
}

@test "what is wrong is refused in AWS's words, and the old rules stay" {
	rules "$(rule keep "$(days 9)")"
	code 200
	rules "$(rule a "$(days 0)")"
	code 400 InvalidArgument
	rules "$(rule a "$(days 1)")$(rule a "$(days 2)")"
	code 400 InvalidArgument
	rules "$(rule a '')"
	code 400 InvalidRequest
	rules "$(rule a "$(days 1)" ' ')"
	code 400 MalformedXML
	rules ''
	code 400 MalformedXML
	# a class that no tier here answers for
	rules "$(rule a '<Transition><Days>1</Days><StorageClass>SNOW</StorageClass></Transition>')"
	code 400 InvalidStorageClass
	s3 GET "/$B?lifecycle="
	is "$(x ID)" keep
}

@test "x-amz-expiration: put, get, head, copy, complete; tags and versions" {
	versioned
	rules "$(rule 'in 3' "$(days 3)" '<Filter><Prefix>x</Prefix></Filter>'
	    rule tag "$(days 1)" '<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>')"
	code 200
	local want="expiry-date=\"$(http_midnight 3)\", rule-id=\"in%203\""
	local soon="expiry-date=\"$(http_midnight 1)\", rule-id=\"tag\""
	put x/1 one
	code 200
	is "$(h x-amz-expiration)" "$want"
	local old
	old=$(h x-amz-version-id)
	put x/1 two
	s3 GET "/$B/x/1"
	is "$(h x-amz-expiration)" "$want"
	s3 HEAD "/$B/x/1"
	is "$(h x-amz-expiration)" "$want"
	s3 GET "/$B/x/1?versionId=$old"
	code 200
	is "$(h x-amz-expiration)" ''
	put y one
	is "$(h x-amz-expiration)" ''
	s3 PUT "/$B/x/2" -H "x-amz-copy-source: $B/y"
	code 200
	is "$(h x-amz-expiration)" "$want"
	# the shortest wins
	put x/3 one -H 'x-amz-tagging: k=v'
	is "$(h x-amz-expiration)" "$soon"
	s3 POST "/$B/x/4?uploads="
	local id
	id=$(x UploadId)
	printf one >"$W/part"
	s3 PUT "/$B/x/4?partNumber=1&uploadId=$id" -T "$W/part"
	printf '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>' \
	    "$(h ETag)" >"$W/complete"
	s3 POST "/$B/x/4?uploadId=$id" --data-binary "@$W/complete"
	code 200
	is "$(h x-amz-expiration)" "$want"
}

@test "x-amz-abort-date: when an upload begins and its parts are listed" {
	rules "$(rule up '<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>')"
	code 200
	s3 POST "/$B/k?uploads="
	code 200
	is "$(h x-amz-abort-date)" "$(http_midnight 2)"
	is "$(h x-amz-abort-rule-id)" up
	s3 GET "/$B/k?uploadId=$(x UploadId)"
	is "$(h x-amz-abort-date)" "$(http_midnight 2)"
	is "$(h x-amz-abort-rule-id)" up
}

@test "objects expire when they are due, and not before" {
	put logs/a one
	put logs/b two -H 'x-amz-tagging: keep=no'
	put data/c three
	rules "$(rule logs "$(days 3)" '<Filter><Prefix>logs/</Prefix></Filter>')"
	plan 2
	[ ! -s "$W/plan" ]
	plan 5
	is "$(field action "$W/plan" | uniq)" expire
	is "$(field rule "$W/plan" | uniq)" logs
	is "$(field reason "$W/plan" | uniq)" \
	    "rule 'logs': expired 3 days after its creation"
	is "$(field key "$W/plan" | paste -sd ' ')" 'logs/a logs/b'
	# nobody is asked for more history, and nothing is done dry
	migrate 5 --dry-run
	is "$(field status "$W/done" | uniq)" expired
	is "$(field dry_run "$W/done" | uniq)" True
	is "$(keys)" 'data/c logs/a logs/b'
	# a plan is no authority: it is not due today
	migrate 0
	is "$(field status "$W/done" | uniq)" skipped
	is "$(keys)" 'data/c logs/a logs/b'
	migrate 5
	is "$(field status "$W/done" | uniq)" expired
	is "$(keys)" data/c
	grep -F '"actor":"lifecycle"' "$SERVE_DIR/data/access.jsonl" |
	    grep -F "\"bucket\":\"$B\"" |
	    grep -vF '"error"' >"$W/log"
	is "$(field op "$W/log" | uniq -c | tr -s ' ')" ' 2 S3.EXPIRE.OBJECT'
	migrate 5
	is "$(field status "$W/done" | uniq)" skipped
	plan 5
	[ ! -s "$W/plan" ]
}

@test "where there are versions: a marker, then the version, then the marker" {
	versioned
	put k one
	put k two
	rules "$(rule e "$(days 10)")$(rule n '<NoncurrentVersionExpiration><NoncurrentDays>5</NoncurrentDays></NoncurrentVersionExpiration>')"
	is "$(count)" '2 0'
	pipe 7
	is "$(field action "$W/plan")" expire-version
	is "$(count)" '1 0'
	pipe 12
	is "$(field action "$W/plan")" expire
	[ -n "$(field marker "$W/done")" ]
	is "$(count)" '1 1'
	s3 GET "/$B/k"
	code 404 NoSuchKey
	pipe 19
	is "$(field action "$W/plan")" expire-version
	is "$(count)" '0 1'
	pipe 20
	[ ! -s "$W/plan" ]
	pipe 24
	is "$(field action "$W/plan")" expire-marker
	is "$(count)" '0 0'
	# three log lines of it, as AWS names them
	grep -F '"actor":"lifecycle"' "$SERVE_DIR/data/access.jsonl" |
	    grep -F "\"bucket\":\"$B\"" >"$W/log"
	is "$(field op "$W/log" | uniq -c | tr -s ' ' | paste -sd ,)" \
	    ' 1 S3.CREATE.DELETEMARKER, 3 S3.EXPIRE.OBJECT'
}

@test "the newest noncurrent versions are kept; markers that hide something" {
	versioned
	for i in 1 2 3 4 5; do put k $i; done
	s3 DELETE "/$B/k"
	put gone 1
	local v
	v=$(h x-amz-version-id)
	s3 DELETE "/$B/gone"
	rules "$(rule n '<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>3</NewerNoncurrentVersions></NoncurrentVersionExpiration><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>')"
	code 200
	pipe 3
	is "$(field key "$W/plan" | uniq -c | tr -s ' ')" ' 2 k'
	is "$(count)" '4 2'
	s3 DELETE "/$B/gone?versionId=$v"
	pipe 3
	is "$(field key "$W/plan")" gone
	is "$(field action "$W/plan")" expire-marker
	is "$(count)" '3 1'
}

@test "uploads that are not completed are aborted" {
	s3 POST "/$B/a?uploads="
	local id
	id=$(x UploadId)
	printf some >"$W/part"
	s3 PUT "/$B/a?partNumber=1&uploadId=$id" -T "$W/part"
	s3 POST "/$B/b?uploads="
	rules "$(rule u '<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>' '<Filter><Prefix>a</Prefix></Filter>')"
	plan 1
	[ ! -s "$W/plan" ]
	plan 4
	is "$(field action "$W/plan")" abort-upload
	is "$(field upload "$W/plan")" "$id"
	is "$(field size "$W/plan")" 4
	migrate 4
	is "$(field status "$W/done")" aborted
	s3 GET "/$B?uploads="
	is "$(x Key)" b
	s3 GET "/$B/a?uploadId=$id"
	code 404 NoSuchUpload
}

@test "P3 what changed since the plan is not removed" {
	for k in same over tags gone; do put $k one; done
	rules "$(rule e "$(days 1)")"
	plan 3
	is "$(wc -l <"$W/plan")" 4
	put over two
	printf '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>' \
	    >"$W/tags"
	s3 PUT "/$B/tags?tagging=" -T "$W/tags"
	code 200
	s3 DELETE "/$B/gone"
	migrate 3
	is "$(field status "$W/done" | uniq -c | tr -s ' ' | paste -sd ,)" \
	    ' 1 expired, 3 skipped'
	is "$(keys)" 'over tags'
	# the rules were changed, or are gone
	plan 3
	is "$(wc -l <"$W/plan")" 2
	rules "$(rule e "$(days 1)")"
	migrate 3
	is "$(field status "$W/done" | uniq)" skipped
	plan 3
	s3 DELETE "/$B?lifecycle="
	migrate 3
	is "$(field status "$W/done" | uniq)" skipped
	is "$(keys)" 'over tags'
}

@test "P3 an edited plan removes nothing that no rule asks for" {
	put a one
	put b two
	rules "$(rule e "$(days 1)" '<Filter><Prefix>a</Prefix></Filter>')"
	plan 3
	is "$(field key "$W/plan")" a
	# the same words about the other object
	grep -F '"key":"b"' "$W/scan" >"$W/b"
	sed -i "s/\"key\":\"a\"/\"key\":\"b\"/
	    s/\"version\":\"[0-9a-f]*\"/\"version\":\"$(field version "$W/b")\"/
	    s/\"seq\":[0-9]*/\"seq\":$(field seq "$W/b")/" "$W/plan"
	migrate 3
	is "$(field status "$W/done")" skipped
	is "$(field reason "$W/done")" 'no rule of the bucket asks for this'
	sed -i 's/"expire"/"expire-version"/' "$W/plan"
	migrate 3
	is "$(field status "$W/done")" skipped
	# an action from the future is not taken for a move
	sed -i 's/"expire-version"/"shred"/' "$W/plan"
	! migrate 3 2>"$W/err" || false
	grep -q "'action'" "$W/err"
	is "$(keys)" 'a b'
}

@test "a plan is capped, and explained" {
	for k in a b c; do put $k "$k$k$k"; done
	rules "$(rule e "$(days 1)")$(rule t '<Transition><Days>0</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition>')"
	code 200
	plan 3 --max-objects 2 --max-bytes 0 --max-usd 0
	is "$(wc -l <"$W/plan")" 2
	plan 3
	vt-plan -q --data "$SERVE_DIR/data" --now "$(in_days 3)" \
	    --explain "$B/a" "$W/scan" >"$W/text"
	grep -q "expire: rule 'e': expired 1 day after its creation (due)" \
	    "$W/text"
	vt-plan -q --data "$SERVE_DIR/data" --now "$(in_days 0)" \
	    --explain "$B/a" "$W/scan" >"$W/text"
	! grep -q '(due)' "$W/text" || false
}

# big KEY: 200,000 bytes
big() {
	random_file "$W/big" 200000
	put_file "$1" "$W/big"
	code 200
}

class() {
	s3 HEAD "/$B/$1"
	code 200
	h x-amz-storage-class
}

@test "P6 a transition comes on its day, whether it pays or not, not before" {
	big a
	put small one
	local t='<Transition><Days>5</Days><StorageClass>GLACIER_IR</StorageClass></Transition>'
	rules "$(rule t "$t" '<Filter><Prefix></Prefix></Filter>')"
	code 200
	plan 4
	[ ! -s "$W/plan" ]
	# the log covers nothing of it, and small objects stay where they are
	plan 6
	is "$(field key "$W/plan")" a
	is "$(field to "$W/plan")" cold
	[[ $(field reason "$W/plan") == "rule 't': to GLACIER_IR 5 days after its creation"* ]]
	migrate 6
	is "$(field status "$W/done")" moved
	is "$(class a)" GLACIER_IR
	is "$(class small)" ''
	s3 GET "/$B/a"
	cmp "$W/big" "$W/body"
	plan 8
	[ ! -s "$W/plan" ]
}

@test "P6 no plan, made or edited, takes an object where rules bar it" {
	big a
	rules "$(rule t '<Transition><Days>5</Days><StorageClass>GLACIER_IR</StorageClass></Transition>')"
	plan 6
	# a day before, and to a colder class than the one that waits
	migrate 4
	is "$(field status "$W/done")" skipped
	[[ $(field reason "$W/done") == "rule 't' keeps it from GLACIER_IR until "* ]]
	sed -i 's/"to":"cold"/"to":"archive"/' "$W/plan"
	migrate 4
	is "$(field status "$W/done")" skipped
	is "$(class a)" ''
	# after it there is no way back
	pipe 6
	is "$(class a)" GLACIER_IR
	plan 6
	grep -F '"key":"a"' "$W/scan" | python3 -c 'import json,sys
r = json.loads(sys.stdin.read())
m = {k: r[k] for k in ("bucket", "key", "version", "seq", "generation",
    "bucket_generation", "copy", "size")}
m.update({"v": 1, "from": r["tier"], "to": "hot"})
print(json.dumps(m))' >"$W/plan"
	migrate 7
	is "$(field status "$W/done")" skipped
	is "$(class a)" GLACIER_IR
	# unless the rule goes
	s3 DELETE "/$B?lifecycle="
	sed -i 's/"bucket_generation": [0-9]*/"bucket_generation": 0/' "$W/plan"
	migrate 7
	is "$(field status "$W/done")" moved
	is "$(class a)" ''
}

@test "days as short as tests want, by configuration" {
	put a one
	rules "$(rule e "$(days 1)")"
	code 200
	sed 's/^{/{ "lifecycle_day": "1ms",/' "$SERVE_DIR/data/vaultaire.json" \
	    >"$W/short.json"
	vt-scan -q --data "$SERVE_DIR/data" --config "$W/short.json" |
	    grep -F "\"bucket\":\"$B\"" |
	    vt-plan -q --data "$SERVE_DIR/data" >"$W/plan"
	is "$(field action "$W/plan")" expire
	vt-migrate -q --data "$SERVE_DIR/data" --config "$W/short.json" \
	    "$W/plan" >"$W/done"
	is "$(field status "$W/done")" expired
}

@test 'P10 a rule with very many elements is refused at the first too many' {
	{
		printf '<LifecycleConfiguration><Rule>'
		printf '<ID/>%.0s' {1..45000}
		printf '</Rule></LifecycleConfiguration>'
	} >"$W/lc.xml"
	s3 PUT "/$B?lifecycle=" --data-binary "@$W/lc.xml" --max-time 10 \
	    -H "Content-MD5: $(b64 md5 "$W/lc.xml")"
	code 400 MalformedXML
}
