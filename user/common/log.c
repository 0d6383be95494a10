// SPDX-License-Identifier: BSD-2-Clause
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"

static const char *log_program = "handfast";
static enum hf_log_level log_max = HF_LOG_INFO;
static int log_journal;

void hf_log_init(const char *program, enum hf_log_level level)
{
	log_program = program;
	log_max = level;
	log_journal = getenv("JOURNAL_STREAM") != NULL;
}

enum hf_log_level hf_log_level(void)
{
	return log_max;
}

void hf_log(enum hf_log_level level, const char *format, ...)
{
	static const int priority[] = {3, 4, 6, 7}; /* sd-daemon(3) */
	char line[1024];
	va_list args;

	if (level > log_max)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	/* One write a line: workers log at the same time. */
	if (log_journal)
		fprintf(stderr, "<%d>%s\n", priority[level], line);
	else
		fprintf(stderr, "%s: %s\n", log_program, line);
}
