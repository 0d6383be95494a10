# handfast - the TCP handshake in XDP
#
#   make            build everything
#   sudo make demo  dependencies, build, a SYN flood to look at
#   sudo make check dependencies, build, all tests
#   make help       the rest

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=

CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(shell command -v bpftool) /usr/sbin/bpftool)
CLANG_FORMAT ?= clang-format

CFLAGS ?= -O2 -g
HF_CFLAGS = -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -Iinclude -Iuser \
	-I$(BUILD) -fstack-protector-strong -pthread -MMD -MP
BPF_CFLAGS = -O2 -g -Wall -Wextra -Werror -target bpf -mcpu=v3 \
	-D__TARGET_ARCH_x86 -Iinclude -Ibpf -idirafter /usr/include/$(shell uname -m)-linux-gnu

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

PROGRAMS = $(BUILD)/handfast $(BUILD)/handfastd $(BUILD)/handfast-relay
LIBS = $(BUILD)/libhandfast.a $(BUILD)/libhandfast.so

COMMON_SRC = $(wildcard user/common/*.c)
CLI_SRC = $(wildcard user/cli/*.c)
DAEMON_SRC = $(wildcard user/daemon/*.c)
LIB_SRC = $(wildcard user/lib/*.c)
RELAY_SRC = $(wildcard user/relay/*.c)
obj = $(patsubst %.c,$(BUILD)/%.o,$(1))

.PHONY: all
all: $(PROGRAMS) $(LIBS)

# ------------------------------------------------------------------- BPF

SKELETONS = $(addprefix $(BUILD)/,handfast.skel.h deliver.skel.h)

$(BUILD)/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h include/handfast/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@.tmp
	llvm-strip -g $@.tmp
	mv $@.tmp $@

$(SKELETONS): $(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $*_bpf > $@.tmp
	mv $@.tmp $@

# ------------------------------------------------------------- user space

$(BUILD)/%.o: %.c | $(SKELETONS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HF_CFLAGS) -c $< -o $@

$(call obj,$(LIB_SRC)): CFLAGS += -fPIC -fvisibility=hidden

$(BUILD)/libhandfast.a: $(call obj,$(LIB_SRC))
	$(AR) rcs $@ $^

$(BUILD)/libhandfast.so: $(call obj,$(LIB_SRC))
	$(CC) $(LDFLAGS) -shared -Wl,-soname,libhandfast.so.1 -pthread -o $@ $^

$(BUILD)/handfast: $(call obj,$(CLI_SRC) $(COMMON_SRC))
	$(CC) $(LDFLAGS) -o $@ $^ -lbpf -ljansson -lmnl -lcap-ng

$(BUILD)/handfastd: $(call obj,$(DAEMON_SRC) $(COMMON_SRC))
	$(CC) $(LDFLAGS) -pthread -o $@ $^ -lbpf -lxdp -lmnl -lcap-ng

$(BUILD)/handfast-relay: $(call obj,$(RELAY_SRC)) $(BUILD)/user/common/log.o $(BUILD)/libhandfast.a
	$(CC) $(LDFLAGS) -pthread -o $@ $^

include $(wildcard .ci/*.mk user/*/*.mk user/*.mk tests/*/*.mk) tests/tests.mk

.PHONY: help
help:
	@echo "make                        build everything"
	@echo "sudo make demo              dependencies, build, a SYN flood to look at"
	@echo "sudo make check             dependencies, build, all tests"
	@echo "sudo make check-unit        one kind of tests: also check-bpf, lint,"
	@echo "                            check-e2e [T=\"name ...\"]"
	@echo "sudo make bench             against what else there is, under floods"
	@echo "sudo make bench-packet      nanoseconds a packet"
	@echo "make fuzz [SECONDS=60]      libFuzzer on parser and codecs"
	@echo "sudo make install           PREFIX=$(PREFIX) DESTDIR=; uninstall"
	@echo "make clean                  remove $(BUILD)/"

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
