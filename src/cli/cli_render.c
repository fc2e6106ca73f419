/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers as text. An answer's tables describe their own columns, so this file knows no command.
 */
#include "base/addr.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/str.h"
#include "cli/cli.h"
#include "core/answer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLUMN_GAP 2
#define TIME_WIDTH 23 /* also of a column that has no rows yet */

static const struct {
	const char *word;
	const char *colour;
} state_colours[] = {
    {"up", "32"},
    {"Established", "32"},
    {"degraded", "33"},
    {"drained", "33"},
    {"unknown", "33"},
    {"down", "31"},
};

static void
format_time(int64_t wall_ns, struct str *out)
{
	time_t s = (time_t)(wall_ns / DUR_S);
	struct tm tm;
	char text[32];

	localtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	str_printf(out, "%s.%03d", text, (int)(wall_ns % DUR_S / DUR_MS));
}

/* Durations for people: no more digits than help. */
static dur_t
rounded(dur_t d, enum answer_unit unit)
{
	dur_t step = DUR_US;

	if (unit == ANSWER_AGO)
		step = d >= 10 * DUR_S ? DUR_S : 100 * DUR_MS;
	else if (d >= DUR_MS)
		step = 10 * DUR_US;
	return d / step * step;
}

static void
format_value(const json_t *value, enum answer_unit unit, struct str *out)
{
	char text[24];

	if (value == NULL || json_is_null(value)) {
		str_add(out, "-");
		return;
	}
	if (json_is_string(value)) {
		const char *s = json_string_value(value);
		str_add(out, s[0] != '\0' ? s : "-");
	} else if (json_is_boolean(value)) {
		str_add(out, json_is_true(value) ? "yes" : "no");
	} else if (json_is_integer(value)) {
		int64_t n = json_integer_value(value);
		if (unit == ANSWER_DURATION || unit == ANSWER_AGO)
			str_add(out, dur_format(rounded(n, unit), text, sizeof(text)));
		else if (unit == ANSWER_TIME)
			format_time(n, out);
		else
			str_printf(out, "%lld", (long long)n);
	} else {
		char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		str_add(out, dump != NULL ? dump : "?");
		free(dump);
	}
}

static const char *
colour_of(const struct cli_render *r, enum answer_unit unit, const char *word)
{
	if (!r->colour || unit != ANSWER_STATE)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(state_colours); i++) {
		if (str_equal(state_colours[i].word, word))
			return state_colours[i].colour;
	}
	return NULL;
}

/* Characters, not bytes, so that columns stay in line. */
static size_t
text_width(const struct str *s)
{
	size_t width = 0;

	for (size_t i = 0; i < s->len; i++)
		width += (s->text[i] & 0xc0) != 0x80;
	return width;
}

/* A table's cells as text, row by row; the heads are row 0. */
struct grid {
	struct str *cells;
	size_t *widths;
	enum answer_unit *units;
	size_t columns;
	size_t rows;
};

static enum answer_unit
unit_of(const json_t *column)
{
	static const char *const words[] = {
	    [ANSWER_TEXT] = "text",
	    [ANSWER_NUMBER] = "number",
	    [ANSWER_DURATION] = "duration",
	    [ANSWER_AGO] = "ago",
	    [ANSWER_TIME] = "time",
	    [ANSWER_STATE] = "state",
	};
	const char *word = json_string_value(json_object_get(column, "unit"));

	for (size_t i = 0; word != NULL && i < ARRAY_LEN(words); i++) {
		if (str_equal(words[i], word))
			return (enum answer_unit)i;
	}
	return ANSWER_TEXT;
}

static void
grid_fill(struct grid *g, const json_t *columns, const json_t *rows)
{
	for (size_t c = 0; c < g->columns; c++) {
		const json_t *column = json_array_get(columns, c);
		const char *key = json_string_value(json_object_get(column, "key"));
		const char *head = json_string_value(json_object_get(column, "head"));
		g->units[c] = unit_of(column);
		str_add(&g->cells[c], head != NULL ? head : "");
		g->widths[c] = g->units[c] == ANSWER_TIME ? TIME_WIDTH : 0;
		for (size_t r = 1; r < g->rows; r++)
			format_value(
			    json_object_get(json_array_get(rows, r - 1), key != NULL ? key : ""),
			    g->units[c], &g->cells[r * g->columns + c]);
		for (size_t r = 0; r < g->rows; r++) {
			size_t width = text_width(&g->cells[r * g->columns + c]);
			if (width > g->widths[c])
				g->widths[c] = width;
		}
	}
}

static void
grid_print(const struct cli_render *r, const struct grid *g)
{
	for (size_t row = r->headless ? 1 : 0; row < g->rows; row++) {
		for (size_t c = 0; c < g->columns; c++) {
			const struct str *cell = &g->cells[row * g->columns + c];
			const char *colour =
			    row > 0 ? colour_of(r, g->units[c], str_text(cell)) : NULL;
			bool number = g->units[c] == ANSWER_NUMBER;
			int pad = (int)(g->widths[c] - text_width(cell));
			int gap = c + 1 < g->columns ? COLUMN_GAP : 0;

			if (number)
				fprintf(r->out, "%*s", pad, "");
			if (colour != NULL)
				fprintf(r->out, "\033[%sm%s\033[0m", colour, str_text(cell));
			else
				fputs(str_text(cell), r->out);
			if (gap > 0)
				fprintf(r->out, "%*s", (number ? 0 : pad) + gap, "");
		}
		fputc('\n', r->out);
	}
}

/* The widths of a table that goes on only grow. */
static void
keep_widths(struct cli_render *r, struct grid *g)
{
	for (size_t c = 0; c < g->columns && c < CLI_COLUMNS; c++) {
		if (r->headless && r->widths[c] > g->widths[c])
			g->widths[c] = r->widths[c];
		r->widths[c] = g->widths[c];
	}
}

static void
render_table(struct cli_render *r, const json_t *table)
{
	const char *title = json_string_value(json_object_get(table, "title"));
	const json_t *columns = json_object_get(table, "columns");
	const json_t *rows = json_object_get(table, "rows");
	struct grid g = {.columns = json_array_size(columns), .rows = json_array_size(rows) + 1};
	size_t cells = g.columns * g.rows;

	if (g.columns == 0)
		return;
	if (g.rows == 1 && title != NULL) {
		fprintf(r->out, "no %s\n", title);
		return;
	}
	g.cells = mem_array(cells, sizeof(*g.cells));
	g.widths = mem_array(g.columns, sizeof(*g.widths));
	g.units = mem_array(g.columns, sizeof(*g.units));
	grid_fill(&g, columns, rows);
	keep_widths(r, &g);
	grid_print(r, &g);
	for (size_t i = 0; i < cells; i++)
		str_done(&g.cells[i]);
	free(g.cells);
	free(g.widths);
	free(g.units);
}

void
cli_render(struct cli_render *r, const json_t *answer)
{
	const json_t *tables = json_object_get(answer, "tables");
	const json_t *lines = json_object_get(answer, "lines");
	size_t i;
	const json_t *one;

	json_array_foreach(tables, i, one)
	{
		if (i > 0)
			fputc('\n', r->out);
		render_table(r, one);
	}
	if (json_array_size(tables) > 0 && json_array_size(lines) > 0)
		fputc('\n', r->out);
	json_array_foreach(lines, i, one)
	{
		const char *text = json_string_value(json_object_get(one, "text"));
		int level = (int)json_integer_value(json_object_get(one, "level"));
		fprintf(r->out, "%*s%s\n", level * 2, "", text != NULL ? text : "");
	}
	fflush(r->out);
}
