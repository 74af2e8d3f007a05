# `make pipeline` and `make test` do all the set-up on a new machine.

BIN := target/release/mobility
SYSTEM := cmake g++ pkg-config sqlite3 libsqlite3-dev libssl-dev
SOURCES := Cargo.toml Cargo.lock build.rs $(shell find src sql -type f)
CLUSTER := tests/postgis/cluster.sh
# size of `make bench`: 1 million events (S), 10 million (M) or 40.7 million (L)
SIZE ?= S
PEERS := target/bench/venv
SPARK := tests/spark/cluster.sh
# number of events in `make bench-spark`
EVENTS ?= 1000000
CARGO_DEB := target/tools/bin/cargo-deb
WHEEL_TOOLS := target/wheel-tools
PROFILE ?= release
# where `make install` installs; packagers set DESTDIR as well
PREFIX ?= /usr/local

# Starts PostGIS unless it is running, and prints its URL. POSTGIS_PORT sets the port, and
# POSTGIS_PASSWORD (letters and digits) the password; without Docker the password is in
# .postgis/password.
DOCKER := docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
COMPOSE := POSTGIS_PASSWORD="$${POSTGIS_PASSWORD:-mobility}" \
  SERVE_POSTGIS_PASSWORD="$${SERVE_POSTGIS_PASSWORD:-mobility}" docker compose
POSTGIS := if $(DOCKER); then \
    $(COMPOSE) up -d --wait postgis >&2 && \
    echo "postgres://postgres:$${POSTGIS_PASSWORD:-mobility}@127.0.0.1:$${POSTGIS_PORT:-54320}/mobility"; \
  else $(CLUSTER) start .postgis $${POSTGIS_PORT:+--port "$$POSTGIS_PORT"}; fi

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

.PHONY: setup
setup: ## Install what the build needs from the system (PROJ is compiled from source)
	@missing=; \
	for command in cmake c++ pkg-config sqlite3; do command -v $$command >/dev/null || missing=1; done; \
	for header in sqlite3.h openssl/ssl.h; do [ -e /usr/include/$$header ] || missing=1; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi; \
	  if command -v apt-get >/dev/null && $$sudo true 2>/dev/null; then \
	    echo "installing $(SYSTEM)"; \
	    $$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(SYSTEM) >/dev/null; \
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

.PHONY: install
install: build ## Install program, manual pages and completions below PREFIX (/usr/local)
	@deploy/install.sh $(BIN) "$(DESTDIR)$(PREFIX)"

.PHONY: uninstall
uninstall: ## Remove what `make install` installed
	@deploy/install.sh --remove "$(DESTDIR)$(PREFIX)"

.PHONY: data
data: build ## Make about a million events, if data/raw is empty
	@if [ -z "$$(ls -A data/raw 2>/dev/null)" ]; then $(BIN) synth --out data/raw; fi

.PHONY: pipeline
pipeline: data ## Run everything on the embedded warehouse and print users by day and night
	@$(BIN) run-all
	@$(BIN) query users-per-lau-day-night

.PHONY: postgis
postgis: ## Start a local PostGIS, in Docker or in .postgis, and print its URL
	@$(POSTGIS)

.PHONY: postgis-stop
postgis-stop: ## Stop the local PostGIS and keep its data
	@if $(DOCKER); then $(COMPOSE) stop; fi
	@if [ -d .postgis ]; then $(CLUSTER) stop .postgis; fi

# the URL is passed in the environment: as an argument, its password would be visible in the list of
# processes
.PHONY: pipeline-postgis
pipeline-postgis: data ## Run everything on the local PostGIS and print users by day and night
	@DATABASE_URL=$$($(POSTGIS)) && export DATABASE_URL && \
	  $(BIN) run-all && $(BIN) query users-per-lau-day-night

# `cargo test` alone runs the tests that need no server
.PHONY: test
test: setup ## Run all tests, also those that need PostGIS, Spark, Chromium or Python
	@$(CLUSTER) install
	@$(SPARK) install
	@tests/venv.sh target/notebook examples/requirements.txt
	@tests/venv.sh target/duckdb fixtures/expected/requirements.txt
	@tests/venv.sh target/readers tests/readers/requirements.txt
	cargo test --release --locked -- --include-ignored

