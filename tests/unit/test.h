/*
 * TAP for unit tests: one program a module.  `ok(condition, name, ...)`
 * counts and prints; test_done() closes the plan and gives the exit status.
 */
#ifndef TEST_H
#define TEST_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test_count, test_failures;

__attribute__((format(printf, 4, 5), unused))
static int
test_ok(int good, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	test_count++;
	printf("%sok %d - ", good ? "" : "not ", test_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	if (!good) {
		test_failures++;
		printf("# at %s:%d\n", file, line);
	}
	fflush(stdout);
	return good;
}

#define ok(c, ...) test_ok(!!(c), __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, ...)						\
	do {								\
		const char *got_ = (got), *want_ = (want);		\
		if (!ok(got_ != NULL && strcmp(got_, want_) == 0,	\
		    __VA_ARGS__))					\
			printf("# got:  %s\n# want: %s\n",		\
			    got_ ? got_ : "(null)", want_);		\
	} while (0)
#define is_int(got, want, ...)						\
	do {								\
		long long got_ = (long long)(got);			\
		long long want_ = (long long)(want);			\
		if (!ok(got_ == want_, __VA_ARGS__))			\
			printf("# got %lld, want %lld\n", got_, want_);	\
	} while (0)

__attribute__((unused))
static int
test_done(void)
{
	printf("1..%d\n", test_count);
	return test_failures == 0 ? 0 : 1;
}

#endif
