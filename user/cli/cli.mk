# The version, and unit tests of what the CLI shares with others.

HF_VERSION = 0.1.0

$(BUILD)/user/cli/main.o: CFLAGS += -DHF_VERSION='"$(HF_VERSION)"'

UNIT_TESTS += $(addprefix $(BUILD)/tests/unit/, test_text test_sysctl \
	test_ctl test_firewall test_findings)

$(BUILD)/tests/unit/test_text: user/common/text.c
$(BUILD)/tests/unit/test_sysctl: user/common/sysctl.c user/common/log.c
$(BUILD)/tests/unit/test_ctl: user/common/ctl.c
$(BUILD)/tests/unit/test_firewall: user/cli/findings_firewall.c \
	user/common/sysctl.c user/common/log.c
$(BUILD)/tests/unit/test_firewall: TEST_LIBS = -ljansson
$(BUILD)/tests/unit/test_findings: user/cli/findings_device.c user/cli/driver.c \
	user/common/netif.c user/common/ethtool.c
$(BUILD)/tests/unit/test_findings: TEST_LIBS = -lmnl
