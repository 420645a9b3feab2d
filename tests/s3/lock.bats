#!/usr/bin/env bats
# Object lock: the bucket's default, retention, legal hold, and that nothing
# destroys what they hold (P3).

load s3

teardown() {
	[ -z "${OWN:-}" ] || serve_stop
}

# own [OPTION...]: a server of the test's own, or that one once more
own() {
	[ -z "${OWN:-}" ] || serve_stop
	serve_start "$W/own" "$@"
	OWN=1
}

# xml METHOD TARGET BODY [CURL OPTION...]: with the digest S3 wants
xml() {
	local method=$1 target=$2
	printf %s "$3" >"$W/xml"
	shift 3
	s3 "$method" "$target" --data-binary "@$W/xml" \
	    -H "Content-MD5: $(b64 md5 "$W/xml")" "$@"
}

# lput KEY TEXT [CURL OPTION...]: put with a digest; the version in $v
lput() {
	printf %s "$2" >"$W/sum"
	put "$@" -H "Content-MD5: $(b64 md5 "$W/sum")"
	v=$(h x-amz-version-id)
}

# A bucket with object lock: $L.
locked() {
	L=$B-lock
	s3 PUT "/$L" -H 'x-amz-bucket-object-lock-enabled: true'
	code 200
	B=$L
}

# day OFFSET: "+1 day" as S3 writes it
day() {
	date -u -d "$1" +%Y-%m-%dT%H:%M:%S.000Z
}

versioning() {
	s3 PUT "/$B?versioning=" --data-binary \
	    "<VersioningConfiguration><Status>$1</Status></VersioningConfiguration>"
}

# default RULE: the bucket's configuration
default() {
	xml PUT "/$B?object-lock=" "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>$1</ObjectLockConfiguration>"
}

rule() {
	default "<Rule><DefaultRetention>$1</DefaultRetention></Rule>"
}

# retain KEY MODE DATE [VERSION [CURL OPTION...]]
retain() {
	xml PUT "/$B/$1?retention=${4:+&versionId=$4}" "<Retention><Mode>$2</Mode><RetainUntilDate>$3</RetainUntilDate></Retention>" \
	    "${@:5}"
}

# hold KEY STATUS [VERSION]
hold() {
	xml PUT "/$B/$1?legal-hold=${3:+&versionId=$3}" \
	    "<LegalHold><Status>$2</Status></LegalHold>"
}

bypass=(-H 'x-amz-bypass-governance-retention: true')

@test 'a bucket made with object lock is versioned and stays so' {
	locked
	s3 GET "/$B?versioning="
	is "$(x Status)" Enabled
	s3 GET "/$B?object-lock="
	code 200
	is "$(x ObjectLockEnabled)" Enabled
	is "$(x Mode)" ''
	versioning Suspended
	code 409 InvalidBucketState
	versioning Enabled
	code 200
	# made again, the lock would be believed
	s3 PUT "/$B" -H 'x-amz-bucket-object-lock-enabled: true'
	code 409 BucketAlreadyOwnedByYou
	s3 PUT "/$B-no" -H 'x-amz-bucket-object-lock-enabled: false'
	code 200
	s3 GET "/$B-no?object-lock="
	code 404 ObjectLockConfigurationNotFoundError
	s3 PUT "/$B-what" -H 'x-amz-bucket-object-lock-enabled: maybe'
	code 400 InvalidArgument
	s3 DELETE "/$B?object-lock="
	code 405 MethodNotAllowed
}

@test 'object lock on a bucket that exists wants versioning' {
	default ''
	code 409 InvalidBucketState
	versioning Suspended
	default ''
	code 409 InvalidBucketState
	versioning Enabled
	lput before x
	default ''
	code 200
	s3 GET "/$B?object-lock="
	is "$(x ObjectLockEnabled)" Enabled
	versioning Suspended
	code 409 InvalidBucketState
	# what was there before can be locked now
	retain before COMPLIANCE "$(day '+1 day')"
	code 200
	s3 DELETE "/$B/before?versionId=$v"
	code 403 AccessDenied
}

