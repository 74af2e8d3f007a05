# `make pipeline` and `make test` are all that a new machine needs.

BIN := target/release/mobility
SYSTEM := cmake g++ pkg-config sqlite3 libsqlite3-dev
SOURCES := Cargo.toml Cargo.lock $(shell find src -name '*.rs')

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: setup
setup: ## Install what the build needs from the system (PROJ is compiled from source)
	@missing=; \
	for command in cmake c++ pkg-config sqlite3; do command -v $$command >/dev/null || missing=1; done; \
	[ -e /usr/include/sqlite3.h ] || missing=1; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi; \
	  if command -v apt-get >/dev/null && $$sudo true 2>/dev/null; then \
	    echo "installing $(SYSTEM)"; \
	    $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq $(SYSTEM) >/dev/null; \
	  else \
	    echo "please install first: $(SYSTEM)" >&2; exit 1; \
	  fi; \
	fi

$(BIN): $(SOURCES)
	cargo build --release --locked
	@touch $@

.PHONY: build
build: setup ## Build the program
	@$(MAKE) --no-print-directory $(BIN)

.PHONY: data
data: build ## Make about a million events, if data/raw is empty
	@if [ -z "$$(ls -A data/raw 2>/dev/null)" ]; then $(BIN) synth --out data/raw; fi

.PHONY: pipeline
pipeline: data ## Run everything on the embedded warehouse and print users by day and night
	@$(BIN) run-all
	@$(BIN) query users-per-lau-day-night

.PHONY: test
test: setup ## Run the tests
	cargo test --locked

.PHONY: lint
lint: setup ## Check format and warnings
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

.PHONY: clean
clean: ## Remove what the pipeline made; raw data and the build stay
	rm -rf data/processed data/warehouse
