#!/usr/bin/env bats
# Who may do what: users, anybody, policies, ACLs, ownership, public access.

load s3

setup_file() {
	local name
	serve_start "$BATS_FILE_TMPDIR"
	for name in ann bob; do
		vt-key --data "$SERVE_DIR/data" create $name \
		    --email $name@example.com >"$SERVE_DIR/$name"
	done
	ANN=$(canonical ann) BOB=$(canonical bob)
	export ANN BOB
}

canonical() {
	vt-key --data "$SERVE_DIR/data" show "$1" | grep -oE '[0-9a-f]{64}'
}

account() {
	vt-key --data "$SERVE_DIR/data" show "$1" | grep -owE '[0-9]{12}'
}

# as WHO METHOD TARGET...: s3 with another key; "nobody" has none.
as() {
	local who=$1 AWS_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID \
	    AWS_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
	shift
	if [ "$who" = nobody ]; then
		s3curl() { curl -sS "$@"; }
		s3 "$@"
		unset -f s3curl
		load ../cli/helper
		return
	fi
	AWS_ACCESS_KEY_ID=$(sed -n 's/^aws_access_key_id *= *//p' \
	    "$SERVE_DIR/$who")
	AWS_SECRET_ACCESS_KEY=$(sed -n 's/^aws_secret_access_key *= *//p' \
	    "$SERVE_DIR/$who")
	s3 "$@"
}

# policy STATEMENT...: of the test's bucket; "@" in it is the bucket's ARN.
policy() {
	local IFS=,
	s3 PUT "/$B?policy=" --data-binary \
	    "{\"Version\":\"2012-10-17\",\"Statement\":[${*//@/arn:aws:s3:::$B}]}"
}

# A bucket where ACLs count and nothing is blocked.
open_bucket() {
	B=$B-acl
	s3 PUT "/$B" -H 'x-amz-object-ownership: ObjectWriter'
	code 200
	unblock
}

unblock() {
	s3 DELETE "/$B?publicAccessBlock="
	code 204
}

# Every request that the routes know of: METHOD TARGET a line.
routes() {
	local bucket=$1 sub level method
	awk '/^static const struct sub subs/ { on = 1 }
	    on && match($0, /\{ "[A-Za-z-]+", (BUCKET|OBJECT)/) {
		split(substr($0, RSTART, RLENGTH), part, /[", ]+/)
		print part[2], part[3]
	    }
	    on && /^};/ { exit }' "$BATS_TEST_DIRNAME/../../cmd/vt-serve/route.c" |
	while read -r sub level; do
		[ "$level" = BUCKET ] && key='' || key=/k
		[ "$sub" = uploadId ] && sub="partNumber=1&uploadId"
		for method in GET PUT POST DELETE; do
			echo "$method /$bucket$key?$sub=x"
		done
	done
	# but a form, which says in its body who sends it
	for method in GET HEAD PUT DELETE; do
		echo "$method /$bucket"
		echo "$method /$bucket/k"
	done
	echo "POST /$bucket/k"
	echo "GET /$bucket?list-type=2"
}

# walk [CURL OPTION...]: "STATUS METHOD TARGET" for each of them, by one curl.
walk() {
	local option how
	while read -r method target; do
		[ "$method" = HEAD ] && how=head || how="request = $method"
		printf '%s\nurl = "%s"\noutput = /dev/null\n' "$how" \
		    "$AWS_ENDPOINT_URL$target"
		printf 'write-out = "%%{http_code} %s %s\\n"\n' "$method" \
		    "$target"
		for option; do echo "$option"; done
		echo next
	done <"$W/routes" | sed '$d' >"$W/walk"
	curl -sS -K "$W/walk"
}

@test 'P10 nobody and no stranger may anything, whatever is asked for' {
	put k text
	routes "$B" >"$W/routes"
	[ "$(wc -l <"$W/routes")" -gt 100 ]
	walk >"$W/nobody"
	is "$(wc -l <"$W/nobody")" "$(wc -l <"$W/routes")"
	is "$(grep -v ^403 "$W/nobody")" ''
	as nobody POST "/$B" -F key=k -F file=other
	code 403 AccessDenied
	key=$(sed -n 's/^aws_access_key_id *= *//p' "$SERVE_DIR/bob")
	secret=$(sed -n 's/^aws_secret_access_key *= *//p' "$SERVE_DIR/bob")
	walk "user = $key:$secret" 'aws-sigv4 = aws:amz:us-east-1:s3' \
	    'header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"' >"$W/bob"
	is "$(wc -l <"$W/bob")" "$(wc -l <"$W/routes")"
	# what S3 has not got is said to be so; to make the bucket again is
	# refused as somebody else's
	is "$(grep -vE '^(403|405|501) ' "$W/bob")" "409 PUT /$B"
	[ "$(grep -c ^403 "$W/bob")" -gt 50 ]
	s3 GET "/$B/k"
	body_is text
	as nobody GET /
	code 403 AccessDenied
	as nobody PUT "/$B-new"
	code 403 AccessDenied
	# a bucket that is not there is nobody's secret, as on AWS
	as nobody GET "/$B-none/k"
	code 404 NoSuchBucket
	as bob GET "/$B-none/k"
	code 404 NoSuchBucket
	as bob GET /
	code 200
	! x Name | grep .
}

@test 'a bucket and what is in it belong to its owner' {
	B=$B-ann
	as ann PUT "/$B"
	code 200
	as ann PUT "/$B/k" -T /dev/null
	code 200
	as ann GET "/$B"
	is "$(x Key)" k
	as bob GET "/$B/k"
	code 403 AccessDenied
	as bob PUT "/$B"
	code 409 BucketAlreadyExists
	# root may everything, and what it writes is the bucket's owner's
	put r x
	as ann GET "/$B/r"
	code 200
	as ann GET "/$B?versions="
	is "$(x ID | sort -u)" "$ANN"
}

@test 'a policy allows: whom, what, where' {
	covers GetBucketPolicy PutBucketPolicy
	put a/1 one
	put b/1 two
	policy '{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::'"$(
	    account ann)"':user/ann"},"Action":["s3:GetObject","s3:PutObject"],
	    "Resource":"@/a/*"}'
	code 204
	as ann GET "/$B/a/1"
	body_is one
	as ann PUT "/$B/a/2" -T /dev/null
	code 200
	as ann GET "/$B/b/1"
	code 403 AccessDenied
	as ann DELETE "/$B/a/1"
	code 403 AccessDenied
	as bob GET "/$B/a/1"
	code 403 AccessDenied
	as nobody GET "/$B/a/1"
	code 403 AccessDenied
	# what she wrote is the bucket owner's
	s3 GET "/$B/a/2?acl="
	[ "$(x ID | sort -u)" != "$ANN" ]
	as ann PUT "/$B/a/3" -T /dev/null -H 'x-amz-acl: private'
	code 400 AccessControlListNotSupported
	as ann PUT "/$B/a/3" -T /dev/null \
	    -H 'x-amz-acl: bucket-owner-full-control'
	code 200
	for who in '"CanonicalUser":"'"$ANN"'"' '"AWS":"'"$(account ann)"'"'; do
		policy '{"Effect":"Allow","Principal":{'"$who"'},
		    "Action":"s3:GetObject","Resource":"@/*"}'
		code 204
		as ann GET "/$B/b/1"
		code 200
		as bob GET "/$B/b/1"
		code 403
	done
	s3 DELETE "/$B?policy="
	code 204
	as ann GET "/$B/a/1"
	code 403 AccessDenied
}

