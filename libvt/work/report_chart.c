/*
 * Pictures of the report.  A plot is an SVG that is stretched to whatever
 * width there is, its lines are not; labels stand outside of it as text that
 * keeps its size on a phone.  What is drawn can also be read as a table.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/work/report_internal.h"

#define WIDTH 1000.0		/* of a plot, in its own units */
#define HEIGHT 300.0
#define POINTS_MAX 512
#define DAY_US 86400e6

struct plot {
	const char *id;
	double x0, x1, y0, y1;
	double step;		/* between the lines of the grid, */
	int first, last;	/* which are these multiples of it */
};

/* --- plots ---------------------------------------------------------------- */

/* 1, 2 or 5 times a power of ten: about `n` of them make up `range`. */
static double
nice_step(double range, int n)
{
	double raw = range / n, base;

	if (!(raw > 0))
		return 1;
	base = pow(10, floor(log10(raw)));
	if (raw <= base * 1.0000001)
		return base;
	if (raw <= base * 2.0000001)
		return base * 2;
	return raw <= base * 5.0000001 ? base * 5 : base * 10;
}

/* From a little below `low`, if that is negative, to a line of the grid. */
static void
plot_scale(struct plot *p, double low, double high)
{
	if (!(high > low))
		high = low + 1;
	p->step = nice_step(high - low, 4);
	p->y0 = low * 1.15;
	p->y1 = ceil(high / p->step - 1e-9) * p->step;
	p->first = (int)ceil(low * 1.15 / p->step - 1e-9);
	p->last = (int)(p->y1 / p->step + (p->y1 < 0 ? -0.5 : 0.5));
}

static double
plot_x(const struct plot *p, double x)
{
	return (x - p->x0) / (p->x1 - p->x0) * WIDTH;
}

static double
plot_y(const struct plot *p, double y)
{
	return (p->y1 - y) / (p->y1 - p->y0) * HEIGHT;
}

/* Labels of the y axis, then the SVG with its grid; title and description are
 * written by who comes next, up to plot_lines(). */
static void
plot_begin(struct vt_buf *b, const struct plot *p)
{
	int i;

	vt_buf_str(b, "<div class=\"plot\"><div class=\"ys\" "
	    "aria-hidden=\"true\">");
	for (i = p->first; i <= p->last; i++) {
		vt_buf_str(b, "<span style=\"top:");
		report_number(b, plot_y(p, i * p->step) / HEIGHT * 100);
		vt_buf_str(b, "%\">");
		report_usd_axis(b, i * p->step, p->step);
		vt_buf_str(b, "</span>");
	}
	vt_buf_printf(b, "</div><svg viewBox=\"0 0 %.0f %.0f\" "
	    "preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\""
	    "%s-t %s-d\"><title id=\"%s-t\">", WIDTH, HEIGHT, p->id, p->id,
	    p->id);
}

static void
plot_describe(struct vt_buf *b, const struct plot *p)
{
	vt_buf_printf(b, "</title><desc id=\"%s-d\">", p->id);
}

static void
plot_grid(struct vt_buf *b, const struct plot *p)
{
	int i;

	vt_buf_str(b, "</desc><path class=\"grid\" d=\"");
	for (i = p->first; i <= p->last; i++) {
		vt_buf_str(b, "M0 ");
		report_number(b, plot_y(p, i * p->step));
		vt_buf_printf(b, "H%.0f", WIDTH);
	}
	vt_buf_str(b, "\"/>");
	if (p->y0 < 0 && p->y1 > 0) {
		vt_buf_str(b, "<path class=\"zero\" d=\"M0 ");
		report_number(b, plot_y(p, 0));
		vt_buf_printf(b, "H%.0f\"/>", WIDTH);
	}
}

static void
put_point(struct vt_buf *b, const struct plot *p, double x, double y,
    char first)
{
	double top = plot_y(p, y);

	vt_buf_char(b, first);
	report_number(b, plot_x(p, x));
	vt_buf_char(b, ' ');
	/* far outside is as good as outside */
	report_number(b, top < -HEIGHT ? -HEIGHT : top);
}

static void
plot_line(struct vt_buf *b, const struct plot *p, const char *class_name,
    const double *x, const double *y, size_t n)
{
	size_t i;

	vt_buf_printf(b, "<path class=\"%s\" d=\"", class_name);
	for (i = 0; i < n; i++)
		put_point(b, p, x[i], y[i], i == 0 ? 'M' : 'L');
	vt_buf_str(b, "\"/>");
}

