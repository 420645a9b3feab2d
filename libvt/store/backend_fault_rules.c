/* Rules of faults as text: see vt_fault_parse. */
#include <string.h>

#include "libvt/base/num.h"

#include "libvt/store/backend.h"

#define FAULT_MS_MAX 3600000

static const struct {
	const char *name;
	enum vt_fault_act act;
	int may_be_late;
} acts[] = {
	{ "hang", VT_FAULT_HANG, 1 },
	{ "slow", VT_FAULT_SLOW, 0 },
	{ "kill", VT_FAULT_KILL, 1 },
	{ "cut", VT_FAULT_CUT, 0 },
	{ "flip", VT_FAULT_FLIP, 0 },
	{ "drip", VT_FAULT_DRIP, 0 },
};

static const char *const ops[] = {
	"put", "write", "metadata", "commit", "abort", "copy", "get", "read",
	"open", "head", "meta", "delete", "restore", "list",
};

static int
parse_action(char *name, struct vt_fault *f)
{
	size_t len = strlen(name), i;
	int code, may_be_late = 1;

	if (len > 5 && strcmp(name + len - 5, "-late") == 0) {
		f->is_late = 1;
		name[len - 5] = '\0';
	}
	for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(name, acts[i].name) == 0)
			break;
	if (i < sizeof(acts) / sizeof(acts[0])) {
		f->act = acts[i].act;
		f->code = VT_BUSY;
		may_be_late = acts[i].may_be_late;
	} else {
		f->act = VT_FAULT_FAIL;
		for (code = VT_ABSENT; code <= VT_NOMEM; code++)
			if (strcmp(name, vt_code_name(code)) == 0)
				break;
		f->code = code;
		if (code > VT_NOMEM)
			return -1;
	}
	return f->is_late && !may_be_late ? -1 : 0;
}

static int
parse_op(const char *name, struct vt_fault *f)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strcmp(name, ops[i]) == 0) {
			strcpy(f->op, name);
			return 0;
		}
	return -1;
}

static int
parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	return vt_num_u64(text, min, max, "count", out, NULL) == VT_OK ? 0 :
	    -1;
}

/* ACTION[=MS][:OP]@AT[+EVERY], cut up in place. */
static int
parse_rule(char *text, struct vt_fault *f)
{
	char *at, *every, *op, *ms;
	uint64_t n = 0;

	memset(f, 0, sizeof(*f));
	at = strchr(text, '@');
	if (at == NULL)
		return -1;
	*at++ = '\0';
	every = strchr(at, '+');
	if (every != NULL)
		*every++ = '\0';
	op = strchr(text, ':');
	if (op != NULL)
		*op++ = '\0';
	ms = strchr(text, '=');
	if (ms != NULL)
		*ms++ = '\0';
	if (parse_action(text, f) < 0 ||
	    parse_count(at, 1, UINT64_MAX, &f->at) < 0 ||
	    (every != NULL && parse_count(every, 1, UINT64_MAX,
	    &f->every) < 0) ||
	    (op != NULL && parse_op(op, f) < 0) ||
	    (ms != NULL && parse_count(ms, 0, FAULT_MS_MAX, &n) < 0))
		return -1;
	f->ms = (int64_t)n;
	return 0;
}

enum vt_code
vt_fault_parse(const char *text, struct vt_fault rules[VT_FAULTS_MAX],
    size_t *count, struct vt_err *err)
{
	char rule[64];
	size_t len;

	*count = 0;
	for (;; text += len + 1) {
		len = strcspn(text, ",");
		if (len >= sizeof(rule) || *count == VT_FAULTS_MAX)
			return vt_fail(err, VT_INVALID, "a fault is too long, "
			    "or there are more than %d", VT_FAULTS_MAX);
		memcpy(rule, text, len);
		rule[len] = '\0';
		if (parse_rule(rule, &rules[*count]) < 0)
			return vt_fail(err, VT_INVALID, "'%.*s' is no fault "
			    "(ACTION[=MS][:OP]@AT[+EVERY])", (int)len, text);
		++*count;
		if (text[len] == '\0')
			return VT_OK;
	}
}
