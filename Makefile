# Mixdown. `make help` lists the targets.
#
# One library of all folders, one program, and test, fuzz and bench programs beside it. BUILD is
# where results go; the sanitizer targets call make again with another BUILD and SANITIZE.

BUILD    ?= build
CC       ?= gcc
SANITIZE ?=
PREFIX   ?= /usr/local
VERSION  := 0.1.0
JOBS     ?= $(shell nproc)
# make V=1 shows the commands.
say       = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2);)

FOLDERS := mcu mcu/base transport mixer compositor recorder signaling layouts
LIBS    := libavformat libavcodec libswscale libswresample libavutil x264 openh264 opus vpx libsrtp2 \
           nice glib-2.0 pangocairo libwebsockets libssl libcrypto sqlite3 jansson yaml-0.1 speexdsp \
           libcurl srt

CPPFLAGS += -I. -I$(BUILD)/gen -D_GNU_SOURCE -DMIXDOWN_VERSION='"$(VERSION)"'
CFLAGS   ?= -O2 -g
CFLAGS   += -std=c17 -Wall -Wextra -Wshadow -Wvla -Wundef -Wformat=2 -Wstrict-prototypes \
            -Wmissing-prototypes -Werror -pthread -fno-omit-frame-pointer
CPPFLAGS += $(shell pkg-config --cflags $(LIBS) 2>/dev/null | sed 's/-I/-isystem /g')
LDLIBS   += $(shell pkg-config --libs $(LIBS) 2>/dev/null) -lyuv -lm -pthread
ifneq ($(SANITIZE),)
CFLAGS   += -fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined
LDFLAGS  += -fsanitize=$(SANITIZE)
endif

