/*
 * The compiled form of a policy: what policy.c makes and policy_eval.c reads.
 * Nobody else includes it.
 */
#ifndef VT_PROTO_POLICY_INTERNAL_H
#define VT_PROTO_POLICY_INTERNAL_H

#include <stdint.h>

#include "libvt/base/arena.h"

#include "libvt/proto/policy.h"

/* A pattern is a row of codes: bytes, and these. */
enum { CODE_ANY = 256,		/* '*': any bytes */
	CODE_ONE,		/* '?': one character */
	CODE_VAR };		/* a policy variable; the next code is its
				   index */

struct pattern {
	const uint16_t *codes;
	size_t len;
	int has_var;
};

struct variable {
	const char *key;
	const char *fallback;	/* NULL: none */
};

enum principal_kind { PRINCIPAL_ANY, PRINCIPAL_ACCOUNT, PRINCIPAL_ARN,
	PRINCIPAL_CANONICAL,
	PRINCIPAL_OTHER };	/* services, federations: nobody here */

struct principal {
	enum principal_kind kind;
	const char *text;
};

enum cond_type { COND_STRING, COND_NUMERIC, COND_DATE, COND_BOOL, COND_IP,
	COND_ARN, COND_NULL };
enum cond_compare { COMPARE_EQUAL, COMPARE_LESS, COMPARE_LESS_EQUAL,
	COMPARE_GREATER, COMPARE_GREATER_EQUAL };
enum cond_set { SET_NONE, SET_ANY, SET_ALL };

struct cond_value {
	struct pattern pattern;		/* strings, ARNs */
	double number;
	int64_t time_us;
	int truth;
	uint8_t address[16];		/* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;			/* of 128 */
};

struct condition {
	enum cond_type type;
	enum cond_compare compare;
	enum cond_set set;
	int negated, if_exists, ignore_case;
	const char *key;
	const struct cond_value *values;
	size_t count;
};

struct statement {
	int allow;
	int not_principal, not_action, not_resource;
	const struct principal *principals;
	size_t principal_count;
	const struct pattern *actions;	/* in lower case */
	size_t action_count;
	const struct pattern *resources;
	size_t resource_count;
	const struct condition *conditions;
	size_t condition_count;
};

struct vt_policy {
	struct vt_arena *arena;
	const struct variable *variables;
	const struct statement *statements;
	size_t count;
	int is_user;
};

/* policy_names.c */
struct cond_operator {
	const char *name;
	enum cond_type type;
	enum cond_compare compare;
	int negated, like, ignore_case;
};
/* The operator of that name without its set and IfExists, or NULL. */
const struct cond_operator *policy_operator(const char *name, size_t len);
/* May a bucket policy ask for this key? */
int policy_known_key(const char *key);
/* Is there an action of S3 that the pattern (in lower case) fits? */
int policy_known_action(const struct pattern *p);

/* policy_eval.c */
/* Does the whole text fit?  Patterns with variables never do.  `left` (or NULL)
 * is counted down by the steps that it takes; at 0 nothing fits. */
int policy_match(const uint16_t *codes, size_t len, const char *text,
    size_t text_len, int ignore_case, size_t *left);
/* Of an address into 16 bytes: 32 or 128 bits, 0: it is none. */
unsigned policy_address(const char *text, size_t len, uint8_t out[16]);
int policy_time(const char *text, int64_t *us);
int policy_truth(const char *text, int *out);

#endif