@test 'the configuration: what is sound and what is not' {
	covers GetObjectLockConfiguration PutObjectLockConfiguration
	locked
	while IFS='|' read -r want code text; do
		rule "$text"
		code "$want" $code
	done <<-'EOT'
		200||<Mode>GOVERNANCE</Mode><Days>1</Days>
		200||<Mode>COMPLIANCE</Mode><Days>36500</Days>
		200||<Mode>COMPLIANCE</Mode><Years>100</Years>
		400|MalformedXML|<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>
		400|MalformedXML|<Mode>GOVERNANCE</Mode>
		400|MalformedXML|<Days>1</Days>
		400|MalformedXML|<Mode>governance</Mode><Days>1</Days>
		400|MalformedXML|<Mode>NONE</Mode><Days>1</Days>
		400|MalformedXML|<Mode>GOVERNANCE</Mode><Days>one</Days>
		400|MalformedXML|<Mode>GOVERNANCE</Mode><Days></Days>
		400|MalformedXML|<Mode>GOVERNANCE</Mode><Days>1.5</Days>
		400|InvalidRetentionPeriod|<Mode>GOVERNANCE</Mode><Days>0</Days>
		400|InvalidRetentionPeriod|<Mode>GOVERNANCE</Mode><Days>-1</Days>
		400|InvalidRetentionPeriod|<Mode>GOVERNANCE</Mode><Days>36501</Days>
		400|InvalidRetentionPeriod|<Mode>GOVERNANCE</Mode><Days>99999999999999999999</Days>
		400|InvalidRetentionPeriod|<Mode>GOVERNANCE</Mode><Years>101</Years>
		400|InvalidRetentionPeriod|<Mode>GOVERNANCE</Mode><Years>-1</Years>
	EOT
	default '<Rule></Rule>'
	code 400 MalformedXML
	xml PUT "/$B?object-lock=" '<ObjectLockConfiguration><ObjectLockEnabled>Disabled</ObjectLockEnabled></ObjectLockConfiguration>'
	code 400 MalformedXML
	xml PUT "/$B?object-lock=" '<ObjectLockConfiguration/>'
	code 400 MalformedXML
	xml PUT "/$B?object-lock=" '<Lock'
	code 400 MalformedXML
	# the last sound one stands
	s3 GET "/$B?object-lock="
	is "$(x Mode) $(x Years)" 'COMPLIANCE 100'
	# a body may not be changed on its way
	s3 PUT "/$B?object-lock=" --data-binary '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>'
	code 400 InvalidRequest
	s3 PUT "/$B?object-lock=" --data-binary '<ObjectLockConfiguration/>' \
	    -H 'Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg=='
	code 400 BadDigest
}

@test 'the bucket default is on every new version' {
	locked
	rule '<Mode>GOVERNANCE</Mode><Days>3</Days>'
	code 200
	# 3 days to the minute, if this host is slow
	near() {
		local at
		at=$(date -u -d "$(h x-amz-object-lock-retain-until-date)" +%s)
		[ $((at - $(date +%s) - 3 * 86400)) -gt -60 ]
		[ $((at - $(date +%s) - 3 * 86400)) -le 1 ]
		is "$(h x-amz-object-lock-mode)" GOVERNANCE
		is "$(h x-amz-object-lock-legal-hold)" ''
	}
	lput a x
	code 200
	s3 HEAD "/$B/a"
	near
	s3 PUT "/$B/b" -H "x-amz-copy-source: /$B/a"
	code 200
	s3 HEAD "/$B/b"
	near
	s3 POST "/$B/m?uploads="
	id=$(x UploadId)
	printf part >"$W/part"
	s3 PUT "/$B/m?partNumber=1&uploadId=$id" -T "$W/part"
	code 400 InvalidRequest
	s3 PUT "/$B/m?partNumber=1&uploadId=$id" -T "$W/part" \
	    -H "Content-MD5: $(b64 md5 "$W/part")"
	code 200
	s3 POST "/$B/m?uploadId=$id" --data-binary "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>$(h etag)</ETag></Part></CompleteMultipartUpload>"
	code 200
	v=$(h x-amz-version-id)
	s3 HEAD "/$B/m"
	near
	s3 DELETE "/$B/m?versionId=$v"
	code 403 AccessDenied
	# one of its own goes before; a hold alone leaves the default
	d=$(day '+9 days')
	lput own x -H 'x-amz-object-lock-mode: COMPLIANCE' \
	    -H "x-amz-object-lock-retain-until-date: $d"
	s3 HEAD "/$B/own"
	is "$(h x-amz-object-lock-mode)" COMPLIANCE
	is "$(h x-amz-object-lock-retain-until-date)" "$d"
	lput held x -H 'x-amz-object-lock-legal-hold: OFF'
	s3 HEAD "/$B/held"
	is "$(h x-amz-object-lock-mode)" GOVERNANCE
	is "$(h x-amz-object-lock-legal-hold)" OFF
	# a delete marker is not locked
	s3 DELETE "/$B/a"
	code 204
	s3 DELETE "/$B/a?versionId=$(h x-amz-version-id)"
	code 204
	# taken away, it is no longer on new ones
	default ''
	put free x
	code 200
	s3 HEAD "/$B/free"
	is "$(h x-amz-object-lock-mode)" ''
}

