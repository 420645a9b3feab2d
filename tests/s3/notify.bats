#!/usr/bin/env bats
# Notifications: a real receiver on loopback, named by two webhooks.

load s3

# receiver DIR [PORT]: its URL in $HOOK.
receiver() {
	mkdir -p "$1"
	rm -f "$1/in" "$1/url"
	mkfifo "$1/in"
	exec 7<>"$1/in"
	python3 "$BATS_TEST_DIRNAME/webhook.py" "$1" ${2:+"$2"} <"$1/in" \
	    >"$1/url" 3>&- 4>&- 7>&- &
	HOOK_PID=$!
	wait_until test -s "$1/url"
	HOOK=$(cat "$1/url")
}

setup_file() {
	command -v python3 >/dev/null || skip 'no python3'
	export IN=$BATS_FILE_TMPDIR/in
	receiver "$IN"
	export HOOK HOOK_PID
	mkdir "$BATS_FILE_TMPDIR/data"
	printf 'a-token\n' >"$BATS_FILE_TMPDIR/data/token"
	cat >"$BATS_FILE_TMPDIR/data/vaultaire.json" <<-END
	{ "tiers": [
	  { "name": "hot", "url": "file:tiers/hot",
	    "storage_class": "STANDARD", "inline": true },
	  { "name": "glacier", "url": "file:tiers/glacier",
	    "storage_class": "GLACIER", "restore_delay": "100ms" } ],
	  "webhooks": [
	  { "name": "orders", "url": "$HOOK" },
	  { "name": "secret", "url": "$HOOK", "token_file": "token" } ] }
	END
	serve_start "$BATS_FILE_TMPDIR"
}

teardown_file() {
	[ -z "${HOOK_PID:-}" ] || kill "$HOOK_PID"
	serve_stop
	serve_said "$BATS_FILE_TMPDIR"
}

# want XML...: the bucket's rules.
want() {
	printf '<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</NotificationConfiguration>' \
	    "$*" >"$W/rules"
	s3 PUT "/$B?notification=" --data-binary "@$W/rules"
}

# rule EVENT [FILTER [WEBHOOK [ID]]]
rule() {
	printf '<QueueConfiguration>%s<Queue>arn:aws:sqs:us-east-1:0:%s</Queue><Event>%s</Event>%s</QueueConfiguration>' \
	    "${4:+<Id>$4</Id>}" "${3:-orders}" "$1" "${2:-}"
}

# prefix P, suffix P
prefix() {
	printf '<Filter><S3Key><FilterRule><Name>prefix</Name><Value>%s</Value></FilterRule></S3Key></Filter>' "$1"
}

# got JQ: of the messages about this test's bucket, in order of arrival.
got() {
	find "$IN" -name '*.json' -print0 | sort -z | xargs -0 -r cat |
	    jq -r "select(.Records[0].s3.bucket.name == \"$B\") |
	    .Records[0] | $1"
}

# until_got JQ TEXT
until_got() {
	wait_until has_got "$@"
}

has_got() {
	is "$(got "$1")" "$2"
}

# own: a server and a receiver in $W, or the server once more
own() {
	if [ ! -d "$W/data" ]; then
		mkdir -p "$W/data"
		receiver "$W/in"
		IN=$W/in
		sed "s|http://[^\"]*|$HOOK|" \
		    "$BATS_FILE_TMPDIR/data/vaultaire.json" \
		    >"$W/data/vaultaire.json"
		cp "$BATS_FILE_TMPDIR/data/token" "$W/data"
	fi
	serve_start "$W"
	OWN=1
}

teardown() {
	[ -z "${OWN:-}" ] || serve_stop
}

# waiting COUNT: so many events are
waiting() {
	curl -s "$SERVE_ADMIN/metrics" |
	    grep -x "vt_events_waiting{webhook=\"orders\"} $1"
}

