# SPDX-License-Identifier: Apache-2.0
# A thin front for meson, ninja and tools/. `make help` says what there is.

BUILD    ?= build
CPUS     ?=
MEM      ?= 4096
QEMU_CPU ?= max,pauth-impdef=on
CONSOLES ?= 8
GUESTS   ?=
BUNDLE   ?=
NET      ?=
SSH      ?=
GDB      ?=
DISK     ?=
SECONDS  ?= 3600
TARGETS  ?=

export LINUX_IMAGE LINUX_INITRD ZEPHYR_BIN QEMU

# TMUX is also what tmux itself sets; only TMUX=1 is ours.
TMUX_FLAG := $(if $(filter 1,$(TMUX)),--tmux)

# What has to be fetched for the guests asked for, less what was given by hand.
WANTED := $(patsubst edk2,efi,$(filter linux uboot rt installer edk2,$(or $(GUESTS),linux uboot)))
WANTED += $(if $(filter net debian channel_linux,$(GUESTS)),linux)
BY_HAND := $(and $(LINUX_IMAGE),$(LINUX_INITRD),linux)
FETCH := $(filter-out $(BY_HAND),$(WANTED))

RUN = tools/run $(if $(CPUS),--cpus $(CPUS)) $(if $(filter-out 0,$(EXACT)),--exact) --mem $(MEM) --cpu $(QEMU_CPU) --consoles $(CONSOLES) $(if $(NET),--net $(NET)) $(if $(SSH),--ssh $(SSH)) $(if $(GDB),--gdb $(GDB)) $(addprefix --disk ,$(DISK)) \
      --kernel $(BUILD)/zvm_host.bin --bundle $(or $(BUNDLE),$(BUILD)/bundle.cpio)

.PHONY: build guests bundle rootfs run web mutants coverage demo debug dist book test soak fuzz bench format clean distclean help
.DEFAULT_GOAL := build

build:
	@tools/deps build
	@tools/fetch-guests --build $(BUILD) libfdt
	@tools/configure $(BUILD) tools/cross-gcc.ini -Ddeps=$(abspath $(BUILD))/deps
	@ninja -C $(BUILD) --quiet zvm
	@ls -l $(BUILD)/zvm_host.elf $(BUILD)/zvm_host.bin

guests:
	@$(if $(FETCH),tools/fetch-guests --build $(BUILD) $(FETCH))

bundle: build guests
	@tools/deps run
	@$(if $(BUNDLE),,tools/mkbundle --build $(BUILD) $(if $(SCHEDULE),--schedule $(SCHEDULE)) $(GUESTS))

# A disk with Debian: make run GUESTS=debian DISK=build/rootfs.img SSH=2222
rootfs:
	@tools/deps run rootfs
	@tools/fetch-guests --build $(BUILD) linux
	@tools/make-rootfs --build $(BUILD) $(if $(SSH_KEY),--key $(SSH_KEY))

run: bundle
	@$(if $(TMUX_FLAG),tools/deps tmux)
	@$(RUN) $(TMUX_FLAG)

# A page with the terminals and what the VMs do.
web: WEB ?= 8080
web: bundle
	@tools/fetch-guests --build $(BUILD) web
	@$(RUN) --web $(WEB)

# Linux and the RTOS, each with its part, without a command: a page shows the RTOS' control loop.
demo: WEB ?= 8080
demo: build
	@tools/deps run
	@tools/fetch-guests --build $(BUILD) demo
	@tools/mkbundle --build $(BUILD) --out $(BUILD)/demo.cpio demo_linux demo_rtos
	@echo 'demo: in some seconds: http://127.0.0.1:$(WEB)/ and ssh -p $(or $(SSH),2222) root@127.0.0.1'
	@$(MAKE) --no-print-directory run GUESTS= BUNDLE=$(BUILD)/demo.cpio \
	    NET=$(or $(NET),user),hostfwd=tcp:127.0.0.1:$(WEB)-:80 SSH=$(or $(SSH),2222)

debug: bundle
	@tools/deps debug
	@$(RUN) --debug $(BUILD)/zvm_host.elf

# What a user needs without the sources, in one archive: docs/release.md
dist: build
	@tools/deps book
	@tools/make-dist --build $(BUILD)

# The documents as pages: build/book/index.html
book:
	@tools/deps book
	@tools/make-book --build $(BUILD)

test:
	@tools/deps test
	@tools/test --build $(BUILD) $(if $(ONLY),--only $(ONLY)) $(if $(PYTEST),--pytest "$(PYTEST)")

# Cycles of create, run and delete: `make test` has 500; power cuts: it has 3; restarts of a side of
# RPMsg: it has 6; late timers that are explained: it has 60; hostile operations: it has 400; random
# steps on the bare machine and in a VM: it has 20000.
soak: CYCLES ?= 10000
soak: CUTS ?= 20
soak: RESTARTS ?= 50
soak: MISSES ?= 10000
soak: HOSTILE ?= 10000000
soak: STEPS ?= 10000000
soak: build
	@tools/deps test
	@ZVM_SOAK=$(CYCLES) ZVM_CUTS=$(CUTS) ZVM_RESTARTS=$(RESTARTS) ZVM_MISSES=$(MISSES) ZVM_HOSTILE=$(HOSTILE) ZVM_STEPS=$(STEPS) tools/test --build $(BUILD) --only system --pytest "-k 'no_page_is_lost or power_cut or rpmsg_restarts or why_adds_up or hostile_operations or steps_agree'"

