# Knoop. Thin on purpose: files are found by name, so nothing here changes when
# one is added. `make` builds, `make check` tests, `make install` installs.
#
#   make T=did check      the tests whose path contains "did"
#   make B=build-asan SAN=1 check
#   make CC=clang
#
# Set-up (packages, and what older Debians lack) is ./dev's; see CONTRIBUTING.md.

B      ?= build
CC     ?= gcc
DEPS   ?= build/deps
PREFIX ?= /usr/local
VERSION := $(shell sed -n '1s/^## \[\{0,1\}\([0-9.]*\).*/\1/p;/^## /s/^## \[\{0,1\}\([0-9][0-9.]*\).*/\1/p' CHANGELOG.md 2>/dev/null | head -1)

PKGS   = openssl sqlite3 libsodium yaml-0.1 libseccomp libpcre2-8
DEPS_CFLAGS = $(if $(wildcard $(DEPS)/include),-isystem $(DEPS)/include)
# What older Debians lack is found under the build folder, and beside an installed
# program in ../lib/knoop; `make install` links anew, so that only the latter stays.
RPATH       = $(abspath $(DEPS)/lib):
DEPS_LIBS   = $(if $(wildcard $(DEPS)/lib),-L$(DEPS)/lib '-Wl$(comma)-rpath$(comma)$(RPATH)$$ORIGIN/../lib/knoop')
comma := ,

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes \
       -Wmissing-prototypes -Wvla -Wundef -Wwrite-strings -Wcast-qual -Werror
OPT  ?= -O2 -g
HARD = -fstack-protector-strong -fPIE -fno-strict-overflow -fno-plt
ifeq ($(SAN),)
HARD += -D_FORTIFY_SOURCE=2
else
OPT  := -O1 -g -fno-omit-frame-pointer
HARD += -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANLD = -fsanitize=address,undefined
endif
ifneq ($(FUZZ),)
HARD += -fsanitize=fuzzer-no-link
endif

CFLAGS_ALL = -std=c17 -D_GNU_SOURCE -Isrc -I$(B) -DKNOOP_VERSION='"$(VERSION)"' $(WARN) $(OPT) $(HARD) \
             $(DEPS_CFLAGS) $(shell pkg-config --cflags $(PKGS) libcurl libpq p11-kit-1) $(CFLAGS)
LDFLAGS_ALL = -pie $(SANLD) -Wl,-z,relro -Wl,-z,now -Wl,--as-needed $(LDFLAGS)
LIBS = $(DEPS_LIBS) -lyyjson -lllhttp $(shell pkg-config --libs $(PKGS)) -lpthread -ldl -lm

