/* SPDX-License-Identifier: BSD-2-Clause */
/* A client of the daemon's control socket, for requests without descriptors. */
#ifndef HF_CTL_H
#define HF_CTL_H

#include "handfast/control.h"

/*
 * hf_ctl_call - one request, its reply.
 *
 * Connects to the socket at `path`, sends *request (version is filled in) and
 * waits at most timeout_ms for the reply, in all. Returns 0 and *reply, whose
 * `error` is what the daemon thinks of the request and whose text ends with
 * NUL; or a negative errno, not logged, and *reply untouched: -ENOENT or
 * -ECONNREFUSED: no daemon; -EACCES: no right to the socket; -ETIMEDOUT;
 * -EPROTO: it speaks another version; -ECONNRESET: it died or closed the
 * connection; -ENAMETOOLONG.
 */
int hf_ctl_call(const char *path, const struct hf_ctl_request *request,
		struct hf_ctl_reply *reply, int timeout_ms);

#endif
