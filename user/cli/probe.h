/* SPDX-License-Identifier: BSD-2-Clause */
/* What this kernel can do of what handfast uses. */
#ifndef HF_CLI_PROBE_H
#define HF_CLI_PROBE_H

enum probe_answer {
	PROBE_NO,
	PROBE_YES,
	PROBE_UNKNOWN, /* no right to ask */
};

struct probe {
	const char *name;
	const char *what_for;
	enum probe_answer answer;
};

#define PROBES_MAX 24

/* Fills probes[], returns how many. */
int probes_run(struct probe probes[PROBES_MAX]);

#endif