fuzz:
	@tools/deps test
	@tests/fuzz/run -t $(SECONDS) -b $(abspath $(BUILD))/fuzz $(TARGETS)

mutants: COUNT ?= 100
mutants: SEED ?= 1
mutants: build
	@tools/deps test
	@tools/mutants --build $(BUILD) --count $(COUNT) --seed $(SEED) $(MUTANTS)

# SYSTEM=1: the system tests too, with a log of what they run at EL2.
coverage: build
	@tools/deps test
	@tools/coverage --build $(BUILD) $(if $(filter 1,$(SYSTEM)),--system)

bench: build
	@tools/deps run
	@tools/fetch-guests --build $(BUILD) linux
	@tools/bench --build $(BUILD)
	@$(if $(filter 1,$(QUICK)),,tools/interference --build $(BUILD))
	@$(if $(filter 1,$(QUICK)),,tools/interference --build $(BUILD) --beside --count 2000)
	@$(if $(filter 1,$(QUICK)),,tools/fetch-guests --build $(BUILD) rt)
	@$(if $(filter 1,$(QUICK)),,tools/cyclictest --build $(BUILD))

format:
	@find arch drivers examples guests include init kernel lib rtos shell tests vmm -name '*.[ch]' -print0 | \
	    xargs -0 clang-format -i

# The fetched packages stay; distclean takes them too.
clean:
	@if [ -f $(BUILD)/build.ninja ]; then ninja -C $(BUILD) --quiet -t clean; fi
	@rm -rf $(BUILD)/clang $(BUILD)/checks $(BUILD)/book $(BUILD)/zvm-*.tar.gz $(BUILD)/bundle.cpio $(BUILD)/test-logs

distclean:
	@rm -rf $(BUILD)

help:
	@echo 'make build      build/zvm_host.elf and build/zvm_host.bin'
	@echo 'make run        boot it on QEMU with the default guests; Ctrl-A X ends'
	@echo 'make test       everything that is checked; last line: N passed, N failed'
	@echo 'make fuzz       the fuzzers, for an hour each; SECONDS=60, TARGETS="desc bundle": shorter, or some'
	@echo 'make soak       VMs created, run and deleted 10000 times (CYCLES=), without a lost page;'
	@echo '                20 power cuts (CUTS=) of a disk, without a lost record;'
	@echo '                50 restarts (RESTARTS=) of a side of RPMsg, without a lost answer;'
	@echo '                10000 late timers (MISSES=) whose causes add up;'
	@echo '                10000000 hostile operations (HOSTILE=) of guests, and 3000 of the operator;'
	@echo '                10000000 random steps (STEPS=), the same on the bare machine and in a VM'
	@echo 'make mutants    changes the sources in a place at a time: do the unit tests notice?'
	@echo '                COUNT=100, SEED=1, MUTANTS="kernel vmm/gic" (docs/evidence.md)'
	@echo 'make coverage   lines and branches that the unit tests run, and functions that no test runs;'
	@echo '                SYSTEM=1: the system tests run too (docs/evidence.md)'
	@echo 'make bench      what exits, switches and boots cost, beside the targets'
	@echo '                and how late real-time guests are beside hostile and busy ones (left out: QUICK=1)'
	@echo 'make rootfs     a disk with Debian and its ssh server, build/rootfs.img; with build/rootfs.key,'
	@echo '                or SSH_KEY=FILE.pub, root logs in'
	@echo 'make demo       Linux with a page that shows the RTOS'\'' control loop, and ssh: WEB=8080 SSH=2222'
	@echo 'make web        as run, on a page with the terminals and what the VMs do: WEB=8080'
	@echo 'make debug      as run, stopped at reset, with gdb attached'
	@echo 'make dist       a release that works without the sources: build/zvm-VERSION.tar.gz, its sha256 and its SPDX document'
	@echo 'make book       the documents as pages for a browser: build/book/index.html'
	@echo 'make bundle     only pack the guests; make format: clang-format -i'
	@echo 'make clean      remove what was built; make distclean: what was fetched too'
	@echo
	@echo 'for run, web and debug:'
	@echo '  CPUS=4 MEM=4096 QEMU_CPU=max,pauth-impdef=on CONSOLES=8'
	@echo '  GUESTS="linux uboot"     names below vms/, or paths to .dts files of your own'
	@echo '                           (rt, installer, net and debian are downloaded when named)'
	@echo '  NET=user                 a network card: QEMU'\''s -netdev, as user,hostfwd=tcp::8080-10.0.2.15:80'
	@echo '  SSH=2222                 a network card (of NET, or NET=user): ssh -i build/rootfs.key -p 2222 root@localhost'
	@echo '  GDB=2345                 `zvm gdb VM` at the shell, then in gdb-multiarch: target remote :2345'
	@echo '  DISK="FILE FILE"         disks of the machine: vda, vdb; GUESTS=debian DISK=build/rootfs.img'
	@echo '  BUNDLE=FILE              a bundle of your own instead'
	@echo '  SCHEDULE=FILE.dts        time windows of the VMs'
	@echo '  EXACT=1                  one CPU that counts instructions: figures of lateness are the'
	@echo '                           machine'\''s, not this computer'\''s'
	@echo '  TMUX=1                   the shell and the first VM consoles in panes'
	@echo '  LINUX_IMAGE= LINUX_INITRD= ZEPHYR_BIN=    images by hand'
	@echo 'for run, web, debug, test and bench: QEMU=path   another QEMU than the system'\''s'
	@echo 'for all: BUILD=build       the folder that everything goes to'