@test 'locks of one write: put, copy, upload' {
	locked
	d=$(day '+1 day')
	how=(-H 'x-amz-object-lock-mode: GOVERNANCE'
	    -H "x-amz-object-lock-retain-until-date: $d"
	    -H 'x-amz-object-lock-legal-hold: ON')
	says() {
		is "$(h x-amz-object-lock-mode)" GOVERNANCE
		is "$(h x-amz-object-lock-retain-until-date)" "$d"
		is "$(h x-amz-object-lock-legal-hold)" ON
	}
	lput a hello "${how[@]}"
	code 200
	s3 HEAD "/$B/a"
	says
	s3 GET "/$B/a"
	says
	s3 GET "/$B/a" -H 'Range: bytes=1-2'
	code 206
	says
	# a copy does not carry its source's
	s3 PUT "/$B/b" -H "x-amz-copy-source: /$B/a"
	code 200
	s3 HEAD "/$B/b"
	is "$(h x-amz-object-lock-mode)$(h x-amz-object-lock-legal-hold)" ''
	s3 PUT "/$B/c" -H "x-amz-copy-source: /$B/a" "${how[@]}"
	code 200
	s3 HEAD "/$B/c"
	says
	s3 POST "/$B/m?uploads=" "${how[@]}"
	code 200
	id=$(x UploadId)
	printf part >"$W/part"
	s3 PUT "/$B/m?partNumber=1&uploadId=$id" -T "$W/part" \
	    -H "x-amz-checksum-sha256: $(b64 sha256 "$W/part")"
	code 200
	s3 POST "/$B/m?uploadId=$id" --data-binary "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>$(h etag)</ETag></Part></CompleteMultipartUpload>"
	code 200
	s3 HEAD "/$B/m"
	says
}

@test 'locks that a write may not ask for' {
	d=$(day '+1 day')
	lput x x -H 'x-amz-object-lock-mode: GOVERNANCE' \
	    -H "x-amz-object-lock-retain-until-date: $d"
	code 400 InvalidRequest
	lput x x -H 'x-amz-object-lock-legal-hold: ON'
	code 400 InvalidRequest
	s3 POST "/$B/x?uploads=" -H 'x-amz-object-lock-legal-hold: ON'
	code 400 InvalidRequest
	locked
	lput x x -H 'x-amz-object-lock-mode: GOVERNANCE'
	code 400 InvalidArgument
	lput x x -H "x-amz-object-lock-retain-until-date: $d"
	code 400 InvalidArgument
	lput x x -H 'x-amz-object-lock-mode: governance' \
	    -H "x-amz-object-lock-retain-until-date: $d"
	code 400 InvalidArgument
	lput x x -H 'x-amz-object-lock-mode: GOVERNANCE' \
	    -H "x-amz-object-lock-retain-until-date: $(day '-1 day')"
	code 400 InvalidArgument
	lput x x -H 'x-amz-object-lock-mode: GOVERNANCE' \
	    -H 'x-amz-object-lock-retain-until-date: tomorrow'
	code 400 InvalidArgument
	lput x x -H 'x-amz-object-lock-legal-hold: on'
	code 400 InvalidArgument
	# the bytes must come with a checksum
	put x x -H 'x-amz-object-lock-legal-hold: ON'
	code 400 InvalidRequest
	[[ $(x Message) == *'Content-MD5 OR x-amz-checksum- HTTP header'* ]]
	put x x
	code 200
	s3 HEAD "/$B/x"
	is "$(h x-amz-object-lock-mode)" ''
}

