#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

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

/* The tier that moves objects by itself.  Where nothing is configured the
 * user could have one; where tiers are, it is for comparing alone. */
static void
find_self_moving(struct run *r, const struct vt_config *config)
{
	const char *here = config != NULL ? config->location :
	    vt_prices_location(r->prices);
	const struct vt_price *p = vt_prices_auto(r->prices);
	struct vt_cost_model *m = &r->model;
	struct vt_err err;
	size_t i;

	r->self_moving = -1;
	r->may_self_move = 1;
	for (i = 0; i < m->count; i++)
		if (m->tier[i].price.level_count > 0)
			r->self_moving = (int)i;
	if (r->self_moving >= 0 || p == NULL || m->count == VT_COST_TIERS)
		return;
	/* it is where the other tiers are, or the pair has no price */
	if (vt_cost_model_add(m, r->prices, "auto", p->name,
	    config != NULL ? config->tier[0].location : here, here, &err) !=
	    VT_OK)
		return;
	r->self_moving = (int)m->count - 1;
	r->may_self_move = config == NULL;
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
	find_self_moving(r, config);
	if (r->clients != NULL && vt_cost_model_clients(m, r->prices,
	    config != NULL ? config->location : here, r->clients, &err) !=
	    VT_OK)
		plan_die(&err);
	for (i = 0; i < m->count && r->restore_speed != NULL; i++)
		if (m->tier[i].price.needs_restore && vt_cost_model_speed(m,
		    i, r->restore_speed, &err) != VT_OK)
			plan_die(&err);
	for (i = 0; i < m->count; i++) {
		r->classes[i] = r->class_name[i];
		snprintf(r->class_name[i], sizeof(r->class_name[i]), "%s",
		    config != NULL && i < config->tier_count ?
		    config->tier[i].storage_class :
		    m->tier[i].price.name);
	}
}

/* Of a file, or of the configuration.  What is not known of the tiers of a
 * price file is as the configuration has it by default. */
void
load_policies(struct run *r)
{
	const struct vt_cost_model *m = &r->model;
	struct vt_place_tier tiers[VT_PLACE_TIERS];
	struct vt_err err;
	size_t count = 0, i;

	if (r->policy_path == NULL) {
		r->places = r->config != NULL ? r->config->places : NULL;
		return;
	}
	if (r->config != NULL)
		count = vt_config_place_tiers(r->config, tiers);
	else
		for (i = 0; i < m->count; i++)
			tiers[count++] = (struct vt_place_tier){
			    m->tier[i].name, vt_prices_location(r->prices),
			    11, 20, m->tier[i].price.needs_restore, 0 };
	if (vt_config_policies(r->policy_path, tiers, count, &r->own_places,
	    &err) != VT_OK)
		plan_die(&err);
	r->places = r->own_places;
}

/* "hot=600T,warm=2P": how much is there decides what the next GB costs. */
void
set_volumes(struct run *r)
{
	char *list, *one, *save, *tier, *size;
	uint64_t bytes;
	int k;

	if (r->volumes == NULL)
		return;
	list = cli_strdup(r->volumes);
	for (one = strtok_r(list, ",", &save); one != NULL;
	    one = strtok_r(NULL, ",", &save)) {
		cli_opt_pair("--volume", one, &tier, &size);
		k = vt_cost_model_tier(&r->model, tier);
		if (k < 0)
			exit(cli_usage_error("--volume: no tier '%s'", tier));
		bytes = cli_opt_size("--volume", size, 0, UINT64_MAX);
		r->model.tier[k].volume_gb = (double)bytes /
		    r->model.bytes_per_gb;
		free(tier);
		free(size);
	}
	free(list);
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
	if (r->self_moving >= 0 && !r->may_self_move)
		m->tier[r->self_moving].excluded = 1;
	if (r->tiers == NULL)
		return;
	r->may_self_move = 0;
	list = cli_strdup(r->tiers);
	for (name = strtok_r(list, ",", &save); name != NULL;
	    name = strtok_r(NULL, ",", &save)) {
		k = vt_cost_model_tier(m, name);
		if (k < 0)
			exit(cli_usage_error("--tiers: no tier '%s'", name));
		m->tier[k].excluded = m->tier[k].price.needs_restore &&
		    !r->allow_restore;
		r->may_self_move |= k == r->self_moving;
	}
	free(list);
}

/* The tiers that the age rule goes down by. */
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
			    (int)i != r->self_moving &&
			    (best == 0 ||
			    usd > m->tier[best].price.storage_gb_month))
				best = i;
		}
		if (best == 0)
			break;
		r->age_tier[r->age_count++] = best;
		above = m->tier[best].price.storage_gb_month;
	}
	vt_cost_rates_of(&r->model, &r->rates);
}
