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
	flood_plan.c flood_run.c vethstat.c progress.c) tests/tools/frame.c)

$(SYNFLOOD_OBJ): $(BENCH_DIR)/flood.skel.h

$(BENCH_DIR)/synflood: $(SYNFLOOD_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ -lbpf -lm
