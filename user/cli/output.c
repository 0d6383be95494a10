// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/log.h"

const char *cli_value(const struct cli *cli, const char *name)
{
	const struct cli_option *options = cli->command->options;
	int i;

	for (i = 0; options[i].name; i++)
		if (!strcmp(options[i].name, name))
			return cli->values[i];
	return NULL;
}

bool cli_number(const char *text, long min, long max, long *value)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno || end == text || *end || number < min || number > max)
		return false;
	*value = number;
	return true;
}

int cli_finish(int result)
{
	if (fflush(stdout) || ferror(stdout)) {
		hf_error("cannot write the output: %s", strerror(errno));
		return result ? result : CLI_FAILED;
	}
	return result;
}

static void out_of_memory(void)
{
	hf_error("out of memory");
	exit(CLI_FAILED);
}

/* ------------------------------------------------------------------ JSON */

json_t *cli_pack(const char *format, ...)
{
	json_error_t error;
	json_t *value;
	va_list args;

	va_start(args, format);
	value = json_vpack_ex(&error, 0, format, args);
	va_end(args);
	if (!value) {
		hf_error("cannot make JSON: %s", error.text);
		exit(CLI_FAILED);
	}
	return value;
}

static void json_write(const struct cli *cli, json_t *value)
{
	size_t flags = JSON_ENCODE_ANY;

	flags |= cli->pretty ? JSON_INDENT(2) : JSON_COMPACT;
	if (json_dumpf(value, stdout, flags) && !ferror(stdout))
		out_of_memory();
	json_decref(value);
}

int cli_json_print(const struct cli *cli, json_t *root)
{
	json_write(cli, root);
	putchar('\n');
	return CLI_OK;
}

void cli_stream_begin(struct cli_stream *stream, const struct cli *cli)
{
	stream->cli = cli;
	stream->any = false;
	putchar('[');
}

void cli_stream_add(struct cli_stream *stream, json_t *value)
{
	if (stream->any)
		putchar(',');
	if (stream->cli->pretty)
		putchar('\n');
	stream->any = true;
	json_write(stream->cli, value);
}

int cli_stream_end(struct cli_stream *stream)
{
	if (stream->cli->pretty && stream->any)
		putchar('\n');
	puts("]");
	return CLI_OK;
}

/* ---------------------------------------------------------------- tables */

struct cli_table {
	int columns;
	size_t rows;
	size_t room;
	char **cells; /* rows * columns */
};

struct cli_table *cli_table_new(const char *const *head, int columns)
{
	struct cli_table *table = calloc(1, sizeof(*table));

	if (!table)
		out_of_memory();
	table->columns = columns;
	cli_table_row(table, head);
	return table;
}

void cli_table_row(struct cli_table *table, const char *const *cells)
{
	char **grown;
	int i;

	if (table->rows == table->room) {
		table->room = table->room ? 2 * table->room : 16;
		grown = realloc(table->cells,
				table->room * table->columns * sizeof(*grown));
		if (!grown)
			out_of_memory();
		table->cells = grown;
	}
	for (i = 0; i < table->columns; i++) {
		char *copy = strdup(cells[i]);

		if (!copy)
			out_of_memory();
		table->cells[table->rows * table->columns + i] = copy;
	}
	table->rows++;
}

static int column_width(const struct cli_table *table, int column)
{
	size_t width = 0, row, len;

	for (row = 0; row < table->rows; row++) {
		len = strlen(table->cells[row * table->columns + column]);
		if (len > width)
			width = len;
	}
	return width;
}

void cli_table_print(struct cli_table *table)
{
	size_t cell, cells = table->rows * table->columns;
	int *width = calloc(table->columns, sizeof(*width));
	int column;

	if (!width)
		out_of_memory();
	for (column = 0; column < table->columns; column++)
		width[column] = column_width(table, column);
	for (cell = 0; cell < cells; cell++) {
		column = cell % table->columns;
		/* No blanks at the end of a line. */
		if (column == table->columns - 1)
			printf("%s\n", table->cells[cell]);
		else
			printf("%-*s  ", width[column], table->cells[cell]);
		free(table->cells[cell]);
	}
	free(width);
	free(table->cells);
	free(table);
}

/* ------------------------------------------------------------ odds and ends */

char *cli_printable(char *buf, size_t size, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i + 1 < size && i < len && text[i]; i++)
		buf[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	buf[i] = '\0';
	return buf;
}
