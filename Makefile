# SPDX-License-Identifier: MIT
# The front door. CMake does the building (CMakePresets.json); this installs what is missing,
# configures, builds and does the job. `make` alone lists what there is.
PRESET ?= release
BUILD  := build/$(PRESET)
JOBS   ?= $(shell nproc 2>/dev/null || echo 2)
PROMPT ?= How do I clean the kitchen drain?
GUARD  ?= models/household.ini
export MODEL GUARD PROMPT
export CTEST_OUTPUT_ON_FAILURE := 1

.PHONY: help deps deps-cross build run test bench format install deb cross
help: ## this list
	@echo "make TARGET [PRESET=release|dev|tsan|fuzz|aarch64]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1@\2/p' Makefile | awk -F@ '{printf "%-12s %s\n", $$1, $$2}'

deps: ## install the Debian packages that building and testing need
	@tools/deps.sh run test
deps-cross: ## install the 64-bit ARM compiler, its libraries and qemu
	@tools/deps.sh run deb cross

build: ## configure and build build/PRESET/surefoot
	@tools/deps.sh run
	@[ -f $(BUILD)/CMakeCache.txt ] || cmake --preset $(PRESET) -DSUREFOOT_TESTS=OFF
	@cmake --build --preset $(PRESET) -j $(JOBS) --target surefoot surefoot_shared surefoot_static

run: ## guarded text: make run [PROMPT='...'] [MODEL=FILE.gguf] [GUARD=POLICY.ini|off] [ARGS='...']; without MODEL the built-in one
	@if [ -n "$$MODEL" ] && [ ! -r "$$MODEL" ]; then echo "make run: cannot read MODEL '$$MODEL'." >&2; exit 2; fi
	@$(MAKE) --no-print-directory build >&2
	@$(BUILD)/surefoot run $${MODEL:+-m "$$MODEL"} --guard "$$GUARD" -p "$$PROMPT" $(ARGS)

test: ## build everything and run the tests
	@tools/deps.sh run test
	@cmake --preset $(PRESET) -DSUREFOOT_TESTS=ON
	@cmake --build --preset $(PRESET) -j $(JOBS)
	@ctest --test-dir $(BUILD) -j $(JOBS) -LE long

bench: ## tokens per second: make bench MODEL=FILE.gguf [GUARD=POLICY.ini] [ARGS='...']
	@if [ ! -r "$$MODEL" ]; then echo "make bench needs a model: make bench MODEL=FILE.gguf [GUARD=POLICY.ini]." >&2; exit 2; fi
	@$(MAKE) --no-print-directory build >&2
	@$(BUILD)/surefoot bench -m "$$MODEL" --guard "$$GUARD" $(ARGS)

format: ## clang-format every .c file
	@find . -path ./build -prune -o -name '*.c' -exec clang-format -i {} +

install: ## build and install: make install [PREFIX=/usr/local] [DESTDIR=...]
	@$(MAKE) --no-print-directory build
	@DESTDIR="$(DESTDIR)" cmake --install $(BUILD) --prefix "$(or $(PREFIX),/usr/local)"

deb: ## a Debian package for this machine: build/packages/surefoot_VERSION_ARCH.deb
	@tools/deps.sh run deb
	@cmake --preset release -B build/deb -DSUREFOOT_TESTS=OFF
	@cmake --build build/deb -j $(JOBS)
	@cd build/deb && cpack -G DEB -B $(CURDIR)/build/packages
	@rm -rf build/packages/_CPack_Packages

cross: deps-cross ## for 64-bit ARM (Raspberry Pi 3 to 5): a .deb and a tarball that needs nothing installed
	@cmake --preset aarch64 -B build/cross -DSUREFOOT_TESTS=OFF -DCMAKE_INSTALL_RPATH=
	@cmake --build build/cross -j $(JOBS)
	@cd build/cross && cpack -G DEB -B $(CURDIR)/build/packages
	@cmake --preset aarch64 -B build/cross -DSUREFOOT_TESTS=OFF '-DCMAKE_INSTALL_RPATH=$$ORIGIN/../lib'
	@cmake --build build/cross -j $(JOBS)
	@packaging/bundle.sh build/cross arm64 build/packages
	@rm -rf build/packages/_CPack_Packages; ls -l build/packages
