# SPDX-License-Identifier: Apache-2.0
# A thin front to meson and ninja; everything real is in meson.build, tools/ and tests/.
#
#   make          build into build/
#   make demo     the name server dies, the route leaves: once, before your eyes
#   make check    every test, from units to real routers; ends with "N passed, N failed"
#   make lint     layout, layers, globals, lengths, clang-tidy, cppcheck, shellcheck
#   make asan     every test again, under the address and undefined-behaviour sanitizers
#   make fuzz     every fuzz target for FUZZ_SECONDS (60)
#   make fmt      clang-format over the sources
#   make install  into DESTDIR and PREFIX
BUILD        ?= build
ASAN         ?= build-asan
FUZZ         ?= build-fuzz
FUZZ_SECONDS ?= 60
PREFIX       ?= /usr

.PHONY: all demo check lint asan fuzz fmt docs install clean

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@tools/deps.sh build
	@meson setup --prefix=$(PREFIX) --sysconfdir=/etc --localstatedir=/var $(BUILD)

$(ASAN)/build.ninja:
	@tools/deps.sh build
	@meson setup --prefix=$(PREFIX) -Db_sanitize=address,undefined -Db_lundef=false $(ASAN)

$(FUZZ)/build.ninja:
	@tools/deps.sh fuzz
	@CC=clang meson setup -Dfuzz=true -Db_lundef=false $(FUZZ)

demo:
	@tools/deps.sh check
	@$(MAKE) -s all
	@tools/as-root.sh /usr/bin/python3 tests/lab/demo.py --build $(BUILD)

check:
	@tools/deps.sh check
	@$(MAKE) -s all
	@tools/check.sh $(BUILD)

lint: $(BUILD)/build.ninja
	@tools/deps.sh lint
	@tools/lint.sh $(BUILD)

asan: $(ASAN)/build.ninja
	@tools/deps.sh check
	@ninja -C $(ASAN)
	@tools/check.sh $(ASAN)

fuzz: $(FUZZ)/build.ninja
	@ninja -C $(FUZZ)
	@tools/fuzz.sh $(FUZZ) $(FUZZ_SECONDS)

fmt:
	@find src tests bench -name '*.[ch]' -exec clang-format -i {} +

# The parts of doc/ that are generated from the schema rows.
docs: all
	@$(BUILD)/src/cli/nigh config reference >doc/config.md
	@$(BUILD)/src/cli/nigh config schema >doc/nigh.schema.json

install: all
	@meson install -C $(BUILD)

clean:
	@rm -rf $(BUILD) $(ASAN) $(FUZZ)