@test 'a deny wins, over root too, who can always take it back' {
	covers DeleteBucketPolicy
	put k x
	unblock
	policy '{"Effect":"Allow","Principal":"*","Action":"s3:*",
	    "Resource":["@","@/*"]}' '{"Effect":"Deny","Principal":"*",
	    "Action":"s3:*","Resource":["@","@/*"]}'
	code 204
	for who in ann nobody; do
		as $who GET "/$B/k"
		code 403 AccessDenied
	done
	s3 GET "/$B/k"
	code 403 AccessDenied
	s3 PUT "/$B/k" -T /dev/null
	code 403 AccessDenied
	s3 GET "/$B?policy="
	code 200
	s3 DELETE "/$B?policy="
	code 204
	s3 GET "/$B/k"
	body_is x
	# so can a bucket's owner, who would have locked itself out
	B=$B-ann
	as ann PUT "/$B"
	as ann PUT "/$B?policy=" --data-binary "{\"Statement\":{\"Effect\":
	    \"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\",
	    \"Resource\":\"arn:aws:s3:::$B\"}}"
	code 204
	as ann GET "/$B"
	code 403 AccessDenied
	as ann DELETE "/$B?policy="
	code 204
	as ann GET "/$B"
	code 200
}

@test 'locks are asked about, in headers and bodies' {
	B=$B-lock
	s3 PUT "/$B" -H 'x-amz-bucket-object-lock-enabled: true'
	code 200
	put k x
	allow='{"Effect":"Allow","Principal":{"CanonicalUser":"'"$ANN"'"},
	    "Resource":"@/*","Action":'
	policy "$allow"'["s3:PutObjectRetention","s3:PutObjectLegalHold",
	    "s3:PutObject"],"Condition":{
	    "NumericLessThanEqualsIfExists":{
	    "s3:object-lock-remaining-retention-days":"10"},
	    "StringNotEqualsIfExists":{"s3:object-lock-mode":"COMPLIANCE",
	    "s3:object-lock-legal-hold":"ON"}}}'
	code 204
	retain() {
		body="<Retention><Mode>$1</Mode><RetainUntilDate>$(date -u \
		    -d "$2 days" +%Y-%m-%dT%TZ)</RetainUntilDate></Retention>"
		shift 2
		as ann PUT "/$B/k?retention=" --data-binary "$body" "$@" \
		    -H "Content-MD5: $(printf %s "$body" |
		    openssl dgst -md5 -binary | base64)"
	}
	retain COMPLIANCE 5
	code 403 AccessDenied
	retain GOVERNANCE 20
	code 403 AccessDenied
	retain GOVERNANCE 5
	code 200
	# to pass over it takes its own right
	retain GOVERNANCE 1 -H 'x-amz-bypass-governance-retention: true'
	code 403 AccessDenied
	body='<LegalHold><Status>ON</Status></LegalHold>'
	for who in ann bob; do
		as $who PUT "/$B/k?legal-hold=" --data-binary "$body" \
		    -H "Content-MD5: $(printf %s "$body" |
		    openssl dgst -md5 -binary | base64)"
		code 403 AccessDenied
	done
	policy "$allow"'"s3:PutObject"}'
	as ann PUT "/$B/n" -T /dev/null -H 'x-amz-object-lock-legal-hold: OFF'
	code 403 AccessDenied
}

