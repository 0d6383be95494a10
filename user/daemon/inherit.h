/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a child inherits: in Linux the accepted socket is a clone of its
 * listener. Here the options of the bound socket that differ from those of a
 * fresh one are read once and set on every child.
 */
#ifndef HF_INHERIT_H
#define HF_INHERIT_H

#include <stddef.h>
#include <sys/socket.h>

#define INHERIT_OPTIONS_MAX 48
#define INHERIT_VALUE_MAX 16

struct inherit_option {
	int level;
	int name;
	socklen_t len;
	char value[INHERIT_VALUE_MAX];
};

struct inherit {
	size_t before_count; /* those that bind(2) or connect(2) depend on */
	size_t count;
	struct inherit_option option[INHERIT_OPTIONS_MAX];
	int reuseaddr; /* restored last: leaving repair mode clears them */
	int reuseport;
	int linger; /* hf_child_msg.linger: what SO_LINGER is to be */
};

/* Reads the options of `fd` (of that family). 0 or a negative errno. */
int inherit_read(struct inherit *inherit, int fd, int family);
/* Sets them on a child, before bind(2) and after repair mode. An option that
 * cannot be set is left as it is: the connection is worth more. */
void inherit_before_bind(const struct inherit *inherit, int fd);
void inherit_after_repair(const struct inherit *inherit, int fd);

#endif
