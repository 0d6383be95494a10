// SPDX-License-Identifier: BSD-2-Clause
/*
 * An XSKMAP does not let user space read it (EOPNOTSUPP up to Linux 6.18 at
 * least), and Debian's kernel has no AF_XDP in sock_diag. XDP programs may
 * look: so a program of a few instructions is run with BPF_PROG_TEST_RUN, the
 * index in the frame, the answer its verdict.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "cli/rings.h"

struct rings {
	int fd;
};

#define INSN(code_, dst, src, off_, imm_)                                      \
	((struct bpf_insn){.code = (code_),                                    \
			   .dst_reg = (dst),                                   \
			   .src_reg = (src),                                   \
			   .off = (off_),                                      \
			   .imm = (imm_)})
#define LOAD(dst, src, off) INSN(BPF_LDX | BPF_W | BPF_MEM, dst, src, off, 0)
#define STORE(dst, off, src) INSN(BPF_STX | BPF_W | BPF_MEM, dst, src, off, 0)
#define MOVE(dst, src) INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define MOVE_IMM(dst, imm) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm)
#define ADD_IMM(dst, imm) INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm)
#define JUMP_IF_ABOVE(dst, src, n)                                             \
	INSN(BPF_JMP | BPF_JGT | BPF_X, dst, src, n, 0)
#define JUMP_IF_ZERO(dst, n) INSN(BPF_JMP | BPF_JEQ | BPF_K, dst, 0, n, 0)

struct rings *rings_open(int xsks_fd)
{
	const struct bpf_insn program[] = {
	    LOAD(2, 1, offsetof(struct xdp_md, data)),
	    LOAD(3, 1, offsetof(struct xdp_md, data_end)),
	    MOVE_IMM(0, 0),
	    MOVE(4, 2),
	    ADD_IMM(4, sizeof(__u32)),
	    JUMP_IF_ABOVE(4, 3, 9), /* to the end */
	    LOAD(2, 2, 0),
	    STORE(10, -4, 2),
	    MOVE(2, 10),
	    ADD_IMM(2, -4),
	    INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, xsks_fd),
	    INSN(0, 0, 0, 0, 0),
	    INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
	    JUMP_IF_ZERO(0, 1),
	    MOVE_IMM(0, 1),
	    INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	struct rings *rings;
	int fd;

	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "hf_rings", "Dual BSD/GPL",
			   program, sizeof(program) / sizeof(program[0]), NULL);
	rings = fd < 0 ? NULL : malloc(sizeof(*rings));
	if (rings)
		rings->fd = fd;
	else if (fd >= 0)
		close(fd);
	return rings;
}

bool rings_present(const struct rings *rings, __u32 slot)
{
	char frame[64] = {}; /* not shorter than an Ethernet header */
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
		    .data_size_in = sizeof(frame), .repeat = 1);

	memcpy(frame, &slot, sizeof(slot));
	return !bpf_prog_test_run_opts(rings->fd, &opts) && opts.retval == 1;
}

void rings_close(struct rings *rings)
{
	if (!rings)
		return;
	close(rings->fd);
	free(rings);
}