@test 'retention of a version' {
	covers GetObjectRetention PutObjectRetention
	lput plain x
	retain plain GOVERNANCE "$(day '+1 day')"
	code 400 InvalidRequest
	s3 GET "/$B/plain?retention="
	code 400 InvalidRequest
	locked
	lput k one
	v1=$v
	lput k two
	s3 GET "/$B/k?retention="
	code 404 NoSuchObjectLockConfiguration
	d=$(day '+1 day')
	retain k GOVERNANCE "$d" "$v1"
	code 200
	is "$(h x-amz-version-id)" "$v1"
	s3 GET "/$B/k?retention=&versionId=$v1"
	code 200
	is "$(x Mode) $(x RetainUntilDate)" "GOVERNANCE $d"
	s3 GET "/$B/k?retention="
	code 404 NoSuchObjectLockConfiguration
	# the time of another zone, finer than a millisecond: never earlier
	retain k GOVERNANCE 2099-12-31T23:59:59.000001+01:00
	code 200
	s3 GET "/$B/k?retention="
	is "$(x RetainUntilDate)" 2099-12-31T22:59:59.001Z
	for bad in '<Mode>x</Mode><RetainUntilDate>2099-01-01T00:00:00Z</RetainUntilDate>' \
	    '<Mode>COMPLIANCE</Mode>' \
	    '<RetainUntilDate>2099-01-01T00:00:00Z</RetainUntilDate>'; do
		xml PUT "/$B/k?retention=" "<Retention>$bad</Retention>"
		code 400 MalformedXML
	done
	retain k GOVERNANCE 1999-01-01T00:00:00Z
	code 400 InvalidArgument
	retain none GOVERNANCE "$d"
	code 404 NoSuchKey
	retain k GOVERNANCE "$d" 00112233445566778899aabbccddeeff
	code 404 NoSuchVersion
	s3 PUT "/$B/k?retention=" --data-binary '<Retention/>'
	code 400 InvalidRequest
	# not of a delete marker
	s3 DELETE "/$B/k"
	m=$(h x-amz-version-id)
	retain k GOVERNANCE "$d" "$m"
	code 405 MethodNotAllowed
	retain k GOVERNANCE "$d"
	code 404 NoSuchKey
	hold k ON "$m"
	code 405 MethodNotAllowed
	s3 DELETE "/$B/k?retention="
	code 405 MethodNotAllowed
}

@test 'retention is weakened by nobody, or who may pass over GOVERNANCE' {
	locked
	near=$(day '+1 day') far=$(day '+9 days')
	lput g x
	retain g GOVERNANCE "$far"
	code 200
	retain g GOVERNANCE "$near"
	code 403 AccessDenied
	retain g COMPLIANCE "$far"
	code 403 AccessDenied
	xml PUT "/$B/g?retention=" '<Retention/>'
	code 403 AccessDenied
	retain g GOVERNANCE "$(day '+10 days')"
	code 200
	retain g GOVERNANCE "$near" '' "${bypass[@]}"
	code 200
	xml PUT "/$B/g?retention=" '<Retention/>' "${bypass[@]}"
	code 200
	s3 GET "/$B/g?retention="
	code 404 NoSuchObjectLockConfiguration
	retain g GOVERNANCE "$near"
	retain g COMPLIANCE "$far" '' "${bypass[@]}"
	code 200
	for mode in GOVERNANCE COMPLIANCE; do
		retain g "$mode" "$near" '' "${bypass[@]}"
		code 403 AccessDenied
	done
	retain g GOVERNANCE "$far" '' "${bypass[@]}"
	code 403 AccessDenied
	xml PUT "/$B/g?retention=" '<Retention/>' "${bypass[@]}"
	code 403 AccessDenied
	retain g COMPLIANCE "$(day '+10 days')"
	code 200
	# tags and holds are no part of it
	s3 PUT "/$B/g?tagging=" --data-binary '<Tagging><TagSet/></Tagging>'
	code 200
	s3 GET "/$B/g?retention="
	is "$(x Mode)" COMPLIANCE
}

@test 'legal hold' {
	covers GetObjectLegalHold PutObjectLegalHold
	lput plain x
	hold plain ON
	code 400 InvalidRequest
	s3 GET "/$B/plain?legal-hold="
	code 400 InvalidRequest
	locked
	lput k x
	s3 GET "/$B/k?legal-hold="
	code 404 NoSuchObjectLockConfiguration
	hold k ON
	code 200
	is "$(h x-amz-version-id)" "$v"
	s3 GET "/$B/k?legal-hold=&versionId=$v"
	is "$(x Status)" ON
	s3 DELETE "/$B/k?versionId=$v" "${bypass[@]}"
	code 403 AccessDenied
	hold k OFF "$v"
	code 200
	s3 GET "/$B/k?legal-hold="
	is "$(x Status)" OFF
	for bad in Off '' 1; do
		hold k "$bad"
		code 400 MalformedXML
	done
	s3 DELETE "/$B/k?versionId=$v"
	code 204
}