# TORTURE_ROUNDS, TORTURE_SEEDS and PROPTEST_CASES set the number of rounds and cases; setting the
# printed PROPTEST_RNG_SEED repeats the same cases; SPARK_EVENTS is the size of a job in buckets
.PHONY: torture
torture: setup ## Stress tests: kills, concurrency, full disks, damaged files, property tests on random seeds
	@$(CLUSTER) install
	@$(SPARK) install
	@export SPARK_EVENTS=$${SPARK_EVENTS:-1000000} && \
	export TORTURE_ROUNDS=$${TORTURE_ROUNDS:-100} TORTURE_SEEDS=$${TORTURE_SEEDS:-1000} && \
	export PROPTEST_CASES=$${PROPTEST_CASES:-4000} && \
	export PROPTEST_RNG_SEED=$${PROPTEST_RNG_SEED:-$$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')} && \
	echo "repeat with: PROPTEST_RNG_SEED=$$PROPTEST_RNG_SEED PROPTEST_CASES=$$PROPTEST_CASES make torture" && \
	cargo test --release --locked --lib && \
	cargo test --release --locked --test main -- --include-ignored faults:: compress:: \
	  checks::row_codes:: spark::object_store:: publish::attacks::

.PHONY: lint
lint: setup ## Check format and warnings
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

# the comparisons are defined in benches/peers; BENCH passes arguments to run.py
.PHONY: bench
bench: build ## Compare with DuckDB, Polars, shapely, GeoPandas, PostGIS; measure growth; SIZE=S|M|L
	@tests/venv.sh $(PEERS) benches/requirements.txt
	@$(PEERS)/bin/python -B benches/peers/run.py --size $(SIZE) --binary $(BIN) $(BENCH)

.PHONY: bench-spark
bench-spark: build ## Compare the native engine with Apache Spark; EVENTS=N
	@$(SPARK) install
	@python3 -B benches/spark/run.py --events $(EVENTS) --binary $(BIN)

# PEOPLE and DAYS set the number of devices and dates
.PHONY: bench-people
bench-people: build ## Compare homes and work places with what was planted; PEOPLE=N DAYS=N
	@tests/venv.sh $(PEERS) benches/requirements.txt
	@$(PEERS)/bin/python -B benches/planted/homes.py --people $${PEOPLE:-3000} --days $${DAYS:-35} --binary $(BIN)

# PEOPLE and DAYS set the number of devices and dates
.PHONY: bench-movement
bench-movement: build ## Compare trips with what was planted, under several thresholds; PEOPLE=N DAYS=N
	@tests/venv.sh $(PEERS) benches/requirements.txt
	@$(PEERS)/bin/python -B benches/planted/trips.py --people $${PEOPLE:-20000} --days $${DAYS:-5} --binary $(BIN)

.PHONY: bench-kernels
bench-kernels: setup ## Time the hot kernels by themselves
	cargo bench --locked --bench kernels

.PHONY: supply-chain
supply-chain: ## Check licences, advisories and duplicate versions of all crates
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny --all-features check

# cargo-deb is installed in target/tools; BIN=... packages another binary than $(BIN)
$(CARGO_DEB):
	cargo install --locked cargo-deb --version 3.8.0 --root target/tools

.PHONY: deb
deb: build $(CARGO_DEB) ## Make a Debian package, target/mobility.deb
	@deploy/debian/prepare.sh $(BIN) target/deb
	$(CARGO_DEB) --no-build --no-strip --output target/mobility.deb

# CARGO_TARGET_DIR sets where it is compiled, and PROFILE how
.PHONY: wheel
wheel: setup ## Make a wheel for Python with the program and a module, target/wheels/*.whl
	@tests/venv.sh $(WHEEL_TOOLS) deploy/python/requirements.txt
	@rm -rf target/wheels
	$(WHEEL_TOOLS)/bin/maturin build --profile $(PROFILE) --auditwheel check --out target/wheels
	@deploy/python/pages.sh target/wheels/*.whl $(WHEEL_TOOLS)/bin/python

.PHONY: check-wheel
check-wheel: wheel ## Check the wheel with auditwheel and on a bare Debian 12, as root
	@deploy/check/wheel.sh target/wheels/*.whl target/bare-wheel $(WHEEL_TOOLS)/bin/python

.PHONY: check-deb
check-deb: deb ## Check the package with lintian and on a bare Debian 12, as root
	@deploy/check/deb.sh target/mobility.deb target/bare

.PHONY: check-readers
check-readers: build ## Check that QGIS and R read what the program writes, as root
	@tests/readers/check.sh $(BIN) target/check-readers

.PHONY: check-deploy
check-deploy: build ## Check Dockerfile, compose, Kubernetes, systemd, Airflow, as root
	@$(CLUSTER) install
	@tests/venv.sh target/check-venv deploy/check/requirements.txt deploy/check/constraints.txt
	@deploy/check/deploy.sh $(BIN) target/check-venv target/check

.PHONY: clean
clean: ## Remove the outputs of the pipeline; raw data and the build are kept
	rm -rf data/processed data/warehouse data/cache
