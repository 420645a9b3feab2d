/*
 * Any bytes as a policy, and a request against it: no crash, and what is
 * taken does not depend on how it was compiled.
 *
 * Input: the document, then perhaps a line "---" and lines: action, resource,
 * the value of every condition key.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/proto/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const *
values(void *ctx, const char *key, size_t *count)
{
	/* some keys are there, some empty, some missing */
	*count = strlen(key) % 3;
	return strlen(key) % 5 == 0 ? NULL : ctx;
}

static char *
next_line(char **rest)
{
	static char nothing[1];
	char *line = *rest, *end;

	if (line == NULL)
		return nothing;
	end = strchr(line, '\n');
	if (end != NULL)
		*end++ = '\0';
	*rest = end;
	return line;
}

static void
try(const char *text, size_t len, const char *bucket,
    const struct vt_policy_request *q)
{
	static const struct vt_policy_caller callers[] = {
		{ NULL, NULL, NULL, 0 },
		{ "111122223333", "arn:aws:iam::111122223333:root", "aa", 1 },
		{ "111122223333", "arn:aws:iam::111122223333:user/ann", "bb",
		    0 }
	};
	struct vt_policy_request asked = *q;
	struct vt_policy *p, *again;
	enum vt_policy_result result;

	if (vt_policy_parse(text, len, bucket, &p, NULL) != VT_OK)
		return;
	if (vt_policy_parse(text, len, bucket, &again, NULL) != VT_OK)
		abort();
	if (vt_policy_is_public(p) != vt_policy_is_public(again))
		abort();
	for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++) {
		asked.caller = callers[i];
		result = vt_policy_eval(p, &asked);
		if (result != vt_policy_eval(again, &asked))
			abort();
		/* a policy that is not public allows nobody unknown, unless
		 * conditions tell where they are */
		if (result == VT_POLICY_ALLOW && i == 0 && bucket != NULL &&
		    q->values == NULL && !vt_policy_is_public(p))
			abort();
	}
	vt_policy_free(again);
	vt_policy_free(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text, *mark;
	const char *list[3];
	struct vt_policy_request q = { .action = "s3:GetObject",
	    .resource = "arn:aws:s3:::b/k", .resource_len = 16 };
	size_t len = size;

	text = malloc(size + 1);
	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	try(text, len, "", &q);
	mark = strstr(text, "\n---\n");
	if (mark != NULL) {
		len = (size_t)(mark - text);
		mark += 5;
		q.action = next_line(&mark);
		q.resource = next_line(&mark);
		q.resource_len = strlen(q.resource);
		list[0] = next_line(&mark);
		list[1] = next_line(&mark);
		list[2] = "x";
		q.ctx = (void *)list;
		q.values = values;
	}
	try(text, len, "b", &q);
	try(text, len, NULL, &q);
	free(text);
	return 0;
}
