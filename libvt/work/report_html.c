/* The page, section by section, in the order in which it is read. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "libvt/work/report_internal.h"

#define NAME_SHOWN 160		/* bytes of a key before its middle goes */
#define MOVES_OPEN 15		/* the others are folded away */
#define DAY_US 86400e6

/* --- small parts ---------------------------------------------------------- */

static const char *
plural(uint64_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

static void
put_objects(struct vt_buf *b, uint64_t n)
{
	report_count(b, n);
	vt_buf_str(b, plural(n, " object", " objects"));
}

/* A cell of figures; on a narrow page its label stands before it. */
static void
cell(struct vt_buf *b, const char *label)
{
	vt_buf_printf(b, "<td class=\"n\" data-l=\"%s\">", label);
}

static void
cell_usd(struct vt_buf *b, const char *label, double usd)
{
	cell(b, label);
	report_usd(b, usd);
	vt_buf_str(b, "</td>");
}

/* In a column with `most`. */
static void
cell_usd_of(struct vt_buf *b, const char *label, double usd, double most)
{
	cell(b, label);
	report_usd_of(b, usd, most);
	vt_buf_str(b, "</td>");
}

static void
cell_count(struct vt_buf *b, const char *label, uint64_t n)
{
	cell(b, label);
	report_count(b, n);
	vt_buf_str(b, "</td>");
}

static void
cell_bytes(struct vt_buf *b, const char *label, uint64_t bytes)
{
	cell(b, label);
	report_bytes(b, bytes);
	vt_buf_str(b, "</td>");
}

static void
head(struct vt_buf *b, const char *const *names, size_t count)
{
	size_t i;

	vt_buf_str(b, "<thead><tr>");
	for (i = 0; i < count; i++)
		vt_buf_printf(b, "<th scope=\"col\"%s>%s</th>",
		    i > 0 ? " class=\"n\"" : "", names[i]);
	vt_buf_str(b, "</tr></thead><tbody>");
}
#define HEAD(b, ...)							\
	do {								\
		static const char *const names_[] = { __VA_ARGS__ };	\
		head(b, names_, sizeof(names_) / sizeof(names_[0]));	\
	} while (0)

static const char *
tier_name(const struct vt_report *r, size_t k)
{
	return k < r->model.count ? r->model.tier[k].name : "not configured";
}

static void
section(struct vt_buf *b, const char *id, const char *title)
{
	vt_buf_printf(b, "</section>\n<section aria-labelledby=\"%s\">"
	    "<h2 id=\"%s\">%s</h2>", id, id, title);
}

static double
bill_after(const struct vt_report *r)
{
	return r->all.usd + r->after_usd;
}

/* Of the moves, as their lines tell it. */
static double
payback(const struct vt_report *r)
{
	return r->saving_usd > 0 ? r->payback / r->saving_usd : 0;
}

/* --- the headline --------------------------------------------------------- */

static void
put_sentence(struct vt_buf *b, const struct vt_report *r,
    const struct vt_report_facts *f)
{
	double saving = -r->after_usd, most = r->all.usd;

	vt_buf_str(b, "<p class=\"lead\">");
	if (r->all.objects == 0) {
		vt_buf_str(b, "There were no objects in the input: there is "
		    "nothing to plan.</p>");
		return;
	}
	if (r->moved.objects + r->removed.objects == 0) {
		put_objects(b, r->all.objects);
		vt_buf_str(b, " cost ");
		report_usd(b, r->all.usd);
		vt_buf_str(b, " a month. ");
		vt_buf_str(b, f->covered_days <= 0 ?
		    "No log tells what is read of them: that is unknown, not "
		    "unused, and nothing is moved.</p>" :
		    f->covered_days < f->min_history_days ?
		    "The log is too short to move anything on: what it did "
		    "not see is unknown, not unused.</p>" :
		    "By what the log shows, no move would pay for itself "
		    "now.</p>");
		return;
	}
	if (r->moved.objects > 0) {
		vt_buf_str(b, "Moving ");
		put_objects(b, r->moved.objects);
		vt_buf_str(b, " (");
		report_bytes(b, r->moved.bytes);
		vt_buf_printf(b, ") to where %s", plural(r->moved.objects,
		    "it belongs", "they belong"));
	}
	if (r->removed.objects > 0) {
		vt_buf_str(b, r->moved.objects > 0 ? " and removing " :
		    "Removing ");
		put_objects(b, r->removed.objects);
		vt_buf_str(b, " as lifecycle rules ask");
	}
	vt_buf_str(b, saving >= 0 ? " lowers the bill by <strong>" :
	    " raises the bill by <strong>");
	report_usd_of(b, fabs(saving), most);
	vt_buf_str(b, " a month</strong>.");
	if (r->moved.objects > 0 && saving > 0) {
		vt_buf_str(b, " Moving costs ");
		report_usd_of(b, r->cost_usd, most);
		vt_buf_str(b, " once; with the minimum stays it commits to, "
		    "that is earned back in ");
		report_days(b, payback(r));
		vt_buf_char(b, '.');
	}
	vt_buf_str(b, "</p>");
}

static void
tile(struct vt_buf *b, const char *class_name, const char *title)
{
	vt_buf_printf(b, "<div class=\"tile%s\"><dt>%s</dt><dd>", class_name,
	    title);
}

static void
put_tiles(struct vt_buf *b, const struct vt_report *r)
{
	double saving = -r->after_usd, most = r->all.usd;

	vt_buf_str(b, "<dl class=\"tiles\">");
	tile(b, "", "Bill today");
	report_usd_data(b, "bill-now", r->all.usd, most);
	vt_buf_str(b, " <small>a month</small></dd></div>");
	tile(b, "", "After the plan");
	report_usd_data(b, "bill-after", bill_after(r), most);
	vt_buf_str(b, " <small>a month</small></dd></div>");
	tile(b, " good", "Saving");
	report_usd_data(b, "saving-month", saving, most);
	vt_buf_str(b, " <small>a month, ");
	report_percent(b, r->all.usd > 0 ? saving / r->all.usd : 0);
	vt_buf_str(b, "</small><small>");
	report_usd_data(b, "saving-year", saving * 12, most);
	vt_buf_str(b, " a year</small></dd></div>");
	tile(b, "", "Moving costs, once");
	report_usd_data(b, "moving", r->cost_usd, most);
	if (r->moved.objects > 0 && r->saving_usd > 0) {
		vt_buf_printf(b, " <small>earned back in <data "
		    "id=\"payback-days\" value=\"%.6f\">", payback(r));
		report_days(b, payback(r));
		vt_buf_str(b, "</data></small>");
	}
	vt_buf_str(b, "</dd></div></dl>");
}

static void
put_bill_bar(struct vt_buf *b, const char *label, const char *class_name,
    const char *id, double usd, double most)
{
	vt_buf_printf(b, "<tr><th scope=\"row\">%s</th><td><div class=\"bar\">"
	    "<span class=\"%s\" style=\"--w:", label, class_name);
	report_share(b, usd / most);
	vt_buf_str(b, "\"></span><b>");
	if (id != NULL)
		report_usd_data(b, id, usd, most);
	else
		report_usd_of(b, usd, most);
	vt_buf_str(b, "</b></div></td></tr>");
}

static void
put_bill(struct vt_buf *b, const struct vt_report *r)
{
	double most = fmax(r->all.usd, bill_after(r));

	vt_buf_str(b, "<table class=\"bill\"><caption>The bill of a month"
	    "</caption><tbody>");
	put_bill_bar(b, "Today", "b-hot", NULL, r->all.usd, most);
	put_bill_bar(b, "After the plan", "b-plan", NULL, bill_after(r), most);
	put_bill_bar(b, "Least possible", "b-least", "bill-least",
	    fmin(r->least_usd, bill_after(r)), most);
	vt_buf_str(b, "</tbody></table><p class=\"fine\">Least possible: each "
	    "object where last month\xe2\x80\x99s reads would have made it "
	    "cheapest, and moving free. Nobody can know that beforehand; it "
	    "shows how much is left.</p>");
}

static void
put_coverage(struct vt_buf *b, const struct vt_report_facts *f)
{
	double gap;

	if (f->covered_days <= 0) {
		vt_buf_str(b, "<li><strong>No log covers any of the time "
		    "these objects have lived.</strong> What was read is "
		    "unknown, so nothing is moved.</li>");
		return;
	}
	vt_buf_printf(b, "<li>The log covers <strong><data "
	    "id=\"covered-days\" value=\"%.6f\">%.1f days</data></strong>, ",
	    f->covered_days, f->covered_days);
	report_date(b, (double)f->covered_from_us / DAY_US);
	vt_buf_str(b, " to ");
	report_date(b, (double)f->covered_to_us / DAY_US);
	gap = (double)(f->covered_to_us - f->covered_from_us) / DAY_US -
	    f->covered_days;
	if (gap > 0.5) {
		vt_buf_str(b, ", with gaps of ");
		report_days(b, gap);
	}
	vt_buf_str(b, ". What it did not see is unknown, never taken as "
	    "unused.");
	if (f->covered_days < f->min_history_days)
		vt_buf_printf(b, " <strong>Nothing moves before it covers "
		    "%.0f days.</strong>", f->min_history_days);
	vt_buf_str(b, "</li>");
}

static void
put_caveats(struct vt_buf *b, const struct vt_report *r,
    const struct vt_report_facts *f)
{
	size_t i;

	vt_buf_str(b, "<div class=\"box\"><h3>What these figures rest on</h3>"
	    "<ul>");
	put_coverage(b, f);
	vt_buf_str(b, "<li>");
	put_objects(b, r->all.objects);
	vt_buf_str(b, ", ");
	report_bytes(b, r->all.bytes);
	vt_buf_str(b, ", at the prices of ");
	report_text(b, f->prices_title != NULL ? f->prices_title :
	    "a price file");
	vt_buf_str(b, ": list prices of one volume band, without taxes "
	    "and free allowances. Creating objects and sending them to "
	    "clients costs the same wherever they lie and is left out.</li>"
	    "<li>The bill today counts the reads of the last month of the "
	    "log; the bill after the plan is that, less what each move is "
	    "expected to save. What is expected comes from the log: if reads "
	    "change, so does the saving.</li>");
	for (i = 0; i < f->note_count; i++) {
		vt_buf_str(b, "<li>");
		report_text(b, f->notes[i]);
		vt_buf_str(b, "</li>");
	}
	vt_buf_str(b, "</ul></div>");
}

static void
put_headline(struct vt_buf *b, const struct vt_report *r,
    const struct vt_report_facts *f)
{
	vt_buf_str(b, "<section aria-label=\"Summary\">");
	put_sentence(b, r, f);
	if (r->all.objects > 0) {
		put_tiles(b, r);
		put_bill(b, r);
	}
	put_caveats(b, r, f);
}

/* --- engines -------------------------------------------------------------- */

static const struct vt_report_engine *
engine_of(const struct vt_report *r, enum vt_report_role role)
{
	const struct vt_report_engine *found = NULL;
	size_t i;

	for (i = 0; i < VT_REPORT_ENGINES; i++)
		if (r->has_engine[i] && r->engine[i].role == role &&
		    (found == NULL || r->engine[i].chosen))
			found = &r->engine[i];
	return found;
}

static void
cell_ratio(struct vt_buf *b, const char *label, double usd,
    const struct vt_report_engine *of)
{
	cell(b, label);
	if (of != NULL && of->usd > 0 && usd / of->usd < 100)
		vt_buf_printf(b, "%.3f", usd / of->usd);
	else if (of != NULL && of->usd > 0 && usd / of->usd < 1e15)
		report_count(b, (uint64_t)(usd / of->usd + 0.5));
	else
		vt_buf_str(b, "\xe2\x80\x93");
	vt_buf_str(b, "</td>");
}

static void
cell_share(struct vt_buf *b, double usd, const struct vt_report_engine *hot,
    const struct vt_report_engine *least)
{
	cell(b, "Saving reached");
	if (hot != NULL && usd > hot->usd * 1.0005)
		vt_buf_str(b, "none");
	else if (hot != NULL && least != NULL && hot->usd > least->usd)
		report_percent(b, (hot->usd - usd) / (hot->usd - least->usd));
	else
		vt_buf_str(b, "\xe2\x80\x93");
	vt_buf_str(b, "</td>");
}

static void
engine_row(struct vt_buf *b, const struct vt_report *r,
    const struct vt_report_engine *e)
{
	const struct vt_report_engine *hot = engine_of(r, VT_REPORT_HOT);
	const struct vt_report_engine *least = engine_of(r, VT_REPORT_LEAST);

	vt_buf_printf(b, "\n<tr%s><th scope=\"row\">",
	    e->chosen ? " class=\"chosen\"" : "");
	report_text(b, e->label);
	if (e->chosen)
		vt_buf_str(b, " <em>chosen</em>");
	if (*e->note != '\0') {
		vt_buf_str(b, "<small>");
		report_text(b, e->note);
		vt_buf_str(b, "</small>");
	}
	vt_buf_str(b, "</th>");
	cell_usd(b, "Cost", e->usd);
	cell_ratio(b, "Times the best", e->usd, least);
	cell_ratio(b, "Times all hot", e->usd, hot);
	if (engine_of(r, VT_REPORT_AUTO) != NULL)
		cell_ratio(b, "Times automatic", e->usd,
		    engine_of(r, VT_REPORT_AUTO));
	cell_share(b, e->usd, hot, least);
	vt_buf_str(b, "</tr>");
}

static void
put_engine_parts(struct vt_buf *b, const struct vt_report *r,
    const size_t *order, size_t n)
{
	const struct vt_report_engine *e;
	size_t i;

	vt_buf_str(b, "<details><summary>What each cost is made of</summary>"
	    "<table class=\"cards\">");
	HEAD(b, "", "Storage", "Reads", "Moving", "Moves");
	for (i = 0; i < n; i++) {
		e = &r->engine[order[i]];
		if (e->storage_usd + e->reads_usd + e->moving_usd <= 0)
			continue;
		vt_buf_str(b, "\n<tr><th scope=\"row\">");
		report_text(b, e->label);
		vt_buf_str(b, "</th>");
		cell_usd(b, "Storage", e->storage_usd);
		cell_usd(b, "Reads", e->reads_usd);
		cell_usd(b, "Moving", e->moving_usd);
		cell_count(b, "Moves", e->moves);
		vt_buf_str(b, "</tr>");
	}
	vt_buf_str(b, "</tbody></table></details>");
}

static void
put_past(struct vt_buf *b, const struct vt_report *r,
    const struct vt_report_facts *f)
{
	size_t order[VT_REPORT_ENGINES], n, i;

	n = report_engines_order(r, order);
	if (n == 0 || f->covered_days <= 0)
		return;
	section(b, "past", "What the past would have cost");
	vt_buf_str(b, "<p>The log was played back for the objects that are "
	    "there still, once for each way of placing them, with nothing "
	    "known beforehand.");
	if (f->scored_from_us > f->covered_from_us) {
		vt_buf_str(b, " What came before ");
		report_date(b, (double)f->scored_from_us / DAY_US);
		vt_buf_str(b, " was there to learn from; these are the bills "
		    "since then.");
	}
	vt_buf_str(b, "</p>");
	report_chart_past(b, r, f);
	vt_buf_str(b, "<h3>The ways compared</h3>");
	vt_buf_str(b, "<table class=\"cards\">");
	if (engine_of(r, VT_REPORT_AUTO) != NULL)
		HEAD(b, "", "Cost", "Times the best", "Times all hot",
		    "Times automatic", "Of possible saving");
	else
		HEAD(b, "", "Cost", "Times the best", "Times all hot",
		    "Of possible saving");
	for (i = 0; i < n; i++)
		engine_row(b, r, &r->engine[order[i]]);
	vt_buf_str(b, "</tbody></table>");
	put_engine_parts(b, r, order, n);
}

/* --- what sits where ------------------------------------------------------ */

static void
put_tiers(struct vt_buf *b, const struct vt_report *r)
{
	const struct vt_cost_tier *t;
	size_t k;

	vt_buf_str(b, "<ul class=\"legend\">");
	for (k = 0; k < r->model.count; k++) {
		t = &r->model.tier[k];
		vt_buf_printf(b, "<li><span class=\"dot t%zu\"></span> ", k);
		report_text(b, t->name);
		vt_buf_str(b, " <small>");
		if (strcmp(t->name, t->price.name) != 0) {
			report_text(b, t->price.name);
			vt_buf_str(b, ", ");
		}
		vt_buf_printf(b, "$%.5g", t->price.storage_gb_month);
		if (t->price.level_count > 1)
			vt_buf_printf(b, ", by and by $%.5g,",
			    t->price.level[t->price.level_count - 1].
			    storage_gb_month);
		vt_buf_printf(b, " per GB and month%s</small></li>",
		    t->price.needs_restore ? ", needs a restore to be read" :
		    "");
	}
	vt_buf_str(b, "</ul>");
}

static void
row_sum(const struct report_sum *s, struct report_sum *out)
{
	size_t k;

	memset(out, 0, sizeof(*out));
	for (k = 0; k <= VT_COST_TIERS; k++) {
		out->objects += s[k].objects;
		out->bytes += s[k].bytes;
		out->usd += s[k].usd;
	}
}

/* One bar of a row, its parts the tiers. */
static void
put_mix(struct vt_buf *b, const char *label, const struct report_sum *s,
    double most, int dollars)
{
	struct report_sum sum;
	double part;
	size_t k;

	row_sum(s, &sum);
	vt_buf_printf(b, "<div class=\"bar\"><small>%s</small>", label);
	for (k = 0; k <= VT_COST_TIERS; k++) {
		part = dollars ? s[k].usd : (double)s[k].bytes;
		if (s[k].objects == 0 || part / most < 0.001)
			continue;
		vt_buf_printf(b, "<span class=\"t%zu\" style=\"--w:", k);
		report_share(b, part / most);
		vt_buf_str(b, "\"></span>");
	}
	vt_buf_str(b, "<b>");
	if (dollars)
		report_usd_of(b, sum.usd, most);
	else
		report_bytes(b, sum.bytes);
	vt_buf_str(b, "</b></div>");
}

static void
put_dim_figures(struct vt_buf *b, const struct vt_report *r,
    enum report_dim dim)
{
	const struct report_sum *now, *after;
	size_t i, k;

	vt_buf_str(b, "<details><summary>These figures as a table</summary>"
	    "<div class=\"wide\" tabindex=\"0\" role=\"region\" "
	    "aria-label=\"Figures\"><table>");
	HEAD(b, "", "Tier", "Objects today", "after", "Stored today", "after",
	    "Dollars a month today", "after");
	for (i = 0; i < REPORT_BUCKETS; i++)
		for (k = 0; k <= VT_COST_TIERS; k++) {
			now = &r->now[dim][i][k];
			after = &r->after[dim][i][k];
			if (now->objects + after->objects == 0)
				continue;
			vt_buf_printf(b, "\n<tr><th scope=\"row\">%s</th>"
			    "<td class=\"n\">", report_bucket_name(dim, i));
			report_text(b, tier_name(r, k));
			vt_buf_str(b, "</td>");
			cell_count(b, "", now->objects);
			cell_count(b, "", after->objects);
			cell_bytes(b, "", now->bytes);
			cell_bytes(b, "", after->bytes);
			cell_usd(b, "", now->usd);
			cell_usd(b, "", after->usd);
			vt_buf_str(b, "</tr>");
		}
	vt_buf_str(b, "</tbody></table></div></details>");
}

static void
put_dim(struct vt_buf *b, const struct vt_report *r, enum report_dim dim,
    const char *title, const char *text)
{
	double most_usd = 1e-12, most_bytes = 1;
	struct report_sum now, after;
	size_t i;

	for (i = 0; i < REPORT_BUCKETS; i++) {
		row_sum(r->now[dim][i], &now);
		row_sum(r->after[dim][i], &after);
		most_usd = fmax(most_usd, fmax(now.usd, after.usd));
		most_bytes = fmax(most_bytes, (double)now.bytes);
	}
	vt_buf_printf(b, "<h3>%s</h3><p>%s</p><table class=\"mix\"><thead><tr>"
	    "<th scope=\"col\"></th><th scope=\"col\">Dollars a month</th>"
	    "<th scope=\"col\">Stored</th></tr></thead><tbody>", title, text);
	for (i = 0; i < REPORT_BUCKETS; i++) {
		row_sum(r->now[dim][i], &now);
		if (now.objects == 0)
			continue;
		vt_buf_printf(b, "\n<tr><th scope=\"row\">%s<small>",
		    report_bucket_name(dim, i));
		put_objects(b, now.objects);
		vt_buf_str(b, "</small></th><td>");
		put_mix(b, "today", r->now[dim][i], most_usd, 1);
		put_mix(b, "after", r->after[dim][i], most_usd, 1);
		vt_buf_str(b, "</td><td>");
		put_mix(b, "today", r->now[dim][i], most_bytes, 0);
		put_mix(b, "after", r->after[dim][i], most_bytes, 0);
		vt_buf_str(b, "</td></tr>");
	}
	vt_buf_str(b, "</tbody></table>");
	put_dim_figures(b, r, dim);
}

static void
put_places(struct vt_buf *b, const struct vt_report *r)
{
	section(b, "where", "What sits where");
	put_tiers(b, r);
	put_dim(b, r, REPORT_IDLE, "By time since the last read",
	    "Days that the log covers. An object it never saw read counts "
	    "from its creation or from the log\xe2\x80\x99s beginning.");
	put_dim(b, r, REPORT_AGE, "By age", "Since the object was created.");
	put_dim(b, r, REPORT_SIZE, "By size", "A request costs the same "
	    "for a small object as for a large one, so small ones seldom "
	    "pay for a move of their own.");
}

/* --- prefixes ------------------------------------------------------------- */

static void
prefix_cells(struct vt_buf *b, const struct report_sum *now, double saving,
    uint64_t moves, double most)
{
	cell_count(b, "Objects", now->objects);
	cell_bytes(b, "Stored", now->bytes);
	cell_usd_of(b, "Bill a month", now->usd, most);
	cell_usd_of(b, "Saves a month", saving, most);
	cell_count(b, "Moves", moves);
	vt_buf_str(b, "</tr>");
}

static void
put_prefixes(struct vt_buf *b, const struct vt_report *r)
{
	const struct report_prefix *top[REPORT_TOP_PREFIXES];
	struct report_sum rest = r->all;
	double saving = -r->after_usd, missed = 0;
	uint64_t moves = r->moved.objects + r->removed.objects;
	size_t n, i;

	n = report_prefixes_top(r, top);
	section(b, "prefixes", "Where the money goes");
	vt_buf_str(b, "<p>The prefixes with the largest bills today.</p>"
	    "<table class=\"cards\">");
	HEAD(b, "Bucket and prefix", "Objects", "Stored", "Bill a month",
	    "Saves a month", "Moves");
	for (i = 0; i < n; i++) {
		rest.objects -= top[i]->now.objects;
		rest.bytes -= top[i]->now.bytes;
		rest.usd -= top[i]->now.usd;
		saving -= top[i]->saving_usd;
		moves -= top[i]->moves;
		missed = fmax(missed, top[i]->missed_usd);
		vt_buf_str(b, "\n<tr><th scope=\"row\" class=\"name\"><bdi>");
		report_name(b, top[i]->name, top[i]->kept, NAME_SHOWN);
		if (top[i]->kept < top[i]->len)
			vt_buf_str(b, "<i> \xe2\x80\xa6</i>");
		vt_buf_str(b, "</bdi></th>");
		prefix_cells(b, &top[i]->now, top[i]->saving_usd,
		    top[i]->moves, top[0]->now.usd);
	}
	if (rest.objects > 0) {
		vt_buf_str(b, "\n<tr class=\"rest\"><th scope=\"row\">All "
		    "others</th>");
		prefix_cells(b, &rest, saving, moves, top[0]->now.usd);
	}
	vt_buf_str(b, "</tbody></table>");
	if (missed > 0) {
		vt_buf_printf(b, "<p class=\"fine\">There are more prefixes "
		    "than the %d that are watched at a time: of each of these "
		    "up to ", REPORT_PREFIXES);
		report_usd(b, missed);
		vt_buf_str(b, " a month may have been counted among the "
		    "others.</p>");
	}
}

/* --- what would be moved -------------------------------------------------- */

static void
put_route(struct vt_buf *b, const struct vt_report *r, size_t from, size_t to)
{
	const struct report_sum *s = &r->route[from][to];

	vt_buf_printf(b, "\n<tr><th scope=\"row\"><span class=\"dot t%zu\">"
	    "</span> ", from);
	report_text(b, tier_name(r, from));
	vt_buf_printf(b, " \xe2\x86\x92 <span class=\"dot t%zu\"></span> ",
	    to);
	report_text(b, tier_name(r, to));
	vt_buf_str(b, "</th>");
	cell_count(b, "Objects", s->objects);
	cell_bytes(b, "Stored", s->bytes);
	cell_usd_of(b, "Saves a month", s->usd, r->saving_usd);
	cell_usd_of(b, "Costs once", r->route_cost[from][to], r->cost_usd);
	vt_buf_str(b, "</tr>");
}

static void
put_routes(struct vt_buf *b, const struct vt_report *r)
{
	size_t from, to;

	vt_buf_str(b, "<table class=\"cards\">");
	HEAD(b, "From and to", "Objects", "Stored", "Saves a month",
	    "Costs once");
	for (from = 0; from < r->model.count; from++)
		for (to = 0; to < r->model.count; to++)
			if (r->route[from][to].objects > 0)
				put_route(b, r, from, to);
	if (r->removed.objects > 0) {
		vt_buf_str(b, "\n<tr><th scope=\"row\">removed by lifecycle "
		    "rules</th>");
		cell_count(b, "Objects", r->removed.objects);
		cell_bytes(b, "Stored", r->removed.bytes);
		cell_usd(b, "Saves a month", r->removed.usd);
		cell_usd(b, "Costs once", 0);
		vt_buf_str(b, "</tr>");
	}
	vt_buf_str(b, "</tbody></table>");
	if (r->ruled.objects > 0) {
		vt_buf_str(b, "<p>Lifecycle rules ask for ");
		report_count(b, r->ruled.objects);
		vt_buf_str(b, " of these moves, whether they pay or "
		    "not.</p>");
	}
}

static void
put_move(struct vt_buf *b, const struct vt_report *r,
    const struct vt_report_move *m, const struct vt_report_move *most)
{
	vt_buf_str(b, "\n<tr><th scope=\"row\" class=\"name\"><bdi>");
	report_text(b, m->bucket);
	vt_buf_str(b, "/<wbr>");
	report_name(b, m->key, m->key_len, NAME_SHOWN);
	vt_buf_printf(b, "</bdi><small><span class=\"dot t%d\"></span> ",
	    m->place.tier);
	report_text(b, tier_name(r, (size_t)m->place.tier));
	vt_buf_printf(b, " \xe2\x86\x92 <span class=\"dot t%d\"></span> ",
	    m->to);
	report_text(b, tier_name(r, (size_t)m->to));
	vt_buf_str(b, ": ");
	report_text(b, m->reason);
	vt_buf_str(b, "</small></th>");
	cell_bytes(b, "Size", m->size_bytes);
	cell_usd_of(b, "Saves a month", m->saving_usd_month,
	    most->saving_usd_month);
	cell_usd_of(b, "Costs once", m->cost_usd, most->cost_usd);
	cell(b, "Earned back in");
	report_days(b, m->payback_days);
	vt_buf_str(b, "</td></tr>");
}

static void
put_moves_table(struct vt_buf *b, const struct vt_report *r,
    const struct report_top *const *top, size_t n,
    const struct vt_report_move *most)
{
	size_t i;

	vt_buf_str(b, "<table class=\"cards\">");
	HEAD(b, "Object", "Size", "Saves a month", "Costs once",
	    "Earned back in");
	for (i = 0; i < n; i++)
		put_move(b, r, &top[i]->m, most);
	vt_buf_str(b, "</tbody></table>");
}

/* Who has no server yet has nothing that could carry it out. */
static void
put_next(struct vt_buf *b, const struct vt_report_facts *f)
{
	vt_buf_str(b, f->is_estimate ?
	    "<p>Nothing has been moved: this is what could be done with the "
	    "storage classes of these prices, by what the logs tell of the "
	    "objects. Once Vaultaire serves them it plans the same, and this "
	    "carries it out:</p><pre>vt-scan | vt-plan | vt-migrate</pre>" :
	    "<p>Nothing has been moved yet. The plan is a file of lines that "
	    "can be read, cut and edited; this carries it out:</p>"
	    "<pre>vt-migrate &lt; plan.jsonl</pre>");
}

static void
put_moves(struct vt_buf *b, const struct vt_report *r,
    const struct vt_report_facts *f)
{
	const struct report_top *top[REPORT_TOP_MOVES];
	struct vt_report_move most;
	size_t n, i;

	section(b, "moves", "What would be moved, and why");
	if (r->moved.objects + r->removed.objects == 0) {
		vt_buf_str(b, "<p>Nothing, by this plan.</p>");
		return;
	}
	put_routes(b, r);
	put_next(b, f);
	n = report_moves_top(r, top);
	if (n == 0)
		return;
	most = top[0]->m;
	for (i = 1; i < n; i++)
		most.cost_usd = fmax(most.cost_usd, top[i]->m.cost_usd);
	vt_buf_str(b, "<h3>The moves that save the most</h3>");
	put_moves_table(b, r, top, n < MOVES_OPEN ? n : MOVES_OPEN, &most);
	if (n > MOVES_OPEN) {
		vt_buf_printf(b, "<details><summary>The next %zu</summary>",
		    n - MOVES_OPEN);
		put_moves_table(b, r, top + MOVES_OPEN, n - MOVES_OPEN, &most);
		vt_buf_str(b, "</details>");
	}
}

/* --- what it costs -------------------------------------------------------- */

static void
put_cash(struct vt_buf *b, const struct vt_report *r)
{
	double most = 0;
	size_t i;

	if (r->moved.objects == 0)
		return;
	section(b, "cash", "What moving costs, and when it is earned back");
	report_chart_cash(b, r);
	for (i = 0; i < REPORT_PAYBACKS; i++)
		most = fmax(most, r->paid[i].usd);
	vt_buf_str(b, "<h3>How long moves take to earn back their cost</h3>"
	    "<p>With the minimum stays that moves commit to: their storage is "
	    "paid for even if the objects are wanted back sooner.</p>"
	    "<table class=\"cards\">");
	HEAD(b, "Earned back", "Objects", "Stored", "Costs once",
	    "Saves a month");
	for (i = 0; i < REPORT_PAYBACKS; i++) {
		if (r->paid[i].objects == 0)
			continue;
		vt_buf_printf(b, "\n<tr><th scope=\"row\">%s<span "
		    "class=\"bar\"><span class=\"b-plan\" style=\"--w:",
		    report_payback_name(i));
		report_share(b, r->paid[i].usd / most);
		vt_buf_str(b, "\"></span></span></th>");
		cell_count(b, "Objects", r->paid[i].objects);
		cell_bytes(b, "Stored", r->paid[i].bytes);
		cell_usd_of(b, "Costs once", r->paid_cost[i], r->cost_usd);
		cell_usd_of(b, "Saves a month", r->paid[i].usd, most);
		vt_buf_str(b, "</tr>");
	}
	vt_buf_str(b, "</tbody></table>");
}

static void
put_packs(struct vt_buf *b, const struct vt_report_facts *f)
{
	if (f->pack_objects == 0)
		return;
	section(b, "packs", "Small objects, packed");
	vt_buf_str(b, "<p>");
	put_objects(b, f->pack_objects);
	vt_buf_str(b, " (");
	report_bytes(b, f->pack_bytes);
	vt_buf_str(b, ") are too small to pay for a move of their own. In ");
	report_count(b, f->pack_count);
	vt_buf_printf(b, " %s they would save <strong>",
	    plural(f->pack_count, "pack", "packs"));
	report_usd(b, f->pack_saving_usd_month);
	vt_buf_str(b, " a month</strong>; making them costs ");
	report_usd(b, f->pack_cost_usd);
	vt_buf_str(b, " once, earned back in ");
	report_days(b, f->pack_payback_days);
	vt_buf_str(b, ".</p>");
}

static void
put_held(struct vt_buf *b, const struct vt_report *r)
{
	static const char *const words[VT_REPORT_HELD] = {
		NULL,
		"No other tier would have been cheaper by the cost of going "
		    "there and coming back",
		"Another tier is better, but the move would not pay back yet, "
		    "or a minimum stay is paid for already",
		"Too little is known: the log covers too few days of its life",
		"Pinned to its tier",
		"Under retention or a legal hold",
		"Adopted: its bytes are not Vaultaire\xe2\x80\x99s to move",
		"There are other copies: on the better tier already, or as a "
		    "policy asks for them",
		"On a tier that is not configured",
		"Beyond the caps of this run: a move for next time"
	};
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < VT_REPORT_HELD; i++)
		if (words[i] != NULL)
			n += r->held[i].objects;
	if (n == 0)
		return;
	section(b, "held", "What is not moved, and why not");
	vt_buf_str(b, "<table class=\"cards\">");
	HEAD(b, "Reason", "Objects", "Stored", "Bill a month");
	for (i = 0; i < VT_REPORT_HELD; i++) {
		if (words[i] == NULL || r->held[i].objects == 0)
			continue;
		vt_buf_printf(b, "\n<tr><th scope=\"row\">%s</th>", words[i]);
		cell_count(b, "Objects", r->held[i].objects);
		cell_bytes(b, "Stored", r->held[i].bytes);
		cell_usd_of(b, "Bill a month", r->held[i].usd, r->all.usd);
		vt_buf_str(b, "</tr>");
	}
	vt_buf_str(b, "</tbody></table>");
}