SOURCES      := $(filter-out mcu/main.c,$(wildcard $(addsuffix /*.c,$(FOLDERS))))
OBJECTS      := $(SOURCES:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/gen/layouts.o $(BUILD)/obj/gen/web.o \
                $(BUILD)/obj/gen/sounds.o $(BUILD)/obj/gen/api.o
LIBRARY      := $(BUILD)/libmixdown.a
LAYOUT_FILES := $(sort $(wildcard layouts/*.json))
API_FILES    := $(sort $(wildcard signaling/apidoc/*))
SOUND_FILES  := $(sort $(wildcard mixer/sounds/*.opus))
WEB_FILES    := $(sort $(shell find web/dist -type f 2>/dev/null))

# AREA=mixer builds and runs the unit tests of one folder.
AREA       ?=
# The bad network of the tests (tests/tools/netrig.c); it needs nothing of ours and no library.
NETRIG_LIB := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/lib/netrig_*.c))
TEST_LIB   := $(filter-out $(NETRIG_LIB),$(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/lib/*.c)))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(shell find tests/unit/$(AREA) -name 'test_*.c'))
TEST_TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tests/tools/%,$(wildcard tests/tools/*.c))
FUZZERS    := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCHES    := $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/*.c))

.PHONY: all proof-kill proof-store help run test unit unit-asan unit-tsan fuzz-replay fuzz e2e asan tsan bench bench-network bench-live proof-live deps \
        deps-test install format clean fuzzers unit-programs tools proof-hostile
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

all: $(BUILD)/mixdown ## build build/mixdown

help: ## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

# --- the program ---------------------------------------------------------------------------------

$(BUILD)/mixdown: $(BUILD)/obj/mcu/main.o $(LIBRARY)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIBRARY): $(OBJECTS)
	@rm -f $@
	$(call say,AR,$@)ar rcs $@ $^

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/gen/layouts.c: tools/embed.sh $(LAYOUT_FILES) layouts
	@mkdir -p $(@D)
	$(call say,EMBED,layouts)tools/embed.sh mcu_layout_files layouts $(LAYOUT_FILES) > $@

$(BUILD)/gen/web.c: tools/embed.sh $(WEB_FILES) web
	@mkdir -p $(@D)
	$(call say,EMBED,web/dist)tools/embed.sh mcu_web_files web/dist $(WEB_FILES) > $@

$(BUILD)/gen/api.c: tools/embed.sh $(API_FILES) signaling/apidoc
	@mkdir -p $(@D)
	$(call say,EMBED,signaling/apidoc)tools/embed.sh sig_api_files signaling/apidoc $(API_FILES) > $@

$(BUILD)/gen/sounds.c: tools/embed.sh $(SOUND_FILES) mixer/sounds
	@mkdir -p $(@D)
	$(call say,EMBED,mixer/sounds)tools/embed.sh mix_sound_files mixer/sounds $(SOUND_FILES) > $@

# --- test, fuzz and bench programs ---------------------------------------------------------------

$(BUILD)/tests/unit/%: tests/unit/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(LIBRARY) -lcmocka -lebur128 $(LDLIBS)

$(BUILD)/tests/unit/tools/%: tests/unit/tools/%.c $(NETRIG_LIB)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(NETRIG_LIB) -lcmocka -lm

$(BUILD)/tests/tools/netrig%: tests/tools/netrig%.c $(NETRIG_LIB)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(NETRIG_LIB) -lm

$(BUILD)/tests/tools/netrig: tests/tools/netrig.c $(NETRIG_LIB)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(NETRIG_LIB) -lm

$(BUILD)/tests/tools/%: tests/tools/%.c $(TEST_LIB) $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(TEST_LIB) $(LIBRARY) $(LDLIBS)

$(BUILD)/bench/%: bench/%.c $(TEST_LIB) $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(TEST_LIB) $(LIBRARY) $(LDLIBS)

$(BUILD)/fuzz/%: tests/fuzz/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)

unit-programs: $(UNIT_TESTS)
tools: $(TEST_TOOLS)
fuzzers: $(FUZZERS)

# --- what people call ----------------------------------------------------------------------------

deps: ## install what building needs
	@tools/deps.sh tools/packages.txt

deps-test: deps ## install what the tests need on top
	@tools/deps.sh tools/packages-test.txt
	@tools/node.sh

run: deps ## install what is missing, build, start on http://localhost:8080/
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@$(BUILD)/mixdown serve --dev

test: deps-test ## install what is missing, build, run every test
	@$(MAKE) --no-print-directory -j$(JOBS) all tools
	@tests/run.sh

unit: unit-programs ## unit tests, plain build
	@tests/unit.sh $(BUILD)

unit-asan: ## unit tests under AddressSanitizer and UBSan
	@$(MAKE) --no-print-directory BUILD=build/asan SANITIZE=address,undefined unit

unit-tsan: ## unit tests under ThreadSanitizer
	@$(MAKE) --no-print-directory BUILD=build/tsan SANITIZE=thread unit

asan: ## the program with AddressSanitizer and UBSan, in build/asan
	@$(MAKE) --no-print-directory BUILD=build/asan SANITIZE=address,undefined all tools

tsan: ## the program with ThreadSanitizer, in build/tsan
	@$(MAKE) --no-print-directory BUILD=build/tsan SANITIZE=thread all tools

fuzz-replay: ## run every fuzz target over its corpus
	@$(MAKE) --no-print-directory BUILD=build/fuzz CC=clang SANITIZE=fuzzer-no-link,address,undefined fuzzers
	@tests/fuzz/run.sh replay

fuzz: ## fuzz every target for SECONDS (60) each
	@$(MAKE) --no-print-directory BUILD=build/fuzz CC=clang SANITIZE=fuzzer-no-link,address,undefined fuzzers
	@tests/fuzz/run.sh fuzz $${SECONDS_EACH:-60}

e2e: all tools ## browser tests only
	@tests/e2e/run.sh

bench: all tools $(BENCHES) ## every bench, as ratios in one run
	@bench/run.sh

proof-live: all tools ## live pushes through a server that is stopped for a minute; three minutes
	@STOP_S=60 BUILD=$(BUILD) node --test --test-reporter=spec tests/faults/live.mjs

bench-live: all tools ## what a push and HLS add to a room's CPU; two minutes
	@BUILD=$(BUILD) node bench/live/run.mjs

bench-network: all tools ## Chromium on bad networks, as a table; seven minutes
	@MIXDOWN=$${MIXDOWN:-$(CURDIR)/$(BUILD)/mixdown} NETRIG=$(CURDIR)/$(BUILD)/tests/tools/netrig node bench/network/run.mjs

proof-store: all tools ## the database locked for 30 s, the disk full, the file broken; a minute
	@STORE_LOCK_S=30 BUILD=$(BUILD) node --test --test-reporter=spec tests/faults/store.mjs

proof-kill: unit-programs ## kill -9 at 100 seeded moments of a recording; two minutes
	@KILLS=$${KILLS:-100} $(BUILD)/tests/unit/recorder/test_kill
proof-hostile: all tools ## thousands of hostile clients, others' p99 under 200 ms; five minutes
	@ulimit -n $$(ulimit -Hn); PROOF=1 BUILD=$(BUILD) node --test --test-reporter=spec tests/faults/hostile.mjs

proof-hours: unit-programs ## four hours of a recording on a virtual clock; four minutes of CPU
	@MINUTES=$${MINUTES:-240} $(BUILD)/tests/unit/mcu/test_hours

install: all ## into PREFIX (/usr/local)
	install -D -m 755 $(BUILD)/mixdown $(DESTDIR)$(PREFIX)/bin/mixdown

format: ## clang-format over all C
	clang-format -i $$(git ls-files '*.c' '*.h')

clean: ## remove build/
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
