# libhandfast, its example, the relay, and their tests.

# A thread of the library runs: it cannot be taken out by dlclose(3).
$(BUILD)/libhandfast.so: LDFLAGS += -Wl,-z,nodelete -Wl,-z,defs

EXAMPLES = $(BUILD)/user/examples/echo
all: $(EXAMPLES)
$(BUILD)/user/examples/%: $(BUILD)/user/examples/%.o $(BUILD)/libhandfast.a
	$(CC) $(LDFLAGS) -pthread -o $@ $^

LIB_TESTS = $(addprefix $(BUILD)/tests/unit/,test_lib test_lib_kernel \
	test_lib_direct test_lib_fork test_accept test_accept_limit)
RELAY_TESTS = $(addprefix $(BUILD)/tests/unit/,test_relay test_relay_load)
UNIT_TESTS += $(LIB_TESTS) $(RELAY_TESTS)
LIB_TEST_PARTS = $(addprefix tests/unit/,fakedaemon.c listener.c testnet.c)

$(LIB_TESTS) $(RELAY_TESTS): $(LIB_TEST_PARTS) $(LIB_SRC)
$(RELAY_TESTS): tests/unit/relayproc.c

UNIT_TESTS += $(BUILD)/tests/unit/test_relay_flow
$(BUILD)/tests/unit/test_relay_flow: tests/unit/testnet.c $(addprefix \
	user/relay/,flow.c pipes.c)

# The relay as the tests run it, with the sanitizers.
RELAY_SANITIZED = $(BUILD)/tests/unit/handfast-relay
$(RELAY_TESTS): TEST_CFLAGS += -DRELAY='"$(abspath $(RELAY_SANITIZED))"'
$(RELAY_TESTS): | $(RELAY_SANITIZED)
$(RELAY_SANITIZED): $(RELAY_SRC) $(LIB_SRC) user/common/log.c \
	$(wildcard user/relay/*.h user/lib/*.h include/*.h include/handfast/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(filter-out -MMD -MP,$(HF_CFLAGS)) $(SANITIZE) -o $@ \
		$(filter %.c,$^)
