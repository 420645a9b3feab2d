/*
 * The error codes of S3: see s3error.h.  The codes and their statuses are
 * those of the AWS S3 API Reference, "Error responses"; the words are ours.
 */
#include <stdlib.h>
#include <string.h>

#include "libvt/proto/xml.h"

#include "s3error.h"

struct s3error {
	const char *code;
	int status;
	const char *message;
};

/* Sorted by code, as bsearch wants it; test_route checks the order. */
static const struct s3error table[] = {
	{ "AccessControlListNotSupported", 400,
	    "The bucket's ownership controls do not allow ACLs." },
	{ "AccessDenied", 403, "Access to this resource is denied." },
	{ "AccessForbidden", 403,
	    "The bucket's CORS rules do not allow this." },
	{ "AuthorizationHeaderMalformed", 400,
	    "The Authorization header cannot be understood." },
	{ "AuthorizationQueryParametersError", 400,
	    "The authentication parameters of the query are not valid." },
	{ "BadDigest", 400,
	    "The checksum sent does not match the body received." },
	{ "BadRequest", 400, "The request is not valid HTTP for S3." },
	{ "BucketAlreadyExists", 409,
	    "A bucket of that name exists and belongs to somebody else." },
	{ "BucketAlreadyOwnedByYou", 409,
	    "You already have a bucket of that name." },
	{ "BucketNotEmpty", 409,
	    "The bucket still holds objects or versions." },
	{ "ConditionalRequestConflict", 409,
	    "Another request on the same key was under way; try again." },
	{ "ConnectionClosedByRequester", 400,
	    "The client went away before the request was complete." },
	{ "EntityTooLarge", 400, "The body is larger than allowed." },
	{ "EntityTooSmall", 400,
	    "A part other than the last is smaller than allowed." },
	{ "ExpiredToken", 400, "The token has expired." },
	{ "IllegalLocationConstraintException", 400,
	    "The location constraint does not fit this endpoint's region." },
	{ "IllegalVersioningConfigurationException", 400,
	    "The versioning configuration is not valid." },
	{ "IncompleteBody", 400,
	    "The body was shorter than its declared length." },
	{ "IncorrectNumberOfFilesInPostRequest", 400,
	    "POST requires exactly one file upload per request." },
	{ "InsufficientStorage", 507, "The storage is full." },
	{ "InternalError", 500,
	    "Something went wrong inside the server; try again." },
	{ "InvalidAccessKeyId", 403,
	    "There is no such access key here." },
	{ "InvalidArgument", 400, "An argument is not valid." },
	{ "InvalidBucketAclWithBlockPublicAccessError", 400,
	    "A bucket with a public access block cannot have a public ACL." },
	{ "InvalidBucketAclWithObjectOwnership", 400,
	    "The bucket's ACL grants others something: with "
	    "BucketOwnerEnforced there are no ACLs." },
	{ "InvalidBucketName", 400, "That is not a valid bucket name." },
	{ "InvalidBucketState", 409,
	    "The bucket's state does not allow this." },
	{ "InvalidDigest", 400,
	    "The checksum sent is not a valid checksum value." },
	{ "InvalidEncryptionAlgorithmError", 400,
	    "That encryption algorithm is not known." },
	{ "InvalidLocationConstraint", 400,
	    "That location constraint is not known here." },
	{ "InvalidObjectState", 403,
	    "The object is archived: it must be restored before it is read." },
	{ "InvalidPart", 400,
	    "A part named was not uploaded, or its ETag is another." },
	{ "InvalidPartNumber", 416,
	    "The object has no part of that number." },
	{ "InvalidPartOrder", 400,
	    "The parts must be listed in ascending order." },
	{ "InvalidPolicyDocument", 400,
	    "The form's policy is not a valid policy document." },
	{ "InvalidRange", 416,
	    "The range asked for lies outside of the object." },
	{ "InvalidRedirectLocation", 400,
	    "The redirect location is not valid." },
	{ "InvalidRequest", 400, "The request is not valid." },
	{ "InvalidRetentionPeriod", 400,
	    "The retention period is not valid." },
	{ "InvalidStorageClass", 400,
	    "No tier here answers for that storage class." },
	{ "InvalidTag", 400, "A tag is not valid." },
	{ "InvalidToken", 400, "The token is not valid." },
	{ "InvalidURI", 400, "The request target cannot be decoded." },
	{ "KeyTooLongError", 400, "The key is longer than 1,024 bytes." },
	{ "MalformedACLError", 400, "The ACL's XML is not valid." },
	{ "MalformedPOSTRequest", 400,
	    "The body is not well-formed multipart/form-data." },
	{ "MalformedPolicy", 400, "The policy is not valid." },
	{ "MalformedTrailerError", 400,
	    "The trailing headers are malformed or not the ones announced." },
	{ "MalformedXML", 400,
	    "The XML is not well-formed or not of the expected form." },
	{ "MaxMessageLengthExceeded", 400, "The request is too large." },
	{ "MaxPostPreDataLengthExceeded", 400,
	    "The form's fields before the file are larger than 20 KiB." },
	{ "MetadataTooLarge", 400,
	    "The metadata headers are larger than 2,048 bytes." },
	{ "MethodNotAllowed", 405,
	    "That method is not allowed on this resource." },
	{ "MissingContentLength", 411,
	    "A Content-Length header is needed." },
	{ "MissingRequestBodyError", 400, "The body is missing." },
	{ "MissingSecurityHeader", 400, "A required header is missing." },
	{ "NoSuchBucket", 404, "There is no such bucket." },
	{ "NoSuchBucketPolicy", 404, "The bucket has no policy." },
	{ "NoSuchCORSConfiguration", 404,
	    "The bucket has no CORS configuration." },
	{ "NoSuchKey", 404, "There is no such key." },
	{ "NoSuchLifecycleConfiguration", 404,
	    "The bucket has no lifecycle configuration." },
	{ "NoSuchObjectLockConfiguration", 404,
	    "The object has no lock configuration." },
	{ "NoSuchPublicAccessBlockConfiguration", 404,
	    "The bucket has no public access block configuration." },
	{ "NoSuchTagSet", 404, "There is no tag set." },
	{ "NoSuchUpload", 404,
	    "There is no such upload: it was completed or aborted, or never "
	    "begun." },
	{ "NoSuchVersion", 404, "There is no such version." },
	{ "NoSuchWebsiteConfiguration", 404,
	    "The bucket has no website configuration." },
	{ "NotImplemented", 501, "This function is not implemented here." },
	{ "NotModified", 304, "Not modified." },
	{ "ObjectLockConfigurationNotFoundError", 404,
	    "The bucket has no object lock configuration." },
	{ "OperationAborted", 409,
	    "Another operation on this resource is under way; try again." },
	{ "OwnershipControlsNotFoundError", 404,
	    "The bucket has no ownership controls." },
	{ "PreconditionFailed", 412,
	    "A condition of the request does not hold." },
	{ "ReplicationConfigurationNotFoundError", 404,
	    "The bucket has no replication configuration." },
	{ "RequestHeaderSectionTooLarge", 400,
	    "The request's headers are too large." },
	{ "RequestTimeTooSkewed", 403,
	    "The request's time is too far from the server's." },
	{ "RequestTimeout", 400,
	    "The connection was idle for too long." },
	{ "RestoreAlreadyInProgress", 409,
	    "The object is being restored already." },
	{ "ServerSideEncryptionConfigurationNotFoundError", 404,
	    "The bucket has no encryption configuration." },
	{ "ServiceUnavailable", 503,
	    "The server cannot answer now; try again." },
	{ "SignatureDoesNotMatch", 403,
	    "The signature does not match the one computed: check the secret "
	    "key and how the request is signed." },
	{ "SlowDown", 503, "Too many requests at once; try again later." },
	{ "TooManyBuckets", 400, "There are too many buckets." },
	{ "UnexpectedContent", 400,
	    "This request does not take a body." },
	{ "UnresolvableGrantByEmailAddress", 400,
	    "There is no user with that e-mail address." },
	{ "XAmzContentSHA256Mismatch", 400,
	    "The body's SHA-256 is not the one in x-amz-content-sha256." },
};

