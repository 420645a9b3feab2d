#!/usr/bin/env bats
# CORS: the rules of a bucket, preflight requests and the headers of answers.

load s3

cors() {
	printf '<CORSConfiguration>%s</CORSConfiguration>' "$1" >"$W/cors"
	s3 PUT "/$B?cors=" -T "$W/cors"
}

rule() {
	local t
	printf '<CORSRule>'
	for t; do
		printf '<%s>%s</%s>' "${t%%=*}" "${t#*=}" "${t%%=*}"
	done
	printf '</CORSRule>'
}

# A request that nobody signed, as a browser asks.
plain() {
	local method=$1 target=$2
	shift 2
	: >"$W/body"
	st=$(curl -sS -X "$method" -o "$W/body" -D "$W/head" \
	    -w '%{http_code}' "$@" "$AWS_ENDPOINT_URL$target")
}

preflight() {
	local target=$1 origin=$2 method=$3
	shift 3
	plain OPTIONS "$target" -H "Origin: $origin" \
	    -H "Access-Control-Request-Method: $method" "$@"
}

@test 'rules are kept as they were sent, and removed' {
	covers PutBucketCors GetBucketCors DeleteBucketCors
	s3 GET "/$B?cors="
	code 404 NoSuchCORSConfiguration
	cors "$(rule ID=a AllowedOrigin='https://*.example.com' \
	    AllowedMethod=GET AllowedHeader='*' ExposeHeader=ETag \
	    MaxAgeSeconds=30)"
	code 200
	s3 GET "/$B?cors="
	code 200
	cmp "$W/cors" "$W/body"
	aws s3api get-bucket-cors --endpoint-url "$AWS_ENDPOINT_URL" \
	    --bucket "$B" >"$W/out"
	is "$(jq -r '.CORSRules[0].AllowedOrigins[0]' "$W/out")" \
	    'https://*.example.com'
	s3 DELETE "/$B?cors="
	code 204
	s3 GET "/$B?cors="
	code 404 NoSuchCORSConfiguration
	preflight "/$B/k" https://a.example.com GET
	code 403 AccessForbidden
}

@test 'rules that are not sound are refused, and the old ones stay' {
	cors "$(rule AllowedOrigin='http://old' AllowedMethod=GET)"
	code 200
	cp "$W/cors" "$W/old"
	cors "$(rule AllowedOrigin='*' AllowedMethod=PATCH)"
	code 400 InvalidRequest
	[[ $(x Message) == *'Unsupported method is PATCH'* ]]
	cors "$(rule AllowedOrigin='http://*.*' AllowedMethod=GET)"
	code 400 InvalidRequest
	cors "$(rule AllowedOrigin='*' AllowedMethod=GET ExposeHeader='x-*')"
	code 400 InvalidRequest
	cors "$(rule AllowedOrigin='*' AllowedMethod=GET AllowedHeader='*a*')"
	code 400 InvalidRequest
	cors "$(rule AllowedOrigin='*')"
	code 400 MalformedXML
	cors ''
	code 400 MalformedXML
	cors "$(for _ in {1..101}; do
		rule AllowedOrigin='*' AllowedMethod=GET
	done)"
	code 400 InvalidRequest
	[[ $(x Message) == *'100 rules'* ]]
	printf '<CORSConfiguration>' >"$W/cors"
	s3 PUT "/$B?cors=" -T "$W/cors"
	code 400 MalformedXML
	s3 PUT "/$B?cors=" -T "$W/old" -H 'Content-MD5: AAAAAAAAAAAAAAAAAAAAAA=='
	code 400 BadDigest
	s3 GET "/$B?cors="
	cmp "$W/old" "$W/body"
}