/* What lies between two lines. */
static void
plot_between(struct vt_buf *b, const struct plot *p, const char *class_name,
    const double *x, const double *upper, const double *lower, size_t n)
{
	size_t i;

	vt_buf_printf(b, "<path class=\"%s\" d=\"", class_name);
	for (i = 0; i < n; i++)
		put_point(b, p, x[i], upper[i], i == 0 ? 'M' : 'L');
	for (i = n; i > 0; i--)
		put_point(b, p, x[i - 1], lower[i - 1], 'L');
	vt_buf_str(b, "Z\"/>");
}

static void
plot_end(struct vt_buf *b)
{
	vt_buf_str(b, "</svg><div class=\"xs\" aria-hidden=\"true\">");
}

/* A label of the x axis at `x`; the `nth` one: on a narrow page every other
 * is left out. */
static void
plot_label(struct vt_buf *b, const struct plot *p, double x, int nth)
{
	vt_buf_printf(b, "<span%s style=\"left:", nth & 1 ?
	    " class=\"odd\"" : "");
	report_number(b, plot_x(p, x) / WIDTH * 100);
	vt_buf_str(b, "%\">");
}

/* The beginning of an item of a legend. */
static void
legend_line(struct vt_buf *b, const char *class_name)
{
	vt_buf_printf(b, "<li><svg class=\"key\" viewBox=\"0 0 30 8\" "
	    "aria-hidden=\"true\"><path class=\"line %s\" d=\"M0 4H30\"/>"
	    "</svg> ", class_name);
}

/* --- the past ------------------------------------------------------------- */

/* What each engine spends, period by period. */
struct past {
	const struct vt_report *r;
	size_t engines, engine[VT_REPORT_ENGINES];	/* with a line,
							   dearest first */
	size_t n;
	double at[POINTS_MAX + 1];	/* the periods' bounds, in days */
	double usd[VT_REPORT_ENGINES][POINTS_MAX];
	double x[POINTS_MAX + 1], y[VT_REPORT_ENGINES][POINTS_MAX + 1];
	const char *unit;
	char kind;			/* 'd', 'w', 'm', 'y' */
};

