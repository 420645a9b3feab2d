#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/clock.h"
#include "libvt/base/jsonl.h"

#include "plan.h"

#define PRICE_FILE "aws-us-east-1.json"
#define SUFFIX ".json"

/* --- where price files are ------------------------------------------------ */

char *
file_in(const char *folder, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		plan_no_memory();
	if (access(path, R_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* The folders that may have the price files that came with this program:
 * $VAULTAIRE_SHARE, beside the folder the program lies in, or in the source
 * tree it was built in.  NULL beyond the last, "" for one that is not. */
static char *
price_folder(size_t i)
{
	static const char *const places[] = {
		"../share/vaultaire/prices", "../../../scripts/prices"
	};
	char exe[4096], *slash, *share, *folder;
	ssize_t n;

	if (i > sizeof(places) / sizeof(places[0]))
		return NULL;
	if (i == 0) {
		share = cli_env("VAULTAIRE_SHARE");
		if (share == NULL)
			return cli_strdup("");
		if (asprintf(&folder, "%s/prices", share) < 0)
			plan_no_memory();
		free(share);
		return folder;
	}
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';
	slash = strrchr(exe, '/');
	if (slash == NULL)
		return cli_strdup("");
	*slash = '\0';
	if (asprintf(&folder, "%s/%s", exe, places[i - 1]) < 0)
		plan_no_memory();
	return folder;
}

/* A shipped file, NULL if there is none of that name. */
static char *
shipped(const char *name)
{
	char *folder, *path = NULL;
	size_t i;

	for (i = 0; path == NULL && (folder = price_folder(i)) != NULL; i++) {
		if (*folder != '\0')
			path = file_in(folder, name);
		free(folder);
	}
	return path;
}

/* What --prices names: a file, else one that is shipped. */
static char *
named(const char *name)
{
	char *file, *path = NULL;

	if (strchr(name, '/') == NULL && access(name, F_OK) < 0) {
		if (asprintf(&file, "%s" SUFFIX, name) < 0)
			plan_no_memory();
		path = shipped(file);
		if (path == NULL)
			path = shipped(name);
		free(file);
		if (path == NULL)
			cli_die(CLI_FAILED, "no price file '%s' here, and "
			    "none of that name comes with vt-plan: see "
			    "--list-prices", name);
	}
	return path != NULL ? path : cli_strdup(name);
}

/* --- the prices of a run -------------------------------------------------- */

void
load_prices(struct run *r, const struct vt_config *config)
{
	const struct vt_clock real = VT_CLOCK_REAL;
	char *path = NULL;
	const char *slash;
	struct vt_err err;

	if (r->price_path != NULL) {
		path = named(r->price_path);
	} else if (config != NULL) {
		/* the standard one may lie elsewhere than where it would be
		 * installed; one that the user named may not */
		slash = strrchr(config->price_file, '/');
		if (access(config->price_file, R_OK) == 0 || slash == NULL ||
		    strcmp(slash + 1, PRICE_FILE) != 0)
			path = cli_strdup(config->price_file);
	}
	if (path == NULL)
		path = shipped(PRICE_FILE);
	if (path == NULL)
		cli_die(CLI_FAILED, "no price file: name one with --prices");
	if (vt_prices_load(path, &r->prices, &err) != VT_OK ||
	    vt_prices_arrived(r->prices, vt_clock_now_us(&real), &err) !=
	    VT_OK)
		plan_die(&err);
	free(path);
}

void
check_prices(struct run *r, int64_t as_of_us)
{
	struct vt_err err;
	double age;

	if (r->prices_checked || as_of_us <= 0)
		return;
	r->prices_checked = 1;
	age = vt_prices_age_days(r->prices, as_of_us);
	if (vt_prices_fresh(r->prices, as_of_us, r->prices_max_age, &err) ==
	    VT_OK) {
		if (age > r->prices_max_age * 3 / 4 && !r->quiet)
			cli_warn("the prices (%s) are %.0f days old",
			    vt_prices_title(r->prices), age);
		return;
	}
	if (!r->stale_prices)
		cli_die(CLI_FAILED, "%s: use newer ones, or --stale-prices",
		    err.text);
	cli_warn("%s", err.text);
}

/* --- the list ------------------------------------------------------------- */

static int
is_price_file(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > strlen(SUFFIX) && d->d_name[0] != '.' &&
	    strcmp(d->d_name + n - strlen(SUFFIX), SUFFIX) == 0;
}

static void
list_json(const char *name, const struct vt_prices *p, double age)
{
	const struct vt_price *c;
	struct vt_buf classes, b;
	size_t i;

	vt_buf_init(&classes, 1 << 16);
	vt_buf_init(&b, 1 << 16);
	vt_buf_add(&classes, "[", 1);
	for (i = 0; (c = vt_prices_class(p, i)) != NULL; i++) {
		if (i > 0)
			vt_buf_add(&classes, ",", 1);
		vt_json_quote(&classes, c->name, strlen(c->name));
	}
	vt_buf_add(&classes, "]", 1);
	vt_json_begin(&b);
	vt_json_str(&b, "name", name);
	vt_json_str(&b, "provider", vt_prices_provider(p));
	vt_json_str(&b, "region", vt_prices_region(p));
	vt_json_str(&b, "date", vt_prices_date(p));
	vt_json_double(&b, "age_days", age);
	vt_json_str(&b, "location", vt_prices_location(p));
	vt_json_raw(&b, "classes", classes.data, classes.len);
	vt_json_str(&b, "digest", vt_prices_digest(p));
	vt_json_end(&b);
	(void)cli_out_buf(&b);	/* sticks; cli_finish tells */
	vt_buf_release(&classes);
	vt_buf_release(&b);
}

static void
list_text(const char *name, const struct vt_prices *p, double age)
{
	const struct vt_price *c;
	size_t i;

	cli_printf("%-20s %s  %4.0f days  %s %s\n", name, vt_prices_date(p),
	    age, vt_prices_provider(p), vt_prices_region(p));
	for (i = 0; (c = vt_prices_class(p, i)) != NULL; i++)
		cli_printf("%s%s%s", i == 0 ? "    " : i % 4 == 0 ?
		    ",\n    " : ", ", c->name,
		    vt_prices_class(p, i + 1) == NULL ? "\n" : "");
}

/* One file of the list: 0, or -1 when it is refused. */
static int
list_file(const struct run *r, const char *folder, char *name)
{
	const struct vt_clock real = VT_CLOCK_REAL;
	struct vt_prices *p;
	struct vt_err err;
	char *path;
	double age;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		plan_no_memory();
	if (vt_prices_load(path, &p, &err) != VT_OK) {
		cli_warn("%s", err.text);
		free(path);
		return -1;
	}
	name[strlen(name) - strlen(SUFFIX)] = '\0';
	age = vt_prices_age_days(p, vt_clock_now_us(&real));
	if (r->json)
		list_json(name, p, age);
	else
		list_text(name, p, age);
	vt_prices_free(p);
	free(path);
	return 0;
}

int
list_prices(const struct run *r)
{
	int i, n = -1, status = CLI_OK;
	struct dirent **list = NULL;
	char *folder;
	size_t f;

	for (f = 0; (folder = price_folder(f)) != NULL; f++) {
		n = *folder == '\0' ? -1 :
		    scandir(folder, &list, is_price_file, alphasort);
		if (n > 0)
			break;
		if (n == 0)
			free(list);
		free(folder);
	}
	if (folder == NULL)
		cli_die(CLI_FAILED, "no price files came with vt-plan");
	for (i = 0; i < n; i++) {
		if (list_file(r, folder, list[i]->d_name) < 0)
			status = CLI_SOME;
		free(list[i]);
	}
	free(list);
	free(folder);
	return status;
}