@test 'P10 a day alone is a date for policies, too' {
	B=$B-lock
	s3 PUT "/$B" -H 'x-amz-bucket-object-lock-enabled: true'
	code 200
	put k x
	policy '{"Effect":"Allow","Principal":{"CanonicalUser":"'"$ANN"'"},
	    "Resource":"@/*","Action":["s3:PutObjectRetention",
	    "s3:PutObject"]}' '{"Effect":"Deny","Principal":"*","Resource":
	    "@/*","Action":"s3:PutObjectRetention","Condition":{
	    "NumericGreaterThan":{
	    "s3:object-lock-remaining-retention-days":"10"}}}'
	code 204
	for until in +20days +5days; do
		day=$(date -u -d "$until" +%F)
		body="<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>$day"
		body+="</RetainUntilDate></Retention>"
		sum=$(printf %s "$body" | openssl dgst -md5 -binary | base64)
		as ann PUT "/$B/k?retention=" --data-binary "$body" \
		    -H "Content-MD5: $sum"
		echo "$st" >>"$W/bodies"
		as ann PUT "/$B/new" -T /dev/null \
		    -H 'Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==' \
		    -H 'x-amz-object-lock-mode: GOVERNANCE' \
		    -H "x-amz-object-lock-retain-until-date: $day"
		echo "$st" >>"$W/headers"
	done
	is "$(paste -s "$W/bodies" "$W/headers")" \
	    $'403\t200\n403\t200'
}

@test 'P10 of tags that differ in case a condition means its own' {
	put k x
	unblock
	policy '{"Effect":"Allow","Principal":"*","Resource":"@/*","Action":[
	    "s3:PutObject","s3:PutObjectTagging"]}' '{"Effect":"Deny",
	    "Principal":"*","Resource":"@/*","Action":"s3:PutObject",
	    "Condition":{"StringNotEquals":{
	    "s3:RequestObjectTag/level":"low"}}}'
	code 204
	as bob PUT "/$B/k" -T /dev/null \
	    -H 'x-amz-tagging: Level=low&level=high'
	code 403 AccessDenied
	as bob PUT "/$B/k" -T /dev/null -H 'x-amz-tagging: level=low'
	code 200
}

@test 'what is missing is told to those who may list' {
	put k x
	unblock
	get='{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
	    "Resource":"@/*"}'
	policy "$get"
	as nobody GET "/$B/k"
	body_is x
	for method in GET HEAD; do
		as nobody $method "/$B/none"
		code 403
	done
	as nobody GET "/$B/k?versionId=0123456789abcdef0123456789abcdef"
	code 403 AccessDenied
	policy "$get" '{"Effect":"Allow","Principal":"*",
	    "Action":"s3:ListBucket","Resource":"@",
	    "Condition":{"StringLike":{"s3:prefix":"pub/*"}}}'
	as nobody GET "/$B/none"
	code 403 AccessDenied
	as nobody GET "/$B/pub/none"
	code 404 NoSuchKey
	as nobody GET "/$B?prefix=pub/"
	code 200
	as nobody GET "/$B"
	code 403 AccessDenied
}

@test 'conditions' {
	put k x
	unblock
	allow_if() {
		policy '{"Effect":"Allow","Principal":"*","Action":[
		    "s3:GetObject","s3:PutObject","s3:ListBucket",
		    "s3:PutObjectTagging"],"Resource":["@","@/*"],
		    "Condition":{'"$1"'}}'
		code 204
	}
	while IFS='|' read -r condition options want; do
		allow_if "$condition"
		eval "as nobody GET $options"
		[ "$st" = "$want" ] || { echo "$condition $options: $st"; false; }
	done <<-EOT
		"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}|"/\$B/k"|200
		"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}|"/\$B/k"|403
		"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}|"/\$B/k"|200
		"Bool":{"aws:SecureTransport":"true"}|"/\$B/k"|403
		"Bool":{"aws:SecureTransport":"false"}|"/\$B/k"|200
		"StringLike":{"aws:Referer":"http://x/*"}|"/\$B/k" -e http://x/y|200
		"StringLike":{"aws:Referer":"http://x/*"}|"/\$B/k" -e http://y/|403
		"StringLike":{"aws:Referer":"http://x/*"}|"/\$B/k"|403
		"StringEquals":{"aws:UserAgent":"me"}|"/\$B/k" -A me|200
		"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}|"/\$B/k"|200
		"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}|"/\$B/k"|403
		"Null":{"aws:username":"true"}|"/\$B/k"|200
		"StringEquals":{"s3:authType":"REST-HEADER"}|"/\$B/k"|403
		"NumericLessThanEquals":{"s3:max-keys":"5"}|"/\$B?max-keys=5"|200
		"NumericLessThanEquals":{"s3:max-keys":"5"}|"/\$B?max-keys=6"|403
		"StringEquals":{"s3:delimiter":"/"}|"/\$B?delimiter=/"|200
		"StringEquals":{"s3:delimiter":"/"}|"/\$B"|403
	EOT
	allow_if '"StringEquals":{"aws:username":"ann"}'
	as ann GET "/$B/k"
	code 200
	as bob GET "/$B/k"
	code 403
	# tags: those it has, those it is to have
	allow_if '"StringEquals":{"s3:ExistingObjectTag/Level":"public"}'
	as nobody GET "/$B/k"
	code 403
	s3 PUT "/$B/k?tagging=" --data-binary '<Tagging><TagSet><Tag>
	    <Key>Level</Key><Value>public</Value></Tag></TagSet></Tagging>'
	code 200
	as nobody GET "/$B/k"
	code 200
	allow_if '"StringEquals":{"s3:RequestObjectTag/t":"1"}'
	as ann PUT "/$B/t" -T /dev/null
	code 403 AccessDenied
	as ann PUT "/$B/t" -T /dev/null -H 'x-amz-tagging: t=2'
	code 403 AccessDenied
	as ann PUT "/$B/t" -T /dev/null -H 'x-amz-tagging: t=1'
	code 200
	for t in 2:403 1:200; do
		as ann PUT "/$B/k?tagging=" --data-binary "<Tagging><TagSet>
		    <Tag><Key>t</Key><Value>${t%:*}</Value></Tag></TagSet>
		    </Tagging>"
		code ${t#*:}
	done
	allow_if '"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["a","b"]}'
	as ann PUT "/$B/t" -T /dev/null -H 'x-amz-tagging: a=1&c=2'
	code 403
	as ann PUT "/$B/t" -T /dev/null -H 'x-amz-tagging: a=1&b=2'
	code 200
	allow_if '"StringEquals":{"s3:x-amz-storage-class":"STANDARD_IA"}'
	as ann PUT "/$B/c" -T /dev/null
	code 403
	as ann PUT "/$B/c" -T /dev/null -H 'x-amz-storage-class: STANDARD_IA'
	code 200
}