@test 'preflight requests' {
	covers Preflight
	cors "$(rule AllowedOrigin='https://*.example.com' \
	    AllowedMethod=GET AllowedMethod=PUT AllowedHeader='x-amz-*' \
	    AllowedHeader=Content-Type ExposeHeader=ETag \
	    ExposeHeader=x-amz-request-id MaxAgeSeconds=300)$(
	    rule AllowedOrigin='*' AllowedMethod=HEAD)"
	code 200
	preflight "/$B/no/such?key" https://www.example.com PUT \
	    -H 'Access-Control-Request-Headers: X-Amz-Date, content-type'
	code 200
	is "$(h Access-Control-Allow-Origin)" https://www.example.com
	is "$(h Access-Control-Allow-Methods)" 'GET, PUT'
	is "$(h Access-Control-Allow-Headers)" 'x-amz-date, content-type'
	is "$(h Access-Control-Expose-Headers)" 'ETag, x-amz-request-id'
	is "$(h Access-Control-Max-Age)" 300
	is "$(h Access-Control-Allow-Credentials)" true
	[[ $(h Vary) == *Origin* ]]
	body_is ''
	# another origin, method, header
	preflight "/$B/k" https://example.org GET
	code 403 AccessForbidden
	is "$(x Method)" GET
	is "$(x ResourceType)" OBJECT
	is "$(h Access-Control-Allow-Origin)" ''
	preflight "/$B" https://www.example.com DELETE
	code 403 AccessForbidden
	is "$(x ResourceType)" BUCKET
	preflight "/$B/k" https://www.example.com GET \
	    -H 'Access-Control-Request-Headers: x-other'
	code 403 AccessForbidden
	plain OPTIONS "/$B/k" -H 'Access-Control-Request-Method: GET'
	code 400 BadRequest
	[[ $(x Message) == *Origin* ]]
	plain OPTIONS "/$B/k" -H 'Origin: https://www.example.com'
	code 400 BadRequest
	[[ $(x Message) == *Access-Control-Request-Method* ]]
	preflight "/nosuch-$B/k" https://www.example.com GET
	code 404 NoSuchBucket
	# nobody needs a key, or the right one
	preflight "/$B/k?X-Amz-Signature=x" https://www.example.com GET
	code 200
}

@test 'any origin' {
	cors "$(rule AllowedOrigin='*' AllowedMethod=GET)"
	code 200
	preflight "/$B/k" https://www.example.com GET
	code 200
	is "$(h Access-Control-Allow-Origin)" '*'
	is "$(h Access-Control-Allow-Credentials)" ''
	is "$(h Access-Control-Max-Age)" ''
}

@test 'answers of requests with an Origin have the headers' {
	put k hello
	cors "$(rule AllowedOrigin=https://page AllowedMethod=GET \
	    AllowedMethod=PUT ExposeHeader=ETag)"
	code 200
	s3 GET "/$B/k" -H 'Origin: https://page'
	code 200
	body_is hello
	is "$(h Access-Control-Allow-Origin)" https://page
	is "$(h Access-Control-Expose-Headers)" ETag
	[[ $(h Vary) == *Origin* ]]
	put k2 hello -H 'Origin: https://page'
	code 200
	is "$(h Access-Control-Allow-Origin)" https://page
	# refusals, too: what is not there, who may not, what is wrong
	s3 GET "/$B/none" -H 'Origin: https://page'
	code 404 NoSuchKey
	is "$(h Access-Control-Allow-Origin)" https://page
	plain GET "/$B/k" -H 'Origin: https://page'
	code 403 AccessDenied
	is "$(h Access-Control-Allow-Origin)" https://page
	plain GET "/$B/k?X-Amz-Signature=x" -H 'Origin: https://page'
	code 400
	is "$(h Access-Control-Allow-Origin)" https://page
	# another origin or method: the answer, without them
	s3 GET "/$B/k" -H 'Origin: https://other'
	code 200
	is "$(h Access-Control-Allow-Origin)" ''
	[[ $(h Vary) == *Origin* ]]
	s3 DELETE "/$B/k2" -H 'Origin: https://page'
	code 204
	is "$(h Access-Control-Allow-Origin)" ''
	s3 GET "/$B/k"
	code 200
	is "$(h Access-Control-Allow-Origin)$(h Vary)" ''
}
