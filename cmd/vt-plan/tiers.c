#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan.h"

#define PRICE_FILE "aws-us-east-1.json"

static char *
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

/* The price file that came with this program: $VAULTAIRE_SHARE, beside the
 * folder the program lies in, or in the source tree it was built in. */
static char *
shipped_prices(void)
{
	static const char *const places[] = {
		"../share/vaultaire/prices", "../../../scripts/prices"
	};
	char exe[4096], *slash, *path, *folder, *share;
	ssize_t n;
	size_t i;

	share = cli_env("VAULTAIRE_SHARE");
	if (share != NULL) {
		if (asprintf(&folder, "%s/prices", share) < 0)
			plan_no_memory();
		path = file_in(folder, PRICE_FILE);
		free(folder);
		free(share);
		if (path != NULL)
			return path;
	}
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n <= 0)
		return NULL;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (slash == NULL)
		return NULL;
	*slash = '\0';
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (asprintf(&folder, "%s/%s", exe, places[i]) < 0)
			plan_no_memory();
		path = file_in(folder, PRICE_FILE);
		free(folder);
		if (path != NULL)
			return path;
	}
	return NULL;
}

struct vt_config *
load_config(struct run *r)
{
	struct vt_config *config;
	char *path, *data, *env;
	struct vt_err err;

	env = cli_env("VAULTAIRE_DATA");
	if (r->data == NULL && r->config_path == NULL && env == NULL)
		return NULL;
	data = cli_absolute(r->data != NULL ? r->data :
	    env != NULL ? env : "vaultaire-data");
	path = r->config_path != NULL ? cli_strdup(r->config_path) :
	    file_in(data, "vaultaire.json");
	if (vt_config_load(path, data, &config, &err) != VT_OK)
		plan_die(&err);
	free(env);
	free(path);
	free(data);
	return config;
}

void
load_prices(struct run *r, const struct vt_config *config)
{
	char *path = NULL;
	const char *slash;
	struct vt_err err;

	if (r->price_path != NULL) {
		path = cli_strdup(r->price_path);
	} else if (config != NULL) {
		/* the standard one may lie elsewhere than where it would be
		 * installed; one that the user named may not */
		slash = strrchr(config->price_file, '/');
		if (access(config->price_file, R_OK) == 0 || slash == NULL ||
		    strcmp(slash + 1, PRICE_FILE) != 0)
			path = cli_strdup(config->price_file);
	}
	if (path == NULL)
		path = shipped_prices();
	if (path == NULL)
		cli_die(CLI_FAILED, "no price file: name one with --prices");
	if (vt_prices_load(path, &r->prices, &err) != VT_OK)
		plan_die(&err);
	free(path);
}

/* The tiers of the configuration, or those the price file offers. */
void
make_model(struct run *r, const struct vt_config *config)
{
	const char *here = vt_prices_location(r->prices), *tier, *class_name;
	struct vt_cost_model *m = &r->model;
	struct vt_err err;
	size_t i;

	if (config != NULL) {
		if (vt_cost_model_config(m, r->prices, config, &err) != VT_OK)
			plan_die(&err);
	} else {
		vt_cost_model_init(m, r->prices);
		for (i = 0; vt_prices_default_tier(r->prices, i, &tier,
		    &class_name) == 0; i++)
			if (vt_cost_model_add(m, r->prices, tier, class_name,
			    here, here, &err) != VT_OK)
				plan_die(&err);
	}
	if (m->count == 0)
		cli_die(CLI_FAILED, "there are no tiers to plan for");
	m->how = r->how;
	for (i = 0; i < m->count; i++) {
		r->classes[i] = r->class_name[i];
		snprintf(r->class_name[i], sizeof(r->class_name[i]), "%s",
		    config != NULL ? config->tier[i].storage_class :
		    m->tier[i].price.name);
	}
}

/* P6: what the user rules out is out before cost is asked. */
void
exclude(struct run *r)
{
	struct vt_cost_model *m = &r->model;
	char *list, *name, *save;
	size_t i;
	int k;

	for (i = 0; i < m->count; i++)
		m->tier[i].excluded = r->tiers != NULL ||
		    (m->tier[i].price.needs_restore && !r->allow_restore);
	if (r->tiers == NULL)
		return;
	list = cli_strdup(r->tiers);
	for (name = strtok_r(list, ",", &save); name != NULL;
	    name = strtok_r(NULL, ",", &save)) {
		k = vt_cost_model_tier(m, name);
		if (k < 0)
			exit(cli_usage_error("--tiers: no tier '%s'", name));
		m->tier[k].excluded = m->tier[k].price.needs_restore &&
		    !r->allow_restore;
	}
	free(list);
}

/* The tiers that the age rule goes down by, and the self-moving class. */
void
choose_rivals(struct run *r)
{
	const struct vt_cost_model *m = &r->model;
	double above = m->tier[0].price.storage_gb_month;
	size_t i;

	while (r->age_count < 2) {
		size_t best = 0;

		for (i = 1; i < m->count; i++) {
			double usd = m->tier[i].price.storage_gb_month;

			if (!m->tier[i].price.needs_restore && usd < above &&
			    (best == 0 ||
			    usd > m->tier[best].price.storage_gb_month))
				best = i;
		}
		if (best == 0)
			break;
		r->age_tier[r->age_count++] = best;
		above = m->tier[best].price.storage_gb_month;
	}
	r->autoclass = vt_prices_find(r->prices, "INTELLIGENT_TIERING");
	if (r->autoclass != NULL && r->autoclass->level_count == 0)
		r->autoclass = NULL;
	r->lifecycle = r->model;
	r->lifecycle.how = VT_MOVE_TRANSITION;
	for (i = 0; i < m->count; i++)
		r->lifecycle.tier[i].excluded = 0;
}
