# tsubo: one non-recursive Makefile. `make help` lists the targets.
#
# Services are found by themselves: every folder services/<name> with a service.c is in the build. Everything made
# goes below build/. Variants (asan, tsan, fuzz) have their own object trees.

CC      ?= gcc
CLANG   ?= clang
PYTHON  ?= python3
BUILD   ?= build
VARIANT ?=
Q       := $(if $(V),,@)

ifeq ($(VARIANT),asan)
VFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1
OBJ := $(BUILD)/asan
else ifeq ($(VARIANT),tsan)
VFLAGS := -fsanitize=thread -O1
OBJ := $(BUILD)/tsan
else ifeq ($(VARIANT),fuzz)
CC := $(CLANG)
VFLAGS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -O1 -Wno-unknown-warning-option
OBJ := $(BUILD)/fuzz
else
VFLAGS := -O2
OBJ := $(BUILD)/obj
endif
ifeq ($(VARIANT),)
BIN := $(BUILD)/tsubo
else
BIN := $(OBJ)/tsubo
endif

GEN := $(BUILD)/gen
VERSION := $(shell cat VERSION)

WARN := -Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes \
        -Wno-missing-field-initializers -Wpointer-arith -Wvla -Wformat=2 -Wundef
# What gcc sees of a value's flow behind ThreadSanitizer's calls is not what the program does.
ifeq ($(VARIANT),tsan)
WARN += -Wno-maybe-uninitialized
endif
# clang counts more as a conversion or an unknown format than gcc does; gcc's word is the one that holds.
ifeq ($(VARIANT),fuzz)
WARN += -Wno-format-nonliteral -Wno-string-conversion
endif
CFLAGS += -std=gnu17 -g $(VFLAGS) $(WARN) -fstack-protector-strong -pthread
CPPFLAGS += -D_GNU_SOURCE -DTSUBO_VERSION='"$(VERSION)"' -Isrc -I$(GEN)
# The models' tables are full of pointers: packed, their relocations are 30 KB instead of 2 MB to read at start and keep.
LDFLAGS += -Wl,-z,pack-relative-relocs
LDFLAGS += $(filter -fsanitize%,$(subst fuzzer-no-link$(,)address,address,$(VFLAGS))) -pthread -rdynamic
LDLIBS += -luv -lrocksdb -lssl -lcrypto -lgcrypt -lexpat -lyaml -lpcre2-8 -ldeflate -lisal -lxxhash -lbz2 -lzstd -lqrencode -ldl -lm