/* --- the end -------------------------------------------------------------- */

static void
put_fact(struct vt_buf *b, const char *name, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	vt_buf_printf(b, "<dt>%s</dt><dd><bdi>", name);
	report_text(b, value);
	vt_buf_str(b, "</bdi></dd>");
}

static void
put_footer(struct vt_buf *b, const struct vt_report_facts *f)
{
	vt_buf_str(b, "</section>\n</main>\n<footer><h2>How this was computed"
	    "</h2><p>Every object is priced by one bill: storage with minimum "
	    "sizes, minimum stays and what leaving early costs, requests, "
	    "retrieval, restores, and transfer between places. A move is "
	    "proposed when being elsewhere would have been cheaper by as much "
	    "as going there and coming back costs, and when it pays back "
	    "within the time that it can be expected to last. The best "
	    "possible is computed exactly for each object by somebody who "
	    "knows all reads beforehand; no real plan can reach it.</p><dl>");
	put_fact(b, "Plan", f->plan_id);
	put_fact(b, "Prices", f->prices_title);
	put_fact(b, "Digest of the price file", f->prices_digest);
	put_fact(b, "Made by", f->version);
	put_fact(b, "Command", f->command);
	vt_buf_str(b, "</dl></footer>\n</body>\n</html>\n");
}

void
vt_report_html(const struct vt_report *r, const struct vt_report_facts *f,
    struct vt_buf *out)
{
	vt_buf_str(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
	    "content=\"width=device-width, initial-scale=1\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n"
	    "<meta name=\"referrer\" content=\"no-referrer\">\n"
	    "<title>Storage bill: today, and after the plan</title>\n"
	    "<style>\n");
	vt_buf_str(out, report_style);
	vt_buf_str(out, "</style>\n</head>\n<body>\n<header><p>Vaultaire</p>"
	    "<h1>Your storage bill, and what it could be</h1></header>\n"
	    "<main>\n");
	put_headline(out, r, f);
	put_past(out, r, f);
	if (r->all.objects > 0) {
		put_places(out, r);
		put_prefixes(out, r);
		put_moves(out, r, f);
		put_cash(out, r);
		put_packs(out, f);
		put_held(out, r);
	}
	put_footer(out, f);
}