static int
compare(const void *code, const void *entry)
{
	return strcmp(code, ((const struct s3error *)entry)->code);
}

static const struct s3error *
find(const char *s3_code)
{
	const struct s3error *e;

	e = bsearch(s3_code, table, sizeof(table) / sizeof(table[0]),
	    sizeof(table[0]), compare);
	if (e == NULL)
		e = bsearch("InternalError", table,
		    sizeof(table) / sizeof(table[0]), sizeof(table[0]),
		    compare);
	return e;
}

int
s3error_status(const char *s3_code)
{
	return find(s3_code)->status;
}

const char *
s3error_message(const char *s3_code)
{
	return find(s3_code)->message;
}

const char *
s3error_of(enum vt_code code)
{
	switch (code) {
	case VT_ABSENT:
		return "NoSuchKey";
	case VT_EXISTS:
		return "OperationAborted";
	case VT_INVALID:
		return "InvalidArgument";
	case VT_DENIED:
		return "AccessDenied";
	case VT_PRECONDITION:
		return "PreconditionFailed";
	case VT_BUSY:
	case VT_NOMEM:
		return "SlowDown";
	case VT_NEEDS_RESTORE:
		return "InvalidObjectState";
	case VT_NOSPACE:
		return "InsufficientStorage";
	case VT_TOO_LARGE:
		return "EntityTooLarge";
	case VT_CANCELLED:
		return "ServiceUnavailable";
	case VT_OK:
	case VT_CORRUPT:
	case VT_IO:
		break;
	}
	return "InternalError";
}

void
s3error_xml(struct vt_buf *out, const char *s3_code, const char *message,
    const char *resource, const char *request_id, const char *details)
{
	/* git-annex refuses a document whose Message is empty. */
	if (message == NULL || *message == '\0')
		message = s3error_message(s3_code);
	vt_xml_decl(out);
	vt_xml_open(out, "Error");
	vt_xml_text(out, "Code", s3_code);
	vt_xml_text(out, "Message", message);
	if (details != NULL)
		vt_buf_str(out, details);
	if (resource != NULL)
		vt_xml_text(out, "Resource", resource);
	if (request_id != NULL)
		vt_xml_text(out, "RequestId", request_id);
	vt_xml_close(out, "Error");
}