SRC   := $(sort $(shell find src -name '*.c'))
MAINS := src/app/main/main.c
TESTS := $(filter %_test.c,$(SRC))
FUZZ_ := $(filter %_fuzz.c,$(SRC))
BENCH := $(filter %_bench.c,$(SRC))
LIB   := $(filter-out $(MAINS) $(TESTS) $(FUZZ_) $(BENCH),$(SRC))
CONF_DEFS := $(sort $(shell find src -name '*_conf.def'))
SQL_DEFS  := $(sort $(shell find src -name '*_sql.def'))

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
wanted = $(if $(T),$(foreach t,$(1),$(if $(findstring $(T),$(t)),$(t))),$(1))
TEST_BIN  := $(patsubst %.c,$(B)/test/%,$(call wanted,$(TESTS)))
LOADS := $(sort $(wildcard test/load/*_bench.c) $(wildcard test/load/drive.c test/load/p256.c))
LOAD_RUN := $(call wanted,$(sort $(wildcard test/load/*_bench.py)))
LOAD  := $(filter-out $(LOADS),$(sort $(wildcard test/load/*.c)))
BENCH_BIN := $(patsubst %.c,$(B)/bench/%,$(call wanted,$(BENCH) $(LOADS)))
FUZZ_BIN  := $(patsubst %.c,$(B)/fuzz/%,$(call wanted,$(FUZZ_)))

.PHONY: all check lint layers conformance bench bench-bins fuzz fuzz-bins test-bins install clean \
        scenario check-faults docs docs-check soak load FORCE
.SECONDARY:
all: $(B)/knoop $(B)/knoop-vectors

# --- what is gathered from the rooms -------------------------------------
# Made anew each time and kept when nothing changed: a list that went away is missed too.
gather = mkdir -p $(@D); for f in $(1); do echo "\#include \"$${f\#src/}\""; done > $@.new; \
         if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(B)/gen/options.def: FORCE
	@$(call gather,$(CONF_DEFS))
$(B)/gen/sql.def: FORCE
	@$(call gather,$(SQL_DEFS))
FORCE:
GEN := $(B)/gen/options.def $(B)/gen/sql.def

$(B)/obj/%.o: %.c $(GEN)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@
$(B)/libknoop.a: $(call obj,$(LIB))
	@rm -f $@; ar rcs $@ $^
$(B)/knoop $(B)/install/knoop: $(call obj,$(MAINS)) $(B)/libknoop.a
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
$(B)/knoop-vectors: $(call obj,$(sort $(wildcard test/conformance/*.c))) $(B)/libknoop.a
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
$(B)/test/%: $(B)/obj/%.o $(B)/libknoop.a
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS_ALL) -o $@ $< $(B)/libknoop.a -lcmocka $(LIBS)
$(filter $(B)/bench/test/load/%,$(BENCH_BIN)): $(B)/bench/%: $(B)/obj/%.o $(call obj,$(LOAD)) $(B)/libknoop.a
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
$(B)/bench/%: $(B)/obj/%.o $(B)/libknoop.a
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS_ALL) -o $@ $< $(B)/libknoop.a $(LIBS)
$(B)/fuzz/%: $(B)/obj/%.o $(B)/libknoop.a
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $< $(B)/libknoop.a $(LIBS)

# --- checks ---------------------------------------------------------------
test-bins: $(TEST_BIN)
bench-bins: $(BENCH_BIN)
fuzz-bins: $(FUZZ_BIN)
check: all test-bins
	@tools/check $(B) $(TEST_BIN)
lint: layers
	@tools/names
	@tools/format check
layers:
	@tools/layers
bench: all bench-bins
	@set -e; for b in $(filter %_bench,$(BENCH_BIN)) $(LOAD_RUN); do echo "== $${b#$(B)/bench/}" >&2; KNOOP=$(B)/knoop $$b $(if $(JSON),--json); done
check-faults: all test-bins
	@tools/faults $(B) $(if $(SHORT),short,whole) $(TEST_BIN)
scenario: all
	@tools/scenario $(B) $(T)
load: all
	@set -e; for t in $(wildcard test/load/*.py); do echo "== $$t"; $$t $(B); done
docs: all
	@tools/docs write $(B)/knoop
docs-check: all
	@tools/docs check $(B)/knoop
soak: all
	@tools/soak 1800
fuzz:
	@tools/fuzz 600 $(T)
install: all
	@install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/knoop $(DESTDIR)$(PREFIX)/share/man/man1
	@$(MAKE) -s --no-print-directory RPATH= $(B)/install/knoop
	@install -m 755 $(B)/install/knoop $(DESTDIR)$(PREFIX)/bin/knoop
	@cp -r policies $(DESTDIR)$(PREFIX)/share/knoop/
	@$(B)/knoop print man > $(DESTDIR)$(PREFIX)/share/man/man1/knoop.1
	@install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	@$(B)/knoop print completion > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/knoop
	@if [ -e $(DEPS)/lib/libyyjson.so.0 ]; then install -d $(DESTDIR)$(PREFIX)/lib/knoop; \
	    cp -a $(DEPS)/lib/libyyjson.so.0* $(DESTDIR)$(PREFIX)/lib/knoop/; fi
conformance: $(B)/knoop-vectors
	@test/conformance/run $(B)/knoop-vectors
clean:
	@rm -rf $(B)/obj $(B)/test $(B)/bench $(B)/fuzz $(B)/gen $(B)/install $(B)/libknoop.a $(B)/knoop $(B)/knoop-vectors

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
