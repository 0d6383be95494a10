// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/log.h"

const struct cli_command *cli_command_find(const char *name)
{
	int i;

	for (i = 0; cli_commands[i]; i++)
		if (!strcmp(cli_commands[i]->name, name))
			return cli_commands[i];
	return NULL;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

#define NAME_MAX_LEN 31

/*
 * Letters to change, add, drop or swap with the next one to get from a to b:
 * optimal string alignment. rows[i] is the distance of the first i letters.
 */
static size_t distance(const char *a, const char *b)
{
	size_t rows[NAME_MAX_LEN + 1][NAME_MAX_LEN + 1];
	size_t i, j, len_a = strlen(a), len_b = strlen(b);

	for (i = 0; i <= len_a; i++)
		rows[i][0] = i;
	for (j = 0; j <= len_b; j++)
		rows[0][j] = j;
	for (i = 1; i <= len_a; i++) {
		for (j = 1; j <= len_b; j++) {
			rows[i][j] =
			    min3(rows[i - 1][j] + 1, rows[i][j - 1] + 1,
				 rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				rows[i][j] =
				    min3(rows[i][j], rows[i - 2][j - 2] + 1,
					 rows[i][j]);
		}
	}
	return rows[len_a][len_b];
}

const struct cli_command *cli_command_nearest(const char *name)
{
	const struct cli_command *nearest = NULL;
	size_t best = 4, d, len = strlen(name);
	int i;

	if (!len || len > NAME_MAX_LEN)
		return NULL;
	for (i = 0; cli_commands[i]; i++) {
		d = distance(name, cli_commands[i]->name);
		/* The begin of a name is meant for it, however long it is. */
		if (len > 1 && !strncmp(name, cli_commands[i]->name, len))
			d = 1;
		if (d < best && d < len) {
			best = d;
			nearest = cli_commands[i];
		}
	}
	return nearest;
}

static void options_print(const struct cli_option *option)
{
	char left[64];

	for (; option->name; option++) {
		snprintf(left, sizeof(left), "%c%c%s --%s%s%s",
			 option->letter ? '-' : ' ',
			 option->letter ? option->letter : ' ',
			 option->letter ? "," : " ", option->name,
			 option->arg ? " " : "",
			 option->arg ? option->arg : "");
		printf("  %-22s %s\n", left, option->text);
	}
}

void cli_usage_command(const struct cli_command *command)
{
	printf("Usage: handfast %s%s%s%s\n\n%s\n", command->name,
	       command->options[0].name ? " [OPTIONS]" : "",
	       *command->operands ? " " : "", command->operands,
	       command->summary);
	if (command->options[0].name) {
		printf("\nOptions:\n");
		options_print(command->options);
	}
	printf("\nOptions of all commands:\n");
	options_print(cli_global_options);
}

void cli_usage_all(void)
{
	char left[64];
	int i;

	printf("Usage: handfast [OPTIONS] [COMMAND [OPTIONS] [IFACE]]\n\n"
	       "The TCP handshake in XDP. Without a command: status.\n\n"
	       "Commands:\n");
	for (i = 0; cli_commands[i]; i++) {
		snprintf(left, sizeof(left), "%s %s", cli_commands[i]->name,
			 cli_commands[i]->operands);
		printf("  %-22s %s\n", left, cli_commands[i]->summary);
	}
	printf("\nOptions:\n");
	options_print(cli_global_options);
	printf(
	    "\nExit codes: 0 done, 1 failed (status: not healthy), 2 usage.\n"
	    "See handfast(8).\n");
}

static int help_run(struct cli *cli)
{
	const struct cli_command *command, *nearest;

	if (!cli->operand_count) {
		cli_usage_all();
		return CLI_OK;
	}
	command = cli_command_find(cli->operands[0]);
	if (command) {
		cli_usage_command(command);
		return CLI_OK;
	}
	nearest = cli_command_nearest(cli->operands[0]);
	hf_error("no help for '%s': no such command%s%s%s", cli->operands[0],
		 nearest ? "; did you mean '" : "",
		 nearest ? nearest->name : "", nearest ? "'?" : "");
	return CLI_USAGE;
}

static const struct cli_option help_options[] = {{}};

const struct cli_command cli_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .summary = "print this text, or that of a command",
    .options = help_options,
    .operands_max = 1,
    .run = help_run,
};