ROOMS    := base os store http wire auth telemetry svc gateway launcher
SRC      := $(wildcard $(addprefix src/,$(addsuffix /*.c,$(ROOMS)))) src/cli.c
SERVICES := $(sort $(patsubst services/%/service.c,%,$(wildcard services/*/service.c)))
MODELS   := $(sort $(patsubst services/%/model.json,%,$(wildcard services/*/model.json)))
SVCSRC   := $(foreach s,$(SERVICES),$(wildcard services/$(s)/*.c))
GENSRC   := $(foreach m,$(MODELS),$(GEN)/$(m).model.c) $(GEN)/services.c
GENHDR   := $(foreach m,$(MODELS),$(GEN)/$(m).model.h)
# A service is one object whose only symbol is service_<name>: nobody can call into it but through that.
SVCOBJ   := $(foreach s,$(SERVICES),$(OBJ)/services/$(s).o)
LIBOBJ   := $(SRC:%.c=$(OBJ)/%.o) $(SVCOBJ) $(GENSRC:$(GEN)/%.c=$(OBJ)/gen/%.o)
svcobjs   = $(patsubst %.c,$(OBJ)/%.o,$(wildcard services/$(1)/*.c))
LIB      := $(OBJ)/libtsubo.a

UNIT     := $(wildcard tests/unit/*/test_*.c) $(wildcard services/*/test/test_*.c)
UNITBIN  := $(UNIT:%.c=$(OBJ)/%)
FUZZ     := $(wildcard tests/fuzz/fuzz_*.c) $(wildcard services/*/test/fuzz_*.c)
FUZZBIN  := $(FUZZ:%.c=$(OBJ)/%)

# The published protocol suites, when they are there, become tables for tests/unit/wire/test_protocols.
SUITES   := $(or $(TSUBO_SUITES),$(wildcard ../shared/suites))
SUITEJSON := $(wildcard $(SUITES)/protocols/input/*.json $(SUITES)/protocols/output/*.json)
SUITEGEN := $(GEN)/$(if $(SUITEJSON),suites,nosuites)/index.c
SUITEOBJ := $(SUITEGEN:$(GEN)/%.c=$(OBJ)/gen/%.o)

.PHONY: all deps test-deps bench-deps demo test unit asan asan-service tsan fuzz tidy bench coverage clean help lib gen runtimes
.SECONDARY:

all: $(BIN)

help:
	@sed -n 's/^#? //p' $(MAKEFILE_LIST)

#? make            build build/tsubo
#? make demo       install what is missing, build, deploy examples/serverless, drive it
#? make test       install what tests need, run them all
#? make asan       build and run the unit tests under the sanitizers
#? make asan-service, make tsan   the service tests against a binary under ASan and UBSan, under ThreadSanitizer
#? make fuzz       a short run of every fuzzer
#? make tidy       style, layering, clang-tidy, cppcheck
#? make bench      side by side with what a user would pick instead
#? make coverage   regenerate COVERAGE.md from the registry

gen: $(GENHDR) $(GENSRC)
lib: $(LIB)

.SECONDEXPANSION:
$(GEN)/%.model.h $(GEN)/%.model.c &: services/%/model.json tools/modelc $$(wildcard services/$$*/records.json services/$$*/codec.json)
	@mkdir -p $(GEN)
	$(PYTHON) tools/modelc $* $(GEN)

$(GEN)/services.c: Makefile $(wildcard services/*/service.c)
	@mkdir -p $(GEN)
	@{ echo '/* Made by the Makefile from services/<name>/service.c; do not edit. */'; \
	   echo '#include "svc/service.h"'; \
	   $(foreach s,$(SERVICES),echo 'extern const struct service service_$(s);';) \
	   echo 'const struct service *const services[] = {'; \
	   $(foreach s,$(SERVICES),echo '	&service_$(s),';) \
	   echo '	NULL'; echo '};'; \
	   echo 'const size_t n_services = $(words $(SERVICES));'; } > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(OBJ)/%.o: %.c | $(GENHDR)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# What a service's assets.c embeds lies in its runtime/ folder.
$(foreach s,$(SERVICES),$(eval $(OBJ)/services/$(s)/assets.o: $(wildcard services/$(s)/runtime/*)))

$(OBJ)/gen/%.o: $(GEN)/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define service_rule
$(OBJ)/services/$(1).o: $(call svcobjs,$(1))
	$$(Q)ld -r -o $$@.all $$^ && objcopy --keep-global-symbol=service_$(1) $$@.all $$@ && rm $$@.all
$(patsubst %.c,$(OBJ)/%,$(wildcard services/$(1)/test/*.c)): $(call svcobjs,$(1))
endef
$(foreach s,$(SERVICES),$(eval $(call service_rule,$(s))))

$(LIB): $(LIBOBJ) Makefile
	@rm -f $@
	@$(AR) rcs $@ $(filter %.o,$^)

$(BIN): $(OBJ)/src/main.o $(LIB)
	@echo '  LD $@'
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJ)/src/main.o $(LIB) $(LDLIBS)

# Unit tests: one cmocka program a file.
$(OBJ)/%/: ; @mkdir -p $@
$(UNITBIN): $(OBJ)/%: $(OBJ)/%.o $(LIB)
	@echo '  LD $@'
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) -lcmocka $(LDLIBS)
units: $(UNITBIN)

$(SUITEGEN): $(SUITEJSON) tools/modelc
	@mkdir -p $(@D)
	$(PYTHON) tools/modelc --suites $(@D) '$(SUITES)/protocols' $(SUITEJSON)
$(OBJ)/tests/unit/wire/test_protocols: $(SUITEOBJ)

$(FUZZBIN): $(OBJ)/%: $(OBJ)/%.o $(LIB)
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(LDLIBS)
fuzzers: $(FUZZBIN)

# Small programs that measure one part: bench/<x>.c.
BENCHBIN := $(patsubst %.c,$(OBJ)/%,$(wildcard bench/*.c))
$(BENCHBIN): $(OBJ)/%: $(OBJ)/%.o $(LIB)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)
benches: $(BENCHBIN)

asan:
	+$(MAKE) VARIANT=asan units
	tests/run unit

# Minutes each, so not part of `make test`; FOLDERS="services/sqs" takes a part.
asan-service:
	+$(MAKE) VARIANT=asan all
	tests/run asan-service $(FOLDERS)

tsan:
	+$(MAKE) VARIANT=tsan units all
	tests/run tsan $(FOLDERS)

fuzz:
	+$(MAKE) VARIANT=fuzz fuzzers
	tests/run fuzz

tidy:
	tests/run tidy

deps:
	tools/deps build
test-deps:
	tools/deps test
bench-deps:
	tools/deps bench

test: test-deps
	+$(MAKE) all
	+$(MAKE) VARIANT=asan units all
	+$(MAKE) VARIANT=fuzz fuzzers
	tests/run all

demo: deps
	+$(MAKE) all
	examples/serverless/demo

bench: bench-deps all
	bench/run

coverage: all
	tools/coverage > COVERAGE.md

clean:
	rm -rf $(BUILD)

-include $(LIBOBJ:.o=.d) $(SVCSRC:%.c=$(OBJ)/%.d) $(SUITEOBJ:.o=.d) $(UNITBIN:=.d) $(FUZZBIN:=.d) $(OBJ)/src/main.d
