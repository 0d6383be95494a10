# A SYN flood to look at. DEMO_SECONDS: all traffic phases together;
# DEMO_RATE: spoofed SYNs a second.

WATCH_OBJ = $(call bench_obj,$(addprefix tests/demo/,watch.c source.c diag.c \
	table.c) tests/bench/progress.c)

$(BUILD)/tests/demo/watch: $(WATCH_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lbpf -lm

demo-programs: all $(BUILD)/tests/demo/watch $(BENCH_DIR)/synflood \
		$(BENCH_DIR)/client $(BUILD)/tests/tools/pass.bpf.o

.PHONY: demo demo-programs
demo: deps
	@mkdir -p $(BUILD)
	@echo "demo: building"
	@$(MAKE) --no-print-directory demo-programs >$(BUILD)/demo.log 2>&1 \
		|| { tail -n 20 $(BUILD)/demo.log; exit 1; }
	@BUILD=$(BUILD) tests/demo/demo.sh
