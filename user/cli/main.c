// SPDX-License-Identifier: BSD-2-Clause
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "cli/cli.h"
#include "common/log.h"
#include "common/world.h"
#include "handfast/control.h"

#ifndef HF_VERSION
#define HF_VERSION "0.1.0"
#endif

/* getopt values of options that have no letter. */
enum {
	OPT_BPFFS = 256,
	OPT_SOCKET,
	OPT_VERSION,
	OPT_COMMAND, /* and on: options of the command, by position */
};

const struct cli_option cli_global_options[] = {
    {'j', "json", NULL, "JSON output"},
    {'p', "pretty", NULL, "JSON output, indented"},
    {0, "bpffs", "DIR", "directory of the pins (" HF_BPFFS_DEFAULT ")"},
    {0, "socket", "PATH", "control socket (" HF_SOCKET_DEFAULT ")"},
    {'d', "debug", NULL, "messages of libbpf and the verifier too"},
    {'V', "version", NULL, "print the version"},
    {'h', "help", NULL, "this text, or that of the command"},
    {},
};

const struct cli_command *const cli_commands[] = {
    &cli_attach, &cli_detach,   &cli_status, &cli_listeners, &cli_requests,
    &cli_stats,  &cli_features, &cli_help,   NULL,
};

static int option_code(const struct cli_option *option)
{
	if (option->letter)
		return option->letter;
	if (!strcmp(option->name, "bpffs"))
		return OPT_BPFFS;
	return OPT_SOCKET;
}

/* getopt's tables: global options, then those of the command, if any. */
struct tables {
	char letters[64];
	struct option names[32];
};

static void tables_add(struct tables *t, size_t *n, int code, char letter,
		       const struct cli_option *option)
{
	size_t len = strlen(t->letters);

	t->names[*n] = (struct option){
	    .name = option->name,
	    .has_arg = option->arg ? required_argument : no_argument,
	    .val = code,
	};
	(*n)++;
	if (letter)
		snprintf(t->letters + len, sizeof(t->letters) - len, "%c%s",
			 letter, option->arg ? ":" : "");
}

static void tables_make(struct tables *t, const struct cli_command *command)
{
	const struct cli_option *option;
	size_t n = 0;
	int i;

	*t = (struct tables){};
	/* Before the command the first operand ends the options. */
	strcpy(t->letters, command ? ":" : "+:");
	for (option = cli_global_options; option->name; option++)
		tables_add(t, &n, option_code(option), option->letter, option);
	for (i = 0; command && command->options[i].name; i++)
		tables_add(t, &n, OPT_COMMAND + i, command->options[i].letter,
			   &command->options[i]);
}

/* A letter of the command's own options to its position, or -1. */
static int option_position(const struct cli_command *command, int code)
{
	int i;

	if (code >= OPT_COMMAND)
		return code - OPT_COMMAND;
	for (i = 0; command && command->options[i].name; i++)
		if (command->options[i].letter == code)
			return i;
	return -1;
}

static int usage_error(const struct cli_command *command, int code,
		       const char *argument)
{
	const char *name = command ? command->name : "";

	if (code == ':')
		hf_error("option '%s' needs a value", argument);
	else
		hf_error("unknown option '%s'", argument);
	fprintf(stderr, "Try 'handfast help%s%s'.\n", *name ? " " : "", name);
	return CLI_USAGE;
}

/* What getopt stumbled over, as it was typed. */
static const char *culprit(char **argv, char *buf)
{
	if (!optopt || optopt >= OPT_BPFFS)
		return argv[optind - 1];
	buf[0] = '-';
	buf[1] = optopt;
	buf[2] = '\0';
	return buf;
}

