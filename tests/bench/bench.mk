# The load programs and the benches.

BENCH_DIR = $(BUILD)/tests/bench
BENCH_CFLAGS = -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -Iinclude -I. \
	-I$(BENCH_DIR) -pthread -MMD -MP

$(BENCH_DIR)/%.bpf.o: tests/bench/%.bpf.c $(wildcard tests/bench/*.h bpf/*.h include/handfast/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@.tmp
	llvm-strip -g $@.tmp
	mv $@.tmp $@

.PRECIOUS: $(BENCH_DIR)/%.bpf.o $(BENCH_DIR)/%.skel.h

$(BENCH_DIR)/%.skel.h: $(BENCH_DIR)/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $*_skel > $@.tmp
	mv $@.tmp $@

# Apart from the products: these objects do not need the product's skeleton.
$(BENCH_DIR)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(BENCH_CFLAGS) -c $< -o $@

bench_obj = $(patsubst %.c,$(BENCH_DIR)/obj/%.o,$(1))

SYNFLOOD_OBJ = $(call bench_obj,$(addprefix tests/bench/,synflood.c \
	flood_plan.c flood_run.c flood_tap.c vethstat.c progress.c) tests/tools/frame.c)

$(SYNFLOOD_OBJ): $(BENCH_DIR)/flood.skel.h

$(BENCH_DIR)/synflood: $(SYNFLOOD_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ -lbpf -lm

# ------------------------------------------------- nanoseconds a packet

PACKET_OBJ = $(call bench_obj,$(addprefix tests/bench/,packet.c packet_cases.c packet_env.c \
	packet_target.c packet_world.c packet_frames.c packet_report.c) \
	tests/tools/frame.c)

$(PACKET_OBJ): $(BENCH_DIR)/harness.skel.h $(BENCH_DIR)/refs.skel.h

$(BENCH_DIR)/packet: $(PACKET_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ -lbpf -lxdp

# The kernel's selftest xdp_synproxy, if deps-bench brought its source. What
# the running kernel's BTF says stands in for the build of that kernel.
LINUX_SOURCE = $(BUILD)/linux-source
SELFTESTS = $(LINUX_SOURCE)/tools/testing/selftests/bpf
SYNPROXY_BPF = $(LINUX_SOURCE)/xdp_synproxy_kern.bpf.o

# What the bench compares with, and its picture.
DEPS_BENCH = haproxy gnuplot-nox

.PHONY: deps-bench
deps-bench: deps
	@sh .ci/deps.sh $(DEPS_BENCH)
	@tests/bench/linux-source.sh $(LINUX_SOURCE) || \
		echo "bench: goes on without xdp_synproxy"

$(LINUX_SOURCE)/vmlinux.h:
	$(BPFTOOL) btf dump file /sys/kernel/btf/vmlinux format c > $@.tmp
	mv $@.tmp $@

$(LINUX_SOURCE)/%_kern.bpf.o: $(SELFTESTS)/progs/%_kern.c $(LINUX_SOURCE)/vmlinux.h
	$(CLANG) $(BPF_CFLAGS) -w -I$(LINUX_SOURCE) -I$(SELFTESTS) \
		-I$(SELFTESTS)/progs -c $< -o $@.tmp
	llvm-strip -g $@.tmp
	mv $@.tmp $@

# The loader of xdp_synproxy; libbpf 1.1 has the function by its older name.
$(LINUX_SOURCE)/xdp_synproxy: $(SELFTESTS)/xdp_synproxy.c
	$(CC) $(CFLAGS) -w -D_GNU_SOURCE \
		-Dbpf_prog_get_info_by_fd=bpf_obj_get_info_by_fd \
		-Dbpf_map_get_info_by_fd=bpf_obj_get_info_by_fd \
		-o $@ $< -lbpf

# Only those of the selftests whose source is there.
bench_selftests = $(if $(wildcard $(SELFTESTS)/progs/xdp_synproxy_kern.c),\
	$(SYNPROXY_BPF) $(LINUX_SOURCE)/xdp_synproxy)

.PHONY: bench-packet
bench-packet: $(BENCH_DIR)/packet $(BUILD)/handfast.bpf.o $(bench_selftests)
	@mkdir -p $(BUILD)/bench
	$(BENCH_DIR)/packet --synproxy $(SYNPROXY_BPF) \
		--json $(BUILD)/bench/packet.json $(BUILD)/handfast.bpf.o

# ------------------------------------------------------- honest clients

$(BENCH_DIR)/client: $(call bench_obj,tests/bench/client.c tests/bench/progress.c)
	$(CC) $(LDFLAGS) -o $@ $^ -lm

# --------------------------------------- floods, clients, rates: the bench

$(BENCH_DIR)/server: $(call bench_obj,tests/bench/server.c) $(BUILD)/libhandfast.a
	$(CC) $(LDFLAGS) -pthread -o $@ $^

$(BENCH_DIR)/stream: $(call bench_obj,tests/bench/stream.c)
	$(CC) $(LDFLAGS) -o $@ $^

# One command: what it needs, and then all of it. BENCH_PARTS and what else
# bench.sh takes choose a part.
.PHONY: bench bench-programs
bench:
	@[ "$$(id -u)" = 0 ] || { echo "bench: needs root: sudo make bench" >&2; exit 1; }
	@$(MAKE) --no-print-directory deps-bench
	@mkdir -p $(BUILD)
	@echo "bench: building"
	@$(MAKE) --no-print-directory bench-programs >$(BUILD)/bench.log 2>&1 \
		|| { tail -n 20 $(BUILD)/bench.log; exit 1; }
	@BUILD=$(BUILD) tests/bench/bench.sh

bench-programs: all $(addprefix $(BENCH_DIR)/,synflood client server stream packet) \
		$(BUILD)/tests/tools/pass.bpf.o $(bench_selftests)
