// SPDX-License-Identifier: BSD-2-Clause
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "relay/relay.h"

/* Kept open without use: making one costs more than a connection's data. */
#define IDLE_MAX 64

struct relay_pipe *relay_pipe_get(struct relay_pipes *pipes)
{
	struct relay_pipe *pipe = SLIST_FIRST(&pipes->idle);
	int fds[2];

	if (pipe) {
		SLIST_REMOVE_HEAD(&pipes->idle, link);
		pipes->n_idle--;
		return pipe;
	}
	if (pipes->n_all >= pipes->max)
		return NULL;
	pipe = malloc(sizeof(*pipe));
	if (!pipe)
		return NULL;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK)) {
		free(pipe);
		return NULL;
	}
	pipe->read_fd = fds[0];
	pipe->write_fd = fds[1];
	pipes->n_all++;
	return pipe;
}

static void pipe_close(struct relay_pipes *pipes, struct relay_pipe *pipe)
{
	close(pipe->read_fd);
	close(pipe->write_fd);
	free(pipe);
	pipes->n_all--;
}

void relay_pipe_put(struct relay_pipes *pipes, struct relay_pipe *pipe,
		    bool empty)
{
	if (!empty || pipes->n_idle >= IDLE_MAX) {
		pipe_close(pipes, pipe);
		return;
	}
	SLIST_INSERT_HEAD(&pipes->idle, pipe, link);
	pipes->n_idle++;
}

void relay_pipes_close(struct relay_pipes *pipes)
{
	struct relay_pipe *pipe;

	while ((pipe = SLIST_FIRST(&pipes->idle))) {
		SLIST_REMOVE_HEAD(&pipes->idle, link);
		pipe_close(pipes, pipe);
	}
	pipes->n_idle = 0;
}