/* One option. -1: go on; else the exit code. */
static int option_take(struct cli *cli, int code)
{
	int position = option_position(cli->command, code);

	if (position >= 0) {
		cli->values[position] = optarg ? optarg : "";
		return -1;
	}
	switch (code) {
	case 'p':
		cli->pretty = true;
		/* fall through */
	case 'j':
		cli->json = true;
		return -1;
	case OPT_BPFFS:
		cli->bpffs = optarg;
		return -1;
	case OPT_SOCKET:
		cli->socket_path = optarg;
		return -1;
	case 'd':
		hf_log_init("handfast", HF_LOG_DEBUG);
		return -1;
	case 'V':
		printf("handfast %s\n", HF_VERSION);
		return cli_finish(CLI_OK);
	default:
		if (cli->command)
			cli_usage_command(cli->command);
		else
			cli_usage_all();
		return cli_finish(CLI_OK);
	}
}

/* Options up to the end, or up to the command. -1: go on. */
static int options_parse(struct cli *cli, int argc, char **argv)
{
	struct tables tables;
	char buf[3];
	int code, result;

	tables_make(&tables, cli->command);
	opterr = 0;
	while ((code = getopt_long(
		    argc, argv, tables.letters, tables.names, NULL)) != -1) {
		if (code == '?' || code == ':')
			return usage_error(
			    cli->command, code, culprit(argv, buf));
		result = option_take(cli, code);
		if (result >= 0)
			return result;
	}
	return -1;
}

static int command_choose(struct cli *cli, const char *name)
{
	const struct cli_command *nearest;

	cli->command = cli_command_find(name);
	if (cli->command)
		return -1;
	nearest = cli_command_nearest(name);
	if (nearest)
		hf_error("unknown command '%s'; did you mean '%s'?", name,
			 nearest->name);
	else
		hf_error("unknown command '%s'", name);
	fprintf(stderr, "Try 'handfast help'.\n");
	return CLI_USAGE;
}

static int operands_check(const struct cli *cli)
{
	const struct cli_command *c = cli->command;

	if (cli->operand_count < c->operands_min)
		hf_error("%s needs an operand: handfast %s %s", c->name,
			 c->name, c->operands);
	else if (cli->operand_count > c->operands_max)
		hf_error("%s: one operand too many: '%s'", c->name,
			 cli->operands[c->operands_max]);
	else
		return -1;
	fprintf(stderr, "Try 'handfast help %s'.\n", c->name);
	return CLI_USAGE;
}

/* The daemon's lock is named after the path, so there is one spelling only. */
static int bpffs_check(struct cli *cli)
{
	static char path[HF_WORLD_PATH_MAX];
	size_t len = strlen(cli->bpffs);

	while (len > 1 && cli->bpffs[len - 1] == '/')
		len--;
	if (*cli->bpffs != '/' || len >= sizeof(path)) {
		hf_error("--bpffs: '%s' is no absolute path of less than %d "
			 "characters",
			 cli->bpffs, HF_WORLD_PATH_MAX);
		return CLI_USAGE;
	}
	memcpy(path, cli->bpffs, len);
	cli->bpffs = path;
	return -1;
}

static int arguments_parse(struct cli *cli, int argc, char **argv)
{
	int result = options_parse(cli, argc, argv);

	if (result >= 0)
		return result;
	argc -= optind;
	argv += optind;
	if (!argc) {
		cli->command = &cli_status;
		return -1;
	}
	result = command_choose(cli, argv[0]);
	if (result >= 0)
		return result;
	optind = 0; /* glibc: begin anew, with argv[0] the command's name */
	result = options_parse(cli, argc, argv);
	if (result >= 0)
		return result;
	cli->operand_count = argc - optind;
	cli->operands = argv + optind;
	return operands_check(cli);
}

static int libbpf_message(enum libbpf_print_level level, const char *format,
			  va_list args)
{
	if (hf_log_level() < HF_LOG_DEBUG)
		return 0;
	(void)level;
	return vfprintf(stderr, format, args);
}

int main(int argc, char **argv)
{
	struct cli cli = {
	    .bpffs = HF_BPFFS_DEFAULT,
	    .socket_path = HF_SOCKET_DEFAULT,
	};
	int result;

	hf_log_init("handfast", HF_LOG_INFO);
	libbpf_set_print(libbpf_message);
	result = arguments_parse(&cli, argc, argv);
	if (result < 0)
		result = bpffs_check(&cli);
	if (result >= 0)
		return result;
	return cli_finish(cli.command->run(&cli));
}