@test 'tags in a PUT take the right to tag' {
	allow='{"Effect":"Allow","Principal":{"CanonicalUser":"'"$ANN"'"},
	    "Resource":"@/*","Action":'
	policy "$allow\"s3:PutObject\"}"
	as ann PUT "/$B/k" -T /dev/null
	code 200
	as ann PUT "/$B/k" -T /dev/null -H 'x-amz-tagging: a=1'
	code 403 AccessDenied
	policy "$allow[\"s3:PutObject\",\"s3:PutObjectTagging\"]}"
	as ann PUT "/$B/k" -T /dev/null -H 'x-amz-tagging: a=1'
	code 200
}

@test 'a version takes its own right' {
	s3 PUT "/$B?versioning=" --data-binary '<VersioningConfiguration>
	    <Status>Enabled</Status></VersioningConfiguration>'
	put k one
	id=$(h x-amz-version-id)
	put k two
	allow='{"Effect":"Allow","Principal":{"CanonicalUser":"'"$ANN"'"},
	    "Resource":"@/*","Action":'
	policy "$allow\"s3:GetObject\"}"
	as ann GET "/$B/k"
	body_is two
	as ann GET "/$B/k?versionId=$id"
	code 403 AccessDenied
	policy "$allow\"s3:GetObjectVersion\"}"
	as ann GET "/$B/k?versionId=$id"
	body_is one
	as ann GET "/$B/k"
	code 403 AccessDenied
	policy "$allow\"s3:DeleteObject\"}"
	as ann DELETE "/$B/k?versionId=$id"
	code 403 AccessDenied
	as ann DELETE "/$B/k"
	code 204
}

@test 'a copy takes the right to read its source' {
	put secret x
	put pub/1 y -H 'x-amz-tagging: a=1'
	policy '{"Effect":"Allow","Principal":{"CanonicalUser":"'"$ANN"'"},
	    "Action":"s3:GetObject","Resource":"@/pub/*"}'
	as ann PUT "/$B-c"
	code 200
	as ann PUT "/$B-c/k" -H "x-amz-copy-source: $B/secret"
	code 403 AccessDenied
	# to know that there is none takes the right to list
	as ann PUT "/$B-c/k" -H "x-amz-copy-source: $B/pub/none"
	code 403 AccessDenied
	# the tags would go along, and are not hers to read
	as ann PUT "/$B-c/k" -H "x-amz-copy-source: $B/pub/1"
	code 403 AccessDenied
	as ann PUT "/$B-c/k" -H "x-amz-copy-source: $B/pub/1" \
	    -H 'x-amz-tagging-directive: REPLACE'
	code 200
	as ann GET "/$B-c/k"
	body_is y
	as ann POST "/$B-c/m?uploads="
	id=$(x UploadId)
	as ann PUT "/$B-c/m?partNumber=1&uploadId=$id" \
	    -H "x-amz-copy-source: $B/secret"
	code 403 AccessDenied
	as ann PUT "/$B-c/m?partNumber=1&uploadId=$id" \
	    -H "x-amz-copy-source: $B/pub/1"
	code 200
	# and the right to write where it goes
	as ann PUT "/$B/k" -H "x-amz-copy-source: $B-c/k"
	code 403 AccessDenied
}