# refuses KEY VERSION TEXT: every way to destroy it, none of which may
refuses() {
	local key=$1 id=$2 text=$3 how
	for how in "${@:4}"; do
		case $how in
		delete)
			s3 DELETE "/$B/$key?versionId=$id"
			code 403 AccessDenied ;;
		bypass)
			s3 DELETE "/$B/$key?versionId=$id" "${bypass[@]}"
			code 403 AccessDenied ;;
		batch)
			xml POST "/$B?delete=" "<Delete><Object><Key>$key</Key><VersionId>$id</VersionId></Object></Delete>"
			code 200
			is "$(x Code) $(x VersionId)" "AccessDenied $id" ;;
		batch-bypass)
			xml POST "/$B?delete=" "<Delete><Object><Key>$key</Key><VersionId>$id</VersionId></Object></Delete>" "${bypass[@]}"
			code 200
			is "$(x Code)" AccessDenied ;;
		hidden)
			# a marker, an overwrite and a copy only hide it
			s3 DELETE "/$B/$key"
			code 204
			lput "$key" new
			code 200
			s3 PUT "/$B/$key" -H "x-amz-copy-source: /$B/$key" \
			    -H 'x-amz-metadata-directive: REPLACE'
			code 200 ;;
		suspend)
			versioning Suspended
			code 409 InvalidBucketState ;;
		bucket)
			s3 DELETE "/$B"
			code 409 BucketNotEmpty ;;
		gc)
			vt-migrate --gc --ignore-grace --quiet \
			    --data "$SERVE_DIR/data" >"$W/gc" ;;
		esac
		s3 GET "/$B/$key?versionId=$id"
		code 200
		body_is "$text"
	done
}

@test 'P3 no path destroys a locked version, in no mode' {
	locked
	d=$(day '+1 day')
	every=(delete batch hidden suspend bucket gc)
	strict=(bypass batch-bypass)
	lput g governed
	retain g GOVERNANCE "$d"
	refuses g "$v" governed "${every[@]}"
	lput c complied
	retain c COMPLIANCE "$d"
	refuses c "$v" complied "${every[@]}" "${strict[@]}"
	lput h held
	hold h ON
	refuses h "$v" held "${every[@]}" "${strict[@]}"
	# a hold beside a retention that may be passed over still holds
	lput b both -H 'x-amz-object-lock-mode: GOVERNANCE' \
	    -H "x-amz-object-lock-retain-until-date: $d" \
	    -H 'x-amz-object-lock-legal-hold: ON'
	refuses b "$v" both "${every[@]}" "${strict[@]}"
	# a null version of before
	B=$B-null
	s3 PUT "/$B"
	lput n null
	versioning Enabled
	default ''
	retain n COMPLIANCE "$d"
	code 200
	refuses n null null "${every[@]}" "${strict[@]}"
}

@test 'P3 what is locked goes when its time has come, and not before' {
	own
	locked
	d=$(day '+2 days')
	for mode in GOVERNANCE COMPLIANCE; do
		lput "$mode" x
		retain "$mode" "$mode" "$d"
		code 200
		declare "$mode=$v"
	done
	lput held x
	hold held ON
	held=$v
	own --clock-offset 47h
	for mode in GOVERNANCE COMPLIANCE; do
		refuses "$mode" "${!mode}" x delete batch gc
	done
	refuses held "$held" x delete batch gc
	# a clock set back keeps longer
	own --clock-offset -9d
	refuses COMPLIANCE "$COMPLIANCE" x delete bypass batch gc
	own --clock-offset 49h
	for mode in GOVERNANCE COMPLIANCE; do
		# it may be locked again, or go
		s3 GET "/$B/$mode?retention="
		is "$(x Mode) $(x RetainUntilDate)" "$mode $d"
		s3 DELETE "/$B/$mode?versionId=${!mode}"
		code 204
		s3 GET "/$B/$mode?versionId=${!mode}"
		code 404 NoSuchVersion
	done
	refuses held "$held" x delete batch bypass gc
}

