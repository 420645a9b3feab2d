#!/usr/bin/env bats
# ListObjects, ListObjectsV2, ListObjectVersions, DeleteObjects.

load s3

# keys NAME...: empty objects.
keys() {
	local k
	: >"$W/empty"
	is "$(for k in "$@"; do
		printf 'url = "%s/%s/%s"\nupload-file = "%s/empty"\n' \
		    "$AWS_ENDPOINT_URL" "$B" "$k" "$W"
		printf 'output = "/dev/null"\n'
	    done | s3curl -K - -w '%{http_code}\n' | sort -u)" 200
}

joined() {
	x "$1" | tr '\n' ' '
}

@test 'an empty bucket' {
	s3 GET "/$B"
	code 200
	is "$(x Name) $(x IsTruncated) $(x MaxKeys)" "$B false 1000"
	grep -q '<Prefix></Prefix><Marker></Marker>' "$W/body"
	grep -q 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"' "$W/body"
	s3 GET "/$B?list-type=2"
	is "$(x KeyCount) $(x IsTruncated)" '0 false'
}

@test 'entries' {
	put k hello
	for how in '' '?list-type=2'; do
		s3 GET "/$B$how"
		is "$(x Key) $(x Size) $(x StorageClass) $(x ETag)" \
		    'k 5 STANDARD "5d41402abc4b2a76b9719d911017c592"'
		[[ $(x LastModified) =~ ^20.*T.*\.[0-9]{3}Z$ ]]
	done
	is "$(x ID)" ''
	s3 GET "/$B?fetch-owner=true&list-type=2"
	[[ $(x ID) =~ ^[0-9a-f]{64}$ ]]
	s3 GET "/$B"
	[[ $(x ID) =~ ^[0-9a-f]{64}$ ]]
}

@test 'keys come in the order of their bytes' {
	keys a%C3%A9 b A aa a a/b %F0%9F%98%80 %EF%BC%81 Z
	s3 GET "/$B"
	is "$(joined Key)" 'A Z a a/b aa aé b ！ 😀 '
}

@test 'delimiter, prefix and common prefixes' {
	keys a/1 a/2 b/c/1 b/d x 'e%20f/g'
	s3 GET "/$B?delimiter=%2F"
	is "$(joined Key)" 'x '
	is "$(grep -o '<CommonPrefixes><Prefix>[^<]*' "$W/body" |
	    sed 's/.*>//' | tr '\n' ' ')" 'a/ b/ e f/ '
	is "$(x Delimiter)" /
	s3 GET "/$B?delimiter=%2F&prefix=b%2F"
	is "$(joined Key)" 'b/d '
	is "$(joined Prefix)" 'b/ b/c/ '
	s3 GET "/$B?delimiter=&prefix=a"
	is "$(joined Key)" 'a/1 a/2 '
	is "$(x Delimiter)" ''
	s3 GET "/$B?delimiter=c%2F1"
	is "$(grep -o '<CommonPrefixes>' "$W/body" | wc -l)" 1
	s3 GET "/$B?list-type=2&prefix=nothing"
	is "$(x KeyCount)" 0
}

@test 'pages of version 1' {
	covers ListObjects
	keys a b/1 b/2 c d
	s3 GET "/$B?max-keys=2"
	is "$(joined Key)$(x IsTruncated)$(x NextMarker)" 'a b/1 true'
	s3 GET "/$B?marker=b%2F1&max-keys=2"
	is "$(joined Key)$(x IsTruncated)" 'b/2 c true'
	is "$(x Marker)" b/1
	# with a delimiter NextMarker may be a common prefix
	s3 GET "/$B?delimiter=%2F&max-keys=2"
	is "$(joined Key)$(x NextMarker)" 'a b/'
	s3 GET "/$B?delimiter=%2F&marker=b%2F&max-keys=2"
	is "$(joined Key)$(x IsTruncated)" 'c d false'
	s3 GET "/$B?max-keys=0"
	is "$(joined Key)$(x IsTruncated)" false
	s3 GET "/$B?max-keys=5"
	is "$(x IsTruncated)" false
	s3 GET "/$B?max-keys=5000"
	is "$(x MaxKeys)" 1000
	for bad in blah -1 99999999999 1.5; do
		s3 GET "/$B?max-keys=$bad"
		code 400 InvalidArgument
	done
}

@test 'pages of version 2' {
	covers ListObjectsV2
	keys a b c d e
	s3 GET "/$B?list-type=2&max-keys=2"
	is "$(joined Key)$(x IsTruncated)$(x KeyCount)" 'a b true2'
	next=$(x NextContinuationToken | sed 's/=/%3D/g; s/+/%2B/g; s|/|%2F|g')
	s3 GET "/$B?continuation-token=$next&list-type=2&max-keys=2&start-after=d"
	is "$(joined Key)" 'c d '
	is "$(x StartAfter)" d
	s3 GET "/$B?list-type=2&start-after=c"
	is "$(joined Key)" 'd e '
	s3 GET "/$B?continuation-token=&list-type=2"
	is "$(joined Key)" 'a b c d e '
	s3 GET "/$B?continuation-token=rubbish%21&list-type=2"
	code 400 InvalidArgument
}

