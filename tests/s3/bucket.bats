#!/usr/bin/env bats
# Buckets and their sub-resources.

load s3

@test 'create, head, list, delete' {
	covers CreateBucket HeadBucket ListBuckets DeleteBucket
	differs ListDirectoryBuckets 'the request of ListBuckets, and so answered'
	s3 HEAD "/$B"
	code 200
	is "$(h x-amz-bucket-region)" us-east-1
	s3 GET /
	x Name | grep -qx "$B"
	[[ $(x CreationDate | head -n 1) =~ ^20.*Z$ ]]
	[[ $(x ID) =~ ^[0-9a-f]{64}$ ]]
	# in us-east-1 its owner may create it again, and nothing is lost
	put k x
	s3 PUT "/$B"
	code 200
	s3 DELETE "/$B"
	code 409 BucketNotEmpty
	s3 DELETE "/$B/k"
	s3 DELETE "/$B"
	code 204
	s3 HEAD "/$B"
	code 404
	s3 DELETE "/$B"
	code 404 NoSuchBucket
}

@test 'an open upload does not keep a bucket, a part of it is lost' {
	s3 POST "/$B/k?uploads="
	id=$(x UploadId)
	s3 DELETE "/$B"
	code 204
	s3 PUT "/$B/k?partNumber=1&uploadId=$id" -T /dev/null
	code 404 NoSuchBucket
}

@test 'names' {
	for name in "$(printf 'a%.0s' {1..63})" 123 a.b-c.d 0a0; do
		s3 PUT "/$name"
		code 200
		s3 DELETE "/$name"
		code 204
	done
	for name in a ab "$(printf 'a%.0s' {1..64})" Abc a_b a..b a.-b a-.b \
	    -abc abc- .abc abc. 192.168.5.4 xn--abc sthree-abc abc-s3alias \
	    'a%20b' 'a%2Bb'; do
		s3 PUT "/$name"
		code 400 InvalidBucketName
	done
}

@test 'location' {
	covers GetBucketLocation
	s3 GET "/$B?location="
	code 200
	grep -q '<LocationConstraint xmlns="[^"]*"></LocationConstraint>' \
	    "$W/body"
	s3 PUT "/$B-2" --data-binary '<CreateBucketConfiguration>
	    <LocationConstraint>us-east-1</LocationConstraint>
	    </CreateBucketConfiguration>'
	code 200
	s3 PUT "/$B-3" --data-binary '<CreateBucketConfiguration>
	    <LocationConstraint>mars-1</LocationConstraint>
	    </CreateBucketConfiguration>'
	code 400 IllegalLocationConstraintException
	s3 PUT "/$B-3" --data-binary '<Create'
	code 400 MalformedXML
}

@test 'what a bucket does not have' {
	differs GetBucketAccelerateConfiguration GetBucketLogging \
	    'never on'
	differs GetBucketReplication GetBucketWebsite 'there is never one'
	differs GetBucketRequestPayment 'the owner pays, always'
	differs GetBucketCors \
	    GetBucketLifecycleConfiguration GetBucketPolicy \
	    GetBucketTagging GetBucketNotificationConfiguration \
	    GetObjectLockConfiguration GetBucketOwnershipControls \
	    GetBucketPolicyStatus GetPublicAccessBlock Preflight \
	    'there is none yet'
	while read -r what code; do
		s3 GET "/$B?$what="
		code 404 "$code"
	done <<-EOT
		cors NoSuchCORSConfiguration
		lifecycle NoSuchLifecycleConfiguration
		policy NoSuchBucketPolicy
		tagging NoSuchTagSet
		website NoSuchWebsiteConfiguration
		encryption ServerSideEncryptionConfigurationNotFoundError
		object-lock ObjectLockConfigurationNotFoundError
		replication ReplicationConfigurationNotFoundError
	EOT
	for what in logging notification accelerate requestPayment \
	    versioning; do
		s3 GET "/$B?$what="
		code 200
	done
}

@test 'versioning' {
	covers GetBucketVersioning PutBucketVersioning
	s3 GET "/$B?versioning="
	is "$(x Status)" ''
	for state in Enabled Suspended Enabled; do
		s3 PUT "/$B?versioning=" --data-binary \
		    "<VersioningConfiguration><Status>$state</Status></VersioningConfiguration>"
		code 200
		s3 GET "/$B?versioning="
		is "$(x Status)" "$state"
	done
	s3 PUT "/$B?versioning=" --data-binary \
	    '<VersioningConfiguration><Status>On</Status></VersioningConfiguration>'
	code 400 MalformedXML
	s3 PUT "/$B?versioning=" --data-binary '<VersioningConfiguration/>'
	code 400 IllegalVersioningConfigurationException
}

@test 'pages of buckets' {
	for n in 1 2 3; do
		s3 PUT "/$B-$n"
		code 200
	done
	s3 GET "/?max-buckets=2&prefix=$B-"
	is "$(x Name | tr '\n' ' ')" "$B-1 $B-2 "
	next=$(x ContinuationToken | sed 's/=/%3D/g; s/+/%2B/g; s|/|%2F|g')
	s3 GET "/?continuation-token=$next&max-buckets=2&prefix=$B-"
	is "$(x Name)$(x ContinuationToken)" "$B-3"
	s3 GET "/?max-buckets=0"
	code 400 InvalidArgument
}

@test 'x-amz-expected-bucket-owner' {
	s3 GET /
	me=$(x ID | head -n 1)
	s3 GET "/$B" -H "x-amz-expected-bucket-owner: $me"
	code 200
	s3 GET "/$B" -H 'x-amz-expected-bucket-owner: 111122223333'
	code 403 AccessDenied
	put k x -H 'x-amz-expected-bucket-owner: 111122223333'
	code 403 AccessDenied
}
