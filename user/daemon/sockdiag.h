/* SPDX-License-Identifier: BSD-2-Clause */
/* sock_diag(7): ending the kernel's socket of a flow. */
#ifndef HF_SOCKDIAG_H
#define HF_SOCKDIAG_H

#include "handfast/abi.h"

/*
 * sockdiag_destroy - SOCK_DESTROY of the socket with this tuple, in whatever
 * state; never of the listener that stands behind it. ifindex: of a socket that
 * is bound to a device, else 0. Returns 0 or a negative errno (-ENOENT: no such
 * socket). Any thread.
 */
int sockdiag_destroy(const struct hf_tuple *tuple, __u32 ifindex);

/* 0: there is such a socket (TIME_WAIT too); -ENOENT: none; -errno. */
int sockdiag_find(const struct hf_tuple *tuple, __u32 ifindex);

#endif
