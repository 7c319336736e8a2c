# make build   build/coffer, what coffer bench measures with, and the two libraries
# make test    everything that a change must pass
# make purego  the tests of cryptography without assembly; make test has it
# make fuzz    every fuzz target for some seconds, three minutes; make test has it; FUZZ='./hsm/crypto/rsa ...' for some packages
# make race    the tests of many threads, under the race detector; make test has it
# make demo    a tour with pkcs11-tool and openssl, in a directory of its own
# make soak    the long forms of the tests, and more fuzzing: an hour or two; SOAK='./hsm ...' for some packages
# make bench   compare and scale, ten minutes, with charts in RESULTS (bench/results)
# make compare Coffer beside other tokens; BENCH='...' is for options
# make scale   Coffer by threads, sessions, objects, length; SCALE='...' is for options
# make timing  what the time of operations tells of keys (dudect's t), in RESULTS; two minutes
# make profile pkcs11/core.pgo anew: where the core spends its time, for the compiler
# make clean   removes build/

GO ?= go
CC ?= gcc
BUILD := $(CURDIR)/build

.PHONY: build build-id front core tool driver test purego race fuzz demo soak bench compare scale timing profile clean
build: front tool driver core

# The boundary between the two libraries: a front and a core of different ones
# refuse each other, and Go compiles the core anew when it changes.
BOUNDARY := $(addprefix pkcs11/front/,core.h functions.h pkcs11.h own.h listed.h)
BUILD_ID := $(shell cat $(BOUNDARY) | sha256sum | cut -c1-16)
export CGO_CFLAGS := -O2 -g -DCOFFER_BUILD=$(BUILD_ID)

build-id:
	@echo $(BUILD_ID)

$(BUILD):
	mkdir -p $@

# The front: plain C. The version script lets only C_* out; nodelete because its
# fork handlers stay registered for good.
FRONT := $(BUILD)/libcoffer-pkcs11.so
FRONT_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -fPIC -fvisibility=hidden -fstack-protector-strong -D_FORTIFY_SOURCE=2 \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -DCOFFER_BUILD=$(BUILD_ID)
FRONT_LDFLAGS := -shared -Wl,-soname,libcoffer-pkcs11.so -Wl,--version-script=pkcs11/front/front.map \
	-Wl,-Bsymbolic -Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,defs

