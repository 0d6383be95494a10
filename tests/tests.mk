# Tests. Binaries add themselves to UNIT_TESTS and BPF_TESTS in the file that
# has their rule. A test of one source file in tests/unit or tests/bpf needs
# no rule: what else it is made of are further prerequisites (.c, .o, .a),
# libraries go into its TEST_LIBS.
#
#   make check       everything; the last line is the sum
#   make check-unit  make check-bpf  make check-e2e [T="name ..."]  make lint

.PHONY: check check-unit check-bpf check-e2e lint lint-format lint-tidy \
	lint-cppcheck test-tools

SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
# One command compiles all sources of a program: its name is the target.
TEST_CFLAGS = $(CFLAGS) $(HF_CFLAGS) -MT $@
test_parts = $(filter %.c %.o %.a,$(1))

# ------------------------------------------------------------------ tools

TEST_TOOLS = $(addprefix $(BUILD)/tests/tools/, server client rawtcp flood \
	garbage ready)
tool_sources = $(patsubst %,tests/tools/%.c,$(1))

test-tools: $(TEST_TOOLS) $(BUILD)/tests/tools/pass.bpf.o

$(BUILD)/tests/tools/%.bpf.o: tests/tools/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/tests/tools/server: \
	$(call tool_sources,server server_conn server_show) \
	$(BUILD)/libhandfast.a
$(BUILD)/tests/tools/client: $(call tool_sources,client client_conn)
$(BUILD)/tests/tools/rawtcp: \
	$(call tool_sources,rawtcp rawtcp_send rawtcp_recv frame)
$(BUILD)/tests/tools/flood: $(call tool_sources,flood frame)
$(BUILD)/tests/tools/garbage: $(call tool_sources,garbage)
$(BUILD)/tests/tools/ready: $(call tool_sources,ready)

$(TEST_TOOLS):
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(call test_parts,$^)

# ------------------------------------------------------- unit and BPF tests

$(BUILD)/tests/unit/%: tests/unit/%.c | $(SKELETONS)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(SANITIZE) -o $@ $(call test_parts,$^) \
		-lcmocka $(TEST_LIBS)

$(BUILD)/tests/bpf/%: tests/bpf/%.c | $(SKELETONS)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(call test_parts,$^) \
		-lcmocka -lbpf $(TEST_LIBS)

# UNIT_TESTS and BPF_TESTS grow in files that are read after this one.
.SECONDEXPANSION:

check-unit: $$(UNIT_TESTS)
	@bash tests/tools/cmocka.sh $(BUILD) unit $^

check-bpf: $$(BPF_TESTS)
	@bash tests/tools/cmocka.sh $(BUILD) bpf $^

check-e2e: all test-tools
	@BUILD=$(BUILD) bash tests/e2e/run.sh $(T)

# -------------------------------------------------------------------- lint

LINT_SOURCES = $(wildcard user/*/*.[ch] bpf/*.[ch] include/*.h \
	include/handfast/*.h tests/*/*.[ch])
LINT_TIDY = $(wildcard user/*/*.c) \
	$(filter-out %.bpf.c,$(wildcard tests/tools/*.c))

lint: lint-format lint-tidy lint-cppcheck

lint-format:
	@$(CLANG_FORMAT) --dry-run -Werror $(LINT_SOURCES)

# The checks that find bugs. Left out: differences of taste, and paths that
# the analyzer of clang 14 only imagines (0 or -errno and an output).
TIDY_CHECKS = -*,bugprone-*,misc-redundant-expression,$\
	clang-analyzer-core.StackAddressEscape,clang-analyzer-deadcode.*,$\
	clang-analyzer-core.NonNullParamChecker,clang-analyzer-unix.API,$\
	clang-analyzer-valist.*,-bugprone-easily-swappable-parameters,$\
	-bugprone-reserved-identifier,-bugprone-narrowing-conversions,$\
	-bugprone-implicit-widening-*,-bugprone-branch-clone,$\
	-bugprone-macro-parentheses,-bugprone-assignment-in-if-condition,$\
	-bugprone-suspicious-string-compare

lint-tidy: $(SKELETONS)
	@printf '%s\n' $(LINT_TIDY) | xargs -P 2 -I{} clang-tidy --quiet \
		--warnings-as-errors='*' --checks='$(TIDY_CHECKS)' {} -- \
		$(filter-out -MMD -MP -Werror,$(HF_CFLAGS))

lint-cppcheck:
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 \
		--enable=warning,performance,portability \
		--suppress=missingIncludeSystem --suppress=unknownMacro \
		--suppress=autoVariables --include=tests/tools/cppcheck.h \
		-D__x86_64__ -D_GNU_SOURCE -j 2 -Iinclude -Iuser \
		user tests/tools

# ------------------------------------------------------------------- check

check:
	@if [ "$$(id -u)" != 0 ]; then \
		echo "make check: the tests load BPF programs and make network" \
			"namespaces, which needs root: sudo make check" >&2; \
		exit 1; \
	fi
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory all test-tools demo-programs bench-programs
	@MAKE="$(MAKE)" BUILD=$(BUILD) bash tests/tools/check.sh