@test 'of many keys those that it may are deleted' {
	put mine/1 x
	put other x
	policy '{"Effect":"Allow","Principal":{"CanonicalUser":"'"$ANN"'"},
	    "Action":"s3:DeleteObject","Resource":"@/mine/*"}'
	body='<Delete><Object><Key>mine/1</Key></Object>
	    <Object><Key>other</Key></Object></Delete>'
	as ann POST "/$B?delete=" --data-binary "$body" \
	    -H "Content-MD5: $(printf %s "$body" | openssl dgst -md5 -binary |
	    base64)"
	code 200
	is "$(x Key | tr '\n' ' ')" 'mine/1 other '
	is "$(x Code)" AccessDenied
	s3 GET "/$B/other"
	code 200
	s3 GET "/$B/mine/1"
	code 404
	as bob POST "/$B?delete=" --data-binary "$body"
	code 200
	is "$(x Code | sort -u)" AccessDenied
	is "$(x Deleted)" ''
}

@test 'a policy that is not sound is refused by name of what is wrong' {
	while IFS='|' read -r statement words; do
		policy "$statement"
		code 400 MalformedPolicy
		x Message | grep -qF -- "$words"
	done <<-'EOT'
		{"Effect":"Allow"}|missing required field Principal
		{"Sid":"a","Effect":"Allow","Principal":"*","Action":"s3:Foo","Resource":"@"}|statement 1 ("a"): policy has invalid action
		{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::other/*"}|policy has invalid resource
		{"Effect":"Allow","Principal":{"AWS":"ann"},"Action":"s3:*","Resource":"@"}|invalid principal
		{"Effect":"Allow","NotPrincipal":"*","Action":"s3:*","Resource":"@"}|NotPrincipal
		{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"@","Condition":{"StringIs":{"aws:Referer":"x"}}}|no condition operator "StringIs"
		{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"@","Condition":{"StringEquals":{"s3:foo":"x"}}}|invalid condition key
	EOT
	head -c 20481 /dev/zero | tr '\0' ' ' >"$W/big"
	s3 PUT "/$B?policy=" -T "$W/big"
	code 400 MalformedPolicy
	s3 GET "/$B?policy="
	code 404 NoSuchBucketPolicy
	# it comes back as it was sent
	printf '{ "Statement" : {"Effect":"Deny","Principal":"*",\n"Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/x"}}' \
	    "$B" >"$W/policy"
	s3 PUT "/$B?policy=" -T "$W/policy"
	code 204
	s3 GET "/$B?policy="
	cmp "$W/body" "$W/policy"
	is "$(h Content-Type)" application/json
}

@test 'ACLs: canned and granted, of buckets and objects' {
	covers GetBucketAcl PutBucketAcl GetObjectAcl PutObjectAcl
	open_bucket
	put k x
	is_public() { as nobody "$@"; [ "$st" = 200 ]; }
	! is_public GET "/$B/k"
	s3 PUT "/$B/k?acl=" -H 'x-amz-acl: public-read' -T /dev/null
	code 200
	is_public GET "/$B/k"
	! is_public GET "/$B"
	s3 GET "/$B/k?acl="
	is "$(x Permission | tr '\n' ' ')" 'READ FULL_CONTROL '
	x URI | grep -q AllUsers
	put k x
	! is_public GET "/$B/k"
	put k x -H 'x-amz-acl: authenticated-read'
	! is_public GET "/$B/k"
	as bob GET "/$B/k"
	code 200
	# the bucket's
	as nobody PUT "/$B/new" -T /dev/null
	code 403
	s3 PUT "/$B?acl=" -H 'x-amz-acl: public-read-write' -T /dev/null
	code 200
	is_public GET "/$B"
	is_public PUT "/$B/new" -T /dev/null
	as nobody DELETE "/$B/k"
	code 403 AccessDenied
	as nobody GET "/$B/none"
	code 404 NoSuchKey
	# by id, address and group
	put k x -H "x-amz-grant-read: id=\"$ANN\", emailAddress=\"bob@example.com\""
	code 200
	s3 GET "/$B/k?acl="
	is "$(x ID | sed 1d | sort | tr '\n' ' ')" \
	    "$(printf '%s\n' "$ANN" "$BOB" | sort | tr '\n' ' ')"
	is "$(x DisplayName | sed 1d | sort | tr '\n' ' ')" 'ann bob '
	as ann GET "/$B/k"
	code 200
	as ann GET "/$B/k?acl="
	code 403
	cp "$W/body" "$W/acl"
	s3 GET "/$B/k?acl="
	sed "s|<Permission>READ</Permission>|<Permission>WRITE_ACP</Permission>|" \
	    "$W/body" >"$W/acl"
	s3 PUT "/$B/k?acl=" -T "$W/acl"
	code 200
	as ann GET "/$B/k"
	code 403
	as ann PUT "/$B/k?acl=" -H 'x-amz-acl: public-read' -T /dev/null
	code 200
	is_public GET "/$B/k"
	# what is wrong with one
	s3 PUT "/$B/k?acl=" -H 'x-amz-acl: secret' -T /dev/null
	code 400 InvalidArgument
	s3 PUT "/$B/k?acl=" -H 'x-amz-grant-read: id=none' -T /dev/null
	code 400 InvalidArgument
	s3 PUT "/$B/k?acl=" -H 'x-amz-grant-read: emailAddress=x@y' -T /dev/null
	code 400 UnresolvableGrantByEmailAddress
	s3 PUT "/$B/k?acl=" -H 'x-amz-grant-read: uri="http://x"' -T /dev/null
	code 400 InvalidArgument
	s3 PUT "/$B/k?acl=" -H 'x-amz-grant-read: ann' -T /dev/null
	code 400 InvalidArgument
	s3 PUT "/$B/k?acl=" -T /dev/null
	code 400 MissingSecurityHeader
	s3 PUT "/$B/k?acl=" --data-binary '<AccessControlPolicy/>'
	code 400 MalformedACLError
	s3 PUT "/$B/k" -T /dev/null -H 'x-amz-acl: private' \
	    -H "x-amz-grant-read: id=$ANN"
	code 400 InvalidRequest
	s3 GET "/$B/none?acl="
	code 404 NoSuchKey
}

@test 'who writes owns, unless the owner of the bucket does' {
	covers GetBucketOwnershipControls PutBucketOwnershipControls \
	    DeleteBucketOwnershipControls
	open_bucket
	owner_of() {
		s3 GET "/$B?prefix=$1&versions="
		x ID
	}
	s3 PUT "/$B?acl=" -H "x-amz-grant-full-control: id=\"$ANN\"" -T /dev/null
	code 200
	as ann PUT "/$B/k" -T /dev/null
	code 200
	is "$(owner_of k)" "$ANN"
	as bob GET "/$B/k"
	code 403
	# hers alone: neither the policy of the bucket gives it away
	policy '{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
	    "Resource":"@/*"}'
	as bob GET "/$B/k"
	code 403
	as ann GET "/$B/k"
	code 200
	as ann POST "/$B/m?uploads=" -H 'x-amz-acl: bucket-owner-full-control'
	id=$(x UploadId)
	as ann PUT "/$B/m?partNumber=1&uploadId=$id" -T /dev/null
	etag=$(h ETag)
	as ann POST "/$B/m?uploadId=$id" --data-binary \
	    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>$etag</ETag></Part></CompleteMultipartUpload>"
	code 200
	is "$(owner_of m)" "$ANN"
	s3 PUT "/$B?ownershipControls=" --data-binary '<OwnershipControls>
	    <Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule>
	    </OwnershipControls>'
	code 200
	as ann PUT "/$B/p" -T /dev/null -H 'x-amz-acl: bucket-owner-full-control'
	code 200
	[ "$(owner_of p)" != "$ANN" ]
	as ann PUT "/$B/q" -T /dev/null
	is "$(owner_of q)" "$ANN"
	# without ACLs: not while the bucket's grants others something
	enforce() {
		s3 PUT "/$B?ownershipControls=" --data-binary \
		    '<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>'
	}
	enforce
	code 400 InvalidBucketAclWithObjectOwnership
	s3 PUT "/$B?acl=" -H 'x-amz-acl: private' -T /dev/null
	code 200
	enforce
	code 200
	as ann GET "/$B/q?acl="
	code 403
	as bob GET "/$B/k"
	code 200
	for what in "/$B" "/$B/k"; do
		s3 PUT "$what?acl=" -H 'x-amz-acl: private' -T /dev/null
		code 400 AccessControlListNotSupported
	done
	s3 DELETE "/$B?ownershipControls="
	code 204
	s3 GET "/$B?ownershipControls="
	code 404 OwnershipControlsNotFoundError
	as bob GET "/$B/k"
	code 403
}

@test 'new buckets: no ACLs, nothing public' {
	s3 GET "/$B?ownershipControls="
	is "$(x ObjectOwnership)" BucketOwnerEnforced
	s3 GET "/$B?publicAccessBlock="
	is "$(grep -o '>true<' "$W/body" | wc -l)" 4
	put k x -H 'x-amz-acl: public-read'
	code 400 AccessControlListNotSupported
	put k x -H 'x-amz-acl: private'
	code 200
	# a document that says what is so anyway, and one that does not
	s3 GET "/$B/k?acl="
	cp "$W/body" "$W/acl"
	for what in "/$B" "/$B/k"; do
		s3 PUT "$what?acl=" -T "$W/acl"
		code 200
		s3 PUT "$what?acl=" --data-binary "$(sed 's/FULL_CONTROL/READ/' \
		    "$W/acl")"
		code 400 AccessControlListNotSupported
	done
	s3 PUT "/$B-2" -H 'x-amz-acl: public-read'
	code 400 InvalidBucketAclWithObjectOwnership
	s3 PUT "/$B-2" -H 'x-amz-acl: public-read' \
	    -H 'x-amz-object-ownership: ObjectWriter'
	code 400 InvalidBucketAclWithBlockPublicAccessError
	s3 PUT "/$B-2" -H 'x-amz-object-ownership: Mine'
	code 400 InvalidArgument
	s3 PUT "/$B-2" -H 'x-amz-acl: private'
	code 200
}

@test 'public access is blocked as asked' {
	covers GetPublicAccessBlock PutPublicAccessBlock DeletePublicAccessBlock \
	    GetBucketPolicyStatus
	open_bucket
	block() {
		s3 PUT "/$B?publicAccessBlock=" --data-binary \
		    "<PublicAccessBlockConfiguration><$1>true</$1></PublicAccessBlockConfiguration>"
		code 200
	}
	public='{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
	    "Resource":"@/*"}'
	block BlockPublicAcls
	s3 GET "/$B?publicAccessBlock="
	is "$(grep -o '>false<' "$W/body" | wc -l)" 3
	put k x -H 'x-amz-acl: public-read'
	code 403 AccessDenied
	s3 PUT "/$B?acl=" -H 'x-amz-acl: authenticated-read' -T /dev/null
	code 403 AccessDenied
	put k x -H "x-amz-grant-read: id=$ANN"
	code 200
	unblock
	put k x -H 'x-amz-acl: public-read'
	code 200
	as nobody GET "/$B/k"
	code 200
	block IgnorePublicAcls
	as nobody GET "/$B/k"
	code 403 AccessDenied
	block BlockPublicPolicy
	policy "$public"
	code 403 AccessDenied
	policy '{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
	    "Resource":"@/*","Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}}'
	code 204
	unblock
	put k x
	policy "$public"
	code 204
	as nobody GET "/$B/k"
	code 200
	s3 GET "/$B?policyStatus="
	is "$(x IsPublic)" true
	block RestrictPublicBuckets
	as nobody GET "/$B/k"
	code 403 AccessDenied
	s3 GET "/$B/k"
	code 200
	s3 DELETE "/$B?policy="
	s3 GET "/$B?policyStatus="
	is "$(x IsPublic)" false
	s3 PUT "/$B?publicAccessBlock=" --data-binary '<PublicAccessBlockConfiguration><BlockPublicAcls>yes</BlockPublicAcls></PublicAccessBlockConfiguration>'
	code 400 MalformedXML
}

@test 'a user with a policy of its own may that and no more' {
	put k x
	vt-key --data "$SERVE_DIR/data" create "u$BATS_TEST_NUMBER" \
	    --policy "readonly:$B" >"$SERVE_DIR/reader"
	as reader GET "/$B/k"
	body_is x
	as reader GET "/$B"
	code 200
	as reader PUT "/$B/k" -T /dev/null
	code 403 AccessDenied
	as reader PUT "/$B-r"
	code 403 AccessDenied
	# also where a bucket's policy would let it
	policy '{"Effect":"Allow","Principal":{"CanonicalUser":"'"$(
	    canonical "u$BATS_TEST_NUMBER")"'"},"Action":"s3:PutObject",
	    "Resource":"@/*"}'
	code 204
	as reader PUT "/$B/k" -T /dev/null
	code 403 AccessDenied
	policy '{"Effect":"Deny","Principal":"*","Action":"s3:GetObject",
	    "Resource":"@/*"}'
	as reader GET "/$B/k"
	code 403 AccessDenied
	run -3 --separate-stderr vt-key --data "$SERVE_DIR/data" policy \
	    "u$BATS_TEST_NUMBER" - <<<'{"Statement":[{"Effect":"Maybe"}]}'
	[[ $stderr == *'statement 1: Effect must be'* ]]
}

@test 'P10 a user with a policy of its own gives nothing away that it may not' {
	open_bucket
	vt-key --data "$SERVE_DIR/data" create "u$BATS_TEST_NUMBER" \
	    --policy "readwrite:$B" >"$SERVE_DIR/writer"
	as writer PUT "/$B/k" -T <(printf x)
	code 200
	for acl in 'acl: public-read' 'acl: authenticated-read' \
	    "grant-read: id=$BOB"; do
		as writer PUT "/$B/k" -T /dev/null -H "x-amz-$acl"
		code 403 AccessDenied
		as writer PUT "/$B/c" -H "x-amz-copy-source: $B/k" \
		    -H "x-amz-$acl"
		code 403 AccessDenied
		as writer POST "/$B/k?uploads=" -H "x-amz-$acl"
		code 403 AccessDenied
	done
	# what programs send by habit gives nothing
	for acl in private bucket-owner-full-control; do
		as writer PUT "/$B/k" -T /dev/null -H "x-amz-acl: $acl"
		code 200
	done
	vt-key --data "$SERVE_DIR/data" create "v$BATS_TEST_NUMBER" \
	    --policy "full:$B" >"$SERVE_DIR/full"
	as full PUT "/$B/k" -T <(printf y) -H 'x-amz-acl: public-read'
	code 200
	as nobody GET "/$B/k"
	body_is y
}

@test 'P3 governance is passed over by permission alone' {
	local until any far=(-H 'x-amz-object-lock-mode: GOVERNANCE')
	any="\"Principal\":{\"CanonicalUser\":\"$ANN\"}"
	until=$(date -u -d '+1 day' +%Y-%m-%dT%H:%M:%SZ)
	far+=(-H "x-amz-object-lock-retain-until-date: $until")
	B=$B-lock
	s3 PUT "/$B" -H 'x-amz-bucket-object-lock-enabled: true'
	code 200
	policy "{\"Effect\":\"Allow\",$any,\"Action\":[\"s3:GetObject\",\"s3:PutObject\",\"s3:DeleteObjectVersion\"],\"Resource\":\"@/*\"}"
	code 204
	printf x >"$W/x"
	sum=(-H "Content-MD5: $(b64 md5 "$W/x")")
	s3 PUT "/$B/k" -T "$W/x" "${sum[@]}" "${far[@]}" \
	    -H 'x-amz-object-lock-legal-hold: OFF'
	code 200
	v=$(h x-amz-version-id)
	over=(-H 'x-amz-bypass-governance-retention: true')
	# a write may not lock, a reader is not told
	as ann PUT "/$B/mine" -T "$W/x" "${sum[@]}" "${far[@]}"
	code 403 AccessDenied
	as ann PUT "/$B/mine" -T "$W/x" "${sum[@]}" \
	    -H 'x-amz-object-lock-legal-hold: ON'
	code 403 AccessDenied
	as ann GET "/$B/k"
	code 200
	is "$(h x-amz-object-lock-mode)$(h x-amz-object-lock-legal-hold)" ''
	as ann GET "/$B/k?retention="
	code 403 AccessDenied
	as ann DELETE "/$B/k?versionId=$v" "${over[@]}"
	code 403 AccessDenied
	as ann POST "/$B?delete=" --data-binary \
	    "<Delete><Object><Key>k</Key><VersionId>$v</VersionId></Object></Delete>" \
	    "${over[@]}"
	is "$(x Code)" AccessDenied
	s3 GET "/$B/k?versionId=$v"
	code 200
	is "$(h x-amz-object-lock-mode)" GOVERNANCE
	# with it, and only when it is asked for
	policy "{\"Effect\":\"Allow\",$any,\"Action\":[\"s3:DeleteObjectVersion\",\"s3:BypassGovernanceRetention\",\"s3:GetObject\",\"s3:GetObjectRetention\"],\"Resource\":\"@/*\"}"
	as ann GET "/$B/k"
	is "$(h x-amz-object-lock-mode)$(h x-amz-object-lock-legal-hold)" \
	    GOVERNANCE
	as ann DELETE "/$B/k?versionId=$v"
	code 403 AccessDenied
	as ann DELETE "/$B/k?versionId=$v" "${over[@]}"
	code 204
	# who is denied it may not, root neither
	s3 PUT "/$B/k" -T "$W/x" "${sum[@]}" "${far[@]}"
	v=$(h x-amz-version-id)
	policy "{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:BypassGovernanceRetention\",\"Resource\":\"@/*\"}"
	s3 DELETE "/$B/k?versionId=$v" "${over[@]}"
	code 403 AccessDenied
}

@test 'a form that nobody signed, into a bucket where all may write' {
	open_bucket
	s3 PUT "/$B?acl=" -H 'x-amz-acl: public-read-write' -T /dev/null
	code 200
	as nobody POST "/$B" -F key=k -F acl=public-read -F file=text
	code 204
	as nobody GET "/$B/k"
	body_is text
	s3 GET "/$B/k?acl="
	is "$(x Permission | tr '\n' ' ')" 'READ FULL_CONTROL '
}

@test 'P10 a copy source is for policies what it is for the copy' {
	put 'secret%20one' x
	put 'a%3FversionId%3Dnull' y
	unblock
	allow='{"Effect":"Allow","Principal":"*","Action":["s3:GetObject",
	    "s3:GetObjectVersion","s3:PutObject","s3:ListBucket"],
	    "Resource":["@","@/*"]}'
	policy "$allow" '{"Effect":"Deny","Principal":"*",
	    "Action":"s3:PutObject","Resource":"@/*","Condition":{"StringLike":
	    {"s3:x-amz-copy-source":"'"$B"'/secret *"}}}'
	code 204
	for name in secret%20one secret+one /secret+one; do
		as bob PUT "/$B/c" -H "x-amz-copy-source: $B/${name#/}"
		code 403 AccessDenied
	done
	# the last of them is the version, the others are the key's
	policy "$allow" '{"Effect":"Deny","Principal":"*",
	    "Action":"s3:PutObject","Resource":"@/*","Condition":{
	    "StringEquals":{"s3:x-amz-copy-source":
	    "'"$B"'/a?versionId=null"}}}'
	code 204
	for name in a%3FversionId%3Dnull a%3FversionId%3Dnull?versionId=null \
	    'a?versionId=null?versionId=null'; do
		as bob PUT "/$B/c" -H "x-amz-copy-source: $B/$name"
		code 403 AccessDenied
	done
	as bob PUT "/$B/c" -H "x-amz-copy-source: $B/secret+one"
	code 200
}

@test 'P10 to guess at an object by its ETag takes the right to read it' {
	put k abc
	etag=$(h ETag)
	unblock
	may() {
		policy '{"Effect":"Allow","Principal":"*","Action":['"$1"'],
		    "Resource":["@","@/*"]}'
		code 204
	}
	may '"s3:PutObject","s3:DeleteObject","s3:ListBucket"'
	for guess in "$etag" '"00000000000000000000000000000000"'; do
		as bob PUT "/$B/k" -T /dev/null -H "If-Match: $guess"
		code 403 AccessDenied
		as bob DELETE "/$B/k" -H "If-Match: $guess"
		code 403 AccessDenied
		as bob POST "/$B?delete=" --data-binary "<Delete><Object>
		    <Key>k</Key><ETag>${guess//\"/}</ETag></Object></Delete>"
		is "$(x Code)" AccessDenied
	done
	for size in 3 4; do
		as bob DELETE "/$B/k" -H "x-amz-if-match-size: $size"
		code 403 AccessDenied
	done
	# that it is there is told by no more than the right to write
	as bob PUT "/$B/k" -T <(printf abc) -H 'If-Match: *'
	code 200
	may '"s3:PutObject","s3:DeleteObject","s3:GetObject"'
	as bob PUT "/$B/k" -T /dev/null -H 'If-Match: "0"'
	code 412 PreconditionFailed
	as bob DELETE "/$B/k" -H "If-Match: $etag"
	code 204
}