static const char *const months[12] = { "Jan", "Feb", "Mar", "Apr", "May",
	"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

size_t
report_engines_order(const struct vt_report *r,
    size_t out[VT_REPORT_ENGINES])
{
	size_t n = 0, i, k;

	for (i = 0; i < VT_REPORT_ENGINES; i++) {
		if (!r->has_engine[i])
			continue;
		for (k = n++; k > 0 && r->engine[out[k - 1]].usd <
		    r->engine[i].usd; k--)
			out[k] = out[k - 1];
		out[k] = i;
	}
	return n;
}

/* The days from the first to the last that something is spent on. */
static void
past_span(const struct vt_report *r, size_t *first, size_t *last)
{
	double rate[VT_REPORT_ENGINES] = { 0 }, most = 0, usd;
	size_t i, e;

	*first = *last = 0;
	for (i = 0; i < r->days; i++)
		for (e = 0; e < VT_REPORT_ENGINES; e++) {
			rate[e] += r->day[i].rate[e];
			usd = rate[e] + r->day[i].once[e];
			most = fmax(most, usd);
			/* what rounding leaves of a rate is nothing */
			if (usd <= most * 1e-9)
				continue;
			if (*last == 0)
				*first = i;
			*last = i + 1;
		}
}

/* Does a new period begin with this day? */
static int
is_new(char kind, double first, double day)
{
	int year, month, dom;

	if (kind == 'd')
		return 1;
	if (kind == 'w')
		return fmod(day - first, 7) == 0;
	report_civil(day, &year, &month, &dom);
	return dom == 1 && (kind == 'm' || month == 1);
}

static void
past_fill(struct past *p, const struct vt_report *r, size_t first,
    size_t last)
{
	double day0 = (double)r->day0 + (double)first, acc[VT_REPORT_ENGINES];
	size_t i, e;

	memset(acc, 0, sizeof(acc));
	for (i = first; i <= last; i++) {
		double day = (double)r->day0 + (double)i;

		if (p->n == 0 || (is_new(p->kind, day0, day) &&
		    p->n < POINTS_MAX))
			p->at[p->n++] = day;
		for (e = 0; e < VT_REPORT_ENGINES; e++) {
			acc[e] += r->day[i].rate[e];
			p->usd[e][p->n - 1] += acc[e] + r->day[i].once[e];
		}
	}
	p->at[p->n] = (double)r->day0 + (double)last + 1;
}

/* 0 when there is nothing to draw. */
static int
past_make(struct past *p, const struct vt_report *r,
    const struct vt_report_facts *f)
{
	size_t order[VT_REPORT_ENGINES], n, i, first, last;
	double from = (double)f->covered_from_us / DAY_US;
	double to = (double)f->covered_to_us / DAY_US;

	memset(p, 0, sizeof(*p));
	p->r = r;
	past_span(r, &first, &last);
	if (last - first < 2)
		return 0;
	n = last-- - first;
	p->kind = n <= 62 ? 'd' : n <= 434 ? 'w' : n <= 7320 ? 'm' : 'y';
	p->unit = n <= 62 ? "day" : n <= 434 ? "week" : n <= 7320 ?
	    "month" : "year";
	past_fill(p, r, first, last);
	/* the first and the last day may be parts of days */
	if (from > p->at[0] && from < p->at[0] + 1)
		p->at[0] = from;
	if (to < p->at[p->n] && to > p->at[p->n] - 1 && to > p->at[p->n - 1])
		p->at[p->n] = to;
	n = report_engines_order(r, order);
	for (i = 0; i < n; i++)
		if (r->has_line[order[i]])
			p->engine[p->engines++] = order[i];
	return p->engines > 0;
}

static size_t
by_role(const struct past *p, enum vt_report_role role)
{
	size_t i, e, found = VT_REPORT_ENGINES;

	for (i = 0; i < p->engines; i++) {
		e = p->engine[i];
		if (p->r->engine[e].role == role &&
		    (found == VT_REPORT_ENGINES || p->r->engine[e].chosen))
			found = e;
	}
	return found;
}

static double
most(const double *y, size_t n)
{
	double m = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (y[i] > m)
			m = y[i];
	return m;
}

/* Engines and single payments that would press all else to the floor leave
 * the plot at its top: returns 1 if something does. */
static int
past_scale(const struct past *p, struct plot *plot, size_t n)
{
	size_t hot = by_role(p, VT_REPORT_HOT), i;
	double limit, high = 0, m;
	int cut = 0;

	if (hot == VT_REPORT_ENGINES)
		hot = p->engine[p->engines - 1];
	limit = 2.5 * most(p->y[hot], n);
	for (i = 0; i < p->engines; i++) {
		m = most(p->y[p->engine[i]], n);
		if (m > limit)
			cut = 1;
		if (p->r->engine[p->engine[i]].usd >
		    2.5 * p->r->engine[hot].usd)
			continue;
		high = fmax(high, fmin(m, limit));
	}
	plot_scale(plot, 0, high);
	plot->x0 = p->at[0];
	plot->x1 = p->at[p->n];
	return cut;
}

static void
past_labels(struct vt_buf *b, const struct past *p, const struct plot *plot)
{
	double span = plot->x1 - plot->x0, day, last = -INFINITY;
	int year, month, dom, nth = 0, every;

	/* about eight labels */
	every = p->kind == 'd' ? (int)(span / 8) + 1 :
	    span < 240 ? 1 : span < 480 ? 2 : span < 760 ? 3 :
	    span < 1500 ? 6 : 12 * ((int)(span / 365.25 / 9) + 1);
	for (day = ceil(plot->x0); day < plot->x1; day++) {
		report_civil(day, &year, &month, &dom);
		if (p->kind == 'd' ? day - last < every : dom != 1 ||
		    (every >= 12 ? month != 1 || year % (every / 12) != 0 :
		    (month - 1) % every != 0))
			continue;
		last = day;
		plot_label(b, plot, day, nth++);
		if (p->kind == 'd')
			vt_buf_printf(b, "%s %d", months[month - 1], dom);
		else if (every >= 12)
			vt_buf_printf(b, "%d", year);
		else
			vt_buf_printf(b, month == 1 || nth == 1 ? "%s %d" :
			    "%s", months[month - 1], year);
		vt_buf_str(b, "</span>");
	}
	vt_buf_str(b, "</div></div>");
}

static const char *
line_class(const struct vt_report *r, size_t e, char out[16])
{
	static const char *const names[] = { "hot", "age", "auto", "plan",
		"least", "other" };

	strcpy(out, names[r->engine[e].role]);
	if (r->engine[e].role == VT_REPORT_PLAN && !r->engine[e].chosen)
		strcpy(out, "other");
	return out;
}

static void
past_lines(struct vt_buf *b, const struct past *p, const struct plot *plot,
    size_t n, int shaded)
{
	size_t hot = by_role(p, VT_REPORT_HOT);
	size_t plan = by_role(p, VT_REPORT_PLAN), i;
	char text[32] = "line ";

	if (shaded && hot < VT_REPORT_ENGINES && plan < VT_REPORT_ENGINES)
		plot_between(b, plot, "saved", p->x, p->y[hot], p->y[plan],
		    n);
	for (i = 0; i < p->engines; i++) {
		line_class(p->r, p->engine[i], text + 5);
		plot_line(b, plot, text, p->x, p->y[p->engine[i]], n);
	}
}

static void
past_legend(struct vt_buf *b, const struct past *p)
{
	char name[16];
	size_t i, e;

	vt_buf_str(b, "<ul class=\"legend\">");
	for (i = 0; i < p->engines; i++) {
		e = p->engine[i];
		legend_line(b, line_class(p->r, e, name));
		report_text(b, p->r->engine[e].label);
		vt_buf_str(b, " <b>");
		report_usd(b, p->r->engine[e].usd);
		vt_buf_str(b, "</b></li>");
	}
	vt_buf_str(b, "</ul>");
}

static void
past_rate(struct vt_buf *b, struct past *p)
{
	struct plot plot = { .id = "rate" };
	double days;
	size_t i, e;
	int cut;

	for (i = 0; i < p->n; i++) {
		days = p->at[i + 1] - p->at[i];
		p->x[i] = (p->at[i] + p->at[i + 1]) / 2;
		for (e = 0; e < VT_REPORT_ENGINES; e++)
			p->y[e][i] = p->usd[e][i] / days *
			    p->r->model.month_days;
	}
	cut = past_scale(p, &plot, p->n);
	vt_buf_printf(b, "<figure><figcaption><h3>The bill of each %s"
	    "</h3><p>In dollars a month, so that short and long %ss "
	    "compare.%s</p></figcaption>", p->unit, p->unit, cut ?
	    " What rises above the picture is in the table below." : "");
	plot_begin(b, &plot);
	vt_buf_printf(b, "Bill of each %s", p->unit);
	plot_describe(b, &plot);
	vt_buf_printf(b, "Lines over time, one for each way of placing "
	    "objects, in dollars a month. The table below has the figures.");
	plot_grid(b, &plot);
	past_lines(b, p, &plot, p->n, 0);
	plot_end(b);
	past_labels(b, p, &plot);
	vt_buf_str(b, "</figure>");
}

static void
past_total(struct vt_buf *b, struct past *p)
{
	struct plot plot = { .id = "total" };
	size_t i, e;
	int cut;

	for (i = 0; i <= p->n; i++) {
		p->x[i] = p->at[i];
		for (e = 0; e < VT_REPORT_ENGINES; e++)
			p->y[e][i] = i == 0 ? 0 : p->y[e][i - 1] +
			    p->usd[e][i - 1];
	}
	cut = past_scale(p, &plot, p->n + 1);
	vt_buf_printf(b, "<figure><figcaption><h3>What it adds up to</h3><p>"
	    "Dollars since the first day; the shaded part is what this plan "
	    "would have saved.%s</p></figcaption>", cut ?
	    " What leaves the picture ends at the figure above." :
	    "");
	plot_begin(b, &plot);
	vt_buf_str(b, "Cost added up over time");
	plot_describe(b, &plot);
	for (i = 0; i < p->engines; i++) {
		if (i > 0)
			vt_buf_str(b, "; ");
		report_text(b, p->r->engine[p->engine[i]].label);
		vt_buf_char(b, ' ');
		report_usd(b, p->r->engine[p->engine[i]].usd);
	}
	plot_grid(b, &plot);
	past_lines(b, p, &plot, p->n + 1, 1);
	plot_end(b);
	past_labels(b, p, &plot);
	vt_buf_str(b, "</figure>");
}

static void
past_table(struct vt_buf *b, const struct past *p)
{
	size_t i, k;

	vt_buf_printf(b, "<details><summary>These figures as a table"
	    "</summary><div class=\"wide\" tabindex=\"0\" role=\"region\" "
	    "aria-label=\"Cost of each %s\"><table><caption>Dollars of each "
	    "%s</caption><thead><tr><th scope=\"col\">From</th>", p->unit,
	    p->unit);
	for (k = 0; k < p->engines; k++) {
		vt_buf_str(b, "<th scope=\"col\" class=\"n\">");
		report_text(b, p->r->engine[p->engine[k]].label);
		vt_buf_str(b, "</th>");
	}
	vt_buf_str(b, "</tr></thead><tbody>");
	for (i = 0; i < p->n; i++) {
		vt_buf_str(b, "\n<tr><th scope=\"row\">");
		report_date(b, p->at[i]);
		vt_buf_str(b, "</th>");
		for (k = 0; k < p->engines; k++) {
			vt_buf_str(b, "<td class=\"n\">");
			report_usd(b, p->usd[p->engine[k]][i]);
			vt_buf_str(b, "</td>");
		}
		vt_buf_str(b, "</tr>");
	}
	vt_buf_str(b, "</tbody></table></div></details>");
}

void
report_chart_past(struct vt_buf *b, const struct vt_report *r,
    const struct vt_report_facts *f)
{
	struct past *p = malloc(sizeof(*p));

	if (p == NULL) {
		b->failed = VT_NOMEM;
		return;
	}
	if (past_make(p, r, f)) {
		past_legend(b, p);
		past_total(b, p);
		past_rate(b, p);
		past_table(b, p);
	}
	free(p);
}

/* --- money spent and earned back ------------------------------------------ */

static void
cash_table(struct vt_buf *b, const double *lasts, const double *sure)
{
	int i;

	vt_buf_str(b, "<details><summary>These figures as a table</summary>"
	    "<table><thead><tr><th scope=\"col\">After</th>"
	    "<th scope=\"col\" class=\"n\">if the saving lasts</th>"
	    "<th scope=\"col\" class=\"n\">as long as there is evidence</th>"
	    "</tr></thead><tbody>");
	for (i = 0; i <= REPORT_MONTHS; i++) {
		vt_buf_printf(b, "\n<tr><th scope=\"row\">%d month%s</th>"
		    "<td class=\"n\">", i, i == 1 ? "" : "s");
		report_usd(b, lasts[i]);
		vt_buf_str(b, "</td><td class=\"n\">");
		report_usd(b, sure[i]);
		vt_buf_str(b, "</td></tr>");
	}
	vt_buf_str(b, "</tbody></table></details>");
}

void
report_chart_cash(struct vt_buf *b, const struct vt_report *r)
{
	struct plot plot = { .id = "cash", .x1 = REPORT_MONTHS };
	double lasts[REPORT_MONTHS + 1], sure[REPORT_MONTHS + 1];
	double x[REPORT_MONTHS + 1], low = 0, high = 0;
	int i;

	for (i = 0; i <= REPORT_MONTHS; i++) {
		x[i] = i;
		lasts[i] = r->earned[i] - r->cost_usd;
		sure[i] = r->sure[i] - r->cost_usd;
		low = fmin(low, fmin(lasts[i], sure[i]));
		high = fmax(high, fmax(lasts[i], sure[i]));
	}
	plot_scale(&plot, low, high);
	vt_buf_str(b, "<figure><figcaption><h3>Money out and back, over "
	    "twelve months</h3><p>Moving is paid on the first day; from then "
	    "on the smaller bill pays it back");
	if (r->saving_usd > 0 && r->cost_usd > 0) {
		vt_buf_str(b, ", all of it after ");
		report_days(b, r->cost_usd / r->saving_usd *
		    r->model.month_days);
	}
	vt_buf_str(b, ".</p></figcaption><ul class=\"legend\">");
	legend_line(b, "plan");
	vt_buf_str(b, "if the saving lasts <b>");
	report_usd(b, lasts[REPORT_MONTHS]);
	vt_buf_str(b, "</b></li>");
	legend_line(b, "least");
	vt_buf_str(b, "if each object rests only as long again as it was seen "
	    "to <b>");
	report_usd(b, sure[REPORT_MONTHS]);
	vt_buf_str(b, "</b></li></ul>");
	plot_begin(b, &plot);
	vt_buf_str(b, "Money spent and earned back over twelve months");
	plot_describe(b, &plot);
	vt_buf_str(b, "Begins at ");
	report_usd(b, lasts[0]);
	vt_buf_str(b, ", ends at ");
	report_usd(b, lasts[REPORT_MONTHS]);
	plot_grid(b, &plot);
	plot_line(b, &plot, "line plan", x, lasts, REPORT_MONTHS + 1);
	plot_line(b, &plot, "line least", x, sure, REPORT_MONTHS + 1);
	plot_end(b);
	for (i = 0; i <= REPORT_MONTHS; i++) {
		plot_label(b, &plot, i, i);
		vt_buf_printf(b, i == 0 ? "%d months" : "%d", i);
		vt_buf_str(b, "</span>");
	}
	vt_buf_str(b, "</div></div>");
	cash_table(b, lasts, sure);
	vt_buf_str(b, "</figure>");
}
