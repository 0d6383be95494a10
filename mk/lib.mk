# libhandfast, the relay, and their tests.

# A thread of the library runs: it cannot be taken out by dlclose(3).
$(BUILD)/libhandfast.so: LDFLAGS += -Wl,-z,nodelete -Wl,-z,defs

EXAMPLES = $(BUILD)/examples/echo
all: $(EXAMPLES)
$(BUILD)/examples/%: $(BUILD)/examples/%.o $(BUILD)/libhandfast.a
	$(CC) $(LDFLAGS) -pthread -o $@ $^

LIB_TESTS = $(addprefix $(BUILD)/tests/unit/,test_lib test_lib_kernel \
	test_lib_fork test_accept test_accept_limit)
UNIT_TESTS += $(LIB_TESTS)
LIB_TEST_PARTS = $(addprefix tests/unit/,fakedaemon.c listener.c testnet.c)

$(LIB_TESTS): $(LIB_TEST_PARTS) $(LIB_SRC)