@test 'encoding-type=url' {
	keys 'a%2Bb%20c/%26%C3%A9%25' 'x%01%0A'
	s3 GET "/$B?encoding-type=url"
	is "$(joined Key)" 'a%2Bb%20c/%26%C3%A9%25 x%01%0A '
	is "$(x EncodingType)" url
	s3 GET "/$B?delimiter=b%20&encoding-type=url&max-keys=1"
	is "$(x NextMarker)$(x Delimiter)" a%2Bb%20b%20
	s3 GET "/$B?encoding-type=base64"
	code 400 InvalidArgument
	# without it, what XML cannot hold is replaced
	s3 GET "/$B?prefix=x"
	grep -q $'<Key>x\xef\xbf\xbd&#10;</Key>' "$W/body"
}

@test 'a thousand keys are a page' {
	keys k{0000..1001}
	s3 GET "/$B?list-type=2"
	is "$(x KeyCount)$(x IsTruncated)" 1000true
	s3 GET "/$B?list-type=2&start-after=k0999"
	is "$(joined Key)$(x IsTruncated)" 'k1000 k1001 false'
	# ... and all go in two requests
	s3 GET "/$B"
	{
		echo '<Delete><Quiet>true</Quiet>'
		x Key | sed 's|.*|<Object><Key>&</Key></Object>|'
		echo '</Delete>'
	} >"$W/all"
	s3 POST "/$B?delete=" --data-binary "@$W/all"
	code 200
	is "$(x Key)" ''
	s3 GET "/$B"
	is "$(joined Key)" 'k1000 k1001 '
}

@test 'versions and delete markers' {
	covers ListObjectVersions
	s3 PUT "/$B?versioning=" --data-binary '<VersioningConfiguration>
	    <Status>Enabled</Status></VersioningConfiguration>'
	put a 1
	put a 2
	put b 1
	s3 DELETE "/$B/a"
	s3 GET "/$B?versions="
	code 200
	is "$(grep -o '<DeleteMarker>' "$W/body" | wc -l)" 1
	is "$(joined Key)" 'a a a b '
	is "$(joined IsLatest)" 'true false false true '
	s3 GET "/$B"
	is "$(joined Key)" 'b '
	# page by page, deleting what was seen
	seen=0 key='' version=''
	while :; do
		s3 GET "/$B?key-marker=$key&max-keys=1&version-id-marker=$version&versions="
		code 200
		seen=$((seen + 1))
		more=$(x IsTruncated)
		k=$(x Key) v=$(x VersionId)
		key=$(x NextKeyMarker) version=$(x NextVersionIdMarker)
		s3 DELETE "/$B/$k?versionId=$v"
		code 204
		[ "$more" = true ] || break
	done
	is "$seen" 4
	s3 GET "/$B?versions="
	is "$(joined Key)" ''
	s3 GET "/$B?version-id-marker=00112233445566778899aabbccddeeff&versions="
	code 400 InvalidArgument
}

@test 'DeleteObjects' {
	covers DeleteObjects
	keys a b
	s3 POST "/$B?delete=" --data-binary '<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
	    <Object><Key>a</Key></Object><Object><Key>none</Key></Object>
	    <Object><Key>b</Key><ETag>"00"</ETag></Object>
	    <Object><Key>b</Key><VersionId>rubbish</VersionId></Object>
	    </Delete>'
	code 200
	is "$(grep -o '<Deleted><Key>[^<]*' "$W/body" | sed 's/.*>//' |
	    tr '\n' ' ')" 'a none '
	is "$(joined Code)" 'PreconditionFailed NoSuchVersion '
	s3 GET "/$B"
	is "$(joined Key)" 'b '
	s3 POST "/$B?delete=" --data-binary '<Delete></Delete>'
	code 400 MalformedXML
	s3 POST "/$B?delete=" --data-binary 'nonsense'
	code 400 MalformedXML
	{
		echo '<Delete>'
		for ((i = 0; i < 1001; i++)); do
			echo "<Object><Key>$i</Key></Object>"
		done
		echo '</Delete>'
	} >"$W/many"
	s3 POST "/$B?delete=" --data-binary "@$W/many"
	code 400 MalformedXML
	printf '<Delete><Object><Key>b</Key></Object></Delete>' >"$W/one"
	s3 POST "/$B?delete=" --data-binary "@$W/one" \
	    -H 'Content-MD5: rL0Y20xC+Fzt72VPzMSk2A=='
	code 400 BadDigest
	s3 POST "/$B?delete=" --data-binary "@$W/one" \
	    -H "Content-MD5: $(b64 md5 "$W/one")"
	code 200
	s3 GET "/$B"
	is "$(joined Key)" ''
}

@test 'DeleteObjects writes a line for each key' {
	[ -n "$SERVE_PID" ] || skip 'needs the data folder'
	keys a b
	s3 POST "/$B?delete=" --data-binary '<Delete>
	    <Object><Key>a</Key></Object><Object><Key>b</Key></Object>
	    </Delete>'
	id=$(h x-amz-request-id)
	log=$SERVE_DIR/data/access.jsonl
	logged() {
		[ "$(grep -c "\"$id\"" "$log")" -ge 3 ]
	}
	wait_until logged
	is "$(grep "\"$id\"" "$log" | jq -r '[.op, .key, .status] | @csv' |
	    grep '"DeleteObject"' | sort)" '"DeleteObject","a",204
"DeleteObject","b",204'
}
