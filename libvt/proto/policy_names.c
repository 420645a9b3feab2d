/*
 * The names a policy may use: operators, condition keys, actions of S3.
 * Sources: AWS IAM User Guide, "Condition operators" and "Global condition
 * keys"; AWS Service Authorization Reference, "Actions, resources, and
 * condition keys for Amazon S3".
 */
#include <string.h>
#include <strings.h>

#include "libvt/proto/policy_internal.h"

static const struct cond_operator operators[] = {
	{ "StringEquals", COND_STRING, COMPARE_EQUAL, 0, 0, 0 },
	{ "StringNotEquals", COND_STRING, COMPARE_EQUAL, 1, 0, 0 },
	{ "StringEqualsIgnoreCase", COND_STRING, COMPARE_EQUAL, 0, 0, 1 },
	{ "StringNotEqualsIgnoreCase", COND_STRING, COMPARE_EQUAL, 1, 0, 1 },
	{ "StringLike", COND_STRING, COMPARE_EQUAL, 0, 1, 0 },
	{ "StringNotLike", COND_STRING, COMPARE_EQUAL, 1, 1, 0 },
	{ "NumericEquals", COND_NUMERIC, COMPARE_EQUAL, 0, 0, 0 },
	{ "NumericNotEquals", COND_NUMERIC, COMPARE_EQUAL, 1, 0, 0 },
	{ "NumericLessThan", COND_NUMERIC, COMPARE_LESS, 0, 0, 0 },
	{ "NumericLessThanEquals", COND_NUMERIC, COMPARE_LESS_EQUAL, 0, 0,
	    0 },
	{ "NumericGreaterThan", COND_NUMERIC, COMPARE_GREATER, 0, 0, 0 },
	{ "NumericGreaterThanEquals", COND_NUMERIC, COMPARE_GREATER_EQUAL, 0,
	    0, 0 },
	{ "DateEquals", COND_DATE, COMPARE_EQUAL, 0, 0, 0 },
	{ "DateNotEquals", COND_DATE, COMPARE_EQUAL, 1, 0, 0 },
	{ "DateLessThan", COND_DATE, COMPARE_LESS, 0, 0, 0 },
	{ "DateLessThanEquals", COND_DATE, COMPARE_LESS_EQUAL, 0, 0, 0 },
	{ "DateGreaterThan", COND_DATE, COMPARE_GREATER, 0, 0, 0 },
	{ "DateGreaterThanEquals", COND_DATE, COMPARE_GREATER_EQUAL, 0, 0,
	    0 },
	{ "Bool", COND_BOOL, COMPARE_EQUAL, 0, 0, 0 },
	/* base64 has one spelling: equal text is equal bytes */
	{ "BinaryEquals", COND_STRING, COMPARE_EQUAL, 0, 0, 0 },
	{ "IpAddress", COND_IP, COMPARE_EQUAL, 0, 0, 0 },
	{ "NotIpAddress", COND_IP, COMPARE_EQUAL, 1, 0, 0 },
	{ "ArnEquals", COND_ARN, COMPARE_EQUAL, 0, 1, 0 },
	{ "ArnLike", COND_ARN, COMPARE_EQUAL, 0, 1, 0 },
	{ "ArnNotEquals", COND_ARN, COMPARE_EQUAL, 1, 1, 0 },
	{ "ArnNotLike", COND_ARN, COMPARE_EQUAL, 1, 1, 0 },
	{ "Null", COND_NULL, COMPARE_EQUAL, 0, 0, 0 }
};

const struct cond_operator *
policy_operator(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (strlen(operators[i].name) == len &&
		    memcmp(operators[i].name, name, len) == 0)
			return &operators[i];
	return NULL;
}

/* A name that ends in '/' is followed by a tag's key. */
static const char *const keys[] = {
	"aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast",
	"aws:CurrentTime", "aws:Ec2InstanceSourcePrivateIPv4",
	"aws:Ec2InstanceSourceVpc", "aws:EpochTime", "aws:FederatedProvider",
	"aws:MultiFactorAuthAge", "aws:MultiFactorAuthPresent",
	"aws:PrincipalAccount", "aws:PrincipalArn",
	"aws:PrincipalIsAWSService", "aws:PrincipalOrgID",
	"aws:PrincipalOrgPaths", "aws:PrincipalServiceName",
	"aws:PrincipalServiceNamesList", "aws:PrincipalTag/",
	"aws:PrincipalType", "aws:Referer", "aws:RequestTag/",
	"aws:RequestedRegion", "aws:ResourceAccount", "aws:ResourceOrgID",
	"aws:ResourceOrgPaths", "aws:ResourceTag/", "aws:SecureTransport",
	"aws:SourceAccount", "aws:SourceArn", "aws:SourceIdentity",
	"aws:SourceIp", "aws:SourceOrgID", "aws:SourceOrgPaths",
	"aws:SourceOwner", "aws:SourceVpc", "aws:SourceVpcArn",
	"aws:SourceVpce", "aws:TagKeys", "aws:TokenIssueTime",
	"aws:UserAgent", "aws:userid", "aws:username",
	"aws:ViaAWSService", "aws:VpcSourceIp",
	"s3:AccessGrantsInstanceArn", "s3:AccessPointNetworkOrigin",
	"s3:BucketTag/", "s3:DataAccessPointAccount",
	"s3:DataAccessPointArn", "s3:ExistingObjectTag/",
	"s3:InventoryAccessibleOptionalFields", "s3:JobSuspendedCause",
	"s3:LocationConstraint", "s3:ObjectCreationOperation",
	"s3:RequestObjectTag/", "s3:RequestObjectTagKeys",
	"s3:ResourceAccount", "s3:TlsVersion", "s3:VersionId", "s3:authType",
	"s3:delimiter", "s3:if-match", "s3:if-none-match",
	"s3:max-keys", "s3:object-lock-legal-hold", "s3:object-lock-mode",
	"s3:object-lock-remaining-retention-days",
	"s3:object-lock-retain-until-date", "s3:prefix", "s3:signatureAge",
	"s3:signatureversion", "s3:x-amz-acl",
	"s3:x-amz-content-sha256", "s3:x-amz-copy-source",
	"s3:x-amz-grant-full-control", "s3:x-amz-grant-read",
	"s3:x-amz-grant-read-acp", "s3:x-amz-grant-write",
	"s3:x-amz-grant-write-acp", "s3:x-amz-metadata-directive",
	"s3:x-amz-object-ownership", "s3:x-amz-server-side-encryption",
	"s3:x-amz-server-side-encryption-aws-kms-key-id",
	"s3:x-amz-server-side-encryption-customer-algorithm",
	"s3:x-amz-storage-class", "s3:x-amz-website-redirect-location"
};