@test "created, removed: one message each, with what it was" {
	want "$(rule 's3:ObjectCreated:*' '' orders new)$(rule 's3:ObjectRemoved:*')"
	code 200
	put a%20dir/b%2Bc text
	etag=$(h ETag)
	until_got .eventName ObjectCreated:Put
	is "$(got .s3.object.key)" a+dir/b%2Bc
	is "$(got .s3.object.size)" 4
	is "\"$(got .s3.object.eTag)\"" "$etag"
	is "$(got .s3.object.versionId)" null
	is "$(got .s3.configurationId)" new
	is "$(got .eventVersion)" 2.3
	is "$(got .eventSource)" aws:s3
	is "$(got .requestParameters.sourceIPAddress)" 127.0.0.1
	is "$(got '.responseElements["x-amz-request-id"] | length > 0')" true
	is "$(got .s3.bucket.arn)" "arn:aws:s3:::$B"
	s3 PUT "/$B/copy" -H "x-amz-copy-source: /$B/a%20dir/b%2Bc"
	code 200
	s3 DELETE "/$B/copy"
	# deleting nothing is no event
	s3 DELETE "/$B/none"
	printf '<Delete><Object><Key>a dir/b+c</Key></Object></Delete>' >"$W/d"
	s3 POST "/$B?delete=" --data-binary "@$W/d" \
	    -H "Content-MD5: $(openssl md5 -binary <"$W/d" | base64)"
	code 200
	until_got .eventName $'ObjectCreated:Put\nObjectCreated:Copy\nObjectRemoved:Delete\nObjectRemoved:Delete'
	# of one key, the later has the greater sequencer
	is "$(got 'select(.s3.object.key == "copy") | .s3.object.sequencer')" \
	    "$(got 'select(.s3.object.key == "copy") | .s3.object.sequencer' | sort)"
}

@test "multipart, tagging, versions and markers" {
	s3 PUT "/$B?versioning=" --data-binary '<VersioningConfiguration>
<Status>Enabled</Status></VersioningConfiguration>'
	want "$(rule 's3:ObjectCreated:CompleteMultipartUpload')$(rule 's3:ObjectTagging:*')$(rule 's3:ObjectRemoved:*')"
	code 200
	s3 POST "/$B/k?uploads="
	id=$(x UploadId)
	s3 PUT "/$B/k?partNumber=1&uploadId=$id" --data-binary part
	printf '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>' \
	    "$(h ETag)" >"$W/c"
	s3 POST "/$B/k?uploadId=$id" --data-binary "@$W/c"
	code 200
	version=$(h x-amz-version-id)
	s3 PUT "/$B/k?tagging=" --data-binary '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>'
	s3 DELETE "/$B/k?tagging="
	s3 DELETE "/$B/k"
	marker=$(h x-amz-version-id)
	s3 DELETE "/$B/k?versionId=$version"
	until_got .eventName $'ObjectCreated:CompleteMultipartUpload\nObjectTagging:Put\nObjectTagging:Delete\nObjectRemoved:DeleteMarkerCreated\nObjectRemoved:Delete'
	is "$(got .s3.object.versionId)" "$version
$version
$version
$marker
$version"
}

@test "restores and transitions" {
	want "$(rule 's3:ObjectRestore:*')$(rule s3:LifecycleTransition)"
	code 200
	put_file k /usr/bin/env -H 'x-amz-storage-class: GLACIER'
	s3 POST "/$B/k?restore=" --data-binary '<RestoreRequest><Days>1</Days></RestoreRequest>'
	code 202
	until_got .eventName $'ObjectRestore:Post\nObjectRestore:Completed'
	is "$(got .glacierEventData.restoreEventData.lifecycleRestoreStorageClass)" $'null\nGLACIER'
	vt-scan --data "$SERVE_DIR/data" | grep "\"bucket\":\"$B\"" |
	    jq -c '{v: 1, bucket, key, version, seq, generation,
	    bucket_generation, copy, from: .tier, to: "hot", size}' |
	    vt-migrate --data "$SERVE_DIR/data" -
	until_got .eventName $'ObjectRestore:Post\nObjectRestore:Completed\nLifecycleTransition'
	is "$(got .lifecycleEventData.transitionEventData.destinationStorageClass | tail -n 1)" STANDARD
}

