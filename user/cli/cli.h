/* SPDX-License-Identifier: BSD-2-Clause */
/* What the subcommands of `handfast` share: options, output, exit codes. */
#ifndef HF_CLI_H
#define HF_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
};

/* One option; usage text and getopt's tables are made from it. */
struct cli_option {
	char letter; /* 0: long name only */
	const char *name;
	const char *arg; /* what to call its value; NULL: takes none */
	const char *text;
};

struct cli;

struct cli_command {
	const char *name;
	const char *operands; /* "IFACE", for the usage line; "" for none */
	const char *summary;
	const struct cli_option *options; /* ends with a name of NULL */
	int operands_min, operands_max;
	/* Returns enum cli_exit. */
	int (*run)(struct cli *cli);
};

#define CLI_OPTIONS_MAX 8 /* of one command */

struct cli {
	const char *bpffs;
	const char *socket_path;
	bool json;
	bool pretty;
	const struct cli_command *command;
	const char *values[CLI_OPTIONS_MAX]; /* by position in its options */
	int operand_count;
	char **operands;
};

extern const struct cli_command cli_attach, cli_detach, cli_status,
    cli_listeners, cli_requests, cli_stats, cli_features, cli_help;

/* All of them, in the order of `handfast help`; ends with NULL. */
extern const struct cli_command *const cli_commands[];
extern const struct cli_option cli_global_options[];

/* Value of an option of this command by its long name: NULL where it was not
 * given, "" where it takes no value. */
const char *cli_value(const struct cli *cli, const char *name);

const struct cli_command *cli_command_find(const char *name);
/* The command that `name` may be a misspelling of, or NULL. */
const struct cli_command *cli_command_nearest(const char *name);

void cli_usage_command(const struct cli_command *command);
void cli_usage_all(void);

/* "42" to 42 within [min, max]; false (nothing logged) for anything else. */
bool cli_number(const char *text, long min, long max, long *value);

/* ---------------------------------------------------------------- output */

/* Prints one JSON document on stdout and takes the reference. Returns
 * CLI_OK, or CLI_FAILED (logged) where that is impossible. */
int cli_json_print(const struct cli *cli, json_t *root);

/* json_pack(); where that fails (no memory), the program ends. */
json_t *cli_pack(const char *format, ...);

/* A list of objects (or other values) that is printed as it is made. */
struct cli_stream {
	const struct cli *cli;
	bool any;
};
void cli_stream_begin(struct cli_stream *stream, const struct cli *cli);
void cli_stream_add(struct cli_stream *stream, json_t *value);
int cli_stream_end(struct cli_stream *stream);

/* Rows of text in columns; widths are found when all rows are there. */
struct cli_table;
struct cli_table *cli_table_new(const char *const *head, int columns);
/* `columns` strings, copied. */
void cli_table_row(struct cli_table *table, const char *const *cells);
void cli_table_print(struct cli_table *table); /* and frees it */

/* Text from a map or another process, without what a terminal would take for
 * commands or JSON for broken UTF-8. At most `len` bytes are read. */
#define CLI_TEXT_MAX 64
char *cli_printable(char *buf, size_t size, const char *text, size_t len);

struct hf_world;
/* Opens the maps of a world. 0; -ENOENT: there is none; other errors are
 * logged. */
int cli_world_look(const struct cli *cli, struct hf_world *world);
/* The same; false: there is none, or another error; logged in any case. */
bool cli_world_open(const struct cli *cli, struct hf_world *world);
/* Creates it where it is missing, loads the XDP program, and takes the
 * lock: its descriptor, or a negative errno, logged. */
int cli_world_create(const struct cli *cli, struct hf_world *world);

/* Flushes stdout: CLI_FAILED, logged, if not all could be written (a full
 * disk must not look like an empty list), else `result`. */
int cli_finish(int result);

#endif
