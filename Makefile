# SPDX-License-Identifier: Apache-2.0
# A thin front to meson and ninja; everything real is in meson.build and tools/.
BUILD ?= build

.PHONY: all demo check lint asan fuzz fmt install clean

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD)
