// SPDX-License-Identifier: BSD-2-Clause
/* Programs that are measured, each with its own copy of the wrapper. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "packet.h"
#include "harness.skel.h"

/* The wrapper works on the maps of the program, where it has them. */
static int maps_share(struct bpf_object *harness, struct bpf_object *obj)
{
	struct bpf_map *map, *theirs;

	bpf_object__for_each_map(map, harness)
	{
		if (bpf_map__is_internal(map))
			continue;
		theirs = bpf_object__find_map_by_name(obj, bpf_map__name(map));
		if (!theirs)
			continue;
		if (bpf_map__reuse_fd(map, bpf_map__fd(theirs)))
			return -errno;
	}
	return 0;
}

/*
 * Programs that call each other by tail call have to agree on whether they
 * take frames in fragments.
 */
static int harness_load(struct bench_target *t, const struct bpf_program *prog)
{
	__u32 frags = strncmp(bpf_program__section_name(prog), "xdp.frags", 9)
			  ? 0
			  : BPF_F_XDP_HAS_FRAGS;
	__u32 zero = 0;
	size_t size;
	int err;

	t->harness = harness_skel__open();
	if (!t->harness)
		return -errno;
	bpf_program__set_flags(t->harness->progs.harness, frags);
	err = maps_share(t->harness->obj, t->obj);
	if (!err)
		err = harness_skel__load(t->harness);
	if (err)
		return err;
	if (bpf_map__update_elem(t->harness->maps.target, &zero, sizeof(zero),
				 &t->prog_fd, sizeof(t->prog_fd), 0))
		return -errno;
	size = (size_t)HARNESS_FRAMES_MAX * sizeof(struct harness_frame);
	t->frames = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 bpf_map__fd(t->harness->maps.frames), 0);
	return t->frames == MAP_FAILED ? -errno : 0;
}

int target_use(struct bench_target *t, struct bpf_object *obj,
	       const char *program)
{
	struct bpf_program *prog =
	    bpf_object__find_program_by_name(obj, program);
	int err;

	if (!prog) {
		fprintf(stderr, "packet: no program %s\n", program);
		return -1;
	}
	t->obj = obj;
	t->prog_fd = bpf_program__fd(prog);
	err = harness_load(t, prog);
	if (err) {
		fprintf(stderr, "packet: wrapper for %s: %s\n", program,
			strerror(-err));
		return -1;
	}
	return 0;
}

int target_load(struct bench_target *t, const char *path, const char *program)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	struct bpf_program *prog;

	if (!obj) {
		fprintf(stderr, "packet: %s: %s\n", path, strerror(errno));
		return -1;
	}
	bpf_object__for_each_program(prog, obj) bpf_program__set_autoload(
	    prog, !strcmp(bpf_program__name(prog), program));
	if (bpf_object__load(obj)) {
		fprintf(stderr, "packet: %s: %s\n", path, strerror(errno));
		bpf_object__close(obj);
		return -1;
	}
	if (!target_use(t, obj, program))
		return 0;
	bpf_object__close(obj);
	t->obj = NULL;
	return -1;
}

void target_free(struct bench_target *t)
{
	harness_skel__destroy(t->harness);
	t->harness = NULL;
}

static struct xdp_md context(const struct bench *b, uint32_t len)
{
	return (struct xdp_md){
	    .data_end = len,
	    .ingress_ifindex = b->env.ifindex,
	};
}

int target_answer(struct bench *b, enum bench_target_id id,
		  const struct harness_frame *frame, uint8_t *out,
		  uint32_t *out_len)
{
	struct xdp_md ctx = context(b, frame->len);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->data,
		    .data_size_in = frame->len, .data_out = out,
		    .data_size_out = HARNESS_DATA_MAX, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);

	if (bpf_prog_test_run_opts(b->target[id].prog_fd, &opts)) {
		fprintf(stderr, "packet: test run: %s\n", strerror(errno));
		return -1;
	}
	*out_len = opts.data_size_out;
	return opts.retval;
}

int target_run(struct bench *b, enum bench_target_id id, uint32_t rounds,
	       double *ns)
{
	struct bench_target *t = &b->target[id];
	struct xdp_md ctx = context(b, t->frames[0].len);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = t->frames[0].data,
		    .data_size_in = t->frames[0].len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = rounds);
	int fd = bpf_program__fd(t->harness->progs.harness);

	if (bpf_prog_test_run_opts(fd, &opts)) {
		fprintf(stderr, "packet: test run: %s\n", strerror(errno));
		return -1;
	}
	*ns = opts.duration;
	return 0;
}