int
policy_known_key(const char *key)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t len = strlen(keys[i]);

		if (keys[i][len - 1] == '/' ?
		    strncasecmp(keys[i], key, len) == 0 && key[len] != '\0' :
		    strcasecmp(keys[i], key) == 0)
			return 1;
	}
	return 0;
}

/* Without the "s3:". */
static const char *const actions[] = {
	"abortmultipartupload", "associateaccessgrantsidentitycenter",
	"bypassgovernanceretention", "createaccessgrant",
	"createaccessgrantsinstance", "createaccessgrantslocation",
	"createaccesspoint", "createaccesspointforobjectlambda",
	"createbucket", "createbucketmetadatatableconfiguration", "createjob",
	"createmultiregionaccesspoint", "createstoragelensgroup",
	"deleteaccesspoint", "deleteaccesspointpolicy", "deletebucket",
	"deletebucketownershipcontrols", "deletebucketpolicy",
	"deletebucketpublicaccessblock", "deletebucketwebsite",
	"deletejobtagging", "deletemultiregionaccesspoint", "deleteobject",
	"deleteobjecttagging", "deleteobjectversion",
	"deleteobjectversiontagging", "deletestoragelensconfiguration",
	"describejob", "getaccelerateconfiguration", "getaccesspoint",
	"getaccesspointpolicy", "getaccesspointpolicystatus",
	"getaccountpublicaccessblock", "getanalyticsconfiguration",
	"getbucketacl", "getbucketcors", "getbucketlocation",
	"getbucketlogging", "getbucketmetadatatableconfiguration",
	"getbucketnotification", "getbucketobjectlockconfiguration",
	"getbucketownershipcontrols", "getbucketpolicy",
	"getbucketpolicystatus", "getbucketpublicaccessblock",
	"getbucketrequestpayment", "getbuckettagging", "getbucketversioning",
	"getbucketwebsite", "getencryptionconfiguration",
	"getintelligenttieringconfiguration", "getinventoryconfiguration",
	"getjobtagging", "getlifecycleconfiguration",
	"getmetricsconfiguration", "getobject", "getobjectacl",
	"getobjectattributes", "getobjectlegalhold", "getobjectretention",
	"getobjecttagging", "getobjecttorrent", "getobjectversion",
	"getobjectversionacl", "getobjectversionattributes",
	"getobjectversionforreplication", "getobjectversiontagging",
	"getobjectversiontorrent", "getreplicationconfiguration",
	"getstoragelensconfiguration", "initiatereplication",
	"listaccesspoints", "listallmybuckets", "listbucket",
	"listbucketmultipartuploads", "listbucketversions", "listjobs",
	"listmultipartuploadparts", "listmultiregionaccesspoints",
	"listtagsforresource", "objectowneroverridetobucketowner",
	"pausereplication", "putaccelerateconfiguration",
	"putaccesspointpolicy", "putaccountpublicaccessblock",
	"putanalyticsconfiguration", "putbucketacl", "putbucketcors",
	"putbucketlogging", "putbucketnotification",
	"putbucketobjectlockconfiguration", "putbucketownershipcontrols",
	"putbucketpolicy", "putbucketpublicaccessblock",
	"putbucketrequestpayment", "putbuckettagging", "putbucketversioning",
	"putbucketwebsite", "putencryptionconfiguration",
	"putintelligenttieringconfiguration", "putinventoryconfiguration",
	"putjobtagging", "putlifecycleconfiguration",
	"putmetricsconfiguration", "putobject", "putobjectacl",
	"putobjectlegalhold", "putobjectretention", "putobjecttagging",
	"putobjectversionacl", "putobjectversiontagging",
	"putreplicationconfiguration", "putstoragelensconfiguration",
	"replicatedelete", "replicateobject", "replicatetags",
	"restoreobject", "submitmultiregionaccesspointroutes",
	"tagresource", "untagresource", "updatejobpriority",
	"updatejobstatus"
};

int
policy_known_action(const struct pattern *p)
{
	char name[64] = "s3:";

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		strcpy(name + 3, actions[i]);
		if (policy_match(p->codes, p->len, name, strlen(name), 1,
		    NULL))
			return 1;
	}
	return 0;
}
