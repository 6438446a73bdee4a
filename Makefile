# Two commands to start: `make demo` and `make test`. The rest is for people who work on it.
SHELL := /bin/bash
.DELETE_ON_ERROR:
CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

.PHONY: demo test check fmt lint docs build release fuzz weakened bench clean need

demo: need ## A provider, a vault, a real tree in and out, the device lost and recovered.
	@scripts/demo

test: need ## All tests.
	@$(CARGO) test --workspace --locked

check: need fmt lint docs test ## What CI runs: format, lints, docs, tests.

fmt:
	@$(CARGO) fmt --all --check

lint: ## Lints, and whether the fuzz targets still compile: they are a workspace of their own.
	@$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	@if command -v c++ >/dev/null; then \
	  $(CARGO) check --quiet --locked --manifest-path fuzz/Cargo.toml --target-dir fuzz/target/check; \
	else echo "fuzz targets are not checked: install a C++ compiler (g++)"; fi

docs:
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --quiet

build: need
	@$(CARGO) build --workspace --locked

release: need ## Both binaries, stripped, static.
	@scripts/release

fuzz: need ## A minute for each decoder; FUZZ_SECS changes it.
	@fuzz/run

weakened: need ## Switches each defence off: its row of the threat model must turn red.
	@$(CARGO) run --quiet --locked -p strongroom-evil --example weakened -- $(ROWS)

bench: need ## The comparison with other stores on this machine; see bench/README.md.
	@bench/run

clean:
	@$(CARGO) clean

need:
	@scripts/need