@test 'P3 a hold or a delete, never both' {
	locked
	export B
	run -0 python3 - <<-'EOT'
		import os, threading, boto3
		from botocore.exceptions import ClientError
		s3 = [boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"],
		    region_name="us-east-1") for _ in range(2)]
		bucket = os.environ["B"]
		wins = {"hold": 0, "delete": 0}
		for i in range(30):
		    key = "k%d" % i
		    v = s3[0].put_object(Bucket=bucket, Key=key, Body=b"x")["VersionId"]
		    gate = threading.Barrier(2)
		    done = {}
		    def call(name, fn, **how):
		        gate.wait()
		        try:
		            fn(Bucket=bucket, Key=key, VersionId=v, **how)
		            done[name] = "ok"
		        except ClientError as e:
		            done[name] = e.response["Error"]["Code"]
		    t = [threading.Thread(target=call, args=("hold", s3[0].put_object_legal_hold),
		         kwargs={"LegalHold": {"Status": "ON"}}),
		         threading.Thread(target=call, args=("delete", s3[1].delete_object))]
		    if i % 2:
		        t.reverse()
		    for x in t: x.start()
		    for x in t: x.join()
		    if done["hold"] == "ok":
		        assert done["delete"] == "AccessDenied", done
		        assert s3[0].get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"
		        wins["hold"] += 1
		    else:
		        assert done == {"hold": "NoSuchVersion", "delete": "ok"}, done
		        wins["delete"] += 1
		print(wins)
	EOT
	[[ $output == *hold*delete* ]]
}

@test 'P3 a move keeps a locked version whole and locked' {
	own
	locked
	cd "$SERVE_DIR"
	random_file big 200000
	put_file big big -H "Content-MD5: $(b64 md5 big)" \
	    -H 'x-amz-object-lock-mode: COMPLIANCE' \
	    -H "x-amz-object-lock-retain-until-date: $(day '+1 day')"
	code 200
	v=$(h x-amz-version-id)
	moves cold >plan
	# what was not read back does not replace it
	run -0 --separate-stderr vt-migrate -q --no-verify --data data plan
	[[ $output == *'"skipped","reason":"the version is locked'* ]]
	# nor by telling it another time
	run -0 --separate-stderr vt-migrate -q --no-verify --data data \
	    --now 2099-01-01T00:00:00Z plan
	[[ $output == *'"skipped","reason":"the version is locked'* ]]
	run -0 --separate-stderr vt-migrate -q --grace 0s --data data plan
	[ "$(field status <<<"$output")" = moved ]
	vt-migrate --gc -q --data data >gc
	s3 GET "/$B/big?versionId=$v"
	code 200
	cmp big "$W/body"
	is "$(h x-amz-object-lock-mode)" COMPLIANCE
	s3 DELETE "/$B/big?versionId=$v" "${bypass[@]}"
	code 403 AccessDenied
	# a plan of before a hold is too old
	moves hot >plan
	hold big ON
	code 200
	run -0 --separate-stderr vt-migrate -q --data data plan
	[ "$(field status <<<"$output")" = skipped ]
}

@test 'locks as the AWS tools ask for them' {
	command -v aws >/dev/null || skip 'no awscli'
	api() { aws --output json s3api "$@"; }
	api create-bucket --bucket "$B-aws" --object-lock-enabled-for-bucket
	B=$B-aws
	api put-object-lock-configuration --bucket "$B" \
	    --object-lock-configuration '{"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 50}}}'
	run -0 api get-object-lock-configuration --bucket "$B"
	[[ $output == *'"Days": 50'* ]]
	printf x >"$W/f"
	api put-object --bucket "$B" --key k --body "$W/f" \
	    --content-md5 "$(b64 md5 "$W/f")"
	run -0 api get-object-retention --bucket "$B" --key k
	[[ $output == *COMPLIANCE* ]]
	api put-object-retention --bucket "$B" --key k \
	    --retention '{"Mode": "COMPLIANCE", "RetainUntilDate": "2099-01-01T00:00:00"}'
	api put-object-legal-hold --bucket "$B" --key k \
	    --legal-hold Status=ON
	run -0 api head-object --bucket "$B" --key k
	[[ $output == *'"ObjectLockRetainUntilDate": "2099-01-01T00:00:00'* ]]
	[[ $output == *'"ObjectLockLegalHoldStatus": "ON"'* ]]
	run ! api delete-object --bucket "$B" --key k --version-id \
	    "$(jq -r .VersionId <<<"$output")" --bypass-governance-retention
}