@test "filters; a token; a message for each webhook" {
	want "$(rule 's3:ObjectCreated:Put' "$(prefix in/)" secret)$(rule 's3:ObjectCreated:Put' "$(prefix out/)")"
	code 200
	put other text
	put in/1 text
	put out/2 text
	# in any order: each webhook has its own thread
	both() {
		is "$(got .s3.object.key | sort)" $'in/1\nout/2'
	}
	wait_until both
	for f in "$IN"/*.json; do
		key=$(jq -r ".Records[0].s3 | select(.bucket.name == \"$B\") |
		    .object.key" "$f")
		[ "$key" != in/1 ] || is "$(cat "${f%.json}.auth")" 'Bearer a-token'
		[ "$key" != out/2 ] || is "$(cat "${f%.json}.auth")" ''
	done
}

@test "the document: kept with an Id, given back, checked, removed" {
	differs GetBucketNotificationConfiguration \
	    PutBucketNotificationConfiguration \
	    'an ARN names a webhook of the configuration'
	s3 GET "/$B?notification="
	code 200
	[ -z "$(x Event)" ]
	want "$(rule s3:ObjectCreated:Put "$(prefix 'a&amp;b')")"
	code 200
	s3 GET "/$B?notification="
	code 200
	is "$(x Event)" s3:ObjectCreated:Put
	is "$(x Queue)" arn:aws:sqs:us-east-1:0:orders
	is "$(x Value)" 'a&b'
	[ -n "$(x Id)" ]
	want "$(rule s3:ObjectCreated:Put '' nobody)"
	code 400 InvalidArgument
	[[ $(x Message) == *nobody* ]]
	want "$(rule s3:ObjectEaten:Whole)"
	code 400 InvalidArgument
	want "$(rule s3:ObjectCreated:Put)$(rule 's3:ObjectCreated:*')"
	code 400 InvalidArgument
	[[ $(x Message) == *overlap* ]]
	want '<QueueConfiguration></QueueConfiguration>'
	code 400 MalformedXML
	want '<EventBridgeConfiguration></EventBridgeConfiguration>'
	code 400 MalformedXML
	# what is refused changes nothing
	s3 GET "/$B?notification="
	is "$(x Event)" s3:ObjectCreated:Put
	want ''
	code 200
	put k text
	s3 GET "/$B?notification="
	[ -z "$(x Event)" ]
	is "$(got .eventName)" ''
}

@test "P4 an event outlives a refusing receiver and a kill, and comes once it can" {
	own
	s3 PUT "/$B"
	want "$(rule s3:ObjectCreated:Put)"
	code 200
	echo 503 >"$W/in/refuse"
	put k text
	code 200
	wait_until test -s "$W/in/refused"
	waiting 1
	kill -9 "$SERVE_PID"
	wait "$SERVE_PID" || :
	# gone altogether for a while
	port=${HOOK##*:}
	port=${port%/*}
	kill "$HOOK_PID"
	wait "$HOOK_PID" 2>/dev/null || true
	own
	rm "$W/in/refuse"
	receiver "$W/in" "$port"
	until_got .s3.object.key k
	wait_until waiting 0
}

@test "P4 a webhook that does not answer holds no stop up, and misses nothing" {
	own
	s3 PUT "/$B"
	want "$(rule s3:ObjectCreated:Put)"
	code 200
	touch "$W/in/stall"
	put k text
	code 200
	wait_until test -e "$W/in/stalled"
	serve_stop
	rm "$W/in/stall"
	own
	until_got .s3.object.key k
	wait_until waiting 0
}