front: $(FRONT)
$(FRONT): $(wildcard pkcs11/front/*.c pkcs11/front/*.h) pkcs11/front/front.map Makefile | $(BUILD)
	$(CC) $(FRONT_CFLAGS) $(CFLAGS) $(FRONT_LDFLAGS) -o $@.new $(filter %.c,$^) -lpthread -ldl
	mv $@.new $@

# The core: Go. godebugDefault is set by the linker because the runtime reads the
# environment before anybody could change it; pkcs11/overlay.sh says what its
# overlay is for; the dot keeps its folder out of ./... . Go's own build cache knows
# what is fresh, so this always runs.
CORE := $(BUILD)/libcoffer-core.so
# With GOFIPS140 Go would put fips140=on there.
comma := ,
FIPS := $(if $(filter-out off,$(GOFIPS140)),$(comma)fips140=on)
STRIP := -s -w
CORE_LDFLAGS := $(STRIP) -X runtime.godebugDefault=asyncpreemptoff=1,containermaxprocs=0,updatemaxprocs=0$(FIPS) \
	-extldflags=-Wl,--version-script=$(CURDIR)/pkcs11/core.map

# What the compiler inlines is guided by where the time went when make profile ran. The
# code is the same: nothing in it depends on the profile but its layout.
PROFILE := $(CURDIR)/pkcs11/core.pgo

# What a key leaves behind in memory is erased by Go's runtime (hsm/secret), where the
# toolchain can.
ERASING := $(shell GOEXPERIMENT=runtimesecret $(GO) version >/dev/null 2>&1 && echo runtimesecret)

core: | $(BUILD)
	GO=$(GO) pkcs11/overlay.sh $(BUILD)/.overlay
	GOEXPERIMENT=$(ERASING) $(GO) build -buildmode=c-shared -trimpath -pgo=$(PROFILE) -overlay=$(BUILD)/.overlay/overlay.json \
		-ldflags='$(CORE_LDFLAGS)' -o $(BUILD)/core/libcoffer-core.so ./pkcs11
	.ci/place $(BUILD)/core/libcoffer-core.so $(CORE)
	.ci/place $(BUILD)/core/libcoffer-core.so $(BUILD)/libcoffer-core-fork.so

tool: | $(BUILD)
	$(GO) build -trimpath -o $(BUILD)/coffer ./cmd/coffer

# What coffer bench starts: plain C, so that nobody needs a compiler to measure.
DRIVER := $(BUILD)/coffer-bench
DRIVER_SOURCES := $(addprefix bench/driver/,main.c measure.c) $(wildcard bench/driver/token*.c)
DRIVER_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Wshadow -Werror -Ipkcs11/front

driver: $(DRIVER)
$(DRIVER): $(DRIVER_SOURCES) $(wildcard bench/driver/*.h) pkcs11/front/pkcs11.h Makefile | $(BUILD)
	$(CC) $(DRIVER_CFLAGS) $(CFLAGS) -o $@.new $(DRIVER_SOURCES) -lpthread -ldl
	mv $@.new $@

test:
	.ci/install test
	$(MAKE) build
	$(GO) vet ./...
	$(GO) test -C pkcs11/_profile .
	$(GO) test -p 2 -timeout 20m ./...
	$(MAKE) purego race fuzz

# What has assembly, without it.
purego:
	$(GO) build -tags purego ./...
	$(GO) test -tags purego -short -timeout 10m ./hsm/crypto/... ./hsm/service

# What many threads do at once, under the race detector: a minute or two.
race:
	$(GO) test -race -count 1 -timeout 10m -run 'Thread|Storm|Goroutine|AtOnce' ./hsm/crypto/rsa ./hsm/crypto/wait ./slots ./hsm/object ./hsm/partition ./hsm/secret ./hsm/store

# From the committed corpora on; FUZZTIME=SECONDS is for each target.
fuzz:
	GO=$(GO) .ci/fuzz $(FUZZ)

soak:
	.ci/install test
	$(MAKE) build
	GO=$(GO) .ci/soak $(SOAK)

# Where the figures and charts go; those that README shows are in bench/results.
RESULTS ?= bench/results
BENCH ?= -rounds 7

bench: compare scale

compare: build
	.ci/install bench
	mkdir -p $(RESULTS)
	$(GO) run ./bench/compare -out $(RESULTS)/comparison $(BENCH)

scale: build
	mkdir -p $(RESULTS)
	$(GO) run ./bench/compare -modules coffer,coffer-audit -rows sign -threads 1 -cpu -rounds 15 >$(RESULTS)/audit.txt
	$(GO) run ./bench/scale -out $(RESULTS)/scale $(SCALE)

# A report, not a gate: a t above 10 that stays when it is repeated is a leak.
timing:
	mkdir -p $(RESULTS)
	$(GO) test -run '^$$' -bench Timing -benchtime 20000x ./hsm/crypto/rsa ./hsm/crypto/aes >$(RESULTS)/timing.txt

# The rows in which the call counts more than the cipher; a core with its symbols.
PROFILED ?= ^(aes-256-gcm-16B|sha|hmac|random|session|key|find|p256|ed25519)
profile:
	.ci/install profile
	$(MAKE) BUILD=$(BUILD)/profile STRIP= build
	pkcs11/profile.sh $(BUILD)/profile '$(PROFILED)' $(PROFILE)

demo:
	.ci/install demo
	$(MAKE) build
	.ci/demo

clean:
	rm -rf build
