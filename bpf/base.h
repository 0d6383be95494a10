/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What every program here is made of, in the order in which it builds up. */
#ifndef HF_BPF_BASE_H
#define HF_BPF_BASE_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "handfast/abi.h"
#include "handfast/cookie.h"
#include "handfast/csum.h"
#include "handfast/options.h"
#include "handfast/segment.h"
#include "handfast/seq.h"

#define IP_MF 0x2000
#define IP_OFFSET 0x1fff

#include "maps.h"
#include "count.h"
#include "parse.h"

#endif
